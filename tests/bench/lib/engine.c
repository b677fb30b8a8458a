#include "engine.h"

#include <stdio.h>
#include <string.h>

#include "grid.h"
#include "streams.h"

/* Any actor: with --auth none the key says nothing. It is as long as a real one. */
#define ACTOR "MBENCHMARKBENCHMARKBENCHMARKBENCHMARKBENCHMARKBENCHMARKBE"
#define SUBJECT(binding, operation) "wasmbus.provider.wascc.keyvalue." binding "." ACTOR "." operation

/* Of each engine one, with a binding of its own; the names are equally long. */
enum engine { MEMORY, JOURNAL, LOCAL, ENGINES };

static const struct engine_kind {
    const char *name, *binding, *engine, *reads;
} kinds[ENGINES] = {
    [MEMORY] = {"the provider with the memory engine", "memory0", NULL, NULL},
    [JOURNAL] = {"the provider with the engine jetstream", "journal", "jetstream", NULL},
    [LOCAL] = {"the provider with --reads local", "locally", "jetstream", "local"},
};

static const struct row_kind {
    enum bench_operation operation;
    const char *subject;
    enum engine engine; /* ENGINES: JetStream itself */
} rows[BENCH_ROWS] = {
    [BENCH_ROW_KV_PUT] = {BENCH_KV_PUT, BENCH_BUCKET_KEYS, ENGINES},
    [BENCH_ROW_KV_GET] = {BENCH_KV_GET, "$JS.API.DIRECT.GET." BENCH_BUCKET_STREAM "." BENCH_BUCKET_KEYS,
                          ENGINES},
    [BENCH_ROW_KV_MSG_GET] = {BENCH_KV_MSG_GET, "$JS.API.STREAM.MSG.GET." BENCH_BUCKET_STREAM, ENGINES},
    [BENCH_ROW_MEMORY_SET] = {BENCH_SET, SUBJECT("memory0", "Set"), MEMORY},
    [BENCH_ROW_MEMORY_GET] = {BENCH_GET, SUBJECT("memory0", "Get"), MEMORY},
    [BENCH_ROW_SET] = {BENCH_SET, SUBJECT("journal", "Set"), JOURNAL},
    [BENCH_ROW_GET] = {BENCH_GET, SUBJECT("journal", "Get"), JOURNAL},
    [BENCH_ROW_LOCAL_GET] = {BENCH_GET, SUBJECT("locally", "Get"), LOCAL},
};

/* What is asked of sets, and of gets, which are as linearizable: a ratio to the puts' figure in the same
 * round. */
static const struct target {
    unsigned servers;
    bool sync_always;
    unsigned in_flight;
    enum bench_figure figure;
    double bound;
} targets[] = {
    {3, false, 1, BENCH_P50, 1.3},  {3, false, 8, BENCH_RATE, 1.3}, {3, false, 64, BENCH_RATE, 3},
    {3, false, 64, BENCH_P50, 0.5}, {3, false, 512, BENCH_RATE, 5}, {3, true, 64, BENCH_RATE, 15},
    {3, true, 512, BENCH_RATE, 40}, {1, false, 1, BENCH_P50, 4},    {1, false, 512, BENCH_RATE, 2},
};

/* Of local gets: their rate as a ratio to that of the memory engine's, at each load. */
#define LOCAL_BOUND 0.95

/* One table: on so many servers. */
struct bench {
    const struct bench_options *options;
    struct bench_servers_plan plan;
    struct bench_stage stage;
    struct bench_streams streams;
    struct bench_child providers[ENGINES];
    struct bench_grid grid;
};

/* ---- the responders ---- */

static struct bench_work work_of(struct bench *bench, enum bench_engine_row row, unsigned in_flight)
{
    return (struct bench_work){.operation = rows[row].operation,
                               .subject = rows[row].subject,
                               .keys = bench->options->keys,
                               .value_bytes = bench->options->value_bytes,
                               .in_flight = in_flight,
                               .responder = rows[row].engine == ENGINES
                                                ? &bench->stage.servers.each[0].child
                                                : &bench->providers[rows[row].engine]};
}

static bool is_needed(const struct bench *bench, enum engine engine)
{
    for (size_t row = 0; row < BENCH_ROWS; row++)
        if (bench->options->rows[row] && rows[row].engine == engine)
            return true;
    return false;
}

static int load(struct bench *bench, const struct bench_work *from)
{
    struct bench_work work = *from;
    struct bench_result result;
    work.each_key = bench->options->keys;
    work.in_flight = BENCH_LOADING_IN_FLIGHT;
    return bench_stage_run(&bench->stage, &work, &result) == BENCH_OK ? 0 : -1;
}

