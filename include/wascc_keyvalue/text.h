/* The one text type: bytes by reference. */
#ifndef WASCC_KEYVALUE_TEXT_H
#define WASCC_KEYVALUE_TEXT_H

#include <stddef.h>

/* A key, a value or any other bytes, borrowed: whoever hands one over says for how long. It need not end with
 * a NUL and may hold some. */
struct wkv_text {
    const char *data; /* may be NULL where len is 0; a header that was not sent has NULL, an empty one not */
    size_t len;       /* bytes */
};

#endif
