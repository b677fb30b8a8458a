/* Contract sections 3 and 6: bindings, keyspaces and what hosts ask as `system`, over the real server.
 *
 * The tests of a case share a provider, so each has actors of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claims.h"
#include "core.pb-c.h"
#include "harness.h"

#define NOTHING ((struct papers){.claims = NULL})

static struct client host_client;
static char actor[WKV_NKEY_PUBLIC_CHARS + 1];
static char *good; /* the actor's claims */

static void use_actor(unsigned char number)
{
    free(good);
    actor_key(number, actor);
    good = claims_for(&people.account, actor);
    client_call_on(&caller, DEFAULT_BASE, actor);
}

static void open_all(void)
{
    people_make();
    caller_open();
    system_open(&host_client, shared.server.url);
    good = NULL;
}

static void close_all(void)
{
    free(good);
    people_free();
    client_close(&host_client);
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

static void serve_binding(void)
{
    serve("binding", NULL);
}

static void serve_claims(void)
{
    serve("claims", NULL);
}

static void serve_claims_bound(void)
{
    serve("claims", "--require-binding");
}

static void serve_none(void)
{
    serve("none", NULL);
}

static void serve_none_bound(void)
{
    serve("none", "--require-binding");
}

/* What a trusted host brings for the actor. */
static struct papers by_host(const char *claims)
{
    return (struct papers){.claims = claims, .host = &people.host};
}

static void bind_refused(struct papers papers, const char *module, int code, const char *names)
{
    for (int encoding = 0; encoding < ENCODINGS; encoding++) {
        struct answer answer = bind_ask(&host_client, encoding, "BindActor", papers, module, NULL);
        check_refusal(&answer, "BindActor", code, names);
        answer_free(&answer);
    }
}

/* ---- --auth binding ---- */

START_TEST(an_actor_that_is_not_bound_is_refused)
{
    use_actor(10);
    for (int encoding = 0; encoding < ENCODINGS; encoding++) {
        ask_all(&caller, NOTHING, encoding, 401, "not bound");
        /* Claims on the request are not asked for in this mode, and help nobody. */
        ask_all(&caller, by_host(good), encoding, 401, "not bound");
    }
}
END_TEST

START_TEST(a_bound_actor_is_served_without_headers)
{
    for (int encoding = 0; encoding < ENCODINGS; encoding++) {
        use_actor((unsigned char)(11 + encoding));
        bind_actor(&host_client, encoding, by_host(good), actor, NULL);
        ask_all(&caller, NOTHING, PROTOBUF, 0, NULL);
        ask_all(&caller, NOTHING, JSON, 0, NULL);
    }
    client_call_on(&caller, DEFAULT_BASE, "system");
    ask_all(&caller, NOTHING, JSON, 401, "not bound");
}
END_TEST

/* "its BindActor (from a `--trusted-host`) having brought `Wascc-Claims` that hold, … for that actor" */
START_TEST(a_binding_needs_claims_of_its_module_and_a_trusted_host)
{
    char other[WKV_NKEY_PUBLIC_CHARS + 1];
    actor_key(14, other);
    use_actor(13);
    char *others = claims_for(&people.account, other), *untrusted = claims_for(&people.other_account, actor);
    struct wkv_token_actor_options poor_options = {.subject = actor};
    char *poor = claims_with(&people.account, &poor_options, 0);
    struct wkv_token_actor_options old_options = {.subject = actor, .expires_in_s = 100};
    char *old = claims_with(&people.account, &old_options, 200);
    bind_refused(by_host(NULL), actor, 401, "Wascc-Claims");
    bind_refused(by_host("garbage"), actor, 401, "three segments");
    bind_refused(by_host(others), actor, 403, "another actor's");
    bind_refused(by_host(good), other, 403, "another actor's");
    bind_refused(by_host(good), "", 403, "another actor's");
    bind_refused(by_host(good), "system", 403, "another actor's");
    bind_refused(by_host(untrusted), actor, 401, "untrusted issuer");
    bind_refused(by_host(poor), actor, 403, "wascc:keyvalue");
    bind_refused(by_host(old), actor, 401, "expired");
    bind_refused((struct papers){.claims = good}, actor, 401, "Wascc-Invocation");
    bind_refused((struct papers){.claims = good, .host = &people.other_host}, actor, 401, "untrusted host");
    bind_refused((struct papers){.claims = good, .invocation = good}, actor, 401, "kind account");
    ask_all(&caller, NOTHING, JSON, 401, "not bound");
    free(others);
    free(untrusted);
    free(poor);
    free(old);
}
END_TEST

/* "Nothing is changed by a request that fails." */
START_TEST(a_binding_that_is_refused_leaves_the_one_before)
{
    use_actor(15);
    bind_actor(&host_client, JSON, by_host(good), actor, NULL);
    bind_refused(by_host(NULL), actor, 401, NULL);
    bind_refused((struct papers){.claims = good, .host = &people.other_host}, actor, 401, NULL);
    struct answer answer = bind_ask(&host_client, JSON, "BindActor", by_host(good), actor, "");
    check_refusal(&answer, "BindActor", 400, "KEYSPACE");
    answer_free(&answer);
    ask_all(&caller, NOTHING, JSON, 0, NULL);
}
END_TEST

START_TEST(remove_actor_ends_a_binding)
{
    for (int encoding = 0; encoding < ENCODINGS; encoding++) {
        use_actor(16);
        bind_actor(&host_client, encoding, by_host(good), actor, NULL);
        ask_all(&caller, NOTHING, encoding, 0, NULL);
        struct answer answer = bind_ask(&host_client, encoding, "RemoveActor", NOTHING, actor, NULL);
        check_refusal(&answer, "RemoveActor", 401, "Wascc-Invocation");
        answer_free(&answer);
        answer = bind_ask(&host_client, encoding, "RemoveActor", by_host(NULL), "", NULL);
        check_refusal(&answer, "RemoveActor", 400, "module");
        answer_free(&answer);
        ask_all(&caller, NOTHING, encoding, 0, NULL);
        remove_actor(&host_client, encoding, by_host(NULL), actor);
        ask_all(&caller, NOTHING, encoding, 401, "not bound");
        remove_actor(&host_client, encoding, by_host(NULL), actor); /* once more is no error */
    }
}
END_TEST

/* Who kept a BindActor cannot undo a RemoveActor with it. */
START_TEST(a_replayed_bind_actor_is_refused)
{
    use_actor(17);
    size_t len;
    void *bytes = configuration_pack(PROTOBUF, actor, NULL, &len);
    char *invocation = invocation_for(&people.host, "system", "default", "BindActor", bytes, len, NULL, 0);
    struct papers papers = {.claims = good, .invocation = invocation};
    struct answer answer = papers_send(&host_client, papers, "BindActor", bytes, len);
    while (answer_is_late(&answer)) { /* a request that is sent again needs an invocation of its own */
        answer_free(&answer);
        free(invocation);
        invocation = invocation_for(&people.host, "system", "default", "BindActor", bytes, len, NULL, 0);
        papers.invocation = invocation;
        answer = papers_send(&host_client, papers, "BindActor", bytes, len);
    }
    check_empty(&answer, PROTOBUF);
    remove_actor(&host_client, PROTOBUF, by_host(NULL), actor);
    answer = papers_send(&host_client, papers, "BindActor", bytes, len);
    check_refusal(&answer, "BindActor", 403, "seen before");
    answer_free(&answer);
    ask_all(&caller, NOTHING, JSON, 401, "not bound");
    free(invocation);
    free(bytes);
}
END_TEST

/* "and not expired since" */
START_TEST(claims_that_expire_end_their_binding)
{
    use_actor(18);
    char *claims = claims_until(&people.account, actor, 1);
    bind_actor(&host_client, JSON, by_host(claims), actor, NULL);
    json_decref(papers_call(&caller, NOTHING, JSON, "Get", "{s:s}", "key", "k"));
    struct answer answer = papers_await_refusal(&caller, NOTHING);
    check_refusal(&answer, "Get", 401, "expired");
    answer_free(&answer);
    ask_all(&caller, NOTHING, PROTOBUF, 401, "expired");
    bind_refused(by_host(claims), actor, 401, "expired");
    bind_actor(&host_client, JSON, by_host(good), actor, NULL);
    ask_all(&caller, NOTHING, PROTOBUF, 0, NULL);
    free(claims);
}
END_TEST

/* ---- --require-binding ---- */

START_TEST(claims_mode_can_require_a_binding_too)
{
    use_actor(20);
    struct papers claims = {.claims = good};
    for (int encoding = 0; encoding < ENCODINGS; encoding++) {
        ask_all(&caller, claims, encoding, 403, "not bound");
        bind_actor(&host_client, encoding, by_host(NULL), actor, NULL); /* here a binding is configuration */
        ask_all(&caller, claims, encoding, 0, NULL);
        ask_all(&caller, NOTHING, encoding, 401, "Wascc-Claims"); /* … not permission */
        remove_actor(&host_client, encoding, by_host(NULL), actor);
        ask_all(&caller, claims, encoding, 403, "--require-binding");
    }
}
END_TEST

START_TEST(none_mode_can_require_a_binding_too)
{
    use_actor(21);
    for (int encoding = 0; encoding < ENCODINGS; encoding++) {
        ask_all(&caller, NOTHING, encoding, 403, "not bound");
        bind_actor(&host_client, encoding, NOTHING, actor, NULL);
        ask_all(&caller, NOTHING, encoding, 0, NULL);
        remove_actor(&host_client, encoding, NOTHING, actor);
        ask_all(&caller, NOTHING, encoding, 403, "--require-binding");
    }
    client_call_on(&caller, DEFAULT_BASE, "system");
    ask_all(&caller, NOTHING, JSON, 403, "not bound");
}
END_TEST

/* "an actor that was never bound is served with the defaults, unless --require-binding" */
START_TEST(without_the_option_nobody_needs_to_be_bound)
{
    use_actor(22);
    struct papers claims = {.claims = good};
    ask_all(&caller, claims, JSON, 0, NULL);
    bind_actor(&host_client, JSON, by_host(NULL), actor, NULL);
    ask_all(&caller, claims, JSON, 0, NULL);
    remove_actor(&host_client, JSON, by_host(NULL), actor);
    ask_all(&caller, claims, JSON, 0, NULL);
}
END_TEST

/* ---- keyspaces, with --auth none ---- */

/* Speaks as the actor of that number in what follows. */
static void as(unsigned char number)
{
    use_actor(number);
}

/* Binds the actor of that number to a keyspace. */
static void bind_number(enum encoding encoding, unsigned char number, const char *keyspace)
{
    char key[WKV_NKEY_PUBLIC_CHARS + 1];
    actor_key(number, key);
    bind_actor(&host_client, encoding, NOTHING, key, keyspace);
}

/* Asks and compares the reply, whose values are sorted, with JSON text. */
static void expect(enum encoding encoding, const char *operation, const char *request, const char *reply)
{
    json_t *asked = json_of(request, strlen(request));
    struct answer answer = papers_ask(&caller, NOTHING, encoding, operation, asked);
    ck_assert_msg(answer.status == NATS_OK && answer.code == 0, "%s: %d %s", operation, answer.code,
                  answer.text);
    json_t *got = message_unpack(encoding, operation, answer.data, answer.len);
    json_t *wanted = json_of(reply, strlen(reply));
    sort_values(got);
    char *said = json_dumps(got, JSON_COMPACT);
    ck_assert_msg(json_equal(got, wanted), "%s %s: %s instead of %s", operation, request, said, reply);
    free(said);
    json_decref(asked);
    json_decref(got);
    json_decref(wanted);
    answer_free(&answer);
}

/* What an actor's data is after fill(), and must stay whatever others do. */
static void fill(enum encoding encoding)
{
    expect(encoding, "Set", "{\"key\":\"s\",\"value\":\"mine\"}", "{\"value\":\"mine\"}");
    expect(encoding, "Add", "{\"key\":\"n\",\"value\":7}", "{\"value\":7}");
    expect(encoding, "Push", "{\"key\":\"l\",\"value\":\"mine\"}", "{\"new_count\":1}");
    expect(encoding, "Push", "{\"key\":\"l\",\"value\":\"too\"}", "{\"new_count\":2}");
    expect(encoding, "SetAdd", "{\"key\":\"a\",\"value\":\"mine\"}", "{\"new_count\":1}");
    expect(encoding, "SetAdd", "{\"key\":\"a\",\"value\":\"both\"}", "{\"new_count\":2}");
    expect(encoding, "SetAdd", "{\"key\":\"b\",\"value\":\"both\"}", "{\"new_count\":1}");
}

static void check_filled(enum encoding encoding)
{
    expect(encoding, "Get", "{\"key\":\"s\"}", "{\"value\":\"mine\",\"exists\":true}");
    expect(encoding, "Get", "{\"key\":\"n\"}", "{\"value\":\"7\",\"exists\":true}");
    expect(encoding, "Range", "{\"key\":\"l\",\"start\":0,\"stop\":-1}", "{\"values\":[\"mine\",\"too\"]}");
    expect(encoding, "SetQuery", "{\"key\":\"a\"}", "{\"values\":[\"both\",\"mine\"],\"cursor\":\"\"}");
    expect(encoding, "SetUnion", "{\"keys\":[\"a\",\"b\"]}",
           "{\"values\":[\"both\",\"mine\"],\"cursor\":\"\"}");
    expect(encoding, "SetIntersection", "{\"keys\":[\"a\",\"b\"]}",
           "{\"values\":[\"both\"],\"cursor\":\"\"}");
}

/* What each operation says to an actor that has nothing, in this order. */
static const struct {
    const char *operation, *request, *reply;
} nothing_there[] = {
    {"Get", "{\"key\":\"s\"}", "{\"value\":\"\",\"exists\":false}"},
    {"KeyExists", "{\"key\":\"s\"}", "{\"value\":\"\",\"exists\":false}"},
    {"KeyExists", "{\"key\":\"n\"}", "{\"value\":\"\",\"exists\":false}"},
    {"KeyExists", "{\"key\":\"l\"}", "{\"value\":\"\",\"exists\":false}"},
    {"KeyExists", "{\"key\":\"a\"}", "{\"value\":\"\",\"exists\":false}"},
    {"Range", "{\"key\":\"l\",\"start\":0,\"stop\":-1}", "{\"values\":[]}"},
    {"SetQuery", "{\"key\":\"a\"}", "{\"values\":[],\"cursor\":\"\"}"},
    {"SetUnion", "{\"keys\":[\"a\",\"b\"]}", "{\"values\":[],\"cursor\":\"\"}"},
    {"SetIntersection", "{\"keys\":[\"a\",\"b\"]}", "{\"values\":[],\"cursor\":\"\"}"},
    {"ListItemDelete", "{\"key\":\"l\",\"value\":\"mine\"}", "{\"new_count\":0}"},
    {"SetRemove", "{\"key\":\"a\",\"value\":\"mine\"}", "{\"new_count\":0}"},
    {"Clear", "{\"key\":\"l\"}", "{\"key\":\"l\"}"},
    {"Del", "{\"key\":\"s\"}", "{\"key\":\"s\"}"},
    {"Del", "{\"key\":\"n\"}", "{\"key\":\"n\"}"},
    {"Del", "{\"key\":\"l\"}", "{\"key\":\"l\"}"},
    {"Del", "{\"key\":\"a\"}", "{\"key\":\"a\"}"},
    {"Add", "{\"key\":\"n\",\"value\":1}", "{\"value\":1}"},
    {"Set", "{\"key\":\"s\",\"value\":\"theirs\"}", "{\"value\":\"theirs\"}"},
    {"Push", "{\"key\":\"l\",\"value\":\"theirs\"}", "{\"new_count\":1}"},
    {"SetAdd", "{\"key\":\"a\",\"value\":\"theirs\"}", "{\"new_count\":1}"},
    {"SetAdd", "{\"key\":\"c\",\"value\":\"theirs\"}", "{\"new_count\":1}"},
    {"SetUnion", "{\"keys\":[\"a\",\"b\",\"c\"]}", "{\"values\":[\"theirs\"],\"cursor\":\"\"}"},
    {"SetIntersection", "{\"keys\":[\"a\",\"c\"]}", "{\"values\":[\"theirs\"],\"cursor\":\"\"}"},
    /* Another kind under the same name: what the others hold there is no matter. */
    {"Del", "{\"key\":\"s\"}", "{\"key\":\"s\"}"},
    {"SetAdd", "{\"key\":\"s\",\"value\":\"theirs\"}", "{\"new_count\":1}"},
    {"Clear", "{\"key\":\"l\"}", "{\"key\":\"l\"}"},
    {"Set", "{\"key\":\"l\",\"value\":\"theirs\",\"expires_s\":1000}", "{\"value\":\"theirs\"}"},
    {"Get", "{\"key\":\"l\"}", "{\"value\":\"theirs\",\"exists\":true}"},
};

#define NOTHING_THERE (sizeof nothing_there / sizeof nothing_there[0])

/* Plays all of that in the encoding, then takes away what it made. */
static void play(enum encoding encoding)
{
    static const char *const keys[] = {"s", "n", "l", "a", "c"};
    char request[32], reply[32];
    for (size_t i = 0; i < NOTHING_THERE; i++)
        expect(encoding, nothing_there[i].operation, nothing_there[i].request, nothing_there[i].reply);
    for (size_t i = 0; i < 5; i++) {
        (void)snprintf(request, sizeof request, "{\"key\":\"%s\"}", keys[i]);
        (void)snprintf(reply, sizeof reply, "{\"key\":\"%s\"}", keys[i]);
        expect(encoding, "Del", request, reply);
    }
}

/* "No operation, set unions included, crosses one." */
START_TEST(no_operation_crosses_a_keyspace)
{
    for (int encoding = 0; encoding < ENCODINGS; encoding++) {
        unsigned char mine = (unsigned char)(30 + encoding * 2), theirs = (unsigned char)(31 + encoding * 2);
        bind_number(encoding, mine, encoding == JSON ? "json mine" : "protobuf mine");
        bind_number(encoding, theirs, encoding == JSON ? "json theirs" : "protobuf theirs");
        as(mine);
        fill(encoding);
        as(theirs);
        play(encoding);
        as(mine);
        check_filled(encoding);
    }
}
END_TEST

/* Keyspaces whose names are alike, and keys that look like another keyspace's. */
START_TEST(keyspaces_are_told_apart_by_their_whole_name)
{
    static const char *const names[] = {"x",         "X",        "x ",  "xx",  "\xc3\xa9",
                                        "e\xcc\x81", "default2", "x.y", "x:y", "1"};
    char request[64], stored[64], found[64];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 10; i++) {
            if (round == 0)
                bind_number(i % 2 == 0 ? JSON : PROTOBUF, (unsigned char)(40 + i), names[i]);
            as((unsigned char)(40 + i));
            (void)snprintf(request, sizeof request, "{\"key\":\"same\",\"value\":\"%d\"}", i);
            (void)snprintf(stored, sizeof stored, "{\"value\":\"%d\"}", i);
            (void)snprintf(found, sizeof found, "{\"value\":\"%d\",\"exists\":true}", i);
            if (round == 0)
                expect(JSON, "Set", request, stored);
            else
                expect(JSON, "Get", "{\"key\":\"same\"}", found);
        }
}
END_TEST

