#include "top/format.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "support/clock.h"

/* Writes a number that is below `base` after being divided by base as often as needed; units[0] is for none.
 */
static void scale(double number, double base, const char *const units[], size_t count, char *out)
{
    size_t unit = 0;
    /* 999.95 would be shown as 1000.0 of the smaller unit. */
    while (unit + 1 < count && number >= base - 0.05) {
        number /= base;
        unit++;
    }
    (void)snprintf(out, WKV_TOP_CELL_BYTES, unit == 0 ? "%.0f%s" : "%.1f%s", number, units[unit]);
}

static const char *scale_decimal(double number, char out[WKV_TOP_CELL_BYTES])
{
    static const char *const units[] = {"", "k", "M", "G", "T", "P", "E", "Z", "Y"};
    scale(number, 1000, units, sizeof units / sizeof units[0], out);
    return out;
}

#define PLAIN_MAX 999999

const char *wkv_top_count(uint64_t number, char out[WKV_TOP_CELL_BYTES])
{
    if (number > PLAIN_MAX)
        return scale_decimal((double)number, out);
    (void)snprintf(out, WKV_TOP_CELL_BYTES, "%llu", (unsigned long long)number);
    return out;
}

const char *wkv_top_rate(double per_s, char out[WKV_TOP_CELL_BYTES])
{
    if (per_s > PLAIN_MAX)
        return scale_decimal(per_s, out);
    (void)snprintf(out, WKV_TOP_CELL_BYTES, per_s < 999.95 ? "%.1f" : "%.0f", per_s);
    return out;
}

const char *wkv_top_bytes(uint64_t bytes, char out[WKV_TOP_CELL_BYTES])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    scale((double)bytes, 1024, units, sizeof units / sizeof units[0], out);
    return out;
}

const char *wkv_top_duration(uint64_t ns, char out[WKV_TOP_CELL_BYTES])
{
    static const char *const units[] = {"ns", "us", "ms", "s", "ks", "Ms", "Gs", "Ts"};
    scale((double)ns, 1000, units, sizeof units / sizeof units[0], out);
    return out;
}

const char *wkv_top_uptime(uint64_t ns, char out[WKV_TOP_CELL_BYTES])
{
    unsigned long long s = ns / WKV_NS_PER_S;
    if (s < 60)
        (void)snprintf(out, WKV_TOP_CELL_BYTES, "%llus", s);
    else if (s < 3600)
        (void)snprintf(out, WKV_TOP_CELL_BYTES, "%llum%02llus", s / 60, s % 60);
    else if (s < 86400)
        (void)snprintf(out, WKV_TOP_CELL_BYTES, "%lluh%02llum", s / 3600, s / 60 % 60);
    else
        (void)snprintf(out, WKV_TOP_CELL_BYTES, "%llud%02lluh", s / 86400, s / 3600 % 24);
    return out;
}

const char *wkv_top_word(const char *text, char *out, size_t out_bytes)
{
    size_t len = 0;
    for (; *text != '\0'; text++) {
        bool breaks = strchr(" =\"", *text) != NULL;
        size_t wanted = breaks ? sizeof "\\x20" - 1 : 1;
        if (len + wanted >= out_bytes)
            break;
        (void)snprintf(out + len, out_bytes - len, breaks ? "\\x%02x" : "%c", *text);
        len += wanted;
    }
    out[len] = '\0';
    return out;
}
