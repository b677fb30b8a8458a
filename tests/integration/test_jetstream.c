/* Contract section 10 with one NATS server: `serve --engine jetstream`, one instance or several. */
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "claims.h"
#include "harness.h"
#include "http.h"
#include "instances.h"
#include "record/record.h"
#include "service.h"
#include "support/buffer.h"

static struct js js;
static struct instance one, two;
static struct client client;

static void start(void)
{
    js_start(&js, 1, NULL);
    instance_serve(&one, js.urls, NULL);
    two = (struct instance){.http_port = 0};
    client_open(&client, js.urls);
}

static void stop(void)
{
    client_close(&client);
    instance_kill(&one);
    instance_kill(&two);
    js_stop(&js);
    harness_close_nats();
}

static json_t *call(const char *operation, const char *format, const char *key, const char *value)
{
    return client_call(&client, JSON, operation, format, "key", key, "value", value);
}

static void set(const char *key, const char *value)
{
    json_decref(call("Set", "{ss,ss}", key, value));
}

static void check_value(const char *key, const char *value)
{
    json_t *reply = client_call(&client, JSON, "Get", "{ss}", "key", key);
    ck_assert_msg(json_is_true(json_object_get(reply, "exists")), "%s is gone", key);
    ck_assert_str_eq(text_at(reply, "value"), value);
    json_decref(reply);
}

/* A key of each kind, and one that expires at once. */
static void fill(void)
{
    set("scalar", "text");
    json_decref(call("Push", "{ss,ss}", "list", "a"));
    json_decref(call("Push", "{ss,ss}", "list", "b"));
    json_decref(call("SetAdd", "{ss,ss}", "set", "member"));
    json_decref(client_call(&client, JSON, "Increment", "{ss,si}", "key", "counter", "delta", 41));
    json_decref(client_call(&client, JSON, "Increment", "{ss,si}", "key", "counter", "delta", 1));
    json_decref(
        client_call(&client, JSON, "Set", "{ss,ss,si}", "key", "short", "value", "x", "expires_s", 1));
}

static void check_filled(void)
{
    json_t *reply = client_call(&client, JSON, "Range", "{ss,si,si}", "key", "list", "start", 0, "stop", -1);
    ck_assert_uint_eq(json_array_size(json_object_get(reply, "values")), 2);
    json_decref(reply);
    reply = client_call(&client, JSON, "SetContains", "{ss,ss}", "key", "set", "value", "member");
    ck_assert(json_is_true(json_object_get(reply, "contains")));
    json_decref(reply);
    reply = client_call(&client, JSON, "Increment", "{ss,si}", "key", "counter", "delta", 0);
    ck_assert_int_eq(number_at(reply, "value"), 42);
    json_decref(reply);
    check_value("scalar", "text");
}

START_TEST(the_data_outlives_the_process)
{
    fill();
    instance_stop(&one);
    instance_serve(&one, js.urls, NULL);
    check_filled();
    instance_kill(&one);
    instance_serve(&one, js.urls, NULL);
    check_filled();
    while (client_exists(&client, "short"))
        (void)usleep(50000);
}
END_TEST

START_TEST(the_data_outlives_the_server)
{
    fill();
    js_kill(&js, 0);
    http_await_status(one.http_port, "/readyz", 503);
    js_start_server(&js, 0, NULL);
    http_await_status(one.http_port, "/readyz", 200);
    client_close(&client);
    client_open(&client, js.urls);
    (void)instance_ask_until(&client, "Get", "{\"key\":\"scalar\"}");
    check_filled();
}
END_TEST

/* "Reads are linearizable by default: what was answered before the read was sent is seen, whoever served it."
 */
START_TEST(two_instances_serve_the_same_data)
{
    instance_serve(&two, js.urls, NULL);
    for (int i = 0; i < 300; i++) {
        char value[16];
        (void)snprintf(value, sizeof value, "%d", i);
        set("shared", value);
        check_value("shared", value);
    }
    instance_stop(&one);
    check_value("shared", "299");
    set("shared", "by the other");
    instance_serve(&one, js.urls, NULL);
    instance_stop(&two);
    check_value("shared", "by the other");
}
END_TEST

