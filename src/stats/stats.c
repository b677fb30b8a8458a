#include "stats/block.h"

#include <stdlib.h>
#include <string.h>

const enum wkv_code wkv_stats_codes[WKV_STATS_CODES] = {
    WKV_BAD_REQUEST, WKV_UNAUTHORIZED, WKV_FORBIDDEN,    WKV_WRONG_KIND,
    WKV_TOO_LARGE,   WKV_UNAVAILABLE,  WKV_UNKNOWN_FATE, WKV_BUDGET_SPENT,
};

const char *const wkv_stats_drop_names[WKV_STATS_DROPS] = {
    [WKV_DROP_REPLY_SUBJECT] = "reply_subject",
    [WKV_DROP_SUBJECT] = "subject",
    [WKV_DROP_OVERLOAD] = "overload",
};

/* ---- making ---- */

static struct wkv_stats_block *create_block(const struct wkv_stats_options *options)
{
    size_t size = sizeof(struct wkv_stats_block) + options->operations * sizeof(struct wkv_stats_row);
    struct wkv_stats_block *block = aligned_alloc(WKV_STATS_ALIGNMENT, size);
    if (block == NULL)
        return NULL;
    memset(block, 0, size);
    block->operations = options->operations;
    block->start_ns = options->now_ns;
    block->start_wall_ns = options->wall_ns;
    wkv_stats_slow_init(block);
    if (pthread_mutex_init(&block->lock, NULL) != 0) {
        free(block);
        return NULL;
    }
    return block;
}

static bool create_blocks(struct wkv_stats *stats, const struct wkv_stats_options *options)
{
    stats->blocks = calloc((size_t)options->workers + 1, sizeof(struct wkv_stats_block *));
    if (stats->blocks == NULL)
        return false;
    for (; stats->block_count <= options->workers; stats->block_count++) {
        struct wkv_stats_block *block = create_block(options);
        if (block == NULL)
            return false;
        stats->blocks[stats->block_count] = block;
    }
    return true;
}

struct wkv_stats *wkv_stats_create(const struct wkv_stats_options *options)
{
    assert(options->workers >= 1 && options->operations >= 1);
    struct wkv_stats *stats = calloc(1, sizeof *stats);
    if (stats == NULL)
        return NULL;
    stats->operations = options->operations;
    stats->start_ns = options->now_ns;
    stats->start_wall_ns = options->wall_ns;
    if (!wkv_stats_minute_init(&stats->minute, options->operations)) {
        free(stats);
        return NULL;
    }
    if (!create_blocks(stats, options)) {
        wkv_stats_destroy(stats);
        return NULL;
    }
    return stats;
}

void wkv_stats_destroy(struct wkv_stats *stats)
{
    if (stats == NULL)
        return;
    for (unsigned i = 0; i < stats->block_count; i++) {
        (void)pthread_mutex_destroy(&stats->blocks[i]->lock);
        free(stats->blocks[i]);
    }
    free(stats->blocks);
    wkv_stats_minute_destroy(&stats->minute);
    free(stats);
}

/* ---- counting ---- */

struct wkv_stats_block *wkv_stats_worker(struct wkv_stats *stats, unsigned number)
{
    assert(number < stats->block_count);
    return stats->blocks[number];
}

static size_t index_of(enum wkv_code code)
{
    for (size_t i = 0; i < WKV_STATS_CODES; i++)
        if (wkv_stats_codes[i] == wkv_code_on_wire(code))
            return i;
    assert(!"a code of contract section 5");
    return 0;
}

static void count_refusal(struct wkv_stats_block *block, struct wkv_stats_row *row,
                          const struct wkv_stats_request *request)
{
    wkv_stats_add(&row->counters.refusals[index_of(request->code)], 1);
    const char *text = request->error == NULL ? "" : request->error;
    size_t len = strnlen(text, WKV_ERROR_TEXT_BYTES - 1);
    struct wkv_stats_last_error *last = &row->last_error;
    (void)pthread_mutex_lock(&block->lock);
    last->code = wkv_code_on_wire(request->code);
    last->end_ns = request->end_ns;
    memcpy(last->text, text, len);
    last->text[len] = '\0';
    (void)pthread_mutex_unlock(&block->lock);
}

