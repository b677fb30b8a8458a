/* Writes that depend on what is there (contract section 3b). */
#include "keyvalue.pb-c.h"
#include "operation/expiry.h"
#include "support/text.h"

struct comparison {
    bool expects; /* else that there is nothing */
    struct wkv_text expected;
    struct wkv_sink *sink;
    bool equal;
};

_Static_assert(WKV_COMPARE_AND_SET_RESPONSE_EXISTS == WKV_COMPARE_AND_DELETE_RESPONSE_EXISTS &&
                   WKV_COMPARE_AND_SET_RESPONSE_CURRENT == WKV_COMPARE_AND_DELETE_RESPONSE_CURRENT,
               "both tell alike what is there");

/* Sees what Get would show; what is not as expected is told. */
static bool compare(void *context, struct wkv_text current)
{
    struct comparison *comparison = context;
    comparison->equal = comparison->expects && wkv_text_same(current, comparison->expected);
    if (!comparison->equal) {
        wkv_sink_bool(comparison->sink, WKV_COMPARE_AND_SET_RESPONSE_EXISTS, true);
        (void)wkv_sink_text(comparison->sink, WKV_COMPARE_AND_SET_RESPONSE_CURRENT, current);
    }
    return false;
}

static struct wkv_expiry expiry_of(const struct wkv_command *command)
{
    const Keyvalue__CompareAndSetRequest *request = (const Keyvalue__CompareAndSetRequest *)command->message;
    return (struct wkv_expiry){.ms = request->expires_ms, .keep = request->keep_expiry};
}

WKV_CHECK(wkv_check_compare_and_set)
{
    (void)limits;
    struct wkv_expiry expiry = expiry_of(command);
    return wkv_expiry_check(command, &expiry, error);
}

/* "sets where the scalar (or counter's text) equals `expected`, or, without `expected`, where the key does
 * not exist; else tells what is there and changes nothing. A list or a set is 409" */
WKV_APPLY(wkv_apply_compare_and_set)
{
    const Keyvalue__CompareAndSetRequest *request = (const Keyvalue__CompareAndSetRequest *)command->message;
    struct comparison comparison = {.expects = request->with_expected_case ==
                                               KEYVALUE__COMPARE_AND_SET_REQUEST__WITH_EXPECTED_EXPECTED,
                                    .sink = sink};
    if (comparison.expects)
        comparison.expected = wkv_text_of(request->expected);
    enum wkv_store_status status = wkv_view_get(view, command->first_key, compare, &comparison);
    if (status != WKV_STORE_OK && status != WKV_STORE_MISSING)
        return status;
    sink->declined = status == WKV_STORE_OK ? !comparison.equal : comparison.expects;
    if (sink->declined)
        return WKV_STORE_OK;
    struct wkv_expiry expiry = expiry_of(command);
    wkv_sink_bool(sink, WKV_COMPARE_AND_SET_RESPONSE_SWAPPED, true);
    wkv_sink_bool(sink, WKV_COMPARE_AND_SET_RESPONSE_EXISTS, true);
    return wkv_view_set(view, command->first_key, command->value,
                        wkv_expiry_at(view, command, &expiry, now_ns));
}

WKV_APPLY(wkv_apply_compare_and_delete)
{
    (void)now_ns;
    struct comparison comparison = {.expects = true, .expected = command->value, .sink = sink};
    enum wkv_store_status status = wkv_view_get(view, command->first_key, compare, &comparison);
    sink->declined = !comparison.equal;
    if (sink->declined)
        return status;
    wkv_sink_bool(sink, WKV_COMPARE_AND_DELETE_RESPONSE_DELETED, true);
    return wkv_view_delete(view, command->first_key);
}
