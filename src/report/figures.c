#include "report/figures.h"

#include <stdio.h>
#include <string.h>

#define PREFIX "wascc_keyvalue_"

#define PLACE(type, member) .offset = offsetof(type, member), .bytes = sizeof((type *)0)->member
#define IN_REPORT(member) .scope = WKV_OF_PROCESS, PLACE(struct wkv_report, member)
#define IN_LOG(member) .scope = WKV_OF_LOG, PLACE(struct wkv_report_log, member)
#define IN_OPERATION(member) .scope = WKV_OF_OPERATION, PLACE(struct wkv_stats_operation, member)

/* Of STATS alone: what /metrics has as a histogram. */
#define PERCENTILES(path, member)                                                                            \
    {.stats = path "p50_ns", .unit = WKV_UNIT_NANOSECONDS, IN_OPERATION(member.p50_ns)},                     \
        {.stats = path "p90_ns", .unit = WKV_UNIT_NANOSECONDS, IN_OPERATION(member.p90_ns)},                 \
        {.stats = path "p99_ns", .unit = WKV_UNIT_NANOSECONDS, IN_OPERATION(member.p99_ns)},                 \
        {.stats = path "p999_ns", .unit = WKV_UNIT_NANOSECONDS, IN_OPERATION(member.p999_ns)},               \
    {                                                                                                        \
        .stats = path "max_ns", .unit = WKV_UNIT_NANOSECONDS, IN_OPERATION(member.max_ns)                    \
    }

