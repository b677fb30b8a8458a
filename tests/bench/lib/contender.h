/* A store of keys and values in this process, as wascc-keyvalue-bench-store measures it: ours, and others
 * beside it. pogocache/adapter.c, which is compiled apart, sees this header alone. */
#ifndef WASCC_KEYVALUE_BENCH_CONTENDER_H
#define WASCC_KEYVALUE_BENCH_CONTENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define BENCH_KEY_BYTES 16u
#define BENCH_MAX_STORED_BYTES 4096u
#define BENCH_MANY_KEYS 16u
#define BENCH_NUMBER_BYTES 24u

/* What a counter holds where its store knows only texts. */
struct bench_number {
    char text[BENCH_NUMBER_BYTES];
    size_t len;
};

/* The calls are made from any thread, but open and close. Keys have BENCH_KEY_BYTES bytes. */
struct bench_contender {
    const char *name;
    void *(*open)(void); /* NULL: no memory */
    void (*close)(void *store);
    /* false: it failed */
    bool (*set)(void *store, const char *key, const char *value, size_t len);
    /* Copies the value, at most BENCH_MAX_STORED_BYTES, and returns its bytes: 0 where there is none. */
    size_t (*get)(void *store, const char *key, char *value);
    /* The same of BENCH_MANY_KEYS keys that are known at once: the value of the last, 0 where one has none.
     * NULL: it has nothing for that. */
    size_t (*get_many)(void *store, const char (*keys)[BENCH_KEY_BYTES], char *value);
    /* Returns the sum, which is above nothing, or 0 where it failed. */
    int64_t (*add)(void *store, const char *key, int64_t delta);
    /* Does what upkeep there is to do. NULL: none. */
    void (*settle)(void *store);
    /* Bytes of memory by its own count, or by malloc's. */
    uint64_t (*count)(void *store);
};

static inline int64_t bench_number_add(struct bench_number *number, const char *text, size_t len,
                                       int64_t delta)
{
    char digits[BENCH_NUMBER_BYTES] = "";
    for (size_t i = 0; i < len && i < sizeof digits - 1; i++)
        digits[i] = text[i];
    long long sum = strtoll(digits, NULL, 10) + delta;
    number->len = (size_t)snprintf(number->text, sizeof number->text, "%lld", sum);
    return sum;
}

#endif
