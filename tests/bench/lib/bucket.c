#include "bucket.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* As many bytes as base64 has whole characters for; they hold all digits that tell a value from another but
 * one. */
#define TELLING_BYTES 9

static bool holds(const char *payload, size_t len, const char *text)
{
    return memmem(payload, len, text, strlen(text)) != NULL;
}

/* {"type":…,"message":{"subject":"$KV.BENCH.key.0000000007","seq":7,"data":"NzAw…","time":…}} */
static bool is_message(size_t value_bytes, uint64_t key, const char *payload, size_t len)
{
    char subject[64], value[BENCH_PAYLOAD_BYTES], base64[32], data[48];
    snprintf(subject, sizeof subject, "\"" BENCH_BUCKET_KEYS "key.%010llu\"", (unsigned long long)key);
    size_t telling = value_bytes < TELLING_BYTES ? value_bytes / 3 * 3 : TELLING_BYTES;
    bench_form_value(telling, key, value);
    sodium_bin2base64(base64, sizeof base64, (const unsigned char *)value, telling,
                      sodium_base64_VARIANT_ORIGINAL);
    snprintf(data, sizeof data, "\"data\":\"%s", base64);
    return holds(payload, len, subject) && holds(payload, len, data);
}

bool bench_bucket_is_right(enum bench_operation operation, size_t value_bytes, uint64_t key,
                           const char *payload, size_t len)
{
    if (operation == BENCH_KV_GET)
        return bench_form_value_is_right(value_bytes, key, payload, len);
    if (operation == BENCH_KV_MSG_GET)
        return is_message(value_bytes, key, payload, len);
    return holds(payload, len, "\"stream\":\"" BENCH_BUCKET_STREAM "\"") && holds(payload, len, "\"seq\":") &&
           !holds(payload, len, "\"error\"");
}
