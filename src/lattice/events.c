#include "lattice/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "nats/subject.h"
#include "operation/identity.h"
#include "operation/operation.h"
#include "support/clock.h"
#include "support/uuid.h"

#define SOURCE "https://wascc.dev/lattice/events"
#define SUBJECT_BYTES (WKV_SUBJECT_BYTES + WKV_BINDINGS_MAX_NAME_BYTES)

/* ---- events ---- */

/* As lattice-client names them: the type's last part, and the tag of `data`. */
static const struct {
    const char *type, *tag;
    bool of_actor;
} events[] = {
    [WKV_EVENT_PROVIDER_LOADED] = {"wasmbus.events.provider_loaded", "ProviderLoaded", false},
    [WKV_EVENT_PROVIDER_REMOVED] = {"wasmbus.events.provider_removed", "ProviderRemoved", false},
    [WKV_EVENT_BINDING_CREATED] = {"wasmbus.events.actor_binding_created", "ActorBindingCreated", true},
    [WKV_EVENT_BINDING_REMOVED] = {"wasmbus.events.actor_binding_removed", "ActorBindingRemoved", true},
};

/* "`data`: a STRING of JSON" */
static char *make_data(const struct wkv_discovery *discovery, enum wkv_event event, struct wkv_text actor)
{
    json_t *data = json_pack("{s:{s:s, s:s, s:s}}", events[event].tag, "capid", WKV_CAPABILITY,
                             "instance_name", discovery->address->binding, "host", discovery->host);
    json_t *members = json_object_get(data, events[event].tag);
    int failed = 0;
    if (events[event].of_actor)
        failed = json_object_set_new(members, "actor", json_stringn(actor.data, actor.len));
    char *text = data == NULL || failed != 0 ? NULL : json_dumps(data, JSON_COMPACT);
    json_decref(data);
    return text;
}

/* "`subject` (`<capid>.<binding>`, with the actor in front for bindings)" */
static void format_subject(const struct wkv_discovery *discovery, enum wkv_event event, struct wkv_text actor,
                           char out[SUBJECT_BYTES])
{
    bool of_actor = events[event].of_actor;
    (void)snprintf(out, SUBJECT_BYTES, "%.*s%s%s.%s", of_actor ? (int)actor.len : 0,
                   of_actor ? actor.data : "", of_actor ? "." : "", WKV_CAPABILITY,
                   discovery->address->binding);
}

static char *make_event(const struct wkv_discovery *discovery, enum wkv_event event, struct wkv_text actor)
{
    char id[WKV_UUID_BYTES], now[WKV_TIME_TEXT_BYTES], subject[SUBJECT_BYTES];
    wkv_uuid(id);
    wkv_time_text(wkv_wall_ns(), 9, now);
    format_subject(discovery, event, actor, subject);
    char *data = make_data(discovery, event, actor);
    if (data == NULL)
        return NULL;
    json_t *document =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "specversion", "1.0", "type",
                  events[event].type, "typeversion", "0.1", "source", SOURCE, "id", id, "time", now,
                  "datacontenttype", "application/json", "subject", subject, "data", data);
    free(data);
    char *text = document == NULL ? NULL : json_dumps(document, JSON_COMPACT);
    json_decref(document);
    return text;
}

void wkv_event_publish(struct wkv_discovery *discovery, enum wkv_event event, struct wkv_text actor)
{
    char subject[WKV_SUBJECT_BYTES];
    wkv_subject_lattice(discovery->address, "events", subject);
    char *text = make_event(discovery, event, actor);
    if (text != NULL)
        wkv_loop_publish(&discovery->loop, subject, text);
    free(text);
}

/* ---- inventory ---- */

/* Members of the process as real hosts label themselves. */
static json_t *answer_host(struct wkv_inventory *inventory)
{
    const struct wkv_discovery *discovery = inventory->discovery;
    struct wkv_stats_service stats;
    struct utsname machine;
    if (uname(&machine) != 0)
        return NULL;
    wkv_stats_service(discovery->process.sources.stats, wkv_monotonic_ns(), &stats);
    return json_pack("{s:{s:s, s:{s:s, s:s, s:s, s:s}, s:I}}", "Host", "id", discovery->host, "labels",
                     "hostcore.arch", machine.machine, "hostcore.os", "linux", "hostcore.osfamily", "unix",
                     "wascc.provider", WKV_SERVICE_NAME, "uptime_ms",
                     (json_int_t)(stats.uptime_ns / WKV_NS_PER_MS));
}

/* No actor runs here. */
static json_t *answer_actors(struct wkv_inventory *inventory)
{
    return json_pack("{s:{s:s, s:[]}}", "Actors", "host", inventory->discovery->host, "actors");
}

/* The values of a binding that are ours to know; the binding's own keyspace needs none. */
static json_t *pack_configuration(const struct wkv_discovery *discovery,
                                  const struct wkv_bindings_listed *listed)
{
    if (strcmp(listed->keyspace, discovery->address->binding) == 0)
        return json_object();
    return json_pack("{s:s}", "KEYSPACE", listed->keyspace);
}

