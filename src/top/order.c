#include "top/order.h"

#include <string.h>

static const struct {
    char key;
    const char *name;
} orders[] = {
    [WKV_TOP_BY_DEFAULT] = {'d', "default"}, [WKV_TOP_BY_REQUESTS] = {'r', "requests"},
    [WKV_TOP_BY_ERRORS] = {'e', "errors"},   [WKV_TOP_BY_LATENCY] = {'l', "latency"},
    [WKV_TOP_BY_MEMORY] = {'m', "memory"},   [WKV_TOP_BY_NAME] = {'n', "name"},
};

bool wkv_top_order_of_key(char key, enum wkv_top_order *order)
{
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
        if (orders[i].key == key) {
            *order = (enum wkv_top_order)i;
            return true;
        }
    return false;
}

const char *wkv_top_order_name(enum wkv_top_order order)
{
    return orders[order].name;
}

/* Where the next one belongs among `count` that are sorted, the largest weight first; an equal one is put
 * behind. The weights move with it. */
static size_t make_place(double *weights, size_t count, double weight)
{
    size_t at = count;
    for (; at > 0 && weights[at - 1] < weight; at--)
        weights[at] = weights[at - 1];
    weights[at] = weight;
    return at;
}

static double latency_of(const struct wkv_top_model *model, const struct wkv_top_instance *instance,
                         const char *operation)
{
    struct wkv_stats_latency latency;
    bool minute;
    wkv_top_latency(model, instance, operation, &latency, &minute);
    return (double)latency.p99_ns;
}

/* ---- instances: the model has them in the order of their ids ---- */

static double instance_weight(const struct wkv_top_model *model, const struct wkv_top_instance *instance,
                              enum wkv_top_order order)
{
    if (instance->state == WKV_TOP_GONE)
        return 0;
    switch (order) {
    case WKV_TOP_BY_REQUESTS:
        return instance->requests_per_s;
    case WKV_TOP_BY_ERRORS:
        return instance->errors_per_s;
    case WKV_TOP_BY_LATENCY:
        return latency_of(model, instance, NULL);
    case WKV_TOP_BY_MEMORY:
        return (double)instance->told.store.bytes;
    default:
        return 0;
    }
}

void wkv_top_sort_instances(const struct wkv_top_model *model, enum wkv_top_order order,
                            const struct wkv_top_instance *sorted[WKV_TOP_INSTANCES])
{
    double weights[WKV_TOP_INSTANCES];
    for (size_t i = 0; i < model->count; i++) {
        size_t at = make_place(weights, i, instance_weight(model, model->instances[i], order));
        memmove(sorted + at + 1, sorted + at, (i - at) * sizeof *sorted);
        sorted[at] = model->instances[i];
    }
}

/* ---- operations ---- */

static double operation_weight(const struct wkv_top_model *model, const struct wkv_top_endpoint *endpoint,
                               enum wkv_top_order order)
{
    switch (order) {
    case WKV_TOP_BY_ERRORS:
        return endpoint->errors_per_s;
    case WKV_TOP_BY_LATENCY:
        return latency_of(model, NULL, endpoint->name);
    case WKV_TOP_BY_NAME:
        return 0;
    default:
        return endpoint->requests_per_s;
    }
}

static size_t place_by_name(const struct wkv_top_endpoint *const sorted[], size_t count, const char *name)
{
    size_t at = count;
    while (at > 0 && strcmp(sorted[at - 1]->name, name) > 0)
        at--;
    return at;
}

size_t wkv_top_sort_operations(const struct wkv_top_model *model, const struct wkv_top_instance *all,
                               enum wkv_top_order order,
                               const struct wkv_top_endpoint *sorted[WKV_TOP_ENDPOINTS])
{
    double weights[WKV_TOP_ENDPOINTS];
    size_t count = 0;
    for (size_t i = 0; i < all->endpoint_count; i++) {
        const struct wkv_top_endpoint *endpoint = &all->endpoints[i];
        if (endpoint->told.requests == 0)
            continue;
        size_t at = order == WKV_TOP_BY_NAME
                        ? place_by_name(sorted, count, endpoint->name)
                        : make_place(weights, count, operation_weight(model, endpoint, order));
        memmove(sorted + at + 1, sorted + at, (count - at) * sizeof *sorted);
        sorted[at] = endpoint;
        count++;
    }
    return count;
}
