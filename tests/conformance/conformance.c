#include "conformance/conformance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct conformance_front *front;

void conformance_use(const struct conformance_front *use)
{
    front = use;
}

/* ---- asking ---- */

static struct reply ask(enum encoding encoding, const char *operation, const json_t *request)
{
    size_t len;
    void *bytes = message_pack(encoding, operation, request, &len);
    struct reply reply = front->call(encoding, operation, bytes, len);
    free(bytes);
    return reply;
}

/* Asks with json_pack's arguments; any refusal fails the test. */
static json_t *served(enum encoding encoding, const char *operation, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    json_t *request = json_vpack_ex(NULL, 0, format, values);
    va_end(values);
    struct reply reply = ask(encoding, operation, request);
    json_decref(request);
    ck_assert_msg(reply.code == 0, "%s: %d %s", operation, reply.code, reply.text);
    json_t *object = message_unpack(encoding, operation, reply.data, reply.len);
    free(reply.data);
    return object;
}

/* "The text names the operation, what was wrong and what would be right." */
static void check_refusal(const struct reply *reply, const char *operation, int code, const char *names)
{
    size_t len = strlen(operation);
    ck_assert_msg(reply->code == code || (reply->code == CODE_UNTOLD && code != 0),
                  "%s: %d instead of %d: %s", operation, reply->code, code, reply->text);
    ck_assert_msg(strncmp(reply->text, operation, len) == 0 && strncmp(reply->text + len, ": ", 2) == 0 &&
                      strlen(reply->text) > len + 12,
                  "%s: the text does not name the operation and what was wrong: %s", operation, reply->text);
    ck_assert_msg(names == NULL || strstr(reply->text, names) != NULL, "%s: the text does not say \"%s\": %s",
                  operation, names, reply->text);
}

static void refused(enum encoding encoding, const char *operation, int code, const char *names,
                    const char *format, ...)
{
    va_list values;
    va_start(values, format);
    json_t *request = json_vpack_ex(NULL, 0, format, values);
    va_end(values);
    struct reply reply = ask(encoding, operation, request);
    json_decref(request);
    check_refusal(&reply, operation, code, names);
    free(reply.data);
}

static bool exists(enum encoding encoding, const char *key)
{
    json_t *reply = served(encoding, "KeyExists", "{s:s}", "key", key);
    bool is = json_is_true(json_object_get(reply, "exists"));
    json_decref(reply);
    return is;
}

static void set(enum encoding encoding, const char *key, const char *value)
{
    json_decref(served(encoding, "Set", "{s:s,s:s}", "key", key, "value", value));
}

/* The text that Get reads; the key must be there. Owned by *reply, which the caller releases. */
static const char *get(enum encoding encoding, const char *key, json_t **reply)
{
    *reply = served(encoding, "Get", "{s:s}", "key", key);
    ck_assert_msg(json_is_true(json_object_get(*reply, "exists")), "%s is gone", key);
    return json_string_value(json_object_get(*reply, "value"));
}

static void check_value(enum encoding encoding, const char *key, const char *value)
{
    json_t *reply;
    ck_assert_msg(strcmp(get(encoding, key, &reply), value) == 0, "%s has changed", key);
    json_decref(reply);
}

static char *text_of_size(size_t len, char c)
{
    char *text = malloc(len + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, c, len);
    text[len] = '\0';
    return text;
}

