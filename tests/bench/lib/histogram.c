#include "histogram.h"

#include <stddef.h>

#define STEPS BENCH_HISTOGRAM_STEPS
#define BUCKETS ((size_t)STEPS * BENCH_HISTOGRAM_OCTAVES)

/* Values below 2 * STEPS have a bucket each. Above, an octave [STEPS << shift, 2 * STEPS << shift) has STEPS
 * buckets of 1 << shift, and follows the one below it. */
static size_t bucket_of(uint64_t value)
{
    if (value < STEPS)
        return (size_t)value;
    unsigned shift = 63u - (unsigned)__builtin_clzll(value) - 8u; /* STEPS is 2^8 */
    size_t bucket = (size_t)shift * STEPS + (size_t)(value >> shift);
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static double middle_of(size_t bucket)
{
    if (bucket < 2 * (size_t)STEPS)
        return (double)bucket;
    unsigned shift = (unsigned)(bucket / STEPS) - 1;
    uint64_t low = (uint64_t)(bucket - (size_t)shift * STEPS) << shift;
    return (double)low + (double)((uint64_t)1 << shift) / 2;
}

void bench_histogram_add(struct bench_histogram *histogram, int64_t ns)
{
    histogram->counts[bucket_of(ns < 0 ? 0 : (uint64_t)ns)]++;
    histogram->total++;
}

double bench_histogram_quantile(const struct bench_histogram *histogram, double share)
{
    uint64_t seen = 0;
    double wanted = share * (double)histogram->total;
    for (size_t i = 0; i < BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen > 0 && (double)seen >= wanted)
            return middle_of(i);
    }
    return 0;
}
