#include "codec/msgpack_heads.h"

/* A byte, and size bytes of a number, the highest first. */
static size_t write_head(char *at, uint8_t head, uint64_t number, size_t size)
{
    *at++ = (char)head;
    for (size_t i = size; i > 0; i--)
        *at++ = (char)(uint8_t)(number >> (8 * (i - 1)));
    return 1 + size;
}

static size_t write_negative(char *at, int64_t value)
{
    if (value >= -32)
        return write_head(at, (uint8_t)value, 0, 0);
    if (value >= INT8_MIN)
        return write_head(at, 0xd0, (uint64_t)value, 1);
    if (value >= INT16_MIN)
        return write_head(at, 0xd1, (uint64_t)value, 2);
    if (value >= INT32_MIN)
        return write_head(at, 0xd2, (uint64_t)value, 4);
    return write_head(at, 0xd3, (uint64_t)value, 8);
}

size_t wkv_msgpack_write_integer(char *at, struct wkv_integer integer)
{
    if (integer.negative)
        return write_negative(at, (int64_t)integer.bits);
    if (integer.bits <= 0x7f)
        return write_head(at, (uint8_t)integer.bits, 0, 0);
    if (integer.bits <= UINT8_MAX)
        return write_head(at, 0xcc, integer.bits, 1);
    if (integer.bits <= UINT16_MAX)
        return write_head(at, 0xcd, integer.bits, 2);
    if (integer.bits <= UINT32_MAX)
        return write_head(at, 0xce, integer.bits, 4);
    return write_head(at, 0xcf, integer.bits, 8);
}

/* fixed: the head that holds a count below `most` itself; the ones for counts of 1 (0: there is none), 2 and
 * 4 bytes. */
struct heads {
    uint8_t fixed, most, one, two, four;
};

static size_t write_count(char *at, uint32_t count, struct heads heads)
{
    if (count < heads.most)
        return write_head(at, (uint8_t)(heads.fixed | count), 0, 0);
    if (count <= UINT8_MAX && heads.one != 0)
        return write_head(at, heads.one, count, 1);
    return count <= UINT16_MAX ? write_head(at, heads.two, count, 2) : write_head(at, heads.four, count, 4);
}

size_t wkv_msgpack_write_str_head(char *at, uint32_t len)
{
    return write_count(at, len, (struct heads){0xa0, 32, 0xd9, 0xda, 0xdb});
}

size_t wkv_msgpack_write_array_head(char *at, uint32_t count)
{
    return write_count(at, count, (struct heads){0x90, 16, 0, 0xdc, 0xdd});
}

size_t wkv_msgpack_write_map_head(char *at, uint32_t count)
{
    return write_count(at, count, (struct heads){0x80, 16, 0, 0xde, 0xdf});
}

void wkv_msgpack_write_uint32(char *at, uint32_t number)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (char)(uint8_t)(number >> (24 - 8 * i));
}
