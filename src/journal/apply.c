/* Records come back: what they come to goes to the tickets that wait for it, to the bindings and the figures.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "journal/parts.h"
#include "operation/batch.h"
#include "support/text.h"

/* What is here was in the log so long before it may be called stale: "at most 3 s stale". */
#define FRESH_NS (3 * WKV_NS_PER_S)
#define TELL_FOREIGN_NS (60 * WKV_NS_PER_S)

/* ---- a batch ---- */

static void count_verdict(struct wkv_journal_figures *figures, enum wkv_verdict verdict)
{
    figures->voids_late += verdict == WKV_VERDICT_LATE;
    figures->voids_bindings += verdict == WKV_VERDICT_BINDINGS;
    figures->voids_again += verdict == WKV_VERDICT_AGAIN;
    figures->voids_gone += verdict == WKV_VERDICT_GONE;
}

static void note_append(struct wkv_journal *journal, const struct wkv_journal_batch *batch)
{
    int64_t took_ns = wkv_monotonic_ns() - batch->sent_ns;
    if (batch->sent_ns == 0 || took_ns < 0)
        return;
    journal->append_ns = journal->append_ns == 0 ? took_ns : (7 * journal->append_ns + took_ns) / 8;
    journal->samples[journal->sample_count++ % WKV_JOURNAL_SAMPLES] = took_ns;
}

static void note_fresh(struct wkv_journal *journal, int64_t sent_ns)
{
    int64_t until_ns = sent_ns + FRESH_NS;
    if (sent_ns != 0 && until_ns > atomic_load_explicit(&journal->fresh_until_ns, memory_order_relaxed))
        atomic_store_explicit(&journal->fresh_until_ns, until_ns, memory_order_release);
}

static bool on_batch(void *context, const struct wkv_replica_batch *applied)
{
    struct wkv_journal *journal = context;
    struct wkv_flight_batch *flown = NULL;
    count_verdict(&journal->figures, applied->verdict);
    wkv_journal_prove_hole(journal, applied->record);
    journal->changed = true;
    wkv_snapshots_count_operations(&journal->snapshots, applied->record->operations);
    if (journal->join == 0 || journal->settled != NULL)
        return false;
    journal->settled_as = wkv_flight_settle(&journal->flight, applied, &flown);
    if (journal->settled_as == WKV_FLIGHT_GOES_ON)
        return false;
    journal->settled = flown->work;
    wkv_flight_free(flown);
    note_append(journal, journal->settled);
    note_fresh(journal, journal->settled->sent_ns);
    journal->settled->answering = journal->settled->tickets.first;
    return journal->settled_as == WKV_FLIGHT_DONE && journal->settled->requests > 0;
}

/* An invocation that was noted before: only a read has to be told here, for whom the note is all there is. */
static void answer_read(struct wkv_ticket *ticket, const struct wkv_replica_answer *answer)
{
    if (!answer->duplicate)
        return;
    (void)wkv_command_fail(&ticket->command, ticket->error, WKV_FORBIDDEN,
                           "the invocation was seen before, or is so old that it may have been: every "
                           "invocation needs an id of its own");
    ticket->way = WKV_WAY_REFUSED;
}

static size_t text_bytes(const struct wkv_batch *batch)
{
    size_t bytes = 0;
    for (size_t i = 0; i < batch->count; i++)
        bytes += batch->items[i].text == NULL ? 0 : strlen(batch->items[i].text) + 1;
    return bytes;
}

/* Room for what the items were refused with, which goes with the batch of the log; the memory of the request
 * is its worker's. NULL: there are none, or no memory for them, and they are counted without. */
static char *make_texts(struct wkv_journal_batch *batch, const struct wkv_batch *done)
{
    size_t bytes = text_bytes(done);
    struct wkv_journal_texts *texts = bytes == 0 ? NULL : malloc(sizeof *texts + bytes);
    if (texts == NULL)
        return NULL;
    texts->next = batch->texts;
    batch->texts = texts;
    return texts->bytes;
}

