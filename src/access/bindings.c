/* The registry: its beginning and end, removals, the watcher and the guard. */
#include <stdlib.h>

#include "access/registry.h"
#include "support/text.h"

struct wkv_bindings *wkv_bindings_create(const char *binding)
{
    struct wkv_bindings *bindings = calloc(1, sizeof *bindings);
    uint32_t zero;
    if (bindings == NULL)
        return NULL;
    atomic_init(&bindings->generation, 1);
    bool whole = wkv_binding_table_init(&bindings->actors);
    whole = wkv_keyspace_names_init(&bindings->keyspaces) && whole;
    whole = pthread_mutex_init(&bindings->lock, NULL) == 0 && whole;
    if (whole && wkv_keyspace_names_add(&bindings->keyspaces, wkv_text_from(binding), &zero))
        return bindings;
    wkv_bindings_destroy(bindings);
    return NULL;
}

void wkv_bindings_count_in(struct wkv_bindings *bindings, struct wkv_store *store, unsigned workers)
{
    bindings->store = store;
    bindings->actor_bytes = WKV_BINDINGS_ACTOR_BYTES + (uint64_t)workers * WKV_BINDINGS_SUBSCRIPTION_BYTES;
}

void wkv_bindings_trust(struct wkv_bindings *bindings, struct wkv_trust_source *trust)
{
    bindings->trust = trust;
}

void wkv_bindings_destroy(struct wkv_bindings *bindings)
{
    if (bindings == NULL)
        return;
    wkv_keyspace_names_destroy(&bindings->keyspaces);
    wkv_binding_table_destroy(&bindings->actors);
    (void)pthread_mutex_destroy(&bindings->lock);
    free(bindings);
}

/* An actor is a token of a subject. */
static bool is_token(struct wkv_text name)
{
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.data[i] <= 0x20 || (unsigned char)name.data[i] >= 0x7f ||
            strchr(".*>", name.data[i]) != NULL)
            return false;
    return name.len > 0 && name.len <= WKV_BINDINGS_MAX_NAME_BYTES;
}

enum wkv_code wkv_bindings_check_actor(struct wkv_text actor, struct wkv_error *error)
{
    if (!is_token(actor) || wkv_text_is(actor, WKV_POLICY_SYSTEM))
        return wkv_fail(error, WKV_BAD_REQUEST, "the module is no actor: give its public key (M...)");
    return WKV_OK;
}

/* ---- removals ---- */

static uint64_t hash_of(const struct wkv_bindings *bindings, struct wkv_text actor)
{
    return wkv_hash(&bindings->actors.hasher, 0, actor);
}

bool wkv_bindings_was_removed(const struct wkv_bindings *bindings, struct wkv_text actor)
{
    uint64_t hash = hash_of(bindings, actor);
    for (uint32_t i = 0; i < bindings->removed_count; i++)
        if (bindings->removed[i] == hash)
            return true;
    return bindings->removed_count == WKV_BINDINGS_REMEMBERED_REMOVALS;
}

bool wkv_bindings_remove_locked(struct wkv_bindings *bindings, struct wkv_text actor)
{
    if (!wkv_bindings_was_removed(bindings, actor))
        bindings->removed[bindings->removed_count++] = hash_of(bindings, actor);
    struct wkv_bound_actor *found = wkv_binding_table_find(&bindings->actors, actor);
    if (found->len == 0)
        return false;
    wkv_binding_table_remove(&bindings->actors, found);
    if (bindings->store != NULL)
        wkv_store_release(bindings->store, bindings->actor_bytes);
    atomic_fetch_add_explicit(&bindings->generation, 1, memory_order_release);
    return true;
}

void wkv_bindings_remove(struct wkv_bindings *bindings, struct wkv_text actor)
{
    if (!is_token(actor))
        return;
    if (bindings->record != NULL) {
        bindings->record(bindings->record_context, &(struct wkv_bindings_wish){.actor = actor});
        return;
    }
    (void)pthread_mutex_lock(&bindings->lock);
    bool was_bound = wkv_bindings_remove_locked(bindings, actor);
    (void)pthread_mutex_unlock(&bindings->lock);
    if (was_bound)
        wkv_bindings_tell(bindings,
                          &(struct wkv_bindings_change){.actor = actor, .bound = false, .awaited = true});
}

/* ---- the watcher and the guard ---- */

void wkv_bindings_tell(const struct wkv_bindings *bindings, const struct wkv_bindings_change *change)
{
    if (bindings->watcher != NULL)
        bindings->watcher(bindings->watcher_context, change);
}

void wkv_bindings_watch(struct wkv_bindings *bindings, wkv_bindings_watcher watcher, void *context)
{
    bindings->watcher = watcher;
    bindings->watcher_context = context;
}

void wkv_bindings_set_guard(struct wkv_bindings *bindings, const struct wkv_bindings_guard *guard)
{
    bindings->guard = guard == NULL ? (struct wkv_bindings_guard){.before = NULL} : *guard;
}

/* ---- looks ---- */

bool wkv_bindings_is_bound(struct wkv_bindings *bindings, struct wkv_text actor)
{
    if (!is_token(actor))
        return false;
    (void)pthread_mutex_lock(&bindings->lock);
    bool bound = wkv_binding_table_find(&bindings->actors, actor)->len != 0;
    (void)pthread_mutex_unlock(&bindings->lock);
    return bound;
}

size_t wkv_bindings_count(struct wkv_bindings *bindings)
{
    (void)pthread_mutex_lock(&bindings->lock);
    size_t count = bindings->actors.count;
    (void)pthread_mutex_unlock(&bindings->lock);
    return count;
}
