#include "nats/keeper.h"

#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "support/clock.h"
#include "support/condition.h"
#include "support/notify.h"

#define FIRST_BACKOFF_MS 100
/* A server that is back is found within this. */
#define LAST_BACKOFF_MS 1000
#define SHORT_LIFE_NS WKV_NS_PER_S
#define CHECK_MS 2000 /* for connections that have stopped */
/* How often the same trouble is logged. */
#define TELL_NS (5 * WKV_NS_PER_S)
/* How long the loop has to finish what it has in hand when its connection is given up. */
#define GIVE_UP_MS 500

/* ---- what they share ---- */

enum wkv_code wkv_keepers_init(struct wkv_keepers *keepers, const struct wkv_connect_options *connect,
                               struct wkv_log *log, int notify_fd, struct wkv_error *error)
{
    *keepers = (struct wkv_keepers){.log = log, .notify_fd = notify_fd, .phase = WKV_KEEPERS_RUN};
    (void)pthread_mutex_init(&keepers->lock, NULL);
    wkv_condition_init(&keepers->changed);
    keepers->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    keepers->dial = (struct wkv_dial){.connect = connect, .cancel_fd = keepers->stop_fd};
    if (keepers->stop_fd < 0)
        return wkv_fail(error, WKV_UNAVAILABLE, "no file descriptor: %s", strerror(errno));
    keepers->dial.pool = wkv_pool_create(connect->servers);
    if (keepers->dial.pool == NULL)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for the servers' URLs");
    return WKV_OK;
}

static void make_readable(int event_fd)
{
    uint64_t one = 1;
    ssize_t written = write(event_fd, &one, sizeof one);
    (void)written; /* a full counter is readable as well */
}

void wkv_keepers_begin(struct wkv_keepers *keepers, enum wkv_keepers_phase phase, int64_t until_ns)
{
    (void)pthread_mutex_lock(&keepers->lock);
    keepers->phase = phase;
    if (phase == WKV_KEEPERS_DRAIN)
        keepers->drain_until_ns = until_ns;
    keepers->close_until_ns = until_ns;
    make_readable(keepers->stop_fd);
    (void)pthread_cond_broadcast(&keepers->changed);
    (void)pthread_mutex_unlock(&keepers->lock);
}

void wkv_keepers_destroy(struct wkv_keepers *keepers)
{
    if (keepers->stop_fd >= 0)
        (void)close(keepers->stop_fd);
    wkv_pool_destroy(keepers->dial.pool);
    (void)pthread_cond_destroy(&keepers->changed);
    (void)pthread_mutex_destroy(&keepers->lock);
}

/* ---- a keeper's thread ---- */

static void set_state(struct wkv_keeper *keeper, enum wkv_keeper_state state)
{
    struct wkv_keepers *keepers = keeper->keepers;
    (void)pthread_mutex_lock(&keepers->lock);
    keeper->state = state;
    (void)pthread_cond_broadcast(&keepers->changed);
    (void)pthread_mutex_unlock(&keepers->lock);
    make_readable(keepers->notify_fd);
}

/* Waits until the process stops, lost_fd (-1: none) says that the loop is lost, or the time is over. Returns
 * whether the process stops. */
static bool wait_for_stop(struct wkv_keeper *keeper, int lost_fd, int timeout_ms)
{
    struct pollfd fds[] = {{.fd = keeper->keepers->stop_fd, .events = POLLIN},
                           {.fd = lost_fd, .events = POLLIN}};
    while (poll(fds, 2, timeout_ms) < 0 && errno == EINTR) {
    }
    if ((fds[1].revents & POLLIN) != 0) {
        uint64_t count;
        ssize_t got = read(lost_fd, &count, sizeof count);
        (void)got;
    }
    return (fds[0].revents & POLLIN) != 0;
}