/* ---- the meaning of each operation ----
 *
 * A scenario is a rule of section 3 and a conversation that shows it. Each runs in each encoding by itself,
 * and with all of them in turns (what one wrote, the next reads). Keys get a prefix of their own each time.
 */

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
    {"Batch: each item for itself, in order",
     {{"Batch",
       "{\"requests\":[{\"set\":{\"key\":\"a\",\"value\":\"1\"}},{\"get\":{\"key\":\"a\"}},{\"add\":{\"key\":"
       "\"a\",\"value\":2}},"
       "{\"push\":{\"key\":\"a\",\"value\":\"x\"}},{\"del\":{\"key\":\"a\"}},{\"get\":{\"key\":\"a\"}}]}",
       "{\"applied\":true,\"replies\":[{\"set\":{\"value\":\"1\"}},{\"get\":{\"value\":\"1\",\"exists\":true}"
       "},{\"add\":{\"value\":3}},"
       "{\"error\":{\"code\":409,\"description\":\"Push: the key holds another kind; Push needs a list, or a "
       "key that is "
       "free\"}},{\"del\":{\"key\":\"a\"}},{\"get\":{\"value\":\"\",\"exists\":false}}]}",
       0},
      {"KeyExists", "{\"key\":\"a\"}", "{\"value\":\"\",\"exists\":false}", 0}}},
    {"Batch: every operation is an item",
     {{"Batch",
       "{\"requests\":[{\"push\":{\"key\":\"l\",\"value\":\"x\"}},{\"push\":{\"key\":\"l\",\"value\":\"y\"}},"
       "{\"list_item_delete\":{\"key\":\"l\",\"value\":\"x\"}},{\"range\":{\"key\":\"l\",\"start\":0,"
       "\"stop\":-1}},"
       "{\"pop\":{\"key\":\"l\"}},{\"clear\":{\"key\":\"l\"}},{\"set_add\":{\"key\":\"s\",\"value\":\"m\"}},"
       "{\"set_query\":{\"key\":\"s\"}},{\"set_contains\":{\"key\":\"s\",\"value\":\"m\"}},{\"set_union\":{"
       "\"keys\":[\"s\",\"l\"]}},"
       "{\"set_intersection\":{\"keys\":[\"s\"]}},{\"set_remove\":{\"key\":\"s\",\"value\":\"m\"}}]}",
       "{\"applied\":true,\"replies\":[{\"push\":{\"new_count\":1}},{\"push\":{\"new_count\":2}},"
       "{\"list_item_delete\":{\"new_count\":1}},{\"range\":{\"values\":[\"y\"]}},"
       "{\"pop\":{\"exists\":true,\"value\":\"y\",\"new_count\":0}},{\"clear\":{\"key\":\"l\"}},{\"set_add\":"
       "{\"new_count\":1}},"
       "{\"set_query\":{\"values\":[\"m\"],\"cursor\":\"\"}},{\"set_contains\":{\"contains\":true}},"
       "{\"set_union\":{\"values\":[\"m\"],\"cursor\":\"\"}},{\"set_intersection\":{\"values\":[\"m\"],"
       "\"cursor\":\"\"}},"
       "{\"set_remove\":{\"new_count\":0}}]}",
       0},
      {"Batch",
       "{\"requests\":[{\"increment\":{\"key\":\"n\",\"delta\":5}},{\"compare_and_set\":{\"key\":\"n\","
       "\"value\":\"6\","
       "\"expected\":\"5\"}},{\"compare_and_set\":{\"key\":\"n\",\"value\":\"7\",\"expected\":\"5\"}},"
       "{\"expire\":{\"key\":\"n\",\"expires_ms\":0}},{\"time_to_live\":{\"key\":\"n\"}},{\"key_exists\":{"
       "\"key\":\"n\"}},"
       "{\"compare_and_delete\":{\"key\":\"n\",\"expected\":\"6\"}}]}",
       "{\"applied\":true,\"replies\":[{\"increment\":{\"value\":5}},"
       "{\"compare_and_set\":{\"swapped\":true,\"exists\":true,\"current\":\"\"}},"
       "{\"compare_and_set\":{\"swapped\":false,\"exists\":true,\"current\":\"6\"}},{\"expire\":{\"exists\":"
       "true}},"
       "{\"time_to_live\":{\"exists\":true,\"expires_in_ms\":0}},{\"key_exists\":{\"value\":\"\",\"exists\":"
       "true}},"
       "{\"compare_and_delete\":{\"deleted\":true,\"exists\":false,\"current\":\"\"}}]}",
       0}}},
    {"Batch: none is done, and an empty one is applied",
     {{"Batch", "{\"requests\":[]}", "{\"applied\":true,\"replies\":[]}", 0},
      {"Batch", "{\"requests\":[],\"atomic\":true}", "{\"applied\":true,\"replies\":[]}", 0},
      {"Batch", "{\"requests\":[{}]}",
       "{\"applied\":true,\"replies\":[{\"error\":{\"code\":400,\"description\":\"Batch: the item names no "
       "operation that a Batch "
       "has; send one of get, set, del, ..., time_to_live, pop, set_contains\"}}]}",
       0}}},
    {"Batch: atomic, its reads see what the items before them did",
     {{"Set", "{\"key\":\"a\",\"value\":\"1\"}", "{\"value\":\"1\"}", 0},
      {"Batch",
       "{\"requests\":[{\"compare_and_set\":{\"key\":\"a\",\"value\":\"2\",\"expected\":\"1\"}},{\"get\":{"
       "\"key\":\"a\"}},"
       "{\"push\":{\"key\":\"l\",\"value\":\"x\"}},{\"pop\":{\"key\":\"l\"}},{\"range\":{\"key\":\"l\","
       "\"start\":0,\"stop\":-1}}],"
       "\"atomic\":true}",
       "{\"applied\":true,\"replies\":[{\"compare_and_set\":{\"swapped\":true,\"exists\":true,\"current\":"
       "\"\"}},"
       "{\"get\":{\"value\":\"2\",\"exists\":true}},{\"push\":{\"new_count\":1}},"
       "{\"pop\":{\"exists\":true,\"value\":\"x\",\"new_count\":0}},{\"range\":{\"values\":[]}}]}",
       0},
      {"Get", "{\"key\":\"a\"}", "{\"value\":\"2\",\"exists\":true}", 0},
      {"KeyExists", "{\"key\":\"l\"}", "{\"value\":\"\",\"exists\":false}", 0}}},
    {"Batch: atomic, nothing is changed where a compare does not hold or an item is refused",
     {{"Push", "{\"key\":\"l\",\"value\":\"1\"}", "{\"new_count\":1}", 0},
      {"Push", "{\"key\":\"l\",\"value\":\"2\"}", "{\"new_count\":2}", 0},
      {"SetAdd", "{\"key\":\"s\",\"value\":\"m\"}", "{\"new_count\":1}", 0},
      {"Set", "{\"key\":\"a\",\"value\":\"v\",\"expires_s\":0}", "{\"value\":\"v\"}", 0},
      {"Batch",
       "{\"requests\":[{\"set\":{\"key\":\"a\",\"value\":\"w\"}},{\"pop\":{\"key\":\"l\"}},{\"push\":{"
       "\"key\":\"l\",\"value\":\"3\"}},"
       "{\"list_item_delete\":{\"key\":\"l\",\"value\":\"2\"}},{\"set_remove\":{\"key\":\"s\",\"value\":"
       "\"m\"}},"
       "{\"del\":{\"key\":\"a\"}},{\"add\":{\"key\":\"n\",\"value\":1}},{\"expire\":{\"key\":\"l\",\"expires_"
       "ms\":60000}},"
       "{\"compare_and_set\":{\"key\":\"a\",\"value\":\"x\",\"expected\":\"v\"}},{\"push\":{\"key\":\"n\","
       "\"value\":\"x\"}},"
       "{\"compare_and_delete\":{\"key\":\"n\",\"expected\":\"2\"}}],\"atomic\":true}",
       "{\"applied\":false,\"replies\":[{},{},{},{},{},{},{},{},"
       "{\"compare_and_set\":{\"swapped\":false,\"exists\":false,\"current\":\"\"}},"
       "{\"error\":{\"code\":409,\"description\":\"Push: the key holds another kind; Push needs a list, or a "
       "key that is "
       "free\"}},{\"compare_and_delete\":{\"deleted\":false,\"exists\":true,\"current\":\"1\"}}]}",
       0},
      {"Range", "{\"key\":\"l\",\"start\":0,\"stop\":-1}", "{\"values\":[\"1\",\"2\"]}", 0},
      {"SetQuery", "{\"key\":\"s\"}", "{\"values\":[\"m\"],\"cursor\":\"\"}", 0},
      {"Get", "{\"key\":\"a\"}", "{\"value\":\"v\",\"exists\":true}", 0},
      {"TimeToLive", "{\"key\":\"l\"}", "{\"exists\":true,\"expires_in_ms\":0}", 0},
      {"KeyExists", "{\"key\":\"n\"}", "{\"value\":\"\",\"exists\":false}", 0}}},
    {"Batch: atomic, an item that its check refuses",
     {{"Batch", "{\"requests\":[{\"set\":{\"key\":\"a\",\"value\":\"1\"}},{\"get\":{}}],\"atomic\":true}",
       "{\"applied\":false,\"replies\":[{},{\"error\":{\"code\":400,\"description\":\"Get: the key is empty; "
       "give a key of 1 to "
       "16384 bytes\"}}]}",
       0},
      {"KeyExists", "{\"key\":\"a\"}", "{\"value\":\"\",\"exists\":false}", 0}}},
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
    {"Set: two expiries, or a negative expires_ms, are refused and change nothing",
     {{"Set", "{\"key\":\"a\",\"value\":\"1\",\"expires_ms\":9223372036854775807}", "{\"value\":\"1\"}", 0},
      {"Set", "{\"key\":\"a\",\"value\":\"2\",\"expires_ms\":-1}", NULL, 400},
      {"Set", "{\"key\":\"a\",\"value\":\"2\",\"expires_s\":1,\"expires_ms\":1000}", NULL, 400},
      {"Set", "{\"key\":\"a\",\"value\":\"2\",\"expires_s\":1,\"keep_expiry\":true}", NULL, 400},
      {"Set", "{\"key\":\"a\",\"value\":\"2\",\"expires_ms\":1,\"keep_expiry\":true}", NULL, 400},
      {"Get", "{\"key\":\"a\"}", "{\"value\":\"1\",\"exists\":true}", 0},
      {"Set", "{\"key\":\"a\",\"value\":\"2\"}", "{\"value\":\"2\"}", 0},
      {"Set", "{\"key\":\"a\",\"value\":\"3\",\"keep_expiry\":true}", "{\"value\":\"3\"}", 0},
      {"TimeToLive", "{\"key\":\"a\"}", "{\"exists\":true,\"expires_in_ms\":0}", 0},
      {"Set", "{\"key\":\"b\",\"value\":\"3\",\"keep_expiry\":true}", "{\"value\":\"3\"}", 0},
      {"TimeToLive", "{\"key\":\"b\"}", "{\"exists\":true,\"expires_in_ms\":0}", 0}}},
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
    {"Increment: as Add, with 64 bits",
     {{"Increment", "{\"key\":\"a\",\"delta\":5}", "{\"value\":5}", 0},
      {"Increment", "{\"key\":\"a\",\"delta\":-7}", "{\"value\":-2}", 0},
      {"Increment", "{\"key\":\"a\"}", "{\"value\":-2}", 0},
      {"Increment", "{\"key\":\"a\",\"delta\":9223372036854775807}", "{\"value\":9223372036854775805}", 0},
      {"Get", "{\"key\":\"a\"}", "{\"value\":\"9223372036854775805\",\"exists\":true}", 0},
      {"Increment", "{\"key\":\"a\",\"delta\":3}", NULL, 400},
      {"Increment", "{\"key\":\"a\",\"delta\":2}", "{\"value\":9223372036854775807}", 0},
      {"Increment", "{\"key\":\"a\",\"delta\":-9223372036854775808}", "{\"value\":-1}", 0},
      {"Increment", "{\"key\":\"a\",\"delta\":-9223372036854775808}", NULL, 400},
      {"Increment", "{\"key\":\"b\",\"delta\":-9223372036854775808}", "{\"value\":-9223372036854775808}", 0},
      {"Increment", "{\"key\":\"b\",\"delta\":-1}", NULL, 400},
      {"Get", "{\"key\":\"b\"}", "{\"value\":\"-9223372036854775808\",\"exists\":true}", 0}}},
    {"Increment: a scalar that is wholly a decimal int64 becomes a counter",
     {{"Set", "{\"key\":\"a\",\"value\":\"-9223372036854775807\"}", "{\"value\":\"-9223372036854775807\"}",
       0},
      {"Increment", "{\"key\":\"a\",\"delta\":-1}", "{\"value\":-9223372036854775808}", 0},
      {"Set", "{\"key\":\"a\",\"value\":\"9223372036854775808\"}", "{\"value\":\"9223372036854775808\"}", 0},
      {"Increment", "{\"key\":\"a\",\"delta\":-1}", NULL, 409},
      {"Set", "{\"key\":\"a\",\"value\":\"0012\"}", "{\"value\":\"0012\"}", 0},
      {"Increment", "{\"key\":\"a\",\"delta\":1}", NULL, 409},
      {"Get", "{\"key\":\"a\"}", "{\"value\":\"0012\",\"exists\":true}", 0},
      {"Set", "{\"key\":\"a\",\"value\":\"7\"}", "{\"value\":\"7\"}", 0},
      {"Increment", "{\"key\":\"a\",\"delta\":1}", "{\"value\":8}", 0},
      {"Add", "{\"key\":\"a\",\"value\":1}", "{\"value\":9}", 0}}},
    {"Add: a counter outside int32 is refused and stays, and comes back into it by Increment",
     {{"Increment", "{\"key\":\"a\",\"delta\":2147483648}", "{\"value\":2147483648}", 0},
      {"Add", "{\"key\":\"a\",\"value\":-1}", NULL, 400},
      {"Add", "{\"key\":\"a\",\"value\":0}", NULL, 400},
      {"Get", "{\"key\":\"a\"}", "{\"value\":\"2147483648\",\"exists\":true}", 0},
      {"Increment", "{\"key\":\"a\",\"delta\":-2}", "{\"value\":2147483646}", 0},
      {"Add", "{\"key\":\"a\",\"value\":1}", "{\"value\":2147483647}", 0},
      {"Increment", "{\"key\":\"b\",\"delta\":-2147483649}", "{\"value\":-2147483649}", 0},
      {"Add", "{\"key\":\"b\",\"value\":1}", NULL, 400},
      {"Get", "{\"key\":\"b\"}", "{\"value\":\"-2147483649\",\"exists\":true}", 0},
      {"CompareAndSet", "{\"key\":\"b\",\"value\":\"x\",\"expected\":\"-2147483649\"}",
       "{\"swapped\":true,\"exists\":true,\"current\":\"\"}", 0}}},
    {"CompareAndSet: without expected it makes a key that does not exist",
     {{"CompareAndSet", "{\"key\":\"a\",\"value\":\"1\"}",
       "{\"swapped\":true,\"exists\":true,\"current\":\"\"}", 0},
      {"CompareAndSet", "{\"key\":\"a\",\"value\":\"2\"}",
       "{\"swapped\":false,\"exists\":true,\"current\":\"1\"}", 0},
      {"Get", "{\"key\":\"a\"}", "{\"value\":\"1\",\"exists\":true}", 0},
      {"Set", "{\"key\":\"b\",\"value\":\"\"}", "{\"value\":\"\"}", 0},
      {"CompareAndSet", "{\"key\":\"b\",\"value\":\"2\"}",
       "{\"swapped\":false,\"exists\":true,\"current\":\"\"}", 0},
      {"Get", "{\"key\":\"b\"}", "{\"value\":\"\",\"exists\":true}", 0}}},
    {"CompareAndSet: sets where the scalar, or the counter's text, is as expected",
     {{"CompareAndSet", "{\"key\":\"a\",\"value\":\"x\",\"expected\":\"1\"}",
       "{\"swapped\":false,\"exists\":false,\"current\":\"\"}", 0},
      {"CompareAndSet", "{\"key\":\"a\",\"value\":\"x\",\"expected\":\"\"}",
       "{\"swapped\":false,\"exists\":false,\"current\":\"\"}", 0},
      {"KeyExists", "{\"key\":\"a\"}", "{\"value\":\"\",\"exists\":false}", 0},
      {"Set", "{\"key\":\"a\",\"value\":\"\"}", "{\"value\":\"\"}", 0},
      {"CompareAndSet", "{\"key\":\"a\",\"value\":\"1\",\"expected\":\"\"}",
       "{\"swapped\":true,\"exists\":true,\"current\":\"\"}", 0},
      {"CompareAndSet", "{\"key\":\"a\",\"value\":\"2\",\"expected\":\"\"}",
       "{\"swapped\":false,\"exists\":true,\"current\":\"1\"}", 0},
      {"CompareAndSet", "{\"key\":\"a\",\"value\":\"2\",\"expected\":\"1\"}",
       "{\"swapped\":true,\"exists\":true,\"current\":\"\"}", 0},
      {"Get", "{\"key\":\"a\"}", "{\"value\":\"2\",\"exists\":true}", 0},
      {"Add", "{\"key\":\"n\",\"value\":-7}", "{\"value\":-7}", 0},
      {"CompareAndSet", "{\"key\":\"n\",\"value\":\"8\",\"expected\":\"7\"}",
       "{\"swapped\":false,\"exists\":true,\"current\":\"-7\"}", 0},
      {"CompareAndSet", "{\"key\":\"n\",\"value\":\"8\",\"expected\":\"-7\"}",
       "{\"swapped\":true,\"exists\":true,\"current\":\"\"}", 0},
      {"Add", "{\"key\":\"n\",\"value\":1}", "{\"value\":9}", 0}}},
    {"CompareAndSet: two expiries, or a negative one, are refused and change nothing",
     {{"Set", "{\"key\":\"a\",\"value\":\"1\"}", "{\"value\":\"1\"}", 0},
      {"CompareAndSet", "{\"key\":\"a\",\"value\":\"2\",\"expected\":\"1\",\"expires_ms\":-1}", NULL, 400},
      {"CompareAndSet",
       "{\"key\":\"a\",\"value\":\"2\",\"expected\":\"1\",\"expires_ms\":1,\"keep_expiry\":true}", NULL, 400},
      {"Get", "{\"key\":\"a\"}", "{\"value\":\"1\",\"exists\":true}", 0}}},
    {"CompareAndDelete: deletes where the scalar, or the counter's text, is as expected",
     {{"CompareAndDelete", "{\"key\":\"a\",\"expected\":\"\"}",
       "{\"deleted\":false,\"exists\":false,\"current\":\"\"}", 0},
      {"Set", "{\"key\":\"a\",\"value\":\"1\"}", "{\"value\":\"1\"}", 0},
      {"CompareAndDelete", "{\"key\":\"a\",\"expected\":\"2\"}",
       "{\"deleted\":false,\"exists\":true,\"current\":\"1\"}", 0},
      {"CompareAndDelete", "{\"key\":\"a\"}", "{\"deleted\":false,\"exists\":true,\"current\":\"1\"}", 0},
      {"CompareAndDelete", "{\"key\":\"a\",\"expected\":\"1\"}",
       "{\"deleted\":true,\"exists\":false,\"current\":\"\"}", 0},
      {"KeyExists", "{\"key\":\"a\"}", "{\"value\":\"\",\"exists\":false}", 0},
      {"Add", "{\"key\":\"a\",\"value\":5}", "{\"value\":5}", 0},
      {"CompareAndDelete", "{\"key\":\"a\",\"expected\":\"5\"}",
       "{\"deleted\":true,\"exists\":false,\"current\":\"\"}", 0},
      {"Set", "{\"key\":\"a\",\"value\":\"\"}", "{\"value\":\"\"}", 0},
      {"CompareAndDelete", "{\"key\":\"a\"}", "{\"deleted\":true,\"exists\":false,\"current\":\"\"}", 0},
      {"KeyExists", "{\"key\":\"a\"}", "{\"value\":\"\",\"exists\":false}", 0}}},
    {"Expire: a key of any kind goes on to live; 0 takes the time to live away; a missing key is not there",
     {{"Expire", "{\"key\":\"a\",\"expires_ms\":100000}", "{\"exists\":false}", 0},
      {"KeyExists", "{\"key\":\"a\"}", "{\"value\":\"\",\"exists\":false}", 0},
      {"Set", "{\"key\":\"a\",\"value\":\"1\"}", "{\"value\":\"1\"}", 0},
      {"Expire", "{\"key\":\"a\",\"expires_ms\":100000}", "{\"exists\":true}", 0},
      {"Get", "{\"key\":\"a\"}", "{\"value\":\"1\",\"exists\":true}", 0},
      {"Expire", "{\"key\":\"a\",\"expires_ms\":0}", "{\"exists\":true}", 0},
      {"TimeToLive", "{\"key\":\"a\"}", "{\"exists\":true,\"expires_in_ms\":0}", 0},
      {"Push", "{\"key\":\"b\",\"value\":\"1\"}", "{\"new_count\":1}", 0},
      {"Expire", "{\"key\":\"b\",\"expires_ms\":9223372036854775807}", "{\"exists\":true}", 0},
      {"Push", "{\"key\":\"b\",\"value\":\"2\"}", "{\"new_count\":2}", 0},
      {"Range", "{\"key\":\"b\",\"start\":0,\"stop\":-1}", "{\"values\":[\"1\",\"2\"]}", 0},
      {"SetAdd", "{\"key\":\"c\",\"value\":\"1\"}", "{\"new_count\":1}", 0},
      {"Expire", "{\"key\":\"c\",\"expires_ms\":100000}", "{\"exists\":true}", 0},
      {"SetQuery", "{\"key\":\"c\"}", "{\"values\":[\"1\"]}", 0}}},
    {"Expire: a negative time to live is refused and changes nothing",
     {{"Add", "{\"key\":\"a\",\"value\":1}", "{\"value\":1}", 0},
      {"Expire", "{\"key\":\"a\",\"expires_ms\":-1}", NULL, 400},
      {"Expire", "{\"key\":\"a\",\"expires_ms\":-9223372036854775808}", NULL, 400},
      {"TimeToLive", "{\"key\":\"a\"}", "{\"exists\":true,\"expires_in_ms\":0}", 0},
      {"Expire", "{\"key\":\"b\",\"expires_ms\":-1}", NULL, 400}}},
    {"TimeToLive: any kind; 0 is for ever",
     {{"TimeToLive", "{\"key\":\"a\"}", "{\"exists\":false,\"expires_in_ms\":0}", 0},
      {"Push", "{\"key\":\"a\",\"value\":\"x\"}", "{\"new_count\":1}", 0},
      {"TimeToLive", "{\"key\":\"a\"}", "{\"exists\":true,\"expires_in_ms\":0}", 0},
      {"Add", "{\"key\":\"b\",\"value\":1}", "{\"value\":1}", 0},
      {"TimeToLive", "{\"key\":\"b\"}", "{\"exists\":true,\"expires_in_ms\":0}", 0}}},
    {"Pop: takes the first item, or the last; an emptied list is gone",
     {{"Push", "{\"key\":\"a\",\"value\":\"x\"}", "{\"new_count\":1}", 0},
      {"Push", "{\"key\":\"a\",\"value\":\"\"}", "{\"new_count\":2}", 0},
      {"Push", "{\"key\":\"a\",\"value\":\"y\"}", "{\"new_count\":3}", 0},
      {"Push", "{\"key\":\"a\",\"value\":\"z\"}", "{\"new_count\":4}", 0},
      {"Pop", "{\"key\":\"a\"}", "{\"exists\":true,\"value\":\"x\",\"new_count\":3}", 0},
      {"Pop", "{\"key\":\"a\",\"from_end\":true}", "{\"exists\":true,\"value\":\"z\",\"new_count\":2}", 0},
      {"Pop", "{\"key\":\"a\",\"from_end\":false}", "{\"exists\":true,\"value\":\"\",\"new_count\":1}", 0},
      {"Range", "{\"key\":\"a\",\"start\":0,\"stop\":-1}", "{\"values\":[\"y\"]}", 0},
      {"Pop", "{\"key\":\"a\",\"from_end\":true}", "{\"exists\":true,\"value\":\"y\",\"new_count\":0}", 0},
      {"KeyExists", "{\"key\":\"a\"}", "{\"value\":\"\",\"exists\":false}", 0},
      {"Pop", "{\"key\":\"a\"}", "{\"exists\":false,\"value\":\"\",\"new_count\":0}", 0},
      {"KeyExists", "{\"key\":\"a\"}", "{\"value\":\"\",\"exists\":false}", 0},
      {"SetAdd", "{\"key\":\"a\",\"value\":\"x\"}", "{\"new_count\":1}", 0},
      {"Pop", "{\"key\":\"a\"}", NULL, 409}}},
    {"SetContains: whether the value is a member",
     {{"SetContains", "{\"key\":\"a\",\"value\":\"x\"}", "{\"contains\":false}", 0},
      {"KeyExists", "{\"key\":\"a\"}", "{\"value\":\"\",\"exists\":false}", 0},
      {"SetAdd", "{\"key\":\"a\",\"value\":\"x\"}", "{\"new_count\":1}", 0},
      {"SetAdd", "{\"key\":\"a\",\"value\":\"\"}", "{\"new_count\":2}", 0},
      {"SetContains", "{\"key\":\"a\",\"value\":\"x\"}", "{\"contains\":true}", 0},
      {"SetContains", "{\"key\":\"a\"}", "{\"contains\":true}", 0},
      {"SetContains", "{\"key\":\"a\",\"value\":\"xx\"}", "{\"contains\":false}", 0},
      {"SetRemove", "{\"key\":\"a\",\"value\":\"x\"}", "{\"new_count\":1}", 0},
      {"SetContains", "{\"key\":\"a\",\"value\":\"x\"}", "{\"contains\":false}", 0}}},
};

