/* The bindings of hosts that are trusted no more. */
#include "access/registry.h"

/* So many are removed in one hold of the lock, and told to the watcher after it. */
#define REMOVED_AT_ONCE 64

struct removed {
    char name[WKV_BINDINGS_MAX_NAME_BYTES];
    uint32_t len;
};

struct piece {
    size_t count;
    bool more; /* there are others behind them */
    struct removed removed[REMOVED_AT_ONCE];
};

/* Where one is removed another may take its slot: that slot is looked at again. */
static void remove_some(struct wkv_bindings_sweep *sweep, struct piece *piece)
{
    struct wkv_bindings *bindings = sweep->bindings;
    while (sweep->at < bindings->actors.slot_count) {
        const struct wkv_bound_actor *actor = &bindings->actors.slots[sweep->at];
        if (actor->len == 0 || wkv_policy_host_trusted(sweep->reader.trust, &actor->binding.claims)) {
            sweep->at++;
            continue;
        }
        piece->more = piece->count == REMOVED_AT_ONCE;
        if (piece->more)
            return;
        struct removed *one = &piece->removed[piece->count++];
        memcpy(one->name, actor->name, actor->len);
        one->len = actor->len;
        (void)wkv_bindings_remove_locked(bindings, (struct wkv_text){one->name, one->len});
    }
}

/* A reload that comes meanwhile sweeps for itself. */
void wkv_bindings_sweep_begin(struct wkv_bindings_sweep *sweep, struct wkv_bindings *bindings)
{
    *sweep = (struct wkv_bindings_sweep){.bindings = bindings};
    if (bindings->trust != NULL)
        wkv_trust_reader_init(&sweep->reader, bindings->trust);
}

void wkv_bindings_sweep_end(struct wkv_bindings_sweep *sweep)
{
    if (sweep->bindings->trust != NULL)
        wkv_trust_reader_destroy(&sweep->reader);
}

bool wkv_bindings_sweep_on(struct wkv_bindings_sweep *sweep)
{
    struct wkv_bindings *bindings = sweep->bindings;
    struct piece piece;
    piece.count = 0;
    piece.more = false;
    if (bindings->trust == NULL)
        return false;
    (void)pthread_mutex_lock(&bindings->lock);
    /* Others have bound or removed since: actors may lie in slots that were passed. */
    if (atomic_load_explicit(&bindings->generation, memory_order_relaxed) != sweep->generation)
        sweep->at = 0;
    remove_some(sweep, &piece);
    sweep->generation = atomic_load_explicit(&bindings->generation, memory_order_relaxed);
    (void)pthread_mutex_unlock(&bindings->lock);
    sweep->removed += piece.count;
    /* Who is trusted no more may write no more here from now on; elsewhere, once the log says so. */
    for (size_t i = 0; i < piece.count && bindings->record != NULL; i++)
        bindings->record(bindings->record_context,
                         &(struct wkv_bindings_wish){.actor = {piece.removed[i].name, piece.removed[i].len}});
    for (size_t i = 0; i < piece.count; i++)
        wkv_bindings_tell(
            bindings, &(struct wkv_bindings_change){.actor = {piece.removed[i].name, piece.removed[i].len},
                                                    .bound = false,
                                                    .awaited = !piece.more && i + 1 == piece.count});
    return piece.more;
}
