#include "journal/upload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/clock.h"

#define ANSWER_NS (2 * WKV_NS_PER_S)
#define FIRST_PAUSE_NS (50 * WKV_NS_PER_MS)
#define LAST_PAUSE_NS (1 * WKV_NS_PER_S)

struct wkv_upload_item {
    TAILQ_ENTRY(wkv_upload_item) next;
    struct wkv_upload *upload;
    bool pending;
    uint64_t position; /* as confirmed; 0: not */
    size_t len;
    char bytes[];
};

void wkv_upload_init(struct wkv_upload *upload, struct wkv_js_requests *requests, const char *subject)
{
    *upload = (struct wkv_upload){.requests = requests, .subject = subject};
    TAILQ_INIT(&upload->items);
}

void wkv_upload_begin(struct wkv_upload *upload, int64_t now_ns)
{
    wkv_upload_end(upload);
    wkv_upload_init(upload, upload->requests, upload->subject);
    upload->moved_ns = now_ns;
}

bool wkv_upload_add(struct wkv_upload *upload, struct wkv_text bytes)
{
    struct wkv_upload_item *item = malloc(sizeof *item + bytes.len);
    if (item == NULL)
        return false;
    *item = (struct wkv_upload_item){.upload = upload, .len = bytes.len};
    memcpy(item->bytes, bytes.data, bytes.len);
    TAILQ_INSERT_TAIL(&upload->items, item, next);
    upload->count++;
    upload->bytes += item->len;
    return true;
}

static void free_item(struct wkv_upload *upload, struct wkv_upload_item *item)
{
    TAILQ_REMOVE(&upload->items, item, next);
    upload->count--;
    upload->bytes -= item->len;
    free(item);
}

bool wkv_upload_is_done(const struct wkv_upload *upload)
{
    return upload->count == 0;
}

/* Those that are under way go when they are answered. */
void wkv_upload_drop(struct wkv_upload *upload)
{
    struct wkv_upload_item *item = TAILQ_FIRST(&upload->items), *next;
    upload->dropped = true;
    for (; item != NULL; item = next) {
        next = TAILQ_NEXT(item, next);
        if (!item->pending)
            free_item(upload, item);
    }
}

void wkv_upload_end(struct wkv_upload *upload)
{
    while (!TAILQ_EMPTY(&upload->items))
        free_item(upload, TAILQ_FIRST(&upload->items));
}

/* ---- answers ---- */

static void go_back(struct wkv_upload *upload)
{
    upload->goes_back = true;
    upload->pause_ns = upload->pause_ns == 0 ? FIRST_PAUSE_NS : 2 * upload->pause_ns;
    if (upload->pause_ns > LAST_PAUSE_NS)
        upload->pause_ns = LAST_PAUSE_NS;
    upload->again_ns = upload->now_ns + upload->pause_ns;
}

static void confirm(struct wkv_upload *upload)
{
    struct wkv_upload_item *item;
    while ((item = TAILQ_FIRST(&upload->items)) != NULL && item->position > upload->last && !item->pending) {
        upload->last = item->position;
        if (upload->first == 0)
            upload->first = item->position;
        upload->moved_ns = upload->now_ns;
        upload->pause_ns = 0;
        upload->sent--;
        free_item(upload, item);
    }
    if (item != NULL && item->position != 0 && item->position <= upload->last && !upload->goes_back)
        go_back(upload);
}

static void on_answer(void *context, const struct wkv_js_incoming *answer)
{
    struct wkv_upload_item *item = context;
    struct wkv_upload *upload = item->upload;
    struct wkv_js_ack ack = {.sequence = 0};
    struct wkv_js_refusal refusal = {.number = 0};
    enum wkv_js_answer kind = answer == NULL || answer->bytes.len == 0
                                  ? WKV_JS_GARBLED
                                  : wkv_js_read_ack(answer->bytes, &ack, &refusal);
    item->pending = false;
    upload->pending--;
    if (upload->dropped) {
        free_item(upload, item);
        return;
    }
    if (kind == WKV_JS_REFUSED)
        upload->refusal = refusal;
    if (kind == WKV_JS_DONE)
        item->position = ack.sequence;
    else if (!upload->goes_back)
        go_back(upload);
    confirm(upload);
}

/* ---- sending ---- */

static void send_next(struct wkv_upload *upload)
{
    struct wkv_upload_item *item = TAILQ_FIRST(&upload->items);
    for (unsigned i = 0; i < upload->sent; i++)
        item = TAILQ_NEXT(item, next);
    for (; item != NULL && upload->sent < WKV_UPLOAD_WINDOW; item = TAILQ_NEXT(item, next)) {
        const struct wkv_js_outgoing outgoing = {.subject = upload->subject,
                                                 .bytes = {item->bytes, item->len}};
        item->position = 0;
        item->pending = wkv_js_ask(upload->requests, &outgoing, upload->now_ns + ANSWER_NS, on_answer, item);
        if (!item->pending) {
            go_back(upload);
            return;
        }
        upload->pending++;
        upload->sent++;
    }
}

int64_t wkv_upload_tick(struct wkv_upload *upload, int64_t now_ns)
{
    upload->now_ns = now_ns;
    if (upload->count == 0)
        upload->moved_ns = now_ns;
    if (upload->dropped || upload->count == 0)
        return INT64_MAX;
    if (upload->goes_back) {
        if (upload->pending > 0)
            return INT64_MAX;
        if (now_ns < upload->again_ns)
            return upload->again_ns;
        upload->goes_back = false;
        upload->sent = 0;
    }
    send_next(upload);
    return upload->goes_back ? upload->again_ns : INT64_MAX;
}
