/* A loop's connection to its server, and what is known of it.
 *
 *   opened ──► up ──► confirmed (the server has all subscriptions) ──► closed, or taken back: to be opened
 * anew
 *
 * nats.c may not connect again by itself: in event-loop mode its parser would go on in the new connection
 * where the old one was lost, within a message if need be, and take the server's next words for the rest of
 * an actor's request. So a connection that is lost is closed, and its keeper opens another.
 */
#ifndef WKV_NATS_LINK_H
#define WKV_NATS_LINK_H

#include <nats/nats.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "nats/server_pool.h"
#include "support/error.h"

/* Of a server's complaint, as far as it is kept. */
#define WKV_COMPLAINT_BYTES (WKV_ERROR_TEXT_BYTES / 2)

struct wkv_link {
    pthread_mutex_t lock;   /* guards `connection` but for the loop's and its opener's threads, what is marked
                             * so, and the subscriptions (subscriptions.h) */
    pthread_cond_t changed; /* closed, let go of, a subscription refused, or none due to leave */
    natsConnection *connection; /* NULL: none */
    unsigned holders;           /* under the lock: threads that use it without the lock */
    natsStatistics *statistics;
    struct wkv_pool *pool; /* borrowed: of the servers of this connection's kind */
    _Atomic bool up;       /* connected */
    _Atomic bool confirmed;
    _Atomic bool taken_back;           /* the server has ended a subscription that it had granted */
    _Atomic bool closed;               /* nats.c has closed it, and calls back no more */
    char refusal[WKV_COMPLAINT_BYTES]; /* under the lock: the server's first refusal of a subscription, or ""
                                        */
    struct wkv_pool_server server;     /* of this connection; its opener's */
};

void wkv_link_init(struct wkv_link *link);
void wkv_link_destroy(struct wkv_link *link);

/* Forgets what was known of the last connection, before a new one. */
void wkv_link_reset(struct wkv_link *link);

/* Waits, under the lock, until nobody holds the connection; destroys it, under the lock. The loop's thread
 * has ended. */
void wkv_link_await_holders(struct wkv_link *link);
void wkv_link_end(struct wkv_link *link);

/* The connection, for a thread which lets it go soon; it may be closed meanwhile, but is not destroyed. NULL:
 * there is none. Any thread. */
natsConnection *wkv_link_hold(struct wkv_link *link);
void wkv_link_let_go(struct wkv_link *link);

/* Tells the pool what servers this one has told of. nats.c's threads, and the opener. */
void wkv_link_note_discovered(struct wkv_link *link, natsConnection *connection);

/* Whether the server's permissions have ever stood in the way of something on this connection. What it was is
 * not for reading: nats.c overwrites that text with the next refusal. */
bool wkv_was_refused(natsConnection *connection);

/* Why a connection is closed, where the server or nats.c has said so: in text, which is returned; else NULL.
 * Where a server says the same again for what was sent before it closed, nats.c writes the text anew while it
 * is copied: it may then be torn, but it ends. */
#define WKV_WHY_BYTES 128
const char *wkv_why_closed(natsConnection *connection, char text[WKV_WHY_BYTES]);

#endif
