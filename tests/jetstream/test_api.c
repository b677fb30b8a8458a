/* JetStream's API: names, subjects, requests, and answers as servers of several versions write them. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jetstream/api.h"

START_TEST(names_are_those_of_contract_section_10)
{
    struct wkv_js_names names, other;
    struct wkv_address address = {NULL, "default"}, spaced = {"prod.eu", "default"};
    wkv_js_names_make(&address, &names);
    /* printf '\0default' | sha256sum */
    ck_assert_str_eq(names.tag, "default-caeaa1ac");
    ck_assert_str_eq(names.log_stream, "WKV-LOG-default-caeaa1ac");
    ck_assert_str_eq(names.snap_stream, "WKV-SNAP-default-caeaa1ac");
    ck_assert_str_eq(names.log_subject, "wascc-kv.default-caeaa1ac.log");
    ck_assert_str_eq(names.chunk_subject, "wascc-kv.default-caeaa1ac.chunk");
    ck_assert_str_eq(names.manifest_subject, "wascc-kv.default-caeaa1ac.manifest");
    address.lattice_namespace = "";
    wkv_js_names_make(&address, &other);
    ck_assert_str_eq(names.tag, other.tag);
    wkv_js_names_make(&spaced, &other);
    ck_assert_str_ne(names.tag, other.tag);
}
END_TEST

START_TEST(other_characters_of_a_binding_become_underscores)
{
    struct wkv_js_names names, other;
    struct wkv_address odd = {NULL, "a/b:c_d-e\xc3\xa9"}, alike = {NULL, "a:b/c_d-e\xc3\xa9"};
    wkv_js_names_make(&odd, &names);
    ck_assert_int_eq(strncmp(names.tag, "a_b_c_d-e__-", 12), 0);
    wkv_js_names_make(&alike, &other);
    ck_assert_int_eq(strncmp(other.tag, "a_b_c_d-e__-", 12), 0);
    ck_assert_str_ne(names.tag, other.tag);
}
END_TEST

START_TEST(the_longest_binding_has_names)
{
    struct wkv_js_names names;
    char binding[129];
    memset(binding, 'b', 128);
    binding[128] = '\0';
    struct wkv_address address = {NULL, binding};
    wkv_js_names_make(&address, &names);
    ck_assert_uint_eq(strlen(names.manifest_subject), strlen("wascc-kv.-12345678.manifest") + 128);
}
END_TEST

START_TEST(calls_have_their_subjects)
{
    char subject[WKV_JS_SUBJECT_BYTES];
    ck_assert_int_eq(wkv_js_subject(WKV_JS_ACCOUNT_INFO, NULL, NULL, NULL, subject, NULL), WKV_OK);
    ck_assert_str_eq(subject, "$JS.API.INFO");
    ck_assert_int_eq(wkv_js_subject(WKV_JS_STREAM_INFO, "", "LOG", NULL, subject, NULL), WKV_OK);
    ck_assert_str_eq(subject, "$JS.API.STREAM.INFO.LOG");
    ck_assert_int_eq(wkv_js_subject(WKV_JS_CONSUMER_DELETE, "hub", "LOG", "c", subject, NULL), WKV_OK);
    ck_assert_str_eq(subject, "$JS.hub.API.CONSUMER.DELETE.LOG.c");
}
END_TEST

START_TEST(a_domain_that_is_too_long_is_named)
{
    char subject[WKV_JS_SUBJECT_BYTES], domain[WKV_JS_SUBJECT_BYTES];
    struct wkv_error error;
    memset(domain, 'd', sizeof domain - 1);
    domain[sizeof domain - 1] = '\0';
    ck_assert_int_eq(wkv_js_subject(WKV_JS_ACCOUNT_INFO, domain, NULL, NULL, subject, &error),
                     WKV_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(error.text, "--js-domain"));
}
END_TEST

/* "Never a purge with seq < 2". */
START_TEST(a_purge_of_everything_is_no_request)
{
    ck_assert_ptr_null(wkv_js_purge_request(0));
    ck_assert_ptr_null(wkv_js_purge_request(1));
    char *request = wkv_js_purge_request(2);
    ck_assert_str_eq(request, "{\"seq\":2}");
    free(request);
}
END_TEST

static const struct wkv_js_stream ours = {
    .name = "LOG", .subjects = {"wascc-kv.t.log"}, .replicas = 3, .max_bytes = 1000000};

/* An answer of 2.9.10, in which one member may be another, or be left out. */
static struct wkv_text stream_answer(const char *from, const char *to)
{
    static const char whole[] =
        "{\"type\":\"io.nats.jetstream.api.v1.stream_info_response\",\"config\":{\"name\":\"LOG\","
        "\"subjects\":[\"wascc-kv.t.log\"],\"retention\":\"limits\",\"max_consumers\":-1,\"max_msgs\":-1,"
        "\"max_bytes\":1000000,\"max_age\":0,\"max_msgs_per_subject\":-1,\"max_msg_size\":-1,"
        "\"discard\":\"new\",\"storage\":\"file\",\"num_replicas\":1,\"duplicate_window\":100000000,"
        "\"allow_direct\":false,\"mirror_direct\":false,\"sealed\":false,\"deny_delete\":true,"
        "\"deny_purge\":false,\"allow_rollup_hdrs\":false},\"state\":{\"messages\":3,\"bytes\":99,"
        "\"first_seq\":5,\"first_ts\":\"2026-11-27T15:40:49Z\",\"last_seq\":7,\"consumer_count\":0}}";
    static char text[2048];
    const char *at = strstr(whole, from);
    ck_assert_ptr_nonnull(at);
    (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - whole), whole, to, at + strlen(from));
    return wkv_text_from(text);
}

