/* Sets (contract section 3). */
#include "operation/command.h"

/* "SetAdd / SetRemove: new_count is the size of the set afterwards; an emptied set is gone; SetRemove on a
 * missing key creates nothing and answers 0." */
WKV_APPLY(wkv_apply_set_add)
{
    (void)now_ns;
    int32_t size = 0;
    enum wkv_store_status status = wkv_view_set_add(view, command->first_key, command->value, &size);
    wkv_sink_int32(sink, 1, size);
    return status;
}

WKV_APPLY(wkv_apply_set_remove)
{
    (void)now_ns;
    int32_t size = 0;
    enum wkv_store_status status = wkv_view_set_remove(view, command->first_key, command->value, &size);
    wkv_sink_int32(sink, 1, size);
    return status;
}

WKV_APPLY(wkv_apply_set_contains)
{
    (void)now_ns;
    bool contains;
    enum wkv_store_status status = wkv_view_set_contains(view, command->first_key, command->value, &contains);
    wkv_sink_bool(sink, 1, contains);
    return status;
}

/* "SetQuery: members, order not promised." */
WKV_APPLY(wkv_apply_set_query)
{
    (void)command, (void)now_ns;
    return wkv_view_set_members(view, command->first_key, wkv_show, sink);
}

/* "SetUnion / SetIntersection: one consistent look at all the keys; a missing key is the empty set; no keys =
 * empty." */
WKV_APPLY(wkv_apply_set_union)
{
    (void)now_ns;
    return wkv_view_set_union(view, command->first_key, command->key_count, wkv_show, sink);
}

WKV_APPLY(wkv_apply_set_intersection)
{
    (void)now_ns;
    return wkv_view_set_intersection(view, command->first_key, command->key_count, wkv_show, sink);
}
