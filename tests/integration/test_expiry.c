/* Expiry over the wire: "a key is gone for every operation from the moment that it expires, whether or not
 * anything touches it, and its memory comes back by itself". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

static void start_shared(void)
{
    nats_server_start(&shared.server, NULL);
    provider_serve(&shared.provider, shared.server.url, "--shards", "1", "--max-memory", "4mb", NULL);
}

static void set_for(const char *key, const char *value, int expires_s)
{
    json_decref(client_call(&caller, PROTOBUF, "Set", "{s:s,s:s,s:i}", "key", key, "value", value,
                            "expires_s", expires_s));
}

static void await_gone(const char *key)
{
    long long deadline_ms = now_ms() + WAIT_MS;
    while (client_exists(&caller, key))
        ck_assert_msg(now_ms() < deadline_ms, "%s has not expired", key);
}

/* Each on a key of its own that has expired: the operation must find nothing there. */
static const struct {
    const char *key;
    const char *operation;
    const char *request;
    const char *reply;
} gone[] = {
    {"get", "Get", "{\"key\":\"get\"}", "{\"value\":\"\",\"exists\":false}"},
    {"exists", "KeyExists", "{\"key\":\"exists\"}", "{\"value\":\"\",\"exists\":false}"},
    {"del", "Del", "{\"key\":\"del\"}", "{\"key\":\"del\"}"},
    /* 41 was there. */
    {"add", "Add", "{\"key\":\"add\",\"value\":1}", "{\"value\":1}"},
    /* On a scalar that is still there, each of these is a 409. */
    {"push", "Push", "{\"key\":\"push\",\"value\":\"x\"}", "{\"new_count\":1}"},
    {"item", "ListItemDelete", "{\"key\":\"item\",\"value\":\"x\"}", "{\"new_count\":0}"},
    {"range", "Range", "{\"key\":\"range\",\"stop\":-1}", "{\"values\":[]}"},
    {"clear", "Clear", "{\"key\":\"clear\"}", "{\"key\":\"clear\"}"},
    {"setadd", "SetAdd", "{\"key\":\"setadd\",\"value\":\"x\"}", "{\"new_count\":1}"},
    {"setremove", "SetRemove", "{\"key\":\"setremove\",\"value\":\"x\"}", "{\"new_count\":0}"},
    {"query", "SetQuery", "{\"key\":\"query\"}", "{\"values\":[],\"cursor\":\"\"}"},
    {"union", "SetUnion", "{\"keys\":[\"union\"]}", "{\"values\":[],\"cursor\":\"\"}"},
    {"both", "SetIntersection", "{\"keys\":[\"both\"]}", "{\"values\":[],\"cursor\":\"\"}"},
    {"set", "Set", "{\"key\":\"set\",\"value\":\"2\"}", "{\"value\":\"2\"}"},
};

#define GONE (sizeof gone / sizeof gone[0])

START_TEST(an_expired_key_is_gone_for_every_operation)
{
    for (size_t i = 0; i < GONE; i++)
        set_for(gone[i].key, "41", 1);
    /* Set after the others with the same time to live, so it goes after them. */
    set_for("last", "41", 1);
    await_gone("last");
    for (size_t i = 0; i < GONE; i++) {
        struct answer answer =
            client_send(&caller, gone[i].operation, gone[i].request, strlen(gone[i].request));
        ck_assert_msg(answer.status == NATS_OK && answer.code == 0 && answer.len == strlen(gone[i].reply) &&
                          memcmp(answer.data, gone[i].reply, answer.len) == 0,
                      "%s: %d %s %.*s", gone[i].operation, answer.code, answer.text, (int)answer.len,
                      answer.data);
        answer_free(&answer);
    }
}
END_TEST

START_TEST(a_key_lives_until_it_expires)
{
    long long set_at = now_ms();
    set_for("lives", "1", 2);
    await_gone("lives");
    ck_assert_int_ge(now_ms() - set_at, 2000);
}
END_TEST

