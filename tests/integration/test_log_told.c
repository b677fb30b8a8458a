/* What instances with one log tell of it: STATS, /metrics, /readyz, Members and Digest (contract section 10),
 * and whom they refuse to serve beside. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claims.h"
#include "harness.h"
#include "http.h"
#include "jetstream.h"
#include "lib/room.h"
#include "service.h"

#define INSTANCES 2
#define JETSTREAM "--engine", "jetstream"

static struct js js;
static struct process instances[INSTANCES], other;
static struct client client, sys;
static int http_ports[INSTANCES];
static char ids[INSTANCES][INSTANCE_ID_BYTES];

static void start(void)
{
    js_start(&js, 1, NULL);
}

static void stop(void)
{
    client_close(&client);
    client_close(&sys);
    harness_close_nats();
    for (int i = 0; i < INSTANCES; i++)
        process_destroy(&instances[i]);
    process_destroy(&other);
    js_stop(&js);
}

static int metrics_port(struct process *process)
{
    const char *line = process_await_line(process, "metrics: listening on ");
    return atoi(strstr(line, "127.0.0.1:") + strlen("127.0.0.1:"));
}

static void serve(void)
{
    for (int i = 0; i < INSTANCES; i++)
        provider_start(&instances[i], js.url[0], JETSTREAM, "--metrics-listen", "127.0.0.1:0", NULL);
    for (int i = 0; i < INSTANCES; i++) {
        http_ports[i] = metrics_port(&instances[i]);
        provider_await_ready(&instances[i], ids[i]);
    }
    client_open(&client, js.url[0]);
    system_open(&sys, js.url[0]);
}

static void stop_instances(void)
{
    for (int i = 0; i < INSTANCES; i++)
        provider_stop(&instances[i]);
}

static void set_keys(const char *prefix, int count)
{
    json_t *items = json_array();
    for (int i = 0; i < count; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "%s%d", prefix, i);
        (void)json_array_append_new(items, json_pack("{s:{s:s,s:s}}", "set", "key", key, "value", "v"));
    }
    json_t *reply = client_call(&client, JSON, "Batch", "{s:o}", "requests", items);
    ck_assert(json_is_true(json_object_get(reply, "applied")));
    json_decref(reply);
}

/* ---- STATS and /metrics ---- */

static json_t *stats_of(int i)
{
    return service_ask(&client, "STATS", ids[i]);
}

/* Asks until the instance has applied the position, and something that it appended itself: whoever else
 * writes or ticks sooner leaves nothing for it to append but requests, of which it is given some. */
static json_t *await_position(int i, long long position)
{
    for (;;) {
        json_t *stats = stats_of(i);
        if (number_at(stats, "data.log.position") >= position &&
            number_at(stats, "data.log.append_p99_ns") > 0)
            return stats;
        json_decref(stats);
        set_keys("k", 20);
    }
}

static double metric(int i, const char *name)
{
    char line[128];
    struct http_reply page = http_get(http_ports[i], "/metrics");
    (void)snprintf(line, sizeof line, "\nwascc_keyvalue_log_%s ", name);
    const char *found = strstr(page.body, line);
    ck_assert_msg(found != NULL, "there is no %s", name);
    double value = strtod(found + strlen(line), NULL);
    http_free(&page);
    return value;
}

START_TEST(stats_and_metrics_tell_the_log)
{
    static const char *const numbers[] = {"position",      "lag_ms",        "appends", "operations",
                                          "append_p50_ns", "append_p99_ns", "resends", "snapshot_position",
                                          "snapshot_age_s"};
    serve();
    set_keys("k", 20);
    set_keys("l", 20);
    json_t *first = await_position(0, 1);
    json_t *second = await_position(1, number_at(first, "data.log.position"));
    long long done = number_at(first, "data.log.operations") + number_at(second, "data.log.operations");
    ck_assert_msg(done >= 2, "%lld operations", done);
    for (int i = 0; i < INSTANCES; i++) {
        json_t *stats = i == 0 ? first : second;
        char path[64];
        for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k++) {
            (void)snprintf(path, sizeof path, "data.log.%s", numbers[k]);
            ck_assert_int_ge(number_at(stats, path), 0);
        }
        ck_assert_int_ge(number_at(stats, "data.log.append_p99_ns"),
                         number_at(stats, "data.log.append_p50_ns"));
        ck_assert_int_gt(number_at(stats, "data.log.appends"), 0);
        ck_assert_int_eq(number_at(stats, "data.keys"), 40);
        ck_assert_uint_eq(json_array_size(member_at(stats, "data.members")), INSTANCES);
        ck_assert_str_eq(text_at(stats, "metadata.engine"), "jetstream");
        ck_assert_uint_eq(strlen(text_at(stats, "metadata.log")), 16);
        ck_assert_double_ge(metric(i, "position"), (double)number_at(stats, "data.log.position"));
        ck_assert_double_ge(metric(i, "appends_total"), (double)number_at(stats, "data.log.appends"));
        ck_assert_double_eq(metric(i, "members"), INSTANCES);
        ck_assert_double_eq(metric(i, "diverged"), 0);
        ck_assert_double_gt(metric(i, "append_p99_seconds"), 0);
        ck_assert_double_gt(metric(i, "bytes"), 1000);
        ck_assert_double_ge(metric(i, "consumers_made_total"), 1);
        ck_assert_double_eq(metric(i, "foreign_total"), 0);
    }
    ck_assert_str_eq(text_at(first, "metadata.log"), text_at(second, "metadata.log"));
    json_decref(first);
    json_decref(second);
    stop_instances();
}
END_TEST

