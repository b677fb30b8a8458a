/* SIGTERM and SIGINT: "stop taking requests, answer those already received, flush, exit 0 within --drain-
 * timeout"; 1 where not all could be answered. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "stores.h"

static struct nats_server server;
static struct process provider;
static struct client client;

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

/* ---- under load ---- */

#define CALLERS 4
#define IN_FLIGHT 64
#define MOST_REQUESTS 2000000

struct load {
    struct client client;
    struct pipeline pipeline;
    pthread_t thread;
    _Atomic size_t answered; /* so far */
};

static void send_one(struct load *load)
{
    static const char add[] = "{\"key\":\"n\",\"value\":1}", push[] = "\x0a\x01l\x12\x01x",
                      range[] = "\x0a\x04"
                                "long\x18\x7f";
    switch (load->pipeline.sent % 3) {
    case 0:
        ck_assert(pipeline_send(&load->pipeline, "Add", add, sizeof add - 1));
        break;
    case 1:
        ck_assert(pipeline_send(&load->pipeline, "SetAdd", push, sizeof push - 1));
        break;
    default:
        ck_assert(pipeline_send(&load->pipeline, "Range", range, sizeof range - 1));
    }
}

/* Keeps requests in flight until nobody listens any more, and then waits for every answer. */
static void *keep_asking(void *argument)
{
    struct load *load = argument;
    while (load->pipeline.no_responders == 0) {
        send_one(load);
        pipeline_settle(&load->pipeline, IN_FLIGHT);
        atomic_store(&load->answered, load->pipeline.received);
    }
    pipeline_settle(&load->pipeline, 0);
    return NULL;
}

/* A list whose Range is 16 kB, so that replies pile up. */
static void fill_list(void)
{
    char value[129];
    memset(value, 'v', sizeof value - 1);
    value[128] = '\0';
    for (int i = 0; i < 128; i++)
        (void)client_push(&client, PROTOBUF, "long", value);
}

static void await_load(struct load loads[CALLERS])
{
    long long deadline_ms = now_ms() + WAIT_MS;
    for (int i = 0; i < CALLERS; i++)
        while (atomic_load(&loads[i].answered) < 200)
            ck_assert_msg(now_ms() < deadline_ms, "the load does not get going");
}

/* Every request has one answer: a reply, or NATS's own word that it came too late. Returns how many are
 * ours. */
static size_t count_answers(struct load loads[CALLERS])
{
    size_t ours = 0;
    for (int i = 0; i < CALLERS; i++) {
        const struct pipeline *pipeline = &loads[i].pipeline;
        ck_assert_uint_eq(pipeline->received, pipeline->sent);
        ck_assert_uint_eq(pipeline->repeated, 0);
        ck_assert_msg(pipeline->errors == 0 || pipeline->last_code == 503, "an error %d",
                      pipeline->last_code);
        ours += pipeline->ok + pipeline->errors;
    }
    return ours;
}

static size_t answered_in_log(void)
{
    unsigned long answered = 0;
    const char *line = provider.err.bytes == NULL ? NULL : strstr(provider.err.bytes, "drained: ");
    ck_assert_msg(line != NULL, "not drained: %s", provider.err.bytes);
    ck_assert_int_eq(sscanf(line, "drained: %lu requests answered", &answered), 1);
    ck_assert_ptr_nonnull(strstr(line, " 0 replies not sent"));
    return answered;
}

START_TEST(every_request_that_was_received_is_answered)
{
    static struct load loads[CALLERS];
    int signal = _i % 2 == 0 ? SIGTERM : SIGINT;
    provider_serve(&provider, server.url, "--drain-timeout", "50s", NULL);
    client_open(&client, server.url);
    fill_list();
    for (int i = 0; i < CALLERS; i++) {
        client_open(&loads[i].client, server.url);
        pipeline_open(&loads[i].pipeline, &loads[i].client, MOST_REQUESTS);
        ck_assert_int_eq(pthread_create(&loads[i].thread, NULL, keep_asking, &loads[i]), 0);
    }
    await_load(loads);
    process_signal(&provider, signal);
    int status = process_await_exit(&provider);
    ck_assert_msg(status == 0, "exit %d: %s", status, provider.err.bytes);
    for (int i = 0; i < CALLERS; i++)
        ck_assert_int_eq(pthread_join(loads[i].thread, NULL), 0);
    ck_assert_uint_eq(answered_in_log(), count_answers(loads) + 128);
    for (int i = 0; i < CALLERS; i++) {
        pipeline_close(&loads[i].pipeline);
        client_close(&loads[i].client);
    }
}
END_TEST

