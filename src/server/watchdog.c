#include "server/watchdog.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "support/clock.h"

struct wkv_watchdog {
    pthread_t thread;
    int stop_fd;
    int end_fd; /* an eventfd: readable when the watchdog is to end */
    int64_t timeout_ms;
};

/* Whether the watchdog is to end. Otherwise stop_fd is readable. */
static bool await_stop(const struct wkv_watchdog *watchdog)
{
    struct pollfd fds[] = {{.fd = watchdog->end_fd, .events = POLLIN},
                           {.fd = watchdog->stop_fd, .events = POLLIN}};
    while (poll(fds, 2, -1) < 0 && errno == EINTR) {
    }
    return fds[0].revents != 0;
}

/* Whether the watchdog is to end before the deadline. */
static bool await_end(const struct wkv_watchdog *watchdog, int64_t deadline_ns)
{
    struct pollfd end = {.fd = watchdog->end_fd, .events = POLLIN};
    for (;;) {
        int64_t left_ms = (deadline_ns - wkv_monotonic_ns() + WKV_NS_PER_MS - 1) / WKV_NS_PER_MS;
        if (left_ms <= 0)
            return false;
        if (poll(&end, 1, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms) > 0)
            return true;
    }
}

static void *run(void *argument)
{
    const struct wkv_watchdog *watchdog = argument;
    if (await_stop(watchdog))
        return NULL;
    /* Without a word: what it would be said through may be what the rest waits for. Whoever gives
     * no time at all asks for no drain, so nothing of one was cut short. */
    if (!await_end(watchdog, wkv_monotonic_ns() + watchdog->timeout_ms * WKV_NS_PER_MS))
        _exit(watchdog->timeout_ms == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
    return NULL;
}

struct wkv_watchdog *wkv_watchdog_start(int stop_fd, int64_t timeout_ms)
{
    struct wkv_watchdog *watchdog = calloc(1, sizeof *watchdog);
    if (watchdog == NULL)
        return NULL;
    watchdog->stop_fd = stop_fd;
    watchdog->timeout_ms = timeout_ms;
    watchdog->end_fd = eventfd(0, EFD_CLOEXEC);
    if (watchdog->end_fd >= 0 && pthread_create(&watchdog->thread, NULL, run, watchdog) == 0)
        return watchdog;
    if (watchdog->end_fd >= 0)
        (void)close(watchdog->end_fd);
    free(watchdog);
    return NULL;
}

void wkv_watchdog_end(struct wkv_watchdog *watchdog)
{
    if (watchdog == NULL)
        return;
    uint64_t one = 1;
    ssize_t written = write(watchdog->end_fd, &one, sizeof one);
    (void)written; /* the first write to an eventfd finds room */
    (void)pthread_join(watchdog->thread, NULL);
    (void)close(watchdog->end_fd);
    free(watchdog);
}
