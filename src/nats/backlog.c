#include "nats/backlog.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
#define FIRST_SLOTS 256u
#define MOST_SLOTS (1u << 24)

/* Linked by number, so that they can move when there are more. */
struct wkv_backlog_slot {
    struct wkv_backlog_item item;
    uint32_t next;
};

void wkv_backlog_init(struct wkv_backlog *backlog)
{
    memset(backlog, 0, sizeof *backlog);
    backlog->free = NONE;
    backlog->turn = NONE;
}

void wkv_backlog_destroy(struct wkv_backlog *backlog)
{
    free(backlog->slots);
    wkv_backlog_init(backlog);
}

static bool grow(struct wkv_backlog *backlog)
{
    uint32_t capacity = backlog->capacity == 0 ? FIRST_SLOTS : backlog->capacity * 2;
    if (capacity > MOST_SLOTS)
        return false;
    struct wkv_backlog_slot *slots = realloc(backlog->slots, capacity * sizeof *slots);
    if (slots == NULL)
        return false;
    for (uint32_t i = backlog->capacity; i < capacity; i++)
        slots[i].next = i + 1 < capacity ? i + 1 : NONE;
    backlog->free = backlog->capacity;
    backlog->slots = slots;
    backlog->capacity = capacity;
    return true;
}

/* Puts a flow that is no longer empty at the end of the ring. */
static void enter_ring(struct wkv_backlog *backlog, uint32_t number)
{
    struct wkv_backlog_flow *flow = &backlog->flows[number];
    if (backlog->turn == NONE) {
        flow->next = number;
    } else {
        flow->next = backlog->flows[backlog->turn].next;
        backlog->flows[backlog->turn].next = number;
    }
    backlog->turn = number;
}

/* Takes the flow behind `before` out of the ring. */
static void leave_ring(struct wkv_backlog *backlog, uint32_t before)
{
    uint32_t number = backlog->flows[before].next;
    backlog->flows[before].next = backlog->flows[number].next;
    if (number == before)
        backlog->turn = NONE;
    else if (number == backlog->turn)
        backlog->turn = before;
}

static void append(struct wkv_backlog *backlog, uint32_t slot, uint64_t key)
{
    uint32_t number = backlog->shared ? (uint32_t)(key % WKV_BACKLOG_FLOWS) : 0;
    struct wkv_backlog_flow *flow = &backlog->flows[number];
    backlog->slots[slot].next = NONE;
    if (flow->count++ == 0) {
        flow->first = slot;
        enter_ring(backlog, number);
    } else {
        backlog->slots[flow->last].next = slot;
    }
    flow->last = slot;
    flow->bytes += backlog->slots[slot].item.bytes;
}

bool wkv_backlog_push(struct wkv_backlog *backlog, const struct wkv_backlog_item *item, uint64_t key)
{
    if (backlog->free == NONE && !grow(backlog))
        return false;
    uint32_t slot = backlog->free;
    backlog->free = backlog->slots[slot].next;
    backlog->slots[slot].item = *item;
    append(backlog, slot, key);
    backlog->count++;
    backlog->bytes += item->bytes;
    return true;
}

void wkv_backlog_share(struct wkv_backlog *backlog,
                       uint64_t (*key_of)(void *context, void *message, void *from), void *context)
{
    if (backlog->shared || backlog->count == 0)
        return;
    uint32_t slot = backlog->flows[0].first;
    backlog->flows[0] = (struct wkv_backlog_flow){.count = 0};
    backlog->turn = NONE;
    backlog->shared = true;
    while (slot != NONE) {
        uint32_t next = backlog->slots[slot].next;
        const struct wkv_backlog_item *item = &backlog->slots[slot].item;
        append(backlog, slot, key_of(context, item->message, item->from));
        slot = next;
    }
}

size_t wkv_backlog_look(const struct wkv_backlog *backlog, const struct wkv_backlog_item **items, size_t max)
{
    size_t count = 0;
    if (backlog->count == 0)
        return 0;
    uint32_t slot = backlog->flows[backlog->flows[backlog->turn].next].first;
    for (; slot != NONE && count < (backlog->shared ? 1 : max); slot = backlog->slots[slot].next)
        items[count++] = &backlog->slots[slot].item;
    return count;
}

/* Takes the oldest of the flow behind `before`. */
static void take(struct wkv_backlog *backlog, uint32_t before, struct wkv_backlog_item *item)
{
    struct wkv_backlog_flow *flow = &backlog->flows[backlog->flows[before].next];
    uint32_t slot = flow->first;
    *item = backlog->slots[slot].item;
    flow->first = backlog->slots[slot].next;
    flow->bytes -= item->bytes;
    backlog->slots[slot].next = backlog->free;
    backlog->free = slot;
    backlog->bytes -= item->bytes;
    if (--flow->count == 0)
        leave_ring(backlog, before);
    if (--backlog->count == 0)
        backlog->shared = false;
}

bool wkv_backlog_pop(struct wkv_backlog *backlog, struct wkv_backlog_item *item)
{
    if (backlog->count == 0)
        return false;
    uint32_t number = backlog->flows[backlog->turn].next;
    bool more = backlog->flows[number].count > 1;
    take(backlog, backlog->turn, item);
    /* One with more goes to the end of the ring. */
    if (more)
        backlog->turn = number;
    return true;
}

bool wkv_backlog_pop_heaviest(struct wkv_backlog *backlog, struct wkv_backlog_item *item)
{
    if (backlog->count == 0)
        return false;
    uint32_t heaviest = backlog->turn;
    for (uint32_t at = backlog->flows[backlog->turn].next; at != backlog->turn; at = backlog->flows[at].next)
        if (backlog->flows[backlog->flows[at].next].bytes >
            backlog->flows[backlog->flows[heaviest].next].bytes)
            heaviest = at;
    take(backlog, heaviest, item);
    return true;
}
