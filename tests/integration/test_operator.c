/* Contract section 8, operator operations: Keys, Inspect, Bindings, Slowlog, LogLevel, Members and Digest, as
 * `system`, JSON.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "claims.h"
#include "harness.h"
#include "service.h"

#define NOTHING ((struct papers){.claims = NULL})

static struct nats_server server;
static struct process provider, second, command;
static struct client client, sys;

static const char *const operator_operations[] = {"Keys",     "Inspect", "Bindings", "Slowlog",
                                                  "LogLevel", "Members", NULL};

static void start(void)
{
    nats_server_start(&server, NULL);
    people_make();
}

static void stop(void)
{
    client_close(&client);
    client_close(&sys);
    harness_close_nats();
    process_destroy(&provider);
    process_destroy(&second);
    process_destroy(&command);
    nats_server_kill(&server);
    people_free();
}

static void open_clients(void)
{
    client_open(&client, server.url);
    system_open(&sys, server.url);
}

static void serve(void)
{
    provider_serve(&provider, server.url, NULL);
    open_clients();
}

static void set_value(const char *key, const char *value, int expires_s)
{
    json_decref(client_call(&client, PROTOBUF, "Set", "{s:s,s:s,s:i}", "key", key, "value", value,
                            "expires_s", expires_s));
}

static void add_member(const char *key, const char *member)
{
    json_decref(client_call(&client, PROTOBUF, "SetAdd", "{s:s,s:s}", "key", key, "value", member));
}

/* An answer that must be a JSON object, without an error. The caller releases it. */
static json_t *take_reply(struct answer *answer)
{
    ck_assert_msg(answer->status == NATS_OK && answer->code == 0, "%s, %d %s",
                  natsStatus_GetText(answer->status), answer->code, answer->text);
    json_t *reply = json_of(answer->data, answer->len);
    ck_assert(json_is_object(reply));
    answer_free(answer);
    return reply;
}

static json_t *ask_system(const char *operation, const char *request)
{
    struct answer answer = client_send(&sys, operation, request, strlen(request));
    return take_reply(&answer);
}

static void system_refused(const char *operation, int code, const char *names, const char *request)
{
    struct answer answer = client_send(&sys, operation, request, strlen(request));
    check_refusal(&answer, operation, code, names);
    answer_free(&answer);
}

/* ---- Keys ---- */

#define MANY 10000

/* Makes keys "key 00000" and so on, of the four kinds in turn. */
static void make_keys(int count)
{
    static const struct {
        const char *operation, *rest;
    } kinds[] = {{"Set", "\"value\":\"v\""},
                 {"Add", "\"value\":1"},
                 {"Push", "\"value\":\"v\""},
                 {"SetAdd", "\"value\":\"v\""}};
    struct pipeline pipeline;
    pipeline_open(&pipeline, &client, (size_t)count);
    for (int i = 0; i < count; i++) {
        char request[64];
        int len = snprintf(request, sizeof request, "{\"key\":\"key %05d\",%s}", i, kinds[i % 4].rest);
        ck_assert(pipeline_send(&pipeline, kinds[i % 4].operation, request, (size_t)len));
        pipeline_settle(&pipeline, 500);
    }
    pipeline_settle(&pipeline, 0);
    ck_assert_uint_eq(pipeline.ok, (size_t)count);
    pipeline_close(&pipeline);
}

/* What a walk through all pages has shown. */
struct walk {
    json_t *seen; /* an object: each key, and how often */
    size_t keys, pages, largest_page, most_bytes;
};

static void count_key(struct walk *walk, const json_t *key)
{
    ck_assert(json_is_string(key));
    const json_t *before = json_object_get(walk->seen, json_string_value(key));
    ck_assert_int_eq(
        json_object_set_new(walk->seen, json_string_value(key), json_integer(json_integer_value(before) + 1)),
        0);
    walk->keys++;
}

/* A size and a kind for each key, of what it holds and so of at least min_bytes. */
static void check_sizes(const json_t *keys, const json_t *sizes, const json_t *kinds, long long min_bytes)
{
    const json_t *size;
    size_t i;
    ck_assert_uint_eq(json_array_size(sizes), json_array_size(keys));
    ck_assert_uint_eq(json_array_size(kinds), json_array_size(keys));
    json_array_foreach(sizes, i, size)
    {
        json_t *request = json_pack("{s:O}", "key", json_array_get(keys, i));
        struct answer answer = client_ask(&sys, JSON, "Inspect", request);
        json_t *reply = take_reply(&answer);
        ck_assert_int_eq(number_at(reply, "bytes"), json_integer_value(size));
        ck_assert_int_ge(json_integer_value(size), min_bytes);
        ck_assert_str_eq(text_at(reply, "kind"), json_string_value(json_array_get(kinds, i)));
        json_decref(reply);
        json_decref(request);
    }
}

/* Asks for one page and notes what is on it. cursor gets the next one's, "" at the end. */
static void take_page(struct walk *walk, json_t *request, char cursor[64])
{
    const json_t *key;
    size_t i;
    if (*cursor != '\0')
        ck_assert_int_eq(json_object_set_new(request, "cursor", json_string(cursor)), 0);
    struct answer answer = client_ask(&sys, JSON, "Keys", request);
    walk->most_bytes = answer.len > walk->most_bytes ? answer.len : walk->most_bytes;
    json_t *page = take_reply(&answer);
    bool sized = json_object_get(request, "min_bytes") != NULL;
    check_shape(page, sized ? "keys:a cursor:s bytes:a kinds:a" : "keys:a cursor:s");
    const json_t *keys = member_at(page, "keys");
    if (sized)
        check_sizes(keys, member_at(page, "bytes"), member_at(page, "kinds"),
                    number_at(request, "min_bytes"));
    json_array_foreach(keys, i, key)
    {
        count_key(walk, key);
    }
    walk->largest_page =
        json_array_size(keys) > walk->largest_page ? json_array_size(keys) : walk->largest_page;
    walk->pages++;
    ck_assert_uint_lt(strlen(text_at(page, "cursor")), 64);
    ck_assert_str_ne(text_at(page, "cursor"), *cursor == '\0' ? "no cursor" : cursor);
    (void)snprintf(cursor, 64, "%s", text_at(page, "cursor"));
    json_decref(page);
}

/* Walks with this request (JSON text) from the beginning until the cursor is empty. */
static struct walk walk_keys(const char *request)
{
    struct walk walk = {.seen = json_object()};
    json_t *asked = json_of(request, strlen(request));
    char cursor[64] = "";
    do {
        take_page(&walk, asked, cursor);
        ck_assert_uint_lt(walk.pages, 100000);
    } while (*cursor != '\0');
    json_decref(asked);
    return walk;
}

static void walk_end(struct walk *walk)
{
    json_decref(walk->seen);
}

/* Checks that a walk shows just these keys, each once. NULL is the end of them. */
static void shows(const char *request, const char *const keys[])
{
    struct walk walk = walk_keys(request);
    char *said = json_dumps(walk.seen, JSON_COMPACT | JSON_SORT_KEYS);
    size_t count = 0;
    for (; keys[count] != NULL; count++)
        ck_assert_msg(json_object_get(walk.seen, keys[count]) != NULL, "%s does not show \"%s\": %s", request,
                      keys[count], said);
    ck_assert_msg(walk.keys == count, "%s: %s", request, said);
    free(said);
    walk_end(&walk);
}
#define SHOWS(request, ...) shows(request, (const char *const[]){__VA_ARGS__, NULL})
#define SHOWS_NOTHING(request) shows(request, (const char *const[]){NULL})