static json_t *pack_binding(const struct wkv_discovery *discovery, const struct wkv_bindings_listed *listed)
{
    return json_pack("{s:s, s:s, s:s, s:o}", "actor", listed->actor, "capability_id", WKV_CAPABILITY,
                     "binding_name", discovery->address->binding, "configuration",
                     pack_configuration(discovery, listed));
}

/* No binding takes fewer bytes. */
#define BINDING_MIN_BYTES                                                                                    \
    (sizeof "{\"actor\":\"M\",\"capability_id\":\"" WKV_CAPABILITY                                           \
            "\",\"binding_name\":\"b\",\"configuration\":{}}")

/* Puts as many of the bindings into the array as the message has room for, at least one. Returns how many, or
 * -1 where memory is short. */
static ssize_t put_bindings(const struct wkv_inventory *inventory, const struct wkv_bindings_listed *listed,
                            size_t count, json_t *document, json_t *bindings)
{
    size_t bytes = json_dumpb(document, NULL, 0, JSON_COMPACT);
    size_t i = 0;
    for (; i < count; i++) {
        json_t *binding = pack_binding(inventory->discovery, &listed[i]);
        bytes += json_dumpb(binding, NULL, 0, JSON_COMPACT) + (i > 0 ? strlen(",") : 0);
        if (binding != NULL && i > 0 && bytes > inventory->max_bytes) {
            json_decref(binding);
            break;
        }
        if (json_array_append_new(bindings, binding) != 0)
            return -1;
    }
    return (ssize_t)i;
}

/* The next bindings, by actor: while others are bound or removed between two messages, the rest comes in
 * order. */
static json_t *list_bindings(struct wkv_inventory *inventory, struct wkv_bindings_listed *listed, size_t max)
{
    const struct wkv_discovery *discovery = inventory->discovery;
    size_t count =
        wkv_bindings_list(discovery->process.sources.bindings,
                          (struct wkv_text){inventory->after, strlen(inventory->after)}, listed, max);
    json_t *bindings = json_array();
    json_t *document = json_pack("{s:{s:s, s:O}}", "Bindings", "host", discovery->host, "bindings", bindings);
    ssize_t put = count == SIZE_MAX || document == NULL
                      ? -1
                      : put_bindings(inventory, listed, count, document, bindings);
    json_decref(bindings);
    if (put < 0) {
        json_decref(document);
        return NULL;
    }
    inventory->more = (size_t)put < count;
    if (put > 0)
        memcpy(inventory->after, listed[put - 1].actor, sizeof inventory->after);
    return document;
}

/* A list that ended where memory did would look whole. */
static json_t *answer_bindings(struct wkv_inventory *inventory)
{
    size_t max = inventory->max_bytes / BINDING_MIN_BYTES + 2;
    if (max > WKV_BINDINGS_MAX_ACTORS + 1)
        max = WKV_BINDINGS_MAX_ACTORS + 1;
    struct wkv_bindings_listed *listed = calloc(max, sizeof *listed);
    json_t *document = listed == NULL ? NULL : list_bindings(inventory, listed, max);
    free(listed);
    if (document == NULL)
        wkv_log_warn(inventory->discovery->loop.options.log,
                     "there is no memory for the bindings that the lattice asks for: %s",
                     inventory->after[0] == '\0' ? "it gets no answer" : "some of them were not told");
    return document;
}

/* "CapabilityDescriptor {id, name, version, revision, long_description, supported_operations}" */
static json_t *answer_capabilities(struct wkv_inventory *inventory)
{
    const struct wkv_discovery *discovery = inventory->discovery;
    json_t *operations = json_array();
    int failed = 0;
    for (size_t i = 0; i < wkv_operation_count; i++)
        if (!wkv_operation_is_system(&wkv_operations[i]))
            failed |= json_array_append_new(
                operations, json_pack("{s:s, s:s, s:s}", "name", wkv_operations[i].name, "direction",
                                      "to_provider", "doctext", wkv_operations[i].doc));
    if (failed != 0) {
        json_decref(operations);
        return NULL;
    }
    return json_pack("{s:{s:s, s:[{s:s, s:{s:s, s:s, s:s, s:i, s:s, s:o}}]}}", "Capabilities", "host",
                     discovery->host, "capabilities", "binding_name", discovery->address->binding,
                     "descriptor", "id", WKV_CAPABILITY, "name", WKV_SERVICE_NAME, "version", WKV_VERSION,
                     "revision", WKV_DESCRIPTOR_REVISION, "long_description", WKV_DESCRIPTION,
                     "supported_operations", operations);
}

static const struct {
    const char *what;
    json_t *(*answer)(struct wkv_inventory *);
} questions[] = {{"hosts", answer_host},
                 {"actors", answer_actors},
                 {"bindings", answer_bindings},
                 {"capabilities", answer_capabilities}};

const char *wkv_inventory_question(size_t i)
{
    return i < sizeof questions / sizeof questions[0] ? questions[i].what : NULL;
}

json_t *wkv_inventory_next(struct wkv_inventory *inventory)
{
    const char *what = strrchr(inventory->subject, '.');
    inventory->more = false;
    for (size_t i = 0; what != NULL && i < sizeof questions / sizeof questions[0]; i++)
        if (strcmp(what + 1, questions[i].what) == 0)
            return questions[i].answer(inventory);
    return NULL;
}
