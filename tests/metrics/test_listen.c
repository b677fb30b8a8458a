/* --metrics-listen: which addresses it takes, and what it listens on. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "metrics/listen.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

#define LABEL "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" /* 63 bytes */
#define HOST_255 LABEL "." LABEL "." LABEL "." LABEL

START_TEST(addresses_are_read)
{
    static const struct {
        const char *text, *host, *port;
        bool brackets;
    } cases[] = {
        {"127.0.0.1:9090", "127.0.0.1", "9090", false},
        {"localhost:9090", "localhost", "9090", false},
        {"a.b-c.example:1", "a.b-c.example", "1", false},
        {":9090", "", "9090", false},
        {":0", "", "0", false},
        {"h:65535", "h", "65535", false},
        {"h:00080", "h", "00080", false},
        {"[::1]:9090", "::1", "9090", true},
        {"[::]:0", "::", "0", true},
        {"[fe80::1%lo]:80", "fe80::1%lo", "80", true},
        {HOST_255 ":80", HOST_255, "80", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct wkv_listen_address address;
        ck_assert_msg(wkv_listen_parse(cases[i].text, &address), "%s", cases[i].text);
        ck_assert_str_eq(address.host, cases[i].host);
        ck_assert_str_eq(address.port, cases[i].port);
        ck_assert_int_eq(address.brackets, cases[i].brackets);
    }
}
END_TEST

START_TEST(what_is_no_address_is_refused_with_what_would_be_one)
{
    static const char *const cases[] = {
        "",
        ":",
        "9090",
        "localhost",
        "localhost:",
        "127.0.0.1:65536",
        "127.0.0.1:99999",
        "127.0.0.1:100000",
        "127.0.0.1:999999999999999999999",
        "127.0.0.1:-1",
        "127.0.0.1:+80",
        "127.0.0.1: 80",
        "127.0.0.1:80 ",
        "127.0.0.1:80x",
        "127.0.0.1:0x50",
        "127.0.0.1:http",
        "::1:9090",
        "::1",
        "[::1]",
        "[::1]9090",
        "[::1:9090",
        "::1]:9090",
        "[]:9090",
        "[",
        "[:80",
        "]:80",
        "[]",
        "[[::1]]:80",
        "[::1]]:80",
        "[::1]x:80",
        "x[::1]:80",
        "a b:80",
        "a\tb:80",
        "a\nb:80",
        "gr\xc3\xbc\xc3\x9f:80",
        "http://127.0.0.1:80",
        "http://127.0.0.1:80/metrics",
        "127.0.0.1:80/metrics",
        "user@h:p@:80",
        HOST_255 "a:80",
        "[localhost]:80",
        "[127.0.0.1]:80",
        "[12345::1]:80",
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct wkv_error error;
        int fd = -1;
        ck_assert_msg(wkv_listen_open(cases[i], &fd, &error) == WKV_BAD_REQUEST, "%s", cases[i]);
        ck_assert_int_eq(error.code, WKV_BAD_REQUEST);
        ck_assert_msg(strstr(error.text, "--metrics-listen") != NULL, "%s: %s", cases[i], error.text);
        ck_assert_msg(strstr(error.text, "[ADDRESS]:PORT") != NULL ||
                          strstr(error.text, "[HOST]:PORT") != NULL,
                      "%s: %s", cases[i], error.text);
        ck_assert_msg(strstr(error.text, ":PORT for every address") != NULL, "%s: %s", cases[i], error.text);
        ck_assert_int_lt(fd, 0);
        ck_assert_int_eq(wkv_listen_open(cases[i], &fd, NULL), WKV_BAD_REQUEST);
    }
}
END_TEST

/* No name in DNS can have a part of 64 bytes, so nobody need be asked. */
START_TEST(a_host_that_there_is_not_is_refused)
{
    struct wkv_error error;
    int fd = -1;
    ck_assert_int_ne(wkv_listen_open("a" LABEL ":80", &fd, &error), WKV_OK);
    ck_assert_ptr_nonnull(strstr(error.text, "--metrics-listen"));
    ck_assert_ptr_nonnull(strstr(error.text, "cannot be resolved"));
    ck_assert_ptr_null(strstr(error.text, LABEL));
}
END_TEST

START_TEST(an_address_of_another_machine_is_refused)
{
    struct wkv_error error;
    int fd = -1;
    ck_assert_int_eq(wkv_listen_open("192.0.2.1:0", &fd, &error), WKV_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(error.text, "--metrics-listen"));
    ck_assert_ptr_nonnull(strstr(error.text, "192.0.2.1:0"));
    ck_assert_ptr_nonnull(strstr(error.text, strerror(EADDRNOTAVAIL)));
}
END_TEST

static bool have_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool have = fd >= 0 && bind(fd, (struct sockaddr *)&loopback, sizeof loopback) == 0;
    if (fd >= 0)
        (void)close(fd);
    if (!have)
        (void)printf("skipped: this machine has no IPv6\n");
    return have;
}

