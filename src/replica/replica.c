#include "replica/replica.h"

#include <stdlib.h>

#include "replica/machine.h"
#include "replica/values.h"

#define ARENA_BYTES ((size_t)64 * 1024)

/* ---- its life ---- */

struct wkv_replica *wkv_replica_create(const struct wkv_replica_options *options)
{
    struct wkv_replica *replica = calloc(1, sizeof *replica);
    if (replica == NULL)
        return NULL;
    replica->options = *options;
    if (options->events != NULL)
        replica->events = *options->events;
    if (wkv_arena_init(&replica->arena, ARENA_BYTES, SIZE_MAX))
        return replica;
    free(replica);
    return NULL;
}

void wkv_replica_destroy(struct wkv_replica *replica)
{
    if (replica == NULL)
        return;
    wkv_replica_end_snapshot(replica, NULL);
    wkv_parts_destroy(&replica->parts);
    wkv_buffer_destroy(&replica->reply);
    wkv_arena_destroy(&replica->arena);
    wkv_chain_end(&replica->chain);
    wkv_store_destroy(replica->store);
    wkv_buffer_destroy(&replica->genesis_bytes);
    wkv_tables_destroy(&replica->tables);
    wkv_members_destroy(&replica->members);
    free(replica);
}

static bool keep_genesis(struct wkv_replica *replica, struct wkv_text body)
{
    struct wkv_buffer *bytes = &replica->genesis_bytes;
    if (!wkv_buffer_append(bytes, body.data, body.len))
        return false;
    replica->facts.genesis = (struct wkv_text){bytes->data, bytes->len};
    return true;
}

bool wkv_replica_open(struct wkv_replica *replica, struct wkv_text genesis)
{
    union wkv_record_body body;
    struct wkv_record record = {.kind = WKV_RECORD_GENESIS, .body = genesis};
    if (!wkv_record_read_body(&record, &body) || !keep_genesis(replica, genesis))
        return false;
    struct wkv_store_options options = {.shards = replica->options.shards == 0 ? body.genesis.shards
                                                                               : replica->options.shards,
                                        .advised_bytes = replica->options.advised_bytes,
                                        .blocks = replica->options.blocks,
                                        .hash_seed = body.genesis.hash_seed};
    replica->store = wkv_store_create(&options, replica->facts.now_ns);
    replica->facts.format = body.genesis.format;
    return replica->store != NULL && wkv_tables_init(&replica->tables, &replica->key) &&
           wkv_chain_begin(&replica->chain, &replica->key, 0, 0);
}

/* ---- feeding ---- */

static enum wkv_feed begin(struct wkv_replica *replica, const struct wkv_log_message *message)
{
    struct wkv_record record;
    uint64_t log_id;
    if (!wkv_record_log_id(message->bytes, &log_id))
        return WKV_FEED_NO_GENESIS;
    replica->key = wkv_record_key_of(log_id);
    (void)wkv_record_read(message->bytes, &replica->key, &record);
    replica->facts.now_ns = message->time_ns > 0 ? message->time_ns : 0;
    if (!wkv_replica_open(replica, record.body))
        return WKV_FEED_NO_GENESIS;
    return replica->facts.format > WKV_RECORD_FORMAT ? WKV_FEED_NEWER : WKV_FEED_APPLIED;
}

/* Does the writer know the log that we know? It decides nothing: others may have forgotten that position. */
static void compare_chains(struct wkv_replica *replica, const struct wkv_record *record)
{
    uint64_t ours;
    if (record->chain != 0 && wkv_chain_at(&replica->chain, record->seen, &ours) && ours != record->chain &&
        replica->events.diverged != NULL)
        replica->events.diverged(replica->events.context, record->writer, record->seen);
}

static enum wkv_feed apply_batch(struct wkv_replica *replica, uint64_t position,
                                 const struct wkv_record *record)
{
    if (!wkv_ops_are_sound(record->body, record->operations))
        return WKV_FEED_FOREIGN;
    wkv_replica_fence(replica, position, record);
    struct wkv_replica_batch batch = {.position = position, .record = record};
    batch.verdict = wkv_replica_decide(replica, record);
    bool wanted = replica->events.batch != NULL && replica->events.batch(replica->events.context, &batch);
    return batch.verdict == WKV_VERDICT_RUN ? wkv_replica_run(replica, &batch, wanted) : WKV_FEED_APPLIED;
}

static enum wkv_feed apply(struct wkv_replica *replica, const struct wkv_log_message *message,
                           const struct wkv_record *record)
{
    compare_chains(replica, record);
    return record->kind == WKV_RECORD_BATCH ? apply_batch(replica, message->position, record)
                                            : wkv_replica_control(replica, message->position, record);
}

static void advance_time(struct wkv_replica *replica, int64_t time_ns)
{
    if (time_ns > replica->facts.now_ns)
        replica->facts.now_ns = time_ns;
}

/* What a message is that is the next one. */
static enum wkv_feed read_message(struct wkv_replica *replica, const struct wkv_log_message *message,
                                  struct wkv_record *record)
{
    switch (wkv_record_read(message->bytes, &replica->key, record)) {
    case WKV_RECORD_OK:
        return record->format > replica->facts.format ? WKV_FEED_FOREIGN : WKV_FEED_APPLIED;
    case WKV_RECORD_DAMAGED:
        return message->confirmed ? WKV_FEED_FOREIGN : WKV_FEED_DAMAGED;
    case WKV_RECORD_NEWER:
        return WKV_FEED_NEWER;
    default:
        return WKV_FEED_FOREIGN;
    }
}

