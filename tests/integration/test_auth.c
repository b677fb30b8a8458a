/* Contract section 6: who gets in with --auth claims, invocation and none, over the real server. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "claims.h"
#include "harness.h"
#include "relay.h"
#include "source_dir.h"

#define HEADER "{\"typ\":\"jwt\",\"alg\":\"Ed25519\"}"
#define SHARED_ACTOR 100 /* the number of the actor that most tests speak as */

static char actor[WKV_NKEY_PUBLIC_CHARS + 1];
static char *good; /* its claims */

static void make_actor(unsigned char number)
{
    actor_key(number, actor);
    good = claims_for(&people.account, actor);
    client_call_on(&caller, DEFAULT_BASE, actor);
}

static void open_all(void)
{
    people_make();
    caller_open();
    make_actor(SHARED_ACTOR);
}

static void close_all(void)
{
    free(good);
    people_free();
    caller_close();
}

/* The trusted keys stand in options; the default mode is claims. */
static void serve_claims(void)
{
    people_make();
    nats_server_start(&shared.server, NULL);
    provider_serve(&shared.provider, shared.server.url, "--auth", "claims", "--trusted-issuer",
                   people.account.key, "--trusted-host", people.host.key, NULL);
    people_free();
}

/* Gives the caller another actor. */
static void become(unsigned char number)
{
    free(good);
    make_actor(number);
}

/* ---- claims ---- */

/* Actor claims as JSON text, with what stands in for `%s` members. From malloc. */
static char *forged(const char *header, const char *members, const struct person *signer)
{
    char payload[2048];
    (void)snprintf(
        payload, sizeof payload,
        "{\"jti\":\"x\",\"iat\":1,\"iss\":\"%s\",\"sub\":\"%s\",%s\"wascap\":{\"name\":\"n\",\"hash\":\"\","
        "\"tags\":[],\"caps\":[\"wascc:keyvalue\"],\"prov\":false}}",
        signer->key, actor, members);
    return claims_forge(header, payload, signer);
}

static char *no_claims(void)
{
    return NULL;
}

static char *empty_claims(void)
{
    return strdup("");
}

/* One character of the payload is another: still base64url and JSON, since a name in it is changed. */
static char *altered_claims(void)
{
    char *payload = forged(HEADER, "\"note\":\"aaaa\",", &people.account);
    char *other = forged(HEADER, "\"note\":\"aaab\",", &people.account);
    (void)strcpy(strrchr(payload, '.'), strrchr(other, '.'));
    free(other);
    return payload;
}

static char *claims_of_a_thief(void)
{
    char payload[1024];
    (void)snprintf(
        payload, sizeof payload,
        "{\"jti\":\"x\",\"iat\":1,\"iss\":\"%s\",\"sub\":\"%s\",\"wascap\":{\"caps\":[\"wascc:keyvalue\"]}}",
        people.account.key, actor);
    return claims_forge(HEADER, payload, &people.other_account);
}

static char *claims_with_exp(int64_t exp)
{
    char member[64];
    (void)snprintf(member, sizeof member, "\"exp\":%lld,", (long long)exp);
    return forged(HEADER, member, &people.account);
}

static char *expired_claims(void)
{
    return claims_with_exp(wall_s() - 5);
}

static char *claims_that_expired_at_the_epoch(void)
{
    return claims_with_exp(0);
}

static char *early_claims(void)
{
    struct wkv_token_actor_options options = {.subject = actor, .not_before_s = wall_s() + 3600};
    return claims_with(&people.account, &options, 0);
}

static char *untrusted_claims(void)
{
    return claims_for(&people.other_account, actor);
}

static char *claims_by_a_host(void)
{
    return forged(HEADER, "", &people.host);
}

static char *garbage(void)
{
    return strdup("no token at all");
}

static char *three_bad_segments(void)
{
    return strdup("a.b.c");
}

static char *two_segments(void)
{
    char *token = claims_for(&people.account, actor);
    *strrchr(token, '.') = '\0';
    return token;
}

static char *four_segments(void)
{
    char *token = claims_for(&people.account, actor);
    token = realloc(token, strlen(token) + 3);
    (void)strcat(token, ".x");
    return token;
}

static char *alg_none(void)
{
    return forged("{\"typ\":\"jwt\",\"alg\":\"none\"}", "", &people.account);
}

static char *alg_hs256(void)
{
    return forged("{\"typ\":\"jwt\",\"alg\":\"HS256\"}", "", &people.account);
}

static char *exp_as_text(void)
{
    return forged(HEADER, "\"exp\":\"9999999999\",", &people.account);
}

static char *sub_twice(void)
{
    return forged(HEADER, "\"sub\":\"x\",", &people.account);
}

static char *claims_too_long(void)
{
    char *token = malloc(20001);
    ck_assert_ptr_nonnull(token);
    memset(token, 'A', 20000);
    token[20000] = '\0';
    return token;
}

static char *no_keyvalue(void)
{
    static const char *const others[] = {"wascc:http_server", "wascc:keyvalues", "WASCC:KEYVALUE"};
    struct wkv_token_actor_options options = {
        .subject = actor, .capabilities = others, .capability_count = 3};
    return claims_with(&people.account, &options, 0);
}

static char *no_capability(void)
{
    struct wkv_token_actor_options options = {.subject = actor};
    return claims_with(&people.account, &options, 0);
}

