#include "access/binding_table.h"

#include <stdlib.h>

#include "support/text.h"

#define FIRST_SLOTS 64u

bool wkv_binding_table_init(struct wkv_binding_table *table)
{
    wkv_hasher_init(&table->hasher);
    table->count = 0;
    table->slot_count = FIRST_SLOTS;
    table->slots = calloc(FIRST_SLOTS, sizeof *table->slots);
    return table->slots != NULL;
}

void wkv_binding_table_destroy(struct wkv_binding_table *table)
{
    free(table->slots);
    table->slots = NULL;
}

static uint32_t home_of(const struct wkv_binding_table *table, struct wkv_text name)
{
    return (uint32_t)wkv_hash(&table->hasher, 0, name) & (table->slot_count - 1);
}

struct wkv_bound_actor *wkv_binding_table_find(const struct wkv_binding_table *table, struct wkv_text name)
{
    uint32_t at = home_of(table, name);
    while (table->slots[at].len != 0 && !wkv_text_same(name, wkv_bound_name(&table->slots[at])))
        at = (at + 1) & (table->slot_count - 1);
    return &table->slots[at];
}

bool wkv_binding_table_reserve(struct wkv_binding_table *table)
{
    struct wkv_binding_table larger = *table;
    if (table->count + 1 <= table->slot_count / 2)
        return true;
    larger.slot_count *= 2;
    larger.slots = calloc(larger.slot_count, sizeof *larger.slots);
    if (larger.slots == NULL)
        return false;
    for (uint32_t i = 0; i < table->slot_count; i++)
        if (table->slots[i].len != 0)
            *wkv_binding_table_find(&larger, wkv_bound_name(&table->slots[i])) = table->slots[i];
    free(table->slots);
    *table = larger;
    return true;
}

void wkv_binding_table_take(struct wkv_binding_table *table, struct wkv_bound_actor *slot,
                            struct wkv_text name)
{
    memcpy(slot->name, name.data, name.len);
    slot->len = (uint32_t)name.len;
    table->count++;
}

/* Moves entries that probed past the freed slot into it, so that no search ends too early. */
void wkv_binding_table_remove(struct wkv_binding_table *table, struct wkv_bound_actor *slot)
{
    uint32_t mask = table->slot_count - 1;
    uint32_t hole = (uint32_t)(slot - table->slots);
    for (uint32_t i = (hole + 1) & mask; table->slots[i].len != 0; i = (i + 1) & mask) {
        uint32_t home = home_of(table, wkv_bound_name(&table->slots[i]));
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            table->slots[hole] = table->slots[i];
            hole = i;
        }
    }
    table->slots[hole].len = 0;
    table->count--;
}
