/* Many requests in flight on one connection, each with a reply subject of its own: that each is answered
 * once. */
#ifndef INTEGRATION_PIPELINE_H
#define INTEGRATION_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>

#include "client.h"

struct pipeline {
    struct client *client; /* borrowed */
    natsInbox *inbox;
    natsSubscription *replies;
    size_t capacity;
    unsigned char *answers; /* how many each request has had */
    size_t sent;
    size_t received; /* of any sort */
    size_t ok;
    size_t errors;        /* replies with an error code */
    int last_code;        /* of these */
    size_t no_responders; /* NATS's own refusals */
    size_t repeated;      /* second answers to one request */
};

/* At most `capacity` requests in all. */
void pipeline_open(struct pipeline *pipeline, struct client *client, size_t capacity);
void pipeline_close(struct pipeline *pipeline);

/* Sends one and does not wait. Returns false where the connection is closed. */
bool pipeline_send(struct pipeline *pipeline, const char *operation, const void *bytes, size_t len);

/* Takes one answer, if one comes within wait_ms. Where `message` is not NULL it gets the reply, which the
 * caller destroys (NULL for NATS's own refusals). Returns false where none came. */
bool pipeline_receive(struct pipeline *pipeline, long long wait_ms, natsMsg **message);

/* Takes answers until at most `left` are outstanding; fails the test where one does not come within WAIT_MS.
 */
void pipeline_settle(struct pipeline *pipeline, size_t left);

#endif
