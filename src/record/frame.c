#include "record/frame.h"

static bool is_whole(struct wkv_text message, const struct wkv_record_key *key)
{
    size_t summed = message.len - WKV_RECORD_CHECKSUM_BYTES;
    struct wkv_bytes sum = {message.data + summed, message.data + message.len, false};
    return wkv_bytes_fixed(&sum, 8) == wkv_record_hash(key, (struct wkv_text){message.data, summed});
}

enum wkv_record_status wkv_frame_read(struct wkv_text message, uint32_t magic, size_t least,
                                      const struct wkv_record_key *key, struct wkv_frame *frame)
{
    struct wkv_bytes bytes = wkv_bytes_in(message);
    uint64_t found = wkv_bytes_fixed(&bytes, 4);
    frame->format = (uint8_t)wkv_bytes_fixed(&bytes, 1);
    frame->kind = (uint8_t)wkv_bytes_fixed(&bytes, 1);
    frame->flags = (uint16_t)wkv_bytes_fixed(&bytes, 2);
    if (wkv_bytes_fixed(&bytes, 8) != key->log_id || bytes.bad || found != magic)
        return WKV_RECORD_FOREIGN;
    if (message.len < least || !is_whole(message, key))
        return WKV_RECORD_DAMAGED;
    bytes.end -= WKV_RECORD_CHECKSUM_BYTES;
    frame->rest = bytes;
    if (frame->format > WKV_RECORD_FORMAT)
        return WKV_RECORD_NEWER;
    return frame->format == 0 ? WKV_RECORD_MALFORMED : WKV_RECORD_OK;
}

size_t wkv_frame_begin(struct wkv_buffer *buffer, uint32_t magic, const struct wkv_frame *frame,
                       const struct wkv_record_key *key)
{
    size_t begin = buffer->len;
    wkv_put_fixed(buffer, magic, 4);
    wkv_put_fixed(buffer, frame->format == 0 ? WKV_RECORD_FIRST_FORMAT : frame->format, 1);
    wkv_put_fixed(buffer, frame->kind, 1);
    wkv_put_fixed(buffer, frame->flags, 2);
    wkv_put_fixed(buffer, key->log_id, 8);
    return begin;
}

bool wkv_frame_end(struct wkv_buffer *buffer, size_t begin, const struct wkv_record_key *key)
{
    if (!buffer->failed)
        wkv_put_fixed(buffer,
                      wkv_record_hash(key, (struct wkv_text){buffer->data + begin, buffer->len - begin}), 8);
    return !buffer->failed;
}
