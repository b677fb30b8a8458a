/* The watchdog: what was promised for stopping holds, whatever the rest waits for. */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "server/watchdog.h"
#include "support/clock.h"

/* Longer than any test: without a watchdog the test is killed. */
static void wait_for_ever(void)
{
    for (;;)
        (void)poll(NULL, 0, -1);
}

/* Standard error is a pipe that is full: who writes a word there waits for ever. */
static void fill_standard_error(void)
{
    static const char block[4096];
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
    struct pollfd room = {.fd = fds[1], .events = POLLOUT};
    while (poll(&room, 1, 0) == 1)
        ck_assert_int_gt(write(fds[1], block, sizeof block), 0);
}

START_TEST(an_exit_that_is_cut_short_fails_without_a_word)
{
    int stop_fd = eventfd(1, EFD_CLOEXEC);
    fill_standard_error();
    static struct wkv_watchdog watchdog;
    ck_assert(wkv_watchdog_start(&watchdog, stop_fd, 50));
    wait_for_ever();
}
END_TEST

/* The thread is within malloc nearly all the time. */
START_TEST(an_exit_is_cut_short_whatever_locks_are_held)
{
    static struct wkv_watchdog watchdog;
    void *volatile block = NULL;
    fill_standard_error();
    ck_assert(wkv_watchdog_start(&watchdog, eventfd(1, EFD_CLOEXEC), 50));
    for (size_t i = 0;; i++) {
        free(block);
        block = malloc(i % 65536);
    }
}
END_TEST

START_TEST(who_asks_for_no_drain_has_none_cut_short)
{
    static struct wkv_watchdog watchdog;
    ck_assert(wkv_watchdog_start(&watchdog, eventfd(1, EFD_CLOEXEC), 0));
    wait_for_ever();
}
END_TEST

/* Nor does it do anything to what the thread waits for meanwhile, or take somebody's signal for its own. */
START_TEST(one_that_is_not_told_to_stop_does_nothing)
{
    struct wkv_watchdog watchdog;
    ck_assert(wkv_watchdog_start(&watchdog, eventfd(0, EFD_CLOEXEC), 1));
    ck_assert_int_eq(raise(SIGALRM), 0);
    errno = ENOTTY;
    for (int64_t end_ns = wkv_monotonic_ns() + 300 * WKV_NS_PER_MS; wkv_monotonic_ns() < end_ns;)
        ck_assert_int_eq(errno, ENOTTY);
    wkv_watchdog_end(&watchdog);
    wkv_watchdog_end(&(struct wkv_watchdog){.running = 0});
}
END_TEST

START_TEST(one_that_is_ended_in_time_does_nothing)
{
    int stop_fd = eventfd(0, EFD_CLOEXEC);
    struct wkv_watchdog watchdog;
    ck_assert(wkv_watchdog_start(&watchdog, stop_fd, 60000));
    if (_i == 1)
        ck_assert_int_eq(eventfd_write(stop_fd, 1), 0);
    wkv_watchdog_end(&watchdog);
    ck_assert_int_eq(close(stop_fd), 0);
}
END_TEST

Suite *watchdog_suite(void)
{
    Suite *suite = suite_create("server/watchdog");
    TCase *tests = tcase_create("watchdog");
    tcase_add_exit_test(tests, an_exit_that_is_cut_short_fails_without_a_word, 1);
    tcase_add_exit_test(tests, an_exit_is_cut_short_whatever_locks_are_held, 1);
    tcase_add_exit_test(tests, who_asks_for_no_drain_has_none_cut_short, 0);
    tcase_add_test(tests, one_that_is_not_told_to_stop_does_nothing);
    tcase_add_loop_test(tests, one_that_is_ended_in_time_does_nothing, 0, 2);
    suite_add_tcase(suite, tests);
    return suite;
}
