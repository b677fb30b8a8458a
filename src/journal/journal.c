#include "journal/journal.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "journal/parts.h"
#include "nats/inbox.h"

/* ---- states ---- */

void wkv_journal_move(struct wkv_journal *journal, enum wkv_journal_state state)
{
    atomic_store_explicit(&journal->state, state, memory_order_release);
    journal->options.moved(journal->options.context);
    wkv_poller_wake(&journal->loop.poller);
}

/* The first reason is the one that counts. */
static void end(struct wkv_journal *journal, enum wkv_journal_state state, const char *format, va_list args)
{
    if (wkv_journal_at(journal) >= WKV_JOURNAL_AGAIN)
        return;
    (void)wkv_vfail(&journal->error, WKV_UNAVAILABLE, NULL, format, args);
    wkv_journal_move(journal, state);
}

void wkv_journal_fail(struct wkv_journal *journal, enum wkv_journal_failure failure, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (wkv_journal_at(journal) < WKV_JOURNAL_AGAIN)
        journal->failure = failure;
    end(journal, WKV_JOURNAL_FAILED, format, args);
    va_end(args);
}

void wkv_journal_begin_again(struct wkv_journal *journal, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    end(journal, WKV_JOURNAL_AGAIN, format, args);
    va_end(args);
}

bool wkv_journal_may_tell(struct wkv_journal *journal, enum wkv_told what, int64_t each_ns, int64_t now_ns)
{
    int64_t *told_ns = &journal->told_ns[what];
    if (*told_ns != 0 && now_ns - *told_ns < each_ns)
        return false;
    *told_ns = now_ns;
    return true;
}

enum wkv_journal_state wkv_journal_state(struct wkv_journal *journal, struct wkv_error *error)
{
    enum wkv_journal_state state = wkv_journal_at(journal);
    if (state >= WKV_JOURNAL_AGAIN && error != NULL)
        *error = journal->error;
    return state;
}

enum wkv_journal_failure wkv_journal_failure(struct wkv_journal *journal)
{
    return journal->failure;
}

unsigned wkv_journal_recovered_percent(struct wkv_journal *journal)
{
    uint64_t target = atomic_load(&journal->target), applied = atomic_load(&journal->applied);
    if (wkv_journal_at(journal) < WKV_JOURNAL_RECOVERING || target == 0)
        return 0;
    /* A snapshot is most of the way. */
    if (applied == 0)
        return atomic_load(&journal->restored_permille) / 10;
    return applied >= target ? 100 : (unsigned)((long double)applied * 100 / (long double)target);
}

bool wkv_journal_is_in_touch(const struct wkv_journal *journal)
{
    return wkv_journal_at(journal) == WKV_JOURNAL_READY && !atomic_load(&journal->suspect) &&
           wkv_monotonic_ns() < atomic_load_explicit(&journal->fresh_until_ns, memory_order_acquire);
}

/* A log that stands still makes all the others silent, too: then it is no use to leave requests to them. */
bool wkv_journal_rests(const struct wkv_journal *journal)
{
    return wkv_monotonic_ns() < atomic_load_explicit(&journal->rests_until_ns, memory_order_relaxed);
}

struct wkv_store *wkv_journal_store(struct wkv_journal *journal)
{
    return wkv_replica_store(journal->replica);
}

const wkv_told_clock *wkv_journal_clock(const struct wkv_journal *journal)
{
    return &journal->clock;
}

struct wkv_loop *wkv_journal_loop(struct wkv_journal *journal)
{
    return &journal->loop;
}

void wkv_journal_leave(struct wkv_journal *journal, int64_t until_ns)
{
    const struct timespec pause = {.tv_nsec = WKV_NS_PER_MS};
    atomic_store(&journal->leaves, true);
    wkv_poller_wake(&journal->loop.poller);
    while (!atomic_load(&journal->gone) && wkv_journal_is_in_touch(journal) && wkv_monotonic_ns() < until_ns)
        (void)nanosleep(&pause, NULL);
}

/* ---- making and ending ---- */

static void on_note(void *context, enum wkv_loop_event event)
{
    struct wkv_journal *journal = context;
    if (event == WKV_LOOP_CONNECTED || event == WKV_LOOP_RECONNECTED) {
        atomic_store(&journal->reconnected, true);
        wkv_poller_wake(&journal->loop.poller);
    }
    journal->options.loop.note(journal->options.loop.context, event);
}

/* Below it are the answers and what consumers deliver, so that it has more tokens than other inboxes of ours:
 * by a token that nobody else's inbox has, a server's permission can tell them apart
 * (deploy/nats/server.conf). */
static natsStatus make_inbox(struct wkv_journal *journal)
{
    char plain[WKV_SUBJECT_BYTES];
    natsStatus status = wkv_make_inbox(journal->options.inbox_prefix, plain);
    if (status != NATS_OK)
        return status;
    int len = snprintf(journal->inbox, sizeof journal->inbox, "%s.wascc-kv", plain);
    return (size_t)len < sizeof journal->inbox ? NATS_OK : NATS_INVALID_SUBJECT;
}