static char *another_actors(void)
{
    char other[WKV_NKEY_PUBLIC_CHARS + 1];
    actor_key(99, other);
    return claims_for(&people.account, other);
}

static const struct {
    char *(*make)(void);
    int code;
    const char *names;
} refused[] = {
    {no_claims, 401, "Wascc-Claims"},
    {empty_claims, 401, "Wascc-Claims"},
    {altered_claims, 401, "bad signature"},
    {claims_of_a_thief, 401, "bad signature"},
    {expired_claims, 401, "expired"},
    {claims_that_expired_at_the_epoch, 401, "expired"},
    {early_claims, 401, "not yet valid"},
    {untrusted_claims, 401, "untrusted issuer"},
    {claims_by_a_host, 401, "kind host"},
    {garbage, 401, "three segments"},
    {three_bad_segments, 401, "signature of the actor's claims has 1 characters"},
    {two_segments, 401, "three segments"},
    {four_segments, 401, "three segments"},
    {alg_none, 401, "another alg than Ed25519"},
    {alg_hs256, 401, "another alg than Ed25519"},
    {exp_as_text, 401, "exp that is not an integer"},
    {sub_twice, 401, "a member twice"},
    {claims_too_long, 401, "longer than 16384 bytes"},
    {no_keyvalue, 403, "wascc:keyvalue"},
    {no_capability, 403, "wascc:keyvalue"},
    {another_actors, 403, "another actor's"},
};

#define REFUSED ((int)(sizeof refused / sizeof refused[0]))

START_TEST(claims_that_do_not_hold_or_reach_are_refused_and_nothing_is_changed)
{
    for (int encoding = 0; encoding < ENCODINGS; encoding++) {
        char *claims = refused[_i].make();
        struct papers bad = {.claims = claims};
        papers_refused(&caller, bad, encoding, "Set", refused[_i].code, refused[_i].names, "{s:s,s:s}", "key",
                       "never", "value", "set");
        papers_refused(&caller, bad, encoding, "Get", refused[_i].code, refused[_i].names, "{s:s}", "key",
                       "never");
        json_t *reply = papers_call(&caller, (struct papers){.claims = good}, encoding, "KeyExists", "{s:s}",
                                    "key", "never");
        ck_assert(!json_is_true(json_object_get(reply, "exists")));
        json_decref(reply);
        free(claims);
    }
}
END_TEST

START_TEST(good_claims_are_served_for_all_operations)
{
    for (int encoding = 0; encoding < ENCODINGS; encoding++)
        ask_all(&caller, (struct papers){.claims = good}, encoding, 0, NULL);
}
END_TEST

START_TEST(each_of_the_operations_asks_for_claims)
{
    for (int encoding = 0; encoding < ENCODINGS; encoding++)
        ask_all(&caller, (struct papers){.claims = NULL}, encoding, 401, "Wascc-Claims");
}
END_TEST

/* A check before the request is read: bytes that do not decode tell a stranger nothing. */
START_TEST(claims_come_before_the_request)
{
    struct answer answer = papers_send(&caller, (struct papers){.claims = NULL}, "Get", "{broken", 7);
    check_refusal(&answer, "Get", 401, "Wascc-Claims");
    answer_free(&answer);
    answer = papers_send(&caller, (struct papers){.claims = good}, "Get", "{broken", 7);
    check_refusal(&answer, "Get", 400, NULL);
    answer_free(&answer);
}
END_TEST

/* "the actor in the subject must be the token's `sub`", also for a token that is remembered. */
START_TEST(remembered_claims_serve_no_other_subject)
{
    static const char *const subjects[] = {"system", "x",
                                           "MCYWHMJW5VW5U7ZRDQV7JU45GHSR2SA6OZJ2MPHQCFALR2CGFA2NAMZM"};
    char almost[sizeof actor];
    (void)strcpy(almost, actor);
    almost[WKV_NKEY_PUBLIC_CHARS - 1] = '\0';
    for (int i = 0; i < 20; i++) /* both workers have it */
        json_decref(papers_call(&caller, (struct papers){.claims = good}, JSON, "Get", "{s:s}", "key", "a"));
    for (size_t i = 0; i < 4; i++) {
        client_call_on(&caller, DEFAULT_BASE, i < 3 ? subjects[i] : almost);
        for (int round = 0; round < 8; round++)
            papers_refused(&caller, (struct papers){.claims = good}, JSON, "Get", 403, "another actor's",
                           "{s:s}", "key", "a");
    }
}
END_TEST

/* "remembered until it expires" */
START_TEST(remembered_claims_end_with_their_exp)
{
    become(101);
    int64_t begin_s = wall_s();
    char *claims = claims_until(&people.account, actor, 1);
    json_decref(papers_call(&caller, (struct papers){.claims = claims}, JSON, "Get", "{s:s}", "key", "k"));
    struct answer answer = papers_await_refusal(&caller, (struct papers){.claims = claims});
    check_refusal(&answer, "Get", 401, "expired");
    ck_assert_int_gt(wall_s(), begin_s);
    answer_free(&answer);
    for (int i = 0; i < 20; i++) /* by both workers */
        papers_refused(&caller, (struct papers){.claims = claims}, JSON, "Get", 401, "expired", "{s:s}",
                       "key", "k");
    json_decref(papers_call(&caller, (struct papers){.claims = good}, JSON, "Get", "{s:s}", "key", "k"));
    free(claims);
}
END_TEST