START_TEST(the_same_keyspace_is_shared)
{
    bind_number(JSON, 60, "ours");
    bind_number(PROTOBUF, 61, "ours");
    as(60);
    fill(JSON);
    as(61);
    check_filled(PROTOBUF);
    expect(JSON, "Add", "{\"key\":\"n\",\"value\":1}", "{\"value\":8}");
    expect(JSON, "SetUnion", "{\"keys\":[\"a\",\"b\"]}", "{\"values\":[\"both\",\"mine\"],\"cursor\":\"\"}");
    as(60);
    expect(PROTOBUF, "Get", "{\"key\":\"n\"}", "{\"value\":\"8\",\"exists\":true}");
}
END_TEST

/* "actors without one share the keyspace of their binding name" */
START_TEST(actors_without_a_keyspace_share_the_bindings)
{
    as(62); /* never bound */
    fill(PROTOBUF);
    bind_number(JSON, 63, NULL); /* bound with no value */
    as(63);
    check_filled(JSON);
    bind_number(PROTOBUF, 64, "default"); /* bound to the binding's own name */
    as(64);
    check_filled(PROTOBUF);
    bind_number(PROTOBUF, 65, "Default");
    as(65);
    play(JSON);
    as(62);
    check_filled(PROTOBUF);
}
END_TEST

