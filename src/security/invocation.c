/* What invocation claims are bound to: the URLs and the hash (CONTRACT section 6). */
#include <sodium.h>
#include <string.h>

#include "security/token.h"

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

/* Appends len bytes of a name to a URL of which *at bytes are there, and a NUL. Returns false where that does
 * not fit, or where the name is empty or has a NUL, at which the text that is compared would end before the
 * name does. */
static bool append_name(char url[WKV_TOKEN_URL_BYTES], size_t *at, const char *name, size_t len)
{
    if (len == 0 || len >= WKV_TOKEN_URL_BYTES - *at || memchr(name, '\0', len) != NULL)
        return false;
    memcpy(url + *at, name, len);
    *at += len;
    url[*at] = '\0';
    return true;
}

/* Contract: "URLs: `wasmbus://<actor>` (`wasmbus://system` for the host itself) and
 * `wasmbus://wascc/keyvalue/<binding>/<Operation>`". */
bool wkv_token_target_url(char url[WKV_TOKEN_URL_BYTES], const char *binding, size_t binding_len,
                          const char *operation, size_t operation_len)
{
    static const char before[] = "wasmbus://wascc/keyvalue/";
    size_t at = 0;
    return append_name(url, &at, before, sizeof before - 1) && append_name(url, &at, binding, binding_len) &&
           append_name(url, &at, "/", 1) && append_name(url, &at, operation, operation_len);
}

bool wkv_token_origin_url(char url[WKV_TOKEN_URL_BYTES], const char *actor, size_t actor_len)
{
    static const char before[] = "wasmbus://";
    size_t at = 0;
    return append_name(url, &at, before, sizeof before - 1) && append_name(url, &at, actor, actor_len);
}
