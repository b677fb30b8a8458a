/* A watchdog: ends the process, with failure, when the time that was promised for stopping is over, whatever
 * the rest is waiting for. */
#ifndef WKV_SERVER_WATCHDOG_H
#define WKV_SERVER_WATCHDOG_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Its owner keeps it where it is until it is ended. */
struct wkv_watchdog {
    timer_t timer;
    int stop_fd;
    int64_t timeout_ms;
    volatile sig_atomic_t running, stopping;
};

/* Starts it on the calling thread, which is interrupted by SIGALRM some times a second and ends the watchdog,
 * too. stop_fd (borrowed) is looked at and not read from. When it has been readable for timeout_ms the
 * process exits 1 (0 where that is 0: then no drain was asked for) at once and without a word, unless the
 * watchdog is ended first. Errors: false where the machine gives no timer. */
bool wkv_watchdog_start(struct wkv_watchdog *watchdog, int stop_fd, int64_t timeout_ms);

/* Ends it. One that is zeroed was never started, which is allowed. */
void wkv_watchdog_end(struct wkv_watchdog *watchdog);

#endif
