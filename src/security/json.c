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

static enum wkv_code fail_missing(const char *what, const char *name, enum wkv_presence presence,
                                  struct wkv_error *error)
{
    return presence == WKV_OPTIONAL ? WKV_OK : wkv_fail(error, WKV_UNAUTHORIZED, "%s have no %s", what, name);
}

enum wkv_code wkv_json_string(const char *what, const json_t *object, const char *name,
                              enum wkv_presence presence, const char **value, struct wkv_error *error)
{
    const json_t *member = json_object_get(object, name);
    if (member == NULL)
        return fail_missing(what, name, presence, error);
    if (!json_is_string(member))
        return wkv_fail(error, WKV_UNAUTHORIZED, "%s have a member %s that is not a string", what, name);
    *value = json_string_value(member);
    return WKV_OK;
}

enum wkv_code wkv_json_integer(const char *what, const json_t *object, const char *name,
                               enum wkv_presence presence, int64_t low, int64_t high, int64_t *value,
                               struct wkv_error *error)
{
    const json_t *member = json_object_get(object, name);
    if (member == NULL)
        return fail_missing(what, name, presence, error);
    if (!json_is_integer(member))
        return wkv_fail(error, WKV_UNAUTHORIZED, "%s have a member %s that is not an integer", what, name);
    int64_t number = json_integer_value(member);
    if (number < low || number > high)
        return wkv_fail(error, WKV_UNAUTHORIZED, "%s have a member %s that is not from %lld to %lld", what,
                        name, (long long)low, (long long)high);
    *value = number;
    return WKV_OK;
}

enum wkv_code wkv_json_strings(const char *what, const json_t *object, const char *name, const char ***values,
                               size_t *count, struct wkv_error *error)
{
    const json_t *member = json_object_get(object, name);
    if (member == NULL || json_is_null(member))
        return WKV_OK;
    if (!json_is_array(member))
        return wkv_fail(error, WKV_UNAUTHORIZED, "%s have %s that are not an array of strings", what, name);
    size_t size = json_array_size(member);
    const char **texts = calloc(size == 0 ? 1 : size, sizeof *texts);
    if (texts == NULL)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory to read %s", what);
    for (size_t i = 0; i < size; i++) {
        texts[i] = json_string_value(json_array_get(member, i));
        if (texts[i] == NULL) {
            free(texts);
            return wkv_fail(error, WKV_UNAUTHORIZED, "%s have %s that are not an array of strings", what,
                            name);
        }
    }
    *values = texts;
    *count = size;
    return WKV_OK;
}
