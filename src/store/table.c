#include "store/table.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#define BUCKET_SLOTS 9
#define ADDRESS_BYTES 6u
#define LINE_BYTES 64
#define SEGMENT_BUCKETS 64u
#define FIRST_BUCKETS 4u
#define MAX_BUCKETS (1u << 30)

/* Items for each bucket above which the table grows, and below which it shrinks. The gap keeps a table whose
 * size sways from splitting and merging the same bucket for ever. */
#define GROW_ABOVE 6u
#define SHRINK_BELOW_TENTHS 22u

/* One cache line: the addresses of items, and of each the hash's top byte, so that a look-up reads an item
 * only where it probably is the right one. The items fill the slots from the first on; `items` says how many
 * there are. Its bit 7 says that the bucket has more than 9, and then slot 8 holds no item but the address of
 * a further bucket of the same shape.
 *
 *   0       6            48      54     55           62     63      64
 *   +-------+---- ... ---+-------+------+---- ... ---+------+-------+
 *   | at[0] | at[1]      | at[8] | tag0 | tag1       | tag8 | items |
 *   +-------+---- ... ---+-------+------+---- ... ---+------+-------+
 *
 * An address has 48 bits, least significant byte first: the system gives no program others unless it asks for
 * them.
 */
struct wkv_table_bucket {
    uint8_t at[BUCKET_SLOTS][ADDRESS_BYTES];
    uint8_t tags[BUCKET_SLOTS];
    uint8_t items;
};

#define LAST_SLOT (BUCKET_SLOTS - 1)
#define CHAINED 0x80u
#define ADDRESS_MASK UINT64_C(0xffffffffffff)

static_assert(sizeof(struct wkv_table_bucket) == LINE_BYTES, "a bucket is one cache line");

static uint8_t tag_of(uint32_t hash)
{
    return (uint8_t)(hash >> 24);
}

/* Reads the two bytes behind the address as well, which are the bucket's. */
static void *address_at(const struct wkv_table_bucket *bucket, unsigned slot)
{
    uint64_t word;
    memcpy(&word, (const char *)bucket + slot * ADDRESS_BYTES, sizeof word);
    return (void *)(uintptr_t)(le64toh(word) & ADDRESS_MASK);
}

static void set_address(struct wkv_table_bucket *bucket, unsigned slot, const void *address)
{
    uint64_t word = htole64((uint64_t)(uintptr_t)address);
    assert((uint64_t)(uintptr_t)address <= ADDRESS_MASK);
    memcpy(bucket->at[slot], &word, ADDRESS_BYTES);
}

static struct wkv_table_item *item_at(const struct wkv_table_bucket *bucket, unsigned slot)
{
    return address_at(bucket, slot);
}

static bool is_chained(const struct wkv_table_bucket *bucket)
{
    return (bucket->items & CHAINED) != 0;
}

static unsigned item_count(const struct wkv_table_bucket *bucket)
{
    return bucket->items & ~CHAINED;
}

static struct wkv_table_bucket *next_bucket(const struct wkv_table_bucket *bucket)
{
    return is_chained(bucket) ? address_at(bucket, LAST_SLOT) : NULL;
}

static struct wkv_table_bucket *bucket_at(const struct wkv_table *table, uint32_t index)
{
    return &table->segments[index / SEGMENT_BUCKETS][index % SEGMENT_BUCKETS];
}

static struct wkv_table_bucket *home_of(const struct wkv_table *table, uint32_t hash)
{
    uint32_t index = hash & (table->mask * 2 + 1);
    if (index >= table->buckets)
        index = hash & table->mask;
    return bucket_at(table, index);
}

void wkv_table_init(struct wkv_table *table)
{
    memset(table, 0, sizeof *table);
}

#define LOW_BITS UINT64_C(0x7f7f7f7f7f7f7f7f)

