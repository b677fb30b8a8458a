/* Contract sections 3 and 4: what each operation means, in protobuf and in JSON, over a real nats-server. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

static void start_shared(void)
{
    nats_server_start(&shared.server, NULL);
    provider_serve(&shared.provider, shared.server.url, NULL);
}

/* ---- the meaning of each operation ----
 *
 * A scenario is a rule of section 3 and a conversation that shows it. Each runs three times: all in protobuf,
 * all in JSON, and with the two in turns (what one wrote, the other reads). Keys get a prefix of their own
 * each time. */

#define MAX_STEPS 14

struct step {
    const char *operation;
    const char *request;
    const char *reply; /* NULL: refused with `code` */
    int code;
};

struct scenario {
    const char *rule;
    struct step steps[MAX_STEPS];
};

static const struct scenario scenarios[] = {
    {"Get: a scalar",
     {{"Set", "{\"key\":\"a\",\"value\":\"one\"}", "{\"value\":\"one\"}", 0},
      {"Get", "{\"key\":\"a\"}", "{\"value\":\"one\",\"exists\":true}", 0}}},
    {"Get: a missing key is not an empty value",
     {{"Get", "{\"key\":\"a\"}", "{\"value\":\"\",\"exists\":false}", 0},
      {"Set", "{\"key\":\"a\",\"value\":\"\"}", "{\"value\":\"\"}", 0},
      {"Get", "{\"key\":\"a\"}", "{\"value\":\"\",\"exists\":true}", 0},
      {"KeyExists", "{\"key\":\"a\"}", "{\"value\":\"\",\"exists\":true}", 0}}},
    {"Get: a counter reads as its decimal text",
     {{"Add", "{\"key\":\"a\",\"value\":-12}", "{\"value\":-12}", 0},
      {"Get", "{\"key\":\"a\"}", "{\"value\":\"-12\",\"exists\":true}", 0},
      {"Add", "{\"key\":\"a\",\"value\":12}", "{\"value\":0}", 0},
      {"Get", "{\"key\":\"a\"}", "{\"value\":\"0\",\"exists\":true}", 0}}},
    {"Set: replaces a scalar",
     {{"Set", "{\"key\":\"a\",\"value\":\"a longer value than the next\"}",
       "{\"value\":\"a longer value than the next\"}", 0},
      {"Set", "{\"key\":\"a\",\"value\":\"2\"}", "{\"value\":\"2\"}", 0},
      {"Get", "{\"key\":\"a\"}", "{\"value\":\"2\",\"exists\":true}", 0}}},
    {"Set: replaces a list",
     {{"Push", "{\"key\":\"a\",\"value\":\"x\"}", "{\"new_count\":1}", 0},
      {"Set", "{\"key\":\"a\",\"value\":\"2\"}", "{\"value\":\"2\"}", 0},
      {"Get", "{\"key\":\"a\"}", "{\"value\":\"2\",\"exists\":true}", 0},
      {"Range", "{\"key\":\"a\",\"start\":0,\"stop\":-1}", NULL, 409}}},
    {"Set: replaces a set",
     {{"SetAdd", "{\"key\":\"a\",\"value\":\"x\"}", "{\"new_count\":1}", 0},
      {"Set", "{\"key\":\"a\",\"value\":\"2\"}", "{\"value\":\"2\"}", 0},
      {"Get", "{\"key\":\"a\"}", "{\"value\":\"2\",\"exists\":true}", 0}}},
    {"Set: replaces a counter",
     {{"Add", "{\"key\":\"a\",\"value\":7}", "{\"value\":7}", 0},
      {"Set", "{\"key\":\"a\",\"value\":\"x\"}", "{\"value\":\"x\"}", 0},
      {"Add", "{\"key\":\"a\",\"value\":1}", NULL, 409},
      {"Get", "{\"key\":\"a\"}", "{\"value\":\"x\",\"exists\":true}", 0}}},
    {"Set: expires_s 0 is never, a long one is not now",
     {{"Set", "{\"key\":\"a\",\"value\":\"1\",\"expires_s\":2147483647}", "{\"value\":\"1\"}", 0},
      {"Get", "{\"key\":\"a\"}", "{\"value\":\"1\",\"exists\":true}", 0},
      {"Set", "{\"key\":\"a\",\"value\":\"2\",\"expires_s\":0}", "{\"value\":\"2\"}", 0},
      {"Get", "{\"key\":\"a\"}", "{\"value\":\"2\",\"exists\":true}", 0}}},
    {"Set: a negative expires_s is refused and changes nothing",
     {{"Set", "{\"key\":\"a\",\"value\":\"1\"}", "{\"value\":\"1\"}", 0},
      {"Set", "{\"key\":\"a\",\"value\":\"2\",\"expires_s\":-1}", NULL, 400},
      {"Set", "{\"key\":\"a\",\"value\":\"2\",\"expires_s\":-2147483648}", NULL, 400},
      {"Set", "{\"key\":\"b\",\"value\":\"2\",\"expires_s\":-1}", NULL, 400},
      {"Get", "{\"key\":\"a\"}", "{\"value\":\"1\",\"exists\":true}", 0},
      {"KeyExists", "{\"key\":\"b\"}", "{\"value\":\"\",\"exists\":false}", 0}}},
    {"Del: a scalar, a counter, a list, a set",
     {{"Set", "{\"key\":\"a\",\"value\":\"1\"}", "{\"value\":\"1\"}", 0},
      {"Add", "{\"key\":\"b\",\"value\":1}", "{\"value\":1}", 0},
      {"Push", "{\"key\":\"c\",\"value\":\"1\"}", "{\"new_count\":1}", 0},
      {"SetAdd", "{\"key\":\"d\",\"value\":\"1\"}", "{\"new_count\":1}", 0},
      {"Del", "{\"key\":\"a\"}", "{\"key\":\"a\"}", 0},
      {"Del", "{\"key\":\"b\"}", "{\"key\":\"b\"}", 0},
      {"Del", "{\"key\":\"c\"}", "{\"key\":\"c\"}", 0},
      {"Del", "{\"key\":\"d\"}", "{\"key\":\"d\"}", 0},
      {"KeyExists", "{\"key\":\"a\"}", "{\"value\":\"\",\"exists\":false}", 0},
      {"KeyExists", "{\"key\":\"b\"}", "{\"value\":\"\",\"exists\":false}", 0},
      {"KeyExists", "{\"key\":\"c\"}", "{\"value\":\"\",\"exists\":false}", 0},
      {"KeyExists", "{\"key\":\"d\"}", "{\"value\":\"\",\"exists\":false}", 0}}},
    {"Del: a missing key is no error",
     {{"Del", "{\"key\":\"a\"}", "{\"key\":\"a\"}", 0}, {"Del", "{\"key\":\"a\"}", "{\"key\":\"a\"}", 0}}},
    {"Add: a missing key counts from 0",
     {{"Add", "{\"key\":\"a\",\"value\":5}", "{\"value\":5}", 0},
      {"Add", "{\"key\":\"a\",\"value\":-7}", "{\"value\":-2}", 0},
      {"Add", "{\"key\":\"a\"}", "{\"value\":-2}", 0},
      {"Add", "{\"key\":\"b\",\"value\":0}", "{\"value\":0}", 0},
      {"KeyExists", "{\"key\":\"b\"}", "{\"value\":\"\",\"exists\":true}", 0}}},
    {"Add: a scalar that is wholly a decimal int32 becomes a counter",
     {{"Set", "{\"key\":\"a\",\"value\":\"-41\"}", "{\"value\":\"-41\"}", 0},
      {"Add", "{\"key\":\"a\",\"value\":42}", "{\"value\":1}", 0},
      {"Set", "{\"key\":\"a\",\"value\":\"2147483646\"}", "{\"value\":\"2147483646\"}", 0},
      {"Add", "{\"key\":\"a\",\"value\":1}", "{\"value\":2147483647}", 0},
      {"Set", "{\"key\":\"a\",\"value\":\"-2147483648\"}", "{\"value\":\"-2147483648\"}", 0},
      {"Add", "{\"key\":\"a\",\"value\":1}", "{\"value\":-2147483647}", 0}}},
    {"Add: a scalar that is not wholly a decimal int32 stays what it is",
     {{"Set", "{\"key\":\"a\",\"value\":\"12x\"}", "{\"value\":\"12x\"}", 0},
      {"Add", "{\"key\":\"a\",\"value\":1}", NULL, 409},
      {"Get", "{\"key\":\"a\"}", "{\"value\":\"12x\",\"exists\":true}", 0},
      {"Set", "{\"key\":\"a\",\"value\":\"\"}", "{\"value\":\"\"}", 0},
      {"Add", "{\"key\":\"a\",\"value\":1}", NULL, 409},
      {"Set", "{\"key\":\"a\",\"value\":\" 1\"}", "{\"value\":\" 1\"}", 0},
      {"Add", "{\"key\":\"a\",\"value\":1}", NULL, 409},
      {"Set", "{\"key\":\"a\",\"value\":\"1.0\"}", "{\"value\":\"1.0\"}", 0},
      {"Add", "{\"key\":\"a\",\"value\":1}", NULL, 409},
      {"Set", "{\"key\":\"a\",\"value\":\"2147483648\"}", "{\"value\":\"2147483648\"}", 0},
      {"Add", "{\"key\":\"a\",\"value\":-1}", NULL, 409},
      {"Get", "{\"key\":\"a\"}", "{\"value\":\"2147483648\",\"exists\":true}", 0}}},
    {"Add: overflow is refused and changes nothing",
     {{"Add", "{\"key\":\"a\",\"value\":2147483647}", "{\"value\":2147483647}", 0},
      {"Add", "{\"key\":\"a\",\"value\":1}", NULL, 400},
      {"Add", "{\"key\":\"a\",\"value\":2147483647}", NULL, 400},
      {"Get", "{\"key\":\"a\"}", "{\"value\":\"2147483647\",\"exists\":true}", 0},
      {"Add", "{\"key\":\"b\",\"value\":-2147483648}", "{\"value\":-2147483648}", 0},
      {"Add", "{\"key\":\"b\",\"value\":-1}", NULL, 400},
      {"Add", "{\"key\":\"b\",\"value\":2147483647}", "{\"value\":-1}", 0},
      {"Set", "{\"key\":\"c\",\"value\":\"2147483647\"}", "{\"value\":\"2147483647\"}", 0},
      {"Add", "{\"key\":\"c\",\"value\":1}", NULL, 400},
      {"Get", "{\"key\":\"c\"}", "{\"value\":\"2147483647\",\"exists\":true}", 0}}},
    {"Push: appends at the END",
     {{"Push", "{\"key\":\"a\",\"value\":\"x\"}", "{\"new_count\":1}", 0},
      {"Push", "{\"key\":\"a\",\"value\":\"y\"}", "{\"new_count\":2}", 0},
      {"Push", "{\"key\":\"a\",\"value\":\"\"}", "{\"new_count\":3}", 0},
      {"Push", "{\"key\":\"a\",\"value\":\"x\"}", "{\"new_count\":4}", 0},
      {"Range", "{\"key\":\"a\",\"start\":0,\"stop\":-1}", "{\"values\":[\"x\",\"y\",\"\",\"x\"]}", 0}}},
    {"ListItemDelete: removes EVERY occurrence; new_count is what is left",
     {{"Push", "{\"key\":\"a\",\"value\":\"x\"}", "{\"new_count\":1}", 0},
      {"Push", "{\"key\":\"a\",\"value\":\"y\"}", "{\"new_count\":2}", 0},
      {"Push", "{\"key\":\"a\",\"value\":\"x\"}", "{\"new_count\":3}", 0},
      {"Push", "{\"key\":\"a\",\"value\":\"z\"}", "{\"new_count\":4}", 0},
      {"ListItemDelete", "{\"key\":\"a\",\"value\":\"not there\"}", "{\"new_count\":4}", 0},
      {"ListItemDelete", "{\"key\":\"a\",\"value\":\"x\"}", "{\"new_count\":2}", 0},
      {"Range", "{\"key\":\"a\",\"start\":0,\"stop\":-1}", "{\"values\":[\"y\",\"z\"]}", 0}}},
    {"ListItemDelete: an emptied list is gone",
     {{"Push", "{\"key\":\"a\",\"value\":\"x\"}", "{\"new_count\":1}", 0},
      {"Push", "{\"key\":\"a\",\"value\":\"x\"}", "{\"new_count\":2}", 0},
      {"ListItemDelete", "{\"key\":\"a\",\"value\":\"x\"}", "{\"new_count\":0}", 0},
      {"KeyExists", "{\"key\":\"a\"}", "{\"value\":\"\",\"exists\":false}", 0},
      {"SetAdd", "{\"key\":\"a\",\"value\":\"x\"}", "{\"new_count\":1}", 0}}},
    {"ListItemDelete: on a missing key creates nothing",
     {{"ListItemDelete", "{\"key\":\"a\",\"value\":\"x\"}", "{\"new_count\":0}", 0},
      {"KeyExists", "{\"key\":\"a\"}", "{\"value\":\"\",\"exists\":false}", 0}}},
    {"Range: stop is INCLUSIVE, negative counts from the end",
     {{"Push", "{\"key\":\"a\",\"value\":\"0\"}", "{\"new_count\":1}", 0},
      {"Push", "{\"key\":\"a\",\"value\":\"1\"}", "{\"new_count\":2}", 0},
      {"Push", "{\"key\":\"a\",\"value\":\"2\"}", "{\"new_count\":3}", 0},
      {"Push", "{\"key\":\"a\",\"value\":\"3\"}", "{\"new_count\":4}", 0},
      {"Range", "{\"key\":\"a\",\"start\":0,\"stop\":0}", "{\"values\":[\"0\"]}", 0},
      {"Range", "{\"key\":\"a\"}", "{\"values\":[\"0\"]}", 0},
      {"Range", "{\"key\":\"a\",\"start\":1,\"stop\":2}", "{\"values\":[\"1\",\"2\"]}", 0},
      {"Range", "{\"key\":\"a\",\"start\":0,\"stop\":3}", "{\"values\":[\"0\",\"1\",\"2\",\"3\"]}", 0},
      {"Range", "{\"key\":\"a\",\"start\":-1,\"stop\":-1}", "{\"values\":[\"3\"]}", 0},
      {"Range", "{\"key\":\"a\",\"start\":-3,\"stop\":-2}", "{\"values\":[\"1\",\"2\"]}", 0},
      {"Range", "{\"key\":\"a\",\"start\":1,\"stop\":-2}", "{\"values\":[\"1\",\"2\"]}", 0},
      {"Range", "{\"key\":\"a\",\"start\":-2,\"stop\":3}", "{\"values\":[\"2\",\"3\"]}", 0}}},
    {"Range: out of range is clamped, a missing key is empty",
     {{"Push", "{\"key\":\"a\",\"value\":\"0\"}", "{\"new_count\":1}", 0},
      {"Push", "{\"key\":\"a\",\"value\":\"1\"}", "{\"new_count\":2}", 0},
      {"Range", "{\"key\":\"a\",\"start\":0,\"stop\":99}", "{\"values\":[\"0\",\"1\"]}", 0},
      {"Range", "{\"key\":\"a\",\"start\":-99,\"stop\":99}", "{\"values\":[\"0\",\"1\"]}", 0},
      {"Range", "{\"key\":\"a\",\"start\":-2147483648,\"stop\":2147483647}", "{\"values\":[\"0\",\"1\"]}", 0},
      {"Range", "{\"key\":\"a\",\"start\":-99,\"stop\":0}", "{\"values\":[\"0\"]}", 0},
      {"Range", "{\"key\":\"a\",\"start\":2,\"stop\":5}", "{\"values\":[]}", 0},
      {"Range", "{\"key\":\"a\",\"start\":1,\"stop\":0}", "{\"values\":[]}", 0},
      {"Range", "{\"key\":\"a\",\"start\":0,\"stop\":-3}", "{\"values\":[]}", 0},
      {"Range", "{\"key\":\"a\",\"start\":2147483647,\"stop\":2147483647}", "{\"values\":[]}", 0},
      {"Range", "{\"key\":\"a\",\"start\":0,\"stop\":-2147483648}", "{\"values\":[]}", 0},
      {"Range", "{\"key\":\"b\",\"start\":0,\"stop\":-1}", "{\"values\":[]}", 0},
      {"KeyExists", "{\"key\":\"b\"}", "{\"value\":\"\",\"exists\":false}", 0}}},
    {"Clear: deletes the list, and is no error where there is none",
     {{"Push", "{\"key\":\"a\",\"value\":\"x\"}", "{\"new_count\":1}", 0},
      {"Push", "{\"key\":\"a\",\"value\":\"y\"}", "{\"new_count\":2}", 0},
      {"Clear", "{\"key\":\"a\"}", "{\"key\":\"a\"}", 0},
      {"KeyExists", "{\"key\":\"a\"}", "{\"value\":\"\",\"exists\":false}", 0},
      {"Clear", "{\"key\":\"a\"}", "{\"key\":\"a\"}", 0},
      {"KeyExists", "{\"key\":\"a\"}", "{\"value\":\"\",\"exists\":false}", 0}}},
    {"SetAdd: new_count is the size of the set afterwards",
     {{"SetAdd", "{\"key\":\"a\",\"value\":\"x\"}", "{\"new_count\":1}", 0},
      {"SetAdd", "{\"key\":\"a\",\"value\":\"y\"}", "{\"new_count\":2}", 0},
      {"SetAdd", "{\"key\":\"a\",\"value\":\"x\"}", "{\"new_count\":2}", 0},
      {"SetAdd", "{\"key\":\"a\",\"value\":\"\"}", "{\"new_count\":3}", 0},
      {"SetQuery", "{\"key\":\"a\"}", "{\"values\":[\"\",\"x\",\"y\"]}", 0}}},
    {"SetRemove: new_count is the size of the set afterwards; an emptied set is gone",
     {{"SetAdd", "{\"key\":\"a\",\"value\":\"x\"}", "{\"new_count\":1}", 0},
      {"SetAdd", "{\"key\":\"a\",\"value\":\"y\"}", "{\"new_count\":2}", 0},
      {"SetRemove", "{\"key\":\"a\",\"value\":\"z\"}", "{\"new_count\":2}", 0},
      {"SetRemove", "{\"key\":\"a\",\"value\":\"x\"}", "{\"new_count\":1}", 0},
      {"SetQuery", "{\"key\":\"a\"}", "{\"values\":[\"y\"]}", 0},
      {"SetRemove", "{\"key\":\"a\",\"value\":\"y\"}", "{\"new_count\":0}", 0},
      {"KeyExists", "{\"key\":\"a\"}", "{\"value\":\"\",\"exists\":false}", 0},
      {"Push", "{\"key\":\"a\",\"value\":\"x\"}", "{\"new_count\":1}", 0}}},
    {"SetRemove: on a missing key creates nothing and answers 0",
     {{"SetRemove", "{\"key\":\"a\",\"value\":\"x\"}", "{\"new_count\":0}", 0},
      {"KeyExists", "{\"key\":\"a\"}", "{\"value\":\"\",\"exists\":false}", 0},
      {"Push", "{\"key\":\"a\",\"value\":\"x\"}", "{\"new_count\":1}", 0}}},
    {"SetQuery: a missing key has no members",
     {{"SetQuery", "{\"key\":\"a\"}", "{\"values\":[]}", 0},
      {"KeyExists", "{\"key\":\"a\"}", "{\"value\":\"\",\"exists\":false}", 0}}},
    {"SetUnion: the members of any; a missing key is the empty set; no keys = empty",
     {{"SetAdd", "{\"key\":\"a\",\"value\":\"x\"}", "{\"new_count\":1}", 0},
      {"SetAdd", "{\"key\":\"a\",\"value\":\"y\"}", "{\"new_count\":2}", 0},
      {"SetAdd", "{\"key\":\"b\",\"value\":\"y\"}", "{\"new_count\":1}", 0},
      {"SetAdd", "{\"key\":\"b\",\"value\":\"z\"}", "{\"new_count\":2}", 0},
      {"SetUnion", "{\"keys\":[\"a\",\"b\"]}", "{\"values\":[\"x\",\"y\",\"z\"]}", 0},
      {"SetUnion", "{\"keys\":[\"b\",\"missing\",\"a\",\"b\"]}", "{\"values\":[\"x\",\"y\",\"z\"]}", 0},
      {"SetUnion", "{\"keys\":[\"a\"]}", "{\"values\":[\"x\",\"y\"]}", 0},
      {"SetUnion", "{\"keys\":[\"missing\"]}", "{\"values\":[]}", 0},
      {"SetUnion", "{\"keys\":[]}", "{\"values\":[]}", 0},
      {"SetUnion", "{}", "{\"values\":[]}", 0},
      {"KeyExists", "{\"key\":\"missing\"}", "{\"value\":\"\",\"exists\":false}", 0}}},
    {"SetIntersection: the members of all; a missing key is the empty set; no keys = empty",
     {{"SetAdd", "{\"key\":\"a\",\"value\":\"x\"}", "{\"new_count\":1}", 0},
      {"SetAdd", "{\"key\":\"a\",\"value\":\"y\"}", "{\"new_count\":2}", 0},
      {"SetAdd", "{\"key\":\"b\",\"value\":\"y\"}", "{\"new_count\":1}", 0},
      {"SetAdd", "{\"key\":\"b\",\"value\":\"z\"}", "{\"new_count\":2}", 0},
      {"SetIntersection", "{\"keys\":[\"a\",\"b\"]}", "{\"values\":[\"y\"]}", 0},
      {"SetIntersection", "{\"keys\":[\"a\",\"a\"]}", "{\"values\":[\"x\",\"y\"]}", 0},
      {"SetIntersection", "{\"keys\":[\"b\"]}", "{\"values\":[\"y\",\"z\"]}", 0},
      {"SetIntersection", "{\"keys\":[\"a\",\"missing\",\"b\"]}", "{\"values\":[]}", 0},
      {"SetIntersection", "{\"keys\":[\"missing\"]}", "{\"values\":[]}", 0},
      {"SetIntersection", "{\"keys\":[]}", "{\"values\":[]}", 0},
      {"SetIntersection", "{}", "{\"values\":[]}", 0},
      {"KeyExists", "{\"key\":\"missing\"}", "{\"value\":\"\",\"exists\":false}", 0}}},
    {"KeyExists: any kind, the value stays empty",
     {{"KeyExists", "{\"key\":\"a\"}", "{\"value\":\"\",\"exists\":false}", 0},
      {"Set", "{\"key\":\"a\",\"value\":\"not shown\"}", "{\"value\":\"not shown\"}", 0},
      {"Add", "{\"key\":\"b\",\"value\":1}", "{\"value\":1}", 0},
      {"Push", "{\"key\":\"c\",\"value\":\"1\"}", "{\"new_count\":1}", 0},
      {"SetAdd", "{\"key\":\"d\",\"value\":\"1\"}", "{\"new_count\":1}", 0},
      {"KeyExists", "{\"key\":\"a\"}", "{\"value\":\"\",\"exists\":true}", 0},
      {"KeyExists", "{\"key\":\"b\"}", "{\"value\":\"\",\"exists\":true}", 0},
      {"KeyExists", "{\"key\":\"c\"}", "{\"value\":\"\",\"exists\":true}", 0},
      {"KeyExists", "{\"key\":\"d\"}", "{\"value\":\"\",\"exists\":true}", 0}}},
    {"keys and values are UTF-8, a NUL and control characters included",
     {{"Set",
       "{\"key\":\"k\xc3\xa9y \xe2\x82\xac\",\"value\":\"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80 "
       "\\u0000 \\n\\\"\\\\\\u001f\x7f\"}",
       "{\"value\":\"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80 \\u0000 \\n\\\"\\\\\\u001f\x7f\"}", 0},
      {"Get", "{\"key\":\"k\xc3\xa9y \xe2\x82\xac\"}",
       "{\"value\":\"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80 \\u0000 "
       "\\n\\\"\\\\\\u001f\x7f\",\"exists\":true}",
       0},
      {"Del", "{\"key\":\"k\xc3\xa9y \xe2\x82\xac\"}", "{\"key\":\"k\xc3\xa9y \xe2\x82\xac\"}", 0},
      {"Push", "{\"key\":\"l\",\"value\":\"\\u0000\"}", "{\"new_count\":1}", 0},
      {"Push", "{\"key\":\"l\",\"value\":\"\\u0000\\u0000\"}", "{\"new_count\":2}", 0},
      {"ListItemDelete", "{\"key\":\"l\",\"value\":\"\\u0000\"}", "{\"new_count\":1}", 0},
      {"Range", "{\"key\":\"l\",\"start\":0,\"stop\":-1}", "{\"values\":[\"\\u0000\\u0000\"]}", 0},
      {"SetAdd", "{\"key\":\"s\",\"value\":\"\xc3\xa9\"}", "{\"new_count\":1}", 0},
      {"SetAdd", "{\"key\":\"s\",\"value\":\"e\xcc\x81\"}", "{\"new_count\":2}", 0}}},
    {"a NUL in a key makes it another key",
     {{"Set", "{\"key\":\"k\\u0000a\",\"value\":\"1\"}", "{\"value\":\"1\"}", 0},
      {"Set", "{\"key\":\"k\\u0000b\",\"value\":\"2\"}", "{\"value\":\"2\"}", 0},
      {"Get", "{\"key\":\"k\\u0000a\"}", "{\"value\":\"1\",\"exists\":true}", 0},
      {"Get", "{\"key\":\"k\"}", "{\"value\":\"\",\"exists\":false}", 0}}},
};

