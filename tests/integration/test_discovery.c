/* Contract section 8: what PING, INFO and STATS say, member by member, and that what STATS counts is what was
 * asked. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claims.h"
#include "harness.h"
#include "http.h"
#include "operation/identity.h"
#include "operation/operation.h"
#include "service.h"

static struct nats_server server;
static struct process provider, second;
static struct client client, sys;

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
    process_destroy(&second);
    nats_server_kill(&server);
}

static void open_clients(void)
{
    client_open(&client, server.url);
    system_open(&sys, server.url);
}

/* ---- the three documents ---- */

/* Contract sections 3 and 8: each operation, whether it is the system's, and the names of its messages. */
static const struct {
    const char *name;
    bool system;
    const char *request, *response;
} table[] = {
    {"Get", false, "GetRequest", "GetResponse"},
    {"Set", false, "SetRequest", "SetResponse"},
    {"Del", false, "DelRequest", "DelResponse"},
    {"Add", false, "AddRequest", "AddResponse"},
    {"Push", false, "ListPushRequest", "ListResponse"},
    {"ListItemDelete", false, "ListDelItemRequest", "ListResponse"},
    {"Range", false, "ListRangeRequest", "ListRangeResponse"},
    {"Clear", false, "ListClearRequest", "DelResponse"},
    {"SetAdd", false, "SetAddRequest", "SetOperationResponse"},
    {"SetRemove", false, "SetRemoveRequest", "SetOperationResponse"},
    {"SetQuery", false, "SetQueryRequest", "SetQueryResponse"},
    {"SetUnion", false, "SetUnionRequest", "SetQueryResponse"},
    {"SetIntersection", false, "SetIntersectionRequest", "SetQueryResponse"},
    {"KeyExists", false, "KeyExistsQuery", "GetResponse"},
    {"Increment", false, "IncrementRequest", "IncrementResponse"},
    {"CompareAndSet", false, "CompareAndSetRequest", "CompareAndSetResponse"},
    {"CompareAndDelete", false, "CompareAndDeleteRequest", "CompareAndDeleteResponse"},
    {"Expire", false, "ExpireRequest", "ExpireResponse"},
    {"TimeToLive", false, "TimeToLiveRequest", "TimeToLiveResponse"},
    {"Pop", false, "PopRequest", "PopResponse"},
    {"SetContains", false, "SetContainsRequest", "SetContainsResponse"},
    {"ListKeys", false, "ListKeysRequest", "ListKeysResponse"},
    {"Batch", false, "BatchRequest", "BatchResponse"},
    {"Watch", false, "WatchRequest", "WatchResponse"},
    {"BindActor", true, "CapabilityConfiguration", "Empty"},
    {"RemoveActor", true, "CapabilityConfiguration", "Empty"},
    {"GetCapabilityDescriptor", true, "Empty", "CapabilityDescriptor"},
    {"HealthRequest", true, "HealthRequest", "Empty"},
    {"Keys", true, "KeysRequest", "KeysReply"},
    {"Inspect", true, "InspectRequest", "InspectReply"},
    {"Bindings", true, "BindingsRequest", "BindingsReply"},
    {"Slowlog", true, "SlowlogRequest", "SlowlogReply"},
    {"LogLevel", true, "LogLevelRequest", "LogLevelReply"},
    {"Members", true, "MembersRequest", "MembersReply"},
    {"Digest", true, "DigestRequest", "DigestReply"},
};
#define TABLE_ROWS (sizeof table / sizeof table[0])

/* Where a provider is. */
struct place {
    const char *lattice_namespace, *binding;
};

/* Digits without a zero in front, three times. */
static void check_semver(const char *version)
{
    const char *rest = version;
    for (int i = 0; i < 3; i++) {
        size_t digits = strspn(rest, "0123456789");
        ck_assert_msg(digits == 1 || (digits > 1 && *rest != '0'), "no SemVer: %s", version);
        rest += digits;
        ck_assert_msg(i == 2 || *rest == '.', "no SemVer: %s", version);
        rest += i < 2;
    }
    ck_assert_msg(*rest == '\0' || *rest == '-' || *rest == '+', "no SemVer: %s", version);
}

/* What all three have. */
static void check_head(const json_t *document, const char *type, const char *id, struct place place)
{
    const char *name;
    json_t *value;
    ck_assert_str_eq(text_at(document, "type"), type);
    ck_assert_str_eq(text_at(document, "name"), "wascc-keyvalue");
    ck_assert_str_eq(text_at(document, "id"), id);
    check_semver(text_at(document, "version"));
    ck_assert_str_eq(text_at(document, "version"), WKV_VERSION);
    ck_assert_str_eq(text_at(document, "metadata.capability"), "wascc:keyvalue");
    ck_assert_str_eq(text_at(document, "metadata.lattice_namespace"), place.lattice_namespace);
    ck_assert_str_eq(text_at(document, "metadata.binding"), place.binding);
    ck_assert_str_eq(text_at(document, "metadata.engine"), "memory");
    json_object_foreach(member_at(document, "metadata"), name, value)
    {
        ck_assert_msg(json_is_string(value), "ADR-32's metadata holds texts only: %s", name);
    }
}

/* "with the subject it listens on, its queue group" */
static void check_endpoint(const json_t *endpoint, size_t row, struct place place)
{
    char subject[256], queue[128] = "";
    (void)snprintf(subject, sizeof subject, "%s%swasmbus.provider.wascc.keyvalue.%s.%s.%s",
                   place.lattice_namespace, *place.lattice_namespace == '\0' ? "" : ".", place.binding,
                   table[row].system ? "system" : "*", table[row].name);
    if (!table[row].system)
        (void)snprintf(queue, sizeof queue, "wascc.keyvalue.%s", place.binding);
    ck_assert_str_eq(text_at(endpoint, "name"), table[row].name);
    ck_assert_str_eq(text_at(endpoint, "subject"), subject);
    ck_assert_str_eq(text_at(endpoint, "queue_group"), queue);
}

static void check_ping(const json_t *ping, const char *id, struct place place)
{
    check_shape(ping, "type:s name:s id:s version:s metadata:o");
    check_head(ping, "io.nats.micro.v1.ping_response", id, place);
}

static void check_info(const json_t *info, const char *id, struct place place)
{
    check_shape(info, "type:s name:s id:s version:s metadata:o description:s endpoints:a");
    check_head(info, "io.nats.micro.v1.info_response", id, place);
    ck_assert_str_ne(text_at(info, "description"), "");
    const json_t *endpoints = member_at(info, "endpoints");
    ck_assert_uint_eq(json_array_size(endpoints), TABLE_ROWS);
    for (size_t i = 0; i < TABLE_ROWS; i++) {
        const json_t *endpoint = json_array_get(endpoints, i);
        const char *name;
        json_t *value;
        check_shape(endpoint, "name:s subject:s queue_group:s metadata:o");
        check_endpoint(endpoint, i, place);
        ck_assert_str_eq(text_at(endpoint, "metadata.request"), table[i].request);
        ck_assert_str_eq(text_at(endpoint, "metadata.response"), table[i].response);
        json_object_foreach(member_at(endpoint, "metadata"), name, value)
        {
            ck_assert_msg(json_is_string(value), "ADR-32's metadata holds texts only: %s", name);
        }
    }
}

