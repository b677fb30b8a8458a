/* Subjects, and URLs without their secrets. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "nats/subject.h"

START_TEST(subjects_are_those_of_contract_section_2)
{
    char subject[WKV_SUBJECT_BYTES];
    struct wkv_error error;
    struct wkv_address plain = {NULL, "default"};
    struct wkv_address spaced = {"prod.eu", "cache"};
    wkv_subject_base(&plain, subject);
    ck_assert_str_eq(subject, "wasmbus.provider.wascc.keyvalue.default");
    ck_assert_int_eq(wkv_subject_operation(&plain, "*", "Get", subject, &error), WKV_OK);
    ck_assert_str_eq(subject, "wasmbus.provider.wascc.keyvalue.default.*.Get");
    ck_assert_int_eq(wkv_subject_operation(&spaced, "MABC", "SetUnion", subject, &error), WKV_OK);
    ck_assert_str_eq(subject, "prod.eu.wasmbus.provider.wascc.keyvalue.cache.MABC.SetUnion");
}
END_TEST

/* Contract section 2: a reply there would be the provider's own say to NATS or to the lattice. */
static const struct {
    const char *lattice_namespace, *reply;
    bool taken;
} replies[] = {
    {NULL, "_INBOX.abc.1", true},
    {NULL, "a", true},
    {NULL, "my.inbox.$JS.API", true},
    {NULL, "$", false},
    {NULL, "$JS.API.STREAM.DELETE.x", false},
    {NULL, "$SYS.REQ.ACCOUNT.x", false},
    {NULL, "wascc-kv.peer", false},
    {NULL, "wascc-kvx", true},
    {NULL, "wasmbus.provider.wascc.keyvalue.default", false},
    {NULL, "wasmbus.provider.wascc.keyvalue.default.MABC.Set", false},
    {NULL, "wasmbus.provider.wascc.keyvalue.other.MABC.Set", false},
    {NULL, "wasmbus.provider.wascc.messaging.default", false},
    {NULL, "wasmbus.actor.MABC", false},
    {NULL, "wasmbus.events", false},
    {NULL, "wasmbus.inventory.hosts", false},
    {NULL, "wasmbus.replies.1", true},
    {NULL, "wasmbus", true},
    {NULL, "wasmbusprovider.x", true},
    {"prod.eu", "wasmbus.events", true}, /* another lattice's, as anybody's subject */
    {"prod.eu", "prod.eu.wasmbus.events", false},
    {"prod.eu", "prod.eu.wasmbus.provider.wascc.keyvalue.default.MABC.Set", false},
    {"prod.eu", "prod.eu", true},
    {"prod.eu", "prod.euwasmbus.events", true},
    {"prod.eu", "$JS.ACK.x", false},
};

START_TEST(replies_go_where_a_requester_listens)
{
    struct wkv_address address = {replies[_i].lattice_namespace, "default"};
    ck_assert_msg(wkv_subject_takes_replies(&address, replies[_i].reply) == replies[_i].taken, "%s",
                  replies[_i].reply);
}
END_TEST

static const struct {
    const char *pattern, *subject;
    bool matches;
} matches[] = {
    {"a.b.*.Get", "a.b.M1.Get", true},
    {"a.b.*.Get", "a.b.M1.Set", false},
    {"a.b.*.Get", "a.b.M1.Get.x", false},
    {"a.b.*.Get", "a.b.M1.Getx", false},
    {"a.b.*.Get", "a.b.M1", false},
    {"a.b.*.Get", "a.b.M1.", false},
    {"a.b.*.Get", "a.b..Get", false},
    {"a.b.*.Get", "a.b.M1.M2.Get", false},
    {"a.b.*.Get", "a.c.M1.Get", false},
    {"a.b.*.Get", "a.b", false},
    {"a.b.*.Get", "", false},
    {"a.b.*.Get", "a.b.Get", false},
    {"a.b.M1", "a.b.M1", true},
    {"a.b.M1", "a.b.M1.Get", false},
    {"a.b.M1", "a.b.M", false},
    {"$SRV.PING", "$SRV.PING.x", false},
    {"$SRV.PING", "$SRV.PIN", false},
};

