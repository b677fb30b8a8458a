/* `call Watch`: a request with many replies. */
#ifndef WKV_COMMAND_FOLLOW_H
#define WKV_COMMAND_FOLLOW_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stdint.h>

/* Sends the message, which stays the caller's, and gives each reply to its reply subject to `show` until that
 * returns false: it has shown the last one, or an error. The first must come within timeout_ms, each other
 * within the time of three heartbeats. Errors: nats.c's, NATS_TIMEOUT and NATS_NO_RESPONDERS among them. */
natsStatus wkv_follow(natsConnection *connection, natsMsg *message, int64_t timeout_ms,
                      bool (*show)(void *context, natsMsg *reply), void *context);

#endif
