/* The JSON Schema of messages: the whole text of those that have each kind of field. */
#include <check.h>
#include <stdlib.h>

#include "codec/schema.h"
#include "core.pb-c.h"
#include "keyvalue.pb-c.h"

static const struct {
    struct wkv_schema_of of;
    const char *text;
} schemas[] = {
    {{.type = &keyvalue__set_request__descriptor, .is_request = true, .required = "key"},
     "{\"type\":\"object\",\"properties\":{"
     "\"key\":{\"type\":\"string\",\"minLength\":1},"
     "\"value\":{\"type\":\"string\"},"
     "\"value_base64\":{\"type\":\"string\",\"contentEncoding\":\"base64\"},"
     "\"expires_s\":{\"type\":\"integer\",\"minimum\":-2147483648,\"maximum\":2147483647},"
     "\"expires_ms\":{\"type\":\"integer\",\"format\":\"int64\"},"
     "\"keep_expiry\":{\"type\":\"boolean\"}},"
     "\"required\":[\"key\"],\"additionalProperties\":false}"},
    {{.type = &keyvalue__watch_request__descriptor, .is_request = true},
     "{\"type\":\"object\",\"properties\":{"
     "\"key\":{\"type\":\"string\"},\"prefix\":{\"type\":\"string\"},\"values\":{\"type\":\"boolean\"},"
     "\"lease_ms\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":4294967295}},"
     "\"additionalProperties\":false}"},
    {{.type = &keyvalue__watch_response__descriptor},
     "{\"type\":\"object\",\"properties\":{"
     "\"event\":{\"type\":\"string\"},\"key\":{\"type\":\"string\"},\"value\":{\"type\":\"string\"},"
     "\"value_base64\":{\"type\":\"string\",\"contentEncoding\":\"base64\"},"
     "\"number\":{\"type\":\"integer\",\"minimum\":0,\"format\":\"uint64\"},\"renew\":{\"type\":\"string\"}}"
     "}"},
    {{.type = &keyvalue__list_range_response__descriptor},
     "{\"type\":\"object\",\"properties\":{"
     "\"values\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
     "\"values_base64\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"contentEncoding\":\"base64\"}}}"
     "}"},
    {{.type = &core__capability_configuration__descriptor, .is_request = true},
     "{\"type\":\"object\",\"properties\":{\"module\":{\"type\":\"string\"},"
     "\"values\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}},"
     "\"additionalProperties\":false}"},
    {{.type = &core__operation_descriptor__descriptor},
     "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},"
     "\"direction\":{\"type\":\"string\",\"enum\":[\"to_actor\",\"to_provider\",\"both\"]},"
     "\"doctext\":{\"type\":\"string\"}}}"},
    {{.type = &core__empty__descriptor}, "{\"type\":\"object\",\"properties\":{}}"},
};

START_TEST(a_message_has_the_schema_of_its_json)
{
    json_t *schema = wkv_schema(&schemas[_i].of);
    char *text = json_dumps(schema, JSON_COMPACT);
    ck_assert_str_eq(text, schemas[_i].text);
    free(text);
    json_decref(schema);
}
END_TEST

/* A request's item has one member, a reply's at the most one; what an item needs is needed there, too. */
START_TEST(an_item_has_one_member)
{
    const struct wkv_schema_of request = {
        .type = &keyvalue__batch_request__item__descriptor, .is_request = true, .required = "key"};
    const struct wkv_schema_of reply = {.type = &keyvalue__batch_response__item__descriptor};
    json_t *asked = wkv_schema(&request), *told = wkv_schema(&reply);
    const json_t *get = json_object_get(json_object_get(asked, "properties"), "get");
    ck_assert_int_eq(json_integer_value(json_object_get(asked, "minProperties")), 1);
    ck_assert_int_eq(json_integer_value(json_object_get(asked, "maxProperties")), 1);
    ck_assert_ptr_null(json_object_get(told, "minProperties"));
    ck_assert_int_eq(json_integer_value(json_object_get(told, "maxProperties")), 1);
    ck_assert_uint_eq(json_array_size(json_object_get(get, "required")), 1);
    ck_assert_ptr_null(json_object_get(asked, "required"));
    json_decref(asked);
    json_decref(told);
}
END_TEST

Suite *schema_suite(void)
{
    Suite *suite = suite_create("codec/schema");
    TCase *tests = tcase_create("schema");
    tcase_add_loop_test(tests, a_message_has_the_schema_of_its_json, 0,
                        (int)(sizeof schemas / sizeof schemas[0]));
    tcase_add_test(tests, an_item_has_one_member);
    suite_add_tcase(suite, tests);
    return suite;
}
