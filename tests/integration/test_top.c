/* `wascc-keyvalue top` against real instances: what its lines say, and that a terminal is given back as it
 * was. */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "harness.h"

static struct nats_server server;
static struct process provider, other, top;

static void open_server(void)
{
    nats_server_start(&server, NULL);
    client_open(&caller, server.url);
}

static void close_all(void)
{
    client_close(&caller);
    process_destroy(&top);
    process_destroy(&provider);
    process_destroy(&other);
    nats_server_kill(&server);
    harness_close_nats();
}

/* ---- lines ---- */

/* The lines that hold the text. */
static size_t lines_with(const char *text, const char *part)
{
    size_t lines = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at += strcspn(at, "\n"))
        lines++;
    return lines;
}

static size_t lines_in(const char *text)
{
    size_t lines = 0;
    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

/* The value of a pair in the line that begins at `line`, up to the next space; fails the test where there is
 * none. */
static const char *value_of(const char *line, const char *name)
{
    static char value[128];
    char pair[64];
    (void)snprintf(pair, sizeof pair, " %s=", name);
    size_t end = strcspn(line, "\n");
    const char *at = strstr(line, pair);
    ck_assert_msg(at != NULL && (size_t)(at - line) < end, "no %s in: %.*s", name, (int)end, line);
    at += strlen(pair);
    (void)snprintf(value, sizeof value, "%.*s", (int)strcspn(at, " \n"), at);
    return value;
}

static long number_of(const char *line, const char *name)
{
    return strtol(value_of(line, name), NULL, 10);
}

static double real_of(const char *line, const char *name)
{
    return strtod(value_of(line, name), NULL);
}

/* The line behind this one. */
static const char *next_line(const char *line)
{
    return line + strcspn(line, "\n") + 1;
}

static void start_top(const char *a, const char *b, const char *c, const char *d)
{
    const char *argv[] = {
        provider_program(), "top", "--server", server.url, "--interval", "100ms", a, b, c, d, NULL};
    process_start(&top, argv, program_environment(NULL), NULL);
}

/* Waits until top has printed a line, from `from` bytes on, that holds the text, and returns the line. */
static const char *await_printed(size_t from, const char *text)
{
    long long deadline_ms = now_ms() + WAIT_MS;
    for (;;) {
        process_read(&top);
        const char *line = top.out.bytes + (from < top.out.len ? from : top.out.len);
        for (const char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
            const char *at = strstr(line, text);
            if (at != NULL && at < end)
                return line;
        }
        ck_assert_msg(top.out.fd >= 0 && now_ms() < deadline_ms, "top does not print \"%s\": %s%s", text,
                      top.out.bytes, top.err.bytes);
        struct pollfd more = {.fd = top.out.fd, .events = POLLIN};
        (void)poll(&more, 1, 1000);
    }
}

static void stop_top(void)
{
    process_signal(&top, SIGTERM);
    ck_assert_int_eq(process_await_exit(&top), 0);
}

/* So many requests: half of them make counters, half read. */
static void drive(int requests)
{
    for (int i = 0; i < requests; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "k%d", i / 2);
        if (i % 2 == 0)
            (void)client_add(&caller, JSON, key, 1);
        else
            json_decref(client_call(&caller, JSON, "Get", "{s:s}", "key", key));
    }
}

static int two_looks(const char *option, const char *value)
{
    process_destroy(&top);
    return program_run(&top, NULL, NULL, "top", "--server", server.url, "--count", "2", "--interval", "200ms",
                       option, value, NULL);
}

