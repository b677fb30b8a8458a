/* Replies, written field by field into a buffer. There is no message struct and no second copy: what a
 * handler has in its hand, a value in the store for one, goes straight to where the reply stands. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "codec/writer_bytes.h"

static void put_text(struct wkv_writer *writer, const char *text)
{
    wkv_writer_put(writer, text, strlen(text));
}

/* The first byte at or after `at` that JSON cannot hold as it is (RFC 8259, section 7), or end. */
static const char *find_escape(const char *at, const char *end)
{
    while (at < end && (unsigned char)*at >= 0x20 && *at != '"' && *at != '\\')
        at++;
    return at;
}

static void put_json_escape(struct wkv_writer *writer, char c)
{
    static const char plain[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    const char *known = c == '\0' ? NULL : strchr(plain, c);
    char escape[8] = {'\\'};
    if (known != NULL)
        escape[1] = letters[known - plain];
    else
        (void)snprintf(escape, sizeof escape, "\\u%04x", (unsigned)(unsigned char)c);
    put_text(writer, escape);
}

static void put_json_string(struct wkv_writer *writer, const char *text, size_t len)
{
    wkv_writer_put(writer, "\"", 1);
    if (len > 0) {
        const char *end = text + len;
        while (text < end) {
            const char *stop = find_escape(text, end);
            wkv_writer_put(writer, text, (size_t)(stop - text));
            if (stop == end)
                break;
            put_json_escape(writer, *stop);
            text = stop + 1;
        }
    }
    wkv_writer_put(writer, "\"", 1);
}

static void put_json_name(struct wkv_writer *writer, unsigned index)
{
    if (index > 0)
        wkv_writer_put(writer, ",", 1);
    wkv_writer_put(writer, "\"", 1);
    put_text(writer, writer->type->fields[index].name);
    wkv_writer_put(writer, "\":", 2);
}

static const char *json_default(const ProtobufCFieldDescriptor *field)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return "[]";
    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        return "\"\"";
    case PROTOBUF_C_TYPE_BOOL:
        return "false";
    case PROTOBUF_C_TYPE_MESSAGE:
        return "null";
    default: /* integers: no other reply is written field by field */
        return "0";
    }
}

static void open_array(struct wkv_writer *writer)
{
    writer->array_open = true;
    if (writer->encoding == WKV_JSON)
        wkv_writer_put(writer, "[", 1);
    else
        wkv_msgpack_open_array(writer);
}

static void close_array(struct wkv_writer *writer)
{
    if (!writer->array_open)
        return;
    writer->array_open = false;
    if (writer->encoding == WKV_JSON)
        wkv_writer_put(writer, "]", 1);
    else
        wkv_msgpack_close_array(writer);
}

static void put_name(struct wkv_writer *writer, unsigned index)
{
    if (writer->encoding == WKV_JSON)
        put_json_name(writer, index);
    else
        wkv_msgpack_put_name(writer, &writer->type->fields[index]);
}

static void put_default(struct wkv_writer *writer, const ProtobufCFieldDescriptor *field)
{
    if (writer->encoding == WKV_JSON)
        put_text(writer, json_default(field));
    else
        wkv_msgpack_put_default(writer, field);
}

/* Passes over the fields before index, which were not written: all but protobuf show their defaults. */
static void skip_to(struct wkv_writer *writer, unsigned index)
{
    if (writer->encoding != WKV_PROTOBUF) {
        close_array(writer);
        for (unsigned i = writer->next_field; i < index; i++) {
            put_name(writer, i);
            put_default(writer, &writer->type->fields[i]);
        }
    }
    writer->next_field = index;
}

/* Whether number is of the repeated field whose elements are being written. */
static bool is_next_element(const struct wkv_writer *writer, uint32_t number)
{
    if (writer->next_field == 0)
        return false;
    const ProtobufCFieldDescriptor *last = &writer->type->fields[writer->next_field - 1];
    return last->id == number && last->label == PROTOBUF_C_LABEL_REPEATED;
}

/* What stands in front of a value where fields have names. */
static void start_named(struct wkv_writer *writer, unsigned index, bool again)
{
    if (!again) {
        put_name(writer, index);
        if (writer->type->fields[index].label == PROTOBUF_C_LABEL_REPEATED)
            open_array(writer);
    } else if (writer->encoding == WKV_JSON) {
        wkv_writer_put(writer, ",", 1);
    }
    writer->elements++;
}

/* Makes ready for a value of the field with that number. Fields come in order, so the search starts where the
 * last one ended and is one step as a rule. Returns NULL, and takes note, where the call breaks the rules of
 * codec.h. */
