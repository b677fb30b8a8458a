/* Connections come to be side by side, with whichever server is well, and come back soon; what a server takes
 * back later is noticed, and nothing of it keeps the process from hearing that it is to stop.
 */
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "claims.h"
#include "harness.h"
#include "http.h"
#include "relay.h"

#define WITH_METRICS "--metrics-listen", "127.0.0.1:0"
#define SERVERS 3

static struct nats_server servers[SERVERS];
static struct process provider;
static struct client client;
static struct relay *relay;
static int http_port;
static char config_path[64];

static void start(void)
{
    memset(servers, 0, sizeof servers);
    config_path[0] = '\0';
}

static void stop(void)
{
    client_close(&client);
    harness_close_nats();
    process_destroy(&provider);
    relay_stop(relay);
    relay = NULL;
    for (size_t i = 0; i < SERVERS; i++)
        nats_server_kill(&servers[i]);
    if (config_path[0] != '\0')
        (void)unlink(config_path);
}

static void await_http(void)
{
    const char *line = process_await_line(&provider, "metrics: listening on 127.0.0.1:");
    http_port = atoi(strstr(line, "127.0.0.1:") + strlen("127.0.0.1:"));
    http_await_status(http_port, "/readyz", 200);
}

/* A second is promised. What is not promised takes two at least, and a sanitizer on a busy machine its time.
 */
static long long soon_ms(void)
{
    return provider_is_sanitized() ? 8000 : 1900;
}

/* Other processes may have the processors for seconds: one of so many tries has to be in time. */
#define TRIES 4

static bool was_late;

static void check_time(const char *what, long long took_ms, long long most_ms)
{
    if (took_ms >= most_ms) {
        was_late = true;
        (void)printf("%s after %lld ms\n", what, took_ms);
    }
}

static void one_is_in_time(void (*attempt)(void))
{
    for (int i = 0; i < TRIES; i++) {
        was_late = false;
        attempt();
        if (!was_late)
            return;
        stop();
        start();
    }
    ck_abort_msg("late each of %d times", TRIES);
}

#define TEST_IN_TIME(name)                                                                                   \
    static void name##_once(void);                                                                           \
    START_TEST(name)                                                                                         \
    {                                                                                                        \
        one_is_in_time(name##_once);                                                                         \
    }                                                                                                        \
    END_TEST                                                                                                 \
    static void name##_once(void)

/* Asks until there is an answer, which must be soon. */
static void served_soon(long long begin_ms, const char *after)
{
    struct pipeline pipeline;
    pipeline_open(&pipeline, &client, 100000);
    while (pipeline.ok == 0) {
        ck_assert_msg(now_ms() - begin_ms < WAIT_MS, "%s: nobody answers", after);
        ck_assert(pipeline_send(&pipeline, "KeyExists", "{\"key\":\"x\"}", 11));
        (void)pipeline_receive(&pipeline, 20, NULL);
    }
    long long took_ms = now_ms() - begin_ms;
    pipeline_close(&pipeline);
    check_time(after, took_ms, soon_ms());
}

/* ---- several servers ---- */

/* A listener whose connections are made by the kernel and never spoken to. Returns its socket. */
static int listen_silently(int family, int port)
{
    struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback, .sin6_port = htons((uint16_t)port)};
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&v6, sizeof v6) != 0 || listen(fd, 64) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* The one that all connections are made to becomes half dead, the other one is well. */
TEST_IN_TIME(a_half_dead_server_is_passed_by)
{
    char half_dead[URL_BYTES], both[2 * URL_BYTES];
    nats_server_start(&servers[0], NULL);
    relay = relay_start(servers[0].port);
    relay_url(relay, half_dead);
    (void)snprintf(both, sizeof both, "%s,%s", half_dead, servers[0].url);
    provider_start(&provider, both, WITH_METRICS, NULL);
    await_http();
    client_open(&client, servers[0].url);
    long long begin_ms = now_ms();
    relay_cut(relay, RELAY_SILENT);
    served_soon(begin_ms, "half dead");
    http_await_status(http_port, "/readyz", 200);
    provider_stop(&provider);
}

