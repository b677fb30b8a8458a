#include "support/trace.h"

#include <string.h>

/* Where the parts begin; between them are dashes.
 *
 *   0         2 3                                  35 36               52 53       55
 *   | version |-| trace id                         |-| parent id        |-| flags  | [-…]   */
#define ID_AT 3
#define PARENT_AT 36
#define FLAGS_AT 53

#define VERSION_CHARS 2
#define PARENT_CHARS 16
#define FLAGS_CHARS 2

/* Lower-case hex digits, the recommendation's. */
static bool is_hex(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
            return false;
    return true;
}

static bool is_zero(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] != '0')
            return false;
    return true;
}

/* value has WKV_TRACEPARENT_CHARS at the least. */
static bool version_holds(const char *value, size_t len)
{
    if (!is_hex(value, VERSION_CHARS) || memcmp(value, "ff", VERSION_CHARS) == 0)
        return false;
    if (len == WKV_TRACEPARENT_CHARS)
        return true;
    /* Only what is yet to come may have more, and after one more dash. */
    return !is_zero(value, VERSION_CHARS) && value[WKV_TRACEPARENT_CHARS] == '-';
}

bool wkv_trace_read(const char *value, size_t len, struct wkv_trace *trace)
{
    *trace = (struct wkv_trace){.present = false};
    if (len < WKV_TRACEPARENT_CHARS || !version_holds(value, len))
        return false;
    if (value[ID_AT - 1] != '-' || value[PARENT_AT - 1] != '-' || value[FLAGS_AT - 1] != '-')
        return false;
    const char *id = value + ID_AT;
    const char *parent = value + PARENT_AT;
    if (!is_hex(id, WKV_TRACE_ID_CHARS) || is_zero(id, WKV_TRACE_ID_CHARS) || !is_hex(parent, PARENT_CHARS) ||
        is_zero(parent, PARENT_CHARS) || !is_hex(value + FLAGS_AT, FLAGS_CHARS))
        return false;
    memcpy(trace->id, id, WKV_TRACE_ID_CHARS);
    trace->present = true;
    return true;
}
