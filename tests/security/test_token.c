#include <jansson.h>
#include <limits.h>

#include "helpers.h"
#include "source_dir.h"

static struct person account, other_account, module, host;
static struct wkv_trust *trust;

static void set_up(void)
{
    account = person_make(WKV_NKEY_ACCOUNT, 1);
    other_account = person_make(WKV_NKEY_ACCOUNT, 2);
    module = person_make(WKV_NKEY_MODULE, 3);
    host = person_make(WKV_NKEY_HOST, 4);
    trust = trust_make(account.text, host.text);
}

static void tear_down(void)
{
    wkv_trust_release(trust);
    person_free(&account);
    person_free(&other_account);
    person_free(&module);
    person_free(&host);
}

static json_t *real_tokens(void)
{
    static const char path[] = WKV_SOURCE_DIR "/tests/security/data/actor-tokens.json";
    json_error_t why;
    json_t *file = json_load_file(path, 0, &why);
    ck_assert_msg(file != NULL, "%s: %s", path, why.text);
    return file;
}

START_TEST(real_tokens_of_2020_verify_where_their_issuer_is_trusted)
{
    json_t *file = real_tokens(), *entry;
    size_t i;
    ck_assert_uint_ge(json_array_size(json_object_get(file, "tokens")), 2);
    json_array_foreach(json_object_get(file, "tokens"), i, entry)
    {
        const char *text = json_string_value(json_object_get(entry, "jwt"));
        struct wkv_token token;
        struct wkv_error error = {0};
        ck_assert_msg(wkv_token_read(text, strlen(text), WKV_TOKEN_ANY, &token, &error) == WKV_OK, "%s",
                      error.text);
        ck_assert_int_eq(token.kind, WKV_TOKEN_ACTOR);
        ck_assert(wkv_token_signature_holds(&token, text, strlen(text)));
        struct wkv_trust *its = trust_make(token.issuer_text, "");
        wkv_token_destroy(&token);
        ck_assert_int_eq(wkv_token_verify(text, strlen(text), WKV_TOKEN_ACTOR, its, NOW, &token, &error),
                         WKV_OK);
        ck_assert_str_eq(token.actor.name, json_string_value(json_object_get(entry, "actor")));
        ck_assert_int_eq(wkv_token_has_capability(&token, WKV_TOKEN_CAPABILITY),
                         json_is_true(json_object_get(entry, "has_keyvalue")));
        ck_assert_int_eq(token.subject[0], 'M');
        ck_assert_int_gt(token.issued_at_s, 1577836800);
        ck_assert_int_eq(token.expires_s, WKV_TOKEN_NEVER);
        ck_assert_int_eq(token.not_before_s, 0);
        ck_assert_uint_eq(strlen(token.hash), 64);
        ck_assert(!token.actor.provider);
        ck_assert_int_eq(token.actor.revision, -1);
        ck_assert_ptr_null(token.actor.version);
        ck_assert_uint_eq(token.actor.tag_count, 0);
        wkv_token_destroy(&token);
        /* Nobody else's trust lets it in, and it is no invocation. */
        ck_assert_int_eq(wkv_token_verify(text, strlen(text), WKV_TOKEN_ACTOR, trust, NOW, &token, &error),
                         WKV_UNAUTHORIZED);
        ck_assert_ptr_nonnull(strstr(error.text, "untrusted issuer"));
        ck_assert_int_eq(wkv_token_verify(text, strlen(text), WKV_TOKEN_INVOCATION, its, NOW, &token, &error),
                         WKV_UNAUTHORIZED);
        wkv_trust_release(its);
    }
    json_decref(file);
}
END_TEST

/* Flips every bit of a token and checks that nothing but the token itself holds. */
static void flip_every_bit(const char *good, enum wkv_token_kind kind, const struct wkv_trust *its)
{
    size_t len = strlen(good);
    char *text = strdup(good);
    struct wkv_token token;
    struct wkv_error error;
    ck_assert_int_eq(wkv_token_verify(text, len, kind, its, NOW, &token, &error), WKV_OK);
    wkv_token_destroy(&token);
    for (size_t bit = 0; bit < len * 8; bit++) {
        text[bit / 8] = (char)(text[bit / 8] ^ (1 << bit % 8));
        error.text[0] = '\0';
        ck_assert_msg(wkv_token_verify(text, len, kind, its, NOW, &token, &error) == WKV_UNAUTHORIZED,
                      "bit %zu of character %zu", bit % 8, bit / 8);
        ck_assert_str_ne(error.text, "");
        text[bit / 8] = good[bit / 8];
    }
    free(text);
}

