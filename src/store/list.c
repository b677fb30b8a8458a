#include "store/list.h"

#include <assert.h>

#include "store/packed.h"
#include "support/text.h"

/* Bytes of a full-grown chunk, its header and the heap's word included: small enough to be copied while it
 * grows, large enough for the links to weigh little. An item that does not fit gets a chunk of its own size.
 */
#define FULL_CHUNK_BYTES WKV_LIST_CHUNK_BYTES
#define FIRST_CHUNK_BYTES 64u
#define LONG_CHUNKS 8u
#define WORD_BYTES sizeof(struct wkv_block)

/*   0      8      16      20     24         28        32
 *   +------+------+-------+------+----------+---------+------------------------------+
 *   | prev | next | items | used | capacity | (empty) | packed items ... (capacity)  |
 *   +------+------+-------+------+----------+---------+------------------------------+
 */
struct wkv_list_chunk {
    struct wkv_list_chunk *prev;
    struct wkv_list_chunk *next;
    uint32_t items;
    uint32_t used;     /* bytes of `packed` */
    uint32_t capacity; /* likewise */
    char packed[];
};

static_assert(WKV_STORE_MAX_VALUE_BYTES <= UINT32_MAX / 2, "a chunk's sizes fit 32 bits");

#define HEADER_BYTES (offsetof(struct wkv_list_chunk, packed) + WORD_BYTES)
#define FULL_CAPACITY (FULL_CHUNK_BYTES - HEADER_BYTES)

static struct wkv_list_chunk *new_chunk(struct wkv_memory *memory, size_t capacity)
{
    struct wkv_list_chunk *chunk =
        wkv_memory_alloc(memory, WKV_BLOCK_CHUNK, offsetof(struct wkv_list_chunk, packed) + capacity);
    if (chunk != NULL) {
        chunk->prev = NULL;
        chunk->next = NULL;
        chunk->items = 0;
        chunk->used = 0;
        chunk->capacity = (uint32_t)capacity;
    }
    return chunk;
}

static void free_chunk(struct wkv_list *list, struct wkv_memory *memory, struct wkv_list_chunk *chunk)
{
    if (chunk->prev != NULL)
        chunk->prev->next = chunk->next;
    else
        list->head = chunk->next;
    if (chunk->next != NULL)
        chunk->next->prev = chunk->prev;
    else
        list->tail = chunk->prev;
    list->chunks--;
    wkv_memory_free(memory, chunk);
}

/* Moves a chunk into one of another capacity, at least its used bytes. Returns NULL, with nothing changed,
 * where memory is short. */
static struct wkv_list_chunk *resize_chunk(struct wkv_list *list, struct wkv_memory *memory,
                                           struct wkv_list_chunk *chunk, size_t capacity)
{
    struct wkv_list_chunk *moved = new_chunk(memory, capacity);
    if (moved == NULL)
        return NULL;
    moved->prev = chunk->prev;
    moved->next = chunk->next;
    moved->items = chunk->items;
    moved->used = chunk->used;
    memcpy(moved->packed, chunk->packed, chunk->used);
    wkv_list_moved(list, moved);
    wkv_memory_free(memory, chunk);
    return moved;
}

/* A capacity of a chunk that grows by a quarter at a time until it is full-grown. */
static size_t grown_capacity(size_t needed)
{
    size_t bytes = FIRST_CHUNK_BYTES;
    while (bytes < needed + HEADER_BYTES && bytes < FULL_CHUNK_BYTES)
        bytes = wkv_packed_grown(bytes);
    if (bytes > FULL_CHUNK_BYTES)
        bytes = FULL_CHUNK_BYTES;
    return bytes - HEADER_BYTES < needed ? needed : bytes - HEADER_BYTES;
}

/* The chunk that takes the next item of so many bytes: the last one, grown if need be, or a fresh one. */
static struct wkv_list_chunk *chunk_for(struct wkv_list *list, struct wkv_memory *memory, size_t bytes)
{
    struct wkv_list_chunk *tail = list->tail;
    if (tail != NULL && bytes <= tail->capacity - tail->used)
        return tail;
    if (tail != NULL && tail->used + bytes <= FULL_CAPACITY)
        return resize_chunk(list, memory, tail, grown_capacity(tail->used + bytes));
    /* The part of a long list that is still empty weighs little. */
    size_t capacity = list->chunks < LONG_CHUNKS ? grown_capacity(bytes) : FULL_CAPACITY;
    struct wkv_list_chunk *chunk = new_chunk(memory, bytes > capacity ? bytes : capacity);
    if (chunk == NULL)
        return NULL;
    chunk->prev = tail;
    wkv_list_moved(list, chunk);
    list->chunks++;
    return chunk;
}

