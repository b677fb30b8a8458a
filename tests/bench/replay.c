/* wascc-keyvalue-bench-replay: how fast an instance reads the log of the engine jetstream again. See --help.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/arguments.h"
#include "lib/form.h"
#include "lib/grid.h"
#include "operation/operation.h"
#include "record/operation.h"
#include "replica/replica.h"

#define RECORDS_AT_ONCE 64 /* are made, and then fed */
#define JOIN_POSITION 2

static const char about[] =
    "Usage: wascc-keyvalue-bench-replay [OPTION]...\n"
    "\n"
    "Feeds the replicated machine (src/replica) with records of Sets of random keys, as a server would "
    "deliver "
    "them, without a server: what remains of a recovery, and of each write on the log's thread, when the "
    "network "
    "is left out. First each key is set once, in records of as many; that is not measured. Prints the "
    "processor "
    "time of the thread for each write: the median of --rounds, and how many writes that is a second.\n";

struct options {
    uint64_t keys, writes;
    unsigned operations, rounds, wanted;
    size_t value_bytes;
};

struct bench {
    struct options options;
    struct wkv_record_key key;
    struct wkv_replica *replica;
    struct wkv_replica_events events;
    uint64_t position, number, random;
    struct wkv_buffer records[RECORDS_AT_ONCE];
    struct wkv_buffer body;
};

/* ---- the log ---- */

static uint64_t random_key(struct bench *bench)
{
    uint64_t x = bench->random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    bench->random = x;
    return x % bench->options.keys;
}

static void put_set(struct bench *bench, uint64_t key, char *scratch)
{
    struct wkv_op op = {.code = WKV_OP_REQUEST,
                        .row = (uint8_t)(wkv_operation_find("Set") - wkv_operations + 1),
                        .encoding = WKV_PROTOBUF};
    op.request =
        (struct wkv_text){scratch, bench_form_payload(BENCH_SET, bench->options.value_bytes, key, scratch)};
    wkv_op_write(&op, &bench->body);
}

static bool write_batch(struct bench *bench, struct wkv_buffer *record, uint64_t *in_order, uint64_t count)
{
    char *scratch = malloc(bench->options.value_bytes + BENCH_PAYLOAD_BYTES);
    bench->body.len = 0;
    for (uint64_t i = 0; scratch != NULL && i < count; i++)
        put_set(bench, in_order == NULL ? random_key(bench) : (*in_order)++, scratch);
    bench->number++;
    struct wkv_record batch = {.kind = WKV_RECORD_BATCH,
                               .writer = wkv_record_writer(JOIN_POSITION, 0),
                               .number = bench->number,
                               .floor = bench->number,
                               .operations = (uint32_t)count,
                               .body = {bench->body.data, bench->body.len}};
    record->len = 0;
    bool written = scratch != NULL && !bench->body.failed && wkv_record_write(&batch, &bench->key, record);
    free(scratch);
    return written;
}

static int64_t thread_ns(void)
{
    struct timespec spent;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return (int64_t)spent.tv_sec * 1000000000 + spent.tv_nsec;
}

static bool feed(struct bench *bench, const struct wkv_buffer *record)
{
    struct wkv_log_message message = {.position = ++bench->position,
                                      .time_ns = (int64_t)bench->position * 1000000,
                                      .bytes = {record->data, record->len}};
    if (wkv_replica_feed(bench->replica, &message) == WKV_FEED_APPLIED)
        return true;
    bench_complain("record %" PRIu64 " was not applied", bench->position);
    return false;
}

/* Somebody waits for the replies, or, as in a recovery, nobody. */
static bool on_batch(void *context, const struct wkv_replica_batch *batch)
{
    const struct bench *bench = context;
    if (batch->verdict != WKV_VERDICT_RUN)
        bench_complain("record %" PRIu64 " did not run: %d", batch->position, (int)batch->verdict);
    return bench->options.wanted != 0;
}

