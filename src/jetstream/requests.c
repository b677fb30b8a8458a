#include "jetstream/requests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct wkv_js_request {
    TAILQ_ENTRY(wkv_js_request) next;
    uint64_t number;
    int64_t until_ns;
    wkv_js_answered answered;
    void *context;
};

void wkv_js_requests_init(struct wkv_js_requests *requests, const char *inbox, wkv_js_sender send,
                          void *context)
{
    *requests = (struct wkv_js_requests){.send = send, .context = context};
    (void)snprintf(requests->inbox, sizeof requests->inbox, "%s", inbox);
    TAILQ_INIT(&requests->waiting);
}

void wkv_js_requests_destroy(struct wkv_js_requests *requests)
{
    struct wkv_js_request *request;
    while ((request = TAILQ_FIRST(&requests->waiting)) != NULL) {
        TAILQ_REMOVE(&requests->waiting, request, next);
        free(request);
    }
}

bool wkv_js_ask(struct wkv_js_requests *requests, const struct wkv_js_outgoing *outgoing, int64_t until_ns,
                wkv_js_answered answered, void *context)
{
    char reply[WKV_SUBJECT_BYTES + 24];
    struct wkv_js_request *request = malloc(sizeof *request);
    if (request == NULL)
        return false;
    *request = (struct wkv_js_request){
        .number = ++requests->number, .until_ns = until_ns, .answered = answered, .context = context};
    TAILQ_INSERT_TAIL(&requests->waiting, request, next);
    (void)snprintf(reply, sizeof reply, "%s.r%llu", requests->inbox, (unsigned long long)request->number);
    struct wkv_js_outgoing sent = *outgoing;
    sent.reply = reply;
    requests->send(requests->context, &sent);
    return true;
}

/* It is off the list before it is called, since it may ask again. */
static void finish(struct wkv_js_requests *requests, struct wkv_js_request *request,
                   const struct wkv_js_incoming *answer)
{
    struct wkv_js_request finished = *request;
    TAILQ_REMOVE(&requests->waiting, request, next);
    free(request);
    finished.answered(finished.context, answer);
}

bool wkv_js_requests_take(struct wkv_js_requests *requests, const struct wkv_js_incoming *incoming)
{
    size_t prefix = strlen(requests->inbox);
    uint64_t number;
    if (incoming->subject.len < prefix + 3 || memcmp(incoming->subject.data, requests->inbox, prefix) != 0 ||
        memcmp(incoming->subject.data + prefix, ".r", 2) != 0)
        return false;
    struct wkv_text token = {incoming->subject.data + prefix + 2, incoming->subject.len - prefix - 2};
    if (!wkv_text_decimal(token, UINT64_MAX, &number))
        return false;
    struct wkv_js_request *request;
    TAILQ_FOREACH(request, &requests->waiting, next)
    if (request->number == number) {
        finish(requests, request, incoming);
        return true;
    }
    return true;
}

void wkv_js_requests_unheard(struct wkv_js_requests *requests)
{
    struct wkv_js_request *only = TAILQ_FIRST(&requests->waiting);
    const struct wkv_js_incoming nobody = {.status = wkv_text_from("503")};
    if (only != NULL && TAILQ_NEXT(only, next) == NULL)
        finish(requests, only, &nobody);
}

/* Those that are asked by the callbacks come behind, with times of their own. */
static int64_t expire(struct wkv_js_requests *requests, int64_t now_ns, uint64_t last)
{
    int64_t due_ns = INT64_MAX;
    struct wkv_js_request *request = TAILQ_FIRST(&requests->waiting), *next;
    for (; request != NULL; request = next) {
        next = TAILQ_NEXT(request, next);
        if (request->number <= last && request->until_ns <= now_ns) {
            finish(requests, request, NULL);
            next = TAILQ_FIRST(&requests->waiting); /* the callback may have changed the list */
            due_ns = INT64_MAX;
        } else if (request->until_ns < due_ns) {
            due_ns = request->until_ns;
        }
    }
    return due_ns;
}

int64_t wkv_js_requests_tick(struct wkv_js_requests *requests, int64_t now_ns)
{
    return expire(requests, now_ns, requests->number);
}

void wkv_js_requests_lost(struct wkv_js_requests *requests)
{
    (void)expire(requests, INT64_MAX, requests->number);
}