START_TEST(a_line_tells_what_an_instance_did)
{
    provider_serve(&provider, server.url, "--max-memory", "16mb", NULL);
    drive(40);
    (void)client_push(&caller, JSON, "list", "x");
    client_refused(&caller, JSON, "Get", 409, NULL, "{s:s}", "key", "list");
    ck_assert_int_eq(two_looks(NULL, NULL), 0);
    const char *line = top.out.bytes;
    ck_assert_msg(lines_in(line) == 1, "%s%s", line, top.err.bytes);
    ck_assert_str_eq(top.err.bytes, "");
    ck_assert_int_eq(strncmp(line, "time=2", 6), 0);
    ck_assert_str_eq(value_of(line, "state"), "serving");
    ck_assert_int_eq(number_of(line, "requests"), 42);
    ck_assert_int_eq(number_of(line, "errors"), 1);
    ck_assert_int_eq(number_of(line, "keys"), 21);
    ck_assert_int_eq(number_of(line, "counters"), 20);
    ck_assert_int_eq(number_of(line, "lists"), 1);
    ck_assert_int_eq(number_of(line, "scalars") + number_of(line, "sets"), 0);
    ck_assert_int_gt(number_of(line, "memory_bytes"), 0);
    ck_assert_int_eq(number_of(line, "budget_bytes"), 16 << 20);
    ck_assert_int_gt(number_of(line, "connections"), 0);
    ck_assert_int_eq(number_of(line, "reconnects"), 0);
    ck_assert_int_gt(number_of(line, "p50_ns"), 0);
    ck_assert_int_ge(number_of(line, "max_ns"), number_of(line, "p50_ns"));
    ck_assert(real_of(line, "uptime_s") > 0);
    ck_assert(real_of(line, "requests_per_s") < 0.001);
    ck_assert(real_of(line, "op_Get_per_s") < 0.001);
    ck_assert_ptr_nonnull(strstr(line, " last_error=\"409: Get: "));
}
END_TEST

/* Each line's rate times its interval is what was counted since the line before. */
START_TEST(rates_add_up_to_what_was_asked)
{
    provider_serve(&provider, server.url, NULL);
    start_top(NULL, NULL, NULL, NULL);
    const char *line = await_printed(0, " requests=0 ");
    size_t from = (size_t)(line - top.out.bytes);
    drive(60);
    (void)await_printed(from, " requests=60 ");
    double all = 0, gets = 0;
    for (line = top.out.bytes + from; *line != '\0'; line = next_line(line)) {
        all += real_of(line, "requests_per_s") * real_of(line, "interval_s");
        if (number_of(line, "requests") == 60)
            gets = real_of(line, "op_Get_per_s");
    }
    ck_assert_msg(all > 59 && all < 61, "%f: %s", all, top.out.bytes + from);
    ck_assert(gets >= 0);
    stop_top();
    ck_assert_str_eq(top.err.bytes, "");
}
END_TEST

START_TEST(two_instances_have_a_line_each)
{
    provider_serve(&provider, server.url, "--allow-split", NULL);
    provider_serve(&other, server.url, "--allow-split", NULL);
    drive(100);
    ck_assert_int_eq(two_looks(NULL, NULL), 0);
    const char *first = top.out.bytes, *second = next_line(first);
    char id[128];
    ck_assert_msg(lines_in(first) == 2, "%s%s", first, top.err.bytes);
    ck_assert_int_eq(number_of(first, "requests") + number_of(second, "requests"), 100);
    ck_assert_int_eq(number_of(first, "errors") + number_of(second, "errors"), 0);
    (void)snprintf(id, sizeof id, "%s", value_of(first, "instance"));
    ck_assert_int_lt(strcmp(id, value_of(second, "instance")), 0);
}
END_TEST

/* It is said once that one is gone; the other's lines go on. */
START_TEST(an_instance_that_stops_is_gone_once)
{
    provider_serve(&provider, server.url, "--allow-split", NULL);
    provider_serve(&other, server.url, "--allow-split", NULL);
    start_top(NULL, NULL, NULL, NULL);
    (void)next_line(await_printed(0, " state=serving "));
    provider_stop(&other);
    const char *gone = await_printed(0, " state=gone");
    size_t behind = (size_t)(next_line(gone) - top.out.bytes);
    for (int i = 0; i < 3; i++) {
        const char *line = await_printed(behind, " state=serving ");
        behind = (size_t)(next_line(line) - top.out.bytes);
    }
    stop_top();
    gone = strstr(top.out.bytes, " state=gone");
    ck_assert_ptr_null(strstr(gone + 1, " state=gone"));
}
END_TEST

