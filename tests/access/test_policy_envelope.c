/* Contract section 7: what a host's statement in BindActor is worth, and what a request in an envelope must
 * bring. */
#include "access/policy_fixture.h"

static struct world world;

static void set_up(void)
{
    world_init(&world);
    world.policy.auth = WKV_AUTH_CLAIMS;
}

static void tear_down(void)
{
    world_destroy(&world);
}

/* ---- the host's statement ---- */

#define CAPS "wascc:http_server,wascc:keyvalue"

static enum wkv_code check_stated(struct wkv_policy_statement stated, struct wkv_policy_binding *bound,
                                  struct wkv_error *error)
{
    *error = (struct wkv_error){.code = WKV_OK};
    enum wkv_code code = wkv_policy_check_statement(&world.policy, &stated, NOW, bound, error);
    ck_assert(code == WKV_OK || (error->code == code && strlen(error->text) > 20));
    return code;
}

/* "`__wascc_capabilities` must hold `wascc:keyvalue`": comma-joined, each a whole name. */
START_TEST(capabilities_must_hold_the_capability)
{
    static const struct {
        const char *list;
        enum wkv_code code;
    } cases[] = {
        {"wascc:keyvalue", WKV_OK},
        {"wascc:keyvalue,wascc:http_server", WKV_OK},
        {"wascc:http_server,wascc:keyvalue", WKV_OK},
        {"a,wascc:keyvalue,b", WKV_OK},
        {",wascc:keyvalue", WKV_OK},
        {"wascc:keyvalue,", WKV_OK},
        {",,,wascc:keyvalue,,", WKV_OK},
        {"wascc:keyvalue,wascc:keyvalue", WKV_OK},
        {NULL, WKV_FORBIDDEN},
        {"", WKV_FORBIDDEN},
        {",", WKV_FORBIDDEN},
        {"wascc:http_server", WKV_FORBIDDEN},
        {"wascc:keyvalues", WKV_FORBIDDEN},
        {"wascc:keyvalu", WKV_FORBIDDEN},
        {"xwascc:keyvalue", WKV_FORBIDDEN},
        {"wascc:keyvalue2,2wascc:keyvalue", WKV_FORBIDDEN},
        {"wascc:key,value", WKV_FORBIDDEN},
        {"wascc:keyvalue wascc:http_server", WKV_FORBIDDEN},
        {"wascc:keyvalue;wascc:http_server", WKV_FORBIDDEN},
        {" wascc:keyvalue", WKV_FORBIDDEN},
        {"wascc:keyvalue ", WKV_FORBIDDEN},
        {"WASCC:KEYVALUE", WKV_FORBIDDEN},
        {"wascc:Keyvalue", WKV_FORBIDDEN},
        {"wascc.keyvalue", WKV_FORBIDDEN},
        {"keyvalue", WKV_FORBIDDEN},
        {"*", WKV_FORBIDDEN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wkv_policy_statement stated = {.issuer = text_of(world.account.text),
                                              .capabilities = text_of(cases[i].list),
                                              .expires = text_of("0")};
        struct wkv_policy_binding bound = {.bound = false};
        struct wkv_error error;
        enum wkv_code code = check_stated(stated, &bound, &error);
        const char *shown = cases[i].list == NULL ? "none" : cases[i].list;
        ck_assert_msg(code == cases[i].code, "%s: %d %s", shown, code, error.text);
        ck_assert_msg(bound.bound == (code == WKV_OK), "%s", shown);
        ck_assert_msg(code == WKV_OK || strstr(error.text, "__wascc_capabilities") != NULL, "%s", error.text);
    }
}
END_TEST

/* A list is not a C string: what lies behind it, or behind a NUL in it, does not count. */
START_TEST(capabilities_end_where_they_end)
{
    struct wkv_policy_statement stated = {.issuer = text_of(world.account.text)};
    struct wkv_policy_binding bound = {.bound = false};
    struct wkv_error error;
    stated.capabilities = (struct wkv_text){"wascc:keyvalue", 13};
    ck_assert_int_eq(check_stated(stated, &bound, &error), WKV_FORBIDDEN);
    stated.capabilities = (struct wkv_text){"a,wascc:keyvalue", 2};
    ck_assert_int_eq(check_stated(stated, &bound, &error), WKV_FORBIDDEN);
    stated.capabilities = (struct wkv_text){"wascc:keyvalue\0", 15};
    ck_assert_int_eq(check_stated(stated, &bound, &error), WKV_FORBIDDEN);
    stated.capabilities = (struct wkv_text){"\0,wascc:keyvalue", 16};
    ck_assert_int_eq(check_stated(stated, &bound, &error), WKV_OK);
}
END_TEST

/* "and, where issuers are given, `__wascc_issuer` must be trusted" */
START_TEST(the_issuer_must_be_a_trusted_account)
{
    char damaged[WKV_NKEY_PUBLIC_CHARS + 1], lower[WKV_NKEY_PUBLIC_CHARS + 1];
    char longer[WKV_NKEY_PUBLIC_CHARS + 2], seed[WKV_NKEY_SEED_CHARS + 1];
    memcpy(damaged, world.account.text, sizeof damaged);
    damaged[20] = damaged[20] == 'A' ? 'B' : 'A';
    for (size_t i = 0; i < sizeof lower; i++)
        lower[i] = (char)(world.account.text[i] >= 'A' && world.account.text[i] <= 'Z'
                              ? world.account.text[i] - 'A' + 'a'
                              : world.account.text[i]);
    (void)snprintf(longer, sizeof longer, "%sA", world.account.text);
    wkv_nkey_seed_encode(world.account.seed, seed);
    const struct {
        struct wkv_text issuer;
        enum wkv_code code;
    } cases[] = {
        {text_of(world.account.text), WKV_OK},
        {text_of(world.untrusted.text), WKV_UNAUTHORIZED},
        {text_of(NULL), WKV_BAD_REQUEST},
        {text_of(""), WKV_BAD_REQUEST},
        {text_of("A"), WKV_BAD_REQUEST},
        {text_of("any"), WKV_BAD_REQUEST},
        {text_of(damaged), WKV_BAD_REQUEST},
        {text_of(lower), WKV_BAD_REQUEST},
        {text_of(longer), WKV_BAD_REQUEST},
        {text_of(seed), WKV_BAD_REQUEST},
        {{world.account.text, WKV_NKEY_PUBLIC_CHARS - 1}, WKV_BAD_REQUEST},
        {{world.account.text, WKV_NKEY_PUBLIC_CHARS + 1}, WKV_BAD_REQUEST},
        {text_of(world.module.text), WKV_BAD_REQUEST},
        {text_of(world.host.text), WKV_BAD_REQUEST},
        {text_of(world.operator_key.text), WKV_BAD_REQUEST},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wkv_policy_statement stated = {
            .issuer = cases[i].issuer, .capabilities = text_of(CAPS), .expires = text_of("0")};
        struct wkv_policy_binding bound = {.bound = false};
        struct wkv_error error;
        enum wkv_code code = check_stated(stated, &bound, &error);
        ck_assert_msg(code == cases[i].code, "case %zu: %d %s", i, code, error.text);
        if (code == WKV_OK)
            ck_assert_mem_eq(bound.issuer, world.account.key.bytes, WKV_NKEY_BYTES);
        if (cases[i].issuer.data != NULL && cases[i].issuer.len > 10)
            ck_assert_msg(strstr(error.text, cases[i].issuer.data) == NULL, "it quotes: %s", error.text);
    }
}
END_TEST

/* "`__wascc_expires` ("0" = never)", seconds since 1970; tokens have a leeway of WKV_TOKEN_LEEWAY_S. */
START_TEST(expires_is_seconds_or_never)
{
    static const struct {
        const char *expires;
        enum wkv_code code;
        int64_t expires_s;
    } cases[] = {
        {"0", WKV_OK, WKV_TOKEN_NEVER},
        {"00", WKV_OK, WKV_TOKEN_NEVER},
        {NULL, WKV_OK, WKV_TOKEN_NEVER},
        {"", WKV_OK, WKV_TOKEN_NEVER},
        {"1700000001", WKV_OK, NOW + 1},
        {"1700000000", WKV_OK, NOW}, /* within the leeway */
        {"0001700000100", WKV_OK, NOW + 100},
        {"9223372036854775807", WKV_OK, INT64_MAX},
        {"1699999999", WKV_UNAUTHORIZED, 0},
        {"1699999000", WKV_UNAUTHORIZED, 0},
        {"1", WKV_UNAUTHORIZED, 0},
        {"9223372036854775808", WKV_BAD_REQUEST, 0},
        {"18446744073709551616", WKV_BAD_REQUEST, 0}, /* 2^64: 0 again where it wraps */
        {"99999999999999999999999999999999999999", WKV_BAD_REQUEST, 0},
        {"-1", WKV_BAD_REQUEST, 0},
        {"+1700000001", WKV_BAD_REQUEST, 0},
        {" 1700000001", WKV_BAD_REQUEST, 0},
        {"1700000001 ", WKV_BAD_REQUEST, 0},
        {"1700000001s", WKV_BAD_REQUEST, 0},
        {"1700000001.5", WKV_BAD_REQUEST, 0},
        {"17e8", WKV_BAD_REQUEST, 0},
        {"0x0", WKV_BAD_REQUEST, 0},
        {"never", WKV_BAD_REQUEST, 0},
        {"null", WKV_BAD_REQUEST, 0},
        {"\xd9\xa1", WKV_BAD_REQUEST, 0}, /* a digit, but not one of ours */
        {"\xff", WKV_BAD_REQUEST, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wkv_policy_statement stated = {.issuer = text_of(world.account.text),
                                              .capabilities = text_of(CAPS),
                                              .expires = text_of(cases[i].expires)};
        struct wkv_policy_binding bound = {.bound = false};
        struct wkv_error error;
        enum wkv_code code = check_stated(stated, &bound, &error);
        const char *shown = cases[i].expires == NULL ? "none" : cases[i].expires;
        ck_assert_msg(code == cases[i].code, "%s: %d %s", shown, code, error.text);
        if (code == WKV_OK)
            ck_assert_msg(bound.expires_s == cases[i].expires_s, "%s: %lld", shown,
                          (long long)bound.expires_s);
        if (code == WKV_BAD_REQUEST)
            ck_assert_msg(strstr(error.text, "__wascc_expires") != NULL, "%s", error.text);
    }
}
END_TEST

START_TEST(expires_may_hold_a_nul_and_is_then_none)
{
    struct wkv_policy_statement stated = {
        .issuer = text_of(world.account.text), .capabilities = text_of(CAPS), .expires = {"0\0", 2}};
    struct wkv_policy_binding bound = {.bound = false};
    struct wkv_error error;
    ck_assert_int_eq(check_stated(stated, &bound, &error), WKV_BAD_REQUEST);
}
END_TEST

/* "*bound is untouched then" */
START_TEST(a_statement_that_does_not_hold_leaves_what_was_bound)
{
    const struct wkv_policy_statement statements[] = {
        {text_of(world.account.text), text_of("x"), text_of("0")},
        {text_of(world.untrusted.text), text_of(CAPS), text_of("0")},
        {text_of("x"), text_of(CAPS), text_of("0")},
        {text_of(world.account.text), text_of(CAPS), text_of("x")},
        {text_of(world.account.text), text_of(CAPS), text_of("1")},
    };
    struct wkv_policy_binding before = {.bound = true, .expires_s = 7, .not_before_s = 8};
    memset(before.issuer, 9, sizeof before.issuer);
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        struct wkv_policy_binding bound = before;
        struct wkv_error error;
        ck_assert_int_ne(check_stated(statements[i], &bound, &error), WKV_OK);
        ck_assert(bound.bound && bound.expires_s == 7 && bound.not_before_s == 8);
        ck_assert_mem_eq(bound.issuer, before.issuer, sizeof before.issuer);
    }
}
END_TEST

START_TEST(a_statement_that_holds_replaces_what_was_bound)
{
    struct wkv_policy_statement stated = {text_of(world.account.text), text_of(CAPS), text_of("0")};
    struct wkv_policy_binding bound = {.bound = true, .expires_s = 7, .not_before_s = NOW + 1000};
    struct wkv_error error;
    ck_assert_int_eq(check_stated(stated, &bound, &error), WKV_OK);
    ck_assert(bound.bound && bound.expires_s == WKV_TOKEN_NEVER);
    ck_assert(!wkv_token_too_early(bound.not_before_s, NOW));
}
END_TEST

/* ---- invocations ---- */

#define ID "00000000-0000-4000-8000-000000000001"

static struct wkv_policy_binding bound_by(const struct person *account, int64_t expires_s)
{
    struct wkv_policy_binding bound = {.bound = true, .expires_s = expires_s};
    memcpy(bound.issuer, account->key.bytes, sizeof bound.issuer);
    return bound;
}

/* An actor's Get, in an envelope; claims are from malloc. */
static struct wkv_policy_request envelope_request(const struct person *host, const char *id,
                                                  const struct wkv_policy_binding *bound, char **claims)
{
    struct wkv_policy_request request = get_request(&world);
    *claims = mint_invocation(host, world.module.text, TARGET, PAYLOAD, id, NOW);
    request.invocation = text_of(*claims);
    request.evidence = WKV_EVIDENCE_ENVELOPE;
    request.id = text_of(id);
    request.host = text_of(host->text);
    request.bound = bound;
    return request;
}

static enum wkv_code check(const struct wkv_policy_request *request, struct wkv_error *error)
{
    *error = (struct wkv_error){.code = WKV_OK};
    enum wkv_code code = wkv_policy_check(&world.policy, request, error);
    ck_assert(code == WKV_OK || error->code == code);
    return code;
}

static const enum wkv_auth signed_modes[] = {WKV_AUTH_CLAIMS, WKV_AUTH_INVOCATION, WKV_AUTH_BINDING};

/* "encoded_claims is checked for every invocation, in every auth mode but none" */
START_TEST(every_mode_but_none_checks_the_invocation)
{
    struct wkv_policy_binding bound = bound_by(&world.account, WKV_TOKEN_NEVER);
    for (size_t i = 0; i < sizeof signed_modes / sizeof signed_modes[0]; i++) {
        char id[40], *claims, *others;
        struct wkv_error error;
        world.policy.auth = signed_modes[i];
        (void)snprintf(id, sizeof id, "id-%zu", i);
        struct wkv_policy_request request = envelope_request(&world.host, id, &bound, &claims);
        struct wkv_policy_request bare = request;
        bare.invocation = text_of("");
        ck_assert_int_eq(check(&bare, &error), WKV_UNAUTHORIZED);
        ck_assert_ptr_nonnull(strstr(error.text, "encoded_claims"));
        bare.invocation = text_of("a.b.c");
        ck_assert_int_eq(check(&bare, &error), WKV_UNAUTHORIZED);
        struct wkv_policy_request other = envelope_request(&world.other_host, id, &bound, &others);
        ck_assert_int_eq(check(&other, &error), WKV_UNAUTHORIZED);
        ck_assert_ptr_nonnull(strstr(error.text, "untrusted host"));
        ck_assert_msg(check(&request, &error) == WKV_OK, "%s", error.text);
        ck_assert_int_eq(check(&request, &error), WKV_FORBIDDEN);
        ck_assert_ptr_nonnull(strstr(error.text, "seen before"));
        free(claims);
        free(others);
    }
}
END_TEST

/* A binding without claims is configuration, and yet a host's. */
START_TEST(with_a_host_that_is_not_trusted_any_more_go_its_bindings)
{
    struct wkv_policy_binding with = bound_by(&world.account, WKV_TOKEN_NEVER), without = {.bound = true};
    struct wkv_policy_binding *both[] = {&with, &without};
    for (size_t i = 0; i < 4; i++) {
        char id[40], *claims;
        struct wkv_error error;
        struct wkv_policy_binding *bound = both[i % 2];
        bool trusted = i >= 2;
        (void)snprintf(id, sizeof id, "id-%zu", i);
        bound->has_host = true;
        memcpy(bound->host, (trusted ? &world.host : &world.other_host)->key.bytes, sizeof bound->host);
        struct wkv_policy_request request = envelope_request(&world.host, id, bound, &claims);
        ck_assert_int_eq(check(&request, &error), trusted ? WKV_OK : WKV_UNAUTHORIZED);
        ck_assert(trusted || strstr(error.text, "untrusted host") != NULL);
        free(claims);
    }
}
END_TEST

START_TEST(none_mode_checks_nothing_but_the_binding)
{
    struct wkv_policy_request request = get_request(&world);
    struct wkv_policy_binding old = bound_by(&world.untrusted, 1), unbound = {.bound = false};
    struct wkv_error error;
    world.policy.auth = WKV_AUTH_NONE;
    request.evidence = WKV_EVIDENCE_ENVELOPE;
    request.bound = &old;
    ck_assert_int_eq(check(&request, &error), WKV_OK);
    request.invocation = text_of("garbage");
    request.id = text_of("another");
    ck_assert_int_eq(check(&request, &error), WKV_OK);
    ck_assert_int_eq(check(&request, &error), WKV_OK); /* not even for a replay */
    request.bound = &unbound;
    ck_assert_int_eq(check(&request, &error), WKV_FORBIDDEN);
    ck_assert_str_eq(error.text, WKV_POLICY_UNBOUND);
    request.bound = NULL;
    ck_assert_int_eq(check(&request, &error), WKV_FORBIDDEN);
}
END_TEST

/* "signature, times, hash, `sub` = id, `iss` = host_id, both URLs" */
START_TEST(an_invocation_must_hold_for_exactly_this_request)
{
    struct wkv_policy_binding bound = bound_by(&world.account, WKV_TOKEN_NEVER);
    char *claims;
    const struct wkv_policy_request good = envelope_request(&world.host, ID, &bound, &claims);
    static const char lower[] = "ndfjhlax";
    struct {
        const char *what;
        struct wkv_policy_request request;
        enum wkv_code code;
    } cases[] = {{"another id", good, WKV_UNAUTHORIZED},
                 {"no id", good, WKV_UNAUTHORIZED},
                 {"another host", good, WKV_UNAUTHORIZED},
                 {"no host", good, WKV_UNAUTHORIZED},
                 {"a lower host", good, WKV_UNAUTHORIZED},
                 {"another payload", good, WKV_UNAUTHORIZED},
                 {"no payload", good, WKV_UNAUTHORIZED},
                 {"another actor", good, WKV_FORBIDDEN},
                 {"system", good, WKV_FORBIDDEN},
                 {"another operation", good, WKV_FORBIDDEN},
                 {"another binding", good, WKV_FORBIDDEN},
                 {"a minute later", good, WKV_UNAUTHORIZED},
                 {"a minute earlier", good, WKV_UNAUTHORIZED}};
    cases[0].request.id = text_of("00000000-0000-4000-8000-000000000002");
    cases[1].request.id = text_of("");
    cases[2].request.host = text_of(world.other_host.text);
    cases[3].request.host = text_of("");
    cases[4].request.host = text_of(lower);
    cases[5].request.payload = text_of("{\"key\":\"b\"}");
    cases[6].request.payload = text_of(NULL);
    cases[7].request.actor = text_of(world.other_module.text);
    cases[8].request.actor = text_of("system");
    cases[9].request.operation = "Del";
    cases[10].request.binding = "other";
    cases[11].request.now_s = NOW + WKV_TOKEN_INVOCATION_WINDOW_S + 1;
    cases[12].request.now_s = NOW - WKV_TOKEN_INVOCATION_WINDOW_S - 1;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wkv_error error;
        enum wkv_code code = check(&cases[i].request, &error);
        ck_assert_msg(code == cases[i].code, "%s: %d %s", cases[i].what, code, error.text);
    }
    /* None of these has used the id up. */
    struct wkv_error error;
    ck_assert_msg(check(&good, &error) == WKV_OK, "%s", error.text);
    free(claims);
}
END_TEST

