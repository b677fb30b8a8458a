/* Contract section 8: the schemas that INFO has for tools that know nothing else of the service. They hold
 * for the requests that are served and for their replies, and not for those that are refused as malformed. */
#include <string.h>

#include "claims.h"
#include "harness.h"
#include "schema.h"
#include "service.h"

static struct nats_server server;
static struct process provider;
static struct client client, sys;

static void start_with(const char *config)
{
    nats_server_start(&server, config);
    provider_serve(&provider, server.url, NULL);
    client_open(&client, server.url);
    system_open(&sys, server.url);
}

static void stop(void)
{
    client_close(&client);
    client_close(&sys);
    harness_close_nats();
    process_destroy(&provider);
    nats_server_kill(&server);
}

#define ACTOR_OF_BINDING "{\"module\":\"" ACTOR "\",\"values\":{\"KEYSPACE\":\"k\"}}"

/* In this order: some want what those before them left. */
static const struct {
    const char *operation, *request;
    int code; /* 0: it is served */
} cases[] = {
    {"Set", "{\"key\":\"a\",\"value\":\"v\",\"expires_s\":60}", 0},
    {"Set", "{\"key\":\"b\",\"value_base64\":\"//79\",\"expires_ms\":60000}", 0},
    {"Set", "{\"key\":\"a\",\"value\":\"v\",\"keep_expiry\":true}", 0},
    {"Set", "{\"value\":\"v\"}", 400},
    {"Set", "{\"key\":\"\",\"value\":\"v\"}", 400},
    {"Set", "{\"key\":\"a\",\"value\":\"v\",\"expires\":60}", 400},
    {"Set", "{\"key\":\"a\",\"value\":1}", 400},
    {"Set", "{\"key\":\"a\",\"value\":\"v\",\"expires_s\":2147483648}", 400},
    {"Set", "{\"key\":\"a\",\"value\":\"v\",\"keep_expiry\":1}", 400},
    {"Set", "{\"key\":\"a\",\"value_base64\":\"*\"}", 400},
    {"Get", "{\"key\":\"a\"}", 0},
    {"Get", "{\"key\":\"b\"}", 0},
    {"Get", "{\"key\":[\"a\"]}", 400},
    {"KeyExists", "{\"key\":\"a\"}", 0},
    {"Del", "{\"key\":\"a\"}", 0},
    {"Del", "{}", 400},
    {"Add", "{\"key\":\"n\",\"value\":-2147483648}", 0},
    {"Add", "{\"key\":\"n\",\"value\":-2147483649}", 400},
    {"Increment", "{\"key\":\"n\",\"delta\":9223372036854775807}", 0},
    {"Increment", "{\"key\":\"n\",\"delta\":true}", 400},
    {"Push", "{\"key\":\"l\",\"value\":\"one\"}", 0},
    {"Push", "{\"key\":\"l\",\"value_base64\":\"_w\"}", 0},
    {"Range", "{\"key\":\"l\",\"start\":0,\"stop\":0}", 0},
    {"Range", "{\"key\":\"l\",\"start\":0,\"stop\":-1}", 0},
    {"ListItemDelete", "{\"key\":\"l\",\"value\":\"one\"}", 0},
    {"Pop", "{\"key\":\"l\",\"from_end\":true}", 0},
    {"Clear", "{\"key\":\"l\"}", 0},
    {"SetAdd", "{\"key\":\"s\",\"value\":\"m\"}", 0},
    {"SetContains", "{\"key\":\"s\",\"value\":\"m\"}", 0},
    {"SetQuery", "{\"key\":\"s\",\"limit\":1}", 0},
    {"SetQuery", "{\"key\":\"s\",\"limit\":-1}", 400},
    {"SetUnion", "{\"keys\":[\"s\",\"t\"]}", 0},
    {"SetUnion", "{\"keys\":\"s\"}", 400},
    {"SetIntersection", "{\"keys\":[]}", 0},
    {"SetRemove", "{\"key\":\"s\",\"value\":\"m\"}", 0},
    {"CompareAndSet", "{\"key\":\"c\",\"value\":\"1\"}", 0},
    {"CompareAndSet", "{\"key\":\"c\",\"value\":\"2\",\"expected\":\"0\"}", 0},
    {"CompareAndDelete", "{\"key\":\"c\",\"expected_base64\":\"MQ==\"}", 0},
    {"Expire", "{\"key\":\"b\",\"expires_ms\":1000000}", 0},
    {"TimeToLive", "{\"key\":\"b\"}", 0},
    {"ListKeys", "{\"prefix\":\"b\",\"limit\":10}", 0},
    {"ListKeys", "{\"prefix\":0}", 400},
    {"Batch",
     "{\"requests\":[{\"set\":{\"key\":\"a\",\"value\":\"v\"}},{\"get\":{\"key\":\"a\"}},"
     "{\"pop\":{\"key\":\"a\"}},{\"range\":{\"key\":\"none\",\"stop\":1}}],\"atomic\":false}",
     0},
    {"Batch",
     "{\"requests\":[{\"set\":{\"key\":\"a\",\"value\":\"v\"}},"
     "{\"compare_and_set\":{\"key\":\"a\",\"value\":\"w\"}}],\"atomic\":true}",
     0},
    {"Batch", "{\"requests\":{\"get\":{\"key\":\"a\"}}}", 400},
    {"Batch", "{\"requests\":[{\"get\":{\"key\":\"a\"},\"del\":{\"key\":\"a\"}}]}", 400},
    {"BindActor", ACTOR_OF_BINDING, 0},
    {"Bindings", "{\"limit\":10}", 0},
    {"Bindings", "{\"keyspaces\":true}", 0},
    {"RemoveActor", ACTOR_OF_BINDING, 0},
    {"RemoveActor", "{\"module\":\"" ACTOR "\",\"values\":{\"KEYSPACE\":1}}", 400},
    {"GetCapabilityDescriptor", "{}", 0},
    {"HealthRequest", "{\"placeholder\":true}", 0},
    {"HealthRequest", "{\"healthy\":true}", 400},
    {"Keys", "{\"glob\":\"*\"}", 0},
    {"Keys", "{\"min_bytes\":1}", 0},
    {"Inspect", "{\"key\":\"a\"}", 0},
    {"Slowlog", "{\"limit\":3}", 0},
    {"LogLevel", "{}", 0},
    {"LogLevel", "{\"level\":1}", 400},
    {"Members", "{}", 0},
};
#define CASES (sizeof cases / sizeof cases[0])

