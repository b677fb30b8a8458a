/* The echoes that the provider is held against. Each runs as a process of its own and answers every
 * request with the request's own payload. */
#ifndef WASCC_KEYVALUE_BENCH_ECHO_H
#define WASCC_KEYVALUE_BENCH_ECHO_H

/* The floor: nats.c as an event loop on one thread, a synchronous subscription, all replies of one read in
 * one write. Runs until it is killed or its connection is gone. Returns an exit code after saying what went
 * wrong. */
int bench_echo_bare(const char *url, const char *subject);

/* The same, and it reads the first `headers` (1 or 2) of Wascc-Claims and Wascc-Invocation in each message:
 * what reading costs without looking at what was read. */
int bench_echo_reading(const char *url, const char *subject, unsigned headers);

/* What a user of nats.c gets without asking for anything: a callback subscription on a default connection.
 * Runs until it is killed. Returns an exit code after saying what went wrong. */
int bench_echo_default(const char *url, const char *subject);

#endif
