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
    return offsetof(struct wkv_entry, body) - WKV_ENTRY_BLOCK_OFFSET +
           (shape.timed ? sizeof(struct wkv_timer) : 0) + wkv_entry_head_bytes(shape.kind) +
           wkv_entry_len_bytes(shape.value_len) + key_len + shape.value_len;
}

/* The two parts of what follows from a shape: in the header, which says where the key is, and in front of the
 * key, once that is there. */
static void set_shape(struct wkv_entry *entry, struct wkv_entry_shape shape)
{
    entry->kind = (uint8_t)shape.kind & 3u;
    entry->timed = shape.timed;
    entry->wide = wkv_entry_len_bytes(shape.value_len) > 0;
    entry->short_len = entry->wide ? 0 : (uint8_t)shape.value_len;
}

static void write_head(struct wkv_entry *entry, struct wkv_entry_shape shape)
{
    uint32_t len = (uint32_t)shape.value_len;
    if (shape.timed)
        wkv_entry_timer(entry)->deadline_ns = 0;
    if (entry->wide)
        memcpy(wkv_entry_head(entry), &len, sizeof len);
    else
        memset(wkv_entry_head(entry), 0, wkv_entry_head_bytes(shape.kind));
}

struct wkv_entry *wkv_entry_create(struct wkv_memory *memory, uint32_t hash, struct wkv_key key,
                                   struct wkv_entry_shape shape)
{
    assert(key.name.len > 0 && key.name.len <= WKV_STORE_MAX_KEY_BYTES &&
           shape.value_len <= WKV_STORE_MAX_VALUE_BYTES);
    void *block = wkv_memory_alloc(memory, WKV_BLOCK_ENTRY, entry_bytes(shape, key.name.len));
    if (block == NULL)
        return NULL;
    struct wkv_entry *entry = wkv_entry_of_block(block);
    entry->item.hash = hash;
    entry->keyspace = key.keyspace;
    entry->key_len = (uint16_t)key.name.len;
    entry->used = 0;
    set_shape(entry, shape);
    write_head(entry, shape);
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
    const void *block = wkv_entry_block(entry);
    /* A block with pages of its own keeps one at the least, and giving back many takes time. */
    bool wasteful =
        wkv_memory_has_pages(block) && (wkv_heap_round(needed) <= WKV_HEAP_MAX_BYTES ||
                                        wkv_memory_block_bytes(block) > needed + WKV_ENTRY_PIECE_BYTES);
    return is_scalar(entry) && !wasteful && needed <= wkv_memory_block_room(block);
}

void wkv_entry_reshape(struct wkv_entry *entry, struct wkv_memory *memory, struct wkv_entry_shape shape)
{
    const char *key = wkv_entry_key(entry);
    bool as_large = entry->timed == shape.timed && wkv_entry_value_len(entry) == shape.value_len;
    assert(is_scalar(entry));
    if (as_large && !shape.timed) { /* as most values are that replace another */
        entry->kind = (uint8_t)shape.kind & 3u;
        return;
    }
    set_shape(entry, shape);
    memmove(wkv_entry_key(entry), key, entry->key_len);
    write_head(entry, shape);
    wkv_memory_shrink(memory, wkv_entry_block(entry), entry_bytes(shape, entry->key_len));
}

struct wkv_entry *wkv_entry_with_timer(const struct wkv_entry *entry, struct wkv_memory *memory)
{
    struct wkv_entry_shape shape = {
        .kind = (enum wkv_kind)entry->kind, .timed = true, .value_len = wkv_entry_value_len(entry)};
    struct wkv_key key = {entry->keyspace, wkv_entry_name(entry)};
    memory->credit_bytes = wkv_memory_block_bytes(wkv_entry_block(entry));
    struct wkv_entry *fresh = wkv_entry_create(memory, entry->item.hash, key, shape);
    memory->credit_bytes = 0;
    if (fresh == NULL)
        return NULL;
    fresh->used = entry->used;
    size_t len_bytes = wkv_entry_len_bytes(shape.value_len);
    memcpy(wkv_entry_head(fresh), wkv_entry_head(entry),
           wkv_entry_head_bytes(shape.kind) + len_bytes + entry->key_len + shape.value_len);
    return fresh;
}

bool wkv_entry_text(const struct wkv_entry *entry, char decimal[WKV_DECIMAL_BYTES], struct wkv_text *text)
{
    if (entry->kind == WKV_SCALAR)
        *text = (struct wkv_text){wkv_entry_scalar(entry), wkv_entry_value_len(entry)};
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
    info->bytes = wkv_memory_block_bytes(wkv_entry_block(entry));
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
    void *block = wkv_entry_block(entry);
    while (wkv_memory_has_pages(block) && wkv_memory_block_bytes(block) > WKV_ENTRY_PIECE_BYTES) {
        if (*steps == 0)
            return false;
        *steps -= *steps < WKV_ENTRY_PIECE_STEPS ? *steps : WKV_ENTRY_PIECE_STEPS;
        wkv_memory_shrink(memory, block, (size_t)wkv_memory_block_bytes(block) - WKV_ENTRY_PIECE_BYTES);
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
    wkv_memory_free(memory, wkv_entry_block(entry));
    return true;
}
