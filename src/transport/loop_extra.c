#include "transport/loop_extra.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/loop_events.h"

/* For what has come for a subject that is dropped: it is all taken within a turn or two, or else nobody waits
 * for it. */
#define DRAIN_TIMEOUT_MS 2000

/* The chain that a subject is in, if it is there. Actors choose their names: the hash has a key that they do
 * not know. */
static struct wkv_loop_extra **chain_of(struct wkv_loop *loop, const char *subject)
{
    uint64_t hash;
    (void)crypto_shorthash((unsigned char *)&hash, (const unsigned char *)subject, strlen(subject),
                           loop->extras_key);
    return &loop->extras_by_hash[hash & (WKV_LOOP_EXTRA_CHAINS - 1)];
}

static struct wkv_loop_extra *find(struct wkv_loop *loop, const char *subject)
{
    for (struct wkv_loop_extra *one = *chain_of(loop, subject); one != NULL; one = one->next_same)
        if (!one->dropped && strcmp(one->listen.subject, subject) == 0)
            return one;
    return NULL;
}

/* Into the lists of all, of its hash and of those that the loop has yet to see. */
static void link_extra(struct wkv_loop *loop, struct wkv_loop_extra *one)
{
    struct wkv_loop_extra **chain = chain_of(loop, one->listen.subject);
    one->next = loop->extras;
    loop->extras = one;
    one->next_same = *chain;
    *chain = one;
    one->next_fresh = loop->fresh;
    loop->fresh = one;
}

/* Where there is a connection, and it is asked for: the server's word that it has heard. Under the lock, so
 * that the connection stays. */
static void await_server(struct wkv_loop *loop, int64_t timeout_ms)
{
    if (timeout_ms > 0 && loop->connection != NULL && atomic_load(&loop->up))
        (void)natsConnection_FlushTimeout(loop->connection, timeout_ms);
}

bool wkv_loop_extra_add(struct wkv_loop *loop, const char *subject, const char *queue,
                        wkv_loop_handler handle, void *context, int64_t timeout_ms)
{
    (void)pthread_mutex_lock(&loop->extra_lock);
    bool wanted = !loop->extras_frozen && find(loop, subject) == NULL;
    struct wkv_loop_extra *one = wanted ? calloc(1, sizeof *one) : NULL;
    if (one != NULL) {
        one->listen.handle = handle;
        one->listen.context = context;
        (void)snprintf(one->listen.subject, sizeof one->listen.subject, "%s", subject);
        (void)snprintf(one->listen.queue, sizeof one->listen.queue, "%s", queue);
        /* Without a connection, or where this fails because it is being lost, the next one has it. */
        if (loop->connection != NULL)
            (void)wkv_loop_subscribe_one(loop, &one->listen);
        link_extra(loop, one);
        atomic_store(&loop->extras_changed, true);
        await_server(loop, timeout_ms);
    }
    (void)pthread_mutex_unlock(&loop->extra_lock);
    wkv_loop_wake(loop);
    return one != NULL || !wanted;
}

void wkv_loop_extra_drop(struct wkv_loop *loop, const char *subject, int64_t timeout_ms)
{
    (void)pthread_mutex_lock(&loop->extra_lock);
    struct wkv_loop_extra *one = loop->extras_frozen ? NULL : find(loop, subject);
    if (one != NULL) {
        one->dropped = true;
        loop->extras_leaving++;
        /* What the server had sent before it heard of this is answered yet. */
        if (one->listen.subscription != NULL &&
            natsSubscription_DrainTimeout(one->listen.subscription, DRAIN_TIMEOUT_MS) != NATS_OK)
            one->ended = true;
        atomic_store(&loop->extras_changed, true);
        await_server(loop, timeout_ms);
    }
    (void)pthread_mutex_unlock(&loop->extra_lock);
    wkv_loop_wake(loop);
}

void wkv_loop_publish(struct wkv_loop *loop, const char *subject, const char *text)
{
    (void)pthread_mutex_lock(&loop->extra_lock);
    if (loop->connection != NULL)
        (void)natsConnection_PublishString(loop->connection, subject, text);
    (void)pthread_mutex_unlock(&loop->extra_lock);
}

