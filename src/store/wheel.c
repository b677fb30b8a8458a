#include "store/wheel.h"

#include <stddef.h>
#include <string.h>

#define TICK_SHIFT 25
#define SLOT_BITS 6
#define SLOT_MASK (WKV_WHEEL_SLOTS - 1)

static uint64_t tick_of(int64_t time_ns)
{
    return (uint64_t)time_ns >> TICK_SHIFT;
}

static struct wkv_timer **slot_of(struct wkv_wheel *wheel, unsigned level, uint64_t tick)
{
    return &wheel->slots[level * WKV_WHEEL_SLOTS + (tick >> (SLOT_BITS * level) & SLOT_MASK)];
}

void wkv_wheel_init(struct wkv_wheel *wheel, int64_t now_ns)
{
    wheel->slots = NULL;
    wheel->tick = tick_of(now_ns);
    wheel->armed = 0;
    wheel->hand = NULL;
    wheel->hand_slot = 0;
}

bool wkv_wheel_reserve(struct wkv_wheel *wheel, struct wkv_memory *memory)
{
    if (wheel->slots != NULL)
        return true;
    wheel->slots = wkv_memory_alloc(memory, WKV_BLOCK_FIXED, WKV_WHEEL_BYTES);
    if (wheel->slots == NULL)
        return false;
    memset(wheel->slots, 0, WKV_WHEEL_BYTES);
    return true;
}

/* The lowest level whose span reaches the deadline from the wheel's tick. */
static void file(struct wkv_wheel *wheel, struct wkv_timer *timer)
{
    uint64_t tick = tick_of(timer->deadline_ns);
    if (tick < wheel->tick)
        tick = wheel->tick;
    unsigned level = 0;
    while (level < WKV_WHEEL_LEVELS - 1 && (tick - wheel->tick) >> (SLOT_BITS * (level + 1)) != 0)
        level++;
    struct wkv_timer **slot = slot_of(wheel, level, tick);
    timer->next = *slot;
    timer->link = slot;
    if (timer->next != NULL)
        timer->next->link = &timer->next;
    *slot = timer;
}

static void unfile(struct wkv_wheel *wheel, struct wkv_timer *timer)
{
    if (wheel->hand == timer)
        wheel->hand = timer->next;
    *timer->link = timer->next;
    if (timer->next != NULL)
        timer->next->link = timer->link;
}

void wkv_wheel_arm(struct wkv_wheel *wheel, struct wkv_timer *timer, int64_t deadline_ns)
{
    timer->deadline_ns = deadline_ns;
    file(wheel, timer);
    wheel->armed++;
}

void wkv_wheel_moved(struct wkv_wheel *wheel, const struct wkv_timer *old, struct wkv_timer *timer)
{
    if (timer->deadline_ns == 0)
        return;
    if (wheel->hand == old)
        wheel->hand = timer;
    *timer->link = timer;
    if (timer->next != NULL)
        timer->next->link = &timer->next;
}

void wkv_wheel_disarm(struct wkv_wheel *wheel, struct wkv_timer *timer)
{
    if (timer->deadline_ns == 0)
        return;
    unfile(wheel, timer);
    timer->deadline_ns = 0;
    wheel->armed--;
}

struct wkv_timer *wkv_wheel_turn(struct wkv_wheel *wheel)
{
    if (wheel->armed == 0)
        return NULL;
    while (wheel->hand == NULL) {
        wheel->hand_slot = (wheel->hand_slot + 1) % (WKV_WHEEL_LEVELS * WKV_WHEEL_SLOTS);
        wheel->hand = wheel->slots[wheel->hand_slot];
    }
    struct wkv_timer *timer = wheel->hand;
    wheel->hand = timer->next;
    return timer;
}

/* Deals the timers of the higher levels' slots that begin at the wheel's tick to the levels below, highest
 * level first. It may stop in the middle and be called again: what has been dealt is no longer there. Returns
 * false if it did. */
static bool cascade(struct wkv_wheel *wheel, unsigned *steps)
{
    unsigned level = 0;
    while (level < WKV_WHEEL_LEVELS - 1 && (wheel->tick >> (SLOT_BITS * level) & SLOT_MASK) == 0)
        level++;
    for (; level > 0; level--) {
        struct wkv_timer **slot = slot_of(wheel, level, wheel->tick);
        while (*slot != NULL) {
            if (*steps == 0)
                return false;
            (*steps)--;
            struct wkv_timer *timer = *slot;
            unfile(wheel, timer);
            file(wheel, timer);
        }
    }
    return true;
}

static bool level_is_empty(const struct wkv_wheel *wheel, unsigned level)
{
    for (unsigned slot = 0; slot < WKV_WHEEL_SLOTS; slot++)
        if (wheel->slots[level * WKV_WHEEL_SLOTS + slot] != NULL)
            return false;
    return true;
}

/* The next tick that can have anything to do, or `now`: while the lower levels are empty, the slots of the
 * lowest that is not are passed over in one stride each, but never the end of a round, where the level above
 * may have timers to deal. */
static uint64_t next_tick(struct wkv_wheel *wheel, uint64_t now)
{
    unsigned level = 0;
    while (level < WKV_WHEEL_LEVELS - 1 && level_is_empty(wheel, level))
        level++;
    unsigned shift = SLOT_BITS * level;
    uint64_t tick = (wheel->tick >> shift) + 1;
    while (tick << shift < now && (tick & SLOT_MASK) != 0 && *slot_of(wheel, level, tick << shift) == NULL)
        tick++;
    return tick << shift < now ? tick << shift : now;
}

struct wkv_timer *wkv_wheel_next_due(struct wkv_wheel *wheel, int64_t now_ns, unsigned *steps)
{
    uint64_t now = tick_of(now_ns);
    while (wheel->tick < now) {
        if (wheel->armed == 0) {
            wheel->tick = now;
            break;
        }
        if (*steps == 0 || !cascade(wheel, steps) || *steps == 0)
            return NULL;
        struct wkv_timer *timer = *slot_of(wheel, 0, wheel->tick);
        if (timer != NULL) {
            (*steps)--;
            wkv_wheel_disarm(wheel, timer);
            return timer;
        }
        wheel->tick = next_tick(wheel, now);
        (*steps)--;
    }
    return NULL;
}

void wkv_wheel_destroy(struct wkv_wheel *wheel, struct wkv_memory *memory)
{
    wkv_memory_free(memory, wheel->slots);
    wheel->slots = NULL;
}
