#include "lattice/meeting.h"

#include <assert.h>
#include <string.h>

static_assert(WKV_MEETING_ASKED <= 32, "a bit a round");

void wkv_meeting_claim(struct wkv_meeting *meeting, int64_t now_ns)
{
    meeting->serving = false;
    meeting->claim_ns = now_ns;
    meeting->peer_count = 0;
    /* What was heard before counts for nothing. */
    meeting->blocked_round = meeting->round;
}

void wkv_meeting_ask(struct wkv_meeting *meeting, int64_t now_ns)
{
    meeting->round++;
    meeting->asked_ns = now_ns;
    if (meeting->peer_count > 0)
        meeting->blocked_round = meeting->round;
}

/* Whether one that answers so cannot be there together with us. */
static bool is_in_the_way(const struct wkv_meeting *meeting, const struct wkv_pong *pong)
{
    if (wkv_pong_share(&meeting->own, pong))
        return false;
    if (!meeting->serving)
        return pong->phase >= WKV_PHASE_CLAIMED ||
               (pong->phase == WKV_PHASE_STARTING && strcmp(pong->id, meeting->own.id) < 0);
    if (pong->may_split && wkv_pong_is_older(&meeting->own, pong))
        return false;
    return pong->phase == WKV_PHASE_CLAIMED || pong->phase == WKV_PHASE_SERVING;
}

static struct wkv_meeting_peer *find(struct wkv_meeting *meeting, const char *id)
{
    for (size_t i = 0; i < meeting->peer_count; i++)
        if (strcmp(meeting->peers[i].pong.id, id) == 0)
            return &meeting->peers[i];
    return NULL;
}

static void forget(struct wkv_meeting *meeting, struct wkv_meeting_peer *peer)
{
    *peer = meeting->peers[--meeting->peer_count];
}

/* Room for one more: where there is none, in place of one that has answered once only. */
static struct wkv_meeting_peer *make_room(struct wkv_meeting *meeting, uint64_t round)
{
    if (meeting->peer_count < WKV_MEETING_PEERS)
        return &meeting->peers[meeting->peer_count++];
    for (size_t i = 0; i < WKV_MEETING_PEERS; i++)
        if (meeting->peers[i].last == meeting->peers[i].first && meeting->peers[i].first < round)
            return &meeting->peers[i];
    return NULL;
}

static void note(struct wkv_meeting *meeting, uint64_t round, const struct wkv_pong *pong)
{
    struct wkv_meeting_peer *peer = find(meeting, pong->id);
    if (peer == NULL) {
        peer = make_room(meeting, round);
        if (peer == NULL)
            return;
        *peer = (struct wkv_meeting_peer){.first = round, .last = round};
    }
    if (round < peer->first)
        return;
    peer->pong = *pong;
    if (round > peer->last)
        peer->last = round;
    if (round - peer->first < WKV_MEETING_ASKED)
        peer->answered |= UINT32_C(1) << (round - peer->first);
}

static void hear_own(struct wkv_meeting *meeting, uint64_t round, int64_t now_ns)
{
    if (round <= meeting->own_round)
        return;
    int64_t took_ns = now_ns - meeting->asked_ns;
    int64_t wait_ns = took_ns * WKV_MEETING_AFTER_OWN_TIMES;
    if (wait_ns < WKV_MEETING_AFTER_OWN_NS)
        wait_ns = WKV_MEETING_AFTER_OWN_NS;
    if (wait_ns > WKV_MEETING_AFTER_OWN_MOST_NS || round < meeting->round)
        wait_ns = WKV_MEETING_AFTER_OWN_MOST_NS;
    meeting->own_round = round;
    meeting->over_ns = now_ns + wait_ns;
}

void wkv_meeting_hear(struct wkv_meeting *meeting, uint64_t round, const struct wkv_pong *pong,
                      int64_t now_ns)
{
    if (strcmp(pong->id, meeting->own.id) == 0) {
        hear_own(meeting, round, now_ns);
        return;
    }
    if (is_in_the_way(meeting, pong)) {
        note(meeting, round, pong);
        return;
    }
    struct wkv_meeting_peer *peer = find(meeting, pong->id);
    if (peer != NULL && round >= peer->last)
        forget(meeting, peer);
    if (pong->phase == WKV_PHASE_STARTING && !wkv_pong_share(&meeting->own, pong) &&
        round > meeting->undecided_round)
        meeting->undecided_round = round;
}

/* Whether nothing more is to be expected of it. The last round counts when it has had its time. */
static bool is_gone(const struct wkv_meeting *meeting, const struct wkv_meeting_peer *peer, int64_t now_ns)
{
    uint64_t over = now_ns - meeting->asked_ns >= WKV_MEETING_ROUND_NS ? 1 : 0;
    uint64_t silent = meeting->round - peer->last;
    uint64_t asked = meeting->round - peer->first + 1;
    return silent + over > WKV_MEETING_SILENT || (!peer->confirmed && asked + over > WKV_MEETING_ASKED);
}

