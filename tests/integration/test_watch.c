/* Watch (contract section 3b): what is told, in what order, and for how long. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "lattice.h"
#include "service.h"
#include "support/clock.h"

static struct nats_server server;
static struct process provider;
static struct client client;

static void serve_with(const char *option, const char *value)
{
    nats_server_start(&server, NULL);
    provider_serve(&provider, server.url, option, value, NULL);
    client_open(&client, server.url);
}

static void stop(void)
{
    client_close(&client);
    harness_close_nats();
    process_destroy(&provider);
    nats_server_kill(&server);
}

/* ---- one watch ---- */

struct watch {
    enum encoding encoding;
    natsSubscription *inbox;
    char reply[64];
    uint64_t number; /* of the last event */
    bool synced;     /* a sync has come */
    bool heartbeat;  /* the last event is a further one */
};

static void ask_on(struct watch *watch, const char *subject, const char *request)
{
    json_t *json = json_of(request, strlen(request));
    size_t len;
    void *bytes = message_pack(watch->encoding, "Watch", json, &len);
    ck_assert_int_eq(natsConnection_PublishRequest(client.connection, subject, watch->reply, bytes, (int)len),
                     NATS_OK);
    ck_assert_int_eq(natsConnection_Flush(client.connection), NATS_OK);
    free(bytes);
    json_decref(json);
}

static void ask(struct watch *watch, const char *request)
{
    char subject[320];
    (void)snprintf(subject, sizeof subject, "%s.Watch", client.base);
    ask_on(watch, subject, request);
}

static void watch_open(struct watch *watch, enum encoding encoding, const char *request)
{
    natsInbox *inbox = NULL;
    *watch = (struct watch){.encoding = encoding};
    ck_assert_int_eq(natsInbox_Create(&inbox), NATS_OK);
    (void)snprintf(watch->reply, sizeof watch->reply, "%s", (const char *)inbox);
    natsInbox_Destroy(inbox);
    ck_assert_int_eq(natsConnection_SubscribeSync(&watch->inbox, client.connection, watch->reply), NATS_OK);
    ck_assert_int_eq(natsSubscription_SetPendingLimits(watch->inbox, -1, -1), NATS_OK);
    ask(watch, request);
}

/* As watcher_close. */
static void watch_close(struct watch *watch)
{
    (void)natsSubscription_Unsubscribe(watch->inbox);
    (void)natsConnection_FlushTimeout(client.connection, WAIT_MS);
    natsSubscription_Destroy(watch->inbox);
}

static const char *text_of(const json_t *event, const char *name)
{
    const char *text = json_string_value(json_object_get(event, name));
    return text == NULL ? "" : text;
}

/* The next event, whose number must be the next one. */
static json_t *next(struct watch *watch)
{
    natsMsg *message = NULL;
    const char *code = NULL;
    ck_assert_int_eq(natsSubscription_NextMsg(&message, watch->inbox, WAIT_MS), NATS_OK);
    ck_assert_int_ne(natsMsgHeader_Get(message, "Nats-Service-Error-Code", &code), NATS_OK);
    json_t *event = message_unpack(watch->encoding, "Watch", natsMsg_GetData(message),
                                   (size_t)natsMsg_GetDataLength(message));
    ck_assert_int_eq(json_integer_value(json_object_get(event, "number")), (json_int_t)++watch->number);
    natsMsg_Destroy(message);
    bool sync = strcmp(text_of(event, "event"), "sync") == 0;
    watch->heartbeat = sync && watch->synced;
    watch->synced |= sync;
    return event;
}

/* "put a=1", "delete a", "sync": what an event says but for its number. */
static void describe(const json_t *event, char out[256])
{
    const char *key = text_of(event, "key"), *value = text_of(event, "value");
    (void)snprintf(out, 256, "%s%s%.100s%s%.100s", text_of(event, "event"), *key == '\0' ? "" : " ", key,
                   *value == '\0' ? "" : "=", value);
}

