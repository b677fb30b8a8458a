/* A log that has lost its end, as a loss of power leaves it (DESIGN, 7): never silently. The server is given
 * back an older copy of its disk while an instance lives that has applied more. */
#include <stdio.h>

#include "harness.h"
#include "http.h"
#include "instances.h"
#include "stores.h"

static struct js js;
static struct instance instance;
static struct client client;

static void start(void)
{
    js_start(&js, 1, NULL);
    instance_serve(&instance, js.urls, NULL);
    client_open(&client, js.urls);
}

static void stop(void)
{
    client_close(&client);
    instance_kill(&instance);
    js_stop(&js);
    harness_close_nats();
}

static void open_again(void)
{
    client_close(&client);
    client_open(&client, js.urls);
}

static void keep_the_disk(void)
{
    js_end(&js, 0);
    store_save(js.ports[0]);
    js_start_server(&js, 0, NULL);
    open_again();
}

static void give_back_the_disk(void)
{
    js_kill(&js, 0);
    store_restore(js.ports[0]);
    js_start_server(&js, 0, NULL);
    open_again();
}

static void count_to(int count)
{
    char request[] = "{\"key\":\"c\",\"delta\":1}";
    for (long long value = 0; value < count;)
        (void)instance_ask(&client, "Increment", request, &value);
}

/* It serves what the log has, and says so in its log and, for as long as the process lives, in its figures:
 * whoever looks later sees it, too. Losing that once more ends it. */
START_TEST(is_told_for_good_and_ends_the_instance_the_second_time)
{
    long long value = 0;
    count_to(3);
    ck_assert_double_eq(instance_metric(&instance, "\nwascc_keyvalue_log_diverged "), 0);
    keep_the_disk();
    (void)instance_ask_until(&client, "Get", "{\"key\":\"c\"}");
    count_to(6);
    give_back_the_disk();
    (void)process_await_line(&instance.process, "what was lost is lost");
    instance_await_ready(&instance);
    (void)instance_ask_until(&client, "Get", "{\"key\":\"c\"}");
    ck_assert_int_eq(instance_ask(&client, "Increment", "{\"key\":\"c\",\"delta\":0}", &value), 0);
    ck_assert_int_eq(value, 3);
    ck_assert_double_eq(instance_metric(&instance, "\nwascc_keyvalue_log_diverged "), 1);
    count_to(6);
    give_back_the_disk();
    ck_assert_int_eq(process_await_exit(&instance.process), 70);
}
END_TEST

Suite *lost_end_suite(void)
{
    Suite *suite = suite_create("lost_end");
    TCase *tcase = tcase_create("lost_end");
    tcase_set_timeout(tcase, 3 * WAIT_MS / 1000.0);
    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_test(tcase, is_told_for_good_and_ends_the_instance_the_second_time);
    suite_add_tcase(suite, tcase);
    return suite;
}
