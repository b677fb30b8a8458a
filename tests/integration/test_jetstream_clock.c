/* DESIGN 7: "Clock of a NATS server jumps ahead 1 h: log time with it. Then it stands until the clock has
 * caught up." The stamps of the log are moved on their way to the instance, which is all that it knows of a
 * server's clock. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "http.h"
#include "instances.h"
#include "relay.h"

#define AHEAD_S 3600

static struct js js;
static struct relay *relay;
static struct instance one;
static struct client client;

static void start(void)
{
    char url[URL_BYTES];
    js_start(&js, 1, NULL);
    relay = relay_start(js.ports[0]);
    relay_url(relay, url);
    instance_serve(&one, url, NULL);
    client_open(&client, js.urls);
}

static void stop(void)
{
    client_close(&client);
    instance_kill(&one);
    relay_stop(relay);
    js_stop(&js);
    harness_close_nats();
}

static void set(const char *key, int expires_s)
{
    char request[128];
    (void)snprintf(request, sizeof request, "{\"key\":\"%s\",\"value\":\"v\",\"expires_s\":%d}", key,
                   expires_s);
    (void)instance_ask_until(&client, "Set", request);
}

static double ahead(void)
{
    return instance_metric(&one, "\nwascc_keyvalue_log_time_ahead_seconds ");
}

START_TEST(log_time_follows_a_clock_that_jumps_ahead_and_then_stands)
{
    struct tally tally = {.done = 0};
    set("minutes", 600);
    set("hours", 3 * AHEAD_S);
    set("for ever", 0);
    instance_count(&client, "c", 200, &tally);
    relay_shift_stamps(relay, AHEAD_S);
    for (long long end_ms = now_ms() + WAIT_MS; ahead() < AHEAD_S - 60; (void)usleep(10000))
        ck_assert_int_lt(now_ms(), end_ms);
    /* What was under way is taken again, by an instance that nobody has heard of for an hour of log time. */
    instance_count(&client, "c", 500, &tally);
    (void)instance_ask_until(&client, "Get", "{\"key\":\"minutes\"}");
    ck_assert(!client_exists(&client, "minutes"));
    ck_assert(client_exists(&client, "hours"));
    ck_assert(client_exists(&client, "for ever"));
    /* The clock is right again: what is written goes on, and what was to expire soon does not. */
    relay_shift_stamps(relay, 0);
    set("late", 1);
    instance_count(&client, "c", 1500, &tally);
    ck_assert(client_exists(&client, "late"));
    ck_assert(ahead() > AHEAD_S - 120);
    http_await_status(one.http_port, "/readyz", 200);
    instance_check_count(&client, "c", &tally);
    ck_assert(instance_metric(&one, "\nwascc_keyvalue_log_diverged ") == 0);
}
END_TEST

Suite *jetstream_clock_suite(void)
{
    Suite *suite = suite_create("integration/jetstream_clock");
    TCase *tcase = tcase_create("jetstream_clock");
    tcase_set_timeout(tcase, 3 * WAIT_MS / 1000.0);
    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_test(tcase, log_time_follows_a_clock_that_jumps_ahead_and_then_stands);
    suite_add_tcase(suite, tcase);
    return suite;
}
