/* Contract section 7: the lattice hears of the provider and its bindings, and its questions of inventory are
 * answered. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claims.h"
#include "harness.h"
#include "operation/identity.h"
#include "service.h"

#define NOTHING ((struct papers){.claims = NULL})

static struct nats_server server;
static struct process provider, second;
static struct client client, sys;
static natsSubscription *events, *answers;

static void start(void)
{
    nats_server_start(&server, NULL);
}

static void stop(void)
{
    natsSubscription_Destroy(events);
    natsSubscription_Destroy(answers);
    events = answers = NULL;
    client_close(&client);
    client_close(&sys);
    harness_close_nats();
    process_destroy(&provider);
    process_destroy(&second);
    nats_server_kill(&server);
}

/* Where a provider is, and its subjects. */
struct place {
    const char *lattice_namespace, *binding;
};

static const struct place places[] = {{"", "default"}, {"ns", "other"}, {"ns.sub", "default"}};
#define PLACES ((int)(sizeof places / sizeof places[0]))

static const char *lattice_subject(struct place place, const char *rest)
{
    static char subject[256];
    (void)snprintf(subject, sizeof subject, "%s%swasmbus.%s", place.lattice_namespace,
                   *place.lattice_namespace == '\0' ? "" : ".", rest);
    return subject;
}

/* Clients of that place, which hear its events from now on, and everybody else's. */
static void open_clients(struct place place)
{
    char rest[128], base[256];
    (void)snprintf(rest, sizeof rest, "provider.wascc.keyvalue.%s", place.binding);
    (void)snprintf(base, sizeof base, "%s", lattice_subject(place, rest));
    client_open(&client, server.url);
    client_call_on(&client, base, ACTOR);
    client_open(&sys, server.url);
    client_call_on(&sys, base, "system");
    ck_assert_int_eq(natsConnection_SubscribeSync(&answers, client.connection, "answers"), NATS_OK);
    ck_assert_int_eq(natsConnection_SubscribeSync(&events, client.connection, ">"), NATS_OK);
    ck_assert_int_eq(natsConnection_FlushTimeout(client.connection, WAIT_MS), NATS_OK);
}

/* nats.c takes its time to end the subscriptions of thousands of actors, and more of it under a sanitizer. */
static void serve_at(struct process *process, struct place place)
{
    provider_serve(process, server.url, "--lattice-namespace", place.lattice_namespace, "--binding",
                   place.binding, "--allow-split", "--drain-timeout", "50s", NULL);
}

/* ---- events ---- */

/* The next message on a subject of events, whichever the namespace. The caller destroys it. */
static natsMsg *next_event(void)
{
    long long deadline_ms = now_ms() + WAIT_MS;
    for (;;) {
        natsMsg *message = NULL;
        natsStatus status = natsSubscription_NextMsg(&message, events, WAIT_MS);
        ck_assert_msg(status == NATS_OK && now_ms() < deadline_ms, "no event: %s",
                      natsStatus_GetText(status));
        const char *subject = natsMsg_GetSubject(message);
        size_t len = strlen(subject);
        if (len >= 6 && strcmp(subject + len - 6, "events") == 0)
            return message;
        natsMsg_Destroy(message);
    }
}

/* xxxxxxxx-xxxx-4xxx-[89ab]xxx-xxxxxxxxxxxx in lower-case hex. */
static void check_uuid(const char *text)
{
    ck_assert_msg(strlen(text) == 36, "no UUID: %s", text);
    for (int i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        ck_assert_msg(dash ? text[i] == '-' : text[i] != '\0' && strchr("0123456789abcdef", text[i]) != NULL,
                      "no UUID: %s", text);
    }
    ck_assert_msg(text[14] == '4' && strchr("89ab", text[19]) != NULL, "no UUID of version 4: %s", text);
}

static void check_host_key(const char *text)
{
    struct wkv_nkey key;
    ck_assert_msg(wkv_nkey_decode(text, strlen(text), &key, NULL) == WKV_OK && key.kind == WKV_NKEY_HOST,
                  "no host's key: %s", text);
}

#define HOST_BYTES 64

/* Takes the next event and checks that it is this one. actor NULL: an event of the provider. host gets the
 * host's key, or where it has one already it must be that. */
