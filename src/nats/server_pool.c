#include "nats/server_pool.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nats/servers.h"

#define DEFAULT_PORT "4222"

struct wkv_pool {
    pthread_mutex_t lock;
    struct wkv_pool_server servers[WKV_POOL_MAX];
    size_t count;
};

/* ---- URLs ---- */

/* Host and port of `host`, `host:port`, `[address]`, `[address]:port`, or of an IPv6 address alone. */
static void split_host(const char *text, size_t len, struct wkv_pool_parts *parts)
{
    const char *end = text + len;
    const char *colon = memrchr(text, ':', len);
    parts->host = text;
    if (len > 0 && *text == '[') {
        const char *closing = memchr(text, ']', len);
        parts->host = text + 1;
        parts->host_len = (size_t)((closing == NULL ? end : closing) - parts->host);
        colon = closing != NULL && closing + 1 < end && closing[1] == ':' ? closing + 1 : NULL;
    } else {
        if (colon != NULL && memchr(text, ':', (size_t)(colon - text)) != NULL)
            colon = NULL;
        parts->host_len = (size_t)((colon == NULL ? end : colon) - text);
    }
    parts->port = colon == NULL ? DEFAULT_PORT : colon + 1;
    parts->port_len = colon == NULL ? strlen(DEFAULT_PORT) : (size_t)(end - parts->port);
}

void wkv_pool_split(const char *url, struct wkv_pool_parts *parts)
{
    const char *scheme_end = strstr(url, "://");
    const char *host = scheme_end == NULL ? url : scheme_end + 3;
    const char *at = strrchr(host, '@');
    if (at != NULL)
        host = at + 1;
    size_t len = strlen(host);
    if (len > 0 && host[len - 1] == '/')
        len--;
    parts->before_host = url;
    parts->before_host_len = (size_t)(host - url);
    parts->tls = scheme_end != NULL && scheme_end - url == 3 && strncasecmp(url, "tls", 3) == 0;
    split_host(host, len, parts);
}

static bool is_address(const struct wkv_pool_parts *parts)
{
    char host[WKV_POOL_HOST_BYTES];
    struct in6_addr unused;
    if (parts->host_len >= sizeof host)
        return false;
    memcpy(host, parts->host, parts->host_len);
    host[parts->host_len] = '\0';
    return inet_pton(AF_INET, host, &unused) == 1 || memchr(host, ':', parts->host_len) != NULL;
}

bool wkv_pool_is_address(const char *url)
{
    struct wkv_pool_parts parts;
    wkv_pool_split(url, &parts);
    return is_address(&parts);
}

/* ---- the pool, under its lock ---- */

/* Whether the pool has that host and port already, whatever else stands in the URL. */
static bool is_known(const struct wkv_pool *pool, const char *url)
{
    struct wkv_pool_parts wanted, parts;
    wkv_pool_split(url, &wanted);
    for (size_t i = 0; i < pool->count; i++) {
        wkv_pool_split(pool->servers[i].url, &parts);
        if (parts.host_len == wanted.host_len && strncasecmp(parts.host, wanted.host, wanted.host_len) == 0 &&
            parts.port_len == wanted.port_len && memcmp(parts.port, wanted.port, wanted.port_len) == 0)
            return true;
    }
    return false;
}

/* Takes the URL over. Returns NULL where it is NULL, or one too many: it is left out. */
static struct wkv_pool_server *append(struct wkv_pool *pool, char *url)
{
    if (url == NULL || pool->count == WKV_POOL_MAX) {
        wkv_wipe_text(url);
        return NULL;
    }
    struct wkv_pool_server *server = &pool->servers[pool->count++];
    *server = (struct wkv_pool_server){.url = url};
    return server;
}

