#include <pthread.h>
#include <stdatomic.h>

#include "helpers.h"

static struct wkv_trust *empty(void)
{
    struct wkv_trust *trust;
    ck_assert_int_eq(wkv_trust_create(&trust, NULL), WKV_OK);
    return trust;
}

static enum wkv_code add(struct wkv_trust *trust, enum wkv_trust_list list, const char *text,
                         struct wkv_error *error)
{
    return wkv_trust_add(trust, list, text, strlen(text), error);
}

START_TEST(a_new_set_trusts_nobody)
{
    struct wkv_trust *trust = empty();
    unsigned char zero[WKV_NKEY_BYTES] = {0};
    ck_assert(!wkv_trust_has(trust, WKV_TRUST_ISSUERS, zero));
    ck_assert(!wkv_trust_has(trust, WKV_TRUST_HOSTS, zero));
    ck_assert(!wkv_trust_any_host(trust));
    ck_assert_uint_eq(wkv_trust_generation(trust), 0);
    wkv_trust_release(trust);
    wkv_trust_release(NULL);
}
END_TEST

START_TEST(keys_are_read_from_commas_lines_and_comments)
{
    struct person a = person_make(WKV_NKEY_ACCOUNT, 1), b = person_make(WKV_NKEY_ACCOUNT, 2),
                  c = person_make(WKV_NKEY_ACCOUNT, 3), d = person_make(WKV_NKEY_ACCOUNT, 4);
    struct wkv_trust *trust = empty();
    char text[1024];
    snprintf(text, sizeof text, "# first, and last\r\n%s,%s\n\n ,, %s # mine\n%s#no more: %s", a.text, b.text,
             c.text, a.text, d.text);
    struct wkv_error error = {0};
    ck_assert_msg(add(trust, WKV_TRUST_ISSUERS, text, &error) == WKV_OK, "%s", error.text);
    ck_assert_uint_eq(wkv_trust_count(trust, WKV_TRUST_ISSUERS), 3);
    ck_assert(wkv_trust_has(trust, WKV_TRUST_ISSUERS, a.key.bytes));
    ck_assert(wkv_trust_has(trust, WKV_TRUST_ISSUERS, b.key.bytes));
    ck_assert(wkv_trust_has(trust, WKV_TRUST_ISSUERS, c.key.bytes));
    ck_assert(!wkv_trust_has(trust, WKV_TRUST_ISSUERS, d.key.bytes));
    ck_assert(!wkv_trust_has(trust, WKV_TRUST_HOSTS, a.key.bytes));
    wkv_trust_release(trust);
    person_free(&a), person_free(&b), person_free(&c), person_free(&d);
}
END_TEST

START_TEST(many_keys_are_all_found_and_too_many_refused)
{
    struct wkv_trust *trust = empty();
    struct wkv_nkey key = {.kind = WKV_NKEY_HOST};
    char text[WKV_NKEY_PUBLIC_CHARS + 1];
    for (unsigned i = 0; i < WKV_TRUST_MAX_KEYS; i++) {
        key.bytes[0] = (unsigned char)(i * 37);
        key.bytes[5] = (unsigned char)(i >> 8);
        wkv_nkey_encode(&key, text);
        ck_assert_int_eq(add(trust, WKV_TRUST_HOSTS, text, NULL), WKV_OK);
    }
    ck_assert_uint_eq(wkv_trust_count(trust, WKV_TRUST_HOSTS), WKV_TRUST_MAX_KEYS);
    for (unsigned i = 0; i < WKV_TRUST_MAX_KEYS; i++) {
        key.bytes[0] = (unsigned char)(i * 37);
        key.bytes[5] = (unsigned char)(i >> 8);
        ck_assert(wkv_trust_has(trust, WKV_TRUST_HOSTS, key.bytes));
    }
    key.bytes[31] = 1;
    ck_assert(!wkv_trust_has(trust, WKV_TRUST_HOSTS, key.bytes));
    wkv_nkey_encode(&key, text);
    struct wkv_error error;
    ck_assert_int_eq(add(trust, WKV_TRUST_HOSTS, text, &error), WKV_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(error.text, "more than"));
    wkv_trust_release(trust);
}
END_TEST

