#include "store/set.h"

#include <assert.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

#include "store/packed.h"

/* Members hash in a domain that no keyspace has, so that member and key hashes have nothing to do with each
 * other. */
#define MEMBER_DOMAIN UINT32_MAX
#define FIRST_PACKED_BYTES 24u

/*   0      4     8
 *   +------+-----+---------------+
 *   | hash | len | bytes ... len |
 *   +------+-----+---------------+
 */
struct member {
    struct wkv_table_item item;
    uint32_t len;
    char bytes[];
};

static uint32_t member_hash(const struct wkv_hasher *hasher, struct wkv_text text)
{
    return (uint32_t)wkv_hash(hasher, MEMBER_DOMAIN, text);
}

static bool member_matches(const struct wkv_table_item *item, const void *sought)
{
    const struct member *member = (const struct member *)item;
    const struct wkv_text *text = sought;
    return wkv_text_same(*text, (struct wkv_text){member->bytes, member->len});
}

static void free_member(struct wkv_memory *memory, struct wkv_table_item *item)
{
    wkv_memory_free(memory, item);
}

static bool table_add(struct wkv_table *table, struct wkv_memory *memory, uint32_t hash, struct wkv_text text)
{
    struct member *member = wkv_memory_alloc(memory, WKV_BLOCK_MEMBER, sizeof *member + text.len);
    if (member == NULL)
        return false;
    member->item.hash = hash;
    member->len = (uint32_t)text.len;
    if (text.len > 0)
        memcpy(member->bytes, text.data, text.len);
    if (wkv_table_insert(table, memory, &member->item))
        return true;
    wkv_memory_free(memory, member);
    return false;
}

/* Where the packed member begins, or NULL; *next is the place behind it. */
static char *packed_find(const struct wkv_set *set, struct wkv_text text, const char **next)
{
    if (set->u.packed.used == 0)
        return NULL;
    const char *end = set->u.packed.bytes + set->u.packed.used;
    for (const char *at = set->u.packed.bytes; at < end; at = *next) {
        struct wkv_text member;
        *next = wkv_packed_read(at, &member);
        if (wkv_text_same(text, member))
            return (char *)at;
    }
    return NULL;
}

/* Turns a packed set into a table. Returns false, with nothing changed, where memory is short. */
static bool become_hashed(struct wkv_set *set, struct wkv_memory *memory, const struct wkv_hasher *hasher)
{
    struct wkv_table table;
    wkv_table_init(&table);
    const char *end = set->u.packed.bytes == NULL ? NULL : set->u.packed.bytes + set->u.packed.used;
    for (const char *at = set->u.packed.bytes; at != end;) {
        struct wkv_text text;
        at = wkv_packed_read(at, &text);
        if (!table_add(&table, memory, member_hash(hasher, text), text)) {
            unsigned steps = UINT_MAX;
            (void)wkv_table_drain(&table, memory, &steps, free_member);
            return false;
        }
    }
    wkv_memory_free(memory, set->u.packed.bytes);
    set->hashed = true;
    set->u.table = table;
    return true;
}

/* The heap's word is in the block, too. */
static uint32_t grown_capacity(uint32_t needed)
{
    size_t bytes = FIRST_PACKED_BYTES + sizeof(struct wkv_block);
    while (bytes < needed + sizeof(struct wkv_block))
        bytes = wkv_packed_grown(bytes);
    return (uint32_t)(bytes - sizeof(struct wkv_block));
}

static bool packed_resize(struct wkv_set *set, struct wkv_memory *memory, uint32_t capacity)
{
    char *bytes = wkv_memory_alloc(memory, WKV_BLOCK_PACKED, capacity);
    if (bytes == NULL)
        return false;
    if (set->u.packed.used > 0)
        memcpy(bytes, set->u.packed.bytes, set->u.packed.used);
    wkv_memory_free(memory, set->u.packed.bytes);
    set->u.packed.bytes = bytes;
    set->u.packed.capacity = capacity;
    return true;
}

static bool packed_add(struct wkv_set *set, struct wkv_memory *memory, struct wkv_text text, uint32_t bytes)
{
    uint32_t needed = set->u.packed.used + bytes;
    if (needed > set->u.packed.capacity && !packed_resize(set, memory, grown_capacity(needed)))
        return false;
    (void)wkv_packed_write(set->u.packed.bytes + set->u.packed.used, text);
    set->u.packed.used = needed;
    return true;
}

