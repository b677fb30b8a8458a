/* --metrics-listen: /metrics counts what was asked, /livez and /readyz say how it stands, and no scraper
 * holds a request. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "claims.h"
#include "harness.h"
#include "http.h"
#include "service.h"

static struct nats_server server;
static struct process provider, other;
static struct client client, sys;
static int http_port;

static void start(void)
{
    nats_server_start(&server, NULL);
}

static void stop(void)
{
    client_close(&client);
    client_close(&sys);
    harness_close_nats();
    process_destroy(&provider);
    process_destroy(&other);
    nats_server_kill(&server);
}

/* Takes the port from the log. */
static void await_listening(struct process *process)
{
    const char *line = process_await_line(process, "metrics: listening on 127.0.0.1:");
    http_port = atoi(strstr(line, "127.0.0.1:") + strlen("127.0.0.1:"));
    ck_assert_int_gt(http_port, 0);
}

/* Serves with these options besides (at most four). */
static void serve(const char *a, const char *b, const char *c, const char *d)
{
    char id[INSTANCE_ID_BYTES];
    provider_start(&provider, server.url, "--metrics-listen", "127.0.0.1:0", a, b, c, d, NULL);
    await_listening(&provider);
    provider_await_ready(&provider, id);
    client_open(&client, server.url);
    system_open(&sys, server.url);
}

/* The page, which the caller frees with http_free. */
static struct http_reply scrape(void)
{
    struct http_reply reply = http_get(http_port, "/metrics");
    ck_assert_int_eq(reply.status, 200);
    ck_assert_uint_eq(strlen(reply.body), reply.body_len);
    ck_assert_uint_gt(reply.body_len, 0);
    ck_assert_int_eq(reply.body[reply.body_len - 1], '\n');
    return reply;
}

/* The value of a series, such as "name" or "name{label=\"x\"}", as text; NULL where there is none. */
static const char *find_series(const char *page, const char *series)
{
    size_t len = strlen(series);
    for (const char *line = page; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, series, len) == 0 && line[len] == ' ')
            return line + len + 1;
    }
    return NULL;
}

static double value_of(const char *page, const char *series)
{
    const char *text = find_series(page, series);
    char *end;
    ck_assert_msg(text != NULL, "there is no %s", series);
    double value = strtod(text, &end);
    ck_assert_msg(end > text && *end == '\n', "%s has no value", series);
    return value;
}

static double value_with(const char *page, const char *name, const char *label, const char *of)
{
    char series[512];
    (void)snprintf(series, sizeof series, "%s{%s=\"%s\"}", name, label, of);
    return value_of(page, series);
}

/* ---- /metrics ---- */

#define OPERATION(name, operation) ("wascc_keyvalue_" name "{operation=\"" operation "\"}")

static void set_value(const char *key, const char *value)
{
    json_decref(client_call(&client, JSON, "Set", "{s:s,s:s}", "key", key, "value", value));
}

START_TEST(metrics_count_what_was_sent)
{
    serve("--workers", "3", NULL, NULL);
    size_t request_bytes = 0, reply_bytes = 0;
    for (int i = 0; i < 250; i++) {
        char request[64];
        int len = snprintf(request, sizeof request, "{\"key\":\"k%d\",\"value\":\"v\"}", i);
        struct answer answer = client_send(&client, "Set", request, (size_t)len);
        ck_assert_int_eq(answer.code, 0);
        request_bytes += (size_t)len;
        reply_bytes += answer.len;
        answer_free(&answer);
        if (i % 5 == 0)
            client_refused(&client, JSON, "Push", 409, NULL, "{s:s,s:s}", "key", "k0", "value", "v");
        if (i % 10 == 0)
            client_refused(&client, PROTOBUF, "Push", 400, NULL, "{s:s,s:s}", "key", "", "value", "v");
    }
    /* As soon as the last answer is there. */
    struct http_reply page = scrape();
    ck_assert_double_eq(value_of(page.body, OPERATION("requests_total", "Set")), 250);
    ck_assert_double_eq(value_of(page.body, OPERATION("request_bytes_total", "Set")), (double)request_bytes);
    ck_assert_double_eq(value_of(page.body, OPERATION("reply_bytes_total", "Set")), (double)reply_bytes);
    ck_assert_double_eq(value_of(page.body, OPERATION("requests_total", "Push")), 75);
    ck_assert_double_eq(value_of(page.body, "wascc_keyvalue_errors_total{operation=\"Push\",code=\"409\"}"),
                        50);
    ck_assert_double_eq(value_of(page.body, "wascc_keyvalue_errors_total{operation=\"Push\",code=\"400\"}"),
                        25);
    ck_assert_double_eq(value_of(page.body, OPERATION("requests_total", "Get")), 0);
    ck_assert_double_eq(value_of(page.body, "wascc_keyvalue_replies_unsent_total"), 0);
    ck_assert_double_eq(value_of(page.body, "wascc_keyvalue_workers"), 3);
    for (size_t i = 0; operations[i] != NULL; i++)
        (void)value_with(page.body, "wascc_keyvalue_requests_total", "operation", operations[i]);
    ck_assert_ptr_nonnull(strstr(page.headers, "text/plain; version=0.0.4"));
    http_free(&page);
    provider_stop(&provider);
}
END_TEST

