#include "nats/inbox.h"

#include <stdio.h>
#include <string.h>

#define UNSUBSCRIBE_WAIT_MS 1000

natsStatus wkv_make_inbox(const char *prefix, char out[WKV_SUBJECT_BYTES])
{
    natsInbox *inbox = NULL;
    natsStatus status = natsInbox_Create(&inbox);
    if (status != NATS_OK)
        return status;
    int written = prefix == NULL ? snprintf(out, WKV_SUBJECT_BYTES, "%s", inbox)
                                 : snprintf(out, WKV_SUBJECT_BYTES, "%s%s", prefix, strchr(inbox, '.'));
    natsInbox_Destroy(inbox);
    return written > 0 && written < WKV_SUBJECT_BYTES ? NATS_OK : NATS_INVALID_ARG;
}

void wkv_end_inbox(natsConnection *connection, natsSubscription *subscription)
{
    if (subscription == NULL)
        return;
    (void)natsSubscription_Unsubscribe(subscription);
    (void)natsConnection_FlushTimeout(connection, UNSUBSCRIBE_WAIT_MS);
    natsSubscription_Destroy(subscription);
}
