/* Whether this instance is alone on its address: asked before it serves, and from then on every few seconds,
 * after each connection that was made again, after each gap in the process's own time (it was stopped, or the
 * machine slept), and when another instance asks. Two that hold their data in memory would split it.
 *
 * meeting.h has the rules; this asks, listens and acts. All of it runs on the thread that looks after the
 * connections, between its other duties, and never waits: a turn reads what has come, and says how long the
 * next one has time. Only other_asks of the discovery is another thread's.
 */
#ifndef WKV_LATTICE_ALONE_H
#define WKV_LATTICE_ALONE_H

#include "lattice/discovery.h"
#include "lattice/meeting.h"

/* So many rounds are listened to: an answer may be late. */
#define WKV_ALONE_ROUNDS 4

struct wkv_alone_round {
    natsSubscription *answers; /* owned; NULL: none */
    uint64_t number;
    bool ended;     /* nothing more is delivered to it, */
    uint64_t turns; /* once the loop has begun another turn than this */
};

struct wkv_alone {
    struct wkv_discovery *discovery; /* borrowed, like the prefix */
    const char *inbox_prefix;        /* NULL: _INBOX */
    struct wkv_meeting meeting;
    enum wkv_meeting_state state;
    struct wkv_alone_round rounds[WKV_ALONE_ROUNDS]; /* round n is in n % WKV_ALONE_ROUNDS */
    uint64_t connects;                               /* made when it last looked */
    uint64_t fresh_round; /* the last one begun before the connections were as they are */
    int64_t expected_ns;  /* when the next turn is to be, by the clock that runs on */
    bool hurry;           /* there is reason to ask before the time */
    bool failed;          /* it could not ask when it last wanted to */
    bool told_unheard;    /* the log was told that answers do not come */
};

enum wkv_alone_verdict {
    WKV_ALONE_WAIT,    /* nothing follows yet; call again after the wait */
    WKV_ALONE_CLAIMED, /* before it serves: it may */
    WKV_ALONE_GO,      /* another one stays: this one must not hold data here. The error says which */
    WKV_ALONE_DENIED,  /* the server's permissions forbid to ask: the error says what to grant */
};

/* Makes one for a discovery that has been made. Nothing can fail. */
void wkv_alone_init(struct wkv_alone *alone, struct wkv_discovery *discovery, const char *inbox_prefix);

/* Begins to claim the address, on a connection just opened. Turns follow until one does not say "wait". With
 * the claim the phase becomes WKV_PHASE_CLAIMED. */
void wkv_alone_claim(struct wkv_alone *alone);

/* One turn: *wait_ms (at least 1, at most 1000) is the longest until the next one. While it serves, it tells
 * the log and the statistics what it meets, and says "wait" or "go". */
enum wkv_alone_verdict wkv_alone_turn(struct wkv_alone *alone, int64_t *wait_ms, struct wkv_error *error);

/* Frees what it holds; the discovery is disconnected. */
void wkv_alone_destroy(struct wkv_alone *alone);

#endif
