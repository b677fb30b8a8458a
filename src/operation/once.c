#include "operation/once.h"

#include <sodium.h>
#include <string.h>

/* What ends a note's value. In front of it is the reply, and perhaps bytes that mean nothing. */
struct note_end {
    unsigned char payload[WKV_ONCE_HASH_BYTES];
    uint32_t encoding; /* of the request, and so of the reply */
    uint32_t reply_bytes;
};

/* ---- its key ---- */

static size_t name_bytes(const struct wkv_once_request *request, const struct wkv_operation *operation)
{
    return request->actor.len + 1 + strlen(operation->name) + 1 + request->id.len;
}

static char *append(char *at, struct wkv_text text)
{
    memcpy(at, text.data, text.len);
    return at + text.len;
}

/* Neither a subject nor an operation's name has a NUL in it. */
static void write_name(char *at, const struct wkv_once_request *request,
                       const struct wkv_operation *operation)
{
    at = append(at, request->actor);
    *at++ = '\0';
    at = append(at, (struct wkv_text){operation->name, strlen(operation->name) + 1});
    (void)append(at, request->id);
}

enum wkv_code wkv_once_prepare(struct wkv_once *once, const struct wkv_once_request *request,
                               const struct wkv_command *command, struct wkv_arena *arena,
                               struct wkv_error *error)
{
    if (request->id.len > WKV_ONCE_MAX_ID_BYTES)
        return wkv_command_fail(command, error, WKV_BAD_REQUEST,
                                "the Nats-Msg-Id has %zu bytes; an id has at most %u", request->id.len,
                                WKV_ONCE_MAX_ID_BYTES);
    size_t len = name_bytes(request, command->operation);
    if (len > WKV_STORE_MAX_KEY_BYTES)
        return wkv_command_fail(command, error, WKV_BAD_REQUEST,
                                "the Nats-Msg-Id and the actor are too long together; give a shorter id");
    struct wkv_key *keys = wkv_arena_alloc(arena, (command->key_count + 1) * sizeof *keys);
    char *name = wkv_arena_alloc(arena, len);
    if (keys == NULL || name == NULL)
        return wkv_command_fail(command, error, WKV_NO_MEMORY, "no memory for the request; try again later");
    for (size_t i = 0; i < command->key_count; i++)
        keys[i] = command->keys[i];
    write_name(name, request, command->operation);
    keys[command->key_count] = (struct wkv_key){WKV_STORE_NOTES, {name, len}};
    once->keys = keys;
    (void)crypto_generichash(once->payload, sizeof once->payload,
                             (const unsigned char *)request->payload.data, request->payload.len, NULL, 0);
    return WKV_OK;
}

/* ---- its value ---- */

/* A command that is done once, under the locks of its view. */
struct attempt {
    struct wkv_once *once;
    const struct wkv_command *command;
    const struct wkv_limits *limits;
    struct wkv_view view;
    int64_t now_ns;
    struct wkv_sink *sink;
    size_t reserved; /* bytes that the note has for the reply */
    enum wkv_code code;
    bool (*can_send)(const void *sending, struct wkv_text reply); /* the sink's own */
    const void *sending;
};

/* Writes the note, of the first `reply` bytes of the sink's buffer, which has room for the end behind them.
 */
static enum wkv_store_status write_note(struct attempt *attempt, size_t reply)
{
    struct wkv_buffer *buffer = attempt->sink->buffer;
    struct note_end end = {.encoding = attempt->command->encoding, .reply_bytes = (uint32_t)buffer->len};
    memcpy(end.payload, attempt->once->payload, sizeof end.payload);
    memcpy(buffer->data + reply, &end, sizeof end);
    return wkv_view_set(&attempt->view, attempt->command->key_count,
                        (struct wkv_text){buffer->data, reply + sizeof end},
                        attempt->now_ns + attempt->once->window_ns);
}

static enum wkv_code no_room(struct wkv_sink *sink)
{
    return wkv_sink_fail(
        sink, WKV_BUDGET_SPENT,
        "the memory budget is spent and the Nats-Msg-Id could not be remembered; delete keys, "
        "let some expire, or serve with a larger --max-memory");
}

/* Makes the note with room for the reply that there will be. A view that has written keeps its locks, so no
 * other thread sees a note without an answer. */
static enum wkv_code reserve(struct attempt *attempt)
{
    struct wkv_buffer *buffer = attempt->sink->buffer;
    memset(buffer->data + buffer->len, 0, attempt->reserved);
    return write_note(attempt, attempt->reserved) == WKV_STORE_OK ? WKV_OK : no_room(attempt->sink);
}

/* Puts the reply into the note. Where that cannot be made smaller it stays as large as it is, which needs no
 * memory. Only a reply that says that nothing was changed is larger, and there may be no room for that one.
 */