#define SCENARIOS ((int)(sizeof scenarios / sizeof scenarios[0]))

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

static void scope(json_t *value, const char *prefix);

/* Those of a Batch's items, which are members of its requests or replies. */
static void scope_items(json_t *items, const char *prefix)
{
    size_t i;
    json_t *item, *member;
    const char *name;
    json_array_foreach(items, i, item) json_object_foreach(item, name, member) scope(member, prefix);
}

static void scope(json_t *value, const char *prefix)
{
    json_t *keys = json_object_get(value, "keys");
    scope_items(json_object_get(value, "requests"), prefix);
    scope_items(json_object_get(value, "replies"), prefix);
    if (json_object_get(value, "key") != NULL)
        (void)json_object_set_new(value, "key", prefixed(json_object_get(value, "key"), prefix));
    for (size_t i = 0; i < json_array_size(keys); i++)
        (void)json_array_set_new(keys, i, prefixed(json_array_get(keys, i), prefix));
}

/* Puts the prefix in front of every key in a request or reply. */
static json_t *scoped(const char *text, const char *prefix)
{
    json_t *value = json_of(text, strlen(text));
    scope(value, prefix);
    return value;
}

static bool is_default(const json_t *value)
{
    return json_is_null(value) || json_is_false(value) ||
           (json_is_string(value) && json_string_length(value) == 0) ||
           (json_is_integer(value) && json_integer_value(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0);
}

/* Whether the reply has what is expected, and its other fields their defaults. */
static bool is_as_expected(json_t *reply, const json_t *expected)
{
    const char *name;
    json_t *member;
    json_object_foreach(reply, name, member)
    {
        const json_t *wanted = json_object_get(expected, name);
        if (wanted == NULL ? !is_default(member) : !json_equal(member, wanted))
            return false;
    }
    return json_object_size(reply) >= json_object_size(expected);
}

static void check_reply(const struct scenario *scenario, const struct step *step, enum encoding encoding,
                        const struct reply *answer, const char *prefix)
{
    ck_assert_msg(answer->code == 0, "%s: %s %s: %d %s", scenario->rule, step->operation, step->request,
                  answer->code, answer->text);
    json_t *expected = scoped(step->reply, prefix);
    json_t *reply = message_unpack(encoding, step->operation, answer->data, answer->len);
    if (strncmp(step->operation, "Set", 3) == 0)
        sort_values(reply);
    if (!is_as_expected(reply, expected)) {
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
    struct reply reply = ask(encoding, step->operation, request);
    if (step->reply == NULL)
        check_refusal(&reply, step->operation, step->code, NULL);
    else
        check_reply(scenario, step, encoding, &reply, prefix);
    free(reply.data);
    json_decref(request);
}

/* In the mode `end` the encodings take turns. */
START_TEST(each_operation_means_what_section_3_says)
{
    const struct scenario *scenario = &scenarios[_i];
    unsigned encodings = front->end - front->first;
    for (unsigned mode = 0; mode < (encodings > 1 ? encodings + 1 : 1); mode++) {
        char prefix[32];
        (void)snprintf(prefix, sizeof prefix, "%d.%u/", _i, mode);
        for (unsigned i = 0; i < MAX_STEPS && scenario->steps[i].operation != NULL; i++)
            run_step(scenario, &scenario->steps[i], front->first + (mode < encodings ? mode : i % encodings),
                     prefix);
    }
}
END_TEST

/* ---- pages ---- */

/* All that the pages of a list show, each of `limit` at the most. */
static json_t *read_pages(enum encoding encoding, const char *operation, const json_t *request, size_t limit)
{
    const char *field = strcmp(operation, "ListKeys") == 0 ? "keys" : "values";
    json_t *all = json_array(), *next = json_deep_copy(request);
    (void)json_object_set_new(next, "limit", json_integer((json_int_t)limit));
    for (bool more = true; more;) {
        json_t *page = served(encoding, operation, "O", next);
        json_t *cursor = json_object_get(page, "cursor");
        ck_assert_uint_le(json_array_size(json_object_get(page, field)), limit);
        (void)json_array_extend(all, json_object_get(page, field));
        (void)json_object_set(next, "cursor", cursor);
        more = json_string_length(cursor) > 0;
        json_decref(page);
    }
    json_decref(next);
    return all;
}

/* Whether the texts are "<prefix>0" to "<prefix><count - 1>", each once. */
static void check_numbered(json_t *texts, const char *prefix, size_t count)
{
    bool *seen = calloc(count + 1, sizeof *seen);
    size_t i, len = strlen(prefix);
    const json_t *text;
    ck_assert_ptr_nonnull(seen);
    ck_assert_uint_eq(json_array_size(texts), count);
    json_array_foreach(texts, i, text)
    {
        ck_assert(strncmp(json_string_value(text), prefix, len) == 0);
        size_t number = strtoul(json_string_value(text) + len, NULL, 10);
        ck_assert_msg(number < count && !seen[number], "%s is shown twice", json_string_value(text));
        seen[number] = true;
    }
    free(seen);
    json_decref(texts);
}

static void add_members(enum encoding encoding, const char *key, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        char member[24];
        (void)snprintf(member, sizeof member, "m%zu", i);
        json_decref(served(encoding, "SetAdd", "{s:s,s:s}", "key", key, "value", member));
    }
}

/* "with a limit above 0 the members come page by page, each that was there all the time exactly once, an
 * empty cursor being the end" */
START_TEST(a_set_is_read_page_by_page)
{
    static const size_t sizes[] = {0, 1, 5, 32, 33, 200}, limits[] = {1, 7, 32, 5000, UINT32_MAX};
    for (enum encoding encoding = front->first; encoding < front->end; encoding++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            char key[32];
            (void)snprintf(key, sizeof key, "pages%d.%zu", (int)encoding, i);
            add_members(encoding, key, 0, sizes[i]);
            json_t *request = json_pack("{s:s}", "key", key);
            for (size_t j = 0; j < sizeof limits / sizeof limits[0]; j++)
                check_numbered(read_pages(encoding, "SetQuery", request, limits[j]), "m", sizes[i]);
            json_decref(request);
        }
}
END_TEST

/* While others come and go, and the set turns from packed to hashed. */
START_TEST(what_is_in_a_set_all_the_time_is_on_one_page)
{
    json_t *request = json_pack("{s:s,s:i}", "key", "churn", "limit", 3), *stayed = json_array();
    add_members(front->first, "churn", 0, 20);
    for (int round = 0;; round++) {
        json_t *page = served(front->first, "SetQuery", "O", request), *cursor, *member;
        size_t i;
        json_array_foreach(json_object_get(page, "values"), i, member)
        {
            if (*json_string_value(member) == 'm')
                (void)json_array_append(stayed, member);
        }
        cursor = json_object_get(page, "cursor");
        (void)json_object_set(request, "cursor", cursor);
        bool more = json_string_length(cursor) > 0;
        json_decref(page);
        if (!more)
            break;
        for (int other = 0; other < 30; other++) {
            char text[16];
            (void)snprintf(text, sizeof text, "x%d", other * (round % 4 + 1));
            json_decref(served(front->first, round % 3 == 2 ? "SetRemove" : "SetAdd", "{s:s,s:s}", "key",
                               "churn", "value", text));
        }
    }
    check_numbered(stayed, "m", 20);
    json_decref(request);
}
END_TEST

START_TEST(an_actor_lists_its_keys_page_by_page)
{
    static const size_t limits[] = {1, 4, 10000, 0};
    for (enum encoding encoding = front->first; encoding < front->end; encoding++) {
        char prefix[32];
        (void)snprintf(prefix, sizeof prefix, "listed%d/", (int)encoding);
        for (size_t i = 0; i < 30; i++) {
            static const char *const makers[] = {"Set", "Push", "SetAdd"};
            char key[48];
            (void)snprintf(key, sizeof key, "%s%zu", prefix, i);
            json_decref(served(encoding, makers[i % 3], "{s:s,s:s}", "key", key, "value", "v"));
        }
        json_t *request = json_pack("{s:s}", "prefix", prefix);
        for (size_t i = 0; limits[i] > 0; i++)
            check_numbered(read_pages(encoding, "ListKeys", request, limits[i]), prefix, 30);
        (void)json_object_set_new(request, "prefix", json_string("no key begins so"));
        check_numbered(read_pages(encoding, "ListKeys", request, 7), "", 0);
        json_decref(request);
        /* All of them, without a limit or a prefix, are at least those. */
        json_t *reply = served(encoding, "ListKeys", "{}");
        ck_assert_uint_ge(json_array_size(json_object_get(reply, "keys")), 30);
        json_decref(reply);
        refused(encoding, "ListKeys", 400, "10001", "{s:i}", "limit", 10001);
    }
}
END_TEST

/* A cursor of one operation is none of another's. */
START_TEST(a_cursor_that_is_not_ours_is_400)
{
    static const char *const cursors[] = {"0",
                                          "1",
                                          "x",
                                          ".",
                                          "0000000000000000.1",
                                          "0000000000000000.",
                                          "0000000000000000.18446744073709551616"};
    add_members(front->first, "cursors", 0, 3);
    json_t *page = served(front->first, "SetQuery", "{s:s,s:i}", "key", "cursors", "limit", 1);
    const char *good = json_string_value(json_object_get(page, "cursor"));
    for (enum encoding encoding = front->first; encoding < front->end; encoding++) {
        for (size_t i = 0; i < sizeof cursors / sizeof cursors[0]; i++) {
            refused(encoding, "SetQuery", 400, "cursor", "{s:s,s:i,s:s}", "key", "cursors", "limit", 1,
                    "cursor", cursors[i]);
            refused(encoding, "ListKeys", 400, "cursor", "{s:s}", "cursor", cursors[i]);
        }
        refused(encoding, "ListKeys", 400, "cursor", "{s:s}", "cursor", good);
        refused(encoding, "SetQuery", 400, "limit", "{s:s,s:s}", "key", "cursors", "cursor", good);
        json_decref(
            served(encoding, "SetQuery", "{s:s,s:i,s:s}", "key", "cursors", "limit", 1, "cursor", good));
    }
    json_decref(page);
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
    {"SetQuery", SET, "{\"key\":\"a\",\"limit\":1}"},
    {"SetUnion", SET, "{\"keys\":[\"missing\",\"a\"]}"},
    {"SetIntersection", SET, "{\"keys\":[\"missing\",\"a\"]}"},
    {"SetIntersection", SET, "{\"keys\":[\"a\",\"missing\"]}"},
    {"KeyExists", ANY, "{\"key\":\"a\"}"},
    {"Increment", COUNTER, "{\"key\":\"a\",\"delta\":1}"},
    {"CompareAndSet", SCALAR | COUNTER, "{\"key\":\"a\",\"value\":\"1\"}"},
    {"CompareAndSet", SCALAR | COUNTER, "{\"key\":\"a\",\"value\":\"1\",\"expected\":\"1\"}"},
    {"CompareAndDelete", SCALAR | COUNTER, "{\"key\":\"a\",\"expected\":\"1\"}"},
    {"Expire", ANY, "{\"key\":\"a\",\"expires_ms\":100000}"},
    {"TimeToLive", ANY, "{\"key\":\"a\"}"},
    {"Pop", LIST, "{\"key\":\"a\"}"},
    {"SetContains", SET, "{\"key\":\"a\",\"value\":\"1\"}"},
};

#define PAIRS ((int)(sizeof pairs / sizeof pairs[0]))

/* All that a key holds, as text that the caller frees. */
static char *contents(enum encoding encoding, const char *prefix)
{
    static const char *const readers[][2] = {{"Get", "{\"key\":\"a\"}"},
                                             {"Range", "{\"key\":\"a\",\"start\":0,\"stop\":-1}"},
                                             {"SetQuery", "{\"key\":\"a\"}"}};
    char *text = NULL;
    for (size_t i = 0; text == NULL && i < sizeof readers / sizeof readers[0]; i++) {
        json_t *request = scoped(readers[i][1], prefix);
        struct reply reply = ask(encoding, readers[i][0], request);
        json_decref(request);
        if (reply.code == 0) {
            json_t *object = message_unpack(encoding, readers[i][0], reply.data, reply.len);
            text = json_dumps(object, JSON_SORT_KEYS);
            json_decref(object);
        }
        free(reply.data);
    }
    ck_assert_msg(text != NULL, "nothing reads the key");
    return text;
}

static void try_pair(enum encoding encoding, int pair, size_t kind)
{
    char prefix[32];
    (void)snprintf(prefix, sizeof prefix, "k%d.%d.%zu/", (int)encoding, pair, kind);
    json_t *make = scoped(kinds[kind].request, prefix), *request = scoped(pairs[pair].request, prefix);
    struct reply made = ask(encoding, kinds[kind].operation, make);
    ck_assert_int_eq(made.code, 0);
    char *before = contents(encoding, prefix);
    struct reply reply = ask(encoding, pairs[pair].operation, request);
    if ((pairs[pair].takes & 1u << kind) != 0) {
        ck_assert_msg(reply.code == 0, "%s on a %s: %s", pairs[pair].operation, kinds[kind].name, reply.text);
    } else {
        check_refusal(&reply, pairs[pair].operation, 409, NULL);
        char *after = contents(encoding, prefix);
        ck_assert_str_eq(before, after);
        free(after);
    }
    free(before);
    free(made.data);
    free(reply.data);
    json_decref(make);
    json_decref(request);
}

/* "A kind mismatch (Push on a set, Get on a list …) is refused and changes nothing." */
START_TEST(every_operation_refuses_every_other_kind_and_changes_nothing)
{
    for (enum encoding encoding = front->first; encoding < front->end; encoding++)
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
    {"SetQuery", "{\"key\":\"s\"}", "{\"values\":[],\"cursor\":\"\"}"},
    {"SetUnion", "{}", "{\"values\":[],\"cursor\":\"\"}"},
    {"SetIntersection", "{\"keys\":null}", "{\"values\":[],\"cursor\":\"\"}"},
    {"Add", "{\"key\":\"n\"}", "{\"value\":0}"},
    {"Del", "{\"key\":\"n\"}", "{\"key\":\"n\"}"},
    /* 64-bit integers are numbers; a value that is not UTF-8 is base64, whatever its field is called. */
    {"Increment", "{\"key\":\"i\",\"delta\":\"-9223372036854775808\"}", "{\"value\":-9223372036854775808}"},
    {"Set", "{\"key\":\"x\",\"value_base64\":\"/w==\"}", "{\"value\":\"\",\"value_base64\":\"/w==\"}"},
    {"CompareAndSet", "{\"key\":\"x\",\"value\":\"y\",\"expected\":null}",
     "{\"swapped\":false,\"exists\":true,\"current\":\"\",\"current_base64\":\"/w==\"}"},
    {"CompareAndDelete", "{\"key\":\"x\",\"expected_base64\":\"_g\"}",
     "{\"deleted\":false,\"exists\":true,\"current\":\"\",\"current_base64\":\"/w==\"}"},
    {"CompareAndSet", "{\"key\":\"x\",\"value_base64\":\"/g==\",\"expectedBase64\":\"_w\"}",
     "{\"swapped\":true,\"exists\":true,\"current\":\"\"}"},
    {"CompareAndDelete", "{\"key\":\"x\",\"expected_base64\":\"_g\"}",
     "{\"deleted\":true,\"exists\":false,\"current\":\"\"}"},
    /* proto3's JSON mapping of a number. */
    {"Add", "{\"key\":\"m\",\"value\":\"5\"}", "{\"value\":5}"},
    {"Add", "{\"key\":\"m\",\"value\":1.0}", "{\"value\":6}"},
    {"Add", "{\"key\":\"m\",\"value\":null}", "{\"value\":6}"},
};

static void check_bytes(const char *operation, const char *request, size_t request_len, const char *reply,
                        size_t reply_len)
{
    struct reply got = front->call(*request == '{' ? JSON : PROTOBUF, operation, request, request_len);
    ck_assert_msg(got.code == 0, "%s %s: %d %s", operation, request, got.code, got.text);
    ck_assert_msg(got.len == reply_len && memcmp(got.data, reply, reply_len) == 0,
                  "%s %s: %zu bytes that are not the expected %zu: %.*s", operation, request, got.len,
                  reply_len, (int)got.len, got.data);
    free(got.data);
}

START_TEST(json_replies_are_exactly_these_bytes)
{
    for (size_t i = 0; i < sizeof exchanges / sizeof exchanges[0]; i++)
        check_bytes(exchanges[i].operation, exchanges[i].request, strlen(exchanges[i].request),
                    exchanges[i].reply, strlen(exchanges[i].reply));
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
    for (size_t i = 0; i < sizeof wires / sizeof wires[0]; i++)
        check_bytes(wires[i].operation, wires[i].request, wires[i].request_len, wires[i].reply,
                    wires[i].reply_len);
}
END_TEST

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
        "\x0a\x02\xc0\x80"
        "\x12\x01"
        "1",
        "key"),
    BAD("Get", "\x0a\x03\xed\xa0\x80", "key"),
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
    BAD("Increment", "", "key is empty"),
    BAD("CompareAndSet", "", "key is empty"),
    BAD("CompareAndDelete", "{}", "key is empty"),
    BAD("Expire", "", "key is empty"),
    BAD("TimeToLive", "", "key is empty"),
    BAD("Pop", "{\"from_end\":true}", "key is empty"),
    BAD("SetContains", "", "key is empty"),
    /* Of pages. */
    BAD("SetQuery", "{\"key\":\"k\",\"limit\":-1}", "limit"),
    BAD("SetQuery", "\x0a\x01k\x10\x01\x1a\x02\xc0\x80", "cursor"),
    BAD("ListKeys", "{\"limit\":4294967296}", "limit"),
    BAD("ListKeys", "{\"key\":\"k\"}", NULL),
    BAD("ListKeys", "\x0a\x02\xc0\x80", "prefix"),
    BAD("ListKeys", "\x12\x02\xc0\x80", "cursor"),
    /* A negative expiry, int32 overflow. */
    BAD("Set", "{\"key\":\"k\",\"value\":\"2\",\"expires_s\":-1}", "expires_s"),
    BAD("Set",
        "\x0a\x01"
        "k"
        "\x12\x01"
        "2"
        "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        "expires_s"),
    BAD("Set", "{\"key\":\"k\",\"value\":\"2\",\"expires_ms\":-1}", "expires_ms"),
    BAD("Set", "{\"key\":\"k\",\"value\":\"2\",\"expires_s\":1,\"expires_ms\":1}", "two expiries"),
    BAD("Expire", "{\"key\":\"k\",\"expires_ms\":-1}", "expires_ms"),
    BAD("Increment", "{\"key\":\"k\",\"delta\":9223372036854775807}", "int64"),
    BAD("Increment", "{\"key\":\"k\",\"delta\":\"9223372036854775808\"}", "delta"),
    BAD("Add", "{\"key\":\"most\",\"value\":1}", "Increment"),
    BAD("Add", "{\"key\":\"most\",\"value\":1}", "int32"),
    BAD("Add",
        "\x0a\x04"
        "most"
        "\x10\x01",
        "int32"),
#undef BAD
};

