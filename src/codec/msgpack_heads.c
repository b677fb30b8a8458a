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

size_t wkv_msgpack_write_str_head(char *at, uint32_t len)
{
    if (len <= 31)
        return write_head(at, (uint8_t)(0xa0 | len), 0, 0);
    if (len <= UINT8_MAX)
        return write_head(at, 0xd9, len, 1);
    if (len <= UINT16_MAX)
        return write_head(at, 0xda, len, 2);
    return write_head(at, 0xdb, len, 4);
}

size_t wkv_msgpack_write_array_head(char *at, uint32_t count)
{
    if (count <= 15)
        return write_head(at, (uint8_t)(0x90 | count), 0, 0);
    if (count <= UINT16_MAX)
        return write_head(at, 0xdc, count, 2);
    return write_head(at, 0xdd, count, 4);
}

size_t wkv_msgpack_write_map_head(char *at, uint32_t count)
{
    if (count <= 15)
        return write_head(at, (uint8_t)(0x80 | count), 0, 0);
    if (count <= UINT16_MAX)
        return write_head(at, 0xde, count, 2);
    return write_head(at, 0xdf, count, 4);
}

void wkv_msgpack_write_uint32(char *at, uint32_t number)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (char)(uint8_t)(number >> (24 - 8 * i));
}
