#include "codec/base64.h"

#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void wkv_base64_write(char *at, struct wkv_text bytes)
{
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t group = 0;
        for (size_t k = 0; k < 3; k++)
            group = group << 8 | (k < left ? (unsigned char)bytes.data[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            *at++ = k <= left ? digits[group >> (18 - 6 * k) & 63] : '=';
    }
}

/* 64 for what is no digit. */
static uint32_t value_of(char digit)
{
    digit = (char)(digit == '-' ? '+' : digit == '_' ? '/' : digit);
    const char *found = digit == '\0' ? NULL : strchr(digits, digit);
    return found == NULL ? 64 : (uint32_t)(found - digits);
}

bool wkv_base64_read(struct wkv_text text, unsigned char *bytes, size_t *len)
{
    size_t chars = text.len, count = 0;
    if (chars % 4 == 0)
        for (unsigned i = 0; i < 2 && chars > 0 && text.data[chars - 1] == '='; i++)
            chars--;
    if (chars % 4 == 1)
        return false;
    uint32_t bits = 0;
    for (size_t i = 0; i < chars; i++) {
        uint32_t value = value_of(text.data[i]);
        if (value == 64)
            return false;
        bits = bits << 6 | value;
        if (i % 4 != 0)
            bytes[count++] = (unsigned char)(bits >> (6 - 2 * (i % 4)));
    }
    *len = count;
    return true;
}
