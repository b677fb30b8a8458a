/* One page's way through the keys of a keyspace, for Keys and ListKeys. */
#ifndef WKV_OPERATION_SCAN_H
#define WKV_OPERATION_SCAN_H

#include <string.h>

#include "wascc_keyvalue/store.h"

struct wkv_scan {
    struct wkv_store *store;
    uint32_t keyspace;
    int64_t now_ns;
    uint64_t cursor; /* in: where it begins; out: where the next one does */
    unsigned pieces; /* that it looks through at the most; each is some tens of microseconds */
    /* Sees a key; false: it is the next page's. */
    bool (*take)(void *context, struct wkv_text name, const struct wkv_store_info *info);
    void *context;
};

/* Returns false where there is no memory for it. */
bool wkv_scan_keys(struct wkv_scan *scan);

static inline bool wkv_has_prefix(struct wkv_text name, struct wkv_text prefix)
{
    return prefix.len == 0 || (prefix.len <= name.len && memcmp(prefix.data, name.data, prefix.len) == 0);
}

#endif
