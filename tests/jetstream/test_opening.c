/* Opening a binding's streams, told as what is asked and what JetStream answers. Servers of several versions
 * are quoted. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jetstream/opening.h"
#include "support/clock.h"

#define MS WKV_NS_PER_MS
#define ALONE                                                                                                \
    "{\"error\":{\"code\":500,\"err_code\":10074,\"description\":\"replicas > 1 not supported in "           \
    "non-clustered mode\"}}"
#define TOO_FEW                                                                                              \
    "{\"error\":{\"code\":400,\"err_code\":10005,\"description\":\"no suitable peers for placement\"}}"
#define OFFLINE                                                                                              \
    "{\"error\":{\"code\":400,\"err_code\":10005,\"description\":\"no suitable peers for placement, peer "   \
    "offline\"}}"
#define NO_ROOM                                                                                              \
    "{\"error\":{\"code\":500,\"err_code\":10047,\"description\":\"insufficient storage resources "          \
    "available\"}}"
#define NO_ROOM_IN_CLUSTER                                                                                   \
    "{\"error\":{\"code\":400,\"err_code\":10005,\"description\":\"no suitable peers for placement, "        \
    "insufficient storage\"}}"
#define NO_STREAM "{\"error\":{\"code\":404,\"err_code\":10059,\"description\":\"stream not found\"}}"
#define NO_LEADER                                                                                            \
    "{\"error\":{\"code\":503,\"err_code\":10008,\"description\":\"JetStream system temporarily "            \
    "unavailable\"}}"
#define ACCOUNT "{\"storage\":0,\"limits\":{\"max_storage\":-1}}"

static struct wkv_js_requests requests;
static struct wkv_js_opening opening;
static struct wkv_js_names names;
static int64_t now_ns;
static char asked[1024], asked_text[1024], reply_to[128]; /* what was asked last */
static int sent;
static bool is_over;
static struct wkv_js_opened opened;
static struct wkv_error error;

static void on_send(void *context, const struct wkv_js_outgoing *outgoing)
{
    (void)context;
    sent++;
    (void)snprintf(asked, sizeof asked, "%s%s%s", outgoing->subject, outgoing->header == NULL ? "" : " ",
                   outgoing->header == NULL ? "" : outgoing->value);
    (void)snprintf(asked_text, sizeof asked_text, "%.*s", (int)outgoing->bytes.len,
                   outgoing->bytes.len == 0 ? "" : outgoing->bytes.data);
    (void)snprintf(reply_to, sizeof reply_to, "%s", outgoing->reply);
}

static void on_opened(void *context, const struct wkv_js_opened *what, const struct wkv_error *how)
{
    (void)context;
    ck_assert(!is_over);
    is_over = true;
    opened = *what;
    error = *how;
}

static void begin(unsigned replicas)
{
    struct wkv_address address = {NULL, "default"};
    struct wkv_js_opening_options options = {.names = &names,
                                             .replicas = replicas,
                                             .log_max_bytes = INT64_C(4) << 30,
                                             .snap_max_bytes = INT64_C(200) << 20,
                                             .first = wkv_text_from("GENESIS")};
    wkv_js_names_make(&address, &names);
    now_ns = 1000 * WKV_NS_PER_S;
    sent = 0;
    is_over = false;
    wkv_js_requests_init(&requests, "_INBOX.me", on_send, NULL);
    wkv_js_open(&opening, &options, &requests, now_ns, on_opened, NULL);
}

static void teardown(void)
{
    wkv_js_requests_destroy(&requests);
}

static void assert_asked(const char *subject)
{
    ck_assert(!is_over);
    ck_assert_str_eq(asked, subject);
}

static void answer_with(const char *text, const char *status)
{
    struct wkv_js_incoming incoming = {.subject = wkv_text_from(reply_to),
                                       .bytes = wkv_text_from(*text == '\0' ? NULL : text),
                                       .status = wkv_text_from(status)};
    ck_assert(wkv_js_requests_take(&requests, &incoming));
    (void)wkv_js_opening_tick(&opening, now_ns);
}

/* Checks what is asked for, and answers. */
static void answer(const char *subject, const char *text)
{
    assert_asked(subject);
    answer_with(text, NULL);
}

