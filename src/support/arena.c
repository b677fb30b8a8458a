#include "support/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

/* A block is one allocation:
 *
 *   +------+----------+------+----------------------------+
 *   | next | capacity | used | bytes ... (capacity)       |
 *   +------+----------+------+----------------------------+
 */
struct wkv_arena_block {
    struct wkv_arena_block *next;
    size_t capacity;
    size_t used;
    alignas(max_align_t) unsigned char bytes[];
};

#define ALIGNMENT alignof(max_align_t)

static struct wkv_arena_block *new_block(struct wkv_arena *arena, size_t capacity)
{
    if (capacity > arena->max_bytes - arena->total_bytes ||
        capacity > SIZE_MAX - sizeof(struct wkv_arena_block)) {
        arena->bounded = true;
        return NULL;
    }
    struct wkv_arena_block *block = malloc(sizeof *block + capacity);
    if (block == NULL)
        return NULL;
    block->next = NULL;
    block->capacity = capacity;
    block->used = 0;
    arena->total_bytes += capacity;
    return block;
}

bool wkv_arena_init(struct wkv_arena *arena, size_t first_bytes, size_t max_bytes)
{
    arena->total_bytes = 0;
    arena->max_bytes = max_bytes;
    arena->held_bytes = 0;
    arena->bounded = false;
    arena->first = new_block(arena, first_bytes);
    arena->current = arena->first;
    return arena->first != NULL;
}

/* Doubling keeps the number of blocks small for a request of any size. */
static void *__attribute__((noinline)) alloc_in_new_block(struct wkv_arena *arena, size_t size)
{
    size_t capacity = arena->current->capacity, left = arena->max_bytes - arena->total_bytes;
    size_t wanted = capacity > SIZE_MAX / 2 ? SIZE_MAX : capacity * 2;
    struct wkv_arena_block *block = new_block(arena, wanted < size || wanted > left ? size : wanted);
    if (block == NULL)
        return NULL;
    arena->current->next = block;
    arena->current = block;
    block->used = size;
    return block->bytes;
}

void *wkv_arena_alloc(struct wkv_arena *arena, size_t size)
{
    struct wkv_arena_block *block = arena->current;
    if (size == 0)
        size = 1;
    if (size > SIZE_MAX - ALIGNMENT)
        return NULL;
    size = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    if (size > block->capacity - block->used)
        return alloc_in_new_block(arena, size);
    void *bytes = block->bytes + block->used;
    block->used += size;
    return bytes;
}

static void free_behind(struct wkv_arena *arena, struct wkv_arena_block *last)
{
    for (struct wkv_arena_block *block = last->next, *next; block != NULL; block = next) {
        next = block->next;
        arena->total_bytes -= block->capacity;
        free(block);
    }
    last->next = NULL;
    arena->current = last;
}

struct wkv_arena_mark wkv_arena_mark(const struct wkv_arena *arena)
{
    return (struct wkv_arena_mark){arena->current, arena->current->used, arena->bounded};
}

void wkv_arena_back(struct wkv_arena *arena, struct wkv_arena_mark mark)
{
    mark.block->used = mark.used;
    arena->bounded = mark.bounded;
    free_behind(arena, mark.block);
}

void wkv_arena_reset(struct wkv_arena *arena)
{
    wkv_arena_back(arena, (struct wkv_arena_mark){arena->first, arena->held_bytes, false});
}

bool wkv_arena_hold(struct wkv_arena *arena)
{
    if (arena->current != arena->first || arena->first->used > arena->first->capacity / 2)
        return false;
    arena->held_bytes = arena->first->used;
    return true;
}

void wkv_arena_unhold(struct wkv_arena *arena)
{
    arena->held_bytes = 0;
}

void wkv_arena_destroy(struct wkv_arena *arena)
{
    if (arena->first != NULL)
        free_behind(arena, arena->first);
    free(arena->first);
    arena->first = NULL;
    arena->current = NULL;
    arena->total_bytes = 0;
}
