#include "support/condition.h"

#include <time.h>

#include "support/clock.h"

void wkv_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(condition, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

bool wkv_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_ns)
{
    struct timespec until = {until_ns / WKV_NS_PER_S, until_ns % WKV_NS_PER_S};
    return pthread_cond_timedwait(condition, lock, &until) == 0;
}
