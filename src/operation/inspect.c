/* What one key is (contract section 8). */
#include "operation/expiry.h"
#include "operation/serve.h"
#include "operator.pb-c.h"
#include "support/clock.h"

static enum wkv_store_status look(struct wkv_store *store, const struct wkv_key *key, int64_t now_ns,
                                  struct wkv_store_info *info)
{
    struct wkv_view view;
    enum wkv_store_status status = wkv_store_begin(&view, store, key, 1, WKV_STORE_READS, now_ns);
    if (status == WKV_STORE_OK)
        status = wkv_view_inspect(&view, 0, info);
    wkv_store_end(&view);
    return status;
}

WKV_CHECK(wkv_check_inspect)
{
    const Operator__InspectRequest *request = (const Operator__InspectRequest *)command->message;
    return wkv_command_check_key(command, limits, wkv_text_of(request->key), error);
}

/* "Inspect takes {keyspace, key} and answers {key, kind, length, bytes, expires_in_s}." A key that is not
 * there has the kind "none", as from Redis's TYPE. */
WKV_SERVE(wkv_serve_inspect)
{
    const Operator__InspectRequest *request = (const Operator__InspectRequest *)command->message;
    Operator__InspectReply reply = OPERATOR__INSPECT_REPLY__INIT;
    struct wkv_store_info info;
    struct wkv_key key = {.name = wkv_text_of(request->key)};
    if (wkv_host_keyspace(host, sink, wkv_text_of(request->keyspace), &key.keyspace) != WKV_OK)
        return;
    const char *kind = "none";
    if (look(host->store, &key, now_ns, &info) == WKV_STORE_OK) {
        kind = wkv_kind_name(info.kind);
        reply.length = (int64_t)info.length;
        reply.bytes = (int64_t)info.bytes;
        reply.expires_in_s = wkv_expiry_left(info.expires_at_ns, now_ns, WKV_NS_PER_S);
    }
    reply.key = request->key;
    reply.kind = wkv_bytes_of(kind);
    wkv_sink_message(sink, &reply.base);
}
