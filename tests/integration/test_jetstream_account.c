/* DESIGN 7: "The account's storage limit is passed, by any stream of it": what is appended then leaves holes,
 * which are no loss, and from 90 % on nothing is. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "http.h"
#include "instances.h"
#include "service.h"

#define ACCOUNT_BYTES (8 * 1024 * 1024)
#define ACCOUNT                                                                                              \
    "accounts { A { jetstream { max_mem: 1MB, max_store: 8MB }, users: [{ user: a, password: a }] } }\n"     \
    "no_auth_user: a\n"
#define FOREIGN "{\"name\":\"FOREIGN\",\"subjects\":[\"foreign\"],\"storage\":\"file\"}"

static struct js js;
static struct instance one;
static struct client client;

static void start(void)
{
    js_start(&js, 1, ACCOUNT);
    instance_serve(&one, js.urls, "--log-max-size", "1mib", NULL);
    client_open(&client, js.urls);
    json_decref(js_ask(&js, "STREAM.CREATE.FOREIGN", FOREIGN));
}

static void stop(void)
{
    client_close(&client);
    instance_kill(&one);
    js_stop(&js);
    harness_close_nats();
}

/* Until the account takes no more than so small a message. */
static void fill(size_t bytes)
{
    static const char large[128 * 1024];
    bool full = false;
    for (int i = 0; !full; i++) {
        natsMsg *answer = NULL;
        ck_assert_int_lt(i, 100000);
        ck_assert_int_eq(
            natsConnection_Request(&answer, client.connection, "foreign", large, (int)bytes, WAIT_MS),
            NATS_OK);
        full = memmem(natsMsg_GetData(answer), (size_t)natsMsg_GetDataLength(answer), "error", 5) != NULL;
        natsMsg_Destroy(answer);
    }
}

/* Counts up by one, which may be known to be done, or to be not, or not known. Returns the code. */
static int count(struct tally *tally, long long *value)
{
    int code = instance_ask(&client, "Increment", "{\"key\":\"c\",\"delta\":1}", value);
    tally->done += code == 0;
    tally->unknown += code == 504 || code == -1;
    ck_assert_msg(code == 0 || code == -1 || code == 503 || code == 504 || code == 507, "%d", code);
    return code;
}

static void count_until(struct tally *tally, int code)
{
    long long value = 0;
    for (long long end_ms = now_ms() + WAIT_MS; count(tally, &value) != code; (void)usleep(1000))
        ck_assert_int_lt(now_ms(), end_ms);
    ck_assert(code != 0 || (value >= tally->done && value <= tally->done + tally->unknown));
}

START_TEST(holes_are_no_loss_and_a_full_account_is_507)
{
    struct tally tally = {.done = 0};
    instance_count(&client, "c", 300, &tally);
    fill(128 * 1024);
    fill(1);
    /* What is tried before it is known that there is no room may be stored or not. */
    count_until(&tally, 507);
    (void)process_await_line(&one.process, "the storage of the NATS account is");
    ck_assert(instance_metric(&one, "\nwascc_keyvalue_log_account_bytes ") > ACCOUNT_BYTES * 0.9);
    ck_assert(instance_metric(&one, "\nwascc_keyvalue_log_account_max_bytes ") == ACCOUNT_BYTES);
    json_decref(js_ask(&js, "STREAM.DELETE.FOREIGN", NULL));
    count_until(&tally, 0);
    http_await_status(one.http_port, "/readyz", 200);
    ck_assert(instance_metric(&one, "\nwascc_keyvalue_log_diverged ") == 0);
    /* One that reads the log anew finds the holes, too. */
    instance_kill(&one);
    instance_serve(&one, js.urls, "--log-max-size", "1mib", NULL);
    count_until(&tally, 0);
    ck_assert(instance_metric(&one, "\nwascc_keyvalue_log_diverged ") == 0);
}
END_TEST

Suite *jetstream_account_suite(void)
{
    Suite *suite = suite_create("integration/jetstream_account");
    TCase *tcase = tcase_create("jetstream_account");
    tcase_set_timeout(tcase, 3 * WAIT_MS / 1000.0);
    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_test(tcase, holes_are_no_loss_and_a_full_account_is_507);
    suite_add_tcase(suite, tcase);
    return suite;
}
