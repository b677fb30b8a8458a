#include "codec/msgpack_read.h"

#include <string.h>

static bool fail(struct wkv_msgpack_reader *reader, size_t start, const char *wrong)
{
    reader->at = start;
    reader->wrong = wrong;
    return false;
}

static bool ends_too_early(struct wkv_msgpack_reader *reader, size_t start)
{
    return fail(reader, start, "it ends too early");
}

/* Takes a big-endian number of size bytes (1, 2, 4 or 8). */
static bool take_number(struct wkv_msgpack_reader *reader, size_t size, uint64_t *number)
{
    if (size > reader->len - reader->at)
        return false;
    *number = 0;
    for (size_t i = 0; i < size; i++)
        *number = *number << 8 | reader->bytes[reader->at + i];
    reader->at += size;
    return true;
}

static bool take_bytes(struct wkv_msgpack_reader *reader, size_t start, enum wkv_msgpack_kind kind,
                       uint64_t len, struct wkv_msgpack_value *value)
{
    if (len > reader->len - reader->at)
        return ends_too_early(reader, start);
    value->kind = kind;
    value->bytes = reader->bytes + reader->at;
    value->len = (uint32_t)len;
    reader->at += (size_t)len;
    return true;
}

static bool take_head(struct wkv_msgpack_reader *reader, size_t start, enum wkv_msgpack_kind kind,
                      uint64_t count, struct wkv_msgpack_value *value)
{
    uint64_t least = kind == WKV_MSGPACK_MAP ? 2 * count : count;
    if (least > reader->len - reader->at)
        return fail(reader, start,
                    kind == WKV_MSGPACK_MAP ? "a map has more entries than bytes are left"
                                            : "an array has more elements than bytes are left");
    value->kind = kind;
    value->len = (uint32_t)count;
    return true;
}

/* Extends the sign of a number of size bytes. */
static struct wkv_integer signed_integer(uint64_t number, size_t size)
{
    uint64_t sign = UINT64_C(1) << (8 * size - 1);
    if ((number & sign) == 0)
        return (struct wkv_integer){false, number};
    return (struct wkv_integer){true, number | ~(sign - 1)};
}

/* The heads of one byte that stand for a number of bytes behind them:
 *
 *   c4 c5 c6  bin    with a length of 1, 2, 4 bytes   d0 .. d3  int     of 1, 2, 4, 8 bytes
 *   c7 c8 c9  ext    likewise, and a type of a byte   d4 .. d8  fixext  of 1, 2, 4, 8, 16 bytes, and a type
 *   ca cb     float  of 4, 8 bytes                    d9 da db  str     with a length of 1, 2, 4 bytes
 *   cc .. cf  uint   of 1, 2, 4, 8 bytes              dc dd     array   with a count of 2, 4 bytes
 *                                                     de df     map     likewise
 */
static bool next_after_head(struct wkv_msgpack_reader *reader, size_t start, uint8_t head,
                            struct wkv_msgpack_value *value)
{
    static const uint8_t sizes[] = {1, 2, 4, 1, 2, 4, 4, 8, 1, 2, 4, 8, 1, 2,
                                    4, 8, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4};
    size_t size = sizes[head - 0xc4];
    uint64_t number = 0;
    if (!take_number(reader, size, &number))
        return ends_too_early(reader, start);
    if (head <= 0xc6)
        return take_bytes(reader, start, WKV_MSGPACK_BIN, number, value);
    if (head <= 0xc9)
        return take_bytes(reader, start, WKV_MSGPACK_EXT, number + 1, value);
    if (head <= 0xcb) {
        value->kind = WKV_MSGPACK_FLOAT;
        return true;
    }
    if (head <= 0xd3) {
        value->kind = WKV_MSGPACK_INTEGER;
        value->integer = head <= 0xcf ? (struct wkv_integer){false, number} : signed_integer(number, size);
        return true;
    }
    if (head <= 0xd8)
        return take_bytes(reader, start, WKV_MSGPACK_EXT, (UINT64_C(1) << (head - 0xd4)) + 1, value);
    if (head <= 0xdb)
        return take_bytes(reader, start, WKV_MSGPACK_STR, number, value);
    return take_head(reader, start, head <= 0xdd ? WKV_MSGPACK_ARRAY : WKV_MSGPACK_MAP, number, value);
}

/* The heads that hold their number themselves:
 *
 *   00 .. 7f   integer 0 to 127     a0 .. bf   str of 0 to 31 bytes     c2 c3      false, true
 *   80 .. 8f   map of 0 to 15       c0         nil                      e0 .. ff   integer -32 to -1
 *   90 .. 9f   array of 0 to 15     c1         never used
 */
bool wkv_msgpack_next(struct wkv_msgpack_reader *reader, struct wkv_msgpack_value *value)
{
    size_t start = reader->at;
    *value = (struct wkv_msgpack_value){.kind = WKV_MSGPACK_NIL};
    if (start >= reader->len)
        return ends_too_early(reader, start);
    uint8_t head = reader->bytes[reader->at++];
    if (head <= 0x7f || head >= 0xe0) {
        value->kind = WKV_MSGPACK_INTEGER;
        value->integer = signed_integer(head, 1);
        return true;
    }
    if (head <= 0x8f)
        return take_head(reader, start, WKV_MSGPACK_MAP, head & 0x0f, value);
    if (head <= 0x9f)
        return take_head(reader, start, WKV_MSGPACK_ARRAY, head & 0x0f, value);
    if (head <= 0xbf)
        return take_bytes(reader, start, WKV_MSGPACK_STR, head & 0x1f, value);
    if (head == 0xc1)
        return fail(reader, start, "no value begins with the byte c1");
    if (head >= 0xc4)
        return next_after_head(reader, start, head, value);
    value->kind = head == 0xc0 ? WKV_MSGPACK_NIL : WKV_MSGPACK_BOOL;
    value->boolean = head == 0xc3;
    return true;
}

/* Counts what is still to come on each level instead of recursing, however deeply a value nests. */
bool wkv_msgpack_skip(struct wkv_msgpack_reader *reader)
{
    uint64_t left[WKV_MSGPACK_MAX_DEPTH + 1];
    unsigned level = 0;
    left[0] = 1;
    for (;;) {
        while (left[level] == 0) {
            if (level == 0)
                return true;
            level--;
        }
        left[level]--;
        size_t start = reader->at;
        struct wkv_msgpack_value value;
        if (!wkv_msgpack_next(reader, &value))
            return false;
        if (value.kind != WKV_MSGPACK_ARRAY && value.kind != WKV_MSGPACK_MAP)
            continue;
        if (level == WKV_MSGPACK_MAX_DEPTH)
            return fail(reader, start, "nested too deeply");
        left[++level] = value.kind == WKV_MSGPACK_MAP ? 2 * (uint64_t)value.len : value.len;
    }
}

bool wkv_msgpack_is_text(const struct wkv_msgpack_value *value, const char *text)
{
    size_t len = strlen(text);
    return (value->kind == WKV_MSGPACK_STR || value->kind == WKV_MSGPACK_BIN) && value->len == len &&
           memcmp(value->bytes, text, len) == 0;
}
