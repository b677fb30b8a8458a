#include "command/dump.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/base64.h"

static const char *const names[WKV_DUMP_KINDS] = {"scalar", "counter", "list", "set"};

const char *wkv_dump_kind_name(enum wkv_dump_kind kind)
{
    return names[kind];
}

bool wkv_dump_kind_parse(const char *name, enum wkv_dump_kind *kind)
{
    for (int i = 0; i < WKV_DUMP_KINDS; i++)
        if (name != NULL && strcmp(name, names[i]) == 0) {
            *kind = (enum wkv_dump_kind)i;
            return true;
        }
    return false;
}

/* ---- writing ---- */

static json_t *base64_of(ProtobufCBinaryData bytes)
{
    size_t len = wkv_base64_chars(bytes.len);
    char *text = malloc(len + 1);
    if (text == NULL)
        return NULL;
    wkv_base64_write(text, (struct wkv_text){(const char *)bytes.data, bytes.len});
    json_t *json = json_stringn_nocheck(text, len);
    free(text);
    return json;
}

/* NULL where the bytes are not UTF-8, or no memory. */
static json_t *text_of(ProtobufCBinaryData bytes)
{
    return json_stringn(bytes.len == 0 ? "" : (const char *)bytes.data, bytes.len);
}

bool wkv_dump_put(json_t *object, const char *name, ProtobufCBinaryData bytes)
{
    char other[64];
    json_t *text = text_of(bytes);
    if (text != NULL)
        return json_object_set_new(object, name, text) == 0;
    (void)snprintf(other, sizeof other, "%s_base64", name);
    return json_object_set_new(object, other, base64_of(bytes)) == 0;
}

static json_t *array_of(const ProtobufCBinaryData *values, size_t count,
                        json_t *(*write)(ProtobufCBinaryData))
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        if (json_array_append_new(array, write(values[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

bool wkv_dump_put_all(json_t *object, const char *name, const ProtobufCBinaryData *values, size_t count)
{
    char other[64];
    json_t *array = array_of(values, count, text_of);
    if (array != NULL)
        return json_object_set_new(object, name, array) == 0;
    (void)snprintf(other, sizeof other, "%s_base64", name);
    return json_object_set_new(object, other, array_of(values, count, base64_of)) == 0;
}

/* ---- reading ---- */

/* The member, and whether it is in base64; NULL where neither is there, or both. */
static const json_t *find(const json_t *object, const char *name, bool *is_base64)
{
    char other[64];
    (void)snprintf(other, sizeof other, "%s_base64", name);
    const json_t *plain = json_object_get(object, name), *encoded = json_object_get(object, other);
    *is_base64 = plain == NULL;
    return plain != NULL && encoded != NULL ? NULL : plain != NULL ? plain : encoded;
}

static const json_t *value_at(const json_t *member, size_t i)
{
    return json_is_array(member) ? json_array_get(member, i) : member;
}

/* Bytes that all values need, or SIZE_MAX where one is no text. */
static size_t bytes_of(const json_t *member, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        if (!json_is_string(value_at(member, i)))
            return SIZE_MAX;
        bytes += json_string_length(value_at(member, i)) + 3;
    }
    return bytes;
}

/* Writes the value to `at`. Returns its bytes, or SIZE_MAX where it is no base64. */
static size_t take_value(const json_t *value, bool is_base64, unsigned char *at)
{
    struct wkv_text text = {json_string_value(value), json_string_length(value)};
    size_t len = text.len;
    if (is_base64)
        return wkv_base64_read(text, at, &len) ? len : SIZE_MAX;
    memcpy(at, text.data, text.len);
    return len;
}

ProtobufCBinaryData *wkv_dump_take(const json_t *object, const char *name, size_t *count)
{
    bool is_base64;
    const json_t *member = find(object, name, &is_base64);
    *count = json_is_array(member) ? json_array_size(member) : member != NULL;
    size_t bytes = bytes_of(member, *count);
    if (member == NULL || bytes == SIZE_MAX)
        return NULL;
    ProtobufCBinaryData *values = malloc((*count + 1) * sizeof *values + bytes);
    unsigned char *at = (unsigned char *)(values + *count + 1);
    for (size_t i = 0; values != NULL && i < *count; i++) {
        size_t len = take_value(value_at(member, i), is_base64, at);
        if (len == SIZE_MAX) {
            free(values);
            return NULL;
        }
        values[i] = (ProtobufCBinaryData){len, at};
        at += len;
    }
    return values;
}
