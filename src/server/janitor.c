#include "server/janitor.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "support/clock.h"
#include "support/condition.h"

struct wkv_janitor {
    struct wkv_store *store;
    struct wkv_stats *stats;
    struct wkv_pulse pulse; /* of its thread, which never sleeps for long */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stop;
};

/* Sleeps until the time has come or stop is called. Returns whether to go on. */
static bool rest(struct wkv_janitor *janitor, int64_t until_ns)
{
    (void)pthread_mutex_lock(&janitor->lock);
    while (!janitor->stop && wkv_condition_wait(&janitor->changed, &janitor->lock, until_ns)) {
    }
    bool go_on = !janitor->stop;
    (void)pthread_mutex_unlock(&janitor->lock);
    return go_on;
}

/* Ticks where a tick is due. Returns when the next one is. */
static int64_t tick(struct wkv_janitor *janitor, int64_t due_ns, int64_t now_ns)
{
    if (now_ns < due_ns)
        return due_ns;
    wkv_stats_tick(janitor->stats);
    return now_ns + (int64_t)WKV_STATS_TICK_MS * WKV_NS_PER_MS;
}

static void *run(void *argument)
{
    struct wkv_janitor *janitor = argument;
    int64_t now_ns = wkv_monotonic_ns();
    int64_t tick_ns = now_ns + (int64_t)WKV_STATS_TICK_MS * WKV_NS_PER_MS;
    /* Where work is left it goes on at once, one slice of each shard after the other: nobody waits for more
     * than a slice. */
    while (rest(janitor, now_ns)) {
        wkv_pulse_beat(&janitor->pulse);
        tick_ns = tick(janitor, tick_ns, wkv_monotonic_ns());
        bool more = wkv_store_maintain(janitor->store, wkv_monotonic_ns(), WKV_JANITOR_STEPS);
        now_ns = more ? 0 : wkv_monotonic_ns() + (int64_t)WKV_JANITOR_PERIOD_MS * WKV_NS_PER_MS;
    }
    return NULL;
}

struct wkv_janitor *wkv_janitor_start(struct wkv_store *store, struct wkv_stats *stats)
{
    struct wkv_janitor *janitor = calloc(1, sizeof *janitor);
    if (janitor == NULL)
        return NULL;
    janitor->store = store;
    janitor->stats = stats;
    janitor->pulse = (struct wkv_pulse){.name = "the janitor", .turning = true};
    (void)pthread_mutex_init(&janitor->lock, NULL);
    wkv_condition_init(&janitor->changed);
    if (pthread_create(&janitor->thread, NULL, run, janitor) == 0)
        return janitor;
    (void)pthread_cond_destroy(&janitor->changed);
    (void)pthread_mutex_destroy(&janitor->lock);
    free(janitor);
    return NULL;
}

struct wkv_pulse *wkv_janitor_pulse(struct wkv_janitor *janitor)
{
    return &janitor->pulse;
}

void wkv_janitor_stop(struct wkv_janitor *janitor)
{
    if (janitor == NULL)
        return;
    (void)pthread_mutex_lock(&janitor->lock);
    janitor->stop = true;
    (void)pthread_cond_signal(&janitor->changed);
    (void)pthread_mutex_unlock(&janitor->lock);
    (void)pthread_join(janitor->thread, NULL);
    (void)pthread_cond_destroy(&janitor->changed);
    (void)pthread_mutex_destroy(&janitor->lock);
    free(janitor);
}
