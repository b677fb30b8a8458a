/* The order of servers, and what they tell of each other; and which of them speaks. */
#include "nats/server_pool.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "nats/greeting.h"

static struct wkv_servers *named;
static struct wkv_pool *pool;

static void make(const char *urls)
{
    struct wkv_error error;
    ck_assert_int_eq(wkv_servers_parse("--server", urls, &named, &error), WKV_OK);
    pool = wkv_pool_create(named);
    ck_assert_ptr_nonnull(pool);
}

static void stop(void)
{
    wkv_pool_destroy(pool);
    wkv_servers_destroy(named);
    pool = NULL;
    named = NULL;
}

/* The server as its URL would say it. */
static const char *text_of(const struct wkv_pool_server *server)
{
    static char text[WKV_SERVER_URL_BYTES];
    char plain[WKV_SERVER_URL_BYTES];
    struct wkv_server_url url = wkv_pool_url(server);
    wkv_server_url_text(&url, plain);
    if (url.user == NULL)
        (void)snprintf(text, sizeof text, "%s", plain);
    else
        (void)snprintf(text, sizeof text, "%s://%s:%s@%s", url.tls ? "tls" : "nats", url.user, url.password,
                       strstr(plain, "://") + 3);
    return text;
}

/* Checks the servers, in order, with blanks between. */
static void holds(const char *wanted)
{
    struct wkv_pool_server *list;
    char text[1024] = "";
    size_t count = wkv_pool_list(pool, &list);
    for (size_t i = 0; i < count; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i == 0 ? "" : " ",
                       text_of(&list[i]));
    free(list);
    ck_assert_str_eq(text, wanted);
}

static struct wkv_pool_server server_of(const char *url)
{
    struct wkv_pool_server *list, found = {.host = "unknown", .port = 1, .named = named->items};
    size_t count = wkv_pool_list(pool, &list);
    for (size_t i = 0; i < count; i++)
        if (strcmp(text_of(&list[i]), url) == 0)
            found = list[i];
    free(list);
    return found;
}

static void works(const char *url)
{
    struct wkv_pool_server server = server_of(url);
    wkv_pool_worked(pool, &server);
}

static void fails(const char *url)
{
    struct wkv_pool_server server = server_of(url);
    wkv_pool_failed(pool, &server);
}

static void tells(const char *url, char *const *urls, int count)
{
    struct wkv_pool_server server = server_of(url);
    wkv_pool_discovered(pool, &server, urls, count);
}

START_TEST(what_worked_is_first_and_what_failed_is_last)
{
    make("nats://a:1, nats://b:2,nats://c:3");
    holds("nats://a:1 nats://b:2 nats://c:3");
    fails("nats://a:1");
    holds("nats://b:2 nats://c:3 nats://a:1");
    works("nats://a:1");
    holds("nats://a:1 nats://b:2 nats://c:3");
    fails("nats://unknown:1");
    works("nats://c:3");
    holds("nats://c:3 nats://a:1 nats://b:2");
}
END_TEST

START_TEST(servers_that_are_told_of_are_spoken_to_as_who_told)
{
    char *first[] = {"nats://10.0.0.2:4222", "nats://A:4222", "nats://[::1]:4", "nats://no host:1"};
    char *second[] = {"nats://10.0.0.3:4222"};
    struct wkv_pool_server *list;
    make("tls://user:pass@a");
    tells("tls://user:pass@a:4222", first, 4);
    holds("tls://user:pass@a:4222 tls://user:pass@10.0.0.2:4222 tls://user:pass@[::1]:4");
    size_t count = wkv_pool_list(pool, &list);
    ck_assert_uint_eq(count, 3);
    ck_assert_str_eq(list[0].tls_name, "");
    ck_assert_str_eq(list[1].tls_name, "a");
    free(list);
    /* They are forgotten when nobody tells of them any more; what was named stays. */
    tells("tls://user:pass@a:4222", second, 1);
    holds("tls://user:pass@a:4222 tls://user:pass@10.0.0.3:4222");
    /* But not the one that tells. */
    tells("tls://user:pass@10.0.0.3:4222", first, 1);
    holds("tls://user:pass@a:4222 tls://user:pass@10.0.0.3:4222 tls://user:pass@10.0.0.2:4222");
}
END_TEST

/* A server may tell of any number. */
START_TEST(no_more_are_remembered_than_there_is_room_for)
{
    static char texts[2 * WKV_POOL_MAX][32];
    char *urls[2 * WKV_POOL_MAX];
    struct wkv_pool_server *list;
    for (int i = 0; i < 2 * WKV_POOL_MAX; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "nats://told:%d", i + 1);
        urls[i] = texts[i];
    }
    make("nats://named:1");
    tells("nats://named:1", urls, 2 * WKV_POOL_MAX);
    size_t count = wkv_pool_list(pool, &list);
    ck_assert_uint_eq(count, WKV_POOL_MAX);
    ck_assert_str_eq(text_of(&list[0]), "nats://named:1");
    free(list);
}
END_TEST

static const struct {
    const char *url, *host;
    uint16_t port;
    bool tls, address;
} urls[] = {
    {"nats://host:1", "host", 1, false, false},
    {"host", "host", 4222, false, false},
    {"tls://u:p@127.0.0.1:5/", "127.0.0.1", 5, true, true},
    {"nats://[::1]:6", "::1", 6, false, true},
    {"[fe80::1]", "fe80::1", 4222, false, true},
    {"::1", "::1", 4222, false, true},
    {"token@10.1.2.3", "10.1.2.3", 4222, false, true},
};

