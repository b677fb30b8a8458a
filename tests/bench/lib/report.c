#include "report.h"

#include <stdlib.h>

enum figure { RATE, P50, P99, CPU, FIGURES };

struct cell {
    double figures[FIGURES]; /* requests a second, µs, µs, ns a request */
    double requester_load;   /* share of one core */
};

struct bench_report {
    const struct bench_options *options;
    struct cell *cells; /* by round, load, responder */
};

struct bench_report *bench_report_create(const struct bench_options *options)
{
    struct bench_report *report = calloc(1, sizeof *report);
    if (report == NULL)
        return NULL;
    report->options = options;
    report->cells =
        calloc((size_t)options->rounds * options->loads * BENCH_RESPONDERS, sizeof *report->cells);
    if (report->cells == NULL) {
        free(report);
        return NULL;
    }
    return report;
}

void bench_report_destroy(struct bench_report *report)
{
    if (report == NULL)
        return;
    free(report->cells);
    free(report);
}

static struct cell *cell_of(const struct bench_report *report, unsigned round, size_t load,
                            enum bench_responder responder)
{
    return &report->cells[((size_t)round * report->options->loads + load) * BENCH_RESPONDERS + responder];
}

void bench_report_note(struct bench_report *report, unsigned round, size_t load,
                       enum bench_responder responder, const struct bench_result *result)
{
    struct cell *cell = cell_of(report, round, load, responder);
    double replies = (double)result->replies;
    cell->figures[RATE] = replies / ((double)result->elapsed_ns / 1e9);
    cell->figures[P50] = result->p50_ns / 1e3;
    cell->figures[P99] = result->p99_ns / 1e3;
    cell->figures[CPU] = (double)result->responder_cpu_ns / replies;
    cell->requester_load = (double)result->requester_cpu_ns / (double)result->elapsed_ns;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

double bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/* The median figure, and the median of its ratios to the bare echo in the same round. */
static void summarize(const struct bench_report *report, size_t load, enum bench_responder responder,
                      enum figure figure, double *value, double *ratio)
{
    double values[BENCH_MAX_ROUNDS];
    double ratios[BENCH_MAX_ROUNDS];
    unsigned rounds = report->options->rounds;
    for (unsigned round = 0; round < rounds; round++) {
        double bare = cell_of(report, round, load, BENCH_BARE)->figures[figure];
        values[round] = cell_of(report, round, load, responder)->figures[figure];
        ratios[round] = values[round] / bare;
    }
    *value = bench_median(values, rounds);
    *ratio = bench_median(ratios, rounds);
}

static double highest_load(const struct bench_report *report, size_t load, enum bench_responder responder)
{
    double highest = 0;
    for (unsigned round = 0; round < report->options->rounds; round++) {
        double share = cell_of(report, round, load, responder)->requester_load;
        highest = share > highest ? share : highest;
    }
    return highest;
}

static void table_row(const struct bench_report *report, size_t load, enum bench_responder responder,
                      FILE *out)
{
    double values[FIGURES];
    double ratios[FIGURES];
    for (enum figure figure = 0; figure < FIGURES; figure++)
        summarize(report, load, responder, figure, &values[figure], &ratios[figure]);
    fprintf(out, "%9u  %-9s %9.0f %5.2f  %9.1f %5.2f  %9.1f %5.2f  %9.0f %5.2f  %4.0f%%\n",
            report->options->in_flight[load], bench_responder_names[responder], values[RATE], ratios[RATE],
            values[P50], ratios[P50], values[P99], ratios[P99], values[CPU], ratios[CPU],
            100 * highest_load(report, load, responder));
}

void bench_report_table(const struct bench_report *report, FILE *out)
{
    fprintf(out, "%9s  %-9s %9s %5s  %9s %5s  %9s %5s  %9s %5s  %5s\n", "in flight", "responder", "req/s",
            "ratio", "p50 us", "ratio", "p99 us", "ratio", "cpu ns", "ratio", "load");
    for (size_t load = 0; load < report->options->loads; load++) {
        for (enum bench_responder responder = 0; responder < BENCH_RESPONDERS; responder++) {
            if (report->options->responders[responder])
                table_row(report, load, responder, out);
        }
    }
}

static void json_line(const struct bench_report *report, size_t load, enum bench_responder responder,
                      FILE *out)
{
    static const char *const names[FIGURES] = {"requests_per_s", "p50_us", "p99_us", "cpu_ns_per_request"};
    fprintf(out, "{\"responder\":\"%s\",\"in_flight\":%u,\"rounds\":%u", bench_responder_names[responder],
            report->options->in_flight[load], report->options->rounds);
    for (enum figure figure = 0; figure < FIGURES; figure++) {
        double value;
        double ratio;
        summarize(report, load, responder, figure, &value, &ratio);
        fprintf(out, ",\"%s\":%.2f,\"%s_ratio\":%.4f", names[figure], value, names[figure], ratio);
    }
    fprintf(out, ",\"requester_load\":%.3f}\n", highest_load(report, load, responder));
}

void bench_report_json(const struct bench_report *report, FILE *out)
{
    for (size_t load = 0; load < report->options->loads; load++) {
        for (enum bench_responder responder = 0; responder < BENCH_RESPONDERS; responder++) {
            if (report->options->responders[responder])
                json_line(report, load, responder, out);
        }
    }
}