/* At the start, with a frozen server named before the one that is well. */
TEST_IN_TIME(a_frozen_server_is_passed_by_at_the_start)
{
    char both[2 * URL_BYTES];
    nats_server_start(&servers[0], NULL);
    nats_server_start(&servers[1], NULL);
    nats_server_freeze(&servers[0]);
    (void)snprintf(both, sizeof both, "%s,%s", servers[0].url, servers[1].url);
    client_open(&client, servers[1].url);
    long long begin_ms = now_ms();
    provider_start(&provider, both, NULL);
    served_soon(begin_ms, "frozen from the start");
    provider_stop(&provider);
}

/* A frozen server is noticed by two pings of five seconds that it misses. */
#define NOTICED_MS 20000

TEST_IN_TIME(a_frozen_server_is_noticed)
{
    char both[2 * URL_BYTES];
    nats_server_start(&servers[0], NULL);
    nats_server_start(&servers[1], NULL);
    (void)snprintf(both, sizeof both, "%s,%s", servers[0].url, servers[1].url);
    provider_serve(&provider, both, NULL);
    client_open(&client, servers[1].url);
    nats_server_freeze(&servers[0]);
    long long begin_ms = now_ms();
    (void)process_await_line(&provider, "disconnected");
    long long noticed_ms = now_ms();
    check_time("noticed", noticed_ms - begin_ms, NOTICED_MS);
    served_soon(noticed_ms, "noticed");
    /* That the frozen server answered no question is not the permissions' fault. */
    process_read(&provider);
    ck_assert_msg(strstr(provider.err.bytes, "no answer to the question") == NULL, "%s", provider.err.bytes);
    provider_stop(&provider);
}

static bool has_localhost(void)
{
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (getaddrinfo("localhost", NULL, &hints, &found) != 0)
        return false;
    freeaddrinfo(found);
    return true;
}

/* localhost is such a name where the machine has both protocols: at one of its addresses there is a server,
 * at the other somebody who never speaks. */
TEST_IN_TIME(of_a_name_with_several_addresses_the_one_that_speaks_is_found)
{
    char url[URL_BYTES];
    nats_server_start(&servers[0], NULL);
    int silent = listen_silently(AF_INET6, servers[0].port);
    if (silent < 0 || !has_localhost()) {
        (void)printf("skip of_a_name_with_several_addresses no IPv6, or nobody knows localhost\n");
        return;
    }
    (void)snprintf(url, sizeof url, "nats://localhost:%d", servers[0].port);
    client_open(&client, servers[0].url);
    long long begin_ms = now_ms();
    provider_start(&provider, url, NULL);
    served_soon(begin_ms, "one address that speaks");
    provider_stop(&provider);
    (void)close(silent);
}

/* ---- servers that were told of ---- */

static void start_cluster(int count)
{
    int ports[SERVERS];
    char config[1024];
    for (int i = 0; i < count; i++)
        ports[i] = free_port();
    for (int i = 0; i < count; i++) {
        (void)snprintf(config, sizeof config,
                       "cluster { name: c, listen: \"127.0.0.1:%d\", routes: [\"nats://127.0.0.1:%d\"] }\n",
                       ports[i], ports[0]);
        nats_server_start(&servers[i], config);
    }
}

TEST_IN_TIME(a_server_that_was_told_of_is_found)
{
    start_cluster(2);
    (void)process_await_line(&servers[0].process, "Route connection created");
    provider_start(&provider, servers[0].url, WITH_METRICS, NULL);
    await_http();
    client_open(&client, servers[1].url);
    served_soon(now_ms(), "through the cluster");
    nats_server_kill(&servers[0]);
    served_soon(now_ms(), "the server that was named is gone");
    http_await_status(http_port, "/readyz", 200);
    provider_stop(&provider);
}

