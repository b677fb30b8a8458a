/* base64url without padding, one spelling for every run of bytes: what the segments of a token are written
 * in. */
#ifndef WKV_SECURITY_SEGMENT_H
#define WKV_SECURITY_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>

/* Decodes len characters into bytes, which have room for len. Returns false, bytes being undefined, where a
 * character is not of the alphabet (padding and white space are not), or where encoding the bytes again would
 * not give the same characters. */
bool wkv_segment_decode(const char *text, size_t len, unsigned char *bytes, size_t *bytes_len);

/* The three segments of a token. */
struct wkv_segments {
    const char *header;
    size_t header_len;
    const char *payload;
    size_t payload_len;
    const char *signature;
    size_t signature_len;
};

/* Splits a token at its two dots. Returns false where there are not exactly two, or a segment is empty. */
bool wkv_segments_split(const char *text, size_t len, struct wkv_segments *segments);

#endif
