/* How many subscriptions a server has room for. The server does not announce it, and ends a connection that
 * exceeds its max_subscriptions. So what one connection has found out is believed for a minute: the operator
 * may raise the limit. */
#include <string.h>

#include "nats/subscriptions.h"
#include "support/clock.h"

#define BELIEVED_NS (60 * WKV_NS_PER_S)

bool wkv_room_was_exceeded(natsConnection *connection)
{
    char text[WKV_WHY_BYTES];
    const char *why = wkv_why_closed(connection, text);
    return why != NULL && strstr(why, "maximum subscriptions exceeded") != NULL;
}

static bool is_believed(const struct wkv_room *room)
{
    return room->limit != SIZE_MAX && wkv_monotonic_ns() - room->learned_ns < BELIEVED_NS;
}

bool wkv_room_is_full(const struct wkv_room *room)
{
    return is_believed(room) && room->listening >= room->limit;
}

bool wkv_room_is_short(const struct wkv_room *room, size_t more)
{
    return is_believed(room) && room->wanted + more > room->limit;
}

void wkv_room_note(struct wkv_room *room, size_t more)
{
    room->listening += more;
    if (room->listening > room->limit)
        room->limit = room->listening;
}

/* So many fit, and one more does not. */
void wkv_room_learn(struct wkv_room *room)
{
    room->limit = room->listening;
    room->learned_ns = wkv_monotonic_ns();
}

/* Of several it is not known which one was too many: the next connection finds out. */
void wkv_subscriptions_note_flushed(struct wkv_subscriptions *subscriptions, size_t asked, natsStatus status)
{
    struct wkv_room *room = &subscriptions->room;
    (void)pthread_mutex_lock(&subscriptions->link->lock);
    if (status == NATS_OK) {
        wkv_room_note(room, asked);
        /* All fit: its operator may have made room. */
        if (asked == 0 && !wkv_room_is_full(room))
            room->limit = SIZE_MAX;
    } else if (wkv_room_was_exceeded(subscriptions->link->connection)) {
        wkv_room_learn(room);
        room->learned_ns -= asked > 1 ? BELIEVED_NS : 0;
    }
    (void)pthread_mutex_unlock(&subscriptions->link->lock);
}

void wkv_subscriptions_limit(struct wkv_subscriptions *subscriptions, size_t limit)
{
    struct wkv_room *room = &subscriptions->room;
    (void)pthread_mutex_lock(&subscriptions->link->lock);
    if (!is_believed(room)) {
        room->limit = limit > room->listening ? limit : room->listening;
        room->learned_ns = wkv_monotonic_ns();
    }
    (void)pthread_mutex_unlock(&subscriptions->link->lock);
}

size_t wkv_subscriptions_room(struct wkv_subscriptions *subscriptions)
{
    (void)pthread_mutex_lock(&subscriptions->link->lock);
    size_t limit = subscriptions->room.limit;
    (void)pthread_mutex_unlock(&subscriptions->link->lock);
    return limit;
}
