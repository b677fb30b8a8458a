#include "auth_rows.h"

/* What remembered claims may cost beyond reading their header. */
#define CLAIMS_GOAL_NS 300

const char *const bench_auth_mode_names[BENCH_AUTH_MODES] = {"none", "binding", "claims", "invocation"};

static const char *const responder_names[] = {"bare", "reads", "get"};

#define ROW(mode, responder, reads)                                                                          \
    {                                                                                                        \
        BENCH_AUTH_##mode, BENCH_AUTH_##responder, BENCH_##mode##_BARE, reads                                \
    }

const struct bench_auth_row_kind bench_auth_rows[BENCH_AUTH_ROWS] = {
    [BENCH_NONE_BARE] = ROW(NONE, BARE, BENCH_NONE_BARE),
    [BENCH_NONE_GET] = ROW(NONE, PROVIDER, BENCH_NONE_BARE),
    [BENCH_BINDING_BARE] = ROW(BINDING, BARE, BENCH_BINDING_BARE),
    [BENCH_BINDING_GET] = ROW(BINDING, PROVIDER, BENCH_BINDING_BARE),
    [BENCH_CLAIMS_BARE] = ROW(CLAIMS, BARE, BENCH_CLAIMS_READS),
    [BENCH_CLAIMS_READS] = ROW(CLAIMS, READS, BENCH_CLAIMS_READS),
    [BENCH_CLAIMS_GET] = ROW(CLAIMS, PROVIDER, BENCH_CLAIMS_READS),
    [BENCH_INVOCATION_BARE] = ROW(INVOCATION, BARE, BENCH_INVOCATION_READS),
    [BENCH_INVOCATION_READS] = ROW(INVOCATION, READS, BENCH_INVOCATION_READS),
    [BENCH_INVOCATION_GET] = ROW(INVOCATION, PROVIDER, BENCH_INVOCATION_READS),
};

/* (claims - none) - (reading echo - bare echo without headers), in ns: the median of what each round says. */
static double claims_cost_ns(const struct bench_grid *grid, size_t load)
{
    double costs[BENCH_MAX_ROUNDS];
    for (unsigned round = 0; round < grid->rounds; round++)
        costs[round] = bench_grid_figure(grid, round, load, BENCH_CLAIMS_GET, BENCH_CPU) -
                       bench_grid_figure(grid, round, load, BENCH_NONE_GET, BENCH_CPU) -
                       (bench_grid_figure(grid, round, load, BENCH_CLAIMS_READS, BENCH_CPU) -
                        bench_grid_figure(grid, round, load, BENCH_NONE_BARE, BENCH_CPU));
    return bench_median(costs, grid->rounds);
}

static void table_row(const struct bench_grid *grid, unsigned in_flight, size_t load, size_t row, FILE *out)
{
    const struct bench_auth_row_kind *kind = &bench_auth_rows[row];
    fprintf(out, "%9u  %-10s  %-9s %9.0f  %9.1f  %9.0f %6.2f", in_flight, bench_auth_mode_names[kind->mode],
            responder_names[kind->responder], bench_grid_median(grid, load, row, BENCH_RATE),
            bench_grid_median(grid, load, row, BENCH_P50), bench_grid_median(grid, load, row, BENCH_CPU),
            bench_grid_ratio(grid, load, row, kind->bare, BENCH_CPU));
    if (kind->responder != BENCH_AUTH_PROVIDER)
        fprintf(out, "  %9s", "-");
    else
        fprintf(out, "  %+9.0f", bench_grid_beyond(grid, load, row, kind->reads, BENCH_CPU));
    fprintf(out, "  %4.0f%%\n", 100 * bench_grid_highest(grid, load, row, BENCH_LOAD));
}

/* What remembered claims cost, of the medians that the table shows. */
static void table_reckoning(const struct bench_grid *grid, unsigned in_flight, size_t load, FILE *out)
{
    double claims = bench_grid_median(grid, load, BENCH_CLAIMS_GET, BENCH_CPU);
    double none = bench_grid_median(grid, load, BENCH_NONE_GET, BENCH_CPU);
    double reads = bench_grid_median(grid, load, BENCH_CLAIMS_READS, BENCH_CPU);
    double bare = bench_grid_median(grid, load, BENCH_NONE_BARE, BENCH_CPU);
    fprintf(out,
            "%9u  remembered claims beyond reading the header, ns: (claims %.0f - none %.0f) - (reading echo "
            "%.0f - "
            "bare echo without headers %.0f) = %.0f; median of the rounds' own %.0f; at most %d are wanted\n",
            in_flight, claims, none, reads, bare, (claims - none) - (reads - bare),
            claims_cost_ns(grid, load), CLAIMS_GOAL_NS);
}

void bench_auth_table(const struct bench_grid *grid, const struct bench_options *options, FILE *out)
{
    fprintf(out, "%9s  %-10s  %-9s %9s  %9s  %9s %6s  %9s  %5s\n", "in flight", "mode", "responder", "req/s",
            "p50 us", "cpu ns", "ratio", "beyond ns", "load");
    for (size_t i = 0; i < grid->loads * grid->rows; i++)
        table_row(grid, options->in_flight.items[i / grid->rows], i / grid->rows, i % grid->rows, out);
    for (size_t load = 0; load < grid->loads; load++)
        table_reckoning(grid, options->in_flight.items[load], load, out);
}

static void json_row(const struct bench_grid *grid, unsigned in_flight, size_t load, size_t row, FILE *out)
{
    const struct bench_auth_row_kind *kind = &bench_auth_rows[row];
    fprintf(out,
            "{\"mode\":\"%s\",\"responder\":\"%s\",\"in_flight\":%u,\"rounds\":%u,\"requests_per_s\":%.2f,"
            "\"p50_us\":%.2f,\"cpu_ns_per_request\":%.2f,\"cpu_ns_per_request_ratio\":%.4f,\"beyond_reading_"
            "ns\":",
            bench_auth_mode_names[kind->mode], responder_names[kind->responder], in_flight, grid->rounds,
            bench_grid_median(grid, load, row, BENCH_RATE), bench_grid_median(grid, load, row, BENCH_P50),
            bench_grid_median(grid, load, row, BENCH_CPU),
            bench_grid_ratio(grid, load, row, kind->bare, BENCH_CPU));
    if (kind->responder != BENCH_AUTH_PROVIDER)
        fputs("null", out);
    else
        fprintf(out, "%.2f", bench_grid_beyond(grid, load, row, kind->reads, BENCH_CPU));
    fprintf(out, ",\"requester_load\":%.3f}\n", bench_grid_highest(grid, load, row, BENCH_LOAD));
}

void bench_auth_json(const struct bench_grid *grid, const struct bench_options *options, FILE *out)
{
    for (size_t load = 0; load < grid->loads; load++) {
        unsigned in_flight = options->in_flight.items[load];
        for (size_t row = 0; row < grid->rows; row++)
            json_row(grid, in_flight, load, row, out);
        fprintf(out, "{\"remembered_claims_beyond_reading_ns\":%.2f,\"in_flight\":%u,\"rounds\":%u}\n",
                claims_cost_ns(grid, load), in_flight, grid->rounds);
    }
}
