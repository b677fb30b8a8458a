#include "batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grid.h"
#include "redis.h"
#include "wire.h"

/* Any actor: with --auth none the key says nothing. It is as long as a real one. */
#define SUBJECT                                                                                              \
    "wasmbus.provider.wascc.keyvalue.default.MBENCHMARKBENCHMARKBENCHMARKBENCHMARKBENCHMARKBENCHMARKBE."     \
    "Batch"

/* How many redis-benchmark is asked for before it is known how long that takes. */
#define FIRST_COUNT 200000

enum row { SET_BATCH, SET_16, SET_64, GET_BATCH, GET_16, GET_64, ROWS };

static const struct row_kind {
    const char *operation;
    unsigned pipeline; /* of Redis; 0: the Batch */
    enum row batch;    /* that it is held against */
} rows[ROWS] = {
    [SET_BATCH] = {"set", 0, SET_BATCH}, [SET_16] = {"set", 16, SET_BATCH}, [SET_64] = {"set", 64, SET_BATCH},
    [GET_BATCH] = {"get", 0, GET_BATCH}, [GET_16] = {"get", 16, GET_BATCH}, [GET_64] = {"get", 64, GET_BATCH},
};

/* Messages that name every key about once, and the only reply that each may have. */
struct messages {
    struct bench_form *forms;
    char *answers;
    size_t count;
};

struct bench {
    struct bench_options *options;
    struct bench_stage stage;
    struct bench_child provider;
    struct bench_redis redis;
    struct messages sets, gets;
    struct bench_grid grid;
    uint64_t counts[ROWS]; /* that redis-benchmark is asked for next */
};

/* ---- messages ---- */

/* Bytes of an item or of its answer beside its value. */
#define ITEM_BYTES (BENCH_PAYLOAD_BYTES + 16)

/* Each key once in an order without locality: the factor is prime to every number of keys that there may be,
 * being a prime above them. */
static uint64_t scattered(uint64_t number, uint64_t keys)
{
    return number % keys * UINT64_C(2654435761) % keys;
}

/* A field that holds a message. */
static char *put_message(char *at, unsigned field, const char *message, size_t len)
{
    at = bench_proto_text(at, field, len);
    memcpy(at, message, len);
    return at + len;
}

/* One item, or one answer, inside of its array's field and its member's. */
static char *put_item(char *at, unsigned array, unsigned member, const char *message, size_t len)
{
    char inner[8];
    size_t head = (size_t)(bench_proto_text(inner, member, len) - inner);
    at = bench_proto_text(at, array, head + len);
    return put_message(at, member, message, len);
}

/* SetResponse{value} or GetResponse{value, exists}: the latter is what a bare echo is sent. */
static size_t put_answer(bool sets, size_t value_bytes, uint64_t key, char *at)
{
    size_t len = bench_form_payload(BENCH_ECHO, value_bytes, key, at);
    return sets ? len - 2 : len;
}

/* Writes the message with that number at `asked` and its answer at `*answer`, which moves on. */
static bool make_message(const struct bench_options *options, bool sets, uint64_t number, char *asked,
                         char *scratch, char **answer, struct bench_form *form)
{
    unsigned member = sets ? 2 : 1;
    char *at = asked, *begin = *answer;
    *answer = bench_proto_varint(*answer, 1, 1); /* applied */
    for (uint64_t i = 0; i < options->items; i++) {
        uint64_t key = scattered(number * options->items + i, options->keys);
        size_t len = bench_form_payload(sets ? BENCH_SET : BENCH_GET, options->value_bytes, key, scratch);
        at = put_item(at, 1, member, scratch, len);
        len = put_answer(sets, options->value_bytes, key, scratch);
        *answer = put_item(*answer, 2, member, scratch, len);
    }
    struct bench_request request = {.operation = BENCH_BATCH,
                                    .subject = SUBJECT,
                                    .value_bytes = options->value_bytes,
                                    .payload = asked,
                                    .payload_len = (size_t)(at - asked)};
    bool made = bench_form_make(form, &request);
    form->answer = begin;
    form->answer_len = (size_t)(*answer - begin);
    return made;
}

