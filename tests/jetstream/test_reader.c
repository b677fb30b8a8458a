/* The reader alone: what it asks for and what it gives out, whatever a consumer does. */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jetstream/reader.h"
#include "support/clock.h"

#define MS WKV_NS_PER_MS

/* What the reader has called, in order, as a line: a failure tells its story. */
static char trace[4096];

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *format, ...)
{
    size_t len = strlen(trace);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(trace + len, sizeof trace - len, format, args);
    va_end(args);
}

static void assert_trace(const char *expected)
{
    ck_assert_str_eq(trace, expected);
    trace[0] = '\0';
}

static void on_publish(void *context, const char *subject, const char *reply, const char *text)
{
    (void)context;
    const char *first = strstr(text, "\"opt_start_seq\":");
    if (first != NULL)
        note("ask %s from %d; ", strrchr(reply, '.') + 1, atoi(first + 16));
    else if (strncmp(subject, "$JS.API.CONSUMER.DELETE.LOG.", 28) == 0)
        note("delete %s; ", subject + 28);
    else
        note("answer %s; ", subject);
}

static void on_message(void *context, uint64_t position, int64_t time_ns, struct wkv_text bytes)
{
    (void)context, (void)time_ns;
    note("%d=%.*s; ", (int)position, (int)bytes.len, bytes.data);
}

static bool is_known(void *context, uint64_t position, struct wkv_text bytes)
{
    (void)context, (void)position;
    return wkv_text_is(bytes, "known");
}

static void on_trouble(void *context, enum wkv_js_trouble trouble, uint64_t from, uint64_t to,
                       const struct wkv_js_refusal *refusal)
{
    static const char *const names[] = {"missing", "different", "no overlap", "no reading"};
    (void)context;
    note("%s %d..%d%s%s; ", names[trouble], (int)from, (int)to, refusal == NULL ? "" : ": ",
         refusal == NULL ? "" : refusal->text);
}

static struct wkv_js_reader reader;
static int64_t now_ns;

static void setup(void)
{
    struct wkv_js_reader_hooks hooks = {
        .publish = on_publish, .message = on_message, .is_known = is_known, .trouble = on_trouble};
    trace[0] = '\0';
    now_ns = 1000 * WKV_NS_PER_S;
    wkv_js_reader_init(&reader, "LOG", NULL, "_INBOX.me", &hooks);
}

/* What came to `_INBOX.me.<token>`. */
static void take(const char *token, struct wkv_js_incoming *incoming)
{
    char subject[64];
    (void)snprintf(subject, sizeof subject, "_INBOX.me%s", token);
    incoming->subject = wkv_text_from(subject);
    wkv_js_reader_take(&reader, incoming, now_ns);
}

/* What the API answers to a request for a consumer. */
static void answer(int generation, const char *text)
{
    char token[16];
    struct wkv_js_incoming incoming = {.bytes = wkv_text_from(text)};
    (void)snprintf(token, sizeof token, ".a%d", generation);
    take(token, &incoming);
}

/* What came to the slot of that generation; a message has the subject that it was stored with. */
static void tell(int generation, struct wkv_js_incoming incoming)
{
    incoming.subject = wkv_text_from("wascc-kv.t.log");
    wkv_js_reader_take_delivery(&reader, (unsigned)generation % WKV_JS_READER_SLOTS, &incoming, now_ns);
}

static void deliver(int generation, int sequence, int consumer_sequence, const char *text)
{
    char reply[128];
    (void)snprintf(reply, sizeof reply, "$JS.ACK.LOG.c.1.%d.%d.1700000000000000000.0", sequence,
                   consumer_sequence);
    tell(generation, (struct wkv_js_incoming){.bytes = wkv_text_from(text), .reply = wkv_text_from(reply)});
}

/* A heartbeat, with the number of the consumer's last message. */
static void beat(int generation, const char *last)
{
    tell(generation,
         (struct wkv_js_incoming){.status = wkv_text_from("100"), .last_consumer = wkv_text_from(last)});
}

