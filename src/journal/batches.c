/* Tickets become records. What comes while records are under way shares the next one: the busier, the larger.
 *
 *   inbox ─► waiting ─► open batch ─► sealed ─► flight (at most 2) ─► settled by its own record: apply.c
 *                                                     └► not in time: 503 or 504
 */
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "journal/parts.h"
#include "operation/batch.h"
#include "replica/request.h"
#include "support/text.h"

/* "A turn's requests share a record up to 1,000 operations and max_payload − 1 KiB". */
#define MOST_OPERATIONS 1000u
#define RECORD_MARGIN ((size_t)1024)
/* Batches under way; a server that writes each message to its disk only makes more of them wait. */
#define MOST_IN_FLIGHT 2
/* A second batch goes out with so many operations, or after half the time of an append. */
#define SECOND_OPERATIONS 64u
/* Anybody may have a request refused, which then looks at the log: those alone have a record each so often.
 */
#define LOOKS_NS (20 * WKV_NS_PER_MS)
/* Requests that were never sent are given up together if they came within so long. */
#define TOGETHER_NS (100 * WKV_NS_PER_MS)

/* ---- one batch ---- */

static bool only_looks(const struct wkv_ticket *ticket)
{
    return ticket->way == WKV_WAY_READ || ticket->way == WKV_WAY_LOOK;
}

struct wkv_journal_batch *wkv_journal_batch_make(int64_t now_ns)
{
    struct wkv_journal_batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL)
        return NULL;
    wkv_tickets_init(&batch->tickets);
    batch->bindings = UINT64_MAX;
    batch->begun_ns = batch->oldest_ns = now_ns;
    atomic_init(&batch->left, 1);
    return batch;
}

void wkv_journal_batch_release(struct wkv_journal_batch *batch)
{
    if (atomic_fetch_sub_explicit(&batch->left, 1, memory_order_acq_rel) > 1)
        return;
    wkv_buffer_destroy(&batch->body);
    wkv_buffer_destroy(&batch->replies);
    for (struct wkv_journal_texts *texts = batch->texts, *next; texts != NULL; texts = next) {
        next = texts->next;
        free(texts);
    }
    free(batch);
}

/* ---- giving back ---- */

void wkv_journal_hand_back(struct wkv_journal *journal, struct wkv_ticket *ticket, enum wkv_way way)
{
    struct wkv_journal_part *part = ticket->part;
    (void)journal;
    ticket->way = way;
    (void)pthread_mutex_lock(&part->lock);
    wkv_tickets_add(&part->done, ticket);
    (void)pthread_mutex_unlock(&part->lock);
    part->to_wake = true;
}

void wkv_journal_refuse(struct wkv_journal *journal, struct wkv_ticket *ticket, enum wkv_code code,
                        const char *format, ...)
{
    char text[WKV_ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)wkv_command_fail(&ticket->command, ticket->error, code, "%s", text);
    wkv_journal_hand_back(journal, ticket, WKV_WAY_REFUSED);
}

/* ---- operations ---- */

static size_t room_of(const struct wkv_journal *journal)
{
    size_t most = wkv_loop_max_payload(&journal->loop);
    return most > RECORD_MARGIN + WKV_RECORD_BYTES ? most - RECORD_MARGIN - WKV_RECORD_BYTES : 0;
}

static void write_binding(const struct wkv_journal *journal, const struct wkv_bindings_wish *wish,
                          struct wkv_op *op)
{
    const struct wkv_policy_binding *claims = &wish->claims;
    op->code = wish->bound ? WKV_OP_BIND : WKV_OP_UNBIND;
    op->actor = wish->actor;
    if (!wish->bound)
        return;
    op->flags |= (wish->if_new ? WKV_OP_IF_NEW : 0) | (claims->signed_claims ? WKV_OP_SIGNED : 0) |
                 (claims->has_host ? WKV_OP_HOST : 0);
    /* The binding's own keyspace is number 0 by whatever it is named. */
    if (wish->keyspace.data != NULL && !wkv_text_is(wish->keyspace, journal->options.address->binding)) {
        op->flags |= WKV_OP_SPACE;
        op->space = wish->keyspace;
    }
    memcpy(op->host, claims->host, sizeof op->host);
    memcpy(op->issuer, claims->issuer, sizeof op->issuer);
    op->not_before_s = claims->not_before_s;
    op->expires_s = claims->expires_s;
}

