/* wascc-keyvalue top: a running service, seen from a terminal. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "command/command.h"
#include "support/clock.h"
#include "top/frame.h"
#include "top/gather.h"
#include "top/model.h"
#include "top/terminal.h"

struct top {
    const struct wkv_config *config;
    struct wkv_top_source source;
    struct wkv_top_model model;
    struct wkv_top_terminal screen;
    bool terminal;
    bool help; /* is shown in place of the instances */
    enum wkv_top_order order;
    int signals;                       /* a signalfd; the signals are blocked in all threads */
    struct wkv_error notice;           /* what keeps it from showing anything new; text "": nothing */
    char said[WKV_ERROR_TEXT_BYTES];   /* the notice that standard error has last */
    int64_t wall_ns;                   /* of the last look */
    struct wkv_buffer frame, painting; /* kept between looks */
};

/* ---- showing ---- */

static enum wkv_code show(struct top *top, struct wkv_error *error)
{
    struct wkv_top_view view = {
        .model = &top->model, .notice = top->notice.text, .wall_ns = top->wall_ns, .order = top->order};
    struct wkv_buffer *out = &top->frame;
    bool made;
    wkv_buffer_reset(&top->frame, SIZE_MAX);
    wkv_buffer_reset(&top->painting, SIZE_MAX);
    if (top->terminal) {
        wkv_top_terminal_size(&top->screen, &view.columns, &view.rows);
        made = (top->help ? wkv_top_help : wkv_top_frame)(&view, &top->frame) &&
               wkv_top_paint(&top->frame, view.columns, &top->painting);
        out = &top->painting;
    } else {
        /* What is known from an earlier look has been printed. */
        made = top->notice.code != WKV_OK || wkv_top_lines(&view, &top->frame);
    }
    if (!made)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory to show anything");
    /* The signal is found where the next one is waited for. */
    if (!wkv_top_write(top->screen.out, out->data, out->len) && errno != EINTR)
        return wkv_fail(error, WKV_UNAVAILABLE, "cannot print: %s", strerror(errno));
    return WKV_OK;
}

/* Said when it begins, not at each look. */
static void say_notice(struct top *top)
{
    if (!top->terminal && top->notice.code != WKV_OK && strcmp(top->notice.text, top->said) != 0)
        (void)wkv_failure(&top->notice);
    memcpy(top->said, top->notice.text, sizeof top->said);
}

static enum wkv_code look(struct top *top, struct wkv_error *error)
{
    if (wkv_top_ask(&top->source, &top->model, &top->notice) == WKV_OK) {
        wkv_error_clear(&top->notice);
        if (top->model.count == 0)
            (void)wkv_fail(&top->notice, WKV_UNAVAILABLE,
                           "no instance answers on this binding and lattice namespace");
    }
    top->wall_ns = wkv_wall_ns();
    say_notice(top);
    return show(top, error);
}

/* ---- waiting ---- */

/* Stopped by Ctrl-Z, the terminal is the shell's again. */
static void suspend(struct top *top)
{
    if (top->terminal)
        wkv_top_terminal_leave(&top->screen);
    (void)kill(getpid(), SIGSTOP);
    if (top->terminal)
        wkv_top_terminal_enter(&top->screen);
}

enum event { NOTHING, QUIT, REDRAW };

static enum event take_signal(struct top *top)
{
    struct signalfd_siginfo about;
    if (read(top->signals, &about, sizeof about) != (ssize_t)sizeof about)
        return NOTHING;
    if (about.ssi_signo == SIGWINCH)
        return REDRAW;
    if (about.ssi_signo != SIGTSTP)
        return QUIT;
    suspend(top);
    return REDRAW;
}

/* Any key leads back from the help. */
static enum event take_key(struct top *top, char key)
{
    bool shown = top->help;
    top->help = false;
    if (key == 'q' || key == 'Q')
        return QUIT;
    if (!wkv_top_order_of_key(key, &top->order) && (key == '?' || key == 'h'))
        top->help = !shown;
    return REDRAW;
}

static enum event take_keys(struct top *top)
{
    char keys[WKV_TOP_KEYS];
    enum event event = NOTHING;
    size_t count = wkv_top_terminal_keys(&top->screen, keys);
    for (size_t i = 0; i < count && event != QUIT; i++)
        event = take_key(top, keys[i]);
    return event;
}

