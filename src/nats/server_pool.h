/* The servers that connections are made to: those that --server names, and those of their cluster, of which
 * they tell in their INFO. In the order in which to try them: one that has just worked is the first, one that
 * has failed is the last. Shared by all connections; any thread may call anything.
 */
#ifndef WKV_NATS_SERVER_POOL_H
#define WKV_NATS_SERVER_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "nats/servers.h"

/* Bytes of a host's name (RFC 1035 allows 253), NUL included. */
#define WKV_POOL_HOST_BYTES 256
/* More than these are not remembered: a server may tell of any number. */
#define WKV_POOL_MAX 128

struct wkv_pool_server {
    char host[WKV_POOL_HOST_BYTES]; /* an IPv6 address without brackets */
    uint16_t port;
    const struct wkv_server_url *named; /* borrowed: the one of --server that is this one or that it was told
                                           of by, and as which it is spoken to */
    char tls_name[WKV_POOL_HOST_BYTES]; /* the name that its certificate has, where its host is an address
                                           that a server with a name told of; "": the host */
    bool discovered;
};

struct wkv_pool;

/* servers are borrowed until the pool is destroyed. Errors: NULL where memory is short. */
struct wkv_pool *wkv_pool_create(const struct wkv_servers *servers);

/* No thread may use it any more. NULL is allowed. */
void wkv_pool_destroy(struct wkv_pool *pool);

/* Copies the servers, in order. Returns how many; 0 where memory is short. The caller frees *list. */
size_t wkv_pool_list(struct wkv_pool *pool, struct wkv_pool_server **list);

/* A connection to that server was made, or could not be made. */
void wkv_pool_worked(struct wkv_pool *pool, const struct wkv_pool_server *server);
void wkv_pool_failed(struct wkv_pool *pool, const struct wkv_pool_server *server);

/* The server `from` has told of these (`nats://host:port`). They replace what was told before; they are
 * spoken to as `from` is: with its scheme, user and password. */
void wkv_pool_discovered(struct wkv_pool *pool, const struct wkv_pool_server *from, char *const *urls,
                         int count);

/* How to speak to it. The texts are the server's, or what it borrows. */
struct wkv_server_url wkv_pool_url(const struct wkv_pool_server *server);

/* Whether its host is an address and not a name. */
bool wkv_pool_is_address(const struct wkv_pool_server *server);

#endif
