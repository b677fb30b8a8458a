/* The queue between the threads that log and the log's descriptor, and the thread that empties the queue.
 *
 * Only that thread waits for the descriptor's reader. A non-blocking descriptor would do without it, but
 * would be non-blocking for every other process that shares it.
 */
#ifndef WKV_SUPPORT_LOG_WRITER_H
#define WKV_SUPPORT_LOG_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/log.h"

struct wkv_log_writer;

/* Bytes of lines that may wait. Of these, a part is for errors and warnings only. */
#define WKV_LOG_QUEUE_BYTES ((size_t)256 * 1024)
#define WKV_LOG_QUEUE_RESERVE_BYTES ((size_t)32 * 1024)

/* NULL where there is no memory or no thread. fd is borrowed; format is that of the writer's own lines. */
struct wkv_log_writer *wkv_log_writer_start(int fd, enum wkv_log_format format);

/* Queues one line with its line end, at most WKV_LOG_LINE_BYTES, or drops and counts it. Never waits for the
 * reader. Any thread. */
void wkv_log_writer_put(struct wkv_log_writer *writer, enum wkv_log_level level, const char *line,
                        size_t len);

/* Lines that were dropped, or could not be written. Any thread. */
uint64_t wkv_log_writer_dropped(const struct wkv_log_writer *writer);

/* Waits until all that was put is written, for at most timeout_ms. Any thread. */
void wkv_log_writer_flush(struct wkv_log_writer *writer, int64_t timeout_ms);

/* Writes what is queued, for at most timeout_ms, ends the thread and frees all. Returns false where that
 * takes longer: the thread and its memory are then left until the process ends. No thread may put a line at
 * the same time, or afterwards. */
bool wkv_log_writer_stop(struct wkv_log_writer *writer, int64_t timeout_ms);

#endif
