/* An entry: a key and its value in one block (a list or a set has more behind it). It begins in the word that
 * the heap keeps in front of the block: the owner there is the key's hash.
 *
 *   -4     0          4         6       7       8
 *   +------+----------+---------+-------+-------+---------+--------------+-------------+-----+--------------+
 *   | hash | keyspace | key_len | kind, | short | [timer] | [list | set] | [value_len] | key | scalar bytes |
 *   |      |          |         | flags | _len  | 24 B    | [32 B | 48 B]| [4 B]       |     | or counter   |
 *   +------+----------+---------+-------+-------+---------+--------------+-------------+-----+--------------+
 *
 * Only a key that was given an expiry has room for a timer, only lists and sets have their head, and only a
 * value of 256 bytes and more has its length there; so a plain small scalar costs 16 bytes beside its key and
 * value, the heap's word included.
 */
#ifndef WKV_STORE_ENTRY_H
#define WKV_STORE_ENTRY_H

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "store/list.h"
#include "store/memory.h"
#include "store/set.h"
#include "store/table.h"
#include "store/wheel.h"
#include "wascc_keyvalue/store.h"

struct wkv_entry {
    struct wkv_table_item item;
    uint32_t keyspace;
    uint16_t key_len;
    uint8_t kind : 2;  /* enum wkv_kind */
    uint8_t timed : 1; /* there is room for a timer */
    uint8_t wide : 1;  /* the value's length stands in front of the key */
    uint8_t used : 2;  /* how often of late: up by one with each read and write, down by one whenever evict.c
                          comes by; 0 with the write that makes the key */
    uint8_t short_len; /* else here: bytes behind the key, of a scalar or the 8 of a counter */
    char body[];       /* on a multiple of 8, as the block is */
};

/* Where the block begins, seen from the entry. */
#define WKV_ENTRY_BLOCK_OFFSET (sizeof(struct wkv_block) - offsetof(struct wkv_block, owner))

static_assert(offsetof(struct wkv_entry, keyspace) == WKV_ENTRY_BLOCK_OFFSET &&
                  sizeof(struct wkv_block) == 2 * WKV_ENTRY_BLOCK_OFFSET,
              "the hash is the word's owner");
static_assert(offsetof(struct wkv_entry, body) == WKV_ENTRY_BLOCK_OFFSET + 8, "the drawing holds");
static_assert(sizeof(struct wkv_timer) == 24 || sizeof(void *) != 8, "the drawing holds");
static_assert(sizeof(struct wkv_list) == 32 || sizeof(void *) != 8, "the drawing holds");
static_assert(sizeof(struct wkv_set) == 48 || sizeof(void *) != 8, "the drawing holds");

#define WKV_ENTRY_MOST_USED 3

/* The block that an entry lies in, and the entry in a block. */
static inline void *wkv_entry_block(const struct wkv_entry *entry)
{
    return (char *)entry + WKV_ENTRY_BLOCK_OFFSET;
}

static inline struct wkv_entry *wkv_entry_of_block(const void *block)
{
    return (struct wkv_entry *)((char *)block - WKV_ENTRY_BLOCK_OFFSET);
}

/* A caller has asked for the key. */
static inline void wkv_entry_use(struct wkv_entry *entry)
{
    if (entry->used < WKV_ENTRY_MOST_USED)
        entry->used++;
}

static inline struct wkv_timer *wkv_entry_timer(struct wkv_entry *entry)
{
    return entry->timed ? (struct wkv_timer *)entry->body : NULL;
}

/* The entry whose timer that is. */
static inline struct wkv_entry *wkv_entry_of_timer(struct wkv_timer *timer)
{
    return (struct wkv_entry *)((char *)timer - offsetof(struct wkv_entry, body));
}

/* 0: never. */
static inline int64_t wkv_entry_expires_at(const struct wkv_entry *entry)
{
    return entry->timed ? ((const struct wkv_timer *)entry->body)->deadline_ns : 0;
}

static inline bool wkv_entry_is_expired(const struct wkv_entry *entry, int64_t now_ns)
{
    int64_t expires_at_ns = wkv_entry_expires_at(entry);
    return expires_at_ns != 0 && expires_at_ns <= now_ns;
}

static inline char *wkv_entry_head(const struct wkv_entry *entry)
{
    return (char *)entry->body + (entry->timed ? sizeof(struct wkv_timer) : 0);
}

