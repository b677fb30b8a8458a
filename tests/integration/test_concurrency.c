/* Many clients at once: nothing is lost, nothing done twice, each client's order is kept, and a union sees
 * its sets at one moment. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#define CLIENTS 8
#define ROUNDS 150

static void start_shared(void)
{
    nats_server_start(&shared.server, NULL);
    provider_serve(&shared.provider, shared.server.url, "--workers", "3", "--shards", "4", NULL);
}

/* One client with a connection and a thread of its own. Odd ones speak JSON, even ones protobuf. */
struct worker {
    struct client client;
    pthread_t thread;
    int number;
    enum encoding encoding;
    int applied; /* of its batches, where it counts them */
    void (*work)(struct worker *worker);
};

static void *run(void *argument)
{
    struct worker *worker = argument;
    worker->work(worker);
    return NULL;
}

/* Gives each client the work, and waits for all. Returns how many of their batches were applied. */
static int run_clients(void (*work)(struct worker *worker))
{
    struct worker workers[CLIENTS];
    int applied = 0;
    for (int i = 0; i < CLIENTS; i++) {
        workers[i] = (struct worker){.number = i, .encoding = i % 2 == 0 ? PROTOBUF : JSON, .work = work};
        client_open(&workers[i].client, shared.server.url);
    }
    for (int i = 0; i < CLIENTS; i++)
        ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, run, &workers[i]), 0);
    for (int i = 0; i < CLIENTS; i++) {
        ck_assert_int_eq(pthread_join(workers[i].thread, NULL), 0);
        client_close(&workers[i].client);
        applied += workers[i].applied;
    }
    return applied;
}

/* ---- counters ---- */

static void add_many(struct worker *worker)
{
    int last = 0;
    for (int i = 0; i < ROUNDS; i++) {
        int sum = client_add(&worker->client, worker->encoding, "counter", 1);
        ck_assert_msg(sum > last, "a counter went from %d to %d", last, sum);
        last = sum;
    }
}

START_TEST(clients_adding_to_one_counter_lose_nothing)
{
    run_clients(add_many);
    ck_assert_int_eq(client_add(&caller, JSON, "counter", 0), CLIENTS * ROUNDS);
}
END_TEST

/* ---- atomic batches: what some move between two keys, others count ---- */

static long long value_of(const json_t *replies, size_t index)
{
    const json_t *get = json_object_get(json_array_get(replies, index), "get");
    ck_assert_ptr_nonnull(get);
    return strtoll(json_string_value(json_object_get(get, "value")), NULL, 10);
}

static void move_between(struct worker *worker, int amount, bool fails)
{
    json_t *reply = client_call(
        &worker->client, worker->encoding, "Batch", "{s:b,s:[{s:{s:s,s:i}},{s:{s:s,s:i}},{s:{s:s,s:s}}]}",
        "atomic", 1, "requests", "increment", "key", "here", "delta", amount, "increment", "key", "there",
        "delta", -amount, "push", "key", fails ? "here" : "moves", "value", "x");
    ck_assert_int_eq(json_is_true(json_object_get(reply, "applied")), !fails);
    ck_assert_int_eq(json_object_get(json_array_get(json_object_get(reply, "replies"), 2), "error") != NULL,
                     fails);
    json_decref(reply);
}

static void count_both(struct worker *worker)
{
    json_t *reply = client_call(&worker->client, worker->encoding, "Batch", "{s:b,s:[{s:{s:s}},{s:{s:s}}]}",
                                "atomic", 1, "requests", "get", "key", "here", "get", "key", "there");
    json_t *replies = json_object_get(reply, "replies");
    ck_assert_int_eq(value_of(replies, 0) + value_of(replies, 1), 0);
    json_decref(reply);
}

static void move_or_count(struct worker *worker)
{
    for (int i = 0; i < ROUNDS; i++)
        if (worker->number % 4 < 2)
            move_between(worker, worker->number + 1, i % 3 == 0);
        else
            count_both(worker);
}

