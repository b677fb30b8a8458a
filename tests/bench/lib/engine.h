/* The tables of --engine jetstream: the engine beside JetStream's own key-value bucket, and beside the memory
 * engine. */
#ifndef WASCC_KEYVALUE_BENCH_ENGINE_H
#define WASCC_KEYVALUE_BENCH_ENGINE_H

#include "options.h"

/* Returns an exit code. */
int bench_engine_run(struct bench_options *options);

#endif
