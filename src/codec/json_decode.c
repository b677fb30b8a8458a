/* JSON requests: jansson reads the text, the message's descriptor says what each member must be (proto3's
 * JSON mapping), and what comes out lies in the arena and nothing else does. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/decoders.h"
#include "codec/fields.h"

#define EXAMPLE_BYTES 128
#define MEMBERS_BYTES 192

struct decoder {
    const ProtobufCMessageDescriptor *request;
    struct wkv_arena *arena;
    struct wkv_error *error;
};

/* Where a value stands, for the text of an error. */
struct place {
    const ProtobufCMessageDescriptor *type;
    const ProtobufCFieldDescriptor *field;
    bool is_element; /* of a repeated field */
};

static enum wkv_code out_of_memory(struct decoder *decoder)
{
    return wkv_decode_out_of_memory(decoder->request, decoder->arena, decoder->error);
}

static enum wkv_code must_be(struct decoder *decoder, struct place place, const char *right)
{
    return wkv_fail(decoder->error, WKV_BAD_REQUEST, "%smember \"%s\" of %s must be %s",
                    place.is_element ? "each element of " : "", place.field->name, place.type->short_name,
                    right);
}

/* Up to here every whole number is a double of its own; beyond it a double stands for several. */
#define MAX_EXACT_REAL 9007199254740992.0 /* 2^53 */

/* Returns false where number is no JSON number, or not a whole one. jansson has refused an integer of more
 * than 63 bits, so that the upper half of a uint64 comes in a string. */
