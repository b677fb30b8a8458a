/* A call of one key, or of a union's keys, in a view of its own. */
#ifndef WKV_TEST_STORE_ONCE_H
#define WKV_TEST_STORE_ONCE_H

#include "wascc_keyvalue/store.h"

static inline enum wkv_store_status wkv_store_exists(struct wkv_store *in, struct wkv_key key, int64_t now_ns,
                                                     enum wkv_kind *kind)
{
    struct wkv_view view;
    (void)wkv_store_begin(&view, in, &key, 1, WKV_STORE_READS, now_ns);
    enum wkv_store_status status = wkv_view_exists(&view, 0, kind);
    wkv_store_end(&view);
    return status;
}

static inline enum wkv_store_status wkv_store_inspect(struct wkv_store *in, struct wkv_key key,
                                                      int64_t now_ns, struct wkv_store_info *info)
{
    struct wkv_view view;
    (void)wkv_store_begin(&view, in, &key, 1, WKV_STORE_READS, now_ns);
    enum wkv_store_status status = wkv_view_inspect(&view, 0, info);
    wkv_store_end(&view);
    return status;
}

static inline enum wkv_store_status wkv_store_delete(struct wkv_store *in, struct wkv_key key, int64_t now_ns)
{
    struct wkv_view view;
    (void)wkv_store_begin(&view, in, &key, 1, WKV_STORE_READS, now_ns);
    enum wkv_store_status status = wkv_view_delete(&view, 0);
    wkv_store_end(&view);
    return status;
}

static inline enum wkv_store_status wkv_store_get(struct wkv_store *in, struct wkv_key key, int64_t now_ns,
                                                  wkv_store_visitor visit, void *context)
{
    struct wkv_view view;
    (void)wkv_store_begin(&view, in, &key, 1, WKV_STORE_READS, now_ns);
    enum wkv_store_status status = wkv_view_get(&view, 0, visit, context);
    wkv_store_end(&view);
    return status;
}

static inline enum wkv_store_status wkv_store_set(struct wkv_store *in, struct wkv_key key,
                                                  struct wkv_text value, int64_t expires_at_ns,
                                                  int64_t now_ns)
{
    struct wkv_view view;
    (void)wkv_store_begin(&view, in, &key, 1, key.name.len + value.len, now_ns);
    enum wkv_store_status status = wkv_view_set(&view, 0, value, expires_at_ns);
    wkv_store_end(&view);
    return status;
}

static inline enum wkv_store_status wkv_store_increment(struct wkv_store *in, struct wkv_key key,
                                                        int64_t delta, struct wkv_range range, int64_t now_ns,
                                                        int64_t *sum)
{
    struct wkv_view view;
    (void)wkv_store_begin(&view, in, &key, 1, key.name.len, now_ns);
    enum wkv_store_status status = wkv_view_add(&view, 0, delta, range, sum);
    wkv_store_end(&view);
    return status;
}

static inline enum wkv_store_status wkv_store_add(struct wkv_store *in, struct wkv_key key, int32_t delta,
                                                  int64_t now_ns, int32_t *sum)
{
    int64_t wide = 0;
    enum wkv_store_status status = wkv_store_increment(in, key, delta, WKV_INT32_RANGE, now_ns, &wide);
    if (status == WKV_STORE_OK)
        *sum = (int32_t)wide;
    return status;
}

static inline enum wkv_store_status wkv_store_expire(struct wkv_store *in, struct wkv_key key,
                                                     int64_t expires_at_ns, int64_t now_ns)
{
    struct wkv_view view;
    (void)wkv_store_begin(&view, in, &key, 1, key.name.len, now_ns);
    enum wkv_store_status status = wkv_view_expire(&view, 0, expires_at_ns);
    wkv_store_end(&view);
    return status;
}

static inline enum wkv_store_status wkv_store_list_push(struct wkv_store *in, struct wkv_key key,
                                                        struct wkv_text value, int64_t now_ns,
                                                        int32_t *length)
{
    struct wkv_view view;
    (void)wkv_store_begin(&view, in, &key, 1, key.name.len + value.len, now_ns);
    enum wkv_store_status status = wkv_view_list_push(&view, 0, value, length);
    wkv_store_end(&view);
    return status;
}