static enum wkv_code init_loop(struct wkv_journal *journal, struct wkv_error *error)
{
    struct wkv_loop_options loop = journal->options.loop;
    loop.name = "log";
    loop.note = on_note;
    loop.context = journal;
    loop.reads_last = true;
    if (make_inbox(journal) != NATS_OK)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for the log's inbox");
    if (wkv_loop_init(&journal->loop, &loop, error) != WKV_OK)
        return error->code;
    return wkv_journal_listen(journal, error);
}

struct wkv_journal *wkv_journal_create(const struct wkv_journal_options *options, struct wkv_error *error)
{
    struct wkv_journal *journal = calloc(1, sizeof *journal);
    if (journal == NULL) {
        (void)wkv_fail(error, WKV_NO_MEMORY, "no memory for the log");
        return NULL;
    }
    journal->options = *options;
    atomic_init(&journal->room, INT64_MAX);
    wkv_js_names_make(options->address, &journal->names);
    LIST_INIT(&journal->parts);
    wkv_tickets_init(&journal->inbox_tickets);
    wkv_tickets_init(&journal->waiting);
    (void)pthread_mutex_init(&journal->inbox_lock, NULL);
    (void)pthread_mutex_init(&journal->lock, NULL);
    wkv_journal_listen_to_replica(journal);
    if (init_loop(journal, error) == WKV_OK)
        return journal;
    wkv_journal_destroy(journal);
    return NULL;
}

void wkv_journal_destroy(struct wkv_journal *journal)
{
    if (journal == NULL)
        return;
    while (journal->wishes != NULL) {
        struct wkv_journal_wish *next = journal->wishes->next;
        free(journal->wishes);
        journal->wishes = next;
    }
    wkv_js_requests_destroy(&journal->requests);
    wkv_snapshots_end(&journal->snapshots);
    wkv_restore_end(&journal->restore);
    wkv_replica_destroy(journal->replica);
    wkv_buffer_destroy(&journal->first);
    wkv_buffer_destroy(&journal->record);
    wkv_buffer_destroy(&journal->scratch);
    (void)pthread_mutex_destroy(&journal->inbox_lock);
    (void)pthread_mutex_destroy(&journal->lock);
    wkv_loop_destroy(&journal->loop);
    free(journal);
}

/* ---- figures ---- */

static int compare(const void *one, const void *other)
{
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

static void measure_appends(const struct wkv_journal *journal, struct wkv_journal_figures *figures)
{
    int64_t sorted[WKV_JOURNAL_SAMPLES];
    size_t count = journal->sample_count < WKV_JOURNAL_SAMPLES ? journal->sample_count : WKV_JOURNAL_SAMPLES;
    if (count == 0)
        return;
    memcpy(sorted, journal->samples, count * sizeof sorted[0]);
    qsort(sorted, count, sizeof sorted[0], compare);
    figures->append_p50_ns = sorted[count / 2];
    figures->append_p99_ns = sorted[count * 99 / 100];
}

void wkv_journal_figures(struct wkv_journal *journal, struct wkv_journal_figures *figures)
{
    int64_t now_ns = wkv_monotonic_ns();
    (void)pthread_mutex_lock(&journal->lock);
    *figures = journal->figures;
    measure_appends(journal, figures);
    figures->consumers = journal->reader.consumers;
    figures->snapshot_age_ns = wkv_snapshots_age_ns(&journal->snapshots);
    figures->stream_bytes += journal->bytes_since;
    figures->log_id = atomic_load(&journal->log_id);
    figures->position = atomic_load(&journal->applied);
    if (journal->replica != NULL && wkv_replica_applied(journal->replica) > 0) {
        figures->snapshot_position = wkv_replica_snapshots(journal->replica)[0].position;
        int64_t ahead_ns = wkv_replica_now(journal->replica) - wkv_wall_ns();
        figures->ahead_ns = ahead_ns > 0 ? ahead_ns : 0;
        figures->lag_ns = journal->reader.pending > 0 && ahead_ns < 0 ? -ahead_ns : 0;
    }
    int64_t fresh_ns = atomic_load(&journal->fresh_until_ns);
    if (wkv_journal_at(journal) == WKV_JOURNAL_READY && fresh_ns < now_ns)
        figures->waiting_ns = now_ns - fresh_ns;
    (void)pthread_mutex_unlock(&journal->lock);
}

uint64_t wkv_journal_log_id(const struct wkv_journal *journal)
{
    return atomic_load(&journal->log_id);
}

size_t wkv_journal_members(struct wkv_journal *journal, struct wkv_journal_member *out, size_t max)
{
    (void)pthread_mutex_lock(&journal->lock);
    size_t count = journal->replica == NULL ? 0 : wkv_replica_members(journal->replica);
    for (size_t i = 0; i < count && i < max; i++) {
        struct wkv_replica_member member;
        wkv_replica_member(journal->replica, i, &member);
        (void)snprintf(out[i].instance, sizeof out[i].instance, "%.*s", (int)sizeof out[i].instance - 1,
                       member.instance);
        (void)snprintf(out[i].version, sizeof out[i].version, "%.*s", (int)sizeof out[i].version - 1,
                       member.version);
        out[i].position = member.seen;
        out[i].keys = member.beat.keys;
        out[i].bytes = member.beat.bytes;
        out[i].lag_ns = wkv_replica_now(journal->replica) - member.heard_ns;
    }
    (void)pthread_mutex_unlock(&journal->lock);
    return count < max ? count : max;
}
