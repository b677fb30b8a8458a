/* A watchdog: ends the process, with success, when the time that was promised for stopping is over, whatever
 * the rest is waiting for. */
#ifndef WASCC_KEYVALUE_WATCHDOG_H
#define WASCC_KEYVALUE_WATCHDOG_H

#include <stdint.h>

#include "wascc_keyvalue/log.h"

struct wkv_watchdog;

/* Starts its thread, which waits until stop_fd is readable, and does not read from it. When that has been so
 * for timeout_ms the process logs and exits 0, unless the watchdog is ended first. The log and stop_fd are
 * borrowed. Errors: NULL where the machine gives no thread, memory or file descriptor. */
struct wkv_watchdog *wkv_watchdog_start(struct wkv_log *log, int stop_fd, int64_t timeout_ms);

/* Ends and frees it. NULL is allowed. */
void wkv_watchdog_end(struct wkv_watchdog *watchdog);

#endif
