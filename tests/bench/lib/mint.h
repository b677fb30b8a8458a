/* Who is who in a run of --auth, and their signatures: one account, one host, and actors with claims.
 *
 * It alone of the benchmark's files uses the project's library. All keys are made for the run and kept by it.
 * Whatever fails has said so on stderr.
 */
#ifndef WASCC_KEYVALUE_BENCH_MINT_H
#define WASCC_KEYVALUE_BENCH_MINT_H

#include <stddef.h>

struct bench_mint;

/* Returns NULL where it failed. */
struct bench_mint *bench_mint_create(size_t actors);

/* NULL is allowed. */
void bench_mint_destroy(struct bench_mint *mint);

size_t bench_mint_actors(const struct bench_mint *mint);

/* Public keys, and actor claims as long as real ones. NUL-terminated, the mint's. */
const char *bench_mint_issuer(const struct bench_mint *mint);
const char *bench_mint_host(const struct bench_mint *mint);
const char *bench_mint_actor(const struct bench_mint *mint, size_t number);
const char *bench_mint_claims(const struct bench_mint *mint, size_t number);

/* Makes the claims of one invocation, which hold for a minute and once; id NULL: a random one. The caller
 * frees them. Returns NULL where it failed. */
char *bench_mint_invocation(const struct bench_mint *mint, const char *id, const char *actor,
                            const char *binding, const char *operation, const void *payload,
                            size_t payload_len);

#endif