START_TEST(a_keyspace_is_found_again)
{
    char key[WKV_NKEY_PUBLIC_CHARS + 1];
    actor_key(66, key);
    bind_number(JSON, 66, "first");
    as(66);
    fill(JSON);
    bind_number(PROTOBUF, 66, "second");
    play(PROTOBUF);
    bind_number(JSON, 66, "first");
    check_filled(JSON);
    remove_actor(&host_client, JSON, NOTHING, key); /* "Takes the actor's binding away; its data stays." */
    expect(JSON, "Get", "{\"key\":\"s first\"}", "{\"value\":\"\",\"exists\":false}");
    bind_number(PROTOBUF, 67, "first");
    as(67);
    check_filled(PROTOBUF);
}
END_TEST

/* Requests of many actors that come at once are prepared together: each still meets its own data. */
START_TEST(requests_that_come_together_keep_their_keyspaces)
{
    enum { ACTORS = 8, ROUNDS = 200 };
    struct client clients[ACTORS];
    struct pipeline pipelines[ACTORS];
    char key[WKV_NKEY_PUBLIC_CHARS + 1], name[32], reply[64];
    for (int i = 0; i < ACTORS; i++) {
        (void)snprintf(name, sizeof name, "together %d", i);
        bind_number(JSON, (unsigned char)(70 + i), name);
        actor_key((unsigned char)(70 + i), key);
        client_open(&clients[i], shared.server.url);
        client_call_on(&clients[i], DEFAULT_BASE, key);
        pipeline_open(&pipelines[i], &clients[i], ROUNDS * ACTORS);
    }
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < ACTORS; i++)
            for (int times = 0; times <= i; times++)
                ck_assert(pipeline_send(&pipelines[i], "Add", "{\"key\":\"n\",\"value\":1}", 21));
    for (int i = 0; i < ACTORS; i++) {
        pipeline_settle(&pipelines[i], 0);
        ck_assert_uint_eq(pipelines[i].errors, 0);
        pipeline_close(&pipelines[i]);
        client_close(&clients[i]);
        as((unsigned char)(70 + i));
        (void)snprintf(reply, sizeof reply, "{\"value\":\"%d\",\"exists\":true}", ROUNDS * (i + 1));
        expect(JSON, "Get", "{\"key\":\"n\"}", reply);
    }
}
END_TEST

