/* Taking back what a view has changed: for an atomic batch, which is done whole or not at all.
 *
 * While a view remembers, nothing that is deleted or replaced leaves its shard: it is hidden, in a keyspace
 * where no call looks, and comes back as it was. What is changed in place is written down, with the memory
 * that its way back may need; so a way back needs none. Changes are noted when the view keeps them.
 *
 * Not thread-safe: the locks of the view's shards guard it, and no other thread ever sees a hidden entry.
 */
#ifndef WKV_STORE_UNDO_H
#define WKV_STORE_UNDO_H

#include "store/entry.h"
#include "wascc_keyvalue/store.h"

struct wkv_undo;
struct wkv_shard;

/* While a view that has written nothing lets others have its locks. */
void wkv_undo_pause(struct wkv_view *view);
void wkv_undo_resume(struct wkv_view *view);

/* Each of these remembers one change of the key that the view claimed last. There is room for all, but where
 * it says so. */

/* In place of removing the entry. */
void wkv_undo_hide(struct wkv_undo *undo, struct wkv_entry *entry);

/* The entry has been inserted; and not, after all. */
void wkv_undo_made(struct wkv_undo *undo);
void wkv_undo_not_made(struct wkv_undo *undo);

/* What was remembered last is no change to an observer. */
void wkv_undo_silent(struct wkv_undo *undo);

/* What the counter was, and when the key would have expired (0: never). */
void wkv_undo_number(struct wkv_undo *undo, int64_t before);
void wkv_undo_expiry(struct wkv_undo *undo, int64_t expires_at_ns);

/* An item has been appended, or a member added, which is borrowed until the view keeps or takes back. */
void wkv_undo_pushed(struct wkv_undo *undo);
void wkv_undo_added(struct wkv_undo *undo, struct wkv_text member);

/* Before the item at that end is taken. Errors: false, where memory is short. */
bool wkv_undo_popping(struct wkv_undo *undo, struct wkv_shard *shard, struct wkv_list *list,
                      enum wkv_list_end end);

/* Removes the member from a hashed set and keeps it. Errors: WKV_SET_NO_MEMORY. */
enum wkv_set_change wkv_undo_remove(struct wkv_undo *undo, struct wkv_shard *shard, struct wkv_set *set,
                                    struct wkv_text member);

/* Puts a copy of the list or the packed set in its place, which is hidden. Errors: NULL where memory is
 * short. O(its bytes). */
struct wkv_entry *wkv_undo_copy(struct wkv_undo *undo, struct wkv_shard *shard, struct wkv_entry *entry);

#endif