#define SCENARIOS ((int)(sizeof scenarios / sizeof scenarios[0]))

enum mode { ALL_PROTOBUF, ALL_JSON, IN_TURNS, MODES };

static json_t *prefixed(const json_t *text, const char *prefix)
{
    size_t prefix_len = strlen(prefix), len = json_string_length(text);
    char *joined = malloc(prefix_len + len);
    ck_assert_ptr_nonnull(joined);
    memcpy(joined, prefix, prefix_len);
    memcpy(joined + prefix_len, json_string_value(text), len);
    json_t *result = json_stringn(joined, prefix_len + len);
    free(joined);
    return result;
}

/* Puts the prefix in front of every key in a request or reply. */
static json_t *scoped(const char *text, const char *prefix)
{
    json_t *value = json_of(text, strlen(text));
    json_t *keys = json_object_get(value, "keys");
    if (json_object_get(value, "key") != NULL)
        (void)json_object_set_new(value, "key", prefixed(json_object_get(value, "key"), prefix));
    for (size_t i = 0; i < json_array_size(keys); i++)
        (void)json_array_set_new(keys, i, prefixed(json_array_get(keys, i), prefix));
    return value;
}

static void check_reply(const struct scenario *scenario, const struct step *step, enum encoding encoding,
                        const struct answer *answer, const char *prefix)
{
    ck_assert_msg(answer->code == 0, "%s: %s %s: %d %s", scenario->rule, step->operation, step->request,
                  answer->code, answer->text);
    json_t *expected = scoped(step->reply, prefix);
    json_t *reply = message_unpack(encoding, step->operation, answer->data, answer->len);
    if (strncmp(step->operation, "Set", 3) == 0)
        sort_values(reply);
    if (!json_equal(reply, expected)) {
        char *got = json_dumps(reply, 0);
        ck_abort_msg("%s: %s %s: %s instead of %s", scenario->rule, step->operation, step->request, got,
                     step->reply);
    }
    json_decref(reply);
    json_decref(expected);
}

