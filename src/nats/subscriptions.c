#include "nats/subscriptions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nats/subject.h"
#include "support/clock.h"
#include "support/condition.h"

/* For what has come for a subject that is left: it is all taken within a turn or two, or else nobody waits
 * for it. */
#define DRAIN_TIMEOUT_MS 2000
/* So many drain at a time, since nats.c starts a thread for each: a reload may end tens of thousands. */
#define DRAIN_AT_ONCE 128
#define FIRST_CHAINS 64

/* How one leaves: drained now, drained when there are not too many, or dropped, since the server has nothing
 * for it. */
enum ending { DRAINED, DRAINED_SOON, AT_ONCE };

/* ---- the list, under the lock ---- */

uint64_t wkv_subscriptions_hash(const struct wkv_subscriptions *subscriptions, const char *text, size_t len)
{
    return wkv_hash(&subscriptions->hasher, 0, (struct wkv_text){text, len});
}

static struct wkv_subscription **chain_of(const struct wkv_subscriptions *subscriptions, const char *subject)
{
    uint64_t hash = wkv_subscriptions_hash(subscriptions, subject, strlen(subject));
    return &subscriptions->chains[hash & (subscriptions->chain_count - 1)];
}

static struct wkv_subscription *find(const struct wkv_subscriptions *subscriptions, const char *subject)
{
    if (subscriptions->chain_count == 0)
        return NULL;
    for (struct wkv_subscription *one = *chain_of(subscriptions, subject); one != NULL; one = one->next_same)
        if (!one->left && strcmp(one->subject, subject) == 0)
            return one;
    return NULL;
}

static void enchain(struct wkv_subscriptions *subscriptions, struct wkv_subscription *one)
{
    struct wkv_subscription **chain = chain_of(subscriptions, one->subject);
    one->next_same = *chain;
    *chain = one;
}

/* Where memory is short the chains stay as long as they are. */
static bool grow(struct wkv_subscriptions *subscriptions)
{
    size_t count = subscriptions->chain_count == 0 ? FIRST_CHAINS : subscriptions->chain_count * 2;
    struct wkv_subscription **chains = calloc(count, sizeof *chains);
    if (chains == NULL)
        return subscriptions->chain_count > 0;
    free(subscriptions->chains);
    subscriptions->chains = chains;
    subscriptions->chain_count = count;
    struct wkv_subscription *one;
    TAILQ_FOREACH(one, &subscriptions->all, all)
    enchain(subscriptions, one);
    return true;
}

static struct wkv_subscription *make(struct wkv_subscriptions *subscriptions, const struct wkv_listen *listen,
                                     enum wkv_need need)
{
    const char *queue = listen->queue == NULL ? "" : listen->queue;
    size_t subject_bytes = strlen(listen->subject) + 1, queue_bytes = strlen(queue) + 1;
    if (subscriptions->count == subscriptions->chain_count && !grow(subscriptions))
        return NULL;
    struct wkv_subscription *one = calloc(1, sizeof *one + subject_bytes + queue_bytes);
    if (one == NULL)
        return NULL;
    one->handle = listen->handle;
    one->prepare = listen->prepare;
    one->unheard = listen->unheard;
    one->context = listen->context;
    one->need = need;
    one->shared = listen->shared;
    one->delivered = listen->delivered;
    memcpy(one->subject, listen->subject, subject_bytes);
    one->pattern = wkv_pattern_of(one->subject);
    one->queue = memcpy(one->subject + subject_bytes, queue, queue_bytes);
    TAILQ_INSERT_TAIL(&subscriptions->all, one, all);
    enchain(subscriptions, one);
    subscriptions->count++;
    subscriptions->room.wanted += need == WKV_NEED_FOR_NOW ? 1 : 0;
    return one;
}

/* Nothing refers to it but these. */
static void unmake(struct wkv_subscriptions *subscriptions, struct wkv_subscription *one)
{
    struct wkv_subscription **link = chain_of(subscriptions, one->subject);
    while (*link != one)
        link = &(*link)->next_same;
    *link = one->next_same;
    TAILQ_REMOVE(&subscriptions->all, one, all);
    subscriptions->count--;
    natsSubscription_Destroy(one->subscription);
    free(one);
}

