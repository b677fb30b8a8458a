/* Optional subscriptions (of a lattice, or of a single actor) that the server had granted and has taken back.
 *
 * A permission that goes with one reload of the server comes back with another, of which nobody is told. A
 * subscription that every connection must have ends the connection then (complaints.c); one of these is asked
 * for again on the same connection, from time to time, while all else is served:
 *
 *   taken back ── 1 s ──► asked for ── refused: 2, 4, 8, 10, 10 ... s ──► asked for ... granted
 *
 * What was never granted is not asked for again: the server's operator means it.
 */
#include <string.h>

#include "nats/subscriptions.h"
#include "support/clock.h"

#define FIRST_WAIT_NS WKV_NS_PER_S
#define LAST_WAIT_NS (10 * WKV_NS_PER_S)
/* Each of them may be refused, and told of, again. */
#define ASKED_AT_ONCE 256

/* nats-server names the subscription only where it ends one that it had granted. */
static bool is_taken_back(const char *complaint)
{
    return strstr(complaint, "(sid \"") != NULL;
}

void wkv_renewals_note(struct wkv_subscriptions *subscriptions, struct wkv_subscription *one,
                       const char *complaint)
{
    struct wkv_renewals *renewals = &subscriptions->renewals;
    bool taken_back = is_taken_back(complaint);
    one->missed |= taken_back;
    if (!one->missed)
        return;
    one->ask_again = true;
    if (taken_back || renewals->wait_ns == 0)
        renewals->wait_ns = FIRST_WAIT_NS;
    if (taken_back || !atomic_load(&renewals->wanted))
        renewals->at_ns = wkv_monotonic_ns() + renewals->wait_ns;
    atomic_store(&renewals->wanted, true);
}

/* What is there stays where there can be nothing new: others take no subscription for one never seen. */
static void ask_again(struct wkv_subscriptions *subscriptions, struct wkv_subscription *one)
{
    natsSubscription *old = one->subscription;
    one->ask_again = false;
    one->refused = false;
    one->subscription = NULL;
    bool made = wkv_subscribe(subscriptions, one) == NATS_OK;
    natsSubscription_Destroy(made ? old : one->subscription);
    if (!made)
        one->subscription = old;
}

/* Returns whether some are left for the next time. */
static bool ask_for_all(struct wkv_subscriptions *subscriptions)
{
    size_t asked = 0;
    struct wkv_subscription *one;
    TAILQ_FOREACH(one, &subscriptions->all, all)
    {
        if (one->left || !one->ask_again || one->subscription == NULL)
            continue;
        if (asked++ == ASKED_AT_ONCE)
            return true;
        ask_again(subscriptions, one);
    }
    return false;
}

/* What drains is left alone. */
void wkv_renewals_ask(struct wkv_subscriptions *subscriptions)
{
    struct wkv_link *link = subscriptions->link;
    struct wkv_renewals *renewals = &subscriptions->renewals;
    if (!atomic_load_explicit(&renewals->wanted, memory_order_relaxed) ||
        !atomic_load_explicit(&link->confirmed, memory_order_acquire))
        return;
    (void)pthread_mutex_lock(&link->lock);
    if (!subscriptions->frozen && link->connection != NULL && wkv_monotonic_ns() >= renewals->at_ns) {
        atomic_store(&renewals->wanted, ask_for_all(subscriptions));
        renewals->wait_ns = renewals->wait_ns * 2 > LAST_WAIT_NS ? LAST_WAIT_NS : renewals->wait_ns * 2;
    }
    (void)pthread_mutex_unlock(&link->lock);
}