/* For the statistics of the items' own operations. */
static void note_items(struct wkv_journal_batch *batch, struct wkv_batch *asked, const struct wkv_batch *done)
{
    if (asked == NULL || done == NULL)
        return;
    char *at = make_texts(batch, done);
    for (size_t i = 0; i < asked->count && i < done->count; i++) {
        const char *text = at == NULL ? NULL : done->items[i].text;
        asked->items[i].code = done->items[i].code;
        asked->items[i].text = text == NULL ? NULL : at;
        if (text != NULL)
            at = stpcpy(at, text) + 1;
    }
}

/* The reply is copied: where it lies is known when all are. */
static void answer_write(struct wkv_journal_batch *batch, struct wkv_ticket *ticket,
                         const struct wkv_replica_answer *answer)
{
    ticket->way = WKV_WAY_ANSWERED;
    ticket->once.duplicate = answer->duplicate && ticket->once.keys != NULL;
    ticket->reply = (struct wkv_text){NULL, answer->reply.len};
    ticket->mark = batch->replies.len;
    note_items(batch, ticket->command.batch, answer->batch);
    if (answer->code != WKV_OK) {
        ticket->way = WKV_WAY_REFUSED;
        /* The texts of operations begin with their names already. */
        if (strncmp(answer->text, ticket->command.operation->name, strlen(ticket->command.operation->name)) ==
            0)
            (void)wkv_fail(ticket->error, answer->code, "%s", answer->text);
        else
            (void)wkv_command_fail(&ticket->command, ticket->error, answer->code, "%s", answer->text);
        ticket->reply.len = 0;
    } else if (answer->reply.len > 0) {
        (void)wkv_buffer_append(&batch->replies, answer->reply.data, answer->reply.len);
    }
}

static void on_answer(void *context, uint32_t operation, const struct wkv_replica_answer *answer)
{
    struct wkv_journal *journal = context;
    struct wkv_journal_batch *batch = journal->settled;
    if (batch == NULL || journal->settled_as != WKV_FLIGHT_DONE)
        return;
    struct wkv_ticket *ticket = batch->answering;
    while (ticket != NULL && (ticket->index == WKV_NO_INDEX || ticket->index < operation))
        ticket = ticket->next;
    batch->answering = ticket;
    if (ticket == NULL || ticket->index != operation)
        return;
    if (ticket->way == WKV_WAY_READ)
        answer_read(ticket, answer);
    else
        answer_write(batch, ticket, answer);
}

static void finish_done(struct wkv_journal *journal, struct wkv_journal_batch *batch,
                        struct wkv_ticket *ticket)
{
    switch (ticket->way) {
    case WKV_WAY_LOOK:
        wkv_journal_hand_back(journal, ticket, WKV_WAY_AGAIN);
        break;
    case WKV_WAY_READ:
        wkv_journal_hand_back(journal, ticket, WKV_WAY_PERFORM);
        break;
    case WKV_WAY_ANSWERED:
        if (batch->replies.failed) {
            wkv_journal_refuse(journal, ticket, WKV_UNKNOWN_FATE,
                               "it was done, and there was no memory for the reply");
            break;
        }
        ticket->reply.data = ticket->reply.len == 0 ? "" : batch->replies.data + ticket->mark;
        wkv_journal_hand_back(journal, ticket, WKV_WAY_ANSWERED);
        break;
    case WKV_WAY_REFUSED:
        wkv_journal_hand_back(journal, ticket, WKV_WAY_REFUSED);
        break;
    default: /* an operation that nothing was said of */
        wkv_journal_refuse(journal, ticket, WKV_UNKNOWN_FATE, "whether it was done is not known; ask");
        break;
    }
}

