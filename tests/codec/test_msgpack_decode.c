/* Requests in MessagePack (CONTRACT section 7). The vectors named "real" were written by wascc-codec 0.8.1
 * with rmp-serde 0.14.4 (rmp 0.8.9): wascc_codec::serialize, and for those without names rmp_serde::to_vec,
 * on the values that the tests expect. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/decoding.h"
#include "codec/hex.h"
#include "codec/messages.h"
#include "core.pb-c.h"
#include "lib/room.h"
#include "operator.pb-c.h"

static enum wkv_code decode_bytes(const ProtobufCMessageDescriptor *type, const void *bytes, size_t len,
                                  ProtobufCMessage **message)
{
    return wkv_decode(type, WKV_MSGPACK, bytes, len, &arena, message, &error);
}

static enum wkv_code decode(const ProtobufCMessageDescriptor *type, const char *hex,
                            ProtobufCMessage **message)
{
    size_t len;
    uint8_t *bytes = hex_bytes(hex, &len);
    enum wkv_code code = decode_bytes(type, bytes, len, message);
    free(bytes); /* the message must not point into it */
    return code;
}

static bool is(ProtobufCBinaryData text, const char *expected)
{
    return text.len == strlen(expected) && (text.len == 0 || memcmp(text.data, expected, text.len) == 0);
}

/* All decode as a SetRequest, to this. */
static const struct {
    const char *hex;
    const char *key;
    const char *value;
    int32_t expires_s;
} good[] = {
    /* real */
    {"83a36b6579a16ba576616c7565a176a7657870697265733c", "k", "v", 60},
    {"93a16ba176d0c4", "k", "v", -60},
    /* the names of expires_s: waSCC's, camelCase, the proto's */
    {"81 a7 65787069726573 3c", "", "", 60},
    {"81 a8 6578706972657353 3c", "", "", 60},
    {"81 a9 657870697265735f73 3c", "", "", 60},
    /* keys of every form */
    {"81 c4 03 6b6579 a16b", "k", "", 0},
    {"81 d9 03 6b6579 a16b", "k", "", 0},
    {"81 da 0003 6b6579 a16b", "k", "", 0},
    {"81 db 00000003 6b6579 a16b", "k", "", 0},
    {"81 c5 0003 6b6579 a16b", "k", "", 0},
    {"81 c6 00000003 6b6579 a16b", "k", "", 0},
    /* text of every form */
    {"81 a36b6579 d9 01 6b", "k", "", 0},
    {"81 a36b6579 da 0001 6b", "k", "", 0},
    {"81 a36b6579 db 00000001 6b", "k", "", 0},
    {"81 a36b6579 c4 01 6b", "k", "", 0},
    {"81 a36b6579 c5 0001 6b", "k", "", 0},
    {"81 a36b6579 c6 00000001 6b", "k", "", 0},
    {"81 a36b6579 a0", "", "", 0},
    {"81 a36b6579 a4 f09f9880", "\xf0\x9f\x98\x80", "", 0},
    /* maps and arrays of every form */
    {"80", "", "", 0},
    {"de 0000", "", "", 0},
    {"df 00000000", "", "", 0},
    {"de 0001 a36b6579 a16b", "k", "", 0},
    {"df 00000001 a36b6579 a16b", "k", "", 0},
    {"90", "", "", 0},
    {"dc 0003 a16b a176 3c", "k", "v", 60},
    {"dd 00000003 a16b a176 3c", "k", "v", 60},
    {"92 a16b a176", "k", "v", 0},
    {"93 c0 c0 c0", "", "", 0},
    {"97 a16b a176 3c 00 c2 01 93 000000", "k", "v", 60},
    /* another order, nil, and what is unknown */
    {"83 a7 65787069726573 3c a5 76616c7565 a176 a3 6b6579 a16b", "k", "v", 60},
    {"83 a36b6579 c0 a5 76616c7565 c0 a7 65787069726573 c0", "", "", 0},
    {"82 a178 83 01 02 a0 c3 90 80 a36b6579 a16b", "k", "", 0},
    {"82 a178 cb 3ff0000000000000 a36b6579 a16b", "k", "", 0},
    {"82 a178 ca 3f800000 a36b6579 a16b", "k", "", 0},
    {"82 a178 d8 01 00000000000000000000000000000000 a36b6579 a16b", "k", "", 0},
    {"82 a178 c7 02 05 c1c1 a36b6579 a16b", "k", "", 0},
    {"82 a178 c4 02 c1c1 a36b6579 a16b", "k", "", 0},
    {"82 a178 a2 ffff a36b6579 a16b", "k", "", 0},
    {"83 a178 01 a178 02 a36b6579 a16b", "k", "", 0},
    {"82 a0 01 a36b6579 a16b", "k", "", 0},
    {"82 a1 ff 01 a36b6579 a16b", "k", "", 0},
    {"82 a4 6b657900 01 a36b6579 a16b", "k", "", 0},
    {"82 a2 6b65 01 a36b6579 a16b", "k", "", 0},
};

