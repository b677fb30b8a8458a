#include "front/operator.h"

static enum wkv_code listen(struct wkv_worker *worker, struct wkv_error *error)
{
    char subject[WKV_SUBJECT_BYTES];
    if (worker->serves != WKV_SERVES_SYSTEM)
        return WKV_OK;
    for (size_t i = 0; i < wkv_operation_count; i++) {
        const struct wkv_operation *operation = &wkv_operations[i];
        struct wkv_endpoint endpoint = {
            .front = &wkv_front_operator, .operation = operation, .for_system = true};
        if (!wkv_operation_is_system(operation))
            continue;
        if (wkv_subject_operation(worker->address, WKV_POLICY_SYSTEM, operation->name, subject, error) !=
                WKV_OK ||
            wkv_front_listen(worker, &endpoint, subject, NULL, error) == NULL)
            return error->code;
    }
    return WKV_OK;
}

const struct wkv_front wkv_front_operator = {
    .via = "", .listen = listen, .read = wkv_front_read_plain, .send = wkv_front_send_plain};