void wkv_stats_count(struct wkv_stats_block *block, const struct wkv_stats_request *request)
{
    assert(request->operation < block->operations);
    struct wkv_stats_row *row = &block->rows[request->operation];
    struct wkv_stats_counters *counters = &row->counters;
    int64_t duration_ns = request->end_ns > request->start_ns ? request->end_ns - request->start_ns : 0;
    uint64_t ns = (uint64_t)duration_ns, times = request->items == 0 ? 1 : request->items;
    wkv_stats_add(&counters->requests, times);
    wkv_stats_add(&counters->processing_ns, ns * times);
    wkv_stats_add(&counters->request_bytes, request->request_bytes);
    wkv_stats_add(&counters->reply_bytes, request->reply_bytes);
    if (ns > wkv_stats_read(&counters->max_ns))
        atomic_store_explicit(&counters->max_ns, ns, memory_order_relaxed);
    wkv_histogram_add(&row->histogram, ns, times);
    if (request->code != WKV_OK)
        count_refusal(block, row, request);
    if (request->items > 0)
        return;
    if (duration_ns > block->slow_threshold_ns || request->end_ns >= block->slow_window_end_ns)
        wkv_stats_slow_add(block, request, duration_ns);
}

void wkv_stats_count_unsent(struct wkv_stats_block *block)
{
    wkv_stats_add(&block->unsent, 1);
}

/* ---- what any thread may say ---- */

void wkv_stats_count_dropped(struct wkv_stats *stats, enum wkv_stats_drop why)
{
    (void)atomic_fetch_add_explicit(&stats->dropped[why], 1, memory_order_relaxed);
}

void wkv_stats_set_watches(struct wkv_stats *stats, uint64_t count)
{
    atomic_store_explicit(&stats->watches, count, memory_order_relaxed);
}

void wkv_stats_count_watch_event(struct wkv_stats *stats)
{
    (void)atomic_fetch_add_explicit(&stats->watch_events, 1, memory_order_relaxed);
}

void wkv_stats_count_missed_watch(struct wkv_stats *stats)
{
    (void)atomic_fetch_add_explicit(&stats->watches_missed, 1, memory_order_relaxed);
}

void wkv_stats_connected(struct wkv_stats *stats)
{
    (void)atomic_fetch_add_explicit(&stats->connections, 1, memory_order_relaxed);
    (void)atomic_fetch_add_explicit(&stats->connects, 1, memory_order_relaxed);
}

void wkv_stats_reconnected(struct wkv_stats *stats)
{
    (void)atomic_fetch_add_explicit(&stats->connections, 1, memory_order_relaxed);
    (void)atomic_fetch_add_explicit(&stats->reconnects, 1, memory_order_relaxed);
}

void wkv_stats_disconnected(struct wkv_stats *stats)
{
    uint64_t connections = wkv_stats_read(&stats->connections);
    while (connections > 0 &&
           !atomic_compare_exchange_weak_explicit(&stats->connections, &connections, connections - 1,
                                                  memory_order_relaxed, memory_order_relaxed))
        continue;
}

void wkv_stats_count_refused_reply(struct wkv_stats *stats)
{
    atomic_fetch_add_explicit(&stats->refused_replies, 1, memory_order_relaxed);
}

void wkv_stats_set_ready(struct wkv_stats *stats, bool ready)
{
    atomic_store_explicit(&stats->ready, ready, memory_order_release);
}

uint64_t wkv_stats_connects(struct wkv_stats *stats)
{
    return wkv_stats_read(&stats->connects) + wkv_stats_read(&stats->reconnects);
}

void wkv_stats_set_split(struct wkv_stats *stats, bool split)
{
    bool before = atomic_exchange_explicit(&stats->split, split, memory_order_acq_rel);
    if (split && !before)
        wkv_stats_add(&stats->splits, 1);
}

bool wkv_stats_is_split(struct wkv_stats *stats)
{
    return atomic_load_explicit(&stats->split, memory_order_acquire);
}

bool wkv_stats_is_ready(struct wkv_stats *stats)
{
    return atomic_load_explicit(&stats->ready, memory_order_acquire) && !wkv_stats_is_split(stats);
}

int64_t wkv_stats_started_wall_ns(const struct wkv_stats *stats)
{
    return stats->start_wall_ns;
}
