/* The store: keys and their values in memory, in shards. It knows memory and time, nothing of NATS or of
 * bytes on a wire.
 *
 * Keys live in keyspaces, which are wholly apart. A keyspace is a number that the caller gives out.
 *
 * Thread-safety: every function but create and destroy may be called from any thread at any time. Values are
 * read and written through a view, which holds the locks of its keys' shards.
 *
 * Time: `now_ns` and expiry times are nanoseconds on one monotonic clock of the caller's. The store never
 * reads a clock. A key whose expiry time is at or before now_ns is gone for every call, whether or not its
 * memory has come back yet; reads leave it where it is, and writes and upkeep take it out.
 *
 * Memory: what a call allocates is owned by the store. Text handed to a visitor lies in the store and is
 * valid only during that call of the visitor, which runs under the shard's lock: it must be short and must
 * not call the store.
 *
 * A call that fails has changed nothing.
 */
#ifndef WASCC_KEYVALUE_STORE_H
#define WASCC_KEYVALUE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wascc_keyvalue/text.h"

/* What a call came to. */
enum wkv_store_status {
    WKV_STORE_OK = 0,
    WKV_STORE_MISSING,      /* no such key (only from calls that say so) */
    WKV_STORE_WRONG_KIND,   /* the key holds another kind */
    WKV_STORE_NOT_A_NUMBER, /* add: the scalar is not wholly a decimal number in the range */
    WKV_STORE_OVERFLOW,     /* add: the sum, or the counter, is not in the range */
    WKV_STORE_FULL,         /* the list or set has INT32_MAX items, the most that new_count can say */
    WKV_STORE_NO_MEMORY,    /* the budget, or the machine's memory, is spent */
    WKV_STORE_CHANGED,      /* a key of the view was changed while it was shown: see wkv_view_again */
};

enum wkv_kind { WKV_SCALAR, WKV_COUNTER, WKV_LIST, WKV_SET };

/* "scalar", "counter", "list" or "set". Static text. */
const char *wkv_kind_name(enum wkv_kind kind);

struct wkv_key {
    uint32_t keyspace;
    struct wkv_text name; /* 1 to WKV_STORE_MAX_KEY_BYTES bytes; the caller checks */
};

/* The keyspace of the caller's own notes, which are scalars: stored, counted in the budget and expired as
 * others, but no keys in any statistics, and no changes to an observer. */
#define WKV_STORE_NOTES UINT32_MAX

#define WKV_STORE_MAX_KEY_BYTES 65535u
#define WKV_STORE_MAX_VALUE_BYTES (1u << 30)
#define WKV_STORE_MAX_SHARDS 4096u
#define WKV_STORE_DEFAULT_SHARDS 64u
#define WKV_STORE_HASH_SEED_BYTES 16

/* Where the store's blocks come from: a pool of pages whose blocks are moved together where they leave holes,
 * or malloc, block by block, which then bounds nothing but what is counted. */
enum wkv_store_blocks {
    WKV_STORE_BLOCKS_DEFAULT, /* pooled, but malloc's where AddressSanitizer watches it */
    WKV_STORE_BLOCKS_POOLED,
    WKV_STORE_BLOCKS_MALLOC,
};

/* What a write does where the budget is spent. A key that goes is gone as if it had been deleted. Those go
 * first that were not read or written lately; never one of a view that is under way, nor a note. */
enum wkv_evict {
    WKV_EVICT_NONE,     /* fails with WKV_STORE_NO_MEMORY */
    WKV_EVICT_ANY,      /* has keys go, of any keyspace, */
    WKV_EVICT_EXPIRING, /* but only those that have an expiry */
};

/* Reads "none", "any" or "expiring". Returns false for any other text. */
bool wkv_evict_parse(const char *name, enum wkv_evict *evict);

/* Zero means the default. */
struct wkv_store_options {
    uint32_t shards;           /* rounded up to a power of two, at most WKV_STORE_MAX_SHARDS; default
                                  WKV_STORE_DEFAULT_SHARDS */
    uint64_t max_memory_bytes; /* the budget for everything that the store allocates; default: no bound. Holes
                                  between blocks may take an eighth more, and 64 KiB a shard */
    uint64_t advised_bytes; /* a budget that the caller sees to, without max_memory_bytes: shown in statistics
                               and never a reason to refuse */
    enum wkv_store_blocks blocks;
    enum wkv_evict evict;           /* default: none */
    const unsigned char *hash_seed; /* WKV_STORE_HASH_SEED_BYTES bytes, copied; default: random. For tests */
};

