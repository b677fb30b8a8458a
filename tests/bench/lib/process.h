/* The processes that a run starts: the NATS server, the echoes and the provider. */
#ifndef WASCC_KEYVALUE_BENCH_PROCESS_H
#define WASCC_KEYVALUE_BENCH_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes of the longest path of ours, its NUL included. */
#define BENCH_PATH_BYTES 512

struct bench_child {
    const char *name; /* for messages; borrowed */
    pid_t pid;        /* 0: not running */
    int pid_fd;
    char log_path[BENCH_PATH_BYTES]; /* what it says on stdout and stderr; overwritten at start */
};

/* Prints one line on stderr, after the program's name. */
void bench_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Starts program (looked up on PATH where it has no slash) with argv. The child dies with this process, gets
 * none of its descriptors, and none of the environment's options for NATS or for the provider: what a run
 * measures is on its own command line. child->name and child->log_path are the caller's to fill in before.
 * Returns 0, or -1 after saying what went wrong. */
int bench_child_start(struct bench_child *child, const char *program, char *const argv[]);

/* Whether it still runs. Where it does not, says how it ended and the last lines that it said, once. */
bool bench_child_alive(struct bench_child *child);

/* Starts it, likewise, and waits for its end, for two minutes at the most. Returns its exit code, or -1 after
 * saying what went wrong: it could not be started, was ended by a signal or did not end. */
int bench_child_run(struct bench_child *child, const char *program, char *const argv[]);

/* Prints the last lines that it said, where there are any. */
void bench_child_show_log(const struct bench_child *child);

/* Asks the child to end, makes it end after five seconds, and waits for it. Nothing where it does not run. */
void bench_child_stop(struct bench_child *child);

/* Sends it a signal and does not wait. Nothing where it does not run. */
void bench_child_signal(const struct bench_child *child, int number);

/* User and system time of all its threads since its start, in ns, or -1. */
int64_t bench_child_cpu_ns(const struct bench_child *child);

/* A port of the loopback that was free a moment ago, for a program that does not look for one by itself.
 * Returns false after saying what went wrong. */
bool bench_find_port(uint16_t *port);

/* Nanoseconds of CLOCK_MONOTONIC. */
int64_t bench_now_ns(void);

#endif
