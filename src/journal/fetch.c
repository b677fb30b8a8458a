#include "journal/fetch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "jetstream/api.h"
#include "support/clock.h"

#define ANSWER_NS (2 * WKV_NS_PER_S)
#define AGAIN_NS (250 * WKV_NS_PER_MS)
/* A new leader may not have all at once: so often it says that there is no such message before it is
 * believed. */
#define MISSING_TRIES 3u

void wkv_fetch_init(struct wkv_fetch *fetch, struct wkv_js_requests *requests, const char *stream,
                    const char *domain, wkv_fetch_take take, void *context)
{
    *fetch = (struct wkv_fetch){.requests = requests,
                                .stream = stream,
                                .domain = domain,
                                .take = take,
                                .context = context,
                                .stopped = true};
    for (size_t i = 0; i < WKV_FETCH_WINDOW; i++)
        fetch->slots[i].fetch = fetch;
}

static void free_slot(struct wkv_fetch_slot *slot)
{
    free(slot->bytes);
    *slot = (struct wkv_fetch_slot){.fetch = slot->fetch};
}

int64_t wkv_fetch_worked_ns(void)
{
    struct timespec spent;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return (int64_t)spent.tv_sec * WKV_NS_PER_S + spent.tv_nsec;
}

void wkv_fetch_begin(struct wkv_fetch *fetch, uint64_t first, uint64_t last, unsigned window)
{
    wkv_fetch_end(fetch);
    fetch->window = window;
    fetch->next = first;
    fetch->last = last;
    fetch->stopped = false;
}

void wkv_fetch_stop(struct wkv_fetch *fetch)
{
    fetch->stopped = true;
}

bool wkv_fetch_is_over(const struct wkv_fetch *fetch)
{
    return (fetch->stopped || fetch->next > fetch->last) && fetch->pending == 0;
}

void wkv_fetch_end(struct wkv_fetch *fetch)
{
    for (size_t i = 0; i < WKV_FETCH_WINDOW; i++)
        free_slot(&fetch->slots[i]);
}

/* ---- asking ---- */

static void read_answer(void *context, const struct wkv_js_incoming *answer)
{
    struct wkv_fetch_slot *slot = context;
    struct wkv_js_message message = {.sequence = 0};
    struct wkv_js_refusal refusal = {.number = 0};
    enum wkv_js_answer kind = answer == NULL || answer->bytes.len == 0
                                  ? WKV_JS_GARBLED
                                  : wkv_js_read_message(answer->bytes, &message, &refusal);
    slot->pending = false;
    slot->fetch->pending--;
    if (kind == WKV_JS_DONE && message.sequence == slot->position) {
        slot->bytes = message.bytes;
        slot->len = message.len;
        slot->answered = true;
        return;
    }
    if (kind == WKV_JS_DONE)
        free(message.bytes);
    if (kind == WKV_JS_REFUSED && refusal.number == WKV_JS_NO_MESSAGE)
        slot->answered = ++slot->tries >= MISSING_TRIES;
    slot->again_ns = slot->fetch->now_ns + AGAIN_NS;
}

static void on_answer(void *context, const struct wkv_js_incoming *answer)
{
    struct wkv_fetch *fetch = ((struct wkv_fetch_slot *)context)->fetch;
    int64_t begun_ns = wkv_fetch_worked_ns();
    read_answer(context, answer);
    fetch->worked_ns += wkv_fetch_worked_ns() - begun_ns;
}

static void ask(struct wkv_fetch *fetch, struct wkv_fetch_slot *slot)
{
    char subject[WKV_JS_SUBJECT_BYTES];
    char *request = wkv_js_get_request(slot->position);
    slot->again_ns = fetch->now_ns + AGAIN_NS; /* where it cannot be asked now */
    if (request != NULL &&
        wkv_js_subject(WKV_JS_MESSAGE_GET, fetch->domain, fetch->stream, NULL, subject, NULL) == WKV_OK) {
        const struct wkv_js_outgoing outgoing = {.subject = subject, .bytes = {request, strlen(request)}};
        slot->pending = wkv_js_ask(fetch->requests, &outgoing, fetch->now_ns + ANSWER_NS, on_answer, slot);
        fetch->pending += slot->pending;
    }
    free(request);
}

static int64_t ask_for_next(struct wkv_fetch *fetch)
{
    int64_t due_ns = INT64_MAX;
    for (uint64_t i = 0; i < fetch->window && i <= fetch->last - fetch->next; i++) {
        uint64_t position = fetch->next + i;
        struct wkv_fetch_slot *slot = &fetch->slots[position % WKV_FETCH_WINDOW];
        if (slot->position == 0)
            slot->position = position;
        if (!slot->answered && !slot->pending && slot->again_ns <= fetch->now_ns)
            ask(fetch, slot);
        if (!slot->answered && !slot->pending && slot->again_ns < due_ns)
            due_ns = slot->again_ns;
    }
    return due_ns;
}

/* ---- taking ---- */

static void take_answered(struct wkv_fetch *fetch)
{
    while (!fetch->stopped && fetch->next <= fetch->last) {
        struct wkv_fetch_slot *slot = &fetch->slots[fetch->next % WKV_FETCH_WINDOW];
        if (!slot->answered)
            return;
        if (!fetch->take(fetch->context, slot->position,
                         (struct wkv_text){(const char *)slot->bytes, slot->len}))
            fetch->stopped = true;
        free_slot(slot);
        fetch->next++;
    }
}

int64_t wkv_fetch_tick(struct wkv_fetch *fetch, int64_t now_ns)
{
    fetch->now_ns = now_ns;
    take_answered(fetch);
    return fetch->stopped || fetch->next > fetch->last ? INT64_MAX : ask_for_next(fetch);
}
