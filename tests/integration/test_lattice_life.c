/* The lattice front through the life of a process: taken-up bindings, a server that goes, many actors, bindings that come and go
 * under load, and the end.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/msgpack_json.h"
#include "harness.h"
#include "lattice.h"

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

static Suite *make_suite(void)
{
    Suite *suite = suite_create("integration/lattice_life");
    TCase *tests = tcase_create("churn");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_test(tests, invocations_are_answered_while_their_binding_comes_and_goes);
    tcase_add_test(tests, a_burst_that_meets_the_bind_is_answered_whole);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return harness_main(make_suite);
}
