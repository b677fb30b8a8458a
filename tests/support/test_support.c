/* arena, buffer, error, log. */
#include <check.h>
#include <jansson.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/arena.h"
#include "support/buffer.h"
#include "support/clock.h"
#include "support/condition.h"
#include "support/error.h"
#include "support/log.h"

START_TEST(arena_gives_aligned_memory_that_does_not_overlap)
{
    struct wkv_arena arena;
    ck_assert(wkv_arena_init(&arena, 256, 1 << 20));
    unsigned char *blocks[200];
    for (int i = 0; i < 200; i++) {
        blocks[i] = wkv_arena_alloc(&arena, (size_t)i);
        ck_assert_ptr_nonnull(blocks[i]);
        ck_assert_uint_eq((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
        memset(blocks[i], i, (size_t)i);
    }
    for (int i = 0; i < 200; i++)
        for (int j = 0; j < i; j++)
            ck_assert_uint_eq(blocks[i][j], (unsigned char)i);
    wkv_arena_destroy(&arena);
}
END_TEST

START_TEST(arena_refuses_what_passes_its_maximum_and_serves_on)
{
    struct wkv_arena arena;
    ck_assert(wkv_arena_init(&arena, 64, 4096));
    ck_assert_ptr_null(wkv_arena_alloc(&arena, 4097));
    ck_assert_ptr_null(wkv_arena_alloc(&arena, SIZE_MAX));
    ck_assert_ptr_null(wkv_arena_alloc(&arena, SIZE_MAX - 8));
    size_t got = 0;
    while (wkv_arena_alloc(&arena, 64) != NULL)
        got += 64;
    ck_assert_uint_le(got, 4096);
    ck_assert_uint_ge(got, 2048);
    ck_assert_uint_le(arena.total_bytes, 4096);
    wkv_arena_reset(&arena);
    ck_assert_uint_eq(arena.total_bytes, 64);
    ck_assert_ptr_nonnull(wkv_arena_alloc(&arena, 2048));
    wkv_arena_destroy(&arena);
}
END_TEST

START_TEST(arena_reset_keeps_the_first_block_only)
{
    struct wkv_arena arena;
    ck_assert(wkv_arena_init(&arena, 128, 1 << 20));
    void *first = wkv_arena_alloc(&arena, 16);
    ck_assert_ptr_nonnull(wkv_arena_alloc(&arena, 100000));
    wkv_arena_reset(&arena);
    ck_assert_ptr_eq(wkv_arena_alloc(&arena, 16), first);
    ck_assert_uint_eq(arena.total_bytes, 128);
    wkv_arena_destroy(&arena);
}
END_TEST

START_TEST(buffer_grows_and_keeps_its_bytes)
{
    struct wkv_buffer buffer;
    wkv_buffer_init(&buffer);
    for (int i = 0; i < 10000; i++) {
        char byte = (char)i;
        ck_assert(wkv_buffer_append(&buffer, &byte, 1));
    }
    ck_assert_uint_eq(buffer.len, 10000);
    for (int i = 0; i < 10000; i++)
        ck_assert_int_eq(buffer.data[i], (char)i);
    ck_assert(wkv_buffer_append(&buffer, NULL, 0));
    wkv_buffer_reset(&buffer, SIZE_MAX);
    ck_assert_uint_ge(buffer.capacity, 10000);
    wkv_buffer_reset(&buffer, 100);
    ck_assert_uint_eq(buffer.capacity, 0);
    wkv_buffer_destroy(&buffer);
}
END_TEST

START_TEST(buffer_remembers_a_growth_that_failed)
{
    struct wkv_buffer buffer;
    wkv_buffer_init(&buffer);
    ck_assert(wkv_buffer_append(&buffer, "a", 1));
    ck_assert(!wkv_buffer_reserve(&buffer, SIZE_MAX));
    ck_assert(buffer.failed);
    ck_assert(!wkv_buffer_append(&buffer, "b", 1));
    ck_assert_uint_eq(buffer.len, 1);
    wkv_buffer_reset(&buffer, SIZE_MAX);
    ck_assert(wkv_buffer_append(&buffer, "b", 1));
    wkv_buffer_destroy(&buffer);
}
END_TEST

START_TEST(error_text_is_one_line_of_printable_ascii)
{
    struct wkv_error error;
    ck_assert_int_eq(wkv_fail(&error, WKV_TOO_LARGE, "a%sb", "\r\nNats-Evil: 1\t\x7f\xc3\xa9"),
                     WKV_TOO_LARGE);
    ck_assert_int_eq(error.code, WKV_TOO_LARGE);
    ck_assert_str_eq(error.text, "a\\x0d\\x0aNats-Evil: 1\\x09\\x7f\\xc3\\xa9b");
    char longer[2 * WKV_ERROR_TEXT_BYTES];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    (void)wkv_fail(&error, WKV_BAD_REQUEST, "%s", longer);
    ck_assert_uint_eq(strlen(error.text), WKV_ERROR_TEXT_BYTES - 1);
    /* It is cut between characters, and what is shown is not shown again. */
    memset(longer + 1, '\n', sizeof longer - 2);
    (void)wkv_fail(&error, WKV_BAD_REQUEST, "%s", longer);
    ck_assert_uint_eq(strlen(error.text), 1 + (WKV_ERROR_TEXT_BYTES - 2) / 4 * 4);
    ck_assert_str_eq(error.text + strlen(error.text) - 4, "\\x0a");
    struct wkv_error outer;
    (void)wkv_fail(&outer, WKV_BAD_REQUEST, "%.20s", error.text);
    ck_assert_str_eq(outer.text, "x\\x0a\\x0a\\x0a\\x0a\\x0");
    ck_assert_int_eq(wkv_fail(NULL, WKV_BAD_REQUEST, "nobody reads it"), WKV_BAD_REQUEST);
    wkv_error_clear(&error);
    ck_assert_int_eq(error.code, WKV_OK);
    ck_assert_str_eq(error.text, "");
}
END_TEST

START_TEST(a_failed_malloc_is_503_on_the_wire_and_no_spent_budget)
{
    static const enum wkv_code same[] = {WKV_OK,          WKV_BAD_REQUEST,  WKV_TOO_LARGE,
                                         WKV_UNAVAILABLE, WKV_UNKNOWN_FATE, WKV_BUDGET_SPENT};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        ck_assert_int_eq(wkv_code_on_wire(same[i]), same[i]);
        ck_assert_int_eq(wkv_code_may_pass(same[i]), same[i] == WKV_UNAVAILABLE);
    }
    ck_assert_int_eq(wkv_code_on_wire(WKV_NO_MEMORY), 503);
    ck_assert(wkv_code_may_pass(WKV_NO_MEMORY));
}
END_TEST

/* Logs one line to a pipe and gives it back. */
static const char *logged(enum wkv_log_level at, enum wkv_log_format format, enum wkv_log_level level,
                          const char *text)
{
    static char line[2 * WKV_LOG_LINE_BYTES];
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    struct wkv_log log;
    wkv_log_init(&log, fds[1], at, format);
    wkv_log_write(&log, level, "%s", text);
    ck_assert_int_eq(close(fds[1]), 0);
    ssize_t len = read(fds[0], line, sizeof line - 1);
    ck_assert_int_ge(len, 0);
    line[len] = '\0';
    ck_assert_int_eq(close(fds[0]), 0);
    return line;
}

START_TEST(log_lines_are_one_line_an_event)
{
    const char *line = logged(WKV_LOG_INFO, WKV_LOG_TEXT, WKV_LOG_WARN, "a\nb\x1b[31m");
    ck_assert_ptr_nonnull(strstr(line, "Z warn  a\\x0ab\\x1b[31m\n"));
    ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
    ck_assert_str_eq(logged(WKV_LOG_WARN, WKV_LOG_TEXT, WKV_LOG_INFO, "below the level"), "");
}
END_TEST

START_TEST(log_lines_in_json_parse_whatever_stands_in_them)
{
    char longest[3 * WKV_LOG_LINE_BYTES];
    memset(longest, '"', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    const char *messages[] = {"plain", "quote \" backslash \\ newline \n", "\\", longest};
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        const char *line = logged(WKV_LOG_DEBUG, WKV_LOG_JSON, WKV_LOG_ERROR, messages[i]);
        ck_assert_uint_le(strlen(line), WKV_LOG_LINE_BYTES);
        json_t *parsed = json_loads(line, 0, NULL);
        ck_assert_msg(parsed != NULL, "not JSON: %s", line);
        ck_assert_str_eq(json_string_value(json_object_get(parsed, "level")), "error");
        ck_assert_ptr_nonnull(json_object_get(parsed, "time"));
        ck_assert_ptr_nonnull(json_object_get(parsed, "message"));
        json_decref(parsed);
    }
}
END_TEST

START_TEST(log_words_are_read_exactly)
{
    enum wkv_log_level level;
    enum wkv_log_format format;
    ck_assert(wkv_log_level_parse("debug", &level) && level == WKV_LOG_DEBUG);
    ck_assert(wkv_log_format_parse("json", &format) && format == WKV_LOG_JSON);
    ck_assert(!wkv_log_level_parse("Debug", &level));
    ck_assert(!wkv_log_level_parse("", &level));
    ck_assert(!wkv_log_format_parse("xml", &format));
}
END_TEST

START_TEST(the_monotonic_clock_does_not_go_back)
{
    int64_t before = wkv_monotonic_ns();
    for (int i = 0; i < 1000; i++) {
        int64_t now = wkv_monotonic_ns();
        ck_assert_int_ge(now, before);
        before = now;
    }
    ck_assert_int_gt(wkv_wall_ns(), (int64_t)1700000000 * WKV_NS_PER_S);
}
END_TEST

START_TEST(what_is_left_of_a_time_is_whole_milliseconds_and_fits_poll)
{
    int64_t now_ns = wkv_monotonic_ns();
    ck_assert_int_eq(wkv_left_ms(now_ns), 0);
    ck_assert_int_eq(wkv_left_ms(INT64_MIN / 2), 0);
    ck_assert_int_eq(wkv_left_ms(INT64_MAX / 2), INT_MAX);
    int left_ms = wkv_left_ms(now_ns + 3600 * WKV_NS_PER_S);
    ck_assert_int_le(left_ms, 3600 * 1000);
    ck_assert_int_gt(left_ms, 3000 * 1000);
}
END_TEST

START_TEST(a_condition_is_waited_for_until_the_time_is_over)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t condition;
    wkv_condition_init(&condition);
    int64_t until_ns = wkv_monotonic_ns() + 20 * WKV_NS_PER_MS;
    (void)pthread_mutex_lock(&lock);
    while (wkv_condition_wait(&condition, &lock, until_ns)) {
    }
    (void)pthread_mutex_unlock(&lock);
    ck_assert_int_ge(wkv_monotonic_ns(), until_ns);
    (void)pthread_cond_destroy(&condition);
}
END_TEST

