/* What the suites of the security room share: fixed keys, a clock, and tokens that are signed whatever they
 * say. */
#ifndef WKV_TESTS_SECURITY_HELPERS_H
#define WKV_TESTS_SECURITY_HELPERS_H

#include <check.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/seed.h"
#include "security/nkey.h"
#include "security/token.h"
#include "security/trust.h"

/* Not every suite uses every helper. */
#define HELPER static __attribute__((unused))

/* The time at which everything happens: 2023-11-14, 22:13:20 UTC. */
#define NOW INT64_C(1700000000)

#define HEADER "{\"typ\":\"jwt\",\"alg\":\"Ed25519\"}"

/* A key pair and its public key as text. */
struct person {
    struct wkv_nkey_seed *seed;
    struct wkv_nkey key;
    char text[WKV_NKEY_PUBLIC_CHARS + 1];
};

/* The same keys in every run: the seed is 32 times the number. */
HELPER struct person person_make(enum wkv_nkey_kind kind, unsigned char number)
{
    struct person person;
    unsigned char bytes[WKV_NKEY_BYTES];
    memset(bytes, number, sizeof bytes);
    ck_assert_int_eq(test_seed_of_bytes(kind, bytes, &person.seed), WKV_OK);
    person.key = wkv_nkey_seed_public(person.seed);
    wkv_nkey_encode(&person.key, person.text);
    return person;
}

HELPER void person_free(struct person *person)
{
    wkv_nkey_seed_destroy(person->seed);
}

HELPER struct wkv_trust *trust_make(const char *issuers, const char *hosts)
{
    struct wkv_trust *trust;
    struct wkv_error error = {0};
    ck_assert_int_eq(wkv_trust_create(&trust, NULL), WKV_OK);
    ck_assert_msg(wkv_trust_add(trust, WKV_TRUST_ISSUERS, issuers, strlen(issuers), &error) == WKV_OK, "%s",
                  error.text);
    ck_assert_msg(wkv_trust_add(trust, WKV_TRUST_HOSTS, hosts, strlen(hosts), &error) == WKV_OK, "%s",
                  error.text);
    return trust;
}

/* base64url without padding, from malloc. */
HELPER char *base64url(const void *bytes, size_t len)
{
    size_t size = sodium_base64_encoded_len(len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *text = malloc(size);
    ck_assert_ptr_nonnull(text);
    sodium_bin2base64(text, size, bytes, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return text;
}

/* A token of any header and payload, signed by signer. From malloc. */
HELPER char *forge_bytes(const char *header, const void *payload, size_t payload_len,
                         const struct wkv_nkey_seed *signer)
{
    char *first = base64url(header, strlen(header)), *second = base64url(payload, payload_len);
    size_t len = strlen(first) + 1 + strlen(second);
    char *token = malloc(len + 90);
    ck_assert_ptr_nonnull(token);
    snprintf(token, len + 90, "%s.%s", first, second);
    unsigned char signature[WKV_NKEY_SIGNATURE_BYTES];
    wkv_nkey_seed_sign(signer, token, len, signature);
    char *third = base64url(signature, sizeof signature);
    snprintf(token + len, 90, ".%s", third);
    free(first);
    free(second);
    free(third);
    return token;
}

HELPER char *forge(const char *header, const char *payload, const struct wkv_nkey_seed *signer)
{
    return forge_bytes(header, payload, strlen(payload), signer);
}

/* Actor claims that hold, with wascc:keyvalue where keyvalue says so. From malloc. */
HELPER char *mint(const struct person *account, const char *actor, int64_t expires_in_s, bool keyvalue)
{
    const char *capabilities[] = {"wascc:http_server", "wascc:keyvalue"};
    struct wkv_token_actor_options options = {.subject = actor,
                                              .capabilities = capabilities,
                                              .capability_count = keyvalue ? 2 : 1,
                                              .name = "test",
                                              .expires_in_s = expires_in_s};
    char *token = NULL;
    struct wkv_error error = {0};
    ck_assert_msg(wkv_token_mint_actor(account->seed, &options, NOW, &token, &error) == WKV_OK, "%s",
                  error.text);
    return token;
}

#endif
