/* Callers that do not listen, servers that do not take, and requests that are strange: none of them may
 * make the provider grow, stop, or keep others waiting. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "http.h"
#include "relay.h"

static struct nats_server server;
static struct process provider;
static struct client client;
static struct relay *relay;

static void start(void)
{
    /* A busy machine's provider may take more than the usual ten seconds for what is sent at once. */
    nats_server_start(&server, "write_deadline: \"60s\"\n");
    client_open(&client, server.url);
}

static void stop(void)
{
    relay_stop(relay);
    client_close(&client);
    harness_close_nats();
    process_destroy(&provider);
    nats_server_kill(&server);
}

#define ITEM_BYTES 1024
#define ITEMS 16 /* a Range of them is 16 kB */

static void fill_list(const char *key, int items)
{
    char value[ITEM_BYTES + 1];
    memset(value, 'v', ITEM_BYTES);
    value[ITEM_BYTES] = '\0';
    for (int i = 0; i < items; i++)
        (void)client_push(&client, PROTOBUF, key, value);
}

/* ---- a server that does not take the replies ---- */

#define PADDING 8192

/* Far more than may wait. A server that takes nothing is lost after some seconds, by when all must be read.
 */
static size_t many(void)
{
    return provider_is_sanitized() ? 1500 : 3000;
}

/* A Range request with an unknown field that makes it 8 kB long. */
static size_t padded_range(char out[PADDING + 32])
{
    size_t len = 0;
    memcpy(out, "\x0a\x04list\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\xfa\x01\x80\x40", 21);
    len = 21;
    memset(out + len, 'p', PADDING);
    return len + PADDING;
}

/* The figure on the page of metrics. */
static double metric(int port, const char *name)
{
    struct http_reply page = http_get(port, "/metrics");
    const char *line = strstr(page.body, name);
    ck_assert_msg(line != NULL, "%s is not on the page", name);
    double value = strtod(line + strlen(name), NULL);
    http_free(&page);
    return value;
}

static bool has_said(const char *text)
{
    process_read(&provider);
    return strstr(provider.err.bytes, text) != NULL;
}

/* Returns false where the provider has lost its server meanwhile. */
static bool await_requests(int port, const char *operation, double count)
{
    char name[128];
    long long deadline_ms = now_ms() + WAIT_MS;
    (void)snprintf(name, sizeof name, "wascc_keyvalue_requests_total{operation=\"%s\"} ", operation);
    while (metric(port, name) < count) {
        if (has_said("disconnected"))
            return false;
        ck_assert_msg(now_ms() < deadline_ms, "%.0f of %.0f are read: %.2000s", metric(port, name), count,
                      provider.err.bytes);
        (void)poll(NULL, 0, 20);
    }
    return true;
}

static int serve_held(const char *url, const char *drain_timeout)
{
    char listen[32];
    int port = free_port();
    (void)snprintf(listen, sizeof listen, "127.0.0.1:%d", port);
    /* A sanitizer's program takes longer than half a second to read what is sent at once. */
    const char *max_wait = provider_is_sanitized() ? "10s" : "500ms";
    provider_serve(&provider, url, "--workers", "1", "--max-wait", max_wait, "--metrics-listen", listen,
                   "--drain-timeout", drain_timeout, NULL);
    fill_list("list", ITEMS);
    relay_hold(relay, true);
    return port;
}

struct asked {
    struct pipeline ranges;
    int port;
    long before_kb; /* the provider's memory */
};

static bool ask(struct asked *asked, const char *drain_timeout)
{
    char url[URL_BYTES], request[PADDING + 32];
    size_t len = padded_range(request), count = many();
    relay = relay_start(server.port);
    relay_url(relay, url);
    asked->port = serve_held(url, drain_timeout);
    asked->before_kb = process_rss_kb(&provider);
    pipeline_open(&asked->ranges, &client, count);
    for (size_t i = 0; i < count; i++)
        ck_assert(pipeline_send(&asked->ranges, "Range", request, len));
    return await_requests(asked->port, "Range", (double)count);
}

/* Many requests are read, and their replies are not taken. A busy machine may want several tries. */
static void ask_without_taking(struct asked *asked, const char *drain_timeout)
{
    for (int tries = 0; !ask(asked, drain_timeout); tries++) {
        ck_assert_msg(tries < 3, "it loses its server before all is read: %.2000s", provider.err.bytes);
        pipeline_close(&asked->ranges);
        stop();
        start();
    }
}

/* The requests are 24 MB and their replies would be 48 MB. A provider that answered them all would grow by as
 * much, and one that stopped reading would be taken for a slow consumer: ours goes on reading and refuses
 * what would be too much. Every request is answered in the end. */
