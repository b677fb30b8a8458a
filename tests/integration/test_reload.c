/* SIGHUP reads the trusted lists again, under load and without dropping a request. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "claims.h"
#include "harness.h"
#include "lattice.h"
#include "pipeline.h"

static struct nats_server server;
static struct process provider;
static int issuer_fd, host_fd;
static char issuer_path[PATH_BYTES], host_path[PATH_BYTES];
static char actor[WKV_NKEY_PUBLIC_CHARS + 1];
static char *first, *second; /* the actor's claims by each account */

static void open_all(void)
{
    people_make();
    actor_key(1, actor);
    first = claims_for(&people.account, actor);
    second = claims_for(&people.other_account, actor);
    issuer_fd = file_make(people.account.key, issuer_path);
    host_fd = file_make(people.host.key, host_path);
    nats_server_start(&server, NULL);
    client_open(&caller, server.url);
    client_call_on(&caller, DEFAULT_BASE, actor);
}

static void close_all(void)
{
    process_destroy(&provider);
    nats_server_kill(&server);
    (void)close(issuer_fd);
    (void)close(host_fd);
    free(first);
    free(second);
    people_free();
    caller_close();
}

/* The lists come from the two files. */
static void serve(const char *auth)
{
    provider_serve(&provider, server.url, "--auth", auth, "--trusted-issuer-file", issuer_path,
                   "--trusted-host-file", host_path, NULL);
}

/* Writes a list of one or two keys. */
static void write_list(int fd, const char *one, const char *two)
{
    char text[256];
    (void)snprintf(text, sizeof text, "%s\n%s\n", one, two == NULL ? "" : two);
    file_rewrite(fd, text);
}

/* Tells it, and waits until it has said what it did. */
static void reload(const char *line)
{
    process_signal(&provider, SIGHUP);
    (void)process_await_line(&provider, line);
}

/* Both workers, mostly: the code of each of many requests. */
static void expect(const char *claims, int code, const char *names)
{
    struct papers papers = {.claims = claims};
    for (int i = 0; i < 16; i++)
        if (code == 0)
            json_decref(papers_call(&caller, papers, i % 2, "Get", "{s:s}", "key", "a"));
        else
            papers_refused(&caller, papers, i % 2, "Get", code, names, "{s:s}", "key", "a");
}

START_TEST(an_issuer_that_is_removed_is_refused_and_one_that_is_added_served)
{
    serve("claims");
    expect(first, 0, NULL); /* remembered, too */
    expect(second, 401, "untrusted issuer");
    write_list(issuer_fd, people.account.key, people.other_account.key);
    expect(second, 401, "untrusted issuer"); /* nothing is read without the signal */
    reload("reloaded: ");
    expect(first, 0, NULL);
    expect(second, 0, NULL);
    write_list(issuer_fd, people.other_account.key, NULL);
    reload("reloaded: ");
    expect(first, 401, "untrusted issuer");
    expect(second, 0, NULL);
    write_list(issuer_fd, people.account.key, NULL);
    reload("reloaded: --auth claims, 1 trusted issuer, 1 trusted host: 2 keys read, 1 added, 1 removed");
    reload("reloaded: --auth claims, 1 trusted issuer, 1 trusted host: 2 keys read, as before");
    expect(first, 0, NULL);
    expect(second, 401, "untrusted issuer");
    provider_stop(&provider);
}
END_TEST

/* What options say stays, whatever the files do. */
START_TEST(a_reload_adds_the_file_to_the_options)
{
    provider_serve(&provider, server.url, "--auth", "claims", "--trusted-issuer", people.account.key,
                   "--trusted-issuer-file", issuer_path, NULL);
    write_list(issuer_fd, people.other_account.key, NULL);
    reload("2 trusted issuers");
    expect(first, 0, NULL);
    expect(second, 0, NULL);
    file_rewrite(issuer_fd, "# nobody now\n");
    reload("1 trusted issuer,");
    expect(first, 0, NULL);
    expect(second, 401, "untrusted issuer");
    provider_stop(&provider);
}
END_TEST

/* The moment at which the line is in the log is the moment at which it holds, with requests of both in
 * flight. */
