#include "transport/worker.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wascc_keyvalue/clock.h"

/* The actor is the token between the base of the subjects and the operation. */
static struct wkv_text actor_of(const struct wkv_worker *worker, const char *subject)
{
    const char *actor = subject + worker->actor_offset;
    return (struct wkv_text){actor, strcspn(actor, ".")};
}

/* Counters have one writer, so a plain store is enough; they are atomic for their readers. */
static void increment(_Atomic uint64_t *counter)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

static enum wkv_code answer(struct wkv_worker *worker, const struct wkv_request *request,
                            struct wkv_text *reply, struct wkv_error *error)
{
    if (atomic_load_explicit(&worker->refuse, memory_order_relaxed))
        return wkv_fail(error, WKV_UNAVAILABLE, "%s: this instance is shutting down; send the request again",
                        request->operation->name);
    return wkv_dispatch(worker->provider, &worker->scratch, request, reply, error);
}

static void handle_request(struct wkv_loop *loop, void *context, natsMsg *message)
{
    const struct wkv_worker_endpoint *endpoint = context;
    struct wkv_worker *worker = endpoint->worker;
    struct wkv_request request = {
        .operation = endpoint->operation,
        .actor = actor_of(worker, natsMsg_GetSubject(message)),
        .payload = natsMsg_GetData(message),
        .payload_bytes = (size_t)natsMsg_GetDataLength(message),
        .max_reply_bytes = wkv_loop_max_payload(loop),
        .now_ns = wkv_monotonic_ns(),
    };
    struct wkv_text reply;
    struct wkv_error error;
    bool sent;
    if (answer(worker, &request, &reply, &error) == WKV_OK) {
        sent = wkv_loop_reply(loop, message, reply.data, reply.len);
    } else {
        increment(&worker->failed);
        sent = wkv_loop_reply_error(loop, message, &error);
    }
    increment(sent ? &worker->answered : &worker->unsent);
}

static void prepare_requests(void *context, natsMsg *const *messages, size_t count)
{
    const struct wkv_worker_endpoint *endpoint = context;
    struct wkv_text payloads[WKV_LOOP_BATCH];
    for (size_t i = 0; i < count; i++)
        payloads[i] =
            (struct wkv_text){natsMsg_GetData(messages[i]), (size_t)natsMsg_GetDataLength(messages[i])};
    wkv_prefetch(endpoint->worker->provider, payloads, count);
}

static_assert(WKV_LOOP_BATCH <= WKV_STORE_PREFETCH, "a batch can be prefetched");

enum wkv_code wkv_worker_init(struct wkv_worker *worker, unsigned number, const struct wkv_address *address,
                              const struct wkv_provider *provider, struct wkv_log *log, int notify_fd,
                              struct wkv_error *error)
{
    char name[32];
    char subject[WKV_SUBJECT_BYTES];
    char queue[WKV_SUBJECT_BYTES];
    memset(worker, 0, sizeof *worker);
    worker->provider = provider;
    (void)snprintf(name, sizeof name, "worker %u", number);
    if (wkv_loop_init(&worker->loop, name, log, notify_fd, error) != WKV_OK)
        return error->code;
    worker->endpoints = calloc(wkv_operation_count, sizeof *worker->endpoints);
    if (worker->endpoints == NULL || wkv_scratch_init(&worker->scratch) != 0) {
        free(worker->endpoints);
        wkv_loop_destroy(&worker->loop);
        return wkv_fail(error, WKV_UNAVAILABLE, "no memory for a worker");
    }
    wkv_subject_base(address, subject);
    worker->actor_offset = strlen(subject) + 1;
    (void)snprintf(queue, sizeof queue, "wascc.keyvalue.%s", address->binding);
    for (size_t i = 0; i < wkv_operation_count; i++) {
        worker->endpoints[i] = (struct wkv_worker_endpoint){worker, &wkv_operations[i]};
        if (wkv_subject_operation(address, "*", wkv_operations[i].name, subject, error) != WKV_OK) {
            wkv_worker_destroy(worker);
            return error->code;
        }
        wkv_loop_listen(&worker->loop, subject, queue, handle_request, prepare_requests,
                        &worker->endpoints[i]);
    }
    return WKV_OK;
}

void wkv_worker_destroy(struct wkv_worker *worker)
{
    wkv_scratch_destroy(&worker->scratch);
    free(worker->endpoints);
    wkv_loop_destroy(&worker->loop);
}
