#include "server/watchdog.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "support/clock.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* Between two looks at stop_fd: an exit may be late by that. */
#define LOOK_NS (50 * WKV_NS_PER_MS)

/* Whatever the thread was doing, and whatever locks it holds, this interrupts it: so only system calls are
 * made, and nothing is said, since what it would be said through may be what the rest waits for. */
static void look(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    struct wkv_watchdog *watchdog = info->si_code == SI_TIMER ? info->si_value.sival_ptr : NULL;
    if (watchdog == NULL || !watchdog->running)
        return;
    int interrupted = errno;
    struct pollfd stop = {.fd = watchdog->stop_fd, .events = POLLIN};
    if (watchdog->stopping || (watchdog->timeout_ms == 0 && poll(&stop, 1, 0) == 1))
        _exit(watchdog->timeout_ms == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
    if (poll(&stop, 1, 0) == 1) {
        struct itimerspec once = {.it_value = {.tv_sec = watchdog->timeout_ms / 1000,
                                               .tv_nsec = watchdog->timeout_ms % 1000 * WKV_NS_PER_MS}};
        watchdog->stopping = 1;
        (void)timer_settime(watchdog->timer, 0, &once, NULL);
    }
    errno = interrupted;
}

/* The timer's signal goes to this thread alone: it would break off system calls of nats.c, which does not
 * expect that. */
bool wkv_watchdog_start(struct wkv_watchdog *watchdog, int stop_fd, int64_t timeout_ms)
{
    struct sigaction action = {.sa_sigaction = look, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct sigevent event = {
        .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM, .sigev_value.sival_ptr = watchdog};
    struct itimerspec often = {.it_interval = {.tv_nsec = LOOK_NS}, .it_value = {.tv_nsec = LOOK_NS}};
    sigset_t set;
    event.sigev_notify_thread_id = gettid();
    *watchdog = (struct wkv_watchdog){.stop_fd = stop_fd, .timeout_ms = timeout_ms};
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGALRM);
    if (sigaction(SIGALRM, &action, NULL) != 0 || pthread_sigmask(SIG_UNBLOCK, &set, NULL) != 0 ||
        timer_create(CLOCK_MONOTONIC, &event, &watchdog->timer) != 0)
        return false;
    watchdog->running = 1;
    return timer_settime(watchdog->timer, 0, &often, NULL) == 0;
}

void wkv_watchdog_end(struct wkv_watchdog *watchdog)
{
    if (!watchdog->running)
        return;
    watchdog->running = 0;
    (void)timer_delete(watchdog->timer);
}
