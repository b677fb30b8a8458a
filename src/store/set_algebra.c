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
    const struct wkv_hasher *hasher;
    struct seen_text *slots;
    size_t mask;
    size_t count;
    bool failed; /* no memory for the next text */
    bool more;   /* the visitor wants more */
    wkv_store_visitor visit;
    void *context;
};

#define FIRST_SEEN 64u

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

static bool seen_grow(struct seen *seen)
{
    struct seen old = *seen;
    size_t slots = old.slots == NULL ? FIRST_SEEN : (old.mask + 1) * 2;
    seen->slots = calloc(slots, sizeof *seen->slots);
    if (seen->slots == NULL) {
        seen->slots = old.slots;
        return false;
    }
    seen->mask = slots - 1;
    for (size_t i = 0; old.slots != NULL && i <= old.mask; i++)
        if (old.slots[i].data != NULL)
            *seen_slot(seen, old.slots[i]) = old.slots[i];
    free(old.slots);
    return true;
}

static bool show_unseen(void *context, struct wkv_text text)
{
    struct seen *seen = context;
    struct seen_text fresh = {text.data, (uint32_t)text.len, (uint32_t)wkv_hash(seen->hasher, 0, text)};
    if (seen->count >= (seen->mask + 1) / 8 * 7 && !seen_grow(seen)) {
        seen->failed = true;
        return false;
    }
    struct seen_text *slot = seen_slot(seen, fresh);
    if (slot->data != NULL)
        return true;
    *slot = fresh;
    seen->count++;
    seen->more = seen->visit(seen->context, text);
    return seen->more;
}

static enum wkv_store_status show_union(const struct wkv_view *view, const struct wkv_set **sets,
                                        size_t count, wkv_store_visitor visit, void *context)
{
    struct seen seen = {.hasher = &view->store->hasher, .more = true, .visit = visit, .context = context};
    if (count == 1) {
        wkv_set_each(sets[0], visit, context);
        return WKV_STORE_OK;
    }
    for (size_t i = 0; i < count && seen.more && !seen.failed; i++)
        wkv_set_each(sets[i], show_unseen, &seen);
    free(seen.slots);
    return seen.failed ? WKV_STORE_NO_MEMORY : WKV_STORE_OK;
}

/* A member of the smallest set, to be shown where all the others have it too. */
struct candidate {
    const struct wkv_hasher *hasher;
    const struct wkv_set **sets; /* the smallest first */
    size_t count;
    wkv_store_visitor visit;
    void *context;
};

static bool show_common(void *context, struct wkv_text text)
{
    const struct candidate *candidate = context;
    for (size_t i = 1; i < candidate->count; i++)
        if (!wkv_set_contains(candidate->sets[i], candidate->hasher, text))
            return true;
    return candidate->visit(candidate->context, text);
}

static void show_intersection(const struct wkv_view *view, const struct wkv_set **sets, size_t count,
                              wkv_store_visitor visit, void *context)
{
    struct candidate candidate = {&view->store->hasher, sets, count, visit, context};
    for (size_t i = 1; i < count; i++) {
        if (sets[i]->size < sets[0]->size) {
            const struct wkv_set *smaller = sets[i];
            sets[i] = sets[0];
            sets[0] = smaller;
        }
    }
    wkv_set_each(sets[0], show_common, &candidate);
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
    if (status == WKV_STORE_OK && combination == UNION)
        status = show_union(view, sets, found, visit, context);
    else if (status == WKV_STORE_OK && found == count)
        show_intersection(view, sets, count, visit, context);
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
