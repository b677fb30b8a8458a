/* Making tokens, for `token`, `call` and tests. */
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "security/token.h"
#include "support/uuid.h"

#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

static const char HEADER[] = "{\"typ\":\"jwt\",\"alg\":\"Ed25519\"}";

/* Appends the base64url of len bytes and returns the characters written, without the NUL. */
static size_t put_segment(char *at, const void *bytes, size_t len)
{
    size_t size = sodium_base64_encoded_len(len, VARIANT);
    sodium_bin2base64(at, size, bytes, len, VARIANT);
    return size - 1;
}

static enum wkv_code sign_claims(const struct wkv_nkey_seed *seed, const char *claims, char **text,
                                 struct wkv_error *error)
{
    size_t claims_len = strlen(claims);
    size_t size = sodium_base64_encoded_len(sizeof HEADER - 1, VARIANT) +
                  sodium_base64_encoded_len(claims_len, VARIANT) +
                  sodium_base64_encoded_len(WKV_NKEY_SIGNATURE_BYTES, VARIANT);
    if (size - 1 > WKV_TOKEN_MAX_BYTES)
        return wkv_fail(error, WKV_BAD_REQUEST, "the claims would have %zu bytes: at most %d are accepted",
                        size - 1, WKV_TOKEN_MAX_BYTES);
    char *token = malloc(size);
    if (token == NULL)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for the claims");
    size_t len = put_segment(token, HEADER, sizeof HEADER - 1);
    token[len++] = '.';
    len += put_segment(token + len, claims, claims_len);
    unsigned char signature[WKV_NKEY_SIGNATURE_BYTES];
    wkv_nkey_seed_sign(seed, token, len, signature);
    token[len++] = '.';
    put_segment(token + len, signature, sizeof signature);
    *text = token;
    return WKV_OK;
}

/* Takes the claims over, whole or not. */
static enum wkv_code sign_object(const struct wkv_nkey_seed *seed, json_t *claims, bool complete, char **text,
                                 struct wkv_error *error)
{
    char *json = complete ? json_dumps(claims, JSON_COMPACT) : NULL;
    json_decref(claims);
    if (json == NULL)
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "the claims cannot be written: a text is not UTF-8, or memory is short");
    enum wkv_code code = sign_claims(seed, json, text, error);
    free(json);
    return code;
}

static bool put_text(json_t *object, const char *name, const char *value)
{
    return value == NULL || json_object_set_new(object, name, json_string(value)) == 0;
}

static bool put_texts(json_t *object, const char *name, const char *const *values, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        if (json_array_append_new(array, json_string(values[i])) != 0) {
            json_decref(array);
            return false;
        }
    return json_object_set_new(object, name, array) == 0;
}

static bool put_time(json_t *object, const char *name, int64_t time_s)
{
    return json_object_set_new(object, name, json_integer(time_s)) == 0;
}

static bool put_issuer(json_t *claims, const struct wkv_nkey_seed *seed)
{
    struct wkv_nkey key = wkv_nkey_seed_public(seed);
    char issuer[WKV_NKEY_PUBLIC_CHARS + 1];
    wkv_nkey_encode(&key, issuer);
    return put_text(claims, "iss", issuer);
}

static enum wkv_code fail_clock(struct wkv_error *error)
{
    return wkv_fail(error, WKV_BAD_REQUEST, "the clock shows a time that claims cannot hold");
}

/* The time at which claims made now expire; 0 for never. */
static enum wkv_code expiry(int64_t now_s, int64_t expires_in_s, int64_t *expires_s, struct wkv_error *error)
{
    if (now_s < 0 || now_s > WKV_TOKEN_MAX_TIME_S)
        return fail_clock(error);
    if (expires_in_s < 0 || expires_in_s > WKV_TOKEN_MAX_TIME_S - now_s)
        return wkv_fail(error, WKV_BAD_REQUEST, "claims expire in 1 or more seconds, or never (0)");
    *expires_s = expires_in_s == 0 ? 0 : now_s + expires_in_s;
    return WKV_OK;
}

/* 22 random characters, as many as the wascap tool's. */
#define RANDOM_ID_BYTES 16
static void random_id(char id[32])
{
    unsigned char bytes[RANDOM_ID_BYTES];
    randombytes_buf(bytes, sizeof bytes);
    sodium_bin2base64(id, 32, bytes, sizeof bytes, VARIANT);
}

