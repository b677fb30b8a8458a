/* What one worker keeps between requests, so that a common one allocates nothing and takes no lock but a
 * shard's: memory for requests and replies, remembered claims, remembered bindings. Not thread-safe. */
#ifndef WKV_FRONT_SESSION_H
#define WKV_FRONT_SESSION_H

#include "access/bindings.h"
#include "access/policy.h"
#include "front/provider.h"
#include "front/slabs.h"
#include "support/buffer.h"

struct wkv_session {
    const struct wkv_provider *provider; /* borrowed */
    struct wkv_slabs memory;
    struct wkv_buffer reply;
    struct wkv_bindings_reader bindings;
    struct wkv_trust_reader trust;
    struct wkv_policy policy;
};

/* Errors: false where memory is short; nothing is left to destroy then. */
bool wkv_session_init(struct wkv_session *session, const struct wkv_provider *provider);
void wkv_session_destroy(struct wkv_session *session);

#endif