/* Starts it, waits until it serves and has every key set. */
static int prepare_engine(struct bench *bench, enum engine engine)
{
    struct bench_provider provider = {.path = (char *)(uintptr_t)bench->options->provider,
                                      .binding = kinds[engine].binding,
                                      .auth = "none",
                                      .workers = bench->options->workers,
                                      .engine = kinds[engine].engine,
                                      .reads = kinds[engine].reads};
    struct bench_child *child = &bench->providers[engine];
    char subject[256];
    snprintf(subject, sizeof subject, SUBJECT("%s", "Set"), kinds[engine].binding);
    struct bench_work work = work_of(bench, BENCH_ROW_SET, 1);
    work.subject = subject;
    work.responder = child;
    work.each_key = 1;
    child->name = kinds[engine].name;
    if (bench_stage_start_provider(&bench->stage, child, &provider) != 0 ||
        bench_stage_await(&bench->stage, &work) != 0 || load(bench, &work) != 0)
        return -1;
    fprintf(stderr, "%s: pid %d\n", child->name, (int)child->pid);
    return 0;
}

/* Where a stream's leader is weighs as much as what is measured: all get the same, another server than the
 * one that the requester and the providers are connected to, as two of three are. */
#define LEADER 1

static int place_log(struct bench *bench, enum engine engine)
{
    char log[BENCH_STREAM_BYTES], consumer[16];
    if (bench_streams_find_log(&bench->streams, kinds[engine].binding, log) != 0 ||
        bench_streams_move(&bench->streams, log, LEADER) != 0)
        return -1;
    bench_streams_find_consumer(&bench->streams, log, consumer);
    fprintf(stderr, "%s: led by %s, read from %s\n", log, bench->stage.servers.each[LEADER].name, consumer);
    return 0;
}

static int place_leaders(struct bench *bench)
{
    if (bench->plan.count == 1)
        return 0;
    if (bench_streams_move(&bench->streams, BENCH_BUCKET_STREAM, LEADER) != 0)
        return -1;
    for (enum engine engine = JOURNAL; engine < ENGINES; engine++)
        if (is_needed(bench, engine) && place_log(bench, engine) != 0)
            return -1;
    return 0;
}

static int prepare(struct bench *bench)
{
    struct bench_work puts = work_of(bench, BENCH_ROW_KV_PUT, 1);
    if (bench_streams_open(&bench->streams, &bench->stage) != 0 ||
        bench_streams_make_bucket(&bench->streams) != 0 || load(bench, &puts) != 0)
        return -1;
    for (enum engine engine = MEMORY; engine < ENGINES; engine++)
        if (is_needed(bench, engine) && prepare_engine(bench, engine) != 0)
            return -1;
    return place_leaders(bench);
}

/* ---- measuring ---- */

static int measure(void *context, unsigned round, size_t load, size_t row, struct bench_result *result)
{
    struct bench *bench = context;
    unsigned in_flight = bench->options->in_flight.items[load];
    if (!bench->options->rows[row])
        return 0;
    struct bench_work work = work_of(bench, (enum bench_engine_row)row, in_flight);
    if (bench_stage_measure(&bench->stage, &bench->options->limits, 0, &work, result) == 0)
        return 0;
    bench_complain("failed in round %u, %s at %u in flight", round + 1, bench_row_names[row], in_flight);
    return -1;
}

/* ---- the table ---- */

static void print_row(const struct bench *bench, size_t load, enum bench_engine_row row, FILE *out)
{
    const struct bench_grid *grid = &bench->grid;
    fprintf(out, "%9u  %-10s", bench->options->in_flight.items[load], bench_row_names[row]);
    for (enum bench_figure figure = BENCH_RATE; figure <= BENCH_P99; figure++)
        fprintf(out, "  %9.*f %6.2f", figure == BENCH_RATE ? 0 : 1,
                bench_grid_median(grid, load, row, figure),
                bench_grid_ratio(grid, load, row, BENCH_ROW_KV_PUT, figure));
    if (rows[row].engine == ENGINES)
        fputs("          -", out);
    else
        fprintf(out, "  %9.0f", bench_grid_median(grid, load, row, BENCH_CPU));
    fprintf(out, "  %4.0f%%\n", 100 * bench_grid_highest(grid, load, row, BENCH_LOAD));
}

static void print_json(const struct bench *bench, size_t load, enum bench_engine_row row, FILE *out)
{
    static const char *const names[] = {"requests_per_s", "p50_us", "p99_us"};
    const struct bench_grid *grid = &bench->grid;
    fprintf(out, "{\"servers\":%u,\"sync_always\":%s,\"responder\":\"%s\",\"in_flight\":%u,\"rounds\":%u",
            bench->plan.count, bench->plan.sync_always ? "true" : "false", bench_row_names[row],
            bench->options->in_flight.items[load], grid->rounds);
    for (enum bench_figure figure = BENCH_RATE; figure <= BENCH_P99; figure++)
        fprintf(out, ",\"%s\":%.2f,\"%s_ratio\":%.4f", names[figure],
                bench_grid_median(grid, load, row, figure), names[figure],
                bench_grid_ratio(grid, load, row, BENCH_ROW_KV_PUT, figure));
    if (rows[row].engine != ENGINES)
        fprintf(out, ",\"cpu_ns_per_request\":%.2f", bench_grid_median(grid, load, row, BENCH_CPU));
    fprintf(out, ",\"requester_load\":%.3f}\n", bench_grid_highest(grid, load, row, BENCH_LOAD));
}

