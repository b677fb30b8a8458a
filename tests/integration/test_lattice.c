/* Contract section 7: the lattice protocol of real hosts, over the real server. The tests of a case share a
 * provider, so each has actors of its own.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/msgpack_json.h"
#include "codec/vectors.h"
#include "harness.h"
#include "lattice.h"

static struct lattice host;
static struct client
    system_client; /* asks in JSON, as an operator or host does on the subjects of single operations */
static char actor[WKV_NKEY_PUBLIC_CHARS + 1];
static char *claims; /* the actor's */

/* Speaks as the actor of that number in what follows, in JSON too. */
static void use_actor(unsigned number)
{
    free(claims);
    lattice_actor(number, actor);
    claims = claims_for(&people.account, actor);
    client_call_on(&caller, DEFAULT_BASE, actor);
}

static void use_bound(unsigned number, const struct word *word)
{
    use_actor(number);
    lattice_bind(&host, actor, word);
}

static void open_all(void)
{
    people_make();
    caller_open();
    system_open(&system_client, shared.server.url);
    lattice_open(&host, shared.server.url, &people.host, "wasmbus", "default");
    claims = NULL;
}

static void close_all(void)
{
    free(claims);
    lattice_close(&host);
    client_close(&system_client);
    people_free();
    caller_close();
}

static void serve(const char *auth, const char *also)
{
    people_make();
    nats_server_start(&shared.server, NULL);
    provider_serve(&shared.provider, shared.server.url, "--auth", auth, "--trusted-issuer",
                   people.account.key, "--trusted-host", people.host.key, also, NULL);
    people_free();
}

static void serve_claims(void)
{
    serve("claims", NULL);
}

static void serve_invocation(void)
{
    serve("invocation", NULL);
}

static void serve_binding(void)
{
    serve("binding", NULL);
}

static void serve_none(void)
{
    serve("none", NULL);
}

static struct papers papers(void)
{
    return (struct papers){.claims = claims, .host = &people.host};
}

/* What JSON reads of the actor's key, with claims. */
static void json_reads(const char *key, const char *value)
{
    json_t *reply = papers_call(&caller, papers(), JSON, "Get", "{s:s}", "key", key);
    const char *got = json_string_value(json_object_get(reply, "value"));
    ck_assert_msg(strcmp(got, value) == 0, "%s instead of %s", got, value);
    json_decref(reply);
}

/* ---- bindings and subjects ---- */

START_TEST(a_bound_actor_has_a_subject_of_its_own)
{
    use_actor(1);
    lattice_no_responders(&host, actor);
    lattice_bind(&host, actor, NULL);
    lattice_expect(&host, actor, "Get", "{\"key\":\"k\"}", "{\"value\":\"\",\"exists\":false}");
    lattice_bind(&host, actor, NULL); /* another host may do so at any time */
    lattice_expect(&host, actor, "Get", "{\"key\":\"k\"}", "{\"value\":\"\",\"exists\":false}");
    lattice_remove(&host, actor);
    lattice_no_responders(&host, actor);
    lattice_remove(&host, actor); /* once more is no error */
    lattice_bind(&host, actor, NULL);
    lattice_expect(&host, actor, "Get", "{\"key\":\"k\"}", "{\"value\":\"\",\"exists\":false}");
}
END_TEST

static int drain_messages(natsSubscription *subscription)
{
    natsMsg *message = NULL;
    int count = 0;
    while (natsSubscription_NextMsg(&message, subscription, 0) == NATS_OK) {
        natsMsg_Destroy(message);
        count++;
    }
    return count;
}

/* "queue group = the subject itself": a member of ours gets its share, and each request has one taker. */
START_TEST(the_queue_group_is_the_subject)
{
    enum { REQUESTS = 200 };
    char subject[512], inbox[64], id[LATTICE_ID_BYTES];
    natsSubscription *member = NULL, *answers = NULL;
    use_bound(2, NULL);
    lattice_subject(&host, actor, subject);
    (void)snprintf(inbox, sizeof inbox, "answers.of.this.test");
    ck_assert_int_eq(natsConnection_QueueSubscribeSync(&member, caller.connection, subject, subject),
                     NATS_OK);
    ck_assert_int_eq(natsConnection_SubscribeSync(&answers, caller.connection, inbox), NATS_OK);
    ck_assert_int_eq(natsConnection_Flush(caller.connection), NATS_OK);
    for (int i = 0; i < REQUESTS; i++) {
        struct wkv_buffer bytes;
        struct invocation invocation = {
            .actor = actor, .operation = "KeyExists", .msg = "\x81\xa3key\xa1k", .msg_len = 7};
        invocation_pack(&host, &invocation, &bytes, id);
        ck_assert_int_eq(
            natsConnection_PublishRequest(host.connection, subject, inbox, bytes.data, (int)bytes.len),
            NATS_OK);
        wkv_buffer_destroy(&bytes);
    }
    ck_assert_int_eq(natsConnection_Flush(host.connection), NATS_OK);
    long long deadline_ms = now_ms() + WAIT_MS;
    int taken = 0, answered = 0;
    while (taken + answered < REQUESTS) {
        taken += drain_messages(member);
        answered += drain_messages(answers);
        ck_assert_msg(now_ms() < deadline_ms, "%d taken by the test, %d answered", taken, answered);
    }
    /* The provider has two connections; with a group of another name each request would have several takers.
     * What would come more comes before the answer to a request that follows on the same connections. */
    for (int i = 0; i < 20; i++)
        json_decref(papers_call(&caller, papers(), JSON, "KeyExists", "{s:s}", "key", "k"));
    taken += drain_messages(member);
    answered += drain_messages(answers);
    ck_assert_int_eq(taken + answered, REQUESTS);
    ck_assert_int_gt(taken, 0);
    ck_assert_int_gt(answered, 0);
    natsSubscription_Destroy(member);
    natsSubscription_Destroy(answers);
}
END_TEST

/* ---- operations ---- */