/* "One host's BindActor holds at every instance." */
START_TEST(a_binding_holds_at_every_instance)
{
    struct client system;
    instance_serve(&two, js.urls, NULL);
    client_open(&system, js.urls);
    client_call_on(&system, DEFAULT_BASE, "system");
    set("k", "before");
    struct answer answer =
        bind_ask(&system, JSON, "BindActor", (struct papers){.claims = NULL}, ACTOR, "a-keyspace");
    ck_assert_int_eq(answer.code, 0);
    answer_free(&answer);
    for (int i = 0; i < 50; i++)
        ck_assert(!client_exists(&client, "k"));
    set("k", "after");
    instance_kill(&one);
    (void)instance_ask_until(&client, "Get", "{\"key\":\"k\"}"); /* the first may go to the dead */
    for (int i = 0; i < 10; i++)
        check_value("k", "after");
    instance_serve(&one, js.urls, NULL);
    instance_kill(&two);
    (void)instance_ask_until(&client, "Get", "{\"key\":\"k\"}"); /* the first may go to the dead */
    check_value("k", "after");
    client_close(&system);
}
END_TEST

#define ASKED 8

/* Asks so often as the actor that both instances are asked, and does not wait for the answers. */
static natsSubscription *ask_many(const char *actor)
{
    static const char request[] = "{\"key\":\"k\"}";
    char subject[256];
    natsSubscription *answers = NULL;
    (void)snprintf(subject, sizeof subject, "%s.%s.Get", DEFAULT_BASE, actor);
    ck_assert_int_eq(natsConnection_SubscribeSync(&answers, client.connection, actor), NATS_OK);
    for (int i = 0; i < ASKED; i++)
        ck_assert_int_eq(natsConnection_PublishRequest(client.connection, subject, actor, request,
                                                       (int)sizeof request - 1),
                         NATS_OK);
    ck_assert_int_eq(natsConnection_FlushTimeout(client.connection, WAIT_MS), NATS_OK);
    return answers;
}

static void check_answers(natsSubscription *answers)
{
    for (int i = 0; i < ASKED; i++) {
        natsMsg *answer = NULL;
        const char *code = "";
        ck_assert_int_eq(natsSubscription_NextMsg(&answer, answers, WAIT_MS), NATS_OK);
        ck_assert_msg(natsMsgHeader_Get(answer, "Nats-Service-Error-Code", &code) != NATS_OK, "%s", code);
        natsMsg_Destroy(answer);
    }
    natsSubscription_Destroy(answers);
}

/* The host is answered by the first instance that has applied it; another, which sleeps here and finds the
 * requests when it wakes, looks at the log before it refuses. */
START_TEST(who_has_just_been_bound_is_served_by_any)
{
    struct client system;
    char bound[32];
    instance_stop(&one);
    instance_serve(&one, js.urls, "--require-binding", NULL);
    instance_serve(&two, js.urls, "--require-binding", NULL);
    client_open(&system, js.urls);
    client_call_on(&system, DEFAULT_BASE, "system");
    for (int i = 0; i < 8; i++) {
        (void)snprintf(bound, sizeof bound, "MBOUND%d", i);
        process_freeze(&two.process);
        struct answer answer =
            bind_ask(&system, JSON, "BindActor", (struct papers){.claims = NULL}, bound, NULL);
        ck_assert_int_eq(answer.code, 0);
        answer_free(&answer);
        natsSubscription *answers = ask_many(bound);
        process_signal(&two.process, SIGCONT);
        check_answers(answers);
    }
    client_call_on(&client, DEFAULT_BASE, "MNOBODY");
    struct answer answer = client_send(&client, "Get", "{\"key\":\"k\"}", strlen("{\"key\":\"k\"}"));
    ck_assert_int_eq(answer.code, 403);
    answer_free(&answer);
    client_close(&system);
}
END_TEST

/* Anybody may ask as an actor that nobody has bound: the log is not theirs to fill. */
START_TEST(requests_that_are_refused_write_little_into_the_log)
{
    enum { REFUSED = 30, LEAST_MS = 20 };
    static const char request[] = "{\"key\":\"k\"}";
    instance_stop(&one);
    instance_serve(&one, js.urls, "--require-binding", NULL);
    client_call_on(&client, DEFAULT_BASE, "MNOBODY");
    long long begun_ms = now_ms();
    for (int i = 0; i < REFUSED; i++) {
        struct answer answer = client_send(&client, "Get", request, sizeof request - 1);
        ck_assert_int_eq(answer.code, 403);
        answer_free(&answer);
    }
    ck_assert_int_ge(now_ms() - begun_ms, (REFUSED - 1) * (LEAST_MS - 1));
}
END_TEST

