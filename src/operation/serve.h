/* What the operations of hosts and operators are about: the process that they reach. */
#ifndef WKV_OPERATION_SERVE_H
#define WKV_OPERATION_SERVE_H

#include "access/bindings.h"
#include "access/policy.h"
#include "operation/command.h"
#include "report/engine.h"
#include "stats/stats.h"
#include "support/arena.h"
#include "support/log.h"
#include "wascc_keyvalue/store.h"

/* What an engine with a log has found for Digest. */
struct wkv_host_digest {
    uint64_t position; /* at which the last slice was taken */
    uint64_t digest;
};

/* Borrowed, all of it. */
struct wkv_host {
    struct wkv_store *store;
    struct wkv_bindings *bindings;
    struct wkv_stats *stats;
    struct wkv_log *log;
    const struct wkv_report_engine *engine; /* NULL: memory */
    const char *instance; /* this process's id: what operators name, and whose cursors are whose */
    bool split;           /* others may serve this binding too, each a part of the data */
    /* Of the request: who asks, as this worker's policy saw it, and memory for as long as it takes. */
    const struct wkv_policy *policy;
    const struct wkv_policy_request *asked;
    struct wkv_arena *arena;
    int64_t asked_ns;         /* monotonic: when it came */
    struct wkv_text reply_to; /* the subject for its answer, which no other request has */
    /* The engine's, which sets it before Digest is served; NULL: nothing was found. */
    const struct wkv_host_digest *digest;
    /* Out: the request is another instance's to answer, and this one says nothing. */
    bool silent;
};

/* Whether an operator's request, which is decoded, names another instance as the only one that is to answer.
 */
bool wkv_host_is_for_another(const struct wkv_host *host, const struct wkv_command *command);

/* Does what a command of WKV_SCOPE_HOST or WKV_SCOPE_OPERATOR asks. The reply, or the failure, is in the
 * sink. Where host->silent says so already, nothing. */
void wkv_host_serve(struct wkv_host *host, const struct wkv_command *command, int64_t now_ns,
                    struct wkv_sink *sink);

/* For an engine whose log has the bindings: whether the operation changes them (BindActor, RemoveActor), and
 * what a command of it, which is on the thread that serves `system`, wants of the log. All is done but the
 * change; see wkv_bindings_prepare. Texts borrow from the command. Errors: as wkv_bindings_bind. */
bool wkv_host_changes_bindings(const struct wkv_operation *operation);
enum wkv_code wkv_host_prepare_binding(const struct wkv_host *host, const struct wkv_command *command,
                                       struct wkv_bindings_wish *wish, struct wkv_error *error);

/* For an engine with a log: whether the operation is Digest, which waits for records in the log. Once they
 * are applied the engine sets host->digest, and has the command done like any other. */
bool wkv_host_asks_digest(const struct wkv_operation *operation);

/* ---- for the operations ---- */

/* Whether the id is that of another instance; an empty one is not. */
bool wkv_host_is_another(const struct wkv_host *host, struct wkv_text instance);

/* The keyspace of that name; none: the binding's own. Errors: WKV_BAD_REQUEST. */
enum wkv_code wkv_host_keyspace(const struct wkv_host *host, struct wkv_sink *sink, struct wkv_text name,
                                uint32_t *keyspace);

/* Bytes of the text in a JSON reply, with its quotes and a comma, at the most. */
size_t wkv_json_bytes(struct wkv_text text);

#endif