/* An invocation's header is not asked for in this mode, and not looked at. */
START_TEST(claims_mode_looks_at_no_invocation)
{
    struct papers papers = {.claims = good, .invocation = "garbage"};
    json_decref(papers_call(&caller, papers, JSON, "Get", "{s:s}", "key", "a"));
}
END_TEST

/* Actors keep apart in nothing but their claims unless they are bound with a KEYSPACE. */
START_TEST(actors_of_a_binding_share_its_data)
{
    json_decref(papers_call(&caller, (struct papers){.claims = good}, JSON, "Set", "{s:s,s:s}", "key",
                            "shared", "value", "of all"));
    become(102);
    json_t *reply =
        papers_call(&caller, (struct papers){.claims = good}, PROTOBUF, "Get", "{s:s}", "key", "shared");
    ck_assert_str_eq(json_string_value(json_object_get(reply, "value")), "of all");
    json_decref(reply);
}
END_TEST

/* ---- headers that no client library writes ---- */

/* Sends one request with these bytes of header, answered to the caller's inbox; checks the code. */
static void raw_header(const char *header, size_t header_len, int code, const char *names)
{
    static char request[1 << 20];
    natsSubscription *inbox = NULL;
    natsMsg *reply = NULL;
    ck_assert_int_eq(natsConnection_SubscribeSync(&inbox, caller.connection, "raw.inbox"), NATS_OK);
    ck_assert_int_eq(natsConnection_Flush(caller.connection), NATS_OK);
    int len = snprintf(request, sizeof request,
                       "CONNECT {\"headers\":true,\"verbose\":false}\r\nHPUB %s.Get raw.inbox "
                       "%zu %zu\r\n",
                       caller.base, header_len, header_len + 11);
    ck_assert_uint_lt((size_t)len + header_len + 13, sizeof request);
    memcpy(request + len, header, header_len);
    memcpy(request + len + header_len, "{\"key\":\"a\"}\r\n", 13);
    int bare = bare_connect(shared.server.port);
    bare_send(bare, request, (size_t)len + header_len + 13);
    ck_assert_int_eq(natsSubscription_NextMsg(&reply, inbox, WAIT_MS), NATS_OK);
    const char *code_text = NULL, *text = "";
    (void)natsMsgHeader_Get(reply, "Nats-Service-Error-Code", &code_text);
    if (natsMsgHeader_Get(reply, "Nats-Service-Error", &text) != NATS_OK)
        text = "";
    ck_assert_msg((code_text == NULL ? 0 : atoi(code_text)) == code && strstr(text, names) != NULL,
                  "%s %s instead of %d: %.60s", code_text, text, code, header);
    natsMsg_Destroy(reply);
    natsSubscription_Destroy(inbox);
    (void)close(bare);
}

static void raw_text(const char *header, int code, const char *names)
{
    raw_header(header, strlen(header), code, names);
}

/* nats.c's own table of headers would keep the worker busy for minutes with these: then no answer would come
 * in time. */
START_TEST(very_many_headers_hold_up_nobody)
{
    static char header[950000];
    size_t len = (size_t)snprintf(header, sizeof header, "NATS/1.0\r\n");
    while (len + 8 < sizeof header)
        len += (size_t)snprintf(header + len, sizeof header - len, "A:b\r\n");
    len += (size_t)snprintf(header + len, sizeof header - len, "\r\n");
    for (int i = 0; i < 4; i++)
        raw_header(header, len, 401, "no claims");
    len = (size_t)snprintf(header, sizeof header, "NATS/1.0\r\nWascc-Claims: a\r\n");
    while (len + 8 < sizeof header)
        len += (size_t)snprintf(header + len, sizeof header - len, " b\r\n");
    len += (size_t)snprintf(header + len, sizeof header - len, "\r\n");
    raw_header(header, len, 401, "Get:");
}
END_TEST

START_TEST(odd_headers_are_refused_and_harm_nobody)
{
    char header[4096];
    raw_text("NATS/1.0\r\nWascc-Claims: a\x01"
             "b\x7f\x1b[2J\r\n\r\n",
             401, "three segments");
    raw_text("NATS/1.0\r\nWascc-Claims: \xff\xfe.\xc3\x28.\x80\r\n\r\n", 401, "");
    raw_text("NATS/1.0\r\nWascc-Claims: \r\n\r\n", 401, "Wascc-Claims");
    raw_text("NATS/1.0\r\nWascc-Claims:\r\n\r\n", 401, "Wascc-Claims");
    raw_text("NATS/1.0\r\nX: y\r\n\r\n", 401, "Wascc-Claims");
    raw_text("NATS/1.0\r\n\r\n", 401, "Wascc-Claims");
    raw_text("NATS/1.0\r\nno colon\r\n\r\n", 401, "Wascc-Claims");
    raw_text("NATS/1.0\r\n: x\r\n\r\n", 401, "Wascc-Claims");
    raw_header("NATS/1.0\r\nWascc-Claims: a\0b.c.d\r\n\r\n", 34, 401, "");
    (void)snprintf(header, sizeof header, "NATS/1.0\r\nWascc-Claims: %s\r\n\r\n", good);
    raw_text(header, 0, "");
    /* White space around a header's value is no part of it. */
    (void)snprintf(header, sizeof header, "NATS/1.0\r\nWascc-Claims:   %s  \r\n\r\n", good);
    raw_text(header, 0, "");
    /* The first of two is the one that counts. */
    (void)snprintf(header, sizeof header, "NATS/1.0\r\nWascc-Claims: x\r\nWascc-Claims: %s\r\n\r\n", good);
    raw_text(header, 401, "three segments");
    (void)snprintf(header, sizeof header, "NATS/1.0\r\nWascc-Claims: %s\r\n\tand more\r\n\r\n", good);
    raw_text(header, 401, "");
}
END_TEST

