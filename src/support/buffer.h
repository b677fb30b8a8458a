/* A growing run of bytes that is written from the front and kept between uses.
 *
 * A failed growth is remembered in `failed` and later appends do nothing, so a writer checks once at its end.
 * Not thread-safe: one buffer belongs to one worker.
 */
#ifndef WKV_SUPPORT_BUFFER_H
#define WKV_SUPPORT_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct wkv_buffer {
    char *data;
    size_t len;      /* bytes written */
    size_t capacity; /* bytes allocated */
    bool failed;     /* an append found no memory; cleared by reset */
};

/* Starts empty; the memory comes with the first append. A zeroed struct is as good. */
void wkv_buffer_init(struct wkv_buffer *buffer);

/* Makes room for more bytes after len. Returns false (and sets failed) where memory is short. */
bool wkv_buffer_grow(struct wkv_buffer *buffer, size_t more);
static inline bool wkv_buffer_reserve(struct wkv_buffer *buffer, size_t more)
{
    return more <= buffer->capacity - buffer->len ? !buffer->failed : wkv_buffer_grow(buffer, more);
}

/* Appends len bytes, copied. Returns false where memory is short or an earlier append failed. */
bool wkv_buffer_append(struct wkv_buffer *buffer, const void *bytes, size_t len);

/* Frees the memory. */
void wkv_buffer_destroy(struct wkv_buffer *buffer);

/* Forgets the bytes. Memory above keep_bytes goes back to the system, the rest stays for the next use. */
static inline void wkv_buffer_reset(struct wkv_buffer *buffer, size_t keep_bytes)
{
    if (buffer->capacity > keep_bytes)
        wkv_buffer_destroy(buffer);
    buffer->len = 0;
    buffer->failed = false;
}

#endif
