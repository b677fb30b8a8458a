/* src/jetstream with real servers: a binding's streams are found or made, and read, by a connection of
 * nats.c's that the test drives. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "instances.h"
#include "jetstream/opening.h"
#include "jetstream/reader.h"
#include "stores.h"
#include "support/clock.h"

#define MB (INT64_C(1) << 20)

/* A message as nats.c's thread brings it; slot: WKV_JS_READER_SLOTS for what is no delivery. */
struct came {
    natsMsg *message;
    unsigned slot;
};

/* An instance's connection, and what it does with JetStream. */
struct desk {
    natsConnection *connection;
    natsSubscription *inbox, *deliveries[WKV_JS_READER_SLOTS];
    pthread_mutex_t lock; /* of what came */
    struct came came[4096];
    size_t begin, end;
    struct wkv_js_requests requests;
    struct wkv_js_opening opening;
    struct wkv_js_names names;
    bool is_over;
    struct wkv_js_opened opened;
    struct wkv_error error;
    struct wkv_js_reader reader;
    uint64_t read, last_bytes; /* positions, and what the last message had */
    int trouble;               /* -1: none */
    uint64_t from, to;
    char refusal[160];
};

static struct js js;

static void on_send(void *context, const struct wkv_js_outgoing *outgoing)
{
    struct desk *desk = context;
    natsMsg *message = NULL;
    ck_assert_int_eq(natsMsg_Create(&message, outgoing->subject, outgoing->reply, outgoing->bytes.data,
                                    (int)outgoing->bytes.len),
                     NATS_OK);
    if (outgoing->header != NULL)
        ck_assert_int_eq(natsMsgHeader_Set(message, outgoing->header, outgoing->value), NATS_OK);
    (void)natsConnection_PublishMsg(desk->connection, message);
    natsMsg_Destroy(message);
}

static void on_publish(void *context, const char *subject, const char *reply, const char *text)
{
    struct wkv_js_outgoing outgoing = {.subject = subject, .reply = reply, .bytes = wkv_text_from(text)};
    on_send(context, &outgoing);
}

static void on_opened(void *context, const struct wkv_js_opened *opened, const struct wkv_error *error)
{
    struct desk *desk = context;
    desk->is_over = true;
    desk->opened = *opened;
    desk->error = *error;
}

static void on_message(void *context, uint64_t position, int64_t time_ns, struct wkv_text bytes)
{
    struct desk *desk = context;
    ck_assert_uint_eq(position, desk->read + 1);
    ck_assert_int_gt(time_ns, 0);
    desk->read = position;
    desk->last_bytes = (uint64_t)atoll(bytes.data);
}

static bool is_known(void *context, uint64_t position, struct wkv_text bytes)
{
    (void)context;
    return (uint64_t)atoll(bytes.data) == position;
}

static void on_trouble(void *context, enum wkv_js_trouble trouble, uint64_t from, uint64_t to,
                       const struct wkv_js_refusal *refusal)
{
    struct desk *desk = context;
    desk->trouble = (int)trouble;
    desk->from = from;
    desk->to = to;
    (void)snprintf(desk->refusal, sizeof desk->refusal, "%s", refusal == NULL ? "" : refusal->text);
}

/* nats.c's own queue keeps "no responders" from who asks it for messages. */
static void on_came(natsConnection *connection, natsSubscription *subscription, natsMsg *message,
                    void *context)
{
    struct desk *desk = context;
    struct came came = {message, 0};
    (void)connection;
    (void)pthread_mutex_lock(&desk->lock);
    while (came.slot < WKV_JS_READER_SLOTS && desk->deliveries[came.slot] != subscription)
        came.slot++;
    ck_assert_uint_lt(desk->end - desk->begin, 4096);
    desk->came[desk->end++ % 4096] = came;
    (void)pthread_mutex_unlock(&desk->lock);
}

static bool next(struct desk *desk, struct came *came)
{
    (void)pthread_mutex_lock(&desk->lock);
    bool is_there = desk->begin < desk->end;
    if (is_there)
        *came = desk->came[desk->begin++ % 4096];
    (void)pthread_mutex_unlock(&desk->lock);
    return is_there;
}