/* As large as the server lets through: its max_payload is 1 MiB, headers included. */
START_TEST(a_huge_header_is_refused)
{
    static char header[1000000];
    int len = snprintf(header, sizeof header, "NATS/1.0\r\nWascc-Claims: ");
    memset(header + len, 'A', sizeof header - (size_t)len - 4);
    memcpy(header + sizeof header - 4, "\r\n\r\n", 4);
    raw_header(header, sizeof header, 401, "longer than 16384 bytes");
    json_decref(papers_call(&caller, (struct papers){.claims = good}, JSON, "Get", "{s:s}", "key", "a"));
}
END_TEST

/* ---- floods ---- */

#define FLOOD 3000

/* Sends that many different tokens and checks that each is answered with that code (0: served). */
static void flood(char *(*make)(int number), size_t count, int code)
{
    struct pipeline pipeline;
    pipeline_open(&pipeline, &caller, count);
    for (size_t i = 0; i < count; i++) {
        char *token = make((int)i);
        ck_assert(papers_pipeline(&pipeline, token, NULL, "Get", "{\"key\":\"a\"}", 11));
        free(token);
        if (i % 256 == 255)
            pipeline_settle(&pipeline, 256);
    }
    pipeline_settle(&pipeline, 0);
    ck_assert_uint_eq(code == 0 ? pipeline.ok : pipeline.errors, count);
    ck_assert(code == 0 || pipeline.last_code == code);
    pipeline_close(&pipeline);
}

static char *nonsense(int number)
{
    char text[64];
    (void)snprintf(text, sizeof text, "nonsense%d.nonsense.nonsense", number);
    return strdup(text);
}

/* A trusted issuer's name, and another signature each time: each costs a verification. */
static char *wrongly_signed(int number)
{
    char member[64];
    (void)snprintf(member, sizeof member, "\"nonce\":%d,", number);
    char *token = forged(HEADER, member, &people.account);
    char *end = strrchr(token, '.') + 10;
    *end = *end == 'A' ? 'B' : 'A';
    return token;
}

static char *different_and_good(int number)
{
    char member[64];
    (void)snprintf(member, sizeof member, "\"nonce\":%d,", number);
    return forged(HEADER, member, &people.account);
}

static void served_after_all(void)
{
    ask_all(&caller, (struct papers){.claims = good}, PROTOBUF, 0, NULL);
    ck_assert(shared.provider.pid > 0);
}

START_TEST(a_flood_of_bad_tokens_takes_no_memory_and_keeps_nobody_out)
{
    flood(nonsense, FLOOD, 401);
    flood(wrongly_signed, FLOOD / 10, 401);
    long before_kb = process_rss_kb(&shared.provider);
    flood(nonsense, FLOOD, 401);
    flood(wrongly_signed, FLOOD, 401);
    long after_kb = process_rss_kb(&shared.provider);
    ck_assert_msg(provider_is_sanitized() || after_kb < before_kb + 4096, "%ld kB have become %ld", before_kb,
                  after_kb);
    served_after_all();
}
END_TEST

/* Both workers' caches hold 4096 tokens each and at most 8 MiB of their text. */
START_TEST(a_flood_of_good_tokens_is_bounded)
{
    long before_kb = process_rss_kb(&shared.provider);
    flood(different_and_good, FLOOD, 0);
    long after_kb = process_rss_kb(&shared.provider);
    ck_assert_msg(provider_is_sanitized() || after_kb < before_kb + 24 * 1024, "%ld kB have become %ld",
                  before_kb, after_kb);
    served_after_all();
}
END_TEST

/* ---- the real tokens ---- */

#define NAMED_ISSUER "ABHWNJWTOLFELYNHRYJR3KY7IMUYSNCWVBTGYEIVOOTPF7XSW7MYK6RL"
#define NAMED_ACTOR "MCYWHMJW5VW5U7ZRDQV7JU45GHSR2SA6OZJ2MPHQCFALR2CGFA2NAMZM"
#define LOGGER_ISSUER "AAO7Q7K7RVMWAVAD6N2JP6B26O43RGA4G7YLLYFJVMU2VZBVQ6WXVPAQ"
#define LOGGER_ACTOR "MDW7BWQDVYBRC6WKSJRRZL27R73EVBWQINYLPFDRCWDZDFQO4JMO4U6J"

/* Token number `index` of the file, signed in 2020 by the real tool. From malloc. */
static char *real_token(size_t index)
{
    json_error_t error;
    json_t *file = json_load_file(WKV_SOURCE_DIR "/tests/security/data/actor-tokens.json", 0, &error);
    ck_assert_msg(file != NULL, "%s", error.text);
    const json_t *row = json_array_get(json_object_get(file, "tokens"), index);
    ck_assert_ptr_nonnull(json_object_get(row, "jwt"));
    char *token = strdup(json_string_value(json_object_get(row, "jwt")));
    json_decref(file);
    return token;
}

