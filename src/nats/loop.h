/* A loop: one thread, one NATS connection and its subscriptions, driven by epoll.
 *
 * nats.c runs in its event-loop mode with SendAsap: it reads only when this loop tells it to, and a publish
 * only marks the connection as having something to write. So a turn of the loop is: read, handle what came,
 * write all replies at once. No other thread touches a message.
 *
 * A turn handles messages for some milliseconds at the most, and then reads again: what has been read is
 * known to wait, and may be refused in time, and what has not been read fills the server's memory until that
 * ends the connection. What is left over is shared out by who sent it (backlog.h). Handlers ask what is to be
 * refused (wkv_loop_overload). Nothing grows without end:
 *
 *   read, not handled     over BACKLOG_BYTES the oldest of whoever sent the most are refused, over twice that
 *                         dropped
 *   replies, not sent     over UNSENT_SMALL only small replies, over UNSENT_ALL none but refusals, over
 *                         UNSENT_LAST not even these: dropped
 *
 * nats.c may not connect again by itself: in event-loop mode its parser would go on in the new connection
 * where the old one was lost, within a message if need be, and take the server's next words for the rest of
 * an actor's request. So a connection that is lost is closed, and whoever waits at notify_fd opens the loop
 * anew.
 *
 * Threads: nats.c calls the loop's callbacks from the loop's own thread, from the one that connects and from
 * its timers; they only change atomics and the epoll set. All else belongs to the loop's thread once it runs.
 */
#ifndef WKV_NATS_LOOP_H
#define WKV_NATS_LOOP_H

#include <nats/nats.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/codec.h"
#include "nats/backlog.h"
#include "nats/dial.h"
#include "nats/header.h"
#include "nats/kept.h"
#include "nats/subject.h"
#include "stats/stats.h"
#include "support/error.h"
#include "support/log.h"
#include "support/pulse.h"

struct wkv_loop;
struct wkv_loop_extra;

/* Handles one message, which the loop destroys afterwards. Runs on the loop's thread. */
typedef void (*wkv_loop_handler)(struct wkv_loop *loop, void *context, natsMsg *message);

/* Sees the next messages of a subscription before they are handled one by one: a chance to get ready for all
 * of them at once. Runs on the loop's thread. */
typedef void (*wkv_loop_preparer)(void *context, natsMsg *const *messages, size_t count);

struct wkv_loop_subscription {
    wkv_loop_handler handle;
    wkv_loop_preparer prepare;      /* NULL: none */
    void *context;                  /* borrowed */
    natsSubscription *subscription; /* NULL where there is none (yet) */
    bool optional;                  /* the server may refuse it: then only that is logged */
    bool missed;                    /* optional, and once taken back; this and the next under extra_lock */
    bool ask_again;                 /* see loop_renew.h */
    size_t waiting;                 /* messages of it in the backlog; the loop's thread's */
    char queue[WKV_SUBJECT_BYTES];  /* "": no queue group */
    char subject[WKV_SUBJECT_BYTES];
};

#define WKV_LOOP_SUBSCRIPTIONS 64
#define WKV_LOOP_BATCH 16
#define WKV_LOOP_SPENT 2048
/* A power of two. */
#define WKV_LOOP_EXTRA_CHAINS 4096
/* Of a header that goes back to the caller, name and all, at the most. */
#define WKV_LOOP_HEADER_BYTES 256

struct wkv_loop {
    char name[64]; /* as it stands in the log */
    struct wkv_log *log;
    const struct wkv_address *address; /* borrowed: who may not be answered through this loop */
    int notify_fd;                     /* borrowed eventfd: written to when the connection is closed */
    struct wkv_stats *stats;           /* borrowed */

    natsConnection *connection;
    natsStatistics *statistics;
    struct wkv_pool *pool; /* borrowed: of the servers of this connection's kind */
    char *url;             /* of this connection's server, as the pool has it; its opener's */
    struct wkv_loop_subscription subscriptions[WKV_LOOP_SUBSCRIPTIONS];
    size_t subscription_count;
    size_t hot; /* where the last message was found: where the next one is looked for first */