/* A heartbeat, which comes each 5 s behind the first sync, may come before it: a machine may be slow. */
static void expect(struct watch *watch, const char *expected)
{
    char told[256];
    do {
        json_t *event = next(watch);
        describe(event, told);
        json_decref(event);
    } while (watch->heartbeat && strcmp(expected, "sync") != 0);
    ck_assert_str_eq(told, expected);
}

/* Nothing but heartbeats comes until that event. */
static void expect_in_time(struct watch *watch, const char *expected)
{
    char told[256];
    do {
        json_t *event = next(watch);
        describe(event, told);
        json_decref(event);
    } while (strcmp(told, "sync") == 0 && strcmp(expected, "sync") != 0);
    ck_assert_str_eq(told, expected);
}

/* Of different keys events come in any order. */
static void expect_all(struct watch *watch, const char *const expected[], size_t count)
{
    unsigned seen = 0;
    for (size_t n = 0; n < count; n++) {
        char told[256];
        size_t i = 0;
        json_t *event = next(watch);
        describe(event, told);
        while (i < count && strcmp(expected[i], told) != 0)
            i++;
        ck_assert_msg(i < count && (seen & 1u << i) == 0, "%s", told);
        seen |= 1u << i;
        json_decref(event);
    }
}

/* The request is refused with this code. */
static void refused(enum encoding encoding, int code, const char *names, const char *request)
{
    json_t *json = json_of(request, strlen(request));
    struct answer answer = client_ask(&client, encoding, "Watch", json);
    check_refusal(&answer, "Watch", code, names);
    answer_free(&answer);
    json_decref(json);
}

static void call(const char *operation, const char *request)
{
    json_t *json = json_of(request, strlen(request));
    struct answer answer = client_ask(&client, JSON, operation, json);
    ck_assert_msg(answer.status == NATS_OK && answer.code == 0, "%s: %s", operation, answer.text);
    answer_free(&answer);
    json_decref(json);
}

/* ---- what is told ---- */

static void start(void)
{
    serve_with(NULL, NULL);
}

START_TEST(a_watch_of_a_key_begins_with_it_and_tells_its_changes)
{
    struct watch watch;
    call("Set", "{\"key\":\"a\",\"value\":\"1\"}");
    watch_open(&watch, _i, "{\"key\":\"a\",\"values\":true}");
    expect(&watch, "put a=1");
    expect(&watch, "sync");
    call("Set", "{\"key\":\"ab\",\"value\":\"other\"}");
    call("Set", "{\"key\":\"a\",\"value\":\"2\"}");
    call("Add", "{\"key\":\"a\",\"value\":40}");
    call("Expire", "{\"key\":\"a\",\"expires_ms\":100000}");
    call("Del", "{\"key\":\"a\"}");
    call("Push", "{\"key\":\"a\",\"value\":\"x\"}");
    call("Pop", "{\"key\":\"a\"}");
    call("SetAdd", "{\"key\":\"a\",\"value\":\"x\"}");
    call("SetAdd", "{\"key\":\"a\",\"value\":\"x\"}");
    call("SetRemove", "{\"key\":\"a\",\"value\":\"y\"}");
    call("Set", "{\"key\":\"a\",\"value\":\"\"}");
    call("Set", "{\"key\":\"a\",\"value\":\"3\",\"expires_ms\":50}");
    expect(&watch, "put a=2");
    expect(&watch, "put a=42");
    expect(&watch, "delete a");
    expect(&watch, "put a");
    expect(&watch, "delete a");
    expect(&watch, "put a");
    expect(&watch, "put a");
    expect(&watch, "put a=3");
    expect_in_time(&watch, "expire a");
    watch_close(&watch);
}
END_TEST

START_TEST(a_key_that_is_not_there_is_watched_and_values_come_only_where_asked_for)
{
    struct watch watch;
    watch_open(&watch, _i, "{\"key\":\"none\"}");
    expect(&watch, "sync");
    call("Set", "{\"key\":\"none\",\"value\":\"secret\"}");
    expect(&watch, "put none");
    watch_close(&watch);
}
END_TEST