START_TEST(what_is_wrong_with_a_request_is_400_and_changes_nothing)
{
    set(JSON, "k", "17");
    set(JSON, "most", "2147483647");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct reply reply = front->call(*bad[i].request == '{' ? JSON : PROTOBUF, bad[i].operation,
                                         bad[i].request, bad[i].len);
        ck_assert_msg(reply.code == 400, "row %zu: %s: %d %s", i, bad[i].operation, reply.code, reply.text);
        check_refusal(&reply, bad[i].operation, 400, bad[i].names);
        free(reply.data);
    }
    check_value(PROTOBUF, "k", "17");
    check_value(PROTOBUF, "most", "2147483647");
}
END_TEST

/* ---- 413 ---- */

#define MAX_KEY 16384
#define MAX_VALUE (1 << 20)
#define MAX_KEYS 8192

static const char *const one_key[] = {
    "Get",        "Set",         "Del",       "Add",      "Push",      "ListItemDelete", "Range",
    "Clear",      "SetAdd",      "SetRemove", "SetQuery", "KeyExists", "CompareAndSet",  "CompareAndDelete",
    "TimeToLive", "SetContains", "Increment", "Expire",   "Pop"};

START_TEST(a_key_over_its_limit_is_413)
{
    char *longest = text_of_size(MAX_KEY, 'k'), *longer = text_of_size(MAX_KEY + 1, 'k');
    for (enum encoding encoding = front->first; encoding < front->end; encoding++) {
        for (size_t i = 0; i < sizeof one_key / sizeof one_key[0]; i++)
            refused(encoding, one_key[i], 413, "16385", "{s:s}", "key", longer);
        refused(encoding, "SetUnion", 413, "16384", "{s:[s,s]}", "keys", "a", longer);
        refused(encoding, "SetIntersection", 413, "16384", "{s:[s,s]}", "keys", longer, "a");
        set(encoding, longest, "1");
        ck_assert(exists(encoding, longest));
    }
    free(longest);
    free(longer);
}
END_TEST

