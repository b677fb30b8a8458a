/* wascc-keyvalue-bench: what the provider costs beyond a bare echo. See --help for what is measured and how.
 */
#include <stdio.h>
#include <string.h>

#include "lib/auth.h"
#include "lib/batch.h"
#include "lib/echo.h"
#include "lib/engine.h"
#include "lib/failover.h"
#include "lib/grid.h"
#include "lib/options.h"
#include "lib/stage.h"

/* Any actor: with --auth none the key says nothing. It is as long as a real one. */
#define ACTOR "MBENCHMARKBENCHMARKBENCHMARKBENCHMARKBENCHMARKBENCHMARKBE"
#define PROVIDER_SUBJECT "wasmbus.provider.wascc.keyvalue.default." ACTOR
/* An echo's subject is as long, and its subscription has the wildcard in the same place. */
#define BARE_SUBJECT "echo-ev.provider.wascc.keyvalue.default."
#define DEFAULT_SUBJECT "echo-cb.provider.wascc.keyvalue.default."

enum child_name { BARE_ECHO, DEFAULT_ECHO, PROVIDER, CHILDREN };

struct bench {
    struct bench_options options;
    struct bench_stage stage;
    struct bench_child children[CHILDREN];
    struct bench_grid grid;
};

static const struct responder {
    enum bench_operation operation;
    enum child_name child;
    const char *subject;
} responders[BENCH_RESPONDERS] = {
    [BENCH_BARE] = {BENCH_ECHO, BARE_ECHO, BARE_SUBJECT ACTOR ".Get"},
    [BENCH_DEFAULT] = {BENCH_ECHO, DEFAULT_ECHO, DEFAULT_SUBJECT ACTOR ".Get"},
    [BENCH_GET_ROW] = {BENCH_GET, PROVIDER, PROVIDER_SUBJECT ".Get"},
    [BENCH_SET_ROW] = {BENCH_SET, PROVIDER, PROVIDER_SUBJECT ".Set"},
    [BENCH_ADD_ROW] = {BENCH_ADD, PROVIDER, PROVIDER_SUBJECT ".Add"},
};

static bool wants_provider(const struct bench_options *options)
{
    return options->responders[BENCH_GET_ROW] || options->responders[BENCH_SET_ROW] ||
           options->responders[BENCH_ADD_ROW];
}

/* ---- the responders ---- */

static struct bench_work work_of(struct bench *bench, enum bench_responder row, unsigned in_flight)
{
    const struct responder *responder = &responders[row];
    return (struct bench_work){.operation = responder->operation,
                               .subject = responder->subject,
                               .keys = bench->options.keys,
                               .value_bytes = bench->options.value_bytes,
                               .in_flight = in_flight,
                               .responder = &bench->children[responder->child]};
}

/* Waits until somebody answers in this row. For Get, a key must be there. */
static int await(struct bench *bench, enum bench_responder row)
{
    struct bench_work work = work_of(bench, row, 1);
    work.each_key = 1;
    return bench_stage_await(&bench->stage, &work);
}

/* Makes every scalar with Set, or every counter with Add. */
static int load_keys(struct bench *bench, enum bench_responder row)
{
    struct bench_work work = work_of(bench, row, BENCH_LOADING_IN_FLIGHT);
    struct bench_result result;
    int64_t begin_ns = bench_now_ns();
    work.each_key = bench->options.keys;
    if (bench_stage_run(&bench->stage, &work, &result) != BENCH_OK)
        return -1;
    fprintf(stderr, "loaded %llu keys by %s in %.1f s\n", (unsigned long long)bench->options.keys,
            row == BENCH_ADD_ROW ? "Add" : "Set", (double)(bench_now_ns() - begin_ns) / 1e9);
    return 0;
}

static int prepare_provider(struct bench *bench)
{
    const bool *asked = bench->options.responders;
    struct bench_provider provider = {.path = bench->options.provider,
                                      .binding = "default",
                                      .auth = "none",
                                      .workers = bench->options.workers};
    if (bench_stage_start_provider(&bench->stage, &bench->children[PROVIDER], &provider) != 0)
        return -1;
    fprintf(stderr, "provider: pid %d\n", (int)bench->children[PROVIDER].pid);
    if ((asked[BENCH_GET_ROW] || asked[BENCH_SET_ROW]) &&
        (await(bench, BENCH_SET_ROW) != 0 || load_keys(bench, BENCH_SET_ROW) != 0))
        return -1;
    if (asked[BENCH_GET_ROW] && await(bench, BENCH_GET_ROW) != 0)
        return -1;
    if (asked[BENCH_ADD_ROW] && (await(bench, BENCH_ADD_ROW) != 0 || load_keys(bench, BENCH_ADD_ROW) != 0))
        return -1;
    return 0;
}

static int prepare(struct bench *bench)
{
    struct bench_child *children = bench->children;
    children[BARE_ECHO].name = "the bare echo";
    children[DEFAULT_ECHO].name = "the default echo";
    children[PROVIDER].name = "the provider";
    if (bench_stage_start_echo(&bench->stage, &children[BARE_ECHO], "bare", BARE_SUBJECT "*.Get") != 0 ||
        await(bench, BENCH_BARE) != 0)
        return -1;
    if (bench->options.responders[BENCH_DEFAULT] &&
        (bench_stage_start_echo(&bench->stage, &children[DEFAULT_ECHO], "default", DEFAULT_SUBJECT "*.Get") !=
             0 ||
         await(bench, BENCH_DEFAULT) != 0))
        return -1;
    return wants_provider(&bench->options) ? prepare_provider(bench) : 0;
}

