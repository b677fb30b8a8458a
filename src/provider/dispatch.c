#include <string.h>

#include "provider/call.h"

/* A request that is decoded within this allocates nothing; a larger one borrows up to the maximum, which is
 * room for any request of a server's largest common max_payload (8 MiB) and what protobuf-c needs beside it.
 */
#define ARENA_BYTES ((size_t)64 * 1024)
#define ARENA_MAX_BYTES ((size_t)64 * 1024 * 1024)

/* Replies up to this size reuse the buffer; after a larger one the memory goes back. */
#define REPLY_KEEP_BYTES ((size_t)256 * 1024)
#define REPLY_FIRST_BYTES ((size_t)4 * 1024)

int wkv_scratch_init(struct wkv_scratch *scratch)
{
    wkv_buffer_init(&scratch->reply);
    if (wkv_arena_init(&scratch->arena, ARENA_BYTES, ARENA_MAX_BYTES) != 0)
        return -1;
    if (wkv_buffer_reserve(&scratch->reply, REPLY_FIRST_BYTES))
        return 0;
    wkv_arena_destroy(&scratch->arena);
    return -1;
}

void wkv_scratch_destroy(struct wkv_scratch *scratch)
{
    wkv_arena_destroy(&scratch->arena);
    wkv_buffer_destroy(&scratch->reply);
}

/* Makes the scratch as new. A small reply always finds room: what has been done must be told. */
static bool scratch_reset(struct wkv_scratch *scratch)
{
    wkv_arena_reset(&scratch->arena);
    wkv_buffer_reset(&scratch->reply, REPLY_KEEP_BYTES);
    return wkv_buffer_reserve(&scratch->reply, REPLY_FIRST_BYTES);
}

enum wkv_code wkv_dispatch(const struct wkv_provider *provider, struct wkv_scratch *scratch,
                           const struct wkv_request *request, struct wkv_text *reply, struct wkv_error *error)
{
    const struct wkv_operation *operation = request->operation;
    struct wkv_call call = {.provider = provider,
                            .operation = operation,
                            .now_ns = request->now_ns,
                            .arena = &scratch->arena,
                            .error = error};
    error->code = WKV_OK;
    error->text[0] = '\0';
    if (!scratch_reset(scratch))
        return wkv_call_fail(&call, WKV_UNAVAILABLE, "no memory for the request; try again later");

    enum wkv_encoding encoding = wkv_detect_encoding(request->payload, request->payload_bytes);
    ProtobufCMessage *message;
    struct wkv_error cause;
    enum wkv_code code = wkv_decode(operation->request, encoding, request->payload, request->payload_bytes,
                                    &scratch->arena, &message, &cause);
    if (code != WKV_OK)
        return wkv_call_fail(&call, code, "%s", cause.text);

    call.request = message;
    wkv_writer_begin(&call.writer, operation->reply, encoding, &scratch->reply, request->max_reply_bytes);
    code = operation->handle(&call);
    if (code == WKV_OK)
        *reply = (struct wkv_text){scratch->reply.data, scratch->reply.len};
    return code;
}

void wkv_prefetch(const struct wkv_provider *provider, const struct wkv_text *payloads, size_t count)
{
    struct wkv_key keys[WKV_STORE_PREFETCH];
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        struct wkv_text name;
        if (wkv_peek_text(payloads[i].data, payloads[i].len, &name.data, &name.len) && name.len > 0)
            keys[found++] = (struct wkv_key){0, name};
    }
    wkv_store_prefetch(provider->store, keys, found);
}
