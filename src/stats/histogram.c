#include "wascc_keyvalue/histogram.h"

#include <assert.h>

uint64_t wkv_histogram_upper_ns(uint32_t bucket)
{
    assert(bucket < WKV_HISTOGRAM_BUCKETS);
    if (bucket == WKV_HISTOGRAM_BUCKETS - 1)
        return UINT64_MAX;
    if (bucket < WKV_HISTOGRAM_STEPS)
        return bucket + 1;
    uint32_t shift = bucket / WKV_HISTOGRAM_STEPS - 1;
    uint64_t step = WKV_HISTOGRAM_STEPS + bucket % WKV_HISTOGRAM_STEPS;
    return (step + 1) << shift;
}

/* count * parts / 10000, rounded up, without overflow on the way. */
static uint64_t share(uint64_t count, unsigned parts)
{
    return count / 10000 * parts + (count % 10000 * parts + 9999) / 10000;
}

uint64_t wkv_histogram_percentile_ns(const uint64_t *counts, unsigned per_ten_thousand)
{
    assert(per_ten_thousand >= 1 && per_ten_thousand <= 10000);
    uint64_t total = 0;
    for (uint32_t bucket = 0; bucket < WKV_HISTOGRAM_BUCKETS; bucket++)
        total += counts[bucket];
    if (total == 0)
        return 0;
    uint64_t wanted = share(total, per_ten_thousand);
    uint32_t bucket = 0;
    for (uint64_t seen = counts[0]; seen < wanted && bucket < WKV_HISTOGRAM_BUCKETS - 1;)
        seen += counts[++bucket];
    return wkv_histogram_upper_ns(bucket);
}
