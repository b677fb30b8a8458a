/* The replica: a deterministic machine that is fed with the messages of a log, in their order, and holds what
 * they come to: a store, the bindings, the writers. Two replicas that were fed with the same log hold the
 * same, on whatever machine and with whatever upkeep. It knows no clock, no thread and no NATS.
 *
 *   log ─► feed(position, time, bytes) ─► record (record/) ─► who may: writers, deadline, bindings
 *                                                          ─► operations: the rows' apply (operation/)
 *
 * What may decide over a record: the record, its position and time, and the state before. Not: an option of
 * an instance, a clock of ours, memory, whether somebody waits for the answer.
 *
 * Thread-safety: all calls by one thread. The store may be read by others meanwhile, with a now_ns that is
 * wkv_replica_now's of some moment, and must be changed and maintained by this thread alone
 * (wkv_replica_maintain).
 */
#ifndef WKV_REPLICA_REPLICA_H
#define WKV_REPLICA_REPLICA_H

#include <stdbool.h>
#include <stdint.h>

#include "record/record.h"
#include "support/error.h"
#include "wascc_keyvalue/store.h"

/* What becomes of a batch. The first record with a number settles it for ever, void or not. */
enum wkv_verdict {
    WKV_VERDICT_RUN,
    WKV_VERDICT_LATE,     /* void: log time is past its deadline */
    WKV_VERDICT_BINDINGS, /* void: the bindings have changed since its requests were authorized */
    WKV_VERDICT_AGAIN,    /* void: its number is settled, or was never to be used */
    WKV_VERDICT_GONE,     /* void: there is no such writer (any more) */
};

struct wkv_batch;

struct wkv_replica_answer {
    enum wkv_code code;    /* as on the wire; WKV_OK: done */
    const char *text;      /* of an error */
    struct wkv_text reply; /* of a request that was done, in its encoding; valid during the call */
    bool duplicate;        /* it had been done before: the reply is the first one. Of a NOTE: it is not new */
    const struct wkv_batch *batch; /* of a Batch: what its items came to; valid during the call */
    bool skipped;                  /* in a replay: the snapshot has it, and nothing is known of its answer */
};

struct wkv_replica_binding {
    struct wkv_text actor; /* valid during the call */
    bool bound;            /* else no more */
    uint32_t keyspace;
    bool signed_claims, has_host;
    unsigned char host[32], issuer[32];
    int64_t not_before_s, expires_s;
};

struct wkv_replica_batch {
    uint64_t position;
    const struct wkv_record *record;
    enum wkv_verdict verdict;
};

/* What the replica tells, all of it from within wkv_replica_feed, in the log's order. Any may be NULL. */
struct wkv_replica_events {
    /* A batch, before its operations. Returns whether somebody waits for its replies; else none are written
     * where nothing depends on them. */
    bool (*batch)(void *context, const struct wkv_replica_batch *batch);
    /* Of each operation of a batch that runs. */
    void (*answer)(void *context, uint32_t operation, const struct wkv_replica_answer *answer);
    void (*binding)(void *context, const struct wkv_replica_binding *binding);
    /* A name that got its number, in front of the binding that named it: they come in order, from 1. */
    void (*keyspace)(void *context, struct wkv_text name, uint32_t number);
    /* Any other record, after it has been applied; accepted: it has changed something. */
    void (*control)(void *context, uint64_t position, const struct wkv_record *record,
                    const union wkv_record_body *body, bool accepted);
    /* A DIGEST's. */
    void (*digest)(void *context, const struct wkv_digest *asked, uint64_t digest);
    /* A writer had another chain at that position than we have: the log is not the one that one of us saw. It
     * decides over no record. */
    void (*diverged)(void *context, uint64_t writer, uint64_t position);
    void *context;
};

/* Zero means the default. */
struct wkv_replica_options {
    const struct wkv_replica_events *events; /* borrowed; NULL: nobody listens */
    uint32_t shards; /* default: as GENESIS says, which cursors, snapshots and slices of a digest need */
    uint64_t advised_bytes; /* the store's */
    enum wkv_store_blocks blocks;
};

struct wkv_replica;

/* Makes a replica in front of a log's first message. Errors: NULL where memory is short. */
struct wkv_replica *wkv_replica_create(const struct wkv_replica_options *options);

/* NULL is allowed. */
void wkv_replica_destroy(struct wkv_replica *replica);

