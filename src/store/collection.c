/* Lists and sets, one key at a time. */
#include <limits.h>

#include "store/store.h"
#include "support/text.h"

/* The entry of that kind for a call that adds to it, made where there is none (*fresh says so; it is in the
 * table then). Errors: WKV_STORE_WRONG_KIND, WKV_STORE_NO_MEMORY. */
static enum wkv_store_status open_collection(struct wkv_place place, struct wkv_entry **entry,
                                             struct wkv_key key, enum wkv_kind kind, bool *fresh)
{
    *fresh = *entry == NULL;
    if (*entry != NULL)
        return (*entry)->kind == kind ? WKV_STORE_OK : WKV_STORE_WRONG_KIND;
    *entry = wkv_entry_create(&place.shard->memory, place.hash, key, (struct wkv_entry_shape){.kind = kind});
    if (*entry == NULL)
        return WKV_STORE_NO_MEMORY;
    if (!wkv_shard_insert(place.shard, *entry)) {
        wkv_shard_discard(place.shard, *entry);
        return WKV_STORE_NO_MEMORY;
    }
    if (place.shard->undo != NULL)
        wkv_undo_made(place.shard->undo);
    return WKV_STORE_OK;
}

/* Takes out again what open_collection has made. */
static void unmake(struct wkv_shard *shard, struct wkv_entry *entry)
{
    if (shard->undo != NULL)
        wkv_undo_not_made(shard->undo);
    wkv_shard_remove(shard, entry);
}

/* The entry of that kind for a call that reads or only removes, or NULL: there is none, or *status says that
 * it is of another kind. */
static struct wkv_entry *of_kind(struct wkv_entry *entry, enum wkv_kind kind, enum wkv_store_status *status)
{
    bool other = entry != NULL && entry->kind != kind;
    *status = other ? WKV_STORE_WRONG_KIND : WKV_STORE_OK;
    return other ? NULL : entry;
}

/* Something has been taken from a list or a set that has so many left: one that is emptied is gone. */
static void taken_from(struct wkv_shard *shard, struct wkv_entry *entry, uint32_t left)
{
    if (left == 0)
        wkv_shard_delete(shard, entry);
    else
        wkv_shard_changed(shard, entry, WKV_CHANGE_PUT);
}

enum wkv_store_status wkv_view_list_push(struct wkv_view *view, size_t key, struct wkv_text value,
                                         int32_t *length)
{
    bool fresh;
    struct wkv_place place;
    struct wkv_entry *entry = wkv_view_claim(view, key, &place);
    enum wkv_store_status status = open_collection(place, &entry, view->keys[key], WKV_LIST, &fresh);
    if (status != WKV_STORE_OK)
        return status;
    struct wkv_list *list = wkv_entry_list(entry);
    if (list->length >= INT32_MAX)
        return WKV_STORE_FULL;
    if (!wkv_list_push(list, &place.shard->memory, value)) {
        if (fresh)
            unmake(place.shard, entry);
        return WKV_STORE_NO_MEMORY;
    }
    if (view->undo != NULL)
        wkv_undo_pushed(view->undo);
    wkv_shard_changed(place.shard, entry, WKV_CHANGE_PUT);
    *length = (int32_t)list->length;
    return WKV_STORE_OK;
}

/* Where a list has a value: looked for in pieces, before anything is changed. */
struct hits {
    struct wkv_view *view;
    struct wkv_text value;
    uint32_t index, first, last, count;
    enum wkv_store_status status;
};

static bool note_hit(void *context, struct wkv_text text)
{
    struct hits *hits = context;
    if (wkv_text_same(hits->value, text)) {
        hits->first = hits->count++ == 0 ? hits->index : hits->first;
        hits->last = hits->index;
    }
    hits->index++;
    if (!wkv_view_breathe(hits->view, 0))
        hits->status = WKV_STORE_CHANGED;
    return hits->status == WKV_STORE_OK;
}

/* Items that are rather looked at twice, first in pieces, than under one lock. */
#define MANY_ITEMS 512u

/* Whether it is found out before where the value is. No copy to change is made of a list that has none. */
static bool looks_first(const struct wkv_view *view, const struct wkv_list *list)
{
    return list->length > MANY_ITEMS || view->undo != NULL;
}

