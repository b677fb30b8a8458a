#include "nats/loop.h"
#include "support/clock.h"

void wkv_loop_keep(struct wkv_loop *loop, natsMsg *message, size_t bytes_with_it)
{
    loop->kept.count++;
    loop->kept.bytes += wkv_message_bytes(message) + bytes_with_it;
    loop->kept.in_hand = true;
}

void wkv_loop_give_back(struct wkv_loop *loop, natsMsg *message, size_t bytes_with_it)
{
    loop->kept.count--;
    loop->kept.bytes -= wkv_message_bytes(message) + bytes_with_it;
    if (loop->running)
        wkv_loop_retire(loop, message);
    else
        natsMsg_Destroy(message);
}

void wkv_loop_handle_again(struct wkv_loop *loop, natsMsg *message, size_t bytes_with_it,
                           wkv_loop_handler handle, void *context)
{
    loop->kept.count--;
    loop->kept.bytes -= wkv_message_bytes(message) + bytes_with_it;
    loop->kept.in_hand = false;
    loop->intake.late = false;
    handle(loop, context, message);
    if (!loop->kept.in_hand)
        wkv_loop_retire(loop, message);
}

void wkv_loop_call_after_turns(struct wkv_loop *loop, wkv_loop_after_turn call, void *context, size_t window)
{
    loop->kept.window = window;
    loop->kept.after_turn = call;
    loop->kept.context = context;
}

int64_t wkv_kept_wait_ns(const struct wkv_kept *kept)
{
    if (kept->after_turn == NULL || kept->next_turn_ns == WKV_NO_TURN)
        return WKV_POLLER_FOREVER;
    int64_t now_ns = wkv_monotonic_ns();
    return kept->next_turn_ns <= now_ns ? 0 : kept->next_turn_ns - now_ns;
}

void wkv_kept_end_turn(struct wkv_kept *kept)
{
    if (kept->after_turn != NULL)
        kept->next_turn_ns = kept->after_turn(kept->context);
}
