/* The replica from inside, for the files of this room. */
#ifndef WKV_REPLICA_MACHINE_H
#define WKV_REPLICA_MACHINE_H

#include "record/chain.h"
#include "record/operation.h"
#include "replica/members.h"
#include "replica/parts.h"
#include "replica/replica.h"
#include "replica/rules.h"
#include "replica/tables.h"
#include "support/arena.h"
#include "support/buffer.h"

#define WKV_NS_PER_SECOND INT64_C(1000000000)

struct wkv_snapshot;

/* What is no key and no member: plain numbers, which META has as they are (meta.c). */
struct wkv_facts {
    uint64_t applied;
    int64_t now_ns;
    uint64_t chain, last_hash; /* at applied: for META alone; else the ring has them */
    uint64_t bindings;         /* position of their last change */
    uint8_t format;
    int64_t latest_until_s;  /* of all NOTEs */
    uint8_t removals_passed; /* more actors were removed than are remembered */
    /* The claim; snapshot 0: there is none. */
    uint64_t claim_snapshot, claim_join, claim_position;
    int64_t claim_ns;
    struct wkv_text genesis; /* the body of the first record; in genesis_bytes */
};

struct wkv_replica {
    struct wkv_replica_options options;
    struct wkv_replica_events events;
    struct wkv_record_key key;
    struct wkv_facts facts;
    struct wkv_members members;
    struct wkv_tables tables;
    struct wkv_manifest snapshots[WKV_REPLICA_SNAPSHOTS];
    struct wkv_buffer genesis_bytes;
    struct wkv_store *store; /* NULL before GENESIS */
    struct wkv_chain chain;
    struct wkv_arena arena; /* of the operation that is applied */
    struct wkv_buffer reply;
    struct wkv_parts parts;        /* what a replay skips */
    struct wkv_snapshot *snapshot; /* NULL: none is under way */
};

/* Makes what GENESIS says. Returns false where memory is short, or it is no such body. */
bool wkv_replica_open(struct wkv_replica *replica, struct wkv_text genesis);

/* Decides over a batch (decide.c), by the record and what is no key alone. */
enum wkv_verdict wkv_replica_decide(struct wkv_replica *replica, const struct wkv_record *record);

/* Applies the operations of a batch that runs (apply.c). */
enum wkv_feed wkv_replica_run(struct wkv_replica *replica, const struct wkv_replica_batch *batch,
                              bool wanted);

/* Applies a record that is no batch (control.c). */
enum wkv_feed wkv_replica_control(struct wkv_replica *replica, uint64_t position,
                                  const struct wkv_record *record);

/* BIND, UNBIND and NOTE (bind.c). */
enum wkv_note { WKV_NOTE_NEW, WKV_NOTE_SEEN, WKV_NOTE_TOO_OLD, WKV_NOTE_NO_MEMORY };
enum wkv_note wkv_replica_note(struct wkv_replica *replica, const struct wkv_op *op);
enum wkv_code wkv_replica_bind(struct wkv_replica *replica, uint64_t position, const struct wkv_op *op,
                               struct wkv_error *error);
enum wkv_code wkv_replica_unbind(struct wkv_replica *replica, uint64_t position, const struct wkv_op *op,
                                 struct wkv_error *error);

/* What was noted and may be forgotten: what could be sent until before then, in ns. */
int64_t wkv_replica_forgotten_ns(const struct wkv_replica *replica);

/* META: a part's body (meta.c). */
void wkv_replica_put_meta(struct wkv_replica *replica, struct wkv_buffer *buffer);
bool wkv_replica_take_meta(struct wkv_replica *replica, struct wkv_text body);

/* In front of a record: what the snapshot under way does not have yet of the keys that the record needs
 * together is written (apply.c), which is these two for each of its groups and at its end (snapshot.c). */
void wkv_replica_fence(struct wkv_replica *replica, uint64_t position, const struct wkv_record *record);
void wkv_snapshot_fence(struct wkv_replica *replica, const struct wkv_key *keys, size_t count);
void wkv_snapshot_fence_end(struct wkv_replica *replica, uint64_t position);
bool wkv_snapshot_is_open(const struct wkv_replica *replica);
uint64_t wkv_snapshot_bytes(const struct wkv_replica *replica);

#ifdef WKV_WRONG_RULES
/* The least number that no keyspace has; gives back those of names that are not bound and have no key. */
uint32_t wkv_wrong_number(struct wkv_replica *replica);
void wkv_wrong_give_back(struct wkv_replica *replica, uint32_t keyspace);
/* Writes the keys again that the snapshot has already, if any of them it has not. */
void wkv_wrong_rewrite(struct wkv_replica *replica, const struct wkv_key *keys, size_t count);
#endif

#endif