natsStatus wkv_subscribe(struct wkv_subscriptions *subscriptions, struct wkv_subscription *one)
{
    natsConnection *connection = subscriptions->link->connection;
    natsStatus status =
        *one->queue == '\0'
            ? natsConnection_SubscribeSync(&one->subscription, connection, one->subject)
            : natsConnection_QueueSubscribeSync(&one->subscription, connection, one->subject, one->queue);
    /* No bound of nats.c's own, which would drop requests: the loop reads no more than it has handled. */
    if (status == NATS_OK)
        status = natsSubscription_SetPendingLimits(one->subscription, -1, -1);
    return status;
}

/* The same for one that the loop has yet to see. */
static natsStatus subscribe(struct wkv_subscriptions *subscriptions, struct wkv_subscription *one)
{
    natsStatus status = wkv_subscribe(subscriptions, one);
    if (status == NATS_OK) {
        one->seen = WKV_FRESH;
        TAILQ_INSERT_TAIL(&subscriptions->fresh, one, news);
        atomic_store(&subscriptions->changed, true);
    }
    return status;
}

/* The list that it waits in, once the loop's thread has seen it. */
static struct wkv_subscription_list *leavers(struct wkv_subscriptions *subscriptions,
                                             const struct wkv_subscription *one)
{
    return one->drain == WKV_DRAIN_DUE ? &subscriptions->due : &subscriptions->leaving;
}

/* The server is told that it ends: there is room for another. What it had sent before is answered yet, if it
 * is drained. */
static void end_one(struct wkv_subscriptions *subscriptions, struct wkv_subscription *one, enum ending ending)
{
    struct wkv_room *room = &subscriptions->room;
    if (one->need == WKV_NEED_FOR_NOW) {
        room->wanted--;
        room->listening -= room->listening > 0 ? 1 : 0;
    }
    one->drain =
        ending != AT_ONCE && natsSubscription_DrainTimeout(one->subscription, DRAIN_TIMEOUT_MS) == NATS_OK
            ? WKV_DRAINS
            : WKV_NO_DRAIN;
    if (one->drain == WKV_DRAINS)
        subscriptions->draining++;
    else
        (void)natsSubscription_Unsubscribe(one->subscription);
}

static void leave(struct wkv_subscriptions *subscriptions, struct wkv_subscription *one, enum ending ending)
{
    one->left = true;
    if (one->seen == WKV_UNSEEN) {
        subscriptions->room.wanted--;
        unmake(subscriptions, one);
        return;
    }
    if (ending == DRAINED_SOON && subscriptions->draining >= DRAIN_AT_ONCE)
        one->drain = WKV_DRAIN_DUE;
    else
        end_one(subscriptions, one, ending);
    if (one->seen == WKV_SEEN)
        TAILQ_INSERT_TAIL(leavers(subscriptions, one), one, news);
    atomic_store(&subscriptions->changed, true);
}

/* ---- from outside ---- */

static void lock(struct wkv_subscriptions *subscriptions)
{
    (void)pthread_mutex_lock(&subscriptions->link->lock);
}

static void unlock(struct wkv_subscriptions *subscriptions)
{
    (void)pthread_mutex_unlock(&subscriptions->link->lock);
}

void wkv_subscriptions_init(struct wkv_subscriptions *subscriptions, struct wkv_link *link,
                            struct wkv_poller *poller)
{
    *subscriptions = (struct wkv_subscriptions){.link = link, .poller = poller, .room.limit = SIZE_MAX};
    wkv_hasher_init(&subscriptions->hasher);
    TAILQ_INIT(&subscriptions->all);
    TAILQ_INIT(&subscriptions->fresh);
    TAILQ_INIT(&subscriptions->due);
    TAILQ_INIT(&subscriptions->leaving);
    TAILQ_INIT(&subscriptions->recent);
}

void wkv_subscriptions_destroy(struct wkv_subscriptions *subscriptions)
{
    while (!TAILQ_EMPTY(&subscriptions->all))
        unmake(subscriptions, TAILQ_FIRST(&subscriptions->all));
    free(subscriptions->chains);
}