    /* See loop_extra.h. */
    pthread_mutex_t extra_lock; /* guards these, and `connection` where other threads use it for them */
    unsigned holders;           /* who use `connection` without the lock, see wkv_loop_hold */
    pthread_cond_t holders_gone;
    struct wkv_loop_extra *extras;
    struct wkv_loop_extra *extras_by_hash[WKV_LOOP_EXTRA_CHAINS];
    unsigned char extras_key[crypto_shorthash_KEYBYTES];
    size_t extras_leaving;   /* dropped, not yet freed */
    size_t extras_wanted;    /* not dropped */
    size_t extras_listening; /* those that the server has taken, as far as is known */
    size_t extras_room;      /* so many it takes, and maybe no more; SIZE_MAX: not known. Found out then: */
    int64_t extras_room_ns;
    char extras_refusal[WKV_ERROR_TEXT_BYTES / 2]; /* the server's last refusal of one */
    pthread_cond_t extras_told;                    /* something was refused */
    _Atomic bool renew_wanted;                     /* see loop_renew.h */
    int64_t renew_at_ns, renew_wait_ns;            /* when, and how long to wait then; under the lock */
    struct wkv_loop_extra *fresh;
    bool extras_frozen; /* under the lock */
    _Atomic bool extras_changed;
    struct wkv_loop_extra *recent; /* the loop's thread's */
    bool extras_first;             /* where the last message was found, likewise */

    int epoll_fd;
    int wake_fd;
    _Atomic int socket_fd;   /* what is in the epoll set, or -1 */
    _Atomic int left_fd;     /* a socket that nats.c is done with and that is not closed yet, or -1 */
    bool closes_sockets;     /* nats.c leaves its sockets to the event loop to close (since 3.9.3) */
    _Atomic pthread_t owner; /* the loop's thread, once it runs */
    _Atomic bool want_write; /* nats.c has bytes to send */
    _Atomic bool want_stop;
    _Atomic bool up;              /* connected, as nats.c has told */
    _Atomic bool confirmed;       /* the server has confirmed this connection's subscriptions */
    _Atomic bool refused;         /* and has taken one back since */
    _Atomic bool closed;          /* nats.c has closed the connection, and calls back no more */
    struct wkv_pulse pulse;       /* of the loop's thread; away while nats.c reads or writes */
    _Atomic uint64_t turns_begun; /* by these a thread that is stuck is found, see wkv_loop_check */
    uint64_t turns_seen;          /* when that last looked, */
    int64_t turned_ns;            /* and when there was a new one: its thread's */
    int64_t told_from_ns;         /* what the server's errors have taken of the log in this second: */
    unsigned told;                /* for nats.c's thread of callbacks */
    _Atomic uint64_t turns_asked; /* see wkv_loop_await_turn */
    uint64_t turns_done;
    pthread_mutex_t turn_lock;
    pthread_cond_t turn_done;
    char refusal[WKV_ERROR_TEXT_BYTES /
                 2]; /* under turn_lock: the server's first refusal of a subscription, or "" */

    /* The loop's thread only. */
    uint32_t interest;      /* epoll events asked for */
    uint64_t turn;          /* counted up with each read of the socket */
    uint64_t messages_seen; /* what nats.c has counted in */
    uint64_t bytes_seen;    /* of payloads and headers, likewise */
    uint64_t pending;       /* at most so many messages wait in subscriptions */
    size_t unsent_bytes;    /* published since the last look at what is buffered, */
    size_t buffered_bytes;  /* which was so much then */
    size_t max_payload;     /* of the server, for this user, now */
    size_t replied_bytes;   /* of the last reply's payload */

