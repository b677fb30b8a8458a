#include "server/parts.h"

#include <stdlib.h>

#include "lattice/events.h"
#include "server/loop_notes.h"

struct wkv_loop *wkv_network_loop(struct wkv_server *server, unsigned i)
{
    struct wkv_network *network = &server->network;
    return i == 0                           ? &network->discovery.loop
           : i <= network->worker_count     ? &network->workers[i - 1].loop
           : i == network->worker_count + 1 ? &network->watches.loop
                                            : wkv_journal_loop(network->journal);
}

/* ---- actors' subjects follow the bindings ---- */

/* Before a bind: the provider listens, or there is no bind. Runs on the thread that binds, which is
 * `system`'s or discovery's. */
static enum wkv_code listen_to_actor(void *context, struct wkv_text actor, struct wkv_error *error)
{
    struct wkv_server *server = context;
    return wkv_actors_listen(&server->network.actors, actor, error);
}

static enum wkv_code confirm_actor(void *context, struct wkv_text actor, int64_t until_ns,
                                   struct wkv_error *error)
{
    struct wkv_server *server = context;
    return wkv_actors_confirm(&server->network.actors, actor, until_ns, error);
}

static void give_up_actor(void *context, struct wkv_text actor)
{
    struct wkv_server *server = context;
    wkv_actors_settle(&server->network.actors, actor);
}

/* "RemoveActor ends that", before it is answered. Then the lattice hears of it. Runs on the thread that binds
 * or removes. */
static void follow_binding(void *context, const struct wkv_bindings_change *change)
{
    struct wkv_server *server = context;
    /* A reload removes tens of thousands on the main thread, which turns all the while. */
    if (change->awaited) {
        wkv_actors_settle_and_wait(&server->network.actors, change->actor);
    } else {
        wkv_pulse_beat(&server->pulse);
        wkv_actors_settle(&server->network.actors, change->actor);
    }
    /* What it watches may be in another keyspace now, or not its own to see. */
    wkv_watches_end_actor(&server->network.watches, change->actor);
    wkv_event_publish(&server->network.discovery,
                      change->bound ? WKV_EVENT_BINDING_CREATED : WKV_EVENT_BINDING_REMOVED, change->actor);
}

/* ---- making and ending ---- */

static struct wkv_loop_options loop_options(struct wkv_server *server, const struct wkv_keeper *keeper)
{
    const struct wkv_server_options *options = server->options;
    return (struct wkv_loop_options){.address = &options->address,
                                     .log = &server->log,
                                     .notify_fd = keeper->lost_fd,
                                     .note = wkv_loop_count_event,
                                     .context = server->provider.stats};
}

static enum wkv_code init_workers(struct wkv_server *server, struct wkv_error *error)
{
    const struct wkv_server_options *options = server->options;
    const struct wkv_network *network = &server->network;
    for (unsigned i = 0; i <= options->workers; i++) {
        struct wkv_worker *worker = &server->network.workers[i];
        struct wkv_keeper *keeper = &server->network.each[i + 1];
        if (wkv_keeper_init(keeper, &server->network.keepers, &worker->loop, error) != WKV_OK)
            return error->code;
        keeper->drains = true;
        server->network.keeper_count++;
        struct wkv_worker_options worker_options = {
            .serves = i == options->workers ? WKV_SERVES_SYSTEM : WKV_SERVES_ACTORS,
            .number = i,
            .provider = &server->provider,
            .engine = network->journal == NULL ? wkv_engines[0] : &wkv_engine_jetstream,
            .engine_context = network->journal,
            .loop = loop_options(server, keeper)};
        worker_options.loop.max_wait_ns = options->max_wait_ms * WKV_NS_PER_MS;
        if (wkv_worker_init(worker, &worker_options, error) != WKV_OK)
            return error->code;
        server->network.worker_count++;
    }
    return WKV_OK;
}

/* Adds the pulses of all that turns to the process's vitals, or removes them. */
static void show_pulses(struct wkv_server *server,
                        void (*change)(struct wkv_vitals *vitals, struct wkv_pulse *pulse))
{
    change(&server->vitals, &server->pulse);
    for (unsigned i = 0; i < server->network.keeper_count; i++)
        change(&server->vitals, &wkv_network_loop(server, i)->turns.pulse);
}

/* Its connection is closed when the workers' are drained: nothing of its own is to be. */
static enum wkv_code init_watches(struct wkv_server *server, struct wkv_error *error)
{
    struct wkv_network *network = &server->network;
    struct wkv_keeper *keeper = &network->each[network->keeper_count];
    if (wkv_keeper_init(keeper, &network->keepers, &network->watches.loop, error) != WKV_OK)
        return error->code;
    network->keeper_count++;
    const struct wkv_watches_options watches = {.store = server->provider.store,
                                                .clock = server->provider.clock,
                                                .stats = server->provider.stats,
                                                .instance = server->instance,
                                                .has_room =
                                                    network->journal == NULL ? NULL : wkv_journal_has_room,
                                                .context = network->journal,
                                                .loop = loop_options(server, keeper)};
    server->provider.watches = &network->watches;
    return wkv_watches_init(&network->watches, &watches, error);
}