struct wkv_store;

/* Makes a store. Errors: NULL where memory (or the budget) does not suffice for the empty shards. */
struct wkv_store *wkv_store_create(const struct wkv_store_options *options, int64_t now_ns);

/* Frees everything. No call may be under way. NULL is allowed. */
void wkv_store_destroy(struct wkv_store *store);

/* Sees one text: a scalar, or one item of a list or a set. Returns whether more is wanted: after false
 * nothing more is shown, and the call ends with WKV_STORE_OK as soon as it can. */
typedef bool (*wkv_store_visitor)(void *context, struct wkv_text text);

/* Asks the processor for the memory of these keys' entries, all at once, so that the calls that follow find
 * it near. Changes nothing and promises nothing. At most WKV_STORE_PREFETCH keys, each with a name of at
 * least one byte. */
#define WKV_STORE_PREFETCH 16
void wkv_store_prefetch(struct wkv_store *store, const struct wkv_key *keys, size_t count);

/* ---- views ----
 *
 * A view holds some keys at one moment: their shards are locked, in shard order, from begin to end. Every
 * call between names a key by its number among those of begin, and sees what the calls before it have done. A
 * view belongs to one thread, which calls nothing else of the store before the end and does not wait for
 * anything; one of no keys holds no lock, so that its thread may scan.
 *
 * No lock is held for longer than some hundred microseconds: a call that shows much (members, a range, a
 * union, an intersection) lets others have the locks now and then, and where one of them has changed a key of
 * the view meanwhile there was no one moment: it stops with WKV_STORE_CHANGED, and all that the view's calls
 * have shown is void. Once a view has begun to write it does not let go of its locks. What holds them for
 * longer, since it cannot be cut in pieces: the copy of one large value (16 MiB take 2 ms, or 10 into fresh
 * pages), and list_remove of an item that stands all over a list, which moves what is between (2 million
 * items: some 10 ms).
 */

#define WKV_VIEW_FEW_KEYS 4 /* more take memory for the time of the view */

/* The caller's, on its stack. The members are the store's own. */
struct wkv_view {
    struct wkv_store *store;
    const struct wkv_key *keys;
    size_t count;
    int64_t now_ns;
    uint64_t *hashes;        /* of the keys */
    struct wkv_shard *shard; /* of a single key */
    struct wkv_walk *walks;  /* NULL: the locks have not been let go */
    void *scratch;           /* of a union: freed when the locks are */
    unsigned steps;          /* since the locks were taken */
    unsigned tries;
    struct wkv_undo *undo; /* NULL: what is changed stays */
    size_t claimed;        /* the key that a call has begun to change last */
    bool writes;           /* a call has begun to */
    bool prepaid;
    size_t promised_bytes; /* of the budget: room that was made for it, which others leave alone */
    uint64_t few_hashes[WKV_VIEW_FEW_KEYS];
    uint64_t locked[WKV_STORE_MAX_SHARDS / 64]; /* a bit a shard; not kept for a single key */
    struct wkv_walk {                           /* is told that others change a key meanwhile: one a key */
        struct wkv_walk *next;
        uint32_t hash;
        bool broken;
    } few_walks[WKV_VIEW_FEW_KEYS];
    uint64_t prepaid_bytes; /* of the budget: set aside for the view's calls */
};

#define WKV_STORE_READS ((size_t)0)

/* Opens a view of `count` keys, which may repeat and are borrowed until the end. write_bytes is about how
 * many bytes of keys and values the calls will write; WKV_STORE_READS: they only read or take away. Room for
 * them is made before anything is locked, which takes as long as that many bytes ask for: so it is here that
 * keys are evicted, and nothing of it is taken back with what the view changes. Errors:
 * WKV_STORE_NO_MEMORY, only with more than WKV_VIEW_FEW_KEYS keys; nothing is locked then, and an end does
 * nothing. */
enum wkv_store_status wkv_store_begin(struct wkv_view *view, struct wkv_store *store,
                                      const struct wkv_key *keys, size_t count, size_t write_bytes,
                                      int64_t now_ns);

