/* Applies a command, and says what it came to. */
#include "operation/batch.h"
#include "operation/command.h"

/* ---- what the store refuses ---- */

/* Who asked, where that makes a difference. */
enum asker { ANY, READS, ADDS, ASKERS };

#define HOLDS_NO_NUMBER(type) "the key holds a text that is not a decimal " type
#define NEEDS_NUMBER "a counter, a text such as \"-12\""

/* By status and asker, or ANY where that asker has none. */
static const struct refusal {
    enum wkv_code code; /* WKV_OK: none */
    bool needs_kind;    /* the text goes on: what the operation needs is what it works on, */
    const char *needs;  /* or this */
    const char *text;
} refusals[][ASKERS] = {
    [WKV_STORE_WRONG_KIND][ANY] = {WKV_WRONG_KIND, .needs_kind = true, .text = "the key holds another kind"},
    [WKV_STORE_NOT_A_NUMBER][ANY] = {WKV_WRONG_KIND, .needs = NEEDS_NUMBER, .text = HOLDS_NO_NUMBER("int64")},
    [WKV_STORE_NOT_A_NUMBER][ADDS] = {WKV_WRONG_KIND, .needs = NEEDS_NUMBER,
                                      .text = HOLDS_NO_NUMBER("int32")},
    [WKV_STORE_OVERFLOW][ANY] = {WKV_BAD_REQUEST, .text =
                                                      "the sum does not fit int64 (-9223372036854775808 to "
                                                      "9223372036854775807); the counter is unchanged"},
    [WKV_STORE_OVERFLOW][ADDS] = {WKV_BAD_REQUEST,
                                  .text = "the sum does not fit int32 (-2147483648 to 2147483647), or the "
                                          "counter did not, which is unchanged; Increment has 64 bits"},
    [WKV_STORE_FULL][ANY] = {WKV_TOO_LARGE,
                             .text = "the key holds 2147483647 items, the most that new_count can say"},
    [WKV_STORE_CHANGED][ANY] = {WKV_UNAVAILABLE,
                                .text = "what it asks for was changed again and again while it was read; try "
                                        "again, or ask for less at once"},
    [WKV_STORE_NO_MEMORY][ANY] = {WKV_BUDGET_SPENT,
                                  .text =
                                      "the memory budget is spent; delete keys, let some expire, or serve "
                                      "with a larger --max-memory"},
    [WKV_STORE_NO_MEMORY][READS] = {WKV_NO_MEMORY,
                                    .text = "no memory for so many members at once; ask for fewer keys"},
};

enum wkv_code wkv_command_refuse(const struct wkv_command *command, enum wkv_store_status status,
                                 struct wkv_sink *sink)
{
    const struct wkv_operation *operation = command->operation;
    enum asker asker = operation->effect == WKV_READS      ? READS
                       : operation->apply == wkv_apply_add ? ADDS
                                                           : ANY;
    const struct refusal *refusal = &refusals[status][asker];
    if (refusal->code == WKV_OK)
        refusal = &refusals[status][ANY];
    if (refusal->code == WKV_OK)
        return WKV_OK;
    const char *needs = refusal->needs_kind ? operation->works_on : refusal->needs;
    return needs == NULL ? wkv_sink_fail(sink, refusal->code, "%s", refusal->text)
                         : wkv_sink_fail(sink, refusal->code, "%s; %s needs %s, or a key that is free",
                                         refusal->text, operation->name, needs);
}

/* ---- applied ---- */

enum wkv_code wkv_command_apply(const struct wkv_command *command, struct wkv_view *view, int64_t now_ns,
                                struct wkv_sink *sink)
{
    enum wkv_store_status status = command->operation->apply(view, command, now_ns, sink);
    return status == WKV_STORE_OK ? WKV_OK : wkv_command_refuse(command, status, sink);
}

enum wkv_code wkv_command_execute(const struct wkv_command *command, struct wkv_store *store, int64_t now_ns,
                                  struct wkv_sink *sink)
{
    struct wkv_view view;
    if (command->batch != NULL && !command->batch->atomic)
        return wkv_batch_execute(command, store, now_ns, sink);
    enum wkv_store_status status =
        wkv_store_begin(&view, store, command->keys, command->key_count, command->write_bytes, now_ns);
    if (status == WKV_STORE_OK)
        status = command->operation->apply(&view, command, now_ns, sink);
    while (status == WKV_STORE_CHANGED && wkv_view_again(&view)) {
        wkv_sink_begin_again(sink, command->operation->reply);
        status = command->operation->apply(&view, command, now_ns, sink);
    }
    wkv_store_end(&view);
    return status == WKV_STORE_OK ? WKV_OK : wkv_command_refuse(command, status, sink);
}

/* ---- the reply ---- */

/* Of a reply that its front wraps into something. */
static size_t sent_bytes(const struct wkv_limits *limits, struct wkv_text reply)
{
    return limits->sent_bytes(limits->request, reply);
}

static bool can_send(const void *sending, struct wkv_text reply)
{
    const struct wkv_limits *limits = sending;
    return sent_bytes(limits, reply) <= limits->max_reply_bytes;
}

/* A byte of a wrapped reply is two at the most, and what stands around it grows a little with it. */
size_t wkv_command_sure_bytes(const struct wkv_limits *limits, size_t room)
{
    if (limits->sent_bytes == NULL)
        return room;
    size_t around = sent_bytes(limits, (struct wkv_text){NULL, 0}) + 8;
    return around < room ? (room - around) / 2 : 0;
}

void wkv_command_begin_reply(const struct wkv_command *command, const struct wkv_limits *limits, size_t room,
                             struct wkv_buffer *buffer, struct wkv_error *error, struct wkv_sink *sink)
{
    wkv_sink_begin(sink, command->operation->reply, command->encoding, buffer, room);
    sink->error = error;
    sink->who = command->operation->name;
    if (limits->sent_bytes == NULL)
        return;
    sink->can_send = can_send;
    sink->sending = limits;
    sink->sure_bytes = wkv_command_sure_bytes(limits, room);
}

enum wkv_code wkv_command_finish(const struct wkv_command *command, const struct wkv_limits *limits,
                                 struct wkv_sink *sink)
{
    enum wkv_code code = wkv_sink_end(sink);
    if (sink->failure != WKV_OK)
        return code;
    if (code == WKV_TOO_LARGE)
        return sink->cut ? wkv_command_too_large(command, limits, "more than ", limits->max_reply_bytes,
                                                 sink->error)
                         : wkv_command_too_large(command, limits, "", sink->total_bytes, sink->error);
    if (code != WKV_OK)
        return wkv_sink_fail(sink, code, "no memory for the reply; try again later");
    if (limits->sent_bytes == NULL)
        return WKV_OK;
    size_t sent = sent_bytes(limits, (struct wkv_text){sink->buffer->data, sink->buffer->len});
    return sent > limits->max_reply_bytes ? wkv_command_too_large(command, limits, "", sent, sink->error)
                                          : WKV_OK;
}
