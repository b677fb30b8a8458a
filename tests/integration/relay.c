#include "relay.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_LINKS 16
#define BLOCK_BYTES 16384
/* So long nothing must have moved for the way to count as blocked. */
#define BLOCKED_MS 500
#define POLL_MS 20

/* One direction of a relayed connection, and what it has read but not yet written. */
struct flow {
    int from, to;
    bool from_provider;
    char bytes[BLOCK_BYTES];
    size_t begin, end;
};

struct relay {
    int listener;
    int port, server_port;
    pthread_t thread;
    _Atomic bool stop, held;
    _Atomic bool full;               /* bytes for the provider wait in a flow that it does not take */
    _Atomic long long last_moved_ms; /* when bytes last went to the provider */
    struct flow flows[MAX_LINKS * 2];
    size_t count;
};

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
}

static int connect_to(int port, int receive_bytes)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_bytes > 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        ck_abort_msg("cannot connect to port %d: %s", port, strerror(errno));
    return fd;
}

/* ---- the relay's thread ---- */

static void add_link(struct relay *relay)
{
    int provider = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (provider < 0 || relay->count + 2 > MAX_LINKS * 2)
        return;
    int server = connect_to(relay->server_port, 0);
    (void)fcntl(server, F_SETFL, O_NONBLOCK);
    relay->flows[relay->count++] = (struct flow){.from = provider, .to = server, .from_provider = true};
    relay->flows[relay->count++] = (struct flow){.from = server, .to = provider};
}

/* Moves what can be moved. */
static void pump(struct relay *relay, struct flow *flow)
{
    if (flow->begin == flow->end && !(flow->from_provider && atomic_load(&relay->held))) {
        ssize_t got = read(flow->from, flow->bytes, sizeof flow->bytes);
        flow->begin = 0;
        flow->end = got > 0 ? (size_t)got : 0;
    }
    if (flow->begin == flow->end)
        return;
    ssize_t put = send(flow->to, flow->bytes + flow->begin, flow->end - flow->begin, MSG_NOSIGNAL);
    if (put > 0) {
        flow->begin += (size_t)put;
        if (!flow->from_provider)
            atomic_store(&relay->last_moved_ms, now_ms());
    }
}

/* What to wait for: to write where something is left over, else to read. */
static struct pollfd interest(const struct relay *relay, const struct flow *flow)
{
    if (flow->begin < flow->end)
        return (struct pollfd){.fd = flow->to, .events = POLLOUT};
    if (flow->from_provider && atomic_load(&relay->held))
        return (struct pollfd){.fd = -1};
    return (struct pollfd){.fd = flow->from, .events = POLLIN};
}

static void *run(void *argument)
{
    struct relay *relay = argument;
    while (!atomic_load(&relay->stop)) {
        struct pollfd fds[MAX_LINKS * 2 + 1];
        bool full = false;
        for (size_t i = 0; i < relay->count; i++) {
            fds[i] = interest(relay, &relay->flows[i]);
            full |= !relay->flows[i].from_provider && fds[i].events == POLLOUT;
        }
        atomic_store(&relay->full, full);
        fds[relay->count] = (struct pollfd){.fd = relay->listener, .events = POLLIN};
        size_t count = relay->count;
        (void)poll(fds, count + 1, POLL_MS);
        for (size_t i = 0; i < count; i++)
            if (fds[i].revents != 0)
                pump(relay, &relay->flows[i]);
        if (fds[count].revents != 0)
            add_link(relay);
    }
    return NULL;
}

/* ---- for tests ---- */

struct relay *relay_start(int server_port)
{
    struct relay *relay = calloc(1, sizeof *relay);
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof address;
    int send_bytes = 65536; /* inherited by what it accepts: little is under way to the provider */
    ck_assert_ptr_nonnull(relay);
    relay->server_port = server_port;
    relay->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_ge(relay->listener, 0);
    (void)setsockopt(relay->listener, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes);
    ck_assert_int_eq(bind(relay->listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(relay->listener, MAX_LINKS), 0);
    ck_assert_int_eq(getsockname(relay->listener, (struct sockaddr *)&address, &len), 0);
    relay->port = ntohs(address.sin_port);
    ck_assert_int_eq(pthread_create(&relay->thread, NULL, run, relay), 0);
    return relay;
}

void relay_stop(struct relay *relay)
{
    if (relay == NULL)
        return;
    atomic_store(&relay->stop, true);
    (void)pthread_join(relay->thread, NULL);
    for (size_t i = 0; i < relay->count; i++)
        (void)close(relay->flows[i].from);
    (void)close(relay->listener);
    free(relay);
}

void relay_url(const struct relay *relay, char out[URL_BYTES])
{
    url_of(relay->port, out);
}

void relay_hold(struct relay *relay, bool held)
{
    atomic_store(&relay->held, held);
}

void relay_await_blocked(struct relay *relay)
{
    long long deadline_ms = now_ms() + WAIT_MS;
    while (!atomic_load(&relay->full) || now_ms() - atomic_load(&relay->last_moved_ms) < BLOCKED_MS) {
        ck_assert_msg(now_ms() < deadline_ms, "the provider takes whatever is sent to it");
        (void)poll(NULL, 0, POLL_MS);
    }
}

int bare_connect(int port)
{
    char greeting[4096];
    struct timeval limit = {.tv_sec = WAIT_MS / 1000};
    int fd = connect_to(port, 4096);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ck_assert_int_gt(recv(fd, greeting, sizeof greeting, 0), 0);
    ck_assert_int_eq(strncmp(greeting, "INFO ", 5), 0);
    return fd;
}

void bare_send(int fd, const void *bytes, size_t len)
{
    for (size_t sent = 0; sent < len;) {
        ssize_t now = send(fd, (const char *)bytes + sent, len - sent, MSG_NOSIGNAL);
        ck_assert_msg(now > 0, "cannot send: %s", strerror(errno));
        sent += (size_t)now;
    }
}

void bare_sync(int fd)
{
    char block[4097];
    bare_send(fd, "PING\r\n", 6);
    for (size_t kept = 0;;) {
        ssize_t got = recv(fd, block + kept, sizeof block - 1 - kept, 0);
        ck_assert_msg(got > 0, "the server says nothing more: %s", strerror(errno));
        block[kept + (size_t)got] = '\0';
        if (memmem(block, kept + (size_t)got, "PONG\r\n", 6) != NULL)
            return;
        /* A PONG may come in two parts. */
        kept = kept + (size_t)got > 6 ? 6 : kept + (size_t)got;
        memmove(block, block + strlen(block) - kept, kept);
    }
}
