/* Replies in JSON: proto3's mapping, with the proto's names and every field (CONTRACT section 4), and values
 * that are not UTF-8 in base64 (section 3). */
#include <inttypes.h>
#include <stdio.h>

#include "codec/base64.h"
#include "codec/codec.h"
#include "codec/encoder.h"

/* The first byte at or after `at` that JSON cannot hold as it is (RFC 8259, section 7), or end. */
static const char *find_escape(const char *at, const char *end)
{
    while (at < end && (unsigned char)*at >= 0x20 && *at != '"' && *at != '\\')
        at++;
    return at;
}

static void put_escape(struct wkv_sink *sink, char c)
{
    static const char plain[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    const char *known = c == '\0' ? NULL : strchr(plain, c);
    char escape[8] = {'\\'};
    if (known != NULL)
        escape[1] = letters[known - plain];
    else
        (void)snprintf(escape, sizeof escape, "\\u%04x", (unsigned)(unsigned char)c);
    wkv_sink_put(sink, escape, strlen(escape));
}

static void put_string(struct wkv_sink *sink, struct wkv_text text)
{
    const char *at = text.data, *end = text.len == 0 ? at : at + text.len;
    const char *stop = find_escape(at, end);
    char *whole = stop == end ? wkv_sink_claim(sink, text.len + 2) : NULL;
    if (whole != NULL) {
        whole[0] = whole[text.len + 1] = '"';
        if (text.len > 0)
            memcpy(whole + 1, at, text.len);
    }
    if (stop == end)
        return;
    wkv_sink_put(sink, "\"", 1);
    for (; at < end; at = stop + 1) {
        stop = find_escape(at, end);
        wkv_sink_put(sink, at, (size_t)(stop - at));
        if (stop == end)
            break;
        put_escape(sink, *stop);
    }
    wkv_sink_put(sink, "\"", 1);
}

static void put_base64(struct wkv_sink *sink, struct wkv_text bytes)
{
    size_t chars = wkv_base64_chars(bytes.len);
    wkv_sink_put(sink, "\"", 1);
    char *at = chars == 0 ? NULL : wkv_sink_claim(sink, chars);
    if (at != NULL)
        wkv_base64_write(at, bytes);
    wkv_sink_put(sink, "\"", 1);
}

/* Ends what stands for the field as text, and begins what stands for it in base64. */
static void put_base64_name(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field, const char *end)
{
    wkv_sink_put(sink, end, strlen(end));
    wkv_sink_put(sink, ",\"", 2);
    wkv_sink_put(sink, field->name, strlen(field->name));
    wkv_sink_put(sink, "_base64\":", sizeof "_base64\":" - 1);
}

static int hex_value(char digit)
{
    return digit <= '9' ? digit - '0' : digit - 'a' + 10;
}

/* Takes back the string that put_string wrote at `at`, in its place. Returns where it ended. */
static char *take_back(char *at, struct wkv_text *text)
{
    static const char plain[] = "\b\f\n\r\t";
    static const char letters[] = "bfnrt";
    char *to = ++at;
    text->data = to;
    for (; *at != '"'; at++) {
        if (*at != '\\') {
            *to++ = *at;
            continue;
        }
        const char *letter = strchr(letters, *++at);
        if (letter != NULL) {
            *to++ = plain[letter - letters];
        } else if (*at == 'u') { /* of a control character: \u00xx */
            *to++ = (char)(hex_value(at[3]) * 16 + hex_value(at[4]));
            at += 4;
        } else {
            *to++ = *at;
        }
    }
    text->len = (size_t)(to - text->data);
    return at + 1;
}

/* Writes the strings between `from` and the buffer's end in base64, with what stands in front of them, and
 * moves that to where the first string was. */
static void rewrite(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field, size_t from)
{
    struct wkv_buffer *buffer = sink->buffer;
    size_t to = buffer->len, at = from;
    put_base64_name(sink, field, "]");
    wkv_sink_put(sink, "[", 1);
    while (at < to && wkv_buffer_reserve(buffer, wkv_base64_chars(to - at))) {
        struct wkv_text text;
        at = (size_t)(take_back(buffer->data + at, &text) - buffer->data) + 1;
        put_base64(sink, text);
        wkv_sink_put(sink, ",", 1);
    }
    memmove(buffer->data + from, buffer->data + to, buffer->len - to);
    buffer->len -= to - from;
}

/* The elements before this one must be base64, too. Where they have not all been kept, the reply is too large
 * already, or only counted. (Many control characters are shorter in base64: such a reply is refused although
 * it would just fit.) */
static void turn_to_base64(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field)
{
    bool kept = sink->total_bytes <= sink->max_bytes && !sink->buffer->failed;
    sink->values.in_base64 = true;
    sink->total_bytes = sink->values.total;
    if (kept) {
        rewrite(sink, field, sink->values.at);
        return;
    }
    put_base64_name(sink, field, "]");
    wkv_sink_put(sink, "[", 1);
    sink->total_bytes += sink->values.base64;
    if (sink->total_bytes <= sink->max_bytes)
        sink->total_bytes = sink->max_bytes + 1;
}

static void put_element(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field, struct wkv_text text)
{
    if (!sink->values.in_base64 && !wkv_utf8_valid(text.data, text.len))
        turn_to_base64(sink, field);
    sink->values.base64 += wkv_base64_chars(text.len) + sizeof "\"\"," - 1;
    if (sink->values.in_base64)
        put_base64(sink, text);
    else
        put_string(sink, text);
}

static void put_text(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field, struct wkv_text text)
{
    if (wkv_field_is_value(field) && field->label == PROTOBUF_C_LABEL_REPEATED) {
        put_element(sink, field, text);
    } else if (wkv_field_is_value(field) && !wkv_utf8_valid(text.data, text.len)) {
        put_base64_name(sink, field, "\"\"");
        put_base64(sink, text);
    } else {
        put_string(sink, text);
    }
}

static void put_integer(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field,
                        struct wkv_integer value)
{
    char digits[24]; /* a sign, 20 digits and a NUL */
    (void)field;
    int len = value.negative ? snprintf(digits, sizeof digits, "%" PRId64, (int64_t)value.bits)
                             : snprintf(digits, sizeof digits, "%" PRIu64, value.bits);
    wkv_sink_put(sink, digits, (size_t)len);
}

static void put_boolean(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field, bool value)
{
    (void)field;
    wkv_sink_put(sink, value ? "true" : "false", value ? 4 : 5);
}

/* Its name, or the number of one that has none. */
static void put_variant(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field,
                        struct wkv_integer value)
{
    const ProtobufCEnumValue *known =
        protobuf_c_enum_descriptor_get_value(field->descriptor, (int)(int64_t)value.bits);
    if (known != NULL)
        put_string(sink, (struct wkv_text){known->name, strlen(known->name)});
    else
        put_integer(sink, field, value);
}

static void open_message(struct wkv_sink *sink, size_t fields)
{
    (void)fields;
    wkv_sink_put(sink, "{", 1);
}

static void close_message(struct wkv_sink *sink)
{
    wkv_sink_put(sink, "}", 1);
}

static void put_comma(struct wkv_sink *sink, size_t before)
{
    if (before > 0)
        wkv_sink_put(sink, ",", 1);
}

static void put_name(struct wkv_sink *sink, struct wkv_text name, size_t before)
{
    put_comma(sink, before);
    put_string(sink, name);
    wkv_sink_put(sink, ":", 1);
}

static void open_array(struct wkv_sink *sink, size_t count)
{
    (void)count;
    wkv_sink_put(sink, "[", 1);
    memset(&sink->values, 0, sizeof sink->values);
    sink->values.at = sink->buffer == NULL ? 0 : sink->buffer->len;
    sink->values.total = sink->total_bytes;
}

static void close_array(struct wkv_sink *sink)
{
    wkv_sink_put(sink, "]", 1);
}

static void put_null(struct wkv_sink *sink)
{
    wkv_sink_put(sink, "null", 4);
}

const struct wkv_encoder wkv_json_encoder = {.text = put_text,
                                             .integer = put_integer,
                                             .boolean = put_boolean,
                                             .fields = wkv_sink_put_fields,
                                             .names_fields = true,
                                             .open_message = open_message,
                                             .close_message = close_message,
                                             .name = put_name,
                                             .open_array = open_array,
                                             .element = put_comma,
                                             .close_array = close_array,
                                             .variant = put_variant,
                                             .nil = put_null};
