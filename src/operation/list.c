/* Lists (contract section 3). */
#include "keyvalue.pb-c.h"
#include "operation/command.h"

/* "Push: appends at the END." */
WKV_APPLY(wkv_apply_push)
{
    (void)now_ns;
    return wkv_apply_counted(view, command, wkv_view_list_push, sink);
}

/* "ListItemDelete: removes EVERY occurrence; new_count is what is left; an emptied list is gone." */
WKV_APPLY(wkv_apply_list_item_delete)
{
    (void)now_ns;
    return wkv_apply_counted(view, command, wkv_view_list_remove, sink);
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
    (void)wkv_sink_text(sink, WKV_DEL_RESPONSE_KEY, command->keys[0].name);
    return wkv_view_list_clear(view, command->first_key);
}

static bool show_item(void *sink, struct wkv_text item)
{
    return wkv_sink_text(sink, WKV_POP_RESPONSE_VALUE, item);
}

/* "Pop: takes the first item of a list, or the last; a queue is Push and Pop". What has been taken must be
 * told: an item that the reply has no room for stays. */
WKV_APPLY(wkv_apply_pop)
{
    (void)now_ns;
    bool from_end = ((const Keyvalue__PopRequest *)command->message)->from_end;
    int32_t index = from_end ? -1 : 0;
    struct wkv_store_info info;
    enum wkv_store_status status = wkv_view_inspect(view, command->first_key, &info);
    if (status != WKV_STORE_OK)
        return status;
    wkv_sink_bool(sink, WKV_POP_RESPONSE_EXISTS, true);
    status = wkv_view_list_range(view, command->first_key, index, index, show_item, sink);
    if (status != WKV_STORE_OK)
        return status;
    wkv_sink_int32(sink, WKV_POP_RESPONSE_NEW_COUNT, (int32_t)info.length - 1);
    return wkv_sink_fits(sink)
               ? wkv_view_list_pop(view, command->first_key, from_end ? WKV_LIST_LAST : WKV_LIST_FIRST)
               : WKV_STORE_OK;
}