/* ---- without a server ---- */

/* More than the timeout, for a busy machine and a sanitizer, and far less than any wait that is not
 * bounded by it. */
#define GRACE_MS 8000

static void stops_in_time(long long timeout_ms, int wanted)
{
    long long begin_ms = now_ms();
    process_signal(&provider, SIGTERM);
    int status = process_await_exit(&provider);
    ck_assert_msg(status == wanted, "exit %d: %s", status, provider.err.bytes);
    ck_assert_int_lt(now_ms() - begin_ms, timeout_ms + GRACE_MS);
}

/* Whether it had requests for us, nobody knows. */
START_TEST(a_server_that_hangs_does_not_hold_it_past_the_timeout)
{
    provider_may_leave_threads();
    provider_serve(&provider, server.url, "--drain-timeout", "1s", NULL);
    nats_server_freeze(&server);
    stops_in_time(1000, 1);
}
END_TEST

/* Two workers', that for `system`, discovery's, that of watches, and the log's where there is one. */
static int connections(void)
{
    return engine_is_jetstream() ? 6 : 5;
}

/* All have found out: of one that is lost while it drains nobody knows what it had received. */
START_TEST(a_server_that_is_gone_does_not_hold_it)
{
    provider_serve(&provider, server.url, "--drain-timeout", "30s", NULL);
    nats_server_kill(&server);
    for (int i = 0; i < connections(); i++)
        (void)process_await_line(&provider, "disconnected");
    stops_in_time(0, 0);
}
END_TEST

START_TEST(told_to_stop_before_a_server_was_ever_reached_it_exits_0)
{
    char url[URL_BYTES];
    url_of(free_port(), url);
    provider_start(&provider, url, NULL);
    (void)process_await_line(&provider, "trying again");
    stops_in_time(0, 0);
}
END_TEST

START_TEST(told_to_stop_while_it_starts_it_exits_0)
{
    provider_start(&provider, server.url, NULL);
    (void)process_await_line(&provider, "--auth none");
    stops_in_time(0, 0);
}
END_TEST

START_TEST(a_timeout_of_nothing_ends_it_at_once)
{
    provider_may_leave_threads();
    provider_serve(&provider, server.url, "--drain-timeout", "0", NULL);
    stops_in_time(0, 0);
}
END_TEST

START_TEST(a_second_signal_changes_nothing)
{
    provider_may_leave_threads();
    provider_serve(&provider, server.url, "--drain-timeout", "1s", NULL);
    nats_server_freeze(&server);
    process_signal(&provider, SIGTERM);
    (void)process_await_line(&provider, "stopping");
    process_signal(&provider, SIGINT);
    stops_in_time(1000, 1);
}
END_TEST

/* After the drain the binding is free: another instance may serve at once. */
START_TEST(another_instance_may_serve_at_once)
{
    provider_serve(&provider, server.url, NULL);
    provider_stop(&provider);
    provider_serve(&provider, server.url, NULL);
    provider_stop(&provider);
}
END_TEST

Suite *drain_suite(void)
{
    Suite *suite = suite_create("integration/drain");
    TCase *tests = tcase_create("drain");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_loop_test(tests, every_request_that_was_received_is_answered, 0, 6);
    tcase_add_test(tests, a_server_that_hangs_does_not_hold_it_past_the_timeout);
    tcase_add_test(tests, a_server_that_is_gone_does_not_hold_it);
    tcase_add_test(tests, told_to_stop_before_a_server_was_ever_reached_it_exits_0);
    tcase_add_test(tests, told_to_stop_while_it_starts_it_exits_0);
    tcase_add_test(tests, a_timeout_of_nothing_ends_it_at_once);
    tcase_add_test(tests, a_second_signal_changes_nothing);
    tcase_add_test(tests, another_instance_may_serve_at_once);
    suite_add_tcase(suite, tests);
    return suite;
}
