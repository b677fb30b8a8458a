/* A watchdog: ends the process, with success, at a time that was promised, whatever the rest is waiting for.
 */
#ifndef WKV_TRANSPORT_WATCHDOG_H
#define WKV_TRANSPORT_WATCHDOG_H

#include <stdint.h>

#include "wascc_keyvalue/log.h"

struct wkv_watchdog;

/* Starts it: at deadline_ns of the monotonic clock the process logs and exits 0, unless stop comes first.
 * Errors: NULL where the machine gives no thread; then nothing is promised. */
struct wkv_watchdog *wkv_watchdog_start(struct wkv_log *log, int64_t deadline_ns);

/* Ends and frees it. NULL is allowed. */
void wkv_watchdog_stop(struct wkv_watchdog *watchdog);

#endif
