#include <inttypes.h>

#include "nats/loop_turn.h"
#include "support/clock.h"

/* With so much waiting to be sent, see loop.h. */
#define UNSENT_SMALL ((size_t)8 * 1024 * 1024)
#define UNSENT_ALL ((size_t)12 * 1024 * 1024)
#define TELL_NS (5 * WKV_NS_PER_S)

void wkv_loop_offer_writes(struct wkv_loop *loop)
{
    if (!atomic_load_explicit(&loop->want_write, memory_order_acquire))
        return;
    wkv_pulse_set(&loop->pulse, false);
    natsConnection_ProcessWriteEvent(loop->connection);
    wkv_pulse_set(&loop->pulse, true);
    loop->clock_ns = 0;
    loop->unsent_bytes = 0;
    loop->buffered_bytes = 0;
    if (!atomic_load_explicit(&loop->want_write, memory_order_acquire))
        return;
    int buffered = natsConnection_Buffered(loop->connection);
    loop->buffered_bytes = buffered < 0 ? 0 : (size_t)buffered;
}

enum wkv_loop_overload wkv_loop_overload(struct wkv_loop *loop)
{
    if (loop->late || loop->kept.bytes > WKV_KEPT_BYTES)
        return WKV_LOOP_REFUSE;
    if (wkv_loop_unsent(loop) < UNSENT_SMALL)
        return WKV_LOOP_AT_EASE;
    /* What the socket takes by now need not wait. */
    wkv_loop_offer_writes(loop);
    size_t unsent = wkv_loop_unsent(loop);
    return unsent < UNSENT_SMALL ? WKV_LOOP_AT_EASE
           : unsent < UNSENT_ALL ? WKV_LOOP_SMALL_ONLY
                                 : WKV_LOOP_REFUSE;
}

enum wkv_code wkv_loop_refuse(struct wkv_loop *loop, const char *what, struct wkv_error *error)
{
    loop->refusals.refused++;
    if (loop->late)
        return wkv_fail(error, WKV_UNAVAILABLE,
                        "%s: overloaded: the request has waited for more than %" PRId64
                        " ms (--max-wait); send it again later",
                        what, loop->max_wait_ns / WKV_NS_PER_MS);
    if (loop->kept.bytes > WKV_KEPT_BYTES)
        return wkv_fail(error, WKV_UNAVAILABLE,
                        "%s: overloaded: %zu requests are on their way already; send it again later", what,
                        loop->kept.count);
    return wkv_fail(
        error, WKV_UNAVAILABLE,
        "%s: overloaded: the server does not take the replies as fast as they are asked for; send "
        "the request again later, or ask for less at once",
        what);
}

void wkv_loop_drop(struct wkv_loop *loop)
{
    loop->refusals.dropped++;
    wkv_stats_count_dropped(loop->stats, WKV_DROP_OVERLOAD);
}

void wkv_loop_tell_refusals(struct wkv_loop *loop)
{
    struct wkv_loop_refusals *refusals = &loop->refusals;
    if (refusals->refused + refusals->dropped == 0)
        return;
    int64_t now_ns = wkv_monotonic_ns();
    if (refusals->told_ns != 0 && now_ns - refusals->told_ns < TELL_NS)
        return;
    wkv_log_warn(loop->log,
                 "%s: overloaded: %" PRIu64 " requests were refused with 503 and %" PRIu64
                 " dropped without an answer; %zu wait, and %zu bytes of replies",
                 loop->name, refusals->refused, refusals->dropped, loop->backlog.count,
                 wkv_loop_unsent(loop));
    *refusals = (struct wkv_loop_refusals){.told_ns = now_ns};
}
