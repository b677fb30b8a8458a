/* What all rooms do with texts. Everything here is for any thread and fails for no reason. */
#ifndef WKV_SUPPORT_TEXT_H
#define WKV_SUPPORT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "wascc_keyvalue/text.h"

/* A string without its NUL, borrowed. NULL gives a text without data. */
static inline struct wkv_text wkv_text_from(const char *string)
{
    return (struct wkv_text){string, string == NULL ? 0 : strlen(string)};
}

/* What a noun ends in behind that number. */
static inline const char *wkv_plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static inline bool wkv_text_same(struct wkv_text one, struct wkv_text other)
{
    return one.len == other.len && (one.len == 0 || memcmp(one.data, other.data, one.len) == 0);
}

static inline bool wkv_text_is(struct wkv_text text, const char *string)
{
    return wkv_text_same(text, wkv_text_from(string));
}

static inline bool wkv_text_begins(struct wkv_text text, const char *string)
{
    size_t len = strlen(string);
    return text.len >= len && wkv_text_is((struct wkv_text){text.data, len}, string);
}

/* Takes what is in front of the first separator off the text, and the separator; all of it where there is
 * none.
 */
struct wkv_text wkv_text_take(struct wkv_text *rest, char separator);

/* As strcmp, by bytes; a text comes before those that it begins. */
int wkv_text_compare(struct wkv_text one, struct wkv_text other);

/* Without the blanks, tabs and line ends at both ends. */
struct wkv_text wkv_text_trim(struct wkv_text text);

/* Without UTF-8's byte order mark, which editors on Windows put in front. */
struct wkv_text wkv_text_skip_mark(struct wkv_text text);

/* The same, and without a mark in front: what a small file holds, or a line of it. */
struct wkv_text wkv_text_trim_file(struct wkv_text text);

/* Without one line end behind it, which is an editor's or echo's; more of them are the text's own. */
struct wkv_text wkv_text_without_line_end(struct wkv_text text);

/* Reads a text that is nothing but decimal digits, at least one, and at most max. Zeros in front are allowed.
 * Returns false, and leaves *number alone, for any other text. */
bool wkv_text_decimal(struct wkv_text text, uint64_t max, uint64_t *number);

#endif
