#include "relay.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_LINKS 16
#define BLOCK_BYTES 16384
#define POLL_MS 20
#define KEPT_BYTES 512

/* One direction of a relayed connection, and what it has read but not yet written. The two of a connection
 * are neighbours. */
struct flow {
    int from, to;
    bool from_provider;
    bool ended;       /* one side has closed */
    bool last;        /* with what it has yet to write all is cut */
    long long due_ms; /* what is read is written then, and not before */
    size_t left;      /* so many bytes pass until then; SIZE_MAX: no needle came */
    char bytes[BLOCK_BYTES];
    size_t begin, end;
    char kept[KEPT_BYTES]; /* the beginning of a reply subject, whose rest has not come */
    size_t kept_len;
    char tail[RELAY_NEEDLE_BYTES]; /* what came last, for a needle in two parts */
    size_t tail_len;
};

struct needle {
    char bytes[RELAY_NEEDLE_BYTES];
    size_t len;
    size_t behind;
};

struct relay {
    int listener;
    int port, server_port;
    pthread_t thread;
    _Atomic bool stop, held;
    _Atomic int delay_ms;
    _Atomic long long shift_s;
    _Atomic bool say_wanted; /* likewise, with what follows */
    char say[RELAY_SAY_BYTES];
    size_t say_len;
    _Atomic int door;
    _Atomic bool cut_wanted, newest_wanted, needle_wanted; /* the thread takes it back when it is done */
    _Atomic bool waited_on;
    struct needle needle; /* the thread's, while it is wanted */
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
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

/* ---- the relay's thread ---- */

static void add_link(struct relay *relay)
{
    int provider = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (provider < 0)
        return;
    bool relayed = atomic_load(&relay->door) == RELAY_OPEN && relay->count + 2 <= MAX_LINKS * 2;
    int server = relayed ? connect_to(relay->server_port, 0) : -1;
    if (server < 0) {
        (void)close(provider);
        return;
    }
    (void)fcntl(server, F_SETFL, O_NONBLOCK);
    relay->flows[relay->count++] =
        (struct flow){.from = provider, .to = server, .from_provider = true, .left = SIZE_MAX};
    relay->flows[relay->count++] = (struct flow){.from = server, .to = provider, .left = SIZE_MAX};
}

/* Those that came to the silent door are left where they wait, in the listener's queue. */
static void meet(struct relay *relay)
{
    if (atomic_load(&relay->door) == RELAY_SILENT)
        atomic_store(&relay->waited_on, true);
    else
        add_link(relay);
}

static void remove_ended(struct relay *relay)
{
    for (size_t i = relay->count; i >= 2; i -= 2) {
        struct flow *pair = &relay->flows[i - 2];
        if (!pair[0].ended && !pair[1].ended)
            continue;
        (void)close(pair[0].from);
        (void)close(pair[1].from);
        relay->count -= 2;
        if (i - 2 < relay->count)
            memcpy(pair, &relay->flows[relay->count], 2 * sizeof *pair);
    }
}

/* Those from the first one on, which are in the order in which they were made unless one has ended. */
static void cut_from(struct relay *relay, size_t first)
{
    for (size_t i = first; i < relay->count; i++)
        relay->flows[i].ended = true;
    remove_ended(relay);
}

/* Where the needle's last byte is in what was just read, counted from one; 0: it is not there. */
static size_t find_needle(struct flow *flow, const struct needle *needle)
{
    char window[RELAY_NEEDLE_BYTES + BLOCK_BYTES];
    memcpy(window, flow->tail, flow->tail_len);
    memcpy(window + flow->tail_len, flow->bytes, flow->end);
    size_t len = flow->tail_len + flow->end;
    const char *found = memmem(window, len, needle->bytes, needle->len);
    if (found != NULL)
        return (size_t)(found - window) + needle->len - flow->tail_len;
    flow->tail_len = len < needle->len ? len : needle->len - 1;
    memcpy(flow->tail, window + len - flow->tail_len, flow->tail_len);
    return 0;
}

/* Keeps back what must not pass any more of what was just read. */
static void limit(struct relay *relay, struct flow *flow)
{
    if (flow->from_provider || !atomic_load(&relay->needle_wanted))
        return;
    if (flow->left == SIZE_MAX) {
        size_t end = find_needle(flow, &relay->needle);
        if (end == 0)
            return;
        flow->left = end + relay->needle.behind;
    }
    if (flow->end >= flow->left) {
        flow->end = flow->left;
        flow->last = true;
    }
    flow->left -= flow->end;
}

/* `$JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.<consumer sequence>.<nanoseconds>.<pending>`, and the
 * digits of the time stay as many. Returns where the subject ends; NULL: that has not come yet. */
static char *shift_stamp(char *subject, char *end, long long s)
{
    char *at = subject, text[24];
    char *line_end = memchr(subject, '\r', (size_t)(end - subject));
    for (int dots = 0; line_end != NULL && at < line_end && dots < 7; at++)
        dots += *at == '.';
    long long ns = line_end == NULL ? 0 : strtoll(at, NULL, 10);
    if (ns > 0) {
        int len = snprintf(text, sizeof text, "%lld", ns + s * 1000000000);
        if (len == 19)
            memcpy(at, text, 19);
    }
    return line_end;
}

/* Changes what is whole of the flow's bytes, and keeps the rest for the next. */
static void shift(struct relay *relay, struct flow *flow)
{
    static const char prefix[] = "$JS.ACK.";
    char *at = flow->bytes, *end = flow->bytes + flow->end;
    while (at != NULL && (at = memmem(at, (size_t)(end - at), prefix, sizeof prefix - 1)) != NULL) {
        char *subject = at;
        at = shift_stamp(subject, end, atomic_load(&relay->shift_s));
        if (at == NULL && end - subject < KEPT_BYTES) {
            flow->kept_len = (size_t)(end - subject);
            memcpy(flow->kept, subject, flow->kept_len);
            flow->end -= flow->kept_len;
        }
    }
}

static bool is_due(struct relay *relay, const struct flow *flow)
{
    return atomic_load(&relay->delay_ms) == 0 || now_ms() >= flow->due_ms;
}

/* Moves what can be moved. */
static void pump(struct relay *relay, struct flow *flow)
{
    if (flow->begin == flow->end && !flow->last && !(flow->from_provider && atomic_load(&relay->held))) {
        size_t kept = flow->kept_len;
        memcpy(flow->bytes, flow->kept, kept);
        ssize_t got = read(flow->from, flow->bytes + kept, sizeof flow->bytes - kept);
        flow->ended = got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
        flow->begin = 0;
        flow->end = got > 0 ? kept + (size_t)got : 0;
        flow->kept_len = got > 0 ? 0 : kept;
        if (!flow->from_provider && atomic_load(&relay->shift_s) != 0)
            shift(relay, flow);
        flow->due_ms = now_ms() + (flow->from_provider ? 0 : atomic_load(&relay->delay_ms));
        limit(relay, flow);
    }
    if (flow->begin == flow->end || !is_due(relay, flow))
        return;
    ssize_t put = send(flow->to, flow->bytes + flow->begin, flow->end - flow->begin, MSG_NOSIGNAL);
    flow->ended |= put < 0 && errno != EAGAIN && errno != EINTR;
    if (put > 0)
        flow->begin += (size_t)put;
}

/* Once no flow to the provider has anything under way. */
static void say(struct relay *relay)
{
    for (size_t i = 0; i < relay->count; i++)
        if (!relay->flows[i].from_provider && relay->flows[i].begin != relay->flows[i].end)
            return;
    for (size_t i = 0; i < relay->count; i++) {
        struct flow *flow = &relay->flows[i];
        if (flow->from_provider)
            continue;
        memcpy(flow->bytes, relay->say, relay->say_len);
        flow->begin = 0;
        flow->end = relay->say_len;
    }
    atomic_store(&relay->say_wanted, false);
}

/* Does what a test has told it to, and what the needle was waited for. */
static void obey(struct relay *relay)
{
    bool behind_needle = false;
    for (size_t i = 0; i < relay->count; i++)
        behind_needle |= relay->flows[i].last && relay->flows[i].begin == relay->flows[i].end;
    if (behind_needle)
        atomic_store(&relay->door, RELAY_REFUSING);
    bool told = atomic_load(&relay->cut_wanted);
    if (behind_needle || told)
        cut_from(relay, 0);
    if (told)
        atomic_store(&relay->cut_wanted, false);
    if (atomic_load(&relay->newest_wanted)) {
        cut_from(relay, relay->count - 2);
        atomic_store(&relay->newest_wanted, false);
    }
    if (behind_needle)
        atomic_store(&relay->needle_wanted, false);
    if (atomic_load(&relay->say_wanted))
        say(relay);
}

/* What to wait for: to write where something is left over, else to read. */
static struct pollfd interest(struct relay *relay, const struct flow *flow)
{
    if (flow->begin < flow->end && !is_due(relay, flow))
        return (struct pollfd){.fd = -1};
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
        for (size_t i = 0; i < relay->count; i++)
            fds[i] = interest(relay, &relay->flows[i]);
        bool leave = atomic_load(&relay->door) == RELAY_SILENT && atomic_load(&relay->waited_on);
        fds[relay->count] = (struct pollfd){.fd = leave ? -1 : relay->listener, .events = POLLIN};
        size_t count = relay->count;
        (void)poll(fds, count + 1, POLL_MS);
        for (size_t i = 0; i < count; i++)
            if (fds[i].revents != 0)
                pump(relay, &relay->flows[i]);
        obey(relay);
        remove_ended(relay);
        if (fds[count].revents != 0)
            meet(relay);
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

void relay_delay(struct relay *relay, int ms)
{
    atomic_store(&relay->delay_ms, ms);
}

void relay_shift_stamps(struct relay *relay, long long s)
{
    atomic_store(&relay->shift_s, s);
}

/* ---- doors and cuts ---- */

void relay_set_door(struct relay *relay, enum relay_door door)
{
    atomic_store(&relay->door, door);
}

static void await_done(const _Atomic bool *wanted, const char *what)
{
    long long deadline_ms = now_ms() + WAIT_MS;
    while (atomic_load(wanted)) {
        ck_assert_msg(now_ms() < deadline_ms, "the relay has not done it: %s", what);
        (void)poll(NULL, 0, 1);
    }
}

void relay_say(struct relay *relay, const void *bytes, size_t len)
{
    ck_assert_uint_le(len, sizeof relay->say);
    memcpy(relay->say, bytes, len);
    relay->say_len = len;
    atomic_store(&relay->say_wanted, true);
    await_done(&relay->say_wanted, "it has not spoken");
}

void relay_cut(struct relay *relay, enum relay_door door)
{
    relay_set_door(relay, door);
    atomic_store(&relay->cut_wanted, true);
    await_done(&relay->cut_wanted, "its thread does not hear");
}

void relay_cut_newest(struct relay *relay, enum relay_door door)
{
    relay_set_door(relay, door);
    atomic_store(&relay->newest_wanted, true);
    await_done(&relay->newest_wanted, "its thread does not hear");
}

void relay_cut_behind(struct relay *relay, const void *needle, size_t needle_len, size_t bytes)
{
    ck_assert(needle_len > 0 && needle_len <= RELAY_NEEDLE_BYTES && !atomic_load(&relay->needle_wanted));
    memcpy(relay->needle.bytes, needle, needle_len);
    relay->needle.len = needle_len;
    relay->needle.behind = bytes;
    atomic_store(&relay->needle_wanted, true);
}

void relay_await_cut(struct relay *relay)
{
    await_done(&relay->needle_wanted, "the needle does not come");
}

bool relay_is_waited_on(const struct relay *relay)
{
    return atomic_load(&relay->waited_on);
}

/* ---- a connection without a client library ---- */

int bare_connect(int port)
{
    char greeting[4096];
    struct timeval limit = {.tv_sec = WAIT_MS / 1000};
    int fd = connect_to(port, 4096);
    ck_assert_msg(fd >= 0, "cannot connect to port %d: %s", port, strerror(errno));
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
