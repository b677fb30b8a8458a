/* --max-memory: "bounds what the store holds; at the budget writes get 507 while reads, deletes and expiry
 * go on". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#define BUDGET_MB 16
#define VALUE_BYTES 1000
#define IN_FLIGHT 256
#define MOST_KEYS 100000

static struct nats_server server;
static struct process provider;
static struct client client;

static void start(void)
{
    nats_server_start(&server, NULL);
    provider_serve(&provider, server.url, "--max-memory", "16mb", NULL);
    client_open(&client, server.url);
}

static void stop(void)
{
    client_close(&client);
    harness_close_nats();
    process_destroy(&provider);
    nats_server_kill(&server);
}

/* Sets a key of VALUE_BYTES through the pipeline. */
static void send_set(struct pipeline *pipeline, int number)
{
    static char value[VALUE_BYTES + 1];
    char request[VALUE_BYTES + 64];
    memset(value, 'v', VALUE_BYTES);
    int len = snprintf(request, sizeof request, "{\"key\":\"key-%d\",\"value\":\"%s\"}", number, value);
    ck_assert(pipeline_send(pipeline, "Set", request, (size_t)len));
}

/* Sets one key after the other, from `first` on, until some are refused for want of memory. Returns how
 * many were taken. */
static size_t fill(int first)
{
    struct pipeline pipeline;
    pipeline_open(&pipeline, &client, MOST_KEYS);
    for (int i = first; pipeline.errors == 0; i++) {
        send_set(&pipeline, i);
        pipeline_settle(&pipeline, IN_FLIGHT);
    }
    pipeline_settle(&pipeline, 0);
    ck_assert_int_eq(pipeline.last_code, 507);
    size_t taken = pipeline.ok;
    pipeline_close(&pipeline);
    return taken;
}

static int set_code(const char *key, const char *value)
{
    json_t *request = json_pack("{s:s,s:s}", "key", key, "value", value);
    struct answer answer = client_ask(&client, PROTOBUF, "Set", request);
    int code = answer.code;
    json_decref(request);
    answer_free(&answer);
    return code;
}

static void delete_key(int number)
{
    char key[32];
    (void)snprintf(key, sizeof key, "key-%d", number);
    json_decref(client_call(&client, JSON, "Del", "{s:s}", "key", key));
}

START_TEST(at_the_budget_reads_deletes_and_then_writes_go_on)
{
    char large[20001];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    size_t taken = fill(0);
    /* A key's bytes and value are the least that it takes, and twice that would be waste. */
    size_t payload = taken * (VALUE_BYTES + 9);
    ck_assert_uint_lt(payload, (size_t)BUDGET_MB << 20);
    ck_assert_uint_gt(payload, (size_t)BUDGET_MB << 19);
    ck_assert_int_eq(set_code("large", large), 507);
    json_t *reply = client_call(&client, JSON, "Get", "{s:s}", "key", "key-0");
    ck_assert_uint_eq(json_string_length(json_object_get(reply, "value")), VALUE_BYTES);
    json_decref(reply);
    ck_assert(!client_exists(&client, "large"));
    for (int i = 0; i < 100; i++)
        delete_key(i);
    ck_assert_int_eq(set_code("large", large), 0);
    ck_assert(client_exists(&client, "large"));
    provider_stop(&provider);
}
END_TEST

/* Full, emptied and full again: the second time takes as much as the first. */
START_TEST(what_is_deleted_can_be_used_again)
{
    size_t first = fill(0);
    struct pipeline pipeline;
    char request[64];
    pipeline_open(&pipeline, &client, MOST_KEYS);
    for (size_t i = 0; i < first + IN_FLIGHT + 1; i++) {
        int len = snprintf(request, sizeof request, "{\"key\":\"key-%zu\"}", i);
        ck_assert(pipeline_send(&pipeline, "Del", request, (size_t)len));
        pipeline_settle(&pipeline, IN_FLIGHT);
    }
    pipeline_settle(&pipeline, 0);
    ck_assert_uint_eq(pipeline.errors, 0);
    pipeline_close(&pipeline);
    size_t again = fill(1000000);
    ck_assert_msg(again * 10 >= first * 9, "%zu keys at first, %zu after all were deleted", first, again);
    provider_stop(&provider);
}
END_TEST

/* Full of keys that stay, but for a few that do not. */
START_TEST(keys_that_expire_make_room)
{
    char value[VALUE_BYTES + 1], key[32];
    memset(value, 'v', VALUE_BYTES);
    value[VALUE_BYTES] = '\0';
    (void)fill(0);
    /* Expiry has overheads of its own in each shard: room for more than the keys. */
    for (int i = 0; i < 400; i++)
        delete_key(i);
    for (int i = 0; i < 50; i++) {
        (void)snprintf(key, sizeof key, "brief-%d", i);
        json_decref(client_call(&client, PROTOBUF, "Set", "{s:s,s:s,s:i}", "key", key, "value", value,
                                "expires_s", 3));
    }
    (void)fill(1000000);
    long long deadline_ms = now_ms() + WAIT_MS;
    int made = 0;
    while (made < 40) {
        (void)snprintf(key, sizeof key, "after-%d", made);
        if (set_code(key, value) == 0)
            made++;
        ck_assert_msg(now_ms() < deadline_ms, "room for %d only", made);
    }
    provider_stop(&provider);
}
END_TEST

/* The bound is one on the process, give or take what is not the store. */
START_TEST(the_process_grows_no_more_than_the_budget_allows)
{
    long before_kb = process_rss_kb(&provider);
    (void)fill(0);
    long grown_kb = process_rss_kb(&provider) - before_kb;
    ck_assert_int_lt(grown_kb, BUDGET_MB * 1024 + BUDGET_MB * 1024 / 10 + 8 * 1024);
    ck_assert_int_gt(grown_kb, BUDGET_MB * 1024 / 2);
    provider_stop(&provider);
}
END_TEST

Suite *memory_budget_suite(void)
{
    Suite *suite = suite_create("integration/memory_budget");
    TCase *tests = tcase_create("memory_budget");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_test(tests, at_the_budget_reads_deletes_and_then_writes_go_on);
    tcase_add_test(tests, what_is_deleted_can_be_used_again);
    tcase_add_test(tests, keys_that_expire_make_room);
    if (provider_is_sanitized())
        (void)printf("skip integration/memory_budget the size of the process is a sanitizer's here\n");
    else
        tcase_add_test(tests, the_process_grows_no_more_than_the_budget_allows);
    suite_add_tcase(suite, tests);
    return suite;
}