/* "`__wascc_expires` is kept and enforced on every invocation after" */
START_TEST(what_the_actor_was_bound_with_must_still_hold)
{
    for (size_t i = 0; i < sizeof signed_modes / sizeof signed_modes[0]; i++) {
        const struct {
            const char *what;
            struct wkv_policy_binding bound;
            enum wkv_code code;
        } cases[] = {
            {"never expires", bound_by(&world.account, WKV_TOKEN_NEVER), WKV_OK},
            {"expires later", bound_by(&world.account, NOW + 1), WKV_OK},
            {"expires now", bound_by(&world.account, NOW), WKV_OK}, /* the leeway */
            {"has expired", bound_by(&world.account, NOW - WKV_TOKEN_LEEWAY_S), WKV_UNAUTHORIZED},
            {"expired long ago", bound_by(&world.account, 1), WKV_UNAUTHORIZED},
            {"untrusted issuer", bound_by(&world.untrusted, WKV_TOKEN_NEVER), WKV_UNAUTHORIZED},
            /* Adopted from other members of the lattice, or bound in JSON outside --auth binding: nothing was
             * said of claims.
             */
            {"no claims", {.bound = true}, WKV_OK},
        };
        world.policy.auth = signed_modes[i];
        for (size_t j = 0; j < sizeof cases / sizeof cases[0]; j++) {
            char id[40], *claims;
            struct wkv_error error;
            (void)snprintf(id, sizeof id, "id-%zu-%zu", i, j);
            struct wkv_policy_request request = envelope_request(&world.host, id, &cases[j].bound, &claims);
            enum wkv_code code = check(&request, &error);
            ck_assert_msg(code == cases[j].code, "%s: %d %s", cases[j].what, code, error.text);
            free(claims);
        }
    }
}
END_TEST

