/* Contract section 9: `serve --config FILE` and `serve --print-config`. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

#define SECRET "hunter2SECRET"

static struct process command;
static char folder[64], path[96];

static void make_folder(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/wkv-config-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/options.conf", folder);
}

static void remove_folder(void)
{
    process_destroy(&command);
    (void)unlink(path);
    (void)rmdir(folder);
}

static void write_file(const char *text, size_t len)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text, 1, len, file), len);
    ck_assert_int_eq(fclose(file), 0);
}

/* Prints what is in force with these lines in the file; what was said is in `command`. */
static int print_with(const char *lines, const char *const environment[], const char *option)
{
    write_file(lines, strlen(lines));
    process_destroy(&command);
    return program_run(&command, environment, NULL, "serve", "--print-config", "--config", path, option,
                       NULL);
}

/* The line of the output that begins so is wholly this one. @ stands for the file's path. */
static void expect_line(const char *expected)
{
    char line[512];
    const char *mark = strchr(expected, '@');
    (void)snprintf(line, sizeof line, "\n%.*s%s%s\n",
                   mark == NULL ? (int)strlen(expected) : (int)(mark - expected), expected,
                   mark == NULL ? "" : path, mark == NULL ? "" : mark + 1);
    ck_assert_msg(strstr(command.out.bytes, line) != NULL, "there is no line%sin:\n%s%s", line,
                  command.out.bytes, command.err.bytes);
}

/* ---- lines ---- */

static const struct {
    const char *line, *printed;
} forms[] = {
    {"max-memory = 512mb", "max-memory = 512mb  # from @:2"},
    {"max-memory=512mb", "max-memory = 512mb  # from @:2"},
    {"max-memory 512mb", "max-memory = 512mb  # from @:2"},
    {"max-memory\t=\t512mb\t", "max-memory = 512mb  # from @:2"},
    {"max-memory: 512mb", "max-memory = 512mb  # from @:2"},
    {"--max-memory 512mb", "max-memory = 512mb  # from @:2"},
    {"  max-memory = 512mb\r", "max-memory = 512mb  # from @:2"},
    {"max-memory = 512mb # half of it", "max-memory = 512mb  # from @:2"},
    {"max-memory = \"512mb\"", "max-memory = 512mb  # from @:2"},
    {"max-memory = '512mb' # half of it", "max-memory = 512mb  # from @:2"},
    {"require-binding", "require-binding = true  # from @:2"},
    {"require-binding # all", "require-binding = true  # from @:2"},
    {"require-binding = no", "require-binding = false  # from @:2"},
    {"metrics-listen :9464", "metrics-listen = :9464  # from @:2"},
    {"metrics-listen = [::1]:9464", "metrics-listen = [::1]:9464  # from @:2"},
    {"user = a#b", "user = \"a#b\"  # from @:2"},
    {"user = a b", "user = \"a b\"  # from @:2"},
    {"user = 'a # b'", "user = \"a # b\"  # from @:2"},
    {"user = '\\\"'", "user = \\\"  # from @:2"},
    {"user = \"\\x41\\\"\\\\\\t\\n\"", "user = \"A\\\"\\\\\\x09\\x0a\"  # from @:2"},
    {"user = \"\"", "user = \"\"  # from @:2"},
    {"user = \xc3\xa9", "user = \"\\xc3\\xa9\"  # from @:2"},
    {"workers = 3", "workers = 3  # from @:2"},
    {"shards=8\nbinding=b", "binding = b  # from @:3"},
    {"trusted-host = any\n\n# more\ntrusted-host N", "trusted-host = N  # from @:5"},
};

#define FORMS ((int)(sizeof forms / sizeof forms[0]))

START_TEST(a_line_is_a_name_and_a_value)
{
    char lines[256];
    (void)snprintf(lines, sizeof lines, "\xef\xbb\xbf# a comment, and the line's end is missing below\n%s",
                   forms[_i].line);
    int status = print_with(lines, NULL, NULL);
    ck_assert_msg(status == 0, "exit %d: %s", status, command.err.bytes);
    expect_line(forms[_i].printed);
}
END_TEST

