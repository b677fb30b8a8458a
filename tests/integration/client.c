#include "client.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void client_call_on(struct client *client, const char *base, const char *actor)
{
    (void)snprintf(client->base, sizeof client->base, "%s.%s", base, actor);
}

void client_open(struct client *client, const char *url)
{
    natsOptions *options = NULL;
    *client = (struct client){.connection = NULL};
    client_call_on(client, DEFAULT_BASE, ACTOR);
    ck_assert_int_eq(natsOptions_Create(&options), NATS_OK);
    ck_assert_int_eq(natsOptions_SetURL(options, url), NATS_OK);
    ck_assert_int_eq(natsOptions_SetSendAsap(options, true), NATS_OK);
    ck_assert_int_eq(natsOptions_SetTimeout(options, WAIT_MS), NATS_OK);
    natsStatus status = natsConnection_Connect(&client->connection, options);
    natsOptions_Destroy(options);
    ck_assert_msg(status == NATS_OK, "a client cannot connect to %s: %s", url, natsStatus_GetText(status));
}

void client_close(struct client *client)
{
    natsConnection_Destroy(client->connection);
    client->connection = NULL;
}

static void read_error(struct answer *answer)
{
    const char *code = NULL, *text = NULL;
    if (natsMsgHeader_Get(answer->message, "Nats-Service-Error-Code", &code) == NATS_OK)
        answer->code = atoi(code);
    if (natsMsgHeader_Get(answer->message, "Nats-Service-Error", &text) == NATS_OK)
        (void)snprintf(answer->text, sizeof answer->text, "%s", text);
}

struct answer client_send(struct client *client, const char *operation, const void *bytes, size_t len)
{
    char subject[512];
    struct answer answer = {.status = NATS_OK};
    (void)snprintf(subject, sizeof subject, "%s.%s", client->base, operation);
    answer.status =
        natsConnection_Request(&answer.message, client->connection, subject, bytes, (int)len, WAIT_MS);
    if (answer.status != NATS_OK)
        return answer;
    answer.data = natsMsg_GetData(answer.message);
    answer.len = (size_t)natsMsg_GetDataLength(answer.message);
    read_error(&answer);
    return answer;
}

struct answer client_ask(struct client *client, enum encoding encoding, const char *operation,
                         const json_t *request)
{
    size_t len;
    void *bytes = message_pack(encoding, operation, request, &len);
    struct answer answer = client_send(client, operation, bytes, len);
    free(bytes);
    return answer;
}

struct answer client_send_with(struct client *from, const char *operation, const void *bytes, size_t len, ...)
{
    char subject[512];
    struct answer answer = {.status = NATS_OK};
    const char *name;
    natsMsg *message = NULL;
    va_list headers;
    (void)snprintf(subject, sizeof subject, "%s.%s", from->base, operation);
    ck_assert_int_eq(natsMsg_Create(&message, subject, NULL, bytes, (int)len), NATS_OK);
    va_start(headers, len);
    while ((name = va_arg(headers, const char *)) != NULL) {
        const char *value = va_arg(headers, const char *);
        ck_assert_int_eq(natsMsgHeader_Set(message, name, value), NATS_OK);
    }
    va_end(headers);
    answer.status = natsConnection_RequestMsg(&answer.message, from->connection, message, WAIT_MS);
    natsMsg_Destroy(message);
    ck_assert_msg(answer.status == NATS_OK, "%s: %s", operation, natsStatus_GetText(answer.status));
    answer.data = natsMsg_GetData(answer.message);
    answer.len = (size_t)natsMsg_GetDataLength(answer.message);
    read_error(&answer);
    return answer;
}

void check_header(const struct answer *answer, const char *name, const char *value)
{
    const char *got = NULL;
    natsStatus status = natsMsgHeader_Get(answer->message, name, &got);
    if (value == NULL)
        ck_assert_msg(status == NATS_NOT_FOUND, "%s came back: %s", name, got == NULL ? "" : got);
    else
        ck_assert_msg(status == NATS_OK && strcmp(got, value) == 0, "%s is %s instead of %s", name,
                      got == NULL ? "not there" : got, value);
}

