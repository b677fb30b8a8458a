/* The log once it is started: whoever reads it, slowly, late or not at all, holds nobody up. */
#include <check.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/clock.h"
#include "support/log.h"
#include "support/log_writer.h"

/* As small as a pipe can be, so that a reader who does not read is felt at once. */
#define PIPE_BYTES 4096
#define STOP_MS 20000

static struct wkv_log started;
static int reader;
static int writer;

static void open_log(enum wkv_log_format format)
{
    int fds[2];
    ck_assert(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
    ck_assert_int_ge(fcntl(fds[1], F_SETPIPE_SZ, PIPE_BYTES), 0);
    reader = fds[0];
    writer = fds[1];
    wkv_log_init(&started, writer, WKV_LOG_DEBUG, format);
    ck_assert(wkv_log_start(&started));
}

/* All that is written until the writing end is closed. */
struct read_all {
    pthread_t thread;
    char *text;
    size_t len;
};

static void *read_to_end(void *argument)
{
    struct read_all *all = argument;
    size_t room = 0;
    for (;;) {
        if (room - all->len < PIPE_BYTES + 1) {
            room = room * 2 + 2 * (size_t)PIPE_BYTES;
            all->text = realloc(all->text, room);
        }
        ssize_t got = read(reader, all->text + all->len, PIPE_BYTES);
        if (got <= 0)
            break;
        all->len += (size_t)got;
    }
    all->text[all->len] = '\0';
    return NULL;
}

static void begin_to_read(struct read_all *all)
{
    *all = (struct read_all){.text = NULL};
    ck_assert_int_eq(pthread_create(&all->thread, NULL, read_to_end, all), 0);
}

/* Ends the log and gives all that was read. The caller frees its text. */
static void end_log(struct read_all *all)
{
    wkv_log_stop(&started, STOP_MS);
    ck_assert_int_eq(close(writer), 0);
    ck_assert_int_eq(pthread_join(all->thread, NULL), 0);
    ck_assert_int_eq(close(reader), 0);
}

/* ---- order and wholeness ---- */

#define THREADS 4
#define LINES 2000

static void *log_lines(void *argument)
{
    int thread = *(const int *)argument;
    for (int i = 0; i < LINES; i++)
        wkv_log_error(&started, "thread %d line %d, and some more", thread, i);
    return NULL;
}

START_TEST(lines_of_several_threads_are_whole_and_in_order)
{
    struct read_all all;
    pthread_t threads[THREADS];
    int numbers[THREADS], next[THREADS] = {0};
    uint64_t seen = 0, told = 0;
    open_log(WKV_LOG_TEXT);
    begin_to_read(&all);
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, log_lines, &numbers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    uint64_t dropped = wkv_log_dropped(&started);
    end_log(&all);
    char *rest = NULL;
    for (char *line = strtok_r(all.text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        int thread, number;
        unsigned long count;
        if (sscanf(line, "%*s warn %lu log lines were dropped", &count) == 1) {
            told += count;
            continue;
        }
        ck_assert_msg(sscanf(line, "%*s error thread %d line %d,", &thread, &number) == 2 &&
                          strstr(line, ", and some more") != NULL,
                      "not a line: %s", line);
        ck_assert_int_ge(number, next[thread]);
        next[thread] = number + 1;
        seen++;
    }
    ck_assert_uint_eq(seen + dropped, (uint64_t)THREADS * LINES);
    ck_assert_uint_le(told, dropped);
    free(all.text);
}
END_TEST

START_TEST(what_is_queued_is_written_at_the_end)
{
    struct read_all all;
    open_log(WKV_LOG_TEXT);
    for (int i = 0; i < 100; i++)
        wkv_log_info(&started, "line %d", i);
    begin_to_read(&all);
    end_log(&all);
    ck_assert_ptr_nonnull(strstr(all.text, "line 0\n"));
    ck_assert_ptr_nonnull(strstr(all.text, "line 99\n"));
    free(all.text);
}
END_TEST

START_TEST(who_flushes_waits_for_the_reader_and_not_for_ever)
{
    struct read_all all;
    open_log(WKV_LOG_TEXT);
    for (int i = 0; i < 1000; i++)
        wkv_log_info(&started, "line %d", i);
    int64_t begin_ns = wkv_monotonic_ns();
    wkv_log_flush(&started, 50);
    ck_assert_int_ge(wkv_monotonic_ns() - begin_ns, 50 * WKV_NS_PER_MS);
    begin_to_read(&all);
    wkv_log_flush(&started, STOP_MS);
    ck_assert_int_lt(wkv_monotonic_ns() - begin_ns, STOP_MS * WKV_NS_PER_MS);
    end_log(&all);
    ck_assert_ptr_nonnull(strstr(all.text, "line 999\n"));
    free(all.text);
}
END_TEST

/* ---- a reader who does not read ---- */

/* More than the queue and the pipe hold. */
#define TOO_MANY 20000

static void log_too_much(void)
{
    for (int i = 0; i < TOO_MANY; i++)
        wkv_log_debug(&started, "line %d", i);
}

START_TEST(who_logs_does_not_wait_for_the_reader)
{
    open_log(WKV_LOG_TEXT);
    log_too_much();
    ck_assert_uint_gt(wkv_log_dropped(&started), 0);
    ck_assert_uint_lt(wkv_log_dropped(&started), TOO_MANY);
}
END_TEST

/* The count comes where the lines are missing, without any further line; all are accounted for. */
START_TEST(what_was_dropped_is_told_when_there_is_room_again)
{
    struct read_all all;
    uint64_t seen = 0, told = 0;
    open_log(_i == 0 ? WKV_LOG_TEXT : WKV_LOG_JSON);
    log_too_much();
    uint64_t dropped = wkv_log_dropped(&started);
    begin_to_read(&all);
    end_log(&all);
    char *rest = NULL;
    for (char *line = strtok_r(all.text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        if (strstr(line, "lines were dropped") == NULL) {
            ck_assert_uint_eq(told, 0);
            seen++;
        } else if (_i == 0) {
            unsigned long count;
            ck_assert_int_eq(sscanf(line, "%*s warn %lu log lines were dropped", &count), 1);
            told += count;
        } else {
            json_t *parsed = json_loads(line, 0, NULL);
            ck_assert_ptr_nonnull(parsed);
            told += (uint64_t)json_integer_value(json_object_get(parsed, "dropped"));
            ck_assert_int_eq(json_integer_value(json_object_get(parsed, "dropped_total")), (json_int_t)told);
            json_decref(parsed);
        }
    }
    ck_assert_uint_eq(told, dropped);
    ck_assert_uint_eq(seen + told, TOO_MANY);
    free(all.text);
}
END_TEST

#define ERRORS 100

START_TEST(errors_have_room_that_others_have_not)
{
    struct read_all all;
    open_log(WKV_LOG_TEXT);
    log_too_much();
    uint64_t dropped = wkv_log_dropped(&started);
    for (int i = 0; i < ERRORS; i++)
        wkv_log_error(&started, "error %d", i);
    ck_assert_uint_eq(wkv_log_dropped(&started), dropped);
    begin_to_read(&all);
    end_log(&all);
    for (int i = 0; i < ERRORS; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, " error error %d\n", i);
        ck_assert_ptr_nonnull(strstr(all.text, text));
    }
    free(all.text);
}
END_TEST

START_TEST(the_end_does_not_wait_for_the_reader)
{
    open_log(WKV_LOG_TEXT);
    log_too_much();
    int64_t begin_ns = wkv_monotonic_ns();
    wkv_log_stop(&started, 100);
    ck_assert_int_ge(wkv_monotonic_ns() - begin_ns, 100 * WKV_NS_PER_MS);
    ck_assert_int_lt(wkv_monotonic_ns() - begin_ns, 10 * WKV_NS_PER_S);
    wkv_log_info(&started, "after the end: goes nowhere, and waits for nobody");
}
END_TEST

/* ---- a reader who is gone, and a descriptor that others have changed ---- */

static void await_dropped(uint64_t count)
{
    int64_t deadline_ns = wkv_monotonic_ns() + 30 * WKV_NS_PER_S;
    while (wkv_log_dropped(&started) < count) {
        ck_assert_int_lt(wkv_monotonic_ns(), deadline_ns);
        (void)poll(NULL, 0, 1);
    }
}

START_TEST(a_pipe_without_a_reader_costs_its_lines_only)
{
    open_log(WKV_LOG_TEXT);
    ck_assert_int_eq(close(reader), 0);
    for (uint64_t i = 1; i <= 100; i++) {
        uint64_t before = wkv_log_dropped(&started);
        wkv_log_info(&started, "line");
        await_dropped(before + 1);
    }
    wkv_log_stop(&started, STOP_MS);
    ck_assert_int_eq(close(writer), 0);
}
END_TEST

START_TEST(a_descriptor_that_others_made_non_blocking_loses_nothing)
{
    struct read_all all;
    open_log(WKV_LOG_TEXT);
    ck_assert_int_eq(fcntl(writer, F_SETFL, O_NONBLOCK), 0);
    for (int i = 0; i < 1000; i++)
        wkv_log_info(&started, "line %d of many", i);
    ck_assert_uint_eq(wkv_log_dropped(&started), 0);
    begin_to_read(&all);
    end_log(&all);
    for (int i = 0; i < 1000; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, " line %d of many\n", i);
        ck_assert_ptr_nonnull(strstr(all.text, text));
    }
    free(all.text);
}
END_TEST

START_TEST(the_descriptor_stays_as_it_was)
{
    open_log(WKV_LOG_TEXT);
    int before = fcntl(writer, F_GETFL);
    log_too_much();
    ck_assert_int_eq(fcntl(writer, F_GETFL), before);
    ck_assert_int_eq(before & O_NONBLOCK, 0);
}
END_TEST

Suite *log_suite(void)
{
    Suite *suite = suite_create("support/log");
    TCase *tests = tcase_create("log");
    tcase_add_test(tests, lines_of_several_threads_are_whole_and_in_order);
    tcase_add_test(tests, what_is_queued_is_written_at_the_end);
    tcase_add_test(tests, who_flushes_waits_for_the_reader_and_not_for_ever);
    tcase_add_test(tests, who_logs_does_not_wait_for_the_reader);
    tcase_add_loop_test(tests, what_was_dropped_is_told_when_there_is_room_again, 0, 2);
    tcase_add_test(tests, errors_have_room_that_others_have_not);
    tcase_add_test(tests, the_end_does_not_wait_for_the_reader);
    tcase_add_test(tests, a_pipe_without_a_reader_costs_its_lines_only);
    tcase_add_test(tests, a_descriptor_that_others_made_non_blocking_loses_nothing);
    tcase_add_test(tests, the_descriptor_stays_as_it_was);
    suite_add_tcase(suite, tests);
    return suite;
}