START_TEST(only_the_address_that_was_asked_for_is_shown)
{
    provider_serve(&provider, server.url, "--binding", "one", NULL);
    provider_serve(&other, server.url, "--binding", "one", "--lattice-namespace", "ns", NULL);
    ck_assert_int_eq(two_looks("--binding", "one"), 0);
    ck_assert_uint_eq(lines_in(top.out.bytes), 1);
    ck_assert_int_eq(two_looks("--lattice-namespace", "ns"), 1);
    ck_assert_str_eq(top.out.bytes, "");
    ck_assert_uint_eq(lines_in(top.err.bytes), 1);
    ck_assert_ptr_nonnull(strstr(top.err.bytes, "no instance answers"));
}
END_TEST

START_TEST(it_asks_on_until_an_instance_comes)
{
    start_top(NULL, NULL, NULL, NULL);
    (void)process_await_line(&top, "no instance answers");
    provider_serve(&provider, server.url, NULL);
    (void)await_printed(0, " state=serving ");
    stop_top();
    ck_assert_uint_eq(lines_in(top.err.bytes), 1);
}
END_TEST

START_TEST(without_a_server_it_says_so_and_exits_1)
{
    char url[URL_BYTES];
    url_of(free_port(), url);
    ck_assert_int_eq(program_run(&top, NULL, NULL, "top", "--server", url, NULL), 1);
    ck_assert_uint_eq(lines_in(top.err.bytes), 1);
    ck_assert_ptr_nonnull(strstr(top.err.bytes, url));
}
END_TEST

START_TEST(a_server_that_goes_and_comes_back_is_waited_for)
{
    provider_serve(&provider, server.url, NULL);
    start_top(NULL, NULL, NULL, NULL);
    (void)await_printed(0, " state=serving ");
    nats_server_kill(&server);
    (void)process_await_line(&top, "server is away");
    process_read(&top);
    size_t from = top.out.len;
    nats_server_start_on(&server, server.port, NULL);
    const char *line = await_printed(from, " state=serving ");
    ck_assert_ptr_nonnull(strstr(line, " reconnects="));
    stop_top();
    /* It may be back before the provider is, and say that nobody answers yet. */
    ck_assert_uint_eq(lines_with(top.err.bytes, "server is away"), 1);
    ck_assert_uint_eq(lines_in(top.err.bytes), 1 + lines_with(top.err.bytes, "no instance answers"));
}
END_TEST

/* A user that may get replies only on a prefix of its own. */
START_TEST(an_inbox_prefix_is_honoured)
{
    struct nats_server guarded;
    nats_server_start(&guarded, "authorization { users: [ { user: all, password: x }\n"
                                "  { user: op, password: x, permissions: { subscribe: \"_MINE.op.>\",\n"
                                "    publish: \"$SRV.STATS.wascc-keyvalue\" } } ] }\n");
    provider_serve(&provider, guarded.url, "--user", "all", "--password", "x", NULL);
    int status = program_run(&top, NULL, NULL, "top", "--server", guarded.url, "--user", "op", "--password",
                             "x", "--count", "2", "--interval", "100ms", "--inbox-prefix", "_MINE.op", NULL);
    ck_assert_msg(status == 0 && lines_in(top.out.bytes) == 1, "exit %d: %s%s", status, top.out.bytes,
                  top.err.bytes);
    process_destroy(&top);
    status = program_run(&top, NULL, NULL, "top", "--server", guarded.url, "--user", "op", "--password", "x",
                         "--count", "2", "--interval", "100ms", NULL);
    ck_assert_int_eq(status, 1);
    ck_assert_msg(strstr(top.err.bytes, "--inbox-prefix") != NULL, "%s", top.err.bytes);
    provider_stop(&provider);
    nats_server_kill(&guarded);
}
END_TEST

static const struct {
    const char *names;
    const char *arguments[2];
} bad[] = {
    {"--interval", {"--interval", "99ms"}}, {"--interval", {"--interval", "61m"}},
    {"--interval", {"--interval", "soon"}}, {"--count", {"--count", "-1"}},
    {"--count", {"--count", "4294967296"}}, {"--count", {"--count", ""}},
    {"--workers", {"--workers", "2"}},      {"top", {"argument", NULL}},
    {"--binding", {"--binding", "a.b"}},
};