/* When all of the record has been applied, and is shown. */
static void finish_settled(struct wkv_journal *journal)
{
    struct wkv_journal_batch *batch = journal->settled;
    struct wkv_ticket *ticket;
    journal->settled = NULL;
    while ((ticket = wkv_tickets_take(&batch->tickets)) != NULL) {
        if (journal->settled_as == WKV_FLIGHT_DONE && atomic_load(&journal->suspect))
            wkv_journal_refuse(
                journal, ticket, ticket->index == WKV_NO_INDEX ? WKV_UNAVAILABLE : WKV_UNKNOWN_FATE,
                "this instance may not have all that the log had: what this came to is not known");
        else if (journal->settled_as == WKV_FLIGHT_DONE)
            finish_done(journal, batch, ticket);
        else if (journal->settled_as == WKV_FLIGHT_AGAIN)
            wkv_journal_hand_back(journal, ticket, WKV_WAY_AGAIN);
        else
            wkv_journal_refuse(journal, ticket, WKV_UNAVAILABLE,
                               "the log took it too late, and nothing was changed; send the request again");
    }
    wkv_journal_batch_release(batch);
}

void wkv_journal_drop_settled(struct wkv_journal *journal)
{
    struct wkv_journal_batch *batch = journal->settled;
    struct wkv_ticket *ticket;
    if (batch == NULL)
        return;
    journal->settled = NULL;
    while ((ticket = wkv_tickets_take(&batch->tickets)) != NULL)
        wkv_journal_refuse(journal, ticket,
                           ticket->index == WKV_NO_INDEX ? WKV_UNAVAILABLE : WKV_UNKNOWN_FATE,
                           "this instance could not do all of a record of the log, and what this came to is "
                           "not known");
    wkv_journal_batch_release(batch);
}

/* ---- bindings ---- */

/* The worker of `system` sees to what may wait for a server; before there is one, the server does. */
static void tell_changed(struct wkv_journal *journal, struct wkv_text actor)
{
    struct wkv_journal_part *part = journal->system;
    if (part == NULL || !journal->served)
        return;
    struct wkv_actor_name *name = malloc(sizeof *name + actor.len);
    if (name == NULL)
        return; /* the actor's subject is listened to with the next connection */
    name->len = (uint32_t)actor.len;
    memcpy(name->name, actor.data, actor.len);
    (void)pthread_mutex_lock(&part->lock);
    name->next = part->changed;
    part->changed = name;
    (void)pthread_mutex_unlock(&part->lock);
    part->to_wake = true;
}

static void on_binding(void *context, const struct wkv_replica_binding *told)
{
    struct wkv_journal *journal = context;
    struct wkv_binding binding = {.keyspace = told->keyspace,
                                  .claims = {.bound = true,
                                             .signed_claims = told->signed_claims,
                                             .has_host = told->has_host,
                                             .not_before_s = told->not_before_s,
                                             .expires_s = told->expires_s}};
    memcpy(binding.claims.host, told->host, sizeof binding.claims.host);
    memcpy(binding.claims.issuer, told->issuer, sizeof binding.claims.issuer);
    if (!told->bound)
        wkv_bindings_take(journal->options.bindings, told->actor);
    else if (!wkv_bindings_put(journal->options.bindings, told->actor, &binding))
        wkv_journal_begin_again(journal, "no memory for a binding");
    tell_changed(journal, told->actor);
}

static void on_keyspace(void *context, struct wkv_text name, uint32_t number)
{
    struct wkv_journal *journal = context;
    if (!wkv_bindings_put_keyspace(journal->options.bindings, name, number))
        wkv_journal_begin_again(journal, "no memory for a keyspace's name");
}

/* ---- other records ---- */

static void on_join(struct wkv_journal *journal, uint64_t position, const struct wkv_join *join)
{
    const struct wkv_flight_times times = {.resend_ns = 300 * WKV_NS_PER_MS,
                                           .fence_ns = journal->options.write_timeout_ns / 4 * 3,
                                           .give_up_ns = journal->options.write_timeout_ns};
    if (!wkv_text_is(join->instance, journal->options.instance))
        return;
    if (journal->join != 0) {
        journal->spare_join = position;
        return;
    }
    journal->join = position;
    wkv_snapshots_join(&journal->snapshots, position);
    wkv_flight_begin(&journal->flight, wkv_record_writer(position, 0), &times);
    note_fresh(journal, journal->joined_ns);
}

