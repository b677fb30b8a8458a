/* Scalars and counters, and what works on any kind (contract section 3). */
#include "keyvalue.pb-c.h"
#include "operation/expiry.h"

/* "Get: a scalar; a counter reads as its decimal text." */
WKV_APPLY(wkv_apply_get)
{
    (void)command, (void)now_ns;
    enum wkv_store_status status = wkv_view_get(view, command->first_key, wkv_show, sink);
    wkv_sink_bool(sink, WKV_GET_RESPONSE_EXISTS, status == WKV_STORE_OK);
    return status;
}

static struct wkv_expiry expiry_of(const struct wkv_command *command)
{
    const Keyvalue__SetRequest *request = (const Keyvalue__SetRequest *)command->message;
    return (struct wkv_expiry){
        .seconds = request->expires_s, .ms = request->expires_ms, .keep = request->keep_expiry};
}

/* "expires_s 0 = never (and clears an earlier expiry), >0 seconds, <0 refused"; "expires_ms (as expires_s,
 * finer; both is 400)". */
WKV_CHECK(wkv_check_set)
{
    (void)limits;
    struct wkv_expiry expiry = expiry_of(command);
    return wkv_expiry_check(command, &expiry, error);
}

/* "Set: replaces whatever the key held, of any kind." */
WKV_APPLY(wkv_apply_set)
{
    struct wkv_expiry expiry = expiry_of(command);
    (void)wkv_sink_text(sink, WKV_SET_RESPONSE_VALUE, command->value);
    return wkv_view_set(view, command->first_key, command->value,
                        wkv_expiry_at(view, command, &expiry, now_ns));
}

/* "Del: any kind; a missing key is no error." */
WKV_APPLY(wkv_apply_del)
{
    (void)now_ns;
    (void)wkv_sink_text(sink, WKV_DEL_RESPONSE_KEY, command->keys[0].name);
    return wkv_view_delete(view, command->first_key);
}

/* "Add: atomic; a missing key counts from 0; a scalar that is wholly a decimal int32 becomes a counter;
 * overflow is refused and changes nothing; expiry is kept." "Refused where the sum, or the counter it finds,
 * is outside int32". */
WKV_APPLY(wkv_apply_add)
{
    (void)now_ns;
    int64_t sum = 0;
    int32_t delta = ((const Keyvalue__AddRequest *)command->message)->value;
    enum wkv_store_status status = wkv_view_add(view, command->first_key, delta, WKV_INT32_RANGE, &sum);
    wkv_sink_int32(sink, WKV_ADD_RESPONSE_VALUE, (int32_t)sum);
    return status;
}

/* "Increment: as Add, with 64 bits." */
WKV_APPLY(wkv_apply_increment)
{
    (void)now_ns;
    int64_t sum = 0;
    int64_t delta = ((const Keyvalue__IncrementRequest *)command->message)->delta;
    enum wkv_store_status status = wkv_view_add(view, command->first_key, delta, WKV_INT64_RANGE, &sum);
    wkv_sink_int64(sink, WKV_INCREMENT_RESPONSE_VALUE, sum);
    return status;
}

/* "KeyExists: any kind; value empty." */
WKV_APPLY(wkv_apply_key_exists)
{
    (void)command, (void)now_ns;
    wkv_sink_bool(sink, WKV_GET_RESPONSE_EXISTS,
                  wkv_view_exists(view, command->first_key, NULL) == WKV_STORE_OK);
    return WKV_STORE_OK;
}
