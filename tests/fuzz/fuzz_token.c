/* Any bytes as a key, a seed, a list of trusted keys and a token; and any bytes as the payload of a token
 * that is signed as it should be, which leads behind the signature. What is let through is what the text
 * says, and nobody is let through whose signature does not hold. */
#include <sodium.h>

#include "fuzz.h"
#include "lib/seed.h"
#include "security/segment.h"
#include "security/token.h"

#define NOW INT64_C(1700000000)
#define HEADER "{\"typ\":\"jwt\",\"alg\":\"Ed25519\"}"

static struct world {
    struct wkv_nkey_seed *account, *host;
    struct wkv_trust *trust;
} world;

static void trust_key(enum wkv_trust_list list, const struct wkv_nkey_seed *seed)
{
    char text[WKV_NKEY_PUBLIC_CHARS + 1];
    struct wkv_nkey key = wkv_nkey_seed_public(seed);
    wkv_nkey_encode(&key, text);
    must(wkv_trust_add(world.trust, list, text, strlen(text), NULL) == WKV_OK);
}

/* The seeds that tests/fuzz/seeds.sh signs for, too: 32 bytes of 1, and of 2. */
static void make_world(void)
{
    unsigned char bytes[WKV_NKEY_BYTES];
    if (world.trust != NULL)
        return;
    must(wkv_trust_create(&world.trust, NULL) == WKV_OK);
    memset(bytes, 1, sizeof bytes);
    must(test_seed_of_bytes(WKV_NKEY_ACCOUNT, bytes, &world.account) == WKV_OK);
    memset(bytes, 2, sizeof bytes);
    must(test_seed_of_bytes(WKV_NKEY_HOST, bytes, &world.host) == WKV_OK);
    trust_key(WKV_TRUST_ISSUERS, world.account);
    trust_key(WKV_TRUST_HOSTS, world.host);
}

static void check_key(const char *text, size_t len)
{
    struct wkv_nkey key;
    struct wkv_nkey_seed *seed;
    struct wkv_error error;
    char again[WKV_NKEY_PUBLIC_CHARS + 1], seed_again[WKV_NKEY_SEED_CHARS + 1];
    if (wkv_nkey_decode(text, len, &key, &error) == WKV_OK) {
        wkv_nkey_encode(&key, again);
        must(len == WKV_NKEY_PUBLIC_CHARS && memcmp(again, text, len) == 0);
    } else {
        must_be_error(&error, error.code);
    }
    if (wkv_nkey_seed_decode(text, len, &seed, &error) == WKV_OK) {
        wkv_nkey_seed_encode(seed, seed_again);
        must(len == WKV_NKEY_SEED_CHARS && memcmp(seed_again, text, len) == 0);
        wkv_nkey_seed_destroy(seed);
    } else {
        must_be_error(&error, error.code);
    }
}

static void check_list(const char *text, size_t len)
{
    for (int list = WKV_TRUST_ISSUERS; list <= WKV_TRUST_HOSTS; list++) {
        struct wkv_trust *trust;
        struct wkv_error error;
        must(wkv_trust_create(&trust, NULL) == WKV_OK);
        enum wkv_code code = wkv_trust_add(trust, (enum wkv_trust_list)list, text, len, &error);
        if (code != WKV_OK)
            must_be_error(&error, WKV_BAD_REQUEST);
        wkv_trust_release(trust);
    }
}

/* A token that holds says who it is for, in bounds. */
static void check_claims(const struct wkv_token *token, enum wkv_token_kind kind)
{
    struct wkv_nkey key;
    must(token->kind == kind && !wkv_token_expired(token->expires_s, NOW));
    must(!wkv_token_too_early(token->not_before_s, NOW));
    must(token->subject != NULL && token->issuer_text != NULL);
    if (kind == WKV_TOKEN_ACTOR) {
        must(wkv_nkey_decode_kind(token->subject, strlen(token->subject), WKV_NKEY_MODULE, &key, NULL) ==
             WKV_OK);
        (void)wkv_token_has_capability(token, WKV_TOKEN_CAPABILITY);
    } else {
        must(strlen(token->subject) <= WKV_TOKEN_MAX_ID_BYTES);
        must(token->issued_at_s >= NOW - WKV_TOKEN_INVOCATION_WINDOW_S);
        must(token->invocation.target_url != NULL && token->invocation.origin_url != NULL);
    }
}

static void check_token(const char *text, size_t len, enum wkv_token_kind kind)
{
    struct wkv_token token;
    struct wkv_error error = {.code = WKV_OK};
    if (wkv_token_verify(text, len, kind, world.trust, NOW, &token, &error) == WKV_OK) {
        check_claims(&token, kind);
        must(wkv_token_signature_holds(&token, text, len));
        wkv_token_destroy(&token);
    } else {
        must_be_error(&error, error.code);
        must(error.code == WKV_UNAUTHORIZED || error.code == WKV_NO_MEMORY);
    }
    if (wkv_token_read(text, len, WKV_TOKEN_ANY, &token, &error) == WKV_OK)
        wkv_token_destroy(&token);
}

static size_t put_segment(char *out, const void *bytes, size_t len)
{
    (void)sodium_bin2base64(out, sodium_base64_encoded_len(len, sodium_base64_VARIANT_URLSAFE_NO_PADDING),
                            bytes, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return strlen(out);
}

/* The payload in a token that its issuer has signed. */
static void check_signed(const struct wkv_nkey_seed *seed, const uint8_t *payload, size_t len,
                         enum wkv_token_kind kind)
{
    unsigned char signature[WKV_NKEY_SIGNATURE_BYTES];
    char *text = malloc(len * 2 + 512);
    must(text != NULL);
    size_t used = put_segment(text, HEADER, strlen(HEADER));
    text[used++] = '.';
    used += put_segment(text + used, payload, len);
    wkv_nkey_seed_sign(seed, text, used, signature);
    text[used++] = '.';
    used += put_segment(text + used, signature, sizeof signature);
    check_token(text, used, kind);
    /* One bit of the payload's text is enough to lose it. */
    text[used / 2] ^= 1;
    struct wkv_token token;
    must(wkv_token_verify(text, used, kind, world.trust, NOW, &token, NULL) != WKV_OK);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const char *text = (const char *)bytes;
    make_world();
    check_key(text, len);
    check_list(text, len);
    check_token(text, len, WKV_TOKEN_ACTOR);
    check_token(text, len, WKV_TOKEN_INVOCATION);
    check_signed(world.account, bytes, len, WKV_TOKEN_ACTOR);
    check_signed(world.host, bytes, len, WKV_TOKEN_INVOCATION);
    return 0;
}
