#include "jetstream/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/clock.h"

/* "CREATE is asked again each 500 ms": a request that lands on a server that has just died is never answered.
 * Each time it is waited for twice as long, up to 4 s: a cluster that is only slow would else never have
 * answered the last one. */
#define ASK_AGAIN_NS (500 * WKV_NS_PER_MS)
#define ASK_DOUBLINGS 3
/* The overlap comes at once where it is there. */
#define OVERLAP_NS (1 * WKV_NS_PER_S)
/* "2 heartbeats missed", which come each second. */
#define SILENCE_NS (2500 * WKV_NS_PER_MS)

void wkv_js_reader_init(struct wkv_js_reader *reader, const char *stream, const char *domain,
                        const char *inbox, const struct wkv_js_reader_hooks *hooks)
{
    *reader = (struct wkv_js_reader){.stream = stream, .domain = domain, .hooks = *hooks};
    (void)snprintf(reader->inbox, sizeof reader->inbox, "%s", inbox);
}

/* Deletes a consumer, by the name that it has in a subject or an answer. */
static void delete_consumer(struct wkv_js_reader *reader, struct wkv_text name)
{
    char subject[WKV_JS_SUBJECT_BYTES], answer[WKV_SUBJECT_BYTES + 24], consumer[sizeof reader->consumer];
    if (name.len == 0 || name.len >= sizeof consumer)
        return;
    (void)snprintf(consumer, sizeof consumer, "%.*s", (int)name.len, name.data);
    (void)snprintf(answer, sizeof answer, "%s.deleted", reader->inbox);
    if (wkv_js_subject(WKV_JS_CONSUMER_DELETE, reader->domain, reader->stream, consumer, subject, NULL) ==
        WKV_OK)
        reader->hooks.publish(reader->hooks.context, subject, answer, "");
}

static void forget_consumer(struct wkv_js_reader *reader)
{
    delete_consumer(reader, wkv_text_from(reader->consumer));
    reader->consumer[0] = '\0';
}

static void know_consumer(struct wkv_js_reader *reader, struct wkv_text name)
{
    if (reader->consumer[0] == '\0' && name.len < sizeof reader->consumer)
        (void)snprintf(reader->consumer, sizeof reader->consumer, "%.*s", (int)name.len, name.data);
}

static unsigned slot_of(const struct wkv_js_reader *reader)
{
    return (unsigned)(reader->generation % WKV_JS_READER_SLOTS);
}

/* Asks for a consumer of a new generation: its slot's subject is where it delivers, and
 * `<inbox>.a<generation>` where it is answered. */
static void ask(struct wkv_js_reader *reader, int64_t now_ns)
{
    char subject[WKV_JS_SUBJECT_BYTES], answer[WKV_SUBJECT_BYTES + 24], deliver[WKV_SUBJECT_BYTES + 24];
    if (reader->consumer[0] != '\0')
        reader->deleted_ns = now_ns;
    forget_consumer(reader);
    reader->generation++;
    reader->tries++;
    reader->state = WKV_JS_ASKING;
    reader->asked_ns = now_ns;
    reader->consumer_sequence = 0;
    (void)snprintf(deliver, sizeof deliver, "%s.d.%u", reader->inbox, slot_of(reader));
    (void)snprintf(answer, sizeof answer, "%s.a%llu", reader->inbox, (unsigned long long)reader->generation);
    char *request = wkv_js_consumer_request(reader->stream, deliver,
                                            reader->overlap > 0 ? reader->overlap : reader->applied + 1);
    /* Without memory it is asked again in a moment. */
    if (request != NULL &&
        wkv_js_subject(WKV_JS_CONSUMER_CREATE, reader->domain, reader->stream, NULL, subject, NULL) == WKV_OK)
        reader->hooks.publish(reader->hooks.context, subject, answer, request);
    free(request);
}

void wkv_js_reader_begin(struct wkv_js_reader *reader, uint64_t applied, uint64_t overlap, int64_t now_ns)
{
    reader->applied = applied;
    reader->overlap = overlap;
    reader->wanted = true;
    wkv_js_reader_renew(reader, now_ns);
}

void wkv_js_reader_connected(struct wkv_js_reader *reader, int64_t now_ns)
{
    reader->connected = true;
    wkv_js_reader_renew(reader, now_ns);
}

void wkv_js_reader_lost(struct wkv_js_reader *reader)
{
    reader->connected = false;
    if (reader->state != WKV_JS_STOPPED)
        reader->state = WKV_JS_IDLE;
}

