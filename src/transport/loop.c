#include "transport/loop.h"

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/loop_events.h"
#include "transport/loop_extra.h"
#include "wascc_keyvalue/clock.h"

/* With more than this waiting to be sent, the loop reads no further requests until the server has taken some:
 * a caller that asks faster than it listens holds up itself, not our memory. */
#define UNSENT_HIGH_BYTES ((size_t)8 * 1024 * 1024)
/* After so many published bytes in one turn they are offered to the socket before the turn goes on. */
#define UNSENT_LOOK_BYTES ((size_t)1024 * 1024)
/* Handled messages are kept until there are WKV_LOOP_SPENT of them or so many bytes, headers included, have
 * come since the last were destroyed. */
#define SPENT_BYTES ((uint64_t)2 * 1024 * 1024)
#define DRAIN_SLICE_MS 200
#define DRAIN_AT_ONCE 64
/* How long to wait for nats.c to pass on what the server said. */
#define REFUSAL_WAIT_MS 1000
/* Less than the minute after which nats.c's own timer finds the connection stale. */
#define STUCK_NS (30 * WKV_NS_PER_S)

enum wkv_code wkv_loop_init(struct wkv_loop *loop, const char *name, struct wkv_stats *stats,
                            struct wkv_log *log, int notify_fd, struct wkv_error *error)
{
    memset(loop, 0, sizeof *loop);
    (void)snprintf(loop->name, sizeof loop->name, "%s", name);
    loop->stats = stats;
    loop->log = log;
    loop->notify_fd = notify_fd;
    randombytes_buf(loop->extras_key, sizeof loop->extras_key);
    atomic_init(&loop->socket_fd, -1);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event wake = {.events = EPOLLIN, .data.fd = loop->wake_fd};
    if (loop->epoll_fd < 0 || loop->wake_fd < 0 ||
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &wake) != 0 ||
        pthread_mutex_init(&loop->turn_lock, NULL) != 0 || pthread_mutex_init(&loop->extra_lock, NULL) != 0)
        return wkv_fail(error, WKV_UNAVAILABLE, "%s: no file descriptors for a loop: %s", name,
                        strerror(errno));
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&loop->turn_done, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    return WKV_OK;
}

void wkv_loop_listen(struct wkv_loop *loop, const char *subject, const char *queue, wkv_loop_handler handle,
                     wkv_loop_preparer prepare, void *context)
{
    struct wkv_loop_subscription *one = &loop->subscriptions[loop->subscription_count++];
    one->handle = handle;
    one->prepare = prepare;
    one->context = context;
    one->subscription = NULL;
    (void)snprintf(one->subject, sizeof one->subject, "%s", subject);
    (void)snprintf(one->queue, sizeof one->queue, "%s", queue == NULL ? "" : queue);
}

void wkv_loop_listen_optional(struct wkv_loop *loop)
{
    loop->subscriptions[loop->subscription_count - 1].optional = true;
}

void wkv_loop_wake(struct wkv_loop *loop)
{
    uint64_t one = 1;
    ssize_t written = write(loop->wake_fd, &one, sizeof one);
    (void)written; /* a full counter wakes as well */
}

/* ---- the loop's thread ---- */

/* Takes over how many messages nats.c has put into subscriptions since the last look. */
static void count_pending(struct wkv_loop *loop)
{
    uint64_t in = 0;
    if (natsConnection_GetStats(loop->connection, loop->statistics) != NATS_OK ||
        natsStatistics_GetCounts(loop->statistics, &in, &loop->bytes_seen, NULL, NULL, NULL) != NATS_OK)
        return;
    loop->pending += in - loop->messages_seen;
    loop->messages_seen = in;
}

/* Offers what is buffered to the socket. Returns whether the buffer is low enough to go on. */
static bool offer_writes(struct wkv_loop *loop)
{
    if (!atomic_load_explicit(&loop->want_write, memory_order_acquire))
        return true;
    natsConnection_ProcessWriteEvent(loop->connection);
    loop->clock_ns = 0;
    loop->unsent_bytes = 0;
    if (!atomic_load_explicit(&loop->want_write, memory_order_acquire))
        return true;
    int buffered = natsConnection_Buffered(loop->connection);
    return buffered < 0 || (size_t)buffered < UNSENT_HIGH_BYTES;
}

