#include "security/segment.h"

#include <sodium.h>
#include <string.h>

#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

bool wkv_segment_decode(const char *text, size_t len, unsigned char *bytes, size_t *bytes_len, char *scratch)
{
    if (sodium_base642bin(bytes, len, text, len, NULL, bytes_len, NULL, VARIANT) != 0)
        return false;
    if (sodium_base64_encoded_len(*bytes_len, VARIANT) != len + 1)
        return false;
    sodium_bin2base64(scratch, len + 1, bytes, *bytes_len, VARIANT);
    return memcmp(scratch, text, len) == 0;
}

bool wkv_segments_split(const char *text, size_t len, struct wkv_segments *segments)
{
    /* No text at all may be no address at all. */
    if (len == 0)
        return false;
    const char *end = text + len;
    const char *first = memchr(text, '.', len);
    if (first == NULL)
        return false;
    const char *second = memchr(first + 1, '.', (size_t)(end - first - 1));
    if (second == NULL || memchr(second + 1, '.', (size_t)(end - second - 1)) != NULL)
        return false;
    segments->header = text;
    segments->header_len = (size_t)(first - text);
    segments->payload = first + 1;
    segments->payload_len = (size_t)(second - first - 1);
    segments->signature = second + 1;
    segments->signature_len = (size_t)(end - second - 1);
    return segments->header_len > 0 && segments->payload_len > 0 && segments->signature_len > 0;
}
