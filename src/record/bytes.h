/* Integers and texts as bytes, little-endian or as varints, and back. What is read is checked against the end
 * of the bytes: past it, and after anything that no writer makes, everything reads as zero and `bad` is set,
 * so that a reader looks once, at its end. */
#ifndef WKV_RECORD_BYTES_H
#define WKV_RECORD_BYTES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "support/buffer.h"
#include "wascc_keyvalue/text.h"

struct wkv_bytes {
    const char *at, *end;
    bool bad;
};

static inline struct wkv_bytes wkv_bytes_in(struct wkv_text text)
{
    const char *at = text.data == NULL ? "" : text.data;
    return (struct wkv_bytes){at, at + text.len, false};
}

/* The next len bytes, which lie in what is read; of no bytes and no data where there are fewer. */
static inline struct wkv_text wkv_bytes_take(struct wkv_bytes *bytes, uint64_t len)
{
    if (bytes->bad || len > (uint64_t)(bytes->end - bytes->at)) {
        bytes->bad = true;
        return (struct wkv_text){NULL, 0};
    }
    struct wkv_text text = {bytes->at, (size_t)len};
    bytes->at += len;
    return text;
}

/* A fixed number of bytes, at most 8, lowest first. */
static inline uint64_t wkv_bytes_fixed(struct wkv_bytes *bytes, unsigned count)
{
    uint64_t number = 0;
    struct wkv_text text = wkv_bytes_take(bytes, count);
    for (size_t i = text.len; i-- > 0;)
        number = number << 8 | (unsigned char)text.data[i];
    return number;
}

/* Seven bits a byte, lowest first, in as few bytes as will do: each number has one form. */
uint64_t wkv_bytes_varint(struct wkv_bytes *bytes);

/* A varint, and so many bytes. */
static inline struct wkv_text wkv_bytes_text(struct wkv_bytes *bytes)
{
    return wkv_bytes_take(bytes, wkv_bytes_varint(bytes));
}

/* Copies count bytes; zeros where there are fewer. */
static inline void wkv_bytes_copy(struct wkv_bytes *bytes, void *to, size_t count)
{
    struct wkv_text text = wkv_bytes_take(bytes, count);
    memset(to, 0, count);
    if (text.len > 0)
        memcpy(to, text.data, text.len);
}

/* Whether all was read, and all was well. */
static inline bool wkv_bytes_ended(const struct wkv_bytes *bytes)
{
    return !bytes->bad && bytes->at == bytes->end;
}

/* Numbers of either sign, small ones short: 0, -1, 1, -2 … are 0, 1, 2, 3 … */
static inline uint64_t wkv_zigzag(int64_t number)
{
    return (uint64_t)number << 1 ^ (number < 0 ? UINT64_MAX : 0);
}

static inline int64_t wkv_unzigzag(uint64_t number)
{
    return (int64_t)(number >> 1 ^ (0 - (number & 1)));
}

/* The same to a buffer, which says at its end whether there was memory. */
void wkv_put_fixed(struct wkv_buffer *buffer, uint64_t number, unsigned count);
void wkv_put_varint(struct wkv_buffer *buffer, uint64_t number);
void wkv_put_text(struct wkv_buffer *buffer, struct wkv_text text);

#endif
