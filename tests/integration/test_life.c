/* From start to restart: connecting with back-off, ready when confirmed, a server that goes and comes
 * back, one instance on a binding, and what it says of itself on $SRV. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

static struct nats_server server;
static struct process provider, second;
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
    process_destroy(&second);
    nats_server_kill(&server);
}

/* Everything that a process has said so far must not hold the text. */
static void never_said(struct process *process, const char *text)
{
    process_read(process);
    ck_assert_msg(strstr(process->err.bytes, text) == NULL && strstr(process->out.bytes, text) == NULL,
                  "\"%s\" stands in the log: %s", text, process->err.bytes);
}

/* Asks until the provider is heard again on this server. */
static void await_served(void)
{
    long long deadline_ms = now_ms() + WAIT_MS;
    for (;;) {
        struct answer answer = client_send(&client, "KeyExists", "{\"key\":\"x\"}", 11);
        natsStatus status = answer.status;
        answer_free(&answer);
        if (status == NATS_OK)
            return;
        ck_assert_int_eq(status, NATS_NO_RESPONDERS);
        ck_assert_msg(now_ms() < deadline_ms, "it is not served again");
    }
}

static void check_value(const char *key, const char *value)
{
    json_t *reply = client_call(&client, JSON, "Get", "{s:s}", "key", key);
    ck_assert_str_eq(json_string_value(json_object_get(reply, "value")), value);
    json_decref(reply);
}

static void set_value(const char *key, const char *value)
{
    json_decref(client_call(&client, JSON, "Set", "{s:s,s:s}", "key", key, "value", value));
}

/* ---- connecting ---- */

START_TEST(it_starts_before_its_server_and_says_so)
{
    char id[INSTANCE_ID_BYTES], url[URL_BYTES];
    int port = free_port();
    url_of(port, url);
    nats_server_kill(&server);
    provider_start(&provider, url, NULL);
    (void)process_await_line(&provider, "trying again in ");
    nats_server_start_on(&server, port, NULL);
    provider_await_ready(&provider, id);
    client_open(&client, server.url);
    ck_assert_int_eq(client_add(&client, PROTOBUF, "n", 1), 1);
    provider_stop(&provider);
}
END_TEST

/* "Ready is logged only when every subscription is confirmed by the server." */
START_TEST(who_sees_ready_is_answered_at_once)
{
    static const char *const workers[] = {"1", "2", "3", "8"};
    client_open(&client, server.url);
    for (int round = 0; round < 12; round++) {
        provider_serve(&provider, server.url, "--workers", workers[round % 4], NULL);
        for (int i = 0; operations[i] != NULL; i++) {
            struct answer answer = client_send(&client, operations[(i + round) % operation_count], "", 0);
            ck_assert_msg(answer.status == NATS_OK, "%s: %s", operations[(i + round) % operation_count],
                          natsStatus_GetText(answer.status));
            answer_free(&answer);
        }
        provider_stop(&provider);
    }
}
END_TEST

#define USERS                                                                                                \
    "authorization { users = [\n"                                                                            \
    "  {user: \"u\", password: \"hunter2secret\"},\n"                                                        \
    "  {user: \"nopush\", password: \"p\", permissions: {subscribe: {deny: "                                 \
    "[\"wasmbus.provider.wascc.keyvalue.default.*.Push\"]}}},\n"                                             \
    "  {user: \"noping\", password: \"p\", permissions: {subscribe: {deny: [\"$SRV.>\"]}}},\n"               \
    "  {user: \"nothing\", password: \"p\", permissions: {subscribe: {deny: [\">\"]}}}\n"                    \
    "] }\n"

static void restart_with(const char *config)
{
    int port = server.port;
    nats_server_kill(&server);
    nats_server_start_on(&server, port, config);
}

