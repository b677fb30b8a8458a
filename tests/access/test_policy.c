#include <pthread.h>
#include <stdatomic.h>

#include "access/policy_fixture.h"

static struct world world;

static void set_up(void)
{
    world_init(&world);
}

static void tear_down(void)
{
    world_destroy(&world);
}

static enum wkv_code check(enum wkv_auth auth, const struct wkv_policy_request *request,
                           struct wkv_error *error)
{
    world.policy.auth = auth;
    error->text[0] = '\0';
    enum wkv_code code = wkv_policy_check(&world.policy, request, error);
    ck_assert(code == WKV_OK || error->code == code);
    return code;
}

static uint64_t hits(void)
{
    struct wkv_claims_cache_stats stats;
    wkv_claims_cache_stats(world.policy.cache, &stats);
    return stats.hits;
}

static uint32_t remembered(void)
{
    struct wkv_claims_cache_stats stats;
    wkv_claims_cache_stats(world.policy.cache, &stats);
    return stats.entries;
}

START_TEST(claims_that_hold_are_served_and_remembered)
{
    char *claims = mint(&world.account, world.module.text, 0, true);
    struct wkv_policy_request request = get_request(&world);
    struct wkv_error error;
    ck_assert_int_eq(check(WKV_AUTH_CLAIMS, &request, &error), WKV_UNAUTHORIZED);
    ck_assert_ptr_nonnull(strstr(error.text, "Wascc-Claims"));
    request.claims = text_of(claims);
    for (int i = 0; i < 5; i++)
        ck_assert_msg(check(WKV_AUTH_CLAIMS, &request, &error) == WKV_OK, "%s", error.text);
    ck_assert_uint_eq(hits(), 4);
    /* Another actor cannot use them, remembered as they are. */
    request.actor = text_of(world.other_module.text);
    ck_assert_int_eq(check(WKV_AUTH_CLAIMS, &request, &error), WKV_FORBIDDEN);
    request.actor = text_of("");
    ck_assert_int_eq(check(WKV_AUTH_CLAIMS, &request, &error), WKV_FORBIDDEN);
    request.actor = (struct wkv_text){world.module.text, WKV_NKEY_PUBLIC_CHARS - 1};
    ck_assert_int_eq(check(WKV_AUTH_CLAIMS, &request, &error), WKV_FORBIDDEN);
    request.actor = text_of("system");
    ck_assert_int_eq(check(WKV_AUTH_CLAIMS, &request, &error), WKV_FORBIDDEN);
    free(claims);
}
END_TEST

START_TEST(claims_without_the_capability_are_remembered_as_such)
{
    char *claims = mint(&world.account, world.module.text, 0, false);
    struct wkv_policy_request request = get_request(&world);
    struct wkv_error error;
    request.claims = text_of(claims);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(check(WKV_AUTH_CLAIMS, &request, &error), WKV_FORBIDDEN);
        ck_assert_ptr_nonnull(strstr(error.text, "wascc:keyvalue"));
    }
    ck_assert_uint_eq(hits(), 2);
    free(claims);
}
END_TEST

START_TEST(remembered_claims_end_with_exp)
{
    char *claims = mint(&world.account, world.module.text, 30, true);
    struct wkv_policy_request request = get_request(&world);
    struct wkv_error error;
    request.claims = text_of(claims);
    ck_assert_int_eq(check(WKV_AUTH_CLAIMS, &request, &error), WKV_OK);
    request.now_s = NOW + 30;
    ck_assert_int_eq(check(WKV_AUTH_CLAIMS, &request, &error), WKV_OK);
    request.now_s = NOW + 30 + WKV_TOKEN_LEEWAY_S;
    ck_assert_int_eq(check(WKV_AUTH_CLAIMS, &request, &error), WKV_UNAUTHORIZED);
    ck_assert_ptr_nonnull(strstr(error.text, "expired"));
    ck_assert_uint_eq(remembered(), 0);
    free(claims);
}
END_TEST