static bool begin_log(struct bench *bench)
{
    struct wkv_buffer *record = &bench->records[0];
    union wkv_record_body genesis = {
        .genesis = {.shards = 64, .format = 1, .binding = {"bench", 5}, .space = {"", 0}}};
    union wkv_record_body join = {
        .join = {.instance = {"bench", 5}, .version = {"1", 1}, .workers = 1, .least = 1, .most = 1}};
    bench->key = wkv_record_key_of(UINT64_C(0x9e3779b97f4a7c15));
    bench->events = (struct wkv_replica_events){.batch = on_batch, .context = bench};
    bench->replica = wkv_replica_create(&(struct wkv_replica_options){.events = &bench->events});
    if (bench->replica == NULL)
        return false;
    if (!wkv_record_write_body(&(struct wkv_record){.kind = WKV_RECORD_GENESIS}, &genesis, &bench->key,
                               record) ||
        !feed(bench, record))
        return false;
    record->len = 0;
    return wkv_record_write_body(&(struct wkv_record){.kind = WKV_RECORD_JOIN}, &join, &bench->key, record) &&
           feed(bench, record);
}

/* ---- the run ---- */

/* Feeds so many writes. Returns the nanoseconds, or -1. */
static int64_t run(struct bench *bench, uint64_t writes, uint64_t *in_order)
{
    int64_t ns = 0;
    while (writes > 0) {
        size_t made = 0;
        for (; made < RECORDS_AT_ONCE && writes > 0; made++) {
            uint64_t count = writes < bench->options.operations ? writes : bench->options.operations;
            if (!write_batch(bench, &bench->records[made], in_order, count)) {
                bench_complain("out of memory");
                return -1;
            }
            writes -= count;
        }
        int64_t begin_ns = thread_ns();
        for (size_t i = 0; i < made; i++)
            if (!feed(bench, &bench->records[i]))
                return -1;
        ns += thread_ns() - begin_ns;
    }
    return ns;
}

static int measure(struct bench *bench)
{
    double ns[BENCH_MAX_ROUNDS];
    uint64_t next = 0;
    if (!begin_log(bench) || run(bench, bench->options.keys, &next) < 0)
        return 1;
    for (unsigned i = 0; i < bench->options.rounds; i++) {
        int64_t taken_ns = run(bench, bench->options.writes, NULL);
        if (taken_ns < 0)
            return 1;
        ns[i] = (double)taken_ns / (double)bench->options.writes;
    }
    double median = bench_median(ns, bench->options.rounds);
    printf("%" PRIu64 " keys, records of %u writes: %.0f ns a write, %.0f writes a second\n",
           bench->options.keys, bench->options.operations, median, 1e9 / median);
    return 0;
}

int main(int argc, char *argv[])
{
    struct bench bench = {.random = UINT64_C(88172645463325252)};
    struct options *options = &bench.options;
    *options = (struct options){
        .keys = 1000000, .writes = 1000000, .operations = 64, .rounds = 5, .value_bytes = 32};
    /* clang-format off */
    const struct bench_argument table[] = {
        {.name = "keys", BENCH_NUMBER_AT(&options->keys), .least = 1, .most = 100000000, .shape = "N",
         .help = "that there are (default: 1000000)"},
        {.name = "writes", BENCH_NUMBER_AT(&options->writes), .least = 1, .most = 100000000, .shape = "N",
         .help = "to measure in a round (default: 1000000)"},
        {.name = "operations", BENCH_NUMBER_AT(&options->operations), .least = 1, .most = 1000, .shape = "N",
         .help = "writes in a record (default: 64)"},
        {.name = "value-bytes", BENCH_NUMBER_AT(&options->value_bytes), .least = 1, .most = 65536, .shape = "N",
         .help = "of each (default: 32)"},
        {.name = "wanted", BENCH_NUMBER_AT(&options->wanted), .least = 0, .most = 1, .shape = "0|1",
         .help = "whether somebody waits for the replies (default: 0, as in a recovery)"},
        {.name = "rounds", BENCH_NUMBER_AT(&options->rounds), .least = 1, .most = BENCH_MAX_ROUNDS, .shape = "N",
         .help = "times to repeat it (default: 5)"},
        {.name = NULL}};
    /* clang-format on */
    int code = bench_arguments_read(table, about, argc, argv);
    if (code < 0)
        code = measure(&bench);
    for (size_t i = 0; i < RECORDS_AT_ONCE; i++)
        wkv_buffer_destroy(&bench.records[i]);
    wkv_buffer_destroy(&bench.body);
    wkv_replica_destroy(bench.replica);
    return code;
}
