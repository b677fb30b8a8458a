/* Contract section 5: an error has a body, in the encoding of the request. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claims.h"
#include "harness.h"
#include "service.h"

static struct client sys;

static void start(void)
{
    nats_server_start(&shared.server, NULL);
    provider_serve(&shared.provider, shared.server.url, "--workers", "1", NULL);
}

static void open_both(void)
{
    caller_open();
    client_open(&sys, shared.server.url);
    client_call_on(&sys, DEFAULT_BASE, "system");
    json_decref(client_call(&caller, JSON, "Set", "{s:s,s:s}", "key", "text", "value", "x"));
}

static void close_both(void)
{
    client_close(&sys);
    caller_close();
}

/* "to a JSON request `{"error":{"code":409,"description":"…"}}`" */
static void check_json(const struct answer *answer)
{
    json_t *body = json_of(answer->data, answer->len);
    check_shape(body, "error:o");
    check_shape(member_at(body, "error"), "code:i description:s");
    ck_assert_int_eq(number_at(body, "error.code"), answer->code);
    ck_assert_str_eq(text_at(body, "error.description"), answer->text);
    json_decref(body);
}

/* "to a protobuf request the text `Failed (409): …`", "which no protobuf reader takes for a message" */
static void check_text(const struct answer *answer)
{
    char expected[600];
    (void)snprintf(expected, sizeof expected, "Failed (%d): %s", answer->code, answer->text);
    ck_assert_msg(answer->len == strlen(expected) && memcmp(answer->data, expected, answer->len) == 0,
                  "%.*s instead of %s", (int)answer->len, answer->data, expected);
    ck_assert_int_eq(answer->data[0] & 7, 6);
}

static const struct {
    const char *operation, *bytes;
    size_t len;
    int code;
    bool json;
} requests[] = {
#define ROW(operation, bytes, code, json)                                                                    \
    {                                                                                                        \
        operation, bytes, sizeof bytes - 1, code, json                                                       \
    }
    ROW("Push", "{\"key\":\"text\",\"value\":\"x\"}", 409, true),
    ROW("Push", "\n\t {\"key\":\"text\",\"value\":\"x\"}", 409, true),
    ROW("Push", "\xef\xbb\xbf{\"key\":\"text\",\"value\":\"x\"}", 409, true),
    ROW("Push", "\x0a\x04text\x12\x01x", 409, false),
    ROW("Get", "{\"key\":\"\"}", 400, true),
    ROW("Get", "{\"kex\":\"a\"}", 400, true),
    ROW("Get", "{", 400, true),
    ROW("Get", "  {", 400, true),
    ROW("Get", "{\"key\":\"\xff\"}", 400, true),
    ROW("Get", "{\"\\\"\\\\\":\"\"}", 400, true),
    ROW("Get", "", 400, false),
    ROW("Get", "\x0a\x00", 400, false),
    ROW("Get", "garbage", 400, false),
    ROW("Get", "[1]", 400, false),
    ROW("Get", "\xff\xff\xff\xff", 400, false),
    ROW("Get", "\x0a\x02\xc0\x80", 400, false),
    ROW("BindActor", "{\"module\":\"\"}", 403, true), /* from an actor */
    ROW("BindActor", "\x0a\x00", 403, false),
#undef ROW
};

START_TEST(an_error_has_a_body_in_the_encoding_of_the_request)
{
    struct answer answer = client_send(&caller, requests[_i].operation, requests[_i].bytes, requests[_i].len);
    check_refusal(&answer, requests[_i].operation, requests[_i].code, NULL);
    (requests[_i].json ? check_json : check_text)(&answer);
    answer_free(&answer);
}
END_TEST

