#include "record/bytes.h"

#define VARINT_BYTES 10

uint64_t wkv_bytes_varint(struct wkv_bytes *bytes)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < VARINT_BYTES; i++) {
        uint64_t byte = wkv_bytes_fixed(bytes, 1);
        /* The tenth has one bit of the 64; the last of several is not 0. */
        if (i == VARINT_BYTES - 1 && byte > 1)
            break;
        number |= (byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            bytes->bad |= byte == 0 && i > 0;
            return bytes->bad ? 0 : number;
        }
    }
    bytes->bad = true;
    return 0;
}

void wkv_put_fixed(struct wkv_buffer *buffer, uint64_t number, unsigned count)
{
    char bytes[8];
    for (unsigned i = 0; i < count; i++)
        bytes[i] = (char)(number >> (8 * i));
    (void)wkv_buffer_append(buffer, bytes, count);
}

void wkv_put_varint(struct wkv_buffer *buffer, uint64_t number)
{
    char bytes[VARINT_BYTES];
    size_t count = 0;
    for (; number >= 0x80; number >>= 7)
        bytes[count++] = (char)(number | 0x80);
    bytes[count++] = (char)number;
    (void)wkv_buffer_append(buffer, bytes, count);
}

void wkv_put_text(struct wkv_buffer *buffer, struct wkv_text text)
{
    wkv_put_varint(buffer, text.len);
    if (text.len > 0)
        (void)wkv_buffer_append(buffer, text.data, text.len);
}
