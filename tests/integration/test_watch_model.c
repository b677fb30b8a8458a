/* Watch (contract section 3b) against a model: who does what events say has what the store has, whatever many
 * writers do meanwhile, and whenever the watch began. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "watcher.h"

#define KEYS 60
#define WRITERS 4

static void start(void)
{
    nats_server_start(&shared.server, NULL);
    provider_serve(&shared.provider, shared.server.url, "--workers", "2", NULL);
    caller_open();
}

static void stop(void)
{
    caller_close();
    shared_stop();
}

static unsigned draw(unsigned *seed, unsigned below)
{
    *seed = *seed * 1664525 + 1013904223;
    return (*seed >> 8) % below;
}

/* ---- writers ---- */

/* All that changes keys. %s is a key, %u a number. */
static const char *const writes[][2] = {
    {"Set", "{\"key\":\"%s\",\"value\":\"v%u\"}"},
    {"Set", "{\"key\":\"%s\",\"value\":\"w%u\"}"},
    {"Set", "{\"key\":\"%s\",\"value\":\"brief%u\",\"expires_ms\":7}"},
    {"Set", "{\"key\":\"%s\",\"value\":\"%u\",\"keep_expiry\":true}"},
    {"Del", "{\"key\":\"%s\"}"},
    {"Del", "{\"key\":\"%s\"}"},
    {"Add", "{\"key\":\"%s\",\"value\":%u}"},
    {"Increment", "{\"key\":\"%s\",\"delta\":%u}"},
    {"CompareAndSet", "{\"key\":\"%s\",\"value\":\"c%u\"}"},
    {"CompareAndSet", "{\"key\":\"%s\",\"value\":\"c\",\"expected\":\"v%u\"}"},
    {"CompareAndDelete", "{\"key\":\"%s\",\"expected\":\"w%u\"}"},
    {"Expire", "{\"key\":\"%s\",\"expires_ms\":9}"},
    {"Expire", "{\"key\":\"%s\"}"},
    {"Push", "{\"key\":\"%s\",\"value\":\"i%u\"}"},
    {"Pop", "{\"key\":\"%s\"}"},
    {"ListItemDelete", "{\"key\":\"%s\",\"value\":\"i%u\"}"},
    {"Clear", "{\"key\":\"%s\"}"},
    {"SetAdd", "{\"key\":\"%s\",\"value\":\"m%u\"}"},
    {"SetRemove", "{\"key\":\"%s\",\"value\":\"m%u\"}"},
};
#define WRITES (sizeof writes / sizeof writes[0])

struct writers {
    struct client clients[WRITERS];
    struct pipeline pipelines[WRITERS];
    unsigned seed;
};

static void writers_open(struct writers *writers, unsigned seed, size_t capacity)
{
    writers->seed = seed;
    for (int i = 0; i < WRITERS; i++) {
        client_open(&writers->clients[i], shared.server.url);
        pipeline_open(&writers->pipelines[i], &writers->clients[i], capacity);
    }
}

/* What the store refuses, such as a Push on a scalar, is a part of it. */
static void writers_settle(struct writers *writers)
{
    for (int i = 0; i < WRITERS; i++) {
        pipeline_settle(&writers->pipelines[i], 0);
        ck_assert_uint_eq(writers->pipelines[i].no_responders, 0);
    }
}

static void writers_close(struct writers *writers)
{
    for (int i = 0; i < WRITERS; i++) {
        pipeline_close(&writers->pipelines[i]);
        client_close(&writers->clients[i]);
    }
}

static void name_key(unsigned number, char out[16])
{
    (void)snprintf(out, 16, "%s/%u", number % 2 == 0 ? "even" : "odd", number);
}

static size_t write_request(unsigned *seed, size_t which, char *out, size_t size)
{
    char key[16];
    name_key(draw(seed, KEYS), key);
    int len = snprintf(out, size, writes[which][1], key, draw(seed, 5));
    ck_assert(len > 0 && (size_t)len < size);
    return (size_t)len;
}

/* The name as a Batch has it: snake_case. */
static void snake(const char *name, char out[32])
{
    for (const char *at = name; *at != '\0'; at++) {
        if (*at >= 'A' && *at <= 'Z' && at != name)
            *out++ = '_';
        *out++ = (char)(*at | 0x20);
    }
    *out = '\0';
}

