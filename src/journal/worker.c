/* The engine's face: what a worker hands over and gets back. */
#include <stdlib.h>
#include <string.h>

#include "journal/parts.h"
#include "operation/batch.h"
#include "support/arena.h"

/* A worker has so many with the journal at the most: several records' worth. */
#define WINDOW 8192

static enum wkv_code open_part(void *context, const struct wkv_engine_wake *wake, void **out,
                               struct wkv_error *error)
{
    struct wkv_journal *journal = context;
    struct wkv_journal_part *part = calloc(1, sizeof *part);
    if (part == NULL)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for a worker");
    part->journal = journal;
    part->wake = *wake;
    wkv_tickets_init(&part->out);
    wkv_tickets_init(&part->done);
    (void)pthread_mutex_init(&part->lock, NULL);
    (void)pthread_mutex_lock(&journal->lock);
    LIST_INSERT_HEAD(&journal->parts, part, next);
    journal->system = part;
    (void)pthread_mutex_unlock(&journal->lock);
    *out = part;
    return WKV_OK;
}

/* ---- what came back ---- */

/* What was made ready for a binding that is not made now is taken back: the actor's subject is listened to no
 * more. Where its record takes effect later, on_binding sees to it again. */
static void give_up_binding(const struct wkv_ticket *ticket)
{
    const struct wkv_journal_part *part = ticket->part;
    const struct wkv_bindings_wish *wish = ticket->plan;
    if (ticket->host != NULL && wkv_host_changes_bindings(ticket->command.operation) && wish->bound)
        wkv_bindings_give_up(part->journal->options.bindings, wish->actor);
}

static void complete(struct wkv_ticket *ticket, enum wkv_outcome outcome)
{
    struct wkv_journal_batch *batch = ticket->batch;
    ticket->complete(ticket, outcome);
    if (batch != NULL)
        wkv_journal_batch_release(batch);
}

static void do_again(struct wkv_journal_part *part, struct wkv_ticket *ticket)
{
    struct wkv_journal_batch *batch = ticket->batch;
    ticket->batch = NULL;
    if (ticket->plan != NULL) { /* a binding's */
        /* What a host wants does not depend on what is bound. */
        ticket->way = WKV_WAY_BINDING;
        ticket->mark = part->bindings;
        wkv_tickets_add(&part->out, ticket);
    } else {
        ticket->again(ticket);
    }
    wkv_journal_batch_release(batch);
}

/* What says that a binding was changed: an empty reply, in the encoding of the request. */
static enum wkv_outcome answer_binding(struct wkv_ticket *ticket)
{
    struct wkv_sink sink;
    wkv_buffer_reset(ticket->buffer, WKV_REPLY_FIRST_BYTES);
    wkv_command_begin_reply(&ticket->command, &ticket->limits, ticket->room, ticket->buffer, ticket->error,
                            &sink);
    enum wkv_code code = wkv_command_finish(&ticket->command, &ticket->limits, &sink);
    ticket->reply = (struct wkv_text){ticket->buffer->data, ticket->buffer->len};
    return code == WKV_OK ? WKV_ANSWERED : WKV_REFUSED;
}

static void finish(struct wkv_journal_part *part, struct wkv_ticket *ticket)
{
    switch (ticket->way) {
    case WKV_WAY_PERFORM:
        complete(ticket, wkv_ticket_resume(ticket, wkv_told_ns(&part->journal->clock)));
        break;
    case WKV_WAY_AGAIN:
        do_again(part, ticket);
        break;
    case WKV_WAY_ANSWERED:
        complete(ticket, ticket->plan == NULL ? WKV_ANSWERED : answer_binding(ticket));
        break;
    default:
        give_up_binding(ticket);
        complete(ticket, WKV_REFUSED);
        break;
    }
}

/* Before the change is answered, as far as this instance goes. */
static void settle_bindings(struct wkv_journal_part *part)
{
    (void)pthread_mutex_lock(&part->lock);
    struct wkv_actor_name *changed = part->changed;
    part->changed = NULL;
    (void)pthread_mutex_unlock(&part->lock);
    while (changed != NULL) {
        struct wkv_actor_name *next = changed->next;
        wkv_bindings_settle(part->journal->options.bindings, (struct wkv_text){changed->name, changed->len});
        free(changed);
        changed = next;
    }
}

