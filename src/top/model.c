#include "top/model.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nats/subject.h"
#include "report/figures.h"
#include "support/clock.h"
#include "support/shown.h"
#include "top/log.h"

#define STATS_TYPE "io.nats.micro.v1.stats_response"
#define SERVICE_NAME "wascc-keyvalue"

/* ---- reading an answer ---- */

/* Reads a text so that it can be printed; one that is too long is cut. */
static void read_text(const json_t *object, const char *name, char *out, size_t out_bytes)
{
    const char *text = json_string_value(json_object_get(object, name));
    (void)wkv_shown(WKV_SHOWN_ASCII, text, text == NULL ? 0 : strlen(text), out, out_bytes);
}

static bool says(const json_t *object, const char *name, const char *expected)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL && strcmp(text, expected == NULL ? "" : expected) == 0;
}

static bool is_ours(const json_t *answer, const struct wkv_address *address)
{
    const json_t *metadata = json_object_get(answer, "metadata");
    const char *id = json_string_value(json_object_get(answer, "id"));
    return says(answer, "type", STATS_TYPE) && says(answer, "name", SERVICE_NAME) && id != NULL &&
           *id != '\0' && strlen(id) < WKV_TOP_ID_BYTES &&
           says(metadata, "lattice_namespace", address->lattice_namespace) &&
           says(metadata, "binding", address->binding);
}

static bool read_endpoint(const json_t *endpoint, struct wkv_top_endpoint *out)
{
    memset(out, 0, sizeof *out);
    read_text(endpoint, "name", out->name, sizeof out->name);
    wkv_figures_read(WKV_OF_OPERATION, endpoint, &out->told);
    out->told.since_start.requests = out->told.requests;
    read_text(endpoint, "last_error", out->told.last_error, WKV_TOP_ERROR_BYTES);
    return out->name[0] != '\0';
}

static void add(uint64_t *sum, uint64_t more)
{
    if (__builtin_add_overflow(*sum, more, sum))
        *sum = UINT64_MAX;
}

static struct wkv_top_endpoint *find_endpoint(struct wkv_top_instance *instance, const char *name)
{
    for (size_t i = 0; i < instance->endpoint_count; i++)
        if (strcmp(instance->endpoints[i].name, name) == 0)
            return &instance->endpoints[i];
    return NULL;
}

static void read_endpoints(const json_t *answer, struct wkv_top_instance *out)
{
    const json_t *endpoints = json_object_get(answer, "endpoints");
    for (size_t i = 0; i < json_array_size(endpoints) && out->endpoint_count < WKV_TOP_ENDPOINTS; i++) {
        struct wkv_top_endpoint *endpoint = &out->endpoints[out->endpoint_count];
        if (!read_endpoint(json_array_get(endpoints, i), endpoint) ||
            find_endpoint(out, endpoint->name) != NULL)
            continue;
        out->endpoint_count++;
        add(&out->requests, endpoint->told.requests);
        add(&out->errors, endpoint->told.errors);
    }
}

/* One that says nothing of being ready is. */
static void read_service(const json_t *data, struct wkv_top_instance *out)
{
    out->has_service = json_is_object(data);
    out->told.service.ready = true;
    wkv_figures_read(WKV_OF_PROCESS, data, &out->told);
    wkv_top_log_read(data, &out->told.log);
    if (!out->told.service.ready)
        out->state = WKV_TOP_UNREADY;
}

/* Returns the instance that answered, which the caller frees, or NULL. */
static struct wkv_top_instance *read_answer(const char *data, size_t len, const struct wkv_address *address,
                                            int64_t now_ns)
{
    struct wkv_top_instance *made = NULL;
    /* As reals, so that one number over 2^63 does not lose the whole answer; counts are exact up to 2^53. */
    json_t *answer = json_loadb(data, len, JSON_DECODE_INT_AS_REAL, NULL);
    if (is_ours(answer, address) && (made = calloc(1, sizeof *made)) != NULL) {
        read_text(answer, "id", made->id, sizeof made->id);
        read_endpoints(answer, made);
        read_service(json_object_get(answer, "data"), made);
        made->heard = true;
        made->heard_ns = now_ns;
    }
    json_decref(answer);
    return made;
}

