#include "lattice/alone.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nats/inbox.h"
#include "nats/subject.h"
#include "operation/provider.h"
#include "support/notify.h"
#include "support/text.h"

#define QUESTION_SUBJECT WKV_PING_SUBJECT "." WKV_SERVICE_NAME
/* Between two questions of one that serves and is alone: somewhere between these, so that many do not ask at
 * the same moment. */
#define INTERVAL_MS 2000
#define INTERVAL_JITTER_MS 2000
/* Whatever the reason, there is so much time between two questions. */
#define HURRY_NS (500 * WKV_NS_PER_MS)
/* A turn that comes so late tells of a process that was stopped. */
#define GAP_NS WKV_NS_PER_S
#define MOST_WAIT_MS 1000
/* Where it could not ask. */
#define FAILED_WAIT_MS 100
/* While our own answer is waited for. */
#define CLAIM_POLL_MS 5
#define POLL_MS 50
/* So many questions without any answer, our own included, and the log is told, or the claim ends where the
 * server has refused something. A frozen server answers none either, but is given up before so many. */
#define UNHEARD_ROUNDS 8
#define REFUSED_ROUNDS 3
/* Answers of a round that wait to be read: anybody who hears the question may send any number. */
#define MOST_ANSWERS 1024
#define MOST_ANSWER_BYTES (1024 * 1024)

static struct wkv_log *log_of(const struct wkv_alone *alone)
{
    return alone->discovery->loop.options.log;
}

static struct wkv_stats *stats_of(const struct wkv_alone *alone)
{
    return alone->discovery->provider->stats;
}

void wkv_alone_init(struct wkv_alone *alone, struct wkv_discovery *discovery, const char *inbox_prefix)
{
    *alone = (struct wkv_alone){.discovery = discovery, .inbox_prefix = inbox_prefix};
    struct wkv_pong *own = &alone->meeting.own;
    (void)snprintf(own->id, sizeof own->id, "%s", discovery->id);
    (void)snprintf(own->started, sizeof own->started, "%s", discovery->started);
    own->may_split = discovery->provider->split;
}

void wkv_alone_claim(struct wkv_alone *alone)
{
    wkv_meeting_claim(&alone->meeting, wkv_boottime_ns());
    atomic_store(&alone->discovery->phase, WKV_PHASE_STARTING);
}

/* ---- asking and listening ---- */

static void read_round(struct wkv_alone *alone, struct wkv_alone_round *round, int64_t now_ns)
{
    natsMsg *message;
    struct wkv_pong pong;
    for (int i = 0; i < MOST_ANSWERS; i++) {
        if (natsSubscription_NextMsg(&message, round->answers, 0) != NATS_OK)
            return;
        if (natsMsg_GetDataLength(message) > 0 &&
            wkv_pong_read(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message),
                          alone->discovery->address, &pong))
            wkv_meeting_hear(&alone->meeting, round->number, &pong, now_ns);
        natsMsg_Destroy(message);
    }
}

/* Earlier rounds first. */
static void read_answers(struct wkv_alone *alone, int64_t now_ns)
{
    for (uint64_t i = 1; i <= WKV_ALONE_ROUNDS; i++) {
        struct wkv_alone_round *round = &alone->rounds[(alone->meeting.round + i) % WKV_ALONE_ROUNDS];
        if (round->answers != NULL && !round->ended)
            read_round(alone, round, now_ns);
    }
}

/* nats.c before 3.10 holds no reference to a subscription while it delivers a message to it. So it is ended
 * first, and freed when the loop, which delivers, has begun another turn. Returns whether it is free. */
static bool end_round(struct wkv_alone *alone, struct wkv_alone_round *round)
{
    struct wkv_loop *loop = &alone->discovery->loop;
    if (round->answers == NULL)
        return true;
    if (!round->ended) {
        (void)natsSubscription_Unsubscribe(round->answers);
        round->ended = true;
        /* After the end: a turn that began before may have found the subscription still. */
        round->turns = atomic_load(&loop->turns.begun);
        wkv_poller_wake(&loop->poller);
        return false;
    }
    if (round->turns == atomic_load(&loop->turns.begun))
        return false;
    natsSubscription_Destroy(round->answers);
    *round = (struct wkv_alone_round){.answers = NULL};
    return true;
}