static const ProtobufCFieldDescriptor *start_value(struct wkv_writer *writer, uint32_t number,
                                                   ProtobufCType type)
{
    const ProtobufCMessageDescriptor *message = writer->type;
    bool again = is_next_element(writer, number);
    unsigned index = again ? writer->next_field - 1 : writer->next_field;
    while (index < message->n_fields && message->fields[index].id != number)
        index++;
    if (index == message->n_fields || message->fields[index].type != type) {
        writer->misused = true;
        return NULL;
    }
    const ProtobufCFieldDescriptor *field = &message->fields[index];
    if (!again)
        skip_to(writer, index);
    if (writer->encoding != WKV_PROTOBUF)
        start_named(writer, index, again);
    writer->next_field = index + 1;
    return field;
}

/* Base 128, lowest seven bits first, the high bit set on all bytes but the last. */
static size_t varint_bytes(uint64_t value)
{
    size_t len = 1;
    while (value >>= 7)
        len++;
    return len;
}

/* Returns where the varint ends. */
static char *write_varint(char *at, uint64_t value)
{
    for (; value > 0x7f; value >>= 7)
        *at++ = (char)(uint8_t)(value | 0x80);
    *at++ = (char)value;
    return at;
}

/* Only a field without presence has a default that need not be sent. */
static bool leaves_out_default(const ProtobufCFieldDescriptor *field)
{
    return field->label == PROTOBUF_C_LABEL_NONE;
}

/* A field of type string, and one that holds a number. Both begin with two varints, a tag and a number:
 *
 *   +-----------------+--------------+----------+      +-----------------+---------------+
 *   | number << 3 | 2 | len (varint) | text ... |      | number << 3 | 0 | value, varint |
 *   +-----------------+--------------+----------+      +-----------------+---------------+
 */
static void put_protobuf(struct wkv_writer *writer, const ProtobufCFieldDescriptor *field,
                         ProtobufCWireType wire_type, uint64_t number, const char *text, size_t len)
{
    if (number == 0 && leaves_out_default(field))
        return;
    uint64_t tag = (uint64_t)field->id << 3 | (uint64_t)wire_type;
    char *at = wkv_writer_claim(writer, varint_bytes(tag) + varint_bytes(number) + len);
    if (at == NULL)
        return;
    at = write_varint(write_varint(at, tag), number);
    if (len > 0)
        memcpy(at, text, len);
}

/* The elements of a repeated number go one by one, not packed: their count is not known yet, and every proto3
 * decoder takes both forms. */
static void put_protobuf_number(struct wkv_writer *writer, const ProtobufCFieldDescriptor *field,
                                uint64_t value)
{
    put_protobuf(writer, field, PROTOBUF_C_WIRE_TYPE_VARINT, value, NULL, 0);
}

void wkv_writer_begin(struct wkv_writer *writer, const ProtobufCMessageDescriptor *type,
                      enum wkv_encoding encoding, struct wkv_buffer *buffer, size_t max_bytes)
{
    *writer =
        (struct wkv_writer){.type = type, .encoding = encoding, .buffer = buffer, .max_bytes = max_bytes};
    wkv_buffer_reset(buffer, SIZE_MAX);
    if (encoding == WKV_JSON)
        wkv_writer_put(writer, "{", 1);
    else if (encoding == WKV_MSGPACK)
        wkv_msgpack_put_map(writer, type->n_fields);
}

void wkv_writer_string(struct wkv_writer *writer, uint32_t field, const char *text, size_t len)
{
    const ProtobufCFieldDescriptor *found = start_value(writer, field, PROTOBUF_C_TYPE_BYTES);
    if (found == NULL)
        return;
    if (writer->encoding == WKV_JSON)
        put_json_string(writer, text, len);
    else if (writer->encoding == WKV_MSGPACK)
        wkv_msgpack_put_text(writer, text, len);
    else
        put_protobuf(writer, found, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, len, text, len);
}

static void put_json_integer(struct wkv_writer *writer, struct wkv_integer integer)
{
    char digits[24]; /* a sign, 20 digits and a NUL */
    if (integer.negative)
        (void)snprintf(digits, sizeof digits, "%" PRId64, (int64_t)integer.bits);
    else
        (void)snprintf(digits, sizeof digits, "%" PRIu64, integer.bits);
    put_text(writer, digits);
}

static void write_integer(struct wkv_writer *writer, uint32_t field, ProtobufCType type, int64_t value)
{
    const ProtobufCFieldDescriptor *found = start_value(writer, field, type);
    if (found == NULL)
        return;
    if (writer->encoding == WKV_JSON)
        put_json_integer(writer, wkv_integer_of(value));
    else if (writer->encoding == WKV_MSGPACK)
        wkv_msgpack_put_integer(writer, wkv_integer_of(value));
    else /* sign-extended to 64 bits: a negative int32, too, takes ten bytes on the wire */
        put_protobuf_number(writer, found, (uint64_t)value);
}