START_TEST(every_bit_of_a_real_token_flipped_is_refused)
{
    json_t *file = real_tokens();
    const json_t *entry = json_array_get(json_object_get(file, "tokens"), 0);
    const char *text = json_string_value(json_object_get(entry, "jwt"));
    struct wkv_token token;
    ck_assert_int_eq(wkv_token_read(text, strlen(text), WKV_TOKEN_ACTOR, &token, NULL), WKV_OK);
    struct wkv_trust *its = trust_make(token.issuer_text, "");
    wkv_token_destroy(&token);
    flip_every_bit(text, WKV_TOKEN_ACTOR, its);
    wkv_trust_release(its);
    json_decref(file);
}
END_TEST

static char *mint_call(const void *message, size_t len, const char *id)
{
    struct wkv_token_invocation_options options = {.origin_url = "wasmbus://system",
                                                   .target_url = "wasmbus://wascc/keyvalue/default/Get",
                                                   .message = message,
                                                   .message_len = len,
                                                   .id = id};
    char *text;
    struct wkv_error error = {0};
    ck_assert_msg(wkv_token_mint_invocation(host.seed, &options, NOW, &text, &error) == WKV_OK, "%s",
                  error.text);
    return text;
}

START_TEST(every_bit_of_invocation_claims_flipped_is_refused)
{
    char *text = mint_call("abc", 3, NULL);
    flip_every_bit(text, WKV_TOKEN_INVOCATION, trust);
    free(text);
}
END_TEST

START_TEST(every_way_to_cut_a_token_is_refused)
{
    char *text = mint(&account, module.text, 0, true);
    size_t len = strlen(text);
    struct wkv_token token;
    for (size_t cut = 0; cut < len; cut++) {
        /* Memory of just that size, so that a read beyond it is seen. */
        char *piece = malloc(cut == 0 ? 1 : cut);
        memcpy(piece, text, cut);
        ck_assert_int_eq(wkv_token_verify(piece, cut, WKV_TOKEN_ACTOR, trust, NOW, &token, NULL),
                         WKV_UNAUTHORIZED);
        memcpy(piece, text + len - cut, cut);
        ck_assert_int_eq(wkv_token_verify(piece, cut, WKV_TOKEN_ACTOR, trust, NOW, &token, NULL),
                         WKV_UNAUTHORIZED);
        free(piece);
    }
    free(text);
}
END_TEST

START_TEST(minted_actor_claims_say_what_was_asked_for)
{
    const char *capabilities[] = {"wascc:keyvalue", "wascc:logging"};
    struct wkv_token_actor_options options = {.subject = module.text,
                                              .capabilities = capabilities,
                                              .capability_count = 2,
                                              .name = "K\xc3\xa4se \"quoted\"",
                                              .expires_in_s = 60,
                                              .not_before_s = NOW - 5};
    char *text;
    ck_assert_int_eq(wkv_token_mint_actor(account.seed, &options, NOW, &text, NULL), WKV_OK);
    struct wkv_token token;
    ck_assert_int_eq(wkv_token_verify(text, strlen(text), WKV_TOKEN_ACTOR, trust, NOW, &token, NULL), WKV_OK);
    ck_assert_str_eq(token.issuer_text, account.text);
    ck_assert_mem_eq(token.issuer.bytes, account.key.bytes, 32);
    ck_assert_str_eq(token.subject, module.text);
    ck_assert_uint_eq(strlen(token.id), 22);
    ck_assert_str_eq(token.actor.name, options.name);
    ck_assert_str_eq(token.hash, "");
    ck_assert_int_eq(token.issued_at_s, NOW);
    ck_assert_int_eq(token.expires_s, NOW + 60);
    ck_assert_int_eq(token.not_before_s, NOW - 5);
    ck_assert_uint_eq(token.actor.capability_count, 2);
    ck_assert_str_eq(token.actor.capabilities[1], "wascc:logging");
    ck_assert_uint_eq(token.actor.tag_count, 0);
    ck_assert_ptr_null(token.actor.version);
    ck_assert_int_eq(token.actor.revision, -1);
    ck_assert(!token.actor.provider);
    wkv_token_destroy(&token);
    free(text);
}
END_TEST