static void desk_open(struct desk *desk, const char *url, unsigned number)
{
    char inbox[64], all[80];
    struct wkv_address address = {NULL, "default"};
    struct wkv_js_reader_hooks hooks = {.publish = on_publish,
                                        .message = on_message,
                                        .is_known = is_known,
                                        .trouble = on_trouble,
                                        .context = desk};
    *desk = (struct desk){.trouble = -1};
    (void)snprintf(inbox, sizeof inbox, "_INBOX.desk%u", number);
    (void)snprintf(all, sizeof all, "%s.*", inbox);
    ck_assert_int_eq(natsConnection_ConnectTo(&desk->connection, url), NATS_OK);
    (void)pthread_mutex_init(&desk->lock, NULL);
    ck_assert_int_eq(natsConnection_Subscribe(&desk->inbox, desk->connection, all, on_came, desk), NATS_OK);
    (void)pthread_mutex_lock(&desk->lock);
    for (unsigned i = 0; i < WKV_JS_READER_SLOTS; i++) {
        char subject[80];
        (void)snprintf(subject, sizeof subject, "%s.d.%u", inbox, i);
        ck_assert_int_eq(
            natsConnection_Subscribe(&desk->deliveries[i], desk->connection, subject, on_came, desk),
            NATS_OK);
    }
    (void)pthread_mutex_unlock(&desk->lock);
    wkv_js_names_make(&address, &desk->names);
    wkv_js_requests_init(&desk->requests, inbox, on_send, desk);
    wkv_js_reader_init(&desk->reader, desk->names.log_stream, NULL, inbox, &hooks);
}

static void desk_close(struct desk *desk)
{
    wkv_js_requests_destroy(&desk->requests);
    natsConnection_Destroy(desk->connection);
    natsSubscription_Destroy(desk->inbox);
    for (unsigned i = 0; i < WKV_JS_READER_SLOTS; i++)
        natsSubscription_Destroy(desk->deliveries[i]);
    struct came came;
    while (next(desk, &came))
        natsMsg_Destroy(came.message);
    (void)pthread_mutex_destroy(&desk->lock);
}

static void take(struct desk *desk, const struct came *came)
{
    struct wkv_js_incoming incoming;
    wkv_js_incoming_of(came->message, &incoming);
    if (came->slot < WKV_JS_READER_SLOTS)
        wkv_js_reader_take_delivery(&desk->reader, came->slot, &incoming, wkv_monotonic_ns());
    else if (!wkv_js_requests_take(&desk->requests, &incoming))
        wkv_js_reader_take(&desk->reader, &incoming, wkv_monotonic_ns());
    natsMsg_Destroy(came->message);
}

/* Takes what has come, and does what is due. */
static void turn(struct desk *desk)
{
    struct came came;
    bool is_there = next(desk, &came);
    if (!is_there)
        (void)usleep(1000);
    for (; is_there; is_there = next(desk, &came))
        take(desk, &came);
    (void)wkv_js_requests_tick(&desk->requests, wkv_monotonic_ns());
    (void)wkv_js_opening_tick(&desk->opening, wkv_monotonic_ns());
    (void)wkv_js_reader_tick(&desk->reader, wkv_monotonic_ns());
}

static void begin_opening(struct desk *desk, unsigned replicas, int64_t snap_max_bytes)
{
    struct wkv_js_opening_options options = {.names = &desk->names,
                                             .replicas = replicas,
                                             .log_max_bytes = 256 * MB,
                                             .snap_max_bytes = snap_max_bytes,
                                             .first = wkv_text_from("1")};
    desk->is_over = false;
    wkv_js_open(&desk->opening, &options, &desk->requests, wkv_monotonic_ns(), on_opened, desk);
}

static void open_streams_of(struct desk *desk, int64_t snap_max_bytes)
{
    begin_opening(desk, 0, snap_max_bytes);
    for (long long end_ms = now_ms() + WAIT_MS; !desk->is_over;) {
        turn(desk);
        ck_assert_msg(now_ms() < end_ms, "not opened: %s", desk->opening.waits_for);
    }
}