START_TEST(a_subscription_that_the_server_refuses_ends_it_with_a_clear_error)
{
    static const char *const rows[][2] = {{"nopush", "wasmbus.provider.wascc.keyvalue.default.*.Push"},
                                          {"noping", "$SRV.PING"},
                                          {"nothing", "subscri"}};
    restart_with(USERS);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        provider_start(&provider, server.url, "--user", rows[i][0], "--password", "p", NULL);
        int status = process_await_exit(&provider);
        ck_assert_msg(status != 0, "%s: %s", rows[i][0], provider.err.bytes);
        ck_assert_msg(strstr(provider.err.bytes, rows[i][1]) != NULL &&
                          strstr(provider.err.bytes, " error ") != NULL,
                      "%s: %s", rows[i][0], provider.err.bytes);
        never_said(&provider, "ready:");
        process_destroy(&provider);
    }
}
END_TEST

/* It keeps trying: who runs the server may yet let it in, and it can say so without saying what it tried
 * with. */
START_TEST(a_wrong_password_is_tried_again_and_never_shown)
{
    char url[URL_BYTES];
    restart_with(USERS);
    provider_start(&provider, server.url, "--user", "u", "--password", "wrongSECRET", "--log-level", "debug",
                   NULL);
    (void)process_await_line(&provider, "trying again");
    (void)process_await_line(&provider, "trying again");
    never_said(&provider, "SECRET");
    provider_stop(&provider);
    (void)snprintf(url, sizeof url, "nats://u:wrong%%40SECRET@127.0.0.1:%d", server.port);
    provider_start(&provider, url, "--log-level", "debug", NULL);
    (void)process_await_line(&provider, "trying again");
    never_said(&provider, "SECRET");
    never_said(&provider, "u:");
    provider_stop(&provider);
    (void)snprintf(url, sizeof url, "nats://u:hunter2secret@127.0.0.1:%d", server.port);
    provider_serve(&provider, url, "--log-level", "debug", NULL);
    nats_server_kill(&server);
    /* System, discovery, watches and two workers: what is lost already need not be drained. */
    for (int i = 0; i < 5; i++)
        (void)process_await_line(&provider, "disconnected");
    never_said(&provider, "hunter2secret");
    process_signal(&provider, SIGTERM);
    ck_assert_int_eq(process_await_exit(&provider), 0);
    never_said(&provider, "hunter2secret");
}
END_TEST

/* ---- a server that goes and comes back ---- */

START_TEST(a_server_killed_and_started_again_finds_the_data_intact)
{
    provider_serve(&provider, server.url, NULL);
    for (int round = 0; round < 3; round++) {
        client_open(&client, server.url);
        await_served();
        if (round > 0) {
            check_value("kept", "here");
            ck_assert_int_eq(client_add(&client, PROTOBUF, "n", 0), round);
        }
        set_value("kept", "here");
        ck_assert_int_eq(client_add(&client, PROTOBUF, "n", 1), round + 1);
        client_close(&client);
        restart_with(NULL);
        for (int i = 0; i < 5; i++)
            (void)process_await_line(&provider, "reconnected");
    }
    provider_stop(&provider);
}
END_TEST

START_TEST(it_says_what_happened_to_the_server)
{
    provider_serve(&provider, server.url, NULL);
    nats_server_kill(&server);
    (void)process_await_line(&provider, "disconnected from the server; the data stays");
    nats_server_start_on(&server, server.port, NULL);
    (void)process_await_line(&provider, "reconnected");
    provider_stop(&provider);
}
END_TEST

/* The limit that a reply is held against is the one of the server of now. */
START_TEST(another_max_payload_after_a_restart_counts)
{
    char value[2001];
    memset(value, 'v', 2000);
    value[2000] = '\0';
    provider_serve(&provider, server.url, NULL);
    client_open(&client, server.url);
    set_value("wide", value);
    check_value("wide", value);
    client_close(&client);
    restart_with("max_payload: 1024\n");
    for (int i = 0; i < 5; i++)
        (void)process_await_line(&provider, "reconnected");
    client_open(&client, server.url);
    await_served();
    client_refused(&client, JSON, "Get", 413, "max_payload is 1024", "{s:s}", "key", "wide");
    provider_stop(&provider);
}
END_TEST

