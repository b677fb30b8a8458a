#include "support/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Formats the rest of the text, from `used` on. */
static void write_text(struct wkv_error *error, size_t used, const char *format, va_list args)
{
    int written = vsnprintf(error->text + used, sizeof error->text - used, format, args);
    if (written < 0)
        error->text[used] = '\0';
    for (char *c = error->text; *c != '\0'; c++)
        if (*c < 0x20 || *c > 0x7e)
            *c = '?';
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
    size_t len = strnlen(who, sizeof error->text - sizeof ": ");
    memcpy(error->text, who, len);
    memcpy(error->text + len, ": ", sizeof ": ");
    write_text(error, len + strlen(": "), format, args);
    return code;
}

void wkv_error_clear(struct wkv_error *error)
{
    error->code = WKV_OK;
    error->text[0] = '\0';
}
