/* What the security room costs, one line a step: nanoseconds of processor time, the best of several rounds.
 * Not a test, and not built by default. Compile it with -O2 -D_GNU_SOURCE -Iinclude -Isrc, together with the
 * sources of src/security and src/support, and link libsodium, jansson and pthread.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "access/policy.h"
#include "security/token.h"

#define ACTORS 1000
#define NOW INT64_C(1700000000)

static struct wkv_policy policy;
static char *tokens[ACTORS];
static char *invocations[4096];
static char actors[ACTORS][WKV_NKEY_PUBLIC_CHARS + 1];

static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void must(enum wkv_code code, const struct wkv_error *error)
{
    if (code != WKV_OK) {
        fprintf(stderr, "%d: %s\n", code, error->text);
        exit(1);
    }
}

static void measure(const char *name, long calls, void (*run)(long calls))
{
    double best = 1e18;
    for (int round = 0; round < 7; round++) {
        double start = cpu_ns();
        run(calls);
        double each = (cpu_ns() - start) / (double)calls;
        if (each < best)
            best = each;
    }
    printf("%-56s %9.1f ns\n", name, best);
}

static void find(long calls, long among)
{
    const struct wkv_trust *trust = wkv_trust_reader_current(policy.trust);
    for (long i = 0; i < calls; i++) {
        const char *token = tokens[i % among];
        if (wkv_claims_cache_find(policy.cache, token, strlen(token), trust, NOW) == NULL)
            abort();
    }
}

static void find_one(long calls)
{
    find(calls, 1);
}

static void find_many(long calls)
{
    find(calls, ACTORS);
}

static void check_claims(long calls)
{
    struct wkv_error error;
    for (long i = 0; i < calls; i++) {
        long k = i % ACTORS;
        struct wkv_policy_request request = {.actor = {actors[k], WKV_NKEY_PUBLIC_CHARS},
                                             .claims = {tokens[k], strlen(tokens[k])},
                                             .binding = {"default", 7},
                                             .operation = {"Get", 3},
                                             .now_s = NOW};
        must(wkv_policy_check(&policy, &request, &error), &error);
    }
}

static void check_bound(long calls)
{
    struct wkv_error error;
    struct wkv_policy_binding bound = {.bound = true, .expires_s = WKV_TOKEN_NEVER};
    struct wkv_token token;
    must(wkv_token_read(tokens[0], strlen(tokens[0]), WKV_TOKEN_ACTOR, &token, &error), &error);
    memcpy(bound.issuer, token.issuer.bytes, sizeof bound.issuer);
    wkv_token_destroy(&token);
    struct wkv_policy_request request = {.bound = &bound, .now_s = NOW};
    for (long i = 0; i < calls; i++)
        must(wkv_policy_check_bound(&policy, &request, &error), &error);
}

static void verify(long calls)
{
    struct wkv_error error;
    struct wkv_token token;
    const struct wkv_trust *trust = wkv_trust_reader_current(policy.trust);
    for (long i = 0; i < calls; i++) {
        must(wkv_token_verify(tokens[0], strlen(tokens[0]), WKV_TOKEN_ACTOR, trust, NOW, &token, &error),
             &error);
        wkv_token_destroy(&token);
    }
}

static void read_only(long calls)
{
    struct wkv_error error;
    struct wkv_token token;
    for (long i = 0; i < calls; i++) {
        must(wkv_token_read(tokens[0], strlen(tokens[0]), WKV_TOKEN_ACTOR, &token, &error), &error);
        wkv_token_destroy(&token);
    }
}

static void check_invocation(long calls)
{
    struct wkv_error error;
    struct wkv_replay_options defaults = {0};
    must(wkv_replay_create(&defaults, &policy.replay, &error), &error);
    for (long i = 0; i < calls; i++) {
        struct wkv_policy_request request = {.actor = {actors[0], WKV_NKEY_PUBLIC_CHARS},
                                             .invocation = {invocations[i], strlen(invocations[i])},
                                             .payload = {"{\"key\":\"a\"}", 11},
                                             .binding = {"default", 7},
                                             .operation = {"Get", 3},
                                             .now_s = NOW};
        must(wkv_policy_check_invocation(&policy, &request, &error), &error);
    }
    wkv_replay_destroy(policy.replay);
}

static void note(long calls)
{
    struct wkv_error error;
    struct wkv_replay *replay;
    struct wkv_replay_options defaults = {0};
    static const unsigned char host[32];
    must(wkv_replay_create(&defaults, &replay, &error), &error);
    char id[40];
    for (long i = 0; i < calls; i++) {
        snprintf(id, sizeof id, "%036ld", i);
        must(wkv_replay_note(replay, host, id, 36, NOW + 60, NOW, &error), &error);
    }
    wkv_replay_destroy(replay);
}

int main(void)
{
    struct wkv_error error;
    struct wkv_trust *trust;
    must(wkv_trust_create(&trust, &error), &error);
    struct wkv_nkey_seed *account, *host, *module;
    must(wkv_nkey_seed_generate(WKV_NKEY_ACCOUNT, &account, &error), &error);
    must(wkv_nkey_seed_generate(WKV_NKEY_HOST, &host, &error), &error);
    char text[WKV_NKEY_PUBLIC_CHARS + 1];
    struct wkv_nkey key = wkv_nkey_seed_public(account);
    wkv_nkey_encode(&key, text);
    must(wkv_trust_add(trust, WKV_TRUST_ISSUERS, text, strlen(text), &error), &error);
    must(wkv_trust_add(trust, WKV_TRUST_HOSTS, "any", 3, &error), &error);
    struct wkv_trust_source *source;
    must(wkv_trust_source_create(trust, &source, &error), &error);
    struct wkv_trust_reader reader;
    wkv_trust_reader_init(&reader, source);
    policy.trust = &reader;
    struct wkv_claims_cache_options cache_options = {0};
    must(wkv_claims_cache_create(&cache_options, &policy.cache, &error), &error);
    const char *capabilities[] = {"wascc:keyvalue", "wascc:http_server"};
    for (int i = 0; i < ACTORS; i++) {
        must(wkv_nkey_seed_generate(WKV_NKEY_MODULE, &module, &error), &error);
        key = wkv_nkey_seed_public(module);
        wkv_nkey_encode(&key, actors[i]);
        wkv_nkey_seed_destroy(module);
        struct wkv_token_actor_options options = {
            .subject = actors[i],
            .capabilities = capabilities,
            .capability_count = 2,
            .name = "Named Bindings Demo 1B965BC38F211A1261428D9BDA3217C96B3A9BBC45834E8AEE1C149378ED9E84"};
        must(wkv_token_mint_actor(account, &options, NOW, &tokens[i], &error), &error);
    }
    char origin[WKV_TOKEN_URL_BYTES];
    wkv_token_origin_url(origin, actors[0], WKV_NKEY_PUBLIC_CHARS);
    for (int i = 0; i < 4096; i++) {
        struct wkv_token_invocation_options options = {.origin_url = origin,
                                                       .target_url = "wasmbus://wascc/keyvalue/default/Get",
                                                       .message = "{\"key\":\"a\"}",
                                                       .message_len = 11};
        must(wkv_token_mint_invocation(host, &options, NOW, &invocations[i], &error), &error);
    }
    printf("actor claims of %zu bytes, invocation claims of %zu\n", strlen(tokens[0]),
           strlen(invocations[0]));
    check_claims(ACTORS);
    measure("remembered claims, one actor (cache alone)", 1000000, find_one);
    measure("remembered claims, 1000 actors (cache alone)", 1000000, find_many);
    measure("policy, claims, 1000 actors", 1000000, check_claims);
    measure("policy, binding", 10000000, check_bound);
    measure("actor claims, read without verifying", 20000, read_only);
    measure("actor claims, first time (verify)", 5000, verify);
    measure("policy, invocation claims alone", 4096, check_invocation);
    measure("replay window, a new id", 500000, note);
    return 0;
}
