/* Messages that have been read and wait for their turn.
 *
 * While all that comes is handled at once, they are one queue and cost next to nothing. When some are left
 * over (the owner says so with wkv_backlog_share), they are shared out to queues by a key, which stands for
 * the sender, and come out one from each queue in turn, so that a sender of many waits behind its own:
 *
 *   push ─► [ 0 ] a1 a2 a3 b1 c1          ─► pop: a1 a2 a3 b1 c1
 *
 *   push ─► [ key % FLOWS ]  a1 a2 a3
 *                            b1           ─► pop: a1 b1 c1 a2 a3
 *                            c1
 *
 * Two keys may share a queue, which is only less fair. When it is empty it is one queue again. Not
 * thread-safe: it belongs to its loop's thread.
 */
#ifndef WKV_NATS_BACKLOG_H
#define WKV_NATS_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WKV_BACKLOG_FLOWS 256

struct wkv_backlog_item {
    void *message;   /* the owner's */
    void *from;      /* likewise */
    int64_t read_ns; /* monotonic: when it was read */
    size_t bytes;
};

struct wkv_backlog_slot;

struct wkv_backlog_flow {
    uint32_t first, last; /* slots */
    uint32_t count;
    uint32_t next; /* the flow whose turn is next */
    size_t bytes;
};

struct wkv_backlog {
    struct wkv_backlog_slot *slots; /* owned */
    uint32_t capacity;
    uint32_t free; /* the first slot of the unused, linked */
    size_t count;  /* items */
    size_t bytes;  /* of them all */
    bool shared;   /* out to flows by key; else all are in the first */
    uint32_t turn; /* the last flow that is not empty in the ring of these; only while count > 0 */
    struct wkv_backlog_flow flows[WKV_BACKLOG_FLOWS];
};

/* Starts empty; memory comes with the first item and stays until destroy, for as many as there ever were. */
void wkv_backlog_init(struct wkv_backlog *backlog);
void wkv_backlog_destroy(struct wkv_backlog *backlog);

/* Adds an item, copied. key is looked at only while `shared`. Errors: false where memory is short. */
bool wkv_backlog_push(struct wkv_backlog *backlog, const struct wkv_backlog_item *item, uint64_t key);

/* Shares out what is there by the key of each item, and what comes until it is empty. */
void wkv_backlog_share(struct wkv_backlog *backlog,
                       uint64_t (*key_of)(void *context, void *message, void *from), void *context);

/* Writes the items that are next, in their order, which stay: at most max, and one only of what is shared
 * out. Returns how many. They are valid until the next call that changes the backlog. */
size_t wkv_backlog_look(const struct wkv_backlog *backlog, const struct wkv_backlog_item **items, size_t max);

/* Takes the item whose turn is next, or the oldest of the queue with the most bytes. Errors: false where
 * there is none. */
bool wkv_backlog_pop(struct wkv_backlog *backlog, struct wkv_backlog_item *item);
bool wkv_backlog_pop_heaviest(struct wkv_backlog *backlog, struct wkv_backlog_item *item);

#endif
