/* What handlers answer: bytes or an error, with the caller's own traceparent. */
#include <stdio.h>
#include <string.h>

#include "nats/loop.h"

bool wkv_loop_reply(struct wkv_loop *loop, natsMsg *message, const void *bytes, size_t len)
{
    const char *to = natsMsg_GetReply(message);
    loop->sending.replied_bytes = len;
    if (to == NULL)
        return true;
    loop->sending.unsent_bytes += len;
    return natsConnection_Publish(loop->link.connection, to, bytes, (int)len) == NATS_OK;
}

/* A header of the caller's goes back as it was written. It is short, and without a line's end. */
static natsStatus add_header(natsMsg *reply, const struct wkv_header *header)
{
    char name[32], value[WKV_LOOP_HEADER_BYTES];
    if (header == NULL || header->value.data == NULL || header->value.len >= sizeof value)
        return NATS_OK;
    (void)snprintf(name, sizeof name, "%.*s", (int)strlen(header->name), header->spelled);
    memcpy(value, header->value.data, header->value.len);
    value[header->value.len] = '\0';
    return natsMsgHeader_Set(reply, name, value);
}

static void retire_sent(struct wkv_loop *loop, natsMsg *reply)
{
    if (reply != NULL)
        wkv_loop_retire(loop, reply);
}

bool wkv_loop_reply_with(struct wkv_loop *loop, natsMsg *message, const void *bytes, size_t len,
                         const struct wkv_header *headers, size_t count)
{
    const char *to = natsMsg_GetReply(message);
    loop->sending.replied_bytes = len;
    if (to == NULL)
        return true;
    natsMsg *reply = NULL;
    natsStatus status = natsMsg_Create(&reply, to, NULL, bytes, (int)len);
    for (size_t i = 0; i < count && status == NATS_OK; i++)
        status = add_header(reply, &headers[i]);
    if (status == NATS_OK)
        status = natsConnection_PublishMsg(loop->link.connection, reply);
    retire_sent(loop, reply);
    loop->sending.unsent_bytes += len + count * WKV_LOOP_HEADER_BYTES;
    return status == NATS_OK;
}

/* An error as it is sent: the text is shared by the header and the body. */
struct sent_error {
    char code[12];
    char text[WKV_ERROR_TEXT_BYTES];
    char body[WKV_LOOP_BODY_BYTES];
    int body_len;
};

/* What an error's headers take beside its text. */
#define ERROR_HEADERS_BYTES                                                                                  \
    (sizeof "NATS/1.0\r\nNats-Service-Error-Code: 400\r\nNats-Service-Error: \r\n\r\n")

/* Writes the error, its text cut where the server's max_payload has no room for all of it. */
static void write_error(const struct wkv_loop *loop, const struct wkv_error *error,
                        wkv_loop_body_writer write_body, const void *context, size_t traced_bytes,
                        struct sent_error *sent)
{
    struct wkv_error cut = *error;
    size_t len = strlen(cut.text), bytes;
    (void)snprintf(sent->code, sizeof sent->code, "%d", (int)wkv_code_on_wire(error->code));
    do {
        /* A header's value loses blanks at its end on the way. */
        while (len > 0 && cut.text[len - 1] == ' ')
            len--;
        cut.text[len] = '\0';
        sent->body_len = (int)write_body(context, &cut, sent->body);
        bytes = ERROR_HEADERS_BYTES + traced_bytes + len + (size_t)sent->body_len;
        len /= 2;
    } while (bytes > loop->sending.max_payload && cut.text[0] != '\0');
    memcpy(sent->text, cut.text, sizeof sent->text);
}

bool wkv_loop_reply_error(struct wkv_loop *loop, natsMsg *message, const struct wkv_error *error,
                          wkv_loop_body_writer write_body, const void *context,
                          const struct wkv_header *traceparent)
{
    const char *to = natsMsg_GetReply(message);
    bool traced = traceparent != NULL && traceparent->value.data != NULL;
    struct sent_error sent;
    write_error(loop, error, write_body, context, traced ? WKV_LOOP_HEADER_BYTES : 0, &sent);
    loop->sending.replied_bytes = (size_t)sent.body_len;
    if (to == NULL)
        return true;
    natsMsg *reply = NULL;
    natsStatus status = natsMsg_Create(&reply, to, NULL, sent.body, sent.body_len);
    if (status == NATS_OK)
        status = natsMsgHeader_Set(reply, "Nats-Service-Error-Code", sent.code);
    if (status == NATS_OK)
        status = natsMsgHeader_Set(reply, "Nats-Service-Error", sent.text);
    if (status == NATS_OK)
        status = add_header(reply, traceparent);
    if (status == NATS_OK)
        status = natsConnection_PublishMsg(loop->link.connection, reply);
    /* A server without headers takes the body. */
    if (status == NATS_NO_SERVER_SUPPORT)
        status = natsConnection_Publish(loop->link.connection, to, sent.body, sent.body_len);
    retire_sent(loop, reply);
    loop->sending.unsent_bytes += WKV_LOOP_HEADER_BYTES + 2 * (size_t)sent.body_len;
    return status == NATS_OK;
}
