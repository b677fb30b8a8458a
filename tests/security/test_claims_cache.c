#include "helpers.h"
#include "security/claims_cache.h"

static struct person account;
static struct wkv_trust_source *source;
static struct wkv_trust_reader reader;
static struct wkv_claims_cache *cache;

static void create(uint32_t entries, size_t bytes)
{
    struct wkv_claims_cache_options options = {.max_entries = entries, .max_bytes = bytes};
    ck_assert_int_eq(wkv_claims_cache_create(&options, &cache, NULL), WKV_OK);
}

static void set_up(void)
{
    account = person_make(WKV_NKEY_ACCOUNT, 1);
    ck_assert_int_eq(wkv_trust_source_create(trust_make(account.text, ""), &source, NULL), WKV_OK);
    wkv_trust_reader_init(&reader, source);
    cache = NULL;
}

static void tear_down(void)
{
    wkv_claims_cache_destroy(cache);
    wkv_trust_reader_destroy(&reader);
    wkv_trust_source_destroy(source);
    person_free(&account);
}

/* Tokens are only text to the cache. */
#define TOKEN_BYTES 600
static void token_of(unsigned number, char text[TOKEN_BYTES + 1])
{
    memset(text, 'x', TOKEN_BYTES);
    snprintf(text + TOKEN_BYTES - 60, 61, "%060u", number);
}

static struct wkv_claims claims_of(unsigned number)
{
    struct wkv_claims claims = {.expires_s = WKV_TOKEN_NEVER, .keyvalue = true};
    snprintf(claims.actor, sizeof claims.actor, "M%055u", number);
    memcpy(claims.issuer, account.key.bytes, sizeof claims.issuer);
    return claims;
}

static void add_claims(unsigned number, const struct wkv_claims *claims)
{
    char text[TOKEN_BYTES + 1];
    token_of(number, text);
    wkv_claims_cache_add(cache, text, TOKEN_BYTES, claims, wkv_trust_reader_current(&reader));
}

static void add(unsigned number)
{
    struct wkv_claims claims = claims_of(number);
    add_claims(number, &claims);
}

static bool find_at(unsigned number, int64_t now_s)
{
    char text[TOKEN_BYTES + 1];
    token_of(number, text);
    const struct wkv_claims *found =
        wkv_claims_cache_find(cache, text, TOKEN_BYTES, wkv_trust_reader_current(&reader), now_s);
    if (found != NULL)
        ck_assert_str_eq(found->actor, claims_of(number).actor);
    return found != NULL;
}

static bool find(unsigned number)
{
    return find_at(number, NOW);
}

static struct wkv_claims_cache_stats stats(void)
{
    struct wkv_claims_cache_stats now;
    wkv_claims_cache_stats(cache, &now);
    return now;
}

START_TEST(a_token_is_found_once_it_was_added)
{
    create(16, 0);
    ck_assert(!find(1));
    add(1);
    ck_assert(find(1));
    ck_assert(!find(2));
    ck_assert_uint_eq(stats().entries, 1);
    ck_assert_uint_eq(stats().bytes, TOKEN_BYTES);
    ck_assert_uint_eq(stats().hits, 1);
    ck_assert_uint_eq(stats().misses, 2);
}
END_TEST

START_TEST(the_whole_token_is_compared)
{
    create(16, 0);
    add(1);
    char text[TOKEN_BYTES + 2];
    const struct wkv_trust *trust = wkv_trust_reader_current(&reader);
    for (size_t bit = 0; bit < TOKEN_BYTES * 8; bit++) {
        token_of(1, text);
        text[bit / 8] = (char)(text[bit / 8] ^ (1 << bit % 8));
        ck_assert_ptr_null(wkv_claims_cache_find(cache, text, TOKEN_BYTES, trust, NOW));
    }
    token_of(1, text);
    ck_assert_ptr_null(wkv_claims_cache_find(cache, text, TOKEN_BYTES - 1, trust, NOW));
    /* The same end, so the same hash, behind another beginning. */
    ck_assert_ptr_null(wkv_claims_cache_find(cache, text + 1, TOKEN_BYTES - 1, trust, NOW));
    ck_assert_ptr_null(wkv_claims_cache_find(cache, text, 0, trust, NOW));
    ck_assert(find(1));
}
END_TEST