static int64_t tick_after(int64_t ms)
{
    now_ns += ms * MS;
    return wkv_js_reader_tick(&reader, now_ns);
}

#define MADE "{\"name\":\"c\"}"

/* Begins at a position, up to where everything that comes is new. */
static void follow(int applied)
{
    wkv_js_reader_connected(&reader, now_ns);
    wkv_js_reader_begin(&reader, (uint64_t)applied, (uint64_t)applied, now_ns);
    answer(1, MADE);
    if (applied > 0)
        deliver(1, applied, 1, "known");
    trace[0] = '\0';
}

START_TEST(a_reader_that_has_nothing_begins_at_the_first_position)
{
    wkv_js_reader_begin(&reader, 0, 0, now_ns);
    assert_trace("");
    wkv_js_reader_connected(&reader, now_ns);
    assert_trace("ask a1 from 1; ");
    answer(1, MADE);
    deliver(1, 1, 1, "one");
    deliver(1, 2, 2, "two");
    assert_trace("1=one; 2=two; ");
}
END_TEST

START_TEST(the_message_applied_last_comes_first_and_is_not_given_out)
{
    wkv_js_reader_connected(&reader, now_ns);
    wkv_js_reader_begin(&reader, 7, 7, now_ns);
    answer(1, MADE);
    deliver(1, 7, 1, "known");
    deliver(1, 8, 2, "eight");
    assert_trace("ask a1 from 7; 8=eight; ");
}
END_TEST

/* Behind the last message positions were passed, since they had none. */
START_TEST(the_last_message_may_lie_before_holes)
{
    wkv_js_reader_connected(&reader, now_ns);
    wkv_js_reader_begin(&reader, 10, 7, now_ns);
    answer(1, MADE);
    deliver(1, 7, 1, "known");
    deliver(1, 11, 2, "eleven");
    assert_trace("ask a1 from 7; 11=eleven; ");
    wkv_js_reader_renew(&reader, now_ns);
    assert_trace("delete c; ask a2 from 11; ");
    wkv_js_reader_begin(&reader, 10, 7, now_ns); /* one of them has a message after all */
    answer(3, MADE);
    deliver(3, 7, 1, "known");
    deliver(3, 9, 2, "nine");
    assert_trace("ask a3 from 7; delete c; different 9..9; ");
    wkv_js_reader_begin(&reader, 10, 0, now_ns); /* it is not known any more */
    answer(4, MADE);
    deliver(4, 11, 1, "eleven");
    assert_trace("ask a4 from 11; 11=eleven; ");
}
END_TEST

START_TEST(a_stream_that_is_not_what_was_read_stops_the_reader)
{
    wkv_js_reader_connected(&reader, now_ns);
    wkv_js_reader_begin(&reader, 7, 7, now_ns);
    answer(1, MADE);
    deliver(1, 7, 1, "another");
    deliver(1, 8, 2, "eight");
    assert_trace("ask a1 from 7; delete c; different 7..7; ");
    wkv_js_reader_begin(&reader, 7, 7, now_ns);
    answer(2, MADE);
    deliver(2, 12, 1, "twelve"); /* purged below */
    assert_trace("ask a2 from 7; delete c; missing 7..11; ");
    wkv_js_reader_begin(&reader, 7, 7, now_ns);
    answer(3, MADE);
    beat(3, "0");
    (void)tick_after(900);
    assert_trace("ask a3 from 7; ");
    ck_assert_int_eq(tick_after(200), INT64_MAX);
    assert_trace("delete c; no overlap 7..7; ");
}
END_TEST

START_TEST(a_hole_is_told_and_nothing_behind_it_is_given_out)
{
    follow(0);
    deliver(1, 1, 1, "one");
    deliver(1, 4, 2, "four");
    deliver(1, 5, 3, "five");
    assert_trace("1=one; delete c; missing 2..3; ");
}
END_TEST

