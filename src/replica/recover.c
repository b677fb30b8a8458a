/* A replica out of a snapshot's chunks. Each is checked by itself, and all of them against the manifest. */
#include <stdlib.h>

#include "record/chunk.h"
#include "replica/machine.h"
#include "replica/values.h"

struct wkv_recovery {
    struct wkv_replica *replica;
    struct wkv_manifest manifest;
    uint32_t chunks, of_part;
    uint64_t bytes, digest;
    struct wkv_buffer body; /* of the part so far */
    bool has_meta;
    enum wkv_recovery_step step;
};

struct wkv_recovery *wkv_recovery_begin(const struct wkv_replica_options *options,
                                        const struct wkv_record_key *key, const struct wkv_manifest *manifest)
{
    struct wkv_recovery *recovery = calloc(1, sizeof *recovery);
    if (recovery == NULL)
        return NULL;
    recovery->manifest = *manifest;
    recovery->replica = wkv_replica_create(options);
    if (recovery->replica == NULL) {
        free(recovery);
        return NULL;
    }
    recovery->replica->key = *key;
    recovery->replica->options.shards = 0; /* ranks are those of the store that was read */
    return recovery;
}

static bool take_keys(struct wkv_recovery *recovery, const struct wkv_chunk *chunk)
{
    struct wkv_replica *replica = recovery->replica;
    struct wkv_parts *parts = &replica->parts;
    struct wkv_bytes bytes = wkv_bytes_in((struct wkv_text){recovery->body.data, recovery->body.len});
    struct wkv_value value;
    while (!bytes.bad && bytes.at < bytes.end) {
        if (!wkv_value_take(&bytes, &value) ||
            !wkv_value_import(replica->store, &value, replica->facts.now_ns))
            return false;
        if (chunk->kind == WKV_PART_OWN && !wkv_own_keys_set(&parts->own, value.key, chunk->position))
            return false;
    }
    return !bytes.bad &&
           (chunk->kind == WKV_PART_OWN || wkv_parts_add(parts, chunk->from, chunk->to, chunk->position));
}

static bool take_part(struct wkv_recovery *recovery, const struct wkv_chunk *chunk)
{
    struct wkv_replica *replica = recovery->replica;
    if (recovery->has_meta == (chunk->kind == WKV_PART_META))
        return false;
    switch (chunk->kind) {
    case WKV_PART_META:
        recovery->has_meta = true;
        return wkv_replica_take_meta(replica, (struct wkv_text){recovery->body.data, recovery->body.len}) &&
               (replica->facts.applied == recovery->manifest.position || WKV_WRONG(WKV_META_LAST));
    case WKV_PART_KEYS:
    case WKV_PART_OWN:
        return take_keys(recovery, chunk);
    default:
        return false;
    }
}

static bool take_chunk(struct wkv_recovery *recovery, struct wkv_text message)
{
    const struct wkv_record_key *key = &recovery->replica->key;
    struct wkv_chunk chunk;
    enum wkv_record_status status = wkv_chunk_read(message, key, &chunk);
    if (status == WKV_RECORD_NEWER)
        recovery->step = WKV_RECOVERY_NEWER;
    if (status != WKV_RECORD_OK)
        return false;
    bool next =
        (chunk.number == recovery->chunks && chunk.of_part == recovery->of_part) || WKV_WRONG(WKV_META_LAST);
    if (chunk.snapshot != recovery->manifest.snapshot || !next)
        return false;
    recovery->chunks++;
    recovery->of_part = chunk.goes_on ? chunk.of_part + 1 : 0;
    recovery->bytes += message.len;
    recovery->digest = wkv_chunk_digest(key, recovery->digest, message);
    if (!wkv_buffer_append(&recovery->body, chunk.body.data, chunk.body.len))
        return false;
    if (chunk.goes_on)
        return true;
    bool taken = take_part(recovery, &chunk);
    wkv_buffer_reset(&recovery->body, WKV_CHUNK_MAX_BODY_BYTES);
    return taken;
}

enum wkv_recovery_step wkv_recovery_chunk(struct wkv_recovery *recovery, struct wkv_text message)
{
    if (recovery->step == WKV_RECOVERY_GOES_ON && !take_chunk(recovery, message) &&
        recovery->step == WKV_RECOVERY_GOES_ON)
        recovery->step = WKV_RECOVERY_BAD;
    return recovery->step;
}

static bool is_whole(const struct wkv_recovery *recovery)
{
    const struct wkv_manifest *manifest = &recovery->manifest;
    const struct wkv_parts *parts = &recovery->replica->parts;
    uint64_t chain;
    return recovery->step == WKV_RECOVERY_GOES_ON && recovery->has_meta && recovery->of_part == 0 &&
           recovery->chunks == manifest->chunks && recovery->bytes == manifest->bytes &&
           (recovery->digest == manifest->digest || WKV_WRONG(WKV_META_LAST)) && parts->count > 0 &&
           parts->all[parts->count - 1].to == WKV_STORE_SCAN_END &&
           wkv_replica_chain(recovery->replica, recovery->replica->facts.applied, &chain) &&
           ((chain == manifest->chain && recovery->replica->chain.last_hash == manifest->checksum) ||
            WKV_WRONG(WKV_META_LAST));
}

struct wkv_replica *wkv_recovery_end(struct wkv_recovery *recovery)
{
    struct wkv_replica *replica = recovery->replica;
    if (!is_whole(recovery)) {
        wkv_replica_destroy(replica);
        replica = NULL;
    } else if (replica->parts.last <= replica->facts.applied)
        wkv_parts_destroy(&replica->parts);
    wkv_buffer_destroy(&recovery->body);
    free(recovery);
    return replica;
}

/* ---- manifests ---- */

bool wkv_manifest_write(const struct wkv_manifest *manifest, const struct wkv_record_key *key,
                        struct wkv_buffer *buffer)
{
    struct wkv_buffer body;
    wkv_buffer_init(&body);
    wkv_manifest_put(&body, manifest);
    struct wkv_chunk chunk = {.kind = WKV_PART_MANIFEST,
                              .snapshot = manifest->snapshot,
                              .position = manifest->position,
                              .body = {body.data, body.len}};
    bool written = !body.failed && wkv_chunk_write(&chunk, key, buffer);
    wkv_buffer_destroy(&body);
    return written;
}

bool wkv_manifest_read(struct wkv_text message, struct wkv_record_key *key, struct wkv_manifest *manifest)
{
    struct wkv_chunk chunk;
    uint64_t log_id;
    if (!wkv_chunk_log_id(message, &log_id))
        return false;
    *key = wkv_record_key_of(log_id);
    if (wkv_chunk_read(message, key, &chunk) != WKV_RECORD_OK || chunk.kind != WKV_PART_MANIFEST)
        return false;
    struct wkv_bytes bytes = wkv_bytes_in(chunk.body);
    wkv_manifest_take(&bytes, manifest);
    return wkv_bytes_ended(&bytes) && manifest->snapshot == chunk.snapshot &&
           manifest->position == chunk.position;
}
