/* Under which addresses processes of one name listen for `health --self`. */
#ifndef WKV_SUPPORT_SELF_ADDRESS_H
#define WKV_SUPPORT_SELF_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "support/self.h"

/* Of one name at the same time. */
#define WKV_SELF_SLOTS 64u
/* Bytes of an answer: `ok`, or the names of those parts that do not turn. */
#define WKV_SELF_ANSWER_BYTES 256
#define WKV_SELF_WELL "ok"

struct wkv_self_address {
    struct sockaddr_un address;
    socklen_t len;
};

/* The address of one slot. */
void wkv_self_address(const struct wkv_self_name *name, unsigned slot, struct wkv_self_address *out);

/* Who is at the socket's other end, or listens there, as the kernel has it. pid is 0 where it cannot be seen
 * from this PID namespace, as from another container. Returns false where that cannot be told. */
bool wkv_self_peer(int socket, struct ucred *peer);

#endif