bool wkv_list_has_end(const struct wkv_list *list, const void *chunk)
{
    return list->head == chunk || list->tail == chunk;
}

bool wkv_list_is_end(const struct wkv_list_chunk *chunk)
{
    return chunk->prev == NULL || chunk->next == NULL;
}

void wkv_list_moved(struct wkv_list *list, struct wkv_list_chunk *fresh)
{
    if (fresh->prev != NULL)
        fresh->prev->next = fresh;
    else
        list->head = fresh;
    if (fresh->next != NULL)
        fresh->next->prev = fresh;
    else
        list->tail = fresh;
}

bool wkv_list_push(struct wkv_list *list, struct wkv_memory *memory, struct wkv_text value)
{
    size_t bytes = wkv_packed_bytes(value.len);
    uint64_t before = memory->used_bytes;
    struct wkv_list_chunk *chunk = chunk_for(list, memory, bytes);
    list->bytes += memory->used_bytes - before;
    if (chunk == NULL)
        return false;
    (void)wkv_packed_write(chunk->packed + chunk->used, value);
    chunk->used += (uint32_t)bytes;
    chunk->items++;
    list->length++;
    return true;
}

/* Closes the gaps that the removed items leave. Returns how many were removed. */
static uint32_t remove_from_chunk(struct wkv_list_chunk *chunk, struct wkv_text value)
{
    const char *from = chunk->packed;
    const char *end = chunk->packed + chunk->used;
    char *to = chunk->packed;
    uint32_t removed = 0;
    while (from < end) {
        struct wkv_text item;
        const char *next = wkv_packed_read(from, &item);
        if (wkv_text_same(value, item)) {
            removed++;
        } else {
            size_t bytes = (size_t)(next - from);
            if (to != from)
                memmove(to, from, bytes);
            to += bytes;
        }
        from = next;
    }
    chunk->used = (uint32_t)(to - chunk->packed);
    chunk->items -= removed;
    return removed;
}

/* Puts a chunk that removals have emptied by half together with the one before it, or into a smaller one, so
 * that a list keeps no more memory than about twice its items. Without memory it stays as it is. */
static void tidy(struct wkv_list *list, struct wkv_memory *memory, struct wkv_list_chunk *chunk)
{
    struct wkv_list_chunk *prev = chunk->prev;
    if (prev != NULL && prev->used + chunk->used <= FULL_CAPACITY) {
        if (prev->used + chunk->used > prev->capacity)
            prev = resize_chunk(list, memory, prev, grown_capacity(prev->used + chunk->used));
        if (prev == NULL)
            return;
        memcpy(prev->packed + prev->used, chunk->packed, chunk->used);
        prev->used += chunk->used;
        prev->items += chunk->items;
        free_chunk(list, memory, chunk);
    } else if (grown_capacity(chunk->used) < chunk->capacity) {
        (void)resize_chunk(list, memory, chunk, grown_capacity(chunk->used));
    }
}

/* After items of the chunk were removed. */
static void settle(struct wkv_list *list, struct wkv_memory *memory, struct wkv_list_chunk *chunk)
{
    if (chunk->items == 0)
        free_chunk(list, memory, chunk);
    else if (chunk->used < chunk->capacity / 2)
        tidy(list, memory, chunk);
}

/* The chunk that holds item number `index`, found from the nearer end; *before is how many items lie in front
 * of it. */
static struct wkv_list_chunk *find_chunk(const struct wkv_list *list, uint32_t index, uint32_t *before)
{
    struct wkv_list_chunk *chunk;
    if (index < list->length / 2) {
        *before = 0;
        for (chunk = list->head; index - *before >= chunk->items; chunk = chunk->next)
            *before += chunk->items;
    } else {
        *before = list->length;
        for (chunk = list->tail; *before - chunk->items > index; chunk = chunk->prev)
            *before -= chunk->items;
        *before -= chunk->items;
    }
    return chunk;
}

