/* W3C trace context: a caller that sends a traceparent gets it back and finds its request in the slow log and
 * in the log. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claims.h"
#include "harness.h"
#include "lattice.h"
#include "service.h"

#define TRACE_ID "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00-" TRACE_ID "-00f067aa0ba902b7-01"

static struct nats_server server;
static struct process provider;
static struct client client, sys;
static struct lattice lattice;

static void start(void)
{
    nats_server_start(&server, NULL);
    people_make();
}

static void stop(void)
{
    client_close(&client);
    client_close(&sys);
    lattice_close(&lattice);
    harness_close_nats();
    process_destroy(&provider);
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

static void check_code(const struct answer *answer, int code)
{
    ck_assert_msg(answer->code == code, "%d instead of %d: %s", answer->code, code, answer->text);
}

/* How often the slow log, which remembers all of so few requests, has that operation with that trace. */
static int times_in_slow_log(struct papers papers, const char *operation, const char *trace_id)
{
    json_t *reply = papers_call(&sys, papers, JSON, "Slowlog", "{s:i}", "limit", 1024);
    const json_t *entry;
    size_t i;
    int times = 0;
    json_array_foreach(member_at(reply, "requests"), i, entry)
    {
        times += strcmp(text_at(entry, "operation"), operation) == 0 &&
                 strcmp(text_at(entry, "trace_id"), trace_id) == 0;
    }
    json_decref(reply);
    return times;
}

#define NOTHING ((struct papers){.claims = NULL})

/* ---- what comes back ---- */

static const char *const spellings[][2] = {{"traceparent", "Traceparent"}, {"Traceparent", "traceparent"}};

static void stop_with_all_sent(void)
{
    process_signal(&provider, SIGTERM);
    ck_assert_int_eq(process_await_exit(&provider), 0);
    ck_assert_msg(strstr(provider.err.bytes, ", 0 replies not sent") != NULL, "%s", provider.err.bytes);
}

START_TEST(a_traceparent_comes_back_on_replies_and_errors)
{
    const char *name = spellings[_i][0], *other = spellings[_i][1];
    provider_serve(&provider, server.url, "--log-level", "debug", NULL);
    open_clients();
    for (int encoding = 0; encoding < ENCODINGS; encoding++) {
        size_t len;
        json_t *request = json_pack("{s:s,s:s}", "key", "k", "value", "v");
        void *bytes = message_pack(encoding, "Set", request, &len);
        struct answer answer = client_send_with(&client, "Set", bytes, len, name, PARENT, NULL);
        check_code(&answer, 0);
        check_header(&answer, name, PARENT);
        check_header(&answer, other, NULL);
        json_t *reply = message_unpack(encoding, "Set", answer.data, answer.len);
        ck_assert_str_eq(text_at(reply, "value"), "v");
        json_decref(reply);
        answer_free(&answer);
        (void)process_await_line(&provider, "Set of " ACTOR ": done");
        answer = client_send_with(&client, "Push", bytes, len, name, PARENT, NULL);
        check_refusal(&answer, "Push", 409, NULL);
        check_header(&answer, name, PARENT);
        check_header(&answer, other, NULL);
        answer_free(&answer);
        const char *line = process_await_line(&provider, "Push of " ACTOR);
        const char *id = strstr(line, "trace " TRACE_ID);
        ck_assert_msg(id != NULL && strchr(line, '\n') > id, "no trace in the log: %s", line);
        ck_assert_int_eq(times_in_slow_log(NOTHING, "Set", TRACE_ID), encoding + 1);
        ck_assert_int_eq(times_in_slow_log(NOTHING, "Push", TRACE_ID), encoding + 1);
        free(bytes);
        json_decref(request);
    }
    const char *line = strstr(provider.err.bytes, "Set of " ACTOR ": done");
    const char *id = line == NULL ? NULL : strstr(line, "trace " TRACE_ID);
    ck_assert_msg(id != NULL && strchr(line, '\n') > id, "no trace in the log: %s", provider.err.bytes);
    provider_stop(&provider);
}
END_TEST

