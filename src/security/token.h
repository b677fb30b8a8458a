/* Signed tokens: actor claims and invocation claims, read, checked and made (CONTRACT section 6).
 *
 * A token is `header.payload.signature`, each base64url without padding. It is read strictly where that
 * protects: three segments, one spelling of every byte, a header that means exactly
 * {"typ":"jwt","alg":"Ed25519"}, no member twice, no NUL in a string, times that are integers, at most
 * WKV_TOKEN_MAX_BYTES and WKV_TOKEN_MAX_DEPTH. Members of the claims that are not known here are ignored.
 *
 * Nothing that a token says is believed before its signature holds. Cheap checks that can only refuse come
 * before that: a flood of bad tokens should not cost an Ed25519 verification each.
 *
 * Times are seconds since 1970 on the wall clock, which the caller reads.
 *
 * Thread-safety: functions share nothing; a struct wkv_token belongs to one thread at a time.
 * Errors: texts name what was wrong and what would be right, and never quote the token.
 */
#ifndef WKV_SECURITY_TOKEN_H
#define WKV_SECURITY_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "security/nkey.h"
#include "security/trust.h"
#include "support/error.h"

/* A whole token. Real ones have 600 bytes; this leaves room for hundreds of tags. */
#define WKV_TOKEN_MAX_BYTES 16384

/* How deeply arrays and objects may nest. Real claims nest three deep. */
#define WKV_TOKEN_MAX_DEPTH 32

/* Bytes of an invocation's id at the most. Hosts send a UUID, 36 bytes. */
#define WKV_TOKEN_MAX_ID_BYTES 256

/* How far exp and nbf are stretched. Times in tokens are whole seconds, and clocks that are kept by NTP
 * differ by milliseconds: one second covers the rounding of both ends, and more would only let a token
 * outlive its `exp`. With it a token is good through the whole of the second `exp`, as it is for the wascap
 * tool. */
#define WKV_TOKEN_LEEWAY_S 1

/* How far an invocation's `iat` may lie from now, both ways (CONTRACT section 6: "iat within 60 s"). No
 * leeway is added: the 60 s are one. */
#define WKV_TOKEN_INVOCATION_WINDOW_S 60

/* The largest time: 2^53 - 1, the largest integer that every JSON reader keeps exactly. */
#define WKV_TOKEN_MAX_TIME_S INT64_C(9007199254740991)

/* expires_s of a token without `exp`. */
#define WKV_TOKEN_NEVER INT64_MAX

/* The capability that an actor's claims must hold. */
#define WKV_TOKEN_CAPABILITY "wascc:keyvalue"

enum wkv_token_kind {
    WKV_TOKEN_ACTOR,      /* iss is an account, sub a module */
    WKV_TOKEN_INVOCATION, /* iss is a host, sub the invocation's id */
    WKV_TOKEN_ANY,        /* for wkv_token_read: whichever the issuer makes it */
};

struct json_t;

/* What a token says. All text is NUL-terminated UTF-8, owned by the token and valid until wkv_token_destroy.
 */
struct wkv_token {
    enum wkv_token_kind kind; /* never WKV_TOKEN_ANY */
    struct wkv_nkey issuer;
    const char *issuer_text; /* 56 characters */
    const char *subject;     /* the actor's key, or the invocation's id */
    const char *id;          /* jti; NULL where an invocation has none */
    int64_t issued_at_s;
    int64_t not_before_s; /* 0 without `nbf` */
    int64_t expires_s;    /* WKV_TOKEN_NEVER without `exp` */
    const char *hash;     /* of the module (NULL: absent), or of the invocation: 64 upper-case hex digits */

    struct {
        const char *name; /* an absent text is NULL, an absent revision -1 */
        const char *version;
        int64_t revision;
        bool provider;
        const char **capabilities;
        size_t capability_count;
        const char **tags;
        size_t tag_count;
    } actor; /* WKV_TOKEN_ACTOR */
    struct {
        const char *target_url;
        const char *origin_url;
    } invocation; /* WKV_TOKEN_INVOCATION */

    struct {
        struct json_t *document; /* what the texts lie in, */
        unsigned char *bytes;    /* or, where there is none, these */
        unsigned char signature[WKV_NKEY_SIGNATURE_BYTES];
        size_t signed_bytes; /* the length of header.payload */
    } own;                   /* private */
};

