/* The last minute. Counters only ever rise, so it is what they are now, less what they were when the minute
 * began:
 *
 *   since start   |  before  | ring: tick | tick | … | tick | since the last tick
 *                            └──────────── the last minute ─────────────────────┘
 *
 * A tick forgets the ring's oldest tick, by adding it to `before`, and puts what came since the last one in
 * its place. */
#include <stdlib.h>

#include "stats/block.h"

static size_t buckets_in_all(const struct wkv_stats_minute *minute)
{
    return minute->operations * WKV_HISTOGRAM_BUCKETS;
}

bool wkv_stats_minute_init(struct wkv_stats_minute *minute, size_t operations)
{
    minute->operations = operations;
    minute->before = calloc(buckets_in_all(minute), sizeof *minute->before);
    minute->ticked = calloc(buckets_in_all(minute), sizeof *minute->ticked);
    minute->ring = calloc(WKV_STATS_TICKS * buckets_in_all(minute), sizeof *minute->ring);
    if (minute->before != NULL && minute->ticked != NULL && minute->ring != NULL &&
        pthread_mutex_init(&minute->lock, NULL) == 0)
        return true;
    free(minute->before);
    free(minute->ticked);
    free(minute->ring);
    return false;
}

void wkv_stats_minute_destroy(struct wkv_stats_minute *minute)
{
    (void)pthread_mutex_destroy(&minute->lock);
    free(minute->before);
    free(minute->ticked);
    free(minute->ring);
}

/* The buckets of an operation over all workers. Under the lock: so no later look sees a smaller
 * bucket. */
static void add_up(const struct wkv_stats *stats, size_t operation, uint64_t counts[WKV_HISTOGRAM_BUCKETS])
{
    for (uint32_t i = 0; i < WKV_HISTOGRAM_BUCKETS; i++)
        counts[i] = 0;
    for (unsigned worker = 0; worker < stats->block_count; worker++) {
        const struct wkv_histogram *histogram = &stats->blocks[worker]->rows[operation].histogram;
        for (uint32_t i = 0; i < WKV_HISTOGRAM_BUCKETS; i++)
            counts[i] += wkv_stats_read(&histogram->counts[i]);
    }
}

/* Takes one operation's oldest tick out of the ring and puts the new one in. */
static void tick_operation(struct wkv_stats_minute *minute, size_t operation, const uint64_t *counts)
{
    size_t first = operation * WKV_HISTOGRAM_BUCKETS;
    uint32_t *tick = &minute->ring[minute->oldest * buckets_in_all(minute) + first];
    uint64_t *before = &minute->before[first];
    uint64_t *ticked = &minute->ticked[first];
    for (uint32_t i = 0; i < WKV_HISTOGRAM_BUCKETS; i++) {
        before[i] += tick[i];
        uint64_t since = counts[i] - ticked[i];
        /* What is too much for a tick is left to the next one. */
        tick[i] = since < UINT32_MAX ? (uint32_t)since : UINT32_MAX;
        ticked[i] += tick[i];
    }
}

void wkv_stats_tick(struct wkv_stats *stats)
{
    struct wkv_stats_minute *minute = &stats->minute;
    uint64_t counts[WKV_HISTOGRAM_BUCKETS];
    (void)pthread_mutex_lock(&minute->lock);
    for (size_t i = 0; i < stats->operations; i++) {
        add_up(stats, i, counts);
        tick_operation(minute, i, counts);
    }
    minute->oldest = (minute->oldest + 1) % WKV_STATS_TICKS;
    (void)pthread_mutex_unlock(&minute->lock);
}

void wkv_stats_buckets(struct wkv_stats *stats, size_t operation, uint64_t *since_start,
                       uint64_t *last_minute)
{
    struct wkv_stats_minute *minute = &stats->minute;
    const uint64_t *before = &minute->before[operation * WKV_HISTOGRAM_BUCKETS];
    (void)pthread_mutex_lock(&minute->lock);
    add_up(stats, operation, since_start);
    for (uint32_t i = 0; i < WKV_HISTOGRAM_BUCKETS; i++)
        last_minute[i] = since_start[i] - before[i];
    (void)pthread_mutex_unlock(&minute->lock);
}