static void destroy_spent(struct wkv_loop *loop)
{
    for (size_t i = 0; i < loop->spent_count; i++)
        natsMsg_Destroy(loop->spent[i]);
    loop->clock_ns = 0;
    loop->spent_count = 0;
    loop->spent_from = loop->bytes_seen;
}

/* nats.c does not free a message where it is destroyed but wakes a collecting thread for it, if that one
 * sleeps. Destroyed one by one, each message costs a wake-up and a fight for malloc's lock; destroyed by the
 * hundred, hardly anything. */
static void retire(struct wkv_loop *loop, natsMsg *message)
{
    loop->spent[loop->spent_count++] = message;
    if (loop->spent_count == WKV_LOOP_SPENT)
        destroy_spent(loop);
}

int64_t wkv_loop_begun_ns(const struct wkv_loop *loop)
{
    return loop->clock_ns != 0 ? loop->clock_ns : wkv_monotonic_ns();
}

int64_t wkv_loop_done_ns(struct wkv_loop *loop)
{
    loop->clock_ns = wkv_monotonic_ns();
    return loop->clock_ns;
}

/* Handles what is left of the batch. Returns false where it had to stop because what is to be sent piles up.
 */
static bool handle_batch(struct wkv_loop *loop)
{
    loop->clock_ns = 0;
    while (loop->batch_next < loop->batch_count) {
        natsMsg *message = loop->batch[loop->batch_next++];
        loop->batch_from->handle(loop, loop->batch_from->context, message);
        retire(loop, message);
        if ((loop->unsent_bytes >= UNSENT_LOOK_BYTES && !offer_writes(loop)) ||
            atomic_load_explicit(&loop->want_stop, memory_order_relaxed))
            return false;
    }
    return true;
}

/* Takes the next messages of a subscription, as many as there are up to a batch. */
static void fill_batch(struct wkv_loop *loop, struct wkv_loop_subscription *from)
{
    loop->batch_from = from;
    loop->batch_next = 0;
    loop->batch_count = 0;
    while (loop->pending > 0 && loop->batch_count < WKV_LOOP_BATCH) {
        natsMsg *message = NULL;
        natsStatus status = natsSubscription_NextMsg(&message, from->subscription, 0);
        if (status == NATS_OK)
            loop->batch[loop->batch_count++] = message;
        /* A request that pretends to be the server's "no responders" is taken away by nats.c and says so
         * here. */
        else if (status != NATS_NO_RESPONDERS)
            break;
        loop->pending--;
    }
    if (loop->batch_count > 1 && from->prepare != NULL)
        from->prepare(from->context, loop->batch, loop->batch_count);
}

/* Handles the messages of one subscription until none is left there. Returns false where it had to stop. */
static bool handle_subscription(struct wkv_loop *loop, struct wkv_loop_subscription *from)
{
    do {
        fill_batch(loop, from);
        if (!handle_batch(loop))
            return false;
    } while (loop->batch_count == WKV_LOOP_BATCH);
    return true;
}

/* A look at an empty subscription by taking a message costs nearly as much as a message: nats.c words an
 * error for it. */
static bool has_messages(natsSubscription *subscription)
{
    uint64_t queued = 0;
    return subscription != NULL && natsSubscription_QueuedMsgs(subscription, &queued) == NATS_OK &&
           queued > 0;
}

/* Handles what is pending for the subjects that every connection has, beginning where messages came last:
 * mostly one operation is all the traffic. Returns false where it had to stop. */
static bool handle_fixed(struct wkv_loop *loop)
{
    size_t first = loop->hot;
    for (size_t i = 0; i < loop->subscription_count && loop->pending > 0; i++) {
        size_t index = (first + i) % loop->subscription_count;
        struct wkv_loop_subscription *from = &loop->subscriptions[index];
        if (!has_messages(from->subscription))
            continue;
        uint64_t before = loop->pending;
        bool go_on = handle_subscription(loop, from);
        if (loop->pending != before) {
            loop->hot = index;
            loop->extras_first = false;
        }
        if (!go_on)
            return false;
    }
    return true;
}

