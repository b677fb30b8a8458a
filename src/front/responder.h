/* A responder: takes a request message through dispatch and sends what comes back. Belongs to its loop's
 * thread. */
#ifndef WKV_FRONT_RESPONDER_H
#define WKV_FRONT_RESPONDER_H

#include <stdatomic.h>
#include <stdint.h>

#include "nats/loop.h"
#include "nats/subject.h"
#include "operation/provider.h"
#include "stats/stats.h"
#include "wascc_keyvalue/text.h"

struct wkv_responder;

/* One operation's subscription. */
struct wkv_endpoint {
    struct wkv_responder *responder;
    const struct wkv_operation *operation;
    size_t index;      /* of the operation in the table */
    bool for_system;   /* listens to `system` alone */
    bool reads_claims; /* what of the headers this mode needs for this operation */
    bool reads_invocation;
};

struct wkv_responder {
    const struct wkv_provider *provider; /* borrowed */
    const struct wkv_address *address;   /* borrowed */
    struct wkv_session session;
    struct wkv_endpoint
        *endpoints;                /* one for each row of the table, and again for what listens to `system` */
    size_t actor_offset;           /* where the actor begins in a request's subject */
    struct wkv_arena envelope;     /* of an invocation through the lattice */
    struct wkv_buffer response;    /* likewise */
    struct wkv_stats_block *stats; /* borrowed; its thread is the loop's */
    struct wkv_log *log;           /* borrowed */
    _Atomic bool refuse;           /* answer 503: the time to drain is over */
};

/* number says which block of the provider's statistics is this responder's own. Errors: WKV_UNAVAILABLE;
 * nothing is left to destroy then. */
enum wkv_code wkv_responder_init(struct wkv_responder *responder, unsigned number,
                                 const struct wkv_address *address, const struct wkv_provider *provider,
                                 struct wkv_log *log, struct wkv_error *error);
void wkv_responder_destroy(struct wkv_responder *responder);

/* The headers that a request may have and that somebody wants. The texts are the message's. */
struct wkv_request_headers {
    struct wkv_header traceparent; /* as it goes back; without a value where there is none that holds */
    struct wkv_trace trace;
    struct wkv_text claims, invocation; /* data NULL: not sent, or not asked for */
};

/* Reads them: claims only where the mode asks for them, for even a look costs something. */
void wkv_responder_read_headers(natsMsg *message, bool claims, bool invocation,
                                struct wkv_request_headers *headers);

/* Does what the request asks for, unless the process is about to end or there is too much to do: then 503. As
 * wkv_dispatch; session.encoding is set where it fails. request->max_reply_bytes may become less. */
enum wkv_code wkv_responder_answer(struct wkv_responder *responder, struct wkv_loop *loop,
                                   struct wkv_request *request, struct wkv_text *reply,
                                   struct wkv_error *error);

/* Bytes of the largest reply that the server takes now beside the header that goes back with it. */
size_t wkv_responder_room(const struct wkv_loop *loop, const struct wkv_request_headers *headers);

/* Answers the message, with its traceparent where it had one. Errors: false where the reply could not be
 * sent. */
bool wkv_responder_send(struct wkv_loop *loop, natsMsg *message, const void *bytes, size_t len,
                        const struct wkv_request_headers *headers);

/* Listens in the queue group of the binding on `<base>.*.<Operation>`, for every operation. An actor that
 * tries one of the system's gets its 403 here; what `system` sends is left to listen_system of each instance.
 */
enum wkv_code wkv_responder_listen(struct wkv_responder *responder, struct wkv_loop *loop,
                                   struct wkv_error *error);

/* Listens on `<base>.system.<Operation>` for the system's operations, in no queue group: for one responder of
 * the process, since every instance answers, and answers once. */
enum wkv_code wkv_responder_listen_system(struct wkv_responder *responder, struct wkv_loop *loop,
                                          struct wkv_error *error);

#endif