START_TEST(an_id_is_once_over_all_instances)
{
    static const char request[] = "{\"key\":\"once\",\"delta\":1}";
    int duplicates = 0;
    instance_serve(&two, js.urls, NULL);
    for (int i = 0; i < 20; i++) {
        const char *duplicate = NULL;
        struct answer answer =
            client_send_with(&client, "Increment", request, sizeof request - 1, "Nats-Msg-Id", "1", NULL);
        ck_assert_int_eq(answer.code, 0);
        ck_assert_msg(answer.len == strlen("{\"value\":\"1\"}") || answer.len == strlen("{\"value\":1}"),
                      "%.*s", (int)answer.len, answer.data);
        duplicates += natsMsgHeader_Get(answer.message, "Wascc-Duplicate", &duplicate) == NATS_OK;
        answer_free(&answer);
    }
    ck_assert_int_eq(duplicates, 19);
    instance_kill(&one);
    instance_kill(&two);
    instance_serve(&one, js.urls, NULL);
    struct answer answer =
        client_send_with(&client, "Increment", request, sizeof request - 1, "Nats-Msg-Id", "1", NULL);
    check_header(&answer, "Wascc-Duplicate", "true");
    answer_free(&answer);
}
END_TEST

/* "Served at once by one instance, at most 3 s stale, else 503." */
START_TEST(a_local_read_is_served_until_it_would_be_stale)
{
    static const char request[] = "{\"key\":\"k\"}";
    set("k", "v");
    struct answer answer =
        client_send_with(&client, "Get", request, sizeof request - 1, "Wascc-Reads", "local", NULL);
    ck_assert_int_eq(answer.code, 0);
    answer_free(&answer);
    json_decref(js_ask(&js, "STREAM.DELETE." LOG_STREAM, NULL));
    long long began_ms = now_ms();
    int code = 0;
    while (code == 0 && now_ms() - began_ms < 10000) {
        answer = client_send_with(&client, "Get", request, sizeof request - 1, "Wascc-Reads", "local", NULL);
        code = answer.code;
        answer_free(&answer);
    }
    ck_assert_int_eq(code, 503);
    ck_assert_int_lt(now_ms() - began_ms, 5000);
}
END_TEST

/* "Stream deleted: unready; never makes a new one while running." */
START_TEST(a_log_that_is_gone_is_told_and_not_made_anew)
{
    set("k", "v");
    ck_assert_int_eq(http_status(one.http_port, "/readyz"), 200);
    json_decref(js_ask(&js, "STREAM.DELETE." LOG_STREAM, NULL));
    http_await_status(one.http_port, "/readyz", 503);
    (void)process_await_line(&one.process, "is gone");
    long long began_ms = now_ms();
    int code = instance_ask(&client, "Set", "{\"key\":\"k\",\"value\":\"w\"}", NULL);
    ck_assert_msg(code == 503 || code == 504 || code == -2, "%d", code);
    ck_assert_int_lt(now_ms() - began_ms, 3500);
    json_t *said = js_ask(&js, "STREAM.INFO." LOG_STREAM, NULL);
    ck_assert_int_eq(number_at(said, "error.err_code"), 10059);
    json_decref(said);
    /* Nor at the next start, though no snapshot tells of what was there. */
    instance_kill(&one);
    instance_start(&one, js.urls, NULL);
    ck_assert_int_eq(process_await_exit(&one.process), 69);
    ck_assert_ptr_nonnull(strstr(one.process.err.bytes, "says that a log was begun"));
    process_destroy(&one.process);
    said = js_ask(&js, "STREAM.INFO." LOG_STREAM, NULL);
    ck_assert_int_eq(number_at(said, "error.err_code"), 10059);
    json_decref(said);
}
END_TEST

START_TEST(what_somebody_else_publishes_on_the_log_is_ignored)
{
    instance_serve(&two, js.urls, NULL);
    set("k", "v");
    ck_assert_int_eq(natsConnection_PublishString(client.connection, LOG_SUBJECT, "no record"), NATS_OK);
    ck_assert_int_eq(natsConnection_PublishString(client.connection, LOG_SUBJECT, ""), NATS_OK);
    ck_assert_int_eq(natsConnection_Flush(client.connection), NATS_OK);
    for (int i = 0; i < 10; i++)
        check_value("k", "v");
    set("k", "w");
    check_value("k", "w");
    ck_assert_int_eq((int)instance_metric(&one, "\nwascc_keyvalue_log_foreign_total "), 2);
    instance_kill(&one);
    instance_serve(&one, js.urls, NULL);
    instance_kill(&two);
    (void)instance_ask_until(&client, "Get", "{\"key\":\"k\"}"); /* the first may go to the dead */
    check_value("k", "w");
}
END_TEST

