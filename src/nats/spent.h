/* Messages that are done with, received or sent, and not destroyed yet.
 *
 * nats.c does not free a message where it is destroyed but wakes a collecting thread for it, if that one
 * sleeps. One by one, each costs a wake-up and a fight for malloc's lock; by the hundred, hardly anything.
 * The loop's thread.
 */
#ifndef WKV_NATS_SPENT_H
#define WKV_NATS_SPENT_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stddef.h>

#define WKV_SPENT_MESSAGES 2048

struct wkv_spent {
    natsMsg *messages[WKV_SPENT_MESSAGES];
    size_t count;
    size_t bytes;
};

/* What a message takes in memory, about. */
size_t wkv_message_bytes(natsMsg *message);

/* Destroys the message, of so many bytes, with others, later. Returns whether it was now. */
bool wkv_spent_add(struct wkv_spent *spent, natsMsg *message, size_t bytes);

/* Destroys all. */
void wkv_spent_empty(struct wkv_spent *spent);

#endif
