/* Union and intersection: several sets seen at one moment.
 *
 * All shards that the keys live in are locked, in shard order, so that two such calls can never wait for each
 * other; then the sets are looked up, and the answer is shown while the locks are held. Scratch memory is the
 * call's own and is not counted in the budget: it is bounded by what the visitor takes.
 */
#include <stdlib.h>
#include <string.h>

#include "store/store.h"

struct sought {
    struct wkv_place place;
    size_t index; /* into the caller's keys */
};

/* The distinct sets that the keys name, and what is locked for them. */
struct view {
    struct wkv_store *store;
    struct sought *sought; /* sorted by shard */
    size_t sought_count;
    const struct wkv_set **sets; /* each once */
    size_t set_count;
    bool any_missing;
};

static int by_shard(const void *left, const void *right)
{
    const struct sought *a = left;
    const struct sought *b = right;
    return (a->place.shard > b->place.shard) - (a->place.shard < b->place.shard);
}

static int by_address(const void *left, const void *right)
{
    uintptr_t a = (uintptr_t) * (const struct wkv_set *const *)left;
    uintptr_t b = (uintptr_t) * (const struct wkv_set *const *)right;
    return (a > b) - (a < b);
}

static bool first_of_its_shard(const struct view *view, size_t i)
{
    return i == 0 || view->sought[i].place.shard != view->sought[i - 1].place.shard;
}

static void unlock_all(const struct view *view)
{
    for (size_t i = 0; i < view->sought_count; i++)
        if (first_of_its_shard(view, i))
            wkv_shard_unlock(view->sought[i].place.shard);
}

/* A key that stands twice gives the same set twice: keep one. */
static void drop_duplicates(struct view *view)
{
    if (view->set_count < 2)
        return;
    qsort(view->sets, view->set_count, sizeof(struct wkv_set *), by_address);
    size_t kept = 1;
    for (size_t i = 1; i < view->set_count; i++)
        if (view->sets[i] != view->sets[kept - 1])
            view->sets[kept++] = view->sets[i];
    view->set_count = kept;
}

/* Finds the sets under the locks. */
static enum wkv_store_status find_sets(struct view *view, const struct wkv_key *keys, int64_t now_ns)
{
    for (size_t i = 0; i < view->sought_count; i++) {
        const struct sought *sought = &view->sought[i];
        const struct wkv_entry *entry =
            wkv_shard_find(sought->place.shard, sought->place.hash, keys[sought->index], now_ns);
        if (entry == NULL)
            view->any_missing = true;
        else if (entry->kind != WKV_SET)
            return WKV_STORE_WRONG_KIND;
        else
            view->sets[view->set_count++] = wkv_entry_set(entry);
    }
    drop_duplicates(view);
    return WKV_STORE_OK;
}

/* Opens a view; on WKV_STORE_OK the locks are held until close_view. */
static enum wkv_store_status open_view(struct view *view, struct wkv_store *store, const struct wkv_key *keys,
                                       size_t count, int64_t now_ns)
{
    memset(view, 0, sizeof *view);
    view->store = store;
    view->sought = calloc(count, sizeof *view->sought);
    view->sets = calloc(count, sizeof(struct wkv_set *));
    if (view->sought == NULL || view->sets == NULL) {
        free(view->sought);
        free(view->sets);
        return WKV_STORE_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++)
        view->sought[i] = (struct sought){wkv_store_place(store, keys[i]), i};
    view->sought_count = count;
    qsort(view->sought, count, sizeof *view->sought, by_shard);
    for (size_t i = 0; i < count; i++)
        if (first_of_its_shard(view, i))
            wkv_shard_lock(view->sought[i].place.shard);
    return find_sets(view, keys, now_ns);
}

static void close_view(struct view *view)
{
    unlock_all(view);
    free(view->sought);
    free(view->sets);
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
            wkv_text_equal((struct wkv_text){text.data, text.len}, seen->slots[slot].data,
                           seen->slots[slot].len))
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

static enum wkv_store_status show_union(const struct view *view, wkv_store_visitor visit, void *context)
{
    if (view->set_count == 1)
        wkv_set_each(view->sets[0], visit, context);
    if (view->set_count < 2)
        return WKV_STORE_OK;
    struct seen seen = {.hasher = &view->store->hasher, .more = true, .visit = visit, .context = context};
    for (size_t i = 0; i < view->set_count && seen.more && !seen.failed; i++)
        wkv_set_each(view->sets[i], show_unseen, &seen);
    free(seen.slots);
    return seen.failed ? WKV_STORE_NO_MEMORY : WKV_STORE_OK;
}

enum wkv_store_status wkv_store_set_union(struct wkv_store *store, const struct wkv_key *keys, size_t count,
                                          int64_t now_ns, wkv_store_visitor visit, void *context)
{
    if (count == 0)
        return WKV_STORE_OK;
    struct view view;
    enum wkv_store_status status = open_view(&view, store, keys, count, now_ns);
    if (view.sought_count == 0)
        return status;
    if (status == WKV_STORE_OK)
        status = show_union(&view, visit, context);
    close_view(&view);
    return status;
}

/* A member of the smallest set, to be shown where all the others have it too. */
struct candidate {
    const struct view *view;
    const struct wkv_set *smallest;
    wkv_store_visitor visit;
    void *context;
};

static bool show_common(void *context, struct wkv_text text)
{
    const struct candidate *candidate = context;
    const struct view *view = candidate->view;
    for (size_t i = 0; i < view->set_count; i++)
        if (view->sets[i] != candidate->smallest &&
            !wkv_set_contains(view->sets[i], &view->store->hasher, text))
            return true;
    return candidate->visit(candidate->context, text);
}

enum wkv_store_status wkv_store_set_intersection(struct wkv_store *store, const struct wkv_key *keys,
                                                 size_t count, int64_t now_ns, wkv_store_visitor visit,
                                                 void *context)
{
    if (count == 0)
        return WKV_STORE_OK;
    struct view view;
    enum wkv_store_status status = open_view(&view, store, keys, count, now_ns);
    if (view.sought_count == 0)
        return status;
    if (status == WKV_STORE_OK && !view.any_missing) {
        struct candidate candidate = {&view, view.sets[0], visit, context};
        for (size_t i = 1; i < view.set_count; i++)
            if (view.sets[i]->size < candidate.smallest->size)
                candidate.smallest = view.sets[i];
        wkv_set_each(candidate.smallest, show_common, &candidate);
    }
    close_view(&view);
    return status;
}
