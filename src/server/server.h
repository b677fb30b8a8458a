/* The process that serves: makes and ends everything, and knows where it stands. */
#ifndef WKV_SERVER_SERVER_H
#define WKV_SERVER_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "access/policy.h"
#include "nats/connect.h"
#include "nats/subject.h"
#include "security/trust.h"
#include "support/error.h"
#include "support/log.h"
#include "wascc_keyvalue/store.h"

/* Where the data is. */
enum wkv_engine_kind {
    WKV_ENGINE_MEMORY,    /* in this process, and gone with it */
    WKV_ENGINE_JETSTREAM, /* in a JetStream stream, which every instance of the binding serves */
};

/* What a read sees with WKV_ENGINE_JETSTREAM. */
enum wkv_reads {
    WKV_READ_LINEARIZABLE, /* all that was answered before it was sent */
    WKV_READ_LOCAL,        /* what this instance has: at most 3 s old */
};

/* A stream has a reserve for what must be written when it is full, beside a few records. */
#define WKV_LOG_LEAST_BYTES ((uint64_t)64 * 1024)

struct wkv_server_options {
    struct wkv_connect_options connect;
    struct wkv_address address;
    enum wkv_auth auth;
    bool require_binding;
    bool allow_split;          /* serve beside another memory-held instance on the same address */
    unsigned workers;          /* event loops, each a thread with a connection; 1 to WKV_MAX_WORKERS */
    uint32_t shards;           /* 0: the store's default */
    uint64_t max_memory_bytes; /* 0: no bound */
    enum wkv_evict evict;
    uint32_t max_key_bytes;
    uint32_t max_value_bytes;
    int64_t drain_timeout_ms;    /* >= 0 */
    int64_t max_wait_ms;         /* > 0: what has waited longer when its turn comes is refused */
    int64_t duplicate_window_ms; /* > 0: so long a write's id is remembered */
    enum wkv_engine_kind engine;
    unsigned replicas; /* of the streams, when they are made: 1 to 5; 0: 3 in a cluster, else 1 */
    enum wkv_reads reads_mode;
    int64_t write_timeout_ms;   /* > 0: what has waited longer for the log is 503, or 504 */
    uint64_t log_max_bytes;     /* WKV_LOG_LEAST_BYTES to INT64_MAX, when the stream is made */
    int64_t snapshot_every_ms;  /* > 0 */
    const char *js_domain;      /* NULL: none */
    const char *metrics_listen; /* NULL: nowhere */
    enum wkv_log_level log_level;
    enum wkv_log_format log_format;
    const char *warning; /* logged when it begins; NULL: none */
    /* Reads the trusted lists, at the start and at each SIGHUP; the server releases the set. */
    enum wkv_code (*load_trust)(const void *context, struct wkv_trust **trust, struct wkv_error *error);
    const void *trust_context; /* borrowed */
};

#define WKV_MAX_WORKERS 256u

/* What became of the process; within this room, also of a step of its life. */
enum wkv_server_outcome {
    WKV_SERVER_GOES_ON,   /* a step: what follows may begin */
    WKV_SERVER_STOPPED,   /* told to stop, and stopped in order */
    WKV_SERVER_CUT,       /* told to stop, and not all that had been received could be answered in time */
    WKV_SERVER_SPLIT,     /* another instance holds this address's data: not begun, or drained */
    WKV_SERVER_UNUSABLE,  /* there is no JetStream, or a stream that is not ours */
    WKV_SERVER_LOST,      /* the log is a newer version's, or has lost what was applied */
    WKV_SERVER_AGAIN,     /* within this room: all is to be made anew, */
    WKV_SERVER_DIVERGED,  /* since the log is not the one that was applied */
    WKV_SERVER_FAILED,    /* could not serve: the log and error say why */
    WKV_SERVER_NOT_BEGUN, /* could not be made: error says why, the log does not */
};

/* Connects (trying again with back-off until it succeeds), subscribes, serves until SIGTERM or SIGINT, drains
 * and closes. SIGHUP reads the trusted lists again. Blocks; call it once, on the main thread, before other
 * threads are started: it blocks the signals in all. Every event that an operator wants to know is logged on
 * standard error. */
enum wkv_server_outcome wkv_server_run(const struct wkv_server_options *options, struct wkv_error *error);

#endif
