#include "jetstream/delivery.h"

#include <string.h>

#include "nats/header.h"

/* Tokens of the two forms, and where the numbers begin: with how often the message was delivered. */
#define TOKENS_PLAIN 9
#define TOKENS_WITH_DOMAIN 11
#define MAX_TOKENS 16
#define NUMBERS_PLAIN 4
#define NUMBERS_WITH_DOMAIN 6

static size_t split(struct wkv_text subject, struct wkv_text tokens[MAX_TOKENS])
{
    size_t count = 0;
    while (subject.len > 0 && count < MAX_TOKENS)
        tokens[count++] = wkv_text_take(&subject, '.');
    return count;
}

bool wkv_js_read_ack_subject(struct wkv_text subject, struct wkv_js_delivery *delivery)
{
    struct wkv_text tokens[MAX_TOKENS];
    uint64_t time_ns;
    size_t count = split(subject, tokens);
    if (count < TOKENS_PLAIN || !wkv_text_is(tokens[0], "$JS") || !wkv_text_is(tokens[1], "ACK") ||
        (count != TOKENS_PLAIN && count < TOKENS_WITH_DOMAIN))
        return false;
    const struct wkv_text *numbers = tokens + (count == TOKENS_PLAIN ? NUMBERS_PLAIN : NUMBERS_WITH_DOMAIN);
    delivery->stream = numbers[-2];
    delivery->consumer = numbers[-1];
    if (!wkv_text_decimal(numbers[1], UINT64_MAX, &delivery->sequence) ||
        !wkv_text_decimal(numbers[2], UINT64_MAX, &delivery->consumer_sequence) ||
        !wkv_text_decimal(numbers[3], INT64_MAX, &time_ns) ||
        !wkv_text_decimal(numbers[4], UINT64_MAX, &delivery->pending))
        return false;
    delivery->time_ns = (int64_t)time_ns;
    return true;
}

enum { STATUS, LAST_CONSUMER, LAST_STREAM, STALLED, HEADERS };

/* A status comes in the line in front of the headers, which nats.c makes a header of. */
void wkv_js_incoming_of(natsMsg *message, struct wkv_js_incoming *incoming)
{
    struct wkv_header headers[HEADERS] = {[STATUS] = {.name = "Status"},
                                          [LAST_CONSUMER] = {.name = "Nats-Last-Consumer"},
                                          [LAST_STREAM] = {.name = "Nats-Last-Stream"},
                                          [STALLED] = {.name = "Nats-Consumer-Stalled"}};
    *incoming =
        (struct wkv_js_incoming){.subject = wkv_text_from(natsMsg_GetSubject(message)),
                                 .reply = wkv_text_from(natsMsg_GetReply(message)),
                                 .bytes = {natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message)}};
    if (incoming->bytes.len > 0)
        return;
    wkv_headers_of(message, headers, HEADERS);
    incoming->status = headers[STATUS].value;
    incoming->last_consumer = headers[LAST_CONSUMER].value;
    incoming->last_stream = headers[LAST_STREAM].value;
    incoming->stalled = headers[STALLED].value;
}

static void read_status(const struct wkv_js_incoming *incoming, struct wkv_js_delivery *delivery)
{
    uint64_t status = 0;
    if (!wkv_text_decimal(incoming->status, 999, &status))
        return;
    delivery->status = (int)status;
    delivery->kind = WKV_JS_OTHER_STATUS;
    if (status != 100)
        return;
    (void)wkv_text_decimal(incoming->last_stream, UINT64_MAX, &delivery->sequence);
    (void)wkv_text_decimal(incoming->last_consumer, UINT64_MAX, &delivery->consumer_sequence);
    delivery->answer_to = incoming->reply.len > 0 ? incoming->reply : incoming->stalled;
    delivery->kind = incoming->reply.len > 0 ? WKV_JS_FLOW_CONTROL : WKV_JS_HEARTBEAT;
}

void wkv_js_read_delivery(const struct wkv_js_incoming *incoming, struct wkv_js_delivery *delivery)
{
    *delivery = (struct wkv_js_delivery){.kind = WKV_JS_FOREIGN};
    if (wkv_js_read_ack_subject(incoming->reply, delivery)) {
        delivery->kind = WKV_JS_MESSAGE;
        return;
    }
    *delivery = (struct wkv_js_delivery){.kind = WKV_JS_FOREIGN};
    if (incoming->bytes.len == 0)
        read_status(incoming, delivery);
}