START_TEST(all_that_actor_claims_can_say_is_read)
{
    char payload[512];
    (void)snprintf(
        payload, sizeof payload,
        "{\"jti\":\"the-id\",\"iat\":%lld,\"iss\":\"%s\",\"sub\":\"%s\",\"wascap\":{\"hash\":\"ABCD\","
        "\"tags\":[\"a\",\"\xc3\xa4\"],\"caps\":[],\"rev\":7,\"ver\":\"1.2.3\",\"prov\":true}}",
        (long long)NOW, account.text, module.text);
    char *text = forge(HEADER, payload, account.seed);
    struct wkv_token token;
    ck_assert_int_eq(wkv_token_read(text, strlen(text), WKV_TOKEN_ACTOR, &token, NULL), WKV_OK);
    ck_assert_str_eq(token.id, "the-id");
    ck_assert_str_eq(token.hash, "ABCD");
    ck_assert_str_eq(token.actor.version, "1.2.3");
    ck_assert_int_eq(token.actor.revision, 7);
    ck_assert(token.actor.provider);
    ck_assert_uint_eq(token.actor.tag_count, 2);
    ck_assert_str_eq(token.actor.tags[1], "\xc3\xa4");
    ck_assert_uint_eq(token.actor.capability_count, 0);
    wkv_token_destroy(&token);
    free(text);
}
END_TEST

START_TEST(minted_invocation_claims_are_bound_to_their_message)
{
    char *text = mint_call("payload", 7, "id-1");
    struct wkv_token token;
    ck_assert_int_eq(wkv_token_verify(text, strlen(text), WKV_TOKEN_INVOCATION, trust, NOW, &token, NULL),
                     WKV_OK);
    ck_assert_str_eq(token.subject, "id-1");
    ck_assert_str_eq(token.issuer_text, host.text);
    ck_assert_str_eq(token.invocation.origin_url, "wasmbus://system");
    ck_assert_str_eq(token.invocation.target_url, "wasmbus://wascc/keyvalue/default/Get");
    /* printf 'wasmbus://systemwasmbus://wascc/keyvalue/default/Getpayload' | sha256sum */
    ck_assert_str_eq(token.hash, "ADFF64F1DD7FD436686F6547EA5E56A566D3A3706BA94F5AC288898EFD30E9BC");
    wkv_token_destroy(&token);
    free(text);
    char *one = mint_call("", 0, NULL), *two = mint_call("", 0, NULL);
    ck_assert_str_ne(one, two);
    free(one);
    free(two);
}
END_TEST

START_TEST(claims_that_nobody_would_accept_are_not_minted)
{
    struct wkv_error error;
    char *text = NULL;
    struct wkv_token_actor_options actor = {.subject = module.text};
    ck_assert_int_eq(wkv_token_mint_actor(host.seed, &actor, NOW, &text, &error), WKV_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(error.text, "SA"));
    actor.subject = host.text;
    ck_assert_int_eq(wkv_token_mint_actor(account.seed, &actor, NOW, &text, &error), WKV_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(error.text, "module"));
    actor.subject = NULL;
    ck_assert_int_eq(wkv_token_mint_actor(account.seed, &actor, NOW, &text, &error), WKV_BAD_REQUEST);
    actor.subject = module.text;
    actor.expires_in_s = -1;
    ck_assert_int_eq(wkv_token_mint_actor(account.seed, &actor, NOW, &text, &error), WKV_BAD_REQUEST);
    actor.expires_in_s = INT64_MAX;
    ck_assert_int_eq(wkv_token_mint_actor(account.seed, &actor, NOW, &text, &error), WKV_BAD_REQUEST);
    actor.expires_in_s = 0;
    actor.not_before_s = -1;
    ck_assert_int_eq(wkv_token_mint_actor(account.seed, &actor, NOW, &text, &error), WKV_BAD_REQUEST);
    actor.not_before_s = 0;
    actor.name = "\xff";
    ck_assert_int_eq(wkv_token_mint_actor(account.seed, &actor, NOW, &text, &error), WKV_BAD_REQUEST);
    char *long_name = malloc(WKV_TOKEN_MAX_BYTES);
    memset(long_name, 'x', WKV_TOKEN_MAX_BYTES - 1);
    long_name[WKV_TOKEN_MAX_BYTES - 1] = '\0';
    actor.name = long_name;
    ck_assert_int_eq(wkv_token_mint_actor(account.seed, &actor, NOW, &text, &error), WKV_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(error.text, "at most"));
    free(long_name);
    struct wkv_token_invocation_options call = {.origin_url = "wasmbus://system",
                                                .target_url = "wasmbus://x"};
    ck_assert_int_eq(wkv_token_mint_invocation(account.seed, &call, NOW, &text, &error), WKV_BAD_REQUEST);
    call.id = "";
    ck_assert_int_eq(wkv_token_mint_invocation(host.seed, &call, NOW, &text, &error), WKV_BAD_REQUEST);
    ck_assert_ptr_null(text);
}
END_TEST

