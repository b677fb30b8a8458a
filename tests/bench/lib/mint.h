/* Who is who in a run of --auth, and their signatures: one account, one host, and actors with claims.
 *
 * It alone of the benchmark's files uses the project's library. All keys are made for the run and kept by it.
 * Whatever fails has said so on stderr.
 */
#ifndef WASCC_KEYVALUE_BENCH_MINT_H
#define WASCC_KEYVALUE_BENCH_MINT_H

#include <stddef.h>

#include "security/nkey.h"

struct bench_actor {
    char key[WKV_NKEY_PUBLIC_CHARS + 1];
    char *claims; /* as long as real ones */
};

struct bench_mint {
    struct wkv_nkey_seed *account, *host_seed;
    char issuer[WKV_NKEY_PUBLIC_CHARS + 1], host[WKV_NKEY_PUBLIC_CHARS + 1];
    struct bench_actor *actors;
    size_t count;
};

/* Returns NULL where it failed. */
struct bench_mint *bench_mint_create(size_t actors);

/* NULL is allowed. */
void bench_mint_destroy(struct bench_mint *mint);

/* Makes the claims of one invocation, which hold for a minute and once; id NULL: a random one. The caller
 * frees them. Returns NULL where it failed. */
char *bench_mint_invocation(const struct bench_mint *mint, const char *id, const char *actor,
                            const char *binding, const char *operation, const void *payload,
                            size_t payload_len);

#endif
