/* One attempt to connect, which ends in time whatever the server does. nats.c sees to that only in part: no
 * version ends a TLS handshake that the other side leaves unfinished, and 3.4.1 goes on for ever, using a
 * processor, where the answer to its first PING does not come.
 */
#ifndef WKV_NATS_ATTEMPT_H
#define WKV_NATS_ATTEMPT_H

#include <nats/nats.h>
#include <stdint.h>

struct wkv_attempt_limits {
    int64_t timeout_ms; /* > 0, for all of it; a resolver of names may take longer */
    int cancel_fd;      /* readable: give up at once; -1: nobody cancels */
};

/* natsConnection_Connect, with the options' timeout set too. A thread of its own watches; where the limits
 * are reached, it shuts down the attempt's socket, and the attempt can open no other. Errors: nats.c's;
 * NATS_TIMEOUT where the time was over. */
natsStatus wkv_attempt(natsConnection **connection, natsOptions *options,
                       const struct wkv_attempt_limits *limits);

#endif