static size_t batch_request(unsigned *seed, char *out, size_t size)
{
    unsigned items = 1 + draw(seed, 6);
    size_t len =
        (size_t)snprintf(out, size, "{\"atomic\":%s,\"requests\":[", draw(seed, 3) > 0 ? "true" : "false");
    for (unsigned i = 0; i < items; i++) {
        char member[32];
        size_t which = draw(seed, WRITES);
        snake(writes[which][0], member);
        len += (size_t)snprintf(out + len, size - len, "%s{\"%s\":", i == 0 ? "" : ",", member);
        len += write_request(seed, which, out + len, size - len);
        len += (size_t)snprintf(out + len, size - len, "}");
    }
    len += (size_t)snprintf(out + len, size - len, "]}");
    ck_assert_uint_lt(len, size);
    return len;
}

/* Sends so many, a writer after the other; some are ahead of their answers. */
static void write_some(struct writers *writers, int count)
{
    char request[1024];
    for (int i = 0; i < count; i++) {
        struct pipeline *pipeline = &writers->pipelines[i % WRITERS];
        bool batch = draw(&writers->seed, 4) == 0;
        size_t which = draw(&writers->seed, WRITES);
        size_t len = batch ? batch_request(&writers->seed, request, sizeof request)
                           : write_request(&writers->seed, which, request, sizeof request);
        ck_assert(pipeline_send(pipeline, batch ? "Batch" : writes[which][0], request, len));
        pipeline_settle(pipeline, 16);
    }
}

/* ---- the copy of one who watches ---- */

struct copy {
    struct watcher watcher;
    const char *prefix; /* keys that it is told of begin so */
    bool values;
    bool synced;
    json_t *keys; /* and their values, "" where there are none */
};

static void copy_open(struct copy *copy, enum encoding encoding, const char *request, const char *prefix)
{
    *copy = (struct copy){.prefix = prefix, .values = strstr(request, "values") != NULL};
    copy->keys = json_object();
    watcher_open(&copy->watcher, &caller, encoding, request);
}

static void copy_close(struct copy *copy)
{
    json_decref(copy->keys);
    watcher_close(&copy->watcher);
}

static void apply(struct copy *copy, const json_t *event)
{
    const char *what = event_text(event, "event"), *key = event_text(event, "key");
    if (strcmp(what, "sync") == 0) {
        copy->synced = true;
        return;
    }
    ck_assert_msg(strncmp(key, copy->prefix, strlen(copy->prefix)) == 0, "%s %s: it watches %s*", what, key,
                  copy->prefix);
    if (strcmp(what, "put") == 0) {
        (void)json_object_set_new(copy->keys, key, json_string(event_text(event, "value")));
        return;
    }
    /* An atomic Batch that makes a key and deletes it tells of its end alone: it may not be there. */
    ck_assert_msg(strcmp(what, "delete") == 0 || strcmp(what, "expire") == 0, "%s %s", what, key);
    (void)json_object_del(copy->keys, key);
}

/* What the store has of the keys: a Batch of reads, at one moment. */
static json_t *read_store(const struct copy *copy)
{
    json_t *requests = json_array(), *held = json_object();
    char key[16];
    for (unsigned i = 0; i < KEYS; i++) {
        name_key(i, key);
        (void)json_array_append_new(requests, json_pack("{s:{s:s}}", "get", "key", key));
        (void)json_array_append_new(requests, json_pack("{s:{s:s}}", "key_exists", "key", key));
    }
    json_t *reply = client_call(&caller, JSON, "Batch", "{s:b,s:o}", "atomic", 0, "requests", requests);
    const json_t *replies = json_object_get(reply, "replies");
    for (unsigned i = 0; i < KEYS; i++) {
        name_key(i, key);
        const json_t *get = json_object_get(json_array_get(replies, i * 2), "get");
        const json_t *exists = json_object_get(json_array_get(replies, i * 2 + 1), "key_exists");
        if (strncmp(key, copy->prefix, strlen(copy->prefix)) == 0 &&
            json_is_true(json_object_get(exists, "exists")))
            (void)json_object_set_new(held, key, json_string(copy->values ? event_text(get, "value") : ""));
    }
    json_decref(reply);
    return held;
}

static bool is_same(const struct copy *copy)
{
    json_t *held = read_store(copy);
    bool same = json_equal(held, copy->keys) != 0;
    json_decref(held);
    return same;
}

