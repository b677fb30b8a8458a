/* A policy with real keys, lists, cache and window, and requests that it answers. */
#ifndef WKV_TESTS_SECURITY_POLICY_FIXTURE_H
#define WKV_TESTS_SECURITY_POLICY_FIXTURE_H

#include "access/policy.h"
#include "security/helpers.h"
#include "wascc_keyvalue/text.h"

struct world {
    struct person account, untrusted, module, other_module, host, other_host, operator_key;
    struct wkv_trust_source *source;
    struct wkv_trust_reader reader;
    struct wkv_policy policy;
};

HELPER void world_init(struct world *world)
{
    *world = (struct world){
        .account = person_make(WKV_NKEY_ACCOUNT, 1),
        .untrusted = person_make(WKV_NKEY_ACCOUNT, 2),
        .module = person_make(WKV_NKEY_MODULE, 3),
        .other_module = person_make(WKV_NKEY_MODULE, 4),
        .host = person_make(WKV_NKEY_HOST, 5),
        .other_host = person_make(WKV_NKEY_HOST, 6),
        .operator_key = person_make(WKV_NKEY_OPERATOR, 7),
    };
    struct wkv_trust *trust = trust_make(world->account.text, world->host.text);
    ck_assert_int_eq(wkv_trust_source_create(trust, &world->source, NULL), WKV_OK);
    wkv_trust_reader_init(&world->reader, world->source);
    world->policy.trust = &world->reader;
    struct wkv_claims_cache_options cache = {.max_entries = 64};
    ck_assert_int_eq(wkv_claims_cache_create(&cache, &world->policy.cache, NULL), WKV_OK);
    struct wkv_replay_options replay = {.max_entries = 1024, .shards = 1};
    ck_assert_int_eq(wkv_replay_create(&replay, &world->policy.replay, NULL), WKV_OK);
}

HELPER void world_destroy(struct world *world)
{
    wkv_replay_destroy(world->policy.replay);
    wkv_claims_cache_destroy(world->policy.cache);
    wkv_trust_reader_destroy(&world->reader);
    wkv_trust_source_destroy(world->source);
    struct person *people[] = {&world->account, &world->untrusted,  &world->module,      &world->other_module,
                               &world->host,    &world->other_host, &world->operator_key};
    for (size_t i = 0; i < sizeof people / sizeof people[0]; i++)
        person_free(people[i]);
}

HELPER struct wkv_text text_of(const char *text)
{
    return (struct wkv_text){text, text == NULL ? 0 : strlen(text)};
}

#define PAYLOAD "{\"key\":\"a\"}"

/* The module's Get in the binding `default`, with nothing brought. */
HELPER struct wkv_policy_request get_request(const struct world *world)
{
    return (struct wkv_policy_request){
        .actor = text_of(world->module.text),
        .binding = "default",
        .operation = "Get",
        .payload = text_of(PAYLOAD),
        .now_s = NOW,
    };
}

/* Invocation claims for that request by host, changed as the arguments say. From malloc. */
HELPER char *mint_invocation(const struct person *host, const char *actor, const char *target_url,
                             const char *payload, const char *id, int64_t issued_at_s)
{
    char origin[WKV_TOKEN_URL_BYTES];
    ck_assert(wkv_token_origin_url(origin, actor, strlen(actor)));
    struct wkv_token_invocation_options options = {.origin_url = origin,
                                                   .target_url = target_url,
                                                   .message = payload,
                                                   .message_len = strlen(payload),
                                                   .id = id};
    char *text;
    struct wkv_error error = {0};
    ck_assert_msg(wkv_token_mint_invocation(host->seed, &options, issued_at_s, &text, &error) == WKV_OK, "%s",
                  error.text);
    return text;
}

#define TARGET "wasmbus://wascc/keyvalue/default/Get"

#endif