/* The slots whose items have that tag: a bit each. */
static unsigned slots_with_tag(const struct wkv_table_bucket *bucket, uint8_t tag)
{
    uint64_t word; /* all tags but the last */
    memcpy(&word, bucket->tags, sizeof word);
    word = le64toh(word) ^ tag * UINT64_C(0x0101010101010101);
    /* Bit 7 of each byte that is 0, and of no other; the product gathers them in the upper byte. */
    uint64_t zeros = ~(((word & LOW_BITS) + LOW_BITS) | word | LOW_BITS);
    unsigned slots = (unsigned)((zeros >> 7) * UINT64_C(0x0102040810204080) >> 56);
    slots |= (unsigned)(bucket->tags[LAST_SLOT] == tag) << LAST_SLOT;
    return slots & ((1u << item_count(bucket)) - 1);
}

void wkv_table_prefetch_bucket(const struct wkv_table *table, uint32_t hash)
{
    if (table->count > 0)
        __builtin_prefetch(home_of(table, hash));
}

void wkv_table_prefetch_item(const struct wkv_table *table, uint32_t hash)
{
    if (table->count == 0)
        return;
    const struct wkv_table_bucket *bucket = home_of(table, hash);
    for (unsigned hits = slots_with_tag(bucket, tag_of(hash)); hits != 0; hits &= hits - 1) {
        const char *item = address_at(bucket, (unsigned)__builtin_ctz(hits));
        __builtin_prefetch(item);
        __builtin_prefetch(item + LINE_BYTES - 1); /* items begin anywhere */
    }
}

struct wkv_table_item *wkv_table_find(const struct wkv_table *table, uint32_t hash, wkv_table_match match,
                                      const void *sought)
{
    if (table->count == 0)
        return NULL;
    uint8_t tag = tag_of(hash);
    for (const struct wkv_table_bucket *bucket = home_of(table, hash); bucket != NULL;
         bucket = next_bucket(bucket)) {
        for (unsigned hits = slots_with_tag(bucket, tag); hits != 0; hits &= hits - 1) {
            struct wkv_table_item *item = item_at(bucket, (unsigned)__builtin_ctz(hits));
            if (item->hash == hash && match(item, sought))
                return item;
        }
    }
    return NULL;
}

static void put(struct wkv_table_bucket *bucket, unsigned slot, struct wkv_table_item *item, uint8_t tag)
{
    bucket->tags[slot] = tag;
    set_address(bucket, slot, item);
}

/* Puts an item behind the last of a bucket that has a free slot. */
static void append(struct wkv_table_bucket *bucket, struct wkv_table_item *item, uint8_t tag)
{
    put(bucket, bucket->items++, item, tag);
}

/* Further buckets that are at hand: linked through their first slots. */
struct spares {
    struct wkv_table_bucket *first;
};

static void spares_put(struct spares *spares, struct wkv_table_bucket *bucket)
{
    set_address(bucket, 0, spares->first);
    spares->first = bucket;
}

static struct wkv_table_bucket *spares_take(struct spares *spares)
{
    struct wkv_table_bucket *bucket = spares->first;
    if (bucket != NULL)
        spares->first = address_at(bucket, 0);
    return bucket;
}

/* Puts item into the chain that starts at bucket: into its first free slot, so that in a chain every bucket
 * but the last is full. A further bucket comes from spares or, where memory is not NULL, from there. Returns
 * false where there is none. */
static bool chain_insert(struct wkv_memory *memory, struct spares *spares, struct wkv_table_bucket *bucket,
                         struct wkv_table_item *item, uint8_t tag)
{
    while (is_chained(bucket))
        bucket = next_bucket(bucket);
    if (bucket->items < BUCKET_SLOTS) {
        append(bucket, item, tag);
        return true;
    }
    struct wkv_table_bucket *more = spares_take(spares);
    if (more == NULL && memory != NULL)
        more = wkv_memory_alloc(memory, WKV_BLOCK_FURTHER, sizeof *more);
    if (more == NULL)
        return false;
    more->items = 0;
    append(more, item_at(bucket, LAST_SLOT), bucket->tags[LAST_SLOT]);
    append(more, item, tag);
    set_address(bucket, LAST_SLOT, more);
    bucket->items = CHAINED | LAST_SLOT;
    return true;
}

