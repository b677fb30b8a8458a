/* Keyed hashing: SipHash-2-4 (libsodium's crypto_shorthash) under a seed that is random for each process, so
 * that a caller cannot aim keys at one bucket. */
#ifndef WKV_STORE_HASH_H
#define WKV_STORE_HASH_H

#include <sodium.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "wascc_keyvalue/store.h"

struct wkv_hasher {
    unsigned char seed[crypto_shorthash_KEYBYTES];
};

/* The hash of text in a domain (a keyspace's number): the same text in two domains has unrelated hashes. */
static inline uint64_t wkv_hash(const struct wkv_hasher *hasher, uint32_t domain, struct wkv_text text)
{
    unsigned char seed[crypto_shorthash_KEYBYTES];
    uint32_t word;
    uint64_t hash;
    memcpy(seed, hasher->seed, sizeof seed);
    memcpy(&word, seed, sizeof word);
    word ^= domain;
    memcpy(seed, &word, sizeof word);
    (void)crypto_shorthash((unsigned char *)&hash, (const unsigned char *)text.data, text.len, seed);
    return hash;
}

static inline int wkv_text_equal(struct wkv_text text, const char *bytes, size_t len)
{
    return text.len == len && (len == 0 || memcmp(text.data, bytes, len) == 0);
}

#endif
