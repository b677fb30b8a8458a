/* Prometheus' text format, version 0.0.4: how metrics are written, not which. */
#ifndef WKV_METRICS_EXPOSITION_H
#define WKV_METRICS_EXPOSITION_H

#include <stdint.h>

#include "support/buffer.h"

#define WKV_EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* A label of a sample. A list of them ends with a name that is NULL; NULL is a list of none. */
struct wkv_label {
    const char *name;
    const char *value; /* any bytes; of one that is not UTF-8 the bytes are shown as \xNN */
};

/* Each of these appends to page, which remembers where memory was short. */

/* Begins a metric: its HELP and TYPE, under which all of its samples follow. */
void wkv_expose_metric(struct wkv_buffer *page, const char *name, const char *type, const char *help);

/* One sample, name and suffix ("" or the like of "_sum") together being its name. */
void wkv_expose(struct wkv_buffer *page, const char *name, const char *suffix, const struct wkv_label *labels,
                uint64_t value);

/* One sample that is a duration or a time: seconds on the page, to the nanosecond. */
void wkv_expose_seconds(struct wkv_buffer *page, const char *name, const char *suffix,
                        const struct wkv_label *labels, uint64_t ns);

/* Room for a duration in the format, its NUL included. */
#define WKV_EXPOSITION_SECONDS_BYTES 32

/* Nanoseconds as seconds. In whole numbers: a double and the locale would each have a say in it. */
void wkv_exposition_seconds(uint64_t ns, char out[WKV_EXPOSITION_SECONDS_BYTES]);

#endif
