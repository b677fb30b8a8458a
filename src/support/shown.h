/* Text from outside, made fit for a terminal: bytes that would control the terminal are shown in an escaped
 * form.
 *
 * These are: control characters (C0, DEL, C1), those that reorder or hide others (bidirectional controls,
 * zero width, line and paragraph separators, tags), and bytes that are not UTF-8.
 */
#ifndef WKV_SUPPORT_SHOWN_H
#define WKV_SUPPORT_SHOWN_H

#include <stddef.h>

enum wkv_shown_as {
    WKV_SHOWN_ASCII, /* everything but printable ASCII as \xNN, byte by byte: for a log */
    WKV_SHOWN_TEXT,  /* the rest of UTF-8 stays; \xNN for a byte, \u{NNNN} for a character */
    WKV_SHOWN_JSON,  /* JSON, which stays the same JSON: its own \uNNNN; line ends and tabs stay */
};

/* Bytes that one character is shown as at the most, without a NUL. */
#define WKV_SHOWN_ONE_BYTES 12

/* Shows the first character of len bytes (at least one): writes *out_len bytes, no NUL, and returns how many
 * bytes of text that was. Any thread. */
size_t wkv_shown_one(enum wkv_shown_as as, const char *text, size_t len, char out[WKV_SHOWN_ONE_BYTES],
                     size_t *out_len);

/* Shows len bytes, cut where out_bytes are full, but never within a character; with a NUL. Returns the bytes
 * without it. out_bytes must be at least 1. Any thread. */
size_t wkv_shown(enum wkv_shown_as as, const char *text, size_t len, char *out, size_t out_bytes);

/* What an error repeats of a value that was given: `, not "VALUE"`, or, where it is longer than any right one
 * is and so may be a secret, `, not a text of N bytes`. Writes into out and returns it. Any thread. */
#define WKV_SHOWN_GIVEN_BYTES 64
const char *wkv_shown_given(const char *value, char out[WKV_SHOWN_GIVEN_BYTES]);

#endif
