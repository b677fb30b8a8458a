/* The time to live of a key of any kind. */
#include "store/store.h"

/* The entry with room for a timer, which may be another that takes its place. NULL: memory is short. */
static struct wkv_entry *make_timed(struct wkv_shard *shard, struct wkv_entry *entry)
{
    if (!wkv_wheel_reserve(&shard->wheel, &shard->memory))
        return NULL;
    if (entry->timed)
        return entry;
    struct wkv_entry *fresh = wkv_entry_with_timer(entry, &shard->memory);
    if (fresh != NULL)
        wkv_shard_move(shard, entry, fresh);
    return fresh;
}

enum wkv_store_status wkv_view_expire(struct wkv_view *view, size_t key, int64_t expires_at_ns)
{
    struct wkv_place place;
    struct wkv_entry *entry = wkv_view_claim(view, key, &place);
    if (entry == NULL)
        return WKV_STORE_MISSING;
    int64_t before_ns = wkv_entry_expires_at(entry);
    if (expires_at_ns != 0)
        entry = make_timed(place.shard, entry);
    if (entry == NULL)
        return WKV_STORE_NO_MEMORY;
    if (view->undo != NULL)
        wkv_undo_expiry(view->undo, before_ns);
    wkv_shard_set_expiry(place.shard, entry, expires_at_ns);
    return WKV_STORE_OK;
}