void wkv_loop_extra_freeze(struct wkv_loop *loop)
{
    (void)pthread_mutex_lock(&loop->extra_lock);
    loop->extras_frozen = true;
    (void)pthread_mutex_unlock(&loop->extra_lock);
}

/* Whether nothing comes on it any more. */
static bool has_ended(const struct wkv_loop_extra *one)
{
    return one->dropped &&
           (one->ended || one->listen.subscription == NULL ||
            natsSubscription_DrainCompletionStatus(one->listen.subscription) != NATS_ILLEGAL_STATE);
}

/* Takes those that have ended out of `recent`. Returns whether there are others that are about to. */
static bool forget_ended(struct wkv_loop *loop)
{
    bool more = false;
    for (struct wkv_loop_extra **link = &loop->recent; *link != NULL;) {
        struct wkv_loop_extra *one = *link;
        one->ended = has_ended(one);
        more |= one->dropped && !one->ended;
        if (one->ended)
            *link = one->next_recent;
        else
            link = &one->next_recent;
    }
    return more;
}

static void unchain(struct wkv_loop *loop, const struct wkv_loop_extra *one)
{
    struct wkv_loop_extra **link = chain_of(loop, one->listen.subject);
    while (*link != one)
        link = &(*link)->next_same;
    *link = one->next_same;
}

/* Takes those that have ended out of the other lists too and frees them. */
static void free_ended(struct wkv_loop *loop)
{
    struct wkv_loop_extra **link = &loop->extras;
    while (*link != NULL) {
        struct wkv_loop_extra *one = *link;
        if (!one->ended) {
            link = &one->next;
            continue;
        }
        *link = one->next;
        unchain(loop, one);
        loop->extras_leaving--;
        natsSubscription_Destroy(one->listen.subscription);
        free(one);
    }
}

/* Messages that came for it before the loop's thread knew it, which were taken for nobody's then. */
static uint64_t waiting_for(const struct wkv_loop_extra *one)
{
    int messages = 0, bytes = 0;
    if (one->listen.subscription == NULL ||
        natsSubscription_GetPending(one->listen.subscription, &messages, &bytes) != NATS_OK || messages < 0)
        return 0;
    return (uint64_t)messages;
}

void wkv_loop_extra_refresh(struct wkv_loop *loop)
{
    if (!atomic_load_explicit(&loop->extras_changed, memory_order_acquire) ||
        pthread_mutex_trylock(&loop->extra_lock) != 0)
        return;
    for (struct wkv_loop_extra *one = loop->fresh; one != NULL; one = one->next_fresh) {
        one->next_recent = loop->recent;
        loop->recent = one;
        loop->pending += waiting_for(one);
    }
    loop->fresh = NULL;
    bool more = loop->extras_leaving > 0 && forget_ended(loop);
    if (loop->extras_leaving > 0 && !loop->extras_frozen)
        free_ended(loop);
    atomic_store(&loop->extras_changed, more);
    (void)pthread_mutex_unlock(&loop->extra_lock);
}

natsStatus wkv_loop_extra_subscribe(struct wkv_loop *loop)
{
    natsStatus status = NATS_OK;
    (void)pthread_mutex_lock(&loop->extra_lock);
    for (struct wkv_loop_extra *one = loop->extras; one != NULL && status == NATS_OK; one = one->next)
        if (!one->dropped && one->listen.subscription == NULL)
            status = wkv_loop_subscribe_one(loop, &one->listen);
    (void)pthread_mutex_unlock(&loop->extra_lock);
    return status;
}

void wkv_loop_extra_unsubscribe(struct wkv_loop *loop)
{
    for (struct wkv_loop_extra *one = loop->extras; one != NULL; one = one->next) {
        natsSubscription_Destroy(one->listen.subscription);
        one->listen.subscription = NULL;
    }
}

void wkv_loop_extra_destroy(struct wkv_loop *loop)
{
    while (loop->extras != NULL) {
        struct wkv_loop_extra *one = loop->extras;
        loop->extras = one->next;
        natsSubscription_Destroy(one->listen.subscription);
        free(one);
    }
    (void)pthread_mutex_destroy(&loop->extra_lock);
}