/* clang-format off */
const struct wkv_figure wkv_figures[] = {
    {.stats = "uptime_s", .unit = WKV_UNIT_SECONDS, IN_REPORT(service.uptime_ns)},
    {.metric = PREFIX "ready", .stats = "ready", .unit = WKV_UNIT_FLAG, IN_REPORT(service.ready),
     .help = "1 while connected to NATS with confirmed subscriptions and alone on the binding, else 0."},
    {.metric = PREFIX "split", .unit = WKV_UNIT_FLAG, IN_REPORT(service.split),
     .help = "1 while another instance is known to hold a part of the binding's data."},
    {.metric = PREFIX "splits_total", .kind = WKV_FIGURE_COUNTER, IN_REPORT(service.splits),
     .help = "How often another instance was met that holds a part of the data."},
    {.metric = PREFIX "workers", .stats = "workers", IN_REPORT(service.workers),
     .help = "Event loops, each with a connection to NATS."},

    /* Requests. */
    {.stats = "requests", .kind = WKV_FIGURE_COUNTER, IN_REPORT(service.requests)},
    {.stats = "errors", .kind = WKV_FIGURE_COUNTER, IN_REPORT(service.errors)},
    {.stats = "refusals", .kind = WKV_FIGURE_COUNTER, .label = WKV_LABEL_CODE, IN_REPORT(service.refusals[0])},
    {.metric = PREFIX "requests_total", .stats = "num_requests", .kind = WKV_FIGURE_COUNTER, IN_OPERATION(requests),
     .help = "Requests that were answered, those refused included."},
    {.stats = "num_errors", .kind = WKV_FIGURE_COUNTER, IN_OPERATION(errors)},
    {.metric = PREFIX "errors_total", .stats = "data.refusals", .kind = WKV_FIGURE_COUNTER, .label = WKV_LABEL_CODE,
     IN_OPERATION(refusals[0]), .help = "Requests that were refused, by the code of the error."},
    {.metric = PREFIX "request_duration_seconds", .stats = "processing_time", .kind = WKV_FIGURE_HISTOGRAM,
     .unit = WKV_UNIT_NANOSECONDS, IN_OPERATION(processing_ns),
     .help = "From when a worker began with a request until its reply had been handed to the NATS client."},
    PERCENTILES("data.", since_start),
    {.stats = "data.last_minute.requests", IN_OPERATION(last_minute.requests)},
    PERCENTILES("data.last_minute.", last_minute),
    {.metric = PREFIX "request_bytes_total", .stats = "data.request_bytes", .kind = WKV_FIGURE_COUNTER,
     IN_OPERATION(request_bytes), .help = "Bytes of requests' payloads."},
    {.metric = PREFIX "reply_bytes_total", .stats = "data.reply_bytes", .kind = WKV_FIGURE_COUNTER,
     IN_OPERATION(reply_bytes), .help = "Bytes of replies' payloads."},
    {.metric = PREFIX "replies_unsent_total", .stats = "unsent", .kind = WKV_FIGURE_COUNTER, IN_REPORT(service.unsent),
     .help = "Replies that the NATS client could not take, or that the server's permissions refused."},
    {.metric = PREFIX "requests_dropped_total", .stats = "dropped", .kind = WKV_FIGURE_COUNTER,
     .label = WKV_LABEL_REASON, IN_REPORT(service.dropped[0]),
     .help = "Requests that were dropped without an answer, by the reason."},

    /* The store. */
    {.stats = "keys", IN_REPORT(store.keys)},
    {.metric = PREFIX "keys", .stats = "kinds", .label = WKV_LABEL_KIND, IN_REPORT(store.keys_by_kind[0]),
     .help = "Keys in the store by kind, expired ones included until their memory comes back."},
    {.metric = PREFIX "keyspace_keys", .stats = "keyspaces", .label = WKV_LABEL_KEYSPACE,
     IN_REPORT(keys_by_keyspace[0]), .help = "Keys in each of the keyspaces with the most keys."},
    {.metric = PREFIX "keyspaces", IN_REPORT(keyspaces), .help = "Keyspaces that were ever named."},
    {.metric = PREFIX "memory_bytes", .stats = "bytes", IN_REPORT(store.bytes),
     .help = "Memory that the store holds, as its budget counts it."},
    {.metric = PREFIX "memory_held_bytes", IN_REPORT(store.held_bytes),
     .help = "Memory that is held for that, holes between blocks included."},
    {.metric = PREFIX "memory_budget_bytes", .stats = "budget_bytes", IN_REPORT(store.budget_bytes),
     .help = "What the store may hold (--max-memory); 0 is no bound."},
    {.metric = PREFIX "expired_keys_total", .stats = "expired", .kind = WKV_FIGURE_COUNTER, IN_REPORT(store.expired),
     .help = "Keys that expired."},
    {.metric = PREFIX "evictions_total", .stats = "evicted", .kind = WKV_FIGURE_COUNTER, IN_REPORT(store.evicted),
     .help = "Keys that went to make room for others (--evict)."},
    {.metric = PREFIX "shards", .stats = "shards.count", IN_REPORT(store.shards),
     .help = "Parts of the store, each with its lock."},
    {.metric = PREFIX "shard_keys_min", .stats = "shards.min_keys", IN_REPORT(store.shard_keys_min),
     .help = "Keys of the shard with the fewest."},
    {.metric = PREFIX "shard_keys_max", .stats = "shards.max_keys", IN_REPORT(store.shard_keys_max),
     .help = "Keys of the shard with the most."},

    /* Actors and connections. */
    {.metric = PREFIX "bound_actors", .stats = "bound_actors", IN_REPORT(bound_actors),
     .help = "Actors that are bound."},
    {.metric = PREFIX "claims_cache_hits_total", .stats = "claims_cache.hits", .kind = WKV_FIGURE_COUNTER,
     IN_REPORT(claims.hits), .help = "Claims that were remembered as verified."},
    {.metric = PREFIX "claims_cache_misses_total", .stats = "claims_cache.misses", .kind = WKV_FIGURE_COUNTER,
     IN_REPORT(claims.misses), .help = "Claims that had to be verified."},
    {.metric = PREFIX "claims_cache_evictions_total", .stats = "claims_cache.evictions", .kind = WKV_FIGURE_COUNTER,
     IN_REPORT(claims.evictions), .help = "Remembered claims that made room for others."},
    {.metric = PREFIX "claims_cache_entries", .stats = "claims_cache.entries", IN_REPORT(claims.entries),
     .help = "Remembered claims."},
    {.metric = PREFIX "claims_cache_bytes", .stats = "claims_cache.bytes", IN_REPORT(claims.bytes),
     .help = "Bytes of the remembered claims' tokens."},
    {.metric = PREFIX "connections", .stats = "connections.open", IN_REPORT(service.connections),
     .help = "Connections to NATS that are up."},
    {.stats = "connections.made", .kind = WKV_FIGURE_COUNTER, IN_REPORT(service.connects)},
    {.metric = PREFIX "reconnects_total", .stats = "connections.reconnects", .kind = WKV_FIGURE_COUNTER,
     IN_REPORT(service.reconnects), .help = "Connections to NATS that came back after they were lost."},

    /* Watches. */
    {.metric = PREFIX "watches", .stats = "watches.open", IN_REPORT(service.watches), .help = "Watches that are open."},
    {.metric = PREFIX "watch_events_total", .stats = "watches.events", .kind = WKV_FIGURE_COUNTER,
     IN_REPORT(service.watch_events), .help = "Events that were sent to watches."},
    {.metric = PREFIX "watches_missed_total", .stats = "watches.missed", .kind = WKV_FIGURE_COUNTER,
     IN_REPORT(service.watches_missed), .help = "Watches that were ended since they did not keep up."},

    /* The log. */
    {.metric = PREFIX "log_position", .stats = "position", IN_LOG(position),
     .help = "Position of the log that this instance has applied."},
    {.metric = PREFIX "log_lag_seconds", .stats = "lag_ms", .unit = WKV_UNIT_MILLISECONDS, IN_LOG(lag_ms),
     .help = "How far this instance is behind the log."},
    {.metric = PREFIX "log_appends_total", .stats = "appends", .kind = WKV_FIGURE_COUNTER, IN_LOG(appends),
     .help = "Records that this instance has appended."},
    {.metric = PREFIX "log_operations_total", .stats = "operations", .kind = WKV_FIGURE_COUNTER, IN_LOG(operations),
     .help = "Operations in these records."},
    {.metric = PREFIX "log_append_p50_seconds", .stats = "append_p50_ns", .unit = WKV_UNIT_NANOSECONDS,
     IN_LOG(append_p50_ns), .help = "Time that half of the latest appends took at the most."},
    {.metric = PREFIX "log_append_p99_seconds", .stats = "append_p99_ns", .unit = WKV_UNIT_NANOSECONDS,
     IN_LOG(append_p99_ns), .help = "Time that 99 in 100 of the latest appends took at the most."},
    {.metric = PREFIX "log_resends_total", .stats = "resends", .kind = WKV_FIGURE_COUNTER, IN_LOG(resends),
     .help = "Records that were published again, since no answer came."},
    {.metric = PREFIX "log_voids_total", .kind = WKV_FIGURE_COUNTER, .label = WKV_LABEL_VOID, IN_LOG(voids[0]),
     .help = "Batches of the log that were void, by the reason."},
    {.metric = PREFIX "log_waiting_seconds", .stats = "waiting_s", IN_LOG(waiting_s),
     .help = "How long the oldest published record has waited to come back from the log."},
    {.metric = PREFIX "log_time_ahead_seconds", .stats = "time_ahead_s", IN_LOG(time_ahead_s),
     .help = "How far the log's time is ahead of this machine's clock."},
    {.metric = PREFIX "log_diverged", .stats = "diverged", .unit = WKV_UNIT_FLAG, IN_LOG(diverged),
     .help = "1 while the log is not the one that this instance has applied, else 0."},
    {.metric = PREFIX "log_foreign_total", .kind = WKV_FIGURE_COUNTER, IN_LOG(foreign),
     .help = "Messages in the log that are none of ours."},
    {.metric = PREFIX "log_burnt_total", .kind = WKV_FIGURE_COUNTER, IN_LOG(burnt),
     .help = "Positions of the log that hold nothing, as every instance has found."},
    {.metric = PREFIX "log_consumers_made_total", .kind = WKV_FIGURE_COUNTER, IN_LOG(consumers_made),
     .help = "Consumers that were made to read the log; more than one means that it was lost or stood still."},
    {.metric = PREFIX "log_bytes", .stats = "bytes", IN_LOG(bytes), .help = "Bytes of the log's stream."},
    {.metric = PREFIX "log_max_bytes", .stats = "max_bytes", IN_LOG(max_bytes),
     .help = "Bytes that the log's stream may hold (--log-max-size)."},
    {.metric = PREFIX "log_account_bytes", IN_LOG(account_bytes),
     .help = "Bytes that all streams of the NATS account hold."},
    {.metric = PREFIX "log_account_max_bytes", IN_LOG(account_max_bytes),
     .help = "Bytes that they may hold; 0 is no bound."},
    {.metric = PREFIX "log_snapshot_position", .stats = "snapshot_position", IN_LOG(snapshot_position),
     .help = "Position of the log that the last snapshot is of."},
    {.metric = PREFIX "log_snapshot_age_seconds", .stats = "snapshot_age_s", IN_LOG(snapshot_age_s),
     .help = "Age of the last snapshot."},
    {.metric = PREFIX "log_members", IN_LOG(members), .help = "Instances that serve from the log."},

    /* The process. */
    {.metric = PREFIX "log_lines_dropped_total", .kind = WKV_FIGURE_COUNTER, IN_REPORT(log_lines_dropped),
     .help = "Lines of the log that were dropped since its reader did not take them."},
    {.metric = "process_cpu_seconds_total", .stats = "process.cpu_seconds", .kind = WKV_FIGURE_COUNTER,
     .unit = WKV_UNIT_SECONDS, IN_REPORT(process.cpu_ns),
     .help = "Processor time of the process, user and system."},
    {.metric = "process_resident_memory_bytes", .stats = "process.resident_bytes",
     IN_REPORT(process.resident_bytes), .help = "Resident memory of the process."},
    {.metric = "process_virtual_memory_bytes", IN_REPORT(process.virtual_bytes),
     .help = "Virtual memory of the process."},
    {.metric = "process_open_fds", IN_REPORT(process.open_fds), .help = "File descriptors that are open."},
    {.metric = "process_max_fds", IN_REPORT(process.max_fds), .help = "File descriptors that may be open."},
    {.metric = "process_start_time_seconds", .unit = WKV_UNIT_SECONDS, IN_REPORT(process.start_ns),
     .help = "When the process was started, in seconds since 1970."},
};
/* clang-format on */
const size_t wkv_figure_count = sizeof wkv_figures / sizeof wkv_figures[0];