static void check_all_once(const struct walk *walk, int count)
{
    for (int i = 0; i < count; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "key %05d", i);
        ck_assert_msg(json_integer_value(json_object_get(walk->seen, key)) == 1, "\"%s\" is shown %d times",
                      key, (int)json_integer_value(json_object_get(walk->seen, key)));
    }
    ck_assert_uint_eq(walk->keys, (size_t)count);
}

START_TEST(pages_show_each_of_ten_thousand_keys_once)
{
    static const struct {
        const char *request;
        size_t limit;
    } rows[] = {{"{}", 1000},
                {"{\"limit\":0}", 1000},
                {"{\"limit\":1}", 1},
                {"{\"limit\":7}", 7},
                {"{\"limit\":100,\"prefix\":\"key \"}", 100},
                {"{\"limit\":10000}", 10000}};
    serve();
    make_keys(MANY);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct walk walk = walk_keys(rows[i].request);
        check_all_once(&walk, MANY);
        ck_assert_msg(walk.largest_page <= rows[i].limit, "%s: %zu keys on a page", rows[i].request,
                      walk.largest_page);
        ck_assert_uint_ge(walk.pages, MANY / rows[i].limit);
        walk_end(&walk);
    }
    provider_stop(&provider);
}
END_TEST

START_TEST(keys_by_prefix_and_by_glob)
{
    serve();
    SHOWS_NOTHING("{}");
    make_keys(40);
    set_value("other", "v", 0);
    set_value("k*y", "v", 0);
    set_value("grün", "v", 0);
    SHOWS("{\"prefix\":\"o\"}", "other");
    SHOWS("{\"prefix\":\"other\"}", "other");
    SHOWS_NOTHING("{\"prefix\":\"other1\"}");
    SHOWS_NOTHING("{\"prefix\":\"ther\"}");
    SHOWS("{\"prefix\":\"k*\"}", "k*y");
    SHOWS("{\"prefix\":\"gr\\u00fc\"}", "grün");
    SHOWS("{\"prefix\":\"key 0003\",\"limit\":1}", "key 00030", "key 00031", "key 00032", "key 00033",
          "key 00034", "key 00035", "key 00036", "key 00037", "key 00038", "key 00039");
    SHOWS("{\"glob\":\"key 0000[1-3]\"}", "key 00001", "key 00002", "key 00003");
    SHOWS("{\"glob\":\"*9\",\"limit\":1}", "key 00009", "key 00019", "key 00029", "key 00039");
    SHOWS("{\"glob\":\"[^k]*\"}", "other", "grün");
    SHOWS("{\"glob\":\"?????\"}", "other");
    SHOWS("{\"glob\":\"????\"}", "grün"); /* characters, not bytes */
    SHOWS("{\"glob\":\"k\\\\*y\"}", "k*y");
    SHOWS("{\"glob\":\"other\"}", "other");
    SHOWS_NOTHING("{\"glob\":\"othe\"}");
    SHOWS_NOTHING("{\"glob\":\"ther\"}");
    struct walk walk = walk_keys("{\"glob\":\"*\"}");
    ck_assert_uint_eq(walk.keys, 43);
    walk_end(&walk);
    provider_stop(&provider);
}
END_TEST

START_TEST(keys_that_hold_at_least_so_many_bytes)
{
    char *large = malloc(100001);
    ck_assert_ptr_nonnull(large);
    memset(large, 'x', 100000);
    large[100000] = '\0';
    serve();
    make_keys(30);
    set_value("large", large, 0);
    for (int i = 0; i < 300; i++) {
        char member[64];
        (void)snprintf(member, sizeof member, "a member that takes some room, number %d", i);
        add_member("large set", member);
    }
    SHOWS("{\"min_bytes\":100000}", "large");
    SHOWS("{\"min_bytes\":10000}", "large", "large set");
    SHOWS("{\"min_bytes\":10000,\"glob\":\"*set\"}", "large set");
    SHOWS_NOTHING("{\"min_bytes\":10000000000}");
    struct walk walk = walk_keys("{\"min_bytes\":1}");
    ck_assert_uint_eq(walk.keys, 32);
    walk_end(&walk);
    free(large);
    provider_stop(&provider);
}
END_TEST

START_TEST(keys_and_inspect_see_one_keyspace)
{
    char actor[WKV_NKEY_PUBLIC_CHARS + 1];
    serve();
    actor_key(10, actor);
    bind_actor(&sys, JSON, NOTHING, actor, "orders");
    set_value("shared", "1", 0);
    set_value("both", "1", 0);
    client_call_on(&client, DEFAULT_BASE, actor);
    set_value("of orders", "12345", 0);
    set_value("both", "12345", 0);
    SHOWS("{}", "shared", "both");
    SHOWS("{\"keyspace\":\"\"}", "shared", "both");
    SHOWS("{\"keyspace\":\"default\"}", "shared", "both");
    SHOWS("{\"keyspace\":\"orders\"}", "of orders", "both");
    SHOWS("{\"keyspace\":\"orders\",\"limit\":1}", "of orders", "both");
    SHOWS("{\"keyspace\":\"orders\",\"prefix\":\"of\"}", "of orders");
    system_refused("Keys", 400, "keyspace", "{\"keyspace\":\"nowhere\"}");
    system_refused("Inspect", 400, "keyspace", "{\"keyspace\":\"nowhere\",\"key\":\"both\"}");
    static const struct {
        const char *request;
        int length;
    } rows[] = {{"{\"key\":\"both\"}", 1},
                {"{\"key\":\"both\",\"keyspace\":\"default\"}", 1},
                {"{\"key\":\"both\",\"keyspace\":\"orders\"}", 5}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *reply = ask_system("Inspect", rows[i].request);
        ck_assert_int_eq(number_at(reply, "length"), rows[i].length);
        json_decref(reply);
    }
    provider_stop(&provider);
}
END_TEST

START_TEST(a_keys_request_that_makes_no_sense_is_refused)
{
    static const struct {
        const char *request, *names;
    } rows[] = {{"{\"prefix\":\"a\",\"glob\":\"a*\"}", "prefix and glob"},
                {"{\"limit\":-1}", "limit"},
                {"{\"limit\":10001}", "limit"},
                {"{\"limit\":99999999999}", "limit"},
                {"{\"limit\":\"many\"}", "limit"},
                {"{\"cursor\":\"x\"}", "cursor"},
                {"{\"cursor\":\"-1\"}", "cursor"},
                {"{\"cursor\":\" 1\"}", "cursor"},
                {"{\"cursor\":\"1.5\"}", "cursor"},
                {"{\"cursor\":\"99999999999999999999999\"}", "cursor"},
                {"{\"cursor\":7}", "cursor"},
                {"{\"cursor\":\".7\"}", "cursor"},
                {"{\"cursor\":\"A.\"}", "cursor"},
                {"{\"cursor\":\"A.7.8\"}", "cursor"},
                {"{\"cursor\":\"A.7\"}", "another process"},
                {"{\"min_bytes\":-1}", "min_bytes"},
                {"{\"prefix\":[]}", "prefix"},
                {"{", NULL},
                {"{} {}", NULL}};
    serve();
    make_keys(10);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        system_refused("Keys", 400, rows[i].names, rows[i].request);
    char *glob = malloc(1200);
    ck_assert_ptr_nonnull(glob);
    (void)snprintf(glob, 1200, "{\"glob\":\"%0*d\"}", 1100, 0);
    system_refused("Keys", 413, "glob", glob);
    free(glob);
    provider_stop(&provider);
}
END_TEST

