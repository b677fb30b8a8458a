/* Upkeep: the janitor, the one thread for what is periodic. It takes expired keys out and frees large deleted
 * values, in slices, and tells the statistics that time has passed. */
#ifndef WKV_SERVER_UPKEEP_H
#define WKV_SERVER_UPKEEP_H

#include "stats/stats.h"
#include "support/pulse.h"
#include "wascc_keyvalue/store.h"

struct wkv_upkeep;

/* Pieces of work under one shard's lock at the most: some tens of microseconds in which a request may have to
 * wait. */
#define WKV_UPKEEP_STEPS 32u
/* How often it looks while there is nothing to do. */
#define WKV_UPKEEP_PERIOD_MS 10

/* Starts the thread. Store (NULL: another thread sees to it) and stats are borrowed until stop. Errors: NULL
 * where the machine gives no thread or memory. */
struct wkv_upkeep *wkv_upkeep_start(struct wkv_store *store, struct wkv_stats *stats);

/* Whether its thread turns. */
struct wkv_pulse *wkv_upkeep_pulse(struct wkv_upkeep *upkeep);

/* Stops the thread, waits for it and frees the janitor. NULL is allowed. */
void wkv_upkeep_stop(struct wkv_upkeep *upkeep);

#endif
