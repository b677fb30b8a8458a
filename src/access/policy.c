#include "access/policy.h"

#include <sodium.h>
#include <string.h>

#include "security/token.h"
#include "support/text.h"

static const char *const AUTH_NAMES[] = {
    [WKV_AUTH_CLAIMS] = "claims",
    [WKV_AUTH_INVOCATION] = "invocation",
    [WKV_AUTH_BINDING] = "binding",
    [WKV_AUTH_NONE] = "none",
};
#define AUTH_COUNT (sizeof AUTH_NAMES / sizeof AUTH_NAMES[0])

const char *wkv_auth_name(enum wkv_auth auth)
{
    return (size_t)auth < AUTH_COUNT ? AUTH_NAMES[auth] : "unknown";
}

bool wkv_auth_parse(const char *name, enum wkv_auth *auth)
{
    for (size_t i = 0; i < AUTH_COUNT; i++)
        if (strcmp(name, AUTH_NAMES[i]) == 0) {
            *auth = (enum wkv_auth)i;
            return true;
        }
    return false;
}

/* Contract: "`serve` with `--auth claims` and no trusted issuer refuses to start and says what to do". The
 * same goes for hosts where every request, or every binding, needs one. */
enum wkv_code wkv_auth_check_trust(enum wkv_auth auth, const struct wkv_trust *trust, struct wkv_error *error)
{
    if (auth == WKV_AUTH_NONE)
        return WKV_OK;
    if (wkv_trust_count(trust, WKV_TRUST_ISSUERS) == 0)
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "--auth %s needs a --trusted-issuer: the public key (A...) of an account whose "
                        "actors are served; "
                        "`wascc-keyvalue keygen account` makes one, and --auth none checks nothing",
                        wkv_auth_name(auth));
    if (auth != WKV_AUTH_CLAIMS && wkv_trust_count(trust, WKV_TRUST_HOSTS) == 0 && !wkv_trust_any_host(trust))
        return wkv_fail(
            error, WKV_BAD_REQUEST,
            "--auth %s needs a --trusted-host: the public key (N...) of a host whose %s are believed",
            wkv_auth_name(auth), auth == WKV_AUTH_BINDING ? "bindings" : "invocations");
    return WKV_OK;
}

static bool sent(struct wkv_text text)
{
    return text.data != NULL && text.len > 0;
}

/* Verifies claims that are not remembered, and remembers them. */
static enum wkv_code verify_claims(const struct wkv_policy *policy, struct wkv_text text,
                                   const struct wkv_trust *trust, int64_t now_s, struct wkv_claims *claims,
                                   struct wkv_error *error)
{
    struct wkv_token token;
    enum wkv_code code = wkv_token_verify(text.data, text.len, WKV_TOKEN_ACTOR, trust, now_s, &token, error);
    if (code != WKV_OK)
        return code;
    /* A token that was read has a module's key as its subject, which has just this length. */
    memcpy(claims->actor, token.subject, sizeof claims->actor);
    memcpy(claims->issuer, token.issuer.bytes, sizeof claims->issuer);
    claims->not_before_s = token.not_before_s;
    claims->expires_s = token.expires_s;
    claims->keyvalue = wkv_token_has_capability(&token, WKV_TOKEN_CAPABILITY);
    wkv_token_destroy(&token);
    wkv_claims_cache_add(policy->cache, text.data, text.len, claims, trust);
    return WKV_OK;
}

/* The claims hold; do they reach? Contract: "for the actor in the subject"; "`caps` must hold
 * `wascc:keyvalue`". */
static enum wkv_code check_reach(const struct wkv_claims *claims, struct wkv_text actor,
                                 struct wkv_error *error)
{
    if (!wkv_text_same(actor, (struct wkv_text){claims->actor, WKV_NKEY_PUBLIC_CHARS}))
        return wkv_fail(error, WKV_FORBIDDEN,
                        "the claims are another actor's: their sub must be the actor of the subject");
    if (!claims->keyvalue)
        return wkv_fail(error, WKV_FORBIDDEN,
                        "the actor's claims do not hold the capability " WKV_TOKEN_CAPABILITY);
    return WKV_OK;
}