START_TEST(decodes_a_struct_in_each_of_its_forms)
{
    ProtobufCMessage *message;
    enum wkv_code code = decode(&keyvalue__set_request__descriptor, good[_i].hex, &message);
    ck_assert_msg(code == WKV_OK, "%s: %s", good[_i].hex, error.text);
    Keyvalue__SetRequest *set = (Keyvalue__SetRequest *)message;
    ck_assert_msg(is(set->key, good[_i].key) && is(set->value, good[_i].value), "%s", good[_i].hex);
    ck_assert_msg(set->expires_s == good[_i].expires_s, "%s: %d", good[_i].hex, set->expires_s);
}
END_TEST

/* Every width and sign, with the number in it: those that a field's type does not hold are refused. */
static const struct {
    const char *hex;
    bool negative;
    uint64_t magnitude;
} integers[] = {
    {"00", false, 0},
    {"7f", false, 127},
    {"ff", true, 1},
    {"e0", true, 32},
    {"cc 80", false, 128},
    {"cc 00", false, 0},
    {"cd ffff", false, 65535},
    {"cd 0000", false, 0},
    {"ce 7fffffff", false, INT32_MAX},
    {"ce 80000000", false, UINT64_C(2147483648)},
    {"ce ffffffff", false, UINT32_MAX},
    {"cf 0000000000000000", false, 0},
    {"cf 000000007fffffff", false, INT32_MAX},
    {"cf 0000000080000000", false, UINT64_C(2147483648)},
    {"cf 0000000100000000", false, UINT64_C(4294967296)},
    {"cf 7fffffffffffffff", false, INT64_MAX},
    {"cf 8000000000000000", false, UINT64_C(9223372036854775808)},
    {"cf ffffffffffffffff", false, UINT64_MAX},
    {"d0 7f", false, 127},
    {"d0 80", true, 128},
    {"d0 ff", true, 1},
    {"d1 7fff", false, 32767},
    {"d1 8000", true, 32768},
    {"d1 ffff", true, 1},
    {"d2 7fffffff", false, INT32_MAX},
    {"d2 80000000", true, UINT64_C(2147483648)},
    {"d2 ffffffff", true, 1},
    {"d3 000000007fffffff", false, INT32_MAX},
    {"d3 0000000080000000", false, UINT64_C(2147483648)},
    {"d3 7fffffffffffffff", false, INT64_MAX},
    {"d3 ffffffff80000000", true, UINT64_C(2147483648)},
    {"d3 ffffffff7fffffff", true, UINT64_C(2147483649)},
    {"d3 8000000000000000", true, UINT64_C(9223372036854775808)},
    {"d3 ffffffffffffffff", true, 1},
};

static const struct {
    const ProtobufCMessageDescriptor *type;
    const char *name; /* of the field, as hex */
    size_t offset;
    size_t size;
    uint64_t most;  /* its magnitudes */
    uint64_t least; /* of negative ones */
    const char *says;
} integer_fields[] = {
    {&keyvalue__set_request__descriptor, "a765787069726573", offsetof(Keyvalue__SetRequest, expires_s), 4,
     INT32_MAX, UINT64_C(2147483648),
     "field \"expires_s\" of SetRequest must be a whole number from -2147483648 to 2147483647"},
    {&keyvalue__add_request__descriptor, "a576616c7565", offsetof(Keyvalue__AddRequest, value), 4, INT32_MAX,
     UINT64_C(2147483648), "field \"value\" of AddRequest must be a whole number from -2147483648"},
    {&keyvalue__list_range_request__descriptor, "a57374617274", offsetof(Keyvalue__ListRangeRequest, start),
     4, INT32_MAX, UINT64_C(2147483648), "field \"start\" of ListRangeRequest must be a whole number"},
    {&keyvalue__list_range_request__descriptor, "a473746f70", offsetof(Keyvalue__ListRangeRequest, stop), 4,
     INT32_MAX, UINT64_C(2147483648), "field \"stop\" of ListRangeRequest must be a whole number"},
    {&core__capability_descriptor__descriptor, "a87265766973696f6e",
     offsetof(Core__CapabilityDescriptor, revision), 4, UINT32_MAX, 0,
     "field \"revision\" of CapabilityDescriptor must be a whole number from 0 to 4294967295"},
    {&operator__keys_request__descriptor, "a86d696e4279746573", offsetof(Operator__KeysRequest, min_bytes), 8,
     INT64_MAX, UINT64_C(9223372036854775808),
     "field \"min_bytes\" of KeysRequest must be a whole number from -9223372036854775808 to"},
};

#define INTEGERS ((int)(sizeof integers / sizeof integers[0]))
#define INTEGER_FIELDS ((int)(sizeof integer_fields / sizeof integer_fields[0]))

START_TEST(takes_an_integer_of_any_form_that_the_field_holds)
{
    int which = _i % INTEGERS, field = _i / INTEGERS;
    char hex[96];
    snprintf(hex, sizeof hex, "81 %s %s", integer_fields[field].name, integers[which].hex);
    uint64_t magnitude = integers[which].magnitude;
    bool fits =
        magnitude <= (integers[which].negative ? integer_fields[field].least : integer_fields[field].most);
    ProtobufCMessage *message;
    enum wkv_code code = decode(integer_fields[field].type, hex, &message);
    ck_assert_msg(code == (fits ? WKV_OK : WKV_BAD_REQUEST), "%s: %d", hex, code);
    if (!fits) {
        ck_assert_msg(strstr(error.text, integer_fields[field].says) != NULL, "%s", error.text);
        return;
    }
    uint64_t expected = integers[which].negative ? 0 - magnitude : magnitude;
    const char *member = (const char *)message + integer_fields[field].offset;
    bool is_short = integer_fields[field].size == sizeof(uint32_t);
    uint64_t found =
        is_short ? *(const uint32_t *)(const void *)member : *(const uint64_t *)(const void *)member;
    if (is_short)
        expected = (uint32_t)expected;
    ck_assert_msg(found == expected, "%s: %" PRIx64, hex, found);
}
END_TEST

