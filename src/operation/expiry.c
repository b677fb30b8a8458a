#include "operation/expiry.h"

#include <inttypes.h>

#include "keyvalue.pb-c.h"
#include "support/clock.h"

/* 2^31 seconds, and so the longest of int32, are 2^61 ns; a monotonic clock is nowhere near the other 2^62.
 */
#define LONGEST_MS ((INT64_C(1) << 31) * 1000)

enum wkv_code wkv_expiry_check(const struct wkv_command *command, const struct wkv_expiry *expiry,
                               struct wkv_error *error)
{
    if (expiry->seconds < 0)
        return wkv_command_fail(command, error, WKV_BAD_REQUEST,
                                "expires_s is %d; give the seconds to live, or 0 for no expiry",
                                expiry->seconds);
    if (expiry->ms < 0)
        return wkv_command_fail(
            command, error, WKV_BAD_REQUEST,
            "expires_ms is %" PRId64 "; give the milliseconds to live, or 0 for no expiry", expiry->ms);
    if ((expiry->seconds != 0) + (expiry->ms != 0) + expiry->keep > 1)
        return wkv_command_fail(command, error, WKV_BAD_REQUEST,
                                "the request has two expiries; give one of expires_s, expires_ms and "
                                "keep_expiry");
    return WKV_OK;
}

int64_t wkv_expiry_at(struct wkv_view *view, const struct wkv_command *command,
                      const struct wkv_expiry *expiry, int64_t now_ns)
{
    struct wkv_store_info info;
    if (expiry->keep)
        return wkv_view_inspect(view, command->first_key, &info) == WKV_STORE_OK ? info.expires_at_ns : 0;
    int64_t ms = expiry->seconds != 0 ? (int64_t)expiry->seconds * 1000 : expiry->ms;
    if (ms == 0)
        return 0;
    return now_ns + (ms < LONGEST_MS ? ms : LONGEST_MS) * WKV_NS_PER_MS;
}

int64_t wkv_expiry_left(int64_t expires_at_ns, int64_t now_ns, int64_t unit_ns)
{
    return expires_at_ns == 0 ? 0 : (expires_at_ns - now_ns + unit_ns - 1) / unit_ns;
}

WKV_APPLY(wkv_apply_time_to_live)
{
    struct wkv_store_info info;
    enum wkv_store_status status = wkv_view_inspect(view, command->first_key, &info);
    wkv_sink_bool(sink, 1, status == WKV_STORE_OK);
    if (status == WKV_STORE_OK)
        wkv_sink_int64(sink, 2, wkv_expiry_left(info.expires_at_ns, now_ns, WKV_NS_PER_MS));
    return status;
}
