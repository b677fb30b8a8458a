/* The log's thread: what comes, what is sent, and its turns. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/parts.h"
#include "support/text.h"

/* "BEATs come each second." */
#define BEAT_NS WKV_NS_PER_S
/* "A TICK: whoever has seen nothing for 100 ms + 0–50": so long keys whose time is over may be late. */
#define TICK_NS (100 * WKV_NS_PER_MS)
#define TICK_SPREAD_NS (50 * WKV_NS_PER_MS)
/* The store's upkeep, in slices. */
#define UPKEEP_NS (10 * WKV_NS_PER_MS)
#define UPKEEP_STEPS 32u
/* A farewell is said again until it has come back. */
#define FAREWELL_AGAIN_NS (100 * WKV_NS_PER_MS)
/* "Ack has seq > applied for 300 ms → a new consumer." */
#define ACKED_NS (300 * WKV_NS_PER_MS)

#define TELL_REFUSAL_NS (5 * WKV_NS_PER_S)

/* ---- sending ---- */

static void send_plain(struct wkv_journal *journal, const struct wkv_js_outgoing *outgoing)
{
    natsConnection *connection = journal->loop.link.connection;
    const void *data = outgoing->bytes.data;
    int len = (int)outgoing->bytes.len;
    (void)(outgoing->reply == NULL
               ? natsConnection_Publish(connection, outgoing->subject, data, len)
               : natsConnection_PublishRequest(connection, outgoing->subject, outgoing->reply, data, len));
}

static void send_with_header(struct wkv_journal *journal, const struct wkv_js_outgoing *outgoing)
{
    natsMsg *message = NULL;
    natsStatus status = natsMsg_Create(&message, outgoing->subject, outgoing->reply, outgoing->bytes.data,
                                       (int)outgoing->bytes.len);
    if (status == NATS_OK)
        status = natsMsgHeader_Set(message, outgoing->header, outgoing->value);
    if (status == NATS_OK)
        (void)natsConnection_PublishMsg(journal->loop.link.connection, message);
    if (message != NULL)
        wkv_loop_retire(&journal->loop, message);
}

/* What cannot be sent is asked or sent again by whoever waits for it. */
void wkv_journal_send(void *context, const struct wkv_js_outgoing *outgoing)
{
    struct wkv_journal *journal = context;
    if (journal->loop.link.connection == NULL || !atomic_load(&journal->loop.link.up))
        return;
    journal->loop.sending.unsent_bytes += outgoing->bytes.len;
    if (outgoing->header == NULL)
        send_plain(journal, outgoing);
    else
        send_with_header(journal, outgoing);
}

static void send_text(void *journal, const char *subject, const char *reply, const char *text)
{
    const struct wkv_js_outgoing outgoing = {
        .subject = subject, .reply = reply, .bytes = {text, strlen(text)}};
    wkv_journal_send(journal, &outgoing);
}

/* The server's answer comes to `<inbox>.p<what was applied then>`. */
void wkv_journal_publish(struct wkv_journal *journal, struct wkv_text record)
{
    char reply[WKV_SUBJECT_BYTES + 24];
    (void)snprintf(reply, sizeof reply, "%s.p%" PRIu64, journal->inbox,
                   wkv_replica_applied(journal->replica));
    const struct wkv_js_outgoing outgoing = {
        .subject = journal->names.log_subject, .reply = reply, .bytes = record};
    wkv_journal_send(journal, &outgoing);
}

void wkv_journal_sign(struct wkv_journal *journal, struct wkv_record *record)
{
    record->format = wkv_replica_format(journal->replica);
    record->writer = journal->join == 0 ? 0 : wkv_record_writer(journal->join, 0);
    record->seen = wkv_replica_applied(journal->replica);
    if (!wkv_replica_chain(journal->replica, record->seen, &record->chain))
        record->chain = 0;
}

void wkv_journal_append(struct wkv_journal *journal, enum wkv_record_kind kind,
                        const union wkv_record_body *body)
{
    struct wkv_record record = {.kind = kind};
    wkv_journal_sign(journal, &record);
    wkv_buffer_reset(&journal->record, (size_t)64 * 1024);
    if (wkv_record_write_body(&record, body, &journal->key, &journal->record))
        wkv_journal_publish(journal, (struct wkv_text){journal->record.data, journal->record.len});
}

