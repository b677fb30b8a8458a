#include "top/frame.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "support/clock.h"
#include "support/shown.h"
#include "top/format.h"

/* ---- a page: the lines of a table are cut, those of the head go on in the next row ---- */

struct page {
    struct wkv_buffer *out;
    unsigned columns, rows; /* room */
    unsigned row;           /* lines written */
    char line[WKV_TOP_MAX_COLUMNS + 1];
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void put(struct page *page, const char *format, ...)
{
    va_list values;
    size_t room = sizeof page->line - page->len;
    va_start(values, format);
    int wanted = vsnprintf(page->line + page->len, room, format, values);
    va_end(values);
    if (wanted > 0)
        page->len += (size_t)wanted < room ? (size_t)wanted : room - 1;
}

/* Cuts the line between words: half a number would be another number. */
static size_t fitting_len(const struct page *page)
{
    size_t len = page->len;
    if (len > page->columns) {
        len = page->columns;
        while (len > 0 && page->line[len] != ' ')
            len--;
        if (len == 0)
            return page->columns;
    }
    while (len > 0 && page->line[len - 1] == ' ')
        len--;
    return len;
}

static void end_line(struct page *page)
{
    size_t len = fitting_len(page);
    page->len = 0;
    if (page->row == page->rows)
        return;
    if (page->row++ > 0)
        (void)wkv_buffer_append(page->out, "\n", 1);
    (void)wkv_buffer_append(page->out, page->line, len);
}

/* As end_line, but parts with two spaces between them that have no room in the row go into the next one. */
static void end_parts(struct page *page)
{
    while (page->len > page->columns) {
        size_t at = page->columns;
        while (at > 0 && (page->line[at] != ' ' || page->line[at + 1] != ' '))
            at--;
        if (at == 0)
            break;
        size_t len = page->len, next = at + strspn(page->line + at, " ");
        page->len = at;
        end_line(page);
        page->len = len - next;
        memmove(page->line, page->line + next, page->len + 1);
    }
    end_line(page);
}

static unsigned rows_left(const struct page *page)
{
    return page->rows - page->row;
}

/* ---- what several parts show ---- */

/* Rates mean nothing before the second answer. */
static const char *rate(bool measured, double per_s, char out[WKV_TOP_CELL_BYTES])
{
    return measured ? wkv_top_rate(per_s, out) : "-";
}

static const char *period(bool minute)
{
    return minute ? "1m" : "start";
}

static void put_latency(struct page *page, const struct wkv_stats_latency *latency, bool minute)
{
    const uint64_t ns[] = {latency->p50_ns, latency->p90_ns, latency->p99_ns, latency->p999_ns,
                           latency->max_ns};
    char cell[WKV_TOP_CELL_BYTES];
    put(page, " %-5s", latency->requests == 0 ? "-" : period(minute));
    for (size_t i = 0; i < sizeof ns / sizeof ns[0]; i++)
        put(page, " %7s", latency->requests == 0 ? "-" : wkv_top_duration(ns[i], cell));
}

/* What the latencies are of stands before them: where the terminal is narrow the last of them go first. */
#define LATENCY_HEAD " OF        P50     P90     P99   P99.9     MAX"

/* ---- the head: all instances together ---- */

static size_t present(const struct wkv_top_model *model)
{
    size_t count = 0;
    for (size_t i = 0; i < model->count; i++)
        count += model->instances[i]->state != WKV_TOP_GONE;
    return count;
}

static const char *show(const char *text, char *out, size_t out_bytes)
{
    (void)wkv_shown(WKV_SHOWN_ASCII, text, strlen(text), out, out_bytes);
    return out;
}

static void show_title(struct page *page, const struct wkv_top_view *view)
{
    char binding[128], space[128], time[WKV_TIME_TEXT_BYTES];
    const char *lattice = view->model->address->lattice_namespace;
    size_t count = present(view->model);
    put(page, "wascc-keyvalue top  binding %s", show(view->model->address->binding, binding, sizeof binding));
    if (lattice != NULL && *lattice != '\0')
        put(page, "  namespace %s", show(lattice, space, sizeof space));
    wkv_time_text(view->wall_ns, 3, time);
    put(page, "  %zu instance%s  %.8s UTC", count, count == 1 ? "" : "s", time + sizeof "2026-01-31T" - 1);
    /* Who has chosen an order knows the help. */
    if (view->order == WKV_TOP_BY_DEFAULT)
        put(page, "  ?: help");
    else
        put(page, "  by %s", wkv_top_order_name(view->order));
    end_parts(page);
}

static void show_traffic(struct page *page, const struct wkv_top_view *view,
                         const struct wkv_top_instance *all)
{
    char cells[6][WKV_TOP_CELL_BYTES];
    struct wkv_stats_latency latency;
    bool minute;
    put(page, "requests %s/s, %s in all  errors %s/s, %s in all",
        rate(all->measured, all->requests_per_s, cells[0]), wkv_top_count(all->requests, cells[1]),
        rate(all->measured, all->errors_per_s, cells[2]), wkv_top_count(all->errors, cells[3]));
    put(page, "  expired %s/s, %s in all", rate(all->measured, all->expired_per_s, cells[4]),
        wkv_top_count(all->told.store.expired, cells[5]));
    if (all->told.store.evicted > 0)
        put(page, "  evicted %s/s, %s in all", rate(all->measured, all->evicted_per_s, cells[4]),
            wkv_top_count(all->told.store.evicted, cells[5]));
    end_parts(page);
    wkv_top_latency(view->model, NULL, NULL, &latency, &minute);
    if (latency.requests == 0)
        return;
    put(page, "latency of %s  50%% %s  90%% %s  99%% %s  99.9%% %s  max %s", period(minute),
        wkv_top_duration(latency.p50_ns, cells[0]), wkv_top_duration(latency.p90_ns, cells[1]),
        wkv_top_duration(latency.p99_ns, cells[2]), wkv_top_duration(latency.p999_ns, cells[3]),
        wkv_top_duration(latency.max_ns, cells[4]));
    end_parts(page);
}

static void show_holdings(struct page *page, const struct wkv_top_instance *all)
{
    char cells[7][WKV_TOP_CELL_BYTES];
    put(page, "keys %s (scalar %s, counter %s, list %s, set %s)",
        wkv_top_count(all->told.store.keys, cells[0]),
        wkv_top_count(all->told.store.keys_by_kind[WKV_SCALAR], cells[1]),
        wkv_top_count(all->told.store.keys_by_kind[WKV_COUNTER], cells[2]),
        wkv_top_count(all->told.store.keys_by_kind[WKV_LIST], cells[3]),
        wkv_top_count(all->told.store.keys_by_kind[WKV_SET], cells[4]));
    end_line(page);
    put(page, "memory %s", wkv_top_bytes(all->told.store.bytes, cells[5]));
    if (all->told.store.budget_bytes > 0)
        put(page, " of %s (%.0f%%)", wkv_top_bytes(all->told.store.budget_bytes, cells[6]),
            (double)all->told.store.bytes / (double)all->told.store.budget_bytes * 100);
    put(page, "  connections %s", wkv_top_count(all->told.service.connections, cells[0]));
    put(page, ", %s reconnects", wkv_top_count(all->told.service.reconnects, cells[1]));
    end_parts(page);
}

/* Seconds as they are told of what is not measured more finely. */
static const char *seconds(int64_t s, char out[WKV_TOP_CELL_BYTES])
{
    uint64_t most = UINT64_MAX / (uint64_t)WKV_NS_PER_S;
    return wkv_top_uptime((uint64_t)s < most ? (uint64_t)s * (uint64_t)WKV_NS_PER_S : UINT64_MAX, out);
}

static const char *milliseconds(int64_t ms, char out[WKV_TOP_CELL_BYTES])
{
    uint64_t most = UINT64_MAX / (uint64_t)WKV_NS_PER_MS;
    return wkv_top_duration((uint64_t)ms < most ? (uint64_t)ms * (uint64_t)WKV_NS_PER_MS : UINT64_MAX, out);
}

/* What there should be nothing of. */
static void put_trouble(struct page *page, const struct wkv_report_log *log)
{
    char cell[WKV_TOP_CELL_BYTES];
    if (log->waiting_s > 0)
        put(page, "  waiting %s", seconds(log->waiting_s, cell));
    if (log->time_ahead_s > 0)
        put(page, "  time ahead %s", seconds(log->time_ahead_s, cell));
    if (log->diverged)
        put(page, "  DIVERGED");
}

static void show_log(struct page *page, const struct wkv_top_instance *all)
{
    char cells[4][WKV_TOP_CELL_BYTES];
    const struct wkv_report_log *log = &all->told.log;
    put(page, "log position %s  lag %s  members %s", wkv_top_count(log->position, cells[0]),
        milliseconds(log->lag_ms, cells[1]), wkv_top_count(log->members, cells[2]));
    if (log->snapshot_position > 0)
        put(page, "  snapshot %s old", seconds(log->snapshot_age_s, cells[0]));
    else
        put(page, "  no snapshot");
    put_trouble(page, log);
    end_parts(page);
    put(page, "appends %s/s of %s operations  50%% %s  99%% %s",
        rate(all->measured, all->appends_per_s, cells[0]), wkv_top_rate(all->operations_an_append, cells[1]),
        wkv_top_duration((uint64_t)log->append_p50_ns, cells[2]),
        wkv_top_duration((uint64_t)log->append_p99_ns, cells[3]));
    put(page, "  resent %s/s, %s in all", rate(all->measured, all->resends_per_s, cells[0]),
        wkv_top_count(log->resends, cells[1]));
    end_parts(page);
}

static void show_head(struct page *page, const struct wkv_top_view *view, const struct wkv_top_instance *all)
{
    char text[WKV_TOP_ERROR_BYTES];
    show_title(page, view);
    if (*view->notice != '\0') {
        put(page, "%s", show(view->notice, text, sizeof text));
        end_line(page);
    }
    if (present(view->model) == 0)
        return;
    show_traffic(page, view, all);
    if (all->has_service)
        show_holdings(page, all);
    if (all->told.log.present)
        show_log(page, all);
    if (all->last_error[0] != '\0') {
        put(page, "last error  %s", all->last_error);
        end_line(page);
    }
}

/* ---- the table of instances ---- */

/* Of these a script sees all, a person on a narrow terminal the first ones. */
#define INSTANCE_FIRST "      UP   REQ/S   ERR/S   KEYS    MEMORY"
#define INSTANCE_LOG " POSITION     LAG"
#define INSTANCE_REST "   ERRORS    BUDGET  EXPIRE/S  CONN RECONN SCALARS COUNTER   LISTS    SETS LAST ERROR"

/* Whether one of them serves from a log, and so all have two more columns. */
static bool has_log(const struct wkv_top_model *model)
{
    for (size_t i = 0; i < model->count; i++)
        if (model->instances[i]->told.log.present)
            return true;
    return false;
}

/* Bytes that two ids begin with alike. */
static size_t alike(const char *a, const char *b)
{
    size_t len = 0;
    while (a[len] != '\0' && a[len] == b[len])
        len++;
    return len;
}

/* Whole ids where there is room for the latencies beside them; else their first characters, as many as tell
 * them apart. */
static size_t id_width(const struct wkv_top_model *model, unsigned columns)
{
    size_t whole = sizeof "INSTANCE" - 1, apart = sizeof "INSTANCE" - 1;
    for (size_t i = 0; i < model->count; i++) {
        size_t len = strlen(model->instances[i]->id);
        whole = len > whole ? len : whole;
        for (size_t k = 0; k < i; k++) {
            size_t same = alike(model->instances[i]->id, model->instances[k]->id);
            apart = same >= apart ? same + 1 : apart;
        }
    }
    size_t beside = sizeof INSTANCE_FIRST LATENCY_HEAD - 1 + (has_log(model) ? sizeof INSTANCE_LOG - 1 : 0);
    bool fits = whole + beside <= columns;
    return fits || whole < apart ? whole : apart;
}

static void put_service(struct page *page, const struct wkv_top_instance *instance)
{
    char cells[6][WKV_TOP_CELL_BYTES];
    if (!instance->has_service) {
        put(page, " %9s %9s %5s %6s %7s %7s %7s %7s", "-", "-", "-", "-", "-", "-", "-", "-");
        return;
    }
    put(page, " %9s %9s",
        instance->told.store.budget_bytes == 0 ? "-"
                                               : wkv_top_bytes(instance->told.store.budget_bytes, cells[0]),
        rate(instance->measured, instance->expired_per_s, cells[1]));
    put(page, " %5s %6s", wkv_top_count(instance->told.service.connections, cells[0]),
        wkv_top_count(instance->told.service.reconnects, cells[1]));
    for (size_t i = 0; i < sizeof instance->told.store.keys_by_kind / sizeof(uint64_t); i++)
        put(page, " %7s", wkv_top_count(instance->told.store.keys_by_kind[i], cells[0]));
}

static void put_place(struct page *page, const struct wkv_report_log *log)
{
    char cells[2][WKV_TOP_CELL_BYTES];
    if (log->present)
        put(page, " %8s %7s", wkv_top_count(log->position, cells[0]), milliseconds(log->lag_ms, cells[1]));
    else
        put(page, " %8s %7s", "-", "-");
}

static void show_instance(struct page *page, const struct wkv_top_view *view,
                          const struct wkv_top_instance *instance, size_t width)
{
    char cells[5][WKV_TOP_CELL_BYTES];
    struct wkv_stats_latency latency;
    bool minute;
    put(page, "%-*.*s", (int)width, (int)width, instance->id);
    if (instance->state == WKV_TOP_GONE) {
        put(page, "    gone");
        end_line(page);
        return;
    }
    put(page, " %7s",
        instance->state == WKV_TOP_UNREADY ? "unready"
        : instance->has_service            ? wkv_top_uptime(instance->told.service.uptime_ns, cells[0])
                                           : "-");
    put(page, " %7s %7s", rate(instance->measured, instance->requests_per_s, cells[1]),
        rate(instance->measured, instance->errors_per_s, cells[2]));
    put(page, " %6s %9s", instance->has_service ? wkv_top_count(instance->told.store.keys, cells[3]) : "-",
        instance->has_service ? wkv_top_bytes(instance->told.store.bytes, cells[4]) : "-");
    if (has_log(view->model))
        put_place(page, &instance->told.log);
    wkv_top_latency(view->model, instance, NULL, &latency, &minute);
    put_latency(page, &latency, minute);
    put(page, " %8s", wkv_top_count(instance->errors, cells[0]));
    put_service(page, instance);
    put(page, " %s", instance->last_error);
    end_line(page);
}

/* The operations below are of more interest than the last of many instances: those get half of the room. */
static void show_instances(struct page *page, const struct wkv_top_view *view)
{
    size_t width = id_width(view->model, page->columns), count = view->model->count;
    if (rows_left(page) < 3 || count == 0)
        return;
    size_t room = rows_left(page) / 2 - 1 > 0 ? rows_left(page) / 2 - 1 : 1;
    size_t shown = count <= room ? count : room > 1 ? room - 1 : 1;
    end_line(page);
    put(page, "%-*s%s%s%s", (int)width, "INSTANCE", INSTANCE_FIRST, has_log(view->model) ? INSTANCE_LOG : "",
        LATENCY_HEAD INSTANCE_REST);
    end_line(page);
    const struct wkv_top_instance *sorted[WKV_TOP_INSTANCES];
    wkv_top_sort_instances(view->model, view->order, sorted);
    for (size_t i = 0; i < shown; i++)
        show_instance(page, view, sorted[i], width);
    if (shown < count) {
        put(page, "... and %zu more", count - shown);
        end_line(page);
    }
}

/* ---- the table of operations ---- */

static void show_operation(struct page *page, const struct wkv_top_view *view,
                           const struct wkv_top_instance *all, const struct wkv_top_endpoint *endpoint,
                           size_t width)
{
    char cells[2][WKV_TOP_CELL_BYTES];
    struct wkv_stats_latency latency;
    bool minute;
    wkv_top_latency(view->model, NULL, endpoint->name, &latency, &minute);
    put(page, "%-*s", (int)width, endpoint->name);
    put(page, " %8s %7s", rate(all->measured, endpoint->requests_per_s, cells[0]),
        rate(all->measured, endpoint->errors_per_s, cells[1]));
    put_latency(page, &latency, minute);
    put(page, " %8s", wkv_top_count(endpoint->told.requests, cells[0]));
    put(page, " %8s", wkv_top_count(endpoint->told.errors, cells[1]));
    end_line(page);
}

static size_t operation_width(const struct wkv_top_endpoint *const sorted[], size_t count)
{
    size_t width = sizeof "OPERATION" - 1;
    for (size_t i = 0; i < count; i++)
        width = strlen(sorted[i]->name) > width ? strlen(sorted[i]->name) : width;
    return width;
}

/* The lines around the first of them: a blank one and the table's head. */
#define AROUND 2

static void show_operations(struct page *page, const struct wkv_top_view *view,
                            const struct wkv_top_instance *all)
{
    const struct wkv_top_endpoint *sorted[WKV_TOP_ENDPOINTS];
    size_t count = wkv_top_sort_operations(view->model, all, view->order, sorted), shown = 0;
    size_t width = operation_width(sorted, count), room = rows_left(page);
    if (count == 0 || room == 0)
        return;
    if (room > 1)
        end_line(page);
    if (room > AROUND) {
        room -= AROUND;
        shown = count <= room ? count : room - 1;
        put(page, "%-*s    REQ/S   ERR/S" LATENCY_HEAD " REQUESTS   ERRORS", (int)width, "OPERATION");
        end_line(page);
    }
    for (size_t i = 0; i < shown; i++)
        show_operation(page, view, all, sorted[i], width);
    if (shown < count) {
        put(page, "... and %zu %s", count - shown, shown > 0 ? "more" : "operations");
        end_line(page);
    }
}

bool wkv_top_frame(const struct wkv_top_view *view, struct wkv_buffer *out)
{
    struct page page = {.out = out, .columns = view->columns, .rows = view->rows};
    struct wkv_top_instance all;
    wkv_top_sum(view->model, &all);
    show_head(&page, view, &all);
    show_instances(&page, view);
    show_operations(&page, view, &all);
    return !out->failed;
}

/* ---- help ---- */

bool wkv_top_help(const struct wkv_top_view *view, struct wkv_buffer *out)
{
    static const char *const lines[] = {
        "wascc-keyvalue top  what the keys do",
        "",
        "r  sort by requests a second",
        "e  sort by errors a second",
        "l  sort by latency, that of 99%",
        "m  sort instances by memory",
        "n  sort by name",
        "d  instances by name and operations by requests, as at first",
        "?  this help, and back",
        "q  end",
        "",
        "OF is what the latencies beside it are of: 1m the last minute, start since",
        "the start, where there was no request in the last minute. Columns that have",
        "no room are left out from the right: a wider terminal shows more.",
    };
    struct page page = {.out = out, .columns = view->columns, .rows = view->rows};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        put(&page, "%s", lines[i]);
        end_line(&page);
    }
    return !out->failed;
}

/* ---- onto the terminal ---- */

#define HOME "\x1b[H"
#define ERASE_LINE_REST "\x1b[K"
#define ERASE_FROM_HERE "\x1b[J"

static void append_text(struct wkv_buffer *out, const char *text)
{
    (void)wkv_buffer_append(out, text, strlen(text));
}

bool wkv_top_paint(const struct wkv_buffer *frame, unsigned columns, struct wkv_buffer *out)
{
    append_text(out, HOME);
    for (size_t from = 0; from <= frame->len;) {
        size_t left = frame->len - from;
        const char *line = left == 0 ? "" : frame->data + from;
        const char *end = left == 0 ? NULL : memchr(line, '\n', left);
        size_t len = end == NULL ? left : (size_t)(end - line);
        /* Behind a full line the cursor still stands on the last column: what erases from there on would take
         * that character, and a line feed behind the last line might scroll. So what is below goes first. */
        if (end == NULL)
            append_text(out, ERASE_FROM_HERE);
        (void)wkv_buffer_append(out, line, len);
        if (end != NULL)
            append_text(out, len < columns ? ERASE_LINE_REST "\r\n" : "\r\n");
        from += len + 1;
    }
    return !out->failed;
}