/* The line of the log in JSON that has this operation, as an object that the caller releases. */
static json_t *logged_request(const char *operation)
{
    char member[64];
    (void)snprintf(member, sizeof member, "\"operation\":\"%s\"", operation);
    const char *line = process_await_line(&provider, member);
    return json_of(line, (size_t)(strchr(line, '\n') - line));
}

/* What machines look for in a log in JSON has members of its own. */
START_TEST(a_log_in_json_has_the_request_in_members)
{
    provider_serve(&provider, server.url, "--log-level", "debug", "--log-format", "json", NULL);
    open_clients();
    struct answer answer =
        client_send_with(&client, "Set", "{\"key\":\"k\",\"value\":\"v\"}", 23, "traceparent", PARENT, NULL);
    check_code(&answer, 0);
    size_t reply_bytes = answer.len;
    answer_free(&answer);
    json_t *line = logged_request("Set");
    check_shape(line, "time:s level:s operation:s actor:s code:i duration_us:i request_bytes:i reply_bytes:i "
                      "trace_id:s message:s");
    ck_assert_str_eq(text_at(line, "level"), "debug");
    ck_assert_str_eq(text_at(line, "actor"), ACTOR);
    ck_assert_str_eq(text_at(line, "trace_id"), TRACE_ID);
    ck_assert_int_eq(number_at(line, "code"), 0);
    ck_assert_int_eq(number_at(line, "request_bytes"), 23);
    ck_assert_int_eq(number_at(line, "reply_bytes"), (long long)reply_bytes);
    ck_assert_ptr_nonnull(strstr(text_at(line, "message"), "Set of " ACTOR ": done in "));
    json_decref(line);
    client_refused(&client, JSON, "Push", 409, NULL, "{s:s,s:s}", "key", "k", "value", "v");
    line = logged_request("Push");
    check_shape(line, "time:s level:s operation:s actor:s code:i duration_us:i request_bytes:i reply_bytes:i "
                      "message:s");
    ck_assert_int_eq(number_at(line, "code"), 409);
    ck_assert_int_gt(number_at(line, "reply_bytes"), 0);
    json_decref(line);
    provider_stop(&provider);
}
END_TEST

/* nats.c has parsed the headers of a message without a body already, in a way of its own. */
START_TEST(a_traceparent_of_an_empty_body_comes_back)
{
    serve();
    for (size_t i = 0; i < 2; i++) {
        const char *name = spellings[i][0];
        struct answer answer = client_send_with(&client, "Get", "", 0, name, PARENT, NULL);
        check_refusal(&answer, "Get", 400, "key is empty");
        check_header(&answer, name, PARENT);
        answer_free(&answer);
        answer = client_send_with(&client, "SetUnion", "", 0, name, PARENT, NULL);
        check_code(&answer, 0);
        ck_assert_uint_eq(answer.len, 0);
        check_header(&answer, name, PARENT);
        answer_free(&answer);
        answer = client_send_with(&sys, "HealthRequest", "", 0, name, PARENT, NULL);
        check_code(&answer, 0);
        check_header(&answer, name, PARENT);
        answer_free(&answer);
        answer = client_send_with(&sys, "Keys", "", 0, name, PARENT, NULL);
        check_code(&answer, 0);
        check_header(&answer, name, PARENT);
        answer_free(&answer);
    }
    ck_assert_int_eq(times_in_slow_log(NOTHING, "Get", TRACE_ID), 2);
    ck_assert_int_eq(times_in_slow_log(NOTHING, "SetUnion", TRACE_ID), 2);
    ck_assert_int_eq(times_in_slow_log(NOTHING, "HealthRequest", TRACE_ID), 2);
    ck_assert_int_eq(times_in_slow_log(NOTHING, "Keys", TRACE_ID), 2);
    provider_stop(&provider);
}
END_TEST

