#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct shared shared;
struct client caller;

static int broken;

/* Debian keeps nats-server where an ordinary user's PATH does not look. */
static void extend_path(void)
{
    char path[4096];
    const char *old = getenv("PATH");
    (void)snprintf(path, sizeof path, "%s:/usr/sbin:/sbin", old == NULL ? "/usr/bin:/bin" : old);
    (void)setenv("PATH", path, 1);
}

void test_room_begin(void)
{
    extend_path();
    (void)signal(SIGPIPE, SIG_IGN);
}

bool test_room_is_sound(void)
{
    return !broken;
}

void harness_close_nats(void)
{
    (void)nats_CloseAndWait(WAIT_MS);
}

void shared_stop(void)
{
    /* Check does not count what fails in here, so it is a failure until it has passed. */
    int broken_before = broken;
    broken = 1;
    if (shared.provider.pid > 0) {
        process_signal(&shared.provider, SIGTERM);
        int status = process_await_exit(&shared.provider);
        if (status == 0)
            broken = broken_before;
        else
            (void)fprintf(stderr, "the shared provider ended with %d:\n%s\n", status,
                          shared.provider.err.bytes);
    }
    process_destroy(&shared.provider);
    nats_server_kill(&shared.server);
}

void caller_open(void)
{
    client_open(&caller, shared.server.url);
}

void caller_close(void)
{
    client_close(&caller);
    harness_close_nats();
}