/* A stream as it is made, with that many messages and that last number. */
static const char *stream_of(bool log, int messages, int last, const char *discard, int max_bytes)
{
    static char text[1024];
    const char *subjects = "\"wascc-kv.default-caeaa1ac.chunk\",\"wascc-kv.default-caeaa1ac.manifest\"";
    (void)snprintf(text, sizeof text,
                   "{\"config\":{\"subjects\":[%s],\"retention\":\"limits\",\"max_consumers\":-1,"
                   "\"max_msgs\":-1,\"max_bytes\":%d,\"max_age\":0,\"max_msgs_per_subject\":-1,"
                   "\"max_msg_size\":-1,\"discard\":\"%s\",\"storage\":\"file\",\"num_replicas\":3,"
                   "\"deny_delete\":true},\"state\":{\"messages\":%d,\"bytes\":0,\"first_seq\":1,"
                   "\"last_seq\":%d}}",
                   log ? "\"wascc-kv.default-caeaa1ac.log\"" : subjects, max_bytes, discard, messages, last);
    return text;
}

static const char *stream(bool log, int messages, int last, const char *discard)
{
    return stream_of(log, messages, last, discard, 209715200);
}

#define LOG(messages, last) stream(true, messages, last, "new")
#define SNAP(messages, last) stream(false, messages, last, "new")

#define LOOK_AT_SNAP "$JS.API.STREAM.INFO.WKV-SNAP-default-caeaa1ac"
#define LOOK_AT_LOG "$JS.API.STREAM.INFO.WKV-LOG-default-caeaa1ac"
#define MAKE_SNAP "$JS.API.STREAM.CREATE.WKV-SNAP-default-caeaa1ac"
#define SHRINK_SNAP "$JS.API.STREAM.UPDATE.WKV-SNAP-default-caeaa1ac"
#define MAKE_LOG "$JS.API.STREAM.CREATE.WKV-LOG-default-caeaa1ac"
#define BEGIN_LOG "wascc-kv.default-caeaa1ac.log 0"
#define MARK "wascc-kv.default-caeaa1ac.chunk 0"
#define WRONG_LAST                                                                                           \
    "{\"error\":{\"code\":400,\"err_code\":10071,\"description\":\"wrong last sequence: 1\"},"               \
    "\"stream\":\"L\",\"seq\":0}"

static void look(const char *snapshots)
{
    answer("$JS.API.INFO", ACCOUNT);
    answer(LOOK_AT_SNAP, snapshots);
}

/* Lets the time pass until it asks again, at the most so long. */
static void pass(int64_t ms)
{
    int before = sent;
    for (int64_t end_ns = now_ns + ms * MS; now_ns < end_ns && sent == before && !is_over;
         now_ns += 50 * MS) {
        (void)wkv_js_requests_tick(&requests, now_ns);
        (void)wkv_js_opening_tick(&opening, now_ns);
    }
    ck_assert_msg(sent > before || is_over, "it asks no more");
}

START_TEST(what_is_there_is_opened)
{
    begin(0);
    look(SNAP(2, 7));
    answer(LOOK_AT_LOG, LOG(5, 12));
    ck_assert(is_over);
    ck_assert_int_eq(error.code, WKV_OK);
    ck_assert(!opened.began);
    ck_assert_uint_eq(opened.log.last, 12);
    ck_assert_uint_eq(opened.snapshots.last, 7);
    ck_assert_int_eq(wkv_js_opening_tick(&opening, now_ns + 1), INT64_MAX);
}
END_TEST

/* "Created in this order: SNAP, LOG, GENESIS with Nats-Expected-Last-Sequence: 0." */
START_TEST(what_is_not_there_is_made_in_order)
{
    begin(0);
    look(NO_STREAM);
    answer(LOOK_AT_LOG, NO_STREAM);
    ck_assert_ptr_nonnull(strstr(asked_text, "\"num_replicas\":3"));
    ck_assert_ptr_nonnull(strstr(asked_text, "\"max_bytes\":209715200"));
    answer(MAKE_SNAP, SNAP(0, 0));
    answer(LOOK_AT_SNAP, SNAP(0, 0));
    answer(LOOK_AT_LOG, NO_STREAM);
    ck_assert_ptr_nonnull(strstr(asked_text, "\"max_bytes\":4294967296"));
    answer(MAKE_LOG, LOG(0, 0));
    answer(LOOK_AT_SNAP, SNAP(0, 0));
    answer(LOOK_AT_LOG, LOG(0, 0));
    ck_assert_str_eq(asked_text, "GENESIS");
    answer(BEGIN_LOG, "{\"stream\":\"L\",\"seq\":1}");
    answer(LOOK_AT_SNAP, SNAP(0, 0));
    answer(LOOK_AT_LOG, LOG(1, 1));
    ck_assert_ptr_nonnull(strstr(asked_text, "WKV-LOG-default-caeaa1ac was begun"));
    answer(MARK, "{\"stream\":\"S\",\"seq\":1}");
    answer(LOOK_AT_SNAP, SNAP(1, 1));
    answer(LOOK_AT_LOG, LOG(1, 1));
    ck_assert(is_over);
    ck_assert_int_eq(error.code, WKV_OK);
    ck_assert(opened.began);
}
END_TEST