static void expect_event(struct place place, const char *type, const char *tag, const char *actor,
                         char host[HOST_BYTES])
{
    char text[256];
    natsMsg *message = next_event();
    check_no_headers(message);
    ck_assert_ptr_null(natsMsg_GetReply(message));
    ck_assert_str_eq(natsMsg_GetSubject(message), lattice_subject(place, "events"));
    json_t *event = json_of(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
    check_shape(event, "specversion:s type:s typeversion:s source:s id:s time:s datacontenttype:s subject:s "
                       "data:s");
    (void)snprintf(text, sizeof text, "wasmbus.events.%s", type);
    ck_assert_str_eq(text_at(event, "type"), text);
    ck_assert_str_eq(text_at(event, "specversion"), "1.0");
    ck_assert_str_eq(text_at(event, "typeversion"), "0.1");
    ck_assert_str_eq(text_at(event, "datacontenttype"), "application/json");
    ck_assert_str_ne(text_at(event, "source"), "");
    check_uuid(text_at(event, "id"));
    check_time(text_at(event, "time"));
    (void)snprintf(text, sizeof text, "%s%swascc:keyvalue.%s", actor == NULL ? "" : actor,
                   actor == NULL ? "" : ".", place.binding);
    ck_assert_str_eq(text_at(event, "subject"), text);
    const char *inner = text_at(event, "data");
    json_t *data = json_of(inner, strlen(inner));
    (void)snprintf(text, sizeof text, "%s:o", tag);
    check_shape(data, text);
    const json_t *members = member_at(data, tag);
    check_shape(members,
                actor == NULL ? "capid:s instance_name:s host:s" : "capid:s instance_name:s host:s actor:s");
    ck_assert_str_eq(text_at(members, "capid"), "wascc:keyvalue");
    ck_assert_str_eq(text_at(members, "instance_name"), place.binding);
    if (actor != NULL)
        ck_assert_str_eq(text_at(members, "actor"), actor);
    check_host_key(text_at(members, "host"));
    if (*host == '\0')
        (void)snprintf(host, HOST_BYTES, "%s", text_at(members, "host"));
    ck_assert_str_eq(text_at(members, "host"), host);
    json_decref(data);
    json_decref(event);
    natsMsg_Destroy(message);
}

START_TEST(the_lattice_hears_of_the_provider_and_its_bindings)
{
    struct place place = places[_i];
    char actor[WKV_NKEY_PUBLIC_CHARS + 1], host[HOST_BYTES] = "";
    open_clients(place);
    serve_at(&provider, place);
    expect_event(place, "provider_loaded", "ProviderLoaded", NULL, host);
    for (int encoding = 0; encoding < ENCODINGS; encoding++) {
        actor_key((unsigned char)(10 + encoding), actor);
        bind_actor(&sys, encoding, NOTHING, actor, encoding == JSON ? "orders" : NULL);
        expect_event(place, "actor_binding_created", "ActorBindingCreated", actor, host);
        remove_actor(&sys, encoding, NOTHING, actor);
        expect_event(place, "actor_binding_removed", "ActorBindingRemoved", actor, host);
    }
    bind_actor(&sys, JSON, NOTHING, actor, NULL);
    expect_event(place, "actor_binding_created", "ActorBindingCreated", actor, host);
    provider_stop(&provider);
    expect_event(place, "provider_removed", "ProviderRemoved", NULL, host);
}
END_TEST

/* A refused BindActor, and a RemoveActor of nobody, bind and remove nothing. */
START_TEST(what_does_not_happen_is_not_told)
{
    struct place place = places[0];
    char actor[WKV_NKEY_PUBLIC_CHARS + 1], host[HOST_BYTES] = "";
    people_make();
    open_clients(place);
    provider_serve(&provider, server.url, "--auth", "binding", "--trusted-issuer", people.account.key,
                   "--trusted-host", people.host.key, NULL);
    expect_event(place, "provider_loaded", "ProviderLoaded", NULL, host);
    actor_key(12, actor);
    char *claims = claims_for(&people.account, actor);
    struct papers papers = {.claims = claims, .host = &people.host};
    struct answer answer = bind_ask(&sys, JSON, "BindActor", NOTHING, actor, NULL);
    check_refusal(&answer, "BindActor", 401, NULL);
    answer_free(&answer);
    answer = bind_ask(&sys, JSON, "BindActor", papers, actor, "");
    check_refusal(&answer, "BindActor", 400, "KEYSPACE");
    answer_free(&answer);
    remove_actor(&sys, JSON, papers, actor);
    bind_actor(&sys, JSON, papers, actor, NULL);
    expect_event(place, "actor_binding_created", "ActorBindingCreated", actor, host);
    provider_stop(&provider);
    expect_event(place, "provider_removed", "ProviderRemoved", NULL, host);
    free(claims);
    people_free();
}
END_TEST

START_TEST(each_event_has_an_id_of_its_own)
{
    enum { EVENTS = 20 };
    static char ids[EVENTS][64];
    char actor[WKV_NKEY_PUBLIC_CHARS + 1];
    open_clients(places[0]);
    serve_at(&provider, places[0]);
    natsMsg_Destroy(next_event());
    actor_key(13, actor);
    for (int i = 0; i < EVENTS; i++) {
        if (i % 2 == 0)
            bind_actor(&sys, JSON, NOTHING, actor, NULL);
        else
            remove_actor(&sys, JSON, NOTHING, actor);
        natsMsg *message = next_event();
        json_t *event = json_of(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
        (void)snprintf(ids[i], sizeof ids[i], "%s", text_at(event, "id"));
        for (int j = 0; j < i; j++)
            ck_assert_str_ne(ids[i], ids[j]);
        json_decref(event);
        natsMsg_Destroy(message);
    }
    provider_stop(&provider);
}
END_TEST

/* Two processes are two hosts to the lattice, which joins answers by host. */
START_TEST(each_instance_is_a_host_of_its_own)
{
    char hosts[2][HOST_BYTES] = {"", ""};
    open_clients(places[0]);
    serve_at(&provider, places[0]);
    expect_event(places[0], "provider_loaded", "ProviderLoaded", NULL, hosts[0]);
    serve_at(&second, places[0]);
    expect_event(places[0], "provider_loaded", "ProviderLoaded", NULL, hosts[1]);
    ck_assert_str_ne(hosts[0], hosts[1]);
    process_signal(&second, SIGINT);
    ck_assert_int_eq(process_await_exit(&second), 0);
    expect_event(places[0], "provider_removed", "ProviderRemoved", NULL, hosts[1]);
    provider_stop(&provider);
    expect_event(places[0], "provider_removed", "ProviderRemoved", NULL, hosts[0]);
}
END_TEST

/* One that never served says nothing. */
START_TEST(an_instance_that_may_not_serve_tells_nothing)
{
    char host[HOST_BYTES] = "";
    open_clients(places[0]);
    serve_at(&provider, places[0]);
    expect_event(places[0], "provider_loaded", "ProviderLoaded", NULL, host);
    provider_start(&second, server.url, NULL);
    ck_assert_int_eq(process_await_exit(&second), 69);
    provider_stop(&provider);
    expect_event(places[0], "provider_removed", "ProviderRemoved", NULL, host);
}
END_TEST

/* ---- inventory ---- */

static void ask_inventory(struct place place, const char *what)
{
    char rest[64];
    (void)snprintf(rest, sizeof rest, "inventory.%s", what);
    ck_assert_int_eq(
        natsConnection_PublishRequest(client.connection, lattice_subject(place, rest), "answers", "", 0),
        NATS_OK);
}

/* The next answer, which must be without headers. The caller releases it. */
static json_t *next_answer(void)
{
    natsMsg *message = NULL;
    natsStatus status = natsSubscription_NextMsg(&message, answers, WAIT_MS);
    ck_assert_msg(status == NATS_OK, "no answer: %s", natsStatus_GetText(status));
    check_no_headers(message);
    json_t *answer = json_of(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
    natsMsg_Destroy(message);
    return answer;
}

static json_t *inventory_of(struct place place, const char *what)
{
    ask_inventory(place, what);
    return next_answer();
}

START_TEST(inventory_of_hosts_and_actors)
{
    struct place place = places[_i];
    char actor[WKV_NKEY_PUBLIC_CHARS + 1], host[HOST_BYTES] = "";
    const char *label;
    json_t *value;
    open_clients(place);
    serve_at(&provider, place);
    expect_event(place, "provider_loaded", "ProviderLoaded", NULL, host);
    actor_key(20, actor);
    bind_actor(&sys, JSON, NOTHING, actor, NULL);
    json_t *answer = inventory_of(place, "hosts");
    check_shape(answer, "Host:o");
    check_shape(member_at(answer, "Host"), "id:s labels:o uptime_ms:i");
    ck_assert_str_eq(text_at(answer, "Host.id"), host);
    ck_assert_int_ge(number_at(answer, "Host.uptime_ms"), 0);
    json_object_foreach(member_at(answer, "Host.labels"), label, value)
    {
        ck_assert_msg(json_is_string(value), "the label %s is no text", label);
    }
    json_decref(answer);
    /* An actor named here would never be taken off again: a host counts the answers before it says
     * RemoveActor. */
    answer = inventory_of(place, "actors");
    check_shape(answer, "Actors:o");
    check_shape(member_at(answer, "Actors"), "host:s actors:a");
    ck_assert_str_eq(text_at(answer, "Actors.host"), host);
    ck_assert_uint_eq(json_array_size(member_at(answer, "Actors.actors")), 0);
    json_decref(answer);
    provider_stop(&provider);
}
END_TEST

/* Checks an answer for the binding of that actor; keyspace NULL: it has an empty configuration. */
static void check_binding(const json_t *answer, size_t i, struct place place, const char *actor,
                          const char *keyspace)
{
    const json_t *binding = json_array_get(member_at(answer, "Bindings.bindings"), i);
    check_shape(binding, "actor:s capability_id:s binding_name:s configuration:o");
    ck_assert_str_eq(text_at(binding, "actor"), actor);
    ck_assert_str_eq(text_at(binding, "capability_id"), "wascc:keyvalue");
    ck_assert_str_eq(text_at(binding, "binding_name"), place.binding);
    check_shape(member_at(binding, "configuration"), keyspace == NULL ? "" : "KEYSPACE:s");
    if (keyspace != NULL)
        ck_assert_str_eq(text_at(binding, "configuration.KEYSPACE"), keyspace);
}

static void check_bindings_head(const json_t *answer, const char *host, size_t count)
{
    check_shape(answer, "Bindings:o");
    check_shape(member_at(answer, "Bindings"), "host:s bindings:a");
    ck_assert_str_eq(text_at(answer, "Bindings.host"), host);
    ck_assert_uint_eq(json_array_size(member_at(answer, "Bindings.bindings")), count);
}

START_TEST(inventory_of_bindings)
{
    struct place place = places[_i];
    char actors[2][WKV_NKEY_PUBLIC_CHARS + 1], host[HOST_BYTES] = "";
    open_clients(place);
    serve_at(&provider, place);
    expect_event(place, "provider_loaded", "ProviderLoaded", NULL, host);
    json_t *answer = inventory_of(place, "bindings");
    check_bindings_head(answer, host, 0);
    json_decref(answer);
    for (unsigned char i = 0; i < 2; i++) {
        actor_key((unsigned char)(21 + i), actors[i]);
        bind_actor(&sys, JSON, NOTHING, actors[i], i == 0 ? NULL : "orders");
    }
    answer = inventory_of(place, "bindings");
    check_bindings_head(answer, host, 2);
    size_t first = strcmp(actors[0], actors[1]) < 0 ? 0 : 1;
    check_binding(answer, first, place, actors[0], NULL);
    check_binding(answer, 1 - first, place, actors[1], "orders");
    json_decref(answer);
    remove_actor(&sys, JSON, NOTHING, actors[0]);
    answer = inventory_of(place, "bindings");
    check_bindings_head(answer, host, 1);
    check_binding(answer, 0, place, actors[1], "orders");
    json_decref(answer);
    provider_stop(&provider);
}
END_TEST

/* Binds so many actors; every third has a keyspace of its own, whose name JSON writes longer. */
static void bind_many(unsigned count)
{
    char actor[WKV_NKEY_PUBLIC_CHARS + 1], keyspace[128];
    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(keyspace, sizeof keyspace, "%.*s%u", (int)(i % 60),
                       "\"\"\"\"\"\"\"\"\"\"\\\\\\\\\\\x01\x02\x1f\n\t~\"\"\"\"", i);
        (void)snprintf(actor, sizeof actor, "M%055u", i);
        bind_actor(&sys, JSON, NOTHING, actor, i % 3 == 0 ? keyspace : NULL);
    }
}

/* Takes the answers until they have told of so many bindings: by actor, each once, in messages of at most
 * max_bytes. Returns how many messages it took. */
static size_t take_bindings(size_t count, size_t max_bytes)
{
    char last[WKV_NKEY_PUBLIC_CHARS + 1] = "";
    size_t seen = 0, messages = 0;
    while (seen < count) {
        natsMsg *message = NULL;
        ck_assert_msg(natsSubscription_NextMsg(&message, answers, WAIT_MS) == NATS_OK,
                      "%zu bindings of %zu were told, in %zu messages", seen, count, messages);
        ck_assert_uint_le((size_t)natsMsg_GetDataLength(message), max_bytes);
        json_t *answer = json_of(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
        check_shape(member_at(answer, "Bindings"), "host:s bindings:a");
        const json_t *binding;
        size_t i;
        json_array_foreach(member_at(answer, "Bindings.bindings"), i, binding)
        {
            const char *actor = text_at(binding, "actor");
            ck_assert_msg(strcmp(last, actor) < 0, "%s is told of after %s", actor, last);
            (void)snprintf(last, sizeof last, "%s", actor);
            seen++;
        }
        ck_assert_uint_gt(i, 0);
        json_decref(answer);
        natsMsg_Destroy(message);
        messages++;
    }
    ck_assert_uint_eq(seen, count);
    return messages;
}

/* Nothing more comes: the next answer is that to the next question. */
static void expect_no_more(void)
{
    json_t *answer = inventory_of(places[0], "hosts");
    check_shape(answer, "Host:o");
    json_decref(answer);
}

START_TEST(bindings_that_one_message_does_not_hold_come_in_several)
{
    enum { ACTORS = 150, MAX_PAYLOAD = 2048 };
    int port = server.port;
    nats_server_kill(&server);
    nats_server_start_on(&server, port, "max_payload: 2048\n");
    open_clients(places[0]);
    serve_at(&provider, places[0]);
    bind_many(ACTORS);
    ask_inventory(places[0], "bindings");
    size_t messages = take_bindings(ACTORS, MAX_PAYLOAD);
    /* They are filled: a binding takes less than 300 bytes. */
    ck_assert_uint_gt(messages, 1);
    ck_assert_uint_le(messages, ACTORS * 300 / (MAX_PAYLOAD - 300) + 1);
    expect_no_more();
    provider_stop(&provider);
}
END_TEST

START_TEST(thousands_of_bindings_are_told_whole)
{
    enum { ACTORS = 2500 };
    open_clients(places[0]);
    serve_at(&provider, places[0]);
    bind_many(ACTORS);
    ask_inventory(places[0], "bindings");
    ck_assert_uint_eq(take_bindings(ACTORS, 1024 * 1024), 1);
    expect_no_more();
    provider_stop(&provider);
}
END_TEST

START_TEST(inventory_of_capabilities)
{
    struct place place = places[_i];
    char host[HOST_BYTES] = "";
    open_clients(place);
    serve_at(&provider, place);
    expect_event(place, "provider_loaded", "ProviderLoaded", NULL, host);
    json_t *answer = inventory_of(place, "capabilities");
    check_shape(answer, "Capabilities:o");
    check_shape(member_at(answer, "Capabilities"), "host:s capabilities:a");
    ck_assert_str_eq(text_at(answer, "Capabilities.host"), host);
    ck_assert_uint_eq(json_array_size(member_at(answer, "Capabilities.capabilities")), 1);
    const json_t *capability = json_array_get(member_at(answer, "Capabilities.capabilities"), 0);
    check_shape(capability, "binding_name:s descriptor:o");
    ck_assert_str_eq(text_at(capability, "binding_name"), place.binding);
    const json_t *descriptor = member_at(capability, "descriptor");
    check_shape(descriptor, "id:s name:s version:s revision:i long_description:s supported_operations:a");
    ck_assert_str_eq(text_at(descriptor, "id"), "wascc:keyvalue");
    ck_assert_str_eq(text_at(descriptor, "version"), WKV_VERSION);
    ck_assert_str_ne(text_at(descriptor, "name"), "");
    ck_assert_str_ne(text_at(descriptor, "long_description"), "");
    ck_assert_int_ge(number_at(descriptor, "revision"), 0);
    const json_t *supported = member_at(descriptor, "supported_operations");
    ck_assert_uint_eq(json_array_size(supported), operation_count + 1);
    for (size_t i = 0; i <= operation_count; i++) {
        const json_t *operation = json_array_get(supported, i);
        check_shape(operation, "name:s direction:s doctext:s");
        ck_assert_str_eq(text_at(operation, "name"), i < operation_count ? operations[i] : "Watch");
        ck_assert_str_eq(text_at(operation, "direction"), "to_provider");
        ck_assert_str_ne(text_at(operation, "doctext"), "");
    }
    json_decref(answer);
    provider_stop(&provider);
}
END_TEST

/* What is not one of the four gets nothing: the next answer that comes is that to the next question. */
START_TEST(an_unknown_question_gets_nothing)
{
    static const char *const unknown[] = {"nothing", "host", "Hosts", "hosts.more", "links", "bindings2"};
    open_clients(places[0]);
    serve_at(&provider, places[0]);
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        ask_inventory(places[0], unknown[i]);
    ask_inventory((struct place){"elsewhere", ""}, "hosts");
    json_t *answer = inventory_of(places[0], "hosts");
    check_shape(answer, "Host:o");
    json_decref(answer);
    answer = inventory_of(places[0], "actors");
    check_shape(answer, "Actors:o");
    json_decref(answer);
    provider_stop(&provider);
}
END_TEST

/* Nobody but the test's own watcher listens there: without it the asker is told at once. */
START_TEST(who_asks_for_anything_else_is_told_that_nobody_answers)
{
    static const char *const unknown[] = {"nope", "Hosts", "bindings2", "*", "hosts.more"};
    static const char *const known[] = {"hosts", "actors", "bindings", "capabilities"};
    char rest[64];
    natsMsg *message = NULL;
    open_clients(places[0]);
    serve_at(&provider, places[0]);
    ck_assert_int_eq(natsSubscription_Unsubscribe(events), NATS_OK);
    ck_assert_int_eq(natsConnection_FlushTimeout(client.connection, WAIT_MS), NATS_OK);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        (void)snprintf(rest, sizeof rest, "inventory.%s", known[i]);
        ck_assert_int_eq(natsConnection_RequestString(&message, sys.connection,
                                                      lattice_subject(places[0], rest), "", WAIT_MS),
                         NATS_OK);
        natsMsg_Destroy(message);
    }
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        (void)snprintf(rest, sizeof rest, "inventory.%s", unknown[i]);
        ck_assert_int_eq(natsConnection_RequestString(&message, sys.connection,
                                                      lattice_subject(places[0], rest), "", WAIT_MS),
                         NATS_NO_RESPONDERS);
    }
    provider_stop(&provider);
}
END_TEST

START_TEST(each_instance_answers_inventory)
{
    open_clients(places[0]);
    serve_at(&provider, places[0]);
    serve_at(&second, places[0]);
    ask_inventory(places[0], "hosts");
    json_t *first = next_answer(), *other = next_answer();
    ck_assert_str_ne(text_at(first, "Host.id"), text_at(other, "Host.id"));
    json_decref(first);
    json_decref(other);
    provider_stop(&second);
    provider_stop(&provider);
}
END_TEST

/* ---- what else must hold ---- */

/* Where an answer must not go, whoever names the subject: the provider may publish there what the asker may
 * not, and "a malformed event panics the watcher's thread" of real hosts. */
static const char *const own_subjects[] = {
    "wasmbus.events",
    "wasmbus.inventory.hosts",
    DEFAULT_BASE "." ACTOR ".Get",
    DEFAULT_BASE ".system.HealthRequest",
};
#define OWN_SUBJECTS (sizeof own_subjects / sizeof own_subjects[0])

/* Takes all messages up to the event provider_removed. Those that are asked have a reply subject, answers
 * have none. */
static void check_no_answers_there(void)
{
    for (bool removed = false; !removed;) {
        natsMsg *message = NULL;
        natsStatus status = natsSubscription_NextMsg(&message, events, WAIT_MS);
        ck_assert_msg(status == NATS_OK, "no more events: %s", natsStatus_GetText(status));
        const char *data = natsMsg_GetData(message);
        bool event = strstr(data, "\"type\":\"wasmbus.events.") != NULL;
        for (size_t i = 0; i < OWN_SUBJECTS; i++)
            ck_assert_msg(event || natsMsg_GetReply(message) != NULL ||
                              strcmp(natsMsg_GetSubject(message), own_subjects[i]) != 0,
                          "an answer went to %s: %.300s", own_subjects[i], data);
        removed = strstr(data, "wasmbus.events.provider_removed") != NULL;
        natsMsg_Destroy(message);
    }
}

START_TEST(no_answer_goes_to_the_lattices_own_subjects)
{
    static const char *const questions[] = {"$SRV.PING",
                                            "$SRV.INFO.wascc-keyvalue",
                                            "$SRV.STATS.wascc-keyvalue",
                                            "wasmbus.inventory.hosts",
                                            "wasmbus.inventory.bindings",
                                            DEFAULT_BASE "." ACTOR ".KeyExists",
                                            DEFAULT_BASE ".system.Slowlog"};
    open_clients(places[0]);
    serve_at(&provider, places[0]);
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++)
        for (size_t j = 0; j < OWN_SUBJECTS; j++)
            ck_assert_int_eq(natsConnection_PublishRequest(client.connection, questions[i], own_subjects[j],
                                                           "{\"key\":\"k\"}", 11),
                             NATS_OK);
    ck_assert_int_eq(natsConnection_FlushTimeout(client.connection, WAIT_MS), NATS_OK);
    provider_stop(&provider);
    check_no_answers_there();
}
END_TEST

