/* Messages of a stream by their positions, one after another, as the stream's leader has them: plain requests
 * (STREAM.MSG.GET), some under way at once. What is not answered is asked again, until the owner stops.
 *
 * A consumer would be as quick for millions of small messages; a snapshot has thousands of large ones, and
 * this needs no inbox, no listener and nothing at the server that would have to be taken away again.
 *
 * A step function. One thread. It must not end before its requests have (wkv_fetch_is_over), or they are
 * forgotten (wkv_js_requests_destroy).
 */
#ifndef WKV_JOURNAL_FETCH_H
#define WKV_JOURNAL_FETCH_H

#include "jetstream/requests.h"

#define WKV_FETCH_WINDOW 16u

/* The next message. bytes.data NULL: the stream has none at that position. Returns whether to go on. */
typedef bool (*wkv_fetch_take)(void *context, uint64_t position, struct wkv_text bytes);

struct wkv_fetch_slot {
    struct wkv_fetch *fetch;
    uint64_t position; /* 0: free */
    bool pending;
    bool answered; /* bytes, or NULL where there is no such message */
    unsigned tries;
    int64_t again_ns;
    unsigned char *bytes; /* owned */
    size_t len;
};

struct wkv_fetch {
    struct wkv_js_requests *requests; /* borrowed, as are the texts */
    const char *stream, *domain;
    wkv_fetch_take take;
    void *context;
    uint64_t next, last; /* to be taken; to be asked for are those that have no slot */
    unsigned window;     /* so many are asked for at once */
    unsigned pending;
    bool stopped;
    int64_t now_ns;
    int64_t worked_ns;                             /* that reading answers has taken of this thread, in all */
    struct wkv_fetch_slot slots[WKV_FETCH_WINDOW]; /* of position p: p % WKV_FETCH_WINDOW */
};

void wkv_fetch_init(struct wkv_fetch *fetch, struct wkv_js_requests *requests, const char *stream,
                    const char *domain, wkv_fetch_take take, void *context);

/* Begins, when the one before is over. window: so many are asked for at once, WKV_FETCH_WINDOW at the most.
 */
void wkv_fetch_begin(struct wkv_fetch *fetch, uint64_t first, uint64_t last, unsigned window);

/* What this thread has worked, in ns. */
int64_t wkv_fetch_worked_ns(void);

/* Takes what has come and asks for what is next. Returns when it is due; INT64_MAX: when an answer comes. */
int64_t wkv_fetch_tick(struct wkv_fetch *fetch, int64_t now_ns);

/* Takes nothing more. */
void wkv_fetch_stop(struct wkv_fetch *fetch);

/* Whether all has been taken, or it was stopped, and no request is under way. */
bool wkv_fetch_is_over(const struct wkv_fetch *fetch);

/* Frees what has not been taken. */
void wkv_fetch_end(struct wkv_fetch *fetch);

#endif
