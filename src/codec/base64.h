/* Base64 (RFC 4648), for values in JSON that are not UTF-8. */
#ifndef WKV_CODEC_BASE64_H
#define WKV_CODEC_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "wascc_keyvalue/text.h"

/* Characters of len bytes in base64, padding included. */
static inline size_t wkv_base64_chars(size_t len)
{
    return (len / 3 + (len % 3 != 0)) * 4;
}

/* Writes these characters, without a NUL. */
void wkv_base64_write(char *at, struct wkv_text bytes);

/* Reads base64 in the standard or the URL's alphabet, with padding or without. bytes has room for text.len /
 * 4 * 3 + 2. Returns false for anything else. */
bool wkv_base64_read(struct wkv_text text, unsigned char *bytes, size_t *len);

#endif