/* Takes events until the copy is the store, whose last keys expire meanwhile. */
static void await_same(struct copy *copy)
{
    long long until_ms = now_ms() + WAIT_MS;
    do {
        json_t *event = NULL;
        while ((event = watcher_next_within(&copy->watcher, 10)) != NULL) {
            apply(copy, event);
            json_decref(event);
        }
        ck_assert_msg(now_ms() < until_ms, "it is told of %s*: %s", copy->prefix,
                      json_dumps(copy->keys, JSON_COMPACT | JSON_SORT_KEYS));
    } while (!copy->synced || !is_same(copy));
}

/* The copy is the store's, and still is when a change that was made afterwards has been told. */
static void check_copy(struct copy *copy, const char *last)
{
    char value[32], expected[EVENT_BYTES], told[EVENT_BYTES] = "";
    await_same(copy);
    (void)snprintf(value, sizeof value, "last, behind %llu", (unsigned long long)copy->watcher.number);
    (void)snprintf(expected, sizeof expected, "put %s%s%s", last, copy->values ? "=" : "",
                   copy->values ? value : "");
    json_decref(client_call(&caller, JSON, "Set", "{s:s,s:s}", "key", last, "value", value));
    while (strcmp(told, expected) != 0) {
        json_t *event = watcher_next(&copy->watcher);
        event_describe(event, told);
        apply(copy, event);
        json_decref(event);
    }
    await_same(copy);
}

/* All kinds of watches, one begun in silence and the others while all is written to. */
START_TEST(who_does_what_events_say_has_what_the_store_has)
{
    enum { ROUNDS = 6, COPIES = ROUNDS * 2 };
    static const struct {
        const char *request, *prefix, *last;
    } kinds[ROUNDS] = {
        {"{\"values\":true,\"lease_ms\":300000}", "", "even/58"},
        {"{\"prefix\":\"odd/\",\"values\":true,\"lease_ms\":300000}", "odd/", "odd/59"},
        {"{\"key\":\"odd/59\",\"values\":true,\"lease_ms\":300000}", "odd/59", "odd/59"},
        {"{\"lease_ms\":300000}", "", "even/58"},
        {"{\"prefix\":\"even/\",\"lease_ms\":300000}", "even/", "even/58"},
        {"{\"key\":\"even/58\",\"values\":true,\"lease_ms\":300000}", "even/58", "even/58"},
    };
    struct writers writers;
    struct copy copies[COPIES];
    writers_open(&writers, 77 + (unsigned)_i, 4000);
    for (int i = 0; i < COPIES; i++) {
        copy_open(&copies[i], (enum encoding)((i + i / ROUNDS) % ENCODINGS), kinds[i % ROUNDS].request,
                  kinds[i % ROUNDS].prefix);
        write_some(&writers, 150);
    }
    writers_settle(&writers);
    for (int i = COPIES; i-- > 0;) {
        check_copy(&copies[i], kinds[i % ROUNDS].last);
        copy_close(&copies[i]);
    }
    writers_close(&writers);
}
END_TEST

/* ---- order ---- */

/* "For each change, in order for each key": a counter that many add to is told from one to the last, to each
 * kind of watch. */
START_TEST(each_change_of_a_counter_is_told_once_and_in_order)
{
    enum { ADDS = 400, WATCHERS = 6 };
    static const char *const requests[] = {"{\"values\":true}", "{\"prefix\":\"n\",\"values\":true}",
                                           "{\"key\":\"n\",\"values\":true}"};
    static const char add[] = "{\"key\":\"n\",\"delta\":1}";
    struct writers writers;
    struct watcher watchers[WATCHERS];
    writers_open(&writers, 1, ADDS);
    for (int i = 0; i < WATCHERS; i++) {
        watcher_open(&watchers[i], &caller, i % ENCODINGS, requests[i % 3]);
        watcher_expect(&watchers[i], "sync");
    }
    for (int i = 0; i < ADDS * WRITERS; i++)
        ck_assert(pipeline_send(&writers.pipelines[i % WRITERS], "Increment", add, strlen(add)));
    writers_settle(&writers);
    for (int i = 0; i < WATCHERS; i++) {
        for (int n = 1; n <= ADDS * WRITERS; n++) {
            char expected[32];
            (void)snprintf(expected, sizeof expected, "put n=%d", n);
            watcher_expect_in_time(&watchers[i], expected);
        }
        watcher_close(&watchers[i]);
    }
    writers_close(&writers);
}
END_TEST

/* ---- a large beginning ---- */

#define MANY 100000
#define AT_ONCE 4000