/* A reload of the lists counts at once, for hosts and for issuers. */
START_TEST(an_issuer_that_is_taken_away_ends_its_bindings)
{
    struct wkv_policy_binding bound = bound_by(&world.account, WKV_TOKEN_NEVER);
    char *claims[4];
    struct wkv_error error;
    struct wkv_policy_request request = envelope_request(&world.host, "id-0", &bound, &claims[0]);
    ck_assert_int_eq(check(&request, &error), WKV_OK);
    wkv_trust_source_publish(world.source, trust_make(world.untrusted.text, world.host.text));
    request = envelope_request(&world.host, "id-1", &bound, &claims[1]);
    ck_assert_int_eq(check(&request, &error), WKV_UNAUTHORIZED);
    ck_assert_ptr_nonnull(strstr(error.text, "untrusted issuer"));
    wkv_trust_source_publish(world.source, trust_make(world.account.text, world.other_host.text));
    request = envelope_request(&world.host, "id-2", &bound, &claims[2]);
    ck_assert_int_eq(check(&request, &error), WKV_UNAUTHORIZED);
    ck_assert_ptr_nonnull(strstr(error.text, "untrusted host"));
    /* "--trusted-host any" */
    wkv_trust_source_publish(world.source, trust_make(world.account.text, "any"));
    request = envelope_request(&world.host, "id-3", &bound, &claims[3]);
    ck_assert_msg(check(&request, &error) == WKV_OK, "%s", error.text);
    for (size_t i = 0; i < 4; i++)
        free(claims[i]);
}
END_TEST

