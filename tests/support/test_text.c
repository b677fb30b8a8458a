/* What all rooms do with texts. */
#include <check.h>

#include "support/text.h"

static const struct {
    const char *text, *trimmed;
    size_t without_line_end;
} texts[] = {
    {"", "", 0},
    {"a", "a", 1},
    {"a\n", "a", 1},
    {"a\r\n", "a", 1},
    {"a\n\n", "a", 2},
    {"a\r", "a", 2},
    {"\n", "", 0},
    {"\r\n", "", 0},
    {"\xef\xbb\xbf \t a b\r\n\r\n", "a b", 11},
    {"\xef\xbb\xbf", "", 3},
    {"\xef\xbb", "\xef\xbb", 2},
};

START_TEST(what_an_editor_leaves_is_taken_off)
{
    struct wkv_text text = wkv_text_from(texts[_i].text);
    ck_assert_uint_eq(wkv_text_without_line_end(text).len, texts[_i].without_line_end);
    ck_assert(wkv_text_is(wkv_text_trim_file(text), texts[_i].trimmed));
}
END_TEST

START_TEST(texts_are_the_same_by_their_bytes)
{
    const struct wkv_text none = {NULL, 0};
    ck_assert(wkv_text_same(none, wkv_text_from("")));
    ck_assert(wkv_text_is(wkv_text_from(NULL), ""));
    ck_assert(wkv_text_is((struct wkv_text){"abc", 2}, "ab"));
    ck_assert(!wkv_text_is((struct wkv_text){"abc", 2}, "abc"));
    ck_assert(!wkv_text_is((struct wkv_text){"a\0b", 3}, "a"));
    ck_assert(wkv_text_begins(wkv_text_from("abc"), "ab"));
    ck_assert(wkv_text_begins(none, ""));
    ck_assert(!wkv_text_begins(wkv_text_from("a"), "ab"));
}
END_TEST

START_TEST(a_text_is_taken_apart_at_its_separators)
{
    struct wkv_text rest = wkv_text_from("a,,b,");
    ck_assert(wkv_text_is(wkv_text_take(&rest, ','), "a"));
    ck_assert(wkv_text_is(wkv_text_take(&rest, ','), ""));
    ck_assert(wkv_text_is(wkv_text_take(&rest, ','), "b"));
    ck_assert_uint_eq(rest.len, 0);
    ck_assert(wkv_text_is(wkv_text_take(&rest, ','), ""));
    rest = wkv_text_from(NULL);
    ck_assert_uint_eq(wkv_text_take(&rest, ',').len, 0);
    rest = wkv_text_from("whole");
    ck_assert(wkv_text_is(wkv_text_take(&rest, ','), "whole"));
    ck_assert_uint_eq(rest.len, 0);
}
END_TEST

START_TEST(texts_are_in_the_order_of_their_bytes)
{
    static const char *const ordered[] = {"", "a", "a ", "aa", "ab", "b", "\xff"};
    for (int i = 0; i < 7; i++)
        for (int j = 0; j < 7; j++) {
            int order = wkv_text_compare(wkv_text_from(ordered[i]), wkv_text_from(ordered[j]));
            ck_assert_int_eq((order > 0) - (order < 0), (i > j) - (i < j));
        }
}
END_TEST

static const struct {
    const char *text;
    uint64_t max;
    bool read;
    uint64_t number;
} decimals[] = {
    {"0", 0, true, 0},
    {"007", 7, true, 7},
    {"65535", UINT16_MAX, true, 65535},
    {"65536", UINT16_MAX, false, 0},
    {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
    {"18446744073709551616", UINT64_MAX, false, 0},
    {"99999999999999999999", UINT64_MAX, false, 0},
    {"", UINT64_MAX, false, 0},
    {"-1", UINT64_MAX, false, 0},
    {"+1", UINT64_MAX, false, 0},
    {" 1", UINT64_MAX, false, 0},
    {"1a", UINT64_MAX, false, 0},
    {"1\xb2", UINT64_MAX, false, 0},
};

START_TEST(a_decimal_is_digits_alone_and_not_above_its_bound)
{
    uint64_t number = 42;
    ck_assert_int_eq(wkv_text_decimal(wkv_text_from(decimals[_i].text), decimals[_i].max, &number),
                     decimals[_i].read);
    ck_assert_uint_eq(number, decimals[_i].read ? decimals[_i].number : 42);
}
END_TEST

Suite *text_suite(void)
{
    Suite *suite = suite_create("support/text");
    TCase *tests = tcase_create("text");
    tcase_add_loop_test(tests, what_an_editor_leaves_is_taken_off, 0, sizeof texts / sizeof texts[0]);
    tcase_add_test(tests, texts_are_the_same_by_their_bytes);
    tcase_add_test(tests, a_text_is_taken_apart_at_its_separators);
    tcase_add_test(tests, texts_are_in_the_order_of_their_bytes);
    tcase_add_loop_test(tests, a_decimal_is_digits_alone_and_not_above_its_bound, 0,
                        sizeof decimals / sizeof decimals[0]);
    suite_add_tcase(suite, tests);
    return suite;
}