/* Puts the server with that URL first, or last. */
static void move(struct wkv_pool *pool, const char *url, size_t to)
{
    size_t i = 0;
    while (i < pool->count && strcmp(pool->servers[i].url, url) != 0)
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

/* Whether one of the URLs, which are without a user, has the server's host and port. */
static bool is_told_of(const struct wkv_pool_server *server, char *const *urls, int count)
{
    struct wkv_pool_parts parts;
    wkv_pool_split(server->url, &parts);
    const char *host = server->url + parts.before_host_len;
    for (int i = 0; i < count; i++) {
        struct wkv_pool_parts told;
        wkv_pool_split(urls[i], &told);
        if (strcmp(urls[i] + told.before_host_len, host) == 0)
            return true;
    }
    return false;
}

static void drop_untold(struct wkv_pool *pool, const char *from, char *const *urls, int count)
{
    size_t kept = 0;
    for (size_t i = 0; i < pool->count; i++) {
        struct wkv_pool_server *server = &pool->servers[i];
        if (!server->discovered || strcmp(server->url, from) == 0 || is_told_of(server, urls, count))
            pool->servers[kept++] = *server;
        else
            wkv_wipe_text(server->url);
    }
    pool->count = kept;
}

/* The URL of a server that was told of, spoken to as `from` is. */
static char *make_url(const struct wkv_pool_parts *from, const char *told)
{
    struct wkv_pool_parts parts;
    char *url = NULL;
    wkv_pool_split(told, &parts);
    if (asprintf(&url, "%.*s%s", (int)from->before_host_len, from->before_host,
                 told + parts.before_host_len) < 0)
        return NULL;
    return url;
}

/* ---- from outside ---- */

struct wkv_pool *wkv_pool_create(const char *servers)
{
    struct wkv_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL || pthread_mutex_init(&pool->lock, NULL) != 0) {
        free(pool);
        return NULL;
    }
    for (const char *one = servers; *one != '\0'; one += strspn(one, ",")) {
        size_t len = strcspn(one, ",");
        size_t blanks = strspn(one, " "), end = len;
        while (end > blanks && one[end - 1] == ' ')
            end--;
        (void)append(pool, strndup(one + blanks, end > blanks ? end - blanks : 0));
        one += len;
    }
    if (pool->count > 0)
        return pool;
    wkv_pool_destroy(pool);
    return NULL;
}

void wkv_pool_destroy(struct wkv_pool *pool)
{
    if (pool == NULL)
        return;
    for (size_t i = 0; i < pool->count; i++)
        wkv_wipe_text(pool->servers[i].url);
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool);
}

size_t wkv_pool_list(struct wkv_pool *pool, struct wkv_pool_server **list)
{
    size_t copied = 0;
    (void)pthread_mutex_lock(&pool->lock);
    struct wkv_pool_server *copies = calloc(pool->count, sizeof *copies);
    for (size_t i = 0; copies != NULL && i < pool->count; i++) {
        copies[copied] = pool->servers[i];
        copies[copied].url = strdup(pool->servers[i].url);
        copied += copies[copied].url != NULL ? 1 : 0;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    *list = copies;
    return copied;
}

void wkv_pool_list_free(struct wkv_pool_server *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        wkv_wipe_text(list[i].url);
    free(list);
}

void wkv_pool_worked(struct wkv_pool *pool, const char *url)
{
    (void)pthread_mutex_lock(&pool->lock);
    move(pool, url, 0);
    (void)pthread_mutex_unlock(&pool->lock);
}

void wkv_pool_failed(struct wkv_pool *pool, const char *url)
{
    (void)pthread_mutex_lock(&pool->lock);
    move(pool, url, pool->count - 1);
    (void)pthread_mutex_unlock(&pool->lock);
}

void wkv_pool_discovered(struct wkv_pool *pool, const char *from, char *const *urls, int count)
{
    struct wkv_pool_parts parts;
    char name[WKV_POOL_HOST_BYTES] = "";
    wkv_pool_split(from, &parts);
    if (!is_address(&parts) && parts.host_len < sizeof name)
        (void)snprintf(name, sizeof name, "%.*s", (int)parts.host_len, parts.host);
    (void)pthread_mutex_lock(&pool->lock);
    drop_untold(pool, from, urls, count);
    for (int i = 0; i < count; i++) {
        struct wkv_pool_server *told =
            is_known(pool, urls[i]) ? NULL : append(pool, make_url(&parts, urls[i]));
        if (told == NULL)
            continue;
        told->discovered = true;
        if (wkv_pool_is_address(urls[i]))
            memcpy(told->tls_name, name, sizeof told->tls_name);
    }
    (void)pthread_mutex_unlock(&pool->lock);
}