/* An operator's requests are JSON, whatever comes. */
START_TEST(operators_are_told_in_json)
{
    static const char *const bodies[] = {"{\"limit\":-1}", " {\"limit\":-1}", "garbage", "\x08\x01"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct answer answer = client_send(&sys, "Keys", bodies[i], strlen(bodies[i]));
        check_refusal(&answer, "Keys", 400, NULL);
        check_json(&answer);
        answer_free(&answer);
    }
    /* Those of hosts have both. */
    struct answer answer = client_send(&sys, "BindActor", "{\"module\":\"\"}", 13);
    check_refusal(&answer, "BindActor", 400, NULL);
    check_json(&answer);
    answer_free(&answer);
    answer = client_send(&sys, "BindActor", "", 0);
    check_refusal(&answer, "BindActor", 400, NULL);
    check_text(&answer);
    answer_free(&answer);
}
END_TEST

/* What is in a request can neither break the JSON nor get into a header's line. */
START_TEST(nothing_of_a_request_breaks_out_of_the_body)
{
    static const char *const names[] = {"\\\"",    "\\\\",     "\\u0000",       "\\r\\nX: y",
                                        "\\u2028", "\xc3\xa9", "\\ud83d\\ude00"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char request[64];
        (void)snprintf(request, sizeof request, "{\"%s\":\"a\"}", names[i]);
        struct answer answer = client_send(&caller, "Get", request, strlen(request));
        check_refusal(&answer, "Get", 400, NULL);
        check_json(&answer);
        ck_assert_ptr_null(strpbrk(answer.text, "\r\n"));
        answer_free(&answer);
    }
}
END_TEST

START_TEST(call_prints_an_error_as_before)
{
    static const char expected[] = "wascc-keyvalue: 409: Push: the key holds another kind";
    struct process call;
    int status = program_run(&call, NULL, NULL, "call", "--server", shared.server.url, "--actor", ACTOR,
                             "Push", "{\"key\":\"text\",\"value\":\"x\"}", NULL);
    ck_assert_int_eq(status, 1);
    ck_assert_uint_eq(call.out.len, 0);
    ck_assert_msg(strncmp(call.err.bytes, expected, sizeof expected - 1) == 0, "%s", call.err.bytes);
    process_destroy(&call);
    /* A file from an editor. */
    status = program_run(&call, NULL, "\xef\xbb\xbf\n {\"key\":\"text\"}\n", "call", "--server",
                         shared.server.url, "--actor", ACTOR, "Get", "-", NULL);
    ck_assert_msg(status == 0 && strstr(call.out.bytes, "\"x\"") != NULL, "%s%s", call.out.bytes,
                  call.err.bytes);
    process_destroy(&call);
}
END_TEST

/* ---- beside claims ---- */

static struct process guarded;

static void start_guarded(void)
{
    people_make();
    start();
    provider_serve(&guarded, shared.server.url, "--auth", "claims", "--binding", "guarded",
                   "--trusted-issuer", people.account.key, NULL);
}

static void stop_guarded(void)
{
    process_destroy(&guarded);
    people_free();
    shared_stop();
}

