/* Subjects on which answers come, and their end. */
#ifndef WKV_NATS_INBOX_H
#define WKV_NATS_INBOX_H

#include <nats/nats.h>

#include "nats/subject.h"

/* Makes a subject for answers that nobody else has, under the prefix (NULL: _INBOX). nats.c keeps to itself
 * how it makes those of a connection with a prefix. Errors: nats.c's. */
natsStatus wkv_make_inbox(const char *prefix, char out[WKV_SUBJECT_BYTES]);

/* Ends a subscription on which messages may still come, on a connection that another thread reads: nats.c
 * before 3.10 holds no reference while it delivers one, so it is only freed when what the server sent before
 * it heard of this has been read. Waits at most a second for that. NULL is allowed. */
void wkv_end_inbox(natsConnection *connection, natsSubscription *subscription);

#endif