struct wkv_log_message {
    uint64_t position; /* from 1 */
    int64_t time_ns;   /* as the log stamped it; may go back */
    struct wkv_text bytes;
    bool confirmed; /* the log's leader has the same bytes: what is damaged was written so */
};

enum wkv_feed {
    WKV_FEED_APPLIED,
    WKV_FEED_FOREIGN, /* no record of this log: passed over, by all alike */
    WKV_FEED_KNOWN,   /* at or below wkv_replica_applied: nothing has been done */
    WKV_FEED_HOLE,    /* beyond the next: nothing has been done */
    WKV_FEED_DAMAGED, /* a checksum is wrong and it is not confirmed: nothing has been done */
    /* From here on the replica is not to be used any more. */
    WKV_FEED_NEWER,        /* the log is written by a newer version */
    WKV_FEED_NO_GENESIS,   /* it does not begin as a log */
    WKV_FEED_BAD_SNAPSHOT, /* what was recovered from is wrong: an operation is half in it */
    WKV_FEED_NO_MEMORY,    /* it may be half applied */
};

/* Applies the next message. */
enum wkv_feed wkv_replica_feed(struct wkv_replica *replica, const struct wkv_log_message *message);

/* The log has nothing at the next position, as was found out otherwise: goes past it. */
void wkv_replica_pass_hole(struct wkv_replica *replica);

/* ---- what it holds ---- */

/* What the log's first record says; texts are the replica's. Returns false before it. */
bool wkv_replica_genesis(const struct wkv_replica *replica, struct wkv_genesis *genesis);

/* Bytes of memory that it takes: its store, and all else that grows. */
uint64_t wkv_replica_bytes(const struct wkv_replica *replica);

/* NULL before GENESIS. */
struct wkv_store *wkv_replica_store(struct wkv_replica *replica);
const struct wkv_record_key *wkv_replica_key(const struct wkv_replica *replica);

uint64_t wkv_replica_applied(const struct wkv_replica *replica);  /* the last position */
int64_t wkv_replica_now(const struct wkv_replica *replica);       /* log time, ns: never goes back */
uint64_t wkv_replica_bindings(const struct wkv_replica *replica); /* position of their last change */
uint8_t wkv_replica_format(const struct wkv_replica *replica);    /* that records may have */

/* wkv_record_hash of the message applied last, 0 of a hole: whoever reads on begins with that message, and
 * must find the same one there. */
uint64_t wkv_replica_last_hash(const struct wkv_replica *replica);

/* Returns false where it is not known (any more). */
bool wkv_replica_chain(const struct wkv_replica *replica, uint64_t position, uint64_t *chain);

/* Shows the actor's binding. Returns false where it has none. */
bool wkv_replica_find_binding(struct wkv_replica *replica, struct wkv_text actor,
                              struct wkv_replica_binding *binding);

/* Calls see for each binding, and for each keyspace that was named, until it returns false: what is no event,
 * since it was there when the replica was recovered. Texts are valid during the call, which must not call the
 * replica. Returns false where memory is short. */
bool wkv_replica_each_binding(struct wkv_replica *replica,
                              bool (*see)(void *context, const struct wkv_replica_binding *binding),
                              void *context);
bool wkv_replica_each_keyspace(struct wkv_replica *replica,
                               bool (*see)(void *context, struct wkv_text name, uint32_t number),
                               void *context);

/* The number of the keyspace of that name. Returns false where it was never named. */
bool wkv_replica_find_keyspace(struct wkv_replica *replica, struct wkv_text name, uint32_t *number);

/* All numbers of the writer below it are settled; 0: there is no such writer. */
uint64_t wkv_replica_floor(const struct wkv_replica *replica, uint64_t writer);

/* An instance that has joined and is not gone. */
struct wkv_replica_member {
    uint64_t join;
    const char *instance, *version;
    struct wkv_beat beat; /* the last; zeros: none yet */
    int64_t heard_ns;     /* log time of its last record */
    uint64_t seen;        /* what it had applied then */
};
size_t wkv_replica_members(const struct wkv_replica *replica);
void wkv_replica_member(const struct wkv_replica *replica, size_t index, struct wkv_replica_member *member);

/* How full the fullest of the instances that live is, in ‰ of its own budget. What can grow is refused before
 * it is appended where that is 1,000, and again admitted below WKV_REPLICA_ADMIT_PERMILLE. */
uint32_t wkv_replica_level(const struct wkv_replica *replica);
#define WKV_REPLICA_ADMIT_PERMILLE 980u

