/* Reading: the workers' blocks added up. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stats/block.h"

static_assert(WKV_STATS_FIRST_BOUND >= WKV_HISTOGRAM_STEP_BITS &&
                  WKV_STATS_FIRST_BOUND + WKV_STATS_BOUNDS - 1 < WKV_HISTOGRAM_MAX_BITS,
              "a power of two is the upper bound of a bucket");
static_assert(sizeof((struct wkv_stats_operation *)0)->last_error >=
                  WKV_ERROR_TEXT_BYTES + sizeof "400: " - 1,
              "the longest error has room behind its code");

/* ---- one operation ---- */

static void add_counters(const struct wkv_stats_counters *counters, struct wkv_stats_operation *out)
{
    out->requests += wkv_stats_read(&counters->requests);
    out->processing_ns += wkv_stats_read(&counters->processing_ns);
    out->request_bytes += wkv_stats_read(&counters->request_bytes);
    out->reply_bytes += wkv_stats_read(&counters->reply_bytes);
    uint64_t max_ns = wkv_stats_read(&counters->max_ns);
    if (max_ns > out->since_start.max_ns)
        out->since_start.max_ns = max_ns;
    for (size_t i = 0; i < WKV_STATS_CODES; i++) {
        uint64_t refusals = wkv_stats_read(&counters->refusals[i]);
        out->refusals[i] += refusals;
        out->errors += refusals;
    }
}

static void find_last_error(struct wkv_stats *stats, size_t operation, char *out, size_t size)
{
    struct wkv_stats_last_error latest = {.code = WKV_OK};
    for (unsigned i = 0; i < stats->block_count; i++) {
        struct wkv_stats_block *block = stats->blocks[i];
        const struct wkv_stats_last_error *last = &block->rows[operation].last_error;
        (void)pthread_mutex_lock(&block->lock);
        if (last->code != WKV_OK && (latest.code == WKV_OK || last->end_ns > latest.end_ns))
            latest = *last;
        (void)pthread_mutex_unlock(&block->lock);
    }
    if (latest.code != WKV_OK)
        (void)snprintf(out, size, "%d: %s", (int)latest.code, latest.text);
}

static uint64_t at_most(uint64_t ns, uint64_t bound)
{
    return ns < bound ? ns : bound;
}

/* No value was above max_ns, though a bucket's bound may be. */
static void fill_latency(const uint64_t *counts, uint64_t max_ns, struct wkv_stats_latency *latency)
{
    static const unsigned ten_thousandths[] = {5000, 9000, 9900, 9990, 10000};
    uint64_t ns[sizeof ten_thousandths / sizeof ten_thousandths[0]];
    latency->requests = wkv_histogram_percentiles(counts, ten_thousandths, sizeof ns / sizeof ns[0], ns);
    latency->p50_ns = at_most(ns[0], max_ns);
    latency->p90_ns = at_most(ns[1], max_ns);
    latency->p99_ns = at_most(ns[2], max_ns);
    latency->p999_ns = at_most(ns[3], max_ns);
    latency->max_ns = at_most(ns[4], max_ns);
}

static void fill_bounds(const uint64_t *counts, uint64_t out[WKV_STATS_BOUNDS])
{
    uint64_t seen = 0;
    uint32_t bucket = 0;
    for (unsigned i = 0; i < WKV_STATS_BOUNDS; i++) {
        uint32_t last = wkv_histogram_bucket(UINT64_C(1) << (WKV_STATS_FIRST_BOUND + i));
        while (bucket <= last)
            seen += counts[bucket++];
        out[i] = seen;
    }
}

/* Most operations are never asked for in most processes, and a look at all of their buckets would find
 * nothing. */
static bool was_asked_for(const struct wkv_stats *stats, size_t operation)
{
    for (unsigned i = 0; i < stats->block_count; i++)
        if (wkv_stats_read(&stats->blocks[i]->rows[operation].counters.requests) > 0)
            return true;
    return false;
}

void wkv_stats_operation(struct wkv_stats *stats, size_t operation, struct wkv_stats_operation *out)
{
    assert(operation < stats->operations);
    uint64_t since_start[WKV_HISTOGRAM_BUCKETS];
    uint64_t last_minute[WKV_HISTOGRAM_BUCKETS];
    memset(out, 0, sizeof *out);
    if (!was_asked_for(stats, operation))
        return;
    wkv_stats_buckets(stats, operation, since_start, last_minute);
    for (unsigned i = 0; i < stats->block_count; i++)
        add_counters(&stats->blocks[i]->rows[operation].counters, out);
    find_last_error(stats, operation, out->last_error, sizeof out->last_error);
    uint64_t max_ns = out->since_start.max_ns;
    fill_latency(since_start, max_ns, &out->since_start);
    fill_latency(last_minute, max_ns, &out->last_minute);
    out->since_start.max_ns = max_ns;
    fill_bounds(since_start, out->at_most);
}

/* ---- the process ---- */

static void add_requests(const struct wkv_stats_block *block, struct wkv_stats_service *out)
{
    out->unsent += wkv_stats_read(&block->unsent);
    for (size_t i = 0; i < block->operations; i++) {
        struct wkv_stats_operation operation = {.requests = 0};
        add_counters(&block->rows[i].counters, &operation);
        out->requests += operation.requests;
        out->errors += operation.errors;
        for (size_t code = 0; code < WKV_STATS_CODES; code++)
            out->refusals[code] += operation.refusals[code];
    }
}

void wkv_stats_service(struct wkv_stats *stats, int64_t now_ns, struct wkv_stats_service *out)
{
    *out = (struct wkv_stats_service){
        .started_wall_ns = stats->start_wall_ns,
        .uptime_ns = now_ns > stats->start_ns ? (uint64_t)(now_ns - stats->start_ns) : 0,
        .workers = stats->block_count - 1,
        .ready = wkv_stats_is_ready(stats),
        .split = wkv_stats_is_split(stats),
        .splits = wkv_stats_read(&stats->splits),
        .unsent = wkv_stats_read(&stats->refused_replies),
        .connections = wkv_stats_read(&stats->connections),
        .connects = wkv_stats_read(&stats->connects),
        .reconnects = wkv_stats_read(&stats->reconnects),
        .watches = wkv_stats_read(&stats->watches),
        .watch_events = wkv_stats_read(&stats->watch_events),
        .watches_missed = wkv_stats_read(&stats->watches_missed),
    };
    for (unsigned i = 0; i < stats->block_count; i++)
        add_requests(stats->blocks[i], out);
    for (size_t i = 0; i < WKV_STATS_DROPS; i++)
        out->dropped[i] = wkv_stats_read(&stats->dropped[i]);
}