static enum wkv_code remember(struct attempt *attempt)
{
    struct wkv_buffer *buffer = attempt->sink->buffer;
    size_t len = buffer->len;
    if (len > attempt->reserved && !wkv_buffer_reserve(buffer, sizeof(struct note_end)))
        return no_room(attempt->sink);
    if (write_note(attempt, len) == WKV_STORE_OK ||
        (len <= attempt->reserved && write_note(attempt, attempt->reserved) == WKV_STORE_OK))
        return WKV_OK;
    return no_room(attempt->sink);
}

/* A write that is made only if its reply can be sent needs its note first. */
static bool can_send_and_remember(const void *context, struct wkv_text reply)
{
    struct attempt *attempt = (struct attempt *)(uintptr_t)context;
    bool can_send = attempt->can_send == NULL || attempt->can_send(attempt->sending, reply);
    return can_send && remember(attempt) == WKV_OK;
}

/* Sees the note of a command that was done. */
static bool see_note(void *context, struct wkv_text note)
{
    struct attempt *attempt = context;
    struct wkv_sink *sink = attempt->sink;
    struct note_end end;
    memcpy(&end, note.data + note.len - sizeof end, sizeof end);
    if (end.encoding != attempt->command->encoding ||
        memcmp(end.payload, attempt->once->payload, sizeof end.payload) != 0) {
        attempt->code =
            wkv_sink_fail(sink, WKV_BAD_REQUEST,
                          "another payload came with this Nats-Msg-Id before; a new request needs "
                          "a new id, and a repeated one the same bytes");
        return false;
    }
    sink->buffer->len = 0;
    sink->total_bytes = end.reply_bytes;
    attempt->code = wkv_buffer_append(sink->buffer, note.data, end.reply_bytes)
                        ? WKV_OK
                        : wkv_sink_fail(sink, WKV_NO_MEMORY, "no memory for the reply; try again later");
    return false;
}

/* The first answer may be too large by now: the server's max_payload can have shrunk. */
static enum wkv_code answer_again(struct attempt *attempt)
{
    const struct wkv_limits *limits = attempt->limits;
    struct wkv_sink *sink = attempt->sink;
    if (attempt->code != WKV_OK)
        return attempt->code;
    size_t sent = sink->total_bytes;
    if (limits->sent_bytes != NULL)
        sent = limits->sent_bytes(limits->request, (struct wkv_text){sink->buffer->data, sink->buffer->len});
    if (sent > limits->max_reply_bytes || sink->total_bytes > sink->max_bytes)
        return wkv_command_too_large(attempt->command, limits, "", sent, sink->error);
    attempt->once->duplicate = true;
    return WKV_OK;
}

/* ---- doing it ---- */

static enum wkv_code do_once(struct attempt *attempt)
{
    struct wkv_sink *sink = attempt->sink;
    size_t note = attempt->command->key_count;
    if (wkv_view_get(&attempt->view, note, see_note, attempt) == WKV_STORE_OK)
        return answer_again(attempt);
    if (reserve(attempt) != WKV_OK)
        return sink->failure;
    attempt->can_send = sink->can_send;
    attempt->sending = sink->sending;
    sink->can_send = can_send_and_remember;
    sink->sending = attempt;
    enum wkv_code code = wkv_command_apply(attempt->command, &attempt->view, attempt->now_ns, sink);
    if (code == WKV_OK)
        code = wkv_command_finish(attempt->command, attempt->limits, sink);
    if (code == WKV_OK)
        code = remember(attempt);
    if (code != WKV_OK)
        (void)wkv_view_delete(&attempt->view, note);
    return code;
}

enum wkv_code wkv_once_execute(struct wkv_once *once, const struct wkv_command *command,
                               const struct wkv_limits *limits, struct wkv_store *store, int64_t now_ns,
                               struct wkv_sink *sink)
{
    struct attempt attempt = {.once = once,
                              .command = command,
                              .limits = limits,
                              .now_ns = now_ns,
                              .sink = sink,
                              .reserved = wkv_command_reply_bytes(command)};
    size_t note = command->key_count;
    size_t bytes = attempt.reserved + sizeof(struct note_end);
    if (!wkv_buffer_reserve(sink->buffer, bytes) ||
        wkv_store_begin(&attempt.view, store, once->keys, note + 1,
                        command->write_bytes + once->keys[note].name.len + bytes, now_ns) != WKV_STORE_OK)
        return wkv_sink_fail(sink, WKV_NO_MEMORY, "no memory for the request; try again later");
    enum wkv_code code = do_once(&attempt);
    wkv_store_end(&attempt.view);
    return code;
}
