/* Sets (contract section 3). */
#include "keyvalue.pb-c.h"
#include "operation/page.h"

/* "SetAdd / SetRemove: new_count is the size of the set afterwards; an emptied set is gone; SetRemove on a
 * missing key creates nothing and answers 0." */
WKV_APPLY(wkv_apply_set_add)
{
    (void)now_ns;
    return wkv_apply_counted(view, command, wkv_view_set_add, sink);
}

WKV_APPLY(wkv_apply_set_remove)
{
    (void)now_ns;
    return wkv_apply_counted(view, command, wkv_view_set_remove, sink);
}

WKV_APPLY(wkv_apply_set_contains)
{
    (void)now_ns;
    bool contains;
    enum wkv_store_status status = wkv_view_set_contains(view, command->first_key, command->value, &contains);
    wkv_sink_bool(sink, WKV_SET_CONTAINS_RESPONSE_CONTAINS, contains);
    return status;
}

/* Without a limit a cursor would be forgotten, and members shown twice. */
WKV_CHECK(wkv_check_set_query)
{
    (void)limits;
    const Keyvalue__SetQueryRequest *request = (const Keyvalue__SetQueryRequest *)command->message;
    if (request->cursor.len > 0 && request->limit == 0)
        return wkv_command_fail(command, error, WKV_BAD_REQUEST,
                                "there is a cursor and no limit; give the limit with each page, or leave "
                                "both out for all members at once");
    return wkv_page_check_cursor(command, wkv_text_of(request->cursor), error);
}

static bool take_member(void *page, struct wkv_text member)
{
    return wkv_page_take(page, member);
}

static enum wkv_store_status show_page(struct wkv_view *view, const struct wkv_command *command,
                                       const Keyvalue__SetQueryRequest *request, struct wkv_sink *sink)
{
    struct wkv_page page = {.command = command, .store = view->store, .sink = sink};
    if (!wkv_page_begin(&page, wkv_text_of(request->cursor), 0, request->limit))
        return WKV_STORE_OK;
    enum wkv_store_status status =
        wkv_view_set_page(view, command->first_key, &page.cursor, take_member, &page);
    if (status == WKV_STORE_OK)
        wkv_page_end(&page, 0);
    return status;
}

/* "SetQuery: members, order not promised; with a limit above 0 they come page by page, each that was there
 * all the time exactly once, an empty cursor being the end" */
WKV_APPLY(wkv_apply_set_query)
{
    (void)now_ns;
    const Keyvalue__SetQueryRequest *request = (const Keyvalue__SetQueryRequest *)command->message;
    if (request->limit > 0)
        return show_page(view, command, request, sink);
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
