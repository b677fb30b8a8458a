/* A reply goes where a requester listens, and nowhere else (contract section 2): a request that names a
 * subject of NATS's own for its reply, such as that which deletes a stream, is dropped and counted by every
 * front. The server, its JetStream and the stream are real. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "lattice.h"
#include "service.h"

#define STREAM "ledger"
#define MESSAGES 3

static char folder[64];
static struct lattice lattice;

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *walk)
{
    (void)about;
    (void)kind;
    (void)walk;
    return remove(path);
}

/* Asks JetStream; the caller releases the answer. */
static json_t *ask_jetstream(const char *subject, const char *request)
{
    natsMsg *reply = NULL;
    natsStatus status = natsConnection_RequestString(&reply, caller.connection, subject, request, WAIT_MS);
    ck_assert_msg(status == NATS_OK, "%s: %s", subject, natsStatus_GetText(status));
    json_t *answer = json_of(natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply));
    natsMsg_Destroy(reply);
    return answer;
}

static void check_stream(const char *what)
{
    json_t *info = ask_jetstream("$JS.API.STREAM.INFO." STREAM, "");
    const json_t *state = json_object_get(info, "state");
    ck_assert_msg(json_integer_value(json_object_get(state, "messages")) == MESSAGES,
                  "%s: the stream is now %s", what, json_dumps(info, JSON_COMPACT));
    json_decref(info);
}

static void start(void)
{
    char config[160];
    (void)snprintf(folder, sizeof folder, "/tmp/wkv-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(config, sizeof config, "jetstream: { store_dir: \"%s\" }\n", folder);
    people_make();
    nats_server_start(&shared.server, config);
    /* One worker: what is sent later on a subject is handled later. */
    provider_serve(&shared.provider, shared.server.url, "--workers", "1", NULL);
    lattice_open(&lattice, shared.server.url, &people.host, "wasmbus", "default");
    lattice_bind(&lattice, ACTOR, &(struct word){.silent = true});
    caller_open();
    json_decref(ask_jetstream("$JS.API.STREAM.CREATE." STREAM,
                              "{\"name\":\"" STREAM
                              "\",\"subjects\":[\"ledger.>\"],\"storage\":\"memory\"}"));
    for (int i = 0; i < MESSAGES; i++)
        json_decref(ask_jetstream("ledger.entry", "worth keeping"));
    check_stream("at the beginning");
}

static void stop(void)
{
    lattice_close(&lattice);
    caller_close();
    people_free();
    shared_stop();
    (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Every front, with a request that it answers. */
static const struct {
    const char *subject, *request;
} fronts[] = {
    {DEFAULT_BASE "." ACTOR ".Get", "{\"key\":\"a\"}"},
    {DEFAULT_BASE "." ACTOR ".Get", ""},
    {DEFAULT_BASE "." ACTOR ".Clear", "\x0a\x01k"},
    {DEFAULT_BASE "." ACTOR ".SetQuery", "\x0a\x01k"}, /* answered with no bytes */
    {DEFAULT_BASE "." ACTOR ".BindActor", ""},
    {DEFAULT_BASE ".system.HealthRequest", ""},
    {DEFAULT_BASE ".system.GetCapabilityDescriptor", ""},
    {DEFAULT_BASE ".system.BindActor", ""},
    {DEFAULT_BASE ".system.Keys", "{}"},
    {DEFAULT_BASE ".system.Slowlog", "no JSON"},
    {DEFAULT_BASE, "no MessagePack"},
    {DEFAULT_BASE "." ACTOR, "no MessagePack"},
    {"$SRV.PING", ""},
    {"$SRV.PING.wascc-keyvalue", ""},
    {"$SRV.INFO", ""},
    {"$SRV.STATS.wascc-keyvalue", ""},
    {"wasmbus.inventory.bindings", ""},
    {"wasmbus.inventory.capabilities", ""},
    {"wasmbus.inventory.hosts", ""},
};

static const char *const replies[] = {
    "$JS.API.STREAM.DELETE." STREAM, "$JS.API.STREAM.PURGE." STREAM,
    "$SYS.REQ.SERVER.PING",          "wascc-kv.peer",
    DEFAULT_BASE "." ACTOR ".Clear", "wasmbus.provider.wascc.keyvalue.other." ACTOR ".Clear",
    "wasmbus.actor." ACTOR,          "wasmbus.events",
    "wasmbus.inventory.hosts",
};

#define REPLIES (sizeof replies / sizeof replies[0])

static long long dropped(const char *reason)
{
    char path[64];
    (void)snprintf(path, sizeof path, "data.dropped.%s", reason);
    json_t *stats = service_stats(&caller);
    long long number = number_at(stats, path);
    json_decref(stats);
    return number;
}

static void check_front(const char *subject, const char *request)
{
    natsSubscription *heard[REPLIES];
    natsMsg *message = NULL;
    long long before = dropped("reply_subject");
    for (size_t i = 0; i < REPLIES; i++) {
        ck_assert_int_eq(natsConnection_SubscribeSync(&heard[i], caller.connection, replies[i]), NATS_OK);
        ck_assert_int_eq(natsConnection_PublishRequestString(caller.connection, subject, replies[i], request),
                         NATS_OK);
    }
    /* A requester's inbox is answered, after the others. */
    ck_assert_int_eq(natsConnection_RequestString(&message, caller.connection, subject, request, WAIT_MS),
                     NATS_OK);
    natsMsg_Destroy(message);
    ck_assert_int_eq(natsConnection_FlushTimeout(caller.connection, WAIT_MS), NATS_OK);
    for (size_t i = 0; i < REPLIES; i++) {
        uint64_t queued = 0;
        ck_assert_int_eq(natsSubscription_QueuedMsgs(heard[i], &queued), NATS_OK);
        /* Our own question may be heard where it is asked. */
        ck_assert_msg(queued == 0 || (strcmp(replies[i], subject) == 0 && queued <= REPLIES + 1),
                      "%s answers on %s", subject, replies[i]);
        natsSubscription_Destroy(heard[i]);
    }
    ck_assert_int_ge(dropped("reply_subject") - before, (long long)REPLIES);
    check_stream(subject);
}

START_TEST(no_front_answers_where_no_requester_listens)
{
    for (size_t i = 0; i < sizeof fronts / sizeof fronts[0]; i++)
        check_front(fronts[i].subject, fronts[i].request);
}
END_TEST

Suite *reply_subjects_suite(void)
{
    Suite *suite = suite_create("reply_subjects");
    TCase *tests = tcase_create("reply_subjects");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_test(tests, no_front_answers_where_no_requester_listens);
    suite_add_tcase(suite, tests);
    return suite;
}
