/* Any bytes as an invocation: decoding ends cleanly within its arena, what it lets through lies in the bytes
 * or in the arena, and an answer to it can be written, of the size that was said. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec/codec.h"
#include "front/invocation.h"
#include "keyvalue.pb-c.h"

#define ARENA_FIRST_BYTES 4096
#define ARENA_MAX_BYTES (4u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* Reads every byte, so that a sanitizer sees each. */
static void check_text(struct wkv_text text)
{
    must(wkv_utf8_valid(text.data, text.len));
}

static void check_entity(const struct wkv_entity *entity)
{
    check_text(entity->actor);
    check_text(entity->capid);
    check_text(entity->binding);
    must(entity->is_capability ? entity->actor.len == 0 : entity->capid.len + entity->binding.len == 0);
}

/* The response is as long as it was said to be, and ends in the id. */
static void check_response(struct wkv_text msg, const char *error, struct wkv_text id)
{
    struct wkv_buffer buffer = {0};
    must(wkv_invocation_response_write(&buffer, msg, error, id));
    must(buffer.len == wkv_invocation_response_bytes(msg, error, id));
    must(memcmp(buffer.data + buffer.len - id.len, id.len > 0 ? id.data : "", id.len) == 0);
    wkv_buffer_destroy(&buffer);
}

static void decode_request(struct wkv_text msg, struct wkv_arena *arena)
{
    ProtobufCMessage *message;
    enum wkv_code code =
        wkv_decode(&keyvalue__set_request__descriptor, WKV_MSGPACK, msg.data, msg.len, arena, &message, NULL);
    must((code == WKV_OK) == (message != NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct wkv_arena arena;
    struct wkv_error error = {WKV_OK, ""};
    struct wkv_invocation invocation;
    if (!wkv_arena_init(&arena, ARENA_FIRST_BYTES, ARENA_MAX_BYTES))
        abort();
    enum wkv_code code = wkv_invocation_decode(bytes, len, &arena, &invocation, &error);
    must(code == WKV_OK || code == WKV_BAD_REQUEST || code == WKV_NO_MEMORY);
    must(code == error.code && (code == WKV_OK) == (error.text[0] == '\0'));
    must(code == WKV_OK || invocation.msg.len + invocation.operation.len + invocation.host_id.len == 0);
    must(invocation.msg.len <= len && arena.total_bytes <= ARENA_MAX_BYTES);
    check_entity(&invocation.origin);
    check_entity(&invocation.target);
    check_text(invocation.operation);
    check_text(invocation.id);
    check_text(invocation.encoded_claims);
    check_text(invocation.host_id);
    check_response(invocation.msg, code == WKV_OK ? NULL : error.text, invocation.id);
    decode_request(invocation.msg, &arena);
    wkv_arena_destroy(&arena);
    return 0;
}
