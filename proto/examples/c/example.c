#include "client.h"

static void show(const char *operation, const char *json)
{
    natsMsg *answer = call(operation, json);
    const char *code = NULL;
    if (answer == NULL)
        printf("%s: no answer\n", operation);
    else if (natsMsgHeader_Get(answer, "Nats-Service-Error-Code", &code) == NATS_OK)
        printf("%s: %s %s\n", operation, code, natsMsg_GetData(answer));
    else
        printf("%s: %s\n", operation, natsMsg_GetData(answer));
    natsMsg_Destroy(answer);
}

int main(void)
{
    natsInbox *inbox = NULL;
    natsSubscription *told = NULL;
    if (!connect_to_service() || natsInbox_Create(&inbox) != NATS_OK ||
        natsConnection_SubscribeSync(&told, connection, inbox) != NATS_OK)
        return 1;
    show("Set", "{\"key\":\"greeting\",\"value\":\"hello\"}");
    show("Get", "{\"key\":\"greeting\"}");
    show("Push", "{\"key\":\"greeting\",\"value\":\"no list\"}");
    show("Batch", "{\"atomic\":true,\"requests\":[{\"increment\":{\"key\":\"visits\",\"delta\":1}},{\"get\":{\"key\":\"greeting\"}}]}");
    natsMsg *change = NULL, *watch = make_message("Watch", inbox, "{\"key\":\"greeting\",\"values\":true}");
    natsConnection_PublishMsg(connection, watch);
    natsMsg_Destroy(watch);
    for (int ended = 0; !ended && natsSubscription_NextMsg(&change, told, 20000) == NATS_OK; natsMsg_Destroy(change)) {
        printf("Watch: %s\n", natsMsg_GetData(change));
        if (strstr(natsMsg_GetData(change), "\"event\":\"sync\"") != NULL)
            show("Set", "{\"key\":\"greeting\",\"value\":\"goodbye\"}");
        ended = strstr(natsMsg_GetData(change), "goodbye") != NULL;
    }
    natsInbox_Destroy(inbox);
    natsSubscription_Destroy(told);
    natsConnection_Destroy(connection);
}
