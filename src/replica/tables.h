/* What a replica looks up by name and is no key of an actor's: bindings, keyspaces, removals, notes. They lie
 * in a store of their own, as scalars: a keyspace of it is a table. Its hash seed is the log's, so that all
 * replicas have them in one order. */
#ifndef WKV_REPLICA_TABLES_H
#define WKV_REPLICA_TABLES_H

#include "record/bytes.h"
#include "record/record.h"
#include "wascc_keyvalue/store.h"

enum wkv_table_name {
    WKV_TABLE_ACTORS,    /* an actor's binding, as bind.c writes it */
    WKV_TABLE_KEYSPACES, /* a name's number, as a varint */
    WKV_TABLE_REMOVED,   /* an actor that was removed: nothing */
    WKV_TABLE_NOTES,     /* a host and an id that it has used: nothing; it expires */
    WKV_TABLES,
};

struct wkv_tables {
    struct wkv_store *store;
    uint64_t counts[WKV_TABLES]; /* not of notes */
};

bool wkv_tables_init(struct wkv_tables *tables, const struct wkv_record_key *key);
void wkv_tables_destroy(struct wkv_tables *tables);

/* Copies what stands there to buffer. Returns false where there is nothing, or the
 * tables are not made yet. */
bool wkv_tables_find(const struct wkv_tables *tables, enum wkv_table_name table, struct wkv_text name,
                     int64_t now_ns, struct wkv_buffer *value);

/* Returns false where memory is short. expires_at_ns: 0 for never. */
bool wkv_tables_set(struct wkv_tables *tables, enum wkv_table_name table, struct wkv_text name,
                    struct wkv_text value, int64_t expires_at_ns);

/* Returns whether it was there. */
bool wkv_tables_remove(struct wkv_tables *tables, enum wkv_table_name table, struct wkv_text name);

/* Calls see for each row, whose texts are valid during the call; it must not call the tables. Returns false
 * where memory is short. */
bool wkv_tables_each(const struct wkv_tables *tables, enum wkv_table_name table,
                     bool (*see)(void *context, struct wkv_text name, struct wkv_text value), void *context);

/* As bytes, without what has expired. Returns false where memory is short, or the bytes are none of these. */
bool wkv_tables_put(const struct wkv_tables *tables, int64_t now_ns, struct wkv_buffer *buffer);
bool wkv_tables_take(struct wkv_tables *tables, struct wkv_bytes *bytes);

#endif
