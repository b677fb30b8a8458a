/* A snapshot: META at one position, then the keys in the order of their ranks, piece by piece, while records
 * go on to be applied. Each piece is as of the position at which it was read, and a replay skips for each key
 * what its piece has already. An operation on several keys could then be half in it: so, in front of a record
 * with one, those of its keys that are not read yet are written on their own, absent ones too, and passed
 * over later. A replay then does such an operation as a whole, or not at all. */
#include <stdlib.h>

#include "record/chunk.h"
#include "replica/machine.h"
#include "replica/values.h"

/* What is written on its own in front of one record, and all keys that were. */
#define MOST_AT_ONCE ((size_t)32 << 20)
#define MOST_OWN_BYTES ((uint64_t)64 << 20)

struct wkv_snapshot {
    struct wkv_manifest manifest;
    wkv_chunk_sink sink;
    void *context;
    enum wkv_snapshot_state state;
    uint64_t next; /* keys whose ranks are below it have been read */
    struct wkv_own_keys own;
    struct wkv_buffer body, chunk;
};

/* ---- chunks ---- */

static bool send_chunk(struct wkv_replica *replica, const struct wkv_chunk *chunk)
{
    struct wkv_snapshot *snapshot = replica->snapshot;
    struct wkv_manifest *manifest = &snapshot->manifest;
    wkv_buffer_reset(&snapshot->chunk, SIZE_MAX);
    if (!wkv_chunk_write(chunk, &replica->key, &snapshot->chunk))
        return false;
    struct wkv_text message = {snapshot->chunk.data, snapshot->chunk.len};
    manifest->chunks++;
    manifest->bytes += message.len;
    manifest->digest = wkv_chunk_digest(&replica->key, manifest->digest, message);
    return snapshot->sink(snapshot->context, message);
}

/* Sends what is in the body as a part. */
static void send_part(struct wkv_replica *replica, struct wkv_chunk chunk)
{
    struct wkv_snapshot *snapshot = replica->snapshot;
    const struct wkv_buffer *body = &snapshot->body;
    bool sent = !body->failed;
    chunk.snapshot = snapshot->manifest.snapshot;
    chunk.format = replica->facts.format;
    chunk.goes_on = true;
    for (size_t at = 0; sent && chunk.goes_on; chunk.of_part++) {
        size_t left = body->len - at;
        chunk.goes_on = left > WKV_CHUNK_MAX_BODY_BYTES;
        chunk.body = (struct wkv_text){body->data == NULL ? "" : body->data + at,
                                       chunk.goes_on ? WKV_CHUNK_MAX_BODY_BYTES : left};
        chunk.number = snapshot->manifest.chunks;
        sent = send_chunk(replica, &chunk);
        at += chunk.body.len;
    }
    if (!sent)
        snapshot->state = WKV_SNAPSHOT_GIVEN_UP;
    wkv_buffer_reset(&snapshot->body, WKV_CHUNK_MAX_BODY_BYTES);
}

static void send_meta(struct wkv_replica *replica)
{
    wkv_replica_put_meta(replica, &replica->snapshot->body);
    send_part(replica, (struct wkv_chunk){.kind = WKV_PART_META, .position = replica->facts.applied});
}

/* ---- its life ---- */

bool wkv_replica_begin_snapshot(struct wkv_replica *replica, uint64_t id, wkv_chunk_sink sink, void *context)
{
    /* While it replays, its keys are not all as of one position. */
    bool may_begin = replica->snapshot == NULL && replica->parts.all == NULL;
    struct wkv_snapshot *snapshot = may_begin ? calloc(1, sizeof *snapshot) : NULL;
    if (snapshot == NULL)
        return false;
    replica->snapshot = snapshot;
    snapshot->manifest.snapshot = id;
    snapshot->manifest.position = replica->facts.applied;
    snapshot->manifest.checksum = replica->chain.last_hash;
    (void)wkv_chain_at(&replica->chain, replica->facts.applied, &snapshot->manifest.chain);
    snapshot->sink = sink;
    snapshot->context = context;
    snapshot->state = WKV_SNAPSHOT_BEGUN;
    if (!WKV_WRONG(WKV_META_LAST))
        send_meta(replica);
    return true;
}

enum wkv_snapshot_state wkv_replica_snapshot(const struct wkv_replica *replica)
{
    return replica->snapshot == NULL ? WKV_SNAPSHOT_NONE : replica->snapshot->state;
}

bool wkv_snapshot_is_open(const struct wkv_replica *replica)
{
    return wkv_replica_snapshot(replica) == WKV_SNAPSHOT_BEGUN;
}

