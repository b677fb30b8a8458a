/* wascc-keyvalue-bench: what the provider costs beyond a bare echo. See --help for what is measured and how.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench_echo.h"
#include "bench_options.h"
#include "bench_process.h"
#include "bench_report.h"
#include "bench_requester.h"

#define START_TIMEOUT_NS ((int64_t)20 * 1000000000)
#define POLL_NS 10000000
#define LOADING_IN_FLIGHT 256
#define MAX_WINDOW_NS ((int64_t)60 * 1000000000)

/* Any actor: with --auth none the key says nothing. It is as long as a real one. */
#define ACTOR "MBENCHMARKBENCHMARKBENCHMARKBENCHMARKBENCHMARKBENCHMARKBE"
#define PROVIDER_SUBJECT "wasmbus.provider.wascc.keyvalue.default." ACTOR
/* An echo's subject is as long, and its subscription has the wildcard in the same place. */
#define BARE_SUBJECT "echo-ev.provider.wascc.keyvalue.default."
#define DEFAULT_SUBJECT "echo-cb.provider.wascc.keyvalue.default."

/* The first argument of this program when it is started by itself, to be one of the echoes. */
#define ECHO_ARGUMENT "--be-the-echo"

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

enum child_name { NATS_SERVER, BARE_ECHO, DEFAULT_ECHO, PROVIDER, CHILDREN };

