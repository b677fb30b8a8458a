/* Contract section 5: every code, as headers and body, and nothing changed by a request that fails.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

static void start_default(void)
{
    nats_server_start(&shared.server, "max_payload: 8388608\n");
    provider_serve(&shared.provider, shared.server.url, NULL);
}

/* ---- 400 ---- */

static const struct {
    const char *operation;
    const char *request;
    size_t len;
    const char *names; /* what the text must say */
} bad[] = {
#define BAD(operation, request, names)                                                                       \
    {                                                                                                        \
        operation, request, sizeof request - 1, names                                                        \
    }
    /* Bytes that do not decode. */
    BAD("Get",
        "\x0a\x05"
        "a",
        NULL),
    BAD("Get", "\xff\xff\xff\xff", NULL),
    BAD("Get", "\x0a", NULL),
    BAD("Get", "key", NULL),
    BAD("Get", "[\"key\"]", NULL),
    BAD("Get", "\x08\x01", "key"), /* a number where a text belongs */
    BAD("Add",
        "\x0a\x01"
        "k"
        "\x12\x01"
        "1",
        "value"),
    BAD("Set",
        "\x0a\x01"
        "k"
        "\x10\x01",
        "value"),
    BAD("Get", "\x0b\x0c", NULL),
    BAD("Get", "{", NULL),
    BAD("Get", "{\"key\":\"a\"", NULL),
    BAD("Get", "{\"key\":\"a\"}}", NULL),
    BAD("Get", "{\"key\":\"a\"} x", NULL),
    BAD("Get", "{\"key\":1}", "key"),
    BAD("Get", "{\"key\":[\"a\"]}", "key"),
    BAD("Get", "{\"key\":\"a\",\"kye\":\"b\"}", NULL),
    BAD("Get", "{\"key\":\"a\",\"key\":\"b\"}", NULL),
    BAD("Set", "{\"key\":\"k\",\"value\":2}", "value"),
    BAD("Set", "{\"key\":\"k\",\"value\":\"1\",\"expires_s\":1,\"expiresS\":1}", NULL),
    BAD("Set", "{\"key\":\"k\",\"value\":\"1\",\"expires_s\":2147483648}", "expires_s"),
    BAD("Set", "{\"key\":\"k\",\"value\":\"1\",\"expires_s\":1.5}", "expires_s"),
    BAD("Set", "{\"key\":\"k\",\"value\":\"1\",\"expires_s\":true}", "expires_s"),
    BAD("Add", "{\"key\":\"k\",\"value\":2147483648}", "value"),
    BAD("Add", "{\"key\":\"k\",\"value\":-2147483649}", "value"),
    BAD("Add", "{\"key\":\"k\",\"value\":\"x\"}", "value"),
    BAD("Add", "{\"key\":\"k\",\"value\":1e99}", "value"),
    BAD("SetUnion", "{\"keys\":\"a\"}", "keys"),
    BAD("SetUnion", "{\"keys\":[1]}", "keys"),
    /* Invalid UTF-8: a stray byte, an overlong form, a surrogate. */
    BAD("Set",
        "\x0a\x01"
        "k"
        "\x12\x01\xff",
        "value"),
    BAD("Set",
        "\x0a\x02\xc0\x80"
        "\x12\x01"
        "1",
        "key"),
    BAD("Set",
        "\x0a\x01"
        "k"
        "\x12\x03\xed\xa0\x80",
        "value"),
    BAD("SetUnion",
        "\x0a\x01"
        "a"
        "\x0a\x01\x80",
        "keys"),
    BAD("Set", "{\"key\":\"k\",\"value\":\"\xff\"}", NULL),
    BAD("Set", "{\"key\":\"k\",\"value\":\"\\ud800\"}", NULL),
    /* An empty key, in each operation. */
    BAD("Get", "", "key is empty"),
    BAD("Get", "{}", "key is empty"),
    BAD("Set", "{\"value\":\"1\"}", "key is empty"),
    BAD("Set",
        "\x12\x01"
        "1",
        "key is empty"),
    BAD("Del", "{\"key\":\"\"}", "key is empty"),
    BAD("Add", "\x10\x01", "key is empty"),
    BAD("Push", "{\"value\":\"x\"}", "key is empty"),
    BAD("ListItemDelete", "", "key is empty"),
    BAD("Range", "{\"key\":null}", "key is empty"),
    BAD("Clear", "", "key is empty"),
    BAD("SetAdd",
        "\x0a\x00"
        "\x12\x01"
        "x",
        "key is empty"),
    BAD("SetRemove", "{}", "key is empty"),
    BAD("SetQuery", "", "key is empty"),
    BAD("SetUnion", "{\"keys\":[\"a\",\"\"]}", "key is empty"),
    BAD("SetIntersection", "\x0a\x00", "key is empty"),
    BAD("KeyExists", "", "key is empty"),
    /* A negative expiry, int32 overflow. */
    BAD("Set", "{\"key\":\"k\",\"value\":\"2\",\"expires_s\":-1}", "expires_s"),
    BAD("Set",
        "\x0a\x01"
        "k"
        "\x12\x01"
        "2"
        "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        "expires_s"),
    BAD("Add", "{\"key\":\"most\",\"value\":1}", "int32"),
    BAD("Add",
        "\x0a\x04"
        "most"
        "\x10\x01",
        "int32"),
#undef BAD
};

static void check_text(const char *key, const char *value)
{
    json_t *reply = client_call(&caller, PROTOBUF, "Get", "{s:s}", "key", key);
    ck_assert_msg(json_is_true(json_object_get(reply, "exists")) &&
                      strcmp(json_string_value(json_object_get(reply, "value")), value) == 0,
                  "%s has changed", key);
    json_decref(reply);
}

START_TEST(what_is_wrong_with_a_request_is_400_and_changes_nothing)
{
    json_decref(client_call(&caller, JSON, "Set", "{s:s,s:s}", "key", "k", "value", "17"));
    json_decref(client_call(&caller, JSON, "Set", "{s:s,s:s}", "key", "most", "value", "2147483647"));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct answer answer = client_send(&caller, bad[i].operation, bad[i].request, bad[i].len);
        ck_assert_msg(answer.code == 400, "row %zu: %s: %d %s", i, bad[i].operation, answer.code,
                      answer.text);
        check_refusal(&answer, bad[i].operation, 400, bad[i].names);
        answer_free(&answer);
    }
    check_text("k", "17");
    check_text("most", "2147483647");
}
END_TEST

