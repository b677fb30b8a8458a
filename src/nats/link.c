#include "nats/link.h"

#include <stdlib.h>
#include <string.h>

#include "nats/servers.h"
#include "support/condition.h"

void wkv_link_init(struct wkv_link *link)
{
    *link = (struct wkv_link){.lock = PTHREAD_MUTEX_INITIALIZER};
    wkv_condition_init(&link->changed);
}

void wkv_link_destroy(struct wkv_link *link)
{
    (void)pthread_cond_destroy(&link->changed);
    (void)pthread_mutex_destroy(&link->lock);
}

void wkv_link_reset(struct wkv_link *link)
{
    atomic_store(&link->closed, false);
    atomic_store(&link->confirmed, false);
    atomic_store(&link->taken_back, false);
    (void)pthread_mutex_lock(&link->lock);
    link->refusal[0] = '\0';
    (void)pthread_mutex_unlock(&link->lock);
}

void wkv_link_await_holders(struct wkv_link *link)
{
    while (link->holders > 0)
        (void)pthread_cond_wait(&link->changed, &link->lock);
}

void wkv_link_end(struct wkv_link *link)
{
    natsConnection_Destroy(link->connection);
    link->connection = NULL;
    natsStatistics_Destroy(link->statistics);
    link->statistics = NULL;
}

natsConnection *wkv_link_hold(struct wkv_link *link)
{
    (void)pthread_mutex_lock(&link->lock);
    natsConnection *held = atomic_load(&link->up) ? link->connection : NULL;
    link->holders += held != NULL ? 1 : 0;
    (void)pthread_mutex_unlock(&link->lock);
    return held;
}

void wkv_link_let_go(struct wkv_link *link)
{
    (void)pthread_mutex_lock(&link->lock);
    if (--link->holders == 0)
        (void)pthread_cond_broadcast(&link->changed);
    (void)pthread_mutex_unlock(&link->lock);
}

void wkv_link_note_discovered(struct wkv_link *link, natsConnection *connection)
{
    char **urls = NULL;
    int count = 0;
    if (natsConnection_GetDiscoveredServers(connection, &urls, &count) != NATS_OK)
        return;
    if (count > 0)
        wkv_pool_discovered(link->pool, &link->server, urls, count);
    for (int i = 0; i < count; i++)
        free(urls[i]);
    free(urls);
}

bool wkv_was_refused(natsConnection *connection)
{
    const char *changing;
    return natsConnection_GetLastError(connection, &changing) == NATS_NOT_PERMITTED;
}

/* Byte by byte, and unseen by ThreadSanitizer: nats.c has no lock to offer for a text that it may write anew,
 * whose last byte stays 0. */
__attribute__((no_sanitize("thread"), noinline)) static void copy_changing(char text[WKV_WHY_BYTES],
                                                                           const char *from)
{
    const volatile char *at = from;
    size_t len = 0;
    while (len < WKV_WHY_BYTES - 1 && (text[len] = at[len]) != '\0')
        len++;
    text[len] = '\0';
}

const char *wkv_why_closed(natsConnection *connection, char text[WKV_WHY_BYTES])
{
    const char *changing = NULL;
    bool known =
        natsConnection_IsClosed(connection) && natsConnection_GetLastError(connection, &changing) != NATS_OK;
    text[0] = '\0';
    if (known && changing != NULL)
        copy_changing(text, changing);
    return text[0] != '\0' ? text : NULL;
}
