#include "server/upkeep.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "support/clock.h"
#include "support/condition.h"

struct wkv_upkeep {
    struct wkv_store *store;
    struct wkv_stats *stats;
    struct wkv_pulse pulse; /* of its thread, which never sleeps for long */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stop;
};

/* Sleeps until the time has come or stop is called. Returns whether to go on. */
static bool rest(struct wkv_upkeep *upkeep, int64_t until_ns)
{
    (void)pthread_mutex_lock(&upkeep->lock);
    while (!upkeep->stop && wkv_condition_wait(&upkeep->changed, &upkeep->lock, until_ns)) {
    }
    bool go_on = !upkeep->stop;
    (void)pthread_mutex_unlock(&upkeep->lock);
    return go_on;
}

/* Ticks where a tick is due. Returns when the next one is. */
static int64_t tick(struct wkv_upkeep *upkeep, int64_t due_ns, int64_t now_ns)
{
    if (now_ns < due_ns)
        return due_ns;
    wkv_stats_tick(upkeep->stats);
    return now_ns + (int64_t)WKV_STATS_TICK_MS * WKV_NS_PER_MS;
}

static void *run(void *argument)
{
    struct wkv_upkeep *upkeep = argument;
    int64_t now_ns = wkv_monotonic_ns();
    int64_t tick_ns = now_ns + (int64_t)WKV_STATS_TICK_MS * WKV_NS_PER_MS;
    /* Where work is left it goes on at once, one slice of each shard after the other: nobody waits for more
     * than a slice. */
    while (rest(upkeep, now_ns)) {
        wkv_pulse_beat(&upkeep->pulse);
        tick_ns = tick(upkeep, tick_ns, wkv_monotonic_ns());
        bool more =
            upkeep->store != NULL && wkv_store_maintain(upkeep->store, wkv_monotonic_ns(), WKV_UPKEEP_STEPS);
        now_ns = more ? 0 : wkv_monotonic_ns() + (int64_t)WKV_UPKEEP_PERIOD_MS * WKV_NS_PER_MS;
    }
    return NULL;
}

struct wkv_upkeep *wkv_upkeep_start(struct wkv_store *store, struct wkv_stats *stats)
{
    struct wkv_upkeep *upkeep = calloc(1, sizeof *upkeep);
    if (upkeep == NULL)
        return NULL;
    upkeep->store = store;
    upkeep->stats = stats;
    upkeep->pulse = (struct wkv_pulse){.name = "the janitor", .turning = true};
    (void)pthread_mutex_init(&upkeep->lock, NULL);
    wkv_condition_init(&upkeep->changed);
    if (pthread_create(&upkeep->thread, NULL, run, upkeep) == 0)
        return upkeep;
    (void)pthread_cond_destroy(&upkeep->changed);
    (void)pthread_mutex_destroy(&upkeep->lock);
    free(upkeep);
    return NULL;
}

struct wkv_pulse *wkv_upkeep_pulse(struct wkv_upkeep *upkeep)
{
    return &upkeep->pulse;
}

void wkv_upkeep_stop(struct wkv_upkeep *upkeep)
{
    if (upkeep == NULL)
        return;
    (void)pthread_mutex_lock(&upkeep->lock);
    upkeep->stop = true;
    (void)pthread_cond_signal(&upkeep->changed);
    (void)pthread_mutex_unlock(&upkeep->lock);
    (void)pthread_join(upkeep->thread, NULL);
    (void)pthread_cond_destroy(&upkeep->changed);
    (void)pthread_mutex_destroy(&upkeep->lock);
    free(upkeep);
}
