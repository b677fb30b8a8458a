/* Where the log is not as it was (DESIGN, 7): what the reader finds, and what is done about it. Nothing is
 * passed over in silence.
 *
 *   nothing came, or other bytes did ─► STREAM.INFO, MSG.GET: has the leader what was applied last?
 *        yes ─► the consumer was on a replica that lags: read on, with another one
 *        no  ─► AGAIN: all is made anew from what the log has now; the second time it is lost (exit 70)
 *   an append got a number that was taken, another instance has applied other messages ─► AGAIN
 *   a message is missing ─► STREAM.INFO: was the log cut off behind it? ─► AGAIN
 *                           MSG.GET: the leader has it ─► read on; it has not ─► a hole, which is passed */
#include <inttypes.h>
#include <stdlib.h>

#include "journal/parts.h"

#define ANSWER_NS (2 * WKV_NS_PER_S)
#define AGAIN_NS (500 * WKV_NS_PER_MS)
/* So often the stream's leader is asked before it is believed: a new one may not have stored all yet. */
#define TRIES 3
#define TELL_NS (5 * WKV_NS_PER_S)

static void tell(struct wkv_journal *journal, enum wkv_told what, const char *text)
{
    if (wkv_journal_may_tell(journal, what, TELL_NS, wkv_monotonic_ns()))
        wkv_log_warn(journal->options.log, "%s: %s", journal->names.log_stream, text);
}

static void read_on(struct wkv_journal *journal)
{
    int64_t now_ns = wkv_monotonic_ns();
    journal->doubting = false;
    atomic_store(&journal->suspect, journal->hole != 0);
    wkv_journal_read_on(journal, now_ns);
}

static void ask_again(struct wkv_journal *journal)
{
    journal->doubt_again_ns = wkv_monotonic_ns() + AGAIN_NS;
}

static void pass_holes(struct wkv_journal *journal)
{
    uint64_t first = wkv_replica_applied(journal->replica) + 1,
             hash = wkv_replica_last_hash(journal->replica);
    if (hash != 0) {
        journal->last = first - 1;
        journal->last_hash = hash;
    }
    while (wkv_replica_applied(journal->replica) < journal->doubt_to) {
        wkv_replica_pass_hole(journal->replica);
        journal->figures.holes++;
    }
    wkv_log_warn(journal->options.log,
                 "%s has no messages %" PRIu64 " to %" PRIu64
                 ": they are passed over; should another instance have seen them, the log has lost them",
                 journal->names.log_stream, first, journal->doubt_to);
    wkv_journal_show(journal);
    journal->hole = journal->doubt_to;
    read_on(journal);
}

/* Members that were heard of so long ago tell nothing. */
#define SILENT_NS (5 * WKV_NS_PER_S)

static bool is_alone(const struct wkv_journal *journal)
{
    for (size_t i = 0; i < wkv_replica_members(journal->replica); i++) {
        struct wkv_replica_member member;
        wkv_replica_member(journal->replica, i, &member);
        if (member.join != journal->join && wkv_replica_now(journal->replica) - member.heard_ns < SILENT_NS)
            return false;
    }
    return true;
}

/* Another instance that has seen what is beyond the hole has the same chain, or is told of in on_diverged:
 * then nobody had a record there. One that is alone has nobody to ask. */
void wkv_journal_prove_hole(struct wkv_journal *journal, const struct wkv_record *record)
{
    bool own = journal->join != 0 && record->writer == wkv_record_writer(journal->join, 0);
    if (journal->hole == 0 || record->seen < journal->hole || (own && !is_alone(journal)))
        return;
    journal->hole = 0;
    atomic_store(&journal->suspect, journal->doubting && journal->doubt_proved);
}

/* The log is not the one that was applied, as its leader has said each time: a new one may not have stored
 * all yet. */
static void disbelieve(struct wkv_journal *journal, uint64_t last)
{
    if (++journal->doubts < TRIES) {
        ask_again(journal);
        return;
    }
    journal->figures.diverged = true;
    journal->failure = WKV_JOURNAL_LOST;
    wkv_journal_begin_again(journal,
                            "the log ends at message %" PRIu64
                            ", or has other messages than those that this instance "
                            "applied up to %" PRIu64 ": what was lost is lost, and it is read anew",
                            last, wkv_replica_applied(journal->replica));
}

