/* A watchdog: ends the process, with success, at a time that was promised, whatever the rest is waiting for. */
#ifndef WASCC_KEYVALUE_WATCHDOG_H
#define WASCC_KEYVALUE_WATCHDOG_H

#include <stdint.h>

#include "wascc_keyvalue/log.h"

struct wkv_watchdog;

/* Starts its thread, which waits. The log is borrowed. Errors: NULL where the machine gives no thread or memory. */
struct wkv_watchdog *wkv_watchdog_start(struct wkv_log *log);

/* From now on: at deadline_ns of the monotonic clock the process logs and exits 0, unless stop comes first. Once; any thread. */
void wkv_watchdog_arm(struct wkv_watchdog *watchdog, int64_t deadline_ns);

/* Ends and frees it. NULL is allowed. */
void wkv_watchdog_stop(struct wkv_watchdog *watchdog);

#endif