void wkv_store_end(struct wkv_view *view);

/* After WKV_STORE_CHANGED: whether the view's calls may be made again, from the first on. The pieces get
 * longer from try to try, so that a key which is written to all the time can be read, too, unless it is huge.
 * Returns false after eight tries: nothing was changed by the view, and trying later is all that is left. */
bool wkv_view_again(struct wkv_view *view);

/* A call that may need memory, as it is told to wkv_view_reserve. */
struct wkv_view_call {
    enum { WKV_CALL_SET, WKV_CALL_ADD, WKV_CALL_PUSH, WKV_CALL_SET_ADD } what;
    size_t key;
    size_t value_bytes; /* of the value, item or member */
};

/* Sets aside what these calls may take of the budget at the most, so that none of them, made in this view and
 * in any order beside calls that need no memory, finds it spent. What is left over goes back at the end. The
 * bound is a generous one: about 1 KiB more than key and value for a scalar, 4 KiB for an item, 9 KiB for a
 * member. It is the budget alone that is set aside: where the machine itself has no more memory (malloc or
 * mmap fail), a call still ends with WKV_STORE_NO_MEMORY. Once a view. Errors: WKV_STORE_NO_MEMORY, with
 * nothing set aside. */
enum wkv_store_status wkv_view_reserve(struct wkv_view *view, const struct wkv_view_call *calls,
                                       size_t count);

/* ---- all or nothing ---- */

/* From now on what the view changes can be taken back, until it is kept: at most `calls` calls that change
 * something. Those need memory for it: a scalar that is replaced or deleted stays until the end, and of a
 * list that list_remove changes, or a small set, a copy is made (O(its bytes)); so a call which else needs no
 * memory may find none. Texts that are given to calls are borrowed until then. Observers are told of the
 * changes when they are kept, once for each call, with what the key holds then. Before the first write.
 * Errors: WKV_STORE_NO_MEMORY. */
enum wkv_store_status wkv_view_remember(struct wkv_view *view, size_t calls);

/* Takes back, or keeps, all that the view has changed since. One of the two before the end. Neither needs
 * memory. */
void wkv_view_undo(struct wkv_view *view);
void wkv_view_keep(struct wkv_view *view);

/* ---- any kind ---- */

/* Errors: WKV_STORE_MISSING. *kind may be NULL. */
enum wkv_store_status wkv_view_exists(struct wkv_view *view, size_t key, enum wkv_kind *kind);

/* Deletes the key, whatever it holds. Errors: WKV_STORE_MISSING. */
enum wkv_store_status wkv_view_delete(struct wkv_view *view, size_t key);

/* The key, of any kind, expires at expires_at_ns from now on (0: never). That is no change of its value.
 * Errors: WKV_STORE_MISSING; WKV_STORE_NO_MEMORY, not for 0, nor where the key has had an expiry since it was
 * made. O(bytes of a scalar). */
enum wkv_store_status wkv_view_expire(struct wkv_view *view, size_t key, int64_t expires_at_ns);

/* ---- scalars and counters ---- */

/* Shows the scalar, or the decimal text of the counter, to visit. Errors: WKV_STORE_MISSING,
 * WKV_STORE_WRONG_KIND. */
enum wkv_store_status wkv_view_get(struct wkv_view *view, size_t key, wkv_store_visitor visit, void *context);

/* Replaces whatever the key held by a scalar that expires at expires_at_ns (0: never).
 * Errors: WKV_STORE_NO_MEMORY. */
enum wkv_store_status wkv_view_set(struct wkv_view *view, size_t key, struct wkv_text value,
                                   int64_t expires_at_ns);

/* Both included. */
struct wkv_range {
    int64_t least, most;
};

#define WKV_INT32_RANGE ((struct wkv_range){INT32_MIN, INT32_MAX})
#define WKV_INT64_RANGE ((struct wkv_range){INT64_MIN, INT64_MAX})

/* Adds delta to the counter and says the sum: neither may lie outside the range. A missing key counts from 0;
 * a scalar that is wholly a decimal number in the range, as in Redis (an optional '-', no '+', no leading
 * zeros, no spaces), becomes a counter; the expiry stays. Errors: WKV_STORE_WRONG_KIND,
 * WKV_STORE_NOT_A_NUMBER, WKV_STORE_OVERFLOW, WKV_STORE_NO_MEMORY. */