static int needed_answers(const struct wkv_meeting *meeting, const struct wkv_meeting_peer *peer)
{
    if (!meeting->serving)
        return WKV_MEETING_START_ANSWERS;
    return wkv_pong_is_older(&peer->pong, &meeting->own) ? WKV_MEETING_GO_ANSWERS : WKV_MEETING_STAY_ANSWERS;
}

/* One that only says for seconds that it is starting holds no data, and a real one does not say so for long.
 */
static bool is_certain(const struct wkv_meeting *meeting, const struct wkv_meeting_peer *peer)
{
    return peer->pong.phase >= WKV_PHASE_CLAIMED &&
           __builtin_popcount(peer->answered) >= needed_answers(meeting, peer);
}

static void look_at_peers(struct wkv_meeting *meeting, int64_t now_ns)
{
    for (size_t i = meeting->peer_count; i-- > 0;) {
        struct wkv_meeting_peer *peer = &meeting->peers[i];
        peer->confirmed |= is_certain(meeting, peer);
        if (is_gone(meeting, peer, now_ns))
            forget(meeting, peer);
    }
}

/* The peer that counts the most: a confirmed one that stays, then any confirmed one. */
static const struct wkv_meeting_peer *foremost(const struct wkv_meeting *meeting)
{
    const struct wkv_meeting_peer *best = NULL;
    for (size_t i = 0; i < meeting->peer_count; i++) {
        const struct wkv_meeting_peer *peer = &meeting->peers[i];
        if (best == NULL || (peer->confirmed && !best->confirmed) ||
            (peer->confirmed == best->confirmed && wkv_pong_is_older(&peer->pong, &best->pong)))
            best = peer;
    }
    return best;
}

/* Whether a question of this claim has been answered by us, and others that are there have had time for it.
 */
static bool is_over(const struct wkv_meeting *meeting, int64_t now_ns)
{
    return meeting->own_round > meeting->blocked_round && now_ns >= meeting->over_ns;
}

static enum wkv_meeting_state judge_claim(struct wkv_meeting *meeting, int64_t now_ns,
                                          const struct wkv_meeting_peer *peer)
{
    bool over = is_over(meeting, now_ns);
    if (meeting->own.may_split)
        return over ? WKV_MEETING_ALONE : WKV_MEETING_OPEN;
    if (peer != NULL && peer->confirmed)
        return WKV_MEETING_YIELD;
    if (now_ns - meeting->claim_ns >= WKV_MEETING_CLAIM_NS)
        return WKV_MEETING_ALONE;
    if (peer != NULL) {
        meeting->blocked_round = meeting->round;
        return WKV_MEETING_SUSPECT;
    }
    return over && meeting->own_round > meeting->undecided_round ? WKV_MEETING_ALONE : WKV_MEETING_OPEN;
}

enum wkv_meeting_state wkv_meeting_judge(struct wkv_meeting *meeting, int64_t now_ns,
                                         const struct wkv_meeting_peer **other)
{
    look_at_peers(meeting, now_ns);
    const struct wkv_meeting_peer *peer = foremost(meeting);
    *other = peer;
    if (!meeting->serving)
        return judge_claim(meeting, now_ns, peer);
    if (peer == NULL)
        return WKV_MEETING_ALONE;
    if (!peer->confirmed)
        return WKV_MEETING_SUSPECT;
    return wkv_pong_is_older(&peer->pong, &meeting->own) ? WKV_MEETING_YIELD : WKV_MEETING_STAY;
}

static int64_t later(int64_t one_ns, int64_t other_ns)
{
    return one_ns > other_ns ? one_ns : other_ns;
}

int64_t wkv_meeting_due_ns(const struct wkv_meeting *meeting)
{
    if (meeting->peer_count > 0)
        return meeting->asked_ns + WKV_MEETING_ROUND_NS;
    if (meeting->serving)
        return meeting->asked_ns + meeting->interval_ns;
    if (meeting->round == meeting->blocked_round)
        return 0;
    if (meeting->own_round < meeting->round)
        return meeting->asked_ns + WKV_MEETING_UNHEARD_NS;
    return later(meeting->asked_ns + WKV_MEETING_UNDECIDED_NS, meeting->over_ns);
}

int64_t wkv_meeting_judge_ns(const struct wkv_meeting *meeting, int64_t now_ns)
{
    int64_t due_ns = wkv_meeting_due_ns(meeting);
    bool waits = meeting->own_round == meeting->round && meeting->over_ns > now_ns;
    return waits && meeting->over_ns < due_ns ? meeting->over_ns : due_ns;
}
