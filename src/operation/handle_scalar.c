/* Scalars and counters, and what works on any kind (contract section 3). */
#include "keyvalue.pb-c.h"
#include "operation/call.h"
#include "support/clock.h"

/* "Get: a scalar; a counter reads as its decimal text." */
enum wkv_code wkv_handle_get(struct wkv_call *call)
{
    const Keyvalue__GetRequest *request = (const Keyvalue__GetRequest *)call->request;
    struct wkv_key key;
    if (wkv_call_key(call, request->key, &key) != WKV_OK)
        return call->error->code;
    enum wkv_store_status status =
        wkv_store_get(call->provider->store, key, call->now_ns, wkv_call_show, call);
    if (wkv_call_status(call, status) != WKV_OK)
        return call->error->code;
    wkv_sink_bool(&call->sink, 2, status == WKV_STORE_OK);
    return wkv_call_finish(call);
}

/* "Set: replaces whatever the key held, of any kind; expires_s 0 = never (and clears an earlier expiry), >0
 * seconds, <0 refused." The reply is complete before the store is touched: a reply that fails has changed
 * nothing. */
enum wkv_code wkv_handle_set(struct wkv_call *call)
{
    const Keyvalue__SetRequest *request = (const Keyvalue__SetRequest *)call->request;
    struct wkv_key key;
    struct wkv_text value;
    if (wkv_call_key(call, request->key, &key) != WKV_OK ||
        wkv_call_value(call, request->value, &value) != WKV_OK)
        return call->error->code;
    if (request->expires_s < 0)
        return wkv_call_fail(call, WKV_BAD_REQUEST,
                             "expires_s is %d; give the seconds to live, or 0 for no expiry",
                             request->expires_s);
    wkv_sink_text(&call->sink, 1, value);
    if (wkv_call_finish(call) != WKV_OK)
        return call->error->code;
    /* 2^31 seconds are 2^61 ns; a monotonic clock is nowhere near the other 2^62. */
    int64_t expires_at_ns =
        request->expires_s == 0 ? 0 : call->now_ns + (int64_t)request->expires_s * WKV_NS_PER_S;
    return wkv_call_status(call,
                           wkv_store_set(call->provider->store, key, value, expires_at_ns, call->now_ns));
}

/* "Del: any kind; a missing key is no error." */
enum wkv_code wkv_handle_del(struct wkv_call *call)
{
    const Keyvalue__DelRequest *request = (const Keyvalue__DelRequest *)call->request;
    struct wkv_key key;
    if (wkv_call_key(call, request->key, &key) != WKV_OK)
        return call->error->code;
    (void)wkv_call_show(call, key.name);
    if (wkv_call_finish(call) != WKV_OK)
        return call->error->code;
    return wkv_call_status(call, wkv_store_delete(call->provider->store, key, call->now_ns));
}

/* "Add: atomic; a missing key counts from 0; a scalar that is wholly a decimal int32 becomes a counter;
 * overflow is refused and changes nothing; expiry is kept." */
enum wkv_code wkv_handle_add(struct wkv_call *call)
{
    const Keyvalue__AddRequest *request = (const Keyvalue__AddRequest *)call->request;
    struct wkv_key key;
    int32_t sum;
    if (wkv_call_key(call, request->key, &key) != WKV_OK)
        return call->error->code;
    enum wkv_store_status status =
        wkv_store_add(call->provider->store, key, request->value, call->now_ns, &sum);
    if (wkv_call_status(call, status) != WKV_OK)
        return call->error->code;
    wkv_sink_int32(&call->sink, 1, sum);
    return wkv_call_finish(call);
}

/* "KeyExists: any kind; value empty." */
enum wkv_code wkv_handle_key_exists(struct wkv_call *call)
{
    const Keyvalue__KeyExistsQuery *request = (const Keyvalue__KeyExistsQuery *)call->request;
    struct wkv_key key;
    if (wkv_call_key(call, request->key, &key) != WKV_OK)
        return call->error->code;
    wkv_sink_bool(&call->sink, 2,
                  wkv_store_exists(call->provider->store, key, call->now_ns, NULL) == WKV_STORE_OK);
    return wkv_call_finish(call);
}
