/* A caller of the provider: a NATS connection that asks as an actor does. */
#ifndef INTEGRATION_CLIENT_H
#define INTEGRATION_CLIENT_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stddef.h>

#include "conformance/message.h"
#include "process.h"

#define ACTOR "MCYWHMJW5VW5U7ZRDQV7JU45GHSR2SA6OZJ2MPHQCFALR2CGFA2NAMZM"
#define DEFAULT_BASE "wasmbus.provider.wascc.keyvalue.default"

struct client {
    natsConnection *connection;
    char base[256]; /* of its subjects, the actor included */
};

/* What came back. Owned by the caller, who frees it with answer_free. */
struct answer {
    natsStatus status; /* NATS_OK, NATS_NO_RESPONDERS, NATS_TIMEOUT … */
    int code;          /* of an error reply (contract section 5), or 0 */
    char text[512];    /* of an error reply, or "" */
    natsMsg *message;
    const char *data; /* the body, valid until answer_free */
    size_t len;
};

/* Connects. Every request leaves at once. Fails the test where that fails. Any thread may have a client. */
void client_open(struct client *client, const char *url);

/* Closes. NULL connections are allowed. */
void client_close(struct client *client);

/* Sets whom it calls: the base without the actor. */
void client_call_on(struct client *client, const char *base, const char *actor);

/* One request with any bytes; waits for the answer at most WAIT_MS. */
struct answer client_send(struct client *client, const char *operation, const void *bytes, size_t len);

/* One request as JSON value, in the encoding. */
struct answer client_ask(struct client *client, enum encoding encoding, const char *operation,
                         const json_t *request);

/* One request with headers: names and values in turn, NULL at the end. Its answer must come. */
struct answer client_send_with(struct client *client, const char *operation, const void *bytes, size_t len,
                               ...) __attribute__((sentinel));

/* Checks the header of an answer; value NULL: it must not be there. */
void check_header(const struct answer *answer, const char *name, const char *value);

void answer_free(struct answer *answer);

/* Asks and returns the reply; fails the test on any error. `format` and what follows are json_pack's. The
 * caller releases the reply. */
json_t *client_call(struct client *client, enum encoding encoding, const char *operation, const char *format,
                    ...);

/* The same for a request that must be refused with this code; checks that the answer is as contract section 5
 * has it and that its text holds `names` (NULL: anything). */
void client_refused(struct client *client, enum encoding encoding, const char *operation, int code,
                    const char *names, const char *format, ...);

/* Checks that the answer is an error of this code as contract section 5 has it: both headers, a body
 * that says the same, a text that begins with the operation's name and holds `names`. */
void check_refusal(const struct answer *answer, const char *operation, int code, const char *names);

/* Shorter for what many tests do. Each fails the test where the answer is an error. */
int client_add(struct client *client, enum encoding encoding, const char *key, int value);
int client_push(struct client *client, enum encoding encoding, const char *key, const char *value);
bool client_exists(struct client *client, const char *key);

#endif