enum wkv_feed wkv_replica_feed(struct wkv_replica *replica, const struct wkv_log_message *message)
{
    struct wkv_record record;
    enum wkv_feed feed;
    if (message->position <= replica->facts.applied)
        return WKV_FEED_KNOWN;
    if (message->position > replica->facts.applied + 1)
        return WKV_FEED_HOLE;
    if (replica->store == NULL)
        feed = begin(replica, message);
    else {
        feed = read_message(replica, message, &record);
        if (feed == WKV_FEED_APPLIED) {
            advance_time(replica, message->time_ns);
            feed = apply(replica, message, &record);
        }
    }
    if (feed > WKV_FEED_FOREIGN)
        return feed;
    replica->facts.applied = message->position;
    wkv_chain_add(&replica->chain, message->bytes);
    if (replica->parts.all != NULL && message->position >= replica->parts.last)
        wkv_parts_destroy(&replica->parts);
    return feed;
}

void wkv_replica_pass_hole(struct wkv_replica *replica)
{
    replica->facts.applied++;
    wkv_chain_add(&replica->chain, (struct wkv_text){NULL, 0});
}

/* ---- looking ---- */

bool wkv_replica_genesis(const struct wkv_replica *replica, struct wkv_genesis *genesis)
{
    struct wkv_record record = {.kind = WKV_RECORD_GENESIS, .body = replica->facts.genesis};
    union wkv_record_body body;
    if (!wkv_record_read_body(&record, &body))
        return false;
    *genesis = body.genesis;
    return true;
}

static uint64_t store_bytes(struct wkv_store *store)
{
    struct wkv_store_stats stats = {.bytes = 0};
    if (store != NULL)
        wkv_store_stats(store, &stats);
    return stats.bytes;
}

uint64_t wkv_replica_bytes(const struct wkv_replica *replica)
{
    return store_bytes(replica->store) + store_bytes(replica->tables.store) +
           store_bytes(replica->parts.own.store) + wkv_snapshot_bytes(replica);
}

struct wkv_store *wkv_replica_store(struct wkv_replica *replica)
{
    return replica->store;
}

const struct wkv_record_key *wkv_replica_key(const struct wkv_replica *replica)
{
    return &replica->key;
}

uint64_t wkv_replica_applied(const struct wkv_replica *replica)
{
    return replica->facts.applied;
}

int64_t wkv_replica_now(const struct wkv_replica *replica)
{
    return replica->facts.now_ns;
}

uint64_t wkv_replica_bindings(const struct wkv_replica *replica)
{
    return replica->facts.bindings;
}

uint8_t wkv_replica_format(const struct wkv_replica *replica)
{
    return replica->facts.format;
}

bool wkv_replica_chain(const struct wkv_replica *replica, uint64_t position, uint64_t *chain)
{
    return wkv_chain_at(&replica->chain, position, chain);
}

uint64_t wkv_replica_last_hash(const struct wkv_replica *replica)
{
    return replica->chain.last_hash;
}

uint64_t wkv_replica_floor(const struct wkv_replica *replica, uint64_t writer)
{
    struct wkv_member *member;
    const struct wkv_writer *found = wkv_members_writer(&replica->members, writer, &member);
    return found == NULL ? 0 : found->floor;
}

size_t wkv_replica_members(const struct wkv_replica *replica)
{
    return replica->members.count;
}

void wkv_replica_member(const struct wkv_replica *replica, size_t index, struct wkv_replica_member *out)
{
    const struct wkv_member *member = replica->members.all[index];
    *out = (struct wkv_replica_member){.join = member->join,
                                       .instance = member->instance,
                                       .version = member->version,
                                       .beat = member->beat,
                                       .heard_ns = member->heard_ns,
                                       .seen = member->seen};
}

const struct wkv_manifest *wkv_replica_snapshots(const struct wkv_replica *replica)
{
    return replica->snapshots;
}

struct wkv_replica_needless wkv_replica_needless(const struct wkv_replica *replica)
{
    const struct wkv_manifest *oldest = &replica->snapshots[WKV_REPLICA_SNAPSHOTS - 1];
    struct wkv_replica_needless needless = {.log = 0};
    if (oldest->position > WKV_REPLICA_LAG + 1 && oldest->position <= replica->facts.applied)
        needless.log = oldest->position - WKV_REPLICA_LAG;
    if (oldest->first > 1)
        needless.snapshots = oldest->first;
    return needless;
}

uint64_t wkv_replica_digest(struct wkv_replica *replica, uint64_t from, uint64_t to)
{
    struct wkv_values_range range = {.now_ns = replica->facts.now_ns, .from = from, .to = to};
    uint64_t digest = 0;
    (void)wkv_values_digest(replica->store, &replica->key, &range, &digest);
    return digest;
}

uint64_t wkv_replica_slice(struct wkv_replica *replica, uint64_t from, size_t keys)
{
    struct wkv_store_scan *scan = malloc(sizeof *scan);
    uint64_t end = scan == NULL ? WKV_STORE_SCAN_END : from;
    while (end != WKV_STORE_SCAN_END && keys > 0) {
        wkv_store_scan(replica->store, WKV_STORE_ALL_KEYSPACES, end, replica->facts.now_ns, scan);
        end = scan->count > keys ? scan->keys[keys].cursor : scan->next;
        keys -= scan->count < keys ? scan->count : keys;
    }
    free(scan);
    return end;
}

bool wkv_replica_maintain(struct wkv_replica *replica, unsigned max_steps)
{
    int64_t forgotten = wkv_replica_forgotten_ns(replica);
    bool more = wkv_store_maintain(replica->tables.store, forgotten, max_steps);
    return wkv_store_maintain(replica->store, replica->facts.now_ns, max_steps) || more;
}