#define NOTHING_MORE_THAN_NEEDED                                                                             \
    "publish: {allow: [\"_INBOX.>\", \"$SRV.PING.wascc-keyvalue\"]}, "                                       \
    "subscribe: {allow: [\"_INBOX.>\", \"$SRV.>\", \"wasmbus.provider.wascc.keyvalue.default.>\"]}"

/* A server that knows nothing of events and inventory in what it permits is no reason not to serve. */
static const char *const permissions[] = {
    "publish: {deny: [\"wasmbus.events\"]}",
    "subscribe: {deny: [\"wasmbus.inventory.>\"]}",
    "publish: {deny: [\"wasmbus.events\"]}, subscribe: {deny: [\"wasmbus.inventory.*\"]}",
    NOTHING_MORE_THAN_NEEDED,
};

START_TEST(without_leave_for_events_and_inventory_it_serves)
{
    char config[1024], url[URL_BYTES], actor[WKV_NKEY_PUBLIC_CHARS + 1];
    int port = server.port;
    (void)snprintf(config, sizeof config,
                   "authorization { users = [ {user: p, password: p, permissions: {%s}}, {user: c, "
                   "password: c} ] }\n",
                   permissions[_i]);
    nats_server_kill(&server);
    nats_server_start_on(&server, port, config);
    (void)snprintf(url, sizeof url, "nats://p:p@127.0.0.1:%d", port);
    (void)snprintf(server.url, sizeof server.url, "nats://c:c@127.0.0.1:%d", port);
    provider_serve(&provider, url, NULL);
    open_clients(places[0]);
    for (int i = 1; i <= 3; i++) {
        ck_assert_int_eq(client_add(&client, i % 2 == 0 ? JSON : PROTOBUF, "n", 1), i);
        actor_key((unsigned char)(24 + i), actor);
        bind_actor(&sys, JSON, NOTHING, actor, NULL); /* which it cannot tell the lattice */
    }
    json_t *stats = service_stats(&client);
    ck_assert(json_is_true(member_at(stats, "data.ready")));
    ck_assert_int_eq(number_at(stats, "data.bound_actors"), 3);
    ck_assert_int_eq(endpoint_number(stats, "Add", "num_requests"), 3);
    json_decref(stats);
    provider_stop(&provider);
}
END_TEST

