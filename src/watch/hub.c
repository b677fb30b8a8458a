/* The loop's thread: takes changes, and tells those who watch. */
#include <stdlib.h>

#include "operation/scan.h"
#include "support/clock.h"
#include "support/text.h"
#include "watch/watch.h"

#define SLOTS (sizeof((struct wkv_watches *)0)->by_key / sizeof(struct wkv_watch *))

/* So long a turn tells first keys, before it looks at changes and at time again. */
#define BEGINNING_NS (2 * WKV_NS_PER_MS)
/* While there are watches: who takes an expired key out pokes nobody, and "expiry is an event within 100 ms".
 */
#define LOOK_NS (20 * WKV_NS_PER_MS)
/* While what is unsent leaves no room: how soon to look again. */
#define CROWDED_NS (5 * WKV_NS_PER_MS)

/* Where the watches of a key hang. */
static struct wkv_watch **head_of_key(struct wkv_watches *watches, uint32_t keyspace, struct wkv_text name)
{
    return &watches->by_key[wkv_hash(&watches->hasher, keyspace, name) % SLOTS];
}

static struct wkv_watch **head_of(struct wkv_watches *watches, const struct wkv_watch *watch)
{
    return watch->order.watched == WKV_WATCHED_KEY
               ? head_of_key(watches, watch->order.keyspace, watch->order.name)
               : &watches->ranges;
}

/* ---- changes ---- */

static const char *const names[] = {[WKV_CHANGE_PUT] = "put",
                                    [WKV_CHANGE_DELETE] = "delete",
                                    [WKV_CHANGE_EXPIRE] = "expire",
                                    [WKV_CHANGE_EVICT] = "evict"};

static bool has_value(struct wkv_watches *watches, const struct wkv_change *change, struct wkv_text *value)
{
    struct wkv_view view;
    *value = change->value;
    if (!change->is_large)
        return true;
    /* It was not noted, and is told as it is now. */
    wkv_buffer_reset(&watches->large, watches->large.capacity);
    (void)wkv_store_begin(&view, watches->store, &change->key, 1, WKV_STORE_READS,
                          wkv_told_ns(watches->clock));
    (void)wkv_view_get(&view, 0, wkv_watch_take_value, &watches->large);
    wkv_store_end(&view);
    *value = (struct wkv_text){watches->large.data, watches->large.len};
    return !watches->large.failed;
}

static void tell(struct wkv_watches *watches, struct wkv_watch *watch, const struct wkv_change *change)
{
    struct wkv_watch_event event = {.name = names[change->what], .key = change->key.name};
    if (watch->state == WKV_WATCH_MISSED ||
        (watch->state == WKV_WATCH_BEGINS && !wkv_watch_has_shown(watches, watch, &change->key)))
        return;
    if (watch->order.values && !has_value(watches, change, &event.value))
        watch->state = WKV_WATCH_MISSED;
    else
        (void)wkv_watch_tell(watches, watch, &event);
}

static void miss_all(struct wkv_watches *watches)
{
    struct wkv_watch *watch;
    for (watch = TAILQ_FIRST(&watches->all); watch != NULL; watch = TAILQ_NEXT(watch, next))
        watch->state = WKV_WATCH_MISSED;
}

void wkv_watch_dispatch(void *context, const struct wkv_change *change)
{
    struct wkv_watches *watches = context;
    struct wkv_watch *watch;
    if (change->what == WKV_CHANGE_MISSED) {
        miss_all(watches);
        return;
    }
    watch = *head_of_key(watches, change->key.keyspace, change->key.name);
    for (; watch != NULL; watch = watch->next_key)
        if (watch->order.keyspace == change->key.keyspace &&
            wkv_text_same(watch->order.name, change->key.name))
            tell(watches, watch, change);
    for (watch = watches->ranges; watch != NULL; watch = watch->next_key)
        if (watch->order.keyspace == change->key.keyspace &&
            wkv_has_prefix(change->key.name, watch->order.name))
            tell(watches, watch, change);
}

/* ---- coming and going ---- */

static void adopt(struct wkv_watches *watches)
{
    struct wkv_watch_list fresh = TAILQ_HEAD_INITIALIZER(fresh);
    struct wkv_watch *watch;
    (void)pthread_mutex_lock(&watches->lock);
    TAILQ_CONCAT(&fresh, &watches->fresh, next);
    (void)pthread_mutex_unlock(&watches->lock);
    while ((watch = TAILQ_FIRST(&fresh)) != NULL) {
        TAILQ_REMOVE(&fresh, watch, next);
        TAILQ_INSERT_TAIL(&watches->all, watch, next);
        struct wkv_watch **head = head_of(watches, watch);
        watch->next_key = *head;
        *head = watch;
    }
}

