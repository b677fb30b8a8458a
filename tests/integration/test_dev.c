/* Contract section 9: `serve --dev [DIR]`. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"

static struct nats_server server;
static struct process command, shell;
static char folder[64];
static char text[2][8192];

static void start_server(void)
{
    nats_server_start(&server, NULL);
}

static void stop_server(void)
{
    nats_server_kill(&server);
}

static void make_folder(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/wkv-dev-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

/* Runs a line in a shell that knows nothing of this one, in the root directory. */
static int run_shell(const char *line)
{
    static const char *const clean[] = {"PATH=/bin:/usr/bin", "HOME=/nonexistent",
                                        "XDG_CONFIG_HOME=/nonexistent", NULL};
    char script[4096];
    (void)snprintf(script, sizeof script, "cd / && %s", line);
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    process_destroy(&shell);
    return process_run(&shell, argv, program_environment(clean), NULL);
}

static void remove_folder(void)
{
    char line[96];
    process_destroy(&command);
    (void)snprintf(line, sizeof line, "rm -rf %s", folder);
    ck_assert_int_eq(run_shell(line), 0);
    process_destroy(&shell);
}

static char *path_of(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static unsigned mode_of(const char *path)
{
    struct stat about;
    ck_assert_msg(lstat(path, &about) == 0, "there is no %s", path);
    return about.st_mode & 07777;
}

static void write_file(const char *path, const char *content, mode_t mode)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(content, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(path, mode), 0);
}

static const char *read_file(const char *path, int which)
{
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "there is no %s", path);
    size_t len = fread(text[which], 1, sizeof text[0] - 1, file);
    text[which][len] = '\0';
    (void)fclose(file);
    return text[which];
}

/* Starts `serve --dev` with more options, and waits until it is ready. */
static void serve(const char *const environment[], const char *directory, const char *option,
                  const char *value)
{
    const char *argv[10] = {provider_program(), "serve",   "--server", server.url,
                            "--workers=1",      directory, option,     value};
    process_destroy(&command);
    process_start(&command, argv, program_environment(environment), NULL);
    (void)process_await_line(&command, "ready: ");
    process_read(&command);
}

static void stop(void)
{
    process_signal(&command, SIGTERM);
    int status = process_await_exit(&command);
    ck_assert_msg(status == 0, "exit %d: %s", status, command.err.bytes);
}

/* Puts the line of that number among those to paste, which are indented, into `line`. */
static bool find_line(int number, char line[2048])
{
    for (const char *at = command.out.bytes; *at != '\0';) {
        size_t len = strcspn(at, "\n");
        if (strncmp(at, "  ", 2) == 0 && number-- == 0) {
            (void)snprintf(line, 2048, "%.*s", (int)len, at);
            return true;
        }
        at += len + (at[len] == '\n');
    }
    return false;
}

/* Pastes all five. */
static void paste(void)
{
    static const char *const answers[] = {"{\"value\":\"hello\"}\n",
                                          "{\"value\":\"hello\",\"exists\":true}\n", "{\"value\":1}\n",
                                          "{\"new_count\":1}\n", "\"cursor\":\"\"}\n"};
    char line[2048];
    for (int i = 0; i < 5; i++) {
        ck_assert_msg(find_line(i, line), "there is no line %d in:\n%s", i, command.out.bytes);
        int status = run_shell(line);
        ck_assert_msg(status == 0, "%s\nexit %d: %s", line, status, shell.err.bytes);
        ck_assert_msg(strstr(shell.out.bytes, answers[i]) != NULL, "%s\nanswers %s", line, shell.out.bytes);
    }
    ck_assert_msg(strstr(shell.out.bytes, "\"greeting\"") != NULL, "%s", shell.out.bytes);
    ck_assert_msg(!find_line(5, line), "there is a sixth line: %s", line);
}

/* ---- what is made ---- */

static const char *const names[] = {"account.json", "host.json", "actor.json", "actor.jwt"};

START_TEST(five_lines_call_it_from_another_shell)
{
    char option[128], file[160];
    (void)snprintf(option, sizeof option, "--dev=%s", path_of("new/dev"));
    serve(NULL, option, NULL, NULL);
    ck_assert_uint_eq(mode_of(path_of("new")), 0700);
    ck_assert_uint_eq(mode_of(path_of("new/dev")), 0700);
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(file, sizeof file, "%s/%s", path_of("new/dev"), names[i]);
        ck_assert_uint_eq(mode_of(file), 0600);
        (void)snprintf(text[0], sizeof text[0], "%s", read_file(file, 1));
        char *seed = strstr(text[0], "\"seed\":\"");
        ck_assert_int_eq(seed != NULL, i < 3);
        if (seed == NULL)
            continue;
        seed[8 + 58] = '\0';
        ck_assert_ptr_null(strstr(command.out.bytes, seed + 8));
        ck_assert_ptr_null(strstr(command.err.bytes, seed + 8));
    }
    ck_assert_ptr_nonnull(strstr(command.out.bytes, "NOT FOR PRODUCTION"));
    ck_assert_ptr_nonnull(strstr(command.err.bytes, "NOT FOR PRODUCTION"));
    ck_assert_ptr_null(strstr(command.out.bytes, "No NATS server"));
    paste();
    /* Others are kept out as ever. */
    (void)snprintf(text[0], sizeof text[0], "%s call --server %s Get '{\"key\":\"greeting\"}'",
                   provider_program(), server.url);
    ck_assert_int_eq(run_shell(text[0]), 1);
    ck_assert_ptr_nonnull(strstr(shell.err.bytes, "401"));
    stop();
}
END_TEST

