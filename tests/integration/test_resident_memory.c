/* Memory as the kernel counts it: below 1.25 times --max-memory and 24 MiB at every moment of whatever is
 * done, and below a half of it and 24 MiB within ten seconds of deleting everything. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness.h"

#define BUDGET_KB (32L * 1024)
#define FULL_KB (BUDGET_KB * 5 / 4 + 24L * 1024)
#define EMPTY_KB (BUDGET_KB / 2 + 24L * 1024)
#define IN_FLIGHT 512
#define MOST_REQUESTS 2000000

static struct nats_server server;
static struct process provider;
static struct client client;
static struct pipeline pipeline;
static char filler[16384];

static void start(void)
{
    memset(filler, 'v', sizeof filler);
    nats_server_start(&server, NULL);
    /* A busy machine is not what this is about. */
    provider_serve(&provider, server.url, "--max-memory", "32mb", "--max-wait", "60s", NULL);
    client_open(&client, server.url);
    pipeline_open(&pipeline, &client, MOST_REQUESTS);
}

static void stop(void)
{
    pipeline_close(&pipeline);
    client_close(&client);
    harness_close_nats();
    process_destroy(&provider);
    nats_server_kill(&server);
}

/* splitmix64. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void was_never_above(long most_kb, const char *when)
{
    long peak_kb = process_peak_rss_kb(&provider);
    (void)printf("%-40s peak %ld KiB, now %ld KiB\n", when, peak_kb, process_rss_kb(&provider));
    (void)fflush(stdout);
    ck_assert_msg(peak_kb < most_kb, "%s: the process had %ld KiB, and is to have less than %ld", when,
                  peak_kb, most_kb);
}

static void ends_small(void)
{
    long long deadline_ms = now_ms() + 10000;
    while (process_rss_kb(&provider) >= EMPTY_KB) {
        ck_assert_msg(now_ms() < deadline_ms, "all is deleted, and the process has %ld KiB still",
                      process_rss_kb(&provider));
        nanosleep(&(struct timespec){0, 50000000}, NULL);
    }
    was_never_above(FULL_KB, "all is deleted");
}

static void send(const char *operation, const char *request, int len)
{
    ck_assert(pipeline_send(&pipeline, operation, request, (size_t)len));
    pipeline_settle(&pipeline, IN_FLIGHT);
}

static void send_set(const char *prefix, size_t number, size_t value_bytes)
{
    static char request[sizeof filler + 128];
    send("Set", request,
         snprintf(request, sizeof request, "{\"key\":\"%s%zu\",\"value\":\"%.*s\"}", prefix, number,
                  (int)value_bytes, filler));
}

static void send_del(const char *prefix, size_t number)
{
    char request[64];
    send("Del", request, snprintf(request, sizeof request, "{\"key\":\"%s%zu\"}", prefix, number));
}

/* Sets keys of the prefix until one is refused. Returns how many there may be. */
static size_t fill(const char *prefix, size_t value_bytes)
{
    size_t number = 0, errors = pipeline.errors;
    for (; pipeline.errors == errors; number++)
        send_set(prefix, number, value_bytes);
    pipeline_settle(&pipeline, 0);
    ck_assert_int_eq(pipeline.last_code, 507);
    return number;
}

/* Deletes three in four at random, or all. */
static void thin_out(const char *prefix, size_t count, uint64_t *random)
{
    for (size_t i = 0; i < count; i++)
        if (random == NULL || next_random(random) % 4 != 0)
            send_del(prefix, i);
    pipeline_settle(&pipeline, 0);
}

START_TEST(large_values_after_small_ones)
{
    uint64_t random = 1;
    size_t small = fill("small", 200);
    was_never_above(FULL_KB, "small values");
    thin_out("small", small, &random);
    size_t large = fill("large", 3500);
    was_never_above(FULL_KB, "large values");
    /* What three in four had is there for others: of 32 MiB at least 20. */
    ck_assert_msg(large * 3500 > (size_t)20 << 20, "there was room for %zu large values only", large);
    thin_out("small", small, NULL);
    thin_out("large", large, NULL);
    ends_small();
}
END_TEST

START_TEST(values_that_grow_round_by_round)
{
    static const size_t sizes[] = {300, 500, 850, 1400, 2400, 4000, 6700, 11300};
    enum { ROUNDS = sizeof sizes / sizeof sizes[0] };
    size_t counts[ROUNDS];
    char prefix[ROUNDS][16];
    uint64_t random = 2;
    for (size_t i = 0; i < ROUNDS; i++) {
        (void)snprintf(prefix[i], sizeof prefix[i], "round%zu-", i);
        counts[i] = fill(prefix[i], sizes[i]);
        was_never_above(FULL_KB, prefix[i]);
        thin_out(prefix[i], counts[i], &random);
    }
    for (size_t i = 0; i < ROUNDS; i++)
        thin_out(prefix[i], counts[i], NULL);
    ends_small();
}
END_TEST

