/* What the program finds where it is started, and what it shows of what comes from outside: variables,
 * descriptors, pipes in the place of files, and terminal escapes in replies. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "claims.h"
#include "harness.h"

static struct process command;

static void start_shared(void)
{
    nats_server_start(&shared.server, NULL);
    provider_serve(&shared.provider, shared.server.url, NULL);
}

static void end_command(void)
{
    process_destroy(&command);
}

/* ---- variables ---- */

static const struct {
    const char *variables[3];
    const char *says; /* NULL: it is none of ours, or right */
} variables[] = {
    {{"WASCC_KEYVALUE_MAXMEMORY=1mb"}, "WASCC_KEYVALUE_MAXMEMORY; do you mean WASCC_KEYVALUE_MAX_MEMORY?"},
    {{"WASCC_KEYVALUE_max_memory=1mb"}, "do you mean WASCC_KEYVALUE_MAX_MEMORY?"},
    {{"WASCC_KEYVALUE_WORKER="}, "do you mean WASCC_KEYVALUE_WORKERS?"},
    {{"WASCC_KEYVALUE_PASSWORD_FIL=/hunter2"}, "do you mean WASCC_KEYVALUE_PASSWORD_FILE?"},
    {{"WASCC_KEYVALUE_HELP=1"}, "there is no variable WASCC_KEYVALUE_HELP"},
    {{"WASCC_KEYVALUE_=hunter2"}, "there is no variable WASCC_KEYVALUE_"},
    {{"WASCC_KEYVALUE_REPORT=hunter2"}, "there is no variable WASCC_KEYVALUE_REPORT"},
    {{"WASCC_KEYVALUE_\x1b[2J=hunter2"}, "there is no variable WASCC_KEYVALUE_\\x1b[2J"},
    {{"NATS_USER=u", "NATS_PASSWORD=hunter2", "NATS_PASSWORD_FILE=/hunter2"}, "are both set"},
    {{"WASCC_KEYVALUE_USER=u", "WASCC_KEYVALUE_PASSWORD=hunter2", "WASCC_KEYVALUE_PASSWORD_FILE=/hunter2"},
     "WASCC_KEYVALUE_PASSWORD and WASCC_KEYVALUE_PASSWORD_FILE are both set"},
    {{"NATS_URL=nats://hunter2@h", "NATS_URL_FILE=/hunter2"}, "NATS_URL and NATS_URL_FILE are both set"},
    {{"WASCC_KEYVALUE_SERVER_FILE=/hunter2"}, "WASCC_KEYVALUE_SERVER_FILE: cannot read that file: No such"},
    {{"WASCC_KEYVALUE_SERVER_FILE=/proc/self/cmdline"}, "WASCC_KEYVALUE_SERVER_FILE: that file has a NUL in"},
    {{"WASCC_KEYVALUE_SERVER_FILE=/tmp"}, "WASCC_KEYVALUE_SERVER_FILE: cannot read that file: Is a dir"},
    {{"WASCC_KEYVALUE_SERVICE_HOST=10.0.0.1", "WASCC_KEYVALUE_SERVICE_PORT=4222",
      "WASCC_KEYVALUE_SERVICE_PORT_METRICS=9464"},
     NULL},
    {{"WASCC_KEYVALUE_PORT=tcp://10.0.0.1:9464", "WASCC_KEYVALUE_PORT_9464_TCP=tcp://10.0.0.1:9464",
      "WASCC_KEYVALUE_PORT_9464_TCP_PROTO=tcp"},
     NULL},
    {{"WASCC_KEYVALUE_METRICS_SERVICE_HOST=10.0.0.1", "WASCC_KEYVALUE_METRICS_PORT=tcp://10.0.0.1:9464",
      "WASCC_KEYVALUE_METRICS_PORT_9464_TCP_ADDR=10.0.0.1"},
     NULL},
    /* Other commands' are ours. */
    {{"WASCC_KEYVALUE_MAX_MEMORY=1mb", "WASCC_KEYVALUE_ISSUER_SEED=/x", "WASCC_KEYVALUE_COUNT=3"}, NULL},
};