START_TEST(what_is_there_is_used_again)
{
    char before[4][512];
    for (int life = 0; life < 2; life++) {
        serve(NULL, "--dev", folder, NULL);
        for (size_t i = 0; i < 4; i++) {
            if (life == 0)
                (void)snprintf(before[i], sizeof before[i], "%.511s", read_file(path_of(names[i]), 0));
            else
                ck_assert_str_eq(before[i], read_file(path_of(names[i]), 0));
        }
        paste();
        stop();
    }
    /* What others may read is closed, and claims of an account that is gone are made anew. */
    ck_assert_int_eq(chmod(folder, 0755), 0);
    ck_assert_int_eq(chmod(path_of("host.json"), 0644), 0);
    serve(NULL, "--dev", folder, NULL);
    ck_assert_uint_eq(mode_of(folder), 0700);
    ck_assert_uint_eq(mode_of(path_of("host.json")), 0600);
    stop();
    ck_assert_int_eq(unlink(path_of("account.json")), 0);
    serve(NULL, "--dev", folder, NULL);
    ck_assert_str_ne(before[0], read_file(path_of("account.json"), 0));
    ck_assert_str_ne(before[3], read_file(path_of("actor.jwt"), 0));
    ck_assert_str_eq(before[2], read_file(path_of("actor.json"), 0));
    paste();
    stop();
}
END_TEST

START_TEST(its_directory_is_among_the_users_own_unless_given)
{
    char state[128], home[128];
    const char *const by_state[] = {state, "HOME=/nonexistent", NULL}, *const by_home[] = {
                                                                           "XDG_STATE_HOME=", home, NULL};
    static const char *const nowhere[] = {"XDG_STATE_HOME=", "HOME=", NULL};
    (void)snprintf(state, sizeof state, "XDG_STATE_HOME=%s", path_of("state"));
    (void)snprintf(home, sizeof home, "HOME=%s", folder);
    serve(by_state, "--dev", "--binding", "b");
    stop();
    ck_assert_uint_eq(mode_of(path_of("state/wascc-keyvalue/dev/actor.jwt")), 0600);
    serve(by_home, "--dev", NULL, NULL);
    stop();
    ck_assert_uint_eq(mode_of(path_of(".local/state/wascc-keyvalue/dev/actor.jwt")), 0600);
    process_destroy(&command);
    ck_assert_int_eq(program_run(&command, nowhere, NULL, "serve", "--dev", NULL), 64);
    ck_assert_ptr_nonnull(strstr(command.err.bytes, "give --dev DIR"));
}
END_TEST

/* They hold where serve was given more, too, and whatever a shell makes of the names. */
START_TEST(the_lines_say_all_that_another_shell_must_know)
{
    char directory[128];
    static const char *const environment[] = {"LATTICE_NAMESPACE=ns.a", "WASCC_KEYVALUE_AUTH=invocation",
                                              NULL};
    (void)snprintf(directory, sizeof directory, "%s", path_of("it's $HOME"));
    serve(environment, "--dev", directory, "--binding=other");
    ck_assert_ptr_nonnull(strstr(command.out.bytes, " --lattice-namespace ns.a --binding other "));
    paste();
    stop();
}
END_TEST

START_TEST(a_secret_is_not_in_the_lines)
{
    struct nats_server guarded;
    char url[URL_BYTES + 64], line[2048];
    nats_server_start(&guarded, "authorization { user: u, password: hunter2SECRET }\n");
    static const char *const environment[] = {"NATS_PASSWORD=hunter2SECRET", NULL};
    const char *const argv[] = {provider_program(), "serve", "--server", guarded.url,
                                "--user=u",         "--dev", folder,     NULL};
    process_start(&command, argv, program_environment(environment), NULL);
    (void)process_await_line(&command, "ready: ");
    process_read(&command);
    ck_assert_ptr_nonnull(strstr(command.out.bytes, "export NATS_PASSWORD first"));
    ck_assert(find_line(0, line));
    (void)snprintf(text[0], sizeof text[0], "export NATS_PASSWORD=hunter2SECRET; %s", line);
    ck_assert_msg(run_shell(text[0]) == 0, "%s", shell.err.bytes);
    stop();
    ck_assert_ptr_null(strstr(command.out.bytes, "SECRET"));
    process_destroy(&command);
    (void)snprintf(url, sizeof url, "nats://u:hunter2SECRET@127.0.0.1:%d", guarded.port);
    const char *const named[] = {provider_program(), "serve", "--server", url, "--dev", folder, NULL};
    process_start(&command, named, program_environment(NULL), NULL);
    (void)process_await_line(&command, "ready: ");
    process_read(&command);
    ck_assert_ptr_nonnull(strstr(command.out.bytes, "put it back in"));
    stop();
    ck_assert_ptr_null(strstr(command.out.bytes, "SECRET"));
    nats_server_kill(&guarded);
}
END_TEST

