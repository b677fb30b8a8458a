#include "record/chunk.h"

#include "record/frame.h"

/* "WKVS" */
#define MAGIC UINT32_C(0x53564b57)
#define GOES_ON 1u

bool wkv_chunk_log_id(struct wkv_text message, uint64_t *log_id)
{
    struct wkv_bytes bytes = wkv_bytes_in(message);
    (void)wkv_bytes_take(&bytes, 8);
    *log_id = wkv_bytes_fixed(&bytes, 8);
    return !bytes.bad;
}

enum wkv_record_status wkv_chunk_read(struct wkv_text message, const struct wkv_record_key *key,
                                      struct wkv_chunk *chunk)
{
    struct wkv_frame frame;
    enum wkv_record_status status = wkv_frame_read(message, MAGIC, WKV_CHUNK_BYTES, key, &frame);
    if (status != WKV_RECORD_OK)
        return status;
    struct wkv_bytes *bytes = &frame.rest;
    *chunk = (struct wkv_chunk){.kind = (enum wkv_part_kind)frame.kind,
                                .format = frame.format,
                                .goes_on = (frame.flags & GOES_ON) != 0};
    chunk->snapshot = wkv_bytes_fixed(bytes, 8);
    chunk->number = (uint32_t)wkv_bytes_fixed(bytes, 4);
    chunk->of_part = (uint32_t)wkv_bytes_fixed(bytes, 4);
    chunk->position = wkv_bytes_fixed(bytes, 8);
    chunk->from = wkv_bytes_fixed(bytes, 8);
    chunk->to = wkv_bytes_fixed(bytes, 8);
    uint64_t body = wkv_bytes_fixed(bytes, 4), zero = wkv_bytes_fixed(bytes, 4);
    chunk->body = wkv_bytes_take(bytes, body);
    bool sound = wkv_bytes_ended(bytes) && zero == 0 && frame.flags <= GOES_ON &&
                 frame.kind >= WKV_PART_META && frame.kind <= WKV_PART_MANIFEST && chunk->from <= chunk->to;
    return sound ? WKV_RECORD_OK : WKV_RECORD_MALFORMED;
}

bool wkv_chunk_write(const struct wkv_chunk *chunk, const struct wkv_record_key *key,
                     struct wkv_buffer *buffer)
{
    const struct wkv_frame frame = {
        .format = chunk->format, .kind = (uint8_t)chunk->kind, .flags = chunk->goes_on ? GOES_ON : 0};
    if (chunk->body.len > WKV_CHUNK_MAX_BODY_BYTES)
        return false;
    size_t begin = wkv_frame_begin(buffer, MAGIC, &frame, key);
    wkv_put_fixed(buffer, chunk->snapshot, 8);
    wkv_put_fixed(buffer, chunk->number, 4);
    wkv_put_fixed(buffer, chunk->of_part, 4);
    wkv_put_fixed(buffer, chunk->position, 8);
    wkv_put_fixed(buffer, chunk->from, 8);
    wkv_put_fixed(buffer, chunk->to, 8);
    wkv_put_fixed(buffer, chunk->body.len, 4);
    wkv_put_fixed(buffer, 0, 4);
    if (chunk->body.len > 0)
        (void)wkv_buffer_append(buffer, chunk->body.data, chunk->body.len);
    return wkv_frame_end(buffer, begin, key);
}

uint64_t wkv_chunk_digest(const struct wkv_record_key *key, uint64_t digest, struct wkv_text message)
{
    const uint64_t parts[] = {digest, wkv_record_hash(key, message)};
    return wkv_record_hash_numbers(key, parts, 2);
}
