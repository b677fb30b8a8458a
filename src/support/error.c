#include "wascc_keyvalue/error.h"

#include <stdarg.h>
#include <stdio.h>

enum wkv_code wkv_fail(struct wkv_error *error, enum wkv_code code, const char *format, ...)
{
    if (error == NULL)
        return code;
    error->code = code;
    va_list args;
    va_start(args, format);
    int written = vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    if (written < 0)
        error->text[0] = '\0';
    for (char *c = error->text; *c != '\0'; c++)
        if (*c < 0x20 || *c > 0x7e)
            *c = '?';
    return code;
}

void wkv_error_clear(struct wkv_error *error)
{
    error->code = WKV_OK;
    error->text[0] = '\0';
}