/* The id is a digest of actor, operation and Nats-Msg-Id, as the note's key has them. */
static void write_once(const struct wkv_ticket *ticket, struct wkv_op *op)
{
    const struct wkv_once *once = &ticket->once;
    struct wkv_text name = once->keys[ticket->command.key_count].name;
    int64_t window_ms = once->window_ns / WKV_NS_PER_MS;
    op->flags |= WKV_OP_KEYED;
    (void)crypto_generichash(op->id, sizeof op->id, (const unsigned char *)name.data, name.len, NULL, 0);
    memcpy(op->payload, once->payload, sizeof op->payload);
    op->window_ms = window_ms < UINT32_MAX ? (uint32_t)window_ms : UINT32_MAX;
}

/* Writes what the ticket wants behind the body's end, and how many operations that are. */
static uint32_t write_operations(struct wkv_journal *journal, struct wkv_ticket *ticket,
                                 struct wkv_buffer *body)
{
    if (ticket->way == WKV_WAY_LOOK)
        return 0;
    const struct wkv_policy_note *note = ticket->note;
    struct wkv_op op = {.flags = 0};
    uint32_t count = 0;
    if (note != NULL && note->present) {
        struct wkv_op noted = {.code = WKV_OP_NOTE, .until_s = note->until_s};
        memcpy(noted.host, note->host, sizeof noted.host);
        memcpy(noted.id, note->id, sizeof noted.id);
        wkv_op_write(&noted, body);
        op.flags = WKV_OP_NOTED;
        count++;
    }
    if (ticket->way == WKV_WAY_READ)
        return count;
    wkv_buffer_reset(&journal->scratch, (size_t)256 * 1024);
    if (ticket->way == WKV_WAY_BINDING)
        write_binding(journal, ticket->plan, &op);
    else if (!wkv_replica_write_request(&ticket->command, &ticket->limits, &journal->scratch, &op))
        body->failed = true;
    if (ticket->way == WKV_WAY_WRITE && ticket->once.keys != NULL)
        write_once(ticket, &op);
    wkv_op_write(&op, body);
    return count + 1;
}

enum added { ADDED, IS_FULL, NOT_ADDED };

/* Adds the ticket to the batch, if it fits. */
static enum added add(struct wkv_journal *journal, struct wkv_journal_batch *batch, struct wkv_ticket *ticket)
{
    size_t before = batch->body.len;
    if (batch->operations + 2 > MOST_OPERATIONS)
        return IS_FULL;
    uint32_t count = write_operations(journal, ticket, &batch->body);
    bool fits = batch->body.len <= room_of(journal);
    if (batch->body.failed || !fits) {
        bool failed = batch->body.failed;
        batch->body.len = before;
        batch->body.failed = false;
        if (!failed && before > 0)
            return IS_FULL;
        if (failed)
            wkv_journal_refuse(journal, ticket, WKV_NO_MEMORY, "no memory for the request; try again later");
        else
            wkv_journal_refuse(
                journal, ticket, WKV_TOO_LARGE,
                "the request is too large for the log: key and value together have at most %zu "
                "bytes with this server's max_payload",
                room_of(journal));
        return NOT_ADDED;
    }
    ticket->index = count == 0 ? WKV_NO_INDEX : batch->operations + count - 1;
    batch->operations += count;
    batch->requests += !only_looks(ticket);
    batch->looks += ticket->way == WKV_WAY_LOOK;
    batch->bindings = ticket->mark < batch->bindings ? ticket->mark : batch->bindings;
    batch->oldest_ns = ticket->now_ns < batch->oldest_ns ? ticket->now_ns : batch->oldest_ns;
    ticket->batch = batch;
    atomic_fetch_add_explicit(&batch->left, 1, memory_order_relaxed);
    wkv_tickets_add(&batch->tickets, ticket);
    return ADDED;
}

