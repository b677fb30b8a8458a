#include <inttypes.h>

#include "nats/loop.h"
#include "support/clock.h"
#include "support/text.h"

/* With so much waiting to be sent, see loop.h. nats.c's own buffer grows. */
#define UNSENT_SMALL ((size_t)8 * 1024 * 1024)
#define UNSENT_ALL ((size_t)12 * 1024 * 1024)
#define TELL_NS (5 * WKV_NS_PER_S)

void wkv_sending_offer(struct wkv_loop *loop)
{
    struct wkv_sending *sending = &loop->sending;
    if (!wkv_poller_wants_write(&loop->poller))
        return;
    wkv_pulse_rest(&loop->turns.pulse);
    natsConnection_ProcessWriteEvent(loop->link.connection);
    wkv_pulse_turn(&loop->turns.pulse);
    loop->clock_ns = 0;
    sending->unsent_bytes = 0;
    sending->buffered_bytes = 0;
    if (!wkv_poller_wants_write(&loop->poller))
        return;
    int buffered = natsConnection_Buffered(loop->link.connection);
    sending->buffered_bytes = buffered < 0 ? 0 : (size_t)buffered;
}

enum wkv_loop_overload wkv_loop_overload(struct wkv_loop *loop)
{
    return loop->intake.late ? WKV_LOOP_REFUSE : wkv_loop_overload_of_replies(loop);
}

enum wkv_loop_overload wkv_loop_overload_of_replies(struct wkv_loop *loop)
{
    if (wkv_sending_bytes(&loop->sending) < UNSENT_SMALL)
        return WKV_LOOP_AT_EASE;
    /* What the socket takes by now need not wait. */
    wkv_sending_offer(loop);
    size_t unsent = wkv_sending_bytes(&loop->sending);
    return unsent < UNSENT_SMALL ? WKV_LOOP_AT_EASE
           : unsent < UNSENT_ALL ? WKV_LOOP_SMALL_ONLY
                                 : WKV_LOOP_REFUSE;
}

enum wkv_code wkv_loop_refuse(struct wkv_loop *loop, const char *what, struct wkv_error *error)
{
    loop->sending.refused++;
    if (loop->intake.late)
        return wkv_fail(error, WKV_UNAVAILABLE,
                        "%s: overloaded: the request has waited for more than %" PRId64
                        " ms (--max-wait); send it again later",
                        what, loop->options.max_wait_ns / WKV_NS_PER_MS);
    return wkv_fail(
        error, WKV_UNAVAILABLE,
        "%s: overloaded: the server does not take the replies as fast as they are asked for; send "
        "the request again later, or ask for less at once",
        what);
}

void wkv_sending_drop(struct wkv_loop *loop)
{
    loop->sending.dropped++;
    wkv_loop_note(loop, WKV_LOOP_DROPPED_OVERLOAD);
}

void wkv_sending_tell(struct wkv_loop *loop)
{
    struct wkv_sending *sending = &loop->sending;
    if (sending->refused + sending->dropped == 0)
        return;
    int64_t now_ns = wkv_monotonic_ns();
    if (sending->told_ns != 0 && now_ns - sending->told_ns < TELL_NS)
        return;
    wkv_log_warn(loop->options.log,
                 "%s: overloaded: %" PRIu64 " request%s refused with 503, %" PRIu64
                 " dropped without an answer, %zu waiting, %zu bytes of replies unsent",
                 loop->name, sending->refused, wkv_plural(sending->refused), sending->dropped,
                 loop->intake.backlog.count, wkv_sending_bytes(sending));
    sending->refused = 0;
    sending->dropped = 0;
    sending->told_ns = now_ns;
}

/* The most that max_payload can be, as NATS documents it. What a broken server, or somebody in its place,
 * says beyond that must not decide how much memory a reply takes. */
#define MOST_PAYLOAD_BYTES ((int64_t)64 * 1024 * 1024)

void wkv_loop_note_max_payload(struct wkv_loop *loop)
{
    int64_t bytes = natsConnection_GetMaxPayload(loop->link.connection);
    loop->sending.max_payload = (size_t)(bytes < 0                    ? 0
                                         : bytes > MOST_PAYLOAD_BYTES ? MOST_PAYLOAD_BYTES
                                                                      : bytes);
}
