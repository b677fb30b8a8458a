/* Lists (contract section 3). */
#include "keyvalue.pb-c.h"
#include "operation/command.h"

/* "Push: appends at the END." */
WKV_APPLY(wkv_apply_push)
{
    (void)now_ns;
    int32_t length = 0;
    enum wkv_store_status status = wkv_view_list_push(view, command->first_key, command->value, &length);
    wkv_sink_int32(sink, 1, length);
    return status;
}

/* "ListItemDelete: removes EVERY occurrence; new_count is what is left; an emptied list is gone." */
WKV_APPLY(wkv_apply_list_item_delete)
{
    (void)now_ns;
    int32_t length = 0;
    enum wkv_store_status status = wkv_view_list_remove(view, command->first_key, command->value, &length);
    wkv_sink_int32(sink, 1, length);
    return status;
}

/* "Range: stop is INCLUSIVE; negative counts from the end (-1 is the last); out of range is clamped; missing
 * key = empty." */
WKV_APPLY(wkv_apply_range)
{
    (void)now_ns;
    const Keyvalue__ListRangeRequest *request = (const Keyvalue__ListRangeRequest *)command->message;
    return wkv_view_list_range(view, command->first_key, request->start, request->stop, wkv_show, sink);
}

/* "Clear: deletes the list." */
WKV_APPLY(wkv_apply_clear)
{
    (void)now_ns;
    (void)wkv_sink_text(sink, 1, command->keys[0].name);
    return wkv_view_list_clear(view, command->first_key);
}
