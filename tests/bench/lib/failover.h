/* The figures of --failover: how long a fault keeps writes from being acknowledged. */
#ifndef WASCC_KEYVALUE_BENCH_FAILOVER_H
#define WASCC_KEYVALUE_BENCH_FAILOVER_H

#include "options.h"

/* Returns an exit code. */
int bench_failover_run(struct bench_options *options);

#endif
