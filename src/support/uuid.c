#include "support/uuid.h"

#include <sodium.h>
#include <stdio.h>

void wkv_uuid(char out[WKV_UUID_BYTES])
{
    unsigned char b[16];
    char hex[sizeof b * 2 + 1];
    randombytes_buf(b, sizeof b);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    (void)sodium_bin2hex(hex, sizeof hex, b, sizeof b);
    (void)snprintf(out, WKV_UUID_BYTES, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
                   hex + 20);
}
