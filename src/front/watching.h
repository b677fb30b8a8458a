/* Watch: a request whose replies are many, and another thread's. */
#ifndef WKV_FRONT_WATCHING_H
#define WKV_FRONT_WATCHING_H

#include "front/front.h"

/* Begins what the exchange's command, which is admitted, asks for. Returns WKV_STREAMS or WKV_REFUSED. */
enum wkv_outcome wkv_front_watch(struct wkv_exchange *exchange);

/* Listens for renewals: `<base>.*.Watch-<instance>`, a subject of this instance alone. */
enum wkv_code wkv_front_listen_for_renewals(struct wkv_worker *worker, const struct wkv_endpoint *endpoint,
                                            struct wkv_error *error);

#endif