/* Few keys are written often and many seldom, each time with another size. */
START_TEST(values_that_grow_and_shrink)
{
    uint64_t random = 3;
    const size_t keys = 100000;
    for (size_t i = 0; i < 150000; i++) {
        size_t key = next_random(&random) % keys;
        for (unsigned k = 0; k < 2 && next_random(&random) % 4 != 0; k++)
            key = next_random(&random) % (key + 1);
        size_t bytes = next_random(&random) % 100 == 0 ? next_random(&random) % sizeof filler
                                                       : next_random(&random) % 600;
        send_set("k", key, bytes);
    }
    was_never_above(FULL_KB, "values that grow and shrink");
    thin_out("k", keys, NULL);
    ends_small();
}
END_TEST

START_TEST(lists_and_sets_that_grow)
{
    char request[128];
    uint64_t random = 4;
    const size_t keys = 15000;
    for (size_t i = 0; i < 200000; i++) {
        size_t key = next_random(&random) % keys;
        int len = snprintf(request, sizeof request, "{\"key\":\"%s%zu\",\"value\":\"%zu-%.*s\"}",
                           i % 2 == 0 ? "list" : "set", key, i, (int)(next_random(&random) % 60), filler);
        send(i % 2 == 0 ? "Push" : "SetAdd", request, len);
        if (i % 100 == 0)
            send_del(i % 200 == 0 ? "list" : "set", next_random(&random) % keys);
    }
    was_never_above(FULL_KB, "lists and sets that grow");
    thin_out("list", keys, NULL);
    thin_out("set", keys, NULL);
    ends_small();
}
END_TEST

/* Two sets that are too large for any reply: their union and intersection are refused, and cost no more. */
START_TEST(unions_of_large_sets)
{
    static const char both[] = "{\"keys\":[\"set0\",\"set1\"]}";
    char request[128];
    for (size_t i = 0; i < 300000; i++)
        send("SetAdd", request,
             snprintf(request, sizeof request, "{\"key\":\"set%zu\",\"value\":\"%zu\"}", i % 2,
                      i / 2 + i % 2 * 100));
    pipeline_settle(&pipeline, 0);
    ck_assert_uint_eq(pipeline.errors, 0);
    for (size_t i = 0; i < 20; i++) {
        send("SetUnion", both, sizeof both - 1);
        send("SetIntersection", both, sizeof both - 1);
    }
    pipeline_settle(&pipeline, 0);
    ck_assert_uint_eq(pipeline.errors, 40);
    ck_assert_int_eq(pipeline.last_code, 413);
    was_never_above(FULL_KB, "unions of large sets");
    send_del("set", 0);
    send_del("set", 1);
    pipeline_settle(&pipeline, 0);
    ends_small();
}
END_TEST

/* A traceparent goes back in a message that is made for it: none of these stays behind. */
START_TEST(large_replies_with_a_header)
{
    enum { VALUE_BYTES = 900000, REPLIES = 200 };
    static char request[VALUE_BYTES + 64];
    char subject[512];
    int len = snprintf(request, sizeof request, "{\"key\":\"large\",\"value\":\"");
    memset(request + len, 'v', VALUE_BYTES);
    memcpy(request + len + VALUE_BYTES, "\"}", 3);
    struct answer set = client_send(&client, "Set", request, (size_t)len + VALUE_BYTES + 2);
    ck_assert_int_eq(set.code, 0);
    answer_free(&set);
    (void)snprintf(subject, sizeof subject, "%s.Get", client.base);
    for (int i = 0; i < REPLIES; i++) {
        natsMsg *get, *reply = NULL;
        ck_assert_int_eq(natsMsg_Create(&get, subject, NULL, "{\"key\":\"large\"}", 15), NATS_OK);
        ck_assert_int_eq(
            natsMsgHeader_Set(get, "traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            NATS_OK);
        ck_assert_int_eq(natsConnection_RequestMsg(&reply, client.connection, get, WAIT_MS), NATS_OK);
        ck_assert_int_gt(natsMsg_GetDataLength(reply), VALUE_BYTES);
        natsMsg_Destroy(get);
        natsMsg_Destroy(reply);
    }
    was_never_above(FULL_KB, "large replies with a header");
    send("Del", "{\"key\":\"large\"}", 15);
    pipeline_settle(&pipeline, 0);
    ends_small();
}
END_TEST

Suite *resident_memory_suite(void)
{
    Suite *suite = suite_create("integration/resident_memory");
    TCase *tests = tcase_create("resident_memory");
    suite_add_tcase(suite, tests);
    if (provider_is_sanitized()) {
        (void)printf("skip integration/resident_memory the size of the process is a sanitizer's here\n");
        return suite;
    }
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_test(tests, large_values_after_small_ones);
    tcase_add_test(tests, values_that_grow_round_by_round);
    tcase_add_test(tests, values_that_grow_and_shrink);
    tcase_add_test(tests, lists_and_sets_that_grow);
    tcase_add_test(tests, unions_of_large_sets);
    tcase_add_test(tests, large_replies_with_a_header);
    return suite;
}
