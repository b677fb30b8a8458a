#include "instances.h"

#include <check.h>
#include <jansson.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http.h"

#define MAX_OPTIONS 16
#define PAUSE_US 5000

/* ---- instances ---- */

static void start(struct instance *instance, const char *urls, va_list more)
{
    const char *options[MAX_OPTIONS] = {NULL};
    char listen[32];
    for (size_t i = 0; (options[i] = va_arg(more, const char *)) != NULL;)
        ck_assert_uint_lt(++i, MAX_OPTIONS);
    instance->http_port = free_port();
    (void)snprintf(listen, sizeof listen, "127.0.0.1:%d", instance->http_port);
    provider_start(&instance->process, urls, "--engine", "jetstream", "--metrics-listen", listen, options[0],
                   options[1], options[2], options[3], options[4], options[5], options[6], options[7],
                   options[8], options[9], NULL);
}

void instance_start(struct instance *instance, const char *urls, ...)
{
    va_list more;
    va_start(more, urls);
    start(instance, urls, more);
    va_end(more);
}

void instance_serve(struct instance *instance, const char *urls, ...)
{
    va_list more;
    va_start(more, urls);
    start(instance, urls, more);
    va_end(more);
    instance_await_ready(instance);
}

void instance_await_ready(struct instance *instance)
{
    provider_await_ready(&instance->process, instance->id);
}

void instance_kill(struct instance *instance)
{
    process_destroy(&instance->process);
}

void instance_stop(struct instance *instance)
{
    provider_stop(&instance->process);
}

double instance_metric(const struct instance *instance, const char *line)
{
    struct http_reply reply = http_get(instance->http_port, "/metrics");
    char *at = strstr(reply.body, line);
    ck_assert_msg(at != NULL, "no %s in\n%s", line, reply.body);
    double value = atof(at + strlen(line));
    http_free(&reply);
    return value;
}

/* ---- asking ---- */

static int code_of(natsMsg *message, long long *value)
{
    const char *code = NULL;
    if (natsMsgHeader_Get(message, "Nats-Service-Error-Code", &code) == NATS_OK)
        return atoi(code);
    if (value == NULL)
        return 0;
    json_t *reply = json_loadb(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message), 0, NULL);
    ck_assert_ptr_nonnull(reply);
    *value = json_integer_value(json_object_get(reply, "value"));
    json_decref(reply);
    return 0;
}

int instance_ask(struct client *client, const char *operation, const char *request, long long *value)
{
    char subject[512];
    natsMsg *answer = NULL;
    (void)snprintf(subject, sizeof subject, "%s.%s", client->base, operation);
    natsStatus status = natsConnection_RequestString(&answer, client->connection, subject, request, CALL_MS);
    int code = status == NATS_OK ? code_of(answer, value) : status == NATS_NO_RESPONDERS ? -2 : -1;
    natsMsg_Destroy(answer);
    return code;
}

long long instance_ask_until(struct client *client, const char *operation, const char *request)
{
    long long began_ms = now_ms();
    for (;;) {
        int code = instance_ask(client, operation, request, NULL);
        if (code == 0)
            return now_ms() - began_ms;
        ck_assert_msg(now_ms() - began_ms < WAIT_MS, "%s: %d", operation, code);
        (void)usleep(PAUSE_US);
    }
}

static void add(struct tally *tally, int code)
{
    tally->done += code == 0;
    tally->unknown += code == 504 || code == -1;
    tally->refused += code == 503 || code == -2;
    ck_assert_msg(code <= 0 || code == 503 || code == 504, "%d", code);
}

void instance_count(struct client *client, const char *key, long long ms, struct tally *tally)
{
    char request[128];
    long long began_ms = now_ms(), last_ms = began_ms;
    (void)snprintf(request, sizeof request, "{\"key\":\"%s\",\"delta\":1}", key);
    while (now_ms() - began_ms < ms) {
        int code = instance_ask(client, "Increment", request, NULL);
        add(tally, code);
        long long gap_ms = now_ms() - last_ms;
        tally->longest_ms = gap_ms > tally->longest_ms ? gap_ms : tally->longest_ms;
        if (code == 0)
            last_ms = now_ms();
        else
            (void)usleep(PAUSE_US);
    }
}

void instance_check_count(struct client *client, const char *key, const struct tally *tally)
{
    char request[128];
    long long value = -1;
    (void)snprintf(request, sizeof request, "{\"key\":\"%s\",\"delta\":0}", key);
    for (long long end_ms = now_ms() + WAIT_MS; instance_ask(client, "Increment", request, &value) != 0;) {
        ck_assert_int_lt(now_ms(), end_ms);
        (void)usleep(PAUSE_US);
    }
    ck_assert_int_gt(tally->done, 0);
    ck_assert_msg(value >= tally->done && value <= tally->done + tally->unknown,
                  "%lld, and %lld were acknowledged, %lld not known", value, tally->done, tally->unknown);
}