/* Returns the claims in the text, which hold and are that actor's. Claims that cannot be remembered are in
 * *scratch. */
static enum wkv_code resolve_claims(const struct wkv_policy *policy, struct wkv_text text,
                                    struct wkv_text actor, int64_t now_s, struct wkv_claims *scratch,
                                    const struct wkv_claims **claims, struct wkv_error *error)
{
    if (!sent(text))
        return wkv_fail(error, WKV_UNAUTHORIZED,
                        "no claims: send the actor's signed claims in the header Wascc-Claims");
    const struct wkv_trust *trust = wkv_trust_reader_current(policy->trust);
    const struct wkv_claims *found = NULL;
    /* No longer token was ever verified, so there is none to look for. */
    if (text.len <= WKV_TOKEN_MAX_BYTES)
        found = wkv_claims_cache_find(policy->cache, text.data, text.len, trust, now_s);
    if (found == NULL) {
        enum wkv_code code = verify_claims(policy, text, trust, now_s, scratch, error);
        if (code != WKV_OK)
            return code;
        found = scratch;
    }
    *claims = found;
    return check_reach(found, actor, error);
}

static enum wkv_code check_claims(const struct wkv_policy *policy, const struct wkv_policy_request *request,
                                  struct wkv_error *error)
{
    struct wkv_claims scratch;
    const struct wkv_claims *claims = NULL;
    return resolve_claims(policy, request->claims, request->actor, request->now_s, &scratch, &claims, error);
}

/* A binding's name is compared as it is: what was signed for `prod` is not for `Prod`. */
static bool is_target(const char *url, const struct wkv_policy_request *request)
{
    char expected[WKV_TOKEN_URL_BYTES];
    return wkv_token_target_url(expected, request->binding, strlen(request->binding), request->operation,
                                strlen(request->operation)) &&
           strcmp(url, expected) == 0;
}

static bool is_origin(const char *url, struct wkv_text actor)
{
    char expected[WKV_TOKEN_URL_BYTES];
    return wkv_token_origin_url(expected, actor.data, actor.len) && strcmp(url, expected) == 0;
}

/* Contract section 7: "`sub` = id, `iss` = host_id"; only MessagePack brings the two beside the claims. */
static enum wkv_code check_identity(const struct wkv_token *token, const struct wkv_policy_request *request,
                                    struct wkv_error *error)
{
    if (request->id.data != NULL && !wkv_text_is(request->id, token->subject))
        return wkv_fail(error, WKV_UNAUTHORIZED,
                        "the invocation claims are for another id: their sub must be the invocation's id");
    if (request->host.data != NULL && !wkv_text_is(request->host, token->issuer_text))
        return wkv_fail(error, WKV_UNAUTHORIZED,
                        "the invocation claims are another host's: their iss must be the host_id");
    return WKV_OK;
}

/* The invocation's claims hold; are they for this request? */
static enum wkv_code check_invocation_reach(const struct wkv_token *token,
                                            const struct wkv_policy_request *request, struct wkv_error *error)
{
    enum wkv_code code = check_identity(token, request, error);
    if (code != WKV_OK)
        return code;
    if (!is_origin(token->invocation.origin_url, request->actor))
        return wkv_fail(
            error, WKV_FORBIDDEN,
            "the invocation comes from another actor: its origin_url must be wasmbus:// and the actor of the "
            "subject");
    if (!is_target(token->invocation.target_url, request))
        return wkv_fail(error, WKV_FORBIDDEN,
                        "the invocation is for another operation or binding: its target_url must be "
                        "wasmbus://wascc/keyvalue/<binding>/<Operation>, the binding's name with the same "
                        "capitals");
    char hash[WKV_TOKEN_HASH_CHARS + 1];
    wkv_token_invocation_hash(token->invocation.origin_url, token->invocation.target_url,
                              request->payload.data, request->payload.len, hash);
    if (sodium_memcmp(hash, token->hash, WKV_TOKEN_HASH_CHARS) != 0)
        return wkv_fail(error, WKV_UNAUTHORIZED,
                        "the invocation claims do not hold for this payload: its hash is another");
    return WKV_OK;
}