/* Adds to a packed set, or says with false that the member does not fit one. */
static bool add_packed(struct wkv_set *set, struct wkv_memory *memory, struct wkv_text member,
                       enum wkv_set_change *change)
{
    const char *next;
    size_t bytes = wkv_packed_bytes(member.len);
    if (packed_find(set, member, &next) != NULL) {
        *change = WKV_SET_UNCHANGED;
        return true;
    }
    if (set->size >= WKV_SET_PACKED_MEMBERS || bytes > WKV_SET_PACKED_BYTES - set->u.packed.used)
        return false;
    *change = packed_add(set, memory, member, (uint32_t)bytes) ? WKV_SET_CHANGED : WKV_SET_NO_MEMORY;
    return true;
}

static enum wkv_set_change add(struct wkv_set *set, struct wkv_memory *memory,
                               const struct wkv_hasher *hasher, struct wkv_text member)
{
    enum wkv_set_change change = WKV_SET_CHANGED;
    if (set->hashed || !add_packed(set, memory, member, &change)) {
        if (!set->hashed && !become_hashed(set, memory, hasher))
            return WKV_SET_NO_MEMORY;
        uint32_t hash = member_hash(hasher, member);
        if (wkv_table_find(&set->u.table, hash, member_matches, &member) != NULL)
            return WKV_SET_UNCHANGED;
        change = table_add(&set->u.table, memory, hash, member) ? WKV_SET_CHANGED : WKV_SET_NO_MEMORY;
    }
    if (change == WKV_SET_CHANGED)
        set->size++;
    return change;
}

enum wkv_set_change wkv_set_add(struct wkv_set *set, struct wkv_memory *memory,
                                const struct wkv_hasher *hasher, struct wkv_text member)
{
    uint64_t before = memory->used_bytes;
    enum wkv_set_change change = add(set, memory, hasher, member);
    set->bytes += memory->used_bytes - before;
    return change;
}

static bool packed_remove(struct wkv_set *set, struct wkv_memory *memory, struct wkv_text text)
{
    const char *next;
    char *at = packed_find(set, text, &next);
    if (at == NULL)
        return false;
    memmove(at, next, (size_t)(set->u.packed.bytes + set->u.packed.used - next));
    set->u.packed.used -= (uint32_t)(next - at);
    if (set->u.packed.used > 0 && set->u.packed.used < set->u.packed.capacity / 2)
        (void)packed_resize(set, memory, grown_capacity(set->u.packed.used));
    return true;
}

static bool table_remove(struct wkv_set *set, struct wkv_memory *memory, uint32_t hash, struct wkv_text text)
{
    struct wkv_table_item *item = wkv_table_find(&set->u.table, hash, member_matches, &text);
    if (item == NULL)
        return false;
    wkv_table_remove(&set->u.table, memory, item);
    wkv_memory_free(memory, item);
    return true;
}

enum wkv_set_change wkv_set_remove(struct wkv_set *set, struct wkv_memory *memory,
                                   const struct wkv_hasher *hasher, struct wkv_text member)
{
    uint64_t before = memory->used_bytes;
    uint64_t *prepaid_bytes = wkv_memory_spare_prepaid(memory);
    bool removed = set->hashed ? table_remove(set, memory, member_hash(hasher, member), member)
                               : packed_remove(set, memory, member);
    memory->prepaid_bytes = prepaid_bytes;
    /* A table that merges two buckets can take more than it gives: the difference wraps around and is right.
     */
    set->bytes += memory->used_bytes - before;
    if (!removed)
        return WKV_SET_UNCHANGED;
    set->size--;
    return WKV_SET_CHANGED;
}

void *wkv_set_detach(struct wkv_set *set, struct wkv_memory *memory, const struct wkv_hasher *hasher,
                     struct wkv_text member)
{
    uint32_t hash = member_hash(hasher, member);
    struct wkv_table_item *item = wkv_table_find(&set->u.table, hash, member_matches, &member);
    uint64_t before = memory->used_bytes;
    wkv_table_remove(&set->u.table, memory, item);
    set->bytes += memory->used_bytes - before - wkv_memory_block_bytes(item);
    set->size--;
    return item;
}

void wkv_set_attach(struct wkv_set *set, struct wkv_memory *memory, void *member)
{
    uint64_t before = memory->used_bytes;
    bool inserted = wkv_table_insert(&set->u.table, memory, member);
    assert(inserted);
    (void)inserted;
    set->bytes += memory->used_bytes - before + wkv_memory_block_bytes(member);
    set->size++;
}

bool wkv_set_contains(const struct wkv_set *set, const struct wkv_hasher *hasher, struct wkv_text member)
{
    const char *next;
    if (set->hashed)
        return wkv_table_find(&set->u.table, member_hash(hasher, member), member_matches, &member) != NULL;
    return packed_find(set, member, &next) != NULL;
}