static void open_streams(struct desk *desk)
{
    open_streams_of(desk, 256 * MB);
}

static void open_well(struct desk *desk)
{
    open_streams(desk);
    ck_assert_msg(desk->error.code == WKV_OK, "%s", desk->error.text);
}

static void open_badly(struct desk *desk, const char *text)
{
    open_streams(desk);
    ck_assert_int_eq(desk->error.code, WKV_UNAVAILABLE);
    ck_assert_msg(strstr(desk->error.text, text) != NULL, "%s", desk->error.text);
}

static void ask_api(const char *call, const char *request)
{
    json_t *said = js_ask(&js, call, request);
    ck_assert_ptr_nonnull(said);
    ck_assert_ptr_null(json_object_get(said, "error"));
    json_decref(said);
}

/* Appends numbers to the log up to that one, each message its own position. */
static void append_to(struct desk *desk, uint64_t last)
{
    for (uint64_t number = (uint64_t)js_last(&js, LOG_STREAM) + 1; number <= last; number++) {
        char text[24];
        (void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
        ck_assert_int_eq(natsConnection_PublishString(desk->connection, desk->names.log_subject, text),
                         NATS_OK);
    }
    ck_assert_int_eq(natsConnection_Flush(desk->connection), NATS_OK);
}

static void read_to(struct desk *desk, uint64_t position)
{
    for (long long end_ms = now_ms() + WAIT_MS; desk->read < position;) {
        turn(desk);
        ck_assert_msg(now_ms() < end_ms && desk->trouble < 0, "read up to %llu, trouble %d",
                      (unsigned long long)desk->read, desk->trouble);
    }
}

static void begin_reading(struct desk *desk, uint64_t applied)
{
    desk->read = applied;
    desk->trouble = -1;
    wkv_js_reader_connected(&desk->reader, wkv_monotonic_ns());
    wkv_js_reader_begin(&desk->reader, applied, applied, wkv_monotonic_ns());
}

static void await_trouble(struct desk *desk, enum wkv_js_trouble trouble)
{
    for (long long end_ms = now_ms() + WAIT_MS; desk->trouble < 0;) {
        turn(desk);
        ck_assert_msg(now_ms() < end_ms, "no trouble");
    }
    ck_assert_int_eq(desk->trouble, (int)trouble);
}

/* ---- one server ---- */

static struct desk desk;

static void one_server(void)
{
    js_start(&js, 1, NULL);
    desk_open(&desk, js.urls, 0);
}

static void stop(void)
{
    desk_close(&desk);
    js_stop(&js);
    harness_close_nats();
}

static void check_config(const char *stream, const char *format, ...)
{
    json_t *said = js_stream(&js, stream);
    json_error_t wrong;
    va_list args;
    va_start(args, format);
    json_t *expected = json_vpack_ex(&wrong, 0, format, args);
    va_end(args);
    ck_assert_msg(expected != NULL, "%s", wrong.text);
    const char *name;
    json_t *value;
    json_object_foreach(expected, name, value)
    {
        const json_t *is = json_object_get(json_object_get(said, "config"), name);
        ck_assert_msg(json_equal(is, value), "%s: %s", stream, name);
    }
    json_decref(expected);
    json_decref(said);
}

/* DESIGN 1. */
START_TEST(the_streams_are_made_as_the_design_says)
{
    open_well(&desk);
    ck_assert(desk.opened.began);
    ck_assert_uint_eq(desk.opened.log.last, 1);
    const char *stream = LOG_STREAM;
    for (int i = 0; i < 2; i++, stream = SNAP_STREAM)
        check_config(stream, "{ss, ss, si, ss, sI, si, si, si, si, si, sb, sb, sb}", "retention", "limits",
                     "storage", "file", "num_replicas", 1, "discard", "new", "max_bytes",
                     (json_int_t)(256 * MB), "max_age", 0, "max_msgs", -1, "max_msgs_per_subject", -1,
                     "max_msg_size", -1, "duplicate_window", 100000000, "deny_delete", 1, "allow_direct", 0,
                     "allow_rollup_hdrs", 0);
    check_config(LOG_STREAM, "{s[s]}", "subjects", "wascc-kv.default-caeaa1ac.log");
    check_config(SNAP_STREAM, "{s[ss]}", "subjects", "wascc-kv.default-caeaa1ac.chunk",
                 "wascc-kv.default-caeaa1ac.manifest");
    /* What is there is found, by this instance and after a restart of the server. */
    open_well(&desk);
    ck_assert(!desk.opened.began);
    ck_assert_uint_eq(desk.opened.log.last, 1);
}
END_TEST

START_TEST(of_instances_that_start_together_one_begins_the_log)
{
    struct desk desks[4];
    int over = 0, began = 0;
    for (unsigned i = 0; i < 4; i++) {
        desk_open(&desks[i], js.urls, i + 1);
        begin_opening(&desks[i], 0, 256 * MB);
    }
    for (long long end_ms = now_ms() + WAIT_MS; over < 4 && now_ms() < end_ms;) {
        over = 0;
        for (int i = 0; i < 4; i++) {
            turn(&desks[i]);
            over += desks[i].is_over;
        }
    }
    ck_assert_int_eq(over, 4);
    for (int i = 0; i < 4; i++) {
        ck_assert_msg(desks[i].error.code == WKV_OK, "%s", desks[i].error.text);
        began += desks[i].opened.began;
        ck_assert_uint_eq(desks[i].opened.log.last, 1);
        desk_close(&desks[i]);
    }
    ck_assert_int_eq(began, 1);
}
END_TEST

/* Deletes all, but for the snapshots' stream as it is made before the log is begun. */
static void cut_short(void)
{
    json_t *said = js_stream(&js, SNAP_STREAM);
    char *config = json_dumps(json_object_get(said, "config"), 0);
    json_decref(said);
    ask_api("STREAM.DELETE." LOG_STREAM, NULL);
    ask_api("STREAM.DELETE." SNAP_STREAM, NULL);
    ask_api("STREAM.CREATE." SNAP_STREAM, config);
    free(config);
}

START_TEST(a_start_that_was_cut_short_is_gone_on_with)
{
    open_well(&desk);
    cut_short();
    open_well(&desk);
    ck_assert(desk.opened.began);
}
END_TEST

/* Nothing was lost in silence: not even what was answered before the first snapshot. */
START_TEST(a_log_that_was_deleted_is_not_begun_anew)
{
    open_well(&desk);
    ck_assert_uint_eq(desk.opened.snapshots.last, 1);
    ask_api("STREAM.DELETE." LOG_STREAM, NULL);
    open_badly(&desk, SNAP_STREAM " says that a log was begun, and " LOG_STREAM " is not there");
    json_t *said = js_ask(&js, "STREAM.INFO." LOG_STREAM, NULL);
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(said, "error"), "err_code")), 10059);
    json_decref(said);
}
END_TEST

