/* The lattice front through the life of a process: taken-up bindings, a server that goes, many actors,
 * bindings that come and go under load, and the end.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codec/msgpack_json.h"
#include "harness.h"
#include "http.h"
#include "lattice.h"
#include "operation/operation.h"
#include "relay.h"

static struct nats_server server;
static struct process provider, second;
static struct lattice lattice;
static struct client watcher; /* of events and of what is not the host's own */

static void start(void)
{
    people_make();
    nats_server_start(&server, NULL);
    lattice_open(&lattice, server.url, &people.host, "wasmbus", "default");
    client_open(&watcher, server.url);
}

static void stop(void)
{
    lattice_close(&lattice);
    client_close(&watcher);
    people_free();
    harness_close_nats();
    process_destroy(&provider);
    process_destroy(&second);
    nats_server_kill(&server);
}

#define TRUSTING "--trusted-issuer", people.account.key, "--trusted-host", people.host.key

static void serve(struct process *process, const char *auth, const char *also)
{
    provider_serve(process, server.url, "--auth", auth, TRUSTING, also, NULL);
    /* The lattice may answer before the provider says that it is ready, and so may what it makes of that. */
    process->cursor = 0;
}

/* ---- what goes on while bindings come and go ---- */

#define CALLERS 4

struct caller_thread {
    pthread_t thread;
    natsConnection *connection;
    char subject[512];
    struct wkv_buffer *invocations; /* made beforehand */
    size_t count;
    const atomic_bool *end;
    size_t served, unbound, nobody, lost, other;
};

/* Asks one after the other, as an actor does. No assertion: this is not the test's thread. */
static void *call_on(void *argument)
{
    struct caller_thread *caller_thread = argument;
    for (size_t i = 0; i < caller_thread->count && !atomic_load(caller_thread->end); i++) {
        const struct wkv_buffer *bytes = &caller_thread->invocations[i];
        natsMsg *message = NULL;
        natsStatus status = natsConnection_Request(
            &message, caller_thread->connection, caller_thread->subject, bytes->data, (int)bytes->len, 10000);
        if (status == NATS_NO_RESPONDERS)
            caller_thread->nobody++;
        else if (status != NATS_OK)
            caller_thread->lost++;
        else if (memmem(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message),
                        "\xa5"
                        "error\xc0",
                        7) != NULL)
            caller_thread->served++;
        else if (memmem(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message), UNBOUND,
                        strlen(UNBOUND)) != NULL)
            caller_thread->unbound++;
        else
            caller_thread->other++;
        natsMsg_Destroy(message);
    }
    return NULL;
}

static void pack_get(const char *actor, struct wkv_buffer *out)
{
    static const char msg[] = "\x81\xa3key\xa1k";
    char id[LATTICE_ID_BYTES];
    struct invocation invocation = {
        .actor = actor, .operation = "Get", .msg = msg, .msg_len = sizeof msg - 1};
    invocation_pack(&lattice, &invocation, out, id);
}

static void callers_start(struct caller_thread callers[CALLERS], const char *actor, size_t count,
                          const atomic_bool *end)
{
    for (size_t i = 0; i < CALLERS; i++) {
        struct client client;
        client_open(&client, server.url);
        callers[i] = (struct caller_thread){.connection = client.connection, .count = count, .end = end};
        lattice_subject(&lattice, actor, callers[i].subject);
        callers[i].invocations = calloc(count, sizeof *callers[i].invocations);
        ck_assert_ptr_nonnull(callers[i].invocations);
        for (size_t j = 0; j < count; j++)
            pack_get(actor, &callers[i].invocations[j]);
    }
    for (size_t i = 0; i < CALLERS; i++)
        ck_assert_int_eq(pthread_create(&callers[i].thread, NULL, call_on, &callers[i]), 0);
}

/* Adds all up in the first. */
static void callers_join(struct caller_thread callers[CALLERS])
{
    for (size_t i = 0; i < CALLERS; i++) {
        ck_assert_int_eq(pthread_join(callers[i].thread, NULL), 0);
        natsConnection_Destroy(callers[i].connection);
        for (size_t j = 0; j < callers[i].count; j++)
            wkv_buffer_destroy(&callers[i].invocations[j]);
        free(callers[i].invocations);
        if (i == 0)
            continue;
        callers[0].served += callers[i].served;
        callers[0].unbound += callers[i].unbound;
        callers[0].nobody += callers[i].nobody;
        callers[0].lost += callers[i].lost;
        callers[0].other += callers[i].other;
    }
}

/* "An answer always goes back": whatever becomes of the binding meanwhile. */
START_TEST(invocations_are_answered_while_their_binding_comes_and_goes)
{
    char actor[WKV_NKEY_PUBLIC_CHARS + 1];
    struct caller_thread callers[CALLERS];
    atomic_bool end = false;
    lattice_actor(1, actor);
    serve(&provider, "claims", NULL);
    callers_start(callers, actor, 20000, &end);
    for (int i = 0; i < 150; i++) {
        lattice_bind(&lattice, actor, NULL);
        lattice_expect(&lattice, actor, "Get", "{\"key\":\"k\"}", "{\"value\":\"\",\"exists\":false}");
        lattice_remove(&lattice, actor);
        lattice_no_responders(&lattice, actor);
    }
    atomic_store(&end, true);
    callers_join(callers);
    ck_assert_msg(callers[0].lost == 0 && callers[0].other == 0,
                  "%zu invocations had no answer, %zu another one, of %zu served, %zu unbound, %zu without "
                  "responders",
                  callers[0].lost, callers[0].other, callers[0].served, callers[0].unbound,
                  callers[0].nobody);
    ck_assert_uint_gt(callers[0].served, 0);
    ck_assert_uint_gt(callers[0].nobody, 0);
    provider_stop(&provider);
}
END_TEST

