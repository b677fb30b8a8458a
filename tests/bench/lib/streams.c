#include "streams.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define ASK_TIMEOUT_MS 1000
#define SETTLE_TIMEOUT_NS ((int64_t)60 * 1000000000)

/* ---- asking ---- */

int bench_streams_open(struct bench_streams *streams, struct bench_stage *stage)
{
    natsOptions *options = NULL;
    *streams = (struct bench_streams){.stage = stage};
    natsStatus status = natsOptions_Create(&options);
    const char *urls[BENCH_MAX_SERVERS];
    int count = 0;
    for (; count < (int)stage->servers.plan.count; count++)
        urls[count] = stage->servers.each[count].url;
    if (status == NATS_OK)
        status = natsOptions_SetServers(options, urls, count);
    if (status == NATS_OK)
        status = natsOptions_SetMaxReconnect(options, -1);
    if (status == NATS_OK)
        status = natsOptions_SetReconnectWait(options, 100);
    if (status == NATS_OK)
        status = natsConnection_Connect(&streams->connection, options);
    natsOptions_Destroy(options);
    if (status == NATS_OK)
        return 0;
    bench_complain("cannot connect to nats-server: %s", natsStatus_GetText(status));
    return -1;
}

void bench_streams_close(struct bench_streams *streams)
{
    natsConnection_Destroy(streams->connection);
    streams->connection = NULL;
}

/* Returns the answer, the caller's to give back, or NULL where there was none. */
static json_t *ask(const struct bench_streams *streams, const char *subject, const char *payload)
{
    natsMsg *reply = NULL;
    if (natsConnection_RequestString(&reply, streams->connection, subject, payload, ASK_TIMEOUT_MS) !=
        NATS_OK)
        return NULL;
    json_t *answer = json_loadb(natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply), 0, NULL);
    natsMsg_Destroy(reply);
    return answer;
}

static bool is_error(const json_t *answer)
{
    return answer == NULL || json_object_get(answer, "error") != NULL;
}

static json_t *info_of(const struct bench_streams *streams, const char *stream)
{
    char subject[BENCH_STREAM_BYTES + 32];
    snprintf(subject, sizeof subject, "$JS.API.STREAM.INFO.%s", stream);
    return ask(streams, subject, "");
}

/* Asks until it is so, within a minute. */
static int until(struct bench_streams *streams,
                 bool (*is_so)(struct bench_streams *streams, const char *stream), const char *stream,
                 const char *what)
{
    int64_t deadline = bench_now_ns() + SETTLE_TIMEOUT_NS;
    while (!is_so(streams, stream)) {
        if (bench_stage_interrupted() || bench_now_ns() > deadline) {
            bench_complain("%s: %s", stream, what);
            bench_servers_explain(&streams->stage->servers);
            return -1;
        }
        bench_stage_pause();
    }
    return 0;
}

/* ---- the bucket ---- */

static bool has_bucket(struct bench_streams *streams, const char *stream)
{
    char subject[BENCH_STREAM_BYTES + 32], config[512];
    snprintf(subject, sizeof subject, "$JS.API.STREAM.CREATE.%s", stream);
    snprintf(config, sizeof config,
             "{\"name\":\"%s\",\"subjects\":[\"" BENCH_BUCKET_KEYS
             ">\"],\"retention\":\"limits\",\"storage\":\"file\","
             "\"num_replicas\":%u,\"max_msgs_per_subject\":1,\"max_msgs\":-1,\"max_bytes\":-1,\"max_age\":0,"
             "\"max_msg_size\":-1,\"max_consumers\":-1,\"discard\":\"new\",\"duplicate_window\":120000000000,"
             "\"deny_delete\":true,\"allow_rollup_hdrs\":true,\"allow_direct\":true}",
             stream, streams->stage->servers.plan.count);
    json_t *answer = ask(streams, subject, config);
    bool has = !is_error(answer);
    json_decref(answer);
    return has;
}

