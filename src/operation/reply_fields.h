/* The numbers of the fields that operations write one by one, which protobuf-c does not generate. A test
 * (tests/operation/test_command.c) holds them against the descriptors. */
#ifndef WKV_OPERATION_REPLY_FIELDS_H
#define WKV_OPERATION_REPLY_FIELDS_H

#define WKV_REPLY_FIELDS(FIELD)                                                                              \
    FIELD(GET_RESPONSE, VALUE, 1)                                                                            \
    FIELD(GET_RESPONSE, EXISTS, 2)                                                                           \
    FIELD(SET_RESPONSE, VALUE, 1)                                                                            \
    FIELD(DEL_RESPONSE, KEY, 1)                                                                              \
    FIELD(ADD_RESPONSE, VALUE, 1)                                                                            \
    FIELD(LIST_RESPONSE, NEW_COUNT, 1)                                                                       \
    FIELD(LIST_RANGE_RESPONSE, VALUES, 1)                                                                    \
    FIELD(SET_OPERATION_RESPONSE, NEW_COUNT, 1)                                                              \
    FIELD(SET_QUERY_RESPONSE, VALUES, 1)                                                                     \
    FIELD(SET_QUERY_RESPONSE, CURSOR, 2)                                                                     \
    FIELD(INCREMENT_RESPONSE, VALUE, 1)                                                                      \
    FIELD(COMPARE_AND_SET_RESPONSE, SWAPPED, 1)                                                              \
    FIELD(COMPARE_AND_SET_RESPONSE, EXISTS, 2)                                                               \
    FIELD(COMPARE_AND_SET_RESPONSE, CURRENT, 3)                                                              \
    FIELD(COMPARE_AND_DELETE_RESPONSE, DELETED, 1)                                                           \
    FIELD(COMPARE_AND_DELETE_RESPONSE, EXISTS, 2)                                                            \
    FIELD(COMPARE_AND_DELETE_RESPONSE, CURRENT, 3)                                                           \
    FIELD(EXPIRE_RESPONSE, EXISTS, 1)                                                                        \
    FIELD(TIME_TO_LIVE_RESPONSE, EXISTS, 1)                                                                  \
    FIELD(TIME_TO_LIVE_RESPONSE, EXPIRES_IN_MS, 2)                                                           \
    FIELD(POP_RESPONSE, EXISTS, 1)                                                                           \
    FIELD(POP_RESPONSE, VALUE, 2)                                                                            \
    FIELD(POP_RESPONSE, NEW_COUNT, 3)                                                                        \
    FIELD(SET_CONTAINS_RESPONSE, CONTAINS, 1)                                                                \
    FIELD(LIST_KEYS_RESPONSE, KEYS, 1)                                                                       \
    FIELD(LIST_KEYS_RESPONSE, CURSOR, 2)                                                                     \
    FIELD(BATCH_RESPONSE, APPLIED, 1)                                                                        \
    FIELD(BATCH_RESPONSE, REPLIES, 2)                                                                        \
    FIELD(ITEM, ERROR, 30)                                                                                   \
    FIELD(ERROR, CODE, 1)                                                                                    \
    FIELD(ERROR, DESCRIPTION, 2)

enum wkv_reply_field {
#define NAME(message, field, number) WKV_##message##_##field = number,
    WKV_REPLY_FIELDS(NAME)
#undef NAME
    /* Of any reply that shows texts, page by page or all at once. */
    WKV_TEXTS_FIELD = WKV_SET_QUERY_RESPONSE_VALUES,
    WKV_CURSOR_FIELD = WKV_SET_QUERY_RESPONSE_CURSOR,
    /* What a write's reply repeats of the request (enum wkv_echo). */
    WKV_ECHO_FIELD = WKV_SET_RESPONSE_VALUE,
    /* How many a list or a set has after a change. */
    WKV_COUNT_FIELD = WKV_LIST_RESPONSE_NEW_COUNT,
};

_Static_assert(WKV_TEXTS_FIELD == WKV_LIST_KEYS_RESPONSE_KEYS &&
                   WKV_TEXTS_FIELD == WKV_LIST_RANGE_RESPONSE_VALUES &&
                   WKV_TEXTS_FIELD == WKV_GET_RESPONSE_VALUE,
               "wkv_show writes all of them");
_Static_assert(WKV_CURSOR_FIELD == WKV_LIST_KEYS_RESPONSE_CURSOR, "pages end alike");

_Static_assert(WKV_COUNT_FIELD == WKV_SET_OPERATION_RESPONSE_NEW_COUNT, "a list says it as a set does");
_Static_assert(WKV_ECHO_FIELD == WKV_DEL_RESPONSE_KEY, "a key is repeated where a value is");

#endif
