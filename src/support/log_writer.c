#include "support/log_writer.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/clock.h"
#include "support/condition.h"
#include "support/log_line.h"

/* What goes out at once: whole lines that a pipe takes in one piece, so that lines of other processes in the
 * same pipe stand between ours and never within one. */
#define WRITE_BYTES ((size_t)PIPE_BUF)

struct wkv_log_writer {
    int fd;
    enum wkv_log_format format;
    pthread_t thread;
    pthread_mutex_t lock;   /* guards what follows; held for as long as it takes to copy, never to write */
    pthread_cond_t filled;  /* there is a line, or the end */
    pthread_cond_t emptied; /* all is written, or the thread is done */
    bool idle;              /* the thread waits at `filled` */
    bool writing;           /* the thread holds lines that have left the queue */
    bool stop;
    bool done;
    uint64_t untold;          /* lines dropped since the last line that says so */
    _Atomic uint64_t dropped; /* since the start */
    size_t first;             /* where the oldest byte lies, */
    size_t used;              /* and how many follow it, round the end */
    char queue[WKV_LOG_QUEUE_BYTES];
};

/* ---- the queue; under the lock ---- */

static void append(struct wkv_log_writer *writer, const char *line, size_t len)
{
    size_t at = (writer->first + writer->used) % WKV_LOG_QUEUE_BYTES;
    size_t before_end = WKV_LOG_QUEUE_BYTES - at < len ? WKV_LOG_QUEUE_BYTES - at : len;
    memcpy(writer->queue + at, line, before_end);
    memcpy(writer->queue, line + before_end, len - before_end);
    writer->used += len;
}

__attribute__((format(printf, 5, 6))) static size_t make_line(char line[WKV_LOG_LINE_BYTES],
                                                              enum wkv_log_format format,
                                                              const struct wkv_log_field *fields,
                                                              size_t count, const char *text, ...)
{
    va_list args;
    va_start(args, text);
    size_t len = wkv_log_line(line, format, WKV_LOG_WARN, fields, count, text, args);
    va_end(args);
    return len;
}

/* Says how many lines were dropped, where they would stand; there must be room for it. */
static void append_untold(struct wkv_log_writer *writer)
{
    char line[WKV_LOG_LINE_BYTES];
    uint64_t dropped = atomic_load_explicit(&writer->dropped, memory_order_relaxed);
    const struct wkv_log_field fields[] = {{"dropped", NULL, (int64_t)writer->untold},
                                           {"dropped_total", NULL, (int64_t)dropped}};
    size_t len = make_line(line, writer->format, fields, 2,
                           "%" PRIu64 " log lines were dropped, %" PRIu64
                           " since the start: the log is read more slowly than it is written",
                           writer->untold, dropped);
    append(writer, line, len);
    writer->untold = 0;
}

/* Once lines are dropped, ordinary ones have to wait until half of the queue is free: one gap is told in one
 * line, not every second line. */
static bool has_room(const struct wkv_log_writer *writer, enum wkv_log_level level, size_t len)
{
    size_t limit = WKV_LOG_QUEUE_BYTES;
    size_t needed = writer->used + len + (writer->untold > 0 ? WKV_LOG_LINE_BYTES : 0);
    if (level > WKV_LOG_WARN)
        limit = writer->untold > 0 ? WKV_LOG_QUEUE_BYTES / 2 : limit - WKV_LOG_QUEUE_RESERVE_BYTES;
    return needed <= limit;
}

static void drop(struct wkv_log_writer *writer, uint64_t lines)
{
    writer->untold += lines;
    (void)atomic_fetch_add_explicit(&writer->dropped, lines, memory_order_relaxed);
}

void wkv_log_writer_put(struct wkv_log_writer *writer, enum wkv_log_level level, const char *line, size_t len)
{
    (void)pthread_mutex_lock(&writer->lock);
    if (!has_room(writer, level, len)) {
        drop(writer, 1);
    } else {
        if (writer->untold > 0)
            append_untold(writer);
        append(writer, line, len);
    }
    bool wake = writer->idle && writer->used > 0;
    writer->idle = writer->idle && !wake;
    (void)pthread_mutex_unlock(&writer->lock);
    if (wake)
        (void)pthread_cond_signal(&writer->filled);
}

uint64_t wkv_log_writer_dropped(const struct wkv_log_writer *writer)
{
    return atomic_load_explicit(&writer->dropped, memory_order_relaxed);
}

/* ---- the thread ---- */

