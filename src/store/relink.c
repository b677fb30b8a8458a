#include "store/relink.h"

#include "store/shard.h"

static bool entry_moved(struct wkv_shard *shard, struct wkv_entry *old, struct wkv_entry *fresh)
{
    if (!wkv_table_item_moved(&shard->table, &old->item, &fresh->item))
        return false;
    if (fresh->timed)
        wkv_wheel_moved(&shard->wheel, wkv_entry_timer(old), wkv_entry_timer(fresh));
    return true;
}

/* A block that has moved, to be shown to the entries that may own it. */
struct moved {
    enum wkv_block_kind kind;
    const void *old;
    void *fresh;
};

static bool is_own_chunk(void *context, struct wkv_table_item *item)
{
    const struct moved *moved = context;
    struct wkv_entry *entry = (struct wkv_entry *)item;
    if (entry->kind != WKV_LIST || !wkv_list_has_end(wkv_entry_list(entry), moved->old))
        return false;
    wkv_list_moved(wkv_entry_list(entry), moved->fresh);
    return true;
}

static bool is_own_block(void *context, struct wkv_table_item *item)
{
    const struct moved *moved = context;
    struct wkv_entry *entry = (struct wkv_entry *)item;
    return entry->kind == WKV_SET &&
           wkv_set_moved(wkv_entry_set(entry), moved->kind, moved->old, moved->fresh);
}

/* Only the ends of a list are pointed to from its entry. */
static bool chunk_moved(struct wkv_shard *shard, uint32_t owner, struct moved *moved)
{
    if (wkv_list_is_end(moved->fresh))
        return wkv_table_try(&shard->table, owner, is_own_chunk, moved);
    wkv_list_moved(NULL, moved->fresh);
    return true;
}

bool wkv_shard_relink(void *context, const struct wkv_block *word, void *old, void *fresh)
{
    struct wkv_shard *shard = context;
    struct moved moved = {wkv_block_kind(word), old, fresh};
    switch (moved.kind) {
    case WKV_BLOCK_ENTRY:
        return entry_moved(shard, wkv_entry_of_block(old), wkv_entry_of_block(fresh));
    case WKV_BLOCK_CHUNK:
        return chunk_moved(shard, word->owner, &moved);
    default:
        return wkv_table_block_moved(&shard->table, moved.kind, old, fresh) ||
               wkv_table_try(&shard->table, word->owner, is_own_block, &moved);
    }
}
