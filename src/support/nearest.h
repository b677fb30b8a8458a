/* The name that was meant by a misspelt one. */
#ifndef WKV_SUPPORT_NEAREST_H
#define WKV_SUPPORT_NEAREST_H

#include <stddef.h>

/* How many characters must be put in, taken out or changed to make one name of the other (Levenshtein); upper
 * and lower case are the same. Names longer than 127 characters are cut for this. Any thread. */
size_t wkv_edit_distance(const char *one, const char *other);

#endif