/* A server that locks it out for a while is no reason to lose what is in memory. */
START_TEST(locked_out_and_let_in_again_it_still_has_the_data)
{
    restart_with("authorization { user: u, password: one }\n");
    char url[URL_BYTES];
    (void)snprintf(url, sizeof url, "nats://u:one@127.0.0.1:%d", server.port);
    provider_serve(&provider, url, NULL);
    client_open(&client, url);
    set_value("kept", "here");
    client_close(&client);
    restart_with("authorization { user: u, password: two }\n");
    (void)process_await_line(&provider, "trying again");
    restart_with("authorization { user: u, password: one }\n");
    client_open(&client, url);
    await_served();
    check_value("kept", "here");
    provider_stop(&provider);
}
END_TEST

/* ---- one instance on a binding ---- */

START_TEST(a_second_instance_on_the_same_binding_exits_69)
{
    char id[INSTANCE_ID_BYTES];
    provider_start(&provider, server.url, "--lattice-namespace", "ns", "--binding", "b", NULL);
    provider_await_ready(&provider, id);
    provider_start(&second, server.url, "--lattice-namespace", "ns", "--binding", "b", NULL);
    ck_assert_int_eq(process_await_exit(&second), 69);
    ck_assert_ptr_nonnull(strstr(second.err.bytes, id));
    ck_assert_ptr_nonnull(strstr(second.err.bytes, "--allow-split"));
    never_said(&second, "ready:");
    client_open(&client, server.url);
    client_call_on(&client, "ns.wasmbus.provider.wascc.keyvalue.b", ACTOR);
    ck_assert_int_eq(client_add(&client, JSON, "n", 1), 1);
    provider_stop(&provider);
}
END_TEST

START_TEST(another_binding_or_namespace_is_another_place)
{
    static const char *const others[][2] = {{"", "other"}, {"ns", "default"}, {"ns.sub", "default"}};
    provider_serve(&provider, server.url, NULL);
    client_open(&client, server.url);
    set_value("k", "first");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char base[128];
        provider_serve(&second, server.url, "--lattice-namespace", others[i][0], "--binding", others[i][1],
                       NULL);
        (void)snprintf(base, sizeof base, "%s%swasmbus.provider.wascc.keyvalue.%s", others[i][0],
                       *others[i][0] == '\0' ? "" : ".", others[i][1]);
        client_call_on(&client, base, ACTOR);
        ck_assert(!client_exists(&client, "k"));
        set_value("k", "second");
        client_call_on(&client, DEFAULT_BASE, ACTOR);
        check_value("k", "first");
        provider_stop(&second);
    }
    provider_stop(&provider);
}
END_TEST

#define SHARED_REQUESTS 400

static unsigned long answered_by(struct process *process)
{
    unsigned long answered = 0;
    process_signal(process, SIGTERM);
    ck_assert_int_eq(process_await_exit(process), 0);
    const char *line = strstr(process->err.bytes, "drained: ");
    ck_assert_ptr_nonnull(line);
    ck_assert_int_eq(sscanf(line, "drained: %lu requests answered", &answered), 1);
    return answered;
}

START_TEST(with_allow_split_both_serve_in_one_queue_group)
{
    static const char add[] = "{\"key\":\"n\",\"value\":1}";
    struct pipeline pipeline;
    provider_serve(&provider, server.url, NULL);
    provider_serve(&second, server.url, "--allow-split", NULL);
    ck_assert_ptr_nonnull(strstr(second.err.bytes, "--allow-split"));
    client_open(&client, server.url);
    pipeline_open(&pipeline, &client, SHARED_REQUESTS);
    for (int i = 0; i < SHARED_REQUESTS; i++)
        ck_assert(pipeline_send(&pipeline, "Add", add, sizeof add - 1));
    pipeline_settle(&pipeline, 0);
    ck_assert_uint_eq(pipeline.ok, SHARED_REQUESTS);
    ck_assert_uint_eq(pipeline.repeated, 0);
    pipeline_close(&pipeline);
    unsigned long first_part = answered_by(&provider), second_part = answered_by(&second);
    ck_assert_uint_gt(first_part, 0);
    ck_assert_uint_gt(second_part, 0);
    ck_assert_uint_eq(first_part + second_part, SHARED_REQUESTS);
}
END_TEST

