/* Once only (contract section 3b): a write that brings an id is done once, and asked again it is answered
 * with the first answer.
 *
 * What is remembered is a note in the store, in the same view as the change: looked up, made and changed
 * under the same locks. Its key is actor NUL operation NUL id; its value the reply and what came with it
 * (once.c). It counts in the budget and expires as a key does. Room for it is reserved before anything is
 * changed, so that what was done is never forgotten.
 */
#ifndef WKV_OPERATION_ONCE_H
#define WKV_OPERATION_ONCE_H

#include <stdbool.h>
#include <stdint.h>

#include "operation/command.h"
#include "support/arena.h"

/* Bytes of an id at the most; with the longest of actors its note must still be a key. */
#define WKV_ONCE_MAX_ID_BYTES 32768u
#define WKV_ONCE_HASH_BYTES 16

/* A command's id, and what became of it. */
struct wkv_once {
    const struct wkv_key *keys; /* the command's, and behind them the note's; in the request's arena */
    unsigned char payload[WKV_ONCE_HASH_BYTES]; /* its hash */
    int64_t window_ns;                          /* so long it is remembered */
    bool duplicate;                             /* it had been done; the reply is the first one */
};

struct wkv_once_request {
    struct wkv_text actor, id, payload;
};

/* Whether it is for commands of that row: actors' writes. */
static inline bool wkv_once_is_for(const struct wkv_operation *operation)
{
    return operation->scope == WKV_SCOPE_ACTOR && operation->effect != WKV_READS;
}

/* Gets a checked command's id ready; window_ns is set already. request is not needed any more then. Errors:
 * WKV_BAD_REQUEST (the id is too long), WKV_NO_MEMORY. */
enum wkv_code wkv_once_prepare(struct wkv_once *once, const struct wkv_once_request *request,
                               const struct wkv_command *command, struct wkv_arena *arena,
                               struct wkv_error *error);

/* Executes the command and ends its reply, or finds that it was done: then once->duplicate is set. Errors:
 * those of wkv_command_execute and wkv_command_finish; WKV_BAD_REQUEST (another payload came with the id),
 * WKV_BUDGET_SPENT (no room for the note). Nothing is remembered of what is refused. */
enum wkv_code wkv_once_execute(struct wkv_once *once, const struct wkv_command *command,
                               const struct wkv_limits *limits, struct wkv_store *store, int64_t now_ns,
                               struct wkv_sink *sink);

#endif