static void append_leave(struct wkv_journal *journal, uint64_t writer)
{
    struct wkv_record record = {.kind = WKV_RECORD_LEAVE};
    wkv_journal_sign(journal, &record);
    record.writer = writer;
    wkv_buffer_reset(&journal->record, (size_t)64 * 1024);
    if (wkv_record_write(&record, &journal->key, &journal->record))
        wkv_journal_publish(journal, (struct wkv_text){journal->record.data, journal->record.len});
}

/* ---- what comes ---- */

/* A number behind a name in an answer's JSON: the answers to appends come by the thousand. */
static bool number_in(struct wkv_text json, const char *name, uint64_t *number)
{
    const char *found = json.len == 0 ? NULL : memmem(json.data, json.len, name, strlen(name));
    if (found == NULL)
        return false;
    const char *at = found + strlen(name), *end = json.data + json.len;
    for (*number = 0; at < end && *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(*number, UINT64_C(10), number) ||
            __builtin_add_overflow(*number, (uint64_t)(*at - '0'), number))
            return false;
    return at > found + strlen(name);
}

static void tell_refusal(struct wkv_journal *journal, struct wkv_text answer, int64_t now_ns)
{
    struct wkv_js_ack ack;
    struct wkv_js_refusal refusal = {.number = 0};
    if (wkv_journal_may_tell(journal, WKV_TOLD_REFUSAL, TELL_REFUSAL_NS, now_ns) &&
        wkv_js_read_ack(answer, &ack, &refusal) == WKV_JS_REFUSED)
        wkv_log_warn(journal->options.log, "the log %s refuses a record: %s (%d)", journal->names.log_stream,
                     refusal.text, refusal.number);
}

/* A refusal is no answer: the record may be there all the same (DESIGN, 3.4). */
static void take_ack(struct wkv_journal *journal, const struct wkv_js_incoming *incoming,
                     struct wkv_text number, int64_t now_ns)
{
    uint64_t sequence, applied_then;
    if (!wkv_text_decimal(number, UINT64_MAX, &applied_then) || incoming->bytes.len == 0)
        return;
    if (memmem(incoming->bytes.data, incoming->bytes.len, "\"error\"", 7) != NULL) {
        tell_refusal(journal, incoming->bytes, now_ns);
        return;
    }
    if (!number_in(incoming->bytes, "\"seq\":", &sequence))
        return;
    if (sequence <= applied_then) {
        wkv_journal_doubt(journal, WKV_JS_DIFFERENT, sequence, applied_then, NULL);
        return;
    }
    if (sequence > journal->acked) {
        if (journal->acked <= wkv_replica_applied(journal->replica))
            journal->acked_ns = now_ns;
        journal->acked = sequence;
    }
}

static void on_message(struct wkv_loop *loop, void *context, natsMsg *message)
{
    struct wkv_journal *journal = context;
    struct wkv_js_incoming incoming;
    int64_t now_ns = wkv_loop_begun_ns(loop);
    size_t prefix = strlen(journal->inbox) + 1;
    wkv_js_incoming_of(message, &incoming);
    if (incoming.subject.len <= prefix)
        return;
    struct wkv_text token = {incoming.subject.data + prefix, incoming.subject.len - prefix};
    (void)pthread_mutex_lock(&journal->lock);
    if (token.data[0] == 'p' && journal->replica != NULL)
        take_ack(journal, &incoming, (struct wkv_text){token.data + 1, token.len - 1}, now_ns);
    else if (!wkv_js_requests_take(&journal->requests, &incoming))
        wkv_js_reader_take(&journal->reader, &incoming, now_ns);
    (void)pthread_mutex_unlock(&journal->lock);
}

static void on_unheard(void *context)
{
    struct wkv_journal *journal = context;
    (void)pthread_mutex_lock(&journal->lock);
    if (wkv_journal_at(journal) == WKV_JOURNAL_OPENING)
        wkv_js_requests_unheard(&journal->requests);
    (void)pthread_mutex_unlock(&journal->lock);
}

