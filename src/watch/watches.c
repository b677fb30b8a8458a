/* What any thread may do: watches begin, are renewed and ended, and the loop is woken. */
#include "watch/watches.h"

#include <stdlib.h>
#include <string.h>

#include "support/clock.h"
#include "support/text.h"
#include "watch/watch.h"

#define SLOTS (sizeof((struct wkv_watches *)0)->by_order / sizeof(struct wkv_watch *))

/* Of the memory for changes that are not taken yet: an eighth of the budget, within these bounds a shard. */
#define LOG_SHARE 8
#define LOG_LEAST_BYTES ((uint64_t)4 * 1024)
#define LOG_MOST_BYTES ((uint64_t)256 * 1024)

/* ---- making and ending ---- */

/* What was changed while there was no connection is not known to those who watch. */
static void on_note(void *context, enum wkv_loop_event event)
{
    struct wkv_watches *watches = context;
    if (event == WKV_LOOP_RECONNECTED)
        atomic_store(&watches->reconnected, true);
    watches->owner.note(watches->owner.context, event);
}

enum wkv_code wkv_watches_init(struct wkv_watches *watches, const struct wkv_watches_options *options,
                               struct wkv_error *error)
{
    struct wkv_loop_options loop = options->loop;
    memset(watches, 0, sizeof *watches);
    watches->store = options->store;
    watches->clock = options->clock;
    watches->stats = options->stats;
    watches->instance = options->instance;
    watches->has_room = options->has_room;
    watches->room_context = options->context;
    watches->owner = options->loop;
    wkv_hasher_init(&watches->hasher);
    wkv_subject_base(options->loop.address, watches->base);
    (void)pthread_mutex_init(&watches->lock, NULL);
    TAILQ_INIT(&watches->fresh);
    TAILQ_INIT(&watches->all);
    loop.name = "watches";
    loop.note = on_note;
    loop.context = watches;
    if (wkv_loop_init(&watches->loop, &loop, error) != WKV_OK)
        return error->code;
    wkv_loop_call_after_turns(&watches->loop, wkv_watches_turn, watches, 1);
    return WKV_OK;
}

void wkv_watches_destroy(struct wkv_watches *watches)
{
    struct wkv_watch *watch;
    TAILQ_CONCAT(&watches->all, &watches->fresh, next);
    while ((watch = TAILQ_FIRST(&watches->all)) != NULL) {
        TAILQ_REMOVE(&watches->all, watch, next);
        wkv_watch_free(watches, watch);
    }
    wkv_changes_close(watches->changes);
    free(watches->scan);
    wkv_buffer_destroy(&watches->event);
    wkv_buffer_destroy(&watches->first);
    wkv_buffer_destroy(&watches->large);
    (void)pthread_mutex_destroy(&watches->lock);
    wkv_loop_destroy(&watches->loop);
}

/* ---- one ---- */

/* All that makes a request the same as another, but for its lease. */
static uint64_t hash_order(const struct wkv_watches *watches, const struct wkv_watch_order *order)
{
    uint32_t kind = order->keyspace << 4 ^ (uint32_t)order->watched << 2 ^ (uint32_t)order->values << 1 ^
                    (order->encoding == WKV_JSON);
    return wkv_hash(&watches->hasher, kind, order->reply) ^
           wkv_hash(&watches->hasher, kind + 1, order->name) ^
           wkv_hash(&watches->hasher, kind + 2, order->actor);
}

static bool is_same(const struct wkv_watch_order *one, const struct wkv_watch_order *other)
{
    return one->keyspace == other->keyspace && one->watched == other->watched &&
           one->values == other->values && one->encoding == other->encoding &&
           wkv_text_same(one->reply, other->reply) && wkv_text_same(one->name, other->name) &&
           wkv_text_same(one->actor, other->actor);
}

static struct wkv_watch *find(const struct wkv_watches *watches, uint64_t hash,
                              const struct wkv_watch_order *order)
{
    struct wkv_watch *watch = watches->by_order[hash % SLOTS];
    while (watch != NULL &&
           (atomic_load(&watch->ends) || watch->order_hash != hash || !is_same(&watch->order, order)))
        watch = watch->next_order;
    return watch;
}

static struct wkv_text copy(char **at, struct wkv_text text)
{
    struct wkv_text copied = {*at, text.len};
    if (text.len > 0)
        memcpy(*at, text.data, text.len);
    (*at)[text.len] = '\0';
    *at += text.len + 1;
    return copied;
}

static int64_t lease_ns(const struct wkv_watch_order *order)
{
    int64_t ms = order->lease_ms == 0 ? WKV_WATCH_DEFAULT_LEASE_MS : order->lease_ms;
    return (ms < WKV_WATCH_MAX_LEASE_MS ? ms : WKV_WATCH_MAX_LEASE_MS) * WKV_NS_PER_MS;
}

static enum wkv_code make(struct wkv_watches *watches, const struct wkv_watch_order *order, uint64_t hash,
                          struct wkv_watch **made, struct wkv_error *error)
{
    size_t bytes = sizeof(struct wkv_watch) + order->reply.len + order->actor.len + order->name.len + 3;
    if (!wkv_store_reserve(watches->store, bytes))
        return wkv_fail(error, WKV_BUDGET_SPENT,
                        "the memory budget is spent: there is no room for another watch");
    struct wkv_watch *watch = calloc(1, bytes);
    if (watch == NULL) {
        wkv_store_release(watches->store, bytes);
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for a watch; try again later");
    }
    char *at = (char *)(watch + 1);
    watch->bytes = bytes;
    watch->order = *order;
    watch->order.reply = copy(&at, order->reply);
    watch->order.actor = copy(&at, order->actor);
    watch->order.name = copy(&at, order->name);
    watch->order_hash = hash;
    *made = watch;
    return WKV_OK;
}