void wkv_js_reader_renew(struct wkv_js_reader *reader, int64_t now_ns)
{
    if (reader->wanted && reader->connected)
        ask(reader, now_ns);
    else if (reader->state != WKV_JS_STOPPED)
        reader->state = WKV_JS_IDLE;
}

static void stop(struct wkv_js_reader *reader, enum wkv_js_trouble trouble, uint64_t from, uint64_t to,
                 const struct wkv_js_refusal *refusal)
{
    forget_consumer(reader);
    reader->state = WKV_JS_STOPPED;
    reader->wanted = false;
    reader->hooks.trouble(reader->hooks.context, trouble, from, to, refusal);
}

/* There is a consumer: from now on its first message is due. */
static void note_consumer(struct wkv_js_reader *reader, int64_t now_ns)
{
    reader->consumers++;
    reader->tries = 0;
    reader->state = reader->overlap > 0 ? WKV_JS_OVERLAP : WKV_JS_FOLLOWING;
    reader->asked_ns = now_ns;
    reader->heard_ns = now_ns;
}

/* ---- what comes ---- */

static void take_answer(struct wkv_js_reader *reader, const struct wkv_js_incoming *incoming, int64_t now_ns)
{
    struct wkv_js_consumer consumer;
    struct wkv_js_refusal refusal;
    switch (wkv_js_read_consumer(incoming->bytes, &consumer, &refusal)) {
    case WKV_JS_DONE:
        know_consumer(reader, wkv_text_from(consumer.name));
        if (reader->state == WKV_JS_ASKING)
            note_consumer(reader, now_ns);
        return;
    case WKV_JS_REFUSED:
        /* 5xx: a cluster without a leader now, or a server that is about to stop. It is asked again. */
        if (reader->state == WKV_JS_ASKING && refusal.code < 500)
            stop(reader, WKV_JS_NO_READING, reader->applied + 1, 0, &refusal);
        return;
    case WKV_JS_GARBLED: /* such as NATS's own "no responders": asked again */
    case WKV_JS_NO_MEMORY:
        return;
    }
}

static void take_overlap(struct wkv_js_reader *reader, const struct wkv_js_delivery *delivery,
                         struct wkv_text bytes)
{
    if (delivery->sequence > reader->overlap)
        stop(reader, WKV_JS_MISSING, reader->overlap, delivery->sequence - 1, NULL);
    else if (delivery->sequence < reader->overlap ||
             !reader->hooks.is_known(reader->hooks.context, reader->overlap, bytes))
        stop(reader, WKV_JS_DIFFERENT, reader->overlap, reader->overlap, NULL);
    else
        reader->state = WKV_JS_FOLLOWING;
}

static void take_next(struct wkv_js_reader *reader, const struct wkv_js_delivery *delivery,
                      struct wkv_text bytes)
{
    if (delivery->sequence > reader->applied + 1) {
        stop(reader, WKV_JS_MISSING, reader->applied + 1, delivery->sequence - 1, NULL);
        return;
    }
    if (delivery->sequence <= reader->applied) {
        stop(reader, WKV_JS_DIFFERENT, delivery->sequence, delivery->sequence, NULL);
        return;
    }
    reader->applied = reader->overlap = delivery->sequence;
    reader->hooks.message(reader->hooks.context, delivery->sequence, delivery->time_ns, bytes);
}

static void take_message(struct wkv_js_reader *reader, const struct wkv_js_delivery *delivery,
                         const struct wkv_js_incoming *incoming, int64_t now_ns)
{
    /* A message of this consumer was lost on the way, or it was delivered by another consumer. */
    if (delivery->consumer_sequence != reader->consumer_sequence + 1 ||
        !wkv_text_is(delivery->stream, reader->stream)) {
        wkv_js_reader_renew(reader, now_ns);
        return;
    }
    know_consumer(reader, delivery->consumer);
    reader->consumer_sequence++;
    reader->pending = delivery->pending;
    if (reader->state == WKV_JS_OVERLAP)
        take_overlap(reader, delivery, incoming->bytes);
    else
        take_next(reader, delivery, incoming->bytes);
}

