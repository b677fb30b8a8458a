/* Reading and verifying tokens. Making them is in token_mint.c. */
#include "security/token.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "security/json.h"
#include "security/segment.h"
#include "support/text.h"

#define SIGNATURE_CHARS 86 /* of 64 bytes */

/* The header as the wascap tool spells it, and so nearly everyone. */
static const char usual_header[] = "eyJ0eXAiOiJqd3QiLCJhbGciOiJFZDI1NTE5In0";

static const char *what_of(enum wkv_token_kind kind)
{
    switch (kind) {
    case WKV_TOKEN_ACTOR:
        return "the actor's claims";
    case WKV_TOKEN_INVOCATION:
        return "the invocation claims";
    case WKV_TOKEN_ANY:
        break;
    }
    return "the claims";
}

/* Contract: "header is exactly {"typ":"jwt","alg":"Ed25519"} in meaning (any other alg is refused)". A member
 * more, such as `crit` or `kid`, would be one that we do not obey. */
static enum wkv_code check_header(const char *what, const unsigned char *bytes, size_t len,
                                  struct wkv_error *error)
{
    json_t *header = NULL;
    struct wkv_error why;
    enum wkv_code code = wkv_json_object("its members", bytes, len, &header, &why);
    if (code != WKV_OK)
        return wkv_fail(error, code, "the header of %s is malformed: %s", what, why.text);
    const json_t *alg = json_object_get(header, "alg");
    const json_t *typ = json_object_get(header, "typ");
    if (!json_is_string(alg) || strcmp(json_string_value(alg), "Ed25519") != 0)
        code = wkv_fail(error, WKV_UNAUTHORIZED,
                        "the header of %s has another alg than Ed25519, the only one accepted", what);
    else if (!json_is_string(typ) || strcmp(json_string_value(typ), "jwt") != 0)
        code = wkv_fail(error, WKV_UNAUTHORIZED, "the header of %s has another typ than jwt", what);
    else if (json_object_size(header) != 2)
        code = wkv_fail(error, WKV_UNAUTHORIZED, "the header of %s has a member besides typ and alg", what);
    json_decref(header);
    return code;
}

/* The issuer's kind makes the token's: a host's key under actor claims, or an account's under invocation
 * claims, is refused before anything else of them is looked at. */
static enum wkv_code check_issuer_key(const char *what, enum wkv_token_kind expected, struct wkv_token *token,
                                      struct wkv_error *error)
{
    struct wkv_error why;
    if (wkv_nkey_decode(token->issuer_text, strlen(token->issuer_text), &token->issuer, &why) != WKV_OK)
        return wkv_fail(error, WKV_UNAUTHORIZED, "%s have an iss that is no key: %s", what, why.text);
    if (token->issuer.kind == WKV_NKEY_ACCOUNT && expected != WKV_TOKEN_INVOCATION)
        token->kind = WKV_TOKEN_ACTOR;
    else if (token->issuer.kind == WKV_NKEY_HOST && expected != WKV_TOKEN_ACTOR)
        token->kind = WKV_TOKEN_INVOCATION;
    else
        return wkv_fail(error, WKV_UNAUTHORIZED, "%s have a key of kind %s as iss: it must be %s", what,
                        wkv_nkey_kind_name(token->issuer.kind),
                        expected == WKV_TOKEN_ACTOR        ? "an account's (A...)"
                        : expected == WKV_TOKEN_INVOCATION ? "a host's (N...)"
                                                           : "an account's (A...) or a host's (N...)");
    return WKV_OK;
}

/* 0 to the largest time, in seconds. */
#define TIME(member) .number = (member), .low = 0, .high = WKV_TOKEN_MAX_TIME_S
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Contract: "Actor claims: jti, iat, iss (A…), sub (M…), optional nbf and exp, and wascap: {name, hash, tags,
 * caps, rev, ver, prov}". The wascap tool leaves some of wascap out or, in other versions, writes them as
 * null. */
