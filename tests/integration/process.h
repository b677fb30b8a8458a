/* A child process of a test: what it says is read through pipes, and it never outlives the test.
 *
 * Every wait is bounded by WAIT_MS and fails the running test with what the process said. A sanitizer's
 * report in what it said fails the test, too. For the main thread of a test only.
 */
#ifndef INTEGRATION_PROCESS_H
#define INTEGRATION_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Enough for a sanitizer build on a loaded machine of two cores. */
#define WAIT_MS 60000

/* Bytes read so far, always with a NUL behind them. */
struct output {
    char *bytes;
    size_t len;
    int fd; /* -1: the writer has closed it */
};

struct process {
    const char *name; /* borrowed, for messages */
    pid_t pid;        /* 0: never started, or ended */
    int pid_fd;
    struct output out, err;
    size_t cursor; /* how far err has been searched */
    int status;    /* of waitpid, once it has ended */
};

/* Starts argv[0], found on PATH, with argv (NULL at the end), standard input being what `input` holds (NULL:
 * nothing). The environment is the test's without the variables that the program or a NATS client reads, and
 * with those of `environment` ("NAME=value", NULL at the end; may be NULL). */
void process_start(struct process *process, const char *const argv[], const char *const environment[],
                   const char *input);

/* Waits until a line of standard error, after those that earlier calls have returned, holds the text. Returns
 * the rest of the output from that line's beginning on; it is valid until the next call. */
const char *process_await_line(struct process *process, const char *text);

/* Waits for the process to end and returns its exit status, or 128 and its signal. */
int process_await_exit(struct process *process);

/* Reads what the process has said up to now without waiting. */
void process_read(struct process *process);

/* Fills the pipe, of which a page is left, so that what the process writes next has to wait for a reader. */
void output_fill(const struct output *output);

void process_signal(const struct process *process, int signal);

/* Stops the process in its tracks, and returns when it stands still. SIGCONT wakes it. */
void process_freeze(const struct process *process);

/* Kills the process where it still runs and frees what it said. */
void process_destroy(struct process *process);

/* Runs a program to its end; out and err have all that it said. Returns its exit status. */
int process_run(struct process *process, const char *const argv[], const char *const environment[],
                const char *input);

/* Milliseconds of the monotonic clock. */
long long now_ms(void);

/* Kilobytes of memory that the process has, or has had at the most, in RAM. */
long process_rss_kb(const struct process *process);
long process_peak_rss_kb(const struct process *process);

#endif
