/* META: all that a replica holds and is no key, as a part of a snapshot. */
#include "record/fields.h"
#include "replica/machine.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])
#define FIELD(type, member) WKV_FIELD(type, struct wkv_facts, member)

static const struct wkv_field fields[] = {
    FIELD(TEXT, genesis),       FIELD(U64, applied),        FIELD(I64, now_ns),
    FIELD(U64, chain),          FIELD(U64, last_hash),      FIELD(U64, bindings),
    FIELD(U8, format),          FIELD(I64, latest_until_s), FIELD(U8, removals_passed),
    FIELD(U64, claim_snapshot), FIELD(U64, claim_join),     FIELD(U64, claim_position),
    FIELD(I64, claim_ns),
};

void wkv_replica_put_meta(struct wkv_replica *replica, struct wkv_buffer *buffer)
{
    struct wkv_facts *facts = &replica->facts;
    (void)wkv_chain_at(&replica->chain, facts->applied, &facts->chain);
    facts->last_hash = replica->chain.last_hash;
    wkv_put_fields(buffer, fields, COUNT_OF(fields), facts);
    wkv_members_put(&replica->members, buffer);
    for (size_t i = 0; i < WKV_REPLICA_SNAPSHOTS; i++)
        wkv_manifest_put(buffer, &replica->snapshots[i]);
    if (!wkv_tables_put(&replica->tables, wkv_replica_forgotten_ns(replica), buffer))
        buffer->failed = true;
}

bool wkv_replica_take_meta(struct wkv_replica *replica, struct wkv_text body)
{
    struct wkv_bytes bytes = wkv_bytes_in(body);
    struct wkv_facts facts = {.applied = 0};
    wkv_bytes_fields(&bytes, fields, COUNT_OF(fields), &facts);
    replica->facts.now_ns = facts.now_ns;
    if (bytes.bad || facts.format > WKV_RECORD_FORMAT || facts.now_ns < 0 ||
        !wkv_replica_open(replica, facts.genesis))
        return false;
    facts.genesis = replica->facts.genesis;
    replica->facts = facts;
    wkv_chain_end(&replica->chain);
    if (!wkv_chain_begin(&replica->chain, &replica->key, facts.applied, facts.chain) ||
        !wkv_members_take(&replica->members, &bytes))
        return false;
    replica->chain.last_hash = facts.last_hash;
    for (size_t i = 0; i < WKV_REPLICA_SNAPSHOTS; i++)
        wkv_manifest_take(&bytes, &replica->snapshots[i]);
    return wkv_tables_take(&replica->tables, &bytes);
}

uint64_t wkv_replica_meta_digest(struct wkv_replica *replica)
{
    struct wkv_buffer buffer;
    wkv_buffer_init(&buffer);
    wkv_replica_put_meta(replica, &buffer);
    uint64_t digest = wkv_record_hash(&replica->key, (struct wkv_text){buffer.data, buffer.len});
    wkv_buffer_destroy(&buffer);
    return digest;
}