START_TEST(a_bad_option_exits_64_with_one_line_that_names_it)
{
    const char *const *a = bad[_i].arguments;
    ck_assert_int_eq(program_run(&top, NULL, NULL, "top", a[0], a[1], NULL), 64);
    ck_assert_uint_eq(lines_in(top.err.bytes), 1);
    ck_assert_msg(strstr(top.err.bytes, bad[_i].names) != NULL, "%s", top.err.bytes);
}
END_TEST

/* A pager that waits for its user, such as `less`. */
START_TEST(whoever_does_not_read_it_does_not_keep_it_from_ending)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    provider_serve(&provider, server.url, NULL);
    start_top(NULL, NULL, NULL, NULL);
    (void)await_printed(0, "state=serving");
    output_fill(&top.out);
    /* Now it waits, or will at the next look. */
    (void)poll(NULL, 0, _i * 100);
    process_signal(&top, signals[_i]);
    struct pollfd ended = {.fd = top.pid_fd, .events = POLLIN};
    ck_assert_msg(poll(&ended, 1, 10000) == 1, "it does not end");
    ck_assert_int_eq(process_await_exit(&top), 0);
    provider_stop(&provider);
}
END_TEST

START_TEST(help_names_its_options)
{
    static const char *const names[] = {"--server",  "--binding", "--interval",
                                        "--count",   "--creds",   "--inbox-prefix",
                                        "key=value", "Ctrl-C",    "WASCC_KEYVALUE_INTERVAL"};
    ck_assert_int_eq(program_run(&top, NULL, NULL, "top", "--help", NULL), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        ck_assert_msg(strstr(top.out.bytes, names[i]) != NULL, "silent about %s", names[i]);
}
END_TEST

/* ---- a terminal ---- */

#define ENTER "\x1b[?1049h"
#define HIDE "\x1b[?25l"
#define SHOW "\x1b[?25h"
#define LEAVE "\x1b[?1049l"

static struct {
    pid_t pid;
    int fd;
    struct termios before;
    char said[1 << 18];
    size_t len;
} terminal;

static void set_size(unsigned short columns, unsigned short rows)
{
    struct winsize size = {.ws_col = columns, .ws_row = rows};
    ck_assert_int_eq(ioctl(terminal.fd, TIOCSWINSZ, &size), 0);
}

static void open_terminal_of(const char *term, const char *interval)
{
    struct winsize size = {.ws_col = 100, .ws_row = 30};
    const char *const *variables = program_environment(NULL);
    terminal.len = 0;
    terminal.pid = forkpty(&terminal.fd, NULL, NULL, &size);
    ck_assert_int_ge(terminal.pid, 0);
    if (terminal.pid == 0) {
        for (; *variables != NULL; variables++)
            (void)putenv((char *)(uintptr_t)*variables);
        (void)(term == NULL ? unsetenv("TERM") : setenv("TERM", term, 1));
        (void)execl(provider_program(), provider_program(), "top", "--server", server.url, "--interval",
                    interval, (char *)NULL);
        _exit(126);
    }
    ck_assert_int_eq(tcgetattr(terminal.fd, &terminal.before), 0);
}

static void open_terminal(const char *interval)
{
    open_terminal_of("xterm", interval);
}

/* Reads what comes until it holds the text, from `from` bytes on, or (NULL) the terminal is closed. */
static void await_shown(size_t from, const char *text)
{
    long long deadline_ms = now_ms() + WAIT_MS;
    for (;;) {
        terminal.said[terminal.len] = '\0';
        if (text != NULL && terminal.len > from && strstr(terminal.said + from, text) != NULL)
            return;
        struct pollfd more = {.fd = terminal.fd, .events = POLLIN};
        ck_assert_msg(poll(&more, 1, 1000) >= 0 && now_ms() < deadline_ms, "does not show %s: %s",
                      text == NULL ? "its end" : text, terminal.said);
        if (more.revents == 0)
            continue;
        size_t room = sizeof terminal.said - 1 - terminal.len;
        if (terminal.len >= sizeof terminal.said - 1)
            ck_abort_msg("it shows too much");
        ssize_t got = read(terminal.fd, terminal.said + terminal.len, room);
        if (got <= 0) {
            ck_assert_msg(text == NULL, "closed without showing %s: %s", text, terminal.said);
            return;
        }
        terminal.len += (size_t)got;
    }
}

/* It ends with success; the last that it said gives the screen back, and the terminal is as it was. */
static void check_restored(void)
{
    static const char end[] = SHOW LEAVE;
    struct termios after;
    int status;
    ck_assert_int_eq(tcgetattr(terminal.fd, &after), 0);
    await_shown(0, LEAVE);
    ck_assert_int_eq(waitpid(terminal.pid, &status, 0), terminal.pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "ended with %x: %s", (unsigned)status,
                  terminal.said);
    ck_assert_int_eq(tcgetattr(terminal.fd, &after), 0);
    await_shown(0, NULL);
    ck_assert_uint_ge(terminal.len, sizeof end - 1);
    ck_assert_str_eq(terminal.said + terminal.len - (sizeof end - 1), end);
    ck_assert_uint_eq(after.c_lflag, terminal.before.c_lflag);
    ck_assert_uint_eq(after.c_iflag, terminal.before.c_iflag);
    (void)close(terminal.fd);
}

static const struct {
    const char *keys;
    int signal;
} ends[] = {{"q", 0}, {"Q", 0}, {"xq", 0}, {"\x03", 0}, {NULL, SIGTERM}, {NULL, SIGINT}, {NULL, SIGHUP}};

START_TEST(however_it_ends_the_terminal_is_restored)
{
    struct termios during;
    provider_serve(&provider, server.url, NULL);
    drive(10);
    open_terminal("60m");
    await_shown(0, "\nGet ");
    ck_assert_int_eq(strncmp(terminal.said, ENTER HIDE, strlen(ENTER HIDE)), 0);
    ck_assert_ptr_nonnull(strstr(terminal.said, "1 instance "));
    ck_assert_ptr_nonnull(strstr(terminal.said, "10 in all"));
    ck_assert_ptr_null(strstr(terminal.said, LEAVE));
    ck_assert_int_eq(tcgetattr(terminal.fd, &during), 0);
    ck_assert_uint_eq(during.c_lflag & (ICANON | ECHO), 0);
    if (ends[_i].keys != NULL)
        ck_assert_int_eq(write(terminal.fd, ends[_i].keys, strlen(ends[_i].keys)), strlen(ends[_i].keys));
    else
        ck_assert_int_eq(kill(terminal.pid, ends[_i].signal), 0);
    check_restored();
}
END_TEST

/* With an hour between two looks only the keys can have drawn again. */
START_TEST(keys_choose_the_order_and_show_help)
{
    static const struct {
        const char *key, *shows;
    } steps[] = {
        {"e", "by errors"}, {"?", "sort by latency"}, {"?", "by errors"}, {"h", "instances by memory"},
        {"n", "by name"},   {"zl", "by latency"},     {"?", "q  end"},    {" ", "by latency"}};
    provider_serve(&provider, server.url, NULL);
    open_terminal("60m");
    await_shown(0, "REQ/S");
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        size_t from = terminal.len;
        ck_assert_int_eq(write(terminal.fd, steps[i].key, strlen(steps[i].key)), strlen(steps[i].key));
        await_shown(from, steps[i].shows);
    }
    ck_assert_int_eq(write(terminal.fd, "?q", 2), 2);
    check_restored();
}
END_TEST

