/* Requests that nobody sends who means well, to every operation: nested, repeated, huge, cut off and random.
 * Each is answered, and the provider goes on as if nothing had been. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claims.h"
#include "harness.h"
#include "operation/identity.h"
#include "operation/operation.h"

#define MOST_BYTES 900000

static struct nats_server server;
static struct process provider;
static struct client system_client;
static char bytes[MOST_BYTES];
static size_t len;

static void start(void)
{
    nats_server_start(&server, NULL);
    provider_serve(&provider, server.url, "--max-memory", "64mb", "--workers", "2", NULL);
    system_open(&system_client, server.url);
    client_open(&caller, server.url);
    client_call_on(&caller, DEFAULT_BASE, ACTOR);
}

static void stop(void)
{
    client_close(&system_client);
    client_close(&caller);
    harness_close_nats();
    process_destroy(&provider);
    nats_server_kill(&server);
}

/* The piece again and again, as often as it fits at the most. */
static void put(const char *piece, size_t piece_len, size_t times)
{
    for (size_t i = 0; i < times && len + piece_len <= MOST_BYTES; i++) {
        memcpy(bytes + len, piece, piece_len);
        len += piece_len;
    }
}

/* Head, a piece many times, tail. */
#define TEXT(string) string, sizeof string - 1
static const struct {
    const char *head;
    size_t head_len;
    const char *piece;
    size_t piece_len, times;
    const char *tail;
    size_t tail_len;
} shapes[] = {
    {TEXT("{\"key\":"), TEXT("["), 200000, TEXT("")},
    {TEXT("{\"key\":"), TEXT("{\"key\":"), 60000, TEXT("1}")},
    {TEXT("{\"keys\":[\"k\""), TEXT(",\"k\""), 60000, TEXT("]}")},
    {TEXT("{\"key\":\"a\",\"value\":"), TEXT("9"), 400000, TEXT("}")},
    {TEXT("{\"key\":\"a\",\"value\":\""), TEXT("\\u0000"), 100000, TEXT("\\ud800\"}")},
    {TEXT("{\"key\":\""), TEXT("k"), 800000, TEXT("\"}")},
    {TEXT("{\"module\":\""), TEXT("M"), 500000, TEXT("\",\"values\":{}}")},
    {TEXT("{\"module\":\"M.>\",\"values\":{\"a\":\"\""), TEXT(",\"v\":\"x\""), 80000, TEXT("}}")},
    {TEXT("{\"module\":\"MABC\",\"values\":{\"KEYSPACE\":\""), TEXT("k"), 400000, TEXT("\"}}")},
    {TEXT("{\"limit\":4294967295,\"cursor\":\"x\",\"glob\":\""), TEXT("*a"), 200000, TEXT("\"}")},
    {TEXT("{\"level\":\""), TEXT("%s%n"), 1000, TEXT("\"}")},
    {TEXT(""), TEXT(" "), 800000, TEXT("{\"key\":\"a\"}")},
    {TEXT(""), TEXT("\x0a\x01k"), 250000, TEXT("")},
    {TEXT(""), TEXT("\x0b"), 400000, TEXT("")},
    {TEXT(""), TEXT("\x12\x02\x0a\x00"), 200000, TEXT("")},
    {TEXT("\x0a\xff\xff\xff\xff\x0f"), TEXT("k"), 100, TEXT("")},
    {TEXT("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), TEXT("k"), 1, TEXT("")},
    {TEXT("\xdd\xff\xff\xff\xff"), TEXT("\x91"), 300000, TEXT("\xc0")},
};
#define SHAPES (sizeof shapes / sizeof shapes[0])

static void make_shape(size_t i)
{
    len = 0;
    put(shapes[i].head, shapes[i].head_len, 1);
    put(shapes[i].piece, shapes[i].piece_len, shapes[i].times);
    put(shapes[i].tail, shapes[i].tail_len, 1);
}

static void make_random(unsigned *seed)
{
    len = (size_t)rand_r(seed) % 2000;
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)rand_r(seed);
}

static void send_to_all(const char *what)
{
    for (size_t i = 0; i < wkv_operation_count; i++) {
        const struct wkv_operation *operation = &wkv_operations[i];
        struct client *client = wkv_operation_is_system(operation) ? &system_client : &caller;
        struct answer answer = client_send(client, operation->name, bytes, len);
        ck_assert_msg(answer.status == NATS_OK, "%s of %s: %s", operation->name, what,
                      natsStatus_GetText(answer.status));
        ck_assert_msg(answer.code == 0 || answer.code == 400 || answer.code == 409 || answer.code == 413 ||
                          answer.code == 503,
                      "%s of %s: %d %s", operation->name, what, answer.code, answer.text);
        answer_free(&answer);
    }
}

START_TEST(whatever_comes_is_answered_and_harms_nothing)
{
    unsigned seed = 7;
    char what[32];
    json_decref(client_call(&caller, JSON, "Set", "{s:s,s:s}", "key", "mine", "value", "kept"));
    for (size_t i = 0; i < SHAPES; i++) {
        (void)snprintf(what, sizeof what, "shape %zu", i);
        make_shape(i);
        send_to_all(what);
    }
    for (int i = 0; i < 40; i++) {
        (void)snprintf(what, sizeof what, "random bytes %d", i);
        make_random(&seed);
        send_to_all(what);
    }
    json_t *reply = client_call(&caller, JSON, "Get", "{s:s}", "key", "mine");
    ck_assert_str_eq(json_string_value(json_object_get(reply, "value")), "kept");
    json_decref(reply);
    reply = client_call(&system_client, JSON, "Bindings", "{}");
    ck_assert_uint_eq(json_array_size(json_object_get(reply, "bindings")), 0);
    json_decref(reply);
    provider_stop(&provider);
}
END_TEST

Suite *hostile_requests_suite(void)
{
    Suite *suite = suite_create("integration/hostile_requests");
    TCase *tests = tcase_create("hostile_requests");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_test(tests, whatever_comes_is_answered_and_harms_nothing);
    suite_add_tcase(suite, tests);
    return suite;
}