static bool integer_of_number(const json_t *number, struct wkv_integer *integer)
{
    if (json_is_integer(number)) {
        *integer = wkv_integer_of(json_integer_value(number));
        return true;
    }
    if (!json_is_real(number))
        return false;
    double real = json_real_value(number);
    if (!(real >= -MAX_EXACT_REAL && real <= MAX_EXACT_REAL) || (double)(int64_t)real != real)
        return false;
    *integer = wkv_integer_of((int64_t)real);
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A text of nothing but digits, a sign in front of them where it is negative, and no 0 in front of others.
 * text ends with a NUL. Returns false for any other, and where 64 bits do not hold it. */
static bool integer_of_digits(const char *text, size_t len, struct wkv_integer *integer)
{
    bool negative = text[0] == '-';
    const char *digits = text + (negative ? 1 : 0);
    size_t count = len - (negative ? 1 : 0);
    if (count == 0 || strspn(digits, "0123456789") != count || (digits[0] == '0' && count > 1))
        return false;
    errno = 0;
    unsigned long long magnitude = strtoull(digits, NULL, 10);
    if (errno != 0 || (negative && magnitude > (uint64_t)INT64_MAX + 1))
        return false;
    *integer = (struct wkv_integer){negative && magnitude > 0, negative ? 0 - magnitude : magnitude};
    return true;
}

/* A string of a number follows the grammar of JSON's numbers, so jansson reads it too, except for a number of
 * mere digits, for which it has a bit too few. Without the check of its ends it would skip white space there.
 */
static enum wkv_code decode_integer_string(struct decoder *decoder, struct place place, const json_t *string,
                                           struct wkv_integer *integer)
{
    const char *right = wkv_integer_range(place.field->type);
    const char *text = json_string_value(string);
    size_t len = json_string_length(string);
    if (len == 0 || (text[0] != '-' && !is_digit(text[0])) || !is_digit(text[len - 1]))
        return must_be(decoder, place, right);
    if (integer_of_digits(text, len, integer))
        return WKV_OK;
    json_error_t wrong;
    json_t *number = json_loadb(text, len, JSON_DECODE_ANY, &wrong);
    if (number == NULL && json_error_code(&wrong) == json_error_out_of_memory)
        return out_of_memory(decoder);
    bool whole = number != NULL && integer_of_number(number, integer);
    json_decref(number);
    return whole ? WKV_OK : must_be(decoder, place, right);
}

static enum wkv_code decode_integer(struct decoder *decoder, struct place place, const json_t *json,
                                    void *slot)
{
    struct wkv_integer integer = {false, 0};
    const char *right = wkv_integer_range(place.field->type);
    if (json_is_string(json)) {
        enum wkv_code code = decode_integer_string(decoder, place, json, &integer);
        if (code != WKV_OK)
            return code;
    } else if (!integer_of_number(json, &integer)) {
        return must_be(decoder, place, right);
    }
    return wkv_integer_store(integer, place.field->type, slot) ? WKV_OK : must_be(decoder, place, right);
}

static enum wkv_code decode_bool(struct decoder *decoder, struct place place, const json_t *json,
                                 protobuf_c_boolean *value)
{
    if (!json_is_boolean(json))
        return must_be(decoder, place, "true or false");
    *value = json_is_true(json);
    return WKV_OK;
}

/* A copy of len bytes in the arena; nothing for no bytes, as protobuf-c does it. Returns false where the
 * arena is full. */
static bool copy_text(struct decoder *decoder, const char *bytes, size_t len, ProtobufCBinaryData *text)
{
    uint8_t *copy = NULL;
    if (len > 0) {
        copy = wkv_arena_alloc(decoder->arena, len);
        if (copy == NULL)
            return false;
        memcpy(copy, bytes, len);
    }
    *text = (ProtobufCBinaryData){len, copy};
    return true;
}

/* jansson has checked that the text is UTF-8. An empty text has no data, as protobuf-c does it. */
static enum wkv_code decode_text(struct decoder *decoder, struct place place, const json_t *json,
                                 ProtobufCBinaryData *text)
{
    if (!json_is_string(json))
        return must_be(decoder, place, "a string, such as \"a\"");
    if (!copy_text(decoder, json_string_value(json), json_string_length(json), text))
        return out_of_memory(decoder);
    return WKV_OK;
}

static enum wkv_code decode_message(struct decoder *decoder, const ProtobufCMessageDescriptor *type,
                                    json_t *object, ProtobufCMessage **message);

/* Decodes one value into slot, the place for one value of the field's type. */
static enum wkv_code decode_value(struct decoder *decoder, struct place place, json_t *json, void *slot)
{
    switch (place.field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        return decode_integer(decoder, place, json, slot);
    case PROTOBUF_C_TYPE_BOOL:
        return decode_bool(decoder, place, json, slot);
    case PROTOBUF_C_TYPE_BYTES:
        return decode_text(decoder, place, json, slot);
    default: /* PROTOBUF_C_TYPE_MESSAGE: decode_member lets no other type come here */
        if (!json_is_object(json))
            return must_be(decoder, place, "an object");
        return decode_message(decoder, place.field->descriptor, json, slot);
    }
}

static bool is_supported(const ProtobufCFieldDescriptor *field)
{
    return field->type != PROTOBUF_C_TYPE_ENUM && wkv_value_bytes(field->type) > 0 &&
           !(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF);
}

/* One member of a map's object as an entry message. */
static enum wkv_code decode_entry(struct decoder *decoder, struct place place, const char *key, json_t *value,
                                  ProtobufCMessage **made)
{
    const ProtobufCMessageDescriptor *type = place.field->descriptor;
    const ProtobufCFieldDescriptor *fields = type->fields;
    ProtobufCMessage *entry = wkv_arena_alloc(decoder->arena, type->sizeof_message);
    if (entry == NULL)
        return out_of_memory(decoder);
    protobuf_c_message_init(type, entry);
    char *base = (char *)entry;
    if (!copy_text(decoder, key, strlen(key), (void *)(base + fields[0].offset)))
        return out_of_memory(decoder);
    *made = entry;
    struct place member = {place.type, place.field, true};
    if (!json_is_string(value))
        return must_be(decoder, member, "a string, such as \"a\"");
    if (!copy_text(decoder, json_string_value(value), json_string_length(value),
                   (void *)(base + fields[1].offset)))
        return out_of_memory(decoder);
    return WKV_OK;
}

/* Proto3's JSON mapping of a map: an object. Maps from strings to strings are all that there are here. */
static enum wkv_code decode_map(struct decoder *decoder, struct place place, json_t *object, char *base)
{
    if (!json_is_object(object))
        return must_be(decoder, place, "an object of strings, such as {\"a\":\"b\"}");
    size_t count = json_object_size(object);
    ProtobufCMessage **entries = wkv_arena_alloc(decoder->arena, count * sizeof(ProtobufCMessage *));
    if (entries == NULL)
        return out_of_memory(decoder);
    size_t decoded = 0;
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        enum wkv_code code = decode_entry(decoder, place, key, value, &entries[decoded++]);
        if (code != WKV_OK)
            return code;
    }
    *(void **)(void *)(base + place.field->offset) = entries;
    *(size_t *)(void *)(base + place.field->quantifier_offset) = decoded;
    return WKV_OK;
}

