/* The requester: an event loop on one connection that keeps a number of requests in flight and times each.
 *
 * It has one wildcard inbox subscription. A request's reply subject ends in the number of its slot, so a
 * reply finds its request without a search, and the slot sends its next request at once. All requests that
 * one read made room for go out in one write. A reply's latency runs from just before the write of its
 * request to just after the read that brought it.
 *
 * One thread. Every wait is bounded.
 */
#ifndef WASCC_KEYVALUE_BENCH_REQUESTER_H
#define WASCC_KEYVALUE_BENCH_REQUESTER_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "form.h"
#include "process.h"

#define BENCH_MAX_IN_FLIGHT 16384u
#define BENCH_MAX_VALUE_BYTES 65536u
#define BENCH_MAX_KEYS 100000000u

struct bench_requester;

/* Connects to a NATS server on 127.0.0.1. The requester gives up soon after *interrupted is set.
 * Returns NULL after saying what went wrong. */
struct bench_requester *bench_requester_open(uint16_t port, const volatile sig_atomic_t *interrupted);

/* NULL is allowed. */
void bench_requester_close(struct bench_requester *requester);

/* One stretch of work. Keys are `key:0000001234`, for Add `cnt:0000001234`; a value belongs to its key, so a
 * Get's reply can be checked against what the key must hold. */
struct bench_work {
    enum bench_operation operation;
    const char *subject;
    /* The requests, one after the other and from the first again; borrowed. Without any, all are made of the
     * operation and the subject. */
    const struct bench_form *forms;
    size_t form_count;
    /* Whether the payload answers the form that is about this key; NULL: as the operation's replies do. */
    bool (*is_right)(uint64_t key, const char *payload, size_t len);
    uint64_t keys;
    size_t value_bytes;
    unsigned in_flight;

    /* Either: these many requests, each key in turn, from the first. Nothing is measured. 0: the other way.
     */
    uint64_t each_key;
    /* Or: random keys; first a warm-up, then the window that is measured. Each ends by time, or, where
     * window_replies is not 0, by replies if that is sooner. */
    int64_t warmup_ns, window_ns;
    uint64_t warmup_replies, window_replies;

    struct bench_child *responder; /* its processor time is taken */
};

/* What the window came to. */
struct bench_result {
    uint64_t replies;
    int64_t elapsed_ns;
    int64_t responder_cpu_ns;
    int64_t requester_cpu_ns;
    double p50_ns, p99_ns;
};

enum bench_status {
    BENCH_OK,
    BENCH_NO_RESPONDERS, /* nobody listens on the subject (yet) */
    BENCH_FAILED,        /* said already */
};

/* Does the work. Every reply is checked: an error reply or a wrong one fails the work, as does a responder
 * that is silent for ten seconds. No request is in flight when it returns BENCH_OK. After BENCH_FAILED the
 * requester can only be closed. */
enum bench_status bench_requester_run(struct bench_requester *requester, const struct bench_work *work,
                                      struct bench_result *result);

#endif
