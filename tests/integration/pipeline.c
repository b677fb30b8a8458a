#include "pipeline.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void pipeline_open(struct pipeline *pipeline, struct client *client, size_t capacity)
{
    char wildcard[128];
    *pipeline = (struct pipeline){.client = client, .capacity = capacity};
    pipeline->answers = calloc(capacity, 1);
    ck_assert_ptr_nonnull(pipeline->answers);
    ck_assert_int_eq(natsInbox_Create(&pipeline->inbox), NATS_OK);
    (void)snprintf(wildcard, sizeof wildcard, "%s.*", pipeline->inbox);
    ck_assert_int_eq(natsConnection_SubscribeSync(&pipeline->replies, client->connection, wildcard), NATS_OK);
    ck_assert_int_eq(natsSubscription_SetPendingLimits(pipeline->replies, -1, -1), NATS_OK);
}

void pipeline_close(struct pipeline *pipeline)
{
    natsSubscription_Destroy(pipeline->replies);
    natsInbox_Destroy(pipeline->inbox);
    free(pipeline->answers);
}

bool pipeline_send(struct pipeline *pipeline, const char *operation, const void *bytes, size_t len)
{
    char subject[512], reply[128];
    ck_assert_uint_lt(pipeline->sent, pipeline->capacity);
    (void)snprintf(subject, sizeof subject, "%s.%s", pipeline->client->base, operation);
    (void)snprintf(reply, sizeof reply, "%s.%zu", pipeline->inbox, pipeline->sent);
    if (natsConnection_PublishRequest(pipeline->client->connection, subject, reply, bytes, (int)len) !=
        NATS_OK)
        return false;
    pipeline->sent++;
    return true;
}

static void count(struct pipeline *pipeline, natsMsg *message)
{
    const char *code = NULL;
    size_t number = strtoul(strrchr(natsMsg_GetSubject(message), '.') + 1, NULL, 10);
    ck_assert_uint_lt(number, pipeline->sent);
    if (pipeline->answers[number]++ > 0) {
        pipeline->repeated++;
        return;
    }
    pipeline->received++;
    if (natsMsgHeader_Get(message, "Nats-Service-Error-Code", &code) == NATS_OK) {
        pipeline->errors++;
        pipeline->last_code = atoi(code);
    } else {
        pipeline->ok++;
    }
}

bool pipeline_receive(struct pipeline *pipeline, long long wait_ms, natsMsg **message)
{
    natsMsg *reply = NULL;
    natsStatus status = natsSubscription_NextMsg(&reply, pipeline->replies, wait_ms);
    if (message != NULL)
        *message = NULL;
    /* nats.c takes the server's "no responders" away and says so here, without telling for which request. */
    if (status == NATS_NO_RESPONDERS) {
        pipeline->received++;
        pipeline->no_responders++;
        return true;
    }
    if (status != NATS_OK)
        return false;
    count(pipeline, reply);
    if (message != NULL)
        *message = reply;
    else
        natsMsg_Destroy(reply);
    return true;
}

void pipeline_settle(struct pipeline *pipeline, size_t left)
{
    while (pipeline->sent - pipeline->received > left)
        ck_assert_msg(pipeline_receive(pipeline, WAIT_MS, NULL), "%zu of %zu requests got no answer",
                      pipeline->sent - pipeline->received, pipeline->sent);
}
