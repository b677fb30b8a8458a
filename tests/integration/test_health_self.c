/* `health --self`: whether this very process lives, which NATS has no say in. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "http.h"

#define WELL 0
#define NOT_WELL 69
/* For `--timeout 2s`, which is the default, on a machine that is ten times as slow. */
#define SOON_MS 20000

static struct nats_server server;
static struct process provider, other, asking;
static char binding[64];

static void start(void)
{
    (void)snprintf(binding, sizeof binding, "health-self-%d", (int)getpid());
    nats_server_start(&server, NULL);
}

static void stop(void)
{
    process_destroy(&asking);
    process_destroy(&other);
    process_destroy(&provider);
    nats_server_kill(&server);
}

/* Asks for the binding in the namespace; what it said is in `asking`. A server that is none shows that it is
 * not asked. */
static int health_of(const char *lattice_namespace, const char *name)
{
    process_destroy(&asking);
    return program_run(&asking, NULL, NULL, "health", "--self", "--server", "nats://127.0.0.1:1", "--binding",
                       name, "--lattice-namespace", lattice_namespace, NULL);
}

static int health(void)
{
    return health_of("", binding);
}

static void says(const char *text)
{
    ck_assert_msg(strstr(asking.err.bytes, text) != NULL, "it said %s", asking.err.bytes);
    ck_assert_str_eq(asking.out.bytes, "");
    /* One clear line. */
    ck_assert_ptr_eq(strchr(asking.err.bytes, '\n'), asking.err.bytes + asking.err.len - 1);
}

START_TEST(the_process_that_serves_is_well_and_no_other_is_asked)
{
    ck_assert_int_eq(health(), NOT_WELL);
    says("no process of this user serves");
    provider_serve(&provider, server.url, "--binding", binding, NULL);
    ck_assert_int_eq(health(), WELL);
    ck_assert_ptr_nonnull(strstr(asking.out.bytes, "ok: "));
    ck_assert_int_eq(health_of("ns", binding), NOT_WELL);
    ck_assert_int_eq(health_of("", "another-binding"), NOT_WELL);
    provider_stop(&provider);
    ck_assert_int_eq(health(), NOT_WELL);
}
END_TEST

/* What the process needed of NATS when it was started may be gone, or wrong, since. */
START_TEST(what_is_said_of_nats_does_not_matter)
{
    static const char *const variables[] = {"NATS_URL_FILE=/nonexistent", "NATS_USER=u",
                                            "NATS_PASSWORD_FILE=/nonexistent", "NATS_CREDS=/nonexistent",
                                            NULL};
    static const char *const wrong[] = {"LATTICE_HOST=http://127.0.0.1", NULL};
    provider_serve(&provider, server.url, "--binding", binding, NULL);
    for (int i = 0; i < 2; i++) {
        process_destroy(&asking);
        int status = program_run(&asking, i == 0 ? variables : wrong, NULL, "health", "--self", "--binding",
                                 binding, NULL);
        ck_assert_msg(status == WELL, "%s", asking.err.bytes);
    }
    provider_stop(&provider);
}
END_TEST

START_TEST(the_namespace_is_part_of_the_name)
{
    provider_serve(&provider, server.url, "--binding", binding, "--lattice-namespace", "my.ns", NULL);
    ck_assert_int_eq(health_of("my.ns", binding), WELL);
    ck_assert_int_eq(health(), NOT_WELL);
    provider_stop(&provider);
}
END_TEST

/* Whoever ends the process since NATS is away loses the only copy. */
START_TEST(nats_being_away_is_no_illness)
{
    provider_serve(&provider, server.url, "--binding", binding, NULL);
    nats_server_kill(&server);
    (void)process_await_line(&provider, "trying again");
    ck_assert_int_eq(health(), WELL);
    nats_server_start_on(&server, server.port, NULL);
    provider_stop(&provider);
}
END_TEST

START_TEST(a_server_that_hangs_is_no_illness)
{
    provider_serve(&provider, server.url, "--binding", binding, NULL);
    nats_server_freeze(&server);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(health(), WELL);
}
END_TEST

START_TEST(one_that_has_never_reached_a_server_is_well)
{
    char url[URL_BYTES];
    url_of(free_port(), url);
    provider_start(&provider, url, "--binding", binding, NULL);
    (void)process_await_line(&provider, "trying again");
    ck_assert_int_eq(health(), WELL);
    provider_stop(&provider);
}
END_TEST

START_TEST(a_process_that_is_stopped_is_not_well_until_it_goes_on)
{
    int status;
    provider_serve(&provider, server.url, "--binding", binding, NULL);
    process_signal(&provider, SIGSTOP);
    ck_assert_int_eq(waitpid(provider.pid, &status, WUNTRACED), provider.pid);
    for (int i = 0; i < 2; i++) {
        long long begin_ms = now_ms();
        ck_assert_int_eq(health(), NOT_WELL);
        ck_assert_int_lt(now_ms() - begin_ms, SOON_MS);
        says("does not answer within 2000 ms");
    }
    process_signal(&provider, SIGCONT);
    ck_assert_int_eq(health(), WELL);
    provider_stop(&provider);
}
END_TEST

