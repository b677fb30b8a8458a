/* JSON requests: jansson reads the text, walk.c says what each member must be (proto3's JSON mapping), and
 * what comes out lies in the arena and nothing else does. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/walk.h"

#define EXAMPLE_BYTES 128

/* Up to here every integer has a double of its own; beyond it several share one. */
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

/* Reads a text of digits alone, with a sign if it is negative and no leading zeros. text ends with a NUL.
 * Returns false for any other text, and where 64 bits do not hold the number. */
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

/* A number in a string follows JSON's grammar, so jansson reads it too, except for a number of digits alone,
 * for which jansson has a bit too few. Without the check of its ends jansson would skip white space there. */
static enum wkv_code take_integer(struct wkv_walk *walk, ProtobufCType type, struct wkv_node *node)
{
    (void)type;
    const char *text = node->text.data;
    size_t len = node->text.len;
    if (node->kind != WKV_NODE_TEXT || len == 0 || (text[0] != '-' && !is_digit(text[0])) ||
        !is_digit(text[len - 1]))
        return WKV_OK;
    bool whole = integer_of_digits(text, len, &node->integer);
    if (!whole) {
        json_error_t wrong;
        json_t *number = json_loadb(text, len, JSON_DECODE_ANY, &wrong);
        if (number == NULL && json_error_code(&wrong) == json_error_out_of_memory)
            return wkv_decode_out_of_memory(walk->request, walk->arena, walk->error);
        whole = number != NULL && integer_of_number(number, &node->integer);
        json_decref(number);
    }
    if (whole)
        node->kind = WKV_NODE_INTEGER;
    return WKV_OK;
}

static struct wkv_node node_of(json_t *json)
{
    struct wkv_node node = {.kind = WKV_NODE_OTHER, .tree = json};
    switch (json_typeof(json)) {
    case JSON_NULL:
        node.kind = WKV_NODE_NULL;
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        node.kind = WKV_NODE_BOOL;
        node.boolean = json_is_true(json);
        break;
    case JSON_STRING:
        node.kind = WKV_NODE_TEXT;
        node.text = (struct wkv_text){json_string_value(json), json_string_length(json)};
        break;
    case JSON_ARRAY:
        node.kind = WKV_NODE_ARRAY;
        node.count = json_array_size(json);
        break;
    case JSON_OBJECT:
        node.kind = WKV_NODE_MAP;
        node.count = json_object_size(json);
        node.pair = json_object_iter(json);
        break;
    default:
        node.kind = integer_of_number(json, &node.integer) ? WKV_NODE_INTEGER : WKV_NODE_OTHER;
    }
    return node;
}

static enum wkv_code take_key(struct wkv_walk *walk, struct wkv_node *map, struct wkv_node *key)
{
    (void)walk;
    const char *name = json_object_iter_key(map->pair);
    *key = (struct wkv_node){.kind = WKV_NODE_TEXT, .text = {name, strlen(name)}};
    return WKV_OK;
}

static enum wkv_code take_value(struct wkv_walk *walk, struct wkv_node *from, struct wkv_node *value)
{
    (void)walk;
    if (from->kind == WKV_NODE_ARRAY) {
        *value = node_of(json_array_get(from->tree, from->taken++));
        return WKV_OK;
    }
    *value = node_of(json_object_iter_value(from->pair));
    from->pair = json_object_iter_next(from->tree, from->pair);
    return WKV_OK;
}

static enum wkv_code take_variant(struct wkv_walk *walk, const ProtobufCEnumDescriptor *type,
                                  struct wkv_node *node)
{
    (void)walk;
    wkv_walk_find_variant(type, node);
    return WKV_OK;
}

static const struct wkv_notation notation = {.name = "JSON",
                                             .field = "member",
                                             .text = "a string, such as \"a\"",
                                             .message = "an object",
                                             .map = "an object of strings, such as {\"a\":\"b\"}",
                                             .has_checked_text = true, /* by jansson */
                                             .takes_base64 = true,
                                             .variant = "the name or the number of one of its variants",
                                             .is_name = wkv_is_name,
                                             .key = take_key,
                                             .value = take_value,
                                             .integer = take_integer,
                                             .take_variant = take_variant};

/* Bytes that jansson allocates for the parts of a tree, its table's growth included (2.14, 64 bit: rounded
 * up). */
#define OBJECT_BYTES 256
#define ARRAY_BYTES 160
#define MEMBER_BYTES 160
#define VALUE_BYTES 112

/* Estimates the most that jansson allocates for a text, apart from the characters of its strings. jansson's
 * tree does not come from the arena, and a text of tiny values makes a tree a hundred times its size, so the
 * text is weighed first. What stands in strings is skipped. A text that is not JSON is weighed at least as
 * far as jansson would read it, but no deeper than jansson goes: deeper nesting is malformed anyway. */
static uint64_t weigh_tree(const char *bytes, size_t len)
{
    uint64_t weight = VALUE_BYTES;
    bool in_string = false;
    size_t depth = 0;
    for (size_t i = 0; i < len && depth <= JSON_PARSER_MAX_DEPTH; i++) {
        char c = bytes[i];
        if (c == '\\')
            i++; /* outside of strings it is a syntax error, so what it hides there does not matter */
        else if (c == '"')
            in_string = !in_string;
        if (in_string)
            continue;
        weight += c == '{' ? OBJECT_BYTES : c == '[' ? ARRAY_BYTES : c == ':' ? MEMBER_BYTES : 0;
        weight += c == ',' ? VALUE_BYTES : 0;
        depth += c == '{' || c == '[';
        depth -= (c == '}' || c == ']') && depth > 0;
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

/* Says in our own words what jansson rejected: its messages quote the text. */
static const char *name_problem(enum json_error_code code)
{
    static const char *const names[] = {[json_error_premature_end_of_input] = "it ends too early",
                                        [json_error_end_of_input_expected] = "something follows the object",
                                        [json_error_invalid_utf8] = "not UTF-8",
                                        [json_error_null_byte_in_key] = "a NUL in a member's name",
                                        [json_error_duplicate_key] = "a member is there twice",
                                        [json_error_numeric_overflow] = "a number is out of range",
                                        [json_error_stack_overflow] = "nested too deeply"};
    bool known = (size_t)code < sizeof names / sizeof *names && names[code] != NULL;
    return known ? names[code] : "a syntax error";
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
    struct wkv_walk walk = {.notation = &notation, .request = type, .arena = arena, .error = error};
    if (weigh_tree(bytes, len) > arena->max_bytes) {
        arena->bounded = true;
        return wkv_decode_out_of_memory(type, arena, error);
    }
    json_error_t wrong;
    json_t *root = json_loadb(bytes, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &wrong);
    if (root == NULL)
        return json_error_code(&wrong) == json_error_out_of_memory
                   ? wkv_decode_out_of_memory(type, arena, error)
                   : not_json(type, &wrong, error);
    struct wkv_node head = node_of(root);
    enum wkv_code code;
    if (head.kind == WKV_NODE_MAP) {
        code = wkv_walk_message(&walk, type, &head, message);
    } else {
        char example[EXAMPLE_BYTES];
        make_example(type, example, sizeof example);
        code = wkv_fail(error, WKV_BAD_REQUEST, "not a JSON object: send one such as %s", example);
    }
    json_decref(root);
    return code;
}
