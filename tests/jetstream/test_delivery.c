/* What a consumer delivers, in every form that a server has for it. */
#include <check.h>
#include <string.h>

#include "jetstream/delivery.h"

static bool read(const char *subject, struct wkv_js_delivery *delivery)
{
    *delivery = (struct wkv_js_delivery){0};
    return wkv_js_read_ack_subject(wkv_text_from(subject), delivery);
}

static void assert_text(struct wkv_text text, const char *expected)
{
    ck_assert_msg(wkv_text_is(text, expected), "%.*s is not %s", (int)text.len, text.data, expected);
}

START_TEST(a_message_tells_its_place_and_time)
{
    static const char *const subjects[] = {
        "$JS.ACK.LOG.cons.1.4711.12.1700000000123456789.3",
        "$JS.ACK.hub.Accnt.LOG.cons.1.4711.12.1700000000123456789.3",
        "$JS.ACK._.Accnt.LOG.cons.1.4711.12.1700000000123456789.3.rndm",
        "$JS.ACK._.Accnt.LOG.cons.1.4711.12.1700000000123456789.3.rndm.more",
    };
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        struct wkv_js_delivery delivery;
        ck_assert_msg(read(subjects[i], &delivery), "%s", subjects[i]);
        ck_assert_uint_eq(delivery.sequence, 4711);
        ck_assert_uint_eq(delivery.consumer_sequence, 12);
        ck_assert_int_eq(delivery.time_ns, 1700000000123456789);
        ck_assert_uint_eq(delivery.pending, 3);
        assert_text(delivery.stream, "LOG");
        assert_text(delivery.consumer, "cons");
    }
}
END_TEST

START_TEST(another_subject_is_no_message)
{
    static const char *const subjects[] = {
        "",
        "$JS.ACK",
        "_INBOX.a.b",
        "$JS.ACK.LOG.cons.1.4711.12.1700000000123456789",       /* no pending */
        "$JS.ACK.hub.LOG.cons.1.4711.12.1700000000123456789.3", /* ten tokens: neither form */
        "$JS.API.LOG.cons.1.4711.12.1700000000123456789.3",
        "$KV.ACK.LOG.cons.1.4711.12.1700000000123456789.3",
        "$JS.ACK.LOG.cons.1.-4.12.1700000000123456789.3",
        "$JS.ACK.LOG.cons.1.4711.12x.1700000000123456789.3",
        "$JS.ACK.LOG.cons.1.4711.12.9223372036854775808.3", /* a time that is none */
        "$JS.ACK.LOG.cons.1.18446744073709551616.12.1.3",   /* 2^64 */
        "$JS.ACK.LOG.cons.1..12.1.3",
    };
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        struct wkv_js_delivery delivery;
        ck_assert_msg(!read(subjects[i], &delivery), "%s", subjects[i]);
    }
}
END_TEST

START_TEST(a_heartbeat_tells_what_was_delivered_last)
{
    struct wkv_js_delivery delivery;
    struct wkv_js_incoming incoming = {.status = wkv_text_from("100"),
                                       .last_consumer = wkv_text_from("7"),
                                       .last_stream = wkv_text_from("99")};
    wkv_js_read_delivery(&incoming, &delivery);
    ck_assert_int_eq(delivery.kind, WKV_JS_HEARTBEAT);
    ck_assert_uint_eq(delivery.consumer_sequence, 7);
    ck_assert_uint_eq(delivery.sequence, 99);
    ck_assert_uint_eq(delivery.answer_to.len, 0);
}
END_TEST

START_TEST(a_stalled_consumer_names_what_is_to_be_answered)
{
    struct wkv_js_delivery delivery;
    struct wkv_js_incoming incoming = {.status = wkv_text_from("100"),
                                       .stalled = wkv_text_from("$JS.FC.LOG.cons.x")};
    wkv_js_read_delivery(&incoming, &delivery);
    ck_assert_int_eq(delivery.kind, WKV_JS_HEARTBEAT);
    assert_text(delivery.answer_to, "$JS.FC.LOG.cons.x");
}
END_TEST

START_TEST(flow_control_is_answered_where_it_says)
{
    struct wkv_js_delivery delivery;
    struct wkv_js_incoming incoming = {.status = wkv_text_from("100"),
                                       .reply = wkv_text_from("$JS.FC.LOG.cons.y")};
    wkv_js_read_delivery(&incoming, &delivery);
    ck_assert_int_eq(delivery.kind, WKV_JS_FLOW_CONTROL);
    assert_text(delivery.answer_to, "$JS.FC.LOG.cons.y");
}
END_TEST

START_TEST(another_status_and_no_status_are_told_apart)
{
    struct wkv_js_delivery delivery;
    struct wkv_js_incoming gone = {.status = wkv_text_from("409")};
    struct wkv_js_incoming forged = {.reply = wkv_text_from("_INBOX.x"), .bytes = wkv_text_from("hello")};
    wkv_js_read_delivery(&gone, &delivery);
    ck_assert_int_eq(delivery.kind, WKV_JS_OTHER_STATUS);
    ck_assert_int_eq(delivery.status, 409);
    wkv_js_read_delivery(&forged, &delivery);
    ck_assert_int_eq(delivery.kind, WKV_JS_FOREIGN);
}
END_TEST

Suite *delivery_suite(void)
{
    Suite *suite = suite_create("jetstream/delivery");
    TCase *tcase = tcase_create("delivery");
    tcase_add_test(tcase, a_message_tells_its_place_and_time);
    tcase_add_test(tcase, another_subject_is_no_message);
    tcase_add_test(tcase, a_heartbeat_tells_what_was_delivered_last);
    tcase_add_test(tcase, a_stalled_consumer_names_what_is_to_be_answered);
    tcase_add_test(tcase, flow_control_is_answered_where_it_says);
    tcase_add_test(tcase, another_status_and_no_status_are_told_apart);
    suite_add_tcase(suite, tcase);
    return suite;
}