/* Tells people and the service manager what keeps the loop from its server, but not again and again. */
static void tell(struct wkv_keeper *keeper, const struct wkv_error *error, int again_ms)
{
    int64_t now_ns = wkv_monotonic_ns();
    if (keeper->told_ns != 0 && now_ns - keeper->told_ns < TELL_NS &&
        strcmp(keeper->told.text, error->text) == 0)
        return;
    keeper->told = *error;
    keeper->told_ns = now_ns;
    wkv_log_warn(keeper->keepers->log, "%s; trying again in %d ms", error->text, again_ms);
    wkv_notify_status(error->text);
}

/* Back-off with jitter: those who lost the same server do not all come back at the same moment. */
static int next_wait_ms(int *backoff_ms)
{
    int base_ms = *backoff_ms;
    int wait_ms = base_ms + (int)randombytes_uniform((uint32_t)base_ms / 2 + 1);
    *backoff_ms = base_ms * 2 > LAST_BACKOFF_MS ? LAST_BACKOFF_MS : base_ms * 2;
    return wait_ms > LAST_BACKOFF_MS ? LAST_BACKOFF_MS - (int)randombytes_uniform(LAST_BACKOFF_MS / 4)
                                     : wait_ms;
}

/* At its first opening: settings that cannot work, or that the server refuses, are its operator's to mend.
 * Later the data is in this process, so ending it is the worst answer: both may come back. */
static bool is_hopeless(const struct wkv_keeper *keeper, enum wkv_code code)
{
    return keeper->opened_ns == 0 && !wkv_code_may_pass(code);
}

static void give_up(struct wkv_keeper *keeper, const struct wkv_error *error)
{
    (void)pthread_mutex_lock(&keeper->keepers->lock);
    keeper->error = *error;
    (void)pthread_mutex_unlock(&keeper->keepers->lock);
    set_state(keeper, WKV_KEEPER_FAILED);
    (void)wait_for_stop(keeper, -1, -1);
}

/* Until the loop is open. Returns false where the process stops. */
static bool open_loop(struct wkv_keeper *keeper)
{
    struct wkv_error error;
    int backoff_ms = FIRST_BACKOFF_MS;
    set_state(keeper, WKV_KEEPER_OPENING);
    wkv_loop_disconnect(keeper->loop, GIVE_UP_MS);
    /* A connection that is lost again at once is followed by a wait, too. */
    if (keeper->opened_ns != 0 && wkv_monotonic_ns() < keeper->opened_ns + SHORT_LIFE_NS &&
        wait_for_stop(keeper, -1, next_wait_ms(&backoff_ms)))
        return false;
    for (;;) {
        enum wkv_code code = wkv_loop_open(keeper->loop, &keeper->keepers->dial, &error);
        if (code == WKV_OK)
            break;
        if (wait_for_stop(keeper, -1, 0))
            return false;
        if (is_hopeless(keeper, code)) {
            give_up(keeper, &error);
            return false;
        }
        int wait_ms = next_wait_ms(&backoff_ms);
        tell(keeper, &error, wait_ms);
        if (wait_for_stop(keeper, -1, wait_ms))
            return false;
    }
    keeper->opened_ns = wkv_monotonic_ns();
    keeper->told_ns = 0;
    set_state(keeper, WKV_KEEPER_OPEN);
    return true;
}

static void keep_open(struct wkv_keeper *keeper)
{
    bool stopping = false;
    while (!stopping) {
        if (wkv_loop_is_lost(keeper->loop)) {
            stopping = !open_loop(keeper);
        } else {
            stopping = wait_for_stop(keeper, keeper->lost_fd, CHECK_MS);
            wkv_loop_check(keeper->loop);
        }
    }
}

/* Returns when the phase is CLOSE. */
static int64_t await_close(struct wkv_keepers *keepers)
{
    (void)pthread_mutex_lock(&keepers->lock);
    while (keepers->phase != WKV_KEEPERS_CLOSE)
        (void)pthread_cond_wait(&keepers->changed, &keepers->lock);
    int64_t until_ns = keepers->close_until_ns;
    (void)pthread_mutex_unlock(&keepers->lock);
    return until_ns;
}