enum wkv_store_status wkv_view_list_remove(struct wkv_view *view, size_t key, struct wkv_text value,
                                           int32_t *length)
{
    struct hits hits = {.view = view, .value = value};
    struct wkv_place place;
    struct wkv_entry *entry = of_kind(wkv_view_find(view, key), WKV_LIST, &hits.status);
    struct wkv_list *list = entry == NULL ? NULL : wkv_entry_list(entry);
    *length = 0;
    if (list == NULL) {
        (void)wkv_view_claim(view, key, &place); /* one that has expired goes */
        return hits.status;
    }
    hits.last = list->length - 1;
    if (looks_first(view, list))
        wkv_list_range(list, 0, hits.last, note_hit, &hits);
    if (hits.status != WKV_STORE_OK)
        return hits.status;
    *length = (int32_t)list->length;
    if (looks_first(view, list) && hits.count == 0)
        return WKV_STORE_OK;
    uint32_t before = list->length;
    (void)wkv_view_claim(view, key, &place);
    if (view->undo != NULL) {
        entry = wkv_undo_copy(view->undo, place.shard, entry);
        if (entry == NULL)
            return WKV_STORE_NO_MEMORY;
        list = wkv_entry_list(entry);
    }
    wkv_list_remove(list, &place.shard->memory, value, hits.first, hits.last);
    *length = (int32_t)list->length;
    if (list->length < before)
        taken_from(place.shard, entry, list->length);
    return WKV_STORE_OK;
}

enum wkv_store_status wkv_view_list_pop(struct wkv_view *view, size_t key, enum wkv_list_end end)
{
    enum wkv_store_status status;
    struct wkv_place place;
    struct wkv_entry *entry = of_kind(wkv_view_claim(view, key, &place), WKV_LIST, &status);
    if (entry == NULL)
        return status == WKV_STORE_OK ? WKV_STORE_MISSING : status;
    struct wkv_list *list = wkv_entry_list(entry);
    if (view->undo != NULL && !wkv_undo_popping(view->undo, place.shard, list, end))
        return WKV_STORE_NO_MEMORY;
    wkv_list_take(list, &place.shard->memory, end);
    taken_from(place.shard, entry, list->length);
    return WKV_STORE_OK;
}

/* An index from the start, which may lie outside the list. */
static int64_t absolute(int32_t index, uint32_t length)
{
    return index < 0 ? (int64_t)index + length : index;
}

/* Shows texts, and lets go of the locks between. */
struct pieces {
    struct wkv_view *view;
    wkv_store_visitor visit;
    void *context;
    enum wkv_store_status status;
};

static bool show_piece(void *context, struct wkv_text text)
{
    struct pieces *pieces = context;
    if (!pieces->visit(pieces->context, text))
        return false;
    if (!wkv_view_breathe(pieces->view, text.len))
        pieces->status = WKV_STORE_CHANGED;
    return pieces->status == WKV_STORE_OK;
}

enum wkv_store_status wkv_view_list_range(struct wkv_view *view, size_t key, int32_t start, int32_t stop,
                                          wkv_store_visitor visit, void *context)
{
    enum wkv_store_status status;
    const struct wkv_entry *entry = of_kind(wkv_view_find(view, key), WKV_LIST, &status);
    if (entry == NULL)
        return status;
    const struct wkv_list *list = wkv_entry_list(entry);
    int64_t first = absolute(start, list->length);
    int64_t last = absolute(stop, list->length);
    if (first < 0)
        first = 0;
    if (last >= list->length)
        last = (int64_t)list->length - 1;
    struct pieces pieces = {view, visit, context, WKV_STORE_OK};
    if (first <= last)
        wkv_list_range(list, (uint32_t)first, (uint32_t)last, show_piece, &pieces);
    return pieces.status;
}

enum wkv_store_status wkv_view_list_clear(struct wkv_view *view, size_t key)
{
    enum wkv_store_status status;
    struct wkv_place place;
    struct wkv_entry *entry = of_kind(wkv_view_claim(view, key, &place), WKV_LIST, &status);
    if (entry != NULL)
        wkv_shard_delete(place.shard, entry);
    return status;
}

