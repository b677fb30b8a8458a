#include "jetstream/opening.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/clock.h"

#define ANSWER_NS (2 * WKV_NS_PER_S)
#define AGAIN_NS (250 * WKV_NS_PER_MS)
/* So long a cluster may take to find its servers. */
#define FORMING_NS (30 * WKV_NS_PER_S)
/* So long a server may say what is not true, since it has only begun. */
#define STAYS_NS (3 * WKV_NS_PER_S)
/* No stream of ours is made smaller. */
#define LEAST_BYTES (64 * 1024 * 1024)

enum { SNAPSHOTS, LOG };

/* What is asked next. LOOK and MAKE are for each of the streams. */
enum step {
    ACCOUNT,
    LOOK_SNAPSHOTS,
    LOOK_LOG,
    MAKE_SNAPSHOTS,
    SHRINK_SNAPSHOTS,
    MAKE_LOG,
    FIRST,
    MARK,
    RAISE_SNAPSHOTS,
    OVER
};

enum suspicion { NOTHING, NO_JETSTREAM, DATA_WAS_THERE, NOT_MADE };

/* Numbers of refusals that say that there are not so many servers, or is not so much room: of a server alone,
 * and of a cluster, which says in the text why a server does not suit. */
#define REPLICAS_NOT_SUPPORTED 10074
#define NO_STORAGE 10047
#define NO_SUITABLE_PEERS 10005

static void ask(struct wkv_js_opening *opening);

static void go_on(struct wkv_js_opening *opening, enum step step)
{
    opening->step = step;
    ask(opening);
}

/* What cannot be now is asked again. */
static void wait(struct wkv_js_opening *opening, const char *why)
{
    (void)snprintf(opening->waits_for, sizeof opening->waits_for, "%s", why);
    opening->again_ns = opening->now_ns + AGAIN_NS;
}

static void end(struct wkv_js_opening *opening, const struct wkv_error *error)
{
    opening->step = OVER;
    opening->done(opening->context, &opening->opened, error);
}

