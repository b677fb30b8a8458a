/* The page /metrics: all figures of the table that are to be there, in its order. */
#include <stdio.h>
#include <stdlib.h>

#include "metrics/exposition.h"
#include "metrics/metrics.h"
#include "operation/identity.h"
#include "operation/operation.h"
#include "report/figures.h"
#include "support/clock.h"

/* All that the page is made of, looked at before its first byte is written. */
struct source {
    struct wkv_report report;
    struct wkv_stats_operation operations[]; /* wkv_operation_count */
};

static void build_info(struct wkv_buffer *page, const struct wkv_metrics_options *options)
{
    const char *name = "wascc_keyvalue_build_info";
    const struct wkv_label labels[] = {
        {"version", WKV_VERSION},
        {"binding", options->binding == NULL ? "" : options->binding},
        {"lattice_namespace", options->lattice_namespace == NULL ? "" : options->lattice_namespace},
        {"engine", wkv_report_engine_name(options->sources.engine)},
        {NULL, NULL},
    };
    wkv_expose_metric(page, name, "gauge", "Always 1; the labels say what is running.");
    wkv_expose(page, name, "", labels, 1);
}

/* Buckets are cumulative and `+Inf` is the count, which must hold although the workers go on counting while
 * they are added up: so a bucket is never less than the one before it, and the count, which is of the same
 * look as the buckets, not less than the last. */
static void put_histogram(struct wkv_buffer *page, const char *name, const char *operation,
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

/* The samples of a figure, for one operation (NULL: the process). All refusals are there from the start, with
 * 0: what appears only with the first error has no increase to be seen by `increase()`. */
static void put_samples(struct wkv_buffer *page, const struct wkv_figure *figure, const char *operation,
                        const void *figures)
{
    const struct wkv_report *report = figures;
    size_t count = wkv_label_count(figure->label, report);
    for (size_t i = 0; i < count; i++) {
        char text[WKV_LABEL_BYTES];
        struct wkv_label labels[3] = {{NULL, NULL}};
        struct wkv_label *label = labels;
        if (operation != NULL)
            *label++ = (struct wkv_label){"operation", operation};
        if (figure->label != WKV_LABEL_NONE)
            *label++ = (struct wkv_label){wkv_label_name(figure->label),
                                          wkv_label_value(figure->label, report, i, text)};
        uint64_t value = wkv_figure_value(figure, figures, i);
        if (figure->unit == WKV_UNIT_MILLISECONDS)
            value = value < UINT64_MAX / WKV_NS_PER_MS ? value * WKV_NS_PER_MS : UINT64_MAX;
        if (figure->unit >= WKV_UNIT_SECONDS)
            wkv_expose_seconds(page, figure->metric, "", labels, value);
        else
            wkv_expose(page, figure->metric, "", labels, value);
    }
}

static void put_operations(struct wkv_buffer *page, const struct wkv_figure *figure,
                           const struct source *source)
{
    for (size_t i = 0; i < wkv_operation_count; i++) {
        if (figure->kind == WKV_FIGURE_HISTOGRAM)
            put_histogram(page, figure->metric, wkv_operations[i].name, &source->operations[i]);
        else
            put_samples(page, figure, wkv_operations[i].name, &source->operations[i]);
    }
}

static bool is_known(const struct wkv_figure *figure, const struct source *source)
{
    if (figure->scope == WKV_OF_LOG)
        return source->report.log.present;
    return figure->scope != WKV_OF_PROCESS ||
           wkv_figure_value(figure, &source->report, 0) != WKV_PROCESS_UNKNOWN;
}

/* A figure that the kernel does not tell, or of a log where there is none, is left out: a wrong one would be
 * worse. */
static void put_figure(struct wkv_buffer *page, const struct wkv_figure *figure, const struct source *source)
{
    static const char *const types[] = {
        [WKV_FIGURE_GAUGE] = "gauge", [WKV_FIGURE_COUNTER] = "counter", [WKV_FIGURE_HISTOGRAM] = "histogram"};
    if (figure->metric == NULL || !is_known(figure, source))
        return;
    wkv_expose_metric(page, figure->metric, types[figure->kind], figure->help);
    if (figure->scope == WKV_OF_OPERATION)
        put_operations(page, figure, source);
    else if (figure->scope == WKV_OF_LOG)
        put_samples(page, figure, NULL, &source->report.log);
    else
        put_samples(page, figure, NULL, &source->report);
}

static struct source *look(const struct wkv_metrics_options *options, int64_t now_ns)
{
    struct source *source = calloc(1, sizeof *source + wkv_operation_count * sizeof source->operations[0]);
    if (source == NULL)
        return NULL;
    if (!wkv_report_take(&options->sources, now_ns, &source->report)) {
        free(source);
        return NULL;
    }
    for (size_t i = 0; i < wkv_operation_count; i++)
        wkv_stats_operation(options->sources.stats, i, &source->operations[i]);
    return source;
}

bool wkv_metrics_write(const struct wkv_metrics_options *options, int64_t now_ns, struct wkv_buffer *page)
{
    struct source *source = look(options, now_ns);
    if (source == NULL)
        return false;
    build_info(page, options);
    for (size_t i = 0; i < wkv_figure_count; i++)
        put_figure(page, &wkv_figures[i], source);
    free(source);
    return !page->failed;
}
