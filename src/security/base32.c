#include "security/base32.h"

#include <stdint.h>

/* -1 for a character that is not in the alphabet. */
static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= '2' && c <= '7')
        return c - '2' + 26;
    return -1;
}

enum wkv_base32 wkv_base32_decode(const char *text, size_t len, unsigned char *bytes)
{
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < len; i++) {
        int value = value_of(text[i]);
        if (value < 0)
            return WKV_BASE32_ALPHABET;
        bits = bits << 5 | (uint32_t)value;
        have += 5;
        if (have >= 8) {
            have -= 8;
            *bytes++ = (unsigned char)(bits >> have);
            bits &= (1u << have) - 1;
        }
    }
    return bits == 0 ? WKV_BASE32_OK : WKV_BASE32_TRAILING_BITS;
}

void wkv_base32_encode(const unsigned char *bytes, size_t len, char *text)
{
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | bytes[i];
        have += 8;
        while (have >= 5) {
            have -= 5;
            *text++ = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[bits >> have];
            bits &= (1u << have) - 1;
        }
    }
    if (have > 0)
        *text++ = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[bits << (5 - have)];
    *text = '\0';
}