/* The places of keys are a process's own. */
START_TEST(a_cursor_of_a_process_that_has_ended_is_refused)
{
    char again[160];
    serve();
    make_keys(10);
    json_t *page = ask_system("Keys", "{\"limit\":3}");
    (void)snprintf(again, sizeof again, "{\"cursor\":\"%s\"}", text_at(page, "cursor"));
    json_decref(page);
    json_decref(ask_system("Keys", again));
    provider_stop(&provider);
    provider_serve(&provider, server.url, NULL);
    make_keys(10);
    system_refused("Keys", 400, "another process", again);
    provider_stop(&provider);
}
END_TEST

#define SPLIT_KEYS 200

static void serve_a_part(struct process *process, char id[INSTANCE_ID_BYTES])
{
    provider_start(process, server.url, "--allow-split", NULL);
    provider_await_ready(process, id);
}

/* How many of two instances refuse the request: of each, the answer to a good one that follows on the same
 * subject is awaited. */
static size_t count_refusals(const char *operation, const char *request, const char *good)
{
    char subject[256];
    natsSubscription *answers = NULL;
    size_t refused = 0;
    (void)snprintf(subject, sizeof subject, DEFAULT_BASE ".system.%s", operation);
    ck_assert_int_eq(natsConnection_SubscribeSync(&answers, sys.connection, "answers"), NATS_OK);
    ck_assert_int_eq(natsConnection_PublishRequestString(sys.connection, subject, "answers", request),
                     NATS_OK);
    ck_assert_int_eq(natsConnection_PublishRequestString(sys.connection, subject, "answers", good), NATS_OK);
    for (int answered = 0; answered < 2;) {
        natsMsg *message = NULL;
        ck_assert_int_eq(natsSubscription_NextMsg(&message, answers, WAIT_MS), NATS_OK);
        json_t *reply = json_of(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
        bool is_refusal = json_object_get(reply, "error") != NULL;
        refused += is_refusal ? 1 : 0;
        answered += is_refusal ? 0 : 1;
        json_decref(reply);
        natsMsg_Destroy(message);
    }
    natsSubscription_Destroy(answers);
    return refused;
}

/* Which of two instances is asked, the request says, or the cursor. */
START_TEST(where_the_data_is_split_an_operator_chooses_the_instance)
{
    char ids[2][INSTANCE_ID_BYTES], request[160];
    size_t keys = 0;
    serve_a_part(&provider, ids[0]);
    serve_a_part(&second, ids[1]);
    open_clients();
    make_keys(SPLIT_KEYS);
    json_t *all = json_object();
    for (int i = 0; i < 2; i++) {
        const char *key;
        json_t *times;
        (void)snprintf(request, sizeof request, "{\"limit\":7,\"instance\":\"%s\"}", ids[i]);
        struct walk walk = walk_keys(request);
        ck_assert_uint_gt(walk.keys, 0);
        keys += walk.keys;
        json_object_foreach(walk.seen, key, times)
        {
            const char *kinds[2];
            for (int j = 0; j < 2; j++) {
                json_t *reply =
                    client_call(&sys, JSON, "Inspect", "{s:s,s:s}", "key", key, "instance", ids[j]);
                kinds[j] = strcmp(text_at(reply, "kind"), "none") == 0 ? "none" : "some";
                json_decref(reply);
            }
            ck_assert_str_eq(kinds[i], "some");
            ck_assert_str_eq(kinds[1 - i], "none");
            json_object_set(all, key, times);
        }
        walk_end(&walk);
        /* Without it one of the two begins, and goes on. */
        walk = walk_keys("{\"limit\":7}");
        ck_assert_uint_gt(walk.keys, 0);
        ck_assert_uint_lt(walk.keys, SPLIT_KEYS);
        walk_end(&walk);
    }
    ck_assert_uint_eq(keys, SPLIT_KEYS);
    ck_assert_uint_eq(json_object_size(all), SPLIT_KEYS);
    json_decref(all);
    json_decref(client_call(&sys, JSON, "LogLevel", "{s:s,s:s}", "level", "debug", "instance", ids[1]));
    for (int i = 0; i < 2; i++) {
        json_t *reply = client_call(&sys, JSON, "LogLevel", "{s:s}", "instance", ids[i]);
        ck_assert_str_eq(text_at(reply, "level"), i == 0 ? "info" : "debug");
        json_decref(reply);
        json_decref(client_call(&sys, JSON, "Slowlog", "{s:s}", "instance", ids[i]));
        json_decref(client_call(&sys, JSON, "Bindings", "{s:s}", "instance", ids[i]));
    }
    /* Nor does the other one refuse what is wrong. */
    (void)snprintf(request, sizeof request, "{\"key\":\"\",\"instance\":\"%s\"}", ids[1]);
    ck_assert_uint_eq(count_refusals("Inspect", request, "{\"key\":\"k\"}"), 1);
    (void)snprintf(request, sizeof request, "{\"level\":\"loud\",\"instance\":\"%s\"}", ids[0]);
    ck_assert_uint_eq(count_refusals("LogLevel", request, "{}"), 1);
    provider_stop(&second);
    provider_stop(&provider);
}
END_TEST

/* A key that no reply can hold is in nobody's way. */
START_TEST(a_key_too_long_for_a_reply_is_passed_by_its_cursor)
{
    char key[16001], request[160] = "{}";
    int port = server.port;
    size_t shown = 0, refused = 0;
    bool more = true;
    nats_server_kill(&server);
    nats_server_start_on(&server, port, "max_payload: 65536\n");
    serve();
    make_keys(20);
    memset(key, 1, sizeof key - 1);
    key[sizeof key - 1] = '\0';
    set_value(key, "v", 0);
    for (int pages = 0; more; pages++) {
        char cursor[64] = "";
        ck_assert_int_lt(pages, 30);
        struct answer answer = client_send(&sys, "Keys", request, strlen(request));
        if (answer.code == 413) {
            const char *said = strstr(answer.text, "with the cursor ");
            more = said != NULL;
            if (more)
                ck_assert_int_eq(sscanf(said, "with the cursor %63s", cursor), 1);
            answer_free(&answer);
            refused++;
        } else {
            json_t *page = take_reply(&answer);
            shown += json_array_size(member_at(page, "keys"));
            (void)snprintf(cursor, sizeof cursor, "%s", text_at(page, "cursor"));
            more = *cursor != '\0';
            json_decref(page);
        }
        (void)snprintf(request, sizeof request, "{\"cursor\":\"%s\"}", cursor);
    }
    ck_assert_uint_eq(refused, 1);
    ck_assert_uint_eq(shown, 20);
    provider_stop(&provider);
}
END_TEST

#define SMALL_PAYLOAD 32768
#define LONG_KEYS 60
#define LONG_KEY_BYTES 2000

/* JSON writes each of these as \u0001: a page is six times as long as its keys. */
START_TEST(a_page_of_long_keys_stays_within_max_payload)
{
    int port = server.port;
    nats_server_kill(&server);
    nats_server_start_on(&server, port, "max_payload: 32768\n");
    serve();
    for (int i = 0; i < LONG_KEYS; i++) {
        char key[LONG_KEY_BYTES + 1];
        memset(key, i % 3 == 0 ? '"' : 1 + i % 2 * 30, LONG_KEY_BYTES);
        (void)snprintf(key, 8, "%05d", i);
        key[5] = i % 2 == 0 ? 0x7f : '\\';
        key[LONG_KEY_BYTES] = '\0';
        set_value(key, "v", 0);
    }
    static const char *const requests[] = {"{}", "{\"limit\":2}", "{\"limit\":10000,\"glob\":\"*\"}"};
    for (size_t i = 0; i < 3; i++) {
        const char *key;
        json_t *times;
        struct walk walk = walk_keys(requests[i]);
        ck_assert_uint_eq(walk.keys, LONG_KEYS);
        ck_assert_uint_eq(json_object_size(walk.seen), LONG_KEYS);
        json_object_foreach(walk.seen, key, times)
        {
            ck_assert_int_eq(json_integer_value(times), 1);
        }
        ck_assert_uint_le(walk.most_bytes, SMALL_PAYLOAD);
        walk_end(&walk);
    }
    provider_stop(&provider);
}
END_TEST

/* Another client, which makes and deletes keys until told to stop. */
struct churn {
    struct client client;
    pthread_t thread;
    atomic_bool stop;
    atomic_int rounds;
};

#define CHURNED 3000

static void *run_churn(void *argument)
{
    struct churn *churn = argument;
    while (!atomic_load(&churn->stop)) {
        struct pipeline pipeline;
        pipeline_open(&pipeline, &churn->client, CHURNED * 2);
        for (int i = 0; i < CHURNED * 2; i++) {
            char request[64];
            int len =
                snprintf(request, sizeof request,
                         i < CHURNED ? "{\"key\":\"churn %d\",\"value\":\"v\"}" : "{\"key\":\"churn %d\"}",
                         i % CHURNED);
            ck_assert(pipeline_send(&pipeline, i < CHURNED ? "Set" : "Del", request, (size_t)len));
            pipeline_settle(&pipeline, 100);
        }
        pipeline_settle(&pipeline, 0);
        pipeline_close(&pipeline);
        atomic_fetch_add(&churn->rounds, 1);
    }
    return NULL;
}

static void churn_start(struct churn *churn)
{
    *churn = (struct churn){.rounds = 0};
    client_open(&churn->client, server.url);
    ck_assert_int_eq(pthread_create(&churn->thread, NULL, run_churn, churn), 0);
}

static void churn_stop(struct churn *churn)
{
    atomic_store(&churn->stop, true);
    ck_assert_int_eq(pthread_join(churn->thread, NULL), 0);
    client_close(&churn->client);
}

#define STEADY 2000

/* Keys that are there throughout are all shown, though the tables under them grow and shrink. */
START_TEST(keys_that_stay_are_all_shown_while_others_come_and_go)
{
    struct churn churn;
    provider_serve(&provider, server.url, "--shards", "2", NULL);
    open_clients();
    make_keys(STEADY);
    churn_start(&churn);
    int walks = 0;
    for (; walks < 6 || atomic_load(&churn.rounds) < 3; walks++) {
        struct walk walk = walk_keys(walks % 2 == 0 ? "{\"limit\":20}" : "{\"limit\":300}");
        for (int i = 0; i < STEADY; i++) {
            char key[32];
            (void)snprintf(key, sizeof key, "key %05d", i);
            ck_assert_msg(json_object_get(walk.seen, key) != NULL, "walk %d does not show \"%s\"", walks,
                          key);
        }
        walk_end(&walk);
    }
    churn_stop(&churn);
    provider_stop(&provider);
}
END_TEST

#define SCANS 40
#define SCANNED 20000

/* Scans have their own thread: data is served between two of their replies, not behind them all. */
START_TEST(data_is_served_while_keys_scans)
{
    static const char scan[] = "{\"glob\":\"*a*b*c*d*e*f*g*h*i*j*k*\"}";
    struct pipeline pipeline;
    serve();
    make_keys(SCANNED);
    pipeline_open(&pipeline, &sys, SCANS);
    for (int i = 0; i < SCANS; i++)
        ck_assert(pipeline_send(&pipeline, "Keys", scan, sizeof scan - 1));
    int served = 0;
    while (pipeline.received < SCANS) {
        ck_assert(!client_exists(&client, "nothing"));
        served++;
        while (pipeline_receive(&pipeline, 0, NULL)) {
        }
        ck_assert_int_lt(served, 10000000);
    }
    /* What has waited too long behind the others is refused. */
    ck_assert_uint_eq(pipeline.ok + pipeline.errors, SCANS);
    ck_assert(pipeline.ok > 0 && (pipeline.errors == 0 || pipeline.last_code == 503));
    ck_assert_msg(served > 1, "a request was held up behind %d scans", SCANS);
    pipeline_close(&pipeline);
    provider_stop(&provider);
}
END_TEST

/* ---- Inspect ---- */

static void check_inspect(const char *key, const char *kind, long long length, long long expires_at_most)
{
    json_t *reply = client_call(&sys, JSON, "Inspect", "{s:s}", "key", key);
    check_shape(reply, "key:s kind:s length:i bytes:i expires_in_s:i");
    ck_assert_str_eq(text_at(reply, "key"), key);
    ck_assert_str_eq(text_at(reply, "kind"), kind);
    ck_assert_int_eq(number_at(reply, "length"), length);
    long long bytes = number_at(reply, "bytes"), expires = number_at(reply, "expires_in_s");
    if (strcmp(kind, "none") == 0)
        ck_assert_int_eq(bytes, 0);
    else
        ck_assert_int_gt(bytes, 0);
    ck_assert_msg(expires_at_most == 0 ? expires == 0 : expires >= 1 && expires <= expires_at_most,
                  "%s expires in %lld s", key, expires);
    json_decref(reply);
}

START_TEST(inspect_tells_each_kind)
{
    serve();
    check_inspect("scalar", "none", 0, 0);
    set_value("scalar", "héllo", 0);
    set_value("empty", "", 0);
    set_value("brief", "x", 1000);
    (void)client_add(&client, PROTOBUF, "counter", -42);
    for (int i = 0; i < 5; i++) {
        (void)client_push(&client, PROTOBUF, "list", "same");
        add_member("set", i < 3 ? "same" : "other");
    }
    check_inspect("scalar", "scalar", 6, 0);
    check_inspect("empty", "scalar", 0, 0);
    check_inspect("brief", "scalar", 1, 1000);
    check_inspect("counter", "counter", 3, 0);
    check_inspect("list", "list", 5, 0);
    check_inspect("set", "set", 2, 0);
    (void)client_add(&client, PROTOBUF, "counter", 42);
    check_inspect("counter", "counter", 1, 0);
    set_value("brief", "x", 0); /* "clears an earlier expiry" */
    check_inspect("brief", "scalar", 1, 0);
    json_decref(client_call(&client, JSON, "Del", "{s:s}", "key", "set"));
    check_inspect("set", "none", 0, 0);
    check_inspect("nie da gewesen \\ \" \x01", "none", 0, 0);
    client_refused(&sys, JSON, "Inspect", 400, "key is empty", "{s:s}", "key", "");
    client_refused(&sys, JSON, "Inspect", 400, "key is empty", "{}");
    provider_stop(&provider);
}
END_TEST

/* What grows has more bytes, and values are not told. */
START_TEST(inspect_tells_bytes_and_no_value)
{
    char large[5001];
    memset(large, 'L', 5000);
    large[5000] = '\0';
    serve();
    set_value("k", "SECRETvalue", 0);
    struct answer answer = client_send(&sys, "Inspect", "{\"key\":\"k\"}", 11);
    ck_assert_int_eq(answer.code, 0);
    ck_assert_msg(memmem(answer.data, answer.len, "SECRET", 6) == NULL, "%.*s", (int)answer.len, answer.data);
    json_t *small = take_reply(&answer);
    set_value("k", large, 0);
    json_t *grown = ask_system("Inspect", "{\"key\":\"k\"}");
    ck_assert_int_ge(number_at(grown, "bytes") - number_at(small, "bytes"), 4900);
    ck_assert_int_lt(number_at(grown, "bytes"), 10000);
    json_decref(small);
    json_decref(grown);
    provider_stop(&provider);
}
END_TEST

/* ---- Bindings ---- */

#define BOUND 25

static int compare_keys(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Takes all pages and checks that they list these actors, by actor. */
static void check_bindings(char actors[][WKV_NKEY_PUBLIC_CHARS + 1], size_t count, int limit)
{
    char cursor[64] = "";
    size_t seen = 0;
    do {
        const json_t *binding;
        size_t i;
        json_t *page = client_call(&sys, JSON, "Bindings", "{s:i,s:s}", "limit", limit, "cursor", cursor);
        check_shape(page, "bindings:a cursor:s");
        ck_assert_uint_le(json_array_size(member_at(page, "bindings")), (size_t)limit);
        json_array_foreach(member_at(page, "bindings"), i, binding)
        {
            check_shape(binding, "actor:s keyspace:s issuer:s expires_at:i");
            ck_assert_uint_lt(seen, count);
            ck_assert_str_eq(text_at(binding, "actor"), actors[seen++]);
        }
        (void)snprintf(cursor, sizeof cursor, "%s", text_at(page, "cursor"));
        json_decref(page);
    } while (*cursor != '\0');
    ck_assert_uint_eq(seen, count);
}

START_TEST(bindings_are_listed_page_by_page)
{
    static char actors[BOUND][WKV_NKEY_PUBLIC_CHARS + 1];
    serve();
    check_bindings(actors, 0, 10);
    for (unsigned char i = 0; i < BOUND; i++) {
        actor_key((unsigned char)(i + 1), actors[i]);
        bind_actor(&sys, i % 2 == 0 ? JSON : PROTOBUF, NOTHING, actors[i], i == 7 ? "orders" : NULL);
    }
    char seventh[WKV_NKEY_PUBLIC_CHARS + 1];
    memcpy(seventh, actors[7], sizeof seventh);
    qsort(actors, BOUND, sizeof actors[0], compare_keys);
    static const int limits[] = {1, 10, 25, 24, 26, 10000};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        check_bindings(actors, BOUND, limits[i]);
    json_t *all = ask_system("Bindings", "{}");
    const json_t *binding;
    size_t i;
    json_array_foreach(member_at(all, "bindings"), i, binding)
    {
        bool is_seventh = strcmp(text_at(binding, "actor"), seventh) == 0;
        ck_assert_str_eq(text_at(binding, "keyspace"), is_seventh ? "orders" : "default");
        ck_assert_str_eq(text_at(binding, "issuer"), ""); /* --auth none asks for no claims */
        ck_assert_int_eq(number_at(binding, "expires_at"), 0);
    }
    json_decref(all);
    remove_actor(&sys, JSON, NOTHING, actors[BOUND - 1]);
    check_bindings(actors, BOUND - 1, 10);
    system_refused("Bindings", 400, "limit", "{\"limit\":-1}");
    system_refused("Bindings", 400, "limit", "{\"limit\":10001}");
    system_refused("Bindings", 400, "cursor", "{\"cursor\":\"M.A\"}");
    system_refused("Bindings", 400, "cursor", "{\"cursor\":\"M\\u0000\"}");
    system_refused("Bindings", 400, "cursor", "{\"cursor\":\"system\"}");
    provider_stop(&provider);
}
END_TEST

/* A page that the reply does not hold ends earlier, and its cursor goes on. JSON writes some names longer
 * than they are. */
START_TEST(a_page_of_bindings_ends_where_the_reply_is_full)
{
    enum { ACTORS = 120 };
    static char actors[ACTORS][WKV_NKEY_PUBLIC_CHARS + 1];
    int port = server.port;
    nats_server_kill(&server);
    nats_server_start_on(&server, port, "max_payload: 2048\n");
    serve();
    for (unsigned i = 0; i < ACTORS; i++) {
        char keyspace[120];
        memset(keyspace, "\x01\"\\k\n"[i % 5], i % 117);
        (void)snprintf(keyspace + i % 117, 3, "%u", i % 7);
        actor_key((unsigned char)(i + 1), actors[i]);
        bind_actor(&sys, JSON, NOTHING, actors[i], keyspace);
    }
    qsort(actors, ACTORS, sizeof actors[0], compare_keys);
    check_bindings(actors, ACTORS, 10000);
    for (unsigned i = 0; i < ACTORS; i++) /* a page begins at each of them */
        json_decref(client_call(&sys, JSON, "Bindings", "{s:s,s:i}", "cursor", actors[i], "limit", 10000));
    json_t *page = ask_system("Bindings", "{}");
    ck_assert_uint_gt(json_array_size(member_at(page, "bindings")), 1);
    ck_assert_str_ne(text_at(page, "cursor"), "");
    json_decref(page);
    provider_stop(&provider);
}
END_TEST

START_TEST(bindings_tell_the_claims_that_they_brought)
{
    char actor[WKV_NKEY_PUBLIC_CHARS + 1];
    struct papers host = {.host = &people.host};
    provider_serve(&provider, server.url, "--auth", "binding", "--trusted-issuer", people.account.key,
                   "--trusted-host", people.host.key, NULL);
    open_clients();
    actor_key(3, actor);
    for (int i = 0; i < 2; i++) {
        int64_t now = wall_s();
        char *claims = claims_until(&people.account, actor, i == 0 ? 0 : 1000);
        bind_actor(&sys, JSON, (struct papers){.claims = claims, .host = &people.host}, actor, NULL);
        json_t *reply = papers_call(&sys, host, JSON, "Bindings", "{}");
        const json_t *binding = json_array_get(member_at(reply, "bindings"), 0);
        ck_assert_str_eq(text_at(binding, "issuer"), people.account.key);
        ck_assert_int_ge(number_at(binding, "expires_at"), i == 0 ? 0 : now + 1000);
        ck_assert_int_le(number_at(binding, "expires_at"), i == 0 ? 0 : now + 1000 + WAIT_MS / 1000);
        json_decref(reply);
        free(claims);
    }
    provider_stop(&provider);
}
END_TEST

/* ---- Slowlog ---- */

static void check_slow_entry(const json_t *entry)
{
    check_shape(entry, "operation:s actor:s duration_us:i request_bytes:i reply_bytes:i code:i started:s "
                       "trace_id:s");
    check_time(text_at(entry, "started"));
    ck_assert_int_ge(number_at(entry, "duration_us"), 0);
}

/* As few requests as there are here are all remembered: each must be there with its sizes and code. */
START_TEST(the_slow_log_tells_operation_actor_sizes_and_code)
{
    struct {
        const char *operation, *request;
        int code, reply_bytes; /* -1: an error's, as it came */
    } rows[] = {{"Set", "{\"key\":\"SECRETkey\",\"value\":\"SECRETvalue\"}", 0, 23},
                {"Get", "{\"key\":\"SECRETkey\"}", 0, 37},
                {"Push", "{\"key\":\"SECRETkey\",\"value\":\"SECRETitem\"}", 409, -1},
                {"SetAdd", "{\"key\":\"\",\"value\":\"SECRETmember\"}", 400, -1},
                {"KeyExists", "{\"key\":\"SECRETother\"}", 0, 27}};
    enum { ROWS = sizeof rows / sizeof rows[0] };
    bool found[ROWS] = {false};
    const json_t *entry;
    size_t i;
    serve();
    for (i = 0; i < ROWS; i++) {
        struct answer answer =
            client_send(&client, rows[i].operation, rows[i].request, strlen(rows[i].request));
        ck_assert_int_eq(answer.code, rows[i].code);
        if (rows[i].reply_bytes < 0)
            rows[i].reply_bytes = (int)answer.len;
        ck_assert_uint_eq(answer.len, (size_t)rows[i].reply_bytes);
        answer_free(&answer);
    }
    struct answer answer = client_send(&sys, "Slowlog", "{}", 2);
    ck_assert_msg(memmem(answer.data, answer.len, "SECRET", 6) == NULL, "%.*s", (int)answer.len, answer.data);
    json_t *reply = take_reply(&answer);
    check_shape(reply, "requests:a");
    ck_assert_uint_eq(json_array_size(member_at(reply, "requests")), ROWS);
    json_array_foreach(member_at(reply, "requests"), i, entry)
    {
        check_slow_entry(entry);
        ck_assert_str_eq(text_at(entry, "actor"), ACTOR);
        ck_assert_str_eq(text_at(entry, "trace_id"), "");
        for (size_t j = 0; j < ROWS; j++)
            found[j] |= strcmp(text_at(entry, "operation"), rows[j].operation) == 0 &&
                        number_at(entry, "code") == rows[j].code &&
                        number_at(entry, "request_bytes") == (long long)strlen(rows[j].request) &&
                        number_at(entry, "reply_bytes") == rows[j].reply_bytes;
    }
    for (i = 0; i < ROWS; i++)
        ck_assert_msg(found[i], "%s is not as it was asked", rows[i].operation);
    json_decref(reply);
    provider_stop(&provider);
}
END_TEST

#define SETS 4
#define MEMBERS 5000

static void make_large_sets(void)
{
    struct pipeline pipeline;
    pipeline_open(&pipeline, &client, SETS * MEMBERS);
    for (int i = 0; i < SETS * MEMBERS; i++) {
        char request[96];
        int len = snprintf(request, sizeof request,
                           "{\"key\":\"SECRETset %d\",\"value\":\"SECRETmember %d\"}", i / MEMBERS, i);
        ck_assert(pipeline_send(&pipeline, "SetAdd", request, (size_t)len));
        pipeline_settle(&pipeline, 500);
    }
    pipeline_settle(&pipeline, 0);
    ck_assert_uint_eq(pipeline.ok, SETS * MEMBERS);
    pipeline_close(&pipeline);
}

static void check_descending(const json_t *reply)
{
    const json_t *entry;
    size_t i;
    long long before = -1;
    json_array_foreach(member_at(reply, "requests"), i, entry)
    {
        long long now = number_at(entry, "duration_us");
        check_slow_entry(entry);
        ck_assert_msg(i == 0 || now <= before, "%lld us after %lld", now, before);
        before = now;
    }
}

/* The slowest request, but for those that made the sets: the machine may have halted one of so many for a
 * while. */
static const json_t *slowest(const json_t *reply)
{
    const json_t *entry;
    size_t i;
    json_array_foreach(member_at(reply, "requests"), i, entry)
    {
        if (strcmp(text_at(entry, "operation"), "SetAdd") != 0)
            return entry;
    }
    ck_abort_msg("the slow log has none");
    return NULL;
}

/* A request of milliseconds among microseconds. It is made until it is the slowest, as a quick one may be
 * halted too. */
START_TEST(a_slow_request_is_on_top_of_the_slow_log)
{
    static const char slow[] = "{\"keys\":[\"SECRETset 0\",\"SECRETset 1\",\"SECRETset 2\",\"SECRETset 3\"]}";
    char actor[WKV_NKEY_PUBLIC_CHARS + 1];
    serve();
    make_large_sets();
    actor_key(5, actor);
    bool on_top = false;
    for (int i = 0; i < 50 && !on_top; i++) {
        client_call_on(&client, DEFAULT_BASE, ACTOR);
        for (int j = 0; j < 20; j++)
            (void)client_exists(&client, "SECRETkey");
        client_call_on(&client, DEFAULT_BASE, actor);
        struct answer answer = client_send(&client, "SetUnion", slow, sizeof slow - 1);
        ck_assert_msg(answer.code == 0, "%s", answer.text);
        size_t reply_bytes = answer.len;
        answer_free(&answer);
        struct answer log = client_send(&sys, "Slowlog", "{\"limit\":1024}", 14);
        ck_assert_msg(memmem(log.data, log.len, "SECRET", 6) == NULL, "%.*s", (int)log.len, log.data);
        json_t *reply = take_reply(&log);
        check_descending(reply);
        const json_t *top = slowest(reply);
        on_top = strcmp(text_at(top, "operation"), "SetUnion") == 0;
        if (on_top) {
            ck_assert_str_eq(text_at(top, "actor"), actor);
            ck_assert_int_eq(number_at(top, "request_bytes"), (long long)(sizeof slow - 1));
            ck_assert_int_eq(number_at(top, "reply_bytes"), (long long)reply_bytes);
            ck_assert_int_eq(number_at(top, "code"), 0);
            ck_assert_int_gt(number_at(top, "duration_us"), 0);
        }
        json_decref(reply);
    }
    ck_assert(on_top);
    for (int limit = 1; limit <= 3; limit++) {
        json_t *reply = client_call(&sys, JSON, "Slowlog", "{s:i}", "limit", limit);
        ck_assert_uint_eq(json_array_size(member_at(reply, "requests")), (size_t)limit);
        check_descending(reply);
        json_decref(reply);
    }
    json_t *usual = ask_system("Slowlog", "");
    ck_assert_uint_eq(json_array_size(member_at(usual, "requests")), 32);
    json_decref(usual);
    system_refused("Slowlog", 400, "limit", "{\"limit\":1025}");
    system_refused("Slowlog", 400, "limit", "{\"limit\":-1}");
    provider_stop(&provider);
}
END_TEST

/* ---- Members and Digest ---- */

START_TEST(in_memory_there_is_one_member_and_no_digest)
{
    serve();
    set_value("a", "v", 0);
    json_t *reply = ask_system("Members", "{}");
    check_shape(reply, "members:a");
    json_t *inspected = ask_system("Inspect", "{\"key\":\"a\"}");
    const json_t *members = json_object_get(reply, "members"), *member = json_array_get(members, 0);
    ck_assert_uint_eq(json_array_size(members), 1);
    check_shape(member, "instance:s version:s position:i lag_ms:i keys:i bytes:i");
    ck_assert_uint_eq(strlen(text_at(member, "instance")), 26);
    ck_assert_str_eq(text_at(member, "version"), WKV_VERSION);
    ck_assert_int_eq(number_at(member, "position") + number_at(member, "lag_ms"), 0);
    ck_assert_int_eq(number_at(member, "keys"), 1);
    ck_assert_int_ge(number_at(member, "bytes"), number_at(inspected, "bytes"));
    json_decref(inspected);
    json_decref(reply);
    system_refused("Digest", 400, "keeps no log", "{}");
    system_refused("Digest", 400, "keeps no log", "");
    system_refused("Digest", 400, "JSON", "\x0a\x01k");
    provider_stop(&provider);
}
END_TEST

/* ---- LogLevel ---- */

static void check_level(const char *request, const char *level)
{
    json_t *reply = ask_system("LogLevel", request);
    check_shape(reply, "level:s");
    ck_assert_str_eq(text_at(reply, "level"), level);
    json_decref(reply);
}

static bool logged(const char *text)
{
    process_read(&provider);
    return strstr(provider.err.bytes, text) != NULL;
}

START_TEST(log_level_changes_what_is_logged)
{
    serve();
    check_level("{}", "info");
    check_level("", "info");
    set_value("SECRETkey", "SECRETvalue", 0);
    check_level("{\"level\":\"debug\"}", "debug");
    check_level("{}", "debug");
    json_decref(client_call(&client, JSON, "Get", "{s:s}", "key", "SECRETkey"));
    (void)process_await_line(&provider, "Get of " ACTOR ": done");
    client_refused(&client, JSON, "Push", 409, NULL, "{s:s,s:s}", "key", "SECRETkey", "value", "SECRETitem");
    (void)process_await_line(&provider, "Push of " ACTOR ": Push: the key holds another kind");
    ck_assert_msg(!logged("Set of "), "what was asked at info is in the log: %s", provider.err.bytes);
    check_level("{\"level\":\"error\"}", "error");
    (void)process_await_line(&provider, "the log level is error now");
    ck_assert(!client_exists(&client, "nothing"));
    check_level("{\"level\":\"debug\"}", "debug");
    (void)client_add(&client, JSON, "n", 1);
    (void)process_await_line(&provider, "Add of " ACTOR ": done");
    ck_assert_msg(!logged("KeyExists of "), "what was asked at error is in the log: %s", provider.err.bytes);
    ck_assert_msg(!logged("SECRET"), "%s", provider.err.bytes);
    check_level("{\"level\":\"warn\"}", "warn");
    (void)process_await_line(&provider, "the log level is warn now");
    check_level("{\"level\":\"error\"}", "error");
    (void)process_await_line(&provider, "the log level is error now");
    provider_stop(&provider);
}
END_TEST

START_TEST(a_log_level_that_is_none_is_refused_and_changes_nothing)
{
    static const char *const requests[] = {
        "{\"level\":\"loud\"}",       "{\"level\":\"DEBUG\"}",        "{\"level\":\"debug \"}",
        "{\"level\":\"debugdebug\"}", "{\"level\":\"debug\\u0000\"}", "{\"level\":7}",
        "{\"level\":[\"debug\"]}",
    };
    serve();
    check_level("{\"level\":\"warn\"}", "warn");
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        system_refused("LogLevel", 400, "level", requests[i]);
        check_level("{}", "warn");
    }
    provider_stop(&provider);
}
END_TEST

/* ---- who may, and how ---- */

/* "Operator operations, JSON": no message of protobuf begins like an object, and an empty body is an empty
 * object. */
START_TEST(protobuf_is_refused_and_nothing_is_an_empty_object)
{
    static const struct {
        const char *bytes;
        size_t len;
    } bodies[] = {{"\x0a\x01k", 3}, {"\x12\x01k", 3}, {"\x00", 1}, {"[]", 2}, {" []", 3}, {"null", 4}};
    serve();
    for (size_t i = 0; operator_operations[i] != NULL; i++) {
        for (size_t j = 0; j < sizeof bodies / sizeof bodies[0]; j++) {
            struct answer answer = client_send(&sys, operator_operations[i], bodies[j].bytes, bodies[j].len);
            check_refusal(&answer, operator_operations[i], 400, "JSON");
            answer_free(&answer);
        }
        struct answer empty = client_send(&sys, operator_operations[i], "", 0);
        struct answer object = client_send(&sys, operator_operations[i], "{}", 2);
        struct answer behind = client_send(&sys, operator_operations[i], "\xef\xbb\xbf\n {}", 7);
        ck_assert_int_eq(behind.code, object.code);
        ck_assert_str_eq(behind.text, object.text);
        answer_free(&behind);
        ck_assert_int_eq(empty.code, object.code);
        ck_assert_str_eq(empty.text, object.text);
        if (strcmp(operator_operations[i], "Inspect") == 0)
            check_refusal(&empty, "Inspect", 400, "key is empty");
        else
            ck_assert_int_eq(empty.code, 0);
        answer_free(&empty);
        answer_free(&object);
    }
    provider_stop(&provider);
}
END_TEST

/* A request that each of them answers. */
static const char *sample(const char *operation)
{
    return strcmp(operation, "Inspect") == 0 ? "{\"key\":\"k\"}" : "{}";
}

static void check_each(struct client *from, struct papers papers, int code, const char *names)
{
    for (size_t i = 0; operator_operations[i] != NULL; i++) {
        const char *operation = operator_operations[i], *request = sample(operation);
        struct answer answer = papers_send(from, papers, operation, request, strlen(request));
        if (code != 0) {
            check_refusal(&answer, operation, code, names);
            answer_free(&answer);
        } else {
            json_decref(take_reply(&answer));
        }
    }
}

static const char *const modes[] = {"none", "claims", "invocation", "binding"};

START_TEST(actors_may_not_and_hosts_must_be_trusted)
{
    const char *mode = modes[_i];
    provider_serve(&provider, server.url, "--auth", mode, "--trusted-issuer", people.account.key,
                   "--trusted-host", people.host.key, NULL);
    open_clients();
    char *claims = claims_for(&people.account, ACTOR);
    struct papers host = {.host = &people.host};
    if (strcmp(mode, "none") != 0) {
        check_each(&sys, NOTHING, 401, "Wascc-Invocation");
        check_each(&sys, (struct papers){.claims = claims}, 401, "Wascc-Invocation");
        check_each(&sys, (struct papers){.host = &people.other_host}, 401, "untrusted host");
        check_each(&sys, (struct papers){.invocation = "garbage"}, 401, NULL);
        /* Signed for another request. */
        char *invocation =
            invocation_for(&people.host, "system", "default", "HealthRequest", "{}", 2, NULL, 0);
        check_each(&sys, (struct papers){.invocation = invocation}, 403, "another operation");
        free(invocation);
    }
    check_each(&sys, strcmp(mode, "none") == 0 ? NOTHING : host, 0, NULL);
    check_each(&client, NOTHING, 403, "system");
    check_each(&client, (struct papers){.claims = claims, .host = &people.host}, 403, "system");
    free(claims);
    provider_stop(&provider);
}
END_TEST

#define CALL(...)                                                                                            \
    (process_destroy(&command), program_run(&command, NULL, NULL, "call", "--server", server.url, "--actor", \
                                            "system", __VA_ARGS__, NULL))

static size_t lines_of(const char *text)
{
    size_t lines = 0;
    for (; (text = strchr(text, '\n')) != NULL; text++)
        lines++;
    return lines;
}

START_TEST(call_asks_as_system_with_a_hosts_seed)
{
    char seed[PATH_BYTES], actor[WKV_NKEY_PUBLIC_CHARS + 1];
    int fd = seed_file(&people.host, seed);
    provider_serve(&provider, server.url, "--auth", "claims", "--trusted-issuer", people.account.key,
                   "--trusted-host", people.host.key, NULL);
    open_clients();
    actor_key(6, actor);
    bind_actor(&sys, JSON, (struct papers){.host = &people.host}, actor, NULL);
    char *claims = claims_for(&people.account, ACTOR);
    json_decref(papers_call(&client, (struct papers){.claims = claims}, JSON, "Set", "{s:s,s:s}", "key",
                            "greeting", "value", "hello"));
    free(claims);
    ck_assert_int_eq(CALL("Keys", "{}"), 1);
    ck_assert_ptr_nonnull(strstr(command.err.bytes, "Wascc-Invocation"));
    ck_assert_int_eq(CALL("--host-seed", seed, "Keys", "{}"), 0);
    ck_assert_str_eq(command.out.bytes, "{\"keys\":[\"greeting\"],\"cursor\":\"\"}\n");
    /* --all: each page is asked for, and signed, by itself. */
    claims = claims_for(&people.account, ACTOR);
    for (int i = 0; i < 5; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "key %d", i);
        json_decref(papers_call(&client, (struct papers){.claims = claims}, JSON, "Set", "{s:s,s:s}", "key",
                                key, "value", "v"));
    }
    free(claims);
    ck_assert_int_eq(CALL("--host-seed", seed, "--all", "Keys", "{\"limit\":2,\"prefix\":\"key\"}"), 0);
    ck_assert_uint_ge(lines_of(command.out.bytes), 3);
    ck_assert_ptr_nonnull(strstr(command.out.bytes, "\"cursor\":\"\"}\n"));
    for (char key[] = "\"key 0\""; key[5] < '5'; key[5]++)
        ck_assert_ptr_nonnull(strstr(command.out.bytes, key));
    ck_assert_int_eq(CALL("--host-seed", seed, "--all", "LogLevel", "{}"), 0);
    ck_assert_uint_eq(lines_of(command.out.bytes), 1);
    ck_assert_int_eq(CALL("--host-seed", seed, "Inspect", "{\"key\":\"greeting\"}"), 0);
    ck_assert_ptr_nonnull(strstr(command.out.bytes, "\"kind\":\"scalar\",\"length\":5,"));
    ck_assert_int_eq(CALL("--host-seed", seed, "Bindings", "{}"), 0);
    ck_assert_ptr_nonnull(strstr(command.out.bytes, actor));
    ck_assert_int_eq(CALL("--host-seed", seed, "Slowlog", "{}"), 0);
    ck_assert_ptr_nonnull(strstr(command.out.bytes, "\"operation\":\"Set\""));
    ck_assert_int_eq(CALL("--host-seed", seed, "LogLevel", "{\"level\":\"debug\"}"), 0);
    ck_assert_str_eq(command.out.bytes, "{\"level\":\"debug\"}\n");
    ck_assert_int_eq(CALL("--host-seed", seed, "LogLevel", "{\"level\":\"loud\"}"), 1);
    ck_assert_ptr_nonnull(strstr(command.err.bytes, "LogLevel: level"));
    (void)close(fd);
    provider_stop(&provider);
}
END_TEST

