/* Two instances of one binding that meet: at the start, when a process wakes up, when a network heals, and
 * forged ones. Exactly one goes on, and no onlooker can stop it by one answer.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "http.h"
#include "relay.h"

#define QUESTION "$SRV.PING.wascc-keyvalue"

static struct nats_server server, far;
#define SEVERAL 3

static struct process provider, second, several[SEVERAL];
static struct client client;
static struct relay *relay;
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
    process_destroy(&second);
    for (int i = 0; i < SEVERAL; i++)
        process_destroy(&several[i]);
    relay_stop(relay);
    nats_server_kill(&far);
    nats_server_kill(&server);
}

#define WITH_METRICS "--metrics-listen", "127.0.0.1:0"

static void find_http(struct process *process)
{
    const char *line = process_await_line(process, "metrics: listening on 127.0.0.1:");
    http_port = atoi(strstr(line, "127.0.0.1:") + strlen("127.0.0.1:"));
}

/* Serves WITH_METRICS. */
static void serve_first(const char *url)
{
    char id[INSTANCE_ID_BYTES];
    provider_start(&provider, url, WITH_METRICS, NULL);
    find_http(&provider);
    provider_await_ready(&provider, id);
}

static void check_metric(const char *name, int value)
{
    char line[128];
    (void)snprintf(line, sizeof line, "\n%s %d\n", name, value);
    struct http_reply page = http_get(http_port, "/metrics");
    ck_assert_msg(strstr(page.body, line) != NULL, "not %s %d", name, value);
    http_free(&page);
}

static void never_said(struct process *process, const char *text)
{
    process_read(process);
    ck_assert_msg(strstr(process->err.bytes, text) == NULL, "\"%s\" stands in the log: %s", text,
                  process->err.bytes);
}

static void set_value(const char *key, const char *value)
{
    json_decref(client_call(&client, JSON, "Set", "{s:s,s:s}", "key", key, "value", value));
}

/* ---- real ones ---- */

/* What of two has to happen, the provider being the older one. */
static void check_meeting(void)
{
    (void)process_await_line(&second, " error split: ");
    ck_assert_int_eq(process_await_exit(&second), 69);
    ck_assert_ptr_nonnull(strstr(second.err.bytes, "drained: "));
    (void)process_await_line(&provider, " error split: ");
    (void)process_await_line(&provider, "alone and ready again");
    http_await_status(http_port, "/readyz", 200);
    check_metric("wascc_keyvalue_split", 0);
    check_metric("wascc_keyvalue_splits_total", 1);
    provider_stop(&provider);
}

START_TEST(of_one_that_wakes_up_and_one_that_took_its_place_the_younger_goes)
{
    serve_first(server.url);
    client_open(&client, server.url);
    set_value("old", "here");
    process_freeze(&provider);
    provider_serve(&second, server.url, NULL);
    process_signal(&provider, SIGCONT);
    check_meeting();
    ck_assert_ptr_nonnull(strstr(second.err.bytes, "loses 0 keys"));
}
END_TEST

static const struct {
    const char *kind, *near, *distant;
} networks[] = {
    {"a leaf node", "leafnodes { listen: \"127.0.0.1:%d\" }\n",
     "leafnodes { reconnect: 1, remotes: [ { url: \"nats-leaf://127.0.0.1:%d\" } ] }\n"},
    {"a route", "server_name: near\ncluster { name: c, listen: \"127.0.0.1:%d\", no_advertise: true }\n",
     "server_name: far\ncluster { name: c, listen: \"127.0.0.1:-1\", no_advertise: true, "
     "routes: [ \"nats-route://127.0.0.1:%d\" ] }\n"},
};

static int port_of(const struct relay *to)
{
    char url[URL_BYTES];
    relay_url(to, url);
    return atoi(strrchr(url, ':') + 1);
}

START_TEST(of_two_on_both_sides_of_a_network_that_heals_the_younger_goes)
{
    char config[512];
    int port = free_port();
    nats_server_kill(&server);
    (void)snprintf(config, sizeof config, networks[_i].near, port);
    nats_server_start(&server, config);
    relay = relay_start(port);
    relay_set_door(relay, RELAY_REFUSING);
    (void)snprintf(config, sizeof config, networks[_i].distant, port_of(relay));
    nats_server_start(&far, config);
    serve_first(server.url);
    client_open(&client, server.url);
    set_value("k", "near");
    provider_serve(&second, far.url, NULL);
    relay_set_door(relay, RELAY_OPEN);
    check_meeting();
}
END_TEST