int bench_streams_make_bucket(struct bench_streams *streams)
{
    if (until(streams, has_bucket, BENCH_BUCKET_STREAM, "the servers do not make this stream") != 0)
        return -1;
    return bench_streams_settle(streams, BENCH_BUCKET_STREAM);
}

/* ---- streams ---- */

int bench_streams_find_log(struct bench_streams *streams, const char *binding, char log[BENCH_STREAM_BYTES])
{
    char begin[BENCH_STREAM_BYTES];
    size_t i;
    json_t *name, *answer = ask(streams, "$JS.API.STREAM.NAMES", "");
    int len = snprintf(begin, sizeof begin, "WKV-LOG-%s-", binding);
    log[0] = '\0';
    json_array_foreach(json_object_get(answer, "streams"), i, name)
    {
        if (strncmp(json_string_value(name), begin, (size_t)len) == 0)
            snprintf(log, BENCH_STREAM_BYTES, "%s", json_string_value(name));
    }
    json_decref(answer);
    if (log[0] != '\0')
        return 0;
    bench_complain("JetStream has no stream %s…: the engine keeps its log elsewhere", begin);
    return -1;
}

static int number_of(const struct bench_streams *streams, const char *name)
{
    const struct bench_servers *servers = &streams->stage->servers;
    for (unsigned i = 0; name != NULL && i < servers->plan.count; i++)
        if (strcmp(servers->each[i].name, name) == 0)
            return (int)i;
    return -1;
}

int bench_streams_leader(struct bench_streams *streams, const char *stream)
{
    json_t *info = info_of(streams, stream);
    int leader =
        number_of(streams, json_string_value(json_object_get(json_object_get(info, "cluster"), "leader")));
    if (leader < 0 && streams->stage->servers.plan.count == 1 && !is_error(info))
        leader = 0;
    json_decref(info);
    return leader;
}

void bench_streams_find_consumer(struct bench_streams *streams, const char *stream, char server[16])
{
    char subject[BENCH_STREAM_BYTES + 32];
    snprintf(subject, sizeof subject, "$JS.API.CONSUMER.LIST.%s", stream);
    json_t *answer = ask(streams, subject, "");
    const json_t *consumer = json_array_get(json_object_get(answer, "consumers"), 0);
    const char *name = json_string_value(json_object_get(json_object_get(consumer, "cluster"), "leader"));
    snprintf(server, 16, "%.15s", name == NULL ? "" : name);
    json_decref(answer);
}

static bool is_settled(struct bench_streams *streams, const char *stream)
{
    json_t *info = info_of(streams, stream), *peer;
    json_t *cluster = json_object_get(info, "cluster"), *replicas = json_object_get(cluster, "replicas");
    size_t i, level = 1;
    json_array_foreach(replicas, i, peer)
    {
        if (json_is_true(json_object_get(peer, "current")) && !json_is_true(json_object_get(peer, "offline")))
            level++;
    }
    bool settled = !is_error(info) && level == streams->stage->servers.plan.count &&
                   (level == 1 || json_is_string(json_object_get(cluster, "leader")));
    json_decref(info);
    return settled;
}

int bench_streams_settle(struct bench_streams *streams, const char *stream)
{
    return until(streams, is_settled, stream, "its replicas do not become level");
}

int bench_streams_move(struct bench_streams *streams, const char *stream, unsigned server)
{
    char subject[BENCH_STREAM_BYTES + 40];
    int64_t deadline = bench_now_ns() + SETTLE_TIMEOUT_NS;
    snprintf(subject, sizeof subject, "$JS.API.STREAM.LEADER.STEPDOWN.%s", stream);
    while (bench_streams_leader(streams, stream) != (int)server) {
        if (bench_stage_interrupted() || bench_now_ns() > deadline) {
            bench_complain("%s does not come to be led by %s", stream,
                           streams->stage->servers.each[server].name);
            return -1;
        }
        json_decref(ask(streams, subject, ""));
        if (bench_streams_settle(streams, stream) != 0)
            return -1;
    }
    return 0;
}
