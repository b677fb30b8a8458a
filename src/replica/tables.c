#include "replica/tables.h"

#include <stdlib.h>

#include "replica/values.h"

bool wkv_tables_init(struct wkv_tables *tables, const struct wkv_record_key *key)
{
    struct wkv_store_options options = {
        .shards = 1, .blocks = WKV_STORE_BLOCKS_MALLOC, .hash_seed = key->bytes};
    *tables = (struct wkv_tables){.store = wkv_store_create(&options, 0)};
    return tables->store != NULL;
}

void wkv_tables_destroy(struct wkv_tables *tables)
{
    wkv_store_destroy(tables->store);
    *tables = (struct wkv_tables){.store = NULL};
}

static bool copy(void *buffer, struct wkv_text value)
{
    (void)wkv_buffer_append(buffer, value.data, value.len);
    return false;
}

bool wkv_tables_find(const struct wkv_tables *tables, enum wkv_table_name table, struct wkv_text name,
                     int64_t now_ns, struct wkv_buffer *value)
{
    struct wkv_key key = {table, name};
    struct wkv_view view;
    wkv_buffer_reset(value, SIZE_MAX);
    if (tables->store == NULL)
        return false;
    (void)wkv_store_begin(&view, tables->store, &key, 1, WKV_STORE_READS, now_ns);
    bool found = wkv_view_get(&view, 0, copy, value) == WKV_STORE_OK;
    wkv_store_end(&view);
    return found;
}

bool wkv_tables_set(struct wkv_tables *tables, enum wkv_table_name table, struct wkv_text name,
                    struct wkv_text value, int64_t expires_at_ns)
{
    struct wkv_key key = {table, name};
    struct wkv_view view;
    (void)wkv_store_begin(&view, tables->store, &key, 1, name.len + value.len, 0);
    bool is_new = wkv_view_exists(&view, 0, NULL) == WKV_STORE_MISSING;
    bool done = wkv_view_set(&view, 0, value, expires_at_ns) == WKV_STORE_OK;
    wkv_store_end(&view);
    tables->counts[table] += is_new && done;
    return done;
}

bool wkv_tables_remove(struct wkv_tables *tables, enum wkv_table_name table, struct wkv_text name)
{
    struct wkv_key key = {table, name};
    struct wkv_view view;
    (void)wkv_store_begin(&view, tables->store, &key, 1, WKV_STORE_READS, 0);
    bool was_there = wkv_view_delete(&view, 0) == WKV_STORE_OK;
    wkv_store_end(&view);
    tables->counts[table] -= was_there;
    return was_there;
}

struct look {
    bool (*see)(void *context, struct wkv_text name, struct wkv_text value);
    void *context;
    struct wkv_text name;
    bool more;
};

static bool show(void *context, struct wkv_text value)
{
    struct look *look = context;
    look->more = look->see(look->context, look->name, value);
    return false;
}

bool wkv_tables_each(const struct wkv_tables *tables, enum wkv_table_name table,
                     bool (*see)(void *context, struct wkv_text name, struct wkv_text value), void *context)
{
    struct look look = {.see = see, .context = context, .more = true};
    struct wkv_store_scan *scan = malloc(sizeof *scan);
    if (scan == NULL)
        return false;
    uint64_t cursor = tables->store == NULL ? WKV_STORE_SCAN_END : WKV_STORE_SCAN_BEGIN;
    for (; cursor != WKV_STORE_SCAN_END && look.more; cursor = scan->next) {
        wkv_store_scan(tables->store, table, cursor, 0, scan);
        for (size_t i = 0; i < scan->count && look.more; i++) {
            struct wkv_key key = {table, scan->keys[i].name};
            struct wkv_view view;
            look.name = key.name;
            (void)wkv_store_begin(&view, tables->store, &key, 1, WKV_STORE_READS, 0);
            (void)wkv_view_get(&view, 0, show, &look);
            wkv_store_end(&view);
        }
    }
    free(scan);
    return true;
}

bool wkv_tables_put(const struct wkv_tables *tables, int64_t now_ns, struct wkv_buffer *buffer)
{
    struct wkv_values_range range = {.now_ns = now_ns, .to = WKV_STORE_SCAN_END, .keys = SIZE_MAX};
    return wkv_values_put(tables->store, &range, buffer);
}

bool wkv_tables_take(struct wkv_tables *tables, struct wkv_bytes *bytes)
{
    struct wkv_value value;
    while (!bytes->bad && bytes->at < bytes->end) {
        if (!wkv_value_take(bytes, &value) || value.key.keyspace >= WKV_TABLES ||
            !wkv_value_import(tables->store, &value, 0))
            return false;
        tables->counts[value.key.keyspace]++;
    }
    return !bytes->bad;
}
