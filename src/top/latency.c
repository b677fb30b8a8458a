/* wkv_top_latency of model.h. */
#include <string.h>

#include "top/model.h"

/* 2^64 as a double; casting it or more would be undefined. */
#define TWO_TO_64 18446744073709551616.0

/* The parts that a latency is made of. */
struct selection {
    const struct wkv_top_model *model;
    const struct wkv_top_instance *instance;
    const char *operation;
    bool minute;
};

/* All of a part's requests, in the unit of shares. */
#define WHOLE UINT64_C(1000000)

/* How many millionths of the part's requests took at most ns: between two durations of which that is known,
 * evenly more. */
static uint64_t share(const struct wkv_stats_latency *part, uint64_t ns)
{
    const uint64_t at[] = {0, part->p50_ns, part->p90_ns, part->p99_ns, part->p999_ns, part->max_ns};
    static const uint64_t known[] = {0, 500000, 900000, 990000, 999000, WHOLE};
    size_t i = sizeof at / sizeof at[0] - 1;
    if (ns >= at[i])
        return WHOLE;
    while (ns < at[i - 1])
        i--;
    /* Whatever the answer said, at[i - 1] <= ns < at[i] here. */
    double part_way = (double)(ns - at[i - 1]) / (double)(at[i] - at[i - 1]);
    return known[i - 1] + (uint64_t)((double)(known[i] - known[i - 1]) * part_way);
}

/* What a look at the selected parts finds. */
struct survey {
    double requests;
    double in_time; /* millionths of requests that took at most the given ns */
    uint64_t max_ns;
};

static struct survey survey(const struct selection *selection, uint64_t ns)
{
    struct survey found = {.max_ns = 0};
    for (size_t i = 0; i < selection->model->count; i++) {
        const struct wkv_top_instance *one = selection->model->instances[i];
        if (selection->instance == NULL ? one->state == WKV_TOP_GONE : one != selection->instance)
            continue;
        for (size_t j = 0; j < one->endpoint_count; j++) {
            const struct wkv_top_endpoint *endpoint = &one->endpoints[j];
            const struct wkv_stats_latency *part =
                selection->minute ? &endpoint->told.last_minute : &endpoint->told.since_start;
            if (part->requests == 0 ||
                (selection->operation != NULL && strcmp(selection->operation, endpoint->name) != 0))
                continue;
            found.requests += (double)part->requests;
            found.in_time += (double)part->requests * (double)share(part, ns);
            found.max_ns = part->max_ns > found.max_ns ? part->max_ns : found.max_ns;
        }
    }
    return found;
}

/* The smallest duration that at least so many millionths of the requests did not exceed, found by halving. */
static uint64_t percentile_ns(const struct selection *selection, uint64_t millionths)
{
    uint64_t low = 0, high = survey(selection, 0).max_ns;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct survey found = survey(selection, middle);
        if (found.in_time >= found.requests * (double)millionths)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void wkv_top_latency(const struct wkv_top_model *model, const struct wkv_top_instance *instance,
                     const char *operation, struct wkv_stats_latency *out, bool *minute)
{
    struct selection selection = {
        .model = model, .instance = instance, .operation = operation, .minute = true};
    struct survey found = survey(&selection, 0);
    *minute = selection.minute = found.requests > 0;
    if (!selection.minute)
        found = survey(&selection, 0);
    *out = (struct wkv_stats_latency){
        .requests = found.requests >= TWO_TO_64 ? UINT64_MAX : (uint64_t)found.requests,
        .p50_ns = percentile_ns(&selection, 500000),
        .p90_ns = percentile_ns(&selection, 900000),
        .p99_ns = percentile_ns(&selection, 990000),
        .p999_ns = percentile_ns(&selection, 999000),
        .max_ns = found.max_ns,
    };
}