/* As the lattice remembers so many. The caller frees it. */
static char *remembered(unsigned count)
{
    json_t *bindings = json_array();
    for (unsigned i = 0; i < count; i++) {
        char actor[32];
        (void)snprintf(actor, sizeof actor, "MREMEMBERED%u", i);
        json_array_append_new(bindings,
                              json_pack("{s:s, s:s, s:s, s:{}}", "actor", actor, "capability_id",
                                        "wascc:keyvalue", "binding_name", "default", "configuration"));
    }
    json_t *answer = json_pack("{s:{s:s, s:o}}", "Bindings", "host", "NHOST", "bindings", bindings);
    char *text = json_dumps(answer, JSON_COMPACT);
    json_decref(answer);
    return text;
}

/* A refusal of something else, which nats.c remembers, is not waited out for each binding. */
START_TEST(a_reply_that_was_refused_does_not_hold_up_adoption)
{
    char url[URL_BYTES], *text = remembered(300);
    int port = server.port;
    natsSubscription *questions = NULL;
    natsMsg *question = NULL;
    nats_server_kill(&server);
    nats_server_start_on(&server, port,
                         "authorization { users = [ {user: p, password: p, permissions: {publish: {deny: "
                         "[\"refused.>\"]}}}, {user: c, password: c} ] }\n");
    (void)snprintf(url, sizeof url, "nats://p:p@127.0.0.1:%d", port);
    (void)snprintf(server.url, sizeof server.url, "nats://c:c@127.0.0.1:%d", port);
    open_clients(places[0]);
    ck_assert_int_eq(
        natsConnection_SubscribeSync(&questions, client.connection, "wasmbus.inventory.bindings"), NATS_OK);
    provider_serve(&provider, url, "--workers", "1", NULL);
    ck_assert_int_eq(natsSubscription_NextMsg(&question, questions, WAIT_MS), NATS_OK);
    ck_assert_int_eq(natsConnection_PublishRequestString(client.connection, DEFAULT_BASE ".MA.Get",
                                                         "refused.here", "{\"key\":\"k\"}"),
                     NATS_OK);
    (void)process_await_line(&provider, "the server says");
    long long begun_ms = now_ms();
    ck_assert_int_eq(natsConnection_PublishString(client.connection, natsMsg_GetReply(question), text),
                     NATS_OK);
    (void)process_await_line(&provider, "adopted 300 bindings");
    ck_assert_int_lt(now_ms() - begun_ms, 300 * 150 / 3);
    natsMsg_Destroy(question);
    natsSubscription_Destroy(questions);
    provider_stop(&provider);
    free(text);
}
END_TEST

