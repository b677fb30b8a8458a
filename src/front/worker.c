#include "front/worker.h"

#include <stdio.h>

#include "front/invocations.h"
#include "nats/subject.h"
#include "operation/provider.h"

static enum wkv_code
init(struct wkv_worker *worker, unsigned number, const char *name, const struct wkv_address *address,
     const struct wkv_provider *provider, struct wkv_log *log, int notify_fd,
     enum wkv_code (*listen)(struct wkv_responder *, struct wkv_loop *, struct wkv_error *),
     struct wkv_error *error)
{
    if (wkv_responder_init(&worker->responder, number, address, provider, log, error) != WKV_OK)
        return error->code;
    if (wkv_loop_init(&worker->loop, name, address, provider->stats, log, notify_fd, error) != WKV_OK ||
        listen(&worker->responder, &worker->loop, error) != WKV_OK) {
        wkv_worker_destroy(worker);
        return error->code;
    }
    return WKV_OK;
}

enum wkv_code wkv_worker_init(struct wkv_worker *worker, unsigned number, const struct wkv_address *address,
                              const struct wkv_provider *provider, struct wkv_log *log, int notify_fd,
                              struct wkv_error *error)
{
    char name[32];
    (void)snprintf(name, sizeof name, "worker %u", number);
    return init(worker, number, name, address, provider, log, notify_fd, wkv_responder_listen, error);
}

enum wkv_code wkv_worker_init_system(struct wkv_worker *worker, unsigned number,
                                     const struct wkv_address *address, const struct wkv_provider *provider,
                                     struct wkv_log *log, int notify_fd, struct wkv_error *error)
{
    enum wkv_code code =
        init(worker, number, "system", address, provider, log, notify_fd, wkv_responder_listen_system, error);
    if (code == WKV_OK)
        wkv_lattice_listen(&worker->responder, &worker->loop);
    return code;
}

void wkv_worker_destroy(struct wkv_worker *worker)
{
    wkv_responder_destroy(&worker->responder);
    wkv_loop_destroy(&worker->loop);
}
