/* Lists and sets, one key at a time. */
#include <limits.h>

#include "store/store.h"

/* The entry of that kind for a call that adds to it, made where there is none (*fresh says so; it is in the
 * table then). Errors: WKV_STORE_WRONG_KIND, WKV_STORE_NO_MEMORY. */
static enum wkv_store_status open_collection(struct wkv_place place, struct wkv_entry **entry,
                                             struct wkv_key key, enum wkv_kind kind, bool *fresh)
{
    *fresh = *entry == NULL;
    if (*entry != NULL)
        return (*entry)->kind == kind ? WKV_STORE_OK : WKV_STORE_WRONG_KIND;
    *entry = wkv_entry_create(&place.shard->memory, place.hash, key, kind, false, 0);
    if (*entry == NULL)
        return WKV_STORE_NO_MEMORY;
    if (!wkv_shard_insert(place.shard, *entry)) {
        wkv_shard_discard(place.shard, *entry);
        return WKV_STORE_NO_MEMORY;
    }
    return WKV_STORE_OK;
}

static enum wkv_store_status push_locked(struct wkv_place place, struct wkv_entry *entry, struct wkv_key key,
                                         struct wkv_text value, int32_t *length)
{
    bool fresh;
    enum wkv_store_status status = open_collection(place, &entry, key, WKV_LIST, &fresh);
    if (status != WKV_STORE_OK)
        return status;
    struct wkv_list *list = wkv_entry_list(entry);
    if (list->length >= INT32_MAX)
        return WKV_STORE_FULL;
    if (!wkv_list_push(list, &place.shard->memory, value)) {
        if (fresh)
            wkv_shard_remove(place.shard, entry);
        return WKV_STORE_NO_MEMORY;
    }
    *length = (int32_t)list->length;
    return WKV_STORE_OK;
}

enum wkv_store_status wkv_store_list_push(struct wkv_store *store, struct wkv_key key, struct wkv_text value,
                                          int64_t now_ns, int32_t *length)
{
    struct wkv_place place;
    wkv_store_make_room(store, key.name.len + value.len);
    struct wkv_entry *entry = wkv_store_enter(store, key, now_ns, &place);
    enum wkv_store_status status = push_locked(place, entry, key, value, length);
    wkv_shard_unlock(place.shard);
    return status;
}

enum wkv_store_status wkv_store_list_remove(struct wkv_store *store, struct wkv_key key,
                                            struct wkv_text value, int64_t now_ns, int32_t *length)
{
    struct wkv_place place;
    enum wkv_store_status status = WKV_STORE_OK;
    struct wkv_entry *entry = wkv_store_enter(store, key, now_ns, &place);
    *length = 0;
    if (entry != NULL && entry->kind == WKV_LIST) {
        struct wkv_list *list = wkv_entry_list(entry);
        wkv_list_remove(list, &place.shard->memory, value);
        *length = (int32_t)list->length;
        if (list->length == 0)
            wkv_shard_remove(place.shard, entry);
    } else if (entry != NULL) {
        status = WKV_STORE_WRONG_KIND;
    }
    wkv_shard_unlock(place.shard);
    return status;
}

/* An index from the start, which may lie outside the list. */
static int64_t absolute(int32_t index, uint32_t length)
{
    return index < 0 ? (int64_t)index + length : index;
}

enum wkv_store_status wkv_store_list_range(struct wkv_store *store, struct wkv_key key, int32_t start,
                                           int32_t stop, int64_t now_ns, wkv_store_visitor visit,
                                           void *context)
{
    struct wkv_place place;
    enum wkv_store_status status = WKV_STORE_OK;
    const struct wkv_entry *entry = wkv_store_enter(store, key, now_ns, &place);
    if (entry != NULL && entry->kind == WKV_LIST) {
        const struct wkv_list *list = wkv_entry_list(entry);
        int64_t first = absolute(start, list->length);
        int64_t last = absolute(stop, list->length);
        if (first < 0)
            first = 0;
        if (last >= list->length)
            last = (int64_t)list->length - 1;
        if (first <= last)
            wkv_list_range(list, (uint32_t)first, (uint32_t)last, visit, context);
    } else if (entry != NULL) {
        status = WKV_STORE_WRONG_KIND;
    }
    wkv_shard_unlock(place.shard);
    return status;
}

