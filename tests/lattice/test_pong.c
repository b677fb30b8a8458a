/* What instances ask and answer on `$SRV.PING`: read from whatever comes. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lattice/pong.h"
#include "nats/subject.h"

static const struct wkv_address plain = {.binding = "default"};
static const struct wkv_address spaced = {.lattice_namespace = "prod.eu", .binding = "cache"};

#define STARTED "2026-01-31T12:00:00.123456789Z"
#define PONG(id, space, binding, more)                                                                       \
    "{\"type\":\"io.nats.micro.v1.ping_response\",\"name\":\"wascc-keyvalue\",\"id\":\"" id                  \
    "\",\"version\":\"1.2.3\",\"metadata\":{\"capability\":\"wascc:keyvalue\",\"lattice_namespace\":"        \
    "\"" space "\",\"binding\":\"" binding "\",\"engine\":\"memory\"" more "}}"

static bool read_text(const char *text, const struct wkv_address *address, struct wkv_pong *pong)
{
    return wkv_pong_read(text, strlen(text), address, pong);
}

START_TEST(an_answer_is_read)
{
    struct wkv_pong pong;
    ck_assert(read_text(PONG("X1", "prod.eu", "cache",
                             ",\"phase\":\"yielding\",\"started\":\"" STARTED
                             "\",\"split\":\"allowed\",\"new\":\"x\""),
                        &spaced, &pong));
    ck_assert_str_eq(pong.id, "X1");
    ck_assert_str_eq(pong.started, STARTED);
    ck_assert_int_eq(pong.phase, WKV_PHASE_YIELDING);
    ck_assert(pong.may_split);
    ck_assert_str_eq(pong.engine, "memory");
    ck_assert_str_eq(pong.log, "");
}
END_TEST

/* An older version says less, and a newer one may say what we do not know: both hold data. */
START_TEST(what_is_not_said_is_taken_for_the_worst)
{
    struct wkv_pong pong;
    ck_assert(read_text(PONG("X1", "", "default", ""), &plain, &pong));
    ck_assert_str_eq(pong.started, "");
    ck_assert_int_eq(pong.phase, WKV_PHASE_SERVING);
    ck_assert(!pong.may_split);
    ck_assert(read_text(PONG("X1", "", "default", ",\"phase\":\"dreaming\",\"split\":\"\""), &plain, &pong));
    ck_assert_int_eq(pong.phase, WKV_PHASE_SERVING);
    ck_assert(!pong.may_split);
}
END_TEST

START_TEST(every_phase_is_known_by_its_name)
{
    for (int phase = WKV_PHASE_STARTING; phase <= WKV_PHASE_DRAINING; phase++) {
        char text[512];
        struct wkv_pong pong;
        (void)snprintf(text, sizeof text, PONG("X1", "", "default", ",\"phase\":\"%s\""),
                       wkv_phase_name((enum wkv_phase)phase));
        ck_assert(read_text(text, &plain, &pong));
        ck_assert_int_eq((int)pong.phase, phase);
    }
}
END_TEST

#define ANSWER_OF(engine, more)                                                                              \
    "{\"type\":\"io.nats.micro.v1.ping_response\",\"name\":\"wascc-keyvalue\",\"id\":\"X\",\"metadata\":{"   \
    "\"lattice_namespace\":\"\",\"binding\":\"default\",\"engine\":\"" engine "\"" more "}}"

/* Of another engine, or of another log: who asks is to hear of it. */
START_TEST(an_answer_tells_the_engine_and_its_log)
{
    struct wkv_pong pong;
    ck_assert(read_text(ANSWER_OF("jetstream", ",\"log\":\"00000000deadbeef\""), &plain, &pong));
    ck_assert_str_eq(pong.engine, "jetstream");
    ck_assert_str_eq(pong.log, "00000000deadbeef");
    ck_assert(read_text(ANSWER_OF("jetstream", ",\"log\":\"0123456789abcdef0\""), &plain, &pong));
    ck_assert_str_eq(pong.log, "");
    ck_assert(read_text(ANSWER_OF("jetstream", ",\"log\":\"\\u001b[2J\""), &plain, &pong));
    ck_assert_str_eq(pong.log, "");
    ck_assert(!read_text(ANSWER_OF("jet stream", ""), &plain, &pong));
    ck_assert(!read_text(ANSWER_OF("", ""), &plain, &pong));
}
END_TEST

static const char *const of_nobody[] = {
    "",
    "{",
    "null",
    "[]",
    PONG("X1", "", "Default", ""),
    PONG("X1", "", "default2", ""),
    PONG("X1", "ns", "default", ""),
    PONG("", "", "default", ""),
    PONG("two words", "", "default", ""),
    PONG("\\u001b[2J", "", "default", ""),
    PONG("\\u00e9", "", "default", ""),
    PONG("X1", "", "default", ",\"phase\":7"),
    PONG("0123456789012345678901234567890123456789012345678901234567890123", "", "default", ""),
    "{\"type\":\"io.nats.micro.v1.ping_response\",\"name\":\"other\",\"id\":\"X\",\"metadata\":{}}",
};