static enum wkv_code decode_repeated(struct decoder *decoder, struct place place, json_t *array, char *base)
{
    const ProtobufCFieldDescriptor *field = place.field;
    if (!json_is_array(array))
        return must_be(decoder, place, "an array");
    size_t count = json_array_size(array);
    size_t size = wkv_value_bytes(field->type);
    if (count == 0)
        return WKV_OK;
    if (count > SIZE_MAX / size)
        return out_of_memory(decoder);
    char *values = wkv_arena_alloc(decoder->arena, count * size);
    if (values == NULL)
        return out_of_memory(decoder);
    place.is_element = true;
    for (size_t i = 0; i < count; i++) {
        enum wkv_code code = decode_value(decoder, place, json_array_get(array, i), values + i * size);
        if (code != WKV_OK)
            return code;
    }
    *(void **)(void *)(base + field->offset) = values;
    *(size_t *)(void *)(base + field->quantifier_offset) = count;
    return WKV_OK;
}

static enum wkv_code decode_member(struct decoder *decoder, struct place place, json_t *json,
                                   ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *field = place.field;
    char *base = (char *)message;
    if (!is_supported(field))
        return wkv_fail(decoder->error, WKV_BAD_REQUEST,
                        "member \"%s\" of %s is not supported in JSON: send this request in protobuf",
                        field->name, place.type->short_name);
    if (json_is_null(json))
        return WKV_OK; /* the default, which message_init has set */
    if (wkv_field_is_map(field))
        return decode_map(decoder, place, json, base);
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return decode_repeated(decoder, place, json, base);
    if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->type != PROTOBUF_C_TYPE_MESSAGE)
        *(protobuf_c_boolean *)(void *)(base + field->quantifier_offset) = 1;
    return decode_value(decoder, place, json, base + field->offset);
}

/* The field of type with that proto name or camelCase name, or NULL. */
static const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *type, const char *member)
{
    for (unsigned i = 0; i < type->n_fields; i++)
        if (strcmp(member, type->fields[i].name) == 0 ||
            wkv_is_camel_case(member, strlen(member), type->fields[i].name))
            return &type->fields[i];
    return NULL;
}

/* Names the members that there are, and not the one that came: it may be anything. */
static enum wkv_code unknown_member(struct decoder *decoder, const ProtobufCMessageDescriptor *type)
{
    char members[MEMBERS_BYTES] = "";
    size_t used = 0;
    for (unsigned i = 0; i < type->n_fields && used < sizeof members; i++) {
        int written = snprintf(members + used, sizeof members - used, "%s\"%s\"", i == 0 ? " " : ", ",
                               type->fields[i].name);
        if (written < 0)
            break;
        used += (size_t)written;
    }
    return wkv_fail(decoder->error, WKV_BAD_REQUEST, "unknown member in %s: its members are%s",
                    type->short_name, type->n_fields == 0 ? " none" : members);
}

static enum wkv_code decode_message(struct decoder *decoder, const ProtobufCMessageDescriptor *type,
                                    json_t *object, ProtobufCMessage **message)
{
    ProtobufCMessage *decoded = wkv_arena_alloc(decoder->arena, type->sizeof_message);
    if (decoded == NULL)
        return out_of_memory(decoder);
    protobuf_c_message_init(type, decoded);
    const char *member;
    json_t *json;
    json_object_foreach(object, member, json)
    {
        const ProtobufCFieldDescriptor *field = find_field(type, member);
        if (field == NULL)
            return unknown_member(decoder, type);
        /* jansson has refused a name that stands twice; the other name of the same field is left to refuse.
         */
        if (strcmp(member, field->name) != 0 && json_object_get(object, field->name) != NULL)
            return wkv_fail(decoder->error, WKV_BAD_REQUEST,
                            "member \"%s\" of %s is there twice, also in camelCase: send one of the two",
                            field->name, type->short_name);
        enum wkv_code code = decode_member(decoder, (struct place){type, field, false}, json, decoded);
        if (code != WKV_OK)
            return code;
    }
    *message = decoded;
    return WKV_OK;
}

/* Bytes that jansson allocates for the parts of a tree, its table's growth included (2.14, 64 bit: rounded
 * up). */
