/* Metrics and probes over HTTP (--metrics-listen): `/metrics` in Prometheus' text format, `/livez`,
 * `/readyz`.
 *
 * The HTTP server has a thread of its own and reads the statistics without a lock of the workers; a scraper
 * that hangs holds up no other.
 */
#ifndef WKV_METRICS_METRICS_H
#define WKV_METRICS_METRICS_H

#include "report/report.h"
#include "support/buffer.h"
#include "support/error.h"
#include "support/log.h"
#include "support/pulse.h"

/* Borrowed until stop. */
struct wkv_metrics_options {
    const char *listen; /* `HOST:PORT`, `[HOST]:PORT` or `:PORT` (every address); port 0 is any free one */
    struct wkv_report_sources sources;
    const char *lattice_namespace; /* NULL or "": none */
    const char *binding;
    struct wkv_log *log;
    struct wkv_vitals *vitals; /* NULL: /livez looks at nobody */
};

struct wkv_metrics;

/* Listens and starts the thread; logs where it listens (with the port that it got). The caller stops
 * *metrics. Errors: WKV_BAD_REQUEST (listen is not an address; the text names --metrics-listen and what it
 * takes), WKV_UNAVAILABLE (the address is taken, no thread), WKV_NO_MEMORY. */
enum wkv_code wkv_metrics_start(const struct wkv_metrics_options *options, struct wkv_metrics **metrics,
                                struct wkv_error *error);

/* Stops listening, gives up what is under way, and frees. NULL is allowed. */
void wkv_metrics_stop(struct wkv_metrics *metrics);

/* Writes the page `/metrics` at the end of page. Any thread. Errors: false where memory is short. */
bool wkv_metrics_write(const struct wkv_metrics_options *options, int64_t now_ns, struct wkv_buffer *page);

#endif