START_TEST(a_message_of_somebody_else_is_counted)
{
    serve();
    ck_assert_int_eq(
        natsConnection_PublishString(client.connection, "wascc-kv.default-caeaa1ac.log", "foreign"), NATS_OK);
    ck_assert_int_eq(natsConnection_Flush(client.connection), NATS_OK);
    for (int i = 0; i < INSTANCES; i++)
        while (metric(i, "foreign_total") < 1)
            nats_Sleep(20);
    stop_instances();
}
END_TEST

/* ---- Members and Digest ---- */

static bool is_listed(const json_t *members, const char *id)
{
    for (size_t i = 0; i < json_array_size(members); i++)
        if (strcmp(text_at(json_array_get(members, i), "instance"), id) == 0)
            return true;
    return false;
}

/* All BEATs have told of so many keys. */
static bool all_have(const json_t *members, long long keys)
{
    for (size_t i = 0; i < json_array_size(members); i++)
        if (number_at(json_array_get(members, i), "keys") != keys)
            return false;
    return true;
}

START_TEST(members_are_told_alike_by_each)
{
    serve();
    set_keys("k", 20);
    for (int i = 0; i < INSTANCES; i++) {
        json_t *reply = client_call(&sys, JSON, "Members", "{s:s}", "instance", ids[i]);
        while (!all_have(member_at(reply, "members"), 20)) {
            json_decref(reply);
            nats_Sleep(50);
            reply = client_call(&sys, JSON, "Members", "{s:s}", "instance", ids[i]);
        }
        const json_t *members = member_at(reply, "members");
        ck_assert_uint_eq(json_array_size(members), INSTANCES);
        for (int k = 0; k < INSTANCES; k++) {
            const json_t *member = json_array_get(members, (size_t)k);
            check_shape(member, "instance:s version:s position:i lag_ms:i keys:i bytes:i");
            ck_assert(is_listed(members, ids[k]));
            ck_assert_str_eq(text_at(member, "version"), WKV_VERSION);
            ck_assert_int_gt(number_at(member, "position"), 0);
            ck_assert_int_ge(number_at(member, "lag_ms"), 0);
            ck_assert_int_gt(number_at(member, "bytes"), 0);
        }
        json_decref(reply);
    }
    stop_instances();
}
END_TEST

