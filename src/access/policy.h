/* Whether a request is allowed, by the evidence that it brings and the keys that are trusted (contract
 * section 6).
 *
 * Requests come as plain data: the room knows neither NATS nor the store. Error texts do not name the
 * operation: the writer of the reply puts it in front, as with every error.
 *
 * The codes follow CONTRACT section 5. 401: no claims, or claims that do not hold: malformed, unsigned, out
 * of their time, of an untrusted key, or an invocation's that were made for another payload. 403:
 * claims that hold but do not reach: no wascc:keyvalue, another actor's subject, another operation or
 * binding, a system operation from an actor, a replayed invocation. 503: the replay window is full, or memory
 * is short.
 */
#ifndef WKV_ACCESS_POLICY_H
#define WKV_ACCESS_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "security/claims_cache.h"
#include "security/replay.h"
#include "security/trust.h"
#include "support/error.h"
#include "wascc_keyvalue/text.h"

/* --auth */
enum wkv_auth {
    WKV_AUTH_CLAIMS = 0, /* the actor's claims on every request */
    WKV_AUTH_INVOCATION, /* those, and invocation claims on every request */
    WKV_AUTH_BINDING,    /* nothing: the actor's binding brought its claims */
    WKV_AUTH_NONE,       /* nothing at all: for a desk */
};

/* The name of a mode, which parse reads. Static text. */
const char *wkv_auth_name(enum wkv_auth auth);

/* Reads one of those names. Returns false for anything else. */
bool wkv_auth_parse(const char *name, enum wkv_auth *auth);

/* Whether a server can serve in this mode with these lists; where it cannot, the text says what to do.
 * Errors: WKV_BAD_REQUEST (no trusted issuer, or in the modes that need one no trusted host). */
enum wkv_code wkv_auth_check_trust(enum wkv_auth auth, const struct wkv_trust *trust,
                                   struct wkv_error *error);

/* The actor's name in the subject of system operations, and in their origin_url. */
#define WKV_POLICY_SYSTEM "system"

/* One worker's policy. All of it is borrowed; only its own thread may use it. */
struct wkv_policy {
    enum wkv_auth auth;
    bool require_binding;           /* refuse actors that are not bound, in every mode */
    struct wkv_trust_reader *trust; /* this worker's */
    struct wkv_claims_cache *cache; /* this worker's */
    struct wkv_replay *replay;      /* shared by all workers; NULL: invocations are noted elsewhere */
};

/* What BindActor brought for an actor, and the host that sent it. */
struct wkv_policy_binding {
    bool bound;
    bool signed_claims; /* it brought the actor's signed claims: a host's statement of them is not enough to
                           open the actor's plain subjects under WKV_AUTH_BINDING */
    bool has_host;      /* `host` is known: false under WKV_AUTH_NONE, and for what others remember */
    unsigned char host[WKV_NKEY_BYTES]; /* whose signature the BindActor had */
    unsigned char
        issuer[WKV_NKEY_BYTES]; /* of the claims that the binding brought, or that the host stated */
    int64_t not_before_s;
    int64_t expires_s; /* WKV_TOKEN_NEVER: never */
};

/* What a request brings its claims in. */
enum wkv_evidence {
    WKV_EVIDENCE_HEADERS,  /* headers of its message, as its mode asks */
    WKV_EVIDENCE_ENVELOPE, /* a signed invocation that the request lies in, in every mode but none */
};

/* What an operation is told that needs a binding and has none (contract section 7). */
#define WKV_POLICY_UNBOUND "Attempted to invoke binding-required operation on unbound provider"

/* An invocation that held, for whoever does the request elsewhere too, and must see to it that it is done
 * once. */
struct wkv_policy_note {
    bool present;
    unsigned char host[WKV_NKEY_BYTES];
    unsigned char id[16]; /* a digest of its id */
    int64_t until_s;      /* it would hold until then */
};

/* A request. What its mode does not need is not looked at and may be left zero. */
struct wkv_policy_request {
    enum wkv_evidence evidence;
    struct wkv_text actor; /* from the subject: a key M…, or `system` */
    const char *binding;   /* the server's own */
    const char *operation; /* its name, from the table of operations */
    bool system_operation; /* the table says that only `system` may call it */