static enum wkv_code read_actor(const char *what, struct wkv_token *token, struct wkv_error *error)
{
    struct wkv_member wascap[] = {
        {.name = "name", .or_null = true, .text = &token->actor.name},
        {.name = "hash", .or_null = true, .text = &token->hash},
        {.name = "ver", .or_null = true, .text = &token->actor.version},
        {.name = "rev",
         .or_null = true,
         .number = &token->actor.revision,
         .low = INT32_MIN,
         .high = INT32_MAX},
        {.name = "prov", .flag = &token->actor.provider},
        {.name = "caps",
         .or_null = true,
         .texts = &token->actor.capabilities,
         .text_count = &token->actor.capability_count},
        {.name = "tags", .or_null = true, .texts = &token->actor.tags, .text_count = &token->actor.tag_count},
    };
    struct wkv_member claims[] = {
        {.name = "iat", .required = true, TIME(&token->issued_at_s)},
        {.name = "nbf", TIME(&token->not_before_s)},
        {.name = "exp", TIME(&token->expires_s)},
        {.name = "jti", .required = true, .text = &token->id},
        {.name = "sub", .required = true, .text = &token->subject},
        {.name = "wascap", .required = true, .members = wascap, .count = COUNT(wascap)},
    };
    struct wkv_nkey module;
    struct wkv_error why;
    token->actor.revision = -1;
    enum wkv_code code = wkv_json_members(what, token->own.document, claims, COUNT(claims), error);
    if (code == WKV_OK && wkv_nkey_decode_kind(token->subject, strlen(token->subject), WKV_NKEY_MODULE,
                                               &module, &why) != WKV_OK)
        return wkv_fail(error, WKV_UNAUTHORIZED, "%s have a sub that is no actor's key: %s", what, why.text);
    return code;
}

/* Contract: "iss (N…, the host), sub (the invocation's id), wascap: {target_url, origin_url, hash}". They are
 * read for every request of a host: out of len bytes in the plain form, which costs a fraction, where there
 * is no document. Errors: also WKV_UNAUTHORIZED, without a text, where they are not in that form. */
static enum wkv_code read_invocation(const char *what, size_t len, struct wkv_token *token,
                                     struct wkv_error *error)
{
    struct wkv_member wascap[] = {
        {.name = "target_url", .required = true, .text = &token->invocation.target_url},
        {.name = "origin_url", .required = true, .text = &token->invocation.origin_url},
        {.name = "hash", .required = true, .text = &token->hash},
    };
    struct wkv_member claims[] = {
        {.name = "iat", .required = true, TIME(&token->issued_at_s)},
        {.name = "nbf", TIME(&token->not_before_s)},
        {.name = "exp", TIME(&token->expires_s)},
        {.name = "jti", .text = &token->id},
        {.name = "iss", .required = true, .text = &token->issuer_text},
        {.name = "sub", .required = true, .text = &token->subject},
        {.name = "wascap", .required = true, .members = wascap, .count = COUNT(wascap)},
    };
    if (token->own.document != NULL)
        return wkv_json_members(what, token->own.document, claims, COUNT(claims), error);
    return wkv_plain_object((char *)token->own.bytes, len, claims, COUNT(claims)) ? WKV_OK : WKV_UNAUTHORIZED;
}

static bool is_hash(const char *text)
{
    size_t len = 0;
    while ((text[len] >= '0' && text[len] <= '9') || (text[len] >= 'A' && text[len] <= 'F'))
        len++;
    return len == WKV_TOKEN_HASH_CHARS && text[len] == '\0';
}

static enum wkv_code check_invocation_texts(const char *what, const struct wkv_token *token,
                                            struct wkv_error *error)
{
    size_t id_len = strlen(token->subject);
    if (id_len == 0 || id_len > WKV_TOKEN_MAX_ID_BYTES)
        return wkv_fail(error, WKV_UNAUTHORIZED, "%s have a sub that is not an id of 1 to %d bytes", what,
                        WKV_TOKEN_MAX_ID_BYTES);
    if (!is_hash(token->hash))
        return wkv_fail(error, WKV_UNAUTHORIZED, "%s have a hash that is not %d upper-case hex digits", what,
                        WKV_TOKEN_HASH_CHARS);
    return WKV_OK;
}

