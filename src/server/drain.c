#include <inttypes.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "lattice/events.h"
#include "server/parts.h"
#include "support/clock.h"
#include "support/notify.h"
#include "support/text.h"

/* At the end, for those that are still connecting: as long as an attempt takes. */
#define CONNECTING_END_NS (5 * WKV_NS_PER_S / 2)
/* Of the time to drain, what is kept for refusing the rest and closing: a fifth, at most this. */
#define CLOSE_SHARE 5
#define CLOSE_MAX_MS 500
/* For lines of the log that nobody has written yet. */
#define LAST_WORDS_MS 100
/* For the log to take a farewell. */
#define FAREWELL_NS WKV_NS_PER_S

static void log_totals(struct wkv_server *server)
{
    struct wkv_stats_service stats;
    wkv_stats_service(server->provider.stats, wkv_monotonic_ns(), &stats);
    /* A lattice's garbage has no operation to be counted with, but an answer that may not be sent. */
    uint64_t answered = stats.requests > stats.unsent ? stats.requests - stats.unsent : 0;
    wkv_log_info(&server->log,
                 "%s: %" PRIu64 " request%s answered, %" PRIu64 " of them with an error, %" PRIu64
                 " repl%s not sent",
                 server->cut ? "stopped before everything was drained" : "drained", answered,
                 wkv_plural(answered), stats.errors, stats.unsent, stats.unsent == 1 ? "y" : "ies");
}

/* Waits for the ends of all keepers' threads. One that is still connecting may wait for a server, or for a
 * resolver, which nothing can end: then the process ends around it. */
static bool await_keepers(struct wkv_server *server, int64_t until_ns)
{
    bool cut = false, ended = true;
    for (unsigned i = 0; i < server->network.keeper_count; i++)
        ended &= wkv_keeper_join(&server->network.each[i], until_ns, &cut);
    server->cut |= cut;
    return ended;
}

/* Ends the process while threads of it run that nothing can end. */
static void end_now(struct wkv_server *server, int status)
{
    for (unsigned i = 0; i < server->network.keeper_count; i++)
        wkv_keeper_abandon(&server->network.each[i]);
    wkv_log_flush(&server->log, LAST_WORDS_MS);
    _exit(status);
}

/* Until when to wait for those that are still connecting: not as long as the watchdog, which knows nothing of
 * what was drained. */
static int64_t end_of_patience(int64_t end_ns, int64_t close_ms)
{
    int64_t now_ns = wkv_monotonic_ns();
    int64_t until_ns = end_ns - close_ms / 4 * WKV_NS_PER_MS;
    if (until_ns > now_ns + CONNECTING_END_NS)
        until_ns = now_ns + CONNECTING_END_NS;
    return until_ns < now_ns + LAST_WORDS_MS * WKV_NS_PER_MS ? now_ns + LAST_WORDS_MS * WKV_NS_PER_MS
                                                             : until_ns;
}

/* When which part of the drain is to be done. */
struct schedule {
    int64_t drained_ns; /* then the rest is refused */
    int64_t close_ms, end_ns;
};

static struct schedule make_schedule(int64_t total_ms)
{
    int64_t close_ms = total_ms / CLOSE_SHARE > CLOSE_MAX_MS ? CLOSE_MAX_MS : total_ms / CLOSE_SHARE;
    int64_t end_ns = wkv_monotonic_ns() + total_ms * WKV_NS_PER_MS;
    return (struct schedule){
        .drained_ns = end_ns - close_ms * WKV_NS_PER_MS, .close_ms = close_ms, .end_ns = end_ns};
}

/* The others need not wait for one that is gone; this one need not wait long for a log that is slow. */
static void say_farewell(struct wkv_server *server, const struct schedule *schedule)
{
    int64_t until_ns = wkv_monotonic_ns() + FAREWELL_NS;
    if (server->network.journal != NULL)
        wkv_journal_leave(server->network.journal,
                          until_ns < schedule->drained_ns ? until_ns : schedule->drained_ns);
}

/* Every connection that is there is drained at once, whatever others wait for. */
static void answer_what_came(struct wkv_server *server, const struct schedule *schedule)
{
    struct wkv_network *network = &server->network;
    bool served = atomic_exchange(&network->discovery.phase, WKV_PHASE_DRAINING) == WKV_PHASE_SERVING;
    wkv_stats_set_ready(server->provider.stats, false);
    wkv_watches_stop(&network->watches);
    wkv_keepers_begin(&network->keepers, WKV_KEEPERS_DRAIN, schedule->drained_ns);
    for (unsigned i = 1; i < network->keeper_count; i++)
        server->cut |= !wkv_keeper_await_drained(&network->each[i], schedule->drained_ns);
    wkv_watches_await(&network->watches, schedule->drained_ns);
    say_farewell(server, schedule);
    if (served)
        wkv_event_publish(&network->discovery, WKV_EVENT_PROVIDER_REMOVED, (struct wkv_text){NULL, 0});
}

void wkv_server_drain(struct wkv_server *server, enum wkv_server_outcome why)
{
    int64_t total_ms = server->options->drain_timeout_ms;
    const struct schedule schedule = make_schedule(total_ms);
    wkv_notify_stopping();
    wkv_log_info(&server->log, "stopping: draining for at most %" PRId64 " ms", total_ms);
    answer_what_came(server, &schedule);
    for (unsigned i = 0; i < server->network.worker_count; i++)
        wkv_worker_refuse(&server->network.workers[i]);
    wkv_keepers_begin(&server->network.keepers, WKV_KEEPERS_CLOSE, schedule.end_ns);
    bool ended = await_keepers(server, end_of_patience(schedule.end_ns, schedule.close_ms));
    log_totals(server);
    /* A time of 0 asks for no drain. */
    server->cut &= total_ms > 0;
    if (!ended)
        end_now(server, why == WKV_SERVER_SPLIT ? EX_UNAVAILABLE : server->cut ? EXIT_FAILURE : EXIT_SUCCESS);
}

void wkv_server_end_keepers(struct wkv_server *server)
{
    wkv_keepers_begin(&server->network.keepers, WKV_KEEPERS_CLOSE, wkv_monotonic_ns());
    if (!await_keepers(server, wkv_monotonic_ns() + CONNECTING_END_NS))
        end_now(server, EXIT_FAILURE);
}
