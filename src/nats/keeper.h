/* Keepers: a thread for each loop, which opens its connection, opens it again whenever it is lost, and drains
 * and closes it at the end. So all connections come to be side by side, one that cannot be made holds up no
 * other, and the main thread hears signals at any moment.
 *
 *   RUN    each keeper keeps its loop open; a loss is followed by an attempt at once, then by back-off
 *   DRAIN  those whose loop is open drain it; one that is still connecting gives up
 *   CLOSE  all disconnect and end
 */
#ifndef WKV_NATS_KEEPER_H
#define WKV_NATS_KEEPER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "nats/dial.h"
#include "nats/loop.h"

enum wkv_keepers_phase { WKV_KEEPERS_RUN, WKV_KEEPERS_DRAIN, WKV_KEEPERS_CLOSE };

/* What all keepers of a process share. */
struct wkv_keepers {
    struct wkv_dial dial;
    struct wkv_log *log; /* borrowed */
    int notify_fd;       /* borrowed eventfd: written to when a loop is open, or can never be */
    int stop_fd;         /* an eventfd: readable from DRAIN on */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* under the lock: */
    enum wkv_keepers_phase phase;
    int64_t drain_until_ns;
    int64_t close_until_ns;
};

/* Makes what they share. Errors: WKV_UNAVAILABLE. */
enum wkv_code wkv_keepers_init(struct wkv_keepers *keepers, const struct wkv_connect_options *connect,
                               struct wkv_log *log, int notify_fd, struct wkv_error *error);

/* Begins the phase; for DRAIN and CLOSE, until when its work is to be done (monotonic). */
void wkv_keepers_begin(struct wkv_keepers *keepers, enum wkv_keepers_phase phase, int64_t until_ns);

/* Frees it when all keepers have ended. */
void wkv_keepers_destroy(struct wkv_keepers *keepers);

enum wkv_keeper_state {
    WKV_KEEPER_OPENING,
    WKV_KEEPER_OPEN,
    WKV_KEEPER_FAILED,  /* it never was open, and what stands in the way is not for waiting: `error` */
    WKV_KEEPER_DRAINED, /* or there was nothing to drain */
    WKV_KEEPER_ENDED,
};

struct wkv_keeper {
    struct wkv_keepers *keepers; /* borrowed */
    struct wkv_loop *loop;       /* borrowed */
    bool drains;                 /* its loop's requests are to be answered before it closes */
    int lost_fd;                 /* an eventfd: the loop's notify_fd */
    pthread_t thread;
    bool started;

    /* Under keepers->lock. */
    enum wkv_keeper_state state;
    bool cut; /* its drain did not come to its end */
    struct wkv_error error;

    /* Its thread's. */
    int64_t opened_ns;
    int64_t told_ns; /* what is in the way was logged then */
    struct wkv_error told;
};

/* Makes one whose loop is yet to be made, with lost_fd. Errors: WKV_UNAVAILABLE. */
enum wkv_code wkv_keeper_init(struct wkv_keeper *keeper, struct wkv_keepers *keepers, struct wkv_loop *loop,
                              struct wkv_error *error);

/* Starts its thread. Errors: WKV_UNAVAILABLE. */
enum wkv_code wkv_keeper_start(struct wkv_keeper *keeper, struct wkv_error *error);

/* Where it stands; *error is set where that is FAILED. Any thread. */
enum wkv_keeper_state wkv_keeper_state(struct wkv_keeper *keeper, struct wkv_error *error);

/* Waits until its drain is over, if it has anything to drain, or the time. Returns whether all was answered.
 */
bool wkv_keeper_await_drained(struct wkv_keeper *keeper, int64_t until_ns);

/* Waits for the end of its thread, after CLOSE, until the time. Returns false where it did not end: then
 * nothing that it uses may be freed. *cut is set where its drain did not come to its end. */
bool wkv_keeper_join(struct wkv_keeper *keeper, int64_t until_ns, bool *cut);

/* Its thread has not been joined and will not be: the process ends around it. Nothing may follow. */
void wkv_keeper_abandon(struct wkv_keeper *keeper);

/* Frees one without a thread. */
void wkv_keeper_destroy(struct wkv_keeper *keeper);

#endif