/* The schema that the endpoint's metadata has as text. */
static json_t *schema_of(const json_t *info, const char *operation, const char *member)
{
    const char *text = text_at(member_at(endpoint_of(info, operation), "metadata"), member);
    return json_of(text, strlen(text));
}

static void check_holds(const json_t *info, size_t i, const char *member, const char *text, size_t len,
                        bool holds)
{
    json_t *schema = schema_of(info, cases[i].operation, member), *value = json_of(text, len);
    ck_assert_msg(schema_holds(schema, value) == holds, "the %s of %s %s for %.*s", member,
                  cases[i].operation, holds ? "does not hold" : "holds", (int)len, text);
    json_decref(schema);
    json_decref(value);
}

static bool is_systems(const json_t *info, const char *operation)
{
    return strstr(text_at(endpoint_of(info, operation), "subject"), ".system.") != NULL;
}

START_TEST(schemas_hold_for_what_is_served)
{
    start_with(NULL);
    json_t *info = service_ask(&client, "INFO", NULL);
    for (size_t i = 0; i < CASES; i++) {
        const char *request = cases[i].request;
        struct client *asks = is_systems(info, cases[i].operation) ? &sys : &client;
        struct answer answer = client_send(asks, cases[i].operation, request, strlen(request));
        ck_assert_msg(answer.code == cases[i].code, "%s %s: %d %s", cases[i].operation, request, answer.code,
                      answer.text);
        check_holds(info, i, "request_schema", request, strlen(request), cases[i].code == 0);
        if (cases[i].code == 0)
            check_holds(info, i, "response_schema", answer.data, answer.len, true);
        answer_free(&answer);
    }
    json_decref(info);
    provider_stop(&provider);
}
END_TEST