START_TEST(nobody_sees_half_of_an_atomic_batch)
{
    run_clients(move_or_count);
    json_t *reply =
        client_call(&caller, JSON, "Range", "{s:s,s:i,s:i}", "key", "moves", "start", 0, "stop", -1);
    ck_assert_uint_eq(json_array_size(json_object_get(reply, "values")), 4 * (ROUNDS - (ROUNDS + 2) / 3));
    json_decref(reply);
}
END_TEST

/* Whoever reads a number in two places writes the next to both, unless another was quicker. */
static void count_up(struct worker *worker)
{
    char next[32];
    for (int i = 0; i < ROUNDS; i++) {
        json_t *seen =
            client_call(&worker->client, worker->encoding, "Batch", "{s:b,s:[{s:{s:s}},{s:{s:s}}]}", "atomic",
                        1, "requests", "get", "key", "left", "get", "key", "right");
        json_t *replies = json_object_get(seen, "replies");
        ck_assert_int_eq(value_of(replies, 0), value_of(replies, 1));
        const char *last =
            json_string_value(json_object_get(json_object_get(json_array_get(replies, 0), "get"), "value"));
        (void)snprintf(next, sizeof next, "%lld", value_of(replies, 0) + 1);
        json_t *reply = client_call(&worker->client, worker->encoding, "Batch",
                                    "{s:b,s:[{s:{s:s,s:s}},{s:{s:s,s:s,s:s}}]}", "atomic", 1, "requests",
                                    "set", "key", "right", "value", next, "compare_and_set", "key", "left",
                                    "value", next, "expected", last);
        worker->applied += json_is_true(json_object_get(reply, "applied"));
        json_decref(reply);
        json_decref(seen);
    }
}

START_TEST(no_atomic_batch_with_a_compare_is_lost_or_done_by_half)
{
    json_decref(client_call(&caller, JSON, "Batch", "{s:[{s:{s:s,s:s}},{s:{s:s,s:s}}]}", "requests", "set",
                            "key", "left", "value", "0", "set", "key", "right", "value", "0"));
    int applied = run_clients(count_up);
    ck_assert_int_gt(applied, 0);
    ck_assert_int_lt(applied, CLIENTS * ROUNDS);
    json_t *reply = client_call(&caller, JSON, "Batch", "{s:[{s:{s:s}},{s:{s:s}}]}", "requests", "get", "key",
                                "left", "get", "key", "right");
    ck_assert_int_eq(value_of(json_object_get(reply, "replies"), 0), applied);
    ck_assert_int_eq(value_of(json_object_get(reply, "replies"), 1), applied);
    json_decref(reply);
}
END_TEST

/* ---- a batch that asks for much ---- */

#define LONG_LIST 140000
#define DELETES 70

static json_t *items_of(const char *operation, const char *value, size_t count)
{
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(json_array_append_new(
                             items, json_pack("{s:{s:s,s:s}}", operation, "key", "long", "value", value)),
                         0);
    return items;
}

static bool was_refused(const json_t *reply, size_t index)
{
    const json_t *item = json_array_get(json_object_get(reply, "replies"), index);
    return json_integer_value(json_object_get(json_object_get(item, "error"), "code")) == 413;
}

/* With an id, so that it is done in one view with its note. request: the caller's no more. */
static json_t *send_once(const char *operation, json_t *request)
{
    char *text = json_dumps(request, 0);
    struct answer answer =
        client_send_with(&caller, operation, text, strlen(text), "Nats-Msg-Id", "once", NULL);
    ck_assert_int_eq(answer.code, 0);
    json_t *reply = json_of(answer.data, answer.len);
    answer_free(&answer);
    free(text);
    json_decref(request);
    return reply;
}

static void looks_at_millions(void)
{
    json_t *reply =
        client_call(&caller, JSON, "Batch", "{s:o}", "requests", items_of("list_item_delete", "y", DELETES));
    ck_assert(json_is_true(json_object_get(reply, "applied")));
    ck_assert(!was_refused(reply, 0));
    ck_assert(was_refused(reply, DELETES - 1));
    json_decref(reply);
}

/* One message does not hold up a worker, nor one that keeps its locks a shard, for as long as its items can
 * be made to take. */
