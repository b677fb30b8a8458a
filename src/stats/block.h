/* What statistics are made of: the workers' blocks, what was counted a minute ago, and what the process as a
 * whole is doing.
 *
 * A block is one allocation on cache lines of its own (two of them, since processors fetch lines in pairs):
 *
 *   +-----------------+----------------------------------+-------------+-------------+---
 *   | the worker's    | lock and what is under it:       | operation 0 | operation 1 | …
 *   | own; unsent     | the slow log, errors             |             |             |
 *   +-----------------+----------------------------------+-------------+-------------+---
 *   0                 128                                each from a multiple of 128 on
 */
#ifndef WKV_STATS_BLOCK_H
#define WKV_STATS_BLOCK_H

#include <assert.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stats/histogram.h"
#include "stats/stats.h"

#define WKV_STATS_ALIGNMENT 128

/* Counters have one writer, the block's worker, so a plain store is enough; they are atomic for their
 * readers. */
struct wkv_stats_counters {
    _Atomic uint64_t requests;
    _Atomic uint64_t processing_ns;
    _Atomic uint64_t max_ns;
    _Atomic uint64_t request_bytes;
    _Atomic uint64_t reply_bytes;
    _Atomic uint64_t refusals[WKV_STATS_CODES];
};

/* Under the block's lock. */
struct wkv_stats_last_error {
    enum wkv_code code; /* WKV_OK: there was none */
    int64_t end_ns;
    char text[WKV_ERROR_TEXT_BYTES];
};

struct wkv_stats_row {
    alignas(WKV_STATS_ALIGNMENT) struct wkv_stats_counters counters;
    struct wkv_histogram histogram;
    struct wkv_stats_last_error last_error;
};

/* The slowest requests of one window of time, in no order. */
struct wkv_stats_slow_window {
    int64_t number; /* of the window, counted from start */
    size_t count;
    struct wkv_stats_slow kept[WKV_STATS_SLOW];
};

struct wkv_stats_block {
    /* The worker's own. A request that is not slower than slow_threshold_ns, and ends before
     * slow_window_end_ns, has nothing to seek in the slow log. */
    alignas(WKV_STATS_ALIGNMENT) int64_t slow_threshold_ns;
    int64_t slow_window_end_ns;
    size_t slow_fastest; /* index of the fastest one kept, once there is no more room */
    size_t operations;   /* how many rows there are; never written again, like the two behind it */
    int64_t start_ns;    /* as in struct wkv_stats */
    int64_t start_wall_ns;
    _Atomic uint64_t unsent;

    alignas(WKV_STATS_ALIGNMENT) pthread_mutex_t lock;
    struct wkv_stats_slow_window slow[2]; /* window n is in n % 2 */

    struct wkv_stats_row rows[]; /* by index in wkv_operations */
};

static_assert(alignof(struct wkv_stats_block) == WKV_STATS_ALIGNMENT,
              "a block begins a cache line of its own");
static_assert(sizeof(struct wkv_stats_block) % WKV_STATS_ALIGNMENT == 0 &&
                  sizeof(struct wkv_stats_row) % WKV_STATS_ALIGNMENT == 0,
              "a block shares no cache line, however many operations it has");

/* What was counted before the last minute. The last minute is what is counted now, less that. */
struct wkv_stats_minute {
    pthread_mutex_t lock;
    size_t operations;
    /* All of them by operation and bucket, and the ring by tick first. */
    uint64_t *before; /* counted before the ticks that are in the ring */
    uint64_t *ticked; /* before, and all of the ring */
    uint32_t *ring;   /* counted between two ticks */
    size_t oldest;    /* of the ring's ticks: the next to go */
};

struct wkv_stats {
    size_t operations;
    int64_t start_ns;
    int64_t start_wall_ns;
    struct wkv_stats_block **blocks; /* owned */
    unsigned block_count;
    struct wkv_stats_minute minute;
    _Atomic uint64_t connections;
    _Atomic uint64_t connects;
    _Atomic uint64_t reconnects;
    _Atomic uint64_t splits;
    _Atomic bool ready;
    _Atomic bool split;
    _Atomic uint64_t dropped[WKV_STATS_DROPS];
    _Atomic uint64_t refused_replies; /* unsent, too */
    _Atomic uint64_t watches;
    _Atomic uint64_t watch_events;
    _Atomic uint64_t watches_missed;
};

static inline uint64_t wkv_stats_read(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* For the counter's one writer. */
static inline void wkv_stats_add(_Atomic uint64_t *counter, uint64_t number)
{
    atomic_store_explicit(counter, wkv_stats_read(counter) + number, memory_order_relaxed);
}

/* Errors: false where memory is short; destroy it all the same. */
bool wkv_stats_minute_init(struct wkv_stats_minute *minute, size_t operations);
void wkv_stats_minute_destroy(struct wkv_stats_minute *minute);

/* The buckets of an operation over all workers, since start and of the last minute: WKV_HISTOGRAM_BUCKETS
 * each. */
void wkv_stats_buckets(struct wkv_stats *stats, size_t operation, uint64_t *since_start,
                       uint64_t *last_minute);

/* Makes the slow log of a new block ready. */
void wkv_stats_slow_init(struct wkv_stats_block *block);

/* Puts a request into the slow log if it is among the slowest, and begins a new window when it is time. For
 * the block's thread. */
void wkv_stats_slow_add(struct wkv_stats_block *block, const struct wkv_stats_request *request,
                        int64_t duration_ns);

#endif