#define LATENCY "p50_ns:i p90_ns:i p99_ns:i p999_ns:i max_ns:i "

static void check_service_data(const json_t *data)
{
    check_shape(
        data, "uptime_s:r ready:b workers:i requests:i errors:i refusals:o unsent:i keys:i kinds:o "
              "keyspaces:o bytes:i budget_bytes:i expired:i evicted:i shards:o bound_actors:i claims_cache:o "
              "connections:o watches:o process:o dropped:o");
    check_shape(member_at(data, "dropped"), "reply_subject:i subject:i overload:i");
    check_shape(member_at(data, "kinds"), "scalar:i counter:i list:i set:i");
    check_shape(member_at(data, "shards"), "count:i min_keys:i max_keys:i");
    check_shape(member_at(data, "claims_cache"), "hits:i misses:i evictions:i entries:i bytes:i");
    check_shape(member_at(data, "connections"), "open:i made:i reconnects:i");
    check_shape(member_at(data, "process"), "cpu_seconds:r resident_bytes:i");
}

static void check_stats(const json_t *stats, const char *id, struct place place)
{
    check_shape(stats, "type:s name:s id:s version:s metadata:o started:s endpoints:a data:o");
    check_head(stats, "io.nats.micro.v1.stats_response", id, place);
    check_time(text_at(stats, "started"));
    check_service_data(member_at(stats, "data"));
    const json_t *endpoints = member_at(stats, "endpoints");
    ck_assert_uint_eq(json_array_size(endpoints), TABLE_ROWS);
    for (size_t i = 0; i < TABLE_ROWS; i++) {
        const json_t *endpoint = json_array_get(endpoints, i);
        bool has_service = strcmp(table[i].name, "HealthRequest") == 0;
        check_shape(endpoint, "name:s subject:s queue_group:s num_requests:i num_errors:i last_error:s "
                              "processing_time:i average_processing_time:i data:o");
        check_endpoint(endpoint, i, place);
        check_shape(member_at(endpoint, "data"),
                    has_service ? LATENCY "request_bytes:i reply_bytes:i refusals:o last_minute:o service:o"
                                : LATENCY "request_bytes:i reply_bytes:i refusals:o last_minute:o");
        check_shape(member_at(endpoint, "data.last_minute"), LATENCY "requests:i");
    }
    /* The nats CLI shows data of endpoints only: so one of them has the service's. */
    ck_assert(
        json_equal(member_at(endpoint_of(stats, "HealthRequest"), "data.service"), member_at(stats, "data")));
}

static const struct {
    const char *verb;
    void (*check)(const json_t *document, const char *id, struct place place);
} documents[] = {{"PING", check_ping}, {"INFO", check_info}, {"STATS", check_stats}};
#define DOCUMENTS (sizeof documents / sizeof documents[0])

/* Asks for each document on all three forms of its subject. */
static void check_documents(const char *id, struct place place)
{
    char by_name[64];
    for (size_t i = 0; i < DOCUMENTS; i++) {
        (void)snprintf(by_name, sizeof by_name, "%s.wascc-keyvalue", documents[i].verb);
        json_t *answers[] = {service_ask(&client, documents[i].verb, NULL),
                             service_ask(&client, by_name, NULL),
                             service_ask(&client, documents[i].verb, id)};
        for (size_t j = 0; j < 3; j++) {
            documents[i].check(answers[j], id, place);
            json_decref(answers[j]);
        }
    }
}

static const struct place places[] = {{"", "default"}, {"", "other"}, {"ns", "default"}, {"ns.sub", "b-1_x"}};

START_TEST(every_member_of_the_three_documents_is_there)
{
    char id[INSTANCE_ID_BYTES];
    struct place place = places[_i];
    provider_start(&provider, server.url, "--lattice-namespace", place.lattice_namespace, "--binding",
                   place.binding, NULL);
    provider_await_ready(&provider, id);
    open_clients();
    check_documents(id, place);
    provider_stop(&provider);
}
END_TEST

/* Another name, another id, another root and one token too many have no listener. */
/* One that is about to listen is not found yet. */
START_TEST(who_is_found_can_be_called)
{
    static const char *const verbs[] = {"PING", "INFO", "STATS"};
    client_open(&client, server.url);
    for (int round = 0; round < 6; round++) {
        char subject[64];
        natsStatus status = NATS_TIMEOUT;
        (void)snprintf(subject, sizeof subject, "$SRV.%s.wascc-keyvalue", verbs[round % 3]);
        provider_start(&provider, server.url, NULL);
        long long deadline_ms = now_ms() + WAIT_MS;
        while (status != NATS_OK) {
            natsMsg *found = NULL;
            status = natsConnection_RequestString(&found, client.connection, subject, "", 20);
            natsMsg_Destroy(found);
            ck_assert_msg(status == NATS_OK || now_ms() < deadline_ms, "it is not found");
        }
        json_decref(client_call(&client, JSON, "Get", "{s:s}", "key", "k"));
        provider_stop(&provider);
    }
}
END_TEST

/* Whoever asks hears why there is no document, and does not wait for one. */
START_TEST(a_document_that_does_not_fit_is_refused)
{
    static const char *const verbs[] = {"INFO", "STATS"};
    nats_server_kill(&server);
    nats_server_start(&server, "max_payload: 4096\n");
    provider_serve(&provider, server.url, NULL);
    client_open(&client, server.url);
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        char subject[64];
        const char *code = NULL, *text = NULL;
        natsMsg *reply = NULL;
        (void)snprintf(subject, sizeof subject, "$SRV.%s.wascc-keyvalue", verbs[i]);
        ck_assert_int_eq(natsConnection_RequestString(&reply, client.connection, subject, "", WAIT_MS),
                         NATS_OK);
        json_t *body = json_of(natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply));
        ck_assert_int_eq(number_at(body, "error.code"), 413);
        json_decref(body);
        ck_assert_int_eq(natsMsgHeader_Get(reply, "Nats-Service-Error-Code", &code), NATS_OK);
        ck_assert_str_eq(code, "413");
        ck_assert_int_eq(natsMsgHeader_Get(reply, "Nats-Service-Error", &text), NATS_OK);
        ck_assert_ptr_nonnull(strstr(text, "max_payload is 4096"));
        natsMsg_Destroy(reply);
    }
}
END_TEST

