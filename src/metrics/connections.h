/* Who is connected to the HTTP server, so that those who only sit there make room for those who come.
 *
 * Beyond WKV_METRICS_CONNECTIONS, the connection that has said nothing for longest is closed for each new
 * one. So whoever opens many and is silent, or takes bytes one by one to be never idle for the whole timeout,
 * keeps nobody out.
 *
 * For the HTTP server's thread alone.
 */
#ifndef WKV_METRICS_CONNECTIONS_H
#define WKV_METRICS_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WKV_METRICS_CONNECTIONS 32u
/* One that was told to go is still there until the server's loop comes by it, and the loop lets in ten at a
 * time. */
#define WKV_METRICS_CONNECTIONS_LEAVING 16u
/* What the server must be told as its limit. */
#define WKV_METRICS_CONNECTIONS_LIMIT (WKV_METRICS_CONNECTIONS + WKV_METRICS_CONNECTIONS_LEAVING)

struct wkv_connection {
    int fd;             /* borrowed; -1: the place is free */
    bool leaving;       /* it was told to go */
    uint64_t last_used; /* when, in uses of all */
};

/* Zeroed is not yet empty: init. */
struct wkv_connections {
    struct wkv_connection places[WKV_METRICS_CONNECTIONS_LIMIT];
    size_t staying; /* places taken by those that were not told to go */
    uint64_t uses;
};

void wkv_connections_init(struct wkv_connections *connections);

/* A connection came. Returns its place, or NULL where none is free (there are more than the limit). */
struct wkv_connection *wkv_connections_add(struct wkv_connections *connections, int fd);

/* It made a request. */
void wkv_connections_use(struct wkv_connections *connections, struct wkv_connection *connection);

/* It is about to be closed. */
void wkv_connections_remove(struct wkv_connections *connections, struct wkv_connection *connection);

#endif
