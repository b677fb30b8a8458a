/* What an engine tells of itself, where a log carries the data: the face that discovery, metrics and the
 * operators' operations see of it. The engine memory has nothing to tell and needs none of this.
 */
#ifndef WKV_REPORT_ENGINE_H
#define WKV_REPORT_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wascc_keyvalue/store.h"

#define WKV_ENGINE_MEMORY_NAME "memory"

/* Why a batch of the log was void: see enum wkv_verdict of replica/replica.h. */
enum wkv_report_void { WKV_VOID_LATE, WKV_VOID_BINDINGS, WKV_VOID_AGAIN, WKV_VOID_GONE, WKV_REPORT_VOIDS };

/* The log as this instance sees it. What it cannot know yet is 0; a negative duration is told as 0. */
struct wkv_report_log {
    bool present; /* there is a log; else the rest means nothing */
    bool diverged;
    uint64_t position;                    /* applied last */
    int64_t lag_ms;                       /* from the last message's time until it was applied; idle: 0 */
    uint64_t appends, operations;         /* this instance's: records that it appended, operations in them */
    int64_t append_p50_ns, append_p99_ns; /* from publishing a record until it was applied */
    uint64_t resends;                     /* records published again */
    uint64_t voids[WKV_REPORT_VOIDS];     /* batches of any instance */
    uint64_t foreign, burnt;              /* positions with no record: another's message; nothing at all */
    uint64_t bytes, max_bytes;            /* of the stream; max_bytes 0: not known */
    uint64_t account_bytes, account_max_bytes; /* of the account's storage; 0: no bound, or not known */
    uint64_t consumers_made;
    int64_t waiting_s;    /* since when a published record has come back no more; 0: none waits */
    int64_t time_ahead_s; /* of log time, before this machine's clock */
    uint64_t snapshot_position;
    int64_t snapshot_age_s;
    uint64_t members; /* wkv_report_take's */
};

#define WKV_REPORT_MEMBERS 64 /* told at the most */
#define WKV_MEMBER_INSTANCE_BYTES 64
#define WKV_MEMBER_VERSION_BYTES 32

/* An instance that serves from the log: as its last BEAT said, or, of this one, as it is. */
struct wkv_report_member {
    char instance[WKV_MEMBER_INSTANCE_BYTES];
    char version[WKV_MEMBER_VERSION_BYTES];
    uint64_t position; /* that it has applied */
    int64_t lag_ms;
    uint64_t keys, bytes; /* in its store */
};

/* Any thread may call each function, at any time from the process's start to its end; any may be NULL. */
struct wkv_report_engine {
    const char *name; /* as discovery says it */
    /* Which log it is: two instances with one log serve the same data. 0: it is not known yet. */
    uint64_t (*log_id)(void *context);
    /* Returns false where there is nothing to tell yet. *out comes zeroed. */
    bool (*log)(void *context, struct wkv_report_log *out);
    /* Returns how many there are in out, this instance among them. */
    size_t (*members)(void *context, struct wkv_report_member *out, size_t max);
    /* The store, which outlives all that report; NULL: it is being recovered. Where the function is NULL, the
     * store of the sources counts. */
    struct wkv_store *(*store)(void *context);
    /* Writes why the instance cannot serve, as /readyz is to say it ("recovering: 62%"). Returns false where
     * nothing of the engine's is in the way. */
    bool (*unready)(void *context, char *out, size_t bytes);
    void *context;
};

#define WKV_UNREADY_BYTES 160 /* room for why an instance cannot serve */

/* engine may be NULL: memory. */
const char *wkv_report_engine_name(const struct wkv_report_engine *engine);

/* The members; 0 where there is no log. Texts are printable ASCII whatever the log has. */
size_t wkv_report_engine_members(const struct wkv_report_engine *engine, struct wkv_report_member *out,
                                 size_t max);

/* See wkv_report_engine. */
bool wkv_report_engine_unready(const struct wkv_report_engine *engine, char *out, size_t bytes);

#define WKV_LOG_ID_BYTES 17 /* sixteen hex digits and a NUL */

/* The log's id as a text; "" where there is no log or it is not known yet. */
void wkv_report_engine_log_id(const struct wkv_report_engine *engine, char out[WKV_LOG_ID_BYTES]);

#endif