static inline struct wkv_list *wkv_entry_list(const struct wkv_entry *entry)
{
    assert(entry->kind == WKV_LIST);
    return (struct wkv_list *)wkv_entry_head(entry);
}

static inline struct wkv_set *wkv_entry_set(const struct wkv_entry *entry)
{
    assert(entry->kind == WKV_SET);
    return (struct wkv_set *)wkv_entry_head(entry);
}

static inline size_t wkv_entry_head_bytes(enum wkv_kind kind)
{
    return kind == WKV_LIST ? sizeof(struct wkv_list) : kind == WKV_SET ? sizeof(struct wkv_set) : 0;
}

/* Bytes in front of the key for the length of a value. */
static inline size_t wkv_entry_len_bytes(size_t value_len)
{
    return value_len > UINT8_MAX ? sizeof(uint32_t) : 0;
}

static inline char *wkv_entry_key(const struct wkv_entry *entry)
{
    return wkv_entry_head(entry) + wkv_entry_head_bytes((enum wkv_kind)entry->kind) +
           (entry->wide ? sizeof(uint32_t) : 0);
}

static inline struct wkv_text wkv_entry_name(const struct wkv_entry *entry)
{
    return (struct wkv_text){wkv_entry_key(entry), entry->key_len};
}

/* Bytes behind the key. */
static inline size_t wkv_entry_value_len(const struct wkv_entry *entry)
{
    uint32_t len = entry->short_len;
    if (entry->wide)
        memcpy(&len, wkv_entry_head(entry), sizeof len); /* lists and sets are never wide */
    return len;
}

/* The scalar's bytes, behind the key. */
static inline char *wkv_entry_scalar(const struct wkv_entry *entry)
{
    return wkv_entry_key(entry) + entry->key_len;
}

/* Bytes of an entry of any kind, at the most. */
static inline size_t wkv_entry_most_bytes(size_t key_len, size_t value_len)
{
    return offsetof(struct wkv_entry, body) + sizeof(struct wkv_timer) + sizeof(struct wkv_set) +
           sizeof(uint32_t) + key_len + value_len;
}

static inline int64_t wkv_entry_counter(const struct wkv_entry *entry)
{
    int64_t counter;
    assert(entry->kind == WKV_COUNTER);
    memcpy(&counter, wkv_entry_scalar(entry), sizeof counter);
    return counter;
}

struct wkv_entry_shape {
    enum wkv_kind kind;
    bool timed;       /* with room for a timer */
    size_t value_len; /* of a scalar or a counter */
};

/* Makes an entry of that shape: an empty list or set, or a scalar or counter whose value_len bytes the caller
 * then writes. Returns NULL where memory is short. */
struct wkv_entry *wkv_entry_create(struct wkv_memory *memory, uint32_t hash, struct wkv_key key,
                                   struct wkv_entry_shape shape);

/* Whether the entry is a scalar or a counter in whose block another of that shape has room, and which is no
 * more than that needs when it is cut. */
bool wkv_entry_fits(const struct wkv_entry *entry, struct wkv_entry_shape shape);

/* Makes that entry, whose timer is not armed, one of that shape, whose bytes the caller then writes. What is
 * left of the block is given back. */
void wkv_entry_reshape(struct wkv_entry *entry, struct wkv_memory *memory, struct wkv_entry_shape shape);

/* An entry like this one, with room for a timer: what lies behind it is then the fresh one's. Returns NULL
 * where memory is short. */
struct wkv_entry *wkv_entry_with_timer(const struct wkv_entry *entry, struct wkv_memory *memory);

#define WKV_DECIMAL_BYTES 21 /* a sign, 19 digits and a NUL */

/* The text of a scalar or, written to `decimal`, of a counter. Returns false where the entry is neither. */
bool wkv_entry_text(const struct wkv_entry *entry, char decimal[WKV_DECIMAL_BYTES], struct wkv_text *text);

/* Tells about the entry. O(1). */
void wkv_entry_info(const struct wkv_entry *entry, struct wkv_store_info *info);

/* Pages of a large value are given back so many bytes at a time: some tens of microseconds, or so many steps.
 */
#define WKV_ENTRY_PIECE_BYTES ((size_t)512 << 10)
#define WKV_ENTRY_PIECE_STEPS 100u

/* Frees the entry and what lies behind it, until *steps (counting down) is 0. Returns true when all is back;
 * else it is to be called again. The timer is not armed and no table holds the entry. */
bool wkv_entry_drain(struct wkv_entry *entry, struct wkv_memory *memory, unsigned *steps);

#endif