bool wkv_set_moved(struct wkv_set *set, enum wkv_block_kind kind, const void *old, void *fresh)
{
    if (set->hashed)
        return kind == WKV_BLOCK_MEMBER ? wkv_table_item_moved(&set->u.table, old, fresh)
                                        : wkv_table_block_moved(&set->u.table, kind, old, fresh);
    if (kind != WKV_BLOCK_PACKED || set->u.packed.bytes != old)
        return false;
    set->u.packed.bytes = fresh;
    return true;
}

struct each {
    wkv_store_visitor visit;
    void *context;
};

static bool show_member(void *context, struct wkv_table_item *item)
{
    const struct each *each = context;
    const struct member *member = (const struct member *)item;
    return each->visit(each->context, (struct wkv_text){member->bytes, member->len});
}

void wkv_set_each(const struct wkv_set *set, wkv_store_visitor visit, void *context)
{
    if (set->hashed) {
        struct each each = {visit, context};
        wkv_table_each(&set->u.table, show_member, &each);
        return;
    }
    const char *end = set->u.packed.bytes == NULL ? NULL : set->u.packed.bytes + set->u.packed.used;
    for (const char *at = set->u.packed.bytes; at != end;) {
        struct wkv_text text;
        at = wkv_packed_read(at, &text);
        if (!visit(context, text))
            return;
    }
}

/* ---- pages ---- */

#define PAGE_PIECE 64u /* members that are put in order at a time */

struct ranked {
    uint64_t rank;
    struct wkv_text text;
};

/* The lowest ranks of what is looked at, from `from` on. */
struct page {
    const struct wkv_hasher *hasher;
    uint64_t from;
    uint64_t end; /* there was no room for some from here on */
    size_t count;
    struct ranked found[PAGE_PIECE]; /* in order */
};

/* The upper half is the place in a table (table.h), so that a bucket's members stand in a row. */
static uint64_t rank_of(const struct wkv_hasher *hasher, struct wkv_text text)
{
    uint64_t hash = wkv_hash(hasher, MEMBER_DOMAIN, text);
    return (uint64_t)wkv_table_place((uint32_t)hash) << 32 | hash >> 32;
}

static bool consider(void *context, struct wkv_text text)
{
    struct page *page = context;
    uint64_t rank = rank_of(page->hasher, text);
    if (rank < page->from || rank >= page->end)
        return true;
    if (page->count == PAGE_PIECE) {
        uint64_t highest = page->found[PAGE_PIECE - 1].rank;
        page->end = rank > highest ? rank : highest;
        if (rank >= highest)
            return true;
        page->count--;
    }
    size_t slot = page->count++;
    for (; slot > 0 && page->found[slot - 1].rank > rank; slot--)
        page->found[slot] = page->found[slot - 1];
    page->found[slot] = (struct ranked){rank, text};
    return true;
}

static void consider_item(void *context, struct wkv_table_item *item)
{
    const struct member *member = (const struct member *)item;
    (void)consider(context, (struct wkv_text){member->bytes, member->len});
}

/* Finds the next members. Returns the last place that was looked at. */
static uint32_t find_piece(const struct wkv_set *set, struct page *page)
{
    page->count = 0;
    page->end = UINT64_MAX;
    if (set->hashed)
        return wkv_table_walk(&set->u.table, (uint32_t)(page->from >> 32), consider_item, page);
    wkv_set_each(set, consider, page);
    return UINT32_MAX;
}

uint64_t wkv_set_page(const struct wkv_set *set, const struct wkv_hasher *hasher, uint64_t from,
                      wkv_store_visitor visit, void *context)
{
    struct page page = {.hasher = hasher, .from = from};
    for (;;) {
        uint32_t last = find_piece(set, &page);
        for (size_t i = 0; i < page.count; i++)
            if (!visit(context, page.found[i].text))
                return page.found[i].rank;
        if (page.end == UINT64_MAX && last == UINT32_MAX)
            return 0;
        page.from = page.end < UINT64_MAX ? page.end : ((uint64_t)last + 1) << 32;
    }
}

static void packed_free(struct wkv_set *set, struct wkv_memory *memory)
{
    wkv_memory_free(memory, set->u.packed.bytes);
    set->u.packed.bytes = NULL;
    set->u.packed.used = 0;
    set->u.packed.capacity = 0;
}

bool wkv_set_drain(struct wkv_set *set, struct wkv_memory *memory, unsigned *steps)
{
    bool empty = true;
    uint64_t before = memory->used_bytes;
    if (set->hashed)
        empty = wkv_table_drain(&set->u.table, memory, steps, free_member);
    else
        packed_free(set, memory);
    set->bytes -= before - memory->used_bytes;
    assert(!empty || set->bytes == 0);
    return empty;
}
