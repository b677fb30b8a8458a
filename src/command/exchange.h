/* One request of `call`, and its reply. */
#ifndef WKV_COMMAND_EXCHANGE_H
#define WKV_COMMAND_EXCHANGE_H

#include <nats/nats.h>
#include <stdint.h>

#include "nats/subject.h"

/* Bytes of a stream's name that are kept, NUL included. */
#define WKV_STREAM_NAME_BYTES 64

/* What the reply is waited for with. */
struct wkv_exchange {
    natsConnection *connection; /* borrowed; nats.c's threads deliver its messages */
    natsSubscription *answers;
    char inbox[WKV_SUBJECT_BYTES];      /* the message must ask for replies there */
    char stream[WKV_STREAM_NAME_BYTES]; /* a JetStream stream that has acknowledged the request, or "" */
};

/* Listens at an inbox under the prefix (NULL: _INBOX). The caller ends it, also after an error. Errors:
 * nats.c's. */
natsStatus wkv_exchange_begin(struct wkv_exchange *exchange, natsConnection *connection,
                              const char *inbox_prefix);

/* Sends the message, which stays the caller's, and waits for its reply, which the caller destroys.
 *
 * Where a JetStream stream captures the subject, the server acknowledges the message to the same inbox, and
 * that is no reply: exchange->stream names the stream, and the wait goes on. Errors: nats.c's, NATS_TIMEOUT
 * and NATS_NO_RESPONDERS among them; *reply is NULL then. */
natsStatus wkv_exchange_send(struct wkv_exchange *exchange, natsMsg *message, int64_t timeout_ms,
                             natsMsg **reply);

void wkv_exchange_end(struct wkv_exchange *exchange);

#endif
