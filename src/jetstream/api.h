/* Requests to JetStream's API and what it answers, as plain NATS requests with JSON
 * (https://docs.nats.io/reference/reference-protocols/nats_api_reference). nats.c has an API for them that
 * starts threads of its own, which must not touch a loop's messages; so this writes and reads the texts, and
 * sends nothing.
 *
 * A request's text is the caller's to free(). NULL: memory is short. Any thread.
 */
#ifndef WKV_JETSTREAM_API_H
#define WKV_JETSTREAM_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "jetstream/names.h"
#include "support/error.h"
#include "support/text.h"

/* Subjects of the API. domain: NULL or "" for none. */
#define WKV_JS_SUBJECT_BYTES 512

enum wkv_js_call {
    WKV_JS_ACCOUNT_INFO,    /* no stream; no request */
    WKV_JS_STREAM_INFO,     /* no request */
    WKV_JS_STREAM_CREATE,   /* wkv_js_stream_request */
    WKV_JS_STREAM_UPDATE,   /* the same */
    WKV_JS_STREAM_PURGE,    /* wkv_js_purge_request */
    WKV_JS_MESSAGE_GET,     /* wkv_js_get_request and others */
    WKV_JS_CONSUMER_CREATE, /* wkv_js_consumer_request */
    WKV_JS_CONSUMER_DELETE, /* no request */
};

/* Writes the subject of a call. stream and consumer: NULL where the call has none. Errors: WKV_BAD_REQUEST
 * where it would be too long, which a --js-domain can be. */
enum wkv_code wkv_js_subject(enum wkv_js_call call, const char *domain, const char *stream,
                             const char *consumer, char out[WKV_JS_SUBJECT_BYTES], struct wkv_error *error);

/* ---- requests ---- */

/* A stream of ours: "retention limits, storage file, discard new, deny_delete, no allow_direct", and without
 * any limit but max_bytes: what is in it goes by a purge of ours and in no other way. */
struct wkv_js_stream {
    const char *name;
    const char *subjects[2]; /* the second may be NULL */
    unsigned replicas;
    int64_t max_bytes;
};

char *wkv_js_stream_request(const struct wkv_js_stream *stream);

/* STREAM_UPDATE, of a stream that is as STREAM_INFO has answered, but for its size. Errors: NULL where that
 * answer is none, too. */
char *wkv_js_resize_request(struct wkv_text info, int64_t max_bytes);

/* A push consumer without acknowledgements, from a sequence on, with flow control and a heartbeat each
 * second; it ends by itself when nobody has listened for 30 s. deliver_to: an inbox, which must be subscribed
 * to by its full name: a subscription with a wildcard is none to JetStream, and nothing is delivered. */
char *wkv_js_consumer_request(const char *stream, const char *deliver_to, uint64_t first);

/* Purges all below the sequence. Never below 2 or above what the stream has: JetStream takes {"seq":1} for
 * everything, and lets a sequence behind the end jump (DESIGN, 6). Errors: NULL there, too. */
char *wkv_js_purge_request(uint64_t below);

/* One message: by its sequence, as the last on a subject, or as the first on it from a sequence on. */
char *wkv_js_get_request(uint64_t sequence);
char *wkv_js_get_last_request(const char *subject);
char *wkv_js_get_next_request(const char *subject, uint64_t from);

/* ---- answers ---- */

enum wkv_js_answer {
    WKV_JS_DONE,
    WKV_JS_REFUSED, /* the server says no: see the refusal */
    WKV_JS_GARBLED, /* no answer that is understood */
    WKV_JS_NO_MEMORY,
};

/* Numbers of refusals (nats-server's errors.json) that decide what is done next. */
enum wkv_js_refusal_number {
    WKV_JS_NO_MESSAGE = 10037,
    WKV_JS_NOT_ENABLED_FOR_ACCOUNT = 10039,
    WKV_JS_NAME_IN_USE = 10058,
    WKV_JS_NO_STREAM = 10059,
    WKV_JS_WRONG_LAST_SEQUENCE = 10071,
    WKV_JS_NOT_ENABLED = 10076,
};

struct wkv_js_refusal {
    int number;     /* of the refusal; 0: it has none */
    int code;       /* as of HTTP */
    char text[160]; /* the server's own, printable */
};

/* What a publish is answered with. */
struct wkv_js_ack {
    uint64_t sequence;
};
enum wkv_js_answer wkv_js_read_ack(struct wkv_text answer, struct wkv_js_ack *ack,
                                   struct wkv_js_refusal *refusal);

struct wkv_js_account {
    uint64_t storage_bytes;
    int64_t max_storage_bytes; /* -1: no limit */
};
enum wkv_js_answer wkv_js_read_account(struct wkv_text answer, struct wkv_js_account *account,
                                       struct wkv_js_refusal *refusal);

/* STREAM_INFO, STREAM_CREATE and STREAM_UPDATE. */
struct wkv_js_stream_state {
    uint64_t messages, bytes;
    uint64_t first, last; /* sequences; without a message first is last + 1, or 0 at the very beginning */
    unsigned replicas;
    int64_t max_bytes;
    bool has_leader;  /* a server leads it now, as far as this one knows */
    char differs[96]; /* in what it is not as `ours` would be made, replicas and max_bytes apart; "": nothing
                       */
};
enum wkv_js_answer wkv_js_read_stream(struct wkv_text answer, const struct wkv_js_stream *ours,
                                      struct wkv_js_stream_state *state, struct wkv_js_refusal *refusal);

/* CONSUMER_CREATE. */
struct wkv_js_consumer {
    char name[64];
};
enum wkv_js_answer wkv_js_read_consumer(struct wkv_text answer, struct wkv_js_consumer *consumer,
                                        struct wkv_js_refusal *refusal);

/* MESSAGE_GET. The bytes are the caller's to free(). */
struct wkv_js_message {
    uint64_t sequence;
    int64_t time_ns; /* when the stream's leader took it: Unix time; 0: it does not say */
    unsigned char *bytes;
    size_t len;
};
enum wkv_js_answer wkv_js_read_message(struct wkv_text answer, struct wkv_js_message *message,
                                       struct wkv_js_refusal *refusal);

/* STREAM_PURGE and CONSUMER_DELETE, whose answers say no more than that it is done. */
enum wkv_js_answer wkv_js_read_done(struct wkv_text answer, struct wkv_js_refusal *refusal);

#endif