START_TEST(tokens_of_every_length_are_compared_whole)
{
    create(400, 0);
    char text[300];
    const struct wkv_trust *trust = wkv_trust_reader_current(&reader);
    memset(text, 'a', sizeof text);
    struct wkv_claims claims = claims_of(0);
    for (size_t len = 1; len < sizeof text; len++)
        wkv_claims_cache_add(cache, text, len, &claims, trust);
    for (size_t len = 1; len < sizeof text; len++) {
        ck_assert_ptr_nonnull(wkv_claims_cache_find(cache, text, len, trust, NOW));
        text[len - 1] = 'b';
        ck_assert_ptr_null(wkv_claims_cache_find(cache, text, len, trust, NOW));
        text[len - 1] = 'a';
        text[0] = 'b';
        ck_assert_ptr_null(wkv_claims_cache_find(cache, text, len, trust, NOW));
        text[0] = 'a';
    }
}
END_TEST

START_TEST(a_flood_of_bad_tokens_neither_grows_it_nor_evicts)
{
    create(64, 0);
    for (unsigned i = 0; i < 64; i++)
        add(i);
    for (unsigned i = 0; i < 100000; i++)
        ck_assert(!find(1000 + i)); /* looked for, never verified, so never added */
    ck_assert_uint_eq(stats().entries, 64);
    ck_assert_uint_eq(stats().evictions, 0);
    for (unsigned i = 0; i < 64; i++)
        ck_assert(find(i));
}
END_TEST

START_TEST(a_flood_of_good_tokens_stays_in_bounds_and_keeps_those_in_use)
{
    create(64, 0);
    for (unsigned i = 0; i < 32; i++)
        add(i);
    for (unsigned i = 0; i < 20000; i++) {
        add(1000 + i);
        for (unsigned used = 0; used < 32; used++) {
            if (i % 16 == 0)
                ck_assert_msg(find(used), "token %u was pushed out after %u", used, i);
        }
        ck_assert_uint_le(stats().entries, 64);
        ck_assert_uint_le(stats().bytes, 64 * TOKEN_BYTES);
    }
    ck_assert_uint_eq(stats().evictions, 20000 + 32 - 64);
    ck_assert(find(1000 + 19999));
    ck_assert(!find(1000));
}
END_TEST

START_TEST(room_is_found_where_every_token_is_in_use)
{
    create(8, 0);
    for (unsigned i = 0; i < 8; i++) {
        add(i);
        ck_assert(find(i));
    }
    add(100);
    ck_assert(find(100));
    ck_assert_uint_eq(stats().entries, 8);
    ck_assert_uint_eq(stats().evictions, 1);
}
END_TEST

START_TEST(the_bytes_of_tokens_are_bounded_too)
{
    create(1000, 10 * TOKEN_BYTES);
    for (unsigned i = 0; i < 100; i++) {
        add(i);
        ck_assert_uint_le(stats().bytes, 10 * TOKEN_BYTES);
    }
    ck_assert_uint_eq(stats().entries, 10);
    wkv_claims_cache_destroy(cache);
    create(1000, TOKEN_BYTES - 1);
    add(1);
    ck_assert(!find(1));
    ck_assert_uint_eq(stats().entries, 0);
}
END_TEST

START_TEST(a_cache_of_one_entry_works)
{
    create(1, 0);
    for (unsigned i = 0; i < 10; i++) {
        add(i);
        ck_assert(find(i));
        ck_assert_uint_eq(stats().entries, 1);
    }
}
END_TEST

