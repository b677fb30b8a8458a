#include "security/nkey.h"

#include <sodium.h>
#include <string.h>

#include "security/base32.h"

#define SEED_PREFIX (18u << 3)
#define CRC_BYTES 2
#define PUBLIC_RAW_BYTES (1 + WKV_NKEY_BYTES + CRC_BYTES)
#define SEED_RAW_BYTES (2 + WKV_NKEY_BYTES + CRC_BYTES)

struct wkv_nkey_seed {
    enum wkv_nkey_kind kind;
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
    unsigned char secret_key[crypto_sign_SECRETKEYBYTES]; /* the seed, then the public key */
    unsigned char raw[SEED_RAW_BYTES]; /* room to decode in, so that it never is on a stack */
};

static const struct {
    enum wkv_nkey_kind kind;
    char letter;
    const char *name;
} KINDS[] = {
    {WKV_NKEY_ACCOUNT, 'A', "account"},   {WKV_NKEY_MODULE, 'M', "module"},     {WKV_NKEY_HOST, 'N', "host"},
    {WKV_NKEY_OPERATOR, 'O', "operator"}, {WKV_NKEY_PROVIDER, 'V', "provider"}, {WKV_NKEY_USER, 'U', "user"},
};
#define KIND_COUNT (sizeof KINDS / sizeof KINDS[0])

/* The row of a prefix byte, or KIND_COUNT. */
static size_t kind_row(unsigned prefix)
{
    size_t row = 0;
    while (row < KIND_COUNT && (unsigned)KINDS[row].kind != prefix)
        row++;
    return row;
}

const char *wkv_nkey_kind_name(enum wkv_nkey_kind kind)
{
    size_t row = kind_row(kind);
    return row < KIND_COUNT ? KINDS[row].name : "unknown";
}

bool wkv_nkey_kind_parse(const char *name, enum wkv_nkey_kind *kind)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (strcmp(name, KINDS[i].name) == 0) {
            *kind = KINDS[i].kind;
            return true;
        }
    return false;
}

/* CRC-16/XMODEM: polynomial 0x1021, nothing reflected, from zero; four bits at a time. The table is small
 * enough that which of it is read tells nothing of a seed. */
static uint16_t crc16(const unsigned char *bytes, size_t len)
{
    /* What four bits that leave at the top do to the rest: the multiples of the polynomial. */
    static const _Alignas(32)
        uint16_t multiples[16] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
                                  0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef};
    uint32_t crc = 0;
    for (size_t i = 0; i < len; i++) {
        crc = (crc << 4 & 0xffffu) ^ multiples[crc >> 12 ^ bytes[i] >> 4];
        crc = (crc << 4 & 0xffffu) ^ multiples[crc >> 12 ^ (bytes[i] & 15u)];
    }
    return (uint16_t)crc;
}

static void append_crc(unsigned char *raw, size_t len)
{
    uint16_t crc = crc16(raw, len);
    raw[len] = (unsigned char)(crc & 0xff);
    raw[len + 1] = (unsigned char)(crc >> 8);
}

/* Decodes len characters and checks the checksum in the last two bytes. */
static enum wkv_code decode_raw(const char *what, const char *text, size_t len, unsigned char *raw,
                                size_t raw_len, struct wkv_error *error)
{
    switch (wkv_base32_decode(text, len, raw)) {
    case WKV_BASE32_OK:
        break;
    case WKV_BASE32_ALPHABET:
        return wkv_fail(error, WKV_BAD_REQUEST, "%s has a character that is not one of A-Z and 2-7", what);
    case WKV_BASE32_TRAILING_BITS:
        return wkv_fail(error, WKV_BAD_REQUEST, "%s does not end in the one way that it can be spelled",
                        what);
    }
    uint16_t crc = crc16(raw, raw_len - CRC_BYTES);
    if (raw[raw_len - 2] != (crc & 0xff) || raw[raw_len - 1] != crc >> 8)
        return wkv_fail(error, WKV_BAD_REQUEST, "%s has a wrong checksum: a character is mistyped or missing",
                        what);
    return WKV_OK;
}

