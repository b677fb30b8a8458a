/* The header traceparent, as https://www.w3.org/TR/trace-context/ has it. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "support/trace.h"

#define ID "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"

/* With the length of a literal that may have NULs in it. */
#define VALUE(text) text, sizeof text - 1

static const struct {
    const char *what;
    const char *value;
    size_t len;
    const char *id; /* NULL: not valid */
} cases[] = {
    {"the recommendation's first example", VALUE("00-" ID "-" PARENT "-01"), ID},
    {"not sampled", VALUE("00-" ID "-" PARENT "-00"), ID},
    {"the recommendation's other example", VALUE("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
     "0af7651916cd43dd8448eb211c80319c"},
    {"flags that are not known yet", VALUE("00-" ID "-" PARENT "-ff"), ID},
    {"an id that is nearly zero", VALUE("00-00000000000000000000000000000001-0000000000000001-01"),
     "00000000000000000000000000000001"},
    {"an id that begins with its one", VALUE("00-10000000000000000000000000000000-1000000000000000-01"),
     "10000000000000000000000000000000"},

    {"a future version", VALUE("01-" ID "-" PARENT "-01"), ID},
    {"a far future version", VALUE("cc-" ID "-" PARENT "-09"), ID},
    {"the last version", VALUE("fe-" ID "-" PARENT "-01"), ID},
    {"a future version with more", VALUE("cc-" ID "-" PARENT "-01-what-the-future-brings"), ID},
    {"a future version with a dash", VALUE("cc-" ID "-" PARENT "-01-"), ID},
    {"a future version with more but no dash", VALUE("cc-" ID "-" PARENT "-01.what"), NULL},
    {"a future version with longer flags", VALUE("cc-" ID "-" PARENT "-0100"), NULL},
    {"a future version with a NUL behind it", VALUE("cc-" ID "-" PARENT "-01\0"), NULL},
    {"a future version that is too short", VALUE("cc-" ID "-" PARENT "-0"), NULL},

    {"version 00 with more", VALUE("00-" ID "-" PARENT "-01-what"), NULL},
    {"version 00 with a dash", VALUE("00-" ID "-" PARENT "-01-"), NULL},
    {"version 00 with a character more", VALUE("00-" ID "-" PARENT "-010"), NULL},
    {"version 00 with a blank behind it", VALUE("00-" ID "-" PARENT "-01 "), NULL},
    {"version ff", VALUE("ff-" ID "-" PARENT "-01"), NULL},
    {"version ff with more", VALUE("ff-" ID "-" PARENT "-01-what"), NULL},
    {"a version that is not hex", VALUE("0g-" ID "-" PARENT "-01"), NULL},
    {"a version that is not hex, and more", VALUE("x0-" ID "-" PARENT "-01-what"), NULL},
    {"an upper-case version", VALUE("0A-" ID "-" PARENT "-01"), NULL},
    {"upper-case version FF", VALUE("FF-" ID "-" PARENT "-01"), NULL},
    {"a version of one digit", VALUE("0-" ID "-" PARENT "-01"), NULL},
    {"a version of three digits", VALUE("000-" ID "-" PARENT "-01"), NULL},
    {"a version of three digits, all as long as it must be", VALUE("000" ID "-" PARENT "-01"), NULL},

    {"no trace id", VALUE("00-00000000000000000000000000000000-" PARENT "-01"), NULL},
    {"an upper-case trace id", VALUE("00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01"), NULL},
    {"one upper-case digit", VALUE("00-4bf92f3577b34da6a3ce929d0e0e473F-" PARENT "-01"), NULL},
    {"a trace id that is not hex", VALUE("00-4bf92f3577b34da6a3ce929d0e0e473g-" PARENT "-01"), NULL},
    {"a trace id that is too short", VALUE("00-4bf92f3577b34da6a3ce929d0e0e473-" PARENT "-01"), NULL},
    {"a trace id that is too long", VALUE("00-" ID "0-" PARENT "-01"), NULL},
    {"a trace id with a dash", VALUE("00-4bf92f3577b34da6-3ce929d0e0e4736-" PARENT "-01"), NULL},
    {"a trace id with a NUL",
     VALUE("00-4bf92f3577b34da6\00"
           "3ce929d0e0e4736-" PARENT "-01"),
     NULL},
    {"a trace id with a byte over 0x7f",
     VALUE("00-\xc3\xa4"
           "f92f3577b34da6a3ce929d0e0e4736-" PARENT "-01"),
     NULL},
    {"a trace id a byte below 0", VALUE("00-/bf92f3577b34da6a3ce929d0e0e4736-" PARENT "-01"), NULL},
    {"a trace id a byte above 9", VALUE("00-:bf92f3577b34da6a3ce929d0e0e4736-" PARENT "-01"), NULL},
    {"a trace id a byte below a", VALUE("00-`bf92f3577b34da6a3ce929d0e0e4736-" PARENT "-01"), NULL},

    {"no parent id", VALUE("00-" ID "-0000000000000000-01"), NULL},
    {"an upper-case parent id", VALUE("00-" ID "-00F067AA0BA902B7-01"), NULL},
    {"a parent id that is not hex", VALUE("00-" ID "-00f067aa0ba902bx-01"), NULL},
    {"a parent id that is too short", VALUE("00-" ID "-00f067aa0ba902b-01"), NULL},
    {"a parent id that is too long", VALUE("00-" ID "-" PARENT "0-01"), NULL},
    {"a parent id with a NUL", VALUE("00-" ID "-00f067aa\0ba902b7-01"), NULL},

    {"flags that are not hex", VALUE("00-" ID "-" PARENT "-0x"), NULL},
    {"upper-case flags", VALUE("00-" ID "-" PARENT "-0A"), NULL},
    {"flags of one digit", VALUE("00-" ID "-" PARENT "-1"), NULL},
    {"no flags", VALUE("00-" ID "-" PARENT "-"), NULL},
    {"flags with a NUL", VALUE("00-" ID "-" PARENT "-0\0"), NULL},
    {"neither flags nor dash", VALUE("00-" ID "-" PARENT), NULL},

    {"no first dash", VALUE("00_" ID "-" PARENT "-01"), NULL},
    {"no second dash", VALUE("00-" ID "_" PARENT "-01"), NULL},
    {"no third dash", VALUE("00-" ID "-" PARENT "_01"), NULL},
    {"a NUL for a dash", VALUE("00-" ID "\0" PARENT "-01"), NULL},
    {"a blank before it", VALUE(" 00-" ID "-" PARENT "-01"), NULL},
    {"two of them", VALUE("00-" ID "-" PARENT "-01,00-" ID "-" PARENT "-01"), NULL},
    {"nothing", VALUE(""), NULL},
    {"something else", VALUE("b3: 80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90"),
     NULL},
    {"dashes", VALUE("-------------------------------------------------------"), NULL},
    {"no value", NULL, 0, NULL},
};

#define CASES (sizeof cases / sizeof cases[0])

/* On memory of exactly that length, so that a read behind it is caught where sanitizers look. */
START_TEST(a_header_is_read_as_the_recommendation_has_it)
{
    char *value = cases[_i].value == NULL ? NULL : malloc(cases[_i].len + (cases[_i].len == 0));
    if (cases[_i].len > 0)
        memcpy(value, cases[_i].value, cases[_i].len);
    struct wkv_trace trace;
    memset(&trace, 0xaa, sizeof trace);
    trace.present = true;
    bool valid = wkv_trace_read(value, cases[_i].len, &trace);
    ck_assert_msg(valid == (cases[_i].id != NULL), "%s", cases[_i].what);
    ck_assert(trace.present == valid);
    ck_assert_str_eq(trace.id, valid ? cases[_i].id : "");
    free(value);
}
END_TEST

START_TEST(a_header_that_is_cut_short_is_none)
{
    static const char whole[] = "00-" ID "-" PARENT "-01";
    struct wkv_trace trace;
    for (size_t len = 0; len < WKV_TRACEPARENT_CHARS; len++)
        ck_assert(!wkv_trace_read(whole, len, &trace));
    ck_assert(wkv_trace_read(whole, WKV_TRACEPARENT_CHARS, &trace));
    /* The NUL behind it is one character too many. */
    ck_assert(!wkv_trace_read(whole, WKV_TRACEPARENT_CHARS + 1, &trace));
}
END_TEST

Suite *trace_suite(void)
{
    Suite *suite = suite_create("support/trace");
    TCase *tests = tcase_create("trace");
    tcase_add_loop_test(tests, a_header_is_read_as_the_recommendation_has_it, 0, CASES);
    tcase_add_test(tests, a_header_that_is_cut_short_is_none);
    suite_add_tcase(suite, tests);
    return suite;
}