/* ---- between two answers ---- */

static uint64_t growth(uint64_t before, uint64_t now)
{
    return now > before ? now - before : 0;
}

/* What was counted between two answers; an operation that the earlier one did not have counted nothing until
 * then. */
static void measure_rates(struct wkv_top_instance *now, struct wkv_top_instance *before)
{
    now->measured = true;
    now->requests_per_s = (double)growth(before->requests, now->requests) / now->elapsed_s;
    now->errors_per_s = (double)growth(before->errors, now->errors) / now->elapsed_s;
    now->expired_per_s = (double)growth(before->told.store.expired, now->told.store.expired) / now->elapsed_s;
    now->evicted_per_s = (double)growth(before->told.store.evicted, now->told.store.evicted) / now->elapsed_s;
    for (size_t i = 0; i < now->endpoint_count; i++) {
        struct wkv_top_endpoint *endpoint = &now->endpoints[i];
        const struct wkv_top_endpoint *old = find_endpoint(before, endpoint->name);
        uint64_t requests = growth(old == NULL ? 0 : old->told.requests, endpoint->told.requests);
        uint64_t errors = growth(old == NULL ? 0 : old->told.errors, endpoint->told.errors);
        endpoint->requests_per_s = (double)requests / now->elapsed_s;
        endpoint->errors_per_s = (double)errors / now->elapsed_s;
    }
}

/* STATS does not say when an endpoint's last error was: it is the newest of the instance where the errors
 * grew most. */
static void choose_last_error(struct wkv_top_instance *now, struct wkv_top_instance *before)
{
    uint64_t most = 0;
    const char *text = NULL;
    for (size_t i = 0; i < now->endpoint_count; i++) {
        const struct wkv_top_endpoint *endpoint = &now->endpoints[i];
        const struct wkv_top_endpoint *old = before == NULL ? NULL : find_endpoint(before, endpoint->name);
        uint64_t more = growth(old == NULL ? 0 : old->told.errors, endpoint->told.errors);
        if (more > most && endpoint->told.last_error[0] != '\0') {
            most = more;
            text = endpoint->told.last_error;
        }
    }
    now->last_error_ns = text != NULL || before == NULL ? now->heard_ns : before->last_error_ns;
    if (text == NULL)
        text = before == NULL ? "" : before->last_error;
    (void)snprintf(now->last_error, sizeof now->last_error, "%s", text);
}

/* Two answers that are closer than that tell no rate. */
#define MIN_ELAPSED_NS WKV_NS_PER_MS

static void compare(struct wkv_top_instance *now, struct wkv_top_instance *before)
{
    /* Counters never shrink: one that did belongs to another process that took the id. */
    bool same = before != NULL && now->requests >= before->requests && now->errors >= before->errors &&
                now->told.service.uptime_ns >= before->told.service.uptime_ns;
    choose_last_error(now, same ? before : NULL);
    wkv_top_log_measure(now, NULL);
    if (!same || now->heard_ns - before->heard_ns < MIN_ELAPSED_NS)
        return;
    now->elapsed_s = (double)(now->heard_ns - before->heard_ns) / (double)WKV_NS_PER_S;
    measure_rates(now, before);
    wkv_top_log_measure(now, before);
}

/* ---- looks ---- */

void wkv_top_model_init(struct wkv_top_model *model, const struct wkv_address *address)
{
    memset(model, 0, sizeof *model);
    model->address = address;
}

void wkv_top_model_destroy(struct wkv_top_model *model)
{
    for (size_t i = 0; i < model->count; i++)
        free(model->instances[i]);
    model->count = 0;
}

void wkv_top_begin(struct wkv_top_model *model)
{
    for (size_t i = 0; i < model->count; i++)
        model->instances[i]->heard = false;
}

static void insert(struct wkv_top_model *model, size_t at, struct wkv_top_instance *instance)
{
    memmove(&model->instances[at + 1], &model->instances[at],
            (model->count - at) * sizeof model->instances[0]);
    model->instances[at] = instance;
    model->count++;
}

