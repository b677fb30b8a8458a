/* The HTTP server, over sockets: what each path answers, and that nobody can keep the others out. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "metrics/fixture.h"

static struct wkv_metrics *metrics;

static enum wkv_code try_start(const char *listen_on, struct wkv_metrics **started, struct wkv_error *error)
{
    const struct wkv_metrics_options options = {
        .listen = listen_on, .sources = test_sources(), .binding = "default", .log = &test_log};
    return wkv_metrics_start(&options, started, error);
}

/* What the log said. The result is good until the next call. */
static const char *said(void)
{
    static char text[4096];
    ssize_t len = pread(test_log.fd, text, sizeof text - 1, 0);
    ck_assert_int_ge(len, 0);
    text[len] = '\0';
    return text;
}

static unsigned short listening_port; /* of the server that was started last, from the log */

static struct wkv_metrics *start(const char *listen_on)
{
    struct wkv_metrics *started;
    struct wkv_error error;
    ck_assert_msg(try_start(listen_on, &started, &error) == WKV_OK, "%s", error.text);
    const char *colon = strrchr(said(), ':');
    ck_assert_ptr_nonnull(colon);
    listening_port = (unsigned short)atoi(colon + 1);
    return started;
}

static void set_up(void)
{
    set_up_stats();
    wkv_log_init(&test_log, memfd_create("log", MFD_CLOEXEC), WKV_LOG_INFO, WKV_LOG_TEXT);
    metrics = start("127.0.0.1:0");
}

static void tear_down(void)
{
    wkv_metrics_stop(metrics);
    metrics = NULL;
    (void)close(test_log.fd);
    tear_down_stats();
}

/* ---- a client ---- */

static int connect_to(unsigned short port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ck_assert_int_ge(fd, 0);
    ck_assert_msg(connect(fd, (struct sockaddr *)&to, sizeof to) == 0, "%s", strerror(errno));
    return fd;
}

static int connect_here(void)
{
    return connect_to(listening_port);
}

/* Sends all of it, or as much as the server takes before it hangs up. Returns whether that was all. */
static bool say_bytes(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
        if (sent < 0)
            return false;
        bytes += sent;
        len -= (size_t)sent;
    }
    return true;
}

static void say(int fd, const char *text)
{
    ck_assert(say_bytes(fd, text, strlen(text)));
}

/* Waits until the server hangs up. Returns all that it said, which is good until the next call. */
static const char *hear_all(int fd)
{
    static char heard[1 << 20];
    size_t len = 0;
    for (;;) {
        ssize_t got = recv(fd, heard + len, sizeof heard - 1 - len, 0);
        if (got <= 0)
            break;
        len += (size_t)got;
        ck_assert_uint_lt(len, sizeof heard - 1);
    }
    (void)close(fd);
    heard[len] = '\0';
    return heard;
}

static const char *ask_fd(int fd, const char *method, const char *path, const char *more_headers)
{
    char request[512];
    (void)snprintf(request, sizeof request,
                   "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n", method, path,
                   more_headers);
    say(fd, request);
    return hear_all(fd);
}

static const char *ask(const char *method, const char *path)
{
    return ask_fd(connect_here(), method, path, "");
}

static void check_status(const char *answer, const char *status)
{
    char start[64];
    (void)snprintf(start, sizeof start, "HTTP/1.1 %s ", status);
    ck_assert_msg(strncmp(answer, start, strlen(start)) == 0, "not %s: %.300s", status, answer);
}

static void check_has(const char *answer, const char *text)
{
    ck_assert_msg(strstr(answer, text) != NULL, "not with '%s': %.300s", text, answer);
}

static const char *body_of(const char *answer)
{
    const char *end = strstr(answer, "\r\n\r\n");
    ck_assert_msg(end != NULL, "%.300s", answer);
    return end + 4;
}

static void check_serves(unsigned short port)
{
    const char *answer = ask_fd(connect_to(port), "GET", "/metrics", "");
    check_status(answer, "200");
    check_has(answer, "\nprocess_start_time_seconds ");
}

/* ---- what is answered ---- */