enum wkv_code wkv_nkey_decode(const char *text, size_t len, struct wkv_nkey *key, struct wkv_error *error)
{
    if (len == WKV_NKEY_SEED_CHARS && text[0] == 'S')
        return wkv_fail(error, WKV_BAD_REQUEST, "a seed stands where a public key belongs: keep it secret");
    if (len != WKV_NKEY_PUBLIC_CHARS)
        return wkv_fail(error, WKV_BAD_REQUEST, "a public key has %d characters, not %zu",
                        WKV_NKEY_PUBLIC_CHARS, len);
    unsigned char raw[PUBLIC_RAW_BYTES];
    enum wkv_code code = decode_raw("the public key", text, len, raw, sizeof raw, error);
    if (code != WKV_OK)
        return code;
    size_t row = kind_row(raw[0]);
    if (row == KIND_COUNT)
        return wkv_fail(error, WKV_BAD_REQUEST, "a public key begins with A, M, N, O or V");
    key->kind = KINDS[row].kind;
    memcpy(key->bytes, raw + 1, sizeof key->bytes);
    return WKV_OK;
}

enum wkv_code wkv_nkey_decode_kind(const char *text, size_t len, enum wkv_nkey_kind kind,
                                   struct wkv_nkey *key, struct wkv_error *error)
{
    struct wkv_nkey decoded;
    enum wkv_code code = wkv_nkey_decode(text, len, &decoded, error);
    if (code != WKV_OK)
        return code;
    if (decoded.kind != kind) {
        size_t row = kind_row(kind);
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "the key is of kind %s: %s keys, which begin with %c, belong here",
                        wkv_nkey_kind_name(decoded.kind), wkv_nkey_kind_name(kind),
                        row < KIND_COUNT ? KINDS[row].letter : '?');
    }
    *key = decoded;
    return WKV_OK;
}

void wkv_nkey_encode(const struct wkv_nkey *key, char text[WKV_NKEY_PUBLIC_CHARS + 1])
{
    unsigned char raw[PUBLIC_RAW_BYTES];
    raw[0] = (unsigned char)key->kind;
    memcpy(raw + 1, key->bytes, sizeof key->bytes);
    append_crc(raw, sizeof raw - CRC_BYTES);
    wkv_base32_encode(raw, sizeof raw, text);
}

bool wkv_nkey_verify(const struct wkv_nkey *key, const void *bytes, size_t len,
                     const unsigned char signature[WKV_NKEY_SIGNATURE_BYTES])
{
    return crypto_sign_verify_detached(signature, bytes, len, key->bytes) == 0;
}

/* Guarded memory needs libsodium to be started. */
static struct wkv_nkey_seed *new_seed(struct wkv_error *error)
{
    struct wkv_nkey_seed *seed = sodium_init() < 0 ? NULL : sodium_malloc(sizeof *seed);
    if (seed == NULL)
        wkv_fail(error, WKV_NO_MEMORY, "no guarded memory for a seed");
    return seed;
}

/* The pair is complete and never written to again. */
static void finish_seed(struct wkv_nkey_seed *seed, enum wkv_nkey_kind kind)
{
    seed->kind = kind;
    sodium_memzero(seed->raw, sizeof seed->raw);
    (void)sodium_mprotect_readonly(seed);
}

enum wkv_code wkv_nkey_seed_generate(enum wkv_nkey_kind kind, struct wkv_nkey_seed **seed,
                                     struct wkv_error *error)
{
    struct wkv_nkey_seed *made = new_seed(error);
    if (made == NULL)
        return WKV_NO_MEMORY;
    crypto_sign_keypair(made->public_key, made->secret_key);
    finish_seed(made, kind);
    *seed = made;
    return WKV_OK;
}

/* Reads the decoded seed in made->raw. */
static enum wkv_code open_raw(struct wkv_nkey_seed *made, struct wkv_error *error)
{
    if ((made->raw[0] & 0xf8u) != SEED_PREFIX || (made->raw[1] & 0x07u) != 0)
        return wkv_fail(error, WKV_BAD_REQUEST, "a seed begins with SA, SM, SN, SO, SU or SV");
    size_t row = kind_row((made->raw[0] & 0x07u) << 5 | made->raw[1] >> 3);
    if (row == KIND_COUNT)
        return wkv_fail(error, WKV_BAD_REQUEST, "a seed begins with SA, SM, SN, SO, SU or SV");
    crypto_sign_seed_keypair(made->public_key, made->secret_key, made->raw + 2);
    finish_seed(made, KINDS[row].kind);
    return WKV_OK;
}

enum wkv_code wkv_nkey_seed_decode(const char *text, size_t len, struct wkv_nkey_seed **seed,
                                   struct wkv_error *error)
{
    if (len == WKV_NKEY_PUBLIC_CHARS && text[0] != 'S')
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "a public key stands where a seed belongs, which begins with S");
    if (len != WKV_NKEY_SEED_CHARS)
        return wkv_fail(error, WKV_BAD_REQUEST, "a seed has %d characters, not %zu", WKV_NKEY_SEED_CHARS,
                        len);
    struct wkv_nkey_seed *made = new_seed(error);
    if (made == NULL)
        return WKV_NO_MEMORY;
    enum wkv_code code = decode_raw("the seed", text, len, made->raw, sizeof made->raw, error);
    if (code == WKV_OK)
        code = open_raw(made, error);
    if (code != WKV_OK) {
        wkv_nkey_seed_destroy(made);
        return code;
    }
    *seed = made;
    return WKV_OK;
}