/* W3C: a header that breaks the recommendation is taken for not sent. */
static const char *const invalid[] = {
    "nonsense",
    "00-" TRACE_ID "-00f067aa0ba902b7",
    "00-" TRACE_ID "-00f067aa0ba902b7-1",
    "00-" TRACE_ID "-00f067aa0ba902b7-01-more",
    "00-" TRACE_ID "-00f067aa0ba902b7-0g",
    "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
    "00-" TRACE_ID "-0000000000000000-01",
    "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
    "ff-" TRACE_ID "-00f067aa0ba902b7-01",
    "0-" TRACE_ID "-00f067aa0ba902b7-01",
    "01-" TRACE_ID "-00f067aa0ba902b7-01more",
    "00_" TRACE_ID "_00f067aa0ba902b7_01",
    PARENT "," PARENT,
};

START_TEST(an_invalid_traceparent_does_not_come_back_and_does_no_harm)
{
    serve();
    for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++)
        for (size_t j = 0; j < 2; j++) {
            const char *name = spellings[j][0];
            struct answer answer =
                client_send_with(&client, "Get", "{\"key\":\"k\"}", 11, name, invalid[i], NULL);
            check_code(&answer, 0);
            ck_assert_uint_gt(answer.len, 0);
            check_no_headers(answer.message);
            answer_free(&answer);
            answer = client_send_with(&client, "Get", "{\"key\":\"\"}", 10, name, invalid[i], NULL);
            check_refusal(&answer, "Get", 400, NULL);
            check_header(&answer, name, NULL);
            answer_free(&answer);
        }
    /* All of them, as many as the log keeps, are without a trace. */
    json_t *reply = client_call(&sys, JSON, "Slowlog", "{s:i}", "limit", 1024);
    const json_t *entry;
    size_t i;
    ck_assert_uint_gt(json_array_size(member_at(reply, "requests")), 0);
    json_array_foreach(member_at(reply, "requests"), i, entry)
    {
        ck_assert_str_eq(text_at(entry, "trace_id"), "");
    }
    json_decref(reply);
    provider_stop(&provider);
}
END_TEST

/* A later version may have more behind the flags, as much as it likes: what it says, or nothing, comes back.
 */
START_TEST(a_traceparent_of_a_later_version_is_taken)
{
    static const size_t lengths[] = {1, 10, 190, 199, 200, 201, 300, 5000};
    serve();
    struct answer answer = client_send_with(&client, "Get", "{\"key\":\"k\"}", 11, "traceparent",
                                            "cc-" TRACE_ID "-00f067aa0ba902b7-01", NULL);
    check_code(&answer, 0);
    check_header(&answer, "traceparent", "cc-" TRACE_ID "-00f067aa0ba902b7-01");
    answer_free(&answer);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        char value[6000];
        const char *got = NULL;
        int len = snprintf(value, sizeof value, "01-" TRACE_ID "-00f067aa0ba902b7-01-");
        memset(value + len, 'x', lengths[i]);
        value[(size_t)len + lengths[i]] = '\0';
        answer = client_send_with(&client, "Get", "{\"key\":\"k\"}", 11, "traceparent", value, NULL);
        check_code(&answer, 0);
        if (natsMsgHeader_Get(answer.message, "traceparent", &got) == NATS_OK || lengths[i] <= 100)
            check_header(&answer, "traceparent", value);
        answer_free(&answer);
    }
    provider_stop(&provider);
}
END_TEST

/* A caller that sends none gets none, also where the one before it did. */
START_TEST(without_a_traceparent_there_are_no_headers)
{
    serve();
    for (int i = 0; i < 20; i++) {
        bool traced = i % 2 == 0;
        struct answer answer = client_send_with(&client, "Get", "{\"key\":\"k\"}", 11,
                                                traced ? "traceparent" : NULL, PARENT, NULL);
        check_code(&answer, 0);
        if (traced)
            check_header(&answer, "traceparent", PARENT);
        else
            check_no_headers(answer.message);
        answer_free(&answer);
    }
    ck_assert_int_eq(times_in_slow_log(NOTHING, "Get", TRACE_ID), 10);
    ck_assert_int_eq(times_in_slow_log(NOTHING, "Get", ""), 10);
    provider_stop(&provider);
}
END_TEST

/* ---- beside claims ---- */

static const char *const modes[] = {"claims", "invocation"};

