/* What --server, NATS_URL and LATTICE_HOST say, taken apart. */
#include <check.h>
#include <string.h>

#include "nats/servers.h"

#define OR_NONE(text) ((text) == NULL ? "(none)" : (text))

static const struct {
    const char *list;
    const char *shown; /* of the last server */
    const char *host, *user, *password, *token;
    size_t count;
    bool tls;
} good[] = {
    {"127.0.0.1", "nats://127.0.0.1:4222", "127.0.0.1", NULL, NULL, NULL, 1, false},
    {"localhost:4333", "nats://localhost:4333", "localhost", NULL, NULL, NULL, 1, false},
    {"nats://a.example:1/", "nats://a.example:1", "a.example", NULL, NULL, NULL, 1, false},
    {"NATS://a:1", "nats://a:1", "a", NULL, NULL, NULL, 1, false},
    {"TLS://a", "tls://a:4222", "a", NULL, NULL, NULL, 1, true},
    {"tls://a,tls://b:65535", "tls://b:65535", "b", NULL, NULL, NULL, 2, true},
    {" nats://a , b ", "nats://b:4222", "b", NULL, NULL, NULL, 2, false},
    {"nats://[::1]:4333", "nats://[::1]:4333", "::1", NULL, NULL, NULL, 1, false},
    {"tls://[fe80::1%eth0]", "tls://[fe80::1%eth0]:4222", "fe80::1%eth0", NULL, NULL, NULL, 1, true},
    {"::1", "nats://[::1]:4222", "::1", NULL, NULL, NULL, 1, false},
    {"nats://u:p@[::1]/", "nats://[::1]:4222", "::1", "u", "p", NULL, 1, false},
    {"u:p@h", "nats://h:4222", "h", "u", "p", NULL, 1, false},
    {"nats://u:p%40%2C%25%2f%22%5c@h:1", "nats://h:1", "h", "u", "p@,%/\"\\", NULL, 1, false},
    {"nats://u%3A:p:q@r@h", "nats://h:4222", "h", "u:", "p:q@r", NULL, 1, false},
    {"nats://u:@h", "nats://h:4222", "h", "u", "", NULL, 1, false},
    {"nats://p\xc3\xa4ss:w\xc3\xb6rt@h", "nats://h:4222", "h", "p\xc3\xa4ss", "w\xc3\xb6rt", NULL, 1, false},
    {"nats://s3cret%2B@h", "nats://h:4222", "h", NULL, NULL, "s3cret+", 1, false},
    {"nats://@h", "nats://h:4222", "h", NULL, NULL, NULL, 1, false},
    {"nats://a:b@one:1,nats://t@two:2", "nats://two:2", "two", NULL, NULL, "t", 2, false},
};

START_TEST(a_list_of_urls_is_taken_apart)
{
    struct wkv_servers *servers;
    struct wkv_error error;
    char shown[WKV_SERVER_URL_BYTES];
    ck_assert_msg(wkv_servers_parse("--server", good[_i].list, &servers, &error) == WKV_OK, "%s: %s",
                  good[_i].list, error.text);
    ck_assert_uint_eq(servers->count, good[_i].count);
    const struct wkv_server_url *last = &servers->items[servers->count - 1];
    wkv_server_url_text(last, shown);
    ck_assert_str_eq(shown, good[_i].shown);
    ck_assert_str_eq(last->host, good[_i].host);
    ck_assert_str_eq(OR_NONE(last->user), OR_NONE(good[_i].user));
    ck_assert_str_eq(OR_NONE(last->password), OR_NONE(good[_i].password));
    ck_assert_str_eq(OR_NONE(last->token), OR_NONE(good[_i].token));
    ck_assert_int_eq(servers->tls, good[_i].tls);
    ck_assert_int_eq(last->tls, good[_i].tls);
    wkv_servers_destroy(servers);
}
END_TEST

static const struct {
    const char *list, *says;
} bad[] = {
    {"", "no NATS URL"},
    {"nats://", "no NATS URL"},
    {"nats://hunter2:hunter2@", "no NATS URL"},
    {"nats://a,,nats://b", "no NATS URL"},
    {"nats://a,", "no NATS URL"},
    {"http://a", "no NATS URL"},
    {"ws://a", "no NATS URL"},
    {"nats:/a", "no NATS URL"},
    {"nats://a:0", "no NATS URL"},
    {"nats://a:65536", "no NATS URL"},
    {"nats://a:4294967297", "no NATS URL"},
    {"nats://a:", "no NATS URL"},
    {"nats://a:1x", "no NATS URL"},
    {"nats://a:1/x", "no NATS URL"},
    {"nats://a b", "no NATS URL"},
    {"nats://a\"b", "no NATS URL"},
    {"nats://a?hunter2", "no NATS URL"},
    {"nats://[::1", "no NATS URL"},
    {"nats://[::1]4222", "no NATS URL"},
    {"nats://[hunter2]", "no NATS URL"},
    {"nats://[::1%]", "no NATS URL"},
    {"nats://1:2:3", "no NATS URL"},
    {"nats://u:hunter2%@h", "followed by two hexadecimal"},
    {"nats://u:hunter2%4@h", "followed by two hexadecimal"},
    {"nats://u%zz:hunter2@h", "followed by two hexadecimal"},
    {"nats://hunter2%0a@h", "line end"},
    {"nats://u:hunter2%00@h", "control character"},
    {"nats://u:hunter2%7F@h", "control character"},
    {"nats://u:hunter2\n@h", "line end"},
    {"nats://h\n", "line end"},
    {"nats://h\r", "line end"},
    {"nats://:hunter2@h", "without a user"},
    {"tls://u:hunter2@a,nats://b", "mixes tls://"},
    {"nats://a,tls://b", "mixes tls://"},
    {"tls://a,b", "mixes tls://"},
    {"a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", "too many"},
};

START_TEST(what_is_no_url_is_refused_and_not_quoted)
{
    struct wkv_servers *servers;
    struct wkv_error error;
    ck_assert_msg(wkv_servers_parse("NATS_URL", bad[_i].list, &servers, &error) == WKV_BAD_REQUEST, "%s",
                  bad[_i].list);
    ck_assert_ptr_null(servers);
    ck_assert_msg(strstr(error.text, bad[_i].says) != NULL, "%s: %s", bad[_i].list, error.text);
    ck_assert_msg(strncmp(error.text, "NATS_URL ", 9) == 0, "%s", error.text);
    ck_assert_ptr_null(strstr(error.text, "hunter2"));
}
END_TEST

Suite *servers_suite(void)
{
    Suite *suite = suite_create("nats/servers");
    TCase *tests = tcase_create("servers");
    tcase_add_loop_test(tests, a_list_of_urls_is_taken_apart, 0, sizeof good / sizeof good[0]);
    tcase_add_loop_test(tests, what_is_no_url_is_refused_and_not_quoted, 0, sizeof bad / sizeof bad[0]);
    suite_add_tcase(suite, tests);
    return suite;
}
