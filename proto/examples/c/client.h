// NATS_URL, WASCC_KEYVALUE_ACTOR (M...) and WASCC_KEYVALUE_CLAIMS (a file) say where and as whom.
// Requests and replies are JSON, for which nothing is generated; protobuf-c makes structs of the proto files.
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static natsConnection *connection;
static char claims[8192];

static int connect_to_service(void)
{
    FILE *file = getenv("WASCC_KEYVALUE_CLAIMS") == NULL ? NULL : fopen(getenv("WASCC_KEYVALUE_CLAIMS"), "r");
    if (file == NULL || getenv("WASCC_KEYVALUE_ACTOR") == NULL || fscanf(file, "%8191s", claims) != 1)
        return 0;
    fclose(file);
    return natsConnection_ConnectTo(&connection, getenv("NATS_URL")) == NATS_OK;
}

static natsMsg *make_message(const char *operation, const char *reply, const char *json)
{
    char subject[512];
    natsMsg *made = NULL;
    snprintf(subject, sizeof subject, "wasmbus.provider.wascc.keyvalue.default.%s.%s", getenv("WASCC_KEYVALUE_ACTOR"),
             operation);
    if (natsMsg_Create(&made, subject, reply, json, (int)strlen(json)) == NATS_OK)
        natsMsgHeader_Set(made, "Wascc-Claims", claims);
    return made;
}

// The caller destroys the answer, which is NULL where none came.
static natsMsg *call(const char *operation, const char *json)
{
    natsMsg *request = make_message(operation, NULL, json), *answer = NULL;
    if (request != NULL)
        natsConnection_RequestMsg(&answer, connection, request, 2000);
    natsMsg_Destroy(request);
    return answer;
}
