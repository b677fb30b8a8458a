/* How the store hashes keys and members, and compares them. */
#ifndef WKV_STORE_HASH_H
#define WKV_STORE_HASH_H

#include "support/hash.h"

static inline int wkv_text_equal(struct wkv_text text, const char *bytes, size_t len)
{
    return text.len == len && (len == 0 || memcmp(text.data, bytes, len) == 0);
}

#endif
