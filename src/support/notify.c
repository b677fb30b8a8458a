#include "support/notify.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/clock.h"

#define NS_PER_US 1000
#define MESSAGE_BYTES 256
#define STATUS_BYTES 200
/* How long a full queue of the manager is waited for, where the manager waits for the message. */
#define PATIENCE_US 500000

/* Whether the manager waits for a message: without READY=1 it would end the service. */
enum urgency { MAY_BE_LOST, AWAITED };

/* sd_notify(3): "the socket address … an absolute path, or an abstract socket, with a leading @". */
static bool read_address(struct sockaddr_un *address, socklen_t *len)
{
    const char *name = getenv("NOTIFY_SOCKET");
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t name_len = name == NULL ? 0 : strlen(name);
    if (name_len < 2 || name_len > sizeof address->sun_path || (name[0] != '/' && name[0] != '@'))
        return false;
    memcpy(address->sun_path, name, name_len);
    if (name[0] == '@')
        address->sun_path[0] = '\0';
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name_len);
    return true;
}

/* sd_notify itself waits without end for a manager that does not read. */
static void tell(enum urgency urgency, const char *text)
{
    struct sockaddr_un address;
    socklen_t len;
    struct timeval patience = {.tv_usec = PATIENCE_US};
    if (!read_address(&address, &len))
        return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    (void)sendto(fd, text, strlen(text), MSG_NOSIGNAL | (urgency == MAY_BE_LOST ? MSG_DONTWAIT : 0),
                 (const struct sockaddr *)&address, len);
    (void)close(fd);
}

void wkv_notify_ready(void)
{
    tell(AWAITED, "READY=1");
}

/* By the time the manager knows which of its signals this answers. */
void wkv_notify_reloading(void)
{
    char text[MESSAGE_BYTES];
    (void)snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, wkv_monotonic_ns() / NS_PER_US);
    tell(AWAITED, text);
}

void wkv_notify_stopping(void)
{
    tell(MAY_BE_LOST, "STOPPING=1");
}

/* Another line would be another message to the manager, such as READY=1. */
void wkv_notify_status(const char *text)
{
    char message[MESSAGE_BYTES];
    size_t len = strcspn(text, "\r\n");
    (void)snprintf(message, sizeof message, "STATUS=%.*s", (int)(len < STATUS_BYTES ? len : STATUS_BYTES),
                   text);
    tell(MAY_BE_LOST, message);
}