/* A record that is whole, of a format that nobody knows yet. */
static void append_newer(void)
{
    unsigned char first[4096];
    size_t len;
    uint64_t log_id;
    struct wkv_buffer buffer;
    json_t *said = js_ask(&js, "STREAM.MSG.GET." LOG_STREAM, "{\"seq\":1}");
    const char *data = text_at(said, "message.data");
    ck_assert_int_eq(sodium_base642bin(first, sizeof first, data, strlen(data), NULL, &len, NULL,
                                       sodium_base64_VARIANT_ORIGINAL),
                     0);
    json_decref(said);
    ck_assert(wkv_record_log_id((struct wkv_text){(const char *)first, len}, &log_id));
    const struct wkv_record_key key = wkv_record_key_of(log_id);
    const struct wkv_record record = {.kind = WKV_RECORD_BATCH, .format = 200};
    wkv_buffer_init(&buffer);
    ck_assert(wkv_record_write(&record, &key, &buffer));
    ck_assert_int_eq(natsConnection_Publish(client.connection, LOG_SUBJECT, buffer.data, (int)buffer.len),
                     NATS_OK);
    wkv_buffer_destroy(&buffer);
}

/* "Exit 70: the log is written by a newer version." */
START_TEST(a_record_of_a_newer_version_ends_an_older_one)
{
    set("k", "v");
    append_newer();
    ck_assert_int_eq(process_await_exit(&one.process), 70);
    ck_assert_ptr_nonnull(strstr(one.process.err.bytes, "newer version"));
    process_destroy(&one.process);
    instance_start(&one, js.urls, NULL);
    ck_assert_int_eq(process_await_exit(&one.process), 70);
}
END_TEST

START_TEST(evictions_are_refused)
{
    struct process process;
    ck_assert_int_eq(program_run(&process, NULL, NULL, "serve", "--auth", "none", "--server", js.urls,
                                 "--engine", "jetstream", "--max-memory", "1mb", "--evict", "lru", NULL),
                     64);
    ck_assert_ptr_nonnull(strstr(process.err.bytes, "--evict"));
    process_destroy(&process);
}
END_TEST

START_TEST(a_stream_that_is_not_ours_is_69)
{
    instance_stop(&one);
    json_decref(js_ask(&js, "STREAM.DELETE." LOG_STREAM, NULL));
    json_decref(js_ask(&js, "STREAM.DELETE." SNAP_STREAM, NULL));
    json_decref(js_ask(&js, "STREAM.CREATE." LOG_STREAM,
                       "{\"name\":\"" LOG_STREAM "\",\"subjects\":[\"" LOG_SUBJECT "\"]}"));
    instance_start(&one, js.urls, NULL);
    ck_assert_int_eq(process_await_exit(&one.process), 69);
    ck_assert_ptr_nonnull(strstr(one.process.err.bytes, LOG_STREAM));
}
END_TEST

START_TEST(without_jetstream_it_is_69)
{
    struct nats_server bare;
    struct process process;
    nats_server_start(&bare, "jetstream: disabled\n");
    ck_assert_int_eq(program_run(&process, NULL, NULL, "serve", "--auth", "none", "--server", bare.url,
                                 "--engine", "jetstream", NULL),
                     69);
    ck_assert_ptr_nonnull(strstr(process.err.bytes, "JetStream"));
    process_destroy(&process);
    nats_server_kill(&bare);
}
END_TEST

START_TEST(an_instance_of_another_engine_is_69)
{
    struct process process;
    ck_assert_int_eq(program_run(&process, NULL, NULL, "serve", "--auth", "none", "--server", js.urls, NULL),
                     69);
    process_destroy(&process);
    instance_stop(&one);
    struct process memory;
    provider_serve(&memory, js.urls, "--engine", "memory", NULL);
    instance_start(&one, js.urls, NULL);
    ck_assert_int_eq(process_await_exit(&one.process), 69);
    provider_stop(&memory);
}
END_TEST