/* What was begun by a version that left no mark goes on, and has one from then on: nothing is served before.
 */
START_TEST(a_log_without_a_mark_is_marked)
{
    begin(0);
    look(SNAP(0, 0));
    answer(LOOK_AT_LOG, LOG(3, 9));
    answer(MARK, NO_LEADER);
    ck_assert(!is_over);
    pass(1000);
    look(SNAP(0, 0));
    answer(LOOK_AT_LOG, LOG(3, 9));
    answer(MARK, WRONG_LAST);
    answer(LOOK_AT_SNAP, SNAP(1, 1));
    answer(LOOK_AT_LOG, LOG(3, 9));
    ck_assert(is_over);
    ck_assert_int_eq(error.code, WKV_OK);
    ck_assert(!opened.began);
}
END_TEST

/* "Raised by STREAM.UPDATE when a larger budget comes": once, with what the operator has made of it. */
START_TEST(the_snapshots_get_room_for_a_larger_budget)
{
    static const char *const answers[] = {NULL, NO_ROOM};
    for (size_t i = 0; i < 2; i++) {
        const char *small = stream_of(false, 1, 1, "new", 104857600);
        begin(0);
        look(small);
        answer(LOOK_AT_LOG, LOG(1, 1));
        answer(LOOK_AT_SNAP, stream_of(false, 1, 1, "new", 104857600));
        ck_assert_ptr_nonnull(strstr(asked_text, "\"max_bytes\":209715200"));
        ck_assert_ptr_nonnull(strstr(asked_text, "\"num_replicas\":3"));
        answer(SHRINK_SNAP, answers[i] == NULL ? SNAP(1, 1) : answers[i]);
        answer(LOOK_AT_SNAP, stream_of(false, 1, 1, "new", answers[i] == NULL ? 209715200 : 104857600));
        answer(LOOK_AT_LOG, LOG(1, 1));
        ck_assert(is_over);
        ck_assert_int_eq(error.code, WKV_OK);
        wkv_js_requests_destroy(&requests);
    }
}
END_TEST

/* "Who loses reads the winner's." */
START_TEST(of_two_that_begin_the_log_one_loses_and_goes_on)
{
    begin(0);
    look(SNAP(0, 0));
    answer(LOOK_AT_LOG, LOG(0, 0));
    answer(BEGIN_LOG, WRONG_LAST);
    pass(1000);
    look(SNAP(1, 1));
    answer(LOOK_AT_LOG, LOG(1, 1));
    ck_assert(is_over);
    ck_assert_int_eq(error.code, WKV_OK);
    ck_assert(!opened.began);
}
END_TEST

START_TEST(a_stream_that_another_makes_at_this_moment_is_looked_at_again)
{
    begin(0);
    look(NO_STREAM);
    answer(LOOK_AT_LOG, NO_STREAM);
    answer(MAKE_SNAP, "{\"error\":{\"code\":400,\"err_code\":10058,\"description\":\"stream name already in "
                      "use with a different configuration\"}}");
    pass(1000);
    look(SNAP(0, 0));
    assert_asked(LOOK_AT_LOG);
}
END_TEST

