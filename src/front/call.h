/* A call: a request on its way to an engine. Who asks, and may they (contract section 6)? What do they want,
 * and is it well said (sections 3 to 5)? Then its ticket is ready.
 */
#ifndef WKV_FRONT_CALL_H
#define WKV_FRONT_CALL_H

#include <stddef.h>
#include <stdint.h>

#include "access/bindings.h"
#include "access/policy.h"
#include "codec/codec.h"
#include "engine/ticket.h"
#include "front/session.h"
#include "operation/operation.h"
#include "wascc_keyvalue/text.h"

/* A request, as a front reads it off a message. */
struct wkv_request {
    const struct wkv_operation *operation;
    enum wkv_form form;
    enum wkv_evidence evidence;
    struct wkv_text actor;      /* the token of the subject; not yet believed */
    struct wkv_text claims;     /* the actor's signed claims; data NULL where they were not sent */
    struct wkv_text invocation; /* the host's signed claims of this invocation, likewise */
    struct wkv_text reply_to;   /* of `system`: the subject for its answer; without bytes: there is none */
    struct wkv_text id, host;   /* of an envelope: what these must say; likewise */
    bool reads_locally;         /* it asks for what this instance has */
    struct wkv_text once_id;    /* it is to be done once only under this id; without bytes: it has none */
    const void *payload;        /* borrowed until the call is admitted */
    size_t payload_bytes;
    size_t max_reply_bytes;    /* of what is sent: the server's max_payload, less */
    size_t reply_header_bytes; /* what headers go back with it */
    size_t room_now; /* max_reply_bytes at this moment, where too much waits to be sent; 0: no less */
    /* Bytes of a reply when it is sent, where its front wraps it into something; NULL: as many as it has. */
    size_t (*sent_bytes)(const struct wkv_request *request, struct wkv_text reply);
    int64_t now_ns; /* monotonic; the store's clock */
    int64_t wall_s; /* seconds since 1970, for the times in claims; 0 will do for WKV_AUTH_NONE */
};

struct wkv_call {
    struct wkv_request request;
    struct wkv_policy_request asked; /* the request, as the policy sees it */
    unsigned char signer[WKV_NKEY_BYTES];
    struct wkv_policy_note note;
    struct wkv_host host; /* of an operation that is about the process */
    struct wkv_ticket ticket;
};

/* Whether requests in that mode have headers that are to be read: reading them costs more than all the rest.
 */
bool wkv_call_reads_claims(enum wkv_auth auth, const struct wkv_operation *operation);
bool wkv_call_reads_invocation(enum wkv_auth auth, const struct wkv_operation *operation);

/* Gets the store ready for requests that are about to be admitted, from a look at their payloads: an
 * operation on a cold key mostly waits for memory, and so all of them wait at once. Reads nothing of the
 * requests but actor and payload, changes nothing, and answers nobody. At most WKV_STORE_PREFETCH. */
void wkv_call_prefetch(struct wkv_session *session, const struct wkv_request *requests, size_t count);

/* Checks who asks, decodes call->request and checks what it says. The ticket is then ready for an engine, but
 * for complete, keep and resume; what it needs lies in the call and in the session's memory. error is where
 * a refusal goes, from now on to the end. Errors: every code of contract section 5 that needs no look at the
 * store, the text beginning with the operation's name; WKV_UNAVAILABLE with ticket.squeezed where only
 * room_now is too small. ticket.command.encoding says in each case in which encoding the requester is told.
 */
enum wkv_code wkv_call_admit(struct wkv_session *session, struct wkv_call *call, struct wkv_error *error);

/* The encoding for a request that is refused without being admitted. */
enum wkv_encoding wkv_call_encoding(const struct wkv_request *request);

/* Copies a call that has been admitted to where it stays. */
void wkv_call_move(struct wkv_call *to, const struct wkv_call *from);

#endif