void wkv_writer_int32(struct wkv_writer *writer, uint32_t field, int32_t value)
{
    write_integer(writer, field, PROTOBUF_C_TYPE_INT32, value);
}

void wkv_writer_int64(struct wkv_writer *writer, uint32_t field, int64_t value)
{
    write_integer(writer, field, PROTOBUF_C_TYPE_INT64, value);
}

void wkv_writer_bool(struct wkv_writer *writer, uint32_t field, bool value)
{
    const ProtobufCFieldDescriptor *found = start_value(writer, field, PROTOBUF_C_TYPE_BOOL);
    if (found == NULL)
        return;
    if (writer->encoding == WKV_JSON)
        put_text(writer, value ? "true" : "false");
    else if (writer->encoding == WKV_MSGPACK)
        wkv_msgpack_put_bool(writer, value);
    else
        put_protobuf_number(writer, found, value);
}

static void put_json_message(struct wkv_writer *writer, const ProtobufCMessage *message);

static void put_json_value(struct wkv_writer *writer, const ProtobufCFieldDescriptor *field,
                           const char *value)
{
    ProtobufCBinaryData text;
    const ProtobufCMessage *message;
    const ProtobufCEnumValue *name;
    protobuf_c_boolean boolean;
    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        memcpy(&text, value, sizeof text);
        put_json_string(writer, (const char *)text.data, text.len);
        return;
    case PROTOBUF_C_TYPE_BOOL:
        memcpy(&boolean, value, sizeof boolean);
        put_text(writer, boolean ? "true" : "false");
        return;
    case PROTOBUF_C_TYPE_MESSAGE:
        memcpy(&message, value, sizeof(ProtobufCMessage *));
        put_json_message(writer, message);
        return;
    default:
        break;
    }
    struct wkv_integer number = wkv_integer_load(field->type, value);
    name = field->type == PROTOBUF_C_TYPE_ENUM
               ? protobuf_c_enum_descriptor_get_value(field->descriptor, (int)(int64_t)number.bits)
               : NULL;
    if (name != NULL)
        put_json_string(writer, name->name, strlen(name->name));
    else
        put_json_integer(writer, number);
}

static void put_json_message(struct wkv_writer *writer, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    wkv_writer_put(writer, "{", 1);
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        const char *value = (const char *)message + field->offset;
        put_text(writer, i == 0 ? "\"" : ",\"");
        put_text(writer, field->name);
        wkv_writer_put(writer, "\":", 2);
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            put_json_value(writer, field, value);
            continue;
        }
        size_t count;
        const char *values;
        memcpy(&count, (const char *)message + field->quantifier_offset, sizeof count);
        memcpy(&values, value, sizeof(char *));
        wkv_writer_put(writer, "[", 1);
        for (size_t element = 0; element < count; element++) {
            wkv_writer_put(writer, ",", element == 0 ? 0 : 1);
            put_json_value(writer, field, values + element * wkv_value_bytes(field->type));
        }
        wkv_writer_put(writer, "]", 1);
    }
    wkv_writer_put(writer, "}", 1);
}

void wkv_writer_message(struct wkv_writer *writer, const ProtobufCMessage *message)
{
    if (message->descriptor != writer->type || writer->next_field != 0) {
        writer->misused = true;
        return;
    }
    writer->next_field = writer->type->n_fields;
    if (writer->encoding != WKV_PROTOBUF) {
        /* begin has written what a message begins with, and end will write JSON's brace: the message brings
         * its own. */
        writer->buffer->len = 0;
        writer->total_bytes = 0;
        writer->whole = true;
        if (writer->encoding == WKV_JSON)
            put_json_message(writer, message);
        else
            wkv_msgpack_put_message(writer, message);
        return;
    }
    char *at = wkv_writer_claim(writer, protobuf_c_message_get_packed_size(message));
    if (at != NULL)
        (void)protobuf_c_message_pack(message, (uint8_t *)at);
}

enum wkv_code wkv_writer_end(struct wkv_writer *writer)
{
    skip_to(writer, writer->type->n_fields);
    if (writer->encoding == WKV_JSON && !writer->whole)
        wkv_writer_put(writer, "}", 1);
    if (writer->misused)
        return WKV_NO_MEMORY;
    if (writer->total_bytes > writer->max_bytes)
        return WKV_TOO_LARGE;
    return writer->buffer->failed ? WKV_NO_MEMORY : WKV_OK;
}