START_TEST(a_reload_counts_from_the_next_request_on)
{
    char *claims = mint(&world.account, world.module.text, 0, true);
    char *others = mint(&world.untrusted, world.module.text, 0, true);
    struct wkv_policy_request request = get_request(&world);
    struct wkv_error error;
    request.claims = text_of(claims);
    ck_assert_int_eq(check(WKV_AUTH_CLAIMS, &request, &error), WKV_OK);
    wkv_trust_source_publish(world.source, trust_make(world.untrusted.text, ""));
    ck_assert_int_eq(check(WKV_AUTH_CLAIMS, &request, &error), WKV_UNAUTHORIZED);
    ck_assert_ptr_nonnull(strstr(error.text, "untrusted issuer"));
    request.claims = text_of(others);
    ck_assert_int_eq(check(WKV_AUTH_CLAIMS, &request, &error), WKV_OK);
    free(claims);
    free(others);
}
END_TEST

START_TEST(bad_tokens_are_not_remembered_and_push_nothing_out)
{
    char *claims = mint(&world.account, world.module.text, 0, true);
    struct wkv_policy_request request = get_request(&world);
    struct wkv_error error;
    request.claims = text_of(claims);
    ck_assert_int_eq(check(WKV_AUTH_CLAIMS, &request, &error), WKV_OK);
    char *bad = strdup(claims);
    size_t len = strlen(bad);
    request.claims = text_of(bad);
    for (int i = 0; i < 1000; i++) {
        bad[len - 20 + (size_t)i % 10] = (char)('a' + i % 26);
        bad[len - 40 + (size_t)i / 100] = (char)('A' + i % 26);
        if (strcmp(bad, claims) != 0)
            ck_assert_int_eq(check(WKV_AUTH_CLAIMS, &request, &error), WKV_UNAUTHORIZED);
    }
    ck_assert_uint_eq(remembered(), 1);
    uint64_t before = hits();
    request.claims = text_of(claims);
    ck_assert_int_eq(check(WKV_AUTH_CLAIMS, &request, &error), WKV_OK);
    ck_assert_uint_eq(hits(), before + 1);
    free(bad);
    free(claims);
}
END_TEST

START_TEST(invocation_mode_needs_both_and_serves_each_id_once)
{
    char *claims = mint(&world.account, world.module.text, 0, true);
    char *call = mint_invocation(&world.host, world.module.text, TARGET, PAYLOAD, "id-1", NOW);
    char *next = mint_invocation(&world.host, world.module.text, TARGET, PAYLOAD, "id-2", NOW);
    struct wkv_policy_request request = get_request(&world);
    struct wkv_error error;
    request.invocation = text_of(call);
    ck_assert_int_eq(check(WKV_AUTH_INVOCATION, &request, &error), WKV_UNAUTHORIZED);
    ck_assert_ptr_nonnull(strstr(error.text, "Wascc-Claims"));
    request.claims = text_of(claims);
    request.invocation = text_of(NULL);
    ck_assert_int_eq(check(WKV_AUTH_INVOCATION, &request, &error), WKV_UNAUTHORIZED);
    ck_assert_ptr_nonnull(strstr(error.text, "Wascc-Invocation"));
    request.invocation = text_of(call);
    ck_assert_msg(check(WKV_AUTH_INVOCATION, &request, &error) == WKV_OK, "%s", error.text);
    ck_assert_int_eq(check(WKV_AUTH_INVOCATION, &request, &error), WKV_FORBIDDEN);
    ck_assert_ptr_nonnull(strstr(error.text, "seen before"));
    request.now_s = NOW + WKV_TOKEN_INVOCATION_WINDOW_S;
    ck_assert_int_eq(check(WKV_AUTH_INVOCATION, &request, &error), WKV_FORBIDDEN);
    request.now_s++;
    ck_assert_int_eq(check(WKV_AUTH_INVOCATION, &request, &error), WKV_UNAUTHORIZED);
    request.now_s = NOW;
    request.invocation = text_of(next);
    ck_assert_int_eq(check(WKV_AUTH_INVOCATION, &request, &error), WKV_OK);
    /* In the other modes nobody looks at it. */
    ck_assert_int_eq(check(WKV_AUTH_CLAIMS, &request, &error), WKV_OK);
    free(claims);
    free(call);
    free(next);
}
END_TEST

