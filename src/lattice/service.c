#include "lattice/service.h"

#include <stdio.h>
#include <string.h>

#include "nats/subject.h"
#include "operation/identity.h"
#include "operation/operation.h"
#include "report/figures.h"
#include "support/clock.h"

#define INFO_TYPE "io.nats.micro.v1.info_response"
#define STATS_TYPE "io.nats.micro.v1.stats_response"

/* The endpoint whose data has the service's as well: ADR-32 has data of endpoints only, and so the nats CLI
 * shows no other. */
#define SERVICE_ENDPOINT "HealthRequest"

/* What each document begins with. Beside what ADR-32 has, instances agree by the metadata who of them goes on
 * (pong.h). */
static json_t *make_document(const struct wkv_discovery *discovery, const char *type)
{
    const struct wkv_report_engine *engine = discovery->process.sources.engine;
    enum wkv_phase phase = (enum wkv_phase)atomic_load(&discovery->phase);
    char log[WKV_LOG_ID_BYTES];
    wkv_report_engine_log_id(engine, log);
    return json_pack("{s:s, s:s, s:s, s:s, s:{s:s, s:s, s:s, s:s, s:s*, s:s, s:s, s:s*}}", "type", type,
                     "name", WKV_SERVICE_NAME, "id", discovery->id, "version", WKV_VERSION, "metadata",
                     "capability", WKV_CAPABILITY, "lattice_namespace",
                     wkv_service_namespace(discovery->address), "binding", discovery->address->binding,
                     "engine", wkv_report_engine_name(engine), "log", log[0] == '\0' ? NULL : log, "phase",
                     wkv_phase_name(phase), "started", discovery->started, "split",
                     discovery->process.split ? WKV_SPLIT_ALLOWED : NULL);
}

json_t *wkv_service_ping(const struct wkv_discovery *discovery)
{
    return make_document(discovery, WKV_PING_TYPE);
}

json_t *wkv_service_info(const struct wkv_discovery *discovery)
{
    size_t max_bytes = wkv_loop_max_payload(&discovery->loop);
    json_t *info = make_document(discovery, INFO_TYPE);
    int failed = json_object_set_new(info, "description", json_string(WKV_DESCRIPTION));
    failed |= json_object_set(info, "endpoints", wkv_endpoints_within(&discovery->endpoints, max_bytes));
    if (failed == 0)
        return info;
    json_decref(info);
    return NULL;
}

/* ---- STATS ---- */

/* "STATS counts requests, errors, last_error, processing_time and average_processing_time in nanoseconds per
 * endpoint, over all workers." */
static json_t *count_endpoint(const struct wkv_discovery *discovery, size_t index)
{
    struct wkv_stats_operation stats;
    wkv_stats_operation(discovery->process.sources.stats, index, &stats);
    uint64_t average = stats.requests == 0 ? 0 : stats.processing_ns / stats.requests;
    json_t *endpoint = wkv_endpoint(discovery->address, &wkv_operations[index]);
    json_t *counts = wkv_figures_pack(WKV_OF_OPERATION, &stats);
    int failed = json_object_update(endpoint, counts);
    failed |= json_object_set_new(endpoint, "last_error", json_string(stats.last_error));
    failed |= json_object_set_new(endpoint, "average_processing_time", json_integer((json_int_t)average));
    json_decref(counts);
    if (failed == 0)
        return endpoint;
    json_decref(endpoint);
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

/* "`data` of STATS has `log {…}` and `members`", where the engine has a log. */
static json_t *count_service(const struct wkv_report *report)
{
    json_t *service = wkv_figures_pack(WKV_OF_PROCESS, report);
    if (!report->log.present)
        return service;
    int failed = json_object_set_new(service, "log", wkv_figures_pack(WKV_OF_LOG, &report->log));
    failed |= json_object_set_new(service, "members", wkv_members_pack(report));
    if (failed == 0)
        return service;
    json_decref(service);
    return NULL;
}

json_t *wkv_service_stats(const struct wkv_discovery *discovery)
{
    struct wkv_report report;
    if (!wkv_report_take(&discovery->process.sources, wkv_monotonic_ns(), &report))
        return NULL;
    char started[WKV_TIME_TEXT_BYTES];
    wkv_time_text(report.service.started_wall_ns, 9, started);
    json_t *document = make_document(discovery, STATS_TYPE);
    json_t *service = count_service(&report);
    int failed = json_object_set_new(document, "started", json_string(started));
    failed |= json_object_set_new(document, "endpoints", count_endpoints(discovery, service));
    failed |= json_object_set_new(document, "data", service);
    if (failed == 0)
        return document;
    json_decref(document);
    return NULL;
}
