/* Where to listen: the address that --metrics-listen gives, and the socket for it. */
#ifndef WKV_METRICS_LISTEN_H
#define WKV_METRICS_LISTEN_H

#include <stdbool.h>

#include "support/error.h"

/* Bytes of a host's name at the most: DNS has no longer ones. */
#define WKV_LISTEN_HOST_BYTES 255

struct wkv_listen_address {
    char host[WKV_LISTEN_HOST_BYTES + 1]; /* "": every address */
    char port[6];                         /* decimal, 0 to 65535 */
    bool brackets;                        /* the host stood in brackets: an IPv6 address, no name */
};

/* Reads `HOST:PORT`, `[HOST]:PORT` or `:PORT`, without asking whether there is such a host. Returns false for
 * anything else. */
bool wkv_listen_parse(const char *text, struct wkv_listen_address *address);

/* Room for an address as wkv_listen_name writes it, its NUL included. */
#define WKV_LISTEN_NAME_BYTES 80

/* Opens a socket that listens there; `:PORT` is every address, of IPv6 and IPv4 where the machine has both.
 * The socket is close-on-exec, does not block, and is the caller's. May ask the resolver for a name, and wait
 * for it. Errors: WKV_BAD_REQUEST (not an address, or a host that there is not; the text names
 * --metrics-listen and what it takes), WKV_UNAVAILABLE (the address is taken, or the machine does not give
 * it). */
enum wkv_code wkv_listen_open(const char *text, int *fd, struct wkv_error *error);

/* Writes what the socket listens on as `ADDRESS:PORT` or `[ADDRESS]:PORT`, and returns the port. */
unsigned short wkv_listen_name(int fd, char out[WKV_LISTEN_NAME_BYTES]);

#endif
