#include "support/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "support/shown.h"

/* Formats the rest of the text, from `used` on. */
static void write_text(struct wkv_error *error, size_t used, const char *format, va_list args)
{
    char raw[WKV_ERROR_TEXT_BYTES];
    int written = vsnprintf(error->text + used, sizeof error->text - used, format, args);
    if (written < 0)
        error->text[used] = '\0';
    size_t len = strlen(error->text), printable = 0;
    while (printable < len && error->text[printable] >= 0x20 && error->text[printable] <= 0x7e)
        printable++;
    memcpy(raw, error->text + printable, len - printable);
    (void)wkv_shown(WKV_SHOWN_ASCII, raw, len - printable, error->text + printable,
                    sizeof error->text - printable);
}

enum wkv_code wkv_fail(struct wkv_error *error, enum wkv_code code, const char *format, ...)
{
    if (error == NULL)
        return code;
    error->code = code;
    va_list args;
    va_start(args, format);
    write_text(error, 0, format, args);
    va_end(args);
    return code;
}

enum wkv_code wkv_vfail(struct wkv_error *error, enum wkv_code code, const char *who, const char *format,
                        va_list args)
{
    if (error == NULL)
        return code;
    error->code = code;
    size_t len = 0;
    if (who != NULL) {
        len = strnlen(who, sizeof error->text - sizeof ": ");
        memcpy(error->text, who, len);
        memcpy(error->text + len, ": ", sizeof ": ");
        len += strlen(": ");
    }
    write_text(error, len, format, args);
    return code;
}
