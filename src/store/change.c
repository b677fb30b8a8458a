#include "store/change.h"

#include <stdlib.h>
#include <string.h>

#include "store/store.h"

struct record {
    uint32_t keyspace;
    uint16_t key_len;
    uint8_t what;
    uint8_t value; /* enum noted_value */
    uint32_t value_len;
};

enum noted_value { NO_VALUE, HAS_VALUE, LARGE_VALUE };

/* A value that would take more of a log than this part is left out of it. */
#define LARGE_PART 4

void wkv_change_note(struct wkv_change_log *log, const struct wkv_entry *entry, enum wkv_change_kind what)
{
    struct wkv_text value = {NULL, 0};
    char decimal[WKV_DECIMAL_BYTES];
    enum noted_value noted = NO_VALUE;
    if (log->values && what == WKV_CHANGE_PUT && wkv_entry_text(entry, decimal, &value))
        noted = value.len <= log->capacity / LARGE_PART ? HAS_VALUE : LARGE_VALUE;
    struct record record = {.keyspace = entry->keyspace,
                            .key_len = entry->key_len,
                            .what = (uint8_t)what,
                            .value = (uint8_t)noted,
                            .value_len = noted == HAS_VALUE ? (uint32_t)value.len : 0};
    size_t bytes = sizeof record + record.key_len + record.value_len;
    if (log->used == 0)
        atomic_store_explicit(log->any, true, memory_order_relaxed);
    log->missed |= bytes > log->capacity - log->used;
    if (log->missed)
        return;
    char *at = log->bytes + log->used;
    memcpy(at, &record, sizeof record);
    memcpy(at + sizeof record, wkv_entry_key(entry), record.key_len);
    if (record.value_len > 0)
        memcpy(at + sizeof record + record.key_len, value.data, record.value_len);
    log->used += bytes;
}

struct wkv_changes {
    struct wkv_store *store;
    uint64_t bytes; /* reserved in the budget */
    size_t capacity;
    char *spare; /* an empty buffer, to be swapped for a shard's */
};

static void set_log(struct wkv_shard *shard, struct wkv_change_log log)
{
    wkv_shard_lock(shard);
    char *old = shard->log.bytes;
    shard->log = log;
    wkv_shard_unlock(shard);
    free(old);
}

static bool start(struct wkv_changes *changes, bool values)
{
    struct wkv_store *store = changes->store;
    changes->spare = malloc(changes->capacity);
    for (uint32_t i = 0; changes->spare != NULL && i < store->shard_count; i++) {
        struct wkv_change_log log = {.bytes = malloc(changes->capacity),
                                     .any = &store->any_changes,
                                     .capacity = changes->capacity,
                                     .values = values};
        if (log.bytes == NULL)
            return false;
        set_log(&store->shards[i], log);
    }
    return changes->spare != NULL;
}

struct wkv_changes *wkv_changes_open(struct wkv_store *store, const struct wkv_changes_options *options)
{
    if (atomic_exchange(&store->observed, true))
        return NULL;
    size_t capacity = options->bytes_per_shard == 0 ? WKV_CHANGES_DEFAULT_BYTES : options->bytes_per_shard;
    uint64_t bytes = sizeof(struct wkv_changes) + ((uint64_t)store->shard_count + 1) * capacity;
    wkv_store_make_room(&(struct wkv_view){.store = store}, bytes);
    bool reserved = wkv_store_reserve(store, bytes);
    struct wkv_changes *changes = reserved ? calloc(1, sizeof *changes) : NULL;
    if (changes == NULL) {
        if (reserved)
            wkv_store_release(store, bytes);
        atomic_store(&store->observed, false);
        return NULL;
    }
    *changes = (struct wkv_changes){.store = store, .bytes = bytes, .capacity = capacity};
    if (start(changes, options->values))
        return changes;
    wkv_changes_close(changes);
    return NULL;
}

void wkv_changes_close(struct wkv_changes *changes)
{
    if (changes == NULL)
        return;
    struct wkv_store *store = changes->store;
    for (uint32_t i = 0; i < store->shard_count; i++)
        set_log(&store->shards[i], (struct wkv_change_log){.bytes = NULL});
    /* What was noted and not taken is nobody's any more: nobody need be woken for it. */
    atomic_store_explicit(&store->any_changes, false, memory_order_relaxed);
    wkv_store_release(store, changes->bytes);
    free(changes->spare);
    free(changes);
    atomic_store(&store->observed, false);
}