void wkv_journal_admit(struct wkv_journal *journal)
{
    uint32_t level = wkv_replica_level(journal->replica);
    level = journal->own_permille > level ? journal->own_permille : level;
    if (level >= 1000)
        atomic_store_explicit(&journal->full, true, memory_order_relaxed);
    else if (level < WKV_REPLICA_ADMIT_PERMILLE)
        atomic_store_explicit(&journal->full, false, memory_order_relaxed);
}

static void note_beat(struct wkv_journal *journal, uint64_t position, const struct wkv_record *record,
                      bool own)
{
    const struct wkv_lag_beat beat = {.join = record->writer >> 8,
                                      .seen = record->seen,
                                      .position = position,
                                      .time_ns = journal->stamped_ns,
                                      .own = own};
    wkv_lag_beat(&journal->lag, &beat, wkv_monotonic_ns());
}

static void tell_raise(struct wkv_journal *journal, uint64_t position, unsigned format)
{
    wkv_log_info(journal->options.log,
                 "%s has records of format %u from message %" PRIu64
                 " on: all instances can read them, and an older version cannot serve it any more",
                 journal->names.log_stream, format, position);
}

static void on_control(void *context, uint64_t position, const struct wkv_record *record,
                       const union wkv_record_body *body, bool accepted)
{
    struct wkv_journal *journal = context;
    bool own = journal->join != 0 && record->writer == wkv_record_writer(journal->join, 0);
    if (record->kind == WKV_RECORD_BEAT && accepted)
        note_beat(journal, position, record, own);
    if (record->kind == WKV_RECORD_RAISE && accepted && journal->served)
        tell_raise(journal, position, body->raise.format);
    if (record->kind == WKV_RECORD_JOIN && accepted)
        on_join(journal, position, &body->join);
    if (record->kind == WKV_RECORD_BEAT && own) {
        note_fresh(journal, journal->beat_sent_ns);
        journal->beat_sent_ns = 0;
    }
    wkv_journal_prove_hole(journal, record);
    wkv_snapshots_control(&journal->snapshots, position, record, body, accepted);
    wkv_journal_admit(journal);
}

static void on_digest(void *context, const struct wkv_digest *asked, uint64_t digest)
{
    struct wkv_journal *journal = context;
    /* The record that is being applied. */
    wkv_journal_take_digest(journal, wkv_replica_applied(journal->replica) + 1, asked, digest);
}

static void on_diverged(void *context, uint64_t writer, uint64_t position)
{
    struct wkv_journal *journal = context;
    (void)writer;
    journal->figures.diverged = true;
    wkv_journal_doubt(journal, WKV_JS_DIFFERENT, position, position, NULL);
}

void wkv_journal_listen_to_replica(struct wkv_journal *journal)
{
    journal->events = (struct wkv_replica_events){.batch = on_batch,
                                                  .answer = on_answer,
                                                  .binding = on_binding,
                                                  .keyspace = on_keyspace,
                                                  .control = on_control,
                                                  .digest = on_digest,
                                                  .diverged = on_diverged,
                                                  .context = journal};
}

/* ---- feeding ---- */

void wkv_journal_show(struct wkv_journal *journal)
{
    struct wkv_replica *replica = journal->replica;
    atomic_store_explicit(&journal->clock, wkv_replica_now(replica), memory_order_release);
    atomic_store_explicit(&journal->applied, wkv_replica_applied(replica), memory_order_release);
    atomic_store_explicit(&journal->bindings, wkv_replica_bindings(replica), memory_order_release);
}

void wkv_journal_take_key(struct wkv_journal *journal)
{
    const struct wkv_record_key *key = wkv_replica_key(journal->replica);
    if (atomic_load(&journal->log_id) != 0 || key == NULL)
        return;
    journal->key = *key;
    atomic_store(&journal->log_id, key->log_id);
}

