#include "process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STOP_TIMEOUT_MS 5000
#define RUN_TIMEOUT_MS 120000
#define LOG_TAIL_BYTES 1500

extern char **environ;

void bench_complain(const char *format, ...)
{
    va_list arguments;
    fputs("wascc-keyvalue-bench: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

int64_t bench_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Our environment without the variables that options of the provider and of nats.c come from. NULL where
 * memory is short. Only the array is the caller's. */
static char **clean_environment(void)
{
    static const char *const options[] = {"WASCC_KEYVALUE_", "NATS_", "LATTICE_"};
    size_t count = 0;
    size_t kept = 0;
    while (environ[count] != NULL)
        count++;
    char **clean = calloc(count + 1, sizeof *clean);
    if (clean == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        bool option = false;
        for (size_t j = 0; j < sizeof options / sizeof *options; j++)
            option = option || strncmp(environ[i], options[j], strlen(options[j])) == 0;
        if (!option)
            clean[kept++] = environ[i];
    }
    return clean;
}

/* The child's side of a start. Never returns; an error number goes to the parent through report_fd, which
 * exec closes. */
static _Noreturn void become(const struct bench_child *child, const char *program, char *const argv[],
                             char **env, pid_t parent, int report_fd)
{
    int error = 0;
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int log_fd = open(child->log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (null_fd < 0 || log_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 || dup2(log_fd, STDOUT_FILENO) < 0 ||
        dup2(log_fd, STDERR_FILENO) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        error = errno;
    if (getppid() != parent) /* it died before it could take us along */
        _exit(1);
    if (error == 0) {
        execvpe(program, argv, env);
        error = errno;
    }
    ssize_t written = write(report_fd, &error, sizeof error);
    (void)written;
    _exit(127);
}

int bench_child_start(struct bench_child *child, const char *program, char *const argv[])
{
    int report[2];
    char **env = clean_environment();
    if (env == NULL || pipe2(report, O_CLOEXEC) != 0) {
        bench_complain("cannot start %s: %s", child->name, strerror(errno));
        free(env);
        return -1;
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        become(child, program, argv, env, parent, report[1]);
    int error = pid < 0 ? errno : 0;
    close(report[1]);
    free(env);
    ssize_t got = 0;
    if (pid > 0) {
        do
            got = read(report[0], &error, sizeof error);
        while (got < 0 && errno == EINTR);
    }
    close(report[0]);
    if (pid < 0 || got > 0) {
        if (pid > 0)
            waitpid(pid, NULL, 0);
        bench_complain("cannot start %s (%s): %s", child->name, program, strerror(error));
        return -1;
    }
    child->pid = pid;
    child->pid_fd = pidfd_open(pid, 0);
    if (child->pid_fd < 0) {
        bench_complain("cannot watch %s: pidfd_open: %s", child->name, strerror(errno));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        child->pid = 0;
        return -1;
    }
    return 0;
}

void bench_child_show_log(const struct bench_child *child)
{
    char tail[LOG_TAIL_BYTES + 1];
    FILE *log = fopen(child->log_path, "re");
    if (log == NULL)
        return;
    if (fseek(log, -LOG_TAIL_BYTES, SEEK_END) != 0)
        rewind(log);
    size_t len = fread(tail, 1, LOG_TAIL_BYTES, log);
    fclose(log);
    tail[len] = '\0';
    if (len > 0)
        fprintf(stderr, "---- the last that %s said:\n%s%s----\n", child->name, tail,
                tail[len - 1] == '\n' ? "" : "\n");
}

bool bench_child_alive(struct bench_child *child)
{
    int status;
    if (child->pid == 0)
        return false;
    pid_t ended = waitpid(child->pid, &status, WNOHANG);
    if (ended == 0)
        return true;
    if (ended > 0 && WIFSIGNALED(status))
        bench_complain("%s (pid %d) was ended by signal %d", child->name, (int)child->pid, WTERMSIG(status));
    else if (ended > 0)
        bench_complain("%s (pid %d) exited with %d", child->name, (int)child->pid, WEXITSTATUS(status));
    else
        bench_complain("%s (pid %d) is lost: waitpid: %s", child->name, (int)child->pid, strerror(errno));
    bench_child_show_log(child);
    close(child->pid_fd);
    child->pid = 0;
    return false;
}

/* Whether it ends within that time, or has ended. It is not yet waited for. */
static bool ends_within(const struct bench_child *child, int64_t ms)
{
    struct pollfd ended = {.fd = child->pid_fd, .events = POLLIN};
    int64_t deadline = bench_now_ns() + ms * 1000000;
    int ready = 0;
    while (ready == 0 || (ready < 0 && errno == EINTR)) {
        int64_t left_ms = (deadline - bench_now_ns()) / 1000000;
        if (left_ms <= 0)
            break;
        ready = poll(&ended, 1, (int)left_ms);
    }
    return ready == 1;
}

/* Returns waitpid's status. */
static int reap(struct bench_child *child)
{
    int status = 0;
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        ;
    close(child->pid_fd);
    child->pid = 0;
    return status;
}

void bench_child_stop(struct bench_child *child)
{
    if (child->pid == 0)
        return;
    kill(child->pid, SIGTERM);
    if (!ends_within(child, STOP_TIMEOUT_MS)) {
        bench_complain("%s did not end within %d s of SIGTERM: killing it", child->name,
                       STOP_TIMEOUT_MS / 1000);
        kill(child->pid, SIGKILL);
    }
    (void)reap(child);
}

void bench_child_signal(const struct bench_child *child, int number)
{
    if (child->pid > 0)
        kill(child->pid, number);
}

int bench_child_run(struct bench_child *child, const char *program, char *const argv[])
{
    if (bench_child_start(child, program, argv) != 0)
        return -1;
    if (!ends_within(child, RUN_TIMEOUT_MS)) {
        bench_complain("%s has not ended within %d s: killing it", child->name, RUN_TIMEOUT_MS / 1000);
        kill(child->pid, SIGKILL);
    }
    int status = reap(child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool bench_find_port(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool found = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
                 getsockname(fd, (struct sockaddr *)&address, &len) == 0;
    if (!found)
        bench_complain("cannot find a free port: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    *port = ntohs(address.sin_port);
    return found;
}

int64_t bench_child_cpu_ns(const struct bench_child *child)
{
    clockid_t clock;
    struct timespec spent;
    if (child->pid == 0 || clock_getcpuclockid(child->pid, &clock) != 0 || clock_gettime(clock, &spent) != 0)
        return -1;
    return (int64_t)spent.tv_sec * 1000000000 + spent.tv_nsec;
}