/* Whichever of the headers comes first on the wire. */
START_TEST(a_traceparent_stands_beside_claims)
{
    static const char get[] = "{\"key\":\"k\"}";
    provider_serve(&provider, server.url, "--auth", modes[_i], "--trusted-issuer", people.account.key,
                   "--trusted-host", people.host.key, NULL);
    open_clients();
    char *claims = claims_for(&people.account, ACTOR);
    for (size_t i = 0; i < 2; i++) {
        const char *name = spellings[i][0];
        for (int first = 0; first < 2; first++) {
            char *invocation =
                invocation_for(&people.host, ACTOR, "default", "Get", get, sizeof get - 1, NULL, 0);
            const char *headers[] = {name, PARENT, "Wascc-Claims", claims, "Wascc-Invocation", invocation};
            struct answer answer =
                first == 0 ? client_send_with(&client, "Get", get, sizeof get - 1, headers[0], headers[1],
                                              headers[2], headers[3], headers[4], headers[5], NULL)
                           : client_send_with(&client, "Get", get, sizeof get - 1, headers[4], headers[5],
                                              headers[2], headers[3], headers[0], headers[1], NULL);
            check_code(&answer, 0);
            check_header(&answer, name, PARENT);
            check_header(&answer, "Wascc-Claims", NULL);
            answer_free(&answer);
            free(invocation);
        }
        struct answer answer = client_send_with(&client, "Get", get, sizeof get - 1, name, PARENT, NULL);
        check_refusal(&answer, "Get", 401, "Wascc-Claims");
        check_header(&answer, name, PARENT);
        answer_free(&answer);
        /* A body of nothing, with claims. */
        char *invocation = invocation_for(&people.host, ACTOR, "default", "SetUnion", "", 0, NULL, 0);
        answer = client_send_with(&client, "SetUnion", "", 0, "Wascc-Claims", claims, name, PARENT,
                                  "Wascc-Invocation", invocation, NULL);
        check_code(&answer, 0);
        check_header(&answer, name, PARENT);
        answer_free(&answer);
        free(invocation);
    }
    struct papers host = {.host = &people.host};
    ck_assert_int_eq(times_in_slow_log(host, "Get", TRACE_ID), 6);
    ck_assert_int_eq(times_in_slow_log(host, "SetUnion", TRACE_ID), 2);
    free(claims);
    provider_stop(&provider);
}
END_TEST

/* ---- close to max_payload ---- */

#define PAYLOAD 2048
/* Of the reply to Get as JSON, beside the value. */
#define GET_OVERHEAD (sizeof "{\"value\":\"\",\"exists\":true}" - 1)
#define SET_OVERHEAD (sizeof "{\"key\":\"k\",\"value\":\"\"}" - 1)

/* The server refuses a message of which headers and body together are larger: such a reply would be lost. */
START_TEST(a_traced_reply_close_to_max_payload_is_answered_or_refused)
{
    int port = server.port, answered = 0, refused = 0;
    char value[PAYLOAD + 1];
    char longest[256] = "01-" TRACE_ID "-00f067aa0ba902b7-01-"; /* of what came back once */
    memset(longest + strlen(longest), 'x', sizeof longest - 1 - strlen(longest));
    nats_server_kill(&server);
    nats_server_start_on(&server, port, "max_payload: 2048\n");
    serve();
    for (size_t len = PAYLOAD - 600; len <= PAYLOAD - SET_OVERHEAD; len += 3) {
        memset(value, 'v', len);
        value[len] = '\0';
        json_decref(client_call(&client, JSON, "Set", "{s:s,s:s}", "key", "k", "value", value));
        for (size_t i = 0; i < 4; i++) {
            const char *name = i == 2 ? NULL : spellings[i % 2][0];
            struct answer answer = client_send_with(&client, "Get", "{\"key\":\"k\"}", 11, name,
                                                    i == 3 ? longest : PARENT, NULL);
            if (answer.code == 0) {
                ck_assert_uint_eq(answer.len, len + GET_OVERHEAD);
                answered++;
            } else {
                check_refusal(&answer, "Get", 413, "max_payload");
                refused++;
                /* Without a trace everything that fits is answered. */
                ck_assert(i != 2 || len + GET_OVERHEAD > PAYLOAD);
            }
            if (i < 2)
                check_header(&answer, spellings[i][0], PARENT);
            answer_free(&answer);
        }
    }
    ck_assert_int_gt(answered, 0);
    ck_assert_int_gt(refused, 0);
    stop_with_all_sent();
}
END_TEST

