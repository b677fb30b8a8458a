#include "command/exchange.h"

#include <jansson.h>
#include <stdio.h>

#include "nats/inbox.h"
#include "support/clock.h"

/* JetStream's PubAck is `{"stream":"NAME","seq":N}` and a little more; none of our replies has these two. */
static bool is_acknowledgement(natsMsg *message, char stream[WKV_STREAM_NAME_BYTES])
{
    int len = natsMsg_GetDataLength(message);
    json_t *document = len <= 0 ? NULL : json_loadb(natsMsg_GetData(message), (size_t)len, 0, NULL);
    const char *name = json_string_value(json_object_get(document, "stream"));
    bool is = name != NULL && *name != '\0' && json_is_integer(json_object_get(document, "seq"));
    if (is)
        (void)snprintf(stream, WKV_STREAM_NAME_BYTES, "%s", name);
    json_decref(document);
    return is;
}

static natsStatus await_reply(natsSubscription *inbox, int64_t timeout_ms, natsMsg **reply,
                              char stream[WKV_STREAM_NAME_BYTES])
{
    int64_t deadline_ns = wkv_monotonic_ns() + timeout_ms * WKV_NS_PER_MS;
    for (;;) {
        int64_t left_ms = (deadline_ns - wkv_monotonic_ns()) / WKV_NS_PER_MS;
        if (left_ms <= 0)
            return NATS_TIMEOUT;
        natsStatus status = natsSubscription_NextMsg(reply, inbox, left_ms);
        if (status != NATS_OK || !is_acknowledgement(*reply, stream))
            return status;
        natsMsg_Destroy(*reply);
        *reply = NULL;
    }
}

natsStatus wkv_exchange(natsConnection *connection, natsMsg *message, int64_t timeout_ms, natsMsg **reply,
                        char stream[WKV_STREAM_NAME_BYTES])
{
    natsSubscription *inbox = NULL;
    *reply = NULL;
    stream[0] = '\0';
    natsStatus status = natsConnection_SubscribeSync(&inbox, connection, natsMsg_GetReply(message));
    if (status == NATS_OK)
        status = natsConnection_PublishMsg(connection, message);
    if (status == NATS_OK)
        status = await_reply(inbox, timeout_ms, reply, stream);
    wkv_end_inbox(connection, inbox);
    return status;
}
