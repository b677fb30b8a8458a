/* Globs in the style of Redis: which names an operator asks for.
 *
 *   *       any text, also none
 *   ?       any one character
 *   [abc]   one of these characters
 *   [a-z]   one of a range, either end first
 *   [^abc]  any one but these
 *   \x      x itself, also between [ and ]
 *   others  themselves
 *
 * The odd cases are Redis's, too: the first ']' ends a class, so [] is no character and [^] any one; a class
 * that is not closed ends with the glob; '-' is itself where nothing stands before or behind it ([-a], [a- at
 * the end), but [a-] is the range from 'a' to ']' in a class that is not closed; a '\' at the very end is
 * itself.
 *
 * A character is one of UTF-8, where Redis takes a byte; a byte that is not part of one is a character of its
 * own. Upper and lower case differ. */
#ifndef WKV_OPERATION_GLOB_H
#define WKV_OPERATION_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the glob matches the whole of the text. Any bytes are allowed in both, NULs too; NULL with a length
 * of 0. Takes time in proportion to glob_len * text_len at the most, whatever the glob, and no memory.
 * Thread-safe. */
bool wkv_glob_match(const char *glob, size_t glob_len, const char *text, size_t text_len);

#endif