/* Messages that come with the subscription, before it is known of, are not left behind. */
START_TEST(a_burst_that_meets_the_bind_is_answered_whole)
{
    enum { ROUNDS = 20, BURST = 3000 };
    for (unsigned round = 0; round < ROUNDS; round++) {
        char actor[WKV_NKEY_PUBLIC_CHARS + 1];
        struct wkv_buffer bytes[BURST];
        struct pipeline pipeline;
        if (round == 0)
            serve(&provider, "claims", NULL);
        lattice_actor(100 + round, actor);
        for (size_t i = 0; i < BURST; i++)
            pack_get(actor, &bytes[i]);
        (void)snprintf(watcher.base, sizeof watcher.base, "%s", lattice.own);
        pipeline_open(&pipeline, &watcher, BURST);
        struct wkv_buffer msg;
        char id[LATTICE_ID_BYTES];
        lattice_pack_configuration(actor, &(struct word){.silent = false}, &msg);
        struct invocation bind = {
            .actor = "system", .operation = "BindActor", .msg = msg.data, .msg_len = msg.len};
        struct wkv_buffer packed;
        invocation_pack(&lattice, &bind, &packed, id);
        for (size_t i = 0; i < BURST; i++) {
            if (i == 100)
                ck_assert_int_eq(
                    natsConnection_Publish(lattice.connection, lattice.own, packed.data, (int)packed.len),
                    NATS_OK);
            ck_assert(pipeline_send(&pipeline, actor, bytes[i].data, bytes[i].len));
        }
        pipeline_settle(&pipeline, 0);
        ck_assert_uint_eq(pipeline.repeated, 0);
        ck_assert_uint_eq(pipeline.ok + pipeline.no_responders, BURST);
        pipeline_close(&pipeline);
        wkv_buffer_destroy(&msg);
        wkv_buffer_destroy(&packed);
        for (size_t i = 0; i < BURST; i++)
            wkv_buffer_destroy(&bytes[i]);
    }
    provider_stop(&provider);
}
END_TEST

/* ---- bindings that the lattice remembers ---- */

/* A host that answers inventory.bindings, on a thread of nats.c's. */
struct answers {
    const char *texts[16]; /* NULL at the end; a text may be empty */
    natsSubscription *subscription;
};

static void answer_inventory(natsConnection *connection, natsSubscription *subscription, natsMsg *message,
                             void *closure)
{
    const struct answers *answers = closure;
    (void)subscription;
    for (const char *const *text = answers->texts; *text != NULL; text++)
        (void)natsConnection_PublishString(connection, natsMsg_GetReply(message), *text);
    natsMsg_Destroy(message);
}

static void answers_start(struct answers *answers)
{
    ck_assert_int_eq(natsConnection_Subscribe(&answers->subscription, watcher.connection,
                                              "wasmbus.inventory.bindings", answer_inventory, answers),
                     NATS_OK);
    ck_assert_int_eq(natsConnection_Flush(watcher.connection), NATS_OK);
}

/* One binding as hosts tell of it. configuration: JSON text. */
static json_t *told(unsigned number, const char *capability, const char *binding, const char *configuration)
{
    char actor[WKV_NKEY_PUBLIC_CHARS + 1];
    lattice_actor(number, actor);
    return json_pack("{s:s, s:s, s:s, s:o}", "actor", actor, "capability_id", capability, "binding_name",
                     binding, "configuration", json_of(configuration, strlen(configuration)));
}

/* The host that answers, of which nobody has the seed. */
#define TELLING_HOST "NDFJHLAXAUMHA4OWPOB4P7YO72AQR2HMIUYFOXLXE2DZGM633K7HYIY6"

/* An answer of those bindings, which are given up; the caller frees it. */
static char *answer_of(const char *tag, json_t *bindings)
{
    json_t *answer = json_pack("{s:{s:s, s:o}}", tag, "host", TELLING_HOST, "bindings", bindings);
    char *text = json_dumps(answer, JSON_COMPACT);
    ck_assert_ptr_nonnull(text);
    json_decref(answer);
    return text;
}

static void expect_exists(unsigned number, const char *key, bool exists)
{
    char actor[WKV_NKEY_PUBLIC_CHARS + 1], request[128];
    lattice_actor(number, actor);
    (void)snprintf(request, sizeof request, "{\"key\":\"%s\"}", key);
    lattice_expect(&lattice, actor, "KeyExists", request,
                   exists ? "{\"value\":\"\",\"exists\":true}" : "{\"value\":\"\",\"exists\":false}");
}

static void expect_nobody(unsigned number)
{
    char actor[WKV_NKEY_PUBLIC_CHARS + 1];
    lattice_actor(number, actor);
    lattice_no_responders(&lattice, actor);
}

static void set_key(unsigned number)
{
    char actor[WKV_NKEY_PUBLIC_CHARS + 1];
    lattice_actor(number, actor);
    lattice_expect(&lattice, actor, "Set", "{\"key\":\"k\",\"value\":\"v\",\"expires\":0}",
                   "{\"value\":\"v\"}");
}

