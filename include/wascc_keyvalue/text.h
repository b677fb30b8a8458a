/* The one text type: bytes by reference. */
#ifndef WASCC_KEYVALUE_TEXT_H
#define WASCC_KEYVALUE_TEXT_H

#include <stddef.h>

/* A key, a value or any other bytes, borrowed for as long as the function that gives or takes one says. There
 * may be NULs in it, and there need be none at its end. */
struct wkv_text {
    const char *data; /* may be NULL where len is 0; a header that was not sent has NULL, an empty one not */
    size_t len;       /* bytes */
};

#endif
