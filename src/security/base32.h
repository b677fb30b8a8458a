/* Base32 of RFC 4648 without padding, upper case, one spelling for every run of bytes. */
#ifndef WKV_SECURITY_BASE32_H
#define WKV_SECURITY_BASE32_H

#include <stdbool.h>
#include <stddef.h>

/* What became of a decoding. */
enum wkv_base32 {
    WKV_BASE32_OK,
    WKV_BASE32_ALPHABET,      /* a character that is not A-Z or 2-7 */
    WKV_BASE32_TRAILING_BITS, /* the bits after the last byte are not zero */
};

/* Decodes len characters to len * 5 / 8 bytes. */
enum wkv_base32 wkv_base32_decode(const char *text, size_t len, unsigned char *bytes);

/* Encodes len bytes to (len * 8 + 4) / 5 characters and a NUL. */
void wkv_base32_encode(const unsigned char *bytes, size_t len, char *text);

#endif
