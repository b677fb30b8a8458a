#include "command/sign.h"

#include <string.h>

#include "security/token.h"
#include "support/clock.h"

enum wkv_code wkv_sign_invocation(const struct wkv_nkey_seed *seed, const struct wkv_invocation *invocation,
                                  char **token, struct wkv_error *error)
{
    char origin[WKV_TOKEN_URL_BYTES], target[WKV_TOKEN_URL_BYTES];
    if (!wkv_token_origin_url(origin, invocation->actor, strlen(invocation->actor)) ||
        !wkv_token_target_url(target, invocation->binding, strlen(invocation->binding), invocation->operation,
                              strlen(invocation->operation)))
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "the actor, binding or operation is too long for an invocation's URLs");
    struct wkv_token_invocation_options options = {.origin_url = origin,
                                                   .target_url = target,
                                                   .message = invocation->payload,
                                                   .message_len = invocation->len};
    return wkv_token_mint_invocation(seed, &options, wkv_wall_ns() / WKV_NS_PER_S, token, error);
}
