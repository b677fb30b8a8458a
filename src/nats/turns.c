#include "nats/turns.h"

#include "support/clock.h"
#include "support/condition.h"

void wkv_turns_init(struct wkv_turns *turns, const char *name, void (*poke)(void *context), void *context)
{
    *turns = (struct wkv_turns){.pulse = {.name = name, .poke = poke, .context = context},
                                .lock = PTHREAD_MUTEX_INITIALIZER};
    wkv_condition_init(&turns->over);
}

void wkv_turns_destroy(struct wkv_turns *turns)
{
    (void)pthread_cond_destroy(&turns->over);
    (void)pthread_mutex_destroy(&turns->lock);
}

void wkv_turns_end(struct wkv_turns *turns, uint64_t asked)
{
    (void)pthread_mutex_lock(&turns->lock);
    turns->done = asked;
    (void)pthread_cond_broadcast(&turns->over);
    (void)pthread_mutex_unlock(&turns->lock);
}

uint64_t wkv_turns_ask(struct wkv_turns *turns)
{
    return atomic_fetch_add_explicit(&turns->asked, 1, memory_order_acq_rel) + 1;
}

bool wkv_turns_await(struct wkv_turns *turns, uint64_t asked, int64_t until_ns)
{
    (void)pthread_mutex_lock(&turns->lock);
    while (turns->done < asked && wkv_condition_wait(&turns->over, &turns->lock, until_ns)) {
    }
    bool over = turns->done >= asked;
    (void)pthread_mutex_unlock(&turns->lock);
    return over;
}

bool wkv_turns_are_stuck(struct wkv_turns *turns, int64_t stuck_ns)
{
    int64_t now_ns = wkv_monotonic_ns();
    uint64_t begun = atomic_load_explicit(&turns->begun, memory_order_relaxed);
    bool stuck = begun == turns->seen && now_ns - turns->seen_ns > stuck_ns;
    if (stuck || begun != turns->seen)
        turns->seen_ns = now_ns;
    turns->seen = begun;
    return stuck;
}