/* A refusal before anything is decoded, too, is in the encoding of the request. */
START_TEST(who_may_not_ask_is_told_in_the_encoding_of_the_request)
{
    client_call_on(&caller, "wasmbus.provider.wascc.keyvalue.guarded", ACTOR);
    static const struct {
        const char *bytes;
        bool json;
    } rows[] = {{"{\"key\":\"a\"}", true}, {"\n{\"key\":\"a\"}", true}, {"\x0a\x01k", false}, {"", false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct answer answer = client_send(&caller, "Get", rows[i].bytes, strlen(rows[i].bytes));
        check_refusal(&answer, "Get", 401, NULL);
        (rows[i].json ? check_json : check_text)(&answer);
        answer_free(&answer);
    }
}
END_TEST

/* Names in any case, white space around values dropped; with a body and without, which nats.c reads in two
 * ways. */
START_TEST(headers_are_taken_in_any_case)
{
    static const char *const names[] = {"Wascc-Claims", "wascc-claims", "WASCC-CLAIMS", "wAscc-claimS"};
    char *claims = claims_for(&people.account, ACTOR);
    char value[2048], subject[256];
    ck_assert_int_lt(snprintf(value, sizeof value, " \t%s \t", claims), (int)sizeof value);
    (void)snprintf(subject, sizeof subject, "wasmbus.provider.wascc.keyvalue.guarded.%s.Get", ACTOR);
    for (size_t i = 0; i < 2 * sizeof names / sizeof names[0]; i++) {
        natsMsg *request = NULL, *reply = NULL;
        const char *code = NULL;
        bool empty = i % 2 == 1;
        ck_assert_int_eq(natsMsg_Create(&request, subject, NULL, "{\"key\":\"a\"}", empty ? 0 : 11), NATS_OK);
        ck_assert_int_eq(natsMsgHeader_Set(request, names[i / 2], value), NATS_OK);
        ck_assert_int_eq(natsConnection_RequestMsg(&reply, caller.connection, request, WAIT_MS), NATS_OK);
        natsStatus status = natsMsgHeader_Get(reply, "Nats-Service-Error-Code", &code);
        /* The claims hold; a key that is empty is 400. */
        if (empty)
            ck_assert_msg(status == NATS_OK && strcmp(code, "400") == 0, "%s: %s", names[i / 2],
                          code == NULL ? "no error" : code);
        else
            ck_assert_msg(status == NATS_NOT_FOUND, "%s: %s", names[i / 2], code);
        natsMsg_Destroy(request);
        natsMsg_Destroy(reply);
    }
    free(claims);
}
END_TEST

/* ---- a small server ---- */

/* No user gets less by the server's own configuration than this. */
static void start_small(void)
{
    nats_server_start(&shared.server, "max_payload: 300\n");
    provider_serve(&shared.provider, shared.server.url, NULL);
}

START_TEST(an_error_that_does_not_fit_loses_the_end_of_its_text)
{
    static const char *const bodies[] = {"{\"key\":\"\"}", "\x0a\x00", "[", "{\"a\\\"b\":1}"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct answer answer = client_send(&caller, "SetIntersection", bodies[i], strlen(bodies[i]));
        ck_assert_msg(answer.status == NATS_OK, "%s", natsStatus_GetText(answer.status));
        ck_assert_int_eq(answer.code, 400);
        (bodies[i][0] == '{' ? check_json : check_text)(&answer);
        answer_free(&answer);
    }
}
END_TEST

Suite *error_bodies_suite(void)
{
    Suite *suite = suite_create("error_bodies");
    TCase *open = tcase_create("open");
    tcase_add_unchecked_fixture(open, start, shared_stop);
    tcase_add_checked_fixture(open, open_both, close_both);
    tcase_add_loop_test(open, an_error_has_a_body_in_the_encoding_of_the_request, 0,
                        (int)(sizeof requests / sizeof requests[0]));
    tcase_add_test(open, operators_are_told_in_json);
    tcase_add_test(open, nothing_of_a_request_breaks_out_of_the_body);
    tcase_add_test(open, call_prints_an_error_as_before);
    suite_add_tcase(suite, open);
    TCase *claims = tcase_create("claims");
    tcase_add_unchecked_fixture(claims, start_guarded, stop_guarded);
    tcase_add_checked_fixture(claims, caller_open, caller_close);
    tcase_add_test(claims, who_may_not_ask_is_told_in_the_encoding_of_the_request);
    tcase_add_test(claims, headers_are_taken_in_any_case);
    suite_add_tcase(suite, claims);
    TCase *small = tcase_create("small");
    tcase_add_unchecked_fixture(small, start_small, shared_stop);
    tcase_add_checked_fixture(small, caller_open, caller_close);
    tcase_add_test(small, an_error_that_does_not_fit_loses_the_end_of_its_text);
    suite_add_tcase(suite, small);
    return suite;
}