START_TEST(a_watch_of_a_prefix_or_of_all_tells_of_those_keys)
{
    struct watch some, all;
    call("Set", "{\"key\":\"p/1\",\"value\":\"1\"}");
    watch_open(&some, _i, "{\"prefix\":\"p/\",\"values\":true}");
    expect(&some, "put p/1=1");
    expect(&some, "sync");
    watch_open(&all, _i, "{}");
    expect(&all, "put p/1");
    expect(&all, "sync");
    call("Set", "{\"key\":\"q\",\"value\":\"1\"}");
    call("Set", "{\"key\":\"p\",\"value\":\"1\"}");
    call("Set", "{\"key\":\"p/2\",\"value\":\"2\"}");
    expect(&some, "put p/2=2");
    expect_all(&all, (const char *const[]){"put q", "put p", "put p/2"}, 3);
    watch_close(&some);
    watch_close(&all);
}
END_TEST

START_TEST(values_are_bytes_and_large_ones_come_whole)
{
    struct watch watch;
    size_t len = 300000;
    char *value = malloc(len + 1);
    memset(value, 'v', len);
    value[len] = '\0';
    call("Set", "{\"key\":\"b\",\"value_base64\":\"/w==\"}");
    watch_open(&watch, JSON, "{\"prefix\":\"b\",\"values\":true}");
    json_t *event = next(&watch);
    ck_assert_str_eq(text_of(event, "value"), "");
    ck_assert_str_eq(text_of(event, "value_base64"), "/w==");
    json_decref(event);
    expect(&watch, "sync");
    json_decref(client_call(&client, JSON, "Set", "{s:s,s:s}", "key", "big", "value", value));
    event = next(&watch);
    ck_assert_str_eq(text_of(event, "key"), "big");
    ck_assert_str_eq(text_of(event, "value"), value);
    json_decref(event);
    free(value);
    watch_close(&watch);
}
END_TEST

/* "Nothing is changed" by what is refused, and an atomic Batch is told when it holds. */
START_TEST(an_atomic_batch_is_told_whole_or_not_at_all)
{
    struct watch watch;
    call("Push", "{\"key\":\"l\",\"value\":\"1\"}");
    watch_open(&watch, JSON, "{\"values\":true}");
    expect(&watch, "put l");
    expect(&watch, "sync");
    call("Batch",
         "{\"atomic\":true,\"requests\":[{\"set\":{\"key\":\"x\",\"value\":\"1\"}},{\"add\":{\"key\":\"l\","
         "\"value\":1}}]}");
    call("Batch", "{\"atomic\":true,\"requests\":[{\"set\":{\"key\":\"y\",\"value\":\"1\"}},{\"pop\":{"
                  "\"key\":\"l\"}}]}");
    expect_all(&watch, (const char *const[]){"put y=1", "delete l"}, 2);
    watch_close(&watch);
}
END_TEST

/* ---- the beginning, while others write ---- */

#define MANY 3000

/* Sends so many writes at random, without waiting for answers but for those that are far behind. */
static void write_some(struct pipeline *pipeline, unsigned *seed, int count)
{
    char request[128];
    for (int i = 0; i < count; i++) {
        unsigned key = (*seed = *seed * 1664525 + 1013904223) >> 8;
        const char *operation = key % 7 == 0 ? "Del" : key % 7 == 1 ? "Add" : "Set";
        (void)snprintf(request, sizeof request,
                       *operation == 'D'   ? "{\"key\":\"k%u\"}"
                       : *operation == 'A' ? "{\"key\":\"n%u\",\"value\":%u}"
                                           : "{\"key\":\"k%u\",\"value\":\"v%u\"}",
                       key % (*operation == 'A' ? 50 : MANY), key % 1000);
        ck_assert(pipeline_send(pipeline, operation, request, strlen(request)));
        if (i % 64 == 63)
            pipeline_settle(pipeline, 64);
    }
}

/* Does what the event says to a copy of the data. */
static void apply(json_t *copy, const json_t *event)
{
    const char *what = text_of(event, "event"), *key = text_of(event, "key");
    if (strcmp(what, "put") == 0)
        (void)json_object_set_new(copy, key, json_string(text_of(event, "value")));
    else if (strcmp(what, "sync") != 0)
        (void)json_object_del(copy, key);
}