bool wkv_subscriptions_listen(struct wkv_subscriptions *subscriptions, const struct wkv_listen *listen)
{
    lock(subscriptions);
    bool made = make(subscriptions, listen, listen->optional ? WKV_NEED_OPTIONAL : WKV_NEED_ALWAYS) != NULL;
    unlock(subscriptions);
    return made;
}

static bool rests_now(const struct wkv_subscriptions *subscriptions, const struct wkv_subscription *one)
{
    return subscriptions->rests && one->shared;
}

/* Under the lock. Returns LISTENS for one that the server is yet to confirm, and holds the connection for
 * that. */
static enum wkv_listening begin_add(struct wkv_subscriptions *subscriptions, const struct wkv_listen *listen,
                                    natsConnection **held, bool *made)
{
    struct wkv_link *link = subscriptions->link;
    if (subscriptions->frozen)
        return WKV_LISTEN_STOPPING;
    struct wkv_subscription *one = find(subscriptions, listen->subject);
    if (one != NULL && one->refused) {
        leave(subscriptions, one, AT_ONCE);
        one = NULL;
    }
    if (one != NULL && one->subscription != NULL)
        return WKV_LISTENS;
    /* Also while the connection that this was found out with is being made anew. */
    if (wkv_room_is_short(&subscriptions->room, one == NULL ? 1 : 0))
        return WKV_LISTEN_NO_ROOM;
    *made = one == NULL;
    if (*made && (one = make(subscriptions, listen, WKV_NEED_FOR_NOW)) == NULL)
        return WKV_LISTEN_NO_MEMORY;
    if (rests_now(subscriptions, one))
        return WKV_LISTENS;
    if (link->connection == NULL || !atomic_load(&link->confirmed) ||
        subscribe(subscriptions, one) != NATS_OK)
        return WKV_LISTENS_LATER;
    *held = link->connection;
    link->holders++;
    return WKV_LISTENS;
}

/* Under the lock: what the server's answer to the flush says. */
static enum wkv_listening end_add(struct wkv_subscriptions *subscriptions, const char *subject,
                                  natsConnection *held, bool made, natsStatus status)
{
    struct wkv_room *room = &subscriptions->room;
    if (status == NATS_OK || !wkv_room_was_exceeded(held)) {
        wkv_room_note(room, 1);
        return status == NATS_OK ? WKV_LISTENS : WKV_LISTENS_LATER;
    }
    wkv_room_learn(room);
    struct wkv_subscription *one = find(subscriptions, subject);
    if (made && one != NULL && !subscriptions->frozen) {
        room->listening++;
        leave(subscriptions, one, AT_ONCE);
    }
    return WKV_LISTEN_NO_ROOM;
}

enum wkv_listening wkv_subscriptions_add(struct wkv_subscriptions *subscriptions,
                                         const struct wkv_listen *listen, int64_t timeout_ms)
{
    natsConnection *held = NULL;
    bool made = false;
    lock(subscriptions);
    enum wkv_listening state = begin_add(subscriptions, listen, &held, &made);
    unlock(subscriptions);
    wkv_poller_wake(subscriptions->poller);
    if (held == NULL)
        return state;
    natsStatus status = natsConnection_FlushTimeout(held, timeout_ms);
    lock(subscriptions);
    state = end_add(subscriptions, listen->subject, held, made, status);
    unlock(subscriptions);
    wkv_link_let_go(subscriptions->link);
    wkv_poller_wake(subscriptions->poller);
    return state;
}

enum wkv_listening wkv_subscriptions_await(struct wkv_subscriptions *subscriptions, const char *subject,
                                           int64_t until_ns)
{
    struct wkv_link *link = subscriptions->link;
    bool waiting = true;
    lock(subscriptions);
    struct wkv_subscription *one = find(subscriptions, subject);
    while (one != NULL && !one->refused && waiting && link->connection != NULL &&
           wkv_was_refused(link->connection)) {
        waiting = wkv_condition_wait(&link->changed, &link->lock, until_ns);
        one = find(subscriptions, subject);
    }
    bool refused = one != NULL && one->refused;
    if (refused && !subscriptions->frozen)
        leave(subscriptions, one, AT_ONCE);
    unlock(subscriptions);
    wkv_poller_wake(subscriptions->poller);
    return refused ? WKV_LISTEN_REFUSED : WKV_LISTENS;
}

