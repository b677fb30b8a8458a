/* DESIGN 7: "Rolling upgrade: nobody notices." Three instances are replaced, one by one and under load, by
 * those of a later version, which knows records of one more format; the log is raised to it when all can read
 * it, and an old one that joins then ends. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "claims.h"
#include "harness.h"
#include "instances.h"
#include "service.h"

#define INSTANCES 3
#define CALLERS 3
/* Each works on while an instance is replaced, and so many more times before the next is. */
#define BETWEEN 100

static struct js js;
static struct instance instances[INSTANCES], old;
static struct client client, sys;

/* One who counts a key of its own up, and stops at the first answer that is none. */
struct caller {
    pthread_t thread;
    struct client client;
    unsigned number;
    _Atomic long long done;
    _Atomic int failed; /* the code; 0: none */
};
static struct caller callers[CALLERS];
static _Atomic bool over;

static void start(void)
{
    js_start(&js, 1, NULL);
    client_open(&client, js.urls);
    system_open(&sys, js.urls);
}

static void stop(void)
{
    client_close(&client);
    client_close(&sys);
    for (int i = 0; i < INSTANCES; i++)
        instance_kill(&instances[i]);
    instance_kill(&old);
    js_stop(&js);
    harness_close_nats();
}

/* ---- callers ---- */

static void *call(void *context)
{
    struct caller *self = context;
    char request[64];
    (void)snprintf(request, sizeof request, "{\"key\":\"c%u\",\"delta\":1}", self->number);
    while (!atomic_load(&over) && atomic_load(&self->failed) == 0) {
        long long value = 0, expected = atomic_load(&self->done) + 1;
        int code = instance_ask(&self->client, "Increment", request, &value);
        if (code == 0 && value == expected)
            atomic_store(&self->done, expected);
        else
            atomic_store(&self->failed, code == 0 ? 1 : code);
    }
    return NULL;
}

static void begin_calling(void)
{
    atomic_store(&over, false);
    for (unsigned i = 0; i < CALLERS; i++) {
        callers[i].number = i;
        client_open(&callers[i].client, js.urls);
        ck_assert_int_eq(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
    }
}

/* Checks that all goes on as if nothing happened. */
static void await_calls(void)
{
    for (unsigned i = 0; i < CALLERS; i++) {
        long long end_ms = now_ms() + WAIT_MS, end = atomic_load(&callers[i].done) + BETWEEN;
        while (atomic_load(&callers[i].done) < end) {
            ck_assert_msg(atomic_load(&callers[i].failed) == 0 && now_ms() < end_ms,
                          "caller %u: %d after %lld", i, atomic_load(&callers[i].failed),
                          atomic_load(&callers[i].done));
            (void)usleep(1000);
        }
    }
}

static void end_calling(void)
{
    atomic_store(&over, true);
    for (unsigned i = 0; i < CALLERS; i++) {
        char key[8];
        long long value = -1;
        (void)pthread_join(callers[i].thread, NULL);
        client_close(&callers[i].client);
        ck_assert_int_eq(atomic_load(&callers[i].failed), 0);
        (void)snprintf(key, sizeof key, "c%u", i);
        json_t *reply = client_call(&client, JSON, "Increment", "{ss,si}", "key", key, "delta", 0);
        value = number_at(reply, "value");
        ck_assert_int_eq(value, atomic_load(&callers[i].done));
        json_decref(reply);
    }
}

/* ---- instances ---- */

enum version { OLD, NEXT };

static void use(enum version version)
{
    if (version == NEXT)
        ck_assert_int_eq(setenv("WKV_TEST_PROGRAM", WKV_NEXT_PROGRAM, 1), 0);
    else
        ck_assert_int_eq(unsetenv("WKV_TEST_PROGRAM"), 0);
}

static void check_digests(void)
{
    natsSubscription *answers = NULL;
    char digest[32] = "", inbox[32];
    static int number;
    (void)snprintf(inbox, sizeof inbox, "digests.%d", number++);
    ck_assert_int_eq(natsConnection_SubscribeSync(&answers, sys.connection, inbox), NATS_OK);
    ck_assert_int_eq(
        natsConnection_PublishRequestString(sys.connection, DEFAULT_BASE ".system.Digest", inbox, "{}"),
        NATS_OK);
    for (int i = 0; i < INSTANCES; i++) {
        natsMsg *message = NULL;
        ck_assert_int_eq(natsSubscription_NextMsg(&message, answers, WAIT_MS), NATS_OK);
        json_t *reply = json_of(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
        if (i == 0)
            (void)snprintf(digest, sizeof digest, "%s", text_at(reply, "digest"));
        ck_assert_str_eq(text_at(reply, "digest"), digest);
        json_decref(reply);
        natsMsg_Destroy(message);
    }
    natsSubscription_Destroy(answers);
}

/* Who has ended in order, or asked to join twice, leaves nothing behind that is waited for. */
static void await_members(void)
{
    size_t members = 0;
    for (long long end_ms = now_ms() + WAIT_MS / 3; members != INSTANCES; (void)usleep(10000)) {
        json_t *reply = client_call(&sys, JSON, "Members", "{}");
        members = json_array_size(json_object_get(reply, "members"));
        char *text = json_dumps(reply, 0);
        ck_assert_msg(now_ms() < end_ms, "%zu members: %s", members, text);
        free(text);
        json_decref(reply);
    }
}

/* With the log as it was raised an old one cannot begin. It may have begun a moment before. */
static void await_raise(void)
{
    use(OLD);
    instance_start(&old, js.urls, NULL);
    ck_assert_int_eq(process_await_exit(&old.process), 70);
    ck_assert_ptr_nonnull(strstr(old.process.err.bytes, "newer version"));
    process_destroy(&old.process);
}

START_TEST(nobody_notices_and_the_log_is_raised_when_all_can_read_it)
{
    use(OLD);
    for (int i = 0; i < INSTANCES; i++)
        instance_serve(&instances[i], js.urls, NULL);
    begin_calling();
    await_calls();
    for (int i = 0; i < INSTANCES; i++) {
        instance_stop(&instances[i]);
        use(NEXT);
        instance_serve(&instances[i], js.urls, NULL);
        await_calls();
        await_members();
        check_digests();
    }
    (void)process_await_line(&instances[0].process, "records of format 2");
    await_raise();
    await_calls();
    end_calling();
    check_digests();
    /* What is written now, and the snapshot, are read at the next start. */
    for (int i = 0; i < INSTANCES; i++)
        instance_stop(&instances[i]);
    use(NEXT);
    instance_serve(&instances[0], js.urls, NULL);
    json_t *reply = client_call(&client, JSON, "Increment", "{ss,si}", "key", "c0", "delta", 0);
    ck_assert_int_eq(number_at(reply, "value"), atomic_load(&callers[0].done));
    json_decref(reply);
}
END_TEST

Suite *upgrade_suite(void)
{
    Suite *suite = suite_create("integration/upgrade");
    TCase *tcase = tcase_create("upgrade");
    tcase_set_timeout(tcase, 4 * WAIT_MS / 1000.0);
    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_test(tcase, nobody_notices_and_the_log_is_raised_when_all_can_read_it);
    suite_add_tcase(suite, tcase);
    return suite;
}
