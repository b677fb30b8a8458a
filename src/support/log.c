#include "wascc_keyvalue/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "wascc_keyvalue/clock.h"

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void wkv_log_init(struct wkv_log *log, int fd, enum wkv_log_level level, enum wkv_log_format format)
{
    log->fd = fd;
    atomic_init(&log->level, (int)level);
    log->format = format;
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

/* Copies message as printable ASCII, with what JSON wants escaped where json is set. Never splits an escape.
 */
static size_t copy_message(char *out, size_t room, const char *message, bool json)
{
    size_t len = 0;
    for (const char *c = message; *c != '\0'; c++) {
        bool escape = json && (*c == '"' || *c == '\\');
        if (len + (escape ? 2 : 1) > room)
            break;
        if (escape)
            out[len++] = '\\';
        out[len++] = (*c < 0x20 || *c > 0x7e) ? '?' : *c;
    }
    return len;
}

void wkv_log_write(struct wkv_log *log, enum wkv_log_level level, const char *format, ...)
{
    if (!wkv_log_wants(log, level))
        return;
    char message[WKV_LOG_LINE_BYTES];
    va_list args;
    va_start(args, format);
    int formatted = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (formatted < 0)
        return;

    bool json = log->format == WKV_LOG_JSON;
    const char *tail = json ? "\"}\n" : "\n";
    char when[WKV_TIME_TEXT_BYTES];
    wkv_time_text(wkv_wall_ns(), 3, when);
    char line[WKV_LOG_LINE_BYTES];
    int head = json ? snprintf(line, sizeof line, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":\"", when,
                               level_names[level])
                    : snprintf(line, sizeof line, "%s %-5s ", when, level_names[level]);
    if (head < 0)
        return;
    size_t len = (size_t)head;
    len += copy_message(line + len, sizeof line - len - strlen(tail), message, json);
    memcpy(line + len, tail, strlen(tail));
    len += strlen(tail);
    ssize_t written = write(log->fd, line, len);
    (void)written;
}
