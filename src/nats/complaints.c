/* What the server refuses: subscriptions, replies, and whatever else it says. nats.c tells of it on a thread
 * of its own. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "nats/loop.h"
#include "support/clock.h"

/* The most complaints of the server that are logged in a second: callers who make us publish where we may not
 * decide how many there are, and nats.c has one thread for these and for lost connections. */
#define TOLD_A_SECOND 16

/* A subscription that every connection must have is refused. While the connection is opened, its opener waits
 * for this. Later it means that the server took back what it had granted, and only its operator knows when it
 * will grant it again: the connection counts as lost, and is opened again until it has all of them. */
static void note_refusal(struct wkv_loop *loop, const char *text)
{
    struct wkv_link *link = &loop->link;
    if (strstr(text, "Permissions Violation for Subscription") == NULL)
        return;
    if (wkv_subscriptions_note_refusal(&loop->subscriptions, text))
        return;
    (void)pthread_mutex_lock(&link->lock);
    if (link->refusal[0] == '\0')
        (void)snprintf(link->refusal, sizeof link->refusal, "%s", text);
    (void)pthread_cond_broadcast(&link->changed);
    bool granted = atomic_exchange(&link->confirmed, false);
    (void)pthread_mutex_unlock(&link->lock);
    if (!granted)
        return;
    wkv_loop_note(loop, WKV_LOOP_UNCONFIRMED);
    wkv_log_warn(loop->options.log,
                 "%s: the server revoked a subscription: not ready until it is granted again", loop->name);
    atomic_store(&link->taken_back, true);
    wkv_loop_notify(loop);
}

/* A reply that was sent and will not arrive. A refused message of the provider's own is none. */
static void count_unsent(struct wkv_loop *loop, const char *text)
{
    static const char publishing[] = "Permissions Violation for Publish to \"";
    char subject[WKV_SUBJECT_BYTES];
    const char *found = strcasestr(text, publishing);
    if (found == NULL)
        return;
    found += strlen(publishing);
    (void)snprintf(subject, sizeof subject, "%.*s", (int)strcspn(found, "\""), found);
    if (wkv_subject_takes_replies(loop->options.address, subject))
        wkv_loop_note(loop, WKV_LOOP_REPLY_REFUSED);
}

/* Whether one more line is to be logged. */
static bool may_tell(struct wkv_loop *loop)
{
    int64_t now_ns = wkv_monotonic_ns();
    if (now_ns - loop->told_second_ns >= WKV_NS_PER_S) {
        if (loop->told > TOLD_A_SECOND)
            wkv_log_warn(loop->options.log, "%s: the server sent %u more errors within a second", loop->name,
                         loop->told - TOLD_A_SECOND);
        loop->told_second_ns = now_ns;
        loop->told = 0;
    }
    loop->told += loop->told < UINT_MAX ? 1 : 0;
    return loop->told <= TOLD_A_SECOND;
}

/* nats.c hands the text of this error to this thread. The connection's own (natsConnection_GetLastError) is
 * overwritten by the next error while it is read. */
void wkv_loop_on_error(natsConnection *connection, natsSubscription *subscription, natsStatus status,
                       void *closure)
{
    struct wkv_loop *loop = closure;
    natsStatus last = NATS_OK;
    const char *text = nats_GetLastError(&last);
    (void)connection;
    (void)subscription;
    if (text == NULL || last != status)
        text = "no more than that";
    if (status == NATS_NOT_PERMITTED) {
        note_refusal(loop, text);
        count_unsent(loop, text);
    }
    if (may_tell(loop))
        wkv_log_warn(loop->options.log, "%s: the server says: %s (%s)", loop->name, text,
                     natsStatus_GetText(status));
}
