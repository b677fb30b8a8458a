/* Bindings and names of keyspaces are counted in --max-memory: they end with 507, and what they are counted
 * as is what they take. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claims.h"
#include "harness.h"
#include "lattice.h"

#define BUDGET_KB 8192
#define MOST 20000
/* For what the process takes besides, once. */
#define SLACK_KB 4096

static struct nats_server server;
static struct process provider;
static struct client system_client;

static void start(void)
{
    nats_server_start(&server, NULL);
    /* nats.c takes its time to end so many subscriptions, and more of it under a sanitizer. */
    provider_serve(&provider, server.url, "--max-memory", "8mb", "--drain-timeout", "50s", NULL);
    system_open(&system_client, server.url);
    client_open(&caller, server.url);
}

static void stop(void)
{
    client_close(&system_client);
    client_close(&caller);
    harness_close_nats();
    process_destroy(&provider);
    nats_server_kill(&server);
}

/* Binds the actor of that number to a keyspace of its own and returns the code. */
static int bind_number(unsigned number)
{
    char key[WKV_NKEY_PUBLIC_CHARS + 1], name[64];
    lattice_actor(number, key);
    (void)snprintf(name, sizeof name, "keyspace-of-a-tenant-%u", number);
    struct answer answer =
        bind_ask(&system_client, JSON, "BindActor", (struct papers){.claims = NULL}, key, name);
    ck_assert_int_eq(answer.status, NATS_OK);
    int code = answer.code;
    if (code != 0)
        check_refusal(&answer, "BindActor", 507, "--max-memory");
    answer_free(&answer);
    return code;
}

static void call_as(unsigned number)
{
    char key[WKV_NKEY_PUBLIC_CHARS + 1];
    lattice_actor(number, key);
    client_call_on(&caller, DEFAULT_BASE, key);
}

START_TEST(bindings_end_with_the_budget_and_take_no_more_than_it)
{
    char first[WKV_NKEY_PUBLIC_CHARS + 1];
    unsigned bound = 0;
    lattice_actor(0, first);
    ck_assert_int_eq(bind_number(0), 0);
    long before_kb = process_rss_kb(&provider);
    while (++bound < MOST && bind_number(bound) == 0)
        continue;
    ck_assert_uint_gt(bound, 500);
    ck_assert_uint_lt(bound, MOST);
    long grown_kb = process_rss_kb(&provider) - before_kb;
    if (!provider_is_sanitized())
        ck_assert_msg(grown_kb <= BUDGET_KB + SLACK_KB, "%u bindings took %ld kB of a budget of %d", bound,
                      grown_kb, BUDGET_KB);
    /* Reads and deletes go on, a binding may be made anew, and RemoveActor makes room. */
    call_as(0);
    ck_assert(!client_exists(&caller, "k"));
    ck_assert_int_eq(bind_number(0), 0);
    ck_assert_int_eq(bind_number(bound), 507);
    for (unsigned i = 1; i <= 2; i++) {
        char key[WKV_NKEY_PUBLIC_CHARS + 1];
        lattice_actor(i, key);
        remove_actor(&system_client, JSON, (struct papers){.claims = NULL}, key);
    }
    ck_assert_int_eq(bind_number(bound), 0);
    provider_stop(&provider);
}
END_TEST

Suite *binding_budget_suite(void)
{
    Suite *suite = suite_create("integration/binding_budget");
    TCase *tests = tcase_create("binding_budget");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_test(tests, bindings_end_with_the_budget_and_take_no_more_than_it);
    suite_add_tcase(suite, tests);
    return suite;
}
