/* The store alone, without NATS, beside others in a process: how many calls a second, and how much memory. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/arguments.h"
#include "lib/contenders.h"
#include "lib/grid.h"
#include "lib/redis.h"
#include "lib/store_memory.h"
#include "lib/store_run.h"

#define MAX_CONTENDERS 3
#define MAX_STORE_ROUNDS 100

static const char about[] =
    "Measures the store alone: ours through its public face, as a worker uses it, beside uthash with one "
    "lock "
    "(where <uthash.h> was there when this was built), pogocache (with --pogocache) and the bytes a key of "
    "Redis (where redis-server is there). Keys have 16 bytes. All keys are loaded; then random ones are "
    "read, "
    "one by one and in sixteens that are known at once, and written again; then counters, a quarter as many, "
    "are added to. Each store runs in a process of its own, in turn; figures are medians of the rounds, the "
    "rates in millions a second, and the rows x1.2 say how many times the other's rate ours is. Resident is "
    "what the process has more than before.\n"
    "With --collections or --churn our store's memory is measured instead.";

struct options {
    struct bench_numbers keys, threads;
    uint64_t operations;
    uint32_t rounds, value_bytes;
    char pogocache[BENCH_PATH_BYTES];
    bool redis, processor_time, collections, churn;
};

struct run {
    const struct options *options;
    const struct bench_contender *contenders[MAX_CONTENDERS]; /* ours first */
    size_t count;
    struct bench_store_figures figures[MAX_CONTENDERS][MAX_STORE_ROUNDS];
};

/* ---- one table: so many keys, so many threads ---- */

static const struct {
    enum bench_phase phase;
    const char *name;
} columns[] = {{BENCH_PHASE_LOAD, "load"},
               {BENCH_PHASE_GET, "get"},
               {BENCH_PHASE_GET_MANY, "get of 16"},
               {BENCH_PHASE_OVERWRITE, "overwrite"},
               {BENCH_PHASE_COUNT, "counter"}};
#define COLUMNS (sizeof columns / sizeof *columns)

/* In turn, another one first in each round: whatever drifts on the machine hits all alike. */
static int measure(struct run *run, const struct bench_store_plan *plan)
{
    for (unsigned round = 0; round < run->options->rounds; round++)
        for (size_t i = 0; i < run->count; i++) {
            size_t which = (round + i) % run->count;
            if (bench_store_run(run->contenders[which], plan, &run->figures[which][round]) != 0)
                return -1;
        }
    return 0;
}

static double median_of(const struct run *run,
                        double (*figure)(const struct run *, size_t, unsigned, unsigned), size_t which,
                        unsigned number)
{
    double values[MAX_STORE_ROUNDS];
    for (unsigned round = 0; round < run->options->rounds; round++)
        values[round] = figure(run, which, round, number);
    return bench_median(values, run->options->rounds);
}

static double rate(const struct run *run, size_t which, unsigned round, unsigned phase)
{
    return run->figures[which][round].rates[phase];
}

/* One that knows no sixteens is asked for them one by one. */
static double ratio(const struct run *run, size_t which, unsigned round, unsigned phase)
{
    double other = rate(run, which, round, phase);
    if (phase == BENCH_PHASE_GET_MANY && other <= 0)
        other = rate(run, which, round, BENCH_PHASE_GET);
    return other > 0 ? rate(run, 0, round, phase) / other : 0;
}

static double memory(const struct run *run, size_t which, unsigned round, unsigned is_resident)
{
    const struct bench_store_figures *figures = &run->figures[which][round];
    return is_resident == 1 ? figures->resident : figures->counted;
}

static void print_row(const struct run *run, size_t which)
{
    printf("%-18s", run->contenders[which]->name);
    for (size_t i = 0; i < COLUMNS; i++) {
        double millions = median_of(run, rate, which, columns[i].phase) / 1e6;
        if (millions > 0)
            printf(" %9.3f ", millions);
        else
            printf(" %9s ", "-");
    }
    printf(" %9.1f %9.1f\n", median_of(run, memory, which, 0), median_of(run, memory, which, 1));
}

