/* Statistics: what was asked, how long it took, who was slow, and what the process holds (CONTRACT section
 * 8).
 *
 * Each worker counts in a block of its own, on cache lines that no other thread writes; a look adds the
 * blocks up. So counting a request is some plain stores, and reading takes nothing from the workers:
 *
 *   worker 0 ──► block 0 ┐
 *   worker 1 ──► block 1 ├─► wkv_stats_operation, wkv_stats_service, wkv_stats_slowlog:
 *   …                    ┘   STATS, /metrics, Slowlog
 *
 *   janitor ───► wkv_stats_tick, every WKV_STATS_TICK_MS: what the last minute was
 *
 * A request is counted before its reply can reach the caller, so a caller that has its answer finds it
 * counted.
 */
#ifndef WKV_STATS_STATS_H
#define WKV_STATS_STATS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/error.h"
#include "support/trace.h"
#include "wascc_keyvalue/text.h"

struct wkv_stats;
struct wkv_stats_block;

/* The codes that a request can be refused with, in order: contract section 5. */
#define WKV_STATS_CODES 8
extern const enum wkv_code wkv_stats_codes[WKV_STATS_CODES];

/* Upper bounds of the cumulative histogram: 2^WKV_STATS_FIRST_BOUND ns (about a microsecond) and each power
 * of two after it, up to about a second. They are bounds of the histogram's buckets, too, so the counts are
 * exact. */
#define WKV_STATS_FIRST_BOUND 10u
#define WKV_STATS_BOUNDS 21u

struct wkv_stats_options {
    unsigned workers;  /* event loops for actors, at least 1; there is one more block, for `system` */
    size_t operations; /* at least 1: wkv_operation_count, which is for the floor above to know */
    int64_t now_ns;    /* monotonic */
    int64_t wall_ns;   /* of the same moment */
};

/* Errors: NULL where memory is short. */
struct wkv_stats *wkv_stats_create(const struct wkv_stats_options *options);

/* Frees it; no thread may use it or its blocks any more. NULL is allowed. */
void wkv_stats_destroy(struct wkv_stats *stats);

/* ---- counting ---- */

/* The block of a worker, for that worker's thread alone: 0 to options.workers - 1, and options.workers for
 * `system`. Owned by stats. */
struct wkv_stats_block *wkv_stats_worker(struct wkv_stats *stats, unsigned number);

/* A request that has been answered. Borrowed for the call. */
struct wkv_stats_request {
    size_t operation;      /* index in wkv_operations */
    struct wkv_text actor; /* the token of the subject */
    enum wkv_code code;    /* WKV_OK, or what it was refused with: one of wkv_stats_codes */
    const char *error;     /* the error's text; read only where code is not WKV_OK; NULL is as good as "" */
    int64_t start_ns;      /* monotonic: the worker began with it, */
    int64_t end_ns;        /* and had given the reply to nats.c */
    size_t request_bytes;  /* of the payloads */
    size_t reply_bytes;
    const struct wkv_trace *trace; /* NULL: none */
    size_t items; /* it stands for so many of a Batch, which the slow log shows as a whole; 0: for itself */
};

/* Counts it: some plain stores, and no lock but for a refusal or for a request that gets into the slow log.
 * For the block's own thread. */
void wkv_stats_count(struct wkv_stats_block *block, const struct wkv_stats_request *request);

/* A reply that nats.c could not take. For the block's own thread. */
void wkv_stats_count_unsent(struct wkv_stats_block *block);

/* A reply that the server's permissions have refused: it is counted with these. Any thread. */
void wkv_stats_count_refused_reply(struct wkv_stats *stats);

/* Why a request got no answer at all. */
enum wkv_stats_drop {
    WKV_DROP_REPLY_SUBJECT, /* its answer would go where the provider itself may speak */
    WKV_DROP_SUBJECT,       /* its subject is none that was subscribed to */
    WKV_DROP_OVERLOAD,      /* there is not even room for a refusal */
    WKV_STATS_DROPS,
};
extern const char *const wkv_stats_drop_names[WKV_STATS_DROPS];

/* A request that was dropped. Any thread. */
void wkv_stats_count_dropped(struct wkv_stats *stats, enum wkv_stats_drop why);

/* A connection was made (or came back), or was lost. A loss without a connection counts for nothing. Any
 * thread. */
void wkv_stats_connected(struct wkv_stats *stats);
void wkv_stats_reconnected(struct wkv_stats *stats);
void wkv_stats_disconnected(struct wkv_stats *stats);

/* So many watches are open; an event was sent to one; one was ended since it did not keep up. Any thread. */
void wkv_stats_set_watches(struct wkv_stats *stats, uint64_t count);
void wkv_stats_count_watch_event(struct wkv_stats *stats);
void wkv_stats_count_missed_watch(struct wkv_stats *stats);