START_TEST(any_trusts_every_host_and_stands_alone)
{
    struct person host = person_make(WKV_NKEY_HOST, 1);
    struct wkv_error error;
    struct wkv_trust *trust = empty();
    ck_assert_int_eq(add(trust, WKV_TRUST_HOSTS, "any", &error), WKV_OK);
    ck_assert(wkv_trust_any_host(trust));
    ck_assert(wkv_trust_has(trust, WKV_TRUST_HOSTS, host.key.bytes));
    ck_assert(!wkv_trust_has(trust, WKV_TRUST_ISSUERS, host.key.bytes));
    ck_assert_int_eq(add(trust, WKV_TRUST_HOSTS, host.text, &error), WKV_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(error.text, "'any'"));
    wkv_trust_release(trust);
    trust = empty();
    ck_assert_int_eq(add(trust, WKV_TRUST_HOSTS, host.text, &error), WKV_OK);
    ck_assert_int_eq(add(trust, WKV_TRUST_HOSTS, "any", &error), WKV_BAD_REQUEST);
    wkv_trust_release(trust);
    trust = empty();
    ck_assert_int_eq(add(trust, WKV_TRUST_ISSUERS, "any", &error), WKV_BAD_REQUEST);
    wkv_trust_release(trust);
    person_free(&host);
}
END_TEST

