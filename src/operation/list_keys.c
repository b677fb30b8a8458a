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

enum wkv_code wkv_check_list_keys(const struct wkv_limits *limits, const struct wkv_command *command,
                                  struct wkv_error *error)
{
    (void)limits;
    const Keyvalue__ListKeysRequest *request = request_of(command);
    if (request->limit > WKV_PAGE_MAX)
        return wkv_command_fail(command, error, WKV_BAD_REQUEST, "limit is %u; give 1 to %d, or 0 for %d",
                                request->limit, WKV_PAGE_MAX, WKV_PAGE_DEFAULT);
    return wkv_page_check_cursor(command, wkv_text_of(request->cursor), error);
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
                        request->limit == 0 ? WKV_PAGE_DEFAULT : request->limit))
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
