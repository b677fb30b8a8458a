/* The registry of bindings from inside, for the files bindings*.c. */
#ifndef WKV_ACCESS_REGISTRY_H
#define WKV_ACCESS_REGISTRY_H

#include <pthread.h>
#include <stdatomic.h>

#include "access/binding_table.h"
#include "access/keyspace_names.h"

/* The lock guards everything up to the blank line; what follows it is set before threads come. */
struct wkv_bindings {
    pthread_mutex_t lock;
    _Atomic uint64_t generation; /* counted up by every change, under the lock */
    _Atomic bool any;            /* whether an actor was ever bound */
    struct wkv_binding_table actors;
    struct wkv_keyspace_names keyspaces;
    /* Hashes of the names that were removed since start, bound or not. Two of one hash are as good as one:
     * then an actor that was not removed is not adopted, and its host's next BindActor binds it. */
    uint64_t removed[WKV_BINDINGS_REMEMBERED_REMOVALS];
    uint32_t removed_count;

    struct wkv_trust_source *trust; /* borrowed; NULL: no host is asked about */
    struct wkv_store *store;        /* borrowed: its budget counts this; NULL: none does */
    uint64_t actor_bytes;           /* of one binding */
    wkv_bindings_watcher watcher;   /* NULL: none */
    void *watcher_context;
    struct wkv_bindings_guard guard; /* .before NULL: none */
    wkv_bindings_recorder record;    /* NULL: the registry decides */
    void *record_context;
};

/* Under the lock: takes the actor's binding away and remembers that. Returns whether it was bound. */
bool wkv_bindings_remove_locked(struct wkv_bindings *bindings, struct wkv_text actor);

/* Under the lock: whether it was removed since start, as far as that is remembered. */
bool wkv_bindings_was_removed(const struct wkv_bindings *bindings, struct wkv_text actor);

/* Tells the watcher. Not under the lock. */
void wkv_bindings_tell(const struct wkv_bindings *bindings, const struct wkv_bindings_change *change);

#endif
