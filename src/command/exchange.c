#include "command/exchange.h"

#include <jansson.h>
#include <stdio.h>

#include "nats/inbox.h"
#include "support/clock.h"

natsStatus wkv_exchange_begin(struct wkv_exchange *exchange, natsConnection *connection,
                              const char *inbox_prefix)
{
    *exchange = (struct wkv_exchange){.connection = connection};
    natsStatus status = wkv_make_inbox(inbox_prefix, exchange->inbox);
    return status != NATS_OK ? status
                             : natsConnection_SubscribeSync(&exchange->answers, connection, exchange->inbox);
}

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

static natsStatus await_reply(struct wkv_exchange *exchange, int64_t timeout_ms, natsMsg **reply)
{
    int64_t deadline_ns = wkv_monotonic_ns() + timeout_ms * WKV_NS_PER_MS;
    for (;;) {
        int left_ms = wkv_left_ms(deadline_ns);
        if (left_ms == 0)
            return NATS_TIMEOUT;
        natsStatus status = natsSubscription_NextMsg(reply, exchange->answers, left_ms);
        if (status != NATS_OK || !is_acknowledgement(*reply, exchange->stream))
            return status;
        natsMsg_Destroy(*reply);
        *reply = NULL;
    }
}

natsStatus wkv_exchange_send(struct wkv_exchange *exchange, natsMsg *message, int64_t timeout_ms,
                             natsMsg **reply)
{
    *reply = NULL;
    natsStatus status = natsConnection_PublishMsg(exchange->connection, message);
    return status != NATS_OK ? status : await_reply(exchange, timeout_ms, reply);
}

void wkv_exchange_end(struct wkv_exchange *exchange)
{
    wkv_end_inbox(exchange->connection, exchange->answers);
    exchange->answers = NULL;
}
