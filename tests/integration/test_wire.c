/* What stands on the wire before the server has shown that it may be told: seen by a listener that is no
 * nats-server, and by real ones that demand odd passwords. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "relay.h"

#define PASSWORD "hunter2-hunter2"

/* ---- a server that offers no TLS ---- */

static int listen_on_loopback(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, 16), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

/* Greets whoever comes first as a server without TLS. Returns whether that one says anything before it hangs
 * up.
 */
static bool is_spoken_to(int listener)
{
    static const char info[] = "INFO {\"server_id\":\"x\",\"version\":\"2.9.0\",\"proto\":1,\"headers\":true,"
                               "\"max_payload\":1048576,\"auth_required\":true}\r\n";
    struct pollfd waiting = {.fd = listener, .events = POLLIN};
    char heard;
    ck_assert_msg(poll(&waiting, 1, WAIT_MS) == 1, "nobody comes");
    struct pollfd client = {.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), .events = POLLIN};
    ck_assert_int_ge(client.fd, 0);
    bare_send(client.fd, info, sizeof info - 1);
    ck_assert_msg(poll(&client, 1, WAIT_MS) == 1, "it neither speaks nor hangs up");
    ssize_t got = recv(client.fd, &heard, 1, 0);
    (void)close(client.fd);
    return got > 0;
}

/* %d is the port. The first three begin as the command does. */
static const struct {
    const char *command[5];
    const char *option, *value;
    const char *variable;
    bool silent;
} ways[] = {
    {{"serve", "--auth", "none"}, "--server", "tls://u:" PASSWORD "@127.0.0.1:%d", NULL, true},
    {{"health"}, "--server", "tls://u:" PASSWORD "@127.0.0.1:%d", NULL, true},
    {{"call", NULL}, "--server", "TLS://u:" PASSWORD "@127.0.0.1:%d", NULL, true},
    {{"top", "--count", "1"}, "--server", "tls://" PASSWORD "@127.0.0.1:%d", NULL, true},
    {{"health", "--user", "u", "--password", PASSWORD}, "--server", "tls://127.0.0.1:%d", NULL, true},
    {{"health"}, NULL, NULL, "NATS_URL=tls://u:" PASSWORD "@127.0.0.1:%d", true},
    {{"health"}, NULL, NULL, "LATTICE_HOST=tls://u:" PASSWORD "@127.0.0.1:%d", true},
    {{"serve", "--auth", "none"},
     NULL,
     NULL,
     "WASCC_KEYVALUE_SERVER=tls://u:" PASSWORD "@127.0.0.1:%d",
     true},
    {{"health", "--tlsca", "CA"}, "--server", "nats://u:" PASSWORD "@127.0.0.1:%d", NULL, true},
    /* The listener hears what there is to hear. */
    {{"health"}, "--server", "nats://u:" PASSWORD "@127.0.0.1:%d", NULL, false},
};

/* Debian's own; the TLS that is asked for never begins. */
static const char *authorities(void)
{
    static const char path[] = "/etc/ssl/certs/ca-certificates.crt";
    return access(path, R_OK) == 0 ? path : NULL;
}

START_TEST(tls_means_tls_or_nothing)
{
    struct process process;
    const char *argv[16] = {provider_program()};
    char value[URL_BYTES], variable[URL_BYTES];
    const char *const environment[] = {ways[_i].variable == NULL ? NULL : variable, NULL};
    int port;
    size_t count = 1;
    int listener = listen_on_loopback(&port);
    for (size_t i = 0; i < 5 && ways[_i].command[i] != NULL; i++) {
        argv[count] = strcmp(ways[_i].command[i], "CA") == 0 ? authorities() : ways[_i].command[i];
        if (argv[count++] == NULL)
            return;
    }
    if (ways[_i].option != NULL) {
        (void)snprintf(value, sizeof value, ways[_i].value, port);
        argv[count++] = ways[_i].option;
        argv[count++] = value;
    } else {
        (void)snprintf(variable, sizeof variable, ways[_i].variable, port);
    }
    if (strcmp(argv[1], "call") == 0) {
        argv[count++] = "Get";
        argv[count++] = "{\"key\":\"a\"}";
    }
    process_start(&process, argv, program_environment(environment), NULL);
    ck_assert_int_eq(is_spoken_to(listener), !ways[_i].silent);
    if (ways[_i].silent)
        (void)process_await_line(&process, "offers no TLS");
    process_destroy(&process);
    (void)close(listener);
}
END_TEST

/* ---- passwords that are not plain words ---- */

#define ODD_USER "us\\er \"x\" @%41:,\xc3\xa4"
#define ODD_PASSWORD "\"},\"user\":\"root\\\\ %25 @/:,?#\xe2\x82\xac\xf0\x9f\x94\x91 end"

/* As it stands between double quotes in the server's configuration. */
static void quote(const char *text, char *out, size_t out_bytes)
{
    size_t len = 0;
    for (; *text != '\0'; text++) {
        ck_assert_uint_lt(len + 3, out_bytes);
        if (*text == '"' || *text == '\\')
            out[len++] = '\\';
        out[len++] = *text;
    }
    out[len] = '\0';
}

