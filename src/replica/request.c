#include "replica/request.h"

#include "operation/batch.h"
#include "replica/rules.h"

/* No request that a server lets through needs so much, and no reply: NATS's max_payload ends at 64 MiB. */
#define ARENA_BYTES ((size_t)1 << 30)
#define MOST_ROOM ((uint32_t)64 << 20)

static const struct wkv_operation *operation_of(const struct wkv_op *op)
{
    if (op->row == WKV_OP_BATCH)
        return wkv_operation_find("Batch");
    size_t index = op->row - (size_t)1;
    bool is_row = op->row > 0 && index < wkv_operation_count && wkv_operations[index].keys == WKV_ONE_KEY &&
                  wkv_operations[index].effect != WKV_READS && wkv_operations[index].scope == WKV_SCOPE_ACTOR;
    return is_row ? &wkv_operations[index] : NULL;
}

static void set_limits(struct wkv_limits *limits, const struct wkv_op *op)
{
    bool has_room = (op->flags & WKV_OP_ROOM) != 0;
    *limits = (struct wkv_limits){.max_key_bytes = has_room ? op->max_key : WKV_STORE_MAX_KEY_BYTES,
                                  .max_value_bytes = has_room ? op->max_value : WKV_STORE_MAX_VALUE_BYTES,
                                  .max_reply_bytes = has_room ? op->room : UINT32_MAX};
}

static enum wkv_code decode(const struct wkv_op *op, struct wkv_arena *arena, struct wkv_command *command,
                            struct wkv_error *error)
{
    const struct wkv_operation *operation = operation_of(op);
    ProtobufCMessage *message;
    bool has_room = (op->flags & WKV_OP_ROOM) != 0;
    if (operation == NULL || op->encoding >= WKV_NONE)
        return wkv_fail(error, WKV_BAD_REQUEST, "no operation is known by %u", op->row);
    if (has_room ? op->room > MOST_ROOM : op->row == WKV_OP_BATCH)
        return wkv_fail(error, WKV_BAD_REQUEST, "%s: its reply has no room, or more than any reply",
                        operation->name);
    wkv_command_begin(command, operation, op->keyspace);
    command->encoding = (enum wkv_encoding)op->encoding;
    if (wkv_decode(operation->request, WKV_PROTOBUF, op->request.data, op->request.len, arena, &message,
                   error) != WKV_OK)
        return wkv_command_blame(command, error);
    command->message = message;
    return WKV_OK;
}

/* The command's keys, and behind them the note's. */
static enum wkv_code add_note(const struct wkv_op *op, struct wkv_arena *arena,
                              struct wkv_replica_request *request, struct wkv_error *error)
{
    const struct wkv_command *command = &request->command;
    size_t count = command->key_count;
    struct wkv_key *keys = wkv_arena_alloc(arena, (count + 1) * sizeof *keys);
    if (keys == NULL)
        return wkv_command_fail(command, error, WKV_NO_MEMORY, "no memory for the request");
    for (size_t i = 0; i < count; i++)
        keys[i] = command->keys[i];
    keys[count] = (struct wkv_key){WKV_STORE_NOTES, {(const char *)op->id, sizeof op->id}};
    request->once.keys = request->keys = keys;
    request->key_count = count + 1;
    request->once.window_ns = (int64_t)op->window_ms * 1000000;
    memcpy(request->once.payload, op->payload, sizeof request->once.payload);
    return WKV_OK;
}

#ifdef WKV_WRONG_RULES
/* Only what it changes. */
static void leave_reads_out(struct wkv_arena *arena, struct wkv_replica_request *request)
{
    const struct wkv_batch *batch = request->command.batch;
    struct wkv_key *keys = wkv_arena_alloc(arena, (request->key_count + 1) * sizeof *keys);
    size_t count = 0;
    if (batch == NULL || keys == NULL)
        return;
    for (size_t i = 0; i < batch->count; i++)
        for (size_t k = 0; k < batch->items[i].command.key_count; k++)
            if (batch->items[i].command.operation->effect != WKV_READS)
                keys[count++] = batch->items[i].command.keys[k];
    for (size_t i = request->command.key_count; i < request->key_count; i++)
        keys[count++] = request->keys[i];
    request->keys = keys;
    request->key_count = count;
}
#endif

enum wkv_code wkv_replica_read_request(const struct wkv_op *op, struct wkv_arena *arena,
                                       struct wkv_replica_request *request, struct wkv_error *error)
{
    struct wkv_command *command = &request->command;
    wkv_arena_reset(arena);
    arena->max_bytes = ARENA_BYTES;
    set_limits(&request->limits, op);
    request->once = (struct wkv_once){.keys = NULL};
    if (decode(op, arena, command, error) != WKV_OK ||
        wkv_command_check(command, &request->limits, arena, error) != WKV_OK)
        return error->code;
    request->encoding = command->encoding;
    request->keys = command->keys;
    request->key_count = command->key_count;
    if ((op->flags & WKV_OP_KEYED) != 0 && add_note(op, arena, request, error) != WKV_OK)
        return error->code;
#ifdef WKV_WRONG_RULES
    if (WKV_WRONG(WKV_READS_DO_NOT_COUNT))
        leave_reads_out(arena, request);
#endif
    return WKV_OK;
}

/* ---- the other way ---- */

struct appender {
    ProtobufCBuffer base;
    struct wkv_buffer *buffer;
};

static void append(ProtobufCBuffer *appender, size_t len, const uint8_t *data)
{
    if (len > 0)
        (void)wkv_buffer_append(((struct appender *)(void *)appender)->buffer, data, len);
}

bool wkv_replica_write_request(const struct wkv_command *command, const struct wkv_limits *limits,
                               struct wkv_buffer *buffer, struct wkv_op *op)
{
    const struct wkv_operation *operation = command->operation;
    struct appender appender = {{append}, buffer};
    size_t begin = buffer->len, room = wkv_command_sure_bytes(limits, limits->max_reply_bytes);
    (void)protobuf_c_message_pack_to_buffer(command->message, &appender.base);
    op->code = WKV_OP_REQUEST;
    op->row = operation->keys == WKV_ITEM_KEYS ? WKV_OP_BATCH : (uint8_t)(operation - wkv_operations + 1);
    op->encoding = (uint8_t)command->encoding;
    op->keyspace = command->keyspace;
    if (operation->keys == WKV_ITEM_KEYS || operation->may_echo) {
        op->flags |= WKV_OP_ROOM;
        op->room = room < MOST_ROOM ? (uint32_t)room : MOST_ROOM;
        op->max_key = limits->max_key_bytes;
        op->max_value = limits->max_value_bytes;
    }
    op->request = (struct wkv_text){buffer->data + begin, buffer->len - begin};
    return !buffer->failed;
}