START_TEST(a_variable_that_is_no_options_is_refused)
{
    static const char *const commands[] = {"health", "serve", "call", "top", "token", "keygen"};
    const char *environment[] = {variables[_i].variables[0], variables[_i].variables[1],
                                 variables[_i].variables[2], NULL};
    bool of_connection = variables[_i].says != NULL && strstr(variables[_i].says, "no variable") == NULL;
    for (size_t i = 0; i < (variables[_i].says == NULL ? 1 : of_connection ? 3 : 6); i++) {
        int status =
            program_run(&command, environment, NULL, commands[i], "--server", shared.server.url, NULL);
        if (variables[_i].says == NULL) {
            ck_assert_msg(status == 0, "%s", command.err.bytes);
        } else {
            ck_assert_msg(status == 64, "%s: %d", commands[i], status);
            ck_assert_msg(strstr(command.err.bytes, variables[_i].says) != NULL, "%s", command.err.bytes);
            ck_assert_ptr_null(strstr(command.err.bytes, "hunter2"));
        }
        process_destroy(&command);
    }
}
END_TEST

START_TEST(help_is_given_whatever_the_variables)
{
    static const char *const environment[] = {"WASCC_KEYVALUE_MAXMEMORY=1mb", NULL};
    ck_assert_int_eq(program_run(&command, environment, NULL, "serve", "--help", NULL), 0);
    ck_assert_ptr_nonnull(strstr(command.out.bytes, "--password-file"));
}
END_TEST

static const struct {
    const char *operation, *nearest;
} misspelt[] = {{"Gte", "Get"}, {"get", "Get"}, {"Delete", "Del"}, {"SetIntersect", "SetIntersection"}};

START_TEST(an_operation_that_call_does_not_know_is_refused)
{
    char says[128];
    int status = program_run(&command, NULL, NULL, "call", "--server", shared.server.url,
                             misspelt[_i].operation, "{\"key\":\"a\"}", NULL);
    (void)snprintf(says, sizeof says, "there is no operation %s; do you mean %s?", misspelt[_i].operation,
                   misspelt[_i].nearest);
    ck_assert_int_eq(status, 64);
    ck_assert_msg(strstr(command.err.bytes, says) != NULL, "%s", command.err.bytes);
}
END_TEST

/* ---- descriptors ---- */

/* What a closed descriptor's number is opened as next must not be what we print to. */
START_TEST(closed_standard_descriptors_become_dev_null)
{
    static const char script[] =
        "exec \"$0\" serve --auth none --binding closed --server \"$1\" <&- >&- 2>&-";
    const char *const argv[] = {"sh", "-c", script, provider_program(), shared.server.url, NULL};
    process_start(&command, argv, program_environment(NULL), NULL);
    int status = 1;
    for (long long deadline_ms = now_ms() + WAIT_MS; status != 0 && now_ms() < deadline_ms;) {
        struct process health;
        status = program_run(&health, NULL, NULL, "health", "--server", shared.server.url, "--binding",
                             "closed", NULL);
        process_destroy(&health);
    }
    ck_assert_int_eq(status, 0);
    for (int fd = 0; fd <= 2; fd++) {
        char path[64], target[64];
        (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)command.pid, fd);
        ssize_t len = readlink(path, target, sizeof target - 1);
        /* The files of a process that may not be dumped are root's. */
        if (len < 0 && errno == EACCES)
            continue;
        ck_assert_msg(len > 0, "descriptor %d is not open", fd);
        target[len] = '\0';
        ck_assert_str_eq(target, "/dev/null");
    }
    process_signal(&command, SIGTERM);
    ck_assert_int_eq(process_await_exit(&command), 0);
}
END_TEST

/* ---- files that are none ---- */

START_TEST(a_pipe_as_trust_file_holds_up_no_start_and_no_reload)
{
    char folder[] = "/tmp/wkv-pipe-XXXXXX", path[64], list[WKV_NKEY_PUBLIC_CHARS + 4];
    struct person issuer = person_make(WKV_NKEY_ACCOUNT, 77);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/issuers", folder);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(program_run(&command, NULL, NULL, "serve", "--server", shared.server.url,
                                 "--trusted-issuer-file", path, NULL),
                     64);
    ck_assert_ptr_nonnull(
        strstr(command.err.bytes, "--trusted-issuer-file: cannot read that file: it is not a"));
    process_destroy(&command);
    ck_assert_int_eq(unlink(path), 0);

    /* With a byte order mark in front and lines that end as Windows' do. */
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int len = snprintf(list, sizeof list, "\xef\xbb\xbf%s", issuer.key);
    ck_assert_int_eq(write(fd, list, (size_t)len), len);
    ck_assert_int_eq(write(fd, "\r\n\r\n", 4), 4);
    (void)close(fd);
    provider_serve(&command, shared.server.url, "--binding", "pipe", "--auth", "claims",
                   "--trusted-issuer-file", path, NULL);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    process_signal(&command, SIGHUP);
    (void)process_await_line(&command, "not reloaded, the trusted lists stay as they were");
    provider_stop(&command);
    (void)unlink(path);
    (void)rmdir(folder);
    person_free(&issuer);
}
END_TEST