/* Unions lock many shards: over many keys of both actors, each sees its own. */
START_TEST(a_union_of_many_keys_stays_in_its_keyspace)
{
    char request[64];
    json_t *keys = json_array();
    for (int i = 0; i < 100; i++) {
        (void)snprintf(request, sizeof request, "set %d", i);
        (void)json_array_append_new(keys, json_string(request));
    }
    json_t *all = json_pack("{s:o}", "keys", keys);
    char *text = json_dumps(all, JSON_COMPACT);
    bind_number(JSON, 80, "left");
    bind_number(JSON, 81, "right");
    for (unsigned char number = 80; number <= 81; number++) {
        as(number);
        for (int i = 0; i < 100; i++) {
            (void)snprintf(request, sizeof request, "{\"key\":\"set %d\",\"value\":\"of %d\"}", i, number);
            expect(PROTOBUF, "SetAdd", request, "{\"new_count\":1}");
        }
    }
    as(80);
    expect(JSON, "SetUnion", text, "{\"values\":[\"of 80\"],\"cursor\":\"\"}");
    expect(PROTOBUF, "SetIntersection", text, "{\"values\":[\"of 80\"],\"cursor\":\"\"}");
    as(81);
    expect(PROTOBUF, "SetUnion", text, "{\"values\":[\"of 81\"],\"cursor\":\"\"}");
    expect(JSON, "SetIntersection", text, "{\"values\":[\"of 81\"],\"cursor\":\"\"}");
    free(text);
    json_decref(all);
}
END_TEST

