/* What a loop listens to: one list of subscriptions, of those that every connection has and of those that
 * come and go with bound actors (CONTRACT section 7).
 *
 * Other threads add and end subscriptions under the link's lock. All hang in `all`, in the order in which
 * they came, and are found by a hash of their subject. The loop's own thread has a list of them, too:
 * `recent`, those first in which messages came last, since nats.c does not tell for which subscription a
 * message came. What is added or has ended shows there with the loop's next turn:
 *
 *   add:    all ─► fresh ──── next turn ──► recent
 *   leave:  `due`, of many ──► drained by nats.c, `leaving` ──── a turn after its last message ──► freed
 *
 * No network is waited for under the lock.
 */
#ifndef WKV_NATS_SUBSCRIPTIONS_H
#define WKV_NATS_SUBSCRIPTIONS_H

#include <nats/nats.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "nats/link.h"
#include "nats/poller.h"
#include "nats/subject.h"
#include "support/hash.h"

struct wkv_loop;

/* Handles one message, which the loop destroys afterwards. Runs on the loop's thread. */
typedef void (*wkv_loop_handler)(struct wkv_loop *loop, void *context, natsMsg *message);

/* Sees the next messages of a subscription before they are handled one by one: a chance to get ready for all
 * of them at once. Runs on the loop's thread. */
typedef void (*wkv_loop_preparer)(void *context, natsMsg *const *messages, size_t count);

/* What is listened to. Texts are copied. */
struct wkv_listen {
    const char *subject;
    const char *queue; /* NULL: no queue group */
    wkv_loop_handler handle;
    wkv_loop_preparer prepare;      /* NULL: none */
    void (*unheard)(void *context); /* "no responders" came, without the subject that it is about: nats.c
                                       keeps it; NULL: none */
    void *context;                  /* borrowed */
    bool optional;                  /* the server may refuse it: then only that is logged */
    bool shared;                    /* in a queue group with other processes: see wkv_subscriptions_rest */
    bool delivered;                 /* by a JetStream consumer: with any subject, and a reply subject to which
                                       nothing is sent */
};

enum wkv_need {
    WKV_NEED_ALWAYS,   /* a connection without it is none */
    WKV_NEED_OPTIONAL, /* every connection asks for it */
    WKV_NEED_FOR_NOW,  /* a bound actor's */
};

TAILQ_HEAD(wkv_subscription_list, wkv_subscription);

struct wkv_subscription {
    wkv_loop_handler handle;
    wkv_loop_preparer prepare;
    void (*unheard)(void *context);
    void *context;
    natsSubscription *subscription; /* NULL: none (yet) */
    const char *queue;              /* "": no queue group; lies behind the subject */
    struct wkv_pattern pattern;     /* of the subject */
    enum wkv_need need;
    bool shared, delivered;

    /* Under the link's lock. */
    TAILQ_ENTRY(wkv_subscription) all;
    TAILQ_ENTRY(wkv_subscription) news;                     /* of fresh, due or leaving */
    struct wkv_subscription *next_same;                     /* of those whose hash is alike */
    enum { WKV_UNSEEN, WKV_FRESH, WKV_SEEN } seen;          /* by the loop's thread */
    bool left;                                              /* ends */
    enum { WKV_NO_DRAIN, WKV_DRAIN_DUE, WKV_DRAINS } drain; /* of one that has left */
    bool refused;                                           /* this connection's server does not let us */
    bool missed;                                            /* and had let us */
    bool ask_again;                                         /* see renewals.c */

    /* The loop's thread's. */
    TAILQ_ENTRY(wkv_subscription) recent;
    size_t waiting; /* messages of it in the backlog */

    char subject[];
};

/* How many actors' subscriptions the server lets this connection have. */
struct wkv_room {
    size_t listening;   /* that the server has, as far as is known */
    size_t wanted;      /* that have not left */
    size_t limit;       /* so many it takes, and maybe no more; SIZE_MAX: not known */
    int64_t learned_ns; /* when */
};

/* See renewals.c. */
struct wkv_renewals {
    _Atomic bool wanted;
    int64_t at_ns, wait_ns; /* when, and how long to wait then; under the lock */
};

struct wkv_subscriptions {
    struct wkv_link *link;     /* borrowed; its lock guards this */
    struct wkv_poller *poller; /* borrowed: woken when something has changed */
    struct wkv_hasher hasher;
    struct wkv_subscription **chains; /* by hash; owned */
    size_t chain_count;               /* a power of two, or 0 */
    size_t count;
    struct wkv_subscription_list all, fresh, due, leaving;
    size_t draining; /* by nats.c */
    struct wkv_room room;
    struct wkv_renewals renewals;
    char refusal[WKV_COMPLAINT_BYTES]; /* what the server said when it refused an actor's the last time */
    bool frozen, rests;
    _Atomic bool changed; /* something is fresh, or leaving */

    /* The loop's thread's. */
    struct wkv_subscription_list recent;
    bool hurries; /* some are due: the next turn is to begin soon */
};

/* Whether the loop listens to an actor's subject. */
enum wkv_listening {
    WKV_LISTENS,          /* the server has heard of it */
    WKV_LISTENS_LATER,    /* there is no connection, or no answer in time: with the next one */
    WKV_LISTEN_REFUSED,   /* the server's permissions say no: see the refusal */
    WKV_LISTEN_NO_ROOM,   /* the server allows this connection no more subscriptions */
    WKV_LISTEN_NO_MEMORY, /* malloc failed */
    WKV_LISTEN_STOPPING,  /* the loop is being drained */
};

