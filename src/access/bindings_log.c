/* Bindings where a log decides. */
#include "access/registry.h"

void wkv_bindings_record(struct wkv_bindings *bindings, wkv_bindings_recorder record, void *context)
{
    bindings->record = record;
    bindings->record_context = context;
}

void wkv_bindings_give_up(struct wkv_bindings *bindings, struct wkv_text actor)
{
    if (bindings->guard.gave_up != NULL)
        bindings->guard.gave_up(bindings->guard.context, actor);
}

bool wkv_bindings_put_keyspace(struct wkv_bindings *bindings, struct wkv_text name, uint32_t number)
{
    uint32_t given = number;
    (void)pthread_mutex_lock(&bindings->lock);
    bool known = number < bindings->keyspaces.count;
    bool put = known || wkv_keyspace_names_add(&bindings->keyspaces, name, &given);
    (void)pthread_mutex_unlock(&bindings->lock);
    return put && given == number;
}

bool wkv_bindings_put(struct wkv_bindings *bindings, struct wkv_text actor, const struct wkv_binding *binding)
{
    (void)pthread_mutex_lock(&bindings->lock);
    bool room = wkv_binding_table_reserve(&bindings->actors);
    if (room) {
        struct wkv_bound_actor *slot = wkv_binding_table_find(&bindings->actors, actor);
        if (slot->len == 0)
            wkv_binding_table_take(&bindings->actors, slot, actor);
        slot->binding = *binding;
        slot->binding.claims.bound = true;
        atomic_store_explicit(&bindings->any, true, memory_order_release);
        atomic_fetch_add_explicit(&bindings->generation, 1, memory_order_release);
    }
    (void)pthread_mutex_unlock(&bindings->lock);
    return room;
}

void wkv_bindings_take(struct wkv_bindings *bindings, struct wkv_text actor)
{
    (void)pthread_mutex_lock(&bindings->lock);
    struct wkv_bound_actor *slot = wkv_binding_table_find(&bindings->actors, actor);
    if (slot->len != 0) {
        wkv_binding_table_remove(&bindings->actors, slot);
        atomic_fetch_add_explicit(&bindings->generation, 1, memory_order_release);
    }
    (void)pthread_mutex_unlock(&bindings->lock);
}

void wkv_bindings_settle(struct wkv_bindings *bindings, struct wkv_text actor)
{
    wkv_bindings_tell(bindings, &(struct wkv_bindings_change){.actor = actor,
                                                              .bound = wkv_bindings_is_bound(bindings, actor),
                                                              .awaited = true});
}
