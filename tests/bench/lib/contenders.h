/* The stores that are measured. */
#ifndef WASCC_KEYVALUE_BENCH_CONTENDERS_H
#define WASCC_KEYVALUE_BENCH_CONTENDERS_H

#include "contender.h"

/* Ours, through its public face as a worker uses it: a view a call. */
extern const struct bench_contender bench_ours;

/* uthash with one lock, values in place. NULL where there was no <uthash.h> when this was built. */
const struct bench_contender *bench_find_uthash(void);

/* Compiles tests/bench/pogocache/adapter.c with the sources in a checkout of pogocache, which are no part of
 * this project, and loads it. The stores' bytes are malloc's. Returns NULL after saying what went wrong. */
const struct bench_contender *bench_load_pogocache(const char *checkout);

#endif
