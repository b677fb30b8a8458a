/* The way of a request in memory: who asks, what is asked, and the answer, one after the other in one call.
 */
#ifndef WKV_OPERATION_PROVIDER_H
#define WKV_OPERATION_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access/bindings.h"
#include "access/policy.h"
#include "operation/command.h"
#include "operation/identity.h"
#include "operation/operation.h"
#include "operation/serve.h"
#include "stats/stats.h"
#include "support/arena.h"
#include "support/buffer.h"
#include "support/error.h"
#include "support/log.h"
#include "wascc_keyvalue/store.h"

/* What all workers share. Set up once, before the first request. */
struct wkv_provider {
    struct wkv_store *store; /* borrowed, like all that follow */
    struct wkv_bindings *bindings;
    struct wkv_trust_source *trust;  /* NULL where auth is WKV_AUTH_NONE */
    struct wkv_replay *replay;       /* likewise */
    struct wkv_claims_tally *claims; /* the sessions' claims caches count here; NULL: nobody asks */
    struct wkv_stats *stats;         /* for Slowlog */
    struct wkv_log *log;             /* for LogLevel */
    const char *binding;             /* the binding's name */
    const char *instance;            /* this process's id: what operators name, and whose cursors are whose */
    bool split;                      /* others may serve this binding too, each a part of the data */
    enum wkv_auth auth;
    bool require_binding;     /* refuse actors that are not bound, in every mode */
    uint32_t max_key_bytes;   /* 1 to WKV_STORE_MAX_KEY_BYTES */
    uint32_t max_value_bytes; /* 0 to WKV_STORE_MAX_VALUE_BYTES */
};

/* What one worker keeps between requests, so that a common one allocates nothing and takes no lock but a
 * shard's: memory for requests and replies, remembered claims, remembered bindings. Not thread-safe. */
struct wkv_session {
    const struct wkv_provider *provider; /* borrowed */
    struct wkv_arena arena;
    struct wkv_buffer reply;
    struct wkv_bindings_reader bindings;
    struct wkv_trust_reader trust;
    struct wkv_policy policy;
    enum wkv_encoding
        encoding; /* of the last request that was dispatched, as far as that could be found out */
};

/* Errors: -1 where memory is short; nothing is left to destroy then. */
int wkv_session_init(struct wkv_session *session, const struct wkv_provider *provider);
void wkv_session_destroy(struct wkv_session *session);

/* A request, as a front reads it off a message. */
struct wkv_request {
    const struct wkv_operation *operation;
    enum wkv_form form;
    enum wkv_evidence evidence;
    struct wkv_text actor;      /* the token of the subject; not yet believed */
    struct wkv_text claims;     /* the actor's signed claims; data NULL where they were not sent */
    struct wkv_text invocation; /* the host's signed claims of this invocation, likewise */
    struct wkv_text id, host;   /* of an envelope: what these must say; likewise */
    const void *payload;        /* borrowed for the call, outside the session's arena */
    size_t payload_bytes;
    size_t max_reply_bytes;    /* of what is sent: the server's max_payload, less */
    size_t reply_header_bytes; /* what headers go back with it */
    /* Bytes of a reply when it is sent, where its front wraps it into something; NULL: as many as it has. */
    size_t (*sent_bytes)(const struct wkv_request *request, struct wkv_text reply);
    int64_t now_ns; /* monotonic; the store's clock */
    int64_t wall_s; /* seconds since 1970, for the times in claims; 0 will do for WKV_AUTH_NONE */
};

/* Whether requests in that mode have headers that are to be read: reading them costs more than all the rest.
 */
bool wkv_provider_reads_claims(const struct wkv_provider *provider, const struct wkv_operation *operation);
bool wkv_provider_reads_invocation(const struct wkv_provider *provider,
                                   const struct wkv_operation *operation);

/* Gets the store ready for requests that are about to be dispatched, from a look at their payloads: an
 * operation on a cold key mostly waits for memory, and so all of them wait at once. Reads nothing of the
 * requests but actor and payload, changes nothing, and answers nobody: who asks is checked where they are
 * dispatched. At most WKV_STORE_PREFETCH. */
void wkv_prefetch(struct wkv_session *session, const struct wkv_request *requests, size_t count);

/* The encoding of a request that is refused without being dispatched, or before it was decoded: in that the
 * error's body is written (contract section 5). */
enum wkv_encoding wkv_request_encoding(const struct wkv_request *request);

/* Checks who asks, decodes the request, does it and encodes the reply in the request's encoding. On WKV_OK
 * *reply is in the session and valid until its next use; else error says what was wrong and what would be
 * right, beginning with the operation's name, nothing has been changed, and session->encoding says in which
 * encoding the requester is to be told. A reply without data (NULL) is none: the
 * request is another instance's to answer. Thread-safety: any number of threads, each with a session of its
 * own. Errors: every code of contract section 5. */
enum wkv_code wkv_dispatch(struct wkv_session *session, const struct wkv_request *request,
                           struct wkv_text *reply, struct wkv_error *error);

#endif
