/* The process that serves: makes and ends everything, and knows where it stands. */
#ifndef WKV_SERVER_SERVER_H
#define WKV_SERVER_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "nats/connect.h"
#include "nats/subject.h"
#include "operation/provider.h"
#include "support/error.h"
#include "support/log.h"
#include "support/pulse.h"

struct wkv_server_options {
    struct wkv_connect_options connect;
    struct wkv_address address;
    unsigned workers;                    /* event loops, each a thread with a connection; at least 1 */
    bool allow_split;                    /* serve beside another memory-held instance on the same address */
    int64_t drain_timeout_ms;            /* >= 0 */
    int64_t max_wait_ms;                 /* > 0: what has waited longer when its turn comes is refused */
    const struct wkv_provider *provider; /* borrowed */
    struct wkv_log *log;                 /* borrowed */
    struct wkv_vitals *vitals;           /* borrowed; NULL: nobody asks */
    int reload_fd;                       /* readable when something is to be read again; -1: none */
    void (*reload)(void *context); /* called then, on the thread of wkv_server_run; reads reload_fd empty */
    void *reload_context;          /* borrowed */
};

#define WKV_MAX_WORKERS 256u

/* What became of wkv_server_run, beside an error. */
enum wkv_server_outcome {
    WKV_SERVER_DRAINED, /* told to stop, and stopped in order */
    WKV_SERVER_CUT,     /* told to stop, and not all that had been received could be answered in time */
    WKV_SERVER_SPLIT,   /* another instance holds this address's data: not begun, or drained */
    WKV_SERVER_FAILED,  /* could not serve: error says why */
};

/* Connects (trying again with back-off until it succeeds), subscribes, serves until stop_fd becomes readable
 * (an eventfd or signalfd, read by nobody else), drains and closes. Blocks; call it from one thread, with the
 * signals that stop the process blocked in all threads. Every event that an operator wants to know is logged.
 */
enum wkv_server_outcome wkv_server_run(const struct wkv_server_options *options, int stop_fd,
                                       struct wkv_error *error);

#endif