static int make_messages(const struct bench_options *options, bool sets, struct messages *messages)
{
    size_t count = (size_t)((options->keys + options->items - 1) / options->items);
    size_t most = 16 + options->items * (options->value_bytes + ITEM_BYTES);
    char *asked = malloc(most), *scratch = malloc(options->value_bytes + BENCH_PAYLOAD_BYTES);
    messages->forms = calloc(count, sizeof *messages->forms);
    messages->answers = malloc(count * (16 + options->items * (options->value_bytes + 24)));
    bool made = asked != NULL && scratch != NULL && messages->forms != NULL && messages->answers != NULL;
    char *answer = messages->answers;
    for (; made && messages->count < count; messages->count++)
        made = make_message(options, sets, messages->count, asked, scratch, &answer,
                            &messages->forms[messages->count]);
    if (!made)
        bench_complain("out of memory");
    free(asked);
    free(scratch);
    return made ? 0 : -1;
}

static void free_messages(struct messages *messages)
{
    for (size_t i = 0; i < messages->count; i++)
        bench_form_free(&messages->forms[i]);
    free(messages->forms);
    free(messages->answers);
}

/* ---- the servers ---- */

static struct bench_work work_of(struct bench *bench, bool sets, unsigned in_flight)
{
    const struct messages *messages = sets ? &bench->sets : &bench->gets;
    return (struct bench_work){.operation = BENCH_BATCH,
                               .subject = SUBJECT,
                               .forms = messages->forms,
                               .form_count = messages->count,
                               .keys = bench->options->keys,
                               .value_bytes = bench->options->value_bytes,
                               .in_flight = in_flight,
                               .responder = &bench->provider};
}

/* Waits until the provider answers, and has every key set. */
static int load(struct bench *bench)
{
    struct bench_result result;
    struct bench_work work = work_of(bench, true, 1);
    work.each_key = 1;
    if (bench_stage_await(&bench->stage, &work) != 0)
        return -1;
    work.each_key = bench->sets.count;
    work.in_flight = bench->options->in_flight.items[0];
    return bench_stage_run(&bench->stage, &work, &result) == BENCH_OK ? 0 : -1;
}

static int prepare(struct bench *bench)
{
    struct bench_options *options = bench->options;
    struct bench_provider provider = {
        .path = bench->options->provider, .binding = "default", .auth = "none", .workers = options->workers};
    bench->provider.name = "the provider";
    bench->redis = (struct bench_redis){
        .stage = &bench->stage, .keys = options->keys, .value_bytes = options->value_bytes};
    for (size_t i = 0; i < ROWS; i++)
        bench->counts[i] = FIRST_COUNT;
    if (make_messages(options, true, &bench->sets) != 0 || make_messages(options, false, &bench->gets) != 0 ||
        bench_stage_start_provider(&bench->stage, &bench->provider, &provider) != 0)
        return -1;
    fprintf(stderr, "provider: pid %d\n", (int)bench->provider.pid);
    return load(bench) == 0 ? bench_redis_start(&bench->redis) : -1;
}

/* ---- measuring ---- */

static int measure_batch(struct bench *bench, bool sets, unsigned in_flight, struct bench_result *result)
{
    struct bench_work work = work_of(bench, sets, in_flight);
    if (bench_stage_measure(&bench->stage, &bench->options->limits, 0, &work, result) != 0)
        return -1;
    result->replies *= bench->options->items; /* each is an operation, as Redis' are */
    return 0;
}

/* As many as take about as long as a Batch's window. */
static int measure_redis(struct bench *bench, enum row row, struct bench_result *result)
{
    const struct bench_limits *limits = &bench->options->limits;
    uint64_t count = limits->requests > 0 ? limits->requests * bench->options->items : bench->counts[row];
    if (bench_redis_measure(&bench->redis, rows[row].operation, rows[row].pipeline, count, result) != 0)
        return -1;
    bench->counts[row] =
        1000 + (uint64_t)((double)count / (double)result->elapsed_ns * limits->seconds * 1e9);
    return 0;
}