bool wkv_top_hear(struct wkv_top_model *model, const char *data, size_t len, int64_t now_ns)
{
    struct wkv_top_instance *now = read_answer(data, len, model->address, now_ns);
    if (now == NULL)
        return false;
    size_t at = 0;
    while (at < model->count && strcmp(model->instances[at]->id, now->id) < 0)
        at++;
    bool known = at < model->count && strcmp(model->instances[at]->id, now->id) == 0;
    if (known ? model->instances[at]->heard : model->count == WKV_TOP_INSTANCES) {
        free(now);
        return false;
    }
    compare(now, known ? model->instances[at] : NULL);
    if (known) {
        free(model->instances[at]);
        model->instances[at] = now;
    } else {
        insert(model, at, now);
    }
    model->ever = true;
    return true;
}

bool wkv_top_all_heard(const struct wkv_top_model *model)
{
    for (size_t i = 0; i < model->count; i++)
        if (!model->instances[i]->heard && model->instances[i]->state != WKV_TOP_GONE)
            return false;
    return model->count > 0;
}

void wkv_top_end(struct wkv_top_model *model)
{
    size_t kept = 0;
    for (size_t i = 0; i < model->count; i++) {
        struct wkv_top_instance *instance = model->instances[i];
        if (!instance->heard && instance->state == WKV_TOP_GONE) {
            free(instance);
            continue;
        }
        if (!instance->heard)
            instance->state = WKV_TOP_GONE;
        model->instances[kept++] = instance;
    }
    model->count = kept;
}

/* ---- all together ---- */

static void add_endpoints(struct wkv_top_instance *sum, const struct wkv_top_instance *one)
{
    for (size_t i = 0; i < one->endpoint_count; i++) {
        const struct wkv_top_endpoint *more = &one->endpoints[i];
        struct wkv_top_endpoint *endpoint = find_endpoint(sum, more->name);
        if (endpoint == NULL && sum->endpoint_count == WKV_TOP_ENDPOINTS)
            continue;
        if (endpoint == NULL) {
            endpoint = &sum->endpoints[sum->endpoint_count++];
            (void)snprintf(endpoint->name, sizeof endpoint->name, "%s", more->name);
        }
        add(&endpoint->told.requests, more->told.requests);
        add(&endpoint->told.errors, more->told.errors);
        endpoint->requests_per_s += more->requests_per_s;
        endpoint->errors_per_s += more->errors_per_s;
    }
}

static void add_instance(struct wkv_top_instance *sum, const struct wkv_top_instance *one)
{
    sum->measured = sum->measured || one->measured;
    sum->has_service = sum->has_service || one->has_service;
    add(&sum->requests, one->requests);
    add(&sum->errors, one->errors);
    sum->requests_per_s += one->requests_per_s;
    sum->errors_per_s += one->errors_per_s;
    sum->expired_per_s += one->expired_per_s;
    sum->evicted_per_s += one->evicted_per_s;
    wkv_figures_add(WKV_OF_PROCESS, &sum->told, &one->told);
    if (one->last_error[0] != '\0' &&
        (sum->last_error[0] == '\0' || one->last_error_ns > sum->last_error_ns)) {
        memcpy(sum->last_error, one->last_error, sizeof sum->last_error);
        sum->last_error_ns = one->last_error_ns;
    }
    add_endpoints(sum, one);
}

void wkv_top_sum(const struct wkv_top_model *model, struct wkv_top_instance *out)
{
    bool bounded = true;
    memset(out, 0, sizeof *out);
    (void)snprintf(out->id, sizeof out->id, "all");
    for (size_t i = 0; i < model->count; i++) {
        if (model->instances[i]->state == WKV_TOP_GONE)
            continue;
        bounded = bounded && model->instances[i]->told.store.budget_bytes > 0;
        add_instance(out, model->instances[i]);
    }
    wkv_top_log_sum(model, out);
    if (!bounded)
        out->told.store.budget_bytes = 0;
}
