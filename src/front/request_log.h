/* A line of the log for each request, for those who follow single ones (LogLevel debug). */
#ifndef WKV_FRONT_REQUEST_LOG_H
#define WKV_FRONT_REQUEST_LOG_H

#include "stats/stats.h"
#include "support/log.h"

/* Writes it, as "<via><operation> of <actor>: done in 12 us, …"; in JSON with the members operation, actor,
 * code, duration_us, request_bytes, reply_bytes and, where there was a traceparent, trace_id beside the
 * message. via: "", or the way that the request came. Any thread. */
void wkv_log_request(struct wkv_log *log, const char *via, const char *operation,
                     const struct wkv_stats_request *done);

#endif
