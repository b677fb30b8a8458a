/* The verified actor claims that a worker remembers (CONTRACT section 6: "A claims token is verified once
 * with libsodium and remembered until it expires, in a bounded cache").
 *
 * A token is found by a keyed hash and then known by comparing the whole of it in constant time. Only tokens
 * whose signature held get in, so a flood of bad ones changes nothing. A flood of different good ones evicts
 * by CLOCK: a token that was found since the hand last passed is skipped once.
 *
 * Remembered claims never outlive their `exp`. Each remembers the generation of the trust lists that it was
 * checked against: under a new generation its issuer is looked up again, and where it is gone, so are the
 * claims.
 *
 * Not thread-safe but for its stats: one cache belongs to one worker, which is why a look-up takes no lock.
 */
#ifndef WKV_SECURITY_CLAIMS_CACHE_H
#define WKV_SECURITY_CLAIMS_CACHE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "security/nkey.h"
#include "security/trust.h"
#include "support/error.h"

/* What is kept of a verified token. */
struct wkv_claims {
    char actor[WKV_NKEY_PUBLIC_CHARS + 1];
    unsigned char issuer[WKV_NKEY_BYTES];
    int64_t not_before_s; /* 0: none */
    int64_t expires_s;    /* WKV_TOKEN_NEVER: never */
    bool keyvalue;        /* its caps hold wascc:keyvalue */
};

#define WKV_CLAIMS_CACHE_ENTRIES 4096u
#define WKV_CLAIMS_CACHE_MAX_ENTRIES (1u << 20)
#define WKV_CLAIMS_CACHE_BYTES (8u << 20)
#define WKV_CLAIMS_CACHE_KEY_BYTES 16

/* Zero means the default. */
struct wkv_claims_cache_options {
    uint32_t max_entries; /* default WKV_CLAIMS_CACHE_ENTRIES, at most WKV_CLAIMS_CACHE_MAX_ENTRIES */
    size_t max_bytes;     /* of all remembered tokens' text; default WKV_CLAIMS_CACHE_BYTES */
    struct wkv_claims_tally *tally; /* borrowed while the cache lives; default: none */
    const unsigned char *hash_key;  /* WKV_CLAIMS_CACHE_KEY_BYTES bytes, copied; default: random. For tests */
};

struct wkv_claims_cache_stats {
    uint64_t hits;
    uint64_t misses;    /* also what had expired or lost its issuer */
    uint64_t evictions; /* for want of room */
    uint32_t entries;
    size_t bytes; /* of remembered tokens' text */
};

struct wkv_claims_cache;

/* All caches of a process, for those who ask what they do together. A cache joins where it is created and
 * leaves where it is destroyed; its hits, misses and evictions stay counted. Zeroed is not yet empty: init.
 * Any thread. */
struct wkv_claims_tally {
    pthread_mutex_t lock;
    struct wkv_claims_cache *first;
    struct wkv_claims_cache_stats former; /* of the caches that have left */
};

void wkv_claims_tally_init(struct wkv_claims_tally *tally);
void wkv_claims_tally_add_up(struct wkv_claims_tally *tally, struct wkv_claims_cache_stats *sum);

/* When all caches have left. */
void wkv_claims_tally_destroy(struct wkv_claims_tally *tally);

/* Errors: WKV_BAD_REQUEST (max_entries is too large), WKV_NO_MEMORY (memory is short). */
enum wkv_code wkv_claims_cache_create(const struct wkv_claims_cache_options *options,
                                      struct wkv_claims_cache **cache, struct wkv_error *error);

/* The remembered claims of exactly this token, valid until the next call with this cache; NULL where it is
 * not remembered, is expired or not yet valid at now_s, or has an issuer that trust no longer holds. */
const struct wkv_claims *wkv_claims_cache_find(struct wkv_claims_cache *cache, const char *token, size_t len,
                                               const struct wkv_trust *trust, int64_t now_s);

/* Remembers a token that WAS VERIFIED against trust and is not in the cache, evicting others for room. Does
 * nothing where memory is short or the token alone is over max_bytes: it is verified again next time, then.
 */
void wkv_claims_cache_add(struct wkv_claims_cache *cache, const char *token, size_t len,
                          const struct wkv_claims *claims, const struct wkv_trust *trust);

/* Any thread while the cache lives; each number is that of some moment. */
void wkv_claims_cache_stats(const struct wkv_claims_cache *cache, struct wkv_claims_cache_stats *stats);

/* Frees everything. NULL is allowed. */
void wkv_claims_cache_destroy(struct wkv_claims_cache *cache);

#endif
