/* The parts of a loop's turn: what comes in (loop_intake.c), and what is refused where that is too much
 * (loop_overload.c). The loop's thread. */
#ifndef WKV_NATS_LOOP_TURN_H
#define WKV_NATS_LOOP_TURN_H

#include "nats/loop.h"

/* Takes what nats.c has read into the backlog. What is not to be handled at all is dropped. While nothing is
 * left over from before, messages are handled by the batch as they are taken, while they are in the
 * processor's cache. */
void wkv_loop_take_in(struct wkv_loop *loop);

/* Handles what waits, until the turn has taken some milliseconds or the loop is told to stop. */
void wkv_loop_handle_waiting(struct wkv_loop *loop);

/* Shares out what is left over by who sent it. */
void wkv_loop_share_backlog(struct wkv_loop *loop);

/* What a message takes in memory, about. */
size_t wkv_loop_bytes_of(natsMsg *message);

/* With so much waiting to be sent not even refusals are, see loop.h. */
#define WKV_LOOP_UNSENT_LAST ((size_t)16 * 1024 * 1024)

/* Bytes that wait to be sent, about. */
static inline size_t wkv_loop_unsent(const struct wkv_loop *loop)
{
    return loop->buffered_bytes + loop->unsent_bytes;
}

/* Offers what waits to be sent to the socket. */
void wkv_loop_offer_writes(struct wkv_loop *loop);

/* Counts a message that is dropped for overload. */
void wkv_loop_drop(struct wkv_loop *loop);

/* Tells the log of what was refused and dropped, every few seconds at the most. */
void wkv_loop_tell_refusals(struct wkv_loop *loop);

#endif