/* Starts a provider of its own on the shared server, as binding "second", with these trusted issuers. */
static void serve_second(struct process *provider, const char *option, const char *value, const char *option2,
                         const char *value2)
{
    provider_serve(provider, shared.server.url, "--binding", "second", "--auth", "claims", option, value,
                   option2, value2, NULL);
}

#define SECOND_BASE "wasmbus.provider.wascc.keyvalue.second"

static void get_as(const char *whom, const char *claims, int code, const char *names)
{
    client_call_on(&caller, SECOND_BASE, whom);
    for (int encoding = 0; encoding < ENCODINGS; encoding++) {
        struct papers papers = {.claims = claims};
        if (code == 0)
            json_decref(papers_call(&caller, papers, encoding, "Get", "{s:s}", "key", "a"));
        else
            papers_refused(&caller, papers, encoding, "Get", code, names, "{s:s}", "key", "a");
    }
}

START_TEST(real_tokens_of_trusted_issuers_are_served)
{
    struct process second;
    char *named = real_token(0), *logger = real_token(1);
    serve_second(&second, "--trusted-issuer", NAMED_ISSUER, "--trusted-issuer", LOGGER_ISSUER);
    get_as(NAMED_ACTOR, named, 0, NULL);
    get_as(LOGGER_ACTOR, logger, 403, "wascc:keyvalue");
    get_as(NAMED_ACTOR, logger, 403, "another actor's");
    get_as(LOGGER_ACTOR, named, 403, "another actor's");
    char *dot = strchr(named, '.') + 40;
    *dot = *dot == 'x' ? 'y' : 'x';
    get_as(NAMED_ACTOR, named, 401, NULL);
    provider_stop(&second);
    free(named);
    free(logger);
}
END_TEST

START_TEST(real_tokens_of_other_issuers_are_not)
{
    struct process second;
    char *named = real_token(0);
    serve_second(&second, "--trusted-issuer", LOGGER_ISSUER, NULL, NULL);
    get_as(NAMED_ACTOR, named, 401, "untrusted issuer");
    provider_stop(&second);
    free(named);
}
END_TEST

/* ---- where trust is named ---- */

/* Whether the two accounts are trusted by the second provider. */
static void check_trust(bool account, bool other_account)
{
    char *first = claims_for(&people.account, actor), *second = claims_for(&people.other_account, actor);
    get_as(actor, first, account ? 0 : 401, "untrusted issuer");
    get_as(actor, second, other_account ? 0 : 401, "untrusted issuer");
    free(first);
    free(second);
}

START_TEST(trusted_issuers_come_from_options_that_repeat_or_have_commas)
{
    struct process second;
    char both[2 * WKV_NKEY_PUBLIC_CHARS + 8];
    serve_second(&second, "--trusted-issuer", people.account.key, "--trusted-issuer",
                 people.other_account.key);
    check_trust(true, true);
    provider_stop(&second);
    (void)snprintf(both, sizeof both, "%s,%s", people.account.key, people.other_account.key);
    serve_second(&second, "--trusted-issuer", both, NULL, NULL);
    check_trust(true, true);
    provider_stop(&second);
    serve_second(&second, "--trusted-issuer", people.other_account.key, NULL, NULL);
    check_trust(false, true);
    provider_stop(&second);
}
END_TEST

/* A serve whose settings come from variables, but for the one option where it is given. */
static void serve_by_variables(struct process *second, const char *const variables[3], const char *option,
                               const char *value)
{
    char id[INSTANCE_ID_BYTES];
    const char *const argv[] = {provider_program(),
                                "serve",
                                "--server",
                                shared.server.url,
                                "--binding",
                                "second",
                                "--workers",
                                "2",
                                option,
                                value,
                                NULL};
    process_start(second, argv, program_environment(variables), NULL);
    provider_await_ready(second, id);
}

/* Also: the default mode is claims. */
START_TEST(trusted_issuers_come_from_the_environment)
{
    struct process second;
    char variable[256], other[256];
    const char *const variables[] = {variable, other, NULL};
    (void)snprintf(variable, sizeof variable, "WASCC_KEYVALUE_TRUSTED_ISSUER=%s,%s", people.account.key,
                   people.other_account.key);
    other[0] = '\0';
    serve_by_variables(&second, (const char *const[]){variable, NULL, NULL}, NULL, NULL);
    check_trust(true, true);
    provider_stop(&second);
    /* What the command line says replaces what the environment says. */
    serve_by_variables(&second, (const char *const[]){variable, NULL, NULL}, "--trusted-issuer",
                       people.other_account.key);
    check_trust(false, true);
    provider_stop(&second);
    (void)snprintf(other, sizeof other, "WASCC_KEYVALUE_AUTH=claims");
    serve_by_variables(&second, variables, NULL, NULL);
    check_trust(true, true);
    provider_stop(&second);
}
END_TEST

