/* wascc-keyvalue-bench: what the provider costs beyond a bare echo. See --help for what is measured and how.
 */
#include <stdio.h>
#include <string.h>

#include "lib/auth.h"
#include "lib/echo.h"
#include "lib/options.h"
#include "lib/process.h"
#include "lib/report.h"
#include "lib/requester.h"
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
    struct bench_report *report;
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

static int start_provider(struct bench *bench)
{
    char workers[16];
    char *argv[] = {bench->options.provider,
                    "serve",
                    "--server",
                    bench->stage.url,
                    "--auth",
                    "none",
                    "--workers",
                    workers,
                    NULL};
    snprintf(workers, sizeof workers, "%u", bench->options.workers);
    return bench_stage_start_provider(&bench->stage, &bench->children[PROVIDER], argv);
}

/* What runs in an echo's process. */
static int be_the_echo(char *argv[])
{
    if (strcmp(argv[2], "bare") == 0)
        return bench_echo_bare(argv[3], argv[4]);
    if (strcmp(argv[2], "default") == 0)
        return bench_echo_default(argv[3], argv[4]);
    return bench_echo_reading(argv[3], argv[4], strcmp(argv[2], "claims") == 0 ? 1 : 2);
}

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
    if (start_provider(bench) != 0)
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

static int measure_cell(struct bench *bench, unsigned round, size_t load, enum bench_responder row)
{
    const struct bench_options *options = &bench->options;
    struct bench_work work = work_of(bench, row, options->in_flight[load]);
    struct bench_result result;
    if (bench_stage_measure(&bench->stage, options, 0, &work, &result) != 0) {
        bench_complain("failed in round %u, %s at %u in flight", round + 1, bench_responder_names[row],
                       options->in_flight[load]);
        return -1;
    }
    bench_report_note(bench->report, round, load, row, &result);
    return 0;
}

/* All responders at one load, one after the other, another one first in each round: whatever drifts on the
 * machine hits all alike. */
static int measure_load(struct bench *bench, unsigned round, size_t load)
{
    for (unsigned i = 0; i < BENCH_RESPONDERS; i++) {
        enum bench_responder row = (enum bench_responder)((i + round) % BENCH_RESPONDERS);
        if (bench->options.responders[row] && measure_cell(bench, round, load, row) != 0)
            return -1;
    }
    return 0;
}

static int measure(struct bench *bench)
{
    for (unsigned round = 0; round < bench->options.rounds; round++) {
        for (size_t load = 0; load < bench->options.loads; load++) {
            if (measure_load(bench, round, load) != 0)
                return -1;
        }
        fprintf(stderr, "round %u of %u done\n", round + 1, bench->options.rounds);
    }
    return 0;
}

/* ---- beginning and end ---- */

static void end(struct bench *bench)
{
    for (int i = CHILDREN - 1; i >= 0; i--)
        bench_child_stop(&bench->children[i]);
    bench_stage_end(&bench->stage);
    bench_report_destroy(bench->report);
}

/* The run that --help tells of first: its table goes to stdout. Returns an exit code. */
static int run_main_table(struct bench *bench)
{
    int code = 1;
    bench->report = bench_report_create(&bench->options);
    if (bench->report == NULL)
        bench_complain("out of memory");
    if (bench->report != NULL && bench_stage_begin(&bench->stage) == 0 && prepare(bench) == 0 &&
        measure(bench) == 0) {
        bench_report_table(bench->report, bench->options.json ? stderr : stdout);
        if (bench->options.json)
            bench_report_json(bench->report, stdout);
        code = fflush(stdout) == 0 ? 0 : 1;
    }
    end(bench);
    return code;
}

int main(int argc, char *argv[])
{
    struct bench bench = {0};
    if (argc == 5 && strcmp(argv[1], BENCH_ECHO_ARGUMENT) == 0)
        return be_the_echo(argv);
    int code = bench_options_parse(argc, argv, &bench.options);
    if (code >= 0)
        return code;
    return bench.options.auth ? bench_auth_run(&bench.options) : run_main_table(&bench);
}