/* ---- what a configuration may say ---- */

static void configuration_refused(const char *operation, const void *bytes, size_t len, int code,
                                  const char *names)
{
    struct answer answer = papers_send(&host_client, NOTHING, operation, bytes, len);
    check_refusal(&answer, operation, code, names);
    answer_free(&answer);
}

static void text_refused(const char *json, const char *names)
{
    configuration_refused("BindActor", json, strlen(json), 400, names);
}

START_TEST(a_configuration_that_cannot_be_is_refused)
{
    char name[200];
    memset(name, 'k', 129);
    name[129] = '\0';
    for (int encoding = 0; encoding < ENCODINGS; encoding++) {
        struct answer answer = bind_ask(&host_client, encoding, "BindActor", NOTHING, ACTOR, name);
        check_refusal(&answer, "BindActor", 400, "KEYSPACE has 129 bytes");
        answer_free(&answer);
        answer = bind_ask(&host_client, encoding, "BindActor", NOTHING, ACTOR, "");
        check_refusal(&answer, "BindActor", 400, "KEYSPACE has 0 bytes");
        answer_free(&answer);
        static const char *const modules[] = {"", "a.b", "a b", "*", ">", "a\tb"};
        for (size_t i = 0; i < 6; i++) {
            answer = bind_ask(&host_client, encoding, "BindActor", NOTHING, modules[i], "x");
            check_refusal(&answer, "BindActor", 400, "module");
            answer_free(&answer);
        }
    }
    text_refused("{", NULL);
    text_refused("{}", "module");
    text_refused("{\"module\":1}", "module");
    text_refused("{\"module\":\"" ACTOR "\",\"values\":[]}", "values");
    text_refused("{\"module\":\"" ACTOR "\",\"values\":{\"KEYSPACE\":1}}", "values");
    text_refused("{\"module\":\"" ACTOR "\",\"values\":{\"KEYSPACE\":null}}", "values");
    text_refused("{\"module\":\"" ACTOR "\",\"values\":{\"a\":{}}}", "values");
    configuration_refused("BindActor",
                          "\x0a\x05"
                          "ab",
                          4, 400, NULL);
    configuration_refused("BindActor", "\x0a\x02\xff\xfe", 4, 400, NULL);
    client_call_on(&caller, DEFAULT_BASE, ACTOR);
    ask_all(&caller, NOTHING, JSON, 0, NULL);
}
END_TEST

/* Hosts send more values than ours; the last of several holds, as in a protobuf map. */
START_TEST(other_values_of_a_configuration_are_ignored)
{
    static const char *const pairs[] = {"URL",       "redis://x",  "KEYSPACE", "not this",
                                        "keyspaces", "nor this",   "KEYSPACE", "this",
                                        "",          "empty name", NULL};
    bind_number(JSON, 90, "this");
    as(90);
    fill(JSON);
    for (int encoding = 0; encoding < ENCODINGS; encoding++) {
        size_t len;
        as((unsigned char)(91 + encoding));
        void *bytes = configuration_pack(encoding, actor, pairs, &len);
        struct answer answer = bind_send(&host_client, NOTHING, "BindActor", bytes, len);
        check_empty(&answer, encoding);
        check_filled(encoding);
        free(bytes);
    }
    as(93);
    char text[256];
    (void)snprintf(text, sizeof text, "{\"module\":\"%s\"}", actor);
    struct answer answer = bind_send(&host_client, NOTHING, "BindActor", text, strlen(text));
    check_empty(&answer, JSON);
    (void)snprintf(text, sizeof text, "{\"values\":{},\"module\":\"%s\"}", actor);
    answer = bind_send(&host_client, NOTHING, "BindActor", text, strlen(text));
    check_empty(&answer, JSON);
}
END_TEST

/* A value that nobody reads is told of, by its name: it may be a mistake. */
START_TEST(unknown_values_are_named_in_the_log)
{
    static const char *const pairs[] = {"URL", "redis://secret", "KEYSPACE", "known", "__wascc_nmae",
                                        "x",   "__wascc_name",   "n",        NULL};
    for (int encoding = 0; encoding < ENCODINGS; encoding++) {
        size_t len;
        as((unsigned char)(94 + encoding));
        void *bytes = configuration_pack(encoding, actor, pairs, &len);
        struct answer answer = bind_send(&host_client, NOTHING, "BindActor", bytes, len);
        check_empty(&answer, encoding);
        free(bytes);
        const char *line = process_await_line(&shared.provider, actor);
        size_t line_len = strcspn(line, "\n");
        ck_assert_ptr_nonnull(memmem(line, line_len, "2 unknown values", 16));
        ck_assert_ptr_nonnull(memmem(line, line_len, "\"URL\"", 5));
        ck_assert_ptr_nonnull(memmem(line, line_len, "\"__wascc_nmae\"", 14));
        ck_assert_ptr_null(memmem(line, line_len, "secret", 6));
    }
}
END_TEST

