#include <string.h>

#include "nats/loop.h"
#include "support/clock.h"

/* A turn handles messages for so long, and then looks at the socket. */
#define SLICE_NS (2 * WKV_NS_PER_MS)
/* Of messages that wait, see loop.h. */
#define BACKLOG_BYTES ((size_t)8 * 1024 * 1024)
/* After so many published bytes in one turn they are offered to the socket before the turn goes on. */
#define UNSENT_LOOK_BYTES ((size_t)1024 * 1024)

/* Takes over how many messages nats.c has put into subscriptions since the last look. */
static void count_pending(struct wkv_loop *loop)
{
    struct wkv_intake *intake = &loop->intake;
    struct wkv_link *link = &loop->link;
    uint64_t in = 0;
    if (natsConnection_GetStats(link->connection, link->statistics) != NATS_OK ||
        natsStatistics_GetCounts(link->statistics, &in, NULL, NULL, NULL, NULL) != NATS_OK)
        return;
    intake->pending += in - intake->messages_seen;
    intake->messages_seen = in;
}

/* Whether the message is what was subscribed to, and its reply what the provider may send. What is not is
 * dropped and counted. */
static bool may_handle(struct wkv_loop *loop, const struct wkv_subscription *from, natsMsg *message)
{
    const char *reply = natsMsg_GetReply(message);
    if (from->delivered)
        return true;
    bool expected = wkv_pattern_matches(&from->pattern, natsMsg_GetSubject(message));
    if (expected && (reply == NULL || wkv_subject_takes_replies(loop->options.address, reply)))
        return true;
    wkv_loop_note(loop, expected ? WKV_LOOP_DROPPED_REPLY_SUBJECT : WKV_LOOP_DROPPED_SUBJECT);
    return false;
}

/* Who sent it, as far as the subject tells: the actor, which is the token in the place of the wildcard, or
 * the last one. */
static uint64_t key_of(void *context, void *message, void *from)
{
    const struct wkv_loop *loop = context;
    const struct wkv_subscription *subscription = from;
    const char *subject = subscription->delivered ? subscription->subject : natsMsg_GetSubject(message);
    const char *token = subject + subscription->pattern.before, *dot;
    if (subscription->pattern.after == NULL)
        token = (dot = strrchr(subject, '.')) != NULL ? dot + 1 : subject;
    return wkv_subscriptions_hash(&loop->subscriptions, token, wkv_subject_token_bytes(token));
}

static void take_message(struct wkv_loop *loop, struct wkv_subscription *from, natsMsg *message)
{
    struct wkv_intake *intake = &loop->intake;
    struct wkv_backlog_item item = {
        .message = message, .from = from, .read_ns = intake->read_ns, .bytes = wkv_message_bytes(message)};
    if (!may_handle(loop, from, message)) {
        wkv_loop_retire(loop, message);
    } else if (wkv_backlog_push(&intake->backlog, &item,
                                intake->backlog.shared ? key_of(loop, message, from) : 0)) {
        from->waiting++;
    } else {
        wkv_sending_drop(loop);
        wkv_loop_retire(loop, message);
    }
}

/* A look at an empty subscription by taking a message costs nearly as much as a message: nats.c words an
 * error for it. */
static uint64_t messages_of(natsSubscription *subscription)
{
    uint64_t queued = 0;
    return natsSubscription_QueuedMsgs(subscription, &queued) == NATS_OK ? queued : 0;
}

/* Takes all messages of a subscription. Returns whether there were any. */
static bool take_from(struct wkv_loop *loop, struct wkv_subscription *from)
{
    struct wkv_intake *intake = &loop->intake;
    uint64_t queued = messages_of(from->subscription);
    bool any = queued > 0;
    while (queued > 0 && intake->pending > 0) {
        natsMsg *message = NULL;
        natsStatus status = natsSubscription_NextMsg(&message, from->subscription, 0);
        /* The server's "no responders", or a request that pretends to be that, is taken away by nats.c and
         * says so here. */
        if (status != NATS_OK && status != NATS_NO_RESPONDERS)
            break;
        queued--;
        intake->pending--;
        if (status == NATS_OK)
            take_message(loop, from, message);
        else if (from->unheard != NULL)
            from->unheard(from->context);
        if (intake->backlog.count >= WKV_LOOP_BATCH && !intake->backlog.shared)
            wkv_intake_handle(loop);
    }
    return any;
}

/* One that had messages goes to the front: mostly a few subscriptions have all the traffic. */
static void take_all(struct wkv_loop *loop)
{
    struct wkv_subscription_list *recent = &loop->subscriptions.recent;
    struct wkv_subscription *next;
    for (struct wkv_subscription *one = TAILQ_FIRST(recent); one != NULL && loop->intake.pending > 0;
         one = next) {
        next = TAILQ_NEXT(one, recent);
        if (take_from(loop, one) && one != TAILQ_FIRST(recent)) {
            TAILQ_REMOVE(recent, one, recent);
            TAILQ_INSERT_HEAD(recent, one, recent);
        }
    }
}