START_TEST(a_stream_of_ours_is_known)
{
    struct wkv_js_stream_state state;
    struct wkv_js_refusal refusal;
    ck_assert_int_eq(wkv_js_read_stream(stream_answer("\"max_age\"", "\"max_age\""), &ours, &state, &refusal),
                     WKV_JS_DONE);
    ck_assert_str_eq(state.differs, "");
    ck_assert_uint_eq(state.messages, 3);
    ck_assert_uint_eq(state.bytes, 99);
    ck_assert_uint_eq(state.first, 5);
    ck_assert_uint_eq(state.last, 7);
    ck_assert_uint_eq(state.replicas, 1);
    ck_assert_int_eq(state.max_bytes, 1000000);
    ck_assert(state.has_leader);
    /* Servers leave out what is false. */
    ck_assert_int_eq(wkv_js_read_stream(stream_answer("\"deny_purge\":false,", ""), &ours, &state, &refusal),
                     WKV_JS_DONE);
    ck_assert_str_eq(state.differs, "");
    ck_assert_int_eq(
        wkv_js_read_stream(stream_answer("}}", "},\"cluster\":{\"name\":\"c\"}}"), &ours, &state, &refusal),
        WKV_JS_DONE);
    ck_assert(!state.has_leader);
}
END_TEST

static const struct {
    const char *from, *to, *differs;
} strangers[] = {
    {"wascc-kv.t.log\"", "wascc-kv.t.other\"", "subjects"},
    {"wascc-kv.t.log\"", "wascc-kv.t.log\",\"more\"", "subjects"},
    {"\"limits\"", "\"workqueue\"", "retention"},
    {"\"file\"", "\"memory\"", "storage"},
    {"\"new\"", "\"old\"", "discard"},
    {"\"max_age\":0", "\"max_age\":1000000000", "max_age"},
    {"\"max_msgs\":-1", "\"max_msgs\":5", "max_msgs"},
    {"\"max_msgs\":-1,", "", "max_msgs"},
    {"\"max_msgs_per_subject\":-1", "\"max_msgs_per_subject\":1", "max_msgs_per_subject"},
    {"\"max_msg_size\":-1", "\"max_msg_size\":10", "max_msg_size"},
    {"\"deny_delete\":true", "\"deny_delete\":false", "deny_delete"},
    {"\"deny_delete\":true,", "", "deny_delete"},
    {"\"deny_purge\":false", "\"deny_purge\":true", "deny_purge"},
    {"\"sealed\":false", "\"sealed\":true", "sealed"},
    {"\"allow_rollup_hdrs\":false", "\"allow_rollup_hdrs\":true", "allow_rollup_hdrs"},
    {"\"allow_direct\":false", "\"allow_direct\":true", "allow_direct"},
    {"\"sealed\":false", "\"mirror\":{\"name\":\"x\"}", "mirror or sources"},
    {"\"sealed\":false", "\"sources\":[{\"name\":\"x\"}]", "mirror or sources"},
};

START_TEST(a_stream_that_is_not_ours_says_in_what)
{
    struct wkv_js_stream_state state;
    struct wkv_js_refusal refusal;
    ck_assert_int_eq(
        wkv_js_read_stream(stream_answer(strangers[_i].from, strangers[_i].to), &ours, &state, &refusal),
        WKV_JS_DONE);
    ck_assert_str_eq(state.differs, strangers[_i].differs);
}
END_TEST

START_TEST(a_refusal_has_its_number_and_text)
{
    struct wkv_js_ack ack;
    struct wkv_js_refusal refusal;
    ck_assert_int_eq(
        wkv_js_read_ack(wkv_text_from("{\"error\":{\"code\":400,\"err_code\":10071,\"description\":"
                                      "\"wrong last sequence:\\n 1\"},\"stream\":\"T\",\"seq\":0}"),
                        &ack, &refusal),
        WKV_JS_REFUSED);
    ck_assert_int_eq(refusal.number, WKV_JS_WRONG_LAST_SEQUENCE);
    ck_assert_int_eq(refusal.code, 400);
    ck_assert_str_eq(refusal.text, "wrong last sequence:? 1");
}
END_TEST

START_TEST(an_ack_has_its_sequence)
{
    struct wkv_js_ack ack;
    struct wkv_js_refusal refusal;
    ck_assert_int_eq(wkv_js_read_ack(wkv_text_from("{\"stream\":\"T\", \"seq\":12}"), &ack, &refusal),
                     WKV_JS_DONE);
    ck_assert_uint_eq(ack.sequence, 12);
}
END_TEST