START_TEST(decodes_a_repeated_text)
{
    static const struct {
        const char *hex;
        size_t count;
    } cases[] = {{"81a46b65797392a161a162", 2}, /* real */
                 {"91 92 a161 a162", 2},
                 {"81 a46b657973 dc 0002 a161 c4 01 62", 2},
                 {"81 a46b657973 dd 00000002 a161 a162", 2},
                 {"81 a46b657973 90", 0},
                 {"81 a46b657973 c0", 0},
                 {"80", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ProtobufCMessage *message;
        ck_assert_msg(decode(&keyvalue__set_union_request__descriptor, cases[i].hex, &message) == WKV_OK,
                      "%s: %s", cases[i].hex, error.text);
        Keyvalue__SetUnionRequest *request = (Keyvalue__SetUnionRequest *)message;
        ck_assert_uint_eq(request->n_keys, cases[i].count);
        ck_assert(request->n_keys == 0 || (is(request->keys[0], "a") && is(request->keys[1], "b")));
    }
}
END_TEST

START_TEST(decodes_the_other_real_requests)
{
    ProtobufCMessage *message;
    ck_assert_int_eq(decode(&keyvalue__list_range_request__descriptor,
                            "83a36b6579a16ca57374617274ffa473746f70cd03e8", &message),
                     WKV_OK);
    Keyvalue__ListRangeRequest *range = (Keyvalue__ListRangeRequest *)message;
    ck_assert(is(range->key, "l") && range->start == -1 && range->stop == 1000);
    ck_assert_int_eq(decode(&core__health_request__descriptor, "81ab706c616365686f6c646572c3", &message),
                     WKV_OK);
    ck_assert_int_eq(((Core__HealthRequest *)message)->placeholder, 1);
    static const char *const configurations[] = {
        "82a66d6f64756c65a64d4143544f52a676616c75657381a84b45595350414345a4626c7565",
        "92a64d4143544f5281a84b45595350414345a4626c7565",
    };
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(decode(&core__capability_configuration__descriptor, configurations[i], &message),
                         WKV_OK);
        Core__CapabilityConfiguration *configuration = (Core__CapabilityConfiguration *)message;
        ck_assert(is(configuration->module, "MACTOR"));
        ck_assert_uint_eq(configuration->n_values, 1);
        ck_assert(is(configuration->values[0]->key, "KEYSPACE") &&
                  is(configuration->values[0]->value, "blue"));
    }
    ck_assert_int_eq(decode(&core__capability_configuration__descriptor,
                            "82a66d6f64756c65a64d4143544f52a676616c75657380", &message),
                     WKV_OK);
    ck_assert_uint_eq(((Core__CapabilityConfiguration *)message)->n_values, 0);
}
END_TEST

/* What the hosts send where there is nothing to say. */
START_TEST(a_message_without_fields_may_be_anything_that_holds_none)
{
    static const char *const cases[] = {"", "c0", "80", "90", "81ab706c616365686f6c646572c3", "92 01 02"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ProtobufCMessage *message;
        ck_assert_msg(decode(&core__empty__descriptor, cases[i], &message) == WKV_OK, "%s: %s", cases[i],
                      error.text);
        ck_assert_ptr_nonnull(message);
    }
    ProtobufCMessage *message;
    ck_assert_int_eq(decode(&core__empty__descriptor, "01", &message), WKV_BAD_REQUEST);
    ck_assert_int_eq(decode(&core__empty__descriptor, "80 80", &message), WKV_BAD_REQUEST);
    ck_assert_int_eq(wkv_decode(&core__empty__descriptor, WKV_MSGPACK, NULL, 0, &arena, &message, NULL),
                     WKV_OK);
    ck_assert_int_eq(
        wkv_decode(&keyvalue__get_request__descriptor, WKV_MSGPACK, NULL, 0, &arena, &message, NULL),
        WKV_BAD_REQUEST);
}
END_TEST

/* real: with struct maps, also with the variants by name, and without names */
#define NAMED_DESCRIPTOR                                                                                     \
    "86a26964ae77617363633a6b657976616c7565a46e616d65a16ea776657273696f6ea5302e312e30a87265766973696f"       \
    "6ecd012cb06c6f6e675f6465736372697074696f6ea46c6f6e67b4737570706f727465645f6f7065726174696f6e7393"       \
    "83a46e616d65a3476574a9646972656374696f6e8101c0a7646f6374657874a3646f6383a46e616d65a158a964697265"       \
    "6374696f6e8100c0a7646f6374657874a083a46e616d65a159a9646972656374696f6e8102c0a7646f6374657874a17a"