START_TEST(each_path_has_its_answer)
{
    static const struct {
        const char *path, *status, *type, *body;
    } cases[] = {
        {"/metrics", "200", "text/plain; version=0.0.4; charset=utf-8", "\nwascc_keyvalue_ready 0\n"},
        {"/metrics?name%5B%5D=up&a=%0", "200", "text/plain; version=0.0.4; charset=utf-8",
         "\nwascc_keyvalue_ready 0\n"},
        {"/metrics?", "200", "text/plain; version=0.0.4; charset=utf-8", "\nwascc_keyvalue_ready 0\n"},
        {"/livez", "200", "text/plain; charset=utf-8", "ok\n"},
        {"/livez?verbose", "200", "text/plain; charset=utf-8", "ok\n"},
        {"/readyz", "503", "text/plain; charset=utf-8",
         "not connected to NATS with confirmed subscriptions\n"},
        {"/", "200", "text/plain; charset=utf-8", "/metrics "},
        {"/", "200", "text/plain; charset=utf-8", "/livez "},
        {"/", "200", "text/plain; charset=utf-8", "/readyz "},
        {"/nothing", "404", "text/plain; charset=utf-8", "/metrics "},
        {"/nothing", "404", "text/plain; charset=utf-8", "/livez "},
        {"/nothing", "404", "text/plain; charset=utf-8", "/readyz "},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char type[128];
        const char *answer = ask("GET", cases[i].path);
        check_status(answer, cases[i].status);
        (void)snprintf(type, sizeof type, "\r\nContent-Type: %s\r\n", cases[i].type);
        check_has(answer, type);
        check_has(answer, "\r\nCache-Control: no-store\r\n");
        check_has(body_of(answer), cases[i].body);
    }
}
END_TEST

START_TEST(paths_are_matched_exactly)
{
    static const char *const cases[] = {"/metrics/",
                                        "/Metrics",
                                        "/metric",
                                        "/metricss",
                                        "//metrics",
                                        "/%6detrics",
                                        "/metrics%00",
                                        "/metrics%3F",
                                        "/./metrics",
                                        "/livez/..",
                                        "/metrics;a",
                                        "*",
                                        "http://localhost/metrics"};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *answer = ask("GET", cases[i]);
        ck_assert_msg(strncmp(answer, "HTTP/1.1 404 ", 13) == 0, "%s: %.300s", cases[i], answer);
    }
}
END_TEST

START_TEST(readyz_follows_the_connection)
{
    check_status(ask("GET", "/readyz"), "503");
    wkv_stats_set_ready(stats, true);
    const char *answer = ask("GET", "/readyz");
    check_status(answer, "200");
    ck_assert_str_eq(body_of(answer), "ready\n");
    check_has(ask("GET", "/metrics"), "\nwascc_keyvalue_ready 1\n");
    wkv_stats_set_ready(stats, false);
    check_status(ask("GET", "/readyz"), "503");
    check_status(ask("GET", "/livez"), "200");
}
END_TEST

static bool is_recovering(void *context, char *out, size_t bytes)
{
    (void)snprintf(out, bytes, "recovering: %d%%", *(const int *)context);
    return *(const int *)context < 100;
}

/* Whatever the connections are. */
START_TEST(readyz_says_what_keeps_the_engine)
{
    int percent = 62;
    const struct wkv_report_engine engine = {.name = "logged", .unready = is_recovering, .context = &percent};
    wkv_metrics_stop(metrics);
    test_engine = &engine;
    metrics = start("127.0.0.1:0");
    wkv_stats_set_ready(stats, true);
    const char *answer = ask("GET", "/readyz");
    check_status(answer, "503");
    ck_assert_str_eq(body_of(answer), "recovering: 62%\n");
    check_has(ask("GET", "/metrics"), "\nwascc_keyvalue_ready 0\n");
    check_status(ask("GET", "/livez"), "200");
    percent = 100;
    check_status(ask("GET", "/readyz"), "200");
    wkv_stats_set_ready(stats, false);
    check_has(ask("GET", "/readyz"), "not connected");
    wkv_metrics_stop(metrics);
    metrics = NULL;
}
END_TEST

START_TEST(head_is_get_without_the_body)
{
    static const struct {
        const char *path, *status, *length;
    } cases[] = {{"/livez", "200", "\r\nContent-Length: 3\r\n"},
                 {"/readyz", "503", "\r\nContent-Length: 51\r\n"},
                 {"/metrics", "200", "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"},
                 {"/nothing", "404", "\r\nContent-Length: "}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *answer = ask("HEAD", cases[i].path);
        check_status(answer, cases[i].status);
        check_has(answer, cases[i].length);
        ck_assert_str_eq(body_of(answer), "");
    }
}
END_TEST

