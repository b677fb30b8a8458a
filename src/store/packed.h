/* Texts packed end to end, as lists and small sets keep them. Each is its length and its bytes, the length in
 * 7-bit groups, least significant first, with the top bit set on all but the last (LEB128):
 *
 *   +--------------+-------------+--------------+-------------+-- ...
 *   | length 1..5B | bytes       | length 1..5B | bytes       |
 *   +--------------+-------------+--------------+-------------+-- ...
 */
#ifndef WKV_STORE_PACKED_H
#define WKV_STORE_PACKED_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "wascc_keyvalue/store.h"

/* Bytes that a text takes. */
static inline size_t wkv_packed_bytes(size_t len)
{
    size_t bytes = 1 + len;
    for (size_t rest = len >> 7; rest != 0; rest >>= 7)
        bytes++;
    return bytes;
}

/* The next larger size of a block of packed texts, of 16 bytes and more: a quarter is seldom too much of
 * them, and many can be added before they are copied again. */
static inline size_t wkv_packed_grown(size_t bytes)
{
    return (bytes + bytes / 4 + 15) & ~(size_t)15;
}

/* Writes text at `at`, which has room, and returns the place behind it. */
static inline char *wkv_packed_write(char *at, struct wkv_text text)
{
    size_t rest = text.len;
    for (; rest > 0x7f; rest >>= 7)
        *at++ = (char)(rest | 0x80);
    *at++ = (char)rest;
    if (text.len > 0)
        memcpy(at, text.data, text.len);
    return at + text.len;
}

/* Reads the text at `at` and returns the place behind it. */
static inline const char *wkv_packed_read(const char *at, struct wkv_text *text)
{
    size_t len = 0;
    unsigned shift = 0;
    unsigned char byte;
    do {
        byte = (unsigned char)*at++;
        len |= (size_t)(byte & 0x7f) << shift;
        shift += 7;
    } while ((byte & 0x80) != 0);
    text->data = at;
    text->len = len;
    return at + len;
}

#endif