static void drop(struct wkv_watches *watches, struct wkv_watch *watch)
{
    struct wkv_watch **link = head_of(watches, watch);
    TAILQ_REMOVE(&watches->all, watch, next);
    while (*link != watch)
        link = &(*link)->next_key;
    *link = watch->next_key;
    wkv_watch_free(watches, watch);
}

/* The last one's end ends the store's notes, unless one has begun meanwhile. Under the lock: who begins the
 * next one makes the store note again, which it does for one observer at a time. */
static void rest(struct wkv_watches *watches)
{
    (void)pthread_mutex_lock(&watches->lock);
    bool rests = watches->count == 0;
    if (rests) {
        wkv_changes_close(watches->changes);
        watches->changes = NULL;
    }
    (void)pthread_mutex_unlock(&watches->lock);
    if (!rests)
        return;
    free(watches->scan);
    watches->scan = NULL;
    wkv_buffer_reset(&watches->first, 0);
    wkv_buffer_reset(&watches->large, 0);
}

/* ---- a turn ---- */

static bool is_crowded(const struct wkv_watches *watches, size_t bytes)
{
    return wkv_sending_bytes(&watches->loop.sending) >= bytes;
}

/* One piece each, in turn, for as long as there are time and room. Returns whether some are left. */
static bool begin_some(struct wkv_watches *watches, int64_t now_ns)
{
    int64_t until_ns = now_ns + BEGINNING_NS;
    bool left;
    do {
        struct wkv_watch *watch = TAILQ_FIRST(&watches->all);
        left = false;
        for (; watch != NULL; watch = TAILQ_NEXT(watch, next)) {
            if (watch->state != WKV_WATCH_BEGINS)
                continue;
            if (is_crowded(watches, WKV_WATCH_UNSENT_FIRST) || wkv_monotonic_ns() >= until_ns)
                return true;
            wkv_watch_begin(watches, watch, wkv_monotonic_ns());
            left |= watch->state == WKV_WATCH_BEGINS;
        }
    } while (left);
    return false;
}

/* Whether the watch is over, and its watcher has been told so. */
static bool is_over(struct wkv_watches *watches, struct wkv_watch *watch, int64_t now_ns)
{
    bool ends = atomic_load(&watch->ends) || atomic_load(&watch->lease_until_ns) <= now_ns;
    bool missed = watch->state == WKV_WATCH_MISSED;
    if ((!ends && !missed) || is_crowded(watches, WKV_WATCH_UNSENT_MOST / 2))
        return false;
    if (missed)
        wkv_stats_count_missed_watch(watches->stats);
    (void)wkv_watch_tell(watches, watch, &(struct wkv_watch_event){.name = missed ? "missed" : "end"});
    return true;
}

/* Returns when something is due next. */
static int64_t look_at_time(struct wkv_watches *watches, int64_t now_ns)
{
    struct wkv_watch *watch, *next;
    int64_t due_ns = WKV_NO_TURN;
    for (watch = TAILQ_FIRST(&watches->all); watch != NULL; watch = next) {
        next = TAILQ_NEXT(watch, next);
        if (watch->state == WKV_WATCH_FOLLOWS && watch->sync_ns <= now_ns && !atomic_load(&watch->ends))
            wkv_watch_sync(watches, watch, now_ns);
        if (is_over(watches, watch, now_ns))
            drop(watches, watch);
        else
            due_ns = now_ns + LOOK_NS;
    }
    return due_ns;
}

int64_t wkv_watches_turn(void *context)
{
    struct wkv_watches *watches = context;
    int64_t now_ns = wkv_monotonic_ns();
    watches->waited_ns = 0;
    atomic_store(&watches->poked, false);
    if (atomic_exchange(&watches->reconnected, false))
        miss_all(watches);
    adopt(watches);
    if (TAILQ_EMPTY(&watches->all)) {
        rest(watches); /* there was memory for notes, and none for the watch */
        return WKV_NO_TURN;
    }
    wkv_changes_take(watches->changes, wkv_watch_dispatch, watches);
    bool left = begin_some(watches, now_ns);
    int64_t due_ns = look_at_time(watches, now_ns);
    if (TAILQ_EMPTY(&watches->all))
        rest(watches);
    if (left)
        return is_crowded(watches, WKV_WATCH_UNSENT_FIRST) ? now_ns + CROWDED_NS : 0;
    return due_ns;
}
