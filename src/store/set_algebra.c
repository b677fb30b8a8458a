/* Union and intersection. Scratch memory is the call's own and is not counted in the budget: it is bounded by
 * what the visitor takes. */
#include <stdlib.h>
#include <string.h>

#include "store/store.h"

/* Finds the sets that the keys name. Errors: WKV_STORE_WRONG_KIND. */
static enum wkv_store_status find_sets(const struct wkv_view *view, size_t first, size_t count,
                                       const struct wkv_set **sets, size_t *found)
{
    *found = 0;
    for (size_t key = first; key < first + count; key++) {
        const struct wkv_entry *entry = wkv_view_find(view, key);
        if (entry != NULL && entry->kind != WKV_SET)
            return WKV_STORE_WRONG_KIND;
        if (entry != NULL)
            sets[(*found)++] = wkv_entry_set(entry);
    }
    return WKV_STORE_OK;
}

/* A text that was shown, by reference. data NULL: the slot is free. */
struct seen_text {
    const char *data;
    uint32_t len;
    uint32_t hash;
};

/* What a union has shown: open addressing, at most seven eighths full. It grows with what is shown and not
 * with what there is, so that a visitor with room for little bounds the scratch memory, too. */
struct seen {
    struct wkv_view *view;
    struct seen_text *slots;
    size_t mask;
    size_t count;
    enum wkv_store_status status;
    bool more; /* the visitor wants more */
    wkv_store_visitor visit;
    void *context;
};

#define FIRST_SEEN 64u

/* What a text costs beside a step of a walk: two more misses of the cache. */
#define MISSES 2

/* The slot of that text, or the free one where it belongs. */
static struct seen_text *seen_slot(const struct seen *seen, struct seen_text text)
{
    size_t slot = text.hash & seen->mask;
    for (; seen->slots[slot].data != NULL; slot = (slot + 1) & seen->mask)
        if (seen->slots[slot].hash == text.hash &&
            wkv_text_same((struct wkv_text){text.data, text.len},
                          (struct wkv_text){seen->slots[slot].data, seen->slots[slot].len}))
            break;
    return &seen->slots[slot];
}

/* Its texts are all different, so that none is looked at, and so no lock is needed. */
static bool seen_grow(struct seen *seen)
{
    size_t slots = seen->slots == NULL ? FIRST_SEEN : (seen->mask + 1) * 2;
    struct seen_text *grown = calloc(slots, sizeof *grown);
    if (grown == NULL)
        return false;
    for (size_t i = 0; seen->slots != NULL && i <= seen->mask; i++) {
        size_t slot = seen->slots[i].hash & (slots - 1);
        if (seen->slots[i].data == NULL)
            continue;
        while (grown[slot].data != NULL)
            slot = (slot + 1) & (slots - 1);
        grown[slot] = seen->slots[i];
    }
    free(seen->slots);
    seen->slots = grown;
    seen->mask = slots - 1;
    return true;
}

/* Texts above which a growth takes time. */
#define MANY_SEEN 4096u

static enum wkv_store_status seen_reserve(struct seen *seen)
{
    if (seen->count < (seen->mask + 1) / 8 * 7)
        return WKV_STORE_OK;
    bool free_of_locks = seen->count > MANY_SEEN && wkv_view_let_go(seen->view);
    bool grown = seen_grow(seen);
    if (free_of_locks && !wkv_view_hold_again(seen->view))
        return WKV_STORE_CHANGED;
    return grown ? WKV_STORE_OK : WKV_STORE_NO_MEMORY;
}

static bool show_new(struct seen *seen, struct wkv_text text)
{
    struct seen_text fresh = {text.data, (uint32_t)text.len,
                              (uint32_t)wkv_hash(&seen->view->store->hasher, 0, text)};
    struct seen_text *slot = seen_slot(seen, fresh);
    if (slot->data != NULL)
        return true;
    *slot = fresh;
    seen->count++;
    return seen->visit(seen->context, text);
}

static bool show_unseen(void *context, struct wkv_text text)
{
    struct seen *seen = context;
    seen->status = seen_reserve(seen);
    if (seen->status != WKV_STORE_OK)
        return false;
    seen->more = show_new(seen, text);
    if (seen->more && !wkv_view_breathe(seen->view, text.len + MISSES * 64))
        seen->status = WKV_STORE_CHANGED;
    return seen->more && seen->status == WKV_STORE_OK;
}

static enum wkv_store_status show_union(struct wkv_view *view, const struct wkv_set **sets, size_t count,
                                        wkv_store_visitor visit, void *context)
{
    struct seen seen = {.view = view, .more = true, .visit = visit, .context = context};
    for (size_t i = 0; i < count && seen.more && seen.status == WKV_STORE_OK; i++)
        wkv_set_each(sets[i], show_unseen, &seen);
    free(view->scratch);
    view->scratch = seen.slots; /* millions of slots take milliseconds to give back */
    return seen.status;
}

/* A member of the smallest set, to be shown where all the others have it too. */
struct candidate {
    struct wkv_view *view;
    const struct wkv_set **sets; /* the smallest first */
    size_t count;
    enum wkv_store_status status;
    wkv_store_visitor visit;
    void *context;
};

static bool show_common(void *context, struct wkv_text text)
{
    struct candidate *candidate = context;
    size_t i = 1;
    while (i < candidate->count &&
           wkv_set_contains(candidate->sets[i], &candidate->view->store->hasher, text))
        i++;
    if (i == candidate->count && !candidate->visit(candidate->context, text))
        return false;
    if (!wkv_view_breathe(candidate->view, text.len + i * 64))
        candidate->status = WKV_STORE_CHANGED;
    return candidate->status == WKV_STORE_OK;
}

static enum wkv_store_status show_intersection(struct wkv_view *view, const struct wkv_set **sets,
                                               size_t count, wkv_store_visitor visit, void *context)
{
    struct candidate candidate = {view, sets, count, WKV_STORE_OK, visit, context};
    for (size_t i = 1; i < count; i++) {
        if (sets[i]->size < sets[0]->size) {
            const struct wkv_set *smaller = sets[i];
            sets[i] = sets[0];
            sets[0] = smaller;
        }
    }
    wkv_set_each(sets[0], show_common, &candidate);
    return candidate.status;
}

enum combination { UNION, INTERSECTION };

static enum wkv_store_status combine(struct wkv_view *view, size_t first, size_t count,
                                     enum combination combination, wkv_store_visitor visit, void *context)
{
    if (count == 0)
        return WKV_STORE_OK;
    const struct wkv_set **sets = calloc(count, sizeof(struct wkv_set *));
    if (sets == NULL)
        return WKV_STORE_NO_MEMORY;
    size_t found;
    enum wkv_store_status status = find_sets(view, first, count, sets, &found);
    if (status == WKV_STORE_OK && combination == UNION && found == 1 && count == 1)
        status = wkv_view_set_members(view, first, visit, context);
    else if (status == WKV_STORE_OK && combination == UNION)
        status = show_union(view, sets, found, visit, context);
    else if (status == WKV_STORE_OK && found == count)
        status = show_intersection(view, sets, count, visit, context);
    free(sets);
    return status;
}

enum wkv_store_status wkv_view_set_union(struct wkv_view *view, size_t first, size_t count,
                                         wkv_store_visitor visit, void *context)
{
    return combine(view, first, count, UNION, visit, context);
}

enum wkv_store_status wkv_view_set_intersection(struct wkv_view *view, size_t first, size_t count,
                                                wkv_store_visitor visit, void *context)
{
    return combine(view, first, count, INTERSECTION, visit, context);
}