static int64_t after_turn(void *context)
{
    struct wkv_journal_part *part = context;
    struct wkv_journal *journal = part->journal;
    struct wkv_tickets done;
    struct wkv_ticket *ticket;
    wkv_tickets_init(&done);
    /* What is authorized from now on is so under these bindings, or newer ones. */
    part->bindings = atomic_load_explicit(&journal->bindings, memory_order_acquire);
    settle_bindings(part);
    (void)pthread_mutex_lock(&part->lock);
    wkv_tickets_move(&done, &part->done);
    (void)pthread_mutex_unlock(&part->lock);
    while ((ticket = wkv_tickets_take(&done)) != NULL)
        finish(part, ticket);
    if (part->out.count == 0)
        return WKV_NO_TURN;
    (void)pthread_mutex_lock(&journal->inbox_lock);
    wkv_tickets_move(&journal->inbox_tickets, &part->out);
    (void)pthread_mutex_unlock(&journal->inbox_lock);
    wkv_poller_wake(&journal->loop.poller);
    return WKV_NO_TURN;
}

static void close_part(void *context)
{
    struct wkv_journal_part *part = context;
    struct wkv_journal *journal = part->journal;
    struct wkv_ticket *ticket;
    (void)pthread_mutex_lock(&journal->lock);
    wkv_journal_answer_all(journal);
    LIST_REMOVE(part, next);
    journal->system = journal->system == part ? NULL : journal->system;
    (void)pthread_mutex_unlock(&journal->lock);
    wkv_tickets_move(&part->done, &part->out);
    while ((ticket = wkv_tickets_take(&part->done)) != NULL)
        complete(ticket, WKV_SILENT);
    while (part->changed != NULL) {
        struct wkv_actor_name *next = part->changed->next;
        free(part->changed);
        part->changed = next;
    }
    (void)pthread_mutex_destroy(&part->lock);
    free(part);
}

/* ---- what is handed over ---- */

static enum wkv_outcome refuse(struct wkv_ticket *ticket, enum wkv_code code, const char *text)
{
    (void)wkv_command_fail(&ticket->command, ticket->error, code, "%s", text);
    return WKV_REFUSED;
}

/* Whether the command changes something, once it is done. What is done once is remembered, whatever it is. An
 * atomic Batch with an item that is refused changes nothing. */
static bool is_write(const struct wkv_ticket *ticket)
{
    const struct wkv_batch *batch = ticket->command.batch;
    if (ticket->once.keys != NULL)
        return true;
    if (batch == NULL)
        return ticket->command.operation->effect != WKV_READS;
    for (size_t i = 0; batch->atomic && i < batch->count; i++)
        if (batch->items[i].refused != WKV_OK)
            return false;
    return batch->writes > 0;
}

/* An entry without its key and value, or a note of an id; no less than that. */
#define ENTRY_BYTES 128
/* So much room is enough for any request: it is not measured. */
#define AMPLE_BYTES (INT64_C(64) * 1024 * 1024)

static bool may_grow(const struct wkv_ticket *ticket)
{
    return ticket->command.operation->effect == WKV_GROWS || ticket->once.keys != NULL;
}

/* What is small is let in for longer than what is large: of the rest, so much is kept for it. Invocations
 * that are noted take memory, too. */
#define SMALL_BYTES 1024
#define SMALL_SHARE 16

/* About what it takes in a store, where blocks are rounded up. */
static int64_t bytes_of(const struct wkv_journal *journal, const struct wkv_ticket *ticket)
{
    int64_t bytes = (int64_t)protobuf_c_message_get_packed_size(ticket->command.message);
    int64_t kept = (int64_t)(journal->options.max_memory_bytes / SMALL_SHARE);
    if (bytes <= SMALL_BYTES)
        return bytes + ENTRY_BYTES;
    return bytes + bytes / 8 + ENTRY_BYTES +
           (kept < AMPLE_BYTES / SMALL_SHARE ? kept : AMPLE_BYTES / SMALL_SHARE);
}

/* Whether an instance has no room for so much more. Once it is in the log it is done. */
static bool is_short_of(const struct wkv_journal *journal, int64_t bytes)
{
    int64_t room = atomic_load_explicit(&journal->room, memory_order_relaxed);
    return atomic_load_explicit(&journal->full, memory_order_relaxed) || (room < AMPLE_BYTES && bytes > room);
}

