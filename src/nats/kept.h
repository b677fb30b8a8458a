/* Messages that a handler keeps, to answer them in a later turn. While the window is full what comes waits in
 * the backlog, with all that holds there: turns by sender, --max-wait, bounds. A drain waits for what is
 * kept. The loop's thread. */
#ifndef WKV_NATS_KEPT_H
#define WKV_NATS_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So many bytes fill the window, too. */
#define WKV_KEPT_BYTES ((size_t)8 * 1024 * 1024)

/* Runs at the end of each turn, before what was answered is written. Returns when the next turn is to begin
 * at the latest, in monotonic nanoseconds: what is past is at once, WKV_NO_TURN only when something comes. */
typedef int64_t (*wkv_loop_after_turn)(void *context);
#define WKV_NO_TURN INT64_MAX

struct wkv_loop;

struct wkv_kept {
    size_t window; /* so many may be kept */
    size_t count;
    size_t bytes;                   /* of these, about */
    bool in_hand;                   /* the handler that runs has kept its message */
    wkv_loop_after_turn after_turn; /* NULL: none */
    void *context;
    int64_t next_turn_ns; /* what it said */
};

static inline bool wkv_kept_is_full(const struct wkv_kept *kept)
{
    return kept->count > 0 && (kept->count >= kept->window || kept->bytes >= WKV_KEPT_BYTES);
}

/* How long the next turn may wait for something: as wkv_poller_wait has it. */
int64_t wkv_kept_wait_ns(const struct wkv_kept *kept);

/* A turn ends. */
void wkv_kept_end_turn(struct wkv_kept *kept);

#endif