/* The least that a server may be told: an error's text and the trace still go out. */
START_TEST(a_traced_error_fits_a_small_max_payload)
{
    char value[600];
    int port = server.port;
    nats_server_kill(&server);
    nats_server_start_on(&server, port, "max_payload: 1024\n");
    serve();
    int len = snprintf(value, sizeof value, "01-" TRACE_ID "-00f067aa0ba902b7-01-");
    memset(value + len, 'x', 199);
    value[len + 199] = '\0';
    for (size_t i = 0; i < 3; i++) {
        static const char *const requests[] = {"{\"key\":\"\"}", "{\"key\":", "{\"key\":\"\",\"more\":1}"};
        struct answer answer =
            client_send_with(&client, "Get", requests[i], strlen(requests[i]), "traceparent", value, NULL);
        check_refusal(&answer, "Get", 400, NULL);
        answer_free(&answer);
    }
    provider_stop(&provider);
}
END_TEST

/* ---- through the lattice ---- */

static void serve_lattice(const char *level)
{
    provider_serve(&provider, server.url, "--log-level", level, NULL);
    open_clients();
    lattice_open(&lattice, server.url, &people.host, "wasmbus", "default");
    lattice_bind(&lattice, ACTOR, NULL);
}

/* Sends the bytes with a traceparent, which must come back, and nothing beside it. */
static struct response send_traced(const char *subject, const void *bytes, size_t len, const char *name)
{
    natsMsg *message = NULL, *bare = NULL;
    struct answer answer = {.status = NATS_OK};
    const char **names = NULL;
    int count = 0;
    ck_assert_int_eq(natsMsg_Create(&message, subject, NULL, bytes, (int)len), NATS_OK);
    ck_assert_int_eq(natsMsgHeader_Set(message, name, PARENT), NATS_OK);
    ck_assert_int_eq(natsConnection_RequestMsg(&answer.message, lattice.connection, message, WAIT_MS),
                     NATS_OK);
    natsMsg_Destroy(message);
    check_header(&answer, name, PARENT);
    ck_assert_int_eq(natsMsgHeader_Keys(answer.message, &names, &count), NATS_OK);
    ck_assert_int_eq(count, 1);
    free((void *)names);
    ck_assert_int_eq(natsMsg_Create(&bare, subject, NULL, natsMsg_GetData(answer.message),
                                    natsMsg_GetDataLength(answer.message)),
                     NATS_OK);
    answer_free(&answer);
    return response_read(bare, subject);
}

static struct response invoke_traced(const struct invocation *invocation, const char *name)
{
    char subject[512], id[LATTICE_ID_BYTES];
    struct wkv_buffer bytes;
    invocation_pack(&lattice, invocation, &bytes, id);
    lattice_subject(&lattice, invocation->actor, subject);
    struct response response = send_traced(subject, bytes.data, bytes.len, name);
    wkv_buffer_destroy(&bytes);
    ck_assert_str_eq(response.id, id);
    return response;
}

#define KEY_MSG "\x81\xa3key\xa1k"
#define KEY_LEN (sizeof KEY_MSG - 1)

/* "a request with a W3C traceparent header has its trace id in its slow-log entry and log lines, and the
 * reply carries it back" */