/* Publishes the question and listens to the answers, which are to be read. NULL where that cannot be. */
static natsSubscription *publish(struct wkv_loop *loop, const char *inbox, const char *question)
{
    natsSubscription *answers = NULL;
    natsConnection *connection = wkv_loop_hold(loop);
    if (connection == NULL)
        return NULL;
    if (natsConnection_SubscribeSync(&answers, connection, inbox) == NATS_OK) {
        (void)natsSubscription_SetPendingLimits(answers, MOST_ANSWERS, MOST_ANSWER_BYTES);
        (void)natsConnection_PublishRequestString(connection, QUESTION_SUBJECT, inbox, question);
    }
    wkv_loop_let_go(loop);
    return answers;
}

/* Asks with an inbox that nobody knows before. */
static natsSubscription *send_question(const struct wkv_alone *alone)
{
    struct wkv_discovery *discovery = alone->discovery;
    natsSubscription *answers = NULL;
    char inbox[WKV_SUBJECT_BYTES];
    char *question = wkv_question_make(discovery->address, discovery->id, !alone->meeting.serving);
    if (question != NULL && wkv_make_inbox(alone->inbox_prefix, inbox) == NATS_OK)
        answers = publish(&discovery->loop, inbox, question);
    free(question);
    return answers;
}

/* Begins the next round. Where that cannot be, for there is no connection, say, none begins: an instance that
 * was not asked is not silent. */
static void ask(struct wkv_alone *alone, int64_t now_ns)
{
    struct wkv_meeting *meeting = &alone->meeting;
    struct wkv_alone_round *round = &alone->rounds[(meeting->round + 1) % WKV_ALONE_ROUNDS];
    alone->failed = !end_round(alone, round) || (round->answers = send_question(alone)) == NULL;
    if (alone->failed)
        return;
    wkv_meeting_ask(meeting, now_ns);
    meeting->interval_ns = (INTERVAL_MS + (int64_t)randombytes_uniform(INTERVAL_JITTER_MS)) * WKV_NS_PER_MS;
    round->number = meeting->round;
    alone->hurry = false;
    /* The oldest one is ended in time, so that it has had its turn when its place is needed. */
    (void)end_round(alone, &alone->rounds[(meeting->round + 1) % WKV_ALONE_ROUNDS]);
}

/* Whether something has happened since the last turn that makes the last answer worth nothing. */
static bool has_reason(struct wkv_alone *alone, int64_t now_ns)
{
    uint64_t connects = wkv_stats_connects(stats_of(alone));
    bool again = connects != alone->connects;
    bool gap = alone->expected_ns != 0 && now_ns - alone->expected_ns > GAP_NS;
    bool asked = atomic_exchange(&alone->discovery->other_asks, false);
    if (again)
        alone->fresh_round = alone->meeting.round;
    alone->connects = connects;
    return again || gap || asked;
}

static void ask_if_due(struct wkv_alone *alone, int64_t now_ns)
{
    const struct wkv_meeting *meeting = &alone->meeting;
    if (has_reason(alone, now_ns) && meeting->serving)
        alone->hurry = true;
    if (now_ns >= wkv_meeting_due_ns(meeting) || (alone->hurry && now_ns - meeting->asked_ns >= HURRY_NS))
        ask(alone, now_ns);
}

static int64_t find_wait_ms(const struct wkv_alone *alone, int64_t now_ns)
{
    const struct wkv_meeting *meeting = &alone->meeting;
    int64_t most_ms = alone->hurry ? HURRY_NS / WKV_NS_PER_MS : MOST_WAIT_MS;
    if (alone->failed)
        return FAILED_WAIT_MS;
    if (!meeting->serving && meeting->own_round < meeting->round)
        most_ms = CLAIM_POLL_MS;
    else if (meeting->own_round < meeting->round && now_ns - meeting->asked_ns < WKV_MEETING_UNHEARD_NS)
        most_ms = POLL_MS;
    int64_t wait_ms = (wkv_meeting_judge_ns(meeting, now_ns) - now_ns + WKV_NS_PER_MS - 1) / WKV_NS_PER_MS;
    return wait_ms < 1 ? 1 : wait_ms > most_ms ? most_ms : wait_ms;
}

