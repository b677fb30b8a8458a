/* The HTTP server: what is asked for, and what is answered. GNU libmicrohttpd does the rest, on a thread of
 * its own, on which every callback here runs. */
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "metrics/exposition.h"
#include "metrics/listen.h"
#include "metrics/metrics.h"
#include "support/clock.h"

/* A connection that neither sends nor takes anything is closed after this. */
#define TIMEOUT_S 10u
/* Clients that neither hang up nor go on hold so many connections at the most, and those of one address leave
 * room for others. */
#define CONNECTIONS 256u
#define CONNECTIONS_OF_AN_ADDRESS 240u
/* A connection's request line and headers must fit in here, and its reply's headers. */
#define CONNECTION_BYTES ((size_t)16 * 1024)

#define PLAIN_TYPE "text/plain; charset=utf-8"
#define METHODS MHD_HTTP_METHOD_GET ", " MHD_HTTP_METHOD_HEAD
#define PATHS                                                                                                \
    "/metrics  figures, in Prometheus' text format\n"                                                        \
    "/livez    200 while the process and its threads turn, else 503\n"                                       \
    "/readyz   200 while it serves, else 503\n"

struct wkv_metrics {
    struct wkv_metrics_options options;
    struct MHD_Daemon *daemon;
};

/* ---- answers ---- */

/* Owns the response. */
static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
                              struct MHD_Response *response)
{
    if (response == NULL)
        return MHD_NO; /* no memory: the connection is closed */
    enum MHD_Result result = MHD_NO;
    if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type) == MHD_YES &&
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_YES &&
        (status != MHD_HTTP_METHOD_NOT_ALLOWED ||
         MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, METHODS) == MHD_YES))
        result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

/* text is a literal: MHD neither copies nor changes it. */
static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status, const char *text)
{
    return answer(
        connection, status, PLAIN_TYPE,
        MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT));
}

static enum MHD_Result answer_unready(struct MHD_Connection *connection, const char *why)
{
    char text[WKV_UNREADY_BYTES + 1];
    int len = snprintf(text, sizeof text, "%s\n", why);
    return answer(connection, MHD_HTTP_SERVICE_UNAVAILABLE, PLAIN_TYPE,
                  MHD_create_response_from_buffer((size_t)len, text, MHD_RESPMEM_MUST_COPY));
}

/* The page is complete before its first byte goes out, so a slow client holds memory and nothing else. */
static enum MHD_Result answer_metrics(struct wkv_metrics *metrics, struct MHD_Connection *connection)
{
    struct wkv_buffer page;
    wkv_buffer_init(&page);
    struct MHD_Response *response = NULL;
    if (wkv_metrics_write(&metrics->options, wkv_monotonic_ns(), &page))
        response = MHD_create_response_from_buffer(page.len, page.data, MHD_RESPMEM_MUST_FREE);
    if (response != NULL)
        return answer(connection, MHD_HTTP_OK, WKV_EXPOSITION_TYPE, response);
    wkv_buffer_destroy(&page);
    return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "no memory for the page\n");
}

static enum MHD_Result answer_livez(struct wkv_metrics *metrics, struct MHD_Connection *connection)
{
    char stuck[128], text[160];
    if (metrics->options.vitals == NULL || wkv_vitals_check(metrics->options.vitals, stuck, sizeof stuck))
        return answer_text(connection, MHD_HTTP_OK, "ok\n");
    int len = snprintf(text, sizeof text, "what does not turn: %s\n", stuck);
    return answer(connection, MHD_HTTP_SERVICE_UNAVAILABLE, PLAIN_TYPE,
                  MHD_create_response_from_buffer((size_t)len, text, MHD_RESPMEM_MUST_COPY));
}

static enum MHD_Result answer_readyz(struct wkv_metrics *metrics, struct MHD_Connection *connection)
{
    char why[WKV_UNREADY_BYTES];
    if (wkv_report_engine_unready(metrics->options.sources.engine, why, sizeof why))
        return answer_unready(connection, why);
    if (wkv_stats_is_ready(metrics->options.sources.stats))
        return answer_text(connection, MHD_HTTP_OK, "ready\n");
    bool split = wkv_stats_is_split(metrics->options.sources.stats);
    return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
                       split ? "another instance serves this binding too, and one of the two has to go\n"
                             : "not connected to NATS with confirmed subscriptions\n");
}

static enum MHD_Result answer_paths(struct wkv_metrics *metrics, struct MHD_Connection *connection)
{
    (void)metrics;
    return answer_text(connection, MHD_HTTP_OK, PATHS);
}