/* Empties the slot of a bucket in the chain that starts at `first`. An item from the chain's end fills the
 * hole, so that every bucket but the last stays full. */
static void chain_take(struct wkv_memory *memory, struct wkv_table_bucket *first,
                       struct wkv_table_bucket *bucket, unsigned slot)
{
    struct wkv_table_bucket *before = NULL;
    struct wkv_table_bucket *last = first;
    while (is_chained(last)) {
        before = last;
        last = next_bucket(last);
    }
    unsigned mover = --last->items;
    if (last != bucket || mover != slot)
        put(bucket, slot, item_at(last, mover), last->tags[mover]);
    if (before != NULL && last->items == 0) {
        before->items = LAST_SLOT;
        wkv_memory_free(memory, last);
    }
}

static void chain_count(const struct wkv_table_bucket *bucket, unsigned *items, unsigned *further)
{
    for (*items = 0, *further = 0; bucket != NULL; bucket = next_bucket(bucket)) {
        *items += item_count(bucket);
        *further += is_chained(bucket);
    }
}

/* How many further buckets a chain with so many items needs: 9 fit the first; each further one gives room for
 * 8. */
static unsigned further_buckets(unsigned items)
{
    return items <= BUCKET_SLOTS ? 0 : (items - BUCKET_SLOTS + BUCKET_SLOTS - 2) / (BUCKET_SLOTS - 1);
}

/* All items miss the cache at the same time. */
static void prefetch_items(const struct wkv_table_bucket *bucket)
{
    for (unsigned slot = 0; slot < item_count(bucket); slot++)
        __builtin_prefetch(item_at(bucket, slot));
}

/* Deals the items of the chain at `from` out to the chains at `low` and, where the hash has `bit`, `high`.
 * `from` is a copy whose further buckets become spares as they are read. Never runs out of buckets: two
 * chains need no more further buckets than one with the items of both, and where low has items already the
 * caller has put by what more is needed. */
static void deal(struct wkv_table_bucket from, struct spares *spares, struct wkv_table_bucket *low,
                 struct wkv_table_bucket *high, uint32_t bit)
{
    for (;;) {
        struct wkv_table_bucket *next = next_bucket(&from);
        if (bit != 0)
            prefetch_items(&from);
        for (unsigned slot = 0; slot < item_count(&from); slot++) {
            struct wkv_table_item *item = item_at(&from, slot);
            bool is_high = bit != 0 && (item->hash & bit) != 0;
            bool dealt = chain_insert(NULL, spares, is_high ? high : low, item, from.tags[slot]);
            assert(dealt);
            (void)dealt;
        }
        if (next == NULL)
            return;
        from = *next;
        spares_put(spares, next);
    }
}

static void free_spares(struct wkv_memory *memory, struct spares *spares)
{
    struct wkv_table_bucket *bucket;
    while ((bucket = spares_take(spares)) != NULL)
        wkv_memory_free(memory, bucket);
}

static bool grow_directory(struct wkv_table *table, struct wkv_memory *memory)
{
    uint32_t slots = table->segment_slots == 0 ? 4 : table->segment_slots * 2;
    struct wkv_table_bucket **segments =
        wkv_memory_alloc(memory, WKV_BLOCK_DIRECTORY, slots * sizeof *segments);
    if (segments == NULL)
        return false;
    if (table->segments != NULL)
        memcpy(segments, table->segments, table->segment_slots * sizeof *segments);
    wkv_memory_free(memory, table->segments);
    table->segments = segments;
    table->segment_slots = slots;
    return true;
}

/* A small table has a small first segment, doubled as it grows: at most a page is copied. */
static bool resize_first_segment(struct wkv_table *table, struct wkv_memory *memory, uint32_t buckets)
{
    struct wkv_table_bucket *segment = wkv_memory_alloc(memory, WKV_BLOCK_BUCKETS, buckets * sizeof *segment);
    if (segment == NULL)
        return false;
    if (table->first_buckets > 0) {
        uint32_t kept = buckets < table->first_buckets ? buckets : table->first_buckets;
        memcpy(segment, table->segments[0], kept * sizeof *segment);
        wkv_memory_free(memory, table->segments[0]);
    }
    table->segments[0] = segment;
    table->first_buckets = buckets;
    return true;
}

