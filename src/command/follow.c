#include "command/follow.h"

#include "nats/inbox.h"

/* "A heartbeat comes each 5 s": three of them. */
#define SILENCE_MS 15000

static natsStatus show_all(natsSubscription *inbox, int64_t timeout_ms,
                           bool (*show)(void *context, natsMsg *reply), void *context)
{
    for (bool more = true; more; timeout_ms = SILENCE_MS) {
        natsMsg *reply = NULL;
        natsStatus status = natsSubscription_NextMsg(&reply, inbox, timeout_ms);
        if (status != NATS_OK)
            return status;
        more = show(context, reply);
        natsMsg_Destroy(reply);
    }
    return NATS_OK;
}

natsStatus wkv_follow(natsConnection *connection, natsMsg *message, int64_t timeout_ms,
                      bool (*show)(void *context, natsMsg *reply), void *context)
{
    natsSubscription *inbox = NULL;
    natsStatus status = natsConnection_SubscribeSync(&inbox, connection, natsMsg_GetReply(message));
    if (status == NATS_OK)
        status = natsConnection_PublishMsg(connection, message);
    if (status == NATS_OK)
        status = show_all(inbox, timeout_ms, show, context);
    wkv_end_inbox(connection, inbox);
    return status;
}
