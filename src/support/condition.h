/* Conditions that can be waited for until a moment of the monotonic clock. */
#ifndef WKV_SUPPORT_CONDITION_H
#define WKV_SUPPORT_CONDITION_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

void wkv_condition_init(pthread_cond_t *condition);

/* Waits as pthread_cond_wait does, with the lock held, until_ns (monotonic) at the most. Returns false when
 * the time is over. */
bool wkv_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_ns);

#endif
