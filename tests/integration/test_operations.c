/* Contract sections 3, 4, 5 and 7: the conformance suite over a real nats-server, on plain subjects and as
 * real hosts ask; and what is about subjects alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/conformance.h"
#include "harness.h"
#include "jetstream.h"
#include "lattice.h"

#define LARGE_PAYLOAD "max_payload: 8388608\n"
#define SMALL_PAYLOAD "max_payload: 4096\n"

static struct reply reply_of(const void *data, size_t len)
{
    struct reply reply = {.data = malloc(len + 1), .len = len};
    ck_assert_ptr_nonnull(reply.data);
    if (len > 0)
        memcpy(reply.data, data, len);
    return reply;
}

/* ---- plain subjects ---- */

static const struct conformance_front subjects;

/* Where the environment variable WKV_TEST_SERVERS says so: of a cluster of three, and beside the shared
 * provider two more instances, each of which is asked as often as it is. */
#define OTHERS (JS_SERVERS - 1)
static struct js cluster;
static struct process others[OTHERS];

static bool wants_cluster(void)
{
    const char *servers = getenv("WKV_TEST_SERVERS");
    return servers != NULL && strcmp(servers, "3") == 0;
}

static void serve(const struct conformance_front *front, const char *server, const char *option,
                  const char *value, const char *more, const char *more_value)
{
    conformance_use(front);
    if (wants_cluster()) {
        js_start(&cluster, JS_SERVERS, server);
        harness_close_nats(); /* the tests are forked from here */
        (void)snprintf(shared.server.url, sizeof shared.server.url, "%s", cluster.url[0]);
    } else {
        nats_server_start(&shared.server, server);
    }
    provider_serve(&shared.provider, shared.server.url, option, value, more, more_value, NULL);
    /* One that has not applied the last write yet lets the next one in: a budget is kept to the byte by one
     * instance only. */
    bool is_tight = more != NULL && strcmp(more, "--max-memory") == 0;
    for (size_t i = 0; i < OTHERS && wants_cluster() && !is_tight; i++)
        provider_serve(&others[i], cluster.url[i + 1], option, value, more, more_value, NULL);
}

static void stop(void)
{
    for (size_t i = 0; i < OTHERS; i++)
        process_destroy(&others[i]);
    shared_stop();
    js_stop(&cluster);
}

static void subjects_plain(void)
{
    serve(&subjects, LARGE_PAYLOAD, NULL, NULL, NULL, NULL);
}

static void subjects_small(void)
{
    serve(&subjects, SMALL_PAYLOAD, "--max-value-size", "2kb", NULL, NULL);
}

static void subjects_tight(void)
{
    serve(&subjects, LARGE_PAYLOAD, "--shards", "1", "--max-memory", "256kb");
}

static struct reply subjects_call(enum encoding encoding, const char *operation, const void *bytes,
                                  size_t len)
{
    (void)encoding;
    struct answer answer = client_send(&caller, operation, bytes, len);
    ck_assert_msg(answer.status == NATS_OK, "%s: %s", operation, natsStatus_GetText(answer.status));
    struct reply reply = reply_of(answer.data, answer.len);
    reply.code = answer.code;
    (void)snprintf(reply.text, sizeof reply.text, "%s", answer.text);
    if (answer.code != 0)
        check_refusal(&answer, operation, answer.code, NULL);
    answer_free(&answer);
    return reply;
}

static const struct conformance_front subjects = {
    .name = "plain subjects",
    .start = {subjects_plain, subjects_small, subjects_tight},
    .stop = stop,
    .open = caller_open,
    .close = caller_close,
    .call = subjects_call,
    .first = PROTOBUF,
    .end = MSGPACK,
};

/* ---- invocations of hosts ---- */

static const struct conformance_front invocations;
static struct lattice host;
static char actor[WKV_NKEY_PUBLIC_CHARS + 1];

static void invocations_plain(void)
{
    serve(&invocations, LARGE_PAYLOAD, NULL, NULL, NULL, NULL);
}

static void invocations_small(void)
{
    serve(&invocations, SMALL_PAYLOAD, "--max-value-size", "2kb", NULL, NULL);
}

