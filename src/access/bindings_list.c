/* What the registry shows: bindings in the order of their actors' names, and keyspaces. */
#include <stdlib.h>

#include "access/registry.h"
#include "support/text.h"

/* Sifts the actor at the root of a heap, the last name on top, down to where it belongs. */
static void sift_down(const struct wkv_bound_actor **heap, size_t count, size_t at)
{
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count &&
            wkv_text_compare(wkv_bound_name(heap[child + 1]), wkv_bound_name(heap[child])) > 0)
            child++;
        if (wkv_text_compare(wkv_bound_name(heap[at]), wkv_bound_name(heap[child])) >= 0)
            return;
        const struct wkv_bound_actor *moved = heap[at];
        heap[at] = heap[child];
        heap[child] = moved;
    }
}

/* Puts the first max actors behind `after` into heap, the last of them on top. */
static size_t collect(const struct wkv_bindings *bindings, struct wkv_text after,
                      const struct wkv_bound_actor **heap, size_t max)
{
    size_t count = 0;
    for (uint32_t i = 0; i < bindings->actors.slot_count; i++) {
        const struct wkv_bound_actor *actor = &bindings->actors.slots[i];
        if (actor->len == 0 || wkv_text_compare(wkv_bound_name(actor), after) <= 0)
            continue;
        if (count < max) {
            heap[count++] = actor;
            if (count == max)
                for (size_t at = count / 2; at-- > 0;)
                    sift_down(heap, count, at);
        } else if (wkv_text_compare(wkv_bound_name(actor), wkv_bound_name(heap[0])) < 0) {
            heap[0] = actor;
            sift_down(heap, count, 0);
        }
    }
    return count;
}

static int by_name(const void *a, const void *b)
{
    return wkv_text_compare(wkv_bound_name(*(const struct wkv_bound_actor *const *)a),
                            wkv_bound_name(*(const struct wkv_bound_actor *const *)b));
}

static void copy_keyspace(const struct wkv_bindings *bindings, uint32_t number,
                          char out[WKV_BINDINGS_MAX_NAME_BYTES + 1])
{
    struct wkv_text name = bindings->keyspaces.names[number];
    memcpy(out, name.data, name.len);
    out[name.len] = '\0';
}

size_t wkv_bindings_list(struct wkv_bindings *bindings, struct wkv_text after,
                         struct wkv_bindings_listed *out, size_t max)
{
    const struct wkv_bound_actor **found = calloc(max, sizeof(struct wkv_bound_actor *));
    if (found == NULL)
        return SIZE_MAX;
    (void)pthread_mutex_lock(&bindings->lock);
    size_t count = collect(bindings, after, found, max);
    qsort(found, count, sizeof(struct wkv_bound_actor *), by_name);
    for (size_t i = 0; i < count; i++) {
        memcpy(out[i].actor, found[i]->name, found[i]->len);
        out[i].actor[found[i]->len] = '\0';
        copy_keyspace(bindings, found[i]->binding.keyspace, out[i].keyspace);
        out[i].claims = found[i]->binding.claims;
    }
    (void)pthread_mutex_unlock(&bindings->lock);
    free(found);
    return count;
}

uint32_t wkv_bindings_keyspaces(struct wkv_bindings *bindings)
{
    (void)pthread_mutex_lock(&bindings->lock);
    uint32_t count = bindings->keyspaces.count;
    (void)pthread_mutex_unlock(&bindings->lock);
    return count;
}

bool wkv_bindings_keyspace_name(struct wkv_bindings *bindings, uint32_t number,
                                char out[WKV_BINDINGS_MAX_NAME_BYTES + 1])
{
    (void)pthread_mutex_lock(&bindings->lock);
    bool known = number < bindings->keyspaces.count;
    if (known)
        copy_keyspace(bindings, number, out);
    (void)pthread_mutex_unlock(&bindings->lock);
    return known;
}

bool wkv_bindings_keyspace_number(struct wkv_bindings *bindings, struct wkv_text name, uint32_t *number)
{
    (void)pthread_mutex_lock(&bindings->lock);
    bool known = wkv_keyspace_names_find(&bindings->keyspaces, name, number);
    (void)pthread_mutex_unlock(&bindings->lock);
    return known;
}
