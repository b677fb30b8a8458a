#include "contenders.h"

#if __has_include(<uthash.h>)

#include <malloc.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <uthash.h>

/* The key and the value lie behind it. */
struct entry {
    UT_hash_handle hh;
    uint16_t len;
    char bytes[];
};

struct table {
    pthread_mutex_t lock;
    struct entry *entries;
    uint64_t before; /* malloc's bytes */
};

static uint64_t malloced(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void *open_table(void)
{
    uint64_t before = malloced();
    struct table *table = calloc(1, sizeof *table);
    if (table == NULL)
        return NULL;
    table->before = before;
    (void)pthread_mutex_init(&table->lock, NULL);
    return table;
}

static void close_table(void *store)
{
    struct table *table = store;
    struct entry *entry = table->entries;
    HASH_CLEAR(hh, table->entries);
    while (entry != NULL) {
        struct entry *next = entry->hh.next;
        free(entry);
        entry = next;
    }
    (void)pthread_mutex_destroy(&table->lock);
    free(table);
}

static struct entry *find(struct table *table, const char *key)
{
    struct entry *entry;
    HASH_FIND(hh, table->entries, key, BENCH_KEY_BYTES, entry);
    return entry;
}

static bool insert(struct table *table, const char *key, const char *value, size_t len)
{
    struct entry *entry = malloc(offsetof(struct entry, bytes) + BENCH_KEY_BYTES + len);
    if (entry == NULL)
        return false;
    memcpy(entry->bytes, key, BENCH_KEY_BYTES);
    memcpy(entry->bytes + BENCH_KEY_BYTES, value, len);
    entry->len = (uint16_t)len;
    HASH_ADD_KEYPTR(hh, table->entries, entry->bytes, BENCH_KEY_BYTES, entry);
    return true;
}

/* A value of another length has an entry of its own. */
static bool put(struct table *table, const char *key, const char *value, size_t len)
{
    struct entry *entry = find(table, key);
    if (entry != NULL && entry->len == len) {
        memcpy(entry->bytes + BENCH_KEY_BYTES, value, len);
        return true;
    }
    if (entry != NULL) {
        HASH_DEL(table->entries, entry);
        free(entry);
    }
    return insert(table, key, value, len);
}

static bool set(void *store, const char *key, const char *value, size_t len)
{
    struct table *table = store;
    (void)pthread_mutex_lock(&table->lock);
    bool done = put(table, key, value, len);
    (void)pthread_mutex_unlock(&table->lock);
    return done;
}

static size_t get(void *store, const char *key, char *value)
{
    struct table *table = store;
    (void)pthread_mutex_lock(&table->lock);
    struct entry *entry = find(table, key);
    size_t len = entry == NULL ? 0 : entry->len;
    if (entry != NULL)
        memcpy(value, entry->bytes + BENCH_KEY_BYTES, len);
    (void)pthread_mutex_unlock(&table->lock);
    return len;
}

static int64_t add(void *store, const char *key, int64_t delta)
{
    struct table *table = store;
    struct bench_number number;
    (void)pthread_mutex_lock(&table->lock);
    struct entry *entry = find(table, key);
    const char *text = entry == NULL ? "" : entry->bytes + BENCH_KEY_BYTES;
    int64_t sum = bench_number_add(&number, text, entry == NULL ? 0 : entry->len, delta);
    if (!put(table, key, number.text, number.len))
        sum = 0;
    (void)pthread_mutex_unlock(&table->lock);
    return sum;
}

static uint64_t count(void *store)
{
    return malloced() - ((struct table *)store)->before;
}

static const struct bench_contender uthash = {.name = "uthash, one lock",
                                              .open = open_table,
                                              .close = close_table,
                                              .set = set,
                                              .get = get,
                                              .add = add,
                                              .count = count};

const struct bench_contender *bench_find_uthash(void)
{
    return &uthash;
}

#else

const struct bench_contender *bench_find_uthash(void)
{
    return NULL;
}

#endif
