#include "failover.h"

#include <signal.h>
#include <stdio.h>

#include "pace.h"
#include "streams.h"

#define SERVERS 3u
#define INSTANCES 2
#define BINDING "journal"
#define SUBJECT                                                                                              \
    "wasmbus.provider.wascc.keyvalue." BINDING                                                               \
    ".MBENCHMARKBENCHMARKBENCHMARKBENCHMARKBENCHMARKBENCHMARKBE.Add"

#define CALM_NS ((int64_t)1 * 1000000000)      /* before a fault, and after it is over */
#define PATIENCE_NS ((int64_t)30 * 1000000000) /* for the first answer */
#define STEP_NS ((int64_t)100 * 1000000)
#define DOWN_NS ((int64_t)1 * 1000000000) /* what ends stays down for at least so long */

static const struct fault {
    const char *name;
    int signal;
    bool instance; /* else the log's leader */
    double bound_s;
} faults[] = {
    {"leader told to end", SIGTERM, false, 0.5},
    {"leader killed", SIGKILL, false, 10},
    {"instance killed", SIGKILL, true, 1},
};

#define FAULTS (sizeof faults / sizeof *faults)

struct bench {
    const struct bench_options *options;
    struct bench_stage stage;
    struct bench_streams streams;
    struct bench_child instances[INSTANCES];
    char log[BENCH_STREAM_BYTES];
    struct bench_pace *pace;
};

/* ---- what fails ---- */

static int start_instance(struct bench *bench, struct bench_child *child)
{
    struct bench_provider provider = {.path = (char *)(uintptr_t)bench->options->provider,
                                      .binding = BINDING,
                                      .auth = "none",
                                      .workers = bench->options->workers,
                                      .engine = "jetstream"};
    child->name = "an instance";
    return bench_stage_start_provider(&bench->stage, child, &provider);
}

/* Nobody's connection but the instances' and the log's is to be hit: the clients' server is another than the
 * leader. */
static int begin_pace(struct bench *bench)
{
    int leader = bench_streams_leader(&bench->streams, bench->log);
    if (leader < 0)
        return -1;
    unsigned other = ((unsigned)leader + 1) % SERVERS;
    bench->pace = bench_pace_open(bench->stage.servers.each[other].url, SUBJECT);
    return bench->pace == NULL ? -1 : 0;
}

static void end_pace(struct bench *bench)
{
    bench_pace_close(bench->pace);
    bench->pace = NULL;
}

/* Starts again what ended, and waits until all is as before. */
static int mend(struct bench *bench, const struct fault *fault, unsigned number)
{
    if (fault->instance) {
        bench_child_stop(&bench->instances[0]);
        return start_instance(bench, &bench->instances[0]) == 0 ? bench_pace_run(bench->pace, CALM_NS) : -1;
    }
    bench_child_stop(&bench->stage.servers.each[number].child);
    if (bench_servers_restart(&bench->stage.servers, number) != 0)
        return -1;
    return bench_streams_settle(&bench->streams, bench->log);
}

/* Goes on until writes are answered again and have been for a while. */
static int watch(struct bench_pace *pace)
{
    const struct bench_pace_tally *tally = bench_pace_tally(pace);
    while (tally->first_ns == 0 && bench_now_ns() - tally->begin_ns < PATIENCE_NS)
        if (bench_pace_run(pace, STEP_NS) != 0)
            return -1;
    if (bench_now_ns() - tally->begin_ns < DOWN_NS && bench_pace_run(pace, DOWN_NS) != 0)
        return -1;
    return bench_pace_run(pace, CALM_NS);
}

/* ---- the table ---- */