enum wkv_store_status wkv_view_add(struct wkv_view *view, size_t key, int64_t delta, struct wkv_range range,
                                   int64_t *sum);

/* ---- lists ---- */

/* Appends value at the end, making the list where there is none, and says the new length.
 * Errors: WKV_STORE_WRONG_KIND, WKV_STORE_FULL, WKV_STORE_NO_MEMORY. O(1). */
enum wkv_store_status wkv_view_list_push(struct wkv_view *view, size_t key, struct wkv_text value,
                                         int32_t *length);

/* Removes every item equal to value and says how many are left; a list that is emptied is gone. A missing key
 * has nothing to remove and is left with 0. Errors: WKV_STORE_WRONG_KIND. O(length). */
enum wkv_store_status wkv_view_list_remove(struct wkv_view *view, size_t key, struct wkv_text value,
                                           int32_t *length);

/* Shows the items from start to stop, both included, in order. A negative index counts from the end (-1 is
 * the last). What lies outside the list is left out; a missing key shows nothing. Errors:
 * WKV_STORE_WRONG_KIND. O(items shown) from either end. */
enum wkv_store_status wkv_view_list_range(struct wkv_view *view, size_t key, int32_t start, int32_t stop,
                                          wkv_store_visitor visit, void *context);

enum wkv_list_end { WKV_LIST_FIRST, WKV_LIST_LAST };

/* Removes the item at that end, which wkv_view_list_range shows; a list that is emptied is gone. Errors:
 * WKV_STORE_MISSING, WKV_STORE_WRONG_KIND. O(1). */
enum wkv_store_status wkv_view_list_pop(struct wkv_view *view, size_t key, enum wkv_list_end end);

/* Deletes the list. A missing key is no error. Errors: WKV_STORE_WRONG_KIND. */
enum wkv_store_status wkv_view_list_clear(struct wkv_view *view, size_t key);

/* ---- sets ---- */

/* Adds the member, making the set where there is none, and says the size. Errors: WKV_STORE_WRONG_KIND,
 * WKV_STORE_FULL, WKV_STORE_NO_MEMORY. O(1). */
enum wkv_store_status wkv_view_set_add(struct wkv_view *view, size_t key, struct wkv_text member,
                                       int32_t *size);

/* Removes the member and says the size; a set that is emptied is gone. A missing key stays missing: 0.
 * Errors: WKV_STORE_WRONG_KIND. O(1). */
enum wkv_store_status wkv_view_set_remove(struct wkv_view *view, size_t key, struct wkv_text member,
                                          int32_t *size);

/* Says whether the member is in the set; a missing key has none. Errors: WKV_STORE_WRONG_KIND. O(1). */
enum wkv_store_status wkv_view_set_contains(struct wkv_view *view, size_t key, struct wkv_text member,
                                            bool *contains);

/* Shows every member once, in no promised order. A missing key shows nothing. Errors: WKV_STORE_WRONG_KIND.
 */
enum wkv_store_status wkv_view_set_members(struct wkv_view *view, size_t key, wkv_store_visitor visit,
                                           void *context);

/* Shows members until visit refuses one with false, which is then the first of the next page; visit takes one
 * at least. *cursor is where the page begins, 0 for the first, and then where the next one begins, 0 where
 * that was the last. A missing key shows nothing. All pages, from 0 to 0, show every member that was there
 * throughout exactly once, whatever else happens to the set meanwhile; one that came or went may be shown or
 * not. Any number may be given for a cursor; it means nothing to another store. Errors: WKV_STORE_WRONG_KIND.
 */
enum wkv_store_status wkv_view_set_page(struct wkv_view *view, size_t key, uint64_t *cursor,
                                        wkv_store_visitor visit, void *context);

/* Show every member once that is in one of the sets (union) or in all of them (intersection), all seen at one
 * moment. A missing key is the empty set; no keys show nothing; a key that stands twice counts once. The keys
 * may lie in several keyspaces only if the caller says so: the store does not mind. Errors:
 * WKV_STORE_WRONG_KIND (any of the keys; nothing is shown then), WKV_STORE_NO_MEMORY (scratch memory: a union
 * takes up to 40 bytes for each member that it has shown, an intersection none). */
