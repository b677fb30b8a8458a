#include "support/log_line.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "support/clock.h"
#include "support/shown.h"

/* Copies message as printable ASCII, with what its format wants escaped. Never splits an escape. */
static size_t copy_message(char *out, size_t room, const char *message, enum wkv_log_format format)
{
    size_t len = 0;
    for (const char *c = message; *c != '\0'; c++) {
        char one[WKV_SHOWN_ONE_BYTES];
        size_t one_len;
        (void)wkv_shown_one(WKV_SHOWN_ASCII, c, 1, one, &one_len);
        bool escape = format == WKV_LOG_JSON && (*one == '"' || *one == '\\');
        if (len + one_len + (escape ? 1 : 0) > room)
            break;
        if (escape)
            out[len++] = '\\';
        memcpy(out + len, one, one_len);
        len += one_len;
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
            text[copy_message(text, sizeof text - 1, field->text, WKV_LOG_JSON)] = '\0';
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
static size_t put_head(char line[WKV_LOG_LINE_BYTES], enum wkv_log_format format, enum wkv_log_level level,
                       const struct wkv_log_field *fields, size_t count)
{
    static const char message[] = "\"message\":\"";
    char when[WKV_TIME_TEXT_BYTES];
    wkv_time_text(wkv_wall_ns(), 3, when);
    if (format != WKV_LOG_JSON)
        return (size_t)snprintf(line, WKV_LOG_LINE_BYTES, "%s %-5s ", when, wkv_log_level_name(level));
    size_t len = (size_t)snprintf(line, WKV_LOG_LINE_BYTES, "{\"time\":\"%s\",\"level\":\"%s\",", when,
                                  wkv_log_level_name(level));
    len += put_fields(line + len, WKV_LOG_LINE_BYTES - MESSAGE_ROOM_BYTES - len, fields, count);
    memcpy(line + len, message, sizeof message - 1);
    return len + sizeof message - 1;
}

size_t wkv_log_line(char line[WKV_LOG_LINE_BYTES], enum wkv_log_format format, enum wkv_log_level level,
                    const struct wkv_log_field *fields, size_t count, const char *text, va_list args)
{
    char message[WKV_LOG_LINE_BYTES];
    if (vsnprintf(message, sizeof message, text, args) < 0)
        message[0] = '\0';
    const char *tail = format == WKV_LOG_JSON ? "\"}\n" : "\n";
    size_t len = put_head(line, format, level, fields, count);
    len += copy_message(line + len, WKV_LOG_LINE_BYTES - len - strlen(tail), message, format);
    memcpy(line + len, tail, strlen(tail));
    return len + strlen(tail);
}