START_TEST(a_value_over_its_limit_is_413)
{
    static const char *const with_value[] = {"Set",       "Push",          "ListItemDelete", "SetAdd",
                                             "SetRemove", "CompareAndSet", "SetContains"};
    char *largest = text_of_size(MAX_VALUE, 'v'), *larger = text_of_size(MAX_VALUE + 1, 'v');
    for (enum encoding encoding = front->first; encoding < front->end; encoding++) {
        for (size_t i = 0; i < sizeof with_value / sizeof with_value[0]; i++)
            refused(encoding, with_value[i], 413, "1048577", "{s:s,s:s}", "key", "large", "value", larger);
        ck_assert(!exists(encoding, "large"));
        set(encoding, "large", largest);
        refused(encoding, "Set", 413, "1048576", "{s:s,s:s}", "key", "large", "value", larger);
        check_value(encoding, "large", largest);
        json_decref(served(encoding, "Del", "{s:s}", "key", "large"));
    }
    free(largest);
    free(larger);
}
END_TEST

START_TEST(more_keys_than_a_request_may_name_are_413)
{
    json_t *keys = json_array();
    for (int i = 0; i < MAX_KEYS; i++)
        (void)json_array_append_new(keys, json_string("missing"));
    json_t *more = json_copy(keys);
    (void)json_array_append_new(more, json_string("missing"));
    for (enum encoding encoding = front->first; encoding < front->end; encoding++) {
        json_decref(served(encoding, "SetUnion", "{s:O}", "keys", keys));
        refused(encoding, "SetUnion", 413, "8193", "{s:O}", "keys", more);
        refused(encoding, "SetIntersection", 413, "8192", "{s:O}", "keys", more);
    }
    json_decref(keys);
    json_decref(more);
}
END_TEST