enum wkv_store_status wkv_view_set_union(struct wkv_view *view, size_t first, size_t count,
                                         wkv_store_visitor visit, void *context);
enum wkv_store_status wkv_view_set_intersection(struct wkv_view *view, size_t first, size_t count,
                                                wkv_store_visitor visit, void *context);

/* ---- looking around, for operators ---- */

struct wkv_store_info {
    enum wkv_kind kind;
    uint64_t length;       /* bytes of a scalar or of a counter's text; items of a list; members of a set */
    uint64_t bytes;        /* of memory that the key and its value hold, counted as the budget counts them;
                              its share of the shard's table is not in it */
    int64_t expires_at_ns; /* 0: never */
};

/* Tells about a key and changes nothing about it. O(1), however large its value is. Errors:
 * WKV_STORE_MISSING. */
enum wkv_store_status wkv_view_inspect(struct wkv_view *view, size_t key, struct wkv_store_info *info);

#define WKV_STORE_SCAN_KEYS 64u
#define WKV_STORE_SCAN_BYTES (128u * 1024u)

/* One piece of a scan. The caller's, who may keep it on the heap: it is large. */
struct wkv_store_scan {
    struct {
        uint64_t cursor; /* a scan that begins there shows this key and all behind it */
        uint32_t keyspace;
        struct wkv_text name; /* in `bytes` */
        struct wkv_store_info info;
    } keys[WKV_STORE_SCAN_KEYS];
    size_t count;
    uint64_t next; /* where to go on; WKV_STORE_SCAN_END: that was all */
    char bytes[WKV_STORE_SCAN_BYTES];
};

/* As the keyspace of a scan: all keys, the notes too. No keyspace has that number. */
#define WKV_STORE_ALL_KEYSPACES (UINT32_MAX - 2)

#define WKV_STORE_SCAN_BEGIN UINT64_C(0)
#define WKV_STORE_SCAN_END UINT64_MAX

/* Looks at the next keys of a keyspace from cursor on: a bounded piece of work (keys of any keyspace that are
 * looked at, empty buckets and shards, copied bytes), some tens of microseconds under the locks of one shard
 * after the other. It may find no key and yet not be the end. Expired keys are not shown.
 *
 * A whole scan, from WKV_STORE_SCAN_BEGIN until next is WKV_STORE_SCAN_END, shows every key that was there
 * throughout exactly once, whatever else happens meanwhile, tables that grow or shrink included; a key that
 * came or went meanwhile may be shown or not. Keys come in the order of their cursors, and next is always
 * above cursor, but for WKV_STORE_SCAN_END, which shows nothing and stays. Any number may be given for a
 * cursor: what no scan has said shows the keys behind some point or none. A cursor means nothing to another
 * store, nor to a process that was started anew. */
void wkv_store_scan(struct wkv_store *store, uint32_t keyspace, uint64_t cursor, int64_t now_ns,
                    struct wkv_store_scan *scan);

/* A number by which a store knows its cursors: another has another, as it hashes with another secret, of
 * which the number says nothing. */
uint64_t wkv_store_stamp(const struct wkv_store *store, const char *purpose);

/* Keyspaces with numbers from here on are as good as others, but their keys are not counted one by one. */
#define WKV_STORE_COUNTED_KEYSPACES 65536u

/* Keys of each keyspace from 0 to count - 1, over all shards, added to what keys[] holds. As in the
 * statistics, expired ones whose memory has not come back are included and the sum is not one moment.
 * Keyspaces from WKV_STORE_COUNTED_KEYSPACES on are left as they are. */
void wkv_store_keyspaces(struct wkv_store *store, uint64_t *keys, size_t count);

/* ---- changes ----
 *
 * What changes is told to one observer a store, and noted only while there is one. */

enum wkv_change_kind {
    WKV_CHANGE_PUT,    /* a write that changed the key's value, or set it anew */
    WKV_CHANGE_DELETE, /* by a call */
    WKV_CHANGE_EXPIRE,
    WKV_CHANGE_EVICT,  /* to make room for others */
    WKV_CHANGE_MISSED, /* there was no room for some of the changes before this, of whatever keys */
};

struct wkv_change {
    enum wkv_change_kind what;
    struct wkv_key key; /* none of WKV_CHANGE_MISSED */
    bool has_value;     /* of a put of a scalar or a counter, where values are wanted and it is not large, */
    bool is_large;      /* or it is */
    struct wkv_text value; /* what Get showed then */
};