/* The JOIN of the instance that may write a snapshot now, and the snapshot's id; 0: none. */
uint64_t wkv_replica_claim(const struct wkv_replica *replica, uint64_t *snapshot);

/* The last snapshots that are whole, the newest first; position 0: there is none. */
const struct wkv_manifest *wkv_replica_snapshots(const struct wkv_replica *replica);
#define WKV_REPLICA_SNAPSHOTS 2

/* What is not needed any more: all positions below it, in the log and in the stream of snapshots; 0: nothing.
 * The last two snapshots are good to start from, and an instance that lags by a little need not recover.
 * Never 1, which JetStream takes for all, and never beyond what is applied, where numbers would jump. */
struct wkv_replica_needless {
    uint64_t log, snapshots;
};
struct wkv_replica_needless wkv_replica_needless(const struct wkv_replica *replica);
#define WKV_REPLICA_LAG 1000u

/* A digest of all keys from one rank up to another, whatever order they lie in: equal for equal data. */
uint64_t wkv_replica_digest(struct wkv_replica *replica, uint64_t from, uint64_t to);

/* The rank where a slice that begins at `from` ends, with so many keys (> 0) at the most now: for DIGESTs, of
 * which one of all keys would stop every instance at once. WKV_STORE_SCAN_END: that is all, or memory is
 * short. */
uint64_t wkv_replica_slice(struct wkv_replica *replica, uint64_t from, size_t keys);

/* A digest of all that is no key. */
uint64_t wkv_replica_meta_digest(struct wkv_replica *replica);

/* wkv_store_maintain, at log time. */
bool wkv_replica_maintain(struct wkv_replica *replica, unsigned max_steps);

/* ---- snapshots: snapshot.c ---- */

/* Where its chunks go, in their order. Returns false where it has no room: the snapshot is given up. */
typedef bool (*wkv_chunk_sink)(void *context, struct wkv_text chunk);

/* Begins a snapshot with that id at the position that is applied, and writes META. Returns false where one is
 * under way, or the replica has not replayed all that its own snapshot had, or memory is short. */
bool wkv_replica_begin_snapshot(struct wkv_replica *replica, uint64_t id, wkv_chunk_sink sink, void *context);

enum wkv_snapshot_state {
    WKV_SNAPSHOT_NONE,
    WKV_SNAPSHOT_BEGUN,
    WKV_SNAPSHOT_WHOLE,    /* all is written: wkv_replica_end_snapshot says what */
    WKV_SNAPSHOT_GIVEN_UP, /* the sink had no room, memory was short, or too much had to be written at once */
};
enum wkv_snapshot_state wkv_replica_snapshot(const struct wkv_replica *replica);

/* Writes the next keys, between two calls of feed: at most `keys` (> 0), and about 128 KiB unless one is
 * larger. */
void wkv_replica_snapshot_slice(struct wkv_replica *replica, size_t keys);

/* Ends it, whole or not. manifest gets all that is known here of one that is whole: not where it stands in
 * its stream. */
void wkv_replica_end_snapshot(struct wkv_replica *replica, struct wkv_manifest *manifest);

/* ---- recovery: recover.c ---- */

struct wkv_recovery;

/* Begins to read the chunks of the snapshot that the manifest describes. Errors: NULL where memory is short.
 */
struct wkv_recovery *wkv_recovery_begin(const struct wkv_replica_options *options,
                                        const struct wkv_record_key *key,
                                        const struct wkv_manifest *manifest);

enum wkv_recovery_step {
    WKV_RECOVERY_GOES_ON,
    WKV_RECOVERY_BAD,   /* something is wrong with the chunk, or memory short */
    WKV_RECOVERY_NEWER, /* it is written by a newer version */
};

/* The next chunk. After one that is not good, all others are as bad. */
enum wkv_recovery_step wkv_recovery_chunk(struct wkv_recovery *recovery, struct wkv_text chunk);

/* The replica, to be fed from its applied position on; NULL where something was missing or wrong. Ends the
 * recovery. */
struct wkv_replica *wkv_recovery_end(struct wkv_recovery *recovery);

/* A manifest as a message of the stream, and back: log_id is the log's that it belongs to. Errors: false
 * where memory is short, or it is none. */
bool wkv_manifest_write(const struct wkv_manifest *manifest, const struct wkv_record_key *key,
                        struct wkv_buffer *buffer);
bool wkv_manifest_read(struct wkv_text message, struct wkv_record_key *key, struct wkv_manifest *manifest);

#endif
