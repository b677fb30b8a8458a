/* A server that is lost at any moment, in the middle of a message too, and found again: nothing of the lost
 * connection is left in the new one, no worker stays deaf, and what the process says of itself is true all
 * the while.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "claims.h"
#include "harness.h"
#include "http.h"
#include "relay.h"
#include "stores.h"

/* Where so long no answer comes, none will. */
#define SILENCE_MS 10000

#define SILENT_SERVERS 7

static struct nats_server server;
static struct process provider;
static struct client client, sys;
static struct relay *relays[SILENT_SERVERS];
static int http_port;

static void start(void)
{
    nats_server_start(&server, NULL);
}

static void stop(void)
{
    client_close(&client);
    client_close(&sys);
    harness_close_nats();
    process_destroy(&provider);
    for (size_t i = 0; i < SILENT_SERVERS; i++)
        relay_stop(relays[i]);
    nats_server_kill(&server);
}

/* ---- what it says of itself ---- */

#define WITH_METRICS "--metrics-listen", "127.0.0.1:0"

/* After a start WITH_METRICS. */
static void await_serving(void)
{
    const char *line = process_await_line(&provider, "metrics: listening on 127.0.0.1:");
    http_port = atoi(strstr(line, "127.0.0.1:") + strlen("127.0.0.1:"));
    http_await_status(http_port, "/readyz", 200);
}

/* ---- requests ---- */

/* Sends until so many have been answered, each one after the other; those that come before anybody listens do
 * not count. */
static void answers_all(size_t count, const char *after)
{
    struct pipeline pipeline;
    long long deadline_ms = now_ms() + WAIT_MS;
    pipeline_open(&pipeline, &client, 100000);
    while (pipeline.ok < count) {
        size_t unheard = pipeline.no_responders;
        ck_assert(pipeline_send(&pipeline, "KeyExists", "{\"key\":\"x\"}", 11));
        ck_assert_msg(pipeline_receive(&pipeline, SILENCE_MS, NULL),
                      "%s: the request after %zu has no answer", after, pipeline.ok);
        ck_assert_uint_eq(pipeline.errors, 0);
        ck_assert_msg(now_ms() < deadline_ms, "%s: nobody listens", after);
        if (pipeline.no_responders > unheard)
            nats_Sleep(5);
    }
    pipeline_close(&pipeline);
}

static void *pack_set(const char *key, const char *value, size_t *len)
{
    json_t *request = json_pack("{s:s,s:s}", "key", key, "value", value);
    void *bytes = message_pack(PROTOBUF, "Set", request, len);
    json_decref(request);
    return bytes;
}

/* ---- a connection that ends within a message ---- */

#define REMAINDER 400 /* of the value, which never comes */
#define SETS 20

static void publish_as(const char *actor, const char *operation, const char *reply, const void *bytes,
                       size_t len)
{
    char subject[256];
    (void)snprintf(subject, sizeof subject, "%s.%s.%s", DEFAULT_BASE, actor, operation);
    ck_assert_int_eq(natsConnection_PublishRequest(client.connection, subject, reply, bytes, (int)len),
                     NATS_OK);
    ck_assert_int_eq(natsConnection_Flush(client.connection), NATS_OK);
}

static int connection_count;

static void serve_behind_relay(const char *workers)
{
    char url[URL_BYTES];
    connection_count = atoi(workers) + 2; /* that for `system` and discovery's */
    relays[0] = relay_start(server.port);
    relay_url(relays[0], url);
    provider_start(&provider, url, "--workers", workers, WITH_METRICS, NULL);
    await_serving();
    client_open(&client, server.url);
}

/* Asks until the server says that nobody listens: it has found the lost connections closed, and sends nothing
 * to them any more. */
static void await_nobody(void)
{
    struct pipeline pipeline;
    long long deadline_ms = now_ms() + WAIT_MS;
    pipeline_open(&pipeline, &client, 100000);
    while (pipeline.no_responders == 0) {
        ck_assert_msg(now_ms() < deadline_ms, "somebody listens all the same");
        ck_assert(pipeline_send(&pipeline, "KeyExists", "{\"key\":\"x\"}", 11));
        (void)pipeline_receive(&pipeline, 100, NULL);
    }
    pipeline_close(&pipeline);
}

