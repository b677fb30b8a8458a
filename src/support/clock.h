/* Time. Only the outermost callers (a worker's loop, the janitor, main) read a clock; everything below them
 * gets `now` as an argument, so an operation is a function of (store, request, now). */
#ifndef WKV_SUPPORT_CLOCK_H
#define WKV_SUPPORT_CLOCK_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define WKV_NS_PER_MS INT64_C(1000000)
#define WKV_NS_PER_S INT64_C(1000000000)

/* Nanoseconds of CLOCK_MONOTONIC: never goes back, and does not move when the wall clock is set. Any
 * thread. */
int64_t wkv_monotonic_ns(void);

/* Whole milliseconds until then on the monotonic clock, for poll and its like: 0 to INT_MAX. Any thread. */
int wkv_left_ms(int64_t until_ns);

/* Nanoseconds of CLOCK_BOOTTIME: the monotonic clock, which runs on while the machine sleeps. Any thread.
 */
int64_t wkv_boottime_ns(void);

/* Nanoseconds since 1970 of the wall clock: for log lines and the times in tokens, never for expiry. Any
 * thread. */
int64_t wkv_wall_ns(void);

/* Seconds since 1970, a few milliseconds stale at most and cheaper by far: for the times in claims. Any
 * thread. */
int64_t wkv_wall_coarse_s(void);

/* A clock that is told the time, in nanoseconds since 1970: what a log says it is. NULL, or one that was told
 * nothing yet: the monotonic one. Any thread. */
typedef _Atomic int64_t wkv_told_clock;

static inline int64_t wkv_told_ns(const wkv_told_clock *clock)
{
    int64_t told_ns = clock == NULL ? 0 : atomic_load_explicit(clock, memory_order_acquire);
    return told_ns != 0 ? told_ns : wkv_monotonic_ns();
}

/* Bytes of a moment as text, its NUL included. */
#define WKV_TIME_TEXT_BYTES 40

/* Writes wall_ns (nanoseconds since 1970) in RFC 3339's form, in UTC, with 0 to 9 digits of the second's
 * fraction, cut and not rounded: 2026-01-31T12:00:00.000Z. Any thread. */
void wkv_time_text(int64_t wall_ns, unsigned digits, char out[WKV_TIME_TEXT_BYTES]);

#endif
