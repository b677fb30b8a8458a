#include "requester.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bucket.h"
#include "histogram.h"
#include "wire.h"

#define SILENCE_NS ((int64_t)10 * 1000000000) /* without a reply for so long, the responder is given up */
#define TICK_MS 200                           /* how soon an interrupt is seen at the latest */
#define IN_BYTES ((size_t)1 << 20)            /* holds the largest message many times over */
#define OUT_SPARE_BYTES 256                   /* for what is not a request: PONG */

struct slot {
    const struct bench_form *form; /* of its request */
    uint64_t key;
    int64_t sent_ns;
    bool in_flight;
};

struct bench_requester {
    int socket;
    const volatile sig_atomic_t *interrupted;
    uint64_t random;
    char *in;
    size_t in_len;

    /* Of the work at hand. */
    const struct bench_work *work;
    struct bench_form own_form; /* where the work brings none */
    const struct bench_form *forms;
    size_t form_count;
    struct slot *slots;
    unsigned *batch; /* slots whose request waits for the next write to get its time */
    size_t batch_len;
    char *out; /* [out_from, out_to) is to be written; no slot has two requests, so there is always room */
    size_t out_from, out_to, out_capacity;
    uint64_t sent, replies, outstanding;
    bool measuring, stopping;
    struct bench_histogram *histogram;
};

/* ---- connection ---- */

static int wait_for(int socket, short events)
{
    struct pollfd ready = {.fd = socket, .events = events};
    return poll(&ready, 1, TICK_MS);
}

static bool send_all(struct bench_requester *requester, const char *bytes, size_t len)
{
    int64_t deadline = bench_now_ns() + SILENCE_NS;
    while (len > 0 && bench_now_ns() < deadline && !*requester->interrupted) {
        ssize_t sent = send(requester->socket, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            bytes += sent;
            len -= (size_t)sent;
        } else if (errno == EAGAIN) {
            wait_for(requester->socket, POLLOUT);
        } else if (errno != EINTR) {
            return false;
        }
    }
    return len == 0;
}

