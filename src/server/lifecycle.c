/* The phases of the process (enum wkv_phase): it asks whether it is alone, opens its connections, serves,
 * drains. */
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lattice/events.h"
#include "server/parts.h"
#include "support/clock.h"
#include "support/notify.h"
#include "support/text.h"

/* Between two questions whether this process is alone, where the first could not be asked. */
#define ASK_AGAIN_MS 200

/* ---- waiting ---- */

static bool is_serving(struct wkv_server *server)
{
    return atomic_load(&server->network.discovery.phase) == WKV_PHASE_SERVING;
}

/* The service manager hears of a reload only from a process that it knows to be ready. */
static void reload(struct wkv_server *server)
{
    if (is_serving(server))
        wkv_notify_reloading();
    wkv_server_reload_trust(server);
    if (is_serving(server))
        wkv_notify_ready();
}

static void answer_poke(struct wkv_server *server)
{
    eventfd_t pokes;
    (void)eventfd_read(server->poke_fd, &pokes);
    wkv_pulse_beat(&server->pulse);
}

/* What is left of the time, for poll; -1: no end. */
static int left_to_wait(int64_t begun_ns, int timeout_ms)
{
    int64_t waited_ms = (wkv_monotonic_ns() - begun_ns) / WKV_NS_PER_MS;
    return timeout_ms < 0 ? -1 : waited_ms >= timeout_ms ? 0 : timeout_ms - (int)waited_ms;
}

/* Waits until stop_fd or notify_fd is readable or the time is over, reloading on the way when told to.
 * Returns whether stop_fd is readable. */
static bool wait_for_stop(struct wkv_server *server, int notify_fd, int timeout_ms)
{
    int64_t begun_ns = wkv_monotonic_ns();
    struct pollfd fds[] = {{.fd = server->stop_fd, .events = POLLIN},
                           {.fd = notify_fd, .events = POLLIN},
                           {.fd = server->reload_fd, .events = POLLIN},
                           {.fd = server->poke_fd, .events = POLLIN}};
    for (;;) {
        int ready = poll(fds, 4, left_to_wait(begun_ns, timeout_ms));
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready > 0 && (fds[3].revents & POLLIN) != 0)
            answer_poke(server);
        if (ready > 0 && (fds[2].revents & POLLIN) != 0)
            reload(server);
        if (ready <= 0 || ((fds[0].revents | fds[1].revents) & POLLIN) != 0)
            break;
    }
    return (fds[0].revents & POLLIN) != 0;
}

/* Returns whether there were any. It does not block. */
static bool forget_notices(const struct wkv_server *server)
{
    uint64_t count;
    return read(server->network.notify_fd, &count, sizeof count) == (ssize_t)sizeof count;
}

bool wkv_server_wait(struct wkv_server *server, int timeout_ms)
{
    bool stops = wait_for_stop(server, server->network.notify_fd, timeout_ms);
    (void)forget_notices(server);
    return stops;
}

/* ---- alone ---- */

/* Contract, section 10: two instances that hold their data in memory would split it. */
static enum wkv_server_outcome claim_address(struct wkv_server *server, struct wkv_error *error)
{
    wkv_alone_claim(&server->network.alone);
    for (;;) {
        int64_t wait_ms;
        enum wkv_alone_verdict verdict = wkv_alone_turn(&server->network.alone, &wait_ms, error);
        if (verdict != WKV_ALONE_WAIT)
            return verdict == WKV_ALONE_CLAIMED ? WKV_SERVER_GOES_ON
                   : verdict == WKV_ALONE_GO    ? WKV_SERVER_SPLIT
                                                : WKV_SERVER_FAILED;
        if (wait_for_stop(server, -1, (int)wait_ms))
            return WKV_SERVER_STOPPED;
        if (!wkv_loop_is_confirmed(&server->network.discovery.loop)) {
            (void)wkv_fail(error, WKV_UNAVAILABLE, "cannot ask for other instances: the connection is lost");
            return WKV_SERVER_FAILED;
        }
    }
}

/* ---- connections ---- */

static bool all_confirmed(struct wkv_server *server)
{
    for (unsigned i = 0; i < server->network.keeper_count; i++)
        if (!wkv_loop_is_confirmed(wkv_network_loop(server, i)))
            return false;
    return true;
}

/* "ready only while connected with confirmed subscriptions". A connection that is lost makes the process
 * unready by itself, at any moment: hence the second look. */
static void find_readiness(struct wkv_server *server)
{
    const struct wkv_journal *journal = server->network.journal;
    bool in_touch = journal == NULL || wkv_journal_is_in_touch(journal);
    if (!in_touch) {
        wkv_stats_set_ready(server->provider.stats, false);
        if (!server->out_of_touch)
            wkv_log_warn(&server->log, "out of touch with the log: not ready");
        server->out_of_touch = true;
        return;
    }
    if (wkv_stats_is_ready(server->provider.stats) || !all_confirmed(server))
        return;
    wkv_stats_set_ready(server->provider.stats, true);
    if (!all_confirmed(server)) {
        wkv_stats_set_ready(server->provider.stats, false);
        return;
    }
    wkv_notify_status("serving");
    if (server->out_of_touch)
        wkv_log_info(&server->log, "in touch with the log again: ready");
    server->out_of_touch = false;
}

