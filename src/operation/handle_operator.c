/* What operators ask about the service (contract section 8): who is bound, what was slow, how much is logged.
 */
#include <stdlib.h>
#include <string.h>

#include "operation/call.h"
#include "operator.pb-c.h"
#include "security/nkey.h"
#include "security/token.h"
#include "support/clock.h"

#define DEFAULT_LIMIT 1000
#define MAX_LIMIT 10000
#define SLOWLOG_DEFAULT 32
#define SLOWLOG_MAX 1024

/* How many rows a page may have: what was asked for, or the usual number for 0. */
static enum wkv_code check_limit(struct wkv_call *call, int32_t limit, int32_t most, int32_t usual,
                                 size_t *out)
{
    *out = (size_t)(limit == 0 ? usual : limit);
    if (limit < 0 || limit > most)
        return wkv_call_fail(call, WKV_BAD_REQUEST, "limit is %d; give 1 to %d, or 0 for %d", limit, most,
                             usual);
    return WKV_OK;
}

static enum wkv_code no_memory(struct wkv_call *call)
{
    return wkv_call_fail(call, WKV_NO_MEMORY, "no memory for so many at once: give a smaller limit");
}

/* ---- Bindings ---- */

/* The issuer of a binding's claims as a public key, in arena; "" where the binding brought none. */
static const char *issuer_of(struct wkv_call *call, const struct wkv_policy_binding *claims)
{
    static const unsigned char none[WKV_NKEY_BYTES] = {0};
    struct wkv_nkey key = {.kind = WKV_NKEY_ACCOUNT};
    if (memcmp(claims->issuer, none, sizeof none) == 0)
        return "";
    char *text = wkv_arena_alloc(call->arena, WKV_NKEY_PUBLIC_CHARS + 1);
    if (text == NULL)
        return "";
    memcpy(key.bytes, claims->issuer, sizeof key.bytes);
    wkv_nkey_encode(&key, text);
    return text;
}

static enum wkv_code write_bindings(struct wkv_call *call, const struct wkv_bindings_listed *listed,
                                    size_t count, bool more)
{
    Operator__BindingsReply reply = OPERATOR__BINDINGS_REPLY__INIT;
    Operator__Binding *rows = wkv_arena_alloc(call->arena, (count + 1) * sizeof *rows);
    reply.bindings = wkv_arena_alloc(call->arena, (count + 1) * sizeof(Operator__Binding *));
    if (rows == NULL || reply.bindings == NULL)
        return no_memory(call);
    for (size_t i = 0; i < count; i++) {
        const struct wkv_policy_binding *claims = &listed[i].claims;
        operator__binding__init(&rows[i]);
        rows[i].actor = wkv_bytes_of(listed[i].actor);
        rows[i].keyspace = wkv_bytes_of(listed[i].keyspace);
        rows[i].issuer = wkv_bytes_of(issuer_of(call, claims));
        rows[i].expires_at = claims->expires_s == WKV_TOKEN_NEVER ? 0 : claims->expires_s;
        reply.bindings[i] = &rows[i];
    }
    reply.n_bindings = count;
    if (more)
        reply.cursor = rows[count - 1].actor;
    wkv_sink_message(&call->sink, &reply.base);
    return wkv_call_finish(call);
}

/* How many of the rows fit into the reply; the first is on the page in any case, so that the next one gets
 * further. */
static size_t rows_that_fit(const struct wkv_call *call, const struct wkv_bindings_listed *listed,
                            size_t count)
{
    size_t most = call->sink.max_bytes, used = sizeof "{\"bindings\":[],\"cursor\":\"\"}";
    size_t rows = 0;
    for (; rows < count; rows++) {
        size_t actor = wkv_call_json_bytes((struct wkv_text){listed[rows].actor, strlen(listed[rows].actor)});
        size_t keyspace =
            wkv_call_json_bytes((struct wkv_text){listed[rows].keyspace, strlen(listed[rows].keyspace)});
        used += sizeof "{\"actor\":,\"keyspace\":,\"issuer\":\"\",\"expires_at\":-9223372036854775808}," +
                WKV_NKEY_PUBLIC_CHARS + actor + keyspace;
        /* The cursor is an actor, too. */
        if (rows > 0 && (used > most || actor > most - used))
            break;
    }
    return rows;
}

/* Any actor may have been the last one of a page, and be bound no more; what can be none was not given. */
static enum wkv_code check_after(struct wkv_call *call, struct wkv_text after)
{
    struct wkv_error cause;
    if (after.len == 0 || wkv_bindings_check_actor(after, &cause) == WKV_OK)
        return WKV_OK;
    return wkv_call_fail(
        call, WKV_BAD_REQUEST,
        "the cursor is not one that Bindings gave: give the last reply's, or leave it out to "
        "begin");
}

