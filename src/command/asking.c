#include "command/asking.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/policy.h"
#include "command/exchange.h"
#include "command/sign.h"
#include "nats/connect.h"
#include "nats/inbox.h"
#include "nats/subject.h"
#include "support/clock.h"
#include "support/shown.h"

#define PATIENCE_NS (30 * WKV_NS_PER_S)
#define LATE_NS (3 * WKV_NS_PER_S)
#define PAUSE_MS 200
/* Of headers, of which the largest is the invocation's claims. */
#define HEADER_BYTES ((size_t)4096)

enum wkv_code wkv_asking_begin(struct wkv_asking *asking, const struct wkv_config *config, const char *who,
                               struct wkv_error *error)
{
    struct wkv_error cause;
    const char *path = config->call.host_seed;
    *asking = (struct wkv_asking){.config = config, .who = who};
    if (path != NULL && wkv_nkey_seed_load(path, WKV_FILE_ANY, &asking->seed, &cause) != WKV_OK)
        return wkv_fail(error, cause.code, "--host-seed: %s", cause.text);
    return wkv_connect(&config->connect, who, &asking->connection, error) == WKV_OK
               ? WKV_OK
               : wkv_config_blame(config, error);
}

void wkv_asking_end(struct wkv_asking *asking)
{
    natsConnection_Destroy(asking->connection);
    wkv_nkey_seed_destroy(asking->seed);
    (void)nats_CloseAndWait(1000);
}

size_t wkv_asking_room(const struct wkv_asking *asking)
{
    int64_t most = asking->connection == NULL ? 0 : natsConnection_GetMaxPayload(asking->connection);
    return most <= (int64_t)(2 * HEADER_BYTES) ? HEADER_BYTES : (size_t)most - HEADER_BYTES;
}

static enum wkv_code make_message(const struct wkv_asking *asking, const struct wkv_question *question,
                                  natsMsg **message, struct wkv_error *error)
{
    char subject[WKV_SUBJECT_BYTES], inbox[WKV_SUBJECT_BYTES];
    struct wkv_invocation invocation = {.actor = WKV_POLICY_SYSTEM,
                                        .binding = asking->config->address.binding,
                                        .operation = question->operation,
                                        .payload = question->payload,
                                        .len = question->len};
    char *token = NULL;
    if (wkv_subject_operation(&asking->config->address, WKV_POLICY_SYSTEM, question->operation, subject,
                              error) != WKV_OK ||
        (asking->seed != NULL && wkv_sign_invocation(asking->seed, &invocation, &token, error) != WKV_OK))
        return error->code;
    natsStatus status = wkv_make_inbox(asking->config->connect.inbox_prefix, inbox);
    if (status == NATS_OK)
        status = natsMsg_Create(message, subject, inbox, question->payload, (int)question->len);
    if (status == NATS_OK && token != NULL)
        status = natsMsgHeader_Set(*message, "Wascc-Invocation", token);
    if (status == NATS_OK && question->id != NULL)
        status = natsMsgHeader_Set(*message, "Nats-Msg-Id", question->id);
    free(token);
    return status == NATS_OK ? WKV_OK : wkv_fail(error, WKV_NO_MEMORY, "%s", natsStatus_GetText(status));
}

/* nats.c notes what the server's permissions refuse beside a request that only times out. */
static enum wkv_code not_answered(struct wkv_asking *asking, natsStatus status, struct wkv_error *error)
{
    const char *text = "";
    if (status == NATS_NO_RESPONDERS)
        return wkv_fail(error, WKV_UNAVAILABLE,
                        "no instance serves this binding, or it is too old for this command");
    if (natsConnection_GetLastError(asking->connection, &text) == NATS_NOT_PERMITTED)
        return wkv_fail(error, WKV_FORBIDDEN, "no reply: %s", text);
    return wkv_fail(error, WKV_UNAVAILABLE, "no reply: %s", natsStatus_GetText(status));
}

static void read_refusal(const struct wkv_asking *asking, natsMsg *reply, int *answered,
                         struct wkv_error *error)
{
    const char *code = NULL, *text = "";
    char shown[WKV_ERROR_TEXT_BYTES / 2];
    *answered = 0;
    if (natsMsgHeader_Get(reply, "Nats-Service-Error-Code", &code) != NATS_OK)
        return;
    (void)natsMsgHeader_Get(reply, "Nats-Service-Error", &text);
    (void)wkv_shown(WKV_SHOWN_TEXT, text, strlen(text), shown, sizeof shown);
    *answered = (int)strtol(code, NULL, 10);
    if (*answered <= 0)
        *answered = 500;
    (void)wkv_fail(error, WKV_UNAVAILABLE, "%d: %s%s", *answered, shown,
                   *answered == 401 && asking->seed == NULL ? " (sign as a host with --host-seed FILE)" : "");
}

/* Sends it once. */
static enum wkv_code try(struct wkv_asking *asking, const struct wkv_question *question, natsMsg **reply,
                         int *answered, struct wkv_error *error)
{
    natsMsg *message = NULL;
    char stream[WKV_STREAM_NAME_BYTES];
    if (asking->connection == NULL &&
        wkv_connect(&asking->config->connect, asking->who, &asking->connection, error) != WKV_OK)
        return error->code;
    enum wkv_code code = make_message(asking, question, &message, error);
    if (code == WKV_OK) {
        natsStatus status =
            wkv_exchange(asking->connection, message, (int64_t)asking->config->timeout_ms, reply, stream);
        code = status == NATS_OK ? WKV_OK : not_answered(asking, status, error);
    }
    natsMsg_Destroy(message);
    if (code == WKV_OK)
        read_refusal(asking, *reply, answered, error);
    if (code != WKV_OK && natsConnection_IsClosed(asking->connection)) {
        natsConnection_Destroy(asking->connection);
        asking->connection = NULL;
    }
    return code;
}

static int64_t patience_ns(const struct wkv_question *question, enum wkv_code code, int answered)
{
    if (code == WKV_UNAVAILABLE || (code == WKV_OK && (answered == 503 || answered == 504)))
        return PATIENCE_NS;
    return code == WKV_OK && answered == 400 && question->is_late ? LATE_NS : 0;
}

enum wkv_code wkv_ask(struct wkv_asking *asking, const struct wkv_question *question, natsMsg **reply,
                      int *answered, struct wkv_error *error)
{
    int64_t began_ns = wkv_monotonic_ns();
    for (;;) {
        *reply = NULL;
        *answered = 0;
        enum wkv_code code = try(asking, question, reply, answered, error);
        if (wkv_monotonic_ns() - began_ns >= patience_ns(question, code, *answered))
            return code;
        natsMsg_Destroy(*reply);
        nats_Sleep(PAUSE_MS);
    }
}
