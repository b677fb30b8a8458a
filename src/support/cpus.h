/* How many processors' time this process may use. */
#ifndef WKV_SUPPORT_CPUS_H
#define WKV_SUPPORT_CPUS_H

#include <limits.h>

#define WKV_CPUS_UNBOUNDED UINT_MAX

/* The processors' worth of time that the quota of the process's control group, or of one above it, allows,
 * rounded up; WKV_CPUS_UNBOUNDED where there is none or it cannot be read. Control groups of both versions
 * are looked at. root is put in front of /proc and /sys: "" except in tests. */
unsigned wkv_cpus_quota(const char *root);

/* The processors that this thread may run on (sched_getaffinity), however many the machine has; 1 where the
 * kernel does not say. */
unsigned wkv_cpus_allowed(void);

/* The least of both, at least 1. */
unsigned wkv_cpus_usable(void);

#endif