START_TEST(what_this_consumer_lost_on_the_way_is_asked_for_again)
{
    follow(5);
    deliver(1, 6, 2, "six");
    deliver(1, 8, 4, "eight"); /* 7 was the consumer's third */
    deliver(1, 9, 5, "nine");  /* of a consumer that is no more ours */
    assert_trace("6=six; delete c; ask a2 from 6; ");
    answer(2, MADE);
    deliver(2, 6, 1, "known");
    deliver(2, 7, 2, "seven");
    assert_trace("7=seven; ");
}
END_TEST

START_TEST(a_heartbeat_tells_of_what_was_lost_behind_the_last)
{
    follow(5);
    beat(1, "1");
    assert_trace("");
    beat(1, "3");
    assert_trace("delete c; ask a2 from 5; ");
}
END_TEST

START_TEST(another_status_means_another_consumer)
{
    follow(5);
    tell(1, (struct wkv_js_incoming){.status = wkv_text_from("409")});
    assert_trace("delete c; ask a2 from 5; ");
}
END_TEST

START_TEST(a_stalled_consumer_is_answered)
{
    follow(5);
    tell(1, (struct wkv_js_incoming){.status = wkv_text_from("100"),
                                     .last_consumer = wkv_text_from("1"),
                                     .stalled = wkv_text_from("$JS.FC.LOG.c.x")});
    assert_trace("answer $JS.FC.LOG.c.x; ");
}
END_TEST

START_TEST(silence_means_another_consumer)
{
    follow(5);
    (void)tick_after(2000);
    beat(1, "1");
    (void)tick_after(2000);
    assert_trace("");
    (void)tick_after(600);
    assert_trace("delete c; ask a2 from 5; ");
}
END_TEST

START_TEST(a_request_that_is_not_answered_is_sent_again)
{
    wkv_js_reader_connected(&reader, now_ns);
    wkv_js_reader_begin(&reader, 3, 3, now_ns);
    ck_assert_int_eq(tick_after(499), now_ns + MS);
    assert_trace("ask a1 from 3; ");
    (void)tick_after(1);
    assert_trace("ask a2 from 3; ");
    answer(2, "");                                              /* no responders */
    answer(2, "{\"error\":{\"code\":503,\"err_code\":10008}}"); /* no leader now */
    (void)tick_after(999);
    assert_trace("");
    (void)tick_after(1);
    assert_trace("ask a3 from 3; ");
}
END_TEST

/* A cluster that takes longer than that has to be waited for longer; one that answered is quick again. */
START_TEST(each_request_is_waited_for_longer_than_the_one_before)
{
    static const int waits_ms[] = {500, 1000, 2000, 4000, 4000, 4000};
    wkv_js_reader_connected(&reader, now_ns);
    wkv_js_reader_begin(&reader, 3, 3, now_ns);
    for (size_t i = 0; i < sizeof waits_ms / sizeof *waits_ms; i++) {
        ck_assert_int_eq(wkv_js_reader_tick(&reader, now_ns), now_ns + waits_ms[i] * MS);
        (void)tick_after(waits_ms[i]);
    }
    answer(7, MADE);
    trace[0] = '\0';
    wkv_js_reader_renew(&reader, now_ns);
    assert_trace("delete c; ask a8 from 3; ");
    ck_assert_int_eq(wkv_js_reader_tick(&reader, now_ns), now_ns + 500 * MS);
}
END_TEST

/* It would deliver for as long as the owner is there. */
START_TEST(a_consumer_that_was_given_up_is_deleted_when_its_name_is_known)
{
    wkv_js_reader_connected(&reader, now_ns);
    wkv_js_reader_begin(&reader, 3, 3, now_ns);
    (void)tick_after(500);
    answer(1, "{\"name\":\"late\"}");
    assert_trace("ask a1 from 3; ask a2 from 3; delete late; ");
    deliver(1, 3, 1, "known");
    deliver(1, 4, 2, "four");
    assert_trace("delete c; ");
    (void)tick_after(500);
    deliver(1, 5, 3, "five"); /* that request was lost */
    answer(2, "");
    assert_trace("delete c; ");
    answer(1, "{\"error\":{\"code\":503,\"err_code\":10008}}");
    assert_trace("");
}
END_TEST