static void take_message(void *context, const struct wkv_js_incoming *answer)
{
    struct wkv_journal *journal = context;
    struct wkv_js_message message = {.sequence = 0};
    struct wkv_js_refusal refusal = {.number = 0};
    enum wkv_js_answer kind = answer == NULL || answer->bytes.len == 0
                                  ? WKV_JS_GARBLED
                                  : wkv_js_read_message(answer->bytes, &message, &refusal);
    if (kind == WKV_JS_DONE) {
        free(message.bytes);
        read_on(journal);
    } else if (kind == WKV_JS_REFUSED && refusal.number == WKV_JS_NO_MESSAGE &&
               journal->doubt_from <= wkv_replica_applied(journal->replica)) {
        disbelieve(journal, wkv_replica_applied(journal->replica));
    } else if (kind == WKV_JS_REFUSED && refusal.number == WKV_JS_NO_MESSAGE && ++journal->doubts >= TRIES) {
        pass_holes(journal);
    } else {
        ask_again(journal);
    }
}

static void ask(struct wkv_journal *journal, enum wkv_js_call call, const char *text,
                wkv_js_answered answered)
{
    char subject[WKV_JS_SUBJECT_BYTES];
    if (wkv_js_subject(call, journal->options.domain, journal->names.log_stream, NULL, subject, NULL) !=
        WKV_OK)
        return;
    const struct wkv_js_outgoing outgoing = {.subject = subject, .bytes = {text, strlen(text)}};
    if (!wkv_js_ask(&journal->requests, &outgoing, wkv_monotonic_ns() + ANSWER_NS, answered, journal))
        ask_again(journal);
}

static void ask_for_message(struct wkv_journal *journal, uint64_t position, wkv_js_answered answered)
{
    char *request = wkv_js_get_request(position);
    if (request == NULL)
        ask_again(journal);
    else
        ask(journal, WKV_JS_MESSAGE_GET, request, answered);
    free(request);
}

/* A consumer sits where a replica of the log is, which may lag behind its leader: it begins at another
 * message then, and says nothing of it. What the leader has decides. */
static void take_last(void *context, const struct wkv_js_incoming *answer)
{
    struct wkv_journal *journal = context;
    struct wkv_js_message message = {.sequence = 0};
    struct wkv_js_refusal refusal = {.number = 0};
    if (wkv_journal_at(journal) >= WKV_JOURNAL_AGAIN)
        return;
    enum wkv_js_answer kind = answer == NULL || answer->bytes.len == 0
                                  ? WKV_JS_GARBLED
                                  : wkv_js_read_message(answer->bytes, &message, &refusal);
    if (kind == WKV_JS_DONE &&
        wkv_journal_is_last(journal, wkv_journal_last(journal),
                            (struct wkv_text){(const char *)message.bytes, message.len}))
        read_on(journal);
    else if (kind == WKV_JS_DONE || (kind == WKV_JS_REFUSED && refusal.number == WKV_JS_NO_MESSAGE))
        disbelieve(journal, journal->doubt_last);
    else
        ask_again(journal);
    if (kind == WKV_JS_DONE)
        free(message.bytes);
}

/* What the log's leader says of it. */
static void judge(struct wkv_journal *journal, const struct wkv_js_stream_state *state)
{
    uint64_t applied = wkv_replica_applied(journal->replica), last = wkv_journal_last(journal);
    if (state->differs[0] != '\0') {
        char text[160];
        (void)snprintf(text, sizeof text, "is not as it was made: %s", state->differs);
        tell(journal, WKV_TOLD_ALTERED, text);
        ask_again(journal);
    } else if (state->first > (last == 0 ? applied + 1 : last)) {
        wkv_journal_begin_again(journal,
                                "the log was cut off at message %" PRIu64
                                " while this instance had applied %" PRIu64 ": it reads it anew",
                                state->first, applied);
    } else if (journal->doubt == WKV_JS_MISSING) {
        ask_for_message(journal, journal->doubt_from, take_message);
    } else if (journal->doubt_proved || state->last < applied) {
        disbelieve(journal, state->last);
    } else if (last == 0) {
        read_on(journal);
    } else {
        journal->doubt_last = state->last;
        ask_for_message(journal, last, take_last);
    }
}

