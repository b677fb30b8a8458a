#include "journal/lag.h"

static const struct wkv_lag_stamp *stamp_at(const struct wkv_lag *lag, uint64_t number)
{
    return &lag->stamps[number % WKV_LAG_STAMPS];
}

/* A stamp that goes back is kept, too: a server with another clock leads the log from there on. */
void wkv_lag_note(struct wkv_lag *lag, uint64_t position, int64_t time_ns)
{
    const struct wkv_lag_stamp *last = lag->count == 0 ? NULL : stamp_at(lag, lag->count - 1);
    if (last != NULL && time_ns >= last->time_ns && time_ns - last->time_ns < WKV_LAG_APART_NS)
        return;
    lag->stamps[lag->count++ % WKV_LAG_STAMPS] =
        (struct wkv_lag_stamp){.position = position, .time_ns = time_ns};
}

/* The stamp of that position, or of one a little before; the oldest that is known where it is older. */
static int64_t time_of(const struct wkv_lag *lag, uint64_t position)
{
    uint64_t first = lag->count < WKV_LAG_STAMPS ? 0 : lag->count - WKV_LAG_STAMPS;
    uint64_t number = lag->count - 1;
    while (number > first && stamp_at(lag, number)->position > position)
        number--;
    return stamp_at(lag, number)->time_ns;
}

static int64_t lag_of(const struct wkv_lag *lag, const struct wkv_lag_beat *beat)
{
    if (lag->count == 0 || beat->seen + 1 >= beat->position)
        return 0;
    int64_t behind_ns = beat->time_ns - time_of(lag, beat->seen + 1);
    return behind_ns > 0 ? behind_ns : 0;
}

/* Where there are too many, the one that was heard of longest ago is forgotten. */
static void note_other(struct wkv_lag *lag, uint64_t join, int64_t now_ns)
{
    struct wkv_lag_other *slot = &lag->others[0];
    for (size_t i = 0; i < WKV_LAG_OTHERS && slot->join != join; i++)
        if (lag->others[i].join == join || lag->others[i].heard_ns < slot->heard_ns)
            slot = &lag->others[i];
    *slot = (struct wkv_lag_other){.join = join, .heard_ns = now_ns};
}

static bool another_serves(const struct wkv_lag *lag, int64_t now_ns)
{
    for (size_t i = 0; i < WKV_LAG_OTHERS; i++)
        if (lag->others[i].join != 0 && now_ns - lag->others[i].heard_ns < WKV_LAG_HEARD_NS)
            return true;
    return false;
}

static void judge(struct wkv_lag *lag, int64_t now_ns)
{
    if (lag->own_ns < WKV_LAG_RESTS_NS)
        lag->slow_since_ns = 0;
    else if (lag->slow_since_ns == 0)
        lag->slow_since_ns = now_ns;
    bool lasts = lag->slow_since_ns != 0 && now_ns - lag->slow_since_ns >= WKV_LAG_LASTS_NS;
    if (lag->own_ns < WKV_LAG_SERVES_NS || !another_serves(lag, now_ns))
        lag->rests = false;
    else if (lasts)
        lag->rests = true;
}

void wkv_lag_beat(struct wkv_lag *lag, const struct wkv_lag_beat *beat, int64_t now_ns)
{
    int64_t behind_ns = lag_of(lag, beat);
    if (!beat->own) {
        if (behind_ns < WKV_LAG_RESTS_NS)
            note_other(lag, beat->join, now_ns);
        return;
    }
    lag->own_ns = behind_ns;
    judge(lag, now_ns);
}
