/* Messages on their way into a stream, in their order: each is there behind the one before it, however often
 * either had to be sent.
 *
 *   add ─► queue ─► sent, some at once ─► confirmed, each behind the one before ─► freed
 *                        ▲                       └─ one was not: all from it on are sent again
 *                        └──────────────────────────────┘
 *
 * So a message may be in the stream more than once, and one that was sent before an earlier one came late may
 * stand in front of it; who reads from the first confirmed position on, and takes of each number the first
 * that is next, has all of them.
 *
 * A step function. One thread. It must not end before its requests have (wkv_upload_is_done), or they are
 * forgotten (wkv_js_requests_destroy).
 */
#ifndef WKV_JOURNAL_UPLOAD_H
#define WKV_JOURNAL_UPLOAD_H

#include <sys/queue.h>

#include "jetstream/api.h"
#include "jetstream/requests.h"

/* "At most 8 chunks unacknowledged." */
#define WKV_UPLOAD_WINDOW 8u

struct wkv_upload_item;
TAILQ_HEAD(wkv_upload_items, wkv_upload_item);

struct wkv_upload {
    struct wkv_js_requests *requests; /* borrowed, as is the subject */
    const char *subject;
    struct wkv_upload_items items;
    size_t count, bytes; /* that wait, or are not confirmed */
    unsigned sent;       /* the first so many of them are sent */
    unsigned pending;    /* requests that are under way */
    bool goes_back;      /* when none is */
    bool dropped;
    int64_t now_ns, again_ns, pause_ns;
    int64_t moved_ns;              /* when one was confirmed last, or the queue was empty */
    uint64_t first, last;          /* positions in the stream of what is confirmed; 0: nothing is */
    struct wkv_js_refusal refusal; /* the last; text "": there was none */
};

void wkv_upload_init(struct wkv_upload *upload, struct wkv_js_requests *requests, const char *subject);

/* Copies the message to the end of the queue. Returns false where memory is short. */
bool wkv_upload_add(struct wkv_upload *upload, struct wkv_text bytes);

/* Sends what may be sent. Returns when it is due; INT64_MAX: when an answer comes, or something is added. */
int64_t wkv_upload_tick(struct wkv_upload *upload, int64_t now_ns);

/* Forgets all that is in the queue. */
void wkv_upload_drop(struct wkv_upload *upload);

/* Whether nothing waits and no request is under way: then it may begin anew. */
bool wkv_upload_is_done(const struct wkv_upload *upload);
void wkv_upload_begin(struct wkv_upload *upload, int64_t now_ns);

/* Frees everything, when nothing will be answered any more. */
void wkv_upload_end(struct wkv_upload *upload);

#endif
