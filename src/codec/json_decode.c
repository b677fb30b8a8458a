/* JSON requests: jansson reads the text, the message's descriptor says what each member must be (proto3's
 * JSON mapping), and what comes out lies in the arena and nothing else does. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "decoders.h"

#define EXAMPLE_BYTES 128
#define MEMBERS_BYTES 192
#define RANGE "a whole number from -2147483648 to 2147483647, such as 1"

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

static bool is_whole_int32(double real)
{
    return real >= INT32_MIN && real <= INT32_MAX && (double)(int32_t)real == real;
}

/* Returns false where number is no JSON number, or not one that an int32 holds. */
static bool int32_of_number(const json_t *number, int32_t *value)
{
    if (json_is_integer(number)) {
        json_int_t integer = json_integer_value(number);
        *value = (int32_t)integer;
        return integer >= INT32_MIN && integer <= INT32_MAX;
    }
    if (!json_is_real(number) || !is_whole_int32(json_real_value(number)))
        return false;
    *value = (int32_t)json_real_value(number);
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A string of a number follows the grammar of JSON's numbers, so jansson reads it too. Without the check of
 * its ends it would skip white space there. */
static enum wkv_code decode_int32_string(struct decoder *decoder, struct place place, const json_t *string,
                                         int32_t *value)
{
    const char *text = json_string_value(string);
    size_t len = json_string_length(string);
    if (len == 0 || (text[0] != '-' && !is_digit(text[0])) || !is_digit(text[len - 1]))
        return must_be(decoder, place, RANGE);
    json_error_t wrong;
    json_t *number = json_loadb(text, len, JSON_DECODE_ANY, &wrong);
    if (number == NULL && json_error_code(&wrong) == json_error_out_of_memory)
        return out_of_memory(decoder);
    bool fits = number != NULL && int32_of_number(number, value);
    json_decref(number);
    return fits ? WKV_OK : must_be(decoder, place, RANGE);
}

static enum wkv_code decode_int32(struct decoder *decoder, struct place place, const json_t *json,
                                  int32_t *value)
{
    if (json_is_string(json))
        return decode_int32_string(decoder, place, json, value);
    return int32_of_number(json, value) ? WKV_OK : must_be(decoder, place, RANGE);
}

static enum wkv_code decode_bool(struct decoder *decoder, struct place place, const json_t *json,
                                 protobuf_c_boolean *value)
{
    if (!json_is_boolean(json))
        return must_be(decoder, place, "true or false");
    *value = json_is_true(json);
    return WKV_OK;
}

/* A copy of len bytes in the arena; nothing for no bytes, as protobuf-c does it. Returns false where the arena is full. */
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
        return decode_int32(decoder, place, json, slot);
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

/* Bytes of one value in a message's struct, or 0 for a type that this decoder does not know. */
static size_t value_bytes(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
        return sizeof(int32_t);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(ProtobufCMessage *);
    default:
        return 0;
    }
}

/* A map arrives as a repeated message named after it, {1 key, 2 value}; descriptors have no other mark of it.
 */
static bool is_map(const ProtobufCFieldDescriptor *field)
{
    if (field->label != PROTOBUF_C_LABEL_REPEATED || field->type != PROTOBUF_C_TYPE_MESSAGE)
        return false;
    const ProtobufCMessageDescriptor *entry = field->descriptor;
    size_t len = strlen(entry->short_name);
    return len > 5 && strcmp(entry->short_name + len - 5, "Entry") == 0 && entry->n_fields == 2 &&
           strcmp(entry->fields[0].name, "key") == 0 && entry->fields[0].type == PROTOBUF_C_TYPE_BYTES &&
           strcmp(entry->fields[1].name, "value") == 0 && entry->fields[1].type == PROTOBUF_C_TYPE_BYTES;
}

static bool is_supported(const ProtobufCFieldDescriptor *field)
{
    return value_bytes(field->type) > 0 && !(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF);
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
    size_t size = value_bytes(field->type);
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
    if (is_map(field))
        return decode_map(decoder, place, json, base);
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return decode_repeated(decoder, place, json, base);
    if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->type != PROTOBUF_C_TYPE_MESSAGE)
        *(protobuf_c_boolean *)(void *)(base + field->quantifier_offset) = 1;
    return decode_value(decoder, place, json, base + field->offset);
}

/* Whether member is the camelCase form of a proto name: expiresS of expires_s. */
static bool is_camel_case(const char *member, const char *proto_name)
{
    bool raise = false;
    for (; *proto_name != '\0'; proto_name++) {
        if (*proto_name == '_') {
            raise = true;
            continue;
        }
        char c = *proto_name;
        if (raise && c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        raise = false;
        if (*member++ != c)
            return false;
    }
    return *member == '\0';
}

/* The field of type with that proto name or camelCase name, or NULL. */
static const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *type, const char *member)
{
    for (unsigned i = 0; i < type->n_fields; i++)
        if (strcmp(member, type->fields[i].name) == 0 || is_camel_case(member, type->fields[i].name))
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
 * read it, and then some. */
static uint64_t weigh_tree(const char *bytes, size_t len)
{
    uint64_t weight = VALUE_BYTES;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        switch (bytes[i]) {
        case '"':
            in_string = !in_string;
            break;
        case '\\':
            i++; /* outside of strings it is a syntax error, so what it hides there does not matter */
            break;
        case '{':
            weight += in_string ? 0 : OBJECT_BYTES;
            break;
        case '[':
            weight += in_string ? 0 : ARRAY_BYTES;
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
    const char *value = field->type == PROTOBUF_C_TYPE_BYTES   ? "\"a\""
                        : field->type == PROTOBUF_C_TYPE_INT32 ? "1"
                        : field->type == PROTOBUF_C_TYPE_BOOL  ? "true"
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
        return out_of_memory(&decoder);
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
