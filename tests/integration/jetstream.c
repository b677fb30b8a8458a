#include "jetstream.h"

#include <check.h>
#include <nats/nats.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "stores.h"

/* One server alone is asked for as long as it takes; of three the next may answer sooner. */
#define ASK_MS 1000
#define ASK_ALONE_MS 20000
#define PAUSE_US 20000

/* ---- servers ---- */

/* Each knows all routes, its own, too, which it finds out and leaves. */
static void cluster_config(const struct js *js, size_t which, char *config, size_t size)
{
    int len = snprintf(config, size, "server_name: n%zu\n", which);
    if (js->count > 1)
        (void)snprintf(config + len, size - (size_t)len,
                       "cluster { name: c, listen: \"127.0.0.1:%d\", routes: [nats://127.0.0.1:%d, "
                       "nats://127.0.0.1:%d, nats://127.0.0.1:%d] }\n",
                       js->routes[which], js->routes[0], js->routes[1], js->routes[2]);
}

void js_start_server(struct js *js, size_t which, const char *more)
{
    char config[4096], cluster[512], store[STORE_CONFIG_BYTES];
    cluster_config(js, which, cluster, sizeof cluster);
    store_config(js->ports[which], store);
    int len = snprintf(config, sizeof config, "%s%s%s", cluster, store, more == NULL ? "" : more);
    ck_assert_int_lt(len, (int)sizeof config);
    nats_server_start_on(&js->servers[which], js->ports[which], config);
}

void js_start(struct js *js, size_t count, const char *more)
{
    *js = (struct js){.count = count};
    for (size_t i = 0; i < count; i++) {
        js->ports[i] = free_port();
        js->routes[i] = free_port();
        url_of(js->ports[i], js->url[i]);
        size_t len = strlen(js->urls);
        (void)snprintf(js->urls + len, sizeof js->urls - len, "%s%s", i == 0 ? "" : ",", js->url[i]);
    }
    for (size_t i = 0; i < count; i++)
        js_start_server(js, i, more);
    js_await(js);
}

void js_stop(struct js *js)
{
    for (size_t i = 0; i < js->count; i++)
        js_kill(js, i);
}

void js_kill(struct js *js, size_t which)
{
    nats_server_kill(&js->servers[which]);
}

void js_end(struct js *js, size_t which)
{
    process_signal(&js->servers[which].process, SIGTERM);
    (void)process_await_exit(&js->servers[which].process);
    process_destroy(&js->servers[which].process);
}

void js_freeze(struct js *js, size_t which)
{
    nats_server_freeze(&js->servers[which]);
}

void js_wake(struct js *js, size_t which)
{
    process_signal(&js->servers[which].process, SIGCONT);
}

/* ---- the API ---- */

static json_t *ask_one(const char *url, const char *subject, const char *request, int64_t wait_ms)
{
    natsOptions *options = NULL;
    natsConnection *connection = NULL;
    natsMsg *answer = NULL;
    json_t *said = NULL;
    ck_assert_int_eq(natsOptions_Create(&options), NATS_OK);
    (void)natsOptions_SetURL(options, url);
    (void)natsOptions_SetTimeout(options, ASK_MS);
    (void)natsOptions_SetAllowReconnect(options, false);
    if (natsConnection_Connect(&connection, options) == NATS_OK &&
        natsConnection_RequestString(&answer, connection, subject, request == NULL ? "" : request, wait_ms) ==
            NATS_OK)
        said = json_loadb(natsMsg_GetData(answer), (size_t)natsMsg_GetDataLength(answer), 0, NULL);
    natsMsg_Destroy(answer);
    natsConnection_Destroy(connection);
    natsOptions_Destroy(options);
    return said;
}

json_t *js_ask(struct js *js, const char *call, const char *request)
{
    char subject[512];
    json_t *said = NULL;
    (void)snprintf(subject, sizeof subject, "$JS.API.%s", call);
    for (size_t i = 0; i < js->count && said == NULL; i++)
        if (js->servers[i].process.pid > 0)
            said = ask_one(js->url[i], subject, request, js->count == 1 ? ASK_ALONE_MS : ASK_MS);
    return said;
}

/* Asks until it is answered without an error. */
static json_t *ask_until(struct js *js, const char *call, bool (*is_good)(const json_t *said))
{
    long long end_ms = now_ms() + WAIT_MS;
    for (;;) {
        json_t *said = js_ask(js, call, NULL);
        if (said != NULL && json_object_get(said, "error") == NULL && (is_good == NULL || is_good(said)))
            return said;
        char *text = said == NULL ? NULL : json_dumps(said, 0);
        ck_assert_msg(now_ms() < end_ms, "%s: %s", call, text == NULL ? "no answer" : text);
        free(text);
        json_decref(said);
        (void)usleep(PAUSE_US);
    }
}

void js_await(struct js *js)
{
    json_decref(ask_until(js, "INFO", NULL));
}

static const char *leader_of(const json_t *said)
{
    const json_t *cluster = json_object_get(said, "cluster");
    return cluster == NULL ? "n0" : json_string_value(json_object_get(cluster, "leader"));
}

static bool has_leader(const json_t *said)
{
    const char *leader = leader_of(said);
    return leader != NULL && strlen(leader) == 2;
}

json_t *js_stream(struct js *js, const char *stream)
{
    char call[256];
    (void)snprintf(call, sizeof call, "STREAM.INFO.%s", stream);
    return ask_until(js, call, has_leader);
}

size_t js_leader(struct js *js, const char *stream)
{
    long long end_ms = now_ms() + WAIT_MS;
    for (;;) {
        json_t *said = js_stream(js, stream);
        size_t leader = (size_t)(leader_of(said)[1] - '0');
        json_decref(said);
        ck_assert_uint_lt(leader, js->count);
        if (js->servers[leader].process.pid > 0)
            return leader;
        ck_assert_msg(now_ms() < end_ms, "%s is led by a server that is down", stream);
        (void)usleep(PAUSE_US);
    }
}

static bool is_whole(const json_t *said)
{
    size_t i;
    const json_t *replica;
    json_array_foreach(json_object_get(json_object_get(said, "cluster"), "replicas"), i, replica)
    {
        if (!json_is_true(json_object_get(replica, "current")) ||
            json_object_get(replica, "offline") != NULL ||
            json_integer_value(json_object_get(replica, "lag")) > 0)
            return false;
    }
    return has_leader(said);
}

void js_await_replicas(struct js *js, const char *stream)
{
    char call[256];
    (void)snprintf(call, sizeof call, "STREAM.INFO.%s", stream);
    json_decref(ask_until(js, call, is_whole));
}

long long js_last(struct js *js, const char *stream)
{
    json_t *said = js_stream(js, stream);
    long long last = json_integer_value(json_object_get(json_object_get(said, "state"), "last_seq"));
    json_decref(said);
    return last;
}