static void take_state(void *context, const struct wkv_js_incoming *answer)
{
    struct wkv_journal *journal = context;
    const struct wkv_js_stream ours = {.name = journal->names.log_stream,
                                       .subjects = {journal->names.log_subject, NULL}};
    struct wkv_js_stream_state state;
    struct wkv_js_refusal refusal = {.number = 0};
    if (wkv_journal_at(journal) >= WKV_JOURNAL_AGAIN)
        return;
    enum wkv_js_answer kind = answer == NULL || answer->bytes.len == 0
                                  ? WKV_JS_GARBLED
                                  : wkv_js_read_stream(answer->bytes, &ours, &state, &refusal);
    if (kind == WKV_JS_DONE) {
        judge(journal, &state);
        return;
    }
    if (kind == WKV_JS_REFUSED && refusal.number == WKV_JS_NO_STREAM)
        tell(journal, WKV_TOLD_GONE, "the log is gone: nothing is served, and none is made in its place");
    ask_again(journal);
}

static void ask_for_state(struct wkv_journal *journal)
{
    ask(journal, WKV_JS_STREAM_INFO, "", take_state);
}

/* ---- what begins it ---- */

void wkv_journal_doubt(void *context, enum wkv_js_trouble trouble, uint64_t from, uint64_t to,
                       const struct wkv_js_refusal *refusal)
{
    static const char *const complaints[] = {
        [WKV_JS_MISSING] = "a message is missing here: its leader is asked",
        [WKV_JS_DIFFERENT] = "a message here is another one than was applied: its leader is asked",
        [WKV_JS_NO_OVERLAP] = "what was applied last does not come: its leader is asked",
        [WKV_JS_NO_READING] = "it is not to be read: its leader is asked",
    };
    struct wkv_journal *journal = context;
    if (journal->doubting || wkv_journal_at(journal) >= WKV_JOURNAL_AGAIN)
        return;
    tell(journal, WKV_TOLD_DOUBT, refusal != NULL ? refusal->text : complaints[trouble]);
    journal->doubting = true;
    journal->doubt_proved = trouble == WKV_JS_DIFFERENT && from != wkv_journal_last(journal);
    if (journal->doubt_proved)
        atomic_store(&journal->suspect, true);
    journal->doubt = trouble;
    journal->doubt_from = from;
    journal->doubt_to = to;
    journal->doubts = 0;
    journal->doubt_again_ns = 0;
    ask_for_state(journal);
}

/* The replica would not take the message that came: it is damaged, or not the next. The leader's copy is
 * fed as it is. */
static void take_copy(void *context, const struct wkv_js_incoming *answer)
{
    struct wkv_journal *journal = context;
    struct wkv_js_message message = {.sequence = 0};
    struct wkv_js_refusal refusal;
    if (answer != NULL && answer->bytes.len > 0 &&
        wkv_js_read_message(answer->bytes, &message, &refusal) == WKV_JS_DONE && message.time_ns != 0 &&
        message.sequence == wkv_replica_applied(journal->replica) + 1) {
        wkv_journal_feed_message(
            journal, &(struct wkv_log_message){.position = message.sequence,
                                               .time_ns = message.time_ns,
                                               .bytes = {(const char *)message.bytes, message.len},
                                               .confirmed = true});
        free(message.bytes);
        if (wkv_journal_at(journal) < WKV_JOURNAL_AGAIN)
            read_on(journal);
        return;
    }
    free(message.bytes);
    ask_again(journal);
}

void wkv_journal_doubt_message(struct wkv_journal *journal, uint64_t position)
{
    if (journal->doubting)
        return;
    journal->doubting = true;
    journal->doubt = WKV_JS_MISSING;
    journal->doubt_from = journal->doubt_to = position;
    journal->doubts = 0;
    journal->doubt_again_ns = 0;
    tell(journal, WKV_TOLD_DAMAGED, "a message is damaged here: the leader's copy is asked for");
    char *request = wkv_js_get_request(position);
    if (request != NULL)
        ask(journal, WKV_JS_MESSAGE_GET, request, take_copy);
    else
        ask_again(journal);
    free(request);
}

int64_t wkv_journal_doubts(struct wkv_journal *journal, int64_t now_ns)
{
    if (!journal->doubting || journal->doubt_again_ns == 0)
        return INT64_MAX;
    if (now_ns < journal->doubt_again_ns)
        return journal->doubt_again_ns;
    journal->doubt_again_ns = 0;
    ask_for_state(journal);
    return INT64_MAX;
}
