/* Watches: who is told of changes (contract section 3b).
 *
 *   workers ──start──► fresh ─┐                                  ┌─► events, on a connection of their own
 *   workers, janitor ──poke───┴► the loop's turn: takes changes, ┤
 *                                shows first keys, looks at time └─► sync, missed, end
 *
 * A writer never waits for a watcher: what changes is noted in its shard (store.h, changes), and the loop
 * here is woken, which takes the notes and publishes. NATS stalls a connection whose reader is slow, so this
 * one is theirs alone. The store notes changes only while there is a watch.
 *
 * What ends a watch: its lease; a change of its actor's binding; that the process stops (`end`). That the
 * watcher, the connection or this process cannot keep up, or that the connection was lost (`missed`). Then it
 * is forgotten, and the watcher asks anew.
 */
#ifndef WKV_WATCH_WATCHES_H
#define WKV_WATCH_WATCHES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "codec/encoding.h"
#include "nats/loop.h"
#include "nats/subject.h"
#include "stats/stats.h"
#include "support/buffer.h"
#include "support/clock.h"
#include "support/error.h"
#include "support/hash.h"
#include "wascc_keyvalue/store.h"

/* "Over 1,024 watches a process: 503". */
#define WKV_MAX_WATCHES 1024

#define WKV_WATCH_DEFAULT_LEASE_MS 30000
#define WKV_WATCH_MAX_LEASE_MS 300000

/* What a watch is of. */
enum wkv_watched { WKV_WATCHED_KEY, WKV_WATCHED_PREFIX, WKV_WATCHED_KEYSPACE };

/* What a request asks for. All is copied. */
struct wkv_watch_order {
    struct wkv_text reply; /* where events go */
    struct wkv_text actor;
    struct wkv_text name; /* the key or the prefix */
    enum wkv_watched watched;
    enum wkv_encoding encoding; /* protobuf or JSON */
    uint32_t keyspace;
    bool values;
    int64_t lease_ms; /* 0: the default; more than the most is that */
};

/* Borrowed, all of it. */
struct wkv_watches_options {
    struct wkv_store *store;     /* NULL: wkv_watches_serve says which */
    const wkv_told_clock *clock; /* the store's time; NULL: the monotonic clock */
    struct wkv_stats *stats;
    const char *instance; /* the subject for renewals ends with it */
    /* Whether there is room for so many bytes, where the store's budget counts and never refuses; any thread.
     * NULL: the store decides. */
    bool (*has_room)(void *context, size_t bytes);
    void *context;
    struct wkv_loop_options loop; /* but its name and notes */
};

struct wkv_watch;
TAILQ_HEAD(wkv_watch_list, wkv_watch);

struct wkv_watches {
    struct wkv_loop loop;
    struct wkv_store *store;
    const wkv_told_clock *clock;
    struct wkv_stats *stats;
    const char *instance;
    bool (*has_room)(void *context, size_t bytes); /* NULL: the store decides */
    void *room_context;
    struct wkv_hasher hasher;
    struct wkv_loop_options owner; /* whose note is called on, and its context */
    _Atomic bool poked;            /* the loop has been woken and has not looked yet */
    _Atomic bool reconnected;
    _Atomic bool stopping;
    _Atomic uint64_t open; /* is `count`, without the lock */

    pthread_mutex_t lock;            /* guards: */
    struct wkv_watch_list fresh;     /* started, and not seen by the loop yet */
    struct wkv_watch *by_order[256]; /* all that are open, by what was asked for: to know a renewal */
    size_t count;                    /* of these */
    struct wkv_changes *changes;     /* NULL: there is no watch. Used by the loop's thread without the lock */

    /* The loop's thread's. */
    struct wkv_watch_list all;
    struct wkv_watch *by_key[256]; /* those of a key, */
    struct wkv_watch *ranges;      /* and of a prefix or the whole keyspace */
    struct wkv_store_scan *scan;   /* memory for first keys */
    struct wkv_watch *scanned;     /* whose first keys these are, */
    size_t unread;                 /* those from there on are not told yet */
    int64_t waited_ns;             /* in this turn, for the server to take events */
    struct wkv_buffer event;
    struct wkv_buffer first, large; /* values: of a first key, and of a change that was noted without */
    char base[WKV_SUBJECT_BYTES];
};

/* Makes an unconnected one. Errors: WKV_UNAVAILABLE; destroy it all the same. */
enum wkv_code wkv_watches_init(struct wkv_watches *watches, const struct wkv_watches_options *options,
                               struct wkv_error *error);

/* The store, of one that was made without; before it is connected. */
static inline void wkv_watches_serve(struct wkv_watches *watches, struct wkv_store *store)
{
    watches->store = store;
}

/* Frees a disconnected one, and its watches. */
void wkv_watches_destroy(struct wkv_watches *watches);

/* Begins a watch, or renews the one that was asked for with the same order. Any thread. Errors:
 * WKV_UNAVAILABLE (1,024 watches, or it stops), WKV_BUDGET_SPENT, WKV_NO_MEMORY. */
enum wkv_code wkv_watches_start(struct wkv_watches *watches, const struct wkv_watch_order *order,
                                struct wkv_error *error);

/* Ends the watches of an actor. Any thread. */
void wkv_watches_end_actor(struct wkv_watches *watches, struct wkv_text actor);

/* Ends all, and takes no more. wkv_watches_await waits until all have been told, or the time (monotonic). Any
 * thread but the loop's. */
void wkv_watches_stop(struct wkv_watches *watches);
void wkv_watches_await(struct wkv_watches *watches, int64_t until_ns);

/* Wakes the loop where the store says that something has changed. Any thread, often: without a watch it costs
 * a look at one word. */
void wkv_watches_wake(struct wkv_watches *watches);
static inline void wkv_watches_poke(struct wkv_watches *watches)
{
    if (wkv_store_has_changes(watches->store))
        wkv_watches_wake(watches);
}

#endif