START_TEST(an_invocation_is_bound_to_every_byte_of_its_payload)
{
    char payload[] = "some bytes of a payload";
    char *call = mint_invocation(&world.host, world.module.text, TARGET, payload, "id-1", NOW);
    struct wkv_policy_request request = get_request(&world);
    struct wkv_error error;
    request.invocation = text_of(call);
    for (size_t bit = 0; bit < 8 * strlen(payload); bit++) {
        payload[bit / 8] = (char)(payload[bit / 8] ^ (1 << bit % 8));
        request.payload = (struct wkv_text){payload, sizeof payload - 1};
        ck_assert_int_eq(wkv_policy_check_invocation(&world.policy, &request, &error), WKV_UNAUTHORIZED);
        payload[bit / 8] = (char)(payload[bit / 8] ^ (1 << bit % 8));
    }
    request.payload = (struct wkv_text){payload, sizeof payload}; /* a NUL more */
    ck_assert_int_eq(wkv_policy_check_invocation(&world.policy, &request, &error), WKV_UNAUTHORIZED);
    request.payload = (struct wkv_text){NULL, 0};
    ck_assert_int_eq(wkv_policy_check_invocation(&world.policy, &request, &error), WKV_UNAUTHORIZED);
    request.payload = text_of(payload);
    ck_assert_int_eq(wkv_policy_check_invocation(&world.policy, &request, &error), WKV_OK);
    free(call);
}
END_TEST

START_TEST(an_empty_payload_has_its_hash_too)
{
    char *call = mint_invocation(&world.host, world.module.text, TARGET, "", "id-1", NOW);
    struct wkv_policy_request request = get_request(&world);
    request.invocation = text_of(call);
    request.payload = (struct wkv_text){NULL, 0};
    ck_assert_int_eq(wkv_policy_check_invocation(&world.policy, &request, NULL), WKV_OK);
    free(call);
}
END_TEST

START_TEST(messagepack_brings_an_id_and_a_host_that_must_be_the_claims)
{
    char *call = mint_invocation(&world.host, world.module.text, TARGET, PAYLOAD, "id-1", NOW);
    struct wkv_policy_request request = get_request(&world);
    struct wkv_error error;
    request.invocation = text_of(call);
    request.id = text_of("id-2");
    request.host = text_of(world.host.text);
    ck_assert_int_eq(wkv_policy_check_invocation(&world.policy, &request, &error), WKV_UNAUTHORIZED);
    ck_assert_ptr_nonnull(strstr(error.text, "another id"));
    request.id = text_of("");
    ck_assert_int_eq(wkv_policy_check_invocation(&world.policy, &request, &error), WKV_UNAUTHORIZED);
    request.id = text_of("id-1");
    request.host = text_of(world.other_host.text);
    ck_assert_int_eq(wkv_policy_check_invocation(&world.policy, &request, &error), WKV_UNAUTHORIZED);
    ck_assert_ptr_nonnull(strstr(error.text, "another host"));
    request.host = text_of(world.host.text);
    ck_assert_msg(wkv_policy_check_invocation(&world.policy, &request, &error) == WKV_OK, "%s", error.text);
    free(call);
}
END_TEST

