/* Keyed hashing: SipHash-2-4 (libsodium's crypto_shorthash) under a key that is random for each process, so
 * that a caller cannot aim names at one slot. */
#ifndef WKV_SUPPORT_HASH_H
#define WKV_SUPPORT_HASH_H

#include <sodium.h>
#include <stdint.h>
#include <string.h>

#include "wascc_keyvalue/text.h"

struct wkv_hasher {
    unsigned char seed[crypto_shorthash_KEYBYTES];
};

static inline void wkv_hasher_init(struct wkv_hasher *hasher)
{
    randombytes_buf(hasher->seed, sizeof hasher->seed);
}

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

#endif