/* KEYSPACE misspelt would bind the actor to data that is not its own. */
START_TEST(a_value_that_differs_by_case_only_is_refused)
{
    static const char *const names[] = {"keyspace", "Keyspace", "KEYSPACe", "__WASCC_issuer", "__wascc_Tags"};
    as(96);
    bind_number(JSON, 96, "right");
    fill(JSON);
    for (int encoding = 0; encoding < ENCODINGS; encoding++)
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            const char *const pairs[] = {"KEYSPACE", "wrong", names[i], "wrong", NULL};
            size_t len;
            void *bytes = configuration_pack(encoding, actor, pairs, &len);
            struct answer answer = papers_send(&host_client, NOTHING, "BindActor", bytes, len);
            check_refusal(&answer, "BindActor", 400, names[i]);
            answer_free(&answer);
            free(bytes);
        }
    check_filled(JSON); /* it is bound as it was */
}
END_TEST

START_TEST(what_is_no_actor_is_neither_bound_nor_removed)
{
    static const char *const modules[] = {"", "a.b", "a b", "*", ">", "a\tb", "system", "M\xc3\xa9"};
    char long_name[200];
    memset(long_name, 'M', 129);
    long_name[129] = '\0';
    for (int encoding = 0; encoding < ENCODINGS; encoding++)
        for (size_t i = 0; i <= sizeof modules / sizeof modules[0]; i++) {
            const char *module = i < sizeof modules / sizeof modules[0] ? modules[i] : long_name;
            static const char *const either[] = {"BindActor", "RemoveActor"};
            for (size_t k = 0; k < 2; k++) {
                struct answer answer = bind_ask(&host_client, encoding, either[k], NOTHING, module, NULL);
                check_refusal(&answer, either[k], 400, "module");
                answer_free(&answer);
            }
        }
}
END_TEST

/* ---- system ---- */

#define BOUND_BY_SYSTEM 110 /* the number of the actor that the next function names */

/* The bytes of a request that each system operation answers; the caller frees them. */
static void *system_request(enum encoding encoding, const char *operation, size_t *len)
{
    if (strcmp(operation, "BindActor") == 0 || strcmp(operation, "RemoveActor") == 0) {
        char key[WKV_NKEY_PUBLIC_CHARS + 1];
        actor_key(BOUND_BY_SYSTEM, key);
        return configuration_pack(encoding, key, NULL, len);
    }
    *len = encoding == JSON ? 2 : 0;
    return strdup("{}");
}

static void ask_system(struct client *client, struct papers papers, int code, const char *names)
{
    for (int encoding = 0; encoding < ENCODINGS; encoding++)
        for (size_t i = 0; system_operations[i] != NULL; i++) {
            size_t len;
            void *bytes = system_request(encoding, system_operations[i], &len);
            struct answer answer = papers_send(client, papers, system_operations[i], bytes, len);
            if (code != 0)
                check_refusal(&answer, system_operations[i], code, names);
            else
                ck_assert_msg(answer.status == NATS_OK && answer.code == 0, "%s: %d %s", system_operations[i],
                              answer.code, answer.text);
            answer_free(&answer);
            free(bytes);
        }
}

/* "403: `system` operation from an actor", in every mode. */
START_TEST(an_actor_may_call_no_system_operation)
{
    use_actor(111);
    ask_system(&caller, NOTHING, 403, "system");
    ask_system(&caller, (struct papers){.claims = good}, 403, "system");
    ask_system(&caller, by_host(good), 403, "system");
    /* Also not with an invocation that is made out for `system`. */
    char *invocation = invocation_for(&people.host, "system", "default", "HealthRequest", "", 0, NULL, 0);
    struct answer answer =
        papers_send(&caller, (struct papers){.invocation = invocation}, "HealthRequest", "", 0);
    check_refusal(&answer, "HealthRequest", 403, "system");
    answer_free(&answer);
    free(invocation);
}
END_TEST

/* "`system` operations need `Wascc-Invocation` from a `--trusted-host` unless `--auth none`" */
START_TEST(system_operations_need_an_invocation_of_a_trusted_host)
{
    char payload[] = "{}";
    use_actor(112);
    ask_system(&host_client, NOTHING, 401, "Wascc-Invocation");
    ask_system(&host_client, (struct papers){.claims = good}, 401, "Wascc-Invocation");
    ask_system(&host_client, (struct papers){.host = &people.other_host}, 401, "untrusted host");
    ask_system(&host_client, (struct papers){.invocation = good}, 401, "kind account");
    use_actor(BOUND_BY_SYSTEM);
    ask_system(&host_client, by_host(good), 0, NULL);
    /* An invocation whose origin is an actor. */
    char *invocation = invocation_for(&people.host, actor, "default", "HealthRequest", payload, 2, NULL, 0);
    struct answer answer =
        papers_send(&host_client, (struct papers){.invocation = invocation}, "HealthRequest", payload, 2);
    check_refusal(&answer, "HealthRequest", 403, "another actor");
    answer_free(&answer);
    free(invocation);
    /* One for another operation. */
    invocation = invocation_for(&people.host, "system", "default", "RemoveActor", payload, 2, NULL, 0);
    answer =
        papers_send(&host_client, (struct papers){.invocation = invocation}, "HealthRequest", payload, 2);
    check_refusal(&answer, "HealthRequest", 403, "another operation");
    answer_free(&answer);
    free(invocation);
    /* One from two minutes ago. */
    invocation = invocation_for(&people.host, "system", "default", "HealthRequest", payload, 2, NULL, 120);
    answer =
        papers_send(&host_client, (struct papers){.invocation = invocation}, "HealthRequest", payload, 2);
    check_refusal(&answer, "HealthRequest", 401, "iat");
    answer_free(&answer);
    free(invocation);
}
END_TEST

