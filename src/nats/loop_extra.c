#include "nats/loop_extra.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nats/loop_events.h"
#include "nats/loop_renew.h"
#include "support/clock.h"

/* For what has come for a subject that is dropped: it is all taken within a turn or two, or else nobody waits
 * for it. */
#define DRAIN_TIMEOUT_MS 2000
/* On a new connection. */
#define SUBSCRIBED_AT_ONCE 256
/* How long the server's "no more" is believed: its operator may raise the limit, and nobody tells. */
#define ROOM_BELIEVED_NS (60 * WKV_NS_PER_S)

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

/* Into the lists of all and of its hash. */
static void link_extra(struct wkv_loop *loop, struct wkv_loop_extra *one)
{
    struct wkv_loop_extra **chain = chain_of(loop, one->listen.subject);
    one->next = loop->extras;
    loop->extras = one;
    one->next_same = *chain;
    *chain = one;
    loop->extras_wanted++;
}

/* Into the list of those that the loop has yet to see. */
static void show(struct wkv_loop *loop, struct wkv_loop_extra *one)
{
    one->next_fresh = loop->fresh;
    loop->fresh = one;
    atomic_store(&loop->extras_changed, true);
}

static struct wkv_loop_extra *make(struct wkv_loop *loop, const char *subject, const char *queue,
                                   wkv_loop_handler handle, void *context)
{
    struct wkv_loop_extra *one = calloc(1, sizeof *one);
    if (one == NULL)
        return NULL;
    one->listen.handle = handle;
    one->listen.context = context;
    (void)snprintf(one->listen.subject, sizeof one->listen.subject, "%s", subject);
    (void)snprintf(one->listen.queue, sizeof one->listen.queue, "%s", queue);
    link_extra(loop, one);
    return one;
}

/* ---- room ---- */

/* nats.c closes the connection when its server says this. The text of a closed one does not change any more.
 */
static bool has_overflown(natsConnection *connection)
{
    const char *text = NULL;
    return natsConnection_IsClosed(connection) && natsConnection_GetLastError(connection, &text) != NATS_OK &&
           text != NULL && strstr(text, "maximum subscriptions exceeded") != NULL;
}

static bool is_room_believed(const struct wkv_loop *loop)
{
    return loop->extras_room != SIZE_MAX && wkv_monotonic_ns() - loop->extras_room_ns < ROOM_BELIEVED_NS;
}

static bool is_full(const struct wkv_loop *loop)
{
    return is_room_believed(loop) && loop->extras_listening >= loop->extras_room;
}

static void note_fitting(struct wkv_loop *loop, size_t more)
{
    loop->extras_listening += more;
    if (loop->extras_listening > loop->extras_room)
        loop->extras_room = loop->extras_listening;
}

/* So many fit, and one more does not. */
static void learn_room(struct wkv_loop *loop)
{
    loop->extras_room = loop->extras_listening;
    loop->extras_room_ns = wkv_monotonic_ns();
}

/* ---- adding and dropping, from other threads ---- */

/* Subscribes, where there is a connection, and waits for the server's word that it has heard. Under the lock,
 * so that the connection stays. */
static enum wkv_loop_extra_state subscribe(struct wkv_loop *loop, struct wkv_loop_extra *one,
                                           int64_t timeout_ms)
{
    /* Also while the connection that this was found out with is being made anew. */
    if (is_room_believed(loop) && loop->extras_wanted > loop->extras_room)
        return WKV_EXTRA_NO_ROOM;
    if (loop->connection == NULL || !atomic_load(&loop->confirmed))
        return WKV_EXTRA_LATER;
    /* The server's answer may come before this is done. */
    natsStatus status = wkv_loop_subscribe_one(loop, &one->listen);
    if (status == NATS_OK) {
        show(loop, one);
        wkv_loop_wake(loop);
        status = natsConnection_FlushTimeout(loop->connection, timeout_ms);
    }
    if (status != NATS_OK && has_overflown(loop->connection)) {
        learn_room(loop);
        return WKV_EXTRA_NO_ROOM;
    }
    note_fitting(loop, one->listen.subscription != NULL ? 1 : 0);
    return status == NATS_OK ? WKV_EXTRA_LISTENS : WKV_EXTRA_LATER;
}

/* What the server had sent before it heard of this is answered yet. */
static void drop(struct wkv_loop *loop, struct wkv_loop_extra *one)
{
    one->dropped = true;
    loop->extras_wanted--;
    loop->extras_leaving++;
    if (one->listen.subscription != NULL &&
        natsSubscription_DrainTimeout(one->listen.subscription, DRAIN_TIMEOUT_MS) != NATS_OK)
        one->undrained = true;
    /* The loop's thread has never seen it. */
    one->ended |= one->listen.subscription == NULL;
    loop->extras_listening -= one->listen.subscription != NULL && loop->extras_listening > 0 ? 1 : 0;
    atomic_store(&loop->extras_changed, true);
}

