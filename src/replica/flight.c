#include "replica/flight.h"

#include <stdlib.h>

#include "replica/members.h"
#include "replica/rules.h"

void wkv_flight_begin(struct wkv_flight *flight, uint64_t writer, const struct wkv_flight_times *times)
{
    *flight = (struct wkv_flight){.times = *times, .writer = writer, .next = 1};
}

void wkv_flight_free(struct wkv_flight_batch *batch)
{
    wkv_buffer_destroy(&batch->bytes);
    free(batch);
}

static void unlink_batch(struct wkv_flight *flight, struct wkv_flight_batch *batch)
{
    struct wkv_flight_batch **at = &flight->first;
    while (*at != batch)
        at = &(*at)->next;
    *at = batch->next;
    flight->count--;
}

/* The least that is not settled. */
static uint64_t floor_of(const struct wkv_flight *flight, uint64_t number)
{
    uint64_t floor = number;
    for (const struct wkv_flight_batch *batch = flight->first; batch != NULL; batch = batch->next)
        floor = batch->number < floor ? batch->number : floor;
    return floor;
}

struct wkv_flight_batch *wkv_flight_open(struct wkv_flight *flight, struct wkv_record *record,
                                         const struct wkv_flight_batch *fence, int64_t now_ns, void *work)
{
    uint64_t number = flight->next;
#ifdef WKV_WRONG_RULES
    if (flight->again != 0)
        number = flight->again;
#endif
    uint64_t floor = fence == NULL ? floor_of(flight, number) : fence->number + 1;
    if (number >= floor && number - floor >= WKV_WRITER_WINDOW)
        return NULL;
    struct wkv_flight_batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL)
        return NULL;
    record->writer = flight->writer;
    record->number = batch->number = number;
    record->floor = floor;
    batch->opened_ns = batch->sent_ns = now_ns;
    batch->deadline_ns = record->deadline_ns;
    batch->work = work;
    batch->fenced = fence != NULL; /* a fence needs none */
    struct wkv_flight_batch **at = &flight->first;
    while (*at != NULL)
        at = &(*at)->next;
    *at = batch;
    flight->count++;
    flight->next += number == flight->next;
#ifdef WKV_WRONG_RULES
    flight->again = 0;
#endif
    return batch;
}

void wkv_flight_sent(struct wkv_flight_batch *batch, int64_t now_ns)
{
    batch->sent = true;
    batch->sent_ns = now_ns;
}

bool wkv_flight_refused(const struct wkv_flight_batch *batch)
{
    (void)batch;
    return WKV_WRONG(WKV_REFUSAL_OF_A_RETRY);
}

/* What was sent earlier and is not there has been lost on its way. */
static void hurry_earlier(struct wkv_flight *flight, uint64_t number)
{
    for (struct wkv_flight_batch *batch = flight->first; batch != NULL; batch = batch->next)
        if (batch->number < number && batch->sent)
            batch->sent_ns = INT64_MIN;
}

enum wkv_flight_end wkv_flight_settle(struct wkv_flight *flight, const struct wkv_replica_batch *applied,
                                      struct wkv_flight_batch **ended)
{
    const struct wkv_record *record = applied->record;
    if (record->writer != flight->writer || applied->verdict == WKV_VERDICT_AGAIN)
        return WKV_FLIGHT_GOES_ON;
    struct wkv_flight_batch *batch = flight->first;
    while (batch != NULL && batch->number != record->number)
        batch = batch->next;
    if (batch == NULL)
        return WKV_FLIGHT_GOES_ON;
    unlink_batch(flight, batch);
    hurry_earlier(flight, batch->number);
    *ended = batch;
    if (applied->verdict == WKV_VERDICT_RUN)
        return WKV_FLIGHT_DONE;
    if (applied->verdict == WKV_VERDICT_LATE)
        return WKV_FLIGHT_LATE;
#ifdef WKV_WRONG_RULES
    flight->again = WKV_WRONG(WKV_NUMBER_LEFT_OPEN) ? batch->number : 0;
#endif
    return WKV_FLIGHT_AGAIN;
}

/* Whether a batch that did not come can come no more, or only to be void: it was never sent; or a record of
 * ours with a higher floor has been applied, or log time is past its deadline, and it was not there before. A
 * writer that is gone tells nothing: a batch of ours may have run before it went. */
static bool is_void(const struct wkv_flight_batch *batch, const struct wkv_flight_known *known)
{
    return !batch->sent || batch->number < known->floor ||
           (batch->deadline_ns != 0 && batch->deadline_ns < known->log_now_ns) || WKV_WRONG(WKV_ALWAYS_SURE);
}

static enum wkv_flight_task task_of(const struct wkv_flight *flight, const struct wkv_flight_batch *batch,
                                    int64_t now_ns)
{
    int64_t age = now_ns - batch->opened_ns;
    if (age >= flight->times.give_up_ns || (age >= flight->times.fence_ns && !batch->sent))
        return WKV_FLIGHT_GIVE_UP;
    if (age >= flight->times.fence_ns)
        return batch->fenced ? WKV_FLIGHT_NOTHING : WKV_FLIGHT_FENCE;
    bool silent = batch->sent_ns == INT64_MIN || now_ns - batch->sent_ns >= flight->times.resend_ns;
    return silent ? WKV_FLIGHT_SEND : WKV_FLIGHT_NOTHING;
}

enum wkv_flight_task wkv_flight_due(struct wkv_flight *flight, const struct wkv_flight_known *known,
                                    int64_t now_ns, struct wkv_flight_batch **due, enum wkv_code *code)
{
    for (struct wkv_flight_batch *batch = flight->first; batch != NULL; batch = batch->next) {
        enum wkv_flight_task task = task_of(flight, batch, now_ns);
        if (task == WKV_FLIGHT_NOTHING)
            continue;
        *due = batch;
        if (task == WKV_FLIGHT_FENCE)
            batch->fenced = true;
        if (task == WKV_FLIGHT_GIVE_UP) {
            *code = is_void(batch, known) ? WKV_UNAVAILABLE : WKV_UNKNOWN_FATE;
            unlink_batch(flight, batch);
        }
        return task;
    }
    return WKV_FLIGHT_NOTHING;
}

static int64_t due_at(const struct wkv_flight *flight, const struct wkv_flight_batch *batch)
{
    int64_t fence = batch->opened_ns + flight->times.fence_ns;
    int64_t give_up = batch->opened_ns + flight->times.give_up_ns;
    if (batch->sent_ns == INT64_MIN)
        return INT64_MIN;
    int64_t resend = batch->sent_ns + flight->times.resend_ns;
    return resend < fence ? resend : batch->fenced ? give_up : fence;
}

int64_t wkv_flight_due_at(const struct wkv_flight *flight)
{
    int64_t at = INT64_MAX;
    for (const struct wkv_flight_batch *batch = flight->first; batch != NULL; batch = batch->next) {
        int64_t own = due_at(flight, batch);
        at = own < at ? own : at;
    }
    return at;
}

struct wkv_flight_batch *wkv_flight_take(struct wkv_flight *flight)
{
    struct wkv_flight_batch *batch = flight->first;
    if (batch != NULL)
        unlink_batch(flight, batch);
    return batch;
}
