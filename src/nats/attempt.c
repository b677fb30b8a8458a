#include "nats/attempt.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "support/clock.h"

/* So that nats.c, where it keeps the time by itself, has its own say first. */
#define GRACE_MS 50
/* A socket that was shut down before it was connected must be shut down again. */
#define AGAIN_MS 50

struct attempt {
    int cancel_fd;
    int done_fd; /* an eventfd: nats.c has returned */
    int64_t until_ns;
    pthread_mutex_t lock; /* of these: */
    int socket;           /* a second descriptor of the socket that was made last; -1: none */
    bool over;            /* no more sockets */
    bool late;            /* it is over since the time is */
};

/* nats.c makes its connection on the thread that asks for it, and tells nobody of its socket before that is
 * done. So each thread's sockets are noted where they are made, in `socket` below. */
static _Thread_local struct attempt *current;

/* Keeps a descriptor of its own: nats.c may close its one, and its number be used for something else. */
static bool note(struct attempt *attempt, int made)
{
    int unused = fcntl(made, F_DUPFD_CLOEXEC, 0);
    if (unused < 0)
        return false;
    (void)pthread_mutex_lock(&attempt->lock);
    bool over = attempt->over;
    if (!over) {
        int before = attempt->socket;
        attempt->socket = unused;
        unused = before;
    }
    (void)pthread_mutex_unlock(&attempt->lock);
    if (unused >= 0)
        (void)close(unused);
    if (over)
        errno = ETIMEDOUT;
    return !over;
}

/* In front of libc's, for the whole process: a program's own symbols win over those of its libraries. Where
 * no attempt is under way on the calling thread it does the same. A socket that could not be watched is not
 * made. */
int socket(int domain, int type, int protocol)
{
    int made = (int)syscall(SYS_socket, domain, type, protocol);
    if (made < 0 || current == NULL || note(current, made))
        return made;
    int why = errno;
    (void)close(made);
    errno = why;
    return -1;
}

/* OpenSSL's (openssl/ssl.h), which nats.c links, if anything does. */
enum { TLS_BROKEN = 1, TLS_SYSTEM_ERROR = 5, TLS_CLOSED = 6 };
int SSL_get_error(const void *ssl, int result);

/* In front of OpenSSL's. One that got bytes that are no TLS says so of each read from then on, whatever
 * becomes of the socket, and nats.c 3.4.1 ends for nothing but a connection that was closed. So within an
 * attempt that is what it hears. Weak: where OpenSSL is linked statically it has its own. */
__attribute__((weak)) int SSL_get_error(const void *ssl, int result)
{
    static _Thread_local int (*next)(const void *, int);
    if (next == NULL) {
        void *found = dlsym(RTLD_NEXT, "SSL_get_error");
        memcpy(&next, &found, sizeof next);
    }
    int cause = next == NULL ? TLS_BROKEN : next(ssl, result);
    bool fatal = cause == TLS_BROKEN || cause == TLS_SYSTEM_ERROR;
    return current != NULL && fatal ? TLS_CLOSED : cause;
}

enum news { DONE, CANCELLED, LATE };

/* Waits for what comes first: nats.c's return or one of the limits. */
static enum news await_news(const struct attempt *attempt)
{
    struct pollfd fds[] = {{.fd = attempt->done_fd, .events = POLLIN},
                           {.fd = attempt->cancel_fd, .events = POLLIN}};
    int ready;
    do
        ready = poll(fds, 2, wkv_left_ms(attempt->until_ns));
    while (ready < 0 && errno == EINTR);
    return ready <= 0 ? LATE : fds[0].revents != 0 ? DONE : CANCELLED;
}

static void end(struct attempt *attempt, bool late)
{
    (void)pthread_mutex_lock(&attempt->lock);
    attempt->over = true;
    attempt->late = late;
    if (attempt->socket >= 0)
        (void)shutdown(attempt->socket, SHUT_RDWR);
    (void)pthread_mutex_unlock(&attempt->lock);
}

static void *watch(void *argument)
{
    struct attempt *attempt = argument;
    struct pollfd done = {.fd = attempt->done_fd, .events = POLLIN};
    enum news news = await_news(attempt);
    if (news == DONE)
        return NULL;
    do
        end(attempt, news == LATE);
    while (poll(&done, 1, AGAIN_MS) <= 0);
    return NULL;
}

/* The watch is on. */
static natsStatus connect_watched(struct attempt *attempt, natsConnection **connection, natsOptions *options)
{
    current = attempt;
    natsStatus status = natsConnection_Connect(connection, options);
    current = NULL;
    (void)eventfd_write(attempt->done_fd, 1);
    return status;
}

static natsStatus run(struct attempt *attempt, natsConnection **connection, natsOptions *options)
{
    pthread_t watcher;
    if (pthread_create(&watcher, NULL, watch, attempt) != 0)
        return NATS_SYS_ERROR;
    natsStatus status = connect_watched(attempt, connection, options);
    (void)pthread_join(watcher, NULL);
    if (attempt->socket >= 0)
        (void)close(attempt->socket);
    return status != NATS_OK && attempt->late ? NATS_TIMEOUT : status;
}

natsStatus wkv_attempt(natsConnection **connection, natsOptions *options,
                       const struct wkv_attempt_limits *limits)
{
    struct attempt attempt = {.cancel_fd = limits->cancel_fd,
                              .until_ns =
                                  wkv_monotonic_ns() + (limits->timeout_ms + GRACE_MS) * WKV_NS_PER_MS,
                              .lock = PTHREAD_MUTEX_INITIALIZER,
                              .socket = -1};
    natsStatus status = natsOptions_SetTimeout(options, limits->timeout_ms);
    if (status != NATS_OK)
        return status;
    attempt.done_fd = eventfd(0, EFD_CLOEXEC);
    if (attempt.done_fd < 0)
        return NATS_SYS_ERROR;
    status = run(&attempt, connection, options);
    (void)close(attempt.done_fd);
    (void)pthread_mutex_destroy(&attempt.lock);
    return status;
}
