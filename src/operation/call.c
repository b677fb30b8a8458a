#include "operation/call.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum wkv_code wkv_call_fail(struct wkv_call *call, enum wkv_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)wkv_vfail(call->error, code, call->operation->name, format, args);
    va_end(args);
    return code;
}

enum wkv_code wkv_call_key(struct wkv_call *call, ProtobufCBinaryData name, struct wkv_key *key)
{
    uint32_t limit = call->provider->max_key_bytes;
    if (name.len == 0)
        return wkv_call_fail(call, WKV_BAD_REQUEST, "the key is empty; give a key of 1 to %u bytes", limit);
    if (name.len > limit)
        return wkv_call_fail(call, WKV_TOO_LARGE, "the key has %zu bytes; a key has at most %u", name.len,
                             limit);
    key->keyspace = call->keyspace;
    key->name = wkv_text_of(name);
    return WKV_OK;
}

enum wkv_code wkv_call_value(struct wkv_call *call, ProtobufCBinaryData bytes, struct wkv_text *value)
{
    uint32_t limit = call->provider->max_value_bytes;
    if (bytes.len > limit)
        return wkv_call_fail(call, WKV_TOO_LARGE, "the value has %zu bytes; a value has at most %u",
                             bytes.len, limit);
    *value = wkv_text_of(bytes);
    return WKV_OK;
}

enum wkv_code wkv_call_status(struct wkv_call *call, enum wkv_store_status status)
{
    switch (status) {
    case WKV_STORE_OK:
    case WKV_STORE_MISSING:
        return WKV_OK;
    case WKV_STORE_WRONG_KIND:
        return wkv_call_fail(call, WKV_WRONG_KIND,
                             "the key holds another kind; %s needs %s, or a key that is free",
                             call->operation->name, call->operation->works_on);
    case WKV_STORE_NOT_A_NUMBER:
        return wkv_call_fail(
            call, WKV_WRONG_KIND,
            "the key holds a text that is not a decimal int32; Add needs a counter, a text such as "
            "\"-12\", or a key that is free");
    case WKV_STORE_OVERFLOW:
        return wkv_call_fail(
            call, WKV_BAD_REQUEST,
            "the sum does not fit int32 (-2147483648 to 2147483647); the counter is unchanged");
    case WKV_STORE_FULL:
        return wkv_call_fail(call, WKV_TOO_LARGE,
                             "the key holds 2147483647 items, the most that new_count can say");
    case WKV_STORE_NO_MEMORY:
        break;
    }
    if (!call->operation->writes)
        return wkv_call_fail(call, WKV_NO_MEMORY,
                             "no memory for so many members at once; ask for fewer keys");
    return wkv_call_fail(
        call, WKV_BUDGET_SPENT,
        "the memory budget is spent; delete keys, let some expire, or serve with a larger --max-memory");
}

bool wkv_call_is_for_another(struct wkv_call *call, ProtobufCBinaryData instance)
{
    const char *own = call->provider->instance;
    call->silent =
        instance.len > 0 && (instance.len != strlen(own) || memcmp(instance.data, own, instance.len) != 0);
    return call->silent;
}

static enum wkv_code too_large(struct wkv_call *call, size_t bytes)
{
    return wkv_call_fail(
        call, WKV_TOO_LARGE,
        "the reply would have %s%zu bytes and the server's max_payload is %zu; ask for less at once",
        call->sink.cut ? "more than " : "", call->sink.cut ? call->sink.max_bytes : bytes,
        call->sink.max_bytes);
}

enum wkv_code wkv_call_finish(struct wkv_call *call)
{
    enum wkv_code code = wkv_sink_end(&call->sink);
    if (code == WKV_TOO_LARGE)
        return too_large(call, call->sink.total_bytes);
    if (code != WKV_OK)
        return wkv_call_fail(call, code, "no memory for the reply; try again later");
    if (call->front->sent_bytes == NULL)
        return WKV_OK;
    struct wkv_text reply = {call->sink.buffer->data, call->sink.buffer->len};
    size_t bytes = call->front->sent_bytes(call->front, reply);
    return bytes > call->sink.max_bytes ? too_large(call, bytes) : WKV_OK;
}

/* JSON writes a control character as \u0001. */
size_t wkv_call_json_bytes(struct wkv_text text)
{
    size_t bytes = sizeof "\"\",";
    for (size_t i = 0; i < text.len; i++)
        bytes += (unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f ? 6
                 : strchr("\"\\/", text.data[i]) != NULL                    ? 2
                                                                            : 1;
    return bytes;
}

bool wkv_call_show(void *context, struct wkv_text text)
{
    struct wkv_call *call = context;
    return wkv_sink_text(&call->sink, 1, text);
}