static void watch_bindings(struct wkv_server *server)
{
    const struct wkv_server_options *options = server->options;
    struct wkv_bindings *bindings = server->provider.bindings;
    struct wkv_bindings_guard guard = {
        .before = listen_to_actor, .confirm = confirm_actor, .gave_up = give_up_actor, .context = server};
    server->network.actors.workers = server->network.workers;
    server->network.actors.worker_count = options->workers;
    server->network.actors.bindings = bindings;
    server->network.actors.log = &server->log;
    wkv_bindings_set_guard(bindings, &guard);
    wkv_bindings_watch(bindings, follow_binding, server);
}

static enum wkv_code init_discovery(struct wkv_server *server, struct wkv_error *error)
{
    struct wkv_network *network = &server->network;
    const char *prefix = server->options->connect.inbox_prefix;
    if (wkv_keeper_init(&network->each[0], &network->keepers, &network->discovery.loop, error) != WKV_OK)
        return error->code;
    network->keeper_count = 1;
    struct wkv_loop_options loop = loop_options(server, &network->each[0]);
    const struct wkv_lattice_process process = {.sources = wkv_server_sources(server),
                                                .trust = server->provider.trust,
                                                .auth = server->options->auth,
                                                .require_binding = server->options->require_binding,
                                                .split = server->options->allow_split,
                                                .instance = server->instance};
    return wkv_discovery_init(&network->discovery, &process, &loop, prefix, error);
}

/* Workers have a part of it, so it comes first; its connection is opened before theirs and closed after them,
 * and its keeper is the last. */
static enum wkv_code make_journal(struct wkv_server *server, struct wkv_error *error)
{
    struct wkv_network *network = &server->network;
    struct wkv_keeper *keeper = &network->each[server->options->workers + 3];
    if (server->options->engine == WKV_ENGINE_MEMORY)
        return WKV_OK;
    if (wkv_keeper_init(keeper, &network->keepers, NULL, error) != WKV_OK)
        return error->code;
    const struct wkv_loop_options loop = loop_options(server, keeper);
    network->journal = wkv_server_make_journal(server, &loop, error);
    if (network->journal == NULL) {
        wkv_keeper_destroy(keeper);
        return error->code;
    }
    keeper->loop = wkv_journal_loop(network->journal);
    server->provider.clock = wkv_journal_clock(network->journal);
    return WKV_OK;
}

enum wkv_code wkv_network_open(struct wkv_server *server, struct wkv_error *error)
{
    const struct wkv_server_options *options = server->options;
    struct wkv_network *network = &server->network;
    size_t workers = (size_t)options->workers + 1; /* `system` */
    if (wkv_keepers_init(&network->keepers, &options->connect, &server->log, network->notify_fd, error) !=
        WKV_OK)
        return error->code;
    network->workers = calloc(workers, sizeof *network->workers);
    network->each = calloc(workers + 3, sizeof *network->each);
    if (network->workers == NULL || network->each == NULL)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for %u worker threads", options->workers);
    if (init_discovery(server, error) != WKV_OK || make_journal(server, error) != WKV_OK ||
        init_workers(server, error) != WKV_OK || init_watches(server, error) != WKV_OK)
        return error->code;
    if (network->journal != NULL)
        network->keeper_count++;
    wkv_alone_init(&network->alone, &network->discovery, options->connect.inbox_prefix);
    watch_bindings(server);
    show_pulses(server, wkv_vitals_add);
    return WKV_OK;
}

void wkv_network_close(struct wkv_server *server)
{
    struct wkv_network *network = &server->network;
    show_pulses(server, wkv_vitals_remove);
    wkv_server_end_keepers(server);
    wkv_bindings_watch(server->provider.bindings, NULL, NULL);
    wkv_bindings_set_guard(server->provider.bindings, NULL);
    for (unsigned i = 0; i < network->worker_count; i++)
        wkv_worker_destroy(&network->workers[i]);
    free(network->workers);
    if (server->provider.watches != NULL)
        wkv_watches_destroy(&network->watches);
    wkv_alone_destroy(&network->alone);
    if (network->keeper_count > 0)
        wkv_discovery_destroy(&network->discovery);
    if (network->journal != NULL && network->keeper_count <= server->options->workers + 3)
        wkv_keeper_destroy(&network->each[server->options->workers + 3]);
    for (unsigned i = 0; i < network->keeper_count; i++)
        wkv_keeper_destroy(&network->each[i]);
    free(network->each);
    wkv_keepers_destroy(&network->keepers);
    (void)pthread_mutex_destroy(&network->actors.lock);
}