/* Waits until the server has told its clients of another one, and leaves them time to hear it. */
static void await_told_of_servers(const char *url)
{
    struct client other = {.connection = NULL};
    int count = 0;
    client_open(&other, url);
    for (long long until_ms = now_ms() + WAIT_MS; count == 0; nats_Sleep(5)) {
        char **urls = NULL;
        ck_assert_int_eq(natsConnection_GetDiscoveredServers(other.connection, &urls, &count), NATS_OK);
        for (int i = 0; i < count; i++)
            free(urls[i]);
        free(urls);
        ck_assert_int_lt(now_ms(), until_ms);
    }
    client_close(&other);
    nats_Sleep(500);
}

/* One that joins the cluster later is told of in a later INFO. */
TEST_IN_TIME(a_server_that_joins_later_is_found)
{
    char config[256];
    int port = free_port();
    (void)snprintf(config, sizeof config, "cluster { name: c, listen: \"127.0.0.1:%d\" }\n", port);
    nats_server_start(&servers[0], config);
    provider_start(&provider, servers[0].url, WITH_METRICS, NULL);
    await_http();
    (void)snprintf(config, sizeof config,
                   "cluster { name: c, listen: \"127.0.0.1:-1\", routes: [\"nats://127.0.0.1:%d\"] }\n",
                   port);
    nats_server_start(&servers[1], config);
    client_open(&client, servers[1].url);
    served_soon(now_ms(), "through the cluster");
    await_told_of_servers(servers[0].url);
    nats_server_kill(&servers[0]);
    served_soon(now_ms(), "the server that was named is gone");
    provider_stop(&provider);
}

/* ---- back-off ---- */

/* So long that a back-off that grows has grown. */
#define AWAY_MS 8000

TEST_IN_TIME(a_server_that_was_away_is_found_soon)
{
    nats_server_start(&servers[0], NULL);
    provider_start(&provider, servers[0].url, WITH_METRICS, NULL);
    await_http();
    nats_server_kill(&servers[0]);
    http_await_status(http_port, "/readyz", 503);
    nats_Sleep(AWAY_MS);
    nats_server_start_on(&servers[0], servers[0].port, NULL);
    long long begin_ms = now_ms();
    client_open(&client, servers[0].url);
    served_soon(begin_ms, "away for a while");
    http_await_status(http_port, "/readyz", 200);
    check_time("ready again", now_ms() - begin_ms, 2 * soon_ms());
    provider_stop(&provider);
}

/* ---- told to stop ---- */

#define IN_FLIGHT 64

/* One of the connections is being made, and that takes its time: the others are drained all the same, at
 * once. */
TEST_IN_TIME(what_is_connected_drains_whatever_is_being_connected)
{
    char url[URL_BYTES];
    struct pipeline pipeline;
    nats_server_start(&servers[0], NULL);
    relay = relay_start(servers[0].port);
    relay_url(relay, url);
    provider_start(&provider, url, WITH_METRICS, "--drain-timeout", "20s", NULL);
    await_http();
    client_open(&client, servers[0].url);
    relay_cut_newest(relay, RELAY_SILENT);
    for (long long until_ms = now_ms() + WAIT_MS; !relay_is_waited_on(relay); nats_Sleep(1))
        ck_assert_int_lt(now_ms(), until_ms);
    pipeline_open(&pipeline, &client, 1000000);
    long long begin_ms = now_ms();
    process_signal(&provider, SIGTERM);
    while (pipeline.no_responders == 0) {
        ck_assert(pipeline_send(&pipeline, "KeyExists", "{\"key\":\"x\"}", 11));
        pipeline_settle(&pipeline, IN_FLIGHT);
    }
    check_time("drained", now_ms() - begin_ms, soon_ms());
    pipeline_settle(&pipeline, 0);
    int status = process_await_exit(&provider);
    ck_assert_msg(status == 0, "exit %d: %s", status, provider.err.bytes);
    pipeline_close(&pipeline);
}

