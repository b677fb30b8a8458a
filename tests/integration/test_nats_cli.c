/* The nats CLI, used as the README says. Skipped where it is not on PATH. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "service.h"

#define SUBJECT DEFAULT_BASE "." ACTOR "."
#define SYSTEM DEFAULT_BASE ".system."

static struct process cli;

static void start_shared(void)
{
    nats_server_start(&shared.server, NULL);
    provider_serve(&shared.provider, shared.server.url, NULL);
}

static void end_cli(void)
{
    process_destroy(&cli);
}

/* Runs `nats --server URL req SUBJECT BODY`, with no configuration of the user's. Its releases differ in
 * what they print where, and in how many empty lines. */
static void nats_req(const char *subject, const char *body, const char *flag)
{
    static const char *const environment[] = {"HOME=/nonexistent", NULL};
    const char *argv[] = {"nats", "--server", shared.server.url, "req", subject, body, flag, NULL};
    process_destroy(&cli);
    int status = process_run(&cli, argv, environment, NULL);
    ck_assert_msg(status == 0, "nats req: exit %d: %s%s", status, cli.out.bytes, cli.err.bytes);
}

static bool printed(const char *text)
{
    return strstr(cli.out.bytes, text) != NULL || strstr(cli.err.bytes, text) != NULL;
}

/* A request of each operation, in the manner of the README's. */
static const struct {
    const char *operation;
    const char *request;
    const char *reply;
} examples[] = {
    {"Set", "{\"key\":\"a\",\"value\":\"1\"}", "{\"value\":\"1\"}"},
    {"Get", "{\"key\":\"a\"}", "{\"value\":\"1\",\"exists\":true}"},
    {"Add", "{\"key\":\"a\",\"value\":41}", "{\"value\":42}"},
    {"Push", "{\"key\":\"list\",\"value\":\"x\"}", "{\"new_count\":1}"},
    {"Push", "{\"key\":\"list\",\"value\":\"y\"}", "{\"new_count\":2}"},
    {"Range", "{\"key\":\"list\",\"start\":0,\"stop\":-1}", "{\"values\":[\"x\",\"y\"]}"},
    {"ListItemDelete", "{\"key\":\"list\",\"value\":\"x\"}", "{\"new_count\":1}"},
    {"Clear", "{\"key\":\"list\"}", "{\"key\":\"list\"}"},
    {"SetAdd", "{\"key\":\"set\",\"value\":\"m\"}", "{\"new_count\":1}"},
    {"SetQuery", "{\"key\":\"set\"}", "{\"values\":[\"m\"],\"cursor\":\"\"}"},
    {"SetUnion", "{\"keys\":[\"set\",\"other\"]}", "{\"values\":[\"m\"],\"cursor\":\"\"}"},
    {"SetIntersection", "{\"keys\":[\"set\",\"other\"]}", "{\"values\":[],\"cursor\":\"\"}"},
    {"SetRemove", "{\"key\":\"set\",\"value\":\"m\"}", "{\"new_count\":0}"},
    {"KeyExists", "{\"key\":\"set\"}", "{\"value\":\"\",\"exists\":false}"},
    {"Del", "{\"key\":\"a\"}", "{\"key\":\"a\"}"},
};

START_TEST(nats_req_shows_the_reply)
{
    char subject[256];
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        (void)snprintf(subject, sizeof subject, SUBJECT "%s", examples[i].operation);
        nats_req(subject, examples[i].request, "--raw");
        size_t len = strcspn(cli.out.bytes, "\n");
        ck_assert_msg(len == strlen(examples[i].reply) && memcmp(cli.out.bytes, examples[i].reply, len) == 0,
                      "%s: %s", examples[i].operation, cli.out.bytes);
    }
}
END_TEST

START_TEST(nats_req_shows_an_error_with_its_headers)
{
    nats_req(SUBJECT "Get", "{\"key\":\"\"}", NULL);
    ck_assert_msg(printed("Nats-Service-Error-Code: 400") &&
                      printed("Nats-Service-Error: Get: the key is empty"),
                  "%s%s", cli.out.bytes, cli.err.bytes);
}
END_TEST

/* ---- operators ---- */

