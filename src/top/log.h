/* What `top` knows of a log: several instances that serve from one have the same data, so their stores are
 * not added up.
 */
#ifndef WKV_TOP_LOG_H
#define WKV_TOP_LOG_H

#include <jansson.h>

#include "top/model.h"

/* Reads `log` and `members` of STATS' data, as it reads all else: whatever stands there. */
void wkv_top_log_read(const json_t *data, struct wkv_report_log *log);

/* What was appended between two answers of an instance; before: NULL where there was none, or none that it
 * can be compared with. */
void wkv_top_log_measure(struct wkv_top_instance *now, const struct wkv_top_instance *before);

/* Of those that serve from a log: what each did itself is added up, and of the rest the worst is told. The
 * store, and what expires in it, are those of the instance that has applied most. Leaves sum as it is where
 * there is no log. */
void wkv_top_log_sum(const struct wkv_top_model *model, struct wkv_top_instance *sum);

#endif
