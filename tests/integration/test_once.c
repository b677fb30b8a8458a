/* "Once only": a write that carries `Nats-Msg-Id` is done once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claims.h"
#include "harness.h"
#include "lattice.h"
#include "service.h"

#define ID "Nats-Msg-Id"
#define DUPLICATE "Wascc-Duplicate"

static struct nats_server server;
static struct process provider;
static struct client client, other;
static struct lattice lattice;

static void start(void)
{
    nats_server_start(&server, NULL);
    people_make();
}

static void stop(void)
{
    client_close(&client);
    client_close(&other);
    lattice_close(&lattice);
    harness_close_nats();
    process_destroy(&provider);
    nats_server_kill(&server);
    people_free();
}

static void open_clients(void)
{
    client_open(&client, server.url);
    client_open(&other, server.url);
    client_call_on(&other, DEFAULT_BASE, "MOTHER");
}

static void serve(void)
{
    provider_serve(&provider, server.url, NULL);
    open_clients();
}

static struct answer ask_once(struct client *from, const char *operation, const char *json, const char *id)
{
    return client_send_with(from, operation, json, strlen(json), ID, id, NULL);
}

/* Whether the write is done, or was done before and is answered again. */
enum turn { FIRST_TIME, AGAIN };

/* Asks and checks what comes back, and whether that is an earlier answer. */
static void expect(struct client *from, const char *operation, const char *json, const char *id,
                   const char *reply, enum turn turn)
{
    struct answer answer = ask_once(from, operation, json, id);
    ck_assert_msg(answer.code == 0, "%s: %d %s", operation, answer.code, answer.text);
    ck_assert_msg(answer.len == strlen(reply) && memcmp(answer.data, reply, answer.len) == 0,
                  "%s: %.*s instead of %s", operation, (int)answer.len, answer.data, reply);
    check_header(&answer, DUPLICATE, turn == AGAIN ? "true" : NULL);
    check_header(&answer, ID, NULL);
    answer_free(&answer);
}

static void refused(struct client *from, const char *operation, const char *json, const char *id, int code,
                    const char *names)
{
    struct answer answer = ask_once(from, operation, json, id);
    check_refusal(&answer, operation, code, names);
    check_header(&answer, DUPLICATE, NULL);
    answer_free(&answer);
}

/* ---- what a second one does ---- */

/* A write, and another that undoes it, so that doing the first again would be seen. */
static const struct {
    const char *operation, *request, *undo, *undo_request;
    const char *before, *before_request; /* what makes the key that it wants; NULL: none */
} writes[] = {
    {"Set", "{'key':'%s','value':'v'}", "Del", "{'key':'%s'}", NULL, NULL},
    {"Del", "{'key':'%s'}", "Set", "{'key':'%s','value':'v'}", NULL, NULL},
    {"Add", "{'key':'%s','value':3}", "Del", "{'key':'%s'}", NULL, NULL},
    {"Push", "{'key':'%s','value':'v'}", "Del", "{'key':'%s'}", NULL, NULL},
    {"ListItemDelete", "{'key':'%s','value':'v'}", "Push", "{'key':'%s','value':'v'}", "Push",
     "{'key':'%s','value':'v'}"},
    {"Clear", "{'key':'%s'}", "Push", "{'key':'%s','value':'v'}", "Push", "{'key':'%s','value':'v'}"},
    {"Pop", "{'key':'%s'}", "Push", "{'key':'%s','value':'v'}", "Push", "{'key':'%s','value':'v'}"},
    {"SetAdd", "{'key':'%s','value':'v'}", "Del", "{'key':'%s'}", NULL, NULL},
    {"SetRemove", "{'key':'%s','value':'v'}", "SetAdd", "{'key':'%s','value':'v'}", "SetAdd",
     "{'key':'%s','value':'v'}"},
    {"CompareAndSet", "{'key':'%s','value':'v'}", "Del", "{'key':'%s'}", NULL, NULL},
    {"CompareAndDelete", "{'key':'%s','expected':'v'}", "Set", "{'key':'%s','value':'v'}", "Set",
     "{'key':'%s','value':'v'}"},
    {"Batch", "{'requests':[{'push':{'key':'%s','value':'v'}},{'get':{'key':'none'}}]}", "Del",
     "{'key':'%s'}", NULL, NULL},
    {"Batch", "{'atomic':true,'requests':[{'push':{'key':'%s','value':'v'}}]}", "Del", "{'key':'%s'}", NULL,
     NULL},
};

