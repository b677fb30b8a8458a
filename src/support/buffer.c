#include "support/buffer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES 256

void wkv_buffer_init(struct wkv_buffer *buffer)
{
    memset(buffer, 0, sizeof *buffer);
}

bool wkv_buffer_grow(struct wkv_buffer *buffer, size_t more)
{
    if (buffer->failed)
        return false;
    size_t wanted = buffer->capacity == 0 ? FIRST_BYTES : buffer->capacity;
    if (more > SIZE_MAX / 2 - buffer->len) {
        buffer->failed = true;
        return false;
    }
    while (wanted < buffer->len + more)
        wanted *= 2;
    char *data = realloc(buffer->data, wanted);
    if (data == NULL) {
        buffer->failed = true;
        return false;
    }
    buffer->data = data;
    buffer->capacity = wanted;
    return true;
}

bool wkv_buffer_append(struct wkv_buffer *buffer, const void *bytes, size_t len)
{
    if (!wkv_buffer_reserve(buffer, len))
        return false;
    if (len > 0)
        memcpy(buffer->data + buffer->len, bytes, len);
    buffer->len += len;
    return true;
}

void wkv_buffer_destroy(struct wkv_buffer *buffer)
{
    free(buffer->data);
    wkv_buffer_init(buffer);
}