START_TEST(other_methods_are_told_which_ones_there_are)
{
    static const char *const methods[] = {"POST",  "PUT",   "DELETE", "OPTIONS",
                                          "PATCH", "TRACE", "get",    "NONSENSE"};
    static const char *const known[] = {"/metrics", "/livez", "/readyz", "/"};
    for (size_t m = 0; m < COUNT_OF(methods); m++)
        for (size_t p = 0; p < COUNT_OF(known); p++) {
            const char *answer = ask(methods[m], known[p]);
            check_status(answer, "405");
            check_has(answer, "\r\nAllow: GET, HEAD\r\n");
        }
    check_status(ask("POST", "/nothing"), "404");
}
END_TEST

/* The bodies are announced and never sent: whoever waited for them would not answer. */
START_TEST(bodies_are_not_waited_for)
{
    static const struct {
        const char *method, *headers, *status;
    } cases[] = {{"POST", "Content-Length: 1000000000\r\n", "405"},
                 {"POST", "Transfer-Encoding: chunked\r\n", "405"},
                 {"GET", "Content-Length: 1000000000\r\n", "200"},
                 {"GET", "Transfer-Encoding: chunked\r\n", "200"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_status(ask_fd(connect_here(), cases[i].method, "/metrics", cases[i].headers), cases[i].status);
}
END_TEST

START_TEST(a_connection_takes_several_requests)
{
    char heard[256] = "";
    int fd = connect_here();
    for (int i = 0; i < 3; i++) {
        size_t len = 0;
        say(fd, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
        while (len < 7 || memcmp(heard + len - 7, "\r\n\r\nok\n", 7) != 0) {
            ssize_t got = recv(fd, heard + len, sizeof heard - len, 0);
            ck_assert_int_gt(got, 0);
            len += (size_t)got;
        }
    }
    check_status(ask_fd(fd, "GET", "/livez", ""), "200");
}
END_TEST

START_TEST(http_1_0_is_understood)
{
    int fd = connect_here();
    say(fd, "GET /livez HTTP/1.0\r\n\r\n");
    const char *answer = hear_all(fd);
    ck_assert_ptr_nonnull(strstr(answer, " 200 "));
    ck_assert_str_eq(body_of(answer), "ok\n");
}
END_TEST

/* ---- those who do not behave ---- */

/* The server says at most what is wrong and hangs up, and serves the next one. */
static void check_refused(const char *bytes, size_t len)
{
    int fd = connect_here();
    (void)say_bytes(fd, bytes, len);
    (void)shutdown(fd, SHUT_WR);
    const char *answer = hear_all(fd);
    ck_assert_msg(answer[0] == '\0' || strstr(answer, " 200 ") == NULL, "%.300s", answer);
    check_serves(listening_port);
}

START_TEST(garbage_is_refused)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"GET\r\n\r\n", 7},
        {"GET \r\n\r\n", 8},
        {"/metrics\r\n\r\n", 12},
        {"GET /metrics HTTP/9.9\r\n\r\n", 25},
        {"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 55},
        {"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 54},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_refused(cases[i].bytes, cases[i].len);
}
END_TEST

/* To these the server has nothing to say yet: it goes on waiting, until the client has had enough. */
START_TEST(half_a_request_is_survived)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"", 0},
        {"\0\0\0\0", 4},
        {"\r\n\r\n\r\n", 6},
        {"GET /metr", 9},
        {"GET /metrics HTTP/1.1\r\n", 23},
        {"GET /metrics HTTP/1.1\r\nHost", 27},
        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int fd = connect_here();
        (void)say_bytes(fd, cases[i].bytes, cases[i].len);
        check_serves(listening_port);
        (void)close(fd);
        check_serves(listening_port);
    }
}
END_TEST

START_TEST(random_bytes_are_refused)
{
    char bytes[4096];
    uint64_t state = 42;
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            bytes[i] = (char)(state >> 56);
        }
        check_refused(bytes, sizeof bytes);
    }
}
END_TEST