/* One question to all; checks that their answers are the same, and writes the digest. */
static long long digest_all(char digest[17])
{
    natsSubscription *answers = NULL;
    char inbox[64];
    static int number;
    long long position = -1;
    (void)snprintf(inbox, sizeof inbox, "digests.%d", number++);
    ck_assert_int_eq(natsConnection_SubscribeSync(&answers, sys.connection, inbox), NATS_OK);
    ck_assert_int_eq(
        natsConnection_PublishRequestString(sys.connection, DEFAULT_BASE ".system.Digest", inbox, "{}"),
        NATS_OK);
    for (int i = 0; i < INSTANCES; i++) {
        natsMsg *message = NULL;
        ck_assert_int_eq(natsSubscription_NextMsg(&message, answers, WAIT_MS), NATS_OK);
        json_t *reply = json_of(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
        check_shape(reply, "position:i digest:s");
        ck_assert_uint_eq(strspn(text_at(reply, "digest"), "0123456789abcdef"), 16);
        if (i == 0) {
            position = number_at(reply, "position");
            (void)snprintf(digest, 17, "%s", text_at(reply, "digest"));
        }
        ck_assert_int_eq(number_at(reply, "position"), position);
        ck_assert_str_eq(text_at(reply, "digest"), digest);
        json_decref(reply);
        natsMsg_Destroy(message);
    }
    natsSubscription_Destroy(answers);
    return position;
}

START_TEST(a_digest_is_taken_by_each_at_the_same_position)
{
    char empty[17], one[17], again[17], changed[17], restored[17];
    serve();
    (void)digest_all(empty);
    for (int i = 0; i < 12; i++) {
        char prefix[8];
        (void)snprintf(prefix, sizeof prefix, "%d-", i);
        set_keys(prefix, 1000); /* several slices */
    }
    long long position = digest_all(one);
    ck_assert_int_gt(digest_all(again), position);
    ck_assert_str_ne(one, empty);
    ck_assert_str_eq(one, again);
    json_decref(client_call(&client, JSON, "Set", "{s:s,s:s}", "key", "3-7", "value", "w"));
    (void)digest_all(changed);
    ck_assert_str_ne(changed, one);
    json_decref(client_call(&client, JSON, "Set", "{s:s,s:s}", "key", "3-7", "value", "v"));
    (void)digest_all(restored);
    ck_assert_str_eq(restored, one);
    /* One that reads all of it anew comes to the same. */
    provider_stop(&instances[1]);
    process_destroy(&instances[1]);
    provider_serve(&instances[1], js.url[0], JETSTREAM, NULL);
    (void)digest_all(restored);
    ck_assert_str_eq(restored, one);
    stop_instances();
}
END_TEST

/* ---- who may serve beside whom ---- */

START_TEST(the_engine_memory_does_not_start_beside_a_log)
{
    serve();
    provider_start(&other, js.url[0], "--engine", "memory", NULL);
    ck_assert_int_eq(process_await_exit(&other), 69);
    ck_assert_ptr_nonnull(
        strstr(other.err.bytes, "with the engine jetstream, this one with the engine memory"));
    stop_instances();
}
END_TEST

START_TEST(a_log_is_not_served_beside_the_engine_memory)
{
    provider_serve(&other, js.url[0], "--engine", "memory", NULL);
    provider_start(&instances[0], js.url[0], JETSTREAM, NULL);
    ck_assert_int_eq(process_await_exit(&instances[0]), 69);
    ck_assert_ptr_nonnull(
        strstr(instances[0].err.bytes, "with the engine memory, this one with the engine jetstream"));
    provider_stop(&other);
}
END_TEST

/* Says that it serves from another log, older than any other. */
static void forge(natsConnection *connection, natsSubscription *subscription, natsMsg *question,
                  void *closure)
{
    (void)subscription, (void)closure;
    if (natsMsg_GetReply(question) != NULL)
        (void)natsConnection_PublishString(
            connection, natsMsg_GetReply(question),
            "{\"type\":\"io.nats.micro.v1.ping_response\",\"name\":\"wascc-keyvalue\",\"id\":\"FORGED\","
            "\"version\":\"1.0.0\",\"metadata\":{\"capability\":\"wascc:keyvalue\",\"lattice_namespace\":"
            "\"\","
            "\"binding\":\"default\",\"engine\":\"jetstream\",\"log\":\"00000000000000ab\",\"phase\":"
            "\"serving\","
            "\"started\":\"2001-01-01T00:00:00.000000000Z\"}}");
    natsMsg_Destroy(question);
}

START_TEST(another_log_on_the_same_address_ends_the_younger)
{
    natsSubscription *questions = NULL;
    serve();
    ck_assert_int_eq(
        natsConnection_Subscribe(&questions, client.connection, "$SRV.PING.wascc-keyvalue", forge, NULL),
        NATS_OK);
    for (int i = 0; i < INSTANCES; i++) {
        ck_assert_int_eq(process_await_exit(&instances[i]), 69);
        ck_assert_ptr_nonnull(
            strstr(instances[i].err.bytes, "from the log 00000000000000ab, this one from the log "));
    }
    natsConnection_Close(client.connection);
    natsSubscription_Destroy(questions);
}
END_TEST

/* ---- /readyz ---- */

START_TEST(readyz_says_recovering_until_it_has_caught_up)
{
    js_kill(&js, 0);
    provider_start(&other, js.url[0], JETSTREAM, "--metrics-listen", "127.0.0.1:0", NULL);
    int port = metrics_port(&other);
    struct http_reply reply = http_get(port, "/readyz");
    ck_assert_int_eq(reply.status, 503);
    ck_assert_str_eq(reply.body, "recovering: 0%\n");
    http_free(&reply);
    js_start_server(&js, 0, NULL);
    http_await_status(port, "/readyz", 200);
    /* Out of touch: nothing comes back any more. */
    js_freeze(&js, 0);
    http_await_status(port, "/readyz", 503);
    reply = http_get(port, "/readyz");
    ck_assert_ptr_nonnull(strstr(reply.body, "out of touch with the log"));
    http_free(&reply);
    js_wake(&js, 0);
    http_await_status(port, "/readyz", 200);
    provider_stop(&other);
}
END_TEST

Suite *log_told_suite(void)
{
    Suite *suite = suite_create("integration/log_told");
    TCase *tests = tcase_create("log_told");
    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_test(tests, stats_and_metrics_tell_the_log);
    tcase_add_test(tests, a_message_of_somebody_else_is_counted);
    tcase_add_test(tests, members_are_told_alike_by_each);
    tcase_add_test(tests, a_digest_is_taken_by_each_at_the_same_position);
    tcase_add_test(tests, the_engine_memory_does_not_start_beside_a_log);
    tcase_add_test(tests, a_log_is_not_served_beside_the_engine_memory);
    tcase_add_test(tests, another_log_on_the_same_address_ends_the_younger);
    tcase_add_test(tests, readyz_says_recovering_until_it_has_caught_up);
    suite_add_tcase(suite, tests);
    return suite;
}
