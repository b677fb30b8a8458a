#include "lattice/service.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "nats/subject.h"
#include "operation/provider.h"
#include "support/clock.h"
#include "support/process.h"

#define INFO_TYPE "io.nats.micro.v1.info_response"
#define STATS_TYPE "io.nats.micro.v1.stats_response"

/* The endpoint whose data has the service's as well: ADR-32 has data of endpoints only, and so the nats CLI
 * shows no other. */
#define SERVICE_ENDPOINT "HealthRequest"

/* What each document begins with. Beside what ADR-32 has, instances agree by the metadata who of them goes on
 * (pong.h). */
static json_t *make_document(const struct wkv_discovery *discovery, const char *type)
{
    enum wkv_phase phase = (enum wkv_phase)atomic_load(&discovery->phase);
    return json_pack("{s:s, s:s, s:s, s:s, s:{s:s, s:s, s:s, s:s, s:s, s:s, s:s*}}", "type", type, "name",
                     WKV_SERVICE_NAME, "id", discovery->id, "version", WKV_VERSION, "metadata", "capability",
                     WKV_CAPABILITY, "lattice_namespace", wkv_service_namespace(discovery->address),
                     "binding", discovery->address->binding, "engine", WKV_ENGINE, "phase",
                     wkv_phase_name(phase), "started", discovery->started, "split",
                     discovery->provider->split ? WKV_SPLIT_ALLOWED : NULL);
}

json_t *wkv_service_ping(const struct wkv_discovery *discovery)
{
    return make_document(discovery, WKV_PING_TYPE);
}

/* "One endpoint per operation, named after it, with the subject it listens on, its queue group": `system`'s
 * have none. */
static json_t *make_endpoint(const struct wkv_discovery *discovery, const struct wkv_operation *operation)
{
    char subject[WKV_SUBJECT_BYTES];
    char queue[WKV_SUBJECT_BYTES] = "";
    if (wkv_subject_operation(discovery->address, wkv_operation_is_system(operation) ? "system" : "*",
                              operation->name, subject, NULL) != WKV_OK)
        return NULL;
    if (!wkv_operation_is_system(operation))
        (void)snprintf(queue, sizeof queue, "wascc.keyvalue.%s", discovery->address->binding);
    return json_pack("{s:s, s:s, s:s}", "name", operation->name, "subject", subject, "queue_group", queue);
}

static json_t *describe_endpoint(const struct wkv_discovery *discovery, const struct wkv_operation *operation)
{
    json_t *endpoint = make_endpoint(discovery, operation);
    json_t *metadata = json_pack("{s:s, s:s, s:s, s:s}", "request", operation->request->short_name,
                                 "response", operation->reply->short_name, "encodings",
                                 operation->scope == WKV_SCOPE_OPERATOR ? "json" : "protobuf, json",
                                 "description", operation->doc);
    if (json_object_set_new(endpoint, "metadata", metadata) == 0)
        return endpoint;
    json_decref(endpoint);
    return NULL;
}

json_t *wkv_service_info(const struct wkv_discovery *discovery)
{
    json_t *info = make_document(discovery, INFO_TYPE);
    json_t *endpoints = json_array();
    int failed = json_object_set_new(info, "description", json_string(WKV_DESCRIPTION));
    for (size_t i = 0; i < wkv_operation_count; i++)
        failed |= json_array_append_new(endpoints, describe_endpoint(discovery, &wkv_operations[i]));
    failed |= json_object_set_new(info, "endpoints", endpoints);
    if (failed == 0)
        return info;
    json_decref(info);
    return NULL;
}

/* ---- STATS ---- */

