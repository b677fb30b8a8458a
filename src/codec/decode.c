#include "decoders.h"

/* CONTRACT section 4: "a request whose first byte is `{` is JSON (that byte can begin none of the messages
 * above in protobuf)". It would be field 15 as the start of a group. */
enum wkv_encoding wkv_detect_encoding(const void *bytes, size_t len)
{
    return len > 0 && *(const char *)bytes == '{' ? WKV_JSON : WKV_PROTOBUF;
}

enum wkv_code wkv_decode(const ProtobufCMessageDescriptor *type, enum wkv_encoding encoding,
                         const void *bytes, size_t len, struct wkv_arena *arena, ProtobufCMessage **message,
                         struct wkv_error *error)
{
    *message = NULL;
    if (encoding == WKV_JSON)
        return wkv_decode_json(type, bytes, len, arena, message, error);
    if (encoding == WKV_MSGPACK)
        return wkv_decode_msgpack(type, bytes, len, arena, message, error);
    return wkv_decode_protobuf(type, bytes, len, arena, message, error);
}

enum wkv_code wkv_decode_out_of_memory(const ProtobufCMessageDescriptor *type, const struct wkv_arena *arena,
                                       struct wkv_error *error)
{
    return wkv_fail(
        error, WKV_UNAVAILABLE,
        "no memory to decode this %s: one request may take %zu bytes; send fewer or smaller fields",
        type->short_name, arena->max_bytes);
}
