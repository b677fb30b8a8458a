/* What handlers answer: bytes or an error, with the caller's own traceparent. */
#include <stdio.h>
#include <string.h>

#include "nats/loop.h"

bool wkv_loop_reply(struct wkv_loop *loop, natsMsg *message, const void *bytes, size_t len)
{
    const char *to = natsMsg_GetReply(message);
    loop->replied_bytes = len;
    if (to == NULL)
        return true;
    loop->unsent_bytes += len;
    return natsConnection_Publish(loop->connection, to, bytes, (int)len) == NATS_OK;
}

/* The caller's own header goes back as it was written. It has been read as a traceparent: short, and without
 * a line's end. */
static natsStatus add_traceparent(natsMsg *reply, const struct wkv_header *traceparent)
{
    char name[32], value[WKV_LOOP_HEADER_BYTES];
    if (traceparent == NULL || traceparent->value.data == NULL || traceparent->value.len >= sizeof value)
        return NATS_OK;
    (void)snprintf(name, sizeof name, "%.*s", (int)strlen(traceparent->name), traceparent->spelled);
    memcpy(value, traceparent->value.data, traceparent->value.len);
    value[traceparent->value.len] = '\0';
    return natsMsgHeader_Set(reply, name, value);
}

static void retire_sent(struct wkv_loop *loop, natsMsg *reply)
{
    if (reply != NULL)
        wkv_loop_retire(loop, reply);
}

bool wkv_loop_reply_traced(struct wkv_loop *loop, natsMsg *message, const void *bytes, size_t len,
                           const struct wkv_header *traceparent)
{
    const char *to = natsMsg_GetReply(message);
    loop->replied_bytes = len;
    if (to == NULL)
        return true;
    natsMsg *reply = NULL;
    natsStatus status = natsMsg_Create(&reply, to, NULL, bytes, (int)len);
    if (status == NATS_OK)
        status = add_traceparent(reply, traceparent);
    if (status == NATS_OK)
        status = natsConnection_PublishMsg(loop->connection, reply);
    retire_sent(loop, reply);
    loop->unsent_bytes += len + WKV_LOOP_HEADER_BYTES;
    return status == NATS_OK;
}

/* An error as it is sent: the text is shared by the header and the body. */
struct sent_error {
    char code[12];
    char text[WKV_ERROR_TEXT_BYTES];
    char body[2 * WKV_ERROR_TEXT_BYTES + 64];
    int body_len;
};

/* These write at `at` and return where they ended: printf's ways cost more than all the rest of an error. */
static char *put(char *at, const char *text, size_t len)
{
    memcpy(at, text, len);
    return at + len;
}

/* An error's text is printable ASCII, of which JSON writes two characters in another way. */
static char *put_escaped(char *at, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            *at++ = '\\';
        *at++ = *text;
    }
    return at;
}

#define PUT(at, literal) put(at, literal, sizeof literal - 1)

static void write_body(struct sent_error *sent, enum wkv_encoding encoding)
{
    char *at = sent->body;
    if (encoding == WKV_JSON) {
        at = PUT(at, "{\"error\":{\"code\":");
        at = put(at, sent->code, strlen(sent->code));
        at = PUT(at, ",\"description\":\"");
        at = put_escaped(at, sent->text);
        at = PUT(at, "\"}}");
    } else {
        at = PUT(at, "Failed (");
        at = put(at, sent->code, strlen(sent->code));
        at = PUT(at, "): ");
        at = put(at, sent->text, strlen(sent->text));
    }
    sent->body_len = (int)(at - sent->body);
}

/* What an error's headers take beside its text. */
#define ERROR_HEADERS_BYTES                                                                                  \
    (sizeof "NATS/1.0\r\nNats-Service-Error-Code: 400\r\nNats-Service-Error: \r\n\r\n")

/* Writes the error, its text cut where the server's max_payload has no room for all of it. */
static void write_error(const struct wkv_loop *loop, const struct wkv_error *error,
                        enum wkv_encoding encoding, size_t traced_bytes, struct sent_error *sent)
{
    size_t len = strlen(error->text);
    size_t bytes;
    (void)snprintf(sent->code, sizeof sent->code, "%d", (int)wkv_code_on_wire(error->code));
    do {
        *put(sent->text, error->text, len) = '\0';
        for (size_t end = strlen(sent->text); end > 0 && sent->text[end - 1] == ' '; end--)
            sent->text[end - 1] = '\0'; /* a header's value loses it on the way */
        write_body(sent, encoding);
        bytes = ERROR_HEADERS_BYTES + traced_bytes + len + (size_t)sent->body_len;
        len /= 2;
    } while (bytes > loop->max_payload && sent->text[0] != '\0');
}

/* The headers of ADR-32, and a body. */
bool wkv_loop_reply_error(struct wkv_loop *loop, natsMsg *message, const struct wkv_error *error,
                          enum wkv_encoding encoding, const struct wkv_header *traceparent)
{
    const char *to = natsMsg_GetReply(message);
    bool traced = traceparent != NULL && traceparent->value.data != NULL;
    struct sent_error sent;
    write_error(loop, error, encoding, traced ? WKV_LOOP_HEADER_BYTES : 0, &sent);
    loop->replied_bytes = (size_t)sent.body_len;
    if (to == NULL)
        return true;
    natsMsg *reply = NULL;
    natsStatus status = natsMsg_Create(&reply, to, NULL, sent.body, sent.body_len);
    if (status == NATS_OK)
        status = natsMsgHeader_Set(reply, "Nats-Service-Error-Code", sent.code);
    if (status == NATS_OK)
        status = natsMsgHeader_Set(reply, "Nats-Service-Error", sent.text);
    if (status == NATS_OK)
        status = add_traceparent(reply, traceparent);
    if (status == NATS_OK)
        status = natsConnection_PublishMsg(loop->connection, reply);
    /* A server without headers takes the body. */
    if (status == NATS_NO_SERVER_SUPPORT)
        status = natsConnection_Publish(loop->connection, to, sent.body, sent.body_len);
    retire_sent(loop, reply);
    loop->unsent_bytes += WKV_LOOP_HEADER_BYTES + 2 * (size_t)sent.body_len;
    return status == NATS_OK;
}
