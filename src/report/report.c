#include "report/report.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(WKV_STATS_ACTOR_BYTES == WKV_BINDINGS_MAX_NAME_BYTES + 1,
              "the slow log has room for an actor's name");

/* Puts a keyspace where it belongs among the largest so far; of equal ones the one that was named first comes
 * first. */
static void insert_largest(uint32_t largest[WKV_REPORT_KEYSPACES], size_t *count, const uint64_t *keys,
                           uint32_t number)
{
    size_t at = *count;
    if (*count < WKV_REPORT_KEYSPACES)
        (*count)++;
    else if (keys[number] <= keys[largest[--at]])
        return;
    for (; at > 0 && keys[number] > keys[largest[at - 1]]; at--)
        largest[at] = largest[at - 1];
    largest[at] = number;
}

/* The store, or NULL while it is being recovered. */
static struct wkv_store *store_of(const struct wkv_report_sources *sources)
{
    const struct wkv_report_engine *engine = sources->engine;
    return engine == NULL || engine->store == NULL ? sources->store : engine->store(engine->context);
}

static bool look_at_keyspaces(const struct wkv_report_sources *sources, struct wkv_store *store,
                              struct wkv_report *report)
{
    uint32_t count = wkv_bindings_keyspaces(sources->bindings);
    uint64_t *keys = calloc(count, sizeof *keys);
    if (keys == NULL)
        return false;
    if (store != NULL)
        wkv_store_keyspaces(store, keys, count);
    uint32_t largest[WKV_REPORT_KEYSPACES];
    for (uint32_t number = 0; number < count; number++)
        if (keys[number] > 0)
            insert_largest(largest, &report->keyspace_count, keys, number);
    for (size_t i = 0; i < report->keyspace_count; i++) {
        (void)wkv_bindings_keyspace_name(sources->bindings, largest[i], report->keyspace_names[i]);
        report->keys_by_keyspace[i] = keys[largest[i]];
    }
    report->keyspaces = count;
    free(keys);
    return true;
}

static int64_t at_least_0(int64_t duration)
{
    return duration < 0 ? 0 : duration;
}

/* The table's numbers have no sign. */
static void look_at_log(const struct wkv_report_engine *engine, struct wkv_report *report)
{
    struct wkv_report_log *log = &report->log;
    if (engine == NULL || engine->log == NULL || !engine->log(engine->context, log))
        return;
    int64_t *const durations[] = {&log->lag_ms,    &log->append_p50_ns, &log->append_p99_ns,
                                  &log->waiting_s, &log->time_ahead_s,  &log->snapshot_age_s};
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++)
        *durations[i] = at_least_0(*durations[i]);
    log->present = true;
    log->members = wkv_report_engine_members(engine, report->members, WKV_REPORT_MEMBERS);
}

bool wkv_report_take(const struct wkv_report_sources *sources, int64_t now_ns, struct wkv_report *report)
{
    memset(report, 0, sizeof *report);
    wkv_stats_service(sources->stats, now_ns, &report->service);
    struct wkv_store *store = store_of(sources);
    if (store != NULL)
        wkv_store_stats(store, &report->store);
    if (sources->claims != NULL)
        wkv_claims_tally_add_up(sources->claims, &report->claims);
    wkv_process_look(&report->process);
    report->bound_actors = wkv_bindings_count(sources->bindings);
    report->log_lines_dropped = sources->log == NULL ? 0 : wkv_log_dropped(sources->log);
    char why[WKV_UNREADY_BYTES];
    if (wkv_report_engine_unready(sources->engine, why, sizeof why))
        report->service.ready = false;
    look_at_log(sources->engine, report);
    return look_at_keyspaces(sources, store, report);
}