START_TEST(a_batch_looks_at_no_more_than_it_may)
{
    for (size_t pushed = 0; pushed < LONG_LIST; pushed += 4000)
        json_decref(client_call(&caller, JSON, "Batch", "{s:o}", "requests", items_of("push", "x", 4000)));
    json_t *reply = client_call(&caller, JSON, "Batch", "{s:b,s:o}", "atomic", 1, "requests",
                                items_of("list_item_delete", "y", 1));
    ck_assert(json_is_false(json_object_get(reply, "applied")));
    ck_assert(was_refused(reply, 0));
    json_decref(reply);
    /* What is half a second's work takes a sanitizer so long on a busy machine that the connection is given
     * up. */
    if (!provider_is_sanitized())
        looks_at_millions();
    reply = send_once("Batch", json_pack("{s:o}", "requests", items_of("list_item_delete", "y", 1)));
    ck_assert(was_refused(reply, 0));
    json_decref(reply);
}
END_TEST

/* ---- lists ---- */

static void push_many(struct worker *worker)
{
    char value[32];
    for (int i = 0; i < ROUNDS; i++) {
        (void)snprintf(value, sizeof value, "%d %d", worker->number, i);
        (void)client_push(&worker->client, worker->encoding, "list", value);
    }
}

START_TEST(a_list_holds_every_item_in_each_clients_order)
{
    int next[CLIENTS] = {0}, from, number;
    run_clients(push_many);
    json_t *reply =
        client_call(&caller, PROTOBUF, "Range", "{s:s,s:i,s:i}", "key", "list", "start", 0, "stop", -1);
    const json_t *values = json_object_get(reply, "values");
    ck_assert_uint_eq(json_array_size(values), CLIENTS * ROUNDS);
    for (size_t i = 0; i < json_array_size(values); i++) {
        ck_assert_int_eq(sscanf(json_string_value(json_array_get(values, i)), "%d %d", &from, &number), 2);
        ck_assert_int_eq(number, next[from]);
        next[from]++;
    }
    json_decref(reply);
}
END_TEST

/* ---- sets ---- */

/* Every client adds the same members and some of its own, and takes the common ones out again. */
static void change_set(struct worker *worker)
{
    char value[32];
    for (int i = 0; i < ROUNDS / 3; i++) {
        (void)snprintf(value, sizeof value, "common %d", i);
        json_decref(client_call(&worker->client, worker->encoding, "SetAdd", "{s:s,s:s}", "key", "set",
                                "value", value));
        json_decref(client_call(&worker->client, worker->encoding, "SetRemove", "{s:s,s:s}", "key", "set",
                                "value", value));
        (void)snprintf(value, sizeof value, "%d %d", worker->number, i);
        json_decref(client_call(&worker->client, worker->encoding, "SetAdd", "{s:s,s:s}", "key", "set",
                                "value", value));
    }
}

START_TEST(a_set_holds_every_member_that_was_added_and_not_removed)
{
    char value[32];
    run_clients(change_set);
    json_t *reply = client_call(&caller, JSON, "SetQuery", "{s:s}", "key", "set");
    ck_assert_uint_eq(json_array_size(json_object_get(reply, "values")), CLIENTS * (ROUNDS / 3));
    json_decref(reply);
    for (int i = 0; i < CLIENTS * (ROUNDS / 3); i++) {
        (void)snprintf(value, sizeof value, "%d %d", i % CLIENTS, i / CLIENTS);
        int left = CLIENTS * (ROUNDS / 3) - i - 1;
        reply = client_call(&caller, PROTOBUF, "SetRemove", "{s:s,s:s}", "key", "set", "value", value);
        ck_assert_int_eq(json_integer_value(json_object_get(reply, "new_count")), left);
        json_decref(reply);
    }
    ck_assert(!client_exists(&caller, "set"));
}
END_TEST

/* ---- several keys at one moment ---- */

/* One client moves a member from set to set, always adding before it removes; the others must see it in at
 * least one of them at every moment. */
