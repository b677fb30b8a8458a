/* Watch (contract section 3b) against those who mean harm, or are many: requests that are none, reply
 * subjects that are the provider's own to speak on, watchers who never read, and more of all than is usual.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "relay.h"
#include "service.h"
#include "watcher.h"

static void start_with(const char *workers, const char *config)
{
    nats_server_start(&shared.server, config);
    provider_serve(&shared.provider, shared.server.url, "--workers", workers, NULL);
    caller_open();
}

/* What is sent later on a subject is handled later. */
static void start(void)
{
    start_with("1", NULL);
}

static void start_with_two(void)
{
    start_with("2", NULL);
}

static void start_impatient(void)
{
    start_with("2", "write_deadline: \"1s\"\n");
}

static void stop(void)
{
    caller_close();
    shared_stop();
}

static void set(const char *key, const char *value)
{
    json_decref(client_call(&caller, PROTOBUF, "Set", "{s:s,s:s}", "key", key, "value", value));
}

static long long open_watches(void)
{
    json_t *stats = service_stats(&caller);
    long long open = number_at(stats, "data.watches.open");
    json_decref(stats);
    return open;
}

/* ---- requests ---- */

START_TEST(what_is_no_request_is_refused_and_leaves_no_watch)
{
#define RAW(bytes) bytes, sizeof bytes - 1
    static const struct {
        const char *bytes;
        size_t len;
        const char *names;
    } refused[] = {
        {RAW("\x0a\x01\xff"), "UTF-8"},
        {RAW("\x12\x01\xff"), "UTF-8"},
        {RAW("\x0a\x01k\x12\x01p"), "prefix"},
        {RAW("{\"key\":\"k\",\"prefix\":\"p\"}"), "prefix"},
        {RAW("{\"key\":\"\xff\"}"), "UTF-8"},
        {RAW("{\"prefix\":\"\xff\"}"), "UTF-8"},
        {RAW("\x0a\x7f"), NULL},
        {RAW("{\"key\":1}"), "key"},
        {RAW("{\"values\":1}"), "values"},
        {RAW("{\"lease_ms\":-1}"), "lease_ms"},
        {RAW("{\"lease_ms\":4294967296}"), "lease_ms"},
    };
    char *key = malloc(70001);
    memset(key, 'k', 70000);
    key[70000] = '\0';
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct answer answer = client_send(&caller, "Watch", refused[i].bytes, refused[i].len);
        check_refusal(&answer, "Watch", 400, refused[i].names);
        answer_free(&answer);
    }
    client_refused(&caller, PROTOBUF, "Watch", 413, "key", "{s:s}", "key", key);
    ck_assert_int_eq(open_watches(), 0);
    free(key);
}
END_TEST

/* "A request whose reply subject begins with `$` or `wascc-kv.` is dropped", and so is one that would make
 * the provider ask itself: a put would be a Set, whose change would be told by a put. */
START_TEST(no_watch_speaks_on_a_subject_of_the_provider_s_own)
{
    static const char *const replies[] = {"$JS.API.STREAM.DELETE.ledger", "$SYS.REQ.SERVER.PING",
                                          "wascc-kv.any", DEFAULT_BASE "." ACTOR ".Set",
                                          DEFAULT_BASE ".system.RemoveActor"};
    struct watcher watcher;
    char renew[320];
    watcher_open(&watcher, &caller, JSON, "{\"values\":true}");
    json_t *sync = watcher_next(&watcher);
    (void)snprintf(renew, sizeof renew, "%s", event_text(sync, "renew"));
    json_decref(sync);
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
        struct watcher forged = watcher;
        (void)snprintf(forged.reply, sizeof forged.reply, "%s", replies[i]);
        watcher_ask(&forged, "{\"values\":true}");
        watcher_ask_on(&forged, renew, "{\"values\":true}");
    }
    /* What is said to the two subjects comes behind that. */
    watcher_ask_on(&watcher, renew, "{\"values\":true,\"lease_ms\":60000}");
    set("key", "1");
    watcher_expect(&watcher, "put key=1");
    watcher_ask(&watcher, "{\"values\":true,\"lease_ms\":1}");
    watcher_expect_in_time(&watcher, "end");
    json_t *stats = service_await(&caller, "data.watches.open", 0);
    /* Nothing but the one watch has had events: sync, put, end. */
    ck_assert_int_eq(number_at(stats, "data.watches.events"), (long long)watcher.number);
    json_decref(stats);
    watcher_close(&watcher);
}
END_TEST

/* ---- many ---- */

/* Many watches that one connection hears. */
struct crowd {
    size_t count;
    natsInbox *inbox;
    natsSubscription *events;
    uint64_t *numbers; /* the last of each */
};