void wkv_nkey_seed_encode(const struct wkv_nkey_seed *seed, char text[WKV_NKEY_SEED_CHARS + 1])
{
    unsigned char raw[SEED_RAW_BYTES];
    raw[0] = (unsigned char)(SEED_PREFIX | (unsigned)seed->kind >> 5);
    raw[1] = (unsigned char)(((unsigned)seed->kind & 31u) << 3);
    memcpy(raw + 2, seed->secret_key, WKV_NKEY_BYTES);
    append_crc(raw, sizeof raw - CRC_BYTES);
    wkv_base32_encode(raw, sizeof raw, text);
    sodium_memzero(raw, sizeof raw);
}

struct wkv_nkey wkv_nkey_seed_public(const struct wkv_nkey_seed *seed)
{
    struct wkv_nkey key = {.kind = seed->kind};
    memcpy(key.bytes, seed->public_key, sizeof key.bytes);
    return key;
}

void wkv_nkey_seed_sign(const struct wkv_nkey_seed *seed, const void *bytes, size_t len,
                        unsigned char signature[WKV_NKEY_SIGNATURE_BYTES])
{
    crypto_sign_detached(signature, NULL, bytes, len, seed->secret_key);
}

/* Ed25519 by hand, with another secret number than the one that RFC 8032 derives from the message: both make
 * signatures that hold. It is hashed out of fresh random bytes, the message and the secret prefix,
 * so that it repeats for no other message, not even where the random bytes did. */
static void sign_again(const struct wkv_nkey_seed *seed, const void *bytes, size_t len,
                       unsigned char signature[WKV_NKEY_SIGNATURE_BYTES])
{
    struct {
        unsigned char expanded[crypto_hash_sha512_BYTES]; /* the secret scalar, then the prefix */
        unsigned char hash[crypto_hash_sha512_BYTES];
        unsigned char random[32];
        unsigned char number[crypto_core_ed25519_SCALARBYTES];
        unsigned char product[crypto_core_ed25519_SCALARBYTES];
    } secret;
    crypto_generichash_state state;
    crypto_hash_sha512_state challenge;
    (void)crypto_hash_sha512(secret.expanded, seed->secret_key, WKV_NKEY_BYTES);
    secret.expanded[0] &= 248;
    secret.expanded[31] = (secret.expanded[31] & 127) | 64;
    randombytes_buf(secret.random, sizeof secret.random);
    (void)crypto_generichash_init(&state, secret.expanded + 32, 32, sizeof secret.hash);
    (void)crypto_generichash_update(&state, secret.random, sizeof secret.random);
    (void)crypto_generichash_update(&state, bytes, len);
    (void)crypto_generichash_final(&state, secret.hash, sizeof secret.hash);
    crypto_core_ed25519_scalar_reduce(secret.number, secret.hash);
    (void)crypto_scalarmult_ed25519_base_noclamp(signature, secret.number);
    (void)crypto_hash_sha512_init(&challenge);
    (void)crypto_hash_sha512_update(&challenge, signature, 32);
    (void)crypto_hash_sha512_update(&challenge, seed->public_key, sizeof seed->public_key);
    (void)crypto_hash_sha512_update(&challenge, bytes, len);
    (void)crypto_hash_sha512_final(&challenge, secret.hash);
    crypto_core_ed25519_scalar_reduce(secret.product, secret.hash);
    crypto_core_ed25519_scalar_mul(secret.product, secret.product, secret.expanded);
    crypto_core_ed25519_scalar_add(signature + 32, secret.product, secret.number);
    sodium_memzero(&secret, sizeof secret);
    sodium_memzero(&state, sizeof state);
}

void wkv_nkey_seed_sign_without_zero(const struct wkv_nkey_seed *seed, const void *bytes, size_t len,
                                     unsigned char signature[WKV_NKEY_SIGNATURE_BYTES])
{
    wkv_nkey_seed_sign(seed, bytes, len, signature);
    while (signature[0] == 0)
        sign_again(seed, bytes, len, signature);
}

void wkv_nkey_seed_destroy(struct wkv_nkey_seed *seed)
{
    /* sodium_free makes the pages writable again and wipes them. */
    sodium_free(seed);
}
