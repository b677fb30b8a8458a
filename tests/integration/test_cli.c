/* Contract section 9: the commands, their options and environment variables, what they print and how they
 * end. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "support/version.h"

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

static size_t lines_in(const char *text)
{
    size_t lines = 0;
    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

static bool ends_with_newline(const char *text)
{
    return *text != '\0' && text[strlen(text) - 1] == '\n';
}

/* ---- bad options ---- */

#define LONG_TOKEN                                                                                           \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"   \
    "01234567890123456789012345678"

static const struct {
    const char *names; /* what the line must name */
    const char *arguments[6];
    const char *variable;
} bad[] = {
    {"--nonsense", {"serve", "--nonsense"}, NULL},
    {"--nonsense", {"serve", "--nonsense=1"}, NULL},
    {"-x", {"serve", "-x"}, NULL},
    {"no option --worker here, do you mean --workers", {"serve", "--worker", "2"}, NULL},
    {"no such command, do you mean serve; ", {"sevre"}, NULL},
    {"no option --max-mem here, do you mean --max-memory", {"serve", "--max-mem=1gb"}, NULL},
    {"no option --trusted-issuers here, do you mean --trusted-issuer;",
     {"serve", "--trusted-issuers", "A"},
     NULL},
    {"no option --auth-mode here; ", {"health", "--auth-mode"}, NULL},
    {"option --allow-split takes no value", {"serve", "--allow-split=true"}, NULL},
    {"option --workers needs a value", {"serve", "--workers"}, NULL},
    {"--workers", {"serve", "--workers"}, NULL},
    {"--workers", {"serve", "--workers", "0"}, NULL},
    {"--workers", {"serve", "--workers", "-1"}, NULL},
    {"--workers", {"serve", "--workers", "257"}, NULL},
    {"--workers", {"serve", "--workers", "two"}, NULL},
    {"--workers", {"serve", "--workers", "1.5"}, NULL},
    {"--workers", {"serve", "--workers", "2 "}, NULL},
    {"--workers", {"serve", "--workers", ""}, NULL},
    {"--workers", {"serve", "--workers", "18446744073709551617"}, NULL},
    {"--workers takes a whole number from 1 to 256, not \"two\"", {"serve", "--workers", "two"}, NULL},
    {"--shards", {"serve", "--shards", "0"}, NULL},
    {"--shards", {"serve", "--shards", "4097"}, NULL},
    {"--max-memory", {"serve", "--max-memory", "lots"}, NULL},
    {"--max-memory", {"serve", "--max-memory", "-1"}, NULL},
    {"--max-memory", {"serve", "--max-memory", "1xb"}, NULL},
    {"--max-memory", {"serve", "--max-memory", "99999999999gb"}, NULL},
    {"--max-memory", {"serve", "--max-memory", "99999999999999999999"}, NULL},
    {"--max-memory", {"serve", "--auth", "none", "--max-memory", "1kb"}, NULL},
    {"--max-key-size", {"serve", "--max-key-size", "0"}, NULL},
    {"--max-key-size", {"serve", "--max-key-size", "64kb"}, NULL},
    {"--max-key-size takes bytes, or a size such as 4096 or 16kb, from 1 to 65535, not \"64kb\"",
     {"serve", "--max-key-size=64kb"},
     NULL},
    {"--max-memory takes bytes, or a size such as 1mb, 512mb or 2Gi, from 0 up, not \"lots\"",
     {"serve", "--max-memory", "lots"},
     NULL},
    {"--max-memory (WASCC_KEYVALUE_MAX_MEMORY) is too small for 64 empty shards: give at least ",
     {"serve", "--auth=none"},
     "WASCC_KEYVALUE_MAX_MEMORY=1kb"},
    {"--max-value-size", {"serve", "--max-value-size", "2gb"}, NULL},
    {"--max-wait", {"serve", "--max-wait", "0"}, NULL},
    {"--duplicate-window", {"serve", "--duplicate-window", "0"}, NULL},
    {"--duplicate-window", {"serve", "--duplicate-window", "25h"}, NULL},
    {"--engine takes memory or jetstream", {"serve", "--engine", "disk"}, NULL},
    {"--replicas takes a whole number from 1 to 5", {"serve", "--replicas", "0"}, NULL},
    {"--replicas", {"serve", "--replicas", "6"}, NULL},
    {"--reads takes linearizable or local", {"serve", "--reads", "stale"}, NULL},
    {"--write-timeout", {"serve", "--write-timeout", "9ms"}, NULL},
    {"--write-timeout takes seconds, or a time such as 10s, 5m or 2h, from 10ms to 1d, not \"9ms\"",
     {"serve", "--write-timeout", "9ms"},
     NULL},
    {"--interval takes seconds, or a time such as 500ms, 10s or 5m, from 100ms to 1h, not \"1d\"",
     {"top", "--interval", "1d"},
     NULL},
    {"--log-max-size", {"serve", "--log-max-size", "65535"}, NULL},
    {"--log-max-size", {"serve", "--log-max-size", "9223372036854775808"}, NULL},
    {"--snapshot-every", {"serve", "--snapshot-every", "99ms"}, NULL},
    {"--js-domain takes one token",
     {"serve", "--auth=none", "--engine=jetstream", "--js-domain", "a.b"},
     NULL},
    {"--js-domain takes one token", {"serve", "--auth=none", "--engine=jetstream", "--js-domain="}, NULL},
    {"--evict must be none", {"serve", "--auth=none", "--engine=jetstream", "--evict", "any"}, NULL},
    {"--evict must be none", {"serve", "--auth=none", "--evict=expiring"}, "WASCC_KEYVALUE_ENGINE=jetstream"},
    {"--allow-split is for --engine memory",
     {"serve", "--auth=none", "--engine=jetstream", "--allow-split"},
     NULL},
    {"--replicas needs --engine jetstream", {"serve", "--auth=none", "--replicas", "3"}, NULL},
    {"--reads needs --engine jetstream", {"serve", "--auth=none", "--reads", "linearizable"}, NULL},
    {"--write-timeout needs --engine jetstream", {"serve", "--auth=none", "--write-timeout", "1s"}, NULL},
    {"--log-max-size needs --engine jetstream", {"serve", "--auth=none", "--log-max-size=1g"}, NULL},
    {"--snapshot-every needs --engine jetstream", {"serve", "--auth=none", "--snapshot-every", "1m"}, NULL},
    {"WASCC_KEYVALUE_JS_DOMAIN needs --engine jetstream",
     {"serve", "--auth=none", "--engine=memory"},
     "WASCC_KEYVALUE_JS_DOMAIN=hub"},
    {"--drain-timeout", {"serve", "--drain-timeout", "-1"}, NULL},
    {"--drain-timeout", {"serve", "--drain-timeout", "1fortnight"}, NULL},
    {"--drain-timeout", {"serve", "--drain-timeout", "86401"}, NULL},
    {"--binding", {"serve", "--binding", ""}, NULL},
    {"--binding", {"serve", "--binding", "a.b"}, NULL},
    {"1 to 128 bytes, not \"a b\"", {"serve", "--binding", "a b"}, NULL},
    {"--binding", {"serve", "--binding", "*"}, NULL},
    {"--binding", {"serve", "--binding", ">"}, NULL},
    {"--binding", {"serve", "--binding", LONG_TOKEN}, NULL},
    {"--lattice-namespace", {"serve", "--lattice-namespace", "a b"}, NULL},
    {"--lattice-namespace", {"serve", "--lattice-namespace", ".a"}, NULL},
    {"--lattice-namespace", {"serve", "--lattice-namespace", "a..b"}, NULL},
    {"--lattice-namespace", {"serve", "--lattice-namespace", "a.>"}, NULL},
    {"--lattice-namespace", {"serve", "--lattice-namespace", "a\nb"}, NULL},
    {"--auth takes claims, invocation, binding or none, not \"nobody\"", {"serve", "--auth", "nobody"}, NULL},
    {"--auth", {"serve", "--auth", ""}, NULL},
    {"--log-level", {"serve", "--auth", "none", "--log-level", "loud"}, NULL},
    {"--log-format", {"serve", "--auth", "none", "--log-format", "xml"}, NULL},
    {"--allow-split", {"serve", "--allow-split=maybe"}, NULL},
    {"--creds", {"serve", "--auth", "none", "--creds", "/nonexistent"}, NULL},
    {"--tlsca", {"serve", "--auth", "none", "--tlsca", "/nonexistent"}, NULL},
    {"--tlscert", {"serve", "--auth", "none", "--tlscert", "/dev/null"}, NULL},
    {"--password", {"serve", "--auth", "none", "--user", "u"}, NULL},
    {"--server", {"serve", "--auth", "none", "--server", "nats://127.0.0.1:99999999"}, NULL},
    {"--server", {"serve", "--auth", "none", "--server", "http://127.0.0.1:4222"}, NULL},
    {"--server", {"serve", "--auth", "none", "--server", "nats://127.0.0.1:4222,nat://127.0.0.1"}, NULL},
    {"--trusted-host", {"serve", "--auth", "none", "--trusted-host", "x"}, NULL},
    {"--trusted-issuer", {"serve", "--auth", "none", "--trusted-issuer", "x"}, NULL},
    {"serve", {"serve", "argument"}, NULL},
    {"--actor", {"serve", "--actor", "M"}, NULL},
    {"--workers", {"call", "--workers", "2"}, NULL},
    {"call", {"call"}, NULL},
    {"call", {"call", "Get"}, NULL},
    {"call", {"call", "Get", "{}", "{}"}, NULL},
    {"JSON", {"call", "Get", "key"}, NULL},
    {"JSON", {"call", "Get", ""}, NULL},
    {"actor", {"call", "--actor", "a.b", "Get", "{}"}, NULL},
    {"--actor takes an actor's public key, M..., or system, not \"M\": a public key has 56",
     {"call", "--actor", "M", "Get", "{}"},
     NULL},
    {"--actor (WASCC_KEYVALUE_ACTOR) takes", {"call", "Get", "{}"}, "WASCC_KEYVALUE_ACTOR=System"},
    {"there is no operation get; do you mean Get?", {"call", "get", "{}"}, NULL},
    {"there is no operation SetAd; do you mean SetAdd?", {"call", "SetAd", "{}", "--timeout=1s"}, NULL},
    {"--timeout", {"call", "Get", "{}", "--timeout", "0"}, NULL},
    {"--timeout", {"call", "Get", "--timeout", "0", "{}"}, NULL},
    {"call takes", {"call", "Get", "{}", "--", "--timeout", "0"}, NULL},
    {"no option --timeut here, do you mean --timeout", {"call", "Get", "{}", "--timeut", "1"}, NULL},
    {"no option -t here", {"call", "Get", "{}", "-t"}, NULL},
    {"keygen takes one word: account, module or host, not \"Host\"", {"keygen", "Host"}, NULL},
    {"operation", {"call", "Get it", "{}"}, NULL},
    {"--timeout", {"call", "--timeout", "0", "Get", "{}"}, NULL},
    {"--timeout", {"health", "--timeout", "soon"}, NULL},
    {"health", {"health", "argument"}, NULL},
    {"command", {"nonsense"}, NULL},
    {"WASCC_KEYVALUE_WORKERS takes a whole number from 1 to 256, not \"many\"",
     {"serve"},
     "WASCC_KEYVALUE_WORKERS=many"},
    {"--tlsca (NATS_CA): cannot read", {"health"}, "NATS_CA=/nonexistent"},
    {"--tlsca (NATS_CA): cannot read", {"serve", "--auth=none"}, "NATS_CA=/nonexistent"},
    {"--tlsca: cannot read", {"call", "Get", "{}", "--tlsca=/nowhere"}, "NATS_CA=/nonexistent"},
    {"--user (NATS_USER) and", {"export"}, "NATS_USER=u"},
    {"--trusted-issuer (WASCC_KEYVALUE_TRUSTED_ISSUER): trusted issuer 1: ",
     {"serve"},
     "WASCC_KEYVALUE_TRUSTED_ISSUER=x"},
    {"--binding (WASCC_KEYVALUE_BINDING) is not one token", {"health"}, "WASCC_KEYVALUE_BINDING=a.b"},
    {"WASCC_KEYVALUE_ALLOW_SPLIT takes true or false, not \"maybe\"",
     {"serve"},
     "WASCC_KEYVALUE_ALLOW_SPLIT=maybe"},
    {"WASCC_KEYVALUE_AUTH takes claims, invocation, binding or none",
     {"serve"},
     "WASCC_KEYVALUE_AUTH=nobody"},
    {"WASCC_KEYVALUE_LOG_LEVEL takes", {"serve"}, "WASCC_KEYVALUE_LOG_LEVEL=loud"},
    {"WASCC_KEYVALUE_ENGINE takes memory or jetstream", {"serve"}, "WASCC_KEYVALUE_ENGINE=disk"},
    {"WASCC_KEYVALUE_REPLICAS", {"serve"}, "WASCC_KEYVALUE_REPLICAS=three"},
    {"WASCC_KEYVALUE_TIMEOUT", {"health"}, "WASCC_KEYVALUE_TIMEOUT=-1"},
    {"--lattice-namespace (LATTICE_NAMESPACE) is", {"serve"}, "LATTICE_NAMESPACE=a b"},
    {"WASCC_KEYVALUE_SERVER is no", {"serve"}, "WASCC_KEYVALUE_SERVER=http://127.0.0.1"},
    {"NATS_URL is no", {"health"}, "NATS_URL=nats://127.0.0.1:0"},
    {"LATTICE_HOST is no", {"top"}, "LATTICE_HOST=127.0.0.1:"},
    {"--server is no", {"health", "--server", "ws://127.0.0.1"}, "NATS_URL=nats://127.0.0.1"},
};

