/* Contract section 9: `--context NAME`, NATS_CONTEXT and the selected context (ADR-21), which clients take
 * what options do not say from. Where the nats CLI is on PATH, it makes them. */
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"

#define SECRET "hunter2SECRET"
#define BROKEN "nats://127.0.0.1:1"

static struct nats_server guarded, by_token;
static struct process command, guarded_provider, token_provider;
static char folder[64], home[96], file[160];
static char exported[4096]; /* what is imported then */
static bool have_cli;

static void start_all(void)
{
    nats_server_start(&shared.server, NULL);
    provider_serve(&shared.provider, shared.server.url, NULL);
    nats_server_start(&guarded, "authorization { user: u, password: \"" SECRET "\" }\n");
    provider_serve(&guarded_provider, guarded.url, "--user=u", "--password=" SECRET, NULL);
    nats_server_start(&by_token, "authorization { token: \"" SECRET "\" }\n");
    char url[URL_BYTES + 32];
    (void)snprintf(url, sizeof url, "nats://" SECRET "@127.0.0.1:%d", by_token.port);
    provider_serve(&token_provider, url, NULL);
}

static void stop_all(void)
{
    provider_stop(&token_provider);
    nats_server_kill(&by_token);
    provider_stop(&guarded_provider);
    nats_server_kill(&guarded);
    shared_stop();
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *walk)
{
    (void)about;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void make_folder(void)
{
    char path[128];
    (void)snprintf(folder, sizeof folder, "/tmp/wkv-context-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(home, sizeof home, "XDG_CONFIG_HOME=%s", folder);
    (void)snprintf(path, sizeof path, "%s/nats", folder);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/nats/context", folder);
    ck_assert_int_eq(mkdir(path, 0700), 0);
}

static void remove_folder(void)
{
    process_destroy(&command);
    (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void write_file(const char *name, const char *text)
{
    (void)snprintf(file, sizeof file, "%s/nats/%s", folder, name);
    FILE *out = fopen(file, "w");
    ck_assert_ptr_nonnull(out);
    ck_assert_int_ge(fputs(text, out), 0);
    ck_assert_int_eq(fclose(out), 0);
}

/* Writes the context c. In the text, & stands for the port of the server that is open to all, $ for that of
 * the one with a user and a password, % for that of the one with a token. */
static void write_context(const char *text)
{
    char out[1024];
    size_t len = 0;
    for (; *text != '\0' && len < sizeof out - 16; text++) {
        int port = *text == '&'   ? shared.server.port
                   : *text == '$' ? guarded.port
                   : *text == '%' ? by_token.port
                                  : 0;
        if (port == 0)
            out[len++] = *text;
        else
            len += (size_t)snprintf(out + len, 16, "%d", port);
    }
    out[len] = '\0';
    write_file("context/c.json", out);
}

/* Runs a command that asks with these options; what it said is in `command`. */
static int ask(const char *const environment[2], const char *name, const char *one, const char *two)
{
    const char *variables[4] = {home};
    const char *argv[12] = {provider_program(), name};
    size_t count = 2;
    if (environment != NULL)
        memcpy(variables + 1, environment, 2 * sizeof *variables);
    argv[count++] = strcmp(name, "top") == 0 ? "--interval=100ms" : "--timeout=20s";
    if (strcmp(name, "top") == 0)
        argv[count++] = "--count=1";
    for (int i = 0; i < 2; i++)
        if ((i == 0 ? one : two) != NULL)
            argv[count++] = i == 0 ? one : two;
    if (strcmp(name, "call") == 0) {
        argv[count++] = "Get";
        argv[count++] = "{\"key\":\"a\"}";
    }
    process_destroy(&command);
    int status = process_run(&command, argv, program_environment(variables),
                             strcmp(name, "import") == 0 ? exported : NULL);
    if (strcmp(name, "export") == 0 && status == 0)
        (void)snprintf(exported, sizeof exported, "%s", command.out.bytes);
    ck_assert_msg(strstr(command.err.bytes, SECRET) == NULL && strstr(command.out.bytes, SECRET) == NULL,
                  "a secret is said: %s%s", command.out.bytes, command.err.bytes);
    return status;
}

/* ---- which context ---- */

/* Saves the context c for the server with a user and a password, as a person does. */
static void save(bool select)
{
    char text[256];
    const char *const environment[] = {home, "HOME=/nonexistent", NULL};
    const char *const argv[] = {"nats",
                                "context",
                                "save",
                                "c",
                                "--server",
                                guarded.url,
                                "--user",
                                "u",
                                "--password",
                                SECRET,
                                select ? "--select" : NULL,
                                NULL};
    if (have_cli) {
        process_destroy(&command);
        ck_assert_msg(process_run(&command, argv, environment, NULL) == 0, "%s", command.err.bytes);
        return;
    }
    (void)snprintf(text, sizeof text,
                   "{\"url\":\"%s\",\"user\":\"u\",\"password\":\"" SECRET "\",\"token\":\"\"}", guarded.url);
    write_file("context/c.json", text);
    if (select)
        write_file("context.txt", "c\n");
}

START_TEST(each_command_that_asks_takes_a_context)
{
    static const char *const names[] = {"call", "health", "top", "export", "import"};
    static const char *const by_variable[] = {"NATS_CONTEXT=c", NULL}, *const by_own[] = {
                                                                           "WASCC_KEYVALUE_CONTEXT=c", NULL};
    int status = program_run(&command, NULL, NULL, "call", "--server", guarded.url, "--user=u",
                             "--password=" SECRET, "Set", "{\"key\":\"a\"}", NULL);
    ck_assert_msg(status == 0, "%s", command.err.bytes);
    for (int selected = 0; selected < 2; selected++) {
        save(selected == 1);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            const char *name = names[i];
            ck_assert_msg(ask(NULL, name, "--context=c", NULL) == 0, "%s: %s", name, command.err.bytes);
            ck_assert_msg(ask(by_variable, name, NULL, NULL) == 0, "%s: %s", name, command.err.bytes);
            ck_assert_msg(ask(by_own, name, NULL, NULL) == 0, "%s: %s", name, command.err.bytes);
            if (selected == 1)
                ck_assert_msg(ask(NULL, name, NULL, NULL) == 0, "%s: %s", name, command.err.bytes);
            if (strcmp(name, "top") != 0)
                ck_assert_int_ne(ask(NULL, name, "--server", guarded.url) == 0, selected == 0);
        }
    }
}
END_TEST

START_TEST(contexts_are_below_home_where_nothing_else_is_said)
{
    char variable[96], path[128], config[128];
    (void)snprintf(variable, sizeof variable, "HOME=%s", folder);
    (void)snprintf(path, sizeof path, "%s/.config", folder);
    (void)snprintf(config, sizeof config, "%s/.config/nats", folder);
    save(true);
    char nats[96];
    (void)snprintf(nats, sizeof nats, "%s/nats", folder);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(rename(nats, config), 0);
    const char *const variables[] = {"XDG_CONFIG_HOME=", variable, NULL};
    process_destroy(&command);
    ck_assert_msg(program_run(&command, variables, NULL, "health", "--timeout=20s", NULL) == 0, "%s",
                  command.err.bytes);
}
END_TEST

/* serve is told by whoever starts it, not by what a person has selected. */
START_TEST(serve_takes_no_context)
{
    const char *const variables[] = {home, "NATS_CONTEXT=none", NULL};
    save(true);
    process_destroy(&command);
    ck_assert_int_eq(program_run(&command, variables, NULL, "serve", "--print-config", NULL), 0);
    ck_assert_ptr_nonnull(strstr(command.out.bytes, "server = nats://127.0.0.1:4222  # default"));
    ck_assert_ptr_nonnull(strstr(command.out.bytes, "# user is not set"));
    process_destroy(&command);
    ck_assert_int_eq(program_run(&command, variables, NULL, "serve", "--context=c", NULL), 64);
    /* Nor does who asks this machine's process. */
    process_destroy(&command);
    ck_assert_int_eq(program_run(&command, variables, NULL, "health", "--self", "--binding=none", NULL), 69);
}
END_TEST

/* ---- what counts ---- */

static const struct {
    const char *context, *options[2], *variables[2];
    int status;
} counts[] = {
    {"{\"url\":\"nats://127.0.0.1:&\"}", {"--context=c"}, {NULL}, 0},
    {"{\"url\":\"" BROKEN ",127.0.0.1:&\"}", {"--context=c"}, {NULL}, 0},
    {"{\"url\":\"" BROKEN "\"}", {"--context=c"}, {NULL}, 1},
    /* An option, whatever the context; a context that is named here, before variables; these before others.
     */
    {"{\"url\":\"" BROKEN "\"}", {"--context=c", "--server=127.0.0.1:&"}, {NULL}, 0},
    {"{\"url\":\"nats://127.0.0.1:&\"}", {"--context=c"}, {"NATS_URL=" BROKEN}, 0},
    {"{\"url\":\"nats://127.0.0.1:&\"}", {NULL}, {"NATS_CONTEXT=c", "NATS_URL=" BROKEN}, 1},
    {"{\"url\":\"" BROKEN "\"}", {NULL}, {"NATS_CONTEXT=c", "NATS_URL=127.0.0.1:&"}, 0},
    {"{\"url\":\"" BROKEN "\"}", {NULL}, {"NATS_URL=127.0.0.1:&"}, 0},
    {"{\"url\":\"" BROKEN "\"}", {NULL}, {"NATS_CONTEXT=none", "WASCC_KEYVALUE_CONTEXT=c"}, 1},
    {"{}", {"--context=c"}, {"NATS_URL=127.0.0.1:&"}, 0},
    {"{\"url\":\"\",\"user\":\"\",\"creds\":null,\"tls_first\":false,\"more\":{}}",
     {"--context=c"},
     {"NATS_URL=127.0.0.1:&"},
     0},
    {"nothing of the kind", {"--context="}, {"NATS_URL=127.0.0.1:&"}, 0},
    /* Users and passwords. */
    {"{\"url\":\"127.0.0.1:$\",\"user\":\"u\",\"password\":\"" SECRET "\"}", {"--context=c"}, {NULL}, 0},
    {"{\"url\":\"127.0.0.1:$\",\"user\":\"u\",\"password\":\"wrong\"}", {"--context=c"}, {NULL}, 1},
    {"{\"url\":\"127.0.0.1:$\",\"user\":\"u\",\"password\":\"wrong\"}",
     {"--context=c", "--password=" SECRET},
     {NULL},
     0},
    {"{\"url\":\"127.0.0.1:$\",\"user\":\"x\",\"password\":\"" SECRET "\"}",
     {"--context=c", "--user=u"},
     {NULL},
     0},
    {"{\"url\":\"127.0.0.1:$\",\"user\":\"u\",\"password\":\"" SECRET "\"}",
     {"--context=c"},
     {"NATS_USER=x", "NATS_PASSWORD=wrong"},
     0},
    {"{\"url\":\"127.0.0.1:$\",\"user\":\"u\",\"password\":\"" SECRET "\"}",
     {"--context=c"},
     {"NATS_CREDS=/nonexistent", "NATS_USER=x"},
     0},
    {"{\"user\":\"x\",\"password\":\"wrong\"}",
     {"--context=c", "--server=u:" SECRET "@127.0.0.1:$"},
     {NULL},
     0},
    {"{\"url\":\"127.0.0.1:$\",\"user\":\"u\",\"password\":\"" SECRET "\"}",
     {"--context=c", "--creds=/nonexistent"},
     {NULL},
     64},
    {"{\"url\":\"127.0.0.1:$\",\"creds\":\"/nonexistent\",\"nkey\":\"/nonexistent\",\"token\":\"x\"}",
     {"--context=c", "--user=u"},
     {"NATS_PASSWORD=" SECRET},
     0},
    {"{\"url\":\"u:" SECRET "@127.0.0.1:$\"}", {"--context=c"}, {NULL}, 0},
    /* Tokens. */
    {"{\"url\":\"127.0.0.1:%\",\"token\":\"" SECRET "\"}", {"--context=c"}, {NULL}, 0},
    {"{\"url\":\"127.0.0.1:%\",\"token\":\"wrong\"}", {"--context=c"}, {NULL}, 1},
    {"{\"url\":\"127.0.0.1:%\",\"token\":\"wrong\"}",
     {"--context=c", "--server=" SECRET "@127.0.0.1:%"},
     {NULL},
     0},
};

/* The ports of write_context in an option or a variable. */
static const char *filled(const char *text, char out[256])
{
    size_t len = strlen(text);
    int port = len == 0               ? 0
               : text[len - 1] == '&' ? shared.server.port
               : text[len - 1] == '$' ? guarded.port
               : text[len - 1] == '%' ? by_token.port
                                      : 0;
    if (port == 0)
        (void)snprintf(out, 256, "%s", text);
    else
        (void)snprintf(out, 256, "%.*s%d", (int)len - 1, text, port);
    return out;
}

START_TEST(options_win_over_a_context_and_that_over_the_rest)
{
    char texts[4][256];
    const char *options[2], *variables[2];
    for (int i = 0; i < 2; i++) {
        const char *option = counts[_i].options[i], *variable = counts[_i].variables[i];
        options[i] = option == NULL ? NULL : filled(option, texts[i]);
        variables[i] = variable == NULL ? NULL : filled(variable, texts[2 + i]);
    }
    write_context(counts[_i].context);
    write_file("context.txt", "c");
    int status = ask(variables, "health", options[0], options[1]);
    ck_assert_msg(status == counts[_i].status, "exit %d: %s", status, command.err.bytes);
}
END_TEST

START_TEST(replies_come_to_the_contexts_inboxes)
{
    natsSubscription *all = NULL;
    natsMsg *request = NULL;
    ck_assert_int_eq(
        natsConnection_SubscribeSync(&all, caller.connection, "wasmbus.provider.wascc.keyvalue.quiet.>"),
        NATS_OK);
    ck_assert_int_eq(natsConnection_Flush(caller.connection), NATS_OK);
    write_context("{\"url\":\"127.0.0.1:&\",\"inbox_prefix\":\"_INBOX.mine\",\"jetstream_domain\":\"hub\"}");
    const char *const variables[] = {home, NULL};
    process_destroy(&command);
    ck_assert_int_eq(program_run(&command, variables, NULL, "call", "--context=c", "--binding=quiet",
                                 "--timeout=100ms", "Get", "{\"key\":\"a\"}", NULL),
                     1);
    ck_assert_int_eq(natsSubscription_NextMsg(&request, all, WAIT_MS), NATS_OK);
    ck_assert_msg(strncmp(natsMsg_GetReply(request), "_INBOX.mine.", 12) == 0, "%s",
                  natsMsg_GetReply(request));
    natsMsg_Destroy(request);
    natsSubscription_Destroy(all);
}
END_TEST

/* ---- errors ---- */

static const struct {
    const char *context, *says; /* @ stands for the context's file */
} wrong[] = {
    {"{", "@:1: that is no JSON"},
    {"{\n\"password\": \"" SECRET "\",,}", "@:2: that is no JSON"},
    {"{\"url\":\"a\",\"url\":\"b\"}", "@:1: that is no JSON, or has a member twice"},
    {"[]", "@: that is no JSON object, as nats context save writes it"},
    {"", "@:1: that is no JSON"},
    {"{\"url\":4222}", "@: url must be a text"},
    {"{\"user\":\"u\",\"password\":[]}", "@: password must be a text"},
    {"{\"url\":\"http://u:" SECRET "@h\"}", "@: url is no"},
    {"{\"url\":\"nats://a,tls://b\"}", "@: url "},
    {"{\"creds\":\"/nonexistent\"}", "--creds (@): cannot read that file: No such file"},
    {"{\"creds\":\"~/nonexistent\"}", "--creds (@): cannot read that file: No such file"},
    {"{\"creds\":\"file:///tmp\"}", "--creds (@): cannot read that file: Is a directory"},
    {"{\"creds\":\"op://vault/" SECRET "\"}",
     "@: creds is not the name of a file, which is all that is known here"},
    {"{\"nkey\":\"env://SEED\"}", "@: nkey is not the name of a file"},
    {"{\"creds\":\"data:;base64," SECRET "\"}", "@: creds is not the name of a file"},
    {"{\"nkey\":\"/nonexistent\"}", "--nkey (@): "},
    {"{\"ca\":\"/nonexistent\"}", "--tlsca (@): cannot read that file: No such file"},
    {"{\"cert\":\"/dev/null\"}", "--tlscert (@)"},
    {"{\"user\":\"u\"}", "--user (@) and --password go together"},
    {"{\"inbox_prefix\":\"a b\"}", "--inbox-prefix (@) takes a subject"},
    {"{\"nsc\":\"nsc://o/a/u\"}", "@: nsc is not known here: name the server as url"},
    {"{\"user_jwt\":\"a.b.c\",\"user_seed\":\"" SECRET "\"}", "@: user_jwt is not known here: name a file"},
    {"{\"socks_proxy\":\"socks5://h\"}", "@: socks_proxy is not known here"},
    {"{\"tls_first\":true}", "@: tls_first is not known here"},
};

START_TEST(what_is_wrong_with_a_context_is_said_with_its_file)
{
    char says[384];
    const char *mark = strchr(wrong[_i].says, '@');
    write_context(wrong[_i].context);
    (void)snprintf(says, sizeof says, "wascc-keyvalue: %.*s%s%s", (int)(mark - wrong[_i].says),
                   wrong[_i].says, file, mark + 1);
    int status = ask(NULL, "health", "--context=c", NULL);
    ck_assert_msg(status == 64, "exit %d: %s", status, command.err.bytes);
    ck_assert_msg(strncmp(command.err.bytes, says, strlen(says)) == 0, "\"%s\" does not begin: %s", says,
                  command.err.bytes);
    ck_assert_ptr_eq(strchr(command.err.bytes, '\n'), command.err.bytes + command.err.len - 1);
}
END_TEST

static const struct {
    const char *name, *says;
} names[] = {
    {"--context=none",
     "/nats/context/none.json: cannot read that file: No such file or directory; nats context ls"},
    {"--context=../c", "--context takes the name of a context in"},
    {"--context=/tmp/c", "--context takes the name of a context in"},
    {NULL, "/nats/context/gone.json: cannot read that file: No such file or directory; nats context ls"},
};

START_TEST(a_context_that_is_not_there_is_named)
{
    write_file("context.txt", "gone\n");
    int status = ask(NULL, "health", names[_i].name, NULL);
    ck_assert_msg(status == 64, "exit %d: %s", status, command.err.bytes);
    ck_assert_msg(strstr(command.err.bytes, names[_i].says) != NULL, "%s", command.err.bytes);
}
END_TEST

Suite *context_suite(void)
{
    Suite *suite = suite_create("integration/context");
    TCase *tests = tcase_create("contexts");
    have_cli = test_on_path("nats");
    tcase_add_unchecked_fixture(tests, start_all, stop_all);
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_add_checked_fixture(tests, caller_open, caller_close);
    tcase_add_test(tests, each_command_that_asks_takes_a_context);
    tcase_add_test(tests, contexts_are_below_home_where_nothing_else_is_said);
    tcase_add_test(tests, serve_takes_no_context);
    tcase_add_loop_test(tests, options_win_over_a_context_and_that_over_the_rest, 0,
                        sizeof counts / sizeof counts[0]);
    tcase_add_test(tests, replies_come_to_the_contexts_inboxes);
    tcase_add_loop_test(tests, what_is_wrong_with_a_context_is_said_with_its_file, 0,
                        sizeof wrong / sizeof wrong[0]);
    tcase_add_loop_test(tests, a_context_that_is_not_there_is_named, 0, sizeof names / sizeof names[0]);
    suite_add_tcase(suite, tests);
    return suite;
}
