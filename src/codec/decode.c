#include <string.h>

#include "codec/decoders.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* CONTRACT section 4: "a request whose first byte is `{` is JSON (that byte can begin none of the messages
 * above in protobuf)". It would be field 15 as the start of a group. */
enum wkv_encoding wkv_detect_encoding(const void *bytes, size_t len)
{
    return len > 0 && *(const char *)bytes == '{' ? WKV_JSON : WKV_PROTOBUF;
}

/* Editors and shells put white space or a byte order mark in front. */
size_t wkv_json_start(const void *bytes, size_t len)
{
    const char *at = bytes;
    size_t i = 0;
    while (i < len) {
        if (at[i] == ' ' || at[i] == '\t' || at[i] == '\r' || at[i] == '\n')
            i++;
        else if (len - i >= strlen(BYTE_ORDER_MARK) &&
                 memcmp(at + i, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
            i += strlen(BYTE_ORDER_MARK);
        else
            break;
    }
    return i < len && at[i] == '{' ? i : len;
}

static enum wkv_encoding first_guess(enum wkv_form form, const void *bytes, size_t len)
{
    if (form == WKV_FORM_DETECTED)
        return wkv_detect_encoding(bytes, len);
    return form == WKV_FORM_JSON ? WKV_JSON : WKV_MSGPACK;
}

enum wkv_encoding wkv_guess_encoding(const ProtobufCMessageDescriptor *type, enum wkv_form form,
                                     const void *bytes, size_t len)
{
    enum wkv_encoding guess = first_guess(form, bytes, len);
    bool may_be_json = guess == WKV_PROTOBUF && wkv_json_start(bytes, len) < len;
    return may_be_json && !wkv_scans_as_protobuf(type, bytes, len) ? WKV_JSON : guess;
}

/* Decodes JSON behind white space or a byte order mark. */
static enum wkv_code decode_object(const ProtobufCMessageDescriptor *type, struct wkv_text payload,
                                   struct wkv_arena *arena, ProtobufCMessage **message,
                                   struct wkv_error *error)
{
    if (payload.len == 0)
        payload = (struct wkv_text){"{}", 2};
    size_t start = wkv_json_start(payload.data, payload.len);
    *message = NULL;
    if (start == payload.len)
        return wkv_fail(error, WKV_BAD_REQUEST, "the request is not JSON: send an object, such as {}");
    return wkv_decode(type, WKV_JSON, payload.data + start, payload.len - start, arena, message, error);
}

enum wkv_code wkv_decode_request(const ProtobufCMessageDescriptor *type, enum wkv_form form,
                                 const void *bytes, size_t len, struct wkv_arena *arena,
                                 ProtobufCMessage **message, enum wkv_encoding *encoding,
                                 struct wkv_error *error)
{
    struct wkv_text payload = {bytes, len};
    *encoding = first_guess(form, bytes, len);
    if (form == WKV_FORM_JSON)
        return decode_object(type, payload, arena, message, error);
    enum wkv_code code = wkv_decode(type, *encoding, bytes, len, arena, message, error);
    if (code == WKV_OK || *encoding != WKV_PROTOBUF || wkv_json_start(bytes, len) == len)
        return code;
    *encoding = WKV_JSON;
    wkv_arena_reset(arena);
    if (error != NULL)
        wkv_error_clear(error);
    return decode_object(type, payload, arena, message, error);
}

enum wkv_code wkv_decode(const ProtobufCMessageDescriptor *type, enum wkv_encoding encoding,
                         const void *bytes, size_t len, struct wkv_arena *arena, ProtobufCMessage **message,
                         struct wkv_error *error)
{
    static wkv_decoder *const decoders[] = {[WKV_PROTOBUF] = wkv_decode_protobuf,
                                            [WKV_JSON] = wkv_decode_json,
                                            [WKV_MSGPACK] = wkv_decode_msgpack};
    *message = NULL;
    return decoders[encoding](type, bytes, len, arena, message, error);
}

enum wkv_code wkv_decode_out_of_memory(const ProtobufCMessageDescriptor *type, const struct wkv_arena *arena,
                                       struct wkv_error *error)
{
    if (arena->bounded)
        return wkv_fail(
            error, WKV_TOO_LARGE,
            "this %s would take more than the %zu bytes of memory that one request may: send fewer "
            "or smaller fields",
            type->short_name, arena->max_bytes);
    return wkv_fail(error, WKV_NO_MEMORY, "no memory to decode this %s: try again, or send less at once",
                    type->short_name);
}

const char *wkv_article(const char *name)
{
    return name[0] != '\0' && strchr("AEIOU", name[0]) != NULL ? "an" : "a";
}