/* "A provider that starts asks for bindings and takes up those with its capability and binding again." */
START_TEST(a_provider_takes_up_exactly_its_own_bindings)
{
    static const char *const hostile =
        "{\"Bindings\":{\"host\":\"N\",\"bindings\":[null,1,\"x\",[],{},{\"actor\":null},{\"actor\":7,"
        "\"capability_id\":\"wascc:keyvalue\",\"binding_name\":\"default\",\"configuration\":{}},{\"actor\":"
        "\"\",\"capability_id\":\"wascc:keyvalue\",\"binding_name\":\"default\",\"configuration\":{}},{"
        "\"actor\":\"*\",\"capability_id\":\"wascc:keyvalue\",\"binding_name\":\"default\",\"configuration\":"
        "{"
        "}},{\"actor\":\"a.>\",\"capability_id\":\"wascc:keyvalue\",\"binding_name\":\"default\","
        "\"configuration\":{}},{\"actor\":\"a b\",\"capability_id\":\"wascc:keyvalue\",\"binding_name\":"
        "\"default\",\"configuration\":{}}]}}";
    static const char *const broken = "{\"Bindings\":{\"host\":\"N\",\"bindings\":[{";
    json_t *own = json_array(), *elsewhere = json_array(), *tagged = json_array(), *last = json_array();
    json_array_append_new(own, told(1, "wascc:keyvalue", "default", "{}"));
    json_array_append_new(own,
                          told(2, "wascc:keyvalue", "default", "{\"KEYSPACE\":\"blue\",\"OTHER\":\"x\"}"));
    json_array_append_new(own, told(3, "wascc:keyvalue", "default", "{\"KEYSPACE\":\"blue\"}"));
    json_array_append_new(own, told(4, "wascc:keyvalue", "default", "{\"KEYSPACE\":\"\"}"));
    json_array_append_new(elsewhere, told(10, "wascc:messaging", "default", "{}"));
    json_array_append_new(elsewhere, told(11, "wascc:keyvalue", "other", "{}"));
    json_array_append_new(elsewhere, told(12, "wascc:keyvalue", "Default", "{}"));
    json_array_append_new(elsewhere, told(13, "wascc:keyvalues", "default", "{}"));
    json_array_append_new(elsewhere, told(14, "", "", "{}"));
    json_array_append_new(tagged, told(20, "wascc:keyvalue", "default", "{}"));
    json_array_append_new(last, told(5, "wascc:keyvalue", "default", "{}"));
    struct answers answers = {{answer_of("Bindings", elsewhere), answer_of("Bindings", own),
                               answer_of("Binding", json_incref(tagged)), answer_of("Actors", tagged),
                               hostile, broken, "", "null", "[]", "7", "{}", "{\"Bindings\":[]}",
                               "{\"Bindings\":{\"bindings\":{}}}", answer_of("Bindings", last)},
                              NULL};
    answers_start(&answers);
    serve(&provider, "claims", NULL);
    (void)process_await_line(&provider, "adopted 3 bindings");
    (void)process_await_line(&provider, "adopted 1 binding ");
    for (unsigned i = 1; i <= 3; i++)
        expect_exists(i, "k", false);
    expect_exists(5, "k", false);
    static const unsigned nobody[] = {4, 10, 11, 12, 13, 14, 20};
    for (size_t i = 0; i < sizeof nobody / sizeof nobody[0]; i++)
        expect_nobody(nobody[i]);
    /* 2 and 3 share a keyspace, 1 and 5 the binding's. */
    set_key(2);
    expect_exists(3, "k", true);
    expect_exists(1, "k", false);
    set_key(5);
    expect_exists(1, "k", true);
    /* A host's word, and its RemoveActor, count as for any other binding. */
    char actor[WKV_NKEY_PUBLIC_CHARS + 1];
    lattice_actor(1, actor);
    lattice_bind(&lattice, actor, &(struct word){.keyspace = "new"});
    expect_exists(1, "k", false);
    lattice_actor(2, actor);
    lattice_remove(&lattice, actor);
    expect_nobody(2);
    natsSubscription_Destroy(answers.subscription);
    static const size_t made[] = {0, 1, 2, 3, 13};
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++)
        free((void *)(uintptr_t)answers.texts[made[i]]);
    provider_stop(&provider);
}
END_TEST

static const struct {
    const char *auth, *also, *warning;
    int code;
    const char *names;
} permissions[] = {
    {"binding", NULL, "not adopted under --auth binding", 401, "not bound"},
    {"claims", "--require-binding", "not adopted under --require-binding", 403, "--require-binding"},
    {"invocation", "--require-binding", "not adopted under --require-binding", 403, "--require-binding"},
};
#define PERMISSIONS ((int)(sizeof permissions / sizeof permissions[0]))

/* Where a binding is permission, what nobody has signed is none. */
START_TEST(nothing_is_adopted_where_a_binding_is_permission)
{
    json_t *own = json_array();
    char actor[WKV_NKEY_PUBLIC_CHARS + 1];
    json_array_append_new(own, told(1, "wascc:keyvalue", "default", "{}"));
    struct answers answers = {{answer_of("Bindings", own)}, NULL};
    answers_start(&answers);
    serve(&provider, permissions[_i].auth, permissions[_i].also);
    (void)process_await_line(&provider, permissions[_i].warning);
    expect_nobody(1);
    lattice_actor(1, actor);
    client_call_on(&watcher, DEFAULT_BASE, actor);
    char *claims = claims_for(&people.account, actor);
    papers_refused(&watcher, (struct papers){.claims = claims, .host = &people.host}, JSON, "Get",
                   permissions[_i].code, permissions[_i].names, "{s:s}", "key", "k");
    free(claims);
    lattice_bind(&lattice, actor, NULL);
    expect_exists(1, "k", false);
    natsSubscription_Destroy(answers.subscription);
    free((void *)(uintptr_t)answers.texts[0]);
    provider_stop(&provider);
}
END_TEST

/* What a host remembers goes with it as what it binds does; and KEYSPACE misspelt binds to no other one. */
START_TEST(a_host_that_is_removed_takes_along_what_it_remembers)
{
    char path[PATH_BYTES], both[256], actor[WKV_NKEY_PUBLIC_CHARS + 1];
    json_t *own = json_array();
    json_array_append_new(own, told(1, "wascc:keyvalue", "default", "{}"));
    json_array_append_new(own, told(2, "wascc:keyvalue", "default", "{\"keyspace\":\"blue\"}"));
    struct answers answers = {{answer_of("Bindings", own)}, NULL};
    answers_start(&answers);
    (void)snprintf(both, sizeof both, TELLING_HOST "\n%s\n", people.host.key);
    int fd = file_make(both, path);
    provider_serve(&provider, server.url, "--auth", "claims", "--trusted-issuer", people.account.key,
                   "--trusted-host-file", path, NULL);
    provider.cursor = 0;
    (void)process_await_line(&provider, "differs from KEYSPACE by its case only");
    (void)process_await_line(&provider, "adopted 1 binding ");
    lattice_actor(3, actor);
    lattice_bind(&lattice, actor, NULL);
    expect_exists(1, "k", false);
    expect_nobody(2);
    file_rewrite(fd, people.host.key);
    process_signal(&provider, SIGHUP);
    (void)process_await_line(&provider, "removed 1 binding of hosts");
    (void)process_await_line(&provider, "reloaded: ");
    expect_nobody(1);
    expect_exists(3, "k", false);
    natsSubscription_Destroy(answers.subscription);
    free((void *)(uintptr_t)answers.texts[0]);
    (void)close(fd);
    provider_stop(&provider);
}
END_TEST