START_TEST(a_subject_is_looked_at_whole)
{
    /* A copy of just the text, so that a sanitizer sees a look beyond. */
    char *subject = strdup(matches[_i].subject);
    ck_assert_ptr_nonnull(subject);
    struct wkv_pattern pattern = wkv_pattern_of(matches[_i].pattern);
    ck_assert_msg(wkv_pattern_matches(&pattern, subject) == matches[_i].matches, "%s", subject);
    free(subject);
}
END_TEST

static const char *const bad_tokens[] = {"",     "a.b",   "*",        ">",  "a b",
                                         "a\tb", "a\x7f", "\xc3\xa9", "a*", "a\n"};

START_TEST(what_is_no_token_is_refused)
{
    char subject[WKV_SUBJECT_BYTES];
    struct wkv_error error;
    struct wkv_address address = {NULL, "default"};
    ck_assert(!wkv_subject_token_valid(bad_tokens[_i]));
    address.binding = bad_tokens[_i];
    ck_assert_int_eq(wkv_address_check(&address, &error), WKV_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(error.text, "--binding"));
    address.binding = "default";
    ck_assert_int_eq(wkv_subject_operation(&address, "MABC", bad_tokens[_i], subject, &error),
                     WKV_BAD_REQUEST);
    if (strcmp(bad_tokens[_i], "*") != 0)
        ck_assert_int_eq(wkv_subject_operation(&address, bad_tokens[_i], "Get", subject, &error),
                         WKV_BAD_REQUEST);
}
END_TEST

START_TEST(the_longest_parts_still_fit)
{
    char subject[WKV_SUBJECT_BYTES];
    char longest[129];
    struct wkv_error error;
    memset(longest, 'x', 128);
    longest[128] = '\0';
    struct wkv_address address = {longest, longest};
    ck_assert_int_eq(wkv_address_check(&address, &error), WKV_OK);
    ck_assert_int_eq(wkv_subject_operation(&address, "*", "SetIntersection", subject, &error), WKV_OK);
    ck_assert_int_eq(wkv_subject_operation(&address, longest, longest, subject, &error), WKV_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(error.text, "longer than"));
    char longer[130];
    memset(longer, 'x', 129);
    longer[129] = '\0';
    ck_assert(!wkv_subject_token_valid(longer));
}
END_TEST

static const char *const bad_namespaces[] = {".", ".a", "a.", "a..b", "a b", "*", "a.>", "\xff"};

START_TEST(what_is_no_namespace_is_refused)
{
    struct wkv_error error;
    struct wkv_address address = {bad_namespaces[_i], "default"};
    ck_assert_int_eq(wkv_address_check(&address, &error), WKV_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(error.text, "--lattice-namespace"));
}
END_TEST

Suite *subject_suite(void)
{
    Suite *suite = suite_create("nats/subject");
    TCase *tests = tcase_create("subject");
    tcase_add_test(tests, subjects_are_those_of_contract_section_2);
    tcase_add_loop_test(tests, what_is_no_token_is_refused, 0, sizeof bad_tokens / sizeof bad_tokens[0]);
    tcase_add_test(tests, the_longest_parts_still_fit);
    tcase_add_loop_test(tests, what_is_no_namespace_is_refused, 0,
                        sizeof bad_namespaces / sizeof bad_namespaces[0]);
    tcase_add_loop_test(tests, replies_go_where_a_requester_listens, 0, sizeof replies / sizeof replies[0]);
    tcase_add_loop_test(tests, a_subject_is_looked_at_whole, 0, sizeof matches / sizeof matches[0]);
    suite_add_tcase(suite, tests);
    return suite;
}
