/* --evict: "at the budget, instead of 507, keys that were not read or written lately go". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "service.h"

#define VALUE_BYTES 1000
#define IN_FLIGHT 256
#define MORE_THAN_FIT 8000

static struct nats_server server;
static struct process provider;
static struct client client;

static void start(const char *evict)
{
    nats_server_start(&server, NULL);
    provider_may_hold_all_shards();
    provider_serve(&provider, server.url, "--max-memory", "4mb", "--evict", evict, NULL);
    client_open(&client, server.url);
}

static void stop(void)
{
    client_close(&client);
    harness_close_nats();
    process_destroy(&provider);
    nats_server_kill(&server);
}

static void start_any(void)
{
    start("any");
}

static void start_expiring(void)
{
    start("expiring");
}

static char value[VALUE_BYTES + 1];

/* Sets so many keys, or fewer where one is refused. Returns how many were taken. */
static size_t fill(const char *prefix, int count, int expires_s)
{
    struct pipeline pipeline;
    char request[VALUE_BYTES + 128];
    memset(value, 'v', VALUE_BYTES);
    pipeline_open(&pipeline, &client, (size_t)count);
    for (int i = 0; i < count && pipeline.errors == 0; i++) {
        int len = snprintf(request, sizeof request, "{\"key\":\"%s-%d\",\"value\":\"%s\",\"expires_s\":%d}",
                           prefix, i, value, expires_s);
        ck_assert(pipeline_send(&pipeline, "Set", request, (size_t)len));
        pipeline_settle(&pipeline, IN_FLIGHT);
    }
    pipeline_settle(&pipeline, 0);
    ck_assert(pipeline.errors == 0 || pipeline.last_code == 507);
    size_t taken = pipeline.ok;
    pipeline_close(&pipeline);
    return taken;
}

/* Every operation that adds is done where there is no room but what others leave. */
START_TEST(at_the_budget_every_write_is_done)
{
    char key[32];
    ck_assert_uint_eq(fill("k", MORE_THAN_FIT, 0), MORE_THAN_FIT);
    for (int i = 1; i <= 300; i++) {
        ck_assert_int_eq(client_push(&client, JSON, "list", value), i);
        (void)snprintf(key, sizeof key, "member-%d", i);
        json_decref(client_call(&client, PROTOBUF, "SetAdd", "{s:s,s:s}", "key", "set", "value", key));
        ck_assert_int_eq(client_add(&client, JSON, "counter", 1), i);
        (void)snprintf(key, sizeof key, "swap-%d", i);
        json_decref(client_call(&client, JSON, "CompareAndSet", "{s:s,s:s}", "key", key, "value", value));
        json_decref(client_call(&client, JSON, "Expire", "{s:s,s:i}", "key", key, "expires_ms", 60000));
    }
    json_t *stats = service_stats(&client);
    ck_assert_int_gt(number_at(stats, "data.evicted"), MORE_THAN_FIT / 2);
    ck_assert_int_lt(number_at(stats, "data.bytes"), 4 << 20);
    json_decref(stats);
    provider_stop(&provider);
}
END_TEST

static json_t *batch_of(int round, bool atomic)
{
    json_t *items = json_array();
    char key[32];
    for (int i = 0; i < 200; i++) {
        (void)snprintf(key, sizeof key, "batch-%d-%d", round, i);
        (void)json_array_append_new(items, json_pack("{s:{s:s,s:s}}", "set", "key", key, "value", value));
    }
    return json_pack("{s:o,s:b}", "requests", items, "atomic", atomic);
}

START_TEST(batches_and_what_is_done_once_find_room_too)
{
    ck_assert_uint_eq(fill("k", MORE_THAN_FIT, 0), MORE_THAN_FIT);
    for (int round = 0; round < 40; round++) {
        json_t *request = batch_of(round, round % 2 == 0);
        char *bytes = json_dumps(request, JSON_COMPACT), id[32];
        (void)snprintf(id, sizeof id, "id-%d", round);
        /* An answer that is remembered is as long as the values, and stays. */
        struct answer first =
            round % 5 == 0 ? client_send_with(&client, "Batch", bytes, strlen(bytes), "Nats-Msg-Id", id, NULL)
                           : client_send(&client, "Batch", bytes, strlen(bytes));
        ck_assert_int_eq(first.code, 0);
        json_t *body = json_loadb(first.data, first.len, 0, NULL), *reply;
        json_t *replies = json_object_get(body, "replies");
        ck_assert_msg(json_is_true(json_object_get(body, "applied")), "round %d", round);
        size_t i;
        json_array_foreach(replies, i, reply)
            ck_assert_msg(json_object_get(reply, "error") == NULL, "round %d: item %zu", round, i);
        json_decref(body);
        answer_free(&first);
        free(bytes);
        json_decref(request);
    }
    /* Their ids are remembered, however much has gone. */
    json_t *request = batch_of(0, true);
    char *bytes = json_dumps(request, JSON_COMPACT);
    struct answer again =
        client_send_with(&client, "Batch", bytes, strlen(bytes), "Nats-Msg-Id", "id-0", NULL);
    check_header(&again, "Wascc-Duplicate", "true");
    answer_free(&again);
    free(bytes);
    json_decref(request);
    provider_stop(&provider);
}
END_TEST

START_TEST(expiring_takes_keys_with_an_expiry_and_then_refuses)
{
    ck_assert_uint_eq(fill("goes", MORE_THAN_FIT, 3600), MORE_THAN_FIT);
    size_t stays = fill("stays", MORE_THAN_FIT, 0);
    ck_assert_uint_lt(stays, MORE_THAN_FIT);
    ck_assert_uint_gt(stays, 2000);
    json_t *stats = service_stats(&client);
    ck_assert_int_eq(number_at(stats, "data.keys"), (long long)stays);
    ck_assert_int_eq(number_at(stats, "data.evicted"), MORE_THAN_FIT);
    json_decref(stats);
    ck_assert_uint_eq(fill("goes", 1, 3600), 0);
    ck_assert(client_exists(&client, "stays-0"));
    provider_stop(&provider);
}
END_TEST

Suite *evict_suite(void)
{
    Suite *suite = suite_create("integration/evict");
    TCase *any = tcase_create("any");
    tcase_add_checked_fixture(any, start_any, stop);
    tcase_add_test(any, at_the_budget_every_write_is_done);
    tcase_add_test(any, batches_and_what_is_done_once_find_room_too);
    suite_add_tcase(suite, any);
    TCase *expiring = tcase_create("expiring");
    tcase_add_checked_fixture(expiring, start_expiring, stop);
    tcase_add_test(expiring, expiring_takes_keys_with_an_expiry_and_then_refuses);
    suite_add_tcase(suite, expiring);
    return suite;
}
