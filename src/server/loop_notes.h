/* What loops tell of themselves, counted in the process's statistics. */
#ifndef WKV_SERVER_LOOP_NOTES_H
#define WKV_SERVER_LOOP_NOTES_H

#include "nats/loop.h"

/* For struct wkv_loop_options; context is the struct wkv_stats. */
void wkv_loop_count_event(void *context, enum wkv_loop_event event);

#endif