static int64_t snapshots_bytes(void)
{
    json_t *said = js_stream(&js, SNAP_STREAM);
    int64_t bytes = json_integer_value(json_object_get(json_object_get(said, "config"), "max_bytes"));
    json_decref(said);
    return bytes;
}

/* "Raised by STREAM.UPDATE when a larger budget comes", and never made smaller. */
START_TEST(the_snapshots_get_room_for_a_larger_budget)
{
    static const int64_t wanted[] = {256 * MB, 300 * MB, 256 * MB}, is[] = {256 * MB, 300 * MB, 300 * MB};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        open_streams_of(&desk, wanted[i]);
        ck_assert_msg(desk.error.code == WKV_OK, "%s", desk.error.text);
        ck_assert_int_eq(snapshots_bytes(), is[i]);
    }
    check_config(SNAP_STREAM, "{sb, si}", "deny_delete", 1, "duplicate_window", 100000000);
}
END_TEST

START_TEST(what_was_lost_is_not_made_anew)
{
    open_well(&desk);
    ask_api("STREAM.PURGE." LOG_STREAM, NULL);
    open_badly(&desk, "has lost all of its messages");
    ask_api("STREAM.DELETE." SNAP_STREAM, NULL);
    open_badly(&desk, LOG_STREAM " is there and " SNAP_STREAM " is not");
    ask_api("STREAM.DELETE." LOG_STREAM, NULL);
    open_well(&desk);
    ask_api("STREAM.DELETE." LOG_STREAM, NULL);
    open_badly(&desk, SNAP_STREAM " says that a log was begun, and " LOG_STREAM " is not there");
    json_t *said = js_ask(&js, "STREAM.INFO." LOG_STREAM, NULL);
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(said, "error"), "err_code")), 10059);
    json_decref(said);
}
END_TEST

