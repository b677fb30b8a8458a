/* The side that is asked. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "support/self_address.h"

#define BACKLOG 128
/* After a connection that could not be accepted, for example for want of a file descriptor. */
#define PAUSE_MS 100

struct wkv_self {
    struct wkv_vitals *vitals;
    pthread_t thread;
    int listen_fd;
    int end_fd; /* an eventfd: readable when the thread is to end */
};

/* ---- the thread ---- */

/* The caller may be gone by now, or never read: the answer is not waited for. */
static void answer(struct wkv_self *self, int socket)
{
    char text[WKV_SELF_ANSWER_BYTES] = WKV_SELF_WELL;
    struct ucred peer;
    if (!wkv_self_peer(socket, &peer) || (peer.uid != geteuid() && peer.uid != 0))
        return;
    (void)wkv_vitals_check(self->vitals, text, sizeof text);
    (void)send(socket, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void *run(void *argument)
{
    struct wkv_self *self = argument;
    struct pollfd fds[] = {{.fd = self->end_fd, .events = POLLIN}, {.fd = self->listen_fd, .events = POLLIN}};
    for (;;) {
        (void)poll(fds, 2, -1);
        if (fds[0].revents != 0)
            return NULL;
        int socket = accept4(self->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (socket >= 0) {
            answer(self, socket);
            (void)close(socket);
        } else if (errno != EAGAIN) {
            (void)poll(fds, 1, PAUSE_MS);
        }
    }
}

/* ---- beginning and end ---- */

/* The socket, or -1 and errno. */
static int listen_at(const struct wkv_self_address *at)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (bind(fd, (const struct sockaddr *)&at->address, at->len) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int why = errno;
    (void)close(fd);
    errno = why;
    return -1;
}

static int listen_by_name(const struct wkv_self_name *name)
{
    int fd = -1;
    errno = EADDRINUSE;
    for (unsigned slot = 0; slot < WKV_SELF_SLOTS && fd < 0 && errno == EADDRINUSE; slot++) {
        struct wkv_self_address at;
        wkv_self_address(name, slot, &at);
        fd = listen_at(&at);
    }
    return fd;
}

static void destroy(struct wkv_self *self)
{
    if (self->listen_fd >= 0)
        (void)close(self->listen_fd);
    if (self->end_fd >= 0)
        (void)close(self->end_fd);
    free(self);
}

struct wkv_self *wkv_self_start(const struct wkv_self_name *name, struct wkv_vitals *vitals,
                                struct wkv_log *log)
{
    struct wkv_self *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->vitals = vitals;
    self->listen_fd = listen_by_name(name);
    self->end_fd = self->listen_fd < 0 ? -1 : eventfd(0, EFD_CLOEXEC);
    int why = self->end_fd < 0 ? errno : pthread_create(&self->thread, NULL, run, self);
    if (self->end_fd >= 0 && why == 0)
        return self;
    wkv_log_warn(log, "health --self will not find this process: no socket to be asked at: %s",
                 strerror(why));
    destroy(self);
    return NULL;
}

void wkv_self_stop(struct wkv_self *self)
{
    if (self == NULL)
        return;
    (void)eventfd_write(self->end_fd, 1);
    (void)pthread_join(self->thread, NULL);
    destroy(self);
}
