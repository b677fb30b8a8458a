#include "support/process.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "support/clock.h"

static uint64_t cpu_ns(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) != 0)
        return WKV_PROCESS_UNKNOWN;
    return (uint64_t)t.tv_sec * (uint64_t)WKV_NS_PER_S + (uint64_t)t.tv_nsec;
}

/* The entries of /proc/self/fd but the one by which it is read. */
static uint64_t open_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return WKV_PROCESS_UNKNOWN;
    uint64_t count = 0;
    for (const struct dirent *one = readdir(folder); one != NULL; one = readdir(folder))
        count += one->d_name[0] != '.';
    (void)closedir(folder);
    return count > 0 ? count - 1 : 0;
}

static uint64_t max_fds(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return WKV_PROCESS_UNKNOWN;
    return limit.rlim_cur;
}

/* When the machine was started, in seconds since 1970: the line `btime` of /proc/stat. */
static bool boot_s(uint64_t *seconds)
{
    FILE *file = fopen("/proc/stat", "re");
    if (file == NULL)
        return false;
    char *line = NULL;
    size_t capacity = 0;
    bool found = false;
    while (!found && getline(&line, &capacity, file) >= 0)
        found = sscanf(line, "btime %" SCNu64, seconds) == 1;
    free(line);
    (void)fclose(file);
    return found;
}

/* proc_pid_stat(5): `PID (NAME) STATE …`, where the name may hold spaces and brackets itself. Behind the last
 * bracket the fields go on with the third; what we look for are 22 (start, in clock ticks since boot), 23
 * (bytes) and 24 (pages). */
static bool read_stat(uint64_t *start_ticks, uint64_t *virtual_bytes, uint64_t *resident_pages)
{
    char text[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    if (file == NULL)
        return false;
    size_t len = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[len] = '\0';
    const char *rest = strrchr(text, ')');
    return rest != NULL && sscanf(rest,
                                  ") %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                                  "%*s %" SCNu64 " %" SCNu64 " %" SCNu64,
                                  start_ticks, virtual_bytes, resident_pages) == 3;
}

void wkv_process_look(struct wkv_process *process)
{
    *process = (struct wkv_process){
        .cpu_ns = cpu_ns(),
        .resident_bytes = WKV_PROCESS_UNKNOWN,
        .virtual_bytes = WKV_PROCESS_UNKNOWN,
        .open_fds = open_fds(),
        .max_fds = max_fds(),
        .start_ns = WKV_PROCESS_UNKNOWN,
    };
    uint64_t ticks, virtual_bytes, pages, boot;
    if (!read_stat(&ticks, &virtual_bytes, &pages))
        return;
    process->virtual_bytes = virtual_bytes;
    process->resident_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t tick_ns = (uint64_t)WKV_NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);
    if (boot_s(&boot))
        process->start_ns = boot * (uint64_t)WKV_NS_PER_S + ticks * tick_ns;
}