void wkv_subscriptions_init(struct wkv_subscriptions *subscriptions, struct wkv_link *link,
                            struct wkv_poller *poller);

/* The loop's thread has ended, and the connection is closed. */
void wkv_subscriptions_destroy(struct wkv_subscriptions *subscriptions);

/* Listens to a subject on every connection from the next one on. Errors: false where memory is short. */
bool wkv_subscriptions_listen(struct wkv_subscriptions *subscriptions, const struct wkv_listen *listen);

/* ---- subjects of actors; any thread but the loop's ---- */

/* Listens to one more subject from now on; one that is there already is fine. Waits at most timeout_ms for
 * the server's answer; without a connection it is subscribed to with the next one. Unless it is LISTENS or
 * LATER, it is as if it had not been called. A server that has no room ends the connection, which is opened
 * again; so that is asked for once, and then believed for a minute. */
enum wkv_listening wkv_subscriptions_add(struct wkv_subscriptions *subscriptions,
                                         const struct wkv_listen *listen, int64_t timeout_ms);

/* What became of one that was LISTENS: a refusal reaches us by a callback of nats.c's, a little later than
 * the server's answer, and is waited for until then (monotonic) where there may be one. One that is refused
 * leaves. */
enum wkv_listening wkv_subscriptions_await(struct wkv_subscriptions *subscriptions, const char *subject,
                                           int64_t until_ns);

/* Listens to it no more; one that is not there is fine. What the server had sent before it heard of this is
 * answered. With a timeout (> 0) it waits so long until the server has heard of it, and of all that left
 * before; without, it waits for nothing, and of tens of thousands some are served for moments yet. */
void wkv_subscriptions_leave(struct wkv_subscriptions *subscriptions, const char *subject,
                             int64_t timeout_ms);

/* For how many the server has room, as was found out the last time (SIZE_MAX: it was not); and tells what
 * another loop has found out, which this one's server is believed to hold to, too. */
size_t wkv_subscriptions_room(struct wkv_subscriptions *subscriptions);
void wkv_subscriptions_limit(struct wkv_subscriptions *subscriptions, size_t limit);

/* What the server said when it refused one the last time. */
void wkv_subscriptions_refusal(struct wkv_subscriptions *subscriptions, char out[WKV_COMPLAINT_BYTES]);

/* Leaves what is shared with other processes to them, on this connection and those to come: what the server
 * had sent before it heard of this is answered. Then listens to it again. Neither waits for the server; twice
 * is once. Any thread but the loop's. */
void wkv_subscriptions_rest(struct wkv_subscriptions *subscriptions);
void wkv_subscriptions_end_rest(struct wkv_subscriptions *subscriptions);

/* From now on nothing is added, ended or freed: `all` can be walked without the lock. */
void wkv_subscriptions_freeze(struct wkv_subscriptions *subscriptions);

/* ---- for the loop itself ---- */

/* Subscribes on the new connection to what every connection has, before the loop's thread runs. Its opener.
 * Errors: nats.c's. */
natsStatus wkv_subscriptions_begin(struct wkv_subscriptions *subscriptions);

/* Subscribes to some actors' subjects of which the server has not been asked yet, as far as it has room for
 * them: *asked of them, 0 when there are no more. They are confirmed with a flush, whose outcome is then
 * noted. Errors: nats.c's. */
natsStatus wkv_subscriptions_resume(struct wkv_subscriptions *subscriptions, size_t *asked);
void wkv_subscriptions_note_flushed(struct wkv_subscriptions *subscriptions, size_t asked, natsStatus status);

/* Actors' subjects for which there was no room. */
size_t wkv_subscriptions_left_out(struct wkv_subscriptions *subscriptions);

/* Takes over what was added and has ended since the last time. Returns how many messages came for what was
 * added. The loop's thread, when it has no messages in hand. */
uint64_t wkv_subscriptions_refresh(struct wkv_subscriptions *subscriptions);

/* Asks again for those for which it is time. The loop's thread, likewise. */
void wkv_renewals_ask(struct wkv_subscriptions *subscriptions);

/* The server has refused the subject that its complaint quotes. Returns false, and does nothing, where that
 * is one that every connection must have. nats.c's thread of callbacks. */
bool wkv_subscriptions_note_refusal(struct wkv_subscriptions *subscriptions, const char *complaint);

/* Forgets the connection, which is closed. Under the lock; the loop's thread has ended. */
void wkv_subscriptions_end(struct wkv_subscriptions *subscriptions);

/* A hash of a text that actors choose: it has a key that they do not know. Any thread. */
uint64_t wkv_subscriptions_hash(const struct wkv_subscriptions *subscriptions, const char *text, size_t len);

/* ---- between subscriptions.c, room.c and renewals.c; under the lock ---- */

natsStatus wkv_subscribe(struct wkv_subscriptions *subscriptions, struct wkv_subscription *one);
void wkv_renewals_note(struct wkv_subscriptions *subscriptions, struct wkv_subscription *one,
                       const char *complaint);

/* Whether the server is believed to have no room for one more than listen now. */
bool wkv_room_is_full(const struct wkv_room *room);
/* Whether it is too small for those that are wanted, and so many more. */
bool wkv_room_is_short(const struct wkv_room *room, size_t more);
void wkv_room_note(struct wkv_room *room, size_t more);
void wkv_room_learn(struct wkv_room *room);
/* Whether nats.c has closed the connection since the server had no room. */
bool wkv_room_was_exceeded(natsConnection *connection);

#endif
