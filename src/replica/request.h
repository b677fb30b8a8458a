/* A request of an actor as the log has it, made a command again: what its taker decoded and checked is
 * decoded and checked here, against the limits that lie in it. */
#ifndef WKV_REPLICA_REQUEST_H
#define WKV_REPLICA_REQUEST_H

#include "operation/command.h"
#include "operation/once.h"
#include "record/operation.h"

struct wkv_replica_request {
    struct wkv_command command;
    struct wkv_limits limits;
    struct wkv_once once;       /* keys NULL: it has no id */
    const struct wkv_key *keys; /* all that it looks at or changes, its note too */
    size_t key_count;
    enum wkv_encoding encoding; /* of its reply, where one is written */
};

/* Makes the request, in the arena, which is reset. It may be moved no more. Errors: as wkv_command_check;
 * WKV_BAD_REQUEST also where no operation has that row, or its bytes do not decode. */
enum wkv_code wkv_replica_read_request(const struct wkv_op *op, struct wkv_arena *arena,
                                       struct wkv_replica_request *request, struct wkv_error *error);

/* What of a command goes into the log; the rest of the operation is the caller's. The request is written to
 * buffer, which op borrows. Returns false where memory is short. */
bool wkv_replica_write_request(const struct wkv_command *command, const struct wkv_limits *limits,
                               struct wkv_buffer *buffer, struct wkv_op *op);

/* Whether what it does must not come apart in a snapshot: it looks at several keys, or remembers an id. */
static inline bool wkv_replica_is_group(const struct wkv_op *op)
{
    return op->code == WKV_OP_REQUEST && ((op->flags & WKV_OP_KEYED) != 0 || op->row == WKV_OP_BATCH);
}

#endif