/* ---- terminal escapes ---- */

#define ESCAPES                                                                                              \
    "\x1b]0;owned\x07\x1b[2J\xc2\x9b"                                                                        \
    "2J\xe2\x80\xae\x7f"

/* Answers one request on a binding of its own with what is not JSON, or an error, both full of escapes. */
static void answer(const char *reply, bool as_error)
{
    natsSubscription *subscription = NULL;
    natsMsg *request = NULL, *message = NULL;
    const char *const argv[] = {
        provider_program(), "call", "--binding",       "hostile", "--timeout", "60s", "--server",
        shared.server.url,  "Get",  "{\"key\":\"a\"}", NULL};
    ck_assert_int_eq(natsConnection_SubscribeSync(&subscription, caller.connection,
                                                  "wasmbus.provider.wascc.keyvalue.hostile.*.Get"),
                     NATS_OK);
    ck_assert_int_eq(natsConnection_Flush(caller.connection), NATS_OK);
    process_start(&command, argv, program_environment(NULL), NULL);
    ck_assert_int_eq(natsSubscription_NextMsg(&request, subscription, WAIT_MS), NATS_OK);
    ck_assert_int_eq(natsMsg_Create(&message, natsMsg_GetReply(request), NULL, reply, (int)strlen(reply)),
                     NATS_OK);
    if (as_error) {
        ck_assert_int_eq(natsMsgHeader_Set(message, "Nats-Service-Error-Code", "409\x1b[2J"), NATS_OK);
        ck_assert_int_eq(natsMsgHeader_Set(message, "Nats-Service-Error", ESCAPES), NATS_OK);
    }
    ck_assert_int_eq(natsConnection_PublishMsg(caller.connection, message), NATS_OK);
    ck_assert_int_eq(process_await_exit(&command), as_error ? 1 : 0);
    natsMsg_Destroy(message);
    natsMsg_Destroy(request);
    natsSubscription_Destroy(subscription);
}

static void check_steers_nothing(const struct output *output)
{
    for (size_t i = 0; i < output->len; i++)
        ck_assert_msg((unsigned char)output->bytes[i] >= 0x20 || output->bytes[i] == '\n',
                      "a control character: %s", output->bytes);
    ck_assert_ptr_null(strchr(output->bytes, 0x7f));
    ck_assert_ptr_null(strstr(output->bytes, "\xc2\x9b"));
    ck_assert_ptr_null(strstr(output->bytes, "\xe2\x80\xae"));
}

START_TEST(escapes_in_a_reply_are_shown)
{
    answer("{\"value\":\"" ESCAPES "\",\"exists\":true}", false);
    check_steers_nothing(&command.out);
    json_t *reply = json_loads(command.out.bytes, 0, NULL);
    ck_assert_ptr_nonnull(reply);
    ck_assert_str_eq(json_string_value(json_object_get(reply, "value")), ESCAPES);
    json_decref(reply);
}
END_TEST

START_TEST(escapes_in_an_error_are_shown)
{
    answer("", true);
    check_steers_nothing(&command.err);
    ck_assert_ptr_nonnull(strstr(command.err.bytes, "409\\x1b[2J: \\x1b]0;owned\\x07\\x1b[2J"));
}
END_TEST

Suite *surroundings_suite(void)
{
    Suite *suite = suite_create("integration/surroundings");
    TCase *tests = tcase_create("surroundings");
    tcase_add_unchecked_fixture(tests, start_shared, shared_stop);
    tcase_add_checked_fixture(tests, caller_open, caller_close);
    tcase_add_checked_fixture(tests, NULL, end_command);
    tcase_add_loop_test(tests, a_variable_that_is_no_options_is_refused, 0,
                        sizeof variables / sizeof variables[0]);
    tcase_add_test(tests, help_is_given_whatever_the_variables);
    tcase_add_loop_test(tests, an_operation_that_call_does_not_know_is_refused, 0,
                        sizeof misspelt / sizeof misspelt[0]);
    tcase_add_test(tests, closed_standard_descriptors_become_dev_null);
    tcase_add_test(tests, a_pipe_as_trust_file_holds_up_no_start_and_no_reload);
    tcase_add_test(tests, escapes_in_a_reply_are_shown);
    tcase_add_test(tests, escapes_in_an_error_are_shown);
    suite_add_tcase(suite, tests);
    return suite;
}