/* Returns false where the open batch has no room for the next: it is to go first. */
static bool fill(struct wkv_journal *journal, int64_t now_ns)
{
    while (journal->waiting.first != NULL) {
        if (journal->open == NULL && (journal->open = wkv_journal_batch_make(now_ns)) == NULL)
            return true;
        struct wkv_ticket *next = journal->waiting.first->next;
        struct wkv_ticket *ticket = journal->waiting.first;
        if (ticket->way == WKV_WAY_DIGEST) {
            (void)wkv_tickets_take(&journal->waiting);
            wkv_journal_begin_digest(journal, ticket, now_ns);
            continue;
        }
        enum added added = add(journal, journal->open, ticket);
        if (added == IS_FULL)
            return false;
        journal->waiting.first = next;
        journal->waiting.count--;
        if (next == NULL)
            journal->waiting.end = &journal->waiting.first;
    }
    return true;
}

/* ---- sealing ---- */

static int64_t log_deadline(const struct wkv_journal *journal, int64_t now_ns)
{
    int64_t since = now_ns - journal->applied_ns;
    return wkv_replica_now(journal->replica) + (since > 0 ? since : 0) +
           journal->options.write_timeout_ns / 4 * 3;
}

/* Sends a batch for the first time. Returns false where it has to wait. */
static bool seal(struct wkv_journal *journal, struct wkv_journal_batch *batch,
                 const struct wkv_flight_batch *fence, int64_t now_ns)
{
    struct wkv_record record = {
        .kind = WKV_RECORD_BATCH,
        .bindings = batch->bindings == UINT64_MAX ? wkv_replica_bindings(journal->replica) : batch->bindings,
        .operations = batch->operations,
        .body = {batch->body.data, batch->body.len}};
    wkv_journal_sign(journal, &record);
    if (fence == NULL)
        record.deadline_ns = log_deadline(journal, now_ns);
    struct wkv_flight_batch *flown = wkv_flight_open(&journal->flight, &record, fence, now_ns, batch);
    if (flown == NULL)
        return false;
    /* Its time is that of the oldest request in it. */
    flown->opened_ns = batch->oldest_ns < now_ns ? batch->oldest_ns : now_ns;
    if (!wkv_record_write(&record, &journal->key, &flown->bytes)) {
        flown->bytes.len = 0; /* it will be given up, never sent */
        return true;
    }
    wkv_journal_publish(journal, (struct wkv_text){flown->bytes.data, flown->bytes.len});
    wkv_flight_sent(flown, now_ns);
    batch->sent_ns = now_ns;
    journal->figures.appends++;
    journal->figures.operations += batch->requests;
    return true;
}

static bool has_only_looks(const struct wkv_journal_batch *batch)
{
    return batch->looks == batch->tickets.count;
}

static bool is_due(const struct wkv_journal *journal, bool full, int64_t now_ns)
{
    const struct wkv_journal_batch *open = journal->open;
    if (open == NULL || open->tickets.count == 0 || journal->flight.count >= MOST_IN_FLIGHT)
        return false;
    if (has_only_looks(open) && now_ns - journal->looked_ns < LOOKS_NS)
        return false;
    return journal->flight.count == 0 || full || open->tickets.count >= SECOND_OPERATIONS ||
           now_ns - open->begun_ns >= journal->append_ns / 2;
}

void wkv_journal_tick(struct wkv_journal *journal, int64_t now_ns)
{
    struct wkv_journal_batch *batch = wkv_journal_batch_make(now_ns);
    if (batch != NULL && !seal(journal, batch, NULL, now_ns))
        wkv_journal_batch_release(batch);
}

/* ---- what is not in time ---- */

static void give_up_batch(struct wkv_journal *journal, struct wkv_journal_batch *batch, enum wkv_code code)
{
    int64_t ms = journal->options.write_timeout_ns / WKV_NS_PER_MS;
    struct wkv_ticket *ticket;
    while ((ticket = wkv_tickets_take(&batch->tickets)) != NULL) {
        if (code == WKV_UNKNOWN_FATE && !only_looks(ticket))
            wkv_journal_refuse(
                journal, ticket, code,
                "the log has not confirmed it within %" PRId64
                " ms (--write-timeout), and whether it was done is not known: it may still be; "
                "ask before you repeat it, or repeat it with the same Nats-Msg-Id",
                ms);
        else
            wkv_journal_refuse(journal, ticket, WKV_UNAVAILABLE,
                               "the log has not taken it within %" PRId64
                               " ms (--write-timeout), and nothing was changed; send the request again",
                               ms);
    }
    wkv_journal_batch_release(batch);
}