#define PAIRS 10

/* One whose answer took longer than anybody waits at the start, as on a machine that is too busy, is met by
 * and by: then it is the younger one that goes. */
static void check_late_meeting(struct process pair[2])
{
    static const char goes[] = "is older than this one";
    long long deadline_ms = now_ms() + WAIT_MS;
    for (int i = 0;; i = 1 - i) {
        process_read(&pair[i]);
        if (strstr(pair[i].err.bytes, goes) != NULL) {
            ck_assert_int_eq(process_await_exit(&pair[i]), 69);
            return;
        }
        ck_assert_msg(now_ms() < deadline_ms, "2 serve:\n%s%s", pair[0].err.bytes, pair[1].err.bytes);
        nats_Sleep(5);
    }
}

/* One must say that it is ready, the other that it is not alone. */
static void check_pair(struct process pair[2], const char *binding)
{
    int served = 0, refused = 0;
    for (int i = 0; i < 2; i++) {
        /* The line that decides names the binding; which of the two it is, it says itself. */
        const char *line = process_await_line(&pair[i], binding);
        if (strstr(line, "ready:") != NULL && strchr(line, '\n') > strstr(line, "ready:")) {
            served++;
        } else {
            ck_assert_int_eq(process_await_exit(&pair[i]), 69);
            refused++;
        }
    }
    if (served == 2) {
        check_late_meeting(pair);
        return;
    }
    ck_assert_msg(served == 1 && refused == 1, "%d serve and %d do not:\n%s%s", served, refused,
                  pair[0].err.bytes, pair[1].err.bytes);
}

START_TEST(of_two_started_at_the_same_moment_exactly_one_serves)
{
    static struct process pairs[PAIRS][2];
    char binding[32];
    for (int i = 0; i < PAIRS; i++) {
        (void)snprintf(binding, sizeof binding, "pair-%d", i);
        provider_start(&pairs[i][0], server.url, "--binding", binding, "--workers", "1", NULL);
        provider_start(&pairs[i][1], server.url, "--binding", binding, "--workers", "1", NULL);
        /* A few pairs at once, so that their starts are pulled apart differently each time. */
        if (i % 3 == 2 || i == PAIRS - 1) {
            for (int j = i - i % 3; j <= i; j++) {
                (void)snprintf(binding, sizeof binding, "pair-%d", j);
                check_pair(pairs[j], binding);
                process_destroy(&pairs[j][0]);
                process_destroy(&pairs[j][1]);
            }
        }
    }
}
END_TEST

/* ---- what it says of itself ---- */