static const struct {
    const char *snapshots, *log; /* numbers of messages and last sequence; NULL: no stream */
    const char *text;
} lost[] = {
    {NULL, "5 5", "WKV-LOG-default-caeaa1ac is there and WKV-SNAP-default-caeaa1ac is not"},
    {NULL, "0 0", "WKV-LOG-default-caeaa1ac is there and WKV-SNAP-default-caeaa1ac is not"},
    {"2 2", NULL,
     "WKV-SNAP-default-caeaa1ac says that a log was begun, and WKV-LOG-default-caeaa1ac is not there"},
    {"0 2", NULL,
     "WKV-SNAP-default-caeaa1ac says that a log was begun, and WKV-LOG-default-caeaa1ac is not there"},
    {"1 1", "0 0",
     "WKV-SNAP-default-caeaa1ac says that a log was begun, and WKV-LOG-default-caeaa1ac is empty"},
    {"2 2", "0 9", "WKV-LOG-default-caeaa1ac has lost all of its messages, the last being 9"},
};

static const char *of(bool log, const char *numbers)
{
    int messages, last;
    if (numbers == NULL)
        return NO_STREAM;
    ck_assert_int_eq(sscanf(numbers, "%d %d", &messages, &last), 2);
    return stream(log, messages, last, "new");
}

/* "Never create: data was there." A server that has just begun may say so for a moment. */
START_TEST(data_that_was_there_is_not_covered_up)
{
    begin(0);
    int64_t began_ns = now_ns;
    while (!is_over) {
        look(of(false, lost[_i].snapshots));
        answer(LOOK_AT_LOG, of(true, lost[_i].log));
        ck_assert_int_lt(now_ns - began_ns, 5 * WKV_NS_PER_S);
        if (!is_over) {
            ck_assert_ptr_nonnull(strstr(opening.waits_for, lost[_i].text));
            pass(1000);
        }
    }
    ck_assert_int_ge(now_ns - began_ns, 3 * WKV_NS_PER_S);
    ck_assert_int_eq(error.code, WKV_UNAVAILABLE);
    ck_assert_msg(strstr(error.text, lost[_i].text) != NULL, "%s", error.text);
}
END_TEST

START_TEST(a_stream_that_turns_up_a_moment_later_is_not_missing)
{
    begin(0);
    look(NO_STREAM);
    answer(LOOK_AT_LOG, LOG(5, 5));
    pass(1000);
    look(SNAP(1, 1));
    answer(LOOK_AT_LOG, LOG(5, 5));
    ck_assert(is_over);
    ck_assert_int_eq(error.code, WKV_OK);
}
END_TEST

START_TEST(a_stream_that_is_not_ours_is_named_with_what_differs)
{
    begin(0);
    look(SNAP(0, 0));
    answer(LOOK_AT_LOG, stream(true, 1, 1, "old"));
    ck_assert(is_over);
    ck_assert_int_eq(error.code, WKV_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(error.text, "WKV-LOG-default-caeaa1ac is not ours"));
    ck_assert_ptr_nonnull(strstr(error.text, "discard"));
}
END_TEST

START_TEST(an_account_without_jetstream_fails_at_once)
{
    begin(0);
    answer("$JS.API.INFO", "{\"error\":{\"code\":503,\"err_code\":10039,\"description\":\"JetStream not "
                           "enabled for account\"}}");
    ck_assert(is_over);
    ck_assert_int_eq(error.code, WKV_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(error.text, "JetStream not enabled for account"));
}
END_TEST

START_TEST(a_server_without_jetstream_fails_once_that_is_sure)
{
    begin(0);
    int64_t began_ns = now_ns;
    while (!is_over) {
        answer_with("", "503");
        if (!is_over)
            pass(1000);
    }
    ck_assert_int_ge(now_ns - began_ns, 3 * WKV_NS_PER_S);
    ck_assert_int_lt(now_ns - began_ns, 5 * WKV_NS_PER_S);
    ck_assert_ptr_nonnull(strstr(error.text, "has no JetStream"));
}
END_TEST

/* The seconds count anew when it has answered in between. */
START_TEST(a_server_that_is_late_with_jetstream_is_waited_for)
{
    begin(0);
    for (int i = 0; i < 8; i++) {
        answer_with("", "503");
        pass(1000);
    }
    answer("$JS.API.INFO", ACCOUNT);
    answer(LOOK_AT_SNAP, NO_LEADER);
    now_ns += 3000 * MS;
    pass(1000);
    answer_with("", "503");
    ck_assert(!is_over);
}
END_TEST