START_TEST(trusted_issuers_come_from_a_file_and_add_up)
{
    struct process second;
    char path[PATH_BYTES], text[512], variable[256];
    (void)snprintf(text, sizeof text, "# ours\n%s # until spring\n\n", people.account.key);
    int fd = file_make(text, path);
    serve_second(&second, "--trusted-issuer-file", path, NULL, NULL);
    check_trust(true, false);
    provider_stop(&second);
    serve_second(&second, "--trusted-issuer-file", path, "--trusted-issuer", people.other_account.key);
    check_trust(true, true);
    provider_stop(&second);
    (void)snprintf(variable, sizeof variable, "WASCC_KEYVALUE_TRUSTED_ISSUER_FILE=%s", path);
    serve_by_variables(&second, (const char *const[]){variable, NULL, NULL}, NULL, NULL);
    check_trust(true, false);
    provider_stop(&second);
    (void)close(fd);
}
END_TEST

/* ---- invocation ---- */

static void serve_invocation(void)
{
    people_make();
    nats_server_start(&shared.server, NULL);
    provider_serve(&shared.provider, shared.server.url, "--auth", "invocation", "--trusted-issuer",
                   people.account.key, "--trusted-host", people.host.key, NULL);
    people_free();
}

START_TEST(invocation_mode_wants_both_headers)
{
    for (int encoding = 0; encoding < ENCODINGS; encoding++) {
        ask_all(&caller, (struct papers){.claims = NULL}, encoding, 401, "Wascc-Claims");
        ask_all(&caller, (struct papers){.claims = good}, encoding, 401, "Wascc-Invocation");
        ask_all(&caller, (struct papers){.host = &people.host}, encoding, 401, "Wascc-Claims");
    }
}
END_TEST

START_TEST(both_headers_are_served_for_all_operations)
{
    for (int encoding = 0; encoding < ENCODINGS; encoding++)
        ask_all(&caller, (struct papers){.claims = good, .host = &people.host}, encoding, 0, NULL);
}
END_TEST

/* In invocation mode the claims are checked as in claims mode. */
START_TEST(an_invocation_does_not_stand_in_for_claims)
{
    char *claims = refused[_i].make();
    struct papers papers = {.claims = claims, .host = &people.host};
    papers_refused(&caller, papers, JSON, "Get", refused[_i].code, refused[_i].names, "{s:s}", "key", "a");
    free(claims);
}
END_TEST

#define SET "{\"key\":\"a\",\"value\":\"1\"}"
#define SET_BYTES (sizeof SET - 1)

/* Invocation claims for SET by the caller's actor, but for what a row says. */
static const struct {
    const char *binding, *operation, *payload;
    int64_t age_s;
    int actor; /* 0: the caller's, else a number */
    int code;  /* 0: served */
    const char *names;
} bound[] = {
    {"default", "Set", SET, 0, 0, 0, NULL},
    {"default", "Set", SET, 50, 0, 0, NULL},
    {"default", "Set", SET, -50, 0, 0, NULL},
    {"default", "Set", SET, 75, 0, 401, "iat is"},
    {"default", "Set", SET, -75, 0, 401, "not yet valid"},
    {"default", "Set", SET, 1000000, 0, 401, "iat is"},
    {"default", "Set", "{\"key\":\"a\",\"value\":\"2\"}", 0, 0, 401, "payload"},
    {"default", "Set", "", 0, 0, 401, "payload"},
    {"default", "Set", SET " ", 0, 0, 401, "payload"},
    {"default", "Get", SET, 0, 0, 403, "another operation or binding"},
    {"default", "set", SET, 0, 0, 403, "another operation or binding"},
    {"default", "Set/", SET, 0, 0, 403, "another operation or binding"},
    {"other", "Set", SET, 0, 0, 403, "another operation or binding"},
    {"", "Set", SET, 0, 0, 403, "another operation or binding"},
    {"default", "Set", SET, 0, 103, 403, "another actor"},
};

#define BOUND ((int)(sizeof bound / sizeof bound[0]))

START_TEST(an_invocation_is_bound_to_payload_actor_operation_binding_and_time)
{
    char other[WKV_NKEY_PUBLIC_CHARS + 1];
    actor_key((unsigned char)(bound[_i].actor == 0 ? SHARED_ACTOR : bound[_i].actor), other);
    char *invocation = invocation_for(&people.host, other, bound[_i].binding, bound[_i].operation,
                                      bound[_i].payload, strlen(bound[_i].payload), NULL, bound[_i].age_s);
    struct papers papers = {.claims = good, .invocation = invocation};
    struct answer answer = papers_send(&caller, papers, "Set", SET, SET_BYTES);
    if (bound[_i].code != 0)
        check_refusal(&answer, "Set", bound[_i].code, bound[_i].names);
    else
        ck_assert_msg(answer.status == NATS_OK && answer.code == 0, "%d %s", answer.code, answer.text);
    answer_free(&answer);
    free(invocation);
}
END_TEST

START_TEST(an_invocation_as_system_is_no_actors)
{
    char *invocation = invocation_for(&people.host, "system", "default", "Set", SET, SET_BYTES, NULL, 0);
    struct papers papers = {.claims = good, .invocation = invocation};
    struct answer answer = papers_send(&caller, papers, "Set", SET, SET_BYTES);
    check_refusal(&answer, "Set", 403, "another actor");
    answer_free(&answer);
    free(invocation);
}
END_TEST

