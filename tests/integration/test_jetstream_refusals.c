/* Contract section 10: what the engine jetstream refuses, what it counts then, and what is left of it. One
 * NATS server, one instance. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "claims.h"
#include "harness.h"
#include "instances.h"
#include "service.h"
#include "watcher.h"

#define BOUND "MBOUND"
#define NEW "MNEW"
static const struct papers no_papers = {.claims = NULL};

static struct js js;
static struct instance one;
static struct client client, sys;

static void serve(const char *option, const char *value)
{
    instance_serve(&one, js.urls, option, value, NULL);
    client_open(&client, js.urls);
    system_open(&sys, js.urls);
}

static void start(void)
{
    js_start(&js, 1, NULL);
}

static void stop(void)
{
    client_close(&client);
    client_close(&sys);
    instance_kill(&one);
    js_stop(&js);
    harness_close_nats();
}

static int ask_system(const char *operation, const char *actor)
{
    struct answer answer = bind_ask(&sys, JSON, operation, no_papers, actor, NULL);
    int code = answer.code;
    answer_free(&answer);
    return code;
}

/* ---- a binding that the log does not take ---- */

/* Whether anybody listens to the actor's own subject of the lattice. What is no invocation is answered, too,
 * by who does. */
static bool is_listened_to(const char *actor)
{
    char subject[256];
    natsMsg *answer = NULL;
    (void)snprintf(subject, sizeof subject, "%s.%s", DEFAULT_BASE, actor);
    natsStatus status = natsConnection_RequestString(&answer, client.connection, subject, "", WAIT_MS);
    natsMsg_Destroy(answer);
    ck_assert_msg(status == NATS_OK || status == NATS_NO_RESPONDERS, "%s", natsStatus_GetText(status));
    return status == NATS_OK;
}

/* The server hears of it a moment after the host. */
static void await_unheard(const char *actor)
{
    for (long long end_ms = now_ms() + WAIT_MS; is_listened_to(actor); (void)usleep(10000))
        ck_assert_int_lt(now_ms(), end_ms);
}

/* "A successful bind makes the provider listen": one that was handed to the log, and refused, does not. */
START_TEST(a_bind_that_the_log_does_not_take_leaves_nobody_listening)
{
    serve(NULL, NULL);
    bind_actor(&sys, JSON, no_papers, BOUND, NULL);
    ck_assert(is_listened_to(BOUND));
    json_decref(js_ask(&js, "STREAM.DELETE." LOG_STREAM, NULL));
    int code = ask_system("BindActor", NEW);
    ck_assert_msg(code == 503 || code == 504, "%d", code);
    await_unheard(NEW);
    /* Nor does one that is refused end what was there before. */
    code = ask_system("BindActor", BOUND);
    ck_assert_msg(code == 503 || code == 504, "%d", code);
    code = ask_system("RemoveActor", BOUND);
    ck_assert_msg(code == 503 || code == 504, "%d", code);
    ck_assert(is_listened_to(BOUND));
}
END_TEST

/* ---- 507 ---- */

static void set(const char *key, size_t bytes, int *code)
{
    static char request[300 * 1024];
    int len = snprintf(request, sizeof request, "{\"key\":\"%s\",\"value\":\"%0*d\"}", key, (int)bytes, 0);
    ck_assert_int_lt(len, (int)sizeof request);
    *code = instance_ask(&client, "Set", request, NULL);
}

/* Until there is no room for so large a value. */
static void fill_budget(size_t bytes)
{
    int code = 0;
    for (int i = 0; code == 0; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "%zu-%d", bytes, i);
        set(key, bytes, &code);
        ck_assert_int_lt(i, 20000);
    }
    ck_assert_int_eq(code, 507);
}

static void check_no_watch(int code)
{
    ck_assert_int_eq(instance_ask(&client, "Watch", "{\"key\":\"k\"}", NULL), code);
}

/* "507: the memory budget is spent (reads, deletes and expiry go on)." */
START_TEST(with_the_budget_spent_nobody_is_bound_and_nothing_watched)
{
    struct watcher watcher;
    serve("--max-memory", "8mb");
    bind_actor(&sys, JSON, no_papers, BOUND, NULL);
    watcher_open(&watcher, &client, JSON, "{\"key\":\"w\"}");
    watcher_expect(&watcher, "sync");
    fill_budget(200 * 1024);
    fill_budget(1000);
    fill_budget(1);
    ck_assert_int_eq(ask_system("BindActor", NEW), 507);
    await_unheard(NEW);
    check_no_watch(507);
    ck_assert_int_eq(ask_system("BindActor", BOUND), 0);
    watcher_ask(&watcher, "{\"key\":\"w\"}"); /* to renew one takes nothing */
    ck_assert_int_eq(ask_system("RemoveActor", BOUND), 0);
    ck_assert_int_eq(instance_ask(&client, "Del", "{\"key\":\"1000-1\"}", NULL), 0);
    for (int i = 0; i < 8; i++) {
        char request[64];
        (void)snprintf(request, sizeof request, "{\"key\":\"%d-%d\"}", 200 * 1024, i);
        ck_assert_int_eq(instance_ask(&client, "Del", request, NULL), 0);
    }
    for (long long end_ms = now_ms() + WAIT_MS; ask_system("BindActor", NEW) != 0; (void)usleep(10000))
        ck_assert_int_lt(now_ms(), end_ms);
    watcher_close(&watcher);
}
END_TEST

