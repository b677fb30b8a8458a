#include "support/pulse.h"

#include <poll.h>
#include <stdio.h>

#include "support/clock.h"

/* Between two looks at the parts that have not turned yet. */
#define LOOK_MS 2

void wkv_vitals_init(struct wkv_vitals *vitals)
{
    (void)pthread_mutex_init(&vitals->check_lock, NULL);
    (void)pthread_mutex_init(&vitals->lock, NULL);
    vitals->first = NULL;
}

void wkv_vitals_destroy(struct wkv_vitals *vitals)
{
    (void)pthread_mutex_destroy(&vitals->check_lock);
    (void)pthread_mutex_destroy(&vitals->lock);
}

void wkv_vitals_add(struct wkv_vitals *vitals, struct wkv_pulse *pulse)
{
    if (vitals == NULL)
        return;
    (void)pthread_mutex_lock(&vitals->lock);
    pulse->well = true; /* a check that is under way does not ask it */
    pulse->next = vitals->first;
    vitals->first = pulse;
    (void)pthread_mutex_unlock(&vitals->lock);
}

void wkv_vitals_remove(struct wkv_vitals *vitals, struct wkv_pulse *pulse)
{
    if (vitals == NULL)
        return;
    (void)pthread_mutex_lock(&vitals->lock);
    for (struct wkv_pulse **link = &vitals->first; *link != NULL; link = &(*link)->next) {
        if (*link == pulse) {
            *link = pulse->next;
            break;
        }
    }
    (void)pthread_mutex_unlock(&vitals->lock);
}

static void poke_all(struct wkv_vitals *vitals)
{
    (void)pthread_mutex_lock(&vitals->lock);
    for (struct wkv_pulse *one = vitals->first; one != NULL; one = one->next) {
        one->well = false;
        one->beats_before = atomic_load_explicit(&one->beats, memory_order_relaxed);
        if (one->poke != NULL)
            one->poke(one->context);
    }
    (void)pthread_mutex_unlock(&vitals->lock);
}

static bool look_at_all(struct wkv_vitals *vitals)
{
    bool all = true;
    (void)pthread_mutex_lock(&vitals->lock);
    for (struct wkv_pulse *one = vitals->first; one != NULL; one = one->next) {
        one->well |= !atomic_load_explicit(&one->turning, memory_order_relaxed) ||
                     atomic_load_explicit(&one->beats, memory_order_relaxed) != one->beats_before;
        all &= one->well;
    }
    (void)pthread_mutex_unlock(&vitals->lock);
    return all;
}

static void name_others(struct wkv_vitals *vitals, char *text, size_t text_bytes)
{
    size_t len = 0;
    text[0] = '\0';
    (void)pthread_mutex_lock(&vitals->lock);
    for (const struct wkv_pulse *one = vitals->first; one != NULL && len < text_bytes; one = one->next)
        if (!one->well)
            len += (size_t)snprintf(text + len, text_bytes - len, "%s%s", len == 0 ? "" : ", ", one->name);
    (void)pthread_mutex_unlock(&vitals->lock);
}

bool wkv_vitals_check(struct wkv_vitals *vitals, char *text, size_t text_bytes)
{
    (void)pthread_mutex_lock(&vitals->check_lock);
    int64_t deadline_ns = wkv_monotonic_ns() + WKV_VITALS_CHECK_MS * WKV_NS_PER_MS;
    poke_all(vitals);
    bool well = look_at_all(vitals);
    while (!well && wkv_monotonic_ns() < deadline_ns) {
        (void)poll(NULL, 0, LOOK_MS);
        well = look_at_all(vitals);
    }
    if (!well)
        name_others(vitals, text, text_bytes);
    (void)pthread_mutex_unlock(&vitals->check_lock);
    return well;
}