static void run_step(const struct scenario *scenario, const struct step *step, enum encoding encoding,
                     const char *prefix)
{
    json_t *request = scoped(step->request, prefix);
    struct answer answer = client_ask(&caller, encoding, step->operation, request);
    ck_assert_msg(answer.status == NATS_OK, "%s: %s %s: %s", scenario->rule, step->operation, step->request,
                  natsStatus_GetText(answer.status));
    if (step->reply == NULL)
        check_refusal(&answer, step->operation, step->code, NULL);
    else
        check_reply(scenario, step, encoding, &answer, prefix);
    answer_free(&answer);
    json_decref(request);
}

START_TEST(each_operation_means_what_section_3_says)
{
    const struct scenario *scenario = &scenarios[_i % SCENARIOS];
    enum mode mode = (enum mode)(_i / SCENARIOS);
    char prefix[32];
    (void)snprintf(prefix, sizeof prefix, "%d/", _i);
    for (int i = 0; i < MAX_STEPS && scenario->steps[i].operation != NULL; i++) {
        enum encoding encoding = mode == ALL_PROTOBUF || (mode == IN_TURNS && i % 2 == 0) ? PROTOBUF : JSON;
        run_step(scenario, &scenario->steps[i], encoding, prefix);
    }
}
END_TEST