/* Where no host is trusted nobody can have bound an actor, and whoever answers may say anything. */
START_TEST(without_a_trusted_host_no_binding_is_adopted)
{
    json_t *own = json_array();
    for (unsigned i = 1; i <= 500; i++)
        json_array_append_new(own, told(i, "wascc:keyvalue", "default", "{}"));
    struct answers answers = {{answer_of("Bindings", own)}, NULL};
    answers_start(&answers);
    provider_serve(&provider, server.url, "--auth", "claims", "--trusted-issuer", people.account.key, NULL);
    provider.cursor = 0;
    (void)process_await_line(&provider, "not adopted without a --trusted-host");
    expect_nobody(1);
    expect_nobody(500);
    ck_assert_ptr_null(strstr(provider.err.bytes, "info  adopted"));
    natsSubscription_Destroy(answers.subscription);
    free((void *)(uintptr_t)answers.texts[0]);
    provider_stop(&provider);
}
END_TEST

/* For a desk, where nobody signs anything. */
START_TEST(in_none_mode_bindings_are_adopted_though_they_are_required)
{
    json_t *own = json_array();
    json_array_append_new(own, told(1, "wascc:keyvalue", "default", "{}"));
    struct answers answers = {{answer_of("Bindings", own)}, NULL};
    answers_start(&answers);
    serve(&provider, "none", "--require-binding");
    (void)process_await_line(&provider, "adopted 1 binding ");
    expect_exists(1, "k", false);
    natsSubscription_Destroy(answers.subscription);
    free((void *)(uintptr_t)answers.texts[0]);
    provider_stop(&provider);
}
END_TEST

/* Who answers decides how much is in it, but not how much is logged. */
START_TEST(a_bad_answer_is_one_line_of_the_log)
{
    json_t *own = json_array();
    for (unsigned i = 1; i <= 500; i++)
        json_array_append_new(own, told(i, "wascc:keyvalue", "default", "{\"KEYSPACE\":\"\"}"));
    json_array_append_new(own, told(501, "wascc:keyvalue", "default", "{}"));
    struct answers answers = {{answer_of("Bindings", own)}, NULL};
    answers_start(&answers);
    serve(&provider, "claims", NULL);
    const char *line =
        process_await_line(&provider, "500 bindings that the lattice remembers could not be adopted");
    ck_assert_ptr_nonnull(strstr(line, "KEYSPACE"));
    (void)process_await_line(&provider, "adopted 1 binding ");
    const char *said = strstr(provider.err.bytes, "could not be adopted");
    ck_assert_ptr_null(strstr(said + 1, "could not be adopted"));
    natsSubscription_Destroy(answers.subscription);
    free((void *)(uintptr_t)answers.texts[0]);
    provider_stop(&provider);
}
END_TEST

/* Each may have to wait for the server's answer, and all of them together for seconds. */
START_TEST(a_provider_that_takes_up_many_is_alive_meanwhile)
{
    enum { TOLD = 20 };
    static const char said[] = "-ERR 'Permissions Violation for Publish to \"_INBOX.a\"'\r\n";
    char url[URL_BYTES], id[INSTANCE_ID_BYTES];
    natsSubscription *questions;
    natsMsg *question;
    json_t *own = json_array();
    for (unsigned i = 1; i <= TOLD; i++)
        json_array_append_new(own, told(i, "wascc:keyvalue", "default", "{}"));
    char *answer = answer_of("Bindings", own);
    struct relay *relay = relay_start(server.port);
    relay_url(relay, url);
    ck_assert_int_eq(
        natsConnection_SubscribeSync(&questions, watcher.connection, "wasmbus.inventory.bindings"), NATS_OK);
    ck_assert_int_eq(natsConnection_Flush(watcher.connection), NATS_OK);
    provider_start(&provider, url, "--workers", "1", "--metrics-listen", "127.0.0.1:0", NULL);
    const char *line = process_await_line(&provider, "metrics: listening on 127.0.0.1:");
    int port = atoi(strstr(line, "127.0.0.1:") + strlen("127.0.0.1:"));
    provider_await_ready(&provider, id);
    ck_assert_int_eq(natsSubscription_NextMsg(&question, questions, WAIT_MS), NATS_OK);
    /* From now on each bind waits whether its subject is refused, too. */
    relay_say(relay, said, sizeof said - 1);
    (void)process_await_line(&provider, "worker 0: the server says: Permissions Violation for Publish");
    ck_assert_int_eq(natsConnection_PublishString(watcher.connection, natsMsg_GetReply(question), answer),
                     NATS_OK);
    do {
        ck_assert_int_eq(http_status(port, "/livez"), 200);
        process_read(&provider);
    } while (strstr(provider.err.bytes, "adopted 20 bindings") == NULL);
    natsMsg_Destroy(question);
    natsSubscription_Destroy(questions);
    free(answer);
    provider_stop(&provider);
    relay_stop(relay);
}
END_TEST