uint64_t wkv_figure_value(const struct wkv_figure *figure, const void *figures, size_t i)
{
    const char *at = (const char *)figures + figure->offset + i * figure->bytes;
    uint64_t number;
    uint32_t half;
    if (figure->bytes == sizeof number) {
        memcpy(&number, at, sizeof number);
        return number;
    }
    if (figure->bytes == sizeof half) {
        memcpy(&half, at, sizeof half);
        return half;
    }
    return *at != 0;
}

void wkv_figure_set(const struct wkv_figure *figure, void *figures, size_t i, uint64_t number)
{
    char *at = (char *)figures + figure->offset + i * figure->bytes;
    uint32_t half = number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
    if (figure->bytes == sizeof number)
        memcpy(at, &number, sizeof number);
    else if (figure->bytes == sizeof half)
        memcpy(at, &half, sizeof half);
    else
        *(bool *)at = number != 0;
}

/* ---- labels ---- */

const char *wkv_label_name(enum wkv_figure_label label)
{
    static const char *const names[] = {
        [WKV_LABEL_NONE] = NULL,   [WKV_LABEL_CODE] = "code",         [WKV_LABEL_REASON] = "reason",
        [WKV_LABEL_KIND] = "kind", [WKV_LABEL_KEYSPACE] = "keyspace", [WKV_LABEL_VOID] = "reason"};
    return names[label];
}