static void set_many(int from, int count)
{
    json_t *requests = json_array();
    char key[16];
    for (int i = from; i < from + count; i++) {
        (void)snprintf(key, sizeof key, "k%06d", i);
        (void)json_array_append_new(requests, json_pack("{s:{s:s,s:s}}", "set", "key", key, "value", key));
    }
    json_decref(client_call(&caller, PROTOBUF, "Batch", "{s:o}", "requests", requests));
}

/* Reads the beginning, and marks the keys that it has: so many, each once. */
static void read_beginning(struct watcher *watcher, bool values)
{
    unsigned char *told = calloc(MANY, 1);
    for (int count = 0;; count++) {
        json_t *event = watcher_next(watcher);
        if (strcmp(event_text(event, "event"), "sync") == 0) {
            ck_assert_int_eq(count, MANY);
            json_decref(event);
            break;
        }
        const char *key = event_text(event, "key");
        long number = strtol(key + 1, NULL, 10);
        ck_assert_str_eq(event_text(event, "event"), "put");
        ck_assert_str_eq(event_text(event, "value"), values ? key : "");
        ck_assert(number >= 0 && number < MANY);
        ck_assert_msg(told[number]++ == 0, "%s comes twice", key);
        json_decref(event);
    }
    free(told);
}

/* Of 100,000 keys each is told once, and then come the changes. */
START_TEST(a_large_beginning_has_each_key_once)
{
    struct watcher bare, full;
    for (int i = 0; i < MANY; i += AT_ONCE)
        set_many(i, AT_ONCE);
    watcher_open(&bare, &caller, PROTOBUF, "{\"lease_ms\":300000}");
    watcher_open(&full, &caller, PROTOBUF, "{\"prefix\":\"k\",\"values\":true,\"lease_ms\":300000}");
    read_beginning(&bare, false);
    read_beginning(&full, true);
    json_decref(client_call(&caller, JSON, "Del", "{s:s}", "key", "k000007"));
    watcher_expect_in_time(&bare, "delete k000007");
    watcher_expect_in_time(&full, "delete k000007");
    watcher_close(&bare);
    watcher_close(&full);
}
END_TEST

/* A key that is set again and again while the beginning goes on is told in order, and its last value last;
 * one that is not touched is told once. */
START_TEST(what_changes_during_a_large_beginning_is_told_in_order)
{
    enum { HOT = 50, TURNS = 60 };
    struct watcher watcher;
    struct writers writers;
    int last[HOT] = {0};
    char request[64];
    size_t cold = 0;
    for (int i = 0; i < MANY; i += AT_ONCE)
        set_many(i, AT_ONCE);
    writers_open(&writers, 1, HOT * TURNS + 1);
    watcher_open(&watcher, &caller, PROTOBUF, "{\"values\":true}");
    /* Increments have no order among them, but what they come to has. */
    for (int turn = 1; turn <= TURNS; turn++)
        for (int key = 0; key < HOT; key++) {
            int len = snprintf(request, sizeof request, "{\"key\":\"h%d\",\"delta\":1}", key);
            ck_assert(pipeline_send(&writers.pipelines[key % WRITERS], "Increment", request, (size_t)len));
        }
    writers_settle(&writers);
    for (int done = 0; done < HOT || cold < MANY;) {
        json_t *event = watcher_next(&watcher);
        const char *key = event_text(event, "key");
        int value = atoi(event_text(event, "value"));
        if (*key == 'h') {
            int *before = &last[atoi(key + 1)];
            ck_assert_msg(*before == 0 || value == *before + 1, "%s is told as %d behind %d", key, value,
                          *before);
            *before = value;
            done += value == TURNS;
        }
        cold += *key == 'k';
        json_decref(event);
    }
    ck_assert_uint_eq(cold, MANY);
    json_decref(client_call(&caller, JSON, "Del", "{s:s}", "key", "h0"));
    watcher_expect_in_time(&watcher, "delete h0");
    writers_close(&writers);
    watcher_close(&watcher);
}
END_TEST

Suite *watch_model_suite(void)
{
    Suite *suite = suite_create("integration/watch_model");
    TCase *model = tcase_create("model");
    tcase_add_checked_fixture(model, start, stop);
    tcase_set_timeout(model, 180);
    tcase_add_loop_test(model, who_does_what_events_say_has_what_the_store_has, 0, 3);
    tcase_add_test(model, each_change_of_a_counter_is_told_once_and_in_order);
    tcase_add_test(model, a_large_beginning_has_each_key_once);
    tcase_add_test(model, what_changes_during_a_large_beginning_is_told_in_order);
    suite_add_tcase(suite, model);
    return suite;
}
