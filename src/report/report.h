/* What the process as a whole is doing: gathered from all parts that count, which know nothing of each other.
 */
#ifndef WKV_REPORT_REPORT_H
#define WKV_REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access/bindings.h"
#include "report/engine.h"
#include "security/claims_cache.h"
#include "stats/stats.h"
#include "support/log.h"
#include "support/process.h"
#include "wascc_keyvalue/store.h"

/* Borrowed. */
struct wkv_report_sources {
    struct wkv_stats *stats;
    struct wkv_store *store;
    struct wkv_bindings *bindings;
    struct wkv_claims_tally *claims;        /* NULL: none are remembered */
    const struct wkv_log *log;              /* NULL: none */
    const struct wkv_report_engine *engine; /* NULL: memory */
};

/* Keyspaces of which the sizes are told at once: those with the most keys. */
#define WKV_REPORT_KEYSPACES 64

struct wkv_report {
    struct wkv_stats_service service;
    struct wkv_store_stats store;
    struct wkv_claims_cache_stats claims; /* of all workers together */
    struct wkv_process process;
    struct wkv_report_log log;
    struct wkv_report_member members[WKV_REPORT_MEMBERS]; /* log.members of them */
    uint64_t bound_actors;
    uint64_t log_lines_dropped;
    uint64_t keyspaces; /* that were ever named */
    size_t keyspace_count;
    uint64_t keys_by_keyspace[WKV_REPORT_KEYSPACES]; /* the most keys first; empty ones are left out */
    char keyspace_names[WKV_REPORT_KEYSPACES][WKV_BINDINGS_MAX_NAME_BYTES + 1];
};

/* Looks at all of them, one after the other. Any thread. Errors: false where memory is short. */
bool wkv_report_take(const struct wkv_report_sources *sources, int64_t now_ns, struct wkv_report *report);

#endif
