#ifndef WKV_SUPPORT_UTF8_H
#define WKV_SUPPORT_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Whether len bytes are well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above
 * U+10FFFF). U+0000 is a character like any other. Any thread. */
bool wkv_utf8_valid(const void *bytes, size_t len);

#endif