START_TEST(replies_that_nobody_takes_do_not_make_it_grow)
{
    char request[PADDING + 32];
    struct pipeline again;
    struct asked asked;
    size_t len = padded_range(request);
    ask_without_taking(&asked, "10s");
    long grown_kb = process_peak_rss_kb(&provider) - asked.before_kb;
    (void)process_await_line(&provider, "overloaded: ");
    relay_hold(relay, false);
    pipeline_settle(&asked.ranges, 0);
    ck_assert_uint_eq(asked.ranges.ok + asked.ranges.errors, many());
    ck_assert_uint_ge(asked.ranges.ok, 400);
    ck_assert_uint_gt(asked.ranges.errors, 0);
    ck_assert_int_eq(asked.ranges.last_code, 503);
    ck_assert(metric(asked.port, "wascc_keyvalue_errors_total{operation=\"Range\",code=\"503\"} ") ==
              (double)asked.ranges.errors);
    ck_assert(metric(asked.port, "wascc_keyvalue_requests_dropped_total{reason=\"overload\"} ") == 0);
    pipeline_close(&asked.ranges);
    if (!provider_is_sanitized())
        ck_assert_int_lt(grown_kb, 48 * 1024);
    /* That is over, and all is as before. */
    pipeline_open(&again, &client, 100);
    for (int i = 0; i < 100; i++)
        ck_assert(pipeline_send(&again, "Range", request, len));
    pipeline_settle(&again, 0);
    ck_assert_uint_eq(again.ok, 100);
    pipeline_close(&again);
    provider_stop(&provider);
}
END_TEST

#define LONG_KEY 20000

/* While only small replies have room, a request that could not be done at any time is told so: it is not to
 * be sent again later. */
START_TEST(what_is_too_large_by_itself_is_413_while_replies_pile_up)
{
    char set[LONG_KEY + 4] = "\x0a\xa0\x9c\x01";
    struct pipeline sets;
    struct asked asked;
    memset(set + 4, 'k', LONG_KEY);
    ask_without_taking(&asked, "10s");
    ck_assert(metric(asked.port, "wascc_keyvalue_errors_total{operation=\"Range\",code=\"503\"} ") > 0);
    pipeline_open(&sets, &client, 1);
    ck_assert(pipeline_send(&sets, "Set", set, sizeof set));
    ck_assert(await_requests(asked.port, "Set", 1));
    relay_hold(relay, false);
    pipeline_settle(&sets, 0);
    pipeline_settle(&asked.ranges, 0);
    ck_assert_int_eq(asked.ranges.last_code, 503);
    ck_assert_int_eq(sets.last_code, 413);
    pipeline_close(&asked.ranges);
    pipeline_close(&sets);
    provider_stop(&provider);
}
END_TEST

/* Told to stop while the server takes nothing, it ends at its time all the same. */
START_TEST(replies_that_nobody_takes_do_not_hold_up_its_end)
{
    struct asked asked;
    provider_may_leave_threads();
    ask_without_taking(&asked, "1s");
    provider_stop_cut_short(&provider);
    pipeline_close(&asked.ranges);
}
END_TEST

/* ---- a caller that does not listen ---- */

#define DEAF_REQUESTS 4000

/* The server slows down whoever sends to a caller that does not take it, our provider for all, until it
 * hangs up on the caller: by default after ten seconds. */
static void restart_impatient(void)
{
    client_close(&client);
    nats_server_kill(&server);
    nats_server_start(&server, "write_deadline: \"1s\"\n");
    client_open(&client, server.url);
}

/* It asks for 64 MB and reads none of it, until the server hangs up on it. Others are answered meanwhile
 * and after, and the provider stays small. */
START_TEST(a_caller_that_never_reads_harms_nobody_else)
{
    static const char hello[] = "CONNECT {\"verbose\":false}\r\nSUB deaf 1\r\nPING\r\n";
    static const char ask[] =
        "PUB " DEFAULT_BASE "." ACTOR ".Range deaf 26\r\n{\"key\":\"list\",\"stop\":\"99\"}\r\n";
    restart_impatient();
    provider_serve(&provider, server.url, NULL);
    fill_list("list", ITEMS);
    long before_kb = process_rss_kb(&provider);
    int deaf = bare_connect(server.port);
    bare_send(deaf, hello, sizeof hello - 1);
    for (int i = 0; i < DEAF_REQUESTS; i++) {
        /* The server hangs up on whom it finds too slow: that is its right. */
        if (send(deaf, ask, sizeof ask - 1, MSG_NOSIGNAL) < 0)
            break;
        if (i % 16 == 0)
            ck_assert_int_eq(client_add(&client, JSON, "meanwhile", 1), i / 16 + 1);
    }
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(client_add(&client, PROTOBUF, "after", 1), i + 1);
    if (!provider_is_sanitized())
        ck_assert_int_lt(process_peak_rss_kb(&provider) - before_kb, 48 * 1024);
    (void)close(deaf);
    provider_stop(&provider);
}
END_TEST

