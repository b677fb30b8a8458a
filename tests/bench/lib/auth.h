/* The run of --auth: what a Get costs in each mode of --auth, beside echoes that get the same messages. */
#ifndef WASCC_KEYVALUE_BENCH_AUTH_H
#define WASCC_KEYVALUE_BENCH_AUTH_H

#include "options.h"

/* Does all of it. The table goes to stdout, with --json to stderr. Returns an exit code. */
int bench_auth_run(struct bench_options *options);

#endif