START_TEST(with_allow_split_both_go_on)
{
    natsSubscription *questions = NULL;
    natsMsg *question = NULL;
    serve_first(server.url);
    provider_serve(&second, server.url, "--allow-split", NULL);
    client_open(&client, server.url);
    ck_assert_int_eq(natsConnection_SubscribeSync(&questions, client.connection, QUESTION), NATS_OK);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(natsSubscription_NextMsg(&question, questions, WAIT_MS), NATS_OK);
        natsMsg_Destroy(question);
    }
    natsSubscription_Destroy(questions);
    never_said(&provider, "answers that it serves");
    never_said(&second, "split: ");
    ck_assert_int_eq(http_status(http_port, "/readyz"), 200);
    check_metric("wascc_keyvalue_splits_total", 0);
    provider_stop(&provider);
    provider_stop(&second);
}
END_TEST

/* ---- forged ones ---- */

/* Answers the questions of a binding's instances as another one would, on a thread of nats.c's. Its ids come
 * before all real ones, so that who starts yields to it. */
struct forger {
    natsSubscription *questions;
    const char *binding, *started, *phase, *engine;
    bool of_many_names;
    bool for_all;      /* answers other bindings' questions */
    _Atomic int left;  /* so many it answers yet */
    _Atomic int heard; /* so many it has answered */
};

static void forge(natsConnection *connection, natsSubscription *subscription, natsMsg *question,
                  void *closure)
{
    struct forger *forger = closure;
    char answer[512], binding[64];
    (void)subscription;
    (void)snprintf(binding, sizeof binding, "\"binding\":\"%s\"", forger->binding);
    if (natsMsg_GetReply(question) != NULL && atomic_load(&forger->left) > 0 &&
        (forger->for_all || strstr(natsMsg_GetData(question), binding) != NULL)) {
        int number = atomic_fetch_add(&forger->heard, 1);
        (void)snprintf(answer, sizeof answer,
                       "{\"type\":\"io.nats.micro.v1.ping_response\",\"name\":\"wascc-keyvalue\",\"id\":"
                       "\"-FORGED%d\",\"version\":\"1.0.0\",\"metadata\":{\"capability\":\"wascc:keyvalue\","
                       "\"lattice_namespace\":\"\",%s,\"engine\":\"%s\",\"phase\":\"%s\","
                       "\"started\":\"%s\"}}",
                       forger->of_many_names ? number : 0, binding, forger->engine, forger->phase,
                       forger->started);
        (void)natsConnection_PublishString(connection, natsMsg_GetReply(question), answer);
        (void)atomic_fetch_sub(&forger->left, 1);
    }
    natsMsg_Destroy(question);
}

static void forger_open(struct forger *forger, int answers)
{
    forger->binding = forger->binding == NULL ? "default" : forger->binding;
    forger->phase = forger->phase == NULL ? "serving" : forger->phase;
    forger->engine = forger->engine == NULL ? "memory" : forger->engine;
    atomic_store(&forger->left, answers);
    if (client.connection == NULL)
        client_open(&client, server.url);
    ck_assert_int_eq(natsConnection_Subscribe(&forger->questions, client.connection, QUESTION, forge, forger),
                     NATS_OK);
    ck_assert_int_eq(natsConnection_Flush(client.connection), NATS_OK);
}

/* The connection goes first: then no answer is under way any more. */
static void forgers_close(struct forger *forgers, int count)
{
    natsConnection_Close(client.connection);
    for (int i = 0; i < count; i++)
        natsSubscription_Destroy(forgers[i].questions);
    client_close(&client);
    harness_close_nats();
}

static void await_forged(struct forger *forger, int answers)
{
    long long deadline_ms = now_ms() + WAIT_MS;
    while (atomic_load(&forger->heard) < answers) {
        ck_assert_msg(now_ms() < deadline_ms, "it is not asked %d times", answers);
        nats_Sleep(5);
    }
}

#define LONG_AGO "2001-01-01T00:00:00.000000000Z"
#define FAR_AHEAD "2099-01-01T00:00:00.000000000Z"

static const char *const bindings[SEVERAL] = {"a", "b", "c"};

/* "A forged PONG at start must not keep a provider down for good": one answer, as many names as questions,
 * and one that starts for ever. */