/* ---- strange requests ---- */

START_TEST(headers_on_a_request_do_not_matter)
{
    natsMsg *request = NULL, *reply = NULL;
    provider_serve(&provider, server.url, NULL);
    ck_assert_int_eq(
        natsMsg_Create(&request, DEFAULT_BASE "." ACTOR ".Add", NULL, "{\"key\":\"h\",\"value\":3}", 21),
        NATS_OK);
    for (int i = 0; i < 100; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "Header-%d", i);
        ck_assert_int_eq(natsMsgHeader_Set(request, name, "some value"), NATS_OK);
    }
    ck_assert_int_eq(natsMsgHeader_Set(request, "Nats-Service-Error-Code", "500"), NATS_OK);
    ck_assert_int_eq(natsConnection_RequestMsg(&reply, client.connection, request, WAIT_MS), NATS_OK);
    ck_assert_int_eq(natsMsg_GetDataLength(reply), 11);
    ck_assert_int_eq(memcmp(natsMsg_GetData(reply), "{\"value\":3}", 11), 0);
    natsMsg_Destroy(reply);
    natsMsg_Destroy(request);
    provider_stop(&provider);
}
END_TEST

/* Sends a request on every operation whose header is given as it stands on the wire. */
static void send_with_header(int socket, const char *header, const char *body)
{
    char line[512];
    for (int i = 0; operations[i] != NULL; i++) {
        int len = snprintf(line, sizeof line, "HPUB %s.%s.%s nobody %zu %zu\r\n%s%s\r\n", DEFAULT_BASE, ACTOR,
                           operations[i], strlen(header), strlen(header) + strlen(body), header, body);
        bare_send(socket, line, (size_t)len);
    }
}

/* The client library takes an empty message with status 503 for the server's own "no responders", and
 * others for JetStream's. A caller can send such a thing; it must not stop a worker. */
START_TEST(a_header_that_looks_like_a_status_wedges_no_worker)
{
    static const char *const headers[] = {"NATS/1.0 503\r\n\r\n",
                                          "NATS/1.0 503 No Responders\r\n\r\n",
                                          "NATS/1.0 100 Idle Heartbeat\r\n\r\n",
                                          "NATS/1.0 408\r\n\r\n",
                                          "NATS/1.0\r\nStatus: 503\r\n\r\n",
                                          "NATS/1.0\r\n\r\n",
                                          "NATS/1.0 \r\n\r\n",
                                          "rubbish",
                                          "\r\n\r\n"};
    static const char hello[] = "CONNECT {\"verbose\":false,\"headers\":true}\r\n";
    struct pipeline pipeline;
    provider_serve(&provider, server.url, NULL);
    int socket = bare_connect(server.port);
    bare_send(socket, hello, sizeof hello - 1);
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        for (int round = 0; round < 10; round++) {
            send_with_header(socket, headers[i], "");
            send_with_header(socket, headers[i], "{\"key\":\"a\"}");
        }
        bare_sync(socket);
        pipeline_open(&pipeline, &client, 140);
        for (int j = 0; j < 140; j++)
            ck_assert(pipeline_send(&pipeline, operations[j % operation_count], "{\"key\":\"\"}", 10));
        pipeline_settle(&pipeline, 0);
        ck_assert_uint_eq(pipeline.no_responders, 0);
        pipeline_close(&pipeline);
    }
    (void)close(socket);
    provider_stop(&provider);
}
END_TEST

Suite *backpressure_suite(void)
{
    Suite *suite = suite_create("integration/backpressure");
    TCase *tests = tcase_create("backpressure");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_test(tests, replies_that_nobody_takes_do_not_make_it_grow);
    tcase_add_test(tests, what_is_too_large_by_itself_is_413_while_replies_pile_up);
    tcase_add_test(tests, replies_that_nobody_takes_do_not_hold_up_its_end);
    tcase_add_test(tests, a_caller_that_never_reads_harms_nobody_else);
    tcase_add_test(tests, headers_on_a_request_do_not_matter);
    tcase_add_test(tests, a_header_that_looks_like_a_status_wedges_no_worker);
    suite_add_tcase(suite, tests);
    return suite;
}
