#include "front/request_log.h"

#include <stdio.h>
#include <string.h>

/* An actor's public key has 56; a caller may put any text in its place. */
#define ACTOR_BYTES 64

void wkv_log_request(struct wkv_log *log, const char *via, const char *operation,
                     const struct wkv_stats_request *done)
{
    bool traced = done->trace != NULL && done->trace->present;
    long long duration_us = (long long)((done->end_ns - done->start_ns) / 1000);
    char actor[ACTOR_BYTES + 1];
    char code[16] = "";
    if (!wkv_log_wants(log, WKV_LOG_DEBUG))
        return;
    (void)snprintf(actor, sizeof actor, "%.*s",
                   (int)(done->actor.len < ACTOR_BYTES ? done->actor.len : ACTOR_BYTES), done->actor.data);
    if (done->code != WKV_OK)
        (void)snprintf(code, sizeof code, " (%d)", (int)done->code);
    const struct wkv_log_field fields[] = {{"operation", operation, 0},
                                           {"actor", actor, 0},
                                           {"code", NULL, (int64_t)done->code},
                                           {"duration_us", NULL, duration_us},
                                           {"request_bytes", NULL, (int64_t)done->request_bytes},
                                           {"reply_bytes", NULL, (int64_t)done->reply_bytes},
                                           {"trace_id", traced ? done->trace->id : "", 0}};
    size_t count = sizeof fields / sizeof fields[0] - (traced ? 0 : 1);
    wkv_log_fields(log, WKV_LOG_DEBUG, fields, count,
                   "%s%s of %s: %s%s in %lld us, %zu bytes in, %zu out%s%s", via, operation, actor,
                   done->code == WKV_OK ? "done" : done->error, code, duration_us, done->request_bytes,
                   done->reply_bytes, traced ? ", trace " : "", traced ? done->trace->id : "");
}
