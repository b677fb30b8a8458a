/* What a Batch asks for, and how much room its replies have: found before anything is done. */
#include <string.h>

#include "keyvalue.pb-c.h"
#include "operation/batch.h"

bool wkv_batch_is(const struct wkv_operation *operation)
{
    return operation->keys == WKV_ITEM_KEYS;
}

struct wkv_text wkv_batch_keyspace(const struct wkv_command *command)
{
    return wkv_text_of(((const Keyvalue__BatchRequest *)command->message)->keyspace);
}

/* What stands around an item's reply: its place in the array, its member and the ends of both. */
static size_t frame_bytes(const struct wkv_command *item)
{
    return wkv_names_fields(item->encoding) ? strlen(item->operation->name) + 24 : 12;
}

/* A reply that says why, without words: {"error":{"code":409,"description":""}}. */
static size_t least_error_bytes(enum wkv_encoding encoding)
{
    return wkv_names_fields(encoding) ? 64 : 16;
}

/* A number is eleven bytes in protobuf, and twenty digits in JSON, more than any default. */
static size_t number_bytes(const struct wkv_command *item)
{
    const ProtobufCMessageDescriptor *reply = item->operation->reply;
    return wkv_sink_least_bytes(reply, item->encoding) + reply->n_fields * (size_t)20;
}

/* A read needs room for being refused, and what changes something for what it answers. */
static size_t room_of(const struct wkv_command *item)
{
    size_t bytes = least_error_bytes(item->encoding), reply = 0;
    if (item->operation == NULL)
        return bytes + 32;
    if (item->operation->effect == WKV_READS)
        reply = 0;
    else if (item->operation->echo == WKV_ECHOES_NOTHING)
        reply = number_bytes(item);
    else
        reply = wkv_command_reply_bytes(item);
    return frame_bytes(item) + (reply > bytes ? reply : bytes);
}

/* ---- the items ---- */

static enum wkv_code no_memory(const struct wkv_command *command, struct wkv_error *error)
{
    return wkv_command_fail(command, error, WKV_NO_MEMORY, "no memory for the request; try again later");
}

void wkv_batch_refuse(struct wkv_batch *batch, struct wkv_batch_item *item, enum wkv_code code,
                      const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = wkv_arena_alloc(batch->arena, bytes);
    item->code = code;
    item->text = copy == NULL ? NULL : memcpy(copy, text, bytes);
}

/* The members of the oneof have the numbers of the table's rows, counted from 1. */
static enum wkv_code begin_item(const struct wkv_command *command, const Keyvalue__BatchRequest__Item *asked,
                                struct wkv_batch_item *item, struct wkv_error *error)
{
    size_t number = asked->operation_case;
    const struct wkv_operation *operation = number == 0 ? NULL : &wkv_operations[number - 1];
    wkv_command_begin(&item->command, operation, command->keyspace);
    item->command.encoding = command->encoding;
    item->command.message = (const ProtobufCMessage *)asked->get; /* or whichever it is; NULL: none */
    item->code = WKV_OK;
    item->text = NULL;
    if (operation != NULL)
        return WKV_OK;
    return wkv_command_fail(command, error, WKV_BAD_REQUEST,
                            "the item names no operation that a Batch has; send one of get, set, del, ..., "
                            "time_to_live, pop, set_contains");
}

/* Errors of one item are kept with it. */
static void check_item(const struct wkv_command *command, const Keyvalue__BatchRequest__Item *asked,
                       const struct wkv_limits *limits, struct wkv_batch_item *item)
{
    struct wkv_error error;
    wkv_error_clear(&error);
    if (begin_item(command, asked, item, &error) != WKV_OK ||
        wkv_command_check(&item->command, limits, command->batch->arena, &error) != WKV_OK) {
        wkv_batch_refuse(command->batch, item, error.code, error.text);
        item->command.key_count = 0;
        item->command.write_bytes = 0;
    }
    item->refused = item->code;
    item->room = room_of(&item->command);
}

/* What an item takes in a view beside its key and its value: an entry's head, and what takes it back. */
#define ITEM_BYTES 384u

