/* The two servers of an integration test, both real: nats-server, and the provider under test. */
#ifndef INTEGRATION_SERVERS_H
#define INTEGRATION_SERVERS_H

#include <stdbool.h>

#include "process.h"

#define URL_BYTES 128

struct nats_server {
    struct process process;
    int port;
    char url[URL_BYTES];
};

/* Starts nats-server on a free port of the loopback and waits until it is ready. config: text of a
 * configuration file, or NULL. */
void nats_server_start(struct nats_server *server, const char *config);

/* The same on a given port, such as the one that it had before. */
void nats_server_start_on(struct nats_server *server, int port, const char *config);

/* Kills it at once (no farewell to its clients) and frees it; the port and URL stay. */
void nats_server_kill(struct nats_server *server);

/* Stops the server in its tracks, its connections open: it hears and says nothing more. */
void nats_server_freeze(struct nats_server *server);

/* A port of the loopback on which nobody listens, for a server that starts later. */
int free_port(void);

/* Writes the URL of a port. */
void url_of(int port, char out[URL_BYTES]);

/* The provider's program: of this build, or what the environment variable WKV_TEST_PROGRAM names. */
const char *provider_program(void);

/* For the rest of the test: a provider may end before its threads do, as it must where its time is over. Of
 * those, one may have finished without being joined, which ThreadSanitizer takes for a leak. */
void provider_may_leave_threads(void);

/* For the rest of the test: one request may lock all shards of the store and then more. ThreadSanitizer's
 * search for deadlocks ends the process at 65 locks of a thread. Before the provider starts. */
void provider_may_hold_all_shards(void);

/* Whether that program was built with a sanitizer, whose own memory makes measuring memory pointless. */
bool provider_is_sanitized(void);

/* Environment variables for sanitizers in the program, and one that hides the user's own NATS contexts, NULL
 * at the end; `also` ("NAME=value", NULL at the
 * end) come behind. Valid until the next call. */
const char *const *program_environment(const char *const also[]);

/* Starts `serve --auth none --workers 2 --server URL` with more options (strings, NULL at the end) and does
 * not wait. Later options win over earlier ones. */
void provider_start(struct process *provider, const char *url, ...) __attribute__((sentinel));

/* The same, and waits until it says that it is ready. */
void provider_serve(struct process *provider, const char *url, ...) __attribute__((sentinel));

/* Waits for `ready:` and copies the instance's id. */
#define INSTANCE_ID_BYTES 64
void provider_await_ready(struct process *provider, char id[INSTANCE_ID_BYTES]);

/* Tells it to stop, and checks that it ends with success. */
void provider_stop(struct process *provider);

/* The same where it cannot answer all, and must say so. */
void provider_stop_cut_short(struct process *provider);

/* Runs the program with these arguments (NULL at the end) to its end, without any environment of its own.
 * Returns its exit status. */
int program_run(struct process *process, const char *const environment[], const char *input, ...)
    __attribute__((sentinel));

#endif
