#include "store/undo.h"

#include <stdlib.h>
#include <string.h>

#include "store/store.h"

/* Where hidden entries are: no caller's keyspace, and not that of notes. */
#define HIDDEN (UINT32_MAX - 1)

/* Records that one call of a view makes at the most: hides, makes, changes, and hides what it has emptied. */
#define RECORDS_A_CALL 4u

/* Lets the way back pass the budget: it frees as much at once, or takes what was there before. */
#define ALL_CREDIT ((uint64_t)1 << 40)

struct record {
    enum { HID, MADE, NUMBER, EXPIRY, PUSHED, ADDED, POPPED, REMOVED } what;
    uint32_t key; /* the view's number */
    bool silent;  /* the call that ends with it has changed nothing that Get shows */
    union {
        struct {
            struct wkv_entry *entry;
            uint32_t keyspace;
        } hidden;
        int64_t number; /* or time */
        struct wkv_text member;
        struct {
            void *block;  /* the item in a chunk, or the member */
            void *bucket; /* of the size that the member's table may need */
            enum wkv_list_end end;
        } taken;
    } u;
};

struct wkv_undo {
    struct wkv_view *view;
    uint64_t bytes; /* reserved in the budget */
    size_t count, capacity;
    struct record records[];
};

static void set_undo(const struct wkv_view *view, struct wkv_undo *undo)
{
    for (size_t i = 0; i < view->count; i++)
        wkv_view_place(view, i).shard->undo = undo;
}

void wkv_undo_pause(struct wkv_view *view)
{
    if (view->undo != NULL)
        set_undo(view, NULL);
}

void wkv_undo_resume(struct wkv_view *view)
{
    if (view->undo != NULL)
        set_undo(view, view->undo);
}

enum wkv_store_status wkv_view_remember(struct wkv_view *view, size_t calls)
{
    size_t capacity = calls * RECORDS_A_CALL;
    size_t bytes = sizeof(struct wkv_undo) + capacity * sizeof(struct record);
    if (view->undo != NULL)
        return WKV_STORE_OK;
    if (!wkv_store_reserve(view->store, bytes))
        return WKV_STORE_NO_MEMORY;
    struct wkv_undo *undo = malloc(bytes);
    if (undo == NULL) {
        wkv_store_release(view->store, bytes);
        return WKV_STORE_NO_MEMORY;
    }
    *undo = (struct wkv_undo){.view = view, .bytes = bytes, .capacity = capacity};
    view->undo = undo;
    set_undo(view, undo);
    return WKV_STORE_OK;
}

static void end(struct wkv_view *view)
{
    struct wkv_undo *undo = view->undo;
    view->undo = NULL;
    wkv_store_release(view->store, undo->bytes);
    free(undo);
}

/* ---- writing down ---- */

static struct record *next_record(struct wkv_undo *undo, int what)
{
    assert(undo->count < undo->capacity);
    struct record *record = &undo->records[undo->count++];
    memset(record, 0, sizeof *record);
    record->what = what;
    record->key = (uint32_t)undo->view->claimed;
    return record;
}

void wkv_undo_hide(struct wkv_undo *undo, struct wkv_entry *entry)
{
    struct record *record = next_record(undo, HID);
    record->u.hidden.entry = entry;
    record->u.hidden.keyspace = entry->keyspace;
    entry->keyspace = HIDDEN;
}

void wkv_undo_made(struct wkv_undo *undo)
{
    (void)next_record(undo, MADE);
}

void wkv_undo_silent(struct wkv_undo *undo)
{
    undo->records[undo->count - 1].silent = true;
}

void wkv_undo_not_made(struct wkv_undo *undo)
{
    assert(undo->count > 0 && undo->records[undo->count - 1].what == MADE);
    undo->count--;
}

void wkv_undo_number(struct wkv_undo *undo, int64_t before)
{
    next_record(undo, NUMBER)->u.number = before;
}

void wkv_undo_expiry(struct wkv_undo *undo, int64_t expires_at_ns)
{
    next_record(undo, EXPIRY)->u.number = expires_at_ns;
}

void wkv_undo_pushed(struct wkv_undo *undo)
{
    (void)next_record(undo, PUSHED);
}

void wkv_undo_added(struct wkv_undo *undo, struct wkv_text member)
{
    next_record(undo, ADDED)->u.member = member;
}

bool wkv_undo_popping(struct wkv_undo *undo, struct wkv_shard *shard, struct wkv_list *list,
                      enum wkv_list_end end)
{
    void *chunk = wkv_list_copy_item(list, &shard->memory, end);
    if (chunk == NULL)
        return false;
    struct record *record = next_record(undo, POPPED);
    record->u.taken.block = chunk;
    record->u.taken.end = end;
    return true;
}

enum wkv_set_change wkv_undo_remove(struct wkv_undo *undo, struct wkv_shard *shard, struct wkv_set *set,
                                    struct wkv_text member)
{
    const struct wkv_hasher *hasher = &undo->view->store->hasher;
    if (!wkv_set_contains(set, hasher, member))
        return WKV_SET_UNCHANGED;
    void *bucket = wkv_table_spare_bucket(&shard->memory);
    if (bucket == NULL)
        return WKV_SET_NO_MEMORY;
    struct record *record = next_record(undo, REMOVED);
    record->u.taken.bucket = bucket;
    record->u.taken.block = wkv_set_detach(set, &shard->memory, hasher, member);
    return WKV_SET_CHANGED;
}

/* ---- a copy ---- */

struct copying {
    struct wkv_undo *undo;
    struct wkv_memory *memory;
    struct wkv_entry *fresh;
    bool failed;
};