START_TEST(a_stream_of_somebody_else_is_not_used)
{
    ask_api("STREAM.CREATE." LOG_STREAM, "{\"name\":\"" LOG_STREAM "\",\"subjects\":[\"wascc-kv.default-"
                                         "caeaa1ac.log\"],\"storage\":\"file\",\"max_age\":1000000000}");
    ask_api("STREAM.CREATE." SNAP_STREAM, "{\"name\":\"" SNAP_STREAM "\",\"subjects\":[\"foo\"]}");
    open_badly(&desk, SNAP_STREAM " is not ours");
    ask_api("STREAM.DELETE." SNAP_STREAM, NULL);
    open_badly(&desk, LOG_STREAM " is not ours");
}
END_TEST

START_TEST(what_has_no_room_is_made_smaller)
{
    begin_opening(&desk, 0, INT64_C(1) << 40);
    for (long long end_ms = now_ms() + WAIT_MS; !desk.is_over && now_ms() < end_ms;)
        turn(&desk);
    ck_assert_msg(desk.is_over && desk.error.code == WKV_OK, "%s%s", desk.opening.waits_for, desk.error.text);
    ck_assert_int_eq(desk.opened.snapshots.max_bytes, INT64_C(1) << 35); /* 32 of 64 GB */
}
END_TEST

START_TEST(all_is_read_once_and_in_order)
{
    open_well(&desk);
    append_to(&desk, 3000);
    begin_reading(&desk, 0);
    read_to(&desk, 3000);
    ck_assert_uint_eq(desk.last_bytes, 3000);
    begin_reading(&desk, 1500);
    append_to(&desk, 3010);
    read_to(&desk, 3010);
}
END_TEST

/* Consumers that were given up, with or without an answer. */
START_TEST(a_reader_keeps_one_consumer)
{
    open_well(&desk);
    append_to(&desk, 50);
    begin_reading(&desk, 0);
    for (int i = 0; i < 5; i++)
        wkv_js_reader_renew(&desk.reader, wkv_monotonic_ns());
    read_to(&desk, 50);
    for (int i = 0; i < 3; i++) {
        wkv_js_reader_renew(&desk.reader, wkv_monotonic_ns());
        append_to(&desk, 60 + (uint64_t)i);
        read_to(&desk, 60 + (uint64_t)i);
    }
    long long count = 0;
    for (long long end_ms = now_ms() + WAIT_MS; count != 1;) {
        ck_assert_msg(now_ms() < end_ms, "%lld consumers", count);
        turn(&desk);
        json_t *said = js_stream(&js, LOG_STREAM);
        count = json_integer_value(json_object_get(json_object_get(said, "state"), "consumer_count"));
        json_decref(said);
    }
    append_to(&desk, 100);
    read_to(&desk, 100);
}
END_TEST