    struct wkv_text claims;     /* the header Wascc-Claims */
    struct wkv_text invocation; /* the header Wascc-Invocation, or encoded_claims */
    struct wkv_text payload;    /* exactly the bytes that were signed; in an envelope those of `msg` */
    struct wkv_text id;         /* of an envelope, which sub must equal; else not sent */
    struct wkv_text host;       /* the envelope's host_id, which iss must equal; else not sent */

    const struct wkv_policy_binding *bound; /* the actor's; NULL is not bound */
    int64_t now_s;                          /* wall clock */

    unsigned char *signer;        /* WKV_NKEY_BYTES, or NULL. Out: the host whose invocation claims held */
    struct wkv_policy_note *note; /* NULL: nobody asks. Out */
};

/* Answers a request as policy->auth asks.
 *
 *   request            claims        invocation           binding       none
 *   actor's operation  Wascc-Claims  both                 bound with    -
 *                                                         signed claims
 *   system operation   Wascc-Invocation with origin `wasmbus://system`  -
 *   in an envelope     its claims, and those that its actor was bound   -
 *                      with, signed or stated, where there were some
 *
 * An actor must be bound in an envelope, and everywhere with policy->require_binding.
 * A system operation on an actor's subject is refused in every mode.
 * An invocation's id counts as seen where everything else held, whatever the operation then does.
 * Errors: WKV_UNAUTHORIZED, WKV_FORBIDDEN, WKV_NO_MEMORY. */
enum wkv_code wkv_policy_check(const struct wkv_policy *policy, const struct wkv_policy_request *request,
                               struct wkv_error *error);

/* The parts of it. Each does its check in every mode. */

/* request->invocation holds for exactly this actor, binding, operation and payload, and was not seen before.
 * Errors: as wkv_policy_check. */
enum wkv_code wkv_policy_check_invocation(const struct wkv_policy *policy,
                                          const struct wkv_policy_request *request, struct wkv_error *error);

/* Whether the host that bound is still trusted. Where no host is known there is none to lose trust in. Any
 * thread. */
bool wkv_policy_host_trusted(const struct wkv_trust *trust, const struct wkv_policy_binding *bound);

/* The same, with a text. Errors: WKV_UNAUTHORIZED. */
enum wkv_code wkv_policy_check_host(const struct wkv_trust *trust, const struct wkv_policy_binding *bound,
                                    struct wkv_error *error);

/* request->bound is bound by a host that is still trusted, its claims in their time and their issuer still
 * trusted too. Whether they were signed is not asked. Errors: WKV_UNAUTHORIZED. */
enum wkv_code wkv_policy_check_bound(const struct wkv_policy *policy,
                                     const struct wkv_policy_request *request, struct wkv_error *error);

/* For BindActor in WKV_AUTH_BINDING, after wkv_policy_check: request->claims hold for the module that is to
 * be bound (not for request->actor, which is `system`), and *bound is what to keep with the binding, but for
 * the host. Errors: as wkv_policy_check; *bound is untouched then. */
enum wkv_code wkv_policy_check_bind(const struct wkv_policy *policy, const struct wkv_policy_request *request,
                                    struct wkv_text module, struct wkv_policy_binding *bound,
                                    struct wkv_error *error);

/* What a host states of an actor in BindActor within an envelope (contract section 7): values of the
 * binding. */
struct wkv_policy_statement {
    struct wkv_text issuer;       /* __wascc_issuer: A… */
    struct wkv_text capabilities; /* __wascc_capabilities: with commas between */
    struct wkv_text expires;      /* __wascc_expires: seconds since 1970, "0" or not sent: never */
};

/* For such a BindActor, after its invocation held: the host's statement of the actor's claims takes the place
 * of the claims. They must reach, be in their time and come from a trusted issuer; *bound is what to keep
 * with the binding, but for the host. Errors: WKV_BAD_REQUEST (a value is malformed), WKV_UNAUTHORIZED,
 * WKV_FORBIDDEN; *bound is untouched then. */
enum wkv_code wkv_policy_check_statement(const struct wkv_policy *policy,
                                         const struct wkv_policy_statement *statement, int64_t now_s,
                                         struct wkv_policy_binding *bound, struct wkv_error *error);

/* For wkv_policy_check: an actor's request in an envelope, in a mode that is not none. */
enum wkv_code wkv_policy_check_envelope(const struct wkv_policy *policy,
                                        const struct wkv_policy_request *request, struct wkv_error *error);

#endif
