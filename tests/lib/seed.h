/* The key pair of 32 chosen bytes: the same keys in every run. */
#ifndef WKV_TESTS_LIB_SEED_H
#define WKV_TESTS_LIB_SEED_H

#include <string.h>

#include "security/base32.h"
#include "security/nkey.h"

/* CRC-16/XMODEM, a bit at a time. */
static inline unsigned test_crc16(const unsigned char *bytes, size_t len)
{
    unsigned crc = 0;
    for (size_t bit = 0; bit < 8 * len; bit++) {
        unsigned top = (crc >> 15 ^ bytes[bit / 8] >> (7 - bit % 8)) & 1u;
        crc = (crc << 1 & 0xffffu) ^ (top != 0 ? 0x1021u : 0);
    }
    return crc;
}

/* Contract section 6 draws a seed's text. The caller owns *seed. */
static inline enum wkv_code test_seed_of_bytes(enum wkv_nkey_kind kind,
                                               const unsigned char bytes[WKV_NKEY_BYTES],
                                               struct wkv_nkey_seed **seed)
{
    unsigned char raw[2 + WKV_NKEY_BYTES + 2] = {18u << 3 | (unsigned)kind >> 5, ((unsigned)kind & 31u) << 3};
    char text[WKV_NKEY_SEED_CHARS + 1];
    memcpy(raw + 2, bytes, WKV_NKEY_BYTES);
    unsigned crc = test_crc16(raw, sizeof raw - 2);
    raw[sizeof raw - 2] = (unsigned char)(crc & 0xffu);
    raw[sizeof raw - 1] = (unsigned char)(crc >> 8);
    wkv_base32_encode(raw, sizeof raw, text);
    return wkv_nkey_seed_decode(text, WKV_NKEY_SEED_CHARS, seed, NULL);
}

#endif
