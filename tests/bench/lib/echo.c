#include "echo.h"

#include <errno.h>
#include <nats/nats.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "process.h"

#define QUEUE_GROUP "echo"

/* The loop as nats.c sees it. Its write callback may come from nats.c's timer thread too (a PING), hence
 * atomic. */
struct loop {
    int epoll_fd;
    int socket;
    _Atomic bool wants_write; /* nats.c has bytes for the socket */
    bool watches_write;       /* epoll tells us when the socket takes more */
};

static natsStatus on_attach(void **user_data, void *context, natsConnection *connection, natsSock socket)
{
    struct loop *loop = context;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = socket};
    (void)connection;
    *user_data = loop;
    loop->socket = socket;
    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, socket, &event) == 0 ? NATS_OK : NATS_SYS_ERROR;
}

static natsStatus on_read(void *user_data, bool add)
{
    (void)user_data; /* a bare echo reads for as long as it lives */
    (void)add;
    return NATS_OK;
}

static natsStatus on_write(void *user_data, bool add)
{
    struct loop *loop = user_data;
    atomic_store_explicit(&loop->wants_write, add, memory_order_relaxed);
    return NATS_OK;
}

static natsStatus on_detach(void *user_data)
{
    (void)user_data;
    return NATS_OK;
}

/* Writes what nats.c has gathered. Only where the socket does not take all of it does epoll get to know. */
static int write_out(struct loop *loop, natsConnection *connection)
{
    if (atomic_load_explicit(&loop->wants_write, memory_order_relaxed))
        natsConnection_ProcessWriteEvent(connection);
    bool wants = atomic_load_explicit(&loop->wants_write, memory_order_relaxed);
    if (wants == loop->watches_write)
        return 0;
    struct epoll_event event = {.events = EPOLLIN | (wants ? (uint32_t)EPOLLOUT : 0),
                                .data.fd = loop->socket};
    loop->watches_write = wants;
    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, loop->socket, &event);
}

/* Every message must have them: an echo that finds nothing would show too little. */
static natsStatus read_headers(natsMsg *message, unsigned headers)
{
    static const char *const names[] = {"Wascc-Claims", "Wascc-Invocation"};
    natsStatus status = NATS_OK;
    for (unsigned i = 0; i < headers && status == NATS_OK; i++) {
        const char *value;
        status = natsMsgHeader_Get(message, names[i], &value);
    }
    return status;
}

static natsStatus answer_all(natsConnection *connection, natsSubscription *subscription, unsigned headers)
{
    natsMsg *message;
    natsStatus status;
    while ((status = natsSubscription_NextMsg(&message, subscription, 0)) == NATS_OK) {
        if (headers > 0 && (status = read_headers(message, headers)) != NATS_OK)
            return status;
        status = natsConnection_Publish(connection, natsMsg_GetReply(message), natsMsg_GetData(message),
                                        natsMsg_GetDataLength(message));
        natsMsg_Destroy(message);
        if (status != NATS_OK)
            return status;
    }
    return status == NATS_TIMEOUT ? NATS_OK : status;
}

static natsStatus serve(struct loop *loop, natsConnection *connection, natsSubscription *subscription,
                        unsigned headers)
{
    natsStatus status = NATS_OK;
    while (status == NATS_OK) {
        struct epoll_event event;
        if (write_out(loop, connection) != 0)
            return NATS_SYS_ERROR;
        int ready = epoll_wait(loop->epoll_fd, &event, 1, -1);
        if (ready < 0 && errno != EINTR)
            return NATS_SYS_ERROR;
        if (ready <= 0 || (event.events & ~(uint32_t)EPOLLOUT) == 0)
            continue;
        natsConnection_ProcessReadEvent(connection);
        status = answer_all(connection, subscription, headers);
    }
    return status;
}

static int report(natsStatus status, const char *what)
{
    bench_complain("%s: %s", what, natsStatus_GetText(status));
    return 1;
}

static int be_bare(const char *url, const char *subject, unsigned headers)
{
    struct loop loop = {.epoll_fd = epoll_create1(EPOLL_CLOEXEC), .socket = -1};
    natsOptions *options = NULL;
    natsConnection *connection = NULL;
    natsSubscription *subscription = NULL;
    natsStatus status = loop.epoll_fd < 0 ? NATS_SYS_ERROR : natsOptions_Create(&options);

    if (status == NATS_OK)
        status = natsOptions_SetURL(options, url);
    if (status == NATS_OK)
        status = natsOptions_SetAllowReconnect(options, false);
    if (status == NATS_OK)
        status = natsOptions_SetSendAsap(options, true);
    if (status == NATS_OK)
        status = natsOptions_SetEventLoop(options, &loop, on_attach, on_read, on_write, on_detach);
    if (status == NATS_OK)
        status = natsConnection_Connect(&connection, options);
    if (status == NATS_OK)
        status = natsConnection_QueueSubscribeSync(&subscription, connection, subject, QUEUE_GROUP);
    if (status == NATS_OK)
        status = serve(&loop, connection, subscription, headers);
    return report(status, "bare echo"); /* ends with its process: nothing is worth giving back */
}

static void on_message(natsConnection *connection, natsSubscription *subscription, natsMsg *message,
                       void *context)
{
    (void)subscription;
    (void)context;
    natsStatus status = natsConnection_Publish(connection, natsMsg_GetReply(message),
                                               natsMsg_GetData(message), natsMsg_GetDataLength(message));
    if (status != NATS_OK)
        report(status, "default echo: publish");
    natsMsg_Destroy(message);
}

static int be_default(const char *url, const char *subject)
{
    natsConnection *connection = NULL;
    natsSubscription *subscription = NULL;
    natsStatus status = natsConnection_ConnectTo(&connection, url);
    if (status == NATS_OK)
        status =
            natsConnection_QueueSubscribe(&subscription, connection, subject, QUEUE_GROUP, on_message, NULL);
    if (status != NATS_OK)
        return report(status, "default echo");
    for (;;)
        pause();
}

int bench_echo(const char *kind, const char *url, const char *subject)
{
    if (strcmp(kind, "default") == 0)
        return be_default(url, subject);
    return be_bare(url, subject, strcmp(kind, "bare") == 0 ? 0 : strcmp(kind, "claims") == 0 ? 1 : 2);
}