static const struct {
    const char *operation, *request, *reply;
} conversation[] = {
    {"Get", "{\"key\":\"s\"}", "{\"value\":\"\",\"exists\":false}"},
    {"Set", "{\"key\":\"s\",\"value\":\"K\xc3\xa4se\",\"expires\":0}", "{\"value\":\"K\xc3\xa4se\"}"},
    {"Get", "{\"key\":\"s\"}", "{\"value\":\"K\xc3\xa4se\",\"exists\":true}"},
    {"Set", "{\"key\":\"t\",\"value\":\"\",\"expires\":3600}", "{\"value\":\"\"}"},
    {"Get", "{\"key\":\"t\"}", "{\"value\":\"\",\"exists\":true}"},
    {"KeyExists", "{\"key\":\"s\"}", "{\"value\":\"\",\"exists\":true}"},
    {"KeyExists", "{\"key\":\"x\"}", "{\"value\":\"\",\"exists\":false}"},
    {"Del", "{\"key\":\"t\"}", "{\"key\":\"t\"}"},
    {"KeyExists", "{\"key\":\"t\"}", "{\"value\":\"\",\"exists\":false}"},
    {"Add", "{\"key\":\"n\",\"value\":2147483647}", "{\"value\":2147483647}"},
    {"Add", "{\"key\":\"n\",\"value\":-2147483648}", "{\"value\":-1}"},
    {"Add", "{\"key\":\"n\",\"value\":-200}", "{\"value\":-201}"},
    {"Get", "{\"key\":\"n\"}", "{\"value\":\"-201\",\"exists\":true}"},
    {"Push", "{\"key\":\"l\",\"value\":\"a\"}", "{\"newCount\":1}"},
    {"Push", "{\"key\":\"l\",\"value\":\"b\"}", "{\"newCount\":2}"},
    {"Push", "{\"key\":\"l\",\"value\":\"a\"}", "{\"newCount\":3}"},
    {"Range", "{\"key\":\"l\",\"start\":0,\"stop\":1}", "{\"values\":[\"a\",\"b\"]}"},
    {"Range", "{\"key\":\"l\",\"start\":-1,\"stop\":-1}", "{\"values\":[\"a\"]}"},
    {"Range", "{\"key\":\"x\",\"start\":0,\"stop\":-1}", "{\"values\":[]}"},
    {"ListItemDelete", "{\"key\":\"l\",\"value\":\"a\"}", "{\"newCount\":1}"},
    {"Clear", "{\"key\":\"l\"}", "{\"key\":\"l\"}"},
    {"Range", "{\"key\":\"l\",\"start\":0,\"stop\":-1}", "{\"values\":[]}"},
    {"SetAdd", "{\"key\":\"a\",\"value\":\"1\"}", "{\"newCount\":1}"},
    {"SetAdd", "{\"key\":\"a\",\"value\":\"2\"}", "{\"newCount\":2}"},
    {"SetAdd", "{\"key\":\"a\",\"value\":\"2\"}", "{\"newCount\":2}"},
    {"SetAdd", "{\"key\":\"b\",\"value\":\"2\"}", "{\"newCount\":1}"},
    {"SetAdd", "{\"key\":\"b\",\"value\":\"3\"}", "{\"newCount\":2}"},
    {"SetQuery", "{\"key\":\"a\"}", "{\"values\":[\"1\",\"2\"],\"cursor\":\"\"}"},
    {"SetUnion", "{\"keys\":[\"a\",\"b\"]}", "{\"values\":[\"1\",\"2\",\"3\"],\"cursor\":\"\"}"},
    {"SetIntersection", "{\"keys\":[\"a\",\"b\"]}", "{\"values\":[\"2\"],\"cursor\":\"\"}"},
    {"SetIntersection", "{\"keys\":[]}", "{\"values\":[],\"cursor\":\"\"}"},
    {"SetRemove", "{\"key\":\"a\",\"value\":\"1\"}", "{\"newCount\":1}"},
    {"SetRemove", "{\"key\":\"a\",\"value\":\"2\"}", "{\"newCount\":0}"},
    {"SetQuery", "{\"key\":\"a\"}", "{\"values\":[],\"cursor\":\"\"}"},
    {"Push", "{\"key\":\"q\",\"value\":\"1\"}", "{\"newCount\":1}"},
    {"Pop", "{\"key\":\"q\",\"fromEnd\":true}", "{\"exists\":true,\"value\":\"1\",\"newCount\":0}"},
    {"ListKeys", "{\"prefix\":\"b\",\"limit\":5}", "{\"keys\":[\"b\"],\"cursor\":\"\"}"},
    {"Batch", "{\"requests\":[{\"setContains\":{\"key\":\"b\",\"value\":\"2\"}}]}",
     "{\"applied\":true,\"replies\":[{\"setContains\":{\"contains\":true}}]}"},
    {"SetContains", "{\"key\":\"b\",\"value\":\"2\"}", "{\"contains\":true}"},
    {"CompareAndSet", "{\"key\":\"c\",\"value\":\"1\"}",
     "{\"swapped\":true,\"exists\":true,\"current\":\"\"}"},
    {"CompareAndSet", "{\"key\":\"c\",\"value\":\"2\",\"expected\":\"0\"}",
     "{\"swapped\":false,\"exists\":true,\"current\":\"1\"}"},
    {"Increment", "{\"key\":\"c\",\"delta\":0}", "{\"value\":1}"},
    {"Expire", "{\"key\":\"c\",\"expiresMs\":0}", "{\"exists\":true}"},
    {"TimeToLive", "{\"key\":\"c\"}", "{\"exists\":true,\"expiresInMs\":0}"},
    {"CompareAndDelete", "{\"key\":\"c\",\"expected\":\"1\"}",
     "{\"deleted\":true,\"exists\":false,\"current\":\"\"}"},
};

#define CONVERSATION (sizeof conversation / sizeof conversation[0])

START_TEST(every_operation_is_answered_field_by_field)
{
    struct word apart = {.keyspace = "conversation"};
    use_bound(10, &apart);
    for (size_t i = 0; operations[i] != NULL; i++) {
        bool there = false;
        for (size_t j = 0; j < CONVERSATION; j++)
            there |= strcmp(operations[i], conversation[j].operation) == 0;
        ck_assert_msg(there, "%s is not asked", operations[i]);
    }
    for (size_t i = 0; i < CONVERSATION; i++)
        lattice_expect(&host, actor, conversation[i].operation, conversation[i].request,
                       conversation[i].reply);
}
END_TEST

/* "both enum forms", "bin and array forms" */
START_TEST(an_invocation_may_be_spelt_in_other_ways)
{
    use_bound(11, NULL);
    for (int form = 0; form < 8; form++) {
        struct invocation invocation = {.actor = actor,
                                        .operation = "KeyExists",
                                        .msg = "\x81\xa3key\xa1k",
                                        .msg_len = 7,
                                        .enums_by_name = (form & 1) != 0,
                                        .msg_as_bin = (form & 2) != 0,
                                        .as_array = (form & 4) != 0};
        struct response response = lattice_invoke(&host, &invocation);
        ck_assert_int_eq(response.status, NATS_OK);
        ck_assert_msg(response.error == NULL, "form %d: %s", form, response.error);
        response_free(&response);
    }
}
END_TEST

/* "The store is the same: what an actor sets through the lattice, `nats req` with that actor's claims reads
 * in JSON." */
START_TEST(what_comes_through_the_lattice_is_read_in_json_and_the_reverse)
{
    use_bound(12, NULL);
    lattice_expect(&host, actor, "Set", "{\"key\":\"of lattice\",\"value\":\"\xc3\x9f\",\"expires\":0}",
                   "{\"value\":\"\xc3\x9f\"}");
    json_reads("of lattice", "\xc3\x9f");
    json_decref(
        papers_call(&caller, papers(), JSON, "Set", "{s:s,s:s}", "key", "of JSON", "value", "\xe2\x82\xac"));
    lattice_expect(&host, actor, "Get", "{\"key\":\"of JSON\"}",
                   "{\"value\":\"\xe2\x82\xac\",\"exists\":true}");
    json_decref(papers_call(&caller, papers(), PROTOBUF, "Push", "{s:s,s:s}", "key", "list", "value", "1"));
    lattice_expect(&host, actor, "Push", "{\"key\":\"list\",\"value\":\"2\"}", "{\"newCount\":2}");
    json_t *reply =
        papers_call(&caller, papers(), JSON, "Range", "{s:s,s:i,s:i}", "key", "list", "start", 0, "stop", -1);
    ck_assert_uint_eq(json_array_size(json_object_get(reply, "values")), 2);
    json_decref(reply);
}
END_TEST