/* A series that appears with its first error has no increase that `increase()` could see. */
START_TEST(every_error_counter_is_there_before_the_first_error)
{
    static const char *const codes[] = {"400", "401", "403", "409", "413", "503", "504", "507"};
    serve(NULL, NULL, NULL, NULL);
    struct http_reply page = scrape();
    for (size_t i = 0; operations[i] != NULL; i++)
        for (size_t c = 0; c < sizeof codes / sizeof codes[0]; c++) {
            char series[128];
            (void)snprintf(series, sizeof series, "wascc_keyvalue_errors_total{operation=\"%s\",code=\"%s\"}",
                           operations[i], codes[c]);
            ck_assert_double_eq(value_of(page.body, series), 0);
        }
    http_free(&page);
    provider_stop(&provider);
}
END_TEST

/* Upper bounds from 2^10 to 2^30 ns, cumulative, each no smaller than the one before; the last is the count.
 */
START_TEST(the_histogram_is_cumulative_and_complete)
{
    char series[256];
    serve(NULL, NULL, NULL, NULL);
    for (int i = 0; i < 300; i++)
        (void)client_exists(&client, "k");
    struct http_reply page = scrape();
    json_t *stats = service_stats(&client);
    static const char prefix[] = "wascc_keyvalue_request_duration_seconds";
    double before = 0, bound_before = 0;
    int bounds = 0;
    for (const char *at = page.body;
         (at = strstr(at, "duration_seconds_bucket{operation=\"KeyExists\",le=\"")) != NULL;) {
        at += strlen("duration_seconds_bucket{operation=\"KeyExists\",le=\"");
        char *end;
        double bound = strtod(at, &end), now = strtod(end + strlen("\"} "), NULL);
        ck_assert_msg(strncmp(end, "\"} ", 3) == 0, "a bucket's bound is no number: %.40s", at);
        ck_assert_double_gt(bound, bound_before);
        ck_assert_double_ge(now, before);
        if (isfinite(bound))
            ck_assert_double_eq_tol(bound, ldexp(1e-9, 10 + bounds++), bound * 1e-9);
        else
            ck_assert_double_eq(now, 300);
        bound_before = bound;
        before = now;
    }
    ck_assert_int_eq(bounds, 21);
    ck_assert(isinf(bound_before));
    (void)snprintf(series, sizeof series, "%s_count", prefix);
    ck_assert_double_eq(value_with(page.body, series, "operation", "KeyExists"), 300);
    (void)snprintf(series, sizeof series, "%s_sum", prefix);
    ck_assert_double_eq_tol(value_with(page.body, series, "operation", "KeyExists"),
                            (double)endpoint_number(stats, "KeyExists", "processing_time") / 1e9, 1e-9);
    json_decref(stats);
    http_free(&page);
    provider_stop(&provider);
}
END_TEST