static void print(const struct bench *bench, const struct fault *fault, const struct bench_pace_tally *tally)
{
    bool answered = tally->first_ns != 0;
    double first_s = answered ? (double)(tally->first_ns - tally->begin_ns) / 1e9 : PATIENCE_NS / 1e9;
    double gap_s = (double)tally->longest_gap_ns / 1e9;
    bool met = answered && gap_s <= fault->bound_s;
    const char *format =
        bench->options->json
            ? "{\"fault\":\"%s\",\"first_s\":%.3f,\"longest_gap_s\":%.3f,\"bound_s\":%.1f,\"met\":%s,"
              "\"sent\":%llu,"
              "\"done\":%llu,\"refused\":%llu,\"unknown\":%llu,\"no_responders\":%llu,\"unanswered\":%llu}\n"
            : "%-19s %8.3f %9.3f %6.1f %-6s %7llu %7llu %8llu %8llu %8llu %8llu\n";
    printf(format, fault->name, first_s, gap_s, fault->bound_s,
           bench->options->json ? (met ? "true" : "false") : (met ? "met" : "MISSED"),
           (unsigned long long)tally->sent, (unsigned long long)tally->done,
           (unsigned long long)tally->refused, (unsigned long long)tally->unknown,
           (unsigned long long)tally->no_responders, (unsigned long long)tally->unanswered);
    fflush(stdout);
}

static void print_head(const struct bench *bench)
{
    if (!bench->options->json)
        printf("%-19s %8s %9s %6s %-6s %7s %7s %8s %8s %8s %8s\n", "fault", "first s", "longest s", "most s",
               "", "sent", "done", "refused", "unknown", "nobody", "silence");
}

/* ---- beginning and end ---- */

static int suffer(struct bench *bench, const struct fault *fault)
{
    if (begin_pace(bench) != 0 || bench_pace_run(bench->pace, CALM_NS) != 0)
        return -1;
    int leader = bench_streams_leader(&bench->streams, bench->log);
    if (leader < 0)
        return -1;
    bench_pace_begin(bench->pace);
    bench_child_signal(fault->instance ? &bench->instances[0] : &bench->stage.servers.each[leader].child,
                       fault->signal);
    if (watch(bench->pace) != 0)
        return -1;
    struct bench_pace_tally tally = bench_pace_begin(bench->pace);
    print(bench, fault, &tally);
    return mend(bench, fault, (unsigned)leader);
}

static int suffer_all(struct bench *bench)
{
    print_head(bench);
    for (unsigned i = 0; i < bench->options->rounds * FAULTS; i++) {
        int code = suffer(bench, &faults[i % FAULTS]);
        if (code == 0)
            code = bench_pace_check(bench->pace);
        end_pace(bench);
        if (code != 0)
            return -1;
    }
    return 0;
}

static int prepare(struct bench *bench)
{
    struct bench_result result;
    struct bench_work work = {.operation = BENCH_ADD,
                              .subject = SUBJECT,
                              .keys = 1,
                              .in_flight = 1,
                              .each_key = 1,
                              .responder = &bench->instances[0]};
    if (bench_streams_open(&bench->streams, &bench->stage) != 0 ||
        bench_streams_make_bucket(&bench->streams) != 0)
        return -1;
    for (unsigned i = 0; i < INSTANCES; i++)
        if (start_instance(bench, &bench->instances[i]) != 0)
            return -1;
    return bench_stage_await(&bench->stage, &work) == 0 &&
                   bench_stage_run(&bench->stage, &work, &result) == BENCH_OK &&
                   bench_streams_find_log(&bench->streams, BINDING, bench->log) == 0
               ? bench_streams_settle(&bench->streams, bench->log)
               : -1;
}

static void end(struct bench *bench)
{
    end_pace(bench);
    for (int i = INSTANCES - 1; i >= 0; i--)
        bench_child_stop(&bench->instances[i]);
    bench_streams_close(&bench->streams);
    bench_stage_end(&bench->stage);
}

int bench_failover_run(struct bench_options *options)
{
    struct bench bench = {.options = options};
    struct bench_servers_plan plan = {.count = SERVERS,
                                      .jetstream = true,
                                      .sync_always = options->sync_always,
                                      .program =
                                          options->nats_server[0] != '\0' ? options->nats_server : NULL};
    int code =
        bench_stage_begin_on(&bench.stage, &plan) == 0 && prepare(&bench) == 0 && suffer_all(&bench) == 0 ? 0
                                                                                                          : 1;
    end(&bench);
    return code;
}
