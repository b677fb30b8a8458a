/* A redis-server to measure ours beside, and redis-benchmark, which measures it. One thread. */
#ifndef WASCC_KEYVALUE_BENCH_REDIS_H
#define WASCC_KEYVALUE_BENCH_REDIS_H

#include "stage.h"

struct bench_redis {
    struct bench_stage *stage;
    struct bench_child server;
    char port[8];
    uint64_t keys;
    size_t value_bytes;
};

/* Starts it, keeping nothing on disk, and sets the keys that redis-benchmark asks for. stage, keys and
 * value_bytes are the caller's to fill in before. Returns 0, or -1 after saying what went wrong. */
int bench_redis_start(struct bench_redis *redis);

/* Sets redis->keys keys, those that are there anew. Returns 0 or -1, likewise. */
int bench_redis_load(struct bench_redis *redis);

/* How much memory it counts as used. Returns 0 or -1, likewise. */
int bench_redis_count(struct bench_redis *redis, uint64_t *bytes);

/* Has redis-benchmark send so many "set" or "get" of random keys, 64 clients with pipelines of that length.
 * Returns 0, or -1 after saying what went wrong. */
int bench_redis_measure(struct bench_redis *redis, const char *operation, unsigned pipeline, uint64_t count,
                        struct bench_result *result);

#endif
