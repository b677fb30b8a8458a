#include "support/utf8.h"

#include <stdint.h>
#include <string.h>

#define ASCII_WORD_HIGH_BITS UINT64_C(0x8080808080808080)

/* Most text is ASCII, so most bytes are passed by the words of eight. Returns the first byte that may not be
 * ASCII.
 */
static const unsigned char *skip_ascii_words(const unsigned char *at, const unsigned char *end)
{
    while (end - at >= 32) {
        uint64_t words[4];
        memcpy(words, at, sizeof words);
        if ((words[0] | words[1] | words[2] | words[3]) & ASCII_WORD_HIGH_BITS)
            break;
        at += sizeof words;
    }
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        if (word & ASCII_WORD_HIGH_BITS)
            break;
        at += 8;
    }
    return at;
}

static bool in_range(unsigned char byte, unsigned char low, unsigned char high)
{
    return byte >= low && byte <= high;
}

static bool is_tail(unsigned char byte)
{
    return in_range(byte, 0x80, 0xbf);
}

/* Bytes of the well-formed sequence that starts at a byte above 0x7f, or 0 where there is none. RFC 3629,
 * section 4:
 *
 *   lead     second   others            lead     second   others
 *   c2..df   80..bf                     f0       90..bf   2 x 80..bf
 *   e0       a0..bf   80..bf            f1..f3   80..bf   2 x 80..bf
 *   e1..ec   80..bf   80..bf            f4       80..8f   2 x 80..bf
 *   ed       80..9f   80..bf
 *   ee..ef   80..bf   80..bf
 *
 * The narrower second bytes are what keeps out overlong forms (e0, f0), surrogates (ed) and what lies above
 * U+10FFFF (f4). */
static size_t sequence_bytes(const unsigned char *at, size_t left)
{
    unsigned char lead = at[0];
    if (in_range(lead, 0xc2, 0xdf))
        return left >= 2 && is_tail(at[1]) ? 2 : 0;
    if (in_range(lead, 0xe0, 0xef)) {
        unsigned char low = lead == 0xe0 ? 0xa0 : 0x80;
        unsigned char high = lead == 0xed ? 0x9f : 0xbf;
        return left >= 3 && in_range(at[1], low, high) && is_tail(at[2]) ? 3 : 0;
    }
    if (in_range(lead, 0xf0, 0xf4)) {
        unsigned char low = lead == 0xf0 ? 0x90 : 0x80;
        unsigned char high = lead == 0xf4 ? 0x8f : 0xbf;
        return left >= 4 && in_range(at[1], low, high) && is_tail(at[2]) && is_tail(at[3]) ? 4 : 0;
    }
    return 0;
}

/* Whether a text of 8 to 32 bytes is ASCII, as most keys are. Words may overlap. */
static bool is_short_ascii(const unsigned char *at, size_t len)
{
    uint64_t word, all = 0;
    for (size_t i = 0; i < len; i += sizeof word) {
        memcpy(&word, at + (i + sizeof word <= len ? i : len - sizeof word), sizeof word);
        all |= word;
    }
    return (all & ASCII_WORD_HIGH_BITS) == 0;
}

bool wkv_utf8_valid(const void *bytes, size_t len)
{
    if (len == 0)
        return true; /* bytes may be NULL then, and NULL + 0 is undefined in C */
    if (len >= sizeof(uint64_t) && len <= 32 && is_short_ascii(bytes, len))
        return true;
    const unsigned char *at = bytes;
    const unsigned char *end = at + len;
    while (at < end) {
        if (*at < 0x80) {
            const unsigned char *rest = skip_ascii_words(at, end);
            at = rest == at ? at + 1 : rest;
            continue;
        }
        size_t step = sequence_bytes(at, (size_t)(end - at));
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}
