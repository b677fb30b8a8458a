#include "wascc_keyvalue/log.h"

#include <inttypes.h>
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

/* Room that the fields leave for a message. */
#define MESSAGE_ROOM_BYTES 256

static size_t put_fields(char *out, size_t room, const struct wkv_log_field *fields, size_t count)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        const struct wkv_log_field *field = &fields[i];
        char one[WKV_LOG_LINE_BYTES], text[WKV_LOG_LINE_BYTES / 2] = "";
        if (field->text != NULL)
            text[copy_message(text, sizeof text - 1, field->text, true)] = '\0';
        int bytes = field->text != NULL
                        ? snprintf(one, sizeof one, "\"%s\":\"%s\",", field->name, text)
                        : snprintf(one, sizeof one, "\"%s\":%" PRId64 ",", field->name, field->number);
        if (bytes < 0 || (size_t)bytes >= sizeof one || (size_t)bytes > room - len)
            continue;
        memcpy(out + len, one, (size_t)bytes);
        len += (size_t)bytes;
    }
    return len;
}

/* What stands in front of the message. */
static size_t put_head(char line[WKV_LOG_LINE_BYTES], const struct wkv_log *log, enum wkv_log_level level,
                       const struct wkv_log_field *fields, size_t count)
{
    static const char message[] = "\"message\":\"";
    char when[WKV_TIME_TEXT_BYTES];
    wkv_time_text(wkv_wall_ns(), 3, when);
    if (log->format != WKV_LOG_JSON)
        return (size_t)snprintf(line, WKV_LOG_LINE_BYTES, "%s %-5s ", when, level_names[level]);
    size_t len = (size_t)snprintf(line, WKV_LOG_LINE_BYTES, "{\"time\":\"%s\",\"level\":\"%s\",", when,
                                  level_names[level]);
    len += put_fields(line + len, WKV_LOG_LINE_BYTES - MESSAGE_ROOM_BYTES - len, fields, count);
    memcpy(line + len, message, sizeof message - 1);
    return len + sizeof message - 1;
}

static void write_line(struct wkv_log *log, enum wkv_log_level level, const struct wkv_log_field *fields,
                       size_t count, const char *format, va_list args)
{
    char message[WKV_LOG_LINE_BYTES];
    if (vsnprintf(message, sizeof message, format, args) < 0)
        return;
    bool json = log->format == WKV_LOG_JSON;
    const char *tail = json ? "\"}\n" : "\n";
    char line[WKV_LOG_LINE_BYTES];
    size_t len = put_head(line, log, level, fields, count);
    len += copy_message(line + len, sizeof line - len - strlen(tail), message, json);
    memcpy(line + len, tail, strlen(tail));
    len += strlen(tail);
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