static enum wkv_code read_document(const char *what, enum wkv_token_kind expected, size_t len,
                                   struct wkv_token *token, struct wkv_error *error)
{
    const struct wkv_member issuer = {.name = "iss", .required = true, .text = &token->issuer_text};
    enum wkv_code code = wkv_json_object(what, token->own.bytes, len, &token->own.document, error);
    if (code == WKV_OK)
        code = wkv_json_members(what, token->own.document, &issuer, 1, error);
    if (code == WKV_OK)
        code = check_issuer_key(what, expected, token, error);
    if (code != WKV_OK)
        return code;
    return token->kind == WKV_TOKEN_ACTOR ? read_actor(what, token, error)
                                          : read_invocation(what, len, token, error);
}

static enum wkv_code read_claims(enum wkv_token_kind expected, size_t len, struct wkv_token *token,
                                 struct wkv_error *error)
{
    const char *what = what_of(expected);
    enum wkv_code code;
    if (expected == WKV_TOKEN_INVOCATION && read_invocation(what, len, token, error) == WKV_OK)
        code = check_issuer_key(what, expected, token, error);
    else
        code = read_document(what, expected, len, token, error);
    if (code == WKV_OK && token->kind == WKV_TOKEN_INVOCATION)
        code = check_invocation_texts(what, token, error);
    return code;
}

static enum wkv_code fail_base64(const char *what, const char *segment, struct wkv_error *error)
{
    return wkv_fail(error, WKV_UNAUTHORIZED,
                    "the %s of %s is not base64url without padding in its one spelling", segment, what);
}

/* token->own.bytes have room for the bytes of any segment; those of the payload stay there. */
static enum wkv_code read_segments(const struct wkv_segments *segments, enum wkv_token_kind kind,
                                   struct wkv_token *token, struct wkv_error *error)
{
    const char *what = what_of(kind);
    enum wkv_code code = WKV_OK;
    size_t decoded;
    if (segments->signature.len != SIGNATURE_CHARS)
        return wkv_fail(error, WKV_UNAUTHORIZED, "the signature of %s has %zu characters, not %d", what,
                        segments->signature.len, SIGNATURE_CHARS);
    if (!wkv_segment_decode(segments->signature, token->own.bytes, &decoded) ||
        decoded != WKV_NKEY_SIGNATURE_BYTES)
        return fail_base64(what, "signature", error);
    memcpy(token->own.signature, token->own.bytes, WKV_NKEY_SIGNATURE_BYTES);
    token->own.signed_bytes = segments->header.len + 1 + segments->payload.len;
    if (!wkv_text_is(segments->header, usual_header)) {
        if (!wkv_segment_decode(segments->header, token->own.bytes, &decoded))
            return fail_base64(what, "header", error);
        code = check_header(what, token->own.bytes, decoded, error);
    }
    if (code != WKV_OK)
        return code;
    if (!wkv_segment_decode(segments->payload, token->own.bytes, &decoded))
        return fail_base64(what, "payload", error);
    return read_claims(kind, decoded, token, error);
}

enum wkv_code wkv_token_read(const char *text, size_t len, enum wkv_token_kind kind, struct wkv_token *token,
                             struct wkv_error *error)
{
    const char *what = what_of(kind);
    struct wkv_segments segments;
    if (len > WKV_TOKEN_MAX_BYTES)
        return wkv_fail(error, WKV_UNAUTHORIZED, "%s are longer than %d bytes", what, WKV_TOKEN_MAX_BYTES);
    if (!wkv_segments_split((struct wkv_text){text, len}, &segments))
        return wkv_fail(error, WKV_UNAUTHORIZED, "%s are not the three segments header.payload.signature",
                        what);
    *token = (struct wkv_token){.expires_s = WKV_TOKEN_NEVER, .own.bytes = malloc(len)};
    if (token->own.bytes == NULL)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory to read %s", what);
    enum wkv_code code = read_segments(&segments, kind, token, error);
    if (code != WKV_OK)
        wkv_token_destroy(token);
    return code;
}

bool wkv_token_signature_holds(const struct wkv_token *token, const char *text, size_t len)
{
    return token->own.signed_bytes < len &&
           wkv_nkey_verify(&token->issuer, text, token->own.signed_bytes, token->own.signature);
}

bool wkv_token_expired(int64_t expires_s, int64_t now_s)
{
    /* Written so that nothing overflows where expires_s is WKV_TOKEN_NEVER. */
    return expires_s <= now_s - WKV_TOKEN_LEEWAY_S;
}