void wkv_list_remove(struct wkv_list *list, struct wkv_memory *memory, struct wkv_text value, uint32_t first,
                     uint32_t last)
{
    struct wkv_list_chunk *next;
    uint32_t index;
    uint64_t before = memory->used_bytes;
    uint64_t *prepaid_bytes = wkv_memory_spare_prepaid(memory);
    for (struct wkv_list_chunk *chunk = find_chunk(list, first, &index); chunk != NULL && index <= last;
         chunk = next) {
        next = chunk->next;
        index += chunk->items;
        uint32_t removed = remove_from_chunk(chunk, value);
        if (removed == 0)
            continue;
        list->length -= removed;
        settle(list, memory, chunk);
    }
    memory->prepaid_bytes = prepaid_bytes;
    /* Tidying can take more than it gives: the difference wraps around and is right all the same. */
    list->bytes += memory->used_bytes - before;
}

/* Where the item at that end begins in its chunk, and where it ends. */
static const char *find_end(const struct wkv_list_chunk *chunk, enum wkv_list_end end, const char **next)
{
    const char *at;
    struct wkv_text item;
    *next = chunk->packed;
    do {
        at = *next;
        *next = wkv_packed_read(at, &item);
    } while (end == WKV_LIST_LAST && *next < chunk->packed + chunk->used);
    return at;
}

void *wkv_list_copy_item(const struct wkv_list *list, struct wkv_memory *memory, enum wkv_list_end end)
{
    const char *next, *at = find_end(end == WKV_LIST_FIRST ? list->head : list->tail, end, &next);
    struct wkv_list_chunk *copy = new_chunk(memory, (size_t)(next - at));
    if (copy == NULL)
        return NULL;
    memcpy(copy->packed, at, (size_t)(next - at));
    copy->used = (uint32_t)(next - at);
    copy->items = 1;
    return copy;
}

void wkv_list_put_back(struct wkv_list *list, void *chunk, enum wkv_list_end end)
{
    struct wkv_list_chunk *back = chunk;
    if (end == WKV_LIST_FIRST)
        back->next = list->head;
    else
        back->prev = list->tail;
    wkv_list_moved(list, back);
    list->chunks++;
    list->length++;
    list->bytes += wkv_memory_block_bytes(chunk);
}

void wkv_list_take(struct wkv_list *list, struct wkv_memory *memory, enum wkv_list_end end)
{
    struct wkv_list_chunk *chunk = end == WKV_LIST_FIRST ? list->head : list->tail;
    const char *next, *at = find_end(chunk, end, &next);
    uint64_t before = memory->used_bytes;
    uint64_t *prepaid_bytes = wkv_memory_spare_prepaid(memory);
    memmove(chunk->packed + (at - chunk->packed), next, (size_t)(chunk->packed + chunk->used - next));
    chunk->used -= (uint32_t)(next - at);
    chunk->items--;
    list->length--;
    settle(list, memory, chunk);
    memory->prepaid_bytes = prepaid_bytes;
    list->bytes += memory->used_bytes - before;
}

void wkv_list_range(const struct wkv_list *list, uint32_t first, uint32_t last, wkv_store_visitor visit,
                    void *context)
{
    assert(first <= last && last < list->length);
    uint32_t index;
    for (const struct wkv_list_chunk *chunk = find_chunk(list, first, &index); index <= last;
         chunk = chunk->next) {
        const char *at = chunk->packed;
        for (uint32_t item = 0; item < chunk->items && index <= last; item++, index++) {
            struct wkv_text text;
            at = wkv_packed_read(at, &text);
            if (index >= first && !visit(context, text))
                return;
        }
    }
}

bool wkv_list_drain(struct wkv_list *list, struct wkv_memory *memory, unsigned *steps)
{
    while (list->head != NULL) {
        if (*steps == 0)
            return false;
        (*steps)--;
        list->length -= list->head->items;
        uint64_t before = memory->used_bytes;
        free_chunk(list, memory, list->head);
        list->bytes -= before - memory->used_bytes;
    }
    assert(list->bytes == 0);
    return true;
}
