/* What has changed in a shard, noted while the store has an observer: one flat buffer a shard, which its
 * reader swaps for an empty one.
 *
 *   0          4         6      7           8           12
 *   +----------+---------+------+-----------+-----------+-----+-------+----------- ...
 *   | keyspace | key_len | what | value?    | value_len | key | value | the next
 *   +----------+---------+------+-----------+-----------+-----+-------+----------- ...
 *
 * Not thread-safe: the shard's lock guards it.
 */
#ifndef WKV_STORE_CHANGE_H
#define WKV_STORE_CHANGE_H

#include <stdatomic.h>

#include "store/entry.h"

struct wkv_change_log {
    char *bytes;       /* NULL: nobody wants to know */
    _Atomic bool *any; /* set where the first is noted; borrowed */
    size_t used;
    size_t capacity;
    bool values;
    bool missed; /* one had no room: nothing more is noted before the log is taken */
};

/* Notes a change of the entry, whose key and value are what they are after a put and before anything else. */
void wkv_change_note(struct wkv_change_log *log, const struct wkv_entry *entry, enum wkv_change_kind what);

#endif