static enum wkv_code note_invocation(const struct wkv_policy *policy,
                                     const struct wkv_policy_request *request, const struct wkv_token *token,
                                     struct wkv_error *error)
{
    struct wkv_policy_note *note = request->note;
    int64_t until_s = token->issued_at_s + WKV_TOKEN_INVOCATION_WINDOW_S;
    size_t len = strlen(token->subject);
    if (note != NULL) {
        note->present = true;
        note->until_s = until_s;
        memcpy(note->host, token->issuer.bytes, sizeof note->host);
        (void)crypto_generichash(note->id, sizeof note->id, (const unsigned char *)token->subject, len, NULL,
                                 0);
    }
    return policy->replay == NULL ? WKV_OK
                                  : wkv_replay_note(policy->replay, token->issuer.bytes, token->subject, len,
                                                    until_s, request->now_s, error);
}

enum wkv_code wkv_policy_check_invocation(const struct wkv_policy *policy,
                                          const struct wkv_policy_request *request, struct wkv_error *error)
{
    if (!sent(request->invocation))
        return wkv_fail(error, WKV_UNAUTHORIZED,
                        "no invocation claims: a host must send its signed ones, in the header "
                        "Wascc-Invocation or, in MessagePack, in encoded_claims");
    const struct wkv_trust *trust = wkv_trust_reader_current(policy->trust);
    struct wkv_token token;
    enum wkv_code code = wkv_token_verify(request->invocation.data, request->invocation.len,
                                          WKV_TOKEN_INVOCATION, trust, request->now_s, &token, error);
    if (code != WKV_OK)
        return code;
    code = check_invocation_reach(&token, request, error);
    /* Checked last, so that only ids of valid invocations take room. The id is kept for as long as `iat`
     * could pass. */
    if (code == WKV_OK)
        code = note_invocation(policy, request, &token, error);
    if (code == WKV_OK && request->signer != NULL)
        memcpy(request->signer, token.issuer.bytes, WKV_NKEY_BYTES);
    wkv_token_destroy(&token);
    return code;
}

bool wkv_policy_host_trusted(const struct wkv_trust *trust, const struct wkv_policy_binding *bound)
{
    return !bound->has_host || wkv_trust_has(trust, WKV_TRUST_HOSTS, bound->host);
}

enum wkv_code wkv_policy_check_host(const struct wkv_trust *trust, const struct wkv_policy_binding *bound,
                                    struct wkv_error *error)
{
    if (wkv_policy_host_trusted(trust, bound))
        return WKV_OK;
    return wkv_fail(error, WKV_UNAUTHORIZED,
                    "the actor was bound by an untrusted host: one that --trusted-host names must bind it");
}

/* A reload that takes an issuer away ends its actors' bindings, and one that takes a host away those that it
 * made. */
static enum wkv_code check_bound_trust(const struct wkv_trust *trust, const struct wkv_policy_binding *bound,
                                       struct wkv_error *error)
{
    enum wkv_code code = wkv_policy_check_host(trust, bound, error);
    if (code == WKV_OK && !wkv_trust_has(trust, WKV_TRUST_ISSUERS, bound->issuer))
        return wkv_fail(
            error, WKV_UNAUTHORIZED,
            "the claims that the actor was bound with come from an untrusted issuer: --trusted-issuer names "
            "those that are trusted");
    return code;
}

enum wkv_code wkv_policy_check_bound(const struct wkv_policy *policy,
                                     const struct wkv_policy_request *request, struct wkv_error *error)
{
    const struct wkv_policy_binding *bound = request->bound;
    if (bound == NULL || !bound->bound)
        return wkv_fail(error, WKV_UNAUTHORIZED,
                        "the actor is not bound: a trusted host must send BindActor with its claims");
    if (wkv_token_expired(bound->expires_s, request->now_s))
        return wkv_fail(error, WKV_UNAUTHORIZED,
                        "the claims that the actor was bound with expired %lld s ago: bind it again",
                        (long long)(request->now_s - bound->expires_s));
    if (wkv_token_too_early(bound->not_before_s, request->now_s))
        return wkv_fail(error, WKV_UNAUTHORIZED,
                        "the claims that the actor was bound with are not yet valid");
    return check_bound_trust(wkv_trust_reader_current(policy->trust), bound, error);
}

