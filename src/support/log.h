/* The log: one line an event, to one file descriptor, as text or JSON.
 *
 * What may stand in it: subjects, actors (public keys), counts, sizes, durations, error texts of ours. What
 * never may: a value, a token, a seed, a password.
 *
 * A thread that logs never waits for the reader of that descriptor: once the log is started, lines go into a
 * queue of bounded size, which another thread writes. Where the queue is full, lines are dropped and counted,
 * and a line says how many as soon as there is room again; errors and warnings may use room that others may
 * not. Thread-safe: lines keep their order, and each is written whole.
 */
#ifndef WKV_SUPPORT_LOG_H
#define WKV_SUPPORT_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wkv_log_level { WKV_LOG_ERROR, WKV_LOG_WARN, WKV_LOG_INFO, WKV_LOG_DEBUG };
enum wkv_log_format { WKV_LOG_TEXT, WKV_LOG_JSON };

struct wkv_log {
    int fd;
    _Atomic int level; /* enum wkv_log_level; may be changed while others log */
    enum wkv_log_format format;
    struct wkv_log_writer *writer; /* NULL: not started, each thread writes its own lines */
};

/* Bytes of a line at the most; a longer message is cut. */
#define WKV_LOG_LINE_BYTES 1024

/* A log that is not started: each thread writes its own lines. fd is borrowed. */
void wkv_log_init(struct wkv_log *log, int fd, enum wkv_log_level level, enum wkv_log_format format);

/* Starts the thread that writes. Before any other thread logs. Returns false where there is no memory or no
 * thread; then the log stays as it was. SIGPIPE should be ignored in the process. */
bool wkv_log_start(struct wkv_log *log);

/* Waits until what is queued is written, for at most timeout_ms. Any thread, while others log: for a thread
 * that is about to end the process. */
void wkv_log_flush(struct wkv_log *log, int64_t timeout_ms);

/* Ends it when what is queued is written, or after timeout_ms. A thread that then still waits for the reader
 * is left behind, with its queue, until the process ends, and later lines go nowhere. When no other thread
 * logs any more. */
void wkv_log_stop(struct wkv_log *log, int64_t timeout_ms);

/* How many lines were dropped since the start. Any thread, until stop. */
uint64_t wkv_log_dropped(const struct wkv_log *log);

/* Reads "error", "warn", "info" or "debug". Returns false for anything else. */
bool wkv_log_level_parse(const char *name, enum wkv_log_level *level);

/* The name of the level, as parse reads it. Static text. */
const char *wkv_log_level_name(enum wkv_log_level level);

/* The level as it is now, and sets it. Any thread. */
enum wkv_log_level wkv_log_level(const struct wkv_log *log);
void wkv_log_set_level(struct wkv_log *log, enum wkv_log_level level);

/* Reads "text" or "json". Returns false for anything else. */
bool wkv_log_format_parse(const char *name, enum wkv_log_format *format);

/* Writes `2026-01-31T12:00:00.000Z LEVEL message` or `{"time":…,"level":…,"message":…}` where level is at or
 * above the log's. Bytes that are not printable ASCII are shown as \xNN. A failed write is dropped: there is
 * nowhere to say so. */
void wkv_log_write(struct wkv_log *log, enum wkv_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What a line in JSON has beside its message: a text, or where that is NULL a number. */
struct wkv_log_field {
    const char *name; /* needs no escape in JSON */
    const char *text;
    int64_t number;
};

/* The same with fields, for machines: as text it is the message alone, which should say it all. What has no
 * room in the line is left out. */
void wkv_log_fields(struct wkv_log *log, enum wkv_log_level level, const struct wkv_log_field *fields,
                    size_t count, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Whether a line at that level would be written: for what costs something to make. */
static inline bool wkv_log_wants(const struct wkv_log *log, enum wkv_log_level level)
{
    return (int)level <= atomic_load_explicit(&log->level, memory_order_relaxed);
}

#define wkv_log_error(log, ...) wkv_log_write(log, WKV_LOG_ERROR, __VA_ARGS__)
#define wkv_log_warn(log, ...) wkv_log_write(log, WKV_LOG_WARN, __VA_ARGS__)
#define wkv_log_info(log, ...) wkv_log_write(log, WKV_LOG_INFO, __VA_ARGS__)
#define wkv_log_debug(log, ...) wkv_log_write(log, WKV_LOG_DEBUG, __VA_ARGS__)

#endif
