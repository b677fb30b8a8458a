#include "store/entry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *wkv_kind_name(enum wkv_kind kind)
{
    static const char *const names[] = {
        [WKV_SCALAR] = "scalar", [WKV_COUNTER] = "counter", [WKV_LIST] = "list", [WKV_SET] = "set"};
    return names[kind];
}

static size_t entry_bytes(struct wkv_entry_shape shape, size_t key_len)
{
    return offsetof(struct wkv_entry, body) + (shape.timed ? sizeof(struct wkv_timer) : 0) +
           wkv_entry_head_bytes(shape.kind) + key_len + shape.value_len;
}

struct wkv_entry *wkv_entry_create(struct wkv_memory *memory, uint32_t hash, struct wkv_key key,
                                   struct wkv_entry_shape shape)
{
    assert(key.name.len > 0 && key.name.len <= WKV_STORE_MAX_KEY_BYTES &&
           shape.value_len <= WKV_STORE_MAX_VALUE_BYTES);
    struct wkv_entry *entry = wkv_memory_alloc(memory, WKV_BLOCK_ENTRY, entry_bytes(shape, key.name.len));
    if (entry == NULL)
        return NULL;
    entry->item.hash = hash;
    entry->keyspace = key.keyspace;
    entry->key_len = (uint16_t)key.name.len;
    entry->kind = (uint8_t)shape.kind;
    entry->timed = shape.timed;
    entry->used = 0;
    entry->value_len = (uint32_t)shape.value_len;
    if (shape.timed)
        wkv_entry_timer(entry)->deadline_ns = 0;
    memset(wkv_entry_head(entry), 0, wkv_entry_head_bytes(shape.kind));
    memcpy(wkv_entry_key(entry), key.name.data, key.name.len);
    return entry;
}

static bool is_scalar(const struct wkv_entry *entry)
{
    return entry->kind == WKV_SCALAR || entry->kind == WKV_COUNTER;
}

bool wkv_entry_fits(const struct wkv_entry *entry, struct wkv_entry_shape shape)
{
    size_t needed = entry_bytes(shape, entry->key_len);
    /* A block with pages of its own keeps one at the least, and giving back many takes time. */
    bool wasteful =
        wkv_memory_has_pages(entry) && (wkv_heap_round(needed) <= WKV_HEAP_MAX_BYTES ||
                                        wkv_memory_block_bytes(entry) > needed + WKV_ENTRY_PIECE_BYTES);
    return is_scalar(entry) && !wasteful && needed <= wkv_memory_block_room(entry);
}

void wkv_entry_reshape(struct wkv_entry *entry, struct wkv_memory *memory, struct wkv_entry_shape shape)
{
    const char *key = wkv_entry_key(entry);
    bool as_large = entry->timed == shape.timed && entry->value_len == shape.value_len;
    assert(is_scalar(entry));
    entry->kind = (uint8_t)shape.kind;
    if (as_large && !shape.timed) /* as most values are that replace another */
        return;
    entry->timed = shape.timed;
    memmove(wkv_entry_key(entry), key, entry->key_len);
    entry->value_len = (uint32_t)shape.value_len;
    if (shape.timed)
        wkv_entry_timer(entry)->deadline_ns = 0;
    wkv_memory_shrink(memory, entry, entry_bytes(shape, entry->key_len));
}

struct wkv_entry *wkv_entry_with_timer(const struct wkv_entry *entry, struct wkv_memory *memory)
{
    struct wkv_entry_shape shape = {
        .kind = (enum wkv_kind)entry->kind, .timed = true, .value_len = entry->value_len};
    struct wkv_key key = {entry->keyspace, {wkv_entry_key(entry), entry->key_len}};
    memory->credit_bytes = wkv_memory_block_bytes(entry);
    struct wkv_entry *fresh = wkv_entry_create(memory, entry->item.hash, key, shape);
    memory->credit_bytes = 0;
    if (fresh == NULL)
        return NULL;
    fresh->used = entry->used;
    memcpy(wkv_entry_head(fresh), wkv_entry_head(entry),
           wkv_entry_head_bytes(shape.kind) + entry->key_len + entry->value_len);
    return fresh;
}

bool wkv_entry_text(const struct wkv_entry *entry, char decimal[WKV_DECIMAL_BYTES], struct wkv_text *text)
{
    if (entry->kind == WKV_SCALAR)
        *text = (struct wkv_text){wkv_entry_scalar(entry), entry->value_len};
    else if (entry->kind == WKV_COUNTER)
        *text = (struct wkv_text){
            decimal, (size_t)snprintf(decimal, WKV_DECIMAL_BYTES, "%" PRId64, wkv_entry_counter(entry))};
    return is_scalar(entry);
}

void wkv_entry_info(const struct wkv_entry *entry, struct wkv_store_info *info)
{
    char decimal[WKV_DECIMAL_BYTES];
    struct wkv_text text = {NULL, 0};
    info->kind = (enum wkv_kind)entry->kind;
    info->bytes = wkv_memory_block_bytes((void *)entry);
    info->expires_at_ns = wkv_entry_expires_at(entry);
    switch (info->kind) {
    case WKV_SCALAR:
    case WKV_COUNTER:
        (void)wkv_entry_text(entry, decimal, &text);
        info->length = text.len;
        break;
    case WKV_LIST:
        info->length = wkv_entry_list(entry)->length;
        info->bytes += wkv_entry_list(entry)->bytes;
        break;
    case WKV_SET:
        info->length = wkv_entry_set(entry)->size;
        info->bytes += wkv_entry_set(entry)->bytes;
        break;
    }
}

/* Gives the pages of a large value back, but the last of them. */
static bool shrink_away(struct wkv_entry *entry, struct wkv_memory *memory, unsigned *steps)
{
    while (wkv_memory_has_pages(entry) && wkv_memory_block_bytes(entry) > WKV_ENTRY_PIECE_BYTES) {
        if (*steps == 0)
            return false;
        *steps -= *steps < WKV_ENTRY_PIECE_STEPS ? *steps : WKV_ENTRY_PIECE_STEPS;
        wkv_memory_shrink(memory, entry, (size_t)wkv_memory_block_bytes(entry) - WKV_ENTRY_PIECE_BYTES);
    }
    return true;
}

bool wkv_entry_drain(struct wkv_entry *entry, struct wkv_memory *memory, unsigned *steps)
{
    if (entry->kind == WKV_LIST && !wkv_list_drain(wkv_entry_list(entry), memory, steps))
        return false;
    if (entry->kind == WKV_SET && !wkv_set_drain(wkv_entry_set(entry), memory, steps))
        return false;
    if (!shrink_away(entry, memory, steps))
        return false;
    wkv_memory_free(memory, entry);
    return true;
}