/* With an hour between two looks only the resize can have drawn again. */
START_TEST(a_resized_terminal_is_drawn_again)
{
    provider_serve(&provider, server.url, NULL);
    open_terminal("60m");
    await_shown(0, " P99");
    size_t from = terminal.len;
    set_size(60, 10);
    await_shown(from, "REQ/S");
    ck_assert_ptr_null(strstr(terminal.said + from, " P99"));
    from = terminal.len;
    set_size(200, 10);
    await_shown(from, "P99.9");
    ck_assert_int_eq(kill(terminal.pid, SIGTERM), 0);
    check_restored();
}
END_TEST

START_TEST(a_stopped_one_leaves_the_terminal_to_the_shell)
{
    int status;
    provider_serve(&provider, server.url, NULL);
    open_terminal("60m");
    await_shown(0, "REQ/S");
    ck_assert_int_eq(kill(terminal.pid, SIGTSTP), 0);
    ck_assert_int_eq(waitpid(terminal.pid, &status, WUNTRACED), terminal.pid);
    ck_assert(WIFSTOPPED(status));
    await_shown(0, LEAVE);
    size_t from = terminal.len;
    ck_assert_int_eq(kill(terminal.pid, SIGCONT), 0);
    await_shown(from, ENTER);
    await_shown(from, "REQ/S");
    ck_assert_int_eq(kill(terminal.pid, SIGTERM), 0);
    await_shown(from, LEAVE);
    check_restored();
}
END_TEST

