/* MessagePack by a hand of the tests' own, with nothing of the codec's: it reads just what hosts read
 * (rmp-serde 0.14: no bin for a list, no float) into JSON, and writes what hosts write, in the smallest form.
 *
 * Reading fails, and never aborts, on bytes that are not that. An enum's variant {1: nil} is the object {"1":
 * null}.
 */
#ifndef WKV_TESTS_CODEC_MSGPACK_JSON_H
#define WKV_TESTS_CODEC_MSGPACK_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/buffer.h"

/* ---- reading ---- */

struct mp_reader {
    const uint8_t *at, *end;
};

enum mp_kind { MP_NIL, MP_BOOL, MP_INTEGER, MP_TEXT, MP_BINARY, MP_ARRAY, MP_MAP, MP_OTHER };

struct mp_value {
    enum mp_kind kind;
    int64_t integer; /* also of MP_BOOL; INT64_MAX stands for all that is more */
    size_t len;      /* bytes of text or binary, or elements, or entries */
    const uint8_t *bytes;
};

static inline bool mp_number(struct mp_reader *reader, size_t bytes, uint64_t *number)
{
    *number = 0;
    if ((size_t)(reader->end - reader->at) < bytes)
        return false;
    while (bytes-- > 0)
        *number = *number << 8 | *reader->at++;
    return true;
}

static inline bool mp_run(struct mp_reader *reader, enum mp_kind kind, uint64_t len, struct mp_value *value)
{
    *value = (struct mp_value){.kind = kind, .len = len, .bytes = reader->at};
    if (kind == MP_ARRAY || kind == MP_MAP)
        return true;
    if ((uint64_t)(reader->end - reader->at) < len)
        return false;
    reader->at += len;
    return true;
}

enum mp_sign { MP_UNSIGNED, MP_SIGNED };

static inline bool mp_integer(struct mp_reader *reader, unsigned bytes, enum mp_sign sign,
                              struct mp_value *value)
{
    uint64_t number;
    if (!mp_number(reader, bytes, &number))
        return false;
    unsigned unused = 64 - 8 * bytes;
    int64_t extended = (int64_t)(number << unused) >> unused;
    bool too_large = sign == MP_UNSIGNED && number > INT64_MAX;
    *value = (struct mp_value){.kind = MP_INTEGER,
                               .integer = sign == MP_SIGNED ? extended
                                          : too_large       ? INT64_MAX
                                                            : (int64_t)number};
    return true;
}

/* A run whose length has so many bytes. */
static inline bool mp_sized(struct mp_reader *reader, enum mp_kind kind, unsigned bytes, unsigned more,
                            struct mp_value *value)
{
    uint64_t len;
    return mp_number(reader, bytes, &len) && mp_run(reader, kind, len + more, value);
}

/* Reads a value; of an array or a map the head. */
static inline bool mp_next(struct mp_reader *reader, struct mp_value *value)
{
    if (reader->at == reader->end)
        return false;
    uint8_t head = *reader->at++;
    *value = (struct mp_value){.kind = MP_NIL};
    if (head <= 0x7f || head >= 0xe0) {
        *value = (struct mp_value){.kind = MP_INTEGER, .integer = (int8_t)head};
        return true;
    }
    if (head <= 0x8f)
        return mp_run(reader, MP_MAP, head & 0x0f, value);
    if (head <= 0x9f)
        return mp_run(reader, MP_ARRAY, head & 0x0f, value);
    if (head <= 0xbf)
        return mp_run(reader, MP_TEXT, head & 0x1f, value);
    if (head == 0xc2 || head == 0xc3)
        *value = (struct mp_value){.kind = MP_BOOL, .integer = head == 0xc3};
    if (head >= 0xc4 && head <= 0xc6)
        return mp_sized(reader, MP_BINARY, 1u << (head - 0xc4), 0, value);
    if (head >= 0xc7 && head <= 0xc9)
        return mp_sized(reader, MP_OTHER, 1u << (head - 0xc7), 1, value);
    if (head == 0xca || head == 0xcb)
        return mp_run(reader, MP_OTHER, head == 0xca ? 4 : 8, value);
    if (head >= 0xcc && head <= 0xcf)
        return mp_integer(reader, 1u << (head - 0xcc), MP_UNSIGNED, value);
    if (head >= 0xd0 && head <= 0xd3)
        return mp_integer(reader, 1u << (head - 0xd0), MP_SIGNED, value);
    if (head >= 0xd4 && head <= 0xd8)
        return mp_run(reader, MP_OTHER, (1u << (head - 0xd4)) + 1, value);
    if (head >= 0xd9 && head <= 0xdb)
        return mp_sized(reader, MP_TEXT, 1u << (head - 0xd9), 0, value);
    if (head >= 0xdc)
        return mp_sized(reader, head <= 0xdd ? MP_ARRAY : MP_MAP, head % 2 == 0 ? 2 : 4, 0, value);
    return head != 0xc1;
}

#define MP_DEPTH 64

/* Reads a whole value of any kind and forgets it. */
static inline bool mp_skip(struct mp_reader *reader, int depth)
{
    struct mp_value value;
    if (depth > MP_DEPTH || !mp_next(reader, &value))
        return false;
    size_t count = value.kind == MP_ARRAY ? value.len : value.kind == MP_MAP ? 2 * value.len : 0;
    for (size_t i = 0; i < count; i++)
        if (!mp_skip(reader, depth + 1))
            return false;
    return true;
}

static inline json_t *mp_json(struct mp_reader *reader, int depth);