/* Makes room for the bucket with that number, which is the next. */
static bool reserve_bucket(struct wkv_table *table, struct wkv_memory *memory, uint32_t index)
{
    uint32_t segment = index / SEGMENT_BUCKETS;
    if (segment >= table->segment_slots && !grow_directory(table, memory))
        return false;
    if (segment == 0) {
        if (index < table->first_buckets)
            return true;
        return resize_first_segment(table, memory,
                                    table->first_buckets == 0 ? FIRST_BUCKETS : table->first_buckets * 2);
    }
    if (index % SEGMENT_BUCKETS != 0)
        return true;
    table->segments[segment] =
        wkv_memory_alloc(memory, WKV_BLOCK_BUCKETS, SEGMENT_BUCKETS * sizeof(struct wkv_table_bucket));
    return table->segments[segment] != NULL;
}

static bool start(struct wkv_table *table, struct wkv_memory *memory)
{
    if (!reserve_bucket(table, memory, 0))
        return false;
    for (uint32_t index = 0; index < FIRST_BUCKETS; index++)
        bucket_at(table, index)->items = 0;
    table->buckets = FIRST_BUCKETS;
    table->mask = FIRST_BUCKETS - 1;
    return true;
}

/* The bucket that is dealt out when the table grows next. */
static struct wkv_table_bucket *next_split(const struct wkv_table *table)
{
    return bucket_at(table, table->buckets - (table->mask + 1));
}

/* Adds one bucket. Without memory for it the table stays as it is: chains grow longer, nothing fails. */
static void grow(struct wkv_table *table, struct wkv_memory *memory)
{
    uint32_t index = table->buckets;
    if (index >= MAX_BUCKETS || !reserve_bucket(table, memory, index))
        return;
    uint32_t bit = table->mask + 1;
    struct wkv_table_bucket *high = bucket_at(table, index);
    struct wkv_table_bucket *low = bucket_at(table, index - bit);
    struct wkv_table_bucket from = *low;
    struct spares spares = {NULL};
    low->items = 0;
    high->items = 0;
    deal(from, &spares, low, high, bit);
    free_spares(memory, &spares);
    table->buckets++;
    if (table->buckets == bit * 2)
        table->mask = table->mask * 2 + 1;
}

/* Gives back the memory of the bucket behind the last, if that was the first of its segment. */
static void release_bucket(struct wkv_table *table, struct wkv_memory *memory)
{
    uint32_t index = table->buckets;
    if (index >= SEGMENT_BUCKETS) {
        if (index % SEGMENT_BUCKETS == 0)
            wkv_memory_free(memory, table->segments[index / SEGMENT_BUCKETS]);
    } else if (index >= FIRST_BUCKETS && index * 2 == table->first_buckets) {
        /* Where there is no memory for the smaller one the larger stays. */
        (void)resize_first_segment(table, memory, index);
    }
}

/* Takes one bucket away. Where its items would need buckets for which there is no memory, the table stays as
 * it is.
 */
static void shrink(struct wkv_table *table, struct wkv_memory *memory)
{
    uint32_t mask = table->buckets == table->mask + 1 ? table->mask / 2 : table->mask;
    uint32_t index = table->buckets - 1;
    struct wkv_table_bucket *high = bucket_at(table, index);
    struct wkv_table_bucket *low = bucket_at(table, index - (mask + 1));
    unsigned high_items, high_further, low_items, low_further;
    chain_count(high, &high_items, &high_further);
    chain_count(low, &low_items, &low_further);
    struct spares spares = {NULL};
    for (unsigned have = low_further; have < further_buckets(low_items + high_items); have++) {
        struct wkv_table_bucket *more = wkv_memory_alloc(memory, WKV_BLOCK_FURTHER, sizeof *more);
        if (more == NULL) {
            free_spares(memory, &spares);
            return;
        }
        spares_put(&spares, more);
    }
    deal(*high, &spares, low, low, 0);
    free_spares(memory, &spares);
    table->buckets--;
    table->mask = mask;
    release_bucket(table, memory);
}

