/* Events as they are sent. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "codec/sink.h"
#include "operation/command.h"
#include "support/clock.h"
#include "watch/watch.h"

/* Memory for an event that is kept for the next one. */
#define KEEP_BYTES ((size_t)256 * 1024)

/* "A heartbeat (`sync`) comes each 5 s." */
#define SYNC_NS (5 * WKV_NS_PER_S)

static ProtobufCBinaryData bytes_of(struct wkv_text text)
{
    return (ProtobufCBinaryData){text.len, (uint8_t *)(uintptr_t)text.data};
}

/* Writes the event, with the number that is next. Returns false where memory is short, or it has more than
 * the server's max_payload. */
static bool write_event(struct wkv_watches *watches, const struct wkv_watch *watch,
                        const struct wkv_watch_event *event, const char *renew)
{
    Keyvalue__WatchResponse response = KEYVALUE__WATCH_RESPONSE__INIT;
    struct wkv_sink sink;
    response.event = wkv_bytes_of(event->name);
    response.key = bytes_of(event->key);
    response.value = bytes_of(event->value);
    response.number = watch->number + 1;
    response.renew = wkv_bytes_of(renew);
    wkv_buffer_reset(&watches->event, KEEP_BYTES);
    wkv_sink_begin(&sink, &keyvalue__watch_response__descriptor, watch->order.encoding, &watches->event,
                   wkv_loop_max_payload(&watches->loop));
    wkv_sink_message(&sink, &response.base);
    return wkv_sink_end(&sink) == WKV_OK;
}

static bool publish(struct wkv_watches *watches, struct wkv_watch *watch)
{
    const struct wkv_buffer *event = &watches->event;
    if (natsConnection_Publish(watches->loop.link.connection, watch->order.reply.data, event->data,
                               (int)event->len) != NATS_OK)
        return false;
    watches->loop.sending.unsent_bytes += event->len + watch->order.reply.len;
    watch->number++;
    wkv_stats_count_watch_event(watches->stats);
    return true;
}

/* One change can make more events than may be unsent: a turn waits so long, in all, for the server to take
 * them. Meanwhile shards note what changes, and nobody else waits. */
#define PATIENCE_NS WKV_NS_PER_S

/* Whether another event may be unsent. */
static bool has_room(struct wkv_watches *watches)
{
    const struct timespec pause = {.tv_nsec = WKV_NS_PER_MS};
    struct wkv_loop *loop = &watches->loop;
    while (wkv_sending_bytes(&loop->sending) >= WKV_WATCH_UNSENT_MOST) {
        wkv_sending_offer(loop);
        if (wkv_sending_bytes(&loop->sending) < WKV_WATCH_UNSENT_MOST)
            break;
        if (watches->waited_ns >= PATIENCE_NS || atomic_load(&watches->stopping))
            return false;
        int64_t from_ns = wkv_monotonic_ns();
        wkv_pulse_rest(&loop->turns.pulse);
        (void)nanosleep(&pause, NULL);
        wkv_pulse_turn(&loop->turns.pulse);
        watches->waited_ns += wkv_monotonic_ns() - from_ns;
    }
    return true;
}

static bool tell(struct wkv_watches *watches, struct wkv_watch *watch, const struct wkv_watch_event *event,
                 const char *renew)
{
    struct wkv_watch_event bare = {.name = event->name, .key = event->key};
    bool told = has_room(watches) &&
                (write_event(watches, watch, event, renew) || write_event(watches, watch, &bare, renew)) &&
                publish(watches, watch);
    if (!told)
        watch->state = WKV_WATCH_MISSED;
    return told;
}

bool wkv_watch_tell(struct wkv_watches *watches, struct wkv_watch *watch, const struct wkv_watch_event *event)
{
    return tell(watches, watch, event, "");
}

/* "The subject that each `sync` names": one that the actor may publish on where it may on its operations'. */
void wkv_watch_sync(struct wkv_watches *watches, struct wkv_watch *watch, int64_t now_ns)
{
    char renew[WKV_SUBJECT_BYTES + WKV_SUBJECT_BYTES];
    (void)snprintf(renew, sizeof renew, "%s.%s.Watch-%s", watches->base, watch->order.actor.data,
                   watches->instance);
    watch->sync_ns = now_ns + SYNC_NS;
    (void)tell(watches, watch, &(struct wkv_watch_event){.name = "sync"}, renew);
}

bool wkv_watch_take_value(void *context, struct wkv_text text)
{
    wkv_buffer_reset(context, KEEP_BYTES);
    (void)wkv_buffer_append(context, text.data, text.len);
    return false;
}

bool wkv_watch_put(struct wkv_watches *watches, struct wkv_watch *watch, struct wkv_text key,
                   struct wkv_text value)
{
    return wkv_watch_tell(
        watches, watch,
        &(struct wkv_watch_event){
            .name = "put", .key = key, .value = watch->order.values ? value : (struct wkv_text){NULL, 0}});
}