/* Lets the provider back in when the relay has cut. */
static void come_back_after_cut(void)
{
    relay_await_cut(relays[0]);
    for (int i = 0; i < connection_count; i++)
        (void)process_await_line(&provider, "disconnected");
    http_await_status(http_port, "/readyz", 503);
    await_nobody();
    relay_set_door(relays[0], RELAY_OPEN);
}

/* The sets of the second actor, with values that are found again wherever they turn up; returns with SETS
 * that were heard. The answers are not waited for: whoever mistakes the requests for the rest of the message
 * has none to give. */
static void send_sets(struct pipeline *pipeline)
{
    while (pipeline->sent - pipeline->no_responders < SETS) {
        char key[32], value[32];
        size_t len, number = pipeline->sent - pipeline->no_responders;
        (void)snprintf(key, sizeof key, "second-%zu", number);
        (void)snprintf(value, sizeof value, "SECOND-VALUE-%zu", number);
        void *bytes = pack_set(key, value, &len);
        ck_assert(pipeline_send(pipeline, "Set", bytes, len));
        free(bytes);
        size_t unheard = pipeline->no_responders;
        (void)pipeline_receive(pipeline, 100, NULL);
        if (pipeline->no_responders > unheard)
            nats_Sleep(5);
    }
}

static void check_no_reply(natsSubscription *replies)
{
    natsMsg *reply = NULL;
    natsStatus status = natsSubscription_NextMsg(&reply, replies, 1);
    const char *leaked = status != NATS_OK ? NULL
                                           : memmem(natsMsg_GetData(reply),
                                                    (size_t)natsMsg_GetDataLength(reply), "SECOND-VALUE", 12);
    ck_assert_msg(status == NATS_TIMEOUT, "the request that came in part has a reply%s",
                  leaked == NULL ? "" : ", with the values of another actor");
}

static void check_value(const char *key, const char *value)
{
    json_t *reply = client_call(&client, JSON, "Get", "{s:s}", "key", key);
    ck_assert(json_is_true(json_object_get(reply, "exists")));
    ck_assert_str_eq(json_string_value(json_object_get(reply, "value")), value);
    json_decref(reply);
}

/* What comes on the new connection is not the rest of the message that broke off with the old one: that
 * message is lost, and no actor gets to see bytes of another. */
START_TEST(a_server_lost_within_a_message_leaves_nothing_of_it)
{
    char value[32 + REMAINDER];
    size_t len;
    natsSubscription *replies = NULL;
    struct pipeline pipeline;
    (void)snprintf(value, sizeof value, "FIRST-VALUE-%0*d", REMAINDER, 0);
    serve_behind_relay("1");
    ck_assert_int_eq(natsConnection_SubscribeSync(&replies, client.connection, "first.reply"), NATS_OK);
    void *bytes = pack_set("first", value, &len);
    relay_cut_behind(relays[0], "FIRST-VALUE-", strlen("FIRST-VALUE-"), 20);
    publish_as("MFIRST", "Set", "first.reply", bytes, len);
    free(bytes);
    come_back_after_cut();

    client_call_on(&client, DEFAULT_BASE, "MSECOND");
    pipeline_open(&pipeline, &client, 100000);
    send_sets(&pipeline);
    check_no_reply(replies);
    while (pipeline.received < pipeline.sent)
        ck_assert_msg(pipeline_receive(&pipeline, SILENCE_MS, NULL), "%zu of %d sets have no answer",
                      pipeline.sent - pipeline.received, SETS);
    ck_assert_uint_eq(pipeline.ok, SETS);
    pipeline_close(&pipeline);

    for (int i = 0; i < SETS; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "second-%d", i);
        (void)snprintf(value, sizeof value, "SECOND-VALUE-%d", i);
        check_value(key, value);
    }
    client_call_on(&client, DEFAULT_BASE, "MFIRST");
    json_t *reply = client_call(&client, JSON, "Get", "{s:s}", "key", "first");
    ck_assert(json_is_false(json_object_get(reply, "exists")));
    json_decref(reply);
    check_no_reply(replies);
    natsSubscription_Destroy(replies);
    provider_stop(&provider);
}
END_TEST

