/* Replies in JSON: proto3's mapping, with the proto's names and every field (CONTRACT section 4). */
#include <inttypes.h>
#include <stdio.h>

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
    wkv_sink_put(sink, "\"", 1);
    const char *at = text.data, *end = text.len == 0 ? at : at + text.len;
    while (at < end) {
        const char *stop = find_escape(at, end);
        wkv_sink_put(sink, at, (size_t)(stop - at));
        if (stop == end)
            break;
        put_escape(sink, *stop);
        at = stop + 1;
    }
    wkv_sink_put(sink, "\"", 1);
}

static void put_text(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field, struct wkv_text text)
{
    (void)field;
    put_string(sink, text);
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
