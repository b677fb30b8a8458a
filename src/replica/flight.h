/* A writer's batches on their way through the log: which numbers they have, when they are sent again, and
 * what may be said of one that has not come back. It knows no clock and sends nothing: the caller says what
 * time it is, on any clock that only goes forward, and does what it is told.
 *
 *   open ─► written and sent ─► settled by its record: DONE, LATE, or to be taken AGAIN under a new number
 *                            └► not in time: sent again … fenced … given up: 503 where it is certain that
 *                               nothing was changed, else 504
 *
 * Not thread-safe: a writer's belongs to its worker's thread, or to the log's.
 */
#ifndef WKV_REPLICA_FLIGHT_H
#define WKV_REPLICA_FLIGHT_H

#include "replica/replica.h"
#include "support/buffer.h"

struct wkv_flight_batch {
    uint64_t number;
    int64_t opened_ns;
    int64_t sent_ns;     /* the last time */
    int64_t deadline_ns; /* in log time; 0: none */
    bool sent;           /* it may be in the log */
    bool fenced;
    struct wkv_buffer bytes; /* the caller writes its record here: a retry is the same bytes */
    void *work;              /* the caller's */
    struct wkv_flight_batch *next;
};

struct wkv_flight_times {
    int64_t resend_ns;  /* without an answer for so long it is sent again, */
    int64_t fence_ns;   /* until it is so old: then it is fenced, */
    int64_t give_up_ns; /* and so old: given up */
};

struct wkv_flight {
    struct wkv_flight_times times;
    uint64_t writer;
    uint64_t next;                  /* number */
    struct wkv_flight_batch *first; /* in the order of their numbers */
    size_t count;
#ifdef WKV_WRONG_RULES
    uint64_t again; /* the number of a void batch; 0: none */
#endif
};

/* Begins as a writer whose JOIN has been applied. No batch is open. */
void wkv_flight_begin(struct wkv_flight *flight, uint64_t writer, const struct wkv_flight_times *times);

/* Opens a batch, whose writer, number and floor the record gets. fence: the batch after which none of the
 * numbers up to its own counts any more; NULL: it is no fence. Errors: NULL where so many numbers are not
 * settled, or memory is short. */
struct wkv_flight_batch *wkv_flight_open(struct wkv_flight *flight, struct wkv_record *record,
                                         const struct wkv_flight_batch *fence, int64_t now_ns, void *work);

void wkv_flight_sent(struct wkv_flight_batch *batch, int64_t now_ns);

/* Something refused a try. That is no answer: an earlier one may be in the log, and so may this one. It is
 * sent again when its time comes. Returns whether it may be given up with 503, which is never so. */
bool wkv_flight_refused(const struct wkv_flight_batch *batch);

enum wkv_flight_end {
    WKV_FLIGHT_GOES_ON, /* the record was no open batch of ours, or settles nothing */
    WKV_FLIGHT_DONE,
    WKV_FLIGHT_LATE,  /* nothing was changed, nor will be */
    WKV_FLIGHT_AGAIN, /* likewise; its requests are to be authorized and taken again */
};

/* What a batch's record, as it was applied, says of ours. Where it ends one, *ended is the caller's, for
 * wkv_flight_free. */
enum wkv_flight_end wkv_flight_settle(struct wkv_flight *flight, const struct wkv_replica_batch *applied,
                                      struct wkv_flight_batch **ended);

enum wkv_flight_task { WKV_FLIGHT_NOTHING, WKV_FLIGHT_SEND, WKV_FLIGHT_FENCE, WKV_FLIGHT_GIVE_UP };

/* What is known when it is asked: of the replica that the records are settled from. */
struct wkv_flight_known {
    uint64_t floor;     /* wkv_replica_floor of the writer */
    int64_t log_now_ns; /* wkv_replica_now */
};

/* What is due now, to be asked again until it is nothing. SEND: the batch's bytes, and wkv_flight_sent.
 * FENCE: a batch is to be opened and sent that fences this one; it is not asked for twice. GIVE_UP: the batch
 * is the caller's, and *code is what to answer. */
enum wkv_flight_task wkv_flight_due(struct wkv_flight *flight, const struct wkv_flight_known *known,
                                    int64_t now_ns, struct wkv_flight_batch **batch, enum wkv_code *code);

/* When something is due next; INT64_MAX: never. */
int64_t wkv_flight_due_at(const struct wkv_flight *flight);

/* The first that is open, which is the caller's from now on; NULL: none is. Where the replica is replaced,
 * all are 504: its new state may hold them, and nothing in it tells. */
struct wkv_flight_batch *wkv_flight_take(struct wkv_flight *flight);

void wkv_flight_free(struct wkv_flight_batch *batch);

#endif
