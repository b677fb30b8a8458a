/* Optional subscriptions (of a lattice, or of a single actor) that the server had granted and has taken back.
 *
 * A permission that goes with one reload of the server comes back with another, of which nobody is told. A
 * subscription that every connection must have ends the connection then (loop_events.c); one of these is
 * asked for again on the same connection, from time to time, while all else is served:
 *
 *   taken back ── 1 s ──► asked for ── refused: 2, 4, 8, 10, 10 ... s ──► asked for ... granted
 *
 * What was never granted is not asked for again: the server's operator means it.
 */
#ifndef WKV_NATS_LOOP_RENEW_H
#define WKV_NATS_LOOP_RENEW_H

#include "nats/loop.h"

/* Notes that the server has refused one, with its text. Under extra_lock. nats.c's thread of callbacks. */
void wkv_loop_renew_note(struct wkv_loop *loop, struct wkv_loop_subscription *one, const char *text);

/* Asks again for those for which it is time. The loop's thread, with no messages left in subscriptions. */
void wkv_loop_renew(struct wkv_loop *loop);

/* The connection is closed: what its server has refused says nothing of the next one. Under extra_lock. */
void wkv_loop_renew_forget(struct wkv_loop *loop);

#endif