static bool is_over_budget(const struct wkv_journal *journal, const struct wkv_ticket *ticket)
{
    int64_t room = atomic_load_explicit(&journal->room, memory_order_relaxed);
    bool full = atomic_load_explicit(&journal->full, memory_order_relaxed);
    return may_grow(ticket) && (full || room < AMPLE_BYTES) &&
           is_short_of(journal, bytes_of(journal, ticket));
}

bool wkv_journal_has_room(void *context, size_t bytes)
{
    return !is_short_of(context, (int64_t)bytes + ENTRY_BYTES);
}

static enum wkv_journal_fullness log_fullness(const struct wkv_journal *journal)
{
    return (enum wkv_journal_fullness)atomic_load_explicit(&journal->log_full, memory_order_relaxed);
}

static bool reads_locally(const struct wkv_journal *journal, const struct wkv_ticket *ticket)
{
    return ticket->freshness == WKV_FRESH_LOCALLY || journal->options.reads_locally;
}

static enum wkv_outcome hand_over(struct wkv_journal_part *part, struct wkv_ticket *ticket, enum wkv_way way,
                                  const void *plan)
{
    struct wkv_journal *journal = part->journal;
    if (!wkv_journal_is_in_touch(journal))
        return refuse(ticket, WKV_UNAVAILABLE,
                      "this instance is out of touch with the log, and nothing was changed; send the request "
                      "again");
    struct wkv_ticket *kept = wkv_ticket_keep(ticket);
    if (kept == NULL)
        return WKV_REFUSED;
    kept->way = way;
    kept->plan = plan;
    kept->part = part;
    kept->batch = NULL;
    kept->mark = part->bindings;
    wkv_tickets_add(&part->out, kept);
    return WKV_LATER;
}

/* Refused as before, where there is no log to wait for now. */
static enum wkv_outcome look_again(void *context, struct wkv_ticket *ticket)
{
    struct wkv_journal_part *part = context;
    return wkv_journal_is_in_touch(part->journal) ? hand_over(part, ticket, WKV_WAY_LOOK, NULL) : WKV_REFUSED;
}

static enum wkv_outcome refuse_for_log(struct wkv_ticket *ticket)
{
    return refuse(ticket, WKV_BUDGET_SPENT,
                  "the log is full, and a snapshot is to make room; send the request again later, or make "
                  "its stream larger");
}

static enum wkv_outcome refuse_for_budget(struct wkv_ticket *ticket)
{
    return refuse(ticket, WKV_BUDGET_SPENT,
                  "the memory budget of an instance is spent; delete keys, let some expire, or serve with a "
                  "larger --max-memory everywhere");
}

/* Whether the binding takes memory that nothing has yet: the actor's, or a keyspace's. */
static bool is_new(struct wkv_bindings *bindings, const struct wkv_bindings_wish *wish)
{
    uint32_t number;
    return !wkv_bindings_is_bound(bindings, wish->actor) ||
           (wish->keyspace.data != NULL && !wkv_bindings_keyspace_number(bindings, wish->keyspace, &number));
}

/* Who is to be shut out is let go for longer than anything is let in. */
static enum wkv_outcome look_for_room(const struct wkv_journal *journal, struct wkv_ticket *ticket,
                                      const struct wkv_bindings_wish *wish)
{
    enum wkv_journal_fullness fullness = log_fullness(journal);
    if (fullness == WKV_LOG_IS_FULL || (wish->bound && fullness != WKV_LOG_HAS_ROOM))
        return refuse_for_log(ticket);
    if (wish->bound && is_new(journal->options.bindings, wish) &&
        is_short_of(journal,
                    (int64_t)(WKV_BINDINGS_ACTOR_BYTES + WKV_BINDINGS_KEYSPACE_BYTES + wish->keyspace.len)))
        return refuse_for_budget(ticket);
    return WKV_LATER;
}