#define WKV_CHANGES_DEFAULT_BYTES ((size_t)64 << 10)

struct wkv_changes_options {
    size_t bytes_per_shard; /* for changes that are not taken yet; default WKV_CHANGES_DEFAULT_BYTES. A value
                               of more than a quarter of that is large */
    bool values;
};

struct wkv_changes;

/* Begins to note changes. The memory for it, options->bytes_per_shard for each shard and once more, is
 * counted in the budget. Errors: NULL where there is an observer, or no memory. */
struct wkv_changes *wkv_changes_open(struct wkv_store *store, const struct wkv_changes_options *options);

/* Ends it. NULL is allowed. Before the store is destroyed. */
void wkv_changes_close(struct wkv_changes *changes);

typedef void (*wkv_change_visitor)(void *context, const struct wkv_change *change);

/* Shows each change since the last time, once. Those of one key come in the order in which they were made;
 * what is shown is valid during the visitor's call, which holds no lock. By any thread, but one at a time.
 * Where there is nothing new it costs a look at one word. */
void wkv_changes_take(struct wkv_changes *changes, wkv_change_visitor visit, void *context);

/* Whether there may be changes that were not taken: a look at one word, by any thread, for those who tell the
 * observer that it is time. */
bool wkv_store_has_changes(const struct wkv_store *store);

/* For an observer that wants all keys first, and then the changes. Each takes the changes of one shard, as
 * wkv_changes_take does, and looks at keys of that shard, both at one moment: what is shown as a change was
 * made before the look, and what is taken later, after it.
 *
 * scan: as wkv_store_scan from cursor on, but a piece ends with its shard at the latest. */
void wkv_changes_scan(struct wkv_changes *changes, uint32_t keyspace, uint64_t cursor, int64_t now_ns,
                      struct wkv_store_scan *scan, wkv_change_visitor visit, void *context);

/* read: the key's value, as wkv_view_get does. Errors: WKV_STORE_MISSING; WKV_STORE_WRONG_KIND, a list or a
 * set. show may be NULL. */
enum wkv_store_status wkv_changes_read(struct wkv_changes *changes, const struct wkv_key *key, int64_t now_ns,
                                       wkv_store_visitor show, void *show_context, wkv_change_visitor visit,
                                       void *context);

/* Where a scan comes by the key: it is among those that a scan from cursor on shows if this is not below
 * cursor. */
uint64_t wkv_store_rank(const struct wkv_store *store, const struct wkv_key *key);

/* ---- the budget ---- */

/* Counts bytes that the caller keeps beside the store, such as a binding's, as if the store had allocated
 * them. Any thread, with any lock held. Errors: false, with nothing counted, where the budget has no more. */
bool wkv_store_reserve(struct wkv_store *store, uint64_t bytes);

/* Gives back what was reserved. */
void wkv_store_release(struct wkv_store *store, uint64_t bytes);

/* ---- upkeep ---- */

/* One slice of upkeep: takes expired keys out and gives memory of large deleted values back, doing at most
 * max_steps (> 0) small pieces of work under any one shard's lock, over all shards in turn. Returns true
 * where work is left for another slice. Called again and again by one janitor thread. */
bool wkv_store_maintain(struct wkv_store *store, int64_t now_ns, unsigned max_steps);

struct wkv_store_stats {
    uint64_t keys;            /* expired ones whose memory has not come back included */
    uint64_t keys_by_kind[4]; /* by enum wkv_kind */
    uint64_t bytes;           /* allocated, with the allocator's overhead, and reserved */
    uint64_t held_bytes;      /* of memory for that, holes between blocks included; malloc's blocks are not */
    uint64_t budget_bytes;    /* 0: no bound */
    uint64_t expired;         /* keys that expired since start, */
    uint64_t evicted;         /* and that went to make room for others */
    uint32_t shards;
    uint64_t shard_keys_min; /* of the shard with the fewest keys, */
    uint64_t shard_keys_max; /* and with the most; like `keys` */
};

/* Adds up the shards, one after the other: each is exact, the sum is not one moment. */
void wkv_store_stats(struct wkv_store *store, struct wkv_store_stats *stats);

#endif
