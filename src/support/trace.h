/* Trace context: the W3C header `traceparent` (https://www.w3.org/TR/trace-context/), by which callers
 * find their requests in our logs. */
#ifndef WKV_SUPPORT_TRACE_H
#define WKV_SUPPORT_TRACE_H

#include <stdbool.h>
#include <stddef.h>

#define WKV_TRACE_ID_CHARS 32
#define WKV_TRACEPARENT_CHARS 55

/*   version  trace id                           parent id          flags
 *   00    -  4bf92f3577b34da6a3ce929d0e0e4736 - 00f067aa0ba902b7 - 01     */
struct wkv_trace {
    bool present;
    char id[WKV_TRACE_ID_CHARS + 1]; /* lower-case hex */
};

/* Reads the value of a header, without blanks around it (NULL with len 0: there is none). A header that does
 * not follow the recommendation counts as none: false, and trace is not present. A version after 00
 * may have more behind the flags and a dash. */
bool wkv_trace_read(const char *value, size_t len, struct wkv_trace *trace);

#endif