/* ---- what the server takes back ---- */

static void write_config(const char *permissions)
{
    FILE *file = fopen(config_path, "we");
    ck_assert_ptr_nonnull(file);
    (void)fprintf(
        file,
        "authorization { users = [ {user: \"p\", password: \"p\"%s}, {user: \"c\", password: \"c\"} ] }\n",
        permissions);
    ck_assert_int_eq(fclose(file), 0);
}

/* A server whose configuration can be read again. */
static void start_reloadable(void)
{
    char port[16];
    (void)snprintf(config_path, sizeof config_path, "/tmp/wkv-connections-%ld.conf", (long)getpid());
    write_config("");
    servers[0].port = free_port();
    (void)snprintf(port, sizeof port, "%d", servers[0].port);
    const char *argv[] = {"nats-server", "-a", "127.0.0.1", "-p", port, "-c", config_path, NULL};
    process_start(&servers[0].process, argv, NULL, NULL);
    (void)process_await_line(&servers[0].process, "Server is ready");
    url_of(servers[0].port, servers[0].url);
}

static void reload_server(const char *permissions)
{
    write_config(permissions);
    process_signal(&servers[0].process, SIGHUP);
    (void)process_await_line(&servers[0].process, "Reloaded server configuration");
}

/* The server takes a subscription back and, later, grants it again, and tells of the first only. */
TEST_IN_TIME(a_subscription_that_is_taken_back_is_asked_for_until_it_is_granted)
{
    char url[URL_BYTES];
    start_reloadable();
    provider_start(&provider, servers[0].url, "--user", "p", "--password", "p", WITH_METRICS, NULL);
    await_http();
    (void)snprintf(url, sizeof url, "nats://c:c@127.0.0.1:%d", servers[0].port);
    client_open(&client, url);
    ck_assert_int_eq(client_add(&client, JSON, "n", 1), 1);
    reload_server(", permissions: {subscribe: {deny: [\"" DEFAULT_BASE ".*.Add\"]}}");
    (void)process_await_line(&provider, "the server revoked a subscription");
    http_await_status(http_port, "/readyz", 503);
    (void)process_await_line(&provider, "grant this user `subscribe` on it");
    ck_assert_int_eq(http_status(http_port, "/readyz"), 503);
    reload_server("");
    long long begin_ms = now_ms();
    served_soon(begin_ms, "granted again");
    http_await_status(http_port, "/readyz", 200);
    ck_assert_int_eq(client_add(&client, JSON, "n", 1), 2);
    provider_stop(&provider);
}

/* How often it says that it has lost a connection. */
static size_t losses(void)
{
    size_t times = 0;
    process_read(&provider);
    for (const char *at = provider.err.bytes; (at = strstr(at, "disconnected")) != NULL; at++)
        times++;
    return times;
}

/* Waits until no connection is lost for a while. */
static void await_quiet(void)
{
    long long until_ms = now_ms() + WAIT_MS;
    for (size_t before = losses() + 1; before != losses();) {
        ck_assert_msg(now_ms() < until_ms, "it goes on losing connections: %s", provider.err.bytes);
        before = losses();
        nats_Sleep(2000);
    }
}

/* Asks until somebody listens on the subject, or nobody does. */
static void await_listener(const char *subject, bool wanted)
{
    natsStatus status;
    long long until_ms = now_ms() + WAIT_MS;
    do {
        natsMsg *reply = NULL;
        status = natsConnection_RequestString(&reply, client.connection, subject, "", WAIT_MS);
        natsMsg_Destroy(reply);
        ck_assert_msg(now_ms() < until_ms, "%s: %s\n%s", subject, natsStatus_GetText(status),
                      provider.err.bytes);
        nats_Sleep(5);
    } while (status != (wanted ? NATS_OK : NATS_NO_RESPONDERS));
}