/* Under the lock. */
static enum wkv_loop_extra_state add(struct wkv_loop *loop, const char *subject, const char *queue,
                                     wkv_loop_handler handle, void *context, int64_t timeout_ms)
{
    if (loop->extras_frozen)
        return WKV_EXTRA_STOPPING;
    struct wkv_loop_extra *one = find(loop, subject);
    if (one != NULL && one->refused) {
        drop(loop, one);
        one = NULL;
    }
    if (one != NULL && one->listen.subscription != NULL)
        return WKV_EXTRA_LISTENS;
    bool is_new = one == NULL;
    if (is_new && (one = make(loop, subject, queue, handle, context)) == NULL)
        return WKV_EXTRA_NO_MEMORY;
    size_t listening = loop->extras_listening;
    enum wkv_loop_extra_state state = subscribe(loop, one, timeout_ms);
    if (state == WKV_EXTRA_NO_ROOM && is_new) {
        drop(loop, one);
        loop->extras_listening = listening;
    }
    return state;
}

enum wkv_loop_extra_state wkv_loop_extra_add(struct wkv_loop *loop, const char *subject, const char *queue,
                                             wkv_loop_handler handle, void *context, int64_t timeout_ms)
{
    (void)pthread_mutex_lock(&loop->extra_lock);
    enum wkv_loop_extra_state state = add(loop, subject, queue, handle, context, timeout_ms);
    (void)pthread_mutex_unlock(&loop->extra_lock);
    wkv_loop_wake(loop);
    return state;
}

/* Whether the server may have refused something since; it does not say what here. */
static bool may_be_refused(struct wkv_loop *loop)
{
    const char *changing;
    return loop->connection != NULL &&
           natsConnection_GetLastError(loop->connection, &changing) == NATS_NOT_PERMITTED;
}

enum wkv_loop_extra_state wkv_loop_extra_await(struct wkv_loop *loop, const char *subject, int64_t until_ns)
{
    struct timespec until = {until_ns / WKV_NS_PER_S, until_ns % WKV_NS_PER_S};
    enum wkv_loop_extra_state state = WKV_EXTRA_LISTENS;
    int waited = 0;
    (void)pthread_mutex_lock(&loop->extra_lock);
    struct wkv_loop_extra *one = find(loop, subject);
    while (one != NULL && !one->refused && waited == 0 && may_be_refused(loop)) {
        waited = pthread_cond_timedwait(&loop->extras_told, &loop->extra_lock, &until);
        one = find(loop, subject);
    }
    if (one != NULL && one->refused) {
        state = WKV_EXTRA_REFUSED;
        if (!loop->extras_frozen)
            drop(loop, one);
    }
    (void)pthread_mutex_unlock(&loop->extra_lock);
    wkv_loop_wake(loop);
    return state;
}

void wkv_loop_extra_refusal(struct wkv_loop *loop, char out[WKV_ERROR_TEXT_BYTES / 2])
{
    (void)pthread_mutex_lock(&loop->extra_lock);
    memcpy(out, loop->extras_refusal, sizeof loop->extras_refusal);
    (void)pthread_mutex_unlock(&loop->extra_lock);
}

void wkv_loop_extra_limit(struct wkv_loop *loop, size_t room)
{
    (void)pthread_mutex_lock(&loop->extra_lock);
    if (!is_room_believed(loop)) {
        loop->extras_room = room > loop->extras_listening ? room : loop->extras_listening;
        loop->extras_room_ns = wkv_monotonic_ns();
    }
    (void)pthread_mutex_unlock(&loop->extra_lock);
}

size_t wkv_loop_extra_room(struct wkv_loop *loop)
{
    (void)pthread_mutex_lock(&loop->extra_lock);
    size_t room = loop->extras_room;
    (void)pthread_mutex_unlock(&loop->extra_lock);
    return room;
}

static struct wkv_loop_subscription *find_fixed(struct wkv_loop *loop, const char *subject)
{
    for (size_t i = 0; i < loop->subscription_count; i++)
        if (strcmp(loop->subscriptions[i].subject, subject) == 0)
            return &loop->subscriptions[i];
    return NULL;
}

