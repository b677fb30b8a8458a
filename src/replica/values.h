/* Whole values as bytes: a key, and all that it holds.
 *
 *   u8 kind | varint keyspace | zigzag expires_at_ns | varint n, key | varint items | items: varint n, bytes
 *
 * A counter is its decimal text; the items of a list stand in their order; a key that is not there has no
 * items. */
#ifndef WKV_REPLICA_VALUES_H
#define WKV_REPLICA_VALUES_H

#include "record/bytes.h"
#include "record/record.h"
#include "wascc_keyvalue/store.h"

#define WKV_VALUE_ABSENT 4u /* as a kind */

struct wkv_value {
    uint8_t kind; /* enum wkv_kind, or WKV_VALUE_ABSENT */
    struct wkv_key key;
    int64_t expires_at_ns;
    uint64_t count;
    struct wkv_bytes items;
};

/* Appends what the key holds at that time. Returns false where memory is short. */
bool wkv_value_put(struct wkv_store *store, struct wkv_key key, int64_t now_ns, struct wkv_buffer *buffer);

/* Reads the next value, which borrows. Returns false, with bytes->bad set, where there is none. */
bool wkv_value_take(struct wkv_bytes *bytes, struct wkv_value *value);

/* Makes the key hold it, whatever it held. Returns false where memory is short, or items are wrong. */
bool wkv_value_import(struct wkv_store *store, const struct wkv_value *value, int64_t now_ns);

/* A piece of all keys, in the order of their ranks. */
struct wkv_values_range {
    int64_t now_ns;
    uint64_t from, to; /* in: ranks; out: from is where the next piece begins, `to` where all are shown */
    size_t keys;       /* in: at the most; out: that were shown */
    /* Whether the key is to be left out; NULL: none is. */
    bool (*passes)(void *context, struct wkv_key key);
    void *context;
};

/* Appends the values of a piece, to its end or until there are so many keys or about 128 KiB. Returns false
 * where memory is short. */
bool wkv_values_put(struct wkv_store *store, struct wkv_values_range *range, struct wkv_buffer *buffer);

/* A digest of the values with ranks from `from` to `to`, by their content alone; of a note's answer, whose
 * members may come in any order, only what it answers. Returns false where memory is short. */
bool wkv_values_digest(struct wkv_store *store, const struct wkv_record_key *key,
                       const struct wkv_values_range *range, uint64_t *digest);

#endif