/* Every byte but letters and digits is encoded. */
static void encode(const char *text, char *out, size_t out_bytes)
{
    size_t len = 0;
    for (; *text != '\0'; text++) {
        ck_assert_uint_lt(len + 4, out_bytes);
        if ((*text >= 'a' && *text <= 'z') || (*text >= '0' && *text <= '9'))
            out[len++] = *text;
        else
            len += (size_t)sprintf(out + len, "%%%02X", (unsigned char)*text);
    }
    out[len] = '\0';
}

static void check_health(const struct nats_server *server, const char *user_info,
                         const char *const *environment, const char *first, const char *second,
                         const char *third, const char *fourth)
{
    struct process process;
    char url[512];
    (void)snprintf(url, sizeof url, "nats://%s127.0.0.1:%d", user_info, server->port);
    int status = program_run(&process, environment, NULL, "health", "--server", url, first, second, third,
                             fourth, NULL);
    ck_assert_msg(status == 0, "%s: %d: %s", url, status, process.err.bytes);
    process_destroy(&process);
}

START_TEST(a_password_may_have_any_characters_in_it)
{
    char path[] = "/tmp/wkv-password-XXXXXX";
    char user[128], password[256], config[1024], user_info[512], variable[128];
    struct nats_server server;
    struct process provider;
    quote(ODD_USER, user, sizeof user);
    quote(ODD_PASSWORD, password, sizeof password);
    (void)snprintf(config, sizeof config, "authorization { user: \"%s\", password: \"%s\" }\n", user,
                   password);
    nats_server_start(&server, config);
    provider_serve(&provider, server.url, "--user", ODD_USER, "--password", ODD_PASSWORD, NULL);
    check_health(&server, "", NULL, "--user", ODD_USER, "--password", ODD_PASSWORD);

    encode(ODD_USER, user, sizeof user);
    encode(ODD_PASSWORD, password, sizeof password);
    (void)snprintf(user_info, sizeof user_info, "%s:%s@", user, password);
    check_health(&server, user_info, NULL, NULL, NULL, NULL, NULL);

    int fd = mkostemp(path, O_CLOEXEC);
    ck_assert_int_eq(write(fd, ODD_PASSWORD "\n", sizeof ODD_PASSWORD), sizeof ODD_PASSWORD);
    (void)close(fd);
    check_health(&server, "", NULL, "--user", ODD_USER, "--password-file", path);
    (void)snprintf(variable, sizeof variable, "WASCC_KEYVALUE_PASSWORD_FILE=%s", path);
    const char *const of_file[] = {"NATS_USER=" ODD_USER, variable, NULL};
    check_health(&server, "", of_file, NULL, NULL, NULL, NULL);
    const char *const of_variable[] = {"WASCC_KEYVALUE_USER=" ODD_USER, "NATS_PASSWORD=" ODD_PASSWORD, NULL};
    check_health(&server, "", of_variable, NULL, NULL, NULL, NULL);
    (void)unlink(path);
    provider_stop(&provider);
    nats_server_kill(&server);
}
END_TEST

START_TEST(a_token_may_have_any_characters_in_it)
{
    char token[256], config[512], user_info[512];
    struct nats_server server;
    struct process provider;
    char url[600];
    quote(ODD_PASSWORD, token, sizeof token);
    (void)snprintf(config, sizeof config, "authorization { token: \"%s\" }\n", token);
    nats_server_start(&server, config);
    encode(ODD_PASSWORD, token, sizeof token);
    (void)snprintf(user_info, sizeof user_info, "%s@", token);
    (void)snprintf(url, sizeof url, "nats://%s127.0.0.1:%d", user_info, server.port);
    provider_serve(&provider, url, NULL);
    check_health(&server, user_info, NULL, NULL, NULL, NULL, NULL);
    provider_stop(&provider);
    nats_server_kill(&server);
}
END_TEST

/* Each server of a list has a user of its own. */
START_TEST(each_server_of_a_list_is_told_its_own_password)
{
    static const char *const configs[] = {"authorization { user: one, password: first-password }\n",
                                          "authorization { user: two, password: second-password }\n"};
    struct nats_server servers[2];
    struct process provider;
    char urls[2 * URL_BYTES + 64];
    for (size_t i = 0; i < 2; i++)
        nats_server_start(&servers[i], configs[i]);
    (void)snprintf(urls, sizeof urls,
                   "nats://one:first-password@127.0.0.1:%d,nats://two:second-password@127.0.0.1:%d",
                   servers[0].port, servers[1].port);
    provider_serve(&provider, urls, NULL);
    nats_server_kill(&servers[0]);
    for (int i = 0; i < 4; i++) /* system, discovery and two workers */
        (void)process_await_line(&provider, ": reconnected");
    check_health(&servers[1], "two:second-password@", NULL, NULL, NULL, NULL, NULL);
    provider_stop(&provider);
    nats_server_kill(&servers[1]);
}
END_TEST

Suite *wire_suite(void)
{
    Suite *suite = suite_create("integration/wire");
    TCase *tests = tcase_create("wire");
    tcase_add_loop_test(tests, tls_means_tls_or_nothing, 0, sizeof ways / sizeof ways[0]);
    tcase_add_test(tests, a_password_may_have_any_characters_in_it);
    tcase_add_test(tests, a_token_may_have_any_characters_in_it);
    tcase_add_test(tests, each_server_of_a_list_is_told_its_own_password);
    suite_add_tcase(suite, tests);
    return suite;
}