/* Where the connection ends: behind a text that the server sends, and so many bytes more. The payload has
 * PAYLOAD_BYTES and ends with PAYLOAD_END. */
#define PAYLOAD_BYTES 100
#define PAYLOAD_END "-THE-END\"}"

static const struct {
    const char *where, *needle;
    size_t behind;
    bool headers;
    bool whole; /* the request has come, and may be answered */
} cuts[] = {
    {"in the command", "MSG", 0, false, false},
    {"in the subject", DEFAULT_BASE ".MFIRST.S", 0, false, false},
    {"in the subscription's number", "MFIRST.Set ", 1, false, false},
    {"in the reply's subject", "first.rep", 0, false, false},
    {"in the size", "first.reply 1", 0, false, false},
    {"between \\r and \\n of the first line", "first.reply 100\r", 0, false, false},
    {"before the payload", "first.reply 100\r\n", 0, false, false},
    {"behind the payload's first byte", "first.reply 100\r\n", 1, false, false},
    {"before the payload's last byte", "first.reply 100\r\n", 99, false, false},
    {"behind the payload", PAYLOAD_END, 0, false, true},
    {"between \\r and \\n behind the payload", PAYLOAD_END "\r", 0, false, true},
    {"in the command with headers", "HMS", 0, true, false},
    {"in the size of the headers", "first.reply 2", 0, true, false},
    {"in the headers", "X-Needle: va", 0, true, false},
    {"behind the headers", "X-Needle: value\r\n\r\n", 0, true, false},
    {"in the payload behind headers", "X-Needle: value\r\n\r\n", 30, true, false},
};

#define CUTS (int)(sizeof cuts / sizeof cuts[0])

static void publish_with_headers(const void *bytes, size_t len)
{
    natsMsg *message = NULL;
    ck_assert_int_eq(natsMsg_Create(&message, DEFAULT_BASE ".MFIRST.Set", "first.reply", bytes, (int)len),
                     NATS_OK);
    ck_assert_int_eq(natsMsgHeader_Set(message, "X-Needle", "value"), NATS_OK);
    ck_assert_int_eq(natsConnection_PublishMsg(client.connection, message), NATS_OK);
    natsMsg_Destroy(message);
    ck_assert_int_eq(natsConnection_Flush(client.connection), NATS_OK);
}

START_TEST(a_server_lost_anywhere_in_a_message_is_served_again)
{
    char payload[PAYLOAD_BYTES + 1];
    natsSubscription *replies = NULL;
    const char *needle = cuts[_i].needle;
    size_t len = (size_t)snprintf(payload, sizeof payload, "{\"key\":\"k\",\"value\":\"");
    len += (size_t)snprintf(payload + len, sizeof payload - len, "%0*d%s",
                            (int)(PAYLOAD_BYTES - len - strlen(PAYLOAD_END)), 0, PAYLOAD_END);
    ck_assert_uint_eq(len, PAYLOAD_BYTES);
    serve_behind_relay("2");
    ck_assert_int_eq(natsConnection_SubscribeSync(&replies, client.connection, "first.reply"), NATS_OK);
    relay_cut_behind(relays[0], needle, strlen(needle), cuts[_i].behind);
    if (cuts[_i].headers)
        publish_with_headers(payload, len);
    else
        publish_as("MFIRST", "Set", "first.reply", payload, len);
    come_back_after_cut();
    answers_all(200, cuts[_i].where);
    http_await_status(http_port, "/readyz", 200);
    if (!cuts[_i].whole)
        check_no_reply(replies);
    natsSubscription_Destroy(replies);
    provider_stop(&provider);
}
END_TEST

/* ---- a server that is killed under load ---- */

#define FLAPS 5
#define FLOODERS 2
#define FLOOD_VALUE_BYTES 20000
/* Enough for every buffer on the way to be full when the server is killed, and too little for the server to
 * call the provider a slow consumer. */