START_TEST(a_bad_entry_is_named_by_its_number_and_never_quoted)
{
    struct person account = person_make(WKV_NKEY_ACCOUNT, 1), host = person_make(WKV_NKEY_HOST, 1);
    char seed[WKV_NKEY_SEED_CHARS + 1], text[300];
    wkv_nkey_seed_encode(account.seed, seed);
    const struct {
        enum wkv_trust_list list;
        const char *entry, *words;
    } cases[] = {
        {WKV_TRUST_ISSUERS, "ABC", "56 characters"},
        {WKV_TRUST_ISSUERS, host.text, "account keys, which begin with A"},
        {WKV_TRUST_ISSUERS, seed, "seed"},
        {WKV_TRUST_ISSUERS, "ADLVVGABQKYQVN6VJP7NHSLEA45A5YLS6PNKMIZFV4BBU2HXA5IRVRTT", "checksum"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wkv_trust *trust = empty();
        struct wkv_error error;
        snprintf(text, sizeof text, "%s,%s", account.text, cases[i].entry);
        ck_assert_int_eq(add(trust, cases[i].list, text, &error), WKV_BAD_REQUEST);
        ck_assert_msg(strstr(error.text, "trusted issuer 2") != NULL, "%s", error.text);
        ck_assert_msg(strstr(error.text, cases[i].words) != NULL, "%s", error.text);
        ck_assert_ptr_null(strstr(error.text, cases[i].entry));
        wkv_trust_release(trust);
    }
    struct wkv_trust *trust = empty();
    struct wkv_error error;
    ck_assert_int_eq(add(trust, WKV_TRUST_HOSTS, account.text, &error), WKV_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(error.text, "trusted host 1"));
    ck_assert_ptr_nonnull(strstr(error.text, "begin with N"));
    wkv_trust_release(trust);
    sodium_memzero(seed, sizeof seed);
    person_free(&account), person_free(&host);
}
END_TEST

START_TEST(a_reader_has_what_was_published_last)
{
    struct person a = person_make(WKV_NKEY_ACCOUNT, 1), b = person_make(WKV_NKEY_ACCOUNT, 2);
    struct wkv_trust_source *source;
    ck_assert_int_eq(wkv_trust_source_create(trust_make(a.text, ""), &source, NULL), WKV_OK);
    struct wkv_trust_reader reader;
    wkv_trust_reader_init(&reader, source);
    const struct wkv_trust *first = wkv_trust_reader_current(&reader);
    ck_assert_uint_eq(wkv_trust_generation(first), 1);
    ck_assert(wkv_trust_has(first, WKV_TRUST_ISSUERS, a.key.bytes));
    wkv_trust_source_publish(source, trust_make(b.text, ""));
    /* The old set lives on until the reader asks again. */
    ck_assert(wkv_trust_has(first, WKV_TRUST_ISSUERS, a.key.bytes));
    const struct wkv_trust *second = wkv_trust_reader_current(&reader);
    ck_assert_uint_eq(wkv_trust_generation(second), 2);
    ck_assert(!wkv_trust_has(second, WKV_TRUST_ISSUERS, a.key.bytes));
    ck_assert(wkv_trust_has(second, WKV_TRUST_ISSUERS, b.key.bytes));
    ck_assert_ptr_eq(wkv_trust_reader_current(&reader), second);
    wkv_trust_reader_destroy(&reader);
    wkv_trust_source_destroy(source);
    wkv_trust_source_destroy(NULL);
    person_free(&a), person_free(&b);
}
END_TEST

struct readers {
    struct wkv_trust_source *source;
    unsigned char keys[2][WKV_NKEY_BYTES]; /* each set has exactly one of them */
    _Atomic int stop;
    _Atomic int wrong;
};

static void *read_on(void *argument)
{
    struct readers *readers = argument;
    struct wkv_trust_reader reader;
    wkv_trust_reader_init(&reader, readers->source);
    uint64_t last = 0;
    while (!atomic_load(&readers->stop)) {
        const struct wkv_trust *trust = wkv_trust_reader_current(&reader);
        uint64_t generation = wkv_trust_generation(trust);
        bool first = wkv_trust_has(trust, WKV_TRUST_ISSUERS, readers->keys[0]);
        bool second = wkv_trust_has(trust, WKV_TRUST_ISSUERS, readers->keys[1]);
        if (generation < last || first == second || first != (generation % 2 == 1))
            atomic_fetch_add(&readers->wrong, 1);
        last = generation;
    }
    wkv_trust_reader_destroy(&reader);
    return NULL;
}

START_TEST(readers_and_a_publisher_may_run_at_once)
{
    struct person a = person_make(WKV_NKEY_ACCOUNT, 1), b = person_make(WKV_NKEY_ACCOUNT, 2);
    struct readers readers = {0};
    memcpy(readers.keys[0], a.key.bytes, WKV_NKEY_BYTES);
    memcpy(readers.keys[1], b.key.bytes, WKV_NKEY_BYTES);
    ck_assert_int_eq(wkv_trust_source_create(trust_make(a.text, ""), &readers.source, NULL), WKV_OK);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_on, &readers), 0);
    for (int i = 0; i < 500; i++)
        wkv_trust_source_publish(readers.source, trust_make(i % 2 == 0 ? b.text : a.text, ""));
    atomic_store(&readers.stop, 1);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(atomic_load(&readers.wrong), 0);
    wkv_trust_source_destroy(readers.source);
    person_free(&a), person_free(&b);
}
END_TEST

Suite *trust_suite(void)
{
    Suite *suite = suite_create("security/trust");
    TCase *tests = tcase_create("trust");
    tcase_add_test(tests, a_new_set_trusts_nobody);
    tcase_add_test(tests, keys_are_read_from_commas_lines_and_comments);
    tcase_add_test(tests, many_keys_are_all_found_and_too_many_refused);
    tcase_add_test(tests, any_trusts_every_host_and_stands_alone);
    tcase_add_test(tests, a_bad_entry_is_named_by_its_number_and_never_quoted);
    tcase_add_test(tests, a_reader_has_what_was_published_last);
    tcase_add_test(tests, readers_and_a_publisher_may_run_at_once);
    suite_add_tcase(suite, tests);
    return suite;
}