/* Under the lock: until those that left before have been told to the server, too. */
static void await_due(struct wkv_subscriptions *subscriptions, int64_t until_ns)
{
    struct wkv_link *link = subscriptions->link;
    wkv_poller_wake(subscriptions->poller);
    while (!TAILQ_EMPTY(&subscriptions->due) && wkv_condition_wait(&link->changed, &link->lock, until_ns)) {
    }
}

void wkv_subscriptions_leave(struct wkv_subscriptions *subscriptions, const char *subject, int64_t timeout_ms)
{
    int64_t until_ns = wkv_monotonic_ns() + timeout_ms * WKV_NS_PER_MS;
    lock(subscriptions);
    struct wkv_subscription *one = subscriptions->frozen ? NULL : find(subscriptions, subject);
    if (one != NULL && one->need != WKV_NEED_FOR_NOW)
        one = NULL;
    if (one != NULL)
        leave(subscriptions, one, timeout_ms > 0 ? DRAINED : DRAINED_SOON);
    if (one != NULL && timeout_ms > 0)
        await_due(subscriptions, until_ns);
    unlock(subscriptions);
    natsConnection *held = one != NULL && timeout_ms > 0 ? wkv_link_hold(subscriptions->link) : NULL;
    wkv_poller_wake(subscriptions->poller);
    if (held == NULL)
        return;
    (void)natsConnection_FlushTimeout(held, wkv_left_ms(until_ns) + 1);
    wkv_link_let_go(subscriptions->link);
    wkv_poller_wake(subscriptions->poller);
}

void wkv_subscriptions_refusal(struct wkv_subscriptions *subscriptions, char out[WKV_COMPLAINT_BYTES])
{
    lock(subscriptions);
    memcpy(out, subscriptions->refusal, sizeof subscriptions->refusal);
    unlock(subscriptions);
}

void wkv_subscriptions_freeze(struct wkv_subscriptions *subscriptions)
{
    lock(subscriptions);
    subscriptions->frozen = true;
    unlock(subscriptions);
}

/* ---- resting ---- */

/* One that is left to others ends as any does that is left, and another waits in its place. */
static void set_aside(struct wkv_subscriptions *subscriptions, struct wkv_subscription *one)
{
    const struct wkv_listen listen = {.subject = one->subject,
                                      .queue = *one->queue == '\0' ? NULL : one->queue,
                                      .handle = one->handle,
                                      .prepare = one->prepare,
                                      .unheard = one->unheard,
                                      .context = one->context,
                                      .shared = true,
                                      .delivered = one->delivered};
    if (make(subscriptions, &listen, one->need) != NULL)
        leave(subscriptions, one, DRAINED_SOON);
}

void wkv_subscriptions_rest(struct wkv_subscriptions *subscriptions)
{
    struct wkv_subscription *next;
    lock(subscriptions);
    bool begins = !subscriptions->frozen && !subscriptions->rests;
    subscriptions->rests |= begins;
    for (struct wkv_subscription *one = TAILQ_FIRST(&subscriptions->all); begins && one != NULL; one = next) {
        next = TAILQ_NEXT(one, all);
        if (one->shared && !one->left && one->subscription != NULL)
            set_aside(subscriptions, one);
    }
    unlock(subscriptions);
    wkv_poller_wake(subscriptions->poller);
}

/* Without a connection the next one sees to it. */
void wkv_subscriptions_end_rest(struct wkv_subscriptions *subscriptions)
{
    struct wkv_subscription *one;
    lock(subscriptions);
    bool ends = !subscriptions->frozen && subscriptions->rests;
    subscriptions->rests &= !ends;
    TAILQ_FOREACH(one, &subscriptions->all, all)
    {
        if (!ends || !one->shared || one->left || one->refused || one->subscription != NULL ||
            subscriptions->link->connection == NULL)
            continue;
        if (subscribe(subscriptions, one) == NATS_OK && one->need == WKV_NEED_FOR_NOW)
            wkv_room_note(&subscriptions->room, 1);
    }
    unlock(subscriptions);
    wkv_poller_wake(subscriptions->poller);
}

/* ---- refusals ---- */

/* What the complaint quotes. Returns false where nats.c has cut it off; *subject is as far as it goes then.
 */
