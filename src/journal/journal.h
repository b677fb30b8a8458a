/* The engine jetstream: one process's part in a log that all instances of a binding share (contract section
 * 10).
 *
 *   workers ── tickets ──► [ inbox ] ──► a batch ──► a record ──► the log, a JetStream stream
 *                                                                   │ every instance reads all of it
 *   workers ◄── what they came to ◄── its operations are applied ◄──┘ and applies it in its order
 *
 * One thread, the loop of a NATS connection of its own, appends, reads and applies; all but a few calls here
 * are only for it. Workers hand over what they keep at the end of their turns, and get it back in theirs: a
 * write with its reply; a read when all is applied that was appended before it was asked, to be done by its
 * worker.
 *
 *   CONNECTING ─► OPENING ─► RECOVERING ─► JOINING ─► READY ─┬─► AGAIN: the state must be made anew
 *        └──────────┴────────────┴────────────┴──────────────┴─► FAILED
 *
 * What it has it holds until the process ends: where it turns out to be wrong (the log was cut off below us,
 * or has lost its end), everything is answered with 504, and the whole process is made anew around a new
 * journal. */
#ifndef WKV_JOURNAL_JOURNAL_H
#define WKV_JOURNAL_JOURNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "access/bindings.h"
#include "engine/engine.h"
#include "nats/loop.h"
#include "support/clock.h"
#include "support/error.h"
#include "support/log.h"

extern const struct wkv_engine wkv_engine_jetstream;

/* All is borrowed. */
struct wkv_journal_options {
    const struct wkv_address *address;
    const char *instance, *version;
    const char *inbox_prefix; /* of the connection; NULL: _INBOX */
    const char *domain;       /* of JetStream; NULL: none */
    unsigned replicas; /* of streams that are made; 0: 3 where the cluster has so many servers, else 1 */
    uint32_t shards;   /* of a log that is begun; 0: the store's default */
    uint64_t log_max_bytes;
    uint64_t max_memory_bytes; /* what can grow is refused where an instance holds so much; 0: no bound */
    int64_t write_timeout_ns;
    int64_t snapshot_every_ns;
    bool reads_locally; /* unless a request says otherwise */
    struct wkv_bindings *bindings;
    struct wkv_log *log;
    struct wkv_loop_options loop; /* but its name */
    /* Called by the log's thread, briefly: it has moved on to another state; something in the store has
     * changed. */
    void (*moved)(void *context);
    void (*changed)(void *context);
    void *context;
};

enum wkv_journal_state {
    WKV_JOURNAL_CONNECTING,
    WKV_JOURNAL_OPENING,
    WKV_JOURNAL_RECOVERING,
    WKV_JOURNAL_JOINING,
    WKV_JOURNAL_READY,
    WKV_JOURNAL_AGAIN,
    WKV_JOURNAL_FAILED, /* error: WKV_UNAVAILABLE where no such log can be served, or else it is lost or newer
                         */
};

struct wkv_journal;

/* Makes an unconnected one. Errors: NULL (WKV_UNAVAILABLE, WKV_NO_MEMORY). */
struct wkv_journal *wkv_journal_create(const struct wkv_journal_options *options, struct wkv_error *error);

/* Frees a disconnected one, when no worker has a part of it any more. NULL is allowed. */
void wkv_journal_destroy(struct wkv_journal *journal);

/* Its loop, for a keeper. */
struct wkv_loop *wkv_journal_loop(struct wkv_journal *journal);

/* Where it stands. *error is set, and says why, for AGAIN and FAILED. Any thread. */
enum wkv_journal_state wkv_journal_state(struct wkv_journal *journal, struct wkv_error *error);

/* Exit codes of FAILED (contract section 10). */
enum wkv_journal_failure { WKV_JOURNAL_UNUSABLE, WKV_JOURNAL_LOST };
enum wkv_journal_failure wkv_journal_failure(struct wkv_journal *journal);

/* How much of the log has been read, in percent, and whether what it holds may be served: it is READY and in
 * touch with the log. Any thread. */
unsigned wkv_journal_recovered_percent(struct wkv_journal *journal);
bool wkv_journal_is_in_touch(const struct wkv_journal *journal);

/* Whether requests are to be left to the other instances until this one has caught up with the log (lag.h).
 * Any thread. */
bool wkv_journal_rests(const struct wkv_journal *journal);

/* The store, from READY on; it belongs to the journal. Any thread. */
struct wkv_store *wkv_journal_store(struct wkv_journal *journal);

/* Whether so much more may be taken of the memory budget, of this instance's and of all: what takes memory
 * and is no change, such as a watch, asks. Any thread. */
bool wkv_journal_has_room(void *journal, size_t bytes);

/* The store's time. Any thread. */
const wkv_told_clock *wkv_journal_clock(const struct wkv_journal *journal);

/* Answers what has waited too long, also while there is no connection. Each 10 ms or so, by any one thread
 * but the loop's. */
void wkv_journal_look(struct wkv_journal *journal);

/* Says farewell to the other instances, and waits until the log has it, as long as it is in touch with the
 * log, or the time (monotonic). When all workers are drained; any thread but the loop's. */
void wkv_journal_leave(struct wkv_journal *journal, int64_t until_ns);

/* A binding that no request asks for: a wkv_bindings_recorder. Any thread. */
void wkv_journal_wish_binding(void *journal, const struct wkv_bindings_wish *wish);

/* ---- figures; any thread ---- */

struct wkv_journal_figures {
    uint64_t log_id;
    uint64_t position, stream_bytes, stream_max_bytes, appends, operations, resends, foreign, holes,
        consumers;
    uint64_t account_bytes, account_max_bytes; /* of the NATS account; 0: no bound, or not known */
    uint64_t voids_late, voids_bindings, voids_again, voids_gone;
    uint64_t snapshot_position;
    int64_t snapshot_age_ns;              /* -1: there is none */
    int64_t lag_ns, waiting_ns, ahead_ns; /* ahead: log time of our own clock */
    int64_t append_p50_ns, append_p99_ns;
    bool diverged;
};
void wkv_journal_figures(struct wkv_journal *journal, struct wkv_journal_figures *figures);

struct wkv_journal_member {
    char instance[64], version[32];
    uint64_t position, keys, bytes;
    int64_t lag_ns;
};

/* Which log it is; 0: that is not known yet. */
uint64_t wkv_journal_log_id(const struct wkv_journal *journal);

/* Writes at most max, and returns how many. */
size_t wkv_journal_members(struct wkv_journal *journal, struct wkv_journal_member *out, size_t max);

#endif