#define IN_FLIGHT 500

struct flood {
    pthread_t thread;
    const char *url;
    char request[FLOOD_VALUE_BYTES + 64];
    int request_bytes;
    _Atomic size_t heard, answered; /* answers of any sort, and those of the provider */
    /* While the server is away nobody connects: on the loopback a connection to a port of nobody's may meet
     * itself, and take the port. */
    const atomic_bool *away, *end;
};

static void count_answer(natsConnection *connection, natsSubscription *subscription, natsMsg *message,
                         void *closure)
{
    struct flood *flood = closure;
    (void)connection;
    (void)subscription;
    if (natsMsg_GetDataLength(message) > FLOOD_VALUE_BYTES)
        atomic_fetch_add(&flood->answered, 1);
    atomic_fetch_add(&flood->heard, 1);
    natsMsg_Destroy(message);
}

/* Waits while too many requests are under way. Returns false where none of them is answered any more. */
static bool await_room(const struct flood *flood, size_t sent_in_all)
{
    long long deadline_ms = now_ms() + 1000;
    while (sent_in_all - atomic_load(&flood->heard) >= IN_FLIGHT && !atomic_load(flood->end)) {
        if (now_ms() > deadline_ms)
            return false;
        nats_Sleep(1);
    }
    return true;
}

/* Sets as fast as the connection takes them, until that is lost, or requests with it. No assertion: this is
 * not the test's thread. */
static void flood_once(struct flood *flood, natsConnection *connection)
{
    natsInbox *inbox = NULL;
    natsSubscription *replies = NULL;
    size_t sent_in_all = atomic_load(&flood->heard);
    if (natsInbox_Create(&inbox) == NATS_OK &&
        natsConnection_Subscribe(&replies, connection, inbox, count_answer, flood) == NATS_OK)
        while (!atomic_load(flood->end) && await_room(flood, sent_in_all) &&
               natsConnection_PublishRequest(connection, DEFAULT_BASE "." ACTOR ".Set", inbox, flood->request,
                                             flood->request_bytes) == NATS_OK)
            sent_in_all++;
    /* First, and with it nats.c's reading thread, which does not hold on to the subscription of a message
     * that it takes in. */
    natsConnection_Close(connection);
    natsSubscription_Destroy(replies);
    natsInbox_Destroy(inbox);
}

static void *run_flood(void *argument)
{
    struct flood *flood = argument;
    natsOptions *options = NULL;
    if (natsOptions_Create(&options) != NATS_OK || natsOptions_SetURL(options, flood->url) != NATS_OK ||
        natsOptions_SetAllowReconnect(options, false) != NATS_OK)
        return NULL;
    while (!atomic_load(flood->end)) {
        natsConnection *connection = NULL;
        if (!atomic_load(flood->away) && natsConnection_Connect(&connection, options) == NATS_OK)
            flood_once(flood, connection);
        else
            nats_Sleep(10);
        natsConnection_Destroy(connection);
    }
    natsOptions_Destroy(options);
    return NULL;
}

static void flood_start(struct flood *flood, const atomic_bool *away, const atomic_bool *end)
{
    *flood = (struct flood){.url = server.url, .away = away, .end = end};
    flood->request_bytes = snprintf(flood->request, sizeof flood->request,
                                    "{\"key\":\"flood\",\"value\":\"%0*d\"}", FLOOD_VALUE_BYTES, 0);
    ck_assert_int_eq(pthread_create(&flood->thread, NULL, run_flood, flood), 0);
}

static size_t answered_by_now(struct flood floods[FLOODERS])
{
    size_t answered = 0;
    for (int i = 0; i < FLOODERS; i++)
        answered += atomic_load(&floods[i].answered);
    return answered;
}

static void await_answers(struct flood floods[FLOODERS], int flap)
{
    long long deadline_ms = now_ms() + WAIT_MS;
    size_t wanted = answered_by_now(floods) + 500;
    while (answered_by_now(floods) < wanted) {
        ck_assert_msg(now_ms() < deadline_ms, "after %d losses of the server the load is not answered", flap);
        nats_Sleep(1);
    }
}