#define ITEMS 60
#define ITEM_BYTES 100

/* What the text must say of a reply with so many values. */
static const char *size_told(enum encoding encoding, const char *json_frame, size_t count)
{
    static char names[80];
    size_t frame = strlen(json_frame);
    /* A field's tag, its length and its bytes; or two quotes, the bytes and mostly a comma. A host's bytes
     * are told as they stand in the response, an array of numbers. */
    size_t bytes = encoding == PROTOBUF ? count * (2 + ITEM_BYTES) : frame + count * (3 + ITEM_BYTES) - 1;
    int skip = snprintf(names, sizeof names, "%zu", bytes);
    (void)snprintf(names + skip, sizeof names - (size_t)skip, " bytes and the server's max_payload is %d",
                   CONFORMANCE_SMALL_REPLY);
    return encoding == MSGPACK ? names + skip : names;
}

START_TEST(a_reply_over_max_payload_is_413_with_its_size)
{
    char value[ITEM_BYTES + 1];
    for (int i = 0; i < ITEMS; i++) {
        (void)snprintf(value, sizeof value, "%0*d", ITEM_BYTES, i);
        json_decref(served(front->first, "Push", "{s:s,s:s}", "key", "list", "value", value));
        json_decref(served(front->first, "SetAdd", "{s:s,s:s}", "key", "set", "value", value));
    }
    for (enum encoding encoding = front->first; encoding < front->end; encoding++) {
        static const char of_a_set[] = "{\"values\":[],\"cursor\":\"\"}";
        refused(encoding, "Range", 413, size_told(encoding, "{\"values\":[]}", ITEMS), "{s:s,s:i,s:i}", "key",
                "list", "start", 0, "stop", -1);
        refused(encoding, "SetQuery", 413, size_told(encoding, of_a_set, ITEMS), "{s:s}", "key", "set");
        refused(encoding, "SetUnion", 413, size_told(encoding, of_a_set, ITEMS), "{s:[s]}", "keys", "set");
        refused(encoding, "SetIntersection", 413, size_told(encoding, of_a_set, ITEMS), "{s:[s]}", "keys",
                "set");
        /* What fits is answered, up to the last byte. */
        int last = encoding == PROTOBUF ? 39 : encoding == JSON ? 38 : 30;
        json_decref(served(encoding, "Range", "{s:s,s:i,s:i}", "key", "list", "start", 0, "stop", last));
    }
}
END_TEST