START_TEST(forged_answers_at_the_start_only_delay_it)
{
    static const int answers[SEVERAL] = {1, 1000, 1000};
    struct forger forgers[SEVERAL] = {
        {.phase = "serving"}, {.phase = "serving", .of_many_names = true}, {.phase = "starting"}};
    char id[INSTANCE_ID_BYTES];
    for (int i = 0; i < SEVERAL; i++) {
        forgers[i].binding = bindings[i];
        forgers[i].started = LONG_AGO;
        forger_open(&forgers[i], answers[i]);
        provider_start(&several[i], server.url, "--binding", bindings[i], NULL);
    }
    for (int i = 0; i < SEVERAL; i++) {
        provider_await_ready(&several[i], id);
        ck_assert_int_ge(atomic_load(&forgers[i].heard), 1);
    }
    forgers_close(forgers, SEVERAL);
    for (int i = 0; i < SEVERAL; i++)
        provider_stop(&several[i]);
}
END_TEST

START_TEST(one_that_answers_each_time_is_believed_at_the_start_after_some_seconds)
{
    struct forger forger = {.started = FAR_AHEAD};
    forger_open(&forger, 1000);
    provider_start(&provider, server.url, NULL);
    ck_assert_int_eq(process_await_exit(&provider), 69);
    ck_assert_int_ge(atomic_load(&forger.heard), 5);
    ck_assert_ptr_nonnull(strstr(provider.err.bytes, "-FORGED0"));
    forgers_close(&forger, 1);
}
END_TEST

/* The data would be in two places. */
START_TEST(one_with_another_engine_is_no_less_in_the_way)
{
    struct forger forger = {.started = FAR_AHEAD, .engine = "jetstream"};
    forger_open(&forger, 1000);
    provider_start(&provider, server.url, NULL);
    ck_assert_int_eq(process_await_exit(&provider), 69);
    ck_assert_ptr_nonnull(
        strstr(provider.err.bytes, "with the engine jetstream, this one with the engine memory"));
    forgers_close(&forger, 1);
}
END_TEST

START_TEST(it_hears_that_it_is_to_stop_while_it_asks)
{
    struct forger forger = {.started = LONG_AGO, .of_many_names = true};
    forger_open(&forger, 1000);
    provider_start(&provider, server.url, NULL);
    await_forged(&forger, 2);
    long long begun_ms = now_ms();
    int asked = atomic_load(&forger.heard);
    process_signal(&provider, SIGTERM);
    ck_assert_int_eq(process_await_exit(&provider), 0);
    /* A busy machine has its time, if not that of a question more. */
    asked = atomic_load(&forger.heard) - asked;
    ck_assert_msg(now_ms() - begun_ms < 3000 || asked <= 1, "it has asked %d times since", asked);
    never_said(&provider, "ready: ");
    forgers_close(&forger, 1);
}
END_TEST

/* One answer, some, and as many names as questions. */
START_TEST(forged_answers_do_not_end_one_that_serves)
{
    static const int answers[SEVERAL] = {1, 5, 8};
    struct forger forgers[SEVERAL] = {
        {.of_many_names = false}, {.of_many_names = false}, {.of_many_names = true}};
    for (int i = 0; i < SEVERAL; i++)
        provider_serve(&several[i], server.url, "--binding", bindings[i], NULL);
    for (int i = 0; i < SEVERAL; i++) {
        forgers[i].binding = bindings[i];
        forgers[i].started = LONG_AGO;
        forger_open(&forgers[i], answers[i]);
    }
    for (int i = 0; i < SEVERAL; i++) {
        await_forged(&forgers[i], answers[i]);
        (void)process_await_line(&several[i], "no longer answers");
        never_said(&several[i], "split: ");
    }
    forgers_close(forgers, SEVERAL);
    for (int i = 0; i < SEVERAL; i++)
        provider_stop(&several[i]);
}
END_TEST

START_TEST(one_that_is_younger_and_does_not_go_makes_it_unready_until_it_is_silent)
{
    struct forger forger = {.started = FAR_AHEAD};
    serve_first(server.url);
    forger_open(&forger, 8);
    (void)process_await_line(&provider, " error split: ");
    ck_assert_int_eq(http_status(http_port, "/readyz"), 503);
    (void)process_await_line(&provider, "alone and ready again");
    ck_assert_int_eq(http_status(http_port, "/readyz"), 200);
    check_metric("wascc_keyvalue_splits_total", 1);
    forgers_close(&forger, 1);
    provider_stop(&provider);
}
END_TEST

START_TEST(one_on_another_binding_is_nobody)
{
    struct forger forger = {.started = LONG_AGO, .binding = "other", .for_all = true};
    forger_open(&forger, 1000);
    serve_first(server.url);
    await_forged(&forger, 3);
    never_said(&provider, "-FORGED0");
    forgers_close(&forger, 1);
    provider_stop(&provider);
}
END_TEST