START_TEST(a_removed_issuer_is_refused_from_the_log_line_on)
{
    struct pipeline before, after;
    serve("claims");
    for (int round = 0; round < 20; round++) {
        write_list(issuer_fd, people.account.key, people.other_account.key);
        reload("2 trusted issuers");
        pipeline_open(&before, &caller, 200);
        for (int i = 0; i < 200; i++)
            ck_assert(papers_pipeline(&before, second, NULL, "Get", "{\"key\":\"a\"}", 11));
        write_list(issuer_fd, people.account.key, NULL);
        reload("1 trusted issuer,");
        pipeline_open(&after, &caller, 50);
        for (int i = 0; i < 50; i++)
            ck_assert(papers_pipeline(&after, second, NULL, "Get", "{\"key\":\"a\"}", 11));
        pipeline_settle(&before, 0);
        pipeline_settle(&after, 0);
        ck_assert_uint_eq(after.errors, 50);
        ck_assert_int_eq(after.last_code, 401);
        ck_assert_uint_eq(before.ok + before.errors, 200);
        pipeline_close(&before);
        pipeline_close(&after);
    }
    provider_stop(&provider);
}
END_TEST

/* "a reload on SIGHUP of the trusted lists from a file, without dropping a request" */
START_TEST(no_request_is_dropped_or_refused_by_reloads)
{
    enum { REQUESTS = 12000, IN_FLIGHT = 400, EVERY = 500 };
    struct pipeline pipeline;
    serve("claims");
    pipeline_open(&pipeline, &caller, REQUESTS);
    for (int i = 0; i < REQUESTS; i++) {
        if (i % EVERY == 0) {
            write_list(issuer_fd, people.account.key, i / EVERY % 2 == 0 ? people.other_account.key : NULL);
            reload("reloaded: "); /* with as many as IN_FLIGHT on the way */
        }
        ck_assert(papers_pipeline(&pipeline, first, NULL, "Add", "{\"key\":\"n\",\"value\":1}", 21));
        pipeline_settle(&pipeline, IN_FLIGHT);
    }
    pipeline_settle(&pipeline, 0);
    ck_assert_uint_eq(pipeline.ok, REQUESTS);
    ck_assert_uint_eq(pipeline.errors + pipeline.no_responders + pipeline.repeated, 0);
    pipeline_close(&pipeline);
    json_t *reply = papers_call(&caller, (struct papers){.claims = first}, JSON, "Get", "{s:s}", "key", "n");
    ck_assert_int_eq(atoi(json_string_value(json_object_get(reply, "value"))), REQUESTS);
    json_decref(reply);
    process_read(&provider);
    ck_assert_ptr_null(strstr(provider.err.bytes, "not reloaded"));
    provider_stop(&provider);
}
END_TEST

/* ---- files that cannot be ---- */

static const struct {
    const char *text;
    const char *names; /* what the one line of error must hold */
} broken[] = {
    {"", "--trusted-issuer"},
    {"# only a comment\n", "--trusted-issuer"},
    {"garbage", "--trusted-issuer-file: trusted issuer 1"},
    {"MCYWHMJW5VW5U7ZRDQV7JU45GHSR2SA6OZJ2MPHQCFALR2CGFA2NAMZM", "account"},
    {"ABHWNJWTOLFELYNHRYJR3KY7IMUYSNCWVBTGYEIVOOTPF7XSW7MYK6RL,"
     "AAO7Q7K7RVMWAVAD6N2JP6B26O43RGA4G7YLLYFJVMU2VZBVQ6WXVPAR",
     "trusted issuer 2"},
    {"any", "trusted issuer 1"},
};

#define BROKEN (sizeof broken / sizeof broken[0])

static size_t count_lines(const char *text, const char *holding)
{
    size_t count = 0;
    while ((text = strstr(text, holding)) != NULL) {
        count++;
        text += strcspn(text, "\n");
    }
    return count;
}