static void refuse_unsent(struct wkv_journal *journal, struct wkv_ticket *ticket)
{
    wkv_journal_refuse(journal, ticket, WKV_UNAVAILABLE,
                       "the log takes nothing now, and nothing was changed; send the request again");
}

static void give_up_waiting(struct wkv_journal *journal, int64_t before_ns)
{
    struct wkv_tickets kept, *waiting = &journal->waiting;
    struct wkv_ticket *ticket;
    if (waiting->first == NULL || waiting->first->now_ns > before_ns)
        return;
    wkv_tickets_init(&kept);
    while ((ticket = wkv_tickets_take(waiting)) != NULL) {
        if (ticket->now_ns > before_ns)
            wkv_tickets_add(&kept, ticket);
        else
            refuse_unsent(journal, ticket);
    }
    wkv_tickets_move(waiting, &kept);
}

/* What is left of the batch waits again, in front, to be written anew: so those that are nearly as old go
 * with the oldest. */
static void give_up_open(struct wkv_journal *journal, int64_t before_ns)
{
    struct wkv_journal_batch *open = journal->open;
    struct wkv_tickets kept;
    struct wkv_ticket *ticket;
    if (open == NULL || open->tickets.count == 0 || open->oldest_ns > before_ns)
        return;
    wkv_tickets_init(&kept);
    while ((ticket = wkv_tickets_take(&open->tickets)) != NULL) {
        if (ticket->now_ns <= before_ns + TOGETHER_NS) {
            refuse_unsent(journal, ticket);
            continue;
        }
        ticket->batch = NULL;
        wkv_journal_batch_release(open);
        wkv_tickets_add(&kept, ticket);
    }
    wkv_journal_batch_release(open);
    journal->open = NULL;
    wkv_tickets_move(&kept, &journal->waiting);
    wkv_tickets_move(&journal->waiting, &kept);
}

static int64_t unsent_ns(const struct wkv_journal *journal)
{
    return journal->options.write_timeout_ns / 4 * 3;
}

/* What was never sent is not sent any more after ¾ of its time: nothing was changed. */
static void give_up_unsent(struct wkv_journal *journal, int64_t now_ns)
{
    give_up_open(journal, now_ns - unsent_ns(journal));
    give_up_waiting(journal, now_ns - unsent_ns(journal));
}

static struct wkv_flight_known known(const struct wkv_journal *journal)
{
    return (struct wkv_flight_known){.floor = wkv_replica_floor(journal->replica, journal->flight.writer),
                                     .log_now_ns = wkv_replica_now(journal->replica)};
}

static void send_again(struct wkv_journal *journal, struct wkv_flight_batch *flown, int64_t now_ns)
{
    if (flown->bytes.len == 0) { /* there was no memory for its record */
        flown->sent_ns = now_ns;
        return;
    }
    wkv_flight_sent(flown, now_ns);
    wkv_journal_publish(journal, (struct wkv_text){flown->bytes.data, flown->bytes.len});
    journal->figures.resends++;
}

static void fence(struct wkv_journal *journal, const struct wkv_flight_batch *flown, int64_t now_ns)
{
    struct wkv_journal_batch *batch = wkv_journal_batch_make(now_ns);
    if (batch != NULL && !seal(journal, batch, flown, now_ns))
        wkv_journal_batch_release(batch);
}

/* sends: there is a connection. */
static void do_what_is_due(struct wkv_journal *journal, bool sends, int64_t now_ns)
{
    struct wkv_flight_batch *flown;
    enum wkv_code code;
    enum wkv_flight_task task;
    const struct wkv_flight_known what = known(journal);
    while ((task = wkv_flight_due(&journal->flight, &what, now_ns, &flown, &code)) != WKV_FLIGHT_NOTHING) {
        if (task == WKV_FLIGHT_GIVE_UP) {
            give_up_batch(journal, flown->work, code);
            wkv_flight_free(flown);
        } else if (!sends) {
            flown->sent_ns = now_ns; /* asked again in a moment */
        } else if (task == WKV_FLIGHT_SEND) {
            send_again(journal, flown, now_ns);
        } else {
            fence(journal, flown, now_ns);
        }
    }
}

