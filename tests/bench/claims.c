/* What each step of letting a request in costs by itself, one line a step: nanoseconds of processor time, the
 * best of several rounds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "access/policy.h"
#include "lib/arguments.h"
#include "lib/mint.h"
#include "security/token.h"
#include "support/clock.h"

#define ACTORS 1000
#define INVOCATIONS 4096

static struct wkv_policy policy;
static struct bench_mint *mint;
static char *invocations[INVOCATIONS];
static int64_t now_s;

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
        const char *token = mint->actors[i % among].claims;
        if (wkv_claims_cache_find(policy.cache, token, strlen(token), trust, now_s) == NULL)
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
        struct wkv_policy_request request = {
            .actor = {mint->actors[k].key, WKV_NKEY_PUBLIC_CHARS},
            .claims = {mint->actors[k].claims, strlen(mint->actors[k].claims)},
            .binding = "default",
            .operation = "Get",
            .now_s = now_s};
        must(wkv_policy_check(&policy, &request, &error), &error);
    }
}

static void check_bound(long calls)
{
    struct wkv_error error;
    struct wkv_policy_binding bound = {.bound = true, .expires_s = WKV_TOKEN_NEVER};
    struct wkv_token token;
    must(wkv_token_read(mint->actors[0].claims, strlen(mint->actors[0].claims), WKV_TOKEN_ACTOR, &token,
                        &error),
         &error);
    memcpy(bound.issuer, token.issuer.bytes, sizeof bound.issuer);
    wkv_token_destroy(&token);
    struct wkv_policy_request request = {.bound = &bound, .now_s = now_s};
    for (long i = 0; i < calls; i++)
        must(wkv_policy_check_bound(&policy, &request, &error), &error);
}

static void verify(long calls)
{
    struct wkv_error error;
    struct wkv_token token;
    const struct wkv_trust *trust = wkv_trust_reader_current(policy.trust);
    for (long i = 0; i < calls; i++) {
        must(wkv_token_verify(mint->actors[0].claims, strlen(mint->actors[0].claims), WKV_TOKEN_ACTOR, trust,
                              now_s, &token, &error),
             &error);
        wkv_token_destroy(&token);
    }
}

static void read_only(long calls)
{
    struct wkv_error error;
    struct wkv_token token;
    for (long i = 0; i < calls; i++) {
        must(wkv_token_read(mint->actors[0].claims, strlen(mint->actors[0].claims), WKV_TOKEN_ACTOR, &token,
                            &error),
             &error);
        wkv_token_destroy(&token);
    }
}

static void check_invocation(long calls)
{
    struct wkv_error error;
    struct wkv_replay_options defaults = {0};
    must(wkv_replay_create(&defaults, &policy.replay, &error), &error);
    for (long i = 0; i < calls; i++) {
        struct wkv_policy_request request = {.actor = {mint->actors[0].key, WKV_NKEY_PUBLIC_CHARS},
                                             .invocation = {invocations[i], strlen(invocations[i])},
                                             .payload = {"{\"key\":\"a\"}", 11},
                                             .binding = "default",
                                             .operation = "Get",
                                             .now_s = now_s};
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
        must(wkv_replay_note(replay, host, id, 36, now_s + 60, now_s, &error), &error);
    }
    wkv_replay_destroy(replay);
}

static void trust(void)
{
    static struct wkv_trust_reader reader;
    struct wkv_trust *set;
    struct wkv_trust_source *source;
    struct wkv_error error;
    must(wkv_trust_create(&set, &error), &error);
    must(wkv_trust_add(set, WKV_TRUST_ISSUERS, mint->issuer, strlen(mint->issuer), &error), &error);
    must(wkv_trust_add(set, WKV_TRUST_HOSTS, "any", 3, &error), &error);
    must(wkv_trust_source_create(set, &source, &error), &error);
    wkv_trust_reader_init(&reader, source);
    policy.trust = &reader;
}

int main(int argc, char *argv[])
{
    static const char about[] = "Usage: wascc-keyvalue-bench-claims\n\nMeasures what each step of letting a "
                                "request in costs by itself, in "
                                "nanoseconds of processor time, the best of several rounds.\n";
    const struct bench_argument table[] = {{.name = NULL}};
    struct wkv_error error;
    struct wkv_claims_cache_options cache = {0};
    int code = bench_arguments_read(table, about, argc, argv);
    if (code >= 0)
        return code;
    mint = bench_mint_create(ACTORS);
    if (mint == NULL)
        return EXIT_FAILURE;
    now_s = wkv_wall_coarse_s();
    trust();
    must(wkv_claims_cache_create(&cache, &policy.cache, &error), &error);
    for (int i = 0; i < INVOCATIONS; i++)
        if ((invocations[i] = bench_mint_invocation(mint, NULL, mint->actors[0].key, "default", "Get",
                                                    "{\"key\":\"a\"}", 11)) == NULL)
            return EXIT_FAILURE;
    printf("actor claims of %zu bytes, invocation claims of %zu\n", strlen(mint->actors[0].claims),
           strlen(invocations[0]));
    check_claims(ACTORS);
    measure("remembered claims, one actor (cache alone)", 1000000, find_one);
    measure("remembered claims, 1000 actors (cache alone)", 1000000, find_many);
    measure("policy, claims, 1000 actors", 1000000, check_claims);
    measure("policy, binding", 10000000, check_bound);
    measure("actor claims, read without verifying", 20000, read_only);
    measure("actor claims, first time (verify)", 5000, verify);
    measure("policy, invocation claims alone", INVOCATIONS, check_invocation);
    measure("replay window, a new id", 500000, note);
    bench_mint_destroy(mint);
    return 0;
}
