/* What this process tells the lattice unasked, and what it answers to the lattice's inventory (contract section 7).
 *
 * Real hosts and watchers read these with strict parsers: every member is there, nothing has headers, and an answer to
 * `inventory.actors` names no actor, because a host counts the answers to see where an actor still runs.
 */
#ifndef WKV_TRANSPORT_EVENTS_H
#define WKV_TRANSPORT_EVENTS_H

#include <jansson.h>

#include "transport/discovery.h"

enum wkv_event {
    WKV_EVENT_PROVIDER_LOADED,
    WKV_EVENT_PROVIDER_REMOVED,
    WKV_EVENT_BINDING_CREATED,
    WKV_EVENT_BINDING_REMOVED,
};

/* Publishes a CloudEvent on `<prefix>.events` over discovery's connection. actor is read for the two of bindings. What cannot be
 * sent is dropped: nobody waits for it. Any thread. */
void wkv_event_publish(struct wkv_discovery *discovery, enum wkv_event event, struct wkv_text actor);

/* The answer to a request on `<prefix>.inventory.<what>`, which the caller releases; NULL where there is none. */
json_t *wkv_inventory_answer(const struct wkv_discovery *discovery, const char *subject);

#endif