static enum wkv_code check_items(struct wkv_command *command, const struct wkv_limits *limits,
                                 struct wkv_error *error)
{
    const Keyvalue__BatchRequest *request = (const Keyvalue__BatchRequest *)command->message;
    struct wkv_batch *batch = command->batch;
    struct wkv_limits plain = *limits; /* the whole is wrapped, not an item */
    plain.sent_bytes = NULL;
    batch->is_measured = true;
    for (size_t i = 0; i < batch->count; i++) {
        struct wkv_batch_item *item = &batch->items[i];
        check_item(command, request->requests[i], &plain, item);
        if (item->code == WKV_NO_MEMORY)
            return no_memory(command, error);
        item->offset = command->key_count;
        command->key_count += item->command.key_count;
        command->write_bytes += item->command.write_bytes;
        const struct wkv_operation *operation = item->command.operation;
        bool writes = item->code == WKV_OK && operation->effect != WKV_READS;
        batch->writes += writes;
        command->write_bytes += writes ? ITEM_BYTES : 0;
        batch->is_measured &=
            item->code != WKV_OK || (operation->effect != WKV_READS && !operation->may_echo);
    }
    return WKV_OK;
}

/* All items' keys side by side, for one view. */
static bool gather_keys(struct wkv_command *command)
{
    struct wkv_batch *batch = command->batch;
    struct wkv_key *keys = wkv_arena_alloc(batch->arena, (command->key_count + 1) * sizeof *keys);
    for (size_t i = 0; keys != NULL && i < batch->count; i++) {
        struct wkv_batch_item *item = &batch->items[i];
        for (size_t k = 0; k < item->command.key_count; k++)
            keys[item->offset + k] = item->command.keys[k];
        item->command.keys = keys + item->offset;
    }
    command->keys = keys;
    return keys != NULL;
}

/* Around all items: {"applied":false,"replies":[]}. */
#define WHOLE_BYTES ((size_t)40)

/* The words of an error at the most: a quote or a backslash in them has two bytes in JSON. */
#define WORDS_BYTES ((size_t)2 * WKV_ERROR_TEXT_BYTES)

/* How large the whole reply can be. Any item may be refused, with words where there is room for them. */
static size_t most_bytes(const struct wkv_batch *batch, size_t needed, size_t room)
{
    size_t most = needed + batch->count * WORDS_BYTES;
    return batch->is_measured && most < room ? most : room;
}

static enum wkv_code check_room(struct wkv_command *command, const struct wkv_limits *limits,
                                struct wkv_error *error)
{
    struct wkv_batch *batch = command->batch;
    size_t room = wkv_command_sure_bytes(limits, limits->max_reply_bytes), needed = WHOLE_BYTES;
    for (size_t i = batch->count; i-- > 0;) {
        batch->items[i].later = needed;
        needed += batch->items[i].room;
    }
    batch->reply_bytes = most_bytes(batch, needed, room);
    command->reply_bytes = needed;
    return needed <= room ? WKV_OK
                          : wkv_command_fail(command, error, WKV_TOO_LARGE,
                                             "the replies to its %zu items need room for %zu bytes, and a "
                                             "reply has %zu at the most; send fewer items at once",
                                             batch->count, needed, room);
}

enum wkv_code wkv_batch_check(struct wkv_command *command, const struct wkv_limits *limits,
                              struct wkv_arena *arena, struct wkv_error *error)
{
    const Keyvalue__BatchRequest *request = (const Keyvalue__BatchRequest *)command->message;
    size_t count = request->n_requests;
    if (count > WKV_BATCH_MAX_ITEMS)
        return wkv_command_fail(command, error, WKV_TOO_LARGE,
                                "the Batch has %zu items; send at most %u at once", count,
                                WKV_BATCH_MAX_ITEMS);
    struct wkv_batch *batch = wkv_arena_alloc(arena, sizeof *batch);
    struct wkv_batch_item *items = wkv_arena_alloc(arena, (count + 1) * sizeof *items);
    if (batch == NULL || items == NULL)
        return no_memory(command, error);
    *batch = (struct wkv_batch){.atomic = request->atomic, .count = count, .items = items, .arena = arena};
    command->batch = batch;
    command->key_count = 0;
    command->write_bytes = 0;
    if (check_items(command, limits, error) != WKV_OK)
        return error->code;
    if (!gather_keys(command))
        return no_memory(command, error);
    return check_room(command, limits, error);
}