/* ---- kind mismatches ---- */

static const struct {
    const char *name;
    const char *operation; /* makes a key of the kind, with `request` */
    const char *request;
} kinds[] = {
    {"scalar", "Set", "{\"key\":\"a\",\"value\":\"text\"}"},
    {"counter", "Add", "{\"key\":\"a\",\"value\":1}"},
    {"list", "Push", "{\"key\":\"a\",\"value\":\"1\"}"},
    {"set", "SetAdd", "{\"key\":\"a\",\"value\":\"1\"}"},
};

enum { SCALAR = 1, COUNTER = 2, LIST = 4, SET = 8, ANY = 15 };
#define KINDS (sizeof kinds / sizeof kinds[0])

static const struct {
    const char *operation;
    unsigned takes; /* the kinds that it works on */
    const char *request;
} pairs[] = {
    {"Get", SCALAR | COUNTER, "{\"key\":\"a\"}"},
    {"Set", ANY, "{\"key\":\"a\",\"value\":\"1\"}"},
    {"Del", ANY, "{\"key\":\"a\"}"},
    {"Add", COUNTER, "{\"key\":\"a\",\"value\":1}"}, /* the scalar here is no number */
    {"Push", LIST, "{\"key\":\"a\",\"value\":\"1\"}"},
    {"ListItemDelete", LIST, "{\"key\":\"a\",\"value\":\"1\"}"},
    {"Range", LIST, "{\"key\":\"a\",\"start\":0,\"stop\":-1}"},
    {"Clear", LIST, "{\"key\":\"a\"}"},
    {"SetAdd", SET, "{\"key\":\"a\",\"value\":\"1\"}"},
    {"SetRemove", SET, "{\"key\":\"a\",\"value\":\"1\"}"},
    {"SetQuery", SET, "{\"key\":\"a\"}"},
    {"SetUnion", SET, "{\"keys\":[\"missing\",\"a\"]}"},
    {"SetIntersection", SET, "{\"keys\":[\"missing\",\"a\"]}"},
    {"SetIntersection", SET, "{\"keys\":[\"a\",\"missing\"]}"},
    {"KeyExists", ANY, "{\"key\":\"a\"}"},
};