/* A value may grow in JSON: a NUL is six bytes there. What cannot be said as JSON can still be read as
 * protobuf. */
/* "Nothing is changed by a request that fails." */
START_TEST(a_current_value_over_max_payload_is_413)
{
    json_t *nuls = json_stringn((const char[1000]){0}, 1000);
    json_decref(served(PROTOBUF, "Set", "{s:s,s:O}", "key", "nuls", "value", nuls));
    refused(JSON, "CompareAndSet", 413, "bytes and the server's max_payload is 4096", "{s:s,s:s}", "key",
            "nuls", "value", "w");
    refused(JSON, "CompareAndDelete", 413, "bytes and the server's max_payload is 4096", "{s:s}", "key",
            "nuls");
    json_t *reply =
        served(PROTOBUF, "CompareAndSet", "{s:s,s:s,s:O}", "key", "nuls", "value", "w", "expected", nuls);
    ck_assert(json_is_true(json_object_get(reply, "swapped")));
    json_decref(reply);
    json_decref(nuls);
}
END_TEST

START_TEST(a_scalar_whose_json_is_over_max_payload_is_413)
{
    json_t *nuls = json_stringn((const char[1000]){0}, 1000);
    json_decref(served(PROTOBUF, "Set", "{s:s,s:O}", "key", "nuls", "value", nuls));
    refused(JSON, "Get", 413, "6026 bytes and the server's max_payload is 4096", "{s:s}", "key", "nuls");
    json_t *reply;
    (void)get(PROTOBUF, "nuls", &reply);
    ck_assert(json_equal(json_object_get(reply, "value"), nuls));
    json_decref(reply);
    json_decref(nuls);
}
END_TEST

static int32_t length_of(enum encoding encoding, const char *key)
{
    json_t *reply = served(encoding, "ListItemDelete", "{s:s,s:s}", "key", key, "value", "no such item");
    json_int_t length = json_integer_value(json_object_get(reply, "new_count"));
    json_decref(reply);
    return (int32_t)length;
}