/* A system operation is the host's own: no actor's claims are looked at. */
START_TEST(a_system_operation_needs_the_invocation_alone)
{
    char *claims = mint_invocation(&world.host, "system", "wasmbus://wascc/keyvalue/default/BindActor",
                                   PAYLOAD, ID, NOW);
    struct wkv_policy_binding old = bound_by(&world.untrusted, 1);
    struct wkv_policy_request request = get_request(&world);
    struct wkv_error error;
    request.actor = text_of("system");
    request.operation = "BindActor";
    request.system_operation = true;
    request.evidence = WKV_EVIDENCE_ENVELOPE;
    request.id = text_of(ID);
    request.host = text_of(world.host.text);
    request.bound = &old;
    ck_assert_int_eq(check(&request, &error), WKV_UNAUTHORIZED);
    request.invocation = text_of(claims);
    ck_assert_msg(check(&request, &error) == WKV_OK, "%s", error.text);
    free(claims);
}
END_TEST

/* Hosts lower-case the URL and write '_' for a blank: that is another binding's name. */
START_TEST(a_binding_is_known_in_its_own_spelling_only)
{
    static const char *const urls[] = {
        "wasmbus://wascc/keyvalue/My Bind-2/Get", "wasmbus://wascc/keyvalue/my_bind-2/Get",
        "wasmbus://wascc/keyvalue/MY_BIND-2/Get", "wasmbus://wascc/keyvalue/my bind-2/Get",
        "wasmbus://wascc/keyvalue/My_Bind-2/Get", "wasmbus://wascc/keyvalue/my_bind-2/get",
        "wasmbus://WASCC/keyvalue/my_bind-2/Get", "wasmbus://wascc/keyvalue/my_bind/Get"};
    struct wkv_policy_binding bound = bound_by(&world.account, WKV_TOKEN_NEVER);
    for (size_t i = 0; i < 8; i++) {
        char id[40];
        struct wkv_error error;
        (void)snprintf(id, sizeof id, "id-%zu", i);
        char *claims = mint_invocation(&world.host, world.module.text, urls[i], PAYLOAD, id, NOW);
        struct wkv_policy_request request = get_request(&world);
        request.binding = "My Bind-2";
        request.invocation = text_of(claims);
        request.evidence = WKV_EVIDENCE_ENVELOPE;
        request.id = text_of(id);
        request.host = text_of(world.host.text);
        request.bound = &bound;
        enum wkv_code code = check(&request, &error);
        ck_assert_msg(code == (i == 0 ? WKV_OK : WKV_FORBIDDEN), "%s: %d %s", urls[i], code, error.text);
        free(claims);
    }
}
END_TEST