static const char *const garbled[] = {
    "", "x", "[]", "{}", "null", "{\"seq\":0}", "{\"seq\":-1}", "{\"seq\":\"1\"}", "{\"seq\":1"};

START_TEST(what_is_no_answer_is_garbled)
{
    struct wkv_text text = wkv_text_from(garbled[_i]);
    struct wkv_js_refusal refusal;
    struct wkv_js_ack ack;
    struct wkv_js_account account;
    struct wkv_js_stream_state state;
    struct wkv_js_consumer consumer;
    struct wkv_js_message message;
    ck_assert_int_eq(wkv_js_read_ack(text, &ack, &refusal), WKV_JS_GARBLED);
    ck_assert_int_eq(wkv_js_read_account(text, &account, &refusal), WKV_JS_GARBLED);
    ck_assert_int_eq(wkv_js_read_stream(text, &ours, &state, &refusal), WKV_JS_GARBLED);
    ck_assert_int_eq(wkv_js_read_consumer(text, &consumer, &refusal), WKV_JS_GARBLED);
    ck_assert_int_eq(wkv_js_read_message(text, &message, &refusal), WKV_JS_GARBLED);
    ck_assert_int_eq(wkv_js_read_done(text, &refusal), WKV_JS_GARBLED);
}
END_TEST

static const struct {
    const char *text;
    int64_t ns;
} times[] = {
    {"2026-11-27T19:13:13.272479244Z", INT64_C(1795806793272479244)},
    {"2026-11-27T19:13:13.2Z", INT64_C(1795806793200000000)},
    {"2026-11-27T19:13:13Z", INT64_C(1795806793000000000)},
    {"1970-01-01T00:00:01Z", INT64_C(1000000000)},
    {"2026-11-27T19:13:13+01:00", 0},
    {"2262-01-01T00:00:00Z", 0},
    {"1969-12-31T23:59:59Z", 0},
    {"yesterday", 0},
};

START_TEST(a_message_comes_with_its_time)
{
    struct wkv_js_message message;
    struct wkv_js_refusal refusal;
    char answer[160];
    (void)snprintf(answer, sizeof answer, "{\"message\":{\"seq\":9,\"time\":\"%s\"}}", times[_i].text);
    ck_assert_int_eq(wkv_js_read_message(wkv_text_from(answer), &message, &refusal), WKV_JS_DONE);
    ck_assert_int_eq(message.time_ns, times[_i].ns);
    free(message.bytes);
}
END_TEST

START_TEST(a_message_comes_with_its_bytes)
{
    struct wkv_js_message message;
    struct wkv_js_refusal refusal;
    ck_assert_int_eq(wkv_js_read_message(wkv_text_from("{\"message\":{\"subject\":\"s\",\"seq\":9,\"data\":"
                                                       "\"AP8Q\"}}"),
                                         &message, &refusal),
                     WKV_JS_DONE);
    ck_assert_uint_eq(message.sequence, 9);
    ck_assert_mem_eq(message.bytes, "\x00\xff\x10", 3);
    ck_assert_uint_eq(message.len, 3);
    free(message.bytes);
    ck_assert_int_eq(
        wkv_js_read_message(wkv_text_from("{\"message\":{\"subject\":\"s\",\"seq\":9}}"), &message, &refusal),
        WKV_JS_DONE);
    ck_assert_uint_eq(message.len, 0);
    free(message.bytes);
    ck_assert_int_eq(
        wkv_js_read_message(wkv_text_from("{\"message\":{\"seq\":9,\"data\":\"A\"}}"), &message, &refusal),
        WKV_JS_GARBLED);
}
END_TEST

#define COUNT(array) ((int)(sizeof array / sizeof *array))

Suite *api_suite(void)
{
    Suite *suite = suite_create("jetstream/api");
    TCase *tcase = tcase_create("api");
    tcase_add_test(tcase, names_are_those_of_contract_section_10);
    tcase_add_test(tcase, other_characters_of_a_binding_become_underscores);
    tcase_add_test(tcase, the_longest_binding_has_names);
    tcase_add_test(tcase, calls_have_their_subjects);
    tcase_add_test(tcase, a_domain_that_is_too_long_is_named);
    tcase_add_test(tcase, a_purge_of_everything_is_no_request);
    tcase_add_test(tcase, a_stream_of_ours_is_known);
    tcase_add_loop_test(tcase, a_stream_that_is_not_ours_says_in_what, 0, COUNT(strangers));
    tcase_add_test(tcase, a_refusal_has_its_number_and_text);
    tcase_add_test(tcase, an_ack_has_its_sequence);
    tcase_add_loop_test(tcase, what_is_no_answer_is_garbled, 0, COUNT(garbled));
    tcase_add_test(tcase, a_message_comes_with_its_bytes);
    tcase_add_loop_test(tcase, a_message_comes_with_its_time, 0, sizeof times / sizeof times[0]);
    suite_add_tcase(suite, tcase);
    return suite;
}