/* "expires_s 0 = never (and clears an earlier expiry)"; a later Set gives a new time to live. */
START_TEST(a_set_clears_or_renews_the_expiry)
{
    set_for("cleared", "1", 1);
    set_for("cleared", "2", 0);
    set_for("renewed", "1", 1);
    set_for("renewed", "2", 1000);
    set_for("sooner", "1", 1000);
    set_for("sooner", "2", 1);
    set_for("mark", "1", 1);
    await_gone("mark");
    await_gone("sooner");
    ck_assert(client_exists(&caller, "cleared"));
    ck_assert(client_exists(&caller, "renewed"));
}
END_TEST

/* "expiry is kept": an Add changes the value and not the time to live, nor does a refused request. */
START_TEST(an_add_keeps_the_expiry)
{
    set_for("counted", "5", 3); /* time enough for the Add, on a busy machine too */
    set_for("refused", "5", 1);
    ck_assert_int_eq(client_add(&caller, JSON, "counted", 1), 6);
    client_refused(&caller, JSON, "Set", 400, NULL, "{s:s,s:s,s:i}", "key", "refused", "value", "6",
                   "expires_s", -1);
    await_gone("counted");
    await_gone("refused");
    ck_assert_int_eq(client_add(&caller, JSON, "counted", 1), 1);
}
END_TEST

/* A key that was deleted and made again does not inherit the expiry. */
START_TEST(a_key_made_anew_has_no_expiry)
{
    set_for("anew", "1", 1);
    json_decref(client_call(&caller, JSON, "Del", "{s:s}", "key", "anew"));
    (void)client_push(&caller, JSON, "anew", "x");
    set_for("mark2", "1", 1);
    await_gone("mark2");
    ck_assert(client_exists(&caller, "anew"));
}
END_TEST

/* Sets a key of 16 kB for so long. Returns whether there was memory for it. */
static bool set_large(int number, int expires_s)
{
    static char value[16385];
    char key[32];
    memset(value, 'v', sizeof value - 1);
    (void)snprintf(key, sizeof key, "large %d", number);
    json_t *request = json_pack("{s:s,s:s,s:i}", "key", key, "value", value, "expires_s", expires_s);
    struct answer answer = client_ask(&caller, PROTOBUF, "Set", request);
    json_decref(request);
    ck_assert_msg(answer.code == 0 || answer.code == 507, "%d %s", answer.code, answer.text);
    bool done = answer.code == 0;
    answer_free(&answer);
    return done;
}

/* Nothing touches the expired keys again, and yet there is room for as many as before. */
START_TEST(the_memory_of_expired_keys_comes_back_by_itself)
{
    int count = 0;
    while (set_large(count, 2)) {
        count++;
        ck_assert_int_lt(count, 400);
    }
    ck_assert_int_gt(count, 100);
    long long deadline_ms = now_ms() + WAIT_MS;
    for (int i = 0; i < count - 1;) {
        if (set_large(100000 + i, 0))
            i++;
        ck_assert_msg(now_ms() < deadline_ms, "only %d of %d keys found room again", i, count);
    }
}
END_TEST

Suite *expiry_suite(void)
{
    Suite *suite = suite_create("integration/expiry");
    TCase *tests = tcase_create("expiry");
    tcase_add_unchecked_fixture(tests, start_shared, shared_stop);
    tcase_add_checked_fixture(tests, caller_open, caller_close);
    tcase_add_test(tests, an_expired_key_is_gone_for_every_operation);
    tcase_add_test(tests, a_key_lives_until_it_expires);
    tcase_add_test(tests, a_set_clears_or_renews_the_expiry);
    tcase_add_test(tests, an_add_keeps_the_expiry);
    tcase_add_test(tests, a_key_made_anew_has_no_expiry);
    tcase_add_test(tests, the_memory_of_expired_keys_comes_back_by_itself);
    suite_add_tcase(suite, tests);
    return suite;
}
