#include "record/chain.h"

#include <stdlib.h>

bool wkv_chain_begin(struct wkv_chain *chain, const struct wkv_record_key *key, uint64_t position,
                     uint64_t value)
{
    *chain = (struct wkv_chain){.key = *key, .first = position, .position = position};
    chain->values = malloc(WKV_CHAIN_KEPT * sizeof *chain->values);
    if (chain->values == NULL)
        return false;
    chain->values[position % WKV_CHAIN_KEPT] = value;
    return true;
}

void wkv_chain_end(struct wkv_chain *chain)
{
    free(chain->values);
    *chain = (struct wkv_chain){.values = NULL};
}

void wkv_chain_add(struct wkv_chain *chain, struct wkv_text message)
{
    uint64_t before = chain->values[chain->position++ % WKV_CHAIN_KEPT];
    chain->last_hash = message.data == NULL ? 0 : wkv_record_hash(&chain->key, message);
    const uint64_t parts[] = {before, chain->position, chain->last_hash};
    chain->values[chain->position % WKV_CHAIN_KEPT] = wkv_record_hash_numbers(&chain->key, parts, 3);
}

bool wkv_chain_at(const struct wkv_chain *chain, uint64_t position, uint64_t *value)
{
    if (chain->values == NULL || position < chain->first || position > chain->position ||
        chain->position - position >= WKV_CHAIN_KEPT)
        return false;
    *value = chain->values[position % WKV_CHAIN_KEPT];
    return true;
}
