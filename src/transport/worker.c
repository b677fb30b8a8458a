#include "transport/worker.h"

#include <stdio.h>

enum wkv_code wkv_worker_init(struct wkv_worker *worker, unsigned number, const struct wkv_address *address,
                              const struct wkv_provider *provider, struct wkv_log *log, int notify_fd,
                              struct wkv_error *error)
{
    char name[32];
    (void)snprintf(name, sizeof name, "worker %u", number);
    if (wkv_responder_init(&worker->responder, address, provider, error) != WKV_OK)
        return error->code;
    if (wkv_loop_init(&worker->loop, name, log, notify_fd, error) != WKV_OK ||
        wkv_responder_listen(&worker->responder, &worker->loop, error) != WKV_OK ||
        (number == 0 && wkv_responder_listen_system(&worker->responder, &worker->loop, error) != WKV_OK)) {
        wkv_worker_destroy(worker);
        return error->code;
    }
    return WKV_OK;
}

void wkv_worker_destroy(struct wkv_worker *worker)
{
    wkv_responder_destroy(&worker->responder);
    wkv_loop_destroy(&worker->loop);
}