/* Connections that were made, those that came back included: another number is another connection. Any
 * thread. */
uint64_t wkv_stats_connects(struct wkv_stats *stats);

/* Whether every connection of this process is up and the server has confirmed its subscriptions. Any thread.
 */
void wkv_stats_set_ready(struct wkv_stats *stats, bool ready);

/* Whether another instance holds a part of the data, and one of the two has to go: each time that this begins
 * is counted. One thread sets it, any reads it. */
void wkv_stats_set_split(struct wkv_stats *stats, bool split);
bool wkv_stats_is_split(struct wkv_stats *stats);

/* What /readyz says: ready, and not split. Any thread. */
bool wkv_stats_is_ready(struct wkv_stats *stats);

/* When the process was started: nanoseconds since 1970. Any thread. */
int64_t wkv_stats_started_wall_ns(const struct wkv_stats *stats);

/* ---- the last minute ---- */

#define WKV_STATS_TICK_MS 5000
/* So many ticks are "the last minute"; what came since the last tick is added to them. */
#define WKV_STATS_TICKS 12

/* Remembers what was counted since the last tick, and forgets what was counted before the last
 * WKV_STATS_TICKS of them. Called every WKV_STATS_TICK_MS by one thread. */
void wkv_stats_tick(struct wkv_stats *stats);

/* ---- reading: any thread ---- */

/* Nanoseconds; 0 where nothing was counted. Percentiles are never too small, less than 1/32 too large (or 1
 * ns for 0) up to 135 s, and never above max_ns; max_ns is exact since start, and of the last minute no more
 * exact than a percentile. */
struct wkv_stats_latency {
    uint64_t requests;
    uint64_t p50_ns, p90_ns, p99_ns, p999_ns, max_ns;
};

struct wkv_stats_operation {
    uint64_t requests; /* with those refused */
    uint64_t errors;   /* those refused */
    uint64_t refusals[WKV_STATS_CODES];
    uint64_t processing_ns; /* of all requests together */
    uint64_t request_bytes, reply_bytes;
    char last_error[WKV_ERROR_TEXT_BYTES + 8]; /* "401: Get: …", or ""; of all workers' the latest */
    struct wkv_stats_latency since_start, last_minute;
    uint64_t at_most[WKV_STATS_BOUNDS]; /* requests that took at most 2^(WKV_STATS_FIRST_BOUND + i) ns */
};

/* One operation (an index in wkv_operations), over all workers. Each number is as it is at some moment:
 * between those of a request that is being counted the reader may come. */
void wkv_stats_operation(struct wkv_stats *stats, size_t operation, struct wkv_stats_operation *out);

struct wkv_stats_service {
    int64_t started_wall_ns; /* since 1970 */
    uint64_t uptime_ns;
    unsigned workers;
    bool ready;
    bool split;      /* now */
    uint64_t splits; /* since start */
    uint64_t requests, errors;
    uint64_t refusals[WKV_STATS_CODES];
    uint64_t unsent; /* replies that nats.c could not take, or that the server has refused */
    uint64_t dropped[WKV_STATS_DROPS];
    uint64_t connections; /* up now */
    uint64_t connects;    /* made since start, those that came back not counted */
    uint64_t reconnects;  /* came back since start */
    uint64_t watches;     /* open now */
    uint64_t watch_events, watches_missed;
};

void wkv_stats_service(struct wkv_stats *stats, int64_t now_ns, struct wkv_stats_service *out);

/* ---- the slow log ---- */

/* Each worker remembers so many of the slowest requests of this minute and of the last. Minutes are counted
 * from the start, and a request belongs to the one in which it ended. */
#define WKV_STATS_SLOW 32
#define WKV_STATS_SLOW_WINDOW_NS (INT64_C(60) * 1000000000)

/* Of an actor's name as it is shown, its NUL included. */
#define WKV_STATS_ACTOR_BYTES 129

struct wkv_stats_slow {
    size_t operation;
    char actor[WKV_STATS_ACTOR_BYTES]; /* a longer name is cut; printable ASCII, the rest as \xNN */
    enum wkv_code code;
    int64_t start_wall_ns; /* since 1970 */
    int64_t duration_ns;
    uint64_t request_bytes, reply_bytes;
    struct wkv_trace trace; /* .present false: none */
};

/* The slowest requests of the last one to two minutes over all workers, the slowest first: at most max of
 * them. Returns how many it wrote. */
size_t wkv_stats_slowlog(struct wkv_stats *stats, int64_t now_ns, struct wkv_stats_slow *out, size_t max);

#endif
