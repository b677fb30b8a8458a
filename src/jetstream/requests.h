/* Requests that wait for their answers, without a thread that waits: each has a subject of its own for its
 * answer, `<inbox>.r<number>`. A step function, as the reader is. One thread.
 */
#ifndef WKV_JETSTREAM_REQUESTS_H
#define WKV_JETSTREAM_REQUESTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "jetstream/delivery.h"
#include "nats/subject.h"

/* What was answered; NULL: nothing, in the time that it was given, or the connection was lost. "No
 * responders" (status 503) is an answer. It may ask again. */
typedef void (*wkv_js_answered)(void *context, const struct wkv_js_incoming *answer);

/* Sends bytes, with one header where it has a name. */
struct wkv_js_outgoing {
    const char *subject, *reply;
    struct wkv_text bytes;
    const char *header, *value; /* NULL: none */
};
typedef void (*wkv_js_sender)(void *context, const struct wkv_js_outgoing *outgoing);

struct wkv_js_request;
TAILQ_HEAD(wkv_js_request_list, wkv_js_request);

struct wkv_js_requests {
    char inbox[WKV_SUBJECT_BYTES];
    wkv_js_sender send;
    void *context; /* send's */
    uint64_t number;
    struct wkv_js_request_list waiting; /* few */
};

/* The owner is subscribed to `<inbox>.*`. */
void wkv_js_requests_init(struct wkv_js_requests *requests, const char *inbox, wkv_js_sender send,
                          void *context);

/* Forgets those that wait; their callbacks are not called. */
void wkv_js_requests_destroy(struct wkv_js_requests *requests);

/* Asks, and calls `answered` once, later. Errors: false where memory is short; nothing was sent then. */
bool wkv_js_ask(struct wkv_js_requests *requests, const struct wkv_js_outgoing *outgoing, int64_t until_ns,
                wkv_js_answered answered, void *context);

/* Takes what came to `<inbox>.*`. Returns whether it was an answer, in time or not. */
bool wkv_js_requests_take(struct wkv_js_requests *requests, const struct wkv_js_incoming *incoming);

/* "No responders" came to the inbox, and it is not known for which request: where only one waits it is
 * answered so. */
void wkv_js_requests_unheard(struct wkv_js_requests *requests);

/* Ends those whose time is over; or all, as the connection is lost. tick returns when the next one's time is
 * over; INT64_MAX: none waits. */
int64_t wkv_js_requests_tick(struct wkv_js_requests *requests, int64_t now_ns);
void wkv_js_requests_lost(struct wkv_js_requests *requests);

/* Whether an answer is NATS's own: nobody listens to the subject. */
static inline bool wkv_js_nobody_listens(const struct wkv_js_incoming *answer)
{
    return answer->bytes.len == 0 && wkv_text_is(answer->status, "503");
}

#endif
