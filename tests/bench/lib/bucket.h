/* What JetStream answers to a client of its key-value bucket. */
#ifndef WASCC_KEYVALUE_BENCH_BUCKET_H
#define WASCC_KEYVALUE_BENCH_BUCKET_H

#include "form.h"

/* Whether the payload answers one of the bucket's operations about this key. An error's does not. */
bool bench_bucket_is_right(enum bench_operation operation, size_t value_bytes, uint64_t key,
                           const char *payload, size_t len);

#endif