/* What a series says, and where STATS says the same. */
static const struct {
    const char *series, *path;
} same[] = {
    {"wascc_keyvalue_workers", "data.workers"},
    {"wascc_keyvalue_keys{kind=\"scalar\"}", "data.kinds.scalar"},
    {"wascc_keyvalue_keys{kind=\"counter\"}", "data.kinds.counter"},
    {"wascc_keyvalue_keys{kind=\"list\"}", "data.kinds.list"},
    {"wascc_keyvalue_keys{kind=\"set\"}", "data.kinds.set"},
    {"wascc_keyvalue_keyspace_keys{keyspace=\"default\"}", "data.keyspaces.default"},
    {"wascc_keyvalue_keyspace_keys{keyspace=\"orders\"}", "data.keyspaces.orders"},
    {"wascc_keyvalue_memory_bytes", "data.bytes"},
    {"wascc_keyvalue_memory_budget_bytes", "data.budget_bytes"},
    {"wascc_keyvalue_expired_keys_total", "data.expired"},
    {"wascc_keyvalue_evictions_total", "data.evicted"},
    {"wascc_keyvalue_shards", "data.shards.count"},
    {"wascc_keyvalue_shard_keys_min", "data.shards.min_keys"},
    {"wascc_keyvalue_shard_keys_max", "data.shards.max_keys"},
    {"wascc_keyvalue_bound_actors", "data.bound_actors"},
    {"wascc_keyvalue_claims_cache_hits_total", "data.claims_cache.hits"},
    {"wascc_keyvalue_claims_cache_misses_total", "data.claims_cache.misses"},
    {"wascc_keyvalue_claims_cache_evictions_total", "data.claims_cache.evictions"},
    {"wascc_keyvalue_claims_cache_entries", "data.claims_cache.entries"},
    {"wascc_keyvalue_claims_cache_bytes", "data.claims_cache.bytes"},
    {"wascc_keyvalue_connections", "data.connections.open"},
    {"wascc_keyvalue_reconnects_total", "data.connections.reconnects"},
};

static void check_process(const char *page)
{
    double now = (double)time(NULL), started = value_of(page, "process_start_time_seconds");
    ck_assert_double_gt(value_of(page, "process_cpu_seconds_total"), 0);
    ck_assert_double_gt(value_of(page, "process_resident_memory_bytes"), 1e6);
    ck_assert_double_ge(value_of(page, "process_virtual_memory_bytes"),
                        value_of(page, "process_resident_memory_bytes"));
    ck_assert_double_gt(value_of(page, "process_open_fds"), 5);
    ck_assert_double_gt(value_of(page, "process_max_fds"), value_of(page, "process_open_fds"));
    ck_assert_msg(started <= now + 1 && started > now - 600, "started %f, now %f", started, now);
}

START_TEST(metrics_and_stats_say_the_same)
{
    char actor[WKV_NKEY_PUBLIC_CHARS + 1];
    serve("--shards", "4", "--max-memory", "64Mi");
    actor_key(10, actor);
    bind_actor(&sys, JSON, (struct papers){.claims = NULL}, actor, "orders");
    json_decref(
        client_call(&client, JSON, "Set", "{s:s,s:s,s:i}", "key", "brief", "value", "v", "expires_s", 1));
    for (int i = 0; i < 20; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%d", i);
        set_value(key, "v");
    }
    (void)client_add(&client, JSON, "n", 1);
    (void)client_push(&client, JSON, "l", "v");
    client_call_on(&client, DEFAULT_BASE, actor);
    json_decref(client_call(&client, JSON, "SetAdd", "{s:s,s:s}", "key", "s", "value", "v"));
    json_t *stats = service_await(&client, "data.expired", 1);
    struct http_reply page = scrape();
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        ck_assert_msg(value_of(page.body, same[i].series) == (double)number_at(stats, same[i].path),
                      "%s is %f and %s is %lld", same[i].series, value_of(page.body, same[i].series),
                      same[i].path, number_at(stats, same[i].path));
    ck_assert_double_eq(value_of(page.body, "wascc_keyvalue_keys{kind=\"scalar\"}"), 20);
    ck_assert_double_eq(value_of(page.body, "wascc_keyvalue_keyspaces"), 2);
    ck_assert_double_eq(value_of(page.body, "wascc_keyvalue_ready"), 1);
    ck_assert_double_eq(value_of(page.body,
                                 "wascc_keyvalue_build_info{version=\"" WKV_VERSION
                                 "\",binding=\"default\",lattice_namespace=\"\",engine=\"memory\"}"),
                        1);
    check_process(page.body);
    http_free(&page);
    json_decref(stats);
    provider_stop(&provider);
}
END_TEST

