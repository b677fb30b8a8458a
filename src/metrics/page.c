/* The page /metrics: which metrics there are, one call each, and where their figures come from. */
#include <stdio.h>
#include <stdlib.h>

#include "metrics/exposition.h"
#include "metrics/metrics.h"
#include "operation/provider.h"
#include "support/process.h"

#define PREFIX "wascc_keyvalue_"

/* All that the page is made of, looked at before its first byte is written. */
struct source {
    struct wkv_stats_service service;
    struct wkv_process process;
    struct wkv_stats_operation operations[]; /* wkv_operation_count */
};

static void gauge(struct wkv_buffer *page, const char *name, const char *help, uint64_t value)
{
    wkv_expose_metric(page, name, "gauge", help);
    wkv_expose(page, name, "", NULL, value);
}

static void counter(struct wkv_buffer *page, const char *name, const char *help, uint64_t value)
{
    wkv_expose_metric(page, name, "counter", help);
    wkv_expose(page, name, "", NULL, value);
}

static void build_info(struct wkv_buffer *page, const struct wkv_metrics_options *options)
{
    const char *name = PREFIX "build_info";
    const struct wkv_label labels[] = {
        {"version", WKV_VERSION},
        {"binding", options->binding == NULL ? "" : options->binding},
        {"lattice_namespace", options->lattice_namespace == NULL ? "" : options->lattice_namespace},
        {"engine", WKV_ENGINE},
        {NULL, NULL},
    };
    wkv_expose_metric(page, name, "gauge", "Always 1; the labels say what is running.");
    wkv_expose(page, name, "", labels, 1);
}

/* ---- requests ---- */

/* A counter with a sample for each operation, which lies `offset` bytes into its statistics. */
static void operations_counter(struct wkv_buffer *page, const char *name, const char *help,
                               const struct source *source, size_t offset)
{
    wkv_expose_metric(page, name, "counter", help);
    for (size_t i = 0; i < wkv_operation_count; i++) {
        const struct wkv_label labels[] = {{"operation", wkv_operations[i].name}, {NULL, NULL}};
        const uint64_t *value = (const void *)((const char *)&source->operations[i] + offset);
        wkv_expose(page, name, "", labels, *value);
    }
}

/* All of them from the start, with 0: what appears only with the first error has no increase to be seen by
 * `increase()`. */
static void errors(struct wkv_buffer *page, const struct source *source)
{
    const char *name = PREFIX "errors_total";
    wkv_expose_metric(page, name, "counter", "Requests that were refused, by the code of the error.");
    for (size_t i = 0; i < wkv_operation_count; i++) {
        for (size_t c = 0; c < WKV_STATS_CODES; c++) {
            char code[16];
            (void)snprintf(code, sizeof code, "%d", (int)wkv_stats_codes[c]);
            const struct wkv_label labels[] = {
                {"operation", wkv_operations[i].name}, {"code", code}, {NULL, NULL}};
            wkv_expose(page, name, "", labels, source->operations[i].refusals[c]);
        }
    }
}

/* Buckets are cumulative and `+Inf` is the count, which must hold although the workers go on counting while
 * they are added up: so a bucket is never less than the one before it, and the count, which is of the same
 * look as the buckets, not less than the last. */
static void histogram(struct wkv_buffer *page, const char *name, const char *operation,
                      const struct wkv_stats_operation *stats)
{
    char bound[WKV_EXPOSITION_SECONDS_BYTES];
    const struct wkv_label le[] = {{"operation", operation}, {"le", bound}, {NULL, NULL}};
    const struct wkv_label inf[] = {{"operation", operation}, {"le", "+Inf"}, {NULL, NULL}};
    const struct wkv_label labels[] = {{"operation", operation}, {NULL, NULL}};
    uint64_t count = 0;
    for (unsigned i = 0; i < WKV_STATS_BOUNDS; i++) {
        wkv_exposition_seconds(UINT64_C(1) << (WKV_STATS_FIRST_BOUND + i), bound);
        count = stats->at_most[i] > count ? stats->at_most[i] : count;
        wkv_expose(page, name, "_bucket", le, count);
    }
    count = stats->since_start.requests > count ? stats->since_start.requests : count;
    wkv_expose(page, name, "_bucket", inf, count);
    wkv_expose_seconds(page, name, "_sum", labels, stats->processing_ns);
    wkv_expose(page, name, "_count", labels, count);
}

