/* One request of `call`, and its reply. */
#ifndef WKV_COMMAND_EXCHANGE_H
#define WKV_COMMAND_EXCHANGE_H

#include <nats/nats.h>
#include <stdint.h>

/* Bytes of a stream's name that are kept, NUL included. */
#define WKV_STREAM_NAME_BYTES 64

/* Sends the message, which stays the caller's, and waits at its reply subject, an inbox, for the reply, which
 * the caller destroys.
 *
 * Where a JetStream stream captures the subject, the server acknowledges the message to the same inbox, and
 * that is no reply: `stream` becomes the stream's name, else "", and the wait goes on. Errors: nats.c's,
 * NATS_TIMEOUT and NATS_NO_RESPONDERS among them; *reply is NULL then. */
natsStatus wkv_exchange(natsConnection *connection, natsMsg *message, int64_t timeout_ms, natsMsg **reply,
                        char stream[WKV_STREAM_NAME_BYTES]);

#endif