static inline json_t *mp_array_json(struct mp_reader *reader, size_t len, int depth)
{
    json_t *array = json_array();
    for (size_t i = 0; i < len; i++)
        if (json_array_append_new(array, mp_json(reader, depth + 1)) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

/* A member that is there twice is an error for hosts. */
static inline json_t *mp_map_json(struct mp_reader *reader, size_t len, int depth)
{
    json_t *object = json_object();
    for (size_t i = 0; i < len; i++) {
        struct mp_value key;
        char name[128] = "";
        bool named = mp_next(reader, &key);
        if (named && key.kind == MP_TEXT && key.len < sizeof name)
            memcpy(name, key.bytes, key.len);
        else if (named && key.kind == MP_INTEGER)
            (void)snprintf(name, sizeof name, "%lld", (long long)key.integer);
        else
            named = false;
        if (!named || json_object_get(object, name) != NULL ||
            json_object_set_new(object, name, mp_json(reader, depth + 1)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* Reads a value that hosts read; NULL for anything else. */
static inline json_t *mp_json(struct mp_reader *reader, int depth)
{
    struct mp_value value;
    if (depth > MP_DEPTH || !mp_next(reader, &value))
        return NULL;
    switch (value.kind) {
    case MP_NIL:
        return json_null();
    case MP_BOOL:
        return json_boolean(value.integer);
    case MP_INTEGER:
        return json_integer(value.integer);
    case MP_TEXT:
        return json_stringn((const char *)value.bytes, value.len);
    case MP_ARRAY:
        return mp_array_json(reader, value.len, depth);
    case MP_MAP:
        return mp_map_json(reader, value.len, depth);
    default:
        return NULL;
    }
}

/* The value that the bytes are, wholly. */
static inline json_t *mp_whole_json(const void *bytes, size_t len)
{
    struct mp_reader reader = {bytes, (const uint8_t *)bytes + len};
    json_t *value = len == 0 ? NULL : mp_json(&reader, 0);
    if (value != NULL && reader.at != reader.end) {
        json_decref(value);
        return NULL;
    }
    return value;
}

/* ---- writing ---- */

static inline void mp_put(struct wkv_buffer *out, uint8_t head, uint64_t number, unsigned bytes)
{
    uint8_t run[9] = {head};
    for (unsigned i = 0; i < bytes; i++)
        run[1 + i] = (uint8_t)(number >> 8 * (bytes - 1 - i));
    if (!wkv_buffer_append(out, run, 1 + bytes))
        abort();
}

static inline void mp_put_bytes(struct wkv_buffer *out, const void *bytes, size_t len)
{
    if (len > 0 && !wkv_buffer_append(out, bytes, len))
        abort();
}

static inline void mp_put_text(struct wkv_buffer *out, const char *text, size_t len)
{
    if (len < 32)
        mp_put(out, (uint8_t)(0xa0 | len), 0, 0);
    else
        mp_put(out,
               len < 0x100     ? 0xd9
               : len < 0x10000 ? 0xda
                               : 0xdb,
               len,
               len < 0x100     ? 1
               : len < 0x10000 ? 2
                               : 4);
    mp_put_bytes(out, text, len);
}

static inline void mp_put_array(struct wkv_buffer *out, size_t len)
{
    if (len < 16)
        mp_put(out, (uint8_t)(0x90 | len), 0, 0);
    else
        mp_put(out, len < 0x10000 ? 0xdc : 0xdd, len, len < 0x10000 ? 2 : 4);
}

static inline void mp_put_map(struct wkv_buffer *out, size_t len)
{
    if (len < 16)
        mp_put(out, (uint8_t)(0x80 | len), 0, 0);
    else
        mp_put(out, len < 0x10000 ? 0xde : 0xdf, len, len < 0x10000 ? 2 : 4);
}

static inline void mp_put_integer(struct wkv_buffer *out, int64_t number)
{
    uint64_t bits = (uint64_t)number;
    if (number >= -32 && number <= 127)
        mp_put(out, (uint8_t)number, 0, 0);
    else if (number > 0)
        mp_put(out,
               bits <= 0xff         ? 0xcc
               : bits <= 0xffff     ? 0xcd
               : bits <= 0xffffffff ? 0xce
                                    : 0xcf,
               bits,
               bits <= 0xff         ? 1
               : bits <= 0xffff     ? 2
               : bits <= 0xffffffff ? 4
                                    : 8);
    else
        mp_put(out,
               number >= INT8_MIN    ? 0xd0
               : number >= INT16_MIN ? 0xd1
               : number >= INT32_MIN ? 0xd2
                                     : 0xd3,
               bits,
               number >= INT8_MIN    ? 1
               : number >= INT16_MIN ? 2
               : number >= INT32_MIN ? 4
                                     : 8);
}

/* A Vec<u8>. */
static inline void mp_put_octets(struct wkv_buffer *out, const void *bytes, size_t len)
{
    mp_put_array(out, len);
    for (size_t i = 0; i < len; i++)
        mp_put_integer(out, ((const uint8_t *)bytes)[i]);
}

/* Objects become maps, in the order of their members. */
static inline void mp_put_json(struct wkv_buffer *out, const json_t *value)
{
    const char *name;
    json_t *member;
    size_t index;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        mp_put_map(out, json_object_size(value));
        json_object_foreach((json_t *)(uintptr_t)value, name, member)
        {
            mp_put_text(out, name, strlen(name));
            mp_put_json(out, member);
        }
        break;
    case JSON_ARRAY:
        mp_put_array(out, json_array_size(value));
        json_array_foreach(value, index, member) mp_put_json(out, member);
        break;
    case JSON_STRING:
        mp_put_text(out, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        mp_put_integer(out, json_integer_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        mp_put(out, json_is_true(value) ? 0xc3 : 0xc2, 0, 0);
        break;
    case JSON_NULL:
        mp_put(out, 0xc0, 0, 0);
        break;
    default:
        abort(); /* hosts write no fractions */
    }
}

#endif