void answer_free(struct answer *answer)
{
    natsMsg_Destroy(answer->message);
    answer->message = NULL;
}

static struct answer ask_packed(struct client *client, enum encoding encoding, const char *operation,
                                const char *format, va_list values)
{
    json_error_t error;
    json_t *request = json_vpack_ex(&error, 0, format, values);
    ck_assert_msg(request != NULL, "%s: %s", format, error.text);
    struct answer answer = client_ask(client, encoding, operation, request);
    json_decref(request);
    return answer;
}

json_t *client_call(struct client *client, enum encoding encoding, const char *operation, const char *format,
                    ...)
{
    va_list values;
    va_start(values, format);
    struct answer answer = ask_packed(client, encoding, operation, format, values);
    va_end(values);
    ck_assert_msg(answer.status == NATS_OK, "%s: %s", operation, natsStatus_GetText(answer.status));
    ck_assert_msg(answer.code == 0, "%s: %d %s", operation, answer.code, answer.text);
    json_t *reply = message_unpack(encoding, operation, answer.data, answer.len);
    answer_free(&answer);
    return reply;
}

/* Whether the body says what the headers say, in one of the two ways. */
static bool body_says(const struct answer *answer)
{
    char expected[600];
    int len = snprintf(expected, sizeof expected, "Failed (%d): %s", answer->code, answer->text);
    if (answer->len == (size_t)len && memcmp(answer->data, expected, answer->len) == 0)
        return true;
    json_t *body = json_loadb(answer->data, answer->len, 0, NULL);
    const json_t *error = json_object_get(body, "error");
    const char *description = json_string_value(json_object_get(error, "description"));
    bool said = json_object_size(body) == 1 && json_object_size(error) == 2 &&
                json_integer_value(json_object_get(error, "code")) == answer->code && description != NULL &&
                strcmp(description, answer->text) == 0;
    json_decref(body);
    return said;
}

/* "An error reply has the headers Nats-Service-Error-Code and Nats-Service-Error; the text names the
 * operation, what was wrong and what would be right. It has a body as well." */
void check_refusal(const struct answer *answer, const char *operation, int code, const char *names)
{
    char start[64];
    (void)snprintf(start, sizeof start, "%s: ", operation);
    ck_assert_msg(answer->status == NATS_OK, "%s: %s", operation, natsStatus_GetText(answer->status));
    ck_assert_msg(answer->code == code, "%s: %d instead of %d: \"%s\"", operation, answer->code, code,
                  answer->text);
    ck_assert_msg(body_says(answer), "%s: the body is not the error %d \"%s\": %.*s", operation, answer->code,
                  answer->text, (int)answer->len, answer->data);
    ck_assert_msg(strncmp(answer->text, start, strlen(start)) == 0 &&
                      strlen(answer->text) > strlen(start) + 10,
                  "%s: the text does not name the operation and what was wrong: %s", operation, answer->text);
    ck_assert_msg(names == NULL || strstr(answer->text, names) != NULL,
                  "%s: the text does not say \"%s\": %s", operation, names, answer->text);
}

void client_refused(struct client *client, enum encoding encoding, const char *operation, int code,
                    const char *names, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    struct answer answer = ask_packed(client, encoding, operation, format, values);
    va_end(values);
    check_refusal(&answer, operation, code, names);
    answer_free(&answer);
}

static int take_number(json_t *reply, const char *name)
{
    int number = (int)json_integer_value(json_object_get(reply, name));
    json_decref(reply);
    return number;
}

int client_add(struct client *client, enum encoding encoding, const char *key, int value)
{
    return take_number(client_call(client, encoding, "Add", "{s:s,s:i}", "key", key, "value", value),
                       "value");
}

int client_push(struct client *client, enum encoding encoding, const char *key, const char *value)
{
    return take_number(client_call(client, encoding, "Push", "{s:s,s:s}", "key", key, "value", value),
                       "new_count");
}

bool client_exists(struct client *client, const char *key)
{
    json_t *reply = client_call(client, JSON, "KeyExists", "{s:s}", "key", key);
    bool exists = json_is_true(json_object_get(reply, "exists"));
    json_decref(reply);
    return exists;
}
