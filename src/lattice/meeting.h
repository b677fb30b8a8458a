/* Whom an instance meets on its address, and what follows: the rules alone. No clock, no thread, no NATS.
 *
 * An instance asks in rounds who is there (alone.h does); each round has an inbox of its own, so that an
 * answer belongs to a round and comes from somebody who has heard that question. One answer proves nothing:
 * it may be forged by anybody who hears a question. So what follows takes several of WKV_MEETING_ASKED
 * rounds, the more the less it can be undone, and so some seconds. A real instance answers nearly all; one
 * that is silent for WKV_MEETING_SILENT rounds is gone, or was never there. That the one that goes is the
 * last to be sure gives the other time to notice.
 *
 *   before it serves           others that hold data, or start too and have a smaller id, are in the way
 *   from then on               others that serve are; of two the older one stays, the younger one goes
 *
 * Two that start at once: each listens before it asks, so the one that asks later hears of the other. One
 * that finds another in its way says so (WKV_PHASE_YIELDING), and then the other need not wait for it. One
 * that stops yielding asks anew before it decides, for others have gone on without it.
 */
#ifndef WKV_LATTICE_MEETING_H
#define WKV_LATTICE_MEETING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lattice/pong.h"

#define WKV_MEETING_ASKED 7
#define WKV_MEETING_SILENT 3
/* Answers, each in a round of its own, before this one says that it is not ready; does not start; and goes,
 * with the data that it holds. */
#define WKV_MEETING_STAY_ANSWERS 4
#define WKV_MEETING_START_ANSWERS 5
#define WKV_MEETING_GO_ANSWERS 6
/* At most so many others are kept in mind; a flood of forged answers cannot displace one that has answered
 * twice. */
#define WKV_MEETING_PEERS 16

/* Between two rounds, in nanoseconds: while others are in the way; while one that starts has yet to decide;
 * until our own answer must have come. */
#define WKV_MEETING_ROUND_NS (800 * WKV_NS_PER_MS)
#define WKV_MEETING_UNDECIDED_NS (100 * WKV_NS_PER_MS)
#define WKV_MEETING_UNHEARD_NS (300 * WKV_NS_PER_MS)
/* After our own answer the others' are waited for: at least so long, and where ours has taken its time, which
 * tells of a busy machine, that many times as long; at most so long. */
#define WKV_MEETING_AFTER_OWN_NS (50 * WKV_NS_PER_MS)
#define WKV_MEETING_AFTER_OWN_TIMES 4
#define WKV_MEETING_AFTER_OWN_MOST_NS (250 * WKV_NS_PER_MS)
/* Nobody is kept from serving for longer by others that are not confirmed. A real one is by then. */
#define WKV_MEETING_CLAIM_NS (8 * WKV_NS_PER_S)

struct wkv_meeting_peer {
    struct wkv_pong pong;
    uint64_t first, last; /* rounds in which it answered */
    uint32_t answered;    /* bit i: in round first + i */
    bool confirmed;
};

enum wkv_meeting_state {
    WKV_MEETING_OPEN,    /* nothing follows yet */
    WKV_MEETING_ALONE,   /* nobody else is there (before it serves: it may) */
    WKV_MEETING_SUSPECT, /* somebody answers, and is asked again */
    WKV_MEETING_STAY,    /* somebody younger serves too, and has to go */
    WKV_MEETING_YIELD,   /* somebody is there who stays: this one has to go */
};

/* Times are nanoseconds of one clock that does not go back. */
struct wkv_meeting {
    struct wkv_pong own;
    bool serving; /* has claimed its address */
    int64_t claim_ns;
    int64_t asked_ns;         /* the last round begun */
    uint64_t own_round;       /* the last one to which our own answer came; 0: none */
    int64_t over_ns;          /* when the others have had their time to answer that one, too */
    int64_t interval_ns;      /* between rounds where nobody else is there */
    uint64_t round;           /* the last one begun; 0: none */
    uint64_t undecided_round; /* the last in which one that starts had yet to decide */
    uint64_t blocked_round;   /* the last in which others were in the way, and we yielding */
    struct wkv_meeting_peer peers[WKV_MEETING_PEERS];
    size_t peer_count;
};

/* Begins to claim the address, forgetting all peers. */
void wkv_meeting_claim(struct wkv_meeting *meeting, int64_t now_ns);

/* A new round begins: the question is sent. */
void wkv_meeting_ask(struct wkv_meeting *meeting, int64_t now_ns);

/* An answer has come to the inbox of that round. */
void wkv_meeting_hear(struct wkv_meeting *meeting, uint64_t round, const struct wkv_pong *pong,
                      int64_t now_ns);

/* What follows from all that was heard up to now. *other gets the peer that the state is about (borrowed
 * until the next call), NULL where it is about none. */
enum wkv_meeting_state wkv_meeting_judge(struct wkv_meeting *meeting, int64_t now_ns,
                                         const struct wkv_meeting_peer **other);

/* When to judge next, and when the next round is due: both where nothing else is heard before. */
int64_t wkv_meeting_judge_ns(const struct wkv_meeting *meeting, int64_t now_ns);
int64_t wkv_meeting_due_ns(const struct wkv_meeting *meeting);

#endif
