#include <check.h>
#include <stdlib.h>

#include "codec/messages.h"
#include "lib/room.h"

/* Decodes one character by arithmetic on its value, not by ranges of bytes. Returns its length, or 0. */
static size_t reference_character(const uint8_t *at, size_t left)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = at[0] < 0x80 ? 1 : at[0] >> 5 == 6 ? 2 : at[0] >> 4 == 14 ? 3 : at[0] >> 3 == 30 ? 4 : 0;
    if (len == 0 || len > left)
        return 0;
    uint32_t value = len == 1 ? at[0] : at[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if (at[i] >> 6 != 2)
            return 0;
        value = value << 6 | (at[i] & 0x3f);
    }
    bool surrogate = value >= 0xd800 && value <= 0xdfff;
    return value < smallest[len] || value > 0x10ffff || surrogate ? 0 : len;
}

static bool reference_valid(const uint8_t *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t step = reference_character(bytes + at, len - at);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

static const struct {
    const char *what;
    const char *bytes;
    size_t len;
    bool valid;
} cases[] = {
    {"nothing", "", 0, true},
    {"ASCII", "hello", 5, true},
    {"U+0000", "\0", 1, true},
    {"U+0000 amid text", "a\0b", 3, true},
    {"U+007F", "\x7f", 1, true},
    {"U+0080, the first of two bytes", "\xc2\x80", 2, true},
    {"U+07FF, the last of two bytes", "\xdf\xbf", 2, true},
    {"U+0800, the first of three bytes", "\xe0\xa0\x80", 3, true},
    {"U+D7FF, before the surrogates", "\xed\x9f\xbf", 3, true},
    {"U+E000, after the surrogates", "\xee\x80\x80", 3, true},
    {"U+FFFF, the last of three bytes", "\xef\xbf\xbf", 3, true},
    {"U+10000, the first of four bytes", "\xf0\x90\x80\x80", 4, true},
    {"U+10FFFF, the last of all", "\xf4\x8f\xbf\xbf", 4, true},
    {"seven ASCII bytes: no word to read", "1234567", 7, true},
    {"fifteen ASCII bytes", "123456789012345", 15, true},
    {"eight ASCII bytes, then more", "12345678\xc3\xa9", 10, true},
    {"a character across the eighth byte", "1234567\xc3\xa9", 9, true},
    {"a lone tail", "\x80", 1, false},
    {"a lone tail after eight ASCII bytes", "12345678\x80", 9, false},
    {"a lone tail as the eighth byte", "1234567\x80", 8, false},
    {"overlong NUL", "\xc0\x80", 2, false},
    {"overlong slash in two bytes", "\xc0\xaf", 2, false},
    {"overlong U+007F", "\xc1\xbf", 2, false},
    {"overlong U+07FF in three bytes", "\xe0\x9f\xbf", 3, false},
    {"overlong U+FFFF in four bytes", "\xf0\x8f\xbf\xbf", 4, false},
    {"U+D800, the first surrogate", "\xed\xa0\x80", 3, false},
    {"U+DFFF, the last surrogate", "\xed\xbf\xbf", 3, false},
    {"a pair of surrogates", "\xed\xa0\xbd\xed\xb8\x80", 6, false},
    {"U+110000, above the last", "\xf4\x90\x80\x80", 4, false},
    {"U+140000", "\xf5\x80\x80\x80", 4, false},
    {"five bytes", "\xf8\x88\x80\x80\x80", 5, false},
    {"six bytes", "\xfc\x84\x80\x80\x80\x80", 6, false},
    {"FE", "\xfe", 1, false},
    {"FF", "\xff", 1, false},
    {"two bytes cut to one", "\xc3", 1, false},
    {"three bytes cut to one", "\xe2", 1, false},
    {"three bytes cut to two", "\xe2\x82", 2, false},
    {"four bytes cut to one", "\xf0", 1, false},
    {"four bytes cut to two", "\xf0\x9f", 2, false},
    {"four bytes cut to three", "\xf0\x9f\x98", 3, false},
    {"a lead where a tail should be", "\xc3\xc3", 2, false},
    {"ASCII where the third byte should be", "\xe2\x82z", 3, false},
    {"ASCII where the fourth byte should be", "\xf0\x9f\x98z", 4, false},
};

START_TEST(judges_what_rfc_3629_judges)
{
    /* The exact size on the heap, so that a sanitizer sees a read past the end. */
    uint8_t *exact = calloc(cases[_i].len, 1);
    if (cases[_i].len > 0)
        memcpy(exact, cases[_i].bytes, cases[_i].len);
    ck_assert_msg(wkv_utf8_valid(exact, cases[_i].len) == cases[_i].valid, "%s", cases[_i].what);
    ck_assert_msg(reference_valid(exact, cases[_i].len) == cases[_i].valid, "the reference on %s",
                  cases[_i].what);
    free(exact);
}
END_TEST

START_TEST(takes_no_bytes_at_null)
{
    ck_assert(wkv_utf8_valid(NULL, 0));
}
END_TEST

START_TEST(agrees_with_the_reference_on_every_three_bytes)
{
    unsigned stride = test_stride();
    for (uint32_t value = 0; value < 1u << 24; value += stride) {
        uint8_t bytes[3] = {(uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
        if (wkv_utf8_valid(bytes, 3) != reference_valid(bytes, 3))
            ck_abort_msg("%06x", (unsigned)value);
    }
}
END_TEST

START_TEST(agrees_with_the_reference_on_four_bytes_from_f0)
{
    static const uint8_t edges[] = {0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff};
    for (unsigned lead = 0xf0; lead <= 0xff; lead++)
        for (unsigned second = 0; second <= 0xff; second++)
            for (unsigned i = 0; i < 36; i++) {
                uint8_t bytes[4] = {(uint8_t)lead, (uint8_t)second, edges[i / 6], edges[i % 6]};
                ck_assert_int_eq(wkv_utf8_valid(bytes, 4), reference_valid(bytes, 4));
            }
}
END_TEST

/* Valid text with a byte changed here and there: close enough to valid to reach every branch. */
START_TEST(agrees_with_the_reference_on_damaged_text)
{
    uint64_t random = 1;
    size_t valid = 0, invalid = 0;
    size_t rounds = test_scaled(200000);
    for (size_t round = 0; round < rounds; round++) {
        uint8_t text[160];
        size_t len = 0;
        size_t characters = test_random(&random) >> 59;
        for (size_t i = 0; i < characters; i++)
            len += test_random_character(&random, text + len);
        for (uint64_t damage = test_random(&random) >> 62; damage > 0 && len > 0; damage--)
            text[test_random(&random) % len] = (uint8_t)(test_random(&random) >> 56);
        size_t start = len > 0 ? test_random(&random) % len : 0; /* any alignment */
        bool expected = reference_valid(text + start, len - start);
        expected ? valid++ : invalid++;
        ck_assert_int_eq(wkv_utf8_valid(text + start, len - start), expected);
    }
    ck_assert_uint_gt(valid, rounds / 20);
    ck_assert_uint_gt(invalid, rounds / 20);
}
END_TEST

Suite *utf8_suite(void)
{
    Suite *suite = suite_create("codec/utf8");
    TCase *tests = tcase_create("utf8");
    tcase_add_loop_test(tests, judges_what_rfc_3629_judges, 0, (int)(sizeof cases / sizeof cases[0]));
    tcase_add_test(tests, takes_no_bytes_at_null);
    tcase_add_test(tests, agrees_with_the_reference_on_every_three_bytes);
    tcase_add_test(tests, agrees_with_the_reference_on_four_bytes_from_f0);
    tcase_add_test(tests, agrees_with_the_reference_on_damaged_text);
    suite_add_tcase(suite, tests);
    return suite;
}
