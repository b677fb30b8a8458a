/* Globs. */
#include "lib/room.h"
#include "operation/glob.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *glob;
    const char *text;
    bool matches;
} cases[] = {
    /* themselves */
    {"", "", true},
    {"", "a", false},
    {"a", "", false},
    {"a", "a", true},
    {"a", "A", false},
    {"abc", "abc", true},
    {"abc", "abd", false},
    {"abc", "ab", false},
    {"ab", "abc", false},
    {"a]b", "a]b", true},
    {"a-b", "a-b", true},
    {"^a", "^a", true},
    {"grüße", "grüße", true},
    /* star */
    {"*", "", true},
    {"*", "anything", true},
    {"**", "", true},
    {"***", "abc", true},
    {"a*", "a", true},
    {"a*", "abc", true},
    {"a*", "ba", false},
    {"*a", "a", true},
    {"*a", "bca", true},
    {"*a", "ab", false},
    {"a*b", "ab", true},
    {"a*b", "aXXb", true},
    {"a*b", "aXXbX", false},
    {"a*b*c", "a1b2b3c", true},
    {"a*b*c", "a1c2b3", false},
    {"*ab*", "aab", true},
    {"*aab", "aaab", true},
    {"*abab*c", "abacababdc", true},
    {"user:*:name", "user:17:name", true},
    {"user:*:name", "user:17:names", false},
    {"user:*:name", "user:name", false},
    {"*.*", "a", false},
    {"*.*", ".", true},
    /* any one character */
    {"?", "", false},
    {"?", "a", true},
    {"?", "ab", false},
    {"??", "ab", true},
    {"a?c", "abc", true},
    {"a?c", "ac", false},
    {"?", "é", true},
    {"??", "é", false},
    {"?", "€", true},
    {"*??", "€", false},
    {"*?", "€", true},
    {"?*?", "é", false},
    {"?", "\xf0\x9f\x98\x80", true},
    {"a?b", "aéb", true},
    {"*?", "", false},
    {"?*", "", false},
    {"*??*", "ab", true},
    {"*??*", "a", false},
    /* bytes that are no characters count one by one */
    {"?", "\xff", true},
    {"??", "\xff\xfe", true},
    {"?", "\xc3", true},
    {"??", "\xe2\x82", true},
    {"?", "\xe2\x82", false},
    {"??",
     "\xc3"
     "a",
     true},
    {"???",
     "\xc3\xa9"
     "a"
     "\xc3",
     true},
    {"\xff*",
     "\xff"
     "abc",
     true},
    {"\xc3", "é", false},
    {"*\xa9", "é", false},
    {"?", "\xc0\x80", false},
    {"[\x80-\xff]", "é", false},
    {"[\x80-\xff]", "\xfe", true},
    /* classes */
    {"[abc]", "b", true},
    {"[abc]", "d", false},
    {"[abc]", "", false},
    {"[abc]", "ab", false},
    {"[a-c]", "b", true},
    {"[a-c]", "a", true},
    {"[a-c]", "c", true},
    {"[a-c]", "d", false},
    {"[c-a]", "b", true},
    {"[c-a]", "d", false},
    {"[a-a]", "a", true},
    {"[^a-c]", "b", false},
    {"[^a-c]", "d", true},
    {"[^a]", "", false},
    {"[^a]", "é", true},
    {"[a-c0-9_]", "7", true},
    {"[a-c0-9_]", "_", true},
    {"[a-c0-9_]", "-", false},
    {"[-a]", "-", true},
    {"[-a]", "a", true},
    {"[a^]", "^", true},
    {"[!a]", "!", true},
    {"[!a]", "b", false},
    {"[*]", "*", true},
    {"[*]", "a", false},
    {"[?]", "a", false},
    {"[[]", "[", true},
    {"h[ae]llo", "hallo", true},
    {"h[ae]llo", "hillo", false},
    {"*[0-9]", "key7", true},
    {"*[0-9]", "key", false},
    {"[0-9]*[a-z]", "1--z", true},
    {"[éü]", "ü", true},
    {"[éü]", "ö", false},
    {"[à-ü]", "é", true},
    {"[à-ü]", "e", false},
    {"[a-€]", "é", true},
    {"*[é]", "é", true},
    /* empty classes: the first ] closes */
    {"[]", "a", false},
    {"[]", "]", false},
    {"[]a]", "a]", false},
    {"[^]", "a", true},
    {"[^]", "]", true},
    {"[^]", "", false},
    {"[^]]", "a]", true},
    /* escapes */
    {"\\*", "*", true},
    {"\\*", "a", false},
    {"\\?", "?", true},
    {"\\?", "a", false},
    {"\\[a]", "[a]", true},
    {"\\[a]", "a", false},
    {"\\a", "a", true},
    {"\\\\", "\\", true},
    {"\\\\", "\\\\", false},
    {"\\", "\\", true},
    {"a\\", "a\\", true},
    {"\\é", "é", true},
    {"*\\*", "ab*", true},
    {"*\\*", "ab", false},
    {"[\\]]", "]", true},
    {"[\\]]", "\\", false},
    {"[\\^a]", "^", true},
    {"[^\\^]", "^", false},
    {"[a\\-c]", "b", false},
    {"[a\\-c]", "-", true},
    {"[\\a-c]", "b", false},
    {"[\\a-c]", "-", true},
    {"[\\\\]", "\\", true},
    /* unclosed classes end with the glob */
    {"[", "[", false},
    {"[", "a", false},
    {"[", "", false},
    {"[a", "a", true},
    {"[a", "b", false},
    {"[abc", "c", true},
    {"[^", "a", true},
    {"[^a", "a", false},
    {"[^a", "b", true},
    {"[a-", "a", true},
    {"[a-", "-", true},
    {"[a-", "b", false},
    {"[a-c", "b", true},
    {"[\\", "\\", true},
    {"[a-]", "a", true},
    {"[a-]", "]", true},
    {"[a-]", "_", true},
    {"[a-]", "-", false},
    {"*[", "a[", false},
    {"x[*", "x*", true},
    {"x[*", "xy", false},
};

