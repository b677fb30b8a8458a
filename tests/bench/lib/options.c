#include "options.h"

#include <stdio.h>
#include <string.h>

#include "grid.h"

const char *const bench_responder_names[BENCH_RESPONDERS + 1] = {"bare", "default", "get",
                                                                 "set",  "add",     NULL};

const char *const bench_row_names[BENCH_ROWS + 1] = {
    [BENCH_ROW_KV_PUT] = "kv-put",
    [BENCH_ROW_KV_GET] = "kv-get",
    [BENCH_ROW_KV_MSG_GET] = "kv-msg-get",
    [BENCH_ROW_MEMORY_SET] = "memory-set",
    [BENCH_ROW_MEMORY_GET] = "memory-get",
    [BENCH_ROW_SET] = "set",
    [BENCH_ROW_GET] = "get",
    [BENCH_ROW_LOCAL_GET] = "get-local",
};

static const char about[] =
    "Usage: wascc-keyvalue-bench [OPTION]...\n"
    "       wascc-keyvalue-bench --auth [OPTION]...\n"
    "       wascc-keyvalue-bench --batch [OPTION]...\n"
    "       wascc-keyvalue-bench --engine jetstream [--failover] [OPTION]...\n"
    "\n"
    "Measures the provider against a bare echo, at several loads, over a nats-server (found on PATH) that it "
    "starts "
    "on a free loopback port and stops. All processes share this machine, so absolute figures say more about "
    "it than "
    "about the provider: look at the ratios.\n"
    "\n"
    "Responders:\n"
    "  bare: nats.c as an event loop on one thread, a synchronous subscription, the replies of one read in "
    "one write "
    "(natsOptions_SetEventLoop, natsOptions_SetSendAsap): the floor\n"
    "  default: a nats.c callback subscription with nothing but defaults\n"
    "  get, set, add: `wascc-keyvalue serve --auth none`; Get and Set on --keys scalars, Add on --keys "
    "counters, all of "
    "them there before the measuring begins\n"
    "\n"
    "A request goes to a subject of the same shape and length for all, in a queue group. The echoes answer "
    "with the "
    "request's payload, a GetResponse of --value-bytes, so their replies are as large as Get's. Every reply "
    "is "
    "checked; a wrong one or an error fails the run.\n"
    "\n"
    "Figures, each followed by its ratio to the bare echo at the same load: requests a second; p50 and p99 "
    "of the "
    "time from before a request's write to after its reply's read; processor time (user and system, all "
    "threads) of "
    "the responder's process for each request. They are medians over the rounds; ratios are taken within a "
    "round, "
    "where the responders follow each other closely, and the median is of those. `load` is the most that the "
    "requester used of one core: near 100% it is the requester that was measured.\n"
    "\n"
    "With --auth another table: the processor time of a Get in each mode of --auth, all in one run. An echo "
    "that gets "
    "the very same messages comes first in each mode, then the provider:\n"
    "  bare: the bare echo of above, which looks at no header\n"
    "  reads: the same, and it reads the headers that the mode asks for (natsMsgHeader_Get)\n"
    "  get: `wascc-keyvalue serve --auth <mode>`\n"
    "The messages are Gets of --actors actors in turn: without headers for none and binding (all actors are "
    "bound "
    "before the measuring), with Wascc-Claims of some 600 bytes for claims (all claims are remembered then), "
    "with "
    "Wascc-Claims and Wascc-Invocation for invocation. An echo answers with the payload; a value of 12 bytes "
    "makes a "
    "Get's reply as long as that. `beyond` is the median difference, in nanoseconds of processor time, to "
    "the echo "
    "that reads the headers (to the bare one where there are none). The last lines reckon what remembered "
    "claims cost "
    "beyond reading the header: (claims - none) - (reading echo - bare echo without headers).\n"
    "\n"
    "An invocation is good once, so each costs a fresh Ed25519 signature by the requester, made before the "
    "measuring, and its verification by the provider, which is most of what mode invocation costs. A "
    "measurement "
    "there ends after --invocations requests where --seconds would allow more. The echoes get the same 2048 "
    "again and "
    "again.\n"
    "\n"
    "nats.c frees a message on a thread of its own, which each natsMsg_Destroy wakes if it sleeps. The "
    "provider "
    "destroys its messages in bulk, the echoes one by one: so a ratio may be below 1. The more there is to "
    "free, as "
    "for a header that was read, the more that tells: it makes `beyond` and the last lines smaller than they "
    "would be "
    "beside an echo that frees as the provider does.\n"
    "\n"
    "With --batch another: Sets and Gets through Batch, --items in a message, beside those of a redis-server "
    "with "
    "redis-benchmark, 64 clients with pipelines of 16 and of 64 each, all in one run. The keys are random "
    "ones of "
    "--keys, all there before; both servers have one thread that does the work, keep nothing on disk and are "
    "reached over "
    "TCP on the loopback, the provider through the nats-server. Operations a second; the nanoseconds of the "
    "server's own "
    "processor time for each; and how many times Redis' rate the Batch's is, the median of the rounds' "
    "own.\n";

