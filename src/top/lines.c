/* The plain lines of frame.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "support/clock.h"
#include "top/format.h"
#include "top/frame.h"

__attribute__((format(printf, 2, 3))) static void print(struct wkv_buffer *out, const char *format, ...)
{
    char text[512];
    va_list values;
    va_start(values, format);
    int len = vsnprintf(text, sizeof text, format, values);
    va_end(values);
    if (len > 0)
        (void)wkv_buffer_append(out, text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1);
}

static void print_number(struct wkv_buffer *out, const char *name, uint64_t number)
{
    print(out, " %s=%llu", name, (unsigned long long)number);
}

static void print_traffic(struct wkv_buffer *out, const struct wkv_top_view *view,
                          const struct wkv_top_instance *instance)
{
    struct wkv_stats_latency latency;
    bool minute;
    print(out, " interval_s=%.3f requests_per_s=%.3f", instance->elapsed_s, instance->requests_per_s);
    print_number(out, "requests", instance->requests);
    print(out, " errors_per_s=%.3f", instance->errors_per_s);
    print_number(out, "errors", instance->errors);
    wkv_top_latency(view->model, instance, NULL, &latency, &minute);
    print(out, " latency_of=%s", minute ? "minute" : "start");
    print_number(out, "p50_ns", latency.p50_ns);
    print_number(out, "p90_ns", latency.p90_ns);
    print_number(out, "p99_ns", latency.p99_ns);
    print_number(out, "p999_ns", latency.p999_ns);
    print_number(out, "max_ns", latency.max_ns);
}

static void print_service(struct wkv_buffer *out, const struct wkv_top_instance *instance)
{
    if (!instance->has_service)
        return;
    const struct wkv_store_stats *store = &instance->told.store;
    print_number(out, "keys", store->keys);
    print_number(out, "scalars", store->keys_by_kind[WKV_SCALAR]);
    print_number(out, "counters", store->keys_by_kind[WKV_COUNTER]);
    print_number(out, "lists", store->keys_by_kind[WKV_LIST]);
    print_number(out, "sets", store->keys_by_kind[WKV_SET]);
    print_number(out, "memory_bytes", store->bytes);
    print_number(out, "budget_bytes", store->budget_bytes);
    print(out, " expired_per_s=%.3f", instance->expired_per_s);
    print_number(out, "expired", store->expired);
    print(out, " evicted_per_s=%.3f", instance->evicted_per_s);
    print_number(out, "evicted", store->evicted);
    print_number(out, "connections", instance->told.service.connections);
    print_number(out, "reconnects", instance->told.service.reconnects);
    print(out, " uptime_s=%.1f", (double)instance->told.service.uptime_ns / (double)WKV_NS_PER_S);
}

static void print_log(struct wkv_buffer *out, const struct wkv_top_instance *instance)
{
    const struct wkv_report_log *log = &instance->told.log;
    if (!log->present)
        return;
    print_number(out, "position", log->position);
    print_number(out, "lag_ms", (uint64_t)log->lag_ms);
    print(out, " appends_per_s=%.3f", instance->appends_per_s);
    print_number(out, "appends", log->appends);
    print(out, " operations_an_append=%.3f", instance->operations_an_append);
    print_number(out, "append_p50_ns", (uint64_t)log->append_p50_ns);
    print_number(out, "append_p99_ns", (uint64_t)log->append_p99_ns);
    print_number(out, "resends", log->resends);
    print_number(out, "members", log->members);
    print_number(out, "snapshot_position", log->snapshot_position);
    print_number(out, "snapshot_age_s", (uint64_t)log->snapshot_age_s);
    print_number(out, "waiting_s", (uint64_t)log->waiting_s);
    print_number(out, "time_ahead_s", (uint64_t)log->time_ahead_s);
    print_number(out, "diverged", log->diverged);
}

static void print_operations(struct wkv_buffer *out, const struct wkv_top_instance *instance)
{
    char name[WKV_TOP_SHOWN * WKV_TOP_NAME_BYTES];
    for (size_t i = 0; i < instance->endpoint_count; i++)
        if (instance->endpoints[i].told.requests > 0)
            print(out, " op_%s_per_s=%.3f", wkv_top_word(instance->endpoints[i].name, name, sizeof name),
                  instance->endpoints[i].requests_per_s);
}

static void print_instance(struct wkv_buffer *out, const struct wkv_top_view *view,
                           const struct wkv_top_instance *instance)
{
    static const char *const states[] = {"serving", "unready", "gone"};
    char time[WKV_TIME_TEXT_BYTES], id[sizeof instance->id], text[WKV_TOP_ERROR_BYTES];
    wkv_time_text(view->wall_ns, 3, time);
    print(out, "time=%s instance=%s state=%s", time, wkv_top_word(instance->id, id, sizeof id),
          states[instance->state]);
    if (instance->state != WKV_TOP_GONE) {
        print_traffic(out, view, instance);
        print_service(out, instance);
        print_log(out, instance);
        print_operations(out, instance);
    }
    /* The one value with spaces in it comes last, and has no quotation mark inside. */
    if (instance->state != WKV_TOP_GONE && instance->last_error[0] != '\0') {
        memcpy(text, instance->last_error, sizeof text);
        for (char *mark = strchr(text, '"'); mark != NULL; mark = strchr(mark, '"'))
            *mark = '\'';
        print(out, " last_error=\"%s\"", text);
    }
    print(out, "\n");
}

bool wkv_top_lines(const struct wkv_top_view *view, struct wkv_buffer *out)
{
    for (size_t i = 0; i < view->model->count; i++) {
        const struct wkv_top_instance *instance = view->model->instances[i];
        if (instance->measured || instance->state == WKV_TOP_GONE)
            print_instance(out, view, instance);
    }
    return !out->failed;
}