START_TEST(a_flapping_server_leaves_no_deaf_worker)
{
    static struct flood floods[FLOODERS];
    static atomic_bool away, end;
    provider_start(&provider, server.url, WITH_METRICS, NULL);
    await_serving();
    for (int i = 0; i < FLOODERS; i++)
        flood_start(&floods[i], &away, &end);
    for (int flap = 0; flap < FLAPS; flap++) {
        await_answers(floods, flap);
        atomic_store(&away, true);
        nats_server_kill(&server);
        http_await_status(http_port, "/readyz", 503);
        nats_server_start_on(&server, server.port, NULL);
        atomic_store(&away, false);
    }
    atomic_store(&end, true);
    for (int i = 0; i < FLOODERS; i++)
        ck_assert_int_eq(pthread_join(floods[i].thread, NULL), 0);
    client_open(&client, server.url);
    answers_all(200, "killed and started again");
    http_await_status(http_port, "/readyz", 200);
    provider_stop(&provider);
}
END_TEST

/* ---- a connection that is lost as soon as it is made ---- */

#define CUTS_AT_ONCE 10
#define FIRST_BACKOFF_MS 100

/* One worker's, that for `system`, discovery's, that of watches, and the log's where there is one. */
static int connections(void)
{
    return engine_is_jetstream() ? 5 : 4;
}

/* Whoever connects again at once, for as long as it takes, is a burden to a server that is in trouble. */
START_TEST(a_connection_lost_at_once_is_waited_for)
{
    long long begun_ms = now_ms();
    serve_behind_relay("1");
    for (int cut = 0; cut < CUTS_AT_ONCE; cut++) {
        relay_cut(relays[0], RELAY_OPEN);
        for (int i = 0; i < connections(); i++)
            (void)process_await_line(&provider, ": reconnected");
    }
    ck_assert_int_ge(now_ms() - begun_ms, CUTS_AT_ONCE * FIRST_BACKOFF_MS);
    answers_all(10, "cut as soon as it was made");
    provider_stop(&provider);
}
END_TEST

/* ---- a server that comes back and refuses ---- */

#define USERS(permissions)                                                                                   \
    "authorization { users = [ {user: \"p\", password: \"p\"" permissions                                    \
    "}, {user: \"c\", password: \"c\"} ] }\n"

static const char *const denials[] = {
    ", permissions: {subscribe: {deny: [\"wasmbus.provider.>\"]}}",
    ", permissions: {subscribe: {deny: [\"wasmbus.provider.wascc.keyvalue.default.*.Push\"]}}",
};

static size_t times_said(const char *text)
{
    size_t times = 0;
    process_read(&provider);
    for (const char *at = provider.err.bytes; (at = strstr(at, text)) != NULL; at += strlen(text))
        times++;
    return times;
}

static void restart_with(const char *config)
{
    nats_server_kill(&server);
    http_await_status(http_port, "/readyz", 503);
    nats_server_start_on(&server, server.port, config);
}

/* "ready only while connected with confirmed subscriptions": where the server refuses them it is as good as
 * not connected. It goes on trying, and keeps its data. */
START_TEST(refused_after_a_reconnect_it_is_not_ready)
{
    char denying[512], url[URL_BYTES];
    long long deadline_ms;
    (void)snprintf(denying, sizeof denying, USERS("%s"), denials[_i]);
    nats_server_kill(&server);
    nats_server_start(&server, USERS(""));
    provider_start(&provider, server.url, "--user", "p", "--password", "p", WITH_METRICS, NULL);
    await_serving();
    (void)snprintf(url, sizeof url, "nats://c:c@127.0.0.1:%d", server.port);
    client_open(&client, url);
    ck_assert_int_eq(client_add(&client, JSON, "n", 1), 1);
    client_close(&client);

    restart_with(denying);
    deadline_ms = now_ms() + WAIT_MS;
    while (times_said("the server refuses a subscription") < 3) {
        ck_assert_msg(http_status(http_port, "/readyz") == 503,
                      "it is ready with subscriptions that are refused");
        ck_assert_msg(now_ms() < deadline_ms, "it does not say that it is refused: %.2000s",
                      provider.err.bytes);
        nats_Sleep(5);
    }
    ck_assert_int_eq(http_status(http_port, "/readyz"), 503);

    restart_with(USERS(""));
    http_await_status(http_port, "/readyz", 200);
    client_open(&client, url);
    ck_assert_int_eq(client_add(&client, JSON, "n", 1), 2);
    provider_stop(&provider);
}
END_TEST