#define PAIRS ((int)(sizeof pairs / sizeof pairs[0]))

/* All that a key holds, as text that the caller frees. */
static char *contents(enum encoding encoding, const char *prefix)
{
    static const char *const readers[][2] = {{"Get", "{\"key\":\"a\"}"},
                                             {"Range", "{\"key\":\"a\",\"start\":0,\"stop\":-1}"},
                                             {"SetQuery", "{\"key\":\"a\"}"}};
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        json_t *request = scoped(readers[i][1], prefix);
        struct answer answer = client_ask(&caller, encoding, readers[i][0], request);
        json_decref(request);
        if (answer.code == 0) {
            json_t *reply = message_unpack(encoding, readers[i][0], answer.data, answer.len);
            char *text = json_dumps(reply, JSON_SORT_KEYS);
            json_decref(reply);
            answer_free(&answer);
            return text;
        }
        answer_free(&answer);
    }
    ck_abort_msg("nothing reads the key");
    return NULL;
}

static void try_pair(enum encoding encoding, int pair, size_t kind)
{
    char prefix[32];
    (void)snprintf(prefix, sizeof prefix, "k%d.%d.%zu/", (int)encoding, pair, kind);
    json_t *make = scoped(kinds[kind].request, prefix), *request = scoped(pairs[pair].request, prefix);
    struct answer made = client_ask(&caller, encoding, kinds[kind].operation, make);
    ck_assert_int_eq(made.code, 0);
    char *before = contents(encoding, prefix);
    struct answer answer = client_ask(&caller, encoding, pairs[pair].operation, request);
    if ((pairs[pair].takes & 1u << kind) != 0) {
        ck_assert_msg(answer.code == 0, "%s on a %s: %s", pairs[pair].operation, kinds[kind].name,
                      answer.text);
    } else {
        check_refusal(&answer, pairs[pair].operation, 409, NULL);
        char *after = contents(encoding, prefix);
        ck_assert_str_eq(before, after);
        free(after);
    }
    free(before);
    answer_free(&made);
    answer_free(&answer);
    json_decref(make);
    json_decref(request);
}

