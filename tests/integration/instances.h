/* Instances that serve one binding with the engine jetstream, and a caller that counts through whichever
 * answers: what was acknowledged is in the count once, and what was not may be.
 */
#ifndef INTEGRATION_INSTANCES_H
#define INTEGRATION_INSTANCES_H

#include "client.h"
#include "jetstream.h"
#include "servers.h"

#define LOG_STREAM "WKV-LOG-default-caeaa1ac"
#define SNAP_STREAM "WKV-SNAP-default-caeaa1ac"
#define LOG_SUBJECT "wascc-kv.default-caeaa1ac.log"

struct instance {
    struct process process;
    int http_port; /* of /readyz and /metrics */
    char id[INSTANCE_ID_BYTES];
};

/* Starts `serve --engine jetstream` with more options (NULL at the end), knowing these servers (a list of
 * URLs); the latter waits until it is ready, too. */
void instance_start(struct instance *instance, const char *urls, ...) __attribute__((sentinel));
void instance_serve(struct instance *instance, const char *urls, ...) __attribute__((sentinel));
void instance_await_ready(struct instance *instance);

/* Kills it at once; ends it in order, which it must do well. */
void instance_kill(struct instance *instance);
void instance_stop(struct instance *instance);

/* The value of a line of /metrics, which must be there. */
double instance_metric(const struct instance *instance, const char *line);

/* A caller that asks in JSON and waits for CALL_MS at the most. Returns 0 and sets *value (NULL: it is not
 * wanted), or the error's code, or -1: no answer, -2: nobody listens. */
#define CALL_MS 4000
int instance_ask(struct client *client, const char *operation, const char *request, long long *value);

/* Asks until it is done, whatever comes first, at most WAIT_MS. Returns how long that took, in ms. */
long long instance_ask_until(struct client *client, const char *operation, const char *request);

struct tally {
    long long done, unknown, refused; /* answered; 504 or no answer; 503 or nobody listens */
    long long longest_ms;             /* of the times without an answer that it was done, to the end */
};

/* Increments the key for that long, one after the other, and adds to the tally. Any other error fails. */
void instance_count(struct client *client, const char *key, long long ms, struct tally *tally);

/* Checks that the key has been incremented as often as the tally says. */
void instance_check_count(struct client *client, const char *key, const struct tally *tally);

#endif
