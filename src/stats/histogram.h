/* A histogram of durations with a bounded relative error, after HdrHistogram's scheme: the buckets between
 * two powers of two are WKV_HISTOGRAM_STEPS equal steps, and up to that many nanoseconds each value has a
 * bucket of its own.
 *
 *   value      0 … 32   33 … 64   65 … 128   129 … 256   …   2^36 + 1 … 2^37 - 2^31   more
 *   width          1         1          2           4              2^31            in the last bucket
 *   buckets       32        32         32          32                31                 1
 *
 * (0 shares the bucket of 1.) A bucket has its upper bound in it and each power of two is one: so it is
 * exactly known how many values were at most 2^n. A value and its bucket's upper bound differ by less than
 * 1/32 (3.2 %) of the value, up to 2^37 - 2^31 ns (135 s).
 *
 * One thread adds; any thread may read meanwhile and sees each bucket as it is at some moment.
 */
#ifndef WKV_STATS_HISTOGRAM_H
#define WKV_STATS_HISTOGRAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define WKV_HISTOGRAM_STEP_BITS 5u
#define WKV_HISTOGRAM_STEPS (1u << WKV_HISTOGRAM_STEP_BITS)
#define WKV_HISTOGRAM_MAX_BITS 37u
#define WKV_HISTOGRAM_BUCKETS ((WKV_HISTOGRAM_MAX_BITS - WKV_HISTOGRAM_STEP_BITS + 1) * WKV_HISTOGRAM_STEPS)

struct wkv_histogram {
    _Atomic uint64_t counts[WKV_HISTOGRAM_BUCKETS];
};

/* The bucket of a value in nanoseconds. */
static inline uint32_t wkv_histogram_bucket(uint64_t ns)
{
    /* Steps of ns - 1 that begin at a power of two are steps of ns that end at one. */
    uint64_t below = ns - (ns != 0);
    if (below < WKV_HISTOGRAM_STEPS)
        return (uint32_t)below;
    uint32_t bits = 63u - (uint32_t)__builtin_clzll(below);
    if (bits >= WKV_HISTOGRAM_MAX_BITS)
        return WKV_HISTOGRAM_BUCKETS - 1;
    uint32_t shift = bits - WKV_HISTOGRAM_STEP_BITS;
    return (shift + 1) * WKV_HISTOGRAM_STEPS + (uint32_t)((below >> shift) & (WKV_HISTOGRAM_STEPS - 1));
}

/* The largest value of a bucket, in nanoseconds; of the last one UINT64_MAX, since it takes whatever is more.
 */
uint64_t wkv_histogram_upper_ns(uint32_t bucket);

/* Adds a value so many times. For the histogram's one writer. */
static inline void wkv_histogram_add(struct wkv_histogram *histogram, uint64_t ns, uint64_t times)
{
    _Atomic uint64_t *count = &histogram->counts[wkv_histogram_bucket(ns)];
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + times,
                          memory_order_relaxed);
}

/* Percentiles, all n in one walk through the buckets. out[i] is the smallest value, in nanoseconds and
 * rounded up to its bucket's largest, that at least ten_thousandths[i] parts in ten thousand (1 to 10000,
 * ascending) of the counted values do not exceed; 0 where nothing was counted. counts has
 * WKV_HISTOGRAM_BUCKETS. A caller that knows the largest value bounds the answers by it. Returns how many
 * values were counted. */
uint64_t wkv_histogram_percentiles(const uint64_t *counts, const unsigned *ten_thousandths, size_t n,
                                   uint64_t *out);

#endif
