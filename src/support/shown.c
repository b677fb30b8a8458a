#include "support/shown.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define NO_CHARACTER UINT32_MAX

/* The character at the beginning, and its bytes; NO_CHARACTER and 1 where there is none in UTF-8 (RFC 3629).
 */
static size_t read_character(const unsigned char *text, size_t len, uint32_t *character)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char lead = text[0];
    size_t bytes = lead < 0x80   ? 1
                   : lead < 0xc0 ? 0
                   : lead < 0xe0 ? 2
                   : lead < 0xf0 ? 3
                   : lead < 0xf8 ? 4
                                 : 0;
    *character = NO_CHARACTER;
    if (bytes == 0 || bytes > len)
        return 1;
    uint32_t found = bytes == 1 ? lead : lead & (0x7fu >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 1;
        found = found << 6 | (text[i] & 0x3f);
    }
    if (found < least[bytes] || found > 0x10ffff || (found >= 0xd800 && found <= 0xdfff))
        return 1;
    *character = found;
    return bytes;
}

/* Whether a terminal, or the eye, may take it for something other than a character. */
static bool steers(uint32_t character)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0, 0x1f},        {0x7f, 0x9f},     {0xad, 0xad},       {0x61c, 0x61c},
        {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f},
        {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (character >= ranges[i].first && character <= ranges[i].last)
            return true;
    return character == NO_CHARACTER;
}

static size_t put(char out[WKV_SHOWN_ONE_BYTES], const char *format, uint32_t first, uint32_t second)
{
    char text[WKV_SHOWN_ONE_BYTES + 1];
    int len = snprintf(text, sizeof text, format, first, second);
    memcpy(out, text, (size_t)len);
    return (size_t)len;
}

/* A character that steers, or a byte that is none. */
static size_t escape(enum wkv_shown_as as, uint32_t character, unsigned char byte,
                     char out[WKV_SHOWN_ONE_BYTES])
{
    if (as == WKV_SHOWN_JSON && character == NO_CHARACTER)
        return put(out, "\\ufffd", 0, 0);
    if (as == WKV_SHOWN_JSON && character > 0xffff)
        return put(out, "\\u%04x\\u%04x", 0xd7c0 + (character >> 10), 0xdc00 + (character & 0x3ff));
    if (as == WKV_SHOWN_JSON)
        return put(out, "\\u%04x", character, 0);
    if (character == NO_CHARACTER || character <= 0x7f)
        return put(out, "\\x%02x", byte, 0);
    return put(out, "\\u{%04x}", character, 0);
}

size_t wkv_shown_one(enum wkv_shown_as as, const char *text, size_t len, char out[WKV_SHOWN_ONE_BYTES],
                     size_t *out_len)
{
    uint32_t character;
    unsigned char byte = (unsigned char)text[0];
    size_t bytes = read_character((const unsigned char *)text, len, &character);
    if (as == WKV_SHOWN_ASCII && byte > 0x7e) {
        bytes = 1;
        character = NO_CHARACTER;
    }
    if (!steers(character) || (as == WKV_SHOWN_JSON && (byte == '\n' || byte == '\t'))) {
        memcpy(out, text, bytes);
        *out_len = bytes;
    } else {
        *out_len = escape(as, character, byte, out);
    }
    return bytes;
}

size_t wkv_shown(enum wkv_shown_as as, const char *text, size_t len, char *out, size_t out_bytes)
{
    size_t written = 0;
    for (size_t at = 0; at < len;) {
        char one[WKV_SHOWN_ONE_BYTES];
        size_t one_len;
        at += wkv_shown_one(as, text + at, len - at, one, &one_len);
        if (one_len >= out_bytes - written)
            break;
        memcpy(out + written, one, one_len);
        written += one_len;
    }
    out[written] = '\0';
    return written;
}

/* A seed has 58 characters, a token hundreds. */
#define GIVEN_CHARS 40

const char *wkv_shown_given(const char *value, char out[WKV_SHOWN_GIVEN_BYTES])
{
    size_t len = strlen(value);
    if (len <= GIVEN_CHARS)
        (void)snprintf(out, WKV_SHOWN_GIVEN_BYTES, ", not \"%s\"", value);
    else
        (void)snprintf(out, WKV_SHOWN_GIVEN_BYTES, ", not a text of %zu bytes", len);
    return out;
}