Suite *support_suite(void)
{
    Suite *suite = suite_create("support");
    TCase *tests = tcase_create("support");
    tcase_add_test(tests, arena_gives_aligned_memory_that_does_not_overlap);
    tcase_add_test(tests, arena_refuses_what_passes_its_maximum_and_serves_on);
    tcase_add_test(tests, arena_reset_keeps_the_first_block_only);
    tcase_add_test(tests, buffer_grows_and_keeps_its_bytes);
    tcase_add_test(tests, buffer_remembers_a_growth_that_failed);
    tcase_add_test(tests, error_text_is_one_line_of_printable_ascii);
    tcase_add_test(tests, a_failed_malloc_is_503_on_the_wire_and_no_spent_budget);
    tcase_add_test(tests, log_lines_are_one_line_an_event);
    tcase_add_test(tests, log_lines_in_json_parse_whatever_stands_in_them);
    tcase_add_test(tests, log_words_are_read_exactly);
    tcase_add_test(tests, the_monotonic_clock_does_not_go_back);
    tcase_add_test(tests, what_is_left_of_a_time_is_whole_milliseconds_and_fits_poll);
    tcase_add_test(tests, a_condition_is_waited_for_until_the_time_is_over);
    suite_add_tcase(suite, tests);
    return suite;
}