START_TEST(a_broken_file_leaves_the_lists_and_logs_one_error)
{
    serve("claims");
    for (size_t i = 0; i < BROKEN; i++) {
        file_rewrite(issuer_fd, broken[i].text);
        process_signal(&provider, SIGHUP);
        const char *line = process_await_line(&provider, "not reloaded");
        char one[1024];
        (void)snprintf(one, sizeof one, "%.*s", (int)strcspn(line, "\n"), line);
        ck_assert_msg(strstr(one, " error ") != NULL && strstr(one, broken[i].names) != NULL, "%s", one);
        ck_assert_msg(strstr(one, "garbage") == NULL, "the file's text is quoted: %s", one);
        expect(first, 0, NULL);
        expect(second, 401, "untrusted issuer");
    }
    /* The file of hosts is broken: the good list of issuers does not come in alone. */
    write_list(issuer_fd, people.account.key, people.other_account.key);
    file_rewrite(host_fd, people.account.key);
    reload("not reloaded");
    expect(second, 401, "untrusted issuer");
    process_read(&provider);
    ck_assert_uint_eq(count_lines(provider.err.bytes, " error "), BROKEN + 1);
    ck_assert_uint_eq(count_lines(provider.err.bytes, "reloaded:"), 0);
    /* Mended, it is taken. */
    file_rewrite(host_fd, people.host.key);
    reload("reloaded: --auth claims, 2 trusted issuers");
    expect(second, 0, NULL);
    provider_stop(&provider);
}
END_TEST

/* Who trusts nobody hears that the signal has come, too. */
START_TEST(a_reload_without_auth_says_so)
{
    provider_serve(&provider, server.url, "--auth", "none", "--trusted-issuer-file", issuer_path, NULL);
    write_list(issuer_fd, people.account.key, people.other_account.key);
    reload("reloaded: --auth none: 2 keys read, and nobody is asked for one");
    provider_stop(&provider);
}
END_TEST

START_TEST(a_file_that_is_gone_leaves_the_lists)
{
    char path[] = "/tmp/wkv-test-reload-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    write_list(fd, people.account.key, NULL);
    provider_serve(&provider, server.url, "--auth", "claims", "--trusted-issuer-file", path, NULL);
    ck_assert_int_eq(unlink(path), 0);
    (void)close(fd);
    const char *line;
    process_signal(&provider, SIGHUP);
    line = process_await_line(&provider, "not reloaded");
    ck_assert_ptr_nonnull(strstr(line, "--trusted-issuer-file"));
    expect(first, 0, NULL);
    provider_stop(&provider);
}
END_TEST

/* ---- the other modes ---- */

START_TEST(a_reload_that_removes_the_issuer_ends_its_bindings)
{
    struct client host;
    struct papers nothing = {.claims = NULL};
    serve("binding");
    system_open(&host, server.url);
    bind_actor(&host, JSON, (struct papers){.claims = first, .host = &people.host}, actor, NULL);
    expect(NULL, 0, NULL);
    write_list(issuer_fd, people.other_account.key, NULL);
    reload("reloaded: ");
    expect(NULL, 401, "untrusted issuer");
    bind_actor(&host, JSON, (struct papers){.claims = second, .host = &people.host}, actor, NULL);
    expect(NULL, 0, NULL);
    /* A host that is no longer trusted binds nobody. */
    write_list(host_fd, people.other_host.key, NULL);
    reload("reloaded: ");
    struct answer answer =
        bind_ask(&host, JSON, "RemoveActor", (struct papers){.host = &people.host}, actor, NULL);
    check_refusal(&answer, "RemoveActor", 401, "untrusted host");
    answer_free(&answer);
    remove_actor(&host, JSON, (struct papers){.host = &people.other_host}, actor);
    papers_refused(&caller, nothing, JSON, "Get", 401, "not bound", "{s:s}", "key", "a");
    client_close(&host);
    provider_stop(&provider);
}
END_TEST

/* One actor more for the tests below, bound by the other host. */
static void bind_two(struct client *system, struct lattice *by_first, struct lattice *by_other,
                     const char *other_actor)
{
    system_open(system, server.url);
    lattice_open(by_first, server.url, &people.host, "wasmbus", "default");
    lattice_open(by_other, server.url, &people.other_host, "wasmbus", "default");
    char *others = claims_for(&people.account, other_actor);
    bind_actor(system, JSON, (struct papers){.claims = first, .host = &people.host}, actor, "mine");
    bind_actor(system, PROTOBUF, (struct papers){.claims = others, .host = &people.other_host}, other_actor,
               "mine");
    free(others);
}

static void close_two(struct client *system, struct lattice *by_first, struct lattice *by_other)
{
    client_close(system);
    lattice_close(by_first);
    lattice_close(by_other);
    provider_stop(&provider);
}

static const struct {
    const char *auth, *also;
    int code; /* of what the actor of the host that is gone gets on its plain subject */
    const char *names;
} hosts_modes[] = {{"binding", NULL, 401, "not bound"},
                   {"claims", "--require-binding", 403, "not bound"},
                   {"invocation", "--require-binding", 403, "not bound"}};

