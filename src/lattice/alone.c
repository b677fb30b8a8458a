#include <stdio.h>

#include "lattice/alone_parts.h"

/* The least time between two questions, whatever the reason. */
#define HURRY_NS (500 * WKV_NS_PER_MS)
/* A turn that is this late means that the process was stopped. */
#define GAP_NS WKV_NS_PER_S
#define MOST_WAIT_MS 1000
/* Where it could not ask. */
#define FAILED_WAIT_MS 100
/* While our own answer is waited for. */
#define CLAIM_POLL_MS 5
#define POLL_MS 50
/* After so many questions without any answer, even our own, the log is told, or the claim ends if the server
 * has refused something. A frozen server answers none either, but it is given up sooner. */
#define UNHEARD_ROUNDS 8
#define REFUSED_ROUNDS 3

void wkv_alone_init(struct wkv_alone *alone, struct wkv_discovery *discovery, const char *inbox_prefix)
{
    *alone = (struct wkv_alone){.discovery = discovery, .inbox_prefix = inbox_prefix};
    struct wkv_pong *own = &alone->meeting.own;
    (void)snprintf(own->id, sizeof own->id, "%s", discovery->id);
    (void)snprintf(own->started, sizeof own->started, "%s", discovery->started);
    own->may_split = discovery->process.split;
    (void)snprintf(own->engine, sizeof own->engine, "%s",
                   wkv_report_engine_name(discovery->process.sources.engine));
}

void wkv_alone_claim(struct wkv_alone *alone)
{
    wkv_meeting_claim(&alone->meeting, wkv_boottime_ns());
    atomic_store(&alone->discovery->phase, WKV_PHASE_STARTING);
}

/* ---- when to ask ---- */

/* Whether something has happened since the last turn that makes the last answer worthless. */
static bool has_reason(struct wkv_alone *alone, int64_t now_ns)
{
    uint64_t connects = wkv_stats_connects(wkv_alone_stats(alone));
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
        wkv_alone_ask(alone, now_ns);
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

static enum wkv_alone_verdict claim(struct wkv_alone *alone, const struct wkv_meeting_peer *other,
                                    struct wkv_error *error)
{
    struct wkv_discovery *discovery = alone->discovery;
    if (alone->state == WKV_MEETING_YIELD) {
        wkv_alone_tell_taken(alone, other, error);
        return WKV_ALONE_GO;
    }
    if (alone->state == WKV_MEETING_ALONE) {
        if (other != NULL)
            wkv_alone_tell_beside(alone, other);
        atomic_store(&discovery->phase, WKV_PHASE_CLAIMED);
        alone->meeting.serving = true;
        return WKV_ALONE_CLAIMED;
    }
    bool suspect = alone->state == WKV_MEETING_SUSPECT;
    atomic_store(&discovery->phase, suspect ? WKV_PHASE_YIELDING : WKV_PHASE_STARTING);
    return is_denied(alone, error) ? WKV_ALONE_DENIED : WKV_ALONE_WAIT;
}

/* ---- while it serves ---- */

/* Whether answers come at all: an instance that may not receive them cannot tell. A question on a connection
 * that was lost since proves nothing. */
static void watch_answers(struct wkv_alone *alone)
{
    const struct wkv_meeting *meeting = &alone->meeting;
    uint64_t since = alone->fresh_round > meeting->own_round ? alone->fresh_round : meeting->own_round;
    bool unheard = meeting->round - since > UNHEARD_ROUNDS &&
                   wkv_stats_connects(wkv_alone_stats(alone)) == alone->connects &&
                   wkv_loop_is_confirmed(&alone->discovery->loop);
    if (unheard && !alone->told_unheard)
        wkv_log_warn(wkv_alone_log(alone),
                     "no answer to the question whether another instance serves this binding, not even from "
                     "this one, so that another one would go unnoticed: grant this user `publish` on %s and "
                     "`subscribe` on its inbox",
                     QUESTION_SUBJECT);
    if (unheard || meeting->round == meeting->own_round)
        alone->told_unheard = unheard;
}

static enum wkv_alone_verdict look(struct wkv_alone *alone, enum wkv_meeting_state before,
                                   const struct wkv_meeting_peer *other, struct wkv_error *error)
{
    watch_answers(alone);
    if (alone->state == before)
        return WKV_ALONE_WAIT;
    if (alone->state == WKV_MEETING_YIELD) {
        wkv_alone_tell_yield(alone, other, error);
        return WKV_ALONE_GO;
    }
    if (alone->state == WKV_MEETING_STAY) {
        wkv_alone_tell_stay(alone, other);
        return WKV_ALONE_WAIT;
    }
    wkv_alone_tell_end(alone, before);
    if (alone->state == WKV_MEETING_SUSPECT)
        wkv_alone_tell_suspect(alone, other);
    return WKV_ALONE_WAIT;
}

enum wkv_alone_verdict wkv_alone_turn(struct wkv_alone *alone, int64_t *wait_ms, struct wkv_error *error)
{
    int64_t now_ns = wkv_boottime_ns();
    const struct wkv_meeting_peer *other;
    *wait_ms = MOST_WAIT_MS;
    if (alone->meeting.serving && alone->meeting.own.may_split)
        return WKV_ALONE_WAIT;
    /* An engine opens its log some time after the start. */
    wkv_report_engine_log_id(alone->discovery->process.sources.engine, alone->meeting.own.log);
    wkv_alone_read_answers(alone, now_ns);
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
