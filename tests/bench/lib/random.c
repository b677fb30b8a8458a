#include "random.h"

#include <stdlib.h>

double *bench_zipf_chances(uint32_t count)
{
    double sum = 0, *chances = malloc(count * sizeof *chances);
    for (uint32_t i = 0; chances != NULL && i < count; i++)
        chances[i] = sum += 1.0 / (i + 1);
    for (uint32_t i = 0; chances != NULL && i < count; i++)
        chances[i] /= sum;
    return chances;
}

uint32_t bench_zipf(const double *chances, uint32_t count, uint64_t *state)
{
    double chance = (double)(bench_random(state) >> 11) / (double)(UINT64_C(1) << 53);
    uint32_t low = 0, high = count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (chances[middle] < chance)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
