/* A front that is added beside ours (tests/front/toy) has what they have: who may, the same data, refusals,
 * statistics and the log, without a line of its own for any of it. */
#include <stdlib.h>
#include <string.h>

#include "claims.h"
#include "harness.h"
#include "service.h"

static char actor[WKV_NKEY_PUBLIC_CHARS + 1];
static char *good;

static void serve(void)
{
    (void)setenv("WKV_TEST_PROGRAM", WKV_TOY_PROGRAM, 1);
    people_make();
    nats_server_start(&shared.server, NULL);
    provider_serve(&shared.provider, shared.server.url, "--auth", "claims", "--trusted-issuer",
                   people.account.key, "--log-level", "debug", NULL);
    caller_open();
    actor_key(1, actor);
    good = claims_for(&people.account, actor);
    client_call_on(&caller, DEFAULT_BASE, actor);
}

static void stop(void)
{
    free(good);
    caller_close();
    shared_stop();
    people_free();
}

static void says(const char *claims, const char *line, const char *expected)
{
    struct papers papers = {.claims = claims};
    struct answer answer = papers_send(&caller, papers, "line", line, strlen(line));
    ck_assert_int_eq(answer.status, NATS_OK);
    ck_assert_msg(answer.len >= strlen(expected) && memcmp(answer.data, expected, strlen(expected)) == 0,
                  "%s: %.*s", line, (int)answer.len, answer.data);
    answer_free(&answer);
}

START_TEST(another_front_has_what_ours_have)
{
    struct papers papers = {.claims = good};
    says(NULL, "GET a", "ERR 401 Get: no claims");
    says(good, "GET a", "NONE");
    says(good, "SET a v", "OK");
    says(good, "GET a", "VALUE v");
    says(good, "HELLO", "ERR 400 send GET key");
    json_t *plain = papers_call(&caller, papers, JSON, "Get", "{s:s}", "key", "a");
    ck_assert_str_eq(text_at(plain, "value"), "v");
    json_decref(plain);
    json_t *stats = service_stats(&caller);
    ck_assert_int_eq(endpoint_number(stats, "Get", "num_requests"), 4);
    ck_assert_int_eq(endpoint_number(stats, "Get", "num_errors"), 1);
    json_decref(stats);
    (void)process_await_line(&shared.provider, "line: Set of M");
    (void)process_await_line(&shared.provider, "line: no operation of this subject");
}
END_TEST

Suite *toy_front_suite(void)
{
    Suite *suite = suite_create("integration/toy_front");
    TCase *tests = tcase_create("toy_front");
    tcase_set_timeout(tests, 0);
    tcase_add_checked_fixture(tests, serve, stop);
    tcase_add_test(tests, another_front_has_what_ours_have);
    suite_add_tcase(suite, tests);
    return suite;
}