START_TEST(none_mode_asks_the_system_for_nothing)
{
    ask_system(&host_client, NOTHING, 0, NULL);
    ask_system(&host_client, (struct papers){.claims = "x", .invocation = "x"}, 0, NULL);
}
END_TEST

START_TEST(a_health_request_is_answered_with_nothing)
{
    static const struct {
        enum encoding encoding;
        const char *bytes;
        size_t len;
    } rows[] = {{PROTOBUF, "", 0},
                {PROTOBUF, "\x08\x01", 2},
                {PROTOBUF, "\x08\x00\x12\x01x", 5},
                {JSON, "{}", 2},
                {JSON, "{\"placeholder\":true}", 20}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct answer answer =
            papers_send(&host_client, by_host(NULL), "HealthRequest", rows[i].bytes, rows[i].len);
        check_empty(&answer, rows[i].encoding);
    }
    struct answer answer =
        papers_send(&host_client, by_host(NULL), "HealthRequest", "{\"placeholder\":1}", 17);
    check_refusal(&answer, "HealthRequest", 400, "placeholder");
    answer_free(&answer);
}
END_TEST

static bool same_text(ProtobufCBinaryData text, const char *other)
{
    return text.len == strlen(other) && memcmp(text.data, other, text.len) == 0;
}

/* The member of the object that is a text; not empty. */
static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    ck_assert_msg(text != NULL && *text != '\0', "the descriptor has no %s", name);
    return text;
}

/* Section 7: "CapabilityDescriptor {id, name, version, revision u32, long_description, supported_operations:
 * [{name, direction, doctext}]}". */
START_TEST(the_capability_descriptor_has_the_contracts_fields)
{
    struct answer answer = papers_send(&host_client, by_host(NULL), "GetCapabilityDescriptor", "{}", 2);
    ck_assert_msg(answer.code == 0, "%s", answer.text);
    json_t *json = json_of(answer.data, answer.len);
    answer_free(&answer);
    ck_assert_uint_eq(json_object_size(json), 6);
    ck_assert_str_eq(text_of(json, "id"), "wascc:keyvalue");
    ck_assert_str_eq(text_of(json, "name"), "wascc-keyvalue");
    (void)text_of(json, "version");
    (void)text_of(json, "long_description");
    ck_assert_int_gt(json_integer_value(json_object_get(json, "revision")), 0);
    const json_t *rows = json_object_get(json, "supported_operations");
    size_t count = operation_count + 1; /* and Watch */
    ck_assert_uint_eq(json_array_size(rows), count);

    answer = papers_send(&host_client, by_host(NULL), "GetCapabilityDescriptor", "", 0);
    ck_assert_msg(answer.code == 0, "%s", answer.text);
    Core__CapabilityDescriptor *packed =
        core__capability_descriptor__unpack(NULL, answer.len, (const uint8_t *)answer.data);
    ck_assert_ptr_nonnull(packed);
    ck_assert(same_text(packed->id, "wascc:keyvalue"));
    ck_assert(same_text(packed->name, "wascc-keyvalue"));
    ck_assert(same_text(packed->version, text_of(json, "version")));
    ck_assert(same_text(packed->long_description, text_of(json, "long_description")));
    ck_assert_int_eq(packed->revision, json_integer_value(json_object_get(json, "revision")));
    ck_assert_uint_eq(packed->n_supported_operations, count);
    for (size_t i = 0; i < count; i++) {
        const char *name = i < operation_count ? operations[i] : "Watch";
        const json_t *row = json_array_get(rows, i);
        const Core__OperationDescriptor *other = packed->supported_operations[i];
        ck_assert_uint_eq(json_object_size(row), 3);
        ck_assert_str_eq(text_of(row, "name"), name);
        ck_assert_str_eq(text_of(row, "direction"), "to_provider");
        ck_assert(same_text(other->name, name));
        ck_assert_int_eq(other->direction, CORE__OPERATION_DIRECTION__to_provider);
        ck_assert(same_text(other->doctext, text_of(row, "doctext")));
    }
    core__capability_descriptor__free_unpacked(packed, NULL);
    answer_free(&answer);
    json_decref(json);
}
END_TEST

/* Sends one request and counts the answers: as many as instances, each of which has several workers. */
static int answers_of_all(const char *operation, struct papers papers, const void *bytes, size_t len,
                          int expected)
{
    struct pipeline pipeline;
    natsSubscription *inbox = NULL;
    natsMsg *message = NULL, *reply = NULL;
    char subject[128];
    int count = 0;
    char *invocation = invocation_for(papers.host, "system", "default", operation, bytes, len, NULL, 0);
    ck_assert_int_eq(natsConnection_SubscribeSync(&inbox, caller.connection, "all.inbox"), NATS_OK);
    (void)snprintf(subject, sizeof subject, DEFAULT_BASE ".system.%s", operation);
    ck_assert_int_eq(natsMsg_Create(&message, subject, "all.inbox", bytes, (int)len), NATS_OK);
    ck_assert_int_eq(natsMsgHeader_Set(message, "Wascc-Invocation", invocation), NATS_OK);
    if (papers.claims != NULL)
        ck_assert_int_eq(natsMsgHeader_Set(message, "Wascc-Claims", papers.claims), NATS_OK);
    ck_assert_int_eq(natsConnection_PublishMsg(caller.connection, message), NATS_OK);
    for (; count < expected; count++) {
        const char *code = NULL;
        ck_assert_int_eq(natsSubscription_NextMsg(&reply, inbox, WAIT_MS), NATS_OK);
        ck_assert_int_eq(natsMsgHeader_Get(reply, "Nats-Service-Error-Code", &code), NATS_NOT_FOUND);
        natsMsg_Destroy(reply);
    }
    natsMsg_Destroy(message);
    free(invocation);
    /* Whatever an instance still had to say would come before its answers to these. */
    use_actor(113);
    pipeline_open(&pipeline, &caller, 64);
    for (int i = 0; i < 64; i++)
        ck_assert(papers_pipeline(&pipeline, good, NULL, "Get", "{\"key\":\"a\"}", 11));
    pipeline_settle(&pipeline, 0);
    pipeline_close(&pipeline);
    while (natsSubscription_NextMsg(&reply, inbox, 100) == NATS_OK) {
        natsMsg_Destroy(reply);
        count++;
    }
    natsSubscription_Destroy(inbox);
    return count;
}