static void drain(struct wkv_keeper *keeper)
{
    struct wkv_keepers *keepers = keeper->keepers;
    (void)pthread_mutex_lock(&keepers->lock);
    int64_t until_ns =
        keepers->phase == WKV_KEEPERS_CLOSE ? keepers->close_until_ns : keepers->drain_until_ns;
    (void)pthread_mutex_unlock(&keepers->lock);
    bool drained = !keeper->drains || wkv_loop_drain(keeper->loop, wkv_left_ms(until_ns));
    (void)pthread_mutex_lock(&keepers->lock);
    keeper->cut = !drained;
    (void)pthread_mutex_unlock(&keepers->lock);
    set_state(keeper, WKV_KEEPER_DRAINED);
}

static void *run(void *argument)
{
    struct wkv_keeper *keeper = argument;
    keep_open(keeper);
    drain(keeper);
    int64_t until_ns = await_close(keeper->keepers);
    wkv_loop_disconnect(keeper->loop, wkv_left_ms(until_ns) / 2);
    set_state(keeper, WKV_KEEPER_ENDED);
    return NULL;
}

/* ---- from the main thread ---- */

enum wkv_code wkv_keeper_init(struct wkv_keeper *keeper, struct wkv_keepers *keepers, struct wkv_loop *loop,
                              struct wkv_error *error)
{
    *keeper = (struct wkv_keeper){.keepers = keepers, .loop = loop, .state = WKV_KEEPER_OPENING};
    keeper->lost_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (keeper->lost_fd < 0)
        return wkv_fail(error, WKV_UNAVAILABLE, "no file descriptor: %s", strerror(errno));
    return WKV_OK;
}

enum wkv_code wkv_keeper_start(struct wkv_keeper *keeper, struct wkv_error *error)
{
    keeper->started = pthread_create(&keeper->thread, NULL, run, keeper) == 0;
    return keeper->started
               ? WKV_OK
               : wkv_fail(error, WKV_UNAVAILABLE, "%s: no thread for a connection", keeper->loop->name);
}

enum wkv_keeper_state wkv_keeper_state(struct wkv_keeper *keeper, struct wkv_error *error)
{
    (void)pthread_mutex_lock(&keeper->keepers->lock);
    enum wkv_keeper_state state = keeper->state;
    if (state == WKV_KEEPER_FAILED)
        *error = keeper->error;
    (void)pthread_mutex_unlock(&keeper->keepers->lock);
    return state;
}

bool wkv_keeper_await_drained(struct wkv_keeper *keeper, int64_t until_ns)
{
    struct wkv_keepers *keepers = keeper->keepers;
    if (!keeper->started)
        return true;
    (void)pthread_mutex_lock(&keepers->lock);
    while (keeper->state == WKV_KEEPER_OPEN &&
           wkv_condition_wait(&keepers->changed, &keepers->lock, until_ns)) {
    }
    bool drained = keeper->state != WKV_KEEPER_OPEN && !keeper->cut;
    (void)pthread_mutex_unlock(&keepers->lock);
    return drained;
}

bool wkv_keeper_join(struct wkv_keeper *keeper, int64_t until_ns, bool *cut)
{
    struct wkv_keepers *keepers = keeper->keepers;
    if (!keeper->started)
        return true;
    (void)pthread_mutex_lock(&keepers->lock);
    while (keeper->state != WKV_KEEPER_ENDED &&
           wkv_condition_wait(&keepers->changed, &keepers->lock, until_ns)) {
    }
    bool ended = keeper->state == WKV_KEEPER_ENDED;
    *cut |= keeper->cut;
    (void)pthread_mutex_unlock(&keepers->lock);
    if (!ended)
        return false;
    (void)pthread_join(keeper->thread, NULL);
    keeper->started = false;
    return true;
}

void wkv_keeper_abandon(struct wkv_keeper *keeper)
{
    if (keeper->started)
        (void)pthread_detach(keeper->thread);
}

void wkv_keeper_destroy(struct wkv_keeper *keeper)
{
    if (keeper->lost_fd >= 0)
        (void)close(keeper->lost_fd);
}
