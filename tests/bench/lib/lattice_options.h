/* What wascc-keyvalue-bench-lattice is asked for on the command line. */
#ifndef WASCC_KEYVALUE_BENCH_LATTICE_OPTIONS_H
#define WASCC_KEYVALUE_BENCH_LATTICE_OPTIONS_H

#include <stdbool.h>

#include "process.h"

struct bench_lattice_options {
    char provider[BENCH_PATH_BYTES];
    unsigned invocations; /* measured in each round */
    unsigned rounds;
    unsigned in_flight;
    bool inside;     /* only the part without NATS, */
    bool unverified; /* and of that only the last row, and no table */
};

/* Reads the command line. Returns -1 where there is a run to do, or the code to exit with: 0 after --help, 64
 * after one clear line about a bad option. */
int bench_lattice_options_parse(int argc, char *argv[], struct bench_lattice_options *options);

#endif
