/* Invocation claims for exactly one request (contract section 6). */
#ifndef WKV_COMMAND_SIGN_H
#define WKV_COMMAND_SIGN_H

#include <stddef.h>

#include "security/nkey.h"
#include "support/error.h"

struct wkv_invocation {
    const char *actor; /* or `system` */
    const char *binding;
    const char *operation;
    const void *payload;
    size_t len;
};

/* Signs with the host's seed; the caller frees *token. Each has an id of its own. Errors: WKV_BAD_REQUEST,
 * WKV_NO_MEMORY. */
enum wkv_code wkv_sign_invocation(const struct wkv_nkey_seed *seed, const struct wkv_invocation *invocation,
                                  char **token, struct wkv_error *error);

#endif
