#include "journal/chunks.h"

void wkv_chunks_begin(struct wkv_chunks *chunks, const struct wkv_record_key *key, uint64_t snapshot)
{
    *chunks = (struct wkv_chunks){.key = *key, .snapshot = snapshot};
}

enum wkv_chunks_step wkv_chunks_take(struct wkv_chunks *chunks, struct wkv_text message)
{
    struct wkv_chunk chunk;
    enum wkv_record_status status =
        message.data == NULL ? WKV_RECORD_FOREIGN : wkv_chunk_read(message, &chunks->key, &chunk);
    if (status == WKV_RECORD_NEWER)
        return WKV_CHUNKS_NEWER;
    if (status != WKV_RECORD_OK || chunk.kind == WKV_PART_MANIFEST || chunk.snapshot != chunks->snapshot ||
        chunk.number != chunks->count)
        return WKV_CHUNKS_PASSED;
    chunks->count++;
    chunks->bytes += message.len;
    chunks->digest = wkv_chunk_digest(&chunks->key, chunks->digest, message);
    return WKV_CHUNKS_NEXT;
}

bool wkv_chunks_are_whole(const struct wkv_chunks *chunks, const struct wkv_manifest *manifest)
{
    return chunks->count == manifest->chunks && chunks->bytes == manifest->bytes &&
           chunks->digest == manifest->digest;
}
