/* A set of texts: packed end to end while it is small, a hash table of members beyond. It never turns back: a
 * set that was large once is likely to be so again.
 *
 * Not thread-safe: the shard's lock guards it.
 */
#ifndef WKV_STORE_SET_H
#define WKV_STORE_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "store/memory.h"
#include "store/table.h"
#include "support/hash.h"
#include "support/text.h"
#include "wascc_keyvalue/store.h"

/* A set with more members, or more bytes of them, is a hash table. */
#define WKV_SET_PACKED_MEMBERS 32u
#define WKV_SET_PACKED_BYTES 1024u

struct wkv_set {
    uint32_t size;  /* members */
    bool hashed;    /* which of the two follows */
    uint64_t bytes; /* of memory behind it: what the account grew by in the set's own calls */
    union {
        struct {
            char *bytes;
            uint32_t used;
            uint32_t capacity;
        } packed;
        struct wkv_table table;
    } u;
};

enum wkv_set_change { WKV_SET_CHANGED, WKV_SET_UNCHANGED, WKV_SET_NO_MEMORY };

/* Adds a copy of the member. */
enum wkv_set_change wkv_set_add(struct wkv_set *set, struct wkv_memory *memory,
                                const struct wkv_hasher *hasher, struct wkv_text member);

/* Removes the member. Never needs memory. */
enum wkv_set_change wkv_set_remove(struct wkv_set *set, struct wkv_memory *memory,
                                   const struct wkv_hasher *hasher, struct wkv_text member);

/* Takes a member that is there out of a hashed set, and puts it back: the set owns its block again then. To
 * put it back may need a block as wkv_table_spare_bucket gives. */
void *wkv_set_detach(struct wkv_set *set, struct wkv_memory *memory, const struct wkv_hasher *hasher,
                     struct wkv_text member);
void wkv_set_attach(struct wkv_set *set, struct wkv_memory *memory, void *member);

bool wkv_set_contains(const struct wkv_set *set, const struct wkv_hasher *hasher, struct wkv_text member);

/* A block that was at `old` lies at `fresh` now. Returns false, with nothing changed, where it is none of the
 * set's. */
bool wkv_set_moved(struct wkv_set *set, enum wkv_block_kind kind, const void *old, void *fresh);

/* Shows every member, until visit returns false; visit must not change the set. */
void wkv_set_each(const struct wkv_set *set, wkv_store_visitor visit, void *context);

/* Shows the members from the rank `from` on, in the order of their ranks, until visit returns false: that
 * member begins the next page, and its rank is returned; 0 where all have been shown. visit takes one member
 * at least.
 *
 * A member's rank follows from its 64-bit hash alone, so that pages are right whatever happens to the set
 * between them. Two members with one hash under a secret seed are taken to be none. */
uint64_t wkv_set_page(const struct wkv_set *set, const struct wkv_hasher *hasher, uint64_t from,
                      wkv_store_visitor visit, void *context);

/* Frees members until *steps (counting down) is 0 or the set is empty and its memory is back. Returns true
 * when it is. */
bool wkv_set_drain(struct wkv_set *set, struct wkv_memory *memory, unsigned *steps);

#endif