/* "every instance, no queue group" */
START_TEST(every_instance_answers_the_system_once)
{
    struct process second;
    size_t len;
    provider_serve(&second, shared.server.url, "--auth", "binding", "--trusted-issuer", people.account.key,
                   "--trusted-host", people.host.key, "--workers", "3", "--allow-split", NULL);
    ck_assert_int_eq(answers_of_all("HealthRequest", by_host(NULL), "", 0, 2), 2);
    ck_assert_int_eq(answers_of_all("GetCapabilityDescriptor", by_host(NULL), "{}", 2, 2), 2);
    /* Both are bound: whichever gets a request serves it. */
    use_actor(114);
    char key[sizeof actor];
    (void)strcpy(key, actor);
    char *claims = claims_for(&people.account, key);
    void *bytes = configuration_pack(JSON, key, NULL, &len);
    ck_assert_int_eq(answers_of_all("BindActor", by_host(claims), bytes, len, 2), 2);
    free(bytes);
    client_call_on(&caller, DEFAULT_BASE, key);
    for (int i = 0; i < 4; i++)
        ask_all(&caller, NOTHING, JSON, 0, NULL);
    bytes = configuration_pack(PROTOBUF, key, NULL, &len);
    ck_assert_int_eq(answers_of_all("RemoveActor", by_host(NULL), bytes, len, 2), 2);
    free(bytes);
    free(claims);
    client_call_on(&caller, DEFAULT_BASE, key);
    for (int i = 0; i < 4; i++)
        ask_all(&caller, NOTHING, JSON, 401, "not bound");
    provider_stop(&second);
}
END_TEST

static TCase *add_case(Suite *suite, const char *name, void (*start)(void))
{
    TCase *tests = tcase_create(name);
    tcase_add_unchecked_fixture(tests, start, shared_stop);
    tcase_add_checked_fixture(tests, open_all, close_all);
    suite_add_tcase(suite, tests);
    return tests;
}

static void add_system_tests(TCase *tests)
{
    tcase_add_test(tests, an_actor_may_call_no_system_operation);
    tcase_add_test(tests, a_health_request_is_answered_with_nothing);
    tcase_add_test(tests, the_capability_descriptor_has_the_contracts_fields);
}

Suite *bindings_suite(void)
{
    Suite *suite = suite_create("integration/bindings");
    TCase *tests = add_case(suite, "binding", serve_binding);
    tcase_add_test(tests, an_actor_that_is_not_bound_is_refused);
    tcase_add_test(tests, a_bound_actor_is_served_without_headers);
    tcase_add_test(tests, a_binding_needs_claims_of_its_module_and_a_trusted_host);
    tcase_add_test(tests, a_binding_that_is_refused_leaves_the_one_before);
    tcase_add_test(tests, remove_actor_ends_a_binding);
    tcase_add_test(tests, a_replayed_bind_actor_is_refused);
    tcase_add_test(tests, claims_that_expire_end_their_binding);
    tcase_add_test(tests, system_operations_need_an_invocation_of_a_trusted_host);
    tcase_add_test(tests, every_instance_answers_the_system_once);
    add_system_tests(tests);
    tests = add_case(suite, "claims", serve_claims);
    tcase_add_test(tests, without_the_option_nobody_needs_to_be_bound);
    tcase_add_test(tests, system_operations_need_an_invocation_of_a_trusted_host);
    add_system_tests(tests);
    tests = add_case(suite, "claims, bound", serve_claims_bound);
    tcase_add_test(tests, claims_mode_can_require_a_binding_too);
    tests = add_case(suite, "none, bound", serve_none_bound);
    tcase_add_test(tests, none_mode_can_require_a_binding_too);
    tests = add_case(suite, "none", serve_none);
    tcase_add_test(tests, no_operation_crosses_a_keyspace);
    tcase_add_test(tests, keyspaces_are_told_apart_by_their_whole_name);
    tcase_add_test(tests, the_same_keyspace_is_shared);
    tcase_add_test(tests, actors_without_a_keyspace_share_the_bindings);
    tcase_add_test(tests, a_keyspace_is_found_again);
    tcase_add_test(tests, requests_that_come_together_keep_their_keyspaces);
    tcase_add_test(tests, a_union_of_many_keys_stays_in_its_keyspace);
    tcase_add_test(tests, a_configuration_that_cannot_be_is_refused);
    tcase_add_test(tests, other_values_of_a_configuration_are_ignored);
    tcase_add_test(tests, unknown_values_are_named_in_the_log);
    tcase_add_test(tests, a_value_that_differs_by_case_only_is_refused);
    tcase_add_test(tests, what_is_no_actor_is_neither_bound_nor_removed);
    tcase_add_test(tests, none_mode_asks_the_system_for_nothing);
    add_system_tests(tests);
    return suite;
}