/* ---- before it serves ---- */

/* Whether the server's permissions have stood in the way of something. Only that is asked: nats.c overwrites
 * the text with the next refusal while it is read. */
static bool was_refused(struct wkv_loop *loop)
{
    natsConnection *connection = wkv_loop_hold(loop);
    if (connection == NULL)
        return false;
    bool refused = wkv_was_refused(connection);
    wkv_loop_let_go(loop);
    return refused;
}

static bool is_denied(const struct wkv_alone *alone, struct wkv_error *error)
{
    const struct wkv_meeting *meeting = &alone->meeting;
    if (meeting->own_round + REFUSED_ROUNDS >= meeting->round || meeting->peer_count > 0 ||
        !was_refused(&alone->discovery->loop))
        return false;
    wkv_discovery_denied(alone->inbox_prefix, error);
    return true;
}

static void tell_beside(const struct wkv_alone *alone, const struct wkv_meeting_peer *other)
{
    if (alone->meeting.own.may_split)
        wkv_log_warn(log_of(alone),
                     "instance %s serves this binding too: with --allow-split each holds a part of the data",
                     other->pong.id);
    else
        wkv_log_warn(log_of(alone),
                     "instance %s answered that it serves this binding, but not every time: starting, and "
                     "asking again",
                     other->pong.id);
}

static enum wkv_alone_verdict claim(struct wkv_alone *alone, const struct wkv_meeting_peer *other,
                                    struct wkv_error *error)
{
    struct wkv_discovery *discovery = alone->discovery;
    if (alone->state == WKV_MEETING_YIELD) {
        (void)wkv_fail(error, WKV_UNAVAILABLE,
                       "instance %s already serves binding \"%s\" from its memory; a second one would split "
                       "the data: stop that one, choose another --binding or --lattice-namespace, or give "
                       "--allow-split",
                       other->pong.id, discovery->address->binding);
        return WKV_ALONE_GO;
    }
    if (alone->state == WKV_MEETING_ALONE) {
        if (other != NULL)
            tell_beside(alone, other);
        atomic_store(&discovery->phase, WKV_PHASE_CLAIMED);
        alone->meeting.serving = true;
        return WKV_ALONE_CLAIMED;
    }
    bool suspect = alone->state == WKV_MEETING_SUSPECT;
    atomic_store(&discovery->phase, suspect ? WKV_PHASE_YIELDING : WKV_PHASE_STARTING);
    return is_denied(alone, error) ? WKV_ALONE_DENIED : WKV_ALONE_WAIT;
}

/* ---- while it serves ---- */

/* Whether answers come at all: an instance that may not hear them cannot tell. A question on a connection
 * that was lost since says nothing of that. */
static void watch_answers(struct wkv_alone *alone)
{
    const struct wkv_meeting *meeting = &alone->meeting;
    uint64_t since = alone->fresh_round > meeting->own_round ? alone->fresh_round : meeting->own_round;
    bool unheard = meeting->round - since > UNHEARD_ROUNDS &&
                   wkv_stats_connects(stats_of(alone)) == alone->connects &&
                   wkv_loop_is_confirmed(&alone->discovery->loop);
    if (unheard && !alone->told_unheard)
        wkv_log_warn(log_of(alone),
                     "no answer to the question whether another instance serves this binding, not even from "
                     "this one, so that another one would go unnoticed: grant this user `publish` on %s and "
                     "`subscribe` on its inbox",
                     QUESTION_SUBJECT);
    if (unheard || meeting->round == meeting->own_round)
        alone->told_unheard = unheard;
}

static const char *started_of(const struct wkv_pong *pong)
{
    return pong->started[0] == '\0' ? "nobody knows when" : pong->started;
}

