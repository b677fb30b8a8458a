/* The expiry times of one shard: a hierarchical timing wheel, O(1) to arm and to disarm, in which what is due
 * is found without looking at what is not.
 *
 * A tick is 2^25 ns (34 ms): "expiry is an event within 100 ms". Level 0 has a slot for each of the next 64
 * ticks, level 1 one for each of the 64 spans of 64 ticks after that, and so on: 7 levels reach 4,676 years,
 * more than any expiry. When the time of a slot of a higher level comes, its timers are dealt to the levels
 * below.
 *
 * Not thread-safe: the shard's lock guards it.
 */
#ifndef WKV_STORE_WHEEL_H
#define WKV_STORE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "store/memory.h"

/* Lives in the entry that it belongs to. Where that moves, wkv_wheel_moved is called. */
struct wkv_timer {
    int64_t deadline_ns; /* 0: not armed */
    struct wkv_timer *next;
    struct wkv_timer **link; /* what points to this timer */
};

#define WKV_WHEEL_LEVELS 7
#define WKV_WHEEL_SLOTS 64
#define WKV_WHEEL_BYTES (sizeof(struct wkv_timer *) * WKV_WHEEL_LEVELS * WKV_WHEEL_SLOTS)

struct wkv_wheel {
    struct wkv_timer **slots; /* LEVELS x SLOTS lists, allocated when the first timer is armed */
    uint64_t tick;            /* all earlier ticks are done with */
    uint64_t armed;           /* timers */
    struct wkv_timer *hand;   /* the one that is next in turn; NULL: the first of the next slot */
    unsigned hand_slot;       /* where that is, or was */
};

void wkv_wheel_init(struct wkv_wheel *wheel, int64_t now_ns);

/* Makes sure that arm will not need memory. Returns false where memory is short. */
bool wkv_wheel_reserve(struct wkv_wheel *wheel, struct wkv_memory *memory);

/* Arms a timer that is not armed. reserve has been called. */
void wkv_wheel_arm(struct wkv_wheel *wheel, struct wkv_timer *timer, int64_t deadline_ns);

/* The timer, armed or not, lies here now: points to it what pointed to where it was, at `old`. */
void wkv_wheel_moved(struct wkv_wheel *wheel, const struct wkv_timer *old, struct wkv_timer *timer);

/* One armed timer after the other, round and round; NULL: none is. One that is armed meanwhile may have to
 * wait for the next round. */
struct wkv_timer *wkv_wheel_turn(struct wkv_wheel *wheel);

/* Disarms the timer; nothing happens where it is not armed. */
void wkv_wheel_disarm(struct wkv_wheel *wheel, struct wkv_timer *timer);

/* Disarms and returns a timer whose deadline has passed, or returns NULL where none is left in the ticks that
 * are over or *steps (which counts down for each timer touched and each stride of empty ticks) has come to 0.
 * While calls keep up with time, a timer is found at most one tick after its deadline. */
struct wkv_timer *wkv_wheel_next_due(struct wkv_wheel *wheel, int64_t now_ns, unsigned *steps);

/* Frees the slots. No timer may be armed. */
void wkv_wheel_destroy(struct wkv_wheel *wheel, struct wkv_memory *memory);

#endif