    struct wkv_backlog backlog; /* taken from nats.c */
    int64_t slice_end_ns;       /* when this turn stops handling; 0: it has not begun */
    int64_t read_ns;            /* when what comes in now was read */
    size_t prepared;            /* so many of those that are next have been prepared for */
    int64_t max_wait_ns; /* what has waited longer is refused; 0: nothing is. Set before it is opened */
    bool late;           /* the message in hand has waited too long */
    int64_t late_ns;     /* from then on it has; 0: never */
    struct wkv_kept kept;
    struct wkv_loop_refusals {
        uint64_t refused, dropped; /* for overload, since the log was told */
        int64_t told_ns;
    } refusals;
    /* What the clock said when the last message's handler was done, where the next one's begins at once; else
     * 0. Half of the looks at the clock are saved so. */
    int64_t clock_ns;
    natsMsg *spent[WKV_LOOP_SPENT]; /* handled, not yet destroyed */
    size_t spent_count;
    size_t spent_bytes;  /* of these */
    uint64_t spent_from; /* bytes_seen when the last were destroyed */

    pthread_t thread;
    bool running;
    bool opened; /* at least once */
};

/* When the handler that asks has begun, and that it is done by now: monotonic nanoseconds. The loop's thread.
 */
int64_t wkv_loop_begun_ns(const struct wkv_loop *loop);
int64_t wkv_loop_done_ns(struct wkv_loop *loop);

/* Makes an unconnected loop for the address. Errors: WKV_UNAVAILABLE. */
enum wkv_code wkv_loop_init(struct wkv_loop *loop, const char *name, const struct wkv_address *address,
                            struct wkv_stats *stats, struct wkv_log *log, int notify_fd,
                            struct wkv_error *error);

/* Names a subject to listen on; before connect. queue and prepare may be NULL: none. */
void wkv_loop_listen(struct wkv_loop *loop, const char *subject, const char *queue, wkv_loop_handler handle,
                     wkv_loop_preparer prepare, void *context);

/* The server may refuse the subject that was named last. */
void wkv_loop_listen_optional(struct wkv_loop *loop);

/* Connects a disconnected loop, subscribes to every subject, starts the thread, and waits for the server's
 * confirmation that it has all subscriptions. From one thread, which is not the loop's. Errors, after which
 * it is disconnected again: WKV_BAD_REQUEST (options), WKV_FORBIDDEN (the server's permissions refuse a
 * subscription), WKV_UNAVAILABLE (no server, no thread, cancelled). */
enum wkv_code wkv_loop_open(struct wkv_loop *loop, const struct wkv_dial *dial, struct wkv_error *error);

/* Whether the connection is up and its subscriptions are confirmed. Any thread. */
bool wkv_loop_is_confirmed(struct wkv_loop *loop);

/* Whether it is to be disconnected and opened (again): there is no connection, or that is closed, or the
 * server has taken back a subscription. The thread that opens it. */
bool wkv_loop_is_lost(struct wkv_loop *loop);

/* Ends the subscriptions: the server sends no more; every message that it had sent is handled and its reply
 * is with the server when this returns true. false: that did not come to be within timeout_ms. From any
 * thread but the loop's. */
bool wkv_loop_drain(struct wkv_loop *loop, int64_t timeout_ms);

/* Stops the thread, gives what is buffered to the server's socket as far as it takes it within timeout_ms,
 * and closes the connection. The loop may connect again. */
void wkv_loop_disconnect(struct wkv_loop *loop, int64_t timeout_ms);

/* Ends the connection of a loop whose thread has not turned for some seconds. nats.c reads and writes whole
 * TLS records and waits for the rest of one without end, and then its timer would close the socket under the
 * waiting thread, which nothing wakes. Every two seconds, by the thread that opens. */
void wkv_loop_check(struct wkv_loop *loop);

/* The connection, for another thread than the loop's and its opener's, which lets it go soon; it may be
 * closed meanwhile, but is not destroyed. NULL: there is none. */