/* ---- measuring ---- */

static int measure(void *context, unsigned round, size_t load, size_t row, struct bench_result *result)
{
    struct bench *bench = context;
    const struct bench_options *options = &bench->options;
    unsigned in_flight = options->in_flight.items[load];
    if (!options->responders[row])
        return 0;
    struct bench_work work = work_of(bench, (enum bench_responder)row, in_flight);
    if (bench_stage_measure(&bench->stage, &options->limits, 0, &work, result) == 0)
        return 0;
    bench_complain("failed in round %u, %s at %u in flight", round + 1, bench_responder_names[row],
                   in_flight);
    return -1;
}

/* ---- the table ---- */

static void print_row(const struct bench *bench, size_t load, size_t row, FILE *out)
{
    const struct bench_grid *grid = &bench->grid;
    fprintf(out, "%9u  %-9s", bench->options.in_flight.items[load], bench_responder_names[row]);
    for (enum bench_figure figure = BENCH_RATE; figure <= BENCH_CPU; figure++)
        fprintf(out, "%s%9.*f %5.2f", figure == BENCH_RATE ? " " : "  ",
                figure == BENCH_P50 || figure == BENCH_P99 ? 1 : 0,
                bench_grid_median(grid, load, row, figure),
                bench_grid_ratio(grid, load, row, BENCH_BARE, figure));
    fprintf(out, "  %4.0f%%\n", 100 * bench_grid_highest(grid, load, row, BENCH_LOAD));
}

static void print_json(const struct bench *bench, size_t load, size_t row, FILE *out)
{
    static const char *const names[] = {"requests_per_s", "p50_us", "p99_us", "cpu_ns_per_request"};
    const struct bench_grid *grid = &bench->grid;
    fprintf(out, "{\"responder\":\"%s\",\"in_flight\":%u,\"rounds\":%u", bench_responder_names[row],
            bench->options.in_flight.items[load], grid->rounds);
    for (enum bench_figure figure = BENCH_RATE; figure <= BENCH_CPU; figure++)
        fprintf(out, ",\"%s\":%.2f,\"%s_ratio\":%.4f", names[figure],
                bench_grid_median(grid, load, row, figure), names[figure],
                bench_grid_ratio(grid, load, row, BENCH_BARE, figure));
    fprintf(out, ",\"requester_load\":%.3f}\n", bench_grid_highest(grid, load, row, BENCH_LOAD));
}

static void print_each(const struct bench *bench,
                       void (*print)(const struct bench *bench, size_t load, size_t row, FILE *out),
                       FILE *out)
{
    for (size_t load = 0; load < bench->grid.loads; load++)
        for (size_t row = 0; row < BENCH_RESPONDERS; row++)
            if (bench->options.responders[row])
                print(bench, load, row, out);
}

static void print_all(const struct bench *bench)
{
    FILE *out = bench->options.json ? stderr : stdout;
    fprintf(out, "%9s  %-9s %9s %5s  %9s %5s  %9s %5s  %9s %5s  %5s\n", "in flight", "responder", "req/s",
            "ratio", "p50 us", "ratio", "p99 us", "ratio", "cpu ns", "ratio", "load");
    print_each(bench, print_row, out);
    if (bench->options.json)
        print_each(bench, print_json, stdout);
}

/* ---- beginning and end ---- */

static void end(struct bench *bench)
{
    for (int i = CHILDREN - 1; i >= 0; i--)
        bench_child_stop(&bench->children[i]);
    bench_stage_end(&bench->stage);
    bench_grid_destroy(&bench->grid);
}

/* The run that --help tells of first: its table goes to stdout. Returns an exit code. */
static int run_main_table(struct bench *bench)
{
    const struct bench_options *options = &bench->options;
    int code = 1;
    if (bench_grid_init(&bench->grid, options->rounds, options->in_flight.count, BENCH_RESPONDERS) == 0 &&
        bench_stage_begin(&bench->stage) == 0 && prepare(bench) == 0 &&
        bench_grid_measure(&bench->grid, measure, bench) == 0) {
        print_all(bench);
        code = fflush(stdout) == 0 ? 0 : 1;
    }
    end(bench);
    return code;
}

int main(int argc, char *argv[])
{
    struct bench bench = {0};
    if (argc == 5 && strcmp(argv[1], BENCH_ECHO_ARGUMENT) == 0)
        return bench_echo(argv[2], argv[3], argv[4]);
    int code = bench_options_read(argc, argv, &bench.options);
    if (code >= 0)
        return code;
    return bench.options.auth                       ? bench_auth_run(&bench.options)
           : bench.options.batch                    ? bench_batch_run(&bench.options)
           : bench.options.failover                 ? bench_failover_run(&bench.options)
           : bench.options.engines[BENCH_JETSTREAM] ? bench_engine_run(&bench.options)
                                                    : run_main_table(&bench);
}
