/* What the kernel says of this process. */
#ifndef WKV_SUPPORT_PROCESS_H
#define WKV_SUPPORT_PROCESS_H

#include <stdint.h>

/* A figure that the kernel does not tell, such as where /proc is not mounted. */
#define WKV_PROCESS_UNKNOWN UINT64_MAX

struct wkv_process {
    uint64_t cpu_ns; /* of all threads since start, user and system */
    uint64_t resident_bytes;
    uint64_t virtual_bytes;
    uint64_t open_fds;
    uint64_t max_fds;  /* of getrlimit(2); WKV_PROCESS_UNKNOWN also where there is no limit */
    uint64_t start_ns; /* since 1970 */
};

/* Any thread. */
void wkv_process_look(struct wkv_process *process);

#endif
