#include "front/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "front/front.h"

/* The bytes of an invocation's message, which are all that an envelope's arena has to hold. */
#define ENVELOPE_BYTES ((size_t)16 * 1024)
#define ENVELOPE_MAX_BYTES ((size_t)64 * 1024 * 1024)

static enum wkv_code init_memory(struct wkv_worker *worker, struct wkv_error *error)
{
    wkv_buffer_init(&worker->wrapped);
    if (!wkv_arena_init(&worker->envelope, ENVELOPE_BYTES, ENVELOPE_MAX_BYTES))
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for a worker");
    if (wkv_session_init(&worker->session, worker->provider))
        return WKV_OK;
    wkv_arena_destroy(&worker->envelope);
    return wkv_fail(error, WKV_NO_MEMORY, "no memory for a worker");
}

/* What was written in this turn is told to those who watch. */
static int64_t after_turn(void *context)
{
    struct wkv_worker *worker = context;
    const struct wkv_engine *engine = worker->engine;
    int64_t next_turn_ns = engine->after_turn == NULL ? WKV_NO_TURN : engine->after_turn(worker->engine_part);
    if (worker->provider->watches != NULL)
        wkv_watches_poke(worker->provider->watches);
    return next_turn_ns;
}

static void wake_loop(void *poller)
{
    wkv_poller_wake(poller);
}

static enum wkv_code open_engine(struct wkv_worker *worker, struct wkv_error *error)
{
    const struct wkv_engine *engine = worker->engine;
    const struct wkv_engine_wake wake = {wake_loop, &worker->loop.poller};
    if (engine->open != NULL &&
        engine->open(worker->engine_context, &wake, &worker->engine_part, error) != WKV_OK)
        return error->code;
    wkv_loop_call_after_turns(&worker->loop, after_turn, worker, engine->window);
    return WKV_OK;
}

static enum wkv_code listen_by_all(struct wkv_worker *worker, struct wkv_error *error)
{
    enum wkv_code code = WKV_OK;
    for (size_t i = 0; code == WKV_OK && wkv_fronts[i] != NULL; i++)
        code = wkv_fronts[i]->listen(worker, error);
    return code;
}

enum wkv_code wkv_worker_init(struct wkv_worker *worker, const struct wkv_worker_options *options,
                              struct wkv_error *error)
{
    char name[32] = "system";
    char base[WKV_SUBJECT_BYTES];
    memset(worker, 0, sizeof *worker);
    worker->serves = options->serves;
    worker->provider = options->provider;
    worker->engine = options->engine;
    worker->engine_context = options->engine_context;
    worker->address = options->loop.address;
    worker->log = options->loop.log;
    worker->stats = wkv_stats_worker(options->provider->stats, options->number);
    wkv_subject_base(worker->address, base);
    worker->actor_offset = strlen(base) + 1;
    if (options->serves == WKV_SERVES_ACTORS)
        (void)snprintf(name, sizeof name, "worker %u", options->number);
    if (init_memory(worker, error) != WKV_OK)
        return error->code;
    /* What an actor asks for may reach any instance, so its invocations are noted in the log; what hosts and
     * operators ask reaches all of them. */
    if (options->provider->has_log && options->serves == WKV_SERVES_ACTORS)
        worker->session.policy.replay = NULL;
    struct wkv_loop_options loop = options->loop;
    loop.name = name;
    if (wkv_loop_init(&worker->loop, &loop, error) == WKV_OK && open_engine(worker, error) == WKV_OK &&
        listen_by_all(worker, error) == WKV_OK)
        return WKV_OK;
    wkv_worker_destroy(worker);
    return error->code;
}

void wkv_worker_destroy(struct wkv_worker *worker)
{
    if (worker->engine_part != NULL)
        worker->engine->close(worker->engine_part);
    wkv_session_destroy(&worker->session);
    wkv_arena_destroy(&worker->envelope);
    wkv_buffer_destroy(&worker->wrapped);
    while (worker->endpoints != NULL) {
        struct wkv_endpoint *first = worker->endpoints;
        worker->endpoints = first->next;
        free(first);
    }
    wkv_loop_destroy(&worker->loop);
}
