/* Where a run takes place: a folder for it, a nats-server, the requester, and the processes that answer.
 *
 * One thread. Whatever fails has said so on stderr.
 */
#ifndef WASCC_KEYVALUE_BENCH_STAGE_H
#define WASCC_KEYVALUE_BENCH_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mint.h"
#include "process.h"
#include "requester.h"
#include "servers.h"

/* The first argument of this program when it is started by itself, to be an echo. */
#define BENCH_ECHO_ARGUMENT "--be-the-echo"

#define BENCH_LOADING_IN_FLIGHT 256

struct bench_stage {
    char folder[64]; /* of this run: logs, and what the servers keep */
    unsigned logs;   /* given out */
    struct bench_servers servers;
    struct bench_requester *requester;
};

/* Makes the folder, starts nats-server on a free port and connects the requester. Returns 0 or -1; after
 * either the stage is to be ended. */
int bench_stage_begin(struct bench_stage *stage);

/* The same with other servers. The requester connects to the first. */
int bench_stage_begin_on(struct bench_stage *stage, const struct bench_servers_plan *plan);

/* Makes the folder, and no more: for other servers than NATS'. */
int bench_stage_begin_alone(struct bench_stage *stage);

/* The responders have been stopped before. */
void bench_stage_end(struct bench_stage *stage);

/* Whether a signal has asked for the end. */
bool bench_stage_interrupted(void);

/* Gives the child a log in the stage's folder. */
void bench_stage_name_log(struct bench_stage *stage, struct bench_child *child);

/* Some milliseconds, between two looks at what is to come. */
void bench_stage_pause(void);

/* Starts this program as an echo of that kind (bench_echo). child->name is the caller's; its log is in the
 * stage's folder. Returns 0 or -1. */
int bench_stage_start_echo(struct bench_stage *stage, struct bench_child *child, char *kind, char *subject);

struct bench_provider {
    char *path;
    const char *binding, *auth;
    unsigned workers;
    const char *engine, *reads;    /* --engine and --reads; NULL: left to the provider */
    const struct bench_mint *mint; /* whom it trusts; NULL: nobody */
};

/* Starts the provider, likewise. */
int bench_stage_start_provider(struct bench_stage *stage, struct bench_child *child,
                               const struct bench_provider *provider);

/* Runs work. Where it fails, the server's and the responder's logs are shown. */
enum bench_status bench_stage_run(struct bench_stage *stage, const struct bench_work *work,
                                  struct bench_result *result);

/* Waits until somebody answers, by asking for this work again and again. Returns 0 or -1. */
int bench_stage_await(struct bench_stage *stage, const struct bench_work *work);

/* How long to measure: so many seconds, or, where that is not 0, so many requests. */
struct bench_limits {
    double seconds;
    uint64_t requests;
};

/* Runs work for as long as the limits say, which fill in its warm-up and its window, and for at most so many
 * replies in both (0: any number). Returns 0 or -1. */
int bench_stage_measure(struct bench_stage *stage, const struct bench_limits *limits, uint64_t most,
                        struct bench_work *work, struct bench_result *result);

#endif