enum wkv_store_status wkv_view_set_add(struct wkv_view *view, size_t key, struct wkv_text member,
                                       int32_t *size)
{
    bool fresh;
    struct wkv_place place;
    const struct wkv_hasher *hasher = &view->store->hasher;
    struct wkv_entry *entry = wkv_view_claim(view, key, &place);
    enum wkv_store_status status = open_collection(place, &entry, view->keys[key], WKV_SET, &fresh);
    if (status != WKV_STORE_OK)
        return status;
    struct wkv_set *set = wkv_entry_set(entry);
    if (set->size >= INT32_MAX && !wkv_set_contains(set, hasher, member))
        return WKV_STORE_FULL;
    enum wkv_set_change change = wkv_set_add(set, &place.shard->memory, hasher, member);
    if (change == WKV_SET_NO_MEMORY) {
        if (fresh)
            unmake(place.shard, entry);
        else
            wkv_shard_break_walks(place.shard, entry); /* it may have become a table */
        return WKV_STORE_NO_MEMORY;
    }
    if (change == WKV_SET_CHANGED && view->undo != NULL)
        wkv_undo_added(view->undo, member);
    if (change == WKV_SET_CHANGED)
        wkv_shard_changed(place.shard, entry, WKV_CHANGE_PUT);
    *size = (int32_t)set->size;
    return WKV_STORE_OK;
}

/* Removes the member from the set; where that can be taken back, from a copy of a small one. */
static enum wkv_set_change remove_member(struct wkv_view *view, struct wkv_shard *shard,
                                         struct wkv_entry **entry, struct wkv_text member)
{
    const struct wkv_hasher *hasher = &view->store->hasher;
    struct wkv_set *set = wkv_entry_set(*entry);
    if (view->undo != NULL && set->hashed)
        return wkv_undo_remove(view->undo, shard, set, member);
    if (view->undo != NULL && wkv_set_contains(set, hasher, member)) {
        struct wkv_entry *copy = wkv_undo_copy(view->undo, shard, *entry);
        if (copy == NULL)
            return WKV_SET_NO_MEMORY;
        *entry = copy;
    }
    return wkv_set_remove(wkv_entry_set(*entry), &shard->memory, hasher, member);
}

enum wkv_store_status wkv_view_set_remove(struct wkv_view *view, size_t key, struct wkv_text member,
                                          int32_t *size)
{
    enum wkv_store_status status;
    struct wkv_place place;
    struct wkv_entry *entry = of_kind(wkv_view_claim(view, key, &place), WKV_SET, &status);
    *size = 0;
    if (entry == NULL)
        return status;
    enum wkv_set_change change = remove_member(view, place.shard, &entry, member);
    if (change == WKV_SET_NO_MEMORY)
        return WKV_STORE_NO_MEMORY;
    uint32_t left = wkv_entry_set(entry)->size;
    *size = (int32_t)left;
    if (change == WKV_SET_CHANGED)
        taken_from(place.shard, entry, left);
    return WKV_STORE_OK;
}

enum wkv_store_status wkv_view_set_contains(struct wkv_view *view, size_t key, struct wkv_text member,
                                            bool *contains)
{
    enum wkv_store_status status;
    const struct wkv_entry *entry = of_kind(wkv_view_find(view, key), WKV_SET, &status);
    *contains = entry != NULL && wkv_set_contains(wkv_entry_set(entry), &view->store->hasher, member);
    return status;
}

enum wkv_store_status wkv_view_set_members(struct wkv_view *view, size_t key, wkv_store_visitor visit,
                                           void *context)
{
    enum wkv_store_status status;
    const struct wkv_entry *entry = of_kind(wkv_view_find(view, key), WKV_SET, &status);
    struct pieces pieces = {view, visit, context, status};
    if (entry != NULL)
        wkv_set_each(wkv_entry_set(entry), show_piece, &pieces);
    return pieces.status;
}

enum wkv_store_status wkv_view_set_page(struct wkv_view *view, size_t key, uint64_t *cursor,
                                        wkv_store_visitor visit, void *context)
{
    enum wkv_store_status status;
    const struct wkv_entry *entry = of_kind(wkv_view_find(view, key), WKV_SET, &status);
    struct pieces pieces = {view, visit, context, status};
    uint64_t from = *cursor;
    *cursor = 0;
    if (entry != NULL)
        *cursor = wkv_set_page(wkv_entry_set(entry), &view->store->hasher, from, show_piece, &pieces);
    return pieces.status;
}