static void note_foreign(struct wkv_journal *journal, uint64_t position, int64_t now_ns)
{
    journal->figures.foreign++;
    if (wkv_journal_may_tell(journal, WKV_TOLD_FOREIGN, TELL_FOREIGN_NS, now_ns))
        wkv_log_warn(journal->options.log,
                     "message %" PRIu64
                     " of %s is no record of this log and is ignored: only the provider's user "
                     "should be allowed to publish on %s",
                     position, journal->names.log_stream, journal->names.log_subject);
}

void wkv_journal_feed_message(struct wkv_journal *journal, const struct wkv_log_message *message)
{
    int64_t now_ns = wkv_monotonic_ns();
    journal->stamped_ns = message->time_ns;
    if (message->position > wkv_replica_applied(journal->replica))
        wkv_lag_note(&journal->lag, message->position, message->time_ns);
    enum wkv_feed fed = wkv_replica_feed(journal->replica, message);
    switch (fed) {
    case WKV_FEED_FOREIGN:
        note_foreign(journal, message->position, now_ns);
        break;
    case WKV_FEED_APPLIED:
    case WKV_FEED_KNOWN:
        break;
    case WKV_FEED_HOLE:
    case WKV_FEED_DAMAGED:
        wkv_journal_doubt_message(journal, message->position);
        return;
    case WKV_FEED_NEWER:
        wkv_journal_fail(journal, WKV_JOURNAL_LOST,
                         "the log %s is written by a newer version of this program from message %" PRIu64
                         " on; serve with that version",
                         journal->names.log_stream, message->position);
        return;
    case WKV_FEED_NO_GENESIS:
        wkv_journal_fail(journal, WKV_JOURNAL_UNUSABLE,
                         "the stream %s does not begin as a log of this program: it is another's",
                         journal->names.log_stream);
        return;
    case WKV_FEED_BAD_SNAPSHOT:
        wkv_journal_begin_again(journal, "the snapshot that this instance began with does not fit the log");
        return;
    case WKV_FEED_NO_MEMORY:
        wkv_journal_fail(journal, WKV_JOURNAL_LOST, "no memory to apply message %" PRIu64 " of %s",
                         message->position, journal->names.log_stream);
        return;
    }
    journal->applied_ns = now_ns;
    atomic_store_explicit(&journal->rests_until_ns, journal->lag.rests ? now_ns + WKV_LAG_HEARD_NS : 0,
                          memory_order_relaxed);
    wkv_journal_take_key(journal);
    wkv_snapshots_count(&journal->snapshots, message->bytes.len);
    journal->bytes_since += message->bytes.len;
    journal->account_since += message->bytes.len;
    journal->applied_bytes += message->bytes.len;
    wkv_journal_show(journal);
    if (journal->settled != NULL)
        finish_settled(journal);
}

void wkv_journal_feed(void *context, uint64_t position, int64_t time_ns, struct wkv_text bytes)
{
    struct wkv_journal *journal = context;
    if (wkv_journal_at(journal) >= WKV_JOURNAL_AGAIN)
        return;
    wkv_journal_feed_message(
        journal, &(struct wkv_log_message){.position = position, .time_ns = time_ns, .bytes = bytes});
}

/* A hole has no hash. */
static bool ends_with_hole(const struct wkv_journal *journal)
{
    return wkv_replica_last_hash(journal->replica) == 0;
}

uint64_t wkv_journal_last(const struct wkv_journal *journal)
{
    return ends_with_hole(journal) ? journal->last : wkv_replica_applied(journal->replica);
}

void wkv_journal_read_on(struct wkv_journal *journal, int64_t now_ns)
{
    wkv_js_reader_begin(&journal->reader, wkv_replica_applied(journal->replica), wkv_journal_last(journal),
                        now_ns);
}

bool wkv_journal_is_last(void *context, uint64_t position, struct wkv_text bytes)
{
    struct wkv_journal *journal = context;
    uint64_t hash = ends_with_hole(journal) ? journal->last_hash : wkv_replica_last_hash(journal->replica);
    return position == wkv_journal_last(journal) && wkv_record_hash(&journal->key, bytes) == hash;
}
