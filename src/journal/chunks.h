/* The chunks of one snapshot among all that its stream has: those of others, what was given up, and what came
 * twice are passed over (upload.h). Pure; any thread. */
#ifndef WKV_JOURNAL_CHUNKS_H
#define WKV_JOURNAL_CHUNKS_H

#include "record/chunk.h"

struct wkv_chunks {
    struct wkv_record_key key;
    uint64_t snapshot; /* its id */
    uint32_t count;    /* so far */
    uint64_t bytes, digest;
};

void wkv_chunks_begin(struct wkv_chunks *chunks, const struct wkv_record_key *key, uint64_t snapshot);

enum wkv_chunks_step {
    WKV_CHUNKS_NEXT, /* it is the next chunk, whole and undamaged */
    WKV_CHUNKS_PASSED,
    WKV_CHUNKS_NEWER, /* it is written by a newer version */
};
enum wkv_chunks_step wkv_chunks_take(struct wkv_chunks *chunks, struct wkv_text message);

/* Whether all that the manifest speaks of have come. */
bool wkv_chunks_are_whole(const struct wkv_chunks *chunks, const struct wkv_manifest *manifest);

#endif
