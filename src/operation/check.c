/* What is refused without a look at the store: every 400, and every 413 but that of a read. */
#include "operation/batch.h"
#include "operation/command.h"

static enum wkv_code no_memory(const struct wkv_command *command, struct wkv_error *error)
{
    return wkv_command_fail(command, error, WKV_NO_MEMORY, "no memory for the request; try again later");
}

/* What a request with keys begins with: the generated structs have their fields in the order of their
 * numbers, which a test tries for each row of the table. */
struct one_key {
    ProtobufCMessage base;
    ProtobufCBinaryData key, value;
};

struct many_keys {
    ProtobufCMessage base;
    size_t count;
    const ProtobufCBinaryData *keys;
};

enum wkv_code wkv_command_check_key(const struct wkv_command *command, const struct wkv_limits *limits,
                                    struct wkv_text key, struct wkv_error *error)
{
    uint32_t limit = limits->max_key_bytes;
    if (key.len == 0)
        return wkv_command_fail(command, error, WKV_BAD_REQUEST,
                                "the key is empty; give a key of 1 to %u bytes", limit);
    if (key.len > limit)
        return wkv_command_fail(command, error, WKV_TOO_LARGE, "the key has %zu bytes; a key has at most %u",
                                key.len, limit);
    return WKV_OK;
}

static enum wkv_code find_key(struct wkv_command *command, const struct wkv_limits *limits,
                              struct wkv_error *error)
{
    const struct one_key *request = (const struct one_key *)(const void *)command->message;
    command->only_key = (struct wkv_key){.keyspace = command->keyspace, .name = wkv_text_of(request->key)};
    command->keys = &command->only_key;
    command->key_count = 1;
    if (request->key.len > 0 && request->key.len <= limits->max_key_bytes)
        return WKV_OK;
    return wkv_command_check_key(command, limits, command->only_key.name, error);
}

static enum wkv_code find_keys(struct wkv_command *command, const struct wkv_limits *limits,
                               struct wkv_arena *arena, struct wkv_error *error)
{
    const struct many_keys *request = (const struct many_keys *)(const void *)command->message;
    if (request->count > WKV_MAX_KEYS_A_REQUEST)
        return wkv_command_fail(command, error, WKV_TOO_LARGE,
                                "the request names %zu keys; name at most %u at once", request->count,
                                WKV_MAX_KEYS_A_REQUEST);
    struct wkv_key *keys = wkv_arena_alloc(arena, request->count * sizeof *keys);
    if (keys == NULL)
        return no_memory(command, error);
    for (size_t i = 0; i < request->count; i++) {
        keys[i] = (struct wkv_key){.keyspace = command->keyspace, .name = wkv_text_of(request->keys[i])};
        if (wkv_command_check_key(command, limits, keys[i].name, error) != WKV_OK)
            return error->code;
    }
    command->keys = keys;
    command->key_count = request->count;
    return WKV_OK;
}

static enum wkv_code find_value(struct wkv_command *command, const struct wkv_limits *limits,
                                struct wkv_error *error)
{
    const struct one_key *request = (const struct one_key *)(const void *)command->message;
    if (request->value.len > limits->max_value_bytes)
        return wkv_command_fail(command, error, WKV_TOO_LARGE,
                                "the value has %zu bytes; a value has at most %u", request->value.len,
                                limits->max_value_bytes);
    command->value = wkv_text_of(request->value);
    return WKV_OK;
}

/* Of a reply that repeats nothing: numbers, and their names. */
#define NUMBER_REPLY_BYTES 64
/* A byte takes six in JSON at most (\u0001); the rest is names. */
#define ECHO_REPLY_BYTES(len) (64 + 6 * (len))

/* Measures the reply to a write, which must not happen where that does not fit. A wrapped reply is written,
 * since its front has to see it. */