static void fail(struct wkv_js_opening *opening, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void fail(struct wkv_js_opening *opening, const char *format, ...)
{
    struct wkv_error error;
    va_list args;
    va_start(args, format);
    (void)wkv_vfail(&error, WKV_UNAVAILABLE, NULL, format, args);
    va_end(args);
    end(opening, &error);
}

static void suspect(struct wkv_js_opening *opening, enum suspicion suspicion, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void suspect(struct wkv_js_opening *opening, enum suspicion suspicion, const char *format, ...)
{
    struct wkv_error error;
    va_list args;
    va_start(args, format);
    (void)wkv_vfail(&error, WKV_UNAVAILABLE, NULL, format, args);
    va_end(args);
    if (opening->suspicion != (unsigned)suspicion)
        opening->suspicion_ns = opening->now_ns;
    opening->suspicion = suspicion;
    if (opening->now_ns - opening->suspicion_ns >= STAYS_NS)
        end(opening, &error);
    else
        wait(opening, error.text);
}

static void clear_of(struct wkv_js_opening *opening, enum suspicion suspicion)
{
    if (opening->suspicion == (unsigned)suspicion)
        opening->suspicion = NOTHING;
}

static void succeed(struct wkv_js_opening *opening)
{
    struct wkv_error error;
    wkv_error_clear(&error);
    end(opening, &error);
}

/* What it has come to when the answer says nothing that this step could go on with. */
static void take_other(struct wkv_js_opening *opening, enum wkv_js_answer kind,
                       const struct wkv_js_refusal *refusal)
{
    if (kind == WKV_JS_REFUSED && refusal->code < 500)
        fail(opening, "JetStream refuses: %s (%d)", refusal->text, refusal->number);
    else
        wait(opening, kind == WKV_JS_REFUSED ? refusal->text : "JetStream does not answer");
}

/* The answer's bytes; false where there is none: it is asked again. */
static bool take_bytes(struct wkv_js_opening *opening, const struct wkv_js_incoming *answer)
{
    if (answer != NULL && answer->bytes.len > 0)
        return true;
    wait(opening, answer == NULL ? "JetStream does not answer" : "no server answers for the stream now");
    return false;
}

static void take_account(void *context, const struct wkv_js_incoming *answer)
{
    struct wkv_js_opening *opening = context;
    struct wkv_js_account account;
    struct wkv_js_refusal refusal;
    if (answer != NULL && wkv_js_nobody_listens(answer)) {
        suspect(opening, NO_JETSTREAM,
                "the NATS server has no JetStream (nats-server -js): --engine jetstream needs it");
        return;
    }
    clear_of(opening, NO_JETSTREAM);
    if (!take_bytes(opening, answer))
        return;
    enum wkv_js_answer kind = wkv_js_read_account(answer->bytes, &account, &refusal);
    if (kind == WKV_JS_DONE)
        go_on(opening, LOOK_SNAPSHOTS);
    else if (kind == WKV_JS_REFUSED &&
             (refusal.number == WKV_JS_NOT_ENABLED || refusal.number == WKV_JS_NOT_ENABLED_FOR_ACCOUNT))
        fail(opening, "the NATS server has no JetStream for this user: %s; --engine jetstream needs it",
             refusal.text);
    else
        take_other(opening, kind, &refusal);
}

/* ---- looking ---- */

/* "LOG without SNAP, SNAP with messages without LOG, no messages but last_seq > 0: never create: data was
 * there" (DESIGN, 5.1). Returns whether something is missing so. */
static bool misses_data(struct wkv_js_opening *opening)
{
    const struct wkv_js_stream_state *log = &opening->opened.log;
    const struct wkv_js_names *names = opening->options.names;
    bool has_log = opening->has[LOG], has_snapshots = opening->has[SNAPSHOTS];
    bool is_marked = has_snapshots && opening->opened.snapshots.last > 0;
    if (has_log && !has_snapshots)
        suspect(opening, DATA_WAS_THERE,
                "the stream %s is there and %s is not: restore it, or delete both to begin anew",
                names->log_stream, names->snap_stream);
    else if (is_marked && !has_log)
        suspect(opening, DATA_WAS_THERE,
                "the stream %s says that a log was begun, and %s is not there: restore it, or delete both to "
                "begin anew",
                names->snap_stream, names->log_stream);
    else if (is_marked && log->last == 0)
        suspect(opening, DATA_WAS_THERE,
                "the stream %s says that a log was begun, and %s is empty: restore it, or delete both to "
                "begin anew",
                names->snap_stream, names->log_stream);
    else if (has_log && log->messages == 0 && log->last > 0)
        suspect(opening, DATA_WAS_THERE,
                "the stream %s has lost all of its messages, the last being %llu: restore it, or delete both "
                "to begin anew",
                names->log_stream, (unsigned long long)log->last);
    else
        return false;
    return true;
}

/* "Raised when a larger budget comes"; what this instance has made is as large as there was room for. */
static bool is_to_be_raised(const struct wkv_js_opening *opening)
{
    int64_t most = opening->opened.snapshots.max_bytes;
    return !opening->raised && most > 0 && most < opening->options.snap_max_bytes;
}

/* Both have been looked at. */
static void decide(struct wkv_js_opening *opening)
{
    if (misses_data(opening))
        return;
    clear_of(opening, DATA_WAS_THERE);
    if (!opening->has[SNAPSHOTS])
        go_on(opening, MAKE_SNAPSHOTS);
    else if (!opening->has[LOG])
        go_on(opening, MAKE_LOG);
    else if (opening->opened.log.last == 0)
        go_on(opening, FIRST);
    else if (opening->opened.snapshots.last == 0)
        go_on(opening, MARK);
    else if (is_to_be_raised(opening))
        go_on(opening, RAISE_SNAPSHOTS);
    else
        succeed(opening);
}

/* Returns whether it is known whether this stream is there. */
static bool take_stream(struct wkv_js_opening *opening, unsigned which, const struct wkv_js_incoming *answer)
{
    struct wkv_js_stream_state *state = which == LOG ? &opening->opened.log : &opening->opened.snapshots;
    struct wkv_js_refusal refusal;
    if (!take_bytes(opening, answer))
        return false;
    enum wkv_js_answer kind = wkv_js_read_stream(answer->bytes, &opening->streams[which], state, &refusal);
    opening->has[which] = kind == WKV_JS_DONE;
    if (kind == WKV_JS_REFUSED && refusal.number == WKV_JS_NO_STREAM)
        return true;
    if (kind != WKV_JS_DONE) {
        take_other(opening, kind, &refusal);
        return false;
    }
    if (state->differs[0] == '\0')
        return true;
    fail(opening, "the stream %s is not ours, or was changed: its %s is another than we make it with",
         opening->streams[which].name, state->differs);
    return false;
}

static void take_snapshots(void *context, const struct wkv_js_incoming *answer)
{
    if (take_stream(context, SNAPSHOTS, answer))
        go_on(context, LOOK_LOG);
}

static void take_log(void *context, const struct wkv_js_incoming *answer)
{
    if (take_stream(context, LOG, answer))
        decide(context);
}

/* ---- making ---- */

/* Nobody has asked for just that many: a server alone says at once that it has no others, and a cluster for
 * as long as it is too small, which it may be while it starts. Where servers are there and do not suit, the
 * text goes on behind a comma (", peer offline", ", insufficient storage"). */
static bool settles_for_one(struct wkv_js_opening *opening, const struct wkv_js_refusal *refusal)
{
    bool alone = refusal->number == REPLICAS_NOT_SUPPORTED;
    bool small = refusal->number == NO_SUITABLE_PEERS && strchr(refusal->text, ',') == NULL;
    if (opening->options.replicas != 0 || opening->streams[LOG].replicas == 1)
        return false;
    if (!small)
        opening->too_small_ns = 0;
    else if (opening->too_small_ns == 0)
        opening->too_small_ns = opening->now_ns;
    if (!alone && (!small || opening->now_ns - opening->too_small_ns < FORMING_NS))
        return false;
    opening->streams[SNAPSHOTS].replicas = opening->streams[LOG].replicas = 1;
    return true;
}

/* A server sets aside what a stream may grow to, of the room that it has. Half of it is tried then. */
static bool has_no_room(const struct wkv_js_refusal *refusal)
{
    return refusal->number == NO_STORAGE ||
           (refusal->number == NO_SUITABLE_PEERS && strstr(refusal->text, "insufficient storage") != NULL);
}

static bool settles_for_less(struct wkv_js_stream *stream)
{
    if (stream->max_bytes / 2 < LEAST_BYTES)
        return false;
    stream->max_bytes /= 2;
    return true;
}

/* The snapshots' stream, made first and still empty, has taken the room that the log needs. Half of it is
 * given back. */
static bool takes_less_for_snapshots(struct wkv_js_opening *opening, const struct wkv_js_stream *stream)
{
    const struct wkv_js_stream_state *snapshots = &opening->opened.snapshots;
    if (stream != &opening->streams[LOG] || snapshots->last > 0 || snapshots->max_bytes / 2 < LEAST_BYTES)
        return false;
    opening->streams[LOG].max_bytes = opening->options.log_max_bytes;
    opening->streams[SNAPSHOTS].max_bytes = snapshots->max_bytes / 2;
    opening->streams[SNAPSHOTS].replicas = snapshots->replicas;
    return true;
}

static void take_not_made(struct wkv_js_opening *opening, struct wkv_js_stream *stream,
                          const struct wkv_js_refusal *refusal)
{
    char why[sizeof opening->waits_for];
    (void)snprintf(why, sizeof why,
                   "JetStream does not make the stream %s (%u replicas, %lld bytes): %s (%d)", stream->name,
                   stream->replicas, (long long)stream->max_bytes, refusal->text, refusal->number);
    if (settles_for_one(opening, refusal) || (has_no_room(refusal) && settles_for_less(stream)))
        ask(opening);
    else if (has_no_room(refusal) && takes_less_for_snapshots(opening, stream))
        go_on(opening, SHRINK_SNAPSHOTS);
    else if (refusal->number == WKV_JS_NAME_IN_USE) /* by another instance, at this moment */
        wait(opening, why);
    /* In a cluster, of those who make it at the same moment one may be told that there is no such stream. */
    else if (refusal->code < 500 && refusal->number != NO_SUITABLE_PEERS)
        suspect(opening, NOT_MADE, "%s", why);
    else
        wait(opening, why);
}

/* Where it is made, by this instance or another, both are looked at again. */
static void take_made(void *context, const struct wkv_js_incoming *answer)
{
    struct wkv_js_opening *opening = context;
    struct wkv_js_stream *stream = &opening->streams[opening->step == MAKE_LOG ? LOG : SNAPSHOTS];
    struct wkv_js_stream_state state;
    struct wkv_js_refusal refusal;
    if (!take_bytes(opening, answer))
        return;
    enum wkv_js_answer kind = wkv_js_read_stream(answer->bytes, stream, &state, &refusal);
    if (kind == WKV_JS_DONE)
        clear_of(opening, NOT_MADE);
    opening->raised |= kind == WKV_JS_DONE && stream == &opening->streams[SNAPSHOTS];
    if (kind == WKV_JS_DONE)
        go_on(opening, LOOK_SNAPSHOTS);
    else if (kind == WKV_JS_REFUSED)
        take_not_made(opening, stream, &refusal);
    else
        take_other(opening, kind, &refusal);
}

/* "Nats-Expected-Last-Sequence: 0": of those that start together one begins the log. */
static void take_first(void *context, const struct wkv_js_incoming *answer)
{
    struct wkv_js_opening *opening = context;
    struct wkv_js_ack ack;
    struct wkv_js_refusal refusal;
    if (!take_bytes(opening, answer))
        return;
    enum wkv_js_answer kind = wkv_js_read_ack(answer->bytes, &ack, &refusal);
    if (kind == WKV_JS_DONE) {
        opening->opened.began = ack.sequence == 1;
        go_on(opening, LOOK_SNAPSHOTS);
    } else if (kind == WKV_JS_REFUSED && refusal.number == WKV_JS_WRONG_LAST_SEQUENCE) {
        wait(opening, "another instance begins the log");
    } else {
        take_other(opening, kind, &refusal);
    }
}

/* The log has been begun, and from now on its absence is a loss: nothing is served before that is on record,
 * where neither the log's end nor its deletion takes it along. */
static void take_marked(void *context, const struct wkv_js_incoming *answer)
{
    struct wkv_js_opening *opening = context;
    struct wkv_js_ack ack;
    struct wkv_js_refusal refusal;
    if (!take_bytes(opening, answer))
        return;
    enum wkv_js_answer kind = wkv_js_read_ack(answer->bytes, &ack, &refusal);
    /* Who was slower reads what the other has written. */
    if (kind == WKV_JS_DONE || (kind == WKV_JS_REFUSED && refusal.number == WKV_JS_WRONG_LAST_SEQUENCE))
        go_on(opening, LOOK_SNAPSHOTS);
    else
        take_other(opening, kind, &refusal);
}

/* Where there is no room for more, or no answer, it is served as it is. */
static void take_raised(void *context, const struct wkv_js_incoming *answer)
{
    (void)answer;
    go_on(context, LOOK_SNAPSHOTS);
}

static bool ask_api(struct wkv_js_opening *opening, enum wkv_js_call call, const struct wkv_js_stream *stream,
                    char *request, wkv_js_answered answered, struct wkv_error *error);

/* What an operator has given the stream beside its size stays. */
static void take_size(void *context, const struct wkv_js_incoming *answer)
{
    struct wkv_js_opening *opening = context;
    struct wkv_error error;
    if (!take_bytes(opening, answer))
        return;
    opening->raised = true;
    char *request = wkv_js_resize_request(answer->bytes, opening->options.snap_max_bytes);
    if (request == NULL ||
        !ask_api(opening, WKV_JS_STREAM_UPDATE, &opening->streams[SNAPSHOTS], request, take_raised, &error))
        go_on(opening, LOOK_SNAPSHOTS);
}

/* ---- asking ---- */

struct question {
    enum wkv_js_call call;
    wkv_js_answered answered;
    int stream; /* -1: none */
    bool makes;
};

static const struct question questions[] = {
    [ACCOUNT] = {WKV_JS_ACCOUNT_INFO, take_account, -1, false},
    [LOOK_SNAPSHOTS] = {WKV_JS_STREAM_INFO, take_snapshots, SNAPSHOTS, false},
    [LOOK_LOG] = {WKV_JS_STREAM_INFO, take_log, LOG, false},
    [MAKE_SNAPSHOTS] = {WKV_JS_STREAM_CREATE, take_made, SNAPSHOTS, true},
    [SHRINK_SNAPSHOTS] = {WKV_JS_STREAM_UPDATE, take_made, SNAPSHOTS, true},
    [MAKE_LOG] = {WKV_JS_STREAM_CREATE, take_made, LOG, true},
    [RAISE_SNAPSHOTS] = {WKV_JS_STREAM_INFO, take_size, SNAPSHOTS, false},
};

/* Takes the request over; NULL: it has none. */
static bool ask_api(struct wkv_js_opening *opening, enum wkv_js_call call, const struct wkv_js_stream *stream,
                    char *request, wkv_js_answered answered, struct wkv_error *error)
{
    char subject[WKV_JS_SUBJECT_BYTES];
    bool asked = wkv_js_subject(call, opening->options.domain, stream == NULL ? NULL : stream->name, NULL,
                                subject, error) == WKV_OK;
    struct wkv_js_outgoing outgoing = {.subject = subject, .bytes = wkv_text_from(request)};
    if (asked)
        asked = wkv_js_ask(opening->requests, &outgoing, opening->now_ns + ANSWER_NS, answered, opening);
    free(request);
    return asked;
}

static bool ask_question(struct wkv_js_opening *opening, const struct question *question,
                         struct wkv_error *error)
{
    const struct wkv_js_stream *stream = question->stream < 0 ? NULL : &opening->streams[question->stream];
    char *request = question->makes ? wkv_js_stream_request(stream) : NULL;
    return (request != NULL || !question->makes) &&
           ask_api(opening, question->call, stream, request, question->answered, error);
}

/* Those that start together write it side by side, and one of them wins. */
static bool append_first(struct wkv_js_opening *opening, const char *subject, struct wkv_text bytes,
                         wkv_js_answered answered)
{
    struct wkv_js_outgoing first = {
        .subject = subject, .bytes = bytes, .header = "Nats-Expected-Last-Sequence", .value = "0"};
    return wkv_js_ask(opening->requests, &first, opening->now_ns + ANSWER_NS, answered, opening);
}

/* Among the chunks, of which it is none: who reads snapshots passes it by. */
static bool mark(struct wkv_js_opening *opening)
{
    char text[256];
    const struct wkv_js_names *names = opening->options.names;
    (void)snprintf(text, sizeof text,
                   "the log %s was begun: where it is not there beside this message, it has been lost",
                   names->log_stream);
    return append_first(opening, names->chunk_subject, wkv_text_from(text), take_marked);
}

static void ask(struct wkv_js_opening *opening)
{
    struct wkv_error error;
    const struct wkv_js_opening_options *options = &opening->options;
    (void)wkv_fail(&error, WKV_NO_MEMORY, "no memory for a request");
    opening->again_ns = 0;
    opening->waits_for[0] = '\0';
    bool asked;
    if (opening->step == FIRST)
        asked = append_first(opening, options->names->log_subject, options->first, take_first);
    else if (opening->step == MARK)
        asked = mark(opening);
    else
        asked = ask_question(opening, &questions[opening->step], &error);
    if (!asked)
        wait(opening, error.text);
}

void wkv_js_open(struct wkv_js_opening *opening, const struct wkv_js_opening_options *options,
                 struct wkv_js_requests *requests, int64_t now_ns, wkv_js_opened_call done, void *context)
{
    unsigned replicas = options->replicas == 0 ? 3 : options->replicas;
    const struct wkv_js_names *names = options->names;
    *opening = (struct wkv_js_opening){
        .options = *options, .requests = requests, .done = done, .context = context, .now_ns = now_ns};
    opening->streams[LOG] = (struct wkv_js_stream){.name = names->log_stream,
                                                   .subjects = {names->log_subject},
                                                   .replicas = replicas,
                                                   .max_bytes = options->log_max_bytes};
    opening->streams[SNAPSHOTS] =
        (struct wkv_js_stream){.name = names->snap_stream,
                               .subjects = {names->chunk_subject, names->manifest_subject},
                               .replicas = replicas,
                               .max_bytes = options->snap_max_bytes};
    go_on(opening, ACCOUNT);
}

int64_t wkv_js_opening_tick(struct wkv_js_opening *opening, int64_t now_ns)
{
    opening->now_ns = now_ns;
    if (opening->step == OVER || opening->again_ns == 0)
        return INT64_MAX;
    if (now_ns < opening->again_ns)
        return opening->again_ns;
    /* It looks at all anew: another instance may have gone on meanwhile. */
    go_on(opening, ACCOUNT);
    return INT64_MAX;
}
