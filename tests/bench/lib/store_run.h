/* One measurement of one store, in a child process, so that none meets the memory that another has left. */
#ifndef WASCC_KEYVALUE_BENCH_STORE_RUN_H
#define WASCC_KEYVALUE_BENCH_STORE_RUN_H

#include "contender.h"

#define BENCH_MAX_THREADS 64u

/* What is timed, in this order. */
enum bench_phase {
    BENCH_PHASE_LOAD,     /* every key for the first time */
    BENCH_PHASE_GET,      /* random keys from here on */
    BENCH_PHASE_GET_MANY, /* sixteen that are known at once */
    BENCH_PHASE_OVERWRITE,
    BENCH_PHASE_COUNT_FIRST, /* a quarter as many keys more, each for the first time */
    BENCH_PHASE_COUNT,
    BENCH_PHASES
};

struct bench_store_plan {
    uint64_t keys, operations;
    uint32_t threads, value_bytes; /* values of BENCH_KEY_BYTES to BENCH_MAX_STORED_BYTES */
    bool processor_time;           /* the threads' own instead of the clock's */
};

struct bench_store_figures {
    double rates[BENCH_PHASES]; /* a second; 0: the store has nothing for that */
    double counted, resident;   /* bytes of memory a key, after the load */
};

/* Returns 0, or -1 after saying what went wrong: every answer is looked at. */
int bench_store_run(const struct bench_contender *contender, const struct bench_store_plan *plan,
                    struct bench_store_figures *figures);

/* Bytes of memory of a process's own that are resident, by /proc/PID/smaps_rollup, the sum of smaps; 0: this
 * cannot be told. */
uint64_t bench_resident_bytes(int pid);

#endif
