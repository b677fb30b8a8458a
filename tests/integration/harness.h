/* What every integration test begins with. */
#ifndef INTEGRATION_HARNESS_H
#define INTEGRATION_HARNESS_H

#include <check.h>

#include "client.h"
#include "conformance/message.h"
#include "lib/room.h"
#include "pipeline.h"
#include "process.h"
#include "servers.h"

/* For a fixture's teardown: ends nats.c's threads, so that nothing is left for a leak checker to find. */
void harness_close_nats(void);

/* A server and a provider for a whole test case, started in its unchecked fixture: the tests, which Check
 * runs in processes of their own, find them here and each opens its own client. */
struct shared {
    struct nats_server server;
    struct process provider;
};
extern struct shared shared;

/* Stops both and remembers where the provider did not end as it should: the suite fails then. */
void shared_stop(void);

/* The fixture of each test: a client of the shared server. */
extern struct client caller;
void caller_open(void);
void caller_close(void);

#endif
