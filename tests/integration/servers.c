#include "servers.h"

#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stores.h"

#define MAX_ARGUMENTS 48

/* ---- nats-server ---- */

void url_of(int port, char out[URL_BYTES])
{
    (void)snprintf(out, URL_BYTES, "nats://127.0.0.1:%d", port);
}

/* The configuration lives in a file without a name, which the server inherits: nothing is left behind. */
static int open_config(const char *config, char path[32])
{
    int fd = memfd_create("nats-server.conf", 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, config, strlen(config)), (ssize_t)strlen(config));
    (void)snprintf(path, 32, "/proc/self/fd/%d", fd);
    return fd;
}

static void start_on(struct nats_server *server, int port, const char *config)
{
    char port_text[16], path[32];
    int config_fd = -1;
    (void)snprintf(port_text, sizeof port_text, "%d", port);
    const char *argv[] = {"nats-server", "-a", "127.0.0.1", "-p", port_text, NULL, NULL, NULL};
    if (config != NULL) {
        config_fd = open_config(config, path);
        argv[5] = "-c";
        argv[6] = path;
    }
    process_start(&server->process, argv, NULL, NULL);
    if (config_fd >= 0)
        (void)close(config_fd);
    const char *line = process_await_line(&server->process, "Listening for client connections on 127.0.0.1:");
    server->port = atoi(strstr(line, "127.0.0.1:") + strlen("127.0.0.1:"));
    (void)process_await_line(&server->process, "Server is ready");
    url_of(server->port, server->url);
}

void nats_server_start_on(struct nats_server *server, int port, const char *config)
{
    char store[STORE_CONFIG_BYTES], both[16384];
    if (!engine_is_jetstream() || (config != NULL && strstr(config, "jetstream") != NULL)) {
        start_on(server, port, config);
        return;
    }
    port = port < 0 ? free_port() : port;
    store_config(port, store);
    int len = snprintf(both, sizeof both, "%s\n%s", config == NULL ? "" : config, store);
    ck_assert_int_lt(len, (int)sizeof both);
    start_on(server, port, both);
}

void nats_server_start(struct nats_server *server, const char *config)
{
    nats_server_start_on(server, -1, config);
}

void nats_server_kill(struct nats_server *server)
{
    process_destroy(&server->process);
}

void nats_server_freeze(struct nats_server *server)
{
    process_freeze(&server->process);
}

/* Below the ports that the system gives to whoever asks for any: what asks meanwhile takes none of these. */
#define FIRST_PORT 15000
#define PORTS 16000
#define PORT_TRIES 100

int free_port(void)
{
    bool bound = false;
    int port = 0;
    for (int i = 0; i < PORT_TRIES && !bound; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_ge(fd, 0);
        port = FIRST_PORT + (int)randombytes_uniform(PORTS);
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        bound = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
        (void)close(fd);
    }
    ck_assert_msg(bound, "no port is free");
    return port;
}

/* ---- the provider ---- */

const char *provider_program(void)
{
    const char *other = getenv("WKV_TEST_PROGRAM");
    return other != NULL && *other != '\0' ? other : WKV_TEST_PROGRAM;
}

static bool file_holds(const char *path, const char *text)
{
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &about) != 0)
        return false;
    void *bytes = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    (void)close(fd);
    if (bytes == MAP_FAILED)
        return false;
    bool found = memmem(bytes, (size_t)about.st_size, text, strlen(text)) != NULL;
    (void)munmap(bytes, (size_t)about.st_size);
    return found;
}

bool provider_is_sanitized(void)
{
    return file_holds(provider_program(), "__asan_init") || file_holds(provider_program(), "__tsan_init");
}

static void add_tsan_option(const char *option)
{
    char options[1024];
    const char *theirs = getenv("TSAN_OPTIONS");
    (void)snprintf(options, sizeof options, "%s:%s", theirs == NULL ? "" : theirs, option);
    ck_assert_int_eq(setenv("TSAN_OPTIONS", options, 1), 0);
}

void provider_may_leave_threads(void)
{
    add_tsan_option("report_thread_leaks=0");
}

