/* What the suites of the metrics share: statistics of a store, as the page is made of. Everything is static,
 * so that a suite stays one file and this one. */
#ifndef WKV_TEST_METRICS_FIXTURE_H
#define WKV_TEST_METRICS_FIXTURE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "access/bindings.h"
#include "metrics/metrics.h"
#include "operation/identity.h"
#include "operation/operation.h"
#include "stats/stats.h"
#include "support/clock.h"
#include "wascc_keyvalue/store.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

#define WORKERS 2u
#define SHARDS 4u

static struct wkv_store *store;
static struct wkv_bindings *bindings;
static struct wkv_stats *stats;
static struct wkv_log test_log;
static struct wkv_claims_tally tally;
static const struct wkv_report_engine *test_engine; /* NULL: memory */

static inline struct wkv_text text_of(const char *string)
{
    return (struct wkv_text){string, strlen(string)};
}

static inline struct wkv_report_sources test_sources(void)
{
    return (struct wkv_report_sources){.stats = stats,
                                       .store = store,
                                       .bindings = bindings,
                                       .claims = &tally,
                                       .log = &test_log,
                                       .engine = test_engine};
}

static inline void set_up_stats(void)
{
    const struct wkv_store_options store_options = {.shards = SHARDS, .max_memory_bytes = 64u << 20};
    store = wkv_store_create(&store_options, wkv_monotonic_ns());
    ck_assert_ptr_nonnull(store);
    bindings = wkv_bindings_create("default");
    ck_assert_ptr_nonnull(bindings);
    const struct wkv_stats_options options = {.workers = WORKERS,
                                              .operations = wkv_operation_count,
                                              .now_ns = wkv_monotonic_ns(),
                                              .wall_ns = wkv_wall_ns()};
    stats = wkv_stats_create(&options);
    ck_assert_ptr_nonnull(stats);
    wkv_claims_tally_init(&tally);
    wkv_log_init(&test_log, -1, WKV_LOG_ERROR, WKV_LOG_TEXT);
}

static inline void tear_down_stats(void)
{
    wkv_stats_destroy(stats);
    wkv_bindings_destroy(bindings);
    wkv_store_destroy(store);
}

static inline size_t operation_number(const char *name)
{
    for (size_t i = 0; i < wkv_operation_count; i++)
        if (strcmp(wkv_operations[i].name, name) == 0)
            return i;
    ck_abort_msg("there is no operation %s", name);
    return 0;
}

/* Counts a request as a worker does. */
static inline void count_request(unsigned worker, const char *operation, enum wkv_code code,
                                 int64_t duration_ns, size_t request_bytes, size_t reply_bytes)
{
    const struct wkv_stats_request request = {.operation = operation_number(operation),
                                              .actor = text_of("MACTOR"),
                                              .code = code,
                                              .error = code == WKV_OK ? NULL : "refused",
                                              .start_ns = 1000000,
                                              .end_ns = 1000000 + duration_ns,
                                              .request_bytes = request_bytes,
                                              .reply_bytes = reply_bytes};
    wkv_stats_count(wkv_stats_worker(stats, worker), &request);
}

#endif