static int measure(void *context, unsigned round, size_t load, size_t row, struct bench_result *result)
{
    struct bench *bench = context;
    unsigned in_flight = bench->options->in_flight.items[load];
    int code = rows[row].pipeline == 0 ? measure_batch(bench, rows[row].batch == SET_BATCH, in_flight, result)
                                       : measure_redis(bench, (enum row)row, result);
    if (code != 0)
        bench_complain("failed in round %u, %s", round + 1, rows[row].operation);
    return code;
}

/* ---- the table ---- */

static void print_row(const struct bench *bench, size_t load, enum row row, FILE *out)
{
    const struct bench_grid *grid = &bench->grid;
    char who[64];
    if (rows[row].pipeline == 0)
        snprintf(who, sizeof who, "Batch of %u, %u in flight", bench->options->items,
                 bench->options->in_flight.items[load]);
    else
        snprintf(who, sizeof who, "Redis, 64 clients, pipeline %u", rows[row].pipeline);
    fprintf(out, "%-5s %-31s %10.0f %9.0f", rows[row].operation, who,
            bench_grid_median(grid, load, row, BENCH_RATE), bench_grid_median(grid, load, row, BENCH_CPU));
    if (rows[row].pipeline == 0)
        fputs("\n", out);
    else
        fprintf(out, " %7.2f\n", bench_grid_ratio(grid, load, rows[row].batch, row, BENCH_RATE));
}

static void print_json(const struct bench *bench, size_t load, enum row row, FILE *out)
{
    const struct bench_grid *grid = &bench->grid;
    fprintf(out,
            "{\"operation\":\"%s\",\"redis_pipeline\":%u,\"in_flight\":%u,\"items\":%u,\"rounds\":%u,"
            "\"operations_per_s\":%.2f,\"cpu_ns_per_operation\":%.2f,\"batch_rate_ratio\":%.4f}\n",
            rows[row].operation, rows[row].pipeline, bench->options->in_flight.items[load],
            bench->options->items, grid->rounds, bench_grid_median(grid, load, row, BENCH_RATE),
            bench_grid_median(grid, load, row, BENCH_CPU),
            bench_grid_ratio(grid, load, rows[row].batch, row, BENCH_RATE));
}

static void print_all(const struct bench *bench)
{
    FILE *out = bench->options->json ? stderr : stdout;
    fprintf(out, "%-5s %-31s %10s %9s %7s\n", "", "", "op/s", "cpu ns/op", "Batch/");
    for (size_t i = 0; i < bench->grid.loads * ROWS; i++)
        print_row(bench, i / ROWS, (enum row)(i % ROWS), out);
    for (size_t i = 0; bench->options->json && i < bench->grid.loads * ROWS; i++)
        print_json(bench, i / ROWS, (enum row)(i % ROWS), stdout);
}

/* ---- beginning and end ---- */

static void end(struct bench *bench)
{
    bench_child_stop(&bench->redis.server);
    bench_child_stop(&bench->provider);
    bench_stage_end(&bench->stage);
    free_messages(&bench->sets);
    free_messages(&bench->gets);
    bench_grid_destroy(&bench->grid);
}

int bench_batch_run(struct bench_options *options)
{
    struct bench bench = {.options = options};
    int code = 1;
    if (bench_grid_init(&bench.grid, options->rounds, options->in_flight.count, ROWS) == 0 &&
        bench_stage_begin(&bench.stage) == 0 && prepare(&bench) == 0 &&
        bench_grid_measure(&bench.grid, measure, &bench) == 0) {
        print_all(&bench);
        code = fflush(stdout) == 0 ? 0 : 1;
    }
    end(&bench);
    return code;
}