static void crowd_listen(struct crowd *crowd, size_t count)
{
    char wildcard[128];
    *crowd = (struct crowd){.count = count, .numbers = calloc(count, sizeof *crowd->numbers)};
    ck_assert_int_eq(natsInbox_Create(&crowd->inbox), NATS_OK);
    (void)snprintf(wildcard, sizeof wildcard, "%s.*", (const char *)crowd->inbox);
    ck_assert_int_eq(natsConnection_SubscribeSync(&crowd->events, caller.connection, wildcard), NATS_OK);
    ck_assert_int_eq(natsSubscription_SetPendingLimits(crowd->events, -1, -1), NATS_OK);
}

static void crowd_ask(struct crowd *crowd, size_t which, const char *request)
{
    char subject[320], reply[128];
    (void)snprintf(subject, sizeof subject, "%s.Watch", caller.base);
    (void)snprintf(reply, sizeof reply, "%s.%zu", (const char *)crowd->inbox, which);
    ck_assert_int_eq(
        natsConnection_PublishRequest(caller.connection, subject, reply, request, (int)strlen(request)),
        NATS_OK);
}

/* The next event of any of them. */
static void crowd_next(struct crowd *crowd, char told[EVENT_BYTES])
{
    natsMsg *message = NULL;
    const char *error = NULL;
    ck_assert_int_eq(natsSubscription_NextMsg(&message, crowd->events, WAIT_MS), NATS_OK);
    if (natsMsgHeader_Get(message, "Nats-Service-Error", &error) == NATS_OK)
        ck_abort_msg("%s", error);
    size_t which = strtoul(strrchr(natsMsg_GetSubject(message), '.') + 1, NULL, 10);
    json_t *event = json_of(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
    natsMsg_Destroy(message);
    ck_assert_uint_lt(which, crowd->count);
    ck_assert_int_eq(json_integer_value(json_object_get(event, "number")),
                     (json_int_t)++crowd->numbers[which]);
    event_describe(event, told);
    json_decref(event);
}

/* It must be that one, but for heartbeats. */
static void crowd_expect(struct crowd *crowd, const char *expected)
{
    char told[EVENT_BYTES];
    do {
        crowd_next(crowd, told);
    } while (strcmp(told, "sync") == 0 && strcmp(expected, "sync") != 0);
    ck_assert_str_eq(told, expected);
}

static void crowd_open(struct crowd *crowd, size_t count, const char *request)
{
    crowd_listen(crowd, count);
    for (size_t i = 0; i < count; i++)
        crowd_ask(crowd, i, request);
    for (size_t i = 0; i < count; i++)
        crowd_expect(crowd, "sync");
}

static void crowd_close(struct crowd *crowd)
{
    natsSubscription_Destroy(crowd->events);
    natsInbox_Destroy(crowd->inbox);
    free(crowd->numbers);
}

/* Who reads what there is misses nothing of it, though a message makes more events than may be unsent. */
START_TEST(a_thousand_watches_of_one_key_are_told_all_changes)
{
    enum { WATCHES = 1000, CHANGES = 20 };
    struct crowd crowd;
    char value[1001], expected[EVENT_BYTES];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    (void)snprintf(expected, sizeof expected, "put key=%.100s", value);
    json_t *requests = json_array();
    for (int i = 0; i < CHANGES; i++)
        (void)json_array_append_new(requests,
                                    json_pack("{s:{s:s,s:s}}", "set", "key", "key", "value", value));
    crowd_open(&crowd, WATCHES, "{\"key\":\"key\",\"values\":true}");
    json_decref(client_call(&caller, PROTOBUF, "Batch", "{s:o}", "requests", requests));
    for (int i = 0; i < WATCHES * CHANGES; i++)
        crowd_expect(&crowd, expected);
    crowd_close(&crowd);
}
END_TEST

START_TEST(all_watches_are_told_that_the_instance_stops)
{
    enum { WATCHES = 1024 };
    struct crowd crowd;
    crowd_open(&crowd, WATCHES, "{}");
    provider_stop(&shared.provider);
    for (int i = 0; i < WATCHES; i++)
        crowd_expect(&crowd, "end");
    crowd_close(&crowd);
}
END_TEST

/* A watch that begins when the last one ends has room as ever. */
START_TEST(watches_that_come_and_go_are_not_refused)
{
    enum { ROUNDS = 400 };
    struct crowd crowd;
    char told[EVENT_BYTES];
    crowd_listen(&crowd, ROUNDS);
    for (size_t i = 0; i < ROUNDS; i++) {
        crowd_ask(&crowd, i, "{\"key\":\"none\",\"lease_ms\":1}");
        if (i % 2 != 0)
            continue;
        nats_Sleep(2);
        /* This one's change wakes those who end it, beside which the next is asked for. */
        ck_assert_int_eq(natsConnection_PublishString(caller.connection, DEFAULT_BASE "." ACTOR ".Set",
                                                      "{\"key\":\"other\",\"value\":\"1\"}"),
                         NATS_OK);
    }
    /* A lease may be over before there is anything to say but that. */
    for (size_t ends = 0; ends < ROUNDS; ends += strcmp(told, "end") == 0 ? 1 : 0)
        crowd_next(&crowd, told);
    ck_assert_int_eq(open_watches(), 0);
    crowd_close(&crowd);
}
END_TEST

/* ---- slow ---- */

/* It watches all values and reads none, until the server hangs up on it. Writers are answered, the provider
 * stays small, and another watch is told all, or that it has missed something. */
START_TEST(a_watcher_that_never_reads_harms_no_writer)
{
    enum { WRITES = 1500, VALUE_BYTES = 64 * 1024 };
    static const char hello[] = "CONNECT {\"verbose\":false}\r\nSUB deaf 1\r\nPUB " DEFAULT_BASE "." ACTOR
                                ".Watch deaf 15\r\n{\"values\":true}\r\n";
    struct watcher watcher;
    char *value = malloc(VALUE_BYTES + 1), told[EVENT_BYTES];
    memset(value, 'v', VALUE_BYTES);
    value[VALUE_BYTES] = '\0';
    int deaf = bare_connect(shared.server.port);
    bare_send(deaf, hello, sizeof hello - 1);
    json_decref(service_await(&caller, "data.watches.open", 1));
    watcher_open(&watcher, &caller, JSON, "{\"key\":\"small\",\"values\":true}");
    watcher_expect(&watcher, "sync");
    long before_kb = process_rss_kb(&shared.provider);
    for (int i = 0; i < WRITES; i++)
        set("large", value);
    set("small", "last");
    if (!provider_is_sanitized())
        ck_assert_int_lt(process_peak_rss_kb(&shared.provider) - before_kb, 64 * 1024);
    do {
        json_t *event = watcher_next(&watcher);
        event_describe(event, told);
        json_decref(event);
    } while (strcmp(told, "sync") == 0);
    ck_assert(strcmp(told, "put small=last") == 0 || strcmp(told, "missed") == 0);
    watcher_close(&watcher);
    /* Whoever asks anew begins with what there is. */
    watcher_open(&watcher, &caller, PROTOBUF, "{\"key\":\"small\",\"values\":true}");
    watcher_expect(&watcher, "put small=last");
    watcher_close(&watcher);
    free(value);
    (void)close(deaf);
}
END_TEST

/* ---- time ---- */

static int by_size(const void *one, const void *other)
{
    long long a = *(const long long *)one, b = *(const long long *)other;
    return (a > b) - (a < b);
}

/* "Expiry is an event when the key's time is over, within 100 ms": in the mean, since the machine may be
 * busy. */
START_TEST(expiry_is_told_when_the_time_is_over)
{
    enum { TIMES = 15, LIVES_MS = 120 };
    struct watcher watcher;
    long long late_ms[TIMES];
    watcher_open(&watcher, &caller, JSON, "{\"key\":\"brief\"}");
    watcher_expect(&watcher, "sync");
    for (int i = 0; i < TIMES; i++) {
        long long from_ms = now_ms();
        json_decref(client_call(&caller, JSON, "Set", "{s:s,s:s,s:i}", "key", "brief", "value", "1",
                                "expires_ms", LIVES_MS + i));
        watcher_expect_in_time(&watcher, "put brief");
        watcher_expect_in_time(&watcher, "expire brief");
        late_ms[i] = now_ms() - from_ms - LIVES_MS - i;
        ck_assert_int_ge(late_ms[i], -1);
    }
    qsort(late_ms, TIMES, sizeof late_ms[0], by_size);
    ck_assert_int_le(late_ms[TIMES / 2], provider_is_sanitized() ? 2000 : 100);
    watcher_close(&watcher);
}
END_TEST

Suite *watch_hostile_suite(void)
{
    Suite *suite = suite_create("integration/watch_hostile");
    TCase *one = tcase_create("one"), *two = tcase_create("two"), *slow = tcase_create("slow");
    tcase_add_checked_fixture(one, start, stop);
    tcase_add_checked_fixture(two, start_with_two, stop);
    tcase_add_checked_fixture(slow, start_impatient, stop);
    tcase_set_timeout(one, 180);
    tcase_set_timeout(two, 180);
    tcase_set_timeout(slow, 180);
    tcase_add_test(one, what_is_no_request_is_refused_and_leaves_no_watch);
    tcase_add_test(one, no_watch_speaks_on_a_subject_of_the_provider_s_own);
    tcase_add_test(one, expiry_is_told_when_the_time_is_over);
    tcase_add_test(one, all_watches_are_told_that_the_instance_stops);
    tcase_add_test(two, a_thousand_watches_of_one_key_are_told_all_changes);
    tcase_add_test(two, watches_that_come_and_go_are_not_refused);
    tcase_add_test(slow, a_watcher_that_never_reads_harms_no_writer);
    suite_add_tcase(suite, one);
    suite_add_tcase(suite, two);
    suite_add_tcase(suite, slow);
    return suite;
}
