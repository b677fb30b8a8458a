/* The state that the log has come to, out of the newest snapshot that is good: its manifest, its chunks, a
 * replica. One that is not (a chunk is missing or damaged, or its log is cut off) is told in the log, and the
 * one before it is taken.
 *
 *   WALKING: which manifests are there? ─► READING the newest ─┬─► RESTORED
 *      ▲                                                        └ bad: is there a newer one by now?
 *      └────────────────────────────────────────────────────────┘
 *   none is left ─► NOTHING: from the log's first message, or LOST where the log has it no more
 *
 * A step function. One thread. All its requests are forgotten with wkv_js_requests_destroy, and then it ends.
 */
#ifndef WKV_JOURNAL_RESTORE_H
#define WKV_JOURNAL_RESTORE_H

#include "jetstream/names.h"
#include "journal/chunks.h"
#include "journal/fetch.h"
#include "replica/replica.h"
#include "support/log.h"

enum wkv_restored {
    WKV_RESTORED,         /* the replica is to be fed from its applied position on */
    WKV_RESTORED_NOTHING, /* there is no snapshot: a replica is to be fed from the log's first message on */
    WKV_RESTORED_NEWER,   /* it was written by a newer version (exit 70) */
    WKV_RESTORED_LOST, /* there is none, and the log does not reach back to its beginning any more (exit 70)
                        */
};

/* Called once, as the last thing, within wkv_restore_tick. replica is the callee's, or NULL; text says what
 * was found, for people. */
typedef void (*wkv_restore_done)(void *context, enum wkv_restored how, struct wkv_replica *replica,
                                 const char *text);

/* All is borrowed. */
struct wkv_restore_options {
    struct wkv_js_requests *requests;
    const struct wkv_js_names *names;
    const char *domain; /* NULL: none */
    const struct wkv_replica_options *replica;
    struct wkv_log *log;
    uint64_t log_first; /* position of the log's first message, as it was seen: a snapshot below is no use */
    wkv_restore_done done;
    void *context;
};

/* So many manifests are looked at, the newest; two are kept (replica.h). */
#define WKV_RESTORE_MANIFESTS 8

struct wkv_restore_manifest {
    uint64_t position; /* of itself, in the stream */
    struct wkv_record_key key;
    struct wkv_manifest manifest;
};

struct wkv_restore {
    struct wkv_restore_options options;
    unsigned state; /* private to restore.c */
    bool asked;
    int64_t now_ns, again_ns, begun_ns;
    uint64_t from; /* WALKING: the next manifest is at or behind it */
    struct wkv_restore_manifest found[WKV_RESTORE_MANIFESTS]; /* the oldest first */
    size_t count;
    uint64_t newest;  /* position of the newest manifest that was seen */
    uint64_t below;   /* those at or above it are bad */
    bool newer;       /* something was written by a newer version */
    size_t candidate; /* READING: which of `found` */
    uint64_t missing; /* messages that were not there */
    struct wkv_chunks chunks;
    struct wkv_recovery *recovery;
    struct wkv_fetch fetch;
};

void wkv_restore_begin(struct wkv_restore *restore, const struct wkv_restore_options *options,
                       int64_t now_ns);

/* At the end of each turn, and when it is due, which it returns; INT64_MAX: when an answer comes. What is not
 * answered is asked again, without end. */
int64_t wkv_restore_tick(struct wkv_restore *restore, int64_t now_ns);

/* How much of the snapshot has been read. */
unsigned wkv_restore_permille(const struct wkv_restore *restore);

/* Frees what it holds; when no request of it will be answered any more. A zeroed struct is allowed. */
void wkv_restore_end(struct wkv_restore *restore);

#endif
