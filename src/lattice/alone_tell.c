/* What people are told of other instances. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lattice/alone_parts.h"
#include "support/notify.h"
#include "support/text.h"

void wkv_alone_tell_beside(const struct wkv_alone *alone, const struct wkv_meeting_peer *other)
{
    if (alone->meeting.own.may_split)
        wkv_log_warn(wkv_alone_log(alone),
                     "instance %s serves this binding too: with --allow-split each holds a part of the data",
                     other->pong.id);
    else
        wkv_log_warn(wkv_alone_log(alone),
                     "instance %s answered that it serves this binding, but not every time: starting, and "
                     "asking again",
                     other->pong.id);
}

/* How the other one's data is apart from ours, where not both hold it in memory; else "". */
static void describe_difference(const struct wkv_alone *alone, const struct wkv_pong *other, char out[160])
{
    const struct wkv_pong *own = &alone->meeting.own;
    out[0] = '\0';
    if (strcmp(own->engine, other->engine) != 0)
        (void)snprintf(out, 160, "with the engine %s, this one with the engine %s", other->engine,
                       own->engine);
    else if (strcmp(own->engine, WKV_ENGINE_MEMORY_NAME) != 0)
        (void)snprintf(out, 160, "from the log %s, this one from the log %s", other->log, own->log);
}

void wkv_alone_tell_taken(const struct wkv_alone *alone, const struct wkv_meeting_peer *other,
                          struct wkv_error *error)
{
    const char *binding = alone->discovery->address->binding;
    char difference[160];
    describe_difference(alone, &other->pong, difference);
    if (difference[0] == '\0')
        (void)wkv_fail(error, WKV_UNAVAILABLE,
                       "instance %s already serves binding \"%s\" from its memory; a second one would split "
                       "the data: stop that one, choose another --binding or --lattice-namespace, or give "
                       "--allow-split",
                       other->pong.id, binding);
    else
        (void)wkv_fail(error, WKV_UNAVAILABLE,
                       "instance %s already serves binding \"%s\" %s, which would split the data: start both "
                       "with the same --engine, NATS account and --js-domain, or choose another --binding or "
                       "--lattice-namespace",
                       other->pong.id, binding, difference);
}

static const char *started_of(const struct wkv_pong *pong)
{
    return pong->started[0] == '\0' ? "nobody knows when" : pong->started;
}

void wkv_alone_tell_end(struct wkv_alone *alone, enum wkv_meeting_state before)
{
    if (before == WKV_MEETING_STAY) {
        wkv_stats_set_split(wkv_alone_stats(alone), false);
        wkv_notify_status("serving");
        wkv_log_info(wkv_alone_log(alone),
                     "the other instance no longer serves: this one is alone and ready again");
    } else if (before == WKV_MEETING_SUSPECT) {
        wkv_log_info(wkv_alone_log(alone), "the other instance no longer answers: nothing is done");
    }
}

void wkv_alone_tell_suspect(const struct wkv_alone *alone, const struct wkv_meeting_peer *other)
{
    wkv_log_warn(wkv_alone_log(alone),
                 "instance %s answers that it serves binding \"%s\" too: asking it again for some seconds "
                 "before anything is done",
                 other->pong.id, alone->discovery->address->binding);
}

void wkv_alone_tell_stay(struct wkv_alone *alone, const struct wkv_meeting_peer *other)
{
    wkv_stats_set_split(wkv_alone_stats(alone), true);
    wkv_notify_status("split: another instance serves this binding");
    wkv_log_error(wkv_alone_log(alone),
                  "split: instance %s, started %s, serves binding \"%s\" too and holds a part of its data; "
                  "this one is older, started %s, and stays, but is not ready until the other one has gone",
                  other->pong.id, started_of(&other->pong), alone->discovery->address->binding,
                  alone->meeting.own.started);
}

/* What another one has no part of. */
static void tell_loss(const struct wkv_alone *alone, const struct wkv_meeting_peer *other)
{
    struct wkv_store_stats held;
    wkv_store_stats(alone->discovery->process.sources.store, &held);
    wkv_log_error(wkv_alone_log(alone),
                  "split: instance %s, started %s, serves binding \"%s\" too and is older than this one, "
                  "started %s: this one drains and exits, and loses %" PRIu64 " key%s (%" PRIu64 " bytes)",
                  other->pong.id, started_of(&other->pong), alone->discovery->address->binding,
                  alone->meeting.own.started, held.keys, wkv_plural(held.keys), held.bytes);
}

void wkv_alone_tell_yield(struct wkv_alone *alone, const struct wkv_meeting_peer *other,
                          struct wkv_error *error)
{
    const char *binding = alone->discovery->address->binding;
    char difference[160];
    wkv_stats_set_split(wkv_alone_stats(alone), true);
    describe_difference(alone, &other->pong, difference);
    if (alone->discovery->process.sources.engine == NULL)
        tell_loss(alone, other);
    if (difference[0] != '\0')
        (void)wkv_fail(error, WKV_UNAVAILABLE,
                       "stopped, because instance %s, which is older, serves binding \"%s\" %s",
                       other->pong.id, binding, difference);
    else
        (void)wkv_fail(error, WKV_UNAVAILABLE,
                       "stopped, because instance %s, which is older, serves binding \"%s\" from its memory; "
                       "with --allow-split both would go on, each with a part of the data",
                       other->pong.id, binding);
}
