/* Subjects that a loop listens on for a time only: one for each bound actor of the lattice (contract section
 * 7).
 *
 * Another thread than the loop's asks for them. They hang in one list under a lock (`extras`) and are found
 * there by a hash of their subject, and the loop's own thread has a second list of them in the order in which
 * they were last used (`recent`), so that one that is busy is found at once. nats.c does not tell for which
 * of them a message came: one that was not used lately is found by a look at each. What is added or dropped
 * shows in `recent` with the loop's next turn:
 *
 *   add:  extras ─► fresh ──── next turn ──► recent
 *   drop: drained, marked ──── a turn after its last message ──► out of both, freed
 */
#ifndef WKV_NATS_LOOP_EXTRA_H
#define WKV_NATS_LOOP_EXTRA_H

#include "nats/loop.h"

struct wkv_loop_extra {
    struct wkv_loop_subscription listen;
    struct wkv_loop_extra *next;        /* of extras; under the lock */
    struct wkv_loop_extra *next_same;   /* of those whose hash is alike; under the lock */
    struct wkv_loop_extra *next_fresh;  /* of those that the loop has yet to see; under the lock */
    struct wkv_loop_extra *next_recent; /* the loop's thread's */
    bool dropped;                       /* under the lock */
    bool undrained;                     /* likewise: nats.c could not drain it, and tells nothing of it */
    bool ended;                         /* likewise: dropped, and nothing comes on it any more */
    bool refused;                       /* likewise: this connection's server does not let us */
};

/* Whether the loop listens on such a subject. */
enum wkv_loop_extra_state {
    WKV_EXTRA_LISTENS,   /* the server has heard of it */
    WKV_EXTRA_LATER,     /* there is no connection, or no answer in time: with the next one */
    WKV_EXTRA_REFUSED,   /* the server's permissions say no: wkv_loop_extra_refusal */
    WKV_EXTRA_NO_ROOM,   /* the server allows this connection no more subscriptions */
    WKV_EXTRA_NO_MEMORY, /* as it says */
    WKV_EXTRA_STOPPING,  /* the loop is being drained */
};

/* Listens on one more subject, in a queue group, from now on; one that is there already is fine. Waits at
 * most timeout_ms for the server's answer; without a connection it is subscribed to with the next one. Any
 * thread but the loop's. Unless it is LISTENS or LATER, it is as if it had not been called. A server that has
 * no room ends the connection, which is opened again; so that is asked for once, and then believed for a
 * minute. */
enum wkv_loop_extra_state wkv_loop_extra_add(struct wkv_loop *loop, const char *subject, const char *queue,
                                             wkv_loop_handler handle, void *context, int64_t timeout_ms);

/* What became of one that was LISTENS: a refusal reaches us by a callback of nats.c's, a little later than
 * the server's answer, and is waited for until then (monotonic) where there may be one. A refused one is
 * dropped. */
enum wkv_loop_extra_state wkv_loop_extra_await(struct wkv_loop *loop, const char *subject, int64_t until_ns);

/* What the server said when it refused one the last time. */
void wkv_loop_extra_refusal(struct wkv_loop *loop, char out[WKV_ERROR_TEXT_BYTES / 2]);

/* For how many the server has room, as was found out the last time (SIZE_MAX: it was not); and tells a loop
 * what another has found out, which its server is believed to hold to, too. */
size_t wkv_loop_extra_room(struct wkv_loop *loop);
void wkv_loop_extra_limit(struct wkv_loop *loop, size_t room);

/* Listens on it no more; one that is not there is fine. Likewise. */
void wkv_loop_extra_drop(struct wkv_loop *loop, const char *subject, int64_t timeout_ms);

/* ---- for the loop itself ---- */

/* Takes over what was added and dropped since the last time. The loop's thread, when it has no messages in
 * hand. It never waits: who holds the lock may be waiting for this very loop to read the server's word, and
 * wakes it afterwards. */
void wkv_loop_extra_refresh(struct wkv_loop *loop);

/* Publishes, if there is a connection. Any thread, also while the connection may be made anew. What cannot be
 * sent is dropped. */
void wkv_loop_publish(struct wkv_loop *loop, const char *subject, const char *text);

/* From now on nothing is added, dropped or freed: whoever likes may walk `extras`. Any thread. */
void wkv_loop_extra_freeze(struct wkv_loop *loop);

/* Subscribes all on a new connection whose other subscriptions are confirmed, as far as the server has room
 * for them. Its opener. Errors: nats.c's; where the server has ended the connection for want of room, the
 * next one asks for fewer. */
natsStatus wkv_loop_extra_subscribe(struct wkv_loop *loop, const struct wkv_dial *dial);

/* The server has refused the subject that it quotes, if it is one of these or another optional one. nats.c's
 * thread of callbacks. */
void wkv_loop_extra_refused(struct wkv_loop *loop, const char *text);

/* Forgets the subscriptions of a connection that is closed, under the lock; frees all. The loop's thread has
 * ended. */
void wkv_loop_extra_unsubscribe(struct wkv_loop *loop);
void wkv_loop_extra_destroy(struct wkv_loop *loop);

#endif
