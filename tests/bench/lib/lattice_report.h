/* The figures of a run of wascc-keyvalue-bench-lattice, and what is printed of them. */
#ifndef WASCC_KEYVALUE_BENCH_LATTICE_REPORT_H
#define WASCC_KEYVALUE_BENCH_LATTICE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "lattice_inside.h"

/* ns of processor time for each invocation, in one round. */
struct bench_lattice_round {
    double verify_ns; /* around what goes through NATS */
    double invocation_ns;
    double echo_ns;
    struct bench_inside_times inside;
};

/* Prints the medians over the rounds; without_nats leaves out what was not measured then. */
void bench_lattice_report(const struct bench_lattice_round *rounds, size_t count, bool without_nats,
                          FILE *out);

#endif