/* Each has all that generic tools look for; "short enough for `nats micro info`'s columns", which show so
 * many characters of a text before they cut it. */
START_TEST(each_endpoint_has_what_generic_tools_look_for)
{
    enum { COLUMN = 75 };
    start_with(NULL);
    json_t *info = service_ask(&client, "INFO", NULL);
    const json_t *endpoint;
    size_t i;
    json_array_foreach(member_at(info, "endpoints"), i, endpoint)
    {
        const char *name = text_at(endpoint, "name");
        size_t len = strlen(text_at(endpoint, "metadata.description"));
        json_t *request = schema_of(info, name, "request_schema");
        json_t *reply = schema_of(info, name, "response_schema");
        ck_assert_msg(len > 0 && len <= COLUMN, "%s: %zu characters", name, len);
        ck_assert_str_eq(text_at(endpoint, "metadata.format"), "application/json");
        ck_assert_str_eq(text_at(request, "type"), "object");
        ck_assert_str_eq(text_at(reply, "type"), "object");
        json_decref(request);
        json_decref(reply);
    }
    ck_assert_uint_gt(i, 30);
    json_decref(info);
    provider_stop(&provider);
}
END_TEST

/* A Watch has its replies on a subject of its own. */
START_TEST(the_schema_of_a_watch_holds_for_what_it_tells)
{
    static const char request[] = "{\"key\":\"w\",\"values\":true,\"lease_ms\":20000}";
    natsSubscription *told = NULL;
    char subject[512];
    start_with(NULL);
    json_t *info = service_ask(&client, "INFO", NULL);
    json_t *asked = schema_of(info, "Watch", "request_schema");
    json_t *response = schema_of(info, "Watch", "response_schema"),
           *value = json_of(request, strlen(request));
    ck_assert(schema_holds(asked, value));
    json_decref(value);
    json_decref(client_call(&client, JSON, "Set", "{s:s,s:s}", "key", "w", "value_base64", "/w=="));
    ck_assert_int_eq(natsConnection_SubscribeSync(&told, client.connection, "told"), NATS_OK);
    (void)snprintf(subject, sizeof subject, "%s.Watch", client.base);
    ck_assert_int_eq(
        natsConnection_PublishRequest(client.connection, subject, "told", request, (int)strlen(request)),
        NATS_OK);
    for (int i = 0; i < 2; i++) {
        natsMsg *message = NULL;
        ck_assert_int_eq(natsSubscription_NextMsg(&message, told, WAIT_MS), NATS_OK);
        value = json_of(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
        ck_assert_str_eq(text_at(value, "event"), i == 0 ? "put" : "sync");
        ck_assert(schema_holds(response, value));
        json_decref(value);
        natsMsg_Destroy(message);
    }
    natsSubscription_Destroy(told);
    json_decref(asked);
    json_decref(response);
    json_decref(info);
    provider_stop(&provider);
}
END_TEST

/* A server that has no room for the schemas is told the rest. */
START_TEST(info_without_room_has_no_schemas)
{
    start_with("max_payload: 20000\n");
    json_t *info = service_ask(&client, "INFO", NULL);
    const json_t *get = member_at(endpoint_of(info, "Get"), "metadata");
    ck_assert_str_eq(text_at(get, "request"), "GetRequest");
    ck_assert_str_ne(text_at(get, "description"), "");
    ck_assert_ptr_null(json_object_get(get, "request_schema"));
    ck_assert_ptr_null(json_object_get(get, "response_schema"));
    json_decref(info);
    provider_stop(&provider);
}
END_TEST

Suite *schemas_suite(void)
{
    Suite *suite = suite_create("integration/schemas");
    TCase *tests = tcase_create("schemas");
    tcase_add_checked_fixture(tests, NULL, stop);
    tcase_add_test(tests, schemas_hold_for_what_is_served);
    tcase_add_test(tests, each_endpoint_has_what_generic_tools_look_for);
    tcase_add_test(tests, the_schema_of_a_watch_holds_for_what_it_tells);
    tcase_add_test(tests, info_without_room_has_no_schemas);
    suite_add_tcase(suite, tests);
    return suite;
}