/* The request of the row about that key. */
static json_t *request_of(const char *form, const char *key)
{
    char text[128];
    (void)snprintf(text, sizeof text, form, key);
    for (char *c = text; *c != '\0'; c++)
        *c = *c == '\'' ? '"' : *c;
    return json_of(text, strlen(text));
}

static void do_plain(enum encoding encoding, const char *operation, const char *form, const char *key)
{
    json_t *request = request_of(form, key);
    struct answer answer = client_ask(&client, encoding, operation, request);
    ck_assert_msg(answer.code == 0, "%s: %s", operation, answer.text);
    check_header(&answer, DUPLICATE, NULL);
    answer_free(&answer);
    json_decref(request);
}

START_TEST(each_write_is_done_once)
{
    serve();
    for (int encoding = 0; encoding < ENCODINGS; encoding++)
        for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
            char key[32];
            size_t len;
            (void)snprintf(key, sizeof key, "key-%d-%zu", encoding, i);
            if (writes[i].before != NULL)
                do_plain(encoding, writes[i].before, writes[i].before_request, key);
            json_t *request = request_of(writes[i].request, key);
            void *bytes = message_pack(encoding, writes[i].operation, request, &len);
            struct answer first = client_send_with(&client, writes[i].operation, bytes, len, ID, key, NULL);
            ck_assert_msg(first.code == 0, "%s: %s", writes[i].operation, first.text);
            check_header(&first, DUPLICATE, NULL);
            do_plain(encoding, writes[i].undo, writes[i].undo_request, key);
            bool there = client_exists(&client, key);
            struct answer second = client_send_with(&client, writes[i].operation, bytes, len, ID, key, NULL);
            check_header(&second, DUPLICATE, "true");
            ck_assert_int_eq(second.code, 0);
            ck_assert_msg(first.len == second.len && memcmp(first.data, second.data, first.len) == 0,
                          "%s is answered in another way", writes[i].operation);
            ck_assert_msg(client_exists(&client, key) == there, "%s is done twice", writes[i].operation);
            answer_free(&first);
            answer_free(&second);
            free(bytes);
            json_decref(request);
        }
    provider_stop(&provider);
}
END_TEST

#define ADD "{\"key\":\"k\",\"value\":1}"

START_TEST(an_id_is_of_one_payload_one_actor_and_one_operation)
{
    serve();
    expect(&client, "Add", ADD, "1", "{\"value\":1}", FIRST_TIME);
    refused(&client, "Add", "{\"key\":\"k\",\"value\":2}", "1", 400, ID);
    refused(&client, "Add", "{\"key\":\"k\",\"value\":1 }", "1", 400, ID);
    expect(&client, "Add", ADD, "1", "{\"value\":1}", AGAIN);
    /* Another actor, in the same keyspace. */
    expect(&other, "Add", ADD, "1", "{\"value\":2}", FIRST_TIME);
    expect(&other, "Add", ADD, "1", "{\"value\":2}", AGAIN);
    expect(&client, "Add", ADD, "1", "{\"value\":1}", AGAIN);
    expect(&client, "Push", "{\"key\":\"l\",\"value\":\"v\"}", "1", "{\"new_count\":1}", FIRST_TIME);
    expect(&client, "SetAdd", "{\"key\":\"s\",\"value\":\"v\"}", "1", "{\"new_count\":1}", FIRST_TIME);
    expect(&client, "Add", ADD, "2", "{\"value\":3}", FIRST_TIME);
    provider_stop(&provider);
}
END_TEST