static void check_copy(json_t *copy)
{
    const char *key;
    json_t *value, *reply, *keys;
    size_t i, count = 0;
    char cursor[128] = "";
    do {
        reply = client_call(&client, JSON, "ListKeys", "{s:s,s:i}", "cursor", cursor, "limit", 1000);
        keys = json_object_get(reply, "keys");
        json_array_foreach(keys, i, value)
            ck_assert_msg(json_object_get(copy, json_string_value(value)) != NULL, "%s was not told",
                          json_string_value(value));
        count += json_array_size(keys);
        (void)snprintf(cursor, sizeof cursor, "%s", json_string_value(json_object_get(reply, "cursor")));
        json_decref(reply);
    } while (*cursor != '\0');
    ck_assert_uint_eq(count, json_object_size(copy));
    json_object_foreach(copy, key, value)
    {
        reply = client_call(&client, JSON, "Get", "{s:s}", "key", key);
        ck_assert_str_eq(text_of(reply, "value"), json_string_value(value));
        json_decref(reply);
    }
}

/* Does what events say until that one comes. */
static void apply_until(struct watch *watch, json_t *copy, const char *event, const char *key)
{
    bool found = false;
    while (!found) {
        json_t *told = next(watch);
        apply(copy, told);
        found = strcmp(text_of(told, "event"), event) == 0 && strcmp(text_of(told, "key"), key) == 0;
        json_decref(told);
    }
}

/* A watcher that does what events say has what the store has, whatever was written while it began. */
START_TEST(the_beginning_and_the_changes_add_up)
{
    struct watch watch;
    struct pipeline pipeline;
    unsigned seed = 1;
    json_t *copy = json_object();
    pipeline_open(&pipeline, &client, MANY * 10);
    write_some(&pipeline, &seed, MANY * 2);
    watch_open(&watch, PROTOBUF, "{\"values\":true}");
    write_some(&pipeline, &seed, MANY * 2);
    pipeline_settle(&pipeline, 0);
    ck_assert_uint_eq(pipeline.ok, pipeline.sent);
    call("Set", "{\"key\":\"last\",\"value\":\"1\"}");
    apply_until(&watch, copy, "put", "last");
    /* What a heartbeat follows has been told. */
    apply_until(&watch, copy, "sync", "");
    check_copy(copy);
    json_decref(copy);
    watch_close(&watch);
    pipeline_close(&pipeline);
}
END_TEST

/* "In order for each key": a counter that only grows is told so, by each of many watches. */
START_TEST(each_watch_is_told_in_order_and_without_a_gap)
{
    enum { WATCHES = 20, WRITES = 500 };
    static const char add[] = "{\"key\":\"n\",\"value\":1}";
    struct watch watches[WATCHES];
    struct pipeline pipeline;
    pipeline_open(&pipeline, &client, WRITES);
    for (int i = 0; i < WATCHES; i++) {
        watch_open(&watches[i], i % ENCODINGS,
                   i % 3 == 0 ? "{\"values\":true}" : "{\"key\":\"n\",\"values\":true}");
        expect(&watches[i], "sync");
    }
    for (int i = 0; i < WRITES; i++)
        ck_assert(pipeline_send(&pipeline, "Add", add, strlen(add)));
    pipeline_settle(&pipeline, 0);
    ck_assert_uint_eq(pipeline.ok, WRITES);
    for (int i = 0; i < WATCHES; i++)
        for (int n = 1; n <= WRITES; n++) {
            char expected[32];
            (void)snprintf(expected, sizeof expected, "put n=%d", n);
            expect_in_time(&watches[i], expected);
        }
    for (int i = 0; i < WATCHES; i++)
        watch_close(&watches[i]);
    pipeline_close(&pipeline);
}
END_TEST

/* ---- how long ---- */