/* "No secret is ever printed or logged, and no key's value": an error's text goes to logs of callers. */
START_TEST(no_error_quotes_a_value)
{
    static const char *const requests[] = {"{\"key\":\"a\",\"value\":\"MARKER\",\"expires_s\":-1}",
                                           "{\"key\":\"a\",\"value\":\"MARKER\",\"MARKER\":1}",
                                           "{\"key\":\"a\",\"value\":[\"MARKER\"]}",
                                           "{\"key\":\"a\",\"value\":\"MARKER\xff\"}",
                                           "{\"key\":\"a\",\"value\":\"MARKER",
                                           "{\"key\":\"a\",\"value\":MARKER}",
                                           "\012\001a\022\177MARKER"};
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        struct answer answer = client_send(&caller, "Set", requests[i], strlen(requests[i]));
        check_refusal(&answer, "Set", 400, NULL);
        ck_assert_msg(strstr(answer.text, "MARKER") == NULL, "%s", answer.text);
        answer_free(&answer);
    }
}
END_TEST

/* ---- 413 ---- */

static char *text_of_size(size_t len, char c)
{
    char *text = malloc(len + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, c, len);
    text[len] = '\0';
    return text;
}

#define MAX_KEY 16384
#define MAX_VALUE (1 << 20)

static const char *const one_key[] = {"Get",   "Set",   "Del",    "Add",       "Push",     "ListItemDelete",
                                      "Range", "Clear", "SetAdd", "SetRemove", "SetQuery", "KeyExists"};

START_TEST(a_key_over_its_limit_is_413)
{
    enum encoding encoding = (enum encoding)_i;
    char *longest = text_of_size(MAX_KEY, 'k'), *longer = text_of_size(MAX_KEY + 1, 'k');
    for (size_t i = 0; i < sizeof one_key / sizeof one_key[0]; i++)
        client_refused(&caller, encoding, one_key[i], 413, "16385", "{s:s}", "key", longer);
    client_refused(&caller, encoding, "SetUnion", 413, "16384", "{s:[s,s]}", "keys", "a", longer);
    client_refused(&caller, encoding, "SetIntersection", 413, "16384", "{s:[s,s]}", "keys", longer, "a");
    json_decref(client_call(&caller, encoding, "Set", "{s:s,s:s}", "key", longest, "value", "1"));
    ck_assert(client_exists(&caller, longest));
    json_decref(client_call(&caller, encoding, "Del", "{s:s}", "key", longest));
    free(longest);
    free(longer);
}
END_TEST