#define BAD ((int)(sizeof bad / sizeof bad[0]))

/* "A bad option exits 64 with one clear line." */
START_TEST(a_bad_option_exits_64_with_one_line_that_names_it)
{
    const char *const variables[] = {bad[_i].variable, NULL};
    const char *const *a = bad[_i].arguments;
    int status = program_run(&command, variables, NULL, a[0], a[1], a[2], a[3], a[4], a[5], NULL);
    const char *said = command.err.bytes;
    ck_assert_msg(status == 64, "%s %s: exit %d: %s", a[0], a[1], status, said);
    ck_assert_msg(lines_in(said) == 1 && ends_with_newline(said), "not one line: %s", said);
    ck_assert_msg(strstr(said, bad[_i].names) != NULL, "%s is not named: %s", bad[_i].names, said);
    ck_assert_str_eq(command.out.bytes, "");
}
END_TEST

START_TEST(without_a_command_it_tells_the_commands_and_exits_64)
{
    ck_assert_int_eq(program_run(&command, NULL, NULL, NULL), 64);
    ck_assert_str_eq(command.out.bytes, "");
    ck_assert_ptr_nonnull(strstr(command.err.bytes, "serve"));
}
END_TEST

/* Contract section 6: "with no trusted issuer refuses to start and says what to do". */
START_TEST(without_trusted_keys_serve_says_what_to_do)
{
    static const char *const modes[] = {NULL, "claims", "invocation", "binding"};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        int status =
            program_run(&command, NULL, NULL, "serve", modes[i] == NULL ? NULL : "--auth", modes[i], NULL);
        ck_assert_int_eq(status, 64);
        ck_assert_uint_eq(lines_in(command.err.bytes), 1);
        ck_assert_ptr_nonnull(strstr(command.err.bytes, "--auth none"));
        process_destroy(&command);
    }
}
END_TEST