START_TEST(another_name_or_id_gets_nothing)
{
    static const struct {
        const char *root, *name;
        bool with_id;
        const char *tail;
    } subjects[] = {
        {"$SRV", ".wascc-keyvalue.00000000000000000000000000", false, ""},
        {"$SRV", ".keyvalue", false, ""},
        {"$SRV", ".WASCC-KEYVALUE", false, ""},
        {"$SRV", ".keyvalue", true, ""},
        {"$SRV", "", true, ""},
        {"$SRV", ".wascc-keyvalue", true, ".more"},
        {"$SRV.SCHEMA", "", false, ""},
        {"SRV", "", false, ""},
    };
    char id[INSTANCE_ID_BYTES], subject[256];
    provider_start(&provider, server.url, NULL);
    provider_await_ready(&provider, id);
    open_clients();
    for (size_t i = 0; i < DOCUMENTS; i++)
        for (size_t j = 0; j < sizeof subjects / sizeof subjects[0]; j++) {
            natsMsg *message = NULL;
            (void)snprintf(subject, sizeof subject, "%s.%s%s%s%s%s", subjects[j].root, documents[i].verb,
                           subjects[j].name, subjects[j].with_id ? "." : "", subjects[j].with_id ? id : "",
                           subjects[j].tail);
            natsStatus status = natsConnection_Request(&message, client.connection, subject, "", 0, WAIT_MS);
            natsMsg_Destroy(message);
            ck_assert_msg(status == NATS_NO_RESPONDERS, "%s: %s", subject, natsStatus_GetText(status));
        }
    provider_stop(&provider);
}
END_TEST