static inline enum wkv_store_status wkv_store_list_remove(struct wkv_store *in, struct wkv_key key,
                                                          struct wkv_text value, int64_t now_ns,
                                                          int32_t *length)
{
    struct wkv_view view;
    (void)wkv_store_begin(&view, in, &key, 1, WKV_STORE_READS, now_ns);
    enum wkv_store_status status = wkv_view_list_remove(&view, 0, value, length);
    wkv_store_end(&view);
    return status;
}

static inline enum wkv_store_status wkv_store_list_range(struct wkv_store *in, struct wkv_key key,
                                                         int32_t start, int32_t stop, int64_t now_ns,
                                                         wkv_store_visitor visit, void *context)
{
    struct wkv_view view;
    (void)wkv_store_begin(&view, in, &key, 1, WKV_STORE_READS, now_ns);
    enum wkv_store_status status = wkv_view_list_range(&view, 0, start, stop, visit, context);
    wkv_store_end(&view);
    return status;
}

static inline enum wkv_store_status wkv_store_list_clear(struct wkv_store *in, struct wkv_key key,
                                                         int64_t now_ns)
{
    struct wkv_view view;
    (void)wkv_store_begin(&view, in, &key, 1, WKV_STORE_READS, now_ns);
    enum wkv_store_status status = wkv_view_list_clear(&view, 0);
    wkv_store_end(&view);
    return status;
}

static inline enum wkv_store_status wkv_store_set_add(struct wkv_store *in, struct wkv_key key,
                                                      struct wkv_text member, int64_t now_ns, int32_t *size)
{
    struct wkv_view view;
    (void)wkv_store_begin(&view, in, &key, 1, key.name.len + member.len, now_ns);
    enum wkv_store_status status = wkv_view_set_add(&view, 0, member, size);
    wkv_store_end(&view);
    return status;
}

static inline enum wkv_store_status wkv_store_set_remove(struct wkv_store *in, struct wkv_key key,
                                                         struct wkv_text member, int64_t now_ns,
                                                         int32_t *size)
{
    struct wkv_view view;
    (void)wkv_store_begin(&view, in, &key, 1, WKV_STORE_READS, now_ns);
    enum wkv_store_status status = wkv_view_set_remove(&view, 0, member, size);
    wkv_store_end(&view);
    return status;
}

static inline enum wkv_store_status wkv_store_set_members(struct wkv_store *in, struct wkv_key key,
                                                          int64_t now_ns, wkv_store_visitor visit,
                                                          void *context)
{
    struct wkv_view view;
    (void)wkv_store_begin(&view, in, &key, 1, WKV_STORE_READS, now_ns);
    enum wkv_store_status status = wkv_view_set_members(&view, 0, visit, context);
    wkv_store_end(&view);
    return status;
}

static inline enum wkv_store_status wkv_store_set_union(struct wkv_store *in, const struct wkv_key *keys,
                                                        size_t count, int64_t now_ns, wkv_store_visitor visit,
                                                        void *context)
{
    struct wkv_view view;
    enum wkv_store_status status = wkv_store_begin(&view, in, keys, count, WKV_STORE_READS, now_ns);
    if (status == WKV_STORE_OK)
        status = wkv_view_set_union(&view, 0, count, visit, context);
    wkv_store_end(&view);
    return status;
}

static inline enum wkv_store_status wkv_store_set_intersection(struct wkv_store *in,
                                                               const struct wkv_key *keys, size_t count,
                                                               int64_t now_ns, wkv_store_visitor visit,
                                                               void *context)
{
    struct wkv_view view;
    enum wkv_store_status status = wkv_store_begin(&view, in, keys, count, WKV_STORE_READS, now_ns);
    if (status == WKV_STORE_OK)
        status = wkv_view_set_intersection(&view, 0, count, visit, context);
    wkv_store_end(&view);
    return status;
}

#endif