static const char missing[] = "{\"value\":\"\",\"exists\":false}", exists[] = "{\"key\":\"k\"}";

/* A host that is taken out of the list takes what it bound along, on both fronts, and another's stays. */
START_TEST(a_host_that_is_removed_takes_its_bindings_along)
{
    struct client system;
    struct lattice by_first, by_other;
    char other_actor[WKV_NKEY_PUBLIC_CHARS + 1];
    actor_key(2, other_actor);
    write_list(host_fd, people.host.key, people.other_host.key);
    provider_serve(&provider, server.url, "--auth", hosts_modes[_i].auth, "--trusted-issuer-file",
                   issuer_path, "--trusted-host-file", host_path, hosts_modes[_i].also, NULL);
    bind_two(&system, &by_first, &by_other, other_actor);
    struct papers papers = {.claims = first, .host = &people.other_host};
    json_decref(papers_call(&caller, papers, JSON, "Get", "{s:s}", "key", "a"));
    lattice_expect(&by_other, actor, "KeyExists", exists, missing); /* any host may invoke */
    write_list(host_fd, people.other_host.key, NULL);
    reload("removed 1 binding of hosts");
    (void)process_await_line(&provider, "reloaded: ");
    papers_refused(&caller, papers, JSON, "Get", hosts_modes[_i].code, hosts_modes[_i].names, "{s:s}", "key",
                   "a");
    lattice_no_responders(&by_other, actor);
    lattice_expect(&by_other, other_actor, "KeyExists", exists, missing);
    /* It does not come back with the host, which must bind again. */
    write_list(host_fd, people.host.key, people.other_host.key);
    reload("reloaded: ");
    papers_refused(&caller, papers, JSON, "Get", hosts_modes[_i].code, hosts_modes[_i].names, "{s:s}", "key",
                   "a");
    lattice_no_responders(&by_first, actor);
    lattice_bind(&by_first, actor, NULL);
    lattice_expect(&by_first, actor, "KeyExists", exists, missing);
    close_two(&system, &by_first, &by_other);
}
END_TEST

/* The same where any host was trusted, and where the binding was only a host's statement. */
START_TEST(a_list_in_place_of_any_removes_what_others_bound)
{
    struct client system;
    struct lattice by_first, by_other;
    char other_actor[WKV_NKEY_PUBLIC_CHARS + 1], stated[WKV_NKEY_PUBLIC_CHARS + 1];
    actor_key(2, other_actor);
    actor_key(3, stated);
    file_rewrite(host_fd, "any");
    serve("claims");
    bind_two(&system, &by_first, &by_other, other_actor);
    lattice_bind(&by_first, stated, NULL);
    /* Where a binding is configuration, it goes all the same: the keyspace is no longer its own. */
    struct papers papers = {.claims = first};
    json_decref(papers_call(&caller, papers, JSON, "Set", "{s:s,s:s}", "key", "a", "value", "mine"));
    write_list(host_fd, people.other_host.key, NULL);
    reload("removed 2 bindings of hosts");
    (void)process_await_line(&provider, "reloaded: ");
    json_t *reply = papers_call(&caller, papers, JSON, "Get", "{s:s}", "key", "a");
    ck_assert(json_is_false(json_object_get(reply, "exists")));
    json_decref(reply);
    lattice_no_responders(&by_other, stated);
    lattice_no_responders(&by_other, actor);
    lattice_expect(&by_other, other_actor, "Get", "{\"key\":\"a\"}", "{\"value\":\"mine\",\"exists\":true}");
    close_two(&system, &by_first, &by_other);
}
END_TEST

#define MANY 300

/* Two thirds of them and one more are bound by the host that the next reload takes away. */
static void bind_many(struct client *system, struct lattice *by_first, struct lattice *by_other)
{
    char key[WKV_NKEY_PUBLIC_CHARS + 1];
    actor_key(2, key);
    write_list(host_fd, people.host.key, people.other_host.key);
    serve("claims");
    bind_two(system, by_first, by_other, key);
    for (unsigned i = 0; i < MANY; i++) {
        lattice_actor(i, key);
        lattice_bind(i % 3 == 0 ? by_other : by_first, key, NULL);
    }
    write_list(host_fd, people.other_host.key, NULL);
}