static bool quoted(const char *complaint, char subject[WKV_SUBJECT_BYTES])
{
    const char *begin = strchr(complaint, '"');
    const char *end = begin == NULL ? NULL : strchr(begin + 1, '"');
    size_t len = begin == NULL ? 0 : end == NULL ? strlen(begin + 1) : (size_t)(end - begin - 1);
    (void)snprintf(subject, WKV_SUBJECT_BYTES, "%.*s", (int)len, begin == NULL ? "" : begin + 1);
    return end != NULL && len < WKV_SUBJECT_BYTES;
}

/* What is quoted in part may be any that begins so. */
static bool may_be_needed(const struct wkv_subscriptions *subscriptions, const char *begin)
{
    const struct wkv_subscription *one;
    TAILQ_FOREACH(one, &subscriptions->all, all)
    if (one->need == WKV_NEED_ALWAYS && strncmp(one->subject, begin, strlen(begin)) == 0)
        return true;
    return false;
}

bool wkv_subscriptions_note_refusal(struct wkv_subscriptions *subscriptions, const char *complaint)
{
    char subject[WKV_SUBJECT_BYTES];
    lock(subscriptions);
    bool whole = quoted(complaint, subject);
    struct wkv_subscription *one = whole ? find(subscriptions, subject) : NULL;
    bool needed = whole ? one != NULL && one->need == WKV_NEED_ALWAYS : may_be_needed(subscriptions, subject);
    if (one != NULL && !needed) {
        wkv_renewals_note(subscriptions, one, complaint);
        one->refused = one->need == WKV_NEED_FOR_NOW;
        if (one->refused)
            (void)snprintf(subscriptions->refusal, sizeof subscriptions->refusal, "%s", complaint);
        (void)pthread_cond_broadcast(&subscriptions->link->changed);
    }
    unlock(subscriptions);
    return !needed;
}

/* ---- the loop's thread ---- */

/* Messages that came for it before the loop's thread knew it, and seemed to be of no subscription then. */
static uint64_t waiting_for(const struct wkv_subscription *one)
{
    int messages = 0, bytes = 0;
    return natsSubscription_GetPending(one->subscription, &messages, &bytes) == NATS_OK && messages > 0
               ? (uint64_t)messages
               : 0;
}

static uint64_t take_fresh(struct wkv_subscriptions *subscriptions)
{
    uint64_t messages = 0;
    while (!TAILQ_EMPTY(&subscriptions->fresh)) {
        struct wkv_subscription *one = TAILQ_FIRST(&subscriptions->fresh);
        TAILQ_REMOVE(&subscriptions->fresh, one, news);
        TAILQ_INSERT_HEAD(&subscriptions->recent, one, recent);
        one->seen = WKV_SEEN;
        messages += waiting_for(one);
        if (one->left)
            TAILQ_INSERT_TAIL(leavers(subscriptions, one), one, news);
    }
    return messages;
}

/* Whether nothing comes on it any more. */
static bool has_ended(const struct wkv_subscription *one)
{
    return one->waiting == 0 && (one->drain != WKV_DRAINS || natsSubscription_DrainCompletionStatus(
                                                                 one->subscription) != NATS_ILLEGAL_STATE);
}

static void free_ended(struct wkv_subscriptions *subscriptions)
{
    struct wkv_subscription *next;
    for (struct wkv_subscription *one = TAILQ_FIRST(&subscriptions->leaving); one != NULL; one = next) {
        next = TAILQ_NEXT(one, news);
        if (!has_ended(one))
            continue;
        subscriptions->draining -= one->drain == WKV_DRAINS ? 1 : 0;
        TAILQ_REMOVE(&subscriptions->leaving, one, news);
        TAILQ_REMOVE(&subscriptions->recent, one, recent);
        unmake(subscriptions, one);
    }
}

static void drain_due(struct wkv_subscriptions *subscriptions)
{
    while (!TAILQ_EMPTY(&subscriptions->due) && subscriptions->draining < DRAIN_AT_ONCE) {
        struct wkv_subscription *one = TAILQ_FIRST(&subscriptions->due);
        TAILQ_REMOVE(&subscriptions->due, one, news);
        end_one(subscriptions, one, DRAINED);
        TAILQ_INSERT_TAIL(&subscriptions->leaving, one, news);
        if (TAILQ_EMPTY(&subscriptions->due))
            (void)pthread_cond_broadcast(&subscriptions->link->changed);
    }
}

