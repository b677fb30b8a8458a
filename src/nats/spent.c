#include "nats/spent.h"

#include <stdint.h>

/* Kept at the most. */
#define SPENT_BYTES ((size_t)2 * 1024 * 1024)
/* What a message has beside its texts, about. */
#define MESSAGE_BYTES 256

/* nats.c has a message in one block, which begins with the subject and ends with the data; headers are
 * between (header.c). Of another nats.c the data is what is known. */
size_t wkv_message_bytes(natsMsg *message)
{
    uintptr_t from = (uintptr_t)natsMsg_GetSubject(message);
    uintptr_t to = (uintptr_t)natsMsg_GetData(message);
    size_t before = to > from && to - from <= INT32_MAX ? to - from : 0;
    return MESSAGE_BYTES + before + (size_t)natsMsg_GetDataLength(message);
}

void wkv_spent_empty(struct wkv_spent *spent)
{
    for (size_t i = 0; i < spent->count; i++)
        natsMsg_Destroy(spent->messages[i]);
    spent->count = 0;
    spent->bytes = 0;
}

bool wkv_spent_add(struct wkv_spent *spent, natsMsg *message, size_t bytes)
{
    spent->messages[spent->count++] = message;
    spent->bytes += bytes;
    if (spent->count < WKV_SPENT_MESSAGES && spent->bytes < SPENT_BYTES)
        return false;
    wkv_spent_empty(spent);
    return true;
}
