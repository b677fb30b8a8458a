/* What the suites of the stats room share: statistics of a small process, and requests for it to count. */
#ifndef WKV_TESTS_STATS_STATS_TEST_H
#define WKV_TESTS_STATS_STATS_TEST_H

#include <check.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "operation/identity.h"
#include "operation/operation.h"
#include "stats/block.h"
#include "stats/stats.h"

/* Not every suite uses every helper. */
#define HELPER static __attribute__((unused))

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* Moments that are no round number of anything. */
#define START_NS INT64_C(987654321012)
#define START_WALL_NS INT64_C(1700000000123456789)

static struct wkv_stats *stats;

HELPER void make_stats(unsigned workers)
{
    struct wkv_stats_options options = {
        .workers = workers, .operations = wkv_operation_count, .now_ns = START_NS, .wall_ns = START_WALL_NS};
    stats = wkv_stats_create(&options);
    ck_assert_ptr_nonnull(stats);
}

HELPER void free_stats(void)
{
    wkv_stats_destroy(stats);
}

/* splitmix64. */
HELPER uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* A duration of any order of magnitude up to 2^bits ns. */
HELPER uint64_t random_duration(uint64_t *state, unsigned bits)
{
    unsigned shift = 64 - bits + (unsigned)(next_random(state) % bits);
    return next_random(state) >> shift;
}

/* A request that was answered well, and took so long. */
HELPER struct wkv_stats_request request_of(size_t operation, int64_t start_ns, uint64_t duration_ns)
{
    return (struct wkv_stats_request){.operation = operation,
                                      .actor = {"MACTOR", 6},
                                      .code = WKV_OK,
                                      .start_ns = start_ns,
                                      .end_ns = start_ns + (int64_t)duration_ns,
                                      .request_bytes = 3,
                                      .reply_bytes = 5};
}

HELPER void count(unsigned worker, size_t operation, uint64_t duration_ns)
{
    struct wkv_stats_request request = request_of(operation, START_NS, duration_ns);
    wkv_stats_count(wkv_stats_worker(stats, worker), &request);
}

/* The result is good until the next call. */
HELPER const struct wkv_stats_operation *operation_of(size_t operation)
{
    static struct wkv_stats_operation out;
    memset(&out, 0xaa, sizeof out);
    wkv_stats_operation(stats, operation, &out);
    return &out;
}

HELPER int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The exact percentile of sorted values: the smallest that enough of them do not exceed. */
HELPER uint64_t exact_percentile(const uint64_t *sorted, size_t count, unsigned per_ten_thousand)
{
    return sorted[(count * per_ten_thousand + 9999) / 10000 - 1];
}

#endif