/* Behind it: a compiler need not take more in one literal. */
static const char about_engine[] =
    "\n"
    "With --engine jetstream tables of that engine, on one nats-server with JetStream and on three that are "
    "a cluster "
    "(--servers), whose streams are in files in the run's folder ($TMPDIR), with a replica on each server:\n"
    "  kv-put, kv-get, kv-msg-get: JetStream's own key-value bucket, asked as NATS' clients ask it, by the "
    "requester: a "
    "put that is acknowledged, a direct get, which any replica answers with what it has, and one that the "
    "leader answers\n"
    "  memory-set, memory-get: the provider with the memory engine\n"
    "  set, get: with `--engine jetstream`, where a get is as linearizable as a set\n"
    "  get-local: with `--reads local`\n"
    "Ratios are to kv-put. The requester and the providers are connected to the first server; the leaders of "
    "all streams "
    "are on the second. What is asked of the engine stands below each table, MISSED where it is not so. "
    "`sync_interval` "
    "is the server's own (2 minutes; in 2.9 and before 1 minute) unless --sync-always makes it `always`, "
    "which 2.10 and "
    "newer know.\n"
    "\n"
    "With --failover too, three servers and two instances: Adds of one counter, 500 a second, while the "
    "leader of the "
    "log is told to end, is killed, and an instance is killed, each --rounds times. What is told of each: "
    "how long "
    "after the fault a request was sent and answered without an error again; the longest time without an "
    "answer; what "
    "became of the others; and whether the counter holds what was acknowledged.\n";

/* What depends on which table it is, where it was not given. */
static void fill_in(struct bench_options *options)
{
    static const struct bench_numbers main_loads = {.items = {1, 8, 64, 512}, .count = 4};
    static const struct bench_numbers auth_loads = {.items = {64, 512}, .count = 2};
    static const struct bench_numbers batch_loads = {.items = {16}, .count = 1};
    static const struct bench_numbers servers = {.items = {1, BENCH_MAX_SERVERS}, .count = 2};
    bool jetstream = options->engines[BENCH_JETSTREAM];
    if (options->servers.count == 0)
        options->servers = servers;
    if (options->rounds == 0)
        options->rounds = options->failover ? 1 : 5;
    if (options->in_flight.count == 0)
        options->in_flight = options->auth ? auth_loads : options->batch ? batch_loads : main_loads;
    if (options->keys == 0)
        options->keys = options->auth || jetstream ? 10000 : 1000000;
    if (options->value_bytes == 0)
        options->value_bytes = options->auth ? 12 : 32;
}

static const char *const engines[] = {"memory", "jetstream", NULL};

/* Which table it is, or NULL for the main one. */
static const char *table_of(const struct bench_options *options)
{
    return options->auth                       ? "auth"
           : options->batch                    ? "batch"
           : options->engines[BENCH_JETSTREAM] ? "engine"
                                               : NULL;
}

/* What goes together. Returns -1, or the code to exit with. */
static int check(const struct bench_options *options, bool responders, bool rows)
{
    bool jetstream = options->engines[BENCH_JETSTREAM];
    const char *table = table_of(options);
    if (options->auth + options->batch + jetstream > 1) {
        bench_complain("--auth, --batch and --engine have a table each: ask for one at a time");
        return BENCH_EXIT_USAGE;
    }
    if (table != NULL && responders) {
        bench_complain("--%s always measures all of its responders: leave --responders out", table);
        return BENCH_EXIT_USAGE;
    }
    if (!jetstream && (rows || options->failover || options->sync_always || options->servers.count > 0 ||
                       options->nats_server[0] != '\0')) {
        bench_complain(
            "--rows, --failover, --servers, --sync-always and --nats-server need --engine jetstream");
        return BENCH_EXIT_USAGE;
    }
    for (size_t i = 0; i < options->servers.count; i++)
        if (options->servers.items[i] == 2) {
            bench_complain("--servers: 1 or 3, for two of two are needed as two of three are");
            return BENCH_EXIT_USAGE;
        }
    return -1;
}