/* Under the lock. */
static void set_count(struct wkv_watches *watches, size_t count)
{
    watches->count = count;
    atomic_store(&watches->open, count);
    wkv_stats_set_watches(watches->stats, count);
}

static void forget(struct wkv_watches *watches, struct wkv_watch *watch)
{
    struct wkv_watch **link = &watches->by_order[watch->order_hash % SLOTS];
    while (*link != watch)
        link = &(*link)->next_order;
    *link = watch->next_order;
    set_count(watches, watches->count - 1);
}

void wkv_watch_free(struct wkv_watches *watches, struct wkv_watch *watch)
{
    (void)pthread_mutex_lock(&watches->lock);
    forget(watches, watch);
    (void)pthread_mutex_unlock(&watches->lock);
    wkv_store_release(watches->store, watch->bytes);
    free(watch);
}

/* ---- starting ---- */

/* The first watch makes the store note changes. Values that are larger than a quarter of a shard's memory for
 * that are read when they are told. */
static bool observe(struct wkv_watches *watches)
{
    struct wkv_store_stats stats;
    wkv_store_stats(watches->store, &stats);
    uint64_t bytes = stats.budget_bytes == 0 ? LOG_MOST_BYTES : stats.budget_bytes / LOG_SHARE / stats.shards;
    bytes = bytes < LOG_LEAST_BYTES ? LOG_LEAST_BYTES : bytes > LOG_MOST_BYTES ? LOG_MOST_BYTES : bytes;
    const struct wkv_changes_options options = {.bytes_per_shard = (size_t)bytes, .values = true};
    watches->changes = wkv_changes_open(watches->store, &options);
    return watches->changes != NULL;
}

/* Under the lock. */
static enum wkv_code add(struct wkv_watches *watches, const struct wkv_watch_order *order, uint64_t hash,
                         struct wkv_watch **added, struct wkv_error *error)
{
    if (atomic_load(&watches->stopping))
        return wkv_fail(error, WKV_UNAVAILABLE, "this instance is shutting down; send the request again");
    if (watches->count >= WKV_MAX_WATCHES)
        return wkv_fail(error, WKV_UNAVAILABLE,
                        "this instance has %d watches, the most it takes; end one, or try again later",
                        WKV_MAX_WATCHES);
    if (watches->has_room != NULL && !watches->has_room(watches->room_context, sizeof **added))
        return wkv_fail(error, WKV_BUDGET_SPENT,
                        "the memory budget of an instance is spent: there is no room for another watch");
    if (watches->changes == NULL && !observe(watches))
        return wkv_fail(error, WKV_BUDGET_SPENT,
                        "the memory budget is spent: there is no room to note changes for the first watch");
    if (make(watches, order, hash, added, error) != WKV_OK)
        return error->code;
    (*added)->next_order = watches->by_order[hash % SLOTS];
    watches->by_order[hash % SLOTS] = *added;
    TAILQ_INSERT_TAIL(&watches->fresh, *added, next);
    set_count(watches, watches->count + 1);
    return WKV_OK;
}

enum wkv_code wkv_watches_start(struct wkv_watches *watches, const struct wkv_watch_order *order,
                                struct wkv_error *error)
{
    uint64_t hash = hash_order(watches, order);
    enum wkv_code code = WKV_OK;
    (void)pthread_mutex_lock(&watches->lock);
    struct wkv_watch *watch = find(watches, hash, order);
    if (watch == NULL)
        code = add(watches, order, hash, &watch, error);
    if (code == WKV_OK)
        atomic_store(&watch->lease_until_ns, wkv_monotonic_ns() + lease_ns(order));
    (void)pthread_mutex_unlock(&watches->lock);
    wkv_watches_wake(watches);
    return code;
}

/* ---- ending ---- */

static void end_those(struct wkv_watches *watches, const struct wkv_text *actor)
{
    (void)pthread_mutex_lock(&watches->lock);
    for (size_t i = 0; i < SLOTS; i++)
        for (struct wkv_watch *watch = watches->by_order[i]; watch != NULL; watch = watch->next_order)
            if (actor == NULL || wkv_text_same(watch->order.actor, *actor))
                atomic_store(&watch->ends, true);
    (void)pthread_mutex_unlock(&watches->lock);
    wkv_watches_wake(watches);
}

void wkv_watches_end_actor(struct wkv_watches *watches, struct wkv_text actor)
{
    if (atomic_load(&watches->open) > 0)
        end_those(watches, &actor);
}

void wkv_watches_stop(struct wkv_watches *watches)
{
    atomic_store(&watches->stopping, true);
    end_those(watches, NULL);
}

/* Without a connection nobody can be told. */
void wkv_watches_await(struct wkv_watches *watches, int64_t until_ns)
{
    const struct timespec pause = {.tv_nsec = WKV_NS_PER_MS};
    while (atomic_load(&watches->open) > 0 && wkv_loop_is_confirmed(&watches->loop) &&
           wkv_monotonic_ns() < until_ns)
        (void)nanosleep(&pause, NULL);
}

/* ---- waking ---- */

void wkv_watches_wake(struct wkv_watches *watches)
{
    if (!atomic_exchange(&watches->poked, true))
        wkv_poller_wake(&watches->loop.poller);
}
