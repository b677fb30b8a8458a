/* Who serves the same data, and whether it is the same (contract sections 8 and 10). */
#include <inttypes.h>
#include <stdio.h>

#include "operation/serve.h"
#include "operator.pb-c.h"

/* The engine memory: this process alone. */
static size_t list_alone(const struct wkv_host *host, struct wkv_report_member *out)
{
    struct wkv_store_stats held;
    wkv_store_stats(host->store, &held);
    *out = (struct wkv_report_member){.keys = held.keys, .bytes = held.bytes};
    (void)snprintf(out->instance, sizeof out->instance, "%s", host->instance);
    (void)snprintf(out->version, sizeof out->version, "%s", WKV_VERSION);
    return 1;
}

static Operator__Member row_of(const struct wkv_report_member *member)
{
    Operator__Member row = OPERATOR__MEMBER__INIT;
    row.instance = wkv_bytes_of(member->instance);
    row.version = wkv_bytes_of(member->version);
    row.position = (int64_t)member->position;
    row.lag_ms = member->lag_ms;
    row.keys = (int64_t)member->keys;
    row.bytes = (int64_t)member->bytes;
    return row;
}

WKV_SERVE(wkv_serve_members)
{
    (void)command, (void)now_ns;
    Operator__MembersReply reply = OPERATOR__MEMBERS_REPLY__INIT;
    struct wkv_report_member *members = wkv_arena_alloc(host->arena, WKV_REPORT_MEMBERS * sizeof *members);
    Operator__Member *rows = wkv_arena_alloc(host->arena, WKV_REPORT_MEMBERS * sizeof *rows);
    reply.members = wkv_arena_alloc(host->arena, WKV_REPORT_MEMBERS * sizeof(Operator__Member *));
    if (members == NULL || rows == NULL || reply.members == NULL) {
        (void)wkv_sink_fail(sink, WKV_NO_MEMORY, "no memory for the request; try again later");
        return;
    }
    reply.n_members = host->engine == NULL
                          ? list_alone(host, members)
                          : wkv_report_engine_members(host->engine, members, WKV_REPORT_MEMBERS);
    for (size_t i = 0; i < reply.n_members; i++) {
        rows[i] = row_of(&members[i]);
        reply.members[i] = &rows[i];
    }
    wkv_sink_message(sink, &reply.base);
}

bool wkv_host_asks_digest(const struct wkv_operation *operation)
{
    return operation->serve == wkv_serve_digest;
}

WKV_SERVE(wkv_serve_digest)
{
    (void)command, (void)now_ns;
    Operator__DigestReply reply = OPERATOR__DIGEST_REPLY__INIT;
    char text[17];
    if (host->digest == NULL) {
        (void)wkv_sink_fail(sink, WKV_BAD_REQUEST,
                            "the engine %s keeps no log at whose positions instances could be compared: "
                            "serve with --engine jetstream",
                            wkv_report_engine_name(host->engine));
        return;
    }
    (void)snprintf(text, sizeof text, "%016" PRIx64, host->digest->digest);
    reply.position = (int64_t)host->digest->position;
    reply.digest = wkv_bytes_of(text);
    wkv_sink_message(sink, &reply.base);
}