enum wkv_store_status wkv_store_list_clear(struct wkv_store *store, struct wkv_key key, int64_t now_ns)
{
    struct wkv_place place;
    enum wkv_store_status status = WKV_STORE_OK;
    struct wkv_entry *entry = wkv_store_enter(store, key, now_ns, &place);
    if (entry != NULL && entry->kind == WKV_LIST)
        wkv_shard_remove(place.shard, entry);
    else if (entry != NULL)
        status = WKV_STORE_WRONG_KIND;
    wkv_shard_unlock(place.shard);
    return status;
}

static enum wkv_store_status set_add_locked(const struct wkv_store *store, struct wkv_place place,
                                            struct wkv_entry *entry, struct wkv_key key,
                                            struct wkv_text member, int32_t *size)
{
    bool fresh;
    enum wkv_store_status status = open_collection(place, &entry, key, WKV_SET, &fresh);
    if (status != WKV_STORE_OK)
        return status;
    struct wkv_set *set = wkv_entry_set(entry);
    if (set->size >= INT32_MAX && !wkv_set_contains(set, &store->hasher, member))
        return WKV_STORE_FULL;
    if (wkv_set_add(set, &place.shard->memory, &store->hasher, member) == WKV_SET_NO_MEMORY) {
        if (fresh)
            wkv_shard_remove(place.shard, entry);
        return WKV_STORE_NO_MEMORY;
    }
    *size = (int32_t)set->size;
    return WKV_STORE_OK;
}

enum wkv_store_status wkv_store_set_add(struct wkv_store *store, struct wkv_key key, struct wkv_text member,
                                        int64_t now_ns, int32_t *size)
{
    struct wkv_place place;
    wkv_store_make_room(store, key.name.len + member.len);
    struct wkv_entry *entry = wkv_store_enter(store, key, now_ns, &place);
    enum wkv_store_status status = set_add_locked(store, place, entry, key, member, size);
    wkv_shard_unlock(place.shard);
    return status;
}

enum wkv_store_status wkv_store_set_remove(struct wkv_store *store, struct wkv_key key,
                                           struct wkv_text member, int64_t now_ns, int32_t *size)
{
    struct wkv_place place;
    enum wkv_store_status status = WKV_STORE_OK;
    struct wkv_entry *entry = wkv_store_enter(store, key, now_ns, &place);
    *size = 0;
    if (entry != NULL && entry->kind == WKV_SET) {
        struct wkv_set *set = wkv_entry_set(entry);
        (void)wkv_set_remove(set, &place.shard->memory, &store->hasher, member);
        *size = (int32_t)set->size;
        if (set->size == 0)
            wkv_shard_remove(place.shard, entry);
    } else if (entry != NULL) {
        status = WKV_STORE_WRONG_KIND;
    }
    wkv_shard_unlock(place.shard);
    return status;
}

enum wkv_store_status wkv_store_set_members(struct wkv_store *store, struct wkv_key key, int64_t now_ns,
                                            wkv_store_visitor visit, void *context)
{
    struct wkv_place place;
    enum wkv_store_status status = WKV_STORE_OK;
    const struct wkv_entry *entry = wkv_store_enter(store, key, now_ns, &place);
    if (entry != NULL && entry->kind == WKV_SET)
        wkv_set_each(wkv_entry_set(entry), visit, context);
    else if (entry != NULL)
        status = WKV_STORE_WRONG_KIND;
    wkv_shard_unlock(place.shard);
    return status;
}
