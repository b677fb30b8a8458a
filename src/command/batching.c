#include "command/batching.h"

#include <stdlib.h>
#include <string.h>

#include "support/buffer.h"

typedef Keyvalue__BatchRequest__Item item;

/* The message that an item points to. */
union member {
    Keyvalue__GetRequest get;
    Keyvalue__ListRangeRequest range;
    Keyvalue__SetQueryRequest set_query;
    Keyvalue__TimeToLiveRequest time_to_live;
    Keyvalue__SetRequest set;
    Keyvalue__DelRequest del;
    Keyvalue__ListPushRequest push;
    Keyvalue__SetAddRequest set_add;
    Keyvalue__IncrementRequest increment;
    Keyvalue__ExpireRequest expire;
};

struct wkv_batching {
    Keyvalue__BatchRequest request;
    item items[WKV_BATCHING_ITEMS], *pointers[WKV_BATCHING_ITEMS];
    union member members[WKV_BATCHING_ITEMS];
    struct wkv_buffer bytes;
};

struct wkv_batching *wkv_batching_create(void)
{
    struct wkv_batching *batching = calloc(1, sizeof *batching);
    if (batching != NULL)
        wkv_batching_begin(batching, "");
    return batching;
}

void wkv_batching_destroy(struct wkv_batching *batching)
{
    if (batching != NULL)
        wkv_buffer_destroy(&batching->bytes);
    free(batching);
}

void wkv_batching_begin(struct wkv_batching *batching, const char *keyspace)
{
    keyvalue__batch_request__init(&batching->request);
    batching->request.requests = batching->pointers;
    batching->request.keyspace = (wkv_bytes){strlen(keyspace), (uint8_t *)(uintptr_t)keyspace};
}

size_t wkv_batching_count(const struct wkv_batching *batching)
{
    return batching->request.n_requests;
}

static union member *add(struct wkv_batching *batching, Keyvalue__BatchRequest__Item__OperationCase operation)
{
    size_t at = batching->request.n_requests++;
    item *one = batching->pointers[at] = &batching->items[at];
    keyvalue__batch_request__item__init(one);
    one->operation_case = operation;
    one->get = &batching->members[at].get; /* the members of the union are pointers alike */
    return &batching->members[at];
}

#define ADD(OPERATION, member) (&add(batching, KEYVALUE__BATCH_REQUEST__ITEM__OPERATION_##OPERATION)->member)

void wkv_batch_get(struct wkv_batching *batching, wkv_bytes key)
{
    Keyvalue__GetRequest *get = ADD(GET, get);
    keyvalue__get_request__init(get);
    get->key = key;
}

void wkv_batch_range(struct wkv_batching *batching, wkv_bytes key, int32_t start, int32_t stop)
{
    Keyvalue__ListRangeRequest *range = ADD(RANGE, range);
    keyvalue__list_range_request__init(range);
    range->key = key;
    range->start = start;
    range->stop = stop;
}

void wkv_batch_set_query(struct wkv_batching *batching, wkv_bytes key, uint32_t limit, wkv_bytes cursor)
{
    Keyvalue__SetQueryRequest *query = ADD(SET_QUERY, set_query);
    keyvalue__set_query_request__init(query);
    query->key = key;
    query->limit = limit;
    query->cursor = cursor;
}

void wkv_batch_time_to_live(struct wkv_batching *batching, wkv_bytes key)
{
    Keyvalue__TimeToLiveRequest *ask = ADD(TIME_TO_LIVE, time_to_live);
    keyvalue__time_to_live_request__init(ask);
    ask->key = key;
}

void wkv_batch_set(struct wkv_batching *batching, wkv_bytes key, wkv_bytes value, int64_t expires_ms)
{
    Keyvalue__SetRequest *set = ADD(SET, set);
    keyvalue__set_request__init(set);
    set->key = key;
    set->value = value;
    set->expires_ms = expires_ms;
}

void wkv_batch_del(struct wkv_batching *batching, wkv_bytes key)
{
    Keyvalue__DelRequest *del = ADD(DEL, del);
    keyvalue__del_request__init(del);
    del->key = key;
}

void wkv_batch_push(struct wkv_batching *batching, wkv_bytes key, wkv_bytes value)
{
    Keyvalue__ListPushRequest *push = ADD(PUSH, push);
    keyvalue__list_push_request__init(push);
    push->key = key;
    push->value = value;
}

void wkv_batch_set_add(struct wkv_batching *batching, wkv_bytes key, wkv_bytes value)
{
    Keyvalue__SetAddRequest *add_one = ADD(SET_ADD, set_add);
    keyvalue__set_add_request__init(add_one);
    add_one->key = key;
    add_one->value = value;
}

void wkv_batch_increment(struct wkv_batching *batching, wkv_bytes key, int64_t delta)
{
    Keyvalue__IncrementRequest *increment = ADD(INCREMENT, increment);
    keyvalue__increment_request__init(increment);
    increment->key = key;
    increment->delta = delta;
}

void wkv_batch_expire(struct wkv_batching *batching, wkv_bytes key, int64_t expires_ms)
{
    Keyvalue__ExpireRequest *expire = ADD(EXPIRE, expire);
    keyvalue__expire_request__init(expire);
    expire->key = key;
    expire->expires_ms = expires_ms;
}

/* A reply that is none would be taken for keys that are gone. */
static enum wkv_code unpack(const struct wkv_batching *batching, natsMsg *message,
                            Keyvalue__BatchResponse **reply, struct wkv_error *error)
{
    *reply = keyvalue__batch_response__unpack(NULL, (size_t)natsMsg_GetDataLength(message),
                                              (const uint8_t *)natsMsg_GetData(message));
    if (*reply != NULL && (*reply)->n_replies == batching->request.n_requests)
        return WKV_OK;
    if (*reply != NULL)
        keyvalue__batch_response__free_unpacked(*reply, NULL);
    *reply = NULL;
    return wkv_fail(error, WKV_BAD_REQUEST,
                    "the reply to Batch is none: no provider of this version sent it");
}

enum wkv_code wkv_batching_send(struct wkv_batching *batching, struct wkv_asking *asking,
                                struct wkv_sending how, Keyvalue__BatchResponse **reply, int *answered,
                                struct wkv_error *error)
{
    size_t len = keyvalue__batch_request__get_packed_size(&batching->request);
    natsMsg *message = NULL;
    *reply = NULL;
    *answered = 0;
    wkv_buffer_reset(&batching->bytes, SIZE_MAX);
    if (!wkv_buffer_reserve(&batching->bytes, len + 1))
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for a request of %zu bytes", len);
    (void)keyvalue__batch_request__pack(&batching->request, (uint8_t *)batching->bytes.data);
    struct wkv_question question = {.operation = "Batch",
                                    .payload = batching->bytes.data,
                                    .len = len,
                                    .id = how.id,
                                    .is_late = how.is_late};
    enum wkv_code code = wkv_ask(asking, &question, &message, answered, error);
    if (code == WKV_OK && *answered == 0)
        code = unpack(batching, message, reply, error);
    natsMsg_Destroy(message);
    return code;
}