/* "An instance paused wakes": what it answers is right or an error. */
START_TEST(an_instance_that_slept_reads_nothing_stale)
{
    instance_serve(&two, js.urls, NULL);
    set("k", "before");
    process_freeze(&two.process);
    for (long long end_ms = now_ms() + 4000; now_ms() < end_ms;)
        (void)instance_ask(&client, "Set", "{\"key\":\"k\",\"value\":\"after\"}", NULL);
    (void)instance_ask_until(&client, "Set", "{\"key\":\"k\",\"value\":\"after\"}");
    process_signal(&two.process, SIGCONT);
    for (int i = 0; i < 200; i++) {
        struct answer answer = client_send(&client, "Get", "{\"key\":\"k\"}", 11);
        ck_assert_msg(answer.code == 0 || answer.code == 503, "%d %s", answer.code, answer.text);
        if (answer.code == 0)
            ck_assert_ptr_nonnull(memmem(answer.data, answer.len, "after", 5));
        answer_free(&answer);
    }
    http_await_status(two.http_port, "/readyz", 200);
}
END_TEST

START_TEST(instances_that_are_killed_lose_and_double_nothing)
{
    struct tally tally = {.done = 0};
    instance_serve(&two, js.urls, NULL);
    for (int i = 0; i < 3; i++) {
        instance_count(&client, "c", 500, &tally);
        instance_kill(&one);
        instance_count(&client, "c", 1000, &tally);
        instance_serve(&one, js.urls, NULL);
        instance_count(&client, "c", 300, &tally);
        instance_kill(&two);
        instance_count(&client, "c", 500, &tally);
        instance_serve(&two, js.urls, NULL);
    }
    instance_check_count(&client, "c", &tally);
}
END_TEST

/* Two snapshots and a thousand messages are kept. What is no record has a position, too, and half of the
 * changes go to the one that sleeps. The server sends it 32 MB at the most, which it then has. */
static void fill_log(void)
{
    static char large[65536];
    for (int i = 0; i < 300; i++) {
        (void)natsConnection_Publish(client.connection, LOG_SUBJECT, large, sizeof large);
        if (i % 30 == 0)
            (void)natsConnection_PublishRequestString(client.connection, DEFAULT_BASE "." ACTOR ".Set",
                                                      "_INBOX.nobody", "{\"key\":\"k\",\"value\":\"v\"}");
    }
    (void)natsConnection_Flush(client.connection);
    (void)usleep(100000);
}

/* "Log truncated below a lagging instance: recover", while the other serves. */
START_TEST(an_instance_that_slept_through_a_purge_begins_anew)
{
    /* With a sanitizer a snapshot takes longer than anybody waits here. */
    if (provider_is_sanitized())
        return;
    instance_stop(&one);
    instance_serve(&one, js.urls, "--snapshot-every", "1s", NULL);
    instance_serve(&two, js.urls, "--snapshot-every", "1s", NULL);
    struct tally tally = {.done = 0};
    instance_count(&client, "c", 300, &tally);
    process_freeze(&two.process);
    /* What is on its way to it already it will find when it wakes: 32 MB of these are some 550 messages. */
    long long seen = js_last(&js, LOG_STREAM) + 1000, first = 0;
    /* It may sleep with the claim to write a snapshot, which holds for 60 s. */
    for (long long end_ms = now_ms() + 2 * WAIT_MS; first <= seen;) {
        ck_assert_msg(now_ms() < end_ms, "nothing was purged: %lld", first);
        fill_log();
        json_t *said = js_stream(&js, LOG_STREAM);
        first = number_at(said, "state.first_seq");
        json_decref(said);
    }
    process_signal(&two.process, SIGCONT);
    (void)process_await_line(&two.process, "cut off");
    (void)process_await_line(&two.process, "ready: "); /* its page was gone for a moment, too */
    http_await_status(two.http_port, "/readyz", 200);
    instance_stop(&one);
    instance_check_count(&client, "c", &tally);
}
END_TEST

/* "--replicas given and not possible": it waits and says why. */
START_TEST(replicas_that_there_are_no_servers_for_are_waited_for)
{
    instance_start(&two, js.urls, "--binding", "other", "--replicas", "3", NULL);
    (void)process_await_line(&two.process, "replicas > 1 not supported");
    ck_assert_int_eq(http_status(two.http_port, "/readyz"), 503);
    instance_kill(&two);
    instance_serve(&two, js.urls, "--binding", "other", "--replicas", "1", NULL);
}
END_TEST