static void take_delivery(struct wkv_js_reader *reader, const struct wkv_js_incoming *incoming,
                          int64_t now_ns)
{
    struct wkv_js_delivery delivery;
    wkv_js_read_delivery(incoming, &delivery);
    if (delivery.answer_to.len > 0 && delivery.answer_to.len < WKV_SUBJECT_BYTES) {
        char subject[WKV_SUBJECT_BYTES];
        (void)snprintf(subject, sizeof subject, "%.*s", (int)delivery.answer_to.len, delivery.answer_to.data);
        reader->hooks.publish(reader->hooks.context, subject, NULL, "");
    }
    if (delivery.kind == WKV_JS_FOREIGN)
        return;
    reader->heard_ns = now_ns;
    if (delivery.kind == WKV_JS_MESSAGE)
        take_message(reader, &delivery, incoming, now_ns);
    else if (delivery.kind == WKV_JS_OTHER_STATUS ||
             (delivery.kind == WKV_JS_HEARTBEAT && delivery.consumer_sequence != reader->consumer_sequence))
        wkv_js_reader_renew(reader, now_ns);
}

/* The name of an earlier generation's consumer comes with the answer that it was asked for, and with what it
 * delivers. Much may still be on its way, and none of it is worth a request each. */
static void take_old_answer(struct wkv_js_reader *reader, const struct wkv_js_incoming *incoming)
{
    struct wkv_js_consumer consumer;
    struct wkv_js_refusal refusal;
    if (wkv_js_read_consumer(incoming->bytes, &consumer, &refusal) == WKV_JS_DONE)
        delete_consumer(reader, wkv_text_from(consumer.name));
}

static void take_old_delivery(struct wkv_js_reader *reader, const struct wkv_js_incoming *incoming,
                              int64_t now_ns)
{
    struct wkv_js_delivery delivery;
    if (now_ns - reader->deleted_ns < ASK_AGAIN_NS || !wkv_js_read_ack_subject(incoming->reply, &delivery) ||
        !wkv_text_is(delivery.stream, reader->stream))
        return;
    reader->deleted_ns = now_ns;
    delete_consumer(reader, delivery.consumer);
}

/* `<inbox>.a<generation>`. */
void wkv_js_reader_take(struct wkv_js_reader *reader, const struct wkv_js_incoming *incoming, int64_t now_ns)
{
    size_t prefix = strlen(reader->inbox);
    struct wkv_text subject = incoming->subject;
    uint64_t generation;
    if (subject.len < prefix + 3 || memcmp(subject.data, reader->inbox, prefix) != 0 ||
        subject.data[prefix + 1] != 'a')
        return;
    struct wkv_text token = {subject.data + prefix + 2, subject.len - prefix - 2};
    if (!wkv_text_decimal(token, UINT64_MAX, &generation) || generation > reader->generation)
        return;
    if (generation == reader->generation)
        take_answer(reader, incoming, now_ns);
    else
        take_old_answer(reader, incoming);
}

void wkv_js_reader_take_delivery(struct wkv_js_reader *reader, unsigned slot,
                                 const struct wkv_js_incoming *incoming, int64_t now_ns)
{
    if (slot != slot_of(reader)) {
        take_old_delivery(reader, incoming, now_ns);
        return;
    }
    /* The first deliveries may overtake the answer. */
    if (reader->state == WKV_JS_ASKING)
        note_consumer(reader, now_ns);
    if (reader->state == WKV_JS_OVERLAP || reader->state == WKV_JS_FOLLOWING)
        take_delivery(reader, incoming, now_ns);
}

/* When the state has lasted too long. */
static int64_t due_ns(const struct wkv_js_reader *reader)
{
    switch (reader->state) {
    case WKV_JS_ASKING:
        return reader->asked_ns +
               (ASK_AGAIN_NS << (reader->tries <= ASK_DOUBLINGS ? reader->tries - 1 : ASK_DOUBLINGS));
    case WKV_JS_OVERLAP: /* heartbeats come all the same */
        return reader->asked_ns + OVERLAP_NS;
    case WKV_JS_FOLLOWING:
        return reader->heard_ns + SILENCE_NS;
    case WKV_JS_IDLE:
    case WKV_JS_STOPPED:
        break;
    }
    return INT64_MAX;
}

int64_t wkv_js_reader_tick(struct wkv_js_reader *reader, int64_t now_ns)
{
    if (now_ns < due_ns(reader))
        return due_ns(reader);
    if (reader->state == WKV_JS_OVERLAP)
        stop(reader, WKV_JS_NO_OVERLAP, reader->overlap, reader->overlap, NULL);
    else
        ask(reader, now_ns);
    return due_ns(reader);
}
