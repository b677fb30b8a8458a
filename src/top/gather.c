#include "top/gather.h"

#include <stdio.h>
#include <string.h>

#include "nats/connect.h"
#include "nats/inbox.h"
#include "nats/subject.h"
#include "support/clock.h"

#define QUESTION "$SRV.STATS.wascc-keyvalue"
/* Answers come within a round trip; a busy host may need longer. */
#define WAIT_MS 1000
/* For an instance that is not known yet, when all others have answered. */
#define NEWCOMERS_WAIT_MS 50
/* Likewise where none was known: then every instance but the quickest is one. */
#define FIRST_WAIT_MS 300

enum wkv_code wkv_top_open(struct wkv_top_source *source, const struct wkv_connect_options *options,
                           struct wkv_error *error)
{
    *source = (struct wkv_top_source){.options = options};
    return wkv_connect(options, "wascc-keyvalue top", &source->connection, error);
}

void wkv_top_close(struct wkv_top_source *source)
{
    natsConnection_Destroy(source->connection);
    source->connection = NULL;
}

/* A connection that was lost is made anew: the server, the password or a file may be others by now. */
static enum wkv_code be_connected(struct wkv_top_source *source, struct wkv_error *error)
{
    if (source->connection != NULL && natsConnection_IsClosed(source->connection))
        wkv_top_close(source);
    if (source->connection == NULL) {
        struct wkv_error cause;
        if (wkv_top_open(source, source->options, &cause) != WKV_OK)
            return wkv_fail(error, WKV_UNAVAILABLE, "the NATS server is away, trying again: %s", cause.text);
    }
    return WKV_OK;
}

/* Whether the server's permissions stood in the way of the question or its answers. Earlier refusals and
 * others' mean nothing. The text is nats.c's, which overwrites it with the next one; but all that is said on
 * this connection are these questions, and after a flush the server has nothing more to say about them. */
static bool refused(natsConnection *connection, const char *inbox, const char **text)
{
    *text = "";
    return natsConnection_FlushTimeout(connection, WAIT_MS) == NATS_OK &&
           natsConnection_GetLastError(connection, text) == NATS_NOT_PERMITTED &&
           (strstr(*text, inbox) != NULL || strstr(*text, "\"" QUESTION "\"") != NULL);
}

/* Hears answers until it is enough. Returns NATS_OK, NATS_TIMEOUT or NATS_NO_RESPONDERS where that went well.
 */
static natsStatus hear_answers(natsSubscription *answers, struct wkv_top_model *model, bool *any)
{
    int64_t deadline_ns = wkv_monotonic_ns() + WAIT_MS * WKV_NS_PER_MS;
    natsStatus status = NATS_OK;
    int64_t newcomers_ms = model->count == 0 ? FIRST_WAIT_MS : NEWCOMERS_WAIT_MS;
    bool shortened = false;
    *any = false;
    while (status == NATS_OK) {
        natsMsg *message = NULL;
        int left_ms = wkv_left_ms(deadline_ns);
        if (left_ms == 0)
            return NATS_TIMEOUT;
        status = natsSubscription_NextMsg(&message, answers, left_ms);
        if (status == NATS_OK && natsMsg_GetDataLength(message) > 0 &&
            wkv_top_hear(model, natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message),
                         wkv_monotonic_ns()))
            *any = true;
        natsMsg_Destroy(message);
        if (*any && !shortened && wkv_top_all_heard(model)) {
            int64_t soon_ns = wkv_monotonic_ns() + newcomers_ms * WKV_NS_PER_MS;
            deadline_ns = soon_ns < deadline_ns ? soon_ns : deadline_ns;
            shortened = true;
        }
    }
    return status;
}

enum wkv_code wkv_top_ask(struct wkv_top_source *source, struct wkv_top_model *model, struct wkv_error *error)
{
    char inbox[WKV_SUBJECT_BYTES];
    const char *text;
    bool any = false;
    natsSubscription *answers = NULL;
    if (be_connected(source, error) != WKV_OK)
        return error->code;
    wkv_top_begin(model);
    natsStatus status = wkv_make_inbox(source->options->inbox_prefix, inbox);
    if (status == NATS_OK)
        status = natsConnection_SubscribeSync(&answers, source->connection, inbox);
    if (status == NATS_OK)
        status = natsConnection_PublishRequest(source->connection, QUESTION, inbox, "", 0);
    if (status == NATS_OK)
        status = hear_answers(answers, model, &any);
    wkv_end_inbox(source->connection, answers);
    if (!any && refused(source->connection, inbox, &text))
        return wkv_fail(
            error, WKV_FORBIDDEN,
            "the server does not let this user ask for statistics (%s); grant it `publish` on %s and "
            "`subscribe` on its inbox, or set --inbox-prefix",
            text, QUESTION);
    if (natsConnection_Status(source->connection) != NATS_CONN_STATUS_CONNECTED)
        return wkv_fail(error, WKV_UNAVAILABLE, "the NATS server is away, connecting again");
    if (status != NATS_OK && status != NATS_TIMEOUT && status != NATS_NO_RESPONDERS)
        return wkv_fail(error, WKV_UNAVAILABLE, "cannot ask for statistics: %s", natsStatus_GetText(status));
    wkv_top_end(model);
    return WKV_OK;
}