/* What was there is over. */
static void tell_end(struct wkv_alone *alone, enum wkv_meeting_state before)
{
    if (before == WKV_MEETING_STAY) {
        wkv_stats_set_split(stats_of(alone), false);
        wkv_notify_status("serving");
        wkv_log_info(log_of(alone), "the other instance no longer serves: this one is alone and ready again");
    } else if (before == WKV_MEETING_SUSPECT) {
        wkv_log_info(log_of(alone), "the other instance no longer answers: nothing is done");
    }
}

static void tell_suspect(const struct wkv_alone *alone, const struct wkv_meeting_peer *other)
{
    wkv_log_warn(log_of(alone),
                 "instance %s answers that it serves binding \"%s\" too: asking it again for some seconds "
                 "before anything is done",
                 other->pong.id, alone->discovery->address->binding);
}

static void tell_stay(struct wkv_alone *alone, const struct wkv_meeting_peer *other)
{
    wkv_stats_set_split(stats_of(alone), true);
    wkv_notify_status("split: another instance serves this binding");
    wkv_log_error(log_of(alone),
                  "split: instance %s, started %s, serves binding \"%s\" too and holds a part of its data; "
                  "this one is older, started %s, and stays, but is not ready until the other one has gone",
                  other->pong.id, started_of(&other->pong), alone->discovery->address->binding,
                  alone->meeting.own.started);
}

static void tell_yield(struct wkv_alone *alone, const struct wkv_meeting_peer *other, struct wkv_error *error)
{
    struct wkv_store_stats held;
    const char *binding = alone->discovery->address->binding;
    wkv_store_stats(alone->discovery->provider->store, &held);
    wkv_stats_set_split(stats_of(alone), true);
    wkv_log_error(log_of(alone),
                  "split: instance %s, started %s, serves binding \"%s\" too and is older than this one, "
                  "started %s: this one drains and exits, and loses %" PRIu64 " key%s (%" PRIu64 " bytes)",
                  other->pong.id, started_of(&other->pong), binding, alone->meeting.own.started, held.keys,
                  wkv_plural(held.keys), held.bytes);
    (void)wkv_fail(error, WKV_UNAVAILABLE,
                   "stopped, because instance %s, which is older, serves binding \"%s\" from its memory; "
                   "with --allow-split both would go on, each with a part of the data",
                   other->pong.id, binding);
}

static enum wkv_alone_verdict look(struct wkv_alone *alone, enum wkv_meeting_state before,
                                   const struct wkv_meeting_peer *other, struct wkv_error *error)
{
    watch_answers(alone);
    if (alone->state == before)
        return WKV_ALONE_WAIT;
    if (alone->state == WKV_MEETING_YIELD) {
        tell_yield(alone, other, error);
        return WKV_ALONE_GO;
    }
    if (alone->state == WKV_MEETING_STAY) {
        tell_stay(alone, other);
        return WKV_ALONE_WAIT;
    }
    tell_end(alone, before);
    if (alone->state == WKV_MEETING_SUSPECT)
        tell_suspect(alone, other);
    return WKV_ALONE_WAIT;
}

enum wkv_alone_verdict wkv_alone_turn(struct wkv_alone *alone, int64_t *wait_ms, struct wkv_error *error)
{
    int64_t now_ns = wkv_boottime_ns();
    const struct wkv_meeting_peer *other;
    *wait_ms = MOST_WAIT_MS;
    if (alone->meeting.serving && alone->meeting.own.may_split)
        return WKV_ALONE_WAIT;
    read_answers(alone, now_ns);
    enum wkv_meeting_state before = alone->state;
    alone->state = wkv_meeting_judge(&alone->meeting, now_ns, &other);
    enum wkv_alone_verdict verdict =
        alone->meeting.serving ? look(alone, before, other, error) : claim(alone, other, error);
    if (verdict != WKV_ALONE_WAIT)
        return verdict;
    ask_if_due(alone, now_ns);
    *wait_ms = find_wait_ms(alone, now_ns);
    alone->expected_ns = now_ns + *wait_ms * WKV_NS_PER_MS;
    return WKV_ALONE_WAIT;
}

void wkv_alone_destroy(struct wkv_alone *alone)
{
    for (size_t i = 0; i < WKV_ALONE_ROUNDS; i++)
        natsSubscription_Destroy(alone->rounds[i].answers);
}