size_t wkv_label_count(enum wkv_figure_label label, const struct wkv_report *report)
{
    switch (label) {
    case WKV_LABEL_CODE:
        return WKV_STATS_CODES;
    case WKV_LABEL_REASON:
        return WKV_STATS_DROPS;
    case WKV_LABEL_KIND:
        return sizeof report->store.keys_by_kind / sizeof report->store.keys_by_kind[0];
    case WKV_LABEL_KEYSPACE:
        return report->keyspace_count;
    case WKV_LABEL_VOID:
        return WKV_REPORT_VOIDS;
    case WKV_LABEL_NONE:
        break;
    }
    return 1;
}

const char *wkv_label_value(enum wkv_figure_label label, const struct wkv_report *report, size_t i,
                            char out[WKV_LABEL_BYTES])
{
    static const char *const voids[] = {[WKV_VOID_LATE] = "late",
                                        [WKV_VOID_BINDINGS] = "bindings",
                                        [WKV_VOID_AGAIN] = "again",
                                        [WKV_VOID_GONE] = "gone"};
    if (label == WKV_LABEL_VOID)
        return voids[i];
    if (label == WKV_LABEL_REASON)
        return wkv_stats_drop_names[i];
    if (label == WKV_LABEL_KIND)
        return wkv_kind_name((enum wkv_kind)i);
    if (label == WKV_LABEL_KEYSPACE)
        return report->keyspace_names[i];
    (void)snprintf(out, WKV_LABEL_BYTES, "%d", (int)wkv_stats_codes[i]);
    return out;
}