void wkv_journal_give_up(struct wkv_journal *journal, int64_t now_ns)
{
    if (journal->join != 0)
        do_what_is_due(journal, false, now_ns);
    give_up_unsent(journal, now_ns);
}

void wkv_journal_answer_all(struct wkv_journal *journal)
{
    struct wkv_flight_batch *flown;
    struct wkv_ticket *ticket;
    wkv_journal_drop_settled(journal);
    if (journal->join != 0)
        while ((flown = wkv_flight_take(&journal->flight)) != NULL) {
            give_up_batch(journal, flown->work, flown->sent ? WKV_UNKNOWN_FATE : WKV_UNAVAILABLE);
            wkv_flight_free(flown);
        }
    if (journal->open != NULL)
        give_up_batch(journal, journal->open, WKV_UNAVAILABLE);
    journal->open = NULL;
    wkv_journal_end_digests(journal);
    while ((ticket = wkv_tickets_take(&journal->waiting)) != NULL)
        wkv_journal_refuse(journal, ticket, WKV_UNAVAILABLE,
                           "this instance reads the log anew; send the request again");
}

/* ---- wishes ---- */

static struct wkv_journal_wish *take_all(struct wkv_journal *journal)
{
    struct wkv_journal_wish *first = NULL, *last;
    (void)pthread_mutex_lock(&journal->inbox_lock);
    last = journal->wishes;
    journal->wishes = NULL;
    (void)pthread_mutex_unlock(&journal->inbox_lock);
    for (struct wkv_journal_wish *next; last != NULL; last = next) {
        next = last->next;
        last->next = first;
        first = last;
    }
    return first;
}

/* Many share a record, since each that changes something voids what is under way. */
void wkv_journal_take_wishes(struct wkv_journal *journal, int64_t now_ns)
{
    struct wkv_journal_wish *wishes = take_all(journal);
    while (wishes != NULL) {
        struct wkv_journal_batch *batch = wkv_journal_batch_make(now_ns);
        for (; wishes != NULL && (batch == NULL || batch->operations < MOST_OPERATIONS);) {
            struct wkv_journal_wish *next = wishes->next;
            struct wkv_op op = {.flags = 0};
            write_binding(journal, &wishes->wish, &op);
            if (batch != NULL) {
                wkv_op_write(&op, &batch->body);
                batch->operations++;
            }
            free(wishes);
            wishes = next;
        }
        if (batch != NULL && (batch->body.failed || !seal(journal, batch, NULL, now_ns)))
            wkv_journal_batch_release(batch);
    }
}

/* ---- a turn ---- */

static int64_t sooner(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

/* When something is due next. */
static int64_t next_ns(const struct wkv_journal *journal)
{
    const struct wkv_journal_batch *open = journal->open;
    int64_t due_ns = wkv_flight_due_at(&journal->flight);
    if (journal->waiting.first != NULL)
        due_ns = sooner(due_ns, journal->waiting.first->now_ns + unsent_ns(journal));
    if (open == NULL || open->tickets.count == 0)
        return due_ns;
    int64_t seal_ns = open->begun_ns + journal->append_ns / 2;
    if (has_only_looks(open) && seal_ns < journal->looked_ns + LOOKS_NS)
        seal_ns = journal->looked_ns + LOOKS_NS;
    if (journal->flight.count < MOST_IN_FLIGHT)
        due_ns = sooner(due_ns, seal_ns);
    return sooner(due_ns, open->oldest_ns + unsent_ns(journal));
}

int64_t wkv_journal_propose(struct wkv_journal *journal, int64_t now_ns)
{
    bool full;
    do_what_is_due(journal, true, now_ns);
    give_up_unsent(journal, now_ns);
    do {
        full = !fill(journal, now_ns);
        if (!is_due(journal, full, now_ns) || !seal(journal, journal->open, NULL, now_ns))
            break;
        if (has_only_looks(journal->open))
            journal->looked_ns = now_ns;
        journal->open = NULL;
    } while (full || journal->waiting.first != NULL);
    return next_ns(journal);
}