/* Reads a token WITHOUT verifying its signature, its times or its issuer: for `inspect`, never for a
 * decision. The caller destroys *token where it succeeds. Errors: WKV_UNAUTHORIZED (malformed, or not of that
 * kind), WKV_NO_MEMORY (memory is short). */
enum wkv_code wkv_token_read(const char *text, size_t len, enum wkv_token_kind kind, struct wkv_token *token,
                             struct wkv_error *error);

/* Whether the signature of a token that was read from this text holds. */
bool wkv_token_signature_holds(const struct wkv_token *token, const char *text, size_t len);

/* Checks nbf and exp against now_s.
 * Errors: WKV_UNAUTHORIZED (the text says by how many seconds). */
enum wkv_code wkv_token_check_times(const struct wkv_token *token, int64_t now_s, struct wkv_error *error);

/* Whether an `exp` has passed at now_s, the leeway given. */
bool wkv_token_expired(int64_t expires_s, int64_t now_s);

/* Whether an `nbf` is still to come at now_s, the leeway given. */
bool wkv_token_too_early(int64_t not_before_s, int64_t now_s);

/* Reads a token of that kind (not WKV_TOKEN_ANY) and checks everything that can be told from the token
 * itself: times, that the issuer is in trust (actor claims: the issuers; invocation claims: the hosts, and
 * iat), and the signature. What it grants is the caller's to compare with the request. The caller destroys
 * *token where it succeeds. Errors: WKV_UNAUTHORIZED, WKV_NO_MEMORY (memory is short). */
enum wkv_code wkv_token_verify(const char *text, size_t len, enum wkv_token_kind kind,
                               const struct wkv_trust *trust, int64_t now_s, struct wkv_token *token,
                               struct wkv_error *error);

/* Whether an actor's capabilities hold that one. */
bool wkv_token_has_capability(const struct wkv_token *token, const char *capability);

/* Frees what the token owns. A zeroed struct is allowed. */
void wkv_token_destroy(struct wkv_token *token);

/* What actor claims to make. Zero means the default. */
struct wkv_token_actor_options {
    const char *subject; /* the actor's public key, M…; required */
    const char *const *capabilities;
    size_t capability_count;
    const char *name;     /* default: no name */
    int64_t expires_in_s; /* default: never; not negative */
    int64_t not_before_s; /* default: none */
};

/* Makes actor claims, signed by an account's seed. *text is NUL-terminated; the caller frees it with free.
 * Errors: WKV_BAD_REQUEST (the seed is not an account's, the subject not a module's key, a text not UTF-8, a
 * time out of range, or a token over WKV_TOKEN_MAX_BYTES), WKV_NO_MEMORY (memory is short). */
enum wkv_code wkv_token_mint_actor(const struct wkv_nkey_seed *account,
                                   const struct wkv_token_actor_options *options, int64_t now_s, char **text,
                                   struct wkv_error *error);

/* What invocation claims to make. Zero means the default. */
struct wkv_token_invocation_options {
    const char *origin_url; /* required */
    const char *target_url; /* required */
    const void *message;    /* the request's payload */
    size_t message_len;
    const char *id; /* sub; default: a random UUID */
};

/* Makes invocation claims, signed by a host's seed. *text is NUL-terminated; the caller frees it with free.
 * Errors: as wkv_token_mint_actor. */
enum wkv_code wkv_token_mint_invocation(const struct wkv_nkey_seed *host,
                                        const struct wkv_token_invocation_options *options, int64_t now_s,
                                        char **text, struct wkv_error *error);

#define WKV_TOKEN_HASH_CHARS 64

/* The invocation's hash: upper-case hex SHA-256 of origin_url, target_url and message, and a NUL. */
void wkv_token_invocation_hash(const char *origin_url, const char *target_url, const void *message,
                               size_t message_len, char hash[WKV_TOKEN_HASH_CHARS + 1]);

/* Bytes of a URL at the most, its NUL included. */
#define WKV_TOKEN_URL_BYTES 512

/* Writes `wasmbus://wascc/keyvalue/<binding>/<operation>`. Returns false where a name is empty, has
 * a NUL or does not fit. */
bool wkv_token_target_url(char url[WKV_TOKEN_URL_BYTES], const char *binding, size_t binding_len,
                          const char *operation, size_t operation_len);

/* Writes `wasmbus://<actor>`; an actor is a public key or `system`. Returns false where it is
 * empty, has a NUL or does not fit. */
bool wkv_token_origin_url(char url[WKV_TOKEN_URL_BYTES], const char *actor, size_t actor_len);

#endif
