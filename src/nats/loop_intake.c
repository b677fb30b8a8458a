#include <string.h>

#include "nats/loop_extra.h"
#include "nats/loop_turn.h"
#include "support/clock.h"

/* What a message has beside its texts, about. */
#define MESSAGE_BYTES 256

/* Takes over how many messages nats.c has put into subscriptions since the last look. */
static void count_pending(struct wkv_loop *loop)
{
    uint64_t in = 0;
    if (natsConnection_GetStats(loop->connection, loop->statistics) != NATS_OK ||
        natsStatistics_GetCounts(loop->statistics, &in, &loop->bytes_seen, NULL, NULL, NULL) != NATS_OK)
        return;
    loop->pending += in - loop->messages_seen;
    loop->messages_seen = in;
}

/* Whether the message is what was subscribed to, and its reply what the provider may send. What is not is
 * dropped and counted. */
static bool may_handle(struct wkv_loop *loop, const struct wkv_loop_subscription *from, natsMsg *message)
{
    const char *reply = natsMsg_GetReply(message);
    bool expected = wkv_subject_matches(from->subject, natsMsg_GetSubject(message));
    if (expected && (reply == NULL || wkv_subject_takes_replies(loop->address, reply)))
        return true;
    wkv_stats_count_dropped(loop->stats, expected ? WKV_DROP_REPLY_SUBJECT : WKV_DROP_SUBJECT);
    return false;
}

/* nats.c has a message in one block, which begins with the subject and ends with the data; headers are
 * between (header.c). Of another nats.c the data is what is known. */
size_t wkv_loop_bytes_of(natsMsg *message)
{
    uintptr_t from = (uintptr_t)natsMsg_GetSubject(message);
    uintptr_t to = (uintptr_t)natsMsg_GetData(message);
    size_t before = to > from && to - from <= INT32_MAX ? to - from : 0;
    return MESSAGE_BYTES + before + (size_t)natsMsg_GetDataLength(message);
}

/* Who sent it, as far as the subject tells: the actor, which is the token in the place of the wildcard, or
 * the last one. Actors choose their names: the hash has a key that they do not know. */
static uint64_t key_of(void *context, void *message, void *from)
{
    const struct wkv_loop *loop = context;
    const struct wkv_loop_subscription *subscription = from;
    const char *subject = natsMsg_GetSubject(message);
    const char *wildcard = strchr(subscription->subject, '*');
    const char *dot = strrchr(subject, '.');
    const char *token = wildcard != NULL ? subject + (wildcard - subscription->subject)
                        : dot != NULL    ? dot + 1
                                         : subject;
    uint64_t hash;
    (void)crypto_shorthash((unsigned char *)&hash, (const unsigned char *)token, strcspn(token, "."),
                           loop->extras_key);
    return hash;
}

void wkv_loop_share_backlog(struct wkv_loop *loop)
{
    loop->prepared = 0;
    wkv_backlog_share(&loop->backlog, key_of, loop);
}

static void take_message(struct wkv_loop *loop, struct wkv_loop_subscription *from, natsMsg *message)
{
    struct wkv_backlog_item item = {
        .message = message, .from = from, .read_ns = loop->read_ns, .bytes = wkv_loop_bytes_of(message)};
    if (!may_handle(loop, from, message)) {
        wkv_loop_retire(loop, message);
    } else if (wkv_backlog_push(&loop->backlog, &item,
                                loop->backlog.shared ? key_of(loop, message, from) : 0)) {
        from->waiting++;
    } else {
        wkv_loop_drop(loop);
        wkv_loop_retire(loop, message);
    }
}

/* A look at an empty subscription by taking a message costs nearly as much as a message: nats.c words an
 * error for it. */
static uint64_t messages_of(natsSubscription *subscription)
{
    uint64_t queued = 0;
    if (subscription == NULL || natsSubscription_QueuedMsgs(subscription, &queued) != NATS_OK)
        return 0;
    return queued;
}

/* Takes all messages of a subscription. Returns whether there were any. */
static bool take_from(struct wkv_loop *loop, struct wkv_loop_subscription *from)
{
    uint64_t queued = messages_of(from->subscription);
    bool any = queued > 0;
    while (queued > 0 && loop->pending > 0) {
        natsMsg *message = NULL;
        natsStatus status = natsSubscription_NextMsg(&message, from->subscription, 0);
        /* A request that pretends to be the server's "no responders" is taken away by nats.c and says so
         * here. */
        if (status != NATS_OK && status != NATS_NO_RESPONDERS)
            break;
        queued--;
        loop->pending--;
        if (status == NATS_OK)
            take_message(loop, from, message);
        if (loop->backlog.count >= WKV_LOOP_BATCH && !loop->backlog.shared)
            wkv_loop_handle_waiting(loop);
    }
    return any;
}

/* For the subjects that every connection has, beginning where messages came last: mostly one operation is all
 * the traffic. */
static void take_fixed(struct wkv_loop *loop)
{
    size_t first = loop->hot;
    for (size_t i = 0; i < loop->subscription_count && loop->pending > 0; i++) {
        size_t index = (first + i) % loop->subscription_count;
        if (take_from(loop, &loop->subscriptions[index])) {
            loop->hot = index;
            loop->extras_first = false;
        }
    }
}

/* Likewise for the subjects of single actors: one that had messages goes to the front. */
static void take_extras(struct wkv_loop *loop)
{
    for (struct wkv_loop_extra **link = &loop->recent; *link != NULL && loop->pending > 0;) {
        struct wkv_loop_extra *one = *link;
        if (take_from(loop, &one->listen)) {
            *link = one->next_recent;
            one->next_recent = loop->recent;
            loop->recent = one;
            loop->extras_first = true;
        }
        /* The one that went to the front may have left link pointing at its own successor's place: that is
         * what follows. */
        if (*link == one)
            link = &one->next_recent;
    }
}

void wkv_loop_take_in(struct wkv_loop *loop)
{
    count_pending(loop);
    wkv_loop_extra_refresh(loop);
    if (loop->pending == 0)
        return;
    loop->clock_ns = wkv_loop_begun_ns(loop);
    loop->read_ns = loop->clock_ns;
    bool extras_first = loop->extras_first;
    (extras_first ? take_extras : take_fixed)(loop);
    (extras_first ? take_fixed : take_extras)(loop);
    /* What is left was for no subscription of ours (a client's inbox on this connection, or one that has
     * ended). */
    loop->pending = 0;
}