START_TEST(nats_req_asks_what_operators_ask)
{
    static const struct {
        const char *subject, *request, *reply;
    } rows[] = {
        {SUBJECT "Set", "{\"key\":\"greeting\",\"value\":\"hello\"}", "{\"value\":\"hello\"}"},
        {SYSTEM "BindActor", "{\"module\":\"" ACTOR "\"}", "{}"},
        {SYSTEM "Keys", "{\"prefix\":\"greet\"}", "{\"keys\":[\"greeting\"],\"cursor\":\"\"}"},
        {SYSTEM "Keys", "{\"glob\":\"*ting\"}", "{\"keys\":[\"greeting\"],\"cursor\":\"\"}"},
        {SYSTEM "Inspect", "{\"key\":\"nothing\"}",
         "{\"key\":\"nothing\",\"kind\":\"none\",\"length\":0,\"bytes\":0,\"expires_in_s\":0}"},
        {SYSTEM "Bindings", "{}",
         "{\"bindings\":[{\"actor\":\"" ACTOR
         "\",\"keyspace\":\"default\",\"issuer\":\"\",\"expires_at\":0}],\"cursor\":\"\"}"},
        {SYSTEM "LogLevel", "{\"level\":\"warn\"}", "{\"level\":\"warn\"}"},
        {SYSTEM "LogLevel", "{}", "{\"level\":\"warn\"}"},
        {SYSTEM "LogLevel", "{\"level\":\"info\"}", "{\"level\":\"info\"}"},
        {SYSTEM "RemoveActor", "{\"module\":\"" ACTOR "\"}", "{}"},
        {SYSTEM "Bindings", "{}", "{\"bindings\":[],\"cursor\":\"\"}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        nats_req(rows[i].subject, rows[i].request, "--raw");
        size_t len = strcspn(cli.out.bytes, "\n");
        ck_assert_msg(len == strlen(rows[i].reply) && memcmp(cli.out.bytes, rows[i].reply, len) == 0,
                      "%s: %s", rows[i].subject, cli.out.bytes);
    }
    nats_req(SYSTEM "Inspect", "{\"key\":\"greeting\"}", "--raw");
    ck_assert_msg(printed("\"kind\":\"scalar\",\"length\":5,"), "%s", cli.out.bytes);
    nats_req(SYSTEM "Slowlog", "{\"limit\":5}", "--raw");
    ck_assert_msg(printed("\"operation\":") && printed("\"duration_us\":"), "%s", cli.out.bytes);
    nats_req(SYSTEM "Keys", "{\"limit\":-1}", NULL);
    ck_assert_msg(printed("Nats-Service-Error-Code: 400") && printed("Keys: limit"), "%s%s", cli.out.bytes,
                  cli.err.bytes);
}
END_TEST

/* ---- the service ---- */

/* What has a command of the CLI is called "micro", later "service", and each by the other's name too. */
static const char *const words[] = {"micro", "service"};

static char id[INSTANCE_ID_BYTES];

/* Runs `nats <word> <verb> …` and waits for its end. */
#define NATS_SERVICE(word, ...) nats_service((const char *const[]){word, __VA_ARGS__, NULL})

static void nats_service(const char *const rest[])
{
    static const char *const environment[] = {"HOME=/nonexistent", NULL};
    const char *argv[16] = {"nats", "--server", shared.server.url};
    for (size_t i = 0; rest[i] != NULL; i++)
        argv[i + 3] = rest[i];
    process_destroy(&cli);
    int status = process_run(&cli, argv, environment, NULL);
    ck_assert_msg(status == 0, "nats %s %s: exit %d: %s%s", rest[0], rest[1], status, cli.out.bytes,
                  cli.err.bytes);
}

static void check_printed(const char *text)
{
    ck_assert_msg(printed(text), "\"%s\" is not in: %.2000s%.1000s", text, cli.out.bytes, cli.err.bytes);
}

static bool is_of_type(const json_t *value, const char *type)
{
    const char *got = json_string_value(json_object_get(value, "type"));
    return got != NULL && strcmp(got, type) == 0;
}

/* The document of that type somewhere in what the CLI printed, borrowed: releases wrap it in different ways.
 */
static json_t *find_document(json_t *value, const char *type)
{
    const char *name;
    json_t *inner, *found = is_of_type(value, type) ? value : NULL;
    size_t i;
    json_array_foreach(value, i, inner)
    {
        found = found == NULL ? find_document(inner, type) : found;
    }
    json_object_foreach(value, name, inner)
    {
        found = found == NULL ? find_document(inner, type) : found;
    }
    return found;
}

/* Some requests of known ends, and the instance's id. */
static void use_the_service(void)
{
    json_decref(client_call(&caller, JSON, "Set", "{s:s,s:s}", "key", "k", "value", "v"));
    for (int i = 0; i < 3; i++)
        client_refused(&caller, PROTOBUF, "Push", 409, NULL, "{s:s,s:s}", "key", "k", "value", "v");
    client_refused(&caller, JSON, "Get", 400, NULL, "{s:s}", "key", "");
    json_t *ping = service_ask(&caller, "PING", NULL);
    (void)snprintf(id, sizeof id, "%s", text_at(ping, "id"));
    json_decref(ping);
}

START_TEST(nats_micro_list_and_ping_find_the_service)
{
    const char *word = words[_i];
    use_the_service();
    NATS_SERVICE(word, "list");
    check_printed("wascc-keyvalue");
    check_printed(id);
    check_printed(WKV_VERSION);
    NATS_SERVICE(word, "ping");
    check_printed("wascc-keyvalue");
    check_printed(id);
    NATS_SERVICE(word, "list", "--json");
    json_t *list = json_of(cli.out.bytes, cli.out.len);
    json_t *info = service_ask(&caller, "INFO", id);
    ck_assert_msg(json_equal(find_document(list, "io.nats.micro.v1.info_response"), info), "%.2000s",
                  cli.out.bytes);
    json_decref(info);
    json_decref(list);
}
END_TEST

START_TEST(nats_micro_info_shows_every_endpoint)
{
    const char *word = words[_i];
    use_the_service();
    json_t *info = service_ask(&caller, "INFO", id);
    const json_t *endpoint;
    size_t i;
    NATS_SERVICE(word, "info", "wascc-keyvalue");
    check_printed(id);
    check_printed("binding: default");
    check_printed("capability: wascc:keyvalue");
    check_printed("engine: memory");
    check_printed("lattice_namespace:");
    check_printed("wascc.keyvalue.default");
    json_array_foreach(member_at(info, "endpoints"), i, endpoint)
    {
        char text[256];
        check_printed(text_at(endpoint, "subject"));
        (void)snprintf(text, sizeof text, "request: %s", text_at(endpoint, "metadata.request"));
        check_printed(text);
        (void)snprintf(text, sizeof text, "response: %s", text_at(endpoint, "metadata.response"));
        check_printed(text);
        /* Whole: the CLI puts dots into the middle of what is too long. */
        (void)snprintf(text, sizeof text, "description: %s\n", text_at(endpoint, "metadata.description"));
        check_printed(text);
    }
    NATS_SERVICE(word, "info", "wascc-keyvalue", id, "--json");
    json_t *said = json_of(cli.out.bytes, cli.out.len);
    ck_assert_msg(json_equal(find_document(said, "io.nats.micro.v1.info_response"), info), "%.2000s",
                  cli.out.bytes);
    json_decref(said);
    json_decref(info);
}
END_TEST

/* Endpoints' statistics, with the data that is only ours; that of the service stands in one of them. */
START_TEST(nats_micro_info_shows_statistics_with_their_data)
{
    use_the_service();
    NATS_SERVICE(words[_i], "info", "wascc-keyvalue");
    check_printed("409: Push: the key holds another kind");
    check_printed("400: Get: the key is empty");
    check_printed("Processing Time");
    check_printed("\"p99_ns\":");
    check_printed("\"request_bytes\":");
    check_printed("\"kinds\":");
    check_printed("\"claims_cache\":");
    check_printed("\"uptime_s\":");
}
END_TEST

/* The CLI writes times anew, without the zeros at the end of a fraction (Go's RFC3339Nano). */
static void check_same_moment(const char *shown, const char *said)
{
    int digits = (int)strcspn(shown, "Z");
    ck_assert_str_eq(shown + digits, "Z");
    ck_assert_msg(strncmp(shown, said, (size_t)digits) == 0 &&
                      strspn(said + digits, ".0Z") == strlen(said + digits),
                  "%s is not %s", shown, said);
}

START_TEST(nats_micro_stats_shows_what_was_counted)
{
    static const char *const numbers[] = {"num_requests", "num_errors", "processing_time",
                                          "average_processing_time"};
    const char *word = words[_i];
    use_the_service();
    json_t *stats = service_ask(&caller, "STATS", id);
    const json_t *endpoint;
    size_t i;
    NATS_SERVICE(word, "stats", "wascc-keyvalue");
    check_printed(id);
    check_printed("wascc.keyvalue.default");
    json_array_foreach(member_at(stats, "endpoints"), i, endpoint)
    {
        check_printed(text_at(endpoint, "name"));
    }
    NATS_SERVICE(word, "stats", "wascc-keyvalue", "--json");
    json_t *said = json_of(cli.out.bytes, cli.out.len);
    const json_t *shown = find_document(said, "io.nats.micro.v1.stats_response");
    ck_assert_msg(shown != NULL, "%.2000s", cli.out.bytes);
    check_same_moment(text_at(shown, "started"), text_at(stats, "started"));
    ck_assert_uint_eq(json_array_size(member_at(shown, "endpoints")),
                      json_array_size(member_at(stats, "endpoints")));
    json_array_foreach(member_at(stats, "endpoints"), i, endpoint)
    {
        const json_t *same = endpoint_of(shown, text_at(endpoint, "name"));
        for (size_t j = 0; j < sizeof numbers / sizeof numbers[0]; j++)
            ck_assert_int_eq(number_at(same, numbers[j]), number_at(endpoint, numbers[j]));
        ck_assert_str_eq(text_at(same, "last_error"), text_at(endpoint, "last_error"));
        ck_assert_str_eq(text_at(same, "queue_group"), text_at(endpoint, "queue_group"));
        ck_assert_str_eq(text_at(same, "subject"), text_at(endpoint, "subject"));
        ck_assert_int_eq(number_at(same, "data.p99_ns"), number_at(endpoint, "data.p99_ns"));
        ck_assert(json_equal(member_at(same, "data.refusals"), member_at(endpoint, "data.refusals")));
    }
    ck_assert_int_ge(endpoint_number(shown, "Push", "data.refusals.409"), 3);
    ck_assert_int_ge(endpoint_number(shown, "Push", "num_errors"), 3);
    ck_assert_int_eq(endpoint_number(shown, "HealthRequest", "data.service.workers"),
                     number_at(stats, "data.workers"));
    json_decref(said);
    json_decref(stats);
}
END_TEST

Suite *nats_cli_suite(void)
{
    Suite *suite = suite_create("integration/nats_cli");
    if (!test_on_path("nats")) {
        (void)printf("skip integration/nats_cli the nats CLI is not on this machine\n");
        return suite;
    }
    TCase *tests = tcase_create("nats_cli");
    tcase_add_unchecked_fixture(tests, start_shared, shared_stop);
    tcase_add_checked_fixture(tests, NULL, end_cli);
    tcase_add_test(tests, nats_req_shows_the_reply);
    tcase_add_test(tests, nats_req_shows_an_error_with_its_headers);
    tcase_add_test(tests, nats_req_asks_what_operators_ask);
    suite_add_tcase(suite, tests);

    TCase *service = tcase_create("service");
    tcase_add_unchecked_fixture(service, start_shared, shared_stop);
    tcase_add_checked_fixture(service, caller_open, caller_close);
    tcase_add_checked_fixture(service, NULL, end_cli);
    tcase_add_loop_test(service, nats_micro_list_and_ping_find_the_service, 0, 2);
    tcase_add_loop_test(service, nats_micro_info_shows_every_endpoint, 0, 2);
    tcase_add_loop_test(service, nats_micro_info_shows_statistics_with_their_data, 0, 2);
    tcase_add_loop_test(service, nats_micro_stats_shows_what_was_counted, 0, 2);
    suite_add_tcase(suite, service);
    return suite;
}