/* What the lattice listens on can be done without, so all else is served on; and it too comes back: at the
 * first time of asking, or when that was too early. */
START_TEST(what_the_lattice_had_is_taken_back_and_comes_back)
{
    static const char *const subjects[] = {DEFAULT_BASE, DEFAULT_BASE ".MALONE", "wasmbus.inventory.hosts"};
    char url[URL_BYTES];
    struct client sys = {.connection = NULL};
    start_reloadable();
    provider_start(&provider, servers[0].url, "--user", "p", "--password", "p", WITH_METRICS, NULL);
    await_http();
    (void)snprintf(url, sizeof url, "nats://c:c@127.0.0.1:%d", servers[0].port);
    client_open(&client, url);
    system_open(&sys, url);
    bind_actor(&sys, JSON, (struct papers){.claims = NULL}, "MALONE", NULL);
    for (int round = 0; round < 2; round++) {
        reload_server(", permissions: {subscribe: {deny: [\"" DEFAULT_BASE "\", \"" DEFAULT_BASE
                      ".MALONE\", \"wasmbus.inventory.*\"]}}");
        for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++)
            await_listener(subjects[i], false);
        /* It asks, and is told no again. */
        if (round == 1)
            for (int told = 0; told < 2; told++)
                (void)process_await_line(&provider, "\"" DEFAULT_BASE "\" (Not Permitted)");
        ck_assert_int_eq(http_status(http_port, "/readyz"), 200);
        ck_assert_int_eq(client_add(&client, JSON, "n", 1), round + 1);
        reload_server("");
        for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++)
            await_listener(subjects[i], true);
    }
    ck_assert_uint_eq(losses(), 0);
    client_close(&sys);
    provider_stop(&provider);
}
END_TEST

/* nats-server tells no connected client of a smaller limit, and ends the connection of who goes beyond it:
 * the log says so, and whoever asks next is told. */
START_TEST(a_smaller_limit_of_the_server_is_the_cause_of_a_loss)
{
    char url[URL_BYTES], value[2000];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    start_reloadable();
    provider_start(&provider, servers[0].url, "--user", "p", "--password", "p", "--workers", "1",
                   WITH_METRICS, NULL);
    await_http();
    (void)snprintf(url, sizeof url, "nats://c:c@127.0.0.1:%d", servers[0].port);
    client_open(&client, url);
    json_decref(client_call(&client, JSON, "Set", "{s:s,s:s}", "key", "k", "value", value));
    FILE *file = fopen(config_path, "ae");
    ck_assert_ptr_nonnull(file);
    (void)fputs("max_payload: 1024\n", file);
    ck_assert_int_eq(fclose(file), 0);
    process_signal(&servers[0].process, SIGHUP);
    (void)process_await_line(&servers[0].process, "Reloaded server configuration");
    ck_assert_int_eq(natsConnection_PublishRequestString(client.connection, DEFAULT_BASE ".MA.Get",
                                                         "_INBOX.x", "{\"key\":\"k\"}"),
                     NATS_OK);
    (void)process_await_line(&provider, "trying to reconnect (Maximum Payload Violation)");
    (void)process_await_line(&provider, "reconnected");
    http_await_status(http_port, "/readyz", 200);
    struct answer answer = client_send(&client, "Get", "{\"key\":\"k\"}", 11);
    ck_assert_msg(answer.code == 413, "%d %s", answer.code, answer.text);
    answer_free(&answer);
    provider_stop(&provider);
}
END_TEST

/* ---- replies that the server refuses ---- */

#define REPLIES 5
#define GRANTED                                                                                              \
    ", permissions: {publish: {allow: [\"_INBOX.*\", \"$SRV.PING.>\", \"wasmbus.inventory.bindings\"]}}"

