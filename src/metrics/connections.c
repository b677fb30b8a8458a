#include "metrics/connections.h"

#include <sys/socket.h>

void wkv_connections_init(struct wkv_connections *connections)
{
    *connections = (struct wkv_connections){0};
    for (size_t i = 0; i < WKV_METRICS_CONNECTIONS_LIMIT; i++)
        connections->places[i].fd = -1;
}

static struct wkv_connection *free_place(struct wkv_connections *connections)
{
    for (size_t i = 0; i < WKV_METRICS_CONNECTIONS_LIMIT; i++)
        if (connections->places[i].fd < 0)
            return &connections->places[i];
    return NULL;
}

static struct wkv_connection *longest_silent(struct wkv_connections *connections)
{
    struct wkv_connection *oldest = NULL;
    for (size_t i = 0; i < WKV_METRICS_CONNECTIONS_LIMIT; i++) {
        struct wkv_connection *one = &connections->places[i];
        if (one->fd >= 0 && !one->leaving && (oldest == NULL || one->last_used < oldest->last_used))
            oldest = one;
    }
    return oldest;
}

/* The server owns the socket and closes it when it sees that nothing goes through it any more. */
static void tell_to_go(struct wkv_connections *connections, struct wkv_connection *connection)
{
    connection->leaving = true;
    connections->staying--;
    (void)shutdown(connection->fd, SHUT_RDWR);
}

struct wkv_connection *wkv_connections_add(struct wkv_connections *connections, int fd)
{
    struct wkv_connection *place = free_place(connections);
    if (place == NULL)
        return NULL;
    if (connections->staying >= WKV_METRICS_CONNECTIONS)
        tell_to_go(connections, longest_silent(connections));
    *place = (struct wkv_connection){.fd = fd, .last_used = ++connections->uses};
    connections->staying++;
    return place;
}

void wkv_connections_use(struct wkv_connections *connections, struct wkv_connection *connection)
{
    connection->last_used = ++connections->uses;
}

void wkv_connections_remove(struct wkv_connections *connections, struct wkv_connection *connection)
{
    if (!connection->leaving)
        connections->staying--;
    *connection = (struct wkv_connection){.fd = -1};
}