uint64_t wkv_snapshot_bytes(const struct wkv_replica *replica)
{
    const struct wkv_snapshot *snapshot = replica->snapshot;
    return snapshot == NULL
               ? 0
               : wkv_own_keys_bytes(&snapshot->own) + snapshot->body.capacity + snapshot->chunk.capacity;
}

void wkv_replica_end_snapshot(struct wkv_replica *replica, struct wkv_manifest *manifest)
{
    struct wkv_snapshot *snapshot = replica->snapshot;
    if (snapshot == NULL)
        return;
    if (manifest != NULL)
        *manifest = snapshot->manifest;
    wkv_own_keys_destroy(&snapshot->own);
    wkv_buffer_destroy(&snapshot->body);
    wkv_buffer_destroy(&snapshot->chunk);
    free(snapshot);
    replica->snapshot = NULL;
}

/* ---- by rank ---- */

static bool is_own(void *context, struct wkv_key key)
{
    uint64_t position;
    return !WKV_WRONG(WKV_READ_TWICE) && wkv_own_keys_find(context, key, &position);
}

void wkv_replica_snapshot_slice(struct wkv_replica *replica, size_t keys)
{
    struct wkv_snapshot *snapshot = replica->snapshot;
    if (!wkv_snapshot_is_open(replica))
        return;
    struct wkv_values_range range = {.now_ns = replica->facts.now_ns,
                                     .from = snapshot->next,
                                     .to = WKV_STORE_SCAN_END,
                                     .keys = keys,
                                     .passes = is_own,
                                     .context = &snapshot->own};
    if (!wkv_values_put(replica->store, &range, &snapshot->body))
        snapshot->body.failed = true;
    send_part(replica, (struct wkv_chunk){.kind = WKV_PART_KEYS,
                                          .position = replica->facts.applied,
                                          .from = snapshot->next,
                                          .to = range.from});
    snapshot->next = range.from;
    if (snapshot->next != WKV_STORE_SCAN_END || snapshot->state == WKV_SNAPSHOT_GIVEN_UP)
        return;
    snapshot->state = WKV_SNAPSHOT_WHOLE;
    if (WKV_WRONG(WKV_META_LAST))
        send_meta(replica);
}

/* ---- on their own ---- */

static bool has_read(const struct wkv_replica *replica, struct wkv_key key)
{
    uint64_t position;
    return wkv_store_rank(replica->store, &key) < replica->snapshot->next ||
           wkv_own_keys_find(&replica->snapshot->own, key, &position);
}

static bool is_there(const struct wkv_replica *replica, struct wkv_key key)
{
    struct wkv_view view;
    (void)wkv_store_begin(&view, replica->store, &key, 1, WKV_STORE_READS, replica->facts.now_ns);
    bool there = wkv_view_exists(&view, 0, NULL) == WKV_STORE_OK;
    wkv_store_end(&view);
    return there;
}

static void write_own(struct wkv_replica *replica, struct wkv_key key)
{
    struct wkv_snapshot *snapshot = replica->snapshot;
    if (!wkv_own_keys_set(&snapshot->own, key, 0) ||
        !wkv_value_put(replica->store, key, replica->facts.now_ns, &snapshot->body) ||
        snapshot->body.len > MOST_AT_ONCE || wkv_own_keys_bytes(&snapshot->own) > MOST_OWN_BYTES)
        snapshot->state = WKV_SNAPSHOT_GIVEN_UP;
}

void wkv_snapshot_fence(struct wkv_replica *replica, const struct wkv_key *keys, size_t count)
{
    for (size_t i = 0; i < count && wkv_snapshot_is_open(replica); i++) {
        bool left_out = WKV_WRONG(WKV_ABSENT_KEYS_LEFT_OUT) && !is_there(replica, keys[i]);
        if (!has_read(replica, keys[i]) && !left_out)
            write_own(replica, keys[i]);
    }
}

void wkv_snapshot_fence_end(struct wkv_replica *replica, uint64_t position)
{
    if (wkv_snapshot_is_open(replica) && replica->snapshot->body.len > 0)
        send_part(replica, (struct wkv_chunk){.kind = WKV_PART_OWN, .position = position});
}

#ifdef WKV_WRONG_RULES
void wkv_wrong_rewrite(struct wkv_replica *replica, const struct wkv_key *keys, size_t count)
{
    size_t read = 0;
    for (size_t i = 0; i < count; i++)
        read += has_read(replica, keys[i]);
    for (size_t i = 0; i < count && read < count; i++)
        if (has_read(replica, keys[i]))
            write_own(replica, keys[i]);
}
#endif