START_TEST(a_value_over_its_limit_is_413)
{
    static const char *const with_value[] = {"Set", "Push", "ListItemDelete", "SetAdd", "SetRemove"};
    enum encoding encoding = (enum encoding)_i;
    char *largest = text_of_size(MAX_VALUE, 'v'), *larger = text_of_size(MAX_VALUE + 1, 'v');
    for (size_t i = 0; i < sizeof with_value / sizeof with_value[0]; i++)
        client_refused(&caller, encoding, with_value[i], 413, "1048577", "{s:s,s:s}", "key", "large", "value",
                       larger);
    ck_assert(!client_exists(&caller, "large"));
    json_decref(client_call(&caller, encoding, "Set", "{s:s,s:s}", "key", "large", "value", largest));
    client_refused(&caller, encoding, "Set", 413, "1048576", "{s:s,s:s}", "key", "large", "value", larger);
    json_t *reply = client_call(&caller, encoding, "Get", "{s:s}", "key", "large");
    ck_assert_uint_eq(json_string_length(json_object_get(reply, "value")), MAX_VALUE);
    json_decref(reply);
    json_decref(client_call(&caller, encoding, "Del", "{s:s}", "key", "large"));
    free(largest);
    free(larger);
}
END_TEST

START_TEST(more_keys_than_a_request_may_name_are_413)
{
    enum encoding encoding = (enum encoding)_i;
    json_t *keys = json_array();
    for (int i = 0; i < 8192; i++)
        (void)json_array_append_new(keys, json_string("missing"));
    json_decref(client_call(&caller, encoding, "SetUnion", "{s:O}", "keys", keys));
    (void)json_array_append_new(keys, json_string("missing"));
    client_refused(&caller, encoding, "SetUnion", 413, "8193", "{s:O}", "keys", keys);
    client_refused(&caller, encoding, "SetIntersection", 413, "8192", "{s:O}", "keys", keys);
    json_decref(keys);
}
END_TEST

#define SMALL_PAYLOAD 4096
#define ITEMS 60
#define ITEM_BYTES 100

static void start_small(void)
{
    nats_server_start(&shared.server, "max_payload: 4096\n");
    provider_serve(&shared.provider, shared.server.url, "--max-value-size", "2kb", NULL);
}

/* The size of a reply with so many values, in each encoding. */
static size_t values_size(enum encoding encoding, size_t count)
{
    static const size_t frame = sizeof "{\"values\":[]}" - 1;
    /* A field's tag, its length and its bytes; or two quotes, the bytes and mostly a comma. */
    return encoding == PROTOBUF ? count * (2 + ITEM_BYTES) : frame + count * (3 + ITEM_BYTES) - 1;
}

static void refused_by_size(enum encoding encoding, const char *operation, size_t size, const char *format,
                            const char *key)
{
    char names[64];
    (void)snprintf(names, sizeof names, "%zu bytes and the server's max_payload is %d", size, SMALL_PAYLOAD);
    client_refused(&caller, encoding, operation, 413, names, format, strstr(format, "[") ? "keys" : "key",
                   key, "start", 0, "stop", -1);
}

START_TEST(a_reply_over_max_payload_is_413_with_its_size)
{
    enum encoding encoding = (enum encoding)_i;
    char value[ITEM_BYTES + 1];
    for (int i = 0; i < ITEMS; i++) {
        (void)snprintf(value, sizeof value, "%0*d", ITEM_BYTES, i);
        (void)client_push(&caller, encoding, "list", value);
        json_decref(client_call(&caller, encoding, "SetAdd", "{s:s,s:s}", "key", "set", "value", value));
    }
    size_t all = values_size(encoding, ITEMS);
    refused_by_size(encoding, "Range", all, "{s:s,s:i,s:i}", "list");
    refused_by_size(encoding, "SetQuery", all, "{s:s}", "set");
    refused_by_size(encoding, "SetUnion", all, "{s:[s]}", "set");
    refused_by_size(encoding, "SetIntersection", all, "{s:[s]}", "set");
    /* What fits is answered, up to the last byte. */
    json_t *reply = client_call(&caller, encoding, "Range", "{s:s,s:i,s:i}", "key", "list", "start", 0,
                                "stop", encoding == PROTOBUF ? 39 : 38);
    json_decref(reply);
    json_decref(client_call(&caller, encoding, "Del", "{s:s}", "key", "list"));
    json_decref(client_call(&caller, encoding, "Del", "{s:s}", "key", "set"));
}
END_TEST

