/* The nats CLI, as whoever reads the README has it in hand. Skipped where it is not on PATH. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

#define SUBJECT DEFAULT_BASE "." ACTOR "."

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
    {"SetQuery", "{\"key\":\"set\"}", "{\"values\":[\"m\"]}"},
    {"SetUnion", "{\"keys\":[\"set\",\"other\"]}", "{\"values\":[\"m\"]}"},
    {"SetIntersection", "{\"keys\":[\"set\",\"other\"]}", "{\"values\":[]}"},
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

static Suite *make_suite(void)
{
    Suite *suite = suite_create("integration/nats_cli");
    TCase *tests = tcase_create("nats_cli");
    tcase_add_unchecked_fixture(tests, start_shared, shared_stop);
    tcase_add_checked_fixture(tests, NULL, end_cli);
    tcase_add_test(tests, nats_req_shows_the_reply);
    tcase_add_test(tests, nats_req_shows_an_error_with_its_headers);
    suite_add_tcase(suite, tests);
    return suite;
}

static bool on_path(const char *program)
{
    char file[4096];
    const char *path = getenv("PATH");
    for (const char *one = path == NULL ? "" : path; *one != '\0'; one += strspn(one, ":")) {
        size_t len = strcspn(one, ":");
        (void)snprintf(file, sizeof file, "%.*s/%s", (int)len, one, program);
        if (access(file, X_OK) == 0)
            return true;
        one += len;
    }
    return false;
}

int main(void)
{
    if (!on_path("nats")) {
        (void)printf("skip integration/nats_cli the nats CLI is not on this machine\n");
        return EXIT_SUCCESS;
    }
    return harness_main(make_suite);
}