/* An invocation with any payload in its claims. */
static void invocation_refused(char *invocation, int code, const char *names)
{
    struct papers papers = {.claims = good, .invocation = invocation};
    struct answer answer = papers_send(&caller, papers, "Set", SET, SET_BYTES);
    check_refusal(&answer, "Set", code, names);
    answer_free(&answer);
    free(invocation);
}

static char *forged_invocation(const struct person *issuer, const struct person *signer, const char *id,
                               const char *members)
{
    char payload[1024], hash[WKV_TOKEN_HASH_CHARS + 1], origin[WKV_TOKEN_URL_BYTES];
    (void)snprintf(origin, sizeof origin, "wasmbus://%s", actor);
    wkv_token_invocation_hash(origin, "wasmbus://wascc/keyvalue/default/Set", SET, SET_BYTES, hash);
    (void)snprintf(
        payload, sizeof payload,
        "{\"iat\":%lld,\"iss\":\"%s\",\"sub\":\"%s\",%s\"wascap\":{\"origin_url\":\"%s\",\"target_url\":"
        "\"wasmbus://wascc/keyvalue/default/Set\",\"hash\":\"%s\"}}",
        (long long)wall_s(), issuer->key, id, members, origin, hash);
    return claims_forge(HEADER, payload, signer);
}

START_TEST(an_invocation_must_be_signed_by_a_trusted_host)
{
    invocation_refused(forged_invocation(&people.other_host, &people.other_host, "h1", ""), 401,
                       "untrusted host");
    invocation_refused(forged_invocation(&people.host, &people.other_host, "h2", ""), 401, "bad signature");
    invocation_refused(forged_invocation(&people.account, &people.account, "h3", ""), 401, "kind account");
    invocation_refused(forged_invocation(&people.host, &people.host, "h4", "\"exp\":1,"), 401, "expired");
    invocation_refused(forged_invocation(&people.host, &people.host, "h5", "\"nbf\":9000000000,"), 401,
                       "not yet valid");
    invocation_refused(forged_invocation(&people.host, &people.host, "", ""), 401, "id of 1 to 256 bytes");
    invocation_refused(strdup(good), 401, "kind account");
    invocation_refused(strdup("garbage"), 401, "three segments");
    struct papers papers = {
        .claims = good, .invocation = forged_invocation(&people.host, &people.host, "h6", "\"more\":[],")};
    struct answer answer = papers_send(&caller, papers, "Set", SET, SET_BYTES);
    ck_assert_msg(answer.code == 0, "%s", answer.text);
    answer_free(&answer);
    free((char *)(uintptr_t)papers.invocation);
}
END_TEST

START_TEST(a_replayed_invocation_is_refused)
{
    char *invocation =
        invocation_for(&people.host, actor, "default", "Set", SET, SET_BYTES, "an id of this test", 0);
    struct papers papers = {.claims = good, .invocation = invocation};
    /* What is refused for another reason has not been seen. */
    struct answer answer = papers_send(&caller, papers, "Set", SET " ", SET_BYTES + 1);
    check_refusal(&answer, "Set", 401, "payload");
    answer_free(&answer);
    answer = papers_send(&caller, papers, "Set", SET, SET_BYTES);
    ck_assert_msg(answer.code == 0, "%s", answer.text);
    answer_free(&answer);
    for (int i = 0; i < 10; i++) {
        answer = papers_send(&caller, papers, "Set", SET, SET_BYTES);
        check_refusal(&answer, "Set", 403, "seen before");
        answer_free(&answer);
    }
    /* The id counts, whatever else the host signs with it. */
    char *again = invocation_for(&people.host, actor, "default", "Get", "{\"key\":\"a\"}", 11,
                                 "an id of this test", -1);
    answer = papers_send(&caller, (struct papers){.claims = good, .invocation = again}, "Get",
                         "{\"key\":\"a\"}", 11);
    check_refusal(&answer, "Get", 403, "seen before");
    answer_free(&answer);
    free(again);
    free(invocation);
}
END_TEST

/* Two workers, and copies of one invocation that come to both at a time: one is done. */
START_TEST(a_replay_is_done_once_by_all_workers_together)
{
    struct pipeline pipeline;
    json_t *reply;
    become(104);
    pipeline_open(&pipeline, &caller, 20 * 30);
    static const char add[] = "{\"key\":\"replayed\",\"value\":1}";
    for (int round = 0; round < 20; round++) {
        char *invocation =
            invocation_for(&people.host, actor, "default", "Add", add, sizeof add - 1, NULL, 0);
        for (int copy = 0; copy < 30; copy++)
            ck_assert(papers_pipeline(&pipeline, good, invocation, "Add", add, sizeof add - 1));
        free(invocation);
    }
    pipeline_settle(&pipeline, 0);
    ck_assert_uint_eq(pipeline.ok, 20);
    ck_assert_uint_eq(pipeline.errors, 20 * 29);
    ck_assert_int_eq(pipeline.last_code, 403);
    reply = papers_call(&caller, (struct papers){.claims = good, .host = &people.host}, JSON, "Get", "{s:s}",
                        "key", "replayed");
    ck_assert_str_eq(json_string_value(json_object_get(reply, "value")), "20");
    json_decref(reply);
    pipeline_close(&pipeline);
}
END_TEST