START_TEST(what_was_refused_is_not_remembered)
{
    static const char push[] = "{\"key\":\"k\",\"value\":\"v\"}";
    serve();
    do_plain(JSON, "Set", "{'key':'%s','value':'2147483647'}", "k");
    refused(&client, "Push", push, "1", 409, NULL);
    refused(&client, "Add", ADD, "1", 400, NULL);
    refused(&client, "Add", "{\"key\":\"k\",", "1", 400, NULL);
    do_plain(JSON, "Del", "{'key':'%s'}", "k");
    expect(&client, "Push", push, "1", "{\"new_count\":1}", FIRST_TIME);
    expect(&client, "Push", push, "1", "{\"new_count\":1}", AGAIN);
    do_plain(JSON, "Del", "{'key':'%s'}", "k");
    expect(&client, "Add", ADD, "1", "{\"value\":1}", FIRST_TIME);
    provider_stop(&provider);
}
END_TEST

/* ---- the header ---- */

START_TEST(the_header_is_taken_in_any_case_and_without_blanks)
{
    static const char *const names[] = {"nats-msg-id", "NATS-MSG-ID", "Nats-Msg-Id"};
    static const char *const values[] = {"an id", "an id ", "  an id\t"};
    serve();
    expect(&client, "Add", ADD, "an id", "{\"value\":1}", FIRST_TIME);
    for (size_t i = 0; i < 9; i++) {
        struct answer answer =
            client_send_with(&client, "Add", ADD, strlen(ADD), names[i / 3], values[i % 3], NULL);
        check_header(&answer, DUPLICATE, "true");
        answer_free(&answer);
    }
    expect(&client, "Add", ADD, "An id", "{\"value\":2}", FIRST_TIME);
    /* None is meant. */
    expect(&client, "Add", ADD, "", "{\"value\":3}", FIRST_TIME);
    expect(&client, "Add", ADD, "  ", "{\"value\":4}", FIRST_TIME);
    /* Reads are what they are. */
    expect(&client, "KeyExists", "{\"key\":\"k\"}", "r", "{\"value\":\"\",\"exists\":true}", FIRST_TIME);
    expect(&client, "KeyExists", "{\"key\":\"k\"}", "r", "{\"value\":\"\",\"exists\":true}", FIRST_TIME);
    provider_stop(&provider);
}
END_TEST

START_TEST(a_traceparent_comes_back_beside_it)
{
    static const char parent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    serve();
    for (int i = 0; i < 2; i++) {
        struct answer answer =
            client_send_with(&client, "Add", ADD, strlen(ADD), ID, "1", "traceparent", parent, NULL);
        check_header(&answer, "traceparent", parent);
        check_header(&answer, DUPLICATE, i == 0 ? NULL : "true");
        answer_free(&answer);
    }
    provider_stop(&provider);
}
END_TEST

START_TEST(an_id_has_a_bound)
{
    static char id[32770];
    serve();
    memset(id, 'i', sizeof id - 1);
    refused(&client, "Add", ADD, id, 400, "at most 32768");
    id[32768] = '\0';
    expect(&client, "Add", ADD, id, "{\"value\":1}", FIRST_TIME);
    expect(&client, "Add", ADD, id, "{\"value\":1}", AGAIN);
    provider_stop(&provider);
}
END_TEST

/* ---- the window ---- */

START_TEST(the_window_ends_and_a_duplicate_does_not_prolong_it)
{
    provider_serve(&provider, server.url, "--duplicate-window", "1s", NULL);
    open_clients();
    long long begun_ms = now_ms();
    expect(&client, "Add", ADD, "1", "{\"value\":1}", FIRST_TIME);
    for (bool duplicate = true; duplicate;) {
        ck_assert_int_lt(now_ms() - begun_ms, WAIT_MS);
        struct answer answer = ask_once(&client, "Add", ADD, "1");
        const char *value = NULL;
        duplicate = natsMsgHeader_Get(answer.message, DUPLICATE, &value) == NATS_OK;
        ck_assert_msg(strstr(answer.data, duplicate ? ":1}" : ":2}") != NULL, "%s", answer.data);
        answer_free(&answer);
    }
    ck_assert_int_ge(now_ms() - begun_ms, 1000);
    provider_stop(&provider);
}
END_TEST

