/* What was slow (contract section 8). */
#include "operation/page.h"
#include "operation/serve.h"
#include "operator.pb-c.h"
#include "support/clock.h"

static const struct wkv_page_size page_of_requests = {.most = 1024, .usual = 32};

static bool fill_slow(struct wkv_arena *arena, const struct wkv_stats_slow *from, Operator__SlowRequest *to)
{
    char *started = wkv_arena_alloc(arena, WKV_TIME_TEXT_BYTES);
    if (started == NULL)
        return false;
    wkv_time_text(from->start_wall_ns, 6, started);
    operator__slow_request__init(to);
    to->operation = wkv_bytes_of(wkv_operations[from->operation].name);
    to->actor = wkv_bytes_of(from->actor);
    to->duration_us = from->duration_ns / 1000;
    to->request_bytes = (int64_t)from->request_bytes;
    to->reply_bytes = (int64_t)from->reply_bytes;
    to->code = (int32_t)from->code;
    to->started = wkv_bytes_of(started);
    if (from->trace.present)
        to->trace_id = wkv_bytes_of(from->trace.id);
    return true;
}

static bool fill_reply(struct wkv_host *host, size_t limit, Operator__SlowlogReply *reply)
{
    struct wkv_stats_slow *slow = wkv_arena_alloc(host->arena, limit * sizeof *slow);
    Operator__SlowRequest *rows = wkv_arena_alloc(host->arena, limit * sizeof *rows);
    reply->requests = wkv_arena_alloc(host->arena, limit * sizeof(Operator__SlowRequest *));
    if (slow == NULL || rows == NULL || reply->requests == NULL)
        return false;
    reply->n_requests = wkv_stats_slowlog(host->stats, host->asked_ns, slow, limit);
    for (size_t i = 0; i < reply->n_requests; i++) {
        if (!fill_slow(host->arena, &slow[i], &rows[i]))
            return false;
        reply->requests[i] = &rows[i];
    }
    return true;
}

static int32_t limit_of(const struct wkv_command *command)
{
    return ((const Operator__SlowlogRequest *)command->message)->limit;
}

WKV_CHECK(wkv_check_slowlog)
{
    (void)limits;
    return wkv_page_check_limit(command, limit_of(command), page_of_requests, error);
}

/* "the slowest recent requests: operation, actor, microseconds, sizes; never values" */
WKV_SERVE(wkv_serve_slowlog)
{
    (void)now_ns;
    Operator__SlowlogReply reply = OPERATOR__SLOWLOG_REPLY__INIT;
    if (fill_reply(host, wkv_page_limit(limit_of(command), page_of_requests), &reply))
        wkv_sink_message(sink, &reply.base);
    else
        (void)wkv_sink_fail(sink, WKV_NO_MEMORY, "no memory for so many at once: give a smaller limit");
}
