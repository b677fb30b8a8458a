/* A front that is none of ours: lines, such as `GET key` and `SET key value`, on `<base>.<actor>.line`. It
 * shows what it takes to add one: this file and a table that has it, and nothing below. Linked with the
 * program's main it is wascc-keyvalue-toy.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "front/front.h"
#include "front/invocations.h"
#include "front/operator.h"
#include "front/subjects.h"
#include "keyvalue.pb-c.h"

#define LINE_BYTES 512

static const struct wkv_front toy;

const struct wkv_front *const wkv_fronts[] = {&toy, &wkv_front_subjects, &wkv_front_operator,
                                              &wkv_front_invocations, NULL};

static enum wkv_code listen(struct wkv_worker *worker, struct wkv_error *error)
{
    struct wkv_endpoint endpoint = {.front = &toy, .reads_claims = worker->provider->auth == WKV_AUTH_CLAIMS};
    char subject[WKV_SUBJECT_BYTES];
    if (worker->serves != WKV_SERVES_ACTORS)
        return WKV_OK;
    if (wkv_subject_operation(worker->address, "*", "line", subject, error) != WKV_OK)
        return error->code;
    return wkv_front_listen(worker, &endpoint, subject, "toys", error) == NULL ? error->code : WKV_OK;
}

/* Packs the message into the worker's memory for envelopes. */
static bool pack(struct wkv_exchange *exchange, const char *operation, const ProtobufCMessage *message)
{
    struct wkv_request *request = &exchange->call.request;
    size_t len = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = wkv_arena_alloc(&exchange->worker->envelope, len);
    if (bytes == NULL)
        return false;
    request->payload = bytes;
    request->payload_bytes = protobuf_c_message_pack(message, bytes);
    request->operation = wkv_operation_find(operation);
    return true;
}

static ProtobufCBinaryData bytes_of(char *text)
{
    return (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
}

static enum wkv_reading read_line(struct wkv_exchange *exchange, struct wkv_error *error)
{
    char verb[8], key[LINE_BYTES], value[LINE_BYTES];
    char line[LINE_BYTES];
    Keyvalue__GetRequest get = KEYVALUE__GET_REQUEST__INIT;
    Keyvalue__SetRequest set = KEYVALUE__SET_REQUEST__INIT;
    wkv_front_read_headers(exchange);
    wkv_arena_reset(&exchange->worker->envelope);
    (void)snprintf(line, sizeof line, "%.*s", natsMsg_GetDataLength(exchange->message),
                   natsMsg_GetData(exchange->message));
    exchange->call.request.actor = wkv_front_actor(exchange->worker, exchange->message);
    exchange->call.request.claims = exchange->headers.claims;
    exchange->call.request.max_reply_bytes = wkv_front_room(exchange);
    int words = sscanf(line, "%7s %s %s", verb, key, value);
    get.key = set.key = bytes_of(key);
    set.value = bytes_of(value);
    bool packed = words == 2 && strcmp(verb, "GET") == 0   ? pack(exchange, "Get", &get.base)
                  : words == 3 && strcmp(verb, "SET") == 0 ? pack(exchange, "Set", &set.base)
                                                           : false;
    if (packed)
        return WKV_READ_REQUEST;
    (void)wkv_fail(error, WKV_BAD_REQUEST, "send GET key, or SET key value");
    return WKV_READ_REFUSED;
}

static bool send_line(struct wkv_exchange *exchange, struct wkv_text reply, struct wkv_error *error)
{
    char line[2 * LINE_BYTES];
    int len;
    if (error->code != WKV_OK) {
        len = snprintf(line, sizeof line, "ERR %d %s", (int)error->code, error->text);
    } else if (strcmp(exchange->call.request.operation->name, "Set") == 0) {
        len = snprintf(line, sizeof line, "OK");
    } else {
        Keyvalue__GetResponse *got =
            keyvalue__get_response__unpack(NULL, reply.len, (const uint8_t *)reply.data);
        if (got == NULL)
            return false;
        len = snprintf(line, sizeof line, got->exists ? "VALUE %.*s" : "NONE", (int)got->value.len,
                       (const char *)got->value.data);
        keyvalue__get_response__free_unpacked(got, NULL);
    }
    exchange->reply_bytes = (size_t)len;
    return wkv_front_reply(exchange, line, (size_t)len);
}

static const struct wkv_front toy = {.via = "line: ", .listen = listen, .read = read_line, .send = send_line};