static void durations(struct wkv_buffer *page, const struct source *source)
{
    const char *name = PREFIX "request_duration_seconds";
    wkv_expose_metric(
        page, name, "histogram",
        "From when a worker began with a request until its reply had been handed to the NATS client.");
    for (size_t i = 0; i < wkv_operation_count; i++)
        histogram(page, name, wkv_operations[i].name, &source->operations[i]);
}

static void requests(struct wkv_buffer *page, const struct source *source)
{
    operations_counter(page, PREFIX "requests_total", "Requests that were answered, those refused included.",
                       source, offsetof(struct wkv_stats_operation, requests));
    errors(page, source);
    durations(page, source);
    operations_counter(page, PREFIX "request_bytes_total", "Bytes of requests' payloads.", source,
                       offsetof(struct wkv_stats_operation, request_bytes));
    operations_counter(page, PREFIX "reply_bytes_total", "Bytes of replies' payloads.", source,
                       offsetof(struct wkv_stats_operation, reply_bytes));
    counter(page, PREFIX "replies_unsent_total",
            "Replies that the NATS client could not take, or that the server's permissions refused.",
            source->service.unsent);
}

static void dropped(struct wkv_buffer *page, const struct wkv_stats_service *service)
{
    const char *name = PREFIX "requests_dropped_total";
    wkv_expose_metric(page, name, "counter", "Requests that were dropped without an answer, by the reason.");
    for (size_t i = 0; i < WKV_STATS_DROPS; i++) {
        const struct wkv_label labels[] = {{"reason", wkv_stats_drop_names[i]}, {NULL, NULL}};
        wkv_expose(page, name, "", labels, service->dropped[i]);
    }
}

/* ---- the store ---- */

static void keys(struct wkv_buffer *page, const struct wkv_store_stats *store)
{
    static const char *const kinds[] = {
        [WKV_SCALAR] = "scalar", [WKV_COUNTER] = "counter", [WKV_LIST] = "list", [WKV_SET] = "set"};
    const char *name = PREFIX "keys";
    wkv_expose_metric(page, name, "gauge",
                      "Keys in the store by kind, expired ones included until their memory comes back.");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct wkv_label labels[] = {{"kind", kinds[i]}, {NULL, NULL}};
        wkv_expose(page, name, "", labels, store->keys_by_kind[i]);
    }
}

static void keyspaces(struct wkv_buffer *page, const struct wkv_stats_service *service)
{
    const char *name = PREFIX "keyspace_keys";
    wkv_expose_metric(page, name, "gauge", "Keys in each of the keyspaces with the most keys.");
    for (size_t i = 0; i < service->keyspace_count; i++) {
        const struct wkv_label labels[] = {{"keyspace", service->by_keyspace[i].name}, {NULL, NULL}};
        wkv_expose(page, name, "", labels, service->by_keyspace[i].keys);
    }
    gauge(page, PREFIX "keyspaces", "Keyspaces that were ever named.", service->keyspaces);
}

static void store(struct wkv_buffer *page, const struct wkv_stats_service *service)
{
    keys(page, &service->store);
    keyspaces(page, service);
    gauge(page, PREFIX "memory_bytes", "Memory that the store holds, as its budget counts it.",
          service->store.bytes);
    gauge(page, PREFIX "memory_held_bytes", "Memory that is held for that, holes between blocks included.",
          service->store.held_bytes);
    gauge(page, PREFIX "memory_budget_bytes", "What the store may hold (--max-memory); 0 is no bound.",
          service->store.budget_bytes);
    counter(page, PREFIX "expired_keys_total", "Keys that expired.", service->store.expired);
    gauge(page, PREFIX "shards", "Parts of the store, each with its lock.", service->store.shards);
    gauge(page, PREFIX "shard_keys_min", "Keys of the shard with the fewest.", service->store.shard_keys_min);
    gauge(page, PREFIX "shard_keys_max", "Keys of the shard with the most.", service->store.shard_keys_max);
}

/* ---- actors and connections ---- */