/* Waits for a signal or a key until the time; WKV_OK and *quit false are the time's end. */
static enum wkv_code wait_until(struct top *top, int64_t until_ns, bool *quit, struct wkv_error *error)
{
    *quit = false;
    for (;;) {
        struct pollfd fds[] = {{.fd = top->signals, .events = POLLIN},
                               {.fd = top->terminal ? top->screen.in : -1, .events = POLLIN}};
        int64_t left_ns = until_ns - wkv_monotonic_ns();
        int ready = poll(fds, 2, left_ns <= 0 ? 0 : (int)((left_ns + WKV_NS_PER_MS - 1) / WKV_NS_PER_MS));
        if (ready == 0)
            return WKV_OK;
        enum event event = NOTHING;
        if (ready > 0 && fds[0].revents != 0)
            event = take_signal(top);
        if (ready > 0 && event != QUIT && fds[1].revents != 0) {
            enum event pressed = take_keys(top);
            event = pressed == NOTHING ? event : pressed;
        }
        if (event == QUIT) {
            *quit = true;
            return WKV_OK;
        }
        if (event == REDRAW && top->terminal && show(top, error) != WKV_OK)
            return error->code;
    }
}

/* A look that showed nothing is not worth a long interval. */
static int64_t next_look_ns(const struct top *top, int64_t looked_ns)
{
    int64_t interval_ns = (int64_t)top->config->look.interval_ms * WKV_NS_PER_MS;
    if (top->notice.code != WKV_OK && interval_ns > WKV_NS_PER_S)
        interval_ns = WKV_NS_PER_S;
    return looked_ns + interval_ns;
}

static enum wkv_code watch(struct top *top, struct wkv_error *error)
{
    for (uint64_t looks = 1;; looks++) {
        int64_t looked_ns = wkv_monotonic_ns();
        bool quit;
        if (look(top, error) != WKV_OK)
            return error->code;
        if (looks == top->config->look.count)
            break;
        if (wait_until(top, next_look_ns(top, looked_ns), &quit, error) != WKV_OK || quit)
            return quit ? WKV_OK : error->code;
    }
    if (top->model.ever)
        return WKV_OK;
    return wkv_fail(error, WKV_UNAVAILABLE, "%s", top->notice.text);
}

/* ---- the command ---- */

/* Blocked before nats.c starts its threads, which inherit that. */
static int open_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP};
    sigset_t set;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        (void)sigaddset(&set, numbers[i]);
    return sigprocmask(SIG_BLOCK, &set, NULL) != 0 ? -1 : signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int run(const struct wkv_config *config, char **arguments)
{
    struct wkv_error error;
    struct top top = {.config = config,
                      .terminal = wkv_top_terminal_usable(STDOUT_FILENO, getenv("TERM")),
                      .screen = {.out = STDOUT_FILENO, .in = isatty(STDIN_FILENO) == 1 ? STDIN_FILENO : -1},
                      .signals = open_signals()};
    (void)arguments;
    wkv_top_model_init(&top.model, &config->address);
    enum wkv_code code = WKV_UNAVAILABLE;
    if (top.signals < 0)
        (void)wkv_fail(&error, code, "cannot wait for signals: %s", strerror(errno));
    else
        code = wkv_top_open(&top.source, &config->connect, &error);
    if (code == WKV_OK) {
        if (top.terminal)
            wkv_top_terminal_enter(&top.screen);
        code = watch(&top, &error);
        wkv_top_terminal_leave(&top.screen);
    }
    wkv_top_close(&top.source);
    if (top.signals >= 0)
        (void)close(top.signals);
    wkv_top_model_destroy(&top.model);
    wkv_buffer_destroy(&top.frame);
    wkv_buffer_destroy(&top.painting);
    (void)nats_CloseAndWait(1000);
    if (code == WKV_OK)
        return WKV_EXIT_OK;
    (void)wkv_config_blame(config, &error);
    /* What standard error has already is not said twice. */
    if (!top.terminal && strcmp(error.text, top.said) == 0)
        return WKV_EXIT_FAILED;
    return wkv_failed(&error);
}

const struct wkv_subcommand wkv_command_top = {
    .name = "top",
    .doc = "watch a running service",
    .usage = "[OPTION]...",
    .about = "Shows the instances of a binding: requests, errors, latency, keys and memory. On\n"
             "a terminal q or Ctrl-C ends it, and ? tells what other keys do. Elsewhere it\n"
             "prints a line of key=value pairs for each instance and look, from the second\n"
             "look on.\n",
    .takes = "options only",
    .bit = WKV_COMMAND_TOP,
    .run = run,
};