/* Likewise for the subjects of single actors: one that had messages goes to the front. */
static bool handle_extras(struct wkv_loop *loop)
{
    for (struct wkv_loop_extra **link = &loop->recent; *link != NULL && loop->pending > 0;) {
        struct wkv_loop_extra *one = *link;
        uint64_t before = loop->pending;
        bool go_on = !has_messages(one->listen.subscription) || handle_subscription(loop, &one->listen);
        if (loop->pending != before) {
            *link = one->next_recent;
            one->next_recent = loop->recent;
            loop->recent = one;
            loop->extras_first = true;
        }
        if (!go_on)
            return false;
        /* The one that went to the front may have left link pointing at its own successor's place: that is
         * what follows. */
        if (*link == one)
            link = &one->next_recent;
    }
    return true;
}

/* Handles what is pending. Returns false where it had to stop. */
static bool handle_pending(struct wkv_loop *loop)
{
    if (!handle_batch(loop))
        return false;
    wkv_loop_extra_refresh(loop);
    bool extras_first = loop->extras_first;
    if (!(extras_first ? handle_extras(loop) : handle_fixed(loop)) ||
        !(extras_first ? handle_fixed(loop) : handle_extras(loop)))
        return false;
    /* What is left was for no subscription of ours (a client's inbox on this connection, or one that has
     * ended). */
    loop->pending = 0;
    return true;
}

static void answer_turns(struct wkv_loop *loop, uint64_t asked)
{
    (void)pthread_mutex_lock(&loop->turn_lock);
    loop->turns_done = asked;
    (void)pthread_cond_broadcast(&loop->turn_done);
    (void)pthread_mutex_unlock(&loop->turn_lock);
}

