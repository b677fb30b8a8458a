/* Reads a stream from a position on, every message once and in order, whatever happens to connections,
 * servers and consumers; and says so where that cannot be.
 *
 *   IDLE ──begin──► ASKING ──answer──► OVERLAP ──the message applied last, the same──► FOLLOWING
 *                    ▲  in 500 ms anew   │ │                                             │  │
 *                    └───── gap in the consumer, 2 heartbeats missed, status, reconnect ─┴──┘  │
 *                                          └──────────── trouble ──► STOPPED ◄─────────────────┘
 *
 * A consumer begins at the message that was applied last, not behind it. Its first message must be that one,
 * with the same bytes: a server whose stream has lost its end starts elsewhere without a word (DESIGN, 0).
 * Behind it there may be positions that were passed, since they have no message. Whoever has applied nothing
 * begins at position 1, which has no overlap.
 *
 * A step function: it knows no network, thread or clock, and calls `publish` for what is to be sent. A
 * consumer delivers only where somebody has subscribed to exactly its subject, and what it delivers has the
 * subject that it was stored with; so there are slots, which the consumers take in turn: the owner is
 * subscribed to
 * `<inbox>.d.<slot>` for each of them, and says from which one a message came. A consumer that was given up
 * would go on as long as the owner is subscribed, and all of the log would come twice: it is deleted as soon
 * as its name is known. One thread.
 */
#ifndef WKV_JETSTREAM_READER_H
#define WKV_JETSTREAM_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "jetstream/api.h"
#include "jetstream/delivery.h"

/* Why a reader has stopped. Its owner asks the stream's leader what is true (STREAM_INFO, MESSAGE_GET), and
 * begins it again, at the same position or at another. */
enum wkv_js_trouble {
    WKV_JS_MISSING,    /* the next message that is there is not the next one: those from..to are not */
    WKV_JS_DIFFERENT,  /* the message applied last, `from`, has other bytes now; or there is one at `from`,
                          which  was passed */
    WKV_JS_NO_OVERLAP, /* nothing came from `from` on, which was applied: the stream may end before it */
    WKV_JS_NO_READING, /* the server refuses a consumer: see the refusal; it may have no such stream */
};

struct wkv_js_reader;

#define WKV_JS_READER_SLOTS 8U

/* All are called on the reader's thread. `message` and `trouble` may begin the reader anew. */
struct wkv_js_reader_hooks {
    void (*publish)(void *context, const char *subject, const char *reply, const char *text);
    /* The next message: position is one more than the last one's. Its bytes are valid until this returns. */
    void (*message)(void *context, uint64_t position, int64_t time_ns, struct wkv_text bytes);
    /* Whether these are the bytes of the message that was applied last. */
    bool (*is_known)(void *context, uint64_t position, struct wkv_text bytes);
    void (*trouble)(void *context, enum wkv_js_trouble trouble, uint64_t from, uint64_t to,
                    const struct wkv_js_refusal *refusal);
    void *context;
};

enum wkv_js_reader_state {
    WKV_JS_IDLE,      /* nothing is to be read, or there is no connection */
    WKV_JS_ASKING,    /* for a consumer */
    WKV_JS_OVERLAP,   /* there is one; its first message has not come */
    WKV_JS_FOLLOWING, /* everything that comes is new */
    WKV_JS_STOPPED,   /* by trouble */
};

struct wkv_js_reader {
    const char *stream, *domain; /* borrowed */
    char inbox[WKV_SUBJECT_BYTES];
    struct wkv_js_reader_hooks hooks;
    enum wkv_js_reader_state state;
    bool wanted; /* begun, and not ended by trouble */
    bool connected;
    uint64_t applied;           /* the last position, 0: none yet */
    uint64_t overlap;           /* of the last message, which is that or lies before it; 0: there is none */
    uint64_t pending;           /* messages behind it, as the server last said */
    uint64_t generation;        /* of consumers */
    uint64_t consumer_sequence; /* of this consumer's last message */
    uint64_t consumers;         /* that were made, for the figures */
    char consumer[64];          /* the name of this one; "": not known */
    unsigned tries;             /* requests for it, so far without an answer */
    int64_t deleted_ns;         /* when an old one was deleted because of what it delivered */
    int64_t asked_ns;           /* for a consumer; or there is one since then */
    int64_t heard_ns;           /* the last message or heartbeat of this consumer */
};

/* inbox: a subject that nobody else has; the owner is subscribed to `<inbox>.*`, for answers, and to the
 * slots. Texts are borrowed but for the inbox. */
void wkv_js_reader_init(struct wkv_js_reader *reader, const char *stream, const char *domain,
                        const char *inbox, const struct wkv_js_reader_hooks *hooks);

/* Reads from behind `applied` on (0: from the stream's first position, which is 1). overlap: where the last
 * message up to there is, which is_known knows; 0: none is known. */
void wkv_js_reader_begin(struct wkv_js_reader *reader, uint64_t applied, uint64_t overlap, int64_t now_ns);

/* The connection is up, with its subscription; or lost. */
void wkv_js_reader_connected(struct wkv_js_reader *reader, int64_t now_ns);
void wkv_js_reader_lost(struct wkv_js_reader *reader);

/* Asks for another consumer: something says that there are messages which this one does not deliver. */
void wkv_js_reader_renew(struct wkv_js_reader *reader, int64_t now_ns);

/* Takes a message that came to `<inbox>.*`, or to a slot's subject. */
void wkv_js_reader_take(struct wkv_js_reader *reader, const struct wkv_js_incoming *incoming, int64_t now_ns);
void wkv_js_reader_take_delivery(struct wkv_js_reader *reader, unsigned slot,
                                 const struct wkv_js_incoming *incoming, int64_t now_ns);

/* Does what is due. Returns when something will be, in the same clock; INT64_MAX: nothing. */
int64_t wkv_js_reader_tick(struct wkv_js_reader *reader, int64_t now_ns);

#endif
