/* The bound actors by name: a table with open addressing and linear probing, at most half full.
 *
 * Not thread-safe: it lies under the registry's lock. A slot is valid until the next reserve or remove. */
#ifndef WKV_ACCESS_BINDING_TABLE_H
#define WKV_ACCESS_BINDING_TABLE_H

#include "access/bindings.h"
#include "support/hash.h"

struct wkv_bound_actor {
    char name[WKV_BINDINGS_MAX_NAME_BYTES];
    uint32_t len; /* 0: the slot is free */
    struct wkv_binding binding;
};

struct wkv_binding_table {
    struct wkv_hasher hasher;
    struct wkv_bound_actor *slots;
    uint32_t slot_count; /* a power of two */
    uint32_t count;
};

/* Returns false where memory is short; destroy is allowed all the same. */
bool wkv_binding_table_init(struct wkv_binding_table *table);
void wkv_binding_table_destroy(struct wkv_binding_table *table);

static inline struct wkv_text wkv_bound_name(const struct wkv_bound_actor *actor)
{
    return (struct wkv_text){actor->name, actor->len};
}

/* The actor's slot, or the free one where it would go. */
struct wkv_bound_actor *wkv_binding_table_find(const struct wkv_binding_table *table, struct wkv_text name);

/* Makes room for one more. Returns false, with nothing changed, where memory is short. */
bool wkv_binding_table_reserve(struct wkv_binding_table *table);

/* Puts a name into the free slot that find gave, after reserve. The binding is the caller's to fill in. */
void wkv_binding_table_take(struct wkv_binding_table *table, struct wkv_bound_actor *slot,
                            struct wkv_text name);

/* Frees the slot. Others may be moved into it. */
void wkv_binding_table_remove(struct wkv_binding_table *table, struct wkv_bound_actor *slot);

#endif
