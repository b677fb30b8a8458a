/* What all workers of a process share. */
#ifndef WKV_FRONT_PROVIDER_H
#define WKV_FRONT_PROVIDER_H

#include "access/bindings.h"
#include "access/policy.h"
#include "operation/identity.h"
#include "operation/serve.h"
#include "report/engine.h"
#include "security/claims_cache.h"
#include "stats/stats.h"
#include "support/clock.h"
#include "support/log.h"
#include "watch/watches.h"

/* Set up once, before the first request. */
struct wkv_provider {
    struct wkv_watches *watches; /* borrowed; NULL: there is no Watch */
    struct wkv_store *store;     /* borrowed, like all that follow */
    struct wkv_bindings *bindings;
    struct wkv_trust_source *trust;  /* NULL where auth is WKV_AUTH_NONE */
    struct wkv_replay *replay;       /* likewise */
    struct wkv_claims_tally *claims; /* the sessions' claims caches count here; NULL: nobody asks */
    struct wkv_stats *stats;         /* for Slowlog */
    struct wkv_log *log;             /* for LogLevel */
    const struct wkv_report_engine *engine_report; /* what the engine tells of itself; NULL: memory */
    const char *binding;                           /* the binding's name */
    const char *instance; /* this process's id: what operators name, and whose cursors are whose */
    bool split;           /* others may serve this binding too, each a part of the data */
    enum wkv_auth auth;
    bool has_log;                /* changes go through a log, which also notes the invocations of actors */
    const wkv_told_clock *clock; /* the store's time; NULL: the monotonic clock */
    bool require_binding;        /* refuse actors that are not bound, in every mode */
    uint32_t max_key_bytes;      /* 1 to WKV_STORE_MAX_KEY_BYTES */
    uint32_t max_value_bytes;    /* 0 to WKV_STORE_MAX_VALUE_BYTES */
    int64_t duplicate_window_ns; /* how long the id of a request that was done is remembered */
};

#endif
