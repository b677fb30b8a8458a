/* As of which position a snapshot has each key: by its rank, or, where it was written on its own, by its
 * name. A replay skips what the snapshot has already. */
#ifndef WKV_REPLICA_PARTS_H
#define WKV_REPLICA_PARTS_H

#include "wascc_keyvalue/store.h"

struct wkv_own_keys {
    struct wkv_store *store; /* a key, and as a scalar its position; NULL: there are none */
};

/* Returns false where memory is short. */
bool wkv_own_keys_set(struct wkv_own_keys *own, struct wkv_key key, uint64_t position);

/* Returns false where it is none of them. */
bool wkv_own_keys_find(const struct wkv_own_keys *own, struct wkv_key key, uint64_t *position);

/* Bytes that they take. */
uint64_t wkv_own_keys_bytes(const struct wkv_own_keys *own);
void wkv_own_keys_destroy(struct wkv_own_keys *own);

struct wkv_parts {
    struct wkv_part {
        uint64_t to; /* its ranks end there; the one before it ends where it begins */
        uint64_t position;
    } * all; /* owned; NULL: nothing is skipped */
    size_t count, capacity;
    struct wkv_own_keys own;
    uint64_t
        last; /* behind this position there is nothing to skip: keys on their own are older than some part */
};

/* Returns false where memory is short, or the part does not begin where the last one ends. */
bool wkv_parts_add(struct wkv_parts *parts, uint64_t from, uint64_t to, uint64_t position);

/* The position as of which the snapshot has the key of that store. */
uint64_t wkv_parts_position(const struct wkv_parts *parts, const struct wkv_store *store, struct wkv_key key);

void wkv_parts_destroy(struct wkv_parts *parts);

#endif