/* ---- help ---- */

START_TEST(help_names_every_option_and_variable)
{
    static const struct {
        const char *command;
        const char *names[32];
    } rows[] = {
        {"serve",
         {"--server",
          "NATS_URL",
          "LATTICE_HOST",
          "--lattice-namespace",
          "LATTICE_NAMESPACE",
          "--binding",
          "--auth",
          "--workers",
          "--shards",
          "--max-memory",
          "--drain-timeout",
          "--log-level",
          "--log-format",
          "--creds",
          "NATS_CREDS",
          "--user",
          "NATS_USER",
          "--password",
          "--nkey",
          "--tlsca",
          "--tlscert",
          "--tlskey",
          "WASCC_KEYVALUE_MAX_MEMORY",
          "--allow-split",
          "--engine memory|jetstream",
          "--replicas",
          "--reads linearizable|local",
          "--write-timeout",
          "--log-max-size",
          "--snapshot-every",
          "--js-domain"}},
        {"call",
         {"--server",
          "--actor",
          "--timeout",
          "Get",
          "Set",
          "Del",
          "Add",
          "Push",
          "ListItemDelete",
          "Range",
          "Clear",
          "SetAdd",
          "SetRemove",
          "SetQuery",
          "SetUnion",
          "SetIntersection",
          "KeyExists",
          "Set {key: string, value: string, expires_s: int32, expires_ms: int64,",
          "Answers {value: string, exists: bool}",
          "BindActor {module: string, values: {string: string}}",
          "Answers {bindings: [{actor: string,"}},
        {"health", {"--server", "--timeout", "--binding", "WASCC_KEYVALUE_TIMEOUT"}},
        {"--help", {"serve", "call", "health"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_int_eq(program_run(&command, NULL, NULL, rows[i].command, "--help", NULL), 0);
        ck_assert_str_eq(command.err.bytes, "");
        for (size_t j = 0; j < 32 && rows[i].names[j] != NULL; j++)
            ck_assert_msg(strstr(command.out.bytes, rows[i].names[j]) != NULL, "%s --help is silent about %s",
                          rows[i].command, rows[i].names[j]);
        process_destroy(&command);
    }
}
END_TEST

START_TEST(help_fits_80_columns)
{
    static const char *const commands[] = {"serve", "call",   "keygen", "token",  "inspect",
                                           "top",   "health", "export", "import", "--help"};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        ck_assert_int_eq(program_run(&command, NULL, NULL, commands[i], "--help", NULL), 0);
        for (char *line = command.out.bytes, *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
            ck_assert_msg(end - line <= 80, "%s --help: %.*s", commands[i], (int)(end - line), line);
        process_destroy(&command);
    }
}
END_TEST

/* What is not read is no success: a token that is cut off, say. */
START_TEST(what_cannot_be_printed_is_a_failure)
{
    static const char *const commands[] = {"--version", "--help", "serve --help", "keygen module",
                                           "call --help"};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        char script[512];
        (void)snprintf(script, sizeof script, "exec '%s' %s >/dev/full", provider_program(), commands[i]);
        const char *const argv[] = {"/bin/sh", "-c", script, NULL};
        process_destroy(&command);
        int status = process_run(&command, argv, program_environment(NULL), NULL);
        ck_assert_msg(status == 1 && strstr(command.err.bytes, "print") != NULL, "%s: exit %d: %s",
                      commands[i], status, command.err.bytes);
    }
}
END_TEST

START_TEST(version_is_one_line)
{
    int major, minor, patch;
    char expected[256];
    ck_assert_int_eq(program_run(&command, NULL, NULL, "--version", NULL), 0);
    ck_assert_int_eq(sscanf(command.out.bytes, "wascc-keyvalue %d.%d.%d", &major, &minor, &patch), 3);
    ck_assert_uint_eq(lines_in(command.out.bytes), 1);
    (void)snprintf(expected, sizeof expected, "wascc-keyvalue %s\n", wkv_version_text());
    ck_assert_str_eq(command.out.bytes, expected);
}
END_TEST

/* ---- call ---- */

/* Runs `call` against the shared server. */
static int call(const char *operation, const char *json)
{
    process_destroy(&command);
    return program_run(&command, NULL, NULL, "call", "--server", shared.server.url, operation, json, NULL);
}

static void check_said(int status, int expected, const char *out, const char *err)
{
    ck_assert_msg(status == expected, "exit %d: %s", status, command.err.bytes);
    ck_assert_str_eq(command.out.bytes, out);
    if (*err == '\0')
        ck_assert_str_eq(command.err.bytes, "");
    else
        ck_assert_msg(strstr(command.err.bytes, err) != NULL && lines_in(command.err.bytes) == 1,
                      "\"%s\" is not in: %s", err, command.err.bytes);
}

START_TEST(call_prints_the_reply_as_json)
{
    check_said(call("Set", "{\"key\":\"a\",\"value\":\"1\"}"), 0, "{\"value\":\"1\"}\n", "");
    check_said(call("Get", "{\"key\":\"a\"}"), 0, "{\"value\":\"1\",\"exists\":true}\n", "");
    check_said(call("Add", "{\"key\":\"a\",\"value\":41}"), 0, "{\"value\":42}\n", "");
    check_said(call("Push", "{\"key\":\"l\",\"value\":\"x\"}"), 0, "{\"new_count\":1}\n", "");
    check_said(call("SetUnion", "{}"), 0, "{\"values\":[],\"cursor\":\"\"}\n", "");
}
END_TEST

START_TEST(call_takes_json_from_standard_input)
{
    int status = program_run(&command, NULL, "{\"key\":\"in\",\"value\":\"from input\"}", "call", "--server",
                             shared.server.url, "Set", "-", NULL);
    check_said(status, 0, "{\"value\":\"from input\"}\n", "");
    process_destroy(&command);
    check_said(program_run(&command, NULL, "nothing of the kind", "call", "--server", shared.server.url,
                           "Set", "-", NULL),
               64, "", "JSON");
}
END_TEST

START_TEST(call_prints_an_error_reply_and_exits_1)
{
    (void)call("Push", "{\"key\":\"list\",\"value\":\"x\"}");
    check_said(call("Get", "{\"key\":\"list\"}"), 1, "", "409: Get: ");
    check_said(call("Get", "{"), 1, "", "400: Get: ");
    check_said(call("Get", "{\"key\":\"\"}"), 1, "", "key is empty");
    check_said(call("Nothing", "{}"), 64, "", "there is no operation Nothing");
}
END_TEST

START_TEST(call_says_when_there_is_no_server_or_no_instance)
{
    char url[URL_BYTES], says[URL_BYTES + 64];
    url_of(free_port(), url);
    int status = program_run(&command, NULL, NULL, "call", "--server", url, "Get", "{\"key\":\"a\"}", NULL);
    (void)snprintf(says, sizeof says, "%s: connection refused; is a nats-server running there?\n", url);
    check_said(status, 1, "", says);
    process_destroy(&command);
    status = program_run(&command, NULL, NULL, "call", "--server", shared.server.url, "--binding", "other",
                         "Get", "{\"key\":\"a\"}", NULL);
    check_said(status, 1, "", "no responders");
}
END_TEST

/* What connects says one thing once, and what would help. */
static void check_cannot_connect(const char *url, const char *why)
{
    process_destroy(&command);
    int status = program_run(&command, NULL, NULL, "health", "--server", url, NULL);
    check_said(status, 1, "", why);
    ck_assert_msg(lines_in(command.err.bytes) == 1 && strstr(command.err.bytes, ".c:") == NULL, "%s",
                  command.err.bytes);
}

START_TEST(a_connection_that_fails_says_why)
{
    struct nats_server guarded, tokens;
    char url[URL_BYTES + 32];
    check_cannot_connect("nats://no-such-host.invalid", "cannot connect to nats://no-such-host.invalid:4222: "
                                                        "no such host");
    nats_server_start(&guarded, "authorization { user: u, password: \"p\" }\n");
    check_cannot_connect(guarded.url,
                         ": the server asks who connects: give --user and --password, --creds or "
                         "--nkey\n");
    (void)snprintf(url, sizeof url, "u:wrong@127.0.0.1:%d", guarded.port);
    check_cannot_connect(url, ": wrong user or password\n");
    nats_server_kill(&guarded);
    nats_server_start(&tokens, "authorization { token: t }\n");
    (void)snprintf(url, sizeof url, "wrong@127.0.0.1:%d", tokens.port);
    check_cannot_connect(url, ": wrong token\n");
    nats_server_kill(&tokens);
    (void)snprintf(url, sizeof url, "tls://127.0.0.1:%d", shared.server.port);
    check_cannot_connect(url, ": that server offers no TLS");
}
END_TEST

/* As a server with `handshake_first` does: it accepts, and says nothing. */
START_TEST(a_silent_server_may_wait_for_tls)
{
    char url[URL_BYTES];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    url_of(ntohs(address.sin_port), url);
    check_cannot_connect(url, "handshake_first");
    (void)close(fd);
}
END_TEST

/* Listens for one request on a binding that nobody serves, to see what `call` sends. */
static natsSubscription *listen_on(const char *subject)
{
    natsSubscription *subscription = NULL;
    ck_assert_int_eq(natsConnection_SubscribeSync(&subscription, caller.connection, subject), NATS_OK);
    ck_assert_int_eq(natsConnection_Flush(caller.connection), NATS_OK);
    return subscription;
}

static void expect_subject(natsSubscription *subscription, const char *subject)
{
    natsMsg *request = NULL;
    ck_assert_int_eq(natsSubscription_NextMsg(&request, subscription, WAIT_MS), NATS_OK);
    ck_assert_str_eq(natsMsg_GetSubject(request), subject);
    natsMsg_Destroy(request);
}

START_TEST(call_speaks_as_an_example_actor_unless_told)
{
    natsSubscription *all = listen_on("ns.wasmbus.provider.wascc.keyvalue.quiet.>");
    int status =
        program_run(&command, NULL, NULL, "call", "--server", shared.server.url, "--lattice-namespace", "ns",
                    "--binding", "quiet", "--timeout", "50ms", "Get", "{\"key\":\"a\"}", NULL);
    check_said(status, 1, "", "no reply");
    expect_subject(all, "ns.wasmbus.provider.wascc.keyvalue.quiet." ACTOR ".Get");
    process_destroy(&command);
    status = program_run(&command, NULL, NULL, "call", "--server", shared.server.url, "--lattice-namespace",
                         "ns", "--binding", "quiet", "--timeout", "50ms", "--actor", "system", "Add",
                         "{\"key\":\"a\"}", NULL);
    check_said(status, 1, "", "no reply");
    expect_subject(all, "ns.wasmbus.provider.wascc.keyvalue.quiet.system.Add");
    natsSubscription_Destroy(all);
}
END_TEST

/* What has lost its headers on the way, or is no provider's, is no success either. */
static const struct {
    const char *body, *says;
} strange[] = {
    {"", "the reply is not a JSON object"},
    {"Failed (409): Get: the key holds another kind", ": Failed (409): Get: the key holds another kind"},
    {"+ACK", "the reply is not a JSON object, so no provider sent it: +ACK"},
    {"[]", "the reply is not a JSON object"},
    {"{\"error\":{\"code\":507,\"description\":\"no room\"}}", "wascc-keyvalue: 507: no room"},
};

static void answer(natsConnection *connection, natsSubscription *subscription, natsMsg *message, void *body)
{
    (void)subscription;
    (void)natsConnection_PublishString(connection, natsMsg_GetReply(message), body);
    natsMsg_Destroy(message);
}

START_TEST(call_takes_nothing_but_a_providers_reply_for_one)
{
    char body[128];
    natsSubscription *subscription = NULL;
    (void)snprintf(body, sizeof body, "%s", strange[_i].body);
    ck_assert_int_eq(natsConnection_Subscribe(&subscription, caller.connection,
                                              "wasmbus.provider.wascc.keyvalue.strange.>", answer, body),
                     NATS_OK);
    ck_assert_int_eq(natsConnection_Flush(caller.connection), NATS_OK);
    int status = program_run(&command, NULL, NULL, "call", "--server", shared.server.url, "--binding",
                             "strange", "Get", "{\"key\":\"a\"}", NULL);
    natsSubscription_Destroy(subscription);
    check_said(status, 1, "", strange[_i].says);
}
END_TEST

/* A key may have any character in it, and the request for the next page, too. */
START_TEST(call_goes_on_behind_a_page_with_a_nul)
{
    static const char *const sets[] = {"{\"key\":\"n\\u0000-1\",\"value\":\"\"}",
                                       "{\"key\":\"n\\u0000-2\",\"value\":\"\"}"};
    for (int i = 0; i < 2; i++)
        check_said(call("Set", sets[i]), 0, "{\"value\":\"\"}\n", "");
    process_destroy(&command);
    int status = program_run(&command, NULL, NULL, "call", "--server", shared.server.url, "--all", "Keys",
                             "{\"limit\":1,\"prefix\":\"n\\u0000\"}", NULL);
    ck_assert_msg(status == 0, "%s", command.err.bytes);
    for (int i = 1; i <= 2; i++)
        ck_assert_msg(strstr(command.out.bytes, i == 1 ? "-1\"" : "-2\"") != NULL, "key %d is not in %s", i,
                      command.out.bytes);
}
END_TEST

/* Who does not know whether a change was made sends it again under its id. */
START_TEST(call_makes_a_change_once_for_each_message_id)
{
    static const struct {
        const char *id, *answer;
    } calls[] = {{"a 1", "{\"value\":1}\n"}, {"a 1", "{\"value\":1}\n"}, {"a 2", "{\"value\":2}\n"}};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        process_destroy(&command);
        int status = program_run(&command, NULL, NULL, "call", "--server", shared.server.url, "--message-id",
                                 calls[i].id, "Add", "{\"key\":\"once\",\"value\":1}", NULL);
        check_said(status, 0, calls[i].answer, "");
    }
    static const char *const wrong[] = {"", "a\nb: c"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        process_destroy(&command);
        int status = program_run(&command, NULL, NULL, "call", "--server", shared.server.url, "--message-id",
                                 wrong[i], "Add", "{\"key\":\"once\",\"value\":1}", NULL);
        check_said(status, 64, "", "--message-id ");
    }
}
END_TEST

