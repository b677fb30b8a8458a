#include "command/wrap.h"

#include <stdarg.h>

static void end_word(struct wkv_wrap *wrap)
{
    if (wrap->len == 0)
        return;
    size_t blanks = wrap->column == 0 ? wrap->indent : 1;
    if (wrap->column > 0 && wrap->column + 1 + wrap->len > WKV_WRAP_COLUMNS) {
        (void)fputc('\n', wrap->out);
        wrap->column = 0;
        blanks = wrap->indent + wrap->hang;
    }
    (void)fprintf(wrap->out, "%*s%.*s", (int)blanks, "", (int)wrap->len, wrap->word);
    wrap->column += blanks + wrap->len;
    wrap->len = 0;
}

void wkv_wrap(struct wkv_wrap *wrap, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == ' ' || wrap->len == WKV_WRAP_WORD_BYTES)
            end_word(wrap);
        if (*text != ' ')
            wrap->word[wrap->len++] = *text;
    }
}

void wkv_wrap_all(struct wkv_wrap *wrap, ...)
{
    va_list texts;
    va_start(texts, wrap);
    for (const char *text; (text = va_arg(texts, const char *)) != NULL;)
        wkv_wrap(wrap, text);
    va_end(texts);
}

void wkv_wrap_end(struct wkv_wrap *wrap)
{
    end_word(wrap);
    if (wrap->column > 0)
        (void)fputc('\n', wrap->out);
    wrap->column = 0;
}
