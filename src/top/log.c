#include "top/log.h"

#include "report/figures.h"

/* Read numbers have no sign: what is beyond the largest is the largest. */
static int64_t with_sign(int64_t duration)
{
    return duration < 0 ? INT64_MAX : duration;
}

void wkv_top_log_read(const json_t *data, struct wkv_report_log *log)
{
    const json_t *told = json_object_get(data, "log");
    log->present = json_is_object(told);
    if (!log->present)
        return;
    wkv_figures_read(WKV_OF_LOG, told, log);
    log->members = json_array_size(json_object_get(data, "members"));
    int64_t *const durations[] = {&log->lag_ms,    &log->append_p50_ns, &log->append_p99_ns,
                                  &log->waiting_s, &log->time_ahead_s,  &log->snapshot_age_s};
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++)
        *durations[i] = with_sign(*durations[i]);
}

static uint64_t growth(uint64_t before, uint64_t now)
{
    return now > before ? now - before : 0;
}

void wkv_top_log_measure(struct wkv_top_instance *now, const struct wkv_top_instance *before)
{
    const struct wkv_report_log *log = &now->told.log;
    uint64_t appends = log->appends, operations = log->operations;
    if (before != NULL) {
        appends = growth(before->told.log.appends, log->appends);
        operations = growth(before->told.log.operations, log->operations);
        now->appends_per_s = (double)appends / now->elapsed_s;
        now->log_operations_per_s = (double)operations / now->elapsed_s;
        now->resends_per_s = (double)growth(before->told.log.resends, log->resends) / now->elapsed_s;
    }
    now->operations_an_append = appends == 0 ? 0 : (double)operations / (double)appends;
}

static uint64_t larger(uint64_t one, uint64_t other)
{
    return one > other ? one : other;
}

static int64_t longer(int64_t one, int64_t other)
{
    return one > other ? one : other;
}

static void add(uint64_t *sum, uint64_t more)
{
    if (__builtin_add_overflow(*sum, more, sum))
        *sum = UINT64_MAX;
}

static void add_counts(struct wkv_report_log *all, const struct wkv_report_log *one)
{
    add(&all->appends, one->appends);
    add(&all->operations, one->operations);
    add(&all->resends, one->resends);
}

static void take_worst(struct wkv_report_log *all, const struct wkv_report_log *one)
{
    all->diverged = all->diverged || one->diverged;
    all->lag_ms = longer(all->lag_ms, one->lag_ms);
    all->append_p50_ns = longer(all->append_p50_ns, one->append_p50_ns);
    all->append_p99_ns = longer(all->append_p99_ns, one->append_p99_ns);
    all->waiting_s = longer(all->waiting_s, one->waiting_s);
    all->time_ahead_s = longer(all->time_ahead_s, one->time_ahead_s);
    all->members = larger(all->members, one->members);
    all->bytes = larger(all->bytes, one->bytes);
    all->max_bytes = larger(all->max_bytes, one->max_bytes);
}

/* What one that lags does not know yet. */
static void take_newest(struct wkv_top_instance *sum, const struct wkv_top_instance *one)
{
    struct wkv_report_log *all = &sum->told.log;
    const struct wkv_report_log *log = &one->told.log;
    if (!all->present || log->position > all->position) {
        all->position = log->position;
        sum->told.store = one->told.store;
        sum->expired_per_s = one->expired_per_s;
        sum->evicted_per_s = one->evicted_per_s;
    }
    if (!all->present || log->snapshot_position > all->snapshot_position) {
        all->snapshot_position = log->snapshot_position;
        all->snapshot_age_s = log->snapshot_age_s;
    }
    all->present = true;
}

void wkv_top_log_sum(const struct wkv_top_model *model, struct wkv_top_instance *sum)
{
    for (size_t i = 0; i < model->count; i++) {
        const struct wkv_top_instance *one = model->instances[i];
        if (one->state == WKV_TOP_GONE || !one->told.log.present)
            continue;
        add_counts(&sum->told.log, &one->told.log);
        take_worst(&sum->told.log, &one->told.log);
        take_newest(sum, one);
        sum->appends_per_s += one->appends_per_s;
        sum->log_operations_per_s += one->log_operations_per_s;
        sum->resends_per_s += one->resends_per_s;
    }
    double appends = sum->measured ? sum->appends_per_s : (double)sum->told.log.appends;
    double operations = sum->measured ? sum->log_operations_per_s : (double)sum->told.log.operations;
    sum->operations_an_append = appends > 0 ? operations / appends : 0;
}