/* Serves as a user whom the server's configuration denies something; the client is another one, whom it does
 * not. */
static void serve_denied(const char *config, char url[URL_BYTES])
{
    nats_server_kill(&server);
    nats_server_start(&server, config);
    provider_start(&provider, server.url, "--user", "p", "--password", "p", WITH_METRICS, NULL);
    await_serving();
    (void)snprintf(url, URL_BYTES, "nats://c:c@127.0.0.1:%d", server.port);
    client_open(&client, url);
}

/* An actor's subject of the lattice is that actor's: where the server refuses it the actor is not bound, and
 * its host hears why; the others are served without it, at once and after a loss. */
START_TEST(an_actor_whose_subject_is_refused_is_nobody_elses_trouble)
{
    char url[URL_BYTES];
    static const char denying[] =
        USERS(", permissions: {subscribe: {deny: [\"" DEFAULT_BASE ".MREFUSED\"]}}");
    serve_denied(denying, url);
    system_open(&sys, url);
    client_refused(&sys, JSON, "BindActor", 403,
                   "Permissions Violation for Subscription to \"" DEFAULT_BASE ".MREFUSED\"", "{s:s}",
                   "module", "MREFUSED");
    bind_actor(&sys, JSON, (struct papers){.claims = NULL}, "MGRANTED", NULL);
    ck_assert_int_eq(client_add(&client, JSON, "n", 1), 1);
    json_t *bindings = client_call(&sys, JSON, "Bindings", "{}");
    ck_assert_uint_eq(json_array_size(json_object_get(bindings, "bindings")), 1);
    json_decref(bindings);
    client_close(&client);
    client_close(&sys);
    (void)process_await_line(&provider, "MREFUSED");

    restart_with(denying);
    http_await_status(http_port, "/readyz", 200);
    client_open(&client, url);
    ck_assert_int_eq(client_add(&client, JSON, "n", 1), 2);
    provider_stop(&provider);
}
END_TEST

/* The server logs each: no more than its pipe to here holds. */
#define REFUSED_REPLIES 4000
#define MOST_LINES_A_SECOND 100

static void ask_for_a_refused_reply(void)
{
    static const char request[] = "{\"key\":\"x\"}";
    ck_assert_int_eq(natsConnection_PublishRequest(client.connection, DEFAULT_BASE "." ACTOR ".KeyExists",
                                                   "nowhere", request, (int)strlen(request)),
                     NATS_OK);
}

/* Whoever asks for replies where the provider may not speak neither fills the log nor keeps it from hearing
 * that its server has gone. */
START_TEST(replies_that_the_server_refuses_are_some_lines_of_the_log)
{
    char url[URL_BYTES];
    static const char denying[] = USERS(", permissions: {publish: {deny: [\"nowhere\"]}}");
    long long begin_ms = now_ms();
    serve_denied(denying, url);
    for (int i = 0; i < REFUSED_REPLIES; i++)
        ask_for_a_refused_reply();
    answers_all(100, "refused replies");
    restart_with(denying);
    http_await_status(http_port, "/readyz", 200);
    size_t lines = times_said("the server says: ");
    ck_assert_uint_gt(lines, 0);
    ck_assert_uint_lt(lines, (size_t)((now_ms() - begin_ms) / 1000 + 1) * MOST_LINES_A_SECOND);
    client_close(&client);
    client_open(&client, url);
    answers_all(100, "refused replies and a loss");
    /* What was left out is told with the next one. */
    for (long long until_ms = now_ms() + WAIT_MS; times_said("more errors within a second") == 0;
         nats_Sleep(20)) {
        ck_assert_msg(now_ms() < until_ms, "it does not say how many were left out");
        ask_for_a_refused_reply();
    }
    provider_stop(&provider);
}
END_TEST