static long long stored_bytes(void)
{
    json_t *stats = service_stats(&client);
    long long bytes = number_at(stats, "data.bytes");
    json_decref(stats);
    return bytes;
}

static void set_large(const char *id, enum turn turn)
{
    static char request[1000100];
    int len = snprintf(request, sizeof request, "{\"key\":\"large\",\"value\":\"%01000000d\"}", 7);
    struct answer answer = client_send_with(&client, "Set", request, (size_t)len, ID, id, NULL);
    ck_assert_msg(answer.code == 0, "%s", answer.text);
    check_header(&answer, DUPLICATE, turn == AGAIN ? "true" : NULL);
    ck_assert_uint_eq(answer.len, 1000000 + strlen("{\"value\":\"\"}"));
    answer_free(&answer);
}

/* Its answer is counted, and its memory comes back without being asked for. A sanitizer may take seconds for
 * the two requests, which have to come within the window. */
START_TEST(a_large_answer_is_remembered_for_so_long)
{
    provider_serve(&provider, server.url, "--duplicate-window", provider_is_sanitized() ? "20s" : "2s", NULL);
    open_clients();
    long long before = stored_bytes(), deadline_ms = now_ms() + WAIT_MS;
    set_large("1", FIRST_TIME);
    ck_assert_int_ge(stored_bytes(), before + 2000000);
    set_large("1", AGAIN);
    do_plain(JSON, "Del", "{'key':'%s'}", "large");
    while (stored_bytes() >= before + 1000000)
        ck_assert_int_lt(now_ms(), deadline_ms);
    provider_stop(&provider);
}
END_TEST

/* The second answer has a header more, so the first must leave room for it. */
START_TEST(an_answer_that_could_not_come_again_is_refused)
{
    enum { bytes = 174743 };
    static char request[bytes * 2];
    size_t at = (size_t)snprintf(request, sizeof request, "{\"key\":\"k\",\"value_base64\":\"");
    /* Three bytes of 1 are "AQEB", two "AQE=", one "AQ==". */
    for (size_t i = 0; i + 3 <= bytes; i += 3, at += 4)
        memcpy(request + at, "AQEB", 4);
    (void)snprintf(request + at, sizeof request - at, "%s\"}", bytes % 3 == 2 ? "AQE=" : "AQ==");
    serve();
    refused(&client, "Set", request, "1", 413, "headers");
    ck_assert(!client_exists(&client, "k"));
    struct answer answer = client_send(&client, "Set", request, strlen(request));
    ck_assert_msg(answer.code == 0, "%s", answer.text);
    ck_assert_uint_gt(answer.len, 1048576 - 256);
    answer_free(&answer);
    provider_stop(&provider);
}
END_TEST

/* ---- what operators see ---- */

START_TEST(ids_are_no_keys)
{
    struct client sys;
    provider_serve(&provider, server.url, "--duplicate-window", "1s", NULL);
    open_clients();
    system_open(&sys, server.url);
    expect(&client, "Add", ADD, "1", "{\"value\":1}", FIRST_TIME);
    json_t *stats = service_stats(&client);
    ck_assert_int_eq(number_at(stats, "data.keys"), 1);
    ck_assert_int_eq(number_at(stats, "data.kinds.scalar"), 0);
    ck_assert_int_eq(number_at(stats, "data.shards.max_keys"), 1);
    json_decref(stats);
    json_t *keys = client_call(&sys, JSON, "Keys", "{}");
    ck_assert_uint_eq(json_array_size(member_at(keys, "keys")), 1);
    json_decref(keys);
    /* Nor when their time is over. */
    for (bool there = true; there;) {
        struct answer answer = ask_once(&client, "Add", ADD, "1");
        there = strstr(answer.data, ":1}") != NULL;
        answer_free(&answer);
    }
    stats = service_stats(&client);
    ck_assert_int_eq(number_at(stats, "data.expired"), 0);
    json_decref(stats);
    client_close(&sys);
    provider_stop(&provider);
}
END_TEST