START_TEST(a_glob_matches_as_it_should)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (wkv_glob_match(cases[i].glob, strlen(cases[i].glob), cases[i].text, strlen(cases[i].text)) !=
            cases[i].matches)
            ck_abort_msg("glob %s, text %s: %s", cases[i].glob, cases[i].text,
                         cases[i].matches ? "does not match" : "matches");
}
END_TEST

START_TEST(nuls_are_characters)
{
    ck_assert(wkv_glob_match("a\0b", 3, "a\0b", 3));
    ck_assert(!wkv_glob_match("a\0b", 3, "a\0c", 3));
    ck_assert(!wkv_glob_match("a", 1, "a\0", 2));
    ck_assert(wkv_glob_match("a?b", 3, "a\0b", 3));
    ck_assert(wkv_glob_match("[\0-a]", 5, "\1", 1));
}
END_TEST

START_TEST(nothing_may_be_null)
{
    ck_assert(wkv_glob_match(NULL, 0, NULL, 0));
    ck_assert(wkv_glob_match("*", 1, NULL, 0));
    ck_assert(!wkv_glob_match("?", 1, NULL, 0));
    ck_assert(!wkv_glob_match(NULL, 0, "a", 1));
}
END_TEST

/* Nothing in front of the glob or the text or behind it is read: each is in a block of its own size, for the
 * sanitizer. */
START_TEST(nothing_is_read_beyond_the_ends)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t glob_len = strlen(cases[i].glob), text_len = strlen(cases[i].text);
        for (size_t cut = 0; cut <= glob_len; cut++) {
            char *glob = malloc(cut == 0 ? 1 : cut), *text = malloc(text_len == 0 ? 1 : text_len);
            ck_assert_ptr_nonnull(glob);
            ck_assert_ptr_nonnull(text);
            memcpy(glob, cases[i].glob, cut);
            memcpy(text, cases[i].text, text_len);
            (void)wkv_glob_match(glob, cut, text, text_len);
            free(glob);
            free(text);
        }
    }
}
END_TEST

