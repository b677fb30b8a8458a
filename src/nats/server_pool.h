/* The servers that connections are made to: those that --server names, and those of their cluster, of which
 * they tell in their INFO. In the order in which to try them: one that has just worked is the first, one that
 * has failed is the last. Shared by all connections; any thread may call anything.
 */
#ifndef WKV_NATS_SERVER_POOL_H
#define WKV_NATS_SERVER_POOL_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of a host's name (RFC 1035 allows 253), NUL included. */
#define WKV_POOL_HOST_BYTES 256
/* More than these are not remembered: a server may tell of any number. */
#define WKV_POOL_MAX 128

struct wkv_pool_server {
    char *url; /* as it stands in --server, user and password included: not for a log */
    char tls_name[WKV_POOL_HOST_BYTES]; /* the name that its certificate has, where the URL has an address
                                           that a server with a name told of; "": what the URL says */
    bool discovered;
};

struct wkv_pool;

/* servers: URLs with commas between. Errors: NULL where memory is short. */
struct wkv_pool *wkv_pool_create(const char *servers);

/* Wipes and frees; no thread may use it any more. NULL is allowed. */
void wkv_pool_destroy(struct wkv_pool *pool);

/* Copies the servers, in order. Returns how many; 0 where memory is short. The caller frees *list with
 * wkv_pool_list_free. */
size_t wkv_pool_list(struct wkv_pool *pool, struct wkv_pool_server **list);
void wkv_pool_list_free(struct wkv_pool_server *list, size_t count);

/* A connection to the server with that URL was made, or could not be made. */
void wkv_pool_worked(struct wkv_pool *pool, const char *url);
void wkv_pool_failed(struct wkv_pool *pool, const char *url);

/* The server with the URL `from` has told of these (`nats://host:port`). They replace what was told before;
 * they are spoken to as `from` is: with its scheme, user and password. */
void wkv_pool_discovered(struct wkv_pool *pool, const char *from, char *const *urls, int count);

/* The parts of one URL. The texts point into it. */
struct wkv_pool_parts {
    const char *before_host; /* scheme and user; ends where the host begins */
    size_t before_host_len;
    const char *host; /* without brackets */
    size_t host_len;
    const char *port; /* digits; "4222" where there is none */
    size_t port_len;
    bool tls; /* the scheme says so */
};
void wkv_pool_split(const char *url, struct wkv_pool_parts *parts);

/* Whether the host of the URL is an address and not a name. */
bool wkv_pool_is_address(const char *url);

#endif
