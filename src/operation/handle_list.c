/* Lists (contract section 3). */
#include "keyvalue.pb-c.h"
#include "operation/call.h"

/* "Push: appends at the END." */
enum wkv_code wkv_handle_push(struct wkv_call *call)
{
    const Keyvalue__ListPushRequest *request = (const Keyvalue__ListPushRequest *)call->request;
    struct wkv_key key;
    struct wkv_text value;
    int32_t length;
    if (wkv_call_key(call, request->key, &key) != WKV_OK ||
        wkv_call_value(call, request->value, &value) != WKV_OK)
        return call->error->code;
    enum wkv_store_status status =
        wkv_store_list_push(call->provider->store, key, value, call->now_ns, &length);
    if (wkv_call_status(call, status) != WKV_OK)
        return call->error->code;
    wkv_sink_int32(&call->sink, 1, length);
    return wkv_call_finish(call);
}

/* "ListItemDelete: removes EVERY occurrence; new_count is what is left; an emptied list is gone." */
enum wkv_code wkv_handle_list_item_delete(struct wkv_call *call)
{
    const Keyvalue__ListDelItemRequest *request = (const Keyvalue__ListDelItemRequest *)call->request;
    struct wkv_key key;
    struct wkv_text value;
    int32_t length;
    if (wkv_call_key(call, request->key, &key) != WKV_OK ||
        wkv_call_value(call, request->value, &value) != WKV_OK)
        return call->error->code;
    enum wkv_store_status status =
        wkv_store_list_remove(call->provider->store, key, value, call->now_ns, &length);
    if (wkv_call_status(call, status) != WKV_OK)
        return call->error->code;
    wkv_sink_int32(&call->sink, 1, length);
    return wkv_call_finish(call);
}

/* "Range: stop is INCLUSIVE; negative counts from the end (-1 is the last); out of range is clamped; missing
 * key = empty." */
enum wkv_code wkv_handle_range(struct wkv_call *call)
{
    const Keyvalue__ListRangeRequest *request = (const Keyvalue__ListRangeRequest *)call->request;
    struct wkv_key key;
    if (wkv_call_key(call, request->key, &key) != WKV_OK)
        return call->error->code;
    enum wkv_store_status status = wkv_store_list_range(call->provider->store, key, request->start,
                                                        request->stop, call->now_ns, wkv_call_show, call);
    if (wkv_call_status(call, status) != WKV_OK)
        return call->error->code;
    return wkv_call_finish(call);
}

/* "Clear: deletes the list." */
enum wkv_code wkv_handle_clear(struct wkv_call *call)
{
    const Keyvalue__ListClearRequest *request = (const Keyvalue__ListClearRequest *)call->request;
    struct wkv_key key;
    if (wkv_call_key(call, request->key, &key) != WKV_OK)
        return call->error->code;
    (void)wkv_call_show(call, key.name);
    if (wkv_call_finish(call) != WKV_OK)
        return call->error->code;
    return wkv_call_status(call, wkv_store_list_clear(call->provider->store, key, call->now_ns));
}
