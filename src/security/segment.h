/* base64url without padding, one spelling for every run of bytes: what the segments of a token are written
 * in. */
#ifndef WKV_SECURITY_SEGMENT_H
#define WKV_SECURITY_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "wascc_keyvalue/text.h"

/* Decodes a text into bytes, which have room for as many as it has characters. Returns false, bytes being
 * undefined, where a character is not of the alphabet (padding and white space are not), or where encoding
 * the bytes again would not give the same characters. */
bool wkv_segment_decode(struct wkv_text text, unsigned char *bytes, size_t *bytes_len);

/* The three segments of a token. */
struct wkv_segments {
    struct wkv_text header, payload, signature;
};

/* Splits a token at its two dots. Returns false where there are not exactly two, or a segment is empty. */
bool wkv_segments_split(struct wkv_text text, struct wkv_segments *segments);

#endif