uint64_t wkv_subscriptions_refresh(struct wkv_subscriptions *subscriptions)
{
    if (!atomic_load_explicit(&subscriptions->changed, memory_order_acquire))
        return 0;
    lock(subscriptions);
    uint64_t messages = take_fresh(subscriptions);
    if (!subscriptions->frozen) {
        free_ended(subscriptions);
        drain_due(subscriptions);
    }
    subscriptions->hurries = !subscriptions->frozen && !TAILQ_EMPTY(&subscriptions->due);
    atomic_store(&subscriptions->changed, !TAILQ_EMPTY(&subscriptions->leaving));
    unlock(subscriptions);
    return messages;
}

/* ---- connections ---- */

natsStatus wkv_subscriptions_begin(struct wkv_subscriptions *subscriptions)
{
    natsStatus status = NATS_OK;
    struct wkv_subscription *one;
    lock(subscriptions);
    TAILQ_FOREACH(one, &subscriptions->all, all)
    if (one->need != WKV_NEED_FOR_NOW && status == NATS_OK && one->subscription == NULL &&
        !rests_now(subscriptions, one))
        status = subscribe(subscriptions, one);
    unlock(subscriptions);
    return status;
}

/* How many to ask for at once: up to what is known to fit, and beyond that one by one, to find out. */
static size_t next_count(const struct wkv_room *room)
{
    static const size_t at_once = 256;
    if (room->listening >= room->limit)
        return wkv_room_is_full(room) ? 0 : 1;
    return room->limit - room->listening < at_once ? room->limit - room->listening : at_once;
}

static bool is_to_come(const struct wkv_subscriptions *subscriptions, const struct wkv_subscription *one)
{
    return one->need == WKV_NEED_FOR_NOW && !one->left && one->subscription == NULL &&
           !rests_now(subscriptions, one);
}

natsStatus wkv_subscriptions_resume(struct wkv_subscriptions *subscriptions, size_t *asked)
{
    natsStatus status = NATS_OK;
    struct wkv_subscription *one;
    *asked = 0;
    lock(subscriptions);
    size_t most = next_count(&subscriptions->room);
    TAILQ_FOREACH(one, &subscriptions->all, all)
    {
        if (*asked == most || status != NATS_OK)
            break;
        if (!is_to_come(subscriptions, one))
            continue;
        status = subscribe(subscriptions, one);
        (*asked)++;
    }
    unlock(subscriptions);
    wkv_poller_wake(subscriptions->poller);
    return status;
}

size_t wkv_subscriptions_left_out(struct wkv_subscriptions *subscriptions)
{
    size_t left_out = 0;
    const struct wkv_subscription *one;
    lock(subscriptions);
    TAILQ_FOREACH(one, &subscriptions->all, all)
    left_out += is_to_come(subscriptions, one) ? 1 : 0;
    unlock(subscriptions);
    return left_out;
}

void wkv_subscriptions_end(struct wkv_subscriptions *subscriptions)
{
    struct wkv_subscription *next;
    atomic_store(&subscriptions->renewals.wanted, false);
    subscriptions->room.listening = 0;
    subscriptions->draining = 0;
    subscriptions->hurries = false;
    TAILQ_INIT(&subscriptions->fresh);
    TAILQ_INIT(&subscriptions->due);
    TAILQ_INIT(&subscriptions->leaving);
    TAILQ_INIT(&subscriptions->recent);
    for (struct wkv_subscription *one = TAILQ_FIRST(&subscriptions->all); one != NULL; one = next) {
        next = TAILQ_NEXT(one, all);
        natsSubscription_Destroy(one->subscription);
        one->subscription = NULL;
        one->seen = WKV_UNSEEN;
        one->refused = false;
        one->ask_again = false;
        if (one->left && one->drain == WKV_DRAIN_DUE && one->need == WKV_NEED_FOR_NOW)
            subscriptions->room.wanted--;
        if (one->left && !subscriptions->frozen)
            unmake(subscriptions, one);
    }
}