START_TEST(a_watch_ends_with_its_lease)
{
    struct watch watch;
    int64_t from_ns = wkv_monotonic_ns();
    watch_open(&watch, _i, "{\"lease_ms\":300}");
    expect(&watch, "sync");
    expect(&watch, "end");
    ck_assert_int_ge(wkv_monotonic_ns() - from_ns, 300 * WKV_NS_PER_MS);
    /* It is forgotten: the same request begins another. */
    watch.number = 0;
    ask(&watch, "{\"lease_ms\":300}");
    expect(&watch, "sync");
    expect(&watch, "end");
    watch_close(&watch);
}
END_TEST

/* "Unless the same request comes again with the same reply subject before that, which renews it without the
 * beginning". */
START_TEST(a_watch_is_renewed_where_sync_says_or_at_watch_itself)
{
    struct watch watch;
    char renew[512];
    call("Set", "{\"key\":\"a\",\"value\":\"1\"}");
    watch_open(&watch, _i, "{\"key\":\"a\",\"lease_ms\":60000}");
    expect(&watch, "put a");
    json_t *sync = next(&watch);
    ck_assert_str_eq(text_of(sync, "event"), "sync");
    (void)snprintf(renew, sizeof renew, "%s", text_of(sync, "renew"));
    json_decref(sync);
    ck_assert_int_eq(strncmp(renew, client.base, strlen(client.base)), 0);
    ck_assert_ptr_null(strchr(renew + strlen(client.base) + 1, '.'));
    ask(&watch, "{\"key\":\"a\",\"lease_ms\":60000}");
    call("Set", "{\"key\":\"a\",\"value\":\"2\"}");
    expect(&watch, "put a");
    ask_on(&watch, renew, "{\"key\":\"a\",\"lease_ms\":1000}");
    expect(&watch, "end");
    watch_close(&watch);
}
END_TEST

START_TEST(a_heartbeat_comes_each_five_seconds)
{
    struct watch watch;
    watch_open(&watch, JSON, "{\"key\":\"a\"}");
    expect(&watch, "sync");
    int64_t from_ns = wkv_monotonic_ns();
    expect(&watch, "sync");
    int64_t waited_ns = wkv_monotonic_ns() - from_ns;
    ck_assert_int_ge(waited_ns, 4 * WKV_NS_PER_S);
    ck_assert_int_lt(waited_ns, 5 * WKV_NS_PER_S + WAIT_MS / 2 * WKV_NS_PER_MS);
    watch_close(&watch);
}
END_TEST

START_TEST(a_binding_that_changes_ends_its_actor_s_watches)
{
    struct watch watch, other;
    struct client system;
    client_open(&system, server.url);
    client_call_on(&system, DEFAULT_BASE, "system");
    watch_open(&watch, JSON, "{}");
    expect(&watch, "sync");
    json_decref(client_call(&system, JSON, "BindActor", "{s:s,s:{s:s}}", "module", ACTOR, "values",
                            "KEYSPACE", "mine"));
    expect_in_time(&watch, "end");
    client_call_on(&client, DEFAULT_BASE, "MOTHER");
    watch_open(&other, JSON, "{}");
    expect(&other, "sync");
    client_call_on(&client, DEFAULT_BASE, ACTOR);
    watch.number = 0;
    ask(&watch, "{}");
    expect(&watch, "sync");
    call("Set", "{\"key\":\"mine\",\"value\":\"1\"}");
    expect_in_time(&watch, "put mine");
    json_decref(client_call(&system, JSON, "RemoveActor", "{s:s}", "module", ACTOR));
    expect_in_time(&watch, "end");
    /* The other actor's keyspace is another, and so is its watch. */
    call("Set", "{\"key\":\"shared\",\"value\":\"1\"}");
    expect_in_time(&other, "put shared");
    watch_close(&watch);
    watch_close(&other);
    client_close(&system);
}
END_TEST

START_TEST(an_instance_that_stops_ends_its_watches)
{
    struct watch watch;
    watch_open(&watch, JSON, "{}");
    expect(&watch, "sync");
    provider_stop(&provider);
    expect_in_time(&watch, "end");
    watch_close(&watch);
}
END_TEST

