/* A loop: one thread, one NATS connection and its subscriptions, driven by epoll. This is the face of the
 * room:
 *
 *   loop            the thread and its turns; for handlers: replies and what overload allows
 *     loop_open       a connection comes to be: connected, subscribed, running, confirmed
 *     loop_close      and ends: drained, broken where it is stuck, closed
 *     keeper          a thread for each loop, which opens its connection again whenever it is lost
 *     complaints      what the server refuses
 *     intake          what is read: taken from nats.c, handled, refused where it is too much
 *     backlog         what waits, shared out by sender
 *     kept            messages that are answered in a later turn
 *     sending, reply  what is answered, and what overload allows
 *     spent           messages that are done with
 *     turns           whether the thread turns, and who waits for that
 *     subscriptions   the one list of them
 *     room            how many the server allows
 *     renewals        those that it has taken back
 *     link            the connection and what is known of it
 *     poller          the epoll set, and nats.c's callbacks for it
 *   dial            which server is tried next: server_pool, greeting, attempt
 *   connect         options for nats.c; servers: URLs; credentials
 *   subject, header, inbox
 *
 * nats.c runs in its event-loop mode with SendAsap: it reads only when this loop tells it to, and a publish
 * only marks the connection as having something to write. So a turn of the loop is: read, handle what came,
 * write all replies at once. No other thread touches a message.
 *
 * A turn handles messages for some milliseconds at the most, and then reads again: what has been read is
 * known to wait, and may be refused in time, and what has not been read fills the server's memory until that
 * ends the connection. What is left over is shared out by sender (backlog.h). Handlers ask what is to be
 * refused (wkv_loop_overload). Nothing grows without end:
 *
 *   read, not handled     over BACKLOG_BYTES the oldest of the sender with the most are refused,
 *                         over twice that dropped
 *   replies, not sent     over UNSENT_SMALL only small replies, over UNSENT_ALL none but refusals,
 *                         over WKV_UNSENT_LAST not even these: dropped
 *
 * Threads: nats.c calls back from the loop's own thread, from the one that connects, from its timers and from
 * a thread for errors; what they change is atomic or under a lock. All else belongs to the loop's thread once
 * it runs. Locks: link.lock, then nats.c's own, then poller.lock; turns.lock is held alone.
 */
#ifndef WKV_NATS_LOOP_H
#define WKV_NATS_LOOP_H

#include <nats/nats.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nats/dial.h"
#include "nats/header.h"
#include "nats/intake.h"
#include "nats/kept.h"
#include "nats/link.h"
#include "nats/poller.h"
#include "nats/sending.h"
#include "nats/spent.h"
#include "nats/subject.h"
#include "nats/subscriptions.h"
#include "nats/turns.h"
#include "support/error.h"
#include "support/log.h"

/* What the loop's owner counts. */
enum wkv_loop_event {
    WKV_LOOP_CONNECTED,
    WKV_LOOP_RECONNECTED,
    WKV_LOOP_DISCONNECTED,
    WKV_LOOP_UNCONFIRMED,           /* the connection is lost, or one of its subscriptions: not ready */
    WKV_LOOP_REPLY_REFUSED,         /* a reply that was sent does not arrive */
    WKV_LOOP_DROPPED_REPLY_SUBJECT, /* requests that get no answer: its answer would go where the provider may
                                       speak */
    WKV_LOOP_DROPPED_SUBJECT,       /* its subject is none that was subscribed to */
    WKV_LOOP_DROPPED_OVERLOAD,      /* there is not even room for a refusal */
};

/* All is borrowed. */
struct wkv_loop_options {
    const char *name;                  /* in the log; copied, to 63 bytes */
    const struct wkv_address *address; /* which subjects may not be answered through this loop */
    struct wkv_log *log;
    int notify_fd;       /* an eventfd: written to when the connection is closed */
    int64_t max_wait_ns; /* what has waited longer is refused; 0: nothing is */
    bool reads_last; /* the socket is read when all that was read before is handled: nothing is too much */
    void (*note)(void *context, enum wkv_loop_event event); /* any thread; it returns at once */
    void *context;
};

struct wkv_loop {
    struct wkv_loop_options options;
    char name[64];
    struct wkv_link link;
    struct wkv_poller poller;
    struct wkv_subscriptions subscriptions;
    struct wkv_turns turns;
    struct wkv_intake intake;
    struct wkv_kept kept;
    struct wkv_sending sending;
    struct wkv_spent spent;
    /* What the clock said when the last message's handler was done, where the next one's begins at once; else
     * 0. Half of the looks at the clock are saved so. */
    int64_t clock_ns;
    _Atomic bool want_stop;
    pthread_t thread;
    bool running;
    bool opened;            /* at least once */
    int64_t told_second_ns; /* what the server's complaints have taken of the log in this second: */
    unsigned told;          /* for nats.c's thread of callbacks */
};

/* Makes an unconnected loop. Errors: WKV_UNAVAILABLE. */
enum wkv_code wkv_loop_init(struct wkv_loop *loop, const struct wkv_loop_options *options,
                            struct wkv_error *error);

/* Frees a disconnected loop. */
void wkv_loop_destroy(struct wkv_loop *loop);

/* Names a subject to listen to on every connection; before it is opened. Errors: WKV_NO_MEMORY. */
enum wkv_code wkv_loop_listen(struct wkv_loop *loop, const struct wkv_listen *listen,
                              struct wkv_error *error);

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
 * and closes the connection. The loop may be opened again. */
void wkv_loop_disconnect(struct wkv_loop *loop, int64_t timeout_ms);

