/* Time. Only the outermost callers (a worker's loop, the janitor, main) read a clock; everything below them
 * gets `now` as an argument, so an operation is a function of (store, request, now). */
#ifndef WASCC_KEYVALUE_CLOCK_H
#define WASCC_KEYVALUE_CLOCK_H

#include <stdint.h>

#define WKV_NS_PER_MS INT64_C(1000000)
#define WKV_NS_PER_S INT64_C(1000000000)

/* Nanoseconds of CLOCK_MONOTONIC: never goes back, is not moved by anyone who sets the wall clock. Any
 * thread. */
int64_t wkv_monotonic_ns(void);

/* Nanoseconds since 1970 of the wall clock: for log lines and the times in tokens, never for expiry. Any
 * thread. */
int64_t wkv_wall_ns(void);

/* Seconds since 1970, a few milliseconds stale at most and cheaper by far: for the times in claims. Any thread. */
int64_t wkv_wall_coarse_s(void);

#endif