/* ---- no room ---- */

static void fill(void)
{
    char request[1200];
    for (int i = 0, code = 0; code == 0; i++) {
        int len = snprintf(request, sizeof request, "{\"key\":\"key-%d\",\"value\":\"%01000d\"}", i, i);
        struct answer answer = client_send(&client, "Set", request, (size_t)len);
        code = answer.code;
        ck_assert_msg(code == 0 || code == 507, "%d %s", code, answer.text);
        answer_free(&answer);
    }
}

/* "where there is no room for one: 507, never a forgotten one (a delete with an id included)" */
START_TEST(without_room_for_the_id_nothing_is_changed)
{
    static char id[20001];
    static const char del[] = "{\"key\":\"key-1\"}";
    memset(id, 'i', sizeof id - 1);
    provider_serve(&provider, server.url, "--max-memory", "2mb", "--shards", "4", NULL);
    open_clients();
    fill();
    refused(&client, "Del", del, id, 507, ID);
    ck_assert(client_exists(&client, "key-1"));
    refused(&client, "Add", ADD, id, 507, NULL);
    ck_assert(!client_exists(&client, "k"));
    for (int i = 100; i < 200; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "key-%d", i);
        do_plain(JSON, "Del", "{'key':'%s'}", key);
    }
    expect(&client, "Del", del, id, "{\"key\":\"key-1\"}", FIRST_TIME);
    ck_assert(!client_exists(&client, "key-1"));
    expect(&client, "Del", del, id, "{\"key\":\"key-1\"}", AGAIN);
    provider_stop(&provider);
}
END_TEST

/* ---- at once ---- */

#define ROUNDS 200

static void publish_once(struct client *from, const char *inbox, const char *id)
{
    char subject[512];
    natsMsg *message = NULL;
    (void)snprintf(subject, sizeof subject, "%s.Add", from->base);
    ck_assert_int_eq(natsMsg_Create(&message, subject, inbox, ADD, (int)strlen(ADD)), NATS_OK);
    ck_assert_int_eq(natsMsgHeader_Set(message, ID, id), NATS_OK);
    ck_assert_int_eq(natsConnection_PublishMsg(from->connection, message), NATS_OK);
    natsMsg_Destroy(message);
}

/* Two copies on two connections, for two workers: one is done, and both have its answer. */
START_TEST(two_copies_at_once_are_one_change)
{
    natsInbox *inbox = NULL;
    natsSubscription *replies = NULL;
    serve();
    client_call_on(&other, DEFAULT_BASE, ACTOR);
    ck_assert_int_eq(natsInbox_Create(&inbox), NATS_OK);
    ck_assert_int_eq(natsConnection_SubscribeSync(&replies, client.connection, inbox), NATS_OK);
    ck_assert_int_eq(natsConnection_Flush(client.connection), NATS_OK);
    for (int i = 1; i <= ROUNDS; i++) {
        char id[32], reply[32];
        int duplicates = 0;
        (void)snprintf(id, sizeof id, "id-%d", i);
        (void)snprintf(reply, sizeof reply, "{\"value\":%d}", i);
        publish_once(&client, inbox, id);
        publish_once(&other, inbox, id);
        for (int copy = 0; copy < 2; copy++) {
            natsMsg *message = NULL;
            const char *value = NULL;
            ck_assert_int_eq(natsSubscription_NextMsg(&message, replies, WAIT_MS), NATS_OK);
            ck_assert_str_eq(natsMsg_GetData(message), reply);
            duplicates += natsMsgHeader_Get(message, DUPLICATE, &value) == NATS_OK;
            natsMsg_Destroy(message);
        }
        ck_assert_int_eq(duplicates, 1);
    }
    natsSubscription_Destroy(replies);
    natsInbox_Destroy(inbox);
    provider_stop(&provider);
}
END_TEST

/* ---- through the lattice ---- */