/* What a host has said since the start is newer than what others remember. */
START_TEST(a_late_answer_undoes_no_bind_and_no_removal)
{
    char actor[WKV_NKEY_PUBLIC_CHARS + 1];
    natsSubscription *questions = NULL;
    natsMsg *question = NULL;
    ck_assert_int_eq(
        natsConnection_SubscribeSync(&questions, watcher.connection, "wasmbus.inventory.bindings"), NATS_OK);
    ck_assert_int_eq(natsConnection_Flush(watcher.connection), NATS_OK);
    serve(&provider, "claims", NULL);
    ck_assert_int_eq(natsSubscription_NextMsg(&question, questions, WAIT_MS), NATS_OK);
    lattice_actor(1, actor);
    lattice_bind(&lattice, actor, NULL);
    lattice_remove(&lattice, actor);
    lattice_actor(2, actor);
    lattice_remove(&lattice, actor);
    lattice_actor(3, actor);
    lattice_bind(&lattice, actor, &(struct word){.keyspace = "new"});
    json_t *late = json_array();
    for (unsigned i = 1; i <= 4; i++)
        json_array_append_new(late, told(i, "wascc:keyvalue", "default", "{\"KEYSPACE\":\"old\"}"));
    char *text = answer_of("Bindings", late);
    ck_assert_int_eq(natsConnection_PublishString(watcher.connection, natsMsg_GetReply(question), text),
                     NATS_OK);
    (void)process_await_line(&provider, "adopted 1 binding ");
    expect_nobody(1);
    expect_nobody(2);
    set_key(4);
    expect_exists(3, "k", false);
    /* A host's next word counts again. */
    lattice_actor(1, actor);
    lattice_bind(&lattice, actor, &(struct word){.keyspace = "old"});
    expect_exists(1, "k", true);
    free(text);
    natsMsg_Destroy(question);
    natsSubscription_Destroy(questions);
    provider_stop(&provider);
}
END_TEST

START_TEST(a_thousand_bindings_are_adopted)
{
    json_t *own = json_array();
    for (unsigned i = 0; i < 1000; i++)
        json_array_append_new(own, told(i, "wascc:keyvalue", "default", "{}"));
    struct answers answers = {{answer_of("Bindings", own)}, NULL};
    answers_start(&answers);
    serve(&provider, "invocation", NULL);
    (void)process_await_line(&provider, "adopted 1000 bindings");
    for (unsigned i = 0; i < 1000; i++)
        expect_exists(i, "k", false);
    expect_nobody(1000);
    natsSubscription_Destroy(answers.subscription);
    free((void *)(uintptr_t)answers.texts[0]);
    provider_stop(&provider);
}
END_TEST

/* ---- several instances ---- */

static size_t answers_to(const char *subject, const struct wkv_buffer *bytes)
{
    char inbox[] = "answers.of.two";
    natsSubscription *answers = NULL;
    natsMsg *message = NULL;
    size_t count = 0;
    ck_assert_int_eq(natsConnection_SubscribeSync(&answers, lattice.connection, inbox), NATS_OK);
    ck_assert_int_eq(
        natsConnection_PublishRequest(lattice.connection, subject, inbox, bytes->data, (int)bytes->len),
        NATS_OK);
    /* That no more come cannot be waited for: they would be there at once. */
    ck_assert_int_eq(natsSubscription_NextMsg(&message, answers, WAIT_MS), NATS_OK);
    do {
        struct response response = response_read(message, subject);
        ck_assert_msg(response.error == NULL, "%s", response.error);
        response_free(&response);
        count++;
    } while (natsSubscription_NextMsg(&message, answers, 100) == NATS_OK);
    natsSubscription_Destroy(answers);
    return count;
}

/* "queue group = the subject itself": of two instances that both have the actor one answers; BindActor goes
 * to both. */
START_TEST(two_instances_give_one_answer)
{
    char actor[WKV_NKEY_PUBLIC_CHARS + 1], subject[512], id[LATTICE_ID_BYTES];
    struct wkv_buffer msg, bytes;
    lattice_actor(1, actor);
    serve(&provider, "claims", NULL);
    serve(&second, "claims", "--allow-split");
    lattice_pack_configuration(actor, &(struct word){.silent = false}, &msg);
    struct invocation bind = {
        .actor = "system", .operation = "BindActor", .msg = msg.data, .msg_len = msg.len};
    invocation_pack(&lattice, &bind, &bytes, id);
    ck_assert_uint_eq(answers_to(lattice.own, &bytes), 2);
    wkv_buffer_destroy(&bytes);
    lattice_subject(&lattice, actor, subject);
    for (int i = 0; i < 10; i++) {
        pack_get(actor, &bytes);
        ck_assert_uint_eq(answers_to(subject, &bytes), 1);
        wkv_buffer_destroy(&bytes);
    }
    wkv_buffer_destroy(&msg);
    /* What one is told the other does as well. */
    provider_stop(&provider);
    lattice_expect(&lattice, actor, "KeyExists", "{\"key\":\"k\"}", "{\"value\":\"\",\"exists\":false}");
    lattice_remove(&lattice, actor);
    lattice_no_responders(&lattice, actor);
    provider_stop(&second);
}
END_TEST

START_TEST(a_second_instance_learns_from_the_first)
{
    char actor[WKV_NKEY_PUBLIC_CHARS + 1];
    serve(&provider, "claims", NULL);
    for (unsigned i = 1; i <= 5; i++) {
        lattice_actor(i, actor);
        lattice_bind(&lattice, actor, i == 5 ? &(struct word){.keyspace = "K\xc3\xa4se"} : NULL);
    }
    serve(&second, "claims", "--allow-split");
    (void)process_await_line(&second, "adopted 5 bindings");
    provider_stop(&provider);
    for (unsigned i = 1; i <= 5; i++)
        expect_exists(i, "k", false);
    set_key(5);
    expect_exists(5, "k", true);
    expect_exists(4, "k", false);
    provider_stop(&second);
}
END_TEST

/* ---- a server that goes ---- */

static void await_served(unsigned number)
{
    char actor[WKV_NKEY_PUBLIC_CHARS + 1], subject[512];
    long long deadline_ms = now_ms() + WAIT_MS;
    lattice_actor(number, actor);
    lattice_subject(&lattice, actor, subject);
    for (bool served = false; !served;) {
        struct wkv_buffer bytes;
        pack_get(actor, &bytes);
        struct response response = lattice_send(&lattice, subject, bytes.data, bytes.len, "Get");
        served = response.status == NATS_OK;
        ck_assert_msg(response.error == NULL, "%s", response.error);
        response_free(&response);
        wkv_buffer_destroy(&bytes);
        ck_assert_msg(now_ms() < deadline_ms, "it is not served again");
    }
}