START_TEST(a_traceparent_of_an_invocation_comes_back)
{
    static const struct {
        struct invocation invocation;
        const char *error; /* NULL: it is served */
    } asked[] = {
        {{.actor = ACTOR, .operation = "Get", .msg = KEY_MSG, .msg_len = KEY_LEN}, NULL},
        {{.actor = "system", .operation = "GetCapabilityDescriptor", .msg = "", .msg_len = 0}, NULL},
        {{.actor = ACTOR, .operation = "SetQuery", .msg = "\x81\xa3key\xa0", .msg_len = 6}, "key is empty"},
        {{.actor = ACTOR, .operation = "Frobnicate", .msg = KEY_MSG, .msg_len = KEY_LEN},
         "no such operation"},
        {{.actor = "system", .operation = "Get", .msg = KEY_MSG, .msg_len = KEY_LEN}, UNBOUND},
    };
    char subject[512];
    const char *name = spellings[_i][0];
    serve_lattice("debug");
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        struct response response = invoke_traced(&asked[i].invocation, name);
        ck_assert_msg((response.error == NULL) == (asked[i].error == NULL), "%zu: %s", i, response.error);
        ck_assert(asked[i].error == NULL || strstr(response.error, asked[i].error) != NULL);
        response_free(&response);
    }
    lattice_subject(&lattice, ACTOR, subject);
    struct response response = send_traced(subject, "garbage", 7, name);
    ck_assert_ptr_nonnull(response.error);
    response_free(&response);
    response = send_traced(subject, "", 0, name);
    ck_assert_ptr_nonnull(response.error);
    response_free(&response);
    ck_assert_int_eq(times_in_slow_log(NOTHING, "Get", TRACE_ID), 1);
    ck_assert_int_eq(times_in_slow_log(NOTHING, "SetQuery", TRACE_ID), 1);
    ck_assert_int_eq(times_in_slow_log(NOTHING, "GetCapabilityDescriptor", TRACE_ID), 1);
    const char *line = process_await_line(&provider, "lattice: Get of " ACTOR ": done");
    const char *id = strstr(line, "trace " TRACE_ID);
    ck_assert_msg(id != NULL && strchr(line, '\n') > id, "no trace in the log: %s", line);
    /* Who sends none gets none: lattice_expect takes no headers. */
    lattice_expect(&lattice, ACTOR, "Get", "{\"key\":\"k\"}", "{\"value\":\"\",\"exists\":false}");
    ck_assert_int_eq(times_in_slow_log(NOTHING, "Get", ""), 1);
    provider_stop(&provider);
}
END_TEST

START_TEST(a_traced_response_close_to_max_payload_is_answered_or_refused)
{
    struct invocation get = {.actor = ACTOR, .operation = "Get", .msg = KEY_MSG, .msg_len = KEY_LEN};
    int port = server.port, answered = 0, refused = 0;
    char value[PAYLOAD + 1];
    nats_server_kill(&server);
    nats_server_start_on(&server, port, "max_payload: 2048\n");
    serve_lattice("info");
    for (size_t len = PAYLOAD - 600; len < PAYLOAD - 40; len += 3) {
        memset(value, 'v', len);
        value[len] = '\0';
        json_decref(client_call(&client, JSON, "Set", "{s:s,s:s}", "key", "k", "value", value));
        struct response response = invoke_traced(&get, "traceparent");
        if (response.error == NULL)
            answered++;
        else
            ck_assert_ptr_nonnull(strstr(response.error, "max_payload"));
        refused += response.error != NULL;
        response_free(&response);
    }
    ck_assert_int_gt(answered, 0);
    ck_assert_int_gt(refused, 0);
    stop_with_all_sent();
}
END_TEST

Suite *trace_suite(void)
{
    Suite *suite = suite_create("integration/trace");
    TCase *tests = tcase_create("trace");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_loop_test(tests, a_traceparent_comes_back_on_replies_and_errors, 0, 2);
    tcase_add_test(tests, a_log_in_json_has_the_request_in_members);
    tcase_add_test(tests, a_traceparent_of_an_empty_body_comes_back);
    tcase_add_test(tests, an_invalid_traceparent_does_not_come_back_and_does_no_harm);
    tcase_add_test(tests, a_traceparent_of_a_later_version_is_taken);
    tcase_add_test(tests, without_a_traceparent_there_are_no_headers);
    tcase_add_loop_test(tests, a_traceparent_stands_beside_claims, 0, 2);
    tcase_add_test(tests, a_traced_reply_close_to_max_payload_is_answered_or_refused);
    tcase_add_test(tests, a_traced_error_fits_a_small_max_payload);
    tcase_add_loop_test(tests, a_traceparent_of_an_invocation_comes_back, 0, 2);
    tcase_add_test(tests, a_traced_response_close_to_max_payload_is_answered_or_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
