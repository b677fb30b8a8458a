/* People with keys, the tokens that they sign, and requests that bring these in their headers (contract
 * section 6).
 *
 * Every function fails the running test where it cannot do its work. Tokens are the caller's to free.
 */
#ifndef INTEGRATION_CLAIMS_H
#define INTEGRATION_CLAIMS_H

#include <stdbool.h>
#include <stdint.h>

#include "client.h"
#include "pipeline.h"
#include "security/nkey.h"
#include "security/token.h"

/* A key pair and its public key as text. */
struct person {
    struct wkv_nkey_seed *seed;
    char key[WKV_NKEY_PUBLIC_CHARS + 1];
};

/* The same keys in every run: the seed is 32 times the number. */
struct person person_make(enum wkv_nkey_kind kind, unsigned char number);
void person_free(struct person *person);

/* Who takes part in every suite. The tests say who of them is trusted. */
struct people {
    struct person account, other_account; /* issue actor claims */
    struct person host, other_host;       /* sign invocations */
};
extern struct people people;
void people_make(void);
void people_free(void);

/* Writes the public key of an actor. Tests that share a server each take numbers of their own. */
void actor_key(unsigned char number, char key[WKV_NKEY_PUBLIC_CHARS + 1]);

/* Writes the person's seed, as keygen prints the pair, into a file without a name, and its path. Returns the
 * descriptor, which keeps the file and is the caller's to close. */
#define PATH_BYTES 64
int seed_file(const struct person *person, char path[PATH_BYTES]);

/* A file of that text, likewise; it can be written anew with file_rewrite. */
int file_make(const char *text, char path[PATH_BYTES]);
void file_rewrite(int fd, const char *text);

/* Seconds since 1970. */
int64_t wall_s(void);

/* ---- tokens ---- */

/* Actor claims that hold wascc:keyvalue and never expire. */
char *claims_for(const struct person *account, const char *actor);

/* The same, which expire after so many seconds. */
char *claims_until(const struct person *account, const char *actor, int64_t expires_in_s);

/* Actor claims by these options, minted age_s seconds ago. */
char *claims_with(const struct person *account, const struct wkv_token_actor_options *options, int64_t age_s);

/* A token of any header and payload. */
char *claims_forge(const char *header, const char *payload, const struct person *signer);

/* Invocation claims for exactly this request; id NULL: a new one. minted age_s seconds ago (negative: ahead).
 */
char *invocation_for(const struct person *host, const char *actor, const char *binding, const char *operation,
                     const void *bytes, size_t len, const char *id, int64_t age_s);

/* ---- requests ---- */

/* Who asks: what goes into the headers of a request. Zero: no headers. */
struct papers {
    const char *claims;        /* Wascc-Claims; NULL: not sent */
    const char *invocation;    /* Wascc-Invocation, as it is; NULL: what host signs */
    const struct person *host; /* signs invocation claims for exactly the request; NULL: none are sent */
};

/* As client_send and client_ask, with these papers. The actor and binding of the client's base are those of
 * an invocation that is signed here. */
struct answer papers_send(struct client *client, struct papers papers, const char *operation,
                          const void *bytes, size_t len);
struct answer papers_ask(struct client *client, struct papers papers, enum encoding encoding,
                         const char *operation, const json_t *request);

/* As client_call and client_refused. */
json_t *papers_call(struct client *client, struct papers papers, enum encoding encoding,
                    const char *operation, const char *format, ...);
void papers_refused(struct client *client, struct papers papers, enum encoding encoding,
                    const char *operation, int code, const char *names, const char *format, ...);

/* Sends until the answer is an error, at most WAIT_MS, a Get of the key "k"; the caller frees it. */
struct answer papers_await_refusal(struct client *client, struct papers papers);

/* As pipeline_send, with these headers (NULL: not sent). */
bool papers_pipeline(struct pipeline *pipeline, const char *claims, const char *invocation,
                     const char *operation, const void *bytes, size_t len);

/* A request that each of the operations answers on an empty store. */
json_t *sample_request(const char *operation);

/* Asks all in the encoding; each must be served (code 0), or refused with the code and names. */
void ask_all(struct client *client, struct papers papers, enum encoding encoding, int code,
             const char *names);

/* ---- system ---- */

/* The names of the system's operations, NULL at the end. */
extern const char *const system_operations[];

/* The bytes of a CapabilityConfiguration, which the caller frees. pairs: names and values in turn, NULL at
 * the end, or NULL. For JSON a name that is there twice is written once, the last value. */
void *configuration_pack(enum encoding encoding, const char *module, const char *const pairs[], size_t *len);

/* Whether the server has not confirmed a subscription in the time that a host has, as on a slow machine: the
 * request is to be sent again. */
bool answer_is_late(const struct answer *answer);

/* Sends those bytes, again while the answer is late. */
struct answer bind_send(struct client *system, struct papers papers, const char *operation, const void *bytes,
                        size_t len);

/* Sends BindActor or RemoveActor as `system`, likewise; host may be NULL. keyspace NULL: no value. */
struct answer bind_ask(struct client *system, enum encoding encoding, const char *operation,
                       struct papers papers, const char *module, const char *keyspace);

/* The same, which must be done. */
void bind_actor(struct client *system, enum encoding encoding, struct papers papers, const char *module,
                const char *keyspace);
void remove_actor(struct client *system, enum encoding encoding, struct papers papers, const char *module);

/* Checks that the answer is the empty message of the encoding, and frees it. */
void check_empty(struct answer *answer, enum encoding encoding);

/* A second client of the same server that speaks as `system`. */
void system_open(struct client *system, const char *url);

#endif