static void print_ratios(const struct run *run, size_t which)
{
    printf("%-18s", "");
    for (size_t i = 0; i < COLUMNS; i++)
        printf("  x%-8.2f", median_of(run, ratio, which, columns[i].phase));
    printf("\n");
}

static void print_table(const struct run *run, const struct bench_store_plan *plan)
{
    printf("\n%" PRIu64 " keys, values of %" PRIu32 " bytes, %" PRIu32 " thread%s\n%-18s", plan->keys,
           plan->value_bytes, plan->threads, plan->threads == 1 ? "" : "s", "");
    for (size_t i = 0; i < COLUMNS; i++)
        printf(" %9s ", columns[i].name);
    printf(" %9s %9s  bytes a key\n", "counted", "resident");
    for (size_t i = 0; i < run->count; i++) {
        print_row(run, i);
        if (i > 0)
            print_ratios(run, i);
    }
    (void)fflush(stdout);
}

/* ---- Redis ---- */

struct weight {
    uint64_t counted, resident;
};

static int weigh_redis(struct bench_redis *redis, struct weight *weight)
{
    weight->resident = bench_resident_bytes(redis->server.pid);
    return bench_redis_count(redis, &weight->counted);
}

/* Begins empty, so that what it takes without keys is left out. */
static int weigh_redis_with(struct bench_redis *redis, uint64_t keys, struct weight *before,
                            struct weight *after)
{
    if (bench_redis_start(redis) != 0 || weigh_redis(redis, before) != 0)
        return -1;
    redis->keys = keys;
    return bench_redis_load(redis) == 0 ? weigh_redis(redis, after) : -1;
}

static int print_redis(const struct options *options, uint64_t keys)
{
    struct bench_stage stage = {.folder = ""};
    struct bench_redis redis = {.stage = &stage, .value_bytes = options->value_bytes};
    struct weight before, after;
    int code = bench_stage_begin_alone(&stage);
    if (code == 0)
        code = weigh_redis_with(&redis, keys, &before, &after);
    if (code == 0)
        printf("Redis, %" PRIu64 " keys: %.1f bytes a key by its own count, %.1f resident\n", keys,
               (double)(after.counted - before.counted) / (double)keys,
               (double)(after.resident - before.resident) / (double)keys);
    bench_child_stop(&redis.server);
    bench_stage_end(&stage);
    (void)fflush(stdout);
    return code;
}

/* ---- the run ---- */

/* How much longer a read takes than with the first number of keys. */
static void print_slowing(struct run *run, const struct bench_store_plan *plan, double rates[2])
{
    double get = median_of(run, rate, 0, BENCH_PHASE_GET),
           many = median_of(run, rate, 0, BENCH_PHASE_GET_MANY);
    if (rates[0] > 0)
        printf("a get takes %.2f times as long as with %u keys, one of sixteen %.2f times\n", rates[0] / get,
               run->options->keys.items[0], rates[1] / many);
    else if (plan->keys == run->options->keys.items[0])
        rates[0] = get, rates[1] = many;
}

static int run_threads(struct run *run, uint32_t threads)
{
    const struct options *options = run->options;
    double rates[2] = {0, 0};
    for (size_t i = 0; i < options->keys.count; i++) {
        struct bench_store_plan plan = {.keys = options->keys.items[i],
                                        .operations = options->operations,
                                        .threads = threads,
                                        .value_bytes = options->value_bytes,
                                        .processor_time = options->processor_time};
        if (measure(run, &plan) != 0)
            return 1;
        print_table(run, &plan);
        print_slowing(run, &plan, rates);
    }
    return 0;
}

