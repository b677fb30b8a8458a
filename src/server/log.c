/* The engine jetstream, as the process makes, waits for and ends it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "server/parts.h"
#include "support/clock.h"
#include "support/text.h"

#define WAIT_MS 1000
#define LISTED_AT_ONCE 256

/* ---- what it calls ---- */

static void on_moved(void *context)
{
    const struct wkv_server *server = context;
    (void)eventfd_write(server->network.notify_fd, 1);
}

static void on_changed(void *context)
{
    struct wkv_server *server = context;
    if (atomic_load_explicit(&server->has_store, memory_order_acquire))
        wkv_watches_poke(&server->network.watches);
}

/* ---- what is told of it ---- */

static struct wkv_journal *journal_of(void *context)
{
    return atomic_load(&((struct wkv_server *)context)->journal);
}

static uint64_t tell_log_id(void *context)
{
    struct wkv_journal *journal = journal_of(context);
    return journal == NULL ? 0 : wkv_journal_log_id(journal);
}

static bool tell_log(void *context, struct wkv_report_log *out)
{
    struct wkv_journal *journal = journal_of(context);
    struct wkv_journal_figures figures;
    if (journal == NULL)
        return false;
    wkv_journal_figures(journal, &figures);
    *out = (struct wkv_report_log){
        .present = true,
        .diverged = figures.diverged || ((struct wkv_server *)context)->had_diverged,
        .position = figures.position,
        .lag_ms = figures.lag_ns / WKV_NS_PER_MS,
        .appends = figures.appends,
        .operations = figures.operations,
        .append_p50_ns = figures.append_p50_ns,
        .append_p99_ns = figures.append_p99_ns,
        .resends = figures.resends,
        .voids = {[WKV_VOID_LATE] = figures.voids_late,
                  [WKV_VOID_BINDINGS] = figures.voids_bindings,
                  [WKV_VOID_AGAIN] = figures.voids_again,
                  [WKV_VOID_GONE] = figures.voids_gone},
        .foreign = figures.foreign,
        .burnt = figures.holes,
        .bytes = figures.stream_bytes,
        .max_bytes = figures.stream_max_bytes,
        .account_bytes = figures.account_bytes,
        .account_max_bytes = figures.account_max_bytes,
        .consumers_made = figures.consumers,
        .waiting_s = figures.waiting_ns / WKV_NS_PER_S,
        .time_ahead_s = figures.ahead_ns / WKV_NS_PER_S,
        .snapshot_position = figures.snapshot_position,
        .snapshot_age_s = figures.snapshot_age_ns < 0 ? 0 : figures.snapshot_age_ns / WKV_NS_PER_S};
    return true;
}

static size_t tell_members(void *context, struct wkv_report_member *out, size_t max)
{
    struct wkv_journal *journal = journal_of(context);
    struct wkv_journal_member members[WKV_REPORT_MEMBERS];
    size_t most = max < WKV_REPORT_MEMBERS ? max : WKV_REPORT_MEMBERS;
    size_t count = journal == NULL ? 0 : wkv_journal_members(journal, members, most);
    for (size_t i = 0; i < count; i++) {
        out[i] = (struct wkv_report_member){.position = members[i].position,
                                            .lag_ms = members[i].lag_ns / WKV_NS_PER_MS,
                                            .keys = members[i].keys,
                                            .bytes = members[i].bytes};
        (void)snprintf(out[i].instance, sizeof out[i].instance, "%s", members[i].instance);
        (void)snprintf(out[i].version, sizeof out[i].version, "%s", members[i].version);
    }
    return count;
}

static struct wkv_store *tell_store(void *context)
{
    struct wkv_journal *journal = journal_of(context);
    return journal == NULL || wkv_journal_state(journal, NULL) < WKV_JOURNAL_READY
               ? NULL
               : wkv_journal_store(journal);
}

static bool tell_unready(void *context, char *out, size_t bytes)
{
    struct wkv_journal *journal = journal_of(context);
    enum wkv_journal_state state =
        journal == NULL ? WKV_JOURNAL_CONNECTING : wkv_journal_state(journal, NULL);
    switch (state) {
    case WKV_JOURNAL_CONNECTING:
    case WKV_JOURNAL_OPENING:
    case WKV_JOURNAL_RECOVERING:
    case WKV_JOURNAL_JOINING:
        (void)snprintf(out, bytes, "recovering: %u%%",
                       journal == NULL ? 0 : wkv_journal_recovered_percent(journal));
        return true;
    case WKV_JOURNAL_READY:
        if (wkv_journal_is_in_touch(journal))
            return false;
        (void)snprintf(out, bytes, "out of touch with the log");
        return true;
    case WKV_JOURNAL_AGAIN:
    case WKV_JOURNAL_FAILED:
        break;
    }
    (void)snprintf(out, bytes, "the log cannot be served");
    return true;
}

void wkv_server_report_log(struct wkv_server *server)
{
    server->engine_report = (struct wkv_report_engine){.name = wkv_engine_jetstream.name,
                                                       .log_id = tell_log_id,
                                                       .log = tell_log,
                                                       .members = tell_members,
                                                       .store = tell_store,
                                                       .unready = tell_unready,
                                                       .context = server};
    server->provider.engine_report = &server->engine_report;
}

/* ---- making ---- */

