/* An invocation's way through the provider without NATS: the envelope, the policy, the operation, the
 * response. All in this process and on one thread. Whatever fails has said so on stderr.
 */
#ifndef WASCC_KEYVALUE_BENCH_LATTICE_INSIDE_H
#define WASCC_KEYVALUE_BENCH_LATTICE_INSIDE_H

#include <stdbool.h>
#include <stddef.h>

#include "lattice_invocation.h"

struct bench_inside;

/* Sets up what a worker has, with the parties' issuer and host trusted and their actor bound. Returns NULL
 * where it failed. */
struct bench_inside *bench_inside_create(const struct bench_lattice_parties *parties);

/* NULL is allowed. */
void bench_inside_destroy(struct bench_inside *inside);

/* What one invocation came to, in ns of this thread's processor time: medians over some handfuls of them. */
struct bench_inside_times {
    double verify_ns;     /* its verification alone */
    double whole_ns;      /* all the way through */
    double unverified_ns; /* the same with a verification that says yes at once */
};

/* Takes all of them through: a handful for each of the three in turn, so that all three see the same machine.
 * Returns false where one was refused. */
bool bench_inside_run(struct bench_inside *inside, const struct bench_invocation *invocations, size_t count,
                      struct bench_inside_times *times);

/* Only the third of them, for a profiler. */
bool bench_inside_run_unverified(struct bench_inside *inside, const struct bench_invocation *invocations,
                                 size_t count, struct bench_inside_times *times);

/* Verifies them and adds the time that takes this thread to *ns. Returns false where one does not hold. */
bool bench_verify(const struct bench_invocation *invocations, size_t count, double *ns);

#endif
