#include "wascc_keyvalue/watchdog.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "wascc_keyvalue/clock.h"

struct wkv_watchdog {
    struct wkv_log *log;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int64_t deadline_ns; /* 0: not armed */
    bool stop;
};

static void *run(void *argument)
{
    struct wkv_watchdog *watchdog = argument;
    (void)pthread_mutex_lock(&watchdog->lock);
    while (!watchdog->stop) {
        if (watchdog->deadline_ns == 0) {
            (void)pthread_cond_wait(&watchdog->changed, &watchdog->lock);
            continue;
        }
        struct timespec until = {watchdog->deadline_ns / WKV_NS_PER_S, watchdog->deadline_ns % WKV_NS_PER_S};
        (void)pthread_cond_timedwait(&watchdog->changed, &watchdog->lock, &until);
        if (!watchdog->stop && wkv_monotonic_ns() >= watchdog->deadline_ns) {
            wkv_log_warn(watchdog->log, "the drain timeout is over before all was closed; exiting now");
            _exit(EXIT_SUCCESS);
        }
    }
    (void)pthread_mutex_unlock(&watchdog->lock);
    return NULL;
}

struct wkv_watchdog *wkv_watchdog_start(struct wkv_log *log)
{
    struct wkv_watchdog *watchdog = calloc(1, sizeof *watchdog);
    if (watchdog == NULL)
        return NULL;
    watchdog->log = log;
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&watchdog->lock, NULL);
    (void)pthread_cond_init(&watchdog->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    if (pthread_create(&watchdog->thread, NULL, run, watchdog) == 0)
        return watchdog;
    (void)pthread_cond_destroy(&watchdog->changed);
    (void)pthread_mutex_destroy(&watchdog->lock);
    free(watchdog);
    return NULL;
}

void wkv_watchdog_arm(struct wkv_watchdog *watchdog, int64_t deadline_ns)
{
    (void)pthread_mutex_lock(&watchdog->lock);
    watchdog->deadline_ns = deadline_ns;
    (void)pthread_cond_signal(&watchdog->changed);
    (void)pthread_mutex_unlock(&watchdog->lock);
}

void wkv_watchdog_stop(struct wkv_watchdog *watchdog)
{
    if (watchdog == NULL)
        return;
    (void)pthread_mutex_lock(&watchdog->lock);
    watchdog->stop = true;
    (void)pthread_cond_signal(&watchdog->changed);
    (void)pthread_mutex_unlock(&watchdog->lock);
    (void)pthread_join(watchdog->thread, NULL);
    (void)pthread_cond_destroy(&watchdog->changed);
    (void)pthread_mutex_destroy(&watchdog->lock);
    free(watchdog);
}