/* Waits until the provider listens on the subject again: each of its connections is back in its own time. */
static void await_listener(const char *subject)
{
    int64_t until_ns = wkv_monotonic_ns() + WAIT_MS * WKV_NS_PER_MS;
    natsMsg *message = NULL;
    while (natsConnection_RequestString(&message, client.connection, subject, "", WAIT_MS) != NATS_OK) {
        ck_assert_msg(wkv_monotonic_ns() < until_ns, "%s is not back", subject);
        nats_Sleep(10);
    }
    natsMsg_Destroy(message);
}

/* The watcher may be back later than the provider, and hear nothing: so it is the count that is looked at. */
START_TEST(a_watch_whose_connection_was_lost_is_over)
{
    struct watch watch;
    watch_open(&watch, JSON, "{}");
    expect(&watch, "sync");
    json_decref(service_await(&client, "data.watches.open", 1));
    nats_server_kill(&server);
    nats_server_start_on(&server, server.port, NULL);
    (void)process_await_line(&provider, "watches: reconnected");
    watch_close(&watch);
    client_close(&client);
    client_open(&client, server.url);
    await_listener("$SRV.PING.wascc-keyvalue");
    await_listener(DEFAULT_BASE "." ACTOR ".Batch"); /* Watch comes next */
    json_t *stats = service_await(&client, "data.watches.open", 0);
    ck_assert_int_eq(number_at(stats, "data.watches.missed"), 1);
    json_decref(stats);
    watch_open(&watch, JSON, "{}");
    expect(&watch, "sync");
    watch_close(&watch);
}
END_TEST

/* ---- what is refused ---- */

START_TEST(a_request_that_is_none_is_refused)
{
    char subject[320];
    refused(_i, 400, "key and prefix", "{\"key\":\"a\",\"prefix\":\"b\"}");
    (void)snprintf(subject, sizeof subject, "%s.Watch", client.base);
    ck_assert_int_eq(natsConnection_PublishString(client.connection, subject, "{}"), NATS_OK);
    call("Get", "{\"key\":\"a\"}");
    json_t *stats = service_stats(&client);
    ck_assert_int_eq(number_at(stats, "data.watches.open"), 0);
    json_decref(stats);
}
END_TEST

START_TEST(an_invocation_cannot_watch)
{
    struct lattice lattice;
    people_make();
    lattice_open(&lattice, server.url, &people.host, "wasmbus", "default");
    lattice_bind(&lattice, ACTOR, NULL);
    lattice_refused(&lattice,
                    &(struct invocation){.actor = ACTOR, .operation = "Watch", .msg = "\x80", .msg_len = 1},
                    "Watch has many replies");
    lattice_close(&lattice);
    people_free();
}
END_TEST

/* "Over 1,024 watches a process: 503." */
START_TEST(there_are_so_many_watches_and_no_more)
{
    enum { MOST = 1024 };
    struct watch *watches = calloc(MOST, sizeof *watches);
    char request[64];
    for (int i = 0; i < MOST; i++) {
        (void)snprintf(request, sizeof request, "{\"key\":\"k%d\"}", i);
        watch_open(&watches[i], PROTOBUF, request);
        expect(&watches[i], "sync");
    }
    refused(JSON, 503, "1024", "{\"key\":\"k\"}");
    json_t *stats = service_stats(&client);
    ck_assert_int_eq(number_at(stats, "data.watches.open"), MOST);
    ck_assert_int_ge(number_at(stats, "data.watches.events"), MOST);
    json_decref(stats);
    /* A renewal is no other watch. */
    ask(&watches[7], "{\"key\":\"k7\",\"lease_ms\":1}");
    expect_in_time(&watches[7], "end");
    watches[7].number = 0;
    ask(&watches[7], "{\"key\":\"k7\"}");
    expect(&watches[7], "sync");
    for (int i = 0; i < MOST; i++)
        watch_close(&watches[i]);
    free(watches);
}
END_TEST

/* Many changes in one message, of which a small budget has room for a part: the watch is over, the writer is
 * not held up, and the next watch begins anew. */
