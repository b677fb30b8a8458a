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
#ifndef WKV_TRANSPORT_LOOP_EXTRA_H
#define WKV_TRANSPORT_LOOP_EXTRA_H

#include "transport/loop.h"

struct wkv_loop_extra {
    struct wkv_loop_subscription listen;
    struct wkv_loop_extra *next;        /* of extras; under the lock */
    struct wkv_loop_extra *next_same;   /* of those whose hash is alike; under the lock */
    struct wkv_loop_extra *next_fresh;  /* of those that the loop has yet to see; under the lock */
    struct wkv_loop_extra *next_recent; /* the loop's thread's */
    bool dropped;                       /* under the lock */
    bool ended;                         /* likewise: dropped, and nothing comes on it any more */
};

/* Listens on one more subject, in a queue group, from now on; one that is there already is fine. Waits at
 * most timeout_ms for the server's word (0: not at all); without a connection it is subscribed to with the
 * next one. Any thread but the loop's. Errors: false where memory is short. */
bool wkv_loop_extra_add(struct wkv_loop *loop, const char *subject, const char *queue,
                        wkv_loop_handler handle, void *context, int64_t timeout_ms);

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

/* Subscribes all on a new connection; forgets the subscriptions of one that is closed; frees all. Nobody else
 * uses the connection then, but for what the lock keeps off. Errors of the first: as nats.c's. */
natsStatus wkv_loop_extra_subscribe(struct wkv_loop *loop);
void wkv_loop_extra_unsubscribe(struct wkv_loop *loop);
void wkv_loop_extra_destroy(struct wkv_loop *loop);

#endif
