/* The addresses at which processes of one name listen for `health --self`. */
#ifndef WKV_SUPPORT_SELF_ADDRESS_H
#define WKV_SUPPORT_SELF_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "support/self.h"

/* Processes of one name at the same time, at the most. */
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

/* The process at the socket's other end, by the kernel's account. pid is 0 where it is in a PID namespace
 * that this one does not see, such as another container's. Returns false where the kernel does not tell. */
bool wkv_self_peer(int socket, struct ucred *peer);

#endif
