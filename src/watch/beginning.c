/* What a watch begins with: "one `put` for each key that is there and then `sync`", with no change lost, told
 * twice or before an earlier one.
 *
 * A piece of a scan and the changes that its shard has noted are taken at one moment. So of a change it is
 * known whether the scan has seen it:
 *
 *   keys before `cursor`    were shown: their changes, all of which were made later, are told
 *   those from it on        will be shown as they are then: their changes are not told
 *
 * With values each key of a piece is read once more, as one moment with its changes likewise, and until then
 * counts as not shown.
 *
 * A key whose time is over is shown until it is taken out, which is told. A worker's clock stands still for a
 * turn: what is over here may be there for it yet, and an Expire that keeps it is no event.
 */
#include <stdlib.h>

#include "operation/scan.h"
#include "support/clock.h"
#include "support/text.h"
#include "watch/watch.h"

static void follow(struct wkv_watches *watches, struct wkv_watch *watch, int64_t now_ns)
{
    if (watch->state == WKV_WATCH_MISSED)
        return;
    watch->state = WKV_WATCH_FOLLOWS;
    wkv_watch_sync(watches, watch, now_ns);
}

/* At this time no key's time is over. */
#define BEFORE_ALL_NS 0

/* Tells a key as it is now, if it is there still. */
static void tell_read(struct wkv_watches *watches, struct wkv_watch *watch, const struct wkv_key *key)
{
    wkv_buffer_reset(&watches->first, watches->first.capacity);
    enum wkv_store_status status = wkv_changes_read(watches->changes, key, BEFORE_ALL_NS,
                                                    watch->order.values ? wkv_watch_take_value : NULL,
                                                    &watches->first, wkv_watch_dispatch, watches);
    struct wkv_text value = {watches->first.data, watches->first.len};
    if (watches->first.failed)
        watch->state = WKV_WATCH_MISSED;
    else if (status != WKV_STORE_MISSING)
        (void)wkv_watch_put(watches, watch, key->name, value);
}

static void begin_key(struct wkv_watches *watches, struct wkv_watch *watch, int64_t now_ns)
{
    struct wkv_key key = {watch->order.keyspace, watch->order.name};
    tell_read(watches, watch, &key);
    follow(watches, watch, now_ns);
}

static void tell_found(struct wkv_watches *watches, struct wkv_watch *watch)
{
    struct wkv_store_scan *scan = watches->scan;
    for (; watches->unread < scan->count && watch->state == WKV_WATCH_BEGINS; watches->unread++) {
        struct wkv_key key = {watch->order.keyspace, scan->keys[watches->unread].name};
        if (!wkv_has_prefix(key.name, watch->order.name))
            continue;
        if (watch->order.values)
            tell_read(watches, watch, &key);
        else
            (void)wkv_watch_put(watches, watch, key.name, (struct wkv_text){NULL, 0});
    }
}

static void begin_piece(struct wkv_watches *watches, struct wkv_watch *watch, int64_t now_ns)
{
    if (watches->scan == NULL)
        watches->scan = malloc(sizeof *watches->scan);
    if (watches->scan == NULL) {
        watch->state = WKV_WATCH_MISSED;
        return;
    }
    wkv_changes_scan(watches->changes, watch->order.keyspace, watch->cursor, BEFORE_ALL_NS, watches->scan,
                     wkv_watch_dispatch, watches);
    watch->cursor = watches->scan->next;
    watches->scanned = watch;
    watches->unread = 0;
    tell_found(watches, watch);
    watches->scanned = NULL;
    if (watch->cursor == WKV_STORE_SCAN_END)
        follow(watches, watch, now_ns);
}

void wkv_watch_begin(struct wkv_watches *watches, struct wkv_watch *watch, int64_t now_ns)
{
    if (watch->order.watched == WKV_WATCHED_KEY)
        begin_key(watches, watch, now_ns);
    else
        begin_piece(watches, watch, now_ns);
}

bool wkv_watch_has_shown(const struct wkv_watches *watches, const struct wkv_watch *watch,
                         const struct wkv_key *key)
{
    if (watch->order.watched == WKV_WATCHED_KEY || wkv_store_rank(watches->store, key) >= watch->cursor)
        return false;
    for (size_t i = watches->unread; watches->scanned == watch && i < watches->scan->count; i++)
        if (wkv_text_same(watches->scan->keys[i].name, key->name))
            return false;
    return true;
}