/* ---- the end ---- */

#define BOUND_ACTORS 1500
/* Far more than the process needs, those included that are about to end on a busy machine, and far fewer than
 * the actors. */
#define MOST_THREADS 500

/* 0: the process has ended. */
static long threads_of(const struct process *process)
{
    char path[64], line[256];
    long threads = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)process->pid);
    FILE *status = fopen(path, "re");
    ck_assert_ptr_nonnull(status);
    while (fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, "State:\tZ", 8) == 0)
            break;
        else if (strncmp(line, "Threads:", 8) == 0)
            threads = strtol(line + 8, NULL, 10);
    (void)fclose(status);
    return threads;
}

START_TEST(stopping_with_many_bound_actors_starts_no_thread_for_each)
{
    long most = 0, threads;
    long long deadline_ms;
    int actors = provider_is_sanitized() ? BOUND_ACTORS / 2 : BOUND_ACTORS;
    provider_serve(&provider, server.url, "--drain-timeout", "50s", NULL);
    system_open(&sys, server.url);
    for (int i = 0; i < actors; i++) {
        char actor[32];
        (void)snprintf(actor, sizeof actor, "M%06d", i);
        bind_actor(&sys, JSON, (struct papers){.claims = NULL}, actor, NULL);
    }
    process_signal(&provider, SIGTERM);
    deadline_ms = now_ms() + WAIT_MS;
    while ((threads = threads_of(&provider)) > 0 && now_ms() < deadline_ms) {
        most = threads > most ? threads : most;
        nats_Sleep(1);
    }
    int status = process_await_exit(&provider);
    ck_assert_msg(most < MOST_THREADS, "%ld threads", most);
    ck_assert_msg(status == 0, "exit %d: %s", status, provider.err.bytes);
    ck_assert_msg(strstr(provider.err.bytes, "drained: ") != NULL, "not drained: %s", provider.err.bytes);
}
END_TEST

/* More than --drain-timeout, for a busy machine, and less than half of what it takes to wait for each of the
 * servers. */
#define GRACE_MS 5000

enum silence { FROM_THE_START, AFTER_A_LOSS };

static void await_anyone_waiting(void)
{
    long long deadline_ms = now_ms() + WAIT_MS;
    for (size_t i = 0; !relay_is_waited_on(relays[i]); i = (i + 1) % SILENT_SERVERS) {
        ck_assert_msg(now_ms() < deadline_ms, "it does not connect to any server");
        nats_Sleep(1);
    }
}

START_TEST(told_to_stop_while_it_connects_it_ends_in_time)
{
    char urls[SILENT_SERVERS * URL_BYTES] = "", url[URL_BYTES];
    for (size_t i = 0; i < SILENT_SERVERS; i++) {
        relays[i] = relay_start(server.port);
        relay_url(relays[i], url);
        if (_i == FROM_THE_START)
            relay_set_door(relays[i], RELAY_SILENT);
        (void)snprintf(urls + strlen(urls), sizeof urls - strlen(urls), "%s%s", i == 0 ? "" : ",", url);
    }
    provider_may_leave_threads();
    provider_start(&provider, urls, "--drain-timeout", "1s", NULL);
    if (_i == AFTER_A_LOSS) {
        (void)process_await_line(&provider, "ready: ");
        for (size_t i = 0; i < SILENT_SERVERS; i++)
            relay_set_door(relays[i], RELAY_SILENT);
        for (size_t i = 0; i < SILENT_SERVERS; i++)
            relay_cut(relays[i], RELAY_SILENT);
    }
    await_anyone_waiting();
    long long begin_ms = now_ms();
    process_signal(&provider, SIGTERM);
    int status = process_await_exit(&provider);
    ck_assert_msg(status == 0, "exit %d: %s", status, provider.err.bytes);
    ck_assert_int_lt(now_ms() - begin_ms, 1000 + GRACE_MS);
}
END_TEST

