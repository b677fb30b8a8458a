#include "transport/watchdog.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

#include "wascc_keyvalue/clock.h"

struct wkv_watchdog {
    struct wkv_log *log;
    int64_t deadline_ns;
    sem_t stopped;
    pthread_t thread;
};

static void *run(void *argument)
{
    struct wkv_watchdog *watchdog = argument;
    struct timespec until = {watchdog->deadline_ns / WKV_NS_PER_S, watchdog->deadline_ns % WKV_NS_PER_S};
    if (sem_clockwait(&watchdog->stopped, CLOCK_MONOTONIC, &until) == 0)
        return NULL;
    wkv_log_warn(watchdog->log, "the drain timeout is over before all was closed; exiting now");
    _exit(EXIT_SUCCESS);
}

struct wkv_watchdog *wkv_watchdog_start(struct wkv_log *log, int64_t deadline_ns)
{
    struct wkv_watchdog *watchdog = calloc(1, sizeof *watchdog);
    if (watchdog == NULL)
        return NULL;
    watchdog->log = log;
    watchdog->deadline_ns = deadline_ns;
    (void)sem_init(&watchdog->stopped, 0, 0);
    if (pthread_create(&watchdog->thread, NULL, run, watchdog) == 0)
        return watchdog;
    (void)sem_destroy(&watchdog->stopped);
    free(watchdog);
    return NULL;
}

void wkv_watchdog_stop(struct wkv_watchdog *watchdog)
{
    if (watchdog == NULL)
        return;
    (void)sem_post(&watchdog->stopped);
    (void)pthread_join(watchdog->thread, NULL);
    (void)sem_destroy(&watchdog->stopped);
    free(watchdog);
}
