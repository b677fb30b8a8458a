/* A JetStream stream that captures the lattice's subjects: the server acknowledges every request to where its
 * reply is awaited, and an acknowledgement is no reply. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

#define STREAM "everything"
#define KEY "{\"key\":\"a\"}"

static char folder[64];
static struct nats_server server;
static struct process provider, program;
static struct client client;

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *walk)
{
    (void)about;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void create_stream(const char *subjects)
{
    char request[256];
    natsMsg *reply = NULL;
    (void)snprintf(request, sizeof request,
                   "{\"name\":\"" STREAM "\",\"subjects\":[%s],\"storage\":\"memory\"}", subjects);
    ck_assert_int_eq(natsConnection_RequestString(&reply, client.connection, "$JS.API.STREAM.CREATE." STREAM,
                                                  request, WAIT_MS),
                     NATS_OK);
    ck_assert_msg(strstr(natsMsg_GetData(reply), "\"error\"") == NULL, "%s", natsMsg_GetData(reply));
    natsMsg_Destroy(reply);
}

static void start(void)
{
    char config[160];
    (void)snprintf(folder, sizeof folder, "/tmp/wkv-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(config, sizeof config, "jetstream: { store_dir: \"%s\" }\n", folder);
    nats_server_start(&server, config);
    client_open(&client, server.url);
    create_stream("\"wasmbus.>\",\"$SRV.>\"");
}

static void stop(void)
{
    client_close(&client);
    harness_close_nats();
    process_destroy(&program);
    process_destroy(&provider);
    nats_server_kill(&server);
    (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int call(const char *operation, const char *request)
{
    process_destroy(&program);
    return program_run(&program, NULL, NULL, "call", "--server", server.url, "--timeout", "5s", operation,
                       request, NULL);
}

static void names_the_stream(void)
{
    /* Where the reply came first, there is nothing to warn of. */
    if (*program.err.bytes == '\0')
        return;
    ck_assert_msg(strstr(program.err.bytes, "warning: the JetStream stream \"" STREAM "\" captures") != NULL,
                  "it said %s", program.err.bytes);
}

START_TEST(call_waits_for_the_providers_reply_and_names_the_stream)
{
    provider_serve(&provider, server.url, NULL);
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(call("Set", "{\"key\":\"a\",\"value\":\"1\"}"), 0);
        ck_assert_str_eq(program.out.bytes, "{\"value\":\"1\"}\n");
        names_the_stream();
    }
    ck_assert_int_eq(call("Get", KEY), 0);
    ck_assert_str_eq(program.out.bytes, "{\"value\":\"1\",\"exists\":true}\n");
    provider_stop(&provider);
}
END_TEST

START_TEST(a_refusal_is_a_refusal)
{
    provider_serve(&provider, server.url, NULL);
    ck_assert_int_eq(call("Get", "{\"key\":\"\"}"), 1);
    ck_assert_str_eq(program.out.bytes, "");
    ck_assert_ptr_nonnull(strstr(program.err.bytes, "wascc-keyvalue: 400: "));
    provider_stop(&provider);
}
END_TEST

START_TEST(an_acknowledgement_alone_is_a_failure)
{
    process_destroy(&program);
    int status = program_run(&program, NULL, NULL, "call", "--server", server.url, "--timeout", "500ms",
                             "Set", "{\"key\":\"a\",\"value\":\"1\"}", NULL);
    ck_assert_int_eq(status, 1);
    ck_assert_str_eq(program.out.bytes, "");
    ck_assert_ptr_nonnull(strstr(program.err.bytes, "no reply: only the stream received the request"));
    names_the_stream();
}
END_TEST

/* A value may look like an acknowledgement: it stands in a reply. */
START_TEST(a_value_that_looks_like_one_is_a_reply)
{
    provider_serve(&provider, server.url, NULL);
    ck_assert_int_eq(call("Set", "{\"key\":\"a\",\"value\":\"{\\\"stream\\\":\\\"s\\\",\\\"seq\\\":1}\"}"),
                     0);
    ck_assert_str_eq(program.out.bytes, "{\"value\":\"{\\\"stream\\\":\\\"s\\\",\\\"seq\\\":1}\"}\n");
    provider_stop(&provider);
}
END_TEST

START_TEST(page_after_page_is_followed)
{
    provider_serve(&provider, server.url, NULL);
    ck_assert_int_eq(call("Add", "{\"key\":\"x\",\"value\":1}"), 0);
    ck_assert_int_eq(call("Add", "{\"key\":\"y\",\"value\":1}"), 0);
    ck_assert_int_eq(call("Add", "{\"key\":\"z\",\"value\":1}"), 0);
    process_destroy(&program);
    int status = program_run(&program, NULL, NULL, "call", "--server", server.url, "--all", "Keys",
                             "{\"limit\":1}", NULL);
    ck_assert_int_eq(status, 0);
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_nonnull(strstr(program.out.bytes, (const char *const[]){"\"x\"", "\"y\"", "\"z\""}[i]));
    ck_assert_ptr_null(strstr(program.out.bytes, "\"seq\""));
    provider_stop(&provider);
}
END_TEST

START_TEST(health_and_top_take_it_for_nobody)
{
    ck_assert_int_eq(
        program_run(&program, NULL, NULL, "health", "--server", server.url, "--timeout", "500ms", NULL), 1);
    process_destroy(&program);
    ck_assert_int_eq(program_run(&program, NULL, NULL, "top", "--server", server.url, "--count", "1", NULL),
                     1);
    process_destroy(&program);
    provider_serve(&provider, server.url, NULL);
    ck_assert_int_eq(program_run(&program, NULL, NULL, "health", "--server", server.url, NULL), 0);
    process_destroy(&program);
    ck_assert_int_eq(program_run(&program, NULL, NULL, "top", "--server", server.url, "--count", "2",
                                 "--interval", "100ms", NULL),
                     0);
    ck_assert_ptr_nonnull(strstr(program.out.bytes, " state=serving "));
    /* Nor does the provider take what the server says to its own questions for an answer of the lattice. */
    process_read(&provider);
    ck_assert_ptr_null(strstr(provider.err.bytes, " warn  discovery"));
    ck_assert_ptr_null(strstr(provider.err.bytes, " error "));
    provider_stop(&provider);
}
END_TEST

Suite *captured_suite(void)
{
    Suite *suite = suite_create("integration/captured");
    TCase *tests = tcase_create("captured");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_test(tests, call_waits_for_the_providers_reply_and_names_the_stream);
    tcase_add_test(tests, a_refusal_is_a_refusal);
    tcase_add_test(tests, an_acknowledgement_alone_is_a_failure);
    tcase_add_test(tests, a_value_that_looks_like_one_is_a_reply);
    tcase_add_test(tests, page_after_page_is_followed);
    tcase_add_test(tests, health_and_top_take_it_for_nobody);
    suite_add_tcase(suite, tests);
    return suite;
}
