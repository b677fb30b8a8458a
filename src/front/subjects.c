#include "front/subjects.h"

#include <assert.h>
#include <stdio.h>

#include "front/watching.h"

/* Runs before a batch of messages of one subscription is handled one by one. */
static void prepare(void *context, natsMsg *const *messages, size_t count)
{
    const struct wkv_endpoint *endpoint = context;
    struct wkv_request requests[WKV_LOOP_BATCH];
    /* No more of each than a look ahead reads: the rest of so many would have to be cleared. */
    for (size_t i = 0; i < count; i++) {
        requests[i].actor = wkv_front_actor(endpoint->worker, messages[i]);
        requests[i].payload = natsMsg_GetData(messages[i]);
        requests[i].payload_bytes = (size_t)natsMsg_GetDataLength(messages[i]);
    }
    wkv_call_prefetch(&endpoint->worker->session, requests, count);
}

static_assert(WKV_LOOP_BATCH <= WKV_STORE_PREFETCH, "a batch can be prefetched");

static enum wkv_code listen(struct wkv_worker *worker, struct wkv_error *error)
{
    char subject[WKV_SUBJECT_BYTES];
    char queue[WKV_SUBJECT_BYTES];
    if (worker->serves != WKV_SERVES_ACTORS)
        return WKV_OK;
    (void)snprintf(queue, sizeof queue, "wascc.keyvalue.%s", worker->address->binding);
    for (size_t i = 0; i < wkv_operation_count; i++) {
        const struct wkv_operation *operation = &wkv_operations[i];
        struct wkv_endpoint endpoint = {.front = &wkv_front_subjects,
                                        .operation = operation,
                                        .prepare = wkv_operation_is_system(operation) ? NULL : prepare,
                                        .shared = true};
        if (wkv_subject_operation(worker->address, "*", operation->name, subject, error) != WKV_OK ||
            wkv_front_listen(worker, &endpoint, subject, queue, error) == NULL)
            return error->code;
        if (operation->streams && wkv_front_listen_for_renewals(worker, &endpoint, error) != WKV_OK)
            return error->code;
    }
    return WKV_OK;
}

static enum wkv_reading read_message(struct wkv_exchange *exchange, struct wkv_error *error)
{
    if (wkv_operation_is_system(exchange->call.request.operation) &&
        wkv_front_is_system(wkv_front_actor(exchange->worker, exchange->message)))
        return WKV_READ_SILENT;
    return wkv_front_read_plain(exchange, error);
}

const struct wkv_front wkv_front_subjects = {
    .via = "", .listen = listen, .read = read_message, .send = wkv_front_send_plain};
