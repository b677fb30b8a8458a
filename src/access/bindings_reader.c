/* What a worker remembers of the registry. */
#include <stdlib.h>

#include "access/registry.h"
#include "support/text.h"

/* A reader remembers this many actors; more push each other out, one for one. A power of two. */
#define READER_SLOTS 1024u /* 2^10: slot_of keeps ten bits */

struct wkv_bindings_slot {
    char name[WKV_BINDINGS_MAX_NAME_BYTES];
    uint32_t len;
    uint64_t generation; /* the slot is worth something only in its reader's generation */
    struct wkv_binding binding;
};

bool wkv_bindings_reader_init(struct wkv_bindings_reader *reader, struct wkv_bindings *bindings)
{
    reader->bindings = bindings;
    reader->slots = calloc(READER_SLOTS, sizeof *reader->slots);
    return reader->slots != NULL;
}

void wkv_bindings_reader_destroy(struct wkv_bindings_reader *reader)
{
    free(reader->slots);
    reader->slots = NULL;
}

/* Picks a slot by the name's last bytes, which differ between keys. A sender who aims names at one slot pays
 * with a look-up for each. */
static uint32_t slot_of(struct wkv_text actor)
{
    uint64_t word = 0;
    size_t len = actor.len < sizeof word ? actor.len : sizeof word;
    memcpy(&word, actor.data + actor.len - len, len);
    return (uint32_t)(word * UINT64_C(0x9e3779b97f4a7c15) >> 54);
}

static const struct wkv_binding UNKNOWN;

static const struct wkv_binding *__attribute__((noinline))
find_slot(struct wkv_bindings_reader *reader, struct wkv_text actor)
{
    struct wkv_bindings *bindings = reader->bindings;
    uint64_t generation = atomic_load_explicit(&bindings->generation, memory_order_acquire);
    struct wkv_bindings_slot *slot = &reader->slots[slot_of(actor)];
    if (slot->generation == generation && wkv_text_same(actor, (struct wkv_text){slot->name, slot->len}))
        return &slot->binding;
    (void)pthread_mutex_lock(&bindings->lock);
    const struct wkv_bound_actor *found = wkv_binding_table_find(&bindings->actors, actor);
    slot->binding = found->len != 0 ? found->binding : UNKNOWN;
    slot->generation = atomic_load_explicit(&bindings->generation, memory_order_relaxed);
    (void)pthread_mutex_unlock(&bindings->lock);
    memcpy(slot->name, actor.data, actor.len);
    slot->len = (uint32_t)actor.len;
    return &slot->binding;
}

const struct wkv_binding *wkv_bindings_find(struct wkv_bindings_reader *reader, struct wkv_text actor)
{
    /* Where no actor was ever bound there is nothing to look up. */
    bool any = atomic_load_explicit(&reader->bindings->any, memory_order_acquire);
    if (!any || actor.len == 0 || actor.len > WKV_BINDINGS_MAX_NAME_BYTES)
        return &UNKNOWN;
    return find_slot(reader, actor);
}