/* Nothing that is written into the stream of snapshots has room there: no snapshot frees the log. */
static void close_snapshots(void)
{
    json_t *said = js_stream(&js, SNAP_STREAM), *config = json_object_get(said, "config");
    ck_assert_int_eq(json_object_set_new(config, "max_bytes", json_integer(1)), 0);
    char *request = json_dumps(config, 0);
    json_t *answer = js_ask(&js, "STREAM.UPDATE." SNAP_STREAM, request);
    ck_assert_ptr_null(json_object_get(answer, "error"));
    json_decref(answer);
    json_decref(said);
    free(request);
}

#define LOG_BYTES (1024 * 1024)

/* Fills the log up to so many percent of what it may have, with what is no record. */
static void fill_log(unsigned percent)
{
    static const char large[16 * 1024];
    for (;;) {
        json_t *said = js_stream(&js, LOG_STREAM);
        long long bytes = number_at(said, "state.bytes");
        json_decref(said);
        if (bytes * 100 >= (long long)percent * LOG_BYTES)
            return;
        ck_assert_int_eq(natsConnection_Publish(client.connection, LOG_SUBJECT, large, sizeof large),
                         NATS_OK);
        ck_assert_int_eq(natsConnection_Flush(client.connection), NATS_OK);
    }
}

static void await_system(const char *operation, const char *actor, int code)
{
    for (long long end_ms = now_ms() + WAIT_MS; ask_system(operation, actor) != code; (void)usleep(10000))
        ck_assert_int_lt(now_ms(), end_ms);
}

/* "Log full: 507" from 90 %, and "linearizable reads 503 from 95 %"; until then an actor can be shut out. */
START_TEST(with_the_log_full_nobody_is_bound)
{
    serve("--log-max-size", "1mib");
    bind_actor(&sys, JSON, no_papers, BOUND, NULL);
    close_snapshots();
    fill_log(91);
    for (int code = 0; code != 507; (void)usleep(1000))
        set("k", 1, &code);
    ck_assert_int_eq(ask_system("BindActor", NEW), 507);
    await_unheard(NEW);
    ck_assert_int_eq(ask_system("RemoveActor", BOUND), 0);
    ck_assert_int_eq(instance_ask(&client, "Get", "{\"key\":\"k\"}", NULL), 0);
    fill_log(96);
    await_system("RemoveActor", BOUND, 507);
    ck_assert_int_eq(instance_ask(&client, "Get", "{\"key\":\"k\"}", NULL), 503);
}
END_TEST

/* Nothing grows without end: without a budget of memory the log's size says how much snapshots may take. */
START_TEST(snapshots_have_room_for_two_logs_or_three_budgets)
{
    serve("--log-max-size", "128mib");
    json_t *said = js_stream(&js, SNAP_STREAM);
    ck_assert_int_eq(number_at(said, "config.max_bytes"), 256 * 1024 * 1024);
    json_decref(said);
    instance_stop(&one);
    instance_serve(&one, js.urls, "--max-memory", "64mib", NULL);
    said = js_stream(&js, SNAP_STREAM);
    ck_assert_int_eq(number_at(said, "config.max_bytes"), (1024 + 3 * 64) * 1024 * 1024);
    json_decref(said);
}
END_TEST

/* ---- what is told of it ---- */

/* "Items are counted in the statistics of their own operations": their errors, too. */
START_TEST(the_error_of_an_item_is_told_as_its_operations_last)
{
    serve(NULL, NULL);
    json_t *reply =
        client_call(&client, JSON, "Batch", "{s[{s{ss,ss}},{s{ss,ss}},{s{ss,si}}]}", "requests", "set", "key",
                    "k", "value", "text", "push", "key", "k", "value", "v", "add", "key", "k", "value", 1);
    const json_t *items = json_object_get(reply, "replies");
    static const char *const names[] = {NULL, "Push", "Add"};
    json_t *stats = service_ask(&client, "STATS", one.id);
    for (size_t i = 1; i <= 2; i++) {
        const char *description = text_at(json_array_get(items, i), "error.description");
        const char *told = text_at(endpoint_of(stats, names[i]), "last_error");
        ck_assert_str_ne(description, "");
        ck_assert_msg(strstr(told, description) != NULL, "%s: \"%s\", and \"%s\"", names[i], told,
                      description);
    }
    json_decref(stats);
    json_decref(reply);
}
END_TEST

/* What is said of one thing does not hide another: "the log … is gone" follows at once. */
START_TEST(that_the_log_is_gone_is_told_at_once)
{
    enum { HUSH_MS = 5000 }; /* between two lines of one kind */
    serve(NULL, NULL);
    json_decref(js_ask(&js, "STREAM.DELETE." LOG_STREAM, NULL));
    (void)process_await_line(&one.process, "warn  WKV-LOG");
    long long told_ms = now_ms();
    (void)process_await_line(&one.process, "is gone");
    ck_assert_int_lt(now_ms() - told_ms, HUSH_MS - 500);
}
END_TEST

Suite *jetstream_refusals_suite(void)
{
    Suite *suite = suite_create("integration/jetstream_refusals");
    TCase *tcase = tcase_create("jetstream_refusals");
    tcase_set_timeout(tcase, 3 * WAIT_MS / 1000.0);
    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_test(tcase, a_bind_that_the_log_does_not_take_leaves_nobody_listening);
    tcase_add_test(tcase, with_the_budget_spent_nobody_is_bound_and_nothing_watched);
    tcase_add_test(tcase, with_the_log_full_nobody_is_bound);
    tcase_add_test(tcase, snapshots_have_room_for_two_logs_or_three_budgets);
    tcase_add_test(tcase, the_error_of_an_item_is_told_as_its_operations_last);
    tcase_add_test(tcase, that_the_log_is_gone_is_told_at_once);
    suite_add_tcase(suite, tcase);
    return suite;
}
