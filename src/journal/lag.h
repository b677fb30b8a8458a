/* How far instances are behind the log, and whether this one rests: leaves requests to the others until it
 * has caught up (DESIGN, 7, "instance slow").
 *
 * A BEAT says what its writer had applied when it was sent. So the writer lagged by the time that lies
 * between the stamp of the first message that it had not applied and the stamp of the BEAT itself. Both are
 * the log's: no clock of an instance's decides, a log that stands still makes nobody slow, and each instance
 * sees this of all. What is slow once may be the log: it counts when it lasts.
 *
 * A step function; the log's thread's.
 */
#ifndef WKV_JOURNAL_LAG_H
#define WKV_JOURNAL_LAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/clock.h"

/* "Lag > 1 s → leaves the queue group until < 100 ms." */
#define WKV_LAG_RESTS_NS WKV_NS_PER_S
#define WKV_LAG_SERVES_NS (100 * WKV_NS_PER_MS)
/* BEATs that lie so far apart, when they are applied, have to say so. */
#define WKV_LAG_LASTS_NS (500 * WKV_NS_PER_MS)
/* Another that is not slow, and was heard of within so long, is there to serve. */
#define WKV_LAG_HEARD_NS (3 * WKV_NS_PER_S)

/* Positions and their stamps, some of each second. */
struct wkv_lag_stamp {
    uint64_t position;
    int64_t time_ns;
};
#define WKV_LAG_STAMPS 1024u
#define WKV_LAG_APART_NS (10 * WKV_NS_PER_MS)

struct wkv_lag_other {
    uint64_t join;
    int64_t heard_ns; /* that it was not slow; monotonic */
};
#define WKV_LAG_OTHERS 16u

/* Zeroed it is one that has seen nothing. */
struct wkv_lag {
    struct wkv_lag_stamp stamps[WKV_LAG_STAMPS]; /* a ring: the next is at count % WKV_LAG_STAMPS */
    uint64_t count;
    struct wkv_lag_other others[WKV_LAG_OTHERS];
    int64_t own_ns;        /* this instance's, as its last BEAT said */
    int64_t slow_since_ns; /* monotonic; 0: it is not */
    bool rests;
};

/* A message of the log is applied. */
void wkv_lag_note(struct wkv_lag *lag, uint64_t position, int64_t time_ns);

/* A BEAT, which was noted like any message: of the instance that joined there, which had applied `seen`. own:
 * it is this instance's. Sets rests. */
struct wkv_lag_beat {
    uint64_t join, seen;
    uint64_t position;
    int64_t time_ns;
    bool own;
};
void wkv_lag_beat(struct wkv_lag *lag, const struct wkv_lag_beat *beat, int64_t now_ns);

#endif