/* Takes as many whole lines as go out at once. Returns their bytes. */
static size_t take(struct wkv_log_writer *writer, char out[WRITE_BYTES])
{
    size_t len = writer->used < WRITE_BYTES ? writer->used : WRITE_BYTES;
    size_t before_end = WKV_LOG_QUEUE_BYTES - writer->first < len ? WKV_LOG_QUEUE_BYTES - writer->first : len;
    memcpy(out, writer->queue + writer->first, before_end);
    memcpy(out + before_end, writer->queue, len - before_end);
    while (len > 0 && out[len - 1] != '\n')
        len--;
    writer->first = (writer->first + len) % WKV_LOG_QUEUE_BYTES;
    writer->used -= len;
    return len;
}

/* Where another process has made the descriptor that it shares with us non-blocking, the wait is here. */
static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, bytes, len);
        if (written >= 0) {
            bytes += written;
            len -= (size_t)written;
        } else if (errno == EAGAIN) {
            struct pollfd ready = {.fd = fd, .events = POLLOUT};
            (void)poll(&ready, 1, -1);
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

static uint64_t count_lines(const char *bytes, size_t len)
{
    uint64_t lines = 0;
    for (size_t i = 0; i < len; i++)
        lines += bytes[i] == '\n';
    return lines;
}

/* Waits for lines. Returns false where there are none and none will come. */
static bool await_lines(struct wkv_log_writer *writer)
{
    while (writer->used == 0 && !writer->stop) {
        writer->idle = true;
        (void)pthread_cond_broadcast(&writer->emptied);
        (void)pthread_cond_wait(&writer->filled, &writer->lock);
    }
    writer->idle = false;
    return writer->used > 0;
}

static void *run(void *argument)
{
    struct wkv_log_writer *writer = argument;
    char bytes[WRITE_BYTES];
    (void)pthread_mutex_lock(&writer->lock);
    while (await_lines(writer)) {
        size_t len = take(writer, bytes);
        writer->writing = true;
        (void)pthread_mutex_unlock(&writer->lock);
        bool written = write_all(writer->fd, bytes, len);
        (void)pthread_mutex_lock(&writer->lock);
        writer->writing = false;
        if (!written)
            drop(writer, count_lines(bytes, len));
        else if (writer->untold > 0 && writer->used <= WKV_LOG_QUEUE_BYTES / 2)
            append_untold(writer);
    }
    writer->done = true;
    (void)pthread_cond_broadcast(&writer->emptied);
    (void)pthread_mutex_unlock(&writer->lock);
    return NULL;
}

/* ---- beginning and end ---- */

static void destroy(struct wkv_log_writer *writer)
{
    (void)pthread_cond_destroy(&writer->filled);
    (void)pthread_cond_destroy(&writer->emptied);
    (void)pthread_mutex_destroy(&writer->lock);
    free(writer);
}

struct wkv_log_writer *wkv_log_writer_start(int fd, enum wkv_log_format format)
{
    struct wkv_log_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL)
        return NULL;
    writer->fd = fd;
    writer->format = format;
    (void)pthread_mutex_init(&writer->lock, NULL);
    (void)pthread_cond_init(&writer->filled, NULL);
    wkv_condition_init(&writer->emptied);
    if (pthread_create(&writer->thread, NULL, run, writer) == 0)
        return writer;
    destroy(writer);
    return NULL;
}

void wkv_log_writer_flush(struct wkv_log_writer *writer, int64_t timeout_ms)
{
    int64_t until_ns = wkv_monotonic_ns() + timeout_ms * WKV_NS_PER_MS;
    (void)pthread_mutex_lock(&writer->lock);
    while ((writer->used > 0 || writer->writing) &&
           wkv_condition_wait(&writer->emptied, &writer->lock, until_ns)) {
    }
    (void)pthread_mutex_unlock(&writer->lock);
}

bool wkv_log_writer_stop(struct wkv_log_writer *writer, int64_t timeout_ms)
{
    int64_t until_ns = wkv_monotonic_ns() + timeout_ms * WKV_NS_PER_MS;
    (void)pthread_mutex_lock(&writer->lock);
    writer->stop = true;
    (void)pthread_cond_signal(&writer->filled);
    while (!writer->done && wkv_condition_wait(&writer->emptied, &writer->lock, until_ns)) {
    }
    bool done = writer->done;
    (void)pthread_mutex_unlock(&writer->lock);
    if (!done) {
        (void)pthread_detach(writer->thread);
        return false;
    }
    (void)pthread_join(writer->thread, NULL);
    destroy(writer);
    return true;
}