/* BindActor and RemoveActor. The wish lies with the request. */
static enum wkv_outcome change_bindings(struct wkv_journal_part *part, struct wkv_ticket *ticket)
{
    struct wkv_bindings_wish *wish = wkv_arena_alloc(ticket->host->arena, sizeof *wish);
    if (wish == NULL)
        return refuse(ticket, WKV_NO_MEMORY, "no memory for the request; try again later");
    if (wkv_host_prepare_binding(ticket->host, &ticket->command, wish, ticket->error) != WKV_OK)
        return WKV_REFUSED;
    enum wkv_outcome outcome = look_for_room(part->journal, ticket, wish);
    if (outcome == WKV_LATER)
        outcome = hand_over(part, ticket, WKV_WAY_BINDING, wish);
    if (outcome != WKV_LATER && wish->bound)
        wkv_bindings_give_up(part->journal->options.bindings, wish->actor);
    return outcome;
}

/* Its result lies with the request. */
static enum wkv_outcome take_digest(struct wkv_journal_part *part, struct wkv_ticket *ticket)
{
    struct wkv_host_digest *digest = wkv_arena_alloc(ticket->host->arena, sizeof *digest);
    if (log_fullness(part->journal) == WKV_LOG_IS_FULL)
        return refuse(ticket, WKV_UNAVAILABLE, "the log is full, and takes no digest; ask again later");
    if (digest == NULL)
        return refuse(ticket, WKV_NO_MEMORY, "no memory for the request; try again later");
    ticket->host->digest = digest;
    return hand_over(part, ticket, WKV_WAY_DIGEST, digest);
}

static enum wkv_outcome submit(void *context, struct wkv_ticket *ticket)
{
    struct wkv_journal_part *part = context;
    struct wkv_journal *journal = part->journal;
    if (ticket->host != NULL) {
        if (!ticket->host->silent && wkv_host_changes_bindings(ticket->command.operation))
            return change_bindings(part, ticket);
        if (!ticket->host->silent && wkv_host_asks_digest(ticket->command.operation))
            return take_digest(part, ticket);
        return wkv_ticket_perform(ticket, wkv_told_ns(&journal->clock));
    }
    if (!is_write(ticket)) {
        bool noted = ticket->note != NULL && ticket->note->present;
        bool asks_log = noted || !reads_locally(journal, ticket);
        if (asks_log && log_fullness(journal) == WKV_LOG_IS_FULL)
            return refuse(
                ticket, WKV_UNAVAILABLE,
                "the log is full, and takes no linearizable reads; read with Wascc-Reads: local, or "
                "later");
        if (asks_log)
            return hand_over(part, ticket, WKV_WAY_READ, NULL);
        if (!wkv_journal_is_in_touch(journal))
            return refuse(ticket, WKV_UNAVAILABLE,
                          "what this instance has is more than 3 s behind the log; send the request again");
        return wkv_ticket_perform(ticket, wkv_told_ns(&journal->clock));
    }
    if (log_fullness(journal) != WKV_LOG_HAS_ROOM)
        return refuse_for_log(ticket);
    if (is_over_budget(journal, ticket))
        return refuse_for_budget(ticket);
    return hand_over(part, ticket, WKV_WAY_WRITE, NULL);
}

/* ---- bindings that no request waits for ---- */

static struct wkv_text copy(char **at, struct wkv_text text)
{
    struct wkv_text copied = {text.data == NULL ? NULL : *at, text.len};
    if (text.len > 0)
        memcpy(*at, text.data, text.len);
    *at += text.len;
    return copied;
}

void wkv_journal_wish_binding(void *context, const struct wkv_bindings_wish *wish)
{
    struct wkv_journal *journal = context;
    struct wkv_journal_wish *made = malloc(sizeof *made + wish->actor.len + wish->keyspace.len + 1);
    if (made == NULL) {
        wkv_log_warn(journal->options.log, "no memory for a change of the binding of %.*s: it is left out",
                     (int)wish->actor.len, wish->actor.data);
        return;
    }
    char *at = (char *)(made + 1);
    made->wish = *wish;
    made->wish.actor = copy(&at, wish->actor);
    made->wish.keyspace = copy(&at, wish->keyspace);
    (void)pthread_mutex_lock(&journal->inbox_lock);
    made->next = journal->wishes;
    journal->wishes = made;
    (void)pthread_mutex_unlock(&journal->inbox_lock);
    wkv_poller_wake(&journal->loop.poller);
}

const struct wkv_engine wkv_engine_jetstream = {.name = "jetstream",
                                                .open = open_part,
                                                .close = close_part,
                                                .submit = submit,
                                                .look_again = look_again,
                                                .after_turn = after_turn,
                                                .window = WINDOW};
