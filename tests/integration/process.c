#include "process.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_VARIABLES 512
/* A pipe as large as an ordinary user may have: a program that logs is not held up while a test does
 * something else than read. */
#define PIPE_BYTES (1 << 20)

long long now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- what it says ---- */

static void output_free(struct output *output)
{
    if (output->fd >= 0)
        (void)close(output->fd);
    output->fd = -1;
    free(output->bytes);
    output->bytes = NULL;
    output->len = 0;
}

/* Reads what is there. */
static void output_read(struct output *output)
{
    while (output->fd >= 0) {
        char block[16384];
        ssize_t got = read(output->fd, block, sizeof block);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            (void)close(output->fd);
            output->fd = -1;
            return;
        }
        output->bytes = realloc(output->bytes, output->len + (size_t)got + 1);
        ck_assert_ptr_nonnull(output->bytes);
        memcpy(output->bytes + output->len, block, (size_t)got);
        output->len += (size_t)got;
        output->bytes[output->len] = '\0';
    }
}

/* Check's messages have a limit, which a log or a sanitizer's report may pass: what the process said goes to
 * standard error beside it. */
static void abort_with(const struct process *process, const char *what, const char *detail)
{
    (void)fprintf(stderr, "%s said:\n%s%s\n", process->name,
                  process->out.bytes == NULL ? "" : process->out.bytes,
                  process->err.bytes == NULL ? "" : process->err.bytes);
    ck_abort_msg("%s: %s%s; what it said is above", process->name, what, detail);
}

/* A sanitizer's report is a failure wherever it turns up. */
static void refuse_reports(const struct process *process)
{
    static const char *const signs[] = {"Sanitizer:", "runtime error: "};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
        if (process->err.bytes != NULL && strstr(process->err.bytes, signs[i]) != NULL)
            abort_with(process, "a sanitizer reports", "");
}

/* ---- starting ---- */

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Whether the variable would steer the program under test. */
static bool steers(const char *variable)
{
    return has_prefix(variable, "WASCC_KEYVALUE_") || has_prefix(variable, "NATS_") ||
           has_prefix(variable, "LATTICE_") || has_prefix(variable, "SSL_CERT_");
}

static bool is_among(const char *variable, const char *const given[])
{
    size_t name_len = strcspn(variable, "=") + 1;
    for (; given != NULL && *given != NULL; given++)
        if (strncmp(variable, *given, name_len) == 0)
            return true;
    return false;
}

static void make_environment(const char *const given[], const char *out[MAX_VARIABLES])
{
    size_t count = 0;
    for (char **one = environ; *one != NULL && count < MAX_VARIABLES - 1; one++)
        if (!steers(*one) && !is_among(*one, given))
            out[count++] = *one;
    for (; given != NULL && *given != NULL && count < MAX_VARIABLES - 1; given++)
        out[count++] = *given;
    out[count] = NULL;
}

static int open_input(const char *input)
{
    if (input == NULL)
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    int fd = memfd_create("input", MFD_CLOEXEC);
    if (fd < 0 || write(fd, input, strlen(input)) != (ssize_t)strlen(input) || lseek(fd, 0, SEEK_SET) != 0)
        return -1;
    return fd;
}

/* Between fork and exec: only what is allowed there, whatever threads the test has. */
static void become(pid_t parent, const int fds[3], const char *const argv[], const char *const environment[])
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || dup2(fds[0], 0) < 0 || dup2(fds[1], 1) < 0 || dup2(fds[2], 2) < 0)
        _exit(125);
    (void)execvpe(argv[0], (char *const *)argv, (char *const *)environment);
    _exit(126);
}

static void open_pipe(struct output *output, int *write_end)
{
    int ends[2];
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    (void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES);
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    *output = (struct output){.bytes = calloc(1, 1), .fd = ends[0]};
    *write_end = ends[1];
}

void process_start(struct process *process, const char *const argv[], const char *const environment[],
                   const char *input)
{
    const char *variables[MAX_VARIABLES];
    int fds[3];
    *process = (struct process){.name = argv[0], .pid_fd = -1};
    make_environment(environment, variables);
    fds[0] = open_input(input);
    ck_assert_int_ge(fds[0], 0);
    open_pipe(&process->out, &fds[1]);
    open_pipe(&process->err, &fds[2]);
    pid_t parent = getpid();
    process->pid = fork();
    if (process->pid == 0)
        become(parent, fds, argv, variables);
    for (int i = 0; i < 3; i++)
        (void)close(fds[i]);
    ck_assert_int_gt(process->pid, 0);
    process->pid_fd = (int)syscall(SYS_pidfd_open, process->pid, 0);
    ck_assert_int_ge(process->pid_fd, 0);
    (void)fcntl(process->pid_fd, F_SETFD, FD_CLOEXEC);
}

