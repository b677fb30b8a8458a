/* The janitor: the one thread for what is periodic. It takes expired keys out and frees large deleted values,
 * in slices, and tells the statistics that time has passed. */
#ifndef WKV_SERVER_JANITOR_H
#define WKV_SERVER_JANITOR_H

#include "stats/stats.h"
#include "support/pulse.h"
#include "wascc_keyvalue/store.h"

struct wkv_janitor;

/* Pieces of work under one shard's lock at the most: some tens of microseconds in which a request may have to
 * wait. */
#define WKV_JANITOR_STEPS 32u
/* How often it looks while there is nothing to do. */
#define WKV_JANITOR_PERIOD_MS 10

/* Starts the thread. Store and stats are borrowed until stop. Errors: NULL where the machine gives no thread
 * or memory. */
struct wkv_janitor *wkv_janitor_start(struct wkv_store *store, struct wkv_stats *stats);

/* Whether its thread turns. */
struct wkv_pulse *wkv_janitor_pulse(struct wkv_janitor *janitor);

/* Stops the thread, waits for it and frees the janitor. NULL is allowed. */
void wkv_janitor_stop(struct wkv_janitor *janitor);

#endif