/* A value may grow in JSON: a NUL is six bytes there. What cannot be said as JSON can still be had as
 * protobuf. */
START_TEST(a_scalar_whose_json_is_over_max_payload_is_413)
{
    json_t *nuls = json_stringn((const char[1000]){0}, 1000);
    size_t len;
    json_t *request = json_pack("{s:s,s:O}", "key", "nuls", "value", nuls);
    void *bytes = message_pack(PROTOBUF, "Set", request, &len);
    struct answer answer = client_send(&caller, "Set", bytes, len);
    ck_assert_int_eq(answer.code, 0);
    answer_free(&answer);
    free(bytes);
    client_refused(&caller, JSON, "Get", 413, "6026 bytes and the server's max_payload is 4096", "{s:s}",
                   "key", "nuls");
    json_t *reply = client_call(&caller, PROTOBUF, "Get", "{s:s}", "key", "nuls");
    ck_assert_uint_eq(json_string_length(json_object_get(reply, "value")), 1000);
    json_decref(reply);
    json_decref(request);
    json_decref(nuls);
}
END_TEST

/* ---- 413 for the memory that a request takes, 507 ---- */

/* Four million empty keys are 8 MB on the wire and many times that decoded. */
START_TEST(a_request_that_takes_too_much_memory_to_decode_is_413)
{
    static const char pattern[] = "\x0a\x00";
    size_t len = 8 * 1024 * 1024 - 16;
    char *many = malloc(len);
    ck_assert_ptr_nonnull(many);
    for (size_t i = 0; i < len; i++)
        many[i] = pattern[i % 2];
    struct answer answer = client_send(&caller, "SetUnion", many, len);
    check_refusal(&answer, "SetUnion", 413, NULL);
    answer_free(&answer);
    for (size_t i = 0; i < len; i++)
        many[i] = i == 0 ? '{' : '[';
    answer = client_send(&caller, "SetUnion", many, len);
    ck_assert_msg(answer.code == 413 || answer.code == 400, "%d %s", answer.code, answer.text);
    answer_free(&answer);
    free(many);
    ck_assert(!client_exists(&caller, "still here"));
}
END_TEST

static void start_tight(void)
{
    nats_server_start(&shared.server, NULL);
    provider_serve(&shared.provider, shared.server.url, "--shards", "1", "--max-memory", "256kb", NULL);
}

/* Fills the store until one more value is refused. */
static void fill(void)
{
    char *value = text_of_size(8192, 'v'), key[16];
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(key, sizeof key, "f%d", i);
        json_t *request = json_pack("{s:s,s:s}", "key", key, "value", value);
        struct answer answer = client_ask(&caller, PROTOBUF, "Set", request);
        json_decref(request);
        int code = answer.code;
        if (code != 0)
            check_refusal(&answer, "Set", 507, "--max-memory");
        answer_free(&answer);
        if (code != 0) {
            free(value);
            return;
        }
    }
    ck_abort_msg("a budget of 256 kB took 8 MB");
}

START_TEST(a_spent_budget_is_507_for_what_grows_and_changes_nothing)
{
    enum encoding encoding = (enum encoding)_i;
    char *value = text_of_size(16384, 'w');
    fill();
    (void)client_push(&caller, encoding, "list", "1");
    json_decref(client_call(&caller, encoding, "SetAdd", "{s:s,s:s}", "key", "set", "value", "1"));
    client_refused(&caller, encoding, "Set", 507, "budget", "{s:s,s:s}", "key", "f0", "value", value);
    client_refused(&caller, encoding, "Push", 507, "budget", "{s:s,s:s}", "key", "list", "value", value);
    client_refused(&caller, encoding, "SetAdd", 507, "budget", "{s:s,s:s}", "key", "set", "value", value);
    client_refused(&caller, encoding, "Push", 507, "budget", "{s:s,s:s}", "key", "list2", "value", value);
    client_refused(&caller, encoding, "SetAdd", 507, "budget", "{s:s,s:s}", "key", "set2", "value", value);
    ck_assert(!client_exists(&caller, "list2"));
    ck_assert(!client_exists(&caller, "set2"));
    json_t *reply = client_call(&caller, encoding, "Get", "{s:s}", "key", "f0");
    ck_assert_uint_eq(json_string_length(json_object_get(reply, "value")), 8192);
    json_decref(reply);
    ck_assert_int_eq(client_push(&caller, encoding, "list", "2"), 2);
    json_decref(client_call(&caller, encoding, "Del", "{s:s}", "key", "list"));
    json_decref(client_call(&caller, encoding, "Del", "{s:s}", "key", "set"));
    free(value);
}
END_TEST