START_TEST(what_was_purged_or_lost_is_told)
{
    open_well(&desk);
    append_to(&desk, 20);
    ask_api("STREAM.PURGE." LOG_STREAM, "{\"seq\":11}");
    begin_reading(&desk, 5);
    await_trouble(&desk, WKV_JS_MISSING);
    ck_assert_uint_eq(desk.from, 5);
    ck_assert_uint_eq(desk.to, 10);
    begin_reading(&desk, 30); /* of a log that once was longer */
    await_trouble(&desk, WKV_JS_NO_OVERLAP);
    begin_reading(&desk, 20);
    append_to(&desk, 21);
    read_to(&desk, 21);
    ask_api("STREAM.DELETE." LOG_STREAM, NULL);
    await_trouble(&desk, WKV_JS_NO_READING);
    ck_assert_str_eq(desk.refusal, "stream not found");
}
END_TEST

START_TEST(a_server_that_comes_back_is_read_on)
{
    open_well(&desk);
    append_to(&desk, 10);
    begin_reading(&desk, 0);
    read_to(&desk, 10);
    js_kill(&js, 0);
    wkv_js_reader_lost(&desk.reader);
    js_start_server(&js, 0, NULL);
    js_await(&js);
    desk_close(&desk);
    desk_open(&desk, js.urls, 0);
    begin_reading(&desk, 10);
    append_to(&desk, 20);
    read_to(&desk, 20);
}
END_TEST

/* ---- no JetStream ---- */

static void no_jetstream(void)
{
    js = (struct js){0};
    nats_server_start_on(&js.servers[0], -1, "jetstream: disabled\n");
    js.count = 1;
    desk_open(&desk, js.servers[0].url, 0);
}

START_TEST(without_jetstream_it_fails_and_says_so)
{
    long long began_ms = now_ms();
    open_badly(&desk, "no JetStream");
    ck_assert_int_lt(now_ms() - began_ms, 10000);
}
END_TEST

/* ---- three servers ---- */

static void three_servers(void)
{
    js_start(&js, 3, NULL);
    desk_open(&desk, js.url[0], 0);
}

START_TEST(a_cluster_of_three_keeps_three_replicas)
{
    open_well(&desk);
    ck_assert_uint_eq(desk.opened.log.replicas, 3);
    ck_assert_uint_eq(desk.opened.snapshots.replicas, 3);
    append_to(&desk, 100);
    begin_reading(&desk, 0);
    read_to(&desk, 100);
    js_await_replicas(&js, LOG_STREAM);
    size_t leader = js_leader(&js, LOG_STREAM);
    js_kill(&js, leader);
    ck_assert_uint_ne(js_leader(&js, LOG_STREAM), leader);
    ck_assert_int_eq(js_last(&js, LOG_STREAM), 100);
}
END_TEST

static TCase *add_case(Suite *suite, const char *name, void (*start)(void))
{
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, 4 * WAIT_MS / 1000.0);
    tcase_add_checked_fixture(tcase, start, stop);
    suite_add_tcase(suite, tcase);
    return tcase;
}

Suite *streams_suite(void)
{
    Suite *suite = suite_create("integration/streams");
    TCase *tcase = add_case(suite, "one server", one_server);
    tcase_add_test(tcase, the_streams_are_made_as_the_design_says);
    tcase_add_test(tcase, of_instances_that_start_together_one_begins_the_log);
    tcase_add_test(tcase, a_start_that_was_cut_short_is_gone_on_with);
    tcase_add_test(tcase, what_was_lost_is_not_made_anew);
    tcase_add_test(tcase, a_log_that_was_deleted_is_not_begun_anew);
    tcase_add_test(tcase, the_snapshots_get_room_for_a_larger_budget);
    tcase_add_test(tcase, a_stream_of_somebody_else_is_not_used);
    tcase_add_test(tcase, what_has_no_room_is_made_smaller);
    tcase_add_test(tcase, all_is_read_once_and_in_order);
    tcase_add_test(tcase, a_reader_keeps_one_consumer);
    tcase_add_test(tcase, what_was_purged_or_lost_is_told);
    tcase_add_test(tcase, a_server_that_comes_back_is_read_on);
    tcase = add_case(suite, "no JetStream", no_jetstream);
    tcase_add_test(tcase, without_jetstream_it_fails_and_says_so);
    tcase = add_case(suite, "three servers", three_servers);
    tcase_add_test(tcase, a_cluster_of_three_keeps_three_replicas);
    return suite;
}