START_TEST(a_refusal_stops_the_reader)
{
    wkv_js_reader_connected(&reader, now_ns);
    wkv_js_reader_begin(&reader, 3, 3, now_ns);
    answer(1, "{\"error\":{\"code\":404,\"err_code\":10059,\"description\":\"stream not found\"}}");
    assert_trace("ask a1 from 3; no reading 4..0: stream not found; ");
    ck_assert_int_eq(tick_after(10000), INT64_MAX);
}
END_TEST

START_TEST(a_delivery_may_overtake_the_answer)
{
    wkv_js_reader_connected(&reader, now_ns);
    wkv_js_reader_begin(&reader, 3, 3, now_ns);
    deliver(1, 3, 1, "known");
    deliver(1, 4, 2, "four");
    answer(1, MADE);
    deliver(1, 5, 3, "five");
    assert_trace("ask a1 from 3; 4=four; 5=five; ");
}
END_TEST

START_TEST(a_lost_connection_is_gone_on_with_where_it_was)
{
    follow(5);
    deliver(1, 6, 2, "six");
    wkv_js_reader_lost(&reader);
    ck_assert_int_eq(tick_after(10000), INT64_MAX);
    deliver(1, 7, 3, "seven");
    wkv_js_reader_connected(&reader, now_ns);
    assert_trace("6=six; delete c; ask a2 from 6; ");
}
END_TEST

START_TEST(what_is_no_delivery_is_passed_by)
{
    static const char *const tokens[] = {".1", "", ".", ".b1", ".a", ".a1x", "2.a1", ".a2"};
    follow(5);
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        struct wkv_js_incoming forged = {.bytes = wkv_text_from("forged"), .reply = wkv_text_from("x")};
        take(tokens[i], &forged);
        tell(1, (struct wkv_js_incoming){.bytes = wkv_text_from("forged"), .reply = wkv_text_from("x")});
    }
    deliver(1, 6, 2, "six");
    assert_trace("6=six; ");
}
END_TEST

Suite *reader_suite(void)
{
    Suite *suite = suite_create("jetstream/reader");
    TCase *tcase = tcase_create("reader");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, a_reader_that_has_nothing_begins_at_the_first_position);
    tcase_add_test(tcase, the_message_applied_last_comes_first_and_is_not_given_out);
    tcase_add_test(tcase, the_last_message_may_lie_before_holes);
    tcase_add_test(tcase, a_stream_that_is_not_what_was_read_stops_the_reader);
    tcase_add_test(tcase, a_hole_is_told_and_nothing_behind_it_is_given_out);
    tcase_add_test(tcase, what_this_consumer_lost_on_the_way_is_asked_for_again);
    tcase_add_test(tcase, a_heartbeat_tells_of_what_was_lost_behind_the_last);
    tcase_add_test(tcase, another_status_means_another_consumer);
    tcase_add_test(tcase, a_stalled_consumer_is_answered);
    tcase_add_test(tcase, silence_means_another_consumer);
    tcase_add_test(tcase, a_request_that_is_not_answered_is_sent_again);
    tcase_add_test(tcase, each_request_is_waited_for_longer_than_the_one_before);
    tcase_add_test(tcase, a_consumer_that_was_given_up_is_deleted_when_its_name_is_known);
    tcase_add_test(tcase, a_refusal_stops_the_reader);
    tcase_add_test(tcase, a_delivery_may_overtake_the_answer);
    tcase_add_test(tcase, a_lost_connection_is_gone_on_with_where_it_was);
    tcase_add_test(tcase, what_is_no_delivery_is_passed_by);
    suite_add_tcase(suite, tcase);
    return suite;
}
