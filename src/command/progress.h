/* A bar on a terminal that says how far a long command is; on anything else nothing. */
#ifndef WKV_COMMAND_PROGRESS_H
#define WKV_COMMAND_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct wkv_progress {
    const char *verb; /* "exporting" */
    bool is_shown;    /* standard error is a terminal */
    int64_t began_ns, shown_ns;
};

void wkv_progress_begin(struct wkv_progress *progress, const char *verb);

/* `done` of `total` (0: not known) of whatever it goes by; `keys` is what people are told. Draws a few times
 * a second at the most. */
void wkv_progress_show(struct wkv_progress *progress, uint64_t done, uint64_t total, uint64_t keys);

/* Takes the bar away. */
void wkv_progress_end(struct wkv_progress *progress);

/* ---- being told to stop ---- */

/* From now on SIGINT and SIGTERM wait until wkv_is_told_to_stop is asked. Before other threads are started.
 */
void wkv_listen_for_stop(void);
bool wkv_is_told_to_stop(void);

#endif