/* Many at once, while others bind: each that goes has gone on both fronts by the line of the log. */
START_TEST(a_host_that_bound_many_takes_all_of_them_along)
{
    struct client system;
    struct lattice by_first, by_other;
    char key[WKV_NKEY_PUBLIC_CHARS + 1];
    bind_many(&system, &by_first, &by_other);
    reload("removed 201 bindings of hosts");
    (void)process_await_line(&provider, "reloaded: ");
    for (unsigned i = 0; i < MANY; i++) {
        lattice_actor(i, key);
        if (i % 3 == 0)
            lattice_expect(&by_other, key, "KeyExists", exists, missing);
        else
            lattice_no_responders(&by_other, key);
    }
    close_two(&system, &by_first, &by_other);
}
END_TEST

/* There may be tens of thousands, and it does not make who stops the process wait. Both signals are there
 * when it runs again. */
START_TEST(a_stop_is_obeyed_while_bindings_are_removed)
{
    struct client system;
    struct lattice by_first, by_other;
    bind_many(&system, &by_first, &by_other);
    process_signal(&provider, SIGSTOP);
    process_signal(&provider, SIGHUP);
    process_signal(&provider, SIGTERM);
    process_signal(&provider, SIGCONT);
    (void)process_await_line(&provider,
                             "removed 64 bindings of hosts that are no longer trusted; told to stop");
    ck_assert_int_eq(process_await_exit(&provider), 0);
    ck_assert_ptr_null(strstr(provider.err.bytes, "reloaded: "));
    client_close(&system);
    lattice_close(&by_first);
    lattice_close(&by_other);
}
END_TEST

/* What the server had sent for an actor before it hears that nobody listens is answered, however many go at
 * once, and while they are called all the time. */
START_TEST(what_is_in_flight_is_answered_when_its_binding_goes_with_the_host)
{
    enum { ACTORS = 400, ROUNDS = 60, OUTSTANDING = 3000 };
    static const char msg[] = "\x81\xa3key\xa1k";
    struct client system, calls;
    struct lattice by_first, by_other;
    struct pipeline pipeline;
    struct wkv_buffer bytes[ACTORS];
    char keys[ACTORS][WKV_NKEY_PUBLIC_CHARS + 1], other[WKV_NKEY_PUBLIC_CHARS + 1], id[LATTICE_ID_BYTES];
    actor_key(2, other);
    write_list(host_fd, people.host.key, people.other_host.key);
    serve("claims");
    bind_two(&system, &by_first, &by_other, other);
    client_open(&calls, server.url);
    (void)snprintf(calls.base, sizeof calls.base, "%s", by_other.own);
    pipeline_open(&pipeline, &calls, (size_t)ACTORS * ROUNDS);
    for (unsigned i = 0; i < ACTORS; i++) {
        lattice_actor(i, keys[i]);
        lattice_bind(&by_first, keys[i], NULL);
        struct invocation get = {.actor = keys[i], .operation = "Get", .msg = msg, .msg_len = sizeof msg - 1};
        invocation_pack(&by_other, &get, &bytes[i], id);
    }
    write_list(host_fd, people.other_host.key, NULL);
    for (unsigned i = 0; i < ACTORS * ROUNDS; i++) {
        if (i == ACTORS * ROUNDS / 3)
            process_signal(&provider, SIGHUP);
        ck_assert(pipeline_send(&pipeline, keys[i % ACTORS], bytes[i % ACTORS].data, bytes[i % ACTORS].len));
        pipeline_settle(&pipeline, OUTSTANDING);
    }
    pipeline_settle(&pipeline, 0);
    ck_assert_uint_eq(pipeline.repeated, 0);
    ck_assert_uint_gt(pipeline.ok, 0);
    ck_assert_uint_gt(pipeline.no_responders, 0);
    (void)process_await_line(&provider, "removed 401 bindings of hosts");
    for (unsigned i = 0; i < ACTORS; i++)
        wkv_buffer_destroy(&bytes[i]);
    pipeline_close(&pipeline);
    client_close(&calls);
    close_two(&system, &by_first, &by_other);
}
END_TEST

