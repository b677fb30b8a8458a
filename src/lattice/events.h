/* What this process tells the lattice unasked, and what it answers to the lattice's inventory (contract
 * section 7).
 *
 * Real hosts and watchers read these with strict parsers: every member is there, nothing has headers, and an
 * answer to `inventory.actors` names no actor, because a host counts the answers to see where an actor still
 * runs.
 */
#ifndef WKV_LATTICE_EVENTS_H
#define WKV_LATTICE_EVENTS_H

#include <jansson.h>

#include "lattice/discovery.h"
#include "wascc_keyvalue/text.h"

enum wkv_event {
    WKV_EVENT_PROVIDER_LOADED,
    WKV_EVENT_PROVIDER_REMOVED,
    WKV_EVENT_BINDING_CREATED,
    WKV_EVENT_BINDING_REMOVED,
};

/* Publishes a CloudEvent on `<prefix>.events` over discovery's connection. actor is read for the two of
 * bindings. What cannot be sent is dropped: nobody waits for it. Any thread. */
void wkv_event_publish(struct wkv_discovery *discovery, enum wkv_event event, struct wkv_text actor);

/* What the lattice may ask, the last token of the subject; NULL behind the last of them. */
const char *wkv_inventory_question(size_t i);

/* A request on `<prefix>.inventory.<what>`, and how far its answer has come: as the lattice gathers answers,
 * there may be several messages of them. */
struct wkv_inventory {
    const struct wkv_discovery *discovery;
    const char *subject;
    size_t max_bytes;                            /* of a message */
    bool more;                                   /* there is one more message after the last one */
    char after[WKV_BINDINGS_MAX_NAME_BYTES + 1]; /* the last actor of the last one */
};

/* The next message, the first as well, which the caller releases; NULL where there is none. It has at most
 * max_bytes, unless that is too few for one binding. */
json_t *wkv_inventory_next(struct wkv_inventory *inventory);

#endif
