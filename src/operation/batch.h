/* Batch (contract section 3b): many commands in one.
 *
 * A Batch's command has its items, each a command of its own with its row's check and apply, and its keys are
 * all of theirs, one after the other. Everything lies in the request's arena. */
#ifndef WKV_OPERATION_BATCH_H
#define WKV_OPERATION_BATCH_H

#include "operation/command.h"

#define WKV_BATCH_MAX_ITEMS 4096u

struct wkv_batch_item {
    struct wkv_command command; /* operation NULL: the item is none that there is */
    size_t offset;              /* of its first key among the Batch's */
    size_t room;                /* bytes that its reply needs at the least, with what stands around it */
    size_t later;               /* the same of all items behind it */
    enum wkv_code refused;      /* when it was checked */
    /* What it came to. */
    enum wkv_code code;
    const char *text; /* of an error; NULL: there is none, or no memory for it */
};

struct wkv_batch {
    bool atomic;
    bool is_measured; /* no reply but an error has more than its item's room */
    size_t count;
    size_t writes;      /* items that change something */
    size_t reply_bytes; /* of the whole reply at the most */
    struct wkv_batch_item *items;
    struct wkv_arena *arena;
};

/* Finds the items of a Batch and checks them: what one is refused with is its own. Errors: WKV_TOO_LARGE (too
 * many, or no room for what their replies must have), WKV_NO_MEMORY. */
enum wkv_code wkv_batch_check(struct wkv_command *command, const struct wkv_limits *limits,
                              struct wkv_arena *arena, struct wkv_error *error);

/* Whether that operation is a Batch, which `system` may call, too; and the name of the keyspace that one is
 * for: without bytes it names none. */
bool wkv_batch_is(const struct wkv_operation *operation);
struct wkv_text wkv_batch_keyspace(const struct wkv_command *command);

/* Keeps with an item what it is refused with; its words only where there is memory for them. */
void wkv_batch_refuse(struct wkv_batch *batch, struct wkv_batch_item *item, enum wkv_code code,
                      const char *text);

/* Executes a Batch that is not atomic: each item for itself, some in a view together. */
enum wkv_code wkv_batch_execute(const struct wkv_command *command, struct wkv_store *store, int64_t now_ns,
                                struct wkv_sink *sink);

#endif
