#include "watcher.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void watcher_ask_on(struct watcher *watcher, const char *subject, const char *request)
{
    natsConnection *connection = watcher->client->connection;
    json_t *json = json_of(request, strlen(request));
    size_t len;
    void *bytes = message_pack(watcher->encoding, "Watch", json, &len);
    ck_assert_int_eq(natsConnection_PublishRequest(connection, subject, watcher->reply, bytes, (int)len),
                     NATS_OK);
    ck_assert_int_eq(natsConnection_Flush(connection), NATS_OK);
    free(bytes);
    json_decref(json);
}

void watcher_ask(struct watcher *watcher, const char *request)
{
    char subject[320];
    (void)snprintf(subject, sizeof subject, "%s.Watch", watcher->client->base);
    watcher_ask_on(watcher, subject, request);
}

void watcher_open(struct watcher *watcher, struct client *client, enum encoding encoding, const char *request)
{
    natsInbox *inbox = NULL;
    *watcher = (struct watcher){.client = client, .encoding = encoding};
    ck_assert_int_eq(natsInbox_Create(&inbox), NATS_OK);
    (void)snprintf(watcher->reply, sizeof watcher->reply, "%s", (const char *)inbox);
    natsInbox_Destroy(inbox);
    ck_assert_int_eq(natsConnection_SubscribeSync(&watcher->inbox, client->connection, watcher->reply),
                     NATS_OK);
    ck_assert_int_eq(natsSubscription_SetPendingLimits(watcher->inbox, -1, -1), NATS_OK);
    watcher_ask(watcher, request);
}

/* nats.c before 3.10 holds no reference to a subscription while it delivers to it, and events come until the
 * lease is over: it is freed when nothing comes any more. */
void watcher_close(struct watcher *watcher)
{
    (void)natsSubscription_Unsubscribe(watcher->inbox);
    (void)natsConnection_FlushTimeout(watcher->client->connection, WAIT_MS);
    natsSubscription_Destroy(watcher->inbox);
}

json_t *watcher_next_within(struct watcher *watcher, long long wait_ms)
{
    natsMsg *message = NULL;
    const char *error = NULL;
    natsStatus status = natsSubscription_NextMsg(&message, watcher->inbox, wait_ms);
    if (status == NATS_TIMEOUT)
        return NULL;
    ck_assert_msg(status == NATS_OK, "no event behind number %llu: %s", (unsigned long long)watcher->number,
                  natsStatus_GetText(status));
    if (natsMsgHeader_Get(message, "Nats-Service-Error", &error) == NATS_OK)
        ck_abort_msg("%s", error);
    json_t *event = message_unpack(watcher->encoding, "Watch", natsMsg_GetData(message),
                                   (size_t)natsMsg_GetDataLength(message));
    natsMsg_Destroy(message);
    ck_assert_int_eq(json_integer_value(json_object_get(event, "number")), (json_int_t)++watcher->number);
    return event;
}

json_t *watcher_next(struct watcher *watcher)
{
    json_t *event = watcher_next_within(watcher, WAIT_MS);
    ck_assert_msg(event != NULL, "no event behind number %llu", (unsigned long long)watcher->number);
    return event;
}

const char *event_text(const json_t *event, const char *name)
{
    const char *text = json_string_value(json_object_get(event, name));
    return text == NULL ? "" : text;
}

void event_describe(const json_t *event, char out[EVENT_BYTES])
{
    const char *key = event_text(event, "key"), *value = event_text(event, "value");
    (void)snprintf(out, EVENT_BYTES, "%s%s%.100s%s%.100s", event_text(event, "event"),
                   *key == '\0' ? "" : " ", key, *value == '\0' ? "" : "=", value);
}

static void expect(struct watcher *watcher, const char *expected, bool after_heartbeats)
{
    char told[EVENT_BYTES];
    do {
        json_t *event = watcher_next(watcher);
        event_describe(event, told);
        json_decref(event);
    } while (after_heartbeats && strcmp(told, "sync") == 0);
    ck_assert_str_eq(told, expected);
}

void watcher_expect(struct watcher *watcher, const char *expected)
{
    expect(watcher, expected, false);
}

void watcher_expect_in_time(struct watcher *watcher, const char *expected)
{
    expect(watcher, expected, true);
}
