/* What a loop waits for: the socket that nats.c reads and writes when the loop tells it to
 * (natsOptions_SetEventLoop), and wake-ups from other threads.
 *
 * nats.c calls the callbacks from the loop's thread, from the one that connects and from its timers; they
 * only change atomics and the epoll set.
 */
#ifndef WKV_NATS_POLLER_H
#define WKV_NATS_POLLER_H

#include <nats/nats.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct wkv_poller {
    int epoll_fd;
    int wake_fd;
    pthread_mutex_t lock;    /* while it is held socket_fd stays nats.c's */
    _Atomic int socket_fd;   /* what is in the epoll set, or -1 */
    _Atomic int left_fd;     /* a socket that nats.c is done with and that is not closed yet, or -1 */
    bool closes_sockets;     /* nats.c leaves its sockets to the event loop to close (since 3.9.3) */
    _Atomic pthread_t owner; /* the loop's thread, once it runs; 0: none */
    _Atomic bool want_write; /* nats.c has bytes to send */
    _Atomic bool attached;   /* nats.c has yet to call for the connection's end */
    uint32_t interest;       /* epoll events asked for; the loop's thread's */
    bool coarse;             /* the kernel waits for whole milliseconds only; likewise */
};

/* Errors: false, with errno. Destroy it all the same. */
bool wkv_poller_init(struct wkv_poller *poller);
void wkv_poller_destroy(struct wkv_poller *poller);

/* Before a new connection: makes nats.c's options drive this poller, which waits for its first message. */
natsStatus wkv_poller_serve(struct wkv_poller *poller, natsOptions *options);

/* Waits for so many nanoseconds, WKV_POLLER_FOREVER: without end. A kernel before Linux 5.11 rounds them up
 * to milliseconds. Returns whether the socket can be read. The loop's thread. */
#define WKV_POLLER_FOREVER (-1)
bool wkv_poller_wait(struct wkv_poller *poller, int64_t timeout_ns);

/* Waits from now on to write, too, where nats.c has bytes left over. The loop's thread. */
void wkv_poller_update(struct wkv_poller *poller);

/* Makes the wait return. Any thread. */
void wkv_poller_wake(struct wkv_poller *poller);

/* Ends the connection under a thread that waits at its socket. Any thread. */
void wkv_poller_break(struct wkv_poller *poller);

/* Waits until nats.c has made its last call for a connection that is closed. It tells of the close before
 * that, and may do both on a thread of its own. */
void wkv_poller_await_detached(const struct wkv_poller *poller);

/* Closes the socket of the last connection, where nats.c has left that to the loop. When the loop's thread
 * has ended and the connection is destroyed. */
void wkv_poller_close_left(struct wkv_poller *poller);

static inline bool wkv_poller_wants_write(const struct wkv_poller *poller)
{
    return atomic_load_explicit(&poller->want_write, memory_order_acquire);
}

#endif