START_TEST(a_remembered_token_never_outlives_exp)
{
    create(16, 0);
    struct wkv_claims claims = claims_of(1);
    claims.expires_s = NOW;
    add_claims(1, &claims);
    ck_assert(find_at(1, NOW));
    ck_assert(!find_at(1, NOW + WKV_TOKEN_LEEWAY_S));
    ck_assert_uint_eq(stats().entries, 0);
    ck_assert(!find_at(1, NOW)); /* gone for good */
}
END_TEST

START_TEST(a_remembered_token_is_not_found_before_nbf)
{
    create(16, 0);
    struct wkv_claims claims = claims_of(1);
    claims.not_before_s = NOW;
    add_claims(1, &claims);
    ck_assert(!find_at(1, NOW - 100));
    ck_assert(find_at(1, NOW));
}
END_TEST

START_TEST(a_reload_that_takes_the_issuer_away_takes_its_tokens_away)
{
    struct person other = person_make(WKV_NKEY_ACCOUNT, 2);
    create(16, 0);
    add(1);
    struct wkv_claims theirs = claims_of(2);
    memcpy(theirs.issuer, other.key.bytes, sizeof theirs.issuer);
    add_claims(2, &theirs);
    char both[200];
    snprintf(both, sizeof both, "%s,%s", account.text, other.text);
    wkv_trust_source_publish(source, trust_make(both, ""));
    ck_assert(find(1)); /* still trusted, still remembered */
    ck_assert(find(2));
    wkv_trust_source_publish(source, trust_make(other.text, ""));
    ck_assert(!find(1));
    ck_assert(find(2));
    ck_assert_uint_eq(stats().entries, 1);
    wkv_trust_source_publish(source, trust_make(both, ""));
    ck_assert(!find(1)); /* it must be verified again */
    person_free(&other);
}
END_TEST

START_TEST(slots_are_used_again)
{
    create(4, 0);
    for (unsigned i = 0; i < 1000; i++) {
        struct wkv_claims claims = claims_of(i);
        claims.expires_s = NOW;
        add_claims(i, &claims);
        ck_assert(find_at(i, NOW));
        ck_assert(!find_at(i, NOW + 10));
    }
    ck_assert_uint_eq(stats().entries, 0);
    ck_assert_uint_eq(stats().bytes, 0);
    ck_assert_uint_eq(stats().evictions, 0);
}
END_TEST

START_TEST(too_many_entries_are_refused)
{
    struct wkv_claims_cache_options options = {.max_entries = WKV_CLAIMS_CACHE_MAX_ENTRIES + 1};
    struct wkv_claims_cache *made;
    ck_assert_int_eq(wkv_claims_cache_create(&options, &made, NULL), WKV_BAD_REQUEST);
    wkv_claims_cache_destroy(NULL);
}
END_TEST

Suite *claims_cache_suite(void)
{
    Suite *suite = suite_create("security/claims_cache");
    TCase *tests = tcase_create("claims_cache");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_token_is_found_once_it_was_added);
    tcase_add_test(tests, the_whole_token_is_compared);
    tcase_add_test(tests, tokens_of_every_length_are_compared_whole);
    tcase_add_test(tests, a_flood_of_bad_tokens_neither_grows_it_nor_evicts);
    tcase_add_test(tests, a_flood_of_good_tokens_stays_in_bounds_and_keeps_those_in_use);
    tcase_add_test(tests, room_is_found_where_every_token_is_in_use);
    tcase_add_test(tests, the_bytes_of_tokens_are_bounded_too);
    tcase_add_test(tests, a_cache_of_one_entry_works);
    tcase_add_test(tests, a_remembered_token_never_outlives_exp);
    tcase_add_test(tests, a_remembered_token_is_not_found_before_nbf);
    tcase_add_test(tests, a_reload_that_takes_the_issuer_away_takes_its_tokens_away);
    tcase_add_test(tests, slots_are_used_again);
    tcase_add_test(tests, too_many_entries_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