void wkv_intake_take(struct wkv_loop *loop)
{
    struct wkv_intake *intake = &loop->intake;
    count_pending(loop);
    intake->pending += wkv_subscriptions_refresh(&loop->subscriptions);
    if (intake->pending == 0)
        return;
    loop->clock_ns = wkv_loop_begun_ns(loop);
    intake->read_ns = loop->clock_ns;
    take_all(loop);
    /* What is left was for no subscription of ours (a client's inbox on this connection, or one that has
     * ended). */
    intake->pending = 0;
}

/* ---- handling ---- */

static void handle(struct wkv_loop *loop, const struct wkv_backlog_item *item)
{
    struct wkv_subscription *from = item->from;
    wkv_turns_note(&loop->turns);
    loop->kept.in_hand = false;
    if (wkv_sending_bytes(&loop->sending) >= WKV_UNSENT_LAST)
        wkv_sending_drop(loop);
    else
        from->handle(loop, from->context, item->message);
    from->waiting--;
    if (!loop->kept.in_hand)
        wkv_loop_retire_sized(loop, item->message, item->bytes);
    if (loop->sending.unsent_bytes >= UNSENT_LOOK_BYTES)
        wkv_sending_offer(loop);
}

/* Gets ready for the next messages, as many as are of one subscription up to a batch. Of what is shared out
 * only one is next for sure. */
static void prepare(struct wkv_intake *intake)
{
    const struct wkv_backlog_item *items[WKV_LOOP_BATCH];
    natsMsg *messages[WKV_LOOP_BATCH];
    size_t ahead = wkv_backlog_look(&intake->backlog, items, WKV_LOOP_BATCH);
    struct wkv_subscription *from = items[0]->from;
    size_t count = 0;
    for (; count < ahead && items[count]->from == from; count++)
        messages[count] = items[count]->message;
    if (count > 1 && from->prepare != NULL)
        from->prepare(from->context, messages, count);
    intake->prepared = count;
}

void wkv_intake_handle(struct wkv_loop *loop)
{
    struct wkv_intake *intake = &loop->intake;
    struct wkv_backlog_item item;
    while (intake->backlog.count > 0 && !wkv_kept_is_full(&loop->kept)) {
        loop->clock_ns = wkv_loop_begun_ns(loop);
        if (intake->slice_end_ns == 0)
            intake->slice_end_ns = loop->clock_ns + SLICE_NS;
        if (loop->clock_ns >= intake->slice_end_ns ||
            atomic_load_explicit(&loop->want_stop, memory_order_relaxed))
            return;
        if (intake->prepared == 0)
            prepare(intake);
        intake->prepared--;
        (void)wkv_backlog_pop(&intake->backlog, &item);
        intake->late =
            loop->options.max_wait_ns > 0 && loop->clock_ns - item.read_ns > loop->options.max_wait_ns;
        handle(loop, &item);
    }
}

/* Makes room for new messages by refusing the oldest ones of the sender with the most. A single message may
 * be as large as the server allows. */
void wkv_intake_refuse_excess(struct wkv_loop *loop)
{
    struct wkv_intake *intake = &loop->intake;
    struct wkv_backlog_item item;
    if (intake->backlog.bytes <= BACKLOG_BYTES)
        return;
    intake->prepared = 0;
    while (intake->backlog.bytes > BACKLOG_BYTES && intake->backlog.count > 1 &&
           wkv_backlog_pop_heaviest(&intake->backlog, &item)) {
        struct wkv_subscription *from = item.from;
        intake->late = true;
        if (loop->options.max_wait_ns > 0 && intake->backlog.bytes <= 2 * BACKLOG_BYTES) {
            handle(loop, &item);
            continue;
        }
        wkv_sending_drop(loop);
        from->waiting--;
        wkv_loop_retire(loop, item.message);
    }
}

void wkv_intake_share(struct wkv_loop *loop)
{
    if (loop->intake.backlog.count == 0)
        return;
    loop->intake.prepared = 0;
    wkv_backlog_share(&loop->intake.backlog, key_of, loop);
}

void wkv_intake_forget(struct wkv_loop *loop)
{
    struct wkv_backlog_item item;
    loop->intake.prepared = 0;
    while (wkv_backlog_pop(&loop->intake.backlog, &item)) {
        ((struct wkv_subscription *)item.from)->waiting--;
        wkv_loop_retire(loop, item.message);
    }
}