static bool copy_text(void *context, struct wkv_text text)
{
    struct copying *copying = context;
    struct wkv_entry *fresh = copying->fresh;
    copying->failed = fresh->kind == WKV_LIST
                          ? !wkv_list_push(wkv_entry_list(fresh), copying->memory, text)
                          : wkv_set_add(wkv_entry_set(fresh), copying->memory,
                                        &copying->undo->view->store->hasher, text) == WKV_SET_NO_MEMORY;
    return !copying->failed;
}

static bool copy_content(struct copying *copying, const struct wkv_entry *entry)
{
    if (entry->kind == WKV_SET)
        wkv_set_each(wkv_entry_set(entry), copy_text, copying);
    else if (wkv_entry_list(entry)->length > 0)
        wkv_list_range(wkv_entry_list(entry), 0, wkv_entry_list(entry)->length - 1, copy_text, copying);
    return !copying->failed;
}

struct wkv_entry *wkv_undo_copy(struct wkv_undo *undo, struct wkv_shard *shard, struct wkv_entry *entry)
{
    const struct wkv_key *key = &undo->view->keys[undo->view->claimed];
    int64_t expires_at_ns = wkv_entry_expires_at(entry);
    struct wkv_entry *fresh = wkv_entry_create(
        &shard->memory, entry->item.hash, *key,
        (struct wkv_entry_shape){.kind = (enum wkv_kind)entry->kind, .timed = expires_at_ns != 0});
    if (fresh == NULL)
        return NULL;
    fresh->used = entry->used;
    struct copying copying = {.undo = undo, .memory = &shard->memory, .fresh = fresh};
    if (!copy_content(&copying, entry) || !wkv_shard_insert(shard, fresh)) {
        wkv_shard_discard(shard, fresh);
        return NULL;
    }
    if (expires_at_ns != 0)
        wkv_wheel_arm(&shard->wheel, wkv_entry_timer(fresh), expires_at_ns);
    wkv_shard_break_walks(shard, entry);
    wkv_undo_hide(undo, entry);
    wkv_undo_made(undo);
    return fresh;
}

/* ---- back ---- */

static void take_back_in(struct wkv_undo *undo, struct wkv_shard *shard, struct record *record)
{
    const struct wkv_hasher *hasher = &undo->view->store->hasher;
    struct wkv_entry *entry = wkv_view_look(undo->view, record->key);
    switch (record->what) {
    case HID:
        record->u.hidden.entry->keyspace = record->u.hidden.keyspace;
        break;
    case MADE:
        wkv_shard_remove(shard, entry);
        break;
    case NUMBER:
        memcpy(wkv_entry_scalar(entry), &record->u.number, sizeof record->u.number);
        break;
    case EXPIRY:
        wkv_shard_set_expiry(shard, entry, record->u.number);
        break;
    case PUSHED:
        wkv_list_take(wkv_entry_list(entry), &shard->memory, WKV_LIST_LAST);
        break;
    case ADDED:
        (void)wkv_set_remove(wkv_entry_set(entry), &shard->memory, hasher, record->u.member);
        break;
    case POPPED:
        wkv_list_put_back(wkv_entry_list(entry), record->u.taken.block, record->u.taken.end);
        break;
    case REMOVED:
        wkv_memory_free(&shard->memory, record->u.taken.bucket);
        wkv_set_attach(wkv_entry_set(entry), &shard->memory, record->u.taken.block);
        break;
    }
}

static void take_back(struct wkv_undo *undo, struct record *record)
{
    struct wkv_place place = wkv_view_place(undo->view, record->key);
    struct wkv_shard *shard = place.shard;
    shard->memory.owner = place.hash;
    shard->memory.credit_bytes = ALL_CREDIT;
    take_back_in(undo, shard, record);
    shard->memory.credit_bytes = 0;
}

void wkv_view_undo(struct wkv_view *view)
{
    struct wkv_undo *undo = view->undo;
    if (undo == NULL)
        return;
    set_undo(view, NULL);
    while (undo->count > 0)
        take_back(undo, &undo->records[--undo->count]);
    end(view);
}

/* ---- for good ---- */

/* At a call's last record: what the key holds now, or that it is gone (entry NULL). A key that several calls
 * have named is told of for each. */
static void note(struct wkv_shard *shard, const struct record *record, const struct wkv_entry *entry)
{
    if (record->what == EXPIRY || record->silent)
        return;
    if (entry != NULL)
        wkv_shard_changed(shard, entry, WKV_CHANGE_PUT);
    else if (record->what == HID)
        wkv_shard_changed(shard, record->u.hidden.entry, WKV_CHANGE_DELETE);
}

static void let_go(struct wkv_shard *shard, struct record *record)
{
    if (record->what == HID)
        wkv_shard_remove(shard, record->u.hidden.entry);
    if (record->what == POPPED || record->what == REMOVED)
        wkv_memory_free(&shard->memory, record->u.taken.block);
    if (record->what == REMOVED)
        wkv_memory_free(&shard->memory, record->u.taken.bucket);
}

void wkv_view_keep(struct wkv_view *view)
{
    struct wkv_undo *undo = view->undo;
    if (undo == NULL)
        return;
    set_undo(view, NULL);
    for (size_t i = 0; i < undo->count; i++) {
        struct record *record = &undo->records[i];
        struct wkv_shard *shard = wkv_view_place(view, record->key).shard;
        bool is_last = i + 1 == undo->count || undo->records[i + 1].key != record->key;
        struct wkv_entry *entry = wkv_view_look(view, record->key);
        if (record->what == HID)
            record->u.hidden.entry->keyspace = record->u.hidden.keyspace;
        if (is_last)
            note(shard, record, entry);
        let_go(shard, record);
    }
    end(view);
}