static void await_unsent(int wanted)
{
    char line[64];
    (void)snprintf(line, sizeof line, "\nwascc_keyvalue_replies_unsent_total %d\n", wanted);
    for (long long until_ms = now_ms() + WAIT_MS;; nats_Sleep(5)) {
        struct http_reply page = http_get(http_port, "/metrics");
        bool found = strstr(page.body, line) != NULL;
        ck_assert_msg(found || now_ms() < until_ms, "never%s%s", line,
                      strstr(page.body, "\nwascc_keyvalue_replies_unsent_total"));
        http_free(&page);
        if (found)
            return;
    }
}

/* What the provider may not say in its own name, here an event, is no reply. */
START_TEST(replies_that_the_server_refuses_are_counted)
{
    char url[URL_BYTES];
    start_reloadable();
    reload_server(GRANTED);
    provider_start(&provider, servers[0].url, "--user", "p", "--password", "p", WITH_METRICS, NULL);
    await_http();
    (void)process_await_line(&provider, "Permissions Violation for Publish to \"wasmbus.events\"");
    (void)snprintf(url, sizeof url, "nats://c:c@127.0.0.1:%d", servers[0].port);
    client_open(&client, url);
    await_unsent(0);
    for (int i = 0; i < REPLIES; i++)
        ck_assert_int_eq(natsConnection_PublishRequestString(client.connection, DEFAULT_BASE "." ACTOR ".Get",
                                                             "_INBOX.two.tokens", "{\"key\":\"x\"}"),
                         NATS_OK);
    ck_assert_int_eq(natsConnection_Flush(client.connection), NATS_OK);
    await_unsent(REPLIES);
    (void)process_await_line(&provider, "Permissions Violation for Publish to \"_INBOX.two.tokens\"");
    provider_stop(&provider);
}
END_TEST

/* ---- as many subscriptions as the server allows ---- */

#define ACTORS 40
/* Too few for the operations' subjects of a worker and so many actors. */
#define ROOM "max_subscriptions: 60\n"

/* Whether anybody listens on the lattice's subject of the actor: what is no invocation is told so. */
static bool is_listened_to(const char *actor)
{
    char subject[256];
    natsMsg *reply = NULL;
    (void)snprintf(subject, sizeof subject, DEFAULT_BASE ".%s", actor);
    natsStatus status = natsConnection_RequestString(&reply, client.connection, subject, "?", WAIT_MS);
    natsMsg_Destroy(reply);
    ck_assert(status == NATS_OK || status == NATS_NO_RESPONDERS);
    return status == NATS_OK;
}

static void actor_name(int i, char out[16])
{
    (void)snprintf(out, 16, "M%06d", i);
}

/* Binds that many and returns how many there was room for; who is refused is told why. */
static int bind_all(struct client *sys)
{
    int bound = 0;
    for (int i = 0; i < ACTORS; i++) {
        char actor[16], request[64];
        actor_name(i, actor);
        int len = snprintf(request, sizeof request, "{\"module\":\"%s\"}", actor);
        struct answer answer = client_send(sys, "BindActor", request, (size_t)len);
        for (long long until_ms = now_ms() + WAIT_MS; answer_is_late(&answer) && now_ms() < until_ms;) {
            answer_free(&answer);
            answer = client_send(sys, "BindActor", request, (size_t)len);
        }
        ck_assert_msg(answer.code == 0 || answer.code == 507, "%d %s", answer.code, answer.text);
        if (answer.code == 507)
            ck_assert_ptr_nonnull(strstr(answer.text, "max_subscriptions"));
        ck_assert_int_eq(bound, answer.code == 0 ? i : bound);
        bound += answer.code == 0 ? 1 : 0;
        answer_free(&answer);
    }
    return bound;
}

static void operations_are_served(void)
{
    ask_all(&client, (struct papers){.claims = NULL}, JSON, 0, NULL);
}