static void start_small(void)
{
    nats_server_start(&server, NULL);
    provider_serve(&provider, server.url, "--max-memory", "2mb", "--shards", "16", NULL);
    client_open(&client, server.url);
}

START_TEST(a_watch_that_cannot_keep_up_is_told_so)
{
    enum { WRITES = 4096 };
    struct watch watch;
    json_t *requests = json_array();
    for (int i = 0; i < WRITES; i++)
        (void)json_array_append_new(requests, json_pack("{s:{s:s,s:s}}", "set", "key", "the same key",
                                                        "value", "a value of some length"));
    watch_open(&watch, JSON, "{\"values\":true}");
    expect(&watch, "sync");
    json_decref(client_call(&client, PROTOBUF, "Batch", "{s:o}", "requests", requests));
    char told[256];
    do {
        json_t *event = next(&watch);
        describe(event, told);
        json_decref(event);
    } while (strncmp(told, "put", 3) == 0);
    ck_assert_str_eq(told, "missed");
    json_decref(service_await(&client, "data.watches.missed", 1));
    watch.number = 0;
    ask(&watch, "{\"values\":true}");
    expect(&watch, "put the same key=a value of some length");
    expect(&watch, "sync");
    watch_close(&watch);
}
END_TEST

START_TEST(a_budget_without_room_for_a_watch_refuses_it)
{
    char key[32];
    int code = 0;
    for (int i = 0; code == 0; i++) {
        (void)snprintf(key, sizeof key, "k%d", i);
        json_t *request = json_pack("{s:s,s:s}", "key", key, "value", "some bytes that fill the budget");
        struct answer answer = client_ask(&client, PROTOBUF, "Set", request);
        code = answer.code;
        answer_free(&answer);
        json_decref(request);
    }
    ck_assert_int_eq(code, 507);
    refused(JSON, 507, "budget", "{}");
    call("Get", "{\"key\":\"k1\"}");
}
END_TEST

Suite *watch_suite(void)
{
    Suite *suite = suite_create("integration/watch");
    TCase *told = tcase_create("told"), *small = tcase_create("small");
    tcase_add_checked_fixture(told, start, stop);
    tcase_add_checked_fixture(small, start_small, stop);
    tcase_set_timeout(told, 180);
    tcase_set_timeout(small, 180);
    tcase_add_loop_test(told, a_watch_of_a_key_begins_with_it_and_tells_its_changes, 0, ENCODINGS);
    tcase_add_loop_test(told, a_key_that_is_not_there_is_watched_and_values_come_only_where_asked_for, 0,
                        ENCODINGS);
    tcase_add_loop_test(told, a_watch_of_a_prefix_or_of_all_tells_of_those_keys, 0, ENCODINGS);
    tcase_add_test(told, values_are_bytes_and_large_ones_come_whole);
    tcase_add_test(told, an_atomic_batch_is_told_whole_or_not_at_all);
    tcase_add_test(told, the_beginning_and_the_changes_add_up);
    tcase_add_test(told, each_watch_is_told_in_order_and_without_a_gap);
    tcase_add_loop_test(told, a_watch_ends_with_its_lease, 0, ENCODINGS);
    tcase_add_loop_test(told, a_watch_is_renewed_where_sync_says_or_at_watch_itself, 0, ENCODINGS);
    tcase_add_test(told, a_heartbeat_comes_each_five_seconds);
    tcase_add_test(told, a_binding_that_changes_ends_its_actor_s_watches);
    tcase_add_test(told, an_instance_that_stops_ends_its_watches);
    tcase_add_test(told, a_watch_whose_connection_was_lost_is_over);
    tcase_add_loop_test(told, a_request_that_is_none_is_refused, 0, ENCODINGS);
    tcase_add_test(told, an_invocation_cannot_watch);
    tcase_add_test(told, there_are_so_many_watches_and_no_more);
    tcase_add_test(small, a_watch_that_cannot_keep_up_is_told_so);
    tcase_add_test(small, a_budget_without_room_for_a_watch_refuses_it);
    suite_add_tcase(suite, told);
    suite_add_tcase(suite, small);
    return suite;
}