/* A page's cursor is the last actor on it: whoever is bound or removed meanwhile, the rest comes in order. */
enum wkv_code wkv_handle_bindings(struct wkv_call *call)
{
    const Operator__BindingsRequest *request = (const Operator__BindingsRequest *)call->request;
    if (wkv_call_is_for_another(call, request->instance))
        return WKV_OK;
    struct wkv_text after = wkv_text_of(request->cursor);
    size_t limit;
    if (check_limit(call, request->limit, MAX_LIMIT, DEFAULT_LIMIT, &limit) != WKV_OK ||
        check_after(call, after) != WKV_OK)
        return call->error->code;
    struct wkv_bindings_listed *listed = calloc(limit + 1, sizeof *listed);
    if (listed == NULL)
        return no_memory(call);
    size_t count = wkv_bindings_list(call->provider->bindings, after, listed, limit + 1);
    enum wkv_code code;
    if (count == SIZE_MAX) {
        code = no_memory(call);
    } else {
        size_t rows = rows_that_fit(call, listed, count < limit ? count : limit);
        code = write_bindings(call, listed, rows, count > rows);
    }
    free(listed);
    return code;
}

/* ---- Slowlog ---- */

static enum wkv_code fill_slow(struct wkv_call *call, const struct wkv_stats_slow *from,
                               Operator__SlowRequest *to)
{
    char *started = wkv_arena_alloc(call->arena, WKV_TIME_TEXT_BYTES);
    if (started == NULL)
        return no_memory(call);
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
    return WKV_OK;
}

/* "the slowest recent requests: operation, actor, microseconds, sizes; never values" */
enum wkv_code wkv_handle_slowlog(struct wkv_call *call)
{
    const Operator__SlowlogRequest *request = (const Operator__SlowlogRequest *)call->request;
    if (wkv_call_is_for_another(call, request->instance))
        return WKV_OK;
    Operator__SlowlogReply reply = OPERATOR__SLOWLOG_REPLY__INIT;
    size_t limit;
    if (check_limit(call, request->limit, SLOWLOG_MAX, SLOWLOG_DEFAULT, &limit) != WKV_OK)
        return call->error->code;
    struct wkv_stats_slow *slow = wkv_arena_alloc(call->arena, limit * sizeof *slow);
    Operator__SlowRequest *rows = wkv_arena_alloc(call->arena, limit * sizeof *rows);
    reply.requests = wkv_arena_alloc(call->arena, limit * sizeof(Operator__SlowRequest *));
    if (slow == NULL || rows == NULL || reply.requests == NULL)
        return no_memory(call);
    reply.n_requests = wkv_stats_slowlog(call->provider->stats, call->now_ns, slow, limit);
    for (size_t i = 0; i < reply.n_requests; i++) {
        if (fill_slow(call, &slow[i], &rows[i]) != WKV_OK)
            return call->error->code;
        reply.requests[i] = &rows[i];
    }
    wkv_sink_message(&call->sink, &reply.base);
    return wkv_call_finish(call);
}

/* ---- LogLevel ---- */

enum wkv_code wkv_handle_log_level(struct wkv_call *call)
{
    const Operator__LogLevelRequest *request = (const Operator__LogLevelRequest *)call->request;
    if (wkv_call_is_for_another(call, request->instance))
        return WKV_OK;
    Operator__LogLevelReply reply = OPERATOR__LOG_LEVEL_REPLY__INIT;
    enum wkv_log_level level = wkv_log_level(call->provider->log);
    char name[8] = "";
    if (request->level.len > 0) {
        if (request->level.len < sizeof name)
            memcpy(name, request->level.data, request->level.len);
        if (strlen(name) != request->level.len || !wkv_log_level_parse(name, &level))
            return wkv_call_fail(call, WKV_BAD_REQUEST, "level is not one of error, warn, info, debug");
    }
    reply.level = wkv_bytes_of(wkv_log_level_name(level));
    wkv_sink_message(&call->sink, &reply.base);
    if (wkv_call_finish(call) != WKV_OK)
        return call->error->code;
    if (request->level.len > 0) {
        /* In the log whichever of the two levels shows it: one that falls silent says why. */
        enum wkv_log_level before = wkv_log_level(call->provider->log);
        if (level < before)
            wkv_log_write(call->provider->log, before < WKV_LOG_INFO ? before : WKV_LOG_INFO,
                          "the log level is %s now", wkv_log_level_name(level));
        wkv_log_set_level(call->provider->log, level);
        if (level >= before)
            wkv_log_write(call->provider->log, level < WKV_LOG_INFO ? level : WKV_LOG_INFO,
                          "the log level is %s now", wkv_log_level_name(level));
    }
    return WKV_OK;
}