/* "every instance, no queue group" */
START_TEST(every_instance_answers_an_operator)
{
    provider_serve(&provider, server.url, NULL);
    provider_serve(&second, server.url, "--allow-split", NULL);
    open_clients();
    for (int i = 0; i < 40; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%d", i);
        set_value(key, "v", 0);
    }
    for (size_t i = 0; operator_operations[i] != NULL; i++) {
        char subject[256];
        natsSubscription *answers = NULL;
        size_t keys = 0;
        (void)snprintf(subject, sizeof subject, DEFAULT_BASE ".system.%s", operator_operations[i]);
        ck_assert_int_eq(natsConnection_SubscribeSync(&answers, sys.connection, "answers"), NATS_OK);
        ck_assert_int_eq(natsConnection_PublishRequestString(sys.connection, subject, "answers",
                                                             sample(operator_operations[i])),
                         NATS_OK);
        for (int j = 0; j < 2; j++) {
            natsMsg *message = NULL;
            natsStatus status = natsSubscription_NextMsg(&message, answers, WAIT_MS);
            ck_assert_msg(status == NATS_OK, "%s: %d answered", operator_operations[i], j);
            json_t *reply = json_of(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
            keys += json_array_size(json_object_get(reply, "keys"));
            json_decref(reply);
            natsMsg_Destroy(message);
        }
        /* Each has a part of the data, and shows its own. */
        ck_assert_uint_eq(keys, strcmp(operator_operations[i], "Keys") == 0 ? 40 : 0);
        natsSubscription_Destroy(answers);
    }
    provider_stop(&second);
    provider_stop(&provider);
}
END_TEST

Suite *operator_suite(void)
{
    Suite *suite = suite_create("integration/operator");
    TCase *tests = tcase_create("operator");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_test(tests, pages_show_each_of_ten_thousand_keys_once);
    tcase_add_test(tests, keys_by_prefix_and_by_glob);
    tcase_add_test(tests, keys_that_hold_at_least_so_many_bytes);
    tcase_add_test(tests, keys_and_inspect_see_one_keyspace);
    tcase_add_test(tests, a_keys_request_that_makes_no_sense_is_refused);
    tcase_add_test(tests, a_cursor_of_a_process_that_has_ended_is_refused);
    tcase_add_test(tests, where_the_data_is_split_an_operator_chooses_the_instance);
    tcase_add_test(tests, a_key_too_long_for_a_reply_is_passed_by_its_cursor);
    tcase_add_test(tests, a_page_of_long_keys_stays_within_max_payload);
    tcase_add_test(tests, keys_that_stay_are_all_shown_while_others_come_and_go);
    tcase_add_test(tests, data_is_served_while_keys_scans);
    tcase_add_test(tests, inspect_tells_each_kind);
    tcase_add_test(tests, inspect_tells_bytes_and_no_value);
    tcase_add_test(tests, bindings_are_listed_page_by_page);
    tcase_add_test(tests, a_page_of_bindings_ends_where_the_reply_is_full);
    tcase_add_test(tests, bindings_tell_the_claims_that_they_brought);
    tcase_add_test(tests, the_slow_log_tells_operation_actor_sizes_and_code);
    tcase_add_test(tests, a_slow_request_is_on_top_of_the_slow_log);
    tcase_add_test(tests, in_memory_there_is_one_member_and_no_digest);
    tcase_add_test(tests, log_level_changes_what_is_logged);
    tcase_add_test(tests, a_log_level_that_is_none_is_refused_and_changes_nothing);
    tcase_add_test(tests, protobuf_is_refused_and_nothing_is_an_empty_object);
    tcase_add_loop_test(tests, actors_may_not_and_hosts_must_be_trusted, 0,
                        (int)(sizeof modes / sizeof modes[0]));
    tcase_add_test(tests, call_asks_as_system_with_a_hosts_seed);
    tcase_add_test(tests, every_instance_answers_an_operator);
    suite_add_tcase(suite, tests);
    return suite;
}
