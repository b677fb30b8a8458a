/* A list: items packed into chunks, the chunks linked both ways. Pushing touches the last chunk only; a range
 * walks the chunks from the nearer end by their item counts and then reads the items in a row.
 *
 * Not thread-safe: the shard's lock guards it.
 */
#ifndef WKV_STORE_LIST_H
#define WKV_STORE_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "store/memory.h"
#include "wascc_keyvalue/store.h"

struct wkv_list_chunk;

/* A list that takes an item makes one chunk of so many bytes at the most, or of the item's own. */
#define WKV_LIST_CHUNK_BYTES 2048u

struct wkv_list {
    struct wkv_list_chunk *head;
    struct wkv_list_chunk *tail;
    uint32_t length; /* items */
    uint32_t chunks;
    uint64_t bytes; /* of memory that the chunks take: what the account grew by in the list's own calls */
};

/* Whether a chunk is the list's first or last, and whether it is the first or last of its list. */
bool wkv_list_has_end(const struct wkv_list *list, const void *chunk);
bool wkv_list_is_end(const struct wkv_list_chunk *chunk);

/* A chunk lies at `fresh` now: points its neighbours to it, or the ends of the list where it is one (list may
 * be NULL where it is none). */
void wkv_list_moved(struct wkv_list *list, struct wkv_list_chunk *fresh);

/* Appends a copy of value. Returns false, with nothing changed, where memory is short. */
bool wkv_list_push(struct wkv_list *list, struct wkv_memory *memory, struct wkv_text value);

/* Removes every item equal to value; all of them are among the items number first to last, both inside the
 * list. Never needs memory. */
void wkv_list_remove(struct wkv_list *list, struct wkv_memory *memory, struct wkv_text value, uint32_t first,
                     uint32_t last);

/* Removes the first item or the last of a list that has one. Never needs memory. */
void wkv_list_take(struct wkv_list *list, struct wkv_memory *memory, enum wkv_list_end end);

/* A copy of that item of a list that has one, in a chunk that is no list's: for put_back, or to be freed.
 * Errors: NULL where memory is short. */
void *wkv_list_copy_item(const struct wkv_list *list, struct wkv_memory *memory, enum wkv_list_end end);

/* Makes that chunk the list's first or last, and its own. Never needs memory. */
void wkv_list_put_back(struct wkv_list *list, void *chunk, enum wkv_list_end end);

/* Shows the items number first to last, both included and both inside the list, until visit returns false. */
void wkv_list_range(const struct wkv_list *list, uint32_t first, uint32_t last, wkv_store_visitor visit,
                    void *context);

/* Frees chunks until *steps (counting down) is 0 or the list is empty. Returns true when it is. */
bool wkv_list_drain(struct wkv_list *list, struct wkv_memory *memory, unsigned *steps);

#endif
