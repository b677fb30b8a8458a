/* A simulated log, and the parts of records for it. Everything asserts that it worked. */
#ifndef WKV_TESTS_REPLICA_LOG_H
#define WKV_TESTS_REPLICA_LOG_H

#include <check.h>

#include "record/chunk.h"
#include "record/operation.h"
#include "replica/machine.h"
#include "replica/replica.h"
#include "replica/request.h"
#include "replica/rules.h"
#include "store/store_test.h"
#include "support/text.h"

#define SIM_SECOND INT64_C(1000000000)

struct sim_message {
    int64_t time_ns;
    struct wkv_text bytes; /* owned */
};

struct sim_log {
    struct wkv_record_key key;
    struct sim_message *all; /* all[0] is the message 1 */
    size_t count, capacity;
};

/* A log with GENESIS in it; the seed makes its id and its hash seed. */
void sim_log_begin(struct sim_log *log, uint64_t seed, int64_t time_ns);
void sim_log_end(struct sim_log *log);

/* Each returns the position. */
uint64_t sim_append(struct sim_log *log, int64_t time_ns, struct wkv_text bytes);
uint64_t sim_append_record(struct sim_log *log, int64_t time_ns, const struct wkv_record *record);
uint64_t sim_append_body(struct sim_log *log, int64_t time_ns, const struct wkv_record *record,
                         const union wkv_record_body *body);
uint64_t sim_join(struct sim_log *log, int64_t time_ns, const char *instance, uint8_t workers);

struct wkv_text sim_message(const struct sim_log *log, uint64_t position);

struct wkv_replica *sim_replica(const struct wkv_replica_events *events, uint32_t shards);
enum wkv_feed sim_feed(struct wkv_replica *replica, const struct sim_log *log, uint64_t position);
/* All that it has not had; each must be applied, or be no record. */
void sim_feed_all(struct wkv_replica *replica, const struct sim_log *log);

/* The operations of a batch. */
struct sim_ops {
    struct wkv_buffer body;
    uint32_t count;
    bool noted; /* the next request stands or falls with the NOTE before it */
};

struct sim_once { /* an id and what was sent */
    unsigned id, payload, window_ms;
};

/* A request in JSON, as printf writes it; once NULL: it has no id. */
void sim_request(struct sim_ops *ops, uint32_t keyspace, const struct sim_once *once, const char *operation,
                 const char *format, ...) __attribute__((format(printf, 5, 6)));
void sim_op(struct sim_ops *ops, const struct wkv_op *op);
/* space NULL: the binding's own. */
void sim_bind(struct sim_ops *ops, uint8_t flags, const char *actor, const char *space);
void sim_unbind(struct sim_ops *ops, uint8_t flags, const char *actor);
void sim_note(struct sim_ops *ops, unsigned id, int64_t until_s);

/* Makes the record's body of them, writes it to bytes, and forgets them. */
void sim_write_batch(const struct sim_log *log, struct wkv_record *record, struct sim_ops *ops,
                     struct wkv_buffer *bytes);
uint64_t sim_append_batch(struct sim_log *log, int64_t time_ns, struct wkv_record *record,
                          struct sim_ops *ops);

/* A snapshot that is kept in memory. */
struct sim_snapshot {
    struct wkv_text *chunks; /* owned */
    size_t count, capacity;
    struct wkv_manifest manifest;
};

void sim_snapshot_begin(struct wkv_replica *replica, struct sim_snapshot *snapshot, uint64_t id);
/* Ends one that is whole. */
void sim_snapshot_end(struct wkv_replica *replica, struct sim_snapshot *snapshot);
/* All at once. */
void sim_snapshot_take(struct wkv_replica *replica, struct sim_snapshot *snapshot, uint64_t id);
void sim_snapshot_free(struct sim_snapshot *snapshot);

/* NULL where it is bad. */
struct wkv_replica *sim_recover(const struct sim_log *log, const struct sim_snapshot *snapshot,
                                const struct wkv_replica_events *events, uint32_t shards);

/* All keys and all else, in one number. */
uint64_t sim_state(struct wkv_replica *replica);

#endif
