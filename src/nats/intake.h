/* What a loop has read and not yet handled. The loop's thread. */
#ifndef WKV_NATS_INTAKE_H
#define WKV_NATS_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nats/backlog.h"

#define WKV_LOOP_BATCH 16

struct wkv_loop;

struct wkv_intake {
    uint64_t messages_seen;     /* what nats.c has counted in */
    uint64_t pending;           /* at most so many messages wait in subscriptions */
    uint64_t reads;             /* of the socket */
    int64_t read_ns;            /* when what comes in now was read */
    struct wkv_backlog backlog; /* taken from nats.c */
    size_t prepared;            /* so many of those that are next have been prepared for */
    int64_t slice_end_ns;       /* when this turn stops handling; 0: it has not begun */
    bool late;                  /* the message in hand has waited too long */
};

/* Takes what nats.c has read into the backlog. What is not to be handled at all is dropped. While nothing is
 * left over from before, messages are handled by the batch as they are taken, while they are in the
 * processor's cache. */
void wkv_intake_take(struct wkv_loop *loop);

/* Handles what waits, until the turn has taken some milliseconds or the loop is told to stop. */
void wkv_intake_handle(struct wkv_loop *loop);

/* Refuses what is too much of what waits, and shares out what is left over by sender. */
void wkv_intake_refuse_excess(struct wkv_loop *loop);
void wkv_intake_share(struct wkv_loop *loop);

/* Forgets all that waits: its connection is lost. */
void wkv_intake_forget(struct wkv_loop *loop);

#endif
