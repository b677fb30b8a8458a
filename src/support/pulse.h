/* Whether the parts of this process still turn: each thread that serves has a pulse and beats it in each turn
 * of its loop, and a check asks all of them for a beat.
 *
 * The state of NATS does not count. A part that waits for a server, as nats.c does within a TLS record, is
 * away and therefore excused: the data is in this process, and would be lost with it.
 */
#ifndef WKV_SUPPORT_PULSE_H
#define WKV_SUPPORT_PULSE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One part's. Its owner keeps it where it is until it is removed. */
struct wkv_pulse {
    const char *name;            /* for people; borrowed */
    void (*poke)(void *context); /* makes the part's thread turn if it sleeps; NULL: it never does for long */
    void *context;
    _Atomic bool turning; /* false: no thread runs this part, or it is away */
    _Atomic uint64_t beats;

    /* Of the check that is under way, under the vitals' lock. */
    struct wkv_pulse *next;
    uint64_t beats_before;
    bool well;
};

/* All parts of the process. Zeroed is not yet empty: init. */
struct wkv_vitals {
    pthread_mutex_t check_lock; /* one check at a time; taken before `lock` */
    pthread_mutex_t lock;       /* guards the list; never held for long */
    struct wkv_pulse *first;
};

/* ---- for the pulse's own thread ---- */

/* It has turned once more. */
static inline void wkv_pulse_beat(struct wkv_pulse *pulse)
{
    uint64_t beats = atomic_load_explicit(&pulse->beats, memory_order_relaxed);
    atomic_store_explicit(&pulse->beats, beats + 1, memory_order_relaxed);
}

/* It begins to turn, or is back. */
static inline void wkv_pulse_turn(struct wkv_pulse *pulse)
{
    atomic_store_explicit(&pulse->turning, true, memory_order_relaxed);
}

/* It begins to wait for others, or ends. */
static inline void wkv_pulse_rest(struct wkv_pulse *pulse)
{
    atomic_store_explicit(&pulse->turning, false, memory_order_relaxed);
}

void wkv_vitals_init(struct wkv_vitals *vitals);
void wkv_vitals_destroy(struct wkv_vitals *vitals);

/* Any thread, also during a check. vitals NULL: nothing happens. Removing one that was never added, likewise.
 */
void wkv_vitals_add(struct wkv_vitals *vitals, struct wkv_pulse *pulse);
void wkv_vitals_remove(struct wkv_vitals *vitals, struct wkv_pulse *pulse);

/* How long a part has for a beat: ten times as long as the longest turn. */
#define WKV_VITALS_CHECK_MS 1000

/* Waits until each part has turned since this call or is away, for WKV_VITALS_CHECK_MS at the most. Returns
 * whether all have; else names the others in text, with commas between. Any thread that is no part. */
bool wkv_vitals_check(struct wkv_vitals *vitals, char *text, size_t text_bytes);

#endif