/* The binding's own subject has a connection of its own, which comes back when it does. */
static void await_own_subject(void)
{
    long long deadline_ms = now_ms() + WAIT_MS;
    for (bool heard = false; !heard;) {
        struct response response = lattice_send(&lattice, lattice.own, "", 0, "nothing");
        heard = response.status == NATS_OK;
        response_free(&response);
        ck_assert_msg(now_ms() < deadline_ms, "the binding's own subject is not heard again");
    }
}

START_TEST(bound_actors_are_served_again_after_the_server_was_away)
{
    char actor[WKV_NKEY_PUBLIC_CHARS + 1];
    provider_serve(&provider, server.url, "--auth", "claims", TRUSTING, "--workers", "2", NULL);
    for (unsigned i = 1; i <= 20; i++) {
        lattice_actor(i, actor);
        lattice_bind(&lattice, actor, NULL);
    }
    set_key(1);
    for (int round = 0; round < 2; round++) {
        lattice_close(&lattice);
        client_close(&watcher);
        nats_server_kill(&server);
        (void)process_await_line(&provider, "disconnected");
        nats_server_start_on(&server, server.port, NULL);
        /* Two workers, `system`, discovery and watches. */
        for (int i = 0; i < 5; i++)
            (void)process_await_line(&provider, ": reconnected");
        lattice_open(&lattice, server.url, &people.host, "wasmbus", "default");
        client_open(&watcher, server.url);
        for (unsigned i = 1; i <= 20; i++)
            await_served(i);
        expect_exists(2, "k", true);
    }
    /* Bindings go on as before. */
    await_own_subject();
    lattice_actor(1, actor);
    lattice_remove(&lattice, actor);
    long long deadline_ms = now_ms() + WAIT_MS;
    for (bool gone = false; !gone;) {
        struct wkv_buffer bytes;
        char subject[512];
        pack_get(actor, &bytes);
        lattice_subject(&lattice, actor, subject);
        struct response response = lattice_send(&lattice, subject, bytes.data, bytes.len, "Get");
        gone = response.status == NATS_NO_RESPONDERS;
        response_free(&response);
        wkv_buffer_destroy(&bytes);
        ck_assert_msg(now_ms() < deadline_ms, "it is still served");
    }
    lattice_actor(21, actor);
    lattice_bind(&lattice, actor, NULL);
    await_served(21);
    provider_stop(&provider);
}
END_TEST

/* ---- many ---- */

START_TEST(two_thousand_actors_are_bound_and_served)
{
    enum { ACTORS = 2000 };
    char actor[WKV_NKEY_PUBLIC_CHARS + 1];
    /* nats.c takes its time to end so many subscriptions, and more of it under a sanitizer. */
    provider_serve(&provider, server.url, "--auth", "claims", TRUSTING, "--drain-timeout", "50s", NULL);
    for (unsigned i = 0; i < ACTORS; i++) {
        lattice_actor(i, actor);
        lattice_bind(&lattice, actor, NULL);
    }
    for (unsigned i = 0; i < ACTORS; i++)
        expect_exists(i * 7 % ACTORS, "k", false);
    for (unsigned i = 0; i < ACTORS; i += 2) {
        lattice_actor(i, actor);
        lattice_remove(&lattice, actor);
    }
    for (unsigned i = 0; i < ACTORS; i++)
        if (i % 2 == 0)
            expect_nobody(i);
        else
            expect_exists(i, "k", false);
    provider_stop(&provider);
}
END_TEST

/* ---- events and inventory ---- */