/* Claims of len bytes, filled up with spaces. */
static char *claims_of(size_t len)
{
    char *payload = malloc(len + 1);
    ck_assert_ptr_nonnull(payload);
    int at =
        snprintf(payload, len + 1, "{\"jti\":\"x\",\"iat\":1,\"iss\":\"%s\",\"sub\":\"%s\",\"wascap\":{}",
                 account.text, module.text);
    memset(payload + at, ' ', len - (size_t)at);
    strcpy(payload + len - 1, "}");
    return payload;
}

START_TEST(the_limit_of_size_is_exact)
{
    struct wkv_token token;
    struct wkv_error error;
    /* base64 has no text of 4n + 1 characters, so the header is a space longer in the first. */
    char *payload = claims_of(12192);
    char *text = forge(HEADER " ", payload, account.seed);
    ck_assert_uint_eq(strlen(text), WKV_TOKEN_MAX_BYTES);
    ck_assert_int_eq(wkv_token_verify(text, strlen(text), WKV_TOKEN_ACTOR, trust, NOW, &token, &error),
                     WKV_OK);
    wkv_token_destroy(&token);
    free(payload);
    free(text);
    payload = claims_of(12193);
    text = forge(HEADER, payload, account.seed);
    ck_assert_uint_eq(strlen(text), WKV_TOKEN_MAX_BYTES + 1);
    ck_assert_int_eq(wkv_token_verify(text, strlen(text), WKV_TOKEN_ACTOR, trust, NOW, &token, &error),
                     WKV_UNAUTHORIZED);
    ck_assert_ptr_nonnull(strstr(error.text, "longer than 16384"));
    free(payload);
    free(text);
}
END_TEST

START_TEST(the_clock_edges_are_where_the_header_says)
{
    ck_assert(!wkv_token_expired(NOW, NOW));
    ck_assert(wkv_token_expired(NOW, NOW + WKV_TOKEN_LEEWAY_S));
    ck_assert(!wkv_token_expired(WKV_TOKEN_NEVER, WKV_TOKEN_MAX_TIME_S));
    ck_assert(wkv_token_expired(0, NOW));
    ck_assert(!wkv_token_too_early(NOW + WKV_TOKEN_LEEWAY_S, NOW));
    ck_assert(wkv_token_too_early(NOW + WKV_TOKEN_LEEWAY_S + 1, NOW));
    ck_assert(!wkv_token_too_early(0, 0));
}
END_TEST

START_TEST(members_that_are_not_known_are_ignored)
{
    char payload[1024];
    snprintf(payload, sizeof payload,
             " {\"jti\":\"x\",\"iat\":1,\"iss\":\"%s\",\"sub\":\"%s\",\"aud\":[1.5,{\"a\":null}],\"b\":{"
             "\"iss\":\"x\"},\n"
             "\"wascap\":{\"caps\":null,\"name\":null,\"rev\":null,\"ver\":null,\"tags\":null,\"target_url\":"
             "5,\"more\":[]}} ",
             account.text, module.text);
    char *text = forge("{ \"alg\":\"Ed25519\", \"typ\":\"jwt\" }", payload, account.seed);
    struct wkv_token token;
    struct wkv_error error = {0};
    ck_assert_msg(wkv_token_verify(text, strlen(text), WKV_TOKEN_ACTOR, trust, NOW, &token, &error) == WKV_OK,
                  "%s", error.text);
    ck_assert_uint_eq(token.actor.capability_count, 0);
    ck_assert_ptr_null(token.actor.name);
    ck_assert_int_eq(token.actor.revision, -1);
    wkv_token_destroy(&token);
    free(text);
}
END_TEST

