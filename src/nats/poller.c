#include "nats/poller.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "support/clock.h"

#define EVENTS 4

bool wkv_poller_init(struct wkv_poller *poller)
{
    *poller = (struct wkv_poller){.lock = PTHREAD_MUTEX_INITIALIZER, .socket_fd = -1, .left_fd = -1};
    /* Where it has this function an event loop is to call it when it polls no more; all it does is to close.
     */
    poller->closes_sockets = dlsym(RTLD_DEFAULT, "natsConnection_ProcessCloseEvent") != NULL;
    poller->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    poller->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event wake = {.events = EPOLLIN, .data.fd = poller->wake_fd};
    return poller->epoll_fd >= 0 && poller->wake_fd >= 0 &&
           epoll_ctl(poller->epoll_fd, EPOLL_CTL_ADD, poller->wake_fd, &wake) == 0;
}

void wkv_poller_destroy(struct wkv_poller *poller)
{
    if (poller->epoll_fd >= 0)
        (void)close(poller->epoll_fd);
    if (poller->wake_fd >= 0)
        (void)close(poller->wake_fd);
    (void)pthread_mutex_destroy(&poller->lock);
}

void wkv_poller_wake(struct wkv_poller *poller)
{
    (void)eventfd_write(poller->wake_fd, 1); /* a full counter wakes as well */
}

static int wait_for_ms(const struct wkv_poller *poller, struct epoll_event events[EVENTS], int64_t timeout_ns)
{
    int64_t ms = timeout_ns <= 0 ? timeout_ns : (timeout_ns - 1) / WKV_NS_PER_MS + 1;
    return epoll_wait(poller->epoll_fd, events, EVENTS, ms > INT_MAX ? INT_MAX : (int)ms);
}

/* A kernel or a filter of system calls that does not know the finer call says so once. */
static int wait_for(struct wkv_poller *poller, struct epoll_event events[EVENTS], int64_t timeout_ns)
{
    if (timeout_ns <= 0 || poller->coarse)
        return wait_for_ms(poller, events, timeout_ns);
    const struct timespec timeout = {.tv_sec = timeout_ns / WKV_NS_PER_S,
                                     .tv_nsec = timeout_ns % WKV_NS_PER_S};
    int count = epoll_pwait2(poller->epoll_fd, events, EVENTS, &timeout, NULL);
    if (count >= 0 || (errno != ENOSYS && errno != EPERM))
        return count;
    poller->coarse = true;
    return wait_for_ms(poller, events, timeout_ns);
}

bool wkv_poller_wait(struct wkv_poller *poller, int64_t timeout_ns)
{
    bool readable = false;
    struct epoll_event events[EVENTS];
    int count = wait_for(poller, events, timeout_ns);
    for (int i = 0; i < count; i++) {
        eventfd_t drained;
        if (events[i].data.fd == poller->wake_fd)
            (void)eventfd_read(poller->wake_fd, &drained);
        else
            readable |= (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
    }
    return readable;
}

void wkv_poller_update(struct wkv_poller *poller)
{
    int socket = atomic_load(&poller->socket_fd);
    uint32_t wanted = (uint32_t)EPOLLIN | (wkv_poller_wants_write(poller) ? (uint32_t)EPOLLOUT : 0);
    if (socket < 0 || wanted == poller->interest)
        return;
    struct epoll_event event = {.events = wanted, .data.fd = socket};
    /* A socket that nats.c has just closed is no longer in the set: nothing to do. */
    (void)epoll_ctl(poller->epoll_fd, EPOLL_CTL_MOD, socket, &event);
    poller->interest = wanted;
}

void wkv_poller_break(struct wkv_poller *poller)
{
    (void)pthread_mutex_lock(&poller->lock);
    int socket = atomic_load(&poller->socket_fd);
    if (socket >= 0)
        (void)shutdown(socket, SHUT_RDWR);
    (void)pthread_mutex_unlock(&poller->lock);
}

void wkv_poller_await_detached(const struct wkv_poller *poller)
{
    while (atomic_load(&poller->attached))
        (void)poll(NULL, 0, 1);
}

void wkv_poller_close_left(struct wkv_poller *poller)
{
    int left = atomic_exchange(&poller->left_fd, -1);
    if (left >= 0)
        (void)close(left);
}

/* ---- what nats.c calls ---- */

static natsStatus on_attach(void **user_data, void *argument, natsConnection *connection, natsSock socket)
{
    struct wkv_poller *poller = argument;
    (void)connection;
    *user_data = poller;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = socket};
    if (epoll_ctl(poller->epoll_fd, EPOLL_CTL_ADD, socket, &event) != 0)
        return NATS_ERR;
    atomic_store(&poller->socket_fd, socket);
    atomic_store(&poller->attached, true);
    return NATS_OK;
}

/* nats.c is about to close the socket: it must be out of the set before its number can mean another file. A
 * nats.c that leaves the closing to us may still be reading on the loop's thread: the server is told at once
 * that the connection is over, and the number is given back when that thread has ended. */
static void forget_socket(struct wkv_poller *poller)
{
    (void)pthread_mutex_lock(&poller->lock);
    int socket = atomic_exchange(&poller->socket_fd, -1);
    (void)pthread_mutex_unlock(&poller->lock);
    if (socket < 0)
        return;
    (void)epoll_ctl(poller->epoll_fd, EPOLL_CTL_DEL, socket, NULL);
    if (poller->closes_sockets) {
        (void)shutdown(socket, SHUT_RDWR);
        atomic_store(&poller->left_fd, socket);
    }
}

static natsStatus on_read(void *user_data, bool add)
{
    if (!add)
        forget_socket(user_data);
    return NATS_OK;
}

/* Called for each first byte to be sent, mostly from a handler on the loop's own thread, whose turn ends with
 * a write anyway; from any other thread the loop has to be woken. */
static natsStatus on_write(void *user_data, bool add)
{
    struct wkv_poller *poller = user_data;
    atomic_store_explicit(&poller->want_write, add, memory_order_release);
    if (add && !pthread_equal(pthread_self(), atomic_load_explicit(&poller->owner, memory_order_relaxed)))
        wkv_poller_wake(poller);
    return NATS_OK;
}

/* The store comes last: a thread that sees it may destroy the poller. */
static natsStatus on_detach(void *user_data)
{
    struct wkv_poller *poller = user_data;
    forget_socket(poller);
    atomic_store(&poller->attached, false);
    return NATS_OK;
}

natsStatus wkv_poller_serve(struct wkv_poller *poller, natsOptions *options)
{
    atomic_store(&poller->want_write, false);
    poller->interest = EPOLLIN;
    return natsOptions_SetEventLoop(options, poller, on_attach, on_read, on_write, on_detach);
}
