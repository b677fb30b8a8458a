/* The run of --batch: Sets and Gets by the Batch, beside those of Redis. */
#ifndef WASCC_KEYVALUE_BENCH_BATCH_H
#define WASCC_KEYVALUE_BENCH_BATCH_H

#include "options.h"

/* Returns the exit code. */
int bench_batch_run(struct bench_options *options);

#endif