natsConnection *wkv_loop_hold(struct wkv_loop *loop);
void wkv_loop_let_go(struct wkv_loop *loop);

/* Frees a disconnected loop. */
void wkv_loop_destroy(struct wkv_loop *loop);

/* For loop_open.c and loop_drain.c: the whole of the loop's thread, whose argument is the loop; and the end
 * of the messages that a thread which has ended had in hand. */
void *wkv_loop_run(void *loop);
void wkv_loop_forget_messages(struct wkv_loop *loop);

/* For loop_extra.c: subscribes to one subject; waits for the server's answer to all so far, unless that is
 * not wanted any more. Errors: nats.c's. */
natsStatus wkv_loop_subscribe_one(struct wkv_loop *loop, struct wkv_loop_subscription *one);
natsStatus wkv_loop_flush(struct wkv_loop *loop, const struct wkv_dial *dial);

/* For handlers: answers the message with bytes, or with an error: its headers, and a body in the encoding of
 * the request (contract section 5; what is not JSON gets the text); in both cases with one more header,
 * traceparent, where that has a value (NULL: none, which the first never has). Nothing happens where the
 * message wants no reply. An error that the server's max_payload has no room for loses the end of its text.
 * Errors: false where the reply could not be sent. */
bool wkv_loop_reply(struct wkv_loop *loop, natsMsg *message, const void *bytes, size_t len);
bool wkv_loop_reply_traced(struct wkv_loop *loop, natsMsg *message, const void *bytes, size_t len,
                           const struct wkv_header *traceparent);
bool wkv_loop_reply_error(struct wkv_loop *loop, natsMsg *message, const struct wkv_error *error,
                          enum wkv_encoding encoding, const struct wkv_header *traceparent);

/* Destroys the message, received or sent, later and with others: nats.c does not free a message where it is
 * destroyed but wakes a collecting thread for it, if that one sleeps. One by one, each costs a wake-up and a
 * fight for malloc's lock; by the hundred, hardly anything. The loop's thread. */
void wkv_loop_retire(struct wkv_loop *loop, natsMsg *message);

/* For a handler that answers later: the message in hand is its own from now on, counted, until it gives it
 * back. A drain waits for that, and too many kept bytes are overload. */
void wkv_loop_keep(struct wkv_loop *loop, natsMsg *message);
void wkv_loop_give_back(struct wkv_loop *loop, natsMsg *message);

/* Is called at the end of each turn from now on. Before it is opened. */
void wkv_loop_call_after_turns(struct wkv_loop *loop, wkv_loop_after_turn call, void *context);

/* From when on the message in hand has waited too long: monotonic nanoseconds, 0: never. */
int64_t wkv_loop_late_ns(const struct wkv_loop *loop);

/* For a handler that does one message's work in parts, each of which may wait for the server: between these,
 * so that nobody takes its thread for stuck. */
void wkv_loop_note_progress(struct wkv_loop *loop);

/* What may be done for the message in hand. For handlers. */
enum wkv_loop_overload {
    WKV_LOOP_AT_EASE,
    WKV_LOOP_SMALL_ONLY, /* what has a small reply: WKV_LOOP_SMALL_BYTES at the most */
    WKV_LOOP_REFUSE,     /* it has waited too long, or too many replies wait: 503 */
};
#define WKV_LOOP_SMALL_BYTES 2048
enum wkv_loop_overload wkv_loop_overload(struct wkv_loop *loop);

/* Fails what is refused for overload, and notes it for the log. Returns WKV_UNAVAILABLE. what: the operation,
 * which the text begins with. */
enum wkv_code wkv_loop_refuse(struct wkv_loop *loop, const char *what, struct wkv_error *error);

/* Bytes of the largest payload that the server takes now. For handlers. */
static inline size_t wkv_loop_max_payload(const struct wkv_loop *loop)
{
    return loop->max_payload;
}

#endif
