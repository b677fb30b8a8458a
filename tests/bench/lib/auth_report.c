#include "auth_report.h"

#include <stdlib.h>

#include "report.h"

/* What remembered claims may cost beyond reading their header. */
#define CLAIMS_GOAL_NS 300

const char *const bench_auth_mode_names[BENCH_AUTH_MODES] = {"none", "binding", "claims", "invocation"};

static const char *const responder_names[] = {"bare", "reads", "get"};

const struct bench_auth_row_kind bench_auth_rows[BENCH_AUTH_ROWS] = {
    [BENCH_NONE_BARE] = {BENCH_AUTH_NONE, BENCH_AUTH_BARE, BENCH_NONE_BARE, BENCH_NONE_BARE},
    [BENCH_NONE_GET] = {BENCH_AUTH_NONE, BENCH_AUTH_PROVIDER, BENCH_NONE_BARE, BENCH_NONE_BARE},
    [BENCH_BINDING_BARE] = {BENCH_AUTH_BINDING, BENCH_AUTH_BARE, BENCH_BINDING_BARE, BENCH_BINDING_BARE},
    [BENCH_BINDING_GET] = {BENCH_AUTH_BINDING, BENCH_AUTH_PROVIDER, BENCH_BINDING_BARE, BENCH_BINDING_BARE},
    [BENCH_CLAIMS_BARE] = {BENCH_AUTH_CLAIMS, BENCH_AUTH_BARE, BENCH_CLAIMS_BARE, BENCH_CLAIMS_READS},
    [BENCH_CLAIMS_READS] = {BENCH_AUTH_CLAIMS, BENCH_AUTH_READS, BENCH_CLAIMS_BARE, BENCH_CLAIMS_READS},
    [BENCH_CLAIMS_GET] = {BENCH_AUTH_CLAIMS, BENCH_AUTH_PROVIDER, BENCH_CLAIMS_BARE, BENCH_CLAIMS_READS},
    [BENCH_INVOCATION_BARE] = {BENCH_AUTH_INVOCATION, BENCH_AUTH_BARE, BENCH_INVOCATION_BARE,
                               BENCH_INVOCATION_READS},
    [BENCH_INVOCATION_READS] = {BENCH_AUTH_INVOCATION, BENCH_AUTH_READS, BENCH_INVOCATION_BARE,
                                BENCH_INVOCATION_READS},
    [BENCH_INVOCATION_GET] = {BENCH_AUTH_INVOCATION, BENCH_AUTH_PROVIDER, BENCH_INVOCATION_BARE,
                              BENCH_INVOCATION_READS},
};

enum figure { RATE, P50, CPU, LOAD, FIGURES };

struct cell {
    double figures[FIGURES]; /* requests a second, µs, ns a request, the requester's share of one core */
};

struct bench_auth_report {
    const struct bench_options *options;
    struct cell *cells; /* by round, load, row */
};

struct bench_auth_report *bench_auth_report_create(const struct bench_options *options)
{
    struct bench_auth_report *report = calloc(1, sizeof *report);
    if (report == NULL)
        return NULL;
    report->options = options;
    report->cells = calloc((size_t)options->rounds * options->loads * BENCH_AUTH_ROWS, sizeof *report->cells);
    if (report->cells == NULL) {
        free(report);
        return NULL;
    }
    return report;
}

void bench_auth_report_destroy(struct bench_auth_report *report)
{
    if (report == NULL)
        return;
    free(report->cells);
    free(report);
}

static struct cell *cell_of(const struct bench_auth_report *report, unsigned round, size_t load,
                            enum bench_auth_row row)
{
    return &report->cells[((size_t)round * report->options->loads + load) * BENCH_AUTH_ROWS + row];
}

void bench_auth_report_note(struct bench_auth_report *report, unsigned round, size_t load,
                            enum bench_auth_row row, const struct bench_result *result)
{
    struct cell *cell = cell_of(report, round, load, row);
    double replies = (double)result->replies;
    cell->figures[RATE] = replies / ((double)result->elapsed_ns / 1e9);
    cell->figures[P50] = result->p50_ns / 1e3;
    cell->figures[CPU] = (double)result->responder_cpu_ns / replies;
    cell->figures[LOAD] = (double)result->requester_cpu_ns / (double)result->elapsed_ns;
}

/* A row's figures over the rounds: what is compared is compared within a round. */
struct summary {
    double figures[FIGURES]; /* medians, but LOAD, which is the highest */
    double ratio;            /* median of CPU to the bare echo's */
    double beyond_ns;        /* median of CPU less that of the echo that reads */
};

static double figure_of(const struct bench_auth_report *report, unsigned round, size_t load,
                        enum bench_auth_row row, enum figure figure)
{
    return cell_of(report, round, load, row)->figures[figure];
}

static struct summary summarize(const struct bench_auth_report *report, size_t load, enum bench_auth_row row)
{
    double values[FIGURES][BENCH_MAX_ROUNDS];
    double ratios[BENCH_MAX_ROUNDS];
    double differences[BENCH_MAX_ROUNDS];
    unsigned rounds = report->options->rounds;
    struct summary summary;
    for (unsigned round = 0; round < rounds; round++) {
        for (enum figure figure = 0; figure < FIGURES; figure++)
            values[figure][round] = figure_of(report, round, load, row, figure);
        ratios[round] = values[CPU][round] / figure_of(report, round, load, bench_auth_rows[row].bare, CPU);
        differences[round] =
            values[CPU][round] - figure_of(report, round, load, bench_auth_rows[row].reads, CPU);
    }
    for (enum figure figure = 0; figure < FIGURES; figure++)
        summary.figures[figure] = bench_median(values[figure], rounds);
    summary.figures[LOAD] = values[LOAD][rounds - 1]; /* sorted by now */
    summary.ratio = bench_median(ratios, rounds);
    summary.beyond_ns = bench_median(differences, rounds);
    return summary;
}