START_TEST(actors_for_whom_the_server_has_no_room_are_refused)
{
    char actor[16];
    struct client sys = {.connection = NULL};
    nats_server_start(&servers[0], ROOM);
    provider_start(&provider, servers[0].url, WITH_METRICS, NULL);
    await_http();
    client_open(&client, servers[0].url);
    system_open(&sys, servers[0].url);
    int bound = bind_all(&sys);
    ck_assert_int_gt(bound, 0);
    ck_assert_int_lt(bound, ACTORS);
    http_await_status(http_port, "/readyz", 200);
    operations_are_served();
    for (int i = 0; i < ACTORS; i++) {
        actor_name(i, actor);
        ck_assert_msg(is_listened_to(actor) == (i < bound), "actor %d of %d", i, bound);
    }
    /* Found out once, by one worker, or on a slow machine by each before the other has said so: not for each
     * that is refused. */
    ck_assert_msg(losses() >= 1 && losses() < (size_t)(ACTORS - bound), "%s", provider.err.bytes);
    (void)process_await_line(&provider, "is not bound: the server has no room");
    /* Where one leaves there is room for another. */
    actor_name(0, actor);
    remove_actor(&sys, JSON, (struct papers){.claims = NULL}, actor);
    bind_actor(&sys, JSON, (struct papers){.claims = NULL}, "MLATER", NULL);
    ck_assert(is_listened_to("MLATER"));
    client_close(&sys);
    provider_stop(&provider);
}
END_TEST

/* A new server with less room than the old one: the operations come first, and what is left out is said. */
START_TEST(a_new_server_with_less_room_serves_all_operations)
{
    struct client sys = {.connection = NULL};
    nats_server_start(&servers[0], NULL);
    provider_start(&provider, servers[0].url, WITH_METRICS, NULL);
    await_http();
    system_open(&sys, servers[0].url);
    ck_assert_int_eq(bind_all(&sys), ACTORS);
    client_close(&sys);
    nats_server_kill(&servers[0]);
    http_await_status(http_port, "/readyz", 503);
    nats_server_start_on(&servers[0], servers[0].port, ROOM);
    (void)process_await_line(&provider, "the server has no room for the subjects of");
    (void)process_await_line(&provider, "the server has no room for the subjects of");
    http_await_status(http_port, "/readyz", 200);
    client_open(&client, servers[0].url);
    operations_are_served();
    await_quiet();
    provider_stop(&provider);
}
END_TEST

Suite *connections_suite(void)
{
    Suite *suite = suite_create("integration/connections");
    TCase *tests = tcase_create("connections");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_test(tests, a_half_dead_server_is_passed_by);
    tcase_add_test(tests, a_frozen_server_is_passed_by_at_the_start);
    tcase_add_test(tests, a_frozen_server_is_noticed);
    tcase_add_test(tests, of_a_name_with_several_addresses_the_one_that_speaks_is_found);
    tcase_add_test(tests, a_server_that_was_told_of_is_found);
    tcase_add_test(tests, a_server_that_joins_later_is_found);
    tcase_add_test(tests, a_server_that_was_away_is_found_soon);
    tcase_add_test(tests, what_is_connected_drains_whatever_is_being_connected);
    tcase_add_test(tests, a_subscription_that_is_taken_back_is_asked_for_until_it_is_granted);
    tcase_add_test(tests, what_the_lattice_had_is_taken_back_and_comes_back);
    tcase_add_test(tests, a_smaller_limit_of_the_server_is_the_cause_of_a_loss);
    tcase_add_test(tests, replies_that_the_server_refuses_are_counted);
    tcase_add_test(tests, actors_for_whom_the_server_has_no_room_are_refused);
    tcase_add_test(tests, a_new_server_with_less_room_serves_all_operations);
    suite_add_tcase(suite, tests);
    return suite;
}
