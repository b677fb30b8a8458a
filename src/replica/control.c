/* Records that are no batch: who takes part, snapshots, formats, digests. */
#include <string.h>

#include "replica/machine.h"

/* A claim holds so long, by log time or by records, which go on where log time stands. */
#define CLAIM_NS (60 * WKV_NS_PER_SECOND)
#define CLAIM_RECORDS 100000u

static bool has_claim(const struct wkv_replica *replica)
{
    const struct wkv_facts *facts = &replica->facts;
    return facts->claim_snapshot != 0 && facts->now_ns - facts->claim_ns < CLAIM_NS &&
           facts->applied - facts->claim_position < CLAIM_RECORDS &&
           wkv_members_find(&replica->members, facts->claim_join) != NULL;
}

uint64_t wkv_replica_claim(const struct wkv_replica *replica, uint64_t *snapshot)
{
    if (!has_claim(replica))
        return 0;
    *snapshot = replica->facts.claim_snapshot;
    return replica->facts.claim_join;
}

/* What follows is given the record's member, which is known, but for JOIN; it says whether anything has
 * changed. */
struct step {
    struct wkv_replica *replica;
    struct wkv_member *member;
    uint64_t position;
    const union wkv_record_body *body;
    enum wkv_feed failure;
};

static bool join(struct step *step)
{
    struct wkv_replica *replica = step->replica;
    wkv_members_sweep(&replica->members, replica->facts.now_ns);
    if (step->body->join.most < replica->facts.format)
        return false; /* it cannot read the log, and stops when it finds out */
    step->member = wkv_members_add(&replica->members, step->position, &step->body->join);
    if (step->member == NULL) {
        step->failure = WKV_FEED_NO_MEMORY;
        return false;
    }
    step->member->heard_ns = replica->facts.now_ns;
    return true;
}

static bool leave(struct step *step)
{
    wkv_members_remove(&step->replica->members, step->member->join);
    return true;
}

static bool beat(struct step *step)
{
    step->member->beat = step->body->beat;
    step->member->least = step->body->beat.least;
    step->member->most = step->body->beat.most;
    return true;
}

/* The first in the log's order has it, and may renew it. */
static bool claim(struct step *step)
{
    struct wkv_facts *facts = &step->replica->facts;
    uint64_t id = step->body->claim.snapshot;
    if (id == 0 || (has_claim(step->replica) && facts->claim_join != step->member->join))
        return false;
    facts->claim_snapshot = id;
    facts->claim_join = step->member->join;
    facts->claim_position = step->position;
    facts->claim_ns = facts->now_ns;
    return true;
}

static bool snapshot(struct step *step)
{
    struct wkv_replica *replica = step->replica;
    const struct wkv_manifest *manifest = &step->body->snapshot;
    bool holds = has_claim(replica) && replica->facts.claim_join == step->member->join &&
                 replica->facts.claim_snapshot == manifest->snapshot;
    if (!holds || manifest->position >= step->position ||
        manifest->position <= replica->snapshots[0].position)
        return false;
    memmove(&replica->snapshots[1], &replica->snapshots[0],
            (WKV_REPLICA_SNAPSHOTS - 1) * sizeof replica->snapshots[0]);
    replica->snapshots[0] = *manifest;
    replica->facts.claim_snapshot = 0;
    return true;
}

/* By whoever holds the claim, once all can. */
static bool raise(struct step *step)
{
    struct wkv_replica *replica = step->replica;
    uint8_t format = step->body->raise.format;
    if (!has_claim(replica) || replica->facts.claim_join != step->member->join ||
        format <= replica->facts.format)
        return false;
    for (size_t i = 0; i < replica->members.count; i++)
        if (replica->members.all[i]->most < format)
            return false;
    if (format > WKV_RECORD_FORMAT) {
        step->failure = WKV_FEED_NEWER;
        return false;
    }
    replica->facts.format = format;
    return true;
}

static bool digest(struct step *step)
{
    struct wkv_replica *replica = step->replica;
    const struct wkv_digest *asked = &step->body->digest;
    if (replica->events.digest != NULL)
        replica->events.digest(replica->events.context, asked,
                               wkv_replica_digest(replica, asked->from, asked->to));
    return false;
}

static bool (*const steps[])(struct step *step) = {
    [WKV_RECORD_JOIN] = join,     [WKV_RECORD_LEAVE] = leave,       [WKV_RECORD_BEAT] = beat,
    [WKV_RECORD_CLAIM] = claim,   [WKV_RECORD_SNAPSHOT] = snapshot, [WKV_RECORD_RAISE] = raise,
    [WKV_RECORD_DIGEST] = digest,
};

/* A member of which something has come is not gone; one that is gone says nothing any more. */
static bool hear(struct step *step, const struct wkv_record *record)
{
    struct wkv_replica *replica = step->replica;
    struct wkv_member *member = wkv_members_find(&replica->members, record->writer >> 8);
    if (member != NULL && replica->facts.now_ns - member->heard_ns > WKV_MEMBER_IDLE_NS) {
        wkv_members_remove(&replica->members, member->join);
        member = NULL;
    }
    if (member != NULL) {
        member->heard_ns = replica->facts.now_ns;
        member->seen = record->seen;
    }
    step->member = member;
    return member != NULL;
}

enum wkv_feed wkv_replica_control(struct wkv_replica *replica, uint64_t position,
                                  const struct wkv_record *record)
{
    union wkv_record_body body;
    struct step step = {.replica = replica, .position = position, .body = &body};
    memset(&body, 0, sizeof body);
    if (record->kind == WKV_RECORD_GENESIS ||
        (record->kind != WKV_RECORD_LEAVE && !wkv_record_read_body(record, &body)))
        return WKV_FEED_FOREIGN;
    bool speaks = record->kind == WKV_RECORD_JOIN || hear(&step, record);
    bool accepted = speaks && steps[record->kind](&step);
    if (replica->events.control != NULL && step.failure == WKV_FEED_APPLIED)
        replica->events.control(replica->events.context, position, record, &body, accepted);
    return step.failure;
}

/* ---- admission ---- */

/* An instance that has not said so for longer is not asked. */
#define BEAT_NS (5 * WKV_NS_PER_SECOND)

uint32_t wkv_replica_level(const struct wkv_replica *replica)
{
    uint32_t level = 0;
    for (size_t i = 0; i < replica->members.count; i++) {
        const struct wkv_member *member = replica->members.all[i];
        if (replica->facts.now_ns - member->heard_ns <= BEAT_NS && member->beat.permille > level)
            level = member->beat.permille;
    }
    return level;
}