/* Names come from outside: a label must hold them all. */
START_TEST(labels_hold_any_keyspace_and_no_key_or_value_is_told)
{
    static const char odd[] = "a\"b\\c d";
    char actor[WKV_NKEY_PUBLIC_CHARS + 1];
    serve("--lattice-namespace", "ns", "--binding", "b");
    client_call_on(&client, "ns.wasmbus.provider.wascc.keyvalue.b", ACTOR);
    client_call_on(&sys, "ns.wasmbus.provider.wascc.keyvalue.b", "system");
    actor_key(10, actor);
    struct answer answer = bind_ask(&sys, JSON, "BindActor", (struct papers){.claims = NULL}, actor, odd);
    bool bound = answer.code == 0;
    answer_free(&answer);
    set_value("SECRETkey", "SECRETvalue");
    client_call_on(&client, "ns.wasmbus.provider.wascc.keyvalue.b", actor);
    set_value("SECRETkey", "SECRETvalue");
    struct http_reply page = scrape();
    ck_assert_double_eq(value_of(page.body, "wascc_keyvalue_keyspace_keys{keyspace=\"b\"}"), bound ? 1 : 2);
    if (bound)
        ck_assert_double_eq(value_of(page.body, "wascc_keyvalue_keyspace_keys{keyspace=\"a\\\"b\\\\c d\"}"),
                            1);
    ck_assert_ptr_nonnull(strstr(page.body, "binding=\"b\",lattice_namespace=\"ns\""));
    ck_assert_ptr_null(strstr(page.body, "SECRET"));
    ck_assert_ptr_null(strstr(page.body, actor));
    http_free(&page);
    provider_stop(&provider);
}
END_TEST

START_TEST(promtool_finds_nothing_wrong_with_the_page)
{
    static const char *const argv[] = {"promtool", "check", "metrics", NULL};
    serve(NULL, NULL, NULL, NULL);
    set_value("k", "v");
    client_refused(&client, JSON, "Push", 409, NULL, "{s:s,s:s}", "key", "k", "value", "v");
    struct http_reply page = scrape();
    int status = process_run(&other, argv, NULL, page.body);
    ck_assert_msg(status == 0 && *other.out.bytes == '\0' && *other.err.bytes == '\0',
                  "promtool: exit %d: %s%s", status, other.out.bytes, other.err.bytes);
    http_free(&page);
    provider_stop(&provider);
}
END_TEST

/* ---- probes ---- */

START_TEST(probes_follow_the_connection)
{
    char url[URL_BYTES];
    int port = free_port();
    url_of(port, url);
    nats_server_kill(&server);
    provider_start(&provider, url, "--metrics-listen", "127.0.0.1:0", NULL);
    await_listening(&provider);
    (void)process_await_line(&provider, "trying again");
    ck_assert_int_eq(http_status(http_port, "/livez"), 200);
    ck_assert_int_eq(http_status(http_port, "/readyz"), 503);
    struct http_reply page = scrape();
    ck_assert_double_eq(value_of(page.body, "wascc_keyvalue_ready"), 0);
    ck_assert_double_eq(value_of(page.body, "wascc_keyvalue_connections"), 0);
    http_free(&page);
    for (int round = 0; round < 3; round++) {
        nats_server_start_on(&server, port, NULL);
        http_await_status(http_port, "/readyz", 200);
        ck_assert_int_eq(http_status(http_port, "/livez"), 200);
        /* Ready means that every subscription is there: who sees it is answered at once. */
        client_open(&client, server.url);
        for (int i = 0; i < 10; i++)
            (void)client_exists(&client, "k");
        client_close(&client);
        nats_server_kill(&server);
        for (int i = 0; i < 5; i++) /* of all connections: what is lost already need not be drained */
            (void)process_await_line(&provider, "disconnected");
        http_await_status(http_port, "/readyz", 503);
        ck_assert_int_eq(http_status(http_port, "/livez"), 200);
    }
    process_signal(&provider, SIGTERM);
    ck_assert_int_eq(process_await_exit(&provider), 0);
}
END_TEST

