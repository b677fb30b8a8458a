/* Text in lines of at most 80 columns, for --help and the man page. */
#ifndef WKV_COMMAND_WRAP_H
#define WKV_COMMAND_WRAP_H

#include <stddef.h>
#include <stdio.h>

#define WKV_WRAP_COLUMNS 80
#define WKV_WRAP_WORD_BYTES 128

/* All zero but `out`, `indent` and `hang` to begin with. */
struct wkv_wrap {
    FILE *out;
    size_t indent; /* of the first line */
    size_t hang;   /* how much more of the others */
    size_t column;
    size_t len; /* of the word that is not printed yet */
    char word[WKV_WRAP_WORD_BYTES];
};

/* Adds text: words with spaces between. A word that the text ends with goes on with what is added next. */
void wkv_wrap(struct wkv_wrap *wrap, const char *text);

/* Adds several, up to a NULL. */
void wkv_wrap_all(struct wkv_wrap *wrap, ...) __attribute__((sentinel));

/* Ends the word and the line. */
void wkv_wrap_end(struct wkv_wrap *wrap);

#endif