/* With an empty hash, as the wascap tool writes it for claims that are not embedded in a module. */
static json_t *actor_object(const struct wkv_token_actor_options *options)
{
    json_t *wascap = json_object();
    bool complete = put_text(wascap, "name", options->name) && put_text(wascap, "hash", "") &&
                    put_texts(wascap, "tags", NULL, 0) &&
                    put_texts(wascap, "caps", options->capabilities, options->capability_count) &&
                    json_object_set_new(wascap, "prov", json_false()) == 0;
    if (complete)
        return wascap;
    json_decref(wascap);
    return NULL;
}

enum wkv_code wkv_token_mint_actor(const struct wkv_nkey_seed *account,
                                   const struct wkv_token_actor_options *options, int64_t now_s, char **text,
                                   struct wkv_error *error)
{
    if (wkv_nkey_seed_public(account).kind != WKV_NKEY_ACCOUNT)
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "actor claims are signed by an account's seed, which begins with SA");
    struct wkv_nkey module;
    struct wkv_error why;
    if (options->subject == NULL || wkv_nkey_decode_kind(options->subject, strlen(options->subject),
                                                         WKV_NKEY_MODULE, &module, &why) != WKV_OK)
        return wkv_fail(error, WKV_BAD_REQUEST, "the subject is no actor's key: %s",
                        options->subject == NULL ? "it is missing" : why.text);
    int64_t expires_s = 0;
    enum wkv_code code = expiry(now_s, options->expires_in_s, &expires_s, error);
    if (code != WKV_OK)
        return code;
    if (options->not_before_s < 0 || options->not_before_s > WKV_TOKEN_MAX_TIME_S)
        return wkv_fail(error, WKV_BAD_REQUEST, "claims become valid at a time from 1970 on");
    char id[32];
    random_id(id);
    json_t *claims = json_object();
    bool complete = (expires_s == 0 || put_time(claims, "exp", expires_s)) && put_text(claims, "jti", id) &&
                    put_time(claims, "iat", now_s) && put_issuer(claims, account) &&
                    put_text(claims, "sub", options->subject) &&
                    (options->not_before_s == 0 || put_time(claims, "nbf", options->not_before_s)) &&
                    json_object_set_new(claims, "wascap", actor_object(options)) == 0;
    return sign_object(account, claims, complete, text, error);
}

static json_t *invocation_object(const struct wkv_token_invocation_options *options)
{
    char hash[WKV_TOKEN_HASH_CHARS + 1];
    wkv_token_invocation_hash(options->origin_url, options->target_url, options->message,
                              options->message_len, hash);
    json_t *wascap = json_object();
    if (put_text(wascap, "target_url", options->target_url) &&
        put_text(wascap, "origin_url", options->origin_url) && put_text(wascap, "hash", hash))
        return wascap;
    json_decref(wascap);
    return NULL;
}

enum wkv_code wkv_token_mint_invocation(const struct wkv_nkey_seed *host,
                                        const struct wkv_token_invocation_options *options, int64_t now_s,
                                        char **text, struct wkv_error *error)
{
    if (wkv_nkey_seed_public(host).kind != WKV_NKEY_HOST)
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "invocation claims are signed by a host's seed, which begins with SN");
    if (options->id != NULL && (options->id[0] == '\0' || strlen(options->id) > WKV_TOKEN_MAX_ID_BYTES))
        return wkv_fail(error, WKV_BAD_REQUEST, "an invocation's id has 1 to %d bytes",
                        WKV_TOKEN_MAX_ID_BYTES);
    if (now_s < 0 || now_s > WKV_TOKEN_MAX_TIME_S)
        return fail_clock(error);
    char uuid[WKV_UUID_BYTES], id[32];
    wkv_uuid(uuid);
    random_id(id);
    json_t *claims = json_object();
    bool complete = put_text(claims, "jti", id) && put_time(claims, "iat", now_s) &&
                    put_issuer(claims, host) &&
                    put_text(claims, "sub", options->id == NULL ? uuid : options->id) &&
                    json_object_set_new(claims, "wascap", invocation_object(options)) == 0;
    return sign_object(host, claims, complete, text, error);
}
