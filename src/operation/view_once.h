/* Until the store has views: a view of keys each of which is locked for each call, which is all that
 * operations on one key need. Goes with them. */
#ifndef WKV_OPERATION_VIEW_ONCE_H
#define WKV_OPERATION_VIEW_ONCE_H

#include "wascc_keyvalue/store.h"

#ifndef WKV_STORE_READS
#define WKV_STORE_READS ((size_t)0)

struct wkv_view {
    struct wkv_store *store;
    const struct wkv_key *keys;
    int64_t now_ns;
};

static inline enum wkv_store_status wkv_store_begin(struct wkv_view *view, struct wkv_store *store,
                                                    const struct wkv_key *keys, size_t count,
                                                    size_t write_bytes, int64_t now_ns)
{
    (void)count, (void)write_bytes;
    *view = (struct wkv_view){.store = store, .keys = keys, .now_ns = now_ns};
    return WKV_STORE_OK;
}

static inline void wkv_store_end(struct wkv_view *view)
{
    (void)view;
}

#define wkv_view_exists(view, key, kind)                                                                     \
    wkv_store_exists((view)->store, (view)->keys[key], (view)->now_ns, kind)
#define wkv_view_inspect(view, key, info)                                                                    \
    wkv_store_inspect((view)->store, (view)->keys[key], (view)->now_ns, info)
#define wkv_view_delete(view, key) wkv_store_delete((view)->store, (view)->keys[key], (view)->now_ns)
#define wkv_view_get(view, key, visit, context)                                                              \
    wkv_store_get((view)->store, (view)->keys[key], (view)->now_ns, visit, context)
#define wkv_view_set(view, key, value, expires_at_ns)                                                        \
    wkv_store_set((view)->store, (view)->keys[key], value, expires_at_ns, (view)->now_ns)
#define wkv_view_add(view, key, delta, sum)                                                                  \
    wkv_store_add((view)->store, (view)->keys[key], delta, (view)->now_ns, sum)
#define wkv_view_list_push(view, key, value, length)                                                         \
    wkv_store_list_push((view)->store, (view)->keys[key], value, (view)->now_ns, length)
#define wkv_view_list_remove(view, key, value, length)                                                       \
    wkv_store_list_remove((view)->store, (view)->keys[key], value, (view)->now_ns, length)
#define wkv_view_list_range(view, key, start, stop, visit, context)                                          \
    wkv_store_list_range((view)->store, (view)->keys[key], start, stop, (view)->now_ns, visit, context)
#define wkv_view_list_clear(view, key) wkv_store_list_clear((view)->store, (view)->keys[key], (view)->now_ns)
#define wkv_view_set_add(view, key, member, size)                                                            \
    wkv_store_set_add((view)->store, (view)->keys[key], member, (view)->now_ns, size)
#define wkv_view_set_remove(view, key, member, size)                                                         \
    wkv_store_set_remove((view)->store, (view)->keys[key], member, (view)->now_ns, size)
#define wkv_view_set_members(view, key, visit, context)                                                      \
    wkv_store_set_members((view)->store, (view)->keys[key], (view)->now_ns, visit, context)
#define wkv_view_set_union(view, first, count, visit, context)                                               \
    wkv_store_set_union((view)->store, &(view)->keys[first], count, (view)->now_ns, visit, context)
#define wkv_view_set_intersection(view, first, count, visit, context)                                        \
    wkv_store_set_intersection((view)->store, &(view)->keys[first], count, (view)->now_ns, visit, context)

#endif
#endif
