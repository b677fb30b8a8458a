#include "security/segment.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "support/text.h"

#define NO 0xff

/* The six bits that each character of the alphabet (RFC 4648, section 5) stands for. A token holds no secret
 * of ours that the time of a look-up could tell. */
/* clang-format off */
static const uint8_t values[256] = {
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, /* 00 */
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, /* 10 */
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, 62, NO, NO, /* 20 */
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, NO, NO, NO, NO, NO, NO, /* 30 */
    NO, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, /* 40 */
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, NO, NO, NO, NO, 63, /* 50 */
    NO, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, /* 60 */
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, NO, NO, NO, NO, NO, /* 70 */
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, /* 80 */
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, /* 90 */
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, /* a0 */
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, /* b0 */
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, /* c0 */
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, /* d0 */
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, /* e0 */
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, /* f0 */
};
/* clang-format on */

bool wkv_segment_decode(struct wkv_text text, unsigned char *bytes, size_t *bytes_len)
{
    const unsigned char *at = (const unsigned char *)text.data;
    const unsigned char *last = at + text.len / 4 * 4;
    unsigned char *out = bytes;
    uint32_t all = 0; /* above 63 after a character that is not in the alphabet */
    for (; at < last; at += 4, out += 3) {
        uint32_t a = values[at[0]], b = values[at[1]], c = values[at[2]], d = values[at[3]];
        uint32_t bits = a << 18 | b << 12 | c << 6 | d;
        all |= a | b | c | d;
        /* Three bytes and a zero, which the next ones overwrite: for four characters there is room for as
         * many bytes. */
        uint32_t ordered = htobe32(bits << 8);
        memcpy(out, &ordered, sizeof ordered);
    }
    /* What is left is one byte in two characters or two bytes in three, and zeros behind it. */
    size_t left = text.len % 4;
    uint32_t bits = 0;
    for (size_t i = 0; i < left; i++) {
        all |= values[at[i]];
        bits = bits << 6 | values[at[i]];
    }
    unsigned zeros = left == 2 ? 4 : left == 3 ? 2 : 0;
    if (all > 63 || left == 1 || (bits & ((1u << zeros) - 1)) != 0)
        return false;
    bits >>= zeros;
    if (left == 3)
        *out++ = (unsigned char)(bits >> 8);
    if (left >= 2)
        *out++ = (unsigned char)bits;
    *bytes_len = (size_t)(out - bytes);
    return true;
}

bool wkv_segments_split(struct wkv_text text, struct wkv_segments *segments)
{
    segments->header = wkv_text_take(&text, '.');
    segments->payload = wkv_text_take(&text, '.');
    segments->signature = text;
    return segments->header.len > 0 && segments->payload.len > 0 && text.len > 0 &&
           memchr(text.data, '.', text.len) == NULL;
}