START_TEST(hosts_are_reloaded_like_issuers)
{
    serve("invocation");
    struct papers old = {.claims = first, .host = &people.host},
                  new = {.claims = first, .host = &people.other_host};
    for (int round = 0; round < 3; round++) {
        ask_all(&caller, old, JSON, 0, NULL);
        ask_all(&caller, new, JSON, 401, "untrusted host");
        write_list(host_fd, people.other_host.key, NULL);
        reload("reloaded: ");
        ask_all(&caller, old, PROTOBUF, 401, "untrusted host");
        ask_all(&caller, new, PROTOBUF, 0, NULL);
        write_list(host_fd, people.host.key, NULL);
        reload("reloaded: ");
    }
    file_rewrite(host_fd, "any");
    reload("any host");
    ask_all(&caller, new, JSON, 0, NULL);
    file_rewrite(host_fd, "");
    reload("not reloaded"); /* this mode can do nothing without a host */
    ask_all(&caller, new, JSON, 0, NULL);
    provider_stop(&provider);
}
END_TEST

START_TEST(without_lists_the_signal_does_nothing)
{
    provider_serve(&provider, server.url, "--auth", "none", NULL);
    for (int i = 0; i < 50; i++)
        process_signal(&provider, SIGHUP);
    expect(NULL, 0, NULL);
    provider_stop(&provider);
}
END_TEST

/* A server that is not there yet is no reason not to read the lists. */
START_TEST(a_reload_is_heard_while_it_connects)
{
    char url[URL_BYTES], id[INSTANCE_ID_BYTES];
    struct nats_server late;
    int port = free_port();
    url_of(port, url);
    provider_start(&provider, url, "--auth", "claims", "--trusted-issuer-file", issuer_path, NULL);
    (void)process_await_line(&provider, "trying again");
    write_list(issuer_fd, people.other_account.key, NULL);
    reload("reloaded: ");
    nats_server_start_on(&late, port, NULL);
    provider_await_ready(&provider, id);
    client_close(&caller);
    client_open(&caller, late.url);
    client_call_on(&caller, DEFAULT_BASE, actor);
    expect(second, 0, NULL);
    expect(first, 401, "untrusted issuer");
    provider_stop(&provider);
    nats_server_kill(&late);
}
END_TEST

/* Signals that come faster than they are handled are one, and the last list counts. */
START_TEST(many_signals_end_with_the_last_list)
{
    serve("claims");
    for (int i = 0; i < 200; i++) {
        write_list(issuer_fd, people.account.key, i % 2 == 0 ? people.other_account.key : NULL);
        process_signal(&provider, SIGHUP);
    }
    write_list(issuer_fd, people.other_account.key, NULL);
    process_signal(&provider, SIGHUP);
    struct answer answer = papers_await_refusal(&caller, (struct papers){.claims = first});
    check_refusal(&answer, "Get", 401, "untrusted issuer");
    answer_free(&answer);
    expect(second, 0, NULL);
    provider_stop(&provider);
}
END_TEST

Suite *reload_suite(void)
{
    Suite *suite = suite_create("integration/reload");
    TCase *tests = tcase_create("reload");
    tcase_add_checked_fixture(tests, open_all, close_all);
    tcase_add_test(tests, an_issuer_that_is_removed_is_refused_and_one_that_is_added_served);
    tcase_add_test(tests, a_reload_adds_the_file_to_the_options);
    tcase_add_test(tests, a_removed_issuer_is_refused_from_the_log_line_on);
    tcase_add_test(tests, no_request_is_dropped_or_refused_by_reloads);
    tcase_add_test(tests, a_broken_file_leaves_the_lists_and_logs_one_error);
    tcase_add_test(tests, a_reload_without_auth_says_so);
    tcase_add_test(tests, a_file_that_is_gone_leaves_the_lists);
    tcase_add_test(tests, a_reload_that_removes_the_issuer_ends_its_bindings);
    tcase_add_loop_test(tests, a_host_that_is_removed_takes_its_bindings_along, 0, 3);
    tcase_add_test(tests, a_list_in_place_of_any_removes_what_others_bound);
    tcase_add_test(tests, a_host_that_bound_many_takes_all_of_them_along);
    tcase_add_test(tests, a_stop_is_obeyed_while_bindings_are_removed);
    tcase_add_test(tests, what_is_in_flight_is_answered_when_its_binding_goes_with_the_host);
    tcase_add_test(tests, hosts_are_reloaded_like_issuers);
    tcase_add_test(tests, without_lists_the_signal_does_nothing);
    tcase_add_test(tests, a_reload_is_heard_while_it_connects);
    tcase_add_test(tests, many_signals_end_with_the_last_list);
    suite_add_tcase(suite, tests);
    return suite;
}
