/* The nats-servers of a run, on the loopback: a plain one, or one or three that keep streams. One thread.
 */
#ifndef WASCC_KEYVALUE_BENCH_SERVERS_H
#define WASCC_KEYVALUE_BENCH_SERVERS_H

#include <stdbool.h>
#include <stdint.h>

#include "process.h"

#define BENCH_MAX_SERVERS 3u
#define BENCH_URL_BYTES 32

struct bench_servers_plan {
    unsigned count;      /* 1; or 3 with JetStream, which are a cluster */
    bool jetstream;      /* keeps streams in files, in the folder */
    bool sync_always;    /* and each write of theirs is on the disk before it is acknowledged */
    const char *program; /* NULL: nats-server, as PATH has it */
};

struct bench_server {
    struct bench_child child;
    uint16_t port, route_port;
    char url[BENCH_URL_BYTES];
    char name[16];
};

struct bench_servers {
    struct bench_servers_plan plan;
    const char *folder; /* borrowed */
    struct bench_server each[BENCH_MAX_SERVERS];
    char urls[BENCH_MAX_SERVERS * BENCH_URL_BYTES]; /* of all, by commas */
};

/* Starts them and waits until each takes clients; streams may need more time. Returns 0, or -1 after saying
 * what went wrong, which may be that the server does not know how to sync always. After either they are to be
 * stopped.
 */
int bench_servers_start(struct bench_servers *servers, const struct bench_servers_plan *plan,
                        const char *folder, bool (*interrupted)(void));

/* Starts one again that has ended, with what it has in its folder. Returns 0 or -1. */
int bench_servers_restart(struct bench_servers *servers, unsigned number);

/* Shows the last that they said. */
void bench_servers_explain(struct bench_servers *servers);

void bench_servers_stop(struct bench_servers *servers);

#endif
