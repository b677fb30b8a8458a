/* Adds of one counter at a pace, whatever becomes of each: what callers see while something fails. One
 * thread.
 */
#ifndef WASCC_KEYVALUE_BENCH_PACE_H
#define WASCC_KEYVALUE_BENCH_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* What became of requests, and when. */
struct bench_pace_tally {
    uint64_t sent, done;
    uint64_t refused;       /* nothing was changed: 503 and the like */
    uint64_t unknown;       /* 504 */
    uint64_t no_responders; /* nobody listened */
    uint64_t unanswered;    /* for three seconds */
    int64_t begin_ns;
    int64_t first_ns;       /* an answer to what was sent since the beginning; 0: none */
    int64_t last_ns;        /* the last answer; at first the beginning */
    int64_t longest_gap_ns; /* from one answer to the next. Answers are those without an error */
};

struct bench_pace;

/* url: of a server that will not fail. subject: of the counter's Add. Returns NULL after saying what went
 * wrong. */
struct bench_pace *bench_pace_open(const char *url, const char *subject);

/* NULL is allowed. */
void bench_pace_close(struct bench_pace *pace);

/* Sends for so long. Returns 0, or -1 after saying what went wrong or where a signal asked for the end. */
int bench_pace_run(struct bench_pace *pace, int64_t ns);

/* Begins the tally anew, and returns what it was. What is under way counts in the new one. */
struct bench_pace_tally bench_pace_begin(struct bench_pace *pace);

const struct bench_pace_tally *bench_pace_tally(const struct bench_pace *pace);

/* Waits for what is under way and reads the counter. Returns 0 where it holds everything that was
 * acknowledged since the opening, each once, and nothing that was refused; else -1 after saying what is
 * wrong. */
int bench_pace_check(struct bench_pace *pace);

#endif