static const struct {
    const char *line, *says; /* behind the path, the colon and the number */
} wrong[] = {
    {"max-mem = 1gb", ": there is no option max-mem, did you mean max-memory;"},
    {"max_memory = 1gb", ": there is no option max_memory, did you mean max-memory;"},
    {"WASCC_KEYVALUE_MAX_MEMORY=1gb",
     ": there is no option WASCC_KEYVALUE_MAX_MEMORY, did you mean max-memory;"},
    {"AUTH = none", ": there is no option AUTH, did you mean auth;"},
    {"nonsense-at-all = 1", ": there is no option nonsense-at-all; see"},
    {"timeout = 1s", ": there is no option timeout; see"},
    {"print-config", ": there is no option print-config"},
    {"help", ": there is no option help; see"},
    {"config = /x", ": config cannot name another file: give --config"},
    {"= 1", " does not begin with the name of an option: name = value"},
    {"!" SECRET, " does not begin with the name of an option: name = value"},
    {"auth", ": auth needs a value: auth = claims|invocation|binding|none"},
    {"auth =", " has no value: give one, or leave the line out"},
    {"require-binding = # all", " has no value: give one"},
    {"auth = nobody", ": auth takes claims, invocation, binding or none"},
    {"workers = 0", ": workers takes a whole number from 1 to 256"},
    {"require-binding = maybe", ": require-binding takes true or false"},
    {"password = \"" SECRET, " has a value whose quotes are not closed"},
    {"password = 'a' " SECRET, " has something behind the quotes of its value"},
    {"password = 'a'" SECRET, " has something behind the quotes of its value"},
    {"password = \"\\q" SECRET "\"", " has a \\ in its quotes with nothing behind it that is known"},
    {"password = \"\\x00\"", " has a \\ in its quotes"},
    {"password = \"\\x4\"", " has a \\ in its quotes"},
    {"server = nats://u:" SECRET "@h:0", ": server is no"},
    {"binding = a\nbinding = b", ""},
    {"replicas = 3", ": replicas needs --engine jetstream"},
};

#define WRONG ((int)(sizeof wrong / sizeof wrong[0]))

START_TEST(a_wrong_line_is_named_with_its_number)
{
    char lines[256], says[384];
    bool twice = *wrong[_i].says == '\0';
    (void)snprintf(lines, sizeof lines, "\n# two\n%s", wrong[_i].line);
    int status = print_with(lines, NULL, NULL);
    ck_assert_msg(status == 64, "exit %d: %s", status, command.err.bytes);
    (void)snprintf(says, sizeof says, "wascc-keyvalue: %s:%s%s", path, twice ? "4" : "3",
                   twice ? ": binding is given a second time" : wrong[_i].says);
    ck_assert_msg(strncmp(command.err.bytes, says, strlen(says)) == 0, "\"%s\" does not begin: %s", says,
                  command.err.bytes);
    ck_assert_ptr_eq(strchr(command.err.bytes, '\n'), command.err.bytes + command.err.len - 1);
    ck_assert_ptr_null(strstr(command.err.bytes, SECRET));
    ck_assert_str_eq(command.out.bytes, "");
}
END_TEST

START_TEST(what_is_no_file_of_options_is_refused)
{
    char says[160];
    write_file("auth = none\nuser = a\0b\n", 23);
    ck_assert_int_eq(program_run(&command, NULL, NULL, "serve", "--config", path, NULL), 64);
    (void)snprintf(says, sizeof says, "%s:2 has a NUL in it", path);
    ck_assert_ptr_nonnull(strstr(command.err.bytes, says));
    process_destroy(&command);
    ck_assert_int_eq(program_run(&command, NULL, NULL, "serve", "--config", folder, NULL), 64);
    ck_assert_ptr_nonnull(strstr(command.err.bytes, "--config: cannot read that file: Is a directory"));
    process_destroy(&command);
    static const char *const environment[] = {"WASCC_KEYVALUE_CONFIG=/nonexistent", NULL};
    ck_assert_int_eq(program_run(&command, environment, NULL, "serve", NULL), 64);
    ck_assert_ptr_nonnull(strstr(command.err.bytes, "WASCC_KEYVALUE_CONFIG: cannot read that file: No such"));
    process_destroy(&command);
    ck_assert_int_eq(program_run(&command, NULL, NULL, "call", "--config", path, "Get", "{}", NULL), 64);
    ck_assert_ptr_nonnull(strstr(command.err.bytes, "no option --config here"));
}
END_TEST