struct wkv_journal *wkv_server_make_journal(struct wkv_server *server, const struct wkv_loop_options *loop,
                                            struct wkv_error *error)
{
    const struct wkv_server_options *options = server->options;
    const struct wkv_journal_options journal = {.address = &options->address,
                                                .instance = server->instance,
                                                .version = WKV_VERSION,
                                                .inbox_prefix = options->connect.inbox_prefix,
                                                .domain = options->js_domain,
                                                .replicas = options->replicas,
                                                .shards = options->shards,
                                                .log_max_bytes = options->log_max_bytes,
                                                .max_memory_bytes = options->max_memory_bytes,
                                                .write_timeout_ns = options->write_timeout_ms * WKV_NS_PER_MS,
                                                .snapshot_every_ns =
                                                    options->snapshot_every_ms * WKV_NS_PER_MS,
                                                .reads_locally = options->reads_mode == WKV_READ_LOCAL,
                                                .bindings = server->provider.bindings,
                                                .log = &server->log,
                                                .loop = *loop,
                                                .moved = on_moved,
                                                .changed = on_changed,
                                                .context = server};
    struct wkv_journal *made = wkv_journal_create(&journal, error);
    atomic_store(&server->journal, made);
    return made;
}

/* ---- its end ---- */

static enum wkv_server_outcome outcome_of(struct wkv_server *server, enum wkv_journal_state state)
{
    if (state == WKV_JOURNAL_AGAIN) {
        bool lost = wkv_journal_failure(server->network.journal) == WKV_JOURNAL_LOST;
        server->diverged |= lost;
        return lost ? WKV_SERVER_DIVERGED : WKV_SERVER_AGAIN;
    }
    if (state != WKV_JOURNAL_FAILED)
        return WKV_SERVER_GOES_ON;
    return wkv_journal_failure(server->network.journal) == WKV_JOURNAL_LOST ? WKV_SERVER_LOST
                                                                            : WKV_SERVER_UNUSABLE;
}

/* "An instance that is slow leaves the queue group until it has caught up." */
static void rest_or_serve(struct wkv_server *server)
{
    bool rests = wkv_journal_rests(server->network.journal);
    if (rests == server->rests)
        return;
    server->rests = rests;
    if (rests)
        wkv_log_warn(&server->log,
                     "this instance is more than a second behind the log: it leaves requests to "
                     "the others until it has caught up");
    else
        wkv_log_info(&server->log, "caught up with the log: requests are taken again");
    for (unsigned i = 0; i < server->network.worker_count; i++) {
        struct wkv_subscriptions *subscriptions = &server->network.workers[i].loop.subscriptions;
        if (rests)
            wkv_subscriptions_rest(subscriptions);
        else
            wkv_subscriptions_end_rest(subscriptions);
    }
}

enum wkv_server_outcome wkv_server_look_at_log(struct wkv_server *server, struct wkv_error *error)
{
    wkv_journal_look(server->network.journal);
    rest_or_serve(server);
    return outcome_of(server, wkv_journal_state(server->network.journal, error));
}

/* ---- its beginning ---- */

/* The lattice's subjects of the actors that the log has bound, which every worker's connection is to listen
 * to. */
static bool listen_to_bound(struct wkv_server *server)
{
    struct wkv_bindings *bindings = server->provider.bindings;
    struct wkv_bindings_listed *listed = calloc(LISTED_AT_ONCE, sizeof *listed);
    struct wkv_text after = {NULL, 0};
    size_t count = listed == NULL ? SIZE_MAX : LISTED_AT_ONCE;
    char last[WKV_BINDINGS_MAX_NAME_BYTES + 1];
    while (count == LISTED_AT_ONCE) {
        count = wkv_bindings_list(bindings, after, listed, LISTED_AT_ONCE);
        for (size_t i = 0; count != SIZE_MAX && i < count; i++)
            wkv_actors_settle(&server->network.actors, wkv_text_from(listed[i].actor));
        if (count == LISTED_AT_ONCE) {
            memcpy(last, listed[count - 1].actor, sizeof last);
            after = wkv_text_from(last);
        }
    }
    free(listed);
    return count != SIZE_MAX;
}

static enum wkv_server_outcome begin_serving(struct wkv_server *server, struct wkv_error *error)
{
    struct wkv_store *store = wkv_journal_store(server->network.journal);
    server->provider.store = store;
    wkv_watches_serve(&server->network.watches, store);
    atomic_store_explicit(&server->has_store, true, memory_order_release);
    wkv_bindings_record(server->provider.bindings, wkv_journal_wish_binding, server->network.journal);
    if (listen_to_bound(server))
        return WKV_SERVER_GOES_ON;
    (void)wkv_fail(error, WKV_NO_MEMORY, "no memory to begin with");
    return WKV_SERVER_FAILED;
}

enum wkv_server_outcome wkv_server_recover(struct wkv_server *server, struct wkv_error *error)
{
    struct wkv_journal *journal = server->network.journal;
    unsigned at = wkv_network_loops(server);
    enum wkv_server_outcome outcome = wkv_server_open_connections(server, at, at + 1, error);
    while (outcome == WKV_SERVER_GOES_ON) {
        enum wkv_journal_state state = wkv_journal_state(journal, error);
        if (state == WKV_JOURNAL_READY)
            return begin_serving(server, error);
        outcome = outcome_of(server, state);
        if (outcome == WKV_SERVER_GOES_ON && wkv_server_wait(server, WAIT_MS))
            outcome = WKV_SERVER_STOPPED;
    }
    return outcome;
}
