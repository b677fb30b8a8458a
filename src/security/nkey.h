/* nkeys: Ed25519 public keys and seeds as text (CONTRACT section 6).
 *
 * A public key, 35 bytes before base32 (RFC 4648, no padding), 56 characters after:
 *
 *   +--------+----------------------+-----------+
 *   | prefix | public key           | CRC-16 LE |
 *   | 1 byte | 32 bytes             | 2 bytes   |
 *   +--------+----------------------+-----------+
 *
 * A seed, 36 bytes before base32, 58 characters after (the last two bits are always zero):
 *
 *   +-----------------------+----------------------+----------+-----------+
 *   | 18 * 8 | (prefix >>5) | (prefix & 31) << 3   | seed     | CRC-16 LE |
 *   | 1 byte                | 1 byte               | 32 bytes | 2 bytes   |
 *   +-----------------------+----------------------+----------+-----------+
 *
 * The CRC is CRC-16/XMODEM over everything in front of it. Every key has exactly one spelling: lower case,
 * padding, white space and trailing bits that are not zero are refused.
 *
 * Seeds live in memory of libsodium's guarded allocator: locked where the system allows it, left out of core
 * dumps, wiped when it is freed. No function here quotes a key or a seed in an error.
 *
 * Thread-safety: every function may be called from any thread; a seed may be used by several threads at once
 * until it is destroyed.
 */
#ifndef WKV_SECURITY_NKEY_H
#define WKV_SECURITY_NKEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/error.h"
#include "support/file.h"

/* What a key is for. The value is the prefix byte of its public key. */
enum wkv_nkey_kind {
    WKV_NKEY_ACCOUNT = 0 << 3,   /* A: issues actor claims */
    WKV_NKEY_MODULE = 12 << 3,   /* M: is an actor */
    WKV_NKEY_HOST = 13 << 3,     /* N: issues invocation claims */
    WKV_NKEY_OPERATOR = 14 << 3, /* O: vouches for accounts */
    WKV_NKEY_USER =
        20 << 3, /* U: connects to a NATS server (--nkey); NATS's own, not in the contract's table */
    WKV_NKEY_PROVIDER = 21 << 3, /* V: is a capability provider */
};

#define WKV_NKEY_BYTES 32           /* a public key, and a seed, without its wrapping */
#define WKV_NKEY_SIGNATURE_BYTES 64 /* an Ed25519 signature */
#define WKV_NKEY_PUBLIC_CHARS 56    /* a public key as text, without a NUL */
#define WKV_NKEY_SEED_CHARS 58      /* a seed as text, without a NUL */

/* A public key. Plain data, to be copied at will. */
struct wkv_nkey {
    enum wkv_nkey_kind kind;
    unsigned char bytes[WKV_NKEY_BYTES];
};

/* A key pair, made from its seed. Opaque, in guarded memory. */
struct wkv_nkey_seed;

/* "account", "module", "host", "operator", "provider" or "user". Static text. */
const char *wkv_nkey_kind_name(enum wkv_nkey_kind kind);

/* Reads one of those names. Returns false for anything else. */
bool wkv_nkey_kind_parse(const char *name, enum wkv_nkey_kind *kind);

/* Reads a public key of any kind from len characters; no NUL is needed.
 * Errors: WKV_BAD_REQUEST (length, alphabet, checksum, a seed, or a kind that is not in the table; the text
 * says which). *key is untouched then. */
enum wkv_code wkv_nkey_decode(const char *text, size_t len, struct wkv_nkey *key, struct wkv_error *error);

/* The same, and the key must be of that kind.
 * Errors: WKV_BAD_REQUEST. */
enum wkv_code wkv_nkey_decode_kind(const char *text, size_t len, enum wkv_nkey_kind kind,
                                   struct wkv_nkey *key, struct wkv_error *error);

/* Writes the key's 56 characters and a NUL. */
void wkv_nkey_encode(const struct wkv_nkey *key, char text[WKV_NKEY_PUBLIC_CHARS + 1]);

/* Whether signature is key's over those bytes. Signatures that are not canonical, and keys of small order,
 * never hold (libsodium's strict verification). Costs tens of microseconds. */
bool wkv_nkey_verify(const struct wkv_nkey *key, const void *bytes, size_t len,
                     const unsigned char signature[WKV_NKEY_SIGNATURE_BYTES]);

/* Makes a new random key pair. The caller owns *seed.
 * Errors: WKV_NO_MEMORY (memory is short, or libsodium does not start). */
enum wkv_code wkv_nkey_seed_generate(enum wkv_nkey_kind kind, struct wkv_nkey_seed **seed,
                                     struct wkv_error *error);

/* Reads a seed from len characters; no NUL is needed. The caller owns *seed, and wipes text.
 * Errors: WKV_BAD_REQUEST (as wkv_nkey_decode, also where it is a public key), WKV_NO_MEMORY. */
enum wkv_code wkv_nkey_seed_decode(const char *text, size_t len, struct wkv_nkey_seed **seed,
                                   struct wkv_error *error);

/* Reads a seed from a file: either its 58 characters with white space around them, or the JSON object that
 * `keygen` prints; a byte order mark and lines that end as Windows' do make no difference. The file passes
 * through guarded memory only. The caller owns *seed. Errors: WKV_BAD_REQUEST (cannot be read or is not of
 * that kind, is longer than WKV_NKEY_SEED_FILE_BYTES, or holds no seed; the text does not quote path, which
 * may be a seed that was given by mistake), WKV_NO_MEMORY. */
enum wkv_code wkv_nkey_seed_load(const char *path, enum wkv_file_kind kind, struct wkv_nkey_seed **seed,
                                 struct wkv_error *error);

#define WKV_NKEY_SEED_FILE_BYTES 4096

/* Writes the seed's 58 characters and a NUL: a secret, which the caller wipes (sodium_memzero). */
void wkv_nkey_seed_encode(const struct wkv_nkey_seed *seed, char text[WKV_NKEY_SEED_CHARS + 1]);

/* The pair's public key. */
struct wkv_nkey wkv_nkey_seed_public(const struct wkv_nkey_seed *seed);

/* Signs len bytes. Deterministic (RFC 8032). */
void wkv_nkey_seed_sign(const struct wkv_nkey_seed *seed, const void *bytes, size_t len,
                        unsigned char signature[WKV_NKEY_SIGNATURE_BYTES]);

/* The same, but the signature's first byte is never 0: nats.c before 3.8 sends one that begins so, as 1 in
 * 256 does, as nothing at all, and the server refuses it. Where RFC 8032's would, another one that holds is
 * made. */
void wkv_nkey_seed_sign_without_zero(const struct wkv_nkey_seed *seed, const void *bytes, size_t len,
                                     unsigned char signature[WKV_NKEY_SIGNATURE_BYTES]);

/* Wipes and frees. NULL is allowed. */
void wkv_nkey_seed_destroy(struct wkv_nkey_seed *seed);

#endif