START_TEST(it_says_what_to_start_and_waits_for_it)
{
    char url[URL_BYTES], says[URL_BYTES + 64];
    struct nats_server late;
    int port = free_port();
    url_of(port, url);
    const char *const argv[] = {provider_program(), "serve", "--server", url, "--dev", folder, NULL};
    process_start(&command, argv, program_environment(NULL), NULL);
    (void)process_await_line(&command, "NOT FOR PRODUCTION");
    process_read(&command);
    (void)snprintf(says, sizeof says, "No NATS server answers at %s yet", url);
    ck_assert_msg(strstr(command.out.bytes, says) != NULL, "%s", command.out.bytes);
    (void)snprintf(says, sizeof says, "\n  nats-server --addr 127.0.0.1 --port %d\n", port);
    ck_assert_msg(strstr(command.out.bytes, says) != NULL, "%s", command.out.bytes);
    nats_server_start_on(&late, port, NULL);
    (void)process_await_line(&command, "ready: ");
    stop();
    nats_server_kill(&late);
}
END_TEST

/* ---- what is refused ---- */

static void refused(const char *directory, const char *option, const char *says)
{
    process_destroy(&command);
    int status = program_run(&command, NULL, NULL, "serve", "--dev", directory, option, NULL);
    ck_assert_msg(status == 64, "exit %d: %s%s", status, command.out.bytes, command.err.bytes);
    ck_assert_msg(strstr(command.err.bytes, says) != NULL, "\"%s\" is not in: %s", says, command.err.bytes);
    ck_assert_str_eq(command.out.bytes, "");
}

START_TEST(a_directory_of_something_else_stays_as_it_is)
{
    write_file(path_of("letter"), "dear", 0644);
    ck_assert_int_eq(chmod(folder, 0755), 0);
    refused(folder, NULL,
            "there is something else in it, and others may read it; give a directory that is empty");
    ck_assert_uint_eq(mode_of(folder), 0755);
    ck_assert_int_eq(access(path_of("account.json"), F_OK), -1);
    refused(path_of("letter"), NULL, "--dev: ");
    refused(path_of("letter/dev"), NULL, "Not a directory");
    refused("/proc/dev", NULL, "--dev: /proc/dev: ");
    refused(path_of("a\nb"), NULL, "has a control character");
    ck_assert_int_eq(mkdir(path_of("empty"), 0755), 0);
    refused(path_of("empty"), "--auth=binding", "--dev binds no actor: leave out --auth binding");
    refused(path_of("empty"), "--require-binding", "--dev binds no actor: leave out --require-binding");
    ck_assert_uint_eq(mode_of(path_of("empty")), 0755);
}
END_TEST

START_TEST(files_that_are_something_else_are_named)
{
    write_file(path_of("account.json"), "{}", 0600);
    refused(folder, NULL, "/account.json: ");
    write_file(path_of("elsewhere"), "{}", 0600);
    ck_assert_int_eq(unlink(path_of("account.json")), 0);
    ck_assert_int_eq(symlink(path_of("elsewhere"), path_of("account.json")), 0);
    refused(folder, NULL, "/account.json: it is no regular file of this user; take it away");
    ck_assert_int_eq(unlink(path_of("account.json")), 0);
    ck_assert_int_eq(rename(path_of("host.json"), path_of("account.json")), 0);
    refused(folder, NULL, "/account.json: it is a key of another kind; take it away for a new one");
}
END_TEST

START_TEST(what_is_in_force_is_printed_and_nothing_made)
{
    char directory[128];
    (void)snprintf(directory, sizeof directory, "%s", path_of("none"));
    ck_assert_int_eq(program_run(&command, NULL, NULL, "serve", "--dev", directory, "--print-config", NULL),
                     0);
    ck_assert_ptr_nonnull(
        strstr(command.out.bytes, "# --dev trusts an account and a host of its own as well"));
    ck_assert_int_eq(access(directory, F_OK), -1);
}
END_TEST

Suite *dev_suite(void)
{
    Suite *suite = suite_create("integration/dev");
    TCase *tests = tcase_create("for a desk");
    tcase_add_unchecked_fixture(tests, start_server, stop_server);
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_add_test(tests, five_lines_call_it_from_another_shell);
    tcase_add_test(tests, what_is_there_is_used_again);
    tcase_add_test(tests, its_directory_is_among_the_users_own_unless_given);
    tcase_add_test(tests, the_lines_say_all_that_another_shell_must_know);
    tcase_add_test(tests, a_secret_is_not_in_the_lines);
    tcase_add_test(tests, it_says_what_to_start_and_waits_for_it);
    tcase_add_test(tests, a_directory_of_something_else_stays_as_it_is);
    tcase_add_test(tests, files_that_are_something_else_are_named);
    tcase_add_test(tests, what_is_in_force_is_printed_and_nothing_made);
    suite_add_tcase(suite, tests);
    return suite;
}