START_TEST(without_an_answer_it_asks_again_and_says_why)
{
    begin(0);
    pass(3000);
    ck_assert_str_eq(asked, "$JS.API.INFO");
    ck_assert_int_eq(sent, 2);
    answer("$JS.API.INFO", NO_LEADER);
    ck_assert_str_eq(opening.waits_for, "JetStream system temporarily unavailable");
    pass(1000);
    look(SNAP(0, 0));
    wkv_js_requests_lost(&requests);
    (void)wkv_js_opening_tick(&opening, now_ns);
    ck_assert_str_eq(opening.waits_for, "JetStream does not answer");
    pass(1000);
    assert_asked("$JS.API.INFO");
}
END_TEST

/* "3 where the cluster has so many servers, else 1." */
START_TEST(a_lone_server_has_one_replica_where_no_number_is_asked_for)
{
    begin(0);
    look(NO_STREAM);
    answer(LOOK_AT_LOG, NO_STREAM);
    answer(MAKE_SNAP, ALONE);
    ck_assert_ptr_nonnull(strstr(asked_text, "\"num_replicas\":1"));
    answer(MAKE_SNAP, SNAP(0, 0));
    answer(LOOK_AT_SNAP, SNAP(0, 0));
    answer(LOOK_AT_LOG, NO_STREAM);
    ck_assert_ptr_nonnull(strstr(asked_text, "\"num_replicas\":1"));
}
END_TEST

START_TEST(replicas_that_are_asked_for_are_waited_for)
{
    begin(3);
    for (int i = 0; i < 200; i++) {
        look(NO_STREAM);
        answer(LOOK_AT_LOG, NO_STREAM);
        ck_assert_ptr_nonnull(strstr(asked_text, "\"num_replicas\":3"));
        answer(MAKE_SNAP, i % 2 == 0 ? ALONE : TOO_FEW);
        ck_assert_ptr_nonnull(strstr(opening.waits_for, "WKV-SNAP-default-caeaa1ac (3 replicas"));
        pass(1000);
    }
}
END_TEST

/* Asks for the snapshots' stream for that long, and is refused. */
static void be_refused_for(int64_t ms, const char *refusal)
{
    for (int64_t end_ns = now_ns + ms * MS; now_ns < end_ns;) {
        look(NO_STREAM);
        answer(LOOK_AT_LOG, NO_STREAM);
        ck_assert_ptr_nonnull(strstr(asked_text, "\"num_replicas\":3"));
        answer(MAKE_SNAP, refusal);
        pass(1000);
    }
}

START_TEST(a_cluster_that_stays_too_small_has_one_replica)
{
    begin(0);
    be_refused_for(29000, TOO_FEW);
    now_ns += 2000 * MS;
    look(NO_STREAM);
    answer(LOOK_AT_LOG, NO_STREAM);
    answer(MAKE_SNAP, TOO_FEW);
    ck_assert_ptr_nonnull(strstr(asked_text, "\"num_replicas\":1"));
    assert_asked(MAKE_SNAP);
}
END_TEST

START_TEST(a_cluster_of_three_with_one_that_is_down_is_waited_for)
{
    begin(0);
    be_refused_for(29000, TOO_FEW);
    be_refused_for(60000, OFFLINE);
    be_refused_for(29000, TOO_FEW);
}
END_TEST

START_TEST(a_stream_is_made_smaller_where_there_is_less_room)
{
    begin(1);
    look(stream_of(false, 0, 0, "new", 1000000));
    answer(LOOK_AT_LOG, NO_STREAM);
    answer(MAKE_LOG, NO_ROOM);
    ck_assert_ptr_nonnull(strstr(asked_text, "\"max_bytes\":2147483648"));
    answer(MAKE_LOG, NO_ROOM_IN_CLUSTER);
    ck_assert_ptr_nonnull(strstr(asked_text, "\"max_bytes\":1073741824"));
    for (int i = 0; i < 4; i++)
        answer(MAKE_LOG, NO_ROOM);
    ck_assert_ptr_nonnull(strstr(asked_text, "\"max_bytes\":67108864"));
    answer(MAKE_LOG, NO_ROOM);
    ck_assert_ptr_nonnull(strstr(opening.waits_for, "67108864 bytes): insufficient storage"));
    pass(1000);
    assert_asked("$JS.API.INFO");
}
END_TEST

