/* Numbers as if by chance, the same in each run: any, and by a zipf law. */
#ifndef WASCC_KEYVALUE_BENCH_RANDOM_H
#define WASCC_KEYVALUE_BENCH_RANDOM_H

#include <stdint.h>

/* The next number (splitmix64). Any state is good to begin with. */
static inline uint64_t bench_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* For bench_zipf: the chance of each number below `count`, at least 1, or of one before it. The caller frees
 * it. Errors: NULL, no memory. */
double *bench_zipf_chances(uint32_t count);

/* A number below count, by a zipf law of exponent 1: 0 comes most. */
uint32_t bench_zipf(const double *chances, uint32_t count, uint64_t *state);

#endif