void *wkv_table_spare_bucket(struct wkv_memory *memory)
{
    return wkv_memory_alloc(memory, WKV_BLOCK_FURTHER, sizeof(struct wkv_table_bucket));
}

bool wkv_table_insert(struct wkv_table *table, struct wkv_memory *memory, struct wkv_table_item *item)
{
    struct spares none = {NULL};
    if (table->buckets == 0 && !start(table, memory))
        return false;
    if (!chain_insert(memory, &none, home_of(table, item->hash), item, tag_of(item->hash)))
        return false;
    table->count++;
    size_t most = (size_t)table->buckets * GROW_ABOVE;
    if (table->count > most) {
        uint64_t *prepaid_bytes = wkv_memory_spare_prepaid(memory);
        grow(table, memory);
        memory->prepaid_bytes = prepaid_bytes;
        __builtin_prefetch(next_split(table));
    } else if (table->count + 3 == most) {
        prefetch_items(next_split(table));
    }
    return true;
}

/* The bucket and the slot of an item that is there. */
static struct wkv_table_bucket *locate(const struct wkv_table *table, const struct wkv_table_item *item,
                                       unsigned *slot)
{
    struct wkv_table_bucket *bucket = home_of(table, item->hash);
    for (; bucket != NULL; bucket = next_bucket(bucket)) {
        for (*slot = 0; *slot < item_count(bucket); ++*slot)
            if (item_at(bucket, *slot) == item)
                return bucket;
    }
    assert(!"the item is in the table");
    return NULL;
}

void wkv_table_replace(struct wkv_table *table, const struct wkv_table_item *old,
                       struct wkv_table_item *fresh)
{
    unsigned slot;
    struct wkv_table_bucket *bucket = locate(table, old, &slot);
    set_address(bucket, slot, fresh);
}

bool wkv_table_try(const struct wkv_table *table, uint32_t hash,
                   bool (*is_it)(void *context, struct wkv_table_item *item), void *context)
{
    if (table->count == 0)
        return false;
    uint8_t tag = tag_of(hash);
    for (const struct wkv_table_bucket *bucket = home_of(table, hash); bucket != NULL;
         bucket = next_bucket(bucket)) {
        for (unsigned hits = slots_with_tag(bucket, tag); hits != 0; hits &= hits - 1) {
            struct wkv_table_item *item = item_at(bucket, (unsigned)__builtin_ctz(hits));
            if (item->hash == hash && is_it(context, item))
                return true;
        }
    }
    return false;
}

bool wkv_table_item_moved(struct wkv_table *table, const void *old, struct wkv_table_item *fresh)
{
    if (table->count == 0)
        return false;
    uint8_t tag = tag_of(fresh->hash);
    for (struct wkv_table_bucket *bucket = home_of(table, fresh->hash); bucket != NULL;
         bucket = next_bucket(bucket)) {
        for (unsigned hits = slots_with_tag(bucket, tag); hits != 0; hits &= hits - 1) {
            unsigned slot = (unsigned)__builtin_ctz(hits);
            if (item_at(bucket, slot) != old)
                continue;
            set_address(bucket, slot, fresh);
            return true;
        }
    }
    return false;
}

static bool directory_moved(struct wkv_table *table, const void *old, void *fresh)
{
    if (table->segments != old)
        return false;
    table->segments = fresh;
    return true;
}

static bool segment_moved(struct wkv_table *table, const void *old, void *fresh)
{
    for (uint32_t i = 0; i * SEGMENT_BUCKETS < table->buckets; i++) {
        if (table->segments[i] != old)
            continue;
        table->segments[i] = fresh;
        return true;
    }
    return false;
}

