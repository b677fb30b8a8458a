#include "support/clock.h"

#include <limits.h>
#include <stdio.h>
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

int wkv_left_ms(int64_t until_ns)
{
    int64_t left_ms = (until_ns - wkv_monotonic_ns()) / WKV_NS_PER_MS;
    return left_ms < 0 ? 0 : left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

int64_t wkv_boottime_ns(void)
{
    return read_clock(CLOCK_BOOTTIME);
}

int64_t wkv_wall_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t wkv_wall_coarse_s(void)
{
    return read_clock(CLOCK_REALTIME_COARSE) / WKV_NS_PER_S;
}

void wkv_time_text(int64_t wall_ns, unsigned digits, char out[WKV_TIME_TEXT_BYTES])
{
    time_t seconds = (time_t)(wall_ns / WKV_NS_PER_S);
    int fraction = (int)(wall_ns % WKV_NS_PER_S);
    struct tm utc;
    char date[32];
    for (unsigned i = digits; i < 9; i++)
        fraction /= 10;
    (void)gmtime_r(&seconds, &utc);
    (void)strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    if (digits == 0)
        (void)snprintf(out, WKV_TIME_TEXT_BYTES, "%sZ", date);
    else
        (void)snprintf(out, WKV_TIME_TEXT_BYTES, "%s.%0*dZ", date, (int)digits, fraction);
}