/* "The binding value `KEYSPACE` gives the actor a keyspace of that name"; a second bind says it anew. */
START_TEST(a_binding_names_a_keyspace_and_another_changes_it)
{
    struct word red = {.keyspace = "red"}, blue = {.keyspace = "blue"};
    char other[WKV_NKEY_PUBLIC_CHARS + 1];
    lattice_actor(14, other);
    use_bound(13, &red);
    lattice_bind(&host, other, &blue);
    lattice_expect(&host, actor, "Set", "{\"key\":\"k\",\"value\":\"red\",\"expires\":0}",
                   "{\"value\":\"red\"}");
    lattice_expect(&host, other, "Get", "{\"key\":\"k\"}", "{\"value\":\"\",\"exists\":false}");
    lattice_expect(&host, other, "Set", "{\"key\":\"k\",\"value\":\"blue\",\"expires\":0}",
                   "{\"value\":\"blue\"}");
    lattice_expect(&host, actor, "Get", "{\"key\":\"k\"}", "{\"value\":\"red\",\"exists\":true}");
    lattice_bind(&host, actor, &blue);
    lattice_expect(&host, actor, "Get", "{\"key\":\"k\"}", "{\"value\":\"blue\",\"exists\":true}");
    json_reads("k", "blue");
    lattice_bind(&host, actor, NULL);
    lattice_expect(&host, actor, "Get", "{\"key\":\"k\"}", "{\"value\":\"\",\"exists\":false}");
    lattice_bind(&host, actor, &red);
    lattice_expect(&host, actor, "Get", "{\"key\":\"k\"}", "{\"value\":\"red\",\"exists\":true}");
    lattice_bind_refused(&host, actor, &(struct word){.keyspace = ""}, "KEYSPACE");
    lattice_expect(&host, actor, "Get", "{\"key\":\"k\"}", "{\"value\":\"red\",\"exists\":true}");
}
END_TEST

/* "a well-formed InvocationResponse with the error text in it" */
START_TEST(errors_come_back_as_text)
{
    static const struct {
        const char *operation, *request, *names;
    } wrong[] = {
        {"Push", "{\"key\":\"a scalar\",\"value\":\"v\"}", "Push: the key holds another kind"},
        {"SetAdd", "{\"key\":\"a scalar\",\"value\":\"v\"}", "SetAdd: the key holds another kind"},
        {"Range", "{\"key\":\"a scalar\",\"start\":0,\"stop\":-1}", "Range: the key holds another kind"},
        {"Add", "{\"key\":\"a scalar\",\"value\":1}", "Add: the key holds a text"},
        {"Add", "{\"key\":\"a counter\",\"value\":2147483647}", "Add: the sum does not fit"},
        {"Get", "{\"key\":\"\"}", "Get: the key is empty"},
        {"Get", "{}", "Get: the key is empty"},
        {"Get", "[]", "Get: the key is empty"},
        {"Get", "[1]", "Get: "},
        {"Get", NULL, "Get: "},
        {"Set", "{\"key\":\"k\",\"value\":\"v\",\"expires\":-1}", "Set: "},
        {"Set", "{\"key\":\"k\",\"value\":\"v\",\"expires\":4294967296}", "Set: "},
        {"Set", "{\"key\":\"k\",\"value\":1,\"expires\":0}", "Set: "},
        {"SetUnion", "{\"keys\":[\"\"]}", "SetUnion: the key is empty"},
        {"SetUnion", "{\"keys\":\"k\"}", "SetUnion: "},
        {"Frobnicate", "{\"key\":\"k\"}", "no such operation"},
        {"get", "{\"key\":\"k\"}", "no such operation"},
        {"", "{\"key\":\"k\"}", "no such operation"},
        {"BindActor", "{\"module\":\"M\",\"values\":{}}", "no such operation"},
        {"RemoveActor", "{\"module\":\"M\",\"values\":{}}", "no such operation"},
        {"GetCapabilityDescriptor", NULL, "no such operation"},
        {"HealthRequest", "{\"placeholder\":false}", "no such operation"},
        {"Keys", "{}", "no such operation"},
        {"LogLevel", "{\"level\":\"debug\"}", "no such operation"},
    };
    use_bound(15, &(struct word){.keyspace = "errors"});
    lattice_expect(&host, actor, "Set", "{\"key\":\"a scalar\",\"value\":\"old\",\"expires\":0}",
                   "{\"value\":\"old\"}");
    lattice_expect(&host, actor, "Add", "{\"key\":\"a counter\",\"value\":1}", "{\"value\":1}");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        lattice_call_refused(&host, actor, wrong[i].operation, wrong[i].request, wrong[i].names);
    lattice_expect(&host, actor, "Get", "{\"key\":\"a scalar\"}", "{\"value\":\"old\",\"exists\":true}");
    lattice_expect(&host, actor, "Get", "{\"key\":\"a counter\"}", "{\"value\":\"1\",\"exists\":true}");
    lattice_expect(&host, actor, "Get", "{\"key\":\"k\"}", "{\"value\":\"\",\"exists\":false}");
}
END_TEST

/* ---- statistics ---- */

