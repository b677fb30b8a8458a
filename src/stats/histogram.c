#include "stats/histogram.h"

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

uint64_t wkv_histogram_percentiles(const uint64_t *counts, const unsigned *ten_thousandths, size_t n,
                                   uint64_t *out)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < WKV_HISTOGRAM_BUCKETS; i++)
        total += counts[i];
    uint32_t bucket = 0;
    uint64_t seen = counts[0];
    for (size_t i = 0; i < n; i++) {
        assert(ten_thousandths[i] >= (i == 0 ? 1 : ten_thousandths[i - 1]) && ten_thousandths[i] <= 10000);
        uint64_t wanted = share(total, ten_thousandths[i]);
        while (seen < wanted && bucket < WKV_HISTOGRAM_BUCKETS - 1)
            seen += counts[++bucket];
        out[i] = total == 0 ? 0 : wkv_histogram_upper_ns(bucket);
    }
    return total;
}