/* "a unique id per process": who asks all hears each, who asks by id hears that one. */
START_TEST(two_instances_answer_each_with_its_own_id_and_counts)
{
    char ids[2][INSTANCE_ID_BYTES];
    struct place place = {"", "default"};
    provider_start(&provider, server.url, NULL);
    provider_await_ready(&provider, ids[0]);
    provider_start(&second, server.url, "--allow-split", NULL);
    provider_await_ready(&second, ids[1]);
    ck_assert_str_ne(ids[0], ids[1]);
    open_clients();
    for (size_t i = 0; i < 40; i++)
        (void)client_exists(&client, "k");
    for (size_t i = 0; i < DOCUMENTS; i++) {
        char subject[64];
        bool heard[2] = {false, false};
        natsSubscription *answers = NULL;
        (void)snprintf(subject, sizeof subject, "$SRV.%s.wascc-keyvalue", documents[i].verb);
        ck_assert_int_eq(natsConnection_SubscribeSync(&answers, client.connection, "answers"), NATS_OK);
        ck_assert_int_eq(natsConnection_PublishRequest(client.connection, subject, "answers", "", 0),
                         NATS_OK);
        for (int j = 0; j < 2; j++) {
            natsMsg *message = NULL;
            ck_assert_int_eq(natsSubscription_NextMsg(&message, answers, WAIT_MS), NATS_OK);
            json_t *answer = json_of(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
            int which = strcmp(text_at(answer, "id"), ids[1]) == 0;
            documents[i].check(answer, ids[which], place);
            heard[which] = true;
            json_decref(answer);
            natsMsg_Destroy(message);
        }
        ck_assert_msg(heard[0] && heard[1], "%s: one of them answered twice", documents[i].verb);
        natsSubscription_Destroy(answers);
    }
    long long asked = 0;
    for (int i = 0; i < 2; i++) {
        json_t *stats = service_ask(&client, "STATS", ids[i]);
        check_stats(stats, ids[i], place);
        asked += endpoint_number(stats, "KeyExists", "num_requests");
        json_decref(stats);
    }
    ck_assert_int_eq(asked, 40);
    provider_stop(&second);
    provider_stop(&provider);
}
END_TEST

/* The table of the provider has what the contract's has, so that no operation goes without an endpoint. */
START_TEST(every_operation_of_the_provider_is_an_endpoint)
{
    ck_assert_uint_eq(wkv_operation_count, TABLE_ROWS);
    for (size_t i = 0; i < TABLE_ROWS; i++) {
        ck_assert_str_eq(wkv_operations[i].name, table[i].name);
        ck_assert_int_eq(wkv_operation_is_system(&wkv_operations[i]), table[i].system);
        ck_assert_str_eq(wkv_operations[i].request->short_name, table[i].request);
        ck_assert_str_eq(wkv_operations[i].reply->short_name, table[i].response);
    }
}
END_TEST

/* ---- counting, to the request ---- */

#define MAX_KEY "100"
#define MAX_VALUE "1000"
#define LONG_KEY 101
#define LONG_VALUE 1001

/* What the threads send, each with keys of its own ('#' is the thread's number), and what must come of it.
 * Values of "K" and "V" are made too long for a key and for a value. */
static const struct {
    const char *operation, *request;
    int code;
} mix[] = {
    {"Set", "{\"key\":\"# scalar\",\"value\":\"text\"}", 0},
    {"Set", "{\"key\":\"# other\",\"value\":\"text\",\"expires_s\":1000}", 0},
    {"Get", "{\"key\":\"# scalar\"}", 0},
    {"Get", "{\"key\":\"nowhere\"}", 0},
    {"Del", "{\"key\":\"# other\"}", 0},
    {"Add", "{\"key\":\"# counter\",\"value\":3}", 0},
    {"Push", "{\"key\":\"# list\",\"value\":\"item\"}", 0},
    {"Range", "{\"key\":\"# list\",\"start\":0,\"stop\":5}", 0},
    {"ListItemDelete", "{\"key\":\"# list\",\"value\":\"nothing\"}", 0},
    {"Clear", "{\"key\":\"# cleared\"}", 0},
    {"SetAdd", "{\"key\":\"# set\",\"value\":\"member\"}", 0},
    {"SetRemove", "{\"key\":\"# set\",\"value\":\"none\"}", 0},
    {"SetQuery", "{\"key\":\"# set\"}", 0},
    {"SetUnion", "{\"keys\":[\"# set\",\"nowhere\"]}", 0},
    {"SetIntersection", "{\"keys\":[\"# set\",\"nowhere\"]}", 0},
    {"KeyExists", "{\"key\":\"# set\"}", 0},
    {"Get", "{\"key\":\"# list\"}", 409},
    {"Push", "{\"key\":\"# set\",\"value\":\"x\"}", 409},
    {"SetAdd", "{\"key\":\"# list\",\"value\":\"x\"}", 409},
    {"Add", "{\"key\":\"# scalar\",\"value\":1}", 409},
    {"SetUnion", "{\"keys\":[\"# set\",\"# list\"]}", 409},
    {"Get", "{\"key\":\"\"}", 400},
    {"Set", "{\"key\":\"# scalar\",\"value\":\"v\",\"expires_s\":-1}", 400},
    {"Add", "{\"key\":\"# full\",\"value\":2147483647}", 400},
    {"Range", "{\"key\":\"\"}", 400},
    {"Get", "{\"key\":\"K\"}", 413},
    {"Set", "{\"key\":\"# scalar\",\"value\":\"V\"}", 413},
    {"Push", "{\"key\":\"# list\",\"value\":\"V\"}", 413},
};
#define MIX (sizeof mix / sizeof mix[0])

/* What must be there before: the kinds that are refused, and the counter that overflows. */
static const struct {
    const char *operation, *request;
} foundation[] = {
    {"Set", "{\"key\":\"# scalar\",\"value\":\"text\"}"},
    {"Push", "{\"key\":\"# list\",\"value\":\"item\"}"},
    {"SetAdd", "{\"key\":\"# set\",\"value\":\"member\"}"},
    {"Add", "{\"key\":\"# full\",\"value\":2147483647}"},
};

#define CODES 3
static const int codes[CODES] = {400, 409, 413};
#define MAX_TEXTS 64
#define TEXT_BYTES 512

/* What one operation has been asked, by one client or by all. */
struct tally {
    long long requests, refusals[CODES], request_bytes, reply_bytes;
    size_t texts; /* different ones of refusals, as they must stand in last_error */
    char text[MAX_TEXTS][TEXT_BYTES];
};

#define CLIENTS 8
#define DATA_OPERATIONS 14

struct sender {
    struct client client;
    pthread_t thread;
    unsigned number, seed;
    int rounds;
    struct tally tallies[DATA_OPERATIONS];
};

static size_t index_of_operation(const char *name)
{
    size_t i = 0;
    while (strcmp(table[i].name, name) != 0)
        i++;
    ck_assert_uint_lt(i, DATA_OPERATIONS);
    return i;
}

static void remember_text(struct tally *tally, const char *text)
{
    for (size_t i = 0; i < tally->texts; i++)
        if (strcmp(tally->text[i], text) == 0)
            return;
    ck_assert_uint_lt(tally->texts, MAX_TEXTS);
    (void)snprintf(tally->text[tally->texts++], TEXT_BYTES, "%s", text);
}

static void note(struct tally *tally, const struct answer *answer, size_t request_bytes)
{
    char text[TEXT_BYTES];
    tally->requests++;
    tally->request_bytes += (long long)request_bytes;
    tally->reply_bytes += (long long)answer->len;
    if (answer->code == 0)
        return;
    for (size_t i = 0; i < CODES; i++)
        tally->refusals[i] += answer->code == codes[i];
    (void)snprintf(text, sizeof text, "%d: %.400s", answer->code, answer->text);
    remember_text(tally, text);
}

/* The request of a row for one sender. */
static json_t *make_request(const char *text, unsigned number)
{
    char long_key[LONG_KEY + 1], long_value[LONG_VALUE + 1], own[256];
    const char *name;
    json_t *value;
    size_t len = 0;
    for (; *text != '\0'; text++)
        len += (size_t)(*text == '#' ? snprintf(own + len, sizeof own - len, "%u", number)
                                     : snprintf(own + len, sizeof own - len, "%c", *text));
    json_t *request = json_of(own, len);
    memset(long_key, 'k', LONG_KEY);
    long_key[LONG_KEY] = '\0';
    memset(long_value, 'v', LONG_VALUE);
    long_value[LONG_VALUE] = '\0';
    json_object_foreach(request, name, value)
    {
        const char *said = json_string_value(value);
        if (said != NULL && (strcmp(said, "K") == 0 || strcmp(said, "V") == 0))
            ck_assert_int_eq(json_string_set(value, *said == 'K' ? long_key : long_value), 0);
    }
    return request;
}

static void send_row(struct sender *sender, enum encoding encoding, const char *operation, const char *text,
                     int code)
{
    size_t len;
    json_t *request = make_request(text, sender->number);
    void *bytes = message_pack(encoding, operation, request, &len);
    struct answer answer = client_send(&sender->client, operation, bytes, len);
    ck_assert_msg(answer.status == NATS_OK && answer.code == code, "%s %s: %s, %d instead of %d (%s)",
                  operation, text, natsStatus_GetText(answer.status), answer.code, code, answer.text);
    note(&sender->tallies[index_of_operation(operation)], &answer, len);
    answer_free(&answer);
    free(bytes);
    json_decref(request);
}

static void *send_mix(void *argument)
{
    struct sender *sender = argument;
    for (int i = 0; i < sender->rounds; i++) {
        size_t row = (size_t)rand_r(&sender->seed) % MIX;
        enum encoding encoding = rand_r(&sender->seed) % 2 == 0 ? PROTOBUF : JSON;
        send_row(sender, encoding, mix[row].operation, mix[row].request, mix[row].code);
    }
    return NULL;
}

static void add_tally(struct tally *total, const struct tally *part)
{
    total->requests += part->requests;
    total->request_bytes += part->request_bytes;
    total->reply_bytes += part->reply_bytes;
    for (size_t i = 0; i < CODES; i++)
        total->refusals[i] += part->refusals[i];
    for (size_t i = 0; i < part->texts; i++)
        remember_text(total, part->text[i]);
}

/* p50 <= p90 <= p99 <= p999 <= max. */
static void check_latency(const json_t *data, long long requests)
{
    static const char *const names[] = {"p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns"};
    long long before = 0;
    for (size_t i = 0; i < 5; i++) {
        long long now = number_at(data, names[i]);
        ck_assert_msg(now >= before, "%s is smaller than the one before it", names[i]);
        ck_assert_msg((now > 0) == (requests > 0), "%s is %lld after %lld requests", names[i], now, requests);
        before = now;
    }
}

/* "refusals has only codes that occurred". Returns how many there are in all. */
static long long check_refusals(const json_t *refusals, const long long expected[CODES])
{
    long long total = 0;
    size_t kinds = 0;
    for (size_t i = 0; i < CODES; i++) {
        char code[8];
        (void)snprintf(code, sizeof code, "%d", codes[i]);
        ck_assert_int_eq(json_integer_value(json_object_get(refusals, code)), expected[i]);
        kinds += expected[i] > 0;
        total += expected[i];
    }
    ck_assert_uint_eq(json_object_size(refusals), kinds);
    return total;
}

static void check_last_error(const char *operation, const char *last, const struct tally *tally)
{
    bool found = tally->texts == 0 && *last == '\0';
    for (size_t i = 0; i < tally->texts; i++)
        found |= strcmp(last, tally->text[i]) == 0;
    ck_assert_msg(found, "%s: nobody got \"%s\"", operation, last);
}

static void check_times(const json_t *endpoint)
{
    long long requests = number_at(endpoint, "num_requests");
    long long processing = number_at(endpoint, "processing_time");
    ck_assert_msg((processing > 0) == (requests > 0), "%lld requests took %lld ns", requests, processing);
    ck_assert_int_eq(number_at(endpoint, "average_processing_time"),
                     requests == 0 ? 0 : processing / requests);
    check_latency(member_at(endpoint, "data"), requests);
    check_latency(member_at(endpoint, "data.last_minute"), requests);
    ck_assert_int_ge(number_at(endpoint, "data.max_ns") * requests, processing);
    ck_assert_int_le(number_at(endpoint, "data.max_ns"), processing);
}

static void check_counted(const json_t *stats, const struct tally totals[DATA_OPERATIONS])
{
    struct tally all = {.requests = 0};
    for (size_t i = 0; i < DATA_OPERATIONS; i++) {
        const struct tally *tally = &totals[i];
        const json_t *endpoint = endpoint_of(stats, table[i].name);
        ck_assert_int_eq(number_at(endpoint, "num_requests"), tally->requests);
        ck_assert_int_eq(number_at(endpoint, "num_errors"),
                         check_refusals(member_at(endpoint, "data.refusals"), tally->refusals));
        ck_assert_int_eq(number_at(endpoint, "data.request_bytes"), tally->request_bytes);
        ck_assert_int_eq(number_at(endpoint, "data.reply_bytes"), tally->reply_bytes);
        ck_assert_int_eq(number_at(endpoint, "data.last_minute.requests"), tally->requests);
        check_last_error(table[i].name, text_at(endpoint, "last_error"), tally);
        check_times(endpoint);
        all.requests += tally->requests;
        for (size_t j = 0; j < CODES; j++)
            all.refusals[j] += tally->refusals[j];
    }
    ck_assert_int_eq(number_at(stats, "data.requests"), all.requests);
    ck_assert_int_eq(number_at(stats, "data.errors"),
                     check_refusals(member_at(stats, "data.refusals"), all.refusals));
    ck_assert_int_eq(number_at(stats, "data.unsent"), 0);
    for (size_t i = DATA_OPERATIONS; i < TABLE_ROWS; i++) {
        const json_t *endpoint = endpoint_of(stats, table[i].name);
        ck_assert_int_eq(number_at(endpoint, "num_requests"), 0);
        ck_assert_str_eq(text_at(endpoint, "last_error"), "");
        check_times(endpoint);
    }
}

#define BURSTS 12
#define BURST_ROUNDS 40

/* After each burst the counts are asked for as soon as the last reply is there. */
START_TEST(stats_count_what_eight_clients_sent_to_the_request)
{
    static struct sender senders[CLIENTS];
    static struct tally totals[DATA_OPERATIONS];
    provider_serve(&provider, server.url, "--workers", "3", "--max-key-size", MAX_KEY, "--max-value-size",
                   MAX_VALUE, NULL);
    open_clients();
    for (unsigned i = 0; i < CLIENTS; i++) {
        senders[i].number = i;
        senders[i].seed = i + 1;
        senders[i].rounds = BURST_ROUNDS;
        client_open(&senders[i].client, server.url);
        for (size_t j = 0; j < sizeof foundation / sizeof foundation[0]; j++)
            send_row(&senders[i], JSON, foundation[j].operation, foundation[j].request, 0);
    }
    for (int burst = 0; burst < BURSTS; burst++) {
        for (unsigned i = 0; i < CLIENTS; i++)
            ck_assert_int_eq(pthread_create(&senders[i].thread, NULL, send_mix, &senders[i]), 0);
        for (unsigned i = 0; i < CLIENTS; i++)
            ck_assert_int_eq(pthread_join(senders[i].thread, NULL), 0);
        json_t *stats = service_stats(&client);
        for (unsigned i = 0; i < CLIENTS; i++)
            for (size_t j = 0; j < DATA_OPERATIONS; j++) {
                add_tally(&totals[j], &senders[i].tallies[j]);
                senders[i].tallies[j] = (struct tally){.requests = 0};
            }
        check_counted(stats, totals);
        json_decref(stats);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        client_close(&senders[i].client);
    provider_stop(&provider);
}
END_TEST

/* A caller that has its answer finds the request counted, whichever worker answered. */
START_TEST(an_answered_request_is_counted_already)
{
    provider_serve(&provider, server.url, "--workers", "4", NULL);
    open_clients();
    for (int i = 1; i <= 400; i++) {
        bool refused = i % 3 == 0;
        struct answer answer = client_send(&client, "Get", "{\"key\":\"k\"}", refused ? 9 : 11);
        ck_assert_int_eq(answer.code, refused ? 400 : 0);
        answer_free(&answer);
        json_t *stats = service_stats(&client);
        ck_assert_int_eq(endpoint_number(stats, "Get", "num_requests"), i);
        ck_assert_int_eq(endpoint_number(stats, "Get", "num_errors"), i / 3);
        ck_assert_int_eq(endpoint_number(stats, "Get", "data.last_minute.requests"), i);
        json_decref(stats);
    }
    provider_stop(&provider);
}
END_TEST

/* ---- many questions at once ---- */

static const struct {
    const char *subject, *answer; /* which only this answer has in it */
} questions[] = {{"$SRV.PING", "\"io.nats.micro.v1.ping_response\""},
                 {"$SRV.INFO.wascc-keyvalue", "\"io.nats.micro.v1.info_response\""},
                 {"$SRV.STATS.wascc-keyvalue", "\"io.nats.micro.v1.stats_response\""},
                 {"wasmbus.inventory.hosts", "{\"Host\":"},
                 {"wasmbus.inventory.capabilities", "{\"Capabilities\":"}};

#define KINDS (sizeof questions / sizeof questions[0])
#define QUESTIONS (KINDS * 400)

/* Leaves in as few pieces as may be. */
static void ask_at_once(natsConnection *connection)
{
    for (size_t i = 0; i < QUESTIONS; i++) {
        char reply[64];
        (void)snprintf(reply, sizeof reply, "answers.%zu", i);
        ck_assert_int_eq(
            natsConnection_PublishRequest(connection, questions[i % KINDS].subject, reply, "", 0), NATS_OK);
    }
    ck_assert_int_eq(natsConnection_FlushTimeout(connection, WAIT_MS), NATS_OK);
}

/* Each caller has the answer to its own question, though they share texts: STATS tells the time, so it shows
 * how many texts there were. */
START_TEST(questions_that_come_together_share_an_answer)
{
    static bool answered[QUESTIONS];
    natsConnection *connection = NULL;
    natsSubscription *answers = NULL;
    char uptime[64] = "";
    size_t texts = 0;
    memset(answered, 0, sizeof answered);
    provider_serve(&provider, server.url, NULL);
    ck_assert_int_eq(natsConnection_ConnectTo(&connection, server.url), NATS_OK);
    ck_assert_int_eq(natsConnection_SubscribeSync(&answers, connection, "answers.*"), NATS_OK);
    ck_assert_int_eq(natsSubscription_SetPendingLimits(answers, -1, -1), NATS_OK);
    ask_at_once(connection);
    for (size_t i = 0; i < QUESTIONS; i++) {
        natsMsg *message = NULL;
        ck_assert_int_eq(natsSubscription_NextMsg(&message, answers, WAIT_MS), NATS_OK);
        size_t number = strtoul(strchr(natsMsg_GetSubject(message), '.') + 1, NULL, 10);
        const char *text = natsMsg_GetData(message);
        ck_assert(number < QUESTIONS && !answered[number]);
        answered[number] = true;
        ck_assert_msg(strstr(text, questions[number % KINDS].answer) != NULL, "%s: %s",
                      questions[number % KINDS].subject, text);
        json_decref(json_of(text, (size_t)natsMsg_GetDataLength(message)));
        const char *now = strstr(text, "\"uptime_s\":");
        if (now != NULL && strncmp(now, uptime, strlen(uptime)) != 0)
            texts++;
        if (now != NULL)
            (void)snprintf(uptime, sizeof uptime, "%.*s", (int)strcspn(now, ","), now);
        natsMsg_Destroy(message);
    }
    ck_assert_msg(texts < QUESTIONS / KINDS / 2, "%zu texts for %zu questions", texts, QUESTIONS / KINDS);
    natsSubscription_Destroy(answers);
    natsConnection_Destroy(connection);
    provider_stop(&provider);
}
END_TEST

/* A text that is made for others may be ours only if it is made when we have asked. */
START_TEST(an_answered_request_is_counted_amid_others_questions)
{
    struct client others;
    provider_serve(&provider, server.url, "--workers", "2", NULL);
    open_clients();
    client_open(&others, server.url);
    for (int i = 1; i <= 200; i++) {
        for (int j = 0; j < 50; j++)
            ck_assert_int_eq(natsConnection_PublishRequest(others.connection, "$SRV.STATS.wascc-keyvalue",
                                                           "nobody", "", 0),
                             NATS_OK);
        ck_assert_int_eq(client_add(&client, PROTOBUF, "n", 1), i);
        json_t *stats = service_stats(&client);
        ck_assert_int_eq(endpoint_number(stats, "Add", "num_requests"), i);
        json_decref(stats);
    }
    client_close(&others);
    provider_stop(&provider);
}
END_TEST

/* "Items are counted in the statistics of their own operations, the Batch as one of its own." */
START_TEST(the_items_of_a_batch_are_counted_under_their_own_operations)
{
    provider_serve(&provider, server.url, NULL);
    open_clients();
    json_t *reply = client_call(
        &client, JSON, "Batch", "{s:[{s:{s:s,s:i}},{s:{s:s,s:i}},{s:{s:s}},{s:{s:s}}]}", "requests", "add",
        "key", "n", "value", 1, "add", "key", "n", "value", 2, "pop", "key", "n", "get", "key", "n");
    json_decref(reply);
    json_t *stats = service_stats(&client);
    ck_assert_int_eq(endpoint_number(stats, "Batch", "num_requests"), 1);
    ck_assert_int_eq(endpoint_number(stats, "Batch", "num_errors"), 0);
    ck_assert_int_eq(endpoint_number(stats, "Add", "num_requests"), 2);
    ck_assert_int_eq(endpoint_number(stats, "Get", "num_requests"), 1);
    ck_assert_int_eq(endpoint_number(stats, "Pop", "num_requests"), 1);
    ck_assert_int_eq(endpoint_number(stats, "Pop", "num_errors"), 1);
    ck_assert_int_eq(endpoint_number(stats, "Pop", "data.refusals.409"), 1);
    ck_assert_ptr_nonnull(strstr(text_at(endpoint_of(stats, "Pop"), "last_error"), "Pop: the key holds"));
    json_decref(stats);
    provider_stop(&provider);
}
END_TEST

/* What `system` asks is counted as well, on its own endpoints. */
START_TEST(the_systems_requests_are_counted_too)
{
    char actor[WKV_NKEY_PUBLIC_CHARS + 1];
    provider_serve(&provider, server.url, NULL);
    open_clients();
    actor_key(10, actor);
    struct answer answer = client_send(&sys, "HealthRequest", "", 0);
    check_empty(&answer, PROTOBUF);
    for (int i = 0; i < 3; i++)
        bind_actor(&sys, JSON, (struct papers){.claims = NULL}, actor, NULL);
    client_refused(&sys, JSON, "Keys", 400, "limit", "{s:i}", "limit", -1);
    json_t *stats = service_stats(&client);
    ck_assert_int_eq(endpoint_number(stats, "HealthRequest", "num_requests"), 1);
    ck_assert_int_eq(endpoint_number(stats, "BindActor", "num_requests"), 3);
    ck_assert_int_eq(endpoint_number(stats, "BindActor", "num_errors"), 0);
    ck_assert_int_eq(endpoint_number(stats, "BindActor", "data.reply_bytes"), 6);
    ck_assert_int_eq(endpoint_number(stats, "Keys", "num_errors"), 1);
    ck_assert_int_eq(endpoint_number(stats, "Keys", "data.refusals.400"), 1);
    ck_assert_ptr_nonnull(strstr(text_at(endpoint_of(stats, "Keys"), "last_error"), "Keys: limit"));
    ck_assert_int_eq(number_at(stats, "data.requests"), 5);
    ck_assert_int_eq(number_at(stats, "data.errors"), 1);
    json_decref(stats);
    provider_stop(&provider);
}
END_TEST

/* ---- the service's data ---- */

static void set_value(const char *key, const char *value, int expires_s)
{
    json_decref(client_call(&client, JSON, "Set", "{s:s,s:s,s:i}", "key", key, "value", value, "expires_s",
                            expires_s));
}

static void add_member(const char *key, const char *member)
{
    json_decref(client_call(&client, JSON, "SetAdd", "{s:s,s:s}", "key", key, "value", member));
}

static void delete_key(const char *key)
{
    json_decref(client_call(&client, PROTOBUF, "Del", "{s:s}", "key", key));
}

static void check_kinds(long long scalars, long long counters, long long lists, long long sets)
{
    json_t *stats = service_stats(&client);
    ck_assert_int_eq(number_at(stats, "data.kinds.scalar"), scalars);
    ck_assert_int_eq(number_at(stats, "data.kinds.counter"), counters);
    ck_assert_int_eq(number_at(stats, "data.kinds.list"), lists);
    ck_assert_int_eq(number_at(stats, "data.kinds.set"), sets);
    ck_assert_int_eq(number_at(stats, "data.keys"), scalars + counters + lists + sets);
    json_decref(stats);
}

START_TEST(service_data_counts_keys_by_kind)
{
    provider_serve(&provider, server.url, NULL);
    open_clients();
    check_kinds(0, 0, 0, 0);
    set_value("a", "text", 0);
    set_value("b", "12", 0);
    set_value("c", "text", 1000);
    (void)client_add(&client, JSON, "n", 1);
    (void)client_add(&client, JSON, "n", 1);
    (void)client_push(&client, JSON, "l", "x");
    (void)client_push(&client, JSON, "l", "y");
    (void)client_push(&client, JSON, "l2", "y");
    add_member("s", "x");
    add_member("s", "y");
    check_kinds(3, 1, 2, 1);
    (void)client_add(&client, JSON, "b", 1); /* becomes a counter */
    check_kinds(2, 2, 2, 1);
    set_value("l2", "text", 0); /* replaced by another kind */
    check_kinds(3, 2, 1, 1);
    delete_key("a");
    delete_key("s");
    delete_key("nothing");
    check_kinds(2, 2, 1, 0);
    json_decref(client_call(&client, JSON, "Clear", "{s:s}", "key", "l"));
    check_kinds(2, 2, 0, 0);
    provider_stop(&provider);
}
END_TEST

/* "The binding value KEYSPACE gives the actor a keyspace of that name; actors without one share the keyspace
 * of their binding name." */
START_TEST(service_data_counts_keys_by_keyspace)
{
    static const char *const keyspaces[] = {"orders", "carts"};
    char actors[2][WKV_NKEY_PUBLIC_CHARS + 1];
    provider_serve(&provider, server.url, "--binding", "shop", NULL);
    open_clients();
    client_call_on(&sys, "wasmbus.provider.wascc.keyvalue.shop", "system");
    for (unsigned char i = 0; i < 2; i++) {
        actor_key((unsigned char)(20 + i), actors[i]);
        bind_actor(&sys, JSON, (struct papers){.claims = NULL}, actors[i], keyspaces[i]);
        client_call_on(&client, "wasmbus.provider.wascc.keyvalue.shop", actors[i]);
        set_value("k1", "v", 0);
        set_value("k2", "v", 0);
        if (i == 1)
            set_value("k3", "v", 0);
    }
    client_call_on(&client, "wasmbus.provider.wascc.keyvalue.shop", ACTOR);
    set_value("k1", "v", 0);
    json_t *stats = service_stats(&client);
    check_shape(member_at(stats, "data.keyspaces"), "shop:i orders:i carts:i");
    ck_assert_int_eq(number_at(stats, "data.keyspaces.shop"), 1);
    ck_assert_int_eq(number_at(stats, "data.keyspaces.orders"), 2);
    ck_assert_int_eq(number_at(stats, "data.keyspaces.carts"), 3);
    ck_assert_int_eq(number_at(stats, "data.keys"), 6);
    ck_assert_int_eq(number_at(stats, "data.bound_actors"), 2);
    json_decref(stats);
    /* An actor's data outlives its binding, and an empty keyspace is not told. */
    remove_actor(&sys, JSON, (struct papers){.claims = NULL}, actors[1]);
    delete_key("k1");
    stats = service_stats(&client);
    check_shape(member_at(stats, "data.keyspaces"), "orders:i carts:i");
    ck_assert_int_eq(number_at(stats, "data.bound_actors"), 1);
    json_decref(stats);
    provider_stop(&provider);
}
END_TEST

#define BUDGET_MB 64
#define LARGE_BYTES 500000

static long long bytes_now(void)
{
    json_t *stats = service_stats(&client);
    long long bytes = number_at(stats, "data.bytes");
    json_decref(stats);
    return bytes;
}

START_TEST(service_data_tells_bytes_and_budget)
{
    char *large = malloc(LARGE_BYTES + 1);
    ck_assert_ptr_nonnull(large);
    memset(large, 'x', LARGE_BYTES);
    large[LARGE_BYTES] = '\0';
    provider_serve(&provider, server.url, "--max-memory", "64Mi", "--shards", "8", NULL);
    open_clients();
    json_t *stats = service_stats(&client);
    ck_assert_int_eq(number_at(stats, "data.budget_bytes"), BUDGET_MB * 1048576LL);
    json_decref(stats);
    long long before = bytes_now();
    ck_assert_int_ge(before, 0);
    set_value("large", large, 0);
    long long with = bytes_now();
    ck_assert_int_ge(with - before, LARGE_BYTES);
    ck_assert_int_lt(with - before, 2 * LARGE_BYTES);
    delete_key("large");
    ck_assert_int_le(bytes_now(), with - LARGE_BYTES);
    provider_stop(&provider);
    provider_serve(&provider, server.url, "--max-memory", "0", NULL);
    stats = service_stats(&client);
    ck_assert_int_eq(number_at(stats, "data.budget_bytes"), 0);
    json_decref(stats);
    provider_stop(&provider);
    free(large);
}
END_TEST

START_TEST(service_data_counts_what_expired)
{
    provider_serve(&provider, server.url, NULL);
    open_clients();
    for (int i = 0; i < 7; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "brief %d", i);
        set_value(key, "v", 1);
    }
    set_value("long", "v", 1000);
    set_value("for ever", "v", 0);
    json_t *stats = service_await(&client, "data.expired", 7);
    ck_assert_int_eq(number_at(stats, "data.keys"), 2);
    ck_assert_int_eq(number_at(stats, "data.kinds.scalar"), 2);
    ck_assert_int_eq(number_at(stats, "data.keyspaces.default"), 2);
    json_decref(stats);
    delete_key("long"); /* deleted, not expired */
    stats = service_stats(&client);
    ck_assert_int_eq(number_at(stats, "data.expired"), 7);
    json_decref(stats);
    provider_stop(&provider);
}
END_TEST

#define SHARDS 8
#define SHARDED_KEYS 800

START_TEST(service_data_tells_shards_and_workers)
{
    struct pipeline pipeline;
    provider_serve(&provider, server.url, "--shards", "8", "--workers", "3", NULL);
    open_clients();
    pipeline_open(&pipeline, &client, SHARDED_KEYS);
    for (int i = 0; i < SHARDED_KEYS; i++) {
        char request[64];
        int len = snprintf(request, sizeof request, "{\"key\":\"key %d\",\"value\":\"v\"}", i);
        ck_assert(pipeline_send(&pipeline, "Set", request, (size_t)len));
    }
    pipeline_settle(&pipeline, 0);
    pipeline_close(&pipeline);
    json_t *stats = service_stats(&client);
    long long least = number_at(stats, "data.shards.min_keys");
    long long most = number_at(stats, "data.shards.max_keys");
    ck_assert_int_eq(number_at(stats, "data.shards.count"), SHARDS);
    ck_assert_int_gt(least, 0);
    ck_assert_int_le(least, SHARDED_KEYS / SHARDS);
    ck_assert_int_ge(most, SHARDED_KEYS / SHARDS);
    ck_assert_int_lt(most, SHARDED_KEYS);
    ck_assert_int_eq(number_at(stats, "data.workers"), 3); /* as --workers has it */
    ck_assert(json_is_true(member_at(stats, "data.ready")));
    json_decref(stats);
    provider_stop(&provider);
}
END_TEST

#define TOKENS 3
#define REQUESTS_A_TOKEN 10

/* "A claims token is verified once with libsodium and remembered until it expires": the rest are hits. */
START_TEST(service_data_counts_hits_and_misses_of_claims)
{
    char actors[TOKENS][WKV_NKEY_PUBLIC_CHARS + 1];
    people_make();
    provider_serve(&provider, server.url, "--auth", "claims", "--trusted-issuer", people.account.key,
                   "--workers", "1", NULL);
    open_clients();
    for (unsigned char i = 0; i < TOKENS; i++) {
        actor_key((unsigned char)(30 + i), actors[i]);
        char *claims = claims_for(&people.account, actors[i]);
        client_call_on(&client, DEFAULT_BASE, actors[i]);
        for (int j = 0; j < REQUESTS_A_TOKEN; j++)
            json_decref(
                papers_call(&client, (struct papers){.claims = claims}, JSON, "Get", "{s:s}", "key", "k"));
        free(claims);
        json_t *stats = service_stats(&client);
        ck_assert_int_eq(number_at(stats, "data.claims_cache.misses"), i + 1);
        ck_assert_int_eq(number_at(stats, "data.claims_cache.hits"), (i + 1) * (REQUESTS_A_TOKEN - 1));
        ck_assert_int_eq(number_at(stats, "data.claims_cache.entries"), i + 1);
        ck_assert_int_eq(number_at(stats, "data.claims_cache.evictions"), 0);
        ck_assert_int_gt(number_at(stats, "data.claims_cache.bytes"), 0);
        json_decref(stats);
    }
    papers_refused(&client, (struct papers){.claims = NULL}, JSON, "Get", 401, NULL, "{s:s}", "key", "k");
    json_t *stats = service_stats(&client);
    ck_assert_int_eq(number_at(stats, "data.refusals.401"), 1);
    ck_assert_int_eq(endpoint_number(stats, "Get", "data.refusals.401"), 1);
    json_decref(stats);
    provider_stop(&provider);
    people_free();
}
END_TEST

/* The provider's connections as nats-server's monitoring has them. */
static long long connections_there(int port)
{
    struct http_reply reply = http_get(port, "/connz");
    json_t *connz = json_of(reply.body, reply.body_len);
    const json_t *connection;
    long long count = 0;
    size_t i;
    json_array_foreach(member_at(connz, "connections"), i, connection)
    {
        const char *name = json_string_value(json_object_get(connection, "name"));
        count += name != NULL && strncmp(name, "wascc-keyvalue", strlen("wascc-keyvalue")) == 0;
    }
    json_decref(connz);
    http_free(&reply);
    return count;
}

#define MONITORED "http: \"127.0.0.1:-1\"\n"

static int monitoring_port(void)
{
    const char *line = strstr(server.process.err.bytes, "Starting http monitor on 127.0.0.1:");
    ck_assert_ptr_nonnull(line);
    return atoi(line + strlen("Starting http monitor on 127.0.0.1:"));
}

START_TEST(service_data_counts_connections_as_the_server_does)
{
    int port = server.port;
    nats_server_kill(&server);
    nats_server_start_on(&server, port, MONITORED);
    provider_serve(&provider, server.url, "--workers", "3", NULL);
    open_clients();
    json_t *stats = service_stats(&client);
    long long open = number_at(stats, "data.connections.open");
    ck_assert_int_ge(open, 4);
    ck_assert_int_eq(open, connections_there(monitoring_port()));
    ck_assert_int_eq(number_at(stats, "data.connections.made"), open);
    ck_assert_int_eq(number_at(stats, "data.connections.reconnects"), 0);
    json_decref(stats);
    for (int round = 1; round <= 2; round++) {
        client_close(&client);
        client_close(&sys);
        nats_server_kill(&server);
        (void)process_await_line(&provider, "disconnected");
        nats_server_start_on(&server, port, MONITORED);
        for (long long i = 0; i < open; i++)
            (void)process_await_line(&provider, ": reconnected");
        open_clients();
        stats = service_await(&client, "data.connections.reconnects", round * open);
        ck_assert_int_eq(number_at(stats, "data.connections.open"), open);
        ck_assert_int_eq(number_at(stats, "data.connections.made"), open);
        json_decref(stats);
        ck_assert_int_eq(connections_there(monitoring_port()), open);
    }
    provider_stop(&provider);
}
END_TEST

START_TEST(uptime_grows_and_the_start_stays)
{
    char started[64];
    double uptime = -1, cpu = 0;
    provider_serve(&provider, server.url, NULL);
    open_clients();
    for (int i = 0; i < 5; i++) {
        json_t *stats = service_stats(&client);
        double now = json_real_value(member_at(stats, "data.uptime_s"));
        double cpu_now = json_real_value(member_at(stats, "data.process.cpu_seconds"));
        ck_assert_msg(now > uptime, "after %f s it says %f s", uptime, now);
        ck_assert_msg(cpu_now > 0 && cpu_now >= cpu, "%f s of CPU, before %f s", cpu_now, cpu);
        ck_assert_int_gt(number_at(stats, "data.process.resident_bytes"), 1000000);
        uptime = now;
        cpu = cpu_now;
        if (i == 0)
            (void)snprintf(started, sizeof started, "%s", text_at(stats, "started"));
        ck_assert_str_eq(text_at(stats, "started"), started);
        json_decref(stats);
    }
    provider_stop(&provider);
}
END_TEST

Suite *discovery_suite(void)
{
    Suite *suite = suite_create("integration/discovery");
    TCase *tests = tcase_create("discovery");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_loop_test(tests, every_member_of_the_three_documents_is_there, 0,
                        (int)(sizeof places / sizeof places[0]));
    tcase_add_test(tests, who_is_found_can_be_called);
    tcase_add_test(tests, a_document_that_does_not_fit_is_refused);
    tcase_add_test(tests, another_name_or_id_gets_nothing);
    tcase_add_test(tests, two_instances_answer_each_with_its_own_id_and_counts);
    tcase_add_test(tests, every_operation_of_the_provider_is_an_endpoint);
    tcase_add_test(tests, stats_count_what_eight_clients_sent_to_the_request);
    tcase_add_test(tests, an_answered_request_is_counted_already);
    tcase_add_test(tests, questions_that_come_together_share_an_answer);
    tcase_add_test(tests, an_answered_request_is_counted_amid_others_questions);
    tcase_add_test(tests, the_items_of_a_batch_are_counted_under_their_own_operations);
    tcase_add_test(tests, the_systems_requests_are_counted_too);
    tcase_add_test(tests, service_data_counts_keys_by_kind);
    tcase_add_test(tests, service_data_counts_keys_by_keyspace);
    tcase_add_test(tests, service_data_tells_bytes_and_budget);
    tcase_add_test(tests, service_data_counts_what_expired);
    tcase_add_test(tests, service_data_tells_shards_and_workers);
    tcase_add_test(tests, service_data_counts_hits_and_misses_of_claims);
    tcase_add_test(tests, service_data_counts_connections_as_the_server_does);
    tcase_add_test(tests, uptime_grows_and_the_start_stays);
    suite_add_tcase(suite, tests);
    return suite;
}