static bool connect_to(struct bench_requester *requester, uint16_t port)
{
    static const char hello[] =
        "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"c\",\"version\":\"1\",\"name\":"
        "\"bench\",\"protocol\":1,\"headers\":true,\"no_responders\":true}\r\n"
        "SUB " BENCH_INBOX "* 1\r\nPING\r\n";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    requester->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (requester->socket < 0 ||
        connect(requester->socket, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(requester->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        return false;
    return send_all(requester, hello, sizeof hello - 1);
}

struct bench_requester *bench_requester_open(uint16_t port, const volatile sig_atomic_t *interrupted)
{
    struct bench_requester *requester = calloc(1, sizeof *requester);
    if (requester == NULL) {
        bench_complain("out of memory");
        return NULL;
    }
    requester->socket = -1;
    requester->interrupted = interrupted;
    requester->random = 0x9e3779b97f4a7c15; /* any constant but 0: every run asks for the same keys */
    requester->in = malloc(IN_BYTES);
    requester->histogram = malloc(sizeof *requester->histogram);
    if (requester->in == NULL || requester->histogram == NULL) {
        bench_complain("out of memory");
    } else if (!connect_to(requester, port)) {
        bench_complain("cannot connect to the nats-server on port %u: %s", (unsigned)port, strerror(errno));
    } else {
        return requester;
    }
    bench_requester_close(requester);
    return NULL;
}

static void end_work(struct bench_requester *requester)
{
    bench_form_free(&requester->own_form);
    free(requester->slots);
    free(requester->batch);
    free(requester->out);
    requester->slots = NULL;
    requester->batch = NULL;
    requester->out = NULL;
}

void bench_requester_close(struct bench_requester *requester)
{
    if (requester == NULL)
        return;
    end_work(requester);
    if (requester->socket >= 0)
        close(requester->socket);
    free(requester->in);
    free(requester->histogram);
    free(requester);
}

/* ---- requests ---- */

/* xorshift64*, scaled to [0, below) by multiplication, which is cheaper than a division and even enough.
 */
static uint64_t random_below(struct bench_requester *requester, uint64_t below)
{
    uint64_t x = requester->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    requester->random = x;
    return ((x * 0x2545f4914f6cdd1d) >> 32) * below >> 32;
}

/* The key of the next request: the form's own, each in turn, or any. */
static uint64_t next_key(struct bench_requester *requester, const struct bench_form *form)
{
    const struct bench_work *work = requester->work;
    if (form->fixed)
        return form->key;
    return work->each_key > 0 ? requester->sent % work->keys : random_below(requester, work->keys);
}

/* Puts the slot's next request into the output. */
static void ask(struct bench_requester *requester, unsigned slot_number)
{
    const struct bench_form *form = &requester->forms[requester->sent % requester->form_count];
    struct slot *slot = &requester->slots[slot_number];
    char *at = requester->out + requester->out_to;

    slot->form = form;
    slot->key = next_key(requester, form);
    slot->in_flight = true;
    memcpy(at, form->bytes, form->len);
    bench_form_fill(form, at, slot_number, slot->key, requester->work->value_bytes);
    requester->out_to += form->len;
    requester->batch[requester->batch_len++] = slot_number;
    requester->sent++;
    requester->outstanding++;
}

/* ---- replies ---- */

static enum bench_status fail(const char *what)
{
    bench_complain("%s", what);
    return BENCH_FAILED;
}

/* A reply with headers is an error reply, whose text is in them, or the server's own that nobody listens. */
static enum bench_status refuse(const struct bench_requester *requester, const struct bench_wire *wire)
{
    static const char no_responders[] = "NATS/1.0 503";
    if (wire->headers_len >= sizeof no_responders - 1 &&
        memcmp(wire->headers, no_responders, sizeof no_responders - 1) == 0)
        return BENCH_NO_RESPONDERS;
    bench_complain("an error reply from %s: %.*s", requester->work->subject, (int)wire->headers_len,
                   wire->headers);
    return BENCH_FAILED;
}

/* Of a direct get, only what has a status in its first line is an error. */
static bool is_error(const struct bench_work *work, const struct bench_wire *wire)
{
    size_t begin = strlen("NATS/1.0");
    if (work->operation == BENCH_KV_GET)
        return wire->headers_len <= begin || wire->headers[begin] == ' ';
    return wire->headers_len > 0;
}

static enum bench_status check(const struct bench_work *work, const struct slot *slot,
                               const struct bench_wire *wire)
{
    struct bench_proto_reply reply;
    const struct bench_form *form = slot->form;
    if (form->answer != NULL)
        return wire->payload_len == form->answer_len &&
                       memcmp(wire->payload, form->answer, form->answer_len) == 0
                   ? BENCH_OK
                   : fail("a reply that is not the one that belongs to its request");
    if (work->is_right != NULL)
        return work->is_right(slot->key, wire->payload, wire->payload_len) ? BENCH_OK
                                                                           : fail("a reply that is wrong");
    if (work->operation == BENCH_BIND)
        return wire->payload_len == 0 ? BENCH_OK : fail("BindActor: a reply that is not empty");
    if (work->operation >= BENCH_KV_PUT)
        return bench_bucket_is_right(work->operation, work->value_bytes, slot->key, wire->payload,
                                     wire->payload_len)
                   ? BENCH_OK
                   : fail("JetStream: a reply that is not the one that belongs to its request");
    if (!bench_proto_read(wire->payload, wire->payload_len, &reply))
        return fail("a reply that is not protobuf");
    if (work->operation == BENCH_ADD)
        return reply.number >= 1 && reply.number <= INT32_MAX ? BENCH_OK
                                                              : fail("Add: a reply without a count above 0");
    if (work->operation == BENCH_ECHO_REQUEST)
        return reply.text != NULL && bench_form_key_is_right(slot->key, reply.text, reply.text_len)
                   ? BENCH_OK
                   : fail("an echo that is not what was sent");
    if (work->operation != BENCH_SET && reply.flag != 1)
        return fail("Get: a key that was set does not exist");
    if (reply.text == NULL ||
        !bench_form_value_is_right(work->value_bytes, slot->key, reply.text, reply.text_len))
        return fail("a reply without the value that belongs to its key");
    return BENCH_OK;
}

/* The slot of a reply, from the digits that end its subject, or -1. */
static int slot_of(const struct bench_requester *requester, const struct bench_wire *wire)
{
    int slot = 0;
    if (wire->subject_len != strlen(BENCH_INBOX) + BENCH_SLOT_DIGITS)
        return -1;
    for (size_t i = strlen(BENCH_INBOX); i < wire->subject_len; i++) {
        if (wire->subject[i] < '0' || wire->subject[i] > '9')
            return -1;
        slot = slot * 10 + (wire->subject[i] - '0');
    }
    return (unsigned)slot < requester->work->in_flight && requester->slots[slot].in_flight ? slot : -1;
}

static enum bench_status take_reply(struct bench_requester *requester, const struct bench_wire *wire,
                                    int64_t now_ns)
{
    int number = slot_of(requester, wire);
    if (number < 0)
        return fail("a reply to no request of ours");
    struct slot *slot = &requester->slots[number];
    slot->in_flight = false;
    requester->outstanding--;
    requester->replies++;
    enum bench_status status =
        is_error(requester->work, wire) ? refuse(requester, wire) : check(requester->work, slot, wire);
    if (status != BENCH_OK)
        return status;
    if (requester->measuring)
        bench_histogram_add(requester->histogram, now_ns - slot->sent_ns);
    if (requester->work->each_key > 0 && requester->sent == requester->work->each_key)
        requester->stopping = true;
    if (!requester->stopping)
        ask(requester, (unsigned)number);
    return BENCH_OK;
}

/* Takes every whole message that has come, all of which came at now_ns. */
static enum bench_status take_all(struct bench_requester *requester, int64_t now_ns)
{
    enum bench_status status = BENCH_OK;
    size_t at = 0;
    while (status == BENCH_OK && at < requester->in_len) {
        struct bench_wire wire;
        bench_wire_parse(requester->in + at, requester->in_len - at, &wire);
        if (wire.kind == BENCH_WIRE_MORE)
            break;
        if (wire.kind == BENCH_WIRE_MESSAGE) {
            status = take_reply(requester, &wire, now_ns);
        } else if (wire.kind == BENCH_WIRE_PING) {
            memcpy(requester->out + requester->out_to, "PONG\r\n", 6);
            requester->out_to += 6;
        } else if (wire.kind == BENCH_WIRE_ERROR) {
            bench_complain("nats-server says: %.*s", (int)wire.payload_len, wire.payload);
            status = BENCH_FAILED;
        } else if (wire.kind == BENCH_WIRE_BROKEN) {
            status = fail("nats-server sent what is not the NATS protocol");
        }
        at += wire.consumed;
    }
    requester->in_len -= at;
    memmove(requester->in, requester->in + at, requester->in_len);
    return status;
}

/* ---- the loop ---- */

static bool write_out(struct bench_requester *requester)
{
    if (requester->batch_len > 0) {
        int64_t now_ns = bench_now_ns();
        for (size_t i = 0; i < requester->batch_len; i++)
            requester->slots[requester->batch[i]].sent_ns = now_ns;
        requester->batch_len = 0;
    }
    while (requester->out_from < requester->out_to) {
        ssize_t sent = send(requester->socket, requester->out + requester->out_from,
                            requester->out_to - requester->out_from, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno == EAGAIN)
            break;
        if (sent < 0)
            return false;
        requester->out_from += (size_t)sent;
    }
    requester->out_to -= requester->out_from;
    memmove(requester->out, requester->out + requester->out_from, requester->out_to);
    requester->out_from = 0;
    return true;
}

/* Waits for the socket and reads once. Returns the bytes read: 0 where there was nothing, -1 where it is
 * closed. */
static ssize_t read_in(struct bench_requester *requester)
{
    short events = requester->out_to > 0 ? POLLIN | POLLOUT : POLLIN;
    if (wait_for(requester->socket, events) <= 0)
        return 0;
    ssize_t got = recv(requester->socket, requester->in + requester->in_len, IN_BYTES - requester->in_len,
                       MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (got <= 0)
        return -1;
    requester->in_len += (size_t)got;
    return got;
}

static int64_t own_cpu_ns(void)
{
    struct timespec spent;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return (int64_t)spent.tv_sec * 1000000000 + spent.tv_nsec;
}

/* Where the work stands: in its warm-up, in its window, or past it. */
struct window {
    int64_t from_ns;
    uint64_t from_replies;
    int64_t responder_cpu_ns, requester_cpu_ns; /* at its beginning */
};

static bool is_over(const struct bench_requester *requester, const struct window *window, int64_t now_ns,
                    int64_t ns, uint64_t replies)
{
    if (requester->work->window_replies > 0 && requester->replies - window->from_replies >= replies)
        return true;
    return now_ns - window->from_ns >= ns;
}

/* Opens the window where the warm-up is over, and closes it where the window is. */
static void move_on(struct bench_requester *requester, struct window *window, int64_t now_ns,
                    struct bench_result *result)
{
    const struct bench_work *work = requester->work;
    if (work->each_key > 0 || requester->stopping)
        return;
    if (!requester->measuring) {
        if (!is_over(requester, window, now_ns, work->warmup_ns, work->warmup_replies))
            return;
        requester->measuring = true;
        *window =
            (struct window){now_ns, requester->replies, bench_child_cpu_ns(work->responder), own_cpu_ns()};
    } else if (is_over(requester, window, now_ns, work->window_ns, work->window_replies)) {
        result->responder_cpu_ns = bench_child_cpu_ns(work->responder) - window->responder_cpu_ns;
        result->requester_cpu_ns = own_cpu_ns() - window->requester_cpu_ns;
        result->elapsed_ns = now_ns - window->from_ns;
        result->replies = requester->replies - window->from_replies;
        result->p50_ns = bench_histogram_quantile(requester->histogram, 0.50);
        result->p99_ns = bench_histogram_quantile(requester->histogram, 0.99);
        requester->measuring = false;
        requester->stopping = true;
    }
}

static enum bench_status run(struct bench_requester *requester, struct bench_result *result)
{
    const struct bench_work *work = requester->work;
    enum bench_status status = BENCH_OK;
    int64_t now_ns = bench_now_ns();
    int64_t last_reply_ns = now_ns;
    struct window window = {.from_ns = now_ns};

    for (unsigned i = 0; i < work->in_flight && (work->each_key == 0 || requester->sent < work->each_key);
         i++)
        ask(requester, i);
    while (status == BENCH_OK && requester->outstanding > 0) {
        uint64_t replies = requester->replies;
        if (!write_out(requester))
            return fail("the connection to nats-server broke");
        ssize_t got = read_in(requester);
        if (got < 0)
            return fail("nats-server closed the connection");
        if (*requester->interrupted)
            return fail("interrupted");
        now_ns = bench_now_ns();
        status = take_all(requester, now_ns);
        if (requester->replies > replies)
            last_reply_ns = now_ns;
        else if (now_ns - last_reply_ns > SILENCE_NS)
            return fail("no reply for 10 s");
        move_on(requester, &window, now_ns, result);
    }
    return status;
}

/* Takes the work's forms, or makes the one that its subject and its operation need. */
static bool take_forms(struct bench_requester *requester)
{
    const struct bench_work *work = requester->work;
    size_t longest = 0;
    requester->forms = work->form_count > 0 ? work->forms : &requester->own_form;
    requester->form_count = work->form_count > 0 ? work->form_count : 1;
    struct bench_request request = {
        .operation = work->operation, .subject = work->subject, .value_bytes = work->value_bytes};
    if (work->form_count == 0 && !bench_form_make(&requester->own_form, &request))
        return false;
    for (size_t i = 0; i < requester->form_count; i++)
        longest = requester->forms[i].len > longest ? requester->forms[i].len : longest;
    requester->out_capacity = work->in_flight * longest + OUT_SPARE_BYTES;
    return true;
}

enum bench_status bench_requester_run(struct bench_requester *requester, const struct bench_work *work,
                                      struct bench_result *result)
{
    enum bench_status status = BENCH_FAILED;
    requester->work = work;
    requester->batch_len = 0;
    requester->out_from = requester->out_to = 0;
    requester->sent = requester->replies = requester->outstanding = 0;
    requester->measuring = requester->stopping = false;
    memset(requester->histogram, 0, sizeof *requester->histogram);
    *result = (struct bench_result){0};
    bool made = take_forms(requester);
    requester->slots = calloc(work->in_flight, sizeof *requester->slots);
    requester->batch = calloc(work->in_flight, sizeof *requester->batch);
    requester->out = made ? malloc(requester->out_capacity) : NULL;
    if (requester->slots == NULL || requester->batch == NULL || requester->out == NULL)
        fail("out of memory");
    else
        status = run(requester, result);
    end_work(requester);
    return status;
}