void provider_may_hold_all_shards(void)
{
    add_tsan_option("detect_deadlocks=0");
}

/* Ours go before what the caller's environment says, which wins where both set the same. */
static void join_options(char *out, size_t out_bytes, const char *name, const char *ours)
{
    const char *theirs = getenv(name);
    (void)snprintf(out, out_bytes, "%s=%s:%s", name, ours, theirs == NULL ? "" : theirs);
}

static bool is_given(const char *name, const char *const also[])
{
    for (; also != NULL && *also != NULL; also++)
        if (strncmp(*also, name, strlen(name)) == 0)
            return true;
    return false;
}

const char *const *program_environment(const char *const also[])
{
    static char asan[1024], tsan[1024], ubsan[1024];
    static const char *variables[64];
    join_options(asan, sizeof asan, "ASAN_OPTIONS", "exitcode=66");
    join_options(tsan, sizeof tsan, "TSAN_OPTIONS", "exitcode=66");
    join_options(ubsan, sizeof ubsan, "UBSAN_OPTIONS", "print_stacktrace=1");
    size_t count = 0;
    variables[count++] = asan;
    variables[count++] = tsan;
    variables[count++] = ubsan;
    if (!is_given("XDG_CONFIG_HOME=", also))
        variables[count++] = "XDG_CONFIG_HOME=/nonexistent";
    for (; also != NULL && *also != NULL && count < 61; also++)
        variables[count++] = *also;
    /* A sanitizer's program takes its time. A test that is about waiting or draining gives the option itself.
     */
    if (provider_is_sanitized()) {
        variables[count++] = "WASCC_KEYVALUE_MAX_WAIT=60s";
        variables[count++] = "WASCC_KEYVALUE_DRAIN_TIMEOUT=50s";
    }
    variables[count] = NULL;
    return variables;
}

static void collect(const char *argv[MAX_ARGUMENTS], size_t count, va_list more)
{
    const char *one;
    while ((one = va_arg(more, const char *)) != NULL) {
        ck_assert_uint_lt(count, MAX_ARGUMENTS - 1);
        argv[count++] = one;
    }
    argv[count] = NULL;
}

static void start(struct process *provider, const char *url, va_list more)
{
    const char *argv[MAX_ARGUMENTS] = {provider_program(), "serve", "--auth",   "none",
                                       "--workers",        "2",     "--server", url};
    size_t count = 8;
    if (engine_is_jetstream()) {
        argv[count++] = "--engine";
        argv[count++] = "jetstream";
    }
    collect(argv, count, more);
    process_start(provider, argv, program_environment(NULL), NULL);
}

void provider_start(struct process *provider, const char *url, ...)
{
    va_list more;
    va_start(more, url);
    start(provider, url, more);
    va_end(more);
}

void provider_serve(struct process *provider, const char *url, ...)
{
    char id[INSTANCE_ID_BYTES];
    va_list more;
    va_start(more, url);
    start(provider, url, more);
    va_end(more);
    provider_await_ready(provider, id);
}

void provider_await_ready(struct process *provider, char id[INSTANCE_ID_BYTES])
{
    const char *line = process_await_line(provider, "ready: ");
    ck_assert_int_eq(sscanf(strstr(line, "ready: "), "ready: wascc-keyvalue %63s serves ", id), 1);
}

static void stop(struct process *provider, int wanted)
{
    process_signal(provider, SIGTERM);
    int status = process_await_exit(provider);
    ck_assert_msg(status == wanted, "the provider ended with %d: %s", status, provider->err.bytes);
    process_destroy(provider);
}

void provider_stop(struct process *provider)
{
    stop(provider, 0);
}

void provider_stop_cut_short(struct process *provider)
{
    stop(provider, 1);
}

int program_run(struct process *process, const char *const environment[], const char *input, ...)
{
    const char *argv[MAX_ARGUMENTS] = {provider_program()};
    va_list more;
    va_start(more, input);
    collect(argv, 1, more);
    va_end(more);
    return process_run(process, argv, program_environment(environment), input);
}
