#include "wascc_keyvalue/clock.h"

#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    /* Neither clock can fail on Linux with a valid pointer. */
    (void)clock_gettime(id, &t);
    return (int64_t)t.tv_sec * WKV_NS_PER_S + t.tv_nsec;
}

int64_t wkv_monotonic_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t wkv_wall_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t wkv_wall_coarse_s(void)
{
    return read_clock(CLOCK_REALTIME_COARSE) / WKV_NS_PER_S;
}