static enum wkv_code __attribute__((noinline))
measure_reply(struct wkv_command *command, const struct wkv_limits *limits, struct wkv_text echoed,
              struct wkv_error *error)
{
    static const char number[NUMBER_REPLY_BYTES];
    struct wkv_text reply = {number, sizeof number};
    bool wrapped = limits->sent_bytes != NULL;
    if (command->operation->echo != WKV_ECHOES_NOTHING) {
        struct wkv_sink sink;
        wkv_sink_begin(&sink, command->operation->reply, command->encoding, wrapped ? limits->scratch : NULL,
                       wrapped ? limits->max_reply_bytes : 0);
        sink.error = error;
        sink.who = command->operation->name;
        (void)wkv_sink_text(&sink, WKV_ECHO_FIELD, echoed);
        enum wkv_code code = wkv_sink_end(&sink);
        if (sink.failure != WKV_OK)
            return code;
        if (code == WKV_NO_MEMORY)
            return no_memory(command, error);
        command->reply_bytes = sink.total_bytes;
        reply = (struct wkv_text){wrapped ? limits->scratch->data : NULL, sink.total_bytes};
    }
    size_t sent = reply.len;
    if (wrapped && sent <= limits->max_reply_bytes)
        sent = limits->sent_bytes(limits->request, reply);
    return sent > limits->max_reply_bytes ? wkv_command_too_large(command, limits, "", sent, error) : WKV_OK;
}

static struct wkv_text echoed_text(const struct wkv_command *command)
{
    return command->operation->echo == WKV_ECHOES_KEY ? command->keys[0].name : command->value;
}

/* Of a protobuf field with that text: its tag, a varint of the length, and the text. */
static size_t field_bytes(size_t len)
{
    size_t bytes = 2 + len;
    while (len >>= 7)
        bytes++;
    return bytes;
}

size_t wkv_command_reply_bytes(const struct wkv_command *command)
{
    struct wkv_sink sink;
    if (command->batch != NULL)
        return command->batch->reply_bytes;
    if (command->operation->echo == WKV_ECHOES_NOTHING)
        return command->reply_bytes > NUMBER_REPLY_BYTES ? command->reply_bytes : NUMBER_REPLY_BYTES;
    if (command->encoding == WKV_PROTOBUF)
        return field_bytes(echoed_text(command).len);
    wkv_sink_begin(&sink, command->operation->reply, command->encoding, NULL, 0);
    (void)wkv_sink_text(&sink, WKV_ECHO_FIELD, echoed_text(command));
    (void)wkv_sink_end(&sink);
    return sink.total_bytes;
}

static enum wkv_code check_reply(struct wkv_command *command, const struct wkv_limits *limits,
                                 struct wkv_error *error)
{
    enum wkv_echo echo = command->operation->echo;
    struct wkv_text echoed = echoed_text(command);
    size_t most = echo == WKV_ECHOES_NOTHING ? NUMBER_REPLY_BYTES : ECHO_REPLY_BYTES(echoed.len);
    bool fits =
        limits->sent_bytes == NULL && most <= WKV_REPLY_FIRST_BYTES && most <= limits->max_reply_bytes;
    return fits ? WKV_OK : measure_reply(command, limits, echoed, error);
}

enum wkv_code wkv_command_check(struct wkv_command *command, const struct wkv_limits *limits,
                                struct wkv_arena *arena, struct wkv_error *error)
{
    const struct wkv_operation *operation = command->operation;
    if (operation->keys == WKV_ITEM_KEYS)
        return wkv_batch_check(command, limits, arena, error);
    if (operation->keys == WKV_ONE_KEY && find_key(command, limits, error) != WKV_OK)
        return error->code;
    if (operation->keys == WKV_MANY_KEYS && find_keys(command, limits, arena, error) != WKV_OK)
        return error->code;
    if (operation->has_value && find_value(command, limits, error) != WKV_OK)
        return error->code;
    if (operation->check != NULL && operation->check(limits, command, error) != WKV_OK)
        return error->code;
    if (operation->effect == WKV_GROWS && operation->keys == WKV_ONE_KEY)
        command->write_bytes = command->keys[0].name.len + command->value.len;
    return operation->effect == WKV_READS ? WKV_OK : check_reply(command, limits, error);
}
