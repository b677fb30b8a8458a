/* Small files that an operator names: keys, credentials, passwords, lists. A pipe, a device or a directory
 * given instead of one is refused rather than waited for.
 */
#ifndef WKV_SUPPORT_FILE_H
#define WKV_SUPPORT_FILE_H

#include <stddef.h>

#include "support/error.h"

enum wkv_file_kind {
    WKV_FILE_REGULAR, /* a regular file only: for what is read again while serving */
    WKV_FILE_ANY,     /* a pipe or a terminal as well: for a command that a person waits for; may block */
};

/* Opens a file for reading. `what` names it in an error ("that file"); the path is never quoted: it may be a
 * secret that was given by mistake. The caller closes *fd. Any thread.
 * Errors: WKV_BAD_REQUEST (the text says why). */
enum wkv_code wkv_file_open(const char *what, const char *path, enum wkv_file_kind kind, int *fd,
                            struct wkv_error *error);

/* Reads a whole file of at most max_bytes into memory of libsodium's guarded allocator, with a NUL behind it;
 * *len is without that. What is read goes nowhere else. The caller frees *bytes with sodium_free. Any thread.
 * Errors, *bytes being NULL then: WKV_BAD_REQUEST (the file cannot be read, or is longer), WKV_NO_MEMORY. */
enum wkv_code wkv_file_read_secret(const char *what, const char *path, enum wkv_file_kind kind,
                                   size_t max_bytes, char **bytes, size_t *len, struct wkv_error *error);

#endif