#define OBJECT_BYTES 256
#define ARRAY_BYTES 160
#define MEMBER_BYTES 160
#define VALUE_BYTES 112

/* About the most that jansson allocates for a text, the characters of its strings aside. Its tree does not
 * come from the arena, and a text of tiny values makes one that is a hundred times the text: so it is weighed
 * first. What stands in strings is passed over; a text that is no JSON is weighed as far as jansson would
 * read it, and then some, but not deeper than it goes: what is nested so is malformed, however long it is. */
static uint64_t weigh_tree(const char *bytes, size_t len)
{
    uint64_t weight = VALUE_BYTES;
    bool in_string = false;
    size_t depth = 0;
    for (size_t i = 0; i < len && depth <= JSON_PARSER_MAX_DEPTH; i++) {
        switch (bytes[i]) {
        case '"':
            in_string = !in_string;
            break;
        case '\\':
            i++; /* outside of strings it is a syntax error, so what it hides there does not matter */
            break;
        case '{':
            weight += in_string ? 0 : OBJECT_BYTES;
            depth += in_string ? 0 : 1;
            break;
        case '[':
            weight += in_string ? 0 : ARRAY_BYTES;
            depth += in_string ? 0 : 1;
            break;
        case '}':
        case ']':
            depth -= in_string || depth == 0 ? 0 : 1;
            break;
        case ':':
            weight += in_string ? 0 : MEMBER_BYTES;
            break;
        case ',':
            weight += in_string ? 0 : VALUE_BYTES;
            break;
        default:
            break;
        }
    }
    return weight;
}

/* Writes an object that type would take, such as {"key":"a"}. */
static void make_example(const ProtobufCMessageDescriptor *type, char *example, size_t size)
{
    if (type->n_fields == 0) {
        (void)snprintf(example, size, "{}");
        return;
    }
    const ProtobufCFieldDescriptor *field = &type->fields[0];
    bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
    const char *value = field->type == PROTOBUF_C_TYPE_BYTES  ? "\"a\""
                        : wkv_integer_range(field->type)      ? "1"
                        : field->type == PROTOBUF_C_TYPE_BOOL ? "true"
                                                              : "{}";
    (void)snprintf(example, size, "{\"%s\":%s%s%s}", field->name, repeated ? "[" : "", value,
                   repeated ? "]" : "");
}

/* What jansson did not like, in our words: its own quote the text. */
static const char *name_problem(enum json_error_code code)
{
    switch (code) {
    case json_error_premature_end_of_input:
        return "it ends too early";
    case json_error_end_of_input_expected:
        return "something follows the object";
    case json_error_invalid_utf8:
        return "not UTF-8";
    case json_error_null_byte_in_key:
        return "a NUL in a member's name";
    case json_error_duplicate_key:
        return "a member is there twice";
    case json_error_numeric_overflow:
        return "a number is out of range";
    case json_error_stack_overflow:
        return "nested too deeply";
    default:
        return "a syntax error";
    }
}

static enum wkv_code not_json(const ProtobufCMessageDescriptor *type, const json_error_t *wrong,
                              struct wkv_error *error)
{
    char example[EXAMPLE_BYTES];
    make_example(type, example, sizeof example);
    return wkv_fail(error, WKV_BAD_REQUEST, "not JSON at byte %d (%s): send an object such as %s",
                    wrong->position, name_problem(json_error_code(wrong)), example);
}

enum wkv_code wkv_decode_json(const ProtobufCMessageDescriptor *type, const void *bytes, size_t len,
                              struct wkv_arena *arena, ProtobufCMessage **message, struct wkv_error *error)
{
    struct decoder decoder = {type, arena, error};
    if (weigh_tree(bytes, len) > arena->max_bytes)
        return wkv_decode_too_large(type, arena, error);
    json_error_t wrong;
    json_t *root = json_loadb(bytes, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &wrong);
    if (root == NULL)
        return json_error_code(&wrong) == json_error_out_of_memory ? out_of_memory(&decoder)
                                                                   : not_json(type, &wrong, error);
    enum wkv_code code;
    if (json_is_object(root)) {
        code = decode_message(&decoder, type, root, message);
    } else {
        char example[EXAMPLE_BYTES];
        make_example(type, example, sizeof example);
        code = wkv_fail(error, WKV_BAD_REQUEST, "not a JSON object: send one such as %s", example);
    }
    json_decref(root);
    return code;
}
