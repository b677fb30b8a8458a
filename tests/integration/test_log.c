/* Standard error belongs to others: whoever reads it slowly, not at all, or no more, holds up no request, no
 * reconnect and no stop. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "http.h"

/* At debug level each of these is a line; together they are more than the queue and the pipe hold. */
#define REQUESTS 3000
/* Far less than any wait for a reader. */
#define GRACE_MS 8000

static struct nats_server server;
static struct process provider;
static struct client client;
static int http_port;

static void start(void)
{
    nats_server_start(&server, NULL);
}

static void stop(void)
{
    client_close(&client);
    harness_close_nats();
    process_destroy(&provider);
    nats_server_kill(&server);
}

static void serve(const char *level)
{
    char id[INSTANCE_ID_BYTES];
    provider_start(&provider, server.url, "--metrics-listen", "127.0.0.1:0", "--log-level", level,
                   "--drain-timeout", "2s", NULL);
    const char *line = process_await_line(&provider, "metrics: listening on 127.0.0.1:");
    http_port = atoi(strstr(line, "127.0.0.1:") + strlen("127.0.0.1:"));
    provider_await_ready(&provider, id);
    client_open(&client, server.url);
}

static void ask(int requests)
{
    for (int i = 0; i < requests; i++)
        ck_assert_int_eq(client_add(&client, JSON, "n", 1), i + 1);
}

static unsigned long dropped(void)
{
    static const char name[] = "\nwascc_keyvalue_log_lines_dropped_total ";
    struct http_reply page = http_get(http_port, "/metrics");
    const char *sample = strstr(page.body, name);
    ck_assert_ptr_nonnull(sample);
    unsigned long count = strtoul(sample + sizeof name - 1, NULL, 10);
    http_free(&page);
    return count;
}

/* Tells it to stop and waits for its end without reading a byte. */
static void stops_unread(void)
{
    struct pollfd ended = {.fd = provider.pid_fd, .events = POLLIN};
    process_signal(&provider, SIGTERM);
    ck_assert_msg(poll(&ended, 1, 2000 + GRACE_MS) == 1, "it does not end");
    ck_assert_int_eq(process_await_exit(&provider), 0);
}

START_TEST(at_debug_level_every_request_is_answered)
{
    serve("debug");
    ck_assert_uint_eq(dropped(), 0);
    output_fill(&provider.err);
    ask(REQUESTS);
    unsigned long count = dropped();
    ck_assert_uint_gt(count, 0);
    ck_assert_uint_le(count, REQUESTS);
    /* Reading again: the queue first, and then, by itself, how many are missing. */
    const char *line = process_await_line(&provider, " log lines were dropped, ");
    unsigned long told;
    ck_assert_int_eq(sscanf(line, "%*s warn %lu log lines were dropped", &told), 1);
    ck_assert_uint_eq(told, count);
    provider_stop(&provider);
}
END_TEST

START_TEST(at_the_default_level_it_reconnects_and_stops)
{
    serve("info");
    output_fill(&provider.err);
    for (int i = 0; i < 3; i++) {
        nats_server_kill(&server);
        http_await_status(http_port, "/readyz", 503);
        nats_server_start_on(&server, server.port, NULL);
        http_await_status(http_port, "/readyz", 200);
    }
    client_close(&client);
    client_open(&client, server.url);
    ask(1);
    stops_unread();
}
END_TEST

START_TEST(with_a_queue_that_is_full_it_stops_in_time)
{
    serve("debug");
    output_fill(&provider.err);
    ask(REQUESTS);
    stops_unread();
}
END_TEST

START_TEST(a_reader_that_is_gone_ends_nothing)
{
    serve("debug");
    ck_assert_int_eq(close(provider.err.fd), 0);
    provider.err.fd = -1;
    ask(100);
    ck_assert_uint_gt(dropped(), 0);
    stops_unread();
}
END_TEST

/* A file that may grow no further: the signal for that would end the process. */
START_TEST(a_file_at_its_limit_ends_nothing)
{
    char path[] = "/tmp/wascc-keyvalue-log-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    const char *argv[] = {"sh",
                          "-c",
                          "ulimit -f 8; exec \"$0\" serve --auth none --workers 1 --server \"$1\" "
                          "--log-level debug 2>>\"$2\"",
                          provider_program(),
                          server.url,
                          path,
                          NULL};
    process_start(&provider, argv, program_environment(NULL), NULL);
    client_open(&client, server.url);
    struct answer answer;
    do {
        answer = client_send(&client, "KeyExists", "{\"key\":\"n\"}", 11);
        answer_free(&answer);
    } while (answer.status == NATS_NO_RESPONDERS);
    ask(300);
    ck_assert_int_ge(lseek(fd, 0, SEEK_END), 4096);
    ck_assert_int_eq(close(fd), 0);
    ck_assert_int_eq(unlink(path), 0);
    stops_unread();
}
END_TEST

Suite *log_suite(void)
{
    Suite *suite = suite_create("integration/log");
    TCase *tests = tcase_create("log");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_test(tests, at_debug_level_every_request_is_answered);
    tcase_add_test(tests, at_the_default_level_it_reconnects_and_stops);
    tcase_add_test(tests, with_a_queue_that_is_full_it_stops_in_time);
    tcase_add_test(tests, a_reader_that_is_gone_ends_nothing);
    tcase_add_test(tests, a_file_at_its_limit_ends_nothing);
    suite_add_tcase(suite, tests);
    return suite;
}