/* ---- what the service manager is told ---- */

struct manager {
    int socket;
    char variable[64]; /* for the provider's environment */
    char status[512];  /* the last STATUS, or "" */
};

/* An address without a file: nothing is left behind. */
static void manager_open(struct manager *manager)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = WAIT_MS / 1000};
    char name[32];
    int len = snprintf(name, sizeof name, "wkv-reconnect-%ld", (long)getpid());
    *manager = (struct manager){.socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    ck_assert_int_ge(manager->socket, 0);
    memcpy(address.sun_path + 1, name, (size_t)len);
    ck_assert_int_eq(bind(manager->socket, (const struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len)),
                     0);
    ck_assert_int_eq(setsockopt(manager->socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    (void)snprintf(manager->variable, sizeof manager->variable, "NOTIFY_SOCKET=@%s", name);
}

/* Returns false where nothing came. */
static bool manager_hear(struct manager *manager, int flags)
{
    char text[4096];
    ssize_t got = recv(manager->socket, text, sizeof text - 1, flags);
    if (got <= 0)
        return false;
    text[got] = '\0';
    const char *said = strstr(text, "STATUS=");
    if (said != NULL)
        (void)snprintf(manager->status, sizeof manager->status, "%.*s",
                       (int)strcspn(said + strlen("STATUS="), "\n"), said + strlen("STATUS="));
    return true;
}

enum told { SERVES, SERVES_NOT };

static void manager_await(struct manager *manager, enum told told)
{
    while ((strcmp(manager->status, "serving") == 0) != (told == SERVES))
        ck_assert_msg(manager_hear(manager, 0), "the last STATUS stays: %s", manager->status);
}

START_TEST(the_service_manager_hears_whether_it_serves)
{
    struct manager manager;
    manager_open(&manager);
    const char *const also[] = {manager.variable, NULL};
    const char *argv[] = {provider_program(), "serve",    "--auth",     "none",
                          "--server",         server.url, WITH_METRICS, NULL};
    process_start(&provider, argv, program_environment(also), NULL);
    await_serving();
    manager_await(&manager, SERVES);
    for (int round = 0; round < 2; round++) {
        nats_server_kill(&server);
        manager_await(&manager, SERVES_NOT);
        ck_assert_str_ne(manager.status, "");
        nats_server_start_on(&server, server.port, NULL);
        manager_await(&manager, SERVES);
        http_await_status(http_port, "/readyz", 200);
        while (manager_hear(&manager, MSG_DONTWAIT))
            continue;
        ck_assert_str_eq(manager.status, "serving");
    }
    provider_stop(&provider);
    (void)close(manager.socket);
}
END_TEST

Suite *reconnect_suite(void)
{
    Suite *suite = suite_create("integration/reconnect");
    TCase *tests = tcase_create("reconnect");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_test(tests, a_server_lost_within_a_message_leaves_nothing_of_it);
    tcase_add_loop_test(tests, a_server_lost_anywhere_in_a_message_is_served_again, 0, CUTS);
    tcase_add_test(tests, a_flapping_server_leaves_no_deaf_worker);
    tcase_add_test(tests, a_connection_lost_at_once_is_waited_for);
    tcase_add_loop_test(tests, refused_after_a_reconnect_it_is_not_ready, 0,
                        (int)(sizeof denials / sizeof denials[0]));
    tcase_add_test(tests, an_actor_whose_subject_is_refused_is_nobody_elses_trouble);
    tcase_add_test(tests, replies_that_the_server_refuses_are_some_lines_of_the_log);
    tcase_add_test(tests, stopping_with_many_bound_actors_starts_no_thread_for_each);
    tcase_add_loop_test(tests, told_to_stop_while_it_connects_it_ends_in_time, FROM_THE_START,
                        AFTER_A_LOSS + 1);
    tcase_add_test(tests, the_service_manager_hears_whether_it_serves);
    suite_add_tcase(suite, tests);
    return suite;
}