START_TEST(call_refuses_what_the_server_would)
{
    static char large[2 * 1024 * 1024 + 64];
    int len = snprintf(large, sizeof large, "{\"key\":\"a\",\"value\":\"");
    memset(large + len, 'v', sizeof large - (size_t)len - 4);
    (void)strcpy(large + sizeof large - 4, "\"}");
    check_said(program_run(&command, NULL, large, "call", "--server", shared.server.url, "Set", "-", NULL), 1,
               "", "max_payload");
}
END_TEST

/* "options may stand behind operands", and what is behind `--` is none. */
START_TEST(options_may_stand_behind_operands)
{
    check_said(program_run(&command, NULL, NULL, "call", "Set", "--server", shared.server.url,
                           "{\"key\":\"behind\",\"value\":\"1\"}", "--timeout=1h", NULL),
               0, "{\"value\":\"1\"}\n", "");
    process_destroy(&command);
    check_said(program_run(&command, NULL, "{\"key\":\"behind\"}", "call", "Get", "-", "--timeout", "1d",
                           "--server", shared.server.url, NULL),
               0, "{\"value\":\"1\",\"exists\":true}\n", "");
    process_destroy(&command);
    check_said(program_run(&command, NULL, NULL, "call", "--server", shared.server.url, "--", "Get",
                           "{\"key\":\"behind\"}", NULL),
               0, "{\"value\":\"1\",\"exists\":true}\n", "");
}
END_TEST