struct path {
    const char *path;
    enum MHD_Result (*answer)(struct wkv_metrics *metrics, struct MHD_Connection *connection);
};

static const struct path paths[] = {
    {"/metrics", answer_metrics},
    {"/livez", answer_livez},
    {"/readyz", answer_readyz},
    {"/", answer_paths},
};

static enum MHD_Result dispatch(struct wkv_metrics *metrics, struct MHD_Connection *connection,
                                const char *url, const char *method)
{
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (strcmp(url, paths[i].path) != 0)
            continue;
        if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
            return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only " METHODS "\n");
        return paths[i].answer(metrics, connection);
    }
    return answer_text(connection, MHD_HTTP_NOT_FOUND, "there is nothing here, but at:\n" PATHS);
}

/* ---- what MHD calls ---- */

static bool has_body(struct MHD_Connection *connection)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH) != NULL ||
           MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING) !=
               NULL;
}

/* MHD calls this when it has the headers and again when it has the body. An answer at the first call means
 * that the body is never read and the connection is closed, which is right for those who send one; the others
 * may ask again on the same connection. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload_data,
                                  size_t *upload_data_size, void **request)
{
    static char seen;
    (void)version;
    (void)upload_data;
    *upload_data_size = 0;
    if (*request == NULL) {
        *request = &seen;
        if (!has_body(connection))
            return MHD_YES;
    }
    return dispatch(context, connection, url, method);
}

/* Paths are matched as they were sent: what is written with %XX is another one. */
static size_t keep_escapes(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context;
    (void)connection;
    return strlen(text);
}

__attribute__((format(printf, 2, 0))) static void on_log(void *context, const char *format, va_list arguments)
{
    char line[256];
    if (vsnprintf(line, sizeof line, format, arguments) < 0)
        return;
    line[strcspn(line, "\r\n")] = '\0';
    wkv_log_debug(context, "metrics: %s", line);
}

/* ---- start and stop ---- */

/* MHD is given a copy of the socket: where it fails, it may have closed it or not. */
static struct MHD_Daemon *start_daemon(struct wkv_metrics *metrics, int listener)
{
    int copy = fcntl(listener, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        return NULL;
    /* ITC: without it, stopping wakes the thread through the listening socket only, at which it does not look
     * while there are as many connections as it may have. */
    return MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | MHD_USE_ITC | MHD_USE_ERROR_LOG,
                            0, NULL, NULL, on_request, metrics, MHD_OPTION_EXTERNAL_LOGGER, on_log,
                            metrics->options.log, MHD_OPTION_LISTEN_SOCKET, copy, MHD_OPTION_CONNECTION_LIMIT,
                            CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT, CONNECTIONS_OF_AN_ADDRESS,
                            MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            CONNECTION_BYTES, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
                            MHD_OPTION_END);
}

static enum wkv_code serve(struct wkv_metrics *metrics, int listener, struct wkv_error *error)
{
    char name[WKV_LISTEN_NAME_BYTES];
    (void)wkv_listen_name(listener, name);
    errno = 0;
    metrics->daemon = start_daemon(metrics, listener);
    if (metrics->daemon == NULL) {
        int why = errno;
        /* So that a copy which is still open does not hold the port. */
        (void)shutdown(listener, SHUT_RDWR);
        return wkv_fail(error, WKV_UNAVAILABLE, "--metrics-listen: the HTTP server cannot start: %s",
                        why == 0 ? "the system gives it no thread, memory or file" : strerror(why));
    }
    wkv_log_info(metrics->options.log, "metrics: listening on %s", name);
    return WKV_OK;
}

enum wkv_code wkv_metrics_start(const struct wkv_metrics_options *options, struct wkv_metrics **metrics,
                                struct wkv_error *error)
{
    int listener;
    *metrics = NULL;
    enum wkv_code code = wkv_listen_open(options->listen, &listener, error);
    if (code != WKV_OK)
        return code;
    struct wkv_metrics *made = calloc(1, sizeof *made);
    if (made == NULL) {
        code = wkv_fail(error, WKV_NO_MEMORY, "--metrics-listen: no memory for the HTTP server");
    } else {
        made->options = *options;
        code = serve(made, listener, error);
    }
    (void)close(listener);
    if (code == WKV_OK)
        *metrics = made;
    else
        free(made);
    return code;
}

void wkv_metrics_stop(struct wkv_metrics *metrics)
{
    if (metrics == NULL)
        return;
    MHD_stop_daemon(metrics->daemon);
    free(metrics);
}
