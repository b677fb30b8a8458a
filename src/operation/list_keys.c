/* Which keys an actor has (contract section 3b). */
#include "keyvalue.pb-c.h"
#include "operation/page.h"
#include "operation/scan.h"

/* A worker's other requests wait for these: a few milliseconds. */
#define MAX_PIECES 128u

static const Keyvalue__ListKeysRequest *request_of(const struct wkv_command *command)
{
    return (const Keyvalue__ListKeysRequest *)command->message;
}

WKV_CHECK(wkv_check_list_keys)
{
    (void)limits;
    const Keyvalue__ListKeysRequest *request = request_of(command);
    return wkv_page_check_limit(command, request->limit, wkv_page_of_keys, error) != WKV_OK
               ? error->code
               : wkv_page_check_cursor(command, wkv_text_of(request->cursor), error);
}

static bool take_key(void *context, struct wkv_text name, const struct wkv_store_info *info)
{
    (void)info;
    struct wkv_page *page = context;
    return !wkv_has_prefix(name, wkv_text_of(request_of(page->command)->prefix)) || wkv_page_take(page, name);
}

/* "keys of the caller's own keyspace, page by page, with the promises of Keys (section 8); an empty cursor is
 * the end" */
WKV_APPLY(wkv_apply_list_keys)
{
    const Keyvalue__ListKeysRequest *request = request_of(command);
    struct wkv_page page = {.command = command, .store = view->store, .sink = sink};
    if (!wkv_page_begin(&page, wkv_text_of(request->cursor), WKV_STORE_SCAN_BEGIN,
                        wkv_page_limit(request->limit, wkv_page_of_keys)))
        return WKV_STORE_OK;
    struct wkv_scan scan = {.store = view->store,
                            .keyspace = command->keyspace,
                            .now_ns = now_ns,
                            .cursor = page.cursor,
                            .pieces = MAX_PIECES,
                            .take = take_key,
                            .context = &page};
    if (!wkv_scan_keys(&scan)) {
        (void)wkv_sink_fail(sink, WKV_NO_MEMORY, "no memory for a scan; try again later");
        return WKV_STORE_OK;
    }
    page.cursor = scan.cursor;
    wkv_page_end(&page, WKV_STORE_SCAN_END);
    return WKV_STORE_OK;
}
