/* A responder: takes a request message through dispatch and sends what comes back. Belongs to its loop's thread. */
#ifndef WKV_TRANSPORT_RESPONDER_H
#define WKV_TRANSPORT_RESPONDER_H

#include <stdatomic.h>
#include <stdint.h>

#include "transport/loop.h"
#include "wascc_keyvalue/provider.h"

struct wkv_responder;

/* One operation's subscription. */
struct wkv_endpoint {
    struct wkv_responder *responder;
    const struct wkv_operation *operation;
    bool for_system;   /* listens to `system` alone */
    bool reads_claims; /* what of the headers this mode needs for this operation */
    bool reads_invocation;
};

struct wkv_responder {
    const struct wkv_provider *provider; /* borrowed */
    const struct wkv_address *address;   /* borrowed */
    struct wkv_session session;
    struct wkv_endpoint
        *endpoints;      /* one for each row of the table, and again for what listens to `system` */
    size_t actor_offset; /* where the actor begins in a request's subject */
    _Atomic bool refuse; /* answer 503: the time to drain is over */

    /* Written by the loop's thread alone. */
    _Atomic uint64_t answered; /* requests with a reply */
    _Atomic uint64_t failed;   /* of these, with an error */
    _Atomic uint64_t unsent;   /* replies that nats.c could not take */
};

/* Errors: WKV_UNAVAILABLE; nothing is left to destroy then. */
enum wkv_code wkv_responder_init(struct wkv_responder *responder, const struct wkv_address *address,
                                 const struct wkv_provider *provider, struct wkv_error *error);
void wkv_responder_destroy(struct wkv_responder *responder);

/* Listens in the queue group of the binding on `<base>.*.<Operation>`, for every operation. An actor that tries one of the
 * system's gets its 403 here; what `system` sends is left to listen_system of each instance. */
enum wkv_code wkv_responder_listen(struct wkv_responder *responder, struct wkv_loop *loop,
                                   struct wkv_error *error);

/* Listens on `<base>.system.<Operation>` for the system's operations, in no queue group: for one responder of the process,
 * since every instance answers, and answers once. */
enum wkv_code wkv_responder_listen_system(struct wkv_responder *responder, struct wkv_loop *loop,
                                          struct wkv_error *error);

#endif