static void show(const char *at, const char *end, wkv_change_visitor visit, void *context)
{
    while (at < end) {
        struct record record;
        memcpy(&record, at, sizeof record);
        const char *key = at + sizeof record, *value = key + record.key_len;
        at = value + record.value_len;
        visit(context, &(struct wkv_change){.what = (enum wkv_change_kind)record.what,
                                            .key = {record.keyspace, {key, record.key_len}},
                                            .has_value = record.value == HAS_VALUE,
                                            .is_large = record.value == LARGE_VALUE,
                                            .value = {value, record.value_len}});
    }
}

/* Takes what the shard has noted, under its lock: it goes on with the empty buffer. */
static struct wkv_change_log take_noted(struct wkv_changes *changes, struct wkv_shard *shard)
{
    struct wkv_change_log taken = shard->log;
    shard->log.bytes = changes->spare;
    shard->log.used = 0;
    shard->log.missed = false;
    changes->spare = taken.bytes;
    return taken;
}

static void show_taken(const struct wkv_change_log *taken, wkv_change_visitor visit, void *context)
{
    show(taken->bytes, taken->bytes + taken->used, visit, context);
    if (taken->missed)
        visit(context, &(struct wkv_change){.what = WKV_CHANGE_MISSED});
}

static void take_shard(struct wkv_changes *changes, struct wkv_shard *shard, wkv_change_visitor visit,
                       void *context)
{
    wkv_shard_lock(shard);
    struct wkv_change_log taken = take_noted(changes, shard);
    wkv_shard_unlock(shard);
    show_taken(&taken, visit, context);
}

void wkv_changes_take(struct wkv_changes *changes, wkv_change_visitor visit, void *context)
{
    struct wkv_store *store = changes->store;
    if (!atomic_exchange_explicit(&store->any_changes, false, memory_order_relaxed))
        return;
    for (uint32_t i = 0; i < store->shard_count; i++)
        take_shard(changes, &store->shards[i], visit, context);
}

bool wkv_store_has_changes(const struct wkv_store *store)
{
    return atomic_load_explicit(&store->any_changes, memory_order_relaxed);
}

void wkv_changes_scan(struct wkv_changes *changes, uint32_t keyspace, uint64_t cursor, int64_t now_ns,
                      struct wkv_store_scan *scan, wkv_change_visitor visit, void *context)
{
    struct wkv_shard *shard = wkv_scan_shard_of(changes->store, cursor);
    struct wkv_change_log taken = {.bytes = NULL};
    scan->count = 0;
    scan->next = WKV_STORE_SCAN_END;
    if (shard == NULL)
        return;
    wkv_shard_lock(shard);
    taken = take_noted(changes, shard);
    wkv_scan_locked(changes->store, keyspace, cursor, now_ns, scan);
    wkv_shard_unlock(shard);
    show_taken(&taken, visit, context);
}

enum wkv_store_status wkv_changes_read(struct wkv_changes *changes, const struct wkv_key *key, int64_t now_ns,
                                       wkv_store_visitor show_value, void *show_context,
                                       wkv_change_visitor visit, void *context)
{
    struct wkv_view view;
    char decimal[WKV_DECIMAL_BYTES];
    struct wkv_text value = {NULL, 0};
    (void)wkv_store_begin(&view, changes->store, key, 1, WKV_STORE_READS, now_ns);
    struct wkv_change_log taken = take_noted(changes, wkv_view_place(&view, 0).shard);
    const struct wkv_entry *entry = wkv_view_find(&view, 0);
    bool is_scalar = entry != NULL && wkv_entry_text(entry, decimal, &value);
    if (is_scalar && show_value != NULL)
        (void)show_value(show_context, value);
    wkv_store_end(&view);
    show_taken(&taken, visit, context);
    return entry == NULL ? WKV_STORE_MISSING : is_scalar ? WKV_STORE_OK : WKV_STORE_WRONG_KIND;
}
