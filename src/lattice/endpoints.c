#include "lattice/endpoints.h"

#include <stdio.h>
#include <stdlib.h>

#include "codec/schema.h"
#include "operation/identity.h"

/* Of INFO beside its endpoints: names, ids and the metadata of the service. */
#define REST_BYTES 2048

json_t *wkv_endpoint(const struct wkv_address *address, const struct wkv_operation *operation)
{
    char subject[WKV_SUBJECT_BYTES];
    char queue[WKV_SUBJECT_BYTES] = "";
    if (wkv_subject_operation(address, wkv_operation_is_system(operation) ? "system" : "*", operation->name,
                              subject, NULL) != WKV_OK)
        return NULL;
    if (!wkv_operation_is_system(operation))
        (void)snprintf(queue, sizeof queue, "wascc.keyvalue.%s", address->binding);
    return json_pack("{s:s, s:s, s:s}", "name", operation->name, "subject", subject, "queue_group", queue);
}

/* A schema as ADR-32's metadata has room for it: text. */
static json_t *schema_text(const struct wkv_schema_of *of)
{
    json_t *schema = wkv_schema(of);
    char *text = schema == NULL ? NULL : json_dumps(schema, JSON_COMPACT);
    json_t *string = text == NULL ? NULL : json_string(text);
    free(text);
    json_decref(schema);
    return string;
}

/* What tools that know neither this project nor protobuf look for. */
static int add_schemas(json_t *metadata, const struct wkv_operation *operation)
{
    bool has_key = operation->keys == WKV_ONE_KEY || operation->keys == WKV_ITEM_KEYS;
    const struct wkv_schema_of request = {
        .type = operation->request, .is_request = true, .required = has_key ? "key" : NULL};
    const struct wkv_schema_of reply = {.type = operation->reply};
    return json_object_set_new(metadata, "request_schema", schema_text(&request)) |
           json_object_set_new(metadata, "response_schema", schema_text(&reply));
}

static json_t *describe(const struct wkv_operation *operation, bool with_schemas)
{
    const char *description = operation->brief != NULL ? operation->brief : operation->doc;
    const char *encodings = operation->scope == WKV_SCOPE_OPERATOR ? "json" : "protobuf, json";
    json_t *metadata = json_pack("{s:s, s:s, s:s, s:s, s:s}", "description", description, "encodings",
                                 encodings, "format", "application/json", "request",
                                 operation->request->short_name, "response", operation->reply->short_name);
    if (metadata == NULL || !with_schemas || add_schemas(metadata, operation) == 0)
        return metadata;
    json_decref(metadata);
    return NULL;
}

static json_t *describe_all(const struct wkv_address *address, bool with_schemas)
{
    json_t *endpoints = json_array();
    int failed = 0;
    for (size_t i = 0; i < wkv_operation_count; i++) {
        json_t *endpoint = wkv_endpoint(address, &wkv_operations[i]);
        failed |= json_object_set_new(endpoint, "metadata", describe(&wkv_operations[i], with_schemas));
        failed |= json_array_append_new(endpoints, endpoint);
    }
    if (failed == 0)
        return endpoints;
    json_decref(endpoints);
    return NULL;
}

bool wkv_endpoints_make(struct wkv_endpoints *endpoints, const struct wkv_address *address)
{
    endpoints->all = describe_all(address, true);
    endpoints->brief = describe_all(address, false);
    endpoints->bytes = json_dumpb(endpoints->all, NULL, 0, JSON_COMPACT);
    return endpoints->all != NULL && endpoints->brief != NULL && endpoints->bytes > 0;
}

void wkv_endpoints_destroy(struct wkv_endpoints *endpoints)
{
    json_decref(endpoints->all);
    json_decref(endpoints->brief);
}

json_t *wkv_endpoints_within(const struct wkv_endpoints *endpoints, size_t max_bytes)
{
    return max_bytes >= REST_BYTES && endpoints->bytes <= max_bytes - REST_BYTES ? endpoints->all
                                                                                 : endpoints->brief;
}
