/* The bindings of hosts that are trusted no more. */
#include "access/registry.h"

/* So many are removed in one hold of the lock, and told to the watcher after it. */
#define REMOVED_AT_ONCE 64

struct removed {
    char name[WKV_BINDINGS_MAX_NAME_BYTES];
    uint32_t len;
};

/* A part of the removals. */
struct sweep {
    const struct wkv_trust *trust;
    uint32_t at; /* slot */
    bool more;   /* there are others behind them */
    size_t count;
    struct removed removed[REMOVED_AT_ONCE];
};

/* Where one is removed another may take its slot: that slot is looked at again. */
static void remove_some(struct wkv_bindings *bindings, struct sweep *sweep)
{
    sweep->count = 0;
    sweep->more = false;
    while (sweep->at < bindings->actors.slot_count) {
        const struct wkv_bound_actor *actor = &bindings->actors.slots[sweep->at];
        if (actor->len == 0 || wkv_policy_host_trusted(sweep->trust, &actor->binding.claims)) {
            sweep->at++;
            continue;
        }
        sweep->more = sweep->count == REMOVED_AT_ONCE;
        if (sweep->more)
            return;
        struct removed *one = &sweep->removed[sweep->count++];
        memcpy(one->name, actor->name, actor->len);
        one->len = actor->len;
        (void)wkv_bindings_remove_locked(bindings, (struct wkv_text){one->name, one->len});
    }
}

/* A reload that comes meanwhile sweeps for itself. */
size_t wkv_bindings_remove_untrusted(struct wkv_bindings *bindings)
{
    struct wkv_trust_reader reader;
    size_t removed = 0;
    uint64_t generation = 0;
    if (bindings->trust == NULL)
        return 0;
    wkv_trust_reader_init(&reader, bindings->trust);
    struct sweep sweep = {.trust = reader.trust};
    do {
        (void)pthread_mutex_lock(&bindings->lock);
        /* Others have bound or removed since: actors may lie in slots that were passed. */
        if (atomic_load_explicit(&bindings->generation, memory_order_relaxed) != generation)
            sweep.at = 0;
        remove_some(bindings, &sweep);
        generation = atomic_load_explicit(&bindings->generation, memory_order_relaxed);
        (void)pthread_mutex_unlock(&bindings->lock);
        removed += sweep.count;
        for (size_t i = 0; i < sweep.count; i++)
            wkv_bindings_tell(bindings, &(struct wkv_bindings_change){
                                            .actor = {sweep.removed[i].name, sweep.removed[i].len},
                                            .bound = false,
                                            .awaited = !sweep.more && i + 1 == sweep.count});
    } while (sweep.more);
    wkv_trust_reader_destroy(&reader);
    return removed;
}
