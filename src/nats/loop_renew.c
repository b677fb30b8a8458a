#include "nats/loop_renew.h"

#include <string.h>

#include "nats/loop_events.h"
#include "nats/loop_extra.h"
#include "support/clock.h"

#define FIRST_WAIT_NS WKV_NS_PER_S
#define LAST_WAIT_NS (10 * WKV_NS_PER_S)
/* Each of them may be refused, and told of, again. */
#define ASKED_AT_ONCE 256

/* nats-server names the subscription only where it ends one that it had granted. */
static bool is_taken_back(const char *text)
{
    return strstr(text, "(sid \"") != NULL;
}

void wkv_loop_renew_note(struct wkv_loop *loop, struct wkv_loop_subscription *one, const char *text)
{
    bool taken_back = is_taken_back(text);
    one->missed |= taken_back;
    if (!one->missed)
        return;
    one->ask_again = true;
    if (taken_back || loop->renew_wait_ns == 0)
        loop->renew_wait_ns = FIRST_WAIT_NS;
    if (taken_back || !atomic_load(&loop->renew_wanted))
        loop->renew_at_ns = wkv_monotonic_ns() + loop->renew_wait_ns;
    atomic_store(&loop->renew_wanted, true);
}

/* What is there stays where there can be nothing new: others take no subscription for one never shown. */
static void ask_again(struct wkv_loop *loop, struct wkv_loop_subscription *one)
{
    natsSubscription *old = one->subscription;
    one->ask_again = false;
    one->subscription = NULL;
    if (wkv_loop_subscribe_one(loop, one) == NATS_OK) {
        natsSubscription_Destroy(old);
        return;
    }
    natsSubscription_Destroy(one->subscription);
    one->subscription = old;
}

/* Returns whether some are left for the next time. */
static bool ask_for_all(struct wkv_loop *loop)
{
    size_t asked = 0;
    for (size_t i = 0; i < loop->subscription_count; i++)
        if (loop->subscriptions[i].ask_again)
            ask_again(loop, &loop->subscriptions[i]);
    for (struct wkv_loop_extra *one = loop->extras; one != NULL; one = one->next) {
        if (one->dropped || !one->listen.ask_again || one->listen.subscription == NULL)
            continue;
        if (asked++ == ASKED_AT_ONCE)
            return true;
        one->refused = false;
        ask_again(loop, &one->listen);
    }
    return false;
}

/* Never waits: see wkv_loop_extra_refresh. What drains is left alone. */
void wkv_loop_renew(struct wkv_loop *loop)
{
    if (!atomic_load_explicit(&loop->renew_wanted, memory_order_relaxed) ||
        !atomic_load_explicit(&loop->confirmed, memory_order_acquire) ||
        pthread_mutex_trylock(&loop->extra_lock) != 0)
        return;
    if (!loop->extras_frozen && loop->connection != NULL && wkv_monotonic_ns() >= loop->renew_at_ns) {
        atomic_store(&loop->renew_wanted, ask_for_all(loop));
        loop->renew_wait_ns = loop->renew_wait_ns * 2 > LAST_WAIT_NS ? LAST_WAIT_NS : loop->renew_wait_ns * 2;
    }
    (void)pthread_mutex_unlock(&loop->extra_lock);
}

void wkv_loop_renew_forget(struct wkv_loop *loop)
{
    atomic_store(&loop->renew_wanted, false);
    for (size_t i = 0; i < loop->subscription_count; i++)
        loop->subscriptions[i].ask_again = false;
    for (struct wkv_loop_extra *one = loop->extras; one != NULL; one = one->next)
        one->listen.ask_again = false;
}