/* Refusals by code, without the codes that never occurred. */
static json_t *pack_refusals(const uint64_t refusals[WKV_STATS_CODES])
{
    json_t *object = json_object();
    for (size_t i = 0; i < WKV_STATS_CODES; i++) {
        char code[12];
        (void)snprintf(code, sizeof code, "%d", (int)wkv_stats_codes[i]);
        if (refusals[i] > 0 &&
            json_object_set_new(object, code, json_integer((json_int_t)refusals[i])) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *pack_latency(const struct wkv_stats_latency *latency)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "p50_ns", (json_int_t)latency->p50_ns, "p90_ns",
                     (json_int_t)latency->p90_ns, "p99_ns", (json_int_t)latency->p99_ns, "p999_ns",
                     (json_int_t)latency->p999_ns, "max_ns", (json_int_t)latency->max_ns);
}

static json_t *pack_operation_data(const struct wkv_stats_operation *stats)
{
    json_t *data = pack_latency(&stats->since_start);
    json_t *minute = pack_latency(&stats->last_minute);
    int failed =
        json_object_set_new(minute, "requests", json_integer((json_int_t)stats->last_minute.requests));
    failed |= json_object_set_new(data, "last_minute", minute);
    failed |= json_object_set_new(data, "request_bytes", json_integer((json_int_t)stats->request_bytes));
    failed |= json_object_set_new(data, "reply_bytes", json_integer((json_int_t)stats->reply_bytes));
    failed |= json_object_set_new(data, "refusals", pack_refusals(stats->refusals));
    if (failed == 0)
        return data;
    json_decref(data);
    return NULL;
}

/* "STATS counts requests, errors, last_error, processing_time and average_processing_time in nanoseconds per
 * endpoint, over all workers." */
static json_t *count_endpoint(const struct wkv_discovery *discovery, size_t index)
{
    struct wkv_stats_operation stats;
    wkv_stats_operation(discovery->provider->stats, index, &stats);
    uint64_t average = stats.requests == 0 ? 0 : stats.processing_ns / stats.requests;
    json_t *endpoint = make_endpoint(discovery, &wkv_operations[index]);
    json_t *counts =
        json_pack("{s:I, s:I, s:s, s:I, s:I}", "num_requests", (json_int_t)stats.requests, "num_errors",
                  (json_int_t)stats.errors, "last_error", stats.last_error, "processing_time",
                  (json_int_t)stats.processing_ns, "average_processing_time", (json_int_t)average);
    int failed = json_object_update(endpoint, counts);
    failed |= json_object_set_new(endpoint, "data", pack_operation_data(&stats));
    json_decref(counts);
    if (failed == 0)
        return endpoint;
    json_decref(endpoint);
    return NULL;
}

static json_t *pack_dropped(const struct wkv_stats_service *stats)
{
    json_t *object = json_object();
    for (size_t i = 0; i < WKV_STATS_DROPS; i++)
        if (json_object_set_new(object, wkv_stats_drop_names[i],
                                json_integer((json_int_t)stats->dropped[i])) != 0) {
            json_decref(object);
            return NULL;
        }
    return object;
}

static json_t *pack_keyspaces(const struct wkv_stats_service *stats)
{
    json_t *object = json_object();
    for (size_t i = 0; i < stats->keyspace_count; i++)
        if (json_object_set_new(object, stats->by_keyspace[i].name,
                                json_integer((json_int_t)stats->by_keyspace[i].keys)) != 0) {
            json_decref(object);
            return NULL;
        }
    return object;
}

static json_t *pack_store(const struct wkv_stats_service *stats)
{
    const struct wkv_store_stats *store = &stats->store;
    return json_pack("{s:I, s:{s:I, s:I, s:I, s:I}, s:o, s:I, s:I, s:I, s:{s:i, s:I, s:I}}", "keys",
                     (json_int_t)store->keys, "kinds", "scalar", (json_int_t)store->keys_by_kind[WKV_SCALAR],
                     "counter", (json_int_t)store->keys_by_kind[WKV_COUNTER], "list",
                     (json_int_t)store->keys_by_kind[WKV_LIST], "set",
                     (json_int_t)store->keys_by_kind[WKV_SET], "keyspaces", pack_keyspaces(stats), "bytes",
                     (json_int_t)store->bytes, "budget_bytes", (json_int_t)store->budget_bytes, "expired",
                     (json_int_t)store->expired, "shards", "count", (int)store->shards, "min_keys",
                     (json_int_t)store->shard_keys_min, "max_keys", (json_int_t)store->shard_keys_max);
}

/* What the kernel says of the process; what it does not say is 0. */
static json_t *pack_process(void)
{
    struct wkv_process process;
    wkv_process_look(&process);
    return json_pack(
        "{s:f, s:I}", "cpu_seconds",
        process.cpu_ns == WKV_PROCESS_UNKNOWN ? 0.0 : (double)process.cpu_ns / (double)WKV_NS_PER_S,
        "resident_bytes",
        (json_int_t)(process.resident_bytes == WKV_PROCESS_UNKNOWN ? 0 : process.resident_bytes));
}

static json_t *pack_work(const struct wkv_stats_service *stats)
{
    const struct wkv_claims_cache_stats *cache = &stats->claims_cache;
    return json_pack(
        "{s:f, s:b, s:i, s:I, s:I, s:o, s:I, s:I, s:{s:I, s:I, s:I, s:I, s:I}, s:{s:I, s:I, s:I}}",
        "uptime_s", (double)stats->uptime_ns / (double)WKV_NS_PER_S, "ready", (int)stats->ready, "workers",
        (int)stats->workers, "requests", (json_int_t)stats->requests, "errors", (json_int_t)stats->errors,
        "refusals", pack_refusals(stats->refusals), "unsent", (json_int_t)stats->unsent, "bound_actors",
        (json_int_t)stats->bound_actors, "claims_cache", "hits", (json_int_t)cache->hits, "misses",
        (json_int_t)cache->misses, "evictions", (json_int_t)cache->evictions, "entries",
        (json_int_t)cache->entries, "bytes", (json_int_t)cache->bytes, "connections", "open",
        (json_int_t)stats->connections, "made", (json_int_t)stats->connects, "reconnects",
        (json_int_t)stats->reconnects);
}

static json_t *pack_service(const struct wkv_stats_service *stats)
{
    json_t *data = pack_work(stats);
    json_t *store = pack_store(stats);
    int failed = json_object_update(data, store);
    failed |= json_object_set_new(data, "process", pack_process());
    failed |= json_object_set_new(data, "dropped", pack_dropped(stats));
    json_decref(store);
    if (failed == 0)
        return data;
    json_decref(data);
    return NULL;
}

/* All endpoints, and the service's data in the one that has it. */
static json_t *count_endpoints(const struct wkv_discovery *discovery, json_t *service)
{
    json_t *endpoints = json_array();
    int failed = 0;
    for (size_t i = 0; i < wkv_operation_count; i++) {
        json_t *endpoint = count_endpoint(discovery, i);
        if (strcmp(wkv_operations[i].name, SERVICE_ENDPOINT) == 0)
            failed |= json_object_set(json_object_get(endpoint, "data"), "service", service);
        failed |= json_array_append_new(endpoints, endpoint);
    }
    if (failed == 0)
        return endpoints;
    json_decref(endpoints);
    return NULL;
}

json_t *wkv_service_stats(const struct wkv_discovery *discovery)
{
    struct wkv_stats_service stats;
    if (!wkv_stats_service(discovery->provider->stats, wkv_monotonic_ns(), &stats))
        return NULL;
    char started[WKV_TIME_TEXT_BYTES];
    wkv_time_text(stats.started_wall_ns, 9, started);
    json_t *document = make_document(discovery, STATS_TYPE);
    json_t *service = pack_service(&stats);
    int failed = json_object_set_new(document, "started", json_string(started));
    failed |= json_object_set_new(document, "endpoints", count_endpoints(discovery, service));
    failed |= json_object_set_new(document, "data", service);
    if (failed == 0)
        return document;
    json_decref(document);
    return NULL;
}