static void security(struct wkv_buffer *page, const struct wkv_stats_service *service)
{
    gauge(page, PREFIX "bound_actors", "Actors that are bound.", service->bound_actors);
    counter(page, PREFIX "claims_cache_hits_total", "Claims that were remembered as verified.",
            service->claims_cache.hits);
    counter(page, PREFIX "claims_cache_misses_total", "Claims that had to be verified.",
            service->claims_cache.misses);
    counter(page, PREFIX "claims_cache_evictions_total", "Remembered claims that made room for others.",
            service->claims_cache.evictions);
    gauge(page, PREFIX "claims_cache_entries", "Remembered claims.", service->claims_cache.entries);
    gauge(page, PREFIX "claims_cache_bytes", "Bytes of the remembered claims' tokens.",
          service->claims_cache.bytes);
}

static void connections(struct wkv_buffer *page, const struct wkv_stats_service *service)
{
    gauge(page, PREFIX "connections", "Connections to NATS that are up.", service->connections);
    counter(page, PREFIX "reconnects_total", "Connections to NATS that came back after they were lost.",
            service->reconnects);
}

/* ---- the process ---- */

/* A figure that the kernel does not tell is left out: a wrong one would be worse. */
static void process(struct wkv_buffer *page, const struct wkv_process *figures)
{
    if (figures->cpu_ns != WKV_PROCESS_UNKNOWN) {
        wkv_expose_metric(page, "process_cpu_seconds_total", "counter",
                          "Processor time of the process, user and system.");
        wkv_expose_seconds(page, "process_cpu_seconds_total", "", NULL, figures->cpu_ns);
    }
    if (figures->resident_bytes != WKV_PROCESS_UNKNOWN)
        gauge(page, "process_resident_memory_bytes", "Resident memory of the process.",
              figures->resident_bytes);
    if (figures->virtual_bytes != WKV_PROCESS_UNKNOWN)
        gauge(page, "process_virtual_memory_bytes", "Virtual memory of the process.", figures->virtual_bytes);
    if (figures->open_fds != WKV_PROCESS_UNKNOWN)
        gauge(page, "process_open_fds", "File descriptors that are open.", figures->open_fds);
    if (figures->max_fds != WKV_PROCESS_UNKNOWN)
        gauge(page, "process_max_fds", "File descriptors that may be open.", figures->max_fds);
    if (figures->start_ns != WKV_PROCESS_UNKNOWN) {
        wkv_expose_metric(page, "process_start_time_seconds", "gauge",
                          "When the process was started, in seconds since 1970.");
        wkv_expose_seconds(page, "process_start_time_seconds", "", NULL, figures->start_ns);
    }
}

static struct source *look(const struct wkv_metrics_options *options, int64_t now_ns)
{
    struct source *source = calloc(1, sizeof *source + wkv_operation_count * sizeof source->operations[0]);
    if (source == NULL)
        return NULL;
    if (!wkv_stats_service(options->stats, now_ns, &source->service)) {
        free(source);
        return NULL;
    }
    wkv_process_look(&source->process);
    for (size_t i = 0; i < wkv_operation_count; i++)
        wkv_stats_operation(options->stats, i, &source->operations[i]);
    return source;
}

bool wkv_metrics_write(const struct wkv_metrics_options *options, int64_t now_ns, struct wkv_buffer *page)
{
    struct source *source = look(options, now_ns);
    if (source == NULL)
        return false;
    build_info(page, options);
    gauge(page, PREFIX "ready",
          "1 while connected to NATS with confirmed subscriptions and alone on the binding, else 0.",
          source->service.ready);
    gauge(page, PREFIX "split", "1 while another instance is known to hold a part of the binding's data.",
          source->service.split);
    counter(page, PREFIX "splits_total", "How often another instance was met that holds a part of the data.",
            source->service.splits);
    gauge(page, PREFIX "workers", "Event loops, each with a connection to NATS.", source->service.workers);
    requests(page, source);
    dropped(page, &source->service);
    store(page, &source->service);
    security(page, &source->service);
    connections(page, &source->service);
    counter(page, PREFIX "log_lines_dropped_total",
            "Lines of the log that were dropped since its reader did not take them.",
            wkv_log_dropped(options->log));
    process(page, &source->process);
    free(source);
    return !page->failed;
}