Suite *policy_envelope_suite(void)
{
    Suite *suite = suite_create("access/policy_envelope");
    TCase *tests = tcase_create("policy_envelope");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, capabilities_must_hold_the_capability);
    tcase_add_test(tests, capabilities_end_where_they_end);
    tcase_add_test(tests, the_issuer_must_be_a_trusted_account);
    tcase_add_test(tests, expires_is_seconds_or_never);
    tcase_add_test(tests, expires_may_hold_a_nul_and_is_then_none);
    tcase_add_test(tests, a_statement_that_does_not_hold_leaves_what_was_bound);
    tcase_add_test(tests, a_statement_that_holds_replaces_what_was_bound);
    tcase_add_test(tests, every_mode_but_none_checks_the_invocation);
    tcase_add_test(tests, none_mode_checks_nothing_but_the_binding);
    tcase_add_test(tests, with_a_host_that_is_not_trusted_any_more_go_its_bindings);
    tcase_add_test(tests, an_invocation_must_hold_for_exactly_this_request);
    tcase_add_test(tests, what_the_actor_was_bound_with_must_still_hold);
    tcase_add_test(tests, an_issuer_that_is_taken_away_ends_its_bindings);
    tcase_add_test(tests, a_system_operation_needs_the_invocation_alone);
    tcase_add_test(tests, a_binding_is_known_in_its_own_spelling_only);
    suite_add_tcase(suite, tests);
    return suite;
}
