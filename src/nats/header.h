/* The headers of a received message, looked up where they lie.
 *
 * nats.c's natsMsgHeader_Get makes a table of all headers first, in a time that grows with the square of
 * their number: one message of a megabyte of headers keeps it busy for minutes. This looks for one header in
 * one pass, and makes no table.
 */
#ifndef WKV_NATS_HEADER_H
#define WKV_NATS_HEADER_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stddef.h>

#include "wascc_keyvalue/text.h"

/* A header that is looked for. */
struct wkv_header {
    const char *name;
    struct wkv_text value; /* data NULL: there is none */
    const char *spelled;   /* where there is one: the name as the sender has written it, as long as name */
};

/* Looks for several headers at once, in len bytes of headers, `NATS/1.0` line and all: the value of each,
 * without the blanks around it; of the first where there are several. Names are taken in any case (contract
 * section 6). A folded
 * value (RFC 7230 obs-fold) is given as it lies, line ends and all. */
void wkv_headers_find(const char *headers, size_t len, struct wkv_header *wanted, size_t count);

/* The same in a message; the values are valid as long as it is. */
void wkv_headers_of(natsMsg *message, struct wkv_header *wanted, size_t count);

/* Whether a message has none for sure, which costs less to find out than to look for one. */
bool wkv_headers_are_none(natsMsg *message);

#endif