/* A server that is there and lets the provider's user do nothing is as good as none. */
START_TEST(it_is_not_ready_where_it_is_refused)
{
    char config[256], url[URL_BYTES];
    int port = server.port;
    (void)snprintf(config, sizeof config, "authorization { user: u, password: one }\n");
    nats_server_kill(&server);
    nats_server_start_on(&server, port, config);
    (void)snprintf(url, sizeof url, "nats://u:two@127.0.0.1:%d", port);
    provider_start(&provider, url, "--metrics-listen", "127.0.0.1:0", NULL);
    await_listening(&provider);
    (void)process_await_line(&provider, "trying again");
    ck_assert_int_eq(http_status(http_port, "/readyz"), 503);
    ck_assert_int_eq(http_status(http_port, "/livez"), 200);
    nats_server_kill(&server);
    nats_server_start_on(&server, port, "authorization { user: u, password: two }\n");
    http_await_status(http_port, "/readyz", 200);
    provider_stop(&provider);
}
END_TEST

START_TEST(other_paths_and_methods_are_refused_as_http_has_it)
{
    static const struct {
        const char *request;
        int status;
    } rows[] = {
        {"GET /nothing HTTP/1.0\r\n\r\n", 404},  {"GET /metrics/more HTTP/1.0\r\n\r\n", 404},
        {"GET /METRICS HTTP/1.0\r\n\r\n", 404},  {"POST /metrics HTTP/1.0\r\nContent-Length: 0\r\n\r\n", 405},
        {"DELETE /livez HTTP/1.0\r\n\r\n", 405}, {"GET /livez?verbose HTTP/1.0\r\n\r\n", 200},
        {"HEAD /readyz HTTP/1.0\r\n\r\n", 200}};
    serve(NULL, NULL, NULL, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_reply reply = http_send(http_port, rows[i].request);
        ck_assert_msg(reply.status == rows[i].status, "%s: %d", rows[i].request, reply.status);
        http_free(&reply);
    }
    provider_stop(&provider);
}
END_TEST

/* ---- the option ---- */

START_TEST(a_bad_address_exits_64_with_one_clear_line)
{
    static const char *const addresses[] = {
        "",
        "nonsense",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:x",
        "127.0.0.1:0x50",
        ":",
        "[::1]",
        "[::1:80",
        "::1:80:",
        "[]:80",
        "127.0.0.1:80 ",
        "a b:80",
        "127.0.0.1:http",
    };
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        process_destroy(&other);
        int status = program_run(&other, NULL, NULL, "serve", "--auth", "none", "--server", server.url,
                                 "--metrics-listen", addresses[i], NULL);
        const char *end = strchr(other.err.bytes, '\n');
        ck_assert_msg(status == 64, "\"%s\": exit %d: %s", addresses[i], status, other.err.bytes);
        ck_assert_msg(end != NULL && end[1] == '\0' && strstr(other.err.bytes, "metrics-listen") != NULL,
                      "\"%s\": %s", addresses[i], other.err.bytes);
    }
}
END_TEST

/* Taken by another process: not the caller's mistake in writing, but no reason to serve without what was
 * asked for. */
START_TEST(an_address_that_is_taken_ends_it_with_one_clear_line)
{
    char address[64];
    serve(NULL, NULL, NULL, NULL);
    (void)snprintf(address, sizeof address, "127.0.0.1:%d", http_port);
    int status = program_run(&other, NULL, NULL, "serve", "--auth", "none", "--binding", "b", "--server",
                             server.url, "--metrics-listen", address, NULL);
    const char *end = strchr(other.err.bytes, '\n');
    ck_assert_msg(status == 1 || status == 64, "exit %d: %s", status, other.err.bytes);
    ck_assert_msg(end != NULL && end[1] == '\0' && strstr(other.err.bytes, "metrics-listen") != NULL, "%s",
                  other.err.bytes);
    ck_assert_int_eq(http_status(http_port, "/livez"), 200);
    provider_stop(&provider);
}
END_TEST