/* A further bucket is never empty, and its items know in whose chain it is. */
static bool further_moved(struct wkv_table *table, const void *old, struct wkv_table_bucket *fresh)
{
    if (table->buckets == 0)
        return false;
    const struct wkv_table_item *item = item_at(fresh, 0);
    for (struct wkv_table_bucket *bucket = home_of(table, item->hash); is_chained(bucket);
         bucket = next_bucket(bucket)) {
        if (next_bucket(bucket) != old)
            continue;
        set_address(bucket, LAST_SLOT, fresh);
        return true;
    }
    return false;
}

bool wkv_table_block_moved(struct wkv_table *table, enum wkv_block_kind kind, const void *old, void *fresh)
{
    switch (kind) {
    case WKV_BLOCK_DIRECTORY:
        return directory_moved(table, old, fresh);
    case WKV_BLOCK_BUCKETS:
        return segment_moved(table, old, fresh);
    case WKV_BLOCK_FURTHER:
        return further_moved(table, old, fresh);
    default:
        return false;
    }
}

void wkv_table_remove(struct wkv_table *table, struct wkv_memory *memory, const struct wkv_table_item *item)
{
    unsigned slot;
    struct wkv_table_bucket *bucket = locate(table, item, &slot);
    chain_take(memory, home_of(table, item->hash), bucket, slot);
    table->count--;
    if (table->buckets > FIRST_BUCKETS && table->count < (size_t)table->buckets * SHRINK_BELOW_TENTHS / 10) {
        uint64_t *prepaid_bytes = wkv_memory_spare_prepaid(memory);
        shrink(table, memory);
        memory->prepaid_bytes = prepaid_bytes;
    }
}

static void visit_chain(const struct wkv_table_bucket *bucket,
                        void (*visit)(void *context, struct wkv_table_item *item), void *context)
{
    for (; bucket != NULL; bucket = next_bucket(bucket))
        for (unsigned slot = 0; slot < item_count(bucket); slot++)
            visit(context, item_at(bucket, slot));
}

void wkv_table_each(const struct wkv_table *table, bool (*visit)(void *context, struct wkv_table_item *item),
                    void *context)
{
    for (uint32_t index = 0; index < table->buckets; index++)
        for (const struct wkv_table_bucket *bucket = bucket_at(table, index); bucket != NULL;
             bucket = next_bucket(bucket))
            for (unsigned slot = 0; slot < item_count(bucket); slot++)
                if (!visit(context, item_at(bucket, slot)))
                    return;
}

uint32_t wkv_table_walk(const struct wkv_table *table, uint32_t place,
                        void (*visit)(void *context, struct wkv_table_item *item), void *context)
{
    if (table->buckets == 0)
        return UINT32_MAX;
    uint32_t hash = wkv_table_place(place);
    uint32_t mask = table->mask;
    /* Where the bucket that this one was or will be split to is there already, one more bit tells them apart.
     */
    if ((hash & mask) + mask + 1 < table->buckets)
        mask = mask * 2 + 1;
    visit_chain(bucket_at(table, hash & mask), visit, context);
    return place | ~wkv_table_place(mask);
}

bool wkv_table_drain(struct wkv_table *table, struct wkv_memory *memory, unsigned *steps,
                     void (*dispose)(struct wkv_memory *memory, struct wkv_table_item *item))
{
    while (table->buckets > 0) {
        struct wkv_table_bucket *bucket = bucket_at(table, table->buckets - 1);
        while (bucket->items != 0) {
            if (*steps == 0)
                return false;
            (*steps)--;
            struct wkv_table_item *item = item_at(bucket, 0);
            chain_take(memory, bucket, bucket, 0);
            table->count--;
            dispose(memory, item);
        }
        if (*steps == 0)
            return false;
        (*steps)--;
        table->buckets--;
        if (table->buckets >= SEGMENT_BUCKETS && table->buckets % SEGMENT_BUCKETS == 0)
            wkv_memory_free(memory, table->segments[table->buckets / SEGMENT_BUCKETS]);
    }
    /* A directory without its first segment is what a table without memory for its start is left with. */
    if (table->first_buckets > 0)
        wkv_memory_free(memory, table->segments[0]);
    wkv_memory_free(memory, table->segments);
    wkv_table_init(table);
    return true;
}
