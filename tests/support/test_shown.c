/* Text from outside as it is shown. */
#include <check.h>
#include <jansson.h>
#include <string.h>

#include "support/nearest.h"
#include "support/shown.h"

static const struct {
    enum wkv_shown_as as;
    const char *text, *shown;
} cases[] = {
    {WKV_SHOWN_TEXT, "", ""},
    {WKV_SHOWN_TEXT, "plain \\ \"text\"", "plain \\ \"text\""},
    {WKV_SHOWN_TEXT, "\x1b]0;title\x07\x1b[2J", "\\x1b]0;title\\x07\\x1b[2J"},
    {WKV_SHOWN_TEXT, "a\r\nb\tc\x7f", "a\\x0d\\x0ab\\x09c\\x7f"},
    {WKV_SHOWN_TEXT, "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x94\x91", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x94\x91"},
    {WKV_SHOWN_TEXT, "\xc2\x9b[2J", "\\u{009b}[2J"},
    {WKV_SHOWN_TEXT, "\xe2\x80\xae\xe2\x81\xa6\xd8\x9c", "\\u{202e}\\u{2066}\\u{061c}"},
    {WKV_SHOWN_TEXT, "\xef\xbb\xbf\xe2\x80\x8b", "\\u{feff}\\u{200b}"},
    {WKV_SHOWN_TEXT, "\xf3\xa0\x81\x81", "\\u{e0041}"},
    {WKV_SHOWN_TEXT, "\x9b\xff\xc3", "\\x9b\\xff\\xc3"},
    {WKV_SHOWN_TEXT, "\xc0\x9b\xe0\x80\x9b\xed\xa0\x80", "\\xc0\\x9b\\xe0\\x80\\x9b\\xed\\xa0\\x80"},
    {WKV_SHOWN_TEXT, "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
    {WKV_SHOWN_ASCII, "a\x1b\xc3\xa4~", "a\\x1b\\xc3\\xa4~"},
    {WKV_SHOWN_JSON, "{\"a\":\n\t\"\\u001b\xc3\xa4\"}", "{\"a\":\n\t\"\\u001b\xc3\xa4\"}"},
    {WKV_SHOWN_JSON, "\"\x7f\xc2\x9b\xe2\x80\xae\xf3\xa0\x81\x81\"",
     "\"\\u007f\\u009b\\u202e\\udb40\\udc41\""},
    {WKV_SHOWN_JSON, "\x1b[2J\x9b\r", "\\u001b[2J\\ufffd\\u000d"},
};

START_TEST(what_steers_a_terminal_is_shown)
{
    char shown[256];
    size_t len = wkv_shown(cases[_i].as, cases[_i].text, strlen(cases[_i].text), shown, sizeof shown);
    ck_assert_str_eq(shown, cases[_i].shown);
    ck_assert_uint_eq(len, strlen(shown));
}
END_TEST

START_TEST(json_stays_the_same_json)
{
    static const char text[] = "{\"k\":\"\x7f\xc2\x85\xe2\x80\xaa\xf3\xa0\x80\xa0\xc3\xbc\"}";
    char shown[256];
    size_t len = wkv_shown(WKV_SHOWN_JSON, text, strlen(text), shown, sizeof shown);
    json_t *before = json_loads(text, 0, NULL);
    json_t *after = json_loadb(shown, len, 0, NULL);
    ck_assert_ptr_nonnull(before);
    ck_assert(json_equal(before, after));
    json_decref(before);
    json_decref(after);
}
END_TEST

START_TEST(a_cut_is_never_within_a_character)
{
    static const char text[] = "\x1b\xc2\x9b\xc3\xa4";
    static const size_t ends[] = {0, 4, 12, 14};
    char shown[16];
    for (size_t room = 1; room <= sizeof shown; room++) {
        size_t len = wkv_shown(WKV_SHOWN_TEXT, text, strlen(text), shown, room);
        size_t expected = 0;
        for (size_t i = 0; i < 4; i++)
            expected = ends[i] < room ? ends[i] : expected;
        ck_assert_uint_eq(len, expected);
        ck_assert_int_eq(shown[len], '\0');
    }
}
END_TEST

static const struct {
    const char *one, *other;
    size_t distance;
} names[] = {
    {"", "", 0},       {"", "abc", 3},       {"Get", "get", 0},        {"Gte", "Get", 2},
    {"Set", "Get", 1}, {"Delete", "Del", 3}, {"kitten", "sitting", 3}, {"MAXMEMORY", "MAX_MEMORY", 1},
};

START_TEST(names_are_as_far_apart_as_their_spelling)
{
    ck_assert_uint_eq(wkv_edit_distance(names[_i].one, names[_i].other), names[_i].distance);
    ck_assert_uint_eq(wkv_edit_distance(names[_i].other, names[_i].one), names[_i].distance);
}
END_TEST

START_TEST(a_name_of_any_length_is_no_trouble)
{
    char name[1000];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    ck_assert_uint_eq(wkv_edit_distance(name, ""), 127);
    ck_assert_uint_eq(wkv_edit_distance(name, name), 0);
}
END_TEST

/* What may be a seed or a token is not repeated. */
START_TEST(a_given_value_is_repeated_where_it_is_short)
{
    char out[WKV_SHOWN_GIVEN_BYTES], text[60] = "";
    ck_assert_str_eq(wkv_shown_given("two", out), ", not \"two\"");
    ck_assert_str_eq(wkv_shown_given("", out), ", not \"\"");
    memset(text, 'A', 40);
    ck_assert_uint_eq(strlen(wkv_shown_given(text, out)), sizeof ", not \"\"" - 1 + 40);
    text[40] = 'A';
    ck_assert_str_eq(wkv_shown_given(text, out), ", not a text of 41 bytes");
}
END_TEST

Suite *shown_suite(void)
{
    Suite *suite = suite_create("support/shown");
    TCase *tests = tcase_create("shown");
    tcase_add_loop_test(tests, what_steers_a_terminal_is_shown, 0, sizeof cases / sizeof cases[0]);
    tcase_add_test(tests, json_stays_the_same_json);
    tcase_add_test(tests, a_cut_is_never_within_a_character);
    tcase_add_loop_test(tests, names_are_as_far_apart_as_their_spelling, 0, sizeof names / sizeof names[0]);
    tcase_add_test(tests, a_name_of_any_length_is_no_trouble);
    tcase_add_test(tests, a_given_value_is_repeated_where_it_is_short);
    suite_add_tcase(suite, tests);
    return suite;
}