static void look_or_move(struct worker *worker)
{
    static const char *const sets[] = {"m0", "m1", "m2"};
    if (worker->number != 0) {
        for (int i = 0; i < ROUNDS; i++) {
            json_t *reply = client_call(&worker->client, worker->encoding, "SetUnion", "{s:[s,s,s]}", "keys",
                                        sets[0], sets[1], sets[2]);
            ck_assert_uint_eq(json_array_size(json_object_get(reply, "values")), 1);
            json_decref(reply);
        }
        return;
    }
    for (int i = 0; i < ROUNDS * 2; i++) {
        json_decref(client_call(&worker->client, JSON, "SetAdd", "{s:s,s:s}", "key", sets[(i + 1) % 3],
                                "value", "x"));
        json_decref(
            client_call(&worker->client, JSON, "SetRemove", "{s:s,s:s}", "key", sets[i % 3], "value", "x"));
    }
}

START_TEST(a_union_sees_all_its_sets_at_one_moment)
{
    json_decref(client_call(&caller, JSON, "SetAdd", "{s:s,s:s}", "key", "m0", "value", "x"));
    run_clients(look_or_move);
}
END_TEST

/* ---- pipelines ---- */

#define REQUESTS 3000
#define IN_FLIGHT 512

static void send_numbered(struct pipeline *pipeline, int i)
{
    char text[128];
    static const char *const requests[] = {"{\"key\":\"p%d\",\"value\":\"%d\"}", "{\"key\":\"p%d\"}"};
    (void)snprintf(text, sizeof text, requests[i % 2], i / 2 % 100, i);
    ck_assert(pipeline_send(pipeline, i % 2 == 0 ? "Set" : "Get", text, strlen(text)));
}

START_TEST(hundreds_of_requests_in_flight_are_each_answered_once)
{
    struct pipeline pipeline;
    pipeline_open(&pipeline, &caller, REQUESTS);
    for (int i = 0; i < REQUESTS; i++) {
        send_numbered(&pipeline, i);
        pipeline_settle(&pipeline, IN_FLIGHT);
    }
    pipeline_settle(&pipeline, 0);
    ck_assert_uint_eq(pipeline.ok, REQUESTS);
    ck_assert_uint_eq(pipeline.repeated, 0);
    pipeline_close(&pipeline);
}
END_TEST

static void flood(struct worker *worker)
{
    static const char add[] = "\x0a\x05"
                              "flood"
                              "\x10\x01";
    struct pipeline pipeline;
    pipeline_open(&pipeline, &worker->client, REQUESTS / 4);
    for (int i = 0; i < REQUESTS / 4; i++) {
        ck_assert(pipeline_send(&pipeline, "Add", add, sizeof add - 1));
        pipeline_settle(&pipeline, IN_FLIGHT / 2);
    }
    pipeline_settle(&pipeline, 0);
    ck_assert_uint_eq(pipeline.ok, REQUESTS / 4);
    pipeline_close(&pipeline);
}

START_TEST(pipelines_of_many_clients_lose_nothing)
{
    run_clients(flood);
    ck_assert_int_eq(client_add(&caller, JSON, "flood", 0), CLIENTS * (REQUESTS / 4));
}
END_TEST

Suite *concurrency_suite(void)
{
    Suite *suite = suite_create("integration/concurrency");
    TCase *tests = tcase_create("concurrency");
    tcase_add_unchecked_fixture(tests, start_shared, shared_stop);
    tcase_add_checked_fixture(tests, caller_open, caller_close);
    tcase_add_test(tests, clients_adding_to_one_counter_lose_nothing);
    tcase_add_test(tests, nobody_sees_half_of_an_atomic_batch);
    tcase_add_test(tests, no_atomic_batch_with_a_compare_is_lost_or_done_by_half);
    tcase_add_test(tests, a_batch_looks_at_no_more_than_it_may);
    tcase_add_test(tests, a_list_holds_every_item_in_each_clients_order);
    tcase_add_test(tests, a_set_holds_every_member_that_was_added_and_not_removed);
    tcase_add_test(tests, a_union_sees_all_its_sets_at_one_moment);
    tcase_add_test(tests, hundreds_of_requests_in_flight_are_each_answered_once);
    tcase_add_test(tests, pipelines_of_many_clients_lose_nothing);
    suite_add_tcase(suite, tests);
    return suite;
}
