/* What the service manager is told, read from a socket like the manager's. */
#include <check.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/clock.h"
#include "support/notify.h"

static int manager = -1;
static char folder[64];
static struct sockaddr_un address;

/* `name` is the address in the variable, `len` is that of its sun_path. */
static void listen_as(const char *name, size_t len)
{
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(manager, 0);
    ck_assert_int_eq(bind(manager, (const struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", name, 1), 0);
}

static void set_up(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/wkv-notify-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    address = (struct sockaddr_un){.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", folder);
    listen_as(address.sun_path, strlen(address.sun_path) + 1);
}

static void tear_down(void)
{
    (void)close(manager);
    (void)unlink(address.sun_path);
    (void)rmdir(folder);
}

/* Nothing is waited for: a datagram is there as soon as it has been sent. */
static bool receive(char *text, size_t size)
{
    ssize_t got = recv(manager, text, size - 1, MSG_DONTWAIT);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

static void assert_received(const char *expected)
{
    char text[512], more[512];
    ck_assert_msg(receive(text, sizeof text), "nothing came, expected %s", expected);
    ck_assert_str_eq(text, expected);
    ck_assert_msg(!receive(more, sizeof more), "one more came: %s", more);
}

START_TEST(ready_is_told)
{
    wkv_notify_ready();
    assert_received("READY=1");
}
END_TEST

START_TEST(stopping_is_told)
{
    wkv_notify_stopping();
    assert_received("STOPPING=1");
}
END_TEST

START_TEST(reloading_is_told_with_the_time)
{
    char text[512];
    int64_t before = wkv_monotonic_ns() / 1000, told;
    wkv_notify_reloading();
    int64_t after = wkv_monotonic_ns() / 1000;
    ck_assert(receive(text, sizeof text));
    ck_assert_int_eq(sscanf(text, "RELOADING=1\nMONOTONIC_USEC=%" SCNd64, &told), 1);
    ck_assert_int_ge(told, before);
    ck_assert_int_le(told, after);
}
END_TEST

START_TEST(status_is_told)
{
    wkv_notify_status("waiting for a NATS server: 100% of them are away");
    assert_received("STATUS=waiting for a NATS server: 100% of them are away");
}
END_TEST

START_TEST(status_is_one_line_and_no_message_of_its_own)
{
    wkv_notify_status("first\nREADY=1");
    assert_received("STATUS=first");
}
END_TEST

START_TEST(status_is_cut)
{
    char text[1000], expected[300];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)snprintf(expected, sizeof expected, "STATUS=%.200s", text);
    wkv_notify_status(text);
    assert_received(expected);
}
END_TEST

START_TEST(an_abstract_socket_does_as_well)
{
    char name[sizeof address.sun_path + 1];
    /* The other one's file goes first: the fixture would look for it under the new name. */
    tear_down();
    /* Its name begins with a NUL, for which the variable has an @. */
    (void)snprintf(name, sizeof name, "@wkv-notify-%ld", (long)getpid());
    address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address.sun_path + 1, name + 1, strlen(name + 1));
    listen_as(name, strlen(name));
    wkv_notify_ready();
    assert_received("READY=1");
}
END_TEST

START_TEST(without_a_manager_nothing_is_told_and_nothing_fails)
{
    char text[512];
    ck_assert_int_eq(unsetenv("NOTIFY_SOCKET"), 0);
    wkv_notify_ready();
    wkv_notify_status("text");
    ck_assert(!receive(text, sizeof text));
}
END_TEST

START_TEST(a_manager_that_has_gone_is_no_failure)
{
    (void)close(manager);
    manager = -1;
    wkv_notify_ready();
    wkv_notify_reloading();
    wkv_notify_stopping();
    wkv_notify_status("text");
}
END_TEST

#define LAST_BYTES 64

/* As many messages as the manager's queue takes. */
static void fill_queue(void)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_ge(fd, 0);
    while (sendto(fd, "x", 1, 0, (const struct sockaddr *)&address, sizeof address) == 1) {
    }
    ck_assert_int_eq(close(fd), 0);
}

START_TEST(a_manager_that_does_not_read_holds_nobody_up)
{
    fill_queue();
    int64_t begin_ns = wkv_monotonic_ns();
    for (int i = 0; i < 1000; i++) {
        wkv_notify_status("text");
        wkv_notify_stopping();
    }
    ck_assert_int_lt(wkv_monotonic_ns() - begin_ns, 5 * WKV_NS_PER_S);
    wkv_notify_ready();
    wkv_notify_reloading();
    ck_assert_int_lt(wkv_monotonic_ns() - begin_ns, 10 * WKV_NS_PER_S);
}
END_TEST

/* Reads one message after a moment, and then until the last one has come. */
static void *read_late(void *last)
{
    (void)poll(NULL, 0, 100);
    do {
        ssize_t got = recv(manager, last, LAST_BYTES - 1, 0);
        ((char *)last)[got > 0 ? got : 0] = '\0';
    } while (strcmp(last, "x") == 0);
    return NULL;
}

/* What the manager waits for is not lost where it is late. */
START_TEST(a_manager_that_reads_late_hears_that_it_is_ready)
{
    pthread_t thread;
    char last[LAST_BYTES];
    fill_queue();
    ck_assert_int_eq(pthread_create(&thread, NULL, read_late, last), 0);
    wkv_notify_ready();
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_str_eq(last, "READY=1");
}
END_TEST

START_TEST(an_address_that_is_none_is_passed_by)
{
    static const char *const names[] = {"", "@", "relative", "vsock:2:1234"};
    char longest[2 * sizeof address.sun_path];
    memset(longest, '/', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ck_assert_int_eq(setenv("NOTIFY_SOCKET", names[i], 1), 0);
        wkv_notify_ready();
    }
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", longest, 1), 0);
    wkv_notify_ready();
}
END_TEST

Suite *notify_suite(void)
{
    Suite *suite = suite_create("support/notify");
    TCase *tests = tcase_create("a manager's socket");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, ready_is_told);
    tcase_add_test(tests, stopping_is_told);
    tcase_add_test(tests, reloading_is_told_with_the_time);
    tcase_add_test(tests, status_is_told);
    tcase_add_test(tests, status_is_one_line_and_no_message_of_its_own);
    tcase_add_test(tests, status_is_cut);
    tcase_add_test(tests, an_abstract_socket_does_as_well);
    tcase_add_test(tests, without_a_manager_nothing_is_told_and_nothing_fails);
    tcase_add_test(tests, a_manager_that_has_gone_is_no_failure);
    tcase_add_test(tests, a_manager_that_does_not_read_holds_nobody_up);
    tcase_add_test(tests, a_manager_that_reads_late_hears_that_it_is_ready);
    tcase_add_test(tests, an_address_that_is_none_is_passed_by);
    suite_add_tcase(suite, tests);
    return suite;
}