/* (claims - none) - (reading echo - bare echo without headers), in ns: the median of what each round says. */
static double claims_cost_ns(const struct bench_auth_report *report, size_t load)
{
    double costs[BENCH_MAX_ROUNDS];
    unsigned rounds = report->options->rounds;
    for (unsigned round = 0; round < rounds; round++) {
        double provider = figure_of(report, round, load, BENCH_CLAIMS_GET, CPU) -
                          figure_of(report, round, load, BENCH_NONE_GET, CPU);
        double echo = figure_of(report, round, load, BENCH_CLAIMS_READS, CPU) -
                      figure_of(report, round, load, BENCH_NONE_BARE, CPU);
        costs[round] = provider - echo;
    }
    return bench_median(costs, rounds);
}

static void table_row(const struct bench_auth_report *report, size_t load, enum bench_auth_row row, FILE *out)
{
    struct summary summary = summarize(report, load, row);
    const struct bench_auth_row_kind *kind = &bench_auth_rows[row];
    fprintf(out, "%9u  %-10s  %-9s %9.0f  %9.1f  %9.0f %6.2f", report->options->in_flight[load],
            bench_auth_mode_names[kind->mode], responder_names[kind->responder], summary.figures[RATE],
            summary.figures[P50], summary.figures[CPU], summary.ratio);
    if (kind->responder != BENCH_AUTH_PROVIDER)
        fprintf(out, "  %9s", "-");
    else
        fprintf(out, "  %+9.0f", summary.beyond_ns);
    fprintf(out, "  %4.0f%%\n", 100 * summary.figures[LOAD]);
}

/* What remembered claims cost, of the medians that the table shows. */
static void table_reckoning(const struct bench_auth_report *report, size_t load, FILE *out)
{
    double claims = summarize(report, load, BENCH_CLAIMS_GET).figures[CPU];
    double none = summarize(report, load, BENCH_NONE_GET).figures[CPU];
    double reads = summarize(report, load, BENCH_CLAIMS_READS).figures[CPU];
    double bare = summarize(report, load, BENCH_NONE_BARE).figures[CPU];
    double cost = (claims - none) - (reads - bare);
    fprintf(
        out,
        "%9u  remembered claims beyond reading the header, ns: (claims %.0f - none %.0f) - (reading echo "
        "%.0f "
        "- bare echo without headers %.0f) = %.0f; median of the rounds' own %.0f; at most %d are wanted\n",
        report->options->in_flight[load], claims, none, reads, bare, cost, claims_cost_ns(report, load),
        CLAIMS_GOAL_NS);
}

void bench_auth_report_table(const struct bench_auth_report *report, FILE *out)
{
    fprintf(out, "%9s  %-10s  %-9s %9s  %9s  %9s %6s  %9s  %5s\n", "in flight", "mode", "responder", "req/s",
            "p50 us", "cpu ns", "ratio", "beyond ns", "load");
    for (size_t load = 0; load < report->options->loads; load++)
        for (enum bench_auth_row row = 0; row < BENCH_AUTH_ROWS; row++)
            table_row(report, load, row, out);
    for (size_t load = 0; load < report->options->loads; load++)
        table_reckoning(report, load, out);
}

static void json_row(const struct bench_auth_report *report, size_t load, enum bench_auth_row row, FILE *out)
{
    struct summary summary = summarize(report, load, row);
    const struct bench_auth_row_kind *kind = &bench_auth_rows[row];
    fprintf(out,
            "{\"mode\":\"%s\",\"responder\":\"%s\",\"in_flight\":%u,\"rounds\":%u,\"requests_per_s\":%.2f,"
            "\"p50_us\":%.2f,\"cpu_ns_per_request\":%.2f,\"cpu_ns_per_request_ratio\":%.4f,",
            bench_auth_mode_names[kind->mode], responder_names[kind->responder],
            report->options->in_flight[load], report->options->rounds, summary.figures[RATE],
            summary.figures[P50], summary.figures[CPU], summary.ratio);
    if (kind->responder != BENCH_AUTH_PROVIDER)
        fputs("\"beyond_reading_ns\":null,", out);
    else
        fprintf(out, "\"beyond_reading_ns\":%.2f,", summary.beyond_ns);
    fprintf(out, "\"requester_load\":%.3f}\n", summary.figures[LOAD]);
}

void bench_auth_report_json(const struct bench_auth_report *report, FILE *out)
{
    for (size_t load = 0; load < report->options->loads; load++) {
        for (enum bench_auth_row row = 0; row < BENCH_AUTH_ROWS; row++)
            json_row(report, load, row, out);
        fprintf(out, "{\"remembered_claims_beyond_reading_ns\":%.2f,\"in_flight\":%u,\"rounds\":%u}\n",
                claims_cost_ns(report, load), report->options->in_flight[load], report->options->rounds);
    }
}
