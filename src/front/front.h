/* Fronts: the ways in. A front turns a message into a request (who asks, with what evidence, for which
 * operation, with how much room for a reply), and sends what comes back. Everything between is one way for
 * all of them (exchange.c): overload, draining, admission (call.h), the engine, statistics, the log of
 * requests.
 *
 *   message ─► front.read ─► request ─► call ─► engine ─► reply or error ─► front.send
 *
 *   subjects.c     `<base>.<actor>.<Operation>`, protobuf or JSON
 *   operator.c     `<base>.system.<Operation>`: hosts and operators, likewise
 *   invocations.c  the invocations of waSCC hosts, MessagePack (contract section 7)
 *
 * To add one is to write a file with a struct wkv_front, and a row in fronts.c. All of it belongs to the
 * thread of a worker's loop.
 */
#ifndef WKV_FRONT_FRONT_H
#define WKV_FRONT_FRONT_H

#include "front/call.h"
#include "front/provider.h"
#include "front/worker.h"
#include "nats/header.h"
#include "nats/loop.h"
#include "support/trace.h"
#include "wascc_keyvalue/text.h"

struct wkv_front;

/* What one subscription of a worker is for. */
struct wkv_endpoint {
    const struct wkv_front *front;
    const struct wkv_operation *operation; /* NULL: the message says which */
    wkv_loop_preparer prepare;             /* NULL: none */
    bool for_system;                       /* its subject is `system`'s */
    bool optional;                         /* the server may refuse it: then only that is logged */
    bool shared;                           /* other processes of the binding are in its queue group, too */
    struct wkv_worker *worker;             /* set by wkv_front_listen, like all that follows */
    bool reads_claims;                     /* what of the headers the mode needs for it */
    bool reads_invocation;
    struct wkv_endpoint *next; /* of the worker's */
};

/* The headers that a request may have and that somebody wants. The texts are the message's. */
struct wkv_request_headers {
    struct wkv_header traceparent; /* as it goes back; without a value where there is none that holds */
    struct wkv_trace trace;
    struct wkv_text once_id;            /* likewise without bytes */
    struct wkv_text claims, invocation; /* data NULL: not sent, or not asked for */
};

/* A message on its way. What the front reads of it borrows from the message; of the payload also from the
 * worker's memory for envelopes, which is gone when the call has been admitted. */
struct wkv_exchange {
    const struct wkv_endpoint *endpoint;
    struct wkv_worker *worker;
    natsMsg *message;
    struct wkv_request_headers headers;
    struct wkv_call call; /* call.request is the front's: without an operation it names none of ours */
    struct wkv_error *error;
    size_t reply_bytes; /* of what was sent, for the statistics */
};

/* What a front makes of a message. */
enum wkv_reading {
    WKV_READ_REQUEST, /* a request */
    WKV_READ_REFUSED, /* none, and error says why */
    WKV_READ_SILENT,  /* none that this endpoint answers */
};

struct wkv_front {
    const char *via; /* stands in front of an operation's name in the log of requests */

    /* Listens for a worker that serves actors, or for the one that serves `system` (worker->serves); may do
     * nothing. Errors: as wkv_front_listen. */
    enum wkv_code (*listen)(struct wkv_worker *worker, struct wkv_error *error);

    /* Fills the headers and the request, in which operation (the endpoint's) and times are set already. */
    enum wkv_reading (*read)(struct wkv_exchange *exchange, struct wkv_error *error);

    /* Sends the reply, or the error where its code is not WKV_OK, and sets reply_bytes. A reply that cannot
     * be sent may become an error. Returns false where nothing could be sent. */
    bool (*send)(struct wkv_exchange *exchange, struct wkv_text reply, struct wkv_error *error);
};

/* THE table of fronts; NULL ends it. */
extern const struct wkv_front *const wkv_fronts[];

/* ---- for fronts ---- */

/* Listens on a subject, in a queue group unless that is NULL: what comes goes through the endpoint, which is
 * copied. The result is the worker's own. Errors: NULL (WKV_NO_MEMORY). */
struct wkv_endpoint *wkv_front_listen(struct wkv_worker *worker, const struct wkv_endpoint *endpoint,
                                      const char *subject, const char *queue, struct wkv_error *error);

/* The same, but for the subscription, which comes and goes: wkv_front_handle is to be its handler, and the
 * endpoint its context. */
struct wkv_endpoint *wkv_front_endpoint(struct wkv_worker *worker, const struct wkv_endpoint *endpoint,
                                        struct wkv_error *error);
void wkv_front_handle(struct wkv_loop *loop, void *endpoint, natsMsg *message);

/* The actor of a subject `<base>.<actor>[.…]`: the token behind the base. */
struct wkv_text wkv_front_actor(const struct wkv_worker *worker, natsMsg *message);

/* Whether that is `system`. */
bool wkv_front_is_system(struct wkv_text actor);

/* Reads the headers of the message that the endpoint needs into exchange->headers, which are empty before. */
void wkv_front_read_headers(struct wkv_exchange *exchange);

/* Bytes of the largest payload that the server takes now beside the header that goes back with it. */
size_t wkv_front_room(const struct wkv_exchange *exchange);

/* Answers the message with these bytes, and with its traceparent where it had one; what was done before is
 * said to be. Errors: false where that
 * could not be sent. */
bool wkv_front_reply(struct wkv_exchange *exchange, const void *bytes, size_t len);

/* How plain messages are read and answered: those of a subject and those of `system`. Errors have headers and
 * a body in the encoding of the request (contract section 5). */
enum wkv_reading wkv_front_read_plain(struct wkv_exchange *exchange, struct wkv_error *error);
bool wkv_front_send_plain(struct wkv_exchange *exchange, struct wkv_text reply, struct wkv_error *error);

#endif
