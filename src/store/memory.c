#include "store/memory.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>

#define LINE_BYTES ((size_t)64)

/* What stands in front of a block that is none of the heap's. The size in its word is 0, which no block of
 * the heap has. */
struct outside {
    uint64_t bytes; /* as counted */
    uint64_t taken; /* of the pool, at first; 0: it is malloc's */
    uint64_t has;   /* bytes with pages, where it is the pool's */
    struct wkv_block word;
};

static struct outside *outside_of(const void *block)
{
    return (struct outside *)((char *)block - sizeof(struct outside));
}

static bool is_outside(const void *block)
{
    return wkv_heap_bytes(block) == 0;
}

static bool lies_on_lines(enum wkv_block_kind kind)
{
    return kind == WKV_BLOCK_BUCKETS || kind == WKV_BLOCK_FURTHER;
}

/* Bytes from where malloc's block begins to where ours does. */
static size_t head_bytes(enum wkv_block_kind kind)
{
    return lies_on_lines(kind) ? LINE_BYTES : sizeof(struct outside);
}

/* What of a block of malloc's is not ours to write to. */
static size_t malloc_head_bytes(const struct outside *outside)
{
    return head_bytes(wkv_block_kind(&outside->word)) + sizeof(size_t);
}

enum place { IN_HEAP, IN_PAGES, IN_MALLOC };

static enum place place_of(const struct wkv_memory *memory, enum wkv_block_kind kind, size_t size)
{
    if (memory->heap.pool == NULL || kind == WKV_BLOCK_FIXED)
        return IN_MALLOC;
    return wkv_heap_round(size) <= WKV_HEAP_MAX_BYTES ? IN_HEAP : IN_PAGES;
}

static bool charge(struct wkv_memory *memory, uint64_t bytes)
{
    if (memory->prepaid_bytes == NULL || *memory->prepaid_bytes < bytes)
        return wkv_budget_charge_beyond(memory->budget, bytes, memory->credit_bytes);
    *memory->prepaid_bytes -= bytes;
    return true;
}

static void discharge(struct wkv_memory *memory, uint64_t bytes)
{
    wkv_budget_discharge(memory->budget, bytes);
}

/* A request that cannot fit is refused before the system is asked for it. */
static bool is_hopeless(const struct wkv_memory *memory, size_t size)
{
    return memory->budget->max_bytes != 0 && size > memory->budget->max_bytes;
}

/* How far the pool's bound may be passed. A small block that is freed may give no page back, so that a call
 * which replaces one has the spare too, which is within the budget and its holes. */
static uint64_t pool_credit(const struct wkv_memory *memory)
{
    if (memory->prepaid_bytes != NULL)
        return WKV_PAGES_ALL_CREDIT;
    return memory->credit_bytes == 0 ? 0 : memory->credit_bytes + memory->heap.pool->spare_bytes;
}

/* How much malloc takes is known only afterwards. */
static void *from_malloc(struct wkv_memory *memory, enum wkv_block_kind kind, size_t size)
{
    size_t head = head_bytes(kind);
    char *start = lies_on_lines(kind) ? aligned_alloc(LINE_BYTES, head + size) : malloc(head + size);
    if (start == NULL)
        return NULL;
    uint64_t bytes = malloc_usable_size(start) + sizeof(size_t);
    if (!charge(memory, bytes)) {
        free(start);
        return NULL;
    }
    *outside_of(start + head) = (struct outside){.bytes = bytes, .word = {.info = (uint32_t)kind}};
    return start + head;
}

static void *from_pages(struct wkv_memory *memory, enum wkv_block_kind kind, size_t size)
{
    size_t has, bytes = wkv_pages_round(size + sizeof(struct outside));
    struct outside *start = wkv_pages_take(memory->heap.pool, bytes, pool_credit(memory), &has);
    if (start == NULL)
        return NULL;
    *start = (struct outside){.bytes = bytes, .taken = bytes, .has = has, .word = {.info = (uint32_t)kind}};
    return start + 1;
}

/* How much the heap and the pages take is known beforehand. */
static void *from_pool(struct wkv_memory *memory, enum wkv_block_kind kind, size_t size, bool in_heap)
{
    uint64_t bytes = in_heap ? wkv_heap_round(size) : wkv_pages_round(size + sizeof(struct outside));
    if (!charge(memory, bytes))
        return NULL;
    void *block = in_heap ? wkv_heap_alloc(&memory->heap, kind, memory->owner, size, pool_credit(memory))
                          : from_pages(memory, kind, size);
    if (block == NULL)
        discharge(memory, bytes);
    return block;
}

void *wkv_memory_alloc(struct wkv_memory *memory, enum wkv_block_kind kind, size_t size)
{
    if (is_hopeless(memory, size))
        return NULL;
    enum place place = place_of(memory, kind, size);
    void *block = place == IN_MALLOC ? from_malloc(memory, kind, size)
                                     : from_pool(memory, kind, size, place == IN_HEAP);
    if (block != NULL)
        memory->used_bytes += wkv_memory_block_bytes(block);
    return block;
}

uint64_t wkv_memory_block_bytes(const void *block)
{
    return is_outside(block) ? outside_of(block)->bytes : wkv_heap_bytes(block);
}

size_t wkv_memory_block_room(const void *block)
{
    if (!is_outside(block))
        return wkv_heap_bytes(block) - sizeof(struct wkv_block);
    const struct outside *outside = outside_of(block);
    return (size_t)outside->bytes - (outside->taken != 0 ? sizeof *outside : malloc_head_bytes(outside));
}

bool wkv_memory_has_pages(const void *block)
{
    return is_outside(block) && outside_of(block)->taken != 0;
}

static void shrink_pages(struct wkv_memory *memory, struct outside *outside, size_t size)
{
    size_t left = wkv_pages_round(size + sizeof *outside);
    if (outside->taken == 0 || left >= outside->bytes)
        return;
    wkv_pages_shrink(memory->heap.pool, outside, (size_t)outside->has, left);
    outside->has = left;
    outside->bytes = left;
}

void wkv_memory_shrink(struct wkv_memory *memory, void *block, size_t size)
{
    uint64_t before = wkv_memory_block_bytes(block);
    if (is_outside(block))
        shrink_pages(memory, outside_of(block), size);
    else
        wkv_heap_shrink(&memory->heap, block, size);
    uint64_t saved = before - wkv_memory_block_bytes(block);
    memory->used_bytes -= saved;
    discharge(memory, saved);
}

static void free_outside(struct wkv_memory *memory, void *block)
{
    struct outside *outside = outside_of(block);
    if (outside->taken == 0)
        free((char *)block - head_bytes(wkv_block_kind(&outside->word)));
    else
        wkv_pages_give(memory->heap.pool, outside, (size_t)outside->taken, (size_t)outside->has);
}

void wkv_memory_free(struct wkv_memory *memory, void *block)
{
    if (block == NULL)
        return;
    uint64_t bytes = wkv_memory_block_bytes(block);
    memory->used_bytes -= bytes;
    discharge(memory, bytes);
    if (is_outside(block))
        free_outside(memory, block);
    else
        wkv_heap_free(&memory->heap, block);
}