/* Waits for the next event, which must be one as watchers read it, and checks what it tells. */
static void expect_event(natsSubscription *events, const char *type, const char *tag, const char *actor)
{
    static const char *const members[] = {"specversion",     "type",    "typeversion", "source", "id", "time",
                                          "datacontenttype", "subject", "data"};
    natsMsg *message = NULL;
    char subject[256], full_type[128];
    ck_assert_msg(natsSubscription_NextMsg(&message, events, WAIT_MS) == NATS_OK, "no %s", tag);
    const char **keys = NULL;
    int count = 0;
    ck_assert_int_eq(natsMsgHeader_Keys(message, &keys, &count), NATS_NOT_FOUND);
    json_t *event = json_of(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        ck_assert_msg(json_is_string(json_object_get(event, members[i])), "%s has no %s", tag, members[i]);
    (void)snprintf(full_type, sizeof full_type, "wasmbus.events.%s", type);
    ck_assert_str_eq(json_string_value(json_object_get(event, "type")), full_type);
    ck_assert_str_eq(json_string_value(json_object_get(event, "specversion")), "1.0");
    ck_assert_str_eq(json_string_value(json_object_get(event, "typeversion")), "0.1");
    ck_assert_str_eq(json_string_value(json_object_get(event, "datacontenttype")), "application/json");
    (void)snprintf(subject, sizeof subject, "%s%swascc:keyvalue.default", actor == NULL ? "" : actor,
                   actor == NULL ? "" : ".");
    ck_assert_str_eq(json_string_value(json_object_get(event, "subject")), subject);
    json_t *text = json_object_get(event, "data");
    json_t *data = json_of(json_string_value(text), json_string_length(text)),
           *told_of = json_object_get(data, tag);
    ck_assert_uint_eq(json_object_size(data), 1);
    ck_assert_str_eq(json_string_value(json_object_get(told_of, "capid")), "wascc:keyvalue");
    ck_assert_str_eq(json_string_value(json_object_get(told_of, "instance_name")), "default");
    ck_assert_int_eq(json_string_value(json_object_get(told_of, "host"))[0], 'N');
    ck_assert(actor == NULL || strcmp(json_string_value(json_object_get(told_of, "actor")), actor) == 0);
    json_decref(data);
    json_decref(event);
    natsMsg_Destroy(message);
}

START_TEST(the_lattice_hears_what_becomes_of_a_provider)
{
    char actor[WKV_NKEY_PUBLIC_CHARS + 1];
    natsSubscription *events = NULL;
    lattice_actor(1, actor);
    ck_assert_int_eq(natsConnection_SubscribeSync(&events, watcher.connection, "wasmbus.events"), NATS_OK);
    ck_assert_int_eq(natsConnection_Flush(watcher.connection), NATS_OK);
    serve(&provider, "claims", NULL);
    expect_event(events, "provider_loaded", "ProviderLoaded", NULL);
    lattice_bind(&lattice, actor, NULL);
    expect_event(events, "actor_binding_created", "ActorBindingCreated", actor);
    lattice_remove(&lattice, actor);
    expect_event(events, "actor_binding_removed", "ActorBindingRemoved", actor);
    lattice_remove(&lattice, actor);
    lattice_bind_refused(&lattice, actor, &(struct word){.capabilities = ""}, "__wascc_capabilities");
    provider_stop(&provider);
    expect_event(events, "provider_removed", "ProviderRemoved", NULL);
    natsMsg *message = NULL;
    ck_assert_int_eq(natsSubscription_NextMsg(&message, events, 0), NATS_TIMEOUT);
    natsSubscription_Destroy(events);
}
END_TEST

/* The one answer, which the caller releases. */
static json_t *ask_inventory(const char *what)
{
    char subject[128];
    natsMsg *message = NULL;
    const char **keys = NULL;
    int count = 0;
    (void)snprintf(subject, sizeof subject, "wasmbus.inventory.%s", what);
    ck_assert_int_eq(natsConnection_RequestString(&message, watcher.connection, subject, "", WAIT_MS),
                     NATS_OK);
    ck_assert_int_eq(natsMsgHeader_Keys(message, &keys, &count), NATS_NOT_FOUND);
    json_t *answer = json_of(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
    ck_assert_uint_eq(json_object_size(answer), 1);
    natsMsg_Destroy(message);
    return answer;
}

START_TEST(the_inventory_is_as_hosts_read_it)
{
    char actor[WKV_NKEY_PUBLIC_CHARS + 1];
    const char *host, *host_again, *capability, *binding, *who, *keyspace, *id;
    json_int_t uptime, revision;
    json_t *labels, *list, *answer;
    lattice_actor(1, actor);
    serve(&provider, "claims", NULL);
    lattice_bind(&lattice, actor, &(struct word){.keyspace = "blue"});
    answer = ask_inventory("hosts");
    ck_assert_int_eq(json_unpack(answer, "{s:{s:s, s:o, s:I !}}", "Host", "id", &host, "labels", &labels,
                                 "uptime_ms", &uptime),
                     0);
    ck_assert(json_is_object(labels) && uptime >= 0 && host[0] == 'N');
    json_t *bindings = ask_inventory("bindings"), *actors = ask_inventory("actors"),
           *capabilities = ask_inventory("capabilities");
    ck_assert_int_eq(json_unpack(bindings, "{s:{s:s, s:[{s:s, s:s, s:s, s:{s:s !} !}] !}}", "Bindings",
                                 "host", &host_again, "bindings", "actor", &who, "capability_id", &capability,
                                 "binding_name", &binding, "configuration", "KEYSPACE", &keyspace),
                     0);
    ck_assert_str_eq(host, host_again);
    ck_assert_str_eq(who, actor);
    ck_assert_str_eq(capability, "wascc:keyvalue");
    ck_assert_str_eq(binding, "default");
    ck_assert_str_eq(keyspace, "blue");
    /* A host that counts an actor's answers must find none here. */
    ck_assert_int_eq(json_unpack(actors, "{s:{s:s, s:o !}}", "Actors", "host", &host_again, "actors", &list),
                     0);
    ck_assert(json_is_array(list) && json_array_size(list) == 0);
    ck_assert_int_eq(json_unpack(capabilities, "{s:{s:s, s:[{s:s, s:{s:s, s:s, s:s, s:I, s:s, s:o !} !}] !}}",
                                 "Capabilities", "host", &host_again, "capabilities", "binding_name",
                                 &binding, "descriptor", "id", &id, "name", &who, "version", &who, "revision",
                                 &revision, "long_description", &who, "supported_operations", &list),
                     0);
    size_t for_actors = 0;
    for (size_t i = 0; i < wkv_operation_count; i++)
        for_actors += !wkv_operation_is_system(&wkv_operations[i]);
    ck_assert_uint_eq(json_array_size(list), for_actors);
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(list, 0), "direction")), "to_provider");
    json_decref(answer);
    json_decref(bindings);
    json_decref(actors);
    json_decref(capabilities);
    provider_stop(&provider);
}
END_TEST

/* ---- the end ---- */

/* "on SIGTERM every accepted invocation is answered": each has its answer, or was never taken. */
START_TEST(told_to_stop_it_answers_what_it_has_taken)
{
    enum { REQUESTS = 6000, BEFORE = 2000 };
    char actor[WKV_NKEY_PUBLIC_CHARS + 1];
    struct pipeline pipeline;
    natsSubscription *events = NULL;
    struct wkv_buffer *bytes = calloc(REQUESTS, sizeof *bytes);
    ck_assert_ptr_nonnull(bytes);
    lattice_actor(1, actor);
    serve(&provider, "claims", NULL);
    lattice_bind(&lattice, actor, NULL);
    for (size_t i = 0; i < REQUESTS; i++)
        pack_get(actor, &bytes[i]);
    ck_assert_int_eq(natsConnection_SubscribeSync(&events, lattice.connection, "wasmbus.events"), NATS_OK);
    ck_assert_int_eq(natsConnection_Flush(lattice.connection), NATS_OK);
    (void)snprintf(watcher.base, sizeof watcher.base, "%s", lattice.own);
    pipeline_open(&pipeline, &watcher, REQUESTS);
    for (size_t i = 0; i < REQUESTS; i++) {
        if (i == BEFORE)
            process_signal(&provider, SIGTERM);
        ck_assert(pipeline_send(&pipeline, actor, bytes[i].data, bytes[i].len));
        while (pipeline_receive(&pipeline, 0, NULL))
            ;
    }
    ck_assert_int_eq(process_await_exit(&provider), 0);
    pipeline_settle(&pipeline, 0);
    ck_assert_uint_eq(pipeline.ok + pipeline.no_responders, REQUESTS);
    ck_assert_uint_eq(pipeline.repeated, 0);
    ck_assert_uint_gt(pipeline.ok, 0);
    expect_event(events, "provider_removed", "ProviderRemoved", NULL);
    pipeline_close(&pipeline);
    natsSubscription_Destroy(events);
    for (size_t i = 0; i < REQUESTS; i++)
        wkv_buffer_destroy(&bytes[i]);
    free(bytes);
}
END_TEST