static void on_delivery(struct wkv_loop *loop, void *context, natsMsg *message)
{
    const struct wkv_journal_slot *slot = context;
    struct wkv_journal *journal = slot->journal;
    struct wkv_js_incoming incoming;
    wkv_js_incoming_of(message, &incoming);
    (void)pthread_mutex_lock(&journal->lock);
    wkv_js_reader_take_delivery(&journal->reader, slot->number, &incoming, wkv_loop_begun_ns(loop));
    (void)pthread_mutex_unlock(&journal->lock);
}

/* ---- turns ---- */

static int64_t soonest(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

static void take_tickets(struct wkv_journal *journal)
{
    (void)pthread_mutex_lock(&journal->inbox_lock);
    wkv_tickets_move(&journal->waiting, &journal->inbox_tickets);
    (void)pthread_mutex_unlock(&journal->inbox_lock);
}

/* What is taken of the budget, and what it has left for a request. */
static uint32_t permille(struct wkv_journal *journal, uint64_t bytes)
{
    uint64_t most = journal->options.max_memory_bytes;
    bool bounded = most > 0 && most <= INT64_MAX && bytes <= INT64_MAX;
    atomic_store_explicit(&journal->room, bounded ? (int64_t)most - (int64_t)bytes : INT64_MAX,
                          memory_order_relaxed);
    if (most == 0)
        return 0;
    long double share = (long double)bytes * 1000 / (long double)most;
    return share > 1000000 ? 1000000 : (uint32_t)share;
}

static void beat(struct wkv_journal *journal, int64_t now_ns)
{
    struct wkv_store_stats stats;
    uint64_t bytes = wkv_replica_bytes(journal->replica);
    wkv_store_stats(wkv_replica_store(journal->replica), &stats);
    union wkv_record_body body = {.beat = {.bytes = bytes,
                                           .keys = stats.keys,
                                           .permille = permille(journal, bytes),
                                           .least = WKV_RECORD_FIRST_FORMAT,
                                           .most = WKV_RECORD_FORMAT}};
    journal->beat_ns = now_ns;
    journal->own_permille = body.beat.permille;
    wkv_journal_admit(journal);
    if (journal->beat_sent_ns == 0)
        journal->beat_sent_ns = now_ns;
    wkv_journal_append(journal, WKV_RECORD_BEAT, &body);
}

/* What others say of themselves comes once a second: what is ours is looked at as it grows. */
#define WEIGHED_SHARE 256u

static void weigh(struct wkv_journal *journal, int64_t now_ns)
{
    uint64_t budget = journal->options.max_memory_bytes, since = journal->applied_bytes - journal->weighed_at;
    bool was_full = journal->own_permille >= 1000;
    if (budget == 0 || since == 0 || (!was_full && since < budget / WEIGHED_SHARE))
        return;
    journal->weighed_at = journal->applied_bytes;
    journal->own_permille = permille(journal, wkv_replica_bytes(journal->replica));
    wkv_journal_admit(journal);
    if (was_full ? journal->own_permille < WKV_REPLICA_ADMIT_PERMILLE : journal->own_permille >= 1000)
        beat(journal, now_ns);
}

/* Keeps log time going. */
static int64_t keep_time(struct wkv_journal *journal, int64_t now_ns)
{
    int64_t spread_ns = (int64_t)(journal->join % 16) * (TICK_SPREAD_NS / 16);
    int64_t tick_ns = journal->applied_ns + TICK_NS + spread_ns;
    if (now_ns - journal->beat_ns >= BEAT_NS)
        beat(journal, now_ns);
    if (now_ns >= tick_ns && journal->flight.count == 0) {
        wkv_journal_tick(journal, now_ns);
        tick_ns = now_ns + TICK_NS;
    }
    return soonest(journal->beat_ns + BEAT_NS, tick_ns < now_ns ? now_ns + TICK_NS : tick_ns);
}

static int64_t maintain(struct wkv_journal *journal, int64_t now_ns)
{
    if (now_ns - journal->maintained_ns >= UPKEEP_NS) {
        bool more = wkv_replica_maintain(journal->replica, UPKEEP_STEPS);
        journal->maintained_ns = more ? 0 : now_ns;
        journal->changed = true;
    }
    return journal->maintained_ns + UPKEEP_NS;
}

static int64_t watch_acks(struct wkv_journal *journal, int64_t now_ns)
{
    if (journal->acked <= wkv_replica_applied(journal->replica))
        return INT64_MAX;
    if (now_ns - journal->acked_ns >= ACKED_NS) {
        journal->acked_ns = now_ns;
        wkv_js_reader_renew(&journal->reader, now_ns);
    }
    return journal->acked_ns + ACKED_NS;
}

/* An instance that nothing has been heard of for long is gone: its writer does nothing any more. What is
 * under way may be in the log from before. */
static bool rejoins(struct wkv_journal *journal)
{
    if (wkv_replica_floor(journal->replica, wkv_record_writer(journal->join, 0)) != 0)
        return false;
    wkv_log_warn(journal->options.log, "this instance was taken for dead, and joins the log anew");
    wkv_journal_answer_all(journal);
    journal->join = 0;
    journal->beat_sent_ns = 0;
    wkv_snapshots_join(&journal->snapshots, 0);
    wkv_journal_move(journal, WKV_JOURNAL_JOINING);
    return true;
}

/* A JOIN that was sent again, since the first had not come back in time, made another member of this
 * instance. Nothing would be heard of it, and what waits for all members, such as a newer format, would wait
 * for it. */
static void take_back_join(struct wkv_journal *journal, int64_t now_ns)
{
    uint64_t writer = wkv_record_writer(journal->spare_join, 0);
    if (journal->spare_join == 0 || now_ns - journal->spare_ns < FAREWELL_AGAIN_NS)
        return;
    if (wkv_replica_floor(journal->replica, writer) == 0)
        journal->spare_join = 0;
    else
        append_leave(journal, writer);
    journal->spare_ns = now_ns;
}

static int64_t serve(struct wkv_journal *journal, int64_t now_ns)
{
    if (rejoins(journal))
        return now_ns;
    take_back_join(journal, now_ns);
    wkv_journal_take_wishes(journal, now_ns);
    weigh(journal, now_ns);
    int64_t next_ns = wkv_journal_propose(journal, now_ns);
    next_ns = soonest(next_ns, keep_time(journal, now_ns));
    next_ns = soonest(next_ns, watch_acks(journal, now_ns));
    next_ns = soonest(next_ns, wkv_journal_measure(journal, now_ns));
    next_ns = soonest(next_ns, wkv_journal_ask_digests(journal, now_ns));
    next_ns = soonest(next_ns, wkv_snapshots_tick(&journal->snapshots, now_ns));
    return soonest(next_ns, maintain(journal, now_ns));
}

/* Who has said farewell says nothing more: it would be taken for dead when that is applied, join anew, and be
 * a member that nobody hears of for ten minutes. */
static int64_t leave(struct wkv_journal *journal, int64_t now_ns)
{
    uint64_t writer = wkv_record_writer(journal->join, 0);
    if (journal->join == 0 || wkv_replica_floor(journal->replica, writer) == 0) {
        atomic_store(&journal->gone, true);
    } else if (journal->left_ns == 0 || now_ns - journal->left_ns >= FAREWELL_AGAIN_NS) {
        journal->left_ns = now_ns;
        append_leave(journal, writer);
    }
    wkv_journal_give_up(journal, now_ns);
    return now_ns + FAREWELL_AGAIN_NS;
}

static int64_t turn(struct wkv_journal *journal, int64_t now_ns)
{
    int64_t next_ns = INT64_MAX;
    if (atomic_exchange(&journal->reconnected, false))
        wkv_journal_connected(journal, now_ns);
    take_tickets(journal);
    switch (wkv_journal_at(journal)) {
    case WKV_JOURNAL_CONNECTING:
    case WKV_JOURNAL_OPENING:
    case WKV_JOURNAL_RECOVERING:
        next_ns = wkv_journal_recover(journal, now_ns);
        break;
    case WKV_JOURNAL_JOINING:
        next_ns = soonest(wkv_journal_recover(journal, now_ns), watch_acks(journal, now_ns));
        wkv_journal_give_up(journal, now_ns); /* what came before it had to join anew */
        break;
    case WKV_JOURNAL_READY:
        next_ns = atomic_load(&journal->leaves) ? leave(journal, now_ns) : serve(journal, now_ns);
        break;
    case WKV_JOURNAL_AGAIN:
    case WKV_JOURNAL_FAILED:
        wkv_journal_answer_all(journal);
        return INT64_MAX;
    }
    next_ns = soonest(next_ns, wkv_js_requests_tick(&journal->requests, now_ns));
    next_ns = soonest(next_ns, wkv_js_reader_tick(&journal->reader, now_ns));
    return soonest(next_ns, wkv_journal_doubts(journal, now_ns));
}

void wkv_journal_wake(struct wkv_journal *journal)
{
    struct wkv_journal_part *part;
    LIST_FOREACH(part, &journal->parts, next)
    if (part->to_wake) {
        part->to_wake = false;
        part->wake.call(part->wake.context);
    }
}

static int64_t after_turn(void *context)
{
    struct wkv_journal *journal = context;
    (void)pthread_mutex_lock(&journal->lock);
    int64_t now_ns = wkv_monotonic_ns();
    int64_t next_ns = turn(journal, now_ns);
    bool changed = journal->changed;
    journal->changed = false;
    wkv_journal_wake(journal);
    (void)pthread_mutex_unlock(&journal->lock);
    if (changed)
        journal->options.changed(journal->options.context);
    return next_ns;
}

/* Requests still come while there is no connection, and are not to wait for one without end. */
void wkv_journal_look(struct wkv_journal *journal)
{
    if (pthread_mutex_trylock(&journal->lock) != 0)
        return;
    int64_t now_ns = wkv_monotonic_ns();
    if (wkv_journal_at(journal) == WKV_JOURNAL_READY && !wkv_loop_is_confirmed(&journal->loop)) {
        take_tickets(journal);
        wkv_journal_give_up(journal, now_ns);
        wkv_journal_wake(journal);
    }
    (void)pthread_mutex_unlock(&journal->lock);
}

static enum wkv_code listen_to_slot(struct wkv_journal *journal, unsigned number, struct wkv_error *error)
{
    char subject[WKV_SUBJECT_BYTES + 16];
    journal->slots[number] = (struct wkv_journal_slot){journal, number};
    (void)snprintf(subject, sizeof subject, "%s.d.%u", journal->inbox, number);
    const struct wkv_listen listen = {
        .subject = subject, .handle = on_delivery, .context = &journal->slots[number], .delivered = true};
    return wkv_loop_listen(&journal->loop, &listen, error);
}

enum wkv_code wkv_journal_listen(struct wkv_journal *journal, struct wkv_error *error)
{
    char subject[WKV_SUBJECT_BYTES + 2];
    static const struct wkv_js_reader_hooks none = {.context = NULL};
    struct wkv_js_reader_hooks hooks = none;
    (void)snprintf(subject, sizeof subject, "%s.*", journal->inbox);
    hooks.publish = send_text;
    hooks.message = wkv_journal_feed;
    hooks.is_known = wkv_journal_is_last;
    hooks.trouble = wkv_journal_doubt;
    hooks.context = journal;
    wkv_js_requests_init(&journal->requests, journal->inbox, wkv_journal_send, journal);
    wkv_js_reader_init(&journal->reader, journal->names.log_stream, journal->options.domain, journal->inbox,
                       &hooks);
    wkv_loop_call_after_turns(&journal->loop, after_turn, journal, 1);
    const struct wkv_listen listen = {
        .subject = subject, .handle = on_message, .unheard = on_unheard, .context = journal};
    enum wkv_code code = wkv_loop_listen(&journal->loop, &listen, error);
    for (unsigned i = 0; code == WKV_OK && i < WKV_JS_READER_SLOTS; i++)
        code = listen_to_slot(journal, i, error);
    return code;
}
