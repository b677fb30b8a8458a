#include "support/log.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "support/log_line.h"
#include "support/log_writer.h"

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void wkv_log_init(struct wkv_log *log, int fd, enum wkv_log_level level, enum wkv_log_format format)
{
    log->fd = fd;
    atomic_init(&log->level, (int)level);
    log->format = format;
    log->writer = NULL;
}

bool wkv_log_start(struct wkv_log *log)
{
    log->writer = wkv_log_writer_start(log->fd, log->format);
    return log->writer != NULL;
}

void wkv_log_flush(struct wkv_log *log, int64_t timeout_ms)
{
    if (log->writer != NULL)
        wkv_log_writer_flush(log->writer, timeout_ms);
}

void wkv_log_stop(struct wkv_log *log, int64_t timeout_ms)
{
    /* Writing past a writer that is stuck would be stuck as well. */
    if (log->writer != NULL && !wkv_log_writer_stop(log->writer, timeout_ms))
        log->fd = -1;
    log->writer = NULL;
}

uint64_t wkv_log_dropped(const struct wkv_log *log)
{
    return log->writer == NULL ? 0 : wkv_log_writer_dropped(log->writer);
}

bool wkv_log_level_parse(const char *name, enum wkv_log_level *level)
{
    for (int i = WKV_LOG_ERROR; i <= WKV_LOG_DEBUG; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *level = (enum wkv_log_level)i;
            return true;
        }
    }
    return false;
}

const char *wkv_log_level_name(enum wkv_log_level level)
{
    return level_names[level];
}

enum wkv_log_level wkv_log_level(const struct wkv_log *log)
{
    return (enum wkv_log_level)atomic_load_explicit(&log->level, memory_order_relaxed);
}

void wkv_log_set_level(struct wkv_log *log, enum wkv_log_level level)
{
    atomic_store_explicit(&log->level, (int)level, memory_order_relaxed);
}

bool wkv_log_format_parse(const char *name, enum wkv_log_format *format)
{
    if (strcmp(name, "text") == 0)
        *format = WKV_LOG_TEXT;
    else if (strcmp(name, "json") == 0)
        *format = WKV_LOG_JSON;
    else
        return false;
    return true;
}

static void write_line(struct wkv_log *log, enum wkv_log_level level, const struct wkv_log_field *fields,
                       size_t count, const char *format, va_list args)
{
    char line[WKV_LOG_LINE_BYTES];
    size_t len = wkv_log_line(line, log->format, level, fields, count, format, args);
    if (log->writer != NULL) {
        wkv_log_writer_put(log->writer, level, line, len);
        return;
    }
    ssize_t written = write(log->fd, line, len);
    (void)written;
}

void wkv_log_write(struct wkv_log *log, enum wkv_log_level level, const char *format, ...)
{
    va_list args;
    if (!wkv_log_wants(log, level))
        return;
    va_start(args, format);
    write_line(log, level, NULL, 0, format, args);
    va_end(args);
}

void wkv_log_fields(struct wkv_log *log, enum wkv_log_level level, const struct wkv_log_field *fields,
                    size_t count, const char *format, ...)
{
    va_list args;
    if (!wkv_log_wants(log, level))
        return;
    va_start(args, format);
    write_line(log, level, fields, count, format, args);
    va_end(args);
}
