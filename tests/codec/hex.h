/* Bytes from hexadecimal digits, so that a test can show them; blanks between the digits are passed over. */
#ifndef WKV_TESTS_CODEC_HEX_H
#define WKV_TESTS_CODEC_HEX_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline unsigned hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    abort();
}

/* An allocation of just these bytes, so that a sanitizer sees a read past their end. The caller frees it. */
static inline uint8_t *hex_bytes(const char *hex, size_t *len)
{
    uint8_t *bytes = calloc(strlen(hex) / 2 + 1, 1);
    if (bytes == NULL)
        abort();
    *len = 0;
    while (*hex != '\0') {
        if (*hex == ' ') {
            hex++;
            continue;
        }
        bytes[(*len)++] = (uint8_t)(hex_digit(hex[0]) << 4 | hex_digit(hex[1]));
        hex += 2;
    }
    uint8_t *exact = malloc(*len > 0 ? *len : 1);
    if (exact == NULL)
        abort();
    memcpy(exact, bytes, *len);
    free(bytes);
    return exact;
}

#endif
