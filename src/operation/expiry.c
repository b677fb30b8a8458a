#include "operation/expiry.h"

#include <inttypes.h>

#include "keyvalue.pb-c.h"
#include "support/clock.h"

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
    int64_t ms = expiry->seconds != 0 ? (int64_t)expiry->seconds * 1000 : expiry->ms, at_ns;
    if (ms == 0)
        return 0;
    /* The clock ends 292 years after it began. */
    bool fits =
        !__builtin_mul_overflow(ms, WKV_NS_PER_MS, &at_ns) && !__builtin_add_overflow(at_ns, now_ns, &at_ns);
    return fits ? at_ns : INT64_MAX;
}

int64_t wkv_expiry_left(int64_t expires_at_ns, int64_t now_ns, int64_t unit_ns)
{
    return expires_at_ns == 0 ? 0 : (expires_at_ns - now_ns - 1) / unit_ns + 1;
}

static struct wkv_expiry expiry_of(const struct wkv_command *command)
{
    return (struct wkv_expiry){.ms = ((const Keyvalue__ExpireRequest *)command->message)->expires_ms};
}

WKV_CHECK(wkv_check_expire)
{
    (void)limits;
    struct wkv_expiry expiry = expiry_of(command);
    return wkv_expiry_check(command, &expiry, error);
}

/* "Expire: sets the time to live of a key of any kind; 0 takes it away." */
WKV_APPLY(wkv_apply_expire)
{
    struct wkv_expiry expiry = expiry_of(command);
    enum wkv_store_status status =
        wkv_view_expire(view, command->first_key, wkv_expiry_at(view, command, &expiry, now_ns));
    wkv_sink_bool(sink, WKV_EXPIRE_RESPONSE_EXISTS, status == WKV_STORE_OK);
    return status;
}

/* "TimeToLive: expires_in_ms 0: never." */
WKV_APPLY(wkv_apply_time_to_live)
{
    struct wkv_store_info info;
    enum wkv_store_status status = wkv_view_inspect(view, command->first_key, &info);
    wkv_sink_bool(sink, WKV_TIME_TO_LIVE_RESPONSE_EXISTS, status == WKV_STORE_OK);
    if (status == WKV_STORE_OK)
        wkv_sink_int64(sink, WKV_TIME_TO_LIVE_RESPONSE_EXPIRES_IN_MS,
                       wkv_expiry_left(info.expires_at_ns, now_ns, WKV_NS_PER_MS));
    return status;
}
