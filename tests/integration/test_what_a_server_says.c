/* What a server says later, or says wrongly: another limit of a payload, and messages on subjects that nobody
 * has subscribed to. The words are put in by a relay behind those of a real server. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "relay.h"
#include "service.h"

static struct nats_server server;
static struct process provider;
static struct client client;
static struct relay *relay;

static void start(void)
{
    char url[URL_BYTES];
    nats_server_start(&server, NULL);
    client_open(&client, server.url);
    relay = relay_start(server.port);
    relay_url(relay, url);
    provider_serve(&provider, url, "--workers", "1", NULL);
}

static void stop(void)
{
    relay_stop(relay);
    client_close(&client);
    harness_close_nats();
    process_destroy(&provider);
    nats_server_kill(&server);
}

/* ---- another limit ---- */

#define VALUE_BYTES 60000
#define LATER_LIMIT "20000"

/* As a user's JWT limits it: by an INFO that comes after the connection is made. */
START_TEST(a_limit_that_comes_later_holds_before_a_change)
{
    static const char info[] = "INFO {\"headers\":true,\"max_payload\":" LATER_LIMIT "}\r\n";
    static char value[VALUE_BYTES + 1];
    memset(value, 'v', VALUE_BYTES);
    json_decref(client_call(&client, PROTOBUF, "Set", "{s:s,s:s}", "key", "k", "value", value));
    relay_say(relay, info, sizeof info - 1);
    for (int encoding = 0; encoding < ENCODINGS; encoding++) {
        /* A reply to Set has the value: nothing is set where it has no room. */
        client_refused(&client, encoding, "Set", 413, LATER_LIMIT, "{s:s,s:s}", "key", "new", "value", value);
        ck_assert(!client_exists(&client, "new"));
        client_refused(&client, encoding, "Get", 413, LATER_LIMIT, "{s:s}", "key", "k");
    }
    value[10000] = '\0';
    json_decref(client_call(&client, PROTOBUF, "Set", "{s:s,s:s}", "key", "new", "value", value));
    ck_assert(client_exists(&client, "new"));
    static const char wide[] = "INFO {\"headers\":true,\"max_payload\":1048576}\r\n";
    relay_say(relay, wide, sizeof wide - 1);
    json_decref(client_call(&client, PROTOBUF, "Get", "{s:s}", "key", "k"));
    json_t *stats = service_stats(&client);
    ck_assert_int_eq(number_at(stats, "data.unsent"), 0);
    json_decref(stats);
    provider_stop(&provider);
}
END_TEST

/* Larger than any server takes: replies do not grow with it. */
START_TEST(a_limit_beyond_all_bounds_is_not_believed)
{
    enum { ITEM_BYTES = 1000000, ITEMS = 68 };
    static const char info[] = "INFO {\"headers\":true,\"max_payload\":9007199254740992}\r\n";
    static char item[ITEM_BYTES + 1];
    memset(item, 'v', ITEM_BYTES);
    for (int i = 0; i < ITEMS; i++)
        (void)client_push(&client, PROTOBUF, "list", item);
    relay_say(relay, info, sizeof info - 1);
    client_refused(&client, PROTOBUF, "Range", 413, "67108864", "{s:s,s:i,s:i}", "key", "list", "start", 0,
                   "stop", -1);
    ck_assert_int_eq(client_push(&client, PROTOBUF, "list", "more"), ITEMS + 1);
    provider_stop(&provider);
}
END_TEST

/* Without headers an error has its body, which is better than silence. */
START_TEST(a_server_without_headers_gets_the_body)
{
    static const char info[] = "INFO {\"headers\":false,\"max_payload\":1048576}\r\n";
    static const char body[] = "{\"error\":{\"code\":400,\"description\":\"Get: the key is empty";
    relay_say(relay, info, sizeof info - 1);
    struct answer answer = client_send(&client, "Get", "{}", 2);
    ck_assert_int_eq(answer.status, NATS_OK);
    ck_assert_msg(strncmp(answer.data, body, sizeof body - 1) == 0, "%.*s", (int)answer.len, answer.data);
    answer_free(&answer);
    provider_stop(&provider);
}
END_TEST

/* ---- other subjects ---- */

#define SID 1 /* of the first subscription of each connection: Get, that of an operation's, and PING's */

static const char *const subjects[] = {
    "a",
    "wasmbus",
    "wasmbus.provider.wascc.keyvalue.default",
    DEFAULT_BASE "." ACTOR,
    DEFAULT_BASE "." ACTOR ".",
    DEFAULT_BASE "." ACTOR ".Set",
    DEFAULT_BASE "." ACTOR ".Gets",
    DEFAULT_BASE "." ACTOR ".Get.more",
    DEFAULT_BASE "." ACTOR ".more.Get",
    DEFAULT_BASE "..Get",
    "other.base.of.equal.length.to.that.one." ACTOR ".Get",
    "$SRV.PINGS",
    "$SRV",
};

START_TEST(what_was_not_subscribed_to_is_dropped_and_counted)
{
    natsSubscription *inbox = NULL;
    uint64_t heard = 0;
    char line[RELAY_SAY_BYTES];
    size_t count = sizeof subjects / sizeof subjects[0];
    ck_assert_int_eq(natsConnection_SubscribeSync(&inbox, client.connection, "inbox.of.ours"), NATS_OK);
    ck_assert_int_eq(natsConnection_FlushTimeout(client.connection, WAIT_MS), NATS_OK);
    for (size_t i = 0; i < count; i++) {
        int len = snprintf(line, sizeof line, "MSG %s %d inbox.of.ours 11\r\n{\"key\":\"a\"}\r\n",
                           subjects[i], SID);
        relay_say(relay, line, (size_t)len);
    }
    /* Where a subject has a NUL in it, what is before that is not all of it. */
    static const char cut[] =
        "MSG " DEFAULT_BASE "." ACTOR "\0x.Get 1 inbox.of.ours 11\r\n{\"key\":\"a\"}\r\n";
    relay_say(relay, cut, sizeof cut - 1);
    /* Each connection has dropped each of them: the worker's, that for `system`, and discovery's. */
    json_t *stats = service_await(&client, "data.dropped.subject", (long long)(3 * (count + 1)));
    json_decref(stats);
    ck_assert_int_eq(natsConnection_FlushTimeout(client.connection, WAIT_MS), NATS_OK);
    ck_assert_int_eq(natsSubscription_QueuedMsgs(inbox, &heard), NATS_OK);
    ck_assert_uint_eq(heard, 0);
    /* What was subscribed to is served. */
    ck_assert(!client_exists(&client, "a"));
    natsSubscription_Destroy(inbox);
    provider_stop(&provider);
}
END_TEST

Suite *what_a_server_says_suite(void)
{
    Suite *suite = suite_create("integration/what_a_server_says");
    TCase *tests = tcase_create("what_a_server_says");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_test(tests, a_limit_that_comes_later_holds_before_a_change);
    tcase_add_test(tests, a_limit_beyond_all_bounds_is_not_believed);
    tcase_add_test(tests, a_server_without_headers_gets_the_body);
    tcase_add_test(tests, what_was_not_subscribed_to_is_dropped_and_counted);
    suite_add_tcase(suite, tests);
    return suite;
}
