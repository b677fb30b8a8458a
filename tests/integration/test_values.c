/* Contract section 3: "Values are bytes", over the real server and in every encoding. */
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "keyvalue.pb-c.h"
#include "lattice.h"

static struct lattice host;
static char actor[WKV_NKEY_PUBLIC_CHARS + 1];

static void start(void)
{
    nats_server_start(&shared.server, NULL);
    provider_serve(&shared.provider, shared.server.url, "--auth", "none", NULL);
}

static void open_both(void)
{
    people_make();
    caller_open();
    lattice_open(&host, shared.server.url, &people.host, "wasmbus", "default");
    lattice_actor(1, actor);
    client_call_on(&caller, DEFAULT_BASE, actor);
    lattice_bind(&host, actor, NULL);
}

static void close_both(void)
{
    lattice_close(&host);
    people_free();
    caller_close();
}

static const char odd[] = "\0\xff\xfe\xc3";
#define ODD_BYTES (sizeof odd - 1)
#define ODD_BASE64 "AP/+ww=="

static void set_in_protobuf(const char *key)
{
    Keyvalue__SetRequest request = KEYVALUE__SET_REQUEST__INIT;
    uint8_t packed[64];
    request.key = (ProtobufCBinaryData){strlen(key), (uint8_t *)key};
    request.value = (ProtobufCBinaryData){ODD_BYTES, (uint8_t *)odd};
    struct answer answer = client_send(&caller, "Set", packed, keyvalue__set_request__pack(&request, packed));
    ck_assert_msg(answer.code == 0, "%s", answer.text);
    answer_free(&answer);
}

/* The value of the key as protobuf tells it. */
static void check_in_protobuf(const char *key)
{
    Keyvalue__GetRequest request = KEYVALUE__GET_REQUEST__INIT;
    uint8_t packed[64];
    request.key = (ProtobufCBinaryData){strlen(key), (uint8_t *)key};
    struct answer answer = client_send(&caller, "Get", packed, keyvalue__get_request__pack(&request, packed));
    Keyvalue__GetResponse *response =
        keyvalue__get_response__unpack(NULL, answer.len, (const uint8_t *)answer.data);
    ck_assert_ptr_nonnull(response);
    ck_assert_uint_eq(response->value.len, ODD_BYTES);
    ck_assert_mem_eq(response->value.data, odd, ODD_BYTES);
    keyvalue__get_response__free_unpacked(response, NULL);
    answer_free(&answer);
}

static void check_json(const char *operation, const char *request, const char *reply)
{
    struct answer answer = client_send(&caller, operation, request, strlen(request));
    ck_assert_msg(answer.code == 0, "%s", answer.text);
    ck_assert_msg(answer.len == strlen(reply) && memcmp(answer.data, reply, answer.len) == 0, "%.*s",
                  (int)answer.len, answer.data);
    answer_free(&answer);
}

START_TEST(json_and_protobuf_tell_the_same_bytes)
{
    set_in_protobuf("a");
    check_json("Get", "{\"key\":\"a\"}",
               "{\"value\":\"\",\"value_base64\":\"" ODD_BASE64 "\",\"exists\":true}");
    check_json("Set", "{\"key\":\"b\",\"value_base64\":\"AP_-ww\"}",
               "{\"value\":\"\",\"value_base64\":\"" ODD_BASE64 "\"}");
    check_in_protobuf("b");
    client_refused(&caller, JSON, "Set", 400, "twice", "{s:s,s:s,s:s}", "key", "b", "value", "c",
                   "value_base64", "Yw==");
    client_refused(&caller, JSON, "Set", 400, "base64", "{s:s,s:s}", "key", "b", "value_base64", "*");
    check_in_protobuf("b");
}
END_TEST

START_TEST(of_several_values_all_are_in_base64)
{
    check_json("Push", "{\"key\":\"l\",\"value\":\"a\\n\"}", "{\"new_count\":1}");
    check_json("Push", "{\"key\":\"l\",\"value_base64\":\"/w==\"}", "{\"new_count\":2}");
    check_json("Range", "{\"key\":\"l\",\"stop\":-1}",
               "{\"values\":[],\"values_base64\":[\"YQo=\",\"/w==\"]}");
    check_json("ListItemDelete", "{\"key\":\"l\",\"value_base64\":\"_w\"}", "{\"new_count\":1}");
    check_json("Range", "{\"key\":\"l\",\"stop\":-1}", "{\"values\":[\"a\\n\"]}");
}
END_TEST

START_TEST(actors_of_the_lattice_are_told_that_they_cannot_read_them)
{
    set_in_protobuf("a");
    check_json("SetAdd", "{\"key\":\"s\",\"value_base64\":\"/w==\"}", "{\"new_count\":1}");
    lattice_call_refused(&host, actor, "Get", "{\"key\":\"a\"}", "UTF-8");
    lattice_call_refused(&host, actor, "SetQuery", "{\"key\":\"s\"}", "UTF-8");
    json_decref(lattice_call(&host, actor, "KeyExists", "{\"key\":\"a\"}"));
    json_decref(lattice_call(&host, actor, "Del", "{\"key\":\"a\"}"));
}
END_TEST

Suite *values_suite(void)
{
    Suite *suite = suite_create("integration/values");
    TCase *tests = tcase_create("values");
    tcase_add_unchecked_fixture(tests, start, shared_stop);
    tcase_add_checked_fixture(tests, open_both, close_both);
    tcase_add_test(tests, json_and_protobuf_tell_the_same_bytes);
    tcase_add_test(tests, of_several_values_all_are_in_base64);
    tcase_add_test(tests, actors_of_the_lattice_are_told_that_they_cannot_read_them);
    suite_add_tcase(suite, tests);
    return suite;
}