/* "--max-memory too small says how much is the least": with that it serves, with a kilobyte less it does not.
 */
START_TEST(the_least_memory_is_told_truly)
{
    unsigned least = 0;
    char size[32];
    ck_assert_int_eq(program_run(&command, NULL, NULL, "serve", "--auth=none", "--max-memory=1kb", NULL), 64);
    const char *told = strstr(command.err.bytes, "at least ");
    ck_assert_msg(told != NULL && sscanf(told, "at least %ukb", &least) == 1, "%s", command.err.bytes);
    process_destroy(&command);
    (void)snprintf(size, sizeof size, "%ukb", least - 1);
    ck_assert_int_eq(program_run(&command, NULL, NULL, "serve", "--auth=none", "--max-memory", size, NULL),
                     64);
    process_destroy(&command);
    (void)snprintf(size, sizeof size, "%ukb", least);
    provider_serve(&command, shared.server.url, "--binding", "least", "--max-memory", size, NULL);
    provider_stop(&command);
}
END_TEST

/* ---- health ---- */

static int health(const char *url, const char *binding)
{
    process_destroy(&command);
    return program_run(&command, NULL, NULL, "health", "--server", url, "--binding", binding, "--timeout",
                       "5s", NULL);
}

START_TEST(health_exits_0_where_an_instance_answers)
{
    ck_assert_int_eq(health(shared.server.url, "default"), 0);
    ck_assert_uint_eq(lines_in(command.out.bytes), 1);
    ck_assert_str_eq(command.err.bytes, "");
}
END_TEST

/* `health --json` prints an object either way, and ends as it does without. */
static void check_health(int status, int expected, bool healthy)
{
    ck_assert_msg(status == expected, "exit %d: %s", status, command.err.bytes);
    ck_assert_str_eq(command.err.bytes, "");
    ck_assert_uint_eq(lines_in(command.out.bytes), 1);
    json_t *report = json_of(command.out.bytes, command.out.len);
    ck_assert(json_is_boolean(json_object_get(report, "healthy")));
    ck_assert(json_is_true(json_object_get(report, "healthy")) == healthy);
    ck_assert(json_is_string(json_object_get(report, "error")) == !healthy);
    ck_assert(json_is_string(json_object_get(report, "binding")));
    json_decref(report);
    process_destroy(&command);
}

START_TEST(health_can_answer_in_json)
{
    char url[URL_BYTES];
    url_of(free_port(), url);
    int status = program_run(&command, NULL, NULL, "health", "--json", "--server", shared.server.url, NULL);
    ck_assert_ptr_nonnull(strstr(command.out.bytes, "\"instance\":\""));
    check_health(status, 0, true);
    check_health(program_run(&command, NULL, NULL, "health", "--json", "--server", shared.server.url,
                             "--binding", "other", "--timeout", "100ms", NULL),
                 1, false);
    check_health(program_run(&command, NULL, NULL, "health", "--json", "--server", url, NULL), 1, false);
    check_health(
        program_run(&command, NULL, NULL, "health", "--json", "--self", "--binding", "nobody-here", NULL), 69,
        false);
}
END_TEST

