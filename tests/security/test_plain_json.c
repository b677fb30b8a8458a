/* The plain form of claims: what of it is read, and that all else is left to json.h, untouched. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "security/json.h"

static const char *sub, *hash;
static int64_t iat;

/* Reads {sub, iat, wascap: {hash}} out of a copy of exactly as many bytes, so that a sanitizer sees a step
 * beyond. *copy is the caller's to free. */
static bool read_plain(const char *json, char **copy)
{
    size_t len = strlen(json);
    *copy = malloc(len + 1);
    ck_assert_ptr_nonnull(*copy);
    char *bytes = *copy + 1; /* at no even address */
    memcpy(bytes, json, len);
    struct wkv_member wascap[] = {{.name = "hash", .required = true, .text = &hash}};
    struct wkv_member members[] = {
        {.name = "sub", .required = true, .text = &sub},
        {.name = "iat", .number = &iat, .high = INT64_MAX},
        {.name = "wascap", .required = true, .members = wascap, .count = 1},
    };
    sub = hash = NULL;
    iat = -1;
    bool plain = wkv_plain_object(bytes, len, members, 3);
    if (!plain) {
        ck_assert_mem_eq(bytes, json, len);
        ck_assert_ptr_null(sub);
        ck_assert_ptr_null(hash);
        ck_assert_int_eq(iat, -1);
    }
    return plain;
}

static const struct {
    const char *json;
    const char *sub;
    const char *hash;
    int64_t iat;
} plain[] = {
    {"{\"sub\":\"S\",\"iat\":17,\"wascap\":{\"hash\":\"H\"}}", "S", "H", 17},
    {"{\"wascap\":{\"hash\":\"H\"},\"iat\":0,\"sub\":\"S\"}", "S", "H", 0},
    {"{\"sub\":\"\",\"wascap\":{\"hash\":\"a longer one, of {}[]:,/ and ~ \"}}", "",
     "a longer one, of {}[]:,/ and ~ ", -1},
    {"{\"sub\":\"S\",\"iat\":999999999999999,\"wascap\":{\"hash\":\"H\"}}", "S", "H", 999999999999999},
};

START_TEST(the_plain_form_is_read_as_jansson_reads_it)
{
    char *copy;
    ck_assert(read_plain(plain[_i].json, &copy));
    ck_assert_str_eq(sub, plain[_i].sub);
    ck_assert_str_eq(hash, plain[_i].hash);
    ck_assert_int_eq(iat, plain[_i].iat);
    json_t *document = NULL;
    ck_assert_int_eq(
        wkv_json_object("it", (const unsigned char *)plain[_i].json, strlen(plain[_i].json), &document, NULL),
        WKV_OK);
    ck_assert_str_eq(json_string_value(json_object_get(document, "sub")), sub);
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(document, "wascap"), "hash")), hash);
    if (iat >= 0)
        ck_assert_int_eq(json_integer_value(json_object_get(document, "iat")), iat);
    json_decref(document);
    free(copy);
}
END_TEST

#define REST "\"wascap\":{\"hash\":\"H\"}}"

static const char *const others[] = {
    "",
    "{",
    "{}",
    "[]",
    "{\"sub\"",
    "{\"sub\":",
    "{\"sub\":\"S",
    "{\"sub\":\"S\"",
    "{\"sub\":\"S\",}",
    "{\"sub\":\"S\"}",
    "{\"sub\":\"S\",\"wascap\":{}}",
    "{\"sub\":\"S\",\"wascap\":{\"hash\":\"H\"}",
    "{\"sub\":\"S\",\"wascap\":{\"hash\":\"H\"}}}",
    "{\"sub\":\"S\",\"wascap\":{\"hash\":\"H\"}} ",
    " {\"sub\":\"S\"," REST,
    "{\"sub\": \"S\"," REST,
    "{,\"sub\":\"S\"," REST,
    "{\"sub\":\"S\",," REST,
    "{\"sub\":\"S\"\"iat\":1," REST,
    "{\"sub\":\"S\",\"sub\":\"S\"," REST,
    "{\"sub\":\"S\",\"wascap\":{\"hash\":\"H\"}," REST,
    "{\"sub\":\"S\",\"wascap\":{\"hash\":\"H\",\"hash\":\"H\"}}",
    "{\"sub\":\"S\",\"su\":\"S\"," REST,
    "{\"sub\":\"S\",\"subs\":\"S\"," REST,
    "{\"sub\":\"S\",\"\":\"S\"," REST,
    "{\"sub\":\"S\\n\"," REST,
    "{\"sub\":\"S\\\"," REST,
    "{\"\\u0073ub\":\"S\"," REST,
    "{\"sub\":\"S\n\"," REST,
    "{\"sub\":\"0123456\x01\"," REST,
    "{\"sub\":\"0123456\x7f\"," REST,
    "{\"sub\":\"0123456\xc3\xa4\"," REST,
    "{\"sub\":\"0123456\xff\"," REST,
    "{\"sub\":1," REST,
    "{\"sub\":null," REST,
    "{\"sub\":{}," REST,
    "{\"sub\":[\"S\"]," REST,
    "{\"sub\":\"S\",\"wascap\":\"H\"}",
    "{\"sub\":\"S\",\"iat\":\"1\"," REST,
    "{\"sub\":\"S\",\"iat\":," REST,
    "{\"sub\":\"S\",\"iat\":-1," REST,
    "{\"sub\":\"S\",\"iat\":+1," REST,
    "{\"sub\":\"S\",\"iat\":01," REST,
    "{\"sub\":\"S\",\"iat\":00," REST,
    "{\"sub\":\"S\",\"iat\":1.0," REST,
    "{\"sub\":\"S\",\"iat\":1e3," REST,
    "{\"sub\":\"S\",\"iat\":0x1," REST,
    "{\"sub\":\"S\",\"iat\":1000000000000000," REST,
    "{\"sub\":\"S\",\"iat\":99999999999999999999999," REST,
};

START_TEST(any_other_form_is_left_as_it_was)
{
    char *copy;
    ck_assert_msg(!read_plain(others[_i], &copy), "%s", others[_i]);
    free(copy);
}
END_TEST

START_TEST(a_nul_is_not_plain)
{
    char bytes[] = "{\"sub\":\"S\0\",\"wascap\":{\"hash\":\"H\"}}";
    struct wkv_member members[] = {{.name = "sub", .text = &sub},
                                   {.name = "iat", .number = &iat, .high = INT64_MAX}};
    ck_assert(!wkv_plain_object(bytes, sizeof bytes - 1, members, 2));
}
END_TEST

Suite *plain_json_suite(void)
{
    Suite *suite = suite_create("plain claims");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, the_plain_form_is_read_as_jansson_reads_it, 0, sizeof plain / sizeof plain[0]);
    tcase_add_loop_test(all, any_other_form_is_left_as_it_was, 0, sizeof others / sizeof others[0]);
    tcase_add_test(all, a_nul_is_not_plain);
    suite_add_tcase(suite, all);
    return suite;
}