/* "Two bindings' logs on one server: apart." */
START_TEST(bindings_have_logs_of_their_own)
{
    struct client other;
    instance_serve(&two, js.urls, "--binding", "other", NULL);
    client_open(&other, js.urls);
    client_call_on(&other, "wasmbus.provider.wascc.keyvalue.other", ACTOR);
    set("k", "v");
    ck_assert(!client_exists(&other, "k"));
    instance_kill(&one);
    ck_assert_int_eq(instance_ask(&other, "Set", "{\"key\":\"k\",\"value\":\"w\"}", NULL), 0);
    instance_serve(&one, js.urls, NULL);
    check_value("k", "v");
    client_close(&other);
}
END_TEST

/* DESIGN 1: a caller names any reply subject, and the answer would be a message of the log. */
START_TEST(no_answer_goes_into_the_log)
{
    static const char *const replies[] = {LOG_SUBJECT, "wascc-kv.default-caeaa1ac.chunk",
                                          ("$JS.API.STREAM.DELETE." LOG_STREAM)};
    set("k", "v");
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++)
        ck_assert_int_eq(natsConnection_PublishRequestString(client.connection, DEFAULT_BASE "." ACTOR ".Get",
                                                             replies[i], "{\"key\":\"k\"}"),
                         NATS_OK);
    check_value("k", "v");
    set("k", "w");
    check_value("k", "w");
    ck_assert_int_eq((int)instance_metric(&one, "\nwascc_keyvalue_log_foreign_total "), 0);
    ck_assert_int_eq(js_last(&js, SNAP_STREAM), 1); /* that the log was begun */
}
END_TEST

/* "Discovery: metadata engine is jetstream; data of STATS has log and members." */
START_TEST(discovery_tells_of_the_log)
{
    set("k", "v");
    json_t *info = service_ask(&client, "INFO", one.id);
    ck_assert_str_eq(text_at(info, "metadata.engine"), "jetstream");
    json_decref(info);
    json_t *stats = service_ask(&client, "STATS", one.id);
    ck_assert_int_gt(number_at(stats, "data.log.position"), 1);
    ck_assert_int_gt(number_at(stats, "data.log.appends"), 0);
    ck_assert_int_gt(number_at(stats, "data.log.operations"), 0);
    (void)number_at(stats, "data.log.lag_ms");
    (void)number_at(stats, "data.log.append_p50_ns");
    (void)number_at(stats, "data.log.append_p99_ns");
    (void)number_at(stats, "data.log.resends");
    (void)number_at(stats, "data.log.snapshot_position");
    (void)number_at(stats, "data.log.snapshot_age_s");
    ck_assert_ptr_nonnull(member_at(stats, "data.members"));
    json_decref(stats);
}
END_TEST

Suite *jetstream_suite(void)
{
    Suite *suite = suite_create("integration/jetstream");
    TCase *tcase = tcase_create("jetstream");
    tcase_set_timeout(tcase, 3 * WAIT_MS / 1000.0);
    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_test(tcase, the_data_outlives_the_process);
    tcase_add_test(tcase, the_data_outlives_the_server);
    tcase_add_test(tcase, two_instances_serve_the_same_data);
    tcase_add_test(tcase, a_binding_holds_at_every_instance);
    tcase_add_test(tcase, who_has_just_been_bound_is_served_by_any);
    tcase_add_test(tcase, requests_that_are_refused_write_little_into_the_log);
    tcase_add_test(tcase, an_id_is_once_over_all_instances);
    tcase_add_test(tcase, a_local_read_is_served_until_it_would_be_stale);
    tcase_add_test(tcase, a_log_that_is_gone_is_told_and_not_made_anew);
    tcase_add_test(tcase, what_somebody_else_publishes_on_the_log_is_ignored);
    tcase_add_test(tcase, a_record_of_a_newer_version_ends_an_older_one);
    tcase_add_test(tcase, evictions_are_refused);
    tcase_add_test(tcase, a_stream_that_is_not_ours_is_69);
    tcase_add_test(tcase, without_jetstream_it_is_69);
    tcase_add_test(tcase, an_instance_of_another_engine_is_69);
    tcase_add_test(tcase, an_instance_that_slept_reads_nothing_stale);
    tcase_add_test(tcase, instances_that_are_killed_lose_and_double_nothing);
    tcase_add_test(tcase, an_instance_that_slept_through_a_purge_begins_anew);
    tcase_add_test(tcase, replicas_that_there_are_no_servers_for_are_waited_for);
    tcase_add_test(tcase, bindings_have_logs_of_their_own);
    tcase_add_test(tcase, no_answer_goes_into_the_log);
    tcase_add_test(tcase, discovery_tells_of_the_log);
    suite_add_tcase(suite, tcase);
    return suite;
}
