/* What the service manager is told, read from a socket as a manager has it. */
#include <check.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "wascc_keyvalue/clock.h"
#include "wascc_keyvalue/notify.h"

#ifdef WKV_SYSTEMD

static int manager = -1;
static char folder[64];
static struct sockaddr_un address;

/* `name` is the address as the variable has it, `len` is that of its sun_path. */
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

#endif

Suite *notify_suite(void)
{
    Suite *suite = suite_create("support/notify");
    TCase *tests = tcase_create("a manager's socket");
#ifdef WKV_SYSTEMD
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
#else
    printf("skip notify: built without libsystemd\n");
#endif
    suite_add_tcase(suite, tests);
    return suite;
}
