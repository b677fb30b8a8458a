/* A waSCC host as the tests need one: it signs invocations, sends them in MessagePack and reads the responses
 * as strictly as a real host does (contract section 7). Nothing of the provider's codec takes part.
 *
 * Every function fails the running test where it cannot do its work.
 */
#ifndef INTEGRATION_LATTICE_H
#define INTEGRATION_LATTICE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "claims.h"
#include "support/buffer.h"

#define LATTICE_ID_BYTES 37

/* What a host says to any operation of actors on the binding's own subject. */
#define UNBOUND "Attempted to invoke binding-required operation on unbound provider"

struct lattice {
    natsConnection *connection;
    const struct person *host; /* signs; borrowed */
    const char *binding;       /* as a host was told, not lower-cased; borrowed */
    bool exact_urls;           /* signs the binding's name as it is: real hosts lower-case it */
    char own[256];             /* the binding's own subject */
};

/* Connects. prefix is `wasmbus`, or `<ns>.wasmbus`. */
void lattice_open(struct lattice *lattice, const char *url, const struct person *host, const char *prefix,
                  const char *binding);
void lattice_close(struct lattice *lattice);

/* Writes the subject of an actor; `system` is the binding's own. */
void lattice_subject(const struct lattice *lattice, const char *actor, char out[512]);

/* An invocation to send. What is NULL is as it should be; forgeries say what is not. */
struct invocation {
    const char *actor; /* whose subject; `system`: the binding's own */
    const char *operation;
    const void *msg;
    size_t msg_len;
    const char *origin;        /* the actor that the message names */
    bool origin_is_capability; /* it names the target's capability instead */
    bool target_is_actor;      /* the target is the actor */
    const char *capid, *binding;
    const char *id;      /* NULL: a new one */
    const char *host_id; /* and what signs: */
    const char *encoded_claims;
    const struct person *signer;
    const char *signed_id, *signed_actor, *signed_binding, *signed_operation;
    const void *signed_msg;
    size_t signed_msg_len;
    int64_t age_s; /* how long ago it was signed */
    bool enums_by_name, msg_as_bin, as_array;
};

/* Packs it as rmp-serde does, into a buffer that the caller destroys, and writes the id that the answer must
 * have, as far as it fits. */
void invocation_pack(const struct lattice *lattice, const struct invocation *invocation,
                     struct wkv_buffer *out, char id[LATTICE_ID_BYTES]);

/* A random UUID of version 4. */
void lattice_uuid(char out[LATTICE_ID_BYTES]);

/* What came back, read whole: where status is NATS_OK it was a well-formed InvocationResponse without
 * headers. */
struct response {
    natsStatus status;
    uint8_t *msg;
    size_t msg_len;
    char *error;  /* NULL: none */
    size_t bytes; /* of the whole response */
    char *id;
};

void response_free(struct response *response);

/* Reads a response from a message, which it destroys; `what` is for the text of a failure. */
struct response response_read(natsMsg *message, const char *what);

/* Sends bytes and waits for the first answer. */
struct response lattice_send(const struct lattice *lattice, const char *subject, const void *bytes,
                             size_t len, const char *what);

/* Sends the invocation; the answer, if there is one, has its id. */
struct response lattice_invoke(const struct lattice *lattice, const struct invocation *invocation);

/* Asks as the actor, the request being JSON text with waSCC's names (NULL: no bytes at all), and returns the
 * reply as JSON (NULL where it has no bytes). Must be served. */
json_t *lattice_call(const struct lattice *lattice, const char *actor, const char *operation,
                     const char *request);

/* The same, and the reply, whose `values` are sorted where it has any, must equal JSON text. */
void lattice_expect(const struct lattice *lattice, const char *actor, const char *operation,
                    const char *request, const char *reply);

/* Packs JSON text as MessagePack into a buffer that the caller destroys. */
void lattice_pack(const char *request, struct wkv_buffer *out);

/* The invocation must be answered with an error that holds `names`, and an empty msg. */
void lattice_refused(const struct lattice *lattice, const struct invocation *invocation, const char *names);

/* The same for a plain request. */
void lattice_call_refused(const struct lattice *lattice, const char *actor, const char *operation,
                          const char *request, const char *names);

/* Nobody listens on the actor's subject. */
void lattice_no_responders(const struct lattice *lattice, const char *actor);

/* ---- system ---- */

/* What a host says of an actor when it binds it. Zero: what is right, from people.account. */
struct word {
    const char *issuer, *capabilities, *expires;
    bool silent; /* no __wascc_* values at all */
    const char *keyspace;
};

/* The bytes of the CapabilityConfiguration, as hosts write it. */
void lattice_pack_configuration(const char *actor, const struct word *word, struct wkv_buffer *out);

void lattice_bind(const struct lattice *lattice, const char *actor, const struct word *word);
void lattice_bind_refused(const struct lattice *lattice, const char *actor, const struct word *word,
                          const char *names);
void lattice_remove(const struct lattice *lattice, const char *actor);

/* The public key of the number-th actor; there is no end to them. */
void lattice_actor(unsigned number, char key[WKV_NKEY_PUBLIC_CHARS + 1]);

#endif