bool wkv_token_too_early(int64_t not_before_s, int64_t now_s)
{
    return not_before_s > now_s + WKV_TOKEN_LEEWAY_S;
}

enum wkv_code wkv_token_check_times(const struct wkv_token *token, int64_t now_s, struct wkv_error *error)
{
    if (wkv_token_expired(token->expires_s, now_s))
        return wkv_fail(error, WKV_UNAUTHORIZED, "%s expired %lld s ago: new ones must be signed",
                        what_of(token->kind), (long long)(now_s - token->expires_s));
    if (wkv_token_too_early(token->not_before_s, now_s))
        return wkv_fail(error, WKV_UNAUTHORIZED, "%s are not yet valid: their nbf is %lld s ahead",
                        what_of(token->kind), (long long)(token->not_before_s - now_s));
    return WKV_OK;
}

/* Contract: "`iat` within 60 s". */
static enum wkv_code check_window(const struct wkv_token *token, int64_t now_s, struct wkv_error *error)
{
    if (token->issued_at_s < now_s - WKV_TOKEN_INVOCATION_WINDOW_S)
        return wkv_fail(error, WKV_UNAUTHORIZED,
                        "the invocation claims expired: their iat is %lld s ago, at most %d s is accepted",
                        (long long)(now_s - token->issued_at_s), WKV_TOKEN_INVOCATION_WINDOW_S);
    if (token->issued_at_s > now_s + WKV_TOKEN_INVOCATION_WINDOW_S)
        return wkv_fail(
            error, WKV_UNAUTHORIZED,
            "the invocation claims are not yet valid: their iat is %lld s ahead, at most %d s is accepted",
            (long long)(token->issued_at_s - now_s), WKV_TOKEN_INVOCATION_WINDOW_S);
    return WKV_OK;
}

static enum wkv_code check_issuer(const struct wkv_token *token, const struct wkv_trust *trust,
                                  struct wkv_error *error)
{
    bool actor = token->kind == WKV_TOKEN_ACTOR;
    if (wkv_trust_has(trust, actor ? WKV_TRUST_ISSUERS : WKV_TRUST_HOSTS, token->issuer.bytes))
        return WKV_OK;
    return wkv_fail(error, WKV_UNAUTHORIZED,
                    "%s come from an untrusted %s: its key must be among those that the server trusts",
                    what_of(token->kind), actor ? "issuer" : "host");
}

/* The order: what costs nothing, then the signature. All of these can only refuse. */
static enum wkv_code check_token(const struct wkv_token *token, const char *text, size_t len,
                                 const struct wkv_trust *trust, int64_t now_s, struct wkv_error *error)
{
    enum wkv_code code = check_issuer(token, trust, error);
    if (code == WKV_OK)
        code = wkv_token_check_times(token, now_s, error);
    if (code == WKV_OK && token->kind == WKV_TOKEN_INVOCATION)
        code = check_window(token, now_s, error);
    if (code == WKV_OK && !wkv_token_signature_holds(token, text, len))
        code = wkv_fail(error, WKV_UNAUTHORIZED,
                        "%s have a bad signature: it must be by iss over exactly the header and payload sent",
                        what_of(token->kind));
    return code;
}

enum wkv_code wkv_token_verify(const char *text, size_t len, enum wkv_token_kind kind,
                               const struct wkv_trust *trust, int64_t now_s, struct wkv_token *token,
                               struct wkv_error *error)
{
    enum wkv_code code = wkv_token_read(text, len, kind, token, error);
    if (code != WKV_OK)
        return code;
    code = check_token(token, text, len, trust, now_s, error);
    if (code != WKV_OK)
        wkv_token_destroy(token);
    return code;
}

bool wkv_token_has_capability(const struct wkv_token *token, const char *capability)
{
    for (size_t i = 0; i < token->actor.capability_count; i++)
        if (strcmp(token->actor.capabilities[i], capability) == 0)
            return true;
    return false;
}

void wkv_token_destroy(struct wkv_token *token)
{
    free(token->actor.capabilities);
    free(token->actor.tags);
    json_decref(token->own.document);
    free(token->own.bytes);
    *token = (struct wkv_token){0};
}