static int open_listener(const char *text)
{
    struct wkv_error error;
    int fd = -1;
    ck_assert_msg(wkv_listen_open(text, &fd, &error) == WKV_OK, "%s: %s", text, error.text);
    ck_assert_int_ge(fd, 0);
    return fd;
}

static int connect_4(unsigned short port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int result = connect(fd, (struct sockaddr *)&to, sizeof to);
    (void)close(fd);
    return result;
}

static int connect_6(unsigned short port)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 to = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int result = connect(fd, (struct sockaddr *)&to, sizeof to);
    (void)close(fd);
    return result;
}

START_TEST(port_0_is_any_free_one_and_is_told)
{
    char name[WKV_LISTEN_NAME_BYTES], expected[WKV_LISTEN_NAME_BYTES];
    int one = open_listener("127.0.0.1:0"), other = open_listener("127.0.0.1:0");
    unsigned short port = wkv_listen_name(one, name);
    ck_assert_uint_ne(port, 0);
    (void)snprintf(expected, sizeof expected, "127.0.0.1:%u", port);
    ck_assert_str_eq(name, expected);
    ck_assert_uint_ne(wkv_listen_name(other, name), port);
    ck_assert_int_eq(connect_4(port), 0);
    ck_assert_int_eq(close(one), 0);
    ck_assert_int_eq(close(other), 0);
    ck_assert_int_ne(connect_4(port), 0);
}
END_TEST

START_TEST(the_socket_is_close_on_exec_and_does_not_block)
{
    int fd = open_listener("127.0.0.1:0");
    ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(names_are_resolved)
{
    char name[WKV_LISTEN_NAME_BYTES];
    struct addrinfo *found;
    if (getaddrinfo("localhost", NULL, NULL, &found) != 0) {
        (void)printf("skipped: this machine does not know localhost\n");
        return;
    }
    freeaddrinfo(found);
    int fd = open_listener("localhost:0");
    (void)wkv_listen_name(fd, name);
    ck_assert_msg(strncmp(name, "127.", 4) == 0 || strncmp(name, "[::1]:", 6) == 0, "%s", name);
    ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(an_ipv6_address_stands_in_brackets)
{
    char name[WKV_LISTEN_NAME_BYTES], expected[WKV_LISTEN_NAME_BYTES];
    if (!have_ipv6())
        return;
    int fd = open_listener("[::1]:0");
    unsigned short port = wkv_listen_name(fd, name);
    (void)snprintf(expected, sizeof expected, "[::1]:%u", port);
    ck_assert_str_eq(name, expected);
    ck_assert_int_eq(connect_6(port), 0);
    ck_assert_int_ne(connect_4(port), 0);
    ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(without_a_host_it_is_every_address)
{
    char name[WKV_LISTEN_NAME_BYTES];
    int fd = open_listener(":0");
    unsigned short port = wkv_listen_name(fd, name);
    ck_assert_int_eq(connect_4(port), 0);
    if (have_ipv6())
        ck_assert_int_eq(connect_6(port), 0);
    ck_assert_int_eq(close(fd), 0);
}
END_TEST

/* Every address and one of them: whichever came first, the second is told. */
START_TEST(a_port_that_is_taken_is_refused)
{
    static const char *const hosts[] = {"127.0.0.1", "0.0.0.0", ""};
    for (size_t first = 0; first < COUNT_OF(hosts); first++) {
        for (size_t second = 0; second < COUNT_OF(hosts); second++) {
            char text[64], name[WKV_LISTEN_NAME_BYTES];
            struct wkv_error error;
            int taken = -1;
            (void)snprintf(text, sizeof text, "%s:0", hosts[first]);
            int fd = open_listener(text);
            unsigned short port = wkv_listen_name(fd, name);
            (void)snprintf(text, sizeof text, "%s:%u", hosts[second], port);
            ck_assert_msg(wkv_listen_open(text, &taken, &error) == WKV_UNAVAILABLE, "%s beside %s", text,
                          name);
            ck_assert_ptr_nonnull(strstr(error.text, "--metrics-listen"));
            (void)snprintf(text, sizeof text, ":%u is taken", port);
            ck_assert_msg(strstr(error.text, text) != NULL, "%s", error.text);
            ck_assert_int_eq(close(fd), 0);
        }
    }
}
END_TEST

Suite *listen_suite(void)
{
    Suite *suite = suite_create("metrics/listen");
    TCase *tests = tcase_create("listen");
    tcase_add_test(tests, addresses_are_read);
    tcase_add_test(tests, what_is_no_address_is_refused_with_what_would_be_one);
    tcase_add_test(tests, a_host_that_there_is_not_is_refused);
    tcase_add_test(tests, an_address_of_another_machine_is_refused);
    tcase_add_test(tests, port_0_is_any_free_one_and_is_told);
    tcase_add_test(tests, the_socket_is_close_on_exec_and_does_not_block);
    tcase_add_test(tests, names_are_resolved);
    tcase_add_test(tests, an_ipv6_address_stands_in_brackets);
    tcase_add_test(tests, without_a_host_it_is_every_address);
    tcase_add_test(tests, a_port_that_is_taken_is_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
