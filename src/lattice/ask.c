#include "lattice/ask.h"

#include "lattice/discovery.h"
#include "lattice/pong.h"
#include "nats/inbox.h"
#include "nats/link.h"
#include "operation/identity.h"
#include "support/clock.h"

#define QUESTION_SUBJECT WKV_PING_SUBJECT "." WKV_SERVICE_NAME

enum wkv_code wkv_discovery_denied(const char *inbox_prefix, struct wkv_error *error)
{
    return wkv_fail(error, WKV_FORBIDDEN,
                    "the server does not let this user ask for instances, or hear their answers; grant it "
                    "`publish` on %s and `subscribe` on its inbox (%s.*), or set --inbox-prefix",
                    QUESTION_SUBJECT, inbox_prefix == NULL ? "_INBOX" : inbox_prefix);
}

/* Gives the answers to `seen` until that wants no more or the time is over. *heard: there were any. */
static natsStatus hear(natsSubscription *answers, const struct wkv_address *address, int64_t deadline_ns,
                       bool (*seen)(void *context, const char *id), void *context, bool *heard)
{
    bool wanted = true;
    for (int left_ms; wanted && (left_ms = wkv_left_ms(deadline_ns)) > 0;) {
        natsMsg *message = NULL;
        struct wkv_pong pong;
        natsStatus status = natsSubscription_NextMsg(&message, answers, left_ms);
        if (status != NATS_OK)
            return status;
        *heard = true;
        if (wkv_pong_read(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message), address, &pong) &&
            pong.phase >= WKV_PHASE_SERVING)
            wanted = seen(context, pong.id);
        natsMsg_Destroy(message);
    }
    return NATS_OK;
}

enum wkv_code wkv_discovery_ask(natsConnection *connection, const char *inbox_prefix,
                                const struct wkv_address *address, int64_t wait_ms,
                                bool (*seen)(void *context, const char *id), void *context,
                                struct wkv_error *error)
{
    char inbox[WKV_SUBJECT_BYTES];
    natsSubscription *answers = NULL;
    bool heard = false;
    natsStatus status = wkv_make_inbox(inbox_prefix, inbox);
    if (status == NATS_OK)
        status = natsConnection_SubscribeSync(&answers, connection, inbox);
    if (status == NATS_OK)
        status = natsConnection_PublishRequestString(connection, QUESTION_SUBJECT, inbox, "");
    if (status == NATS_OK)
        status = hear(answers, address, wkv_monotonic_ns() + wait_ms * WKV_NS_PER_MS, seen, context, &heard);
    wkv_end_inbox(connection, answers);
    if (!heard && (status == NATS_OK || status == NATS_TIMEOUT) && wkv_was_refused(connection))
        return wkv_discovery_denied(inbox_prefix, error);
    if (status != NATS_OK && status != NATS_TIMEOUT && status != NATS_NO_RESPONDERS)
        return wkv_fail(error, WKV_UNAVAILABLE, "cannot ask for other instances: %s",
                        natsStatus_GetText(status));
    return WKV_OK;
}
