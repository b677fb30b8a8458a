/* What a push consumer delivers: messages of its stream, and words about itself.
 *
 * A message has its place and time in its reply subject, to which nothing is ever sent here (ack_policy
 * none):
 *
 *   $JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.<consumer sequence>.<time, ns>.<pending>
 *   $JS.ACK.<domain>.<account hash>.<stream>.<consumer>.<delivered>.….<pending>[.<random>]     (ADR-15)
 *
 * Words about itself have no payload and a status of 100: "FlowControl Request", whose reply subject is to be
 * answered with nothing, or "Idle Heartbeat". A heartbeat with the header Nats-Consumer-Stalled names the
 * subject of a flow control whose answer was lost: unless that is answered the consumer stands still for
 * ever.
 */
#ifndef WKV_JETSTREAM_DELIVERY_H
#define WKV_JETSTREAM_DELIVERY_H

#include <nats/nats.h>
#include <stdint.h>

#include "support/text.h"

/* A message as it came. All is borrowed from it; what it has not has no data. */
struct wkv_js_incoming {
    struct wkv_text subject, reply, bytes;
    struct wkv_text status, last_consumer, last_stream, stalled; /* headers */
};

/* Any thread that has the message. */
void wkv_js_incoming_of(natsMsg *message, struct wkv_js_incoming *incoming);

enum wkv_js_delivery_kind {
    WKV_JS_MESSAGE,
    WKV_JS_HEARTBEAT,
    WKV_JS_FLOW_CONTROL, /* answer_to is to be answered with nothing, at once and in order */
    WKV_JS_OTHER_STATUS, /* the consumer is no more, or cannot go on: status says what */
    WKV_JS_FOREIGN,      /* neither: somebody else has published on the inbox */
};

struct wkv_js_delivery {
    enum wkv_js_delivery_kind kind;
    struct wkv_text stream, consumer; /* of a message: borrowed from it */
    uint64_t sequence; /* in the stream: of the message; of a heartbeat the last that was delivered */
    uint64_t consumer_sequence; /* in this consumer, from 1, likewise */
    int64_t time_ns;            /* when the stream's leader took the message: Unix time. 0: no message */
    uint64_t pending;           /* messages of the stream behind this one */
    int status;                 /* 100, 404, 409, …; 0: a message */
    struct wkv_text answer_to;  /* borrowed from the message; len 0: nothing is to be answered */
};

/* Reads what the message, which was delivered to a consumer's inbox, says. Any thread that has the message.
 */
void wkv_js_read_delivery(const struct wkv_js_incoming *incoming, struct wkv_js_delivery *delivery);

/* Reads a message's reply subject. Returns false where it is none of the two forms, or a number is none. */
bool wkv_js_read_ack_subject(struct wkv_text subject, struct wkv_js_delivery *delivery);

#endif