/* ---- precedence ---- */

/* "Command line > environment > file > default". */
START_TEST(the_command_line_wins_over_the_environment_and_that_over_the_file)
{
    static const char lines[] =
        "shards = 2\nworkers = 2\nbinding = file\ntrusted-host = F1\ntrusted-host = F2\n"
        "password = " SECRET "\nallow-split = true\n";
    static const char *const environment[] = {
        "WASCC_KEYVALUE_WORKERS=3",     "WASCC_KEYVALUE_BINDING=env",     "WASCC_KEYVALUE_TRUSTED_HOST=E",
        "NATS_PASSWORD_FILE=/env/file", "WASCC_KEYVALUE_ALLOW_SPLIT=off", NULL};
    ck_assert_msg(print_with(lines, environment, "--binding=line") == 0, "%s", command.err.bytes);
    expect_line("max-memory = 0  # default");
    expect_line("shards = 2  # from @:1");
    expect_line("workers = 3  # from WASCC_KEYVALUE_WORKERS");
    expect_line("binding = line  # from --binding");
    expect_line("trusted-host = E  # from WASCC_KEYVALUE_TRUSTED_HOST");
    expect_line("allow-split = false  # from WASCC_KEYVALUE_ALLOW_SPLIT");
    expect_line("# password is not set");
    expect_line("password-file = /env/file  # from NATS_PASSWORD_FILE");
    ck_assert_ptr_null(strstr(command.out.bytes, "F1"));
    ck_assert_ptr_null(strstr(command.out.bytes, "F2"));
    ck_assert_msg(print_with(lines, NULL, "--trusted-host=L") == 0, "%s", command.err.bytes);
    expect_line("trusted-host = L  # from --trusted-host");
    ck_assert_ptr_null(strstr(command.out.bytes, "F1"));
    ck_assert_msg(print_with(lines, NULL, NULL) == 0, "%s", command.err.bytes);
    expect_line("trusted-host = F1  # from @:4");
    expect_line("trusted-host = F2  # from @:5");
    expect_line("# password is set by @:6 and not shown");
    /* The file itself may come from the environment. */
    char variable[128];
    const char *const named[] = {variable, NULL};
    (void)snprintf(variable, sizeof variable, "WASCC_KEYVALUE_CONFIG=%s", path);
    process_destroy(&command);
    ck_assert_int_eq(program_run(&command, named, NULL, "serve", "--print-config", NULL), 0);
    expect_line("binding = file  # from @:3");
    expect_line("# config = @  # from WASCC_KEYVALUE_CONFIG");
}
END_TEST

/* A line that does not count is wrong all the same. */
START_TEST(a_wrong_line_is_refused_also_where_another_value_counts)
{
    ck_assert_int_eq(print_with("workers = many\n", NULL, "--workers=2"), 64);
    ck_assert_ptr_nonnull(strstr(command.err.bytes, "options.conf:1: workers takes"));
}
END_TEST

/* ---- what is printed ---- */

static const struct {
    const char *file, *option, *variable, *printed;
} secrets[] = {
    {"server = nats://u:" SECRET "@127.0.0.1,nats://[::1]:4223\n", NULL, NULL,
     "server = nats://127.0.0.1:4222,nats://[::1]:4223  # from @:1; its user, password or token is not "
     "shown"},
    {"server = tls://" SECRET "@127.0.0.1\n", NULL, NULL,
     "server = tls://127.0.0.1:4222  # from @:1; its user, password or token is not shown"},
    {"user = u\npassword = " SECRET "\n", NULL, NULL, "# password is set by @:2 and not shown"},
    {"user = u\n", "--password=" SECRET, NULL, "# password is set by --password and not shown"},
    {"user = u\n", NULL, "NATS_PASSWORD=" SECRET, "# password is set by NATS_PASSWORD and not shown"},
    {"user = u\n", NULL, "NATS_URL=" SECRET "@127.0.0.1",
     "server = nats://127.0.0.1:4222  # from NATS_URL; its user, password or token is not shown"},
};