/* "A kind mismatch (Push on a set, Get on a list …) is refused and changes nothing." */
START_TEST(every_operation_refuses_every_other_kind_and_changes_nothing)
{
    for (enum encoding encoding = PROTOBUF; encoding < ENCODINGS; encoding++)
        for (size_t kind = 0; kind < KINDS; kind++)
            try_pair(encoding, _i, kind);
}
END_TEST

/* ---- encodings, byte by byte ---- */

static const struct {
    const char *operation;
    const char *request;
    const char *reply;
} exchanges[] = {
    /* What the project promises as its first example. */
    {"Set", "{\"key\":\"a\",\"value\":\"1\"}", "{\"value\":\"1\"}"},
    {"Get", "{\"key\":\"a\"}", "{\"value\":\"1\",\"exists\":true}"},
    {"Get", "{ \"key\" : \"no such key\" } \n", "{\"value\":\"\",\"exists\":false}"},
    {"KeyExists", "{\"key\":\"a\"}", "{\"value\":\"\",\"exists\":true}"},
    /* Both names of a field. */
    {"Set", "{\"key\":\"b\",\"value\":\"1\",\"expiresS\":1000}", "{\"value\":\"1\"}"},
    {"Set", "{\"key\":\"b\",\"value\":\"1\",\"expires_s\":1000}", "{\"value\":\"1\"}"},
    /* Replies use the proto field names and print defaults. */
    {"Push", "{\"key\":\"l\",\"value\":\"x\"}", "{\"new_count\":1}"},
    {"ListItemDelete", "{\"key\":\"l\",\"value\":\"x\"}", "{\"new_count\":0}"},
    {"Range", "{\"key\":\"l\",\"stop\":-1}", "{\"values\":[]}"},
    {"Clear", "{\"key\":\"l\"}", "{\"key\":\"l\"}"},
    {"SetRemove", "{\"key\":\"s\",\"value\":\"x\"}", "{\"new_count\":0}"},
    {"SetQuery", "{\"key\":\"s\"}", "{\"values\":[]}"},
    {"SetUnion", "{}", "{\"values\":[]}"},
    {"SetIntersection", "{\"keys\":null}", "{\"values\":[]}"},
    {"Add", "{\"key\":\"n\"}", "{\"value\":0}"},
    {"Del", "{\"key\":\"n\"}", "{\"key\":\"n\"}"},
    /* proto3's JSON mapping of a number. */
    {"Add", "{\"key\":\"m\",\"value\":\"5\"}", "{\"value\":5}"},
    {"Add", "{\"key\":\"m\",\"value\":1.0}", "{\"value\":6}"},
    {"Add", "{\"key\":\"m\",\"value\":null}", "{\"value\":6}"},
};

