/* How a line of the log looks. */
#ifndef WKV_SUPPORT_LOG_LINE_H
#define WKV_SUPPORT_LOG_LINE_H

#include <stdarg.h>
#include <stddef.h>

#include "support/log.h"

/* Writes the line, its line end included, as wkv_log_fields describes it. There is no line end elsewhere in
 * it and no NUL behind it. Returns its length. Any thread. */
size_t wkv_log_line(char line[WKV_LOG_LINE_BYTES], enum wkv_log_format format, enum wkv_log_level level,
                    const struct wkv_log_field *fields, size_t count, const char *text, va_list args)
    __attribute__((format(printf, 6, 0)));

#endif