/* Of 200 MB that the snapshots have, the log's stream needs some, too. */
START_TEST(the_snapshots_leave_room_for_the_log)
{
    begin(1);
    look(stream_of(false, 0, 0, "new", 209715200));
    answer(LOOK_AT_LOG, NO_STREAM);
    for (int i = 0; i < 7; i++)
        answer(MAKE_LOG, NO_ROOM);
    ck_assert_ptr_nonnull(strstr(asked_text, "\"max_bytes\":104857600"));
    answer(SHRINK_SNAP, stream_of(false, 0, 0, "new", 104857600));
    answer(LOOK_AT_SNAP, stream_of(false, 0, 0, "new", 104857600));
    answer(LOOK_AT_LOG, NO_STREAM);
    ck_assert_ptr_nonnull(strstr(asked_text, "\"max_bytes\":4294967296"));
    for (int i = 0; i < 7; i++)
        answer(MAKE_LOG, NO_ROOM);
    ck_assert_ptr_nonnull(strstr(opening.waits_for, "insufficient storage"));
}
END_TEST

START_TEST(a_stream_that_may_not_be_made_fails_with_what_the_server_says)
{
    begin(1);
    while (!is_over) {
        look(SNAP(0, 0));
        answer(LOOK_AT_LOG, NO_STREAM);
        answer(MAKE_LOG, "{\"error\":{\"code\":400,\"err_code\":10027,\"description\":\"maximum number of "
                         "streams reached\"}}");
        if (!is_over)
            pass(1000);
    }
    ck_assert_int_eq(error.code, WKV_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(error.text, "WKV-LOG-default-caeaa1ac"));
    ck_assert_ptr_nonnull(strstr(error.text, "maximum number of streams reached"));
}
END_TEST

/* Seen in a cluster where three asked at the same moment. */
START_TEST(a_stream_that_is_not_found_while_it_is_made_is_looked_at_again)
{
    begin(3);
    look(SNAP(0, 0));
    answer(LOOK_AT_LOG, NO_STREAM);
    answer(MAKE_LOG, NO_STREAM);
    pass(1000);
    look(SNAP(1, 1));
    answer(LOOK_AT_LOG, LOG(1, 1));
    ck_assert(is_over);
    ck_assert_int_eq(error.code, WKV_OK);
}
END_TEST

#define COUNT(array) ((int)(sizeof array / sizeof *array))

Suite *opening_suite(void)
{
    Suite *suite = suite_create("jetstream/opening");
    TCase *tcase = tcase_create("opening");
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, what_is_there_is_opened);
    tcase_add_test(tcase, what_is_not_there_is_made_in_order);
    tcase_add_test(tcase, a_log_without_a_mark_is_marked);
    tcase_add_test(tcase, the_snapshots_get_room_for_a_larger_budget);
    tcase_add_test(tcase, of_two_that_begin_the_log_one_loses_and_goes_on);
    tcase_add_test(tcase, a_stream_that_another_makes_at_this_moment_is_looked_at_again);
    tcase_add_loop_test(tcase, data_that_was_there_is_not_covered_up, 0, COUNT(lost));
    tcase_add_test(tcase, a_stream_that_turns_up_a_moment_later_is_not_missing);
    tcase_add_test(tcase, a_stream_that_is_not_ours_is_named_with_what_differs);
    tcase_add_test(tcase, an_account_without_jetstream_fails_at_once);
    tcase_add_test(tcase, a_server_without_jetstream_fails_once_that_is_sure);
    tcase_add_test(tcase, a_server_that_is_late_with_jetstream_is_waited_for);
    tcase_add_test(tcase, without_an_answer_it_asks_again_and_says_why);
    tcase_add_test(tcase, a_lone_server_has_one_replica_where_no_number_is_asked_for);
    tcase_add_test(tcase, replicas_that_are_asked_for_are_waited_for);
    tcase_add_test(tcase, a_cluster_that_stays_too_small_has_one_replica);
    tcase_add_test(tcase, a_cluster_of_three_with_one_that_is_down_is_waited_for);
    tcase_add_test(tcase, a_stream_is_made_smaller_where_there_is_less_room);
    tcase_add_test(tcase, the_snapshots_leave_room_for_the_log);
    tcase_add_test(tcase, a_stream_that_is_not_found_while_it_is_made_is_looked_at_again);
    tcase_add_test(tcase, a_stream_that_may_not_be_made_fails_with_what_the_server_says);
    suite_add_tcase(suite, tcase);
    return suite;
}
