/* NATS servers with JetStream: one alone, or three in a cluster on the loopback, all real. What they keep
 * outlives them: a server that is started again has its port, its name and its store.
 *
 * Clients are sent to all of them, in the order of their numbers. The API is asked through any server that
 * answers, and every wait is bounded by WAIT_MS.
 */
#ifndef INTEGRATION_JETSTREAM_H
#define INTEGRATION_JETSTREAM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "servers.h"

#define JS_SERVERS 3

struct js {
    size_t count;
    struct nats_server servers[JS_SERVERS]; /* process.pid 0: it is down */
    int ports[JS_SERVERS], routes[JS_SERVERS];
    char urls[JS_SERVERS * URL_BYTES]; /* of all, for --server */
    char url[JS_SERVERS][URL_BYTES];
};

/* Starts so many servers, 1 or 3, and waits until JetStream answers. more: text of the configuration of
 * each, or NULL. */
void js_start(struct js *js, size_t count, const char *more);
void js_stop(struct js *js);

/* One server: as it is started again after js_kill; killed at once, or ended in order (SIGTERM, which waits
 * for its end); stopped in its tracks, and woken. */
void js_start_server(struct js *js, size_t which, const char *more);
void js_kill(struct js *js, size_t which);
void js_end(struct js *js, size_t which);
void js_freeze(struct js *js, size_t which);
void js_wake(struct js *js, size_t which);

/* Asks the API once, through each server that is up until one answers: `$JS.API.<call>`. request: JSON, or
 * NULL. The caller releases the answer. NULL: none answered, of three in a second each. */
json_t *js_ask(struct js *js, const char *call, const char *request);

/* Waits until JetStream has a leader of its own. */
void js_await(struct js *js);

/* The server that leads the stream; waits until one of those that are up does and the stream can be asked.
 * Without a cluster it is 0. */
size_t js_leader(struct js *js, const char *stream);

/* Waits until all replicas of the stream are there and have all of it. */
void js_await_replicas(struct js *js, const char *stream);

/* What STREAM.INFO says of the stream; waits for it. The caller releases it. */
json_t *js_stream(struct js *js, const char *stream);

/* The state's last_seq. */
long long js_last(struct js *js, const char *stream);

#endif