/* A trivially simple matcher of '*', '?', 'a' and 'b', which tries everything. */
static bool model_match(const char *glob, const char *text)
{
    if (*glob == '\0')
        return *text == '\0';
    if (*glob == '*')
        return model_match(glob + 1, text) || (*text != '\0' && model_match(glob, text + 1));
    return *text != '\0' && (*glob == '?' || *glob == *text) && model_match(glob + 1, text + 1);
}

/* Every glob of up to 6 of these and every text of up to 6 of 'a' and 'b'. */
START_TEST(short_globs_match_as_a_simple_matcher_says)
{
    static const char signs[] = "ab*?";
    char glob[7], text[7];
    for (size_t glob_len = 0; glob_len < sizeof glob; glob_len++) {
        for (size_t g = 0; g < (size_t)1 << (2 * glob_len); g++) {
            for (size_t i = 0; i < glob_len; i++)
                glob[i] = signs[g >> (2 * i) & 3];
            glob[glob_len] = '\0';
            /* The leading bit of t says how long the text is. */
            for (size_t t = 1 + g % test_stride(); t < 128; t += test_stride()) {
                size_t text_len = 0;
                for (; t >> (text_len + 1) != 0; text_len++)
                    text[text_len] = signs[t >> text_len & 1];
                text[text_len] = '\0';
                if (wkv_glob_match(glob, glob_len, text, text_len) != model_match(glob, text))
                    ck_abort_msg("glob %s, text %s", glob, text);
            }
        }
    }
}
END_TEST

/* Globs that a matcher which tries every star against every other would not be done with in this world: the
 * suite's time limit is what fails. */
static const struct {
    const char *part; /* repeated, with `last` behind */
    const char *last;
    char fill; /* of the text */
} hostile[] = {
    {"a*", "b", 'a'},         {"*a", "b", 'a'},  {"*?", "b", 'a'}, {"*[^b]", "b", 'a'}, {"**", "b", 'a'},
    {"a*a*a*a*b*", "c", 'a'}, {"[a-", "b", 'a'}, {"*[", "", 'a'},  {"?*", "b", '\xc3'},
};

#define HOSTILE_GLOB_BYTES 2000u
#define HOSTILE_TEXT_BYTES 20000u

START_TEST(a_hostile_glob_takes_no_longer_than_its_size_allows)
{
    size_t text_len = test_scaled_from(2000, HOSTILE_TEXT_BYTES);
    char *glob = malloc(HOSTILE_GLOB_BYTES * 2), *text = malloc(text_len);
    ck_assert_ptr_nonnull(glob);
    ck_assert_ptr_nonnull(text);
    memset(text, hostile[_i].fill, text_len);
    size_t len = 0;
    for (; len < HOSTILE_GLOB_BYTES; len += strlen(hostile[_i].part))
        memcpy(glob + len, hostile[_i].part, strlen(hostile[_i].part));
    memcpy(glob + len, hostile[_i].last, strlen(hostile[_i].last));
    len += strlen(hostile[_i].last);
    ck_assert(!wkv_glob_match(glob, len, text, text_len));
    free(glob);
    free(text);
}
END_TEST

Suite *glob_suite(void)
{
    Suite *suite = suite_create("operation/glob");
    TCase *tests = tcase_create("glob");
    tcase_add_test(tests, a_glob_matches_as_it_should);
    tcase_add_test(tests, nuls_are_characters);
    tcase_add_test(tests, nothing_may_be_null);
    tcase_add_test(tests, nothing_is_read_beyond_the_ends);
    tcase_add_test(tests, short_globs_match_as_a_simple_matcher_says);
    tcase_add_loop_test(tests, a_hostile_glob_takes_no_longer_than_its_size_allows, 0,
                        (int)(sizeof hostile / sizeof hostile[0]));
    suite_add_tcase(suite, tests);
    return suite;
}
