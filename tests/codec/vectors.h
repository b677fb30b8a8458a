/* The vectors in tests/interop/lattice/data, which programs built from waSCC's published crates wrote. Their
 * notation is said in the files: in `hex`, 'origin' is the bytes of that text and (78*65536) a byte or two so
 * many times; in `fields`, {repeat, times} is a text or a list of equal parts.
 */
#ifndef WKV_TESTS_CODEC_VECTORS_H
#define WKV_TESTS_CODEC_VECTORS_H

#include <check.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hex.h"
#include "source_dir.h"
#include "support/buffer.h"

/* Loads data/<name>.json; the caller releases it. */
static inline json_t *vectors_load(const char *name)
{
    char path[512];
    json_error_t error;
    (void)snprintf(path, sizeof path, "%s/tests/interop/lattice/data/%s.json", WKV_SOURCE_DIR, name);
    json_t *data = json_load_file(path, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(data != NULL, "%s: %s", path, error.text);
    return data;
}

/* Reads (78*65536) behind its parenthesis. */
static inline const char *vectors_put_run(struct wkv_buffer *out, const char *at)
{
    uint8_t part[2];
    size_t len = 0;
    for (; *at != '*'; at += 2) {
        ck_assert_uint_lt(len, sizeof part);
        part[len++] = (uint8_t)(hex_digit(at[0]) << 4 | hex_digit(at[1]));
    }
    char *end;
    bool whole = true;
    for (size_t times = strtoul(at + 1, &end, 10); times > 0; times--)
        whole &= wkv_buffer_append(out, part, len);
    ck_assert(whole);
    ck_assert_int_eq(*end, ')');
    return end + 1;
}

/* The bytes of a vector's member: an allocation of just these, which the caller frees. */
static inline uint8_t *vectors_bytes(const json_t *vector, const char *member, size_t *len)
{
    const char *at = json_string_value(json_object_get(vector, member));
    struct wkv_buffer out = {0};
    bool whole = true; /* Check notes every assertion in a file: none in a loop over bytes */
    ck_assert_msg(at != NULL, "a vector has no %s", member);
    while (*at != '\0') {
        if (*at == '\'') {
            const char *end = strchr(at + 1, '\'');
            ck_assert_ptr_nonnull(end);
            whole &= wkv_buffer_append(&out, at + 1, (size_t)(end - at - 1));
            at = end + 1;
        } else if (*at == '(') {
            at = vectors_put_run(&out, at + 1);
        } else {
            char byte = (char)(hex_digit(at[0]) << 4 | hex_digit(at[1]));
            whole &= wkv_buffer_append(&out, &byte, 1);
            at += 2;
        }
    }
    ck_assert(whole);
    uint8_t *exact = malloc(out.len > 0 ? out.len : 1);
    ck_assert_ptr_nonnull(exact);
    if (out.len > 0)
        memcpy(exact, out.data, out.len);
    *len = out.len;
    wkv_buffer_destroy(&out);
    return exact;
}

static inline json_t *vectors_expand_repeat(const char *name, const json_t *part, size_t times)
{
    bool is_list = strcmp(name, "values") == 0 || strcmp(name, "keys") == 0;
    if (is_list) {
        json_t *list = json_array();
        int failed = 0;
        for (size_t i = 0; i < times; i++)
            failed |= json_array_append(list, (json_t *)(uintptr_t)part);
        ck_assert_int_eq(failed, 0);
        return list;
    }
    size_t len = json_string_length(part);
    char *text = malloc(len * times + 1);
    ck_assert_ptr_nonnull(text);
    for (size_t i = 0; i < times; i++)
        memcpy(text + i * len, json_string_value(part), len);
    json_t *value = json_stringn(text, len * times);
    free(text);
    return value;
}

/* The value of the member `name` written out; the caller releases it. */
static inline json_t *vectors_expand(const char *name, json_t *value)
{
    const json_t *part = json_object_get(value, "repeat");
    if (part != NULL)
        return vectors_expand_repeat(name, part, (size_t)json_integer_value(json_object_get(value, "times")));
    if (!json_is_object(value))
        return json_incref(value);
    json_t *object = json_object(), *member;
    json_object_foreach(value, name, member)
        ck_assert_int_eq(json_object_set_new(object, name, vectors_expand(name, member)), 0);
    return object;
}

#endif