/* ---- waiting ---- */

/* Waits for more of what it says, or its end. Returns false where the time is over. */
static bool wait_for_more(struct process *process, long long deadline_ms)
{
    struct pollfd fds[] = {{.fd = process->out.fd, .events = POLLIN},
                           {.fd = process->err.fd, .events = POLLIN},
                           {.fd = process->pid_fd, .events = POLLIN}};
    long long left = deadline_ms - now_ms();
    int ready = poll(fds, 3, left < 0 ? 0 : (int)left);
    output_read(&process->out);
    output_read(&process->err);
    return ready != 0;
}

/* Returns the line from the cursor on that holds the text, and sets the cursor behind it; or NULL. */
static const char *find_line(struct process *process, const char *text)
{
    char *from = process->err.bytes + process->cursor;
    for (char *end; (end = strchr(from, '\n')) != NULL; from = end + 1) {
        *end = '\0';
        bool found = strstr(from, text) != NULL;
        *end = '\n';
        process->cursor = (size_t)(end + 1 - process->err.bytes);
        if (found)
            return from;
    }
    return NULL;
}

const char *process_await_line(struct process *process, const char *text)
{
    long long deadline_ms = now_ms() + WAIT_MS;
    for (;;) {
        output_read(&process->err);
        const char *line = find_line(process, text);
        if (line != NULL)
            return line;
        refuse_reports(process);
        if (process->err.fd < 0)
            abort_with(process, "ended without saying ", text);
        if (!wait_for_more(process, deadline_ms))
            abort_with(process, "did not say in time: ", text);
    }
}

static bool has_ended(const struct process *process)
{
    struct pollfd ended = {.fd = process->pid_fd, .events = POLLIN};
    return poll(&ended, 1, 0) == 1;
}

int process_await_exit(struct process *process)
{
    long long deadline_ms = now_ms() + WAIT_MS;
    while (!has_ended(process))
        if (!wait_for_more(process, deadline_ms))
            abort_with(process, "did not end in time", "");
    ck_assert_int_eq(waitpid(process->pid, &process->status, 0), process->pid);
    process->pid = 0;
    process_read(process);
    refuse_reports(process);
    return WIFEXITED(process->status) ? WEXITSTATUS(process->status) : 128 + WTERMSIG(process->status);
}

void process_read(struct process *process)
{
    output_read(&process->out);
    output_read(&process->err);
}

void output_fill(const struct output *output)
{
    static const char line[] = "nothing of the process's\n";
    char path[64];
    (void)fcntl(output->fd, F_SETPIPE_SZ, 4096);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", output->fd);
    int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    while (write(fd, line, sizeof line - 1) > 0) {
    }
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert_int_eq(close(fd), 0);
}

void process_signal(const struct process *process, int signal)
{
    ck_assert_int_gt(process->pid, 0);
    ck_assert_int_eq(kill(process->pid, signal), 0);
}

void process_freeze(const struct process *process)
{
    int status;
    process_signal(process, SIGSTOP);
    ck_assert_int_eq(waitpid(process->pid, &status, WUNTRACED), process->pid);
    ck_assert(WIFSTOPPED(status));
}

void process_destroy(struct process *process)
{
    if (process->pid > 0) {
        (void)kill(process->pid, SIGKILL);
        (void)waitpid(process->pid, &process->status, 0);
        process->pid = 0;
    }
    if (process->name != NULL && process->pid_fd >= 0)
        (void)close(process->pid_fd);
    if (process->name != NULL) {
        output_free(&process->out);
        output_free(&process->err);
    }
    process->name = NULL;
}

int process_run(struct process *process, const char *const argv[], const char *const environment[],
                const char *input)
{
    process_start(process, argv, environment, input);
    return process_await_exit(process);
}

/* ---- memory ---- */

static long status_kb(const struct process *process, const char *field)
{
    char path[64], line[256];
    long kilobytes = -1;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)process->pid);
    FILE *status = fopen(path, "re");
    ck_assert_ptr_nonnull(status);
    while (fgets(line, sizeof line, status) != NULL)
        if (has_prefix(line, field))
            kilobytes = strtol(line + strlen(field), NULL, 10);
    (void)fclose(status);
    ck_assert_int_ge(kilobytes, 0);
    return kilobytes;
}

long process_rss_kb(const struct process *process)
{
    return status_kb(process, "VmRSS:");
}

long process_peak_rss_kb(const struct process *process)
{
    return status_kb(process, "VmHWM:");
}