/* ---- garbage ---- */

#define GARBAGE 6000
#define IN_FLIGHT 128

/* xorshift: the same garbage each time. */
static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Random bytes, or a good request with some bytes of it changed. */
static size_t garbage(uint64_t *state, unsigned char out[256])
{
    static const char *const seeds[] = {"{\"key\":\"a\",\"value\":\"1\",\"expires_s\":100}",
                                        "{\"keys\":[\"a\",\"b\"]}", "{\"key\":\"a\",\"start\":0,\"stop\":-1}",
                                        "\x0a\x01"
                                        "a\x12\x03xyz\x18\x05",
                                        "\x0a\x01"
                                        "a\x0a\x01"
                                        "b\x0a\x02zz"};
    uint64_t choice = random_next(state) % 8;
    if (choice >= sizeof seeds / sizeof seeds[0]) {
        size_t len = random_next(state) % 256;
        for (size_t i = 0; i < len; i++)
            out[i] = (unsigned char)random_next(state);
        return len;
    }
    size_t len = strlen(seeds[choice]);
    memcpy(out, seeds[choice], len);
    for (uint64_t changes = random_next(state) % 4; changes > 0; changes--)
        out[random_next(state) % len] = (unsigned char)random_next(state);
    return random_next(state) % 4 == 0 ? random_next(state) % (len + 1) : len;
}

/* "nothing a caller sends can end the process", and whatever it is, it is answered. */
START_TEST(garbage_on_every_operation_is_answered_and_does_no_harm)
{
    struct pipeline pipeline;
    unsigned char bytes[256];
    uint64_t state = 0x9e3779b97f4a7c15u;
    const size_t count = test_scaled_from(1000, GARBAGE);
    pipeline_open(&pipeline, &caller, count);
    for (size_t i = 0; i < count; i++) {
        size_t len = garbage(&state, bytes);
        ck_assert(pipeline_send(&pipeline, operations[i % 14], bytes, len));
        pipeline_settle(&pipeline, IN_FLIGHT);
    }
    pipeline_settle(&pipeline, 0);
    ck_assert_uint_eq(pipeline.no_responders, 0);
    ck_assert_uint_eq(pipeline.repeated, 0);
    ck_assert_uint_gt(pipeline.errors, count / 4);
    ck_assert_uint_gt(pipeline.ok, count / 60);
    pipeline_close(&pipeline);
    ck_assert_int_eq(client_add(&caller, JSON, "after the garbage", 1), 1);
}
END_TEST

static TCase *add_case(Suite *suite, const char *name, SFun start)
{
    TCase *tests = tcase_create(name);
    tcase_add_unchecked_fixture(tests, start, shared_stop);
    tcase_add_checked_fixture(tests, caller_open, caller_close);
    suite_add_tcase(suite, tests);
    return tests;
}

Suite *errors_suite(void)
{
    Suite *suite = suite_create("integration/errors");
    TCase *tests = add_case(suite, "default limits", start_default);
    tcase_add_test(tests, what_is_wrong_with_a_request_is_400_and_changes_nothing);
    tcase_add_test(tests, no_error_quotes_a_value);
    tcase_add_loop_test(tests, a_key_over_its_limit_is_413, 0, ENCODINGS);
    tcase_add_loop_test(tests, a_value_over_its_limit_is_413, 0, ENCODINGS);
    tcase_add_loop_test(tests, more_keys_than_a_request_may_name_are_413, 0, ENCODINGS);
    tcase_add_test(tests, a_request_that_takes_too_much_memory_to_decode_is_413);
    tcase_add_test(tests, garbage_on_every_operation_is_answered_and_does_no_harm);
    tests = add_case(suite, "a small max_payload", start_small);
    tcase_add_loop_test(tests, a_reply_over_max_payload_is_413_with_its_size, 0, ENCODINGS);
    tcase_add_test(tests, a_scalar_whose_json_is_over_max_payload_is_413);
    tests = add_case(suite, "a small memory budget", start_tight);
    tcase_add_loop_test(tests, a_spent_budget_is_507_for_what_grows_and_changes_nothing, 0, ENCODINGS);
    return suite;
}
