/* When a snapshot is due (DESIGN, 6). */
#include "journal/snapshots.h"
#include "support/clock.h"

#define LEAST_BYTES (UINT64_C(64) << 20)
/* Of a log with a bound there are two snapshots' worth, what is written meanwhile, and room. */
#define SHARE_OF_LOG 4u
/* A replay: "8 µs a record, 1 µs an operation"; and what a snapshot takes to load. */
#define RECORD_NS 8000u
#define OPERATION_NS 1000u
#define LOADED_KEY_NS 1000u
#define LOADED_BYTE_NS 1u
#define LEAST_REPLAY_NS ((uint64_t)(2 * WKV_NS_PER_S))

static bool log_is_long(const struct wkv_snapshots *snapshots)
{
    uint64_t most = wkv_replica_snapshots(snapshots->options.replica)[0].bytes / 2;
    if (most < LEAST_BYTES)
        most = LEAST_BYTES;
    uint64_t share = snapshots->options.log_max_bytes / SHARE_OF_LOG;
    if (share > 0 && share < most)
        most = share;
    return snapshots->since.bytes > most;
}

static bool replay_is_long(const struct wkv_snapshots *snapshots)
{
    const struct wkv_snapshots_since *since = &snapshots->since;
    const struct wkv_manifest *last = wkv_replica_snapshots(snapshots->options.replica);
    struct wkv_store_stats stats;
    uint64_t replay_ns = since->records * RECORD_NS + since->operations * OPERATION_NS;
    if (replay_ns <= LEAST_REPLAY_NS)
        return false;
    wkv_store_stats(wkv_replica_store(snapshots->options.replica), &stats);
    uint64_t load_ns = last->position == 0 ? 0 : stats.keys * LOADED_KEY_NS + last->bytes * LOADED_BYTE_NS;
    return replay_ns > load_ns;
}

static bool is_time(const struct wkv_snapshots *snapshots)
{
    return snapshots->options.every_ns > 0 && snapshots->since.operations > 0 &&
           snapshots->now_ns - snapshots->last_ns >= snapshots->options.every_ns;
}

bool wkv_snapshots_are_due(const struct wkv_snapshots *snapshots)
{
    return snapshots->forced || log_is_long(snapshots) || replay_is_long(snapshots) || is_time(snapshots) ||
           wkv_snapshots_raise(snapshots) != 0;
}

/* What each says it can: its last BEAT does. */
uint8_t wkv_snapshots_raise(const struct wkv_snapshots *snapshots)
{
    const struct wkv_replica *replica = snapshots->options.replica;
    uint8_t format = snapshots->options.format;
    if (format <= wkv_replica_format(replica))
        return 0;
    for (size_t i = 0; i < wkv_replica_members(replica); i++) {
        struct wkv_replica_member member;
        wkv_replica_member(replica, i, &member);
        format = member.beat.most < format ? member.beat.most : format;
    }
    return format > wkv_replica_format(replica) ? format : 0;
}
