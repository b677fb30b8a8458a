/* The keyspaces' names and numbers. A name that is new gets the next number, and none is ever given out
 * again.
 *
 * Not thread-safe: they lie under the registry's lock. */
#ifndef WKV_ACCESS_KEYSPACE_NAMES_H
#define WKV_ACCESS_KEYSPACE_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "support/hash.h"

struct wkv_keyspace_names {
    struct wkv_hasher hasher;
    struct wkv_text *names; /* by number, each owned; room for half as many as places */
    uint32_t count;
    uint32_t *places;     /* by a name's hash, with linear probing: its number and 1, or 0 */
    uint32_t place_count; /* a power of two */
};

/* Returns false where memory is short; destroy is allowed all the same. */
bool wkv_keyspace_names_init(struct wkv_keyspace_names *names);
void wkv_keyspace_names_destroy(struct wkv_keyspace_names *names);

/* Returns false where there is none of that name. */
bool wkv_keyspace_names_find(const struct wkv_keyspace_names *names, struct wkv_text name, uint32_t *number);

/* Gives a number to a copy of a name that has none. Returns false, with nothing changed that is seen, where
 * memory is short. */
bool wkv_keyspace_names_add(struct wkv_keyspace_names *names, struct wkv_text name, uint32_t *number);

#endif
