#include "nats/server_pool.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct wkv_pool {
    pthread_mutex_t lock;
    struct wkv_pool_server servers[WKV_POOL_MAX];
    size_t count;
};

struct wkv_server_url wkv_pool_url(const struct wkv_pool_server *server)
{
    struct wkv_server_url url = *server->named;
    url.host = server->host;
    url.port = server->port;
    return url;
}

bool wkv_pool_is_address(const struct wkv_pool_server *server)
{
    struct in6_addr unused;
    return inet_pton(AF_INET, server->host, &unused) == 1 || strchr(server->host, ':') != NULL;
}

static bool is_at(const struct wkv_pool_server *server, const struct wkv_server_url *url)
{
    return server->port == url->port && strcasecmp(server->host, url->host) == 0;
}

static bool is_same(const struct wkv_pool_server *one, const struct wkv_pool_server *other)
{
    return one->named == other->named && one->port == other->port && strcmp(one->host, other->host) == 0;
}

/* ---- the pool, under its lock ---- */

static bool is_known(const struct wkv_pool *pool, const struct wkv_server_url *url)
{
    for (size_t i = 0; i < pool->count; i++)
        if (is_at(&pool->servers[i], url))
            return true;
    return false;
}

/* NULL: one too many, which is left out. */
static struct wkv_pool_server *append(struct wkv_pool *pool, const struct wkv_server_url *at,
                                      const struct wkv_server_url *named)
{
    if (pool->count == WKV_POOL_MAX)
        return NULL;
    struct wkv_pool_server *server = &pool->servers[pool->count++];
    *server = (struct wkv_pool_server){.named = named, .port = at->port};
    (void)snprintf(server->host, sizeof server->host, "%s", at->host);
    return server;
}

/* Puts the server first, or last. */
static void move(struct wkv_pool *pool, const struct wkv_pool_server *server, size_t to)
{
    size_t i = 0;
    while (i < pool->count && !is_same(&pool->servers[i], server))
        i++;
    if (i == pool->count)
        return;
    struct wkv_pool_server moved = pool->servers[i];
    if (to < i)
        memmove(&pool->servers[to + 1], &pool->servers[to], (i - to) * sizeof moved);
    else
        memmove(&pool->servers[i], &pool->servers[i + 1], (to - i) * sizeof moved);
    pool->servers[to] = moved;
}

static bool is_told_of(const struct wkv_pool_server *server, struct wkv_servers *const *told, int count)
{
    for (int i = 0; i < count; i++)
        if (told[i] != NULL && is_at(server, &told[i]->items[0]))
            return true;
    return false;
}

static void drop_untold(struct wkv_pool *pool, const struct wkv_pool_server *from,
                        struct wkv_servers *const *told, int count)
{
    size_t kept = 0;
    for (size_t i = 0; i < pool->count; i++) {
        const struct wkv_pool_server *server = &pool->servers[i];
        if (!server->discovered || is_same(server, from) || is_told_of(server, told, count))
            pool->servers[kept++] = *server;
    }
    pool->count = kept;
}

static void add_told(struct wkv_pool *pool, const struct wkv_pool_server *from,
                     const struct wkv_server_url *told)
{
    struct wkv_pool_server *server = is_known(pool, told) ? NULL : append(pool, told, from->named);
    if (server == NULL)
        return;
    server->discovered = true;
    if (wkv_pool_is_address(server) && !wkv_pool_is_address(from))
        memcpy(server->tls_name, from->host, sizeof server->tls_name);
}

/* ---- from outside ---- */

struct wkv_pool *wkv_pool_create(const struct wkv_servers *servers)
{
    struct wkv_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL || pthread_mutex_init(&pool->lock, NULL) != 0) {
        free(pool);
        return NULL;
    }
    for (size_t i = 0; i < servers->count; i++)
        (void)append(pool, &servers->items[i], &servers->items[i]);
    return pool;
}

void wkv_pool_destroy(struct wkv_pool *pool)
{
    if (pool == NULL)
        return;
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool);
}

size_t wkv_pool_list(struct wkv_pool *pool, struct wkv_pool_server **list)
{
    (void)pthread_mutex_lock(&pool->lock);
    size_t count = pool->count;
    *list = calloc(count, sizeof **list);
    if (*list != NULL)
        memcpy(*list, pool->servers, count * sizeof **list);
    (void)pthread_mutex_unlock(&pool->lock);
    return *list == NULL ? 0 : count;
}

void wkv_pool_worked(struct wkv_pool *pool, const struct wkv_pool_server *server)
{
    (void)pthread_mutex_lock(&pool->lock);
    move(pool, server, 0);
    (void)pthread_mutex_unlock(&pool->lock);
}

void wkv_pool_failed(struct wkv_pool *pool, const struct wkv_pool_server *server)
{
    (void)pthread_mutex_lock(&pool->lock);
    move(pool, server, pool->count - 1);
    (void)pthread_mutex_unlock(&pool->lock);
}

/* What is no URL is left out, like what there is no memory for. */
void wkv_pool_discovered(struct wkv_pool *pool, const struct wkv_pool_server *from, char *const *urls,
                         int count)
{
    struct wkv_servers **told = calloc((size_t)count, sizeof(struct wkv_servers *));
    struct wkv_error ignored;
    if (told == NULL)
        return;
    for (int i = 0; i < count; i++)
        (void)wkv_servers_parse("", urls[i], &told[i], &ignored);
    (void)pthread_mutex_lock(&pool->lock);
    drop_untold(pool, from, told, count);
    for (int i = 0; i < count; i++)
        if (told[i] != NULL)
            add_told(pool, from, &told[i]->items[0]);
    (void)pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < count; i++)
        wkv_servers_destroy(told[i]);
    free(told);
}