START_TEST(an_answer_of_nobody_here_is_none)
{
    struct wkv_pong pong;
    ck_assert_msg(!read_text(of_nobody[_i], &plain, &pong), "%s", of_nobody[_i]);
    ck_assert(!wkv_pong_read(NULL, 0, &plain, &pong));
}
END_TEST

START_TEST(an_answer_cut_off_anywhere_is_none)
{
    static const char whole[] = PONG("X1", "", "default", ",\"started\":\"" STARTED "\"");
    struct wkv_pong pong;
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        char *exact = malloc(len + 1);
        ck_assert_ptr_nonnull(exact);
        memcpy(exact, whole, len);
        ck_assert(!wkv_pong_read(exact, len, &plain, &pong));
        free(exact);
    }
    ck_assert(wkv_pong_read(whole, sizeof whole - 1, &plain, &pong));
}
END_TEST

START_TEST(an_answer_too_long_to_be_one_is_not_read)
{
    size_t len = 20000;
    char *text = malloc(len + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, ' ', len);
    memcpy(text, PONG("X1", "", "default", ""), strlen(PONG("X1", "", "default", "")));
    struct wkv_pong pong;
    ck_assert(wkv_pong_read(text, 10000, &plain, &pong));
    ck_assert(!wkv_pong_read(text, len, &plain, &pong));
    free(text);
}
END_TEST

/* Only times that have the order of their texts are compared as texts. */
static const char *const no_times[] = {
    "2026-01-31T12:00:00Z",           "2026-01-31T12:00:00.123Z",        "2026-01-31t12:00:00.123456789Z",
    "9026-01-31T12:00:00.12345678+Z", "2026-01-31T12:00:00.123456789ZZ", "now",
};

START_TEST(a_time_in_another_form_is_none)
{
    struct wkv_pong pong;
    char text[512];
    (void)snprintf(text, sizeof text, PONG("X1", "", "default", ",\"started\":\"%s\""), no_times[_i]);
    ck_assert(read_text(text, &plain, &pong));
    ck_assert_str_eq(pong.started, "");
}
END_TEST

START_TEST(the_order_is_total_and_the_same_for_both)
{
    static const struct wkv_pong in_order[] = {{.id = "B", .started = ""},
                                               {.id = "C", .started = ""},
                                               {.id = "Z", .started = "2026-01-31T12:00:00.123456788Z"},
                                               {.id = "A", .started = STARTED},
                                               {.id = "B", .started = STARTED}};
    int count = (int)(sizeof in_order / sizeof in_order[0]);
    for (int i = 0; i < count; i++)
        for (int j = 0; j < count; j++)
            ck_assert_int_eq(wkv_pong_is_older(&in_order[i], &in_order[j]), i < j);
}
END_TEST

/* ---- questions ---- */

static struct wkv_question read_question(const char *text)
{
    return wkv_question_read(text, strlen(text), &spaced, "ME");
}

START_TEST(our_own_question_is_understood)
{
    for (int starting = 0; starting < 2; starting++) {
        char *text = wkv_question_make(&spaced, "OTHER", starting == 1);
        ck_assert_ptr_nonnull(text);
        struct wkv_question question = read_question(text);
        ck_assert(question.ours);
        ck_assert_int_eq(question.also_starting, starting);
        ck_assert_int_eq(question.of_other_instance, !starting);
        ck_assert(!wkv_question_read(text, strlen(text), &spaced, "OTHER").of_other_instance);
        question = wkv_question_read(text, strlen(text), &plain, "ME");
        ck_assert(!question.ours && !question.of_other_instance);
        free(text);
    }
}
END_TEST

/* ADR-32's, an older version's, and whatever else somebody puts into it. */
START_TEST(who_asks_otherwise_asks_everybody)
{
    static const char *const texts[] = {"", "also who is starting", "{}", "{\"binding\":\"other\"}", "\xff",
                                        "7"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct wkv_question question = read_question(texts[i]);
        ck_assert(question.ours && !question.of_other_instance);
        ck_assert_int_eq(question.also_starting, texts[i][0] != '\0');
    }
    ck_assert(wkv_question_read(NULL, 0, &spaced, "ME").ours);
}
END_TEST

#define COUNT(rows) ((int)(sizeof(rows) / sizeof(rows)[0]))

Suite *pong_suite(void)
{
    Suite *suite = suite_create("lattice/pong");
    TCase *tests = tcase_create("pong");
    tcase_add_test(tests, an_answer_is_read);
    tcase_add_test(tests, what_is_not_said_is_taken_for_the_worst);
    tcase_add_test(tests, every_phase_is_known_by_its_name);
    tcase_add_test(tests, an_answer_tells_the_engine_and_its_log);
    tcase_add_loop_test(tests, an_answer_of_nobody_here_is_none, 0, COUNT(of_nobody));
    tcase_add_test(tests, an_answer_cut_off_anywhere_is_none);
    tcase_add_test(tests, an_answer_too_long_to_be_one_is_not_read);
    tcase_add_loop_test(tests, a_time_in_another_form_is_none, 0, COUNT(no_times));
    tcase_add_test(tests, the_order_is_total_and_the_same_for_both);
    tcase_add_test(tests, our_own_question_is_understood);
    tcase_add_test(tests, who_asks_otherwise_asks_everybody);
    suite_add_tcase(suite, tests);
    return suite;
}