START_TEST(reading_alone_says_what_stands_there_and_whether_the_signature_holds)
{
    char *good = mint(&other_account, module.text, 1, true);
    struct wkv_token token;
    ck_assert_int_eq(wkv_token_read(good, strlen(good), WKV_TOKEN_ANY, &token, NULL), WKV_OK);
    ck_assert(wkv_token_signature_holds(&token, good, strlen(good)));
    ck_assert(!wkv_token_signature_holds(&token, good, 20));
    struct wkv_error error;
    ck_assert_int_eq(wkv_token_check_times(&token, NOW, &error), WKV_OK);
    ck_assert_int_eq(wkv_token_check_times(&token, NOW + 101, &error), WKV_UNAUTHORIZED);
    ck_assert_ptr_nonnull(strstr(error.text, "expired 100 s ago"));
    wkv_token_destroy(&token);
    size_t last = strlen(good) - 5;
    good[last] = good[last] == 'A' ? 'B' : 'A';
    ck_assert_int_eq(wkv_token_read(good, strlen(good), WKV_TOKEN_ANY, &token, NULL), WKV_OK);
    ck_assert(!wkv_token_signature_holds(&token, good, strlen(good)));
    wkv_token_destroy(&token);
    free(good);
    char *call = mint_call("", 0, NULL);
    ck_assert_int_eq(wkv_token_read(call, strlen(call), WKV_TOKEN_ANY, &token, NULL), WKV_OK);
    ck_assert_int_eq(token.kind, WKV_TOKEN_INVOCATION);
    wkv_token_destroy(&token);
    free(call);
}
END_TEST

START_TEST(urls_are_spelt_as_the_contract_says)
{
    char url[WKV_TOKEN_URL_BYTES];
    ck_assert(wkv_token_target_url(url, "defaultX", 7, "GetX", 3));
    ck_assert_str_eq(url, "wasmbus://wascc/keyvalue/default/Get");
    ck_assert(wkv_token_origin_url(url, "systemX", 6));
    ck_assert_str_eq(url, "wasmbus://system");
    char name[WKV_TOKEN_URL_BYTES + 1];
    memset(name, 'x', sizeof name);
    ck_assert(!wkv_token_target_url(url, name, sizeof name, "Get", 3));
    ck_assert(!wkv_token_target_url(url, name, WKV_TOKEN_URL_BYTES - 20, "Get", 3));
    ck_assert(!wkv_token_origin_url(url, name, WKV_TOKEN_URL_BYTES - 10));
    ck_assert(wkv_token_origin_url(url, name, WKV_TOKEN_URL_BYTES - 11));
    ck_assert(!wkv_token_origin_url(url, "", 0));
    ck_assert(!wkv_token_origin_url(url, "system\0x", 8));
}
END_TEST

Suite *token_suite(void)
{
    Suite *suite = suite_create("security/token");
    TCase *tests = tcase_create("token");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, real_tokens_of_2020_verify_where_their_issuer_is_trusted);
    tcase_add_test(tests, every_bit_of_a_real_token_flipped_is_refused);
    tcase_add_test(tests, every_bit_of_invocation_claims_flipped_is_refused);
    tcase_add_test(tests, every_way_to_cut_a_token_is_refused);
    tcase_add_test(tests, minted_actor_claims_say_what_was_asked_for);
    tcase_add_test(tests, all_that_actor_claims_can_say_is_read);
    tcase_add_test(tests, minted_invocation_claims_are_bound_to_their_message);
    tcase_add_test(tests, claims_that_nobody_would_accept_are_not_minted);
    tcase_add_test(tests, the_limit_of_size_is_exact);
    tcase_add_test(tests, the_clock_edges_are_where_the_header_says);
    tcase_add_test(tests, members_that_are_not_known_are_ignored);
    tcase_add_test(tests, reading_alone_says_what_stands_there_and_whether_the_signature_holds);
    tcase_add_test(tests, urls_are_spelt_as_the_contract_says);
    suite_add_tcase(suite, tests);
    return suite;
}
