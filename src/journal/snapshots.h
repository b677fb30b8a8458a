/* Snapshots of what the log has come to, and what is taken away once they have it (DESIGN, 6): every instance
 * looks whether one is due, and whoever wins the claim writes it.
 *
 *   IDLE ─due─► CLAIMING ─won─► LOOKING ─► WRITING ─► REHEARSING ─► MANIFEST ─► ANNOUNCING ─► PURGING ─► IDLE
 *     ▲             │              │ which is  │ chunks     │ they are    │ it is       │ SNAPSHOT is
 *     └─────────────┴── lost ──────┴─ the last ┴────────────┴ read back ──┴ whole ──────┘ applied
 *
 * A manifest is written only where the one that was seen after the claim is still the last: an instance that
 * was paused, and has lost its claim without knowing, cannot put an older one behind a newer one, whose log
 * may be gone.
 *
 * The holder of the claim also raises the log's format, once all instances can read a newer one; that there
 * is one to raise makes a snapshot due.
 *
 * A step function, without a thread: it sends by the requests and appends by a callback; it looks at the
 * clock only to see what a slice has taken. One thread, the replica's. All its requests are forgotten with
 * wkv_js_requests_destroy, and then it ends.
 */
#ifndef WKV_JOURNAL_SNAPSHOTS_H
#define WKV_JOURNAL_SNAPSHOTS_H

#include "jetstream/names.h"
#include "journal/chunks.h"
#include "journal/fetch.h"
#include "journal/upload.h"
#include "replica/replica.h"
#include "support/log.h"

/* All is borrowed. */
struct wkv_snapshots_options {
    struct wkv_js_requests *requests;
    const struct wkv_js_names *names;
    const char *domain; /* NULL: none */
    struct wkv_replica *replica;
    struct wkv_log *log;
    int64_t every_ns;       /* so often, where anything has changed; 0: never for that reason */
    uint64_t log_max_bytes; /* of the log's stream; 0: no bound */
    uint8_t format;         /* the newest that this program can read and write; 0: WKV_RECORD_FORMAT */
    /* Appends a record of this instance to the log, or not: what has not come back is appended again. */
    void (*append)(void *context, enum wkv_record_kind kind, const union wkv_record_body *body);
    void *context;
};

/* What has been applied since some position. */
struct wkv_snapshots_since {
    uint64_t bytes, records, operations;
};

struct wkv_snapshots {
    struct wkv_snapshots_options options;
    uint64_t join;    /* position of this instance's JOIN; 0: it has not joined */
    unsigned state;   /* private to snapshots.c */
    unsigned pending; /* requests that are under way, but for those of upload and fetch */
    int64_t now_ns, state_ns, next_ns, claimed_ns;

    /* When one is due: due.c. */
    struct wkv_snapshots_since since, at_claim;
    uint64_t last_claim;                /* the snapshot's id that was claimed last, by anybody */
    int64_t last_ns;                    /* when one was whole, or it began to look */
    int64_t claim_log_ns, taken_log_ns; /* log time of that claim, and of the last snapshot; 0: not known */
    bool forced;

    /* The one that is being written. */
    uint64_t id;
    uint64_t expected; /* position of the manifest that was the last after the claim; 0: there was none */
    bool looked;
    struct wkv_manifest manifest;
    struct wkv_buffer manifest_bytes;
    struct wkv_upload upload;
    struct wkv_fetch fetch;
    struct wkv_chunks chunks;
    bool slicing;
    int64_t credit_ns, credited_ns; /* time that may be spent on slices, and on reading back */
    int64_t charged_ns;             /* what reading back has been charged for: fetch.worked_ns */
    size_t keys;                    /* in a slice */
    int64_t begun_ns, raised_ns;
    struct wkv_replica_needless needless;
    unsigned purges; /* tries */
    char why[192];   /* it was given up */

    /* Figures. */
    uint64_t written, given_up;
};

/* `now_ns` is of any clock that only goes forward, here and below. The replica has been restored, and fed
 * with nothing since: what it is fed with counts from there. */
void wkv_snapshots_begin(struct wkv_snapshots *snapshots, const struct wkv_snapshots_options *options,
                         int64_t now_ns);

/* The instance has joined: it may claim from now on. */
static inline void wkv_snapshots_join(struct wkv_snapshots *snapshots, uint64_t join)
{
    snapshots->join = join;
}

/* A message of the log has been applied: of so many bytes, and with so many operations. */
static inline void wkv_snapshots_count(struct wkv_snapshots *snapshots, size_t bytes)
{
    snapshots->since.bytes += bytes;
    snapshots->since.records++;
}

static inline void wkv_snapshots_count_operations(struct wkv_snapshots *snapshots, uint32_t operations)
{
    snapshots->since.operations += operations;
}

/* A record that is no batch has been applied: from the replica's event of that name. */
void wkv_snapshots_control(struct wkv_snapshots *snapshots, uint64_t position,
                           const struct wkv_record *record, const union wkv_record_body *body, bool accepted);

/* The log is nearly full: one is written now, and all of the log below it is taken away. */
static inline void wkv_snapshots_force(struct wkv_snapshots *snapshots)
{
    snapshots->forced = true;
}

/* At the end of each turn in which the replica serves, and when it is due, which it returns; INT64_MAX: when
 * an answer or a record comes. */
int64_t wkv_snapshots_tick(struct wkv_snapshots *snapshots, int64_t now_ns);

/* Log time that has passed since the last snapshot; -1: there is none, or it is not known. */
int64_t wkv_snapshots_age_ns(const struct wkv_snapshots *snapshots);

/* Frees what it holds, and ends the replica's snapshot; when no request of it will be answered any more. A
 * zeroed struct is allowed. */
void wkv_snapshots_end(struct wkv_snapshots *snapshots);

/* ---- due.c ---- */

/* Whether one is due, by what has been applied since the last. */
bool wkv_snapshots_are_due(const struct wkv_snapshots *snapshots);

/* The format that the log may be raised to; 0: none above the one in force. */
uint8_t wkv_snapshots_raise(const struct wkv_snapshots *snapshots);

#endif
