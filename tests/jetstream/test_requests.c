/* Requests that wait for their answers: which answer belongs to which, and what ends them without one. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "jetstream/requests.h"
#include "support/clock.h"

#define S WKV_NS_PER_S

static struct wkv_js_requests requests;
static char trace[1024];
static char reply_to[128]; /* of what was sent last */

static void on_send(void *context, const struct wkv_js_outgoing *outgoing)
{
    ck_assert_ptr_eq(context, &requests);
    (void)snprintf(reply_to, sizeof reply_to, "%s", outgoing->reply);
}

/* What its owner is told; the context is the name of the request. */
static void on_answer(void *context, const struct wkv_js_incoming *answer)
{
    size_t len = strlen(trace);
    (void)snprintf(trace + len, sizeof trace - len, "%s=%.*s; ", (const char *)context,
                   answer == NULL ? 1 : (int)answer->bytes.len, answer == NULL ? "-" : answer->bytes.data);
}

static void assert_trace(const char *expected)
{
    ck_assert_str_eq(trace, expected);
    trace[0] = '\0';
}

static void setup(void)
{
    trace[0] = '\0';
    wkv_js_requests_init(&requests, "_INBOX.me", on_send, &requests);
}

static void teardown(void)
{
    wkv_js_requests_destroy(&requests);
}

static void ask(char *name, int64_t until_ns)
{
    struct wkv_js_outgoing outgoing = {.subject = "$JS.API.INFO"};
    ck_assert(wkv_js_ask(&requests, &outgoing, until_ns, on_answer, name));
}

static bool take(const char *subject, const char *bytes)
{
    struct wkv_js_incoming incoming = {.subject = wkv_text_from(subject), .bytes = wkv_text_from(bytes)};
    return wkv_js_requests_take(&requests, &incoming);
}

START_TEST(each_answer_goes_to_its_request_once)
{
    char first[sizeof reply_to], second[sizeof reply_to];
    ask("a", 5 * S);
    (void)memcpy(first, reply_to, sizeof first);
    ask("b", 5 * S);
    (void)memcpy(second, reply_to, sizeof second);
    ck_assert_str_ne(first, second);
    ck_assert(take(second, "two"));
    ck_assert(take(first, "one"));
    assert_trace("b=two; a=one; ");
    ck_assert(take(first, "again"));
    ck_assert_int_eq(wkv_js_requests_tick(&requests, 9 * S), INT64_MAX);
    assert_trace("");
}
END_TEST

static const char *const others[] = {"_INBOX.me",     "_INBOX.me.",     "_INBOX.me.r",
                                     "_INBOX.me.rx",  "_INBOX.me.1",    "_INBOX.me.a1",
                                     "_INBOX.me2.r1", "_INBOX.me.r1.2", "_INBOX.me.r99999999999999999999"};

START_TEST(what_goes_to_other_subjects_is_no_answer)
{
    ask("a", 5 * S);
    ck_assert(!take(others[_i], "x"));
    assert_trace("");
}
END_TEST

START_TEST(a_request_ends_when_its_time_is_over)
{
    ask("a", 5 * S);
    ask("b", 3 * S);
    ck_assert_int_eq(wkv_js_requests_tick(&requests, 1 * S), 3 * S);
    assert_trace("");
    ck_assert_int_eq(wkv_js_requests_tick(&requests, 3 * S), 5 * S);
    assert_trace("b=-; ");
    ck_assert(take(reply_to, "late"));
    assert_trace("");
    ck_assert_int_eq(wkv_js_requests_tick(&requests, 6 * S), INT64_MAX);
    assert_trace("a=-; ");
}
END_TEST

/* What is asked by the one that ended is not ended in the same breath, even where its time is over, too. */
static void ask_again(void *context, const struct wkv_js_incoming *answer)
{
    on_answer(context, answer);
    ask("again", 4 * S);
}

START_TEST(who_is_answered_may_ask_again)
{
    struct wkv_js_outgoing outgoing = {.subject = "$JS.API.INFO"};
    for (int i = 0; i < 2; i++)
        ck_assert(wkv_js_ask(&requests, &outgoing, 3 * S, ask_again, i == 0 ? "a" : "b"));
    ask("c", 9 * S);
    ck_assert_int_eq(wkv_js_requests_tick(&requests, 3 * S), 4 * S);
    assert_trace("a=-; b=-; ");
    wkv_js_requests_lost(&requests);
    assert_trace("c=-; again=-; again=-; ");
}
END_TEST

START_TEST(a_lost_connection_ends_those_that_wait_and_no_others)
{
    struct wkv_js_outgoing outgoing = {.subject = "$JS.API.INFO"};
    ck_assert(wkv_js_ask(&requests, &outgoing, 3 * S, ask_again, "a"));
    wkv_js_requests_lost(&requests);
    assert_trace("a=-; ");
    ck_assert(take(reply_to, "of the next connection"));
    assert_trace("again=of the next connection; ");
}
END_TEST

START_TEST(nobody_listens_is_told_from_an_answer)
{
    struct wkv_js_incoming nobody = {.status = wkv_text_from("503")};
    struct wkv_js_incoming empty = {.status = wkv_text_from("100")};
    struct wkv_js_incoming answer = {.status = wkv_text_from("503"), .bytes = wkv_text_from("{}")};
    ck_assert(wkv_js_nobody_listens(&nobody));
    ck_assert(!wkv_js_nobody_listens(&empty));
    ck_assert(!wkv_js_nobody_listens(&answer));
}
END_TEST

/* nats.c takes it away and does not say for which subject it came. */
START_TEST(no_responders_are_an_answer_where_one_request_waits)
{
    ask("a", 5 * S);
    ask("b", 5 * S);
    wkv_js_requests_unheard(&requests);
    assert_trace("");
    ck_assert(take(reply_to, "heard"));
    assert_trace("b=heard; ");
    wkv_js_requests_unheard(&requests);
    assert_trace("a=; ");
    wkv_js_requests_unheard(&requests);
    assert_trace("");
}
END_TEST

Suite *requests_suite(void)
{
    Suite *suite = suite_create("jetstream/requests");
    TCase *tcase = tcase_create("requests");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, each_answer_goes_to_its_request_once);
    tcase_add_loop_test(tcase, what_goes_to_other_subjects_is_no_answer, 0,
                        (int)(sizeof others / sizeof *others));
    tcase_add_test(tcase, a_request_ends_when_its_time_is_over);
    tcase_add_test(tcase, who_is_answered_may_ask_again);
    tcase_add_test(tcase, a_lost_connection_ends_those_that_wait_and_no_others);
    tcase_add_test(tcase, no_responders_are_an_answer_where_one_request_waits);
    tcase_add_test(tcase, nobody_listens_is_told_from_an_answer);
    suite_add_tcase(suite, tcase);
    return suite;
}