START_TEST(names_are_told_from_addresses)
{
    struct wkv_pool_server *list;
    make(urls[_i].url);
    ck_assert_uint_eq(wkv_pool_list(pool, &list), 1);
    ck_assert_str_eq(list[0].host, urls[_i].host);
    ck_assert_uint_eq(list[0].port, urls[_i].port);
    ck_assert_int_eq(wkv_pool_url(&list[0]).tls, urls[_i].tls);
    ck_assert_int_eq(wkv_pool_is_address(&list[0]), urls[_i].address);
    free(list);
}
END_TEST

/* ---- greetings ---- */

#define LISTENERS 3
#define PATIENCE_MS 20000

static int listeners[LISTENERS], cancel;
static struct wkv_pool_server servers[LISTENERS];
static const struct wkv_server_url plain;

static void open_listeners(void)
{
    for (int i = 0; i < LISTENERS; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof address;
        listeners[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(bind(listeners[i], (struct sockaddr *)&address, sizeof address), 0);
        ck_assert_int_eq(listen(listeners[i], 8), 0);
        ck_assert_int_eq(getsockname(listeners[i], (struct sockaddr *)&address, &len), 0);
        servers[i] =
            (struct wkv_pool_server){.host = "127.0.0.1", .port = ntohs(address.sin_port), .named = &plain};
    }
    cancel = eventfd(0, EFD_CLOEXEC);
}

static void close_listeners(void)
{
    for (int i = 0; i < LISTENERS; i++)
        (void)close(listeners[i]);
    (void)close(cancel);
}

static long long clock_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* A child of the test, which speaks for the listener. */
static void speak(int listener, const char *text)
{
    if (fork() != 0)
        return;
    int caller = accept(listener, NULL, NULL);
    ssize_t sent = send(caller, text, strlen(text), MSG_NOSIGNAL);
    (void)sleep(1);
    _exit(sent > 0 ? 0 : 1);
}

/* Two that never speak, and one that does. */
START_TEST(the_server_that_speaks_is_found_at_once)
{
    bool skip[LISTENERS] = {false};
    struct wkv_greeting greeting;
    long long begin_ms = clock_ms();
    speak(listeners[2], "INFO {}\r\n");
    ck_assert(wkv_greeting_await(servers, skip, LISTENERS, PATIENCE_MS, cancel, &greeting));
    ck_assert_uint_eq(greeting.server, 2);
    ck_assert_str_eq(greeting.address, "127.0.0.1");
    ck_assert(!greeting.one_of_several);
    ck_assert_int_lt(clock_ms() - begin_ms, PATIENCE_MS / 2);
}
END_TEST

START_TEST(who_speaks_otherwise_is_no_server)
{
    bool skip[LISTENERS] = {true, false, true};
    struct wkv_greeting greeting;
    speak(listeners[1], "HTTP/1.1 400 Bad Request\r\n");
    ck_assert(!wkv_greeting_await(servers, skip, LISTENERS, PATIENCE_MS, cancel, &greeting));
}
END_TEST

START_TEST(one_that_waits_ends_when_it_is_cancelled)
{
    bool skip[LISTENERS] = {false};
    struct wkv_greeting greeting;
    long long begin_ms = clock_ms();
    ck_assert_int_eq(eventfd_write(cancel, 1), 0);
    ck_assert(!wkv_greeting_await(servers, skip, LISTENERS, PATIENCE_MS, cancel, &greeting));
    ck_assert_int_lt(clock_ms() - begin_ms, PATIENCE_MS / 2);
}
END_TEST

START_TEST(where_nobody_listens_nobody_is_waited_for)
{
    bool skip[LISTENERS] = {false};
    struct wkv_greeting greeting;
    long long begin_ms = clock_ms();
    for (int i = 0; i < LISTENERS; i++)
        (void)close(listeners[i]);
    ck_assert(!wkv_greeting_await(servers, skip, LISTENERS, PATIENCE_MS, cancel, &greeting));
    ck_assert_int_lt(clock_ms() - begin_ms, PATIENCE_MS / 2);
}
END_TEST

Suite *server_pool_suite(void)
{
    Suite *suite = suite_create("nats/server_pool");
    TCase *tests = tcase_create("pool");
    tcase_add_checked_fixture(tests, NULL, stop);
    tcase_add_test(tests, what_worked_is_first_and_what_failed_is_last);
    tcase_add_test(tests, servers_that_are_told_of_are_spoken_to_as_who_told);
    tcase_add_test(tests, no_more_are_remembered_than_there_is_room_for);
    tcase_add_loop_test(tests, names_are_told_from_addresses, 0, (int)(sizeof urls / sizeof urls[0]));
    suite_add_tcase(suite, tests);
    TCase *greetings = tcase_create("greetings");
    tcase_add_checked_fixture(greetings, open_listeners, close_listeners);
    tcase_add_test(greetings, the_server_that_speaks_is_found_at_once);
    tcase_add_test(greetings, who_speaks_otherwise_is_no_server);
    tcase_add_test(greetings, one_that_waits_ends_when_it_is_cancelled);
    tcase_add_test(greetings, where_nobody_listens_nobody_is_waited_for);
    suite_add_tcase(suite, greetings);
    return suite;
}