/* "binding names are compared as they are": neither case nor blanks are made alike, in either direction. */
START_TEST(what_is_signed_for_a_binding_is_for_no_other_spelling)
{
    static const struct {
        const char *binding, *signed_for;
        enum wkv_code code;
    } cases[] = {
        {"prod", "prod", WKV_OK},
        {"Prod", "Prod", WKV_OK},
        {"Prod", "prod", WKV_FORBIDDEN},
        {"prod", "Prod", WKV_FORBIDDEN},
        {"prod", "PROD", WKV_FORBIDDEN},
        {"my_binding", "my binding", WKV_FORBIDDEN},
        {"my binding", "my_binding", WKV_FORBIDDEN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char url[WKV_TOKEN_URL_BYTES];
        struct wkv_error error = {.code = WKV_OK};
        (void)snprintf(url, sizeof url, "wasmbus://wascc/keyvalue/%s/Get", cases[i].signed_for);
        char *call = mint_invocation(&world.host, world.module.text, url, PAYLOAD, NULL, NOW);
        struct wkv_policy_request request = get_request(&world);
        request.binding = cases[i].binding;
        request.invocation = text_of(call);
        ck_assert_msg(wkv_policy_check_invocation(&world.policy, &request, &error) == cases[i].code,
                      "%s at %s: %s", cases[i].signed_for, cases[i].binding, error.text);
        free(call);
    }
}
END_TEST

START_TEST(the_host_that_signed_is_told_only_where_its_claims_hold)
{
    unsigned char signer[WKV_NKEY_BYTES] = {0}, none[WKV_NKEY_BYTES] = {0};
    char *bad = mint_invocation(&world.other_host, world.module.text, TARGET, PAYLOAD, "id-1", NOW);
    char *good = mint_invocation(&world.host, world.module.text, TARGET, PAYLOAD, "id-2", NOW);
    struct wkv_policy_request request = get_request(&world);
    request.signer = signer;
    request.invocation = text_of(bad);
    ck_assert_int_eq(wkv_policy_check_invocation(&world.policy, &request, NULL), WKV_UNAUTHORIZED);
    ck_assert_mem_eq(signer, none, sizeof none);
    request.invocation = text_of(good);
    ck_assert_int_eq(wkv_policy_check_invocation(&world.policy, &request, NULL), WKV_OK);
    ck_assert_mem_eq(signer, world.host.key.bytes, sizeof signer);
    memset(signer, 0, sizeof signer);
    ck_assert_int_eq(wkv_policy_check_invocation(&world.policy, &request, NULL), WKV_FORBIDDEN);
    ck_assert_mem_eq(signer, none, sizeof none);
    free(bad);
    free(good);
}
END_TEST

START_TEST(a_full_replay_window_refuses)
{
    struct wkv_policy_request request = get_request(&world);
    struct wkv_error error;
    wkv_replay_destroy(world.policy.replay);
    struct wkv_replay_options options = {.max_entries = 2, .shards = 1};
    ck_assert_int_eq(wkv_replay_create(&options, &world.policy.replay, NULL), WKV_OK);
    const enum wkv_code expected[] = {WKV_OK, WKV_OK, WKV_UNAVAILABLE};
    for (int i = 0; i < 3; i++) {
        char *call = mint_invocation(&world.host, world.module.text, TARGET, PAYLOAD, NULL, NOW);
        request.invocation = text_of(call);
        ck_assert_int_eq(wkv_policy_check_invocation(&world.policy, &request, &error), expected[i]);
        free(call);
    }
    ck_assert_ptr_nonnull(strstr(error.text, "try again"));
}
END_TEST

START_TEST(binding_mode_asks_for_nothing_but_a_binding_in_its_time)
{
    struct wkv_policy_request request = get_request(&world);
    struct wkv_error error;
    struct wkv_policy_binding bound = {.signed_claims = true, .expires_s = WKV_TOKEN_NEVER};
    memcpy(bound.issuer, world.account.key.bytes, sizeof bound.issuer);
    ck_assert_int_eq(check(WKV_AUTH_BINDING, &request, &error), WKV_UNAUTHORIZED);
    ck_assert_ptr_nonnull(strstr(error.text, "not bound"));
    request.bound = &bound;
    ck_assert_int_eq(check(WKV_AUTH_BINDING, &request, &error), WKV_UNAUTHORIZED);
    bound.bound = true;
    ck_assert_int_eq(check(WKV_AUTH_BINDING, &request, &error), WKV_OK);
    bound.expires_s = NOW;
    ck_assert_int_eq(check(WKV_AUTH_BINDING, &request, &error), WKV_OK);
    bound.expires_s = NOW - 10;
    ck_assert_int_eq(check(WKV_AUTH_BINDING, &request, &error), WKV_UNAUTHORIZED);
    ck_assert_ptr_nonnull(strstr(error.text, "expired 10 s ago"));
    bound.expires_s = WKV_TOKEN_NEVER;
    bound.not_before_s = NOW + 10;
    ck_assert_int_eq(check(WKV_AUTH_BINDING, &request, &error), WKV_UNAUTHORIZED);
    bound.not_before_s = 0;
    bound.signed_claims = false;
    ck_assert_int_eq(check(WKV_AUTH_BINDING, &request, &error), WKV_UNAUTHORIZED);
    ck_assert_ptr_nonnull(strstr(error.text, "signed claims"));
    bound.signed_claims = true;
    memcpy(bound.host, world.other_host.key.bytes, sizeof bound.host);
    ck_assert_int_eq(check(WKV_AUTH_BINDING, &request, &error), WKV_OK);
    bound.has_host = true;
    ck_assert_int_eq(check(WKV_AUTH_BINDING, &request, &error), WKV_UNAUTHORIZED);
    ck_assert_ptr_nonnull(strstr(error.text, "untrusted host"));
    memcpy(bound.host, world.host.key.bytes, sizeof bound.host);
    ck_assert_int_eq(check(WKV_AUTH_BINDING, &request, &error), WKV_OK);
    wkv_trust_source_publish(world.source, trust_make(world.untrusted.text, "any"));
    ck_assert_int_eq(check(WKV_AUTH_BINDING, &request, &error), WKV_UNAUTHORIZED);
    ck_assert_ptr_nonnull(strstr(error.text, "untrusted issuer"));
}
END_TEST

START_TEST(a_bind_takes_the_claims_of_the_module_and_nobody_elses)
{
    char *claims = mint(&world.account, world.module.text, 100, true);
    char *without = mint(&world.account, world.module.text, 100, false);
    struct wkv_policy_request request = get_request(&world);
    struct wkv_policy_binding bound = {0};
    struct wkv_error error;
    request.actor = text_of("system");
    struct wkv_text module = text_of(world.module.text);
    ck_assert_int_eq(wkv_policy_check_bind(&world.policy, &request, module, &bound, &error),
                     WKV_UNAUTHORIZED);
    request.claims = text_of(without);
    ck_assert_int_eq(wkv_policy_check_bind(&world.policy, &request, module, &bound, &error), WKV_FORBIDDEN);
    request.claims = text_of(claims);
    ck_assert_int_eq(
        wkv_policy_check_bind(&world.policy, &request, text_of(world.other_module.text), &bound, &error),
        WKV_FORBIDDEN);
    ck_assert(!bound.bound);
    ck_assert_int_eq(wkv_policy_check_bind(&world.policy, &request, module, &bound, &error), WKV_OK);
    ck_assert(bound.bound);
    ck_assert_int_eq(bound.expires_s, NOW + 100);
    ck_assert_mem_eq(bound.issuer, world.account.key.bytes, sizeof bound.issuer);
    request.actor = module;
    request.bound = &bound;
    ck_assert_int_eq(check(WKV_AUTH_BINDING, &request, &error), WKV_OK);
    free(claims);
    free(without);
}
END_TEST

static const struct {
    enum wkv_auth auth;
    const char *actor;
    bool invocation;
    enum wkv_code code;
} SYSTEM_CALLS[] = {
    {WKV_AUTH_CLAIMS, "system", true, WKV_OK},
    {WKV_AUTH_CLAIMS, "system", false, WKV_UNAUTHORIZED},
    {WKV_AUTH_INVOCATION, "system", true, WKV_OK},
    {WKV_AUTH_INVOCATION, "system", false, WKV_UNAUTHORIZED},
    {WKV_AUTH_BINDING, "system", true, WKV_OK},
    {WKV_AUTH_BINDING, "system", false, WKV_UNAUTHORIZED},
    {WKV_AUTH_NONE, "system", false, WKV_OK},
    {WKV_AUTH_CLAIMS, NULL, true, WKV_FORBIDDEN},
    {WKV_AUTH_INVOCATION, NULL, true, WKV_FORBIDDEN},
    {WKV_AUTH_BINDING, NULL, true, WKV_FORBIDDEN},
    {WKV_AUTH_NONE, NULL, true, WKV_FORBIDDEN},
    {WKV_AUTH_CLAIMS, "System", true, WKV_FORBIDDEN},
    {WKV_AUTH_CLAIMS, "", true, WKV_FORBIDDEN},
};

START_TEST(system_operations_are_for_trusted_hosts)
{
    const char *actor = SYSTEM_CALLS[_i].actor == NULL ? world.module.text : SYSTEM_CALLS[_i].actor;
    char *claims = mint(&world.account, world.module.text, 0, true);
    char *call = mint_invocation(&world.host, actor[0] == '\0' ? "system" : actor,
                                 "wasmbus://wascc/keyvalue/default/BindActor", PAYLOAD, NULL, NOW);
    struct wkv_policy_request request = get_request(&world);
    struct wkv_error error;
    request.operation = "BindActor";
    request.system_operation = true;
    request.actor = text_of(actor);
    request.claims = text_of(claims);
    if (SYSTEM_CALLS[_i].invocation)
        request.invocation = text_of(call);
    ck_assert_msg(check(SYSTEM_CALLS[_i].auth, &request, &error) == SYSTEM_CALLS[_i].code, "%s", error.text);
    free(claims);
    free(call);
}
END_TEST

START_TEST(an_actors_invocation_does_not_make_it_the_system)
{
    char *call = mint_invocation(&world.host, world.module.text, "wasmbus://wascc/keyvalue/default/BindActor",
                                 PAYLOAD, NULL, NOW);
    struct wkv_policy_request request = get_request(&world);
    struct wkv_error error;
    request.operation = "BindActor";
    request.system_operation = true;
    request.actor = text_of("system");
    request.invocation = text_of(call);
    ck_assert_int_eq(check(WKV_AUTH_CLAIMS, &request, &error), WKV_FORBIDDEN);
    free(call);
}
END_TEST

START_TEST(none_asks_for_nothing)
{
    struct wkv_policy_request request = get_request(&world);
    struct wkv_error error;
    ck_assert_int_eq(check(WKV_AUTH_NONE, &request, &error), WKV_OK);
    request.claims = text_of("rubbish");
    ck_assert_int_eq(check(WKV_AUTH_NONE, &request, &error), WKV_OK);
}
END_TEST

START_TEST(modes_have_names_that_read_back)
{
    enum wkv_auth auth;
    for (int i = 0; i < 4; i++) {
        ck_assert(wkv_auth_parse(wkv_auth_name((enum wkv_auth)i), &auth));
        ck_assert_int_eq(auth, i);
    }
    ck_assert(!wkv_auth_parse("Claims", &auth));
    ck_assert(!wkv_auth_parse("", &auth));
    ck_assert_str_eq(wkv_auth_name((enum wkv_auth)0), "claims");
}
END_TEST

START_TEST(a_mode_without_the_keys_that_it_needs_says_what_to_do)
{
    const struct {
        enum wkv_auth auth;
        const char *issuers, *hosts, *words; /* NULL: it may start */
    } cases[] = {
        {WKV_AUTH_CLAIMS, "", world.host.text, "--trusted-issuer"},
        {WKV_AUTH_CLAIMS, world.account.text, "", NULL},
        {WKV_AUTH_INVOCATION, "", world.host.text, "--trusted-issuer"},
        {WKV_AUTH_INVOCATION, world.account.text, "", "--trusted-host"},
        {WKV_AUTH_INVOCATION, world.account.text, world.host.text, NULL},
        {WKV_AUTH_INVOCATION, world.account.text, "any", NULL},
        {WKV_AUTH_BINDING, world.account.text, "", "bindings"},
        {WKV_AUTH_BINDING, world.account.text, "any", NULL},
        {WKV_AUTH_NONE, "", "", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wkv_trust *trust = trust_make(cases[i].issuers, cases[i].hosts);
        struct wkv_error error = {0};
        enum wkv_code code = wkv_auth_check_trust(cases[i].auth, trust, &error);
        ck_assert_int_eq(code, cases[i].words == NULL ? WKV_OK : WKV_BAD_REQUEST);
        ck_assert_ptr_nonnull(strstr(error.text, cases[i].words == NULL ? "" : cases[i].words));
        ck_assert_uint_lt(strlen(error.text), WKV_ERROR_TEXT_BYTES - 1);
        wkv_trust_release(trust);
    }
}
END_TEST

/* Two workers, each with its own reader and cache, a shared window, and a publisher that takes the issuer
 * away and gives it back. */
#define ACTORS 40
#define WORKERS 2
#define REQUESTS 4000
struct worker {
    pthread_t thread;
    struct wkv_trust_source *source;
    struct wkv_replay *replay;
    char (*actors)[WKV_NKEY_PUBLIC_CHARS + 1];
    char **claims;
    char **calls;
    unsigned served, refused, wrong, invocations;
};

static void count(struct worker *worker, enum wkv_code code)
{
    if (code == WKV_OK)
        worker->served++;
    else if (code == WKV_UNAUTHORIZED)
        worker->refused++;
    else
        worker->wrong++;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct wkv_trust_reader reader;
    struct wkv_claims_cache *cache = NULL;
    struct wkv_claims_cache_options options = {.max_entries = ACTORS / 2};
    wkv_trust_reader_init(&reader, worker->source);
    if (wkv_claims_cache_create(&options, &cache, NULL) != WKV_OK) {
        worker->wrong++;
        return NULL;
    }
    struct wkv_policy policy = {.trust = &reader, .cache = cache, .replay = worker->replay};
    struct wkv_policy_request request = {
        .binding = "default", .operation = "Get", .payload = text_of(PAYLOAD), .now_s = NOW};
    for (unsigned i = 0; i < REQUESTS; i++) {
        /* Half of the actors are asked for ten times as often. */
        unsigned actor = i % 10 == 0 ? i / 10 % ACTORS : i % (ACTORS / 2);
        request.actor = text_of(worker->actors[actor]);
        request.claims = text_of(worker->claims[actor]);
        count(worker, wkv_policy_check(&policy, &request, NULL));
    }
    for (unsigned i = 0; i < ACTORS; i++) {
        request.actor = text_of(worker->actors[i]);
        request.invocation = text_of(worker->calls[i]);
        worker->invocations += wkv_policy_check_invocation(&policy, &request, NULL) == WKV_OK;
    }
    wkv_claims_cache_destroy(cache);
    wkv_trust_reader_destroy(&reader);
    return NULL;
}

START_TEST(two_workers_serve_many_actors_through_reloads)
{
    static char actors[ACTORS][WKV_NKEY_PUBLIC_CHARS + 1];
    char *claims[ACTORS], *calls[ACTORS];
    for (int i = 0; i < ACTORS; i++) {
        struct person actor = person_make(WKV_NKEY_MODULE, (unsigned char)(100 + i));
        strcpy(actors[i], actor.text);
        person_free(&actor);
        claims[i] = mint(&world.account, actors[i], 0, true);
        calls[i] = mint_invocation(&world.host, actors[i], TARGET, PAYLOAD, NULL, NOW);
    }
    struct worker workers[WORKERS] = {0};
    for (int i = 0; i < WORKERS; i++) {
        workers[i].source = world.source;
        workers[i].replay = world.policy.replay;
        workers[i].actors = actors;
        workers[i].claims = claims;
        workers[i].calls = calls;
        ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 200; i++)
        wkv_trust_source_publish(
            world.source,
            trust_make(i % 2 == 0 ? world.untrusted.text : world.account.text, world.host.text));
    unsigned invocations = 0;
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        ck_assert_uint_eq(workers[i].wrong, 0);
        ck_assert_uint_eq(workers[i].served + workers[i].refused, REQUESTS);
        invocations += workers[i].invocations;
    }
    ck_assert_uint_eq(invocations, ACTORS); /* each by one worker, and one only */
    for (int i = 0; i < ACTORS; i++) {
        free(claims[i]);
        free(calls[i]);
    }
}
END_TEST

Suite *policy_suite(void)
{
    Suite *suite = suite_create("access/policy");
    TCase *tests = tcase_create("policy");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, claims_that_hold_are_served_and_remembered);
    tcase_add_test(tests, claims_without_the_capability_are_remembered_as_such);
    tcase_add_test(tests, remembered_claims_end_with_exp);
    tcase_add_test(tests, a_reload_counts_from_the_next_request_on);
    tcase_add_test(tests, bad_tokens_are_not_remembered_and_push_nothing_out);
    tcase_add_test(tests, invocation_mode_needs_both_and_serves_each_id_once);
    tcase_add_test(tests, an_invocation_is_bound_to_every_byte_of_its_payload);
    tcase_add_test(tests, an_empty_payload_has_its_hash_too);
    tcase_add_test(tests, messagepack_brings_an_id_and_a_host_that_must_be_the_claims);
    tcase_add_test(tests, what_is_signed_for_a_binding_is_for_no_other_spelling);
    tcase_add_test(tests, the_host_that_signed_is_told_only_where_its_claims_hold);
    tcase_add_test(tests, a_full_replay_window_refuses);
    tcase_add_test(tests, binding_mode_asks_for_nothing_but_a_binding_in_its_time);
    tcase_add_test(tests, a_bind_takes_the_claims_of_the_module_and_nobody_elses);
    tcase_add_loop_test(tests, system_operations_are_for_trusted_hosts, 0,
                        sizeof SYSTEM_CALLS / sizeof SYSTEM_CALLS[0]);
    tcase_add_test(tests, an_actors_invocation_does_not_make_it_the_system);
    tcase_add_test(tests, none_asks_for_nothing);
    tcase_add_test(tests, modes_have_names_that_read_back);
    tcase_add_test(tests, a_mode_without_the_keys_that_it_needs_says_what_to_do);
    tcase_add_test(tests, two_workers_serve_many_actors_through_reloads);
    suite_add_tcase(suite, tests);
    return suite;
}