Suite *events_suite(void)
{
    Suite *suite = suite_create("integration/events");
    TCase *tests = tcase_create("events");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_loop_test(tests, the_lattice_hears_of_the_provider_and_its_bindings, 0, PLACES);
    tcase_add_test(tests, what_does_not_happen_is_not_told);
    tcase_add_test(tests, each_event_has_an_id_of_its_own);
    tcase_add_test(tests, each_instance_is_a_host_of_its_own);
    tcase_add_test(tests, an_instance_that_may_not_serve_tells_nothing);
    tcase_add_loop_test(tests, inventory_of_hosts_and_actors, 0, PLACES);
    tcase_add_loop_test(tests, inventory_of_bindings, 0, PLACES);
    tcase_add_test(tests, bindings_that_one_message_does_not_hold_come_in_several);
    tcase_add_test(tests, thousands_of_bindings_are_told_whole);
    tcase_add_loop_test(tests, inventory_of_capabilities, 0, PLACES);
    tcase_add_test(tests, an_unknown_question_gets_nothing);
    tcase_add_test(tests, who_asks_for_anything_else_is_told_that_nobody_answers);
    tcase_add_test(tests, each_instance_answers_inventory);
    tcase_add_test(tests, no_answer_goes_to_the_lattices_own_subjects);
    tcase_add_loop_test(tests, without_leave_for_events_and_inventory_it_serves, 0,
                        (int)(sizeof permissions / sizeof permissions[0]));
    tcase_add_test(tests, a_reply_that_was_refused_does_not_hold_up_adoption);
    suite_add_tcase(suite, tests);
    return suite;
}
