/* Policy for requests in an envelope, the invocation of a host (contract section 7). */
#include <string.h>

#include "access/policy.h"
#include "security/token.h"
#include "support/text.h"

/* Whether one of the names between commas is the capability. */
static bool holds_capability(struct wkv_text list)
{
    while (list.len > 0)
        if (wkv_text_is(wkv_text_take(&list, ','), WKV_TOKEN_CAPABILITY))
            return true;
    return false;
}

/* Decimal seconds; "0", or nothing, is never. */
static bool read_expires(struct wkv_text text, int64_t *expires_s)
{
    uint64_t seconds = 0;
    if (text.len > 0 && !wkv_text_decimal(text, INT64_MAX, &seconds))
        return false;
    *expires_s = seconds == 0 ? WKV_TOKEN_NEVER : (int64_t)seconds;
    return true;
}

enum wkv_code wkv_policy_check_statement(const struct wkv_policy *policy,
                                         const struct wkv_policy_statement *statement, int64_t now_s,
                                         struct wkv_policy_binding *bound, struct wkv_error *error)
{
    struct wkv_nkey issuer;
    int64_t expires_s;
    if (!holds_capability(statement->capabilities))
        return wkv_fail(error, WKV_FORBIDDEN,
                        "the value __wascc_capabilities does not hold " WKV_TOKEN_CAPABILITY
                        ": the host must send the capabilities of the actor's claims, with commas between");
    if (wkv_nkey_decode_kind(statement->issuer.data == NULL ? "" : statement->issuer.data,
                             statement->issuer.len, WKV_NKEY_ACCOUNT, &issuer, NULL) != WKV_OK)
        return wkv_fail(
            error, WKV_BAD_REQUEST,
            "the value __wascc_issuer is no account: the host must send the public key (A...) that signed "
            "the actor's claims");
    if (!read_expires(statement->expires, &expires_s))
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "the value __wascc_expires is no number of seconds since 1970; \"0\" is never");
    if (!wkv_trust_has(wkv_trust_reader_current(policy->trust), WKV_TRUST_ISSUERS, issuer.bytes))
        return wkv_fail(error, WKV_UNAUTHORIZED,
                        "the actor's claims come from an untrusted issuer: --trusted-issuer names those that "
                        "are trusted");
    if (wkv_token_expired(expires_s, now_s))
        return wkv_fail(error, WKV_UNAUTHORIZED, "the actor's claims expired %lld s ago",
                        (long long)(now_s - expires_s));
    *bound = (struct wkv_policy_binding){.bound = true, .expires_s = expires_s};
    memcpy(bound->issuer, issuer.bytes, sizeof bound->issuer);
    return WKV_OK;
}

/* Claims of the actor, signed or as the host stated them. */
static bool brought_claims(const struct wkv_policy_binding *bound)
{
    static const unsigned char none[WKV_NKEY_BYTES] = {0};
    return memcmp(bound->issuer, none, sizeof none) != 0;
}

/* A binding without claims is only configuration, but a trusted host made it. */
static enum wkv_code check_binding(const struct wkv_policy *policy, const struct wkv_policy_request *request,
                                   struct wkv_error *error)
{
    if (request->bound == NULL)
        return WKV_OK; /* refused for that afterwards */
    if (brought_claims(request->bound))
        return wkv_policy_check_bound(policy, request, error);
    return wkv_policy_check_host(wkv_trust_reader_current(policy->trust), request->bound, error);
}

enum wkv_code wkv_policy_check_envelope(const struct wkv_policy *policy,
                                        const struct wkv_policy_request *request, struct wkv_error *error)
{
    enum wkv_code code = wkv_policy_check_invocation(policy, request, error);
    return code != WKV_OK ? code : check_binding(policy, request, error);
}