START_TEST(no_secret_is_printed_wherever_it_comes_from)
{
    const char *const environment[] = {secrets[_i].variable, NULL};
    ck_assert_msg(print_with(secrets[_i].file, environment, secrets[_i].option) == 0, "%s",
                  command.err.bytes);
    ck_assert_ptr_null(strstr(command.out.bytes, SECRET));
    expect_line(secrets[_i].printed);
}
END_TEST

/* "Each secret's variable also with _FILE", and both are one too many. */
static const struct {
    const char *variable, *content, *printed;
} by_file[] = {
    {"WASCC_KEYVALUE_SERVER", "nats://u:" SECRET "@127.0.0.1\n",
     "server = nats://127.0.0.1:4222  # from WASCC_KEYVALUE_SERVER_FILE; its user, password or token is not "
     "shown"},
    {"NATS_URL", "nats://" SECRET "@127.0.0.1:4333\r\n",
     "server = nats://127.0.0.1:4333  # from NATS_URL_FILE; its user, password or token is not shown"},
    {"LATTICE_HOST", "127.0.0.1:4444", "server = nats://127.0.0.1:4444  # from LATTICE_HOST_FILE"},
    {"WASCC_KEYVALUE_PASSWORD", SECRET, "password-file = @  # from WASCC_KEYVALUE_PASSWORD_FILE"},
    {"NATS_PASSWORD", SECRET, "password-file = @  # from NATS_PASSWORD_FILE"},
};

START_TEST(a_secrets_variable_may_name_a_file)
{
    char file[160], value[160], says[160];
    const char *const environment[] = {"NATS_USER=u", file, NULL}, *const both[] = {file, value, NULL};
    (void)snprintf(file, sizeof file, "%s_FILE=%s", by_file[_i].variable, path);
    (void)snprintf(value, sizeof value, "%s=" SECRET, by_file[_i].variable);
    (void)snprintf(says, sizeof says, "%s and %s_FILE are both set: set one", by_file[_i].variable,
                   by_file[_i].variable);
    write_file(by_file[_i].content, strlen(by_file[_i].content));
    ck_assert_msg(program_run(&command, environment, NULL, "serve", "--print-config", NULL) == 0, "%s",
                  command.err.bytes);
    expect_line(by_file[_i].printed);
    ck_assert_ptr_null(strstr(command.out.bytes, SECRET));
    process_destroy(&command);
    ck_assert_int_eq(program_run(&command, both, NULL, "serve", "--print-config", NULL), 64);
    ck_assert_msg(strstr(command.err.bytes, says) != NULL, "%s", command.err.bytes);
    ck_assert_ptr_null(strstr(command.err.bytes, SECRET));
}
END_TEST

/* Without the comment behind each line. */
static void cut_comments(char *text)
{
    char *out = text;
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        char *comment = strstr(line, "  # ");
        size_t len = (size_t)((comment != NULL && comment < end ? comment : end) - line);
        if (*line == '#')
            continue;
        memmove(out, line, len);
        out += len;
        *out++ = '\n';
    }
    *out = '\0';
}

START_TEST(what_is_printed_reads_as_itself)
{
    static const char *const files[] = {"auth = none\nworkers = 3\nuser = \"# \\x01 \\\"q\\\\ = \"\nshards = "
                                        "8\ntrusted-host = a, b\ntrusted-host = c\n",
                                        "engine = jetstream\nreplicas = 3\nreads = local\nrequire-binding\n"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char first[8192];
        ck_assert_int_eq(print_with(files[i], NULL, NULL), 0);
        (void)snprintf(first, sizeof first, "%s", command.out.bytes);
        int status = print_with(first, NULL, NULL);
        ck_assert_msg(status == 0, "%s", command.err.bytes);
        cut_comments(first);
        cut_comments(command.out.bytes);
        ck_assert_str_eq(first, command.out.bytes);
    }
}
END_TEST