#define NAMED_VARIANTS_DESCRIPTOR                                                                            \
    "86a26964ae77617363633a6b657976616c7565a46e616d65a16ea776657273696f6ea5302e312e30a87265766973696f"       \
    "6ecd012cb06c6f6e675f6465736372697074696f6ea46c6f6e67b4737570706f727465645f6f7065726174696f6e7393"       \
    "83a46e616d65a3476574a9646972656374696f6e81ab746f5f70726f7669646572c0a7646f6374657874a3646f6383a4"       \
    "6e616d65a158a9646972656374696f6e81a8746f5f6163746f72c0a7646f6374657874a083a46e616d65a159a9646972"       \
    "656374696f6e81a4626f7468c0a7646f6374657874a17a"
#define COMPACT_DESCRIPTOR                                                                                   \
    "96ae77617363633a6b657976616c7565a16ea5302e312e30cd012ca46c6f6e679393a34765748101c0a3646f6393a158"       \
    "8100c0a093a1598102c0a17a"

static const char *const descriptors[] = {NAMED_DESCRIPTOR, NAMED_VARIANTS_DESCRIPTOR, COMPACT_DESCRIPTOR};

START_TEST(decodes_messages_in_messages_and_enums)
{
    ProtobufCMessage *message;
    ck_assert_msg(decode(&core__capability_descriptor__descriptor, descriptors[_i], &message) == WKV_OK, "%s",
                  error.text);
    Core__CapabilityDescriptor *descriptor = (Core__CapabilityDescriptor *)message;
    ck_assert(is(descriptor->id, "wascc:keyvalue") && is(descriptor->long_description, "long"));
    ck_assert_uint_eq(descriptor->revision, 300);
    ck_assert_uint_eq(descriptor->n_supported_operations, 3);
    Core__OperationDescriptor **operations = descriptor->supported_operations;
    ck_assert(is(operations[0]->name, "Get") && is(operations[0]->doctext, "doc"));
    ck_assert_int_eq(operations[0]->direction, CORE__OPERATION_DIRECTION__to_provider);
    ck_assert_int_eq(operations[1]->direction, CORE__OPERATION_DIRECTION__to_actor);
    ck_assert_int_eq(operations[2]->direction, CORE__OPERATION_DIRECTION__both);
    ck_assert(is(operations[2]->name, "Y") && is(operations[2]->doctext, "z"));
}
END_TEST

