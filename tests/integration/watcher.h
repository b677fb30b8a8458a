/* One who watches: sends a Watch and reads its events, whose numbers must have no gap. */
#ifndef INTEGRATION_WATCHER_H
#define INTEGRATION_WATCHER_H

#include <jansson.h>

#include "client.h"

struct watcher {
    struct client *client; /* borrowed */
    enum encoding encoding;
    natsSubscription *inbox;
    char reply[128];
    uint64_t number; /* of the last event; to be set to 0 where a watch begins anew */
};

/* Listens on a new inbox and asks. request: JSON text, sent in the encoding. */
void watcher_open(struct watcher *watcher, struct client *client, enum encoding encoding,
                  const char *request);
void watcher_close(struct watcher *watcher);

/* Asks (again), on Watch itself or on that subject. */
void watcher_ask(struct watcher *watcher, const char *request);
void watcher_ask_on(struct watcher *watcher, const char *subject, const char *request);

/* The next event, which the caller releases. NULL: none came in that time. Fails the test where it is not
 * one, or its number is not the next one. */
json_t *watcher_next_within(struct watcher *watcher, long long wait_ms);

/* The same, where one must come. */
json_t *watcher_next(struct watcher *watcher);

/* "put a=1", "delete a", "sync": what an event says but for its number; long texts are cut. */
#define EVENT_BYTES 256
void event_describe(const json_t *event, char out[EVENT_BYTES]);

/* The member of that name, "" where it is not there. */
const char *event_text(const json_t *event, const char *name);

/* The next event must be that one, as event_describe says it; in time: heartbeats may come first. */
void watcher_expect(struct watcher *watcher, const char *expected);
void watcher_expect_in_time(struct watcher *watcher, const char *expected);

#endif
