#include "security/json.h"

#include <stdlib.h>

#include "security/token.h"

/* Whether arrays and objects nest deeper than limit. The parser recurses; this does not. Brackets in strings
 * do not count; text that is no JSON may be miscounted, which the parser then refuses. */
static bool too_deep(const unsigned char *bytes, size_t len, int limit)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = bytes[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > limit)
                return true;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return false;
}

static enum wkv_code fail_to_parse(const char *what, const json_error_t *why, struct wkv_error *error)
{
    switch (json_error_code(why)) {
    case json_error_unknown:
    case json_error_out_of_memory:
        return wkv_fail(error, WKV_NO_MEMORY, "no memory to read %s", what);
    case json_error_duplicate_key:
        return wkv_fail(error, WKV_UNAUTHORIZED, "%s have a member twice", what);
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return wkv_fail(error, WKV_UNAUTHORIZED, "%s have a string with a NUL in it", what);
    case json_error_numeric_overflow:
        return wkv_fail(error, WKV_UNAUTHORIZED, "%s have a number that is too large", what);
    case json_error_invalid_utf8:
        return wkv_fail(error, WKV_UNAUTHORIZED, "%s are not UTF-8", what);
    default:
        return wkv_fail(error, WKV_UNAUTHORIZED, "%s are not one JSON object", what);
    }
}

enum wkv_code wkv_json_object(const char *what, const unsigned char *bytes, size_t len, json_t **object,
                              struct wkv_error *error)
{
    if (too_deep(bytes, len, WKV_TOKEN_MAX_DEPTH))
        return wkv_fail(error, WKV_UNAUTHORIZED, "%s nest deeper than %d levels", what, WKV_TOKEN_MAX_DEPTH);
    /* jansson names a reason for everything but a lack of memory, which leaves the struct as it was. */
    json_error_t why = {0};
    json_t *root = json_loadb((const char *)bytes, len, JSON_REJECT_DUPLICATES, &why);
    if (root == NULL)
        return fail_to_parse(what, &why, error);
    if (!json_is_object(root)) {
        json_decref(root);
        return wkv_fail(error, WKV_UNAUTHORIZED, "%s are not one JSON object", what);
    }
    *object = root;
    return WKV_OK;
}

static enum wkv_code fail_kind(const char *what, const struct wkv_member *member, const char *right,
                               struct wkv_error *error)
{
    return wkv_fail(error, WKV_UNAUTHORIZED, "%s have a member %s that is not %s", what, member->name, right);
}

static enum wkv_code read_number(const char *what, const json_t *value, const struct wkv_member *member,
                                 struct wkv_error *error)
{
    int64_t number = json_integer_value(value);
    if (!json_is_integer(value))
        return fail_kind(what, member, "an integer", error);
    if (number < member->low || number > member->high)
        return wkv_fail(error, WKV_UNAUTHORIZED, "%s have a member %s that is not from %lld to %lld", what,
                        member->name, (long long)member->low, (long long)member->high);
    *member->number = number;
    return WKV_OK;
}

static enum wkv_code read_texts(const char *what, const json_t *value, const struct wkv_member *member,
                                struct wkv_error *error)
{
    static const char right[] = "an array of strings";
    size_t size = json_array_size(value);
    if (!json_is_array(value))
        return fail_kind(what, member, right, error);
    const char **texts = calloc(size == 0 ? 1 : size, sizeof *texts);
    if (texts == NULL)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory to read %s", what);
    for (size_t i = 0; i < size; i++) {
        texts[i] = json_string_value(json_array_get(value, i));
        if (texts[i] == NULL) {
            free(texts);
            return fail_kind(what, member, right, error);
        }
    }
    *member->texts = texts;
    *member->text_count = size;
    return WKV_OK;
}

static enum wkv_code read_member(const char *what, const json_t *value, const struct wkv_member *member,
                                 struct wkv_error *error)
{
    if (member->number != NULL)
        return read_number(what, value, member, error);
    if (member->texts != NULL)
        return read_texts(what, value, member, error);
    if (member->members != NULL)
        return json_is_object(value) ? wkv_json_members(what, value, member->members, member->count, error)
                                     : fail_kind(what, member, "an object", error);
    if (member->flag != NULL) {
        *member->flag = json_is_true(value);
        return json_is_boolean(value) ? WKV_OK : fail_kind(what, member, "true or false", error);
    }
    if (!json_is_string(value))
        return fail_kind(what, member, "a string", error);
    *member->text = json_string_value(value);
    return WKV_OK;
}

enum wkv_code wkv_json_members(const char *what, const json_t *object, const struct wkv_member *members,
                               size_t count, struct wkv_error *error)
{
    enum wkv_code code = WKV_OK;
    for (size_t i = 0; i < count && code == WKV_OK; i++) {
        const json_t *value = json_object_get(object, members[i].name);
        bool missing = value == NULL || (members[i].or_null && json_is_null(value));
        if (!missing)
            code = read_member(what, value, &members[i], error);
        else if (members[i].required)
            code = wkv_fail(error, WKV_UNAUTHORIZED, "%s have no %s", what, members[i].name);
    }
    return code;
}