START_TEST(on_a_terminal_it_says_when_nobody_answers)
{
    open_terminal("100ms");
    await_shown(0, "no instance answers");
    provider_serve(&provider, server.url, NULL);
    await_shown(0, "1 instance ");
    nats_server_kill(&server);
    await_shown(0, "server is away");
    ck_assert_int_eq(write(terminal.fd, "q", 1), 1);
    check_restored();
}
END_TEST

START_TEST(while_nobody_answers_it_asks_again_within_a_second)
{
    open_terminal("60m");
    await_shown(0, "no instance answers");
    provider_serve(&provider, server.url, NULL);
    await_shown(0, "1 instance ");
    ck_assert_int_eq(write(terminal.fd, "q", 1), 1);
    check_restored();
}
END_TEST

static const char *const without_a_screen[] = {NULL, "", "dumb"};

/* What such a terminal does with an escape nobody knows. */
START_TEST(a_terminal_without_a_screen_gets_plain_lines)
{
    int status;
    provider_serve(&provider, server.url, NULL);
    open_terminal_of(without_a_screen[_i], "100ms");
    await_shown(0, " state=serving ");
    ck_assert_int_eq(kill(terminal.pid, SIGTERM), 0);
    await_shown(0, NULL);
    ck_assert_int_eq(waitpid(terminal.pid, &status, 0), terminal.pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "ended with %x: %s", (unsigned)status,
                  terminal.said);
    ck_assert_msg(strchr(terminal.said, '\x1b') == NULL, "%s", terminal.said);
    (void)close(terminal.fd);
}
END_TEST

Suite *top_suite(void)
{
    Suite *suite = suite_create("integration/top");
    TCase *tests = tcase_create("lines");
    tcase_add_checked_fixture(tests, open_server, close_all);
    tcase_add_test(tests, a_line_tells_what_an_instance_did);
    tcase_add_test(tests, rates_add_up_to_what_was_asked);
    tcase_add_test(tests, two_instances_have_a_line_each);
    tcase_add_test(tests, an_instance_that_stops_is_gone_once);
    tcase_add_test(tests, only_the_address_that_was_asked_for_is_shown);
    tcase_add_test(tests, it_asks_on_until_an_instance_comes);
    tcase_add_test(tests, without_a_server_it_says_so_and_exits_1);
    tcase_add_test(tests, a_server_that_goes_and_comes_back_is_waited_for);
    tcase_add_test(tests, an_inbox_prefix_is_honoured);
    tcase_add_loop_test(tests, a_bad_option_exits_64_with_one_line_that_names_it, 0,
                        (int)(sizeof bad / sizeof bad[0]));
    tcase_add_loop_test(tests, whoever_does_not_read_it_does_not_keep_it_from_ending, 0, 3);
    tcase_add_test(tests, help_names_its_options);
    suite_add_tcase(suite, tests);
    tests = tcase_create("terminal");
    tcase_add_checked_fixture(tests, open_server, close_all);
    tcase_add_loop_test(tests, however_it_ends_the_terminal_is_restored, 0,
                        (int)(sizeof ends / sizeof ends[0]));
    tcase_add_test(tests, keys_choose_the_order_and_show_help);
    tcase_add_test(tests, a_resized_terminal_is_drawn_again);
    tcase_add_loop_test(tests, a_terminal_without_a_screen_gets_plain_lines, 0,
                        (int)(sizeof without_a_screen / sizeof without_a_screen[0]));
    tcase_add_test(tests, a_stopped_one_leaves_the_terminal_to_the_shell);
    tcase_add_test(tests, on_a_terminal_it_says_when_nobody_answers);
    tcase_add_test(tests, while_nobody_answers_it_asks_again_within_a_second);
    suite_add_tcase(suite, tests);
    return suite;
}