static json_t *text_of_nuls(size_t len)
{
    char *nuls = calloc(1, len);
    ck_assert_ptr_nonnull(nuls);
    json_t *text = json_stringn(nuls, len);
    free(nuls);
    return text;
}

/* "an item that the reply has no room for stays there: 413" */
START_TEST(an_item_that_the_reply_has_no_room_for_is_not_popped)
{
    static const struct {
        size_t len;
        int json; /* what a Pop comes to */
    } items[] = {{100, 0}, {600, 0}, {680, 413}, {1000, 413}};
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
        json_t *nuls = text_of_nuls(items[i].len);
        json_decref(served(PROTOBUF, "Push", "{s:s,s:O}", "key", "queue", "value", nuls));
        for (int from_end = 0; items[i].json != 0 && from_end < 2; from_end++)
            refused(JSON, "Pop", items[i].json, "max_payload is 4096", "{s:s,s:b}", "key", "queue",
                    "from_end", from_end);
        ck_assert_int_eq(length_of(PROTOBUF, "queue"), 1);
        json_t *reply = served(items[i].json == 0 ? JSON : PROTOBUF, "Pop", "{s:s}", "key", "queue");
        ck_assert(json_equal(json_object_get(reply, "value"), nuls));
        ck_assert(!exists(PROTOBUF, "queue"));
        json_decref(reply);
        json_decref(nuls);
    }
}
END_TEST

/* What one page shows is added to all; where a member alone has no room, *told counts, and the refusal names
 * the cursor behind it. Returns whether there is more. */
static bool read_page_around(enum encoding encoding, json_t *all, char cursor[64], size_t *told)
{
    json_t *request = json_pack("{s:s,s:i,s:s}", "key", "members", "limit", 1000, "cursor", cursor);
    struct reply reply = ask(encoding, "SetQuery", request);
    json_decref(request);
    if (reply.code == 0) {
        json_t *page = message_unpack(encoding, "SetQuery", reply.data, reply.len);
        (void)json_array_extend(all, json_object_get(page, "values"));
        (void)snprintf(cursor, 64, "%s", json_string_value(json_object_get(page, "cursor")));
        json_decref(page);
    } else {
        const char *behind = strstr(reply.text, "with the cursor ");
        check_refusal(&reply, "SetQuery", 413, "one alone");
        (*told)++;
        (void)snprintf(cursor, 64, "%s", behind == NULL ? "" : behind + strlen("with the cursor "));
    }
    free(reply.data);
    return *cursor != '\0';
}

/* "a page never passes the reply's room" */
START_TEST(a_page_ends_where_the_reply_is_full)
{
    json_t *nuls = text_of_nuls(1000);
    add_members(front->first, "members", 0, 1500);
    json_decref(served(front->first, "SetAdd", "{s:s,s:O}", "key", "members", "value", nuls));
    for (enum encoding encoding = front->first; encoding < front->end; encoding++) {
        size_t told = 0;
        char cursor[64] = "";
        json_t *all = json_array();
        while (read_page_around(encoding, all, cursor, &told))
            continue;
        ck_assert_uint_eq(told, encoding == JSON);
        for (size_t i = json_array_size(all); i > 0; i--)
            if (json_equal(json_array_get(all, i - 1), nuls))
                (void)json_array_remove(all, i - 1);
        check_numbered(all, "m", 1500);
    }
    json_decref(nuls);
}
END_TEST

/* ---- 507 ---- */

/* Fills the store until one more value is refused. */
static void fill(enum encoding encoding)
{
    char *value = text_of_size(8192, 'v'), key[16];
    int code = 0;
    for (int i = 0; code == 0; i++) {
        ck_assert_msg(i < 1000, "a budget of 256 kB took 8 MB");
        (void)snprintf(key, sizeof key, "f%d", i);
        json_t *request = json_pack("{s:s,s:s}", "key", key, "value", value);
        struct reply reply = ask(encoding, "Set", request);
        json_decref(request);
        code = reply.code;
        if (code != 0)
            check_refusal(&reply, "Set", 507, "--max-memory");
        free(reply.data);
    }
    free(value);
}

START_TEST(a_spent_budget_is_507_for_what_grows_and_changes_nothing)
{
    static const struct {
        const char *operation, *key;
    } grows[] = {{"Set", "f0"}, {"Push", "list"}, {"SetAdd", "set"}, {"Push", "list2"}, {"SetAdd", "set2"}};
    char *value = text_of_size(16384, 'w'), *old = text_of_size(8192, 'v');
    fill(front->first);
    for (enum encoding encoding = front->first; encoding < front->end; encoding++) {
        json_decref(served(encoding, "Push", "{s:s,s:s}", "key", "list", "value", "1"));
        json_decref(served(encoding, "SetAdd", "{s:s,s:s}", "key", "set", "value", "1"));
        for (size_t i = 0; i < sizeof grows / sizeof grows[0]; i++)
            refused(encoding, grows[i].operation, 507, "budget", "{s:s,s:s}", "key", grows[i].key, "value",
                    value);
        ck_assert(!exists(encoding, "list2"));
        ck_assert(!exists(encoding, "set2"));
        check_value(encoding, "f0", old);
        json_t *reply = served(encoding, "Push", "{s:s,s:s}", "key", "list", "value", "2");
        ck_assert_int_eq(json_integer_value(json_object_get(reply, "new_count")), 2);
        json_decref(reply);
        json_decref(served(encoding, "Del", "{s:s}", "key", "list"));
        json_decref(served(encoding, "Del", "{s:s}", "key", "set"));
    }
    free(value);
    free(old);
}
END_TEST

/* ---- the suite ---- */

static TCase *add_case(Suite *suite, const struct conformance_front *of, const char *what, enum world world)
{
    static char names[16][64];
    static size_t count;
    char *name = names[count++ % 16];
    (void)snprintf(name, sizeof names[0], "%s: %s", of->name, what);
    TCase *tests = tcase_create(name);
    tcase_add_unchecked_fixture(tests, of->start[world], of->stop);
    tcase_add_checked_fixture(tests, of->open, of->close);
    suite_add_tcase(suite, tests);
    return tests;
}

void conformance_add(Suite *suite, const struct conformance_front *of)
{
    bool plain = of->first == PROTOBUF;
    TCase *tests = add_case(suite, of, "the meanings", WORLD_PLAIN);
    tcase_add_loop_test(tests, each_operation_means_what_section_3_says, 0, SCENARIOS);
    tcase_add_loop_test(tests, every_operation_refuses_every_other_kind_and_changes_nothing, 0, PAIRS);
    tcase_add_test(tests, a_set_is_read_page_by_page);
    tcase_add_test(tests, what_is_in_a_set_all_the_time_is_on_one_page);
    tcase_add_test(tests, an_actor_lists_its_keys_page_by_page);
    tcase_add_test(tests, a_cursor_that_is_not_ours_is_400);
    tcase_add_test(tests, a_key_over_its_limit_is_413);
    tcase_add_test(tests, a_value_over_its_limit_is_413);
    tcase_add_test(tests, more_keys_than_a_request_may_name_are_413);
    if (plain) {
        tcase_add_test(tests, json_replies_are_exactly_these_bytes);
        tcase_add_test(tests, protobuf_is_exactly_these_bytes);
        tcase_add_test(tests, what_is_wrong_with_a_request_is_400_and_changes_nothing);
    }
    tests = add_case(suite, of, "a small max_payload", WORLD_SMALL);
    tcase_add_test(tests, a_reply_over_max_payload_is_413_with_its_size);
    tcase_add_test(tests, a_page_ends_where_the_reply_is_full);
    if (plain) {
        tcase_add_test(tests, an_item_that_the_reply_has_no_room_for_is_not_popped);
        tcase_add_test(tests, a_scalar_whose_json_is_over_max_payload_is_413);
        tcase_add_test(tests, a_current_value_over_max_payload_is_413);
    }
    tests = add_case(suite, of, "a small memory budget", WORLD_TIGHT);
    tcase_add_test(tests, a_spent_budget_is_507_for_what_grows_and_changes_nothing);
}