START_TEST(of_two_that_share_the_binding_both_must_be_well)
{
    int status;
    provider_serve(&provider, server.url, "--binding", binding, "--allow-split", NULL);
    provider_serve(&other, server.url, "--binding", binding, "--allow-split", NULL);
    ck_assert_int_eq(health(), WELL);
    process_signal(&other, SIGSTOP);
    ck_assert_int_eq(waitpid(other.pid, &status, WUNTRACED), other.pid);
    ck_assert_int_eq(health(), NOT_WELL);
    process_signal(&other, SIGCONT);
    provider_stop(&other);
    ck_assert_int_eq(health(), WELL);
    provider_stop(&provider);
}
END_TEST

/* ---- one thread that hangs ---- */

static bool thread_is(const char *task, const char *name)
{
    char path[320], comm[32] = "";
    (void)snprintf(path, sizeof path, "/proc/%d/task/%s/comm", (int)provider.pid, task);
    FILE *file = fopen(path, "re");
    bool read = file != NULL && fgets(comm, sizeof comm, file) != NULL;
    if (file != NULL)
        (void)fclose(file);
    comm[strcspn(comm, "\n")] = '\0';
    return read && strcmp(comm, name) == 0;
}

static pid_t find_thread(const char *name)
{
    char path[64];
    pid_t found = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)provider.pid);
    DIR *tasks = opendir(path);
    ck_assert_ptr_nonnull(tasks);
    for (const struct dirent *task = readdir(tasks); task != NULL && found == 0; task = readdir(tasks))
        if (thread_is(task->d_name, name))
            found = atoi(task->d_name);
    (void)closedir(tasks);
    ck_assert_int_gt(found, 0);
    return found;
}

/* Stops a thread that is traced. Where that meets it as it speaks with its server, which is no illness, it is
 * tried again. */
static void hang(pid_t thread)
{
    long long until_ms = now_ms() + WAIT_MS;
    for (int found = WELL, status; found == WELL;) {
        ck_assert_int_lt(now_ms(), until_ms);
        ck_assert_int_eq(ptrace(PTRACE_INTERRUPT, thread, NULL, NULL), 0);
        ck_assert_int_eq(waitpid(thread, &status, __WALL), thread);
        found = health();
        if (found == WELL)
            ck_assert_int_eq(ptrace(PTRACE_CONT, thread, NULL, NULL), 0);
        else
            ck_assert_int_eq(found, NOT_WELL);
    }
}

START_TEST(a_thread_that_hangs_is_named)
{
    static const char *const names[] = {"worker 1", "system", "discovery"};
    provider_start(&provider, server.url, "--binding", binding, "--metrics-listen", "127.0.0.1:0", NULL);
    const char *line = process_await_line(&provider, "metrics: listening on 127.0.0.1:");
    int port = atoi(strstr(line, "127.0.0.1:") + strlen("127.0.0.1:"));
    char id[INSTANCE_ID_BYTES];
    provider_await_ready(&provider, id);
    ck_assert_int_eq(http_status(port, "/livez"), 200);
    pid_t thread = find_thread(names[_i]);
    ck_assert_int_eq(ptrace(PTRACE_SEIZE, thread, NULL, NULL), 0);
    hang(thread);
    says(names[_i]);
    struct http_reply reply = http_get(port, "/livez");
    ck_assert_int_eq(reply.status, 503);
    ck_assert_ptr_nonnull(strstr(reply.body, names[_i]));
    http_free(&reply);
    ck_assert_int_eq(ptrace(PTRACE_DETACH, thread, NULL, NULL), 0);
    ck_assert_int_eq(health(), WELL);
    http_await_status(port, "/livez", 200);
    provider_stop(&provider);
}
END_TEST

Suite *health_self_suite(void)
{
    Suite *suite = suite_create("integration/health_self");
    TCase *tests = tcase_create("health_self");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_test(tests, the_process_that_serves_is_well_and_no_other_is_asked);
    tcase_add_test(tests, what_is_said_of_nats_does_not_matter);
    tcase_add_test(tests, the_namespace_is_part_of_the_name);
    tcase_add_test(tests, nats_being_away_is_no_illness);
    tcase_add_test(tests, a_server_that_hangs_is_no_illness);
    tcase_add_test(tests, one_that_has_never_reached_a_server_is_well);
    tcase_add_test(tests, a_process_that_is_stopped_is_not_well_until_it_goes_on);
    tcase_add_test(tests, of_two_that_share_the_binding_both_must_be_well);
    /* The provider lets nobody of its user trace it. */
    if (geteuid() == 0)
        tcase_add_loop_test(tests, a_thread_that_hangs_is_named, 0, 3);
    else
        (void)printf("skip integration/health_self threads: only root can stop one\n");
    suite_add_tcase(suite, tests);
    return suite;
}