/* Returns false where one that was asked for is not to be had. */
static bool find_contenders(struct run *run)
{
    const struct bench_contender *uthash = bench_find_uthash(), *pogocache = NULL;
    run->contenders[run->count++] = &bench_ours;
    if (uthash != NULL)
        run->contenders[run->count++] = uthash;
    if (run->options->pogocache[0] == '\0')
        return true;
    pogocache = bench_load_pogocache(run->options->pogocache);
    if (pogocache != NULL)
        run->contenders[run->count++] = pogocache;
    return pogocache != NULL;
}

static int measure_rates(const struct options *options)
{
    static struct run run;
    int code = 0;
    run.options = options;
    if (!find_contenders(&run))
        return 1;
    for (size_t i = 0; code == 0 && i < options->threads.count; i++)
        code = run_threads(&run, options->threads.items[i]);
    for (size_t i = 0; options->redis && code == 0 && i < options->keys.count; i++)
        code = print_redis(options, options->keys.items[i]) == 0 ? 0 : 1;
    return code;
}

static int measure_what_is_asked(const struct options *options)
{
    if (options->collections || options->churn) {
        int code = options->collections ? bench_store_collections(options->operations) : 0;
        if (code == 0 && options->churn)
            code = bench_store_churn(options->keys.items[0], options->operations);
        return code == 0 ? 0 : 1;
    }
    return measure_rates(options);
}

int main(int argc, char *argv[])
{
    struct options options = {.keys = {{100000, 1000000, 10000000}, 3},
                              .threads = {{1, 2}, 2},
                              .operations = 2000000,
                              .rounds = 3,
                              .value_bytes = 32};
    /* clang-format off */
    const struct bench_argument table[] = {
        {.name = "keys", .kind = BENCH_NUMBERS, .value = &options.keys, .least = 1, .most = 100000000, .shape = "LIST",
         .help = "a table for so many each (default: 100000,1000000,10000000); of --churn the first"},
        {.name = "threads", .kind = BENCH_NUMBERS, .value = &options.threads, .least = 1, .most = BENCH_MAX_THREADS,
         .shape = "LIST", .help = "and for so many each (default: 1,2)"},
        {.name = "operations", BENCH_NUMBER_AT(&options.operations), .least = BENCH_MAX_THREADS * BENCH_MANY_KEYS,
         .most = 1000000000, .shape = "N",
         .help = "of each kind but the load, in a round; items of a row of --collections; updates of a step of --churn "
                 "(default: 2000000)"},
        {.name = "value-bytes", BENCH_NUMBER_AT(&options.value_bytes), .least = BENCH_KEY_BYTES,
         .most = BENCH_MAX_STORED_BYTES, .shape = "N", .help = "of each (default: 32)"},
        {.name = "rounds", BENCH_NUMBER_AT(&options.rounds), .least = 1, .most = MAX_STORE_ROUNDS, .shape = "N",
         .help = "times to repeat it (default: 3)"},
        {.name = "pogocache", .kind = BENCH_PATH, .value = options.pogocache, .shape = "DIR",
         .help = "a checkout of github.com/tidwall/pogocache, which cc compiles for this run"},
        {.name = "redis", .kind = BENCH_FLAG, .value = &options.redis, .help = "weigh redis-server, too"},
        {.name = "processor-time", .kind = BENCH_FLAG, .value = &options.processor_time,
         .help = "rates by the threads' own processor time: on a machine that does other work; waiting for a lock is "
                 "not in it"},
        {.name = "collections", .kind = BENCH_FLAG, .value = &options.collections,
         .help = "bytes an item of our lists and sets"},
        {.name = "churn", .kind = BENCH_FLAG, .value = &options.churn,
         .help = "our memory while values grow, shrink and go"},
        {.name = NULL}};
    /* clang-format on */
    int code = bench_arguments_read(table, about, argc, argv);
    return code >= 0 ? code : measure_what_is_asked(&options);
}
