/* A watchdog: ends the process, with failure, when the time that was promised for stopping is over, whatever
 * the rest is waiting for. */
#ifndef WKV_SERVER_WATCHDOG_H
#define WKV_SERVER_WATCHDOG_H

#include <stdint.h>

struct wkv_watchdog;

/* Starts its thread, which waits until stop_fd is readable, and does not read from it. When that has been so
 * for timeout_ms the process exits 1 at once and without a word, unless the watchdog is ended first. stop_fd
 * is borrowed. Errors: NULL where the machine gives no thread, memory or file descriptor. */
struct wkv_watchdog *wkv_watchdog_start(int stop_fd, int64_t timeout_ms);

/* Ends and frees it. NULL is allowed. */
void wkv_watchdog_end(struct wkv_watchdog *watchdog);

#endif