/* One turn: wait, read, handle, write. */
static void turn(struct wkv_loop *loop, bool *flowing)
{
    bool readable = false;
    bool woken = false;
    struct epoll_event events[4];
    /* No other thread writes it. */
    uint64_t begun = atomic_load_explicit(&loop->turns_begun, memory_order_relaxed);
    atomic_store_explicit(&loop->turns_begun, begun + 1, memory_order_relaxed);
    uint64_t asked = atomic_load_explicit(&loop->turns_asked, memory_order_acquire);
    int count = epoll_wait(loop->epoll_fd, events, 4, asked != loop->turns_done && *flowing ? 0 : -1);
    for (int i = 0; i < count; i++) {
        if (events[i].data.fd == loop->wake_fd)
            woken = true;
        else
            readable |= (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
    }
    if (woken) {
        uint64_t drained;
        ssize_t got = read(loop->wake_fd, &drained, sizeof drained);
        (void)got;
    }
    if (readable && *flowing) {
        loop->turn++;
        natsConnection_ProcessReadEvent(loop->connection);
    }
    count_pending(loop);
    /* Where the server takes no replies, none are made, whatever has woken the loop. */
    *flowing = offer_writes(loop) && handle_pending(loop);
    if (loop->bytes_seen - loop->spent_from >= SPENT_BYTES)
        destroy_spent(loop);
    if (!offer_writes(loop))
        *flowing = false;
    wkv_loop_update_interest(loop, *flowing);
    if (asked != loop->turns_done && *flowing)
        answer_turns(loop, asked);
}

static void *run(void *argument)
{
    struct wkv_loop *loop = argument;
    bool flowing = true;
    atomic_store_explicit(&loop->owner, pthread_self(), memory_order_relaxed);
    while (!atomic_load_explicit(&loop->want_stop, memory_order_acquire))
        turn(loop, &flowing);
    return NULL;
}

/* ---- from other threads ---- */

static natsStatus set_options(struct wkv_loop *loop, natsOptions *options)
{
    natsStatus status = natsOptions_SetEventLoop(options, loop, wkv_loop_on_attach, wkv_loop_on_read,
                                                 wkv_loop_on_write, wkv_loop_on_detach);
    if (status == NATS_OK)
        status = natsOptions_SetAllowReconnect(options, false);
    if (status == NATS_OK)
        status = natsOptions_SetClosedCB(options, wkv_loop_on_closed, loop);
    if (status == NATS_OK)
        status = natsOptions_SetErrorHandler(options, wkv_loop_on_error, loop);
    return status;
}

static void reset_for_connection(struct wkv_loop *loop)
{
    atomic_store(&loop->want_stop, false);
    atomic_store(&loop->want_write, false);
    atomic_store(&loop->closed, false);
    atomic_store(&loop->confirmed, false);
    loop->interest = EPOLLIN;
    loop->messages_seen = 0;
    loop->bytes_seen = 0;
    loop->spent_from = 0;
    loop->pending = 0;
    loop->unsent_bytes = 0;
    loop->hot = 0;
    (void)pthread_mutex_lock(&loop->turn_lock);
    loop->refusal[0] = '\0';
    (void)pthread_mutex_unlock(&loop->turn_lock);
}

/* OpenSSL keeps errors in a queue of each thread, and nats.c leaves there what ended a connection over TLS.
 * For the next connection that this thread makes "would block" then looks like that error. So each begins
 * with an empty queue; the loop's thread is a new one for each. It is nats.c that links OpenSSL, if anything
 * does, hence the look-up. */
static void forget_tls_errors(void)
{
    void (*clear)(void) = NULL;
    void *found = dlsym(RTLD_DEFAULT, "ERR_clear_error");
    memcpy(&clear, &found, sizeof clear);
    if (clear != NULL)
        clear();
}

static natsStatus connect_now(struct wkv_loop *loop, natsOptions *options)
{
    natsConnection *connection = NULL;
    forget_tls_errors();
    natsStatus status = natsConnection_Connect(&connection, options);
    (void)pthread_mutex_lock(&loop->extra_lock);
    loop->connection = connection;
    (void)pthread_mutex_unlock(&loop->extra_lock);
    return status;
}

static enum wkv_code connect_once(struct wkv_loop *loop, const struct wkv_connect_options *connect,
                                  struct wkv_error *error)
{
    natsOptions *options;
    if (wkv_connect_options_apply(connect, "wascc-keyvalue", &options, error) != WKV_OK)
        return error->code;
    reset_for_connection(loop);
    natsStatus status = natsStatistics_Create(&loop->statistics);
    if (status == NATS_OK)
        status = set_options(loop, options);
    if (status == NATS_OK)
        status = connect_now(loop, options);
    if (status != NATS_OK)
        (void)wkv_connect_failed(loop->name, connect, status, error);
    natsOptions_Destroy(options);
    if (status != NATS_OK)
        return error->code;
    loop->max_payload = (size_t)natsConnection_GetMaxPayload(loop->connection);
    wkv_loop_note_up(loop);
    return WKV_OK;
}

natsStatus wkv_loop_subscribe_one(struct wkv_loop *loop, struct wkv_loop_subscription *one)
{
    natsStatus status = one->queue[0] == '\0'
                            ? natsConnection_SubscribeSync(&one->subscription, loop->connection, one->subject)
                            : natsConnection_QueueSubscribeSync(&one->subscription, loop->connection,
                                                                one->subject, one->queue);
    /* No bound of nats.c's own, which would drop requests: the loop reads no more than it has handled. */
    if (status == NATS_OK)
        status = natsSubscription_SetPendingLimits(one->subscription, -1, -1);
    return status;
}

/* The server has refused something. Its words reach us by a callback of nats.c's, on a thread of its own;
 * where they are not of a subscription, but of a reply to a request that came in already, there is nothing to
 * wait for but the time. */
static enum wkv_code check_refusal(struct wkv_loop *loop, struct wkv_error *error)
{
    int64_t deadline_ns = wkv_monotonic_ns() + REFUSAL_WAIT_MS * WKV_NS_PER_MS;
    struct timespec until = {deadline_ns / WKV_NS_PER_S, deadline_ns % WKV_NS_PER_S};
    int waited = 0;
    enum wkv_code code = WKV_OK;
    (void)pthread_mutex_lock(&loop->turn_lock);
    while (loop->refusal[0] == '\0' && waited == 0)
        waited = pthread_cond_timedwait(&loop->turn_done, &loop->turn_lock, &until);
    if (loop->refusal[0] != '\0')
        code = wkv_fail(error, WKV_FORBIDDEN,
                        "%s: the server refuses a subscription (%s); grant this user `subscribe` on it",
                        loop->name, loop->refusal);
    (void)pthread_mutex_unlock(&loop->turn_lock);
    return code;
}

/* A server that ends the connection has said why: such as that a user has too many subscriptions. */
static enum wkv_code cannot_subscribe(struct wkv_loop *loop, natsStatus status, struct wkv_error *error)
{
    const char *text = NULL;
    natsStatus last = NATS_OK;
    /* The text of one that is closed does not change any more. */
    if (natsConnection_IsClosed(loop->connection))
        last = natsConnection_GetLastError(loop->connection, &text);
    if (last == NATS_OK || text == NULL || *text == '\0')
        text = natsStatus_GetText(status);
    return wkv_fail(error, WKV_UNAVAILABLE, "%s: cannot subscribe: %s", loop->name, text);
}

/* Before there is a thread that reads: a message finds its subscription in place. */
static enum wkv_code subscribe_and_run(struct wkv_loop *loop, struct wkv_error *error)
{
    natsStatus status = NATS_OK;
    for (size_t i = 0; i < loop->subscription_count && status == NATS_OK; i++)
        status = wkv_loop_subscribe_one(loop, &loop->subscriptions[i]);
    if (status == NATS_OK)
        status = wkv_loop_extra_subscribe(loop);
    if (status != NATS_OK)
        return cannot_subscribe(loop, status, error);
    loop->running = pthread_create(&loop->thread, NULL, run, loop) == 0;
    return loop->running ? WKV_OK
                         : wkv_fail(error, WKV_UNAVAILABLE, "%s: no thread for a connection", loop->name);
}

/* The server answers a PING after the subscriptions before it, and refusals of them come before its PONG. */
static enum wkv_code await_confirmation(struct wkv_loop *loop, int64_t timeout_ms, struct wkv_error *error)
{
    const char *changing; /* the next error overwrites it: not for reading */
    natsStatus status = natsConnection_FlushTimeout(loop->connection, timeout_ms);
    if (status != NATS_OK)
        return cannot_subscribe(loop, status, error);
    if (natsConnection_GetLastError(loop->connection, &changing) == NATS_NOT_PERMITTED &&
        check_refusal(loop, error) != WKV_OK)
        return error->code;
    atomic_store(&loop->confirmed, true);
    return WKV_OK;
}

enum wkv_code wkv_loop_open(struct wkv_loop *loop, const struct wkv_connect_options *options,
                            int64_t timeout_ms, struct wkv_error *error)
{
    enum wkv_code code = connect_once(loop, options, error);
    if (code == WKV_OK)
        code = subscribe_and_run(loop, error);
    if (code == WKV_OK)
        code = await_confirmation(loop, timeout_ms, error);
    if (code != WKV_OK) {
        wkv_loop_disconnect(loop, 0);
        return code;
    }
    if (loop->opened)
        wkv_log_info(loop->log, "%s: reconnected", loop->name);
    loop->opened = true;
    return WKV_OK;
}

bool wkv_loop_is_confirmed(struct wkv_loop *loop)
{
    return atomic_load(&loop->up) && atomic_load(&loop->confirmed);
}

bool wkv_loop_is_lost(struct wkv_loop *loop)
{
    return !loop->running || atomic_load(&loop->closed);
}

/* Waits until the loop has done a whole turn that began after this call: what it had taken in hand before is
 * answered. */
static bool await_turn(struct wkv_loop *loop, int64_t deadline_ns)
{
    uint64_t mine = atomic_fetch_add_explicit(&loop->turns_asked, 1, memory_order_acq_rel) + 1;
    wkv_loop_wake(loop);
    struct timespec until = {deadline_ns / WKV_NS_PER_S, deadline_ns % WKV_NS_PER_S};
    int waited = 0;
    (void)pthread_mutex_lock(&loop->turn_lock);
    while (loop->turns_done < mine && waited == 0)
        waited = pthread_cond_timedwait(&loop->turn_done, &loop->turn_lock, &until);
    bool done = loop->turns_done >= mine;
    (void)pthread_mutex_unlock(&loop->turn_lock);
    return done;
}

static int64_t left_ms(int64_t deadline_ns)
{
    int64_t left = (deadline_ns - wkv_monotonic_ns()) / WKV_NS_PER_MS;
    return left < 1 ? 1 : left;
}

static bool is_connected(const struct wkv_loop *loop)
{
    return natsConnection_Status(loop->connection) == NATS_CONN_STATUS_CONNECTED;
}

/* How long to wait in one go: the connection may be lost at any moment of a drain, and nats.c would wait on
 * for an answer that cannot come. */
static int64_t slice_ms(int64_t deadline_ns)
{
    int64_t left = left_ms(deadline_ns);
    return left < DRAIN_SLICE_MS ? left : DRAIN_SLICE_MS;
}

static bool begin_drain(const struct wkv_loop_subscription *one, int64_t deadline_ns)
{
    return one->subscription == NULL ||
           natsSubscription_DrainTimeout(one->subscription, left_ms(deadline_ns)) == NATS_OK;
}

static bool await_drained(struct wkv_loop *loop, natsSubscription *subscription, int64_t deadline_ns)
{
    natsStatus status;
    if (subscription == NULL)
        return true;
    do
        status = natsSubscription_WaitForDrainCompletion(subscription, slice_ms(deadline_ns));
    while (status == NATS_TIMEOUT && is_connected(loop) && wkv_monotonic_ns() < deadline_ns);
    return status == NATS_OK;
}

/* Some at a time, since nats.c starts a thread for each that it drains. */
static bool drain_extras(struct wkv_loop *loop, int64_t deadline_ns)
{
    bool drained = true;
    struct wkv_loop_extra *end;
    for (struct wkv_loop_extra *first = loop->extras; first != NULL && is_connected(loop); first = end) {
        size_t begun = 0;
        for (end = first; end != NULL && begun < DRAIN_AT_ONCE; end = end->next, begun++)
            drained &= end->dropped || begin_drain(&end->listen, deadline_ns);
        for (struct wkv_loop_extra *one = first; one != end && is_connected(loop); one = one->next)
            drained &= one->dropped || await_drained(loop, one->listen.subscription, deadline_ns);
    }
    return drained;
}

/* nats.c's drain of a subscription: it tells the server, waits until the server has heard (so nothing more
 * comes), and then until the queue is empty, which the loop sees to. The connection stays up, so the replies
 * go out. */
static bool drain_subscriptions(struct wkv_loop *loop, int64_t deadline_ns)
{
    bool drained = true;
    for (size_t i = 0; i < loop->subscription_count && is_connected(loop); i++)
        drained &= begin_drain(&loop->subscriptions[i], deadline_ns);
    for (size_t i = 0; i < loop->subscription_count && is_connected(loop); i++)
        drained &= await_drained(loop, loop->subscriptions[i].subscription, deadline_ns);
    drained &= drain_extras(loop, deadline_ns);
    return drained && is_connected(loop);
}

/* Waits until the server has taken all that was published. */
static bool flush(struct wkv_loop *loop, int64_t deadline_ns)
{
    natsStatus status;
    do
        status = natsConnection_FlushTimeout(loop->connection, slice_ms(deadline_ns));
    while (status == NATS_TIMEOUT && is_connected(loop) && wkv_monotonic_ns() < deadline_ns);
    return status == NATS_OK;
}

bool wkv_loop_drain(struct wkv_loop *loop, int64_t timeout_ms)
{
    if (!loop->running || atomic_load(&loop->closed))
        return true;
    /* Without a server there is nobody whose requests could still be answered. */
    if (!is_connected(loop))
        return true;
    int64_t deadline_ns = wkv_monotonic_ns() + timeout_ms * WKV_NS_PER_MS;
    wkv_loop_extra_freeze(loop);
    return drain_subscriptions(loop, deadline_ns) && await_turn(loop, deadline_ns) &&
           flush(loop, deadline_ns);
}

/* nats.c tells of the close on a thread of its own, after the calls that it had yet to make: the loop must
 * outlive that. */
static void await_closed(struct wkv_loop *loop)
{
    (void)pthread_mutex_lock(&loop->turn_lock);
    while (!atomic_load(&loop->closed))
        (void)pthread_cond_wait(&loop->turn_done, &loop->turn_lock);
    (void)pthread_mutex_unlock(&loop->turn_lock);
}

/* Whoever waits at the socket is woken, and finds it ended. Under the lock it is still ours. */
static void break_socket(struct wkv_loop *loop)
{
    (void)pthread_mutex_lock(&loop->turn_lock);
    int socket = atomic_load(&loop->socket_fd);
    if (socket >= 0)
        (void)shutdown(socket, SHUT_RDWR);
    (void)pthread_mutex_unlock(&loop->turn_lock);
}

void wkv_loop_check(struct wkv_loop *loop)
{
    if (wkv_loop_is_lost(loop))
        return;
    int64_t now_ns = wkv_monotonic_ns();
    uint64_t turns = atomic_load_explicit(&loop->turns_begun, memory_order_relaxed);
    if (turns != loop->turns_seen) {
        loop->turns_seen = turns;
        loop->turned_ns = now_ns;
    } else if (now_ns - loop->turned_ns > STUCK_NS) {
        wkv_log_warn(loop->log, "%s: the connection has stopped within a message: ending it", loop->name);
        break_socket(loop);
        loop->turned_ns = now_ns;
    }
    wkv_loop_wake(loop);
}

void wkv_loop_disconnect(struct wkv_loop *loop, int64_t timeout_ms)
{
    if (loop->running) {
        bool turned =
            atomic_load(&loop->closed) || await_turn(loop, wkv_monotonic_ns() + timeout_ms * WKV_NS_PER_MS);
        atomic_store_explicit(&loop->want_stop, true, memory_order_release);
        wkv_loop_wake(loop);
        /* It may be one that waits without end. */
        if (!turned)
            break_socket(loop);
        (void)pthread_join(loop->thread, NULL);
        atomic_store(&loop->owner, (pthread_t)0);
        loop->running = false;
    }
    while (loop->batch_next < loop->batch_count)
        retire(loop, loop->batch[loop->batch_next++]);
    destroy_spent(loop);
    /* Closed first: a subscription that goes while the connection is open leaves an UNSUB behind, for which
     * the close would then wait half a second, as there is no loop any more to send it. */
    if (loop->connection != NULL) {
        natsConnection_Close(loop->connection);
        await_closed(loop);
    }
    (void)pthread_mutex_lock(&loop->extra_lock);
    for (size_t i = 0; i < loop->subscription_count; i++) {
        natsSubscription_Destroy(loop->subscriptions[i].subscription);
        loop->subscriptions[i].subscription = NULL;
    }
    wkv_loop_extra_unsubscribe(loop);
    natsConnection_Destroy(loop->connection);
    loop->connection = NULL;
    (void)pthread_mutex_unlock(&loop->extra_lock);
    natsStatistics_Destroy(loop->statistics);
    loop->statistics = NULL;
}

void wkv_loop_destroy(struct wkv_loop *loop)
{
    if (loop->epoll_fd >= 0)
        (void)close(loop->epoll_fd);
    if (loop->wake_fd >= 0)
        (void)close(loop->wake_fd);
    wkv_loop_extra_destroy(loop);
    (void)pthread_mutex_destroy(&loop->turn_lock);
    (void)pthread_cond_destroy(&loop->turn_done);
}