int bench_options_read(int argc, char *argv[], struct bench_options *options)
{
    bool responders = false, rows = false;
    *options = (struct bench_options){.responders = {true, true, true, true, true},
                                      .limits.seconds = 0.5,
                                      .engines = {true, false},
                                      .rows = {true, true, true, true, true, true, true, true},
                                      .workers = 1,
                                      .items = 64,
                                      .actors = 64,
                                      .invocations = 20000};
    /* clang-format off */
    const struct bench_argument table[] = {
        {.name = "auth", .kind = BENCH_FLAG, .value = &options->auth,
         .help = "the table of the modes of --auth"},
        {.name = "batch", .kind = BENCH_FLAG, .value = &options->batch,
         .help = "the table of Batch beside Redis (needs redis-server and redis-benchmark)"},
        {.name = "engine", .kind = BENCH_NAMES, .value = options->engines, .names = engines,
         .shape = "jetstream", .help = "the tables of that engine beside JetStream's key-value and the memory engine"},
        {.name = "rows", .kind = BENCH_NAMES, .value = options->rows, .names = bench_row_names, .shape = "LIST",
         .given = &rows, .help = "with --engine: of those above, by commas (default: all; kv-put is always there)"},
        {.name = "failover", .kind = BENCH_FLAG, .value = &options->failover,
         .help = "with --engine jetstream: how long a fault stops the writes"},
        {.name = "servers", .kind = BENCH_NUMBERS, .value = &options->servers, .least = 1, .most = BENCH_MAX_SERVERS,
         .shape = "LIST", .help = "with --engine: nats-servers, 1 or 3, a table for each (default: 1,3)"},
        {.name = "sync-always", .kind = BENCH_FLAG, .value = &options->sync_always,
         .help = "with --engine: the servers' `sync_interval: always`"},
        {.name = "nats-server", .kind = BENCH_PATH, .value = options->nats_server, .shape = "PATH",
         .help = "with --engine: the nats-server to start (default: of PATH)"},
        {.name = "provider", .kind = BENCH_PATH, .value = options->provider, .shape = "PATH",
         .help = "the program to measure (default: wascc-keyvalue beside this program)"},
        {.name = "responders", .kind = BENCH_NAMES, .value = options->responders,
         .names = bench_responder_names, .shape = "LIST", .given = &responders,
         .help = "of those above, by commas (default: all; bare is always there)"},
        {.name = "in-flight", .kind = BENCH_NUMBERS, .value = &options->in_flight, .least = 1,
         .most = BENCH_MAX_IN_FLIGHT, .shape = "LIST",
         .help = "requests in flight, by commas (default: 1,8,64,512; with --auth 64,512, with --batch 16)"},
        {.name = "seconds", .kind = BENCH_SECONDS, .value = &options->limits.seconds, .most = 600,
         .shape = "S",
         .help = "to measure each responder at each load in each round, after a tenth of it for warming up "
                 "(default: 0.5)"},
        {.name = "requests", BENCH_NUMBER_AT(&options->limits.requests), .least = 1, .most = 100000000,
         .shape = "N", .help = "instead of --seconds: requests to measure (it ends after 60 s in any case)"},
        {.name = "rounds", BENCH_NUMBER_AT(&options->rounds), .least = 1, .most = BENCH_MAX_ROUNDS,
         .shape = "N", .help = "times to repeat it all (default: 5; with --failover 1)"},
        {.name = "workers", BENCH_NUMBER_AT(&options->workers), .least = 1, .most = 1024, .shape = "N",
         .help = "the provider's --workers (default: 1, as the bare echo has)"},
        {.name = "keys", BENCH_NUMBER_AT(&options->keys), .least = 1, .most = BENCH_MAX_KEYS, .shape = "N",
         .help = "scalars, and as many counters (default: 1000000; with --auth and --engine 10000)"},
        {.name = "value-bytes", BENCH_NUMBER_AT(&options->value_bytes), .least = 1,
         .most = BENCH_MAX_VALUE_BYTES, .shape = "N",
         .help = "of each scalar (default: 32; with --auth 12)"},
        {.name = "items", BENCH_NUMBER_AT(&options->items), .least = 1, .most = 4096, .shape = "N",
         .help = "with --batch: Sets or Gets in a message (default: 64)"},
        {.name = "actors", BENCH_NUMBER_AT(&options->actors), .least = 1, .most = 1024, .shape = "N",
         .help = "with --auth: actors that ask in turn, each with claims of its own (default: 64)"},
        {.name = "invocations", BENCH_NUMBER_AT(&options->invocations), .least = 100, .most = 100000,
         .shape = "N",
         .help = "with --auth: requests to measure in mode invocation at the most (default: 20000)"},
        {.name = "json", .kind = BENCH_FLAG, .value = &options->json,
         .help = "JSON lines on stdout; the table goes to stderr"},
        {.name = NULL}};
    /* clang-format on */
    char all[sizeof about + sizeof about_engine];
    if (!bench_find_provider(options->provider))
        return 1;
    snprintf(all, sizeof all, "%s%s", about, about_engine);
    int code = bench_arguments_read(table, all, argc, argv);
    if (code < 0)
        code = check(options, responders, rows);
    fill_in(options);
    return code;
}