static json_t *ask_service(const char *subject)
{
    natsMsg *message = NULL;
    natsStatus status = natsConnection_RequestString(&message, client.connection, subject, "", WAIT_MS);
    ck_assert_msg(status == NATS_OK, "%s: %s", subject, natsStatus_GetText(status));
    json_t *answer = json_of(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
    natsMsg_Destroy(message);
    return answer;
}

static void check_text(const json_t *object, const char *name, const char *text)
{
    const char *got = json_string_value(json_object_get(object, name));
    ck_assert_msg(got != NULL && strcmp(got, text) == 0, "%s is %s instead of %s", name, got, text);
}

/* Contract section 8, after ADR-32. */
START_TEST(it_answers_srv_ping)
{
    char id[INSTANCE_ID_BYTES], by_id[128];
    int major, minor, patch;
    provider_start(&provider, server.url, "--lattice-namespace", "ns", "--binding", "b", NULL);
    provider_await_ready(&provider, id);
    client_open(&client, server.url);
    (void)snprintf(by_id, sizeof by_id, "$SRV.PING.wascc-keyvalue.%s", id);
    const char *const subjects[] = {"$SRV.PING", "$SRV.PING.wascc-keyvalue", by_id};
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
        json_t *answer = ask_service(subjects[i]);
        check_text(answer, "type", "io.nats.micro.v1.ping_response");
        check_text(answer, "name", "wascc-keyvalue");
        check_text(answer, "id", id);
        ck_assert_int_eq(
            sscanf(json_string_value(json_object_get(answer, "version")), "%d.%d.%d", &major, &minor, &patch),
            3);
        const json_t *metadata = json_object_get(answer, "metadata");
        check_text(metadata, "capability", "wascc:keyvalue");
        check_text(metadata, "lattice_namespace", "ns");
        check_text(metadata, "binding", "b");
        check_text(metadata, "engine", "memory");
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)(uintptr_t)metadata, key, value)
            ck_assert_msg(json_is_string(value), "ADR-32's metadata holds texts only: %s", key);
        json_decref(answer);
    }
    provider_stop(&provider);
}
END_TEST

START_TEST(each_instance_answers_srv_ping)
{
    char ids[2][INSTANCE_ID_BYTES];
    natsSubscription *answers = NULL;
    provider_start(&provider, server.url, NULL);
    provider_await_ready(&provider, ids[0]);
    provider_start(&second, server.url, "--allow-split", NULL);
    provider_await_ready(&second, ids[1]);
    ck_assert_str_ne(ids[0], ids[1]);
    client_open(&client, server.url);
    ck_assert_int_eq(natsConnection_SubscribeSync(&answers, client.connection, "answers"), NATS_OK);
    ck_assert_int_eq(natsConnection_PublishRequest(client.connection, "$SRV.PING", "answers", "", 0),
                     NATS_OK);
    bool heard[2] = {false, false};
    for (int i = 0; i < 2; i++) {
        natsMsg *message = NULL;
        ck_assert_int_eq(natsSubscription_NextMsg(&message, answers, WAIT_MS), NATS_OK);
        for (int j = 0; j < 2; j++)
            heard[j] |= strstr(natsMsg_GetData(message), ids[j]) != NULL;
        natsMsg_Destroy(message);
    }
    ck_assert(heard[0] && heard[1]);
    natsSubscription_Destroy(answers);
    provider_stop(&second);
    provider_stop(&provider);
}
END_TEST

Suite *life_suite(void)
{
    Suite *suite = suite_create("integration/life");
    TCase *tests = tcase_create("life");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_test(tests, it_starts_before_its_server_and_says_so);
    tcase_add_test(tests, who_sees_ready_is_answered_at_once);
    tcase_add_test(tests, a_subscription_that_the_server_refuses_ends_it_with_a_clear_error);
    tcase_add_test(tests, a_wrong_password_is_tried_again_and_never_shown);
    tcase_add_test(tests, a_server_killed_and_started_again_finds_the_data_intact);
    tcase_add_test(tests, it_says_what_happened_to_the_server);
    tcase_add_test(tests, another_max_payload_after_a_restart_counts);
    tcase_add_test(tests, locked_out_and_let_in_again_it_still_has_the_data);
    tcase_add_test(tests, a_second_instance_on_the_same_binding_exits_69);
    tcase_add_test(tests, another_binding_or_namespace_is_another_place);
    tcase_add_test(tests, with_allow_split_both_serve_in_one_queue_group);
    tcase_add_test(tests, of_two_started_at_the_same_moment_exactly_one_serves);
    tcase_add_test(tests, it_answers_srv_ping);
    tcase_add_test(tests, each_instance_answers_srv_ping);
    suite_add_tcase(suite, tests);
    return suite;
}
