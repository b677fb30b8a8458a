/* Finds the two streams of a binding, or makes them (DESIGN, 5.1): the snapshots', then the log's, then the
 * log's first record, each by whoever finds it missing. Instances that start together do this side by side,
 * and one of them wins each step.
 *
 *   ACCOUNT ──► SNAPSHOTS ──► LOG ──► both are there ─────────────► FIRST ──► MARK ──► opened
 *                   ▲          │   └─ neither has anything: make ─┘
 *                   └──────────┘      what is missing, look again
 *
 * MARK is the first message of the snapshots' stream, and says that the log was begun: beside it a log that
 * is not there, or empty, was lost. A log that was begun without is marked by whoever opens it next.
 *
 * Data that was there is never covered up: where one stream is missing beside one that has messages, or one
 * is not as ours are made, it has failed, and the text says what to look at. What a server may say while it
 * starts, that there is no JetStream or no such stream, counts once it has been said for some seconds.
 *
 * A stream is made smaller where the servers have not so much room, and with one replica where nobody has
 * asked for a number and the cluster has too few servers; `opened` says what it was made with.
 *
 * A step function. What is not answered, or not now, is asked again four times a second, until its owner
 * gives up.
 */
#ifndef WKV_JETSTREAM_OPENING_H
#define WKV_JETSTREAM_OPENING_H

#include <stdbool.h>
#include <stdint.h>

#include "jetstream/api.h"
#include "jetstream/requests.h"
#include "support/error.h"

struct wkv_js_opening_options {
    const struct wkv_js_names *names;
    const char *domain;    /* NULL: none */
    unsigned replicas;     /* of streams that are made; 0: 3 where the cluster has so many servers, else 1 */
    int64_t log_max_bytes; /* likewise, at the most */
    int64_t snap_max_bytes;
    struct wkv_text first; /* the record that the log begins with, should it have none */
};

/* What was found. All pointers of the options are borrowed until it has opened or failed. */
struct wkv_js_opened {
    struct wkv_js_stream_state log, snapshots;
    bool began; /* the log's first record is this one's */
};

struct wkv_js_opening;

/* Called once, as the last thing, from within wkv_js_requests_take or _tick, so that the requests are not to
 * be destroyed in it. error->code is WKV_OK, or WKV_UNAVAILABLE with a text for people (exit 69). */
typedef void (*wkv_js_opened_call)(void *context, const struct wkv_js_opened *opened,
                                   const struct wkv_error *error);

struct wkv_js_opening {
    struct wkv_js_opening_options options;
    struct wkv_js_requests *requests; /* borrowed */
    wkv_js_opened_call done;
    void *context;
    struct wkv_js_stream streams[2]; /* how they are made */
    struct wkv_js_opened opened;
    bool has[2];
    bool raised;   /* the snapshots' stream was made, or made larger, or that was tried */
    unsigned step; /* private to opening.c */
    int64_t now_ns;
    int64_t again_ns;     /* the step is to be asked again then; 0: it has been asked */
    int64_t too_small_ns; /* since then the cluster has had too few servers; 0: it has not */
    unsigned suspicion;   /* what makes it fail if it stays so; private to opening.c */
    int64_t suspicion_ns; /* since then */
    char waits_for[384];  /* why it is not done yet, for the log and /readyz; "" */
};

/* The connection is up. */
void wkv_js_open(struct wkv_js_opening *opening, const struct wkv_js_opening_options *options,
                 struct wkv_js_requests *requests, int64_t now_ns, wkv_js_opened_call done, void *context);

/* Asks again where that is due; to be called after requests have been answered or ended, too. Returns when
 * something is; INT64_MAX: nothing. */
int64_t wkv_js_opening_tick(struct wkv_js_opening *opening, int64_t now_ns);

#endif
