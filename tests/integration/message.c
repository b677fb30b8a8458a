#include "message.h"

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "keyvalue.pb-c.h"

/* The kinds of request and of reply, by their fields. */
enum shape { KEY, KEY_TEXT, KEY_TEXT_SECONDS, KEY_NUMBER, KEY_RANGE, KEYS };

const char *const operations[] = {
    "Get",   "Set",    "Del",       "Add",      "Push",     "ListItemDelete",  "Range",
    "Clear", "SetAdd", "SetRemove", "SetQuery", "SetUnion", "SetIntersection", "KeyExists",
    NULL};

json_t *json_of(const char *text, size_t len)
{
    json_error_t error;
    json_t *value = json_loadb(text, len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
    if (value == NULL)
        ck_abort_msg("no JSON (%s): %.*s", error.text, (int)len, text);
    return value;
}

/* ---- requests ---- */

static ProtobufCBinaryData text_of(const json_t *value)
{
    if (value == NULL)
        return (ProtobufCBinaryData){0};
    return (ProtobufCBinaryData){json_string_length(value), (uint8_t *)(uintptr_t)json_string_value(value)};
}

static ProtobufCBinaryData text_in(const json_t *request, const char *name)
{
    return text_of(json_object_get(request, name));
}

static int32_t number_in(const json_t *request, const char *name)
{
    return (int32_t)json_integer_value(json_object_get(request, name));
}

static void *packed(const ProtobufCMessage *message, size_t *len)
{
    *len = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = malloc(*len + 1);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_uint_eq(protobuf_c_message_pack(message, bytes), *len);
    return bytes;
}

#define PACK_KEY(Type, TYPE)                                                                                 \
    do {                                                                                                     \
        Keyvalue__##Type message = KEYVALUE__##TYPE##__INIT;                                                 \
        message.key = text_in(request, "key");                                                               \
        return packed(&message.base, len);                                                                   \
    } while (0)

#define PACK_KEY_VALUE(Type, TYPE)                                                                           \
    do {                                                                                                     \
        Keyvalue__##Type message = KEYVALUE__##TYPE##__INIT;                                                 \
        message.key = text_in(request, "key");                                                               \
        message.value = text_in(request, "value");                                                           \
        return packed(&message.base, len);                                                                   \
    } while (0)

#define PACK_KEYS(Type, TYPE)                                                                                \
    do {                                                                                                     \
        Keyvalue__##Type message = KEYVALUE__##TYPE##__INIT;                                                 \
        message.n_keys = json_array_size(json_object_get(request, "keys"));                                  \
        message.keys = calloc(message.n_keys + 1, sizeof *message.keys);                                     \
        ck_assert_ptr_nonnull(message.keys);                                                                 \
        for (size_t i = 0; i < message.n_keys; i++)                                                          \
            message.keys[i] = text_of(json_array_get(json_object_get(request, "keys"), i));                  \
        void *bytes = packed(&message.base, len);                                                            \
        free(message.keys);                                                                                  \
        return bytes;                                                                                        \
    } while (0)

static void *pack_set(const json_t *request, size_t *len)
{
    Keyvalue__SetRequest message = KEYVALUE__SET_REQUEST__INIT;
    message.key = text_in(request, "key");
    message.value = text_in(request, "value");
    message.expires_s = number_in(request, "expires_s");
    return packed(&message.base, len);
}

static void *pack_add(const json_t *request, size_t *len)
{
    Keyvalue__AddRequest message = KEYVALUE__ADD_REQUEST__INIT;
    message.key = text_in(request, "key");
    message.value = number_in(request, "value");
    return packed(&message.base, len);
}

static void *pack_range(const json_t *request, size_t *len)
{
    Keyvalue__ListRangeRequest message = KEYVALUE__LIST_RANGE_REQUEST__INIT;
    message.key = text_in(request, "key");
    message.start = number_in(request, "start");
    message.stop = number_in(request, "stop");
    return packed(&message.base, len);
}

static bool is(const char *operation, const char *name)
{
    return strcmp(operation, name) == 0;
}

static void *pack_list_or_set(const char *operation, const json_t *request, size_t *len)
{
    if (is(operation, "Push"))
        PACK_KEY_VALUE(ListPushRequest, LIST_PUSH_REQUEST);
    if (is(operation, "ListItemDelete"))
        PACK_KEY_VALUE(ListDelItemRequest, LIST_DEL_ITEM_REQUEST);
    if (is(operation, "Range"))
        return pack_range(request, len);
    if (is(operation, "Clear"))
        PACK_KEY(ListClearRequest, LIST_CLEAR_REQUEST);
    if (is(operation, "SetAdd"))
        PACK_KEY_VALUE(SetAddRequest, SET_ADD_REQUEST);
    if (is(operation, "SetRemove"))
        PACK_KEY_VALUE(SetRemoveRequest, SET_REMOVE_REQUEST);
    if (is(operation, "SetQuery"))
        PACK_KEY(SetQueryRequest, SET_QUERY_REQUEST);
    if (is(operation, "SetUnion"))
        PACK_KEYS(SetUnionRequest, SET_UNION_REQUEST);
    if (is(operation, "SetIntersection"))
        PACK_KEYS(SetIntersectionRequest, SET_INTERSECTION_REQUEST);
    ck_abort_msg("no operation of this name: %s", operation);
    return NULL;
}

static void *pack(const char *operation, const json_t *request, size_t *len)
{
    if (is(operation, "Get"))
        PACK_KEY(GetRequest, GET_REQUEST);
    if (is(operation, "Set"))
        return pack_set(request, len);
    if (is(operation, "Del"))
        PACK_KEY(DelRequest, DEL_REQUEST);
    if (is(operation, "Add"))
        return pack_add(request, len);
    if (is(operation, "KeyExists"))
        PACK_KEY(KeyExistsQuery, KEY_EXISTS_QUERY);
    return pack_list_or_set(operation, request, len);
}

void *message_pack(enum encoding encoding, const char *operation, const json_t *request, size_t *len)
{
    if (encoding == PROTOBUF)
        return pack(operation, request, len);
    char *text = json_dumps(request, JSON_COMPACT);
    ck_assert_ptr_nonnull(text);
    *len = strlen(text);
    return text;
}

/* ---- replies ---- */

static json_t *text_json(ProtobufCBinaryData text)
{
    json_t *value = text.len == 0 ? json_string("") : json_stringn((const char *)text.data, text.len);
    ck_assert_msg(value != NULL, "a reply's text is not UTF-8");
    return value;
}

static json_t *texts_json(const ProtobufCBinaryData *texts, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(json_array_append_new(array, text_json(texts[i])), 0);
    return array;
}

/* Unpacks the bytes as Type and makes JSON of it with the expression, in which `reply` is the message. */
#define UNPACK(Type, type, ...)                                                                              \
    do {                                                                                                     \
        Keyvalue__##Type *reply = keyvalue__##type##__unpack(NULL, len, bytes);                              \
        ck_assert_msg(reply != NULL, "%s: the reply does not unpack", operation);                            \
        json_t *value = json_pack(__VA_ARGS__);                                                              \
        keyvalue__##type##__free_unpacked(reply, NULL);                                                      \
        return value;                                                                                        \
    } while (0)

static json_t *unpack(const char *operation, const uint8_t *bytes, size_t len)
{
    if (is(operation, "Get") || is(operation, "KeyExists"))
        UNPACK(GetResponse, get_response, "{s:o, s:b}", "value", text_json(reply->value), "exists",
               reply->exists);
    if (is(operation, "Set"))
        UNPACK(SetResponse, set_response, "{s:o}", "value", text_json(reply->value));
    if (is(operation, "Del") || is(operation, "Clear"))
        UNPACK(DelResponse, del_response, "{s:o}", "key", text_json(reply->key));
    if (is(operation, "Add"))
        UNPACK(AddResponse, add_response, "{s:i}", "value", reply->value);
    if (is(operation, "Push") || is(operation, "ListItemDelete"))
        UNPACK(ListResponse, list_response, "{s:i}", "new_count", reply->new_count);
    if (is(operation, "SetAdd") || is(operation, "SetRemove"))
        UNPACK(SetOperationResponse, set_operation_response, "{s:i}", "new_count", reply->new_count);
    if (is(operation, "Range"))
        UNPACK(ListRangeResponse, list_range_response, "{s:o}", "values",
               texts_json(reply->values, reply->n_values));
    UNPACK(SetQueryResponse, set_query_response, "{s:o}", "values",
           texts_json(reply->values, reply->n_values));
}

json_t *message_unpack(enum encoding encoding, const char *operation, const void *bytes, size_t len)
{
    /* protobuf-c wants an address even for a message of no bytes. */
    return encoding == JSON ? json_of(bytes, len)
                            : unpack(operation, len == 0 ? (const void *)"" : bytes, len);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

void sort_values(json_t *reply)
{
    json_t *values = json_object_get(reply, "values");
    size_t count = json_array_size(values);
    if (count == 0)
        return;
    json_t **all = calloc(count, sizeof(json_t *));
    ck_assert_ptr_nonnull(all);
    for (size_t i = 0; i < count; i++)
        all[i] = json_incref(json_array_get(values, i));
    qsort(all, count, sizeof(json_t *), compare_texts);
    for (size_t i = 0; i < count; i++)
        (void)json_array_set_new(values, i, all[i]);
    free(all);
}