/* What is in force is all that there is, and it is told without a server. */
START_TEST(each_option_of_serve_is_printed)
{
    struct process help;
    ck_assert_int_eq(program_run(&help, NULL, NULL, "serve", "--help", NULL), 0);
    ck_assert_int_eq(program_run(&command, NULL, NULL, "serve", "--print-config", "--server",
                                 "nats://127.0.0.1:1", "--config", "/dev/null", NULL),
                     0);
    ck_assert_str_eq(command.err.bytes, "");
    size_t options = 0;
    for (const char *at = help.out.bytes; (at = strstr(at, "\n  --")) != NULL; at++) {
        char name[64], value[72], comment[72];
        ck_assert_int_eq(sscanf(at, " --%63[a-z-]", name), 1);
        if (strcmp(name, "help") == 0 || strcmp(name, "print-config") == 0 || strcmp(name, "dev") == 0)
            continue;
        (void)snprintf(value, sizeof value, "\n%s = ", name);
        (void)snprintf(comment, sizeof comment, "\n# %s", name);
        ck_assert_msg(strstr(command.out.bytes, value) != NULL || strstr(command.out.bytes, comment) != NULL,
                      "%s is not in:\n%s", name, command.out.bytes);
        options++;
    }
    ck_assert_uint_gt(options, 30);
    process_destroy(&help);
}
END_TEST

START_TEST(what_serve_would_refuse_is_refused)
{
    ck_assert_int_eq(print_with("engine = jetstream\nevict = any\n", NULL, NULL), 64);
    ck_assert_ptr_nonnull(strstr(command.err.bytes, "--evict must be none"));
    ck_assert_str_eq(command.out.bytes, "");
}
END_TEST

/* ---- serving ---- */

START_TEST(serve_takes_all_its_options_from_a_file)
{
    char lines[512];
    struct nats_server server;
    nats_server_start(&server, "authorization { user: u, password: \"" SECRET " #1\" }\n");
    (void)snprintf(lines, sizeof lines,
                   "server = %s\nuser = u\npassword = '" SECRET
                   " #1'\nauth = none\nbinding = filed\nworkers = 3\n"
                   "lattice-namespace = ns\nlog-format = json\n",
                   server.url);
    write_file(lines, strlen(lines));
    const char *const argv[] = {provider_program(), "serve", "--config", path, NULL};
    process_start(&command, argv, program_environment(NULL), NULL);
    const char *line = process_await_line(&command, "ready: ");
    ck_assert_int_eq(line[0], '{');
    ck_assert_ptr_nonnull(strstr(line, "ns.wasmbus.provider.wascc.keyvalue.filed."));
    ck_assert_ptr_nonnull(strstr(line, "3 workers"));
    process_signal(&command, SIGTERM);
    ck_assert_int_eq(process_await_exit(&command), 0);
    ck_assert_ptr_null(strstr(command.err.bytes, SECRET));
    nats_server_kill(&server);
}
END_TEST

Suite *config_suite(void)
{
    Suite *suite = suite_create("integration/config");
    TCase *tests = tcase_create("files of options");
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_add_loop_test(tests, a_line_is_a_name_and_a_value, 0, FORMS);
    tcase_add_loop_test(tests, a_wrong_line_is_named_with_its_number, 0, WRONG);
    tcase_add_test(tests, what_is_no_file_of_options_is_refused);
    tcase_add_test(tests, the_command_line_wins_over_the_environment_and_that_over_the_file);
    tcase_add_test(tests, a_wrong_line_is_refused_also_where_another_value_counts);
    tcase_add_loop_test(tests, no_secret_is_printed_wherever_it_comes_from, 0,
                        sizeof secrets / sizeof secrets[0]);
    tcase_add_loop_test(tests, a_secrets_variable_may_name_a_file, 0, sizeof by_file / sizeof by_file[0]);
    tcase_add_test(tests, what_is_printed_reads_as_itself);
    tcase_add_test(tests, each_option_of_serve_is_printed);
    tcase_add_test(tests, what_serve_would_refuse_is_refused);
    tcase_add_test(tests, serve_takes_all_its_options_from_a_file);
    suite_add_tcase(suite, tests);
    return suite;
}
