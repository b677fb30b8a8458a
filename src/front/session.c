#include "front/session.h"

#include <string.h>

/* Without trust there is nothing to check with, and --auth none has none. */
static bool init_policy(struct wkv_session *session)
{
    const struct wkv_provider *provider = session->provider;
    struct wkv_claims_cache_options options = {.tally = provider->claims};
    session->policy.auth = provider->auth;
    session->policy.require_binding = provider->require_binding;
    if (provider->trust == NULL)
        return true;
    if (wkv_claims_cache_create(&options, &session->policy.cache, NULL) != WKV_OK)
        return false;
    wkv_trust_reader_init(&session->trust, provider->trust);
    session->policy.trust = &session->trust;
    session->policy.replay = provider->replay;
    return true;
}

bool wkv_session_init(struct wkv_session *session, const struct wkv_provider *provider)
{
    memset(session, 0, sizeof *session);
    session->provider = provider;
    wkv_buffer_init(&session->reply);
    if (wkv_slabs_init(&session->memory) &&
        wkv_bindings_reader_init(&session->bindings, provider->bindings) && init_policy(session))
        return true;
    wkv_session_destroy(session);
    return false;
}

void wkv_session_destroy(struct wkv_session *session)
{
    wkv_slabs_destroy(&session->memory);
    wkv_buffer_destroy(&session->reply);
    wkv_bindings_reader_destroy(&session->bindings);
    if (session->policy.trust != NULL)
        wkv_trust_reader_destroy(&session->trust);
    wkv_claims_cache_destroy(session->policy.cache);
    memset(session, 0, sizeof *session);
}
