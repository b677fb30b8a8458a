/* The slow log: each worker keeps the slowest requests of this window and of the one before.
 *
 * A worker knows from memory of its own how slow a request must be to get in, so that one which is not takes
 * no lock. Windows are the same for all workers, and a reader leaves out those that are over too long, so
 * nobody need tidy up after a worker that has nothing to do. */
#include <string.h>

#include "stats/block.h"
#include "support/shown.h"

/* Less than any duration: there is room. */
#define NO_THRESHOLD INT64_C(-1)

static int64_t window_at(int64_t start_ns, int64_t now_ns)
{
    return now_ns > start_ns ? (now_ns - start_ns) / WKV_STATS_SLOW_WINDOW_NS : 0;
}

void wkv_stats_slow_init(struct wkv_stats_block *block)
{
    block->slow_threshold_ns = NO_THRESHOLD;
    block->slow_window_end_ns = block->start_ns + WKV_STATS_SLOW_WINDOW_NS;
    /* Window 0 has begun, and there is none before it. */
    block->slow[0].number = 0;
    block->slow[1].number = -1;
}

static struct wkv_stats_slow_window *current(struct wkv_stats_block *block)
{
    return &block->slow[block->slow[1].number > block->slow[0].number];
}

static void begin_window(struct wkv_stats_block *block, int64_t end_ns)
{
    int64_t number = window_at(block->start_ns, end_ns);
    struct wkv_stats_slow_window *window = &block->slow[number % 2];
    window->number = number;
    window->count = 0;
    block->slow_threshold_ns = NO_THRESHOLD;
    block->slow_window_end_ns = block->start_ns + (number + 1) * WKV_STATS_SLOW_WINDOW_NS;
}

static void keep(const struct wkv_stats_block *block, const struct wkv_stats_request *request,
                 int64_t duration_ns, struct wkv_stats_slow *slow)
{
    slow->operation = request->operation;
    (void)wkv_shown(WKV_SHOWN_ASCII, request->actor.data, request->actor.len, slow->actor,
                    sizeof slow->actor);
    slow->code = wkv_code_on_wire(request->code);
    slow->start_wall_ns = block->start_wall_ns + (request->start_ns - block->start_ns);
    slow->duration_ns = duration_ns;
    slow->request_bytes = request->request_bytes;
    slow->reply_bytes = request->reply_bytes;
    slow->trace = request->trace == NULL ? (struct wkv_trace){.present = false} : *request->trace;
}

/* Looks for the fastest one kept: the next to go. */
static void set_threshold(struct wkv_stats_block *block, const struct wkv_stats_slow_window *window)
{
    size_t fastest = 0;
    for (size_t i = 1; i < window->count; i++)
        if (window->kept[i].duration_ns < window->kept[fastest].duration_ns)
            fastest = i;
    block->slow_fastest = fastest;
    block->slow_threshold_ns = window->kept[fastest].duration_ns;
}

void wkv_stats_slow_add(struct wkv_stats_block *block, const struct wkv_stats_request *request,
                        int64_t duration_ns)
{
    (void)pthread_mutex_lock(&block->lock);
    if (request->end_ns >= block->slow_window_end_ns)
        begin_window(block, request->end_ns);
    struct wkv_stats_slow_window *window = current(block);
    if (window->count < WKV_STATS_SLOW)
        keep(block, request, duration_ns, &window->kept[window->count++]);
    else
        keep(block, request, duration_ns, &window->kept[block->slow_fastest]);
    if (window->count == WKV_STATS_SLOW)
        set_threshold(block, window);
    (void)pthread_mutex_unlock(&block->lock);
}

/* ---- reading ---- */

/* Whether a comes before b: the slower one, and of equal ones the earlier one. */
static bool before(const struct wkv_stats_slow *a, const struct wkv_stats_slow *b)
{
    return a->duration_ns != b->duration_ns ? a->duration_ns > b->duration_ns
                                            : a->start_wall_ns < b->start_wall_ns;
}

/* Puts slow where it belongs among the count (at most max, which is not 0) slowest so far. Returns how many
 * they are then. */
static size_t insert(struct wkv_stats_slow *out, size_t count, size_t max, const struct wkv_stats_slow *slow)
{
    if (count == max && !before(slow, &out[count - 1]))
        return count;
    size_t at = count < max ? count : max - 1;
    for (; at > 0 && before(slow, &out[at - 1]); at--)
        out[at] = out[at - 1];
    out[at] = *slow;
    return count < max ? count + 1 : max;
}

size_t wkv_stats_slowlog(struct wkv_stats *stats, int64_t now_ns, struct wkv_stats_slow *out, size_t max)
{
    int64_t first = window_at(stats->start_ns, now_ns) - 1;
    size_t count = 0;
    for (unsigned i = 0; i < stats->block_count && max > 0; i++) {
        struct wkv_stats_block *block = stats->blocks[i];
        /* The worker is not to wait while its requests are sorted in. */
        struct wkv_stats_slow kept[2 * WKV_STATS_SLOW];
        size_t found = 0;
        (void)pthread_mutex_lock(&block->lock);
        for (const struct wkv_stats_slow_window *window = block->slow; window < block->slow + 2; window++) {
            if (window->number < first)
                continue;
            memcpy(&kept[found], window->kept, window->count * sizeof kept[0]);
            found += window->count;
        }
        (void)pthread_mutex_unlock(&block->lock);
        for (size_t j = 0; j < found; j++)
            count = insert(out, count, max, &kept[j]);
    }
    return count;
}