/* Whether one of the connections was never open and has failed for good. */
static bool has_failed(struct wkv_server *server, struct wkv_error *error)
{
    for (unsigned i = 0; i < server->network.keeper_count; i++)
        if (wkv_keeper_state(&server->network.each[i], error) == WKV_KEEPER_FAILED)
            return true;
    return false;
}

enum wkv_server_outcome wkv_server_open_connections(struct wkv_server *server, unsigned first, unsigned end,
                                                    struct wkv_error *error)
{
    for (unsigned i = first; i < end; i++)
        if (!server->network.each[i].started && wkv_keeper_start(&server->network.each[i], error) != WKV_OK)
            return WKV_SERVER_FAILED;
    for (;;) {
        bool all = true;
        (void)forget_notices(server);
        if (has_failed(server, error))
            return WKV_SERVER_FAILED;
        for (unsigned i = first; i < end; i++)
            all &= wkv_loop_is_confirmed(wkv_network_loop(server, i));
        if (all)
            return WKV_SERVER_GOES_ON;
        if (wait_for_stop(server, server->network.notify_fd, -1))
            return WKV_SERVER_STOPPED;
    }
}

/* Asks whether it is alone, again where the server goes away meanwhile. */
static enum wkv_server_outcome open_discovery(struct wkv_server *server, struct wkv_error *error)
{
    for (;;) {
        enum wkv_server_outcome outcome = wkv_server_open_connections(server, 0, 1, error);
        if (outcome == WKV_SERVER_GOES_ON)
            outcome = claim_address(server, error);
        if (outcome != WKV_SERVER_FAILED || !wkv_code_may_pass(error->code))
            return outcome;
        wkv_log_warn(&server->log, "%s; asking again", error->text);
        if (wait_for_stop(server, -1, ASK_AGAIN_MS))
            return WKV_SERVER_STOPPED;
    }
}

/* ---- serving ---- */

/* How long a log may be out of touch before anybody says so, about. */
#define LOOK_MS 100

static int how_long(const struct wkv_server *server, int64_t wait_ms)
{
    return server->network.journal != NULL && wait_ms > LOOK_MS ? LOOK_MS : (int)wait_ms;
}

static enum wkv_server_outcome look_around(struct wkv_server *server, struct wkv_error *error)
{
    find_readiness(server);
    return server->network.journal == NULL ? WKV_SERVER_GOES_ON : wkv_server_look_at_log(server, error);
}

/* Until it is told to stop, or has to leave the data to another instance. */
static enum wkv_server_outcome serve(struct wkv_server *server, struct wkv_error *error)
{
    const struct wkv_server_options *options = server->options;
    char base[WKV_SUBJECT_BYTES];
    wkv_subject_base(&options->address, base);
    atomic_store(&server->network.discovery.phase, WKV_PHASE_SERVING);
    find_readiness(server);
    wkv_event_publish(&server->network.discovery, WKV_EVENT_PROVIDER_LOADED, (struct wkv_text){NULL, 0});
    wkv_discovery_ask_bindings(&server->network.discovery);
    wkv_log_info(&server->log, "ready: %s %s serves %s.<actor>.<operation> with %u worker%s",
                 WKV_SERVICE_NAME, server->network.discovery.id, base, options->workers,
                 wkv_plural(options->workers));
    wkv_notify_ready();
    enum wkv_server_outcome outcome = WKV_SERVER_GOES_ON;
    wkv_pulse_turn(&server->pulse);
    while (outcome == WKV_SERVER_GOES_ON) {
        int64_t wait_ms;
        if (wkv_alone_turn(&server->network.alone, &wait_ms, error) == WKV_ALONE_GO)
            outcome = WKV_SERVER_SPLIT;
        else if (wait_for_stop(server, server->network.notify_fd, how_long(server, wait_ms)))
            outcome = WKV_SERVER_STOPPED;
        else if (forget_notices(server) || server->network.journal != NULL)
            outcome = look_around(server, error);
    }
    wkv_pulse_rest(&server->pulse);
    return outcome;
}

enum wkv_server_outcome wkv_server_live(struct wkv_server *server, struct wkv_error *error)
{
    enum wkv_server_outcome outcome = open_discovery(server, error);
    if (outcome == WKV_SERVER_SPLIT)
        return WKV_SERVER_SPLIT;
    if (outcome == WKV_SERVER_GOES_ON && server->network.journal != NULL)
        outcome = wkv_server_recover(server, error);
    if (outcome == WKV_SERVER_GOES_ON)
        outcome = wkv_server_open_connections(server, 1, wkv_network_loops(server), error);
    if (outcome == WKV_SERVER_GOES_ON)
        outcome = serve(server, error);
    if (outcome != WKV_SERVER_FAILED)
        wkv_server_drain(server, outcome);
    return outcome;
}