START_TEST(health_exits_1_where_none_does)
{
    char url[URL_BYTES];
    url_of(free_port(), url);
    check_said(health(url, "default"), 1, "", url);
    process_destroy(&command);
    int status = program_run(&command, NULL, NULL, "health", "--server", shared.server.url, "--binding",
                             "other", "--timeout", "100ms", NULL);
    check_said(status, 1, "", "no instance");
    process_destroy(&command);
    status = program_run(&command, NULL, NULL, "health", "--server", shared.server.url, "--lattice-namespace",
                         "ns", "--timeout", "100ms", NULL);
    check_said(status, 1, "", "no instance");
}
END_TEST

/* ---- the environment ---- */

#define BROKEN "nats://127.0.0.1:1"

/* Runs `call Get` with variables; URL in one stands for the server's. */
static int call_with(const char *const variables[4], const char *option)
{
    char filled[4][256];
    const char *environment[5] = {NULL};
    for (int i = 0; i < 4 && variables[i] != NULL; i++) {
        const char *mark = strstr(variables[i], "URL!");
        (void)snprintf(filled[i], sizeof filled[i], "%.*s%s", mark == NULL ? 255 : (int)(mark - variables[i]),
                       variables[i], mark == NULL ? "" : shared.server.url);
        environment[i] = filled[i];
    }
    process_destroy(&command);
    if (option == NULL)
        return program_run(&command, environment, NULL, "call", "Get", "{\"key\":\"a\"}", NULL);
    return program_run(&command, environment, NULL, "call", option,
                       strcmp(option, "--server") ? "default" : shared.server.url, "Get", "{\"key\":\"a\"}",
                       NULL);
}

/* "each also an environment variable WASCC_KEYVALUE_<NAME>": the option wins over it, it wins over the
 * others. */