struct bench {
    struct bench_options options;
    char folder[64]; /* of this run: logs and the server's ports */
    struct bench_child children[CHILDREN];
    uint16_t port;
    char url[64];
    struct bench_requester *requester;
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

static void pause_a_little(void)
{
    struct timespec pause = {.tv_nsec = POLL_NS};
    nanosleep(&pause, NULL);
}

/* ---- the server ---- */

/* Finds the port in `{"nats":["nats://127.0.0.1:4222"],…}`. Returns 0 where it is not (wholly) there yet. */
static uint16_t read_port(const char *path)
{
    static const char before[] = "nats://127.0.0.1:";
    char text[1024];
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    size_t len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[len] = '\0';
    char *at = strstr(text, before);
    if (at == NULL)
        return 0;
    char *end;
    unsigned long port = strtoul(at + strlen(before), &end, 10);
    return *end == '"' && port > 0 && port <= UINT16_MAX ? (uint16_t)port : 0;
}

static int start_server(struct bench *bench)
{
    struct bench_child *server = &bench->children[NATS_SERVER];
    char *argv[] = {"nats-server", "-a", "127.0.0.1", "-p", "-1", "--ports_file_dir", bench->folder, NULL};
    char path[BENCH_PATH_BYTES];
    if (bench_child_start(server, "nats-server", argv) != 0)
        return -1;
    snprintf(path, sizeof path, "%s/nats-server_%d.ports", bench->folder, (int)server->pid);
    int64_t deadline = bench_now_ns() + START_TIMEOUT_NS;
    while ((bench->port = read_port(path)) == 0) {
        if (!bench_child_alive(server))
            return -1;
        if (interrupted || bench_now_ns() > deadline) {
            bench_complain("nats-server did not say its port in %s", path);
            return -1;
        }
        pause_a_little();
    }
    snprintf(bench->url, sizeof bench->url, "nats://127.0.0.1:%u", (unsigned)bench->port);
    return 0;
}

/* ---- the responders ---- */

static int start_echo(struct bench *bench, enum child_name name)
{
    char *argv[] = {"wascc-keyvalue-bench", ECHO_ARGUMENT, name == BARE_ECHO ? "bare" : "default", bench->url,
                    NULL};
    return bench_child_start(&bench->children[name], "/proc/self/exe", argv);
}

static int start_provider(struct bench *bench)
{
    char workers[16];
    char *path = bench->options.provider;
    char *argv[] = {path, "serve", "--server", bench->url, "--auth", "none", "--workers", workers, NULL};
    snprintf(workers, sizeof workers, "%u", bench->options.workers);
    if (access(path, X_OK) != 0) {
        bench_complain("there is no provider to measure at %s (%s): build it or name it with --provider",
                       path, strerror(errno));
        return -1;
    }
    return bench_child_start(&bench->children[PROVIDER], path, argv);
}

/* What runs in an echo's process. */
static int be_the_echo(char *argv[])
{
    if (strcmp(argv[2], "bare") == 0)
        return bench_echo_bare(argv[3], BARE_SUBJECT "*.Get");
    return bench_echo_default(argv[3], DEFAULT_SUBJECT "*.Get");
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

/* Tells what is known of a child that let a run fail. */
static void explain(struct bench_child *child)
{
    if (child->pid > 0 && bench_child_alive(child))
        bench_child_show_log(child);
}

/* Runs work. Where it fails, the server's and the responder's logs tell more. */
static enum bench_status run(struct bench *bench, const struct bench_work *work, enum child_name child,
                             struct bench_result *result)
{
    enum bench_status status = bench_requester_run(bench->requester, work, result);
    if (status == BENCH_FAILED && !interrupted) {
        explain(&bench->children[NATS_SERVER]);
        explain(&bench->children[child]);
    }
    return status;
}

/* Waits until somebody answers in this row, by asking. For Get, a key must be there. */
static int await(struct bench *bench, enum bench_responder row)
{
    enum child_name child = responders[row].child;
    struct bench_work work = work_of(bench, row, 1);
    struct bench_result result;
    int64_t deadline = bench_now_ns() + START_TIMEOUT_NS;
    work.each_key = 1;
    for (;;) {
        enum bench_status status = run(bench, &work, child, &result);
        if (status != BENCH_NO_RESPONDERS)
            return status == BENCH_OK ? 0 : -1;
        if (!bench_child_alive(&bench->children[child]))
            return -1;
        if (interrupted || bench_now_ns() > deadline) {
            bench_complain("nobody answers on %s", work.subject);
            bench_child_show_log(&bench->children[child]);
            return -1;
        }
        pause_a_little();
    }
}

/* Makes every scalar with Set, or every counter with Add. */
static int load_keys(struct bench *bench, enum bench_responder row)
{
    struct bench_work work = work_of(bench, row, LOADING_IN_FLIGHT);
    struct bench_result result;
    int64_t begin_ns = bench_now_ns();
    work.each_key = bench->options.keys;
    if (run(bench, &work, PROVIDER, &result) != BENCH_OK)
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
    if (start_server(bench) != 0)
        return -1;
    bench->requester = bench_requester_open(bench->port, &interrupted);
    if (bench->requester == NULL)
        return -1;
    if (start_echo(bench, BARE_ECHO) != 0 || await(bench, BENCH_BARE) != 0)
        return -1;
    if (bench->options.responders[BENCH_DEFAULT] &&
        (start_echo(bench, DEFAULT_ECHO) != 0 || await(bench, BENCH_DEFAULT) != 0))
        return -1;
    return wants_provider(&bench->options) ? prepare_provider(bench) : 0;
}

/* ---- measuring ---- */

static int measure_cell(struct bench *bench, unsigned round, size_t load, enum bench_responder row)
{
    const struct bench_options *options = &bench->options;
    struct bench_work work = work_of(bench, row, options->in_flight[load]);
    struct bench_result result;
    work.window_ns = options->requests > 0 ? MAX_WINDOW_NS : (int64_t)(options->seconds * 1e9);
    work.warmup_ns = work.window_ns / 10;
    work.window_replies = options->requests;
    work.warmup_replies = options->requests / 10;
    enum bench_status status = run(bench, &work, responders[row].child, &result);
    if (status == BENCH_NO_RESPONDERS) {
        bench_complain("nobody answers on %s any more", work.subject);
        explain(&bench->children[NATS_SERVER]);
        explain(&bench->children[responders[row].child]);
    }
    if (status == BENCH_OK && result.responder_cpu_ns <= 0) {
        bench_complain("cannot read the processor time of %s", bench->children[responders[row].child].name);
        status = BENCH_FAILED;
    }
    if (status != BENCH_OK) {
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

/* Debian keeps nats-server in /usr/sbin, which is not on everyone's PATH. */
static int widen_path(void)
{
    char wider[4096];
    const char *path = getenv("PATH");
    int len =
        snprintf(wider, sizeof wider, "%s:/usr/sbin", path == NULL || *path == '\0' ? "/usr/bin:/bin" : path);
    return len < (int)sizeof wider ? setenv("PATH", wider, 1) : 0;
}

static int begin(struct bench *bench)
{
    static const char *const names[CHILDREN] = {"nats-server", "the bare echo", "the default echo",
                                                "the provider"};
    struct sigaction action = {.sa_handler = on_signal};
    const char *temporary = getenv("TMPDIR");
    int len = snprintf(bench->folder, sizeof bench->folder, "%s/wascc-keyvalue-bench-XXXXXX",
                       temporary == NULL || *temporary == '\0' ? "/tmp" : temporary);
    if (len >= (int)sizeof bench->folder)
        snprintf(bench->folder, sizeof bench->folder, "/tmp/wascc-keyvalue-bench-XXXXXX");
    if (sigaction(SIGINT, &action, NULL) != 0 || sigaction(SIGTERM, &action, NULL) != 0 ||
        sigaction(SIGHUP, &action, NULL) != 0 || widen_path() != 0 || mkdtemp(bench->folder) == NULL) {
        bench_complain("cannot make a folder for this run: %s", strerror(errno));
        bench->folder[0] = '\0';
        return -1;
    }
    for (size_t i = 0; i < CHILDREN; i++) {
        bench->children[i].name = names[i];
        snprintf(bench->children[i].log_path, BENCH_PATH_BYTES, "%s/%zu.log", bench->folder, i);
    }
    return 0;
}

static void remove_folder(const char *folder)
{
    DIR *entries = opendir(folder);
    if (entries == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(entries), entry->d_name, 0);
    }
    closedir(entries);
    rmdir(folder);
}

static void end(struct bench *bench)
{
    bench_requester_close(bench->requester);
    for (int i = CHILDREN - 1; i >= 0; i--) /* the server last: the others are its clients */
        bench_child_stop(&bench->children[i]);
    bench_report_destroy(bench->report);
    if (bench->folder[0] != '\0')
        remove_folder(bench->folder);
}

int main(int argc, char *argv[])
{
    struct bench bench = {0};
    if (argc == 4 && strcmp(argv[1], ECHO_ARGUMENT) == 0)
        return be_the_echo(argv);
    int code = bench_options_parse(argc, argv, &bench.options);
    if (code >= 0)
        return code;
    bench.report = bench_report_create(&bench.options);
    if (bench.report == NULL)
        bench_complain("out of memory");
    code = 1;
    if (bench.report != NULL && begin(&bench) == 0 && prepare(&bench) == 0 && measure(&bench) == 0) {
        bench_report_table(bench.report, bench.options.json ? stderr : stdout);
        if (bench.options.json)
            bench_report_json(bench.report, stdout);
        code = fflush(stdout) == 0 ? 0 : 1;
    }
    end(&bench);
    return code;
}
