/* What invocation claims are bound to: the URLs and the hash (CONTRACT section 6). */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "wascc_keyvalue/token.h"

/* Contract: "hash = upper-case hex SHA-256 of origin_url ‖ target_url ‖ message". */
void wkv_token_invocation_hash(const char *origin_url, const char *target_url, const void *message,
                               size_t message_len, char hash[WKV_TOKEN_HASH_CHARS + 1])
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const unsigned char *)origin_url, strlen(origin_url));
    crypto_hash_sha256_update(&state, (const unsigned char *)target_url, strlen(target_url));
    if (message_len > 0)
        crypto_hash_sha256_update(&state, message, message_len);
    crypto_hash_sha256_final(&state, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        hash[2 * i] = "0123456789ABCDEF"[digest[i] >> 4];
        hash[2 * i + 1] = "0123456789ABCDEF"[digest[i] & 15];
    }
    hash[WKV_TOKEN_HASH_CHARS] = '\0';
}

/* A NUL would end the text that is compared before the name ends. */
static bool fits(const char *name, size_t len)
{
    return len > 0 && len < WKV_TOKEN_URL_BYTES && memchr(name, '\0', len) == NULL;
}

/* Contract: "URLs: `wasmbus://<actor>` (`wasmbus://system` for the host itself) and
 * `wasmbus://wascc/keyvalue/<binding>/<Operation>`". */
bool wkv_token_target_url(char url[WKV_TOKEN_URL_BYTES], const char *binding, size_t binding_len,
                          const char *operation, size_t operation_len)
{
    if (!fits(binding, binding_len) || !fits(operation, operation_len))
        return false;
    int written = snprintf(url, WKV_TOKEN_URL_BYTES, "wasmbus://wascc/keyvalue/%.*s/%.*s", (int)binding_len,
                           binding, (int)operation_len, operation);
    return written > 0 && written < WKV_TOKEN_URL_BYTES;
}

bool wkv_token_origin_url(char url[WKV_TOKEN_URL_BYTES], const char *actor, size_t actor_len)
{
    if (!fits(actor, actor_len))
        return false;
    int written = snprintf(url, WKV_TOKEN_URL_BYTES, "wasmbus://%.*s", (int)actor_len, actor);
    return written > 0 && written < WKV_TOKEN_URL_BYTES;
}
