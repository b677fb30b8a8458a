/* The headers of a received message, looked up where they lie.
 *
 * nats.c's natsMsgHeader_Get makes a table of all headers first, in a time that grows with the square of their number: one message
 * of a megabyte of headers keeps it busy for minutes. This looks for one header in one pass, and makes no table.
 */
#ifndef WKV_TRANSPORT_HEADER_H
#define WKV_TRANSPORT_HEADER_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stddef.h>

#include "wascc_keyvalue/store.h"

/* Where len bytes of headers, `NATS/1.0` line and all, have one of that name: its value, without the blanks around it; the first
 * where there are several. Names are compared exactly. A folded value (RFC 7230 obs-fold) is given as it lies, line ends and all.
 * data NULL: there is none. */
struct wkv_text wkv_header_find(const char *headers, size_t len, const char *name);

/* The value of that header of a message, valid as long as the message. data NULL: there is none. */
struct wkv_text wkv_header_of(natsMsg *message, const char *name);

#endif
