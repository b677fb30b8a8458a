/* The operations: ONE table. Subscriptions, discovery, replies, `call --help` and the documents' tables all
 * come out of it: to add an operation is to add a message in proto/, a function that applies it, and a row.
 *
 * What an operation of actors means is two functions. `check` is pure: a command and the limits, no store;
 * every 400 is there, and a write's 413. `apply` is a deterministic function of (view of the store, command,
 * now): it reads no clock, no random number, no connection and no option, and writes its result to a sink
 * without ever asking what becomes of it. So an engine may apply a command now, or later, or at several
 * instances alike.
 */
#ifndef WKV_OPERATION_OPERATION_H
#define WKV_OPERATION_OPERATION_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/sink.h"
#include "support/error.h"
#include "wascc_keyvalue/store.h"

struct wkv_command;
struct wkv_host;
struct wkv_limits;

/* Who calls it. */
enum wkv_scope {
    WKV_SCOPE_ACTOR,    /* actors (contract section 3); one instance answers */
    WKV_SCOPE_HOST,     /* `system` alone: hosts (section 2); every instance answers */
    WKV_SCOPE_OPERATOR, /* likewise, in JSON, and a request without a body is `{}` (section 8) */
};

enum wkv_effect {
    WKV_READS,
    WKV_WRITES, /* and needs no memory for it */
    WKV_GROWS,  /* writes, and may need memory: 507 where there is none */
};

/* Where the keys stand in the request. */
enum wkv_key_path {
    WKV_NO_KEYS,
    WKV_ONE_KEY,   /* the first field, bytes */
    WKV_MANY_KEYS, /* the first field, repeated bytes */
    WKV_ITEM_KEYS, /* those of its items: a Batch */
};

/* What of the request a write's reply repeats: how large such a reply is, is known before anything is
 * changed. */
enum wkv_echo { WKV_ECHOES_NOTHING, WKV_ECHOES_KEY, WKV_ECHOES_VALUE };

struct wkv_operation {
    const char *name;     /* the last token of the subject */
    const char *doc;      /* one sentence */
    const char *brief;    /* its gist, where a table's column has no room for it; NULL: there is room */
    const char *works_on; /* what the key must hold, as an error text names it */
    const ProtobufCMessageDescriptor *request;
    const ProtobufCMessageDescriptor *reply;
    enum wkv_scope scope;
    enum wkv_effect effect;
    enum wkv_key_path keys;
    bool has_value; /* the second field, bytes, is a value, an item or a member */
    bool is_long;   /* it may look at many items, with pauses: in a view of its own, where it can be */
    bool streams;   /* its replies are many, and come later: a Watch. Without apply and serve */
    bool may_echo;  /* a write whose reply may have something that the store holds */
    enum wkv_echo echo;
    /* What is to be checked beside keys, value and echo; NULL: nothing. Errors: WKV_BAD_REQUEST,
     * WKV_TOO_LARGE. */
    enum wkv_code (*check)(const struct wkv_limits *limits, const struct wkv_command *command,
                           struct wkv_error *error);
    /* Of WKV_SCOPE_ACTOR. The view holds the command's keys, in their order, from command->first_key on. What
     * the store refuses is returned and has changed nothing; WKV_STORE_MISSING is no failure. */
    enum wkv_store_status (*apply)(struct wkv_view *view, const struct wkv_command *command, int64_t now_ns,
                                   struct wkv_sink *sink);
    /* Of the other scopes, about the process rather than the keys of an actor. Failures go to the sink. */
    void (*serve)(struct wkv_host *host, const struct wkv_command *command, int64_t now_ns,
                  struct wkv_sink *sink);
};

/* The table, in the contract's order, and how many rows it has. Immutable, for any thread. */
extern const struct wkv_operation wkv_operations[];
extern const size_t wkv_operation_count;

/* The row with that name, or NULL. */
const struct wkv_operation *wkv_operation_find(const char *name);

/* Whether `system` alone may call it. */
static inline bool wkv_operation_is_system(const struct wkv_operation *operation)
{
    return operation->scope != WKV_SCOPE_ACTOR;
}

/* ---- private to the room: what the rows name ---- */

#define WKV_CHECK(name)                                                                                      \
    enum wkv_code name(const struct wkv_limits *limits, const struct wkv_command *command,                   \
                       struct wkv_error *error)
#define WKV_APPLY(name)                                                                                      \
    enum wkv_store_status name(struct wkv_view *view, const struct wkv_command *command, int64_t now_ns,     \
                               struct wkv_sink *sink)
#define WKV_SERVE(name)                                                                                      \
    void name(struct wkv_host *host, const struct wkv_command *command, int64_t now_ns, struct wkv_sink *sink)

WKV_APPLY(wkv_apply_get);
WKV_APPLY(wkv_apply_set);
WKV_APPLY(wkv_apply_del);
WKV_APPLY(wkv_apply_add);
WKV_APPLY(wkv_apply_key_exists);
WKV_APPLY(wkv_apply_push);
WKV_APPLY(wkv_apply_list_item_delete);
WKV_APPLY(wkv_apply_range);
WKV_APPLY(wkv_apply_clear);
WKV_APPLY(wkv_apply_pop);
WKV_APPLY(wkv_apply_set_add);
WKV_APPLY(wkv_apply_set_remove);
WKV_APPLY(wkv_apply_set_query);
WKV_APPLY(wkv_apply_set_union);
WKV_APPLY(wkv_apply_set_intersection);
WKV_APPLY(wkv_apply_increment);
WKV_APPLY(wkv_apply_compare_and_set);
WKV_APPLY(wkv_apply_compare_and_delete);
WKV_APPLY(wkv_apply_expire);
WKV_APPLY(wkv_apply_time_to_live);
WKV_APPLY(wkv_apply_set_contains);
WKV_APPLY(wkv_apply_list_keys);
WKV_APPLY(wkv_apply_batch);
WKV_SERVE(wkv_serve_bind_actor);
WKV_SERVE(wkv_serve_remove_actor);
WKV_SERVE(wkv_serve_get_capability_descriptor);
WKV_SERVE(wkv_serve_health_request);
WKV_SERVE(wkv_serve_keys);
WKV_SERVE(wkv_serve_inspect);
WKV_SERVE(wkv_serve_bindings);
WKV_SERVE(wkv_serve_slowlog);
WKV_SERVE(wkv_serve_log_level);
WKV_SERVE(wkv_serve_members);
WKV_SERVE(wkv_serve_digest);

WKV_CHECK(wkv_check_set);
WKV_CHECK(wkv_check_compare_and_set);
WKV_CHECK(wkv_check_expire);
WKV_CHECK(wkv_check_set_query);
WKV_CHECK(wkv_check_list_keys);
WKV_CHECK(wkv_check_watch);
WKV_CHECK(wkv_check_bind_actor);
WKV_CHECK(wkv_check_remove_actor);
WKV_CHECK(wkv_check_keys);
WKV_CHECK(wkv_check_inspect);
WKV_CHECK(wkv_check_bindings);
WKV_CHECK(wkv_check_slowlog);
WKV_CHECK(wkv_check_log_level);

#endif
