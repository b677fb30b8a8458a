#include "stage.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define START_TIMEOUT_NS ((int64_t)20 * 1000000000)
#define POLL_NS 10000000
#define MAX_WINDOW_NS ((int64_t)60 * 1000000000)

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

bool bench_stage_interrupted(void)
{
    return interrupted != 0;
}

void bench_stage_pause(void)
{
    struct timespec pause = {.tv_nsec = POLL_NS};
    nanosleep(&pause, NULL);
}

void bench_stage_name_log(struct bench_stage *stage, struct bench_child *child)
{
    snprintf(child->log_path, BENCH_PATH_BYTES, "%s/%u.log", stage->folder, stage->logs++);
}

/* ---- the responders ---- */

int bench_stage_start_echo(struct bench_stage *stage, struct bench_child *child, char *kind, char *subject)
{
    char *argv[] = {
        "wascc-keyvalue-bench", BENCH_ECHO_ARGUMENT, kind, stage->servers.each[0].url, subject, NULL};
    bench_stage_name_log(stage, child);
    return bench_child_start(child, "/proc/self/exe", argv);
}

/* An option that was not given is left to the provider. */
static size_t put_option(char **argv, size_t count, const char *name, const char *value)
{
    if (value == NULL)
        return count;
    argv[count] = (char *)(uintptr_t)name; /* exec changes neither */
    argv[count + 1] = (char *)(uintptr_t)value;
    return count + 2;
}

int bench_stage_start_provider(struct bench_stage *stage, struct bench_child *child,
                               const struct bench_provider *provider)
{
    char workers[16];
    char *argv[24] = {provider->path, "serve"};
    size_t count = 2;
    snprintf(workers, sizeof workers, "%u", provider->workers);
    count = put_option(argv, count, "--server", stage->servers.urls);
    count = put_option(argv, count, "--binding", provider->binding);
    count = put_option(argv, count, "--auth", provider->auth);
    count = put_option(argv, count, "--workers", workers);
    count = put_option(argv, count, "--engine", provider->engine);
    count = put_option(argv, count, "--reads", provider->reads);
    if (provider->mint != NULL) {
        count = put_option(argv, count, "--trusted-issuer", provider->mint->issuer);
        count = put_option(argv, count, "--trusted-host", provider->mint->host);
    }
    bench_stage_name_log(stage, child);
    if (access(provider->path, X_OK) == 0)
        return bench_child_start(child, provider->path, argv);
    bench_complain("there is no provider to measure at %s (%s): build it or name it with --provider",
                   provider->path, strerror(errno));
    return -1;
}

/* Tells what is known of a child that let a run fail. */
static void explain(struct bench_child *child)
{
    if (child->pid > 0 && bench_child_alive(child))
        bench_child_show_log(child);
}

enum bench_status bench_stage_run(struct bench_stage *stage, const struct bench_work *work,
                                  struct bench_result *result)
{
    enum bench_status status = bench_requester_run(stage->requester, work, result);
    if (status == BENCH_FAILED && !interrupted) {
        bench_servers_explain(&stage->servers);
        explain(work->responder);
    }
    return status;
}

int bench_stage_await(struct bench_stage *stage, const struct bench_work *work)
{
    struct bench_result result;
    int64_t deadline = bench_now_ns() + START_TIMEOUT_NS;
    for (;;) {
        enum bench_status status = bench_stage_run(stage, work, &result);
        if (status != BENCH_NO_RESPONDERS)
            return status == BENCH_OK ? 0 : -1;
        if (!bench_child_alive(work->responder))
            return -1;
        if (interrupted || bench_now_ns() > deadline) {
            bench_complain("nobody answers on %s", work->subject);
            bench_child_show_log(work->responder);
            return -1;
        }
        bench_stage_pause();
    }
}

int bench_stage_measure(struct bench_stage *stage, const struct bench_limits *limits, uint64_t most,
                        struct bench_work *work, struct bench_result *result)
{
    uint64_t window_most = most - most / 10;
    work->window_ns = limits->requests > 0 ? MAX_WINDOW_NS : (int64_t)(limits->seconds * 1e9);
    work->warmup_ns = work->window_ns / 10;
    work->window_replies = limits->requests;
    if (most > 0 && (work->window_replies == 0 || work->window_replies > window_most))
        work->window_replies = window_most;
    work->warmup_replies = work->window_replies / 10;
    enum bench_status status = bench_stage_run(stage, work, result);
    if (status == BENCH_NO_RESPONDERS) {
        bench_complain("nobody answers on %s any more", work->subject);
        bench_servers_explain(&stage->servers);
        explain(work->responder);
    }
    if (status == BENCH_OK && result->responder_cpu_ns <= 0) {
        bench_complain("cannot read the processor time of %s", work->responder->name);
        status = BENCH_FAILED;
    }
    return status == BENCH_OK ? 0 : -1;
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

static int make_folder(struct bench_stage *stage)
{
    const char *temporary = getenv("TMPDIR");
    int len = snprintf(stage->folder, sizeof stage->folder, "%s/wascc-keyvalue-bench-XXXXXX",
                       temporary == NULL || *temporary == '\0' ? "/tmp" : temporary);
    if (len >= (int)sizeof stage->folder)
        snprintf(stage->folder, sizeof stage->folder, "/tmp/wascc-keyvalue-bench-XXXXXX");
    if (mkdtemp(stage->folder) != NULL)
        return 0;
    stage->folder[0] = '\0';
    return -1;
}

int bench_stage_begin_alone(struct bench_stage *stage)
{
    struct sigaction action = {.sa_handler = on_signal};
    if (sigaction(SIGINT, &action, NULL) == 0 && sigaction(SIGTERM, &action, NULL) == 0 &&
        sigaction(SIGHUP, &action, NULL) == 0 && widen_path() == 0 && make_folder(stage) == 0)
        return 0;
    bench_complain("cannot make a folder for this run: %s", strerror(errno));
    return -1;
}

int bench_stage_begin_on(struct bench_stage *stage, const struct bench_servers_plan *plan)
{
    if (bench_stage_begin_alone(stage) != 0)
        return -1;
    if (bench_servers_start(&stage->servers, plan, stage->folder, bench_stage_interrupted) != 0)
        return -1;
    stage->requester = bench_requester_open(stage->servers.each[0].port, &interrupted);
    return stage->requester == NULL ? -1 : 0;
}

int bench_stage_begin(struct bench_stage *stage)
{
    struct bench_servers_plan plan = {.count = 1};
    return bench_stage_begin_on(stage, &plan);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    (void)remove(path);
    return 0;
}

/* What lies in a folder goes before it. Symbolic links are removed, not followed. */
static void remove_folder(const char *folder)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void bench_stage_end(struct bench_stage *stage)
{
    bench_requester_close(stage->requester);
    bench_servers_stop(&stage->servers); /* last: all others are their clients */
    if (stage->folder[0] != '\0')
        remove_folder(stage->folder);
}