static void invocations_tight(void)
{
    serve(&invocations, LARGE_PAYLOAD, "--shards", "1", "--max-memory", "256kb");
}

static void invocations_open(void)
{
    people_make();
    caller_open();
    lattice_actor(1, actor);
    lattice_open(&host, shared.server.url, &people.host, "wasmbus", "default");
    lattice_bind(&host, actor, NULL);
}

static void invocations_close(void)
{
    lattice_close(&host);
    people_free();
    caller_close();
}

static struct reply invocations_call(enum encoding encoding, const char *operation, const void *bytes,
                                     size_t len)
{
    (void)encoding;
    struct invocation invocation = {.actor = actor, .operation = operation, .msg = bytes, .msg_len = len};
    struct response response = lattice_invoke(&host, &invocation);
    ck_assert_msg(response.status == NATS_OK, "%s: %s", operation, natsStatus_GetText(response.status));
    struct reply reply = reply_of(response.msg, response.msg_len);
    if (response.error != NULL) {
        reply.code = CODE_UNTOLD;
        (void)snprintf(reply.text, sizeof reply.text, "%s", response.error);
    }
    response_free(&response);
    return reply;
}

static const struct conformance_front invocations = {
    .name = "invocations",
    .start = {invocations_plain, invocations_small, invocations_tight},
    .stop = stop,
    .open = invocations_open,
    .close = invocations_close,
    .call = invocations_call,
    .first = MSGPACK,
    .end = ALL_ENCODINGS,
};

/* ---- subjects ---- */

/* "subscribe once per operation with * for the actor": every actor is served, and those of one binding share.
 */
START_TEST(any_actor_is_served_on_its_own_subject)
{
    struct client other = caller;
    client_call_on(&other, DEFAULT_BASE, "MANOTHER");
    json_decref(client_call(&caller, JSON, "Set", "{s:s,s:s}", "key", "shared", "value", "1"));
    json_t *reply = client_call(&other, PROTOBUF, "Get", "{s:s}", "key", "shared");
    ck_assert_str_eq(json_string_value(json_object_get(reply, "value")), "1");
    json_decref(reply);
}
END_TEST

START_TEST(a_request_without_a_reply_subject_still_happens)
{
    static const char set[] = "{\"key\":\"quiet\",\"value\":\"1\"}";
    static const char bad[] = "{\"key\":\"\"}";
    ck_assert_int_eq(
        natsConnection_Publish(caller.connection, DEFAULT_BASE "." ACTOR ".Set", bad, sizeof bad - 1),
        NATS_OK);
    ck_assert_int_eq(
        natsConnection_Publish(caller.connection, DEFAULT_BASE "." ACTOR ".Set", set, sizeof set - 1),
        NATS_OK);
    long long deadline_ms = now_ms() + WAIT_MS;
    while (!client_exists(&caller, "quiet"))
        ck_assert_int_lt(now_ms(), deadline_ms);
}
END_TEST

/* "An operation that does not exist has no listener: the caller gets NATS's own "no responders" at once." */
START_TEST(an_operation_that_does_not_exist_has_no_listener)
{
    static const char *const names[] = {"Nothing", "get", "GET", "Get.x", "SetX"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct answer answer = client_send(&caller, names[i], "{\"key\":\"a\"}", 11);
        ck_assert_msg(answer.status == NATS_NO_RESPONDERS, "%s: %s", names[i],
                      natsStatus_GetText(answer.status));
    }
}
END_TEST

Suite *operations_suite(void)
{
    Suite *suite = suite_create("integration/operations");
    conformance_add(suite, &subjects);
    conformance_add(suite, &invocations);
    TCase *tests = tcase_create("subjects");
    tcase_add_unchecked_fixture(tests, subjects_plain, stop);
    tcase_add_checked_fixture(tests, caller_open, caller_close);
    tcase_add_test(tests, any_actor_is_served_on_its_own_subject);
    tcase_add_test(tests, a_request_without_a_reply_subject_still_happens);
    tcase_add_test(tests, an_operation_that_does_not_exist_has_no_listener);
    suite_add_tcase(suite, tests);
    return suite;
}