/* More than a connection has room for, with no end in sight. */
static void check_refuses_flood(const char *start_with, const char *repeat)
{
    static char bytes[1 << 20];
    size_t len = strlen(start_with), step = strlen(repeat);
    memcpy(bytes, start_with, len);
    for (; len + step <= sizeof bytes; len += step)
        memcpy(bytes + len, repeat, step);
    check_refused(bytes, len);
}

START_TEST(a_very_long_request_line_is_refused)
{
    check_refuses_flood("GET /", "a");
    check_refuses_flood("GET /metrics?", "a=b&");
    check_refuses_flood("", "G");
}
END_TEST

START_TEST(headers_without_end_are_refused)
{
    check_refuses_flood("GET /metrics HTTP/1.1\r\nHost: a\r\n", "X-More: and more\r\n");
    check_refuses_flood("GET /metrics HTTP/1.1\r\nHost: a\r\nX-Long: ", "and more ");
    check_refuses_flood("GET /metrics HTTP/1.1\r\nHost: a\r\n", " folded\r\n");
}
END_TEST

#define SILENT 200

static void connect_silent(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fds[i] = connect_here();
}

static void close_all(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)close(fds[i]);
}

START_TEST(connections_that_say_nothing_keep_nobody_out)
{
    int fds[SILENT];
    connect_silent(fds, SILENT);
    for (int i = 0; i < 3; i++)
        check_serves(listening_port);
    close_all(fds, SILENT);
    check_serves(listening_port);
}
END_TEST

START_TEST(connections_that_stop_in_the_middle_of_a_request_keep_nobody_out)
{
    int fds[SILENT];
    connect_silent(fds, SILENT);
    for (size_t i = 0; i < SILENT; i++)
        (void)say_bytes(fds[i], "GET /metrics HTTP/1.1\r\nHost: ", 29);
    check_serves(listening_port);
    close_all(fds, SILENT);
}
END_TEST

struct trickle {
    int fds[SILENT];
    atomic_bool stop;
};

/* A byte now and then is all it takes to be never idle; at this pace a connection's room would last for
 * minutes. */
static void *keep_trickling(void *argument)
{
    struct trickle *trickle = argument;
    while (!atomic_load(&trickle->stop)) {
        for (size_t i = 0; i < SILENT; i++)
            (void)say_bytes(trickle->fds[i], "a", 1);
        (void)poll(NULL, 0, 50);
    }
    return NULL;
}

/* No timeout ever ends these, so they must make room for those who come. */
START_TEST(connections_that_are_never_idle_and_never_done_keep_nobody_out)
{
    struct trickle trickle = {.stop = false};
    pthread_t thread;
    connect_silent(trickle.fds, SILENT);
    for (size_t i = 0; i < SILENT; i++)
        (void)say_bytes(trickle.fds[i], "GET /metrics HTTP/1.1\r\nX: ", 26);
    ck_assert_int_eq(pthread_create(&thread, NULL, keep_trickling, &trickle), 0);
    for (int i = 0; i < 3; i++)
        check_serves(listening_port);
    atomic_store(&trickle.stop, true);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    close_all(trickle.fds, SILENT);
}
END_TEST

