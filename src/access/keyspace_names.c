#include "access/keyspace_names.h"

#include <stdlib.h>

#include "support/text.h"

#define FIRST_PLACES 16u

bool wkv_keyspace_names_init(struct wkv_keyspace_names *names)
{
    *names = (struct wkv_keyspace_names){.place_count = FIRST_PLACES};
    wkv_hasher_init(&names->hasher);
    names->places = calloc(FIRST_PLACES, sizeof *names->places);
    names->names = calloc(FIRST_PLACES / 2, sizeof *names->names);
    return names->places != NULL && names->names != NULL;
}

void wkv_keyspace_names_destroy(struct wkv_keyspace_names *names)
{
    for (uint32_t i = 0; i < names->count; i++)
        free((char *)names->names[i].data);
    free(names->names);
    free(names->places);
}

/* The name's place, or the free one where it would go. */
static uint32_t *find_place(const struct wkv_keyspace_names *names, struct wkv_text name)
{
    uint32_t mask = names->place_count - 1;
    uint32_t at = (uint32_t)wkv_hash(&names->hasher, 0, name) & mask;
    while (names->places[at] != 0 && !wkv_text_same(name, names->names[names->places[at] - 1]))
        at = (at + 1) & mask;
    return &names->places[at];
}

bool wkv_keyspace_names_find(const struct wkv_keyspace_names *names, struct wkv_text name, uint32_t *number)
{
    uint32_t place = *find_place(names, name);
    if (place == 0)
        return false;
    *number = place - 1;
    return true;
}

/* Room for twice as many names. */
static bool grow(struct wkv_keyspace_names *names)
{
    uint32_t count = names->place_count * 2;
    uint32_t *places = calloc(count, sizeof *places);
    struct wkv_text *grown = realloc(names->names, count / 2 * sizeof *grown);
    if (grown != NULL)
        names->names = grown;
    if (places == NULL || grown == NULL) {
        free(places);
        return false;
    }
    free(names->places);
    names->places = places;
    names->place_count = count;
    for (uint32_t i = 0; i < names->count; i++)
        *find_place(names, names->names[i]) = i + 1;
    return true;
}

bool wkv_keyspace_names_add(struct wkv_keyspace_names *names, struct wkv_text name, uint32_t *number)
{
    bool room = names->count < names->place_count / 2 || grow(names);
    char *copy = room ? malloc(name.len) : NULL;
    if (copy == NULL)
        return false;
    memcpy(copy, name.data, name.len);
    *number = names->count++;
    names->names[*number] = (struct wkv_text){copy, name.len};
    *find_place(names, name) = *number + 1;
    return true;
}
