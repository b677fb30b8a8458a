/* In what order `top` shows instances and operations: pure functions. */
#ifndef WKV_TOP_ORDER_H
#define WKV_TOP_ORDER_H

#include "top/model.h"

enum wkv_top_order {
    WKV_TOP_BY_DEFAULT, /* instances by id, operations by requests */
    WKV_TOP_BY_REQUESTS,
    WKV_TOP_BY_ERRORS,
    WKV_TOP_BY_LATENCY, /* the 99th percentile */
    WKV_TOP_BY_MEMORY,  /* operations: by requests */
    WKV_TOP_BY_NAME,
};

/* The order that a key stands for. Returns false for any other key. */
bool wkv_top_order_of_key(char key, enum wkv_top_order *order);

/* "requests", "errors" ...: for people. Static text. */
const char *wkv_top_order_name(enum wkv_top_order order);

/* Fills sorted with the model's instances, the largest first; equal ones stay in the order of their ids. */
void wkv_top_sort_instances(const struct wkv_top_model *model, enum wkv_top_order order,
                            const struct wkv_top_instance *sorted[WKV_TOP_INSTANCES]);

/* Fills sorted with the endpoints of `all`, the model's sum, that had requests, likewise; equal ones stay in
 * the order in which the service names them. Returns how many there are. */
size_t wkv_top_sort_operations(const struct wkv_top_model *model, const struct wkv_top_instance *all,
                               enum wkv_top_order order,
                               const struct wkv_top_endpoint *sorted[WKV_TOP_ENDPOINTS]);

#endif