START_TEST(json_replies_are_exactly_these_bytes)
{
    for (size_t i = 0; i < sizeof exchanges / sizeof exchanges[0]; i++) {
        struct answer answer =
            client_send(&caller, exchanges[i].operation, exchanges[i].request, strlen(exchanges[i].request));
        ck_assert_msg(answer.status == NATS_OK && answer.code == 0, "%s %s: %s", exchanges[i].operation,
                      exchanges[i].request, answer.text);
        ck_assert_msg(answer.len == strlen(exchanges[i].reply) &&
                          memcmp(answer.data, exchanges[i].reply, answer.len) == 0,
                      "%s %s: %.*s instead of %s", exchanges[i].operation, exchanges[i].request,
                      (int)answer.len, answer.data, exchanges[i].reply);
        answer_free(&answer);
    }
}
END_TEST

static const struct {
    const char *operation;
    const char *request;
    size_t request_len;
    const char *reply;
    size_t reply_len;
} wires[] = {
#define WIRE(operation, request, reply)                                                                      \
    {                                                                                                        \
        operation, request, sizeof request - 1, reply, sizeof reply - 1                                      \
    }
    /* By hand from the field numbers of section 3. */
    WIRE("Set",
         "\x0a\x01"
         "w"
         "\x12\x02"
         "12",
         "\x0a\x02"
         "12"),
    WIRE("Set",
         "\x0a\x01"
         "w"
         "\x12\x02"
         "12"
         "\x18\x64",
         "\x0a\x02"
         "12"),
    WIRE("Get",
         "\x0a\x01"
         "w",
         "\x0a\x02"
         "12"
         "\x10\x01"),
    WIRE("KeyExists",
         "\x0a\x01"
         "w",
         "\x10\x01"),
    WIRE("Get",
         "\x0a\x08"
         "no such!",
         ""),
    WIRE("Add",
         "\x0a\x01"
         "w"
         "\x10\x01",
         "\x08\x0d"),
    WIRE("Add",
         "\x0a\x01"
         "w"
         "\x10\xf3\xff\xff\xff\xff\xff\xff\xff\xff\x01",
         ""),
    WIRE("Add",
         "\x0a\x01"
         "w"
         "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
         "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
    WIRE("Del",
         "\x0a\x01"
         "w",
         "\x0a\x01"
         "w"),
    WIRE("Push",
         "\x0a\x02"
         "wl"
         "\x12\x01"
         "x",
         "\x08\x01"),
    WIRE("Push",
         "\x0a\x02"
         "wl",
         "\x08\x02"),
    WIRE("Range",
         "\x0a\x02"
         "wl"
         "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
         "\x0a\x01"
         "x"
         "\x0a\x00"),
    WIRE("Range",
         "\x0a\x02"
         "wl"
         "\x10\x01\x18\x01",
         "\x0a\x00"),
    WIRE("SetAdd",
         "\x0a\x02"
         "ws"
         "\x12\x01"
         "x",
         "\x08\x01"),
    WIRE("SetUnion",
         "\x0a\x02"
         "ws"
         "\x0a\x02"
         "wt",
         "\x0a\x01"
         "x"),
    WIRE("SetUnion", "", ""),
    WIRE("SetIntersection",
         "\x0a\x02"
         "ws"
         "\x0a\x02"
         "wt",
         ""),
    /* Unknown fields of every wire type are ignored; the last of a repeated singular field wins. */
    WIRE("Get",
         "\x78\x01"
         "\x7a\x03"
         "abc"
         "\x0a\x02"
         "ws"
         "\x0a\x04"
         "none"
         "\x79"
         "12345678"
         "\x7d"
         "1234",
         ""),
    WIRE("Add",
         "\x0a\x02"
         "wu"
         "\x1a\x02"
         "zz"
         "\x10\x05"
         "\x10\x02",
         "\x08\x02"),
#undef WIRE
};

/* "Wire-compatible with wascc-codec 0.3–0.5 clients", "unknown fields ignored". */
START_TEST(protobuf_is_exactly_these_bytes)
{
    for (size_t i = 0; i < sizeof wires / sizeof wires[0]; i++) {
        struct answer answer =
            client_send(&caller, wires[i].operation, wires[i].request, wires[i].request_len);
        ck_assert_msg(answer.status == NATS_OK && answer.code == 0, "row %zu: %s: %s", i, wires[i].operation,
                      answer.text);
        ck_assert_msg(answer.len == wires[i].reply_len &&
                          memcmp(answer.data, wires[i].reply, answer.len) == 0,
                      "row %zu: %s: a reply of %zu bytes that is not the expected one", i, wires[i].operation,
                      answer.len);
        answer_free(&answer);
    }
}
END_TEST

/* ---- subjects ---- */

/* "subscribe once per operation with * for the actor": every actor is served, and those of one binding share.
 */
START_TEST(any_actor_is_served_on_its_own_subject)
{
    struct client other = caller;
    client_call_on(&other, DEFAULT_BASE, "MANOTHER");
    json_decref(client_call(&caller, JSON, "Set", "{s:s,s:s}", "key", "shared", "value", "1"));
    json_t *reply = client_call(&other, PROTOBUF, "Get", "{s:s}", "key", "shared");
    ck_assert_str_eq(json_string_value(json_object_get(reply, "value")), "1");
    json_decref(reply);
}
END_TEST

START_TEST(a_request_without_a_reply_subject_still_happens)
{
    static const char set[] = "{\"key\":\"quiet\",\"value\":\"1\"}";
    static const char bad[] = "{\"key\":\"\"}";
    ck_assert_int_eq(
        natsConnection_Publish(caller.connection, DEFAULT_BASE "." ACTOR ".Set", bad, sizeof bad - 1),
        NATS_OK);
    ck_assert_int_eq(
        natsConnection_Publish(caller.connection, DEFAULT_BASE "." ACTOR ".Set", set, sizeof set - 1),
        NATS_OK);
    long long deadline_ms = now_ms() + WAIT_MS;
    while (!client_exists(&caller, "quiet"))
        ck_assert_int_lt(now_ms(), deadline_ms);
}
END_TEST

/* "An operation that does not exist has no listener: the caller gets NATS's own "no responders" at once." */
START_TEST(an_operation_that_does_not_exist_has_no_listener)
{
    static const char *const names[] = {"Nothing", "get", "GET", "Get.x", "SetX"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct answer answer = client_send(&caller, names[i], "{\"key\":\"a\"}", 11);
        ck_assert_msg(answer.status == NATS_NO_RESPONDERS, "%s: %s", names[i],
                      natsStatus_GetText(answer.status));
    }
}
END_TEST

Suite *operations_suite(void)
{
    Suite *suite = suite_create("integration/operations");
    TCase *tests = tcase_create("operations");
    tcase_add_unchecked_fixture(tests, start_shared, shared_stop);
    tcase_add_checked_fixture(tests, caller_open, caller_close);
    tcase_add_loop_test(tests, each_operation_means_what_section_3_says, 0, SCENARIOS * MODES);
    tcase_add_loop_test(tests, every_operation_refuses_every_other_kind_and_changes_nothing, 0, PAIRS);
    tcase_add_test(tests, json_replies_are_exactly_these_bytes);
    tcase_add_test(tests, protobuf_is_exactly_these_bytes);
    tcase_add_test(tests, any_actor_is_served_on_its_own_subject);
    tcase_add_test(tests, a_request_without_a_reply_subject_still_happens);
    tcase_add_test(tests, an_operation_that_does_not_exist_has_no_listener);
    suite_add_tcase(suite, tests);
    return suite;
}