static json_int_t count_of(const char *operation, const char *member)
{
    natsMsg *message = NULL;
    size_t index;
    json_t *endpoint;
    json_int_t count = -1;
    ck_assert_int_eq(
        natsConnection_RequestString(&message, caller.connection, "$SRV.STATS.wascc-keyvalue", "", WAIT_MS),
        NATS_OK);
    json_t *stats = json_of(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
    json_array_foreach(
        json_object_get(stats, "endpoints"), index,
        endpoint) if (strcmp(json_string_value(json_object_get(endpoint, "name")), operation) == 0) count =
        json_integer_value(json_object_get(endpoint, member));
    json_decref(stats);
    natsMsg_Destroy(message);
    ck_assert_int_ge(count, 0);
    return count;
}

/* "The lattice front shares … statistics … with the front with a subject per operation": to the request. */
START_TEST(statistics_count_what_came_through_the_lattice)
{
    use_bound(16, NULL);
    json_int_t before = count_of("SetIntersection", "num_requests"),
               errors = count_of("SetIntersection", "num_errors");
    json_int_t binds = count_of("BindActor", "num_requests"),
               describes = count_of("GetCapabilityDescriptor", "num_requests");
    for (int i = 0; i < 37; i++)
        lattice_expect(&host, actor, "SetIntersection", "{\"keys\":[]}", "{\"values\":[],\"cursor\":\"\"}");
    for (int i = 0; i < 5; i++)
        lattice_call_refused(&host, actor, "SetIntersection", "{\"keys\":[\"\"]}", "empty");
    json_decref(papers_call(&caller, papers(), JSON, "SetIntersection", "{s:[]}", "keys"));
    /* What is not let in counts, too. */
    struct invocation forged = {.actor = actor, .operation = "SetIntersection", .encoded_claims = "a.b.c"};
    lattice_refused(&host, &forged, "SetIntersection: ");
    lattice_bind(&host, actor, NULL);
    json_decref(lattice_call(&host, "system", "GetCapabilityDescriptor", NULL));
    ck_assert_int_eq(count_of("SetIntersection", "num_requests"), before + 37 + 5 + 1 + 1);
    ck_assert_int_eq(count_of("SetIntersection", "num_errors"), errors + 5 + 1);
    ck_assert_int_eq(count_of("BindActor", "num_requests"), binds + 1);
    ck_assert_int_eq(count_of("GetCapabilityDescriptor", "num_requests"), describes + 1);
}
END_TEST

/* The same where nothing has to be signed: nothing is refused for its claims. */
START_TEST(statistics_count_in_none_mode_too)
{
    use_bound(17, NULL);
    json_int_t before = count_of("SetIntersection", "num_requests");
    for (int i = 0; i < 23; i++)
        lattice_expect(&host, actor, "SetIntersection", "{\"keys\":[]}", "{\"values\":[],\"cursor\":\"\"}");
    ck_assert_int_eq(count_of("SetIntersection", "num_requests"), before + 23);
}
END_TEST

/* ---- forgeries ---- */

#define SET_MSG                                                                                              \
    "\x83\xa3key\xa6"                                                                                        \
    "forged"                                                                                                 \
    "\xa5value\xa1x\xa7"                                                                                     \
    "expires\x00"
#define SET_LEN (sizeof SET_MSG - 1)

/* "signature, times, hash, `sub` = id, `iss` = host_id, both URLs"; what is refused changes nothing. */
START_TEST(an_invocation_that_does_not_hold_changes_nothing)
{
    char other[WKV_NKEY_PUBLIC_CHARS + 1];
    static const char uuid[] = "00000000-0000-4000-8000-00000000000a";
    lattice_actor(21, other);
    use_bound(20, &(struct word){.keyspace = "forged"});
    lattice_bind(&host, other, NULL);
    const struct invocation good = {.actor = actor, .operation = "Set", .msg = SET_MSG, .msg_len = SET_LEN};
    char *header_claims = claims_for(&people.account, actor);
    char *no_alg = claims_forge("{\"typ\":\"jwt\",\"alg\":\"none\"}", "{}", &people.host);
    struct {
        struct invocation invocation;
        const char *names;
    } forgeries[] = {
        {good, "untrusted host"},
        {good, "host_id"},
        {good, "id"},
        {good, "id"},
        {good, "another actor"},
        {good, "origin"},
        {good, "another operation"},
        {good, "another operation or binding"},
        {good, "payload"},
        {good, "payload"},
        {good, "iat"},
        {good, "iat"},
        {good, "no invocation claims"},
        {good, "three segments"},
        {good, ""},
        {good, ""},
        {good, "target"},
        {good, "target"},
        {good, "origin"},
        {good, "target"},
        {good, "origin"},
    };
    forgeries[0].invocation.signer = &people.other_host;
    forgeries[1].invocation.host_id = people.other_host.key;
    forgeries[2].invocation.signed_id = uuid;
    forgeries[3].invocation.id = uuid, forgeries[3].invocation.signed_id = "x";
    forgeries[4].invocation.signed_actor = other;
    forgeries[5].invocation.origin = other;
    forgeries[6].invocation.signed_operation = "Get";
    forgeries[7].invocation.signed_binding = "other";
    forgeries[8].invocation.signed_msg = "\x81\xa3key\xa1k", forgeries[8].invocation.signed_msg_len = 7;
    forgeries[9].invocation.signed_msg = "", forgeries[9].invocation.signed_msg_len = 0;
    forgeries[10].invocation.age_s = 100;
    forgeries[11].invocation.age_s = -100;
    forgeries[12].invocation.encoded_claims = "";
    forgeries[13].invocation.encoded_claims = "garbage";
    forgeries[14].invocation.encoded_claims = header_claims;
    forgeries[15].invocation.encoded_claims = no_alg;
    forgeries[16].invocation.binding = "other";
    forgeries[17].invocation.capid = "wascc:messaging";
    forgeries[18].invocation.origin_is_capability = true;
    forgeries[19].invocation.target_is_actor = true;
    forgeries[20].invocation.origin = "system", forgeries[20].invocation.signed_actor = "system";
    for (size_t i = 0; i < sizeof forgeries / sizeof forgeries[0]; i++) {
        struct response response = lattice_invoke(&host, &forgeries[i].invocation);
        ck_assert_int_eq(response.status, NATS_OK);
        ck_assert_msg(response.error != NULL, "forgery %zu is served", i);
        ck_assert_msg(strstr(response.error, forgeries[i].names) != NULL, "forgery %zu: not \"%s\": %s", i,
                      forgeries[i].names, response.error);
        response_free(&response);
    }
    lattice_expect(&host, actor, "KeyExists", "{\"key\":\"forged\"}", "{\"value\":\"\",\"exists\":false}");
    /* Without the forgery it is served. */
    struct response response = lattice_invoke(&host, &good);
    ck_assert_msg(response.status == NATS_OK && response.error == NULL, "%s", response.error);
    response_free(&response);
    lattice_expect(&host, actor, "Get", "{\"key\":\"forged\"}", "{\"value\":\"x\",\"exists\":true}");
    free(header_claims);
    free(no_alg);
}
END_TEST

/* "an invocation id seen before, within the replay window, is refused" */
START_TEST(a_replayed_invocation_is_refused)
{
    char subject[512], id[LATTICE_ID_BYTES];
    struct wkv_buffer bytes;
    use_bound(22, NULL);
    struct invocation invocation = {
        .actor = actor, .operation = "Add", .msg = "\x82\xa3key\xa8replayed\xa5value\x01", .msg_len = 21};
    invocation_pack(&host, &invocation, &bytes, id);
    lattice_subject(&host, actor, subject);
    for (int i = 0; i < 8; i++) {
        struct response response = lattice_send(&host, subject, bytes.data, bytes.len, "a replay");
        ck_assert_int_eq(response.status, NATS_OK);
        ck_assert_msg((response.error == NULL) == (i == 0), "%d: %s", i, response.error);
        ck_assert(i == 0 || strstr(response.error, "seen before") != NULL);
        ck_assert_str_eq(response.id, id);
        response_free(&response);
    }
    wkv_buffer_destroy(&bytes);
    lattice_expect(&host, actor, "Get", "{\"key\":\"replayed\"}", "{\"value\":\"1\",\"exists\":true}");
    /* Nor does a replayed BindActor undo a RemoveActor. */
    struct wkv_buffer configuration;
    lattice_pack_configuration(actor, &(struct word){.silent = false}, &configuration);
    struct invocation bind = {
        .actor = "system", .operation = "BindActor", .msg = configuration.data, .msg_len = configuration.len};
    invocation_pack(&host, &bind, &bytes, id);
    struct response response = lattice_send(&host, host.own, bytes.data, bytes.len, "BindActor");
    ck_assert_ptr_null(response.error);
    response_free(&response);
    lattice_remove(&host, actor);
    response = lattice_send(&host, host.own, bytes.data, bytes.len, "BindActor");
    ck_assert_msg(response.error != NULL && strstr(response.error, "seen before") != NULL, "%s",
                  response.error);
    response_free(&response);
    lattice_no_responders(&host, actor);
    wkv_buffer_destroy(&bytes);
    wkv_buffer_destroy(&configuration);
}
END_TEST

/* An invocation of another actor is no use on this one's subject, nor the reverse. */
START_TEST(an_invocation_is_good_for_its_own_subject_only)
{
    char other[WKV_NKEY_PUBLIC_CHARS + 1], subject[512], id[LATTICE_ID_BYTES];
    struct wkv_buffer bytes;
    lattice_actor(24, other);
    use_bound(23, NULL);
    lattice_bind(&host, other, NULL);
    struct invocation invocation = {
        .actor = actor, .operation = "KeyExists", .msg = "\x81\xa3key\xa1k", .msg_len = 7};
    invocation_pack(&host, &invocation, &bytes, id);
    lattice_subject(&host, other, subject);
    struct response response = lattice_send(&host, subject, bytes.data, bytes.len, "on another's subject");
    ck_assert_msg(response.error != NULL && strstr(response.error, "origin") != NULL, "%s", response.error);
    response_free(&response);
    response = lattice_send(&host, host.own, bytes.data, bytes.len, "on the own subject");
    ck_assert_str_eq(response.error, UNBOUND);
    response_free(&response);
    lattice_subject(&host, actor, subject);
    response = lattice_send(&host, subject, bytes.data, bytes.len, "on its own");
    ck_assert_msg(response.error == NULL, "%s", response.error);
    response_free(&response);
    wkv_buffer_destroy(&bytes);
}
END_TEST

/* Whoever may send on the subject alone binds nobody. */
START_TEST(a_bind_that_does_not_hold_binds_nobody)
{
    use_actor(25);
    const struct {
        struct word word;
        const char *names;
    } words[] = {
        {{.issuer = ""}, "__wascc_issuer"},
        {{.issuer = people.host.key}, "__wascc_issuer"},
        {{.issuer = people.other_account.key}, "untrusted issuer"},
        {{.capabilities = ""}, "__wascc_capabilities"},
        {{.capabilities = "wascc:http_server"}, "__wascc_capabilities"},
        {{.capabilities = "wascc:keyvalues"}, "__wascc_capabilities"},
        {{.expires = "1"}, "expired"},
        {{.expires = "never"}, "__wascc_expires"},
        {{.expires = "-1"}, "__wascc_expires"},
        {{.silent = true}, "__wascc_capabilities"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        lattice_bind_refused(&host, actor, &words[i].word, words[i].names);
    lattice_bind_refused(&host, "", &words[2].word, "");
    struct wkv_buffer msg;
    lattice_pack_configuration(actor, &(struct word){.silent = false}, &msg);
    struct invocation bind = {
        .actor = "system", .operation = "BindActor", .msg = msg.data, .msg_len = msg.len};
    struct invocation forged = bind;
    forged.signer = &people.other_host;
    lattice_refused(&host, &forged, "untrusted host");
    forged = bind;
    forged.origin = actor, forged.signed_actor = actor;
    lattice_refused(&host, &forged, "origin");
    forged = bind;
    forged.signed_actor = actor;
    lattice_refused(&host, &forged, "another actor");
    forged = bind;
    forged.signed_operation = "RemoveActor";
    lattice_refused(&host, &forged, "another operation");
    lattice_no_responders(&host, actor);
    struct response response = lattice_invoke(&host, &bind);
    ck_assert_msg(response.error == NULL, "%s", response.error);
    response_free(&response);
    lattice_expect(&host, actor, "KeyExists", "{\"key\":\"k\"}", "{\"value\":\"\",\"exists\":false}");
    /* And one that is refused leaves the binding that there is. */
    lattice_bind_refused(&host, actor, &words[3].word, "__wascc_capabilities");
    lattice_expect(&host, actor, "KeyExists", "{\"key\":\"k\"}", "{\"value\":\"\",\"exists\":false}");
    forged = bind;
    forged.operation = "RemoveActor", forged.signer = &people.other_host;
    lattice_refused(&host, &forged, "untrusted host");
    lattice_expect(&host, actor, "KeyExists", "{\"key\":\"k\"}", "{\"value\":\"\",\"exists\":false}");
    wkv_buffer_destroy(&msg);
}
END_TEST

/* "`__wascc_expires` is kept and enforced on every invocation after" */
START_TEST(claims_that_expire_end_the_service)
{
    char expires[32];
    (void)snprintf(expires, sizeof expires, "%lld", (long long)wall_s() + 2);
    use_bound(26, &(struct word){.expires = expires});
    lattice_expect(&host, actor, "KeyExists", "{\"key\":\"k\"}", "{\"value\":\"\",\"exists\":false}");
    long long deadline_ms = now_ms() + WAIT_MS;
    for (bool refused = false; !refused;) {
        struct invocation invocation = {
            .actor = actor, .operation = "KeyExists", .msg = "\x81\xa3key\xa1k", .msg_len = 7};
        struct response response = lattice_invoke(&host, &invocation);
        ck_assert_int_eq(response.status, NATS_OK);
        refused = response.error != NULL;
        ck_assert_msg(!refused || strstr(response.error, "expired") != NULL, "%s", response.error);
        response_free(&response);
        ck_assert_msg(now_ms() < deadline_ms, "it is still served");
        nats_Sleep(20);
    }
    lattice_call_refused(&host, actor, "Set", "{\"key\":\"k\",\"value\":\"v\",\"expires\":0}", "expired");
    lattice_bind(&host, actor, NULL);
    lattice_expect(&host, actor, "KeyExists", "{\"key\":\"k\"}", "{\"value\":\"\",\"exists\":false}");
}
END_TEST

/* ---- the binding's own subject ---- */

START_TEST(other_operations_on_the_own_subject_get_the_hosts_text)
{
    static const char *const names[] = {"HealthRequest", "Keys",     "Inspect",   "Bindings",
                                        "Slowlog",       "LogLevel", "Members",   "Digest",
                                        "Frobnicate",    "",         "bindactor", "BindActor "};
    for (size_t i = 0; operations[i] != NULL; i++) {
        struct invocation invocation = {.actor = "system", .operation = operations[i]};
        struct response response = lattice_invoke(&host, &invocation);
        ck_assert_int_eq(response.status, NATS_OK);
        ck_assert_str_eq(response.error, UNBOUND);
        response_free(&response);
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct invocation invocation = {
            .actor = "system", .operation = names[i], .encoded_claims = "unsigned"};
        struct response response = lattice_invoke(&host, &invocation);
        ck_assert_str_eq(response.error, UNBOUND);
        response_free(&response);
    }
}
END_TEST

static void check_text(const json_t *object, const char *member)
{
    ck_assert_msg(json_string_length(json_object_get(object, member)) > 0, "no %s", member);
}

/* "CapabilityDescriptor {id, name, version, revision u32, long_description, supported_operations}", any msg
 * being right. */
START_TEST(the_capability_descriptor_is_as_hosts_read_it)
{
    static const char *const requests[] = {NULL, "{}", "{\"placeholder\":false}"};
    for (size_t i = 0; i < 3; i++) {
        json_t *reply = lattice_call(&host, "system", "GetCapabilityDescriptor", requests[i]), *operation;
        json_t *list = json_object_get(reply, "supported_operations");
        size_t index;
        ck_assert_uint_eq(json_object_size(reply), 6);
        ck_assert_str_eq(json_string_value(json_object_get(reply, "id")), "wascc:keyvalue");
        check_text(reply, "name");
        check_text(reply, "version");
        check_text(reply, "long_description");
        ck_assert(json_is_integer(json_object_get(reply, "revision")));
        ck_assert_uint_eq(json_array_size(list), operation_count + 1);
        json_array_foreach(list, index, operation)
        {
            json_t *direction = json_object_get(operation, "direction");
            ck_assert_uint_eq(json_object_size(operation), 3);
            check_text(operation, "doctext");
            ck_assert_str_eq(json_string_value(json_object_get(operation, "name")),
                             index < operation_count ? operations[index] : "Watch");
            ck_assert_uint_eq(json_object_size(direction), 1);
            ck_assert(json_is_null(json_object_get(direction, "1"))); /* to_provider, as 81 01 c0 */
        }
        json_decref(reply);
    }
}
END_TEST

/* ---- garbage ---- */

/* Each must be answered, with an error. */
static void send_garbage(const char *subject, const void *bytes, size_t len, const char *what)
{
    struct response response = lattice_send(&host, subject, bytes, len, what);
    ck_assert_msg(response.status == NATS_OK, "%s: %s", what, natsStatus_GetText(response.status));
    ck_assert_msg(response.error != NULL, "%s is served", what);
    response_free(&response);
}

static void send_random(const char *subject)
{
    static const size_t lengths[] = {0,  1,   2,   3,   7,    15,   16,    31,    32,    33,
                                     63, 100, 255, 256, 1000, 4095, 65535, 65536, 500000};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        for (int times = 0; times < (lengths[i] < 5000 ? 10 : 1); times++) {
            unsigned char *bytes = malloc(lengths[i] + 1),
                          seed[randombytes_SEEDBYTES] = {(unsigned char)i, (unsigned char)times};
            randombytes_buf_deterministic(bytes, lengths[i], seed);
            /* Half of them begin like an invocation. */
            if (times % 2 == 1 && lengths[i] > 8)
                memcpy(bytes, "\x87\xa6origin", 8);
            send_garbage(subject, bytes, lengths[i], "random bytes");
            free(bytes);
        }
}

/* A real invocation cut off at each byte, and with each of its bytes changed. */
static void send_damaged(const char *subject, const char *who)
{
    struct wkv_buffer bytes;
    char id[LATTICE_ID_BYTES];
    struct invocation invocation = {.actor = who, .operation = "Set", .msg = SET_MSG, .msg_len = SET_LEN};
    invocation_pack(&host, &invocation, &bytes, id);
    for (size_t cut = 0; cut < bytes.len; cut++) {
        struct response response = lattice_send(&host, subject, bytes.data, cut, "cut off");
        ck_assert_msg(response.error != NULL, "cut off at %zu it is served", cut);
        ck_assert_str_eq(response.id, "");
        response_free(&response);
    }
    for (size_t i = 0; i < bytes.len; i++) {
        bytes.data[i] = (char)(bytes.data[i] ^ 0x80);
        send_garbage(subject, bytes.data, bytes.len, "a bit changed");
        bytes.data[i] = (char)(bytes.data[i] ^ 0x80);
    }
    wkv_buffer_destroy(&bytes);
}

static void send_vectors(const char *subject)
{
    size_t index;
    json_t *vector, *data = vectors_load("hostile");
    json_array_foreach(json_object_get(data, "invocations"), index, vector)
    {
        size_t len;
        uint8_t *bytes = vectors_bytes(vector, "hex", &len);
        const char *answer_id = json_string_value(json_object_get(vector, "answer_id"));
        struct response response =
            lattice_send(&host, subject, bytes, len, json_string_value(json_object_get(vector, "wrong")));
        ck_assert_int_eq(response.status, NATS_OK);
        ck_assert_msg(response.error != NULL, "%s is served",
                      json_string_value(json_object_get(vector, "wrong")));
        if (*answer_id != '\0')
            ck_assert_str_eq(response.id, answer_id);
        response_free(&response);
        free(bytes);
    }
    ck_assert_uint_ge(index, 40);
    json_decref(data);
}

/* "An answer always goes back, … also for garbage (then with an empty invocation_id)" */
START_TEST(garbage_is_answered_and_changes_nothing)
{
    char subject[512];
    use_bound(30, &(struct word){.keyspace = "garbage"});
    lattice_subject(&host, actor, subject);
    send_random(subject);
    send_random(host.own);
    send_damaged(subject, actor);
    send_vectors(subject);
    send_vectors(host.own);
    lattice_expect(&host, actor, "KeyExists", "{\"key\":\"forged\"}", "{\"value\":\"\",\"exists\":false}");
    lattice_expect(&host, actor, "Set", "{\"key\":\"k\",\"value\":\"v\",\"expires\":0}", "{\"value\":\"v\"}");
}
END_TEST

/* Nothing of an invocation that is refused stays. */
START_TEST(garbage_leaves_no_memory_behind)
{
    char subject[512];
    long before_kb = 0;
    use_bound(31, NULL);
    lattice_subject(&host, actor, subject);
    for (int round = 0; round < 16; round++) {
        send_random(subject);
        send_random(host.own);
        send_vectors(subject);
        /* By then every worker's buffers have grown to what the largest of these wants. */
        if (round == 5)
            before_kb = process_rss_kb(&shared.provider);
    }
    if (!provider_is_sanitized())
        ck_assert_int_lt(process_rss_kb(&shared.provider), before_kb + 4096);
}
END_TEST

/* The id goes back, however long: where the response has no room for it, it is still answered. */
START_TEST(an_invocation_with_an_id_as_large_as_a_message_is_answered)
{
    enum { MAX_PAYLOAD = 1024 * 1024 };
    char subject[512];
    use_bound(32, NULL);
    lattice_subject(&host, actor, subject);
    for (size_t short_of = 0; short_of < 400; short_of += 57) {
        struct wkv_buffer bytes = {0};
        mp_put_map(&bytes, 1);
        mp_put_text(&bytes, "id", 2);
        size_t len = MAX_PAYLOAD - bytes.len - 5 - short_of;
        char *id = malloc(len);
        memset(id, 'x', len);
        mp_put_text(&bytes, id, len);
        send_garbage(subject, bytes.data, bytes.len, "a large id");
        wkv_buffer_destroy(&bytes);
        free(id);
    }
}
END_TEST

/* ---- large ones ---- */

static char *text_of_bytes(const char *part, size_t bytes)
{
    size_t len = strlen(part), times = bytes / len;
    char *text = malloc(times * len + 1);
    ck_assert_ptr_nonnull(text);
    for (size_t i = 0; i < times; i++)
        memcpy(text + i * len, part, len);
    text[times * len] = '\0';
    return text;
}

/* Bytes from 128 on take two in an array of integers. */
START_TEST(a_large_value_of_non_ascii_goes_both_ways)
{
    use_bound(40, &(struct word){.keyspace = "large"});
    char *value = text_of_bytes("\xe2\x82\xac", 300000);
    json_t *request = json_pack("{s:s,s:s,s:i}", "key", "euro", "value", value, "expires", 0),
           *reply = json_pack("{s:s}", "value", value);
    char *request_text = json_dumps(request, 0), *reply_text = json_dumps(reply, 0);
    lattice_expect(&host, actor, "Set", request_text, reply_text);
    json_t *got = lattice_call(&host, actor, "Get", "{\"key\":\"euro\"}");
    ck_assert_str_eq(json_string_value(json_object_get(got, "value")), value);
    json_reads("euro", value);
    json_decref(got);
    json_decref(request);
    json_decref(reply);
    free(request_text);
    free(reply_text);
    free(value);
}
END_TEST

/* "the reply would not fit the server's max_payload (say how large it is)": it is the response that must fit.
 */
START_TEST(a_reply_that_fits_only_as_bytes_is_refused)
{
    enum { ITEM = 100000, ITEMS = 8 };
    use_bound(41, &(struct word){.keyspace = "too large"});
    char *item = text_of_bytes("\xc3\xa4", ITEM);
    for (int i = 1; i <= ITEMS; i++)
        json_decref(papers_call(&caller, papers(), JSON, "Push", "{s:s,s:s}", "key", "l", "value", item));
    json_t *reply = papers_call(&caller, papers(), PROTOBUF, "Range", "{s:s,s:i,s:i}", "key", "l", "start", 0,
                                "stop", -1);
    ck_assert_uint_eq(json_array_size(json_object_get(reply, "values")), ITEMS);
    json_decref(reply);
    lattice_call_refused(&host, actor, "Range", "{\"key\":\"l\",\"start\":0,\"stop\":-1}", "max_payload");
    reply = lattice_call(&host, actor, "Range", "{\"key\":\"l\",\"start\":0,\"stop\":3}");
    ck_assert_uint_eq(json_array_size(json_object_get(reply, "values")), 4);
    json_decref(reply);
    /* A write whose reply does not fit is not done either. */
    char *large = text_of_bytes("\xc3\xa4", 530000);
    json_decref(papers_call(&caller, papers(), PROTOBUF, "Set", "{s:s,s:s}", "key", "s", "value", large));
    lattice_call_refused(&host, actor, "Get", "{\"key\":\"s\"}", "max_payload");
    json_reads("s", large);
    free(large);
    free(item);
}
END_TEST

/* Makes the list two items long, the second of them of len bytes, and reads it all. Returns the bytes of the
 * response, or 0 where it is refused for its size. */
static size_t read_list(size_t len)
{
    enum { FIRST = 500000 };
    static const char range[] = "\x83\xa3key\xa1l\xa5start\x00\xa4stop\xff";
    const size_t lengths[] = {FIRST, len};
    json_decref(papers_call(&caller, papers(), JSON, "Clear", "{s:s}", "key", "l"));
    for (int i = 0; i < 2; i++) {
        char *item = text_of_bytes("a", lengths[i]);
        json_decref(papers_call(&caller, papers(), PROTOBUF, "Push", "{s:s,s:s}", "key", "l", "value", item));
        free(item);
    }
    struct invocation invocation = {
        .actor = actor, .operation = "Range", .msg = range, .msg_len = sizeof range - 1};
    struct response response = lattice_invoke(&host, &invocation);
    ck_assert_int_eq(response.status, NATS_OK);
    ck_assert_msg(response.error == NULL || strstr(response.error, "max_payload") != NULL, "%s",
                  response.error);
    size_t bytes = response.error == NULL ? response.bytes : 0;
    response_free(&response);
    return bytes;
}

/* To the byte: the largest response that there can be is sent, and one byte more is refused. */
START_TEST(the_largest_response_fits_to_the_byte)
{
    enum { MAX_PAYLOAD = 1024 * 1024 };
    use_bound(42, &(struct word){.keyspace = "edge"});
    size_t served = 540000, refused = 548576;
    ck_assert_uint_gt(read_list(served), 0);
    ck_assert_uint_eq(read_list(refused), 0);
    while (refused - served > 1) {
        size_t middle = served + (refused - served) / 2;
        *(read_list(middle) > 0 ? &served : &refused) = middle;
    }
    ck_assert_uint_eq(read_list(served), MAX_PAYLOAD);
}
END_TEST

/* ---- modes ---- */

START_TEST(a_bound_actor_is_served_in_this_mode)
{
    char other[WKV_NKEY_PUBLIC_CHARS + 1];
    lattice_actor(51, other);
    use_actor(50);
    lattice_no_responders(&host, actor);
    lattice_bind(&host, actor, &(struct word){.keyspace = "mode"});
    for (size_t i = 0; i < CONVERSATION; i++)
        lattice_expect(&host, actor, conversation[i].operation, conversation[i].request,
                       conversation[i].reply);
    lattice_remove(&host, actor);
    lattice_no_responders(&host, actor);
    lattice_no_responders(&host, other);
}
END_TEST

/* "--auth none: nothing": invocations without claims, of anybody, are served; still only on the subjects of
 * bound actors. */
START_TEST(none_mode_needs_no_signature)
{
    struct wkv_buffer msg;
    use_actor(52);
    lattice_pack_configuration(actor, &(struct word){.silent = true}, &msg);
    struct invocation bind = {.actor = "system",
                              .operation = "BindActor",
                              .msg = msg.data,
                              .msg_len = msg.len,
                              .encoded_claims = "",
                              .host_id = ""};
    struct response response = lattice_invoke(&host, &bind);
    ck_assert_msg(response.status == NATS_OK && response.error == NULL, "%s", response.error);
    response_free(&response);
    struct invocation get = {.actor = actor,
                             .operation = "KeyExists",
                             .msg = "\x81\xa3key\xa1k",
                             .msg_len = 7,
                             .encoded_claims = "",
                             .host_id = "",
                             .id = "again"};
    for (int i = 0; i < 3; i++) {
        response = lattice_invoke(&host, &get);
        ck_assert_msg(response.status == NATS_OK && response.error == NULL, "%s", response.error);
        response_free(&response);
    }
    wkv_buffer_destroy(&msg);
}
END_TEST

/* "Nothing is changed by a request that fails": an id for which the response has no room is refused before.
 */
START_TEST(an_invocation_with_a_long_id_changes_nothing)
{
    static const size_t lengths[] = {257, 5000, 1024 * 1024 - 600, 256};
    static const char add[] = "\x82\xa3key\xa7"
                              "long id\xa5value\x01";
    char subject[512], start_of_id[LATTICE_ID_BYTES];
    use_bound(54, NULL);
    lattice_subject(&host, actor, subject);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        bool is_short = lengths[i] <= 256;
        struct wkv_buffer bytes;
        char *id = text_of_bytes("x", lengths[i]);
        struct invocation invocation = {.actor = actor,
                                        .operation = "Add",
                                        .msg = add,
                                        .msg_len = sizeof add - 1,
                                        .encoded_claims = "",
                                        .id = id};
        invocation_pack(&host, &invocation, &bytes, start_of_id);
        struct response response = lattice_send(&host, subject, bytes.data, bytes.len, "a long id");
        ck_assert_int_eq(response.status, NATS_OK);
        ck_assert_msg(is_short ? response.error == NULL
                               : response.error != NULL && strstr(response.error, "at most 256") != NULL,
                      "%zu: %s", lengths[i], response.error);
        ck_assert_str_eq(response.id, is_short ? id : "");
        lattice_expect(&host, actor, "KeyExists", "{\"key\":\"long id\"}",
                       is_short ? "{\"value\":\"\",\"exists\":true}" : "{\"value\":\"\",\"exists\":false}");
        response_free(&response);
        wkv_buffer_destroy(&bytes);
        free(id);
    }
}
END_TEST

/* Under --auth binding a bind with the actor's signed claims is permission for both fronts, and what a host
 * states without them for the lattice alone; the last bind holds. RemoveActor ends both. */
START_TEST(a_bind_without_signed_claims_is_for_the_lattice_alone)
{
    static const char exists[] = "{\"key\":\"k\"}", missing[] = "{\"value\":\"\",\"exists\":false}";
    struct papers nothing = {.claims = NULL};
    use_bound(53, NULL);
    for (int encoding = 0; encoding < ENCODINGS; encoding++)
        ask_all(&caller, nothing, encoding, 401, "signed claims");
    ask_all(&caller, papers(), JSON, 401, "signed claims");
    lattice_expect(&host, actor, "KeyExists", exists, missing);
    bind_actor(&system_client, JSON, papers(), actor, NULL);
    json_decref(papers_call(&caller, nothing, JSON, "KeyExists", "{s:s}", "key", "k"));
    lattice_expect(&host, actor, "KeyExists", exists, missing);
    lattice_bind(&host, actor, NULL);
    ask_all(&caller, nothing, JSON, 401, "signed claims");
    lattice_expect(&host, actor, "KeyExists", exists, missing);
    lattice_remove(&host, actor);
    ask_all(&caller, nothing, JSON, 401, "not bound");
    bind_actor(&system_client, PROTOBUF, papers(), actor, NULL);
    lattice_expect(&host, actor, "KeyExists", exists, missing);
    remove_actor(&system_client, JSON, papers(), actor);
    lattice_no_responders(&host, actor);
    ask_all(&caller, nothing, JSON, 401, "not bound");
}
END_TEST

/* A bind through the lattice with this header, as a host would send it. */
static struct response bind_with_claims(const char *header)
{
    struct wkv_buffer msg, bytes;
    char id[LATTICE_ID_BYTES];
    natsMsg *message, *reply = NULL;
    lattice_pack_configuration(actor, &(struct word){.silent = false}, &msg);
    struct invocation bind = {
        .actor = "system", .operation = "BindActor", .msg = msg.data, .msg_len = msg.len};
    invocation_pack(&host, &bind, &bytes, id);
    ck_assert_int_eq(natsMsg_Create(&message, host.own, NULL, bytes.data, (int)bytes.len), NATS_OK);
    ck_assert_int_eq(natsMsgHeader_Set(message, "Wascc-Claims", header), NATS_OK);
    ck_assert_int_eq(natsConnection_RequestMsg(&reply, host.connection, message, WAIT_MS), NATS_OK);
    natsMsg_Destroy(message);
    wkv_buffer_destroy(&msg);
    wkv_buffer_destroy(&bytes);
    return response_read(reply, "BindActor with claims");
}

START_TEST(a_bind_through_the_lattice_may_bring_signed_claims)
{
    struct papers nothing = {.claims = NULL};
    use_actor(55);
    char *others = claims_for(&people.other_account, actor);
    struct response response = bind_with_claims(others);
    ck_assert_msg(response.error != NULL && strstr(response.error, "untrusted issuer") != NULL, "%s",
                  response.error);
    response_free(&response);
    ask_all(&caller, nothing, JSON, 401, "not bound");
    lattice_no_responders(&host, actor);
    response = bind_with_claims(claims);
    ck_assert_msg(response.error == NULL, "%s", response.error);
    response_free(&response);
    json_decref(papers_call(&caller, nothing, JSON, "KeyExists", "{s:s}", "key", "k"));
    lattice_expect(&host, actor, "KeyExists", "{\"key\":\"k\"}", "{\"value\":\"\",\"exists\":false}");
    lattice_remove(&host, actor);
    free(others);
}
END_TEST

/* ---- */

static TCase *add_case(Suite *suite, const char *name, void (*start)(void))
{
    TCase *tests = tcase_create(name);
    tcase_add_unchecked_fixture(tests, start, shared_stop);
    tcase_add_checked_fixture(tests, open_all, close_all);
    suite_add_tcase(suite, tests);
    return tests;
}

Suite *lattice_suite(void)
{
    Suite *suite = suite_create("integration/lattice");
    TCase *tests = add_case(suite, "claims", serve_claims);
    tcase_add_test(tests, a_bound_actor_has_a_subject_of_its_own);
    tcase_add_test(tests, the_queue_group_is_the_subject);
    tcase_add_test(tests, every_operation_is_answered_field_by_field);
    tcase_add_test(tests, an_invocation_may_be_spelt_in_other_ways);
    tcase_add_test(tests, what_comes_through_the_lattice_is_read_in_json_and_the_reverse);
    tcase_add_test(tests, a_binding_names_a_keyspace_and_another_changes_it);
    tcase_add_test(tests, errors_come_back_as_text);
    tcase_add_test(tests, statistics_count_what_came_through_the_lattice);
    tcase_add_test(tests, an_invocation_that_does_not_hold_changes_nothing);
    tcase_add_test(tests, a_replayed_invocation_is_refused);
    tcase_add_test(tests, an_invocation_is_good_for_its_own_subject_only);
    tcase_add_test(tests, a_bind_that_does_not_hold_binds_nobody);
    tcase_add_test(tests, claims_that_expire_end_the_service);
    tcase_add_test(tests, other_operations_on_the_own_subject_get_the_hosts_text);
    tcase_add_test(tests, the_capability_descriptor_is_as_hosts_read_it);
    tests = add_case(suite, "claims, garbage", serve_claims);
    tcase_add_test(tests, garbage_is_answered_and_changes_nothing);
    tcase_add_test(tests, an_invocation_with_an_id_as_large_as_a_message_is_answered);
    tcase_add_test(tests, garbage_leaves_no_memory_behind);
    tests = add_case(suite, "claims, large", serve_claims);
    tcase_add_test(tests, a_large_value_of_non_ascii_goes_both_ways);
    tcase_add_test(tests, a_reply_that_fits_only_as_bytes_is_refused);
    tcase_add_test(tests, the_largest_response_fits_to_the_byte);
    tests = add_case(suite, "invocation", serve_invocation);
    tcase_add_test(tests, a_bound_actor_is_served_in_this_mode);
    tcase_add_test(tests, an_invocation_that_does_not_hold_changes_nothing);
    tcase_add_test(tests, a_replayed_invocation_is_refused);
    tcase_add_test(tests, a_bind_that_does_not_hold_binds_nobody);
    tcase_add_test(tests, what_comes_through_the_lattice_is_read_in_json_and_the_reverse);
    tests = add_case(suite, "binding", serve_binding);
    tcase_add_test(tests, a_bound_actor_is_served_in_this_mode);
    tcase_add_test(tests, an_invocation_that_does_not_hold_changes_nothing);
    tcase_add_test(tests, a_replayed_invocation_is_refused);
    tcase_add_test(tests, a_bind_that_does_not_hold_binds_nobody);
    tcase_add_test(tests, claims_that_expire_end_the_service);
    tcase_add_test(tests, a_bind_without_signed_claims_is_for_the_lattice_alone);
    tcase_add_test(tests, a_bind_through_the_lattice_may_bring_signed_claims);
    tests = add_case(suite, "none", serve_none);
    tcase_add_test(tests, a_bound_actor_is_served_in_this_mode);
    tcase_add_test(tests, none_mode_needs_no_signature);
    tcase_add_test(tests, an_invocation_with_a_long_id_changes_nothing);
    tcase_add_test(tests, statistics_count_in_none_mode_too);
    tcase_add_test(tests, errors_come_back_as_text);
    return suite;
}
