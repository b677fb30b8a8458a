#include "mint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process.h"
#include "security/token.h"
#include "support/clock.h"

static struct wkv_nkey_seed *make_seed(enum wkv_nkey_kind kind, char text[WKV_NKEY_PUBLIC_CHARS + 1])
{
    struct wkv_nkey_seed *seed = NULL;
    struct wkv_error error;
    if (wkv_nkey_seed_generate(kind, &seed, &error) != WKV_OK) {
        bench_complain("cannot make a key: %s", error.text);
        return NULL;
    }
    struct wkv_nkey key = wkv_nkey_seed_public(seed);
    wkv_nkey_encode(&key, text);
    return seed;
}

/* Claims as long as those of published actors, which have 600 to 640 bytes. */
static bool make_actor(const struct bench_mint *mint, struct bench_actor *actor)
{
    static const char *const capabilities[] = {"wascc:keyvalue", "wascc:http_server"};
    struct wkv_nkey_seed *module = make_seed(WKV_NKEY_MODULE, actor->key);
    struct wkv_error error;
    if (module == NULL)
        return false;
    wkv_nkey_seed_destroy(module); /* an actor signs nothing */
    struct wkv_token_actor_options options = {
        .subject = actor->key,
        .capabilities = capabilities,
        .capability_count = sizeof capabilities / sizeof *capabilities,
        /* As long as a name and a module's hash, which these claims have none of. */
        .name = "Benchmark Actor 1B965BC38F211A1261428D9BDA3217C96B3A9BBC45834E8AEE1C149378ED9E84",
    };
    if (wkv_token_mint_actor(mint->account, &options, wkv_wall_coarse_s(), &actor->claims, &error) == WKV_OK)
        return true;
    bench_complain("cannot make an actor's claims: %s", error.text);
    return false;
}

struct bench_mint *bench_mint_create(size_t actors)
{
    struct bench_mint *mint = calloc(1, sizeof *mint);
    if (mint == NULL || (mint->actors = calloc(actors, sizeof *mint->actors)) == NULL) {
        bench_complain("out of memory");
        free(mint);
        return NULL;
    }
    mint->account = make_seed(WKV_NKEY_ACCOUNT, mint->issuer);
    mint->host_seed = make_seed(WKV_NKEY_HOST, mint->host);
    bool made = mint->account != NULL && mint->host_seed != NULL;
    while (made && mint->count < actors)
        made = make_actor(mint, &mint->actors[mint->count++]);
    if (made)
        return mint;
    bench_mint_destroy(mint);
    return NULL;
}

void bench_mint_destroy(struct bench_mint *mint)
{
    if (mint == NULL)
        return;
    for (size_t i = 0; i < mint->count; i++)
        free(mint->actors[i].claims);
    free(mint->actors);
    wkv_nkey_seed_destroy(mint->account);
    wkv_nkey_seed_destroy(mint->host_seed);
    free(mint);
}

char *bench_mint_invocation(const struct bench_mint *mint, const char *id, const char *actor,
                            const char *binding, const char *operation, const void *payload,
                            size_t payload_len)
{
    char origin[WKV_TOKEN_URL_BYTES];
    char target[WKV_TOKEN_URL_BYTES];
    char *text = NULL;
    struct wkv_error error;
    struct wkv_token_invocation_options options = {
        .origin_url = origin, .target_url = target, .message = payload, .message_len = payload_len, .id = id};
    if (!wkv_token_origin_url(origin, actor, strlen(actor)) ||
        !wkv_token_target_url(target, binding, strlen(binding), operation, strlen(operation))) {
        bench_complain("cannot make an invocation's claims: a name is too long");
        return NULL;
    }
    if (wkv_token_mint_invocation(mint->host_seed, &options, wkv_wall_coarse_s(), &text, &error) == WKV_OK)
        return text;
    bench_complain("cannot make an invocation's claims: %s", error.text);
    return NULL;
}