/* They ask again and again and take nothing of what they get. */
START_TEST(connections_that_do_not_read_keep_nobody_out)
{
    int fds[SILENT];
    connect_silent(fds, SILENT);
    for (size_t i = 0; i < SILENT; i++)
        for (int n = 0; n < 20; n++)
            (void)say_bytes(fds[i], "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 35);
    check_serves(listening_port);
    close_all(fds, SILENT);
}
END_TEST

/* More than the server takes of one address: who comes from another one is served meanwhile. */
START_TEST(one_address_leaves_room_for_others)
{
    int fds[2 * SILENT];
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1)};
    connect_silent(fds, COUNT_OF(fds));
    for (int i = 0; i < 3; i++) {
        int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in to = {.sin_family = AF_INET,
                                 .sin_port = htons(listening_port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        ck_assert_int_eq(bind(other, (struct sockaddr *)&from, sizeof from), 0);
        ck_assert_int_eq(connect(other, (struct sockaddr *)&to, sizeof to), 0);
        check_status(ask_fd(other, "GET", "/metrics", ""), "200");
    }
    close_all(fds, COUNT_OF(fds));
}
END_TEST

/* Nothing but the server's own timeout ends this. */
START_TEST(a_connection_that_says_nothing_is_closed_after_a_while)
{
    ck_assert_str_eq(hear_all(connect_here()), "");
}
END_TEST

/* ---- many at once ---- */

static void *scrape(void *failures)
{
    static const char request[] = "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    size_t size = 1 << 20;
    char *heard = malloc(size);
    for (int i = 0; i < 20; i++) {
        size_t len = 0;
        int fd = connect_here();
        if (!say_bytes(fd, request, sizeof request - 1))
            atomic_fetch_add((atomic_int *)failures, 1);
        for (ssize_t got = 1; got > 0; len += got > 0 ? (size_t)got : 0)
            got = recv(fd, heard + len, size - 1 - len, 0);
        heard[len] = '\0';
        if (strstr(heard, "\nprocess_start_time_seconds ") == NULL)
            atomic_fetch_add((atomic_int *)failures, 1);
        (void)close(fd);
    }
    free(heard);
    return NULL;
}

static void *count_on(void *stop)
{
    for (int64_t i = 0; !atomic_load((atomic_bool *)stop); i++) {
        count_request(0, "Get", i % 3 == 0 ? WKV_WRONG_KIND : WKV_OK, i % 100000, 1, 1);
        wkv_stats_set_ready(stats, i % 2 == 0);
    }
    return NULL;
}

START_TEST(many_scrape_while_a_worker_counts)
{
    pthread_t worker, scrapers[4];
    atomic_bool stop = false;
    atomic_int failures = 0;
    ck_assert_int_eq(pthread_create(&worker, NULL, count_on, &stop), 0);
    for (size_t i = 0; i < COUNT_OF(scrapers); i++)
        ck_assert_int_eq(pthread_create(&scrapers[i], NULL, scrape, &failures), 0);
    for (size_t i = 0; i < COUNT_OF(scrapers); i++)
        ck_assert_int_eq(pthread_join(scrapers[i], NULL), 0);
    atomic_store(&stop, true);
    ck_assert_int_eq(pthread_join(worker, NULL), 0);
    ck_assert_int_eq(atomic_load(&failures), 0);
}
END_TEST

/* ---- start and stop ---- */

START_TEST(a_second_server_on_the_port_is_refused)
{
    char address[64], expected[128];
    struct wkv_error error;
    struct wkv_metrics *second = metrics;
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", listening_port);
    ck_assert_int_eq(try_start(address, &second, &error), WKV_UNAVAILABLE);
    ck_assert_ptr_null(second);
    (void)snprintf(expected, sizeof expected, "--metrics-listen: %s is taken", address);
    ck_assert_msg(strncmp(error.text, expected, strlen(expected)) == 0, "%s", error.text);
    ck_assert_int_eq(try_start("nonsense", &second, &error), WKV_BAD_REQUEST);
    ck_assert_ptr_null(second);
    check_serves(listening_port);
}
END_TEST

START_TEST(two_servers_have_ports_of_their_own)
{
    unsigned short first = listening_port;
    struct wkv_metrics *other = start("127.0.0.1:0");
    ck_assert_uint_ne(listening_port, 0);
    ck_assert_uint_ne(listening_port, first);
    check_serves(listening_port);
    wkv_metrics_stop(other);
    check_serves(first);
    wkv_metrics_stop(NULL);
}
END_TEST

/* The port is free at once for the next one, which is what a restart needs. */
START_TEST(stopping_closes_what_is_open)
{
    char address[64];
    int fds[SILENT];
    connect_silent(fds, SILENT);
    int asking = connect_here(), hungry = connect_here();
    say(asking, "GET /metrics HTTP/1.1\r\nHost: ");
    for (int i = 0; i < 50; i++)
        say(hungry, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    check_serves(listening_port);
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", listening_port);
    wkv_metrics_stop(metrics);
    metrics = NULL;
    ck_assert_str_eq(hear_all(fds[SILENT - 1]), "");
    ck_assert_str_eq(hear_all(asking), "");
    (void)hear_all(hungry);
    close_all(fds, SILENT - 1);
    metrics = start(address);
    check_serves(listening_port);
}
END_TEST

START_TEST(ipv6_is_served)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        (void)printf("skipped: this machine has no IPv6\n");
        return;
    }
    struct wkv_metrics *six = start("[::1]:0");
    to.sin6_port = htons(listening_port);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    check_status(ask_fd(fd, "GET", "/metrics", ""), "200");
    wkv_metrics_stop(six);
}
END_TEST

