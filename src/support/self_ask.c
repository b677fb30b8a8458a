/* The side that asks. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "support/clock.h"
#include "support/self_address.h"

/* The socket of a slot at which no process of this user listens. */
#define NOBODY (-1)

/* The processes that were found. */
struct found {
    int sockets[WKV_SELF_SLOTS]; /* of this user's processes, or NOBODY */
    bool seen[WKV_SELF_SLOTS];   /* it is in this PID namespace */
    unsigned count, seen_count;
    bool crowded; /* a slot's backlog is full */
};

static enum wkv_code no_answer(int64_t timeout_ms, struct wkv_error *error)
{
    return wkv_fail(error, WKV_UNAVAILABLE,
                    "the process that serves this binding here does not answer within %" PRId64
                    " ms: it hangs",
                    timeout_ms);
}

static enum wkv_code connect_to(const struct wkv_self_name *name, unsigned slot, struct found *found,
                                struct wkv_error *error)
{
    struct wkv_self_address to;
    wkv_self_address(name, slot, &to);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return wkv_fail(error, WKV_UNAVAILABLE, "no socket to ask with: %s", strerror(errno));
    struct ucred peer;
    bool connected = connect(fd, (const struct sockaddr *)&to.address, to.len) == 0;
    found->crowded |= !connected && errno == EAGAIN;
    if (!connected || !wkv_self_peer(fd, &peer) || peer.uid != geteuid()) {
        (void)close(fd);
        return WKV_OK;
    }
    found->sockets[slot] = fd;
    found->seen[slot] = peer.pid != 0;
    found->count++;
    found->seen_count += found->seen[slot];
    return WKV_OK;
}

static enum wkv_code read_answer(int fd, int64_t deadline_ns, int64_t timeout_ms, struct wkv_error *error)
{
    char text[WKV_SELF_ANSWER_BYTES];
    struct pollfd answered = {.fd = fd, .events = POLLIN};
    if (poll(&answered, 1, wkv_left_ms(deadline_ns)) <= 0)
        return no_answer(timeout_ms, error);
    ssize_t len = read(fd, text, sizeof text - 1);
    text[len < 0 ? 0 : len] = '\0';
    if (strcmp(text, WKV_SELF_WELL) == 0)
        return WKV_OK;
    return wkv_fail(error, WKV_UNAVAILABLE, "the process that serves this binding here %s%s",
                    len > 0 ? "hangs; what does not turn: " : "ends, or hangs", text);
}

/* Containers that share their machine's network see each other's processes: those of the same container
 * count, where there are some. */
static bool counts(const struct found *found, unsigned slot)
{
    return found->sockets[slot] != NOBODY && (found->seen[slot] || found->seen_count == 0);
}

/* All are asked at once, and then waited for. */
static enum wkv_code ask_all(const struct wkv_self_name *name, struct found *found, int64_t timeout_ms,
                             struct wkv_error *error)
{
    int64_t deadline_ns = wkv_monotonic_ns() + timeout_ms * WKV_NS_PER_MS;
    for (unsigned slot = 0; slot < WKV_SELF_SLOTS; slot++)
        if (connect_to(name, slot, found, error) != WKV_OK)
            return error->code;
    for (unsigned slot = 0; slot < WKV_SELF_SLOTS; slot++)
        if (counts(found, slot) &&
            read_answer(found->sockets[slot], deadline_ns, timeout_ms, error) != WKV_OK)
            return error->code;
    if (found->count > 0)
        return WKV_OK;
    /* A stopped process accepts connections until its backlog is full. Then its user cannot be told, so it
     * does not count where another one answers. */
    if (found->crowded)
        return no_answer(timeout_ms, error);
    return wkv_fail(error, WKV_UNAVAILABLE,
                    "no process of this user serves binding \"%s\" in this lattice namespace, here on this "
                    "machine or in this container",
                    name->binding);
}

enum wkv_code wkv_self_ask(const struct wkv_self_name *name, int64_t timeout_ms, struct wkv_error *error)
{
    struct found found = {.count = 0};
    for (unsigned slot = 0; slot < WKV_SELF_SLOTS; slot++)
        found.sockets[slot] = NOBODY;
    enum wkv_code code = ask_all(name, &found, timeout_ms, error);
    for (unsigned slot = 0; slot < WKV_SELF_SLOTS; slot++)
        if (found.sockets[slot] != NOBODY)
            (void)close(found.sockets[slot]);
    return code;
}