/* Pushes through an invocation, each time a new one, and checks the response and its header. */
static void push_by_invocation(const char *id, const char *value, const char *reply, enum turn turn)
{
    char subject[512], invocation_id[LATTICE_ID_BYTES], request[64];
    struct wkv_buffer msg, bytes;
    struct answer answer = {.status = NATS_OK};
    natsMsg *message = NULL, *bare = NULL;
    (void)snprintf(request, sizeof request, "{\"key\":\"k\",\"value\":\"%s\"}", value);
    lattice_pack(request, &msg);
    const struct invocation invocation = {
        .actor = ACTOR, .operation = "Push", .msg = msg.data, .msg_len = msg.len};
    invocation_pack(&lattice, &invocation, &bytes, invocation_id);
    lattice_subject(&lattice, ACTOR, subject);
    ck_assert_int_eq(natsMsg_Create(&message, subject, NULL, bytes.data, (int)bytes.len), NATS_OK);
    ck_assert_int_eq(natsMsgHeader_Set(message, ID, id), NATS_OK);
    ck_assert_int_eq(natsConnection_RequestMsg(&answer.message, lattice.connection, message, WAIT_MS),
                     NATS_OK);
    check_header(&answer, DUPLICATE, turn == AGAIN ? "true" : NULL);
    ck_assert_int_eq(natsMsg_Create(&bare, subject, NULL, natsMsg_GetData(answer.message),
                                    natsMsg_GetDataLength(answer.message)),
                     NATS_OK);
    struct response response = response_read(bare, subject);
    ck_assert_str_eq(response.id, invocation_id);
    if (reply == NULL) {
        ck_assert_msg(response.error != NULL && strstr(response.error, ID) != NULL, "%s", response.error);
    } else {
        struct wkv_buffer expected;
        lattice_pack(reply, &expected);
        ck_assert_msg(response.error == NULL, "%s", response.error);
        ck_assert(response.msg_len == expected.len && memcmp(response.msg, expected.data, expected.len) == 0);
        wkv_buffer_destroy(&expected);
    }
    response_free(&response);
    answer_free(&answer);
    natsMsg_Destroy(message);
    wkv_buffer_destroy(&msg);
    wkv_buffer_destroy(&bytes);
}

START_TEST(an_invocation_is_done_once)
{
    provider_serve(&provider, server.url, "--auth", "invocation", "--trusted-issuer", people.account.key,
                   "--trusted-host", people.host.key, NULL);
    lattice_open(&lattice, server.url, &people.host, "wasmbus", "default");
    lattice_bind(&lattice, ACTOR, NULL);
    push_by_invocation("1", "v", "{\"newCount\":1}", FIRST_TIME);
    push_by_invocation("1", "v", "{\"newCount\":1}", AGAIN);
    push_by_invocation("1", "w", NULL, FIRST_TIME);
    push_by_invocation("2", "w", "{\"newCount\":2}", FIRST_TIME);
    provider_stop(&provider);
}
END_TEST

Suite *once_suite(void)
{
    Suite *suite = suite_create("integration/once");
    TCase *tests = tcase_create("once");
    tcase_set_timeout(tests, 180);
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_test(tests, each_write_is_done_once);
    tcase_add_test(tests, an_id_is_of_one_payload_one_actor_and_one_operation);
    tcase_add_test(tests, what_was_refused_is_not_remembered);
    tcase_add_test(tests, the_header_is_taken_in_any_case_and_without_blanks);
    tcase_add_test(tests, a_traceparent_comes_back_beside_it);
    tcase_add_test(tests, an_id_has_a_bound);
    tcase_add_test(tests, the_window_ends_and_a_duplicate_does_not_prolong_it);
    tcase_add_test(tests, a_large_answer_is_remembered_for_so_long);
    tcase_add_test(tests, an_answer_that_could_not_come_again_is_refused);
    tcase_add_test(tests, ids_are_no_keys);
    tcase_add_test(tests, without_room_for_the_id_nothing_is_changed);
    tcase_add_test(tests, two_copies_at_once_are_one_change);
    tcase_add_test(tests, an_invocation_is_done_once);
    suite_add_tcase(suite, tests);
    return suite;
}