START_TEST(every_address_is_served)
{
    struct wkv_metrics *every = start(":0");
    check_serves(listening_port);
    wkv_metrics_stop(every);
}
END_TEST

START_TEST(the_log_says_where_it_listens)
{
    char expected[64];
    (void)snprintf(expected, sizeof expected, "metrics: listening on 127.0.0.1:%u\n", listening_port);
    ck_assert_msg(strstr(said(), expected) != NULL, "%s", said());
    ck_assert_msg(strchr(said(), '\n') == strrchr(said(), '\n'), "more than one line: %s", said());
    check_serves(listening_port);
}
END_TEST

static size_t count_files(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(folder);
    while (readdir(folder) != NULL)
        count++;
    ck_assert_int_eq(closedir(folder), 0);
    return count;
}

/* Check itself keeps a file open that is not close-on-exec: so the files of the server are those that come
 * with it. */
START_TEST(files_are_close_on_exec_and_all_given_back)
{
    bool inherited[1024];
    for (int fd = 0; fd < (int)COUNT_OF(inherited); fd++)
        inherited[fd] = fcntl(fd, F_GETFD) >= 0;
    size_t before = count_files();
    struct wkv_metrics *other = start("127.0.0.1:0");
    int client = connect_to(listening_port);
    check_serves(listening_port);
    ck_assert_uint_gt(count_files(), before + 2);
    for (int fd = 0; fd < (int)COUNT_OF(inherited); fd++) {
        int flags = inherited[fd] ? -1 : fcntl(fd, F_GETFD);
        ck_assert_msg(flags < 0 || (flags & FD_CLOEXEC) != 0, "%d", fd);
    }
    wkv_metrics_stop(other);
    ck_assert_int_eq(close(client), 0);
    struct wkv_error error;
    ck_assert_int_ne(try_start("nonsense", &other, &error), WKV_OK);
    ck_assert_uint_eq(count_files(), before);
}
END_TEST

Suite *http_suite(void)
{
    Suite *suite = suite_create("metrics/http");
    TCase *tests = tcase_create("http");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, each_path_has_its_answer);
    tcase_add_test(tests, paths_are_matched_exactly);
    tcase_add_test(tests, readyz_follows_the_connection);
    tcase_add_test(tests, readyz_says_what_keeps_the_engine);
    tcase_add_test(tests, head_is_get_without_the_body);
    tcase_add_test(tests, other_methods_are_told_which_ones_there_are);
    tcase_add_test(tests, bodies_are_not_waited_for);
    tcase_add_test(tests, a_connection_takes_several_requests);
    tcase_add_test(tests, http_1_0_is_understood);
    tcase_add_test(tests, garbage_is_refused);
    tcase_add_test(tests, half_a_request_is_survived);
    tcase_add_test(tests, random_bytes_are_refused);
    tcase_add_test(tests, a_very_long_request_line_is_refused);
    tcase_add_test(tests, headers_without_end_are_refused);
    tcase_add_test(tests, connections_that_say_nothing_keep_nobody_out);
    tcase_add_test(tests, connections_that_stop_in_the_middle_of_a_request_keep_nobody_out);
    tcase_add_test(tests, connections_that_are_never_idle_and_never_done_keep_nobody_out);
    tcase_add_test(tests, connections_that_do_not_read_keep_nobody_out);
    tcase_add_test(tests, one_address_leaves_room_for_others);
    tcase_add_test(tests, many_scrape_while_a_worker_counts);
    tcase_add_test(tests, a_second_server_on_the_port_is_refused);
    tcase_add_test(tests, two_servers_have_ports_of_their_own);
    tcase_add_test(tests, stopping_closes_what_is_open);
    tcase_add_test(tests, ipv6_is_served);
    tcase_add_test(tests, every_address_is_served);
    tcase_add_test(tests, the_log_says_where_it_listens);
    tcase_add_test(tests, files_are_close_on_exec_and_all_given_back);
    suite_add_tcase(suite, tests);
    TCase *slow = tcase_create("timeout");
    tcase_set_timeout(slow, 120); /* beyond the server's ten seconds, however slow the machine is */
    tcase_add_checked_fixture(slow, set_up, tear_down);
    tcase_add_test(slow, a_connection_that_says_nothing_is_closed_after_a_while);
    suite_add_tcase(suite, slow);
    return suite;
}
