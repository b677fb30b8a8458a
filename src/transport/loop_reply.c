/* What handlers answer: bytes or an error, with the caller's own traceparent. */
#include <stdio.h>
#include <string.h>

#include "transport/loop.h"

bool wkv_loop_reply(struct wkv_loop *loop, natsMsg *message, const void *bytes, size_t len)
{
    const char *to = natsMsg_GetReply(message);
    if (to == NULL)
        return true;
    loop->unsent_bytes += len;
    return natsConnection_Publish(loop->connection, to, bytes, (int)len) == NATS_OK;
}

/* The caller's own header goes back to him. It has been read as a traceparent: short, and without a line's
 * end. */
static natsStatus add_traceparent(natsMsg *reply, const struct wkv_header *traceparent)
{
    char value[WKV_LOOP_HEADER_BYTES];
    if (traceparent == NULL || traceparent->value.data == NULL || traceparent->value.len >= sizeof value)
        return NATS_OK;
    memcpy(value, traceparent->value.data, traceparent->value.len);
    value[traceparent->value.len] = '\0';
    return natsMsgHeader_Set(reply, traceparent->name, value);
}

bool wkv_loop_reply_traced(struct wkv_loop *loop, natsMsg *message, const void *bytes, size_t len,
                           const struct wkv_header *traceparent)
{
    const char *to = natsMsg_GetReply(message);
    if (to == NULL)
        return true;
    natsMsg *reply = NULL;
    natsStatus status = natsMsg_Create(&reply, to, NULL, bytes, (int)len);
    if (status == NATS_OK)
        status = add_traceparent(reply, traceparent);
    if (status == NATS_OK)
        status = natsConnection_PublishMsg(loop->connection, reply);
    natsMsg_Destroy(reply);
    loop->unsent_bytes += len + WKV_LOOP_HEADER_BYTES;
    return status == NATS_OK;
}

/* The headers of ADR-32. */
bool wkv_loop_reply_error(struct wkv_loop *loop, natsMsg *message, const struct wkv_error *error,
                          const struct wkv_header *traceparent)
{
    const char *to = natsMsg_GetReply(message);
    if (to == NULL)
        return true;
    char code[12];
    (void)snprintf(code, sizeof code, "%d", (int)error->code);
    natsMsg *reply = NULL;
    natsStatus status = natsMsg_Create(&reply, to, NULL, NULL, 0);
    if (status == NATS_OK)
        status = natsMsgHeader_Set(reply, "Nats-Service-Error-Code", code);
    if (status == NATS_OK)
        status = natsMsgHeader_Set(reply, "Nats-Service-Error", error->text);
    if (status == NATS_OK)
        status = add_traceparent(reply, traceparent);
    if (status == NATS_OK)
        status = natsConnection_PublishMsg(loop->connection, reply);
    natsMsg_Destroy(reply);
    loop->unsent_bytes += sizeof *error;
    return status == NATS_OK;
}
