#include "nats/greeting.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/clock.h"

/* Addresses that are tried at once. */
#define MAX_CALLS 64
#define GREETING "INFO "

struct call {
    size_t server;
    bool one_of_several;
    char address[NI_MAXHOST];
};

struct calls {
    struct pollfd fds[MAX_CALLS + 1]; /* the first one cancels */
    struct call calls[MAX_CALLS + 1];
    nfds_t count;
};

static void hang_up(struct calls *calls, nfds_t i)
{
    (void)close(calls->fds[i].fd);
    calls->fds[i].fd = -1;
}

static void call_address(struct calls *calls, size_t server, const struct addrinfo *info, bool one_of_several)
{
    if (calls->count == MAX_CALLS + 1)
        return;
    int fd = socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, info->ai_protocol);
    struct call *call = &calls->calls[calls->count];
    *call = (struct call){.server = server, .one_of_several = one_of_several};
    if (fd < 0)
        return;
    if (getnameinfo(info->ai_addr, info->ai_addrlen, call->address, sizeof call->address, NULL, 0,
                    NI_NUMERICHOST) != 0 ||
        (connect(fd, info->ai_addr, info->ai_addrlen) != 0 && errno != EINPROGRESS)) {
        (void)close(fd);
        return;
    }
    calls->fds[calls->count++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void call_server(struct calls *calls, const struct wkv_pool_server *server, size_t index, int flags)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char port[8];
    (void)snprintf(port, sizeof port, "%u", server->port);
    if (getaddrinfo(server->host, port, &hints, &found) != 0)
        return;
    for (const struct addrinfo *one = found; one != NULL; one = one->ai_next)
        call_address(calls, index, one, found->ai_next != NULL);
    freeaddrinfo(found);
}

/* Whether a NATS server has answered that call. A call that is answered otherwise is hung up. */
static bool is_greeted(struct calls *calls, nfds_t i)
{
    char text[sizeof GREETING - 1];
    ssize_t got = recv(calls->fds[i].fd, text, sizeof text, MSG_PEEK);
    if (got == (ssize_t)sizeof text && memcmp(text, GREETING, sizeof text) == 0)
        return true;
    if (got >= 0 || (errno != EAGAIN && errno != EINTR))
        hang_up(calls, i);
    return false;
}

/* The number of the first call that is answered within the time; 0: none. */
static nfds_t await_first(struct calls *calls, int64_t deadline_ns)
{
    for (;;) {
        int left_ms = wkv_left_ms(deadline_ns);
        bool any = false;
        for (nfds_t i = 1; i < calls->count; i++)
            any |= calls->fds[i].fd >= 0;
        if (!any || (poll(calls->fds, calls->count, left_ms) <= 0 && errno != EINTR) ||
            calls->fds[0].revents != 0)
            return 0;
        for (nfds_t i = 1; i < calls->count; i++)
            if (calls->fds[i].fd >= 0 && calls->fds[i].revents != 0 && is_greeted(calls, i))
                return i;
        if (left_ms == 0)
            return 0;
    }
}

bool wkv_greeting_await(const struct wkv_pool_server *list, const bool *skip, size_t count,
                        int64_t timeout_ms, int cancel_fd, struct wkv_greeting *greeting)
{
    struct calls calls = {.count = 1};
    int64_t deadline_ns = wkv_monotonic_ns() + timeout_ms * WKV_NS_PER_MS;
    nfds_t first = 0;
    calls.fds[0] = (struct pollfd){.fd = cancel_fd, .events = POLLIN};
    /* Addresses first: the resolver of names may be what is dead. */
    for (size_t i = 0; i < count; i++)
        if (!skip[i] && wkv_pool_is_address(&list[i]))
            call_server(&calls, &list[i], i, AI_NUMERICHOST);
    for (size_t i = 0; i < count && first == 0 && calls.fds[0].revents == 0; i++)
        if (!skip[i] && !wkv_pool_is_address(&list[i])) {
            call_server(&calls, &list[i], i, 0);
            first = await_first(&calls, 0);
        }
    if (first == 0 && calls.fds[0].revents == 0)
        first = await_first(&calls, deadline_ns);
    if (first != 0) {
        *greeting = (struct wkv_greeting){.server = calls.calls[first].server,
                                          .one_of_several = calls.calls[first].one_of_several};
        (void)snprintf(greeting->address, sizeof greeting->address, "%s", calls.calls[first].address);
    }
    for (nfds_t i = 1; i < calls.count; i++)
        if (calls.fds[i].fd >= 0)
            hang_up(&calls, i);
    return first != 0;
}