/* Ends the connection of a loop whose thread has not turned for some seconds. nats.c reads and writes whole
 * TLS records and waits for the rest of one without end, and then its timer would close the socket under the
 * waiting thread, which nothing wakes. Every two seconds, by the thread that opens. */
void wkv_loop_check(struct wkv_loop *loop);

/* Publishes, if there is a connection. Any thread. What cannot be sent is dropped. */
void wkv_loop_publish(struct wkv_loop *loop, const char *subject, const char *text);

/* The connection, for a thread which lets it go soon (link.h). NULL: there is none. Any thread. */
static inline natsConnection *wkv_loop_hold(struct wkv_loop *loop)
{
    return wkv_link_hold(&loop->link);
}

static inline void wkv_loop_let_go(struct wkv_loop *loop)
{
    wkv_link_let_go(&loop->link);
}

/* ---- for handlers, on the loop's thread ---- */

/* When the handler that asks has begun, and that it is done by now: monotonic nanoseconds. */
int64_t wkv_loop_begun_ns(const struct wkv_loop *loop);
int64_t wkv_loop_done_ns(struct wkv_loop *loop);

/* Of each header that goes back to the caller, name and all, at the most. */
#define WKV_LOOP_HEADER_BYTES 256

/* Writes the body of an error, without a NUL, into WKV_LOOP_BODY_BYTES. Returns its length. */
typedef size_t (*wkv_loop_body_writer)(const void *context, const struct wkv_error *error, char *out);
#define WKV_LOOP_BODY_BYTES (2 * WKV_ERROR_TEXT_BYTES + 64)

/* Answers the message with bytes, and headers; or with an error: its headers (ADR-32), and a body, with one
 * more header, traceparent, where that has a value (NULL: none). Nothing happens where the message wants no
 * reply. An error that the server's max_payload has no room for loses the end of its text. Errors: false
 * where the reply could not be sent. */
bool wkv_loop_reply(struct wkv_loop *loop, natsMsg *message, const void *bytes, size_t len);
bool wkv_loop_reply_with(struct wkv_loop *loop, natsMsg *message, const void *bytes, size_t len,
                         const struct wkv_header *headers, size_t count);
bool wkv_loop_reply_error(struct wkv_loop *loop, natsMsg *message, const struct wkv_error *error,
                          wkv_loop_body_writer write_body, const void *context,
                          const struct wkv_header *traceparent);

/* Destroys the message, received or sent, later and with others (spent.h). */
void wkv_loop_retire(struct wkv_loop *loop, natsMsg *message);
/* The same where wkv_message_bytes is known. */
void wkv_loop_retire_sized(struct wkv_loop *loop, natsMsg *message, size_t bytes);

/* For a handler that answers later: the message in hand is its own from now on, with so many bytes that it
 * keeps beside it, until it gives it back. A drain waits for that. */
void wkv_loop_keep(struct wkv_loop *loop, natsMsg *message, size_t bytes_with_it);
void wkv_loop_give_back(struct wkv_loop *loop, natsMsg *message, size_t bytes_with_it);

/* Gives a kept message back to be handled anew, as if it came now. It may be kept again. */
void wkv_loop_handle_again(struct wkv_loop *loop, natsMsg *message, size_t bytes_with_it,
                           wkv_loop_handler handle, void *context);

/* call runs at the end of each turn from now on, and so many messages may be kept at once. Before the loop is
 * opened. */
void wkv_loop_call_after_turns(struct wkv_loop *loop, wkv_loop_after_turn call, void *context, size_t window);

/* For a handler that does one message's work in parts, each of which may wait for the server: between these,
 * so that nobody takes its thread for stuck. */
void wkv_loop_note_progress(struct wkv_loop *loop);

/* What may be done for the message in hand. */
enum wkv_loop_overload {
    WKV_LOOP_AT_EASE,
    WKV_LOOP_SMALL_ONLY, /* what has a small reply: WKV_LOOP_SMALL_BYTES at the most */
    WKV_LOOP_REFUSE,     /* it has waited too long, or too many replies wait: 503 */
};
#define WKV_LOOP_SMALL_BYTES 2048
enum wkv_loop_overload wkv_loop_overload(struct wkv_loop *loop);

/* The same for a message that was kept: what waits to be sent alone. */
enum wkv_loop_overload wkv_loop_overload_of_replies(struct wkv_loop *loop);

/* Fails what is refused for overload, and notes it for the log. Returns WKV_UNAVAILABLE. what: the operation,
 * which the text begins with. */
enum wkv_code wkv_loop_refuse(struct wkv_loop *loop, const char *what, struct wkv_error *error);

/* Bytes of the largest payload that the server takes now; and looks whether that has changed since the last
 * read. */
static inline size_t wkv_loop_max_payload(const struct wkv_loop *loop)
{
    return loop->sending.max_payload;
}
void wkv_loop_note_max_payload(struct wkv_loop *loop);

/* ---- between the files of the loop ---- */

/* The whole of the loop's thread, whose argument is the loop. */
void *wkv_loop_run(void *loop);

/* What nats.c calls when it has closed the connection, and for what the server complains of. */
void wkv_loop_on_closed(natsConnection *connection, void *loop);
void wkv_loop_on_error(natsConnection *connection, natsSubscription *subscription, natsStatus status,
                       void *loop);

static inline void wkv_loop_note(struct wkv_loop *loop, enum wkv_loop_event event)
{
    loop->options.note(loop->options.context, event);
}

/* Tells the keeper that the connection is to be looked at. Any thread. */
void wkv_loop_notify(struct wkv_loop *loop);

#endif
