/* Whether a loop's thread turns, and who waits for that.
 *
 * `begun` is counted up by each turn and each message, since a long turn is no thread that is stuck. No other
 * thread writes it; a thread that sees it counted up knows that what nats.c had read before is delivered.
 */
#ifndef WKV_NATS_TURNS_H
#define WKV_NATS_TURNS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "support/pulse.h"

struct wkv_turns {
    struct wkv_pulse pulse; /* away while nats.c reads or writes */
    _Atomic uint64_t begun;
    _Atomic uint64_t asked; /* whole turns that are waited for, */
    uint64_t done;          /* and those that are over; under the lock where another thread reads it */
    pthread_mutex_t lock;
    pthread_cond_t over;
    uint64_t seen;   /* `begun` when it was last looked at, */
    int64_t seen_ns; /* and when there was a new one: the opener's */
};

/* name and poke are the pulse's. */
void wkv_turns_init(struct wkv_turns *turns, const char *name, void (*poke)(void *context), void *context);
void wkv_turns_destroy(struct wkv_turns *turns);

/* ---- the loop's thread ---- */

static inline void wkv_turns_note(struct wkv_turns *turns)
{
    uint64_t begun = atomic_load_explicit(&turns->begun, memory_order_relaxed);
    atomic_store_explicit(&turns->begun, begun + 1, memory_order_release);
    wkv_pulse_beat(&turns->pulse);
}

/* At a turn's begin: what it answers when nothing is left over at its end, with wkv_turns_end. */
static inline uint64_t wkv_turns_asked(const struct wkv_turns *turns)
{
    return atomic_load_explicit(&turns->asked, memory_order_acquire);
}
void wkv_turns_end(struct wkv_turns *turns, uint64_t asked);

/* ---- another thread ---- */

/* Asks for a whole turn that begins after this call, for which the loop is to be woken; waits for it until
 * then (monotonic): what the loop had taken in hand before is answered. Returns whether it is over. */
uint64_t wkv_turns_ask(struct wkv_turns *turns);
bool wkv_turns_await(struct wkv_turns *turns, uint64_t asked, int64_t until_ns);

/* Whether the thread has not turned for that long, as far as this thread, which looks now and then, has seen.
 * Then the time begins anew. */
bool wkv_turns_are_stuck(struct wkv_turns *turns, int64_t stuck_ns);

#endif
