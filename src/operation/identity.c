#include <sodium.h>

#include "operation/identity.h"

/* 16 random bytes in Crockford's base32: letters and digits that nobody confuses, and no '.' for a subject to
 * trip over. */
void wkv_make_instance_id(char out[WKV_INSTANCE_ID_BYTES])
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    for (int i = 0; i < WKV_INSTANCE_ID_BYTES - 1; i++)
        out[i] = digits[randombytes_uniform(32)];
    out[WKV_INSTANCE_ID_BYTES - 1] = '\0';
}