/* "off unless given" */
START_TEST(without_the_option_nothing_listens)
{
    provider_serve(&provider, server.url, NULL);
    ck_assert_ptr_null(strstr(provider.err.bytes, "metrics"));
    provider_stop(&provider);
}
END_TEST

START_TEST(the_option_is_a_variable_too)
{
    static const char *const also[] = {"WASCC_KEYVALUE_METRICS_LISTEN=127.0.0.1:0", NULL};
    const char *argv[] = {provider_program(), "serve", "--auth", "none", "--server", server.url, NULL};
    process_start(&provider, argv, program_environment(also), NULL);
    await_listening(&provider);
    http_await_status(http_port, "/readyz", 200);
    provider_stop(&provider);
}
END_TEST

/* ---- scrapers that hang ---- */

/* Of each sort: more in all than the HTTP server has places for. */
#define HANGING 30

/* Says nothing; says half a request; asks for page after page and takes none of them. */
static int hang(int how)
{
    static const char request[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    int fd = http_connect(http_port);
    if (how == 1)
        ck_assert_int_eq(send(fd, request, 20, MSG_NOSIGNAL), 20);
    if (how == 2) {
        int small = 2048;
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        for (int i = 0; i < 100; i++)
            if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
                ck_assert(errno == EAGAIN || errno == EPIPE || errno == ECONNRESET);
    }
    return fd;
}

START_TEST(scrapers_that_hang_hold_no_request_and_no_other_scraper)
{
    int hanging[3 * HANGING];
    struct pipeline pipeline;
    serve(NULL, NULL, NULL, NULL);
    for (int i = 0; i < 3 * HANGING; i++)
        hanging[i] = hang(i % 3);
    pipeline_open(&pipeline, &client, 1000);
    for (int i = 0; i < 1000; i++)
        ck_assert(pipeline_send(&pipeline, "Add", "{\"key\":\"n\",\"value\":1}", 21));
    pipeline_settle(&pipeline, 0);
    ck_assert_uint_eq(pipeline.ok, 1000);
    pipeline_close(&pipeline);
    ck_assert_int_eq(client_add(&client, JSON, "n", 0), 1000);
    struct http_reply page = scrape();
    ck_assert_double_eq(value_of(page.body, OPERATION("requests_total", "Add")), 1001);
    http_free(&page);
    ck_assert_int_eq(http_status(http_port, "/readyz"), 200);
    /* They do not hold its end either. */
    provider_stop(&provider);
    for (int i = 0; i < 3 * HANGING; i++)
        (void)close(hanging[i]);
}
END_TEST

Suite *metrics_suite(void)
{
    Suite *suite = suite_create("integration/metrics");
    TCase *tests = tcase_create("metrics");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_test(tests, metrics_count_what_was_sent);
    tcase_add_test(tests, every_error_counter_is_there_before_the_first_error);
    tcase_add_test(tests, the_histogram_is_cumulative_and_complete);
    tcase_add_test(tests, metrics_and_stats_say_the_same);
    tcase_add_test(tests, labels_hold_any_keyspace_and_no_key_or_value_is_told);
    if (test_on_path("promtool"))
        tcase_add_test(tests, promtool_finds_nothing_wrong_with_the_page);
    else
        (void)printf("skip integration/metrics promtool is not on this machine\n");
    tcase_add_test(tests, probes_follow_the_connection);
    tcase_add_test(tests, it_is_not_ready_where_it_is_refused);
    tcase_add_test(tests, other_paths_and_methods_are_refused_as_http_has_it);
    tcase_add_test(tests, a_bad_address_exits_64_with_one_clear_line);
    tcase_add_test(tests, an_address_that_is_taken_ends_it_with_one_clear_line);
    tcase_add_test(tests, without_the_option_nothing_listens);
    tcase_add_test(tests, the_option_is_a_variable_too);
    tcase_add_test(tests, scrapers_that_hang_hold_no_request_and_no_other_scraper);
    suite_add_tcase(suite, tests);
    return suite;
}