/* The text quotes the subject, unless nats.c has cut it off: then nobody knows. */
void wkv_loop_extra_refused(struct wkv_loop *loop, const char *text)
{
    char subject[WKV_SUBJECT_BYTES];
    const char *begin = strchr(text, '"');
    const char *end = begin == NULL ? NULL : strchr(begin + 1, '"');
    if (end == NULL || (size_t)(end - begin) > sizeof subject)
        return;
    (void)snprintf(subject, sizeof subject, "%.*s", (int)(end - begin - 1), begin + 1);
    (void)pthread_mutex_lock(&loop->extra_lock);
    struct wkv_loop_extra *one = find(loop, subject);
    struct wkv_loop_subscription *listen = one != NULL ? &one->listen : find_fixed(loop, subject);
    if (listen != NULL)
        wkv_loop_renew_note(loop, listen, text);
    if (one != NULL) {
        one->refused = true;
        (void)snprintf(loop->extras_refusal, sizeof loop->extras_refusal, "%s", text);
    }
    (void)pthread_cond_broadcast(&loop->extras_told);
    (void)pthread_mutex_unlock(&loop->extra_lock);
}

void wkv_loop_extra_drop(struct wkv_loop *loop, const char *subject, int64_t timeout_ms)
{
    (void)pthread_mutex_lock(&loop->extra_lock);
    struct wkv_loop_extra *one = loop->extras_frozen ? NULL : find(loop, subject);
    if (one != NULL) {
        drop(loop, one);
        if (loop->connection != NULL && atomic_load(&loop->up) && timeout_ms > 0)
            (void)natsConnection_FlushTimeout(loop->connection, timeout_ms);
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
    return one->dropped && one->listen.waiting == 0 &&
           (one->undrained || one->listen.subscription == NULL ||
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

/* ---- a new connection ---- */

/* How many to ask for at once: up to what is known to fit, and beyond that one by one, to find out. */
static size_t next_count(const struct wkv_loop *loop)
{
    size_t room = loop->extras_room - loop->extras_listening;
    if (loop->extras_listening >= loop->extras_room)
        return is_full(loop) ? 0 : 1;
    return room < SUBSCRIBED_AT_ONCE ? room : SUBSCRIBED_AT_ONCE;
}

/* Returns how many were asked for. */
static size_t subscribe_some(struct wkv_loop *loop, natsStatus *status)
{
    size_t asked = 0, most = next_count(loop);
    for (struct wkv_loop_extra *one = loop->extras; one != NULL && asked < most && *status == NATS_OK;
         one = one->next) {
        if (one->dropped || one->listen.subscription != NULL)
            continue;
        *status = wkv_loop_subscribe_one(loop, &one->listen);
        if (*status == NATS_OK)
            show(loop, one);
        asked++;
    }
    return asked;
}

/* Of several it is not known which one was too many: the next connection finds out. */
static void note_outcome(struct wkv_loop *loop, size_t begun, natsStatus status)
{
    if (status == NATS_OK) {
        note_fitting(loop, begun);
        /* All fit: its operator may have made room. */
        if (begun == 0 && !is_full(loop))
            loop->extras_room = SIZE_MAX;
    } else if (has_overflown(loop->connection)) {
        learn_room(loop);
        loop->extras_room_ns -= begun > 1 ? ROOM_BELIEVED_NS : 0;
    }
}

/* Those for which there is no room. */
static size_t count_left_out(const struct wkv_loop *loop)
{
    size_t left_out = 0;
    for (const struct wkv_loop_extra *one = loop->extras; one != NULL; one = one->next)
        left_out += !one->dropped && one->listen.subscription == NULL ? 1 : 0;
    return left_out;
}

natsStatus wkv_loop_extra_subscribe(struct wkv_loop *loop, const struct wkv_dial *dial)
{
    natsStatus status = NATS_OK;
    size_t begun, left_out;
    do {
        (void)pthread_mutex_lock(&loop->extra_lock);
        begun = subscribe_some(loop, &status);
        left_out = begun > 0 ? 0 : count_left_out(loop);
        (void)pthread_mutex_unlock(&loop->extra_lock);
        wkv_loop_wake(loop);
        if (begun > 0 && status == NATS_OK)
            status = wkv_loop_flush(loop, dial);
        (void)pthread_mutex_lock(&loop->extra_lock);
        note_outcome(loop, begun, status);
        (void)pthread_mutex_unlock(&loop->extra_lock);
    } while (begun > 0 && status == NATS_OK);
    if (status == NATS_OK && left_out > 0)
        wkv_log_warn(
            loop->log,
            "%s: the server has no room for the subjects of %zu bound actors: hosts cannot call these; "
            "raise its max_subscriptions",
            loop->name, left_out);
    return status;
}

void wkv_loop_extra_unsubscribe(struct wkv_loop *loop)
{
    loop->fresh = NULL;
    loop->recent = NULL;
    loop->extras_listening = 0;
    wkv_loop_renew_forget(loop);
    for (struct wkv_loop_extra *one = loop->extras; one != NULL; one = one->next) {
        natsSubscription_Destroy(one->listen.subscription);
        one->listen.subscription = NULL;
        one->refused = false;
        one->ended |= one->dropped;
    }
    if (loop->extras_leaving > 0 && !loop->extras_frozen)
        free_ended(loop);
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
