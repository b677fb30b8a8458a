/* Latencies, counted in buckets no wider than 1/256 of the value. */
#ifndef WASCC_KEYVALUE_BENCH_HISTOGRAM_H
#define WASCC_KEYVALUE_BENCH_HISTOGRAM_H

#include <stdint.h>

#define BENCH_HISTOGRAM_STEPS 256  /* buckets an octave */
#define BENCH_HISTOGRAM_OCTAVES 36 /* up to 2^43 ns, more than two hours */

struct bench_histogram {
    uint64_t total;
    uint32_t counts[BENCH_HISTOGRAM_STEPS * BENCH_HISTOGRAM_OCTAVES];
};

/* Counts one value. What is beyond the last bucket counts there. */
void bench_histogram_add(struct bench_histogram *histogram, int64_t ns);

/* The value (the middle of its bucket) that the given share (0 to 1) of all are not above; 0 where there are
 * none. */
double bench_histogram_quantile(const struct bench_histogram *histogram, double share);

#endif
