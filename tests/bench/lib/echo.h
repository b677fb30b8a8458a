/* The echoes that the provider is held against. Each runs as a process of its own and answers every
 * request with the request's own payload. */
#ifndef WASCC_KEYVALUE_BENCH_ECHO_H
#define WASCC_KEYVALUE_BENCH_ECHO_H

/* Runs until it is killed or its connection is gone. Returns an exit code after saying what went wrong.
 * Kinds: bare      the floor: nats.c as an event loop on one thread, a synchronous subscription, all replies
 * of one read in one write claims    the same, and it reads Wascc-Claims in each message: what reading costs
 * without looking at what was read both      Wascc-Claims and Wascc-Invocation default   what a user of
 * nats.c gets without asking for anything: a callback subscription on a default connection */
int bench_echo(const char *kind, const char *url, const char *subject);

#endif