/* ---- when it asks ---- */

static natsSubscription *questions;

/* Waits for the next question of the provider. Returns when it came. */
static long long next_question(void)
{
    natsMsg *question = NULL;
    ck_assert_int_eq(natsSubscription_NextMsg(&question, questions, WAIT_MS), NATS_OK);
    natsMsg_Destroy(question);
    return now_ms();
}

static void hear_questions(void)
{
    client_open(&client, server.url);
    ck_assert_int_eq(natsConnection_SubscribeSync(&questions, client.connection, QUESTION), NATS_OK);
}

#define STRANGER "{\"id\":\"STRANGER\",\"lattice_namespace\":\"\",\"binding\":\"default\",\"starting\":false}"

/* Of itself it asks two seconds after the last time at the earliest. A machine that is busy may take as long,
 * so that it is tried for a while. */
START_TEST(it_asks_at_once_where_there_is_reason)
{
    char url[URL_BYTES];
    bool by_other = _i == 1, soon = false;
    relay = relay_start(server.port);
    relay_url(relay, url);
    serve_first(url);
    hear_questions();
    for (long long until_ms = now_ms() + WAIT_MS; !soon && now_ms() < until_ms;) {
        long long last_ms = next_question();
        if (by_other) {
            ck_assert_int_eq(
                natsConnection_PublishRequestString(client.connection, QUESTION, "nobody", STRANGER),
                NATS_OK);
            (void)next_question(); /* the stranger's */
        } else {
            relay_cut(relay, RELAY_OPEN);
        }
        soon = next_question() - last_ms < 1900;
    }
    ck_assert(soon);
    natsSubscription_Destroy(questions);
    process_signal(&provider, SIGTERM);
    ck_assert_int_eq(process_await_exit(&provider), 0);
}
END_TEST

/* Nothing of all that costs one that is alone more than some tens of milliseconds: from its first question to
 * its event less than the 300 that it took before. A busy or slow machine may take them: there it is less
 * than twice what the process took to come to its question. */
START_TEST(one_that_is_alone_starts_at_once)
{
    natsSubscription *loaded = NULL;
    natsMsg *event = NULL;
    bool at_once = false;
    hear_questions();
    ck_assert_int_eq(natsConnection_SubscribeSync(&loaded, client.connection, "wasmbus.events"), NATS_OK);
    for (int i = 0; i < 8 && !at_once; i++) {
        long long begun_ms = now_ms();
        provider_start(&provider, server.url, NULL);
        long long asked_ms = next_question();
        ck_assert_int_eq(natsSubscription_NextMsg(&event, loaded, WAIT_MS), NATS_OK);
        natsMsg_Destroy(event);
        long long took_ms = now_ms() - asked_ms;
        at_once = took_ms < 250 || took_ms < 2 * (asked_ms - begun_ms);
        provider_stop(&provider);
        ck_assert_int_eq(natsSubscription_NextMsg(&event, loaded, WAIT_MS), NATS_OK);
        natsMsg_Destroy(event);
    }
    ck_assert(at_once);
    natsSubscription_Destroy(loaded);
    natsSubscription_Destroy(questions);
}
END_TEST

#define COUNT(rows) ((int)(sizeof(rows) / sizeof(rows)[0]))

Suite *split_suite(void)
{
    Suite *suite = suite_create("integration/split");
    TCase *tests = tcase_create("split");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_test(tests, of_one_that_wakes_up_and_one_that_took_its_place_the_younger_goes);
    tcase_add_loop_test(tests, of_two_on_both_sides_of_a_network_that_heals_the_younger_goes, 0,
                        COUNT(networks));
    tcase_add_test(tests, with_allow_split_both_go_on);
    tcase_add_test(tests, forged_answers_at_the_start_only_delay_it);
    tcase_add_test(tests, one_that_answers_each_time_is_believed_at_the_start_after_some_seconds);
    tcase_add_test(tests, one_with_another_engine_is_no_less_in_the_way);
    tcase_add_test(tests, it_hears_that_it_is_to_stop_while_it_asks);
    tcase_add_test(tests, forged_answers_do_not_end_one_that_serves);
    tcase_add_test(tests, one_that_is_younger_and_does_not_go_makes_it_unready_until_it_is_silent);
    tcase_add_test(tests, one_on_another_binding_is_nobody);
    tcase_add_loop_test(tests, it_asks_at_once_where_there_is_reason, 0, 2);
    tcase_add_test(tests, one_that_is_alone_starts_at_once);
    suite_add_tcase(suite, tests);
    return suite;
}