START_TEST(takes_an_enum_in_each_of_its_forms)
{
    static const struct {
        const char *hex;
        int number; /* -1: refused */
    } cases[] = {
        {"8101c0", 1},
        {"81cc02c0", 2},
        {"81d000c0", 0},
        {"81cf0000000000000001c0", 1},
        {"81ab746f5f70726f7669646572c0", 1},
        {"81c404626f7468c0", 2},
        {"ab746f5f70726f7669646572", 1},
        {"01", 1},
        {"92 01 90", 1},
        {"92 ab746f5f70726f7669646572 c0", 1},
        {"c0", 0},
        {"8103c0", -1},
        {"81ffc0", -1},
        {"81cfffffffffffffffffc0", -1},
        {"81cf0000000100000001c0", -1},
        {"81a0c0", -1},
        {"81a3746f5fc0", -1},
        {"80", -1},
        {"82 01 c0 02 c0", -1},
        {"90", -1},
        {"91 01", -1},
        {"93 01 c0 c0", -1},
        {"c3", -1},
        {"cb 3ff0000000000000", -1},
        {"a4626f7400", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char hex[96];
        snprintf(hex, sizeof hex, "81 a9646972656374696f6e %s", cases[i].hex);
        ProtobufCMessage *message;
        enum wkv_code code = decode(&core__operation_descriptor__descriptor, hex, &message);
        ck_assert_msg(code == (cases[i].number < 0 ? WKV_BAD_REQUEST : WKV_OK), "%s: %d", hex, code);
        if (code == WKV_OK)
            ck_assert_int_eq(((Core__OperationDescriptor *)message)->direction, cases[i].number);
        else
            ck_assert_msg(strstr(error.text, "field \"direction\" of OperationDescriptor must be a map") !=
                              NULL,
                          "%s: %s", hex, error.text);
    }
}
END_TEST

START_TEST(a_map_field_comes_out_in_the_order_of_its_keys)
{
    ProtobufCMessage *message;
    ck_assert_int_eq(decode(&core__capability_configuration__descriptor,
                            "81 a676616c756573 84 a162 a131 a2 6161 a132 a0 a133 a161 c4 01 34", &message),
                     WKV_OK);
    Core__CapabilityConfiguration *configuration = (Core__CapabilityConfiguration *)message;
    static const char *const keys[] = {"", "a", "aa", "b"}, *const values[] = {"3", "4", "2", "1"};
    ck_assert_uint_eq(configuration->n_values, 4);
    for (int i = 0; i < 4; i++)
        ck_assert(is(configuration->values[i]->key, keys[i]) &&
                  is(configuration->values[i]->value, values[i]));
}
END_TEST

enum { GET, SET, UNION, RESPONSE, CONFIGURATION, DESCRIPTOR };
static const ProtobufCMessageDescriptor *const types[] = {
    &keyvalue__get_request__descriptor,          &keyvalue__set_request__descriptor,
    &keyvalue__set_union_request__descriptor,    &keyvalue__get_response__descriptor,
    &core__capability_configuration__descriptor, &core__capability_descriptor__descriptor};

/* "SECRET" (534543524554) and 666 (cd029a) stand where an error might quote the request. */
static const struct {
    int type;
    const char *hex;
    const char *says;
} bad[] = {
    {GET, "", "not a GetRequest in MessagePack at byte 0 (it ends too early): send a map of its fields"},
    {GET, "c0", "at byte 0 (no map)"},
    {GET, "01", "at byte 0 (no map)"},
    {GET, "c3", "at byte 0 (no map)"},
    {GET, "a6 534543524554", "at byte 0 (no map)"},
    {GET, "c4 06 534543524554", "at byte 0 (no map)"},
    {GET, "cb 3ff0000000000000", "at byte 0 (no map)"},
    {GET, "d4 01 02", "at byte 0 (no map)"},
    {GET, "c1", "at byte 0 (no value begins with the byte c1)"},
    {GET, "7b 22 6b 65 79 22 3a 22 61 22 7d", "at byte 0 (no map)"},
    {GET, "81", "at byte 0 (a map has more entries than bytes are left)"},
    {GET, "df ffffffff", "a map has more entries than bytes are left"},
    {GET, "df ffffffff a36b6579 a16b", "a map has more entries than bytes are left"},
    {GET, "de ffff 0000", "a map has more entries than bytes are left"},
    {GET, "dd ffffffff", "an array has more elements than bytes are left"},
    {GET, "dd ffffffff a16b", "an array has more elements than bytes are left"},
    {GET, "81 a36b6579", "at byte 5 (it ends too early)"},
    {GET, "81 a36b6579 a6 5345", "at byte 5 (it ends too early)"},
    {GET, "81 a36b6579 db ffffffff 53", "at byte 5 (it ends too early)"},
    {GET, "81 a36b6579 c6 ffffffff 53", "at byte 5 (it ends too early)"},
    {GET, "81 a36b6579 c1", "at byte 5 (no value begins with the byte c1)"},
    {GET, "82 a178 c1 a36b6579 a16b", "at byte 3 (no value begins with the byte c1)"},
    {GET, "82 a178 dd ffffffff a36b6579 a16b", "at byte 3 (an array has more elements than bytes"},
    {GET, "81 a36b6579 a16b c0", "at byte 7 (something follows the message)"},
    {GET, "81 a36b6579 a16b 81 a36b6579 a6 534543524554", "something follows the message"},
    {GET, "93 a16b 01 c1", "at byte 4 (no value begins with the byte c1)"},
    {GET, "91 a16b c1", "something follows the message"},
    {GET, "82 a36b6579 a16b a36b6579 a6 534543524554", "field \"key\" of GetRequest is there twice"},
    {GET, "82 a36b6579 a16b c4 03 6b6579 a16b", "field \"key\" of GetRequest is there twice"},
    {SET, "82 a765787069726573 01 a9657870697265735f73 01",
     "field \"expires_s\" of SetRequest is there twice"},
    {SET, "82 a8 6578706972657353 01 a765787069726573 01",
     "field \"expires_s\" of SetRequest is there twice"},
    {GET, "81 00 a16b", "a key in the map of a GetRequest is no text: send its fields by their names"},
    {GET, "81 c0 a16b", "a key in the map of a GetRequest is no text"},
    {GET, "81 93 000000 a16b", "a key in the map of a GetRequest is no text"},
    {GET, "81 d6 00 6b657900 a16b", "a key in the map of a GetRequest is no text"},
    {GET, "81 a36b6579 cd029a", "field \"key\" of GetRequest must be text in UTF-8, as str or bin"},
    {GET, "81 a36b6579 c2", "field \"key\" of GetRequest must be text"},
    {GET, "81 a36b6579 91 a6 534543524554", "field \"key\" of GetRequest must be text"},
    {GET, "81 a36b6579 80", "field \"key\" of GetRequest must be text"},
    {GET, "81 a36b6579 d5 01 6b6b", "field \"key\" of GetRequest must be text"},
    {GET, "81 a36b6579 ca 3f800000", "field \"key\" of GetRequest must be text"},
    {GET, "81 a36b6579 a7 534543524554 ff", "field \"key\" of GetRequest must be text in UTF-8"},
    {GET, "81 a36b6579 a2 c080", "field \"key\" of GetRequest must be text in UTF-8"},
    {GET, "81 a36b6579 c4 03 eda080", "field \"key\" of GetRequest must be text in UTF-8"},
    {GET, "91 cd029a", "field \"key\" of GetRequest must be text"},
    {SET, "81 a765787069726573 cb 407e000000000000", "must be a whole number from -2147483648 to 2147483647"},
    {SET, "81 a765787069726573 ca 3f800000", "must be a whole number"},
    {SET, "81 a765787069726573 a3 363636", "must be a whole number"},
    {SET, "81 a765787069726573 c3", "must be a whole number"},
    {SET, "81 a765787069726573 d4 01 01", "must be a whole number"},
    {SET, "81 a765787069726573 90", "must be a whole number"},
    {SET, "93 a16b a176 a3 363636", "field \"expires_s\" of SetRequest must be a whole number"},
    {RESPONSE, "81 a6657869737473 01", "field \"exists\" of GetResponse must be true or false"},
    {RESPONSE, "81 a6657869737473 a474727565", "must be true or false"},
    {UNION, "81 a46b657973 a6 534543524554", "field \"keys\" of SetUnionRequest must be an array"},
    {UNION, "81 a46b657973 80", "field \"keys\" of SetUnionRequest must be an array"},
    {UNION, "81 a46b657973 92 a161 cd029a", "each element of field \"keys\" of SetUnionRequest must be text"},
    {UNION, "81 a46b657973 91 c0", "each element of field \"keys\""},
    {UNION, "81 a46b657973 91 90", "each element of field \"keys\""},
    {UNION, "81 a46b657973 91 a1 ff",
     "each element of field \"keys\" of SetUnionRequest must be text in UTF"},
    {UNION, "81 a46b657973 dd ffffffff a161", "an array has more elements than bytes are left"},
    {UNION, "81 a46b657973 dd 7fffffff a161", "an array has more elements than bytes are left"},
    {CONFIGURATION, "81 a676616c756573 90",
     "field \"values\" of CapabilityConfiguration must be a map of texts"},
    {CONFIGURATION, "81 a676616c756573 91 82 a36b6579 a161 a576616c7565 a162", "must be a map of texts"},
    {CONFIGURATION, "81 a676616c756573 81 a161 cd029a",
     "each element of field \"values\" of CapabilityConfiguration must be text"},
    {CONFIGURATION, "81 a676616c756573 81 a161 c0", "each element of field \"values\""},
    {CONFIGURATION, "81 a676616c756573 81 01 a161", "each element of field \"values\""},
    {CONFIGURATION, "81 a676616c756573 81 a1 ff a161", "each element of field \"values\""},
    {CONFIGURATION, "81 a676616c756573 83 a161 a131 a162 a132 a161 a133",
     "field \"values\" of CapabilityConfiguration must be a map that has each key once"},
    {CONFIGURATION, "81 a676616c756573 82 a0 a131 c4 00 a132", "a map that has each key once"},
    {CONFIGURATION, "81 a676616c756573 df ffffffff a161 a162", "a map has more entries than bytes are left"},
    {DESCRIPTOR, "81 b4737570706f727465645f6f7065726174696f6e73 91 c0",
     "each element of field \"supported_operations\" of CapabilityDescriptor must be a map"},
    {DESCRIPTOR, "81 b4737570706f727465645f6f7065726174696f6e73 91 a6 534543524554",
     "each element of field \"supported_operations\" of CapabilityDescriptor must be a map"},
    {DESCRIPTOR, "81 b4737570706f727465645f6f7065726174696f6e73 91 81 a46e616d65 01",
     "field \"name\" of OperationDescriptor must be text"},
};

START_TEST(refuses_what_is_wrong_says_what_is_right_and_never_quotes)
{
    ProtobufCMessage *message = (ProtobufCMessage *)&arena;
    enum wkv_code code = decode(types[bad[_i].type], bad[_i].hex, &message);
    ck_assert_msg(code == WKV_BAD_REQUEST, "%s: %d", bad[_i].hex, code);
    ck_assert_int_eq(error.code, WKV_BAD_REQUEST);
    ck_assert_ptr_null(message);
    ck_assert_msg(strstr(error.text, bad[_i].says) != NULL, "%s: %s", bad[_i].hex, error.text);
    ck_assert_msg(strstr(error.text, "SECRET") == NULL, "%s: %s", bad[_i].hex, error.text);
    ck_assert_msg(strstr(error.text, "666") == NULL, "%s: %s", bad[_i].hex, error.text);
    ck_assert_msg(strlen(error.text) < WKV_ERROR_TEXT_BYTES - 1, "cut: %s", error.text);
}
END_TEST

/* head, depth times, under an unknown name. */
static enum wkv_code decode_nested(uint8_t head, size_t depth)
{
    size_t len = 3 + (head == 0x81 ? 2 : 1) * depth + 1, at = 3;
    uint8_t *bytes = malloc(len);
    memcpy(bytes, "\x81\xa1x", 3);
    for (size_t i = 0; i < depth; i++) {
        bytes[at++] = head;
        if (head == 0x81)
            bytes[at++] = 0;
    }
    bytes[at] = 0;
    ProtobufCMessage *message;
    enum wkv_code code = decode_bytes(types[GET], bytes, len, &message);
    free(bytes);
    return code;
}

START_TEST(nesting_has_an_end)
{
    for (int map = 0; map < 2; map++) {
        uint8_t head = map ? 0x81 : 0x91;
        ck_assert_int_eq(decode_nested(head, 32), WKV_OK);
        ck_assert_int_eq(decode_nested(head, 33), WKV_BAD_REQUEST);
        ck_assert_ptr_nonnull(strstr(error.text, "nested too deeply"));
        ck_assert_int_eq(decode_nested(head, 1000000), WKV_BAD_REQUEST);
        ck_assert_ptr_nonnull(strstr(error.text, "nested too deeply"));
    }
}
END_TEST

/* A message in itself, which no .proto here has: message Node { Node next = 1; } */
struct node {
    ProtobufCMessage base;
    struct node *next;
};

static const ProtobufCMessageDescriptor node_type;
static const ProtobufCFieldDescriptor node_fields[] = {{.name = "next",
                                                        .id = 1,
                                                        .label = PROTOBUF_C_LABEL_OPTIONAL,
                                                        .type = PROTOBUF_C_TYPE_MESSAGE,
                                                        .offset = offsetof(struct node, next),
                                                        .descriptor = &node_type}};
static const ProtobufCIntRange node_ranges[] = {{1, 0}, {0, 1}};

static void node_init(ProtobufCMessage *message)
{
    memset(message, 0, sizeof(struct node));
    message->descriptor = &node_type;
}

static const ProtobufCMessageDescriptor node_type = {.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
                                                     .name = "Node",
                                                     .short_name = "Node",
                                                     .sizeof_message = sizeof(struct node),
                                                     .n_fields = 1,
                                                     .fields = node_fields,
                                                     .n_field_ranges = 1,
                                                     .field_ranges = node_ranges,
                                                     .message_init = node_init};

START_TEST(messages_in_messages_have_an_end_too)
{
    static uint8_t bytes[1000000];
    memset(bytes, 0x91, sizeof bytes);
    ProtobufCMessage *message;
    ck_assert_int_eq(decode_bytes(&node_type, bytes, sizeof bytes, &message), WKV_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(error.text, "nested too deeply"));
    bytes[31] = 0x90;
    ck_assert_int_eq(decode_bytes(&node_type, bytes, 32, &message), WKV_OK);
    ck_assert_ptr_nonnull(((struct node *)message)->next->next);
    bytes[31] = 0x91;
    bytes[32] = 0x90;
    ck_assert_int_eq(decode_bytes(&node_type, bytes, 33, &message), WKV_BAD_REQUEST);
    ck_assert_int_eq(decode(&node_type, "91 c0", &message), WKV_OK);
    ck_assert_ptr_null(((struct node *)message)->next);
}
END_TEST

/* message Reals { double real = 1; } */
struct reals {
    ProtobufCMessage base;
    double real;
};

static const ProtobufCFieldDescriptor reals_fields[] = {{.name = "real",
                                                         .id = 1,
                                                         .label = PROTOBUF_C_LABEL_NONE,
                                                         .type = PROTOBUF_C_TYPE_DOUBLE,
                                                         .offset = offsetof(struct reals, real)}};

static void reals_init(ProtobufCMessage *message);

static const ProtobufCMessageDescriptor reals_type = {.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
                                                      .name = "Reals",
                                                      .short_name = "Reals",
                                                      .sizeof_message = sizeof(struct reals),
                                                      .n_fields = 1,
                                                      .fields = reals_fields,
                                                      .n_field_ranges = 1,
                                                      .field_ranges = node_ranges,
                                                      .message_init = reals_init};

static void reals_init(ProtobufCMessage *message)
{
    memset(message, 0, sizeof(struct reals));
    message->descriptor = &reals_type;
}

START_TEST(a_type_that_is_not_supported_is_told)
{
    ProtobufCMessage *message;
    ck_assert_int_eq(decode(&reals_type, "81 a47265616c cb 3ff0000000000000", &message), WKV_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(error.text, "field \"real\" of Reals is not supported in MessagePack"));
}
END_TEST

/* A megabyte of each asks for the most memory for its size. */
static const struct {
    const char *what;
    int type;
    const char *start; /* in front of a count of 4 bytes */
    const char *unit;
} floods[] = {
    {"empty texts", UNION, "81 a46b657973 dd", "a0"},
    {"nils", UNION, "81 a46b657973 dd", "c0"},
    {"empty messages", DESCRIPTOR, "81 b4737570706f727465645f6f7065726174696f6e73 dd", "80"},
    {"unknown fields", GET, "df", "a178 00"},
    {"too many fields", GET, "dd", "a0"},
    {"map entries", CONFIGURATION, "81 a676616c756573 df", "a0 a0"},
};

START_TEST(a_flood_of_tiny_values_ends_within_the_arena)
{
    size_t start_len, unit_len;
    uint8_t *start = hex_bytes(floods[_i].start, &start_len);
    uint8_t *unit = hex_bytes(floods[_i].unit, &unit_len);
    size_t count = (1 << 20) / unit_len, len = start_len + 4;
    uint8_t *bytes = malloc(len + count * unit_len);
    memcpy(bytes, start, start_len);
    for (int i = 0; i < 4; i++)
        bytes[start_len + (size_t)i] = (uint8_t)(count >> (24 - 8 * i));
    for (size_t i = 0; i < count; i++, len += unit_len)
        memcpy(bytes + len, unit, unit_len);
    ProtobufCMessage *message;
    enum wkv_code code = decode_bytes(types[floods[_i].type], bytes, len, &message);
    ck_assert_msg(code == WKV_OK || code == WKV_TOO_LARGE || code == WKV_BAD_REQUEST, "%s: %d",
                  floods[_i].what, code);
    ck_assert_uint_le(arena.total_bytes, arena.max_bytes);
    free(bytes);
    free(unit);
    free(start);
}
END_TEST

START_TEST(a_hostile_count_costs_nothing)
{
    static const char *const cases[] = {"dd ffffffff", "df ffffffff", "81 a46b657973 dd ffffffff a161",
                                        "81 a46b657973 db ffffffff", "81 a178 dd ffffffff 00"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wkv_arena small;
        ck_assert(wkv_arena_init(&small, 256, SIZE_MAX));
        size_t len;
        uint8_t *bytes = hex_bytes(cases[i], &len);
        ProtobufCMessage *message;
        ck_assert_int_eq(wkv_decode(types[UNION], WKV_MSGPACK, bytes, len, &small, &message, &error),
                         WKV_BAD_REQUEST);
        ck_assert_uint_eq(small.total_bytes, 256);
        free(bytes);
        wkv_arena_destroy(&small);
    }
}
END_TEST

START_TEST(an_arena_that_runs_out_anywhere_is_not_a_bad_request)
{
    size_t len;
    uint8_t *bytes = hex_bytes(descriptors[0], &len);
    size_t refused = 0;
    for (size_t max = 16; max < 2048; max += 16) {
        struct wkv_arena small;
        ck_assert(wkv_arena_init(&small, 16, max));
        ProtobufCMessage *message;
        enum wkv_code code = wkv_decode(types[DESCRIPTOR], WKV_MSGPACK, bytes, len, &small, &message, &error);
        ck_assert_msg(code == WKV_TOO_LARGE || code == WKV_OK, "%zu bytes: %d", max, code);
        ck_assert((code == WKV_OK) == (message != NULL));
        refused += code == WKV_TOO_LARGE;
        wkv_arena_destroy(&small);
    }
    ck_assert_uint_gt(refused, 16);
    ck_assert_uint_lt(refused, 127);
    free(bytes);
}
END_TEST

START_TEST(every_prefix_is_refused_and_every_changed_byte_ends_cleanly)
{
    static const struct {
        int type;
        const char *hex;
    } wholes[] = {
        {SET, "83a36b6579a16ba576616c7565a176a7657870697265733c"},
        {SET, "93a16ba176d0c4"},
        {UNION, "81a46b65797392a161a162"},
        {CONFIGURATION, "82a66d6f64756c65a64d4143544f52a676616c75657381a84b45595350414345a4626c7565"},
        {DESCRIPTOR, NAMED_DESCRIPTOR}};
    size_t full;
    uint8_t *whole = hex_bytes(wholes[_i].hex, &full);
    ProtobufCMessage *message;
    for (size_t len = 0; len < full; len++) {
        uint8_t *exact = malloc(len > 0 ? len : 1);
        memcpy(exact, whole, len);
        ck_assert_msg(decode_bytes(types[wholes[_i].type], exact, len, &message) == WKV_BAD_REQUEST, "%zu",
                      len);
        wkv_arena_reset(&arena);
        free(exact);
    }
    for (size_t at = 0; at < full; at++) {
        uint8_t was = whole[at];
        for (unsigned byte = (unsigned)at % test_stride(); byte < 256; byte += test_stride()) {
            whole[at] = (uint8_t)byte;
            enum wkv_code code = decode_bytes(types[wholes[_i].type], whole, full, &message);
            ck_assert(code == WKV_OK || code == WKV_BAD_REQUEST);
            ck_assert((code == WKV_OK) == (message != NULL));
            wkv_arena_reset(&arena);
        }
        whole[at] = was;
    }
    free(whole);
}
END_TEST

START_TEST(leaves_the_error_alone_where_it_succeeds_and_needs_none)
{
    ProtobufCMessage *message;
    snprintf(error.text, sizeof error.text, "before");
    ck_assert_int_eq(decode(types[GET], "80", &message), WKV_OK);
    ck_assert_str_eq(error.text, "before");
    ck_assert_int_eq(wkv_decode(types[GET], WKV_MSGPACK, "\xc1", 1, &arena, &message, NULL), WKV_BAD_REQUEST);
}
END_TEST

Suite *msgpack_decode_suite(void)
{
    Suite *suite = suite_create("codec/msgpack_decode");
    TCase *tests = tcase_create("msgpack_decode");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, decodes_a_struct_in_each_of_its_forms, 0, (int)(sizeof good / sizeof good[0]));
    tcase_add_loop_test(tests, takes_an_integer_of_any_form_that_the_field_holds, 0,
                        INTEGERS * INTEGER_FIELDS);
    tcase_add_test(tests, decodes_a_repeated_text);
    tcase_add_test(tests, decodes_the_other_real_requests);
    tcase_add_test(tests, a_message_without_fields_may_be_anything_that_holds_none);
    tcase_add_loop_test(tests, decodes_messages_in_messages_and_enums, 0, 3);
    tcase_add_test(tests, takes_an_enum_in_each_of_its_forms);
    tcase_add_test(tests, a_map_field_comes_out_in_the_order_of_its_keys);
    tcase_add_loop_test(tests, refuses_what_is_wrong_says_what_is_right_and_never_quotes, 0,
                        (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(tests, nesting_has_an_end);
    tcase_add_test(tests, messages_in_messages_have_an_end_too);
    tcase_add_test(tests, a_type_that_is_not_supported_is_told);
    tcase_add_loop_test(tests, a_flood_of_tiny_values_ends_within_the_arena, 0,
                        (int)(sizeof floods / sizeof floods[0]));
    tcase_add_test(tests, a_hostile_count_costs_nothing);
    tcase_add_test(tests, an_arena_that_runs_out_anywhere_is_not_a_bad_request);
    tcase_add_loop_test(tests, every_prefix_is_refused_and_every_changed_byte_ends_cleanly, 0, 5);
    tcase_add_test(tests, leaves_the_error_alone_where_it_succeeds_and_needs_none);
    suite_add_tcase(suite, tests);
    return suite;
}