START_TEST(an_option_wins_over_its_variable_and_that_over_the_others)
{
    static const struct {
        const char *variables[4];
        const char *option;
        int status;
    } rows[] = {
        {{"WASCC_KEYVALUE_SERVER=URL!"}, NULL, 0},
        {{"NATS_URL=URL!"}, NULL, 0},
        {{"LATTICE_HOST=URL!"}, NULL, 0},
        {{"WASCC_KEYVALUE_SERVER=URL!", "NATS_URL=" BROKEN, "LATTICE_HOST=" BROKEN}, NULL, 0},
        {{"WASCC_KEYVALUE_SERVER=" BROKEN, "NATS_URL=URL!", "LATTICE_HOST=URL!"}, NULL, 1},
        {{"NATS_URL=URL!", "LATTICE_HOST=" BROKEN}, NULL, 0},
        {{"NATS_URL=" BROKEN, "LATTICE_HOST=URL!"}, NULL, 1},
        {{"WASCC_KEYVALUE_SERVER=", "NATS_URL=URL!"}, NULL, 0},
        {{"WASCC_KEYVALUE_SERVER=" BROKEN, "NATS_URL=" BROKEN}, "--server", 0},
        {{"NATS_URL=URL!", "LATTICE_NAMESPACE=elsewhere"}, NULL, 1},
        {{"NATS_URL=URL!", "WASCC_KEYVALUE_BINDING=elsewhere"}, NULL, 1},
        {{"NATS_URL=URL!", "WASCC_KEYVALUE_BINDING=elsewhere"}, "--binding", 0},
        {{"NATS_URL=URL!", "WASCC_KEYVALUE_LATTICE_NAMESPACE=elsewhere"}, NULL, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int status = call_with(rows[i].variables, rows[i].option);
        ck_assert_msg(status == rows[i].status, "row %zu: exit %d: %s", i, status, command.err.bytes);
    }
}
END_TEST

/* LATTICE_HOST is a host, as for the lattice's own tools, with a port where it is not NATS's usual
 * one. */
START_TEST(the_lattice_host_needs_no_scheme)
{
    char variable[64];
    const char *const environment[] = {variable, NULL};
    (void)snprintf(variable, sizeof variable, "LATTICE_HOST=127.0.0.1:%d", shared.server.port);
    ck_assert_int_eq(program_run(&command, environment, NULL, "call", "Get", "{\"key\":\"a\"}", NULL), 0);
}
END_TEST

START_TEST(serve_takes_all_its_options_from_the_environment)
{
    char server[URL_BYTES + 16];
    (void)snprintf(server, sizeof server, "NATS_URL=%s", shared.server.url);
    const char *const environment[] = {server,
                                       "LATTICE_NAMESPACE=envns",
                                       "WASCC_KEYVALUE_AUTH=none",
                                       "WASCC_KEYVALUE_BINDING=envbinding",
                                       "WASCC_KEYVALUE_WORKERS=3",
                                       "WASCC_KEYVALUE_SHARDS=2",
                                       "WASCC_KEYVALUE_MAX_MEMORY=16mb",
                                       "WASCC_KEYVALUE_DRAIN_TIMEOUT=20s",
                                       "WASCC_KEYVALUE_ALLOW_SPLIT=true",
                                       "WASCC_KEYVALUE_LOG_FORMAT=json",
                                       NULL};
    const char *const argv[] = {provider_program(), "serve", NULL};
    process_start(&command, argv, program_environment(environment), NULL);
    const char *line = process_await_line(&command, "ready: ");
    ck_assert_int_eq(line[0], '{');
    ck_assert_ptr_nonnull(strstr(line, "envns.wasmbus.provider.wascc.keyvalue.envbinding."));
    ck_assert_ptr_nonnull(strstr(line, "3 workers"));
    client_call_on(&caller, "envns.wasmbus.provider.wascc.keyvalue.envbinding", ACTOR);
    ck_assert_int_eq(client_add(&caller, JSON, "n", 1), 1);
    provider_stop(&command);
}
END_TEST

START_TEST(users_and_passwords_come_from_options_or_variables)
{
    struct nats_server guarded;
    static const char *const environment[] = {"NATS_USER=u", "NATS_PASSWORD=secret!", NULL};
    nats_server_start(&guarded, "authorization { user: u, password: \"secret!\" }\n");
    provider_serve(&command, guarded.url, "--user", "u", "--password", "secret!", NULL);
    struct process other;
    int status = program_run(&other, environment, NULL, "call", "--server", guarded.url, "Get",
                             "{\"key\":\"a\"}", NULL);
    ck_assert_msg(status == 0, "%s", other.err.bytes);
    process_destroy(&other);
    provider_stop(&command);
    nats_server_kill(&guarded);
}
END_TEST

/* ---- secrets ---- */

#define SECRET "hunter2SECRET"
/* As long as a seed. */
#define LONG_SECRET "SAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAASECRET"

static void no_secret_said(void)
{
    ck_assert_msg(strstr(command.out.bytes, "SECRET") == NULL && strstr(command.err.bytes, "SECRET") == NULL,
                  "a secret is shown: %s%s", command.out.bytes, command.err.bytes);
}

/* "No secret is ever printed or logged". */
START_TEST(no_secret_is_printed)
{
    static const char *const rows[][7] = {
        {"call", "--server", "nats://u:" SECRET "@127.0.0.1:1", "Get", "{}"},
        {"call", "--server", "nats://" SECRET "@127.0.0.1:1", "Get", "{}"},
        {"call", "--server", "u:" SECRET "@127.0.0.1:1", "Get", "{}"},
        {"call", "--server", "nats://127.0.0.1:1,nats://u:" SECRET "@127.0.0.1:2", "Get", "{}"},
        {"call", "--server", "nats://u:" SECRET "@127.0.0.1:99999", "Get", "{}"},
        {"call", "--server", "nats://u:" SECRET "@@127.0.0.1:1", "Get", "{}"},
        {"call", "--server", "nats://u:one," SECRET "@127.0.0.1:1", "Get", "{}"},
        {"call", "--server", "nats://u:" SECRET ",more@127.0.0.1:1", "Get", "{}"},
        {"call", "--server", "nats://u:" SECRET, "Get", "{}"},
        {"health", "--server", "nats://u:" SECRET "@127.0.0.1:1"},
        {"health", "--server", "nats://u:" SECRET "/x@127.0.0.1:1"},
        {"health", "--server", "nats://127.0.0.1:1", "--user", "u", "--password", SECRET},
        {"health", "--password", SECRET},
        {"health", "--pasword=" SECRET},
        {"health", SECRET},
        {SECRET},
        {"serve", "--auth", "none", "--workers", LONG_SECRET},
        {"serve", "--auth", LONG_SECRET},
        {"serve", "--auth", "none", "--log-level", LONG_SECRET},
        {"serve", "--auth", "none", "--max-memory", LONG_SECRET},
        {"serve", "--auth", "none", "--drain-timeout", LONG_SECRET},
        {"serve", "--auth", "none", "--binding", LONG_SECRET ".x"},
        {"keygen", LONG_SECRET},
        {"call", "--actor", LONG_SECRET, "Get", "{}"},
        {"inspect", LONG_SECRET},
        {"call", "Get", SECRET},
    };
    const char *const *a = rows[_i];
    ck_assert_int_ne(program_run(&command, NULL, NULL, a[0], a[1], a[2], a[3], a[4], a[5], a[6], NULL), 0);
    ck_assert_str_ne(command.err.bytes, "");
    no_secret_said();
}
END_TEST

#define SECRET_ROWS 26

/* ---- logs ---- */

/* Does what there is to log at every level: errors of every kind, a lost server, a drain. */
static void busy_life(const char *format)
{
    struct nats_server server;
    nats_server_start(&server, NULL);
    provider_serve(&command, server.url, "--log-level", "debug", "--log-format", format, "--shards", "1",
                   "--max-memory", "64kb", NULL);
    client_close(&caller);
    client_open(&caller, server.url);
    json_decref(client_call(&caller, JSON, "Set", "{s:s,s:s}", "key", "MARKERkey", "value", "MARKERvalue"));
    json_decref(client_call(&caller, PROTOBUF, "Push", "{s:s,s:s}", "key", "list", "value", "MARKERitem"));
    client_refused(&caller, JSON, "Get", 409, NULL, "{s:s}", "key", "list");
    client_refused(&caller, JSON, "Set", 400, NULL, "{s:s,s:s,s:i}", "key", "a", "value", "MARKERbad",
                   "expires_s", -1);
    client_refused(&caller, PROTOBUF, "Add", 409, NULL, "{s:s,s:i}", "key", "MARKERkey", "value", 1);
    char large[70001];
    memset(large, 'x', 70000);
    memcpy(large, "MARKERlarge", 11);
    large[70000] = '\0';
    client_refused(&caller, JSON, "Set", 507, NULL, "{s:s,s:s}", "key", "b", "value", large);
    client_close(&caller);
    nats_server_kill(&server);
    (void)process_await_line(&command, "disconnected");
    nats_server_start_on(&server, server.port, NULL);
    (void)process_await_line(&command, "reconnected");
    process_signal(&command, SIGTERM);
    ck_assert_int_eq(process_await_exit(&command), 0);
    nats_server_kill(&server);
}

/* The line of the log that holds the text, from the process's beginning on. */
static void log_line(const char *text, char *line, size_t line_bytes)
{
    const char *found = process_await_line(&command, text);
    (void)snprintf(line, line_bytes, "%.*s", (int)strcspn(found, "\n"), found);
}

/* Version, commit, servers, binding and engine in one line, on what terms in another; no secret. */
START_TEST(the_log_begins_with_what_was_started)
{
    char line[1024], servers[2 * URL_BYTES + 32], says[sizeof servers + 128], version[128] = "";
    ck_assert_int_eq(program_run(&command, NULL, NULL, "--version", NULL), 0);
    ck_assert_int_eq(sscanf(command.out.bytes, "%127[^\n]", version), 1);
    process_destroy(&command);
    (void)snprintf(servers, sizeof servers, "u:" SECRET "@127.0.0.1:%d,nats://127.0.0.1:1",
                   shared.server.port);
    provider_start(&command, servers, "--binding", "begins", "--max-memory", "512mb", NULL);
    (void)snprintf(says, sizeof says, "starting: %s with the engine memory at %s,nats://127.0.0.1:1", version,
                   shared.server.url);
    log_line("starting: wascc-keyvalue ", line, sizeof line);
    ck_assert_msg(strstr(line, says) != NULL, "\"%s\" is not in: %s", says, line);
    log_line("starting: ", line, sizeof line);
    ck_assert_msg(strstr(line, "starting: --auth none, 0 trusted issuers, 0 trusted hosts; memory: at most "
                               "536870912 bytes") != NULL,
                  "%s", line);
    ck_assert_ptr_null(strstr(command.err.bytes, SECRET));
    provider_stop(&command);
}
END_TEST

START_TEST(without_a_bound_the_log_says_so)
{
    provider_start(&command, shared.server.url, "--binding", "begins", NULL);
    (void)process_await_line(&command, "; memory: NO BOUND (--max-memory sets one)");
    provider_stop(&command);
}
END_TEST

static void has_text(const json_t *event, const char *member, const char *text)
{
    const char *is = json_string_value(json_object_get(event, member));
    ck_assert_msg(is != NULL && strcmp(is, text) == 0, "%s is %s and not %s", member,
                  is == NULL ? "no text" : is, text);
}

START_TEST(a_json_log_begins_with_members)
{
    char line[1024];
    provider_start(&command, shared.server.url, "--binding", "begins", "--lattice-namespace", "space",
                   "--max-memory", "512mb", "--log-format", "json", NULL);
    log_line("starting: wascc-keyvalue ", line, sizeof line);
    json_t *event = json_of(line, strlen(line));
    has_text(event, "version", WKV_VERSION);
    has_text(event, "commit", wkv_revision());
    has_text(event, "server", shared.server.url);
    has_text(event, "lattice_namespace", "space");
    has_text(event, "binding", "begins");
    has_text(event, "engine", "memory");
    json_decref(event);
    log_line("starting: ", line, sizeof line);
    event = json_of(line, strlen(line));
    has_text(event, "auth", "none");
    has_text(event, "memory", "at most 536870912 bytes");
    ck_assert_int_eq(json_integer_value(json_object_get(event, "max_memory_bytes")), 536870912);
    json_decref(event);
    provider_stop(&command);
}
END_TEST

/* "one line an event, text or JSON …; never a value, never a token". */
START_TEST(no_value_is_ever_logged)
{
    busy_life(_i == 0 ? "text" : "json");
    ck_assert_msg(strstr(command.err.bytes, "MARKER") == NULL, "a value is in the log: %s",
                  command.err.bytes);
    ck_assert_str_eq(command.out.bytes, "");
}
END_TEST

START_TEST(each_line_of_a_json_log_is_an_event_in_json)
{
    busy_life("json");
    size_t lines = 0;
    for (char *line = command.err.bytes, *end; (end = strchr(line, '\n')) != NULL; line = end + 1, lines++) {
        json_t *event = json_of(line, (size_t)(end - line));
        static const char *const members[] = {"time", "level", "message"};
        for (size_t i = 0; i < 3; i++)
            ck_assert_msg(json_is_string(json_object_get(event, members[i])), "no %s in %.*s", members[i],
                          (int)(end - line), line);
        json_decref(event);
    }
    ck_assert_uint_gt(lines, 5);
    ck_assert(ends_with_newline(command.err.bytes));
}
END_TEST

START_TEST(each_line_of_a_text_log_has_a_time_and_a_level)
{
    busy_life("text");
    for (char *line = command.err.bytes, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        int year, month, day, hour, minute, used = 0;
        char level[8];
        ck_assert_msg(sscanf(line, "%4d-%2d-%2dT%2d:%2d:%*fZ %7s %n", &year, &month, &day, &hour, &minute,
                             level, &used) == 6 &&
                          used > 0,
                      "%.*s", (int)(end - line), line);
        ck_assert_msg(strcmp(level, "error") == 0 || strcmp(level, "warn") == 0 ||
                          strcmp(level, "info") == 0 || strcmp(level, "debug") == 0,
                      "%s", level);
    }
}
END_TEST

START_TEST(the_log_level_decides_what_is_logged)
{
    struct nats_server server;
    nats_server_start(&server, NULL);
    client_close(&caller);
    client_open(&caller, server.url);
    provider_start(&command, server.url, "--log-level", "error", NULL);
    long long deadline_ms = now_ms() + WAIT_MS;
    for (;;) {
        struct answer answer = client_send(&caller, "Get", "{\"key\":\"a\"}", 11);
        natsStatus status = answer.status;
        answer_free(&answer);
        if (status == NATS_OK)
            break;
        ck_assert_msg(now_ms() < deadline_ms, "it does not serve");
    }
    process_signal(&command, SIGTERM);
    ck_assert_int_eq(process_await_exit(&command), 0);
    ck_assert_str_eq(command.err.bytes, "");
    nats_server_kill(&server);
}
END_TEST

static TCase *add_case(Suite *suite, const char *name)
{
    TCase *tests = tcase_create(name);
    tcase_add_checked_fixture(tests, NULL, end_command);
    suite_add_tcase(suite, tests);
    return tests;
}

Suite *cli_suite(void)
{
    Suite *suite = suite_create("integration/cli");
    TCase *tests = add_case(suite, "without a server");
    tcase_add_loop_test(tests, a_bad_option_exits_64_with_one_line_that_names_it, 0, BAD);
    tcase_add_test(tests, without_a_command_it_tells_the_commands_and_exits_64);
    tcase_add_test(tests, without_trusted_keys_serve_says_what_to_do);
    tcase_add_test(tests, help_names_every_option_and_variable);
    tcase_add_test(tests, help_fits_80_columns);
    tcase_add_test(tests, what_cannot_be_printed_is_a_failure);
    tcase_add_test(tests, version_is_one_line);
    tcase_add_loop_test(tests, no_secret_is_printed, 0, SECRET_ROWS);
    tests = add_case(suite, "with a server");
    tcase_add_unchecked_fixture(tests, start_shared, shared_stop);
    tcase_add_checked_fixture(tests, caller_open, caller_close);
    tcase_add_test(tests, call_prints_the_reply_as_json);
    tcase_add_test(tests, call_takes_json_from_standard_input);
    tcase_add_test(tests, call_prints_an_error_reply_and_exits_1);
    tcase_add_test(tests, call_says_when_there_is_no_server_or_no_instance);
    tcase_add_test(tests, a_connection_that_fails_says_why);
    tcase_add_test(tests, a_silent_server_may_wait_for_tls);
    tcase_add_test(tests, call_speaks_as_an_example_actor_unless_told);
    tcase_add_loop_test(tests, call_takes_nothing_but_a_providers_reply_for_one, 0,
                        sizeof strange / sizeof strange[0]);
    tcase_add_test(tests, call_goes_on_behind_a_page_with_a_nul);
    tcase_add_test(tests, call_makes_a_change_once_for_each_message_id);
    tcase_add_test(tests, call_refuses_what_the_server_would);
    tcase_add_test(tests, options_may_stand_behind_operands);
    tcase_add_test(tests, the_least_memory_is_told_truly);
    tcase_add_test(tests, health_exits_0_where_an_instance_answers);
    tcase_add_test(tests, health_can_answer_in_json);
    tcase_add_test(tests, health_exits_1_where_none_does);
    tcase_add_test(tests, an_option_wins_over_its_variable_and_that_over_the_others);
    tcase_add_test(tests, the_lattice_host_needs_no_scheme);
    tcase_add_test(tests, serve_takes_all_its_options_from_the_environment);
    tcase_add_test(tests, users_and_passwords_come_from_options_or_variables);
    tcase_add_test(tests, the_log_begins_with_what_was_started);
    tcase_add_test(tests, without_a_bound_the_log_says_so);
    tcase_add_test(tests, a_json_log_begins_with_members);
    tcase_add_loop_test(tests, no_value_is_ever_logged, 0, 2);
    tcase_add_test(tests, each_line_of_a_json_log_is_an_event_in_json);
    tcase_add_test(tests, each_line_of_a_text_log_has_a_time_and_a_level);
    tcase_add_test(tests, the_log_level_decides_what_is_logged);
    return suite;
}