/* Contract: "the actor must be bound, its BindActor having brought `Wascc-Claims` that hold, from a
 * `--trusted-issuer`, for that actor, and not expired since". What a host only states of them is not that. */
static enum wkv_code check_bound_by_claims(const struct wkv_policy *policy,
                                           const struct wkv_policy_request *request, struct wkv_error *error)
{
    enum wkv_code code = wkv_policy_check_bound(policy, request, error);
    if (code != WKV_OK || request->bound->signed_claims)
        return code;
    return wkv_fail(error, WKV_UNAUTHORIZED,
                    "the actor was bound without its signed claims, which serves it through its host only: "
                    "a trusted host must send BindActor with them in the header Wascc-Claims");
}

enum wkv_code wkv_policy_check_bind(const struct wkv_policy *policy, const struct wkv_policy_request *request,
                                    struct wkv_text module, struct wkv_policy_binding *bound,
                                    struct wkv_error *error)
{
    struct wkv_claims scratch;
    const struct wkv_claims *claims = NULL;
    enum wkv_code code =
        resolve_claims(policy, request->claims, module, request->now_s, &scratch, &claims, error);
    if (code != WKV_OK)
        return code;
    bound->bound = true;
    bound->signed_claims = true;
    memcpy(bound->issuer, claims->issuer, sizeof bound->issuer);
    bound->not_before_s = claims->not_before_s;
    bound->expires_s = claims->expires_s;
    return WKV_OK;
}

static enum wkv_code check_actor(const struct wkv_policy *policy, const struct wkv_policy_request *request,
                                 struct wkv_error *error)
{
    enum wkv_code code;
    switch (policy->auth) {
    case WKV_AUTH_CLAIMS:
        return check_claims(policy, request, error);
    case WKV_AUTH_INVOCATION:
        code = check_claims(policy, request, error);
        return code != WKV_OK ? code : wkv_policy_check_invocation(policy, request, error);
    case WKV_AUTH_BINDING:
        return check_bound_by_claims(policy, request, error);
    case WKV_AUTH_NONE:
        return WKV_OK;
    }
    return wkv_fail(error, WKV_UNAUTHORIZED, "the server has no mode of --auth");
}

/* Contract: "403: `system` operation from an actor"; "`system` operations need `Wascc-Invocation` from a
 * `--trusted-host` unless `--auth none`". */
static enum wkv_code check_system(const struct wkv_policy *policy, const struct wkv_policy_request *request,
                                  struct wkv_error *error)
{
    if (!wkv_text_is(request->actor, WKV_POLICY_SYSTEM))
        return wkv_fail(error, WKV_FORBIDDEN,
                        "only `system`, which is a host, may call this operation, no actor");
    return policy->auth == WKV_AUTH_NONE ? WKV_OK : wkv_policy_check_invocation(policy, request, error);
}

/* Whether there is a binding, where there must be one. */
static enum wkv_code check_is_bound(const struct wkv_policy *policy, const struct wkv_policy_request *request,
                                    struct wkv_error *error)
{
    if (request->bound != NULL && request->bound->bound)
        return WKV_OK;
    if (request->evidence == WKV_EVIDENCE_ENVELOPE)
        return wkv_fail(error, WKV_FORBIDDEN, WKV_POLICY_UNBOUND);
    if (policy->require_binding)
        return wkv_fail(
            error, WKV_FORBIDDEN,
            "the actor is not bound, and this server has --require-binding: a host must send BindActor");
    return WKV_OK;
}

enum wkv_code wkv_policy_check(const struct wkv_policy *policy, const struct wkv_policy_request *request,
                               struct wkv_error *error)
{
    enum wkv_code code = WKV_OK;
    if (request->system_operation)
        return check_system(policy, request, error);
    if (request->evidence == WKV_EVIDENCE_HEADERS)
        code = check_actor(policy, request, error);
    else if (policy->auth != WKV_AUTH_NONE)
        code = wkv_policy_check_envelope(policy, request, error);
    return code != WKV_OK ? code : check_is_bound(policy, request, error);
}