struct asked {
    enum bench_engine_row row, base;
    enum bench_figure figure;
    double bound;
};

static void print_asked(const struct bench *bench, size_t load, const struct asked *asked, FILE *out)
{
    const bool *measured = bench->options->rows;
    bool rate = asked->figure == BENCH_RATE, json = out == stdout && bench->options->json;
    if (!measured[asked->row] || !measured[asked->base])
        return;
    double ratio = bench_grid_ratio(&bench->grid, load, asked->row, asked->base, asked->figure);
    bool met = rate ? ratio >= asked->bound : ratio <= asked->bound;
    fprintf(out,
            json ? "{\"servers\":%u,\"in_flight\":%u,\"asked_of\":\"%s\",\"figure\":\"%s\",\"beside\":\"%s\","
                   "\"ratio\":%.4f,\"%s\":%.2f,\"met\":%s}\n"
                 : "%u servers, %3u in flight: %-9s %-4s of %-10s %6.2f times, at %s %.2f%s\n",
            bench->plan.count, bench->options->in_flight.items[load], bench_row_names[asked->row],
            rate ? "rate" : "p50", bench_row_names[asked->base], ratio, rate ? "least" : "most", asked->bound,
            json  ? (met ? "true" : "false")
            : met ? ""
                  : ": MISSED");
}

static void print_target(const struct bench *bench, size_t load, const struct target *target, FILE *out)
{
    static const enum bench_engine_row rows_asked[] = {BENCH_ROW_SET, BENCH_ROW_GET};
    if (target->servers != bench->plan.count || target->sync_always != bench->plan.sync_always ||
        target->in_flight != bench->options->in_flight.items[load])
        return;
    for (size_t i = 0; i < sizeof rows_asked / sizeof *rows_asked; i++)
        print_asked(bench, load,
                    &(struct asked){rows_asked[i], BENCH_ROW_KV_PUT, target->figure, target->bound}, out);
}

static void print_targets(const struct bench *bench, FILE *out)
{
    static const struct asked local = {BENCH_ROW_LOCAL_GET, BENCH_ROW_MEMORY_GET, BENCH_RATE, LOCAL_BOUND};
    for (size_t load = 0; load < bench->grid.loads; load++) {
        for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
            print_target(bench, load, &targets[i], out);
        print_asked(bench, load, &local, out);
    }
}

static void print_each(const struct bench *bench,
                       void (*print)(const struct bench *bench, size_t load, enum bench_engine_row row,
                                     FILE *out),
                       FILE *out)
{
    for (size_t i = 0; i < bench->grid.loads * BENCH_ROWS; i++)
        if (bench->options->rows[i % BENCH_ROWS])
            print(bench, i / BENCH_ROWS, (enum bench_engine_row)(i % BENCH_ROWS), out);
}

static void print_all(const struct bench *bench)
{
    FILE *out = bench->options->json ? stderr : stdout;
    fprintf(out, "\n%u nats-server%s, streams in files%s; ratios to kv-put\n", bench->plan.count,
            bench->plan.count > 1 ? "s, a replica on each" : "",
            bench->plan.sync_always ? ", sync_interval: always" : "");
    fprintf(out, "%9s  %-10s  %9s %6s  %9s %6s  %9s %6s  %9s  %5s\n", "in flight", "responder", "req/s",
            "ratio", "p50 us", "ratio", "p99 us", "ratio", "cpu ns", "load");
    print_each(bench, print_row, out);
    fputs("targets:\n", out);
    print_targets(bench, out);
    if (!bench->options->json)
        return;
    print_each(bench, print_json, stdout);
    print_targets(bench, stdout);
}

/* ---- beginning and end ---- */

static void end(struct bench *bench)
{
    for (int i = ENGINES - 1; i >= 0; i--)
        bench_child_stop(&bench->providers[i]);
    bench_streams_close(&bench->streams);
    bench_stage_end(&bench->stage);
    bench_grid_destroy(&bench->grid);
}

static int run_on(const struct bench_options *options, unsigned servers)
{
    struct bench bench = {.options = options,
                          .plan = {.count = servers,
                                   .jetstream = true,
                                   .sync_always = options->sync_always,
                                   .program = options->nats_server[0] != '\0' ? options->nats_server : NULL}};
    int code = 1;
    if (bench_grid_init(&bench.grid, options->rounds, options->in_flight.count, BENCH_ROWS) == 0 &&
        bench_stage_begin_on(&bench.stage, &bench.plan) == 0 && prepare(&bench) == 0 &&
        bench_grid_measure(&bench.grid, measure, &bench) == 0) {
        print_all(&bench);
        code = fflush(stdout) == 0 ? 0 : 1;
    }
    end(&bench);
    return code;
}

int bench_engine_run(struct bench_options *options)
{
    int code = 0;
    for (size_t i = 0; i < options->servers.count && code == 0; i++)
        code = run_on(options, options->servers.items[i]);
    return code;
}