START_TEST(any_host_is_trusted_where_the_option_says_any)
{
    struct process second;
    char id[INSTANCE_ID_BYTES];
    provider_start(&second, shared.server.url, "--binding", "second", "--auth", "invocation",
                   "--trusted-issuer", people.account.key, "--trusted-host", "any", NULL);
    const char *warning = process_await_line(&second, "--trusted-host any");
    ck_assert_ptr_nonnull(strstr(warning, "warn"));
    provider_await_ready(&second, id);
    client_call_on(&caller, SECOND_BASE, actor);
    ask_all(&caller, (struct papers){.claims = good, .host = &people.host}, JSON, 0, NULL);
    ask_all(&caller, (struct papers){.claims = good, .host = &people.other_host}, PROTOBUF, 0, NULL);
    ask_all(&caller, (struct papers){.claims = good}, JSON, 401, "Wascc-Invocation");
    /* Every host, not everybody. */
    char *forgery = forged_invocation(&people.other_host, &people.host, "f", "");
    ask_all(&caller, (struct papers){.claims = good, .invocation = forgery}, JSON, 401, "bad signature");
    free(forgery);
    /* The same id by two hosts is two invocations. */
    for (int i = 0; i < 3; i++) {
        char *same = invocation_for(i == 0 ? &people.host : &people.other_host, actor, "second", "Set", SET,
                                    SET_BYTES, "same id", 0);
        struct answer answer =
            papers_send(&caller, (struct papers){.claims = good, .invocation = same}, "Set", SET, SET_BYTES);
        ck_assert_int_eq(answer.code, i < 2 ? 0 : 403);
        answer_free(&answer);
        free(same);
    }
    provider_stop(&second);
}
END_TEST

/* ---- none ---- */

START_TEST(none_needs_nothing_and_warns)
{
    struct process second;
    char id[INSTANCE_ID_BYTES];
    provider_start(&second, shared.server.url, "--binding", "second", "--auth", "none", NULL);
    (void)process_await_line(&second, "warn  --auth none");
    provider_await_ready(&second, id);
    client_call_on(&caller, SECOND_BASE, actor);
    ask_all(&caller, (struct papers){.claims = NULL}, JSON, 0, NULL);
    ask_all(&caller, (struct papers){.claims = "garbage", .invocation = "garbage"}, PROTOBUF, 0, NULL);
    client_call_on(&caller, SECOND_BASE, "anybody");
    ask_all(&caller, (struct papers){.claims = NULL}, PROTOBUF, 0, NULL);
    provider_stop(&second);
}
END_TEST

static TCase *add_case(Suite *suite, const char *name, void (*serve)(void))
{
    TCase *tests = tcase_create(name);
    tcase_add_unchecked_fixture(tests, serve, shared_stop);
    tcase_add_checked_fixture(tests, open_all, close_all);
    suite_add_tcase(suite, tests);
    return tests;
}

Suite *auth_suite(void)
{
    Suite *suite = suite_create("integration/auth");
    TCase *tests = add_case(suite, "claims", serve_claims);
    tcase_add_loop_test(tests, claims_that_do_not_hold_or_reach_are_refused_and_nothing_is_changed, 0,
                        REFUSED);
    tcase_add_test(tests, good_claims_are_served_for_all_operations);
    tcase_add_test(tests, each_of_the_operations_asks_for_claims);
    tcase_add_test(tests, claims_come_before_the_request);
    tcase_add_test(tests, remembered_claims_serve_no_other_subject);
    tcase_add_test(tests, remembered_claims_end_with_their_exp);
    tcase_add_test(tests, claims_mode_looks_at_no_invocation);
    tcase_add_test(tests, actors_of_a_binding_share_its_data);
    tcase_add_test(tests, odd_headers_are_refused_and_harm_nobody);
    tcase_add_test(tests, very_many_headers_hold_up_nobody);
    tcase_add_test(tests, a_huge_header_is_refused);
    tcase_add_test(tests, a_flood_of_bad_tokens_takes_no_memory_and_keeps_nobody_out);
    tcase_add_test(tests, a_flood_of_good_tokens_is_bounded);
    tcase_add_test(tests, real_tokens_of_trusted_issuers_are_served);
    tcase_add_test(tests, real_tokens_of_other_issuers_are_not);
    tcase_add_test(tests, trusted_issuers_come_from_options_that_repeat_or_have_commas);
    tcase_add_test(tests, trusted_issuers_come_from_the_environment);
    tcase_add_test(tests, trusted_issuers_come_from_a_file_and_add_up);
    tcase_add_test(tests, none_needs_nothing_and_warns);
    tests = add_case(suite, "invocation", serve_invocation);
    tcase_add_test(tests, invocation_mode_wants_both_headers);
    tcase_add_test(tests, both_headers_are_served_for_all_operations);
    tcase_add_loop_test(tests, an_invocation_does_not_stand_in_for_claims, 0, REFUSED);
    tcase_add_loop_test(tests, an_invocation_is_bound_to_payload_actor_operation_binding_and_time, 0, BOUND);
    tcase_add_test(tests, an_invocation_as_system_is_no_actors);
    tcase_add_test(tests, an_invocation_must_be_signed_by_a_trusted_host);
    tcase_add_test(tests, a_replayed_invocation_is_refused);
    tcase_add_test(tests, a_replay_is_done_once_by_all_workers_together);
    tcase_add_test(tests, any_host_is_trusted_where_the_option_says_any);
    return suite;
}
