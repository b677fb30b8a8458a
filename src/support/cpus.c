#include "support/cpus.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PATH_BYTES 4096
/* Processors that the kernel may know of: as many as libc's own set has room for, up to more than any has. */
#define FIRST_CPUS ((size_t)1024)
#define MOST_CPUS ((size_t)1024 * 1024)

static bool read_text(const char *path, char *text, size_t text_bytes)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    size_t len = fread(text, 1, text_bytes - 1, file);
    (void)fclose(file);
    text[len] = '\0';
    return len > 0;
}

/* Microseconds of a processor in each period: `max 100000` or `150000 100000`. */
static bool read_cpu_max(const char *folder, int64_t *quota, int64_t *period)
{
    char path[PATH_BYTES + 32], text[64];
    (void)snprintf(path, sizeof path, "%s/cpu.max", folder);
    return read_text(path, text, sizeof text) && sscanf(text, "%" SCNd64 " %" SCNd64, quota, period) == 2;
}

/* The same in two files, of which the first says -1 where there is no quota. */
static bool read_cfs(const char *folder, int64_t *quota, int64_t *period)
{
    char path[PATH_BYTES + 32], text[64];
    (void)snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
    if (!read_text(path, text, sizeof text) || sscanf(text, "%" SCNd64, quota) != 1)
        return false;
    (void)snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    return read_text(path, text, sizeof text) && sscanf(text, "%" SCNd64, period) == 1;
}

static unsigned quota_of(const char *folder)
{
    int64_t quota, period;
    if ((!read_cpu_max(folder, &quota, &period) && !read_cfs(folder, &quota, &period)) || quota <= 0 ||
        period <= 0)
        return WKV_CPUS_UNBOUNDED;
    int64_t cpus = quota / period + (quota % period != 0 ? 1 : 0);
    return cpus >= WKV_CPUS_UNBOUNDED ? WKV_CPUS_UNBOUNDED : (unsigned)cpus;
}

/* The least quota from the group up to the mount's root. In a container the path is often another one than
 * what is mounted there, which then is the group itself. */
static unsigned quota_up_from(const char *mount, const char *group)
{
    char folder[PATH_BYTES];
    size_t root_len = strlen(mount);
    unsigned least = WKV_CPUS_UNBOUNDED;
    bool outside = strstr(group, "/..") != NULL;
    int len = snprintf(folder, sizeof folder, "%s%s", mount, outside ? "" : group);
    if (len < 0 || (size_t)len >= sizeof folder)
        return WKV_CPUS_UNBOUNDED;
    for (;;) {
        unsigned found = quota_of(folder);
        least = found < least ? found : least;
        char *slash = strrchr(folder + root_len, '/');
        if (slash == NULL)
            return least;
        *slash = '\0';
    }
}

/* `0::/group` is of version 2, `4:cpu,cpuacct:/group` of version 1. */
static unsigned quota_of_line(const char *root, const char *line)
{
    static const char *const mounts[] = {"cpu,cpuacct", "cpuacct,cpu", "cpu"};
    char mount[PATH_BYTES], controllers[256];
    const char *first = strchr(line, ':');
    const char *second = first == NULL ? NULL : strchr(first + 1, ':');
    if (second == NULL)
        return WKV_CPUS_UNBOUNDED;
    (void)snprintf(controllers, sizeof controllers, ",%.*s,", (int)(second - first - 1), first + 1);
    bool second_version = second == first + 1;
    if (!second_version && strstr(controllers, ",cpu,") == NULL)
        return WKV_CPUS_UNBOUNDED;
    unsigned least = WKV_CPUS_UNBOUNDED;
    for (size_t i = 0; i < (second_version ? 1 : sizeof mounts / sizeof mounts[0]); i++) {
        (void)snprintf(mount, sizeof mount, "%s/sys/fs/cgroup%s%s", root, second_version ? "" : "/",
                       second_version ? "" : mounts[i]);
        unsigned found = quota_up_from(mount, second + 1);
        least = found < least ? found : least;
    }
    return least;
}

unsigned wkv_cpus_quota(const char *root)
{
    char path[PATH_BYTES], text[2 * PATH_BYTES];
    unsigned least = WKV_CPUS_UNBOUNDED;
    (void)snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    if (!read_text(path, text, sizeof text))
        return WKV_CPUS_UNBOUNDED;
    char *rest = text;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        unsigned found = quota_of_line(root, line);
        least = found < least ? found : least;
    }
    return least;
}

/* The kernel refuses a set that is smaller than its own, and tells nowhere how large that is. */
unsigned wkv_cpus_allowed(void)
{
    for (size_t most = FIRST_CPUS; most <= MOST_CPUS; most *= 4) {
        cpu_set_t *set = CPU_ALLOC(most);
        size_t bytes = CPU_ALLOC_SIZE(most);
        int count = 0;
        bool fits = set != NULL && sched_getaffinity(0, bytes, set) == 0;
        if (fits)
            count = CPU_COUNT_S(bytes, set);
        CPU_FREE(set);
        if (fits)
            return (unsigned)count;
        if (errno != EINVAL)
            break;
    }
    return 1;
}

unsigned wkv_cpus_usable(void)
{
    unsigned quota = wkv_cpus_quota("");
    unsigned cores = wkv_cpus_allowed();
    cores = quota < cores ? quota : cores;
    return cores < 1 ? 1 : cores;
}