/* ---- options ---- */

START_TEST(any_host_may_be_trusted)
{
    char actor[WKV_NKEY_PUBLIC_CHARS + 1];
    lattice_actor(1, actor);
    provider_serve(&provider, server.url, "--auth", "invocation", "--trusted-issuer", people.account.key,
                   "--trusted-host", "any", NULL);
    lattice.host = &people.other_host;
    lattice_bind(&lattice, actor, NULL);
    expect_exists(1, "k", false);
    lattice.host = &people.host;
    expect_exists(1, "k", false);
    /* Any host, but a host, whose signature holds. */
    struct invocation forged = {.actor = actor, .operation = "Get", .host_id = people.other_host.key};
    lattice_refused(&lattice, &forged, "host_id");
    lattice_bind_refused(&lattice, actor, &(struct word){.issuer = people.other_account.key},
                         "untrusted issuer");
    provider_stop(&provider);
}
END_TEST

/* Names are compared as they are, also where a host lower-cases the URLs that it signs. */
START_TEST(a_binding_with_capitals_is_served_in_a_namespace)
{
    static const struct {
        const char *space, *prefix, *binding;
    } places[] = {{"", "wasmbus", "MyStore-2_B"},
                  {"prod", "prod.wasmbus", "default"},
                  {"Team-1", "Team-1.wasmbus", "Main"}};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct lattice elsewhere;
        char actor[WKV_NKEY_PUBLIC_CHARS + 1];
        lattice_actor(1, actor);
        if (places[i].space[0] == '\0')
            provider_serve(&provider, server.url, "--auth", "invocation", TRUSTING, "--binding",
                           places[i].binding, NULL);
        else
            provider_serve(&provider, server.url, "--auth", "invocation", TRUSTING, "--binding",
                           places[i].binding, "--lattice-namespace", places[i].space, NULL);
        lattice_open(&elsewhere, server.url, &people.host, places[i].prefix, places[i].binding);
        elsewhere.exact_urls = true;
        /* Real hosts do not: that is told at the start. */
        process_read(&provider);
        ck_assert((strstr(provider.err.bytes, "has capitals") != NULL) ==
                  (strcmp(places[i].binding, "default") != 0));
        lattice_bind(&elsewhere, actor, NULL);
        lattice_expect(&elsewhere, actor, "Add", "{\"key\":\"n\",\"value\":1}", "{\"value\":1}");
        lattice_no_responders(&lattice, actor);
        struct invocation forged = {.actor = actor, .operation = "Get", .signed_binding = "another"};
        lattice_refused(&elsewhere, &forged, "another operation or binding");
        forged = (struct invocation){.actor = actor, .operation = "Get", .binding = "another"};
        lattice_refused(&elsewhere, &forged, "target");
        lattice_remove(&elsewhere, actor);
        lattice_no_responders(&elsewhere, actor);
        lattice_close(&elsewhere);
        provider_stop(&provider);
    }
}
END_TEST

static TCase *add_case(Suite *suite, const char *name)
{
    TCase *tests = tcase_create(name);
    tcase_add_checked_fixture(tests, start, stop);
    suite_add_tcase(suite, tests);
    return tests;
}

Suite *lattice_life_suite(void)
{
    Suite *suite = suite_create("integration/lattice_life");
    TCase *tests = add_case(suite, "adopt");
    tcase_add_test(tests, a_provider_takes_up_exactly_its_own_bindings);
    tcase_add_loop_test(tests, nothing_is_adopted_where_a_binding_is_permission, 0, PERMISSIONS);
    tcase_add_test(tests, a_host_that_is_removed_takes_along_what_it_remembers);
    tcase_add_test(tests, without_a_trusted_host_no_binding_is_adopted);
    tcase_add_test(tests, in_none_mode_bindings_are_adopted_though_they_are_required);
    tcase_add_test(tests, a_bad_answer_is_one_line_of_the_log);
    tcase_add_test(tests, a_late_answer_undoes_no_bind_and_no_removal);
    tcase_add_test(tests, a_thousand_bindings_are_adopted);
    tcase_add_test(tests, a_provider_that_takes_up_many_is_alive_meanwhile);
    tests = add_case(suite, "instances");
    tcase_add_test(tests, two_instances_give_one_answer);
    tcase_add_test(tests, a_second_instance_learns_from_the_first);
    tests = add_case(suite, "server");
    tcase_add_test(tests, bound_actors_are_served_again_after_the_server_was_away);
    tests = add_case(suite, "many");
    tcase_add_test(tests, two_thousand_actors_are_bound_and_served);
    tests = add_case(suite, "events");
    tcase_add_test(tests, the_lattice_hears_what_becomes_of_a_provider);
    tcase_add_test(tests, the_inventory_is_as_hosts_read_it);
    tests = add_case(suite, "end");
    tcase_add_test(tests, told_to_stop_it_answers_what_it_has_taken);
    tests = add_case(suite, "options");
    tcase_add_test(tests, any_host_may_be_trusted);
    tcase_add_test(tests, a_binding_with_capitals_is_served_in_a_namespace);
    tests = add_case(suite, "churn");
    tcase_add_test(tests, invocations_are_answered_while_their_binding_comes_and_goes);
    tcase_add_test(tests, a_burst_that_meets_the_bind_is_answered_whole);
    return suite;
}
