/* A container's quota of processors, as the kernel tells it in files. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "support/cpus.h"

static char root[] = "/tmp/wkv-cpus-XXXXXX";

/* Of a kernel that knows of so many processors, and lets us run on all of them; 0: this machine's. */
static size_t kernel_cpus;

/* In front of libc's: no machine at hand has so many. */
int sched_getaffinity(pid_t pid, size_t bytes, cpu_set_t *set)
{
    if (kernel_cpus == 0) {
        memset(set, 0, bytes);
        return syscall(SYS_sched_getaffinity, pid, bytes, set) < 0 ? -1 : 0;
    }
    if (bytes < CPU_ALLOC_SIZE(kernel_cpus)) {
        errno = EINVAL;
        return -1;
    }
    CPU_ZERO_S(bytes, set);
    for (size_t i = 0; i < kernel_cpus; i++)
        CPU_SET_S(i, bytes, set);
    return 0;
}

/* Writes a file with its folders. */
static void put(const char *path, const char *text)
{
    char whole[512];
    size_t root_len = strlen(root);
    (void)snprintf(whole, sizeof whole, "%s/%s", root, path);
    for (char *slash = whole + root_len + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        ck_assert(mkdir(whole, 0700) == 0 || errno == EEXIST);
        *slash = '/';
    }
    int fd = open(whole, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *walk)
{
    (void)about;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void make_root(void)
{
    ck_assert_ptr_nonnull(mkdtemp(root));
}

static void remove_root(void)
{
    (void)nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    (void)strcpy(root, "/tmp/wkv-cpus-XXXXXX");
}

#define V2 "0::/pods/one\n"
#define V1 "12:memory:/pods/one\n4:cpu,cpuacct:/pods/one\n1:name=systemd:/pods/one\n"
#define V1_FILE(group, name) "sys/fs/cgroup/cpu,cpuacct" group "/cpu." name

static const struct {
    const char *cgroup;
    const char *files[4][2];
    unsigned cpus;
} cases[] = {
    {V2, {{NULL}}, WKV_CPUS_UNBOUNDED},
    {V2, {{"sys/fs/cgroup/pods/one/cpu.max", "max 100000\n"}}, WKV_CPUS_UNBOUNDED},
    {V2, {{"sys/fs/cgroup/pods/one/cpu.max", "200000 100000\n"}}, 2},
    {V2, {{"sys/fs/cgroup/pods/one/cpu.max", "150000 100000\n"}}, 2},
    {V2, {{"sys/fs/cgroup/pods/one/cpu.max", "5000 100000\n"}}, 1},
    {V2, {{"sys/fs/cgroup/pods/one/cpu.max", "garbage\n"}}, WKV_CPUS_UNBOUNDED},
    {V2, {{"sys/fs/cgroup/pods/one/cpu.max", "100000 0\n"}}, WKV_CPUS_UNBOUNDED},
    {V2, {{"sys/fs/cgroup/pods/one/cpu.max", "9000000000000000000 1\n"}}, WKV_CPUS_UNBOUNDED},
    /* The tightest of it and those above. */
    {V2,
     {{"sys/fs/cgroup/pods/one/cpu.max", "800000 100000\n"},
      {"sys/fs/cgroup/pods/cpu.max", "300000 100000\n"}},
     3},
    /* Another group's is none of ours. */
    {V2, {{"sys/fs/cgroup/pods/two/cpu.max", "100000 100000\n"}}, WKV_CPUS_UNBOUNDED},
    /* In a container: the group is the root of what is mounted, and its path is the host's or another one. */
    {"0::/\n", {{"sys/fs/cgroup/cpu.max", "200000 100000\n"}}, 2},
    {V2, {{"sys/fs/cgroup/cpu.max", "200000 100000\n"}}, 2},
    {"0::/../other\n", {{"sys/fs/cgroup/cpu.max", "200000 100000\n"}, {"sys/fs/other/cpu.max", "1 1\n"}}, 2},
    {V1,
     {{V1_FILE("/pods/one", "cfs_quota_us"), "-1\n"}, {V1_FILE("/pods/one", "cfs_period_us"), "100000\n"}},
     WKV_CPUS_UNBOUNDED},
    {V1,
     {{V1_FILE("/pods/one", "cfs_quota_us"), "250000\n"},
      {V1_FILE("/pods/one", "cfs_period_us"), "100000\n"}},
     3},
    {V1, {{V1_FILE("", "cfs_quota_us"), "100000\n"}, {V1_FILE("", "cfs_period_us"), "100000\n"}}, 1},
    {"4:cpu:/\n",
     {{"sys/fs/cgroup/cpu/cpu.cfs_quota_us", "400000\n"},
      {"sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}},
     4},
    /* cpuset is another controller. */
    {"4:cpuset:/\n",
     {{"sys/fs/cgroup/cpu/cpu.cfs_quota_us", "400000\n"},
      {"sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}},
     WKV_CPUS_UNBOUNDED},
    {"nonsense\n:\n::\n", {{NULL}}, WKV_CPUS_UNBOUNDED},
};

START_TEST(a_quota_of_the_group_or_one_above_counts)
{
    put("proc/self/cgroup", cases[_i].cgroup);
    for (size_t i = 0; i < 4 && cases[_i].files[i][0] != NULL; i++)
        put(cases[_i].files[i][0], cases[_i].files[i][1]);
    ck_assert_uint_eq(wkv_cpus_quota(root), cases[_i].cpus);
}
END_TEST

START_TEST(without_proc_there_is_no_quota)
{
    ck_assert_uint_eq(wkv_cpus_quota(root), WKV_CPUS_UNBOUNDED);
}
END_TEST

START_TEST(there_is_always_one)
{
    ck_assert_uint_ge(wkv_cpus_usable(), 1);
    ck_assert_uint_le(wkv_cpus_usable(), (unsigned)sysconf(_SC_NPROCESSORS_CONF));
}
END_TEST

START_TEST(more_processors_than_libc_has_room_for_are_counted)
{
    static const unsigned counts[] = {1, 1024, 1025, 4096, 8192};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        kernel_cpus = counts[i];
        ck_assert_uint_eq(wkv_cpus_allowed(), counts[i]);
    }
    kernel_cpus = SIZE_MAX / 16;
    ck_assert_uint_eq(wkv_cpus_allowed(), 1);
    kernel_cpus = 0;
}
END_TEST

Suite *cpus_suite(void)
{
    Suite *suite = suite_create("support/cpus");
    TCase *tests = tcase_create("cpus");
    tcase_add_checked_fixture(tests, make_root, remove_root);
    tcase_add_loop_test(tests, a_quota_of_the_group_or_one_above_counts, 0, sizeof cases / sizeof cases[0]);
    tcase_add_test(tests, without_proc_there_is_no_quota);
    tcase_add_test(tests, there_is_always_one);
    tcase_add_test(tests, more_processors_than_libc_has_room_for_are_counted);
    suite_add_tcase(suite, tests);
    return suite;
}
