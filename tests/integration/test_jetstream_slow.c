/* DESIGN 7: "An instance that is slow leaves the queue group until it has caught up." Two instances, of which
 * one hears of everything more than a second late. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "claims.h"
#include "harness.h"
#include "http.h"
#include "instances.h"
#include "relay.h"
#include "service.h"

#define BOUND "MBOUND"
#define BOUND_LATER "MLATER"
/* What the server sends is under way for so long, and for twice that at the most: more than a second, and
 * less than what ends a connection. */
#define DELAY_MS 1200
#define REQUESTS 60
static const struct papers no_papers = {.claims = NULL};

static struct js js;
static struct relay *relay;
static struct instance quick, slow;
static struct client client, sys;

static void start(void)
{
    char url[URL_BYTES];
    js_start(&js, 1, NULL);
    relay = relay_start(js.ports[0]);
    relay_url(relay, url);
    instance_serve(&quick, js.urls, NULL);
    instance_serve(&slow, url, NULL);
    client_open(&client, js.urls);
    system_open(&sys, js.urls);
}

static void stop(void)
{
    client_close(&client);
    client_close(&sys);
    instance_kill(&quick);
    instance_kill(&slow);
    relay_stop(relay);
    js_stop(&js);
    harness_close_nats();
}

static double served(const struct instance *instance, const char *operation)
{
    char line[128];
    (void)snprintf(line, sizeof line, "\nwascc_keyvalue_requests_total{operation=\"%s\"} ", operation);
    return instance_metric(instance, line);
}

/* Requests of actors, on the binding's subjects and on one of the lattice's own, which whoever listens
 * answers with an error. */
static void ask_often(void)
{
    for (int i = 0; i < REQUESTS; i++) {
        natsMsg *answer = NULL;
        (void)instance_ask_until(&client, "Increment", "{\"key\":\"k\",\"delta\":1}");
        ck_assert_int_eq(
            natsConnection_RequestString(&answer, client.connection, DEFAULT_BASE "." BOUND, "", WAIT_MS),
            NATS_OK);
        natsMsg_Destroy(answer);
    }
}

static void await_listened(const char *actor)
{
    char subject[256];
    natsStatus status = NATS_NO_RESPONDERS;
    (void)snprintf(subject, sizeof subject, "%s.%s", DEFAULT_BASE, actor);
    for (long long end_ms = now_ms() + WAIT_MS; status == NATS_NO_RESPONDERS; (void)usleep(10000)) {
        natsMsg *answer = NULL;
        ck_assert_int_lt(now_ms(), end_ms);
        status = natsConnection_RequestString(&answer, client.connection, subject, "", WAIT_MS);
        natsMsg_Destroy(answer);
    }
    ck_assert_int_eq(status, NATS_OK);
}

START_TEST(leaves_requests_to_the_others_until_it_has_caught_up)
{
    bind_actor(&sys, JSON, no_papers, BOUND, NULL);
    ask_often();
    double before = served(&slow, "Increment");
    ck_assert(before > 0);
    relay_delay(relay, DELAY_MS);
    (void)process_await_line(&slow.process, "leaves requests to the others");
    /* What the server has sent before it heard of that is on its way yet: the queue groups have all members,
     * until a request that was sent behind has been answered by this instance. */
    json_decref(service_ask(&client, "PING", slow.id));
    json_decref(service_ask(&client, "PING", slow.id));
    before = served(&slow, "Increment");
    long long begun_ms = now_ms();
    ask_often();
    ck_assert_int_lt(now_ms() - begun_ms, REQUESTS * DELAY_MS / 4);
    ck_assert_double_eq(served(&slow, "Increment"), before);
    /* Who is bound meanwhile is served by it when it is back. */
    bind_actor(&sys, JSON, no_papers, BOUND_LATER, NULL);
    relay_delay(relay, 0);
    (void)process_await_line(&slow.process, "requests are taken again");
    instance_stop(&quick);
    (void)instance_ask_until(&client, "Increment", "{\"key\":\"k\",\"delta\":0}");
    ask_often();
    await_listened(BOUND_LATER);
    ck_assert(served(&slow, "Increment") >= before + REQUESTS);
    long long value;
    ck_assert_int_eq(instance_ask(&client, "Increment", "{\"key\":\"k\",\"delta\":0}", &value), 0);
    ck_assert_int_ge(value, 3 * REQUESTS);
    instance_stop(&slow);
}
END_TEST

Suite *jetstream_slow_suite(void)
{
    Suite *suite = suite_create("integration/jetstream_slow");
    TCase *tcase = tcase_create("jetstream_slow");
    tcase_set_timeout(tcase, 3 * WAIT_MS / 1000.0);
    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_test(tcase, leaves_requests_to_the_others_until_it_has_caught_up);
    suite_add_tcase(suite, tcase);
    return suite;
}
